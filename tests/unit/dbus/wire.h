/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * wire.h - D-Bus messages as a service or the bus would send them
 *
 * Written from the specification and not with the code under test, in both byte orders,
 * and wrong where a test wants it wrong.
 */
#ifndef TESTS_UNIT_DBUS_WIRE_H
#define TESTS_UNIT_DBUS_WIRE_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WIRE    __attribute__((unused)) static

#define WIRE_OK "OK 0123456789abcdef0123456789ABCDEF\r\n"

/* @base: where the message being written began. */
struct wire {
	uint8_t p[200000];
	size_t len;
	size_t base;
	bool big;
};

WIRE void wire_raw(struct wire *w, const void *p, size_t len)
{
	if (len > sizeof(w->p) - w->len)
		abort();
	memcpy(w->p + w->len, p, len);
	w->len += len;
}

WIRE void wire_u8(struct wire *w, unsigned v)
{
	const uint8_t byte = (uint8_t)v;

	wire_raw(w, &byte, 1);
}

WIRE void wire_align(struct wire *w, size_t to)
{
	while ((w->len - w->base) % to)
		wire_u8(w, 0);
}

WIRE void wire_set_u32(struct wire *w, size_t at, uint32_t v)
{
	for (unsigned i = 0; i < 4; i++)
		w->p[at + (w->big ? 3 - i : i)] = (uint8_t)(v >> (8 * i));
}

WIRE void wire_u32(struct wire *w, uint32_t v)
{
	wire_align(w, 4);
	wire_raw(w, "\0\0\0", 4);
	wire_set_u32(w, w->len - 4, v);
}

/* 's' and 'o'. */
WIRE void wire_str(struct wire *w, const char *s)
{
	wire_u32(w, (uint32_t)strlen(s));
	wire_raw(w, s, strlen(s) + 1);
}

/* 'g' */
WIRE void wire_sig(struct wire *w, const char *s)
{
	wire_u8(w, (unsigned)strlen(s));
	wire_raw(w, s, strlen(s) + 1);
}

/* A header field. @sig is of one type; its value is @s or @v. */
WIRE void wire_field(struct wire *w, unsigned code, const char *sig, const char *s, uint32_t v)
{
	wire_align(w, 8);
	wire_u8(w, code);
	wire_sig(w, sig);
	switch (sig[0]) {
	case 'u':
		wire_u32(w, v);
		break;
	case 'g':
		wire_sig(w, s);
		break;
	default:
		wire_str(w, s);
		break;
	}
}

/* Begin a message; then fields, wire_body(), values, wire_end(). */
WIRE void wire_begin(struct wire *w, unsigned type, uint32_t serial)
{
	w->base = w->len;
	wire_u8(w, w->big ? 'B' : 'l');
	wire_u8(w, type);
	wire_u8(w, 1); /* NO_REPLY_EXPECTED, as replies have it */
	wire_u8(w, 1);
	wire_u32(w, 0);
	wire_u32(w, serial);
	wire_u32(w, 0);
}

WIRE size_t wire_body(struct wire *w)
{
	wire_set_u32(w, w->base + 12, (uint32_t)(w->len - w->base - 16));
	wire_align(w, 8);
	return w->len;
}

WIRE void wire_end(struct wire *w, size_t body)
{
	wire_set_u32(w, w->base + 4, (uint32_t)(w->len - body));
}

/* A result: @sig is "", "s" (value @s) or "b" (value @v). */
WIRE void wire_result(struct wire *w, uint32_t reply_to, const char *sig, const char *s, uint32_t v)
{
	size_t body;

	wire_begin(w, 2, 1000 + reply_to);
	wire_field(w, 5, "u", NULL, reply_to);
	wire_field(w, 7, "s", ":1.4", 0);
	wire_field(w, 6, "s", ":1.99", 0);
	if (*sig)
		wire_field(w, 8, "g", sig, 0);
	body = wire_body(w);
	if (*sig == 's')
		wire_str(w, s);
	else if (*sig)
		wire_u32(w, v);
	wire_end(w, body);
}

WIRE void wire_error(struct wire *w, uint32_t reply_to, const char *name, const char *text)
{
	size_t body;

	wire_begin(w, 3, 1000 + reply_to);
	wire_field(w, 4, "s", name, 0);
	wire_field(w, 5, "u", NULL, reply_to);
	wire_field(w, 7, "s", "org.freedesktop.DBus", 0);
	if (text)
		wire_field(w, 8, "g", "s", 0);
	body = wire_body(w);
	if (text)
		wire_str(w, text);
	wire_end(w, body);
}

/* NameAcquired, which the bus sends to everybody who says Hello. */
WIRE void wire_name_acquired(struct wire *w)
{
	size_t body;

	wire_begin(w, 4, 2);
	wire_field(w, 1, "o", "/org/freedesktop/DBus", 0);
	wire_field(w, 2, "s", "org.freedesktop.DBus", 0);
	wire_field(w, 3, "s", "NameAcquired", 0);
	wire_field(w, 6, "s", ":1.99", 0);
	wire_field(w, 8, "g", "s", 0);
	wire_field(w, 7, "s", "org.freedesktop.DBus", 0);
	body = wire_body(w);
	wire_str(w, ":1.99");
	wire_end(w, body);
}

/* All that comes before the answer to the first call. */
WIRE void wire_greeting(struct wire *w)
{
	wire_raw(w, WIRE_OK, strlen(WIRE_OK));
	wire_result(w, 1, "s", ":1.99", 0);
	wire_name_acquired(w);
}

#endif /* TESTS_UNIT_DBUS_WIRE_H */
