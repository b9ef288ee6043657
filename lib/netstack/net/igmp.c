/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "netstack/net/igmp.h"

#include "netstack/net/net_priv.h"
#include "wire/igmp.h"
#include "wire/ipv4.h"
#include "wire/ipv4_options.h"

/* Internetwork control (RFC 3376, 4). */
#define TOS 0xc0

/* Messages are not longer than a packet of this link. */
#define MESSAGE_MAX  9216

#define MS_PER_TENTH 100

/* --- sending --- */

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
			 uint32_t dst, bool alert)
{
	const struct net_addr *src = addr_select(net, nif->ifc->index, ip6_addr_of_ip4(dst));
	struct ip_path path = { .gen = 0 };
	const struct ip_flow f = {
		.src = src ? src->conf.addr : ip6_addr_of_ip4(0), /* RFC 3376, 4.2.13 */
		.dst = ip6_addr_of_ip4(dst),
		.oif = nif->ifc->index,
		.proto = IP_PROTO_IGMP,
		.tos = TOS,
		.ttl = 1,
		.no_loop = true,
		.transparent = true,
		.router_alert = alert,
	};

	igmp_put_csum(pb->data, pb->linear);
	(void)ip_out(net, pb, &f, &path); /* counts what it drops */
}

static uint8_t record_type(enum mcast_says says)
{
	switch (says) {
	case MCAST_IS_EX:
		return IGMP_RECORD_IS_EXCLUDE;
	case MCAST_IS_IN:
		return IGMP_RECORD_IS_INCLUDE;
	case MCAST_TO_EX:
		return IGMP_RECORD_TO_EXCLUDE;
	case MCAST_TO_IN:
		break;
	}
	return IGMP_RECORD_TO_INCLUDE;
}

static uint32_t record_len(const struct mcast_record *rec)
{
	return IGMP_RECORD_HDR_LEN + rec->n_sources * (uint32_t)IP4_ADDR_LEN;
}

static void put_record(uint8_t *at, uint32_t room, const struct mcast_record *rec)
{
	const struct igmp_record r = {
		.type = record_type(rec->says),
		.n_sources = rec->n_sources,
		.group = (uint32_t)rec->group.lo,
	};

	(void)igmp_record_emit(at, room, &r); /* the room was counted, the values are ours */
	for (unsigned int i = 0; i < rec->n_sources; i++)
		put_be32(at + IGMP_RECORD_HDR_LEN + i * IP4_ADDR_LEN, (uint32_t)rec->source[i].lo);
}

static unsigned int report(struct net *net, struct net_iface *nif, const struct mcast_record *rec,
			   unsigned int n)
{
	const uint32_t max = nif->ifc->mtu - IPV4_HDR_LEN - IPV4_ROUTER_ALERT_LEN;
	struct igmp_repr r = { .type = IGMP_TYPE_REPORT3 };
	uint32_t len = IGMP_HDR_LEN + record_len(&rec[0]);
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
	(void)igmp_emit(pb->data, len, &r); /* as above */
	at = pb->data + IGMP_HDR_LEN;
	for (unsigned int i = 0; i < r.n_records; i++) {
		put_record(at, len, &rec[i]);
		at += record_len(&rec[i]);
	}
	send_message(net, nif, pb, IP4_IGMP3, true);
	return r.n_records;
}

static void report_old(struct net *net, struct net_iface *nif, struct ip6_addr group,
		       enum mcast_version version, bool leave)
{
	const struct igmp_repr r = {
		.type = leave                 ? IGMP_TYPE_LEAVE
			: version == MCAST_V1 ? IGMP_TYPE_REPORT1
					      : IGMP_TYPE_REPORT2,
		.group = (uint32_t)group.lo,
	};
	struct pbuf *pb = new_message(net, IGMP_HDR_LEN);

	if (!pb)
		return;
	(void)igmp_emit(pb->data, pb->linear, &r); /* the room is there, the values are ours */
	send_message(net, nif, pb, leave ? IP4_ALL_ROUTERS : r.group, version != MCAST_V1);
}

static const struct mcast_proto proto = {
	.is_ip4 = true,
	.report = report,
	.report_old = report_old,
};

/* --- life --- */

void igmp_init(struct net_iface *nif)
{
	mcast_iface_init(&nif->igmp.m, &proto, nif);
}

void igmp_up(struct net *net, struct net_iface *nif)
{
	mcast_iface_up(net, &nif->igmp.m);
}

void igmp_down(struct net *net, struct net_iface *nif)
{
	mcast_iface_down(net, &nif->igmp.m);
}

void igmp_join(struct net *net, struct net_iface *nif, struct net_group *g)
{
	mcast_join(net, &nif->igmp.m, g);
}

void igmp_leave(struct net *net, struct net_iface *nif, struct net_group *g)
{
	mcast_leave(net, &nif->igmp.m, g);
}

/* --- receiving --- */

static void query_in(struct net *net, struct net_iface *nif, const struct igmp_repr *r,
		     const uint8_t *sources)
{
	struct mcast_query q = {
		.version = (enum mcast_version)r->version,
		.general = r->group == 0,
		.group = ip6_addr_of_ip4(r->group),
		.max_resp_ms = r->max_resp * (uint32_t)MS_PER_TENTH,
		.interval_s = r->interval_s,
		.n_sources = r->n_sources,
		.robustness = r->robustness,
	};

	for (unsigned int i = 0; i < r->n_sources && i < MCAST_SOURCES_MAX; i++)
		q.source[i] = ip6_addr_of_ip4(get_be32(sources + i * IP4_ADDR_LEN));
	mcast_query_in(net, &nif->igmp.m, &q);
}

int igmp_in(struct net *net, const struct iface *in, struct pbuf *pb)
{
	struct net_iface *nif = net_iface_get(net, in->index);
	struct igmp_repr r;
	int n;

	if (pb->len > MESSAGE_MAX)
		return DROP_IGMP_BAD;
	if (!pbuf_pullup(pb, pb->len))
		return DROP_NO_MEMORY;
	n = igmp_parse(pb->data, pb->linear, &r);
	if (!nif || n < 0 || ip_rx(pb)->ttl != 1 || !igmp_csum_ok(pb->data, pb->linear))
		return DROP_IGMP_BAD;
	switch (r.type) {
	case IGMP_TYPE_QUERY:
		query_in(net, nif, &r, pb->data + n);
		break;
	case IGMP_TYPE_REPORT1:
	case IGMP_TYPE_REPORT2:
		mcast_report_in(net, &nif->igmp.m, ip6_addr_of_ip4(r.group));
		break;
	case IGMP_TYPE_REPORT3: /* for routers */
	case IGMP_TYPE_LEAVE:
		return DROP_ICMP_TYPE;
	}
	pbuf_free(pb);
	return RX_TAKEN;
}
