/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Who gets a packet.
 */
#include "netstack/transport/ports_priv.h"

/* One of a group: by the hash among those that share the port by SO_REUSEPORT, else the last
 * one that was bound.
 */
static struct sock *group_pick(const struct port_table *t, const struct port_group *g,
			       uint32_t hash, struct ip6_addr raddr, uint16_t rport)
{
	struct sock *last, *sk;

	if (!g->size)
		return g->one->sk;
	last = g->many[g->n - 1]->sk;
	if (g->n == 1 || !(last->flags & SOCK_REUSEPORT))
		return last;
	if (!hash)
		hash = port_tuple_hash(t, g->key.laddr, g->key.lport, raddr, rport);
	sk = g->many[((uint64_t)hash * g->n) >> 32]->sk;
	return sk->flags & SOCK_REUSEPORT ? sk : last;
}

/* -1: gets nothing of it. */
static int group_score(const struct port_key *key, struct ip6_addr laddr, struct ip6_addr raddr,
		       uint16_t rport, uint32_t ifindex)
{
	const bool is_ip4 = ip6_addr_is_mapped(laddr);
	int score = 0;

	if (key->oif && key->oif != ifindex)
		return -1;
	if (!sock_addr_is_any(key->laddr)) {
		if (!ip6_addr_eq(key->laddr, laddr))
			return -1;
		score += 64;
	} else if (!key->is_ip6) {
		if (!is_ip4)
			return -1;
		score += 1;
	} else if (is_ip4 ? key->v6only : ip6_addr_is_mapped(key->laddr)) {
		return -1;
	}
	if (!sock_addr_is_any(key->raddr)) {
		if (!ip6_addr_eq(key->raddr, raddr))
			return -1;
		score += 4;
	}
	if (key->rport) {
		if (key->rport != rport)
			return -1;
		score += 4;
	}
	return score + (key->oif ? 4 : 0);
}

struct sock *port_lookup(const struct port_table *t, struct ip6_addr laddr, uint16_t lport,
			 struct ip6_addr raddr, uint16_t rport, uint32_t ifindex, uint32_t hash)
{
	const struct port_record *rec = port_record_lookup(t, lport);
	const struct port_group *best = NULL;
	int best_score = -1;

	if (!rec)
		return NULL;
	if (rec->n_connected) {
		const uint32_t h = port_tuple_hash(t, laddr, lport, raddr, rport);
		struct flowtab_iter it = flowtab_first(&t->connected, h);
		uint32_t v;

		while ((v = flowtab_next(&t->connected, &it)) != FLOWTAB_NONE) {
			const struct port_group *g = port_group_at(t, v);
			const int score = g->key.lport == lport ? group_score(&g->key, laddr, raddr,
									      rport, ifindex)
								: -1;

			if (score > best_score) {
				best_score = score;
				best = g;
			}
		}
		if (best)
			return group_pick(t, best, hash, raddr, rport);
	}
	for (const struct port_group *g = port_group_at(t, rec->groups); g;
	     g = port_group_at(t, g->next)) {
		const int score = group_score(&g->key, laddr, raddr, rport, ifindex);

		if (score > best_score) {
			best_score = score;
			best = g;
		}
	}
	return best ? group_pick(t, best, hash, raddr, rport) : NULL;
}

struct port_bind *port_lookup_next(const struct port_table *t, const struct port_bind *prev,
				   struct ip6_addr laddr, uint16_t lport, struct ip6_addr raddr,
				   uint16_t rport, uint32_t ifindex)
{
	const struct port_record *rec = port_record_lookup(t, lport);
	struct port_bind *b = prev ? prev->next : rec ? rec->binds : NULL;

	for (; b; b = b->next) {
		const struct port_key key = port_key_of(t, b->sk);

		if (b->receiving && group_score(&key, laddr, raddr, rport, ifindex) >= 0)
			return b;
	}
	return NULL;
}
