/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cni/exec.h"

#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/str.h"
#include "tests/unit/cni/tempdir.h"

/* Far beyond what any script here takes, unless it hangs. */
#define LONG_MS 60000

static const struct cni_exec_var no_vars[] = { { 0 } };

/* A plugin that is a shell script. */
static void script(const char *text)
{
	CLEANUP(strbuf_done) struct strbuf whole = STRBUF_INIT;

	strbuf_addf(&whole, "#!/bin/sh\n%s\n", text);
	temp_write("plugin", whole.s, 0755);
}

static struct cni_exec exec_of(const char *request)
{
	return (struct cni_exec){
		.file = temp_path("plugin"),
		.request = request,
		.request_len = strlen(request),
		.vars = no_vars,
		.timeout_ms = LONG_MS,
		.cancel_fd = -1,
	};
}

/* Run the script; it fails with this message. */
static void fails(const char *text, int code, const char *msg)
{
	CLEANUP(strbuf_done) struct strbuf out = STRBUF_INIT;
	struct nerr err = NERR_INIT;
	const struct cni_exec x = exec_of("");

	script(text);
	assert_int_equal(cni_exec_run(&x, &out, NULL, &err), code);
	assert_string_equal(err.msg, msg);
	assert_int_equal(out.len, 0);
}

/* --- finding --- */

static void finds(const char *path, const char *want)
{
	cleanup_free char *file = NULL;

	assert_int_equal(cni_exec_find("x", path, &file, NULL), 0);
	assert_string_equal(file, temp_path(want));
}

static void the_first_directory_with_a_regular_file_wins(void **state)
{
	CLEANUP(strbuf_done) struct strbuf path = STRBUF_INIT;

	(void)state;
	temp_mkdir("a");
	temp_mkdir("b");
	temp_mkdir("c");
	temp_mkdir("a/x"); /* a directory is no plugin */
	temp_write("c/x", "", 0644);
	strbuf_addf(&path, "::/none:%s:%s::%s:", temp_path("a"), temp_path("b"), temp_path("c"));
	finds(path.s, "c/x");
	/* A link counts as what it points to. */
	assert_int_equal(symlink("../c/x", temp_path("b/x")), 0);
	finds(path.s, "b/x");
}

static void not_found(const char *type, const char *path, int code, const char *msg)
{
	struct nerr err = NERR_INIT;
	char *file = NULL;

	assert_int_equal(cni_exec_find(type, path, &file, &err), code);
	assert_string_equal(err.msg, msg);
	assert_null(file);
}

static void what_is_not_found_is_said_in_the_words_of_the_reference(void **state)
{
	(void)state;
	not_found("x", "/n1::/n2", -ENOENT, "failed to find plugin \"x\" in path [/n1 /n2]");
	not_found("", "/n1", -EINVAL, "no plugin name provided");
	not_found("a/b", "/n1", -EINVAL, "invalid plugin name: a/b");
	not_found("x", "", -EINVAL, "no paths provided");
	not_found("x", "::", -EINVAL, "no paths provided");
}

/* --- running --- */

static void a_plugin_gets_its_request_and_variables(void **state)
{
	static const struct cni_exec_var vars[] = { { "CNI_COMMAND", "ADD" },
						    { "EMPTY", "" },
						    { 0 } };
	CLEANUP(strbuf_done) struct strbuf out = STRBUF_INIT;
	CLEANUP(strbuf_done) struct strbuf errors = STRBUF_INIT;
	struct cni_exec x = exec_of("{\"name\":\"n\"}");
	struct nerr err = NERR_INIT;

	(void)state;
	assert_int_equal(setenv("CNI_COMMAND", "old", 1), 0);
	assert_int_equal(setenv("INHERITED", "yes", 1), 0);
	x.vars = vars;
	script("cat; echo \" $CNI_COMMAND $INHERITED ${EMPTY-unset}.\"; echo said >&2; env | grep -c ^CNI_COMMAND=");
	assert_int_equal(cni_exec_run(&x, &out, &errors, &err), 0);
	assert_string_equal(out.s, "{\"name\":\"n\"} ADD yes .\n1\n");
	assert_string_equal(errors.s, "said\n");
}

static void a_request_that_nobody_reads_does_not_hurt(void **state)
{
	CLEANUP(strbuf_done) struct strbuf request = STRBUF_INIT;
	CLEANUP(strbuf_done) struct strbuf out = STRBUF_INIT;
	struct cni_exec x;

	(void)state;
	for (int i = 0; i < 100000; i++)
		strbuf_add(&request, "0123456789");
	x = exec_of(request.s);
	script("echo done");
	assert_int_equal(cni_exec_run(&x, &out, NULL, NULL), 0);
	assert_string_equal(out.s, "done\n");
	/* And one that is read comes whole. */
	out.len = 0;
	script("wc -c");
	assert_int_equal(cni_exec_run(&x, &out, NULL, NULL), 0);
	assert_string_equal(out.s, "1000000\n");
}

static void output_longer_than_a_pipe_comes_whole(void **state)
{
	CLEANUP(strbuf_done) struct strbuf out = STRBUF_INIT;
	CLEANUP(strbuf_done) struct strbuf errors = STRBUF_INIT;
	const struct cni_exec x = exec_of("");

	(void)state;
	script("head -c 3000000 /dev/zero | tr '\\0' x; head -c 3000000 /dev/zero | tr '\\0' y >&2");
	assert_int_equal(cni_exec_run(&x, &out, &errors, NULL), 0);
	assert_int_equal(out.len, 3000000);
	assert_int_equal(errors.len, CNI_EXEC_STDERR_MAX);
}

static void too_much_output_is_an_error(void **state)
{
	(void)state;
	fails("cat /dev/zero", -EFBIG, "more than 16777216 bytes on standard output, killed");
}

static void a_plugin_has_signals_as_new_and_no_descriptor_of_ours(void **state)
{
	CLEANUP(strbuf_done) struct strbuf out = STRBUF_INIT;
	const struct cni_exec x = exec_of("");
	cleanup_close int leak = open("/dev/null", O_RDONLY); /* not close-on-exec */
	struct nerr err = NERR_INIT;
	sigset_t set;
	sigset_t old;

	(void)state;
	assert_true(leak > STDERR_FILENO);
	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGTERM);
	assert_int_equal(sigprocmask(SIG_BLOCK, &set, &old), 0);
	assert_true(signal(SIGHUP, SIG_IGN) != SIG_ERR);
	/* The last digits: glibc ignores two signals of its own, 32 and 33, on the way. */
	script("sed -n 's/Sig\\(Blk\\|Ign\\):.*\\(.......\\)$/\\1 \\2/p' /proc/self/status; ls /proc/self/fd | wc -l");
	assert_int_equal(cni_exec_run(&x, &out, NULL, &err), 0);
	/* "ls" has one more, of the directory it reads. */
	assert_string_equal(out.s, "Blk 0000000\nIgn 0000000\n4\n");
	assert_true(signal(SIGHUP, SIG_DFL) != SIG_ERR);
	assert_int_equal(sigprocmask(SIG_SETMASK, &old, NULL), 0);
}

static void
closed_standard_descriptors_of_the_caller_do_not_mix_with_those_of_the_plugin(void **state)
{
	CLEANUP(strbuf_done) struct strbuf out = STRBUF_INIT;
	const struct cni_exec x = exec_of("request");
	int saved[3];
	int r;

	(void)state;
	script("cat; echo said >&2");
	for (int fd = 0; fd < 3; fd++) {
		saved[fd] = fcntl(fd, F_DUPFD_CLOEXEC, 100);
		(void)close(fd);
	}
	r = cni_exec_run(&x, &out, NULL, NULL);
	for (int fd = 0; fd < 3; fd++) {
		if (saved[fd] < 0)
			continue;
		(void)dup2(saved[fd], fd);
		(void)close(saved[fd]);
	}
	assert_int_equal(r, 0);
	assert_string_equal(out.s, "request");
}

/* --- failing --- */

static void an_error_object_is_taken_over(void **state)
{
	CLEANUP(strbuf_done) struct strbuf out = STRBUF_INIT;
	const struct cni_exec x = exec_of("");
	struct nerr err = NERR_INIT;

	(void)state;
	script("echo '{\"cniVersion\":\"1.0.0\",\"code\":11,\"msg\":\"later\",\"details\":\"why\"}'; exit 1");
	assert_int_equal(cni_exec_run(&x, &out, NULL, &err), -EIO);
	assert_int_equal(err.num, 11);
	assert_string_equal(err.msg, "later");
	assert_string_equal(err.details, "why");
}

static void other_failures_are_described(void **state)
{
	(void)state;
	fails("exit 3", -EIO, "netplugin failed with no error message: exit status 3");
	fails("echo boom >&2; exit 1", -EIO, "netplugin failed: \"boom\\n\"");
	fails("kill -9 $$", -EIO, "netplugin failed with no error message: signal: Killed");
	fails("echo '{\"code\":1,\"msg\":\"m\"}'; kill -TERM $$", -EIO, "m");
}

static void an_answer_that_cannot_be_read_is_shown(void **state)
{
	CLEANUP(strbuf_done) struct strbuf out = STRBUF_INIT;
	const struct cni_exec x = exec_of("");
	struct nerr err = NERR_INIT;

	(void)state;
	script("echo oops; exit 1");
	assert_int_equal(cni_exec_run(&x, &out, NULL, &err), -EIO);
	assert_true(str_has_prefix(
		err.msg,
		"netplugin failed but error parsing its diagnostic message \"oops\\n\": invalid JSON"));
}

static void what_cannot_be_run_is_named(void **state)
{
	CLEANUP(strbuf_done) struct strbuf out = STRBUF_INIT;
	const struct cni_exec x = exec_of("");
	struct nerr err = NERR_INIT;

	(void)state;
	assert_int_equal(cni_exec_run(&x, &out, NULL, &err), -ENOENT);
	temp_write("plugin", "#!/bin/sh\n", 0644);
	assert_int_equal(cni_exec_run(&x, &out, NULL, &err), -EACCES);
	assert_non_null(strstr(err.msg, "/plugin': Permission denied"));
	temp_write("plugin", "no program", 0755);
	assert_int_equal(cni_exec_run(&x, &out, NULL, &err), -ENOEXEC);
}

/* "text file busy" lasts as long as whoever installs the plugin has it open for writing. */
static void a_plugin_being_written_is_tried_again(void **state)
{
	CLEANUP(strbuf_done) struct strbuf out = STRBUF_INIT;
	const struct cni_exec x = exec_of("");
	struct nerr err = NERR_INIT;
	int ready[2];
	char c;
	pid_t pid;

	(void)state;
	script("echo done");
	assert_int_equal(pipe(ready), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		int fd = open(x.file, O_WRONLY);

		if (write(ready[1], "r", 1) == 1)
			(void)poll(NULL, 0, 300); /* three tries */
		_exit(fd < 0);
	}
	assert_int_equal(read(ready[0], &c, 1), 1);
	assert_int_equal(cni_exec_run(&x, &out, NULL, &err), 0);
	assert_string_equal(out.s, "done\n");
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	(void)close(ready[0]);
	(void)close(ready[1]);
}

/* --- hanging --- */

/* The script writes its pid and that of a child.  None may live when we are back. */
static void assert_gone(const char *file)
{
	int pid = 0;

	assert_int_equal(sscanf(temp_read(file), "%d", &pid), 1);
	assert_true(pid > 1);
	/* Killed together with its parent; init may not have reaped it yet. */
	for (int i = 0; i < 500 && kill(pid, 0) == 0; i++) {
		CLEANUP(strbuf_done) struct strbuf path = STRBUF_INIT;
		char status[256] = "";
		int fd;

		strbuf_addf(&path, "/proc/%d/stat", pid);
		fd = open(path.s, O_RDONLY);
		if (fd < 0)
			return;
		(void)!read(fd, status, sizeof(status) - 1);
		(void)close(fd);
		if (strstr(status, ") Z "))
			return;
		(void)poll(NULL, 0, 10);
	}
	assert_int_equal(kill(pid, 0), -1);
}

static const char *hanging(void)
{
	static char text[2 * PATH_MAX];

	(void)snprintf(text, sizeof(text),
		       "trap '' TERM; sleep 1000 & echo $! >%s; echo $$ >%s; wait; sleep 1000",
		       temp_path("child"), temp_path("self"));
	return text;
}

static void a_plugin_that_hangs_is_killed_with_its_children(void **state)
{
	CLEANUP(strbuf_done) struct strbuf out = STRBUF_INIT;
	struct cni_exec x = exec_of("");
	struct nerr err = NERR_INIT;

	(void)state;
	script(hanging());
	x.timeout_ms = 500;
	assert_int_equal(cni_exec_run(&x, &out, NULL, &err), -ETIMEDOUT);
	assert_string_equal(err.msg, "no answer within 0.5 s, killed");
	assert_gone("self");
	assert_gone("child");
}

static void a_plugin_is_killed_when_the_caller_gives_up(void **state)
{
	CLEANUP(strbuf_done) struct strbuf out = STRBUF_INIT;
	struct cni_exec x = exec_of("");
	struct nerr err = NERR_INIT;
	int pair[2];
	pid_t pid;

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	script(hanging());
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		/* Give up when the plugin is well under way. */
		(void)close(pair[0]);
		for (int i = 0; i < 3000 && !*temp_read("self"); i++)
			(void)poll(NULL, 0, 10);
		_exit(0);
	}
	(void)close(pair[1]);
	x.cancel_fd = pair[0];
	assert_int_equal(cni_exec_run(&x, &out, NULL, &err), -ECANCELED);
	assert_string_equal(err.msg, "interrupted, killed");
	assert_gone("self");
	assert_gone("child");
	/* It stays hung up: nothing is started any more. */
	assert_int_equal(unlink(temp_path("self")), 0);
	assert_int_equal(cni_exec_run(&x, &out, NULL, &err), -ECANCELED);
	assert_string_equal(temp_read("self"), "");
	(void)close(pair[0]);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
}

/* Killed: it can do nothing about the plugin any more. */
static void a_plugin_does_not_outlive_its_caller(void **state)
{
	CLEANUP(strbuf_done) struct strbuf out = STRBUF_INIT;
	CLEANUP(strbuf_done) struct strbuf text = STRBUF_INIT;
	const struct cni_exec x = exec_of("");
	int status;
	pid_t pid;

	(void)state;
	strbuf_addf(&text, "trap '' TERM HUP; echo $$ >%s; exec sleep 1000", temp_path("self"));
	script(text.s);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0)
		_exit(cni_exec_run(&x, &out, NULL, NULL) == 0);
	for (int i = 0; i < 3000 && !*temp_read("self"); i++)
		(void)poll(NULL, 0, 10);
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status));
	assert_gone("self");
}

static void a_process_left_behind_with_the_pipes_does_not_keep_us(void **state)
{
	CLEANUP(strbuf_done) struct strbuf out = STRBUF_INIT;
	CLEANUP(strbuf_done) struct strbuf text = STRBUF_INIT;
	struct cni_exec x = exec_of("");
	int pid;

	(void)state;
	strbuf_addf(&text, "sleep 1000 & echo $! >%s; echo answer", temp_path("child"));
	script(text.s);
	assert_int_equal(cni_exec_run(&x, &out, NULL, NULL), 0);
	assert_string_equal(out.s, "answer\n");
	assert_int_equal(sscanf(temp_read("child"), "%d", &pid), 1);
	assert_int_equal(kill(pid, SIGKILL), 0); /* it was not killed: its parent succeeded */
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, temp_make, temp_remove)
	static const struct CMUnitTest tests[] = {
		TEST(the_first_directory_with_a_regular_file_wins),
		TEST(what_is_not_found_is_said_in_the_words_of_the_reference),
		TEST(a_plugin_gets_its_request_and_variables),
		TEST(a_request_that_nobody_reads_does_not_hurt),
		TEST(output_longer_than_a_pipe_comes_whole),
		TEST(too_much_output_is_an_error),
		TEST(a_plugin_has_signals_as_new_and_no_descriptor_of_ours),
		TEST(closed_standard_descriptors_of_the_caller_do_not_mix_with_those_of_the_plugin),
		TEST(an_error_object_is_taken_over),
		TEST(other_failures_are_described),
		TEST(an_answer_that_cannot_be_read_is_shown),
		TEST(what_cannot_be_run_is_named),
		TEST(a_plugin_being_written_is_tried_again),
		TEST(a_plugin_that_hangs_is_killed_with_its_children),
		TEST(a_plugin_is_killed_when_the_caller_gives_up),
		TEST(a_plugin_does_not_outlive_its_caller),
		TEST(a_process_left_behind_with_the_pipes_does_not_keep_us),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
