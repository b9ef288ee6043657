/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * scenes_udp.c - datagrams, and what ICMP says about them
 */
#include <errno.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <netinet/ip_icmp.h>
#include <stdio.h>
#include <string.h>

#include <linux/errqueue.h>

#include "tests/stack/peer.h"

#define DATAGRAM_MAX 65507

static int connected(const struct ask *ask, int type, int protocol)
{
	int fd = patient_socket(ask->api, ask->addr.ss_family, type, protocol), r = fd;

	if (fd >= 0)
		r = ask->api->connect(fd, (const struct sockaddr *)&ask->addr, ask->len);
	if (r >= 0)
		return fd;
	(void)scene_fail("no socket: %s", strerror(-r));
	if (fd >= 0)
		(void)ask->api->close(fd);
	return r;
}

static int done(const struct ask *ask, int fd, int status)
{
	(void)ask->api->close(fd);
	return status;
}

/* Sizes of one packet, and of two, and as many fragments as there can be. */
static int udp_ask(const struct ask *ask)
{
	static const size_t sizes[] = {
		0, 1, 512, 1452, 1472, 1473, 2960, 9000, 30001, DATAGRAM_MAX
	};
	static uint8_t data[DATAGRAM_MAX], answer[DATAGRAM_MAX + 1];
	const struct api *api = ask->api;
	int fd = connected(ask, SOCK_DGRAM, 0);

	if (fd < 0)
		return 1;
	for (unsigned int i = 0; i < 30; i++) {
		const size_t len = sizes[i % 10];
		ssize_t n;

		series_fill(data, i * UINT64_C(1000003), len);
		n = api->send(fd, data, len, 0);
		if (n != (ssize_t)len)
			return done(ask, fd, scene_fail("sending %zu bytes gives %zd", len, n));
		n = api->recv(fd, answer, sizeof(answer), 0);
		if (n != (ssize_t)len)
			return done(ask, fd, scene_fail("of %zu bytes came %zd", len, n));
		if (memcmp(data, answer, len) != 0)
			return done(ask, fd, scene_fail("other %zu bytes came back", len));
	}
	return done(ask, fd, 0);
}

static int udp_refused_ask(const struct ask *ask)
{
	int fd = connected(ask, SOCK_DGRAM, 0);
	ssize_t n;
	char c;

	if (fd < 0)
		return 1;
	n = ask->api->send(fd, "x", 1, 0);
	if (n == 1)
		n = ask->api->recv(fd, &c, 1, 0);
	return done(ask, fd, n == -ECONNREFUSED ? 0 : scene_fail("receiving gives %zd", n));
}

/* [BYTES]: an echo. */
static int ping_ask(const struct ask *ask)
{
	const bool is_ip6 = ask->addr.ss_family == AF_INET6;
	const uint64_t len = ask_number(ask, 0, 56);
	static uint8_t data[8 + DATAGRAM_MAX], answer[8 + DATAGRAM_MAX];
	struct icmphdr h = { .type = ICMP_ECHO, .un.echo.sequence = htons(7) };
	int fd = connected(ask, SOCK_DGRAM, is_ip6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP);
	ssize_t n;

	if (fd < 0)
		return 1;
	if (is_ip6)
		h.type = ICMP6_ECHO_REQUEST; /* the rest is the same */
	memcpy(data, &h, sizeof(h));
	series_fill(data + 8, 0, len);
	n = ask->api->send(fd, data, 8 + len, 0);
	if (n == (ssize_t)(8 + len))
		n = ask->api->recv(fd, answer, sizeof(answer), 0);
	if (n != (ssize_t)(8 + len) || memcmp(answer + 8, data + 8, len) != 0 ||
	    answer[0] != (is_ip6 ? ICMP6_ECHO_REPLY : ICMP_ECHOREPLY))
		return done(ask, fd, scene_fail("no answer: %zd", n));
	return done(ask, fd, 0);
}

/* --- traceroute: who says that the TTL is over --- */

/* The error that the socket has in its queue: type of ICMP and origin. */
static int read_error(const struct ask *ask, int fd, struct sock_extended_err *ret)
{
	struct pollfd p = { .fd = fd }; /* POLLERR always counts */
	_Alignas(struct cmsghdr) char control[512];
	char data[64];
	struct iovec iov = { .iov_base = data, .iov_len = sizeof(data) };
	struct msghdr msg = { .msg_iov = &iov,
			      .msg_iovlen = 1,
			      .msg_control = control,
			      .msg_controllen = sizeof(control) };
	const bool is_ip6 = ask->addr.ss_family == AF_INET6;
	ssize_t n;

	if (ask->api->poll(&p, 1, PATIENCE_S * 1000) != 1)
		return scene_fail("no error came");
	n = ask->api->recvmsg(fd, &msg, MSG_ERRQUEUE);
	if (n < 0)
		return scene_fail("no error in the queue: %s", strerror((int)-n));
	for (struct cmsghdr *c = CMSG_FIRSTHDR(&msg); c; c = CMSG_NXTHDR(&msg, c))
		if (c->cmsg_level == (is_ip6 ? IPPROTO_IPV6 : IPPROTO_IP) &&
		    c->cmsg_type == (is_ip6 ? IPV6_RECVERR : IP_RECVERR)) {
			memcpy(ret, CMSG_DATA(c), sizeof(*ret));
			return 0;
		}
	return scene_fail("no error with it");
}

/* HOPS: so many routers, then the peer, whose port is closed. */
static int trace_ask(const struct ask *ask)
{
	const bool is_ip6 = ask->addr.ss_family == AF_INET6;
	const uint64_t hops = ask_number(ask, 0, 1);
	const int on = 1;
	int fd = connected(ask, SOCK_DGRAM, 0), r;

	if (fd < 0)
		return 1;
	r = ask->api->setsockopt(fd, is_ip6 ? IPPROTO_IPV6 : IPPROTO_IP,
				 is_ip6 ? IPV6_RECVERR : IP_RECVERR, &on, sizeof(on));
	for (int ttl = 1; r == 0 && ttl <= (int)hops + 1; ttl++) {
		const bool last = ttl == (int)hops + 1;
		const uint8_t over = is_ip6 ? ICMP6_TIME_EXCEEDED : ICMP_TIME_EXCEEDED;
		const uint8_t closed = is_ip6 ? ICMP6_DST_UNREACH : ICMP_DEST_UNREACH;
		struct sock_extended_err e = { 0 };

		r = ask->api->setsockopt(fd, is_ip6 ? IPPROTO_IPV6 : IPPROTO_IP,
					 is_ip6 ? IPV6_UNICAST_HOPS : IP_TTL, &ttl, sizeof(ttl));
		if (r < 0 || ask->api->send(fd, "x", 1, 0) != 1)
			return done(ask, fd, scene_fail("sending with TTL %d", ttl));
		if (read_error(ask, fd, &e) != 0)
			return done(ask, fd, 1);
		if (e.ee_type != (last ? closed : over) ||
		    e.ee_errno != (uint32_t)(last ? ECONNREFUSED : EHOSTUNREACH))
			return done(ask, fd,
				    scene_fail("TTL %d: ICMP type %u, error %u", ttl, e.ee_type,
					       e.ee_errno));
	}
	return done(ask, fd, r == 0 ? 0 : scene_fail("tracing: %s", strerror(-r)));
}

const struct scene scenes_udp[] = {
	{ "udp", udp_ask, NULL },
	{ "udp-refused", udp_refused_ask, NULL },
	{ "ping", ping_ask, NULL },
	{ "trace", trace_ask, NULL },
	{ 0 },
};
