/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Data out of order, against a model that knows for each byte whether it came; and the
 * SACK blocks that go out for it.
 */
#include <errno.h>

#include "tests/unit/netstack/tcp/segments.h"

#define STREAM 40000

struct scene {
	struct rig r;
	struct peer p;
	int listener;
	int fd;
	struct dice d;
	bool came[STREAM];
	struct seq from;
	uint32_t next; /* of the stream: what came in order */
	uint32_t read;
};

static int setup(void **state)
{
	static struct scene s;
	const struct tcp_options_repr opt = full_options();

	memset(&s, 0, sizeof(s));
	segments_init(&s.r);
	s.p = peer_of(&s.r, PEER_PORT);
	s.p.seq = seq_of(UINT32_MAX - STREAM / 2); /* they wrap in its middle */
	s.listener = listen_fd(&s.r, PORT, 5);
	s.fd = peer_connects(&s.p, s.listener, &opt);
	s.from = s.p.seq;
	peer_forget(&s.p);
	*state = &s;
	return 0;
}

static int teardown(void **state)
{
	struct scene *s = *state;

	assert_int_equal(ns_close(s->r.st, s->listener), 0);
	assert_int_equal(ns_close(s->r.st, s->fd), 0);
	netstack_advance(s->r.st, s->r.now);
	assert_int_equal(s->r.st->tcp->ofosegs.n, 0);
	assert_int_equal(s->r.st->tcp->disorders.n, 0);
	rig_done(&s->r);
	return 0;
}

/* A piece of the stream. */
static void send_piece(struct scene *s, uint32_t at, uint32_t len)
{
	seg_in(&s->p, &(struct seg){ .flags = TCP_ACK,
				     .seq = seq_add(s->from, at),
				     .ack = s->p.ack,
				     .wnd = s->p.wnd,
				     .len = len });
	for (uint32_t i = at; i < at + len; i++)
		s->came[i] = true;
	while (s->next < STREAM && s->came[s->next])
		s->next++;
}

static void read_all(struct scene *s)
{
	expect_bytes(&s->r, s->fd, seq_add(s->from, s->read), s->next - s->read);
	s->read = s->next;
}

static uint32_t offset(const struct scene *s, struct seq seq)
{
	return seq.v - s->from.v;
}

/* A block says nothing that is not so; and not less than it could, but for duplicates. */
static void check_block(const struct scene *s, struct tcp_sack b, bool is_dup)
{
	const uint32_t left = offset(s, b.left);
	const uint32_t right = offset(s, b.right);

	assert_true(left < right);
	assert_true(right <= STREAM);
	for (uint32_t i = left; i < right; i++)
		assert_true(s->came[i]);
	if (left >= s->next && !is_dup) {
		assert_false(s->came[left - 1]);
		assert_false(right < STREAM && s->came[right]);
	}
}

/* What is out of order is held in the fewest pieces, all of it accounted for. */
static void check_pieces(const struct scene *s)
{
	const struct tcp_conn *c = conn_of(&s->r, s->fd);
	uint32_t n = 0;
	uint32_t bytes = 0;

	for (uint32_t i = s->next; i < STREAM; i++) {
		bytes += s->came[i];
		n += s->came[i] && !s->came[i - 1];
	}
	if (!c->ofo) {
		assert_int_equal(n, 0);
		return;
	}
	assert_int_equal(c->ofo->n, n);
	assert_int_equal(c->ofo->bytes, bytes);
	assert_int_equal(c->sk.rcv_charge, c->rxq.charge + c->ofo->charge);
}

/* RFC 2883, 4: the first block is part of the second. */
static bool is_dup(const struct tcp_options_repr *o)
{
	return o->n_sack > 1 && seq_geq(o->sack[0].left, o->sack[1].left) &&
	       seq_leq(o->sack[0].right, o->sack[1].right);
}

static void check_acks(struct scene *s, uint32_t at, uint32_t len, bool is_new)
{
	struct seg a;

	while (seg_peek(&s->p, &a)) {
		(void)seg_out(&s->p);
		assert_int_equal(a.flags, TCP_ACK);
		for (unsigned int i = 0; i < a.opt.n_sack; i++)
			check_block(s, a.opt.sack[i], i == 0 && is_dup(&a.opt));
	}
	assert_int_equal(offset(s, a.ack), s->next);
	if (is_new && at > s->next) {
		/* The first block has the segment that caused it (RFC 2018, 4), unless
		 * part of it is reported as a duplicate.
		 */
		bool found = false;

		for (unsigned int i = 0; i < 2 && i < a.opt.n_sack; i++)
			found |= offset(s, a.opt.sack[i].left) <= at &&
				 offset(s, a.opt.sack[i].right) >= at + len;
		assert_true(found);
	}
	peer_forget(&s->p);
}

/* Pieces of any length anywhere in the window until all of the stream is there. */
static void run(struct scene *s, uint64_t seed, uint32_t len_max)
{
	conn_of(&s->r, s->fd)->sk.rcvbuf = 1 << 20; /* room for all the holes */
	s->d = (struct dice){ .state = seed };
	memset(s->came, 0, sizeof(s->came));
	s->from = seq_add(s->from, s->read);
	s->next = s->read = 0;
	while (s->next < STREAM) {
		const uint32_t span = STREAM - s->next < 20000 ? STREAM - s->next : 20000;
		const uint32_t at = s->next + dice_below(&s->d, span);
		uint32_t len = 1 + dice_below(&s->d, len_max);
		bool is_new = false;

		if (dice_below(&s->d, 4) == 0)
			len = len % 40 + 1;
		len = len < STREAM - at ? len : STREAM - at;
		for (uint32_t i = at; i < at + len; i++)
			is_new |= !s->came[i];
		send_piece(s, at, len);
		check_acks(s, at, len, is_new);
		check_pieces(s);
		if (dice_below(&s->d, 3) == 0)
			read_all(s);
		if (dice_below(&s->d, 3) == 0) { /* what is missing first */
			uint32_t gap = s->next;

			while (gap < STREAM && !s->came[gap] && gap - s->next < len_max)
				gap++;
			if (gap > s->next)
				send_piece(s, s->next, gap - s->next);
			check_acks(s, s->next, 0, false);
			check_pieces(s);
		}
	}
	read_all(s);
	assert_null(conn_of(&s->r, s->fd)->ofo);
}

static void test_random_small(void **state)
{
	for (uint64_t seed = 1; seed <= 4; seed++)
		run(*state, seed, 60);
}

static void test_random_large(void **state)
{
	for (uint64_t seed = 10; seed <= 40; seed++)
		run(*state, seed, 1460);
}

static void test_blocks_newest_first(void **state)
{
	struct scene *s = *state;
	struct seg a;

	for (uint32_t i = 1; i <= 6; i++) {
		send_piece(s, i * 1000, 100);
		a = seg_out(&s->p);
		assert_int_equal(a.opt.n_sack, i < 4 ? i : 4);
		for (uint32_t k = 0; k < a.opt.n_sack; k++)
			assert_int_equal(offset(s, a.opt.sack[k].left), (i - k) * 1000);
	}
	/* One that was out of the list comes to its front again with more data. */
	send_piece(s, 1100, 50);
	a = seg_out(&s->p);
	assert_int_equal(offset(s, a.opt.sack[0].left), 1000);
	assert_int_equal(offset(s, a.opt.sack[0].right), 1150);
	assert_int_equal(offset(s, a.opt.sack[1].left), 6000);
	/* All of it between two makes one of them. */
	send_piece(s, 1150, 850);
	a = seg_out(&s->p);
	assert_int_equal(offset(s, a.opt.sack[0].left), 1000);
	assert_int_equal(offset(s, a.opt.sack[0].right), 2100);
	send_piece(s, 0, 1000);
	a = seg_out(&s->p);
	assert_int_equal(offset(s, a.ack), 2100);
	read_all(s);
}

/* RFC 2883, 4: the examples of duplicates. */
static void test_dsack(void **state)
{
	struct scene *s = *state;
	struct seg a;

	send_piece(s, 0, 500);
	(void)seg_out(&s->p);
	send_piece(s, 1000, 500);
	(void)seg_out(&s->p);
	send_piece(s, 1000, 500); /* 4.1.2: out of order, twice */
	a = seg_out(&s->p);
	assert_int_equal(a.opt.n_sack, 2);
	assert_int_equal(offset(s, a.opt.sack[0].left), 1000);
	assert_int_equal(offset(s, a.opt.sack[0].right), 1500);
	assert_int_equal(offset(s, a.opt.sack[1].left), 1000);
	send_piece(s, 1200, 800); /* 4.2: part of it new */
	a = seg_out(&s->p);
	assert_int_equal(offset(s, a.opt.sack[0].left), 1200);
	assert_int_equal(offset(s, a.opt.sack[0].right), 1500);
	assert_int_equal(offset(s, a.opt.sack[1].left), 1000);
	assert_int_equal(offset(s, a.opt.sack[1].right), 2000);
	send_piece(s, 400, 200); /* in order, part of it old */
	a = seg_out(&s->p);
	assert_int_equal(offset(s, a.ack), 600);
	assert_int_equal(offset(s, a.opt.sack[0].left), 400);
	assert_int_equal(offset(s, a.opt.sack[0].right), 500);
	send_piece(s, 600, 400); /* it is said once */
	a = seg_out(&s->p);
	assert_int_equal(offset(s, a.ack), 2000);
	assert_int_equal(a.opt.n_sack, 0);
	assert_int_equal(stats(&s->r)->dsack_sent, 3);
	read_all(s);
	params(&s->r)->dsack = false;
	send_piece(s, 0, 100);
	assert_int_equal(seg_out(&s->p).opt.n_sack, 0);
}

/* Bytes with holes between them cost more than they bring: the buffer is the limit. */
static void test_many_holes(void **state)
{
	struct scene *s = *state;
	const struct tcp_conn *c = conn_of(&s->r, s->fd);
	const uint32_t rcvbuf = c->sk.rcvbuf;

	for (uint32_t i = 0; i < 30000; i += 2) {
		seg_in(&s->p, &(struct seg){ .flags = TCP_ACK,
					     .seq = seq_add(s->from, 2 + i),
					     .ack = s->p.ack,
					     .wnd = s->p.wnd,
					     .len = 1 });
		peer_forget(&s->p);
		assert_true(tcp_rcv_used(c) <= rcvbuf);
	}
	assert_true(rig_drops(&s->r, DROP_TCP_OFO_LIMIT) > 1000);
	/* What is nearer to rcv_nxt counts more. */
	send_piece(s, 1, 1);
	assert_true(stats(&s->r)->ofo_pruned > 0);
	assert_true(tcp_rcv_used(c) <= rcvbuf);
	assert_true(c->sk.rcv_charge <= 2 * rcvbuf);
}

static void test_no_memory(void **state)
{
	struct scene *s = *state;

	for (uint64_t k = 1; k < 4; k++) {
		s->p.fail_in = k;
		seg_in(&s->p, &(struct seg){ .flags = TCP_ACK,
					     .seq = seq_add(s->from, 1000 * (uint32_t)k),
					     .ack = s->p.ack,
					     .wnd = s->p.wnd,
					     .len = 100 });
		peer_forget(&s->p);
	}
	s->p.fail_in = 0;
	for (uint32_t at = 0; at < 5000; at += 1000)
		send_piece(s, at, 1000);
	read_all(s);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_random_small), TEST(test_random_large), TEST(test_blocks_newest_first),
		TEST(test_dsack),        TEST(test_many_holes),   TEST(test_no_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
