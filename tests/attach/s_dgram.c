/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * s_dgram.c - datagrams between two sockets of ours: options, control data, errors, limits
 */
#include <net/if.h>

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/icmp6.h>
#include <netinet/ip_icmp.h>
#include <netinet/udp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <unistd.h>

#include <linux/errqueue.h>
#include <linux/in6.h>
#include <linux/sockios.h>

#include "tests/attach/sockdiff.h"

#ifndef UDP_SEGMENT
#	define UDP_SEGMENT 103
#	define UDP_GRO     104
#endif

static char big[70000];

/* A socket at our own address, and that. */
static int dgram(const struct env *e, union addr *ret)
{
	const int fd = socket(e->family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	socklen_t len = sizeof(*ret);

	*ret = own_addr(e);
	if (fd < 0 || bind(fd, &ret->sa, addr_len(ret)) < 0 ||
	    getsockname(fd, &ret->sa, &len) < 0) {
		say("setup", "%s", err_name(errno));
		_exit(2);
	}
	return fd;
}

/* All that was sent has arrived: so has what is sent last. */
static void settle(const struct env *e, int out)
{
	union addr a;
	const int last = dgram(e, &a);

	(void)sendto(out, "", 1, 0, &a.sa, addr_len(&a)); /* waited for */
	(void)wait_for(last, POLLIN);
	(void)close(last); /* its work is done */
}

static void set(int fd, int level, int name, int v)
{
	char what[32];

	(void)snprintf(what, sizeof(what), "set-%d-%d", level, name);
	result(what, setsockopt(fd, level, name, &v, sizeof(v)));
}

/* --- control data --- */

static const char *say_value(const struct cmsghdr *c, size_t len)
{
	static char text[64];
	uint8_t v[4] = { 0 };
	uint32_t n;

	/* Times and numbers of interfaces are others each time. */
	if (len < 1 || len > 4 ||
	    (c->cmsg_type != IP_TTL && c->cmsg_type != IP_TOS && c->cmsg_type != IPV6_HOPLIMIT &&
	     c->cmsg_type != IPV6_TCLASS && c->cmsg_type != UDP_GRO))
		return "...";
	memcpy(v, CMSG_DATA(c), len);
	memcpy(&n, v, sizeof(n));
	(void)snprintf(text, sizeof(text), "%u", len == 1 ? v[0] : n);
	return text;
}

static void say_control(const char *name, ssize_t n, struct msghdr *m)
{
	char text[256] = "";
	size_t at = 0, used = 0;

	while (n >= 0 && at + sizeof(struct cmsghdr) <= m->msg_controllen) {
		const struct cmsghdr *c =
			(const struct cmsghdr *)(const void *)((const char *)m->msg_control + at);
		const size_t len = c->cmsg_len - sizeof(*c);

		used += (size_t)snprintf(text + used, sizeof(text) - used, " %d/%d:%zu=%s",
					 c->cmsg_level, c->cmsg_type, len, say_value(c, len));
		at += CMSG_ALIGN(c->cmsg_len);
	}
	say(name, "%s name %u control %zu%s%s%s%s", res((long)n), (unsigned int)m->msg_namelen,
	    m->msg_controllen, text, m->msg_flags & MSG_TRUNC ? " TRUNC" : "",
	    m->msg_flags & MSG_CTRUNC ? " CTRUNC" : "",
	    m->msg_flags & MSG_ERRQUEUE ? " ERRQUEUE" : "");
}

static void receive(const char *name, int fd, size_t room, int flags)
{
	_Alignas(16) char control[512];
	char buf[100];
	union addr from;
	struct iovec v = { buf, sizeof(buf) };
	struct msghdr m = {
		.msg_name = &from,
		.msg_namelen = sizeof(from),
		.msg_iov = &v,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = room,
	};

	say_control(name, recvmsg(fd, &m, flags), &m);
}

static void control(const struct env *e)
{
	static const size_t rooms[] = { 0,   8,   15,  16,  17,  20,  24,  28, 31, 32,
					36,  40,  48,  52,  60,  64,  71,  72, 80, 96,
					100, 104, 112, 128, 136, 144, 160, 256 };
	union addr a, b;
	const int in = dgram(e, &a), out = dgram(e, &b);
	char name[32];

	if (e->family == AF_INET6) {
		set(in, IPPROTO_IPV6, IPV6_RECVPKTINFO, 1);
		set(in, IPPROTO_IPV6, IPV6_RECVHOPLIMIT, 1);
		set(in, IPPROTO_IPV6, IPV6_RECVTCLASS, 1);
		set(in, IPPROTO_IPV6, IPV6_RECVORIGDSTADDR, 1);
		set(out, IPPROTO_IPV6, IPV6_TCLASS, 0x28);
		set(out, IPPROTO_IPV6, IPV6_UNICAST_HOPS, 42);
	}
	set(in, IPPROTO_IP, IP_PKTINFO, 1);
	set(in, IPPROTO_IP, IP_RECVTTL, 1);
	set(in, IPPROTO_IP, IP_RECVTOS, 1);
	set(in, IPPROTO_IP, IP_RECVORIGDSTADDR, 1);
	set(out, IPPROTO_IP, IP_TOS, 0x28);
	set(out, IPPROTO_IP, IP_TTL, 42);
	for (size_t i = 0; i < N_ELEMS(rooms); i++) {
		(void)sendto(out, "abc", 3, 0, &a.sa, addr_len(&a)); /* seen where it arrives */
		(void)snprintf(name, sizeof(name), "room-%zu", rooms[i]);
		receive(name, in, rooms[i], 0);
	}
	set(in, SOL_SOCKET, SO_TIMESTAMPNS, 1);
	(void)sendto(out, "abc", 3, 0, &a.sa, addr_len(&a)); /* the same */
	receive("stamped", in, 512, 0);
	set(in, SOL_SOCKET, SO_TIMESTAMP, 1);
	for (int i = 0; i < 2; i++)
		(void)sendto(out, "abc", 3, 0, &a.sa, addr_len(&a)); /* the same */
	receive("peeked", in, 512, MSG_PEEK);
	receive("taken", in, 512, 0);
	receive("half", in, 24, 0);
	(void)close(in);  /* over */
	(void)close(out); /* over */
}

/* --- sending --- */

static void send_control(const char *name, int fd, const union addr *to, int level, int type,
			 const void *data, size_t len)
{
	_Alignas(16) char room[256] = "";
	struct iovec v = { big, 10 };
	struct msghdr m = {
		.msg_name = (void *)(uintptr_t)&to->sa,
		.msg_namelen = addr_len(to),
		.msg_iov = &v,
		.msg_iovlen = 1,
		.msg_control = room,
		.msg_controllen = CMSG_SPACE(len),
	};
	struct cmsghdr *c = CMSG_FIRSTHDR(&m);

	c->cmsg_level = level;
	c->cmsg_type = type;
	c->cmsg_len = CMSG_LEN(len);
	memcpy(CMSG_DATA(c), data, len);
	result(name, sendmsg(fd, &m, 0));
}

static void sending(const struct env *e)
{
	union addr a, b;
	const int in = dgram(e, &a), out = dgram(e, &b);
	const int six = e->family == AF_INET6, v = 7, bad = 300;
	const int level = six ? IPPROTO_IPV6 : IPPROTO_IP, ttl = six ? IPV6_HOPLIMIT : IP_TTL;
	struct iovec vec = { big, 10 };
	struct msghdr m = { .msg_iov = &vec, .msg_iovlen = 1 };
	const union addr none = addr_with(&a, 0);
	struct sockaddr odd = { .sa_family = AF_UNIX };

	set(in, level, six ? IPV6_RECVHOPLIMIT : IP_RECVTTL, 1);
	send_control("ttl", out, &a, level, ttl, &v, sizeof(v));
	send_control("ttl-bad", out, &a, level, ttl, &bad, sizeof(bad));
	send_control("ttl-short", out, &a, level, ttl, &v, 2);
	send_control("unknown", out, &a, level, 250, &v, sizeof(v));
	send_control("other-level", out, &a, IPPROTO_TCP, 1, &v, sizeof(v));
	settle(e, out);
	receive("first", in, 256, MSG_DONTWAIT);
	receive("second", in, 256, MSG_DONTWAIT);
	receive("third", in, 256, MSG_DONTWAIT);
	result("no-name", sendmsg(out, &m, 0));
	result("port-0", sendto(out, big, 1, 0, &none.sa, addr_len(&none)));
	result("family", sendto(out, big, 1, 0, &odd, sizeof(odd)));
	result("short", sendto(out, big, 1, 0, &a.sa, 4));
	result("oob", sendto(out, big, 1, MSG_OOB, &a.sa, addr_len(&a)));
	result("fault", sendto(out, (void *)8, 5, 0, &a.sa, addr_len(&a)));
	result("fault-name", sendto(out, big, 5, 0, (void *)8, addr_len(&a)));
	m.msg_iovlen = 2000;
	result("pieces", sendmsg(out, &m, 0));
	result("nowhere", sendto(out, big, 1, 0, &e->nowhere[1].sa, addr_len(&e->nowhere[1])));
	int_option("outq", out, SOL_SOCKET, SO_ERROR);
	(void)close(in);  /* over */
	(void)close(out); /* over */
}

/* As long as a datagram can be, and longer. */
static void sizes(const struct env *e)
{
	static const int lens[] = { 1472, 1473, 9000, 65507, 65508, 65527, 65528, 65535, 65536 };
	static char buf[70000];
	union addr a, b;
	const int in = dgram(e, &a), out = dgram(e, &b), room = 1 << 20;
	char name[32];

	(void)setsockopt(in, SOL_SOCKET, SO_RCVBUF, &room, sizeof(room));
	(void)setsockopt(out, SOL_SOCKET, SO_SNDBUF, &room, sizeof(room));
	pattern_fill(big, sizeof(big), 0);
	for (size_t i = 0; i < N_ELEMS(lens); i++) {
		const ssize_t n = sendto(out, big, (size_t)lens[i], 0, &a.sa, addr_len(&a));
		ssize_t r;

		(void)snprintf(name, sizeof(name), "send-%d", lens[i]);
		result(name, n);
		if (n < 0)
			continue;
		r = recvfrom(in, buf, sizeof(buf), 0, NULL, NULL);
		(void)snprintf(name, sizeof(name), "recv-%d", lens[i]);
		say(name, "%s %s", res(r), memcmp(buf, big, (size_t)lens[i]) ? "other" : "same");
	}
	(void)close(in);  /* over */
	(void)close(out); /* over */
}

/* --- one call for many --- */

static void at_once(const struct env *e)
{
	union addr a, b;
	const int in = dgram(e, &a), out = dgram(e, &b);
	char bufs[4][16];
	struct iovec v[4];
	struct mmsghdr m[4];

	memset(m, 0, sizeof(m));
	for (int i = 0; i < 4; i++) {
		v[i] = (struct iovec){ bufs[i], sizeof(bufs[i]) };
		m[i].msg_hdr = (struct msghdr){ .msg_iov = &v[i], .msg_iovlen = 1 };
		(void)sendto(out, big, (size_t)i + 1, 0, &a.sa, addr_len(&a)); /* seen below */
	}
	settle(e, out);
	m[2].msg_hdr.msg_iovlen = 5000;
	result("stopped", recvmmsg(in, m, 4, MSG_DONTWAIT, NULL));
	say("lengths", "%u %u", m[0].msg_len, m[1].msg_len);
	m[2].msg_hdr.msg_iovlen = 1;
	result("error", recvmmsg(in, m, 4, MSG_DONTWAIT, NULL));
	so_error("so-error", in);
	result("rest", recvmmsg(in, m, 4, MSG_WAITFORONE, NULL));
	say("rest-lengths", "%u %u", m[0].msg_len, m[1].msg_len);
	result("none", recvmmsg(in, m, 4, MSG_DONTWAIT, NULL));
	m[0].msg_hdr.msg_iovlen = 5000;
	result("bad-first", recvmmsg(in, m, 4, MSG_DONTWAIT, NULL));
	so_error("nothing-kept", in);
	result("zero", recvmmsg(in, m, 0, 0, NULL));
	for (int i = 0; i < 4; i++)
		m[i].msg_hdr = (struct msghdr){ .msg_iov = &v[i],
						.msg_iovlen = i == 2 ? 5000 : 1,
						.msg_name = &a,
						.msg_namelen = addr_len(&a) };
	result("sent", sendmmsg(out, m, 4, 0));
	so_error("sent-error", out);
	(void)close(in);  /* over */
	(void)close(out); /* over */
}

/* --- shutdown --- */

static void shut(const struct env *e)
{
	static const char *const names[] = { "rd", "wr", "rdwr" };
	char c;

	for (int is_connected = 0; is_connected < 2; is_connected++) {
		for (int how = SHUT_RD; how <= SHUT_RDWR; how++) {
			union addr a, b;
			const int in = dgram(e, &a), out = dgram(e, &b);
			char section[16];

			if (is_connected)
				(void)connect_to(in, &b); /* seen below */
			(void)snprintf(section, sizeof(section), "%s%s",
				       is_connected ? "connected-" : "", names[how]);
			result(section, shutdown(in, how));
			mask_when("mask", in, how == SHUT_WR ? POLLOUT : POLLIN);
			if (how == SHUT_RD) {
				result("recv", recv(in, &c, 1, 0));
				result("recv-now", recv(in, &c, 1, MSG_DONTWAIT));
			}
			result_pipe("sendto", sendto(in, "x", 1, 0, &b.sa, addr_len(&b)));
			if (is_connected && how != SHUT_RD) {
				result_pipe("write", write(in, "x", 1));
				result_pipe("send", send(in, "x", 1, 0));
			}
			if (is_connected && how == SHUT_RD)
				result_pipe("write", write(in, "x", 1));
			if (how == SHUT_WR) {
				result("back", sendto(out, "x", 1, 0, &a.sa, addr_len(&a)));
				(void)wait_for(in, POLLIN); /* for it to be there */
				result("arrives", recv(in, &c, 1, MSG_DONTWAIT));
			}
			result("again", shutdown(in, SHUT_RDWR));
			(void)close(in); /* its port is free then */
			result("free", bind(socket(e->family, SOCK_DGRAM | SOCK_CLOEXEC, 0), &a.sa,
					    addr_len(&a)));
			(void)close(out); /* over */
		}
	}
	result("bad", shutdown(socket(e->family, SOCK_DGRAM | SOCK_CLOEXEC, 0), 7));
}

/* --- errors --- */

static void error_queue(const char *name, int fd)
{
	_Alignas(16) char room[512];
	char buf[100];
	union addr to;
	struct iovec v = { buf, sizeof(buf) };
	struct msghdr m = {
		.msg_name = &to,
		.msg_namelen = sizeof(to),
		.msg_iov = &v,
		.msg_iovlen = 1,
		.msg_control = room,
		.msg_controllen = sizeof(room),
	};
	const ssize_t n = recvmsg(fd, &m, MSG_ERRQUEUE);

	say_control(name, n, &m);
	for (struct cmsghdr *c = n < 0 ? NULL : CMSG_FIRSTHDR(&m); c; c = CMSG_NXTHDR(&m, c)) {
		struct sock_extended_err ee;

		if (c->cmsg_len < CMSG_LEN(sizeof(ee)))
			continue;
		memcpy(&ee, CMSG_DATA(c), sizeof(ee));
		say("extended", "%s origin %d type %d code %d", err_name((int)ee.ee_errno),
		    ee.ee_origin, ee.ee_type, ee.ee_code);
	}
}

/* What was sent has arrived, and the answer to it. */
static void settle_errors(const struct env *e)
{
	union addr a;
	const int other = dgram(e, &a);

	settle(e, other);
	settle(e, other);
	(void)close(other); /* its work is done */
}

static void errors(const struct env *e)
{
	const int level = e->family == AF_INET6 ? IPPROTO_IPV6 : IPPROTO_IP;
	const int recverr = e->family == AF_INET6 ? IPV6_RECVERR : IP_RECVERR;
	union addr a, b;
	int out, closed = dgram(e, &a);
	socklen_t len = sizeof(b);
	char c;

	(void)close(closed); /* nobody is there, in a moment */
	settle_errors(e);
	out = dgram(e, &b);
	set(out, level, recverr, 1);
	if (e->family == AF_INET6)
		set(out, IPPROTO_IP, IP_RECVERR, 1);
	result("none", recvmsg(out, &(struct msghdr){ 0 }, MSG_ERRQUEUE));
	result("send", sendto(out, "abc", 3, 0, &a.sa, addr_len(&a)));
	result("recvfrom", recvfrom(out, &c, 1, 0, &b.sa, &len));
	error_queue("queued", out);
	error_queue("empty", out);
	so_error("error", out);
	result("send-again", sendto(out, "abc", 3, 0, &a.sa, addr_len(&a)));
	settle_errors(e);
	so_error("error-again", out);
	set(out, level, recverr, 0);
	error_queue("off", out);
	result("connect", connect_to(out, &a));
	result("send-connected", sendto(out, "abc", 3, 0, &a.sa, addr_len(&a)));
	settle_errors(e);
	result("next", sendto(out, "abc", 3, 0, &a.sa, addr_len(&a)));
	so_error("next-error", out);
	result("send-more", sendto(out, "abc", 3, 0, &a.sa, addr_len(&a)));
	settle_errors(e);
	len = sizeof(b);
	result("recvfrom-connected", recvfrom(out, &c, 1, MSG_DONTWAIT, &b.sa, &len));
	result("recvfrom-after", recvfrom(out, &c, 1, MSG_DONTWAIT, &b.sa, &len));
	(void)close(out); /* over */
}

/* --- options --- */

static const struct {
	int level;
	int name;
	int value;
} options[] = {
	{ IPPROTO_IP, IP_TOS, 0x28 },
	{ IPPROTO_IP, IP_TTL, 9 },
	{ IPPROTO_IP, IP_RECVTTL, 1 },
	{ IPPROTO_IP, IP_RECVTOS, 1 },
	{ IPPROTO_IP, IP_RECVOPTS, 1 },
	{ IPPROTO_IP, IP_RETOPTS, 1 },
	{ IPPROTO_IP, IP_PKTINFO, 1 },
	{ IPPROTO_IP, IP_RECVERR, 1 },
	{ IPPROTO_IP, 26 /* IP_RECVERR_RFC4884 */, 1 },
	{ IPPROTO_IP, 23 /* IP_CHECKSUM */, 1 },
	{ IPPROTO_IP, 25 /* IP_RECVFRAGSIZE */, 1 },
	{ IPPROTO_IP, IP_PASSSEC, 1 },
	{ IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_DO },
	{ IPPROTO_IP, IP_MTU, 0 },
	{ IPPROTO_IP, IP_MULTICAST_TTL, 5 },
	{ IPPROTO_IP, IP_MULTICAST_LOOP, 0 },
	{ IPPROTO_IP, IP_MULTICAST_ALL, 0 },
	{ IPPROTO_IP, IP_FREEBIND, 1 },
	{ IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1 },
	{ IPPROTO_IP, IP_ORIGDSTADDR, 1 },
	{ IPPROTO_IP, IP_MINTTL, 3 },
	{ IPPROTO_IP, IP_NODEFRAG, 1 },
	{ IPPROTO_IP, IP_HDRINCL, 1 },
	{ IPPROTO_IP, 50 /* IP_UNICAST_IF */, 0 },
	{ IPPROTO_IPV6, IPV6_V6ONLY, 1 },
	{ IPPROTO_IPV6, IPV6_RECVPKTINFO, 1 },
	{ IPPROTO_IPV6, IPV6_RECVHOPLIMIT, 1 },
	{ IPPROTO_IPV6, IPV6_RECVTCLASS, 1 },
	{ IPPROTO_IPV6, IPV6_TCLASS, 0x28 },
	{ IPPROTO_IPV6, IPV6_RECVERR, 1 },
	{ IPPROTO_IPV6, IPV6_MTU_DISCOVER, IPV6_PMTUDISC_DO },
	{ IPPROTO_IPV6, IPV6_UNICAST_HOPS, 9 },
	{ IPPROTO_IPV6, IPV6_MULTICAST_HOPS, 5 },
	{ IPPROTO_IPV6, IPV6_MULTICAST_LOOP, 0 },
	{ IPPROTO_IPV6, IPV6_DONTFRAG, 1 },
	{ IPPROTO_IPV6, IPV6_RECVPATHMTU, 1 },
	{ IPPROTO_IPV6, IPV6_RECVRTHDR, 1 },
	{ IPPROTO_IPV6, IPV6_RECVHOPOPTS, 1 },
	{ IPPROTO_IPV6, IPV6_RECVDSTOPTS, 1 },
	{ IPPROTO_IPV6, 74 /* IPV6_ORIGDSTADDR */, 1 },
	{ IPPROTO_IPV6, 77 /* IPV6_RECVFRAGSIZE */, 1 },
	{ IPPROTO_IPV6, 70 /* IPV6_AUTOFLOWLABEL */, 1 },
	{ IPPROTO_IPV6, 33 /* IPV6_FLOWINFO_SEND */, 1 },
	{ IPPROTO_IPV6, 11 /* IPV6_FLOWINFO */, 1 },
	{ IPPROTO_IPV6, 72 /* IPV6_ADDR_PREFERENCES */, 2 },
	{ IPPROTO_UDP, UDP_CORK, 0 },
	{ IPPROTO_UDP, UDP_SEGMENT, 1000 },
	{ IPPROTO_UDP, UDP_GRO, 1 },
	{ IPPROTO_UDP, 100 /* UDP_ENCAP */, 0 },
	{ IPPROTO_UDP, 101 /* UDP_NO_CHECK6_TX */, 1 },
	{ IPPROTO_UDP, 102 /* UDP_NO_CHECK6_RX */, 1 },
	{ SOL_SOCKET, SO_BROADCAST, 1 },
	{ SOL_SOCKET, SO_TIMESTAMP, 1 },
	{ SOL_SOCKET, SO_TIMESTAMPNS, 1 },
	{ SOL_SOCKET, SO_RXQ_OVFL, 1 },
	{ SOL_SOCKET, SO_NO_CHECK, 1 },
	{ SOL_SOCKET, SO_PRIORITY, 3 },
	{ SOL_SOCKET, SO_RCVBUF, 100000 },
	{ SOL_SOCKET, SO_SNDBUF, 100000 },
	{ SOL_SOCKET, SO_RCVLOWAT, 5 },
	{ SOL_SOCKET, SO_PEEK_OFF, 0 },
	{ SOL_SOCKET, SO_TYPE, 0 },
	{ SOL_SOCKET, SO_PROTOCOL, 0 },
	{ SOL_SOCKET, SO_DOMAIN, 0 },
	{ SOL_SOCKET, SO_ACCEPTCONN, 0 },
	{ SOL_SOCKET, SO_KEEPALIVE, 1 },
	{ SOL_SOCKET, SO_REUSEPORT, 1 },
	{ SOL_SOCKET, SO_REUSEADDR, 1 },
	{ IPPROTO_TCP, 1, 1 },
};

static void option_values(const struct env *e)
{
	const int fd = socket(e->family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	char name[32];

	for (size_t i = 0; i < N_ELEMS(options); i++) {
		const int level = options[i].level, opt = options[i].name;

		if (level == IPPROTO_IPV6 && e->family == AF_INET)
			continue;
		(void)snprintf(name, sizeof(name), "get-%d-%d", level, opt);
		int_option(name, fd, level, opt);
		set(fd, level, opt, options[i].value);
		int_option(name, fd, level, opt);
	}
	(void)close(fd); /* over */
}

/* --- segments --- */

static void segments(const struct env *e)
{
	union addr a, b;
	const int in = dgram(e, &a), out = dgram(e, &b), size = 1000, none = 0;
	const uint16_t part = 4;
	socklen_t len = sizeof(b);
	char buf[8000];

	result("segment", setsockopt(out, IPPROTO_UDP, UDP_SEGMENT, &size, sizeof(size)));
	result("send", sendto(out, big, 2500, 0, &a.sa, addr_len(&a)));
	result("off", setsockopt(out, IPPROTO_UDP, UDP_SEGMENT, &none, sizeof(none)));
	settle(e, out);
	for (int i = 0; i < 4; i++)
		result("part", recvfrom(in, buf, sizeof(buf), MSG_DONTWAIT, &b.sa, &len));
	send_control("control", out, &a, IPPROTO_UDP, UDP_SEGMENT, &part, sizeof(part));
	settle(e, out);
	for (int i = 0; i < 4; i++)
		result("piece", recvfrom(in, buf, sizeof(buf), MSG_DONTWAIT, &b.sa, &len));
	result("gro", setsockopt(in, IPPROTO_UDP, UDP_GRO, &size, sizeof(size)));
	send_control("whole", out, &a, IPPROTO_UDP, UDP_SEGMENT, &part, sizeof(part));
	settle(e, out);
	receive("together", in, 512, MSG_DONTWAIT);
	(void)close(in);  /* over */
	(void)close(out); /* over */
}

/* --- waiting --- */

static void on_alarm(int sig)
{
	(void)sig;
}

static void waiting(const struct env *e)
{
	const struct sigaction sa = { .sa_handler = on_alarm };
	const struct itimerval in_a_moment = { .it_value.tv_usec = 50000 };
	const struct timeval tv = { .tv_usec = 50000 };
	union addr a, b;
	const int in = dgram(e, &a), out = dgram(e, &b);
	socklen_t len = sizeof(b);
	char c;

	(void)sigaction(SIGALRM, &sa, NULL);              /* the signal exists */
	(void)setitimer(ITIMER_REAL, &in_a_moment, NULL); /* a good time */
	result("interrupted", recvfrom(in, &c, 1, 0, &b.sa, &len));
	(void)setitimer(ITIMER_REAL, &in_a_moment, NULL); /* a good time */
	result("interrupted-msg", recvmsg(in, &(struct msghdr){ 0 }, 0));
	result("timeo", setsockopt(in, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv)));
	result("late", recvfrom(in, &c, 1, 0, &b.sa, &len));
	result("late-recv", recv(in, &c, 1, 0));
	(void)sendto(out, "x", 1, 0, &a.sa, addr_len(&a)); /* seen where it arrives */
	result("in-time", recvfrom(in, &c, 1, 0, &b.sa, &len));
	(void)close(in);  /* over */
	(void)close(out); /* over */
}

/* --- ports --- */

static void ports(const struct env *e)
{
	union addr a, b;
	const int one = dgram(e, &a), yes = 1;
	const union addr any = addr_any(e->family, 0);
	int two = socket(e->family, SOCK_DGRAM | SOCK_CLOEXEC, 0), three;

	result("taken", bind(two, &a.sa, addr_len(&a)));
	result("twice", bind(one, &any.sa, addr_len(&any)));
	result("foreign", bind(two, &e->nowhere[0].sa, addr_len(&e->nowhere[0])));
	(void)setsockopt(two, SOL_SOCKET, SO_REUSEPORT, &yes, sizeof(yes));
	result("one-side", bind(two, &a.sa, addr_len(&a)));
	(void)setsockopt(one, SOL_SOCKET, SO_REUSEPORT, &yes, sizeof(yes));
	result("both-sides", bind(two, &a.sa, addr_len(&a)));
	(void)close(two); /* the other keeps the port */
	three = dgram(e, &b);
	result("connect", connect_to(three, &a));
	result("rebind", bind(three, &any.sa, addr_len(&any)));
	result("listen", listen(three, 1));
	result("accept", accept(three, NULL, NULL));
	(void)close(one);   /* over */
	(void)close(three); /* over */
}

/* --- ping --- */

static void ping(const struct env *e)
{
	const bool six = e->family == AF_INET6;
	const int fd =
		socket(e->family, SOCK_DGRAM | SOCK_CLOEXEC, six ? IPPROTO_ICMPV6 : IPPROTO_ICMP);
	struct icmphdr echo = { .type = six ? ICMP6_ECHO_REQUEST : ICMP_ECHO,
				.un.echo.sequence = htons(5) };
	const union addr to = addr_with(&e->to, 0);

	result_fd("socket", fd);
	if (fd < 0)
		return;
	int_option("protocol", fd, SOL_SOCKET, SO_PROTOCOL);
	result("short", sendto(fd, &echo, 4, 0, &to.sa, addr_len(&to)));
	result("send", sendto(fd, &echo, sizeof(echo), 0, &to.sa, addr_len(&to)));
	if (wait_for(fd, POLLIN))
		receive("answer", fd, 256, MSG_DONTWAIT);
	set(fd, six ? IPPROTO_IPV6 : IPPROTO_IP, six ? IPV6_RECVHOPLIMIT : IP_RECVTTL, 1);
	result("connect", connect_to(fd, &to));
	result("again", send(fd, &echo, sizeof(echo), 0));
	if (wait_for(fd, POLLIN))
		receive("told", fd, 256, MSG_DONTWAIT);
	set(fd, six ? IPPROTO_IPV6 : IPPROTO_IP, six ? IPV6_RECVERR : IP_RECVERR, 1);
	(void)sendto(fd, &echo, sizeof(echo), 0, &e->nowhere[0].sa, addr_len(&e->nowhere[0]));
	mask_when("unreachable", fd, POLLERR);
	error_queue("quoted", fd);
	echo.type = six ? ICMP6_ECHO_REPLY : ICMP_ECHOREPLY;
	result("reply", sendto(fd, &echo, sizeof(echo), 0, &to.sa, addr_len(&to)));
	(void)close(fd); /* over */
}

static void queue_lengths(const struct env *e)
{
	union addr a, b;
	const int in = dgram(e, &a), out = dgram(e, &b);
	char buf[64];
	int n = -1;

	result("none", ioctl(in, FIONREAD, &n));
	say("none-length", "%d", n);
	for (int i = 0; i < 3; i++)
		(void)sendto(out, big, (size_t)(20 + i), 0, &a.sa, addr_len(&a)); /* seen below */
	(void)wait_for(in, POLLIN); /* for the first */
	result("some", ioctl(in, FIONREAD, &n));
	say("length", "%d", n);
	result("read", read(in, buf, 5));
	(void)wait_for(in, POLLIN); /* for the second */
	result("readv", readv(in, &(struct iovec){ buf, 64 }, 1));
	(void)wait_for(in, POLLIN); /* for the third */
	result("more", ioctl(in, FIONREAD, &n));
	say("more-length", "%d", n);
	result("fault", recvfrom(in, (void *)8, 64, 0, NULL, NULL));
	result("outq", ioctl(out, SIOCOUTQ, &n));
	(void)close(in);  /* over */
	(void)close(out); /* over */
}

/* --- to many --- */

static void group4(const struct env *e, int in, int out, uint16_t port)
{
	const union addr own = own_addr(e);
	struct ip_mreq mreq = { .imr_interface = own.in.sin_addr };
	union addr to = addr_any(AF_INET, port);

	(void)inet_pton(AF_INET, "239.1.2.3", &mreq.imr_multiaddr); /* it is one */
	to.in.sin_addr = mreq.imr_multiaddr;
	result("join", setsockopt(in, IPPROTO_IP, IP_ADD_MEMBERSHIP, &mreq, sizeof(mreq)));
	result("twice", setsockopt(in, IPPROTO_IP, IP_ADD_MEMBERSHIP, &mreq, sizeof(mreq)));
	result("interface", setsockopt(out, IPPROTO_IP, IP_MULTICAST_IF, &own.in.sin_addr,
				       sizeof(own.in.sin_addr)));
	set(in, IPPROTO_IP, IP_RECVTTL, 1);
	result("send", sendto(out, big, 7, 0, &to.sa, addr_len(&to)));
	(void)wait_for(in, POLLIN); /* for it to be there */
	receive("loop", in, 256, MSG_DONTWAIT);
	set(out, IPPROTO_IP, IP_MULTICAST_LOOP, 0);
	result("send-away", sendto(out, big, 7, 0, &to.sa, addr_len(&to)));
	settle(e, out);
	receive("no-loop", in, 256, MSG_DONTWAIT);
	set(out, IPPROTO_IP, IP_MULTICAST_LOOP, 1);
	result("leave", setsockopt(in, IPPROTO_IP, IP_DROP_MEMBERSHIP, &mreq, sizeof(mreq)));
	result("not-in", setsockopt(in, IPPROTO_IP, IP_DROP_MEMBERSHIP, &mreq, sizeof(mreq)));
	result("send-left", sendto(out, big, 7, 0, &to.sa, addr_len(&to)));
	settle(e, out);
	receive("left", in, 256, MSG_DONTWAIT);
	to.in.sin_addr.s_addr = htonl(INADDR_BROADCAST);
	result("broadcast", sendto(out, big, 7, 0, &to.sa, addr_len(&to)));
	set(out, SOL_SOCKET, SO_BROADCAST, 1);
	result("broadcast-allowed", sendto(out, big, 7, 0, &to.sa, addr_len(&to)));
}

/* The bridge sends it back to us, and the kernel takes it once more: no more is asked for. */
static void group6(int in, int out, uint16_t port)
{
	const unsigned int ifindex = if_nametoindex("eth0");
	struct ipv6_mreq mreq = { .ipv6mr_interface = ifindex };
	union addr to = addr_any(AF_INET6, port);

	(void)inet_pton(AF_INET6, "ff05::1234", &mreq.ipv6mr_multiaddr); /* it is one */
	to.in6.sin6_addr = mreq.ipv6mr_multiaddr;
	result("join", setsockopt(in, IPPROTO_IPV6, IPV6_JOIN_GROUP, &mreq, sizeof(mreq)));
	result("twice", setsockopt(in, IPPROTO_IPV6, IPV6_JOIN_GROUP, &mreq, sizeof(mreq)));
	set(out, IPPROTO_IPV6, IPV6_MULTICAST_IF, (int)ifindex);
	set(in, IPPROTO_IPV6, IPV6_RECVHOPLIMIT, 1);
	result("send", sendto(out, big, 7, 0, &to.sa, addr_len(&to)));
	(void)wait_for(in, POLLIN); /* for it to be there */
	receive("loop", in, 256, MSG_DONTWAIT);
	result("leave", setsockopt(in, IPPROTO_IPV6, IPV6_LEAVE_GROUP, &mreq, sizeof(mreq)));
	result("not-in", setsockopt(in, IPPROTO_IPV6, IPV6_LEAVE_GROUP, &mreq, sizeof(mreq)));
	(void)inet_pton(AF_INET6, "ff02::1234", &to.in6.sin6_addr); /* it is one */
	to.in6.sin6_scope_id = ifindex;
	result("link", sendto(out, big, 7, 0, &to.sa, addr_len(&to)));
	to.in6.sin6_scope_id = 4711;
	result("no-link", sendto(out, big, 7, 0, &to.sa, addr_len(&to)));
}

static void groups(const struct env *e)
{
	const int in = socket(e->family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	union addr a = addr_any(e->family, 0), b;
	const int out = dgram(e, &b);
	socklen_t len = sizeof(a);

	if (e->is_local || (e->family == AF_INET6 && IN6_IS_ADDR_V4MAPPED(&e->to.in6.sin6_addr)))
		return;
	(void)bind(in, &a.sa, addr_len(&a)); /* to a free port */
	(void)getsockname(in, &a.sa, &len);  /* which it has */
	if (e->family == AF_INET)
		group4(e, in, out, addr_port(&a));
	else
		group6(in, out, addr_port(&a));
	(void)close(in);  /* over */
	(void)close(out); /* over */
}

const struct section sections_dgram[] = {
	{ "dgram-control", control, true },
	{ "dgram-send", sending, true },
	{ "dgram-size", sizes, true },
	{ "dgram-many", at_once, true },
	{ "dgram-shut", shut, true },
	{ "dgram-error", errors, true },
	{ "dgram-option", option_values, true },
	{ "dgram-segment", segments, true },
	{ "dgram-wait", waiting, true },
	{ "dgram-port", ports, true },
	{ "dgram-ping", ping, true },
	{ "dgram-length", queue_lengths, true },
	{ "dgram-group", groups, true },
	{ 0 },
};
