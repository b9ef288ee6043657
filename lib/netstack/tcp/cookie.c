/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * SYN cookies (RFC 4987, 3.6): a handshake of which we keep nothing.
 *
 *	ISN = x + hash(addresses, ports) + peer's ISN
 *	x   = | 5 bits of the time | 3 bits: MSS | 24 bits: hash of all, the time and the MSS |
 *
 * The first sum hides x and grows with the peer's ISN, as Bernstein's cookies do.  Time goes
 * in steps of 64 s; a cookie is good in the one it was made in and the next.  Of all ISNs 16
 * are good at a time, for a peer that has to guess one: it takes 2^28 ACKs.
 *
 * Window scale and SACK are in our timestamp, when the peer sends some; without, there are none.
 */
#include "base/siphash.h"
#include "netstack/tcp/in_priv.h"

#define BASE_SALT   UINT64_C(0x746370636b30) /* "tcpck0" */
#define MAC_SALT    UINT64_C(0x746370636b31)

#define STEP_S_LOG2 6
#define STEPS_GOOD  2

#define TIME_BITS   5
#define MAC_BITS    24
#define TIME_MASK   ((1U << TIME_BITS) - 1)
#define MAC_MASK    ((1U << MAC_BITS) - 1)

/* In the timestamp. */
#define TS_BITS   6
#define TS_MASK   ((1U << TS_BITS) - 1)
#define TS_WSCALE 0xfU
#define TS_SACK   (1U << 4) /* bit 5 is for ECN */

/* Those of IPv6's and Ethernet's MTU with and without tunnels; the first one suits everybody. */
static const uint16_t mss_table[8] = { 64, 536, 1220, 1300, 1380, 1440, 1460, 8960 };

static uint32_t base(const struct tcp *tcp, const struct tcp_segment *seg)
{
	const struct ip_rx *rx = seg->rx;
	const uint64_t msg[6] = {
		BASE_SALT,  rx->src.hi, rx->src.lo,
		rx->dst.hi, rx->dst.lo, (uint64_t)seg->h.src_port << 16 | seg->h.dst_port,
	};

	return (uint32_t)siphash24(&tcp->core->key, msg, sizeof(msg));
}

static uint32_t mac(const struct tcp *tcp, const struct tcp_segment *seg, struct seq irs,
		    uint32_t time, uint32_t mss_idx)
{
	const struct ip_rx *rx = seg->rx;
	const uint64_t msg[7] = {
		MAC_SALT ^ (uint64_t)mss_idx << 56,
		rx->src.hi,
		rx->src.lo,
		rx->dst.hi,
		rx->dst.lo,
		(uint64_t)irs.v << 32 | (uint32_t)seg->h.src_port << 16 | seg->h.dst_port,
		time,
	};

	return (uint32_t)siphash24(&tcp->core->key, msg, sizeof(msg)) & MAC_MASK;
}

static uint32_t time_now(const struct tcp *tcp)
{
	return tcp_now_s(tcp) >> STEP_S_LOG2;
}

struct seq tcp_cookie_make(const struct tcp *tcp, const struct tcp_segment *seg, uint16_t peer_mss)
{
	const uint32_t time = time_now(tcp);
	uint32_t i = sizeof(mss_table) / sizeof(mss_table[0]) - 1;
	uint32_t x;

	while (i && mss_table[i] > peer_mss)
		i--;
	x = (time & TIME_MASK) << (32 - TIME_BITS) | i << MAC_BITS |
	    mac(tcp, seg, seg->h.seq, time, i);
	return seq_add(seg->h.seq, x + base(tcp, seg));
}

uint32_t tcp_cookie_ts(const struct tcp *tcp, const struct tcp_segment *seg,
		       const struct tcp_passive *p)
{
	const uint32_t now = core_ms(tcp->core);
	uint32_t ts = (now & ~TS_MASK) | p->snd_wscale | (p->sack ? TS_SACK : 0);

	if (ts > now)
		ts -= TS_MASK + 1;
	return ts + tcp_ts_offset(tcp, seg->rx->dst, seg->rx->src);
}

/* What tcp_cookie_ts() has said, and the peer says again. */
static void read_ts(const struct tcp *tcp, const struct tcp_segment *seg, struct tcp_passive *p)
{
	const uint32_t ts = seg->opt.ts_ecr - tcp_ts_offset(tcp, seg->rx->dst, seg->rx->src);

	p->has_ts = true;
	p->ts_recent = seg->opt.ts_val;
	p->sack = ts & TS_SACK && tcp->params.sack;
	if (tcp->params.window_scaling && (ts & TS_WSCALE) <= TCP_WSCALE_MAX)
		p->snd_wscale = ts & TS_WSCALE;
}

bool tcp_cookie_check(const struct tcp *tcp, const struct tcp_segment *seg, struct tcp_passive *ret)
{
	const struct seq iss = seq_sub(seg->h.ack, 1);
	const struct seq irs = seq_sub(seg->h.seq, 1);
	const uint32_t x = iss.v - irs.v - base(tcp, seg);
	const uint32_t mss_idx = x >> MAC_BITS & 7;
	const uint32_t age = (time_now(tcp) - (x >> (32 - TIME_BITS))) & TIME_MASK;

	if (age >= STEPS_GOOD || mac(tcp, seg, irs, time_now(tcp) - age, mss_idx) != (x & MAC_MASK))
		return false;
	*ret = (struct tcp_passive){
		.iss = iss,
		.irs = irs,
		.mss = mss_table[mss_idx],
		.snd_wscale = TCP_SYN_NO_WSCALE,
	};
	if (seg->opt.has_ts && tcp->params.timestamps)
		read_ts(tcp, seg, ret);
	return true;
}

bool tcp_cookie_expected(const struct tcp_conn *listener)
{
	const struct tcp_listener *l = listener->listener;

	return l->cookies_sent &&
	       tcp_now_s(listener->tcp) - l->cookies_at_s <= STEPS_GOOD << STEP_S_LOG2;
}
