/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <assert.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "nic/wrap_priv.h"
#include "nic/wrappers.h"
#include "wire/ethernet.h"
#include "wire/tcp.h"
#include "wire/udp.h"

#define SIZES ARRAY_SIZE(((struct nic_count *)NULL)->size)

struct count_nic {
	struct wrap w;
	struct nic_count rx;
	struct nic_count tx;
};

static struct count_nic *of_nic(struct nic *nic)
{
	return (struct count_nic *)(void *)nic;
}

static bool is_arp(enum nic_kind kind, const struct pbuf *pb)
{
	struct eth_repr eth;

	return kind == NIC_ETHERNET && eth_parse(pb->data, pb->linear, &eth) > 0 &&
	       eth.type == ETH_TYPE_ARP;
}

/* Headers of a packet to be cut, up to its data; 0 when they are not there. */
static uint32_t hdrs_len_of(const struct pbuf *pb, const struct l4_repr *l4)
{
	if (l4->proto == IP_PROTO_UDP)
		return l4->l4_at + UDP_HDR_LEN;
	if (l4->proto != IP_PROTO_TCP || l4->l4_at + 13U > pb->linear)
		return 0;
	return l4->l4_at + (pb->data[l4->l4_at + 12] >> 4) * 4U;
}

static uint64_t segments_of(const struct pbuf *pb, const struct l4_repr *l4)
{
	const uint32_t hdrs_len = hdrs_len_of(pb, l4);

	if (pb->gso == PBUF_GSO_NONE || !pb->gso_size || !hdrs_len || hdrs_len >= pb->len)
		return 1;
	return (pb->len - hdrs_len + pb->gso_size - 1) / pb->gso_size;
}

/* No data, and no flag that says something of its own. */
static bool is_pure_ack(const struct pbuf *pb, const struct l4_repr *l4)
{
	struct tcp_repr tcp;
	const int n = tcp_parse(pb->data + l4->l4_at, l4->l4_len, &tcp);

	return n > 0 && n == l4->l4_len && pb->n_frags == 0 && (tcp.flags & TCP_ACK) &&
	       !(tcp.flags & (TCP_SYN | TCP_FIN | TCP_RST | TCP_URG));
}

/* @by is 1, or -1 to take a packet back. */
static void count_l4(struct nic_count *c, const struct pbuf *pb, const struct l4_repr *l4,
		     uint64_t by)
{
	c->segments += by * segments_of(pb, l4);
	if (l4->part == L4_LATER_FRAGMENT) {
		c->other += by;
		return;
	}
	switch (l4->proto) {
	case IP_PROTO_TCP:
		c->tcp += by;
		if (is_pure_ack(pb, l4))
			c->tcp_pure_ack += by;
		break;
	case IP_PROTO_UDP:
		c->udp += by;
		break;
	case IP_PROTO_ICMP:
	case IP_PROTO_ICMP6:
		c->icmp += by;
		break;
	default:
		c->other += by;
	}
}

static unsigned int size_class(uint32_t len)
{
	const unsigned int log2 = 31 - (unsigned int)__builtin_clz(len | 1);

	return log2 < SIZES - 1 ? log2 : SIZES - 1;
}

static void count(struct nic_count *c, enum nic_kind kind, const struct pbuf *pb, uint64_t by)
{
	struct l4_repr l4;

	c->packets += by;
	c->bytes += by * pb->len;
	c->size[size_class(pb->len)] += by;
	if (wrap_l4(kind, pb, &l4) >= 0) {
		count_l4(c, pb, &l4, by);
		return;
	}
	c->segments += by;
	if (is_arp(kind, pb))
		c->arp += by;
	else
		c->other += by;
}

static unsigned int count_rx(struct nic *nic, struct pbuf **burst, unsigned int n)
{
	struct count_nic *cn = of_nic(nic);
	const unsigned int got = wrap_rx(&cn->w, burst, n);

	for (unsigned int i = 0; i < got; i++)
		count(&cn->rx, nic->info.kind, burst[i], 1);
	return got;
}

/* What is sent can be looked at before only; what is not taken is counted back. */
static unsigned int count_tx(struct nic *nic, struct pbuf *const *burst, unsigned int n)
{
	struct count_nic *cn = of_nic(nic);
	unsigned int taken;

	for (unsigned int i = 0; i < n; i++)
		count(&cn->tx, nic->info.kind, burst[i], 1);
	taken = wrap_tx(&cn->w, burst, n);
	for (unsigned int i = taken; i < n; i++)
		count(&cn->tx, nic->info.kind, burst[i], -UINT64_C(1));
	return taken;
}

static void count_close(struct nic *nic)
{
	struct count_nic *cn = of_nic(nic);

	nic_close(cn->w.below);
	free(cn);
}

static const struct nic_ops count_ops = {
	.name = "count",
	.rx = count_rx,
	.tx = count_tx,
	.arm = wrap_arm,
	.disarm = wrap_disarm,
	.stats = wrap_stats,
	.trim = wrap_trim,
	.close = count_close,
};

int nic_count_new(struct nic **ret, struct nic *below, struct nerr *err)
{
	struct count_nic *cn = calloc(1, sizeof(*cn));

	if (!cn)
		return nerr_oom(err);
	wrap_init(&cn->w, &count_ops, below, wrap_ready);
	*ret = &cn->w.nic;
	return 0;
}

void nic_count_get(const struct nic *nic, struct nic_count *rx, struct nic_count *tx)
{
	const struct count_nic *cn = (const struct count_nic *)(const void *)nic;

	assert(nic->ops == &count_ops);
	if (rx)
		*rx = cn->rx;
	if (tx)
		*tx = cn->tx;
}
