/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <assert.h>
#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/str.h"
#include "dbus/dbus.h"
#include "dbus/message_priv.h"
#include "dbus/value_priv.h"

#define PROTOCOL_VERSION   1
#define FLAG_NO_AUTO_START 0x2

/* Places in the fixed part of a header. */
#define AT_BODY_LEN   4
#define AT_SERIAL     8
#define AT_FIELDS_LEN 12

/* "Header Fields". */
enum field {
	FIELD_PATH = 1,
	FIELD_INTERFACE,
	FIELD_MEMBER,
	FIELD_ERROR_NAME,
	FIELD_REPLY_SERIAL,
	FIELD_DESTINATION,
	FIELD_SENDER,
	FIELD_SIGNATURE,
	FIELD_UNIX_FDS,
	FIELDS_END,
};

#define BIT(field) (1u << (field))

static const char field_types[FIELDS_END] = {
	[FIELD_PATH] = 'o',       [FIELD_INTERFACE] = 's',    [FIELD_MEMBER] = 's',
	[FIELD_ERROR_NAME] = 's', [FIELD_REPLY_SERIAL] = 'u', [FIELD_DESTINATION] = 's',
	[FIELD_SENDER] = 's',     [FIELD_SIGNATURE] = 'g',    [FIELD_UNIX_FDS] = 'u',
};

static size_t align(size_t n, size_t to)
{
	return (n + to - 1) / to * to;
}

/* --- writing, little-endian: the bus takes both --- */

static void put_align(struct strbuf *b, size_t to)
{
	static const uint8_t zero[8];

	strbuf_add_mem(b, zero, align(b->len, to) - b->len);
}

static void set_u32(uint8_t *p, uint32_t v)
{
	for (size_t i = 0; i < sizeof(v); i++)
		p[i] = (uint8_t)(v >> (8 * i));
}

static void put_u32(struct strbuf *b, uint32_t v)
{
	uint8_t bytes[sizeof(v)];

	put_align(b, sizeof(v));
	set_u32(bytes, v);
	strbuf_add_mem(b, bytes, sizeof(bytes));
}

static void put_string(struct strbuf *b, const char *s)
{
	const size_t len = strlen(s);

	put_u32(b, (uint32_t)len);
	strbuf_add_mem(b, s, len + 1);
}

/* A struct of a code and a variant. */
static void put_field(struct strbuf *b, enum field field, const char *value)
{
	const char variant[] = { (char)field, 1, field_types[field], '\0' };

	put_align(b, 8);
	strbuf_add_mem(b, variant, sizeof(variant));
	put_string(b, value);
}

/* "s" for each argument. */
static void put_signature(struct strbuf *b, size_t n_args)
{
	const char variant[] = { FIELD_SIGNATURE, 1, 'g', '\0', (char)n_args };

	put_align(b, 8);
	strbuf_add_mem(b, variant, sizeof(variant));
	for (size_t i = 0; i < n_args; i++)
		strbuf_add(b, "s");
	strbuf_add_mem(b, "", 1);
}

static void put_header(struct strbuf *b, uint32_t serial, size_t body_len,
		       const struct dbus_call *call)
{
	static const uint8_t begin[] = { 'l', DBUS_METHOD_CALL, FLAG_NO_AUTO_START,
					 PROTOCOL_VERSION };

	strbuf_add_mem(b, begin, sizeof(begin));
	put_u32(b, (uint32_t)body_len);
	put_u32(b, serial);
	put_u32(b, 0);
	put_field(b, FIELD_PATH, call->path);
	put_field(b, FIELD_DESTINATION, call->destination);
	put_field(b, FIELD_INTERFACE, call->interface);
	put_field(b, FIELD_MEMBER, call->member);
	if (call->n_args)
		put_signature(b, call->n_args);
	if (!b->failed)
		set_u32((uint8_t *)b->s + AT_FIELDS_LEN, (uint32_t)(b->len - DBUS_FIXED_LEN));
	put_align(b, 8);
}

int dbus_message_put_call(struct strbuf *b, uint32_t serial, const struct dbus_call *call,
			  struct nerr *err)
{
	CLEANUP(strbuf_done) struct strbuf header = STRBUF_INIT;
	CLEANUP(strbuf_done) struct strbuf body = STRBUF_INIT;

	assert(serial != 0);
	assert(call->n_args <= DBUS_SIGNATURE_MAX);
	for (size_t i = 0; i < call->n_args; i++) {
		const size_t len = strlen(call->args[i]);

		if (!str_is_utf8(call->args[i], len))
			return nerr_set(err, -EINVAL, "argument %zu of %s is not UTF-8", i + 1,
					call->member);
		if (len > DBUS_MESSAGE_MAX)
			return nerr_set(err, -EMSGSIZE, "argument %zu of %s has %zu bytes", i + 1,
					call->member, len);
		put_string(&body, call->args[i]);
	}
	put_header(&header, serial, body.len, call);
	if (header.len + body.len > DBUS_MESSAGE_MAX)
		return nerr_set(err, -EMSGSIZE, "the call of %s would have %zu bytes, more than %d",
				call->member, header.len + body.len, DBUS_MESSAGE_MAX);
	if (!header.failed && !body.failed) {
		strbuf_add_mem(b, header.s, header.len);
		strbuf_add_mem(b, strbuf_text(&body), body.len);
	}
	return header.failed || body.failed || b->failed ? nerr_oom(err) : 0;
}

/* --- reading --- */

static uint32_t get_u32(const uint8_t *p, size_t at, bool big)
{
	struct dbus_reader r = { .p = p, .len = at + sizeof(uint32_t), .at = at, .big = big };
	uint32_t v = 0;

	(void)dbus_read_u32(&r, &v); /* the caller has seen that the bytes are there */
	return v;
}

int dbus_message_len(const uint8_t *p, size_t len, size_t *ret)
{
	uint32_t fields_len;
	uint32_t body_len;
	size_t total;

	if (len < DBUS_FIXED_LEN)
		return -EAGAIN;
	if ((p[0] != 'l' && p[0] != 'B') || !p[1] || p[3] != PROTOCOL_VERSION)
		return -EBADMSG;
	body_len = get_u32(p, AT_BODY_LEN, p[0] == 'B');
	fields_len = get_u32(p, AT_FIELDS_LEN, p[0] == 'B');
	if (body_len > DBUS_MESSAGE_MAX || fields_len > DBUS_MESSAGE_MAX)
		return -EMSGSIZE;
	total = align(DBUS_FIXED_LEN + (size_t)fields_len, 8) + body_len;
	if (total > DBUS_MESSAGE_MAX)
		return -EMSGSIZE;
	*ret = total;
	return 0;
}

/* Values of header fields, "" and 0 where they are missing. */
struct fields {
	unsigned seen;
	uint32_t number[FIELDS_END];
	const char *text[FIELDS_END];
};

static bool field_ok(enum field field, const struct fields *f)
{
	switch (field) {
	case FIELD_INTERFACE:
	case FIELD_ERROR_NAME:
		return dbus_interface_ok(f->text[field]);
	case FIELD_MEMBER:
		return dbus_member_ok(f->text[field]);
	case FIELD_DESTINATION:
	case FIELD_SENDER:
		return dbus_bus_name_ok(f->text[field]);
	case FIELD_REPLY_SERIAL:
		return f->number[field] != 0;
	case FIELD_UNIX_FDS:
		/* We did not ask for descriptors, and the kernel has closed any that came. */
		return f->number[field] == 0;
	case FIELD_PATH:
	case FIELD_SIGNATURE:
	case FIELDS_END:
		break;
	}
	return true;
}

/* A code that we do not know must be accepted, whatever its value is. */
static int read_field(struct dbus_reader *r, struct fields *f)
{
	const char *sig;
	uint8_t code;

	if (dbus_read_align(r, 8) < 0 || dbus_read_byte(r, &code) < 0 || !code)
		return -EBADMSG;
	if (dbus_read_text(r, 'g', &sig) < 0)
		return -EBADMSG;
	if (code >= FIELDS_END) {
		const char *end = dbus_signature_next(sig);

		return end && !*end ? dbus_read_skip(r, &sig) : -EBADMSG;
	}
	if (sig[0] != field_types[code] || sig[1] || f->seen & BIT(code))
		return -EBADMSG;
	f->seen |= BIT(code);
	if (sig[0] == 'u' ? dbus_read_u32(r, &f->number[code]) < 0
			  : dbus_read_text(r, sig[0], &f->text[code]) < 0)
		return -EBADMSG;
	return field_ok(code, f) ? 0 : -EBADMSG;
}

/* "Header Fields", column "Required In". */
static bool has_required(uint8_t type, unsigned seen)
{
	static const unsigned required[] = {
		[DBUS_METHOD_CALL] = BIT(FIELD_PATH) | BIT(FIELD_MEMBER),
		[DBUS_METHOD_RETURN] = BIT(FIELD_REPLY_SERIAL),
		[DBUS_ERROR] = BIT(FIELD_ERROR_NAME) | BIT(FIELD_REPLY_SERIAL),
		[DBUS_SIGNAL] = BIT(FIELD_PATH) | BIT(FIELD_INTERFACE) | BIT(FIELD_MEMBER),
	};

	return type >= ARRAY_SIZE(required) || (seen & required[type]) == required[type];
}

/* All of it must be what the signature says. */
static int read_body(struct dbus_reader *r, struct dbus_message *msg)
{
	const char *sig = msg->signature;
	struct dbus_reader first = *r;

	while (*sig)
		if (dbus_read_skip(r, &sig) < 0)
			return -EBADMSG;
	if (r->at != r->len)
		return -EBADMSG;
	if (msg->signature[0] == 's')
		return dbus_read_text(&first, 's', &msg->text);
	if (msg->signature[0] == 'b') {
		uint32_t v = 0;

		(void)dbus_read_u32(&first, &v); /* it was there a moment ago */
		msg->flag = v;
	}
	return 0;
}

int dbus_message_parse(const uint8_t *p, size_t len, struct dbus_message *ret)
{
	struct dbus_reader r = { .p = p, .len = len, .at = DBUS_FIXED_LEN, .big = p[0] == 'B' };
	struct fields f = { .text = { [FIELD_ERROR_NAME] = "", [FIELD_SIGNATURE] = "" } };
	struct dbus_message msg = { .type = p[1], .text = "" };
	const size_t end = DBUS_FIXED_LEN + get_u32(p, AT_FIELDS_LEN, r.big);

	assert(end <= len);
	r.len = end;
	while (r.at < end)
		if (read_field(&r, &f) < 0)
			return -EBADMSG;
	r.len = len;
	if (dbus_read_align(&r, 8) < 0 || !get_u32(p, AT_SERIAL, r.big) ||
	    !has_required(msg.type, f.seen))
		return -EBADMSG;
	msg.signature = f.text[FIELD_SIGNATURE];
	if (msg.type == DBUS_METHOD_RETURN || msg.type == DBUS_ERROR)
		msg.reply_to = f.number[FIELD_REPLY_SERIAL];
	msg.error = msg.type == DBUS_ERROR ? f.text[FIELD_ERROR_NAME] : "";
	if (read_body(&r, &msg) < 0)
		return -EBADMSG;
	*ret = msg;
	return 0;
}
