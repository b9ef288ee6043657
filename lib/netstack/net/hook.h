/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * hook.h - where somebody else looks at packets and may drop or change them
 *
 * The five hooks of netfilter and two before them, in the places Linux has them:
 *
 *	link -> EARLY -> INGRESS -> PREROUTING -> route -> INPUT -> transport
 *					            \-> FORWARD -\
 *	transport -> route -> OUTPUT ---------------------> POSTROUTING -> link
 *
 * EARLY sees the raw frame before anything is parsed (the place of XDP), INGRESS the frame
 * behind the Ethernet header's parser.  From PREROUTING on @data is the IP header, which is
 * linear and valid, fragments are reassembled.
 */
#ifndef NETSTACK_NET_HOOK_H
#define NETSTACK_NET_HOOK_H

#include <stdbool.h>
#include <stdint.h>

struct pbuf;
struct iface;

enum hook_point {
	HOOK_EARLY,
	HOOK_INGRESS,
	HOOK_PREROUTING,
	HOOK_INPUT,
	HOOK_FORWARD,
	HOOK_OUTPUT,
	HOOK_POSTROUTING,
	HOOK_N,
};

enum hook_verdict {
	HOOK_ACCEPT,
	HOOK_DROP,
	HOOK_STOLEN, /* the hook has the packet now */
};

/**
 * struct hook_ctx - Where the packet is
 * @point:	enum hook_point
 * @in:		Interface it came in on, NULL for our own
 * @out:	Interface it goes out on; NULL before routing
 * @is_ip4:	Which IP; not for EARLY and INGRESS
 */
struct hook_ctx {
	enum hook_point point;
	const struct iface *in;
	const struct iface *out;
	bool is_ip4;
};

/* May change the packet (pbuf_unshare() first) and its mark; addresses it changes before
 * routing are routed anew.
 */
typedef enum hook_verdict hook_fn(void *arg, const struct hook_ctx *ctx, struct pbuf *pb);

#endif /* NETSTACK_NET_HOOK_H */
