/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "wire/tcp.h"

#include "tests/unit/wire/frames.h"
#include "tests/unit/wire/law.h"
#include "tests/unit/wire/same.h"

LAW_PARSE(tcp_parse, tcp_repr);
LAW_EMIT(tcp_emit, tcp_repr);
LAW_SAME(tcp_same, tcp_repr);

#define SEG4(frame) (frame) + 34, sizeof(frame) - 34
#define SEG6(frame) (frame) + 54, sizeof(frame) - 54

/* One connection, as far as headers tell of it. */
static void of_the_kernel(void **state)
{
	struct tcp_repr syn = { 0 }, ack = { 0 }, r = { 0 };

	(void)state;
	assert_int_equal(tcp_parse(SEG4(frame_tcp4_syn), &syn), 40);
	assert_int_equal(syn.flags, TCP_SYN);
	assert_int_equal(syn.dst_port, 8080);
	assert_int_equal(syn.wnd, 64240);
	assert_int_equal(syn.ack.v, 0);
	assert_int_equal(syn.opts_len, 20);

	assert_int_equal(tcp_parse(SEG4(frame_tcp4_syn_ack), &ack), 40);
	assert_int_equal(ack.flags, TCP_SYN | TCP_ACK);
	assert_int_equal(ack.src_port, 8080);
	assert_int_equal(ack.dst_port, syn.src_port);
	assert_true(seq_eq(ack.ack, seq_add(syn.seq, 1)));

	assert_int_equal(tcp_parse(SEG4(frame_tcp4_data), &r), 32);
	assert_int_equal(r.flags, TCP_ACK | TCP_PSH);
	assert_true(seq_eq(r.seq, ack.ack));
	assert_true(seq_eq(r.ack, seq_add(ack.seq, 1)));
	assert_int_equal(r.opts_len, 12);

	assert_int_equal(tcp_parse(SEG4(frame_tcp4_urg), &r), 32);
	assert_int_equal(r.flags, TCP_ACK | TCP_PSH | TCP_URG);
	assert_int_equal(r.urg, 1);
	assert_int_equal(tcp_parse(SEG4(frame_tcp4_fin), &r), 32);
	assert_int_equal(r.flags, TCP_ACK | TCP_FIN);
	assert_int_equal(tcp_parse(SEG4(frame_tcp4_rst), &r), 20);
	assert_int_equal(r.flags, TCP_ACK | TCP_RST);
	assert_int_equal(r.opts_len, 0);
}

static void laws(void **state)
{
	(void)state;
	law_truncation(law_tcp_parse, frame_tcp4_syn + 34, 40);
	law_truncation(law_tcp_parse, frame_tcp4_rst + 34, 20);
	law_round_trip(law_tcp_parse, law_tcp_emit, law_tcp_same, SEG4(frame_tcp4_syn), 16);
	law_round_trip(law_tcp_parse, law_tcp_emit, law_tcp_same, SEG4(frame_tcp4_data), 16);
	law_round_trip(law_tcp_parse, law_tcp_emit, law_tcp_same, SEG4(frame_tcp4_urg), 16);
	law_round_trip(law_tcp_parse, law_tcp_emit, law_tcp_same, SEG4(frame_tcp4_rst), 16);
	law_round_trip(law_tcp_parse, law_tcp_emit, law_tcp_same, SEG4(frame_tcp4_fastopen), 16);
	law_round_trip(law_tcp_parse, law_tcp_emit, law_tcp_same, SEG6(frame_tcp6_syn), 16);
	law_round_trip(law_tcp_parse, law_tcp_emit, law_tcp_same, SEG6(frame_tcp6_sack), 16);
}

/* All values of the 16 bits of data offset, reserved bits and flags. */
static void offset_and_flags(void **state)
{
	uint8_t seg[60] = { 0 }, out[60] = { 0 };

	(void)state;
	for (uint32_t bits = 0; bits <= 0xffff; bits++) {
		const int hdr_len = (int)(bits >> 12) * 4;
		struct tcp_repr r = { 0 };

		put_be16(seg + 12, (uint16_t)bits);
		if (hdr_len < 20) {
			assert_int_equal(tcp_parse(seg, sizeof(seg), &r), -EBADMSG);
			continue;
		}
		assert_int_equal(tcp_parse(seg, sizeof(seg), &r), hdr_len);
		assert_int_equal(r.flags, bits & 0x1ff);
		assert_int_equal(r.opts_len, hdr_len - 20);
		assert_int_equal(tcp_parse(seg, (size_t)hdr_len - 1, &r), -ENODATA);
		assert_int_equal(tcp_emit(out, sizeof(out), &r), hdr_len);
		/* The reserved bits do not come out. */
		assert_int_equal(get_be16(out + 12), bits & 0xf1ff);
	}
}

/* RFC 3168 and what became of the nonce: the SYN of a host that wants accurate ECN. */
static void ecn_flags(void **state)
{
	const struct tcp_repr syn = { .flags = TCP_SYN | TCP_ECE | TCP_CWR | TCP_AE };
	uint8_t seg[20];

	(void)state;
	assert_int_equal(tcp_emit(seg, sizeof(seg), &syn), 20);
	assert_int_equal(seg[12], 0x51);
	assert_int_equal(seg[13], 0xc2);
}

static void emits_no_illegal_one(void **state)
{
	const struct tcp_repr bad[] = { { .opts_len = 2 }, { .opts_len = 44 }, { .flags = 0x200 } };
	uint8_t buf[64];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_int_equal(tcp_emit(buf, sizeof(buf), &bad[i]), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(of_the_kernel),        cmocka_unit_test(laws),
		cmocka_unit_test(offset_and_flags),     cmocka_unit_test(ecn_flags),
		cmocka_unit_test(emits_no_illegal_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
