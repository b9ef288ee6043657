/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * IPAM plugins in this process and as shell scripts, in a directory of the test's own.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/str.h"
#include "tests/unit/cni/harness.h"

#define CONF(version) "{\"cniVersion\":\"" version "\",\"name\":\"net\",\"ipam\":{}}"

static char dir[] = "/tmp/delegate-test.XXXXXX";
static struct cni_call call;
static struct nerr err;

/* --- a plugin of this program --- */

static struct {
	unsigned n_calls;
	enum cni_verb verb;
	enum cni_verb last;
	const struct cni_result *prev;
	unsigned n_ips;
	int fail;
} own;

static int own_handler(struct cni_call *sub, struct nerr *e)
{
	if (own.n_calls++ == 0)
		own.verb = sub->verb;
	own.last = sub->verb;
	own.prev = sub->prev;
	assert_string_equal(sub->plugin->name, "own");
	assert_string_equal(sub->container_id, "cid1");
	if (own.fail && sub->verb != CNI_DEL)
		return nerr_num(e, -EBUSY, own.fail, "own has failed");
	for (unsigned i = 0; sub->verb == CNI_ADD && i < own.n_ips; i++) {
		struct cni_ip *ip = cni_result_add_ip(&sub->result, json_doc_arena(sub->doc));

		assert_non_null(ip);
		assert_int_equal(ipnet_from_str(i % 2 ? "fd00::2/64" : "10.0.0.2/24", &ip->address),
				 0);
	}
	return 0;
}

static const struct cni_plugin own_plugin = {
	.name = "own",
	.versions = cni_versions_all,
	.add = own_handler,
	.del = own_handler,
	.check = own_handler,
	.gc = own_handler,
	.status = own_handler,
};

static const struct cni_plugin young_plugin = {
	.name = "young",
	.versions = cni_versions_since_0_4_0,
	.add = own_handler,
	.del = own_handler,
	.check = own_handler,
	.gc = own_handler,
	.status = own_handler,
};

static const struct cni_plugin *const registry[] = { &harness_plugin, &own_plugin, &young_plugin,
						     NULL };

/* --- files --- */

static void path_of(const char *name, char buf[static 256])
{
	assert_true(snprintf(buf, 256, "%s/%s", dir, name) < 256);
}

/* A plugin as a script. It writes its verb to "log" and its input to "stdin". */
static void script(const char *name, const char *body)
{
	CLEANUP(strbuf_done) struct strbuf text = STRBUF_INIT;
	char path[256];
	int fd;

	path_of(name, path);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0755);
	assert_true(fd >= 0);
	strbuf_addf(&text, "#!/bin/sh\nverb=$CNI_COMMAND\necho $verb >>%s/log\ncat >%s/stdin\n%s\n",
		    dir, dir, body);
	assert_int_equal(fd_write_all(fd, text.s, text.len), 0);
	assert_int_equal(close(fd), 0);
}

static void assert_file(const char *name, const char *want)
{
	char path[256];
	char buf[1024];

	path_of(name, path);
	assert_int_equal(file_read(AT_FDCWD, path, buf, sizeof(buf)), 0);
	assert_string_equal(buf, want);
}

static void remove_file(const char *name)
{
	char path[256];

	path_of(name, path);
	if (unlink(path) < 0)
		assert_int_equal(errno, ENOENT);
}

static int group_setup(void **state)
{
	char path[256];

	(void)state;
	if (!mkdtemp(dir))
		return -1;
	path_of("own", path);
	if (symlink("/proc/self/exe", path) < 0)
		return -1;
	path_of("young", path);
	return symlink("/proc/self/exe", path);
}

static int group_teardown(void **state)
{
	static const char *const names[] = { "own", "young", "foreign", "log", "stdin" };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		remove_file(names[i]);
	return rmdir(dir);
}

static int teardown(void **state)
{
	(void)state;
	json_doc_free(call.doc);
	call.doc = NULL;
	return 0;
}

static void begin(enum cni_verb verb, const char *text)
{
	(void)teardown(NULL);
	remove_file("log");
	memset(&own, 0, sizeof(own));
	err = NERR_INIT;
	harness_call(&call, verb, text);
	call.registry = registry;
	call.path = dir;
	assert_int_equal(setenv("CNI_COMMAND", cni_verb_str(verb), 1), 0);
	assert_int_equal(harness_load(&call, &err), 0);
}

/* --- finding --- */

static void what_cannot_be_found_is_named(void **state)
{
	struct cni_result res;
	char want[128];

	(void)state;
	begin(CNI_ADD, CONF("1.0.0"));
	assert_true(cni_ipam_add(&call, "", &res, &err) < 0);
	assert_string_equal(err.msg, "no plugin name provided");
	assert_true(cni_ipam_add(&call, "a/b", &res, &err) < 0);
	assert_string_equal(err.msg, "invalid plugin name: a/b");
	assert_true(cni_ipam_add(&call, "no\"ne", &res, &err) < 0);
	(void)snprintf(want, sizeof(want), "failed to find plugin \"no\\\"ne\" in path [%s]", dir);
	assert_string_equal(err.msg, want);
	call.path = "";
	assert_true(cni_ipam_add(&call, "own", &res, &err) < 0);
	assert_string_equal(err.msg, "no paths provided");
}

static void a_plugin_is_not_its_own_ipam(void **state)
{
	struct cni_result res;

	(void)state;
	begin(CNI_ADD, CONF("1.0.0"));
	assert_int_equal(cni_ipam_add(&call, "harness", &res, &err), -ELOOP);
	assert_string_equal(err.msg, "plugin \"harness\" cannot be its own IPAM plugin");
}

/* --- in this process --- */

static void ours_is_called_here(void **state)
{
	struct cni_result res = { .n_ips = 0 };

	(void)state;
	begin(CNI_ADD, CONF("1.0.0"));
	own.n_ips = 2;
	assert_int_equal(cni_ipam_add(&call, "own", &res, &err), 0);
	assert_int_equal(own.n_calls, 1);
	assert_int_equal(own.verb, CNI_ADD);
	assert_int_equal(res.n_ips, 2);
	assert_int_equal(call.result.n_ips, 0);
	assert_int_equal(call.verb, CNI_ADD);
	assert_int_equal(cni_ipam_del(&call, "own", &err), 0);
	assert_int_equal(own.last, CNI_DEL);
	begin(CNI_CHECK, CONF("1.0.0"));
	assert_int_equal(cni_ipam_check(&call, "own", &err), 0);
	assert_int_equal(own.verb, CNI_CHECK);
	begin(CNI_STATUS, CONF("1.1.0"));
	assert_int_equal(cni_ipam_status(&call, "own", &err), 0);
	assert_int_equal(own.verb, CNI_STATUS);
}

static void gc_is_handed_on_with_its_list(void **state)
{
	(void)state;
	begin(CNI_GC, "{\"cniVersion\":\"1.1.0\",\"name\":\"net\",\"cni.dev/attachments\":[]}");
	assert_int_equal(cni_ipam_gc(&call, "own", &err), 0);
	assert_int_equal(own.n_calls, 1);
	assert_int_equal(own.verb, CNI_GC);
	begin(CNI_GC, CONF("1.1.0"));
	assert_int_equal(cni_ipam_gc(&call, "own", &err), 0);
	assert_int_equal(own.n_calls, 0);
}

static void ours_has_its_own_prev_result(void **state)
{
	(void)state;
	begin(CNI_CHECK, "{\"cniVersion\":\"1.0.0\",\"name\":\"net\",\"prevResult\":{}}");
	assert_non_null(call.prev);
	assert_int_equal(cni_ipam_check(&call, "own", &err), 0);
	assert_non_null(own.prev);
	assert_ptr_not_equal(own.prev, call.prev);
}

static void ours_checks_its_own_versions(void **state)
{
	struct cni_result res;

	(void)state;
	begin(CNI_ADD, CONF("0.3.1"));
	assert_true(cni_ipam_add(&call, "young", &res, &err) < 0);
	assert_int_equal(err.num, CNI_INCOMPATIBLE_VERSION);
	assert_string_equal(err.details,
			    "config is \"0.3.1\", plugin supports [\"0.4.0\" \"1.0.0\" \"1.1.0\"]");
	assert_int_equal(own.n_calls, 0);
}

/* All or nothing: an earlier ADD of the same attachment keeps what it has. */
static void a_failed_add_of_ours_is_not_deleted(void **state)
{
	struct cni_result res;

	(void)state;
	begin(CNI_ADD, CONF("1.0.0"));
	own.fail = CNI_TRY_AGAIN;
	assert_int_equal(cni_ipam_add(&call, "own", &res, &err), -EBUSY);
	assert_int_equal(err.num, CNI_TRY_AGAIN);
	assert_string_equal(err.msg, "own has failed");
	assert_int_equal(own.n_calls, 1);
}

static void the_oldest_shape_is_kept(void **state)
{
	struct cni_result res;

	(void)state;
	begin(CNI_ADD, CONF("0.2.0"));
	own.n_ips = 4;
	assert_int_equal(cni_ipam_add(&call, "own", &res, &err), 0);
	assert_int_equal(res.n_ips, 2);

	begin(CNI_ADD, CONF("0.2.0"));
	assert_int_equal(cni_ipam_add(&call, "own", &res, &err), -EINVAL);
	assert_string_equal(err.msg, "cannot convert: no valid IP addresses");
	assert_int_equal(own.last, CNI_DEL);
}

/* --- executed --- */

static void a_foreign_plugin_gets_the_request_as_it_came(void **state)
{
	static const char text[] = "{ \"cniVersion\":\"1.0.0\", \"name\":\"net\", \"x\": [1] }";
	struct cni_result res = { .n_ips = 0 };

	(void)state;
	script("foreign", "echo '{\"ips\":[{\"address\":\"10.7.0.2/24\",\"gateway\":\"10.7.0.1\"}],"
			  "\"dns\":{\"domain\":\"d\"}}'");
	begin(CNI_ADD, text);
	assert_int_equal(cni_ipam_add(&call, "foreign", &res, &err), 0);
	assert_int_equal(res.n_ips, 1);
	assert_string_equal(res.dns.domain, "d");
	assert_file("stdin", text);
	assert_file("log", "ADD");
	assert_int_equal(cni_ipam_del(&call, "foreign", &err), 0);
	assert_file("log", "ADD\nDEL");
	assert_string_equal(getenv("CNI_COMMAND"), "ADD");
}

static void a_foreign_result_has_its_own_version(void **state)
{
	struct cni_result res = { .n_ips = 0 };

	(void)state;
	script("foreign", "echo '{\"cniVersion\":\"0.2.0\",\"ip4\":{\"ip\":\"10.7.0.2/24\"}}'");
	begin(CNI_ADD, CONF("1.0.0"));
	assert_int_equal(cni_ipam_add(&call, "foreign", &res, &err), 0);
	assert_int_equal(res.n_ips, 1);

	script("foreign", "echo ' null '");
	assert_int_equal(cni_ipam_add(&call, "foreign", &res, &err), 0);
	assert_int_equal(res.n_ips, 0);
}

static void a_foreign_error_keeps_its_parts_and_is_followed_by_del(void **state)
{
	struct cni_result res;

	(void)state;
	script("foreign", "[ $verb = DEL ] && exit 0\n"
			  "echo '{\"code\":11,\"msg\":\"later\",\"details\":\"soon\"}'; exit 1");
	begin(CNI_ADD, CONF("1.0.0"));
	assert_true(cni_ipam_add(&call, "foreign", &res, &err) < 0);
	assert_int_equal(err.num, 11);
	assert_string_equal(err.msg, "later");
	assert_string_equal(err.details, "soon");
	assert_file("log", "ADD\nDEL");
}

static void a_result_that_makes_no_sense_is_followed_by_del(void **state)
{
	static const char *const bodies[] = { "echo oops", "echo '{\"cniVersion\":\"7.0.0\"}'",
					      "echo '{\"ips\":[{\"address\":\"x\"}]}'", ":",
					      "echo '{}{}'" };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bodies); i++) {
		struct cni_result res = { .n_ips = 77 };

		script("foreign", bodies[i]);
		begin(CNI_ADD, CONF("1.0.0"));
		assert_true(cni_ipam_add(&call, "foreign", &res, &err) < 0);
		assert_true(str_has_prefix(err.msg, "cannot read the result of '"));
		assert_int_equal(res.n_ips, 77);
		assert_file("log", "ADD\nDEL");
	}
}

static void what_goes_wrong_names_the_foreign_plugin(void **state)
{
	struct cni_result res;

	(void)state;
	script("foreign", "[ $verb = DEL ] || exit 3");
	begin(CNI_ADD, CONF("1.0.0"));
	assert_true(cni_ipam_add(&call, "foreign", &res, &err) < 0);
	assert_string_equal(
		err.msg,
		"IPAM plugin \"foreign\": netplugin failed with no error message: exit status 3");
	assert_file("log", "ADD\nDEL");

	/* Its deadline can be chosen; the DEL after an ADD has one of its own. */
	script("foreign", "exec sleep 1000");
	assert_int_equal(setenv("FAIRLEAD_IPAM_TIMEOUT", "1", 1), 0);
	begin(CNI_ADD, CONF("1.0.0"));
	assert_int_equal(cni_ipam_add(&call, "foreign", &res, &err), -ETIMEDOUT);
	assert_string_equal(err.msg, "IPAM plugin \"foreign\": no answer within 1 s, killed");
	assert_file("log", "ADD\nDEL");
	assert_int_equal(unsetenv("FAIRLEAD_IPAM_TIMEOUT"), 0);
}

static void a_deadline_that_is_none_is_refused(void **state)
{
	static const char *const values[] = { "0", "3601", "-1", "1s", " 1", "99999999999" };
	char want[128];

	(void)state;
	script("foreign", ":");
	for (size_t i = 0; i < ARRAY_SIZE(values); i++) {
		assert_int_equal(setenv("FAIRLEAD_IPAM_TIMEOUT", values[i], 1), 0);
		begin(CNI_DEL, CONF("1.0.0"));
		assert_true(cni_ipam_del(&call, "foreign", &err) < 0);
		assert_int_equal(err.num, CNI_INVALID_ENV);
		(void)snprintf(
			want, sizeof(want),
			"FAIRLEAD_IPAM_TIMEOUT is '%s', not a number of seconds from 1 to 3600",
			values[i]);
		assert_string_equal(err.msg, want);
	}
	assert_int_equal(setenv("FAIRLEAD_IPAM_TIMEOUT", "", 1), 0);
	assert_int_equal(cni_ipam_del(&call, "foreign", NULL), 0);
	assert_int_equal(unsetenv("FAIRLEAD_IPAM_TIMEOUT"), 0);
}

static void a_foreign_plugin_need_not_know_gc(void **state)
{
	(void)state;
	script("foreign", "echo '{\"code\":4,\"msg\":\"unknown CNI_COMMAND: GC\"}'; exit 1");
	begin(CNI_GC, CONF("1.1.0"));
	assert_int_equal(cni_ipam_gc(&call, "foreign", &err), 0);
	assert_file("log", "GC");
	assert_int_equal(err.code, 0);

	script("foreign", "echo '{\"code\":1,\"msg\":\"incompatible CNI versions\"}'; exit 1");
	assert_int_equal(cni_ipam_gc(&call, "foreign", &err), 0);

	script("foreign", "echo '{\"code\":5,\"msg\":\"disk\"}'; exit 1");
	assert_true(cni_ipam_gc(&call, "foreign", &err) < 0);
	assert_int_equal(err.num, CNI_IO_FAILURE);
	assert_string_equal(err.msg, "disk");
}

static void what_a_foreign_plugin_says_of_its_status_is_kept(void **state)
{
	(void)state;
	script("foreign", "exit 0");
	begin(CNI_STATUS, CONF("1.1.0"));
	assert_int_equal(cni_ipam_status(&call, "foreign", &err), 0);
	assert_file("log", "STATUS");

	script("foreign", "echo '{\"code\":50,\"msg\":\"full\"}'; exit 1");
	assert_true(cni_ipam_status(&call, "foreign", &err) < 0);
	assert_int_equal(err.num, CNI_NOT_AVAILABLE);

	script("foreign", "echo '{\"code\":4,\"msg\":\"unknown CNI_COMMAND: STATUS\"}'; exit 1");
	assert_true(cni_ipam_status(&call, "foreign", &err) < 0);
	assert_int_equal(err.num, CNI_INVALID_ENV);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(what_cannot_be_found_is_named, teardown),
		cmocka_unit_test_teardown(a_plugin_is_not_its_own_ipam, teardown),
		cmocka_unit_test_teardown(ours_is_called_here, teardown),
		cmocka_unit_test_teardown(gc_is_handed_on_with_its_list, teardown),
		cmocka_unit_test_teardown(ours_has_its_own_prev_result, teardown),
		cmocka_unit_test_teardown(ours_checks_its_own_versions, teardown),
		cmocka_unit_test_teardown(a_failed_add_of_ours_is_not_deleted, teardown),
		cmocka_unit_test_teardown(the_oldest_shape_is_kept, teardown),
		cmocka_unit_test_teardown(a_foreign_plugin_gets_the_request_as_it_came, teardown),
		cmocka_unit_test_teardown(a_foreign_result_has_its_own_version, teardown),
		cmocka_unit_test_teardown(a_foreign_error_keeps_its_parts_and_is_followed_by_del,
					  teardown),
		cmocka_unit_test_teardown(a_result_that_makes_no_sense_is_followed_by_del,
					  teardown),
		cmocka_unit_test_teardown(what_goes_wrong_names_the_foreign_plugin, teardown),
		cmocka_unit_test_teardown(a_deadline_that_is_none_is_refused, teardown),
		cmocka_unit_test_teardown(a_foreign_plugin_need_not_know_gc, teardown),
		cmocka_unit_test_teardown(what_a_foreign_plugin_says_of_its_status_is_kept,
					  teardown),
	};

	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
