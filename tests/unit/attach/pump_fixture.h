/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * pump_fixture.h - a program's end in the test's hands, a pump behind it, and a connection over lo
 * of an instance whose other socket is the test's, too
 *
 * Every test is run with both engines of the loop.
 */
#ifndef TESTS_UNIT_ATTACH_PUMP_FIXTURE_H
#define TESTS_UNIT_ATTACH_PUMP_FIXTURE_H

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <linux/sockios.h>

#include <cmocka.h>

#include "attach/pump.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "netstack/netstack.h"
#include "netstack/socket.h"
#include "tests/unit/netstack/rig.h"

#define PORT  7000
#define QUIET 8 /* turns without an event */

#define PUMP  __attribute__((unused)) static

static enum loop_engine engine; /* of this run */

/* --- one scene for all --- */

/**
 * struct scene - What a test has
 * @prog:	The program's end, -1 when it is closed
 * @ours:	Socket of the stack behind the pump
 * @peer:	The other one
 * @p:		NULL when it has ended
 * @n_ended, @how: Of ended()
 * @open:	What is_open() says; asked @n_asked times
 */
struct scene {
	struct rig rig;
	struct netstack *st;
	struct loop *l;
	struct pumps *ps;
	struct pump *p;
	int prog;
	int ours;
	int peer;
	unsigned int n_ended;
	enum pump_end how;
	bool open;
	unsigned int n_asked;
	uint64_t tx_bytes;
	uint64_t rx_bytes;
};

static struct scene scene;
#define S (&scene)

PUMP void on_ended(void *arg, enum pump_end how)
{
	assert_ptr_equal(arg, S);
	S->n_ended++;
	S->how = how;
	S->p = NULL;
}

PUMP bool is_open(void *arg)
{
	assert_ptr_equal(arg, S);
	S->n_asked++;
	return S->open;
}

PUMP void on_stack(void *arg, int fd, uint32_t events)
{
	assert_ptr_equal(arg, S);
	assert_int_equal(fd, S->ours);
	if (S->p)
		pump_stack(S->p, events);
}

PUMP bool turn(void)
{
	const uint64_t tx = S->tx_bytes, rx = S->rx_bytes;
	bool busy = false;

	while (netstack_deadline(S->st) <= S->rig.now) {
		netstack_advance(S->st, S->rig.now);
		busy = true;
	}
	(void)loop_turn(S->l, 0);
	return busy || tx != S->tx_bytes || rx != S->rx_bytes;
}

/* Until nothing moves any more without time going by. */
PUMP void settle(void)
{
	for (unsigned int quiet = 0; quiet < QUIET; quiet++)
		if (turn())
			quiet = 0;
}

/* Delayed acknowledgements and the like. */
PUMP void let_pass(uint64_t ms)
{
	settle();
	rig_sleep(&S->rig, ms);
	settle();
}

PUMP void connect_pair(void)
{
	const struct sockaddr_in to = {
		.sin_family = AF_INET,
		.sin_port = htons(PORT),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	const int l = ns_socket(S->st, AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);

	assert_int_equal(ns_bind(S->st, l, (const struct sockaddr *)&to, sizeof(to)), 0);
	assert_int_equal(ns_listen(S->st, l, 1), 0);
	S->ours = ns_socket(S->st, AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	assert_int_equal(ns_connect(S->st, S->ours, (const struct sockaddr *)&to, sizeof(to)),
			 -EINPROGRESS);
	settle();
	S->peer = ns_accept4(S->st, l, NULL, NULL, SOCK_NONBLOCK);
	assert_true(S->peer >= 0);
	assert_int_equal(ns_close(S->st, l), 0);
}

PUMP void start_pump(uint32_t junk)
{
	const int size = 512 << 10;
	static char bytes[4096];
	int sv[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, sv), 0);
	S->prog = sv[0];
	/* As root beyond the limit of the system. */
	assert_int_equal(setsockopt(sv[0], SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size)), 0);
	if (junk)
		assert_int_equal(send(sv[0], bytes, junk, 0), junk);
	assert_int_equal(ns_set_notify(S->st, S->ours, on_stack, S), 0);
	assert_int_equal(pump_start(S->ps, &S->p, sv[1], S->ours, junk, S), 0);
}

PUMP int setup_connected(void **state)
{
	struct pumps_conf conf = {
		.ended = on_ended,
		.is_open = is_open,
		.tx_bytes = &S->tx_bytes,
		.rx_bytes = &S->rx_bytes,
	};
	struct nerr err;

	(void)state;
	memset(S, 0, sizeof(*S));
	rig_init(&S->rig);
	S->st = S->rig.st;
	S->prog = -1;
	if (loop_new(&S->l, engine, &err) < 0)
		fail_msg("%s", err.msg);
	conf.stack = S->st;
	conf.loop = S->l;
	assert_int_equal(pumps_new(&S->ps, &conf), 0);
	connect_pair();
	return 0;
}

PUMP int setup(void **state)
{
	(void)setup_connected(state);
	start_pump(1);
	settle();
	return 0;
}

PUMP int teardown(void **state)
{
	(void)state;
	pump_stop(S->p);
	if (S->prog >= 0)
		(void)close(S->prog);
	if (S->ours >= 0)
		assert_int_equal(ns_close(S->st, S->ours), 0);
	if (S->peer >= 0)
		assert_int_equal(ns_close(S->st, S->peer), 0);
	settle();
	pumps_free(S->ps);
	loop_free(S->l);
	rig_sleep(&S->rig, 600000); /* whatever still waits for an answer gives up */
	rig_done(&S->rig);
	return 0;
}

/* --- both sides' calls --- */

PUMP void prog_send(const void *p, size_t n)
{
	assert_int_equal(send(S->prog, p, n, MSG_NOSIGNAL), n);
}

PUMP void peer_send(const void *p, size_t n)
{
	assert_int_equal(ns_send(S->st, S->peer, p, n, 0), n);
}

PUMP void prog_gets(const char *text)
{
	char buf[256] = "";

	assert_int_equal(recv(S->prog, buf, sizeof(buf) - 1, 0), strlen(text));
	assert_string_equal(buf, text);
}

PUMP void peer_gets(const char *text)
{
	char buf[256] = "";

	assert_int_equal(ns_recv(S->st, S->peer, buf, sizeof(buf) - 1, 0), strlen(text));
	assert_string_equal(buf, text);
}

PUMP int prog_error(int flags)
{
	char c;
	const ssize_t r = recv(S->prog, &c, 1, flags);

	return r < 0 ? -errno : (int)r;
}

PUMP int peer_error(void)
{
	char c;

	return (int)ns_recv(S->st, S->peer, &c, 1, 0);
}

/* As attach has it, before the kernel. */
PUMP void prog_shutdown(int how)
{
	if (how != SHUT_RD)
		pump_no_write(S->p);
	if (how != SHUT_WR)
		pump_no_read(S->p);
	assert_int_equal(shutdown(S->prog, how), 0);
}

PUMP void prog_close(void)
{
	S->open = false;
	assert_int_equal(close(TAKE_FD(S->prog)), 0);
	settle();
}

/* As attach does it. */
PUMP void close_stack(bool abort)
{
	const struct linger l = { .l_onoff = 1 };

	if (abort)
		assert_int_equal(
			ns_setsockopt(S->st, S->ours, SOL_SOCKET, SO_LINGER, &l, sizeof(l)), 0);
	assert_int_equal(ns_close(S->st, TAKE_FD(S->ours)), 0);
	settle();
}

PUMP void peer_reset(void)
{
	const struct linger l = { .l_onoff = 1 };

	assert_int_equal(ns_setsockopt(S->st, S->peer, SOL_SOCKET, SO_LINGER, &l, sizeof(l)), 0);
	assert_int_equal(ns_close(S->st, TAKE_FD(S->peer)), 0);
	settle();
}

PUMP void assert_ended(enum pump_end how)
{
	assert_int_equal(S->n_ended, 1);
	assert_int_equal(S->how, how);
	assert_null(S->p);
}

PUMP uint32_t prog_poll(void)
{
	struct pollfd fd = { .fd = S->prog, .events = POLLIN | POLLOUT | POLLPRI | POLLRDHUP };

	assert_true(poll(&fd, 1, 0) >= 0);
	return (uint32_t)fd.revents;
}

/* --- bytes --- */

PUMP uint8_t byte_at(uint64_t i)
{
	return (uint8_t)(i * 2654435761U >> 13 ^ i >> 3);
}

PUMP void fill(uint8_t *p, size_t n, uint64_t at)
{
	for (size_t i = 0; i < n; i++)
		p[i] = byte_at(at + i);
}

PUMP void check(const uint8_t *p, size_t n, uint64_t at)
{
	for (size_t i = 0; i < n; i++)
		if (p[i] != byte_at(at + i))
			fail_msg("byte %llu is wrong", (unsigned long long)(at + i));
}

#define BIG (24U << 20)

/* Writes and reads of all sizes, by dice that fall the same each time. */
PUMP size_t some(uint32_t *dice, size_t max)
{
	*dice = *dice * 1664525 + 1013904223;
	return 1 + (*dice >> 8) % (*dice & 0x10 ? max : 3000);
}

#define PUMP_TEST(t) cmocka_unit_test_setup_teardown(t, setup, teardown)

/* A test that begins its pump itself. */
#define CONNECTED_TEST(t) cmocka_unit_test_setup_teardown(t, setup_connected, teardown)

/* All tests with both engines. */
#define PUMP_RUN(tests)                                                                            \
	({                                                                                         \
		int failed_;                                                                       \
		engine = LOOP_URING;                                                               \
		failed_ = cmocka_run_group_tests_name("io_uring", tests, NULL, NULL);              \
		engine = LOOP_EPOLL;                                                               \
		failed_ + cmocka_run_group_tests_name("epoll", tests, NULL, NULL);                 \
	})

#endif /* TESTS_UNIT_ATTACH_PUMP_FIXTURE_H */
