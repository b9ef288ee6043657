/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * icmp_limit.h - how many ICMP errors we send (RFC 1812 4.3.2.8, RFC 4443 2.4 (f))
 *
 * Token buckets: one for the instance, and one for each host that gets errors (for IPv6 each
 * /64, whose addresses are one host's to choose).  The peers' are kept in a small table that
 * forgets who was quiet for the longest time.  The bucket of the instance loses and gains at
 * random beside what is sent, so that nobody off the path counts what others were
 * told (Man et al., "DNS Cache Poisoning Attack Reloaded", 2020).
 */
#ifndef NETSTACK_NET_ICMP_LIMIT_H
#define NETSTACK_NET_ICMP_LIMIT_H

#include <stdbool.h>
#include <stdint.h>

#include "netstack/core/core.h"
#include "netstack/net/params.h"
#include "wire/addr.h"

#define ICMP_LIMIT_WAYS       4
#define ICMP_LIMIT_SETS       64
#define ICMP_LIMIT_PEER_BURST 6

/**
 * struct icmp_limit_peer - Bucket of a peer
 * @tag:	Of its address, 0 for a free one
 * @at_ms:	When it was last filled
 * @tokens_ms:	What is in it, as milliseconds of params icmp_peer_ms
 */
struct icmp_limit_peer {
	uint32_t tag;
	uint32_t at_ms;
	uint32_t tokens_ms;
};

/**
 * struct icmp_limit - Buckets of an instance
 * @at_ns:	When the one of the instance was last filled
 * @tokens:	What is in it; below 0 for noise that is still to be paid
 * @primed:	It was filled for the first time
 * @peer:	Buckets of peers, allocated with the first error
 */
struct icmp_limit {
	uint64_t at_ns;
	int64_t tokens;
	bool primed;
	struct icmp_limit_peer (*peer)[ICMP_LIMIT_WAYS];
};

/* Zero-initialised is ready; gives the memory back. */
void icmp_limit_done(struct icmp_limit *l, struct core *c);

/* May an error be sent to @peer now?  It counts as sent then. */
bool icmp_limit_allow(struct icmp_limit *l, struct core *c, const struct ip_params *params,
		      struct ip6_addr peer);

#endif /* NETSTACK_NET_ICMP_LIMIT_H */
