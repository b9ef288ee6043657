/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "netstack/net/mld.h"

#include "netstack/net/net_priv.h"
#include "wire/ipv6.h"
#include "wire/ipv6_ext.h"
#include "wire/mld.h"

/* --- sending --- */

/* The source has to be link-local (RFC 3810, 5.2.13); before we have one, the unspecified address
 * is for switches that listen (RFC 3590).
 */
static struct ip6_addr source_of(const struct net *net, const struct net_iface *nif)
{
	const struct net_addr *a = addr_select(net, nif->ifc->index, IP6_ALL_NODES);

	return a && ip6_addr_is_link_local(a->conf.addr) ? a->conf.addr : IP6_UNSPECIFIED;
}

/* A message to be filled in, with room for @len bytes. */
static struct pbuf *new_message(struct net *net, uint32_t len)
{
	struct pbuf *pb = pbuf_alloc_rx(net->core->pool, PBUF_HEADROOM, len);

	if (pb && !pbuf_put(pb, len)) {
		pbuf_free(pb);
		pb = NULL;
	}
	if (!pb)
		core_count(net->core, DROP_NO_MEMORY);
	return pb;
}

static void send_message(struct net *net, const struct net_iface *nif, struct pbuf *pb,
			 struct ip6_addr dst)
{
	struct ip_path path = { .gen = 0 };
	const struct ip_flow f = {
		.src = source_of(net, nif),
		.dst = dst,
		.oif = nif->ifc->index,
		.proto = IP_PROTO_ICMP6,
		.ttl = 1,
		.no_loop = true,
		.transparent = true,
		.router_alert = true,
	};

	icmp6_put_csum(pb->data, pb->linear, f.src, f.dst);
	net->stats.icmp_out++;
	(void)ip_out(net, pb, &f, &path); /* counts what it drops */
}

static uint8_t record_type(enum mcast_says says)
{
	switch (says) {
	case MCAST_IS_EX:
		return MLD_RECORD_IS_EXCLUDE;
	case MCAST_IS_IN:
		return MLD_RECORD_IS_INCLUDE;
	case MCAST_TO_EX:
		return MLD_RECORD_TO_EXCLUDE;
	case MCAST_TO_IN:
		break;
	}
	return MLD_RECORD_TO_INCLUDE;
}

static uint32_t record_len(const struct mcast_record *rec)
{
	return MLD_RECORD_HDR_LEN + rec->n_sources * (uint32_t)IP6_ADDR_LEN;
}

static void put_record(uint8_t *at, uint32_t room, const struct mcast_record *rec)
{
	const struct mld_record r = {
		.type = record_type(rec->says),
		.n_sources = rec->n_sources,
		.group = rec->group,
	};

	(void)mld_record_emit(at, room, &r); /* the room was counted, the values are ours */
	for (unsigned int i = 0; i < rec->n_sources; i++)
		ip6_addr_put(at + MLD_RECORD_HDR_LEN + i * IP6_ADDR_LEN, rec->source[i]);
}

static unsigned int report(struct net *net, struct net_iface *nif, const struct mcast_record *rec,
			   unsigned int n)
{
	const uint32_t max = ndp_mtu(nif) - IPV6_HDR_LEN - IPV6_ROUTER_ALERT_LEN;
	struct mld_repr r = { .type = MLD_TYPE_REPORT2 };
	uint32_t len = MLD_REPORT2_LEN + record_len(&rec[0]);
	struct pbuf *pb;
	uint8_t *at;

	for (r.n_records = 1; r.n_records < n; r.n_records++) {
		if (len + record_len(&rec[r.n_records]) > max)
			break;
		len += record_len(&rec[r.n_records]);
	}
	pb = new_message(net, len);
	if (!pb)
		return r.n_records;
	(void)mld_emit(pb->data, len, &r); /* as above */
	at = pb->data + MLD_REPORT2_LEN;
	for (unsigned int i = 0; i < r.n_records; i++) {
		put_record(at, len, &rec[i]);
		at += record_len(&rec[i]);
	}
	send_message(net, nif, pb, IP6_MLD2);
	return r.n_records;
}

static void report_old(struct net *net, struct net_iface *nif, struct ip6_addr group,
		       enum mcast_version version, bool leave)
{
	const struct mld_repr r = {
		.type = leave ? MLD_TYPE_DONE : MLD_TYPE_REPORT1,
		.group = group,
	};
	struct pbuf *pb = new_message(net, MLD_HDR_LEN);

	(void)version; /* the first one of MLD is the second of IGMP */
	if (!pb)
		return;
	(void)mld_emit(pb->data, pb->linear, &r); /* the room is there, the values are ours */
	send_message(net, nif, pb, leave ? IP6_ALL_ROUTERS : group);
}

static const struct mcast_proto proto = {
	.report = report,
	.report_old = report_old,
};

/* --- life --- */

void mld_init(struct net_iface *nif)
{
	mcast_iface_init(&nif->mld.m, &proto, nif);
}

void mld_up(struct net *net, struct net_iface *nif)
{
	mcast_iface_up(net, &nif->mld.m);
}

void mld_down(struct net *net, struct net_iface *nif)
{
	mcast_iface_down(net, &nif->mld.m);
}

void mld_join(struct net *net, struct net_iface *nif, struct net_group *g)
{
	mcast_join(net, &nif->mld.m, g);
}

void mld_leave(struct net *net, struct net_iface *nif, struct net_group *g)
{
	mcast_leave(net, &nif->mld.m, g);
}

/* --- receiving --- */

static void query_in(struct net *net, struct net_iface *nif, const struct mld_repr *r,
		     const uint8_t *sources)
{
	struct mcast_query q = {
		.version = r->version == 1 ? MCAST_V2 : MCAST_V3,
		.general = ip6_addr_is_unspecified(r->group),
		.group = r->group,
		.max_resp_ms = r->max_resp_ms,
		.interval_s = r->interval_s,
		.n_sources = r->n_sources,
		.robustness = r->robustness,
	};

	for (unsigned int i = 0; i < r->n_sources && i < MCAST_SOURCES_MAX; i++)
		q.source[i] = ip6_addr_get(sources + i * IP6_ADDR_LEN);
	mcast_query_in(net, &nif->mld.m, &q);
}

int mld_in(struct net *net, const struct iface *in, struct pbuf *pb)
{
	struct net_iface *nif = net_iface_get(net, in->index);
	const struct ip_rx *rx = ip_rx(pb);
	const struct icmp6_ip ip = {
		.src = rx->src,
		.dst = rx->dst,
		.hop_limit = rx->ttl,
		.router_alert = rx->router_alert,
	};
	struct mld_repr r;
	const int n = mld_parse(pb->data, pb->linear, &ip, &r);

	if (!nif || n < 0)
		return DROP_MLD_BAD;
	switch (r.type) {
	case MLD_TYPE_QUERY:
		query_in(net, nif, &r, pb->data + n);
		break;
	case MLD_TYPE_REPORT1:
		mcast_report_in(net, &nif->mld.m, r.group);
		break;
	case MLD_TYPE_REPORT2: /* for routers */
	case MLD_TYPE_DONE:
		return DROP_ICMP_TYPE;
	}
	pbuf_free(pb);
	return RX_TAKEN;
}
