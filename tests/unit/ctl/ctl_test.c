/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Control sockets in a directory of the test's own, and daemons that are shells.
 */
#include "ctl/ctl.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/json_table.h"
#include "base/str.h"

static char dir[] = "/tmp/ctl-test-XXXXXX";
static char sockets[64];
static int netns = -1;
static char path[CTL_PATH_LEN];

static int set_up(void **state)
{
	(void)state;
	if (!mkdtemp(dir))
		return -1;
	(void)snprintf(sockets, sizeof(sockets), "%s/s", dir);
	if (setenv("FAIRLEAD_RUN", sockets, 1) < 0)
		return -1;
	netns = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	return netns < 0 ? -1 : ctl_path(netns, path, NULL);
}

static int tear_down(void **state)
{
	(void)state;
	(void)unlink(path);
	(void)rmdir(sockets);
	(void)rmdir(dir);
	return 0;
}

/* A stack that answers one request, whatever it is, and ends. */
static pid_t serve(int fd, const char *answer)
{
	const pid_t pid = fork();
	char word[4096];

	assert_true(pid >= 0);
	if (pid == 0) {
		int c;

		(void)fcntl(fd, F_SETFL, 0); /* accept() waits */
		c = accept(fd, NULL, NULL);
		if (c < 0 || (answer && read(c, word, sizeof(word)) <= 0) ||
		    (answer && write(c, answer, strlen(answer)) < 0))
			_exit(1);
		_exit(0);
	}
	assert_int_equal(close(fd), 0);
	return pid;
}

static void reap(pid_t pid)
{
	int status = -1;

	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static void nobody_serves(void **state)
{
	struct nerr err = NERR_INIT;

	(void)state;
	assert_int_equal(ctl_call(path, "{}", -1, 1000, NULL, &err), -ENOENT);
	assert_true(strstr(err.msg, path));
	assert_false(ctl_is_served(netns));
}

static void answers(void **state)
{
	CLEANUP(strbuf_done) struct strbuf text = STRBUF_INIT;
	struct nerr err = NERR_INIT;
	struct json_doc *doc = NULL;
	struct stat st;
	pid_t pid;
	int fd;

	(void)state;
	assert_int_equal(ctl_listen(netns, &fd, &err), 0);
	assert_int_equal(stat(sockets, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0700);
	pid = serve(fd, "{\"x\":1}\n");
	assert_int_equal(ctl_call(path, "{\"do\":\"x\"}", -1, 5000, &doc, &err), 0);
	assert_non_null(json_member(json_doc_root(doc), "x"));
	json_doc_free(doc);
	reap(pid);

	assert_int_equal(ctl_listen(netns, &fd, &err), 0);
	pid = serve(fd, "{\"x\":1}\n");
	assert_int_equal(ctl_call_text(path, "{\"do\":\"x\"}", -1, 5000, &text, &err), 0);
	assert_string_equal(text.s, "{\"x\":1}\n");
	reap(pid);
}

static void errors_are_told(void **state)
{
	static const struct {
		const char *answer;
		int code;
		const char *msg;
	} cases[] = {
		{ "{\"error\":{\"errno\":95,\"message\":\"not here\"}}\n", -95, "not here" },
		{ "{\"error\":{}}\n", -EIO, "it failed without a reason" },
		{ "{\"error\":{\"errno\":0}}\n", -ERANGE, NULL },
		{ "{\"error\":7}\n", -EINVAL, NULL },
		{ "garbage", -EINVAL, NULL },
		{ "", -ECONNRESET, NULL },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct nerr err = NERR_INIT;
		struct json_doc *doc = NULL;
		pid_t pid;
		int fd;

		assert_int_equal(ctl_listen(netns, &fd, &err), 0);
		pid = serve(fd, cases[i].answer);
		assert_int_equal(ctl_call(path, "{}", -1, 5000, &doc, &err), cases[i].code);
		assert_null(doc);
		assert_true(err.msg[0]);
		if (cases[i].msg)
			assert_string_equal(err.msg, cases[i].msg);
		reap(pid);
	}
}

static void no_answer_in_time(void **state)
{
	struct nerr err = NERR_INIT;
	int fd;

	(void)state;
	assert_int_equal(ctl_listen(netns, &fd, &err), 0);
	assert_int_equal(ctl_call(path, "{}", -1, 20, NULL, &err), -ETIMEDOUT);
	assert_int_equal(close(fd), 0);
}

static void one_for_each_namespace(void **state)
{
	struct nerr err = NERR_INIT;
	int other = -1;
	int fd;

	(void)state;
	assert_int_equal(ctl_listen(netns, &fd, &err), 0);
	assert_true(ctl_is_served(netns));
	assert_int_equal(ctl_listen(netns, &other, &err), -EEXIST);
	assert_int_equal(other, -1);
	assert_int_equal(close(fd), 0);
	/* A leftover is in nobody's way. */
	assert_false(ctl_is_served(netns));
	assert_int_equal(ctl_listen(netns, &fd, &err), 0);
	assert_int_equal(close(fd), 0);
	ctl_unlisten(netns);
	assert_int_equal(access(path, F_OK), -1);
}

static void not_in_a_directory_of_others(void **state)
{
	struct nerr err = NERR_INIT;
	int fd = -1;

	(void)state;
	assert_int_equal(chmod(sockets, 0755), 0);
	assert_int_equal(ctl_listen(netns, &fd, &err), -EPERM);
	assert_int_equal(fd, -1);
	assert_int_equal(chmod(sockets, 0700), 0);
}

static int count(void *arg, const char *at, struct json_doc *status)
{
	int *n = arg;

	assert_string_equal(at, path);
	assert_non_null(json_member(json_doc_root(status), "pid"));
	++*n;
	return 7;
}

static void each_removes_leftovers(void **state)
{
	struct nerr err = NERR_INIT;
	int n = 0;
	pid_t pid;
	int fd;

	(void)state;
	assert_int_equal(ctl_listen(netns, &fd, &err), 0);
	pid = serve(fd, "{\"pid\":1}\n");
	assert_int_equal(ctl_each(count, &n, &err), 7);
	assert_int_equal(n, 1);
	reap(pid);
	assert_int_equal(access(path, F_OK), 0);
	assert_int_equal(ctl_each(count, &n, &err), 0);
	assert_int_equal(n, 1);
	assert_int_equal(access(path, F_OK), -1);
}

/* --- starting --- */

static int start(const char *script, unsigned int timeout_ms, struct nerr *err)
{
	const char *const argv[] = { "sh", "-c", script, "sh", NULL };
	const struct ctl_start conf = {
		.program = "/bin/sh",
		.argv = argv,
		.timeout_ms = timeout_ms,
	};

	return ctl_start(&conf, err);
}

/* What a script has written into the file "pid". */
static pid_t pid_of(void)
{
	char name[64];
	char text[32] = "";
	uint32_t pid = 0;
	int fd;

	(void)snprintf(name, sizeof(name), "%s/pid", dir);
	fd = open(name, O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_true(read(fd, text, sizeof(text) - 1) > 0);
	assert_int_equal(close(fd), 0);
	assert_int_equal(unlink(name), 0);
	text[strcspn(text, "\n")] = '\0';
	assert_int_equal(parse_u32(text, 2, INT32_MAX, &pid), 0);
	return (pid_t)pid;
}

static void starts(void **state)
{
	struct nerr err = NERR_INIT;
	char script[256];
	pid_t pid;

	(void)state;
	assert_int_equal(dup2(netns, 50), 50); /* without FD_CLOEXEC */
	assert_int_equal(setenv("NOTIFY_SOCKET", "/nowhere", 1), 0);
	(void)snprintf(script, sizeof(script),
		       "[ \"$1 $2\" = '--ready-fd 3' ] && [ -z \"$NOTIFY_SOCKET\" ] && "
		       "[ ! -e /proc/$$/fd/50 ] || exit 1; "
		       "echo $$ >%s/pid; echo >&3; exec sleep 60",
		       dir);
	assert_int_equal(start(script, 10000, &err), 0);
	pid = pid_of();
	assert_int_equal(kill(pid, 0), 0);
	assert_int_equal(getsid(pid) == getsid(0), 0);
	assert_int_equal(waitpid(pid, NULL, WNOHANG), -1); /* nobody's child */
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(unsetenv("NOTIFY_SOCKET"), 0);
	assert_int_equal(close(50), 0);
}

static void says_why_it_fails(void **state)
{
	struct nerr err = NERR_INIT;
	const struct ctl_start none = { .program = "/nonexistent", .timeout_ms = 1000 };

	(void)state;
	assert_int_equal(
		start("echo warning >&2; echo netstackd: no device >&2; exit 1", 10000, &err),
		-EIO);
	assert_string_equal(err.msg, "'/bin/sh' failed: no device");
	/* It cleans up before it says so. */
	assert_int_equal(start("exec 3>&-; for i in 1 2 3 4 5; do /bin/true; done; "
			       "echo netstackd: no kernel >&2; exit 1",
			       10000, &err),
			 -EIO);
	assert_string_equal(err.msg, "'/bin/sh' failed: no kernel");
	assert_int_equal(start("exit 1", 10000, &err), -EIO);
	assert_string_equal(err.msg, "'/bin/sh' failed: it ended without a word");
	assert_int_equal(ctl_start(&none, &err), -ENOENT);
}

static void is_ended_when_it_is_late(void **state)
{
	struct nerr err = NERR_INIT;
	char script[256];

	(void)state;
	(void)snprintf(script, sizeof(script), "echo $$ >%s/pid; echo slow >&2; exec sleep 60",
		       dir);
	assert_int_equal(start(script, 2000, &err), -ETIMEDOUT);
	assert_true(strstr(err.msg, "slow"));
	assert_int_equal(kill(pid_of(), 0), -1);
}

/* Its end is waited for before the daemon says that it serves: a zombie has no descriptors. */
static void the_keeper_is_killed(void **state)
{
	struct nerr err = NERR_INIT;
	char script[256];
	pid_t pid;

	(void)state;
	(void)snprintf(script, sizeof(script),
		       "echo $$ >%s/pid; read -r _ _ _ keeper _ </proc/$$/stat; kill -9 $keeper; "
		       "while grep -qs '^State:[^Z]*$' /proc/$keeper/status; do :; done; "
		       "echo >&3; exec sleep 60",
		       dir);
	assert_int_equal(start(script, 10000, &err), 0); /* no SIGPIPE for us */
	pid = pid_of();
	assert_int_equal(kill(pid, SIGKILL), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nobody_serves),
		cmocka_unit_test(answers),
		cmocka_unit_test(errors_are_told),
		cmocka_unit_test(no_answer_in_time),
		cmocka_unit_test(one_for_each_namespace),
		cmocka_unit_test(not_in_a_directory_of_others),
		cmocka_unit_test(each_removes_leftovers),
		cmocka_unit_test(starts),
		cmocka_unit_test(says_why_it_fails),
		cmocka_unit_test(is_ended_when_it_is_late),
		cmocka_unit_test(the_keeper_is_killed),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
