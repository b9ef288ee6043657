/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Real processes under the real filter: which calls come, and what the rest return.
 */
#include "attach/filter.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <linux/sockios.h>

#include <seccomp.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "tests/unit/attach/child.h"

#define ANSWER 4242

static void test_check(void **state)
{
	struct nerr err = NERR_INIT;

	(void)state;
	if (attach_filter_check(&err) < 0)
		fail_msg("%s", err.msg);
}

/* Answers all calls with ANSWER, then joins. */
static int answered(enum attach_mode mode, int (*fn)(int sock), unsigned int *ret_calls)
{
	struct child c;
	struct notify_call call;
	int status;

	child_start(&c, mode, fn);
	while (child_call(&c, &call))
		assert_int_equal(notify_return(&call, ANSWER), 0);
	status = child_wait(&c);
	*ret_calls = c.n_calls;
	child_done(&c);
	return status;
}

/* Return value of a child that saw something else. */
#define MUST(x)                                                                                    \
	do {                                                                                       \
		if (!(x)) {                                                                        \
			(void)dprintf(STDERR_FILENO, "%s:%d: %s\n", __FILE__, __LINE__, #x);       \
			return 1;                                                                  \
		}                                                                                  \
	} while (0)

static long raw(long nr, long a, long b, long c, long d, long e, long f)
{
	long r = syscall(nr, a, b, c, d, e, f);

	return r < 0 ? -errno : r;
}

static int notified_in_both(int sock)
{
	MUST(raw(SYS_socket, AF_INET, SOCK_STREAM, 0, 0, 0, 0) == ANSWER);
	MUST(raw(SYS_socket, AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0, 0, 0, 0) == ANSWER);
	MUST(raw(SYS_socket, AF_INET | 1L << 40, SOCK_STREAM, 262, 0, 0, 0) == ANSWER);
	MUST(raw(SYS_bind, sock, 0, 0, 0, 0, 0) == ANSWER);
	MUST(raw(SYS_listen, sock, 0, 0, 0, 0, 0) == ANSWER);
	MUST(raw(SYS_connect, sock, 0, 0, 0, 0, 0) == ANSWER);
	MUST(raw(SYS_accept, sock, 0, 0, 0, 0, 0) == ANSWER);
	MUST(raw(SYS_accept4, sock, 0, 0, 0, 0, 0) == ANSWER);
	MUST(raw(SYS_getsockname, sock, 0, 0, 0, 0, 0) == ANSWER);
	MUST(raw(SYS_getpeername, sock, 0, 0, 0, 0, 0) == ANSWER);
	MUST(raw(SYS_setsockopt, sock, 0, 0, 0, 0, 0) == ANSWER);
	MUST(raw(SYS_getsockopt, sock, 0, 0, 0, 0, 0) == ANSWER);
	MUST(raw(SYS_shutdown, sock, 0, 0, 0, 0, 0) == ANSWER);
	MUST(raw(SYS_sendto, sock, 0, 0, 0, 16, 0) == ANSWER);
	MUST(raw(SYS_sendto, sock, 0, 0, 0, 1L << 32, 0) == ANSWER);
	MUST(raw(SYS_sendto, sock, 0, 0, MSG_FASTOPEN | MSG_DONTWAIT, 0, 0) == ANSWER);
	MUST(raw(SYS_sendto, sock, 0, 0, MSG_OOB, 0, 0) == ANSWER);
	MUST(raw(SYS_sendmsg, sock, 0, MSG_OOB | MSG_NOSIGNAL, 0, 0, 0) == ANSWER);
	MUST(raw(SYS_recvfrom, sock, 0, 0, 0, 16, 0) == ANSWER);
	MUST(raw(SYS_recvfrom, sock, 0, 0, MSG_ERRQUEUE, 0, 0) == ANSWER);
	MUST(raw(SYS_recvmsg, sock, 0, MSG_ERRQUEUE, 0, 0, 0) == ANSWER);
	MUST(raw(SYS_sendmsg, sock, 0, MSG_FASTOPEN, 0, 0, 0) == ANSWER);
	MUST(raw(SYS_ioctl, sock, SIOCOUTQ, 0, 0, 0, 0) == ANSWER);
	MUST(raw(SYS_ioctl, sock, SIOCOUTQNSD, 0, 0, 0, 0) == ANSWER);
	return 0;
}

static void test_notified(void **state)
{
	unsigned int n;

	(void)state;
	assert_int_equal(answered(ATTACH_HYBRID, notified_in_both, &n), 0);
	assert_int_equal(n, 24);
	assert_int_equal(answered(ATTACH_FULL, notified_in_both, &n), 0);
	assert_int_equal(n, 24);
}

/* The kernel's own, in both modes. */
static int kernels_own(int sock)
{
	int sv[2];
	int n = -1;
	char c;

	MUST(raw(SYS_socket, AF_UNIX, SOCK_STREAM, 0, 0, 0, 0) > 2);
	MUST(raw(SYS_socket, AF_UNIX, SOCK_DGRAM, 0, 0, 0, 0) > 2);
	MUST(raw(SYS_socket, AF_NETLINK, SOCK_RAW, 0, 0, 0, 0) > 2);
	MUST(raw(SYS_socket, AF_NETLINK, SOCK_DGRAM, 0, 0, 0, 0) > 2);
	MUST(raw(SYS_socket, 62, SOCK_STREAM, 0, 0, 0, 0) == -EAFNOSUPPORT);
	MUST(raw(SYS_socket, AF_INET, 15, 0, 0, 0, 0) == -EINVAL);
	MUST(socketpair(AF_UNIX, SOCK_STREAM, 0, sv) == 0);
	MUST(send(sv[0], "ab", 2, 0) == 2);
	MUST(ioctl(sv[1], FIONREAD, &n) == 0 && n == 2);
	MUST(recv(sv[1], &c, 1, 0) == 1 && c == 'a');
	MUST(recv(sv[1], &c, 1, MSG_DONTWAIT) == 1 && c == 'b');
	MUST(recv(sv[1], &c, 1, MSG_DONTWAIT) == -1 && errno == EAGAIN);
	MUST(ioctl(sv[1], FIONBIO, &n) == 0);
	MUST(fcntl(sock, F_GETFD) >= 0);
	return 0;
}

static int kernels_own_in_hybrid(int sock)
{
	struct iovec iov = { .iov_base = &(char){ 0 }, .iov_len = 1 };
	struct mmsghdr m = { .msg_hdr = { .msg_iov = &iov, .msg_iovlen = 1 } };
	int sv[2];

	MUST(kernels_own(sock) == 0);
	MUST(raw(SYS_socket, AF_INET, SOCK_DGRAM, 0, 0, 0, 0) > 2);
	MUST(raw(SYS_socket, AF_INET6, SOCK_DGRAM, 0, 0, 0, 0) > 2);
	MUST(socketpair(AF_UNIX, SOCK_STREAM, 0, sv) == 0);
	MUST(sendmsg(sv[0], &m.msg_hdr, 0) == 1);
	MUST(recvmsg(sv[1], &m.msg_hdr, 0) == 1);
	MUST(sendmmsg(sv[0], &m, 1, 0) == 1);
	MUST(recvmmsg(sv[1], &m, 1, 0, NULL) == 1);
	return 0;
}

static int notified_in_full(int sock)
{
	MUST(kernels_own(sock) == 0);
	MUST(raw(SYS_socket, AF_INET, SOCK_DGRAM, 0, 0, 0, 0) == ANSWER);
	MUST(raw(SYS_socket, AF_INET6, SOCK_DGRAM, IPPROTO_ICMPV6, 0, 0, 0) == ANSWER);
	MUST(raw(SYS_sendmsg, sock, 0, 0, 0, 0, 0) == ANSWER);
	MUST(raw(SYS_recvmsg, sock, 0, 0, 0, 0, 0) == ANSWER);
	MUST(raw(SYS_sendmmsg, sock, 0, 0, 0, 0, 0) == ANSWER);
	MUST(raw(SYS_recvmmsg, sock, 0, 0, 0, 0, 0) == ANSWER);
	return 0;
}

static void test_not_notified(void **state)
{
	unsigned int n;

	(void)state;
	assert_int_equal(answered(ATTACH_HYBRID, kernels_own_in_hybrid, &n), 0);
	assert_int_equal(n, 0);
	assert_int_equal(answered(ATTACH_FULL, notified_in_full, &n), 0);
	assert_int_equal(n, 6);
}

/* --- as a part of a profile --- */

static int add_to(scmp_filter_ctx ctx, const struct attach_rule *r)
{
	struct scmp_arg_cmp cmp[ATTACH_CONDS_MAX];
	uint32_t action = r->action == ATTACH_NOTIFY ? SCMP_ACT_NOTIFY : SCMP_ACT_ALLOW;

	for (unsigned int i = 0; i < r->n_conds; i++) {
		const struct attach_cond *c = &r->cond[i];

		cmp[i] = c->is_not ? SCMP_CMP64(c->arg, SCMP_CMP_NE, c->value, 0)
				   : SCMP_CMP64(c->arg, SCMP_CMP_MASKED_EQ, c->mask, c->value);
	}
	return seccomp_rule_add_array(ctx, action, seccomp_syscall_resolve_name(r->call),
				      r->n_conds, cmp);
}

static bool is_ours(int nr, enum attach_mode mode)
{
	size_t n;
	const struct attach_rule *r = attach_rules(&n);

	for (size_t i = 0; i < n; i++) {
		if ((r[i].modes & (1 << mode)) && seccomp_syscall_resolve_name(r[i].call) == nr)
			return true;
	}
	return false;
}

/* As the runtimes of containers do it: a profile that refuses what it does not name, and names
 * all calls but ours.  The listener is closed: what is notified fails with ENOSYS.
 */
static int load_profile(enum attach_mode mode)
{
	scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_ERRNO(EPERM));
	size_t n;
	const struct attach_rule *r = attach_rules(&n);

	MUST(ctx);
	for (int nr = 0; nr < 450; nr++)
		MUST(is_ours(nr, mode) || seccomp_rule_add(ctx, SCMP_ACT_ALLOW, nr, 0) == 0);
	for (size_t i = 0; i < n; i++) {
		if ((r[i].modes & (1 << mode)) && r[i].action != ATTACH_ERRNO)
			MUST(add_to(ctx, &r[i]) == 0);
	}
	MUST(seccomp_load(ctx) == 0);
	MUST(close(seccomp_notify_fd(ctx)) == 0);
	return 0;
}

static int profile_in_hybrid(int sock)
{
	MUST(load_profile(ATTACH_HYBRID) == 0);
	MUST(kernels_own_in_hybrid(sock) == 0);
	MUST(raw(SYS_socket, AF_VSOCK, SOCK_STREAM, 0, 0, 0, 0) == -EPERM);
	MUST(raw(SYS_socket, AF_INET, SOCK_STREAM, 0, 0, 0, 0) == -ENOSYS);
	MUST(raw(SYS_ioctl, sock, SIOCOUTQNSD, 0, 0, 0, 0) == -ENOSYS);
	MUST(raw(SYS_sendmsg, sock, 0, MSG_FASTOPEN, 0, 0, 0) == -ENOSYS);
	return 0;
}

static int profile_in_full(int sock)
{
	MUST(load_profile(ATTACH_FULL) == 0);
	MUST(kernels_own(sock) == 0);
	MUST(raw(SYS_socket, AF_VSOCK, SOCK_STREAM, 0, 0, 0, 0) == -EPERM);
	MUST(raw(SYS_socket, AF_INET, SOCK_DGRAM, 0, 0, 0, 0) == -ENOSYS);
	MUST(raw(SYS_recvmmsg, sock, 0, 0, 0, 0, 0) == -ENOSYS);
	return 0;
}

static int in_profile(int (*fn)(int sock))
{
	pid_t pid = fork();
	int st = 0;

	assert_true(pid >= 0);
	if (pid == 0)
		_exit(fn(socket(AF_UNIX, SOCK_STREAM, 0)));
	assert_int_equal(waitpid(pid, &st, 0), pid);
	return WIFEXITED(st) ? WEXITSTATUS(st) : -WTERMSIG(st);
}

static void test_profile(void **state)
{
	(void)state;
	assert_int_equal(in_profile(profile_in_hybrid), 0);
	assert_int_equal(in_profile(profile_in_full), 0);
}

/* Ways around. */
static int refused(int sock)
{
	(void)sock;
	MUST(raw(SYS_io_uring_setup, 8, 0, 0, 0, 0, 0) == -ENOSYS);
#ifdef __x86_64__
	MUST(raw(0x40000000 | SYS_socket, AF_INET, SOCK_STREAM, 0, 0, 0, 0) == -ENOSYS);
	MUST(raw(0x40000000 | SYS_getpid, 0, 0, 0, 0, 0, 0) == -ENOSYS);
	{
		long r = 359; /* socket() of i386 */

		__asm__ volatile("int $0x80"
				 : "+a"(r)
				 : "b"((long)AF_INET), "c"((long)SOCK_STREAM), "d"(0L)
				 : "memory");
		MUST((int)r == -ENOSYS);
	}
#endif
	return 0;
}

static void test_refused(void **state)
{
	unsigned int n;

	(void)state;
	assert_int_equal(answered(ATTACH_HYBRID, refused, &n), 0);
	assert_int_equal(n, 0);
	assert_int_equal(answered(ATTACH_FULL, refused, &n), 0);
	assert_int_equal(n, 0);
}

static int privileges(int sock)
{
	(void)sock;
	MUST(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 0);
	return 0;
}

/* Programs that gain rights by being executed still do, when we are root. */
static void test_no_new_privs(void **state)
{
	unsigned int n;

	(void)state;
	assert_int_equal(answered(ATTACH_HYBRID, privileges, &n), 0);
}

/* ... and without CAP_SYS_ADMIN there is a filter all the same. */
static void test_unprivileged(void **state)
{
	pid_t pid = fork();
	int st = 0;

	(void)state;
	if (pid == 0) {
		struct nerr err = NERR_INIT;
		int listener = -1;

		if (setgid(65534) < 0 || setuid(65534) < 0)
			_exit(2);
		if (attach_filter_load(ATTACH_HYBRID, &listener, &err) < 0)
			_exit(3);
		_exit(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1 ? 0 : 4);
	}
	assert_int_equal(waitpid(pid, &st, 0), pid);
	assert_true(WIFEXITED(st));
	assert_int_equal(WEXITSTATUS(st), 0);
}

static int nested(int sock)
{
	struct nerr err = NERR_INIT;
	int listener = -1;

	(void)sock;
	MUST(attach_filter_load(ATTACH_HYBRID, &listener, &err) == -EBUSY);
	MUST(listener == -1);
	MUST(strstr(err.msg, "already"));
	return 0;
}

static void test_nested(void **state)
{
	unsigned int n;

	(void)state;
	assert_int_equal(answered(ATTACH_HYBRID, nested, &n), 0);
}

/* The child ends before it has handed anything on. */
static void test_child_dies(void **state)
{
	struct nerr err = NERR_INIT;
	int listener = -1;
	int sv[2];
	pid_t pid;

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sv), 0);
	pid = fork();
	if (pid == 0)
		_exit(0);
	(void)close(sv[1]);
	assert_int_equal(attach_filter_recv(pid, sv[0], &listener, &err), -EPIPE);
	assert_int_equal(listener, -1);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	(void)close(sv[0]);
}

/* The child is told when it named no descriptor of its own. */
static void test_bad_number(void **state)
{
	struct nerr err = NERR_INIT;
	int listener = -1;
	int st = 0;
	int sv[2];
	pid_t pid;

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sv), 0);
	pid = fork();
	if (pid == 0) {
		(void)close(sv[0]);
		_exit(attach_filter_send(sv[1], 1000000, &err) == -EBADF ? 0 : 1);
	}
	(void)close(sv[1]);
	assert_int_equal(attach_filter_recv(pid, sv[0], &listener, &err), -EBADF);
	assert_int_equal(waitpid(pid, &st, 0), pid);
	assert_int_equal(st, 0);
	(void)close(sv[0]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_check),        cmocka_unit_test(test_notified),
		cmocka_unit_test(test_not_notified), cmocka_unit_test(test_profile),
		cmocka_unit_test(test_refused),      cmocka_unit_test(test_no_new_privs),
		cmocka_unit_test(test_unprivileged), cmocka_unit_test(test_nested),
		cmocka_unit_test(test_child_dies),   cmocka_unit_test(test_bad_number),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
