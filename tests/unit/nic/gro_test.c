/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "nic/gro.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "nic/gso.h"
#include "tests/unit/nic/segments.h"
#include "tests/unit/test_mem.h"
#include "wire/udp.h"

#define BURST_MAX 200

/* What came in: bytes as a wire has them. */
struct original {
	uint8_t *data;
	uint32_t len;
	bool seen;
};

struct rig {
	struct test_mem tm;
	struct pbuf_pool *pool;
	struct gro *gro;
	struct segment_spec next; /* of the flow a test is about */
	bool is_ip;
	struct pbuf *burst[BURST_MAX];
	struct original original[BURST_MAX];
	unsigned int n;
	unsigned int n_originals;
	struct dice dice;
};

static uint8_t frame[SEGMENT_LEN_MAX];

static void rig_init(struct rig *r, bool is_ip4)
{
	memset(r, 0, sizeof(*r));
	r->tm = TEST_MEM_INIT(&r->tm);
	r->dice.state = 7;
	assert_int_equal(pbuf_pool_new(&r->pool, &r->tm.mem, UINT64_C(64) << 20), 0);
	assert_int_equal(gro_new(&r->gro, &r->tm.mem), 0);
	r->next = (struct segment_spec){
		.is_ip4 = is_ip4,
		.src = 2,
		.ttl = 64,
		.tos = 2,
		.id = 0xfffe,
		.dont_frag = true,
		.flow = 0x12345,
		.src_port = 80,
		.dst_port = 40000,
		.seq = 0xfffff000,
		.ack = 77,
		.flags = TCP_ACK,
		.wnd = 500,
		.opts_len = 12,
		.opts = { 1, 1, 8, 10, 0, 0, 1, 2, 0, 0, 3, 4 },
		.len = 1448,
	};
}

static void rig_forget(struct rig *r)
{
	for (unsigned int i = 0; i < r->n; i++)
		pbuf_free(r->burst[i]);
	for (unsigned int i = 0; i < r->n_originals; i++)
		free(r->original[i].data);
	r->n = 0;
	r->n_originals = 0;
}

static void rig_done(struct rig *r)
{
	struct pbuf_pool_stats stats;

	rig_forget(r);
	pbuf_pool_stats(r->pool, &stats);
	assert_int_equal(stats.pbufs, 0);
	assert_int_equal(stats.blocks, 0);
	gro_free(r->gro);
	pbuf_pool_free(r->pool);
	test_mem_done(&r->tm);
}

static void note(struct rig *r, const uint8_t *p, uint32_t len)
{
	struct original *o = &r->original[r->n_originals++];

	assert_true(r->n_originals <= BURST_MAX);
	o->data = malloc(len + 1);
	assert_non_null(o->data);
	memcpy(o->data, p, len);
	o->len = segment_normal(o->data, len, r->is_ip);
	o->seen = false;
}

static struct pbuf *add_bytes(struct rig *r, const uint8_t *p, uint32_t len)
{
	struct pbuf *pb = segment_pbuf(r->pool, p, len, len);

	assert_non_null(pb);
	note(r, p, len);
	assert_true(r->n < BURST_MAX);
	r->burst[r->n++] = pb;
	return pb;
}

static struct pbuf *add(struct rig *r, const struct segment_spec *s)
{
	uint32_t l4;
	const uint32_t len = segment_build(s, frame, false, &l4);

	return add_bytes(r, frame, len);
}

/* The next segment of the flow. */
static struct pbuf *add_next(struct rig *r)
{
	struct pbuf *pb = add(r, &r->next);

	r->next.seq += r->next.len;
	r->next.id++;
	return pb;
}

/* Many of them as one packet, as a device gives it. */
static struct pbuf *add_many(struct rig *r, uint32_t gso_size, uint32_t len)
{
	struct segment_spec s = r->next;
	uint32_t l4, frame_len;
	struct pbuf *pb;

	for (uint32_t done = 0; done < len; done += s.len) {
		s.len = gso_size < len - done ? gso_size : len - done;
		s.seq = r->next.seq + done;
		note(r, frame, segment_build(&s, frame, false, &l4));
		s.id++;
	}
	s = r->next;
	s.len = len;
	frame_len = segment_build(&s, frame, true, &l4);
	pb = segment_pbuf(r->pool, frame, frame_len, frame_len);
	assert_non_null(pb);
	pb->l4 = (uint16_t)(pbuf_headroom(pb) + l4);
	pb->csum = PBUF_CSUM_PARTIAL;
	pb->csum_offset = TCP_CSUM_OFFSET;
	pb->gso = s.is_ip4 ? PBUF_GSO_TCP4 : PBUF_GSO_TCP6;
	pb->gso_size = (uint16_t)gso_size;
	r->burst[r->n++] = pb;
	r->next.seq += len;
	r->next.id = (uint16_t)(r->next.id + (len + gso_size - 1) / gso_size);
	return pb;
}

static void go(struct rig *r)
{
	r->n = gro_burst(r->gro, r->burst, r->n, r->is_ip);
}

/* The first one of this flow that has not been seen yet is this frame; @flow is what makes one. */
static bool same_flow(const uint8_t *a, const uint8_t *b, uint32_t len_a, uint32_t len_b, bool ip)
{
	struct l4_repr x, y;

	if ((ip ? l4_find_ip(a, len_a, &x) : l4_find(a, len_a, &x)) < 0 ||
	    (ip ? l4_find_ip(b, len_b, &y) : l4_find(b, len_b, &y)) < 0)
		return false;
	return x.proto == y.proto && x.has_ports && y.has_ports && x.src_port == y.src_port &&
	       x.dst_port == y.dst_port && x.ip_version == y.ip_version;
}

static void check_frame(struct rig *r, struct pbuf *pb)
{
	static uint8_t bytes[SEGMENT_LEN_MAX];
	uint32_t len;

	pbuf_finish_csum(pb);
	pbuf_copy_out(pb, 0, bytes, pb->len);
	len = segment_normal(bytes, pb->len, r->is_ip);
	for (unsigned int i = 0; i < r->n_originals; i++) {
		struct original *o = &r->original[i];

		if (o->seen)
			continue;
		if (o->len == len && memcmp(o->data, bytes, len) == 0) {
			o->seen = true;
			return;
		}
		if (same_flow(o->data, bytes, o->len, len, r->is_ip))
			break;
	}
	fail_msg("a frame of %u bytes is none of those that came in, or in another order", len);
}

/* A packet by itself is one: lengths and sums are right. */
static void check_whole(struct rig *r, const struct pbuf *pb)
{
	static uint8_t bytes[SEGMENT_LEN_MAX];
	struct l4_repr l4;
	uint64_t sum;
	uint8_t *ip;

	pbuf_copy_out(pb, 0, bytes, pb->len);
	assert_true((r->is_ip ? l4_find_ip(bytes, pb->len, &l4) : l4_find(bytes, pb->len, &l4)) >
		    0);
	ip = bytes + (r->is_ip ? 0 : l4.l3_at);
	assert_int_equal(l4.l4_at + l4.l4_len, pb->len);
	assert_ptr_equal(pb->base + pb->l4, pb->data + l4.l4_at);
	assert_ptr_equal(pb->base + pb->l3, pb->data + (ip - bytes));
	assert_int_equal(pb->csum, PBUF_CSUM_PARTIAL);
	assert_int_equal(pb->csum_offset, TCP_CSUM_OFFSET);
	assert_int_equal(pb->gso, l4.ip_version == 4 ? PBUF_GSO_TCP4 : PBUF_GSO_TCP6);
	if (l4.ip_version == 4) {
		assert_true(ipv4_csum_ok(ip, IPV4_HDR_LEN));
		sum = csum_pseudo4(get_be32(ip + 12), get_be32(ip + 16), IP_PROTO_TCP, l4.l4_len);
	} else {
		sum = csum_pseudo6(ip6_addr_get(ip + 8), ip6_addr_get(ip + 24), IP_PROTO_TCP,
				   l4.l4_len);
	}
	assert_int_equal(get_be16(bytes + l4.l4_at + TCP_CSUM_OFFSET), csum_fold(sum));
}

/* What is in the burst now, cut again, is what came in, each flow in its order. */
static void check(struct rig *r)
{
	for (unsigned int i = 0; i < r->n; i++) {
		struct pbuf *pb = r->burst[i];
		struct pbuf_queue q;

		pbuf_queue_init(&q);
		if (pb->gso == PBUF_GSO_NONE) {
			check_frame(r, pb);
			continue;
		}
		if (pb->csum == PBUF_CSUM_PARTIAL && pb->l3 != PBUF_NO_OFFSET)
			check_whole(r, pb);
		else
			pb->l3 = (uint16_t)(pb->l4 - (r->next.is_ip4 ? 20 : 40)); /* untouched */
		r->burst[i] = NULL;
		assert_true(gso_cut(pb, &q) > 0);
		while ((pb = pbuf_queue_take(&q))) {
			check_frame(r, pb);
			pbuf_free(pb);
		}
	}
	for (unsigned int i = 0; i < r->n_originals; i++)
		assert_true(r->original[i].seen);
}

/* --- merging --- */

static void segments_that_follow_each_other_become_one(void **state)
{
	(void)state;
	for (unsigned int kind = 0; kind < 8; kind++) {
		struct rig r;

		rig_init(&r, kind & 1);
		r.next.is_ip = r.is_ip = kind >> 1 == 1;
		r.next.n_vlans = (uint8_t)(kind >> 1 > 1 ? (kind >> 1) - 1 : 0);
		for (unsigned int i = 0; i < 10; i++)
			(void)add_next(&r);
		go(&r);
		assert_int_equal(r.n, 1);
		assert_int_equal(r.burst[0]->gso_size, 1448);
		assert_false(r.burst[0]->gso_ecn);
		check(&r);
		rig_done(&r);
	}
}

static void a_short_one_and_psh_and_fin_end_it(void **state)
{
	static const struct {
		uint32_t len;
		uint16_t flags;
	} last[] = {
		{ 1447, TCP_ACK },
		{ 1, TCP_ACK },
		{ 1448, TCP_ACK | TCP_PSH },
		{ 1448, TCP_ACK | TCP_FIN },
		{ 100, TCP_ACK | TCP_PSH | TCP_FIN },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(last) / sizeof(*last); i++) {
		struct rig r;

		rig_init(&r, i & 1);
		for (unsigned int k = 0; k < 6; k++) {
			r.next.len = k == 2 ? last[i].len : 1448;
			r.next.flags = k == 2 ? last[i].flags : TCP_ACK;
			(void)add_next(&r);
		}
		go(&r);
		assert_int_equal(r.n, 2);
		assert_int_equal(r.burst[0]->len + 1448, r.burst[1]->len + last[i].len);
		check(&r);
		rig_done(&r);
	}
}

static void one_that_says_it_is_the_last_is_not_continued(void **state)
{
	struct rig r;

	(void)state;
	rig_init(&r, true);
	r.next.flags = TCP_ACK | TCP_PSH;
	for (unsigned int i = 0; i < 3; i++)
		(void)add_next(&r);
	go(&r);
	assert_int_equal(r.n, 3);
	check(&r);
	rig_done(&r);
}

static void longer_than_the_first_is_not_merged(void **state)
{
	struct rig r;

	(void)state;
	rig_init(&r, true);
	r.next.len = 1000;
	(void)add_next(&r);
	r.next.len = 1001;
	(void)add_next(&r);
	(void)add_next(&r);
	go(&r);
	assert_int_equal(r.n, 2);
	check(&r);
	rig_done(&r);
}

/* Smaller segments nobody would cut again for us. */
static void very_small_segments_stay_alone(void **state)
{
	struct rig r;

	(void)state;
	rig_init(&r, true);
	r.next.len = 7;
	(void)add_next(&r);
	(void)add_next(&r);
	r.next.len = 8;
	(void)add_next(&r);
	(void)add_next(&r);
	go(&r);
	assert_int_equal(r.n, 3);
	check(&r);
	rig_done(&r);
}

static void cwr_is_for_the_first_only(void **state)
{
	struct rig r;

	(void)state;
	rig_init(&r, true);
	r.next.flags = TCP_ACK | TCP_CWR | TCP_ECE;
	(void)add_next(&r);
	r.next.flags = TCP_ACK | TCP_ECE;
	(void)add_next(&r);
	(void)add_next(&r);
	r.next.flags = TCP_ACK | TCP_CWR | TCP_ECE;
	(void)add_next(&r);
	go(&r);
	assert_int_equal(r.n, 2);
	assert_true(r.burst[0]->gso_ecn);
	assert_int_equal(r.burst[1]->gso, PBUF_GSO_NONE);
	check(&r);
	rig_done(&r);
}

/* --- what is not the same --- */

static void ttl(struct segment_spec *s)
{
	s->ttl--;
}

static void tos(struct segment_spec *s)
{
	s->tos |= IP_ECN_CE;
}

static void dont_frag(struct segment_spec *s)
{
	s->dont_frag = false;
}

static void flow_label(struct segment_spec *s)
{
	s->flow++;
}

static void ack(struct segment_spec *s)
{
	s->ack++;
}

static void wnd(struct segment_spec *s)
{
	s->wnd++;
}

static void urgent_pointer(struct segment_spec *s)
{
	s->urg = 1;
}

static void options(struct segment_spec *s)
{
	s->opts[7]++;
}

static void options_len(struct segment_spec *s)
{
	s->opts_len = 0;
}

static void sender(struct segment_spec *s)
{
	s->mac++;
}

static void vlan(struct segment_spec *s)
{
	s->n_vlans = 1;
}

static void gap(struct segment_spec *s)
{
	s->seq++;
}

static void overlap(struct segment_spec *s)
{
	s->seq--;
}

static void port(struct segment_spec *s)
{
	s->src_port++;
}

static void host(struct segment_spec *s)
{
	s->src++;
}

static void syn(struct segment_spec *s)
{
	s->flags |= TCP_SYN;
}

static void rst(struct segment_spec *s)
{
	s->flags |= TCP_RST;
}

static void urg(struct segment_spec *s)
{
	s->flags |= TCP_URG;
}

static void ece(struct segment_spec *s)
{
	s->flags |= TCP_ECE;
}

static void accurate_ecn(struct segment_spec *s)
{
	s->flags |= TCP_AE;
}

static void no_ack(struct segment_spec *s)
{
	s->flags &= (uint16_t)~TCP_ACK;
}

static void no_data(struct segment_spec *s)
{
	s->len = 0;
}

static void pure_fin(struct segment_spec *s)
{
	s->len = 0;
	s->flags |= TCP_FIN;
}

static void segments_that_differ_stay_apart(void **state)
{
	static const struct {
		void (*change)(struct segment_spec *s);
		bool not_ip4;
		bool not_ip6;
	} how[] = {
		{ ttl, false, false },
		{ tos, false, false },
		{ dont_frag, false, true },
		{ flow_label, true, false },
		{ ack, false, false },
		{ wnd, false, false },
		{ urgent_pointer, false, false },
		{ options, false, false },
		{ options_len, false, false },
		{ sender, false, false },
		{ vlan, false, false },
		{ gap, false, false },
		{ overlap, false, false },
		{ port, false, false },
		{ host, false, false },
		{ syn, false, false },
		{ rst, false, false },
		{ urg, false, false },
		{ ece, false, false },
		{ accurate_ecn, false, false },
		{ no_ack, false, false },
		{ no_data, false, false },
		{ pure_fin, false, false },
	};

	(void)state;
	for (unsigned int i = 0; i < 2 * sizeof(how) / sizeof(*how); i++) {
		const bool is_ip4 = i & 1;
		struct segment_spec other;
		struct rig r;

		if (is_ip4 ? how[i / 2].not_ip4 : how[i / 2].not_ip6)
			continue;
		rig_init(&r, is_ip4);
		(void)add_next(&r);
		other = r.next;
		how[i / 2].change(&other);
		(void)add(&r, &other);
		go(&r);
		assert_int_equal(r.n, 2);
		assert_int_equal(r.burst[0]->gso, PBUF_GSO_NONE);
		check(&r);
		rig_done(&r);
	}
}

/* RFC 6864: without DF they say which fragments belong together. */
static void identifications_count_without_df_only(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < 4; i++) {
		const bool df = i & 1, steps = i & 2;
		struct rig r;

		rig_init(&r, true);
		r.next.dont_frag = df;
		for (unsigned int k = 0; k < 3; k++) {
			(void)add_next(&r);
			if (!steps)
				r.next.id += 5;
		}
		go(&r);
		assert_int_equal(r.n, df || steps ? 1 : 3);
		check(&r);
		rig_done(&r);
	}
}

/* --- order --- */

/* A pure ACK in between would come too late, or the data too early. */
static void nothing_is_overtaken_within_a_flow(void **state)
{
	struct segment_spec pure;
	struct rig r;

	(void)state;
	rig_init(&r, true);
	(void)add_next(&r);
	(void)add_next(&r);
	pure = r.next;
	pure.len = 0;
	(void)add(&r, &pure);
	(void)add_next(&r);
	(void)add_next(&r);
	go(&r);
	assert_int_equal(r.n, 3);
	assert_int_equal(r.burst[1]->gso, PBUF_GSO_NONE);
	check(&r);
	rig_done(&r);
}

/* Fragments and packets with options may be of any flow. */
static void what_cannot_be_told_stops_all(void **state)
{
	(void)state;
	for (unsigned int kind = 0; kind < 3; kind++) {
		const bool is_ip4 = kind < 2;
		struct segment_spec s;
		struct rig r;
		uint32_t len, l4;

		rig_init(&r, is_ip4);
		(void)add_next(&r);
		s = r.next;
		len = segment_build(&s, frame, false, &l4);
		if (kind == 0) {
			ipv4_put16(frame + 14, 6, 0x2000);
		} else if (kind == 1) {
			ipv4_put16(frame + 14, 0, 0x4602);
			frame[14 + IPV4_HDR_LEN] ^= 1; /* the ports are elsewhere now */
		} else {
			frame[14 + 6] = IP_PROTO_DSTOPTS;
		}
		(void)add_bytes(&r, frame, len);
		(void)add_next(&r);
		go(&r);
		assert_int_equal(r.n, 3);
		rig_done(&r);
	}
}

static void flows_do_not_disturb_each_other(void **state)
{
	struct segment_spec flow[20];
	struct rig r;

	(void)state;
	rig_init(&r, true);
	for (unsigned int i = 0; i < 20; i++) {
		flow[i] = r.next;
		flow[i].is_ip4 = i % 3;
		flow[i].src = (uint8_t)(2 + i % 4);
		flow[i].src_port = (uint16_t)(1000 + i);
		flow[i].len = 100 + i;
	}
	for (unsigned int k = 0; k < 3; k++) {
		for (unsigned int i = 0; i < 20; i++) {
			(void)add(&r, &flow[i]);
			flow[i].seq += flow[i].len;
		}
	}
	go(&r);
	assert_int_equal(r.n, 20);
	for (unsigned int i = 0; i < 20; i++)
		assert_int_equal(r.burst[i]->gso_size, 100 + i);
	check(&r);
	rig_done(&r);
}

static void udp_and_all_else_passes(void **state)
{
	struct rig r;
	uint32_t len, l4;

	(void)state;
	rig_init(&r, true);
	for (unsigned int i = 0; i < 4; i++) {
		len = segment_build(&r.next, frame, false, &l4);
		frame[14 + 9] = i & 1 ? IP_PROTO_UDP : 132;
		ipv4_put16(frame + 14, 10, 0);
		(void)add_bytes(&r, frame, len);
		memset(frame + 12, i, 2);
		(void)add_bytes(&r, frame, 14 + 3 * i);
		(void)add_next(&r);
	}
	go(&r);
	assert_int_equal(r.n, 4 * 2 + 1);
	rig_done(&r);
}

/* --- checksums --- */

static void a_wrong_checksum_is_not_made_right(void **state)
{
	struct gro_stats stats;
	struct rig r;
	uint32_t len, l4;

	(void)state;
	for (unsigned int bad = 0; bad < 3; bad++) {
		rig_init(&r, true);
		for (unsigned int i = 0; i < 3; i++) {
			len = segment_build(&r.next, frame, false, &l4);
			frame[len - 1] ^= i == bad;
			(void)add_bytes(&r, frame, len);
			r.next.seq += r.next.len;
		}
		go(&r);
		assert_int_equal(r.n, bad == 1 ? 3 : 2);
		gro_stats(r.gro, &stats);
		assert_int_equal(stats.packets, 3);
		assert_int_equal(stats.merged, bad == 1 ? 0 : 1);
		assert_in_range(stats.bad_csum, 1, 1);
		check(&r);
		rig_done(&r);
	}
}

static void a_wrong_one_does_not_stop_the_right_one_behind_it(void **state)
{
	struct rig r;
	uint32_t len, l4;

	(void)state;
	rig_init(&r, true);
	(void)add_next(&r);
	len = segment_build(&r.next, frame, false, &l4);
	frame[len - 1] ^= 1;
	(void)add_bytes(&r, frame, len);
	(void)add_next(&r);
	go(&r);
	assert_int_equal(r.n, 2);
	assert_int_equal(r.burst[1]->csum, PBUF_CSUM_NONE);
	rig_done(&r);
}

static void what_the_device_verified_is_not_summed_again(void **state)
{
	struct rig r;
	uint32_t len, l4;

	(void)state;
	rig_init(&r, true);
	for (unsigned int i = 0; i < 3; i++) {
		len = segment_build(&r.next, frame, false, &l4);
		frame[l4 + TCP_CSUM_OFFSET] ^= 1;
		(void)add_bytes(&r, frame, len);
		r.burst[i]->csum = PBUF_CSUM_VALID;
		r.next.seq += r.next.len;
	}
	go(&r);
	assert_int_equal(r.n, 1);
	rig_done(&r);
}

static void a_wrong_header_is_not_made_right(void **state)
{
	struct rig r;
	uint32_t len, l4;

	(void)state;
	for (unsigned int bad = 0; bad < 2; bad++) {
		rig_init(&r, true);
		for (unsigned int i = 0; i < 2; i++) {
			len = segment_build(&r.next, frame, false, &l4);
			frame[14 + 10] ^= i == bad;
			(void)add_bytes(&r, frame, len);
			r.next.seq += r.next.len;
		}
		go(&r);
		assert_int_equal(r.n, 2);
		check(&r);
		rig_done(&r);
	}
}

/* A sum that a device is to finish, of a header that is not TCP's, or not the right one. */
static void unfinished_checksums_are_merged_when_they_are_tcps(void **state)
{
	(void)state;
	for (unsigned int kind = 0; kind < 4; kind++) {
		struct rig r;

		rig_init(&r, kind & 1);
		for (unsigned int i = 0; i < 3; i++) {
			uint32_t l4;
			const uint32_t len = segment_build(&r.next, frame, true, &l4);
			struct pbuf *pb = segment_pbuf(r.pool, frame, len, len);

			assert_non_null(pb);
			pb->csum = PBUF_CSUM_PARTIAL;
			pb->csum_offset = TCP_CSUM_OFFSET;
			pb->l4 = (uint16_t)(pbuf_headroom(pb) + l4);
			if (kind == 2)
				pb->l4 += 20;
			if (kind == 3)
				pb->data[l4 + TCP_CSUM_OFFSET] ^= 1;
			r.burst[r.n++] = pb;
			(void)segment_build(&r.next, frame, false, &l4);
			note(&r, frame, len);
			r.next.seq += r.next.len;
		}
		go(&r);
		assert_int_equal(r.n, kind < 2 ? 1 : 3);
		if (kind < 2)
			check(&r);
		rig_done(&r);
	}
}

/* --- limits --- */

static void packets_have_so_many_pieces(void **state)
{
	struct rig r;

	(void)state;
	rig_init(&r, true);
	for (unsigned int i = 0; i < 40; i++)
		(void)add_next(&r);
	go(&r);
	assert_int_equal(r.n, 3); /* 19, 19, 2 */
	for (unsigned int i = 0; i < r.n; i++)
		assert_true(r.burst[i]->n_frags <= PBUF_FRAGS_MAX);
	check(&r);
	rig_done(&r);
}

static void the_longest_packet_is_that_of_ip(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < 4; i++) {
		const bool is_ip4 = i & 1;
		const unsigned int more = i >> 1;
		struct rig r;

		rig_init(&r, is_ip4);
		r.next.len = 30000;
		(void)add_next(&r);
		(void)add_next(&r);
		r.next.len = 65535 - (is_ip4 ? 20 : 40) - 20 - 12 - 60000 + more;
		(void)add_next(&r);
		go(&r);
		assert_int_equal(r.n, 1 + more);
		check(&r);
		rig_done(&r);
	}
}

static void long_bursts_are_merged_part_by_part(void **state)
{
	struct rig r;

	(void)state;
	rig_init(&r, true);
	r.next.len = 300;
	for (unsigned int i = 0; i < 150; i++)
		(void)add_next(&r);
	go(&r);
	assert_in_range(r.n, 9, 12);
	check(&r);
	rig_done(&r);
}

/* --- packets as devices give them --- */

static void packets_to_be_cut_are_continued(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < 2; i++) {
		struct rig r;

		rig_init(&r, i);
		r.next.dont_frag = false;
		(void)add_many(&r, 1448, 10 * 1448);
		(void)add_next(&r);
		(void)add_many(&r, 1448, 5 * 1448);
		(void)add_many(&r, 1000, 3000);
		(void)add_many(&r, 1000, 1500);
		(void)add_many(&r, 1000, 2000);
		go(&r);
		assert_int_equal(r.n, 3);
		assert_int_equal(r.burst[0]->gso_size, 1448);
		assert_int_equal(r.burst[1]->gso_size, 1000);
		check(&r);
		rig_done(&r);
	}
}

/* CWR in each segment of a packet is something a longer one could not say. */
static void cwr_in_all_segments_is_left_alone(void **state)
{
	struct rig r;

	(void)state;
	for (unsigned int ecn = 0; ecn < 2; ecn++) {
		rig_init(&r, true);
		r.next.flags |= TCP_CWR;
		add_many(&r, 1448, 2 * 1448)->gso_ecn = ecn;
		r.next.flags = TCP_ACK;
		(void)add_next(&r);
		go(&r);
		assert_int_equal(r.n, ecn ? 1 : 2);
		rig_done(&r);
	}
}

static void padding_is_no_data(void **state)
{
	struct rig r;

	(void)state;
	rig_init(&r, true);
	r.next.opts_len = 0;
	r.next.len = 4 + 4;
	r.next.pad = 10;
	for (unsigned int i = 0; i < 3; i++)
		(void)add_next(&r);
	go(&r);
	assert_int_equal(r.n, 1);
	check(&r);
	rig_done(&r);
}

/* A sum that goes to the end of the packet would be another one without it. */
static void padding_under_an_unfinished_checksum_stays(void **state)
{
	struct rig r;

	(void)state;
	rig_init(&r, true);
	for (unsigned int i = 0; i < 3; i++) {
		struct pbuf *pb;
		uint32_t len, l4;

		r.next.pad = 6;
		len = segment_build(&r.next, frame, true, &l4);
		pb = add_bytes(&r, frame, len);
		pb->csum = PBUF_CSUM_PARTIAL;
		pb->csum_offset = TCP_CSUM_OFFSET;
		pb->l4 = (uint16_t)(pbuf_headroom(pb) + l4);
		r.next.seq += r.next.len;
	}
	go(&r);
	assert_int_equal(r.n, 3);
	rig_done(&r);
}

static void marks_of_the_filter_stay_apart(void **state)
{
	struct rig r;

	(void)state;
	rig_init(&r, true);
	for (uint32_t i = 0; i < 4; i++)
		add_next(&r)->mark = i / 2;
	go(&r);
	assert_int_equal(r.n, 2);
	assert_int_equal(r.burst[1]->mark, 1);
	check(&r);
	rig_done(&r);
}

/* Of blocks that others refer to: headers are copied before they are changed. */
static void shared_memory_is_not_written_to(void **state)
{
	struct pbuf *clone[3];
	struct rig r;

	(void)state;
	rig_init(&r, true);
	for (unsigned int i = 0; i < 3; i++) {
		clone[i] = pbuf_clone(add_next(&r));
		assert_non_null(clone[i]);
	}
	go(&r);
	assert_int_equal(r.n, 1);
	check(&r);
	for (unsigned int i = 0; i < 3; i++) {
		r.original[i].seen = false;
		check_frame(&r, clone[i]);
		pbuf_free(clone[i]);
	}
	rig_done(&r);
}

static void headers_in_pieces_are_read(void **state)
{
	struct rig r;

	(void)state;
	for (uint32_t linear = 0; linear < 80; linear += 7) {
		rig_init(&r, true);
		for (unsigned int i = 0; i < 3; i++) {
			uint32_t l4;
			const uint32_t len = segment_build(&r.next, frame, false, &l4);

			note(&r, frame, len);
			r.burst[r.n] = segment_pbuf(r.pool, frame, len, linear);
			assert_non_null(r.burst[r.n++]);
			r.next.seq += r.next.len;
		}
		go(&r);
		assert_int_equal(r.n, 1);
		check(&r);
		rig_done(&r);
	}
}

static void without_memory_packets_stay_as_they_are(void **state)
{
	(void)state;
	for (uint64_t limit = 0; limit < 40; limit++) {
		struct pbuf_pool_stats stats;
		struct pbuf *clone;
		struct rig r;

		rig_init(&r, true);
		clone = pbuf_clone(add_next(&r)); /* what has to be copied */
		for (unsigned int i = 0; i < 8; i++)
			(void)add_next(&r);
		pbuf_pool_stats(r.pool, &stats);
		pbuf_pool_set_limit(r.pool, stats.bytes + limit * 64);
		go(&r);
		pbuf_pool_set_limit(r.pool, UINT64_C(64) << 20);
		check(&r);
		pbuf_free(clone);
		rig_done(&r);
	}
}

/* --- anything --- */

static void change(struct dice *d, struct segment_spec *s)
{
	switch (dice_below(d, 24)) {
	case 0:
		s->flags |= TCP_PSH;
		break;
	case 1:
		s->flags |= (uint16_t)(1U << dice_below(d, 9));
		break;
	case 2:
		s->ack += dice_below(d, 3);
		break;
	case 3:
		s->len = dice_below(d, 2000);
		break;
	case 4:
		s->seq += dice_below(d, 5) - 2;
		break;
	case 5:
		s->len = 0;
		break;
	case 6:
		s->ttl ^= 1;
		break;
	case 7:
		s->id += 3;
		break;
	default:
		break;
	}
}

static void whatever_comes_is_the_same_when_it_is_cut_again(void **state)
{
	struct gro_stats stats = { 0 };
	struct segment_spec flow[5];
	struct rig r;

	(void)state;
	for (unsigned int seed = 0; seed < 400; seed++) {
		unsigned int n;

		rig_init(&r, true);
		r.dice.state = seed * 7919 + 1;
		for (unsigned int i = 0; i < 5; i++) {
			flow[i] = r.next;
			flow[i].is_ip4 = i & 1;
			flow[i].src_port = (uint16_t)(i / 2);
			flow[i].dont_frag = i & 2;
			flow[i].len = dice_below(&r.dice, 1460) + 1;
		}
		n = dice_below(&r.dice, 100) + 1;
		for (unsigned int i = 0; i < n; i++) {
			struct segment_spec *f = &flow[dice_below(&r.dice, 1 + seed % 5)];
			struct segment_spec s = *f;

			change(&r.dice, &s);
			(void)add(&r, &s);
			f->seq = s.seq + s.len;
			f->id = (uint16_t)(s.id + 1);
		}
		go(&r);
		check(&r);
		gro_stats(r.gro, &stats);
		assert_int_equal(stats.packets - stats.merged, r.n);
		rig_done(&r);
	}
}

static void it_is_freed_and_may_be_missing(void **state)
{
	struct test_mem tm = TEST_MEM_INIT(&tm);
	struct gro *g;

	(void)state;
	tm.fail_in = 1;
	assert_int_equal(gro_new(&g, &tm.mem), -ENOMEM);
	gro_free(NULL);
	assert_int_equal(gro_new(&g, &tm.mem), 0);
	assert_int_equal(gro_burst(g, NULL, 0, false), 0);
	gro_free(g);
	test_mem_done(&tm);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(segments_that_follow_each_other_become_one),
		cmocka_unit_test(a_short_one_and_psh_and_fin_end_it),
		cmocka_unit_test(one_that_says_it_is_the_last_is_not_continued),
		cmocka_unit_test(longer_than_the_first_is_not_merged),
		cmocka_unit_test(very_small_segments_stay_alone),
		cmocka_unit_test(cwr_is_for_the_first_only),
		cmocka_unit_test(segments_that_differ_stay_apart),
		cmocka_unit_test(identifications_count_without_df_only),
		cmocka_unit_test(nothing_is_overtaken_within_a_flow),
		cmocka_unit_test(what_cannot_be_told_stops_all),
		cmocka_unit_test(flows_do_not_disturb_each_other),
		cmocka_unit_test(udp_and_all_else_passes),
		cmocka_unit_test(a_wrong_checksum_is_not_made_right),
		cmocka_unit_test(a_wrong_one_does_not_stop_the_right_one_behind_it),
		cmocka_unit_test(what_the_device_verified_is_not_summed_again),
		cmocka_unit_test(a_wrong_header_is_not_made_right),
		cmocka_unit_test(unfinished_checksums_are_merged_when_they_are_tcps),
		cmocka_unit_test(packets_have_so_many_pieces),
		cmocka_unit_test(the_longest_packet_is_that_of_ip),
		cmocka_unit_test(long_bursts_are_merged_part_by_part),
		cmocka_unit_test(packets_to_be_cut_are_continued),
		cmocka_unit_test(cwr_in_all_segments_is_left_alone),
		cmocka_unit_test(padding_is_no_data),
		cmocka_unit_test(padding_under_an_unfinished_checksum_stays),
		cmocka_unit_test(marks_of_the_filter_stay_apart),
		cmocka_unit_test(shared_memory_is_not_written_to),
		cmocka_unit_test(headers_in_pieces_are_read),
		cmocka_unit_test(without_memory_packets_stay_as_they_are),
		cmocka_unit_test(whatever_comes_is_the_same_when_it_is_cut_again),
		cmocka_unit_test(it_is_freed_and_may_be_missing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
