/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Initial sequence numbers (RFC 6528) and offsets of timestamps (RFC 7323, 5.4), which nobody can
 * tell who does not see them: a clock, and a keyed hash of who talks to whom.
 */
#include "base/siphash.h"
#include "netstack/tcp/in_priv.h"

/* They tell the hashes from each other, and from all others under the key. */
#define ISN_SALT UINT64_C(0x74637069736e) /* "tcpisn" */
#define TS_SALT  UINT64_C(0x7463707473)   /* "tcpts" */

struct seq tcp_isn(const struct tcp *tcp, struct ip6_addr laddr, uint16_t lport,
		   struct ip6_addr raddr, uint16_t rport)
{
	const uint64_t msg[6] = {
		ISN_SALT, laddr.hi, laddr.lo, raddr.hi, raddr.lo, (uint64_t)lport << 16 | rport,
	};
	const uint64_t clock = tcp->core->now_ns / (4 * NS_PER_US); /* RFC 9293, 3.4.1 */

	return seq_of((uint32_t)(siphash24(&tcp->core->key, msg, sizeof(msg)) + clock));
}

uint32_t tcp_ts_offset(const struct tcp *tcp, struct ip6_addr laddr, struct ip6_addr raddr)
{
	const uint64_t msg[5] = { TS_SALT, laddr.hi, laddr.lo, raddr.hi, raddr.lo };

	return (uint32_t)siphash24(&tcp->core->key, msg, sizeof(msg));
}
