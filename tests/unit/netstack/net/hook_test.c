/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Each hook sees the packets of its place, with what is known there; it drops, changes and
 * steals them.
 */
#include "netstack/net/hook.h"

#include "tests/unit/netstack/rig.h"

static struct rig_pkt pkt;

#define FAR4 rig_ip4(10, 1, 0, 2)

/* A way through the stack that passes a hook. */
enum way {
	IN,
	THROUGH,
	OUT
};

static const struct {
	enum hook_point point;
	enum drop_reason why;
	bool sees[3]; /* by enum way */
	bool has_out;
	bool is_frame; /* data is the Ethernet header */
} places[] = {
	{ HOOK_EARLY, DROP_HOOK_EARLY, { true, true, false }, false, true },
	{ HOOK_INGRESS, DROP_HOOK_INGRESS, { true, true, false }, false, false },
	{ HOOK_PREROUTING, DROP_HOOK_PREROUTING, { true, true, false }, false, false },
	{ HOOK_INPUT, DROP_HOOK_INPUT, { true, false, false }, false, false },
	{ HOOK_FORWARD, DROP_HOOK_FORWARD, { false, true, false }, true, false },
	{ HOOK_OUTPUT, DROP_HOOK_OUTPUT, { false, false, true }, true, false },
	{ HOOK_POSTROUTING, DROP_HOOK_POSTROUTING, { false, true, true }, true, false },
};

#define N_PLACES (sizeof(places) / sizeof(*places))

static void router(struct rig *r)
{
	rig_host(r);
	(void)rig_link_add(r, IFACE_ETHERNET, RIG_MTU, 0);
	rig_addr_add(r, 1, rig_ip4(10, 1, 0, 1), 24);
	rig_neigh_add(r, 1, FAR4);
	netstack_ip_params(r->st)->ip4_forward = true;
	netstack_advance(r->st, r->now);
	rig_forget(r);
}

/* One packet that way. */
static void send_one(struct rig *r, enum way way)
{
	struct ip_flow f = { .src = ip6_addr_of_ip4(0), .dst = FAR4, .proto = 253 };
	struct ip_path path = { 0 };
	struct pbuf *pb;

	if (way == OUT) {
		pb = pbuf_alloc(netstack_pool(r->st));
		memset(pbuf_put(pb, 20), 0x33, 20);
		assert_int_equal(ip_path_find(&r->st->net, &f, &path), 0);
		(void)ip_out(&r->st->net, pb, &f, &path);
		netstack_advance(r->st, r->now);
		return;
	}
	/* To all: nobody answers that there is no such port. */
	rig_udp(r, 0, &pkt, RIG_PEER4, way == IN ? rig_ip4(10, 0, 0, 255) : FAR4, 20);
	rig_in_pkt(r, 0, &pkt);
}

static void each_hook_sees_its_packets(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < N_PLACES; i++) {
		struct rig_hook h;
		struct rig r;

		router(&r);
		rig_catch(&r, &h, places[i].point, HOOK_ACCEPT);
		for (enum way way = IN; way <= OUT; way++) {
			const unsigned int ip_at = places[i].is_frame ? ETH_HDR_LEN : 0;

			h.n = 0;
			send_one(&r, way);
			assert_int_equal(h.n, places[i].sees[way]);
			if (!places[i].sees[way])
				continue;
			assert_int_equal(h.ctx.point, places[i].point);
			assert_int_equal(h.ctx.in != NULL, way != OUT);
			assert_int_equal(h.ctx.out != NULL, places[i].has_out);
			assert_int_equal(h.first[ip_at] >> 4, 4);
			if (places[i].point >= HOOK_PREROUTING)
				assert_true(h.ctx.is_ip4);
		}
		rig_done(&r);
	}
}

static void what_a_hook_drops_is_counted(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < N_PLACES; i++) {
		struct rig_hook h;
		struct rig r;
		uint64_t n = 0;

		router(&r);
		rig_catch(&r, &h, places[i].point, HOOK_DROP);
		for (enum way way = IN; way <= OUT; way++) {
			if (!places[i].sees[way])
				continue;
			send_one(&r, way);
			assert_int_equal(rig_drops(&r, places[i].why), ++n);
			assert_int_equal(r.link[0].n + r.link[1].n, 0);
		}
		netstack_hook_set(r.st, places[i].point, NULL, NULL);
		send_one(&r, THROUGH);
		assert_int_equal(r.link[1].n, 1);
		rig_done(&r);
	}
}

static void what_a_hook_steals_is_its_own(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < N_PLACES; i++) {
		struct rig_hook h;
		struct rig r;

		router(&r);
		rig_catch(&r, &h, places[i].point, HOOK_STOLEN);
		for (enum way way = IN; way <= OUT; way++) {
			if (!places[i].sees[way])
				continue;
			send_one(&r, way);
			assert_int_equal(rig_drops(&r, places[i].why), 0);
			assert_int_equal(r.link[0].n + r.link[1].n, 0);
			assert_true(h.stolen->len >= 20);
			pbuf_free(h.stolen);
		}
		rig_done(&r);
	}
}

/* --- changes --- */

/* The first byte behind the transport header. */
static void change_payload(struct rig_hook *h, struct pbuf *pb)
{
	const uint32_t at = 28 + (h->ctx.point == HOOK_EARLY ? ETH_HDR_LEN : 0);

	assert_true(pbuf_unshare(pb, at + 1));
	pb->data[at] = 0xee;
	pb->mark = 77;
}

static void what_a_hook_changes_is_seen_behind_it(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < N_PLACES; i++) {
		struct rig_hook h;
		struct rig r;

		router(&r);
		rig_catch(&r, &h, places[i].point, HOOK_ACCEPT);
		h.change = change_payload;
		for (enum way way = THROUGH; way <= OUT; way++) {
			if (!places[i].sees[way])
				continue;
			send_one(&r, way);
			assert_int_equal(r.link[1].n, 1);
			assert_int_equal(rig_sent_ip(&r, 1, 0, true)[28], 0xee);
			rig_forget(&r);
		}
		rig_done(&r);
	}
}

static void put_addr(struct pbuf *pb, unsigned int at, uint32_t addr)
{
	assert_true(pbuf_unshare(pb, 28));
	put_be32(pb->data + at, addr);
	put_be16(pb->data + 10, 0);
	put_be16(pb->data + 10, csum_finish(csum_bytes(pb->data, 20)));
	put_be16(pb->data + 26, 0); /* UDP: no checksum */
}

static void dnat_to_far(struct rig_hook *h, struct pbuf *pb)
{
	(void)h;
	put_addr(pb, 16, IP4_ADDR(10, 1, 0, 2));
}

static void dnat_to_us(struct rig_hook *h, struct pbuf *pb)
{
	(void)h;
	put_addr(pb, 16, IP4_ADDR(10, 0, 0, 1));
}

/* Destinations that PREROUTING changes are routed as they are then. */
static void prerouting_decides_where_to(void **state)
{
	struct rig_hook h, in;
	struct rig r;

	(void)state;
	router(&r);
	rig_catch(&r, &h, HOOK_PREROUTING, HOOK_ACCEPT);
	h.change = dnat_to_far;
	send_one(&r, IN);
	assert_int_equal(r.link[1].n, 1);
	assert_int_equal(rig_sent4(&r, 1, 0).dst, IP4_ADDR(10, 1, 0, 2));
	rig_catch(&r, &in, HOOK_INPUT, HOOK_DROP);
	h.change = dnat_to_us;
	send_one(&r, THROUGH);
	assert_int_equal(in.n, 1);
	assert_int_equal(r.link[1].n, 1);
	rig_done(&r);
}

static void snat(struct rig_hook *h, struct pbuf *pb)
{
	(void)h;
	put_addr(pb, 12, IP4_ADDR(10, 1, 0, 1));
}

static void postrouting_changes_sources(void **state)
{
	struct rig_hook h;
	struct rig r;

	(void)state;
	router(&r);
	rig_catch(&r, &h, HOOK_POSTROUTING, HOOK_ACCEPT);
	h.change = snat;
	send_one(&r, THROUGH);
	assert_int_equal(rig_sent4(&r, 1, 0).src, IP4_ADDR(10, 1, 0, 1));
	rig_done(&r);
}

/* INPUT, too: what transport is told is what the header says then. */
static void snat_foreign(struct rig_hook *h, struct pbuf *pb)
{
	(void)h;
	put_addr(pb, 12, IP4_ADDR(10, 0, 0, 77));
}

static void input_changes_sources(void **state)
{
	struct rig_hook h;
	struct rig r;

	(void)state;
	router(&r);
	rig_neigh_add(&r, 0, rig_ip4(10, 0, 0, 77));
	rig_catch(&r, &h, HOOK_INPUT, HOOK_ACCEPT);
	h.change = snat_foreign;
	rig_udp(&r, 0, &pkt, RIG_PEER4, RIG_US4, 20);
	rig_in_pkt(&r, 0, &pkt); /* no such port: the answer goes where the packet came from */
	assert_int_equal(r.link[0].n, 1);
	assert_int_equal(rig_sent4(&r, 0, 0).dst, IP4_ADDR(10, 0, 0, 77));
	rig_done(&r);
}

/* --- two before the network layer --- */

static void strip_frame(struct rig_hook *h, struct pbuf *pb)
{
	(void)h;
	pbuf_trim(pb, 5);
}

static void early_may_leave_little(void **state)
{
	struct rig_hook h;
	struct rig r;

	(void)state;
	router(&r);
	rig_catch(&r, &h, HOOK_EARLY, HOOK_ACCEPT);
	h.change = strip_frame;
	send_one(&r, IN);
	assert_int_equal(rig_drops(&r, DROP_ETH_SHORT), 1);
	rig_done(&r);
}

/* Frames for other stations are seen, as by a capture. */
static void ingress_sees_frames_for_others(void **state)
{
	struct rig_hook h;
	struct rig r;

	(void)state;
	router(&r);
	rig_catch(&r, &h, HOOK_INGRESS, HOOK_ACCEPT);
	rig_udp(&r, 0, &pkt, RIG_PEER4, RIG_US4, 20);
	pkt.b[5] ^= 0x40;
	rig_in_pkt(&r, 0, &pkt);
	assert_int_equal(h.n, 1);
	assert_int_equal(h.dest, PBUF_TO_OTHER);
	assert_int_equal(rig_drops(&r, DROP_OTHER_HOST), 1);
	rig_done(&r);
}

/* From and to ourselves: all five, in their order. */
static unsigned int order[HOOK_N], n_order;

static enum hook_verdict note(void *arg, const struct hook_ctx *ctx, struct pbuf *pb)
{
	(void)arg;
	(void)pb;
	if (n_order < HOOK_N)
		order[n_order++] = ctx->point;
	return ctx->point == HOOK_INPUT ? HOOK_DROP : HOOK_ACCEPT;
}

static void packets_to_ourselves_pass_both_ways(void **state)
{
	struct ip_flow f = { .src = ip6_addr_of_ip4(0), .dst = RIG_US4, .proto = 253 };
	static const unsigned int want[] = { HOOK_OUTPUT, HOOK_POSTROUTING, HOOK_PREROUTING,
					     HOOK_INPUT };
	struct ip_path path = { 0 };
	struct rig r;

	(void)state;
	router(&r);
	n_order = 0;
	for (enum hook_point p = HOOK_EARLY; p < HOOK_N; p++)
		netstack_hook_set(r.st, p, note, NULL);
	assert_int_equal(ip_path_find(&r.st->net, &f, &path), 0);
	assert_int_equal(ip_out(&r.st->net, pbuf_alloc(netstack_pool(r.st)), &f, &path), 0);
	netstack_advance(r.st, r.now);
	assert_int_equal(n_order, 4);
	assert_memory_equal(order, want, sizeof(want));
	rig_done(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_hook_sees_its_packets),
		cmocka_unit_test(what_a_hook_drops_is_counted),
		cmocka_unit_test(what_a_hook_steals_is_its_own),
		cmocka_unit_test(what_a_hook_changes_is_seen_behind_it),
		cmocka_unit_test(prerouting_decides_where_to),
		cmocka_unit_test(postrouting_changes_sources),
		cmocka_unit_test(input_changes_sources),
		cmocka_unit_test(early_may_leave_little),
		cmocka_unit_test(ingress_sees_frames_for_others),
		cmocka_unit_test(packets_to_ourselves_pass_both_ways),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
