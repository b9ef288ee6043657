/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * A process that has given up system calls.
 */
#include "sandbox/allow.h"

#include <errno.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/error.h"

static const int calls[] = {
	__NR_exit_group,
	__NR_exit,
	__NR_clone,
	__NR_wait4,
	__NR_mmap,
	__NR_munmap,
	__NR_read,
	__NR_getpid,
	__NR_write,
	__NR_mprotect,
	/* a sanitizer's, before whatever does not return */
	__NR_sigaltstack,
	__NR_gettid,
};

/* In the process: what is not true is its exit status. */
#define check(cond)                                                                                \
	do {                                                                                       \
		if (!(cond))                                                                       \
			_exit(__LINE__ & 0x7f);                                                    \
	} while (0)

static int run(void (*fn)(void))
{
	struct nerr err = NERR_INIT;
	int status = -1;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		check(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
		check(allow_only(calls, ARRAY_SIZE(calls), &err) == 0);
		fn();
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return status;
}

static void allowed(void)
{
	check(syscall(SYS_getpid) > 0);
	check(syscall(SYS_getppid) == -1 && errno == EPERM);
	check(syscall(SYS_socket, 1, 1, 0) == -1 && errno == EPERM);
	check(syscall(SYS_clone3, NULL, 0) == -1 && errno == ENOSYS);
}

static void code(void)
{
	const size_t len = 1 << 16;
	void *p = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	check(p != MAP_FAILED);
	check(mprotect(p, len, PROT_READ) == 0);
	check(mprotect(p, len, PROT_READ | PROT_EXEC) == -1 && errno == EPERM);
	check(mmap(NULL, len, PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED);
	check(errno == EPERM);
}

static void namespaces(void)
{
	static const unsigned long flags[] = { CLONE_NEWUSER,   CLONE_NEWNET,
					       CLONE_NEWNS,     CLONE_NEWPID,
					       CLONE_NEWCGROUP, CLONE_NEWUSER | SIGCHLD };
	long pid;

	for (size_t i = 0; i < ARRAY_SIZE(flags); i++)
		check(syscall(SYS_clone, flags[i], 0, 0, 0, 0) == -1 && errno == EPERM);
	pid = syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);
	if (pid == 0)
		_exit(0);
	check(pid > 0);
}

static void executes(void)
{
	(void)syscall(SYS_execve, "/bin/true", NULL, NULL);
}

static void traces(void)
{
	(void)syscall(SYS_ptrace, 0, 0, 0, 0);
}

static void test_allowed(void **state)
{
	(void)state;
	assert_int_equal(run(allowed), 0);
	assert_int_equal(run(code), 0);
	assert_int_equal(run(namespaces), 0);
}

static void test_deadly(void **state)
{
	int status;

	(void)state;
	status = run(executes);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS);
	status = run(traces);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_allowed),
		cmocka_unit_test(test_deadly),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
