/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/json_out.h"

#include <assert.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "base/utf8_priv.h"

static void add_char(struct strbuf *b, char c)
{
	strbuf_add_mem(b, &c, 1);
}

/* Escape of an ASCII character, NULL when it stands for itself. */
static const char *ascii_escape(unsigned char c, char buf[static 7])
{
	switch (c) {
	case '"':
		return "\\\"";
	case '\\':
		return "\\\\";
	case '\b':
		return "\\b";
	case '\f':
		return "\\f";
	case '\n':
		return "\\n";
	case '\r':
		return "\\r";
	case '\t':
		return "\\t";
	default:
		if (c >= ' ' && c != '<' && c != '>' && c != '&')
			return NULL;
		(void)snprintf(buf, 7, "\\u%04x", c);
		return buf;
	}
}

/* Escape of the character at @s, NULL when it stands for itself; *@ret_len: its bytes. */
static const char *char_escape(const char *s, size_t left, char buf[static 7], size_t *ret_len)
{
	uint32_t cp;

	if ((unsigned char)*s < 0x80) {
		*ret_len = 1;
		return ascii_escape((unsigned char)*s, buf);
	}
	*ret_len = utf8_decode(s, left, &cp);
	if (*ret_len == 0) {
		*ret_len = 1;
		return "\\ufffd";
	}
	if (cp == 0x2028)
		return "\\u2028";
	return cp == 0x2029 ? "\\u2029" : NULL;
}

static void add_quoted(struct strbuf *b, const char *s)
{
	const size_t len = strlen(s);
	size_t start = 0; /* of text not yet copied */
	size_t i = 0;

	add_char(b, '"');
	while (i < len) {
		char buf[7];
		size_t n;
		const char *escape = char_escape(s + i, len - i, buf, &n);

		if (escape) {
			strbuf_add_mem(b, s + start, i - start);
			strbuf_add(b, escape);
			start = i + n;
		}
		i += n;
	}
	strbuf_add_mem(b, s + start, len - start);
	add_char(b, '"');
}

static void add_newline(struct json_out *o)
{
	if (!o->indent)
		return;
	add_char(&o->buf, '\n');
	for (unsigned i = 0; i < o->indent * o->depth; i++)
		add_char(&o->buf, ' ');
}

/* All that stands before a value: comma, line, key. */
static void start_value(struct json_out *o, const char *key)
{
	if (o->depth == 0) {
		assert(!key);
		assert(o->buf.len == 0); /* one value at the top level */
		return;
	}
	assert((o->close[o->depth - 1] == '}') == (key != NULL));
	if (!o->empty[o->depth - 1])
		add_char(&o->buf, ',');
	o->empty[o->depth - 1] = false;
	add_newline(o);
	if (!key)
		return;
	add_quoted(&o->buf, key);
	strbuf_add(&o->buf, o->indent ? ": " : ":");
}

static void start_nest(struct json_out *o, const char *key, char opening, char closing)
{
	start_value(o, key);
	assert(o->depth < JSON_OUT_DEPTH);
	add_char(&o->buf, opening);
	o->close[o->depth] = closing;
	o->empty[o->depth] = true;
	o->depth++;
}

void json_out_object(struct json_out *o, const char *key)
{
	start_nest(o, key, '{', '}');
}

void json_out_array(struct json_out *o, const char *key)
{
	start_nest(o, key, '[', ']');
}

void json_out_end(struct json_out *o)
{
	assert(o->depth > 0);
	o->depth--;
	if (!o->empty[o->depth])
		add_newline(o);
	add_char(&o->buf, o->close[o->depth]);
}

void json_out_string(struct json_out *o, const char *key, const char *value)
{
	start_value(o, key);
	add_quoted(&o->buf, value ? value : "");
}

void json_out_int(struct json_out *o, const char *key, int64_t value)
{
	start_value(o, key);
	strbuf_addf(&o->buf, "%lld", (long long)value);
}

void json_out_bool(struct json_out *o, const char *key, bool value)
{
	start_value(o, key);
	strbuf_add(&o->buf, value ? "true" : "false");
}

void json_out_raw(struct json_out *o, const char *key, const char *json)
{
	start_value(o, key);
	strbuf_add(&o->buf, json);
}
