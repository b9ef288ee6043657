/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What the kernel has, given to an instance.
 *
 * The kernel's routes to networks of its addresses come as any other routes, with its metrics: the
 * instance makes none of its own.  It does no duplicate address detection either; an address
 * comes when the kernel's is over, unless the kernel's reaches nobody (@own_dad): then the
 * instance asks where the kernel would have.
 *
 * The interface is up as the kernel's is set up.  Without a carrier it stays up, as the kernel's
 * does: packets are lost, and connections wait.
 */
#include "host/host_follow.h"

#include <errno.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "follow/follow.h"
#include "netstack/netstack.h"

/**
 * struct followed_addr - An address as it was told
 * @is_set:	The instance has it from us
 *
 * Linux may have an address with several prefix lengths, an instance has it with one.
 */
struct followed_addr {
	struct follow_addr a;
	bool is_set;
};

/**
 * struct host_follow - Between the two
 * @own_dad:	As in host_follow_new()
 * @link:	As it was told
 * @addr:	@n_addrs of them, with room for @addrs_max
 * @r:		First error of the instance since it was last looked at,
 * @err:	and its text
 */
struct host_follow {
	struct follow *follow;
	struct netstack *st;
	uint32_t ifindex;
	bool own_dad;
	struct follow_link link;
	struct followed_addr *addr;
	size_t n_addrs;
	size_t addrs_max;
	int r;
	struct nerr err;
};

/* What the instance cannot have (-EINVAL) it has not: a group as an address, a gateway that is
 * none.  What it has from elsewhere stays.  Neighbours beyond the size of its table
 * (-ENOSPC) it asks for their addresses.  Everything else ends this.
 */
static void check(struct host_follow *hf, int r, const char *what)
{
	if (r >= 0 || r == -EINVAL || r == -EEXIST || r == -ESRCH || r == -ENOENT || r == -ENOSPC ||
	    r == -EADDRNOTAVAIL || hf->r < 0)
		return;
	hf->r = nerr_set(&hf->err, r, "cannot change %s of '%s': %m", what, hf->link.name);
}

/* --- link --- */

static uint32_t mtu_of(const struct follow_link *link)
{
	if (link->mtu < IFACE_MTU_MIN)
		return IFACE_MTU_MIN;
	return link->mtu > IFACE_MTU_MAX ? IFACE_MTU_MAX : link->mtu;
}

static void on_link(void *arg, const struct follow_link *link)
{
	struct host_follow *hf = arg;
	const struct follow_link old = hf->link;

	if (!link) {
		hf->link.ifindex = 0;
		hf->link.up = false;
		check(hf, netstack_link_set_up(hf->st, hf->ifindex, false), "the state");
		return;
	}
	hf->link = *link;
	if (!old.ifindex || link->mtu != old.mtu)
		check(hf, netstack_link_set_mtu(hf->st, hf->ifindex, mtu_of(link)), "the MTU");
	if (!old.ifindex || !eth_addr_eq(link->mac, old.mac))
		check(hf, netstack_link_set_mac(hf->st, hf->ifindex, link->mac), "the MAC address");
	if (!old.ifindex || link->up != old.up)
		check(hf, netstack_link_set_up(hf->st, hf->ifindex, link->up), "the state");
}

/* --- addresses --- */

static struct net_addr_conf addr_conf(const struct host_follow *hf, const struct follow_addr *a)
{
	return (struct net_addr_conf){
		.ifindex = hf->ifindex,
		.addr = a->addr,
		.prefix_len = a->prefix_len,
		.no_dad = !hf->own_dad || !hf->link.asks_dad || a->no_dad,
		.deprecated = a->deprecated,
		.no_prefix_route = true,
	};
}

static void addr_set(struct host_follow *hf, struct followed_addr *fa)
{
	const struct net_addr_conf conf = addr_conf(hf, &fa->a);
	int r;

	if ((fa->a.tentative && !hf->own_dad) || fa->is_set)
		return;
	r = netstack_addr_add(hf->st, &conf);
	fa->is_set = r == 0;
	check(hf, r, "an address");
}

static void addr_unset(struct host_follow *hf, struct followed_addr *fa)
{
	const struct net_addr_conf conf = addr_conf(hf, &fa->a);

	if (!fa->is_set)
		return;
	fa->is_set = false;
	check(hf, netstack_addr_del(hf->st, &conf), "an address");
}

/* Again with another length, if it is there with one. */
static void addr_set_other(struct host_follow *hf, struct ip6_addr addr)
{
	for (size_t i = 0; i < hf->n_addrs; i++)
		if (ip6_addr_eq(hf->addr[i].a.addr, addr))
			addr_set(hf, &hf->addr[i]);
}

static struct followed_addr *addr_find(struct host_follow *hf, const struct follow_addr *a)
{
	for (size_t i = 0; i < hf->n_addrs; i++)
		if (ip6_addr_eq(hf->addr[i].a.addr, a->addr) &&
		    hf->addr[i].a.prefix_len == a->prefix_len)
			return &hf->addr[i];
	return NULL;
}

static struct followed_addr *addr_new(struct host_follow *hf)
{
	if (hf->n_addrs == hf->addrs_max) {
		const size_t max = hf->addrs_max ? 2 * hf->addrs_max : 8;
		struct followed_addr *more = reallocarray(hf->addr, max, sizeof(*more));

		if (!more)
			return NULL;
		hf->addr = more;
		hf->addrs_max = max;
	}
	return &hf->addr[hf->n_addrs++];
}

static void addr_added(struct host_follow *hf, const struct follow_addr *a)
{
	struct followed_addr *fa = addr_find(hf, a);

	if (fa) {
		/* Its flags changed; what the instance does not know is no reason to touch it. */
		if (fa->is_set &&
		    ((a->tentative && !hf->own_dad) || a->deprecated != fa->a.deprecated))
			addr_unset(hf, fa);
		fa->a = *a;
	} else {
		fa = addr_new(hf);
		if (!fa) {
			check(hf, -ENOMEM, "an address");
			return;
		}
		*fa = (struct followed_addr){ .a = *a };
	}
	addr_set(hf, fa);
	if (!fa->is_set)
		addr_set_other(hf, a->addr);
}

static void on_addr(void *arg, const struct follow_addr *a, bool add)
{
	struct host_follow *hf = arg;
	const struct follow_addr was = *a;
	struct followed_addr *fa;

	if (add) {
		addr_added(hf, a);
		return;
	}
	fa = addr_find(hf, a);
	if (!fa)
		return; /* there was no memory for it */
	addr_unset(hf, fa);
	/* In order: the first of several is the one that is preferred. */
	for (size_t i = (size_t)(fa - hf->addr) + 1; i < hf->n_addrs; i++)
		hf->addr[i - 1] = hf->addr[i];
	hf->n_addrs--;
	addr_set_other(hf, was.addr);
}

/* --- routes and neighbours --- */

static const uint8_t route_types[] = {
	[FOLLOW_UNICAST] = ROUTE_UNICAST,
	[FOLLOW_BLACKHOLE] = ROUTE_BLACKHOLE,
	[FOLLOW_UNREACHABLE] = ROUTE_UNREACHABLE,
	[FOLLOW_PROHIBIT] = ROUTE_PROHIBIT,
};

static void on_route(void *arg, const struct follow_route *r, bool add)
{
	struct host_follow *hf = arg;
	const struct route_conf conf = {
		.dst = r->dst,
		.gateway = r->gateway,
		.src = r->src,
		.ifindex = r->type == FOLLOW_UNICAST ? hf->ifindex : 0,
		.metric = r->metric,
		.mtu = r->mtu,
		.dst_len = r->dst_len,
		.type = route_types[r->type],
		.is_ip4 = r->is_ip4,
		.has_gateway = r->has_gateway,
		.has_src = r->has_src,
	};

	if (add)
		check(hf, netstack_route_add(hf->st, &conf), "a route");
	else
		check(hf, netstack_route_del(hf->st, &conf), "a route");
}

static void on_neigh(void *arg, const struct follow_neigh *n, bool add)
{
	struct host_follow *hf = arg;

	if (add)
		check(hf, netstack_neigh_add(hf->st, hf->ifindex, n->addr, n->mac), "a neighbour");
	else
		check(hf, netstack_neigh_del(hf->st, hf->ifindex, n->addr), "a neighbour");
}

/* The differences were told like anything else. */
static void on_lost(void *arg)
{
	(void)arg;
}

static const struct follow_ops ops = {
	.link = on_link,
	.addr = on_addr,
	.route = on_route,
	.neigh = on_neigh,
	.lost = on_lost,
};

/* --- life --- */

static int result(struct host_follow *hf, struct nerr *err)
{
	const int r = hf->r;

	hf->r = 0;
	return r < 0 ? nerr_set(err, r, "%s", hf->err.msg) : 0;
}

DEFINE_CLEANUP(struct host_follow *, host_follow_free);

int host_follow_new(struct host_follow **ret, struct netstack *st, uint32_t ifindex, int netns,
		    const char *ifname, bool own_dad, struct nerr *err)
{
	CLEANUP(host_follow_freep) struct host_follow *hf = calloc(1, sizeof(*hf));
	int r;

	if (!hf)
		return nerr_oom(err);
	hf->st = st;
	hf->ifindex = ifindex;
	hf->own_dad = own_dad;
	r = follow_new(&hf->follow, netns, ifname, true, &ops, hf, err);
	if (r == 0)
		r = result(hf, err);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(hf);
	return 0;
}

void host_follow_free(struct host_follow *hf)
{
	if (!hf)
		return;
	follow_free(hf->follow);
	free(hf->addr);
	free(hf);
}

int host_follow_fd(const struct host_follow *hf)
{
	return follow_fd(hf->follow);
}

int host_follow_read(struct host_follow *hf, uint64_t now_ns, struct nerr *err)
{
	int r;

	netstack_set_now(hf->st, now_ns);
	r = follow_read(hf->follow, err);
	return r < 0 ? r : result(hf, err);
}
