/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Datagrams with all that goes with them: the same messages through Linux and through us.
 */
#include <netinet/icmp6.h>
#include <netinet/ip_icmp.h>
#include <netinet/udp.h>
#include <stdlib.h>

#include <linux/errqueue.h>

#include "base/cleanup.h"
#include "tests/unit/netstack/twin.h"

#define ROOM 2048

/* What recvmsg() gave. */
struct got {
	int64_t r;
	int flags;
	uint8_t data[ROOM];
	uint8_t name[64];
	socklen_t name_len;
	_Alignas(8) uint8_t control[512];
	size_t control_len;
};

static void recv_both(const struct twin *t, int flags, size_t room, size_t control_room,
		      struct got *linux_got, struct got *ours)
{
	/* We first: Linux is waited for when we have something. */
	for (int k = 1; k >= 0; k--) {
		struct got *g = k ? ours : linux_got;
		struct iovec iov[2] = { { g->data, room / 2 },
					{ g->data + room / 2, room - room / 2 } };
		struct msghdr m = {
			.msg_name = g->name,
			.msg_namelen = sizeof(g->name),
			.msg_iov = iov,
			.msg_iovlen = 2,
			.msg_control = control_room ? g->control : NULL,
			.msg_controllen = control_room,
		};

		memset(g, 0, sizeof(*g));
		g->r = k ? ns_recvmsg(TWIN_ST, t->ours, &m, flags)
			 : twin_errno(recvmsg(t->linux_fd, &m, flags));
		for (int i = 0; !k && g->r == -EAGAIN && ours->r != -EAGAIN && i < 200; i++) {
			(void)poll(NULL, 0, 1);
			g->r = twin_errno(recvmsg(t->linux_fd, &m, flags));
		}
		g->flags = m.msg_flags;
		g->name_len = m.msg_namelen;
		g->control_len = m.msg_controllen;
	}
}

/* Ports of one side are not those of the other. */
static void forget_port(struct got *g)
{
	if (g->name_len >= sizeof(struct sockaddr_in))
		((struct sockaddr_in *)(void *)g->name)->sin_port = 0;
}

static void assert_same_message(const struct twin *t, const char *what, int flags, size_t room,
				size_t control_room)
{
	static struct got a, b;

	recv_both(t, flags, room, control_room, &a, &b);
	assert_same(((struct both){ a.r, b.r }), "%s", what);
	if (a.r < 0)
		return;
	forget_port(&a);
	forget_port(&b);
	if (a.flags != b.flags)
		fail_msg("%s: flags %x of Linux, %x of ours", what, a.flags, b.flags);
	if (a.name_len != b.name_len || memcmp(a.name, b.name, a.name_len) != 0)
		fail_msg("%s: another name, of %u and %u bytes", what, a.name_len, b.name_len);
	assert_memory_equal(a.data, b.data, ROOM);
	if (a.control_len != b.control_len)
		fail_msg("%s: %zu bytes of ancillary data of Linux, %zu of ours", what,
			 a.control_len, b.control_len);
	for (size_t i = 0; i < a.control_len; i++)
		if (a.control[i] != b.control[i])
			fail_msg("%s: ancillary data differ from byte %zu on: %02x, %02x", what, i,
				 a.control[i], b.control[i]);
}

static const struct {
	const char *what;
	int domain;
	const char *addr;
} families[] = {
	{ "IPv4", AF_INET, "127.0.0.1" },
	{ "IPv6", AF_INET6, "::1" },
	{ "mapped", AF_INET6, "::ffff:127.0.0.1" },
};

struct pair {
	struct twin server;
	struct twin client;
	struct twin_addr addr;
};

static struct pair pair_open(size_t family, uint16_t port)
{
	struct pair p = {
		.server = twin_socket(families[family].domain, SOCK_DGRAM, 0),
		.client = twin_socket(families[family].domain, SOCK_DGRAM, 0),
		.addr = twin_addr(families[family].domain, families[family].addr, port),
	};

	assert_same(twin_bind(&p.server, &p.addr), "bind");
	return p;
}

static void pair_close(struct pair *p)
{
	twin_close(&p->server);
	twin_close(&p->client);
}

static struct both send_to(const struct pair *p, const void *data, size_t len)
{
	return twin_call(&p->client, sendto, data, len, 0, &p->addr.sa, p->addr.len);
}

static void datagrams_come_whole_or_cut(void **state)
{
	static const int flags[] = { 0, MSG_PEEK, MSG_TRUNC, MSG_PEEK | MSG_TRUNC, MSG_WAITALL };

	(void)state;
	for (size_t f = 0; f < ARRAY_SIZE(families); f++) {
		struct pair p = pair_open(f, 7100);

		for (size_t len = 0; len < 40; len += 5)
			assert_same(send_to(&p, "0123456789012345678901234567890123456789", len),
				    "send %zu", len);
		for (size_t i = 0; i < 16; i++)
			assert_same_message(&p.server, families[f].what,
					    flags[i % ARRAY_SIZE(flags)], i * 2, 0);
		pair_close(&p);
	}
}

static void ancillary_data_are_those_of_linux(void **state)
{
	static const struct {
		int level;
		int name;
	} opts[] = {
		{ IPPROTO_IP, IP_PKTINFO },         { IPPROTO_IP, IP_RECVTTL },
		{ IPPROTO_IP, IP_RECVTOS },         { IPPROTO_IP, IP_RECVORIGDSTADDR },
		{ IPPROTO_IPV6, IPV6_RECVPKTINFO }, { IPPROTO_IPV6, IPV6_RECVHOPLIMIT },
		{ IPPROTO_IPV6, IPV6_RECVTCLASS },  { IPPROTO_IPV6, IPV6_RECVORIGDSTADDR },
	};

	(void)state;
	for (size_t f = 0; f < ARRAY_SIZE(families); f++) {
		for (unsigned int mask = 0; mask < 1U << ARRAY_SIZE(opts); mask++) {
			struct pair p = pair_open(f, (uint16_t)(7200 + f));

			for (size_t i = 0; i < ARRAY_SIZE(opts); i++)
				if (mask >> i & 1)
					(void)twin_setsockopt(&p.server, opts[i].level,
							      opts[i].name, 1);
			assert_same(twin_setsockopt(&p.client, IPPROTO_IP, IP_TOS, 0xb8), "tos");
			assert_same(twin_setsockopt(&p.client, IPPROTO_IP, IP_TTL, 33), "ttl");
			(void)twin_setsockopt(&p.client, IPPROTO_IPV6, IPV6_TCLASS, 0x1c);
			(void)twin_setsockopt(&p.client, IPPROTO_IPV6, IPV6_UNICAST_HOPS, 44);
			/* Room for all of it, for a part, for none. */
			for (size_t room = 0; room < 300; room += 1 + (mask % 37)) {
				assert_same(send_to(&p, "x", 1), "send");
				assert_same_message(&p.server, families[f].what, 0, 10, room);
			}
			pair_close(&p);
		}
	}
}

/* Ancillary data to be sent. */
struct control {
	_Alignas(8) uint8_t buf[256];
	size_t len;
};

static void control_add(struct control *c, int level, int type, const void *data, size_t len)
{
	struct cmsghdr h = { .cmsg_len = CMSG_LEN(len), .cmsg_level = level, .cmsg_type = type };

	memcpy(c->buf + c->len, &h, sizeof(h));
	memcpy(c->buf + c->len + CMSG_LEN(0), data, len);
	c->len += CMSG_SPACE(len);
}

static struct both send_control(const struct pair *p, const struct control *c)
{
	struct iovec iov = { (void *)(uintptr_t) "abc", 3 };
	struct msghdr m = {
		.msg_name = (void *)(uintptr_t)&p->addr,
		.msg_namelen = p->addr.len,
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = c->len ? (void *)(uintptr_t)c->buf : NULL,
		.msg_controllen = c->len,
	};

	return twin_call(&p->client, sendmsg, &m, 0);
}

static void check_control(struct pair *p, const char *what, int level, int type, const void *data,
			  size_t len)
{
	struct control c = { .len = 0 };
	struct both b;

	control_add(&c, level, type, data, len);
	b = send_control(p, &c);
	assert_same(b, "%s, %zu bytes", what, len);
	if (b.ours >= 0)
		assert_same_message(&p->server, what, 0, 10, 300);
}

static void what_sendmsg_says_is_done_or_refused_as_on_linux(void **state)
{
	static const int numbers[] = { -2, -1, 0, 1, 2, 64, 255, 256 };

	(void)state;
	for (size_t f = 0; f < ARRAY_SIZE(families); f++) {
		struct pair p = pair_open(f, (uint16_t)(7300 + f));
		struct in_pktinfo info4 = { 0 };
		struct in6_pktinfo info6 = { 0 };
		const uint8_t byte = 0x20;

		(void)twin_setsockopt(&p.server, IPPROTO_IP, IP_PKTINFO, 1);
		(void)twin_setsockopt(&p.server, IPPROTO_IP, IP_RECVTTL, 1);
		(void)twin_setsockopt(&p.server, IPPROTO_IP, IP_RECVTOS, 1);
		(void)twin_setsockopt(&p.server, IPPROTO_IPV6, IPV6_RECVHOPLIMIT, 1);
		(void)twin_setsockopt(&p.server, IPPROTO_IPV6, IPV6_RECVTCLASS, 1);
		for (size_t i = 0; i < ARRAY_SIZE(numbers); i++) {
			const int *v = &numbers[i];

			check_control(&p, "IP_TTL", IPPROTO_IP, IP_TTL, v, 4);
			check_control(&p, "IP_TOS", IPPROTO_IP, IP_TOS, v, 4);
			if (*v) /* 0 would be a packet that goes nowhere; here the default */
				check_control(&p, "IPV6_HOPLIMIT", IPPROTO_IPV6, IPV6_HOPLIMIT, v,
					      4);
			check_control(&p, "IPV6_TCLASS", IPPROTO_IPV6, IPV6_TCLASS, v, 4);
			check_control(&p, "IPV6_DONTFRAG", IPPROTO_IPV6, IPV6_DONTFRAG, v, 4);
		}
		check_control(&p, "IP_TOS", IPPROTO_IP, IP_TOS, &byte, 1);
		check_control(&p, "IP_TOS", IPPROTO_IP, IP_TOS, numbers, 3);
		check_control(&p, "IP_TTL", IPPROTO_IP, IP_TTL, numbers, 3);
		check_control(&p, "unknown", IPPROTO_IP, 77, numbers, 4);
		check_control(&p, "unknown 6", IPPROTO_IPV6, 77, numbers, 4);
		check_control(&p, "unknown level", 77, 77, numbers, 4);
		check_control(&p, "SCM_RIGHTS", SOL_SOCKET, SCM_RIGHTS, numbers, 4);
		check_control(&p, "unknown of the socket", SOL_SOCKET, 777, numbers, 4);

		info4.ipi_ifindex = 1;
		check_control(&p, "by lo", IPPROTO_IP, IP_PKTINFO, &info4, sizeof(info4));
		check_control(&p, "short", IPPROTO_IP, IP_PKTINFO, &info4, sizeof(info4) - 1);
		info4.ipi_ifindex = 0;
		info4.ipi_spec_dst.s_addr = htonl(0x7f000009);
		check_control(&p, "from 127.0.0.9", IPPROTO_IP, IP_PKTINFO, &info4, sizeof(info4));
		info6.ipi6_ifindex = 1;
		check_control(&p, "by lo 6", IPPROTO_IPV6, IPV6_PKTINFO, &info6, sizeof(info6));
		check_control(&p, "short 6", IPPROTO_IPV6, IPV6_PKTINFO, &info6, sizeof(info6) - 1);
		pair_close(&p);
	}
}

/* Lengths in a control message that lie. */
static void a_broken_control_message_is_refused(void **state)
{
	struct pair p = pair_open(0, 7400);
	struct control c = { .len = 0 };
	const int ttl = 5;

	(void)state;
	control_add(&c, IPPROTO_IP, IP_TTL, &ttl, sizeof(ttl));
	for (size_t len = 0; len < 64; len++) {
		struct control broken = c;

		memcpy(broken.buf, &len, sizeof(len)); /* cmsg_len */
		assert_same(send_control(&p, &broken), "cmsg_len %zu", len);
	}
	for (size_t len = 0; len < CMSG_SPACE(4); len++) {
		struct control cut = c;

		cut.len = len;
		assert_same(send_control(&p, &cut), "controllen %zu", len);
	}
	pair_close(&p);
}

static void errors_are_queued_as_on_linux(void **state)
{
	(void)state;
	for (size_t f = 0; f < ARRAY_SIZE(families); f++) {
		struct twin t = twin_socket(families[f].domain, SOCK_DGRAM, 0);
		struct twin_addr a = twin_addr(families[f].domain, families[f].addr, 7999);

		assert_same(twin_setsockopt(&t, IPPROTO_IP, IP_RECVERR, 1), "IP_RECVERR");
		if (families[f].domain == AF_INET6)
			assert_same(twin_setsockopt(&t, IPPROTO_IPV6, IPV6_RECVERR, 1), "6");
		assert_same_message(&t, "none", MSG_ERRQUEUE, 100, 200);
		assert_same(twin_call(&t, sendto, "hello", 5, 0, &a.sa, a.len), "send");
		assert_same_message(&t, families[f].what, MSG_ERRQUEUE, 100, 200);
		assert_same_message(&t, families[f].what, MSG_ERRQUEUE, 100, 200);
		/* The error is told once, and is still in the queue. */
		assert_same(twin_call(&t, sendto, "hello", 5, 0, &a.sa, a.len), "send");
		assert_same(twin_call(&t, sendto, "second", 6, 0, &a.sa, a.len), "send");
		assert_same(twin_call(&t, sendto, "third", 5, 0, &a.sa, a.len), "send");
		assert_same_message(&t, families[f].what, MSG_ERRQUEUE, 2, 200);
		assert_same_message(&t, families[f].what, MSG_ERRQUEUE, 100, 20);
		assert_same_message(&t, families[f].what, MSG_ERRQUEUE, 100, 0);
		assert_same(twin_call(&t, sendto, "hello", 5, 0, &a.sa, a.len), "send");
		assert_same(twin_setsockopt(&t, IPPROTO_IP, IP_RECVERR, 0), "off");
		assert_same_message(&t, "off", MSG_ERRQUEUE, 100, 200);
		twin_close(&t);
	}
}

/* What is asked for of datagrams is told of the ICMP message, too: tracepath looks at its TTL.
 * Not IP_RECVORIGDSTADDR, for whose port Linux takes bytes of the payload.
 */
static void errors_come_with_ancillary_data_as_on_linux(void **state)
{
	static const struct {
		int level;
		int name;
	} opts[] = {
		{ IPPROTO_IP, IP_PKTINFO },          { IPPROTO_IP, IP_RECVTTL },
		{ IPPROTO_IP, IP_RECVTOS },          { IPPROTO_IPV6, IPV6_RECVPKTINFO },
		{ IPPROTO_IPV6, IPV6_RECVHOPLIMIT }, { IPPROTO_IPV6, IPV6_RECVTCLASS },
	};

	(void)state;
	for (size_t f = 0; f < ARRAY_SIZE(families); f++) {
		struct twin_addr a = twin_addr(families[f].domain, families[f].addr, 7999);

		for (unsigned int mask = 0; mask < 1U << ARRAY_SIZE(opts); mask++) {
			struct twin t = twin_socket(families[f].domain, SOCK_DGRAM, 0);

			(void)twin_setsockopt(&t, IPPROTO_IP, IP_RECVERR, 1);
			(void)twin_setsockopt(&t, IPPROTO_IPV6, IPV6_RECVERR, 1);
			for (size_t i = 0; i < ARRAY_SIZE(opts); i++)
				if (mask >> i & 1)
					(void)twin_setsockopt(&t, opts[i].level, opts[i].name, 1);
			assert_same(twin_call(&t, sendto, "hello", 5, 0, &a.sa, a.len), "send");
			assert_same_message(&t, families[f].what, MSG_ERRQUEUE, 100, 300);
			twin_close(&t);
		}
	}
}

static void set_mtu_of_lo(unsigned int mtu)
{
	struct ifreq ifr = { .ifr_name = "lo", .ifr_mtu = (int)mtu };
	const int fd = socket(AF_INET, SOCK_DGRAM, 0);

	assert_true(fd >= 0);
	assert_int_equal(ioctl(fd, SIOCSIFMTU, &ifr), 0);
	assert_int_equal(close(fd), 0);
	assert_int_equal(netstack_link_set_mtu(TWIN_ST, 1, mtu), 0);
}

/* What is too long for the path never leaves: nobody sent that error. */
static void errors_of_our_own_are_queued_as_on_linux(void **state)
{
	static const char data[2000];

	(void)state;
	set_mtu_of_lo(1500);
	for (size_t f = 0; f < ARRAY_SIZE(families); f++) {
		struct twin t = twin_socket(families[f].domain, SOCK_DGRAM, 0);
		struct twin_addr a = twin_addr(families[f].domain, families[f].addr, 7999);

		(void)twin_setsockopt(&t, IPPROTO_IP, IP_RECVERR, 1);
		(void)twin_setsockopt(&t, IPPROTO_IPV6, IPV6_RECVERR, 1);
		(void)twin_setsockopt(&t, IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_DO);
		(void)twin_setsockopt(&t, IPPROTO_IPV6, IPV6_MTU_DISCOVER, IPV6_PMTUDISC_DO);
		(void)twin_setsockopt(&t, IPPROTO_IP, IP_RECVTTL, 1);
		(void)twin_setsockopt(&t, IPPROTO_IPV6, IPV6_RECVHOPLIMIT, 1);
		for (size_t len = 1440; len < 1490; len++)
			assert_same(twin_call(&t, sendto, data, len, 0, &a.sa, a.len), "%s %zu",
				    families[f].what, len);
		for (int i = 0; i < 60; i++)
			assert_same_message(&t, families[f].what, MSG_ERRQUEUE, 100, 200);
		twin_close(&t);
	}
	set_mtu_of_lo(65535);
}

/* TCP_INQ: with what was read comes how much is left. */
static void what_is_left_of_a_stream_is_told_as_on_linux(void **state)
{
	struct twin listener = twin_socket(AF_INET, SOCK_STREAM, 0);
	struct twin client = twin_socket(AF_INET, SOCK_STREAM, 0);
	struct twin_addr a = twin_addr(AF_INET, "127.0.0.1", 7400);
	struct pollfd p = { .fd = listener.linux_fd, .events = POLLIN };
	struct twin t;

	(void)state;
	assert_same(twin_bind(&listener, &a), "bind");
	assert_same(twin_call(&listener, listen, 1), "listen");
	assert_same(twin_connect(&client, &a), "connect");
	assert_int_equal(poll(&p, 1, 10000), 1);
	t.linux_fd = accept4(listener.linux_fd, NULL, NULL, SOCK_NONBLOCK);
	t.ours = ns_accept4(TWIN_ST, listener.ours, NULL, NULL, SOCK_NONBLOCK);
	assert_true(t.linux_fd >= 0 && t.ours >= 0);
	for (int v = -1; v <= 2; v++)
		assert_same(twin_setsockopt(&t, IPPROTO_TCP, TCP_INQ, v), "TCP_INQ %d", v);
	assert_same_message(&t, "none", 0, 4, 100);
	assert_same(twin_call(&client, send, "0123456789", 10, 0), "send");
	assert_same_message(&t, "peek", MSG_PEEK, 4, 100);
	assert_same_message(&t, "ten", 0, 4, 100);
	assert_same_message(&t, "six", 0, 4, 10); /* no room for it */
	assert_same_message(&t, "two", 0, 2, 100);
	assert_same(twin_call(&client, send, "0123456789", 10, 0), "send");
	assert_same(twin_call(&client, shutdown, SHUT_WR), "shutdown");
	p = (struct pollfd){ .fd = t.linux_fd, .events = POLLRDHUP };
	assert_int_equal(poll(&p, 1, 10000), 1);
	assert_same_message(&t, "before the end", 0, 4, 100);
	assert_same_message(&t, "the last", 0, 6, 100);
	assert_same_message(&t, "the end", 0, 4, 100);
	assert_same_message(&t, "the end, again", 0, 4, 100);
	twin_close(&t);
	twin_close(&client);
	twin_close(&listener);
}

static void corked_datagrams_are_one(void **state)
{
	(void)state;
	for (size_t f = 0; f < ARRAY_SIZE(families); f++) {
		struct pair p = pair_open(f, (uint16_t)(7500 + f));

		assert_same(twin_connect(&p.client, &p.addr), "connect");
		assert_same(twin_call(&p.client, send, "one", 3, MSG_MORE), "more");
		assert_same_message(&p.server, "not yet", 0, 100, 0);
		assert_same(twin_call(&p.client, send, "two", 3, MSG_MORE), "more");
		assert_same(twin_call(&p.client, send, "end", 3, 0), "end");
		assert_same_message(&p.server, families[f].what, 0, 100, 0);
		assert_same(twin_setsockopt(&p.client, IPPROTO_UDP, UDP_CORK, 1), "cork");
		assert_same(twin_call(&p.client, send, "abc", 3, 0), "corked");
		assert_same(twin_call(&p.client, send, "def", 3, 0), "corked");
		assert_same_message(&p.server, "not yet", 0, 100, 0);
		assert_same(twin_setsockopt(&p.client, IPPROTO_UDP, UDP_CORK, 0), "uncork");
		assert_same_message(&p.server, families[f].what, 0, 100, 0);
		/* More than a datagram has. */
		for (int i = 0; i < 2; i++) {
			static uint8_t big[40000];

			assert_same(twin_call(&p.client, send, big, sizeof(big), MSG_MORE), "big");
		}
		assert_same(twin_call(&p.client, send, "left", 4, 0), "after it");
		assert_same_message(&p.server, families[f].what, 0, 100, 0);
		assert_same(twin_call(&p.client, send, "forgotten", 9, MSG_MORE), "more");
		pair_close(&p);
	}
}

static void one_send_of_many_datagrams(void **state)
{
	static uint8_t data[60000];
	static const size_t lens[] = { 0, 1, 99, 100, 101, 1000, 12750, 12800, 12801, 60000 };

	(void)state;
	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (uint8_t)(i / 100);
	for (size_t f = 0; f < ARRAY_SIZE(families); f++) {
		struct pair p = pair_open(f, (uint16_t)(7600 + f));

		assert_same(twin_setsockopt(&p.client, IPPROTO_UDP, 103, 100), "UDP_SEGMENT");
		for (size_t i = 0; i < ARRAY_SIZE(lens); i++) {
			struct both b = send_to(&p, data, lens[i]);

			assert_same(b, "%zu bytes", lens[i]);
			for (size_t at = 0; b.ours >= 0 && (at < lens[i] || at == 0); at += 100)
				assert_same_message(&p.server, families[f].what, 0, 200, 0);
			assert_same_message(&p.server, "and no more", 0, 200, 0);
		}
		pair_close(&p);
	}
}

static void raw_and_ping_sockets_see_what_linux_shows(void **state)
{
	static const uint8_t ask[] = {
		ICMP_ECHO, 0, 0xb4, 0x2d, 0, 0, 0, 0, 'h', 'e', 'l', 'l', 'o'
	};
	static const uint8_t ask6[] = { ICMP6_ECHO_REQUEST, 0, 0, 0, 0x12, 0x34, 0, 1, 'h' };
	struct twin raw = twin_socket(AF_INET, SOCK_RAW, IPPROTO_ICMP);
	struct twin raw6 = twin_socket(AF_INET6, SOCK_RAW, IPPROTO_ICMPV6);
	struct twin_addr a = twin_addr(AF_INET, "127.0.0.1", 0), a6 = twin_addr(AF_INET6, "::1", 0);
	static struct got x, y;
	const uint32_t no_replies = 1U << ICMP_ECHOREPLY;

	(void)state;
	assert_true(csum_ok(csum_bytes(ask, sizeof(ask))));
	/* The request and the reply.  Identification and header checksum are chance. */
	assert_same(twin_call(&raw, sendto, ask, sizeof(ask), 0, &a.sa, a.len), "send");
	for (int i = 0; i < 2; i++) {
		recv_both(&raw, 0, 200, 0, &x, &y);
		assert_same(((struct both){ x.r, y.r }), "raw");
		memset(x.data + 4, 0, 2);
		memset(y.data + 4, 0, 2);
		memset(x.data + 6, 0, 1); /* DF of a reply */
		memset(y.data + 6, 0, 1);
		memset(x.data + 10, 0, 2);
		memset(y.data + 10, 0, 2);
		assert_memory_equal(x.data, y.data, 64);
	}
	assert_same(twin_call(&raw, setsockopt, SOL_RAW, 1, &no_replies, 4), "ICMP_FILTER");
	assert_same(twin_call(&raw, sendto, ask, sizeof(ask), 0, &a.sa, a.len), "send");
	recv_both(&raw, 0, 200, 0, &x, &y);
	assert_same(((struct both){ x.r, y.r }), "request");
	recv_both(&raw, 0, 200, 0, &x, &y);
	assert_same(((struct both){ x.r, y.r }), "no reply");
	for (size_t len = 0; len < 8; len++)
		assert_same(twin_call(&raw, sendto, ask, len, 0, &a.sa, a.len), "short %zu", len);
	assert_same(twin_call(&raw, send, ask, sizeof(ask), 0), "unconnected");
	assert_same(twin_call(&raw, listen, 1), "listen");

	assert_same(twin_call(&raw6, sendto, ask6, sizeof(ask6), 0, &a6.sa, a6.len), "send 6");
	for (int i = 0; i < 3; i++)
		assert_same_message(&raw6, "raw 6", 0, 200, 0);
	twin_close(&raw);
	twin_close(&raw6);
}

/* Linux lets groups of users have them; here it is an option of the instance. */
static void allow_ping_sockets(void)
{
	const int fd = open("/proc/sys/net/ipv4/ping_group_range", O_WRONLY | O_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, "0 0", 3), 3);
	(void)close(fd);
}

static void ping_sockets_are_those_of_linux(void **state)
{
	static const uint8_t types[] = { 0, 3, 8, 13, 128, 129 };

	(void)state;
	allow_ping_sockets();
	for (size_t f = 0; f < 2; f++) {
		const int domain = families[f].domain;
		const int proto = domain == AF_INET ? IPPROTO_ICMP : IPPROTO_ICMPV6;
		struct twin t = twin_socket(domain, SOCK_DGRAM, proto);
		struct twin u = twin_socket(domain, SOCK_DGRAM, proto);
		struct twin_addr a = twin_addr(domain, families[f].addr, 777);
		uint8_t ask[20] = { 0, 0, 1, 2, 3, 4, 5, 6, 'h', 'e', 'l', 'l', 'o' };

		assert_same(twin_call(&t, send, ask, sizeof(ask), 0), "no peer");
		assert_same(twin_bind(&u, &a), "bind");
		assert_same(twin_bind(&u, &a), "bind again");
		twin_close(&u);
		u = twin_socket(domain, SOCK_DGRAM, proto);
		for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
			for (uint8_t code = 0; code < 2; code++) {
				ask[0] = types[i];
				ask[1] = code;
				assert_same(
					twin_call(&t, sendto, ask, sizeof(ask), 0, &a.sa, a.len),
					"type %u, code %u", types[i], code);
			}
		}
		ask[0] = domain == AF_INET ? ICMP_ECHO : ICMP6_ECHO_REQUEST;
		ask[1] = 0;
		for (size_t len = 0; len < 12; len++)
			assert_same(twin_call(&t, sendto, ask, len, 0, &a.sa, a.len), "%zu bytes",
				    len);
		twin_close(&t);
		/* A number of its own, so that replies are the same. */
		assert_same(twin_bind(&u, &a), "bind");
		assert_same(twin_call(&u, sendto, ask, sizeof(ask), 0, &a.sa, a.len), "ask");
		assert_same_message(&u, "the reply", 0, 100, 0);
		assert_same(twin_connect(&u, &a), "connect");
		assert_same(twin_call(&u, send, ask, sizeof(ask), 0), "ask");
		assert_same_message(&u, "the reply", MSG_PEEK, 10, 0);
		assert_same_message(&u, "the reply", MSG_OOB, 100, 0);
		assert_same_message(&u, "the reply", 0, 100, 0);
		t = twin_socket(domain, SOCK_DGRAM, proto);
		assert_same(twin_bind(&t, &a), "in use");
		assert_same(twin_setsockopt(&t, SOL_SOCKET, SO_REUSEADDR, 1), "reuse");
		assert_same(twin_bind(&t, &a), "in use still");
		assert_same(twin_call(&t, listen, 1), "listen");
		twin_close(&t);
		twin_close(&u);
	}
}

static void icmp_types_are_filtered(void **state)
{
	static const uint8_t ask[] = { ICMP6_ECHO_REQUEST, 0, 0, 0, 0x12, 0x34, 0, 1 };
	struct twin_addr a = twin_addr(AF_INET6, "::1", 0);
	struct twin t = twin_socket(AF_INET6, SOCK_RAW, IPPROTO_ICMPV6);
	struct icmp6_filter filter;

	(void)state;
	memset(&filter, 0xff, sizeof(filter)); /* ICMP6_FILTER_SETBLOCKALL */
	ICMP6_FILTER_SETPASS(ICMP6_ECHO_REPLY, &filter);
	assert_same(twin_call(&t, setsockopt, IPPROTO_ICMPV6, ICMP6_FILTER, &filter,
			      (socklen_t)sizeof(filter)),
		    "ICMP6_FILTER");
	assert_same(twin_call(&t, sendto, ask, sizeof(ask), 0, &a.sa, a.len), "ask");
	assert_same_message(&t, "the reply", 0, 100, 0);
	assert_same_message(&t, "not the request", 0, 100, 0);
	assert_same(twin_setsockopt(&t, SOL_RAW, IPV6_CHECKSUM, 2), "IPV6_CHECKSUM");
	assert_same(twin_setsockopt(&t, IPPROTO_IPV6, IPV6_CHECKSUM, 2), "IPV6_CHECKSUM");
	twin_close(&t);
	/* A checksum where we say, or nowhere. */
	t = twin_socket(AF_INET6, SOCK_RAW, 253);
	for (int at = -1; at < 12; at++) {
		struct both b;

		assert_same(twin_setsockopt(&t, SOL_RAW, IPV6_CHECKSUM, at), "at %d", at);
		b = twin_call(&t, sendto, ask, sizeof(ask), 0, &a.sa, a.len);
		assert_same(b, "checksum at %d", at);
		if (b.ours >= 0)
			assert_same_message(&t, "with a checksum", 0, 100, 0);
	}
	twin_close(&t);
}

static void a_header_of_ones_own(void **state)
{
	struct twin t = twin_socket(AF_INET, SOCK_RAW, IPPROTO_RAW);
	struct twin in = twin_socket(AF_INET, SOCK_RAW, 253);
	struct twin_addr a = twin_addr(AF_INET, "127.0.0.1", 0);
	uint8_t p[40] = { 0x45, 0, 0, 0, 0x12, 0x34, 0, 0, 64, 253 };
	static struct got x, y;

	(void)state;
	p[16] = 127;
	p[19] = 1;
	memset(p + 20, 'x', 20);
	for (size_t len = 0; len <= sizeof(p); len += 4) {
		struct both b = twin_call(&t, sendto, p, len, 0, &a.sa, a.len);

		assert_same(b, "%zu bytes", len);
		if (b.ours < 0)
			continue;
		recv_both(&in, 0, 200, 0, &x, &y);
		assert_same(((struct both){ x.r, y.r }), "got of %zu", len);
		assert_memory_equal(x.data, y.data, 64);
	}
	p[0] = 0x4f; /* options beyond the end */
	assert_same(twin_call(&t, sendto, p, 24, 0, &a.sa, a.len), "too long a header");
	twin_close(&t);
	twin_close(&in);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, twin_setup, twin_teardown)
	const struct CMUnitTest tests[] = {
		TEST(datagrams_come_whole_or_cut),
		TEST(ancillary_data_are_those_of_linux),
		TEST(what_sendmsg_says_is_done_or_refused_as_on_linux),
		TEST(a_broken_control_message_is_refused),
		TEST(errors_are_queued_as_on_linux),
		TEST(errors_come_with_ancillary_data_as_on_linux),
		TEST(errors_of_our_own_are_queued_as_on_linux),
		TEST(what_is_left_of_a_stream_is_told_as_on_linux),
		TEST(corked_datagrams_are_one),
		TEST(one_send_of_many_datagrams),
		TEST(raw_and_ping_sockets_see_what_linux_shows),
		TEST(ping_sockets_are_those_of_linux),
		TEST(icmp_types_are_filtered),
		TEST(a_header_of_ones_own),
	};

	return cmocka_run_group_tests(tests, twin_namespace, NULL);
}
