/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Neighbour solicitations and advertisements (RFC 4861, 7).
 */
#include "netstack/net/ndp.h"

#include "netstack/net/ndp_priv.h"
#include "wire/icmp6.h"

/* --- sending --- */

static bool emit(struct pbuf *pb, const struct ndp_msg *msg)
{
	uint8_t *at = pb->data;
	uint8_t *const end = at + pbuf_tailroom(pb);
	int n = ndp_emit(at, (size_t)(end - at), &msg->fixed);

	for (unsigned int i = 0; n >= 0; i++) {
		at += n;
		if (i == msg->n_opts)
			break;
		n = ndp_opt_emit(at, (size_t)(end - at), &msg->opt[i]);
	}
	if (n < 0)
		return false;
	(void)pbuf_put(pb, (uint32_t)(at - pb->data)); /* it was written there */
	icmp6_put_csum(pb->data, pb->linear, msg->src, msg->dst);
	return true;
}

/* The path of a neighbour that no route needs to lead to. */
static bool find_path(struct net *net, const struct iface *ifc, struct ip6_addr dst,
		      struct ip_path *ret)
{
	struct neigh *n = NULL;

	if (!ip6_addr_is_multicast(dst)) {
		n = neigh_get(&net->neigh, ifc->index, dst);
		if (!n)
			return false;
	}
	*ret = (struct ip_path){
		.gen = net->neigh.gen,
		.neigh = n ? n->id : SLAB_NONE,
		.mtu = ifc->mtu,
		.ifindex = (uint16_t)ifc->index,
	};
	return true;
}

void ndp_send(struct net *net, struct iface *ifc, const struct ndp_msg *msg)
{
	const struct ip_flow f = {
		.src = msg->src,
		.dst = msg->dst,
		.oif = ifc->index,
		.proto = IP_PROTO_ICMP6,
		.ttl = NDP_HOP_LIMIT,
		.no_loop = true,
		.transparent = true,
	};
	struct ip_path path;
	struct pbuf *pb = pbuf_alloc(net->core->pool);

	if (!pb) {
		core_count(net->core, DROP_NO_MEMORY);
		return;
	}
	if (!emit(pb, msg)) {
		core_drop(net->core, pb, DROP_ND_BAD);
		return;
	}
	if (!find_path(net, ifc, msg->dst, &path)) {
		core_drop(net->core, pb, DROP_NEIGH_TABLE);
		return;
	}
	net->stats.icmp_out++;
	(void)ip_out(net, pb, &f, &path); /* counts what it drops */
}

static void add_lladdr(struct ndp_msg *msg, enum ndp_opt_type type, const struct iface *ifc)
{
	msg->opt[msg->n_opts++] = (struct ndp_opt){
		.type = (uint8_t)type,
		.known = true,
		.lladdr = ifc->mac,
	};
}

void ndp_solicit(struct net *net, struct iface *ifc, struct ip6_addr target,
		 const struct eth_addr *to_mac)
{
	const struct net_addr *src = addr_select(net, ifc->index, target);
	struct ndp_msg msg = {
		.dst = to_mac ? target : ip6_addr_solicited(target),
		.fixed = { .type = NDP_TYPE_NEIGH_SOLICIT, .ns.target = target },
	};

	/* The answer has to come back on this link. */
	if (src && src->conf.ifindex != ifc->index)
		src = addr_select(net, ifc->index, IP6_ALL_NODES);
	/* From the unspecified address it would be a probe for a duplicate. */
	if (!src) {
		core_count(net->core, DROP_NO_ADDRESS);
		return;
	}
	msg.src = src->conf.addr;
	add_lladdr(&msg, NDP_OPT_SOURCE_LLADDR, ifc);
	ndp_send(net, ifc, &msg);
}

static void advertise(struct net *net, struct iface *ifc, struct ip6_addr target,
		      struct ip6_addr to, bool solicited)
{
	struct ndp_msg msg = {
		.src = target,
		.dst = to,
		.fixed = {
			.type = NDP_TYPE_NEIGH_ADVERT,
			.na = {
				.target = target,
				.router = net->params.ip6_forward,
				.solicited = solicited,
				.override = true,
			},
		},
	};

	add_lladdr(&msg, NDP_OPT_TARGET_LLADDR, ifc);
	ndp_send(net, ifc, &msg);
}

void ndp_announce(struct net *net, struct net_iface *nif, const struct net_addr *a)
{
	if (nif->ifc->kind == IFACE_ETHERNET)
		advertise(net, nif->ifc, a->conf.addr, IP6_ALL_NODES, false);
}

/* --- receiving --- */

/* The nonce of a probe (RFC 7527), NULL for none. */
static const uint8_t *find_nonce(const uint8_t *msg, size_t len, size_t at, struct ndp_opt *opt)
{
	int n;

	for (; at < len; at += (size_t)n) {
		n = ndp_opt_parse(msg + at, len - at, opt);
		if (n < 0)
			break;
		if (opt->type == NDP_OPT_NONCE && opt->known)
			return opt->nonce;
	}
	return NULL;
}

/* RFC 4861, 7.2.3 and 7.2.4; RFC 4862, 5.4.3. */
static int solicit_in(struct net *net, struct net_iface *nif, struct pbuf *pb, size_t opts,
		      struct ip6_addr target)
{
	const struct ip6_addr from = ip_rx(pb)->src;
	const bool is_probe = ip6_addr_is_unspecified(from);
	struct net_addr *a = addr_lookup(net, target, nif->ifc->index);
	struct eth_addr mac;
	struct ndp_opt opt;

	if (!a || a->state == NET_ADDR_DUPLICATED)
		return DROP_ND_NOT_OURS;
	if (a->state == NET_ADDR_TENTATIVE) {
		if (is_probe)
			ndp_dad_probe_in(net, a, find_nonce(pb->data, pb->len, opts, &opt));
		return DROP_ND_NOT_OURS;
	}
	if (is_probe) {
		if (nif->ifc->is_shared)
			return DROP_ND_NOT_OURS; /* who shares the link answers */
		advertise(net, nif->ifc, target, IP6_ALL_NODES, false);
		return RX_PASS;
	}
	if (ndp_lladdr(pb->data, pb->len, opts, NDP_OPT_SOURCE_LLADDR, &mac)) {
		if (!eth_addr_is_station(mac))
			return DROP_ND_BAD;
		neigh_learn(&net->neigh, nif->ifc->index, from, &mac, false, true, true);
	}
	if (!nif->ifc->is_shared)
		advertise(net, nif->ifc, target, from, true);
	return RX_PASS;
}

/* RFC 4861, 7.2.5; RFC 4862, 5.4.4. */
static int advert_in(struct net *net, struct net_iface *nif, const struct pbuf *pb, size_t opts,
		     const struct ndp_repr *r)
{
	const uint32_t ifindex = nif->ifc->index;
	struct net_addr *a = addr_lookup(net, r->na.target, ifindex);
	struct eth_addr mac;
	const bool has_mac = ndp_lladdr(pb->data, pb->len, opts, NDP_OPT_TARGET_LLADDR, &mac);
	struct neigh *n;

	if (has_mac && !eth_addr_is_station(mac))
		return DROP_ND_BAD;
	if (a) {
		/* Our own one comes back from a link that loops. */
		if (has_mac && eth_addr_eq(mac, nif->ifc->mac))
			return DROP_ND_NOT_OURS;
		if (a->state == NET_ADDR_TENTATIVE)
			ndp_dad_advert_in(net, a);
		else
			core_note(net->core, "nd: somebody else on %s says to have our address",
				  nif->ifc->name);
		return RX_PASS;
	}
	n = neigh_lookup(&net->neigh, ifindex, r->na.target);
	if (!n)
		return DROP_ND_NOT_OURS;
	if (n->is_router && !r->na.router)
		ndp_router_gone(net, nif, r->na.target);
	neigh_learn(&net->neigh, ifindex, r->na.target, has_mac ? &mac : NULL, r->na.solicited,
		    r->na.override, false);
	n = neigh_lookup(&net->neigh, ifindex, r->na.target);
	if (n)
		n->is_router = r->na.router;
	return RX_PASS;
}

/* RFC 4861, 8.3: its target's link address comes with it. */
static int better_hop_in(struct net *net, struct net_iface *nif, struct pbuf *pb, size_t opts,
			 const struct ndp_repr *r)
{
	struct eth_addr mac;
	const bool has_mac = ndp_lladdr(pb->data, pb->len, opts, NDP_OPT_TARGET_LLADDR, &mac);
	const int verdict =
		redirect_in(net, nif, ip_rx(pb)->src, r->redirect.dst, r->redirect.target);

	if (verdict == RX_PASS && has_mac && eth_addr_is_station(mac))
		neigh_learn(&net->neigh, nif->ifc->index, r->redirect.target, &mac, false, true,
			    true);
	return verdict;
}

static int fixed_in(struct net *net, struct net_iface *nif, struct pbuf *pb, size_t opts,
		    const struct ndp_repr *r)
{
	switch (r->type) {
	case NDP_TYPE_NEIGH_SOLICIT:
		return solicit_in(net, nif, pb, opts, r->ns.target);
	case NDP_TYPE_NEIGH_ADVERT:
		return advert_in(net, nif, pb, opts, r);
	case NDP_TYPE_ROUTER_ADVERT:
		return ndp_router_in(net, nif, ip_rx(pb)->src, r, pb->data, pb->len, opts);
	case NDP_TYPE_REDIRECT:
		return better_hop_in(net, nif, pb, opts, r);
	case NDP_TYPE_ROUTER_SOLICIT: /* we advertise nothing */
		break;
	}
	return DROP_ICMP_TYPE;
}

/* A mapped address is no address on a wire, and inside of here it would be an IPv4 one. */
static bool names_ip4(const struct ndp_repr *r)
{
	switch (r->type) {
	case NDP_TYPE_NEIGH_SOLICIT:
		return ip6_addr_is_mapped(r->ns.target);
	case NDP_TYPE_NEIGH_ADVERT:
		return ip6_addr_is_mapped(r->na.target);
	case NDP_TYPE_REDIRECT:
		return ip6_addr_is_mapped(r->redirect.target) ||
		       ip6_addr_is_mapped(r->redirect.dst);
	case NDP_TYPE_ROUTER_SOLICIT:
	case NDP_TYPE_ROUTER_ADVERT:
		break;
	}
	return false;
}

int ndp_in(struct net *net, const struct iface *in, struct pbuf *pb)
{
	struct net_iface *nif = net_iface_get(net, in->index);
	const struct ip_rx *rx = ip_rx(pb);
	const struct icmp6_ip ip = { .src = rx->src, .dst = rx->dst, .hop_limit = rx->ttl };
	struct ndp_repr r;
	int n;

	if (!nif || in->kind != IFACE_ETHERNET)
		return DROP_ND_NOT_OURS;
	/* What came in fragments is not believed (RFC 6980, 5). */
	if (pb->frag_max)
		return DROP_ND_BAD;
	n = ndp_parse(pb->data, pb->len, &ip, &r);
	if (n < 0 || names_ip4(&r))
		return DROP_ND_BAD;
	n = fixed_in(net, nif, pb, (size_t)n, &r);
	if (n != RX_PASS)
		return n;
	pbuf_free(pb);
	return RX_TAKEN;
}
