/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "netstack/net/hook.h"

#include "netstack/net/net_priv.h"

static const enum drop_reason drop_of[HOOK_N] = {
	[HOOK_EARLY] = DROP_HOOK_EARLY,
	[HOOK_INGRESS] = DROP_HOOK_INGRESS,
	[HOOK_PREROUTING] = DROP_HOOK_PREROUTING,
	[HOOK_INPUT] = DROP_HOOK_INPUT,
	[HOOK_FORWARD] = DROP_HOOK_FORWARD,
	[HOOK_OUTPUT] = DROP_HOOK_OUTPUT,
	[HOOK_POSTROUTING] = DROP_HOOK_POSTROUTING,
};

int hook_run(struct net *net, enum hook_point point, const struct iface *in,
	     const struct iface *out, bool is_ip4, struct pbuf *pb)
{
	const struct hook_slot *h = &net->hook[point];
	const struct hook_ctx ctx = { .point = point, .in = in, .out = out, .is_ip4 = is_ip4 };

	switch (h->fn(h->arg, &ctx, pb)) {
	case HOOK_ACCEPT:
		core_trace(net->core, TRACE_HOOK, pb);
		return RX_PASS;
	case HOOK_STOLEN:
		return RX_TAKEN;
	case HOOK_DROP:
		break;
	}
	return drop_of[point];
}
