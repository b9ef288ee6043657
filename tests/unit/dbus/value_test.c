/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "dbus/value_priv.h"
#include "tests/unit/dbus/wire.h"

/* @n times @c. */
static const char *many(char c, size_t n)
{
	static char buf[2][400];
	static unsigned turn;
	char *s = buf[turn++ % 2];

	assert_true(n < sizeof(buf[0]));
	memset(s, c, n);
	s[n] = '\0';
	return s;
}

/* --- signatures and names --- */

static void signatures(void **state)
{
	static const char *const good[] = {
		"",        "y",    "s",         "ss", "a{sv}",       "a(yv)",
		"(i(ii))", "aaas", "a{s(iau)}", "v",  "a{y(a{sv})}",
	};
	static const char *const bad[] = {
		"a",      "(",       "()", "(i", "i)", "{sv}", "a{vs}", "a{s}",
		"a{sss}", "a{(i)s}", "z",  "e",  "r",  "s ",   "a{s",   "aa",
	};
	char deep[80];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(good); i++)
		if (!dbus_signature_ok(good[i]))
			fail_msg("'%s' is good", good[i]);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		if (dbus_signature_ok(bad[i]))
			fail_msg("'%s' is bad", bad[i]);
	assert_true(dbus_signature_ok(many('y', 255)));
	assert_false(dbus_signature_ok(many('y', 256)));
	(void)snprintf(deep, sizeof(deep), "%sy", many('a', 32));
	assert_true(dbus_signature_ok(deep));
	(void)snprintf(deep, sizeof(deep), "%sy", many('a', 33));
	assert_false(dbus_signature_ok(deep));
	(void)snprintf(deep, sizeof(deep), "%sy%s", many('(', 32), many(')', 32));
	assert_true(dbus_signature_ok(deep));
	(void)snprintf(deep, sizeof(deep), "%sy%s", many('(', 33), many(')', 33));
	assert_false(dbus_signature_ok(deep));
}

static void signatures_come_apart(void **state)
{
	const char *sig = "a{sv}(ii)s";

	(void)state;
	sig = dbus_signature_next(sig);
	assert_string_equal(sig, "(ii)s");
	sig = dbus_signature_next(sig);
	assert_string_equal(sig, "s");
	sig = dbus_signature_next(sig);
	assert_string_equal(sig, "");
	assert_null(dbus_signature_next(sig));
}

struct name_case {
	const char *name;
	bool ok;
};

static void check_names(bool (*fn)(const char *s), const struct name_case *cases)
{
	for (; cases->name; cases++)
		if (fn(cases->name) != cases->ok)
			fail_msg("'%s' is %s", cases->name, cases->ok ? "valid" : "invalid");
}

static void names(void **state)
{
	static const struct name_case paths[] = {
		{ "/", true },      { "/a/b_1/C", true },
		{ "", false },      { "a", false },
		{ "/a/", false },   { "//", false },
		{ "/a//b", false }, { "/a-b", false },
		{ "/a.b", false },  { 0 },
	};
	static const struct name_case interfaces[] = {
		{ "a.b", true },    { "org.x._1", true },
		{ "a", false },     { "", false },
		{ ".a.b", false },  { "a..b", false },
		{ "a.b.", false },  { "a.1b", false },
		{ "a-b.c", false }, { 0 },
	};
	static const struct name_case members[] = {
		{ "Hello", true }, { "_1", true },   { "", false },
		{ "1a", false },   { "a.b", false }, { 0 },
	};
	static const struct name_case bus_names[] = {
		{ ":1.42", true }, { "a-b.c", true },  { ":a.b-c.9", true },
		{ ":1", false },   { ":", false },     { "1.2", false },
		{ "a", false },    { "a.b:c", false }, { 0 },
	};
	char name[400];

	(void)state;
	check_names(dbus_path_ok, paths);
	check_names(dbus_interface_ok, interfaces);
	check_names(dbus_member_ok, members);
	check_names(dbus_bus_name_ok, bus_names);
	assert_true(dbus_member_ok(many('m', 255)));
	assert_false(dbus_member_ok(many('m', 256)));
	(void)snprintf(name, sizeof(name), "a.%s", many('b', 253));
	assert_true(dbus_interface_ok(name) && dbus_bus_name_ok(name));
	(void)snprintf(name, sizeof(name), "a.%s", many('b', 254));
	assert_false(dbus_interface_ok(name) || dbus_bus_name_ok(name));
	(void)snprintf(name, sizeof(name), ":1.%s", many('b', 252));
	assert_true(dbus_bus_name_ok(name));
	(void)snprintf(name, sizeof(name), ":1.%s", many('b', 253));
	assert_false(dbus_bus_name_ok(name));
}

/* --- values --- */

/* @w holds exactly one value of each type in @sig. */
static int skip_all(const struct wire *w, const char *sig)
{
	struct dbus_reader r = { .p = w->p, .len = w->len, .big = w->big };

	assert_true(dbus_signature_ok(sig));
	while (*sig)
		if (dbus_read_skip(&r, &sig) < 0)
			return -EBADMSG;
	return r.at == r.len ? 0 : -EBADMSG;
}

static void numbers_of_both_byte_orders(void **state)
{
	static const uint8_t bytes[] = { 0x12, 0, 0, 0, 0x01, 0x02, 0x03, 0x04 };
	struct dbus_reader r = { .p = bytes, .len = sizeof(bytes), .at = 1 };
	uint32_t v;

	(void)state;
	assert_int_equal(dbus_read_u32(&r, &v), 0); /* over three bytes of padding */
	assert_int_equal(v, 0x04030201);
	assert_int_equal(r.at, 8);
	assert_int_equal(dbus_read_u32(&r, &v), -EBADMSG);
	r.at = 4;
	r.big = true;
	assert_int_equal(dbus_read_u32(&r, &v), 0);
	assert_int_equal(v, 0x01020304);
}

static void padding_must_be_zero(void **state)
{
	static const uint8_t bytes[] = { 0, 0, 7, 0, 1, 0, 0, 0 };
	struct dbus_reader r = { .p = bytes, .len = sizeof(bytes), .at = 1 };
	uint32_t v;

	(void)state;
	assert_int_equal(dbus_read_u32(&r, &v), -EBADMSG);
}

static void every_type(struct wire *w)
{
	size_t at;

	wire_u8(w, 1);          /* y */
	wire_u32(w, 1);         /* b */
	wire_raw(w, "\1\2", 2); /* n */
	wire_raw(w, "\1\2", 2); /* q */
	wire_u32(w, 5);         /* i */
	wire_u32(w, 6);         /* u */
	wire_align(w, 8);
	for (unsigned i = 0; i < 3; i++) /* x t d */
		wire_raw(w, "\1\2\3\4\5\6\7\10", 8);
	wire_str(w, "text");  /* s */
	wire_str(w, "/path"); /* o */
	wire_sig(w, "a{sv}"); /* g */
	wire_u32(w, 0);       /* h */
	wire_sig(w, "(sb)");  /* v */
	wire_align(w, 8);
	wire_str(w, "inside");
	wire_u32(w, 0);
	wire_u32(w, 0); /* a{sv} of two */
	at = w->len - 4;
	wire_align(w, 8);
	wire_str(w, "key");
	wire_sig(w, "u");
	wire_u32(w, 9);
	wire_align(w, 8);
	wire_str(w, "other");
	wire_sig(w, "s");
	wire_str(w, "value");
	wire_set_u32(w, at, (uint32_t)(w->len - (at + 4 + 7) / 8 * 8));
	wire_u32(w, 0); /* a(ii), empty: padded all the same */
	wire_align(w, 8);
}

#define EVERY_TYPE "ybnqiuxtdsoghva{sv}a(ii)"

static void values_of_every_type(void **state)
{
	struct wire w = { .len = 0 };

	(void)state;
	for (unsigned big = 0; big < 2; big++) {
		w.len = 0;
		w.big = big;
		every_type(&w);
		assert_int_equal(skip_all(&w, EVERY_TYPE), 0);
		/* Cut anywhere it is refused. */
		for (size_t n = w.len; n-- > 0;) {
			uint8_t *exact = malloc(n + 1); /* a sanitizer sees a byte too far */
			struct dbus_reader r = { .p = exact, .len = n, .big = big };
			const char *sig = EVERY_TYPE;
			int err = 0;

			assert_non_null(exact);
			memcpy(exact, w.p, n);
			while (*sig && err == 0)
				err = dbus_read_skip(&r, &sig);
			assert_int_equal(err, -EBADMSG);
			free(exact);
		}
	}
}

static void check_bytes(const char *sig, const void *p, size_t len, int want)
{
	struct wire w = { .len = 0 };

	wire_raw(&w, p, len);
	if (skip_all(&w, sig) != want)
		fail_msg("%zu bytes as '%s' are %s", len, sig, want ? "bad" : "good");
}

#define BYTES(sig, bytes, want) check_bytes(sig, bytes, sizeof(bytes) - 1, want)

static void values_that_are_wrong(void **state)
{
	(void)state;
	BYTES("b", "\1\0\0\0", 0);
	BYTES("b", "\2\0\0\0", -EBADMSG);
	BYTES("s", "\1\0\0\0a\0", 0);
	BYTES("s", "\1\0\0\0ab", -EBADMSG);
	BYTES("s", "\2\0\0\0\0a\0", -EBADMSG);
	BYTES("s", "\1\0\0\0\xff\0", -EBADMSG);
	BYTES("s", "\xff\xff\xff\xff\0", -EBADMSG);
	BYTES("s", "\xfb\xff\xff\xff\0", -EBADMSG);
	BYTES("o", "\1\0\0\0a\0", -EBADMSG);
	BYTES("g", "\1a\0", -EBADMSG);
	BYTES("g",
	      "\xff"
	      "s",
	      -EBADMSG);
	BYTES("v", "\0\0", -EBADMSG);
	BYTES("v", "\2ss\0\1\0\0\0a\0", -EBADMSG);
	BYTES("v", "\1y\0\7", 0);
	BYTES("ay", "\2\0\0\0ab", 0);
	BYTES("ay", "\3\0\0\0ab", -EBADMSG);
	BYTES("ay", "\1\0\0\0ab", -EBADMSG);
	BYTES("ay",
	      "\xff\xff\xff\xff"
	      "ab",
	      -EBADMSG);
	BYTES("au", "\6\0\0\0\1\0\0\0\2\0", -EBADMSG); /* an element and a half */
	BYTES("au", "\6\0\0\0\1\0\0\0\2\0\0\0", -EBADMSG);
	BYTES("at", "\0\0\0\0\0\0\0\0", 0);
	BYTES("at", "\0\0\0\0\0\0\0\1", -EBADMSG);
}

/* Variants in variants are not in any signature: only their depth ends them. */
static void depth_has_a_limit(void **state)
{
	struct wire w = { .len = 0 };

	(void)state;
	for (unsigned i = 0; i < 63; i++)
		wire_sig(&w, "v");
	wire_sig(&w, "y");
	wire_u8(&w, 1);
	assert_int_equal(skip_all(&w, "v"), 0); /* 64 of them */
	w.len = 0;
	for (unsigned i = 0; i < 64; i++)
		wire_sig(&w, "v");
	wire_sig(&w, "y");
	wire_u8(&w, 1);
	assert_int_equal(skip_all(&w, "v"), -EBADMSG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(signatures),
		cmocka_unit_test(signatures_come_apart),
		cmocka_unit_test(names),
		cmocka_unit_test(numbers_of_both_byte_orders),
		cmocka_unit_test(padding_must_be_zero),
		cmocka_unit_test(values_of_every_type),
		cmocka_unit_test(values_that_are_wrong),
		cmocka_unit_test(depth_has_a_limit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
