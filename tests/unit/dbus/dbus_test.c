/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The other side is a script: as the handshake and the first call go out in one piece, all
 * that the bus will say can be written into the socket before.
 */
#include "dbus/dbus.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "dbus/message_priv.h"
#include "tests/unit/dbus/wire.h"
#include "tests/unit/oom.h"
#include "tests/unit/waiter.h"

#define SHORT_MS 20
#define LONG_MS  20000

static const char *const zone_args[] = { "trusted", "10.9.0.2/32" };

static struct dbus_call call_of(const char *returns, int timeout_ms)
{
	return (struct dbus_call){
		.destination = "org.example.Service",
		.path = "/org/example/Service",
		.interface = "org.example.Service.zone",
		.member = "addSource",
		.args = zone_args,
		.n_args = ARRAY_SIZE(zone_args),
		.returns = returns,
		.timeout_ms = timeout_ms,
	};
}

/* The bus's end and ours. */
struct pair {
	int peer;
	struct dbus *bus;
};

static struct pair pair_new(void)
{
	const int size = 400000; /* room for the longest script */
	struct pair p;
	struct nerr err;
	int fd[2];

	assert_return_code(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fd), errno);
	assert_return_code(setsockopt(fd[0], SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size)),
			   errno);
	p.peer = fd[0];
	assert_int_equal(dbus_open_fd(fd[1], &p.bus, &err), 0);
	return p;
}

static void pair_done(struct pair *p)
{
	dbus_close(p->bus);
	if (p->peer >= 0)
		(void)close(p->peer);
}

static void say(const struct pair *p, const void *bytes, size_t len)
{
	assert_int_equal(send(p->peer, bytes, len, MSG_DONTWAIT), len);
}

/* Say all of @w and hang up. */
static void say_last(const struct pair *p, const struct wire *w)
{
	if (w->len)
		say(p, w->p, w->len);
	assert_return_code(shutdown(p->peer, SHUT_WR), errno);
}

/* What the bus has heard so far. */
static size_t heard(const struct pair *p, uint8_t *buf, size_t size)
{
	ssize_t n = recv(p->peer, buf, size, MSG_DONTWAIT);

	return n > 0 ? (size_t)n : 0;
}

/* --- what goes right --- */

static void one_trip_for_all(void **state)
{
	const struct dbus_call call = call_of("s", LONG_MS);
	static const char *const members[] = { "Hello", "addSource" };
	struct wire w = { .len = 0 };
	struct pair p = pair_new();
	struct dbus_reply reply;
	char proof[64];
	uint8_t buf[4096];
	struct nerr err;
	char uid[16];
	size_t n;
	size_t at;

	(void)state;
	wire_greeting(&w);
	wire_result(&w, 2, "s", "trusted", 0);
	say(&p, w.p, w.len);
	assert_int_equal(dbus_call(p.bus, &call, &reply, &err), 0);
	assert_string_equal(reply.error, "");
	assert_string_equal(reply.text, "trusted");

	/* Proof, Hello and the call. */
	n = heard(&p, buf, sizeof(buf));
	(void)snprintf(uid, sizeof(uid), "%u", (unsigned)geteuid());
	at = (size_t)snprintf(proof, sizeof(proof), "%cAUTH EXTERNAL ", '\0');
	for (const char *c = uid; *c; c++)
		at += (size_t)snprintf(proof + at, sizeof(proof) - at, "%02x", *c);
	at += (size_t)snprintf(proof + at, sizeof(proof) - at, "\r\nBEGIN\r\n");
	assert_true(n > at);
	assert_memory_equal(buf, proof, at);
	for (uint32_t serial = 1; serial <= 2; serial++) {
		struct dbus_message msg;
		size_t len;

		assert_int_equal(dbus_message_len(buf + at, n - at, &len), 0);
		assert_true(len <= n - at);
		assert_int_equal(dbus_message_parse(buf + at, len, &msg), 0);
		assert_int_equal(msg.type, DBUS_METHOD_CALL);
		assert_int_equal(buf[at + 2], 2); /* NO_AUTO_START and no other flag */
		assert_int_equal(buf[at + 8], serial);
		assert_non_null(memmem(buf + at, len, members[serial - 1],
				       strlen(members[serial - 1]) + 1));
		at += len;
	}
	assert_int_equal(at, n);

	/* Later calls are one message each. */
	w.len = 0;
	wire_result(&w, 3, "s", "again", 0);
	say(&p, w.p, w.len);
	assert_int_equal(dbus_call(p.bus, &call, &reply, &err), 0);
	assert_string_equal(reply.text, "again");
	n = heard(&p, buf, sizeof(buf));
	assert_int_equal(dbus_message_len(buf, n, &at), 0);
	assert_int_equal(at, n);
	pair_done(&p);
}

static void results_of_each_kind_in_both_byte_orders(void **state)
{
	(void)state;
	for (unsigned big = 0; big < 2; big++) {
		struct wire w = { .big = big };
		struct pair p = pair_new();
		struct dbus_reply reply;
		struct dbus_call call;
		struct nerr err;

		wire_greeting(&w);
		wire_result(&w, 2, "b", NULL, 1);
		wire_result(&w, 3, "b", NULL, 0);
		wire_result(&w, 4, "", NULL, 0);
		wire_error(&w, 5, "org.example.Exception", "INVALID_ZONE: nosuch");
		wire_error(&w, 6, "org.example.Exception", NULL);
		say(&p, w.p, w.len);
		call = call_of("b", LONG_MS);
		assert_int_equal(dbus_call(p.bus, &call, &reply, &err), 0);
		assert_true(reply.flag);
		assert_int_equal(dbus_call(p.bus, &call, &reply, &err), 0);
		assert_false(reply.flag);
		call = call_of("", LONG_MS);
		assert_int_equal(dbus_call(p.bus, &call, &reply, &err), 0);
		assert_string_equal(reply.text, "");
		assert_int_equal(dbus_call(p.bus, &call, &reply, &err), 0);
		assert_string_equal(reply.error, "org.example.Exception");
		assert_string_equal(reply.text, "INVALID_ZONE: nosuch");
		assert_int_equal(dbus_call(p.bus, &call, &reply, &err), 0);
		assert_string_equal(reply.error, "org.example.Exception");
		assert_string_equal(reply.text, "");
		pair_done(&p);
	}
}

static void what_is_not_the_reply_is_dropped(void **state)
{
	const struct dbus_call call = call_of("s", LONG_MS);
	struct wire w = { .len = 0 };
	struct pair p = pair_new();
	struct dbus_reply reply;
	struct nerr err;

	(void)state;
	wire_greeting(&w);
	for (unsigned i = 0; i < 500; i++) {
		w.big = i % 2;
		wire_name_acquired(&w);
		wire_result(&w, 3 + i, "s", "to nobody", 0);
		wire_error(&w, 0x80000000u + i, "a.b", "to nobody");
	}
	wire_begin(&w, 9, 1); /* a newer protocol */
	wire_end(&w, wire_body(&w));
	wire_result(&w, 2, "s", "to us", 0);
	say(&p, w.p, w.len);
	assert_int_equal(dbus_call(p.bus, &call, &reply, &err), 0);
	assert_string_equal(reply.text, "to us");
	pair_done(&p);
}

static void long_texts_are_cut_between_characters(void **state)
{
	const struct dbus_call call = call_of("s", LONG_MS);
	struct wire w = { .len = 0 };
	struct pair p = pair_new();
	struct dbus_reply reply;
	struct nerr err;
	char text[5000];

	(void)state;
	memcpy(text, "ab", 2);
	for (size_t i = 2; i + 3 < sizeof(text); i += 3)
		memcpy(text + i, "\xe2\x82\xac", 4);
	wire_greeting(&w);
	for (uint32_t i = 0; i < 3; i++)
		wire_error(&w, 2 + i, "a.b", text + i);
	say(&p, w.p, w.len);
	for (size_t i = 0; i < 3; i++) {
		assert_int_equal(dbus_call(p.bus, &call, &reply, &err), 0);
		/* "ab", "b" and nothing before characters of three bytes */
		assert_int_equal(strlen(reply.text), i == 2 ? 1023 : 1022 - i);
		assert_memory_equal(reply.text, text + i, 1022 - i);
	}
	pair_done(&p);
}

struct trickle {
	int fd;
	struct wire w;
};

static void say_byte_by_byte(void *arg)
{
	struct trickle *t = arg;

	for (size_t i = 0; i < t->w.len; i++)
		if (send(t->fd, t->w.p + i, 1, MSG_NOSIGNAL) != 1)
			return;
}

static void bytes_come_one_by_one(void **state)
{
	const struct dbus_call call = call_of("s", LONG_MS);
	struct trickle *t = calloc(1, sizeof(*t));
	struct pair p = pair_new();
	struct dbus_reply reply;
	struct waiter waiter;
	struct nerr err;

	(void)state;
	assert_non_null(t);
	t->fd = p.peer;
	wire_greeting(&t->w);
	wire_result(&t->w, 2, "s", "trusted", 0);
	waiter_start(&waiter, say_byte_by_byte, t);
	assert_int_equal(dbus_call(p.bus, &call, &reply, &err), 0);
	waiter_join(&waiter);
	assert_string_equal(reply.text, "trusted");
	free(t);
	pair_done(&p);
}

/* --- what goes wrong --- */

/* The bus hangs up after each of its bytes. */
static void cut_at_every_byte(void **state)
{
	const struct dbus_call call = call_of("s", LONG_MS);
	struct wire w = { .len = 0 };

	(void)state;
	wire_greeting(&w);
	wire_result(&w, 2, "s", "trusted", 0);
	for (size_t n = 0; n < w.len; n++) {
		struct dbus_reply reply = { .text = "untouched" };
		struct pair p = pair_new();
		struct wire cut = { .len = n };
		struct nerr err;

		memcpy(cut.p, w.p, n);
		say_last(&p, &cut);
		assert_int_equal(dbus_call(p.bus, &call, &reply, &err), -ECONNRESET);
		assert_string_equal(err.msg, "org.example.Service.zone.addSource(): "
					     "D-Bus has closed the connection");
		assert_string_equal(reply.text, "untouched");
		assert_int_equal(dbus_call(p.bus, &call, &reply, &err), -ENOTCONN);
		pair_done(&p);
	}
}

/* It says nothing more after each of its bytes, and then it does. */
static void silence_at_every_byte(void **state)
{
	const struct dbus_call call = call_of("s", 1);
	struct wire w = { .len = 0 };
	size_t greeting;

	(void)state;
	wire_greeting(&w);
	greeting = w.len;
	wire_result(&w, 2, "s", "too late", 0);
	for (size_t n = greeting; n < w.len; n++) {
		const struct dbus_call patient = call_of("s", LONG_MS);
		struct wire third = { .len = 0 };
		struct pair p = pair_new();
		struct dbus_reply reply;
		struct nerr err;

		say(&p, w.p, n);
		assert_int_equal(dbus_call(p.bus, &call, &reply, &err), -ETIMEDOUT);
		assert_non_null(strstr(err.msg, "no answer from D-Bus: Connection timed out"));
		/* The late reply is not taken for that of the next call. */
		say(&p, w.p + n, w.len - n);
		wire_result(&third, 3, "s", "in time", 0);
		say(&p, third.p, third.len);
		assert_int_equal(dbus_call(p.bus, &patient, &reply, &err), 0);
		assert_string_equal(reply.text, "in time");
		pair_done(&p);
	}
}

static void only_wrong_serials(void **state)
{
	const struct dbus_call call = call_of("s", SHORT_MS);
	struct wire w = { .len = 0 };
	struct pair p = pair_new();
	struct dbus_reply reply;
	struct nerr err;

	(void)state;
	wire_greeting(&w);
	wire_result(&w, 1, "s", "Hello again", 0);
	wire_result(&w, 3, "s", "too early", 0);
	wire_result(&w, 0x02000000, "s", "the other way round", 0);
	say(&p, w.p, w.len);
	assert_int_equal(dbus_call(p.bus, &call, &reply, &err), -ETIMEDOUT);
	pair_done(&p);
}

struct flood {
	int fd;
	struct wire w;
};

/* Signals without end: the receiver never has to wait. */
static void *flood_run(void *arg)
{
	struct flood *f = arg;

	while (send(f->fd, f->w.p, f->w.len, MSG_NOSIGNAL) > 0)
		;
	return NULL;
}

static void a_flood_does_not_hold_off_the_deadline(void **state)
{
	const struct dbus_call call = call_of("s", SHORT_MS);
	struct flood *f = calloc(1, sizeof(*f));
	struct pair p = pair_new();
	struct dbus_reply reply;
	struct wire w = { .len = 0 };
	struct nerr err;
	pthread_t thread;

	(void)state;
	assert_non_null(f);
	f->fd = p.peer;
	for (unsigned i = 0; i < 100; i++)
		wire_name_acquired(&f->w);
	wire_greeting(&w);
	say(&p, w.p, w.len);
	assert_int_equal(pthread_create(&thread, NULL, flood_run, f), 0);
	assert_int_equal(dbus_call(p.bus, &call, &reply, &err), -ETIMEDOUT);
	dbus_close(p.bus);
	p.bus = NULL;
	assert_int_equal(pthread_join(thread, NULL), 0);
	free(f);
	pair_done(&p);
}

static void answers_to_the_proof(void **state)
{
	static const struct {
		const char *line;
		int code;
		const char *msg;
	} cases[] = {
		{ "REJECTED EXTERNAL\r\n", -EACCES, "D-Bus does not accept user id " },
		{ "REJECTED\r\n", -EACCES, "D-Bus does not accept user id " },
		{ "ERROR \"what?\"\r\n", -EBADMSG, "neither OK nor REJECTED" },
		{ "DATA\r\n", -EBADMSG, "neither OK nor REJECTED" },
		{ "OK\r\n", -EBADMSG, "neither OK nor REJECTED" },
		{ "OK 0123456789abcdef0123456789abcde\r\n", -EBADMSG, "neither OK nor" },
		{ "OK 0123456789abcdef0123456789abcdef0\r\n", -EBADMSG, "neither OK nor" },
		{ "OK 0123456789abcdef0123456789abcdeg\r\n", -EBADMSG, "neither OK nor" },
		{ "\r\n", -EBADMSG, "neither OK nor REJECTED" },
		{ "HTTP/1.1 400 Bad Request\r\n\r\n", -EBADMSG, "neither OK nor REJECTED" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const struct dbus_call call = call_of("s", LONG_MS);
		struct pair p = pair_new();
		struct dbus_reply reply;
		struct nerr err;

		say(&p, cases[i].line, strlen(cases[i].line));
		assert_int_equal(dbus_call(p.bus, &call, &reply, &err), cases[i].code);
		if (!strstr(err.msg, cases[i].msg))
			fail_msg("'%s' gives: %s", cases[i].line, err.msg);
		assert_int_equal(dbus_call(p.bus, &call, &reply, &err), -ENOTCONN);
		pair_done(&p);
	}
}

static void a_line_without_end(void **state)
{
	const struct dbus_call call = call_of("s", LONG_MS);
	struct wire w = { .len = 100000 };
	struct pair p = pair_new();
	struct dbus_reply reply;
	struct nerr err;

	(void)state;
	memset(w.p, 'O', w.len);
	say(&p, w.p, w.len);
	assert_int_equal(dbus_call(p.bus, &call, &reply, &err), -EBADMSG);
	assert_non_null(strstr(err.msg, "has no end within 512 bytes"));
	pair_done(&p);
}

static void a_hello_that_is_refused(void **state)
{
	const struct dbus_call call = call_of("s", LONG_MS);
	struct wire w = { .len = 0 };
	struct pair p = pair_new();
	struct dbus_reply reply;
	struct nerr err;

	(void)state;
	wire_raw(&w, WIRE_OK, strlen(WIRE_OK));
	wire_error(&w, 1, "org.freedesktop.DBus.Error.LimitsExceeded", "too many connections");
	say(&p, w.p, w.len);
	assert_int_equal(dbus_call(p.bus, &call, &reply, &err), -EPROTO);
	assert_non_null(strstr(err.msg, "D-Bus answers Hello with org.freedesktop.DBus.Error."
					"LimitsExceeded: too many connections"));
	pair_done(&p);
}

/* After a good greeting the bus sends what @w holds. */
static void expect_failure(const struct wire *w, int code, const char *msg)
{
	const struct dbus_call call = call_of("s", LONG_MS);
	struct wire greeting = { .len = 0 };
	struct pair p = pair_new();
	struct dbus_reply reply;
	struct nerr err;

	wire_greeting(&greeting);
	say(&p, greeting.p, greeting.len);
	say_last(&p, w);
	assert_int_equal(dbus_call(p.bus, &call, &reply, &err), code);
	if (!strstr(err.msg, msg))
		fail_msg("%s", err.msg);
	pair_done(&p);
}

static void messages_that_are_none(void **state)
{
	static const uint32_t huge[] = { 65536, 0x7fffffff, 0xffffffff };
	struct wire w = { .len = 0 };

	(void)state;
	wire_raw(&w, "x\r\nwhat is this?\r\n", 18);
	expect_failure(&w, -EBADMSG, "D-Bus sends bytes that are no message");
	for (unsigned i = 0; i < 2 * ARRAY_SIZE(huge); i++) {
		w.len = 0;
		w.big = i % 2;
		wire_result(&w, 2, "s", "trusted", 0);
		wire_set_u32(&w, 4, huge[i / 2]);
		expect_failure(&w, -EBADMSG, "D-Bus sends a message of more than 65536 bytes");
		w.len = 0;
		wire_result(&w, 2, "s", "trusted", 0);
		wire_set_u32(&w, 12, huge[i / 2]);
		expect_failure(&w, -EBADMSG, "D-Bus sends a message of more than 65536 bytes");
	}
	w.len = 0;
	w.big = false;
	wire_result(&w, 2, "s", "trusted", 0);
	w.p[w.len - 1] = '!';
	expect_failure(&w, -EBADMSG, "D-Bus sends a malformed message");
	w.len = 0;
	wire_result(&w, 2, "b", NULL, 1);
	expect_failure(&w, -EBADMSG, "the result has signature \"b\", not \"s\"");
	w.len = 0;
	wire_result(&w, 2, "", NULL, 1);
	expect_failure(&w, -EBADMSG, "the result has signature \"\", not \"s\"");
}

/* The longest message that is taken fills the buffer to its last byte. */
static void the_longest_message(void **state)
{
	static char text[DBUS_MESSAGE_MAX];
	struct wire w = { .len = 0 };
	size_t rest;

	(void)state;
	wire_error(&w, 2, "a.b", "");
	rest = DBUS_MESSAGE_MAX - w.len;
	memset(text, 'x', rest);
	w.len = 0;
	wire_greeting(&w);
	wire_error(&w, 2, "a.b", text);
	for (unsigned i = 0; i < 2; i++) {
		const struct dbus_call call = call_of("s", LONG_MS);
		struct pair p = pair_new();
		struct dbus_reply reply;
		struct nerr err;

		say(&p, w.p, w.len);
		assert_int_equal(dbus_call(p.bus, &call, &reply, &err), i ? -EBADMSG : 0);
		pair_done(&p);
		text[rest] = 'x'; /* one more is too much */
		w.len = 0;
		wire_greeting(&w);
		wire_error(&w, 2, "a.b", text);
	}
}

static void arguments_that_cannot_be_sent(void **state)
{
	static const char *const bad[] = { "\xff" };
	struct dbus_call call = call_of("s", LONG_MS);
	struct wire w = { .len = 0 };
	struct pair p = pair_new();
	struct dbus_reply reply;
	uint8_t buf[4096];
	struct nerr err;

	(void)state;
	call.args = bad;
	call.n_args = 1;
	assert_int_equal(dbus_call(p.bus, &call, &reply, &err), -EINVAL);
	assert_int_equal(heard(&p, buf, sizeof(buf)), 0);
	/* It was no call: the next one has its number. */
	wire_greeting(&w);
	wire_result(&w, 2, "s", "trusted", 0);
	say(&p, w.p, w.len);
	call = call_of("s", LONG_MS);
	assert_int_equal(dbus_call(p.bus, &call, &reply, &err), 0);
	pair_done(&p);
}

/* Without MSG_NOSIGNAL this ends the test. */
static void a_closed_socket_is_an_error_only(void **state)
{
	const struct dbus_call call = call_of("s", LONG_MS);
	struct pair p = pair_new();
	struct dbus_reply reply;
	struct nerr err;

	(void)state;
	(void)close(p.peer);
	p.peer = -1;
	assert_int_equal(dbus_call(p.bus, &call, &reply, &err), -EPIPE);
	assert_non_null(strstr(err.msg, "cannot send to D-Bus: Broken pipe"));
	pair_done(&p);
}

/* What does not fit into the socket waits no longer than the deadline.  Half a message is
 * there then: that was the last.
 */
static void a_peer_that_does_not_read(void **state)
{
	static char arg[DBUS_MESSAGE_MAX - 1000];
	const char *const args[] = { arg };
	struct dbus_call call = call_of("s", SHORT_MS);
	struct wire w = { .len = 0 };
	struct pair p = pair_new();
	struct dbus_reply reply;
	struct nerr err;

	(void)state;
	wire_greeting(&w);
	say(&p, w.p, w.len);
	memset(arg, 'x', sizeof(arg) - 1);
	call.args = args;
	call.n_args = 1;
	do {
		assert_int_equal(dbus_call(p.bus, &call, &reply, &err), -ETIMEDOUT);
	} while (strstr(err.msg, "no answer from D-Bus"));
	assert_non_null(strstr(err.msg, "cannot send to D-Bus: Connection timed out"));
	assert_int_equal(dbus_call(p.bus, &call, &reply, &err), -ENOTCONN);
	pair_done(&p);
}

/* --- where the bus is --- */

static void the_environment_names_the_bus(void **state)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	int server = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	const struct dbus_call call = call_of("s", LONG_MS);
	struct wire w = { .len = 0 };
	struct dbus_reply reply;
	struct pair p;
	char env[256];
	struct nerr err;
	int n;

	(void)state;
	assert_return_code(server, errno);
	n = snprintf(sun.sun_path + 1, sizeof(sun.sun_path) - 1, "fairlead-test-%d", (int)getpid());
	assert_return_code(
		bind(server, (struct sockaddr *)&sun,
		     (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)n)),
		errno);
	assert_return_code(listen(server, 5), errno);
	(void)snprintf(env, sizeof(env), "unix:path=/nonexistent;unix:abstract=%s",
		       sun.sun_path + 1);
	assert_return_code(setenv("DBUS_SYSTEM_BUS_ADDRESS", env, 1), errno);
	assert_int_equal(dbus_open(&p.bus, &err), 0);
	p.peer = accept(server, NULL, NULL);
	assert_return_code(p.peer, errno);
	wire_greeting(&w);
	wire_result(&w, 2, "s", "trusted", 0);
	say(&p, w.p, w.len);
	assert_int_equal(dbus_call(p.bus, &call, &reply, &err), 0);
	pair_done(&p);
	(void)close(server);

	assert_return_code(setenv("DBUS_SYSTEM_BUS_ADDRESS", "unix:path=/nonexistent", 1), errno);
	p.bus = NULL;
	assert_int_equal(dbus_open(&p.bus, &err), -ENOENT);
	assert_null(p.bus);
	assert_return_code(unsetenv("DBUS_SYSTEM_BUS_ADDRESS"), errno);
}

#if OOM_WORKS
static void no_memory(void **state)
{
	const struct dbus_call call = call_of("s", LONG_MS);
	struct wire w = { .len = 0 };
	unsigned n = 1;
	int r;

	(void)state;
	wire_greeting(&w);
	wire_result(&w, 2, "s", "trusted", 0);
	do {
		struct dbus_reply reply;
		struct dbus *bus = NULL;
		struct nerr err;
		int fd[2];

		assert_return_code(socketpair(AF_UNIX, SOCK_STREAM, 0, fd), errno);
		assert_int_equal(send(fd[0], w.p, w.len, 0), w.len);
		oom_begin(n++);
		r = dbus_open_fd(fd[1], &bus, &err);
		if (r == 0)
			r = dbus_call(bus, &call, &reply, &err);
		dbus_close(bus);
		assert_int_equal(oom_end(), 0);
		assert_true(r == 0 || r == -ENOMEM);
		assert_int_equal(close(fd[1]), -1); /* taken, whatever happens */
		(void)close(fd[0]);
	} while (r < 0);
	assert_true(n > 5);
}
#endif

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_trip_for_all),
		cmocka_unit_test(results_of_each_kind_in_both_byte_orders),
		cmocka_unit_test(what_is_not_the_reply_is_dropped),
		cmocka_unit_test(long_texts_are_cut_between_characters),
		cmocka_unit_test(bytes_come_one_by_one),
		cmocka_unit_test(cut_at_every_byte),
		cmocka_unit_test(silence_at_every_byte),
		cmocka_unit_test(only_wrong_serials),
		cmocka_unit_test(a_flood_does_not_hold_off_the_deadline),
		cmocka_unit_test(answers_to_the_proof),
		cmocka_unit_test(a_line_without_end),
		cmocka_unit_test(a_hello_that_is_refused),
		cmocka_unit_test(messages_that_are_none),
		cmocka_unit_test(the_longest_message),
		cmocka_unit_test(arguments_that_cannot_be_sent),
		cmocka_unit_test(a_closed_socket_is_an_error_only),
		cmocka_unit_test(a_peer_that_does_not_read),
		cmocka_unit_test(the_environment_names_the_bus),
#if OOM_WORKS
		cmocka_unit_test(no_memory),
#endif
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
