/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "wire/ipv6_ext.h"

#include "tests/unit/wire/frames.h"
#include "tests/unit/wire/law.h"
#include "tests/unit/wire/same.h"

LAW_PARSE(ipv6_frag_parse, ipv6_frag_repr);
LAW_EMIT(ipv6_frag_emit, ipv6_frag_repr);
LAW_SAME(ipv6_frag_same, ipv6_frag_repr);

#define UDP IP_PROTO_UDP

/* A packet of these extension headers, in memory of its own. */
struct packet {
	uint8_t *p;
	size_t len;
};

static struct packet packet_of(uint8_t next, const uint8_t *ext, size_t len)
{
	struct packet pkt = { calloc(1, IPV6_HDR_LEN + len), IPV6_HDR_LEN + len };

	assert_non_null(pkt.p);
	pkt.p[0] = 0x60;
	put_be16(pkt.p + 4, (uint16_t)len);
	pkt.p[6] = next;
	if (len)
		memcpy(pkt.p + IPV6_HDR_LEN, ext, len);
	return pkt;
}

/* The walk ends with @want; what it does not return is untouched. */
static struct ipv6_ext walk(uint8_t next, const uint8_t *ext, size_t len, int want,
			    struct ipv6_problem *ret_problem)
{
	struct packet pkt = packet_of(next, ext, len);
	struct ipv6_ext e;

	memset(&e, 0xa5, sizeof(e));
	memset(ret_problem, 0xa5, sizeof(*ret_problem));
	assert_int_equal(ipv6_ext_parse(pkt.p, pkt.len, next, &e, ret_problem), want);
	if (want < 0)
		assert_true(law_untouched((const uint8_t *)&e, sizeof(e)));
	else
		assert_true(law_untouched((const uint8_t *)ret_problem, sizeof(*ret_problem)));
	free(pkt.p);
	return e;
}

static struct ipv6_ext goes(uint8_t next, const uint8_t *ext, size_t len, size_t end)
{
	struct ipv6_problem problem;

	return walk(next, ext, len, (int)end, &problem);
}

static void fails(uint8_t next, const uint8_t *ext, size_t len, enum ipv6_report report,
		  enum ipv6_problem_code code, uint16_t pointer)
{
	struct ipv6_problem problem;

	(void)walk(next, ext, len, -EBADMSG, &problem);
	assert_int_equal(problem.report, report);
	if (report == IPV6_REPORT_NONE)
		return;
	assert_int_equal(problem.code, code);
	assert_int_equal(problem.pointer, pointer);
}

static void drops(uint8_t next, const uint8_t *ext, size_t len)
{
	fails(next, ext, len, IPV6_REPORT_NONE, 0, 0);
}

static void of_the_kernel(void **state)
{
	struct ipv6_problem problem;
	struct ipv6_ext e = { 0 };

	(void)state;
	assert_int_equal(ipv6_ext_parse(L3(frame_udp6), UDP, &e, &problem), 40);
	assert_int_equal(e.proto, UDP);
	assert_int_equal(e.proto_ptr, 6);
	assert_false(e.router_alert || e.is_fragment);

	assert_int_equal(ipv6_ext_parse(L3(frame_udp6_opts), 0, &e, &problem), 56);
	assert_int_equal(e.proto, UDP);
	assert_int_equal(e.proto_ptr, 48);
	assert_true(e.router_alert);
	assert_int_equal(e.router_alert_value, IP_ROUTER_ALERT_ANY);

	assert_int_equal(ipv6_ext_parse(L3(frame_mld2_report), 0, &e, &problem), 48);
	assert_int_equal(e.proto, IP_PROTO_ICMP6);
	assert_true(e.router_alert);
	assert_int_equal(e.router_alert_value, IP_ROUTER_ALERT_MLD);
	assert_int_equal(ipv6_ext_parse_hop(L3(frame_mld2_report), 0, &e, &problem), 48);
	assert_int_equal(e.proto, IP_PROTO_ICMP6);
}

/* A header and nothing else is a packet. */
static void no_payload(void **state)
{
	struct packet pkt = packet_of(IP_PROTO_NONE, NULL, 0);
	struct ipv6_problem problem;
	struct ipv6_skip skip = { 0 };
	struct ipv6_ext e = { 0 };

	(void)state;
	assert_int_equal(ipv6_ext_parse(pkt.p, pkt.len, IP_PROTO_NONE, &e, &problem), 40);
	assert_int_equal(e.proto, IP_PROTO_NONE);
	assert_int_equal(ipv6_ext_parse_hop(pkt.p, pkt.len, IP_PROTO_NONE, &e, &problem), 40);
	assert_int_equal(ipv6_ext_skip(pkt.p, pkt.len, IP_PROTO_NONE, &skip), 40);
	assert_int_equal(skip.proto, IP_PROTO_NONE);
	free(pkt.p);
}

/* The two parts of a ping of 1308 bytes. */
static void fragments(void **state)
{
	struct ipv6_problem problem;
	struct ipv6_ext a = { 0 }, b = { 0 };

	(void)state;
	assert_int_equal(ipv6_ext_parse(L3(frame_frag6_first), 44, &a, &problem), 48);
	assert_int_equal(ipv6_ext_parse(L3(frame_frag6_last), 44, &b, &problem), 48);
	assert_true(a.is_fragment && b.is_fragment);
	assert_int_equal(a.frag.id, b.frag.id);
	assert_true(a.frag.more && !b.frag.more);
	assert_int_equal(a.frag.offset, 0);
	assert_int_equal(b.frag.offset, 1232);
	assert_int_equal(a.proto, IP_PROTO_ICMP6);
	assert_int_equal(b.proto, IP_PROTO_ICMP6);
	assert_int_equal(a.frag_at, 40);
	assert_int_equal(a.frag_ptr, 6);
	assert_int_equal(a.proto_ptr, 40);
}

static void fragment_header(void **state)
{
	const struct ipv6_frag_repr odd = { .offset = 12 };
	uint8_t buf[8];

	(void)state;
	law_truncation(law_ipv6_frag_parse, frame_frag6_last + 54, 8);
	law_round_trip(law_ipv6_frag_parse, law_ipv6_frag_emit, law_ipv6_frag_same,
		       frame_frag6_first + 54, 8, 0);
	law_round_trip(law_ipv6_frag_parse, law_ipv6_frag_emit, law_ipv6_frag_same,
		       frame_frag6_last + 54, 8, 0);
	assert_int_equal(ipv6_frag_emit(buf, 8, &odd), -EINVAL);
}

/* Every packet that ends within its extension headers is too short; nobody is told. */
static void truncation(void **state)
{
	(void)state;
	for (size_t n = 0; n < 56; n++) {
		cleanup_free uint8_t *copy = law_copy(frame_udp6_opts + 14, n);
		struct ipv6_problem problem;
		struct ipv6_skip skip;
		struct ipv6_ext e;

		memset(&e, 0xa5, sizeof(e));
		memset(&skip, 0xa5, sizeof(skip));
		assert_int_equal(ipv6_ext_parse(copy, n, 0, &e, &problem), -ENODATA);
		assert_int_equal(problem.report, IPV6_REPORT_NONE);
		assert_int_equal(ipv6_ext_skip(copy, n, 0, &skip), -ENODATA);
		if (n < 48)
			assert_int_equal(ipv6_ext_parse_hop(copy, n, 0, &e, &problem), -ENODATA);
		assert_true(law_untouched((const uint8_t *)&e, n < 48 ? sizeof(e) : 0));
		assert_true(law_untouched((const uint8_t *)&skip, sizeof(skip)));
	}
}

/* The same for headers of all kinds in a row. */
static void truncation_of_each_kind(void **state)
{
	static const uint8_t ext[] = {
		IP_PROTO_ROUTING,
		0,
		1,
		4,
		0,
		0,
		0,
		0,
		IP_PROTO_FRAGMENT,
		1,
		4,
		0,
		0,
		0,
		0,
		0,
		0,
		0,
		0,
		0,
		0,
		0,
		0,
		0,
		IP_PROTO_DSTOPTS,
		0,
		0,
		0,
		0,
		0,
		0,
		1,
		UDP,
		1,
		1,
		6,
		0,
		0,
		0,
		0,
		0,
		0,
		1,
		2,
		0,
		0,
		0,
		0,
	};

	(void)state;
	/* Eight bytes of padding: refused when it is whole, too short before. */
	for (size_t n = 0; n < sizeof(ext); n++) {
		struct packet pkt = packet_of(IP_PROTO_HOPOPTS, ext, n);
		struct ipv6_problem problem;
		struct ipv6_skip skip;
		struct ipv6_ext e;

		assert_int_equal(ipv6_ext_parse(pkt.p, pkt.len, 0, &e, &problem), -ENODATA);
		assert_int_equal(ipv6_ext_skip(pkt.p, pkt.len, 0, &skip), -ENODATA);
		free(pkt.p);
	}
	drops(IP_PROTO_HOPOPTS, ext, sizeof(ext));
}

/* Hop-by-hop options come first or not at all (RFC 8200, 4.1 and 4.3). */
static void hop_by_hop_is_first(void **state)
{
	static const uint8_t twice[] = { 0, 0, 1, 4, 0, 0, 0, 0, UDP, 0, 1, 4, 0, 0, 0, 0 };

	(void)state;
	fails(0, twice, 16, IPV6_REPORT_UNICAST, IPV6_PROBLEM_NEXT_HDR, 40);
	fails(IP_PROTO_DSTOPTS, twice, 16, IPV6_REPORT_UNICAST, IPV6_PROBLEM_NEXT_HDR, 40);
}

/* Others come in any order and number, up to a limit. */
static void many_headers(void **state)
{
	static const uint8_t kind[] = { IP_PROTO_DSTOPTS, IP_PROTO_ROUTING };
	static const uint8_t body[][7] = { { 0, IPV6_OPT_PADN, 4 }, { 0, 4, 0 } };
	uint8_t ext[(IPV6_EXT_HDRS_MAX + 1) * 8] = { 0 };

	(void)state;
	for (size_t n = 1; n <= IPV6_EXT_HDRS_MAX + 1; n++) {
		struct ipv6_ext e;

		for (size_t i = 0; i < n; i++) {
			ext[8 * i] = i + 1 == n ? UDP : kind[(i + 1) % 2];
			memcpy(ext + 8 * i + 1, body[i % 2], 7);
		}
		if (n > IPV6_EXT_HDRS_MAX) {
			drops(kind[0], ext, n * 8);
			/* Also when the last one is where the walk ends. */
			ext[8 * (n - 2)] = IP_PROTO_FRAGMENT;
			put_be16(ext + 8 * (n - 1) + 2, 8);
			drops(kind[0], ext, n * 8);
			continue;
		}
		e = goes(kind[0], ext, n * 8, 40 + n * 8);
		assert_int_equal(e.proto, UDP);
		assert_int_equal(e.proto_ptr, 40 + (n - 1) * 8);
	}
}

/* What to do is in the type's upper bits (RFC 8200, 4.2), for each type but those known. */
static void unknown_options(void **state)
{
	(void)state;
	for (unsigned int type = 2; type <= 0xff; type++) {
		const uint8_t ext[] = { UDP, 0, 1, 0, (uint8_t)type, 2, 0, 0 };

		for (size_t hop = 0; hop < 2; hop++) {
			const uint8_t next = hop ? IP_PROTO_HOPOPTS : IP_PROTO_DSTOPTS;

			switch (type >> 6) {
			case 0:
				(void)goes(next, ext, 8, 48);
				break;
			case 1:
				drops(next, ext, 8);
				break;
			case 2:
				fails(next, ext, 8, IPV6_REPORT_ALWAYS, IPV6_PROBLEM_OPTION, 44);
				break;
			default:
				fails(next, ext, 8, IPV6_REPORT_UNICAST, IPV6_PROBLEM_OPTION, 44);
				break;
			}
		}
	}
}

/* A jumbogram: payload length 0, or a jumbo option in a packet that has a length. */
static void jumbograms(void **state)
{
	static const uint8_t jumbo[] = { UDP, 0, IPV6_OPT_JUMBO, 4, 0, 1, 0, 0 };
	struct ipv6_problem problem;

	(void)state;
	(void)walk(0, jumbo, 0, -ENODATA, &problem);
	fails(0, jumbo, 8, IPV6_REPORT_UNICAST, IPV6_PROBLEM_OPTION, 42);
}

static void options_that_do_not_fit(void **state)
{
	static const uint8_t rows[][8] = {
		{ UDP, 0, 1, 5, 0, 0, 0, 0 },    /* padding beyond the header */
		{ UDP, 0, 1, 3, 0, 0, 0, 30 },   /* a type without a length */
		{ UDP, 0, 30, 255, 0, 0, 0, 0 }, /* an option beyond the header */
		{ UDP, 0, 1, 4, 0, 0, 1, 0 },    /* padding that says something */
		{ UDP, 0, 5, 1, 0, 1, 1, 0 },    /* router alert of the wrong length */
	};
	static const uint8_t alert[] = { UDP, 0, 5, 3, 0, 0, 0, 0 };
	struct ipv6_ext e;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		drops(IP_PROTO_HOPOPTS, rows[i], 8);
	/* In destination options it is an unknown option to be skipped. */
	e = goes(IP_PROTO_DSTOPTS, alert, 8, 48);
	assert_false(e.router_alert);
}

/* Seven bytes of padding in a row, in any form, but not eight; eight options, not nine. */
static void limits_within_a_header(void **state)
{
	uint8_t ext[32];

	(void)state;
	for (size_t pad = 0; pad <= 10; pad++) {
		/* One option, padding, and an option that fills the header. */
		memset(ext, 0, sizeof(ext));
		ext[0] = UDP;
		ext[1] = 1;
		ext[2] = 30;
		ext[4 + pad] = 30;
		ext[5 + pad] = (uint8_t)(10 - pad);
		if (pad <= IPV6_EXT_PAD_MAX)
			(void)goes(IP_PROTO_DSTOPTS, ext, 16, 56);
		else
			drops(IP_PROTO_DSTOPTS, ext, 16);
		if (pad < 2)
			continue;
		ext[4] = IPV6_OPT_PADN;
		ext[5] = (uint8_t)(pad - 2);
		if (pad <= IPV6_EXT_PAD_MAX)
			(void)goes(IP_PROTO_DSTOPTS, ext, 16, 56);
		else
			drops(IP_PROTO_DSTOPTS, ext, 16);
	}
	for (size_t n = 1; n <= 11; n++) {
		memset(ext, 0, sizeof(ext));
		ext[0] = UDP;
		ext[1] = 2;
		for (size_t i = 0; i < n; i++)
			ext[2 + 2 * i] = 30;
		ext[1 + 2 * n] = (uint8_t)(22 - 2 * n);
		if (n <= IPV6_EXT_OPTS_MAX)
			(void)goes(IP_PROTO_DSTOPTS, ext, 24, 64);
		else
			drops(IP_PROTO_DSTOPTS, ext, 24);
	}
}

static void routing_headers(void **state)
{
	uint8_t ext[24] = { UDP, 2 };

	(void)state;
	for (unsigned int type = 0; type < 8; type++) {
		ext[2] = (uint8_t)type;
		ext[3] = 0;
		(void)goes(IP_PROTO_ROUTING, ext, 24, 64);
		ext[3] = 1;
		fails(IP_PROTO_ROUTING, ext, 24, IPV6_REPORT_UNICAST, IPV6_PROBLEM_FIELD, 42);
	}
}

/* RFC 8200, 4.5 */
static void fragments_that_cannot_be(void **state)
{
	static const uint8_t odd[8 + 9] = { UDP, 0, 0, 1 };
	static const uint8_t empty[8] = { UDP, 0, 0, 1 };
	static const uint8_t beyond[8 + 16] = { UDP, 0, 0xff, 0xf8 };
	static const uint8_t within[8 + 7] = { UDP, 0, 0xff, 0xf8 };
	/* The same with 8 bytes of options before it, which count. */
	static const uint8_t beyond_too[8 + 8 + 7] = {
		IP_PROTO_FRAGMENT, 0, 1, 4, 0, 0, 0, 0, UDP, 0, 0xff, 0xf8
	};
	struct ipv6_ext e;

	(void)state;
	fails(IP_PROTO_FRAGMENT, odd, sizeof(odd), IPV6_REPORT_UNICAST, IPV6_PROBLEM_FIELD, 4);
	drops(IP_PROTO_FRAGMENT, empty, sizeof(empty));
	fails(IP_PROTO_FRAGMENT, beyond, sizeof(beyond), IPV6_REPORT_UNICAST, IPV6_PROBLEM_FIELD,
	      42);
	e = goes(IP_PROTO_FRAGMENT, within, sizeof(within), 48);
	assert_int_equal(e.frag.offset, 65528);
	fails(IP_PROTO_DSTOPTS, beyond_too, sizeof(beyond_too), IPV6_REPORT_UNICAST,
	      IPV6_PROBLEM_FIELD, 50);
}

/* RFC 6946: a whole packet with a fragment header is a whole packet. */
static void lone_fragment(void **state)
{
	static const uint8_t ext[] = {
		IP_PROTO_DSTOPTS, 0, 0, 0, 1, 2, 3, 4, UDP, 0, 1, 4, 0, 0, 0, 0, 9
	};
	const struct ipv6_ext e = goes(IP_PROTO_FRAGMENT, ext, sizeof(ext), 56);

	(void)state;
	assert_false(e.is_fragment);
	assert_int_equal(e.proto, UDP);
	assert_int_equal(e.proto_ptr, 48);
}

/* Nothing has to follow it. */
static void lone_fragment_of_nothing(void **state)
{
	static const uint8_t ext[] = { IP_PROTO_NONE, 0, 0, 0, 1, 2, 3, 4 };
	struct packet pkt = packet_of(IP_PROTO_FRAGMENT, ext, sizeof(ext));
	struct ipv6_skip skip = { 0 };

	(void)state;
	assert_int_equal(goes(IP_PROTO_FRAGMENT, ext, sizeof(ext), 48).proto, IP_PROTO_NONE);
	assert_int_equal(ipv6_ext_skip(pkt.p, pkt.len, IP_PROTO_FRAGMENT, &skip), 48);
	assert_false(skip.is_fragment);
	free(pkt.p);
}

/* Behind a real one the walk ends, whatever its next header says. */
static void walk_ends_at_a_fragment(void **state)
{
	static const uint8_t ext[] = { IP_PROTO_FRAGMENT,
				       0,
				       1,
				       4,
				       0,
				       0,
				       0,
				       0,
				       IP_PROTO_DSTOPTS,
				       0,
				       0,
				       1,
				       1,
				       2,
				       3,
				       4,
				       UDP,
				       0,
				       1,
				       4,
				       0,
				       0,
				       0,
				       0 };
	const struct ipv6_ext e = goes(IP_PROTO_HOPOPTS, ext, sizeof(ext), 56);

	(void)state;
	assert_true(e.is_fragment);
	assert_int_equal(e.proto, IP_PROTO_DSTOPTS);
	assert_int_equal(e.frag_at, 48);
	assert_int_equal(e.frag_ptr, 40);
	assert_int_equal(e.proto_ptr, 48);
}

/* As a router: hop-by-hop options, and nothing behind them. */
static void on_the_way(void **state)
{
	/* A routing header that a destination would refuse. */
	static const uint8_t ext[] = {
		IP_PROTO_ROUTING, 0, 5, 2, 0, 1, 1, 0, UDP, 0, 0, 1, 0, 0, 0, 0
	};
	static const uint8_t bad[] = { UDP, 0, 0xfe, 4, 0, 0, 0, 0 };
	struct packet pkt = packet_of(0, ext, sizeof(ext));
	struct ipv6_problem problem;
	struct ipv6_ext e = { 0 };

	(void)state;
	assert_int_equal(ipv6_ext_parse_hop(pkt.p, pkt.len, 0, &e, &problem), 48);
	assert_int_equal(e.proto, IP_PROTO_ROUTING);
	assert_true(e.router_alert);
	assert_int_equal(e.router_alert_value, 1);
	assert_int_equal(ipv6_ext_parse_hop(pkt.p, pkt.len, IP_PROTO_ROUTING, &e, &problem), 40);
	assert_int_equal(e.proto, IP_PROTO_ROUTING);
	free(pkt.p);

	pkt = packet_of(0, bad, sizeof(bad));
	assert_int_equal(ipv6_ext_parse_hop(pkt.p, pkt.len, 0, &e, &problem), -EBADMSG);
	assert_int_equal(problem.report, IPV6_REPORT_UNICAST);
	assert_int_equal(problem.pointer, 42);
	free(pkt.p);
}

static void skipping(void **state)
{
	/* Bad options, then an authentication header of 12 bytes: lengths only. */
	static const uint8_t ext[] = { IP_PROTO_AH, 0, 0x42, 200, 0, 0, 0, 0, UDP, 1,
				       0,           0, 0,    0,   0, 0, 0, 0, 0,   0 };
	struct packet pkt = packet_of(IP_PROTO_DSTOPTS, ext, sizeof(ext));
	static const uint8_t shortest[] = { UDP, 0, 0, 0, 0, 0, 0, 0 };
	uint8_t many[9 * 8] = { 0 };
	struct ipv6_skip skip = { 0 };

	(void)state;
	assert_int_equal(ipv6_ext_skip(pkt.p, pkt.len, IP_PROTO_DSTOPTS, &skip), 60);
	assert_int_equal(skip.proto, UDP);
	assert_false(skip.is_fragment);
	for (size_t n = 48; n < 60; n++)
		assert_int_equal(ipv6_ext_skip(pkt.p, n, IP_PROTO_DSTOPTS, &skip), -ENODATA);
	free(pkt.p);

	pkt = packet_of(IP_PROTO_AH, shortest, sizeof(shortest));
	assert_int_equal(ipv6_ext_skip(pkt.p, pkt.len, IP_PROTO_AH, &skip), 48);
	free(pkt.p);

	assert_int_equal(ipv6_ext_skip(L3(frame_frag6_first), 44, &skip), 48);
	assert_true(skip.is_fragment && skip.frag_offset == 0 && skip.proto == IP_PROTO_ICMP6);
	assert_int_equal(ipv6_ext_skip(L3(frame_frag6_last), 44, &skip), 48);
	assert_true(skip.is_fragment && skip.frag_offset == 1232);

	for (size_t n = 0; n < 9; n++)
		many[8 * n] = IP_PROTO_ROUTING;
	pkt = packet_of(IP_PROTO_ROUTING, many, sizeof(many));
	assert_int_equal(ipv6_ext_skip(pkt.p, pkt.len, IP_PROTO_ROUTING, &skip), -EBADMSG);
	free(pkt.p);
}

/* What MLD sends, as the kernel does. */
static void router_alert(void **state)
{
	uint8_t buf[8];

	(void)state;
	memset(buf, 0xa5, sizeof(buf));
	for (size_t n = 0; n < 8; n++)
		assert_int_equal(ipv6_ext_emit_router_alert(buf, n, IP_PROTO_ICMP6, 0), -ENOSPC);
	assert_true(law_untouched(buf, sizeof(buf)));
	assert_int_equal(ipv6_ext_emit_router_alert(buf, 8, IP_PROTO_ICMP6, IP_ROUTER_ALERT_MLD),
			 8);
	assert_memory_equal(buf, frame_mld2_report + 54, 8);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(of_the_kernel),
		cmocka_unit_test(no_payload),
		cmocka_unit_test(fragments),
		cmocka_unit_test(fragment_header),
		cmocka_unit_test(truncation),
		cmocka_unit_test(truncation_of_each_kind),
		cmocka_unit_test(hop_by_hop_is_first),
		cmocka_unit_test(many_headers),
		cmocka_unit_test(unknown_options),
		cmocka_unit_test(jumbograms),
		cmocka_unit_test(options_that_do_not_fit),
		cmocka_unit_test(limits_within_a_header),
		cmocka_unit_test(routing_headers),
		cmocka_unit_test(fragments_that_cannot_be),
		cmocka_unit_test(lone_fragment),
		cmocka_unit_test(lone_fragment_of_nothing),
		cmocka_unit_test(walk_ends_at_a_fragment),
		cmocka_unit_test(on_the_way),
		cmocka_unit_test(skipping),
		cmocka_unit_test(router_alert),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
