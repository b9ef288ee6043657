/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Duplicate address detection (RFC 4862, 5.4; RFC 7527), and how long autoconfigured
 * addresses live (RFC 4862, 5.5.4).  An address has one timer for both: the second begins when
 * the first is over.
 */
#include <string.h>

#include "netstack/net/ndp_priv.h"

/* --- lifetimes --- */

static void lifetime_fired(struct net *net, void *arg)
{
	struct net_addr *a = arg;
	const uint64_t now = net->core->now_ns;

	if (a->valid_ns && a->valid_ns <= now) {
		addr_remove(net, a);
		return;
	}
	if (a->preferred_ns && a->preferred_ns <= now && a->state == NET_ADDR_PREFERRED) {
		a->state = NET_ADDR_DEPRECATED;
		net_changed(net);
	}
	ndp_lifetime_arm(net, a);
}

void ndp_lifetime_arm(struct net *net, struct net_addr *a)
{
	uint64_t at = a->valid_ns ? a->valid_ns : TIMER_NEVER;

	if (a->preferred_ns > net->core->now_ns && a->preferred_ns < at)
		at = a->preferred_ns;
	net_timer_del(net->core, &a->timer);
	net_timer_init(&a->timer, lifetime_fired, a);
	net_timer_set(net->core, &a->timer, at);
}

/* --- detection --- */

static void send_probe(struct net *net, const struct net_addr *a)
{
	struct ndp_msg msg = {
		.src = IP6_UNSPECIFIED,
		.dst = ip6_addr_solicited(a->conf.addr),
		.fixed = { .type = NDP_TYPE_NEIGH_SOLICIT, .ns.target = a->conf.addr },
		.opt[0] = { .type = NDP_OPT_NONCE, .known = true },
		.n_opts = 1,
	};

	memcpy(msg.opt[0].nonce, a->nonce, sizeof(a->nonce));
	ndp_send(net, iface_get(&net->ifaces, a->conf.ifindex), &msg);
}

static void done(struct net *net, struct net_addr *a)
{
	if (a->valid_ns || a->preferred_ns)
		ndp_lifetime_arm(net, a);
	addr_dad_done(net, a);
}

static void dad_fired(struct net *net, void *arg)
{
	struct net_addr *a = arg;
	const struct iface *ifc = iface_get(&net->ifaces, a->conf.ifindex);

	if (a->dad_left == 0) {
		done(net, a);
		return;
	}
	a->dad_left--;
	net_timer_set(net->core, &a->timer, net->core->now_ns + ndp_retrans_ms(ifc) * NS_PER_MS);
	send_probe(net, a);
}

void ndp_dad_start(struct net *net, struct net_iface *nif, struct net_addr *a)
{
	struct core *c = net->core;
	const uint64_t nonce = (uint64_t)core_random(c) << 32 | core_random(c);
	uint32_t delay;

	_Static_assert(sizeof(a->nonce) == NDP_NONCE_LEN, "nonce");
	net_timer_del(c, &a->timer);
	a->dad_left = net->params.dad_transmits;
	if (a->dad_left == 0 || nif->ifc->kind != IFACE_ETHERNET) {
		done(net, a);
		return;
	}
	memcpy(a->nonce, &nonce, sizeof(a->nonce));
	net_timer_init(&a->timer, dad_fired, a);
	/* Not all hosts at once after a power failure (RFC 4862, 5.4.2). */
	delay = core_random_below(c, NDP_RS_DELAY_MS_MAX);
	net_timer_set(c, &a->timer, c->now_ns + delay * NS_PER_MS);
}

void ndp_addr_stop(struct net *net, struct net_addr *a)
{
	net_timer_del(net->core, &a->timer);
}

static void failed(struct net *net, struct net_addr *a)
{
	net_timer_del(net->core, &a->timer);
	if (a->valid_ns)
		ndp_lifetime_arm(net, a);
	addr_dad_failed(net, a);
}

void ndp_dad_probe_in(struct net *net, struct net_addr *a, const uint8_t *nonce)
{
	/* It is ours, from a link that loops (RFC 7527, 4.2). */
	if (nonce && memcmp(nonce, a->nonce, sizeof(a->nonce)) == 0)
		return;
	failed(net, a);
}

void ndp_dad_advert_in(struct net *net, struct net_addr *a)
{
	failed(net, a);
}
