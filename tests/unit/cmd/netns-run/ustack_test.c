/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cmd/netns-run/ustack.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "cmd/netns-run/opts.h"

#define NET(name, plugin)                                                                          \
	"{\"cniVersion\":\"1.0.0\",\"name\":\"" name "\",\"plugins\":[" plugin "]}"

static void refused(const struct opts *o, const char *msg)
{
	struct nerr err = NERR_INIT;

	assert_int_equal(ustack_check(o, &err), -EINVAL);
	assert_string_equal(err.msg, msg);
}

static void options_that_fit(void **state)
{
	static const struct opts good[] = {
		{ .stack = NULL },
		{ .stack = "kernel" },
		{ .stack = "user" },
		{ .stack = "user", .mode = "full", .nic = "bridge" },
		{ .stack = "user",
		  .mode = "hybrid",
		  .nic = "macvtap:up0",
		  .ip = { { "10.0.0.1/24" }, 1 } },
		{ .stack = "user", .network = { { "net" }, 1 } },
		{ .stack = "user", .publish = { { "1:2" }, 1 } },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		struct nerr err = NERR_INIT;

		if (ustack_check(&good[i], &err) < 0)
			fail_msg("%zu: %s", i, err.msg);
	}
}

static void options_that_do_not(void **state)
{
	(void)state;
	refused(&(struct opts){ .stack = "User" },
		"option '--stack': 'User' is neither 'kernel' nor 'user'");
	refused(&(struct opts){ .mode = "full" }, "option '--mode' needs '--stack=user'");
	refused(&(struct opts){ .stack = "kernel", .nic = "bridge" },
		"option '--nic' needs '--stack=user'");
	refused(&(struct opts){ .stack = "user", .mode = "x" },
		"option '--mode': 'x' is neither 'hybrid' nor 'full'");
	refused(&(struct opts){ .stack = "user", .nic = "macvtap:" },
		"option '--nic': 'macvtap:' is neither 'bridge' nor 'macvtap:DEVICE'");
	refused(&(struct opts){ .stack = "user", .nic = "macvtap:e" },
		"option '--nic=macvtap:e' needs an address: '--ip=ADDRESS/LENGTH'");
	refused(&(struct opts){ .stack = "user", .network = { { "a", "b" }, 2 } },
		"option '--stack=user' needs exactly one network, not 2");
	refused(&(struct opts){ .stack = "user", .network = { { "none" }, 1 } },
		"option '--stack=user' needs a network, not 'none'");
}

/* A session on these networks, and whose stack it has. */
static int settle(struct session *s, const char *stack, const char *const *nets, struct nerr *err)
{
	const struct opts o = { .stack = stack };

	*s = (struct session){ .phase = SESSION_STARTING };
	for (; nets[s->n_nets]; s->n_nets++)
		assert_int_equal(cni_conflist_parse(nets[s->n_nets], strlen(nets[s->n_nets]),
						    &s->nets[s->n_nets].list, err),
				 0);
	return ustack_settle(s, &o, err);
}

#define BRIDGE NET("b", "{\"type\":\"bridge\"}")
#define USER   NET("u", "{\"type\":\"netstack\"}")

static void the_first_plugin_decides(void **state)
{
	static const struct {
		const char *net;
		bool is_user;
		enum attach_mode mode;
	} cases[] = {
		{ BRIDGE, false, ATTACH_HYBRID },
		{ USER, true, ATTACH_HYBRID },
		{ NET("u", "{\"type\":\"netstack\",\"mode\":\"full\"}"), true, ATTACH_FULL },
		{ NET("u", "{\"type\":\"netstack\",\"mode\":\"hybrid\"}"), true, ATTACH_HYBRID },
		{ NET("u", "{\"type\":\"netstack\",\"stack\":\"kernel\"}"), false, ATTACH_HYBRID },
		{ NET("u", "{\"type\":\"ptp\"},{\"type\":\"netstack\"}"), false, ATTACH_HYBRID },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		CLEANUP(session_done) struct session s;
		struct nerr err = NERR_INIT;

		if (settle(&s, NULL, (const char *[]){ cases[i].net, NULL }, &err) < 0)
			fail_msg("%s: %s", cases[i].net, err.msg);
		assert_int_equal(s.is_user, cases[i].is_user);
		assert_int_equal(s.mode, cases[i].mode);
	}
}

static void what_contradicts_is_refused(void **state)
{
	static const struct {
		const char *stack;
		const char *nets[3];
		const char *msg;
	} cases[] = {
		{ "user",
		  { BRIDGE },
		  "option '--stack=user' needs a network whose first plugin is 'netstack', not 'bridge' as that of network 'b'" },
		{ "kernel",
		  { USER },
		  "option '--stack=kernel': the plugin 'netstack' of network 'u' makes a user stack" },
		{ NULL,
		  { BRIDGE, USER },
		  "network 'u' with the plugin 'netstack' cannot be given with others" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		CLEANUP(session_done) struct session s;
		struct nerr err = NERR_INIT;

		assert_int_equal(settle(&s, cases[i].stack, cases[i].nets, &err), -EINVAL);
		assert_string_equal(err.msg, cases[i].msg);
	}
}

/* Nobody serves a namespace that the directory of sockets does not know: no filter is loaded. */
static void without_a_netstackd_nothing_is_entered(void **state)
{
	const struct session user = { .is_user = true };
	const struct session kernel = { .is_user = false };
	cleanup_close int ns = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	struct nerr err = NERR_INIT;

	(void)state;
	assert_true(ns >= 0);
	assert_int_equal(setenv("FAIRLEAD_RUN", "/nonexistent", 1), 0);
	assert_int_equal(ustack_enter(&kernel, ns, &err), 0);
	assert_int_equal(ustack_enter(&user, ns, &err), -ENOENT);
	assert_non_null(strstr(err.msg, "cannot put the command on the user stack: "));
	assert_true(socket(AF_INET, SOCK_STREAM, 0) >= 0); /* it is the kernel's still */
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(options_that_fit),
		cmocka_unit_test(options_that_do_not),
		cmocka_unit_test(the_first_plugin_decides),
		cmocka_unit_test(what_contradicts_is_refused),
		cmocka_unit_test(without_a_netstackd_nothing_is_entered),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
