/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "netstack/net/igmp.h"

#include "tests/unit/netstack/net/messages.h"
#include "wire/igmp.h"

static const struct ip6_addr QUERIER = { 0, 0xffff0a0000feULL }; /* 10.0.0.254 */

#define GROUP(n) rig_ip4(239, 1, 2, n)

/* A host that has said all that it has to say of itself. */
static void host_init(struct rig *r)
{
	rig_init(r);
	(void)rig_link_add(r, IFACE_ETHERNET, RIG_MTU, 0);
	rig_addr_add(r, 0, RIG_US4, 24);
	rig_sleep(r, 60000);
	rig_forget(r);
}

static void join(struct rig *r, struct ip6_addr group)
{
	assert_int_equal(ip_group_join(&r->st->net, r->link[0].ifindex, group, NULL), 0);
}

static void leave(struct rig *r, struct ip6_addr group)
{
	assert_int_equal(ip_group_leave(&r->st->net, r->link[0].ifindex, group), 0);
}

static void query(struct rig *r, uint8_t version, uint32_t group, uint16_t max_resp,
		  const uint32_t *source, uint16_t n)
{
	const struct igmp_repr q = {
		.type = IGMP_TYPE_QUERY,
		.version = version,
		.group = group,
		.max_resp = version == 1 ? IGMP_MAX_RESP_V1 : max_resp,
		.interval_s = version == 3 ? 125 : 0,
		.robustness = version == 3 ? 2 : 0,
		.n_sources = n,
	};
	uint8_t msg[200];
	int len = igmp_emit(msg, sizeof(msg), &q);

	assert_true(len > 0);
	for (unsigned i = 0; i < n; i++, len += 4)
		put_be32(msg + len, source[i]);
	igmp_put_csum(msg, (size_t)len);
	send_ip(r, QUERIER, group ? ip6_addr_of_ip4(group) : ip6_addr_of_ip4(IP4_ALL_HOSTS),
		IP_PROTO_IGMP, 1, msg, (uint16_t)len);
}

/* --- what was said --- */

/* Frame @i is a version 3 report.  Return: its records; *@ret the first one's place. */
static unsigned int see3(const struct rig *r, unsigned int i, const uint8_t **ret)
{
	const struct seen s = see4(r, i, IP_PROTO_IGMP);
	struct igmp_repr m;

	assert_int_equal(s.ttl, 1);
	assert_int_equal(s.tos, 0xc0);
	assert_true(s.router_alert);
	assert_addr(s.src, RIG_US4);
	assert_addr(s.dst, ip6_addr_of_ip4(IP4_IGMP3));
	assert_int_equal(igmp_parse(s.msg, s.len, &m), IGMP_HDR_LEN);
	assert_int_equal(m.type, IGMP_TYPE_REPORT3);
	*ret = s.msg + IGMP_HDR_LEN;
	return m.n_records;
}

/* Frame @i reports one group as that. */
static void assert_record(const struct rig *r, unsigned int i, struct ip6_addr group, uint8_t type,
			  unsigned int n_sources)
{
	struct igmp_record rec = { .type = 0 };
	const uint8_t *at;

	assert_int_equal(see3(r, i, &at), 1);
	assert_true(igmp_record_parse(at, 100, &rec) > 0);
	assert_int_equal(rec.group, (uint32_t)group.lo);
	assert_int_equal(rec.type, type);
	assert_int_equal(rec.n_sources, n_sources);
}

static void assert_old(const struct rig *r, unsigned int i, uint32_t group, uint8_t type,
		       uint32_t dst, bool alert)
{
	const struct seen s = see4(r, i, IP_PROTO_IGMP);

	assert_int_equal(s.ttl, 1);
	assert_int_equal(s.router_alert, alert);
	assert_addr(s.dst, ip6_addr_of_ip4(dst));
	assert_int_equal(s.len, IGMP_HDR_LEN);
	assert_int_equal(s.msg[0], type);
	assert_int_equal(get_be32(s.msg + 4), group);
}

/* --- version 3 --- */

static void joins_and_leaves_are_said_twice(void **state)
{
	struct rig r;

	(void)state;
	host_init(&r);
	join(&r, GROUP(1));
	join(&r, GROUP(1)); /* the second one is no news */
	rig_sleep(&r, 1);
	assert_int_equal(r.link[0].n, 1);
	rig_sleep(&r, 10000);
	assert_int_equal(r.link[0].n, 2);
	assert_record(&r, 0, GROUP(1), IGMP_RECORD_TO_EXCLUDE, 0);
	assert_record(&r, 1, GROUP(1), IGMP_RECORD_TO_EXCLUDE, 0);
	rig_forget(&r);
	leave(&r, GROUP(1));
	rig_sleep(&r, 10000);
	assert_int_equal(r.link[0].n, 0);
	leave(&r, GROUP(1));
	rig_sleep(&r, 10000);
	assert_int_equal(r.link[0].n, 2);
	assert_record(&r, 0, GROUP(1), IGMP_RECORD_TO_INCLUDE, 0);
	assert_record(&r, 1, GROUP(1), IGMP_RECORD_TO_INCLUDE, 0);
	assert_int_equal(netstack_deadline(r.st), TIMER_NEVER);
	rig_done(&r);
}

/* Joined again before the leave was said again. */
static void the_last_word_counts(void **state)
{
	struct rig r;

	(void)state;
	host_init(&r);
	join(&r, GROUP(1));
	rig_sleep(&r, 10000);
	rig_forget(&r);
	leave(&r, GROUP(1));
	join(&r, GROUP(1));
	rig_sleep(&r, 10000);
	assert_int_equal(r.link[0].n, 3);
	assert_record(&r, 0, GROUP(1), IGMP_RECORD_TO_INCLUDE, 0);
	assert_record(&r, 1, GROUP(1), IGMP_RECORD_TO_EXCLUDE, 0);
	assert_record(&r, 2, GROUP(1), IGMP_RECORD_TO_EXCLUDE, 0);
	rig_done(&r);
}

static void a_general_query_is_answered_for_all(void **state)
{
	const uint8_t *at;
	struct rig r;

	(void)state;
	host_init(&r);
	for (uint8_t i = 0; i < 200; i++) {
		join(&r, GROUP(i));
		rig_sleep(&r, 3000);
		rig_forget(&r);
	}
	query(&r, 3, 0, 50, NULL, 0);
	query(&r, 3, 0, 50, NULL, 0); /* answered together */
	assert_int_equal(r.link[0].n, 0);
	rig_sleep(&r, 5002);
	/* 64 records at a time, of up to 183 in a packet. */
	assert_int_equal(r.link[0].n, 4);
	assert_int_equal(see3(&r, 0, &at), 64);
	assert_int_equal(see3(&r, 3, &at), 200 - 3 * 64);
	for (unsigned i = 0; i < 8; i++) {
		struct igmp_record rec = { .type = 0 };

		at += igmp_record_parse(at, 100, &rec);
		assert_int_equal(rec.type, IGMP_RECORD_IS_EXCLUDE);
	}
	rig_done(&r);
}

/* RFC 3376, 5.2 (1): the answer for all groups comes sooner and says it. */
static void a_pending_answer_for_all_is_enough(void **state)
{
	const uint8_t *at;
	struct rig r;

	(void)state;
	host_init(&r);
	join(&r, GROUP(1));
	rig_sleep(&r, 3000);
	rig_forget(&r);
	query(&r, 3, 0, 1, NULL, 0);
	query(&r, 3, (uint32_t)GROUP(1).lo, 1000, NULL, 0);
	rig_sleep(&r, 200000);
	assert_int_equal(r.link[0].n, 1);
	assert_int_equal(see3(&r, 0, &at), 1);
	rig_done(&r);
}

static void a_query_for_a_group_or_its_sources_is_answered(void **state)
{
	static const uint32_t source[9] = { 1, 2, 3, 4, 5, 6, 7, 8, 9 };
	const uint8_t *at;
	struct rig r;

	(void)state;
	host_init(&r);
	join(&r, GROUP(1));
	rig_sleep(&r, 3000);
	rig_forget(&r);
	query(&r, 3, (uint32_t)GROUP(1).lo, 10, NULL, 0);
	rig_sleep(&r, 1002);
	assert_int_equal(r.link[0].n, 1);
	assert_record(&r, 0, GROUP(1), IGMP_RECORD_IS_EXCLUDE, 0);
	rig_forget(&r);
	/* Sources of two queries, one of them in both. */
	query(&r, 3, (uint32_t)GROUP(1).lo, 10, source, 3);
	query(&r, 3, (uint32_t)GROUP(1).lo, 10, source + 2, 2);
	rig_sleep(&r, 1002);
	assert_int_equal(r.link[0].n, 1);
	assert_record(&r, 0, GROUP(1), IGMP_RECORD_IS_INCLUDE, 4);
	assert_int_equal(see3(&r, 0, &at), 1);
	for (uint32_t i = 0; i < 4; i++)
		assert_int_equal(get_be32(at + 8 + 4 * i), i + 1);
	rig_forget(&r);
	/* Too many, and: the group was asked for already. */
	for (unsigned i = 0; i < 2; i++) {
		query(&r, 3, (uint32_t)GROUP(1).lo, 10, source, i ? 0 : 9);
		query(&r, 3, (uint32_t)GROUP(1).lo, 10, source, 2);
		rig_sleep(&r, 1002);
		assert_int_equal(r.link[0].n, 1);
		assert_record(&r, 0, GROUP(1), IGMP_RECORD_IS_EXCLUDE, 0);
		rig_forget(&r);
	}
	/* Not ours. */
	query(&r, 3, (uint32_t)GROUP(2).lo, 10, NULL, 0);
	rig_sleep(&r, 1002);
	assert_int_equal(r.link[0].n, 0);
	rig_done(&r);
}

/* --- older queriers --- */

static void version_2_is_spoken_to_those_who_speak_it(void **state)
{
	struct rig r;

	(void)state;
	host_init(&r);
	join(&r, GROUP(1));
	rig_sleep(&r, 3000);
	rig_forget(&r);
	query(&r, 2, 0, 20, NULL, 0);
	rig_sleep(&r, 2002);
	assert_int_equal(r.link[0].n, 1);
	assert_old(&r, 0, (uint32_t)GROUP(1).lo, IGMP_TYPE_REPORT2, (uint32_t)GROUP(1).lo, true);
	rig_forget(&r);
	leave(&r, GROUP(1));
	rig_sleep(&r, 10000);
	assert_int_equal(r.link[0].n, 1);
	assert_old(&r, 0, (uint32_t)GROUP(1).lo, IGMP_TYPE_LEAVE, IP4_ALL_ROUTERS, true);
	rig_forget(&r);
	join(&r, GROUP(2));
	rig_sleep(&r, 30000);
	assert_int_equal(r.link[0].n, 2);
	assert_old(&r, 1, (uint32_t)GROUP(2).lo, IGMP_TYPE_REPORT2, (uint32_t)GROUP(2).lo, true);
	rig_forget(&r);
	/* 2 * 125 + 2 seconds after its last query it is gone (RFC 3376, 8.12). */
	rig_sleep(&r, 240000);
	join(&r, GROUP(3));
	rig_sleep(&r, 10000);
	assert_int_equal(r.link[0].n, 2);
	assert_record(&r, 1, GROUP(3), IGMP_RECORD_TO_EXCLUDE, 0);
	rig_done(&r);
}

static void version_1_knows_no_leave(void **state)
{
	struct rig r;

	(void)state;
	host_init(&r);
	query(&r, 1, 0, 0, NULL, 0);
	join(&r, GROUP(1));
	rig_sleep(&r, 1);
	assert_int_equal(r.link[0].n, 1);
	assert_old(&r, 0, (uint32_t)GROUP(1).lo, IGMP_TYPE_REPORT1, (uint32_t)GROUP(1).lo, false);
	rig_sleep(&r, 30000);
	rig_forget(&r);
	leave(&r, GROUP(1));
	rig_sleep(&r, 30000);
	assert_int_equal(r.link[0].n, 0);
	rig_done(&r);
}

/* RFC 2236, 3: another member said it; and then it is not for us to say that it is left. */
static void others_reports_save_ours(void **state)
{
	const struct igmp_repr rep = {
		.type = IGMP_TYPE_REPORT2,
		.group = IP4_ADDR(239, 1, 2, 1),
	};
	uint8_t msg[8];
	struct rig r;

	(void)state;
	host_init(&r);
	query(&r, 2, 0, 100, NULL, 0);
	rig_sleep(&r, 20000);
	join(&r, GROUP(1));
	rig_sleep(&r, 30000);
	rig_forget(&r);
	assert_int_equal(igmp_emit(msg, 8, &rep), 8);
	igmp_put_csum(msg, 8);
	query(&r, 2, rep.group, 100, NULL, 0);
	send_ip(&r, RIG_PEER4, GROUP(1), IP_PROTO_IGMP, 1, msg, 8);
	rig_sleep(&r, 20000);
	assert_int_equal(r.link[0].n, 0);
	leave(&r, GROUP(1));
	rig_sleep(&r, 20000);
	assert_int_equal(r.link[0].n, 0);
	rig_done(&r);
}

static void a_fixed_version_is_spoken_to_all(void **state)
{
	struct rig r;

	(void)state;
	host_init(&r);
	netstack_ip_params(r.st)->igmp_version = 2;
	join(&r, GROUP(1));
	rig_sleep(&r, 1);
	assert_old(&r, 0, (uint32_t)GROUP(1).lo, IGMP_TYPE_REPORT2, (uint32_t)GROUP(1).lo, true);
	netstack_ip_params(r.st)->igmp_version = 3;
	rig_sleep(&r, 30000);
	rig_forget(&r);
	query(&r, 2, 0, 10, NULL, 0);
	rig_sleep(&r, 10000);
	assert_record(&r, 0, GROUP(1), IGMP_RECORD_IS_EXCLUDE, 0);
	rig_done(&r);
}

/* --- life and bad input --- */

static void an_interface_that_comes_up_tells_its_groups(void **state)
{
	struct rig r;

	(void)state;
	host_init(&r);
	join(&r, GROUP(1));
	assert_int_equal(netstack_link_set_up(r.st, r.link[0].ifindex, false), 0);
	rig_sleep(&r, 10000);
	join(&r, GROUP(2));
	leave(&r, GROUP(2));
	rig_sleep(&r, 10000);
	rig_forget(&r);
	assert_int_equal(netstack_link_set_up(r.st, r.link[0].ifindex, true), 0);
	rig_sleep(&r, 10000);
	assert_int_equal(r.link[0].n, 2);
	assert_record(&r, 0, GROUP(1), IGMP_RECORD_TO_EXCLUDE, 0);
	rig_done(&r);
}

/* More than are remembered are said once. */
static void many_leaves_at_once_are_all_said(void **state)
{
	unsigned int said[64] = { 0 };
	struct rig r;

	(void)state;
	host_init(&r);
	for (uint8_t i = 0; i < 64; i++)
		join(&r, GROUP(i));
	rig_sleep(&r, 3000);
	rig_forget(&r);
	for (uint8_t i = 0; i < 64; i++)
		leave(&r, GROUP(i));
	rig_sleep(&r, 3000);
	for (unsigned i = 0; i < r.link[0].n; i++) {
		const uint8_t *at;

		for (unsigned n = see3(&r, i, &at); n; n--) {
			struct igmp_record rec = { .type = 0 };

			at += igmp_record_parse(at, 100, &rec);
			assert_int_equal(rec.type, IGMP_RECORD_TO_INCLUDE);
			said[rec.group & 0xff]++;
		}
	}
	for (unsigned i = 0; i < 64; i++)
		assert_int_equal(said[i], i < MCAST_LEFT_MAX ? 2 : 1);
	rig_done(&r);
}

static void what_is_wrong_is_dropped(void **state)
{
	uint8_t msg[8] = { IGMP_TYPE_QUERY, 10 };
	struct rig r;

	(void)state;
	host_init(&r);
	igmp_put_csum(msg, 8);
	send_ip(&r, QUERIER, rig_ip4(224, 0, 0, 1), IP_PROTO_IGMP, 2, msg, 8); /* from afar */
	msg[2]++;
	send_ip(&r, QUERIER, rig_ip4(224, 0, 0, 1), IP_PROTO_IGMP, 1, msg, 8);
	send_ip(&r, QUERIER, rig_ip4(224, 0, 0, 1), IP_PROTO_IGMP, 1, msg, 7);
	assert_int_equal(rig_drops(&r, DROP_IGMP_BAD), 3);
	msg[0] = IGMP_TYPE_LEAVE;
	put_be32(msg + 4, (uint32_t)GROUP(1).lo);
	igmp_put_csum(msg, 8);
	send_ip(&r, QUERIER, rig_ip4(224, 0, 0, 1), IP_PROTO_IGMP, 1, msg, 8);
	assert_int_equal(rig_drops(&r, DROP_ICMP_TYPE), 1);
	assert_int_equal(netstack_deadline(r.st), TIMER_NEVER);
	rig_done(&r);
}

static void without_memory_it_goes_on(void **state)
{
	struct pbuf_pool_stats stats;
	struct rig r;

	(void)state;
	host_init(&r);
	join(&r, GROUP(1));
	pbuf_pool_stats(netstack_pool(r.st), &stats);
	pbuf_pool_set_limit(netstack_pool(r.st), stats.bytes);
	rig_sleep(&r, 10000);
	assert_int_equal(r.link[0].n, 0);
	assert_int_equal(rig_drops(&r, DROP_NO_MEMORY), 2);
	pbuf_pool_set_limit(netstack_pool(r.st), UINT64_MAX);
	query(&r, 3, 0, 10, NULL, 0);
	rig_sleep(&r, 10000);
	assert_int_equal(r.link[0].n, 1);
	rig_done(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(joins_and_leaves_are_said_twice),
		cmocka_unit_test(the_last_word_counts),
		cmocka_unit_test(a_general_query_is_answered_for_all),
		cmocka_unit_test(a_pending_answer_for_all_is_enough),
		cmocka_unit_test(a_query_for_a_group_or_its_sources_is_answered),
		cmocka_unit_test(version_2_is_spoken_to_those_who_speak_it),
		cmocka_unit_test(version_1_knows_no_leave),
		cmocka_unit_test(others_reports_save_ours),
		cmocka_unit_test(a_fixed_version_is_spoken_to_all),
		cmocka_unit_test(an_interface_that_comes_up_tells_its_groups),
		cmocka_unit_test(many_leaves_at_once_are_all_said),
		cmocka_unit_test(what_is_wrong_is_dropped),
		cmocka_unit_test(without_memory_it_goes_on),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
