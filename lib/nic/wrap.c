/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "nic/wrap_priv.h"
#include "wire/ethernet.h"

void wrap_init(struct wrap *w, const struct nic_ops *ops, struct nic *below,
	       void (*on_ready)(void *arg))
{
	w->nic = (struct nic){
		.ops = ops,
		.info = below->info,
		.loop = below->loop,
		.pool = below->pool,
		.error = below->error,
	};
	w->below = below;
	below->ready = on_ready;
	below->ready_arg = w;
}

/* Drivers follow their interface: its MTU and its address may change. */
static void show_below(struct wrap *w)
{
	w->nic.info = w->below->info;
	w->nic.error = w->below->error;
}

void wrap_ready(void *arg)
{
	struct wrap *w = arg;

	show_below(w);
	if (w->nic.ready)
		w->nic.ready(w->nic.ready_arg);
}

unsigned int wrap_rx(struct wrap *w, struct pbuf **burst, unsigned int n)
{
	const unsigned int got = nic_rx(w->below, burst, n);

	show_below(w);
	return got;
}

unsigned int wrap_tx(struct wrap *w, struct pbuf *const *burst, unsigned int n)
{
	const unsigned int taken = nic_tx(w->below, burst, n);

	show_below(w);
	return taken;
}

static struct wrap *of_nic(struct nic *nic)
{
	return (struct wrap *)(void *)nic;
}

bool wrap_arm(struct nic *nic)
{
	struct wrap *w = of_nic(nic);
	const bool is_ready = w->below->ops->arm(w->below);

	show_below(w);
	return is_ready;
}

void wrap_disarm(struct nic *nic)
{
	struct nic *below = of_nic(nic)->below;

	below->ops->disarm(below);
}

void wrap_stats(struct nic *nic)
{
	nic_stats(of_nic(nic)->below, &nic->counters);
}

void wrap_trim(struct nic *nic)
{
	nic_trim(of_nic(nic)->below);
}

int wrap_l4(enum nic_kind kind, const struct pbuf *pb, struct l4_repr *ret)
{
	struct eth_repr eth;
	int n = 0, r;

	if (kind == NIC_ETHERNET) {
		n = eth_parse(pb->data, pb->linear, &eth);
		if (n < 0)
			return n;
		if (eth.type != ETH_TYPE_IPV4 && eth.type != ETH_TYPE_IPV6)
			return -EPROTONOSUPPORT;
	}
	/* A packet whose data is in fragments looks like one that was cut off. */
	r = l4_find_quoted(pb->data + n, pb->linear - (uint32_t)n, ret);
	if (r < 0)
		return r;
	ret->l3_at = (uint16_t)(ret->l3_at + n);
	ret->l4_at = (uint16_t)(ret->l4_at + n);
	return ret->l4_at;
}
