/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * s_connect.c - connect() that blocks
 */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "tests/attach/sockdiff.h"

static void name_lines(const char *me, const char *peer, int fd, const struct env *e)
{
	union addr a;
	socklen_t len = sizeof(a);
	int r;

	memset(&a, 0, sizeof(a));
	r = getsockname(fd, &a.sa, &len);
	name_of(me, r, &a, len, e);
	len = sizeof(a);
	r = getpeername(fd, &a.sa, &len);
	name_of(peer, r, &a, len, e);
}

static void connects(const struct env *e)
{
	union addr to;
	const int l = peer_listen(e, &to), fd = tcp_socket(e);
	struct answer a;

	mask_now("fresh", fd);
	name_lines("fresh-name", "fresh-peer", fd, e);
	result("connect", connect_to(fd, &to));
	mask_now("connected", fd);
	so_error("error", fd);
	name_lines("name", "peer", fd, e);
	result("again", connect_to(fd, &to));
	result("listen", listen(fd, 1));
	result("bind",
	       bind(fd, &(union addr){ .ss.ss_family = (sa_family_t)e->family }.sa, addr_len(&to)));
	a = ask(e, ASK_ACCEPT, l, 0);
	result("send", send(fd, "hello", 5, 0));
	say("arrives", "%lld", (long long)ask(e, ASK_RECV, (int)a.r, 5).r);
	result("close", close(fd));
	say("end", "%lld", (long long)ask(e, ASK_RECV, (int)a.r, 1).r);
}

static void refused(const struct env *e)
{
	const union addr nobody = closed_port(e);
	union addr to;
	const int fd = tcp_socket(e), l = peer_listen(e, &to);

	result("first", connect_to(fd, &nobody));
	so_error("error", fd);
	mask_now("mask", fd);
	name_lines("name", "peer", fd, e);
	result_pipe("write", write(fd, "x", 1));
	result("second", connect_to(fd, &nobody));
	result("third", connect_to(fd, &nobody));
	result("connects", connect_to(fd, &to));
	mask_now("connected", fd);
	say("accepted", "%s", ask(e, ASK_ACCEPT, l, 0).r >= 0 ? "yes" : "no");
	result("isconn", connect_to(fd, &to));
	(void)close(fd); /* over */
}

static void refused_options(const struct env *e)
{
	const union addr nobody = closed_port(e);
	const int fd = tcp_socket(e), one = 1;
	const struct timeval tv = { .tv_sec = 7 };
	struct timeval got = { 0 };
	socklen_t len = sizeof(got);

	(void)setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &one, sizeof(one)); /* read below */
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv));    /* read below */
	result("connect", connect_to(fd, &nobody));
	int_option("keepalive", fd, SOL_SOCKET, SO_KEEPALIVE);
	result("get", getsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &got, &len));
	say("timeout", "%ld", (long)got.tv_sec);
	(void)close(fd); /* over */
}

static void unreachable(const struct env *e)
{
	static const char *const names[] = { "host", "network" };
	static const char *const agains[] = { "host-again", "network-again" };

	if (e->is_local)
		return;
	for (int i = 0; i < 2; i++) {
		const union addr a = addr_with(&e->nowhere[i], 80);
		const int fd = tcp_socket(e);

		result(names[i], connect_to(fd, &a));
		result(agains[i], connect_to(fd, &a));
		(void)close(fd); /* over */
	}
}

static void silent(const struct env *e)
{
	const union addr a = addr_with(&e->silent, 80);
	int fd;

	if (e->is_local)
		return;
	fd = tcp_socket(e);
	result("connect", connect_to(fd, &a));
	so_error("error", fd);
	(void)close(fd); /* over */
}

static void bound(const struct env *e)
{
	const union addr any = addr_any(e->family, 0), nobody = closed_port(e);
	union addr to, a;
	const int l = peer_listen(e, &to), fd = tcp_socket(e);
	socklen_t len = sizeof(a);
	uint16_t port;

	result("bind", bind(fd, &any.sa, addr_len(&any)));
	mask_now("mask", fd);
	name_lines("name", "peer", fd, e);
	(void)getsockname(fd, &a.sa, &len); /* said above */
	port = addr_port(&a);
	result("refused", connect_to(fd, &nobody));
	len = sizeof(a);
	(void)getsockname(fd, &a.sa, &len); /* said above */
	say("kept", "%s", addr_port(&a) == port ? "yes" : "no");
	result("connect", connect_to(fd, &to));
	name_lines("name-after", "peer-after", fd, e);
	len = sizeof(a);
	(void)getsockname(fd, &a.sa, &len); /* said above */
	say("same", "%s", addr_port(&a) == port ? "yes" : "no");
	(void)ask(e, ASK_ACCEPT, l, 0); /* for nobody to be in its queue */
	(void)close(fd);                /* over */
}

static void unspec(const struct env *e)
{
	const struct sockaddr nothing = { .sa_family = AF_UNSPEC };
	union addr to;
	int slot;
	const int fd = tcp_pair(e, &slot), l = peer_listen(e, &to);

	result("disconnect", connect(fd, &nothing, sizeof(nothing)));
	name_lines("name", "peer", fd, e);
	say("reset", "%s", err_name((int)-ask(e, ASK_RECV, slot, 1).r));
	result("send", send(fd, "x", 1, MSG_NOSIGNAL));
	result("connect", connect_to(fd, &to));
	name_lines("name-after", "peer-after", fd, e);
	slot = (int)ask(e, ASK_ACCEPT, l, 0).r;
	result("send-after", send(fd, "abc", 3, 0));
	say("arrives", "%lld", (long long)ask(e, ASK_RECV, slot, 3).r);
	result("again", connect(fd, &nothing, sizeof(nothing)));
	(void)close(fd); /* over */
}

static void unspec_fresh(const struct env *e)
{
	const struct sockaddr nothing = { .sa_family = AF_UNSPEC };
	const int fd = tcp_socket(e);

	result("disconnect", connect(fd, &nothing, sizeof(nothing)));
	result("short", connect(fd, &nothing, 1));
	mask_now("mask", fd);
	(void)close(fd); /* over */
}

const struct section sections_connect[] = {
	{ "connect", connects, true },
	{ "refused", refused, true },
	{ "refused-options", refused_options, false },
	{ "unreachable", unreachable, true },
	{ "silent", silent, true },
	{ "bound", bound, true },
	{ "unspec", unspec, true },
	{ "unspec-fresh", unspec_fresh, false },
	{ 0 },
};
