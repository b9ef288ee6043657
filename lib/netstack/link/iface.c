/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Packets wait in their interface's queue until the end of a turn, so that a device gets
 * them in bursts.  What a device does not do for us, cutting and checksums, is done then,
 * on packets that are still in the cache.
 */
#include "netstack/link/iface.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "netstack/core/core.h"
#include "netstack/link/gso.h"

void iface_table_init(struct iface_table *t, struct core *core)
{
	*t = (struct iface_table){ .core = core, .pending_last = &t->pending };
}

void iface_table_done(struct iface_table *t)
{
	for (uint32_t i = 1; i <= IFACE_MAX; i++)
		if (t->iface[i])
			iface_table_del(t, t->iface[i]);
}

static bool name_is_valid(const char *name)
{
	const size_t len = name ? strnlen(name, IFACE_NAME_LEN) : 0;

	return len > 0 && len < IFACE_NAME_LEN;
}

static bool conf_is_valid(const struct iface_conf *conf)
{
	if (!name_is_valid(conf->name) || conf->mtu < IFACE_MTU_MIN || conf->mtu > IFACE_MTU_MAX ||
	    conf->gso_max > IFACE_GSO_MAX)
		return false;
	if (conf->kind == IFACE_LOOPBACK)
		return true;
	return conf->tx && (conf->kind != IFACE_ETHERNET || eth_addr_is_station(conf->mac));
}

/* The next one that is free; 0 when none is.  Those that went are not used again at once: somebody
 * may still mean the old ones.
 */
static uint32_t free_index(const struct iface_table *t)
{
	uint32_t at = t->last;

	for (uint32_t i = 0; i < IFACE_MAX; i++) {
		at = at % IFACE_MAX + 1;
		if (!t->iface[at])
			return at;
	}
	return 0;
}

int iface_table_add(struct iface_table *t, const struct iface_conf *conf)
{
	const struct pbuf_mem *mem = &t->core->mem;
	const uint32_t index = free_index(t);
	struct iface *ifc;

	if (!conf_is_valid(conf))
		return -EINVAL;
	for (uint32_t i = 1; i <= IFACE_MAX; i++)
		if (t->iface[i] && strcmp(t->iface[i]->name, conf->name) == 0)
			return -EEXIST;
	if (!index)
		return -ENOSPC;
	ifc = mem->alloc(mem->arg, sizeof(*ifc));
	if (!ifc)
		return -ENOMEM;

	*ifc = (struct iface){
		.core = t->core,
		.index = index,
		.kind = conf->kind,
		.mac = conf->mac,
		.mtu = conf->mtu,
		.features = conf->features,
		.gso_max = conf->gso_max ? conf->gso_max : IFACE_GSO_MAX,
		.tx = conf->tx,
		.tx_arg = conf->arg,
		.is_shared = conf->is_shared,
	};
	memcpy(ifc->name, conf->name, strlen(conf->name));
	pbuf_queue_init(&ifc->queue);
	t->iface[index] = ifc;
	t->last = index;
	t->n++;
	return (int)index;
}

/* Its place in the list of those with packets is given up by who empties the list. */
static void drop_queue(struct iface *ifc, enum drop_reason why)
{
	struct pbuf *pb;

	while ((pb = pbuf_queue_take(&ifc->queue))) {
		ifc->stats.tx_dropped++;
		core_drop(ifc->core, pb, why);
	}
}

static void forget_pending(struct iface_table *t, struct iface *ifc)
{
	struct iface **at = &t->pending;

	while (*at && *at != ifc)
		at = &(*at)->pending;
	if (!*at)
		return;
	*at = ifc->pending;
	if (!*at)
		t->pending_last = at;
	ifc->pending = NULL;
}

void iface_table_del(struct iface_table *t, struct iface *ifc)
{
	const struct pbuf_mem *mem = &t->core->mem;

	forget_pending(t, ifc);
	drop_queue(ifc, DROP_SHUTDOWN);
	t->iface[ifc->index] = NULL;
	t->n--;
	mem->free(mem->arg, ifc, sizeof(*ifc));
}

void iface_set_up(struct iface_table *t, struct iface *ifc, bool up)
{
	ifc->up = up;
	if (up)
		return;
	forget_pending(t, ifc);
	drop_queue(ifc, DROP_LINK_DOWN);
}

static void drop_out(struct iface *ifc, struct pbuf *pb, enum drop_reason why)
{
	ifc->stats.tx_dropped++;
	core_drop(ifc->core, pb, why);
}

void iface_out(struct iface_table *t, struct iface *ifc, struct pbuf *pb)
{
	assert(pb->l3 != PBUF_NO_OFFSET);
	if (!ifc->up) {
		drop_out(ifc, pb, DROP_LINK_DOWN);
		return;
	}
	if (ifc->queue.n >= IFACE_QUEUE_MAX || !ifc->tx) {
		drop_out(ifc, pb, DROP_TX_REFUSED);
		return;
	}
	if (!ifc->queue.n) {
		ifc->pending = NULL;
		*t->pending_last = ifc;
		t->pending_last = &ifc->pending;
	}
	pbuf_queue_put(&ifc->queue, pb);
}

/* --- the burst --- */

struct burst {
	struct iface *ifc;
	unsigned int n;
	struct pbuf *pb[IFACE_BURST];
};

static void burst_send(struct burst *b)
{
	struct iface *ifc = b->ifc;
	const unsigned int n = b->n;
	uint64_t bytes = 0;
	unsigned int sent;

	if (!n)
		return;
	b->n = 0;
	for (unsigned int i = 0; i < n; i++) {
		bytes += b->pb[i]->len;
		core_trace(ifc->core, TRACE_TX, b->pb[i]);
	}
	sent = ifc->tx(ifc->tx_arg, b->pb, n);
	assert(sent <= n);
	for (unsigned int i = sent; i < n; i++) {
		bytes -= b->pb[i]->len;
		drop_out(ifc, b->pb[i], DROP_TX_REFUSED);
	}
	ifc->stats.tx_packets += sent;
	ifc->stats.tx_bytes += bytes;
}

static void burst_put(struct burst *b, struct pbuf *pb)
{
	b->pb[b->n++] = pb;
	if (b->n == IFACE_BURST)
		burst_send(b);
}

static uint32_t ip_len(const struct pbuf *pb)
{
	return pb->len - (uint32_t)(pbuf_l3(pb) - pb->data);
}

/* Finish the checksum where the device does not.  Others may refer to the linear part. */
static bool finish_csum(struct pbuf *pb)
{
	const uint32_t l4_at = (uint32_t)(pbuf_l4(pb) - pb->data);

	if (!pbuf_unshare(pb, l4_at + pb->csum_offset + 2U))
		return false;
	pbuf_finish_csum(pb);
	return true;
}

/* A packet that is one segment. */
static void send_one(struct burst *b, struct pbuf *pb)
{
	struct iface *ifc = b->ifc;

	if (ip_len(pb) > ifc->mtu) {
		drop_out(ifc, pb, DROP_TX_TOO_BIG);
		return;
	}
	if (pb->csum == PBUF_CSUM_PARTIAL && !(ifc->features & IFACE_TX_CSUM) && !finish_csum(pb)) {
		drop_out(ifc, pb, DROP_NO_MEMORY);
		return;
	}
	burst_put(b, pb);
}

static bool device_cuts(const struct iface *ifc, const struct pbuf *pb)
{
	static const uint32_t feature[] = {
		[PBUF_GSO_TCP4] = IFACE_TSO4,
		[PBUF_GSO_TCP6] = IFACE_TSO6,
		[PBUF_GSO_UDP] = IFACE_USO,
	};

	/* Who cuts makes checksums: there is no device that does one without the other. */
	return pb->gso < sizeof(feature) / sizeof(*feature) && ifc->features & feature[pb->gso] &&
	       ip_len(pb) <= ifc->gso_max;
}

static void send_gso(struct burst *b, struct pbuf *pb)
{
	struct pbuf_queue segments;

	if (device_cuts(b->ifc, pb)) {
		burst_put(b, pb);
		return;
	}
	pbuf_queue_init(&segments);
	if (!gso_segment(b->ifc->core, pb, &segments)) {
		drop_out(b->ifc, pb, DROP_NO_MEMORY);
		return;
	}
	while ((pb = pbuf_queue_take(&segments)))
		send_one(b, pb);
}

void iface_flush(struct iface_table *t)
{
	struct iface *ifc;

	/* A device that queues something here while it sends finds a consistent list. */
	while ((ifc = t->pending)) {
		struct pbuf_queue q = ifc->queue;
		struct burst b;
		struct pbuf *pb;

		forget_pending(t, ifc);
		pbuf_queue_init(&ifc->queue);
		b.ifc = ifc;
		b.n = 0;
		while ((pb = pbuf_queue_take(&q))) {
			if (pb->gso == PBUF_GSO_NONE)
				send_one(&b, pb);
			else
				send_gso(&b, pb);
		}
		burst_send(&b);
	}
}
