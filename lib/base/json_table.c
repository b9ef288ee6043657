/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * json_table.c - text to tree, and tree to structs
 *
 * The tree is json-c's; the text is read by our own scanner (json_scan_priv.h says
 * why).  What the scanner let through is JSON; from there on only meaning is
 * checked, and each complaint names the path of the key.
 */
#include "base/json_table.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include <json-c/json_object.h>
#include <json-c/linkhash.h>

#include "base/arena.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "base/ipaddr.h"
#include "base/json_scan_priv.h"
#include "base/str.h"

#define PATH_TEXT_LEN 256 /* of a path in a message; longer ones are cut */

struct json_doc {
	struct json_object *root;
	struct arena arena;
};

DEFINE_CLEANUP(struct json_doc *, json_doc_free);

/* ---- text to tree ---- */

/**
 * struct json_builder - A tree being made
 * @nest:	Objects and arrays that are open, the outermost first
 * @key:	Name of the member whose value comes next
 * @text:	Scratch: a string without escapes, a number with its NUL
 * @arena:	Of the document.  Keys live there: json-c leaks its own copy of a
 *		key when memory ends just then
 */
struct json_builder {
	struct json_scan scan;
	struct json_object *nest[JSON_DOC_DEPTH_MAX];
	unsigned depth;
	const char *key;
	struct strbuf text;
	struct arena *arena;
};

static void json_builder_done(struct json_builder *b)
{
	strbuf_done(&b->text);
}

/* Empties @buf but keeps its memory. */
static void strbuf_rewind(struct strbuf *buf)
{
	buf->len = 0;
	strbuf_add_mem(buf, "", 0);
}

/* A number that is no int64_t keeps its text, so nothing of it is lost on the way out. */
static struct json_object *new_number(struct json_builder *b)
{
	const char *text;
	long long v;
	char *end;

	strbuf_rewind(&b->text);
	strbuf_add_mem(&b->text, b->scan.token, b->scan.token_len);
	if (b->text.failed)
		return NULL;
	text = strbuf_text(&b->text);
	errno = 0;
	v = strtoll(text, &end, 10);
	if (*end == '\0' && errno == 0)
		return json_object_new_int64(v);
	return json_object_new_double_s(strtod(text, NULL), text);
}

static struct json_object *new_string(struct json_builder *b)
{
	if (!b->scan.escaped)
		return json_object_new_string_len(b->scan.token, (int)b->scan.token_len);
	strbuf_rewind(&b->text);
	json_scan_string(&b->scan, &b->text);
	if (b->text.failed)
		return NULL;
	return json_object_new_string_len(strbuf_text(&b->text), (int)b->text.len);
}

/* The node of a token that begins a value. NULL on OOM, and for null. */
static struct json_object *new_node(struct json_builder *b, int token)
{
	switch (token) {
	case JSON_TOKEN_OBJECT:
		return json_object_new_object();
	case JSON_TOKEN_ARRAY:
		return json_object_new_array();
	case JSON_TOKEN_STRING:
		return new_string(b);
	case JSON_TOKEN_NUMBER:
		return new_number(b);
	case JSON_TOKEN_TRUE:
	case JSON_TOKEN_FALSE:
		return json_object_new_boolean(token == JSON_TOKEN_TRUE);
	default:
		assert(token == JSON_TOKEN_NULL);
		return NULL;
	}
}

/* Put @node, taken in any case, into the innermost object or array. */
static int attach_node(struct json_builder *b, struct json_object *node)
{
	struct json_object *in = b->nest[b->depth - 1];
	int r;

	if (json_object_is_type(in, json_type_array)) {
		r = json_object_array_add(in, node);
	} else {
		/* json-c would leave the key where it came first; the order of keys
		 * decides which spelling wins, so it goes to the end.
		 */
		json_object_object_del(in, b->key);
		r = json_object_object_add_ex(in, b->key, node,
					      JSON_C_OBJECT_ADD_KEY_IS_NEW |
						      JSON_C_OBJECT_ADD_CONSTANT_KEY);
	}
	if (r < 0) {
		json_object_put(node);
		return -ENOMEM;
	}
	return 0;
}

static int build_key(struct json_builder *b, struct nerr *err)
{
	strbuf_rewind(&b->text);
	json_scan_string(&b->scan, &b->text);
	b->key = b->text.failed ? NULL : arena_strdup(b->arena, strbuf_text(&b->text));
	if (!b->key)
		return nerr_oom(err);
	if (strlen(b->key) != b->text.len)
		return nerr_set(err, -EINVAL, "invalid JSON: key '%s' holds a NUL character",
				b->key);
	return 0;
}

/* A token after the first; JSON_TOKEN_END is not one of them. */
static int build_step(struct json_builder *b, int token, struct nerr *err)
{
	struct json_object *node;

	if (token == JSON_TOKEN_KEY)
		return build_key(b, err);
	if (token == JSON_TOKEN_OBJECT_END || token == JSON_TOKEN_ARRAY_END) {
		b->depth--;
		return 0;
	}
	node = new_node(b, token);
	if ((!node && token != JSON_TOKEN_NULL) || attach_node(b, node) < 0)
		return nerr_oom(err);
	if (token == JSON_TOKEN_OBJECT || token == JSON_TOKEN_ARRAY)
		b->nest[b->depth++] = node; /* borrowed: the tree owns it already */
	return 0;
}

/* Read the tree of @text into the root of @doc, an empty object. */
static int build_tree(const char *text, size_t len, struct json_doc *doc, struct nerr *err)
{
	CLEANUP(json_builder_done) struct json_builder b = { .depth = 1, .arena = &doc->arena };
	int token;

	b.nest[0] = doc->root;
	b.scan = JSON_SCAN_INIT(text, len);
	token = json_scan_next(&b.scan, err);
	if (token < 0)
		return token;
	if (token != JSON_TOKEN_OBJECT)
		return nerr_set(err, -EINVAL, "invalid JSON: the top level must be an object");
	for (;;) {
		int r;

		token = json_scan_next(&b.scan, err);
		if (token <= JSON_TOKEN_END)
			return token;
		r = build_step(&b, token, err);
		if (r < 0)
			return r;
	}
}

int json_doc_parse(const char *text, size_t len, struct json_doc **ret, struct nerr *err)
{
	CLEANUP(json_doc_freep) struct json_doc *doc = calloc(1, sizeof(*doc));
	int r;

	if (!doc)
		return nerr_oom(err);
	if (len > JSON_DOC_LEN_MAX)
		return nerr_set(err, -E2BIG, "JSON of %zu bytes is too long (at most %u)", len,
				JSON_DOC_LEN_MAX);
	doc->root = json_object_new_object();
	if (!doc->root)
		return nerr_oom(err);
	r = build_tree(text, len, doc, err);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(doc);
	return 0;
}

void json_doc_free(struct json_doc *doc)
{
	if (!doc)
		return;
	json_object_put(doc->root);
	arena_done(&doc->arena);
	free(doc);
}

struct json_object *json_doc_root(struct json_doc *doc)
{
	return doc->root;
}

struct arena *json_doc_arena(struct json_doc *doc)
{
	return &doc->arena;
}

/* ---- paths and complaints ---- */

/**
 * struct json_path - Where a value stands, innermost step first
 * @up:		The object or array it is in, NULL at the start
 * @key:	Its key, or NULL for a member of an array
 * @idx:	Its place in the array
 *
 * Lives on the stack and becomes text only when something is wrong.
 */
struct json_path {
	const struct json_path *up;
	const char *key;
	size_t idx;
};

static void path_render(const struct json_path *p, struct strbuf *text)
{
	if (p->up)
		path_render(p->up, text);
	if (!p->key)
		strbuf_addf(text, "[%zu]", p->idx);
	else if (text->len && p->key[0])
		strbuf_addf(text, ".%s", p->key);
	else
		strbuf_add(text, p->key);
}

static const char *path_text(const struct json_path *p, char buf[static PATH_TEXT_LEN])
{
	CLEANUP(strbuf_done) struct strbuf text = STRBUF_INIT;
	size_t len;

	path_render(p, &text); /* cut when memory is short: better than no message */
	len = text.len < PATH_TEXT_LEN ? text.len : PATH_TEXT_LEN - 1;
	memcpy(buf, strbuf_text(&text), len);
	buf[len] = '\0';
	return buf;
}

static const char *node_type_name(struct json_object *v)
{
	switch (json_object_get_type(v)) {
	case json_type_null:
		return "null";
	case json_type_boolean:
		return "a boolean";
	case json_type_double:
		return "a number";
	case json_type_int:
		return "an integer";
	case json_type_object:
		return "an object";
	case json_type_array:
		return "an array";
	case json_type_string:
		return "a string";
	}
	return "unknown";
}

static int type_error(const struct json_path *path, struct json_object *v, const char *want,
		      struct nerr *err)
{
	char where[PATH_TEXT_LEN];

	return nerr_set(err, -EINVAL, "key '%s' must be %s, not %s", path_text(path, where), want,
			node_type_name(v));
}

/* ---- tree to struct ---- */

static int read_object(struct json_doc *doc, const struct json_path *path, struct json_object *obj,
		       const struct json_field *table, void *dst, struct nerr *err);

static int read_string(const struct json_path *path, struct json_object *v, const char **ret,
		       struct nerr *err)
{
	char where[PATH_TEXT_LEN];
	const char *s;

	if (!json_object_is_type(v, json_type_string))
		return type_error(path, v, "a string", err);
	s = json_object_get_string(v);
	if (strlen(s) != (size_t)json_object_get_string_len(v))
		return nerr_set(err, -EINVAL, "key '%s' holds a NUL character",
				path_text(path, where));
	*ret = s;
	return 0;
}

static int read_bool(const struct json_path *path, struct json_object *v, bool *ret,
		     struct nerr *err)
{
	if (!json_object_is_type(v, json_type_boolean))
		return type_error(path, v, "a boolean", err);
	*ret = json_object_get_boolean(v);
	return 0;
}

/* @v is no integer within the bounds of @f: say which of the two. */
static int int_error(const struct json_path *path, struct json_object *v, int64_t min, int64_t max,
		     struct nerr *err)
{
	const char *text = json_object_to_json_string(v);
	char where[PATH_TEXT_LEN];

	if (!text)
		return nerr_oom(err);
	if (strpbrk(text, ".eE"))
		return nerr_set(err, -EINVAL, "key '%s' must be an integer, not %s",
				path_text(path, where), text);
	return nerr_set(err, -ERANGE,
			"key '%s' must be between %" PRId64 " and %" PRId64 ", got %s",
			path_text(path, where), min, max, text);
}

static int read_int(const struct json_path *path, struct json_object *v, const struct json_field *f,
		    int64_t *ret, struct nerr *err)
{
	const bool bounded = f->min || f->max;
	const int64_t min = bounded ? f->min : INT_MIN;
	const int64_t max = bounded ? f->max : INT_MAX;
	int64_t n;

	if (json_object_is_type(v, json_type_double)) /* or an integer beyond int64_t */
		return int_error(path, v, min, max, err);
	if (!json_object_is_type(v, json_type_int))
		return type_error(path, v, "an integer", err);
	n = json_object_get_int64(v);
	if (n < min || n > max)
		return int_error(path, v, min, max, err);
	*ret = n;
	return 0;
}

static int read_text(const struct json_path *path, struct json_object *v,
		     const struct json_field *f, void *member, struct nerr *err)
{
	char where[PATH_TEXT_LEN];
	const char *s = "";
	int r = read_string(path, v, &s, err);

	if (r < 0 || !*s)
		return r;
	r = f->parse(s, member, err);
	if (r < 0) {
		(void)nerr_ctx(err, "key '%s'", path_text(path, where)); /* r is the answer */
		return r;
	}
	return 0;
}

/* Room for the members of array @v. NULL only on OOM: an empty array is one, too. */
static void *array_room(struct json_doc *doc, struct json_object *v, size_t size)
{
	return arena_calloc(&doc->arena, json_object_array_length(v), size);
}

static int read_strings(struct json_doc *doc, const struct json_path *path, struct json_object *v,
			struct json_strings *ret, struct nerr *err)
{
	struct json_strings all = { .n = 0 };

	if (!json_object_is_type(v, json_type_array))
		return type_error(path, v, "an array of strings", err);
	all.v = array_room(doc, v, sizeof(*all.v));
	if (!all.v)
		return nerr_oom(err);
	for (; all.n < json_object_array_length(v); all.n++) {
		const struct json_path at = { .up = path, .idx = all.n };
		struct json_object *m = json_object_array_get_idx(v, all.n);
		int r;

		all.v[all.n] = "";
		r = m ? read_string(&at, m, &all.v[all.n], err) : 0;
		if (r < 0)
			return r;
	}
	*ret = all;
	return 0;
}

static int read_array(struct json_doc *doc, const struct json_path *path, struct json_object *v,
		      const struct json_field *f, struct json_array *ret, struct nerr *err)
{
	struct json_array all = { .n = 0 };

	if (!json_object_is_type(v, json_type_array))
		return type_error(path, v, "an array", err);
	all.v = array_room(doc, v, f->sub_size);
	if (!all.v)
		return nerr_oom(err);
	for (; all.n < json_object_array_length(v); all.n++) {
		const struct json_path at = { .up = path, .idx = all.n };
		void *dst = (char *)all.v + all.n * f->sub_size;
		int r = read_object(doc, &at, json_object_array_get_idx(v, all.n), f->sub, dst,
				    err);

		if (r < 0)
			return r;
	}
	*ret = all;
	return 0;
}

static int read_arrays(struct json_doc *doc, const struct json_path *path, struct json_object *v,
		       const struct json_field *f, struct json_array *ret, struct nerr *err)
{
	struct json_array all = { .n = 0 };
	struct json_array *inner;

	if (!json_object_is_type(v, json_type_array))
		return type_error(path, v, "an array of arrays", err);
	inner = array_room(doc, v, sizeof(*inner));
	if (!inner)
		return nerr_oom(err);
	all.v = inner;
	for (; all.n < json_object_array_length(v); all.n++) {
		const struct json_path at = { .up = path, .idx = all.n };
		struct json_object *m = json_object_array_get_idx(v, all.n);
		int r = m ? read_array(doc, &at, m, f, &inner[all.n], err) : 0;

		if (r < 0)
			return r;
	}
	*ret = all;
	return 0;
}

static int read_map(struct json_doc *doc, const struct json_path *path, struct json_object *v,
		    struct json_map *ret, struct nerr *err)
{
	struct json_map all = { .n = 0 };
	struct lh_entry *e;

	if (!json_object_is_type(v, json_type_object))
		return type_error(path, v, "an object", err);
	all.v = arena_calloc(&doc->arena, (size_t)json_object_object_length(v), sizeof(*all.v));
	if (!all.v)
		return nerr_oom(err);
	lh_foreach(json_object_get_object(v), e)
	{
		struct json_pair *pair = &all.v[all.n];
		const struct json_path at = { .up = path, .key = lh_entry_k(e) };
		struct json_object *m = lh_entry_v(e);
		int r;

		pair->key = at.key;
		pair->value = "";
		r = m ? read_string(&at, m, &pair->value, err) : 0;
		if (r < 0)
			return r;
		all.n++;
	}
	*ret = all;
	return 0;
}

static int read_member(struct json_doc *doc, const struct json_path *path, struct json_object *v,
		       const struct json_field *f, void *member, struct nerr *err)
{
	switch (f->kind) {
	case JSON_STRING:
		return read_string(path, v, member, err);
	case JSON_BOOL:
		return read_bool(path, v, member, err);
	case JSON_INT:
		return read_int(path, v, f, member, err);
	case JSON_TEXT:
		return read_text(path, v, f, member, err);
	case JSON_OBJECT:
		return read_object(doc, path, v, f->sub, member, err);
	case JSON_STRINGS:
		return read_strings(doc, path, v, member, err);
	case JSON_ARRAY:
		return read_array(doc, path, v, f, member, err);
	case JSON_ARRAYS:
		return read_arrays(doc, path, v, f, member, err);
	case JSON_MAP:
		return read_map(doc, path, v, member, err);
	case JSON_NODE:
		*(struct json_object **)member = v;
		return 0;
	}
	assert(!"a kind of enum json_kind");
	return -EINVAL;
}

/* @obj NULL (null in an array) counts as empty. */
static int read_object(struct json_doc *doc, const struct json_path *path, struct json_object *obj,
		       const struct json_field *table, void *dst, struct nerr *err)
{
	char where[PATH_TEXT_LEN];

	if (obj && !json_object_is_type(obj, json_type_object))
		return type_error(path, obj, "an object", err);
	for (const struct json_field *f = table; f->name; f++) {
		const struct json_path at = { .up = path, .key = f->name };
		struct json_object *v = json_member(obj, f->name);
		int r;

		assert(!f->has.given || f->has.offset != f->offset);
		if (!v && f->required)
			return nerr_set(err, -EINVAL, "required key '%s' is missing",
					path_text(&at, where));
		if (!v)
			continue;
		if (f->required && json_object_is_type(v, json_type_string) &&
		    json_object_get_string_len(v) == 0)
			return nerr_set(err, -EINVAL, "required key '%s' is empty",
					path_text(&at, where));
		r = read_member(doc, &at, v, f, (char *)dst + f->offset, err);
		if (r < 0)
			return r;
		if (f->has.given)
			*(bool *)((char *)dst + f->has.offset) = true;
	}
	return 0;
}

int json_read(struct json_doc *doc, struct json_object *obj, const char *path,
	      const struct json_field *table, void *dst, struct nerr *err)
{
	const struct json_path start = { .key = path };

	return read_object(doc, &start, obj ? obj : doc->root, table, dst, err);
}

struct json_object *json_member(struct json_object *obj, const char *key)
{
	struct json_object *v = NULL;
	struct lh_entry *e;

	if (!json_object_is_type(obj, json_type_object))
		return NULL;
	lh_foreach(json_object_get_object(obj), e)
	{
		if (str_eq_nocase(lh_entry_k(e), key))
			v = lh_entry_v(e);
	}
	return v;
}

const char *json_node_text(struct json_object *node)
{
	return json_object_to_json_string_ext(node, JSON_C_TO_STRING_PLAIN |
							    JSON_C_TO_STRING_NOSLASHESCAPE);
}

/* ---- parsers for JSON_TEXT ---- */

int json_parse_ipaddr(const char *text, void *member, struct nerr *err)
{
	if (ipaddr_from_str(text, member) < 0)
		return nerr_set(err, -EINVAL, "invalid IP address: %s", text);
	return 0;
}

int json_parse_ipnet(const char *text, void *member, struct nerr *err)
{
	if (ipnet_from_str(text, member) < 0)
		return nerr_set(err, -EINVAL, "invalid CIDR address: %s", text);
	return 0;
}

int json_parse_macaddr(const char *text, void *member, struct nerr *err)
{
	if (macaddr_from_str(text, member) < 0)
		return nerr_set(err, -EINVAL, "address %s: invalid MAC address", text);
	return 0;
}
