/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * message_priv.h - messages: method calls into bytes, and what comes back out of them
 *
 * "Message Format" and "Message Types" of the D-Bus specification.  No I/O here.
 */
#ifndef DBUS_MESSAGE_PRIV_H
#define DBUS_MESSAGE_PRIV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct dbus_call;
struct nerr;
struct strbuf;

/* "Message Format": header up to and including the length of its fields. */
#define DBUS_FIXED_LEN 16

enum dbus_message_type {
	DBUS_METHOD_CALL = 1,
	DBUS_METHOD_RETURN = 2,
	DBUS_ERROR = 3,
	DBUS_SIGNAL = 4,
};

/**
 * struct dbus_message - A message that was read
 * @type:	enum dbus_message_type, or a number that a newer protocol gave out
 * @reply_to:	Serial of the call that it answers, 0 when it is no reply
 * @error:	Name of an error, "" otherwise
 * @signature:	Of the body
 * @text:	First argument when that is a string, else ""
 * @flag:	First argument when that is a boolean
 *
 * The strings lie in the bytes that were read.
 */
struct dbus_message {
	uint8_t type;
	uint32_t reply_to;
	const char *error;
	const char *signature;
	const char *text;
	bool flag;
};

/**
 * dbus_message_put_call() - Append a method call
 * @b:		Whole messages, or bytes that precede the first
 * @serial:	Its number, not 0
 *
 * Return: 0; -EINVAL (an argument is not UTF-8) and -EMSGSIZE (longer than
 *         DBUS_MESSAGE_MAX) with nothing appended; -ENOMEM
 */
int dbus_message_put_call(struct strbuf *b, uint32_t serial, const struct dbus_call *call,
			  struct nerr *err);

/**
 * dbus_message_len() - Length of the message that the bytes begin with
 * @ret:	Written on 0; may be more than @len
 *
 * Return: 0, -EAGAIN when @len is below DBUS_FIXED_LEN, -EBADMSG,
 *         -EMSGSIZE when it is above DBUS_MESSAGE_MAX
 */
int dbus_message_len(const uint8_t *p, size_t len, size_t *ret);

/**
 * dbus_message_parse() - Read a whole message
 * @len:	What dbus_message_len() said
 *
 * Return: 0 or -EBADMSG
 */
int dbus_message_parse(const uint8_t *p, size_t len, struct dbus_message *ret);

#endif /* DBUS_MESSAGE_PRIV_H */
