/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * s_option.c - options, of sockets that are fresh, connected and listening
 */
#include <net/if.h>

#include <errno.h>
#include <netinet/ip.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "tests/attach/sockdiff.h"

struct option {
	const char *name;
	int level;
	int opt;
	int val; /* to be set; -1: only read */
};

#define O(l, o, v)                                                                                 \
	{                                                                                          \
#		o, l, o, v                                                                        \
	}

static const struct option options[] = {
	O(SOL_SOCKET, SO_TYPE, -1),
	O(SOL_SOCKET, SO_DOMAIN, -1),
	O(SOL_SOCKET, SO_PROTOCOL, -1),
	O(SOL_SOCKET, SO_ACCEPTCONN, -1),
	O(SOL_SOCKET, SO_ERROR, -1),
	O(SOL_SOCKET, SO_REUSEADDR, 1),
	O(SOL_SOCKET, SO_REUSEPORT, 1),
	O(SOL_SOCKET, SO_KEEPALIVE, 1),
	O(SOL_SOCKET, SO_BROADCAST, 1),
	O(SOL_SOCKET, SO_DONTROUTE, 1),
	O(SOL_SOCKET, SO_OOBINLINE, 1),
	O(SOL_SOCKET, SO_SNDBUF, 20000),
	O(SOL_SOCKET, SO_RCVBUF, 30000),
	O(SOL_SOCKET, SO_RCVLOWAT, 3),
	O(SOL_SOCKET, SO_SNDLOWAT, -1),
	O(SOL_SOCKET, SO_PRIORITY, 4),
	O(SOL_SOCKET, SO_MARK, 5),
	O(SOL_SOCKET, SO_TIMESTAMP, 1),
	O(SOL_SOCKET, SO_BUSY_POLL, 10),
	O(SOL_SOCKET, SO_PASSCRED, 1),
	O(SOL_SOCKET, SO_NO_CHECK, 1),
	O(IPPROTO_TCP, TCP_NODELAY, 1),
	O(IPPROTO_TCP, TCP_CORK, 1),
	O(IPPROTO_TCP, TCP_MAXSEG, 1000),
	O(IPPROTO_TCP, TCP_KEEPIDLE, 100),
	O(IPPROTO_TCP, TCP_KEEPINTVL, 20),
	O(IPPROTO_TCP, TCP_KEEPCNT, 5),
	O(IPPROTO_TCP, TCP_SYNCNT, 3),
	O(IPPROTO_TCP, TCP_LINGER2, 30),
	O(IPPROTO_TCP, TCP_DEFER_ACCEPT, -1),
	O(IPPROTO_TCP, TCP_WINDOW_CLAMP, -1),
	O(IPPROTO_TCP, TCP_QUICKACK, 1),
	O(IPPROTO_TCP, TCP_USER_TIMEOUT, 12345),
	O(IPPROTO_TCP, TCP_FASTOPEN, -1),
	O(IPPROTO_TCP, TCP_TIMESTAMP, -2),
	O(IPPROTO_TCP, TCP_NOTSENT_LOWAT, 16384),
	O(IPPROTO_TCP, TCP_INQ, 1),
	O(IPPROTO_TCP, 9999, 1),
	O(IPPROTO_IP, IP_TOS, 0x10),
	O(IPPROTO_IP, IP_TTL, 33),
	O(IPPROTO_IP, IP_MTU_DISCOVER, 2),
	O(IPPROTO_IP, IP_RECVERR, 1),
	O(IPPROTO_IP, IP_FREEBIND, 1),
	O(IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1),
	O(IPPROTO_IP, IP_PKTINFO, 1),
	O(IPPROTO_IPV6, IPV6_V6ONLY, 1),
	O(IPPROTO_IPV6, IPV6_UNICAST_HOPS, 44),
	O(IPPROTO_IPV6, IPV6_TCLASS, 0x20),
	O(IPPROTO_IPV6, IPV6_RECVERR, 1),
	O(IPPROTO_IPV6, IPV6_MTU_DISCOVER, 2),
	O(IPPROTO_IPV6, IPV6_RECVPKTINFO, 1),
	O(9999, 1, 1),
};

#undef O

/* Depends on the link, not on the option. */
static bool is_of_link(const struct option *o)
{
	return o->level == IPPROTO_TCP && (o->opt == TCP_MAXSEG || o->opt == TCP_WINDOW_CLAMP ||
					   o->opt == TCP_TIMESTAMP || o->opt == TCP_QUICKACK);
}

static void all_options(const char *state, int fd)
{
	char name[96];

	for (size_t i = 0; i < N_ELEMS(options); i++) {
		const struct option *o = &options[i];
		int before = -1, after = -1, r, err = 0;
		socklen_t len = sizeof(before);

		r = getsockopt(fd, o->level, o->opt, &before, &len);
		err = errno;
		(void)snprintf(name, sizeof(name), "%s-%d-%s", state, o->level, o->name);
		if (o->level == SOL_SOCKET && (o->opt == SO_SNDBUF || o->opt == SO_RCVBUF))
			before = 0; /* tuned by the stack */
		if (r < 0)
			say(name, "get %s", err_name(err));
		else if (is_of_link(o))
			say(name, "len %u", (unsigned int)len);
		else
			say(name, "%d len %u", before, (unsigned int)len);
		if (o->val < 0)
			continue;
		(void)snprintf(name, sizeof(name), "%s-%d-%s-set", state, o->level, o->name);
		if (setsockopt(fd, o->level, o->opt, &o->val, sizeof(o->val)) < 0) {
			say(name, "%s", err_name(errno));
			continue;
		}
		len = sizeof(after);
		(void)getsockopt(fd, o->level, o->opt, &after, &len); /* -1 when it fails */
		if (is_of_link(o))
			say(name, "0");
		else
			say(name, "0, %d", after);
	}
}

static void fresh(const struct env *e)
{
	const int fd = tcp_socket(e);

	all_options("fresh", fd);
	(void)close(fd); /* over */
}

static void connected(const struct env *e)
{
	int slot;
	const int fd = tcp_pair(e, &slot);

	if (!e->is_local && e->family == AF_INET)
		int_option("mtu", fd, IPPROTO_IP, IP_MTU);
	all_options("conn", fd);
	result("send", send(fd, "abc", 3, 0));
	result("uncork", setsockopt(fd, IPPROTO_TCP, TCP_CORK, &(int){ 0 }, sizeof(int)));
	say("arrives", "%lld", (long long)ask(e, ASK_RECV, slot, 3).r);
	(void)close(fd); /* over */
}

static void corked(const struct env *e)
{
	int slot;
	const int fd = tcp_pair(e, &slot);

	result("cork", setsockopt(fd, IPPROTO_TCP, TCP_CORK, &(int){ 1 }, sizeof(int)));
	result("send", send(fd, "abc", 3, 0));
	say("held", "%lld", (long long)ask(e, ASK_WAIT, slot, POLLOUT).r);
	result("uncork", setsockopt(fd, IPPROTO_TCP, TCP_CORK, &(int){ 0 }, sizeof(int)));
	say("arrives", "%lld", (long long)ask(e, ASK_RECV, slot, 3).r);
	(void)close(fd); /* over */
}

static void listening(const struct env *e)
{
	const int fd = tcp_listener(e, 1, &(union addr){ 0 });

	all_options("listen", fd);
	(void)close(fd); /* over */
}

static void lengths(const struct env *e)
{
	const int fd = tcp_socket(e);
	char buf[64] = { 1 };
	socklen_t len;

	for (socklen_t n = 0; n <= 8; n++) {
		result("set-keepalive", setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, buf, n));
		result("set-nodelay", setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, buf, n));
		result("set-tos", setsockopt(fd, IPPROTO_IP, IP_TOS, buf, n));
		len = n;
		result("get-keepalive", getsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, buf, &len));
		say("len-keepalive", "%u", (unsigned int)len);
		len = n;
		result("get-nodelay", getsockopt(fd, IPPROTO_TCP, TCP_NODELAY, buf, &len));
		say("len-nodelay", "%u", (unsigned int)len);
	}
	len = (socklen_t)-1;
	result("negative", getsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, buf, &len));
	result("negative-set", setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, buf, (socklen_t)-1));
	len = sizeof(buf);
	result("null", getsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, NULL, &len));
	result("null-len", getsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, buf, NULL));
	result("null-set", setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, NULL, 4));
	result("null-nodelay", setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, NULL, 4));
	result("type-set", setsockopt(fd, SOL_SOCKET, SO_TYPE, buf, 4));
	result("error-set", setsockopt(fd, SOL_SOCKET, SO_ERROR, buf, 4));
	(void)close(fd); /* over */
}

static void structs(const struct env *e)
{
	const int fd = tcp_socket(e);
	struct linger l = { .l_onoff = 1, .l_linger = 17 };
	struct timeval tv = { .tv_sec = 3, .tv_usec = 500000 }, bad = { .tv_usec = 1000000 };
	socklen_t len = sizeof(l);
	char cc[16] = "";

	result("linger", setsockopt(fd, SOL_SOCKET, SO_LINGER, &l, sizeof(l)));
	l = (struct linger){ 0 };
	result("linger-get", getsockopt(fd, SOL_SOCKET, SO_LINGER, &l, &len));
	say("linger-is", "%d %d", l.l_onoff, l.l_linger);
	result("linger-short", setsockopt(fd, SOL_SOCKET, SO_LINGER, &l, 4));
	result("timeout", setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv)));
	tv = (struct timeval){ 0 };
	len = sizeof(tv);
	result("timeout-get", getsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv, &len));
	say("timeout-is", "%ld.%06ld", (long)tv.tv_sec, (long)tv.tv_usec);
	result("timeout-bad", setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &bad, sizeof(bad)));
	result("timeout-short", setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &bad, 4));
	len = sizeof(cc);
	result("congestion", getsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, cc, &len));
	result("congestion-set", setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, "reno", 4));
	len = sizeof(cc);
	memset(cc, 0, sizeof(cc));
	result("congestion-again", getsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, cc, &len));
	say("congestion-is", "%.15s", cc);
	result("congestion-bad", setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, "nosuch", 6));
	result("device", setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, "lo", 3));
	result("device-eth", setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, "eth0", 4));
	result("device-bad", setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, "nosuch0", 8));
	(void)close(fd); /* over */
}

/* Values out of range. */
static void ranges(const struct env *e)
{
	static const struct option bad[] = {
		{ "keepidle-0", IPPROTO_TCP, TCP_KEEPIDLE, 0 },
		{ "keepidle-big", IPPROTO_TCP, TCP_KEEPIDLE, 32768 },
		{ "keepcnt-0", IPPROTO_TCP, TCP_KEEPCNT, 0 },
		{ "keepcnt-big", IPPROTO_TCP, TCP_KEEPCNT, 128 },
		{ "keepintvl-0", IPPROTO_TCP, TCP_KEEPINTVL, 0 },
		{ "syncnt-0", IPPROTO_TCP, TCP_SYNCNT, 0 },
		{ "maxseg-small", IPPROTO_TCP, TCP_MAXSEG, 1 },
		{ "maxseg-big", IPPROTO_TCP, TCP_MAXSEG, 70000 },
		{ "usertimeout-negative", IPPROTO_TCP, TCP_USER_TIMEOUT, -5 },
		{ "ttl-0", IPPROTO_IP, IP_TTL, 0 },
		{ "ttl-big", IPPROTO_IP, IP_TTL, 256 },
		{ "mtudisc-bad", IPPROTO_IP, IP_MTU_DISCOVER, 99 },
		{ "priority-big", SOL_SOCKET, SO_PRIORITY, 7 },
		{ "rcvlowat-negative", SOL_SOCKET, SO_RCVLOWAT, -1 },
		{ "sndbuf-small", SOL_SOCKET, SO_SNDBUF, 1 },
		{ "rcvbuf-small", SOL_SOCKET, SO_RCVBUF, 1 },
		{ "sndbuf-huge", SOL_SOCKET, SO_SNDBUF, 0x7fffffff },
		{ "peekoff", SOL_SOCKET, SO_PEEK_OFF, 0 },
	};
	const int fd = tcp_socket(e);

	for (size_t i = 0; i < N_ELEMS(bad); i++) {
		int r = setsockopt(fd, bad[i].level, bad[i].opt, &bad[i].val, sizeof(int));

		result(bad[i].name, r);
	}
	(void)close(fd); /* over */
}

static int info_state(int fd)
{
	struct tcp_info info = { 0 };
	socklen_t len = sizeof(info);

	return getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len) < 0 ? -1 : info.tcpi_state;
}

static void info(const struct env *e)
{
	int slot, rounds = 0;
	const int f = tcp_socket(e), fd = tcp_pair(e, &slot),
		  l = tcp_listener(e, 5, &(union addr){ 0 });
	struct tcp_info i = { 0 };
	socklen_t len = sizeof(i);

	say("fresh", "%d", info_state(f));
	say("listening", "%d", info_state(l));
	say("connected", "%d", info_state(fd));
	result("get", getsockopt(fd, IPPROTO_TCP, TCP_INFO, &i, &len));
	say("sane", "mss %d cwnd %d rcv %d", i.tcpi_snd_mss > 500, i.tcpi_snd_cwnd > 0,
	    i.tcpi_rcv_space > 0);
	len = 10;
	result("short", getsockopt(fd, IPPROTO_TCP, TCP_INFO, &i, &len));
	say("short-len", "%u", (unsigned int)len);
	(void)ask(e, ASK_SHUTDOWN, slot, SHUT_WR);
	(void)wait_for(fd, POLLRDHUP); /* for the end to be there */
	say("close-wait", "%d", info_state(fd));
	(void)shutdown(fd, SHUT_WR); /* of a connected one */
	while (info_state(fd) != TCP_CLOSE && moment(&rounds))
		;
	say("closed", "%d", info_state(fd));
	(void)close(fd); /* over */
}

static void interface(const struct env *e)
{
	const int fd = tcp_socket(e);
	struct ifreq ifr = { .ifr_name = "lo" };
	struct ifconf ifc = { 0 };

	result("flags", ioctl(fd, SIOCGIFFLAGS, &ifr));
	result("index", ioctl(fd, SIOCGIFINDEX, &ifr));
	result("mtu", ioctl(fd, SIOCGIFMTU, &ifr));
	result("address", ioctl(fd, SIOCGIFADDR, &ifr));
	result("conf", ioctl(fd, SIOCGIFCONF, &ifc));
	say("interfaces", "%d", ifc.ifc_len / (int)sizeof(ifr));
	(void)snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "nosuch0");
	result("none", ioctl(fd, SIOCGIFFLAGS, &ifr));
	(void)close(fd); /* over */
}

const struct section sections_option[] = {
	{ "option-fresh", fresh, true },
	{ "option-connected", connected, true },
	{ "cork", corked, true },
	{ "option-listening", listening, true },
	{ "option-length", lengths, false },
	{ "option-struct", structs, false },
	{ "option-range", ranges, false },
	{ "tcp-info", info, true },
	{ "interface", interface, false },
	{ 0 },
};
