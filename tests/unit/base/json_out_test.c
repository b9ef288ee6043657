/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/json_out.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/json_table.h"

/* A document with a bit of everything. */
static void write_sample(struct json_out *o)
{
	json_out_object(o, NULL);
	json_out_string(o, "cniVersion", "0.4.0");
	json_out_array(o, "ips");
	json_out_object(o, NULL);
	json_out_string(o, "version", "6");
	json_out_int(o, "interface", 0);
	json_out_end(o);
	json_out_end(o);
	json_out_bool(o, "up", true);
	json_out_bool(o, "down", false);
	json_out_raw(o, "args", "{\"a\":[1]}");
	json_out_array(o, "none");
	json_out_end(o);
	json_out_object(o, "dns");
	json_out_end(o);
	json_out_end(o);
}

static void indented_as_the_reference_suite(void **state)
{
	struct json_out o = JSON_OUT_INIT(4);

	(void)state;
	write_sample(&o);
	assert_string_equal(strbuf_text(&o.buf), "{\n"
						 "    \"cniVersion\": \"0.4.0\",\n"
						 "    \"ips\": [\n"
						 "        {\n"
						 "            \"version\": \"6\",\n"
						 "            \"interface\": 0\n"
						 "        }\n"
						 "    ],\n"
						 "    \"up\": true,\n"
						 "    \"down\": false,\n"
						 "    \"args\": {\"a\":[1]},\n"
						 "    \"none\": [],\n"
						 "    \"dns\": {}\n"
						 "}");
	strbuf_done(&o.buf);
}

static void compact_on_one_line(void **state)
{
	struct json_out o = JSON_OUT_INIT(0);

	(void)state;
	write_sample(&o);
	assert_string_equal(
		strbuf_text(&o.buf),
		"{\"cniVersion\":\"0.4.0\",\"ips\":[{\"version\":\"6\",\"interface\":0}],"
		"\"up\":true,\"down\":false,\"args\":{\"a\":[1]},\"none\":[],\"dns\":{}}");
	strbuf_done(&o.buf);
}

static void assert_quoted(const char *value, const char *want)
{
	struct json_out o = JSON_OUT_INIT(0);

	json_out_string(&o, NULL, value);
	assert_string_equal(strbuf_text(&o.buf), want);
	strbuf_done(&o.buf);
}

static void escapes_are_those_of_go(void **state)
{
	static const char *const pair[][2] = {
		{ "", "\"\"" },
		{ "plain", "\"plain\"" },
		{ "a\"b\\c/d", "\"a\\\"b\\\\c/d\"" },
		{ "\b\f\n\r\t", "\"\\b\\f\\n\\r\\t\"" },
		{ "\x01\x1f\x7f", "\"\\u0001\\u001f\x7f\"" },
		{ "<a href='x'>&", "\"\\u003ca href='x'\\u003e\\u0026\"" },
		{ "\xe2\x80\xa8\xe2\x80\xa9", "\"\\u2028\\u2029\"" },
		{ "\xe2\x80\xa7\xe2\x80\xaa", "\"\xe2\x80\xa7\xe2\x80\xaa\"" },
		{ "gr\xc3\xbc\xc3\x9f \xf0\x9f\x90\xa7",
		  "\"gr\xc3\xbc\xc3\x9f \xf0\x9f\x90\xa7\"" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(pair); i++)
		assert_quoted(pair[i][0], pair[i][1]);
	assert_quoted(NULL, "\"\"");
}

static void invalid_utf8_is_replaced_byte_by_byte(void **state)
{
	static const char *const pair[][2] = {
		{ "a\xff"
		  "b",
		  "\"a\\ufffdb\"" },
		{ "\xc3", "\"\\ufffd\"" },                                  /* cut off */
		{ "\xe2\x80", "\"\\ufffd\\ufffd\"" },                       /* cut off */
		{ "\xc0\xaf", "\"\\ufffd\\ufffd\"" },                       /* overlong */
		{ "\xed\xa0\x80", "\"\\ufffd\\ufffd\\ufffd\"" },            /* a surrogate */
		{ "\xf4\x90\x80\x80", "\"\\ufffd\\ufffd\\ufffd\\ufffd\"" }, /* beyond U+10FFFF */
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(pair); i++)
		assert_quoted(pair[i][0], pair[i][1]);
}

static void keys_are_escaped_too(void **state)
{
	struct json_out o = JSON_OUT_INIT(0);

	(void)state;
	json_out_object(&o, NULL);
	json_out_int(&o, "a\"<", -1);
	json_out_end(&o);
	assert_string_equal(strbuf_text(&o.buf), "{\"a\\\"\\u003c\":-1}");
	strbuf_done(&o.buf);
}

static void integers_at_their_ends(void **state)
{
	struct json_out o = JSON_OUT_INIT(0);

	(void)state;
	json_out_array(&o, NULL);
	json_out_int(&o, NULL, INT64_MIN);
	json_out_int(&o, NULL, INT64_MAX);
	json_out_end(&o);
	assert_string_equal(strbuf_text(&o.buf), "[-9223372036854775808,9223372036854775807]");
	strbuf_done(&o.buf);
}

static void nests_to_its_limit(void **state)
{
	struct json_out o = JSON_OUT_INIT(1);

	(void)state;
	for (int i = 0; i < JSON_OUT_DEPTH; i++)
		json_out_array(&o, NULL);
	for (int i = 0; i < JSON_OUT_DEPTH; i++)
		json_out_end(&o);
	assert_int_equal(o.depth, 0);
	assert_non_null(strstr(strbuf_text(&o.buf), "\n               []\n"));
	strbuf_done(&o.buf);
}

/* What is written is read back as it was, whatever the bytes. */
static void written_text_reads_back(void **state)
{
	(void)state;
	for (unsigned c = 1; c < 0x800; c++) {
		struct json_field table[] = { { .name = "s", .kind = JSON_STRING }, { 0 } };
		struct json_out o = JSON_OUT_INIT(0);
		struct json_doc *doc;
		const char *back = NULL;
		char s[4] = { (char)c };

		if (c >= 0x80) {
			s[0] = (char)(0xc0 | c >> 6);
			s[1] = (char)(0x80 | (c & 0x3f));
		}
		json_out_object(&o, NULL);
		json_out_string(&o, "s", s);
		json_out_end(&o);
		assert_int_equal(json_doc_parse(o.buf.s, o.buf.len, &doc, NULL), 0);
		assert_int_equal(json_read(doc, NULL, "", table, &back, NULL), 0);
		assert_string_equal(back, s);
		json_doc_free(doc);
		strbuf_done(&o.buf);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(indented_as_the_reference_suite),
		cmocka_unit_test(compact_on_one_line),
		cmocka_unit_test(escapes_are_those_of_go),
		cmocka_unit_test(invalid_utf8_is_replaced_byte_by_byte),
		cmocka_unit_test(keys_are_escaped_too),
		cmocka_unit_test(integers_at_their_ends),
		cmocka_unit_test(nests_to_its_limit),
		cmocka_unit_test(written_text_reads_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
