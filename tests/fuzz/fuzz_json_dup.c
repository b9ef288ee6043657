/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * fuzz_json_dup.c - any bytes searched for a key that comes twice
 *
 * Laws: a text is searched exactly when it is JSON; the top level has a duplicate
 * exactly when its tree has fewer members than the text has keys; it is found as
 * well after the text was put into another object; no tree has one when printed.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <json-c/json_object.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/json_dup.h"
#include "base/json_scan_priv.h"
#include "base/json_table.h"
#include "base/str.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define LAW(holds)                                                                                 \
	do {                                                                                       \
		if (!(holds))                                                                      \
			__builtin_trap();                                                          \
	} while (0)

static const char *const top[] = { NULL };
static const char *const sysctl[] = { "sysctl", NULL };
static const char *const args[] = { "args", "cni", "sysctl", NULL };

/* Keys of the outermost object, or -EINVAL; *@ret_depth is the deepest nesting. */
static int count_keys(const char *text, size_t len, unsigned *ret_depth)
{
	struct json_scan s = JSON_SCAN_INIT(text, len);
	int n = 0;

	*ret_depth = 0;
	for (;;) {
		const int token = json_scan_next(&s, NULL);

		LAW(s.pos <= len && s.depth <= JSON_DOC_DEPTH_MAX);
		if (token <= JSON_TOKEN_END)
			return token < 0 ? token : n;
		n += token == JSON_TOKEN_KEY && s.depth == 1;
		if (s.depth > *ret_depth)
			*ret_depth = s.depth;
	}
}

/* What is found in @text is found at @path in @before @text @after. */
static void found_when_wrapped(const char *text, size_t len, int found, const char *before,
			       const char *after, const char *const *path)
{
	CLEANUP(strbuf_done) struct strbuf wrapped = STRBUF_INIT;

	strbuf_add(&wrapped, before);
	strbuf_add_mem(&wrapped, text, len);
	strbuf_add(&wrapped, after);
	LAW(json_find_duplicate(wrapped.s, wrapped.len, path, NULL, NULL) == found);
}

static void tree_agrees(const char *text, size_t len, int n_keys, int found)
{
	struct json_doc *doc;
	struct json_object *root;
	const char *printed;

	if (json_doc_parse(text, len, &doc, NULL) < 0)
		return; /* no object, or a key with a NUL */
	root = json_doc_root(doc);
	printed = json_node_text(root);
	LAW((json_object_object_length(root) < n_keys) == found);
	LAW(json_find_duplicate(printed, strlen(printed), top, NULL, NULL) == 0);
	LAW(json_find_duplicate(printed, strlen(printed), sysctl, NULL, NULL) == 0);
	LAW(json_find_duplicate(printed, strlen(printed), args, NULL, NULL) == 0);
	json_doc_free(doc);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	CLEANUP(strbuf_done) struct strbuf key = STRBUF_INIT;
	const char *text = (const char *)data;
	unsigned depth;
	const int n_keys = count_keys(text, size, &depth);
	const int found = json_find_duplicate(text, size, top, &key, NULL);

	LAW((found < 0) == (n_keys < 0));
	LAW(found == 1 || !key.s);
	if (found < 0)
		return 0;
	tree_agrees(text, size, n_keys, found);
	if (depth + 3 <= JSON_DOC_DEPTH_MAX) {
		found_when_wrapped(text, size, found, "{\"SysCtl\":", ",\"x\":{\"y\":1,\"y\":2}}",
				   sysctl);
		found_when_wrapped(text, size, found,
				   "{\"args\":{\"a\":[],\"cni\":{\"sysctl\":", "}}}", args);
		found_when_wrapped(text, size, 0, "{\"a\":{\"sysctl\":", "}}", sysctl);
	}
	return 0;
}
