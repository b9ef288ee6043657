/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * fuzz_json_table.c - any bytes as a configuration
 *
 * Laws: what we take, json-c takes, and sees the same in it; the text of a tree
 * reads back as that text; what the table lets through is within its bounds; what
 * it refuses it explains.
 */
#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <json-c/json_object.h>
#include <json-c/json_tokener.h>
#include <json-c/linkhash.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/ipaddr.h"
#include "base/json_table.h"
#include "base/utf8_priv.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define LAW(holds)                                                                                 \
	do {                                                                                       \
		if (!(holds))                                                                      \
			__builtin_trap();                                                          \
	} while (0)

struct item {
	struct ipnet subnet;
	int64_t step;
	bool has_step;
};

struct conf {
	const char *s;
	bool b;
	int64_t i;
	int64_t j;
	struct ipaddr addr;
	struct macaddr mac;
	struct item o;
	bool has_o;
	struct json_strings l;
	struct json_array a;
	struct json_array r;
	struct json_map m;
	struct json_object *n;
};

static const struct json_field item_fields[] = {
	{ .name = "subnet",
	  .kind = JSON_TEXT,
	  .offset = offsetof(struct item, subnet),
	  .parse = json_parse_ipnet,
	  .required = true },
	{ .name = "step",
	  .kind = JSON_INT,
	  .offset = offsetof(struct item, step),
	  .has = JSON_HAS(struct item, has_step) },
	{ 0 },
};

#define MEMBER(kind_, name_) .name = #name_, .kind = (kind_), .offset = offsetof(struct conf, name_)
#define ITEMS                .sub = item_fields, .sub_size = sizeof(struct item)

static const struct json_field conf_fields[] = {
	{ MEMBER(JSON_STRING, s) },
	{ MEMBER(JSON_BOOL, b) },
	{ MEMBER(JSON_INT, i), .min = -5, .max = 65535 },
	{ MEMBER(JSON_INT, j), .min = INT64_MIN, .max = INT64_MAX },
	{ MEMBER(JSON_TEXT, addr), .parse = json_parse_ipaddr },
	{ MEMBER(JSON_TEXT, mac), .parse = json_parse_macaddr },
	{ MEMBER(JSON_OBJECT, o), .has = JSON_HAS(struct conf, has_o), ITEMS },
	{ MEMBER(JSON_STRINGS, l) },
	{ MEMBER(JSON_ARRAY, a), ITEMS },
	{ MEMBER(JSON_ARRAYS, r), ITEMS },
	{ MEMBER(JSON_MAP, m) },
	{ MEMBER(JSON_NODE, n) },
	{ 0 },
};

/* json-c takes a pair of escaped surrogates for another half of a pair when the character it
 * stands for ends in the bits of one (U+1D827), and makes it U+FFFD: IS_HIGH_SURROGATE() and
 * IS_LOW_SURROGATE() of its json_tokener.c look at 16 bits of what is already decoded.
 */
static bool json_c_mistakes(uint32_t cp)
{
	return cp == UTF8_REPLACEMENT || (cp > 0xffff && (cp & 0xf800) == 0xd800);
}

static bool text_differs(const char *text, size_t len)
{
	const char *end = text + len;
	uint32_t cp;
	size_t n;

	for (; text < end; text += n) {
		n = utf8_decode(text, (size_t)(end - text), &cp);
		LAW(n > 0);
		if (json_c_mistakes(cp))
			return true;
	}
	return false;
}

/* Where json-c 0.16 and we differ on purpose: lone surrogates and what it takes for one, and
 * numbers it cannot hold.
 */
static bool differs(struct json_object *v)
{
	struct lh_entry *e;

	switch (json_object_get_type(v)) {
	case json_type_double:
		return !strpbrk(json_object_get_string(v), ".eE") ||
		       isinf(json_object_get_double(v));
	case json_type_string:
		return text_differs(json_object_get_string(v),
				    (size_t)json_object_get_string_len(v));
	case json_type_array:
		for (size_t i = 0; i < json_object_array_length(v); i++)
			if (differs(json_object_array_get_idx(v, i)))
				return true;
		return false;
	case json_type_object:
		lh_foreach(json_object_get_object(v), e)
		{
			const char *key = lh_entry_k(e);

			if (text_differs(key, strlen(key)) || differs(lh_entry_v(e)))
				return true;
		}
		return false;
	case json_type_null:
	case json_type_boolean:
	case json_type_int:
		break;
	}
	return false;
}

static void json_c_agrees(struct json_object *ours, const char *text, size_t len)
{
	struct json_tokener *tok = json_tokener_new_ex(JSON_DOC_DEPTH_MAX + 2);
	struct json_object *theirs;

	LAW(tok);
	json_tokener_set_flags(tok, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
	theirs = json_tokener_parse_ex(tok, text, (int)len);
	LAW(json_tokener_get_error(tok) == json_tokener_success);
	LAW(differs(ours) || json_object_equal(ours, theirs));
	json_object_put(theirs);
	json_tokener_free(tok);
}

static void text_reads_back(struct json_object *node)
{
	const char *text = json_node_text(node);
	struct json_doc *doc;

	LAW(json_doc_parse(text, strlen(text), &doc, NULL) == 0);
	LAW(strcmp(json_node_text(json_doc_root(doc)), text) == 0);
	json_doc_free(doc);
}

static void item_is_sound(const struct item *item)
{
	LAW(ipaddr_is_set(&item->subnet.addr));
	LAW(item->subnet.prefix_len <= ipaddr_bits(&item->subnet.addr));
	LAW(item->step >= INT32_MIN && item->step <= INT32_MAX);
	LAW(item->has_step || item->step == 0);
}

static void conf_is_sound(const struct conf *c)
{
	size_t text_len = strlen(c->s);

	LAW(c->i >= -5 && c->i <= 65535);
	LAW(c->mac.len == 0 || c->mac.len == 6 || c->mac.len == 8 || c->mac.len == 20);
	if (c->has_o)
		item_is_sound(&c->o);
	for (size_t i = 0; i < c->l.n; i++)
		text_len += strlen(c->l.v[i]);
	for (size_t i = 0; i < c->a.n; i++)
		item_is_sound(JSON_AT(c->a, struct item, i));
	for (size_t i = 0; i < c->r.n; i++) {
		const struct json_array *set = JSON_AT(c->r, struct json_array, i);

		for (size_t k = 0; k < set->n; k++)
			item_is_sound(JSON_AT(*set, struct item, k));
	}
	for (size_t i = 0; i < c->m.n; i++)
		text_len += strlen(c->m.v[i].key) + strlen(c->m.v[i].value);
	LAW(text_len <= 3 * JSON_DOC_LEN_MAX); /* all texts end: their lengths were taken */
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct conf conf = { .s = "" };
	struct nerr err = NERR_INIT;
	struct json_doc *doc = NULL;
	const char *text = (const char *)data;

	if (json_doc_parse(text, size, &doc, &err) < 0) {
		LAW(!doc && err.code < 0 && err.msg[0]);
		return 0;
	}
	json_c_agrees(json_doc_root(doc), text, size);
	text_reads_back(json_doc_root(doc));
	if (json_read(doc, NULL, "", conf_fields, &conf, &err) == 0)
		conf_is_sound(&conf);
	else
		LAW(err.code < 0 && strstr(err.msg, "key '"));
	json_doc_free(doc);
	return 0;
}
