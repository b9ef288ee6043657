/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/cleanup.h"
#include "netstack/socket/socket_priv.h"
#include "tests/unit/netstack/twin.h"

/* What was called, in order. */
struct call {
	int fd;
	uint32_t events;
};

static struct call calls[64];
static size_t n_calls;
static void (*react)(int fd);

static void note(void *arg, int fd, uint32_t events)
{
	assert_ptr_equal(arg, &n_calls);
	assert_true(n_calls < ARRAY_SIZE(calls));
	calls[n_calls++] = (struct call){ fd, events };
	if (react)
		react(fd);
}

static int setup(void **state)
{
	n_calls = 0;
	react = NULL;
	return twin_setup(state);
}

static struct twin_addr addr(uint16_t port)
{
	return twin_addr(AF_INET, "127.0.0.1", port);
}

static int bound(int type, uint16_t port)
{
	const struct twin_addr a = addr(port);
	const int fd = ns_socket(TWIN_ST, AF_INET, type | SOCK_NONBLOCK, 0);

	assert_true(fd >= 0);
	assert_int_equal(ns_bind(TWIN_ST, fd, &a.sa, a.len), 0);
	return fd;
}

static void watch(int fd)
{
	assert_int_equal(ns_set_notify(TWIN_ST, fd, note, &n_calls), 0);
}

static void send_to(int fd, uint16_t port)
{
	const struct twin_addr a = addr(port);

	assert_int_equal(ns_sendto(TWIN_ST, fd, "x", 1, 0, &a.sa, a.len), 1);
}

static void turn(void)
{
	netstack_advance(TWIN_ST, twin_rig.now);
}

static void news_are_told_at_the_end_of_a_turn_only(void **state)
{
	const int a = bound(SOCK_DGRAM, 7000), b = bound(SOCK_DGRAM, 7001);
	char buf[4];

	(void)state;
	watch(a);
	send_to(b, 7000);
	assert_int_equal(n_calls, 0);
	turn();
	assert_int_equal(n_calls, 1);
	assert_int_equal(calls[0].fd, a);
	assert_true(calls[0].events & EPOLLIN);
	/* An edge: told once, and again when there is more. */
	turn();
	assert_int_equal(n_calls, 1);
	send_to(b, 7000);
	send_to(b, 7000);
	turn();
	assert_int_equal(n_calls, 2);
	/* What was read meanwhile is no news. */
	send_to(b, 7000);
	turn();
	assert_int_equal(n_calls, 3);
	while (ns_recv(TWIN_ST, a, buf, sizeof(buf), 0) > 0)
		;
	turn();
	assert_int_equal(n_calls, 3);
	assert_int_equal(ns_set_notify(TWIN_ST, a, NULL, NULL), 0);
	send_to(b, 7000);
	turn();
	assert_int_equal(n_calls, 3);
	assert_int_equal(ns_set_notify(TWIN_ST, 12345, note, NULL), -EBADF);
	assert_int_equal(ns_close(TWIN_ST, a), 0);
	assert_int_equal(ns_close(TWIN_ST, b), 0);
}

static void a_listener_and_a_connection(void **state)
{
	const int l = bound(SOCK_STREAM, 80);
	const int c = ns_socket(TWIN_ST, AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	const struct twin_addr a = addr(80);
	int s;

	(void)state;
	assert_int_equal(ns_listen(TWIN_ST, l, 5), 0);
	watch(l);
	watch(c);
	assert_int_equal(ns_connect(TWIN_ST, c, &a.sa, a.len), -EINPROGRESS);
	turn();
	assert_int_equal(n_calls, 2);
	for (size_t i = 0; i < n_calls; i++)
		assert_true(calls[i].events & (calls[i].fd == l ? EPOLLIN : EPOLLOUT));
	s = ns_accept4(TWIN_ST, l, NULL, NULL, 0);
	assert_true(s >= 0);
	n_calls = 0;
	assert_int_equal(ns_close(TWIN_ST, s), 0);
	turn();
	assert_int_equal(n_calls, 1);
	assert_int_equal(calls[0].fd, c);
	assert_int_equal(calls[0].events & (EPOLLIN | EPOLLRDHUP), EPOLLIN | EPOLLRDHUP);
	assert_int_equal(ns_close(TWIN_ST, c), 0);
	assert_int_equal(ns_close(TWIN_ST, l), 0);
}

static int victims[4];

static void close_all(int fd)
{
	(void)fd;
	for (size_t i = 0; i < ARRAY_SIZE(victims); i++)
		if (victims[i] >= 0)
			assert_int_equal(ns_close(TWIN_ST, victims[i]), 0);
	for (size_t i = 0; i < ARRAY_SIZE(victims); i++)
		victims[i] = -1;
}

static void a_callback_may_close_any_socket(void **state)
{
	const int b = bound(SOCK_DGRAM, 7100);

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(victims); i++) {
		victims[i] = bound(SOCK_DGRAM, (uint16_t)(7000 + i));
		watch(victims[i]);
		send_to(b, (uint16_t)(7000 + i));
	}
	react = close_all;
	turn();
	assert_int_equal(n_calls, 1);
	turn();
	assert_int_equal(n_calls, 1);
	assert_int_equal(ns_close(TWIN_ST, b), 0);
}

static void echo(int fd)
{
	char buf[4];
	struct twin_addr from;
	ssize_t n;

	from.len = sizeof(from.in6);
	n = ns_recvfrom(TWIN_ST, fd, buf, sizeof(buf), 0, &from.sa, &from.len);
	if (n > 0)
		assert_int_equal(ns_sendto(TWIN_ST, fd, buf, (size_t)n, 0, &from.sa, from.len), n);
}

/* Two that answer each other for ever: each turn ends all the same, and asks for the next. */
static void what_callbacks_bring_about_is_for_the_next_turn(void **state)
{
	const int a = bound(SOCK_DGRAM, 7000), b = bound(SOCK_DGRAM, 7001);

	(void)state;
	watch(a);
	watch(b);
	react = echo;
	send_to(a, 7001);
	for (unsigned int i = 0; i < 20; i++) {
		assert_int_equal(netstack_deadline(TWIN_ST), 0);
		turn();
		assert_in_range(n_calls, 1, 60);
	}
	react = NULL;
	assert_int_equal(ns_close(TWIN_ST, a), 0);
	assert_int_equal(ns_close(TWIN_ST, b), 0);
}

static void a_blocking_call_in_a_callback_does_not_wait(int fd)
{
	char buf[4];

	assert_int_equal(ns_recv(TWIN_ST, fd, buf, sizeof(buf), 0), 1);
	assert_int_equal(ns_recv(TWIN_ST, fd, buf, sizeof(buf), 0), -EAGAIN);
}

static void nobody_waits_in_a_callback(void **state)
{
	const int a = bound(SOCK_DGRAM, 7000), b = bound(SOCK_DGRAM, 7001);

	(void)state;
	assert_int_equal(ns_fcntl(TWIN_ST, a, F_SETFL, 0), 0);
	watch(a);
	react = a_blocking_call_in_a_callback_does_not_wait;
	send_to(b, 7000);
	turn();
	assert_int_equal(n_calls, 1);
	assert_int_equal(ns_close(TWIN_ST, a), 0);
	assert_int_equal(ns_close(TWIN_ST, b), 0);
}

static void an_epoll_set_may_be_watched(void **state)
{
	const int a = bound(SOCK_DGRAM, 7000), b = bound(SOCK_DGRAM, 7001);
	const int set = ns_epoll_create(TWIN_ST);
	struct epoll_event ev = { .events = EPOLLIN };

	(void)state;
	watch(set);
	assert_int_equal(ns_epoll_ctl(TWIN_ST, set, EPOLL_CTL_ADD, a, &ev), 0);
	send_to(b, 7000);
	turn();
	assert_int_equal(n_calls, 1);
	assert_int_equal(calls[0].fd, set);
	assert_int_equal(calls[0].events, EPOLLIN | EPOLLRDNORM);
	/* Closed with news for it. */
	send_to(b, 7000);
	assert_int_equal(ns_close(TWIN_ST, set), 0);
	turn();
	assert_int_equal(n_calls, 1);
	assert_int_equal(ns_close(TWIN_ST, a), 0);
	assert_int_equal(ns_close(TWIN_ST, b), 0);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, twin_teardown)
	const struct CMUnitTest tests[] = {
		TEST(news_are_told_at_the_end_of_a_turn_only),
		TEST(a_listener_and_a_connection),
		TEST(a_callback_may_close_any_socket),
		TEST(what_callbacks_bring_about_is_for_the_next_turn),
		TEST(nobody_waits_in_a_callback),
		TEST(an_epoll_set_may_be_watched),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
