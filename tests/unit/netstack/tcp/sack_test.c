/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The scoreboard (txseg.c, sack.c) and what RFC 6675 makes of it (recovery_sack.c), against a
 * model that has a record for each packet.
 */
#include <malloc.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/netstack/tcp/conn_fixture.h"

#define PKTS_MAX 3000
#define MSS      FIXTURE_MSS

/* Packets since the beginning: [una, nxt) are in flight. */
struct model {
	struct conn_fixture x;
	uint32_t iss;
	uint32_t una;
	uint32_t nxt;
	bool sacked[PKTS_MAX];
	bool lost[PKTS_MAX];
};

static struct model model;

static struct seq seq_of_pkt(const struct model *m, uint32_t n)
{
	return seq_of(m->iss + n * MSS);
}

static struct model *model_init(uint64_t seed)
{
	struct model *m = &model;

	memset(m, 0, sizeof(*m));
	/* Near the wrap of numbers as often as not. */
	m->iss = seed & 1 ? (uint32_t)(seed * 2654435761U) : (uint32_t)(0 - (seed * 777) % 500000);
	conn_fixture_init(&m->x, seed, m->iss);
	conn_fixture_flight(&m->x);
	return m;
}

static void send_pkts(struct model *m, uint32_t n)
{
	conn_fixture_send(&m->x, n * MSS);
	m->nxt += n;
	assert_true(m->nxt <= PKTS_MAX);
}

/* Lists, tree and counters agree with each other. */
static void check_scoreboard(struct model *m)
{
	const struct tcp_conn *c = &m->x.c;
	const struct tcp_flight *fl = c->fl;
	uint32_t sacked = 0, lost = 0, retrans = 0, n = 0, pkts = 0, before_mark = 0;
	const struct tcp_txseg *prev = NULL;
	struct seq at = c->snd_una;
	bool seen_mark = false;

	for (const struct tcp_txseg *s = fl->segs; s; prev = s, s = s->next) {
		assert_int_equal(s->seq.v, at.v);
		assert_ptr_equal(s->prev, prev);
		assert_ptr_equal(tcp_txseg_find(c, s->seq), s);
		assert_ptr_equal(tcp_txseg_find(c, seq_add(s->seq, s->len - 1)), s);
		at = tcp_txseg_end(s);
		n++;
		seen_mark |= s == fl->mark;
		if (s->flags & TXSEG_SACKED) {
			assert_false(s->flags & (TXSEG_LOST | TXSEG_RETRANS));
			assert_false(prev && prev->flags & TXSEG_SACKED);
			sacked += s->len;
			pkts += s->n_pkts;
			before_mark += seen_mark ? 0 : s->n_pkts;
		}
		lost += s->flags & TXSEG_LOST ? s->len : 0;
		retrans += s->flags & TXSEG_RETRANS ? s->len : 0;
	}
	assert_int_equal(at.v, c->snd_nxt.v);
	assert_ptr_equal(fl->segs_last, prev);
	assert_int_equal(fl->n_segs, n);
	assert_int_equal(fl->sacked, sacked);
	assert_int_equal(fl->sacked_pkts, pkts);
	assert_int_equal(fl->lost, lost);
	assert_int_equal(fl->retrans, retrans);
	assert_true(seen_mark || !fl->mark);
	assert_int_equal(fl->mark_sacked_pkts, before_mark);
	assert_null(tcp_txseg_find(c, c->snd_nxt));
	assert_null(tcp_txseg_find(c, seq_sub(c->snd_una, 1)));
}

/* Each packet is what the model has of it. */
static void check_model(struct model *m)
{
	uint32_t n = m->una;

	check_scoreboard(m);
	for (const struct tcp_txseg *s = m->x.c.fl->segs; s; s = s->next) {
		assert_int_equal(s->len % MSS, 0);
		for (uint32_t i = 0; i < s->len / MSS; i++, n++) {
			assert_int_equal(!!(s->flags & TXSEG_SACKED), m->sacked[n]);
			assert_int_equal(!!(s->flags & TXSEG_LOST), m->lost[n] && !m->sacked[n]);
		}
	}
	assert_int_equal(n, m->nxt);
}

/* IsLost() for each packet, counted out. */
static void model_find_losses(struct model *m)
{
	uint32_t above = 0;

	for (uint32_t n = m->nxt; n-- > m->una;) {
		if (m->sacked[n])
			above++;
		else if (above >= m->x.c.reordering)
			m->lost[n] = true;
	}
}

static struct tcp_ack ack_of(struct model *m, const struct tcp_segment *seg)
{
	return (struct tcp_ack){
		.seg = seg,
		.prior_una = m->x.c.snd_una,
		.prior_high_sacked = m->x.c.fl->high_sacked,
		.rtt_us = -1,
		.sack_rtt_us = -1,
	};
}

/* Blocks of packets of the model. */
static void sack_blocks(struct model *m, const struct tcp_sack *b, unsigned int n)
{
	struct tcp_segment seg = { .h.ack = seq_of_pkt(m, m->una), .opt.n_sack = (uint8_t)n };
	struct tcp_ack a;

	memcpy(seg.opt.sack, b, n * sizeof(*b));
	a = ack_of(m, &seg);
	tcp_sack_in(&m->x.c, &a);
	tcp_recovery_sack.ack(&m->x.c, &a);
}

static struct tcp_sack block_of(const struct model *m, uint32_t from, uint32_t to)
{
	return (struct tcp_sack){ seq_of_pkt(m, from), seq_of_pkt(m, to) };
}

static void sack_random(struct model *m)
{
	struct dice *d = &m->x.f.d;
	struct tcp_sack b[TCP_SACK_MAX];
	const unsigned int n = 1 + dice_below(d, TCP_SACK_MAX);

	for (unsigned int i = 0; i < n; i++) {
		const uint32_t from = m->una + dice_below(d, m->nxt - m->una);
		uint32_t to = from + 1 + dice_below(d, dice_below(d, 4) ? 5 : 200);

		to = to < m->nxt ? to : m->nxt;
		b[i] = block_of(m, from, to);
		/* The first one within the second is a D-SACK. */
		if (i == 1 && seq_geq(b[0].left, b[1].left) && seq_leq(b[0].right, b[1].right))
			b[1] = b[0] = block_of(m, from, to);
		for (uint32_t k = from; k < to; k++)
			m->sacked[k] = true;
	}
	sack_blocks(m, b, n);
	model_find_losses(m);
}

/* Acknowledge up to some packet, whole pieces and parts of them. */
static void ack_random(struct model *m)
{
	struct tcp_conn *c = &m->x.c;
	uint32_t to = m->una + dice_below(&m->x.f.d, (m->nxt - m->una) / 2 + 1);

	while (to < m->nxt && m->sacked[to])
		to++; /* no reneging */
	while (c->fl->segs && seq_leq(tcp_txseg_end(c->fl->segs), seq_of_pkt(m, to))) {
		c->snd_una = tcp_txseg_end(c->fl->segs);
		tcp_txseg_shift(c);
	}
	if (seq_lt(c->snd_una, seq_of_pkt(m, to))) {
		tcp_txseg_trim(c, c->fl->segs, (uint32_t)seq_diff(seq_of_pkt(m, to), c->snd_una));
		c->snd_una = seq_of_pkt(m, to);
	}
	m->una = to;
}

/* What out.c would do. */
static void resend_some(struct model *m)
{
	struct tcp_conn *c = &m->x.c;
	struct tcp_txseg *s;

	for (unsigned int i = 0; i < 3 && (s = tcp_txseg_to_resend(c)); i++) {
		for (const struct tcp_txseg *o = s->prev; o; o = o->prev)
			assert_true((o->flags & (TXSEG_LOST | TXSEG_RETRANS)) != TXSEG_LOST);
		if (s->len > 2 * MSS)
			assert_true(tcp_txseg_split(c, s, 2 * MSS));
		tcp_txseg_mark_resent(c, s, MSS);
	}
}

static void packets_are_what_the_blocks_say(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 100; seed++) {
		struct model *m = model_init(seed);

		for (unsigned int i = 0; i < 60; i++) {
			if (m->nxt + 45 < PKTS_MAX)
				send_pkts(m, 1 + dice_below(&m->x.f.d, 45));
			if (m->nxt > m->una && dice_below(&m->x.f.d, 2))
				sack_random(m);
			check_model(m);
			if (dice_below(&m->x.f.d, 3) == 0)
				resend_some(m);
			check_model(m);
			if (dice_below(&m->x.f.d, 4) == 0)
				ack_random(m);
			check_model(m);
		}
		conn_fixture_done(&m->x);
	}
}

/* A timeout, a false alarm, a peer that takes its word back, at any time. */
static void all_at_once(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 60; seed++) {
		struct model *m = model_init(seed);
		struct tcp_conn *c = &m->x.c;

		for (unsigned int i = 0; i < 40; i++) {
			send_pkts(m, 1 + dice_below(&m->x.f.d, 45));
			sack_random(m);
			resend_some(m);
			switch (dice_below(&m->x.f.d, 12)) {
			case 0:
				tcp_txsegs_mark_all_lost(c);
				for (uint32_t n = m->una; n < m->nxt; n++)
					m->lost[n] = true;
				break;
			case 1:
				tcp_txsegs_unmark_lost(c);
				memset(m->lost, 0, sizeof(m->lost));
				break;
			case 2:
				tcp_txsegs_forget_sacks(c);
				tcp_txsegs_mark_all_lost(c);
				memset(m->sacked, 0, sizeof(m->sacked));
				for (uint32_t n = m->una; n < m->nxt; n++)
					m->lost[n] = true;
				break;
			case 3:
				ack_random(m);
				break;
			default:
				break;
			}
			check_model(m);
		}
		conn_fixture_done(&m->x);
	}
}

/* --- hostile peers --- */

/* That part of a block that was sent. */
static void note(const struct model *m, bool *said, const struct tcp_sack *b)
{
	const uint32_t nxt = m->nxt * MSS;
	const int32_t left = (int32_t)(b->left.v - m->iss), right = (int32_t)(b->right.v - m->iss);

	if (left < right && right > 0 && left < (int32_t)nxt && (uint32_t)right <= nxt)
		memset(said + (left > 0 ? left : 0), 1, (size_t)(right - (left > 0 ? left : 0)));
}

/* What is marked was in a block, and the record stays small. */
static void any_numbers_at_all(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 20; seed++) {
		struct model *m = model_init(seed);
		struct dice *d = &m->x.f.d;
		static bool said[PKTS_MAX * MSS];

		memset(said, 0, sizeof(said));
		for (unsigned int i = 0; i < 30; i++)
			send_pkts(m, 1 + dice_below(d, 45));
		for (unsigned int i = 0; i < 300; i++) {
			struct tcp_sack b[TCP_SACK_MAX];

			for (unsigned int k = 0; k < TCP_SACK_MAX; k++) {
				const uint32_t left = dice_below(d, m->nxt * MSS);
				const uint32_t right = left + 1 + dice_below(d, 3 * MSS);

				b[k] = (struct tcp_sack){ seq_of(m->iss + left),
							  seq_of(m->iss + right) };
				if (dice_below(d, 10) == 0)
					b[k].left = seq_of(dice_roll(d));
				if (dice_below(d, 10) == 0)
					b[k].right = seq_of(dice_roll(d));
				note(m, said, &b[k]);
			}
			sack_blocks(m, b, TCP_SACK_MAX);
		}
		check_scoreboard(m);
		assert_true(m->x.c.fl->n_segs <= m->nxt);
		for (const struct tcp_txseg *s = m->x.c.fl->segs; s; s = s->next)
			assert_int_equal((s->seq.v - m->iss) % MSS, 0);
		for (const struct tcp_txseg *s = m->x.c.fl->segs; s; s = s->next)
			for (uint32_t k = 0; s->flags & TXSEG_SACKED && k < s->len; k++)
				assert_true(said[s->seq.v + k - m->iss]);
		conn_fixture_done(&m->x);
	}
}

/* With all that may be recorded recorded, nothing is split any more. */
static void records_are_limited(void **state)
{
	struct model *m = model_init(3);

	(void)state;
	m->x.c.sk.sndbuf = 1; /* the least that is allowed */
	for (unsigned int i = 0; i < 60; i++)
		send_pkts(m, 45);
	for (uint32_t i = 0; i < m->nxt; i += 2) {
		struct tcp_sack b = block_of(m, i, i + 1);

		sack_blocks(m, &b, 1);
	}
	check_scoreboard(m);
	assert_true(m->x.c.fl->n_segs <= 65536 / sizeof(struct tcp_txseg) + 1);
	conn_fixture_done(&m->x);
}

/* What an ACK costs: the pieces it looks at are found by the tree, and each only once. */
static void old_news_cost_nothing(void **state)
{
	struct model *m = model_init(2);
	struct tcp_sack b[2];

	(void)state;
	for (unsigned int i = 0; i < 2000; i++)
		send_pkts(m, 1);
	b[0] = block_of(m, 1, 999);
	b[1] = block_of(m, 1000, 1999);
	sack_blocks(m, b, 2);
	/* One piece for each block, and three between. */
	assert_int_equal(m->x.c.fl->n_segs, 5);
	check_scoreboard(m);
	conn_fixture_done(&m->x);
}

/* --- D-SACK --- */

static void duplicates_are_told_from_news(void **state)
{
	struct model *m = model_init(1);
	struct tcp_conn *c = &m->x.c;
	struct tcp_segment seg = { .opt.n_sack = 2 };
	struct tcp_ack a;

	(void)state;
	for (unsigned int i = 0; i < 20; i++)
		send_pkts(m, 1);
	c->fl->prior_cwnd = 10 * MSS;
	c->fl->undo_marker = c->snd_una;
	c->fl->undo_retrans = 3 * MSS;

	/* Within the second block. */
	seg.h.ack = c->snd_una;
	seg.opt.sack[0] = block_of(m, 6, 7);
	seg.opt.sack[1] = block_of(m, 5, 9);
	a = ack_of(m, &seg);
	tcp_sack_in(c, &a);
	assert_true(a.is_dsack);
	assert_int_equal(c->fl->sacked_pkts, 4);
	assert_int_equal(c->fl->undo_retrans, 2 * MSS);

	/* Below the ACK. */
	seg.h.ack = seq_of_pkt(m, 2);
	seg.opt.sack[0] = block_of(m, 0, 2);
	seg.opt.sack[1] = block_of(m, 5, 10);
	a = ack_of(m, &seg);
	tcp_sack_in(c, &a);
	assert_true(a.is_dsack);
	assert_int_equal(c->fl->sacked_pkts, 5);
	assert_int_equal(c->fl->undo_retrans, 0);
	assert_int_equal(c->n_dsacks, 2);
	assert_int_equal(m->x.tcp.stats.dsack_recv, 2);

	/* Of what was never sent. */
	seg.opt.sack[0] = (struct tcp_sack){ c->snd_nxt, seq_add(c->snd_nxt, 5) };
	seg.opt.sack[1] = (struct tcp_sack){ c->snd_una, seq_add(c->snd_nxt, 5) };
	a = ack_of(m, &seg);
	tcp_sack_in(c, &a);
	assert_false(a.is_dsack);
	assert_int_equal(m->x.tcp.stats.dsack_ignored, 1);
	assert_int_equal(c->fl->sacked_pkts, 5);
	conn_fixture_done(&m->x);
}

/* What is SACKed below the highest one that is, and was sent once, was reordered. */
static void lateness_is_noticed(void **state)
{
	struct model *m = model_init(1);
	struct tcp_segment seg = { .opt.n_sack = 1 };
	struct tcp_ack a;

	(void)state;
	for (unsigned int i = 0; i < 20; i++)
		send_pkts(m, 1);
	seg.h.ack = m->x.c.snd_una;
	seg.opt.sack[0] = block_of(m, 10, 12);
	a = ack_of(m, &seg);
	tcp_sack_in(&m->x.c, &a);
	assert_false(a.has_low);
	assert_int_equal(a.delivered, 2 * MSS);

	seg.opt.sack[0] = block_of(m, 4, 6);
	a = ack_of(m, &seg);
	tcp_sack_in(&m->x.c, &a);
	assert_true(a.has_low);
	assert_int_equal(a.low.v, seq_of_pkt(m, 4).v);

	/* But not what was resent. */
	tcp_txseg_mark_lost(&m->x.c, m->x.c.fl->segs);
	tcp_txseg_mark_resent(&m->x.c, m->x.c.fl->segs, MSS);
	seg.opt.sack[0] = block_of(m, 0, 1);
	a = ack_of(m, &seg);
	tcp_sack_in(&m->x.c, &a);
	assert_false(a.has_low);
	assert_int_equal(a.delivered, MSS);
	conn_fixture_done(&m->x);
}

/* No memory for a split: the piece counts as not SACKed, nothing else happens. */
static void no_memory(void **state)
{
	struct model *m = model_init(1);
	struct tcp_sack b;

	(void)state;
	send_pkts(m, 20);
	m->x.tcp.txsegs.n_max = m->x.tcp.txsegs.n;
	b = block_of(m, 5, 7);
	sack_blocks(m, &b, 1);
	assert_int_equal(m->x.c.fl->sacked, 0);
	b = block_of(m, 0, 20);
	sack_blocks(m, &b, 1);
	assert_int_equal(m->x.c.fl->sacked, 20 * MSS);
	check_scoreboard(m);
	conn_fixture_done(&m->x);
}

/* Each model gives back megabytes that the next one wants: 50,000 page faults if they went back
 * to the kernel each time, which take minutes when the machine has no time.
 */
static int keep_memory(void **state)
{
	(void)state;
	(void)mallopt(M_TRIM_THRESHOLD, 1 << 26); /* a sanitizer has its own way */
	(void)mallopt(M_MMAP_THRESHOLD, 1 << 25);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(packets_are_what_the_blocks_say),
		cmocka_unit_test(all_at_once),
		cmocka_unit_test(any_numbers_at_all),
		cmocka_unit_test(records_are_limited),
		cmocka_unit_test(old_news_cost_nothing),
		cmocka_unit_test(duplicates_are_told_from_news),
		cmocka_unit_test(lateness_is_noticed),
		cmocka_unit_test(no_memory),
	};

	return cmocka_run_group_tests(tests, keep_memory, NULL);
}
