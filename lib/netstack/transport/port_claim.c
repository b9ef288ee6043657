/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Who may have a port that others have: Linux's rules, to the letter.
 */
#include <string.h>

#include "netstack/transport/ports_priv.h"

struct port_claim port_claim_of(const struct port_bind *b)
{
	const struct sock *sk = b->sk;
	struct port_claim c;

	memset(&c, 0, sizeof(c));
	c.laddr = sk->laddr;
	c.oif = sk->oif;
	c.is_ip6 = sk->is_ip6;
	c.v6only = sk->flags & SOCK_V6ONLY;
	c.reuseaddr = sk->flags & SOCK_REUSEADDR;
	c.reuseport = sk->flags & SOCK_REUSEPORT;
	c.listening = b->listening;
	c.connected = b->kind == PORT_CONNECTED;
	return c;
}

static bool claim_is_ip4(const struct port_claim *c)
{
	return !c->is_ip6 || ip6_addr_is_mapped(c->laddr);
}

/* As Linux's inet_rcv_saddr_equal() with wildcards. */
static bool addrs_overlap(const struct port_claim *a, const struct port_claim *b)
{
	if (claim_is_ip4(a) && claim_is_ip4(b))
		return sock_addr_is_any(a->laddr) || sock_addr_is_any(b->laddr) ||
		       ip6_addr_eq(a->laddr, b->laddr);
	if (claim_is_ip4(a))
		return ip6_addr_is_unspecified(b->laddr) && !b->v6only;
	if (claim_is_ip4(b))
		return ip6_addr_is_unspecified(a->laddr) && !a->v6only;
	return ip6_addr_is_unspecified(a->laddr) || ip6_addr_is_unspecified(b->laddr) ||
	       ip6_addr_eq(a->laddr, b->laddr);
}

/* @there has the port, @wants asks for it.  @strict: options do not help, as in the search
 * for a free port.
 */
static bool claims_conflict(const struct port_table *t, const struct port_claim *wants,
			    const struct port_claim *there, bool strict)
{
	if (t->rules == PORT_PING)
		return strict || !wants->reuseaddr || !there->reuseaddr;
	if (wants->oif && there->oif && wants->oif != there->oif)
		return false;
	if (!addrs_overlap(wants, there))
		return false;
	if (strict)
		return true;
	if (wants->reuseaddr && there->reuseaddr && !there->listening)
		return false;
	return !wants->reuseport || !there->reuseport;
}

/* With UDP the first one that matters decides alone, conflict or group of SO_REUSEPORT: so does
 * udp_lib_lport_inuse(), and programs may have come to need it.
 */
static bool decides_alone(const struct port_table *t, const struct port_claim *wants,
			  const struct port_claim *there)
{
	return t->rules == PORT_UDP && wants->reuseport && there->reuseport &&
	       !(wants->reuseaddr && there->reuseaddr) &&
	       (!wants->oif || !there->oif || wants->oif == there->oif) &&
	       addrs_overlap(wants, there);
}

bool port_claim_conflicts(const struct port_table *t, const struct port_record *rec,
			  const struct port_bind *wants, bool strict)
{
	const struct port_claim claim = port_claim_of(wants);

	for (const struct port_bind *b = rec->binds; b; b = b->next) {
		const struct port_claim there = port_claim_of(b);

		if (b == wants)
			continue;
		if (claims_conflict(t, &claim, &there, strict))
			return true;
		if (!strict && decides_alone(t, &claim, &there))
			return false;
	}
	for (uint32_t v = rec->shares; v;) {
		const struct port_share *s = slab_get(&t->shares, v - 1);

		if (claims_conflict(t, &claim, &s->claim, strict))
			return true;
		v = s->next;
	}
	return false;
}

/* --- TCP: who need not be asked ---
 *
 * Linux remembers the options of those that were let in, and lets others in by them without a
 * look at anybody else (inet_csk_get_port(), sk_reuseport_match()).  It was made for speed,
 * but some that conflict pass, and programs rely on what they can do.
 */

static bool v4_covers(const struct port_claim *fast, const struct port_claim *c)
{
	return sock_addr_is_any(fast->laddr) || (uint32_t)fast->laddr.lo == (uint32_t)c->laddr.lo;
}

static bool fast_covers(const struct port_claim *fast, const struct port_claim *c)
{
	if (!fast->is_ip6)
		return !(c->is_ip6 && c->v6only) &&
		       (sock_addr_is_any(fast->laddr) || (claim_is_ip4(c) && v4_covers(fast, c)));
	if (claim_is_ip4(fast) && claim_is_ip4(c))
		return v4_covers(fast, c);
	if (ip6_addr_is_unspecified(fast->laddr))
		return !(fast->v6only && claim_is_ip4(c));
	return !claim_is_ip4(fast) && !claim_is_ip4(c) && ip6_addr_eq(fast->laddr, c->laddr);
}

static bool matches_fast(const struct port_record *rec, const struct port_claim *c)
{
	if (rec->fast_port == FAST_NONE || !c->reuseport)
		return false;
	return rec->fast_port == FAST_ANY || fast_covers(&rec->fast, c);
}

bool port_claim_is_let_in(const struct port_table *t, const struct port_record *rec,
			  const struct port_bind *b, bool listen)
{
	const struct port_claim c = port_claim_of(b);

	if (t->rules != PORT_TCP)
		return false;
	return (rec->fast_addr && c.reuseaddr && !listen) || matches_fast(rec, &c);
}

/* inet_csk_update_fastreuse() */
void port_claim_let_in(struct port_record *rec, const struct port_bind *b, bool first, bool listen)
{
	const struct port_claim c = port_claim_of(b);

	rec->fast_addr = (first || rec->fast_addr) && c.reuseaddr && !listen;
	if (!c.reuseport) {
		rec->fast_port = FAST_NONE;
	} else if (first || !matches_fast(rec, &c)) {
		rec->fast_port = first ? FAST_ANY : FAST_STRICT;
		rec->fast = c;
	}
}
