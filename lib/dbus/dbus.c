/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "dbus/dbus.h"

#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/error.h"
#include "base/str.h"
#include "dbus/address_priv.h"
#include "dbus/message_priv.h"

#define DEFAULT_ADDRESSES                                                                          \
	"unix:path=/run/dbus/system_bus_socket;unix:path=/var/run/dbus/system_bus_socket"

/* Longest line of the authentication. */
#define LINE_MAX_LEN 512
/* "OK" and 32 hexadecimal digits. */
#define GUID_LEN     32

#define HELLO_SERIAL 1

/**
 * struct dbus - A connection
 * @accepted:	The bus has accepted our proof; from here on messages come
 * @named:	Hello was answered
 * @broken:	Nothing more can be read or written
 * @serial:	Of the call that was put last
 * @out:	To be sent; @sent bytes of it are
 * @in:		Received and not yet read, @in_len bytes
 */
struct dbus {
	int fd;
	bool accepted;
	bool named;
	bool broken;
	uint32_t serial;
	struct strbuf out;
	size_t sent;
	size_t in_len;
	uint8_t in[DBUS_MESSAGE_MAX];
};

/* --- bytes --- */

/* Wait until @events or @deadline. */
static int wait_for(const struct dbus *bus, short events, int64_t deadline)
{
	struct pollfd pfd = { .fd = bus->fd, .events = events };

	for (;;) {
		const int64_t left = deadline - dbus_now_ms();
		int n;

		if (left <= 0)
			return -ETIMEDOUT;
		n = poll(&pfd, 1, left > INT_MAX ? INT_MAX : (int)left);
		if (n > 0)
			return 0;
		if (n < 0 && errno != EINTR)
			return -errno;
	}
}

static int flush(struct dbus *bus, int64_t deadline, struct nerr *err)
{
	while (bus->sent < bus->out.len) {
		ssize_t n = send(bus->fd, bus->out.s + bus->sent, bus->out.len - bus->sent,
				 MSG_DONTWAIT | MSG_NOSIGNAL);
		int r = 0;

		if (n >= 0)
			bus->sent += (size_t)n;
		else if (errno == EAGAIN)
			r = wait_for(bus, POLLOUT, deadline);
		else if (errno != EINTR)
			r = -errno;
		if (r < 0) {
			bus->broken = true; /* half a message may be on its way */
			return nerr_set(err, r, "cannot send to D-Bus: %m");
		}
	}
	bus->out.len = 0;
	bus->sent = 0;
	return 0;
}

/* Receive some bytes more.  The deadline also holds against one who never stops sending. */
static int fill(struct dbus *bus, int64_t deadline, struct nerr *err)
{
	assert(bus->in_len < sizeof(bus->in));
	for (;;) {
		int r = dbus_now_ms() < deadline ? 0 : -ETIMEDOUT;
		ssize_t n;

		if (r < 0)
			return nerr_set(err, r, "no answer from D-Bus: %m");
		n = recv(bus->fd, bus->in + bus->in_len, sizeof(bus->in) - bus->in_len,
			 MSG_DONTWAIT);
		if (n > 0) {
			bus->in_len += (size_t)n;
			return 0;
		}
		if (n == 0)
			return nerr_set(err, -ECONNRESET, "D-Bus has closed the connection");
		if (errno == EAGAIN)
			r = wait_for(bus, POLLIN, deadline);
		else if (errno != EINTR)
			r = -errno;
		if (r < 0)
			return nerr_set(err, r, "no answer from D-Bus: %m");
	}
}

static void drop(struct dbus *bus, size_t len)
{
	assert(len <= bus->in_len);
	bus->in_len -= len;
	memmove(bus->in, bus->in + len, bus->in_len);
}

/* --- handshake --- */

/* "Authentication Protocol": a NUL byte, then lines.  The proof of EXTERNAL is our user id, in
 * digits, in hexadecimal.  BEGIN is sent without waiting for the answer: when that is no OK, the
 * bus closes the connection, and nothing behind BEGIN is taken for a message.
 */
static void put_proof(struct strbuf *b)
{
	char uid[16];

	(void)snprintf(uid, sizeof(uid), "%u", (unsigned)geteuid()); /* has room for 32 bits */
	strbuf_add_mem(b, "", 1);
	strbuf_add(b, "AUTH EXTERNAL ");
	for (const char *p = uid; *p; p++)
		strbuf_addf(b, "%02x", (unsigned)(unsigned char)*p);
	strbuf_add(b, "\r\nBEGIN\r\n");
}

/* The answer to the proof, without its line end. */
static int judge_line(const char *line, size_t len, struct nerr *err)
{
	static const char ok[] = "OK ";
	static const char rejected[] = "REJECTED";

	if (len == strlen(ok) + GUID_LEN && memcmp(line, ok, strlen(ok)) == 0 &&
	    strspn(line + strlen(ok), "0123456789abcdefABCDEF") == GUID_LEN)
		return 0;
	if (len >= strlen(rejected) && memcmp(line, rejected, strlen(rejected)) == 0)
		return nerr_set(err, -EACCES, "D-Bus does not accept user id %u",
				(unsigned)geteuid());
	return nerr_set(err, -EBADMSG, "the answer of D-Bus to AUTH is neither OK nor REJECTED");
}

static int read_line(struct dbus *bus, int64_t deadline, struct nerr *err)
{
	for (;;) {
		char *end = memmem(bus->in, bus->in_len, "\r\n", 2);
		int r;

		if (end) {
			const size_t len = (size_t)(end - (char *)bus->in);

			r = judge_line((char *)bus->in, len, err);
			drop(bus, len + 2);
			return r;
		}
		if (bus->in_len > LINE_MAX_LEN)
			return nerr_set(err, -EBADMSG,
					"the answer of D-Bus to AUTH has no end within %d bytes",
					LINE_MAX_LEN);
		r = fill(bus, deadline, err);
		if (r < 0)
			return r;
	}
}

/* --- messages --- */

/* Cut between characters. */
static void copy_text(char *dst, size_t size, const char *src)
{
	size_t n = strnlen(src, size - 1);

	while (n && ((unsigned char)src[n] & 0xc0) == 0x80)
		n--;
	memcpy(dst, src, n);
	dst[n] = '\0';
}

/* The next whole message is at the beginning of @bus->in. */
static int receive(struct dbus *bus, int64_t deadline, size_t *ret_len, struct nerr *err)
{
	for (;;) {
		size_t len = 0;
		int r = dbus_message_len(bus->in, bus->in_len, &len);

		if (r == -EMSGSIZE)
			return nerr_set(err, -EBADMSG,
					"D-Bus sends a message of more than %d bytes",
					DBUS_MESSAGE_MAX);
		if (r == -EBADMSG)
			return nerr_set(err, r, "D-Bus sends bytes that are no message");
		if (r == 0 && len <= bus->in_len) {
			*ret_len = len;
			return 0;
		}
		r = fill(bus, deadline, err);
		if (r < 0)
			return r;
	}
}

/* The reply to @serial; a result must have the signature @returns. */
static int receive_reply(struct dbus *bus, uint32_t serial, const char *returns, int64_t deadline,
			 struct dbus_reply *ret, struct nerr *err)
{
	struct dbus_message msg = { .reply_to = 0 };

	while (msg.reply_to != serial) {
		size_t len = 0;
		int r = receive(bus, deadline, &len, err);

		if (r < 0)
			return r;
		if (dbus_message_parse(bus->in, len, &msg) < 0)
			return nerr_set(err, -EBADMSG, "D-Bus sends a malformed message");
		if (msg.reply_to == serial) {
			if (!*msg.error && strcmp(msg.signature, returns) != 0)
				return nerr_set(err, -EBADMSG,
						"the result has signature \"%s\", not \"%s\"",
						msg.signature, returns);
			copy_text(ret->error, sizeof(ret->error), msg.error);
			copy_text(ret->text, sizeof(ret->text), msg.text);
			ret->flag = msg.flag;
		}
		drop(bus, len);
	}
	return 0;
}

static int put_hello(struct dbus *bus, struct nerr *err)
{
	static const struct dbus_call hello = {
		.destination = DBUS_SERVICE,
		.path = DBUS_PATH,
		.interface = DBUS_INTERFACE,
		.member = "Hello",
	};

	put_proof(&bus->out);
	bus->serial = HELLO_SERIAL;
	return dbus_message_put_call(&bus->out, HELLO_SERIAL, &hello, err);
}

/* What came back for put_hello(). */
static int finish_hello(struct dbus *bus, int64_t deadline, struct nerr *err)
{
	struct dbus_reply hello;
	int r;

	if (!bus->accepted) {
		r = read_line(bus, deadline, err);
		if (r < 0)
			return r;
		bus->accepted = true;
	}
	r = receive_reply(bus, HELLO_SERIAL, "s", deadline, &hello, err);
	if (r < 0)
		return r;
	if (*hello.error)
		return nerr_set(err, -EPROTO, "D-Bus answers Hello with %s: %s", hello.error,
				hello.text);
	bus->named = true;
	return 0;
}

/* --- life --- */

int dbus_open_fd(int fd, struct dbus **ret, struct nerr *err)
{
	cleanup_close int own = fd;
	CLEANUP(dbus_closep) struct dbus *bus = malloc(sizeof(*bus));
	int r;

	if (!bus)
		return nerr_oom(err);
	/* All but the buffer: its pages are never touched beyond what comes. */
	memset(bus, 0, offsetof(struct dbus, in));
	bus->fd = TAKE_FD(own);
	r = put_hello(bus, err);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(bus);
	return 0;
}

int dbus_open(struct dbus **ret, struct nerr *err)
{
	const char *list = secure_getenv("DBUS_SYSTEM_BUS_ADDRESS");
	int fd = -1;
	int r;

	r = dbus_address_connect(list && *list ? list : DEFAULT_ADDRESSES, DBUS_OPEN_TIMEOUT_MS,
				 &fd, err);
	return r < 0 ? r : dbus_open_fd(fd, ret, err);
}

void dbus_close(struct dbus *bus)
{
	if (!bus)
		return;
	(void)close(bus->fd); /* a socket: nothing is left to be written */
	strbuf_done(&bus->out);
	free(bus);
}

/* --- calls --- */

static int exchange(struct dbus *bus, const struct dbus_call *call, struct dbus_reply *ret,
		    struct nerr *err)
{
	const int64_t now = dbus_now_ms();
	const int64_t deadline = now + call->timeout_ms;
	const uint32_t serial = bus->serial;
	struct dbus_reply reply;
	int r;

	r = flush(bus, bus->named ? deadline : now + DBUS_OPEN_TIMEOUT_MS, err);
	if (r == 0 && !bus->named)
		r = finish_hello(bus, now + DBUS_OPEN_TIMEOUT_MS, err);
	if (r == 0)
		r = receive_reply(bus, serial, call->returns, deadline, &reply, err);
	if (r == 0)
		*ret = reply;
	return r;
}

int dbus_call(struct dbus *bus, const struct dbus_call *call, struct dbus_reply *ret,
	      struct nerr *err)
{
	int r;

	if (bus->broken)
		return nerr_set(err, -ENOTCONN, "the connection to D-Bus has failed before");
	r = dbus_message_put_call(&bus->out, bus->serial + 1, call, err);
	if (r == -EINVAL || r == -EMSGSIZE)
		return r;
	bus->serial++;
	if (r == 0)
		r = exchange(bus, call, ret, err);
	if (r < 0 && r != -ETIMEDOUT)
		bus->broken = true;
	return r < 0 ? nerr_ctx(err, "%s.%s()", call->interface, call->member) : 0;
}
