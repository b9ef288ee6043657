/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <assert.h>
#include <errno.h>
#include <string.h>

#include "base/str.h"
#include "dbus/dbus.h"
#include "dbus/value_priv.h"

/* Containers in a value, variants included ("Valid Signatures", "Variants"). */
#define DEPTH_MAX (DBUS_ARRAYS_MAX + DBUS_STRUCTS_MAX)

/* --- signatures --- */

static bool is_basic(char type)
{
	return type && strchr("ybnqiuxtdhsog", type);
}

/* The end of one complete type inside of so many arrays and structs, or NULL. */
static const char *complete_type(const char *s, unsigned arrays, unsigned structs)
{
	if (is_basic(*s) || *s == 'v')
		return s + 1;
	if (*s == 'a' && s[1] == '{') {
		if (arrays == DBUS_ARRAYS_MAX || structs == DBUS_STRUCTS_MAX || !is_basic(s[2]))
			return NULL;
		s = complete_type(s + 3, arrays + 1, structs + 1);
		return s && *s == '}' ? s + 1 : NULL;
	}
	if (*s == 'a')
		return arrays < DBUS_ARRAYS_MAX ? complete_type(s + 1, arrays + 1, structs) : NULL;
	if (*s != '(' || structs == DBUS_STRUCTS_MAX)
		return NULL;
	s++;
	do {
		s = complete_type(s, arrays, structs + 1);
		if (!s)
			return NULL;
	} while (*s != ')');
	return s + 1;
}

const char *dbus_signature_next(const char *sig)
{
	return complete_type(sig, 0, 0);
}

bool dbus_signature_ok(const char *sig)
{
	if (strlen(sig) > DBUS_SIGNATURE_MAX)
		return false;
	while (sig && *sig)
		sig = dbus_signature_next(sig);
	return sig != NULL;
}

/* --- names --- */

static bool is_name_char(char c)
{
	return c == '_' || (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') ||
	       (c >= 'a' && c <= 'z');
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

bool dbus_path_ok(const char *s)
{
	if (*s != '/')
		return false;
	if (!s[1])
		return true;
	while (*s == '/') {
		if (!is_name_char(*++s))
			return false;
		while (is_name_char(*s))
			s++;
	}
	return !*s;
}

/* Elements between dots, at least two. @extra may be in them besides name characters;
 * @digits: they may begin with a digit.
 */
static bool dotted_ok(const char *s, char extra, bool digits)
{
	unsigned n = 0;

	if (strlen(s) > DBUS_NAME_MAX)
		return false;
	for (;;) {
		const char *begin = s;

		while (is_name_char(*s) || (extra && *s == extra))
			s++;
		if (s == begin || (!digits && is_digit(*begin)))
			return false;
		n++;
		if (*s != '.')
			return !*s && n > 1;
		s++;
	}
}

bool dbus_interface_ok(const char *s)
{
	return dotted_ok(s, '\0', false);
}

bool dbus_bus_name_ok(const char *s)
{
	if (*s == ':')
		return strlen(s) <= DBUS_NAME_MAX && dotted_ok(s + 1, '-', true);
	return dotted_ok(s, '-', false);
}

bool dbus_member_ok(const char *s)
{
	const size_t len = strlen(s);

	if (!len || len > DBUS_NAME_MAX || is_digit(*s))
		return false;
	while (is_name_char(*s))
		s++;
	return !*s;
}

/* --- values --- */

static size_t left(const struct dbus_reader *r)
{
	assert(r->at <= r->len);
	return r->len - r->at;
}

int dbus_read_align(struct dbus_reader *r, size_t to)
{
	while (r->at % to) {
		if (!left(r) || r->p[r->at])
			return -EBADMSG;
		r->at++;
	}
	return 0;
}

/* @size bytes, aligned to their number. */
static int skip_fixed(struct dbus_reader *r, size_t size)
{
	if (dbus_read_align(r, size) < 0 || left(r) < size)
		return -EBADMSG;
	r->at += size;
	return 0;
}

int dbus_read_byte(struct dbus_reader *r, uint8_t *ret)
{
	if (!left(r))
		return -EBADMSG;
	*ret = r->p[r->at++];
	return 0;
}

int dbus_read_u32(struct dbus_reader *r, uint32_t *ret)
{
	uint32_t v = 0;

	if (skip_fixed(r, sizeof(v)) < 0)
		return -EBADMSG;
	for (size_t i = 0; i < sizeof(v); i++)
		v = v << 8 | r->p[r->big ? r->at - sizeof(v) + i : r->at - 1 - i];
	*ret = v;
	return 0;
}

int dbus_read_text(struct dbus_reader *r, char type, const char **ret)
{
	const char *s;
	uint32_t len;

	if (type == 'g') {
		uint8_t short_len;

		if (dbus_read_byte(r, &short_len) < 0)
			return -EBADMSG;
		len = short_len;
	} else if (dbus_read_u32(r, &len) < 0) {
		return -EBADMSG;
	}
	if (left(r) <= len)
		return -EBADMSG;
	s = (const char *)r->p + r->at;
	if (s[len] || memchr(s, '\0', len))
		return -EBADMSG;
	if (type == 's' && !str_is_utf8(s, len))
		return -EBADMSG;
	if ((type == 'o' && !dbus_path_ok(s)) || (type == 'g' && !dbus_signature_ok(s)))
		return -EBADMSG;
	r->at += (size_t)len + 1;
	*ret = s;
	return 0;
}

static int skip_bool(struct dbus_reader *r)
{
	uint32_t v;

	return dbus_read_u32(r, &v) < 0 || v > 1 ? -EBADMSG : 0;
}

static size_t alignment_of(char type)
{
	switch (type) {
	case 'n':
	case 'q':
		return 2;
	case 'b':
	case 'i':
	case 'u':
	case 'h':
	case 's':
	case 'o':
	case 'a':
		return 4;
	case 'x':
	case 't':
	case 'd':
	case '(':
	case '{':
		return 8;
	default: /* 'y', 'g', 'v' */
		return 1;
	}
}

static int skip_value(struct dbus_reader *r, const char **sig, unsigned depth);

/* Its elements have one type; padding before the first is not part of the length. */
static int skip_array(struct dbus_reader *r, const char *elem, unsigned depth)
{
	uint32_t len;
	size_t end;

	if (dbus_read_u32(r, &len) < 0)
		return -EBADMSG;
	if (dbus_read_align(r, alignment_of(*elem)) < 0 || left(r) < len)
		return -EBADMSG;
	end = r->at + len;
	while (r->at < end) {
		const char *sig = elem;

		if (skip_value(r, &sig, depth) < 0)
			return -EBADMSG;
	}
	return r->at == end ? 0 : -EBADMSG;
}

/* A struct or an entry of a dictionary; @sig is at its opening bracket. */
static int skip_struct(struct dbus_reader *r, const char **sig, unsigned depth)
{
	const char *s = *sig + 1;

	if (dbus_read_align(r, alignment_of(**sig)) < 0)
		return -EBADMSG;
	while (*s != ')' && *s != '}')
		if (skip_value(r, &s, depth) < 0)
			return -EBADMSG;
	*sig = s + 1;
	return 0;
}

static int skip_variant(struct dbus_reader *r, unsigned depth)
{
	const char *sig;
	const char *end;

	if (dbus_read_text(r, 'g', &sig) < 0)
		return -EBADMSG;
	end = dbus_signature_next(sig);
	return end && !*end ? skip_value(r, &sig, depth) : -EBADMSG;
}

/* @sig is moved past the type. Inside of @depth containers. */
static int skip_value(struct dbus_reader *r, const char **sig, unsigned depth)
{
	const char *begin = *sig;
	const char *text;

	switch (*begin) {
	case 'a':
	case '(':
	case '{':
	case 'v':
		if (depth == DEPTH_MAX)
			return -EBADMSG;
		break;
	default:
		break;
	}
	switch (*begin) {
	case 's':
	case 'o':
	case 'g':
		*sig = begin + 1;
		return dbus_read_text(r, *begin, &text);
	case 'b':
		*sig = begin + 1;
		return skip_bool(r);
	case 'v':
		*sig = begin + 1;
		return skip_variant(r, depth + 1);
	case 'a':
		*sig = dbus_signature_next(begin);
		assert(*sig != NULL);
		return skip_array(r, begin + 1, depth + 1);
	case '(':
	case '{':
		return skip_struct(r, sig, depth + 1);
	default:
		*sig = begin + 1;
		return skip_fixed(r, alignment_of(*begin));
	}
}

int dbus_read_skip(struct dbus_reader *r, const char **sig)
{
	return skip_value(r, sig, 0);
}
