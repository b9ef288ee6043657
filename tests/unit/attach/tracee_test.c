/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Descriptors, memory and rights of a process that waits in a call.
 */
#include "attach/tracee.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <linux/capability.h>
#include <linux/sched.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "tests/unit/attach/child.h"

static struct tracees *tracees;

static int setup(void **state)
{
	struct nerr err;

	(void)state;
	if (unshare(CLONE_NEWNET) < 0)
		fail_msg("cannot make a network namespace: this test needs root");
	if (tracees_new(&tracees, &err) < 0)
		fail_msg("%s", err.msg);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	tracees_free(tracees);
	tracees_free(NULL);
	return 0;
}

/* Shows something to the test, which looks at it meanwhile. */
static long show(long a, const void *b, long c)
{
	long r = syscall(SYS_connect, a, b, c);

	return r < 0 ? -errno : r;
}

/* --- descriptors --- */

static int with_pipe(int sock)
{
	int p[2];
	char what = 0;

	(void)sock;
	if (pipe(p) < 0 || show(p[1], NULL, 0) != 0)
		return 1;
	(void)close(p[1]);
	if (read(p[0], &what, 1) != 1 || what != 'm')
		return 2;
	return show(p[1], NULL, 0) == -EBADF ? 0 : 3;
}

static void test_getfd(void **state)
{
	struct child c;
	struct notify_call call;
	int fd;

	(void)state;
	child_start(&c, ATTACH_HYBRID, with_pipe);
	for (unsigned int i = 0; i < 2; i++) { /* the second time by the same handle */
		assert_true(child_call(&c, &call));
		fd = tracee_getfd(tracees, call.tid, (int)call.arg[0]);
		if (fd < 0) {
			assert_int_equal(fd, -EBADF);
			assert_int_equal(notify_return(&call, fd), 0);
			continue;
		}
		assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
		assert_int_equal(write(fd, "m", 1), 1);
		(void)close(fd);
		assert_int_equal(tracee_getfd(tracees, call.tid, -1), -EBADF);
		assert_int_equal(tracee_tgid(tracees, call.tid), c.pid);
		assert_int_equal(notify_return(&call, 0), 0);
	}
	assert_int_equal(child_join(&c), 0);
	/* It was waited for: its number is nobody's. */
	assert_int_equal(tracee_getfd(tracees, c.pid, 0), -ESRCH);
	assert_int_equal(tracee_getfd(tracees, c.pid, 0), -ESRCH);
	assert_int_equal(tracee_getfd(tracees, 0, 0), -ESRCH);
	assert_int_equal(tracee_tgid(tracees, c.pid), -ESRCH);
}

static void *in_thread(void *arg)
{
	int p[2];

	if (unshare(CLONE_FILES) < 0 || pipe(p) < 0)
		return arg;
	(void)show(p[1], NULL, 1);
	return read(p[0], p, 1) == 1 ? NULL : arg;
}

static int with_thread(int sock)
{
	pthread_t t;
	void *r = NULL;

	(void)sock;
	if (pthread_create(&t, NULL, in_thread, &r) != 0 || pthread_join(t, &r) != 0)
		return 1;
	return r ? 2 : 0;
}

/* A thread that has descriptors of its own. */
static void test_getfd_of_thread(void **state)
{
	struct child c;
	struct notify_call call;
	int fd;

	(void)state;
	child_start(&c, ATTACH_HYBRID, with_thread);
	assert_true(child_call(&c, &call));
	assert_int_not_equal(call.tid, c.pid);
	assert_int_equal(tracee_tgid(tracees, call.tid), c.pid);
	fd = tracee_getfd(tracees, call.tid, (int)call.arg[0]);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, "x", 1), 1);
	(void)close(fd);
	assert_int_equal(notify_return(&call, 0), 0);
	assert_int_equal(child_join(&c), 0);
}

/* Handles are few, tasks many. */
static void test_many_tasks(void **state)
{
	pid_t pid[300];
	int p[2];

	(void)state;
	assert_int_equal(pipe2(p, O_CLOEXEC), 0);
	for (unsigned int i = 0; i < ARRAY_SIZE(pid); i++) {
		pid[i] = fork();
		assert_true(pid[i] >= 0);
		if (pid[i] == 0) {
			(void)close(p[1]);
			_exit(read(p[0], &pid, 1) == 0 ? 0 : 1);
		}
	}
	for (unsigned int i = 0; i < 2 * ARRAY_SIZE(pid); i++) {
		int fd = tracee_getfd(tracees, pid[i % ARRAY_SIZE(pid)], p[0]);

		assert_true(fd >= 0);
		(void)close(fd);
	}
	(void)close(p[1]);
	for (unsigned int i = 0; i < ARRAY_SIZE(pid); i++)
		assert_int_equal(waitpid(pid[i], NULL, 0), pid[i]);
	(void)close(p[0]);
}

/* --- memory --- */

static int with_memory(int sock)
{
	long page = sysconf(_SC_PAGESIZE);
	char *two = mmap(NULL, (size_t)page * 2, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	(void)sock;
	if (two == MAP_FAILED || munmap(two + page, (size_t)page) < 0)
		return 1;
	memcpy(two + page - 8, "abcdefgh", 8);
	if (show(page, two + page - 8, 8) != 0 || memcmp(two + page - 8, "abCDefXY", 8) != 0)
		return 2;
	if (mprotect(two, (size_t)page, PROT_READ) < 0)
		return 3;
	return show(page, two + page - 8, 8) == 1 ? 0 : 4;
}

static void test_memory(void **state)
{
	struct child c;
	struct notify_call call;
	uint64_t at;
	char buf[16];
	struct iovec iov[3];

	(void)state;
	child_start(&c, ATTACH_HYBRID, with_memory);
	assert_true(child_call(&c, &call));
	at = call.arg[1];
	assert_int_equal(tracee_read(tracees, &call, at, buf, 8), 0);
	assert_memory_equal(buf, "abcdefgh", 8);
	assert_int_equal(tracee_read(tracees, &call, at, buf, 9), -EFAULT);
	assert_int_equal(tracee_read(tracees, &call, 0, buf, 1), -EFAULT);
	assert_int_equal(tracee_read(tracees, &call, 0, buf, 0), 0);
	assert_int_equal(tracee_read(tracees, &call, UINT64_MAX - 3, buf, 8), -EFAULT);
	assert_int_equal(tracee_read(tracees, &call, UINT64_C(1) << 63, buf, 8), -EFAULT);
	assert_int_equal(tracee_write(tracees, &call, at + 2, "CD", 2), 0);
	assert_int_equal(tracee_write(tracees, &call, at + 6, "XYZ", 3), -EFAULT);
	assert_int_equal(tracee_write(tracees, &call, 0, "X", 1), -EFAULT);

	/* Pieces, of which the last is not there. */
	iov[0] = (struct iovec){ .iov_base = (void *)(uintptr_t)(at + 4), .iov_len = 2 };
	iov[1] = (struct iovec){ .iov_base = NULL, .iov_len = 0 };
	iov[2] = (struct iovec){ .iov_base = (void *)(uintptr_t)at, .iov_len = 2 };
	assert_int_equal(tracee_readv(tracees, &call, iov, 3, buf, 16), 4);
	assert_memory_equal(buf, "efab", 4);
	assert_int_equal(tracee_readv(tracees, &call, iov, 3, buf, 3), 3);
	iov[1].iov_len = 5;
	assert_int_equal(tracee_readv(tracees, &call, iov, 3, buf, 16), 2);
	assert_int_equal(tracee_readv(tracees, &call, iov + 1, 2, buf, 16), -EFAULT);
	assert_int_equal(tracee_readv(tracees, &call, iov, 1025, buf, 16), -EINVAL);
	iov[1].iov_len = 0;
	assert_int_equal(tracee_writev(tracees, &call, iov, 3, "efab", 4), 4);
	assert_int_equal(notify_return(&call, 0), 0);

	assert_true(child_call(&c, &call));
	assert_int_equal(tracee_write(tracees, &call, at, "n", 1), -EFAULT);
	assert_int_equal(notify_return(&call, 1), 0);
	assert_int_equal(child_join(&c), 0);
	assert_int_equal(tracee_read(tracees, &call, at, buf, 8), -ESRCH);
}

/* --- rights --- */

static int root(int sock)
{
	(void)sock;
	return show(0, NULL, 0) == 0 ? 0 : 1;
}

static int nobody(int sock)
{
	if (syscall(SYS_setgid, 65534) < 0 || syscall(SYS_setuid, 65534) < 0)
		return 1;
	return root(sock);
}

static int own_user_ns(int sock)
{
	return unshare(CLONE_NEWUSER) == 0 ? root(sock) : 1;
}

static int own_net(int sock)
{
	return unshare(CLONE_NEWNET) == 0 ? root(sock) : 1;
}

static bool is_capable(int (*fn)(int sock), int cap)
{
	struct child c;
	struct notify_call call;
	bool yes;
	int fd;

	child_start(&c, ATTACH_HYBRID, fn);
	assert_true(child_call(&c, &call));
	yes = tracee_capable(tracees, &call, cap);
	/* We can serve all of them. */
	fd = tracee_getfd(tracees, call.tid, 0);
	assert_true(fd >= 0);
	(void)close(fd);
	assert_int_equal(notify_return(&call, 0), 0);
	assert_int_equal(child_join(&c), 0);
	return yes;
}

static void test_capable(void **state)
{
	(void)state;
	assert_true(is_capable(root, CAP_NET_BIND_SERVICE));
	assert_true(is_capable(root, CAP_NET_RAW));
	assert_false(is_capable(nobody, CAP_NET_BIND_SERVICE));
	assert_false(is_capable(own_user_ns, CAP_NET_BIND_SERVICE));
}

/* Of the group 7 and, beside it, of 5 and 1500. */
static int grouped(int sock)
{
	const gid_t more[] = { 5, 1500 };

	return setgroups(2, more) == 0 && setegid(7) == 0 ? root(sock) : 1;
}

static void test_in_groups(void **state)
{
	struct child c;
	struct notify_call call;

	(void)state;
	child_start(&c, ATTACH_HYBRID, grouped);
	assert_true(child_call(&c, &call));
	assert_true(tracee_in_groups(tracees, &call, 7, 7));
	assert_true(tracee_in_groups(tracees, &call, 0, UINT32_MAX));
	assert_true(tracee_in_groups(tracees, &call, 1000, 1500));
	assert_true(tracee_in_groups(tracees, &call, 5, 6));
	assert_false(tracee_in_groups(tracees, &call, 0, 4));
	assert_false(tracee_in_groups(tracees, &call, 8, 1499));
	assert_false(tracee_in_groups(tracees, &call, 1501, UINT32_MAX));
	assert_int_equal(notify_return(&call, 0), 0);
	assert_false(tracee_in_groups(tracees, &call, 7, 7)); /* it does not wait any more */
	assert_int_equal(child_join(&c), 0);
}

static bool is_elsewhere(int (*fn)(int sock))
{
	struct child c;
	struct notify_call call;
	bool yes;

	child_start(&c, ATTACH_HYBRID, fn);
	assert_true(child_call(&c, &call));
	yes = tracee_is_elsewhere(tracees, call.tid);
	assert_int_equal(notify_return(&call, 0), 0);
	assert_int_equal(child_join(&c), 0);
	assert_false(tracee_is_elsewhere(tracees, c.pid)); /* nobody's */
	return yes;
}

static void test_elsewhere(void **state)
{
	(void)state;
	assert_false(is_elsewhere(root));
	assert_false(is_elsewhere(own_user_ns));
	assert_true(is_elsewhere(own_net));
}

/* --- a number that is another task's now --- */

static char secret[8] = "secret";

/* A process of ours that has that number, and waits. */
static pid_t start_as(pid_t pid, int *ret_go)
{
	struct clone_args args = {
		.exit_signal = SIGCHLD,
		.set_tid = (uint64_t)(uintptr_t)&pid,
		.set_tid_size = 1,
	};
	int p[2];
	long r;
	char c;

	assert_int_equal(pipe2(p, O_CLOEXEC), 0);
	r = syscall(SYS_clone3, &args, sizeof(args));
	if (r == 0) {
		(void)close(p[1]);
		_exit(read(p[0], &c, 1) == 0 && strcmp(secret, "secret") == 0 ? 0 : 1);
	}
	(void)close(p[0]);
	*ret_go = p[1];
	return (pid_t)r;
}

/* The task of a call was killed, and its number given away: nothing of the other one is read or
 * written, and its rights are not those of the call.
 */
static void test_reused_number(void **state)
{
	struct iovec iov = { .iov_base = secret, .iov_len = sizeof(secret) };
	struct child c;
	struct notify_call call;
	char buf[8] = "";
	int go = -1;
	int status = -1;
	pid_t pid;

	(void)state;
	child_start(&c, ATTACH_HYBRID, root);
	assert_true(child_call(&c, &call));
	assert_int_equal(kill(c.pid, SIGKILL), 0);
	assert_int_equal(child_wait(&c), -SIGKILL);
	pid = start_as(call.tid, &go);
	assert_int_equal(pid, call.tid);

	assert_int_equal(tracee_read(tracees, &call, (uintptr_t)secret, buf, 8), -ESRCH);
	assert_int_equal(tracee_readv(tracees, &call, &iov, 1, buf, 8), -ESRCH);
	assert_int_equal(tracee_write(tracees, &call, (uintptr_t)secret, "stolen", 7), -ESRCH);
	assert_int_equal(tracee_writev(tracees, &call, &iov, 1, "stolen", 7), -ESRCH);
	assert_false(tracee_capable(tracees, &call, CAP_NET_RAW));
	(void)close(go);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0); /* it has seen nothing of it */
	child_done(&c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_getfd),      cmocka_unit_test(test_getfd_of_thread),
		cmocka_unit_test(test_many_tasks), cmocka_unit_test(test_memory),
		cmocka_unit_test(test_capable),    cmocka_unit_test(test_in_groups),
		cmocka_unit_test(test_elsewhere),  cmocka_unit_test(test_reused_number),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
