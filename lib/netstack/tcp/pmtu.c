/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * How large segments are: what the path takes, as the network layer knows it by ICMP (RFC 1191,
 * RFC 8201) or as packets that vanish tell (RFC 4821).
 *
 * When the retransmission timer has come several times in a row, perhaps the path swallows large
 * packets: segments become small (@probe_mtu).  Then larger ones are tried one at a time, as
 * large as possible first, then by halves of what is not known.  A probe is data like any
 * other, sent when there is enough behind it for its loss to be noticed soon, and its loss does
 * not count as congestion (RFC 4821, 7.6.2).  After a time the search begins again; who has
 * too little to send for that sends it in full size, as at first.
 */
#include "netstack/tcp/snd_priv.h"
#include "wire/ipv6.h"

/* The search is over when it is about so little (tcp_probe_threshold). */
#define PROBE_STEP 8U

/* Packets a window has for probing in it. */
#define PROBE_WINDOW 11

static uint16_t now_s(const struct tcp_conn *c)
{
	return (uint16_t)(c->tcp->core->now_ns / NS_PER_S);
}

/* What was found out by loss is believed for as long as what ICMP says: it may have been
 * congestion, and paths change.
 */
static void believe(struct tcp_conn *c, uint32_t mtu)
{
	c->probe_mtu = (uint16_t)tcp_min(mtu, UINT16_MAX);
	c->probe_until_s = (uint16_t)(now_s(c) + net_params(c->tcp->net)->pmtu_expires_ms / 1000);
}

static bool is_outdated(const struct tcp_conn *c)
{
	return c->probe_mtu && (int16_t)(now_s(c) - c->probe_until_s) >= 0;
}

static uint32_t path_mtu(const struct tcp_conn *c)
{
	if (!c->probe_mtu || is_outdated(c))
		return c->path.mtu;
	return tcp_min(c->probe_mtu, c->path.mtu);
}

/* Smaller packets pass everywhere (RFC 8200, 5), or nearly so: it is not their size. */
static uint32_t mtu_floor(const struct tcp_conn *c)
{
	return ip6_addr_is_mapped(c->sk.raddr) ? net_params(c->tcp->net)->pmtu_min : IPV6_MTU_LEAST;
}

/* Payload and options: RFC 9293, 3.7.1. */
static uint32_t mss_with_opts(const struct tcp_conn *c)
{
	const uint32_t hdrs_len = tcp_ip_hdr_len(c) + TCP_HDR_LEN;
	const uint32_t mtu = path_mtu(c);
	uint32_t mss = mtu > hdrs_len ? mtu - hdrs_len : 0;

	mss = tcp_min(mss, c->peer_mss);
	if (c->user_mss)
		mss = tcp_min(mss, c->user_mss);
	return tcp_min(mss, UINT16_MAX);
}

/* Two segments fit into the window of a peer with a small buffer, else each waits for the ACK of
 * the one before, which is delayed.  What is below params.min_snd_mss, which has room for all
 * options, costs more than it moves.
 */
static uint32_t bounded(const struct tcp_conn *c, uint32_t mss)
{
	const uint32_t most = c->max_wnd > TCP_MSS_DEFAULT4 ? c->max_wnd / 2 : c->max_wnd;

	if (most)
		mss = tcp_min(mss, most);
	return tcp_max(mss, c->tcp->params.min_snd_mss);
}

uint32_t tcp_base_mss(const struct tcp_conn *c)
{
	const uint32_t opts_len = c->flags & TCPF_TS ? TCP_OPTS_TS_LEN : 0;

	return bounded(c, mss_with_opts(c)) - opts_len;
}

uint32_t tcp_snd_mss(struct tcp_conn *c)
{
	return bounded(c, mss_with_opts(c)) - tcp_emit_opts_len(c);
}

/* What is in flight and does not fit goes again, in smaller segments. */
static void smaller(struct tcp_conn *c, uint32_t old_mss)
{
	const uint32_t mss = tcp_base_mss(c);

	if (mss >= old_mss)
		return;
	c->tcp->stats.mtu_updates++;
	c->cs.mss = (uint16_t)mss;
	tcp_recovery_mtu(c);
}

void tcp_mtu_changed(struct tcp_conn *c)
{
	const uint32_t old_mss = c->cs.mss;

	c->path.gen = 0;
	if (tcp_path(c) == 0)
		smaller(c, old_mss);
}

/* RFC 4821, 7.7: what was sent does not come through, and no ICMP says why. */
void tcp_mtu_black_hole(struct tcp_conn *c)
{
	const struct tcp_params *params = &c->tcp->params;
	const uint32_t hdrs_len = tcp_ip_hdr_len(c) + TCP_HDR_LEN;
	const uint32_t old_mss = c->cs.mss, mss = mss_with_opts(c);
	uint32_t mtu;

	if (!params->mtu_probing)
		return;
	mtu = tcp_max(tcp_min(mss / 2, params->base_mss) + hdrs_len, mtu_floor(c));
	if (mtu >= mss + hdrs_len)
		return;
	c->tcp->stats.mtu_failed++;
	believe(c, mtu);
	smaller(c, old_mss);
}

void tcp_mtu_init(struct tcp_conn *c)
{
	const struct tcp_params *params = &c->tcp->params;

	c->probe_mtu = 0;
	c->probe_high = 0;
	if (params->mtu_probing == 2)
		believe(c,
			tcp_max(params->base_mss + tcp_ip_hdr_len(c) + TCP_HDR_LEN, mtu_floor(c)));
}

/* --- probing upwards --- */

/* Largest packet that could be of use. */
static uint32_t probe_limit(const struct tcp_conn *c)
{
	uint32_t mss = c->peer_mss;

	if (c->user_mss)
		mss = tcp_min(mss, c->user_mss);
	return tcp_min(c->path.mtu, mss + tcp_ip_hdr_len(c) + TCP_HDR_LEN);
}

/* What is to be tried next; 0 for nothing: the search is over. */
static uint32_t probe_size(const struct tcp_conn *c)
{
	const uint32_t limit = probe_limit(c);
	const uint32_t high = c->probe_high ? tcp_min(c->probe_high, limit) : limit;

	if (high < c->probe_mtu + PROBE_STEP)
		return 0;
	return c->probe_high ? (c->probe_mtu + high + 1) / 2 : high;
}

/* Is there so much behind it that duplicates will tell of its loss? */
static bool has_followers(const struct tcp_conn *c, uint32_t len)
{
	const uint32_t more = (c->reordering + 1U) * c->cs.mss;

	return c->fl->unsent >= len + more && tcp_flight_size(c) + len + more <= c->snd_wnd;
}

void tcp_mtu_refresh(struct tcp_conn *c)
{
	if (!is_outdated(c))
		return;
	c->probe_high = 0;
	if (c->fl && has_followers(c, probe_limit(c)))
		believe(c, c->probe_mtu);
	else
		c->probe_mtu = 0;
}

uint32_t tcp_mtu_probe_len(struct tcp_conn *c, bool *ret_wait)
{
	const struct tcp_flight *fl = c->fl;
	const uint32_t in_flight = tcp_in_flight(c);
	uint32_t len;

	*ret_wait = false;
	if (path_mtu(c) != c->probe_mtu || !c->tcp->params.mtu_probing || fl->probe_size ||
	    c->ca_state != TCPCA_OPEN || c->cs.cwnd < PROBE_WINDOW * c->cs.mss)
		return 0;
	len = probe_size(c);
	if (!len)
		return 0;
	len -= tcp_ip_hdr_len(c) + TCP_HDR_LEN + tcp_emit_opts_len(c);
	if (!has_followers(c, len))
		return 0;
	if (in_flight + len <= c->cs.cwnd)
		return len;
	*ret_wait = in_flight > 0;
	return 0;
}

void tcp_mtu_probe_sent(struct tcp_conn *c, const struct tcp_txseg *s)
{
	const uint32_t hdrs_len = tcp_ip_hdr_len(c) + TCP_HDR_LEN;
	const uint32_t opts_len = c->flags & TCPF_TS ? TCP_OPTS_TS_LEN : 0;

	c->fl->probe_seq = s->seq;
	c->fl->probe_size = (uint16_t)(s->len + hdrs_len + opts_len);
}

static void probe_came_through(struct tcp_conn *c)
{
	believe(c, c->fl->probe_size);
	c->fl->probe_size = 0;
	c->tcp->stats.mtu_updates++;
	if (c->probe_mtu + PROBE_STEP > probe_limit(c))
		c->probe_mtu = 0; /* as large as can be */
	c->cs.mss = (uint16_t)tcp_base_mss(c);
}

bool tcp_mtu_probe_check(struct tcp_conn *c)
{
	struct tcp_flight *fl = c->fl;
	const struct tcp_txseg *s = tcp_txseg_find(c, fl->probe_seq);

	if (!s || s->flags & TXSEG_SACKED) {
		probe_came_through(c);
		return false;
	}
	if (!(s->flags & TXSEG_LOST))
		return false;
	c->tcp->stats.mtu_failed++;
	believe(c, c->probe_mtu);
	c->probe_high = (uint16_t)(fl->probe_size - 1);
	fl->probe_size = 0;
	return fl->lost == s->len;
}
