/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <netinet/udp.h>

#include <linux/in6.h>

#include "base/cleanup.h"
#include "netstack/socket/sockopt_priv.h"
#include "tests/unit/netstack/twin.h"

static const struct {
	const char *what;
	int domain;
	int type;
	int protocol;
} kinds[] = {
	{ "TCP 4", AF_INET, SOCK_STREAM, 0 },
	{ "TCP 6", AF_INET6, SOCK_STREAM, 0 },
	{ "UDP 4", AF_INET, SOCK_DGRAM, 0 },
	{ "UDP 6", AF_INET6, SOCK_DGRAM, 0 },
	{ "raw 4", AF_INET, SOCK_RAW, 253 },
	{ "raw 6", AF_INET6, SOCK_RAW, 253 },
	{ "ICMP 4", AF_INET, SOCK_RAW, IPPROTO_ICMP },
	{ "ICMP 6", AF_INET6, SOCK_RAW, IPPROTO_ICMPV6 },
};

#define NAME(level, name)                                                                          \
	{                                                                                          \
		level, name, #name                                                                 \
	}

static const struct {
	int level;
	int name;
	const char *what;
} opts[] = {
	NAME(SOL_SOCKET, SO_REUSEADDR),
	NAME(SOL_SOCKET, SO_REUSEPORT),
	NAME(SOL_SOCKET, SO_KEEPALIVE),
	NAME(SOL_SOCKET, SO_BROADCAST),
	NAME(SOL_SOCKET, SO_DONTROUTE),
	NAME(SOL_SOCKET, SO_OOBINLINE),
	NAME(SOL_SOCKET, SO_NO_CHECK),
	NAME(SOL_SOCKET, SO_TYPE),
	NAME(SOL_SOCKET, SO_PROTOCOL),
	NAME(SOL_SOCKET, SO_DOMAIN),
	NAME(SOL_SOCKET, SO_ERROR),
	NAME(SOL_SOCKET, SO_ACCEPTCONN),
	NAME(SOL_SOCKET, SO_RCVBUF),
	NAME(SOL_SOCKET, SO_SNDBUF),
	NAME(SOL_SOCKET, SO_RCVLOWAT),
	NAME(SOL_SOCKET, SO_SNDLOWAT),
	NAME(SOL_SOCKET, SO_MARK),
	NAME(SOL_SOCKET, SO_RXQ_OVFL),
	NAME(SOL_SOCKET, SO_TIMESTAMP),
	NAME(SOL_SOCKET, SO_TIMESTAMPNS),
	NAME(SOL_SOCKET, 0),
	NAME(SOL_SOCKET, 9999),
	NAME(IPPROTO_IP, IP_TOS),
	NAME(IPPROTO_IP, IP_TTL),
	NAME(IPPROTO_IP, IP_MINTTL),
	NAME(IPPROTO_IP, IP_HDRINCL),
	NAME(IPPROTO_IP, IP_RECVERR),
	NAME(IPPROTO_IP, IP_PKTINFO),
	NAME(IPPROTO_IP, IP_RECVTTL),
	NAME(IPPROTO_IP, IP_RECVTOS),
	NAME(IPPROTO_IP, IP_RECVORIGDSTADDR),
	NAME(IPPROTO_IP, IP_FREEBIND),
	NAME(IPPROTO_IP, IP_TRANSPARENT),
	NAME(IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT),
	NAME(IPPROTO_IP, IP_MTU_DISCOVER),
	NAME(IPPROTO_IP, IP_MTU),
	NAME(IPPROTO_IP, IP_MULTICAST_TTL),
	NAME(IPPROTO_IP, IP_MULTICAST_LOOP),
	NAME(IPPROTO_IP, IP_MULTICAST_ALL),
	NAME(IPPROTO_IP, IP_MULTICAST_IF),
	NAME(IPPROTO_IP, 9999),
	NAME(IPPROTO_IPV6, IPV6_V6ONLY),
	NAME(IPPROTO_IPV6, IPV6_UNICAST_HOPS),
	NAME(IPPROTO_IPV6, IPV6_MINHOPCOUNT),
	NAME(IPPROTO_IPV6, IPV6_TCLASS),
	NAME(IPPROTO_IPV6, IPV6_MTU_DISCOVER),
	NAME(IPPROTO_IPV6, IPV6_MTU),
	NAME(IPPROTO_IPV6, IPV6_DONTFRAG),
	NAME(IPPROTO_IPV6, IPV6_HDRINCL),
	NAME(IPPROTO_IPV6, IPV6_RECVERR),
	NAME(IPPROTO_IPV6, IPV6_RECVPKTINFO),
	NAME(IPPROTO_IPV6, IPV6_RECVHOPLIMIT),
	NAME(IPPROTO_IPV6, IPV6_RECVTCLASS),
	NAME(IPPROTO_IPV6, IPV6_RECVORIGDSTADDR),
	NAME(IPPROTO_IPV6, IPV6_FREEBIND),
	NAME(IPPROTO_IPV6, IPV6_TRANSPARENT),
	NAME(IPPROTO_IPV6, IPV6_MULTICAST_HOPS),
	NAME(IPPROTO_IPV6, IPV6_MULTICAST_LOOP),
	NAME(IPPROTO_IPV6, IPV6_MULTICAST_ALL),
	NAME(IPPROTO_IPV6, IPV6_MULTICAST_IF),
	NAME(IPPROTO_IPV6, IPV6_CHECKSUM),
	NAME(IPPROTO_IPV6, 9999),
	NAME(IPPROTO_UDP, UDP_CORK),
	NAME(IPPROTO_UDP, 103 /* UDP_SEGMENT */),
	NAME(IPPROTO_UDP, UDP_NO_CHECK6_TX),
	NAME(IPPROTO_UDP, UDP_NO_CHECK6_RX),
	NAME(IPPROTO_UDP, 9999),
	NAME(SOL_RAW, 1 /* ICMP_FILTER */),
	NAME(SOL_RAW, IPV6_CHECKSUM),
	NAME(12345, 1),
};

static const int values[] = { -2, -1,  0,   1,   2,    3,       5,       6,         63,
			      64, 127, 255, 256, 4096, 1 << 20, 1 << 24, INT32_MAX, INT32_MIN };

static void assert_same_value(const struct twin *t, size_t kind, size_t opt, const char *when,
			      int v, socklen_t room)
{
	uint8_t val[2][64];
	socklen_t len[2] = { room, room };
	struct both b;

	memset(val, 0xee, sizeof(val));
	b.linux_r = twin_errno(
		getsockopt(t->linux_fd, opts[opt].level, opts[opt].name, val[0], &len[0]));
	b.ours = ns_getsockopt(TWIN_ST, t->ours, opts[opt].level, opts[opt].name, val[1], &len[1]);
	assert_same(b, "%s: get %s, room %u, %s %d", kinds[kind].what, opts[opt].what, room, when,
		    v);
	if (b.linux_r < 0)
		return;
	if (len[0] != len[1] || memcmp(val[0], val[1], sizeof(val[0])) != 0)
		fail_msg("%s: get %s, room %u, %s %d: Linux has %u bytes %02x%02x%02x%02x, "
			 "we %u bytes %02x%02x%02x%02x",
			 kinds[kind].what, opts[opt].what, room, when, v, len[0], val[0][0],
			 val[0][1], val[0][2], val[0][3], len[1], val[1][0], val[1][1], val[1][2],
			 val[1][3]);
}

/* SO_RCVBUF of TCP is the protocol's, SO_MAX_PACING_RATE and the like nobody's. */
static bool is_left_out(size_t kind, size_t opt)
{
	const bool stream = kinds[kind].type == SOCK_STREAM;

	return stream && opts[opt].level == SOL_SOCKET &&
	       (opts[opt].name == SO_RCVBUF || opts[opt].name == SO_SNDBUF ||
		opts[opt].name == SO_RCVLOWAT);
}

static void numbers_are_set_and_got_as_in_linux(void **state)
{
	(void)state;
	for (size_t k = 0; k < ARRAY_SIZE(kinds); k++) {
		for (size_t o = 0; o < ARRAY_SIZE(opts); o++) {
			struct twin t =
				twin_socket(kinds[k].domain, kinds[k].type, kinds[k].protocol);

			if (!is_left_out(k, o)) {
				for (socklen_t room = 0; room <= 8; room++)
					assert_same_value(&t, k, o, "at first", 0, room);
			}
			for (size_t v = 0; v < ARRAY_SIZE(values); v++) {
				/* A packet that cannot leave: here it is the default. */
				if (opts[o].name == IPV6_UNICAST_HOPS && values[v] == 0)
					continue;
				assert_same(
					twin_setsockopt(&t, opts[o].level, opts[o].name, values[v]),
					"%s: set %s to %d", kinds[k].what, opts[o].what, values[v]);
				if (!is_left_out(k, o))
					assert_same_value(&t, k, o, "after", values[v], 4);
			}
			twin_close(&t);
		}
	}
}

static void short_values_are_read_as_in_linux(void **state)
{
	static const uint8_t bytes[8] = { 1, 0, 0, 0, 1, 0, 0, 0 };

	(void)state;
	for (size_t k = 0; k < ARRAY_SIZE(kinds); k++) {
		for (size_t o = 0; o < ARRAY_SIZE(opts); o++) {
			struct twin t =
				twin_socket(kinds[k].domain, kinds[k].type, kinds[k].protocol);

			for (socklen_t len = 0; len <= 8; len++) {
				assert_same(twin_call(&t, setsockopt, opts[o].level, opts[o].name,
						      bytes, len),
					    "%s: set %s, %u bytes", kinds[k].what, opts[o].what,
					    len);
				if (!is_left_out(k, o))
					assert_same_value(&t, k, o, "after bytes", (int)len, 4);
			}
			assert_same(twin_call(&t, setsockopt, opts[o].level, opts[o].name, bytes,
					      (socklen_t)-1),
				    "%s: set %s, length -1", kinds[k].what, opts[o].what);
			twin_close(&t);
		}
	}
}

static struct both set_time(const struct twin *t, int name, long s, long us)
{
	const struct timeval tv = { s, us };

	return twin_call(t, setsockopt, SOL_SOCKET, name, &tv, (socklen_t)sizeof(tv));
}

static void times_and_linger(void **state)
{
	static const long times[][2] = { { 0, 0 },       { 1, 0 },      { 0, 999999 },
					 { 0, 1000000 }, { 0, -1 },     { -1, 0 },
					 { -1, -1 },     { 5, 500000 }, { 1 << 30, 0 } };
	struct timeval tv[2];
	socklen_t len[2];
	struct twin t = twin_socket(AF_INET, SOCK_STREAM, 0);

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(times); i++) {
		for (int name = SO_RCVTIMEO; name <= SO_SNDTIMEO; name++) {
			assert_same(set_time(&t, name, times[i][0], times[i][1]), "%ld %ld",
				    times[i][0], times[i][1]);
			len[0] = len[1] = sizeof(tv[0]);
			assert_int_equal(getsockopt(t.linux_fd, SOL_SOCKET, name, &tv[0], &len[0]),
					 0);
			assert_int_equal(
				ns_getsockopt(TWIN_ST, t.ours, SOL_SOCKET, name, &tv[1], &len[1]),
				0);
			assert_int_equal(len[0], len[1]);
			/* Ticks of the kernel are longer than ours. */
			if (times[i][1] != 999999 && times[i][0] != 1 << 30)
				assert_memory_equal(&tv[0], &tv[1], sizeof(tv[0]));
		}
	}
	for (int onoff = 0; onoff < 2; onoff++) {
		for (int s = -1; s < 70000; s += 69) {
			const struct linger l = { onoff, s };
			struct linger got[2];

			assert_same(twin_call(&t, setsockopt, SOL_SOCKET, SO_LINGER, &l,
					      (socklen_t)sizeof(l)),
				    "linger %d", s);
			len[0] = len[1] = sizeof(got[0]);
			assert_int_equal(
				getsockopt(t.linux_fd, SOL_SOCKET, SO_LINGER, &got[0], &len[0]), 0);
			assert_int_equal(ns_getsockopt(TWIN_ST, t.ours, SOL_SOCKET, SO_LINGER,
						       &got[1], &len[1]),
					 0);
			if (s >= 0 && s < 65536)
				assert_memory_equal(&got[0], &got[1], sizeof(got[0]));
		}
	}
	twin_close(&t);
}

static void devices(void **state)
{
	struct twin t = twin_socket(AF_INET, SOCK_DGRAM, 0);
	static const char *const names[] = { "lo", "", "nowhere", "lo", "a-name-that-is-too-long" };
	char got[2][IFNAMSIZ];
	socklen_t len[2];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		assert_same(twin_call(&t, setsockopt, SOL_SOCKET, SO_BINDTODEVICE, names[i],
				      (socklen_t)strlen(names[i])),
			    "'%s'", names[i]);
		memset(got, 0, sizeof(got));
		len[0] = len[1] = IFNAMSIZ;
		assert_int_equal(
			getsockopt(t.linux_fd, SOL_SOCKET, SO_BINDTODEVICE, got[0], &len[0]), 0);
		assert_int_equal(ns_getsockopt(TWIN_ST, t.ours, SOL_SOCKET, SO_BINDTODEVICE, got[1],
					       &len[1]),
				 0);
		assert_int_equal(len[0], len[1]);
		assert_string_equal(got[0], got[1]);
	}
	len[0] = 3;
	assert_int_equal(
		ns_getsockopt(TWIN_ST, t.ours, SOL_SOCKET, SO_BINDTODEVICE, got[1], &len[0]),
		-EINVAL);
	twin_close(&t);
}

/* --- what a connection has of its listener --- */

#define PORT 3900

static const struct {
	int level;
	int name;
	int value;
	const char *what;
} inherited[] = {
#define OPT(level, name, value)                                                                    \
	{                                                                                          \
		level, name, value, #name                                                          \
	}
	OPT(SOL_SOCKET, SO_KEEPALIVE, 1),
	OPT(SOL_SOCKET, SO_REUSEADDR, 1),
	OPT(SOL_SOCKET, SO_REUSEPORT, 1),
	OPT(SOL_SOCKET, SO_OOBINLINE, 1),
	OPT(SOL_SOCKET, SO_BROADCAST, 1),
	OPT(SOL_SOCKET, SO_DONTROUTE, 1),
	OPT(SOL_SOCKET, SO_RCVLOWAT, 9),
	OPT(SOL_SOCKET, SO_MARK, 7),
	OPT(SOL_SOCKET, SO_PRIORITY, 5),
	OPT(SOL_SOCKET, SO_TIMESTAMPNS, 1),
	OPT(SOL_SOCKET, SO_BINDTOIFINDEX, 1),
	OPT(IPPROTO_IP, IP_TOS, 0x48),
	OPT(IPPROTO_IP, IP_TTL, 9),
	OPT(IPPROTO_IP, IP_MINTTL, 9),
	OPT(IPPROTO_IP, IP_RECVERR, 1),
	OPT(IPPROTO_IP, IP_RECVTTL, 1),
	OPT(IPPROTO_IP, IP_FREEBIND, 1),
	OPT(IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_DONT),
	OPT(IPPROTO_IPV6, IPV6_UNICAST_HOPS, 9),
	OPT(IPPROTO_IPV6, IPV6_MINHOPCOUNT, 9),
	OPT(IPPROTO_IPV6, IPV6_TCLASS, 0x48),
	OPT(IPPROTO_IPV6, IPV6_RECVERR, 1),
	OPT(IPPROTO_IPV6, IPV6_MTU_DISCOVER, IPV6_PMTUDISC_DONT),
	OPT(IPPROTO_TCP, TCP_NODELAY, 1),
	OPT(IPPROTO_TCP, TCP_CORK, 1),
	OPT(IPPROTO_TCP, TCP_KEEPIDLE, 11),
	OPT(IPPROTO_TCP, TCP_KEEPINTVL, 12),
	OPT(IPPROTO_TCP, TCP_KEEPCNT, 13),
	OPT(IPPROTO_TCP, TCP_SYNCNT, 3),
	OPT(IPPROTO_TCP, TCP_LINGER2, 14),
	OPT(IPPROTO_TCP, TCP_USER_TIMEOUT, 15000),
	OPT(IPPROTO_TCP, TCP_NOTSENT_LOWAT, 16000),
	OPT(IPPROTO_TCP, TCP_QUICKACK, 1),
	OPT(IPPROTO_TCP, TCP_INQ, 1),
#undef OPT
};

/* A connection to a listener; both ends, of both. */
static struct twin twin_accept(const struct twin *listener, struct twin *client)
{
	struct pollfd p = { .fd = listener->linux_fd, .events = POLLIN };
	const int domain = AF_INET6;
	struct twin_addr a = twin_addr(domain, "::1", PORT);
	struct twin ret;

	*client = twin_socket(domain, SOCK_STREAM, 0);
	assert_same(twin_connect(client, &a), "connect");
	assert_int_equal(poll(&p, 1, 10000), 1);
	ret.linux_fd = accept(listener->linux_fd, NULL, NULL);
	ret.ours = ns_accept4(TWIN_ST, listener->ours, NULL, NULL, 0);
	assert_true(ret.linux_fd >= 0);
	assert_true(ret.ours >= 0);
	return ret;
}

static struct twin twin_listener(void)
{
	struct twin ret = twin_socket(AF_INET6, SOCK_STREAM, 0);
	struct twin_addr a = twin_addr(AF_INET6, "::1", PORT);

	assert_same(twin_setsockopt(&ret, SOL_SOCKET, SO_REUSEADDR, 1), "reuse");
	assert_same(twin_bind(&ret, &a), "bind");
	assert_same(twin_call(&ret, listen, 1), "listen");
	return ret;
}

static void options_are_inherited_as_on_linux(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(inherited); i++) {
		struct twin listener = twin_listener(), client, t;
		int v[2] = { -1, -1 };
		socklen_t len[2] = { sizeof(v[0]), sizeof(v[1]) };

		assert_same(twin_setsockopt(&listener, inherited[i].level, inherited[i].name,
					    inherited[i].value),
			    "%s", inherited[i].what);
		t = twin_accept(&listener, &client);
		assert_int_equal(getsockopt(t.linux_fd, inherited[i].level, inherited[i].name,
					    &v[0], &len[0]),
				 0);
		assert_int_equal(ns_getsockopt(TWIN_ST, t.ours, inherited[i].level,
					       inherited[i].name, &v[1], &len[1]),
				 0);
		if (v[0] != v[1])
			fail_msg("%s: %d of Linux, %d of ours", inherited[i].what, v[0], v[1]);
		twin_close(&client);
		twin_close(&t);
		twin_close(&listener);
	}
}

/* A stream has a queue of errors with nothing in it, not a second way to its data. */
static void the_error_queue_of_a_stream_is_empty(void **state)
{
	struct twin listener = twin_listener(), client, t;
	char c = 0;

	(void)state;
	t = twin_accept(&listener, &client);
	assert_same(twin_call(&listener, recv, &c, 1, MSG_ERRQUEUE), "of a listener");
	assert_same(twin_call(&client, send, "x", 1, 0), "send");
	assert_same(twin_call(&t, recv, &c, 1, MSG_ERRQUEUE), "with data");
	assert_same(twin_call(&t, recv, &c, 1, 0), "data");
	assert_same(twin_call(&t, recv, &c, 1, MSG_ERRQUEUE | MSG_OOB), "urgent");
	twin_close(&client);
	assert_same(twin_call(&t, recv, &c, 1, MSG_ERRQUEUE), "at the end");
	twin_close(&t);
	twin_close(&listener);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(numbers_are_set_and_got_as_in_linux, twin_setup,
						twin_teardown),
		cmocka_unit_test_setup_teardown(short_values_are_read_as_in_linux, twin_setup,
						twin_teardown),
		cmocka_unit_test_setup_teardown(times_and_linger, twin_setup, twin_teardown),
		cmocka_unit_test_setup_teardown(devices, twin_setup, twin_teardown),
		cmocka_unit_test_setup_teardown(options_are_inherited_as_on_linux, twin_setup,
						twin_teardown),
		cmocka_unit_test_setup_teardown(the_error_queue_of_a_stream_is_empty, twin_setup,
						twin_teardown),
	};

	return cmocka_run_group_tests(tests, twin_namespace, NULL);
}
