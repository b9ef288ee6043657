/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * s_names.c - getsockname() and getpeername(), and how addresses are handed over
 */
#include <net/if.h>

#include <errno.h>
#include <ifaddrs.h>
#include <netdb.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "tests/attach/sockdiff.h"

static void name(const char *text, int (*fn)(int, struct sockaddr *, socklen_t *), int fd,
		 const struct env *e)
{
	union addr a;
	socklen_t len = sizeof(a);
	int r;

	memset(&a, 0, sizeof(a));
	r = fn(fd, &a.sa, &len);
	name_of(text, r, &a, len, e);
}

static int peer_of(int fd, struct sockaddr *sa, socklen_t *len)
{
	return getpeername(fd, sa, len);
}

static int own_of(int fd, struct sockaddr *sa, socklen_t *len)
{
	return getsockname(fd, sa, len);
}

static void states(const struct env *e)
{
	int slot;
	const int fd = tcp_pair(e, &slot);
	char c;

	name("own", own_of, fd, e);
	name("peer", peer_of, fd, e);
	(void)shutdown(fd, SHUT_WR); /* of a connected one */
	name("shut-own", own_of, fd, e);
	name("shut-peer", peer_of, fd, e);
	(void)ask(e, ASK_CLOSE, slot, 0);
	(void)wait_for(fd, POLLHUP); /* for both to be over */
	result("read", read(fd, &c, 1));
	name("closed-own", own_of, fd, e);
	name("closed-peer", peer_of, fd, e);
	(void)close(fd); /* over */
}

static void after_reset(const struct env *e)
{
	int slot;
	const int fd = tcp_accepted(e, &slot);

	(void)ask(e, ASK_RESET, slot, 0);
	(void)wait_for(fd, POLLHUP); /* for it to be there */
	name("own", own_of, fd, e);
	name("peer", peer_of, fd, e);
	(void)close(fd); /* over */
}

static void lengths(const struct env *e)
{
	int slot;
	const int fd = tcp_pair(e, &slot);
	char buf[200];
	socklen_t len;

	for (socklen_t have = 0; have <= sizeof(buf); have += 100) {
		len = have;
		result("get", getsockname(fd, (struct sockaddr *)buf, &len));
		say("len", "%u", (unsigned int)len);
	}
	len = 2;
	memset(buf, 0x55, sizeof(buf));
	result("two", getpeername(fd, (struct sockaddr *)buf, &len));
	say("kept", "%d", buf[2] == 0x55);
	len = (socklen_t)-1;
	result("negative", getsockname(fd, (struct sockaddr *)buf, &len));
	len = sizeof(buf);
	result("null", getsockname(fd, NULL, &len));
	result("null-len", getsockname(fd, (struct sockaddr *)buf, NULL));
	(void)close(fd); /* over */
}

static void bound_name(const struct env *e)
{
	const union addr lo = addr_loopback(e->family, 0), own = own_addr(e);
	int fd = tcp_socket(e);

	result("bind-lo", bind(fd, &lo.sa, addr_len(&lo)));
	name("lo", own_of, fd, e);
	(void)close(fd); /* over */
	fd = tcp_socket(e);
	result("bind-own", bind(fd, &own.sa, addr_len(&own)));
	name("own", own_of, fd, e);
	result("listen", listen(fd, 1));
	name("listening", own_of, fd, e);
	name("listening-peer", peer_of, fd, e);
	(void)close(fd); /* over */
}

/* A dual socket that an IPv4 peer connects to, and one that may not. */
static void mapped(const struct env *e)
{
	struct env six = *e;
	const int one = 1;
	union addr at, from;
	socklen_t len = sizeof(from);
	char host[NI_MAXHOST] = "";
	int l, fd;
	struct ask q = { .op = ASK_CONNECT };

	if (e->family != AF_INET)
		return;
	six.family = AF_INET6;
	l = tcp_socket(&six);
	int_option("v6only", l, IPPROTO_IPV6, IPV6_V6ONLY);
	result("listen", listen(l, 8));
	(void)getsockname(l, &at.sa, &len); /* of a bound one */
	q.addr = own_addr(e);
	q.addr = addr_with(&q.addr, addr_port(&at));
	say("connect", "%s", ask_full(e, &q).r >= 0 ? "yes" : "no");
	len = sizeof(from);
	fd = accept(l, &from.sa, &len);
	(void)getnameinfo(&from.sa, len, host, sizeof(host), NULL, 0, NI_NUMERICHOST);
	say("from", "len %u %.7s", (unsigned int)len, host);
	len = sizeof(from);
	(void)getsockname(fd, &from.sa, &len); /* of an accepted one */
	(void)getnameinfo(&from.sa, len, host, sizeof(host), NULL, 0, NI_NUMERICHOST);
	say("name", "len %u %.7s", (unsigned int)len, host);
	(void)close(fd); /* over */
	(void)close(l);  /* over */
	l = tcp_socket(&six);
	result("set", setsockopt(l, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof(one)));
	result("only-listen", listen(l, 8));
	len = sizeof(at);
	(void)getsockname(l, &at.sa, &len); /* of a bound one */
	result("set-bound", setsockopt(l, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof(one)));
	q.addr = addr_with(&q.addr, addr_port(&at));
	say("only", "%s", err_name((int)-ask_full(e, &q).r));
	(void)close(l); /* over */
	l = tcp_socket(&six);
	(void)setsockopt(l, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof(one)); /* seen */
	at = (union addr){ .in6 = { .sin6_family = AF_INET6,
				    .sin6_port = htons(9),
				    .sin6_addr.s6_addr = { [10] = 0xff, 0xff, 127, 0, 0, 1 } } };
	result("only-mapped", connect_to(l, &at));
	(void)close(l); /* over */
}

static int lookup(const char *text, const char *host, int flags)
{
	const struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = flags };
	struct addrinfo *list = NULL;
	int r = getaddrinfo(host, "80", &hints, &list), n4 = 0, n6 = 0;

	for (struct addrinfo *a = list; a; a = a->ai_next)
		*(a->ai_family == AF_INET ? &n4 : &n6) += 1;
	if (r)
		say(text, "%s", gai_strerror(r));
	else
		say(text, "%d IPv4, %d IPv6", n4, n6);
	if (list)
		freeaddrinfo(list);
	return r;
}

/* How the library finds things out, which uses sockets of its own. */
static void library(const struct env *e)
{
	struct ifaddrs *list, *a;
	int n4 = 0, n6 = 0, links = 0, own = 0;
	const union addr me = own_addr(e);

	(void)lookup("numeric4", "192.0.2.7", AI_NUMERICHOST);
	(void)lookup("numeric6", "2001:db8::7", AI_NUMERICHOST);
	(void)lookup("passive", NULL, AI_PASSIVE);
	(void)lookup("addrconfig", "192.0.2.7", AI_ADDRCONFIG);
	(void)lookup("nonsense", "no such host", AI_NUMERICHOST);
	result("getifaddrs", getifaddrs(&list));
	for (a = list; a; a = a->ifa_next) {
		if (!a->ifa_addr)
			continue;
		n4 += a->ifa_addr->sa_family == AF_INET;
		n6 += a->ifa_addr->sa_family == AF_INET6;
		links += a->ifa_addr->sa_family == AF_PACKET;
		own += a->ifa_addr->sa_family == AF_INET && me.sa.sa_family == AF_INET &&
		       ((const union addr *)a->ifa_addr)->in.sin_addr.s_addr ==
			       me.in.sin_addr.s_addr;
	}
	freeifaddrs(list);
	say("interfaces", "%d links, %d IPv4 (own: %d), %d IPv6", links, n4, own, n6);
	say("lo", "%s", if_nametoindex("lo") ? "yes" : "no");
	say("eth0", "%s", if_nametoindex("eth0") ? "yes" : "no");
}

const struct section sections_names[] = {
	{ "names", states, true },
	{ "names-reset", after_reset, true },
	{ "names-length", lengths, true },
	{ "names-bound", bound_name, true },
	{ "names-mapped", mapped, false },
	{ "library", library, false },
	{ 0 },
};
