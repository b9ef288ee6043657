/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cni/json_text.h"

#include <stdlib.h>
#include <string.h>

#include <json-c/json_object.h>
#include <json-c/linkhash.h>

#include "base/cleanup.h"
#include "base/json_out.h"
#include "base/str.h"

void cni_json_string(const char *text, struct strbuf *ret)
{
	struct json_out o = JSON_OUT_INIT(0);

	json_out_string(&o, NULL, text);
	strbuf_add_mem(ret, strbuf_text(&o.buf), o.buf.len);
	ret->failed |= o.buf.failed;
	strbuf_done(&o.buf);
}

struct member {
	const char *key;
	struct json_object *value;
};

static int member_cmp(const void *a, const void *b)
{
	const struct member *x = a;
	const struct member *y = b;

	return strcmp(x->key, y->key);
}

static void object_text(struct json_object *obj, struct strbuf *ret)
{
	const size_t n = (size_t)json_object_object_length(obj);
	cleanup_free struct member *members = calloc(n + 1, sizeof(*members));
	size_t i = 0;

	if (!members) {
		ret->failed = true;
		return;
	}
	json_object_object_foreach(obj, key, value) members[i++] =
		(struct member){ .key = key, .value = value };
	qsort(members, n, sizeof(*members), member_cmp);
	strbuf_add(ret, "{");
	for (i = 0; i < n; i++) {
		if (i)
			strbuf_add(ret, ",");
		cni_json_string(members[i].key, ret);
		strbuf_add(ret, ":");
		cni_json_text(members[i].value, ret);
	}
	strbuf_add(ret, "}");
}

static void array_text(struct json_object *array, struct strbuf *ret)
{
	const size_t n = json_object_array_length(array);

	strbuf_add(ret, "[");
	for (size_t i = 0; i < n; i++) {
		if (i)
			strbuf_add(ret, ",");
		cni_json_text(json_object_array_get_idx(array, i), ret);
	}
	strbuf_add(ret, "]");
}

/* As deep as the document, and that is at most JSON_DOC_DEPTH_MAX. */
void cni_json_text(struct json_object *node, struct strbuf *ret)
{
	switch (json_object_get_type(node)) {
	case json_type_object:
		object_text(node, ret);
		break;
	case json_type_array:
		array_text(node, ret);
		break;
	case json_type_string:
		cni_json_string(json_object_get_string(node), ret);
		break;
	case json_type_null:
	case json_type_boolean:
	case json_type_int:
	case json_type_double:
		/* A double prints as it was written. */
		strbuf_add(ret, json_object_to_json_string_ext(node, JSON_C_TO_STRING_PLAIN));
		break;
	}
}
