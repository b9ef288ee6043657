/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "wire/ethernet.h"

#include "tests/unit/wire/frames.h"
#include "tests/unit/wire/law.h"
#include "tests/unit/wire/same.h"

LAW_PARSE(eth_parse, eth_repr);
LAW_PARSE(eth_parse_tagged, eth_repr);
LAW_EMIT(eth_emit, eth_repr);
LAW_SAME(eth_same, eth_repr);

static const struct eth_addr station_a = { { 2, 0, 0, 0, 0, 0x0a } };
static const struct eth_addr station_b = { { 2, 0, 0, 0, 0, 0x0b } };

static void untagged(void **state)
{
	struct eth_repr r = { 0 };

	(void)state;
	assert_int_equal(eth_parse(frame_arp_request, sizeof(frame_arp_request), &r), ETH_HDR_LEN);
	assert_true(eth_addr_is_broadcast(r.dst) && eth_addr_eq(r.src, station_a));
	assert_int_equal(r.type, ETH_TYPE_ARP);
	assert_int_equal(r.n_vlans, 0);

	assert_int_equal(eth_parse(frame_tcp6_sack, sizeof(frame_tcp6_sack), &r), ETH_HDR_LEN);
	assert_true(eth_addr_eq(r.dst, station_a) && eth_addr_eq(r.src, station_b));
	assert_int_equal(r.type, ETH_TYPE_IPV6);
}

static void tagged(void **state)
{
	const struct eth_vlan c100 = { .vid = 100, .pcp = 3 };
	const struct eth_vlan inner = { .vid = 100, .pcp = 5 };
	const struct eth_vlan outer = { .vid = 200, .service = true };
	struct eth_repr r = { 0 }, want;

	(void)state;
	assert_int_equal(eth_parse(frame_vlan, sizeof(frame_vlan), &r), 18);
	want = (struct eth_repr){ r.dst, station_a, ETH_TYPE_ARP, 1, { c100 } };
	assert_true(eth_same(&r, &want));
	assert_int_equal(eth_parse(frame_qinq, sizeof(frame_qinq), &r), 22);
	want = (struct eth_repr){ r.dst, station_a, ETH_TYPE_ARP, 2, { outer, inner } };
	assert_true(eth_same(&r, &want));
}

static void laws(void **state)
{
	(void)state;
	law_truncation(law_eth_parse, frame_arp_request, 14);
	law_truncation(law_eth_parse, frame_vlan, 18);
	law_truncation(law_eth_parse, frame_qinq, 22);
	law_truncation(law_eth_parse_tagged, frame_qinq, 22);
	law_round_trip(law_eth_parse, law_eth_emit, law_eth_same, frame_arp_request, 42, 0);
	law_round_trip(law_eth_parse, law_eth_emit, law_eth_same, frame_vlan, 46, 0);
	law_round_trip(law_eth_parse, law_eth_emit, law_eth_same, frame_vlan, 18, 0);
	law_round_trip(law_eth_parse, law_eth_emit, law_eth_same, frame_qinq, 50, 0);
}

/* Each value of the tag's 16 bits but those with VLAN 4095. */
static void every_tag(void **state)
{
	uint8_t frame[sizeof(frame_vlan)], out[18];

	(void)state;
	memcpy(frame, frame_vlan, sizeof(frame));
	for (uint32_t tci = 0; tci <= 0xffff; tci++) {
		struct eth_repr r = { 0 };

		put_be16(frame + 14, (uint16_t)tci);
		if ((tci & 0xfff) == 0xfff) {
			assert_int_equal(eth_parse(frame, sizeof(frame), &r), -EBADMSG);
			continue;
		}
		assert_int_equal(eth_parse(frame, sizeof(frame), &r), 18);
		assert_int_equal(r.vlan[0].vid, tci & 0xfff);
		assert_int_equal(r.vlan[0].pcp, tci >> 13);
		assert_int_equal(r.vlan[0].dei, tci >> 12 & 1);
		assert_int_equal(eth_emit(out, sizeof(out), &r), 18);
		assert_memory_equal(out, frame, 18);
	}
}

static void not_ours(void **state)
{
	uint8_t frame[64];

	(void)state;
	/* A length and LLC, as spanning tree has it; also behind a tag. */
	memcpy(frame, frame_qinq, sizeof(frame_qinq));
	memset(frame + sizeof(frame_qinq), 0, sizeof(frame) - sizeof(frame_qinq));
	put_be16(frame + 12, ETH_TYPE_MIN - 1);
	law_refuses(law_eth_parse, frame, sizeof(frame), -EPROTONOSUPPORT);
	put_be16(frame + 12, ETH_TYPE_VLAN);
	put_be16(frame + 16, 38);
	law_refuses(law_eth_parse, frame, sizeof(frame), -EPROTONOSUPPORT);
	/* A third tag. */
	put_be16(frame + 16, ETH_TYPE_VLAN);
	put_be16(frame + 20, ETH_TYPE_VLAN);
	law_refuses(law_eth_parse, frame, sizeof(frame), -EPROTONOSUPPORT);
}

static void emits_no_illegal_one(void **state)
{
	const struct eth_repr good = { .type = ETH_TYPE_IPV4, .n_vlans = 2 };
	struct eth_repr bad[6];
	uint8_t out[ETH_HDR_LEN_MAX];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		bad[i] = good;
	bad[0].type = ETH_TYPE_MIN - 1;
	bad[1].type = ETH_TYPE_VLAN;
	bad[2].type = ETH_TYPE_VLAN_SERVICE;
	bad[3].n_vlans = 3;
	bad[4].vlan[1].vid = ETH_VLAN_ID_MAX + 1;
	bad[5].vlan[0].pcp = 8;
	assert_int_equal(eth_emit(out, sizeof(out), &good), ETH_HDR_LEN_MAX);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_int_equal(eth_emit(out, sizeof(out), &bad[i]), -EINVAL);
}

static void padding(void **state)
{
	(void)state;
	assert_int_equal(eth_padding(0), 60);
	assert_int_equal(eth_padding(42), 18);
	assert_int_equal(eth_padding(59), 1);
	assert_int_equal(eth_padding(60), 0);
	assert_int_equal(eth_padding(1514), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(untagged), cmocka_unit_test(tagged),
		cmocka_unit_test(laws),     cmocka_unit_test(every_tag),
		cmocka_unit_test(not_ours), cmocka_unit_test(emits_no_illegal_one),
		cmocka_unit_test(padding),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
