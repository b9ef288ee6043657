/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The window, delayed acknowledgements, autotuning, memory.
 */
#include <errno.h>

#include "tests/unit/netstack/tcp/segments.h"

struct scene {
	struct rig r;
	struct peer p;
	int listener;
	int fd;
	struct tcp_conn *c;
};

static void begin(struct scene *s)
{
	const struct tcp_options_repr opt = full_options();

	s->p = peer_of(&s->r, PEER_PORT);
	s->fd = peer_connects(&s->p, s->listener, &opt);
	s->c = conn_of(&s->r, s->fd);
	peer_forget(&s->p);
}

static int setup(void **state)
{
	static struct scene s;

	memset(&s, 0, sizeof(s));
	segments_init(&s.r);
	s.listener = listen_fd(&s.r, PORT, 5);
	begin(&s);
	*state = &s;
	return 0;
}

static int teardown(void **state)
{
	struct scene *s = *state;

	peer_send_at(&s->p, TCP_RST, 0, 0);
	assert_int_equal(ns_close(s->r.st, s->listener), 0);
	assert_int_equal(ns_close(s->r.st, s->fd), 0);
	netstack_advance(s->r.st, s->r.now);
	assert_int_equal(s->r.st->tcp->queue_bytes, 0);
	rig_done(&s->r);
	return 0;
}

static void read_all(const struct scene *s)
{
	static uint8_t buf[1 << 16];

	while (ns_recv(s->r.st, s->fd, buf, sizeof(buf), 0) > 0)
		;
}

/* The first ACKs are sent at once, until the count of them is used up. */
static void use_up_quickacks(struct scene *s)
{
	while (!s->c->n_quick || s->c->n_quick > 1) {
		peer_send(&s->p, TCP_ACK | TCP_PSH, 10);
		read_all(s);
		(void)ack_out(&s->p, 0);
		peer_forget(&s->p);
	}
	peer_send(&s->p, TCP_ACK | TCP_PSH, 10);
	read_all(s);
	(void)ack_out(&s->p, 0);
	assert_int_equal(s->c->n_quick, 0);
}

/* --- acknowledgements --- */

static void test_quick_at_first(void **state)
{
	struct scene *s = *state;
	unsigned int n = 0;

	for (; n < 100; n++) {
		struct seg a;

		peer_send(&s->p, TCP_ACK | TCP_PSH, 10);
		if (!seg_peek(&s->p, &a))
			break;
		peer_forget(&s->p);
	}
	assert_in_range(n, 2, 16);
}

static void test_delayed(void **state)
{
	struct scene *s = *state;

	use_up_quickacks(s);
	peer_send(&s->p, TCP_ACK | TCP_PSH, 10);
	no_seg(&s->p);
	rig_sleep(&s->r, 38);
	no_seg(&s->p);
	rig_sleep(&s->r, 5);
	(void)ack_out(&s->p, 0);
	assert_int_equal(stats(&s->r)->delayed_acks, 1);
	rig_sleep(&s->r, 1000);
	no_seg(&s->p);
}

/* RFC 9293, 3.8.6.3: of full segments at least every second is acknowledged. */
static void test_full_segments(void **state)
{
	struct scene *s = *state;

	use_up_quickacks(s);
	peer_send(&s->p, TCP_ACK, 1460);
	(void)ack_out(&s->p, 0);
	assert_int_equal(s->c->rcv_mss, 1460);
	peer_send(&s->p, TCP_ACK, 700);
	no_seg(&s->p);
	peer_send(&s->p, TCP_ACK, 761);
	(void)ack_out(&s->p, 0);
}

static void test_once_per_burst(void **state)
{
	struct scene *s = *state;
	struct pbuf *burst[20];
	struct rig other;

	use_up_quickacks(s);
	/* Twenty segments in one call. */
	other = s->r;
	for (unsigned int i = 0; i < 20; i++) {
		struct tcp_repr h = {
			.seq = s->p.seq,
			.ack = s->p.ack,
			.src_port = PEER_PORT,
			.dst_port = PORT,
			.flags = TCP_ACK,
			.wnd = 65535,
		};
		static struct rig_pkt pkt;

		pkt.len = 0;
		rig_ip(&pkt, s->p.peer, s->p.us, IP_PROTO_TCP, 64, TCP_HDR_LEN + 1000);
		assert_int_equal(tcp_emit(pkt.b + pkt.len, TCP_HDR_LEN, &h), TCP_HDR_LEN);
		pkt.len += TCP_HDR_LEN + 1000;
		burst[i] = rig_pbuf(&other, pkt.b, pkt.len);
		burst[i]->csum = PBUF_CSUM_VALID;
		s->p.seq = seq_add(s->p.seq, 1000);
	}
	netstack_input(s->r.st, s->r.link[0].ifindex, burst, 20, s->r.now);
	(void)ack_out(&s->p, 0);
	no_seg(&s->p);
}

/* The answer carries the ACK, once it is seen that there are answers. */
static void test_ping_pong(void **state)
{
	struct scene *s = *state;
	struct seg a;

	for (int i = 0; i < 5; i++) {
		peer_send(&s->p, TCP_ACK | TCP_PSH, 64);
		if (i == 0)
			peer_forget(&s->p);
		no_seg(&s->p);
		read_all(s);
		assert_int_equal(ns_send(s->r.st, s->fd, "pong", 4, 0), 4);
		a = seg_out(&s->p);
		assert_int_equal(a.len, 4);
		assert_int_equal(a.ack.v, s->p.seq.v);
		if (i == 0) /* it was quickack's turn still: now both know */
			s->c->flags |= TCPF_PINGPONG;
	}
	/* Without an answer the ACK goes alone, later. */
	peer_send(&s->p, TCP_ACK | TCP_PSH, 64);
	no_seg(&s->p);
	rig_sleep(&s->r, 250);
	(void)ack_out(&s->p, 0);
	assert_false(s->c->flags & TCPF_PINGPONG);
}

static void test_quickack_option(void **state)
{
	struct scene *s = *state;

	use_up_quickacks(s);
	s->c->flags |= TCPF_QUICKACK;
	for (int i = 0; i < 20; i++) {
		peer_send(&s->p, TCP_ACK, 1);
		(void)ack_out(&s->p, 0);
	}
}

/* From @off behind the next number on: @len bytes in segments of @size, as one packet. */
static void peer_send_many(struct peer *p, int32_t off, uint16_t size, uint32_t len)
{
	seg_in(p, &(struct seg){ .flags = TCP_ACK,
				 .seq = seq_add(p->seq, (uint32_t)off),
				 .ack = p->ack,
				 .wnd = p->wnd,
				 .len = len,
				 .gso_size = size });
}

/* Without SACK the sender counts duplicates. */
static void test_duplicates_without_sack(void **state)
{
	const struct tcp_options_repr opt = { .mss = 1460 };
	struct scene *s = *state;

	peer_send_at(&s->p, TCP_RST, 0, 0);
	assert_int_equal(ns_close(s->r.st, s->fd), 0);
	s->p = peer_of(&s->r, PEER_PORT + 1);
	s->fd = peer_connects(&s->p, s->listener, &opt);
	s->c = conn_of(&s->r, s->fd);
	for (int i = 1; i < 5; i++) {
		peer_send_at(&s->p, TCP_ACK, i * 1000, 1000);
		assert_int_equal(ack_out(&s->p, 0).opt.n_sack, 0);
	}
	peer_send(&s->p, TCP_ACK, 1000);
	s->p.seq = seq_add(s->p.seq, 4000);
	(void)ack_out(&s->p, 0);
	/* Four of them in one packet are four. */
	peer_send_many(&s->p, 500, 1000, 3500);
	for (int i = 0; i < 4; i++)
		(void)ack_out(&s->p, 0);
	no_seg(&s->p);
}

/* A packet of several is to TCP what they would be one by one. */
static void test_size_of_segments_in_one_packet(void **state)
{
	struct scene *s = *state;

	use_up_quickacks(s);
	peer_send(&s->p, TCP_ACK, 1460);
	assert_int_equal(s->c->rcv_mss, 1460);
	peer_send_many(&s->p, 0, 1000, 1999); /* the second one is shorter */
	s->p.seq = seq_add(s->p.seq, 1999);
	assert_int_equal(s->c->rcv_mss, 1460);
	peer_send_many(&s->p, 0, 1000, 2000); /* two in a row */
	s->p.seq = seq_add(s->p.seq, 2000);
	assert_int_equal(s->c->rcv_mss, 1000);
}

static void test_old_segments_in_one_packet(void **state)
{
	struct scene *s = *state;

	use_up_quickacks(s);
	peer_send(&s->p, TCP_ACK, 1460);
	(void)ack_out(&s->p, 0);
	peer_send_many(&s->p, -1000, 1000, 1050);
	s->p.seq = seq_add(s->p.seq, 50);
	(void)ack_out(&s->p, 0); /* it waits for that: not later */
	assert_int_equal(s->c->n_quick, TCP_QUICK_MAX - 1);
}

/* --- window --- */

static uint32_t window_of(const struct seg *a)
{
	return (uint32_t)a->wnd << 7;
}

/* Nobody reads: it closes, but its right edge never comes back. */
static void test_closes(void **state)
{
	struct scene *s = *state;
	struct seq edge = seq_add(s->p.seq, 64240);
	uint32_t total = 0;
	struct seg a;

	s->c->sk.flags |= SOCK_RCVBUF_LOCKED;
	for (;;) {
		const int32_t room = seq_diff(edge, s->p.seq);
		const uint32_t n = room < 1460 ? (uint32_t)room : 1460;

		if (!n)
			break;
		peer_send(&s->p, TCP_ACK, n);
		total += n;
		assert_true(total < 140000);
		rig_sleep(&s->r, 250);
		a = ack_out(&s->p, 0);
		assert_true(seq_geq(seq_add(a.ack, window_of(&a)), edge));
		edge = seq_add(a.ack, window_of(&a));
		peer_forget(&s->p);
	}
	assert_int_equal(a.wnd, 0);
	assert_in_range(total, 100000, 131072);
	assert_true(stats(&s->r)->to_zero_window > 0);

	/* A probe is answered, its byte not taken. */
	peer_send_at(&s->p, TCP_ACK, 0, 1);
	assert_int_equal(ack_out(&s->p, 0).wnd, 0);
	assert_int_equal(rig_drops(&s->r, DROP_TCP_ZERO_WINDOW), 1);
	/* An ACK is processed all the same, and a FIN fits. */
	assert_int_equal(ns_send(s->r.st, s->fd, "x", 1, 0), 1);
	(void)seg_out(&s->p);
	peer_send(&s->p, TCP_ACK, 0);
	assert_int_equal(s->c->snd_una.v, s->p.ack.v);
	no_seg(&s->p);
}

/* RFC 9293, 3.8.6.2.2: it opens by a segment, or half of the buffer, or not at all. */
static void test_opens_by_enough(void **state)
{
	struct scene *s = *state;
	static char buf[1 << 16];
	uint32_t most;
	struct seg a;

	s->c->sk.flags |= SOCK_RCVBUF_LOCKED;
	do {
		const uint32_t room = tcp_rcv_room(s->c);

		peer_send(&s->p, TCP_ACK, room < 1460 ? room : 1460);
		rig_sleep(&s->r, 250);
		a = ack_out(&s->p, 0);
		peer_forget(&s->p);
	} while (a.wnd);
	/* Half of the space is window: this much does not make a segment of it. */
	most = 2 * 1460 - 2 - (s->c->sk.rcvbuf - tcp_rcv_used(s->c));
	assert_in_range(most, 101, sizeof(buf));
	assert_int_equal(ns_recv(s->r.st, s->fd, buf, 100, 0), 100);
	no_seg(&s->p);
	assert_int_equal(ns_recv(s->r.st, s->fd, buf, most - 100, 0), most - 100);
	no_seg(&s->p);
	assert_int_equal(ns_recv(s->r.st, s->fd, buf, 20000, 0), 20000);
	a = ack_out(&s->p, 0);
	assert_true(window_of(&a) >= 1460);
	assert_int_equal(stats(&s->r)->from_zero_window, 1);
}

static void test_data_beyond_the_edge_is_cut(void **state)
{
	struct scene *s = *state;
	const struct seq from = s->p.seq;
	const uint32_t room = tcp_rcv_room(s->c);
	uint32_t at = 0;

	for (; at + 1000 < room; at += 1000)
		peer_send(&s->p, TCP_ACK, 1000);
	peer_forget(&s->p);
	s->c->rcv_adv = seq_add(from, room); /* as if no ACK had moved it */
	peer_send_at(&s->p, TCP_ACK | TCP_FIN, 0, 1000);
	s->p.seq = seq_add(from, room);
	(void)ack_out(&s->p, 0);
	assert_int_equal(s->c->state, TCPS_ESTABLISHED); /* the FIN was behind the edge */
	assert_int_equal(s->c->rxq.len, room);
}

/* TCP_WINDOW_CLAMP and a small SO_RCVBUF. */
static void test_clamp(void **state)
{
	struct scene *s = *state;
	struct tcp_params *p = params(&s->r);
	struct tcp_initial_window w;

	w = tcp_initial_window(p, 131072, 0, 1460, true);
	assert_int_equal(w.wnd, 64240);
	assert_int_equal(w.wscale, 7);
	w = tcp_initial_window(p, 131072, 10000, 1460, true);
	assert_int_equal(w.wnd, 8760);
	assert_int_equal(w.wscale, 0);
	w = tcp_initial_window(p, 4096, 0, 1460, true);
	assert_int_equal(w.wnd, 1460);
	w = tcp_initial_window(p, 1000, 0, 1460, true);
	assert_int_equal(w.wnd, 500);
	w = tcp_initial_window(p, 131072, 0, 1460, false);
	assert_int_equal(w.wscale, 0);
	p->rmem_max = UINT32_MAX;
	w = tcp_initial_window(p, 131072, 0, 65495, true);
	assert_int_equal(w.wscale, 14);
	assert_int_equal(w.wnd, 65495);
}

/* --- autotuning --- */

/* The user reads all at once, and the sender fills the window each round trip. */
static void test_autotuning(void **state)
{
	struct scene *s = *state;
	const uint32_t before = s->c->sk.rcvbuf;

	for (int rtt = 0; rtt < 40; rtt++) {
		uint32_t room = tcp_rcv_room(s->c);

		for (; room >= 1460; room -= 1460) {
			peer_send(&s->p, TCP_ACK, 1460);
			peer_forget(&s->p);
			read_all(s);
			peer_forget(&s->p);
		}
		rig_sleep(&s->r, 20);
	}
	assert_true(s->c->sk.rcvbuf > 4 * before);
	assert_true(s->c->sk.rcvbuf <= params(&s->r)->rmem_max);
}

/* One that does not read fast gets no more. */
static void test_no_autotuning(void **state)
{
	struct scene *s = *state;
	const uint32_t before = s->c->sk.rcvbuf;

	for (int i = 0; i < 200; i++) {
		peer_send(&s->p, TCP_ACK, 500);
		peer_forget(&s->p);
		read_all(s);
		rig_sleep(&s->r, 20);
		peer_forget(&s->p);
	}
	assert_int_equal(s->c->sk.rcvbuf, before);
}

/* --- memory --- */

static void test_memory_limit(void **state)
{
	struct scene *s = *state;

	params(&s->r)->bytes_max = 20000;
	for (int i = 0; i < 30; i++) {
		peer_send_at(&s->p, TCP_ACK, 0, 1000);
		if (s->c->rcv_nxt.v == s->p.seq.v + 1000)
			s->p.seq = s->c->rcv_nxt;
		peer_forget(&s->p);
	}
	assert_in_range(s->r.st->tcp->queue_bytes, 15000, 25000);
	assert_true(rig_drops(&s->r, DROP_NO_MEMORY) > 0);
	/* What is out of order is thrown away for it. */
	read_all(s);
	peer_send_at(&s->p, TCP_ACK, 5000, 1000);
	assert_int_equal(s->c->ofo->n, 1);
	params(&s->r)->bytes_max = 1000;
	peer_send(&s->p, TCP_ACK, 600);
	peer_send(&s->p, TCP_ACK, 600);
	assert_int_equal(stats(&s->r)->ofo_pruned, 1);
	peer_forget(&s->p);
}

static void test_no_memory_for_data(void **state)
{
	struct scene *s = *state;
	const struct seq from = s->p.seq;
	uint32_t n = 0;

	for (uint64_t k = 1; k < 5; k++) {
		s->p.fail_in = k;
		peer_send_at(&s->p, TCP_ACK, 0, 1000);
		s->p.fail_in = 0;
		peer_forget(&s->p);
		peer_send_at(&s->p, TCP_ACK, 0, 1000); /* again, as it was lost or not */
		peer_forget(&s->p);
		n += 1000;
		s->p.seq = seq_add(from, n);
		assert_int_equal(s->c->rcv_nxt.v, s->p.seq.v);
	}
	expect_bytes(&s->r, s->fd, from, n);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_quick_at_first),
		TEST(test_delayed),
		TEST(test_full_segments),
		TEST(test_once_per_burst),
		TEST(test_ping_pong),
		TEST(test_quickack_option),
		TEST(test_duplicates_without_sack),
		TEST(test_size_of_segments_in_one_packet),
		TEST(test_old_segments_in_one_packet),
		TEST(test_closes),
		TEST(test_opens_by_enough),
		TEST(test_data_beyond_the_edge_is_cut),
		TEST(test_clamp),
		TEST(test_autotuning),
		TEST(test_no_autotuning),
		TEST(test_memory_limit),
		TEST(test_no_memory_for_data),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
