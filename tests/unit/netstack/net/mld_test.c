/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "netstack/net/mld.h"

#include "tests/unit/netstack/net/messages.h"
#include "wire/mld.h"

/* When to say what is tested with IGMP (igmp_test.c): it is the same code. */

static const struct ip6_addr US = { 0xfe80000000000000, 5 };
static const struct ip6_addr QUERIER = { 0xfe80000000000000, 0xfe };

#define GROUP(n) rig_ip6(0xff05000000000000, 0x100 + (n))

/* A host with a link-local address that has said all that it has to say of itself. */
static void host_init(struct rig *r)
{
	rig_init(r);
	(void)rig_link_add(r, IFACE_ETHERNET, RIG_MTU, 0);
	rig_addr_add(r, 0, US, 64);
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

/* With hop-by-hop options in which routers are alerted. */
static void send_mld(struct rig *r, struct ip6_addr dst, uint8_t *msg, uint16_t len)
{
	uint8_t b[300];

	icmp6_put_csum(msg, len, QUERIER, dst);
	assert_int_equal(ipv6_ext_emit_router_alert(b, 8, IP_PROTO_ICMP6, 0), 8);
	memcpy(b + 8, msg, len);
	send_ip(r, QUERIER, dst, IP_PROTO_HOPOPTS, 1, b, (uint16_t)(len + 8));
}

static void query(struct rig *r, uint8_t version, struct ip6_addr group, uint32_t max_resp_ms,
		  const struct ip6_addr *source, uint16_t n)
{
	const struct mld_repr q = {
		.type = MLD_TYPE_QUERY,
		.version = version,
		.group = group,
		.max_resp_ms = max_resp_ms,
		.interval_s = version == 2 ? 125 : 0,
		.robustness = version == 2 ? 2 : 0,
		.n_sources = n,
	};
	uint8_t msg[200];
	int len = mld_emit(msg, sizeof(msg), &q);

	assert_true(len > 0);
	for (unsigned i = 0; i < n; i++, len += 16)
		ip6_addr_put(msg + len, source[i]);
	send_mld(r, ip6_addr_is_unspecified(group) ? IP6_ALL_NODES : group, msg, (uint16_t)len);
}

/* Frame @i is a version 2 report.  Return: its records; *@ret the first one's place. */
static unsigned int see2(const struct rig *r, unsigned int i, struct ip6_addr src,
			 const uint8_t **ret)
{
	const struct seen s = see6(r, i);

	assert_int_equal(s.ttl, 1);
	assert_true(s.router_alert);
	assert_addr(s.src, src);
	assert_addr(s.dst, IP6_MLD2);
	assert_memory_equal(r->link[0].frame[i].data, eth_addr_of_ip6(IP6_MLD2).b, 6);
	assert_int_equal(s.msg[0], MLD_TYPE_REPORT2);
	*ret = s.msg + MLD_REPORT2_LEN;
	return get_be16(s.msg + 6);
}

static void assert_record(const struct rig *r, unsigned int i, struct ip6_addr group, uint8_t type,
			  unsigned int n_sources)
{
	struct mld_record rec = { .type = 0 };
	const uint8_t *at;

	assert_int_equal(see2(r, i, US, &at), 1);
	assert_true(mld_record_parse(at, 200, &rec) > 0);
	assert_addr(rec.group, group);
	assert_int_equal(rec.type, type);
	assert_int_equal(rec.n_sources, n_sources);
}

static void assert_old(const struct rig *r, unsigned int i, struct ip6_addr group, uint8_t type,
		       struct ip6_addr dst)
{
	const struct seen s = see6(r, i);

	assert_int_equal(s.ttl, 1);
	assert_true(s.router_alert);
	assert_addr(s.src, US);
	assert_addr(s.dst, dst);
	assert_int_equal(s.len, MLD_HDR_LEN);
	assert_int_equal(s.msg[0], type);
	assert_addr(ip6_addr_get(s.msg + 8), group);
}

static void joins_and_leaves_are_said_twice(void **state)
{
	struct rig r;

	(void)state;
	host_init(&r);
	join(&r, GROUP(1));
	rig_sleep(&r, 10000);
	assert_int_equal(r.link[0].n, 2);
	assert_record(&r, 0, GROUP(1), MLD_RECORD_TO_EXCLUDE, 0);
	assert_record(&r, 1, GROUP(1), MLD_RECORD_TO_EXCLUDE, 0);
	leave(&r, GROUP(1));
	rig_sleep(&r, 10000);
	assert_int_equal(r.link[0].n, 4);
	assert_record(&r, 2, GROUP(1), MLD_RECORD_TO_INCLUDE, 0);
	assert_record(&r, 3, GROUP(1), MLD_RECORD_TO_INCLUDE, 0);
	assert_int_equal(netstack_deadline(r.st), TIMER_NEVER);
	rig_done(&r);
}

/* RFC 3810, 6: all nodes, and what stays within an interface. */
static void some_groups_are_not_told(void **state)
{
	struct rig r;

	(void)state;
	host_init(&r);
	join(&r, IP6_ALL_NODES);
	join(&r, rig_ip6(0xff01000000000000, 1));
	rig_sleep(&r, 10000);
	query(&r, 2, IP6_UNSPECIFIED, 100, NULL, 0);
	leave(&r, rig_ip6(0xff01000000000000, 1));
	rig_sleep(&r, 10000);
	/* Our own solicited-node group is the only one. */
	assert_int_equal(r.link[0].n, 1);
	assert_record(&r, 0, ip6_addr_solicited(US), MLD_RECORD_IS_EXCLUDE, 0);
	leave(&r, IP6_ALL_NODES);
	rig_done(&r);
}

/* RFC 3590: switches are told before there is an address. */
static void without_an_address_the_source_is_unspecified(void **state)
{
	const uint8_t *at;
	struct rig r;

	(void)state;
	rig_init(&r);
	(void)rig_link_add(&r, IFACE_ETHERNET, RIG_MTU, 0);
	join(&r, GROUP(1));
	rig_sleep(&r, 1);
	assert_int_equal(r.link[0].n, 1);
	assert_int_equal(see2(&r, 0, IP6_UNSPECIFIED, &at), 1);
	rig_sleep(&r, 10000);
	rig_done(&r);
}

static void queries_are_answered(void **state)
{
	const struct ip6_addr source[2] = { { 1, 1 }, { 1, 2 } };
	const uint8_t *at;
	struct rig r;

	(void)state;
	host_init(&r);
	for (unsigned i = 0; i < 100; i++) {
		join(&r, GROUP(i));
		rig_sleep(&r, 3000);
		rig_forget(&r);
	}
	query(&r, 2, IP6_UNSPECIFIED, 1000, NULL, 0);
	rig_sleep(&r, 1002);
	assert_int_equal(r.link[0].n, 2); /* 64 of the 71 that fit, and 37 */
	assert_int_equal(see2(&r, 0, US, &at), 64);
	assert_int_equal(see2(&r, 1, US, &at), 37);
	rig_forget(&r);
	query(&r, 2, GROUP(7), 1000, source, 2);
	rig_sleep(&r, 1002);
	assert_int_equal(r.link[0].n, 1);
	assert_record(&r, 0, GROUP(7), MLD_RECORD_IS_INCLUDE, 2);
	assert_int_equal(see2(&r, 0, US, &at), 1);
	assert_addr(ip6_addr_get(at + 20), source[0]);
	assert_addr(ip6_addr_get(at + 36), source[1]);
	rig_done(&r);
}

static void version_1_is_spoken_to_those_who_speak_it(void **state)
{
	const struct mld_repr rep = { .type = MLD_TYPE_REPORT1, .group = GROUP(1) };
	uint8_t msg[30];
	struct rig r;

	(void)state;
	host_init(&r);
	join(&r, GROUP(1));
	rig_sleep(&r, 3000);
	rig_forget(&r);
	query(&r, 1, GROUP(1), 1000, NULL, 0);
	rig_sleep(&r, 1002);
	assert_int_equal(r.link[0].n, 1);
	assert_old(&r, 0, GROUP(1), MLD_TYPE_REPORT1, GROUP(1));
	/* Somebody else says it before us. */
	query(&r, 1, GROUP(1), 60000, NULL, 0);
	assert_int_equal(mld_emit(msg, sizeof(msg), &rep), MLD_HDR_LEN);
	send_mld(&r, GROUP(1), msg, MLD_HDR_LEN);
	rig_sleep(&r, 60002);
	assert_int_equal(r.link[0].n, 1);
	query(&r, 1, GROUP(1), 1000, NULL, 0);
	rig_sleep(&r, 1002);
	leave(&r, GROUP(1));
	rig_sleep(&r, 10000);
	assert_int_equal(r.link[0].n, 3);
	assert_old(&r, 2, GROUP(1), MLD_TYPE_DONE, IP6_ALL_ROUTERS);
	rig_done(&r);
}

static void what_is_wrong_is_dropped(void **state)
{
	uint8_t msg[24] = { MLD_TYPE_QUERY };
	struct rig r;

	(void)state;
	host_init(&r);
	send_icmp(&r, QUERIER, IP6_ALL_NODES, 1, msg, 24); /* no router alert */
	assert_int_equal(rig_drops(&r, DROP_MLD_BAD), 1);
	msg[0] = MLD_TYPE_DONE;
	ip6_addr_put(msg + 8, GROUP(1));
	send_mld(&r, IP6_ALL_NODES, msg, 24);
	assert_int_equal(rig_drops(&r, DROP_ICMP_TYPE), 1);
	assert_int_equal(netstack_deadline(r.st), TIMER_NEVER);
	rig_done(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(joins_and_leaves_are_said_twice),
		cmocka_unit_test(some_groups_are_not_told),
		cmocka_unit_test(without_an_address_the_source_is_unspecified),
		cmocka_unit_test(queries_are_answered),
		cmocka_unit_test(version_1_is_spoken_to_those_who_speak_it),
		cmocka_unit_test(what_is_wrong_is_dropped),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
