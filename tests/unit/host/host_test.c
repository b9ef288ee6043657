/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * A host on a tap whose other end is the kernel of a namespace of the test's own.
 */
#include "host/host.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/time.h>

#include "netstack/socket.h"
#include "nic/loop.h"
#include "tests/unit/netns_fixture.h"

#define OURS   "10.9.0.1"
#define THEIRS "10.9.0.2"

#define ip(...)                                                                                    \
	do {                                                                                       \
		char ip_said[512];                                                                 \
		run_ok(ip_said, sizeof(ip_said), "ip", __VA_ARGS__);                               \
	} while (0)

static const enum loop_engine engines[] = { LOOP_AUTO, LOOP_EPOLL };

static int host_setup(void **state)
{
	netns_fresh();
	*state = NULL;
	return 0;
}

static int host_teardown(void **state)
{
	(void)state;
	(void)umount2("/sys", MNT_DETACH); /* each test mounts its own */
	return 0;
}

static struct host *on_tap(enum loop_engine engine, const char *spec)
{
	const struct host_conf conf = {
		.nic = spec,
		.addr = { OURS "/24", "fd09::1/64" },
		.engine = engine,
	};
	struct host *h = NULL;
	struct nerr err = NERR_INIT;

	assert_ok(host_new(&h, &conf, &err), err);
	ip("link", "set", "t0", "up");
	ip("addr", "add", THEIRS "/24", "dev", "t0");
	ip("addr", "add", "fd09::2/64", "dev", "t0", "nodad");
	return h;
}

static struct sockaddr_in at(const char *addr, uint16_t port)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons(port) };

	assert_int_equal(inet_pton(AF_INET, addr, &a.sin_addr), 1);
	return a;
}

/* --- traffic --- */

static void datagrams_both_ways(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < 2; i++) {
		struct host *h = on_tap(engines[i], "tap:t0");
		struct netstack *st = host_stack(h);
		struct sockaddr_in ours = at(OURS, 7), from;
		socklen_t len = sizeof(from);
		int kernel = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
		int fd = ns_socket(st, AF_INET, SOCK_DGRAM, 0);
		char buf[64];

		assert_true(kernel >= 0 && fd >= 0);
		assert_int_equal(ns_bind(st, fd, (struct sockaddr *)&ours, sizeof(ours)), 0);
		assert_int_equal(
			sendto(kernel, "ask", 3, 0, (struct sockaddr *)&ours, sizeof(ours)), 3);
		assert_int_equal(
			ns_recvfrom(st, fd, buf, sizeof(buf), 0, (struct sockaddr *)&from, &len),
			3);
		assert_memory_equal(buf, "ask", 3);
		assert_int_equal(ns_sendto(st, fd, "told", 4, 0, (struct sockaddr *)&from, len), 4);
		while (recv(kernel, buf, sizeof(buf), MSG_DONTWAIT) != 4)
			assert_int_equal(host_turn(h, loop_clock() + 1000000), 0);
		assert_memory_equal(buf, "told", 4);
		assert_int_equal(close(kernel), 0);
		assert_int_equal(ns_close(st, fd), 0);
		host_free(h);
	}
}

/* Nothing is kept but the buffers that wait for packets. */
static void assert_is_small(struct host *h)
{
	struct netstack_memory m;

	netstack_memory(host_stack(h), &m);
	assert_int_equal(m.packets, 0);
	assert_true(m.packet_taken <= m.packet_bytes + 5 * 65536);
	assert_true(m.packet_taken <= 7 * 65536);
}

/* A megabyte in, a megabyte out, and an orderly end.  That memory is given back every now and then
 * does not show.
 */
static void stream(const char *spec, enum loop_engine engine)
{
	enum {
		ALL = 1 << 20
	};
	static char out[ALL], in[ALL], from[ALL];
	struct host *h = on_tap(engine, spec);
	struct netstack *st = host_stack(h);
	struct sockaddr_in ours = at(OURS, 80);
	int kernel = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int listener = ns_socket(st, AF_INET, SOCK_STREAM, 0);
	size_t sent = 0, got = 0, echoed = 0, back = 0;
	unsigned int turns = 0;
	int fd;

	for (size_t i = 0; i < ALL; i++)
		out[i] = (char)(i * 7 >> 3);
	assert_true(kernel >= 0 && listener >= 0);
	assert_int_equal(ns_bind(st, listener, (struct sockaddr *)&ours, sizeof(ours)), 0);
	assert_int_equal(ns_listen(st, listener, 8), 0);
	assert_int_equal(connect(kernel, (struct sockaddr *)&ours, sizeof(ours)), -1);
	assert_int_equal(errno, EINPROGRESS);
	fd = ns_accept4(st, listener, NULL, NULL, SOCK_NONBLOCK);
	assert_true(fd >= 0);
	while (back < ALL) {
		ssize_t n = send(kernel, out + sent, ALL - sent, 0);

		sent += n > 0 ? (size_t)n : 0;
		assert_int_equal(host_turn(h, loop_clock() + 1000000), 0);
		n = ns_read(st, fd, in + got, ALL - got);
		got += n > 0 ? (size_t)n : 0;
		n = ns_write(st, fd, in + echoed, got - echoed);
		echoed += n > 0 ? (size_t)n : 0;
		n = recv(kernel, from + back, ALL - back, 0);
		if (n > 0)
			assert_memory_equal(from + back, out + back, n);
		back += n > 0 ? (size_t)n : 0;
		if (++turns % 8 == 0)
			host_trim(h);
	}
	assert_int_equal(shutdown(kernel, SHUT_WR), 0);
	while (ns_read(st, fd, in, 1) != 0)
		assert_int_equal(host_turn(h, loop_clock() + 1000000), 0);
	assert_int_equal(ns_close(st, fd), 0);
	assert_int_equal(ns_close(st, listener), 0);
	assert_int_equal(host_drain(h, 5000), 0);
	(void)host_turn(h, 0); /* what was sent last has been */
	host_trim(h);
	assert_is_small(h);
	assert_int_equal(recv(kernel, in, 1, 0), 0);
	assert_int_equal(close(kernel), 0);
	host_free(h);
}

static void streams_both_ways(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < 2; i++) {
		stream("tap:t0", engines[i]);
		stream("tap:t0,no-offload", engines[i]);
	}
}

static void on_alarm(int sig)
{
	(void)sig; /* that it comes is enough */
}

static void a_call_can_be_interrupted(void **state)
{
	const struct itimerval soon = { .it_value = { .tv_usec = 20000 } };
	struct host *h = on_tap(LOOP_AUTO, "tap:t0");
	struct netstack *st = host_stack(h);
	struct sockaddr_in ours = at(OURS, 7);
	int fd = ns_socket(st, AF_INET, SOCK_DGRAM, 0);
	const struct sigaction sa = { .sa_handler = on_alarm }; /* no SA_RESTART */
	char c;

	(void)state;
	assert_int_equal(sigaction(SIGALRM, &sa, NULL), 0);
	assert_int_equal(ns_bind(st, fd, (struct sockaddr *)&ours, sizeof(ours)), 0);
	assert_int_equal(setitimer(ITIMER_REAL, &soon, NULL), 0);
	assert_int_equal(ns_read(st, fd, &c, 1), -EINTR);
	host_free(h);
}

static void the_link_local_address_is_there(void **state)
{
	struct host *h = on_tap(LOOP_AUTO, "tap:t0");
	struct netstack_addr a[8];
	unsigned int n, seen = 0;

	(void)state;
	assert_int_equal(host_wait_addr(h, 5000), 0);
	n = netstack_addrs(host_stack(h), a, 8);
	assert_int_equal(n, 5); /* lo has two */
	for (unsigned int i = 0; i < n; i++)
		seen += ip6_addr_is_link_local(a[i].conf.addr);
	assert_int_equal(seen, 1);
	host_free(h);
}

static void a_device_that_is_deleted(void **state)
{
	struct host *h;
	int r;

	(void)state;
	for (unsigned int i = 0; i < 2; i++) {
		h = on_tap(engines[i], "tap:t0");
		ip("link", "del", "t0");
		do
			r = host_turn(h, LOOP_FOREVER);
		while (r == 0);
		assert_int_equal(r, -ENODEV);
		host_free(h);
	}
}

/* --- what cannot be --- */

static void refused(const struct host_conf *conf, int error, const char *word)
{
	struct nerr err = NERR_INIT;
	struct host *h = NULL;

	assert_int_equal(host_new(&h, conf, &err), error);
	assert_null(h);
	if (!strstr(err.msg, word))
		fail_msg("'%s' does not name '%s'", err.msg, word);
	/* Nothing is left of the tap. */
	assert_int_equal(access("/sys/class/net/t0", F_OK), -1);
}

static void mistakes_are_named(void **state)
{
	const struct host_conf bad[] = {
		{ .nic = "tap:t0", .addr = { "10.9.0.1" } },
		{ .nic = "tap:t0", .addr = { "10.9.0.1/24", "10.9.0.1/24" } },
		{ .nic = "tap:t0", .gateway = { "gw" } },
		{ .nic = "tap:t0", .shard = 1 },
		{ .nic = "tap:t0", .mtu = 1400, .follow = "t0" },
		{ .nic = "tap:t0", .mtu = 12 },
		{ .nic = "tap:t0", .netns = "/nowhere" },
		{ .nic = "tap:t0", .follow = "eth9" },
		{ .nic = "carrier-pigeon:t0" },
		{ .nic = NULL },
	};
	static const struct {
		int error;
		const char *word;
	} expected[] = {
		{ -EINVAL, "10.9.0.1" }, { -EEXIST, "10.9.0.1/24" }, { -EINVAL, "gw" },
		{ -EINVAL, "t0" },       { -EINVAL, "1400" },        { -EINVAL, "12" },
		{ -ENOENT, "/nowhere" }, { -ENODEV, "eth9" },        { -EINVAL, "carrier-pigeon" },
		{ -EINVAL, "device" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		refused(&bad[i], expected[i].error, expected[i].word);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(datagrams_both_ways, host_setup, host_teardown),
		cmocka_unit_test_setup_teardown(streams_both_ways, host_setup, host_teardown),
		cmocka_unit_test_setup_teardown(a_call_can_be_interrupted, host_setup,
						host_teardown),
		cmocka_unit_test_setup_teardown(the_link_local_address_is_there, host_setup,
						host_teardown),
		cmocka_unit_test_setup_teardown(a_device_that_is_deleted, host_setup,
						host_teardown),
		cmocka_unit_test_setup_teardown(mistakes_are_named, host_setup, host_teardown),
	};

	return cmocka_run_group_tests(tests, mounts_private, NULL);
}
