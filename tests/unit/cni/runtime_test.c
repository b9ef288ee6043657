/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Plugins here are one shell script under several names.  It notes who was asked what,
 * keeps its standard input, and answers from files.
 */
#include "cni/runtime.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/json_table.h"
#include "base/str.h"
#include "tests/unit/cni/tempdir.h"

/* DIR/log: "ADD one eth0", a line per call.  DIR/ADD.one: its request.  Before that,
 * DIR/fail.ADD.one makes it fail with the error object in it; DIR/result.one is what it
 * answers to ADD.
 */
static const char plugin[] =
	"#!/bin/sh\n"
	"me=${0##*/}; cd \"${0%/*}/..\" || exit 9\n"
	"echo \"$CNI_COMMAND $me $CNI_IFNAME\" >>log\n"
	"cat >$CNI_COMMAND.$me\n"
	"echo \"$CNI_CONTAINERID|$CNI_NETNS|$CNI_ARGS|$CNI_PATH\" >env\n"
	"if [ -e fail.$CNI_COMMAND.$me ]; then cat fail.$CNI_COMMAND.$me; exit 1; fi\n"
	"[ $CNI_COMMAND != ADD ] || cat result.$me\n";

#define RESULT1                                                                                    \
	"{\"ips\":[{\"address\":\"10.0.0.2/24\"}],\"cniVersion\":\"1.0.0\",\"x\":{\"b\":1,\"a\":2}}"
#define RESULT1_SORTED                                                                             \
	"{\"cniVersion\":\"1.0.0\",\"ips\":[{\"address\":\"10.0.0.2/24\"}],\"x\":{\"a\":2,\"b\":1}}"
#define RESULT2 "{\"cniVersion\":\"1.0.0\",\"ips\":[{\"address\":\"10.0.0.3/24\"}]}"
#define ERROR   "{\"code\":50,\"msg\":\"no luck\",\"details\":\"none at all\"}"

static struct cni_conflist *list;
static struct cni_runtime rt;

static const struct cni_pair args[] = { { "IgnoreUnknown", "1" }, { "IP", "10.0.0.2" } };
static struct cni_attach at;

static void load(const char *text)
{
	struct nerr err = NERR_INIT;

	cni_conflist_free(list);
	list = NULL;
	if (cni_conflist_parse(text, strlen(text), &list, &err) < 0)
		fail_msg("%s", err.msg);
}

#define NETWORK(version, keys)                                                                     \
	"{\"cniVersion\":\"" version "\",\"name\":\"n\"," keys "\"plugins\":["                     \
	"{\"type\":\"one\"},{\"type\":\"two\",\"name\":\"own\"},{\"type\":\"three\"}]}"

static int setup(void **state)
{
	static const char *const names[] = { "one", "two", "three" };
	static char path[PATH_MAX];

	if (temp_make(state) < 0)
		return -1;
	temp_mkdir("bin");
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		CLEANUP(strbuf_done) struct strbuf file = STRBUF_INIT;

		strbuf_addf(&file, "bin/%s", names[i]);
		temp_write(file.s, plugin, 0755);
	}
	temp_write("result.one", RESULT1, 0644);
	temp_write("result.two", RESULT2, 0644);
	temp_write("result.three", RESULT2, 0644);
	(void)snprintf(path, sizeof(path), "%s", temp_path("bin"));
	rt = (struct cni_runtime){ .path = path, .cache_dir = tempdir, .cancel_fd = -1 };
	at = (struct cni_attach){
		.container_id = "cid1",
		.netns = "/run/netns/c1",
		.ifname = "eth0",
		.args = args,
		.n_args = ARRAY_SIZE(args),
	};
	load(NETWORK("1.0.0", ""));
	return 0;
}

static int teardown(void **state)
{
	cni_conflist_free(list);
	list = NULL;
	return temp_remove(state);
}

static void add(void)
{
	CLEANUP(strbuf_done) struct strbuf result = STRBUF_INIT;
	struct nerr err = NERR_INIT;

	if (cni_runtime_add(&rt, list, &at, &result, NULL, &err) < 0)
		fail_msg("%s", err.msg);
}

static void forget_log(void)
{
	assert_int_equal(unlink(temp_path("log")), 0);
}

static bool is_cached(void)
{
	return access(temp_path("results/n-cid1-eth0"), F_OK) == 0;
}

/* --- ADD --- */

static void add_runs_the_chain_and_caches_the_last_result(void **state)
{
	CLEANUP(strbuf_done) struct strbuf result = STRBUF_INIT;
	struct cni_cached *cached = NULL;
	struct nerr err = NERR_INIT;

	(void)state;
	assert_int_equal(cni_runtime_add(&rt, list, &at, &result, NULL, &err), 0);
	assert_string_equal(temp_read("log"), "ADD one eth0\nADD two eth0\nADD three eth0\n");
	assert_string_equal(temp_read("ADD.one"),
			    "{\"cniVersion\":\"1.0.0\",\"name\":\"n\",\"type\":\"one\"}");
	/* Each gets the result of the one before: compact, in order, unknown keys and all. */
	assert_string_equal(
		temp_read("ADD.two"),
		"{\"cniVersion\":\"1.0.0\",\"name\":\"n\",\"prevResult\":" RESULT1_SORTED
		",\"type\":\"two\"}");
	assert_string_equal(result.s, RESULT2);
	assert_non_null(
		strstr(temp_read("env"), "cid1|/run/netns/c1|IgnoreUnknown=1;IP=10.0.0.2|"));
	assert_non_null(strstr(temp_read("env"), rt.path));
	assert_int_equal(cni_cache_get(tempdir, "n", "cid1", "eth0", &cached, &err), 0);
	assert_string_equal(cached->result, RESULT2);
	cni_cached_free(cached);
}

static void a_result_without_a_version_has_that_of_the_network(void **state)
{
	CLEANUP(strbuf_done) struct strbuf result = STRBUF_INIT;

	(void)state;
	temp_write("result.three", "{\"ips\":[{\"address\":\"10.0.0.4/24\"}]}", 0644);
	assert_int_equal(cni_runtime_add(&rt, list, &at, &result, NULL, NULL), 0);
	assert_string_equal(result.s,
			    "{\"cniVersion\":\"1.0.0\",\"ips\":[{\"address\":\"10.0.0.4/24\"}]}");
	temp_write("result.three", "null\n", 0644);
	strbuf_done(&result);
	assert_int_equal(cni_runtime_add(&rt, list, &at, &result, NULL, NULL), 0);
	assert_string_equal(result.s, "{\"cniVersion\":\"1.0.0\"}");
}

static void add_fails(const char *msg, bool undone)
{
	CLEANUP(strbuf_done) struct strbuf result = STRBUF_INIT;
	struct nerr err = NERR_INIT;
	bool got = !undone;

	assert_true(cni_runtime_add(&rt, list, &at, &result, &got, &err) < 0);
	assert_string_equal(err.msg, msg);
	assert_int_equal(got, undone);
	assert_int_equal(result.len, 0);
	assert_false(is_cached());
}

static void a_failed_add_is_taken_back_in_reverse(void **state)
{
	(void)state;
	temp_write("fail.ADD.two", ERROR, 0644);
	add_fails("plugin type=\"two\" name=\"own\" failed (add): no luck; none at all", true);
	/* The whole chain: nobody knows how far the plugin that failed has come. */
	assert_string_equal(temp_read("log"), "ADD one eth0\nADD two eth0\n"
					      "DEL three eth0\nDEL two eth0\nDEL one eth0\n");
	assert_string_equal(
		temp_read("DEL.one"),
		"{\"cniVersion\":\"1.0.0\",\"name\":\"n\",\"prevResult\":" RESULT1_SORTED
		",\"type\":\"one\"}");
}

static void taking_back_goes_on_after_a_failure_and_says_so(void **state)
{
	(void)state;
	temp_write("fail.ADD.one", ERROR, 0644);
	temp_write("fail.DEL.two", ERROR, 0644);
	add_fails("plugin type=\"one\" failed (add): no luck; none at all", false);
	assert_string_equal(temp_read("log"),
			    "ADD one eth0\nDEL three eth0\nDEL two eth0\nDEL one eth0\n");
	/* There is no result to hand back. */
	assert_null(strstr(temp_read("DEL.one"), "prevResult"));
}

static void a_plugin_that_is_not_there_stops_add_before_anything_runs(void **state)
{
	CLEANUP(strbuf_done) struct strbuf msg = STRBUF_INIT;

	(void)state;
	assert_int_equal(unlink(temp_path("bin/three")), 0);
	strbuf_addf(
		&msg,
		"plugin type=\"three\" failed (add): failed to find plugin \"three\" in path [%s]",
		rt.path);
	add_fails(msg.s, true);
	assert_string_equal(temp_read("log"), "");
}

static void an_answer_that_is_no_result_is_a_failure(void **state)
{
	static const char *const bad[] = {
		"",
		"[]",
		"{\"cniVersion\":\"1.0.0\"}{}",
		"{\"cniVersion\":\"7.0.0\"}",
		"{\"cniVersion\":\"1.0.0\",\"ips\":[{\"address\":\"x\"}]}",
		"{\"cniVersion\":\"1.0.0\",\"ips\":{}}",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		CLEANUP(strbuf_done) struct strbuf result = STRBUF_INIT;
		struct nerr err = NERR_INIT;

		temp_write("result.one", bad[i], 0644);
		if (cni_runtime_add(&rt, list, &at, &result, NULL, &err) >= 0)
			fail_msg("'%s' was taken", bad[i]);
		if (!str_has_prefix(err.msg,
				    "plugin type=\"one\" failed (add): result of the plugin: "))
			fail_msg("'%s': %s", bad[i], err.msg);
		assert_non_null(strstr(temp_read("log"), "DEL one eth0\n"));
		forget_log();
	}
}

static void a_result_that_cannot_be_cached_is_taken_back(void **state)
{
	CLEANUP(strbuf_done) struct strbuf result = STRBUF_INIT;
	struct nerr err = NERR_INIT;
	bool undone = false;

	(void)state;
	temp_write("results", "in the way", 0644);
	assert_int_equal(cni_runtime_add(&rt, list, &at, &result, &undone, &err), -ENOTDIR);
	assert_true(undone);
	assert_non_null(strstr(temp_read("log"), "ADD three eth0\nDEL three eth0\n"));
}

static void attachments_that_are_none_are_refused(void **state)
{
	static const struct {
		const char *id;
		const char *ifname;
		struct cni_pair arg;
		const char *msg;
	} bad[] = {
		{ "", "eth0", { "K", "V" }, "missing containerID" },
		{ "a/b", "eth0", { "K", "V" }, "invalid characters in containerID 'a/b'" },
		{ "a",
		  "a/b",
		  { "K", "V" },
		  "interface 'a/b': interface name contains / or : or whitespace characters" },
		{ "a", "eth0", { "K", "a;b" }, "CNI_ARGS cannot hold 'K=a;b'" },
		{ "a", "eth0", { "", "b" }, "CNI_ARGS cannot hold '=b'" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		at = (struct cni_attach){ .container_id = bad[i].id,
					  .netns = "/n",
					  .ifname = bad[i].ifname,
					  .args = &bad[i].arg,
					  .n_args = 1 };
		add_fails(bad[i].msg, true);
		assert_string_equal(temp_read("log"), "");
	}
}

static void add_can_be_given_up_but_not_its_undoing(void **state)
{
	CLEANUP(strbuf_done) struct strbuf result = STRBUF_INIT;
	struct nerr err = NERR_INIT;
	bool undone = false;
	int fd[2];

	(void)state;
	assert_int_equal(pipe(fd), 0);
	(void)close(fd[1]);
	rt.cancel_fd = fd[0];
	assert_int_equal(cni_runtime_add(&rt, list, &at, &result, &undone, &err), -ECANCELED);
	assert_true(undone);
	assert_string_equal(temp_read("log"), "DEL three eth0\nDEL two eth0\nDEL one eth0\n");
	(void)close(fd[0]);
}

/* --- DEL --- */

static void del_runs_in_reverse_with_the_cached_result(void **state)
{
	struct nerr err = NERR_INIT;

	(void)state;
	add();
	forget_log();
	assert_int_equal(cni_runtime_del(&rt, list, &at, &err), 0);
	assert_string_equal(temp_read("log"), "DEL three eth0\nDEL two eth0\nDEL one eth0\n");
	assert_string_equal(temp_read("DEL.one"),
			    "{\"cniVersion\":\"1.0.0\",\"name\":\"n\",\"prevResult\":" RESULT2
			    ",\"type\":\"one\"}");
	assert_false(is_cached());
	/* Again, with nothing to know. */
	assert_int_equal(cni_runtime_del(&rt, list, &at, &err), 0);
	assert_null(strstr(temp_read("DEL.one"), "prevResult"));
}

static void old_versions_get_no_result_on_del(void **state)
{
	(void)state;
	load(NETWORK("0.3.1", ""));
	temp_write("result.one", "{\"cniVersion\":\"0.3.1\",\"dns\":{}}", 0644);
	temp_write("result.two", "{\"cniVersion\":\"0.3.1\",\"dns\":{}}", 0644);
	temp_write("result.three", "{\"cniVersion\":\"0.3.1\",\"dns\":{}}", 0644);
	add();
	assert_int_equal(cni_runtime_del(&rt, list, &at, NULL), 0);
	assert_null(strstr(temp_read("DEL.one"), "prevResult"));
	assert_false(is_cached());
}

static void the_cached_result_follows_the_networks_version(void **state)
{
	(void)state;
	add();
	load(NETWORK("0.4.0", ""));
	assert_int_equal(cni_runtime_del(&rt, list, &at, NULL), 0);
	assert_string_equal(temp_read("DEL.one"),
			    "{\"cniVersion\":\"0.4.0\",\"name\":\"n\",\"prevResult\":"
			    "{\"cniVersion\":\"0.4.0\",\"ips\":[{\"version\":\"4\","
			    "\"address\":\"10.0.0.3/24\"}],\"dns\":{}},\"type\":\"one\"}");
}

static void del_goes_on_after_a_failure_and_keeps_the_cache(void **state)
{
	struct nerr err = NERR_INIT;

	(void)state;
	add();
	forget_log();
	temp_write("fail.DEL.three", ERROR, 0644);
	temp_write("fail.DEL.one", "{\"code\":1,\"msg\":\"other\"}", 0644);
	assert_int_equal(cni_runtime_del(&rt, list, &at, &err), -EIO);
	assert_string_equal(err.msg, "plugin type=\"three\" failed (delete): no luck; none at all");
	assert_int_equal(err.num, 50);
	assert_string_equal(temp_read("log"), "DEL three eth0\nDEL two eth0\nDEL one eth0\n");
	assert_true(is_cached());
}

static void a_broken_cache_does_not_stop_del(void **state)
{
	(void)state;
	temp_mkdir("results");
	temp_write("results/n-cid1-eth0", "{", 0600);
	assert_int_equal(cni_runtime_del(&rt, list, &at, NULL), 0);
	assert_null(strstr(temp_read("DEL.one"), "prevResult"));
	assert_false(is_cached());
}

/* --- CHECK, GC, STATUS --- */

static void check_runs_forward_with_the_cached_result(void **state)
{
	struct nerr err = NERR_INIT;

	(void)state;
	add();
	forget_log();
	assert_int_equal(cni_runtime_check(&rt, list, &at, &err), 0);
	assert_string_equal(temp_read("log"), "CHECK one eth0\nCHECK two eth0\nCHECK three eth0\n");
	assert_non_null(strstr(temp_read("CHECK.one"), "\"prevResult\":" RESULT2));
	forget_log();
	temp_write("fail.CHECK.two", ERROR, 0644);
	assert_int_equal(cni_runtime_check(&rt, list, &at, &err), -EIO);
	assert_string_equal(
		err.msg, "plugin type=\"two\" name=\"own\" failed (check): no luck; none at all");
	assert_string_equal(temp_read("log"), "CHECK one eth0\nCHECK two eth0\n");
}

static void check_knows_when_not_to(void **state)
{
	struct nerr err = NERR_INIT;

	(void)state;
	load(NETWORK("1.0.0", "\"disableCheck\":true,"));
	assert_int_equal(cni_runtime_check(&rt, list, &at, &err), 0);
	load(NETWORK("0.3.1", ""));
	assert_int_equal(cni_runtime_check(&rt, list, &at, &err), -EOPNOTSUPP);
	assert_string_equal(err.msg,
			    "configuration version '0.3.1' does not support the CHECK command");
	assert_string_equal(temp_read("log"), "");
}

static void gc_deletes_what_is_not_valid_then_asks_every_plugin(void **state)
{
	static const struct cni_attachment valid[] = { { "cid2", "eth0" } };
	struct nerr err = NERR_INIT;

	(void)state;
	load(NETWORK("1.1.0", ""));
	add();
	at.container_id = "cid2";
	add();
	forget_log();
	assert_int_equal(cni_runtime_gc(&rt, list, valid, 1, &err), 0);
	assert_string_equal(temp_read("log"), "DEL three eth0\nDEL two eth0\nDEL one eth0\n"
					      "GC one \nGC two \nGC three \n");
	assert_string_equal(
		temp_read("GC.one"),
		"{\"cni.dev/attachments\":[{\"containerID\":\"cid2\",\"ifname\":\"eth0\"}],"
		"\"cni.dev/valid-attachments\":[{\"containerID\":\"cid2\",\"ifname\":\"eth0\"}],"
		"\"cniVersion\":\"1.1.0\",\"name\":\"n\",\"type\":\"one\"}");
	assert_true(str_has_prefix(temp_read("env"), "|||/"));
	assert_false(is_cached());
	assert_int_equal(access(temp_path("results/n-cid2-eth0"), F_OK), 0);
}

static void gc_leaves_other_networks_alone(void **state)
{
	(void)state;
	add();
	load("{\"cniVersion\":\"1.1.0\",\"name\":\"other\",\"plugins\":[{\"type\":\"one\"}]}");
	forget_log();
	assert_int_equal(cni_runtime_gc(&rt, list, NULL, 0, NULL), 0);
	assert_string_equal(temp_read("log"), "GC one \n");
	assert_true(is_cached());
}

static void gc_tries_all_and_reports_the_first_failure(void **state)
{
	struct nerr err = NERR_INIT;

	(void)state;
	load(NETWORK("1.1.0", ""));
	add();
	forget_log();
	temp_write("fail.DEL.two", ERROR, 0644);
	temp_write("fail.GC.one", ERROR, 0644);
	assert_int_equal(cni_runtime_gc(&rt, list, NULL, 0, &err), -EIO);
	assert_string_equal(
		err.msg,
		"failed to delete stale attachment cid1 eth0: plugin type=\"two\" name=\"own\" failed (delete): no luck; none at all");
	assert_non_null(strstr(temp_read("log"), "GC one \nGC two \nGC three \n"));
}

static void gc_knows_when_not_to(void **state)
{
	(void)state;
	add();
	load(NETWORK("1.1.0", "\"disableGC\":true,"));
	forget_log();
	assert_int_equal(cni_runtime_gc(&rt, list, NULL, 0, NULL), 0);
	assert_string_equal(temp_read("log"), "");
	/* Before 1.1.0 there is no GC, but the cache is. */
	load(NETWORK("1.0.0", ""));
	assert_int_equal(cni_runtime_gc(&rt, list, NULL, 0, NULL), 0);
	assert_string_equal(temp_read("log"), "DEL three eth0\nDEL two eth0\nDEL one eth0\n");
}

static void status_is_the_first_plugins_that_cannot(void **state)
{
	struct nerr err = NERR_INIT;

	(void)state;
	assert_int_equal(cni_runtime_status(&rt, list, &err), 0);
	assert_string_equal(temp_read("log"), "");
	load(NETWORK("1.1.0", ""));
	assert_int_equal(cni_runtime_status(&rt, list, &err), 0);
	assert_string_equal(temp_read("STATUS.two"),
			    "{\"cniVersion\":\"1.1.0\",\"name\":\"n\",\"type\":\"two\"}");
	forget_log();
	temp_write("fail.STATUS.two", ERROR, 0644);
	assert_int_equal(cni_runtime_status(&rt, list, &err), -EIO);
	assert_int_equal(err.num, CNI_NOT_AVAILABLE);
	assert_string_equal(err.msg, "no luck");
	assert_string_equal(temp_read("log"), "STATUS one \nSTATUS two \n");
}

/* --- following --- */

static unsigned n_steps;

static void count_step(const struct cni_step *step, void *arg)
{
	static const char *const types[] = { "one", "two" };

	assert_ptr_equal(arg, &n_steps);
	assert_true(n_steps < 2);
	assert_int_equal(step->verb, CNI_ADD);
	assert_string_equal(step->type, types[n_steps]);
	assert_string_equal(step->network, "n");
	assert_string_equal(step->ifname, "eth0");
	assert_true(step->usec > 0);
	assert_string_equal(step->said, n_steps == 0 ? "a word\n" : "");
	assert_string_equal(step->error, n_steps == 0 ? "" : "no luck");
	n_steps++;
	if (step->r < 0)
		rt.step = NULL; /* the undoing is another test's business */
}

static void each_step_can_be_followed(void **state)
{
	CLEANUP(strbuf_done) struct strbuf result = STRBUF_INIT;

	(void)state;
	temp_write("bin/one", "#!/bin/sh\necho a word >&2\necho '" RESULT1 "'\n", 0755);
	temp_write("fail.ADD.two", ERROR, 0644);
	n_steps = 0;
	rt.step = count_step;
	rt.arg = &n_steps;
	assert_true(cni_runtime_add(&rt, list, &at, &result, NULL, NULL) < 0);
	assert_int_equal(n_steps, 2);
}

static void a_result_can_be_read(void **state)
{
	struct json_doc *doc = NULL;
	struct nerr err = NERR_INIT;
	struct cni_result res;

	(void)state;
	assert_int_equal(cni_runtime_result(list, RESULT1_SORTED, &doc, &res, &err), 0);
	assert_int_equal(res.n_ips, 1);
	json_doc_free(doc);
	doc = NULL;
	assert_true(cni_runtime_result(list, "{", &doc, &res, &err) < 0);
	assert_null(doc);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	static const struct CMUnitTest tests[] = {
		TEST(add_runs_the_chain_and_caches_the_last_result),
		TEST(a_result_without_a_version_has_that_of_the_network),
		TEST(a_failed_add_is_taken_back_in_reverse),
		TEST(taking_back_goes_on_after_a_failure_and_says_so),
		TEST(a_plugin_that_is_not_there_stops_add_before_anything_runs),
		TEST(an_answer_that_is_no_result_is_a_failure),
		TEST(a_result_that_cannot_be_cached_is_taken_back),
		TEST(attachments_that_are_none_are_refused),
		TEST(add_can_be_given_up_but_not_its_undoing),
		TEST(del_runs_in_reverse_with_the_cached_result),
		TEST(old_versions_get_no_result_on_del),
		TEST(the_cached_result_follows_the_networks_version),
		TEST(del_goes_on_after_a_failure_and_keeps_the_cache),
		TEST(a_broken_cache_does_not_stop_del),
		TEST(check_runs_forward_with_the_cached_result),
		TEST(check_knows_when_not_to),
		TEST(gc_deletes_what_is_not_valid_then_asks_every_plugin),
		TEST(gc_leaves_other_networks_alone),
		TEST(gc_tries_all_and_reports_the_first_failure),
		TEST(gc_knows_when_not_to),
		TEST(status_is_the_first_plugins_that_cannot),
		TEST(each_step_can_be_followed),
		TEST(a_result_can_be_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
