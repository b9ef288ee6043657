/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "oci/merge.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/json_table.h"
#include "base/str.h"
#include "oci/bundle.h"

struct arg {
	int64_t index;
	const char *op;
};

struct rule {
	struct json_strings names;
	const char *action;
	int64_t error;
	struct json_array args;
};

struct seccomp {
	const char *default_action;
	struct json_strings archs;
	struct json_strings flags;
	const char *listener;
	const char *metadata;
	struct json_array syscalls;
};

struct linux_part {
	struct seccomp seccomp;
};

struct config {
	const char *hostname;
	struct linux_part part;
};

static const struct json_field arg_fields[] = {
	{ .name = "index", .kind = JSON_INT, .offset = offsetof(struct arg, index) },
	{ .name = "op", .kind = JSON_STRING, .offset = offsetof(struct arg, op) },
	{ 0 },
};

static const struct json_field rule_fields[] = {
	{ .name = "names", .kind = JSON_STRINGS, .offset = offsetof(struct rule, names) },
	{ .name = "action", .kind = JSON_STRING, .offset = offsetof(struct rule, action) },
	{ .name = "errnoRet", .kind = JSON_INT, .offset = offsetof(struct rule, error) },
	{ .name = "args",
	  .kind = JSON_ARRAY,
	  .offset = offsetof(struct rule, args),
	  .sub = arg_fields,
	  .sub_size = sizeof(struct arg) },
	{ 0 },
};

static const struct json_field seccomp_fields[] = {
	{ .name = "defaultAction",
	  .kind = JSON_STRING,
	  .offset = offsetof(struct seccomp, default_action) },
	{ .name = "architectures",
	  .kind = JSON_STRINGS,
	  .offset = offsetof(struct seccomp, archs) },
	{ .name = "flags", .kind = JSON_STRINGS, .offset = offsetof(struct seccomp, flags) },
	{ .name = "listenerPath",
	  .kind = JSON_STRING,
	  .offset = offsetof(struct seccomp, listener) },
	{ .name = "listenerMetadata",
	  .kind = JSON_STRING,
	  .offset = offsetof(struct seccomp, metadata) },
	{ .name = "syscalls",
	  .kind = JSON_ARRAY,
	  .offset = offsetof(struct seccomp, syscalls),
	  .sub = rule_fields,
	  .sub_size = sizeof(struct rule) },
	{ 0 },
};

static const struct json_field linux_fields[] = {
	{ .name = "seccomp",
	  .kind = JSON_OBJECT,
	  .offset = offsetof(struct linux_part, seccomp),
	  .sub = seccomp_fields },
	{ 0 },
};

static const struct json_field config_fields[] = {
	{ .name = "hostname", .kind = JSON_STRING, .offset = offsetof(struct config, hostname) },
	{ .name = "linux",
	  .kind = JSON_OBJECT,
	  .offset = offsetof(struct config, part),
	  .sub = linux_fields },
	{ 0 },
};

static const struct oci_merge conf = {
	.mode = ATTACH_HYBRID,
	.listener = "/run/x/agent.sock",
	.metadata = "{\"fairlead\":\"4-1\"}",
};

/* --- a merged document --- */

struct merged {
	struct json_doc *doc;
	struct config c;
};

static struct merged merge(const char *text)
{
	CLEANUP(strbuf_done) struct strbuf out = STRBUF_INIT;
	struct merged m = { .doc = NULL };
	struct nerr err = NERR_INIT;

	if (oci_merge(text, strlen(text), &conf, &out, &err) < 0 ||
	    json_doc_parse(out.s, out.len, &m.doc, &err) < 0 ||
	    json_read(m.doc, NULL, "", config_fields, &m.c, &err) < 0)
		fail_msg("%s", err.msg);
	return m;
}

static bool has(const struct json_strings *list, const char *text)
{
	for (size_t i = 0; i < list->n; i++)
		if (strcmp(list->v[i], text) == 0)
			return true;
	return false;
}

/* Rules for a call with an action. */
static unsigned int count(const struct merged *m, const char *call, const char *action)
{
	const struct json_array *list = &m->c.part.seccomp.syscalls;
	unsigned int n = 0;

	for (size_t i = 0; i < list->n; i++) {
		const struct rule *rule = JSON_AT(*list, const struct rule, i);

		n += has(&rule->names, call) && strcmp(rule->action, action) == 0;
	}
	return n;
}

/* Place of the first rule for a call, or -1. */
static int first(const struct merged *m, const char *call)
{
	const struct json_array *list = &m->c.part.seccomp.syscalls;

	for (size_t i = 0; i < list->n; i++)
		if (has(&JSON_AT(*list, const struct rule, i)->names, call))
			return (int)i;
	return -1;
}

/* --- tests --- */

static void test_default_profile(void **state)
{
	struct merged m = merge(
		"{\"hostname\":\"h\",\"linux\":{\"seccomp\":{\"defaultAction\":\"SCMP_ACT_ERRNO\","
		"\"architectures\":[\"SCMP_ARCH_X86_64\",\"SCMP_ARCH_X86\",\"SCMP_ARCH_X32\"],"
		"\"flags\":[\"SECCOMP_FILTER_FLAG_LOG\",\"SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV\"],"
		"\"syscalls\":[{\"names\":[\"read\",\"connect\",\"bind\",\"socket\"],"
		"\"action\":\"SCMP_ACT_ALLOW\"},{\"names\":[\"accept4\"],\"action\":"
		"\"SCMP_ACT_ALLOW\"}]}}}");

	(void)state;
	assert_string_equal(m.c.hostname, "h");
	assert_int_equal(m.c.part.seccomp.archs.n, 1);
	assert_int_equal(m.c.part.seccomp.flags.n, 1);
	assert_string_equal(m.c.part.seccomp.flags.v[0], "SECCOMP_FILTER_FLAG_LOG");
	assert_string_equal(m.c.part.seccomp.listener, conf.listener);
	assert_string_equal(m.c.part.seccomp.metadata, conf.metadata);
	assert_int_equal(count(&m, "connect", "SCMP_ACT_NOTIFY"), 1);
	assert_int_equal(count(&m, "connect", "SCMP_ACT_ALLOW"), 0);
	assert_int_equal(count(&m, "accept4", "SCMP_ACT_NOTIFY"), 1);
	assert_int_equal(count(&m, "accept4", "SCMP_ACT_ALLOW"), 0);
	assert_true(count(&m, "socket", "SCMP_ACT_NOTIFY") >= 1);
	assert_int_equal(count(&m, "read", "SCMP_ACT_ALLOW"), 1);
	assert_true(first(&m, "connect") < first(&m, "read"));
	/* What the profile does not allow is not given by us. */
	assert_int_equal(first(&m, "listen"), -1);
	assert_int_equal(first(&m, "io_uring_setup"), -1);
	json_doc_free(m.doc);
}

static void test_no_profile(void **state)
{
	struct merged m = merge("{\"linux\":{}}");
	const struct json_array *list = &m.c.part.seccomp.syscalls;

	(void)state;
	assert_string_equal(m.c.part.seccomp.default_action, "SCMP_ACT_ALLOW");
	assert_int_equal(count(&m, "connect", "SCMP_ACT_NOTIFY"), 1);
	assert_int_equal(count(&m, "io_uring_setup", "SCMP_ACT_ERRNO"), 1);
	/* libseccomp refuses rules with the default action. */
	for (size_t i = 0; i < list->n; i++)
		assert_string_not_equal(JSON_AT(*list, const struct rule, i)->action,
					"SCMP_ACT_ALLOW");
	json_doc_free(m.doc);
}

static void test_what_is_forbidden_stays(void **state)
{
	struct merged m = merge("{\"linux\":{\"seccomp\":{\"defaultAction\":\"SCMP_ACT_ALLOW\","
				"\"syscalls\":[{\"names\":[\"connect\"],\"action\":"
				"\"SCMP_ACT_ERRNO\",\"errnoRet\":13}]}}}");

	(void)state;
	assert_int_equal(count(&m, "connect", "SCMP_ACT_NOTIFY"), 0);
	assert_int_equal(count(&m, "connect", "SCMP_ACT_ERRNO"), 1);
	assert_int_equal(count(&m, "bind", "SCMP_ACT_NOTIFY"), 1);
	json_doc_free(m.doc);
}

/* A rule with conditions forbids some uses, and its call is still ours. */
static void test_some_is_forbidden(void **state)
{
	struct merged m = merge(
		"{\"linux\":{\"seccomp\":{\"defaultAction\":\"SCMP_ACT_ERRNO\",\"syscalls\":["
		"{\"names\":[\"socket\"],\"action\":\"SCMP_ACT_ERRNO\",\"errnoRet\":22,\"args\":["
		"{\"index\":0,\"value\":16,\"op\":\"SCMP_CMP_EQ\"},{\"index\":2,\"value\":9,"
		"\"op\":\"SCMP_CMP_EQ\"}]},{\"names\":[\"socket\"],\"action\":\"SCMP_ACT_ALLOW\","
		"\"args\":[{\"index\":2,\"value\":9,\"op\":\"SCMP_CMP_NE\"}]}]}}}");

	(void)state;
	assert_true(count(&m, "socket", "SCMP_ACT_NOTIFY") >= 1);
	assert_int_equal(count(&m, "socket", "SCMP_ACT_ERRNO"), 2); /* and AF_SMC's */
	json_doc_free(m.doc);
}

static int result_of(const char *text)
{
	CLEANUP(strbuf_done) struct strbuf out = STRBUF_INIT;
	struct nerr err = NERR_INIT;
	int r = oci_merge(text, strlen(text), &conf, &out, &err);

	assert_int_equal(out.len, 0);
	assert_true(r < 0 && err.msg[0]);
	return r;
}

static void test_refused(void **state)
{
	(void)state;
	assert_int_equal(result_of("{\"linux\":{\"seccomp\":{\"defaultAction\":\"SCMP_ACT_ALLOW\","
				   "\"listenerPath\":\"/run/other.sock\"}}}"),
			 -EBUSY);
	assert_int_equal(result_of("{}"), -EINVAL);
	assert_int_equal(result_of("{\"linux\":7}"), -EINVAL);
	assert_int_equal(result_of("{\"linux\":{\"seccomp\":[]}}"), -EINVAL);
	assert_int_equal(result_of("{\"linux\":{\"seccomp\":{}}}"), -EINVAL);
	assert_int_equal(result_of("{\"linux\":{\"seccomp\":{\"defaultAction\":\"SCMP_ACT_ALLOW\","
				   "\"syscalls\":[{\"action\":\"SCMP_ACT_ALLOW\"}]}}}"),
			 -EINVAL);
	assert_int_equal(result_of("{\"linux\""), -EINVAL);
}

/* What Go takes for a key that we look at, and crun does not. */
static void test_spelling(void **state)
{
	static const char *const keys[] = { "DefaultAction", "ListenerPath", "SYSCALLS",
					    "syscall\u017f", "Flags",        "architecturES" };
	char text[256];

	(void)state;
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		(void)snprintf(text, sizeof(text),
			       "{\"linux\":{\"seccomp\":{\"defaultAction\":\"SCMP_ACT_ALLOW\","
			       "\"%s\":0}}}",
			       keys[i]);
		assert_int_equal(result_of(text), -EINVAL);
	}
	assert_int_equal(result_of("{\"linux\":{\"seccomp\":{\"defaultAction\":\"SCMP_ACT_ALLOW\","
				   "\"syscalls\":[{\"names\":[\"bpf\"],\"Names\":[\"connect\"],"
				   "\"action\":\"SCMP_ACT_ALLOW\"}]}}}"),
			 -EINVAL);
}

/* A namespace that we find is the one that the runtime does. */
static void test_bundle(void **state)
{
	static const char *const bad[] = {
		"{\"linux\":{\"namespaces\":[{\"type\":\"network\",\"path\":\"/a\"}]},\"linux\":{}}",
		"{\"Linux\":{\"namespaces\":[]}}",
		"{\"linux\":{\"Namespaces\":[]}}",
		"{\"linux\":{\"namespaces\":[],\"namespaces\":[]}}",
		"{\"linux\":{\"namespaces\":[{\"type\":\"network\",\"Path\":\"/a\"}]}}",
		"{\"linux\":{\"Seccomp\":{}}}",
	};
	const char *good = "{\"Hooks\":1,\"linux\":{\"namespaces\":["
			   "{\"type\":\"network\",\"path\":\"/a\"}]}}";
	struct oci_bundle b;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(oci_bundle_read(bad[i], strlen(bad[i]), &b, NULL), -EINVAL);
	assert_int_equal(oci_bundle_read(good, strlen(good), &b, NULL), 0);
	assert_string_equal(b.netns, "/a");
	oci_bundle_done(&b);
}

/* --- merged before --- */

static char *merge_in(enum attach_mode mode, const char *text)
{
	struct oci_merge in = conf;
	struct strbuf out = STRBUF_INIT;
	struct nerr err = NERR_INIT;

	in.mode = mode;
	if (oci_merge(text, strlen(text), &in, &out, &err) < 0)
		fail_msg("%s", err.msg);
	return out.s;
}

#define DEFAULT(action)                                                                            \
	"{\"linux\":{\"seccomp\":{\"defaultAction\":\"SCMP_ACT_" action "\",\"syscalls\":["
#define ALLOWED                                                                                    \
	"{\"names\":[\"read\",\"connect\",\"bind\",\"socket\",\"recvmmsg\",\"io_uring_setup\"],"   \
	"\"action\":\"SCMP_ACT_ALLOW\"}]}}}"
#define REFUSED                                                                                    \
	"{\"names\":[\"connect\",\"bpf\"],\"action\":\"SCMP_ACT_ERRNO\",\"errnoRet\":13}]}}}"

static const char *const profiles[] = {
	"{\"linux\":{}}",
	(DEFAULT("ERRNO") ALLOWED),
	(DEFAULT("ALLOW") REFUSED),
};

static void test_twice_is_as_once(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(profiles) / sizeof(profiles[0]); i++)
		for (unsigned int mode = 0; mode < ATTACH_MODES; mode++) {
			char *once = merge_in(mode, profiles[i]);
			char *twice = merge_in(mode, once);

			assert_string_equal(once, twice);
			free(once);
			free(twice);
		}
}

/* A call that is ours in the mode full only is as it was before. */
static void test_merged_in_another_mode(void **state)
{
	char *full = merge_in(ATTACH_FULL, profiles[1]);
	struct merged m = merge(full);

	(void)state;
	assert_non_null(strstr(full, "recvmmsg\"],\"action\":\"SCMP_ACT_NOTIFY"));
	assert_int_equal(count(&m, "recvmmsg", "SCMP_ACT_NOTIFY"), 0);
	assert_int_equal(count(&m, "recvmmsg", "SCMP_ACT_ALLOW"), 1);
	assert_int_equal(count(&m, "connect", "SCMP_ACT_NOTIFY"), 1);
	assert_int_equal(count(&m, "connect", "SCMP_ACT_ALLOW"), 0);
	assert_int_equal(count(&m, "read", "SCMP_ACT_ALLOW"), 1);
	assert_int_equal(first(&m, "listen"), -1);
	json_doc_free(m.doc);
	free(full);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_default_profile),
		cmocka_unit_test(test_no_profile),
		cmocka_unit_test(test_what_is_forbidden_stays),
		cmocka_unit_test(test_some_is_forbidden),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_spelling),
		cmocka_unit_test(test_bundle),
		cmocka_unit_test(test_twice_is_as_once),
		cmocka_unit_test(test_merged_in_another_mode),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
