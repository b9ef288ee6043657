/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The way of frames between device, instance and kernel.
 *
 * What goes on from one nic to the other keeps its offload metadata: a checksum that is not made
 * and a packet that is not cut are left to who can do it, which often is nobody on this
 * machine.  Only what the next nic cannot do is done here.  Nothing is queued: what a nic does not
 * take is lost, as it is on a wire, and counted.
 */
#include "host/host_split.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "host/host_priv.h"
#include "nic/drivers.h"
#include "nic/gso.h"
#include "wire/ethernet.h"

/**
 * struct host_splitter - Between the two
 * @h:		Its device and instance
 * @kernel:	The other end of the kernel's interface
 * @mode:	enum host_split
 * @is_served:	@kernel is in the service
 * @stats:	@dropped without what @kernel refused after it had taken it
 */
struct host_splitter {
	struct host *h;
	struct nic *kernel;
	enum host_split mode;
	bool is_served;
	struct host_split_stats stats;
};

DEFINE_CLEANUP(struct host_splitter *, host_split_free);

/* --- on to a nic --- */

/**
 * struct out - A burst that is being made
 * @nic:	Where it goes
 * @taken:	Counts what was taken
 * @dropped:	and what was not
 */
struct out {
	struct nic *nic;
	uint64_t *taken;
	uint64_t *dropped;
	unsigned int n;
	struct pbuf *pb[NIC_BURST];
};

static void out_flush(struct out *o)
{
	const unsigned int sent = o->n ? nic_tx(o->nic, o->pb, o->n) : 0;

	*o->taken += sent;
	*o->dropped += o->n - sent;
	for (unsigned int i = sent; i < o->n; i++)
		pbuf_free(o->pb[i]);
	o->n = 0;
}

static void out_drop(struct out *o, struct pbuf *pb)
{
	++*o->dropped;
	pbuf_free(pb);
}

/* A packet that is one segment. */
static void out_put(struct out *o, struct pbuf *pb)
{
	if (pb->csum == PBUF_CSUM_PARTIAL && !(o->nic->info.features & NIC_TX_CSUM)) {
		const uint32_t l4_at = (uint32_t)(pbuf_l4(pb) - pb->data);

		if (!pbuf_unshare(pb, l4_at + pb->csum_offset + 2U)) {
			out_drop(o, pb);
			return;
		}
		pbuf_finish_csum(pb);
	}
	o->pb[o->n++] = pb;
	if (o->n == NIC_BURST)
		out_flush(o);
}

static bool cuts(const struct nic *nic, const struct pbuf *pb)
{
	static const uint32_t feature[] = {
		[PBUF_GSO_TCP4] = NIC_TSO4,
		[PBUF_GSO_TCP6] = NIC_TSO6,
		[PBUF_GSO_UDP] = NIC_USO,
	};

	return pb->gso < ARRAY_SIZE(feature) && nic->info.features & feature[pb->gso] &&
	       pb->len - (uint32_t)(pbuf_l3(pb) - pb->data) <= nic->info.gso_max;
}

/* Who received it has marked the transport header only.  False: it is not IP that begins there */
static bool mark_l3(struct pbuf *pb)
{
	struct eth_repr eth;
	int n;

	if (pb->l3 != PBUF_NO_OFFSET)
		return true;
	n = eth_parse(pb->data, pb->linear, &eth);
	if (n < 0 || (uint32_t)n >= pb->linear)
		return false;
	pbuf_mark_l2(pb);
	pb->l3 = (uint16_t)(pbuf_headroom(pb) + (uint32_t)n);
	return true;
}

static void out_any(struct out *o, struct pbuf *pb)
{
	struct pbuf_queue segments;

	if (pb->gso == PBUF_GSO_NONE) {
		out_put(o, pb);
		return;
	}
	if (!mark_l3(pb)) {
		out_drop(o, pb);
		return;
	}
	if (cuts(o->nic, pb)) {
		out_put(o, pb);
		return;
	}
	pbuf_queue_init(&segments);
	if (!gso_cut(pb, &segments)) {
		out_drop(o, pb);
		return;
	}
	while ((pb = pbuf_queue_take(&segments)))
		out_put(o, pb);
}

/* --- bursts --- */

void host_split_input(struct host_splitter *sp, struct pbuf *const *burst, unsigned int n,
		      uint64_t now_ns)
{
	struct host *h = sp->h;
	struct out out = {
		.nic = sp->kernel,
		.taken = &sp->stats.to_kernel,
		.dropped = &sp->stats.dropped,
	};
	struct pbuf *ours[NIC_BURST], *copy;
	unsigned int n_ours = 0;

	if (sp->mode == HOST_SPLIT_ALL) {
		netstack_input(h->stack, h->ifindex, burst, n, now_ns);
		return;
	}
	assert(n <= NIC_BURST);
	for (unsigned int i = 0; i < n; i++) {
		switch (netstack_owner(h->stack, h->ifindex, burst[i])) {
		case NETSTACK_THEIRS:
			out_any(&out, burst[i]);
			break;
		case NETSTACK_BOTH:
			copy = pbuf_clone(burst[i]);
			if (copy)
				out_any(&out, copy);
			else
				sp->stats.dropped++;
			sp->stats.to_both += !!copy;
			ours[n_ours++] = burst[i];
			break;
		case NETSTACK_OURS:
			ours[n_ours++] = burst[i];
			break;
		}
	}
	out_flush(&out);
	if (n_ours)
		netstack_input(h->stack, h->ifindex, ours, n_ours, now_ns);
}

void host_split_output(struct host_splitter *sp, struct pbuf *const *burst, unsigned int n)
{
	struct out out = {
		.nic = sp->h->nic,
		.taken = &sp->stats.from_kernel,
		.dropped = &sp->stats.dropped,
	};

	for (unsigned int i = 0; i < n; i++)
		out_any(&out, burst[i]);
	out_flush(&out);
}

/* --- life --- */

/* Nobody receives from it: this is what it has to say at its end. */
static void on_ready(void *arg)
{
	struct host_splitter *sp = arg;

	if (sp->kernel->error)
		sp->h->error = sp->kernel->error;
}

static int open_kernel(struct host_splitter *sp, const struct host_conf *conf, struct nerr *err)
{
	const struct nic_info *device = &sp->h->nic->info;
	const struct nic_tap_conf tap = {
		.name = conf->kernel,
		.kernel_mac = strcmp(sp->h->nic->ops->name, "tap") == 0 ? (struct eth_addr){ { 0 } }
									: device->mac,
		.kernel_mtu = device->mtu,
		.is_mute = conf->split == HOST_SPLIT_ALL,
	};
	const struct nic_env env = {
		.loop = sp->h->loop,
		.pool = netstack_pool(sp->h->stack),
		.netns = conf->kernel_netns,
		.n_queues = 1,
	};

	return nic_tap_open(&sp->kernel, &tap, &env, err);
}

int host_split_new(struct host_splitter **ret, struct host *h, const struct host_conf *conf,
		   struct nerr *err)
{
	CLEANUP(host_split_freep) struct host_splitter *sp = calloc(1, sizeof(*sp));
	int r;

	if (!sp)
		return nerr_oom(err);
	sp->h = h;
	sp->mode = conf->split;
	r = open_kernel(sp, conf, err);
	if (r < 0)
		return r;
	if (conf->split == HOST_SPLIT_ALL) {
		sp->kernel->ready = on_ready;
		sp->kernel->ready_arg = sp;
	} else {
		r = service_add_plain(h->service, sp->kernel, HOST_SPLIT_COOKIE);
		if (r < 0)
			return nerr_set(err, r, "cannot serve '%s': %m", conf->kernel);
		sp->is_served = true;
	}
	*ret = TAKE_PTR(sp);
	return 0;
}

void host_split_free(struct host_splitter *sp)
{
	if (!sp)
		return;
	if (sp->is_served)
		service_del(sp->h->service, sp->kernel);
	nic_close(sp->kernel);
	free(sp);
}

void host_split_trim(struct host_splitter *sp)
{
	nic_trim(sp->kernel);
}

void host_split_stats(const struct host *h, struct host_split_stats *ret)
{
	struct nic_stats kernel;

	*ret = (struct host_split_stats){ .dropped = 0 };
	if (!h->split)
		return;
	*ret = h->split->stats;
	nic_stats(h->split->kernel, &kernel);
	ret->dropped += kernel.tx_errors;
}
