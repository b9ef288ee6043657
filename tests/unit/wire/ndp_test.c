/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "wire/ndp.h"

#include "tests/unit/wire/frames.h"
#include "tests/unit/wire/law.h"
#include "tests/unit/wire/same.h"

/* The message in a frame without extension headers. */
#define MSG(frame) (frame) + 54, sizeof(frame) - 54

/* The packet the message at hand came in; a law's parser has no parameter for it. */
static struct icmp6_ip from;

static int ndp_parse_from(const uint8_t *buf, size_t len, struct ndp_repr *ret)
{
	return ndp_parse(buf, len, &from, ret);
}

LAW_PARSE(ndp_parse_from, ndp_repr);
LAW_EMIT(ndp_emit, ndp_repr);
LAW_SAME(ndp_same, ndp_repr);
LAW_PARSE(ndp_opt_parse, ndp_opt);
LAW_EMIT(ndp_opt_emit, ndp_opt);
LAW_SAME(ndp_opt_same, ndp_opt);

static struct icmp6_ip ip_of(const uint8_t *frame)
{
	return (struct icmp6_ip){
		.src = ip6_addr_get(frame + 22),
		.dst = ip6_addr_get(frame + 38),
		.hop_limit = frame[21],
	};
}

#define PARSE(frame, r) (from = ip_of(frame), ndp_parse_from(MSG(frame), r))

static const struct ip6_addr one = { 0x20010db800000000, 1 };
static const struct ip6_addr two = { 0x20010db800000000, 2 };

static void solicitations(void **state)
{
	struct ndp_repr r = { 0 };
	struct eth_addr mac;

	(void)state;
	assert_int_equal(PARSE(frame_ns, &r), 24);
	assert_int_equal(r.type, NDP_TYPE_NEIGH_SOLICIT);
	assert_true(ip6_addr_eq(r.ns.target, two));
	assert_true(ndp_lladdr(MSG(frame_ns), 24, NDP_OPT_SOURCE_LLADDR, &mac));
	assert_memory_equal(mac.b, "\2\0\0\0\0\x0a", 6);
	assert_false(ndp_lladdr(MSG(frame_ns), 24, NDP_OPT_TARGET_LLADDR, &mac));

	assert_int_equal(PARSE(frame_ns_dad, &r), 24);
	assert_true(ip6_addr_is_unspecified(from.src));
	assert_false(ndp_lladdr(MSG(frame_ns_dad), 24, NDP_OPT_SOURCE_LLADDR, &mac));

	assert_int_equal(PARSE(frame_rs, &r), 8);
	assert_int_equal(r.type, NDP_TYPE_ROUTER_SOLICIT);
}

static void advertisements(void **state)
{
	struct ndp_repr r = { 0 };
	struct eth_addr mac;

	(void)state;
	assert_int_equal(PARSE(frame_na, &r), 24);
	assert_int_equal(r.type, NDP_TYPE_NEIGH_ADVERT);
	assert_true(ip6_addr_eq(r.na.target, two));
	assert_true(!r.na.router && r.na.solicited && r.na.override);
	assert_true(ndp_lladdr(MSG(frame_na), 24, NDP_OPT_TARGET_LLADDR, &mac));
	assert_memory_equal(mac.b, "\2\0\0\0\0\x0b", 6);

	assert_int_equal(PARSE(frame_ra, &r), 16);
	assert_int_equal(r.type, NDP_TYPE_ROUTER_ADVERT);
	assert_int_equal(r.ra.hop_limit, 64);
	assert_int_equal(r.ra.lifetime_s, 1800);
	assert_int_equal(r.ra.reachable_ms, 30000);
	assert_int_equal(r.ra.retrans_ms, 1000);
	assert_true(!r.ra.managed && r.ra.other);
	assert_int_equal(r.ra.preference, NDP_PREFERENCE_MEDIUM);

	assert_int_equal(PARSE(frame_redirect6, &r), 40);
	assert_int_equal(r.type, NDP_TYPE_REDIRECT);
	assert_true(ip6_addr_eq(r.redirect.target, (struct ip6_addr){ 0xfe80000000000000, 0x77 }));
	assert_true(ip6_addr_eq(r.redirect.dst, (struct ip6_addr){ 0x20010db800020000, 5 }));
}

static void options_of_an_advertisement(void **state)
{
	struct ndp_opt opt[5] = { { 0 } };
	size_t n = 0;

	(void)state;
	for (size_t at = 54 + 16; at < sizeof(frame_ra); n++) {
		assert_true(n < ARRAY_SIZE(opt));
		at += (size_t)ndp_opt_parse(frame_ra + at, sizeof(frame_ra) - at, &opt[n]);
	}
	assert_int_equal(n, 5);
	assert_int_equal(opt[0].type, NDP_OPT_SOURCE_LLADDR);
	assert_int_equal(opt[1].type, NDP_OPT_MTU);
	assert_int_equal(opt[1].mtu, 1492);
	assert_int_equal(opt[2].type, NDP_OPT_PREFIX);
	assert_true(ip6_addr_eq(opt[2].prefix.addr, (struct ip6_addr){ 0x20010db800050000, 0 }));
	assert_int_equal(opt[2].prefix.len, 64);
	assert_true(opt[2].prefix.on_link && opt[2].prefix.autonomous);
	assert_int_equal(opt[2].prefix.valid_s, 86400);
	assert_int_equal(opt[2].prefix.preferred_s, 14400);
	assert_int_equal(opt[3].type, NDP_OPT_RDNSS);
	assert_int_equal(opt[3].rdnss.lifetime_s, 600);
	assert_int_equal(opt[3].rdnss.n, 2);
	assert_int_equal(opt[3].rdnss.server[1].lo, 0x54);
	assert_int_equal(opt[4].type, 31); /* a search list: to be ignored */
	for (size_t i = 0; i < 5; i++)
		assert_int_equal(opt[i].known, i < 4);
}

static void laws_of(const uint8_t *frame, size_t len, size_t fixed)
{
	from = ip_of(frame);
	law_truncation(law_ndp_parse_from, frame + 54, fixed);
	law_round_trip(law_ndp_parse_from, law_ndp_emit, law_ndp_same, frame + 54, len - 54, 2);
	/* Cut within an option, the message is malformed, for more of it will not come. */
	for (size_t n = 54 + fixed; n < len; n++)
		if (ndp_parse(frame + 54, n - 54, &from, &(struct ndp_repr){ 0 }) < 0)
			law_refuses(law_ndp_parse_from, frame + 54, n - 54, -EBADMSG);
		else
			assert_int_equal((n - 54) % 8, 0);
}

static void laws(void **state)
{
	(void)state;
	laws_of(frame_ns, sizeof(frame_ns), 24);
	laws_of(frame_ns_dad, sizeof(frame_ns_dad), 24);
	laws_of(frame_na, sizeof(frame_na), 24);
	laws_of(frame_rs, sizeof(frame_rs), 8);
	laws_of(frame_ra, sizeof(frame_ra), 16);
	laws_of(frame_redirect6, sizeof(frame_redirect6), 40);
}

/* What RFC 4861 has every receiver check, whoever it is from. */
static void hop_limit_and_code(void **state)
{
	static const uint8_t *const frame[] = { frame_ns, frame_na, frame_rs, frame_ra,
						frame_redirect6 };
	static const size_t len[] = { sizeof(frame_ns), sizeof(frame_na), sizeof(frame_rs),
				      sizeof(frame_ra), sizeof(frame_redirect6) };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(frame); i++) {
		from = ip_of(frame[i]);
		law_refuses_byte(law_ndp_parse_from, frame[i] + 54, len[i] - 54, 1, 1, -EBADMSG);
		for (unsigned int hops = 0; hops < 255; hops++) {
			from.hop_limit = (uint8_t)hops;
			law_refuses(law_ndp_parse_from, frame[i] + 54, len[i] - 54, -EBADMSG);
		}
	}
}

static void addresses(void **state)
{
	struct ndp_repr r = { 0 };
	uint8_t msg[80];

	(void)state;
	/* 7.1.1: from nowhere, only to the solicited-node address, and without a link address */
	from = ip_of(frame_ns_dad);
	from.dst = two;
	law_refuses(law_ndp_parse_from, MSG(frame_ns_dad), -EBADMSG);
	from = ip_of(frame_ns);
	from.src = IP6_UNSPECIFIED;
	law_refuses(law_ndp_parse_from, MSG(frame_ns), -EBADMSG);
	from = ip_of(frame_rs); /* 6.1.1 */
	from.src = IP6_UNSPECIFIED;
	law_refuses(law_ndp_parse_from, MSG(frame_rs), -EBADMSG);
	assert_int_equal(ndp_parse(frame_rs + 54, 8, &from, &r), 8);

	/* 7.1.1, 7.1.2: a target is not multicast */
	from = ip_of(frame_ns);
	law_refuses_byte(law_ndp_parse_from, MSG(frame_ns), 8, 0xff, -EBADMSG);
	from = ip_of(frame_na);
	law_refuses_byte(law_ndp_parse_from, MSG(frame_na), 8, 0xff, -EBADMSG);
	/* 7.1.2: what goes to all was not solicited */
	from.dst = IP6_ALL_NODES;
	law_refuses(law_ndp_parse_from, MSG(frame_na), -EBADMSG);
	memcpy(msg, frame_na + 54, 32);
	msg[4] = 0x20;
	assert_int_equal(ndp_parse(msg, 32, &from, &r), 24);
	assert_true(r.na.override && !r.na.solicited);

	/* 6.1.2, 8.1: routers speak by their link-local address */
	from = ip_of(frame_ra);
	from.src = one;
	law_refuses(law_ndp_parse_from, MSG(frame_ra), -EBADMSG);
	from = ip_of(frame_redirect6);
	from.src = one;
	law_refuses(law_ndp_parse_from, MSG(frame_redirect6), -EBADMSG);

	/* 8.1: the target is a router's link-local address, or the destination itself */
	from = ip_of(frame_redirect6);
	law_refuses_byte(law_ndp_parse_from, MSG(frame_redirect6), 8, 0x20, -EBADMSG);
	law_refuses_byte(law_ndp_parse_from, MSG(frame_redirect6), 24, 0xff, -EBADMSG);
	memcpy(msg, frame_redirect6 + 54, 40);
	memcpy(msg + 8, msg + 24, 16);
	assert_int_equal(ndp_parse(msg, 40, &from, &r), 40);
}

static void other_types(void **state)
{
	uint8_t msg[40] = { 0 };

	(void)state;
	from = ip_of(frame_ns);
	for (unsigned int type = 0; type <= 0xff; type++) {
		if (type >= NDP_TYPE_ROUTER_SOLICIT && type <= NDP_TYPE_REDIRECT)
			continue;
		msg[0] = (uint8_t)type;
		law_refuses(law_ndp_parse_from, msg, sizeof(msg), -EPROTONOSUPPORT);
	}
}

static void preferences(void **state)
{
	static const enum ndp_preference want[] = { NDP_PREFERENCE_MEDIUM, NDP_PREFERENCE_HIGH,
						    NDP_PREFERENCE_MEDIUM, NDP_PREFERENCE_LOW };
	uint8_t msg[16];

	(void)state;
	memcpy(msg, frame_ra + 54, 16);
	from = ip_of(frame_ra);
	for (unsigned int i = 0; i < 4; i++) {
		struct ndp_repr r = { 0 };

		msg[5] = (uint8_t)(i << 3 | 0x80);
		assert_int_equal(ndp_parse_from(msg, 16, &r), 16);
		assert_int_equal(r.ra.preference, want[i]);
		assert_true(r.ra.managed && !r.ra.other);
	}
}

/* Each flag comes back as it went, whatever the others are. */
static void every_flag(void **state)
{
	static const enum ndp_preference pref[] = { NDP_PREFERENCE_MEDIUM, NDP_PREFERENCE_HIGH,
						    NDP_PREFERENCE_LOW };

	(void)state;
	for (unsigned int bits = 0; bits < 12; bits++) {
		const struct ndp_repr ra = { .type = NDP_TYPE_ROUTER_ADVERT,
					     .ra = { .managed = bits & 1,
						     .other = bits & 2,
						     .preference = pref[bits / 4] } };
		const struct ndp_repr na = { .type = NDP_TYPE_NEIGH_ADVERT,
					     .na = { .target = one,
						     .router = bits & 1,
						     .solicited = bits & 2,
						     .override = bits & 4 } };
		const struct ndp_opt opt = { .type = NDP_OPT_PREFIX,
					     .known = true,
					     .prefix = {
						     .on_link = bits & 1,
						     .autonomous = bits & 2,
						     .len = (uint8_t)(bits * 10),
						     .addr = ip6_addr_prefix(one, bits * 10) } };
		struct ndp_opt opt_again = { 0 };
		struct ndp_repr again = { 0 };
		uint8_t buf[32];

		from = ip_of(frame_ra);
		assert_int_equal(ndp_emit(buf, sizeof(buf), &ra), 16);
		assert_int_equal(buf[5] & 0x27, 0); /* reserved, and a home agent's */
		assert_int_equal(ndp_parse_from(buf, 16, &again), 16);
		assert_true(ndp_same(&ra, &again));
		from = ip_of(frame_na);
		assert_int_equal(ndp_emit(buf, sizeof(buf), &na), 24);
		assert_int_equal(get_be32(buf + 4) & 0x1fffffff, 0);
		assert_int_equal(ndp_parse_from(buf, 24, &again), 24);
		assert_true(ndp_same(&na, &again));
		assert_int_equal(ndp_opt_emit(buf, sizeof(buf), &opt), 32);
		assert_int_equal(buf[3] & 0x3f, 0);
		assert_int_equal(ndp_opt_parse(buf, sizeof(buf), &opt_again), 32);
		assert_true(ndp_opt_same(&opt, &opt_again));
	}
}

/* No link address is made up from a list that cannot be read. */
static void link_address_of_a_bad_list(void **state)
{
	static const uint8_t list[] = { NDP_OPT_MTU,           1, 0, 0, 0, 0, 5, 0,
					NDP_OPT_SOURCE_LLADDR, 2, 0, 0, 0, 0, 0, 0 };
	struct eth_addr mac;

	(void)state;
	memset(&mac, 0xa5, sizeof(mac));
	assert_false(ndp_lladdr(list, sizeof(list), 0, NDP_OPT_SOURCE_LLADDR, &mac));
	assert_false(ndp_lladdr(list, 8, 0, NDP_OPT_SOURCE_LLADDR, &mac));
	assert_true(law_untouched(mac.b, sizeof(mac.b)));
}

/* A message with an option of no length is refused whole (4.6), whatever the option. */
static void options_without_length(void **state)
{
	(void)state;
	from = ip_of(frame_ra);
	for (size_t at = 17; at < sizeof(frame_ra) - 54;) {
		const size_t n = frame_ra[54 + at] * 8U;

		law_refuses_byte(law_ndp_parse_from, MSG(frame_ra), at, 0, -EBADMSG);
		law_refuses_byte(law_ndp_parse_from, MSG(frame_ra), at, 255, -EBADMSG);
		at += n;
	}
}

static void laws_of_options(void **state)
{
	static const uint8_t nonce[] = { NDP_OPT_NONCE, 1, 1, 2, 3, 4, 5, 6 };

	(void)state;
	for (size_t at = 54 + 16; frame_ra[at] != 31; at += frame_ra[at + 1] * 8U) {
		law_truncation(law_ndp_opt_parse, frame_ra + at, frame_ra[at + 1] * 8U);
		law_round_trip(law_ndp_opt_parse, law_ndp_opt_emit, law_ndp_opt_same, frame_ra + at,
			       frame_ra[at + 1] * 8U, 0);
	}
	law_truncation(law_ndp_opt_parse, nonce, sizeof(nonce));
	law_round_trip(law_ndp_opt_parse, law_ndp_opt_emit, law_ndp_opt_same, nonce, 8, 0);
}

/* The redirected packet stays where it is: only what stands before it is written. */
static void redirected_header(void **state)
{
	const uint8_t *opt = frame_redirect6 + 54 + 40;
	const size_t len = sizeof(frame_redirect6) - 54 - 40;
	uint8_t buf[200];
	struct ndp_opt o = { 0 };

	(void)state;
	assert_int_equal(ndp_opt_parse(opt, len, &o), 112);
	assert_int_equal(o.type, NDP_OPT_REDIRECTED);
	assert_int_equal(o.redirected_len, 104);
	memcpy(buf, opt, 112);
	memset(buf, 0xa5, 8);
	assert_int_equal(ndp_opt_emit(buf, sizeof(buf), &o), 112);
	assert_memory_equal(buf, opt, 112);
}

/* A known option of a length it does not have is passed over, but for link addresses. */
static void options_of_other_lengths(void **state)
{
	static const struct {
		uint8_t type, good;
	} row[] = { { NDP_OPT_PREFIX, 4 }, { NDP_OPT_MTU, 1 }, { NDP_OPT_NONCE, 1 } };
	uint8_t opt[256 * 8] = { 0 };
	struct ndp_opt o = { 0 };

	(void)state;
	for (unsigned int units = 1; units <= 255; units++) {
		opt[1] = (uint8_t)units;
		for (size_t i = 0; i < ARRAY_SIZE(row); i++) {
			opt[0] = row[i].type;
			assert_int_equal(ndp_opt_parse(opt, sizeof(opt), &o), units * 8);
			assert_int_equal(o.known, units == row[i].good);
		}
		opt[0] = NDP_OPT_RDNSS;
		assert_int_equal(ndp_opt_parse(opt, sizeof(opt), &o), units * 8);
		assert_int_equal(o.known, units >= 3 && units % 2);
		if (o.known)
			assert_int_equal(o.rdnss.n, units / 2 < 3 ? units / 2 : 3);
		opt[0] = NDP_OPT_SOURCE_LLADDR;
		assert_int_equal(ndp_opt_parse(opt, sizeof(opt), &o), units == 1 ? 8 : -EBADMSG);
	}
	/* A prefix longer than an address; one whose bits beyond its length are set. */
	opt[0] = NDP_OPT_PREFIX;
	opt[1] = 4;
	opt[2] = 129;
	assert_int_equal(ndp_opt_parse(opt, sizeof(opt), &o), 32);
	assert_false(o.known);
	opt[2] = 128;
	assert_int_equal(ndp_opt_parse(opt, sizeof(opt), &o), 32);
	assert_true(o.known);
	opt[2] = 10;
	memset(opt + 16, 0xff, 16);
	assert_int_equal(ndp_opt_parse(opt, sizeof(opt), &o), 32);
	assert_true(o.known && o.prefix.addr.hi == 0xffc0000000000000 && o.prefix.addr.lo == 0);
}

static void emits_no_illegal_one(void **state)
{
	const struct ndp_repr bad[] = {
		{ .type = (enum ndp_type)138 },
		{ .type = NDP_TYPE_ROUTER_ADVERT, .ra.preference = (enum ndp_preference)2 },
		{ .type = NDP_TYPE_NEIGH_SOLICIT, .ns.target = IP6_ALL_NODES },
		{ .type = NDP_TYPE_NEIGH_ADVERT, .na.target = IP6_ALL_NODES },
		{ .type = NDP_TYPE_REDIRECT, .redirect.target = one, .redirect.dst = two },
		{ .type = NDP_TYPE_REDIRECT,
		  .redirect.target = IP6_ALL_NODES,
		  .redirect.dst = IP6_ALL_NODES },
	};
	const struct ndp_opt bad_opt[] = {
		{ .type = NDP_OPT_MTU },
		{ .type = 31, .known = true },
		{ .type = NDP_OPT_PREFIX, .known = true, .prefix.len = 129 },
		{ .type = NDP_OPT_RDNSS, .known = true, .rdnss.n = 0 },
		{ .type = NDP_OPT_RDNSS, .known = true, .rdnss.n = 4 },
		{ .type = NDP_OPT_REDIRECTED, .known = true, .redirected_len = 12 },
		{ .type = NDP_OPT_REDIRECTED, .known = true, .redirected_len = 255 * 8 },
	};
	uint8_t buf[64];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_int_equal(ndp_emit(buf, sizeof(buf), &bad[i]), -EINVAL);
	for (size_t i = 0; i < ARRAY_SIZE(bad_opt); i++)
		assert_int_equal(ndp_opt_emit(buf, sizeof(buf), &bad_opt[i]), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(solicitations),
		cmocka_unit_test(advertisements),
		cmocka_unit_test(options_of_an_advertisement),
		cmocka_unit_test(laws),
		cmocka_unit_test(hop_limit_and_code),
		cmocka_unit_test(addresses),
		cmocka_unit_test(other_types),
		cmocka_unit_test(preferences),
		cmocka_unit_test(every_flag),
		cmocka_unit_test(link_address_of_a_bad_list),
		cmocka_unit_test(options_without_length),
		cmocka_unit_test(laws_of_options),
		cmocka_unit_test(redirected_header),
		cmocka_unit_test(options_of_other_lengths),
		cmocka_unit_test(emits_no_illegal_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
