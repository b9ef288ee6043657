/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "netstack/net/reass.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "netstack/net/frag.h"
#include "tests/unit/netstack/net/ip_sample.h"

/**
 * struct world - Reassembly with a clock, and what it said
 * @expired:	Calls of the callback
 * @quoted:	First bytes of the packet of the last one
 */
struct world {
	struct core_fixture f;
	struct ip_params params;
	struct ip_stats stats;
	struct reass_table r;
	unsigned expired;
	uint8_t quoted[8];
};

static struct ip_sample sample;

static void on_expired(void *arg, struct pbuf *first)
{
	struct world *w = arg;

	w->expired++;
	assert_ptr_equal(pbuf_l3(first), first->data);
	pbuf_copy_out(first, 0, w->quoted, sizeof(w->quoted));
}

static struct world *current; /* of the test that runs: the wheel only knows the core */

static void on_timer(void *arg, struct timer *t)
{
	(void)arg;
	reass_timer(&current->r, t);
}

static void world_init(struct world *w, uint64_t seed)
{
	memset(w, 0, sizeof(*w));
	core_fixture_init(&w->f, seed);
	w->f.c.wheel.handler[TIMER_REASS] = on_timer;
	ip_params_default(&w->params);
	reass_init(&w->r, &w->f.c, &w->params, &w->stats, on_expired, w);
	current = w;
}

static void world_done(struct world *w)
{
	reass_done(&w->r);
	assert_int_equal(w->r.bytes, 0);
	core_fixture_done(&w->f);
}

static uint64_t drops(const struct world *w, enum drop_reason why)
{
	return w->f.c.drops[why];
}

/* --- fragments in --- */

static struct pbuf *in4(struct world *w, struct pbuf *pb)
{
	struct ipv4_repr ip = { .id = 0 };

	assert_true(pbuf_pullup(pb, IPV4_HDR_LEN));
	assert_true(ipv4_parse(pb->data, pb->len, &ip) > 0);
	assert_true(pbuf_pullup(pb, IPV4_HDR_LEN + ip.opts_len));
	pbuf_mark_l3(pb);
	return reass4_in(&w->r, pb, &ip);
}

static struct pbuf *in6(struct world *w, struct pbuf *pb, enum ipv6_report want)
{
	struct ipv6_problem problem;
	struct ipv6_ext ext = { .proto = 0 };
	struct ipv6_repr ip = { .hop_limit = 0 };
	struct pbuf *whole;
	int n;

	assert_true(pbuf_pullup(pb, pb->len)); /* its length is looked at */
	assert_int_equal(ipv6_parse(pb->data, pb->len, &ip), IPV6_HDR_LEN);
	n = ipv6_ext_parse(pb->data, pb->linear, ip.next_hdr, &ext, &problem);
	assert_true(n > 0);
	assert_true(ext.is_fragment);
	pbuf_mark_l3(pb);
	problem.report = IPV6_REPORT_ALWAYS;
	whole = reass6_in(&w->r, pb, &ip, &ext, (uint32_t)n, &problem);
	assert_int_equal(problem.report, want);
	return whole;
}

/* A piece of the sample. */
static struct pbuf *piece4(struct world *w, uint32_t off, uint32_t len, bool more)
{
	struct ipv4_repr ip = sample.ip4;
	uint8_t b[2000];

	ip.opts_len = 0;
	ip.frag_off = (uint16_t)off;
	ip.payload_len = (uint16_t)len;
	ip.more_frags = more;
	assert_int_equal(ipv4_emit(b, sizeof(b), &ip), IPV4_HDR_LEN);
	memcpy(b + IPV4_HDR_LEN, sample.bytes + sample.hdrs_len + off, len);
	return make_packet(&w->f, b, IPV4_HDR_LEN + len, IPV4_HDR_LEN, dice_below(&w->f.d, 3));
}

static struct pbuf *piece6(struct world *w, uint32_t off, uint32_t len, bool more)
{
	struct ipv6_repr ip = sample.ip6;
	const struct ipv6_frag_repr fr = {
		.id = 7,
		.offset = (uint16_t)off,
		.next_hdr = 200,
		.more = more,
	};
	uint8_t b[2000];

	ip.next_hdr = IP_PROTO_FRAGMENT;
	ip.payload_len = (uint16_t)(IPV6_FRAG_HDR_LEN + len);
	assert_int_equal(ipv6_emit(b, sizeof(b), &ip), IPV6_HDR_LEN);
	assert_int_equal(ipv6_frag_emit(b + IPV6_HDR_LEN, 8, &fr), 8);
	memcpy(b + IPV6_HDR_LEN + 8, sample.bytes + sample.hdrs_len + off, len);
	return make_packet(&w->f, b, IPV6_HDR_LEN + 8 + len, IPV6_HDR_LEN + 8,
			   dice_below(&w->f.d, 3));
}

/* --- random packets, cut and shuffled --- */

/* All fragments of the sample in any order, some of them twice. */
static unsigned shuffle(struct world *w, struct pbuf_queue *q, struct pbuf **ret, unsigned max)
{
	struct pbuf *pb;
	unsigned n = 0;

	while ((pb = pbuf_queue_take(q))) {
		assert_true(n + 2 < max);
		ret[n++] = pb;
		if (dice_below(&w->f.d, 8) == 0)
			ret[n++] = pbuf_clone(pb);
	}
	for (unsigned i = n; i > 1 && dice_below(&w->f.d, 3); i--) {
		const unsigned j = dice_below(&w->f.d, i);
		struct pbuf *t = ret[i - 1];

		ret[i - 1] = ret[j];
		ret[j] = t;
	}
	return n;
}

/* Return: the whole packet; fragments that come after it wait for nothing. */
static struct pbuf *bring(struct world *w, struct pbuf **pb, unsigned n, bool is_ip4)
{
	struct pbuf *whole = NULL;

	for (unsigned i = 0; i < n; i++) {
		struct pbuf *got = is_ip4 ? in4(w, pb[i]) : in6(w, pb[i], IPV6_REPORT_NONE);

		if (got && whole) /* all of it came twice */
			pbuf_free(got);
		else if (got)
			whole = got;
	}
	return whole;
}

static void fragments_in_any_order_are_the_packet(void **state)
{
	struct world w;
	struct pbuf_queue q;
	struct pbuf *all[400];

	(void)state;
	world_init(&w, 1);
	for (unsigned i = 0; i < 1500; i++) {
		const bool is_ip4 = dice_below(&w.f.d, 2), extra = dice_below(&w.f.d, 2);
		const uint32_t len = 1800 + dice_below(&w.f.d, i % 16 ? 6000 : 63000);
		struct pbuf *whole;
		unsigned n;

		if (is_ip4)
			make_sample4(&w.f, &sample, len, extra);
		else
			make_sample6(&w.f, &sample, len, extra);
		pbuf_queue_init(&q);
		whole = make_packet(&w.f, sample.bytes, sample.len, sample.hdrs_len,
				    dice_below(&w.f.d, 19));
		assert_int_equal(
			is_ip4 ? frag4_split(&w.f.c, whole, 700 + dice_below(&w.f.d, 900), &q)
			       : frag6_split(&w.f.c, whole, 1280 + dice_below(&w.f.d, 300), i, &q),
			0);
		n = shuffle(&w, &q, all, 400);
		whole = bring(&w, all, n, is_ip4);
		assert_non_null(whole);
		assert_bytes(whole, sample.bytes, sample.len);
		assert_in_range(whole->frag_max, 500, 1600);
		assert_true(whole->n_frags <= PBUF_FRAGS_MAX);
		assert_ptr_equal(pbuf_l3(whole), whole->data);
		pbuf_free(whole);
		core_fixture_pass(&w.f, 120 * NS_PER_S); /* duplicates that came too late */
		assert_int_equal(w.r.bytes, 0);
		assert_int_equal(w.r.datagrams.n, 0);
	}
	assert_int_equal(drops(&w, DROP_FRAG_BAD), 0);
	assert_true(w.stats.reass_oks >= 1500);
	world_done(&w);
}

/* Of a few fragments the packet is made of their memory, of many it is one piece more. */
static void data_is_shared_while_it_can_be(void **state)
{
	struct world w;

	(void)state;
	world_init(&w, 18);
	for (unsigned many = 0; many < 2; many++) {
		const uint32_t size = many ? 1000 : 4000;
		struct pbuf_pool_stats before, after;
		struct pbuf *pb, *whole = NULL;

		make_sample4(&w.f, &sample, 60000, false);
		for (uint32_t off = 0; off < 60000; off += size) {
			struct ipv4_repr ip = sample.ip4;
			uint8_t *at;

			ip.frag_off = (uint16_t)off;
			ip.payload_len = (uint16_t)size;
			ip.more_frags = off + size < 60000;
			pb = pbuf_alloc_rx(w.f.c.pool, 64, IPV4_HDR_LEN + size);
			at = pbuf_put(pb, IPV4_HDR_LEN + size);
			assert_true(ipv4_emit(at, IPV4_HDR_LEN, &ip) > 0);
			memcpy(at + IPV4_HDR_LEN, sample.bytes + IPV4_HDR_LEN + off, size);
			pbuf_pool_stats(w.f.c.pool, &before);
			whole = in4(&w, pb);
		}
		pbuf_pool_stats(w.f.c.pool, &after);
		assert_non_null(whole);
		assert_bytes(whole, sample.bytes, sample.len);
		/* The first fragment's memory and one piece with all the rest. */
		assert_int_equal(after.blocks, many ? 2 : before.blocks);
		assert_int_equal(after.pbufs, 1);
		pbuf_free(whole);
	}
	world_done(&w);
}

/* --- overlaps --- */

static void ip4_overlap_drops_the_datagram(void **state)
{
	struct world w;

	(void)state;
	world_init(&w, 2);
	make_sample4(&w.f, &sample, 1600, false);
	assert_null(in4(&w, piece4(&w, 0, 800, true)));
	assert_null(in4(&w, piece4(&w, 400, 800, true)));
	assert_int_equal(drops(&w, DROP_FRAG_BAD), 2);
	assert_int_equal(w.r.datagrams.n, 0);
	/* What follows begins a new one. */
	assert_null(in4(&w, piece4(&w, 800, 800, false)));
	assert_int_equal(w.r.datagrams.n, 1);
	world_done(&w);
}

static void ip4_what_is_there_is_not_needed_again(void **state)
{
	struct world w;
	struct pbuf *whole;

	(void)state;
	world_init(&w, 3);
	make_sample4(&w.f, &sample, 1600, false);
	assert_null(in4(&w, piece4(&w, 0, 400, true)));
	assert_null(in4(&w, piece4(&w, 400, 400, true)));
	assert_null(in4(&w, piece4(&w, 0, 400, true)));
	assert_null(in4(&w, piece4(&w, 200, 400, true))); /* of two pieces */
	assert_null(in4(&w, piece4(&w, 8, 8, true)));
	assert_int_equal(drops(&w, DROP_FRAG_DUP), 3);
	whole = in4(&w, piece4(&w, 800, 800, false));
	assert_non_null(whole);
	assert_bytes(whole, sample.bytes, sample.len);
	pbuf_free(whole);
	world_done(&w);
}

/* RFC 5722, 4: also what comes after. */
static void ip6_overlap_drops_all_of_it(void **state)
{
	struct world w;

	(void)state;
	world_init(&w, 4);
	make_sample6(&w.f, &sample, 1600, false);
	assert_null(in6(&w, piece6(&w, 0, 800, true), IPV6_REPORT_NONE));
	assert_null(in6(&w, piece6(&w, 0, 800, true), IPV6_REPORT_NONE)); /* exact duplicate */
	assert_int_equal(drops(&w, DROP_FRAG_DUP), 1);
	assert_null(in6(&w, piece6(&w, 8, 8, true), IPV6_REPORT_NONE)); /* within */
	assert_int_equal(drops(&w, DROP_FRAG_BAD), 2);
	assert_null(in6(&w, piece6(&w, 0, 800, true), IPV6_REPORT_NONE));
	assert_null(in6(&w, piece6(&w, 800, 800, false), IPV6_REPORT_NONE));
	assert_int_equal(drops(&w, DROP_FRAG_BAD), 4);
	assert_int_equal(w.stats.reass_oks, 0);
	/* Until its time is over; nobody is told. */
	core_fixture_pass(&w.f, 61 * NS_PER_S);
	assert_int_equal(w.r.datagrams.n, 0);
	assert_int_equal(w.expired, 0);
	world_done(&w);
}

static void the_end_is_in_one_place(void **state)
{
	struct world w;

	(void)state;
	world_init(&w, 5);
	make_sample4(&w.f, &sample, 1600, false);
	assert_null(in4(&w, piece4(&w, 800, 100, false)));
	assert_null(in4(&w, piece4(&w, 1000, 8, true))); /* behind the end */
	assert_int_equal(drops(&w, DROP_FRAG_BAD), 2);
	assert_null(in4(&w, piece4(&w, 800, 100, false)));
	assert_null(in4(&w, piece4(&w, 1000, 100, false))); /* another end */
	assert_int_equal(drops(&w, DROP_FRAG_BAD), 4);
	assert_null(in4(&w, piece4(&w, 800, 104, true)));
	assert_null(in4(&w, piece4(&w, 8, 8, false))); /* an end before what is there */
	assert_int_equal(drops(&w, DROP_FRAG_BAD), 6);
	assert_int_equal(w.r.datagrams.n, 0);
	world_done(&w);
}

/* A model of bytes: whatever is accepted is the sample, never a mixture. */
static void random_pieces_are_the_packet_or_nothing(void **state)
{
	struct world w;
	unsigned wholes = 0;

	(void)state;
	world_init(&w, 6);
	for (unsigned i = 0; i < 3000; i++) {
		const bool is_ip4 = dice_below(&w.f.d, 2);

		if (is_ip4)
			make_sample4(&w.f, &sample, 64, false);
		else
			make_sample6(&w.f, &sample, 64, false);
		for (unsigned k = 0; k < 40; k++) {
			const uint32_t unit = dice_below(&w.f.d, 4) ? 16 : 8;
			const uint32_t off = dice_below(&w.f.d, 64 / unit) * unit;
			uint32_t len = unit * (1 + dice_below(&w.f.d, 2));
			struct pbuf *pb;

			if (off + len > 64)
				len = 64 - off;
			pb = is_ip4 ? in4(&w, piece4(&w, off, len, off + len < 64))
				    : in6(&w, piece6(&w, off, len, off + len < 64),
					  IPV6_REPORT_NONE);
			if (!pb)
				continue;
			wholes++;
			assert_bytes(pb, sample.bytes, sample.len);
			pbuf_free(pb);
		}
		core_fixture_pass(&w.f, 61 * NS_PER_S);
		assert_int_equal(w.r.datagrams.n, 0);
	}
	assert_true(wholes > 100);
	world_done(&w);
}

/* --- what belongs together --- */

static void keys_keep_datagrams_apart(void **state)
{
	struct world w;
	struct pbuf *whole;
	struct ip_sample other;

	(void)state;
	world_init(&w, 7);
	make_sample4(&w.f, &sample, 160, false);
	other = sample;
	assert_null(in4(&w, piece4(&w, 0, 80, true)));
	sample.ip4.id++;
	assert_null(in4(&w, piece4(&w, 80, 80, false)));
	sample.ip4 = other.ip4;
	sample.ip4.proto++;
	assert_null(in4(&w, piece4(&w, 80, 80, false)));
	sample.ip4 = other.ip4;
	sample.ip4.src++;
	assert_null(in4(&w, piece4(&w, 80, 80, false)));
	sample.ip4 = other.ip4;
	sample.ip4.dst++;
	assert_null(in4(&w, piece4(&w, 80, 80, false)));
	assert_int_equal(w.r.datagrams.n, 5);
	sample.ip4 = other.ip4;
	whole = in4(&w, piece4(&w, 80, 80, false));
	assert_non_null(whole);
	pbuf_free(whole);
	world_done(&w);
}

/* The same link-local addresses on two links are four hosts. */
static void link_local_datagrams_stay_on_their_link(void **state)
{
	struct world w;
	struct pbuf *pb;

	(void)state;
	world_init(&w, 8);
	make_sample6(&w.f, &sample, 160, false);
	sample.ip6.src.hi = 0xfe80000000000000;
	pb = piece6(&w, 0, 80, true);
	pb->ifindex = 2;
	assert_null(in6(&w, pb, IPV6_REPORT_NONE));
	pb = piece6(&w, 80, 80, false);
	pb->ifindex = 3;
	assert_null(in6(&w, pb, IPV6_REPORT_NONE));
	assert_int_equal(w.r.datagrams.n, 2);
	reass_flush(&w.r, 3);
	assert_int_equal(w.r.datagrams.n, 1);
	assert_int_equal(drops(&w, DROP_SHUTDOWN), 1);
	world_done(&w);
}

/* --- ECN and DF --- */

static int ecn_of(struct world *w, uint8_t first, uint8_t second)
{
	struct ipv4_repr ip = { .tos = 0 };
	struct pbuf *whole;
	int ret;

	make_sample4(&w->f, &sample, 160, false);
	sample.ip4.tos = first;
	assert_null(in4(w, piece4(w, 0, 80, true)));
	sample.ip4.tos = second;
	whole = in4(w, piece4(w, 80, 80, false));
	if (!whole)
		return -1;
	assert_true(ipv4_parse(whole->data, whole->len, &ip) > 0);
	assert_true(ipv4_csum_ok(whole->data, IPV4_HDR_LEN));
	ret = ip.tos;
	assert_int_equal(ip_rx(whole)->tos, ret);
	pbuf_free(whole);
	return ret;
}

static void congestion_is_not_lost(void **state)
{
	struct world w;

	(void)state;
	world_init(&w, 9);
	assert_int_equal(ecn_of(&w, 0, 0), 0);
	assert_int_equal(ecn_of(&w, IP_ECN_ECT0, IP_ECN_CE), IP_ECN_CE);
	assert_int_equal(ecn_of(&w, IP_ECN_CE, IP_ECN_ECT1), IP_ECN_CE);
	assert_int_equal(ecn_of(&w, IP_ECN_ECT0, IP_ECN_ECT1), IP_ECN_ECT0);
	assert_int_equal(ecn_of(&w, IP_ECN_CE, IP_ECN_NOT_ECT), -1);
	assert_int_equal(ecn_of(&w, IP_ECN_NOT_ECT, IP_ECN_ECT0), -1);
	world_done(&w);
}

static void df_is_of_all_fragments(void **state)
{
	struct world w;

	(void)state;
	world_init(&w, 10);
	for (unsigned i = 0; i < 4; i++) {
		struct ipv4_repr ip = { .tos = 0 };
		struct pbuf *whole;

		make_sample4(&w.f, &sample, 160, false);
		sample.ip4.dont_frag = i & 1;
		assert_null(in4(&w, piece4(&w, 0, 80, true)));
		sample.ip4.dont_frag = i >> 1;
		whole = in4(&w, piece4(&w, 80, 80, false));
		assert_non_null(whole);
		assert_true(ipv4_parse(whole->data, whole->len, &ip) > 0);
		assert_int_equal(ip.dont_frag, i == 3);
		assert_int_equal(whole->frag_max, 100);
		pbuf_free(whole);
	}
	world_done(&w);
}

/* --- time and memory --- */

static void what_is_not_complete_in_time_goes(void **state)
{
	struct world w;

	(void)state;
	world_init(&w, 11);
	make_sample4(&w.f, &sample, 160, false);
	assert_null(in4(&w, piece4(&w, 0, 80, true)));
	core_fixture_pass(&w.f, 29 * NS_PER_S);
	assert_int_equal(w.r.datagrams.n, 1);
	core_fixture_pass(&w.f, 2 * NS_PER_S);
	assert_int_equal(w.r.datagrams.n, 0);
	assert_int_equal(drops(&w, DROP_FRAG_TIMEOUT), 1);
	assert_int_equal(w.expired, 1);
	assert_int_equal(w.quoted[0], 0x45);
	/* Without the first fragment there is nothing to be told about. */
	assert_null(in4(&w, piece4(&w, 80, 80, false)));
	core_fixture_pass(&w.f, 31 * NS_PER_S);
	assert_int_equal(w.r.datagrams.n, 0);
	assert_int_equal(w.expired, 1);
	/* IPv6 has a minute. */
	make_sample6(&w.f, &sample, 160, false);
	assert_null(in6(&w, piece6(&w, 0, 80, true), IPV6_REPORT_NONE));
	core_fixture_pass(&w.f, 59 * NS_PER_S);
	assert_int_equal(w.r.datagrams.n, 1);
	core_fixture_pass(&w.f, 2 * NS_PER_S);
	assert_int_equal(w.r.datagrams.n, 0);
	assert_int_equal(w.expired, 2);
	world_done(&w);
}

static void the_oldest_make_room(void **state)
{
	struct world w;
	struct pbuf *whole;

	(void)state;
	world_init(&w, 12);
	make_sample4(&w.f, &sample, 1600, false);
	w.params.reass_bytes_max = 100000;
	for (unsigned i = 0; i < 1000; i++) {
		sample.ip4.id = (uint16_t)i;
		assert_null(in4(&w, piece4(&w, 0, 800, true)));
		assert_true(w.r.bytes <= w.params.reass_bytes_max);
	}
	assert_true(w.r.datagrams.n > 10);
	assert_int_equal(drops(&w, DROP_FRAG_LIMIT), 1000 - w.r.datagrams.n);
	/* The newest are there. */
	sample.ip4.id = 999;
	whole = in4(&w, piece4(&w, 800, 800, false));
	assert_non_null(whole);
	pbuf_free(whole);
	sample.ip4.id = 0;
	assert_null(in4(&w, piece4(&w, 800, 800, false)));
	/* A limit for not even one. */
	w.params.reass_bytes_max = 100;
	assert_null(in4(&w, piece4(&w, 0, 800, true)));
	world_done(&w);
}

static void there_are_only_so_many_pieces(void **state)
{
	struct world w;

	(void)state;
	world_init(&w, 13);
	make_sample4(&w.f, &sample, 65000, false);
	for (unsigned i = 0; i < REASS_PIECES_MAX; i++)
		assert_null(in4(&w, piece4(&w, 16 * i, 8, true)));
	assert_int_equal(w.r.datagrams.n, 1);
	assert_null(in4(&w, piece4(&w, 8, 8, true)));
	assert_int_equal(w.r.datagrams.n, 0);
	assert_int_equal(drops(&w, DROP_FRAG_LIMIT), REASS_PIECES_MAX + 1);
	world_done(&w);
}

static void there_are_only_so_many_datagrams(void **state)
{
	struct world w;

	(void)state;
	world_init(&w, 14);
	w.params.reass_bytes_max = UINT32_MAX;
	make_sample4(&w.f, &sample, 160, false);
	for (unsigned i = 0; i < REASS_DATAGRAMS_MAX + 10; i++) {
		sample.ip4.id = (uint16_t)i;
		assert_null(in4(&w, piece4(&w, 0, 80, true)));
	}
	assert_int_equal(w.r.datagrams.n, REASS_DATAGRAMS_MAX);
	assert_int_equal(drops(&w, DROP_FRAG_LIMIT), 10);
	world_done(&w);
}

/* Headers and data together are too long, though each fragment may be. */
static void longer_than_a_packet_is_none(void **state)
{
	struct world w;
	struct ipv4_repr ip;
	uint8_t b[100] = { 0 };
	uint32_t off;

	(void)state;
	world_init(&w, 15);
	make_sample4(&w.f, &sample, 65515, false);
	ip = sample.ip4;
	ip.opts_len = 12;
	ip.payload_len = 8;
	ip.more_frags = true;
	memcpy(b + IPV4_HDR_LEN, some_opts, sizeof(some_opts));
	assert_int_equal(ipv4_emit(b, sizeof(b), &ip), 32);
	assert_null(in4(&w, make_packet(&w.f, b, 40, 32, 0)));
	for (off = 8; off < 65008; off += 1000)
		assert_null(in4(&w, piece4(&w, off, 1000, true)));
	assert_int_equal(w.r.datagrams.n, 1);
	assert_null(in4(&w, piece4(&w, off, 65515 - off, false)));
	assert_int_equal(w.r.datagrams.n, 0);
	assert_int_equal(w.stats.reass_oks, 0);
	world_done(&w);
}

/* RFC 7112: so many bytes of @next_hdr are in the first fragment. */
static bool is_refused(struct world *w, uint8_t next_hdr, uint32_t len)
{
	struct pbuf *pb = piece6(w, 0, len, true);
	const uint64_t before = w->stats.reass_requests;
	bool refused;

	assert_true(pbuf_pullup(pb, pb->len));
	pb->data[IPV6_HDR_LEN] = next_hdr;
	refused = len < (next_hdr == IP_PROTO_TCP ? 20U : next_hdr == IP_PROTO_DSTOPTS ? 32U : 8U);
	assert_null(in6(w, pb, refused ? IPV6_REPORT_UNICAST : IPV6_REPORT_NONE));
	if (refused)
		pbuf_free(pb);
	reass_flush(&w->r, 0);
	assert_int_equal(w->stats.reass_requests, before + !refused);
	return refused;
}

static void a_first_fragment_has_all_headers(void **state)
{
	struct world w;

	(void)state;
	world_init(&w, 16);
	make_sample6(&w.f, &sample, 160, false);
	sample.bytes[sample.hdrs_len] = 200; /* as a header of options: 8 + 8 * 3 bytes */
	sample.bytes[sample.hdrs_len + 1] = 3;
	assert_true(is_refused(&w, IP_PROTO_TCP, 8));
	assert_true(is_refused(&w, IP_PROTO_TCP, 16));
	assert_false(is_refused(&w, IP_PROTO_TCP, 24));
	assert_false(is_refused(&w, IP_PROTO_UDP, 8));
	assert_false(is_refused(&w, IP_PROTO_ICMP6, 8));
	assert_true(is_refused(&w, IP_PROTO_DSTOPTS, 24));
	assert_false(is_refused(&w, IP_PROTO_DSTOPTS, 32));
	assert_false(is_refused(&w, 200, 8));
	world_done(&w);
}

static void without_memory_it_goes_on(void **state)
{
	struct world w;
	unsigned wholes = 0;

	(void)state;
	world_init(&w, 17);
	for (unsigned i = 0; i < 2000; i++) {
		struct pbuf *first, *second, *whole;

		make_sample4(&w.f, &sample, 1600, false);
		first = piece4(&w, 0, 800, true);
		second = piece4(&w, 800, 800, false);
		w.f.tm.fail_in = i < 20 ? 1 + dice_below(&w.f.d, 3) : 0;
		core_fixture_limit(&w.f, dice_below(&w.f.d, 2) ? 0 : 10000);
		whole = in4(&w, second);
		if (!whole)
			whole = in4(&w, first);
		else
			pbuf_free(first);
		w.f.tm.fail_in = 0;
		core_fixture_no_limit(&w.f);
		wholes += whole != NULL;
		if (whole)
			assert_bytes(whole, sample.bytes, sample.len);
		pbuf_free(whole);
		core_fixture_pass(&w.f, 61 * NS_PER_S);
		assert_int_equal(w.r.datagrams.n, 0);
	}
	assert_in_range(wholes, 500, 1999);
	assert_true(drops(&w, DROP_NO_MEMORY) > 0);
	world_done(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fragments_in_any_order_are_the_packet),
		cmocka_unit_test(data_is_shared_while_it_can_be),
		cmocka_unit_test(ip4_overlap_drops_the_datagram),
		cmocka_unit_test(ip4_what_is_there_is_not_needed_again),
		cmocka_unit_test(ip6_overlap_drops_all_of_it),
		cmocka_unit_test(the_end_is_in_one_place),
		cmocka_unit_test(random_pieces_are_the_packet_or_nothing),
		cmocka_unit_test(keys_keep_datagrams_apart),
		cmocka_unit_test(link_local_datagrams_stay_on_their_link),
		cmocka_unit_test(congestion_is_not_lost),
		cmocka_unit_test(df_is_of_all_fragments),
		cmocka_unit_test(what_is_not_complete_in_time_goes),
		cmocka_unit_test(the_oldest_make_room),
		cmocka_unit_test(there_are_only_so_many_pieces),
		cmocka_unit_test(there_are_only_so_many_datagrams),
		cmocka_unit_test(longer_than_a_packet_is_none),
		cmocka_unit_test(a_first_fragment_has_all_headers),
		cmocka_unit_test(without_memory_it_goes_on),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
