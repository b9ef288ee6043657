/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "netlink/addr.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include <linux/if_addr.h>
#include <linux/rtnetlink.h>

#include <libmnl/libmnl.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "netlink/attr_priv.h"
#include "netlink/dump_priv.h"
#include "netlink/nlsock.h"

DEFINE_CLEANUP(struct nlsock *, nlsock_close);

/* --- asking --- */

/* 0 or -EBADMSG. */
static int addr_parse(const struct nlmsghdr *nlh, struct addr_info *ret)
{
	const struct ifaddrmsg *ifa = mnl_nlmsg_get_payload(nlh);
	struct ipaddr local = { 0 };
	struct ipaddr addr = { 0 };
	struct addr_info ai = { 0 };
	const struct nlattr *a;

	if (mnl_nlmsg_get_payload_len(nlh) < sizeof(*ifa) || ifa->ifa_index > INT32_MAX)
		return -EBADMSG;
	ai.ifindex = (int)ifa->ifa_index;
	ai.scope = ifa->ifa_scope;
	ai.flags = ifa->ifa_flags;
	attr_foreach(a, nlh, sizeof(*ifa)) {
		switch (mnl_attr_get_type(a)) {
		case IFA_ADDRESS:
			attr_get_ipaddr(a, ifa->ifa_family, &addr);
			break;
		case IFA_LOCAL:
			attr_get_ipaddr(a, ifa->ifa_family, &local);
			break;
		case IFA_FLAGS: /* all 32 bits of what ifa_flags has 8 of */
			attr_get_u32(a, &ai.flags);
			break;
		default:
			break;
		}
	}
	/* On a point-to-point link IFA_ADDRESS is the other end. */
	ai.net.addr = ipaddr_is_set(&local) ? local : addr;
	if (!ipaddr_is_set(&ai.net.addr) || ifa->ifa_prefixlen > ipaddr_bits(&ai.net.addr))
		return -EBADMSG;
	ai.net.prefix_len = ifa->ifa_prefixlen;
	*ret = ai;
	return 0;
}

struct addr_filter {
	int ifindex;
	uint8_t family;
};

/* Kernels without strict checking ignore the filter of the request. */
static int dump_one(const struct nlmsghdr *nlh, struct dump *d, const void *arg)
{
	const struct addr_filter *f = arg;
	struct addr_info ai;

	if (nlh->nlmsg_type != RTM_NEWADDR || addr_parse(nlh, &ai) < 0)
		return 0;
	if (f->ifindex && ai.ifindex != f->ifindex)
		return 0;
	if (f->family && ai.net.addr.family != f->family)
		return 0;
	return dump_add(d, &ai);
}

/* Gather into @d, which the caller frees. */
static int gather(struct nlsock *nl, int ifindex, uint8_t family, struct dump *d, struct nerr *err)
{
	struct addr_filter f = { .ifindex = ifindex, .family = family };
	uint8_t buf[128] = { 0 };
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);
	struct ifaddrmsg *ifa;
	int r;

	nlh->nlmsg_type = RTM_GETADDR;
	nlh->nlmsg_flags = NLM_F_DUMP;
	ifa = mnl_nlmsg_put_extra_header(nlh, sizeof(*ifa));
	ifa->ifa_family = family;
	ifa->ifa_index = (unsigned)ifindex;
	*d = (struct dump){
		.item_size = sizeof(struct addr_info),
		.parse = dump_one,
		.arg = &f,
	};
	r = dump_gather(nl, nlh, d, err);
	d->arg = NULL;
	if (r < 0)
		(void)nerr_ctx(err, "cannot list addresses of link %d", ifindex);
	return r;
}

int addr_dump(struct nlsock *nl, int ifindex, uint8_t family,
	      int (*cb)(const struct addr_info *ai, void *arg), void *arg, struct nerr *err)
{
	CLEANUP(dump_done) struct dump d = { 0 };
	const struct addr_info *ai;
	int r = gather(nl, ifindex, family, &d, err);

	if (r < 0)
		return r;
	ai = d.v;
	for (size_t i = 0; i < d.n; i++) {
		r = cb(&ai[i], arg);
		if (r < 0)
			return r;
	}
	return 0;
}

/* --- changes --- */

static void put_ifaddr(struct nlmsghdr *nlh, int ifindex, const struct ipnet *net)
{
	struct ifaddrmsg *ifa = mnl_nlmsg_put_extra_header(nlh, sizeof(*ifa));

	ifa->ifa_family = net->addr.family;
	ifa->ifa_prefixlen = net->prefix_len;
	ifa->ifa_scope = RT_SCOPE_UNIVERSE;
	ifa->ifa_index = (unsigned)ifindex;
	attr_put_ipaddr(nlh, IFA_LOCAL, &net->addr);
	attr_put_ipaddr(nlh, IFA_ADDRESS, &net->addr);
}

static void put_add(struct nlsock *nl, int ifindex, const char *ifname, const struct ipnet *net,
		    bool nodad, int ignore)
{
	char text[IPNET_STR_LEN];
	struct nlmsghdr *nlh =
		nlsock_msg(nl, RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, ignore,
			   "cannot add address %s to '%s'", ipnet_to_str(net, text), ifname);

	put_ifaddr(nlh, ifindex, net);
	if (net->addr.family == AF_INET && net->prefix_len < 31) {
		struct ipaddr brd = ipnet_last(net);

		attr_put_ipaddr(nlh, IFA_BROADCAST, &brd);
	}
	if (net->addr.family == AF_INET6 && nodad)
		mnl_attr_put_u32(nlh, IFA_FLAGS, IFA_F_NODAD);
}

void addr_put(struct nlsock *nl, int ifindex, const char *ifname, const struct ipnet *net,
	      bool nodad)
{
	put_add(nl, ifindex, ifname, net, nodad, 0);
}

void addr_put_keep(struct nlsock *nl, int ifindex, const char *ifname, const struct ipnet *net,
		   bool nodad)
{
	put_add(nl, ifindex, ifname, net, nodad, -EEXIST);
}

void addr_put_del(struct nlsock *nl, int ifindex, const char *ifname, const struct ipnet *net)
{
	char text[IPNET_STR_LEN];

	put_ifaddr(nlsock_msg(nl, RTM_DELADDR, 0, -EADDRNOTAVAIL,
			      "cannot remove address %s from '%s'", ipnet_to_str(net, text),
			      ifname),
		   ifindex, net);
}

/* --- duplicate address detection --- */

/**
 * struct watch - The link whose notifications count
 * @seen:	One came
 */
struct watch {
	int ifindex;
	bool seen;
};

static int watch_one(const struct nlmsghdr *nlh, void *arg)
{
	const struct ifaddrmsg *ifa = mnl_nlmsg_get_payload(nlh);
	struct watch *w = arg;

	if (mnl_nlmsg_get_payload_len(nlh) >= sizeof(*ifa) &&
	    ifa->ifa_index == (unsigned)w->ifindex)
		w->seen = true;
	return 0;
}

/* 1 when an address is tentative still, 0 when none is, -EADDRNOTAVAIL. */
static int dad_state(struct nlsock *nl, int ifindex, const char *ifname, struct nerr *err)
{
	CLEANUP(dump_done) struct dump d = { 0 };
	int r = gather(nl, ifindex, AF_INET6, &d, err);
	const struct addr_info *ai = d.v;
	bool tentative = false;

	if (r < 0)
		return r;
	for (size_t i = 0; i < d.n; i++) {
		char text[IPADDR_STR_LEN];

		if (ai[i].flags & IFA_F_DADFAILED)
			return nerr_set(err, -EADDRNOTAVAIL,
					"link %s has address %s in DADFAILED state", ifname,
					ipaddr_to_str(&ai[i].net.addr, text));
		if (ai[i].flags & IFA_F_TENTATIVE)
			tentative = true;
	}
	return tentative;
}

int addr_wait_dad(int ifindex, const char *ifname, int timeout_ms, struct nerr *err)
{
	CLEANUP(nlsock_closep) struct nlsock *events = NULL;
	CLEANUP(nlsock_closep) struct nlsock *nl = NULL;
	int64_t deadline = nlsock_deadline(timeout_ms);
	int r = nlsock_open(&events, NETLINK_ROUTE, err);

	if (r < 0)
		return r;
	r = nlsock_open(&nl, NETLINK_ROUTE, err);
	if (r < 0)
		return r;
	/* Subscribed before the first look: no change can fall between the two. */
	r = nlsock_subscribe(events, RTNLGRP_IPV6_IFADDR, err);
	if (r < 0)
		return r;
	for (;;) {
		struct watch w = { .ifindex = ifindex };

		r = dad_state(nl, ifindex, ifname, err);
		if (r <= 0)
			return r;
		while (!w.seen) {
			r = nlsock_wait(events, deadline, watch_one, &w, err);
			if (r == -ENOBUFS)
				break; /* look for ourselves */
			if (r == -ETIMEDOUT)
				return nerr_set(err, r,
						"link %s still has tentative addresses after %d ms",
						ifname, timeout_ms);
			if (r < 0) {
				(void)nerr_ctx(err, "cannot wait for addresses of '%s'", ifname);
				return r;
			}
		}
	}
}
