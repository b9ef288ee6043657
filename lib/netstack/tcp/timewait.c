/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * TIME-WAIT: 64 bytes that answer for a connection until its last segments are gone.
 *
 * It lasts 2 MSL (params.time_wait_s) from when it began or the peer was last heard, for all
 * alike, so they are in a queue and need one timer.  It ends early by RST (unless params.rfc1337),
 * by a SYN that cannot be an old one (RFC 6191, RFC 9293 3.10.7.4: a larger number or timestamp),
 * and by our own connect() when timestamps tell the segments of both apart.
 */
#include <assert.h>
#include <errno.h>

#include "netstack/tcp/in_priv.h"

#define CLOCK_SHIFT 24  /* ns to steps of 17 ms: 16 bits of them are 18 minutes */
#define TIME_MAX_S  600 /* what such a clock can tell apart */

/* Beyond what the old connection may have in the network (Linux: 65535 + 2). */
#define ISN_STEP 65537

static uint16_t tw_clock(const struct tcp *tcp)
{
	return (uint16_t)(tcp->core->now_ns >> CLOCK_SHIFT);
}

static uint32_t tw_age(const struct tcp *tcp, const struct tcp_tw *tw)
{
	return (uint16_t)(tw_clock(tcp) - tw->since);
}

/* Steps until it is over, rounded up. */
static uint32_t tw_limit(const struct tcp *tcp)
{
	const uint64_t s = tcp_min(tcp->params.time_wait_s, TIME_MAX_S);

	return (uint32_t)(s * NS_PER_S >> CLOCK_SHIFT) + 1;
}

int tcp_tw_new(struct tcp *tcp)
{
	const struct pbuf_mem *mem = &tcp->core->mem;
	struct tcp_tw_queue *q = mem->alloc(mem->arg, sizeof(*q));

	if (!q)
		return -ENOMEM;
	*q = (struct tcp_tw_queue){ .tcp = tcp, .timer.kind = TIMER_TCP_TIME_WAIT };
	tcp_fifo_init(&q->queue);
	tcp->tw_queue = q;
	return 0;
}

static void tw_unhold(struct tcp *tcp, struct tcp_tw *tw)
{
	if (tw->hold != TCP_TW_NO_HOLD)
		port_unhold(&tcp->ports, tw->lport, tw->hold);
}

static void tw_free(struct tcp *tcp, uint32_t id)
{
	struct tcp_tw *tw = tcp_tw_get(tcp, id);
	const uint32_t hash = tcp_hash(tcp, tw->rec.laddr, tw->lport, tw->rec.raddr, tw->rport);

	flowtab_remove(&tcp->table, hash, id | TCP_OWNER_TW);
	tcp_fifo_del(&tcp->tw_queue->queue, &tcp->tws, id);
	tw_unhold(tcp, tw);
	slab_free(&tcp->tws, id);
}

void tcp_tw_done(struct tcp *tcp)
{
	const struct pbuf_mem *mem = &tcp->core->mem;
	struct tcp_tw_queue *q = tcp->tw_queue;

	while (q->queue.first != SLAB_NONE)
		tw_free(tcp, q->queue.first);
	timer_del(&tcp->core->wheel, &q->timer);
	mem->free(mem->arg, q, sizeof(*q));
	tcp->tw_queue = NULL;
}

/* --- time --- */

static void arm(struct tcp *tcp)
{
	struct tcp_tw_queue *q = tcp->tw_queue;
	uint32_t age, limit;

	if (timer_is_set(&q->timer) || q->queue.first == SLAB_NONE)
		return;
	age = tw_age(tcp, tcp_tw_get(tcp, q->queue.first));
	limit = tw_limit(tcp);
	timer_set(&tcp->core->wheel, &q->timer,
		  tcp->core->now_ns + ((uint64_t)(age < limit ? limit - age : 0) << CLOCK_SHIFT));
}

void tcp_tw_timer(void *arg, struct timer *t)
{
	struct tcp_tw_queue *q = rb_entry(t, struct tcp_tw_queue, timer);
	struct tcp *tcp = q->tcp;

	(void)arg; /* of the wheel */
	while (q->queue.first != SLAB_NONE &&
	       tw_age(tcp, tcp_tw_get(tcp, q->queue.first)) >= tw_limit(tcp))
		tw_free(tcp, q->queue.first);
	arm(tcp);
}

static void tw_start(struct tcp *tcp, uint32_t id)
{
	tcp_tw_get(tcp, id)->since = tw_clock(tcp);
	tcp_fifo_push(&tcp->tw_queue->queue, &tcp->tws, id);
	arm(tcp);
}

static void tw_restart(struct tcp *tcp, uint32_t id)
{
	if (tw_age(tcp, tcp_tw_get(tcp, id)) == 0)
		return;
	tcp_fifo_del(&tcp->tw_queue->queue, &tcp->tws, id);
	tw_start(tcp, id);
}

/* --- beginning --- */

/* bind() is to see that the port is in use. */
static uint32_t hold(struct tcp_conn *c)
{
	struct port_table *ports = &c->tcp->ports;
	uint32_t ret;

	if (c->bind.kind == PORT_NONE || port_hold(ports, &c->bind, &ret) < 0)
		return TCP_TW_NO_HOLD;
	if (ret < TCP_TW_NO_HOLD)
		return ret;
	port_unhold(ports, c->sk.lport, ret);
	return TCP_TW_NO_HOLD;
}

void tcp_time_wait(struct tcp_conn *c)
{
	struct tcp *tcp = c->tcp;
	struct tcp_tw *tw = NULL;
	uint32_t id;

	assert(c->flags & TCPF_HASHED);
	if (tcp->tws.n < tcp->params.time_wait_max)
		tw = slab_alloc(&tcp->tws, &id);
	if (!tw) {
		tcp->stats.time_wait_overflow++;
		tcp_conn_end(c, 0);
		return;
	}
	tw->rec.laddr = c->sk.laddr;
	tw->rec.raddr = c->sk.raddr;
	tw->lport = c->sk.lport;
	tw->rport = c->sk.rport;
	tw->snd_nxt = c->snd_nxt;
	tw->rcv_nxt = c->rcv_nxt;
	tw->ts_recent = c->ts_recent;
	tw->has_ts = !!(c->flags & TCPF_TS);
	tw->ifindex = ip6_addr_is_link_local(c->sk.raddr) ? c->path.ifindex & 0x7f : 0;
	tw->wnd = (uint16_t)tcp_min(tcp_rcv_room(c) >> c->rcv_wscale, UINT16_MAX);
	tw->hold = hold(c) & 0xffffff;
	flowtab_replace(&tcp->table, c->hash, c->sk.id | TCP_OWNER_CONN, id | TCP_OWNER_TW);
	c->flags &= ~(uint32_t)TCPF_HASHED;
	tcp->stats.time_wait++;
	tw_start(tcp, id);
	tcp_set_state(c, TCPS_TIME_WAIT);
	tcp_conn_end(c, 0);
}

/* --- segments --- */

static void ack(struct tcp *tcp, const struct tcp_tw *tw, const struct tcp_segment *seg)
{
	struct tcp_reply r;

	tcp_reply_init(&r, seg);
	r.h.flags = TCP_ACK;
	r.h.seq = tw->snd_nxt;
	r.h.ack = tw->rcv_nxt;
	r.h.wnd = tw->wnd;
	if (tw->has_ts) {
		r.opt.has_ts = true;
		r.opt.ts_val = core_ms(tcp->core) + tcp_ts_offset(tcp, r.laddr, r.raddr);
		r.opt.ts_ecr = tw->ts_recent;
	}
	tcp_reply(tcp, &r);
}

static bool paws_rejects(const struct tcp_tw *tw, const struct tcp_segment *seg)
{
	return tw->has_ts && seg->opt.has_ts &&
	       seq_lt(seq_of(seg->opt.ts_val), seq_of(tw->ts_recent));
}

/* A SYN of a new connection, and somebody who wants it. */
static bool is_new(const struct tcp *tcp, const struct tcp_tw *tw, const struct tcp_segment *seg)
{
	const struct ip_rx *rx = seg->rx;

	if ((seg->h.flags & (TCP_SYN | TCP_ACK | TCP_RST)) != TCP_SYN || paws_rejects(tw, seg))
		return false;
	if (!seq_gt(seg->h.seq, tw->rcv_nxt) &&
	    !(tw->has_ts && seg->opt.has_ts &&
	      seq_gt(seq_of(seg->opt.ts_val), seq_of(tw->ts_recent))))
		return false;
	return port_lookup(&tcp->ports, rx->dst, seg->h.dst_port, rx->src, seg->h.src_port,
			   seg->pb->ifindex, seg->hash);
}

/* An ISN that the old connection has not come to. */
static struct seq isn_behind(const struct tcp *tcp, const struct tcp_tw *tw)
{
	const struct seq isn = tcp_isn(tcp, tw->rec.laddr, tw->lport, tw->rec.raddr, tw->rport);

	return seq_max(isn, seq_add(tw->snd_nxt, ISN_STEP));
}

/* In order, and without anything in it: at most it ends TIME-WAIT. */
static int in_order(struct tcp *tcp, uint32_t id, const struct tcp_segment *seg)
{
	struct tcp_tw *tw = tcp_tw_get(tcp, id);

	if (seg->h.flags & TCP_RST) {
		if (!tcp->params.rfc1337)
			tw_free(tcp, id);
		return DROP_TCP_TIME_WAIT;
	}
	if (seg->opt.has_ts)
		tw->ts_recent = seg->opt.ts_val;
	tw_restart(tcp, id);
	return DROP_TCP_TIME_WAIT;
}

int tcp_tw_segment(struct tcp *tcp, uint32_t id, struct tcp_segment *seg)
{
	struct tcp_tw *tw = tcp_tw_get(tcp, id);
	const bool rst = seg->h.flags & TCP_RST;
	const bool old = paws_rejects(tw, seg);
	uint32_t never = 0;

	if (!old && seq_eq(seg->h.seq, tw->rcv_nxt) && (seg->len == 0 || rst))
		return in_order(tcp, id, seg);
	if (is_new(tcp, tw, seg)) {
		seg->isn = isn_behind(tcp, tw);
		seg->has_isn = true;
		tcp->stats.time_wait_recycled++;
		tw_free(tcp, id);
		return RX_PASS;
	}
	tcp->stats.paws_estab += old;
	if (rst)
		return DROP_TCP_TIME_WAIT;
	/* Fifth: without ACK. */
	if (!(seg->h.flags & (TCP_ACK | TCP_SYN)))
		return DROP_TCP_NO_FLAGS;
	/* A FIN that comes again, or something old: the peer shall hear how far we are, and has
	 * not ended yet.  A SYN without ACK may be of a new connection that has to wait.
	 */
	if (old || seg->h.flags & TCP_ACK)
		tw_restart(tcp, id);
	if ((seg->len && !(seg->h.flags & TCP_SYN)) || tcp_challenge_allowed(tcp, &never))
		ack(tcp, tw, seg);
	return DROP_TCP_TIME_WAIT;
}

/* --- connect() --- */

bool tcp_tw_reusable(const struct tcp *tcp, uint32_t id, bool bound)
{
	const struct tcp_tw *tw = tcp_tw_get(tcp, id);

	/* Who asked for this very port gets it, as on Linux; others while there is a choice only
	 * after a second, when our timestamps are others, too.
	 */
	if (bound)
		return tw->has_ts;
	return tcp->params.tw_reuse && tw->has_ts &&
	       (uint64_t)tw_age(tcp, tw) << CLOCK_SHIFT > NS_PER_S;
}

void tcp_tw_reuse(struct tcp_conn *c, uint32_t id)
{
	struct tcp *tcp = c->tcp;
	const struct tcp_tw *tw = tcp_tw_get(tcp, id);

	c->iss = isn_behind(tcp, tw);
	tcp->stats.time_wait_recycled++;
	tw_free(tcp, id);
}
