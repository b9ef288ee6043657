/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cni/cache.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/str.h"
#include "tests/unit/cni/tempdir.h"

DEFINE_CLEANUP(struct cni_cached *, cni_cached_free);

#define CONF      "{\"cniVersion\":\"1.0.0\",\"name\":\"net1\",\"plugins\":[{\"type\":\"a\"}]}"
#define FILE_NAME "results/net1-cid1-eth0"

static struct cni_conflist *list;

static const struct cni_pair args[] = { { "IgnoreUnknown", "1" }, { "K8S_POD_NAME", "web" } };
static const struct cni_capability caps[] = {
	{ "portMappings", "[{\"containerPort\":80,\"hostPort\":8080}]" },
};
static const struct cni_attach at = {
	.container_id = "cid1",
	.netns = "/run/netns/c1",
	.ifname = "eth0",
	.args = args,
	.n_args = ARRAY_SIZE(args),
	.caps = caps,
	.n_caps = ARRAY_SIZE(caps),
};

static int setup(void **state)
{
	return cni_conflist_parse(CONF, strlen(CONF), &list, NULL) < 0 ? -1 : temp_make(state);
}

static int teardown(void **state)
{
	cni_conflist_free(list);
	return temp_remove(state);
}

static void put(const char *result)
{
	struct nerr err = NERR_INIT;

	if (cni_cache_put(tempdir, list, &at, result, &err) < 0)
		fail_msg("%s", err.msg);
}

static mode_t mode_of(const char *name)
{
	struct stat st;

	assert_int_equal(stat(temp_path(name), &st), 0);
	return st.st_mode & 07777;
}

static void the_file_is_that_of_the_reference_library(void **state)
{
	(void)state;
	put("{\"cniVersion\":\"1.0.0\"}");
	assert_string_equal(
		temp_read(FILE_NAME),
		"{\"kind\":\"cniCacheV1\",\"containerId\":\"cid1\","
		"\"config\":\"eyJjbmlWZXJzaW9uIjoiMS4wLjAiLCJuYW1lIjoibmV0MSIsInBsdWdpbnMiOlt7InR5"
		"cGUiOiJhIn1dfQ==\","
		"\"ifName\":\"eth0\",\"networkName\":\"net1\",\"netns\":\"/run/netns/c1\","
		"\"cniArgs\":[[\"IgnoreUnknown\",\"1\"],[\"K8S_POD_NAME\",\"web\"]],"
		"\"capabilityArgs\":{\"portMappings\":[{\"containerPort\":80,\"hostPort\":8080}]},"
		"\"result\":{\"cniVersion\":\"1.0.0\"}}");
	assert_int_equal(mode_of(FILE_NAME), 0600);
	assert_int_equal(mode_of("results"), 0700);
}

static void what_is_empty_is_left_out(void **state)
{
	const struct cni_attach bare = { .container_id = "cid1", .netns = "", .ifname = "eth0" };

	(void)state;
	assert_int_equal(cni_cache_put(tempdir, list, &bare, "{}", NULL), 0);
	assert_null(strstr(temp_read(FILE_NAME), "netns"));
	assert_null(strstr(temp_read(FILE_NAME), "cniArgs"));
	assert_null(strstr(temp_read(FILE_NAME), "capabilityArgs"));
}

static void what_was_put_comes_back(void **state)
{
	CLEANUP(cni_cached_freep) struct cni_cached *c = NULL;
	struct nerr err = NERR_INIT;

	(void)state;
	put("{\"b\":1,\"a\":2}");
	assert_int_equal(cni_cache_get(tempdir, "net1", "cid1", "eth0", &c, &err), 0);
	assert_string_equal(c->network, "net1");
	assert_string_equal(c->config, CONF);
	assert_string_equal(c->result, "{\"a\":2,\"b\":1}");
	assert_string_equal(c->attach.container_id, "cid1");
	assert_string_equal(c->attach.netns, "/run/netns/c1");
	assert_string_equal(c->attach.ifname, "eth0");
	assert_int_equal(c->attach.n_args, 2);
	assert_string_equal(c->attach.args[1].key, "K8S_POD_NAME");
	assert_string_equal(c->attach.args[1].value, "web");
	assert_int_equal(c->attach.n_caps, 1);
	assert_string_equal(c->attach.caps[0].name, "portMappings");
	assert_string_equal(c->attach.caps[0].json, caps[0].json);
}

static void a_second_put_replaces_the_first_and_leaves_nothing_beside_it(void **state)
{
	CLEANUP(cni_cached_freep) struct cni_cached *c = NULL;

	(void)state;
	put("{\"n\":1}");
	put("{\"n\":2}");
	assert_int_equal(cni_cache_get(tempdir, "net1", "cid1", "eth0", &c, NULL), 0);
	assert_string_equal(c->result, "{\"n\":2}");
	assert_int_equal(cni_cache_del(tempdir, "net1", "cid1", "eth0", NULL), 0);
	/* Only "results" is left, and it is empty. */
	assert_int_equal(rmdir(temp_path("results")), 0);
	assert_int_equal(rmdir(tempdir), 0);
	assert_int_equal(mkdir(tempdir, 0700), 0);
}

static void a_failed_put_leaves_the_old_file(void **state)
{
	struct nerr err = NERR_INIT;

	(void)state;
	temp_mkdir("results");
	temp_mkdir(FILE_NAME); /* nothing can be renamed onto a directory */
	assert_int_equal(cni_cache_put(tempdir, list, &at, "{}", &err), -EISDIR);
	assert_non_null(strstr(err.msg, FILE_NAME));
	assert_int_equal(rmdir(temp_path(FILE_NAME)), 0);
	assert_int_equal(rmdir(temp_path("results")), 0);
	assert_int_equal(rmdir(tempdir), 0);
	assert_int_equal(mkdir(tempdir, 0700), 0);
}

static void missing_is_told_from_broken(void **state)
{
	static const char *const broken[] = {
		"",
		"{",
		"[]",
		"{\"kind\":\"other\",\"containerId\":\"cid1\",\"config\":\"\",\"ifName\":\"eth0\",\"networkName\":\"net1\"}",
		"{\"kind\":\"cniCacheV1\",\"containerId\":\"cid1\",\"config\":\"e30\",\"ifName\":\"eth0\",\"networkName\":\"net1\"}",
		"{\"kind\":\"cniCacheV1\",\"config\":\"e30=\",\"ifName\":\"eth0\",\"networkName\":\"net1\"}",
		"{\"kind\":\"cniCacheV1\",\"containerId\":\"cid1\",\"config\":\"e30=\",\"ifName\":\"eth0\",\"networkName\":\"net1\",\"cniArgs\":{}}",
		"{\"kind\":\"cniCacheV1\",\"containerId\":\"cid1\",\"config\":\"e30=\",\"ifName\":\"eth0\",\"networkName\":\"net1\",\"cniArgs\":[[\"a\"]]}",
		"{\"kind\":\"cniCacheV1\",\"containerId\":\"cid1\",\"config\":\"e30=\",\"ifName\":\"eth0\",\"networkName\":\"net1\",\"cniArgs\":[[\"a\",1]]}",
		"{\"kind\":\"cniCacheV1\",\"containerId\":\"cid1\",\"config\":\"e30=\",\"ifName\":\"eth0\",\"networkName\":\"net1\",\"capabilityArgs\":[]}",
	};
	struct cni_cached *c = NULL;
	struct nerr err = NERR_INIT;

	(void)state;
	assert_int_equal(cni_cache_get(tempdir, "net1", "cid1", "eth0", &c, &err), -ENOENT);
	assert_int_equal(cni_cache_del(tempdir, "net1", "cid1", "eth0", &err), 0);
	temp_mkdir("results");
	for (size_t i = 0; i < ARRAY_SIZE(broken); i++) {
		temp_write(FILE_NAME, broken[i], 0600);
		if (cni_cache_get(tempdir, "net1", "cid1", "eth0", &c, &err) != -EINVAL)
			fail_msg("%s: not refused", broken[i]);
		assert_null(c);
		assert_non_null(strstr(err.msg, FILE_NAME));
	}
}

static void names_cannot_leave_the_directory(void **state)
{
	struct cni_cached *c = NULL;

	(void)state;
	assert_int_equal(cni_cache_get(tempdir, "../x", "cid1", "eth0", &c, NULL), -EINVAL);
	assert_int_equal(cni_cache_del(tempdir, "net1", "a/b", "eth0", NULL), -EINVAL);
	assert_int_equal(cni_cache_del(tempdir, "net1", "cid1", "", NULL), -EINVAL);
}

/* --- all of them --- */

static int count_and_stop(const struct cni_cached *cached, void *arg)
{
	int *n = arg;

	assert_string_equal(cached->attach.container_id, *n == 0 ? "a" : "b");
	(*n)++;
	return *n == 2 ? -ECANCELED : 0;
}

static void each_passes_over_what_is_no_result_and_stops_when_told(void **state)
{
	struct nerr err = NERR_INIT;
	int n = 0;

	(void)state;
	assert_int_equal(cni_cache_each(tempdir, count_and_stop, &n, &err), 0);
	assert_int_equal(n, 0);
	for (const char *id = "cab"; *id; id++) {
		const char name[] = { *id, '\0' };
		const struct cni_attach one = { .container_id = name,
						.netns = "",
						.ifname = "eth0" };

		assert_int_equal(cni_cache_put(tempdir, list, &one, "{}", NULL), 0);
	}
	temp_write("results/net1", "{}", 0600);
	temp_mkdir("results/dir");
	assert_int_equal(cni_cache_each(tempdir, count_and_stop, &n, &err), -ECANCELED);
	assert_int_equal(n, 2);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	static const struct CMUnitTest tests[] = {
		TEST(the_file_is_that_of_the_reference_library),
		TEST(what_is_empty_is_left_out),
		TEST(what_was_put_comes_back),
		TEST(a_second_put_replaces_the_first_and_leaves_nothing_beside_it),
		TEST(a_failed_put_leaves_the_old_file),
		TEST(missing_is_told_from_broken),
		TEST(names_cannot_leave_the_directory),
		TEST(each_passes_over_what_is_no_result_and_stops_when_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
