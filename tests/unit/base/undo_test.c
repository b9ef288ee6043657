/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/undo.h"

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cleanup.h"

static char done[UNDO_MAX + 1];
static char name[] = "abcdefghijklmnop";

_Static_assert(sizeof(name) == UNDO_MAX + 1, "a name for each step");

/* Note in done[] that the step of this name was undone. */
static void undo_note(void *arg)
{
	const size_t n = strlen(done);

	done[n] = *(char *)arg;
	done[n + 1] = '\0';
	errno = EBADF;
}

static int nothing_done(void **state)
{
	(void)state;
	done[0] = '\0';
	return 0;
}

static void try_steps(unsigned n, int commit)
{
	CLEANUP(undo_run) struct undo undo = UNDO_INIT;

	for (unsigned i = 0; i < n; i++)
		undo_push(&undo, undo_note, &name[i]);
	assert_string_equal(done, "");
	if (commit)
		undo_commit(&undo);
}

static void steps_run_in_reverse_unless_committed(void **state)
{
	(void)state;
	try_steps(3, 0);
	assert_string_equal(done, "cba");
	done[0] = '\0';
	try_steps(3, 1);
	assert_string_equal(done, "");
	try_steps(0, 0);
	assert_string_equal(done, "");
}

static void there_is_room_for_all(void **state)
{
	(void)state;
	try_steps(UNDO_MAX, 0);
	assert_string_equal(done, "ponmlkjihgfedcba");
}

static void each_step_runs_once(void **state)
{
	struct undo undo = UNDO_INIT;

	(void)state;
	undo_push(&undo, undo_note, &name[0]);
	undo_run(&undo);
	undo_run(&undo);
	assert_string_equal(done, "a");
	undo_push(&undo, undo_note, &name[1]);
	undo_run(&undo);
	assert_string_equal(done, "ab");
}

static void errno_is_kept(void **state)
{
	struct undo undo = UNDO_INIT;

	(void)state;
	undo_push(&undo, undo_note, &name[0]);
	errno = ENOSPC;
	undo_run(&undo);
	assert_int_equal(errno, ENOSPC);
}

/* One step too many is our own mistake: it must not go unseen. */
static void too_many_steps_abort(void **state)
{
	pid_t pid = fork();
	int status;

	(void)state;
	assert_true(pid >= 0);
	if (pid == 0) {
		const struct rlimit no_core = { 0, 0 };

		(void)setrlimit(RLIMIT_CORE, &no_core); /* else a file is left behind, no more */
		(void)signal(SIGABRT, SIG_DFL);         /* cmocka may have caught it */
		(void)close(STDERR_FILENO);             /* the message is expected */
		try_steps(UNDO_MAX + 1, 1);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGABRT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(steps_run_in_reverse_unless_committed, nothing_done),
		cmocka_unit_test_setup(there_is_room_for_all, nothing_done),
		cmocka_unit_test_setup(each_step_runs_once, nothing_done),
		cmocka_unit_test_setup(errno_is_kept, nothing_done),
		cmocka_unit_test_setup(too_many_steps_abort, nothing_done),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
