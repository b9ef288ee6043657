/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * run.c - a script, step by step
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "call.h"
#include "names.h"
#include "netstack/core/timer.h"
#include "world.h"

/* IPv6 headers are 20 bytes longer: with an MTU that is, too, segments are the same. */
#define MTU_DEFAULT 1500
#define MTU_IP6     20

/* --- packets --- */

static void log_packet(struct world *w, const char *sign, const struct seen *s, const char *note)
{
	char text[256];

	show_packet(w, s->bytes, s->len, text, sizeof(text));
	world_log(w, "%s %s%s", sign, text, note);
}

static bool add_symbol(struct world *w, uint8_t plus, uint32_t *n)
{
	if (!plus)
		return true;
	if (!w->has_symbol[plus - 1])
		return world_fail(w, "'$%s' is not known yet", w->script->symbols[plus - 1]);
	*n += w->symbol[plus - 1];
	return true;
}

bool resolve_packet(struct world *w, const struct packet *p, struct packet *ret)
{
	uint32_t end = p->seq + p->len;

	*ret = *p;
	if (!add_symbol(w, p->plus_seq, &ret->seq) || !add_symbol(w, p->plus_ack, &ret->ack) ||
	    !add_symbol(w, p->plus_end, &end))
		return false;
	ret->len = end - ret->seq;
	return ret->len <= UINT16_MAX || world_fail(w, "the end is before the beginning");
}

/* Nothing may be left that was sent before the script goes on at @at_ns. */
static bool check_quiet(struct world *w, uint64_t at_ns)
{
	char text[256];

	if (w->failure[0])
		return false;
	if (!w->sent || w->sent->at_ns >= at_ns)
		return true;
	show_packet(w, w->sent->bytes, w->sent->len, text, sizeof(text));
	return world_fail(w, "a packet that no line expects: +%.6f > %s",
			  (double)(w->sent->at_ns - w->base_ns) / 1e9, text);
}

/* The time of a step that does something. */
static bool move_to_step(struct world *w, const struct step *s)
{
	const uint64_t at = w->base_ns + s->when.lo_ns;

	if (at > w->now_ns) {
		if (!check_quiet(w, at))
			return false;
		world_until(w, at);
		if (!check_quiet(w, at))
			return false;
	}
	w->base_ns = w->now_ns;
	return !w->failure[0];
}

static bool inject(struct world *w, const struct step *s)
{
	cleanup_free uint8_t *bytes = malloc(PACKET_BYTES_MAX);
	struct packet p;
	uint32_t len;

	if (!bytes)
		return world_fail(w, "no memory");
	if (!move_to_step(w, s) || !resolve_packet(w, &s->packet, &p))
		return false;
	len = build_packet(w, &p, bytes);
	if (!len)
		return false;
	world_log(w, "%s", s->text + strcspn(s->text, "<"));
	world_input(w, bytes, len, s->packet.gso, s->more);
	if (!s->more)
		world_flush(w);
	return !w->failure[0];
}

/* Time passes until a packet is there, or @end_ns. */
static void wait_packet(struct world *w, uint64_t end_ns)
{
	while (!w->sent && !w->failure[0]) {
		const uint64_t next = netstack_deadline(w->st);

		if (next > end_ns || next == TIMER_NEVER)
			return;
		world_until(w, next > w->now_ns ? next : w->now_ns);
	}
}

static bool expect(struct world *w, const struct step *s)
{
	const uint64_t lo = s->when.any ? 0 : w->base_ns + s->when.lo_ns;
	const uint64_t hi = s->when.any ? UINT64_MAX : w->base_ns + s->when.hi_ns;
	cleanup_free struct seen *p = NULL;
	struct packet want;
	bool ok;

	wait_packet(w, hi);
	if (w->failure[0])
		return false;
	p = world_take(w);
	if (!p)
		return world_fail(w, "no packet was sent until then");
	ok = resolve_packet(w, &s->packet, &want) && check_packet(w, &want, p);
	log_packet(w, ">", p, ok ? "" : "    # not what was expected");
	if (!ok)
		return false;
	if (p->at_ns < lo || p->at_ns > hi)
		return world_fail(w, "it was sent at +%.6f", (double)(p->at_ns - w->base_ns) / 1e9);
	w->base_ns = p->at_ns;
	return true;
}

static bool nothing(struct world *w, const struct step *s)
{
	const uint64_t at = w->base_ns + s->when.lo_ns;

	if (!move_to_step(w, s))
		return false;
	return check_quiet(w, at + 1);
}

/* --- the rest --- */

static bool count(struct world *w, const struct step *s)
{
	const int64_t n = (int64_t)counter_read(w->st, s->count, s->index);

	if (s->n.any || (n >= s->n.lo && n <= s->n.hi))
		return true;
	return world_fail(w, "%s is %lld", counter_name(s->count, s->index), (long long)n);
}

static bool set_mtu(struct world *w, const struct step *s)
{
	int r;

	w->wire_mtu = (uint32_t)s->n.lo + (w->v.ip6 ? MTU_IP6 : 0);
	r = netstack_link_set_mtu(w->st, w->ifindex, w->wire_mtu);
	world_flush(w);
	return r == 0 || world_fail(w, "the interface refuses this MTU: %s", strerror(-r));
}

static bool set_link(struct world *w, const struct step *s)
{
	const int r = netstack_link_set_up(w->st, w->ifindex, s->n.lo);

	world_flush(w);
	return r == 0 || world_fail(w, "the interface refuses: %s", strerror(-r));
}

static bool remove_address(struct world *w)
{
	const struct net_addr_conf a = {
		.ifindex = w->ifindex,
		.addr = place_addr(w, PLACE_LOCAL),
		.prefix_len = w->v.ip6 ? 64 : 24,
	};
	const int r = netstack_addr_del(w->st, &a);

	world_flush(w);
	return r == 0 || world_fail(w, "the address cannot be removed: %s", strerror(-r));
}

static bool run_step(struct world *w, const struct step *s)
{
	switch (s->kind) {
	case STEP_CALL:
		return move_to_step(w, s) && call_run(w, s);
	case STEP_INJECT:
		return inject(w, s);
	case STEP_EXPECT:
		return expect(w, s);
	case STEP_NOTHING:
		return nothing(w, s);
	case STEP_COUNT:
		return count(w, s);
	case STEP_PARAM:
		param_set(netstack_ip_params(w->st), netstack_tcp_params(w->st), &params[s->index],
			  s->n.lo, s->name);
		return true;
	case STEP_MTU:
		return set_mtu(w, s);
	case STEP_LINK:
		return set_link(w, s);
	case STEP_CONN:
		w->conn[s->index].has_ports = true;
		w->conn[s->index].local_port = s->local_port;
		w->conn[s->index].peer_port = s->peer_port;
		return true;
	case STEP_ADDR:
		return remove_address(w);
	}
	return false;
}

/* Parameters and MTU before the first other line are those the instance begins with.
 * Return: how many lines they are
 */
static size_t configure(const struct script *s, struct netstack_conf *conf, uint32_t *ret_mtu)
{
	size_t i;

	netstack_conf_default(conf);
	conf->ip.dad_transmits = 0;
	conf->ip.arp_announce = false;
	for (i = 0; i < s->n_steps; i++) {
		const struct step *step = &s->steps[i];

		if (step->kind == STEP_PARAM)
			param_set(&conf->ip, &conf->tcp, &params[step->index], step->n.lo,
				  step->name);
		else if (step->kind == STEP_MTU)
			*ret_mtu = (uint32_t)step->n.lo;
		else
			break;
	}
	return i;
}

bool run_script(struct world *w, const struct script *s, const struct variant *v)
{
	uint32_t mtu = MTU_DEFAULT;
	struct netstack_conf conf;
	size_t i;

	world_init(w, s, v);
	i = configure(s, &conf, &mtu);
	world_start(w, &conf, mtu + (v->ip6 ? MTU_IP6 : 0));
	for (; !w->failure[0] && i < s->n_steps; i++) {
		w->step = &s->steps[i];
		if (!run_step(w, w->step))
			break;
	}
	if (!w->failure[0] && check_quiet(w, UINT64_MAX))
		world_settle(w);
	return !w->failure[0];
}
