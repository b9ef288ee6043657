/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * conn_fixture.h - a connection with nothing around it, for tests of what a sender keeps: it is
 * ESTABLISHED, what it has in flight the test says, and nothing is really sent
 */
#ifndef TESTS_UNIT_NETSTACK_TCP_CONN_FIXTURE_H
#define TESTS_UNIT_NETSTACK_TCP_CONN_FIXTURE_H

#include "netstack/tcp/snd_priv.h"
#include "tests/unit/netstack/core_fixture.h"

#define FIXTURE_MSS 1000

struct conn_fixture {
	struct core_fixture f;
	struct tcp tcp;
	struct tcp_conn c;
};

__attribute__((unused)) static void conn_fixture_init(struct conn_fixture *x, uint64_t seed,
						      uint32_t iss)
{
	struct tcp_conn *c = &x->c;

	memset(x, 0, sizeof(*x));
	core_fixture_init(&x->f, seed);
	x->tcp.core = &x->f.c;
	tcp_params_default(&x->tcp.params);
	slab_init(&x->tcp.txsegs, &x->f.c.mem, sizeof(struct tcp_txseg), 1U << 20);
	slab_init(&x->tcp.flights, &x->f.c.mem, sizeof(struct tcp_flight), 16);
	dataq_slab_init(&x->tcp.nodes, &x->f.c.mem);

	c->tcp = &x->tcp;
	c->state = TCPS_ESTABLISHED;
	c->flags = TCPF_SACK;
	c->reordering = 3;
	c->snd_una = c->snd_nxt = seq_of(iss);
	c->snd_wnd = c->max_wnd = 1U << 24;
	c->sk.sndbuf = 1U << 24;
	c->cc = &tcp_cc_reno;
	c->cs.mss = FIXTURE_MSS;
	c->cs.cwnd = 10 * FIXTURE_MSS;
	c->cs.ssthresh = TCP_SSTHRESH_INFINITE;
	c->rexmit_at_ns = c->delack_at_ns = c->keep_at_ns = TIMER_NEVER;
	tcp_rtt_init(c);
}

/* Begin a flight. */
__attribute__((unused)) static void conn_fixture_flight(struct conn_fixture *x)
{
	assert_non_null(tcp_flight_get(&x->c));
	x->c.fl->app_limited = 0;
}

__attribute__((unused)) static void conn_fixture_done(struct conn_fixture *x)
{
	tcp_snd_clear(&x->c);
	timer_del(&x->f.c.wheel, &x->c.timer);
	assert_int_equal(x->tcp.txsegs.n, 0);
	assert_int_equal(x->tcp.flights.n, 0);
	assert_int_equal(x->tcp.nodes.n, 0);
	assert_int_equal(x->tcp.queue_bytes, 0);
	slab_done(&x->tcp.txsegs);
	slab_done(&x->tcp.flights);
	slab_done(&x->tcp.nodes);
	core_fixture_done(&x->f);
}

/* Write and send @len bytes as one piece. */
__attribute__((unused)) static struct tcp_txseg *conn_fixture_send(struct conn_fixture *x,
								   uint32_t len)
{
	static const uint8_t zero[65536];
	struct tcp_conn *c = &x->c;
	struct tcp_txseg *s;

	assert_true(len <= sizeof(zero));
	c->fl->tx_next = dataq_tail(&c->txq);
	assert_int_equal(dataq_write(&c->txq, &x->tcp.nodes, x->f.c.pool, zero, len), len);
	tcp_snd_charge(c);
	dataq_settle(&c->txq, &c->fl->tx_next);
	s = tcp_txseg_new(c);
	assert_non_null(s);
	s->len = len;
	s->mss = c->cs.mss;
	s->data = c->fl->tx_next;
	tcp_rate_sent(c, s);
	tcp_txseg_append(c, s);
	return s;
}

__attribute__((unused)) static void conn_fixture_pass(struct conn_fixture *x, uint64_t us)
{
	x->f.c.now_ns += us * NS_PER_US;
}

/* An ACK of @ack, with the SACK blocks of @o. */
__attribute__((unused)) static enum tcp_ack_verdict
conn_fixture_ack(struct conn_fixture *x, struct seq ack, const struct tcp_options_repr *o)
{
	struct tcp_segment seg = {
		.h.flags = TCP_ACK,
		.h.seq = x->c.rcv_nxt,
		.h.ack = ack,
		.h.wnd = 65535,
	};

	if (o)
		seg.opt = *o;
	x->c.snd_wscale = 8;
	return tcp_ack_in(&x->c, &seg);
}

#endif /* TESTS_UNIT_NETSTACK_TCP_CONN_FIXTURE_H */
