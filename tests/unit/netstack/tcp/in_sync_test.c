/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Segments for synchronized connections: RFC 9293, 3.10.7.4, step by step.
 */
#include <errno.h>

#include "tests/unit/netstack/tcp/segments.h"

struct scene {
	struct rig r;
	struct peer p;
	int listener;
	int fd;
};

static int setup(void **state)
{
	static struct scene s;
	const struct tcp_options_repr opt = full_options();

	memset(&s, 0, sizeof(s));
	segments_init(&s.r);
	s.p = peer_of(&s.r, PEER_PORT);
	s.listener = listen_fd(&s.r, PORT, 5);
	s.fd = peer_connects(&s.p, s.listener, &opt);
	peer_forget(&s.p);
	*state = &s;
	return 0;
}

static int teardown(void **state)
{
	struct scene *s = *state;

	assert_int_equal(ns_close(s->r.st, s->listener), 0);
	if (s->fd >= 0)
		assert_int_equal(ns_close(s->r.st, s->fd), 0);
	netstack_advance(s->r.st, s->r.now);
	rig_done(&s->r);
	return 0;
}

static uint8_t tcp_state(const struct scene *s)
{
	return conn_of(&s->r, s->fd)->state;
}

/* --- step 1 --- */

static void test_data_in_order(void **state)
{
	struct scene *s = *state;
	const struct seq from = s->p.seq;

	peer_send(&s->p, TCP_ACK | TCP_PSH, 100);
	(void)ack_out(&s->p, 0); /* the first ones of a connection are not delayed */
	peer_send(&s->p, TCP_ACK, 1000);
	(void)ack_out(&s->p, 0);
	expect_bytes(&s->r, s->fd, from, 1100);
	no_seg(&s->p);
}

static void test_old_data_is_acknowledged_and_dropped(void **state)
{
	struct scene *s = *state;
	const struct seq from = s->p.seq;
	struct seg a;

	peer_send(&s->p, TCP_ACK, 100);
	(void)ack_out(&s->p, 0);
	peer_send_at(&s->p, TCP_ACK, -100, 100);
	a = ack_out(&s->p, 0);
	assert_int_equal(a.opt.n_sack, 1); /* RFC 2883 */
	assert_int_equal(a.opt.sack[0].left.v, from.v);
	assert_int_equal(a.opt.sack[0].right.v, from.v + 100);
	assert_int_equal(rig_drops(&s->r, DROP_TCP_OLD_DATA), 1);
	expect_bytes(&s->r, s->fd, from, 100);
}

static void test_overlap_is_cut(void **state)
{
	struct scene *s = *state;
	const struct seq from = s->p.seq;

	peer_send(&s->p, TCP_ACK, 100);
	(void)ack_out(&s->p, 0);
	peer_send_at(&s->p, TCP_ACK, -50, 100);
	s->p.seq = seq_add(s->p.seq, 50);
	(void)ack_out(&s->p, 0);
	expect_bytes(&s->r, s->fd, from, 150);
}

static void test_beyond_the_window(void **state)
{
	struct scene *s = *state;

	peer_send_at(&s->p, TCP_ACK, 1 << 20, 100);
	(void)ack_out(&s->p, 0);
	assert_int_equal(rig_drops(&s->r, DROP_TCP_OUT_OF_WINDOW), 1);
	/* An ACK at the right edge of the window is fine: data before it may be lost. */
	peer_send_at(&s->p, TCP_ACK, 65535 / 1460 * 1460, 0);
	no_seg(&s->p);
}

static void test_out_of_window_acks_are_limited(void **state)
{
	struct scene *s = *state;

	for (int i = 0; i < 5; i++)
		peer_send_at(&s->p, TCP_ACK, -1, 0); /* as keepalives look */
	(void)ack_out(&s->p, 0);
	no_seg(&s->p);
	rig_sleep(&s->r, 600);
	peer_send_at(&s->p, TCP_ACK, -1, 0);
	(void)ack_out(&s->p, 0);
	/* Data is not: the peer waits for the ACK. */
	for (int i = 0; i < 3; i++) {
		peer_send_at(&s->p, TCP_ACK, -10, 5);
		(void)ack_out(&s->p, 0);
	}
}

/* --- step 2 --- */

static void test_rst_at_rcv_nxt(void **state)
{
	struct scene *s = *state;
	char c;

	peer_send_at(&s->p, TCP_RST, 0, 0);
	no_seg(&s->p);
	assert_int_equal(rig_drops(&s->r, DROP_TCP_RESET), 1);
	assert_int_equal(poll_of(&s->r, s->fd), POLLIN | POLLRDNORM | POLLOUT | POLLWRNORM |
							POLLHUP | POLLERR | POLLRDHUP);
	assert_int_equal(ns_recv(s->r.st, s->fd, &c, 1, 0), -ECONNRESET);
	assert_int_equal(ns_recv(s->r.st, s->fd, &c, 1, 0), 0);
	assert_int_equal(ns_send(s->r.st, s->fd, &c, 1, MSG_NOSIGNAL), -EPIPE);
	assert_int_equal(stats(&s->r)->estab_resets, 1);
}

static void test_rst_leaves_what_was_received(void **state)
{
	struct scene *s = *state;
	char buf[100];

	peer_send(&s->p, TCP_ACK, 10);
	(void)ack_out(&s->p, 0);
	peer_send_at(&s->p, TCP_RST, 0, 0);
	assert_int_equal(ns_recv(s->r.st, s->fd, buf, sizeof(buf), 0), 10);
	assert_int_equal(ns_recv(s->r.st, s->fd, buf, sizeof(buf), 0), -ECONNRESET);
}

static void test_rst_in_window_is_challenged(void **state)
{
	struct scene *s = *state;

	peer_send_at(&s->p, TCP_RST, 1, 0);
	(void)ack_out(&s->p, 0);
	assert_int_equal(rig_drops(&s->r, DROP_TCP_RST_CHALLENGED), 1);
	peer_send_at(&s->p, TCP_RST, 100, 0); /* not again so soon */
	no_seg(&s->p);
	assert_int_equal(tcp_state(s), TCPS_ESTABLISHED);
	assert_int_equal(stats(&s->r)->challenge_acks, 1);
}

static void test_rst_out_of_window(void **state)
{
	struct scene *s = *state;

	peer_send_at(&s->p, TCP_RST, -1, 0);
	peer_send_at(&s->p, TCP_RST, 1 << 20, 0);
	no_seg(&s->p);
	assert_int_equal(tcp_state(s), TCPS_ESTABLISHED);
}

/* --- step 4 --- */

static void test_syn_is_challenged(void **state)
{
	struct scene *s = *state;

	peer_send_at(&s->p, TCP_SYN, 0, 0);
	(void)ack_out(&s->p, 0);
	rig_sleep(&s->r, 600);
	peer_send_at(&s->p, TCP_SYN, 12345678, 0); /* wherever it is */
	(void)ack_out(&s->p, 0);
	peer_send_at(&s->p, TCP_SYN | TCP_ACK, 0, 0);
	no_seg(&s->p);
	assert_int_equal(rig_drops(&s->r, DROP_TCP_SYN_CHALLENGED), 2);
	assert_int_equal(tcp_state(s), TCPS_ESTABLISHED);
}

/* --- step 5 --- */

static void test_no_ack_flag(void **state)
{
	struct scene *s = *state;

	peer_send_at(&s->p, 0, 0, 10);
	peer_send_at(&s->p, TCP_FIN, 0, 0);
	peer_send_at(&s->p, TCP_PSH | TCP_URG, 0, 10);
	no_seg(&s->p);
	assert_int_equal(rig_drops(&s->r, DROP_TCP_NO_FLAGS), 3);
	expect_bytes(&s->r, s->fd, s->p.seq, 0);
}

static void test_ack_of_the_future(void **state)
{
	struct scene *s = *state;
	const struct seq ack = s->p.ack;

	s->p.ack = seq_add(ack, 1);
	peer_send_at(&s->p, TCP_ACK, 0, 10);
	s->p.ack = ack;
	(void)ack_out(&s->p, 0);
	assert_int_equal(rig_drops(&s->r, DROP_TCP_ACK_TOO_NEW), 1);
	expect_bytes(&s->r, s->fd, s->p.seq, 0);
}

static void test_ack_of_the_past(void **state)
{
	struct scene *s = *state;
	const struct seq ack = s->p.ack;
	const struct seq from = s->p.seq;

	/* Within the largest window we were given: an old one, whose data counts. */
	s->p.ack = seq_sub(ack, 60000);
	peer_send(&s->p, TCP_ACK, 10);
	s->p.ack = ack;
	(void)ack_out(&s->p, 0);
	expect_bytes(&s->r, s->fd, from, 10);
	/* RFC 5961, 5: further back it is somebody who guesses. */
	s->p.ack = seq_sub(ack, 9000000);
	peer_send_at(&s->p, TCP_ACK, 0, 10);
	s->p.ack = ack;
	(void)ack_out(&s->p, 0);
	assert_int_equal(rig_drops(&s->r, DROP_TCP_ACK_TOO_OLD), 1);
	expect_bytes(&s->r, s->fd, s->p.seq, 0);
}

/* --- steps 6 to 8, and states --- */

static void test_fin_then_ours(void **state)
{
	struct scene *s = *state;
	char c;

	peer_send(&s->p, TCP_ACK | TCP_FIN, 10);
	(void)ack_out(&s->p, 0);
	assert_int_equal(tcp_state(s), TCPS_CLOSE_WAIT);
	assert_int_equal(poll_of(&s->r, s->fd),
			 POLLIN | POLLRDNORM | POLLOUT | POLLWRNORM | POLLRDHUP);
	/* It does not come twice. */
	peer_send_at(&s->p, TCP_ACK | TCP_FIN, -1, 0);
	(void)ack_out(&s->p, 0);
	assert_int_equal(ns_send(s->r.st, s->fd, "x", 1, 0), 1);
	assert_int_equal(seg_out(&s->p).len, 1);
	for (int i = 0; i < 10; i++)
		assert_int_equal(ns_recv(s->r.st, s->fd, &c, 1, 0), 1);
	assert_int_equal(ns_recv(s->r.st, s->fd, &c, 1, 0), 0);
	assert_int_equal(ns_shutdown(s->r.st, s->fd, SHUT_WR), 0);
	assert_int_equal(tcp_state(s), TCPS_LAST_ACK);
	assert_int_equal(seg_out(&s->p).flags, TCP_FIN | TCP_ACK);
	peer_send(&s->p, TCP_ACK, 0);
	assert_int_equal(tcp_state(s), TCPS_CLOSED);
	no_seg(&s->p);
}

/* What comes behind a FIN is ignored. */
static void test_data_behind_fin(void **state)
{
	struct scene *s = *state;
	const struct seq from = s->p.seq;
	char buf[100];

	peer_send(&s->p, TCP_ACK | TCP_FIN, 10);
	(void)ack_out(&s->p, 0);
	peer_send_at(&s->p, TCP_ACK, 0, 10);
	peer_send_at(&s->p, TCP_ACK, -5, 10);
	peer_send_at(&s->p, TCP_ACK, 50, 10);
	peer_send_at(&s->p, TCP_ACK | TCP_FIN, 0, 0);
	no_seg(&s->p);
	assert_int_equal(rig_drops(&s->r, DROP_TCP_CLOSED_DATA), 4);
	assert_int_equal(ns_recv(s->r.st, s->fd, buf, sizeof(buf), 0), 10);
	assert_int_equal((uint8_t)buf[9], byte_at(seq_add(from, 9)));
	assert_int_equal(ns_recv(s->r.st, s->fd, buf, sizeof(buf), 0), 0);
}

static void test_ours_then_fin(void **state)
{
	struct scene *s = *state;
	struct netstack_memory m;
	const struct seq from = s->p.seq;

	assert_int_equal(ns_shutdown(s->r.st, s->fd, SHUT_WR), 0);
	assert_int_equal(tcp_state(s), TCPS_FIN_WAIT1);
	assert_int_equal(seg_out(&s->p).flags, TCP_FIN | TCP_ACK);
	peer_send(&s->p, TCP_ACK, 0);
	assert_int_equal(tcp_state(s), TCPS_FIN_WAIT2);
	peer_send(&s->p, TCP_ACK, 1000); /* half closed: it may go on for long */
	(void)ack_out(&s->p, 0);
	expect_bytes(&s->r, s->fd, from, 1000);
	peer_send(&s->p, TCP_ACK | TCP_FIN, 0);
	(void)ack_out(&s->p, 0);
	assert_int_equal(tcp_state(s), TCPS_CLOSED);
	netstack_memory(s->r.st, &m);
	assert_int_equal(m.time_wait, 1);
	assert_int_equal(poll_of(&s->r, s->fd),
			 POLLIN | POLLRDNORM | POLLOUT | POLLWRNORM | POLLHUP | POLLRDHUP);
}

static void test_simultaneous_close(void **state)
{
	struct scene *s = *state;
	const struct seq ack = s->p.ack;
	struct netstack_memory m;

	assert_int_equal(ns_shutdown(s->r.st, s->fd, SHUT_WR), 0);
	assert_int_equal(seg_out(&s->p).flags, TCP_FIN | TCP_ACK);
	s->p.ack = ack; /* it did not see ours */
	peer_send(&s->p, TCP_ACK | TCP_FIN, 0);
	assert_int_equal(tcp_state(s), TCPS_CLOSING);
	s->p.ack = seq_add(ack, 1);
	(void)ack_out(&s->p, 0);
	peer_send(&s->p, TCP_ACK, 0);
	no_seg(&s->p);
	assert_int_equal(tcp_state(s), TCPS_CLOSED);
	netstack_memory(s->r.st, &m);
	assert_int_equal(m.time_wait, 1);
}

/* FIN and the acknowledgement of ours in one segment. */
static void test_fin_wait1_to_time_wait(void **state)
{
	struct scene *s = *state;

	assert_int_equal(ns_shutdown(s->r.st, s->fd, SHUT_WR), 0);
	assert_int_equal(seg_out(&s->p).flags, TCP_FIN | TCP_ACK);
	peer_send(&s->p, TCP_ACK | TCP_FIN, 0);
	(void)ack_out(&s->p, 0);
	assert_int_equal(tcp_state(s), TCPS_CLOSED);
	assert_int_equal(stats(&s->r)->time_wait, 1);
}

/* RFC 1122, 4.2.2.13. */
static void test_data_for_a_closed_socket(void **state)
{
	struct scene *s = *state;
	struct seg a;

	assert_int_equal(ns_close(s->r.st, s->fd), 0);
	s->fd = -1;
	assert_int_equal(seg_out(&s->p).flags, TCP_FIN | TCP_ACK);
	peer_send_at(&s->p, TCP_ACK, 0, 10);
	a = seg_out(&s->p);
	assert_int_equal(a.flags, TCP_RST);
	assert_int_equal(a.seq.v, s->p.ack.v);
	assert_int_equal(rig_drops(&s->r, DROP_TCP_CLOSED_DATA), 1);
	peer_send_at(&s->p, TCP_ACK, 0, 0); /* it knows nothing of that any more */
	assert_int_equal(seg_out(&s->p).flags, TCP_RST);
}

static void test_fin_out_of_order(void **state)
{
	struct scene *s = *state;
	const struct seq from = s->p.seq;
	struct seg a;
	char c;

	peer_send_at(&s->p, TCP_ACK | TCP_FIN, 100, 50);
	a = ack_out(&s->p, 0);
	assert_int_equal(a.opt.n_sack, 1);
	assert_int_equal(tcp_state(s), TCPS_ESTABLISHED);
	peer_send(&s->p, TCP_ACK, 100);
	s->p.seq = seq_add(s->p.seq, 51);
	(void)ack_out(&s->p, 0);
	assert_int_equal(tcp_state(s), TCPS_CLOSE_WAIT);
	for (uint32_t i = 0; i < 150; i++) {
		assert_int_equal(ns_recv(s->r.st, s->fd, &c, 1, 0), 1);
		assert_int_equal((uint8_t)c, byte_at(seq_add(from, i)));
	}
	assert_int_equal(ns_recv(s->r.st, s->fd, &c, 1, 0), 0);
}

static void test_bad_checksum_and_header(void **state)
{
	struct scene *s = *state;
	static struct rig_pkt pkt;

	pkt.len = 0;
	rig_ip(&pkt, s->p.peer, s->p.us, IP_PROTO_TCP, 64, 20);
	memset(pkt.b + pkt.len, 0, 20);
	pkt.len += 20;
	rig_in_pkt(&s->r, 0, &pkt);
	assert_int_equal(rig_drops(&s->r, DROP_TCP_CSUM), 1);
	pkt.len = 0;
	rig_ip(&pkt, s->p.peer, s->p.us, IP_PROTO_TCP, 64, 19);
	pkt.len += 19;
	rig_in_pkt(&s->r, 0, &pkt);
	assert_int_equal(rig_drops(&s->r, DROP_TCP_SHORT), 1);
}

/* --- PAWS (RFC 7323, 5) --- */

static void with_timestamps(struct scene *s)
{
	struct tcp_options_repr opt = full_options();

	peer_send_at(&s->p, TCP_RST, 0, 0);
	assert_int_equal(ns_close(s->r.st, s->fd), 0);
	netstack_advance(s->r.st, s->r.now);
	peer_forget(&s->p);
	s->p = peer_of(&s->r, PEER_PORT + 1);
	s->p.ts = true;
	s->p.ts_val = 5000;
	s->fd = peer_connects(&s->p, s->listener, &opt);
	peer_forget(&s->p);
}

static void test_paws(void **state)
{
	struct scene *s = *state;
	struct seq from;
	struct seg a;

	with_timestamps(s);
	from = s->p.seq;
	s->p.ts_val = 6000;
	peer_send(&s->p, TCP_ACK, 10);
	a = ack_out(&s->p, 0);
	assert_int_equal(a.opt.ts_ecr, 6000);
	s->p.ts_val = 5999;
	peer_send_at(&s->p, TCP_ACK, 0, 10);
	a = ack_out(&s->p, 0);
	assert_int_equal(a.opt.ts_ecr, 6000);
	assert_int_equal(rig_drops(&s->r, DROP_TCP_PAWS), 1);
	s->p.ts_val = 6000 + 0x70000000;
	peer_send(&s->p, TCP_ACK, 10);
	assert_int_equal(ack_out(&s->p, 0).opt.ts_ecr, 6000 + 0x70000000);
	expect_bytes(&s->r, s->fd, from, 20);
	/* A RST is not judged by it, and one without timestamps is let through. */
	s->p.ts = false;
	peer_send(&s->p, TCP_ACK, 10);
	(void)ack_out(&s->p, 0);
	peer_send_at(&s->p, TCP_RST, 0, 0);
	assert_int_equal(tcp_state(s), TCPS_CLOSED);
}

static void test_paws_forgets_after_24_days(void **state)
{
	struct scene *s = *state;

	with_timestamps(s);
	s->p.ts_val = 4999;
	s->r.now += NS_PER_S * (24 * 24 * 3600 - 10);
	netstack_advance(s->r.st, s->r.now);
	peer_send_at(&s->p, TCP_ACK, 0, 10);
	(void)ack_out(&s->p, 0);
	assert_int_equal(rig_drops(&s->r, DROP_TCP_PAWS), 1);
	s->r.now += NS_PER_S * 20;
	netstack_advance(s->r.st, s->r.now);
	peer_send(&s->p, TCP_ACK, 10);
	assert_int_equal(ack_out(&s->p, 0).opt.ts_ecr, 4999);
}

/* TS.Recent is of the segment that the ACK is for (RFC 7323, 4.3). */
static void test_ts_recent_with_a_hole(void **state)
{
	struct scene *s = *state;

	with_timestamps(s);
	s->p.ts_val = 5100;
	peer_send_at(&s->p, TCP_ACK, 100, 100);
	assert_int_equal(ack_out(&s->p, 0).opt.ts_ecr, 5000);
	s->p.ts_val = 5200;
	peer_send(&s->p, TCP_ACK, 100);
	s->p.seq = seq_add(s->p.seq, 100);
	assert_int_equal(ack_out(&s->p, 0).opt.ts_ecr, 5200);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_data_in_order),
		TEST(test_old_data_is_acknowledged_and_dropped),
		TEST(test_overlap_is_cut),
		TEST(test_beyond_the_window),
		TEST(test_out_of_window_acks_are_limited),
		TEST(test_rst_at_rcv_nxt),
		TEST(test_rst_leaves_what_was_received),
		TEST(test_rst_in_window_is_challenged),
		TEST(test_rst_out_of_window),
		TEST(test_syn_is_challenged),
		TEST(test_no_ack_flag),
		TEST(test_ack_of_the_future),
		TEST(test_ack_of_the_past),
		TEST(test_fin_then_ours),
		TEST(test_data_behind_fin),
		TEST(test_ours_then_fin),
		TEST(test_simultaneous_close),
		TEST(test_fin_wait1_to_time_wait),
		TEST(test_data_for_a_closed_socket),
		TEST(test_fin_out_of_order),
		TEST(test_bad_checksum_and_header),
		TEST(test_paws),
		TEST(test_paws_forgets_after_24_days),
		TEST(test_ts_recent_with_a_hole),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
