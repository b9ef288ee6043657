/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * cni_main() as a runtime sees it: in a process of its own, with standard input and output
 * that the test made, and handlers that leave what they saw in shared memory.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/fd.h"
#include "base/str.h"
#include "base/version.h"
#include "cni/cni.h"

#define CLOSED        (-2)
#define CONF(version) "{\"cniVersion\":\"" version "\",\"name\":\"net\"}"

/* What the handlers saw, and what they shall do. */
static struct shared {
	char calls[256];
	int fail;
	bool no_address;
	bool del_fails;
} * shared;

/* What came out of one run. */
static char out[8192];
static char err[8192];
static int status;

/* --- the plugin --- */

static int note(const char *what)
{
	size_t used = strlen(shared->calls);

	(void)snprintf(shared->calls + used, sizeof(shared->calls) - used, "%s ", what);
	return 0;
}

static int test_add(struct cni_call *call, struct nerr *e)
{
	struct cni_ip *ip;

	(void)note("add");
	if (shared->fail == CNI_INTERNAL)
		return nerr_set(e, -EIO, "it broke");
	if (shared->fail)
		return nerr_num(e, -EIO, shared->fail, "it broke");
	if (shared->no_address)
		return 0;
	ip = cni_result_add_ip(&call->result, json_doc_arena(call->doc));
	return ip ? ipnet_from_str("10.0.0.2/24", &ip->address) : -ENOMEM;
}

static int test_del(struct cni_call *call, struct nerr *e)
{
	(void)note(call->verb == CNI_DEL ? "del" : "del with another verb");
	return shared->del_fails ? nerr_set(e, -EIO, "del broke") : 0;
}

static int test_check(struct cni_call *call, struct nerr *e)
{
	(void)call;
	(void)e;
	return note("check");
}

static int test_gc(struct cni_call *call, struct nerr *e)
{
	(void)e;
	return note(call->n_valid ? "gc-some" : "gc-none");
}

static int test_status(struct cni_call *call, struct nerr *e)
{
	(void)call;
	(void)note("status");
	return shared->fail ? nerr_num(e, -EIO, shared->fail, "not now") : 0;
}

static const struct cni_plugin test_plugin = {
	.name = "test",
	.versions = cni_versions_all,
	.add = test_add,
	.del = test_del,
	.check = test_check,
	.gc = test_gc,
	.status = test_status,
};

static const struct cni_plugin *const registry[] = { &test_plugin, NULL };

/* --- running it --- */

static void slurp(int fd, char *buf, size_t size)
{
	ssize_t n;

	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
	n = read(fd, buf, size - 1);
	assert_true(n >= 0);
	buf[n] = '\0';
	(void)close(fd);
}

static int file_with(const char *text)
{
	int fd = memfd_create("main-test", MFD_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(fd_write_all(fd, text, strlen(text)), 0);
	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
	return fd;
}

static void put(int from, int to)
{
	if (from == CLOSED)
		(void)close(to);
	else if (dup2(from, to) < 0)
		_exit(99);
}

/* @stdin_fd and @stdout_fd may be CLOSED; @stdout_fd is not read back here. */
static void run_fds(const char *name, int stdin_fd, int stdout_fd)
{
	int errors = file_with("");
	pid_t pid;

	(void)fflush(stdout);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		put(errors, STDERR_FILENO);
		put(stdin_fd, STDIN_FILENO);
		put(stdout_fd, STDOUT_FILENO);
		_exit(cni_main(registry, name));
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	slurp(errors, err, sizeof(err));
}

static void run(const char *text)
{
	int in = file_with(text);
	int o = file_with("");

	run_fds("/opt/cni/bin/test", in, o);
	(void)close(in);
	slurp(o, out, sizeof(out));
}

static void set_command(const char *command)
{
	assert_int_equal(setenv("CNI_COMMAND", command, 1), 0);
}

static int setup(void **state)
{
	(void)state;
	memset(shared, 0, sizeof(*shared));
	out[0] = err[0] = '\0';
	(void)setenv("CNI_CONTAINERID", "cid1", 1);
	(void)setenv("CNI_NETNS", "/run/netns/none", 1);
	(void)setenv("CNI_IFNAME", "eth0", 1);
	(void)setenv("CNI_PATH", "/opt/cni/bin", 1);
	(void)unsetenv("CNI_ARGS");
	(void)unsetenv("CNI_NETNS_OVERRIDE");
	return unsetenv("CNI_COMMAND");
}

static int group_setup(void **state)
{
	(void)state;
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
		      0);
	return shared == MAP_FAILED ? -1 : 0;
}

static void assert_exit(int code)
{
	if (!WIFEXITED(status) || WEXITSTATUS(status) != code)
		fail_msg("status %#x, not exit %d; out: %s; err: %s", (unsigned)status, code, out,
			 err);
}

static void refused(const char *want)
{
	assert_exit(1);
	assert_string_equal(out, want);
}

/* --- without a configuration --- */

static void nothing_asked_tells_about_itself_on_stderr(void **state)
{
	(void)state;
	run("");
	assert_exit(0);
	assert_string_equal(out, "");
	assert_string_equal(err, "CNI test plugin v" FAIRLEAD_VERSION
				 "\nCNI protocol versions supported: 0.1.0, 0.2.0, 0.3.0, 0.3.1, "
				 "0.4.0, 1.0.0, 1.1.0\n");
}

static void version_reads_nothing(void **state)
{
	int in = file_with("not json");
	int o = file_with("");

	(void)state;
	set_command("VERSION");
	run_fds("test", in, o);
	slurp(o, out, sizeof(out));
	assert_exit(0);
	assert_string_equal(out, "{\"cniVersion\":\"1.1.0\",\"supportedVersions\":[\"0.1.0\","
				 "\"0.2.0\",\"0.3.0\",\"0.3.1\",\"0.4.0\",\"1.0.0\",\"1.1.0\"]}\n");
	assert_int_equal(lseek(in, 0, SEEK_CUR), 0);
	(void)close(in);

	o = file_with("");
	run_fds("test", CLOSED, o);
	slurp(o, out, sizeof(out));
	assert_exit(0);
	assert_int_equal(out[0], '{');
}

static void an_unknown_name_is_an_error_object(void **state)
{
	int o = file_with("");

	(void)state;
	set_command("VERSION");
	run_fds("/x/other", CLOSED, o);
	slurp(o, out, sizeof(out));
	refused("{\n    \"code\": 999,\n    \"msg\": \"there is no plugin 'other' in this program\"\n"
		"}");
}

/* --- the order of the checks --- */

static void variables_come_before_standard_input(void **state)
{
	(void)state;
	set_command("ADD");
	(void)unsetenv("CNI_NETNS");
	run("no json");
	refused("{\n    \"code\": 4,\n    \"msg\": \"required env variables [CNI_NETNS] missing\"\n}");
}

static void the_configuration_comes_before_an_unknown_verb(void **state)
{
	(void)state;
	set_command("FOO");
	run("{}");
	refused("{\n    \"code\": 7,\n    \"msg\": \"missing network name\"\n}");
	run(CONF("9.9.9"));
	refused("{\n    \"code\": 4,\n    \"msg\": \"unknown CNI_COMMAND: FOO\"\n}");
}

static void standard_input_must_be_readable(void **state)
{
	int o = file_with("");

	(void)state;
	set_command("ADD");
	run_fds("test", CLOSED, o);
	slurp(o, out, sizeof(out));
	refused("{\n    \"code\": 5,\n    \"msg\": \"error reading from stdin: Bad file descriptor\"\n"
		"}");
	assert_string_equal(shared->calls, "");
}

static void the_own_namespace_is_refused_before_the_work(void **state)
{
	static const char want[] = "{\n    \"code\": 8,\n    \"msg\": \"plugin's netns and netns "
				   "from CNI_NETNS should not be the same\"\n}";

	(void)state;
	(void)setenv("CNI_NETNS", "/proc/self/ns/net", 1);
	set_command("ADD");
	run(CONF("1.0.0"));
	refused(want);
	set_command("DEL");
	run(CONF("1.0.0"));
	refused(want);
	assert_string_equal(shared->calls, "");
	set_command("CHECK");
	run(CONF("1.0.0"));
	assert_exit(0);
	(void)setenv("CNI_NETNS_OVERRIDE", "true", 1);
	set_command("ADD");
	run(CONF("1.0.0"));
	assert_exit(0);
	assert_string_equal(shared->calls, "check add ");
}

/* --- the verbs --- */

static void add_prints_the_result_without_a_newline(void **state)
{
	(void)state;
	set_command("ADD");
	run(CONF("1.0.0"));
	assert_exit(0);
	assert_string_equal(out, "{\n    \"cniVersion\": \"1.0.0\",\n    \"ips\": [\n        {\n"
				 "            \"address\": \"10.0.0.2/24\"\n        }\n    ]\n}");
	assert_string_equal(shared->calls, "add ");
}

static void other_verbs_print_nothing(void **state)
{
	static const char *const verbs[] = { "DEL", "CHECK", "GC", "STATUS" };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(verbs); i++) {
		set_command(verbs[i]);
		run("{\"cniVersion\":\"1.1.0\",\"name\":\"net\",\"cni.dev/attachments\":[]}");
		assert_exit(0);
		assert_string_equal(out, "");
		assert_string_equal(err, "");
	}
	assert_string_equal(shared->calls, "del check gc-none status ");
}

static void gc_without_a_list_does_nothing(void **state)
{
	(void)state;
	set_command("GC");
	run(CONF("1.1.0"));
	assert_exit(0);
	assert_string_equal(shared->calls, "");
	run("{\"cniVersion\":\"1.1.0\",\"name\":\"net\",\"cni.dev/valid-attachments\":"
	    "[{\"containerID\":\"a\",\"ifname\":\"b\"}]}");
	assert_exit(0);
	assert_string_equal(shared->calls, "gc-some ");
}

static void an_error_is_printed_once_with_its_code(void **state)
{
	(void)state;
	set_command("ADD");
	shared->fail = CNI_INTERNAL;
	run(CONF("1.0.0"));
	refused("{\n    \"code\": 999,\n    \"msg\": \"it broke\"\n}");
	assert_string_equal(err, "");
	shared->fail = CNI_TRY_AGAIN;
	run(CONF("1.0.0"));
	refused("{\n    \"code\": 11,\n    \"msg\": \"it broke\"\n}");
	set_command("STATUS");
	shared->fail = CNI_NOT_AVAILABLE;
	run(CONF("1.1.0"));
	refused("{\n    \"code\": 50,\n    \"msg\": \"not now\"\n}");
	assert_string_equal(shared->calls, "add add status ");
}

/* --- a result that nobody gets --- */

static void a_result_the_version_cannot_carry_is_taken_back(void **state)
{
	(void)state;
	set_command("ADD");
	shared->no_address = true;
	run(CONF("0.2.0"));
	refused("{\n    \"code\": 999,\n    \"msg\": \"cannot convert: no valid IP addresses\"\n}");
	assert_string_equal(shared->calls, "add del ");
	shared->del_fails = true;
	run(CONF("0.2.0"));
	refused("{\n    \"code\": 999,\n    \"msg\": \"cannot convert: no valid IP addresses\",\n"
		"    \"details\": \"and taking back what was made failed: del broke\"\n}");
}

static void a_result_that_cannot_be_written_is_taken_back(void **state)
{
	int in = file_with(CONF("1.0.0"));
	int full = open("/dev/full", O_WRONLY | O_CLOEXEC);

	(void)state;
	assert_true(full >= 0);
	set_command("ADD");
	run_fds("test", in, full);
	assert_exit(1);
	assert_string_equal(err,
			    "test: cannot write to standard output: No space left on device\n");
	assert_string_equal(shared->calls, "add del ");
	(void)close(in);
	(void)close(full);
}

static void a_reader_that_has_gone_does_not_kill_it(void **state)
{
	int in = file_with(CONF("1.0.0"));
	int fds[2];

	(void)state;
	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	(void)close(fds[0]);
	set_command("ADD");
	run_fds("test", in, fds[1]);
	assert_exit(1);
	assert_string_equal(err, "test: cannot write to standard output: Broken pipe\n");
	assert_string_equal(shared->calls, "add del ");
	(void)close(in);
	(void)close(fds[1]);
}

static void a_closed_stdout_is_no_file_of_ours(void **state)
{
	int in = file_with(CONF("1.0.0"));

	(void)state;
	set_command("ADD");
	run_fds("test", in, CLOSED);
	assert_exit(1);
	assert_string_equal(err, "test: cannot write to standard output: Bad file descriptor\n");
	assert_string_equal(shared->calls, "add del ");
	assert_int_equal(lseek(in, 0, SEEK_SET), 0);
	set_command("DEL");
	run_fds("test", in, CLOSED);
	assert_exit(0);
	(void)close(in);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(nothing_asked_tells_about_itself_on_stderr, setup),
		cmocka_unit_test_setup(version_reads_nothing, setup),
		cmocka_unit_test_setup(an_unknown_name_is_an_error_object, setup),
		cmocka_unit_test_setup(variables_come_before_standard_input, setup),
		cmocka_unit_test_setup(the_configuration_comes_before_an_unknown_verb, setup),
		cmocka_unit_test_setup(standard_input_must_be_readable, setup),
		cmocka_unit_test_setup(the_own_namespace_is_refused_before_the_work, setup),
		cmocka_unit_test_setup(add_prints_the_result_without_a_newline, setup),
		cmocka_unit_test_setup(other_verbs_print_nothing, setup),
		cmocka_unit_test_setup(gc_without_a_list_does_nothing, setup),
		cmocka_unit_test_setup(an_error_is_printed_once_with_its_code, setup),
		cmocka_unit_test_setup(a_result_the_version_cannot_carry_is_taken_back, setup),
		cmocka_unit_test_setup(a_result_that_cannot_be_written_is_taken_back, setup),
		cmocka_unit_test_setup(a_reader_that_has_gone_does_not_kill_it, setup),
		cmocka_unit_test_setup(a_closed_stdout_is_no_file_of_ours, setup),
	};

	return cmocka_run_group_tests(tests, group_setup, NULL);
}
