/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "netstack/net/icmp_limit.h"

#include <string.h>

#include "base/siphash.h"

/* Word of this table in keyed hashes. */
#define LIMIT_WORD UINT64_C(0x69636d706c696d) /* "icmplim" */

/* Below this number, what the bucket of the instance loses beside a message is random. */
#define NOISE      3

#define PEERS_SIZE (ICMP_LIMIT_SETS * sizeof(struct icmp_limit_peer[ICMP_LIMIT_WAYS]))

void icmp_limit_done(struct icmp_limit *l, struct core *c)
{
	if (l->peer)
		c->mem.free(c->mem.arg, l->peer, PEERS_SIZE);
	*l = (struct icmp_limit){ .peer = NULL };
}

/* --- the instance's bucket --- */

static void refill(struct icmp_limit *l, const struct core *c, const struct ip_params *params)
{
	const uint64_t passed = c->now_ns - l->at_ns;
	int64_t more;

	if (!l->primed) {
		more = params->icmp_per_s ? params->icmp_burst : 0;
		l->at_ns = c->now_ns;
		l->primed = true;
	} else if (passed >= NS_PER_S) {
		more = params->icmp_per_s;
		l->at_ns = c->now_ns;
	} else {
		more = (int64_t)(passed * params->icmp_per_s / NS_PER_S);
		if (more) /* what makes no whole token yet is not lost */
			l->at_ns += (uint64_t)more * NS_PER_S / params->icmp_per_s;
	}
	l->tokens += more;
	if (l->tokens > params->icmp_burst)
		l->tokens = params->icmp_burst;
}

/* --- peers' buckets --- */

static bool alloc_peers(struct icmp_limit *l, struct core *c)
{
	if (!l->peer) {
		l->peer = c->mem.alloc(c->mem.arg, PEERS_SIZE);
		if (l->peer)
			memset(l->peer, 0, PEERS_SIZE);
	}
	return l->peer;
}

/* The bucket of a peer, filled up to now; a new one takes the place of the one that was quiet
 * for the longest time.
 */
static struct icmp_limit_peer *find_peer(struct icmp_limit *l, const struct core *c,
					 struct ip6_addr peer, uint32_t full_ms)
{
	const uint64_t msg[3] = { LIMIT_WORD, peer.hi, ip6_addr_is_mapped(peer) ? peer.lo : 0 };
	const uint64_t hash = siphash13(&c->key, msg, sizeof(msg));
	const uint32_t tag = (uint32_t)(hash >> 32) | 1, now = core_ms(c);
	struct icmp_limit_peer *set = l->peer[hash % ICMP_LIMIT_SETS], *quiet = set;

	for (unsigned int i = 0; i < ICMP_LIMIT_WAYS; i++) {
		struct icmp_limit_peer *p = &set[i];

		if (p->tag == tag) {
			const uint64_t ms = (uint64_t)p->tokens_ms + (now - p->at_ms);

			p->tokens_ms = ms < full_ms ? (uint32_t)ms : full_ms;
			p->at_ms = now;
			return p;
		}
		if (quiet->tag && (!p->tag || now - p->at_ms > now - quiet->at_ms))
			quiet = p;
	}
	*quiet = (struct icmp_limit_peer){ .tag = tag, .at_ms = now, .tokens_ms = full_ms };
	return quiet;
}

bool icmp_limit_allow(struct icmp_limit *l, struct core *c, const struct ip_params *params,
		      struct ip6_addr peer)
{
	const uint32_t full_ms = params->icmp_peer_ms > UINT32_MAX / ICMP_LIMIT_PEER_BURST
					 ? UINT32_MAX
					 : params->icmp_peer_ms * ICMP_LIMIT_PEER_BURST;
	struct icmp_limit_peer *p = NULL;

	refill(l, c, params);
	if (l->tokens <= 0)
		return false;
	if (params->icmp_peer_ms && alloc_peers(l, c)) {
		p = find_peer(l, c, peer, full_ms);
		if (p->tokens_ms < params->icmp_peer_ms)
			return false;
		p->tokens_ms -= params->icmp_peer_ms;
	}
	l->tokens -= core_random_below(c, NOISE);
	return true;
}
