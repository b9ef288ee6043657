/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Segments for no connection (RFC 9293, 3.10.7.1), and limits of what is answered.
 */
#include "tests/unit/netstack/tcp/segments.h"

static struct rig rig;

static int setup(void **state)
{
	segments_init(&rig);
	*state = &rig;
	return 0;
}

static int teardown(void **state)
{
	netstack_advance(rig.st, rig.now);
	rig_done(*state);
	return 0;
}

/* The RST has to be acceptable to the peer. */
static void test_reset_with_ack(void **state)
{
	struct peer p = peer_of(*state, PEER_PORT);
	struct seg a;

	p.ack = seq_of(777);
	peer_send_at(&p, TCP_ACK | TCP_PSH, 0, 10);
	a = seg_out(&p);
	assert_int_equal(a.flags, TCP_RST);
	assert_int_equal(a.seq.v, 777);
	assert_int_equal(a.src_port, PORT);
	assert_int_equal(a.dst_port, PEER_PORT);
	assert_int_equal(a.wnd, 0);
	assert_int_equal(rig_drops(&rig, DROP_TCP_NO_CONN), 1);
	assert_int_equal(stats(&rig)->out_rsts, 1);
}

static void test_reset_without_ack(void **state)
{
	const struct tcp_options_repr opt = full_options();
	struct peer p = peer_of(*state, PEER_PORT);
	struct seg a;

	peer_syn(&p, &opt);
	a = seg_out(&p);
	assert_int_equal(a.flags, TCP_RST | TCP_ACK);
	assert_int_equal(a.seq.v, 0);
	assert_int_equal(a.ack.v, PEER_ISS + 1);
	peer_send_at(&p, TCP_FIN, 0, 10); /* FIN counts, too */
	a = seg_out(&p);
	assert_int_equal(a.ack.v, p.seq.v + 11);
}

static void test_no_reset_of_a_reset(void **state)
{
	struct peer p = peer_of(*state, PEER_PORT);

	peer_send_at(&p, TCP_RST, 0, 0);
	peer_send_at(&p, TCP_RST | TCP_ACK, 0, 10);
	no_seg(&p);
	assert_int_equal(rig_drops(&rig, DROP_TCP_RST_UNKNOWN), 2);
}

static void test_no_reset_to_many(void **state)
{
	struct peer p = peer_of(*state, PEER_PORT);

	p.us = ip6_addr_of_ip4(IP4_BROADCAST);
	peer_send_at(&p, TCP_ACK, 0, 0);
	no_seg(&p);
	assert_int_equal(stats(&rig)->out_rsts, 0);
}

static void test_ipv6(void **state)
{
	struct peer p = peer_of(*state, PEER_PORT);

	p.us = RIG_US6;
	p.peer = RIG_PEER6;
	peer_send_at(&p, TCP_ACK, 0, 0);
	assert_int_equal(seg_out(&p).flags, TCP_RST);
}

/* RFC 5961, 7 and 10: a number per second that is not the same each second. */
static void test_challenge_limit(void **state)
{
	struct tcp *tcp = ((struct rig *)*state)->st->tcp;
	uint32_t counts[4];

	params(&rig)->challenge_ack_per_s = 100;
	for (unsigned int i = 0; i < 4; i++) {
		counts[i] = 0;
		for (unsigned int k = 0; k < 1000; k++) {
			uint32_t never = 0;

			counts[i] += tcp_challenge_allowed(tcp, &never);
		}
		assert_in_range(counts[i], 50, 150);
		rig_sleep(&rig, 1000);
	}
	assert_true(counts[0] != counts[1] || counts[1] != counts[2] || counts[2] != counts[3]);
	assert_int_equal(stats(&rig)->challenge_acks,
			 counts[0] + counts[1] + counts[2] + counts[3]);
}

static void test_limit_per_connection(void **state)
{
	struct tcp *tcp = ((struct rig *)*state)->st->tcp;
	uint32_t last = 0;

	assert_true(tcp_dupack_allowed(tcp, &last));
	assert_false(tcp_dupack_allowed(tcp, &last));
	assert_false(tcp_challenge_allowed(tcp, &last));
	rig_sleep(&rig, 499);
	assert_false(tcp_dupack_allowed(tcp, &last));
	rig_sleep(&rig, 1);
	assert_true(tcp_challenge_allowed(tcp, &last));
	assert_false(tcp_dupack_allowed(tcp, &last));
}

static void test_no_memory(void **state)
{
	struct peer p = peer_of(*state, PEER_PORT);
	struct pbuf *pb[300];
	unsigned int n = 0;

	/* Nothing is left of the pool when the answer is made. */
	for (; n < 300; n++) {
		pb[n] = pbuf_alloc(netstack_pool(rig.st));
		assert_non_null(pb[n]);
	}
	p.fail_in = 1;
	peer_send_at(&p, TCP_ACK, 0, 0);
	while (n)
		pbuf_free(pb[--n]);
	peer_forget(&p);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_reset_with_ack),
		TEST(test_reset_without_ack),
		TEST(test_no_reset_of_a_reset),
		TEST(test_no_reset_to_many),
		TEST(test_ipv6),
		TEST(test_challenge_limit),
		TEST(test_limit_per_connection),
		TEST(test_no_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
