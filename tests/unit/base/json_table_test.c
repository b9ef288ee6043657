/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/json_table.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "base/ipaddr.h"
#include "base/str.h"
#include "tests/unit/oom.h"

struct range {
	struct ipnet subnet;
	int64_t step;
	bool has_step;
};

/* One member of each kind, its flag and its default. */
struct conf {
	const char *name;
	bool on;
	bool has_on;
	int64_t mtu;
	bool has_mtu;
	int64_t big;
	struct ipaddr gw;
	bool has_gw;
	struct macaddr mac;
	struct range range;
	bool has_range;
	struct json_strings list;
	bool has_list;
	struct json_array ranges;
	bool has_ranges;
	struct json_array sets;
	struct json_map map;
	struct json_object *node;
	bool has_node;
};

static const struct json_field range_fields[] = {
	{ .name = "subnet",
	  .kind = JSON_TEXT,
	  .offset = offsetof(struct range, subnet),
	  .parse = json_parse_ipnet,
	  .required = true },
	{ .name = "step",
	  .kind = JSON_INT,
	  .offset = offsetof(struct range, step),
	  .has = JSON_HAS(struct range, has_step) },
	{ 0 },
};

#define MEMBER(kind_, name_) .name = #name_, .kind = (kind_), .offset = offsetof(struct conf, name_)
#define HAS(name_)           .has = JSON_HAS(struct conf, has_##name_)

static const struct json_field conf_fields[] = {
	{ MEMBER(JSON_STRING, name) },
	{ MEMBER(JSON_BOOL, on), HAS(on) },
	{ MEMBER(JSON_INT, mtu), HAS(mtu), .min = 0, .max = 65535 },
	{ MEMBER(JSON_INT, big), .min = INT64_MIN, .max = INT64_MAX },
	{ MEMBER(JSON_TEXT, gw), HAS(gw), .parse = json_parse_ipaddr },
	{ MEMBER(JSON_TEXT, mac), .parse = json_parse_macaddr },
	{ MEMBER(JSON_OBJECT, range), HAS(range), .sub = range_fields },
	{ MEMBER(JSON_STRINGS, list), HAS(list) },
	{ MEMBER(JSON_ARRAY, ranges), HAS(ranges), .sub = range_fields,
	  .sub_size = sizeof(struct range) },
	{ MEMBER(JSON_ARRAYS, sets), .sub = range_fields, .sub_size = sizeof(struct range) },
	{ MEMBER(JSON_MAP, map) },
	{ MEMBER(JSON_NODE, node), HAS(node) },
	{ 0 },
};

static struct json_doc *parsed; /* by the last read_conf(); freed by the teardown */

static int free_parsed(void **state)
{
	(void)state;
	json_doc_free(parsed);
	parsed = NULL;
	return 0;
}

static int read_conf(const char *text, struct conf *conf, struct nerr *err)
{
	int r;

	json_doc_free(parsed);
	parsed = NULL;
	*conf = (struct conf){ .name = "default", .mtu = 1500, .big = 7 };
	r = json_doc_parse(text, strlen(text), &parsed, err);
	return r < 0 ? r : json_read(parsed, NULL, "", conf_fields, conf, err);
}

static void assert_conf(const char *text, struct conf *conf)
{
	struct nerr err = NERR_INIT;

	if (read_conf(text, conf, &err) != 0)
		fail_msg("%s: %s", text, err.msg);
}

static void assert_refused(const char *text, int code, const char *msg)
{
	struct nerr err = NERR_INIT;
	struct conf conf;

	assert_int_equal(read_conf(text, &conf, &err), code);
	assert_string_equal(err.msg, msg);
	assert_int_equal(err.code, code);
	assert_int_equal(read_conf(text, &conf, NULL), code);
}

static void every_kind_is_read(void **state)
{
	struct conf c;
	char buf[IPNET_STR_LEN];

	(void)state;
	assert_conf(
		"{\"name\":\"n\",\"on\":true,\"mtu\":9000,\"big\":-9223372036854775808,"
		"\"gw\":\"10.0.0.1\",\"mac\":\"02:00:00:00:00:01\","
		"\"range\":{\"subnet\":\"10.0.0.1/8\",\"step\":2},"
		"\"list\":[\"a\",\"b\"],\"ranges\":[{\"subnet\":\"10.1.0.0/16\"}],"
		"\"sets\":[[],[{\"subnet\":\"10.2.0.0/16\"},{\"subnet\":\"fd00::/8\",\"step\":3}]],"
		"\"map\":{\"z\":\"1\",\"a\":\"2\"},\"node\":{\"x\":[1,2.50,null]}}",
		&c);
	assert_string_equal(c.name, "n");
	assert_true(c.on && c.has_on && c.has_mtu && c.has_gw && c.has_range && c.has_list);
	assert_int_equal(c.mtu, 9000);
	assert_true(c.big == INT64_MIN);
	assert_string_equal(ipaddr_to_str(&c.gw, buf), "10.0.0.1");
	assert_int_equal(c.mac.len, 6);
	assert_string_equal(ipnet_to_str(&c.range.subnet, buf), "10.0.0.1/8");
	assert_int_equal(c.range.step, 2);
	assert_int_equal(c.list.n, 2);
	assert_string_equal(c.list.v[1], "b");
	assert_int_equal(c.ranges.n, 1);
	assert_false(JSON_AT(c.ranges, struct range, 0)->has_step);
	assert_int_equal(c.sets.n, 2);
	assert_int_equal(JSON_AT(c.sets, struct json_array, 0)->n, 0);
	assert_int_equal(JSON_AT(*JSON_AT(c.sets, struct json_array, 1), struct range, 1)->step, 3);
	assert_int_equal(c.map.n, 2);
	assert_string_equal(c.map.v[0].key, "z");
	assert_string_equal(c.map.v[1].value, "2");
	assert_string_equal(json_node_text(c.node), "{\"x\":[1,2.50,null]}");
}

static void missing_and_null_leave_the_default(void **state)
{
	static const char *const text[] = {
		"{}",
		" \t\r\n{ } \n",
		("{\"name\":null,\"on\":null,\"mtu\":null,\"big\":null,\"gw\":null,\"mac\":null,"
		 "\"range\":null,\"list\":null,\"ranges\":null,\"sets\":null,\"map\":null,\"node\":null}"),
		"{\"unknown\":{\"deep\":[1e400,99999999999999999999,\"\\u0000\"]},\"Documentation\":1}",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(text); i++) {
		struct conf c;

		assert_conf(text[i], &c);
		assert_string_equal(c.name, "default");
		assert_false(c.on || c.has_on || c.has_mtu || c.has_gw || c.has_range ||
			     c.has_list || c.has_ranges || c.has_node);
		assert_int_equal(c.mtu, 1500);
		assert_int_equal(c.big, 7);
		assert_false(ipaddr_is_set(&c.gw));
		assert_null(c.list.v);
		assert_null(c.node);
	}
}

static void keys_match_in_any_case(void **state)
{
	struct conf c;

	(void)state;
	assert_conf("{\"NAME\":\"n\",\"On\":true,\"mTu\":1,\"RANGE\":{\"SubNet\":\"10.0.0.0/8\"}}",
		    &c);
	assert_string_equal(c.name, "n");
	assert_true(c.on);
	assert_int_equal(c.mtu, 1);
	assert_int_equal(c.range.subnet.prefix_len, 8);
}

static void last_of_equal_keys_wins(void **state)
{
	struct conf c;

	(void)state;
	assert_conf("{\"mtu\":1,\"mtu\":2}", &c);
	assert_int_equal(c.mtu, 2);
	assert_conf("{\"mtu\":1,\"MTU\":2}", &c);
	assert_int_equal(c.mtu, 2);
	assert_conf("{\"MTU\":1,\"mtu\":2,\"MTU\":3}", &c);
	assert_int_equal(c.mtu, 3);
	assert_conf("{\"MTU\":1,\"mtu\":2,\"MTU\":3,\"m\\u0074u\":4}", &c);
	assert_int_equal(c.mtu, 4);
	assert_conf("{\"mtu\":\"wrong type\",\"MTU\":5}", &c);
	assert_int_equal(c.mtu, 5);
	assert_conf("{\"mtu\":5,\"MTU\":null}", &c);
	assert_int_equal(c.mtu, 1500);
	assert_conf("{\"map\":{\"a\":\"1\",\"b\":\"2\",\"a\":\"3\",\"A\":\"4\"}}", &c);
	assert_int_equal(c.map.n, 3);
	assert_string_equal(c.map.v[0].key, "b");
	assert_string_equal(c.map.v[1].value, "3");
	assert_string_equal(c.map.v[2].value, "4");
}

static void empty_text_leaves_an_address_unset(void **state)
{
	struct conf c;

	(void)state;
	assert_conf("{\"gw\":\"\",\"mac\":\"\",\"name\":\"\"}", &c);
	assert_false(ipaddr_is_set(&c.gw));
	assert_true(c.has_gw);
	assert_int_equal(c.mac.len, 0);
	assert_string_equal(c.name, "");
}

static void empty_arrays_are_told_from_missing_ones(void **state)
{
	struct conf c;

	(void)state;
	assert_conf("{\"list\":[],\"ranges\":[],\"sets\":[],\"map\":{}}", &c);
	assert_true(c.has_list && c.has_ranges);
	assert_int_equal(c.list.n + c.ranges.n + c.sets.n + c.map.n, 0);
	assert_non_null(c.list.v);
	assert_non_null(c.ranges.v);
	assert_non_null(c.sets.v);
	assert_non_null(c.map.v);
}

static void null_in_an_array_is_an_empty_member(void **state)
{
	struct conf c;

	(void)state;
	assert_conf("{\"list\":[null,\"b\"],\"sets\":[null],\"map\":{\"a\":null}}", &c);
	assert_int_equal(c.list.n, 2);
	assert_string_equal(c.list.v[0], "");
	assert_int_equal(c.sets.n, 1);
	assert_int_equal(JSON_AT(c.sets, struct json_array, 0)->n, 0);
	assert_string_equal(c.map.v[0].value, "");
	assert_refused("{\"ranges\":[null]}", -EINVAL,
		       "required key 'ranges[0].subnet' is missing");
}

static void a_flag_may_be_first_in_a_struct(void **state)
{
	struct first {
		bool has_x;
		int64_t x;
	} f = { .x = 0 };
	const struct json_field table[] = {
		{ .name = "x",
		  .kind = JSON_INT,
		  .offset = offsetof(struct first, x),
		  .has = JSON_HAS(struct first, has_x) },
		{ 0 },
	};
	struct conf c;

	(void)state;
	assert_conf("{}", &c);
	assert_int_equal(json_read(parsed, NULL, "", table, &f, NULL), 0);
	assert_false(f.has_x);
	assert_conf("{\"x\":0}", &c);
	assert_int_equal(json_read(parsed, NULL, "", table, &f, NULL), 0);
	assert_true(f.has_x);
}

static void wrong_types_are_named(void **state)
{
	static const struct {
		const char *text;
		const char *msg;
	} row[] = {
		{ "{\"name\":1}", "key 'name' must be a string, not an integer" },
		{ "{\"name\":true}", "key 'name' must be a string, not a boolean" },
		{ "{\"NAME\":{}}", "key 'name' must be a string, not an object" },
		{ "{\"on\":\"true\"}", "key 'on' must be a boolean, not a string" },
		{ "{\"on\":1}", "key 'on' must be a boolean, not an integer" },
		{ "{\"on\":0.5}", "key 'on' must be a boolean, not a number" },
		{ "{\"mtu\":\"1500\"}", "key 'mtu' must be an integer, not a string" },
		{ "{\"mtu\":[]}", "key 'mtu' must be an integer, not an array" },
		{ "{\"gw\":1}", "key 'gw' must be a string, not an integer" },
		{ "{\"range\":[]}", "key 'range' must be an object, not an array" },
		{ "{\"list\":\"a\"}", "key 'list' must be an array of strings, not a string" },
		{ "{\"list\":{}}", "key 'list' must be an array of strings, not an object" },
		{ "{\"list\":[\"a\",1]}", "key 'list[1]' must be a string, not an integer" },
		{ "{\"list\":[[]]}", "key 'list[0]' must be a string, not an array" },
		{ "{\"ranges\":{}}", "key 'ranges' must be an array, not an object" },
		{ "{\"ranges\":[\"a\"]}", "key 'ranges[0]' must be an object, not a string" },
		{ "{\"sets\":{}}", "key 'sets' must be an array of arrays, not an object" },
		{ "{\"sets\":[[],{}]}", "key 'sets[1]' must be an array, not an object" },
		{ "{\"map\":[]}", "key 'map' must be an object, not an array" },
		{ "{\"map\":{\"a.b/c\":1}}", "key 'map.a.b/c' must be a string, not an integer" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(row); i++)
		assert_refused(row[i].text, -EINVAL, row[i].msg);
}

static void nested_paths_are_named(void **state)
{
	(void)state;
	assert_refused("{\"gw\":\"10.0.0.256\"}", -EINVAL,
		       "key 'gw': invalid IP address: 10.0.0.256");
	assert_refused("{\"mac\":\"zz\"}", -EINVAL, "key 'mac': address zz: invalid MAC address");
	assert_refused("{\"range\":{\"subnet\":\"bad\"}}", -EINVAL,
		       "key 'range.subnet': invalid CIDR address: bad");
	assert_refused("{\"range\":{}}", -EINVAL, "required key 'range.subnet' is missing");
	assert_refused("{\"range\":{\"subnet\":null}}", -EINVAL,
		       "required key 'range.subnet' is missing");
	assert_refused("{\"range\":{\"subnet\":\"\"}}", -EINVAL,
		       "required key 'range.subnet' is empty");
	assert_refused("{\"sets\":[[{\"subnet\":\"10.0.0.0/8\"},{\"subnet\":\"bad\"}]]}", -EINVAL,
		       "key 'sets[0][1].subnet': invalid CIDR address: bad");
	assert_refused(
		"{\"ranges\":[{\"subnet\":\"10.0.0.0/8\",\"step\":2147483648}]}", -ERANGE,
		"key 'ranges[0].step' must be between -2147483648 and 2147483647, got 2147483648");
}

static void a_path_given_goes_before(void **state)
{
	struct nerr err = NERR_INIT;
	struct conf c;
	struct range range;

	(void)state;
	assert_conf("{\"node\":{\"subnet\":\"bad\"}}", &c);
	assert_int_equal(json_read(parsed, c.node, "ipam", range_fields, &range, &err), -EINVAL);
	assert_string_equal(err.msg, "key 'ipam.subnet': invalid CIDR address: bad");
	assert_conf("{\"node\":[]}", &c);
	assert_int_equal(json_read(parsed, c.node, "ipam", range_fields, &range, &err), -EINVAL);
	assert_string_equal(err.msg, "key 'ipam' must be an object, not an array");
}

static void long_paths_are_cut(void **state)
{
	CLEANUP(strbuf_done) struct strbuf text = STRBUF_INIT;
	struct nerr err = NERR_INIT;
	struct conf c;

	(void)state;
	strbuf_add(&text, "{\"map\":{\"");
	for (int i = 0; i < 5000; i++)
		strbuf_add(&text, "k");
	strbuf_add(&text, "\":1}}");
	assert_int_equal(read_conf(strbuf_text(&text), &c, &err), -EINVAL);
	assert_non_null(strstr(err.msg, "kkk' must be a string, not an integer"));
}

static void integers_stay_within_bounds(void **state)
{
	static const char *const bad[][2] = {
		{ "-1", "key 'mtu' must be between 0 and 65535, got -1" },
		{ "65536", "key 'mtu' must be between 0 and 65535, got 65536" },
		{ "70000", "key 'mtu' must be between 0 and 65535, got 70000" },
		{ "9223372036854775808",
		  "key 'mtu' must be between 0 and 65535, got 9223372036854775808" },
		{ "-9223372036854775809",
		  "key 'mtu' must be between 0 and 65535, got -9223372036854775809" },
		{ "18446744073709551616",
		  "key 'mtu' must be between 0 and 65535, got 18446744073709551616" },
		{ "99999999999999999999999",
		  "key 'mtu' must be between 0 and 65535, got 99999999999999999999999" },
	};
	struct conf c;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		char text[64];

		(void)snprintf(text, sizeof(text), "{\"mtu\":%s}", bad[i][0]);
		assert_refused(text, -ERANGE, bad[i][1]);
	}
	assert_refused("{\"big\":9223372036854775808}", -ERANGE,
		       "key 'big' must be between -9223372036854775808 and 9223372036854775807, "
		       "got 9223372036854775808");
	assert_conf("{\"mtu\":0,\"big\":9223372036854775807}", &c);
	assert_int_equal(c.mtu, 0);
	assert_true(c.big == INT64_MAX);
	assert_conf("{\"mtu\":65535,\"big\":-0}", &c);
	assert_int_equal(c.mtu, 65535);
	assert_int_equal(c.big, 0);
}

static void fractions_and_exponents_are_no_integers(void **state)
{
	static const char *const bad[] = { "1.5", "1.0", "1e3", "1E3", "1e400", "-2.5e-3" };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		char text[64];
		char msg[128];

		(void)snprintf(text, sizeof(text), "{\"mtu\":%s}", bad[i]);
		(void)snprintf(msg, sizeof(msg), "key 'mtu' must be an integer, not %s", bad[i]);
		assert_refused(text, -EINVAL, msg);
	}
}

static void nul_is_refused_where_it_is_read(void **state)
{
	struct conf c;

	(void)state;
	assert_refused("{\"name\":\"a\\u0000b\"}", -EINVAL, "key 'name' holds a NUL character");
	assert_refused("{\"gw\":\"10.0.0.1\\u0000\"}", -EINVAL, "key 'gw' holds a NUL character");
	assert_refused("{\"name\\u0000x\":\"a\"}", -EINVAL,
		       "invalid JSON: key 'name' holds a NUL character");
	assert_conf("{\"other\":\"a\\u0000b\"}", &c);
}

/* Text that json-c or JavaScript would take, and other near misses. */
static void what_is_no_json_is_refused(void **state)
{
	static const char *const bad[] = {
		"",
		" ",
		"{",
		"}",
		"{}}",
		"{}{}",
		"{} x",
		"{},",
		"[]",
		"null",
		"1",
		"\"a\"",
		"{\"a\"}",
		"{\"a\":}",
		"{\"a\":1,}",
		"{,}",
		"{\"a\":1 \"b\":2}",
		"{\"a\":[1,]}",
		"{\"a\":[1 2]}",
		"{\"a\":[}",
		"{\"a\":[1}}",
		"{\"a\":{]}",
		"{a:1}",
		"{'a':1}",
		"{\"a\":'b'}",
		"{\"a\":NaN}",
		"{\"a\":Infinity}",
		"{\"a\":-Infinity}",
		"{\"a\":nul}",
		"{\"a\":nulll}",
		"{\"a\":True}",
		"{\"a\":01}",
		"{\"a\":-01}",
		"{\"a\":1.}",
		"{\"a\":.5}",
		"{\"a\":+1}",
		"{\"a\":-}",
		"{\"a\":1e}",
		"{\"a\":1e+}",
		"{\"a\":1.5.5}",
		"{\"a\":0x10}",
		"{\"a\":\"b}",
		"{\"a\":\"\\q\"}",
		"{\"a\":\"\\u12g4\"}",
		"{\"a\":\"\\u12\"}",
		"{\"a\":\"\\",
		"{\"a\":\"b\nc\"}",
		"{\"a\":\"b\tc\"}",
		"{\"a\":\"\x01\"}",
		"/* c */{}",
		"{}//",
		"\xef\xbb\xbf{}",
		"\v{}",
		"{\"a\":\"\xff\"}",
		"{\"a\":\"\xc3\"}",
		"{\"a\":\"\xc0\x80\"}",
		"{\"a\":\"\xed\xa0\x80\"}",
		"{\"a\":\"\xf5\x80\x80\x80\"}",
		"{\"\xff\":1}",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct json_doc *doc = NULL;
		struct nerr err = NERR_INIT;

		if (json_doc_parse(bad[i], strlen(bad[i]), &doc, &err) != -EINVAL)
			fail_msg("'%s' was taken", bad[i]);
		assert_null(doc);
		assert_true(strstr(err.msg, "JSON") != NULL);
	}
}

static void a_nul_byte_is_no_end_of_text(void **state)
{
	static const char text[] = "{}\0{}";
	struct json_doc *doc = NULL;

	(void)state;
	assert_int_equal(json_doc_parse(text, 3, &doc, NULL), -EINVAL);
	assert_int_equal(json_doc_parse(text, 5, &doc, NULL), -EINVAL);
	assert_int_equal(json_doc_parse("{\"\0\":1}", 7, &doc, NULL), -EINVAL);
	assert_null(doc);
}

static void complaints_name_line_and_column(void **state)
{
	static const char *const row[][2] = {
		{ "{\n  \"a\": 1,\n  b\n}",
		  "invalid JSON at line 3, column 3: a key in double quotes is expected" },
		{ "{\"a\" 1}", "invalid JSON at line 1, column 6: ':' is expected after a key" },
		{ "{\"a\":1;}", "invalid JSON at line 1, column 7: ',' or '}' is expected" },
		{ "{\"a\":[1;]}", "invalid JSON at line 1, column 8: ',' or ']' is expected" },
		{ "{\"a\":?}", "invalid JSON at line 1, column 6: a value is expected" },
		{ "{\"a\":-x}", "invalid JSON at line 1, column 7: a digit is missing" },
		{ "{}\n\nx",
		  "invalid JSON at line 3, column 1: text after the end of the document" },
		{ "{\"a\":\"\xff\"}", "invalid JSON at line 1, column 7: invalid UTF-8" },
		{ "{\"a\":\"\\x\"}",
		  "invalid JSON at line 1, column 7: unknown escape in a string" },
		{ "{\"a\":\"\\uD8x0\"}",
		  "invalid JSON at line 1, column 7: \\u needs four hexadecimal digits" },
		{ "{\"a\":\"\n\"}",
		  "invalid JSON at line 1, column 7: control character in a string" },
		{ "{\"a\":", "unexpected end of JSON input" },
		{ "{\"a\":\"", "unexpected end of JSON input" },
		{ "{\"a\":\"\\", "unexpected end of JSON input" },
		{ "{\"a\":tru", "unexpected end of JSON input" },
		{ "[]", "invalid JSON: the top level must be an object" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(row); i++)
		assert_refused(row[i][0], -EINVAL, row[i][1]);
}

static int parse_nested(unsigned depth, char opening, char closing, struct nerr *err)
{
	CLEANUP(strbuf_done) struct strbuf text = STRBUF_INIT;
	struct json_doc *doc = NULL;
	int r;

	strbuf_add(&text, "{\"a\":");
	for (unsigned i = 1; i < depth; i++)
		strbuf_addf(&text, opening == '{' ? "%c\"a\":" : "%c", opening);
	strbuf_add(&text, "1");
	for (unsigned i = 1; i < depth; i++)
		strbuf_addf(&text, "%c", closing);
	strbuf_add(&text, "}");
	r = json_doc_parse(text.s, text.len, &doc, err);
	json_doc_free(doc);
	return r;
}

static void nesting_has_a_limit(void **state)
{
	struct nerr err = NERR_INIT;

	(void)state;
	assert_int_equal(parse_nested(JSON_DOC_DEPTH_MAX, '[', ']', &err), 0);
	assert_int_equal(parse_nested(JSON_DOC_DEPTH_MAX, '{', '}', &err), 0);
	assert_int_equal(parse_nested(JSON_DOC_DEPTH_MAX + 1, '[', ']', &err), -EINVAL);
	assert_non_null(strstr(err.msg, "nested too deep"));
	assert_int_equal(parse_nested(JSON_DOC_DEPTH_MAX + 1, '{', '}', &err), -EINVAL);
	assert_int_equal(parse_nested(100000, '[', ']', &err), -EINVAL);
}

static void length_has_a_limit(void **state)
{
	cleanup_free char *text = malloc(JSON_DOC_LEN_MAX + 1);
	struct json_doc *doc = NULL;
	struct nerr err = NERR_INIT;

	(void)state;
	assert_non_null(text);
	memset(text, ' ', JSON_DOC_LEN_MAX + 1);
	memcpy(text, "{}", 2);
	assert_int_equal(json_doc_parse(text, JSON_DOC_LEN_MAX + 1, &doc, &err), -E2BIG);
	assert_string_equal(err.msg, "JSON of 67108865 bytes is too long (at most 67108864)");
	assert_null(doc);
	assert_int_equal(json_doc_parse(text, JSON_DOC_LEN_MAX, &doc, &err), 0);
	json_doc_free(doc);
}

/* No prefix of a document is one. */
static void every_truncation_is_refused(void **state)
{
	static const char text[] =
		"{\"name\":\"\\ud83d\\udc27\\n\xf0\x9f\x90\xa7\",\"on\":false,\"mtu\":-1.5e+10,"
		"\"list\":[\"a\",null,[true,{}]],\"gw\":\"10.0.0.1\"}";

	(void)state;
	for (size_t n = 0; n < sizeof(text) - 1; n++) {
		cleanup_free char *cut = malloc(n ? n : 1); /* not a byte more: ASan looks */
		struct json_doc *doc = NULL;
		struct nerr err = NERR_INIT;

		assert_non_null(cut);
		memcpy(cut, text, n);
		assert_int_equal(json_doc_parse(cut, n, &doc, &err), -EINVAL);
		assert_true(err.msg[0] != '\0');
		assert_null(doc);
	}
}

static void escapes_are_resolved(void **state)
{
	static const char *const pair[][2] = {
		{ "\\\"\\\\\\/\\b\\f\\n\\r\\t", "\"\\/\b\f\n\r\t" },
		{ "\\u0041\\u00fc\\u20AC", "A\xc3\xbc\xe2\x82\xac" },
		{ "\\ud83d\\uDC27", "\xf0\x9f\x90\xa7" },
		{ "\\ud800\\udc00\\udbff\\udfff", "\xf0\x90\x80\x80\xf4\x8f\xbf\xbf" },
		/* U+1D827 and U+1DC27 end in the bits of a surrogate. */
		{ "\\ud836\\udc27\\ud41d", "\xf0\x9d\xa0\xa7\xed\x90\x9d" },
		{ "\\ud837\\udc27", "\xf0\x9d\xb0\xa7" },
		{ "\\ud83d", "\xef\xbf\xbd" },
		{ "\\ud83dx", "\xef\xbf\xbdx" },
		{ "\\udc27\\ud83d", "\xef\xbf\xbd\xef\xbf\xbd" },
		{ "\\ud83d\\u0041", "\xef\xbf\xbd"
				    "A" },
		{ "\\ud83d\\ud83d\\udc27", "\xef\xbf\xbd\xf0\x9f\x90\xa7" },
		{ "\\ud83d\\n", "\xef\xbf\xbd\n" },
		{ "gr\xc3\xbc\xc3\x9f", "gr\xc3\xbc\xc3\x9f" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(pair); i++) {
		char text[128];
		struct conf c;

		(void)snprintf(text, sizeof(text), "{\"name\":\"%s\"}", pair[i][0]);
		assert_conf(text, &c);
		assert_string_equal(c.name, pair[i][1]);
	}
}

/* Numbers and the order of keys survive the way through the tree. */
static void node_text_keeps_the_document(void **state)
{
	static const char text[] =
		"{\"z\":1.50,\"a\":[1e400,-0.0,99999999999999999999,"
		"-99999999999999999999,18446744073709551615,1E+2],\"m\":{\"/\":\"/<>\"},"
		"\"e\":[],\"o\":{},\"n\":null,\"t\":true}";
	struct conf c;

	(void)state;
	assert_conf(text, &c);
	assert_string_equal(json_node_text(json_doc_root(parsed)), text);
}

static void member_is_found_in_any_case(void **state)
{
	struct json_object *root;
	struct conf c;

	(void)state;
	assert_conf("{\"A\":{\"b\":1},\"n\":null,\"s\":\"x\",\"a\":{\"B\":2}}", &c);
	root = json_doc_root(parsed);
	assert_string_equal(json_node_text(json_member(root, "a")), "{\"B\":2}");
	assert_string_equal(json_node_text(json_member(json_member(root, "A"), "b")), "2");
	assert_null(json_member(root, "n"));
	assert_null(json_member(root, "missing"));
	assert_null(json_member(json_member(root, "s"), "x"));
	assert_null(json_member(NULL, "x"));
}

static void values_live_as_long_as_the_document(void **state)
{
	struct conf c;
	char *copy;

	(void)state;
	assert_conf("{\"name\":\"n\"}", &c);
	copy = arena_strdup(json_doc_arena(parsed), c.name);
	assert_string_equal(copy, "n");
	assert_ptr_equal(json_doc_root(parsed), json_doc_root(parsed));
	json_doc_free(NULL);
}

#if OOM_WORKS
static int parse_and_read(const char *text, size_t len)
{
	struct conf c = { .name = NULL };
	struct nerr err = NERR_INIT;
	struct json_doc *doc = NULL;
	int r = json_doc_parse(text, len, &doc, &err);

	if (r == 0)
		r = json_read(doc, NULL, "", conf_fields, &c, &err);
	if (r < 0)
		assert_string_equal(err.msg, "out of memory");
	json_doc_free(doc);
	return r;
}

static void every_failing_allocation_is_reported_and_nothing_leaks(void **state)
{
	CLEANUP(strbuf_done) struct strbuf text = STRBUF_INIT;
	unsigned n = 0;
	int r;

	(void)state;
	strbuf_add(&text, "{\"name\":\"long enough not to be kept inside the node, "
			  "whatever json-c does with short ones\",\"mtu\":1,\"x\":1.5,\"list\":[");
	for (int i = 0; i < 60; i++) /* more members than json-c starts with */
		strbuf_addf(&text, "\"%d\",", i);
	strbuf_add(&text, "\"\"],\"map\":{");
	for (int i = 0; i < 40; i++)
		strbuf_addf(&text, "\"%d\":\"v\",", i);
	strbuf_add(&text, "\"z\":\"\"},\"sets\":[[{\"subnet\":\"10.0.0.0/8\"}]]}");
	assert_int_equal(parse_and_read(text.s, text.len), 0); /* json-c seeds its hash once */
	do {
		oom_begin(++n);
		r = parse_and_read(text.s, text.len);
		assert_int_equal(oom_end(), 0);
	} while (r == -ENOMEM);
	assert_int_equal(r, 0);
	assert_true(n > 100);
}
#endif

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_kind_is_read),
		cmocka_unit_test(missing_and_null_leave_the_default),
		cmocka_unit_test(keys_match_in_any_case),
		cmocka_unit_test(last_of_equal_keys_wins),
		cmocka_unit_test(empty_text_leaves_an_address_unset),
		cmocka_unit_test(empty_arrays_are_told_from_missing_ones),
		cmocka_unit_test(null_in_an_array_is_an_empty_member),
		cmocka_unit_test(a_flag_may_be_first_in_a_struct),
		cmocka_unit_test(wrong_types_are_named),
		cmocka_unit_test(nested_paths_are_named),
		cmocka_unit_test(a_path_given_goes_before),
		cmocka_unit_test(long_paths_are_cut),
		cmocka_unit_test(integers_stay_within_bounds),
		cmocka_unit_test(fractions_and_exponents_are_no_integers),
		cmocka_unit_test(nul_is_refused_where_it_is_read),
		cmocka_unit_test(what_is_no_json_is_refused),
		cmocka_unit_test(a_nul_byte_is_no_end_of_text),
		cmocka_unit_test(complaints_name_line_and_column),
		cmocka_unit_test(nesting_has_a_limit),
		cmocka_unit_test(length_has_a_limit),
		cmocka_unit_test(every_truncation_is_refused),
		cmocka_unit_test(escapes_are_resolved),
		cmocka_unit_test(node_text_keeps_the_document),
		cmocka_unit_test(member_is_found_in_any_case),
		cmocka_unit_test(values_live_as_long_as_the_document),
#if OOM_WORKS
		cmocka_unit_test(every_failing_allocation_is_reported_and_nothing_leaks),
#endif
	};

	return cmocka_run_group_tests(tests, NULL, free_parsed);
}
