/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * s_udp.c - datagrams
 */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/uio.h>
#include <unistd.h>

#include "tests/attach/sockdiff.h"

static char too_long[70000];

static int udp_socket(const struct env *e)
{
	return socket(e->family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
}

/* A socket of the peer, and of ours where it finds it. */
static int udp_both(const struct env *e, int *ret_slot, union addr *ret_to, union addr *ret_own)
{
	const union addr any = addr_any(e->family, 0), own = own_addr(e);
	const struct answer a = ask(e, ASK_UDP, 0, 0);
	const int fd = udp_socket(e);
	socklen_t len = sizeof(*ret_own);

	*ret_slot = (int)a.r;
	*ret_to = addr_with(&e->to, a.port);
	result("bind", bind(fd, &any.sa, addr_len(&any)));
	(void)getsockname(fd, &ret_own->sa, &len); /* of a bound one */
	*ret_own = addr_with(&own, addr_port(ret_own));
	return fd;
}

static void peer_sends(const struct env *e, int slot, const union addr *to, int n)
{
	const struct ask q = { .op = ASK_SEND_TO, .slot = slot, .n = n, .addr = *to };

	(void)ask_full(e, &q);
}

static void unconnected(const struct env *e)
{
	union addr to, own, from;
	socklen_t len = sizeof(from);
	int slot;
	const int fd = udp_both(e, &slot, &to, &own);
	char buf[2000];
	struct answer a;
	ssize_t n;

	mask_now("mask", fd);
	pattern_fill(buf, sizeof(buf), 0);
	result("sendto", sendto(fd, buf, 100, 0, &to.sa, addr_len(&to)));
	a = ask(e, ASK_RECV_FROM, slot, 0);
	say("arrives", "%lld %016llx %s", (long long)a.r, (unsigned long long)a.hash,
	    a.port == addr_port(&own) ? "same port" : "other port");
	result("empty", sendto(fd, buf, 0, 0, &to.sa, addr_len(&to)));
	say("empty-arrives", "%lld", (long long)ask(e, ASK_RECV_FROM, slot, 0).r);
	result("send", send(fd, buf, 1, 0));
	peer_sends(e, slot, &own, 300);
	mask_when("readable", fd, POLLIN);
	n = recvfrom(fd, buf, sizeof(buf), 0, &from.sa, &len);
	result("recvfrom", n);
	name_of("from", n < 0 ? -1 : 0, &from, len, e);
	peer_sends(e, slot, &own, 0);
	(void)wait_for(fd, POLLIN); /* for it to be there */
	result("zero", recv(fd, buf, sizeof(buf), 0));
	result("none", recv(fd, buf, sizeof(buf), MSG_DONTWAIT));
	result("too-long", sendto(fd, too_long, 70000, 0, &to.sa, addr_len(&to)));
	result("getpeername", getpeername(fd, &from.sa, &len));
	result("listen", listen(fd, 1));
	result("accept", accept(fd, NULL, NULL));
	(void)close(fd); /* over */
}

static void truncation(const struct env *e)
{
	union addr to, own;
	int slot, have = 0;
	const int fd = udp_both(e, &slot, &to, &own);
	char buf[64];
	struct iovec v = { buf, 10 };
	struct msghdr m = { .msg_iov = &v, .msg_iovlen = 1 };

	for (int i = 0; i < 5; i++)
		peer_sends(e, slot, &own, 50 + i);
	(void)wait_for(fd, POLLIN); /* for the first one to be there */
	result("fionread", ioctl(fd, FIONREAD, &have));
	say("first", "%d", have);
	result("peek", recv(fd, buf, 10, MSG_PEEK));
	result("peek-trunc", recv(fd, buf, 10, MSG_PEEK | MSG_TRUNC));
	result("recv", recv(fd, buf, 10, 0));
	(void)wait_for(fd, POLLIN); /* for the second one */
	result("trunc", recv(fd, buf, 10, MSG_TRUNC));
	(void)wait_for(fd, POLLIN); /* for the third one */
	result("recvmsg", recvmsg(fd, &m, 0));
	say("flags", "%s", m.msg_flags & MSG_TRUNC ? "TRUNC" : "none");
	(void)wait_for(fd, POLLIN); /* for the fourth one */
	result("recvmsg-trunc", recvmsg(fd, &m, MSG_TRUNC));
	(void)wait_for(fd, POLLIN); /* for the fifth one */
	result("nothing", recv(fd, NULL, 0, 0));
	result("none", recv(fd, buf, 10, MSG_DONTWAIT));
	(void)close(fd); /* over */
}

static void connected(const struct env *e)
{
	const struct sockaddr nothing = { .sa_family = AF_UNSPEC };
	union addr to, own, a;
	socklen_t len = sizeof(a);
	int slot, other, r;
	const int fd = udp_both(e, &slot, &to, &own);
	char buf[64];

	result("connect", connect_to(fd, &to));
	r = getpeername(fd, &a.sa, &len);
	name_of("peer", r, &a, len, e);
	len = sizeof(a);
	r = getsockname(fd, &a.sa, &len);
	name_of("name", r, &a, len, e);
	result("send", send(fd, "abc", 3, 0));
	say("arrives", "%lld", (long long)ask(e, ASK_RECV_FROM, slot, 0).r);
	/* From elsewhere nothing comes in. */
	other = (int)ask(e, ASK_UDP, 0, 0).r;
	peer_sends(e, other, &own, 7);
	peer_sends(e, slot, &own, 9);
	(void)wait_for(fd, POLLIN); /* for the one to be there */
	result("filtered", recv(fd, buf, sizeof(buf), 0));
	result("again", connect_to(fd, &to));
	result("disconnect", connect(fd, &nothing, sizeof(nothing)));
	result("no-peer", getpeername(fd, &a.sa, &len));
	result("no-send", send(fd, "abc", 3, 0));
	(void)close(fd); /* over */
}

/* The port is closed: an ICMP error comes back. */
static void refused(const struct env *e)
{
	const struct answer a = ask(e, ASK_UDP, 0, 0);
	const union addr to = addr_with(&e->to, a.port);
	const int fd = udp_socket(e);
	char c;

	(void)ask(e, ASK_CLOSE, (int)a.r, 0);
	result("connect", connect_to(fd, &to));
	result("send", send(fd, "x", 1, 0));
	mask_when("mask", fd, POLLERR);
	so_error("error", fd);
	mask_now("after", fd);
	result("send-again", send(fd, "x", 1, 0));
	(void)wait_for(fd, POLLERR); /* for it to be there */
	result("recv", recv(fd, &c, 1, MSG_DONTWAIT));
	result("recv-again", recv(fd, &c, 1, MSG_DONTWAIT));
	(void)close(fd); /* over */
}

static void many(const struct env *e)
{
	union addr to, own;
	int slot;
	const int fd = udp_both(e, &slot, &to, &own);
	char bufs[4][64];
	struct iovec v[4];
	struct mmsghdr m[4];

	memset(m, 0, sizeof(m));
	for (int i = 0; i < 4; i++) {
		v[i] = (struct iovec){ bufs[i], (size_t)(10 + i) };
		m[i].msg_hdr = (struct msghdr){ .msg_iov = &v[i],
						.msg_iovlen = 1,
						.msg_name = &to,
						.msg_namelen = addr_len(&to) };
	}
	result("sendmmsg", sendmmsg(fd, m, 4, 0));
	for (int i = 0; i < 4; i++)
		say("arrives", "%lld", (long long)ask(e, ASK_RECV_FROM, slot, 0).r);
	for (int i = 0; i < 3; i++)
		peer_sends(e, slot, &own, 5 + i);
	for (int i = 0; i < 4; i++)
		m[i].msg_hdr.msg_name = NULL;
	for (int i = 0; i < 3; i++) {
		(void)wait_for(fd, POLLIN); /* one at a time */
		result("recvmmsg", recvmmsg(fd, m, 1, 0, NULL));
		say("length", "%u", m[0].msg_len);
	}
	(void)close(fd); /* over */
}

const struct section sections_udp[] = {
	{ "udp", unconnected, true },         { "udp-trunc", truncation, true },
	{ "udp-connected", connected, true }, { "udp-refused", refused, true },
	{ "udp-many", many, true },           { 0 },
};
