/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Routers: asking for them, and what their advertisements say (RFC 4861, 6.3; RFC 4862, 5.5.3;
 * RFC 4191; RFC 7559).
 */
#include "netstack/net/ndp_priv.h"
#include "wire/ipv6.h"

/* Metric of the kernel's prefix routes (IP6_RT_PRIO_ADDRCONF). */
#define PREFIX_METRIC 256

/* What a router may set (RFC 4861, 6.2.1), and the least that Linux takes. */
#define PARAM_MS_MAX   3600000
#define RETRANS_MS_MIN 100

/* Addresses made of advertisements, as on Linux (max_addresses). */
#define AUTOCONF_MAX 16

/* Nobody may make an address end sooner (RFC 4862, 5.5.3 (e)). */
#define TWO_HOURS_NS (7200 * NS_PER_S)

static bool may_listen(const struct net *net)
{
	return net->params.accept_ra && !net->params.ip6_forward;
}

/* Addresses and routes of a shared link come from who shares it. */
static bool may_ask(const struct net *net, const struct iface *ifc)
{
	return may_listen(net) && ifc->kind == IFACE_ETHERNET && !ifc->is_shared;
}

static uint64_t after_s(const struct net *net, uint32_t s)
{
	return s == NDP_LIFETIME_FOREVER ? TIMER_NEVER : net->core->now_ns + s * NS_PER_S;
}

/* --- routes --- */

static void add_default(struct net *net, struct net_iface *nif, struct ndp_router *rt)
{
	const struct route_conf r = {
		.gateway = rt->addr,
		.has_gateway = true,
		.ifindex = nif->ifc->index,
		.metric = rt->metric,
		.type = ROUTE_UNICAST,
	};

	if (route_add(net->routes, &r) < 0)
		rt->addr = IP6_UNSPECIFIED; /* the next advertisement tries again */
	net_changed(net);
}

static void del_default(struct net *net, struct net_iface *nif, struct ndp_router *rt)
{
	const struct route_conf r = {
		.gateway = rt->addr,
		.has_gateway = true,
		.ifindex = nif->ifc->index,
		.metric = rt->metric,
		.type = ROUTE_UNICAST,
	};

	(void)route_del(net->routes, &r); /* may have been deleted by hand */
	rt->addr = IP6_UNSPECIFIED;
	net_changed(net);
}

static struct route_conf route_of_prefix(const struct net_iface *nif, const struct ndp_prefix *p)
{
	return (struct route_conf){
		.dst = p->addr,
		.dst_len = p->len,
		.ifindex = nif->ifc->index,
		.metric = PREFIX_METRIC,
		.type = ROUTE_UNICAST,
	};
}

static void del_prefix(struct net *net, struct net_iface *nif, struct ndp_prefix *p)
{
	const struct route_conf r = route_of_prefix(nif, p);

	(void)route_del(net->routes, &r); /* may have been deleted by hand */
	p->len = 0;
	net_changed(net);
}

/* --- time --- */

static void send_solicit(struct net *net, struct net_iface *nif)
{
	const struct net_addr *src = addr_select(net, nif->ifc->index, IP6_ALL_ROUTERS);
	struct ndp_msg msg = {
		.dst = IP6_ALL_ROUTERS,
		.fixed = { .type = NDP_TYPE_ROUTER_SOLICIT },
	};

	if (src) {
		msg.src = src->conf.addr;
		msg.opt[msg.n_opts++] = (struct ndp_opt){
			.type = NDP_OPT_SOURCE_LLADDR,
			.known = true,
			.lladdr = nif->ifc->mac,
		};
	}
	ndp_send(net, nif->ifc, &msg);
}

/* A tenth more or less, so that hosts do not ask in step. */
static uint32_t jitter(struct core *c, uint32_t ms)
{
	return ms - ms / 10 + core_random_below(c, ms / 5 + 1);
}

/* RFC 7559, 2: twice the last interval, up to an hour, without end. */
static void solicit_fired(struct net *net, struct net_iface *nif)
{
	struct ndp_iface *nd = &nif->ndp;
	uint32_t ms = nd->rs_ms ? 2 * nd->rs_ms : NDP_RS_INTERVAL_MS;

	if (ms > NDP_RS_INTERVAL_MS_MAX)
		ms = NDP_RS_INTERVAL_MS_MAX;
	nd->rs_ms = jitter(net->core, ms);
	nd->rs_ns = net->core->now_ns + nd->rs_ms * NS_PER_MS;
	send_solicit(net, nif);
}

static void arm(struct net *net, struct ndp_iface *nd)
{
	uint64_t first = nd->rs_ns ? nd->rs_ns : TIMER_NEVER;

	for (unsigned int i = 0; i < NDP_ROUTERS_MAX; i++)
		if (!ip6_addr_is_unspecified(nd->router[i].addr) && nd->router[i].until_ns < first)
			first = nd->router[i].until_ns;
	for (unsigned int i = 0; i < NDP_PREFIXES_MAX; i++)
		if (nd->prefix[i].len && nd->prefix[i].until_ns < first)
			first = nd->prefix[i].until_ns;
	net_timer_set(net->core, &nd->timer, first);
}

static void fired(struct net *net, void *arg)
{
	struct net_iface *nif = arg;
	struct ndp_iface *nd = &nif->ndp;
	const uint64_t now = net->core->now_ns;

	for (unsigned int i = 0; i < NDP_ROUTERS_MAX; i++)
		if (!ip6_addr_is_unspecified(nd->router[i].addr) && nd->router[i].until_ns <= now)
			del_default(net, nif, &nd->router[i]);
	for (unsigned int i = 0; i < NDP_PREFIXES_MAX; i++)
		if (nd->prefix[i].len && nd->prefix[i].until_ns <= now)
			del_prefix(net, nif, &nd->prefix[i]);
	if (nd->rs_ns && nd->rs_ns <= now)
		solicit_fired(net, nif);
	arm(net, nd);
}

/* --- life --- */

void ndp_init(struct net_iface *nif)
{
	nif->ndp = (struct ndp_iface){ .rs_ns = 0 };
	net_timer_init(&nif->ndp.timer, fired, nif);
	redirect_init(nif);
}

void ndp_up(struct net *net, struct net_iface *nif)
{
	struct ndp_iface *nd = &nif->ndp;

	if (!may_ask(net, nif->ifc))
		return;
	nd->rs_ms = 0;
	nd->rs_ns =
		net->core->now_ns + core_random_below(net->core, NDP_RS_DELAY_MS_MAX) * NS_PER_MS;
	arm(net, nd);
}

void ndp_down(struct net *net, struct net_iface *nif)
{
	struct ndp_iface *nd = &nif->ndp;
	struct net_addr *next;

	for (unsigned int i = 0; i < NDP_ROUTERS_MAX; i++)
		if (!ip6_addr_is_unspecified(nd->router[i].addr))
			del_default(net, nif, &nd->router[i]);
	for (unsigned int i = 0; i < NDP_PREFIXES_MAX; i++)
		if (nd->prefix[i].len)
			del_prefix(net, nif, &nd->prefix[i]);
	for (struct net_addr *a = nif->addrs; a; a = next) {
		next = a->next;
		if (a->autoconf)
			addr_remove(net, a);
	}
	net_timer_del(net->core, &nd->timer);
	nd->rs_ns = 0;
	nd->mtu = 0;
	nd->hop_limit = 0;
	nif->ifc->reachable_ms = 0;
	nif->ifc->retrans_ms = 0;
	redirect_down(net, nif);
}

uint32_t ndp_mtu(const struct net_iface *nif)
{
	const uint32_t mtu = nif->ifc->mtu;

	return nif->ndp.mtu && nif->ndp.mtu < mtu ? nif->ndp.mtu : mtu;
}

uint8_t ndp_hop_limit(const struct net *net, const struct net_iface *nif)
{
	return nif->ndp.hop_limit ? nif->ndp.hop_limit : net->params.ttl;
}

/* --- what an advertisement says --- */

static struct ndp_router *find_router(struct ndp_iface *nd, struct ip6_addr addr)
{
	for (unsigned int i = 0; i < NDP_ROUTERS_MAX; i++)
		if (ip6_addr_eq(nd->router[i].addr, addr))
			return &nd->router[i];
	return NULL;
}

void ndp_router_gone(struct net *net, struct net_iface *nif, struct ip6_addr addr)
{
	struct ndp_router *rt = find_router(&nif->ndp, addr);

	if (rt)
		del_default(net, nif, rt);
}

static uint32_t metric_of(const struct net_iface *nif, unsigned int slot,
			  enum ndp_preference preference)
{
	const uint32_t rank = preference == NDP_PREFERENCE_HIGH  ? 0
			      : preference == NDP_PREFERENCE_LOW ? 2
								 : 1;

	return NDP_ROUTE_METRIC + (rank * (IFACE_MAX + 1) + nif->ifc->index) * NDP_ROUTERS_MAX +
	       slot;
}

static void take_router(struct net *net, struct net_iface *nif, struct ip6_addr from,
			const struct ndp_repr *r)
{
	struct ndp_iface *nd = &nif->ndp;
	struct ndp_router *rt = find_router(nd, from);
	uint32_t metric;

	if (r->ra.lifetime_s == 0) {
		if (rt)
			del_default(net, nif, rt);
		return;
	}
	nd->rs_ns = 0;
	if (!rt)
		rt = find_router(nd, IP6_UNSPECIFIED);
	if (!rt)
		return; /* there are enough */
	rt->until_ns = after_s(net, r->ra.lifetime_s);
	metric = metric_of(nif, (unsigned int)(rt - nd->router), r->ra.preference);
	if (ip6_addr_eq(rt->addr, from) && rt->metric == metric)
		return;
	if (ip6_addr_eq(rt->addr, from))
		del_default(net, nif, rt);
	rt->addr = from;
	rt->metric = metric;
	add_default(net, nif, rt);
}

static uint32_t bounded(uint32_t ms, uint32_t least)
{
	if (ms > PARAM_MS_MAX)
		return 0;
	return ms && ms < least ? least : ms;
}

static void take_params(struct net_iface *nif, const struct ndp_repr *r)
{
	const uint32_t reachable = bounded(r->ra.reachable_ms, 1);
	const uint32_t retrans = bounded(r->ra.retrans_ms, RETRANS_MS_MIN);

	if (r->ra.hop_limit)
		nif->ndp.hop_limit = r->ra.hop_limit;
	if (reachable)
		nif->ifc->reachable_ms = reachable;
	if (retrans)
		nif->ifc->retrans_ms = retrans;
}

static void take_mtu(struct net *net, struct net_iface *nif, uint32_t mtu)
{
	if (mtu < IPV6_MTU_LEAST || mtu > nif->ifc->mtu || mtu == nif->ndp.mtu)
		return;
	nif->ndp.mtu = mtu;
	net_changed(net);
}

static void take_on_link(struct net *net, struct net_iface *nif, const struct ndp_opt *opt)
{
	struct ndp_iface *nd = &nif->ndp;
	struct ndp_prefix *p = NULL, *vacant = NULL;
	struct route_conf r;

	for (unsigned int i = 0; i < NDP_PREFIXES_MAX && !p; i++) {
		if (nd->prefix[i].len == opt->prefix.len &&
		    ip6_addr_eq(nd->prefix[i].addr, opt->prefix.addr))
			p = &nd->prefix[i];
		else if (!nd->prefix[i].len)
			vacant = &nd->prefix[i];
	}
	if (opt->prefix.valid_s == 0) {
		if (p)
			del_prefix(net, nif, p);
		return;
	}
	if (!p && !vacant)
		return; /* there are enough */
	if (!p) {
		*vacant = (struct ndp_prefix){ .addr = opt->prefix.addr, .len = opt->prefix.len };
		r = route_of_prefix(nif, vacant);
		/* One that is there is an address's and stays when ours would end. */
		if (route_add(net->routes, &r) < 0) {
			vacant->len = 0;
			return;
		}
		net_changed(net);
		p = vacant;
	}
	p->until_ns = after_s(net, opt->prefix.valid_s);
}

/* RFC 4862, 5.5.3 (e): 0 is never. */
static uint64_t new_valid(const struct net *net, uint64_t old, uint32_t valid_s)
{
	const uint64_t now = net->core->now_ns, until = after_s(net, valid_s);

	if (until == TIMER_NEVER)
		return 0;
	if (until > now + TWO_HOURS_NS || (old && until > old))
		return until;
	return old && old <= now + TWO_HOURS_NS ? old : now + TWO_HOURS_NS;
}

static void set_lifetimes(struct net *net, struct net_addr *a, uint64_t valid_ns,
			  uint32_t preferred_s)
{
	const uint64_t until = after_s(net, preferred_s);
	const bool deprecated = preferred_s == 0;

	a->valid_ns = valid_ns;
	a->preferred_ns = until == TIMER_NEVER ? 0 : until ? until : 1;
	if (!addr_is_usable(a))
		return; /* DAD goes on, or it failed: then its timer is set for the end */
	if (deprecated != (a->state == NET_ADDR_DEPRECATED)) {
		a->state = deprecated ? NET_ADDR_DEPRECATED : NET_ADDR_PREFERRED;
		net_changed(net);
	}
	ndp_lifetime_arm(net, a);
}

static unsigned int count_autoconf(const struct net_iface *nif)
{
	unsigned int n = 0;

	for (const struct net_addr *a = nif->addrs; a; a = a->next)
		n += a->autoconf;
	return n;
}

/* RFC 4862, 5.5.3: the interface identifier is that of RFC 4291, appendix A. */
static void take_autonomous(struct net *net, struct net_iface *nif, const struct ndp_opt *opt)
{
	const struct net_addr_conf conf = {
		.ifindex = nif->ifc->index,
		.addr = { opt->prefix.addr.hi, ip6_addr_link_local(nif->ifc->mac).lo },
		.prefix_len = 64,
		.no_prefix_route = true,
	};
	struct net_addr *a;

	if (opt->prefix.len != 64 || opt->prefix.preferred_s > opt->prefix.valid_s)
		return;
	a = addr_lookup(net, conf.addr, conf.ifindex);
	if (a) {
		if (a->autoconf)
			set_lifetimes(net, a, new_valid(net, a->valid_ns, opt->prefix.valid_s),
				      opt->prefix.preferred_s);
		return;
	}
	if (opt->prefix.valid_s == 0 || count_autoconf(nif) >= AUTOCONF_MAX ||
	    addr_add(net, &conf) < 0)
		return;
	a = addr_lookup(net, conf.addr, conf.ifindex);
	if (!a)
		return;
	a->autoconf = true;
	set_lifetimes(
		net, a,
		opt->prefix.valid_s == NDP_LIFETIME_FOREVER ? 0 : after_s(net, opt->prefix.valid_s),
		opt->prefix.preferred_s);
}

static void take_options(struct net *net, struct net_iface *nif, const uint8_t *msg, size_t len,
			 size_t at)
{
	struct ndp_opt opt;
	int n;

	for (; at < len; at += (size_t)n) {
		n = ndp_opt_parse(msg + at, len - at, &opt);
		if (n < 0)
			return; /* ndp_parse() has looked at all of them */
		if (!opt.known)
			continue;
		if (opt.type == NDP_OPT_MTU)
			take_mtu(net, nif, opt.mtu);
		if (opt.type != NDP_OPT_PREFIX || !opt.prefix.len || nif->ifc->is_shared ||
		    ip6_addr_is_link_local(opt.prefix.addr) ||
		    ip6_addr_is_multicast(opt.prefix.addr))
			continue;
		if (opt.prefix.on_link)
			take_on_link(net, nif, &opt);
		if (opt.prefix.autonomous)
			take_autonomous(net, nif, &opt);
	}
}

int ndp_router_in(struct net *net, struct net_iface *nif, struct ip6_addr from,
		  const struct ndp_repr *fixed, const uint8_t *msg, size_t len, size_t opts)
{
	struct eth_addr mac;
	struct neigh *n;

	if (!may_listen(net))
		return DROP_ICMP_TYPE;
	if (ndp_lladdr(msg, len, opts, NDP_OPT_SOURCE_LLADDR, &mac)) {
		if (!eth_addr_is_station(mac))
			return DROP_ND_BAD;
		neigh_learn(&net->neigh, nif->ifc->index, from, &mac, false, true, true);
		n = neigh_lookup(&net->neigh, nif->ifc->index, from);
		if (n)
			n->is_router = true;
	}
	take_params(nif, fixed);
	if (!nif->ifc->is_shared)
		take_router(net, nif, from, fixed);
	take_options(net, nif, msg, len, opts);
	arm(net, &nif->ndp);
	return RX_PASS;
}
