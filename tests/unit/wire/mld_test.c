/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "wire/mld.h"

#include "tests/unit/wire/frames.h"
#include "tests/unit/wire/law.h"
#include "tests/unit/wire/same.h"

/* The message in a frame with hop-by-hop options of 8 bytes. */
#define MSG(frame) (frame) + 62, sizeof(frame) - 62

/* What every message here comes in. */
static const struct icmp6_ip good_ip = {
	.src = { 0xfe80000000000000, 0x000000fffe00000a },
	.dst = { 0xff02000000000000, 1 },
	.hop_limit = 1,
	.router_alert = true,
};

static int mld_parse_good(const uint8_t *buf, size_t len, struct mld_repr *ret)
{
	return mld_parse(buf, len, &good_ip, ret);
}

LAW_PARSE(mld_parse_good, mld_repr);
LAW_EMIT(mld_emit, mld_repr);
LAW_SAME(mld_same, mld_repr);
LAW_PARSE(mld_record_parse, mld_record);
LAW_EMIT(mld_record_emit, mld_record);
LAW_SAME(mld_record_same, mld_record);

static void of_the_kernel(void **state)
{
	const struct ip6_addr group = { 0xff15000000000000, 0x1234 };
	struct mld_repr r = { 0 };

	(void)state;
	assert_int_equal(mld_parse_good(MSG(frame_mld2_query), &r), 28);
	assert_int_equal(r.type, MLD_TYPE_QUERY);
	assert_int_equal(r.version, 2);
	assert_true(ip6_addr_is_unspecified(r.group));
	assert_int_equal(r.max_resp_ms, 1000);
	assert_int_equal(r.robustness, 2);
	assert_int_equal(r.interval_s, 2);
	assert_int_equal(r.n_sources, 0);

	assert_int_equal(mld_parse_good(MSG(frame_mld1_query), &r), 24);
	assert_int_equal(r.version, 1);
	assert_int_equal(r.max_resp_ms, 1000);

	assert_int_equal(mld_parse_good(MSG(frame_mld1_report), &r), 24);
	assert_int_equal(r.type, MLD_TYPE_REPORT1);
	assert_true(ip6_addr_eq(r.group, group));
	assert_int_equal(mld_parse_good(MSG(frame_mld1_done), &r), 24);
	assert_int_equal(r.type, MLD_TYPE_DONE);
	assert_true(ip6_addr_eq(r.group, group));
}

static void records(void **state)
{
	const uint8_t *p = frame_mld2_report + 62;
	const size_t len = sizeof(frame_mld2_report) - 62;
	struct mld_record rec = { 0 };
	struct mld_repr r = { 0 };

	(void)state;
	assert_int_equal(mld_parse_good(p, len, &r), 8);
	assert_int_equal(r.type, MLD_TYPE_REPORT2);
	assert_int_equal(r.n_records, 2);
	assert_int_equal(mld_record_parse(p + 8, len - 8, &rec), 20);
	assert_int_equal(rec.type, MLD_RECORD_TO_EXCLUDE);
	assert_int_equal(rec.n_sources, 0);
	assert_true(ip6_addr_is_solicited(rec.group));
	assert_int_equal(mld_record_parse(p + 28, len - 28, &rec), 20);
}

static void laws(void **state)
{
	(void)state;
	law_truncation(law_mld_parse_good, frame_mld1_query + 62, 24);
	law_truncation(law_mld_parse_good, MSG(frame_mld1_report));
	law_truncation(law_mld_parse_good, MSG(frame_mld2_report));
	law_truncation(law_mld_record_parse, frame_mld2_report + 70, 20);
	law_round_trip(law_mld_parse_good, law_mld_emit, law_mld_same, MSG(frame_mld2_query), 2);
	law_round_trip(law_mld_parse_good, law_mld_emit, law_mld_same, MSG(frame_mld1_query), 2);
	law_round_trip(law_mld_parse_good, law_mld_emit, law_mld_same, MSG(frame_mld2_report), 2);
	law_round_trip(law_mld_parse_good, law_mld_emit, law_mld_same, MSG(frame_mld1_report), 2);
	law_round_trip(law_mld_parse_good, law_mld_emit, law_mld_same, MSG(frame_mld1_done), 2);
	law_round_trip(law_mld_record_parse, law_mld_record_emit, law_mld_record_same,
		       frame_mld2_report + 70, 20, 0);
}

/* RFC 3810, 5.1.14, 6.2 and 7.4: of this link, for routers to look at. */
static void packets_it_may_come_in(void **state)
{
	struct icmp6_ip ip = good_ip;
	struct mld_repr r;

	(void)state;
	for (unsigned int hops = 0; hops <= 255; hops++) {
		ip.hop_limit = (uint8_t)hops;
		assert_int_equal(mld_parse(MSG(frame_mld1_report), &ip, &r),
				 hops == 1 ? 24 : -EBADMSG);
	}
	ip = good_ip;
	ip.router_alert = false;
	assert_int_equal(mld_parse(MSG(frame_mld1_query), &ip, &r), -EBADMSG);
	ip = good_ip;
	ip.src = (struct ip6_addr){ 0x20010db800000000, 1 };
	assert_int_equal(mld_parse(MSG(frame_mld2_query), &ip, &r), -EBADMSG);
	ip.src = ip6_addr_get(frame_mld2_report_dad + 22);
	assert_true(ip6_addr_is_unspecified(ip.src));
	assert_int_equal(mld_parse(MSG(frame_mld2_report_dad), &ip, &r), -EBADMSG);
}

/* The length makes the version (RFC 3810, 8.1). */
static void versions_of_a_query(void **state)
{
	uint8_t msg[28] = { MLD_TYPE_QUERY };

	(void)state;
	for (size_t n = 25; n < 28; n++)
		law_refuses(law_mld_parse_good, msg, n, -EBADMSG);
	for (uint32_t code = 0; code <= 0xffff; code += 255) {
		put_be16(msg + 4, (uint16_t)code);
		msg[24] = (uint8_t)(code & 15);
		msg[25] = (uint8_t)code;
		law_round_trip(law_mld_parse_good, law_mld_emit, law_mld_same, msg, 24, 0);
		law_round_trip(law_mld_parse_good, law_mld_emit, law_mld_same, msg, 28, 0);
	}
}

static void sources_of_a_query(void **state)
{
	uint8_t msg[28 + 2 * 16] = { MLD_TYPE_QUERY, [24] = 2, 125, 0, 2 };
	struct mld_repr r = { 0 };

	(void)state;
	/* Sources of all groups make no sense. */
	law_refuses(law_mld_parse_good, msg, sizeof(msg), -EBADMSG);
	msg[8] = 0xff;
	msg[9] = 0x0e;
	assert_int_equal(mld_parse_good(msg, sizeof(msg), &r), 28);
	assert_int_equal(r.n_sources, 2);
	for (size_t n = 28; n < sizeof(msg); n++)
		law_refuses(law_mld_parse_good, msg, n, -ENODATA);
	/* Neither all groups nor one. */
	msg[8] = 0x20;
	law_refuses(law_mld_parse_good, msg, sizeof(msg), -EBADMSG);
}

static void refused(void **state)
{
	(void)state;
	law_refuses_byte(law_mld_parse_good, MSG(frame_mld1_report), 8, 0x20, -EBADMSG);
	law_refuses_byte(law_mld_parse_good, MSG(frame_mld1_done), 8, 0x20, -EBADMSG);
	law_refuses_byte(law_mld_parse_good, MSG(frame_mld2_report), 12, 0x20, -EBADMSG);
	law_refuses_byte(law_mld_parse_good, MSG(frame_mld2_report), 7, 3, -ENODATA);
	law_refuses_byte(law_mld_parse_good, MSG(frame_mld2_report), 10, 1, -ENODATA);
	law_refuses_byte(law_mld_parse_good, MSG(frame_mld2_report), 29, 1, -ENODATA);
	for (unsigned int type = 0; type <= 0xff; type++)
		if (type != 143 && (type < 130 || type > 132))
			law_refuses_byte(law_mld_parse_good, MSG(frame_mld1_report), 0,
					 (uint8_t)type, -EPROTONOSUPPORT);
}

static void emits_no_illegal_one(void **state)
{
	const struct ip6_addr host = { 0x20010db800000000, 1 };
	const struct mld_repr bad[] = {
		{ .type = (enum mld_msg)133 },
		{ .type = MLD_TYPE_QUERY, .version = 3 },
		{ .type = MLD_TYPE_QUERY, .version = 1, .max_resp_ms = 0x10000 },
		{ .type = MLD_TYPE_QUERY, .version = 2, .max_resp_ms = MLD_MAX_RESP_MS_MAX + 1 },
		{ .type = MLD_TYPE_QUERY, .version = 2, .interval_s = MLD_INTERVAL_S_MAX + 1 },
		{ .type = MLD_TYPE_QUERY, .version = 2, .robustness = 8 },
		{ .type = MLD_TYPE_QUERY, .version = 2, .n_sources = 1 },
		{ .type = MLD_TYPE_QUERY, .version = 2, .group = host },
		{ .type = MLD_TYPE_REPORT1, .group = host },
		{ .type = MLD_TYPE_DONE },
		{ .type = MLD_TYPE_REPORT2, .group = IP6_MLD2 },
	};
	const struct mld_record rec = { .type = 1, .group = host };
	uint8_t buf[64];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_int_equal(mld_emit(buf, sizeof(buf), &bad[i]), -EINVAL);
	assert_int_equal(mld_record_emit(buf, sizeof(buf), &rec), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(of_the_kernel),
		cmocka_unit_test(records),
		cmocka_unit_test(laws),
		cmocka_unit_test(packets_it_may_come_in),
		cmocka_unit_test(versions_of_a_query),
		cmocka_unit_test(sources_of_a_query),
		cmocka_unit_test(refused),
		cmocka_unit_test(emits_no_illegal_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
