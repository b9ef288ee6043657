/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "wire/l4.h"

#include "tests/unit/wire/frames.h"
#include "tests/unit/wire/law.h"
#include "wire/bytes.h"

LAW_PARSE(l4_find, l4_repr);
LAW_PARSE(l4_find_ip, l4_repr);
LAW_PARSE(l4_find_quoted, l4_repr);

#define FRAME_OF(f) frame_##f, sizeof(frame_##f)

/* Where it is in what the kernel sent. */
static const struct {
	const char *name;
	const uint8_t *frame;
	size_t len;
	uint8_t proto;
	uint16_t at;
	enum l4_part part;
	bool has_ports;
} rows[] = {
	{ "ping4", FRAME_OF(ping4), IP_PROTO_ICMP, 34, L4_WHOLE, false },
	{ "ping4 with options", FRAME_OF(ping4_route), IP_PROTO_ICMP, 74, L4_WHOLE, false },
	{ "fragment", FRAME_OF(frag4_first), IP_PROTO_ICMP, 34, L4_FIRST_FRAGMENT, false },
	{ "fragment", FRAME_OF(frag4_middle), IP_PROTO_ICMP, 34, L4_LATER_FRAGMENT, false },
	{ "fragment", FRAME_OF(frag4_last), IP_PROTO_ICMP, 34, L4_LATER_FRAGMENT, false },
	{ "udp4", FRAME_OF(udp4), IP_PROTO_UDP, 34, L4_WHOLE, true },
	{ "udp4 with options", FRAME_OF(udp4_router_alert), IP_PROTO_UDP, 38, L4_WHOLE, true },
	{ "tcp4", FRAME_OF(tcp4_syn), IP_PROTO_TCP, 34, L4_WHOLE, true },
	{ "igmp", FRAME_OF(igmp3_report), IP_PROTO_IGMP, 38, L4_WHOLE, false },
	{ "ping6", FRAME_OF(ping6), IP_PROTO_ICMP6, 54, L4_WHOLE, false },
	{ "udp6", FRAME_OF(udp6), IP_PROTO_UDP, 54, L4_WHOLE, true },
	{ "udp6 with options", FRAME_OF(udp6_opts), IP_PROTO_UDP, 70, L4_WHOLE, true },
	{ "tcp6", FRAME_OF(tcp6_syn), IP_PROTO_TCP, 54, L4_WHOLE, true },
	{ "fragment", FRAME_OF(frag6_first), IP_PROTO_ICMP6, 62, L4_FIRST_FRAGMENT, false },
	{ "fragment", FRAME_OF(frag6_last), IP_PROTO_ICMP6, 62, L4_LATER_FRAGMENT, false },
};

static void of_the_kernel(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct l4_repr a = { 0 }, b = { 0 };

		if (l4_find(rows[i].frame, rows[i].len, &a) != rows[i].at ||
		    a.proto != rows[i].proto || a.part != rows[i].part)
			fail_msg("%s", rows[i].name);
		assert_int_equal(a.l4_at, rows[i].at);
		assert_int_equal(a.l4_at + a.l4_len, rows[i].len);
		assert_int_equal(a.l3_at, 14);
		assert_int_equal(a.ip_version, rows[i].frame[14] >> 4);
		assert_int_equal(a.has_ports, rows[i].has_ports);
		if (a.has_ports) {
			assert_int_equal(a.src_port, get_be16(rows[i].frame + a.l4_at));
			assert_int_equal(a.dst_port, get_be16(rows[i].frame + a.l4_at + 2));
		}
		assert_int_equal(l4_find_ip(rows[i].frame + 14, rows[i].len - 14, &b),
				 rows[i].at - 14);
		assert_int_equal(b.l3_at, 0);
		assert_int_equal(b.l4_len, a.l4_len);
		assert_int_equal(b.src_port, a.src_port);
	}
}

static void laws(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		law_truncation(law_l4_find, rows[i].frame, rows[i].len);
		law_truncation(law_l4_find_ip, rows[i].frame + 14, rows[i].len - 14);
	}
}

/* Behind tags, and before the padding of a short frame. */
static void tags_and_padding(void **state)
{
	uint8_t frame[128] = { 0 };
	struct l4_repr r = { 0 };

	(void)state;
	memcpy(frame, frame_udp4, 12);
	put_be16(frame + 12, 0x88a8);
	put_be16(frame + 14, 5);
	put_be16(frame + 16, 0x8100);
	put_be16(frame + 18, 6);
	memcpy(frame + 20, frame_udp4 + 12, sizeof(frame_udp4) - 12);
	assert_int_equal(l4_find(frame, sizeof(frame), &r), 42);
	assert_int_equal(r.l3_at, 22);
	assert_int_equal(r.l4_len, 14);
	assert_int_equal(r.dst_port, 9);
}

/* A payload that ends within the extension headers, though the frame goes on. */
static void cut_extension_headers(void **state)
{
	(void)state;
	for (uint8_t n = 0; n < 16; n++)
		law_refuses_byte(law_l4_find, FRAME_OF(udp6_opts), 19, n, -ENODATA);
}

static void not_ip(void **state)
{
	(void)state;
	law_refuses(law_l4_find, FRAME_OF(arp_request), -EPROTONOSUPPORT);
	/* Type and version disagree. */
	law_refuses_byte(law_l4_find, FRAME_OF(udp4), 13, 0xdd, -EPROTONOSUPPORT);
	law_refuses_byte(law_l4_find, FRAME_OF(udp4), 14, 0x55, -EBADMSG);
	{
		uint8_t frame[sizeof(frame_udp4)];

		memcpy(frame, frame_udp4, sizeof(frame));
		put_be16(frame + 12, 0x86dd);
		law_refuses(law_l4_find, frame, sizeof(frame), -EBADMSG);
	}
}

/* A datagram of fewer bytes than ports need. */
static void no_room_for_ports(void **state)
{
	uint8_t pkt[24] = { 0x45, 0, 0, 23, 0, 0, 0, 0, 64, IP_PROTO_UDP };
	struct l4_repr r = { 0 };

	(void)state;
	assert_int_equal(l4_find_ip(pkt, sizeof(pkt), &r), 20);
	assert_int_equal(r.l4_len, 3);
	assert_false(r.has_ports);
	pkt[3] = 24;
	assert_int_equal(l4_find_ip(pkt, sizeof(pkt), &r), 20);
	assert_true(r.has_ports);
}

/* In the errors the kernel sent, the packets they are about. */
static void quoted(void **state)
{
	struct l4_repr r = { 0 };

	(void)state;
	assert_int_equal(l4_find_quoted(frame_unreachable4 + 42, 34, &r), 20);
	assert_int_equal(r.proto, IP_PROTO_UDP);
	assert_int_equal(r.dst_port, 9);
	assert_int_equal(r.l4_len, 14);
	assert_int_equal(l4_find_quoted(frame_unreachable4 + 42, 28, &r), 20);
	assert_int_equal(r.dst_port, 9);
	assert_int_equal(r.l4_len, 8);
	law_truncation(law_l4_find_quoted, frame_unreachable4 + 42, 28);
	assert_int_equal(l4_find_quoted(frame_frag_needed4 + 42, 100, &r), 20);
	assert_int_equal(r.proto, IP_PROTO_ICMP);
	assert_int_equal(l4_find_quoted(frame_unreachable6 + 62, 48, &r), 40);
	assert_int_equal(r.proto, IP_PROTO_UDP);
	assert_int_equal(r.dst_port, 9);
	law_truncation(law_l4_find_quoted, frame_unreachable6 + 62, 48);
	assert_int_equal(l4_find_quoted(frame_too_big6 + 62, 88, &r), 40);
	assert_int_equal(r.proto, IP_PROTO_ICMP6);
	assert_int_equal(r.l4_len, 48);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(of_the_kernel),    cmocka_unit_test(laws),
		cmocka_unit_test(tags_and_padding), cmocka_unit_test(cut_extension_headers),
		cmocka_unit_test(not_ip),           cmocka_unit_test(no_room_for_ports),
		cmocka_unit_test(quoted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
