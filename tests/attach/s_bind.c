/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * s_bind.c - ports, who has them, and who gets them too
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/attach/sockdiff.h"

/* One of two sockets that want the same port. */
struct want {
	const char *text;
	int addr; /* 'a' all, 'l' loopback, 'o' own */
	int option;
	bool listens;
};

static int want_bind(const struct env *e, const struct want *w, uint16_t port)
{
	const union addr any = addr_any(e->family, port), own = own_addr(e),
			 lo = addr_loopback(e->family, port);
	const union addr at = w->addr == 'a' ? any : w->addr == 'l' ? lo : addr_with(&own, port);
	const int fd = tcp_socket(e), one = 1;

	if (w->option)
		(void)setsockopt(fd, SOL_SOCKET, w->option, &one, sizeof(one)); /* seen */
	if (bind(fd, &at.sa, addr_len(&at)) < 0 || (w->listens && listen(fd, 1) < 0)) {
		const int err = errno;

		(void)close(fd); /* the error before counts */
		errno = err;
		return -1;
	}
	return fd;
}

/* What bind() says to the second one.  Somebody else may have the port by chance at an address
 * that the first one does not want: then another is tried.
 */
static const char *after_other(const struct env *e, const struct want *w, const struct want *other)
{
	int second = -1;

	for (int i = 0; i < 3 && second < 0; i++) {
		union addr a;
		socklen_t len = sizeof(a);
		const int first = want_bind(e, w, 0);

		(void)getsockname(first, &a.sa, &len); /* of a bound one */
		second = want_bind(e, other, addr_port(&a));
		(void)close(first); /* over; errno stays when it succeeds */
	}
	if (second < 0)
		return err_name(errno);
	(void)close(second); /* over */
	return "fd";
}

static void matrix(const struct env *e)
{
	static const struct want wants[] = {
		{ "any", 'a', 0, false },
		{ "lo", 'l', 0, false },
		{ "own", 'o', 0, false },
		{ "any-listen", 'a', 0, true },
		{ "lo-listen", 'l', 0, true },
		{ "any-reuseaddr", 'a', SO_REUSEADDR, false },
		{ "lo-reuseaddr", 'l', SO_REUSEADDR, false },
		{ "any-reuseaddr-listen", 'a', SO_REUSEADDR, true },
		{ "any-reuseport", 'a', SO_REUSEPORT, false },
		{ "any-reuseport-listen", 'a', SO_REUSEPORT, true },
		{ "own-reuseport-listen", 'o', SO_REUSEPORT, true },
	};
	char name[64];

	for (size_t i = 0; i < N_ELEMS(wants); i++)
		for (size_t k = 0; k < N_ELEMS(wants); k++) {
			(void)snprintf(name, sizeof(name), "%s+%s", wants[i].text, wants[k].text);
			say(name, "%s", after_other(e, &wants[i], &wants[k]));
		}
}

static void frees(const struct env *e)
{
	const struct want w = { "any", 'a', 0, false }, listens = { "listen", 'a', 0, true };
	union addr a, to;
	socklen_t len = sizeof(a);
	int fd = want_bind(e, &w, 0), l, rounds = 0;

	(void)getsockname(fd, &a.sa, &len); /* of a bound one */
	result("again", bind(fd, &a.sa, len));
	result("close", close(fd));
	fd = want_bind(e, &w, addr_port(&a));
	result_fd("bound", fd);
	result("close-bound", close(fd));
	fd = want_bind(e, &listens, addr_port(&a));
	result_fd("listening", fd);
	result("close-listening", close(fd));
	fd = want_bind(e, &listens, addr_port(&a));
	result_fd("listening-again", fd);
	l = peer_listen(e, &to);
	result("close-again", close(fd));
	fd = want_bind(e, &w, addr_port(&a));
	result("connect", connect_to(fd, &to));
	result_fd("taken", want_bind(e, &w, addr_port(&a)));
	(void)ask(e, ASK_ACCEPT, l, 0); /* for nobody to be in its queue */
	linger(fd, 1, 0);
	result("reset", close(fd));
	/* A reset may be sent by somebody else, a moment later. */
	do
		fd = want_bind(e, &w, addr_port(&a));
	while (fd < 0 && moment(&rounds));
	result_fd("free", fd);
	(void)close(fd); /* over */
}

static void reuse_share(const struct env *e)
{
	const struct want w = { "reuseport", 'a', SO_REUSEPORT, true };
	union addr a;
	socklen_t len = sizeof(a);
	int l[3] = { want_bind(e, &w, 0) }, n = 0;

	(void)getsockname(l[0], &a.sa, &len); /* of a bound one */
	l[1] = want_bind(e, &w, addr_port(&a));
	l[2] = want_bind(e, &w, addr_port(&a));
	say("listeners", "%d", (l[0] >= 0) + (l[1] >= 0) + (l[2] >= 0));
	for (int i = 0; i < 12; i++) {
		const union addr own = own_addr(e), at = addr_with(&own, addr_port(&a));
		struct pollfd p[3] = { { .fd = l[0], .events = POLLIN },
				       { .fd = l[1], .events = POLLIN },
				       { .fd = l[2], .events = POLLIN } };

		(void)peer_connect(e, &at);
		if (poll(p, 3, WAIT_MS) < 1)
			break;
		for (int k = 0; k < 3; k++)
			if (p[k].revents && accept(l[k], NULL, NULL) >= 0)
				n++;
	}
	say("accepted", "%d", n);
	for (int i = 0; i < 3; i++)
		(void)close(l[i]); /* over */
}

static int as_nobody(void *arg)
{
	const struct env *e = arg;
	int fd;

	if (setgid(65534) < 0 || setuid(65534) < 0)
		return 1;
	for (uint16_t port = 79; port < 1026; port = (uint16_t)(port + 945)) {
		const union addr a = addr_any(e->family, port);

		fd = tcp_socket(e);
		result(port < 1024 ? "privileged" : "unprivileged", bind(fd, &a.sa, addr_len(&a)));
		(void)close(fd); /* over */
	}
	return 0;
}

static void privileged(const struct env *e)
{
	const union addr a = addr_any(e->family, 79);
	struct env copy = *e;
	const int fd = tcp_socket(e);

	result("root", bind(fd, &a.sa, addr_len(&a)));
	(void)close(fd); /* over */
	say("child", "%d", reap(spawn(as_nobody, &copy)));
}

static void addresses(const struct env *e)
{
	const union addr foreign =
		e->family == AF_INET
			? (union addr){ .in = { .sin_family = AF_INET,
						.sin_addr.s_addr = htonl(0xc6336405) } }
			: e->nowhere[0];
	const union addr any = addr_any(e->family, 0);
	union addr bad = any;
	const int fd = tcp_socket(e);

	result("foreign", bind(fd, &foreign.sa, addr_len(&foreign)));
	result("short", bind(fd, &any.sa, addr_len(&any) - 5));
	result("shorter", bind(fd, &any.sa, 1));
	result("zero", bind(fd, &any.sa, 0));
	result("long", bind(fd, &any.sa, sizeof(any) + 1));
	bad.ss.ss_family = AF_UNIX;
	result("family", bind(fd, &bad.sa, addr_len(&any)));
	bad.ss.ss_family = AF_UNSPEC;
	result("unspec", bind(fd, &bad.sa, addr_len(&any)));
	(void)close(fd); /* over */
}

/* IPv4 and IPv6 sockets that want one port. */
static void dual(const struct env *e)
{
	static const char *const names[] = { "any6+any4",   "v6only+any4", "any4+any6",
					     "any4+v6only", "lo6+any4",    "mapped+any4" };
	struct env six = *e, four = *e;

	if (e->family != AF_INET)
		return;
	six.family = AF_INET6;
	for (size_t i = 0; i < N_ELEMS(names); i++) {
		const bool four_first = i == 2 || i == 3;
		const int only = i == 1 || i == 3;
		union addr a6 = i == 4 ? addr_loopback(AF_INET6, 0) : addr_any(AF_INET6, 0), got;
		union addr a4 = addr_any(AF_INET, 0);
		const int s6 = tcp_socket(&six), s4 = tcp_socket(&four);
		socklen_t len = sizeof(got);
		int r;

		if (i == 5) {
			a6.in6.sin6_addr.s6_addr[10] = a6.in6.sin6_addr.s6_addr[11] = 0xff;
			a6.in6.sin6_addr.s6_addr[12] = 127;
			a6.in6.sin6_addr.s6_addr[15] = 1;
		}
		/* The option is for before bind(). */
		(void)setsockopt(s6, IPPROTO_IPV6, IPV6_V6ONLY, &only, sizeof(only));
		if (four_first) {
			r = bind(s4, &a4.sa, addr_len(&a4));
			(void)getsockname(s4, &got.sa, &len); /* of a bound one */
			a6 = addr_with(&a6, addr_port(&got));
			if (r == 0)
				r = bind(s6, &a6.sa, addr_len(&a6));
		} else {
			r = bind(s6, &a6.sa, addr_len(&a6));
			(void)getsockname(s6, &got.sa, &len); /* of a bound one */
			a4 = addr_with(&a4, addr_port(&got));
			if (r == 0)
				r = bind(s4, &a4.sa, addr_len(&a4));
		}
		result(names[i], r);
		(void)close(s4); /* over */
		(void)close(s6); /* over */
	}
}

const struct section sections_bind[] = {
	{ "bind-matrix", matrix, false },
	{ "bind-frees", frees, true },
	{ "bind-reuseport", reuse_share, true },
	{ "bind-privileged", privileged, false },
	{ "bind-address", addresses, false },
	{ "bind-dual", dual, false },
	{ 0 },
};
