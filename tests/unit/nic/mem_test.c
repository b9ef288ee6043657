/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Two nics that are each other's wire, in one thread and in two.
 */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "nic/wrappers.h"
#include "tests/unit/nic/fake.h"

#define ALL      (NIC_TX_CSUM | NIC_TSO4 | NIC_TSO6 | NIC_USO)
#define RING_LEN 1024

static const struct frame_spec big = {
	.proto = IP_PROTO_TCP,
	.len = 60000,
	.flags = TCP_ACK,
	.gso_size = 1448,
	.csum = PBUF_CSUM_PARTIAL,
};
static const struct frame_spec small = { .proto = IP_PROTO_UDP, .len = 20 };

struct ends {
	struct nic *nic[2];
};

static struct ends pair_of(struct desk *a, struct desk *b)
{
	const struct nic_env env_a = desk_env(a), env_b = desk_env(b);
	struct ends e;

	assert_int_equal(nic_mem_pair(&e.nic[0], &env_a, &e.nic[1], &env_b, ALL, 1500, &a->err), 0);
	desk_serve(a, e.nic[0]);
	desk_serve(b, e.nic[1]);
	return e;
}

static void close_both(struct ends *e)
{
	nic_close(e->nic[0]);
	nic_close(e->nic[1]);
}

static uint64_t packets_of(const struct desk *k)
{
	struct pbuf_pool_stats stats;

	pbuf_pool_stats(k->pool, &stats);
	return stats.pbufs;
}

/* --- one thread --- */

static void a_packet_of_one_pool_goes_over_itself(void **state)
{
	struct pbuf *pb, *got[4];
	struct desk k;
	struct ends e;

	(void)state;
	desk_init(&k, LOOP_AUTO);
	e = pair_of(&k, &k);
	pb = frame_new(k.pool, &big);
	pb->mark = 5;
	pb->ifindex = 6;
	pb->time_ns = 7;
	pb->hash = 8;
	pb->hops = 9;
	pb->dest = PBUF_TO_GROUP;
	assert_int_equal(nic_tx(e.nic[0], &pb, 1), 1);
	assert_int_equal(nic_rx(e.nic[0], got, 4), 0);
	assert_int_equal(nic_rx(e.nic[1], got, 4), 1);
	assert_ptr_equal(got[0], pb);
	assert_int_equal(pb->mark | pb->ifindex | pb->time_ns | pb->hash | pb->hops | pb->dest, 0);
	assert_int_equal(pb->l3, PBUF_NO_OFFSET);
	assert_int_equal(pb->gso_size, 1448);
	assert_ptr_equal(pbuf_l4(pb), pb->data + ETH_HDR_LEN + IPV4_HDR_LEN);
	assert_frame(pb, &big);
	pbuf_free(pb);
	close_both(&e);
	desk_done(&k);
}

static void a_packet_of_another_pool_is_copied(void **state)
{
	const struct frame_spec *kind[] = { &big, &small };
	struct desk a, b;
	struct ends e;

	(void)state;
	desk_init(&a, LOOP_AUTO);
	desk_init(&b, LOOP_AUTO);
	e = pair_of(&a, &b);
	for (unsigned int i = 0; i < 2; i++) {
		struct pbuf *pb = frame_new(a.pool, kind[i]), *got[4];

		assert_int_equal(nic_tx(e.nic[0], &pb, 1), 1);
		assert_int_equal(packets_of(&a), 1);
		assert_int_equal(nic_rx(e.nic[1], got, 4), 1);
		assert_ptr_equal(got[0]->pool, b.pool);
		assert_int_equal(got[0]->csum, kind[i]->csum);
		assert_int_equal(got[0]->gso, frame_gso(kind[i]));
		assert_frame(got[0], kind[i]);
		if (kind[i]->gso_size)
			assert_ptr_equal(pbuf_l4(got[0]),
					 got[0]->data + ETH_HDR_LEN + IPV4_HDR_LEN);
		pbuf_free(got[0]);
		assert_false(e.nic[0]->ops->arm(e.nic[0])); /* and it is freed by its owner */
		assert_int_equal(packets_of(&a), 0);
	}
	close_both(&e);
	desk_done(&a);
	desk_done(&b);
}

static void a_full_ring_takes_no_more(void **state)
{
	struct pbuf *burst[NIC_BURST];
	struct nic_stats stats;
	unsigned int sent = 0, got = 0, n;
	struct desk a, b;
	struct ends e;

	(void)state;
	desk_init(&a, LOOP_AUTO);
	desk_init(&b, LOOP_AUTO);
	e = pair_of(&a, &b);
	for (unsigned int i = 0; i < RING_LEN / NIC_BURST + 2; i++) {
		for (unsigned int j = 0; j < NIC_BURST; j++)
			burst[j] = frame_new(a.pool, &small);
		n = nic_tx(e.nic[0], burst, NIC_BURST);
		sent += n;
		for (unsigned int j = n; j < NIC_BURST; j++)
			pbuf_free(burst[j]);
	}
	assert_int_equal(sent, RING_LEN);
	nic_stats(e.nic[0], &stats);
	assert_int_equal(stats.tx_packets, RING_LEN);
	assert_int_equal(stats.tx_busy, 2 * NIC_BURST);
	while ((n = nic_rx(e.nic[1], burst, 7))) {
		got += n;
		for (unsigned int j = 0; j < n; j++)
			pbuf_free(burst[j]);
	}
	assert_int_equal(got, RING_LEN);
	burst[0] = frame_new(a.pool, &small);
	assert_int_equal(nic_tx(e.nic[0], burst, 1), 1);
	close_both(&e);
	desk_done(&a);
	desk_done(&b);
}

static void who_is_armed_is_woken_once(void **state)
{
	struct pbuf *pb, *got[2];
	struct desk a, b;
	struct ends e;

	(void)state;
	desk_init(&a, LOOP_AUTO);
	desk_init(&b, LOOP_AUTO);
	e = pair_of(&a, &b);
	assert_false(e.nic[1]->ops->arm(e.nic[1]));
	for (unsigned int i = 0; i < 3; i++) {
		pb = frame_new(a.pool, &small);
		assert_int_equal(nic_tx(e.nic[0], &pb, 1), 1);
	}
	assert_int_equal(loop_turn(b.loop, LOOP_FOREVER), 0);
	assert_int_equal(loop_turn(b.loop, 0), 0);
	assert_int_equal(b.readies, 1);
	assert_true(e.nic[1]->ops->arm(e.nic[1])); /* there is something already */
	for (unsigned int i = 0; i < 3; i++) {
		assert_int_equal(nic_rx(e.nic[1], got, 1), 1);
		pbuf_free(got[0]);
	}
	/* Who is not armed is not woken. */
	assert_false(e.nic[1]->ops->arm(e.nic[1]));
	e.nic[1]->ops->disarm(e.nic[1]);
	pb = frame_new(a.pool, &small);
	assert_int_equal(nic_tx(e.nic[0], &pb, 1), 1);
	assert_int_equal(loop_turn(b.loop, 0), 0);
	assert_int_equal(b.readies, 1);
	close_both(&e);
	desk_done(&a);
	desk_done(&b);
}

static void without_memory_a_packet_is_lost(void **state)
{
	struct pbuf *pb, *got[2];
	struct nic_stats stats;
	struct desk a, b;
	struct ends e;

	(void)state;
	desk_init(&a, LOOP_AUTO);
	desk_init(&b, LOOP_AUTO);
	e = pair_of(&a, &b);
	pbuf_pool_set_limit(b.pool, 10000);
	pb = frame_new(a.pool, &big);
	assert_int_equal(nic_tx(e.nic[0], &pb, 1), 1);
	pb = frame_new(a.pool, &small);
	assert_int_equal(nic_tx(e.nic[0], &pb, 1), 1);
	assert_int_equal(nic_rx(e.nic[1], got, 2), 1);
	assert_frame(got[0], &small);
	pbuf_free(got[0]);
	nic_stats(e.nic[1], &stats);
	assert_int_equal(stats.rx_packets, 1);
	assert_int_equal(stats.rx_no_memory, 1);
	close_both(&e);
	desk_done(&a);
	desk_done(&b);
}

static void when_one_is_closed_the_others_device_is_gone(void **state)
{
	struct pbuf *pb, *got[2];
	struct desk a, b;
	struct ends e;

	(void)state;
	for (unsigned int one_pool = 0; one_pool < 2; one_pool++) {
		struct desk *to = one_pool ? &a : &b;

		desk_init(&a, LOOP_AUTO);
		desk_init(&b, LOOP_AUTO);
		e = pair_of(&a, to);
		assert_false(e.nic[1]->ops->arm(e.nic[1]));
		pb = frame_new(a.pool, &big);
		assert_int_equal(nic_tx(e.nic[0], &pb, 1), 1);
		pb = frame_new(to->pool, &small);
		assert_int_equal(nic_tx(e.nic[1], &pb, 1), 1);
		nic_close(e.nic[0]);
		if (!one_pool)
			assert_int_equal(packets_of(&a), 0);
		assert_int_equal(loop_turn(to->loop, LOOP_FOREVER), 0);
		assert_int_equal(to->readies, 1);
		assert_true(e.nic[1]->ops->arm(e.nic[1]));
		assert_int_equal(nic_rx(e.nic[1], got, 2), 0);
		assert_int_equal(e.nic[1]->error, -ENODEV);
		assert_false(e.nic[1]->ops->arm(e.nic[1]));
		pb = frame_new(to->pool, &small);
		assert_int_equal(nic_tx(e.nic[1], &pb, 1), 0);
		pbuf_free(pb);
		nic_close(e.nic[1]);
		desk_done(&a);
		desk_done(&b);
	}
}

static void what_does_not_exist_is_refused(void **state)
{
	struct nic *a = NULL, *b = NULL;
	struct nic_env env;
	struct desk k;

	(void)state;
	desk_init(&k, LOOP_AUTO);
	env = desk_env(&k);
	assert_int_equal(nic_mem_pair(&a, &env, &b, &env, 1 << 9, 1500, &k.err), -EINVAL);
	assert_string_equal(k.err.msg, "a mem nic has no feature 0x200");
	assert_int_equal(nic_mem_pair(&a, &env, &b, &env, 0, 67, &k.err), -EINVAL);
	assert_string_equal(k.err.msg, "mtu 67 of a mem nic is out of range (68 to 65535)");
	assert_int_equal(nic_mem_pair(&a, &env, &b, &env, 0, 65536, NULL), -EINVAL);
	assert_null(a);
	assert_null(b);
	desk_done(&k);
}

/* --- two threads --- */

#define N_PACKETS 20000

/**
 * struct peer - A thread with one end
 * @engine:	Of its loop, which it makes itself
 * @close_after: Received packets, after which it goes; 0 stays to the end
 * @both:	Until both are as far
 */
struct peer {
	enum loop_engine engine;
	uint32_t close_after;
	pthread_barrier_t *both;
	struct peer *other;
	struct desk k;
	struct nic *nic;
	uint32_t sent;
	uint32_t received;
	bool ok;
	pthread_t thread;
};

/* Packet @i of a stream: its length and bytes follow from its number. */
static struct pbuf *numbered(struct peer *p, uint32_t i)
{
	static const uint16_t len[] = { 8, 60, 190, 260, 1500, 9000 };
	struct pbuf *pb = pbuf_alloc_rx(p->k.pool, 32, len[i % 6]);
	uint8_t *at = pb ? pbuf_put(pb, len[i % 6]) : NULL;

	if (!at)
		return NULL;
	memset(at, (int)(i & 0xff), len[i % 6]);
	put_be32(at, i);
	return pb;
}

static bool is_numbered(const struct pbuf *pb, uint32_t i)
{
	uint8_t b[9000];

	if (pb->len > sizeof(b) || pb->len < 8)
		return false;
	pbuf_copy_out(pb, 0, b, pb->len);
	for (uint32_t j = 4; j < pb->len; j++)
		if (b[j] != (i & 0xff))
			return false;
	return get_be32(b) == i;
}

static void peer_send(struct peer *p)
{
	struct pbuf *burst[16];
	const uint32_t want = 1 + dice_below(&p->k.d, 16);
	unsigned int n = 0, taken;

	while (n < want && p->sent + n < N_PACKETS) {
		burst[n] = numbered(p, p->sent + n);
		if (!burst[n])
			break;
		n++;
	}
	taken = n ? nic_tx(p->nic, burst, n) : 0;
	p->sent += taken;
	for (unsigned int i = taken; i < n; i++)
		pbuf_free(burst[i]);
}

static unsigned int peer_receive(struct peer *p)
{
	struct pbuf *burst[NIC_BURST];
	const unsigned int n = nic_rx(p->nic, burst, NIC_BURST);

	for (unsigned int i = 0; i < n; i++) {
		if (!is_numbered(burst[i], p->received++))
			p->ok = false;
		pbuf_free(burst[i]);
	}
	return n;
}

/* Sends while it can, and sleeps when it has nothing to do. */
static void peer_serve(struct peer *p)
{
	p->ok = true;
	while (!p->nic->error && (p->sent < N_PACKETS || p->received < N_PACKETS)) {
		const bool has_sent = p->sent == N_PACKETS;

		if (peer_receive(p) == 0 && has_sent && !p->nic->ops->arm(p->nic))
			(void)loop_turn(p->k.loop, LOOP_FOREVER); /* the condition is looked at */
		if (p->close_after && p->received >= p->close_after)
			break;
		peer_send(p);
	}
}

/* The first one makes the pair. */
static void *peer_run(void *arg)
{
	struct peer *p = arg;
	struct nic_env a, b;

	desk_init(&p->k, p->engine);
	(void)pthread_barrier_wait(p->both); /* one of them is told that it is the last */
	if (p < p->other) {
		a = desk_env(&p->k);
		b = desk_env(&p->other->k);
		if (nic_mem_pair(&p->nic, &a, &p->other->nic, &b, ALL, 9000, NULL) < 0)
			abort();
	}
	(void)pthread_barrier_wait(p->both); /* likewise */
	peer_serve(p);
	if (!p->close_after)
		(void)pthread_barrier_wait(p->both); /* likewise */
	nic_close(p->nic);
	desk_done(&p->k);
	return NULL;
}

static void two_threads(struct peer p[2])
{
	pthread_barrier_t both;

	assert_int_equal(pthread_barrier_init(&both, NULL, 2), 0);
	for (unsigned int i = 0; i < 2; i++) {
		p[i].both = &both;
		p[i].other = &p[!i];
	}
	for (unsigned int i = 0; i < 2; i++)
		assert_int_equal(pthread_create(&p[i].thread, NULL, peer_run, &p[i]), 0);
	for (unsigned int i = 0; i < 2; i++)
		assert_int_equal(pthread_join(p[i].thread, NULL), 0);
	assert_int_equal(pthread_barrier_destroy(&both), 0);
	assert_true(p[0].ok);
	assert_true(p[1].ok);
}

static void packets_cross_threads_in_order(void **state)
{
	struct peer p[2] = { { .engine = LOOP_AUTO }, { .engine = LOOP_EPOLL } };

	(void)state;
	two_threads(p);
	for (unsigned int i = 0; i < 2; i++) {
		assert_int_equal(p[i].sent, N_PACKETS);
		assert_int_equal(p[i].received, N_PACKETS);
	}
}

/* They go in the middle of it, whatever the other one does at that moment, and nothing is left of
 * either.
 */
static void an_end_may_go_at_any_time(void **state)
{
	(void)state;
	for (uint32_t round = 0; round < 50; round++) {
		struct peer p[2] = { { .close_after = 1 + 17 * round },
				     { .close_after = 1 + 13 * round } };

		two_threads(p);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_packet_of_one_pool_goes_over_itself),
		cmocka_unit_test(a_packet_of_another_pool_is_copied),
		cmocka_unit_test(a_full_ring_takes_no_more),
		cmocka_unit_test(who_is_armed_is_woken_once),
		cmocka_unit_test(without_memory_a_packet_is_lost),
		cmocka_unit_test(when_one_is_closed_the_others_device_is_gone),
		cmocka_unit_test(what_does_not_exist_is_refused),
		cmocka_unit_test(packets_cross_threads_in_order),
		cmocka_unit_test(an_end_may_go_at_any_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
