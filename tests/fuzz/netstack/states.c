/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * states.c - sockets of every kind, TCP in all of its states
 *
 * States are reached as they are on a network: by calls and segments.  TCP_INFO has to agree.
 */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>

#include "tests/fuzz/netstack/scene.h"

static socklen_t address(bool ip6, struct ip6_addr addr, uint16_t port,
			 struct sockaddr_storage *ret)
{
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)(void *)ret;
	struct sockaddr_in *in4 = (struct sockaddr_in *)(void *)ret;

	memset(ret, 0, sizeof(*ret));
	if (ip6) {
		in6->sin6_family = AF_INET6;
		in6->sin6_port = htons(port);
		ip6_addr_put(in6->sin6_addr.s6_addr, addr);
		return sizeof(*in6);
	}
	in4->sin_family = AF_INET;
	in4->sin_port = htons(port);
	in4->sin_addr.s_addr = htonl((uint32_t)addr.lo);
	return sizeof(*in4);
}

static int set_int(struct scene *s, int fd, int level, int name, int value)
{
	return ns_setsockopt(s->st, fd, level, name, &value, sizeof(value));
}

/* --- opening --- */

static int listen_on(struct scene *s, bool ip6, uint16_t port, int backlog)
{
	struct sockaddr_storage addr;
	const socklen_t len = address(ip6, IP6_UNSPECIFIED, port, &addr);
	const int fd = ns_socket(s->st, addr.ss_family, SOCK_STREAM | SOCK_NONBLOCK, 0);

	MUST(fd >= 0);
	if (ip6)
		MUST(set_int(s, fd, IPPROTO_IPV6, IPV6_V6ONLY, 1) == 0);
	if (s->options & SCENE_DEFER)
		MUST(set_int(s, fd, IPPROTO_TCP, TCP_DEFER_ACCEPT, 3) == 0);
	MUST(ns_bind(s->st, fd, (struct sockaddr *)&addr, len) == 0);
	MUST(ns_listen(s->st, fd, backlog) == 0);
	return fd;
}

struct peer_conn *states_open_passive(struct scene *s, bool ip6, uint16_t port)
{
	struct peer_conn *c = peer_new(s, ip6, port);

	if (!c)
		return NULL;
	peer_says(s, c, TCP_SYN, 0);
	peer_says(s, c, TCP_ACK, 0);
	/* Otherwise nobody would be told of it. */
	if (s->options & SCENE_DEFER)
		peer_says(s, c, TCP_ACK | TCP_PSH, 1);
	return c;
}

struct peer_conn *states_accept(struct scene *s, unsigned int listener)
{
	struct sockaddr_storage addr;
	socklen_t len = sizeof(addr);
	const int fd = ns_accept4(s->st, s->listener[listener], (struct sockaddr *)&addr, &len,
				  SOCK_NONBLOCK);
	struct peer_conn *c;
	uint16_t port;

	if (fd < 0)
		return NULL;
	port = addr.ss_family == AF_INET6 ? ntohs(((struct sockaddr_in6 *)(void *)&addr)->sin6_port)
					  : ntohs(((struct sockaddr_in *)(void *)&addr)->sin_port);
	if (port < PEER_PORT || port >= PEER_PORT + s->n_conns ||
	    s->conn[port - PEER_PORT].fd >= 0) {
		/* of a frame that came from elsewhere, or the second one of this number */
		MUST(ns_close(s->st, fd) == 0);
		return NULL;
	}
	c = &s->conn[port - PEER_PORT];
	c->fd = fd;
	return c;
}

struct peer_conn *states_call(struct scene *s, bool ip6)
{
	struct peer_conn *c = peer_new(s, ip6, 0);
	struct sockaddr_storage addr;
	socklen_t len;
	int r;

	if (!c)
		return NULL;
	len = address(ip6, ip6 ? SCENE_PEER6(0) : ip6_addr_of_ip4(SCENE_PEER4(0)), c->rport, &addr);
	c->fd = ns_socket(s->st, addr.ss_family, SOCK_STREAM | SOCK_NONBLOCK, 0);
	if (c->fd < 0)
		return c;
	r = ns_connect(s->st, c->fd, (struct sockaddr *)&addr, len);
	MUST(r == -EINPROGRESS || s->rough);
	scene_turn(s);
	return c;
}

ssize_t states_write(struct scene *s, struct peer_conn *c, uint32_t len, int flags)
{
	static uint8_t data[16384]; /* one thread */
	ssize_t n;

	MUST(len <= sizeof(data));
	peer_fill(c, true, c->written, data, len);
	n = ns_send(s->st, c->fd, data, len, flags | MSG_NOSIGNAL | MSG_DONTWAIT);
	MUST(n <= (ssize_t)len);
	if (n > 0)
		c->written += (uint32_t)n;
	return n;
}

/* --- TCP --- */

static void must_be(const struct scene *s, const struct peer_conn *c, int state)
{
	struct tcp_info info;
	socklen_t len = sizeof(info);

	MUST(c->fd >= 0);
	MUST(ns_getsockopt(s->st, c->fd, IPPROTO_TCP, TCP_INFO, &info, &len) == 0);
	MUST(info.tcpi_state == state);
}

static struct peer_conn *established(struct scene *s, bool ip6)
{
	struct peer_conn *c = states_open_passive(s, ip6, STATES_PORT);

	MUST(states_accept(s, ip6) == c);
	must_be(s, c, TCP_ESTABLISHED);
	return c;
}

static struct peer_conn *established_active(struct scene *s, bool ip6)
{
	struct peer_conn *c = states_call(s, ip6);

	must_be(s, c, TCP_SYN_SENT);
	peer_says(s, c, TCP_SYN | TCP_ACK, 0);
	must_be(s, c, TCP_ESTABLISHED);
	return c;
}

static void shut(struct scene *s, struct peer_conn *c)
{
	MUST(ns_shutdown(s->st, c->fd, SHUT_WR) == 0);
	scene_turn(s);
}

static void make_opening(struct scene *s)
{
	struct peer_conn *c = states_call(s, false);

	must_be(s, c, TCP_SYN_SENT);
	c = states_call(s, true);
	peer_says(s, c, TCP_SYN, 0);
	must_be(s, c, TCP_SYN_RECV);

	c = peer_new(s, false, STATES_PORT);
	MUST(c->i == ROLE_SYN_RCVD_RECORD);
	peer_says(s, c, TCP_SYN, 0);
	MUST(c->heard);

	c = states_open_passive(s, false, STATES_TIGHT);
	MUST(c->i == ROLE_ACCEPT_QUEUE);
}

static void make_open(struct scene *s)
{
	struct peer_conn *c = established(s, false);

	MUST(c->i == ROLE_ESTABLISHED);
	c = established_active(s, true);
	MUST(c->i == ROLE_ESTABLISHED6);

	c = established(s, false);
	MUST(states_write(s, c, 6000, 0) > 0);
	scene_turn(s);
	MUST(c->i == ROLE_SENDING);

	c = established(s, true);
	for (unsigned int i = 0; i < 3; i++) {
		c->nxt = seq_add(c->nxt, 50);
		peer_says(s, c, TCP_ACK, 100);
	}
	c->nxt = seq_sub(c->nxt, 450);
	MUST(c->i == ROLE_DISORDER);

	c = established_active(s, false);
	peer_sends(s, c, &(struct peer_seg){ .seq = c->nxt, .ack = c->snd_nxt, .flags = TCP_ACK },
		   &(struct scene_shape){ .link = 0 });
	MUST(states_write(s, c, 6000, 0) > 0);
	scene_turn(s);
	MUST(c->i == ROLE_FULL);
}

/* What a FIN changes.  The peer's data is not there where it was let wait (SCENE_DEFER). */
static void make_closing(struct scene *s)
{
	struct peer_conn *c = established(s, false);

	shut(s, c);
	must_be(s, c, TCP_FIN_WAIT1);
	MUST(c->i == ROLE_FIN_WAIT1);

	c = established_active(s, true);
	shut(s, c);
	peer_says(s, c, TCP_ACK, 0);
	must_be(s, c, TCP_FIN_WAIT2);

	c = established(s, true);
	shut(s, c);
	peer_says(s, c, TCP_FIN | TCP_ACK | PEER_DEAF, 0);
	must_be(s, c, TCP_CLOSING);

	c = established(s, false);
	shut(s, c);
	peer_says(s, c, TCP_FIN | TCP_ACK, 0);
	MUST(c->i == ROLE_TIME_WAIT);

	c = established_active(s, false);
	peer_says(s, c, TCP_FIN | TCP_ACK, 0);
	must_be(s, c, TCP_CLOSE_WAIT);

	c = established(s, true);
	peer_says(s, c, TCP_FIN | TCP_ACK, 0);
	shut(s, c);
	must_be(s, c, TCP_LAST_ACK);
}

/* --- the others --- */

static int datagram_socket(struct scene *s, int domain, int type, int protocol, uint16_t port)
{
	struct sockaddr_storage addr;
	const socklen_t len = address(domain == AF_INET6, IP6_UNSPECIFIED, port, &addr);
	const int fd = ns_socket(s->st, domain, type | SOCK_NONBLOCK, protocol);

	MUST(fd >= 0);
	MUST(s->n_dgrams < sizeof(s->dgram) / sizeof(s->dgram[0]));
	if (type == SOCK_DGRAM)
		MUST(ns_bind(s->st, fd, (struct sockaddr *)&addr, len) == 0);
	MUST(set_int(s, fd, domain == AF_INET6 ? IPPROTO_IPV6 : IPPROTO_IP,
		     domain == AF_INET6 ? IPV6_RECVERR : IP_RECVERR, 1) == 0);
	s->dgram[s->n_dgrams++] = fd;
	return fd;
}

static void make_datagram_sockets(struct scene *s)
{
	const struct ip_mreqn group4 = {
		.imr_multiaddr.s_addr = htonl(SCENE_GROUP4),
		.imr_ifindex = (int)s->link[0].ifindex,
	};
	struct ipv6_mreq group6 = { .ipv6mr_interface = s->link[0].ifindex };
	int fd = datagram_socket(s, AF_INET, SOCK_DGRAM, 0, 5000);

	ip6_addr_put(group6.ipv6mr_multiaddr.s6_addr, SCENE_GROUP6);
	MUST(ns_setsockopt(s->st, fd, IPPROTO_IP, IP_ADD_MEMBERSHIP, &group4, sizeof(group4)) == 0);
	MUST(set_int(s, fd, IPPROTO_IP, IP_PKTINFO, 1) == 0);
	fd = datagram_socket(s, AF_INET6, SOCK_DGRAM, 0, 5001);
	MUST(ns_setsockopt(s->st, fd, IPPROTO_IPV6, IPV6_ADD_MEMBERSHIP, &group6, sizeof(group6)) ==
	     0);
	(void)datagram_socket(s, AF_INET, SOCK_RAW, IPPROTO_ICMP, 0);
	(void)datagram_socket(s, AF_INET6, SOCK_RAW, IPPROTO_ICMPV6, 0);
	(void)datagram_socket(s, AF_INET, SOCK_RAW, 253, 0); /* for experiments: RFC 3692 */
	(void)datagram_socket(s, AF_INET, SOCK_DGRAM, IPPROTO_ICMP, 77);
	(void)datagram_socket(s, AF_INET6, SOCK_DGRAM, IPPROTO_ICMPV6, 78);
}

void states_make(struct scene *s)
{
	s->listener[0] = listen_on(s, false, STATES_PORT, 8);
	s->listener[1] = listen_on(s, true, STATES_PORT, 8);
	s->listener[2] = listen_on(s, false, STATES_TIGHT, 1);
	/* In state CLOSED, and nothing else ever. */
	s->listener[3] = ns_socket(s->st, AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	MUST(s->listener[3] >= 0);
	make_datagram_sockets(s);
	make_opening(s);
	make_open(s);
	make_closing(s);
	MUST(peer_new(s, false, STATES_PORT)->i == ROLE_LISTEN);
	MUST(peer_new(s, false, 9)->i == ROLE_CLOSED);
	scene_turn(s);
}
