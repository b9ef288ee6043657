/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * inside.c - what must hold within TCP, between two calls into the instance
 */
#include "netstack/netstack_priv.h"
#include "netstack/tcp/in_priv.h"
#include "netstack/tcp/snd_priv.h"
#include "tests/fuzz/netstack/scene.h"

static bool is_synchronized(const struct tcp_conn *c)
{
	switch (c->state) {
	case TCPS_ESTABLISHED:
	case TCPS_FIN_WAIT1:
	case TCPS_FIN_WAIT2:
	case TCPS_CLOSE_WAIT:
	case TCPS_CLOSING:
	case TCPS_LAST_ACK:
		return true;
	default:
		return false;
	}
}

/* Counters of the flight, counted again. */
static void check_counters(const struct tcp_conn *c)
{
	const struct tcp_flight *fl = c->fl;
	uint32_t sacked = 0, lost = 0, retrans = 0, data = 0, n = 0, sacked_pkts = 0;
	struct seq at = c->snd_una;

	for (const struct tcp_txseg *s = fl->segs; s; s = s->next, n++) {
		MUST(seq_eq(s->seq, at));
		MUST(s->len > 0 && s->n_pkts > 0);
		MUST(!s->next || s->next->prev == s);
		MUST(s->next || fl->segs_last == s);
		MUST(!(s->flags & TXSEG_SACKED && s->flags & (TXSEG_LOST | TXSEG_RETRANS)));
		sacked += s->flags & TXSEG_SACKED ? s->len : 0;
		sacked_pkts += s->flags & TXSEG_SACKED ? s->n_pkts : 0;
		lost += s->flags & TXSEG_LOST ? s->len : 0;
		retrans += s->flags & TXSEG_RETRANS ? s->len : 0;
		data += tcp_txseg_data_len(s);
		at = tcp_txseg_end(s);
	}
	MUST(seq_eq(at, c->snd_nxt));
	MUST(n == fl->n_segs);
	MUST(lost == fl->lost && retrans == fl->retrans);
	if (c->flags & TCPF_SACK)
		MUST(sacked == fl->sacked && sacked_pkts == fl->sacked_pkts);
	MUST(fl->sacked + fl->lost <= tcp_flight_size(c) + fl->retrans);
	MUST(data + fl->unsent == c->txq.len);
}

static void check_sending(const struct tcp_conn *c)
{
	const bool has_more = c->fl && (c->fl->segs || c->fl->unsent);

	MUST(seq_leq(c->snd_una, c->snd_nxt));
	if (c->fl) {
		check_counters(c);
	} else {
		MUST(seq_eq(c->snd_una, c->snd_nxt));
		MUST(c->txq.len == 0);
	}
	if (!is_synchronized(c))
		return;
	MUST(c->cs.cwnd > 0 && c->cs.mss > 0 && c->rto_us > 0);
	/* Somebody will look at what waits. */
	if (has_more || tcp_fin_waits(c))
		MUST(c->rexmit_at_ns != TIMER_NEVER || c->flags & TCPF_WORK);
}

static void check_timer(const struct tcp_conn *c)
{
	uint64_t at = c->rexmit_at_ns;

	at = c->delack_at_ns < at ? c->delack_at_ns : at;
	at = c->keep_at_ns < at ? c->keep_at_ns : at;
	if (at == TIMER_NEVER)
		return;
	MUST(timer_is_set(&c->timer));
	MUST(timer_at_ns(&c->timer) <= at + (UINT64_C(2) << TIMER_TICK_SHIFT));
}

static void check_disorder(const struct tcp_conn *c)
{
	const struct tcp_disorder *d = c->ofo;
	struct seq at = c->rcv_nxt;
	uint32_t n = 0, bytes = 0;

	for (struct rb_node *r = rb_first(&d->tree); r; r = rb_next(r)) {
		const struct tcp_ofoseg *p = rb_entry(r, struct tcp_ofoseg, node);

		MUST(seq_gt(p->seq, at));
		MUST(seq_diff(p->end, p->seq) > 0);
		MUST((uint32_t)seq_diff(p->end, p->seq) == p->q.len);
		at = p->end;
		bytes += p->q.len;
		n++;
	}
	MUST(n == d->n && bytes == d->bytes);
	MUST(d->n_recent <= TCP_SACK_MAX);
}

static void check_receiving(const struct tcp_conn *c)
{
	if (!is_synchronized(c))
		return;
	/* A FIN may come behind the window. */
	MUST(seq_diff(c->rcv_nxt, c->rcv_adv) <= 1);
	MUST(seq_leq(c->rcv_wup, c->rcv_nxt));
	if (c->ofo)
		check_disorder(c);
}

void inside_check(const struct scene *s)
{
	const struct tcp *tcp = s->st->tcp;
	uint32_t n = 0, n_orphans = 0;

	for (uint32_t id = tcp->all; id != SLAB_NONE; n++) {
		const struct tcp_conn *c = tcp_conn_get(tcp, id);

		id = c->next;
		MUST(c->state >= TCPS_ESTABLISHED && c->state <= TCPS_CLOSING);
		if (c->sk.flags & SOCK_DEAD && c->state != TCPS_CLOSED)
			n_orphans++;
		if (c->state == TCPS_LISTEN) {
			MUST(c->listener);
			continue;
		}
		if (c->state != TCPS_CLOSED)
			check_sending(c);
		check_timer(c);
		check_receiving(c);
	}
	MUST(n == tcp->conns.n);
	MUST(n_orphans == tcp->n_orphans);
}
