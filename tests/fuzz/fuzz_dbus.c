/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The message bus from the other side: what it sends, as one message and as a whole
 * connection, and a list of addresses.  Laws: a message that is taken lies inside its
 * bytes and is what its signature says; a call ends, with a reply that is UTF-8 or with a
 * reason; an address that is taken fits.
 */
#include <assert.h>
#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/error.h"
#include "base/str.h"
#include "dbus/address_priv.h"
#include "dbus/dbus.h"
#include "dbus/message_priv.h"
#include "dbus/value_priv.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool inside(const char *s, const uint8_t *data, size_t size)
{
	const uint8_t *p = (const uint8_t *)s;

	return !*s || (p >= data && p < data + size && memchr(s, '\0', (size_t)(data + size - p)));
}

static void check_message(const uint8_t *data, size_t size)
{
	struct dbus_message msg;
	uint8_t *exact;
	size_t len = 0;

	if (dbus_message_len(data, size, &len) < 0) {
		assert(len == 0);
		return;
	}
	assert(len >= DBUS_FIXED_LEN && len <= DBUS_MESSAGE_MAX);
	if (len > size)
		return;
	exact = malloc(len); /* a byte too far is seen */
	assert(exact);
	memcpy(exact, data, len);
	if (dbus_message_parse(exact, len, &msg) == 0) {
		assert(inside(msg.error, exact, len) && inside(msg.signature, exact, len) &&
		       inside(msg.text, exact, len));
		assert(dbus_signature_ok(msg.signature));
		assert(str_is_utf8(msg.text, strlen(msg.text)));
		assert(!*msg.text || msg.signature[0] == 's');
		assert((*msg.error != '\0') == (msg.type == DBUS_ERROR));
		assert((msg.reply_to != 0) ==
		       (msg.type == DBUS_ERROR || msg.type == DBUS_METHOD_RETURN));
	}
	free(exact);
}

static void check_connection(const uint8_t *data, size_t size)
{
	static const struct dbus_call call = {
		.destination = "a.b",
		.path = "/",
		.interface = "a.b",
		.member = "M",
		.returns = "s",
		.timeout_ms = DBUS_OPEN_TIMEOUT_MS,
	};
	struct nerr err = NERR_INIT;
	struct dbus_reply reply;
	struct dbus *bus;
	int fd[2];
	int r;

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, fd) < 0)
		abort();
	(void)!send(fd[0], data, size, MSG_DONTWAIT); /* as much of it as fits */
	(void)shutdown(fd[0], SHUT_WR);               /* so nothing is waited for */
	if (dbus_open_fd(fd[1], &bus, &err) < 0)
		abort();
	do {
		r = dbus_call(bus, &call, &reply, &err);
		assert(r != -ETIMEDOUT && r != -EINVAL && r != -EMSGSIZE);
		if (r < 0)
			assert(*err.msg);
		else
			assert(str_is_utf8(reply.text, strlen(reply.text)) &&
			       strlen(reply.error) <= DBUS_NAME_MAX);
	} while (r == 0);
	assert(dbus_call(bus, &call, &reply, &err) == -ENOTCONN);
	dbus_close(bus);
	(void)close(fd[0]);
}

static void check_addresses(const uint8_t *data, size_t size)
{
	char *text = strndup((const char *)data, size);
	struct sockaddr_un sun;
	const char *p = text;
	socklen_t len;

	assert(text);
	while (dbus_address_next(&p, &sun, &len)) {
		assert(sun.sun_family == AF_UNIX);
		assert(len > offsetof(struct sockaddr_un, sun_path) + 1 && len <= sizeof(sun));
		assert(sun.sun_path[0] || sun.sun_path[1]);
	}
	assert(!*p);
	free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	check_message(data, size);
	check_connection(data, size);
	check_addresses(data, size);
	return 0;
}
