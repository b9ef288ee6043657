/* SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "attach/rules.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <linux/sockios.h>

#include <cmocka.h>

static bool holds(const struct attach_cond *c, const uint64_t *arg)
{
	bool is_equal = (arg[c->arg] & c->mask) == c->value;

	return is_equal != c->is_not;
}

/* The action for a call; -1 when there is no rule.  There is never more than one. */
static int action_of(enum attach_mode mode, const char *call, const uint64_t *arg)
{
	size_t n;
	const struct attach_rule *r = attach_rules(&n);
	int found = -1;

	for (const struct attach_rule *end = r + n; r < end; r++) {
		bool all = (r->modes & (1 << mode)) && strcmp(r->call, call) == 0;

		for (unsigned int i = 0; all && i < r->n_conds; i++)
			all = holds(&r->cond[i], arg);
		if (!all)
			continue;
		if (found != -1)
			fail_msg("two rules of %s for (%#lx, %#lx, %#lx)", call, (long)arg[0],
				 (long)arg[1], (long)arg[2]);
		found = r->action;
	}
	return found;
}

static int action3(enum attach_mode mode, const char *call, uint64_t a, uint64_t b, uint64_t c)
{
	const uint64_t arg[6] = { a, b, c };

	return action_of(mode, call, arg);
}

static void test_socket(void **state)
{
	(void)state;
	for (uint64_t family = 0; family < 64; family++) {
		for (uint64_t type = 0; type < 16; type++) {
			bool inet = family == AF_INET || family == AF_INET6;
			uint64_t t = type | SOCK_CLOEXEC | SOCK_NONBLOCK;
			int hybrid = inet && type == SOCK_STREAM ? ATTACH_NOTIFY : ATTACH_ALLOW;
			int full = inet && type == SOCK_DGRAM ? ATTACH_NOTIFY : hybrid;

			if (family == AF_VSOCK || family == 56) /* the profile's matter */
				hybrid = full = -1;
			if (family == AF_SMC) /* TCP of the kernel by another name */
				hybrid = full = ATTACH_ERRNO;
			assert_int_equal(action3(ATTACH_HYBRID, "socket", family, type, 0), hybrid);
			assert_int_equal(action3(ATTACH_FULL, "socket", family, t, 262), full);
		}
	}
	/* What the kernel does not look at makes no difference. */
	assert_int_equal(action3(ATTACH_HYBRID, "socket", AF_INET | UINT64_C(1) << 40,
				 SOCK_STREAM | UINT64_C(1) << 63, 0),
			 ATTACH_NOTIFY);
}

static void test_ioctl(void **state)
{
	(void)state;
	for (uint64_t cmd = 0; cmd < 0x10000; cmd++) {
		const bool is_ours = cmd == SIOCOUTQ || cmd == SIOCOUTQNSD || cmd >> 4 == 0x891;
		const int want = is_ours ? ATTACH_NOTIFY : ATTACH_ALLOW;

		assert_int_equal(action3(ATTACH_HYBRID, "ioctl", 3, cmd, 0), want);
		assert_int_equal(action3(ATTACH_FULL, "ioctl", 3, cmd | 0x80040000, 0), want);
	}
}

static void test_data(void **state)
{
	static const uint64_t flags[] = { 0,
					  MSG_DONTWAIT,
					  MSG_OOB,
					  MSG_ERRQUEUE,
					  MSG_FASTOPEN,
					  MSG_ERRQUEUE | MSG_FASTOPEN | MSG_PEEK,
					  UINT64_MAX };

	(void)state;
	for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
		int send = flags[i] & (MSG_FASTOPEN | MSG_OOB) ? ATTACH_NOTIFY : ATTACH_ALLOW;
		int errqueue = flags[i] & MSG_ERRQUEUE ? ATTACH_NOTIFY : ATTACH_ALLOW;
		const uint64_t plain[6] = { 3, 0x1000, 5, flags[i], 0, 16 };
		const uint64_t named[6] = { 3, 0x1000, 5, flags[i], UINT64_C(1) << 32, 16 };

		for (unsigned int m = 0; m < ATTACH_MODES; m++) {
			assert_int_equal(action_of(m, "sendto", plain), send);
			assert_int_equal(action_of(m, "recvfrom", plain), errqueue);
			assert_int_equal(action_of(m, "sendto", named), ATTACH_NOTIFY);
			assert_int_equal(action_of(m, "recvfrom", named), ATTACH_NOTIFY);
		}
		assert_int_equal(action3(ATTACH_HYBRID, "sendmsg", 3, 0x1000, flags[i]), send);
		assert_int_equal(action3(ATTACH_HYBRID, "recvmsg", 3, 0x1000, flags[i]), errqueue);
		assert_int_equal(action3(ATTACH_FULL, "sendmsg", 3, 0x1000, flags[i]),
				 ATTACH_NOTIFY);
		assert_int_equal(action3(ATTACH_FULL, "recvmsg", 3, 0x1000, flags[i]),
				 ATTACH_NOTIFY);
	}
}

static void test_others(void **state)
{
	static const char *const always[] = { "bind",        "listen",     "connect",
					      "accept",      "accept4",    "getsockname",
					      "getpeername", "setsockopt", "getsockopt",
					      "shutdown" };
	size_t n;
	const struct attach_rule *r = attach_rules(&n);

	(void)state;
	for (unsigned int m = 0; m < ATTACH_MODES; m++) {
		for (size_t i = 0; i < sizeof(always) / sizeof(always[0]); i++)
			assert_int_equal(action3(m, always[i], 3, 0, 0), ATTACH_NOTIFY);
		assert_int_equal(action3(m, "io_uring_setup", 3, 0, 0), ATTACH_ERRNO);
		assert_int_equal(action3(m, "write", 3, 0, 0), -1);
		assert_int_equal(action3(m, "close", 3, 0, 0), -1);
	}
	for (size_t i = 0; i < n; i++) {
		const int error = strcmp(r[i].call, "socket") == 0 ? EAFNOSUPPORT : ENOSYS;

		assert_int_equal(r[i].error, r[i].action == ATTACH_ERRNO ? error : 0);
		assert_true(r[i].n_conds <= ATTACH_CONDS_MAX);
		for (unsigned int k = 0; k < r[i].n_conds; k++)
			assert_int_equal(r[i].cond[k].value & ~r[i].cond[k].mask, 0);
	}
}

static void test_mode_names(void **state)
{
	enum attach_mode m = ATTACH_MODES;

	(void)state;
	for (unsigned int i = 0; i < ATTACH_MODES; i++) {
		assert_int_equal(attach_mode_parse(attach_mode_str(i), &m), 0);
		assert_int_equal(m, i);
	}
	assert_int_equal(attach_mode_parse("", &m), -EINVAL);
	assert_int_equal(attach_mode_parse("fully", &m), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_socket),     cmocka_unit_test(test_ioctl),
		cmocka_unit_test(test_data),       cmocka_unit_test(test_others),
		cmocka_unit_test(test_mode_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
