/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The SYN queue: handshakes from outside that wait for their last ACK.
 *
 * Each is a record of 64 bytes, in the queue of those whose SYN+ACK was sent as often as its own:
 * in each queue the wait is the same, so the first one is the next, and one timer does for all.
 *
 * How many a listener has is bound by its backlog, as on Linux: when there are more, SYN cookies
 * are sent (params.syncookies), or SYNs are dropped.  And a SYN is dropped while the accept queue
 * is full, for what would its connection do there?
 */
#include <assert.h>
#include <errno.h>

#include "netstack/tcp/in_priv.h"

#define CLOCK_SHIFT 21 /* ns to steps of 2 ms: 16 bits of them are 137 s */
#define WAIT_MAX_MS 64000

/* With fewer records than this in the queue nobody is in a hurry. */
#define CROWD_MIN 8

static uint16_t syn_clock(const struct tcp *tcp)
{
	return (uint16_t)(tcp->core->now_ns >> CLOCK_SHIFT);
}

/* Steps since SYN+ACK was sent last. */
static uint32_t syn_age(const struct tcp *tcp, const struct tcp_syn *s)
{
	return (uint16_t)(syn_clock(tcp) - s->sent);
}

static uint32_t steps_of_ms(uint32_t ms)
{
	return (uint32_t)((ms * NS_PER_MS >> CLOCK_SHIFT) + 1);
}

/* Steps until it is sent once more. */
static uint32_t syn_wait(const struct tcp *tcp, unsigned int retries)
{
	const uint64_t ms = (uint64_t)tcp->params.rto_initial_ms << retries;
	const uint32_t max = tcp_min(tcp->params.rto_max_ms, WAIT_MAX_MS);

	return steps_of_ms(ms < max ? (uint32_t)ms : max);
}

static struct tcp_conn *listener_of(const struct tcp *tcp, const struct tcp_syn *s)
{
	return tcp_conn_get(tcp, s->listener);
}

int tcp_syn_new(struct tcp *tcp)
{
	const struct pbuf_mem *mem = &tcp->core->mem;
	struct tcp_syn_queues *q = mem->alloc(mem->arg, sizeof(*q));

	if (!q)
		return -ENOMEM;
	*q = (struct tcp_syn_queues){ .tcp = tcp, .timer.kind = TIMER_TCP_SYNQ };
	for (unsigned int i = 0; i <= TCP_SYN_RETRIES_MAX; i++)
		tcp_fifo_init(&q->queue[i]);
	tcp->syn_queues = q;
	return 0;
}

/* --- the timer --- */

static void arm(struct tcp *tcp)
{
	struct tcp_syn_queues *q = tcp->syn_queues;
	uint32_t first = UINT32_MAX;

	for (unsigned int i = 0; i <= TCP_SYN_RETRIES_MAX; i++) {
		const uint32_t wait = syn_wait(tcp, i);
		uint32_t age;

		if (q->queue[i].first == SLAB_NONE)
			continue;
		age = syn_age(tcp, tcp_syn_get(tcp, q->queue[i].first));
		first = tcp_min(first, age < wait ? wait - age : 0);
	}
	if (first != UINT32_MAX)
		timer_set(&tcp->core->wheel, &q->timer,
			  tcp->core->now_ns + ((uint64_t)first << CLOCK_SHIFT));
}

/* Into the queue of its retries, sent now. */
static void enqueue(struct tcp *tcp, uint32_t id)
{
	struct tcp_syn *s = tcp_syn_get(tcp, id);
	struct tcp_syn_queues *q = tcp->syn_queues;
	const uint64_t at =
		tcp->core->now_ns + ((uint64_t)syn_wait(tcp, s->retries) << CLOCK_SHIFT);

	s->sent = syn_clock(tcp);
	tcp_fifo_push(&q->queue[s->retries], &tcp->syns, id);
	if (!timer_is_set(&q->timer) || at < timer_at_ns(&q->timer))
		timer_set(&tcp->core->wheel, &q->timer, at);
}

/* --- a record goes --- */

/* Out of queue and counters; its place in the table may be another's by now. */
static void syn_release(struct tcp *tcp, uint32_t id)
{
	struct tcp_syn *s = tcp_syn_get(tcp, id);
	struct tcp_listener *l = listener_of(tcp, s)->listener;

	tcp_fifo_del(&tcp->syn_queues->queue[s->retries], &tcp->syns, id);
	l->n_syn--;
	if (s->retries == 0)
		l->n_young--;
	slab_free(&tcp->syns, id);
}

static void syn_free(struct tcp *tcp, uint32_t id)
{
	const struct tcp_syn *s = tcp_syn_get(tcp, id);
	const uint32_t hash =
		tcp_hash(tcp, s->rec.laddr, listener_of(tcp, s)->sk.lport, s->rec.raddr, s->rport);

	flowtab_remove(&tcp->table, hash, id | TCP_OWNER_SYN);
	syn_release(tcp, id);
}

/* Those of one listener, or all (NULL). */
static void forget(struct tcp *tcp, const struct tcp_conn *listener)
{
	struct tcp_syn_queues *q = tcp->syn_queues;
	uint32_t next;

	for (unsigned int i = 0; i <= TCP_SYN_RETRIES_MAX; i++) {
		for (uint32_t id = q->queue[i].first; id != SLAB_NONE; id = next) {
			const struct tcp_syn *s = tcp_syn_get(tcp, id);

			next = s->rec.next;
			if (!listener || listener_of(tcp, s) == listener)
				syn_free(tcp, id);
		}
	}
}

void tcp_syn_forget(struct tcp_conn *listener)
{
	if (listener->listener->n_syn)
		forget(listener->tcp, listener);
}

void tcp_syn_done(struct tcp *tcp)
{
	const struct pbuf_mem *mem = &tcp->core->mem;
	struct tcp_syn_queues *q = tcp->syn_queues;

	forget(tcp, NULL);
	timer_del(&tcp->core->wheel, &q->timer);
	mem->free(mem->arg, q, sizeof(*q));
	tcp->syn_queues = NULL;
}

bool tcp_syn_error(struct tcp *tcp, uint32_t id, const struct ip_error *e)
{
	if (!seq_eq(seq_of(e->seq), tcp_syn_get(tcp, id)->iss))
		return false;
	if (e->error != EMSGSIZE)
		syn_free(tcp, id);
	return true;
}

/* --- what is sent --- */

/* Addresses of the record, and what the listener wants of its packets. */
static void reply_of(const struct tcp *tcp, const struct tcp_syn *s, struct tcp_reply *r)
{
	*r = (struct tcp_reply){
		.laddr = s->rec.laddr,
		.raddr = s->rec.raddr,
		.oif = ip6_addr_is_link_local(s->rec.raddr) ? s->ifindex : 0,
		.h = { .src_port = listener_of(tcp, s)->sk.lport, .dst_port = s->rport },
	};
}

static void as_listener(const struct tcp_conn *c, struct tcp_reply *r)
{
	struct ip_flow f;

	sock_flow(&c->sk, &f, r->raddr);
	r->oif = f.oif ? f.oif : r->oif;
	r->mark = f.mark;
	r->tos = f.tos;
	r->ttl = f.ttl;
	r->transparent = f.transparent;
}

/* Our MSS towards the peer (RFC 9293, 3.7.1); 0: there is no way to it. */
static uint32_t adv_mss(const struct tcp_conn *c, const struct tcp_reply *r)
{
	const uint32_t hdrs_len = TCP_HDR_LEN + (ip6_addr_is_mapped(r->raddr) ? 20 : 40);
	struct ip_path path = { .gen = 0 };
	struct ip_flow f = {
		.src = r->laddr,
		.dst = r->raddr,
		.oif = r->oif,
		.mark = r->mark,
		.proto = IP_PROTO_TCP,
		.transparent = r->transparent,
	};
	uint32_t mss;

	if (ip_path_find(c->tcp->net, &f, &path) < 0 || path.mtu <= hdrs_len)
		return 0;
	mss = tcp_min(path.mtu - hdrs_len, UINT16_MAX);
	return c->user_mss ? tcp_min(mss, c->user_mss) : mss;
}

static void synack(const struct tcp_conn *c, struct tcp_reply *r, const struct tcp_passive *p,
		   uint32_t ts_val)
{
	const struct tcp_params *params = &c->tcp->params;
	uint32_t mss;

	as_listener(c, r);
	mss = adv_mss(c, r);
	r->h.flags = TCP_SYN | TCP_ACK;
	r->h.seq = p->iss;
	r->h.ack = seq_add(p->irs, 1);
	r->h.wnd =
		(uint16_t)tcp_initial_window(params, c->sk.rcvbuf, c->window_clamp, mss, true).wnd;
	r->opt.mss = (uint16_t)mss;
	r->opt.sack_permitted = p->sack;
	if (p->snd_wscale != TCP_SYN_NO_WSCALE) {
		r->opt.has_wscale = true;
		r->opt.wscale = p->rcv_wscale;
	}
	if (p->has_ts) {
		r->opt.has_ts = true;
		r->opt.ts_val = ts_val;
		r->opt.ts_ecr = p->ts_recent;
	}
	tcp_reply(c->tcp, r);
}

static void passive_of_record(const struct tcp_syn *s, struct tcp_passive *ret)
{
	*ret = (struct tcp_passive){
		.iss = s->iss,
		.irs = s->irs,
		.ts_recent = s->ts_recent,
		.mss = s->mss,
		.snd_wscale = s->snd_wscale,
		.rcv_wscale = s->rcv_wscale,
		.has_ts = s->has_ts,
		.sack = s->sack,
	};
}

static uint32_t ts_now(const struct tcp *tcp, const struct tcp_reply *r)
{
	return core_ms(tcp->core) + tcp_ts_offset(tcp, r->laddr, r->raddr);
}

static void send_record(struct tcp *tcp, const struct tcp_syn *s)
{
	struct tcp_passive p;
	struct tcp_reply r;

	reply_of(tcp, s, &r);
	passive_of_record(s, &p);
	synack(listener_of(tcp, s), &r, &p, p.has_ts ? ts_now(tcp, &r) : 0);
}

/* --- time --- */

/* A crowded queue has less patience, to the benefit of those that are young (Linux,
 * reqsk_timer_handler()).
 */
static unsigned int retries_max(const struct tcp_conn *c)
{
	const struct tcp_listener *l = c->listener;
	unsigned int max = c->syncnt ? c->syncnt : c->tcp->params.synack_retries;
	uint32_t young = 2 * l->n_young;

	if (2 * l->n_syn <= tcp_max(CROWD_MIN, l->backlog))
		return tcp_min(max, TCP_SYN_RETRIES_MAX);
	while (max > 2 && l->n_syn >= young) {
		max--;
		young *= 2;
	}
	return tcp_min(max, TCP_SYN_RETRIES_MAX);
}

/* The wait is over: once more, or enough.  Who waits for data only (TCP_DEFER_ACCEPT) is not asked
 * again until that time is over, too, and then accepted without.
 */
static void expired(struct tcp *tcp, uint32_t id)
{
	struct tcp_syn *s = tcp_syn_get(tcp, id);
	const struct tcp_conn *c = listener_of(tcp, s);
	const bool waits = s->acked && c->defer_accept;

	if (s->retries >= TCP_SYN_RETRIES_MAX ||
	    (s->retries >= retries_max(c) && (!waits || s->retries >= c->defer_accept))) {
		syn_free(tcp, id);
		return;
	}
	if (!waits || s->retries + 1U >= c->defer_accept) {
		send_record(tcp, s);
		tcp->stats.retrans_segs++;
	}
	tcp_fifo_del(&tcp->syn_queues->queue[s->retries], &tcp->syns, id);
	if (s->retries == 0)
		c->listener->n_young--;
	s->retries = (s->retries + 1U) & TCP_SYN_RETRIES_MAX;
	enqueue(tcp, id);
}

void tcp_syn_timer(void *arg, struct timer *t)
{
	struct tcp_syn_queues *q = rb_entry(t, struct tcp_syn_queues, timer);
	struct tcp *tcp = q->tcp;

	(void)arg; /* of the wheel */
	/* Downwards: what moves up is not looked at twice. */
	for (unsigned int i = TCP_SYN_RETRIES_MAX + 1; i-- > 0;)
		while (q->queue[i].first != SLAB_NONE &&
		       syn_age(tcp, tcp_syn_get(tcp, q->queue[i].first)) >= syn_wait(tcp, i))
			expired(tcp, q->queue[i].first);
	arm(tcp);
}

/* --- a SYN for the listener --- */

/* What the peer offers, and we take. */
static void passive_of(const struct tcp_conn *c, const struct tcp_segment *seg,
		       struct tcp_passive *ret)
{
	const struct tcp_params *params = &c->tcp->params;
	const struct tcp_options_repr *o = &seg->opt;

	*ret = (struct tcp_passive){
		.irs = seg->h.seq,
		.mss = o->mss            ? o->mss
		       : seg->rx->is_ip4 ? TCP_MSS_DEFAULT4
					 : TCP_MSS_DEFAULT6,
		.snd_wscale = TCP_SYN_NO_WSCALE,
		.has_ts = o->has_ts && params->timestamps,
		.ts_recent = o->ts_val,
		.sack = o->sack_permitted && params->sack,
	};
	if (!o->has_wscale || !params->window_scaling)
		return;
	ret->snd_wscale = o->wscale;
	ret->rcv_wscale = tcp_initial_window(params, c->sk.rcvbuf, c->window_clamp, 0, true).wscale;
}

static int send_cookie(struct tcp_conn *c, const struct tcp_segment *seg, struct tcp_passive *p)
{
	struct tcp *tcp = c->tcp;
	struct tcp_reply r;

	p->iss = tcp_cookie_make(tcp, seg, p->mss);
	if (!p->has_ts) {
		p->snd_wscale = TCP_SYN_NO_WSCALE;
		p->sack = false;
	}
	c->listener->cookies_sent = true;
	c->listener->cookies_at_s = tcp_now_s(tcp);
	tcp->stats.syncookies_sent++;
	tcp_reply_init(&r, seg);
	synack(c, &r, p, p->has_ts ? tcp_cookie_ts(tcp, seg, p) : 0);
	return RX_TAKEN;
}

static int make_record(struct tcp_conn *c, const struct tcp_segment *seg, struct tcp_passive *p)
{
	struct tcp *tcp = c->tcp;
	uint32_t id;
	struct tcp_syn *s = slab_alloc(&tcp->syns, &id);

	if (!s)
		return DROP_NO_MEMORY;
	if (flowtab_insert(&tcp->table, seg->hash, id | TCP_OWNER_SYN) < 0) {
		slab_free(&tcp->syns, id);
		return DROP_NO_MEMORY;
	}
	p->iss = seg->has_isn ? seg->isn
			      : tcp_isn(tcp, seg->rx->dst, seg->h.dst_port, seg->rx->src,
					seg->h.src_port);
	*s = (struct tcp_syn){
		.rec.laddr = seg->rx->dst,
		.rec.raddr = seg->rx->src,
		.iss = p->iss,
		.irs = p->irs,
		.ts_recent = p->ts_recent,
		.listener = c->sk.id & (TCP_CONNS_MAX - 1),
		.ifindex = seg->pb->ifindex & 0x7f,
		.rport = seg->h.src_port,
		.mss = p->mss,
		.snd_wscale = p->snd_wscale & 0xf,
		.rcv_wscale = p->rcv_wscale & 0xf,
		.has_ts = p->has_ts,
		.sack = p->sack,
	};
	c->listener->n_syn++;
	c->listener->n_young++;
	enqueue(tcp, id);
	send_record(tcp, s);
	return RX_TAKEN;
}

static bool is_full(const struct tcp_conn *c)
{
	const struct tcp_listener *l = c->listener;

	return l->n_syn > l->backlog || l->n_syn >= c->tcp->params.syn_backlog_max;
}

int tcp_syn_in(struct tcp_conn *c, const struct tcp_segment *seg)
{
	const enum tcp_syncookies cookies = c->tcp->params.syncookies;
	struct tcp_stats *stats = &c->tcp->stats;
	struct tcp_passive p;
	int r;

	if (tcp_accept_full(c)) {
		stats->listen_overflows++;
		stats->listen_drops++;
		return DROP_TCP_ACCEPT_QUEUE;
	}
	passive_of(c, seg, &p);
	/* One that follows a connection in TIME-WAIT needs the number that was chosen for it. */
	if (!seg->has_isn && (cookies == TCP_SYNCOOKIES_ALWAYS || is_full(c))) {
		if (cookies != TCP_SYNCOOKIES_OFF)
			return send_cookie(c, seg, &p);
		stats->listen_drops++;
		return DROP_TCP_SYN_QUEUE;
	}
	r = make_record(c, seg, &p);
	if (r == DROP_NO_MEMORY && cookies != TCP_SYNCOOKIES_OFF && !seg->has_isn)
		return send_cookie(c, seg, &p);
	return r;
}

/* --- a segment for a record: RFC 9293, 3.10.7.4 --- */

/* "This is where we are": a challenge, too. */
static void send_ack(struct tcp *tcp, const struct tcp_syn *s)
{
	const struct tcp_conn *c = listener_of(tcp, s);
	struct tcp_initial_window w;
	struct tcp_reply r;
	uint32_t never = 0;

	if (!tcp_challenge_allowed(tcp, &never))
		return;
	reply_of(tcp, s, &r);
	as_listener(c, &r);
	r.h.flags = TCP_ACK;
	r.h.seq = seq_add(s->iss, 1);
	r.h.ack = seq_add(s->irs, 1);
	/* That of the SYN+ACK: what was offered is not taken back. */
	w = tcp_initial_window(&tcp->params, c->sk.rcvbuf, c->window_clamp, adv_mss(c, &r), true);
	r.h.wnd = (uint16_t)(w.wnd >> s->rcv_wscale);
	if (s->has_ts) {
		r.opt.has_ts = true;
		r.opt.ts_val = ts_now(tcp, &r);
		r.opt.ts_ecr = s->ts_recent;
	}
	tcp_reply(tcp, &r);
}

static bool paws_rejects(const struct tcp_syn *s, const struct tcp_segment *seg)
{
	return s->has_ts && seg->opt.has_ts && !(seg->h.flags & TCP_RST) &&
	       seq_lt(seq_of(seg->opt.ts_val), seq_of(s->ts_recent));
}

/* The peer asks again before we did; half a second between two answers (params) is enough. */
static int syn_again(struct tcp *tcp, uint32_t id)
{
	struct tcp_syn *s = tcp_syn_get(tcp, id);

	if (syn_age(tcp, s) < steps_of_ms(tcp->params.invalid_ratelimit_ms))
		return DROP_TCP_OLD_DATA;
	tcp_fifo_del(&tcp->syn_queues->queue[s->retries], &tcp->syns, id);
	s->resent = 1;
	enqueue(tcp, id);
	send_record(tcp, s);
	return RX_TAKEN;
}

/* Steps 1 to 4, and whether there is an ACK at all. */
static int check(struct tcp *tcp, uint32_t id, const struct tcp_segment *seg)
{
	const struct tcp_syn *s = tcp_syn_get(tcp, id);
	const struct seq rcv_nxt = seq_add(s->irs, 1);
	const bool old = paws_rejects(s, seg);

	if (old || seq_lt(seq_add(seg->h.seq, seg->len), rcv_nxt) ||
	    seq_gt(seg->h.seq, seq_add(rcv_nxt, UINT16_MAX))) {
		tcp->stats.paws_estab += old;
		if (!(seg->h.flags & TCP_RST))
			send_ack(tcp, s);
		return old ? DROP_TCP_PAWS : DROP_TCP_OUT_OF_WINDOW;
	}
	if (seg->h.flags & TCP_RST) {
		if (!seq_eq(seg->h.seq, rcv_nxt)) {
			send_ack(tcp, s);
			return DROP_TCP_RST_CHALLENGED;
		}
		tcp->stats.attempt_fails++;
		syn_free(tcp, id); /* the listener goes on listening */
		return DROP_TCP_RESET;
	}
	if (seg->h.flags & TCP_SYN && !seq_eq(seg->h.seq, s->irs)) {
		tcp->stats.attempt_fails++;
		syn_free(tcp, id); /* back to LISTEN; the peer will say it again */
		return DROP_TCP_SYN_CHALLENGED;
	}
	return seg->h.flags & TCP_ACK ? RX_PASS : DROP_TCP_NO_FLAGS;
}

static int overflow(struct tcp *tcp, uint32_t id, const struct tcp_segment *seg)
{
	tcp->stats.listen_overflows++;
	tcp->stats.listen_drops++;
	if (tcp->params.abort_on_overflow) {
		tcp_reply_reset(tcp, seg);
		syn_free(tcp, id);
	} else {
		tcp_syn_get(tcp, id)->acked = 1;
	}
	return DROP_TCP_ACCEPT_QUEUE;
}

/* The last ACK: a connection of it. */
static int complete(struct tcp *tcp, uint32_t id, struct tcp_segment *seg)
{
	const struct tcp_syn *s = tcp_syn_get(tcp, id);
	struct tcp_conn *listener = listener_of(tcp, s);
	struct tcp_passive p;
	struct tcp_conn *c;

	if (tcp_accept_full(listener))
		return overflow(tcp, id, seg);
	passive_of_record(s, &p);
	if (s->retries == 0 && !s->resent) /* Karn's algorithm */
		p.rtt_us = (syn_age(tcp, s) << CLOCK_SHIFT) / 1000 + 1;
	c = tcp_accept_new(listener, seg, &p, id);
	if (!c) {
		tcp->stats.listen_drops++;
		return DROP_NO_MEMORY;
	}
	syn_release(tcp, id);
	if (seg->h.flags & TCP_SYN) {
		seg->h.flags &= (uint16_t)~TCP_SYN; /* that of a simultaneous open, old by now */
		seg->h.seq = seq_add(seg->h.seq, 1);
		seg->len--;
	}
	return tcp_in_text(c, seg);
}

int tcp_syn_segment(struct tcp *tcp, uint32_t id, struct tcp_segment *seg)
{
	struct tcp_syn *s = tcp_syn_get(tcp, id);
	const struct tcp_conn *c = listener_of(tcp, s);
	int r;

	if (tcp_is_too_far(&c->sk, seg->rx))
		return DROP_TCP_MINTTL;
	if ((seg->h.flags & (TCP_SYN | TCP_ACK | TCP_RST)) == TCP_SYN &&
	    seq_eq(seg->h.seq, s->irs) && !paws_rejects(s, seg))
		return syn_again(tcp, id);
	r = check(tcp, id, seg);
	if (r != RX_PASS)
		return r;
	if (!seq_eq(seg->h.ack, seq_add(s->iss, 1))) {
		tcp_reply_reset(tcp, seg);
		return DROP_TCP_ACK_TOO_NEW;
	}
	if (s->has_ts && seg->opt.has_ts)
		s->ts_recent = seg->opt.ts_val;
	/* Linux's TCP_DEFER_ACCEPT: there is no connection before there is data. */
	if (s->retries < c->defer_accept && seg->len == 0) {
		s->acked = 1;
		return RX_TAKEN;
	}
	return complete(tcp, id, seg);
}
