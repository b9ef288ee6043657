/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cni/json_text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/json_table.h"
#include "base/str.h"

static void prints(const char *text, const char *want)
{
	CLEANUP(strbuf_done) struct strbuf got = STRBUF_INIT;
	struct json_doc *doc;

	assert_int_equal(json_doc_parse(text, strlen(text), &doc, NULL), 0);
	cni_json_text(json_doc_root(doc), &got);
	assert_string_equal(strbuf_text(&got), want);
	json_doc_free(doc);
}

static void keys_are_in_order_at_every_level(void **state)
{
	(void)state;
	prints("{}", "{}");
	prints("{\"b\": 1, \"a\": {\"z\": [], \"y\": [{\"k\": null, \"j\": true}]}, \"B\": 2}",
	       "{\"B\":2,\"a\":{\"y\":[{\"j\":true,\"k\":null}],\"z\":[]},\"b\":1}");
}

static void values_keep_their_text(void **state)
{
	(void)state;
	prints("{\"n\": [0, -1, 9223372036854775807, 18446744073709551615, 1.50, 1e400, 0.1]}",
	       "{\"n\":[0,-1,9223372036854775807,18446744073709551615,1.50,1e400,0.1]}");
	prints("{\"s\": \"a/b \\u00fc \\\" \\n\"}", "{\"s\":\"a/b \xc3\xbc \\\" \\n\"}");
	prints("{\"<\\\"k\": \"<&>\"}", "{\"\\u003c\\\"k\":\"\\u003c\\u0026\\u003e\"}");
}

static void a_string_alone_has_quotes(void **state)
{
	CLEANUP(strbuf_done) struct strbuf got = STRBUF_INIT;

	(void)state;
	cni_json_string("", &got);
	cni_json_string("x\ty", &got);
	assert_string_equal(strbuf_text(&got), "\"\"\"x\\ty\"");
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(keys_are_in_order_at_every_level),
		cmocka_unit_test(values_keep_their_text),
		cmocka_unit_test(a_string_alone_has_quotes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
