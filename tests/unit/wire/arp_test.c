/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "wire/arp.h"

#include "tests/unit/wire/frames.h"
#include "tests/unit/wire/law.h"
#include "tests/unit/wire/same.h"

LAW_PARSE(arp_parse, arp_repr);
LAW_EMIT(arp_emit, arp_repr);
LAW_SAME(arp_same, arp_repr);

static void request_and_reply(void **state)
{
	struct arp_repr r = { 0 };

	(void)state;
	assert_int_equal(arp_parse(L3(frame_arp_request), &r), ARP_LEN);
	assert_int_equal(r.op, ARP_OP_REQUEST);
	assert_int_equal(r.spa, IP4_ADDR(192, 0, 2, 1));
	assert_int_equal(r.tpa, IP4_ADDR(192, 0, 2, 2));
	assert_memory_equal(r.sha.b, "\2\0\0\0\0\x0a", 6);
	assert_true(eth_addr_is_zero(r.tha));

	assert_int_equal(arp_parse(L3(frame_arp_reply), &r), ARP_LEN);
	assert_int_equal(r.op, ARP_OP_REPLY);
	assert_int_equal(r.spa, IP4_ADDR(192, 0, 2, 2));
	assert_memory_equal(r.sha.b, "\2\0\0\0\0\x0b", 6);
	assert_memory_equal(r.tha.b, "\2\0\0\0\0\x0a", 6);
}

static void laws(void **state)
{
	(void)state;
	law_truncation(law_arp_parse, L3(frame_arp_request));
	law_round_trip(law_arp_parse, law_arp_emit, law_arp_same, L3(frame_arp_request), 0);
	law_round_trip(law_arp_parse, law_arp_emit, law_arp_same, L3(frame_arp_reply), 0);
}

static void refused(void **state)
{
	static const struct {
		size_t at;
		uint8_t value;
		int err;
	} row[] = {
		{ 0, 1, -EPROTONOSUPPORT },    /* hardware 0x0101 */
		{ 1, 6, -EPROTONOSUPPORT },    /* IEEE 802 */
		{ 2, 0x86, -EPROTONOSUPPORT }, /* protocol */
		{ 7, 3, -EPROTONOSUPPORT },    /* RARP */
		{ 7, 0, -EPROTONOSUPPORT },
		{ 4, 8, -EBADMSG },     /* length of a link address */
		{ 5, 16, -EBADMSG },    /* length of an address */
		{ 8, 3, -EBADMSG },     /* sender is a group */
		{ 14, 0xe0, -EBADMSG }, /* so is its address */
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(row); i++)
		law_refuses_byte(law_arp_parse, L3(frame_arp_request), row[i].at, row[i].value,
				 row[i].err);
}

static void a_probe_is_fine(void **state)
{
	const struct arp_repr probe = { .op = ARP_OP_REQUEST,
					.tpa = IP4_ADDR(192, 0, 2, 7),
					.sha = { { 2, 0, 0, 0, 0, 1 } } };
	struct arp_repr r = { 0 };
	uint8_t buf[ARP_LEN];

	(void)state;
	assert_int_equal(arp_emit(buf, sizeof(buf), &probe), ARP_LEN);
	assert_int_equal(arp_parse(buf, sizeof(buf), &r), ARP_LEN);
	assert_true(arp_same(&r, &probe));
}

static void emits_no_illegal_one(void **state)
{
	const struct arp_repr good = { .op = ARP_OP_REPLY, .sha = { { 2, 0, 0, 0, 0, 1 } } };
	struct arp_repr bad[4] = { good, good, good, good };
	uint8_t buf[ARP_LEN];

	(void)state;
	bad[0].op = (enum arp_oper)3;
	bad[1].sha.b[0] = 1;
	bad[2].sha = (struct eth_addr){ { 0 } };
	bad[3].spa = IP4_BROADCAST;
	assert_int_equal(arp_emit(buf, sizeof(buf), &good), ARP_LEN);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_int_equal(arp_emit(buf, sizeof(buf), &bad[i]), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(request_and_reply),
		cmocka_unit_test(laws),
		cmocka_unit_test(refused),
		cmocka_unit_test(a_probe_is_fine),
		cmocka_unit_test(emits_no_illegal_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
