/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Sockets, looks, and what notifications set off.
 */
#include "follow/follow.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <linux/rtnetlink.h>

#include <netlink/attr.h>
#include <netlink/errno.h>
#include <netlink/msg.h>
#include <netlink/netlink.h>
#include <netlink/socket.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/str.h"
#include "follow/follow_priv.h"
#include "sandbox/netns.h"

/* The kernel's own limit for a part of a dump is 32 KiB. */
#define BUF_LEN 65536

/* Notifications that may wait: some thousands.  The kernel charges each at twice its size. */
#define EVENTS_BYTES (4 << 20)

/* A call reads at most so many datagrams of a socket.  A part of a dump has about 300 routes. */
#define READS_MAX 16

/* A table that changes all the time is hardly torn in all of so many dumps: follow_new() does not
 * try for ever, follow_read() does.
 */
#define TORN_MAX 16

/* The kernel has its answer ready when the question was sent; so long it is waited for. */
#define ANSWER_MS 5000

static const char *const look_name[] = {
	[LOOK_LINK] = "an interface",  [LOOK_ADDR] = "addresses",   [LOOK_ROUTE4] = "IPv4 routes",
	[LOOK_ROUTE6] = "IPv6 routes", [LOOK_NEIGH] = "neighbours",
};

static const uint16_t look_type[] = {
	[LOOK_LINK] = RTM_GETLINK,    [LOOK_ADDR] = RTM_GETADDR,   [LOOK_ROUTE4] = RTM_GETROUTE,
	[LOOK_ROUTE6] = RTM_GETROUTE, [LOOK_NEIGH] = RTM_GETNEIGH,
};

_Static_assert(ARRAY_SIZE(look_name) == LOOK_N && ARRAY_SIZE(look_type) == LOOK_N, "one each");

bool follow_get_addr(const struct nlattr *a, uint8_t family, struct ip6_addr *ret)
{
	if (!a)
		return false;
	if (family == AF_INET && nla_len(a) == IP4_ADDR_LEN) {
		*ret = ip6_addr_of_ip4(get_be32(nla_data(a)));
		return true;
	}
	if (family != AF_INET6 || nla_len(a) != IP6_ADDR_LEN)
		return false;
	*ret = ip6_addr_get(nla_data(a));
	return true;
}

int follow_entry_new(struct follow_set *set, const struct follow_key *key,
		     struct follow_entry **ret)
{
	struct follow_entry *e = follow_set_add(set, key);

	if (!e)
		return set->n == set->n_max ? -E2BIG : -ENOMEM;
	*ret = e;
	return 0;
}

static int entry_error(const struct follow *f, int r, struct nerr *err)
{
	if (r == -E2BIG)
		return nerr_set(err, r,
				"'%s' has more than %u addresses, %u routes or %u neighbours",
				f->ifname, FOLLOW_ADDRS_MAX, FOLLOW_ROUTES_MAX, FOLLOW_NEIGHS_MAX);
	return nerr_oom(err);
}

/* --- reading --- */

/* One datagram of the kernel's: its length; -EAGAIN; -ENOBUFS when some were lost. */
static int receive(struct follow *f, struct nl_sock *sk, struct nerr *err)
{
	struct sockaddr_nl from = { .nl_family = AF_NETLINK };
	struct iovec iov = { .iov_base = f->buf, .iov_len = BUF_LEN };
	struct msghdr msg = {
		.msg_name = &from, .msg_namelen = sizeof(from), .msg_iov = &iov, .msg_iovlen = 1
	};
	ssize_t n;

	do {
		n = recvmsg(nl_socket_get_fd(sk), &msg, MSG_DONTWAIT);
	} while (n < 0 && errno == EINTR);
	if (n < 0 && (errno == EAGAIN || errno == ENOBUFS))
		return -errno;
	if (n < 0)
		return nerr_set(err, -errno, "cannot read what the kernel says about '%s': %m",
				f->ifname);
	if (msg.msg_flags & MSG_TRUNC)
		return -ENOBUFS;
	/* Other processes may send here too. */
	return msg.msg_namelen == sizeof(from) && from.nl_pid == 0 ? (int)n : 0;
}

/* --- looks --- */

static bool put_question(struct follow *f, struct nl_msg *msg)
{
	switch (f->look) {
	case LOOK_LINK:
		return follow_link_ask(f, msg);
	case LOOK_ADDR:
		return follow_addr_ask(f, msg);
	case LOOK_ROUTE4:
	case LOOK_ROUTE6:
		return follow_route_ask(f, msg);
	case LOOK_NEIGH:
	case LOOK_N:
		break;
	}
	return follow_neigh_ask(f, msg);
}

static int ask(struct follow *f, enum follow_look look, struct nerr *err)
{
	struct nl_msg *msg =
		nlmsg_alloc_simple(look_type[look], look == LOOK_LINK ? 0 : NLM_F_DUMP);
	int r;

	if (!msg)
		return nerr_oom(err);
	f->look = look;
	if (!put_question(f, msg)) {
		nlmsg_free(msg);
		return nerr_oom(err);
	}
	r = nl_send_auto(f->asks, msg);
	f->seq = nlmsg_hdr(msg)->nlmsg_seq;
	nlmsg_free(msg);
	if (r < 0)
		return nerr_set(err, -EIO, "cannot ask the kernel for %s of '%s': %s",
				look_name[look], f->ifname, nl_geterror(r));
	f->dirty &= ~DIRTY(look);
	f->asked = true;
	f->torn = false;
	f->gen++;
	return 0;
}

/* The next look, if there is one to be taken.  In turn, as one may be torn again and again; but
 * without its interface there is nothing to be seen.
 */
static int ask_next(struct follow *f, struct nerr *err)
{
	if (f->asked)
		return 0;
	if (!f->link.ifindex)
		f->dirty &= DIRTY(LOOK_LINK);
	if (f->dirty & DIRTY(LOOK_LINK))
		return ask(f, LOOK_LINK, err);
	for (unsigned int i = 1; i <= LOOK_N; i++) {
		const enum follow_look look = (enum follow_look)((f->look + i) % LOOK_N);

		if (f->dirty & DIRTY(look))
			return ask(f, look, err);
	}
	f->n_torn = 0;
	if (f->lost) {
		f->lost = false;
		f->ops->lost(f->arg);
	}
	return 0;
}

/* All of it was seen, or there is nothing (@error). */
static int look_over(struct follow *f, int error, struct nerr *err)
{
	f->asked = false;
	if (f->torn) {
		f->n_torn++;
		f->dirty |= DIRTY(f->look);
		return 0;
	}
	switch (error) {
	case 0:
	case -ENODEV:     /* it has just gone: we shall hear of it */
	case -ENOENT:     /* no such table yet */
	case -EOPNOTSUPP: /* a kernel without that family */
	case -EAFNOSUPPORT:
		break;
	default:
		return nerr_set(err, error, "the kernel does not tell %s of '%s': %m",
				look_name[f->look], f->ifname);
	}
	switch (f->look) {
	case LOOK_LINK:
		if (error)
			follow_link_gone(f);
		break;
	case LOOK_ADDR:
		follow_addr_swept(f);
		break;
	case LOOK_ROUTE4:
	case LOOK_ROUTE6:
		follow_route_swept(f);
		break;
	case LOOK_NEIGH:
	case LOOK_N:
		follow_neigh_swept(f);
		break;
	}
	return 0;
}

static int seen(struct follow *f, struct nlmsghdr *nlh)
{
	switch (f->look) {
	case LOOK_LINK:
		follow_link_seen(f, nlh);
		return 0;
	case LOOK_ADDR:
		return follow_addr_seen(f, nlh);
	case LOOK_ROUTE4:
	case LOOK_ROUTE6:
		return follow_route_seen(f, nlh);
	case LOOK_NEIGH:
	case LOOK_N:
		break;
	}
	return follow_neigh_seen(f, nlh);
}

/* The errno in an error or at the end of a dump; 0 where there is none. */
static int error_in(struct nlmsghdr *nlh)
{
	int code = 0;

	if (nlmsg_datalen(nlh) >= (int)sizeof(code))
		memcpy(&code, nlmsg_data(nlh), sizeof(code));
	return code < 0 && code > -4096 ? code : 0;
}

/* A message of the answer. */
static int answer(struct follow *f, struct nlmsghdr *nlh, struct nerr *err)
{
	int r;

	if (!f->asked || nlh->nlmsg_seq != f->seq)
		return 0; /* of a look that was given up */
	if (nlh->nlmsg_flags & NLM_F_DUMP_INTR)
		f->torn = true;
	if (nlh->nlmsg_type == NLMSG_DONE || nlh->nlmsg_type == NLMSG_ERROR)
		return look_over(f, error_in(nlh), err);
	if (nlh->nlmsg_type < NLMSG_MIN_TYPE)
		return 0;
	r = seen(f, nlh);
	if (r < 0)
		return entry_error(f, r, err);
	return f->look == LOOK_LINK ? look_over(f, 0, err) : 0;
}

/* One datagram of it.  -EAGAIN */
static int read_answer(struct follow *f, struct nerr *err)
{
	struct nlmsghdr *nlh = (struct nlmsghdr *)(void *)f->buf;
	int n = receive(f, f->asks, err);
	int r;

	if (n == -ENOBUFS)
		return nerr_set(err, n, "the kernel's answer for %s of '%s' was lost",
				look_name[f->look], f->ifname);
	if (n < 0)
		return n;
	for (; nlmsg_ok(nlh, n); nlh = nlmsg_next(nlh, &n)) {
		r = answer(f, nlh, err);
		if (r < 0)
			return r;
	}
	return 0;
}

/* Take looks, but not for too long. */
static int look_around(struct follow *f, struct nerr *err)
{
	int r;

	for (unsigned int i = 0; i < READS_MAX; i++) {
		r = ask_next(f, err);
		if (r < 0 || !f->asked)
			return r;
		r = read_answer(f, err);
		if (r == -EAGAIN)
			return 0;
		if (r < 0)
			return r;
	}
	return ask_next(f, err); /* for the descriptor to become readable */
}

/* --- notifications --- */

int follow_notify(struct follow *f, struct nlmsghdr *nlh)
{
	switch (nlh->nlmsg_type) {
	case RTM_NEWLINK:
	case RTM_DELLINK:
		follow_link_notify(f, nlh);
		return 0;
	case RTM_NEWADDR:
	case RTM_DELADDR:
		follow_addr_notify(f, nlh);
		return 0;
	case RTM_NEWROUTE:
	case RTM_DELROUTE:
		return follow_route_notify(f, nlh);
	case RTM_NEWNEIGH:
	case RTM_DELNEIGH:
		return follow_neigh_notify(f, nlh);
	case RTM_NEWNEXTHOP:
	case RTM_DELNEXTHOP: /* its routes go or change with it, without a word */
		f->dirty |= DIRTY_ROUTES;
		return 0;
	default:
		return 0;
	}
}

static bool is_readable(struct nl_sock *sk)
{
	struct pollfd p = { .fd = nl_socket_get_fd(sk), .events = POLLIN };

	return poll(&p, 1, 0) > 0;
}

/* Those that are there, but not too many.  0; 1: there are more, for which the descriptor is
 * readable
 */
static int read_events(struct follow *f, struct nerr *err)
{
	for (unsigned int i = 0; i < READS_MAX; i++) {
		struct nlmsghdr *nlh = (struct nlmsghdr *)(void *)f->buf;
		int n = receive(f, f->events, err);
		int r;

		if (n == -EAGAIN)
			return 0;
		if (n == -ENOBUFS) {
			f->lost = true;
			f->dirty |= DIRTY_ALL;
			continue;
		}
		if (n < 0)
			return n;
		/* What will be looked at all over need not be told piece by piece. */
		for (; !f->lost && nlmsg_ok(nlh, n); nlh = nlmsg_next(nlh, &n)) {
			r = follow_notify(f, nlh);
			if (r < 0)
				return entry_error(f, r, err);
		}
	}
	return is_readable(f->events);
}

/* Once it has lost one, the kernel drops all notifications until the queue was empty: only then is
 * it time to look.
 */
int follow_read(struct follow *f, struct nerr *err)
{
	int r;

	if (!f->asked) {
		r = read_events(f, err);
		if (r < 0 || (r > 0 && f->lost))
			return r < 0 ? r : 0;
	}
	return look_around(f, err);
}

int follow_fd(const struct follow *f)
{
	return f->epoll;
}

/* --- life --- */

static int open_socket(struct nl_sock **ret, struct nerr *err)
{
	struct nl_sock *sk = nl_socket_alloc();
	int r;

	if (!sk)
		return nerr_oom(err);
	nl_socket_disable_auto_ack(sk);
	r = nl_connect(sk, NETLINK_ROUTE);
	if (r >= 0)
		r = nl_socket_set_nonblocking(sk);
	if (r < 0) {
		nl_socket_free(sk);
		return nerr_set(err, -EIO, "cannot open a socket for rtnetlink: %s",
				nl_geterror(r));
	}
	*ret = sk;
	return 0;
}

/* Inside the namespace. */
static int open_sockets(void *arg, struct nerr *err)
{
	static const int on = 1, events_bytes = EVENTS_BYTES;
	struct follow *f = arg;
	int r = open_socket(&f->events, err);

	if (r == 0)
		r = open_socket(&f->asks, err);
	if (r < 0)
		return r;
	/* Kernels that cannot answer less answer more, which does no harm. */
	(void)setsockopt(nl_socket_get_fd(f->asks), SOL_NETLINK, NETLINK_GET_STRICT_CHK, &on,
			 sizeof(on));
	/* Without the privilege it is net.core.rmem_max, and more is lost and looked at again. */
	if (setsockopt(nl_socket_get_fd(f->events), SOL_SOCKET, SO_RCVBUFFORCE, &events_bytes,
		       sizeof(events_bytes)) < 0)
		(void)setsockopt(nl_socket_get_fd(f->events), SOL_SOCKET, SO_RCVBUF, &events_bytes,
				 sizeof(events_bytes));
	r = nl_socket_add_memberships(f->events, RTNLGRP_LINK, RTNLGRP_IPV4_IFADDR,
				      RTNLGRP_IPV6_IFADDR, RTNLGRP_IPV4_ROUTE, RTNLGRP_IPV6_ROUTE,
				      RTNLGRP_NEIGH, 0);
	if (r < 0)
		return nerr_set(err, -EIO, "cannot join the groups of rtnetlink: %s",
				nl_geterror(r));
	/* Kernels before 5.3 have no next hop objects. */
	(void)nl_socket_add_membership(f->events, RTNLGRP_NEXTHOP);
	return 0;
}

static int open_epoll(struct follow *f, struct nerr *err)
{
	struct epoll_event ev = { .events = EPOLLIN };

	f->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (f->epoll < 0 ||
	    epoll_ctl(f->epoll, EPOLL_CTL_ADD, nl_socket_get_fd(f->events), &ev) < 0 ||
	    epoll_ctl(f->epoll, EPOLL_CTL_ADD, nl_socket_get_fd(f->asks), &ev) < 0)
		return nerr_set(err, -errno, "cannot wait for rtnetlink: %m");
	return 0;
}

/* The first looks, to their end. */
static int look_all(struct follow *f, struct nerr *err)
{
	f->dirty = DIRTY_ALL;
	for (;;) {
		struct pollfd p = { .fd = nl_socket_get_fd(f->asks), .events = POLLIN };
		int r = look_around(f, err);

		if (r < 0)
			return r;
		if (!f->asked || f->n_torn > TORN_MAX)
			return 0;
		r = poll(&p, 1, ANSWER_MS);
		if (r == 0)
			return nerr_set(err, -ETIMEDOUT,
					"the kernel does not answer for %s of '%s'",
					look_name[f->look], f->ifname);
		if (r < 0 && errno != EINTR)
			return nerr_set(err, -errno, "cannot wait for rtnetlink: %m");
	}
}

DEFINE_CLEANUP(struct follow *, follow_free);

int follow_new(struct follow **ret, int netns, const char *ifname, bool must_be,
	       const struct follow_ops *ops, void *arg, struct nerr *err)
{
	CLEANUP(follow_freep) struct follow *f = calloc(1, sizeof(*f));
	int r;

	if (!f)
		return nerr_oom(err);
	f->epoll = -1;
	f->ops = ops;
	f->arg = arg;
	f->addrs.n_max = FOLLOW_ADDRS_MAX;
	f->routes.n_max = FOLLOW_ROUTES_MAX;
	f->neighs.n_max = FOLLOW_NEIGHS_MAX;
	if (!*ifname || str_copy(f->ifname, sizeof(f->ifname), ifname) < 0)
		return nerr_set(err, -EINVAL, "'%s' is no name of an interface (1 to %zu bytes)",
				ifname, sizeof(f->ifname) - 1);
	f->buf = malloc(BUF_LEN);
	if (!f->buf)
		return nerr_oom(err);
	r = netns < 0 ? open_sockets(f, err) : netns_run_in(netns, open_sockets, f, err);
	if (r == 0)
		r = open_epoll(f, err);
	if (r == 0)
		r = look_all(f, err);
	if (r < 0)
		return r;
	if (must_be && !f->link.ifindex)
		return nerr_set(err, -ENODEV, "there is no interface '%s'", ifname);
	*ret = TAKE_PTR(f);
	return 0;
}

void follow_free(struct follow *f)
{
	if (!f)
		return;
	if (f->epoll >= 0)
		(void)close(f->epoll);
	nl_socket_free(f->asks);
	nl_socket_free(f->events);
	follow_set_done(&f->addrs);
	follow_set_done(&f->routes);
	follow_set_done(&f->neighs);
	free(f->buf);
	free(f);
}
