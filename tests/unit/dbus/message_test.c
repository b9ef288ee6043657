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
#include "base/error.h"
#include "base/str.h"
#include "dbus/dbus.h"
#include "dbus/message_priv.h"
#include "tests/unit/dbus/wire.h"
#include "tests/unit/oom.h"

/* --- writing --- */

static void a_call_byte_by_byte(void **state)
{
	static const char want[] = "l\1\2\1\x0f\0\0\0\7\0\0\0\x48\0\0\0" /* lengths 15 and 72 */
				   "\1\1o\0\2\0\0\0/p\0\0\0\0\0\0"
				   "\6\1s\0\3\0\0\0d.e\0\0\0\0\0"
				   "\2\1s\0\3\0\0\0i.f\0\0\0\0\0"
				   "\3\1s\0\1\0\0\0M\0\0\0\0\0\0\0"
				   "\x8\1g\0\2ss\0"
				   "\2\0\0\0ab\0\0\2\0\0\0\xc3\xa9";
	const char *args[] = { "ab", "\xc3\xa9" };
	const struct dbus_call call = { "d.e", "/p", "i.f", "M", args, 2, "", 0 };
	struct strbuf b = STRBUF_INIT;
	struct nerr err;

	(void)state;
	strbuf_add(&b, "odd"); /* what precedes it does not count for its padding */
	assert_int_equal(dbus_message_put_call(&b, 7, &call, &err), 0);
	assert_int_equal(b.len - 3, sizeof(want));
	assert_memory_equal(b.s + 3, want, sizeof(want));
	strbuf_done(&b);
}

/* What we write we can read. */
static void calls_of_any_number_of_arguments(void **state)
{
	const char *args[20];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(args); i++)
		args[i] = &"0123456789"[i % 11];
	for (size_t n = 0; n <= ARRAY_SIZE(args); n++) {
		const struct dbus_call call = { "a.b", "/", "a.b", "M", args, n, "", 0 };
		struct strbuf b = STRBUF_INIT;
		struct dbus_message msg;
		struct nerr err;
		size_t len;

		assert_int_equal(dbus_message_put_call(&b, 1, &call, &err), 0);
		assert_int_equal(dbus_message_len((uint8_t *)b.s, b.len, &len), 0);
		assert_int_equal(len, b.len);
		assert_int_equal(dbus_message_parse((uint8_t *)b.s, b.len, &msg), 0);
		assert_int_equal(msg.type, DBUS_METHOD_CALL);
		assert_int_equal(msg.reply_to, 0);
		assert_int_equal(strlen(msg.signature), n);
		assert_string_equal(msg.text, n ? args[0] : "");
		strbuf_done(&b);
	}
}

static void calls_that_cannot_be_made(void **state)
{
	static char big[DBUS_MESSAGE_MAX + 2];
	const char *arg = big;
	const struct dbus_call call = { "a.b", "/", "a.b", "M", &arg, 1, "", 0 };
	struct strbuf b = STRBUF_INIT;
	struct nerr err;

	(void)state;
	memset(big, 'x', sizeof(big) - 1);
	assert_int_equal(dbus_message_put_call(&b, 1, &call, &err), -EMSGSIZE);
	assert_string_equal(err.msg, "argument 1 of M has 65537 bytes");
	big[DBUS_MESSAGE_MAX - 50] = '\0';
	assert_int_equal(dbus_message_put_call(&b, 1, &call, &err), -EMSGSIZE);
	assert_non_null(strstr(err.msg, "the call of M would have 65"));
	arg = "ab\xff";
	assert_int_equal(dbus_message_put_call(&b, 1, &call, &err), -EINVAL);
	assert_string_equal(err.msg, "argument 1 of M is not UTF-8");
	assert_int_equal(b.len, 0);
	strbuf_done(&b);
}

#if OOM_WORKS
static void calls_without_memory(void **state)
{
	const char *arg = "x";
	const struct dbus_call call = { "a.b", "/", "a.b", "M", &arg, 1, "", 0 };
	unsigned n = 1;
	int r;

	(void)state;
	do {
		struct strbuf b = STRBUF_INIT;
		struct nerr err;

		oom_begin(n++);
		r = dbus_message_put_call(&b, 1, &call, &err);
		strbuf_done(&b);
		assert_int_equal(oom_end(), 0);
		assert_true(r == 0 || r == -ENOMEM);
	} while (r < 0);
	assert_true(n > 3);
}
#endif

/* --- reading --- */

/* @w holds one message. */
static int parse(const struct wire *w, struct dbus_message *ret)
{
	size_t len;
	int r = dbus_message_len(w->p, w->len, &len);

	if (r < 0)
		return r;
	if (len > w->len)
		return -EAGAIN;
	return dbus_message_parse(w->p, len, ret);
}

static void replies_in_both_byte_orders(void **state)
{
	struct wire w = { .len = 0 };
	struct dbus_message msg;

	(void)state;
	for (unsigned big = 0; big < 2; big++) {
		w.big = big;
		w.len = 0;
		wire_result(&w, 0x01020304, "s", "trusted", 0);
		assert_int_equal(parse(&w, &msg), 0);
		assert_int_equal(msg.type, DBUS_METHOD_RETURN);
		assert_int_equal(msg.reply_to, 0x01020304);
		assert_string_equal(msg.signature, "s");
		assert_string_equal(msg.text, "trusted");
		assert_string_equal(msg.error, "");

		w.len = 0;
		wire_result(&w, 5, "b", NULL, 1);
		assert_int_equal(parse(&w, &msg), 0);
		assert_string_equal(msg.signature, "b");
		assert_true(msg.flag);

		w.len = 0;
		wire_result(&w, 5, "", NULL, 0);
		assert_int_equal(parse(&w, &msg), 0);
		assert_string_equal(msg.signature, "");
		assert_string_equal(msg.text, "");

		w.len = 0;
		wire_error(&w, 6, "a.b.Error", "why");
		assert_int_equal(parse(&w, &msg), 0);
		assert_int_equal(msg.type, DBUS_ERROR);
		assert_string_equal(msg.error, "a.b.Error");
		assert_string_equal(msg.text, "why");

		w.len = 0;
		wire_name_acquired(&w);
		assert_int_equal(parse(&w, &msg), 0);
		assert_int_equal(msg.type, DBUS_SIGNAL);
		assert_int_equal(msg.reply_to, 0);
	}
}

/* Places in the message of the next test. */
#define END_OF_REPLY_SERIAL 48 /* name of the error and this: all that is required */
#define END_OF_SENDER       77
#define BEGIN_OF_BODY       88

static void cut_anywhere_it_is_no_message(void **state)
{
	struct wire whole = { .len = 0 };
	struct dbus_message msg;

	(void)state;
	wire_error(&whole, 6, "a.b.Error", "why it failed");
	for (size_t n = 0; n < whole.len; n++) {
		uint8_t *exact = malloc((n + 7) / 8 * 8 + 1); /* a sanitizer sees a byte too far */
		struct wire w = whole;

		assert_non_null(exact);
		w.len = n;
		assert_int_equal(parse(&w, &msg), -EAGAIN);
		/* And when the lengths in its header are those of the cut. */
		if (n >= BEGIN_OF_BODY) {
			wire_set_u32(&w, 4, (uint32_t)(n - BEGIN_OF_BODY));
		} else if (n >= DBUS_FIXED_LEN) {
			wire_set_u32(&w, 4, 0);
			wire_set_u32(&w, 12, (uint32_t)(n - DBUS_FIXED_LEN));
			wire_align(&w, 8);
		} else {
			free(exact);
			continue;
		}
		memcpy(exact, w.p, w.len);
		assert_int_equal(dbus_message_parse(exact, w.len, &msg),
				 n == END_OF_REPLY_SERIAL || n == END_OF_SENDER ? 0 : -EBADMSG);
		free(exact);
	}
}

static void lengths_have_limits(void **state)
{
	static const uint32_t lengths[] = { DBUS_MESSAGE_MAX - 15,
					    DBUS_MESSAGE_MAX,
					    0x7fffffff,
					    0x80000000,
					    0xfffffff0,
					    0xffffffff };
	size_t len = 77;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(lengths) * 2; i++) {
		struct wire w = { .big = i % 2 };

		wire_begin(&w, 2, 1);
		wire_set_u32(&w, 4, lengths[i / 2]);
		assert_int_equal(dbus_message_len(w.p, w.len, &len), -EMSGSIZE);
		wire_set_u32(&w, 4, 0);
		wire_set_u32(&w, 12, lengths[i / 2]);
		assert_int_equal(dbus_message_len(w.p, w.len, &len), -EMSGSIZE);
		assert_int_equal(len, 77);
		wire_set_u32(&w, 12, 1);
		wire_set_u32(&w, 4, DBUS_MESSAGE_MAX - 24);
		assert_int_equal(dbus_message_len(w.p, w.len, &len), 0);
		assert_int_equal(len, DBUS_MESSAGE_MAX);
		len = 77;
	}
}

static void fixed_parts_that_are_wrong(void **state)
{
	static const struct {
		size_t at;
		uint8_t byte;
	} cases[] = { { 0, 'L' }, { 0, 0 }, { 1, 0 }, { 3, 0 }, { 3, 2 } };
	struct dbus_message msg;
	struct wire w = { .len = 0 };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		w.len = 0;
		wire_result(&w, 5, "s", "x", 0);
		w.p[cases[i].at] = cases[i].byte;
		assert_int_equal(parse(&w, &msg), -EBADMSG);
	}
	w.len = 0;
	wire_result(&w, 5, "s", "x", 0);
	wire_set_u32(&w, 8, 0); /* no serial */
	assert_int_equal(parse(&w, &msg), -EBADMSG);
}

struct field_case {
	unsigned code;
	const char *sig;
	const char *s;
	uint32_t v;
	int want;
};

/* A result with one field more. */
static void fields(void **state)
{
	static const struct field_case cases[] = {
		{ 10, "s", "a newer protocol", 0, 0 },
		{ 255, "u", NULL, 9, 0 },
		{ 10, "ss", "two values", 0, -EBADMSG },
		{ 0, "s", "no field", 0, -EBADMSG },
		{ 1, "o", "/x", 0, 0 },
		{ 1, "s", "/x", 0, -EBADMSG },
		{ 1, "o", "x", 0, -EBADMSG },
		{ 2, "s", "a.b", 0, 0 },
		{ 2, "s", "a", 0, -EBADMSG },
		{ 3, "s", "M", 0, 0 },
		{ 3, "s", "M.N", 0, -EBADMSG },
		{ 4, "s", "a.b", 0, 0 },
		{ 4, "s", "", 0, -EBADMSG },
		{ 4, "u", NULL, 1, -EBADMSG },
		{ 5, "u", NULL, 7, -EBADMSG }, /* a second one */
		{ 6, "s", ":1.5", 0, 0 },
		{ 6, "s", "not a name", 0, -EBADMSG },
		{ 8, "g", "", 0, 0 },
		{ 8, "g", "s", 0, -EBADMSG }, /* there is no body */
		{ 8, "g", "a", 0, -EBADMSG },
		{ 8, "s", "", 0, -EBADMSG },
		{ 9, "u", NULL, 0, 0 },
		{ 9, "u", NULL, 1, -EBADMSG }, /* descriptors */
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const struct field_case *c = &cases[i];
		struct wire w = { .big = i % 2 };
		struct dbus_message msg;

		wire_begin(&w, 2, 1);
		wire_field(&w, 5, "u", NULL, 7);
		wire_field(&w, c->code, c->sig, c->s, c->v);
		wire_end(&w, wire_body(&w));
		if (parse(&w, &msg) != c->want)
			fail_msg("field %u '%s' (case %zu)", c->code, c->sig, i);
	}
}

static void fields_that_are_required(void **state)
{
	static const struct {
		unsigned type;
		unsigned fields[4];
		int want;
	} cases[] = {
		{ 1, { 1, 3 }, 0 },        { 1, { 1 }, -EBADMSG },    { 1, { 3 }, -EBADMSG },
		{ 2, { 5 }, 0 },           { 2, { 7 }, -EBADMSG },    { 3, { 4, 5 }, 0 },
		{ 3, { 4 }, -EBADMSG },    { 3, { 5 }, -EBADMSG },    { 4, { 1, 2, 3 }, 0 },
		{ 4, { 1, 3 }, -EBADMSG }, { 4, { 2, 3 }, -EBADMSG }, { 4, { 1, 2 }, -EBADMSG },
		{ 5, { 0 }, 0 }, /* a newer protocol */
	};
	static const char *const sigs[] = { "", "o", "s", "s", "s", "u", "s", "s", "g" };
	static const char *const values[] = { "", "/", "a.b", "M", "a.b", "", "a.b", "a.b", "" };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct wire w = { .big = i % 2 };
		struct dbus_message msg;

		wire_begin(&w, cases[i].type, 1);
		for (const unsigned *f = cases[i].fields; *f; f++)
			wire_field(&w, *f, sigs[*f], values[*f], 3);
		wire_end(&w, wire_body(&w));
		if (parse(&w, &msg) != cases[i].want)
			fail_msg("type %u (case %zu)", cases[i].type, i);
		if (cases[i].want == 0)
			assert_int_equal(msg.reply_to,
					 cases[i].type == 2 || cases[i].type == 3 ? 3 : 0);
	}
}

static void bodies_must_be_what_the_signature_says(void **state)
{
	struct wire w = { .len = 0 };
	struct dbus_message msg;
	size_t body;

	(void)state;
	wire_begin(&w, 2, 1);
	wire_field(&w, 5, "u", NULL, 7);
	wire_field(&w, 8, "g", "sub", 0);
	body = wire_body(&w);
	wire_str(&w, "first");
	wire_u32(&w, 5);
	wire_u32(&w, 1);
	wire_end(&w, body);
	assert_int_equal(parse(&w, &msg), 0);
	assert_string_equal(msg.text, "first");
	wire_u8(&w, 0); /* a byte too many */
	wire_end(&w, body);
	assert_int_equal(parse(&w, &msg), -EBADMSG);
	w.len -= 2; /* too few */
	wire_end(&w, body);
	assert_int_equal(parse(&w, &msg), -EBADMSG);

	/* Values behind the first are checked, too. */
	w.len = 0;
	wire_begin(&w, 2, 1);
	wire_field(&w, 5, "u", NULL, 7);
	wire_field(&w, 8, "g", "sb", 0);
	body = wire_body(&w);
	wire_str(&w, "first");
	wire_u32(&w, 2);
	wire_end(&w, body);
	assert_int_equal(parse(&w, &msg), -EBADMSG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_call_byte_by_byte),
		cmocka_unit_test(calls_of_any_number_of_arguments),
		cmocka_unit_test(calls_that_cannot_be_made),
#if OOM_WORKS
		cmocka_unit_test(calls_without_memory),
#endif
		cmocka_unit_test(replies_in_both_byte_orders),
		cmocka_unit_test(cut_anywhere_it_is_no_message),
		cmocka_unit_test(lengths_have_limits),
		cmocka_unit_test(fixed_parts_that_are_wrong),
		cmocka_unit_test(fields),
		cmocka_unit_test(fields_that_are_required),
		cmocka_unit_test(bodies_must_be_what_the_signature_says),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
