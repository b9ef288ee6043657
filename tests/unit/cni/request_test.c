/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/str.h"
#include "tests/unit/cni/harness.h"

static void refused(enum cni_verb verb, const char *text, int num, const char *msg,
		    const char *details)
{
	struct nerr err = NERR_INIT;
	struct cni_call call;

	harness_call(&call, verb, text);
	assert_true(harness_load(&call, &err) < 0);
	assert_int_equal(err.num, num);
	assert_string_equal(err.msg, msg);
	assert_string_equal(err.details, details);
	json_doc_free(call.doc);
}

/* The caller frees call->doc. */
static void accepted(struct cni_call *call, enum cni_verb verb, const char *text)
{
	struct nerr err = NERR_INIT;

	harness_call(call, verb, text);
	if (harness_load(call, &err) < 0)
		fail_msg("%s", err.msg);
}

static void bad_documents_are_decode_failures(void **state)
{
	static const char *const bad[] = { "", "{", "[]", "null", "5", "{\"name\":\"a\"} x", "{]" };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct nerr err = NERR_INIT;
		struct cni_call call;

		harness_call(&call, CNI_ADD, bad[i]);
		assert_true(cni_request_parse(&call, &err) < 0);
		assert_int_equal(err.num, CNI_DECODE_FAILURE);
		assert_true(str_has_prefix(err.msg, "error unmarshall network config: "));
		assert_null(call.doc);
	}
	refused(CNI_ADD, "{\"name\":5}", CNI_DECODE_FAILURE,
		"error unmarshall network config: key 'name' must be a string, not an integer", "");
}

static void the_name_is_checked(void **state)
{
	(void)state;
	refused(CNI_ADD, "{}", CNI_INVALID_CONFIG, "missing network name", "");
	refused(CNI_ADD, "{\"name\":\"\"}", CNI_INVALID_CONFIG, "missing network name", "");
	refused(CNI_ADD, "{\"name\":null}", CNI_INVALID_CONFIG, "missing network name", "");
	refused(CNI_ADD, "{\"name\":\"../x\"}", CNI_INVALID_CONFIG,
		"invalid characters found in network name", "../x");
}

static void keys_match_without_case_and_the_last_wins(void **state)
{
	struct cni_call call;

	(void)state;
	accepted(&call, CNI_ADD, "{\"NAME\":\"a\",\"CNIVERSION\":\"0.4.0\",\"name\":\"b\"}");
	assert_string_equal(call.net_name, "b");
	assert_string_equal(call.version, "0.4.0");
	json_doc_free(call.doc);
}

static void no_version_is_the_first(void **state)
{
	static const char *const texts[] = { "{\"name\":\"a\"}",
					     "{\"name\":\"a\",\"cniVersion\":\"\"}",
					     "{\"name\":\"a\",\"cniVersion\":null}" };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		struct cni_call call;

		accepted(&call, CNI_ADD, texts[i]);
		assert_string_equal(call.version, "0.1.0");
		json_doc_free(call.doc);
	}
}

static void versions_are_checked_before_the_handler(void **state)
{
	(void)state;
	refused(CNI_ADD, "{\"name\":\"a\",\"cniVersion\":\"9.9.9\"}", CNI_INCOMPATIBLE_VERSION,
		"incompatible CNI versions",
		"config is \"9.9.9\", plugin supports [\"0.1.0\" \"0.2.0\" \"0.3.0\" \"0.3.1\" "
		"\"0.4.0\" \"1.0.0\" \"1.1.0\"]");
	refused(CNI_ADD, "{\"name\":\"a\",\"cniVersion\":1}", CNI_DECODE_FAILURE,
		"decoding version from network config: key 'cniVersion' must be a string, not an "
		"integer",
		"");
	refused(CNI_CHECK, "{\"name\":\"a\",\"cniVersion\":\"0.3.1\"}", CNI_INCOMPATIBLE_VERSION,
		"config version does not allow CHECK", "");
	refused(CNI_CHECK, "{\"name\":\"a\"}", CNI_INCOMPATIBLE_VERSION,
		"config version does not allow CHECK", "");
	refused(CNI_GC, "{\"name\":\"a\",\"cniVersion\":\"1.0.0\"}", CNI_INCOMPATIBLE_VERSION,
		"config version does not allow GC", "");
	refused(CNI_STATUS, "{\"name\":\"a\",\"cniVersion\":\"1.0.0\"}", CNI_INCOMPATIBLE_VERSION,
		"config version does not allow STATUS", "");
	refused(CNI_CHECK, "{\"name\":\"a\",\"cniVersion\":\"9.9.9\"}", CNI_INCOMPATIBLE_VERSION,
		"plugin version does not allow CHECK", "");
	refused(CNI_CHECK, "{\"name\":\"a\",\"cniVersion\":\"abc\"}", CNI_DECODE_FAILURE,
		"failed to convert major version part \"abc\": strconv.Atoi: parsing \"abc\": "
		"invalid syntax",
		"");
	/* Near enough for the comparison, but not in the list. */
	refused(CNI_CHECK, "{\"name\":\"a\",\"cniVersion\":\"1.1\"}", CNI_INCOMPATIBLE_VERSION,
		"incompatible CNI versions",
		"config is \"1.1\", plugin supports [\"0.1.0\" \"0.2.0\" \"0.3.0\" \"0.3.1\" "
		"\"0.4.0\" \"1.0.0\" \"1.1.0\"]");
}

/* --- prevResult --- */

static void prev_result_takes_its_own_version_within_the_family(void **state)
{
	struct cni_call call;

	(void)state;
	accepted(
		&call, CNI_CHECK,
		"{\"name\":\"a\",\"cniVersion\":\"1.1.0\",\"prevResult\":{\"cniVersion\":\"1.0.0\","
		"\"ips\":[{\"address\":\"10.0.0.2/24\"}]}}");
	assert_non_null(call.prev);
	assert_int_equal(call.prev->n_ips, 1);
	json_doc_free(call.doc);

	refused(CNI_ADD,
		"{\"name\":\"a\",\"cniVersion\":\"0.4.0\",\"prevResult\":{\"cniVersion\":\"1.0.0\"}}",
		0,
		"could not parse prevResult: result type supports [0.3.0 0.3.1 0.4.0] but "
		"unmarshalled CNIVersion is \"1.0.0\"",
		"");
}

static void prev_result_may_be_missing(void **state)
{
	static const char *const texts[] = { "{\"name\":\"a\",\"cniVersion\":\"1.0.0\"}",
					     "{\"name\":\"a\",\"cniVersion\":\"1.0.0\","
					     "\"prevResult\":null}" };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		struct cni_call call;

		accepted(&call, CNI_ADD, texts[i]);
		assert_null(call.prev);
		json_doc_free(call.doc);
	}
}

static void prev_result_must_be_an_object(void **state)
{
	(void)state;
	refused(CNI_ADD, "{\"name\":\"a\",\"cniVersion\":\"1.0.0\",\"prevResult\":\"x\"}", 0,
		"could not parse prevResult: must be an object, not string", "");
	refused(CNI_CHECK, "{\"name\":\"a\",\"cniVersion\":\"1.0.0\",\"prevResult\":[]}", 0,
		"could not parse prevResult: must be an object, not array", "");
}

/* What it says on standard error is not this test's output. */
static void del_goes_on_without_a_bad_prev_result(void **state)
{
	int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
	int saved = dup(STDERR_FILENO);
	struct cni_call call;

	(void)state;
	assert_true(null >= 0 && saved >= 0);
	assert_true(dup2(null, STDERR_FILENO) >= 0);
	accepted(&call, CNI_DEL,
		 "{\"name\":\"a\",\"cniVersion\":\"1.0.0\",\"prevResult\":{\"ips\":[{\"address\":"
		 "\"bad\"}]}}");
	assert_true(dup2(saved, STDERR_FILENO) >= 0);
	(void)close(saved);
	(void)close(null);
	assert_null(call.prev);
	json_doc_free(call.doc);
}

/* --- attachments --- */

#define GC(rest) "{\"name\":\"a\",\"cniVersion\":\"1.1.0\"" rest "}"

static void an_absent_list_is_not_an_empty_one(void **state)
{
	struct cni_call call;

	(void)state;
	accepted(&call, CNI_GC, GC(""));
	assert_null(call.valid);
	json_doc_free(call.doc);
	accepted(&call, CNI_GC, GC(",\"cni.dev/valid-attachments\":null"));
	assert_null(call.valid);
	json_doc_free(call.doc);
	accepted(&call, CNI_GC, GC(",\"cni.dev/valid-attachments\":[]"));
	assert_non_null(call.valid);
	assert_int_equal(call.n_valid, 0);
	assert_false(cni_is_valid(&call, "a", "eth0"));
	json_doc_free(call.doc);
}

static void both_names_of_the_list_are_read(void **state)
{
	struct cni_call call;

	(void)state;
	accepted(&call, CNI_GC,
		 GC(",\"cni.dev/attachments\":[{\"containerID\":\"x\",\"ifname\":\"eth0\"}]"));
	assert_true(cni_is_valid(&call, "x", "eth0"));
	json_doc_free(call.doc);
	accepted(&call, CNI_GC,
		 GC(",\"cni.dev/valid-attachments\":[{\"containerID\":\"y\",\"ifname\":\"eth0\"}],"
		    "\"cni.dev/attachments\":[{\"containerID\":\"x\",\"ifname\":\"eth0\"}]"));
	assert_true(cni_is_valid(&call, "y", "eth0"));
	assert_false(cni_is_valid(&call, "x", "eth0"));
	json_doc_free(call.doc);
}

static void attachments_are_found_whatever_their_order(void **state)
{
	CLEANUP(strbuf_done) struct strbuf text = STRBUF_INIT;
	struct cni_call call;
	char id[32];

	(void)state;
	strbuf_add(&text,
		   "{\"name\":\"a\",\"cniVersion\":\"1.1.0\",\"cni.dev/valid-attachments\":[");
	for (unsigned i = 0; i < 1000; i++)
		strbuf_addf(&text, "%s{\"containerID\":\"c%u\",\"ifname\":\"net%u\"}", i ? "," : "",
			    i * 7919 % 1000, i * 7919 % 1000 % 3);
	strbuf_add(&text, "]}");
	accepted(&call, CNI_GC, text.s);
	assert_int_equal(call.n_valid, 1000);
	for (unsigned i = 0; i < 1000; i++) {
		(void)snprintf(id, sizeof(id), "c%u", i);
		assert_int_equal(cni_is_valid(&call, id, "net0"), i % 3 == 0);
		assert_int_equal(cni_is_valid(&call, id, "net1"), i % 3 == 1);
	}
	assert_false(cni_is_valid(&call, "c1000", "net0"));
	assert_false(cni_is_valid(&call, "", ""));
	json_doc_free(call.doc);
}

/* A list that cannot be trusted must not decide what is removed. */
static void an_incomplete_attachment_is_refused(void **state)
{
	(void)state;
	refused(CNI_GC, GC(",\"cni.dev/valid-attachments\":[{\"containerID\":\"x\"}]"),
		CNI_INVALID_CONFIG, "required key 'cni.dev/valid-attachments[0].ifname' is missing",
		"");
	refused(CNI_GC, GC(",\"cni.dev/valid-attachments\":[null]"), CNI_INVALID_CONFIG,
		"required key 'cni.dev/valid-attachments[0].containerID' is missing", "");
	refused(CNI_GC, GC(",\"cni.dev/valid-attachments\":{}"), CNI_INVALID_CONFIG,
		"key 'cni.dev/valid-attachments' must be an array, not an object", "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bad_documents_are_decode_failures),
		cmocka_unit_test(the_name_is_checked),
		cmocka_unit_test(keys_match_without_case_and_the_last_wins),
		cmocka_unit_test(no_version_is_the_first),
		cmocka_unit_test(versions_are_checked_before_the_handler),
		cmocka_unit_test(prev_result_takes_its_own_version_within_the_family),
		cmocka_unit_test(prev_result_may_be_missing),
		cmocka_unit_test(prev_result_must_be_an_object),
		cmocka_unit_test(del_goes_on_without_a_bad_prev_result),
		cmocka_unit_test(an_absent_list_is_not_an_empty_one),
		cmocka_unit_test(both_names_of_the_list_are_read),
		cmocka_unit_test(attachments_are_found_whatever_their_order),
		cmocka_unit_test(an_incomplete_attachment_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
