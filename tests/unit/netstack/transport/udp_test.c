/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * UDP on a link: frames in, frames out.  What does not need one is compared with Linux in
 * tests/unit/netstack/socket.
 */
#include <netinet/udp.h>

#include "base/cleanup.h"
#include "tests/unit/netstack/twin.h"
#include "wire/l4.h"

static struct rig r;
static struct rig_pkt pkt;

#define ST (r.st)

static int setup(void **state)
{
	(void)state;
	rig_host(&r);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	rig_done(&r);
	return 0;
}

static int open_udp(int domain, const char *addr, uint16_t port)
{
	const int fd = ns_socket(ST, domain, SOCK_DGRAM | SOCK_NONBLOCK, 0);
	const struct twin_addr a = twin_addr(domain, addr, port);

	assert_true(fd >= 0);
	assert_int_equal(ns_bind(ST, fd, &a.sa, a.len), 0);
	return fd;
}

static void set_int(int fd, int level, int name, int v)
{
	assert_int_equal(ns_setsockopt(ST, fd, level, name, &v, sizeof(v)), 0);
}

static void assert_recv(int fd, ssize_t want)
{
	static uint8_t buf[65536];

	assert_int_equal(ns_recv(ST, fd, buf, sizeof(buf), 0), want);
	for (ssize_t i = 0; i < want; i++)
		assert_int_equal(buf[i], (uint8_t)i);
}

/* A datagram from the peer, port 4000, to port 5000 of @dst. */
static void datagram_in(struct ip6_addr dst, uint16_t len)
{
	rig_udp(&r, 0, &pkt, ip6_addr_is_mapped(dst) ? RIG_PEER4 : RIG_PEER6, dst, len);
	rig_in_pkt(&r, 0, &pkt);
}

static void both_families_come_to_one_socket(void **state)
{
	const int fd = open_udp(AF_INET6, "::", 5000);
	struct twin_addr from;
	char buf[16];

	(void)state;
	for (unsigned int i = 0; i < 2; i++) {
		char text[INET6_ADDRSTRLEN];

		datagram_in(i ? RIG_US6 : RIG_US4, 9);
		from.len = sizeof(from.in6);
		assert_int_equal(ns_recvfrom(ST, fd, buf, sizeof(buf), 0, &from.sa, &from.len), 9);
		assert_int_equal(ntohs(from.in6.sin6_port), 4000);
		assert_string_equal(inet_ntop(AF_INET6, &from.in6.sin6_addr, text, sizeof(text)),
				    i ? "2001:db8::2" : "::ffff:10.0.0.2");
	}
	assert_int_equal(ns_close(ST, fd), 0);
}

static void damaged_datagrams_are_dropped(void **state)
{
	const int fd = open_udp(AF_INET6, "::", 5000);
	uint8_t *udp4 = pkt.b + ETH_HDR_LEN + 20, *udp6 = pkt.b + ETH_HDR_LEN + 40;

	(void)state;
	rig_udp(&r, 0, &pkt, RIG_PEER4, RIG_US4, 20);
	udp4[UDP_HDR_LEN + 3] ^= 0x40;
	rig_in_pkt(&r, 0, &pkt);
	assert_int_equal(rig_drops(&r, DROP_UDP_CSUM), 1);
	/* No checksum: fine for IPv4, not for IPv6 unless asked for. */
	put_be16(udp4 + 6, 0);
	udp4[UDP_HDR_LEN + 3] ^= 0x40;
	rig_in_pkt(&r, 0, &pkt);
	assert_recv(fd, 20);
	rig_udp(&r, 0, &pkt, RIG_PEER6, RIG_US6, 20);
	put_be16(udp6 + 6, 0);
	rig_in_pkt(&r, 0, &pkt);
	assert_int_equal(rig_drops(&r, DROP_UDP_CSUM), 2);
	set_int(fd, IPPROTO_UDP, UDP_NO_CHECK6_RX, 1);
	rig_in_pkt(&r, 0, &pkt);
	assert_recv(fd, 20);
	/* Lengths that lie. */
	for (uint16_t len = 0; len < 64; len++) {
		rig_udp(&r, 0, &pkt, RIG_PEER4, RIG_US4, 20);
		put_be16(udp4 + 4, len);
		put_be16(udp4 + 6, 0);
		rig_in_pkt(&r, 0, &pkt);
		if (len >= 8 && len <= 28)
			assert_recv(fd, len - 8);
		else
			assert_recv(fd, -EAGAIN);
	}
	assert_int_equal(rig_drops(&r, DROP_UDP_SHORT), 64 - 21);
	assert_int_equal(ns_close(ST, fd), 0);
}

static void a_port_nobody_has_is_unreachable(void **state)
{
	(void)state;
	datagram_in(RIG_US4, 9);
	datagram_in(RIG_US6, 9);
	assert_int_equal(rig_drops(&r, DROP_NO_SOCKET), 2);
	assert_int_equal(r.link[0].n, 2);
	assert_int_equal(rig_sent_ip(&r, 0, 0, true)[20], ICMP4_TYPE_UNREACHABLE);
	assert_int_equal(rig_sent_ip(&r, 0, 0, true)[21], 3);
	assert_int_equal(rig_sent_ip(&r, 0, 1, false)[40], ICMP6_TYPE_UNREACHABLE);
	assert_int_equal(rig_sent_ip(&r, 0, 1, false)[41], 4);
}

static void the_receive_buffer_has_its_limit(void **state)
{
	const int fd = open_udp(AF_INET, "0.0.0.0", 5000);
	unsigned int got = 0;
	char buf[2000];
	int inq;

	(void)state;
	set_int(fd, SOL_SOCKET, SO_RCVBUF, 20000);
	for (unsigned int i = 0; i < 100; i++)
		datagram_in(RIG_US4, 1000);
	assert_int_equal(ns_ioctl(ST, fd, FIONREAD, &inq), 0);
	assert_int_equal(inq, 1000);
	while (ns_recv(ST, fd, buf, sizeof(buf), 0) == 1000)
		got++;
	assert_in_range(got, 10, 40);
	assert_int_equal(rig_drops(&r, DROP_RCVBUF_FULL), 100 - got);
	/* What was read makes room. */
	datagram_in(RIG_US4, 1000);
	assert_recv(fd, 1000);
	datagram_in(RIG_US4, 100);
	assert_int_equal(ns_close(ST, fd), 0);
	assert_int_equal(rig_drops(&r, DROP_SOCKET_CLOSED), 1);
}

static void what_is_written_waits_for_the_turn(void **state)
{
	const struct twin_addr to = twin_addr(AF_INET, "10.0.0.2", 9);
	const int fd = open_udp(AF_INET, "0.0.0.0", 5000), set = ns_epoll_create(ST);
	struct epoll_event ev = { .events = EPOLLOUT | EPOLLET };
	static char data[1400];
	unsigned int n = 0;
	int outq;

	(void)state;
	assert_int_equal(ns_epoll_ctl(ST, set, EPOLL_CTL_ADD, fd, &ev), 0);
	assert_int_equal(ns_epoll_wait(ST, set, &ev, 1, 0), 1);
	set_int(fd, SOL_SOCKET, SO_SNDBUF, 20000);
	assert_int_equal(ns_epoll_wait(ST, set, &ev, 1, 0), 1);
	while (ns_sendto(ST, fd, data, sizeof(data), 0, &to.sa, to.len) == sizeof(data))
		n++;
	assert_int_equal(ns_sendto(ST, fd, data, 1, 0, &to.sa, to.len), -EAGAIN);
	assert_in_range(n, 10, 40);
	assert_int_equal(ns_ioctl(ST, fd, TIOCOUTQ, &outq), 0);
	assert_true(outq >= 40000);
	assert_int_equal(ns_epoll_wait(ST, set, &ev, 1, 0), 0);
	netstack_advance(ST, r.now);
	assert_int_equal(r.link[0].n, n);
	assert_int_equal(ns_ioctl(ST, fd, TIOCOUTQ, &outq), 0);
	assert_int_equal(outq, 0);
	assert_int_equal(ns_epoll_wait(ST, set, &ev, 1, 0), 1);
	assert_int_equal(ns_sendto(ST, fd, data, 1, 0, &to.sa, to.len), 1);
	assert_int_equal(ns_close(ST, fd), 0); /* with something on its way */
	assert_int_equal(ns_close(ST, set), 0);
}

/* The header, its checksum, and what is said about fragments. */
static void datagrams_leave_as_they_should(void **state)
{
	static const struct {
		int pmtudisc;
		uint16_t len;
		int64_t r;
		unsigned int frames;
		bool dont_frag;
	} rows[] = {
		{ IP_PMTUDISC_WANT, 100, 100, 1, true },
		{ IP_PMTUDISC_WANT, 1472, 1472, 1, true },
		{ IP_PMTUDISC_WANT, 1473, 1473, 2, false },
		{ IP_PMTUDISC_DO, 1472, 1472, 1, true },
		{ IP_PMTUDISC_DO, 1473, -EMSGSIZE, 0, false },
		{ IP_PMTUDISC_PROBE, 1472, 1472, 1, true },
		{ IP_PMTUDISC_DONT, 100, 100, 1, false },
		{ IP_PMTUDISC_DONT, 3000, 3000, 3, false },
	};
	const struct twin_addr to = twin_addr(AF_INET, "10.0.0.2", 9);
	const int fd = open_udp(AF_INET, "0.0.0.0", 5000);
	static char data[4000];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct ipv4_repr ip;

		rig_forget(&r);
		set_int(fd, IPPROTO_IP, IP_MTU_DISCOVER, rows[i].pmtudisc);
		assert_int_equal(ns_sendto(ST, fd, data, rows[i].len, 0, &to.sa, to.len),
				 rows[i].r);
		netstack_advance(ST, r.now);
		assert_int_equal(r.link[0].n, rows[i].frames);
		if (!r.link[0].n)
			continue;
		ip = rig_sent4(&r, 0, 0);
		assert_int_equal(ip.dont_frag, rows[i].dont_frag);
		assert_int_equal(ip.ttl, 64);
		if (r.link[0].n == 1) {
			const uint8_t *udp = rig_sent_ip(&r, 0, 0, true) + 20;

			assert_int_equal(get_be16(udp), 5000);
			assert_int_equal(get_be16(udp + 2), 9);
			assert_int_equal(get_be16(udp + 4), rows[i].len + 8);
			assert_true(udp_csum_ok(
				udp, rows[i].len + 8U,
				csum_pseudo4(ip.src, ip.dst, IP_PROTO_UDP, rows[i].len + 8U)));
		}
	}
	assert_int_equal(ns_close(ST, fd), 0);
}

/* IPV6_MTU: fragments are not longer, whatever the path takes. */
static void fragments_are_as_short_as_asked_for(void **state)
{
	static const struct {
		int mtu;
		int pmtudisc;
		uint16_t len;
		int64_t r;
		unsigned int frames;
	} rows[] = {
		{ 0, IPV6_PMTUDISC_WANT, 1452, 1452, 1 },
		{ 0, IPV6_PMTUDISC_WANT, 1453, 1453, 2 },
		{ 1280, IPV6_PMTUDISC_WANT, 1232, 1232, 1 },
		{ 1280, IPV6_PMTUDISC_WANT, 1233, 1233, 2 },
		{ 1280, IPV6_PMTUDISC_WANT, 3000, 3000, 3 },
		{ 1280, IPV6_PMTUDISC_DO, 1232, 1232, 1 },
		{ 1280, IPV6_PMTUDISC_DO, 1233, -EMSGSIZE, 0 },
		{ 1280, IPV6_PMTUDISC_PROBE, 1233, -EMSGSIZE, 0 },
		{ 65536, IPV6_PMTUDISC_WANT, 1452, 1452, 1 },
		{ 65536, IPV6_PMTUDISC_WANT, 1453, 1453, 2 },
	};
	const struct twin_addr to = twin_addr(AF_INET6, "2001:db8::2", 9);
	const int fd = open_udp(AF_INET6, "::", 5000);
	static char data[4000];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		rig_forget(&r);
		set_int(fd, IPPROTO_IPV6, IPV6_MTU_DISCOVER, rows[i].pmtudisc);
		set_int(fd, IPPROTO_IPV6, IPV6_MTU, rows[i].mtu);
		assert_int_equal(ns_sendto(ST, fd, data, rows[i].len, 0, &to.sa, to.len),
				 rows[i].r);
		netstack_advance(ST, r.now);
		assert_int_equal(r.link[0].n, rows[i].frames);
		for (unsigned int k = 0; k < r.link[0].n; k++)
			assert_true(r.link[0].frame[k].len <=
				    ETH_HDR_LEN + (rows[i].mtu == 1280 ? 1280U : 1500U));
	}
	assert_int_equal(ns_close(ST, fd), 0);
}

/* SO_DONTROUTE, MSG_DONTROUTE: to neighbours only. */
static void what_must_not_be_routed_is_not(void **state)
{
	const struct twin_addr near = twin_addr(AF_INET, "10.0.0.2", 9);
	const struct twin_addr far = twin_addr(AF_INET, "192.0.2.1", 9);
	const struct route_conf route = {
		.dst = ip6_addr_of_ip4(0),
		.is_ip4 = true,
		.type = ROUTE_UNICAST,
		.ifindex = r.link[0].ifindex,
		.has_gateway = true,
		.gateway = RIG_PEER4,
	};
	const int fd = open_udp(AF_INET, "0.0.0.0", 5000);

	(void)state;
	assert_int_equal(netstack_route_add(ST, &route), 0);
	assert_int_equal(ns_sendto(ST, fd, "x", 1, 0, &far.sa, far.len), 1);
	assert_int_equal(ns_sendto(ST, fd, "x", 1, MSG_DONTROUTE, &far.sa, far.len), -ENETUNREACH);
	assert_int_equal(ns_sendto(ST, fd, "x", 1, MSG_DONTROUTE, &near.sa, near.len), 1);
	assert_int_equal(ns_sendto(ST, fd, "x", 1, 0, &far.sa, far.len), 1);
	set_int(fd, SOL_SOCKET, SO_DONTROUTE, 1);
	assert_int_equal(ns_sendto(ST, fd, "x", 1, 0, &far.sa, far.len), -ENETUNREACH);
	assert_int_equal(ns_connect(ST, fd, &far.sa, far.len), -ENETUNREACH);
	assert_int_equal(ns_sendto(ST, fd, "x", 1, 0, &near.sa, near.len), 1);
	set_int(fd, SOL_SOCKET, SO_DONTROUTE, 0);
	assert_int_equal(ns_sendto(ST, fd, "x", 1, 0, &far.sa, far.len), 1);
	netstack_advance(ST, r.now);
	assert_int_equal(r.link[0].n, 5);
	assert_int_equal(ns_close(ST, fd), 0);
}

static void broadcast_needs_permission_and_reaches_all(void **state)
{
	const struct twin_addr to = twin_addr(AF_INET, "10.0.0.255", 9);
	const int a = ns_socket(ST, AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
	const int b = ns_socket(ST, AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
	const struct twin_addr any = twin_addr(AF_INET, "0.0.0.0", 5000);

	(void)state;
	set_int(a, SOL_SOCKET, SO_REUSEADDR, 1);
	set_int(b, SOL_SOCKET, SO_REUSEADDR, 1);
	assert_int_equal(ns_bind(ST, a, &any.sa, any.len), 0);
	assert_int_equal(ns_bind(ST, b, &any.sa, any.len), 0);
	assert_int_equal(ns_sendto(ST, a, "x", 1, 0, &to.sa, to.len), -EACCES);
	set_int(a, SOL_SOCKET, SO_BROADCAST, 1);
	assert_int_equal(ns_sendto(ST, a, "x", 1, 0, &to.sa, to.len), 1);

	rig_udp(&r, 0, &pkt, RIG_PEER4, rig_ip4(10, 0, 0, 255), 30);
	memset(pkt.b, 0xff, 6);
	rig_in_pkt(&r, 0, &pkt);
	assert_recv(a, 30);
	assert_recv(b, 30);
	/* One datagram to us comes to one: to the one that was bound last. */
	datagram_in(RIG_US4, 12);
	assert_recv(a, -EAGAIN);
	assert_recv(b, 12);
	assert_int_equal(ns_close(ST, a), 0);
	assert_int_equal(ns_close(ST, b), 0);
}

static void a_connected_socket_hears_its_peer_only(void **state)
{
	const struct twin_addr peer = twin_addr(AF_INET, "10.0.0.2", 4000);
	const int fd = open_udp(AF_INET, "0.0.0.0", 5000);
	struct sockaddr unspec = { .sa_family = AF_UNSPEC };
	struct twin_addr name;

	(void)state;
	rig_neigh_add(&r, 0, rig_ip4(10, 0, 0, 3));
	assert_int_equal(ns_connect(ST, fd, &peer.sa, peer.len), 0);
	name.len = sizeof(name.in);
	assert_int_equal(ns_getsockname(ST, fd, &name.sa, &name.len), 0);
	assert_int_equal(name.in.sin_addr.s_addr, htonl(0x0a000001));
	datagram_in(RIG_US4, 9);
	assert_recv(fd, 9);
	rig_udp(&r, 0, &pkt, rig_ip4(10, 0, 0, 3), RIG_US4, 9);
	rig_in_pkt(&r, 0, &pkt);
	assert_recv(fd, -EAGAIN);
	assert_int_equal(rig_drops(&r, DROP_NO_SOCKET), 1);
	assert_int_equal(ns_connect(ST, fd, &unspec, sizeof(unspec)), 0);
	rig_in_pkt(&r, 0, &pkt);
	assert_recv(fd, 9);
	assert_int_equal(ns_close(ST, fd), 0);
}

/* An ICMP error about a datagram that a socket sent. */
static void error_in(uint8_t type, uint8_t code, uint32_t rest)
{
	uint8_t *icmp;
	const uint16_t len = 8 + 20 + 8 + 4;

	rig_eth(&r, 0, &pkt, ETH_TYPE_IPV4);
	rig_ip(&pkt, rig_ip4(10, 0, 0, 254), RIG_US4, IP_PROTO_ICMP, 64, len);
	icmp = pkt.b + pkt.len;
	memset(icmp, 0, len);
	icmp[0] = type;
	icmp[1] = code;
	put_be32(icmp + 4, rest);
	assert_int_equal(ipv4_emit(icmp + 8, 20,
				   &(struct ipv4_repr){ .src = IP4_ADDR(10, 0, 0, 1),
							.dst = IP4_ADDR(10, 0, 0, 2),
							.payload_len = 2000,
							.ttl = 60,
							.proto = IP_PROTO_UDP }),
			 20);
	put_be16(icmp + 28, 5000);
	put_be16(icmp + 30, 4000);
	put_be16(icmp + 32, 2000);
	memcpy(icmp + 36, "data", 4);
	put_be16(icmp + 2, csum_finish(csum_bytes(icmp, len)));
	pkt.len += len;
	rig_in_pkt(&r, 0, &pkt);
}

static int so_error(int fd)
{
	socklen_t len = sizeof(int);
	int v;

	assert_int_equal(ns_getsockopt(ST, fd, SOL_SOCKET, SO_ERROR, &v, &len), 0);
	return v;
}

static void icmp_errors_reach_who_wants_them(void **state)
{
	const struct twin_addr peer = twin_addr(AF_INET, "10.0.0.2", 4000);
	const int fd = open_udp(AF_INET, "10.0.0.1", 5000);
	socklen_t len = sizeof(int);
	int mtu;

	(void)state;
	/* Not connected: nobody knows whose it is. */
	error_in(ICMP4_TYPE_UNREACHABLE, 3, 0);
	assert_int_equal(so_error(fd), 0);
	assert_int_equal(ns_connect(ST, fd, &peer.sa, peer.len), 0);
	error_in(ICMP4_TYPE_UNREACHABLE, 3, 0);
	assert_int_equal(so_error(fd), ECONNREFUSED);
	/* A host may come back, and a hop may be slow. */
	error_in(ICMP4_TYPE_UNREACHABLE, 1, 0);
	error_in(ICMP4_TYPE_TIME_EXCEEDED, 0, 0);
	assert_int_equal(so_error(fd), 0);
	set_int(fd, IPPROTO_IP, IP_RECVERR, 1);
	error_in(ICMP4_TYPE_UNREACHABLE, 1, 0);
	assert_int_equal(so_error(fd), EHOSTUNREACH);
	set_int(fd, IPPROTO_IP, IP_RECVERR, 0);
	/* The path is narrower. */
	error_in(ICMP4_TYPE_UNREACHABLE, 4, 1280);
	assert_int_equal(so_error(fd), EMSGSIZE);
	assert_int_equal(ns_getsockopt(ST, fd, IPPROTO_IP, IP_MTU, &mtu, &len), 0);
	assert_int_equal(mtu, 1280);
	assert_int_equal(ns_close(ST, fd), 0);
}

/* Several datagrams that came, or are sent, as one packet. */
static void packets_of_many_datagrams(void **state)
{
	const int fd = open_udp(AF_INET, "0.0.0.0", 5000);
	_Alignas(8) char control[64];
	char buf[2000];
	struct iovec iov = { buf, sizeof(buf) };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1 };
	int size;

	(void)state;
	for (int gro = 0; gro < 2; gro++) {
		struct pbuf *pb;

		set_int(fd, IPPROTO_UDP, 104 /* UDP_GRO */, gro);
		rig_udp(&r, 0, &pkt, RIG_PEER4, RIG_US4, 1000);
		pb = rig_pbuf(&r, pkt.b, pkt.len);
		pb->csum = PBUF_CSUM_PARTIAL;
		pb->csum_offset = 6;
		pb->l4 = (uint16_t)(pbuf_headroom(pb) + 34);
		pb->gso = PBUF_GSO_UDP;
		pb->gso_size = 300;
		rig_in_pbuf(&r, 0, pb);
		m.msg_control = control;
		m.msg_controllen = sizeof(control);
		assert_int_equal(ns_recvmsg(ST, fd, &m, 0), gro ? 1000 : 300);
		assert_int_equal(m.msg_controllen, gro ? CMSG_SPACE(sizeof(int)) : 0);
		if (gro) {
			memcpy(&size, CMSG_DATA((struct cmsghdr *)(void *)control), sizeof(size));
			assert_int_equal(size, 300);
		}
		for (int i = gro ? 4 : 1; i < 4; i++)
			assert_int_equal(ns_recv(ST, fd, buf, sizeof(buf), 0), i < 3 ? 300 : 100);
		assert_int_equal(ns_recv(ST, fd, buf, sizeof(buf), 0), -EAGAIN);
	}
	assert_int_equal(ns_close(ST, fd), 0);
}

static void a_way_that_has_changed_is_found_anew(void **state)
{
	const struct twin_addr to = twin_addr(AF_INET, "10.0.0.2", 9);
	const int fd = open_udp(AF_INET, "0.0.0.0", 5000);
	const struct net_addr_conf conf = {
		.ifindex = r.link[0].ifindex,
		.addr = RIG_US4,
		.prefix_len = 24,
	};

	(void)state;
	assert_int_equal(ns_sendto(ST, fd, "x", 1, 0, &to.sa, to.len), 1);
	rig_addr_add(&r, 0, rig_ip4(10, 0, 0, 7), 24);
	assert_int_equal(netstack_addr_del(ST, &conf), 0);
	assert_int_equal(ns_sendto(ST, fd, "x", 1, 0, &to.sa, to.len), 1);
	netstack_advance(ST, r.now);
	assert_int_equal(rig_sent4(&r, 0, 1).src, IP4_ADDR(10, 0, 0, 7));
	assert_int_equal(netstack_link_set_up(ST, r.link[0].ifindex, false), 0);
	assert_int_equal(ns_sendto(ST, fd, "x", 1, 0, &to.sa, to.len), -ENETUNREACH);
	assert_int_equal(ns_close(ST, fd), 0);
}

/* Without memory for packets: an error, and all is as it was. */
static void without_memory_nothing_is_sent(void **state)
{
	const struct twin_addr to = twin_addr(AF_INET, "10.0.0.2", 9);
	const int fd = open_udp(AF_INET, "0.0.0.0", 5000);
	static char data[1400];
	struct netstack_memory m;

	(void)state;
	netstack_memory(ST, &m);
	pbuf_pool_set_limit(netstack_pool(ST), m.packet_bytes);
	assert_int_equal(ns_sendto(ST, fd, data, sizeof(data), 0, &to.sa, to.len), -ENOBUFS);
	assert_int_equal(ns_sendto(ST, fd, data, 10, 0, &to.sa, to.len), -ENOBUFS);
	assert_int_equal(ns_sendto(ST, fd, data, 10, MSG_MORE, &to.sa, to.len), -ENOBUFS);
	pbuf_pool_set_limit(netstack_pool(ST), UINT64_MAX);
	assert_int_equal(ns_sendto(ST, fd, data, sizeof(data), 0, &to.sa, to.len), sizeof(data));
	assert_int_equal(ns_close(ST, fd), 0);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(both_families_come_to_one_socket),
		TEST(damaged_datagrams_are_dropped),
		TEST(a_port_nobody_has_is_unreachable),
		TEST(the_receive_buffer_has_its_limit),
		TEST(what_is_written_waits_for_the_turn),
		TEST(datagrams_leave_as_they_should),
		TEST(fragments_are_as_short_as_asked_for),
		TEST(what_must_not_be_routed_is_not),
		TEST(broadcast_needs_permission_and_reaches_all),
		TEST(a_connected_socket_hears_its_peer_only),
		TEST(icmp_errors_reach_who_wants_them),
		TEST(packets_of_many_datagrams),
		TEST(a_way_that_has_changed_is_found_anew),
		TEST(without_memory_nothing_is_sent),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
