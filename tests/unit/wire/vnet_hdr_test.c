/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "wire/vnet_hdr.h"

#include "tests/unit/wire/frames.h"
#include "tests/unit/wire/law.h"
#include "tests/unit/wire/same.h"
#include "wire/checksum.h"
#include "wire/tcp.h"
#include "wire/udp.h"

LAW_PARSE(vnet_hdr_parse, vnet_hdr_repr);
LAW_EMIT(vnet_hdr_emit, vnet_hdr_repr);
LAW_SAME(vnet_hdr_same, vnet_hdr_repr);

/* What was read from the tap, with the zeros that frames.h leaves out, and its header. */
struct capture {
	uint8_t *frame;
	size_t len;
	struct vnet_hdr_repr h;
};

static struct capture capture_of(const uint8_t *bytes, size_t n, size_t len)
{
	struct capture c = { calloc(1, len), len, { .gso = VNET_GSO_NONE } };

	assert_non_null(c.frame);
	memcpy(c.frame, bytes + VNET_HDR_LEN, n - VNET_HDR_LEN);
	assert_int_equal(vnet_hdr_parse(bytes, n, &c.h), VNET_HDR_LEN);
	return c;
}

#define CAPTURE(name, len) capture_of(frame_##name, sizeof(frame_##name), len)

static void checks(const struct capture *c, int want)
{
	cleanup_free uint8_t *copy = law_copy(c->frame, c->len);
	struct vnet_frame f;

	memset(&f, 0xa5, sizeof(f));
	assert_int_equal(vnet_hdr_check(&c->h, copy, c->len, &f), want);
	if (want < 0)
		assert_true(law_untouched((const uint8_t *)&f, sizeof(f)));
}

static struct vnet_frame goes(const struct capture *c)
{
	struct vnet_frame f = { .n_segs = 0 };

	checks(c, 0);
	assert_int_equal(vnet_hdr_check(&c->h, c->frame, c->len, &f), 0);
	return f;
}

static void syn_of_the_kernel(void **state)
{
	struct capture c = CAPTURE(vnet_tcp4_syn, 74);
	const struct vnet_frame f = goes(&c);

	(void)state;
	assert_true(c.h.needs_csum && !c.h.data_valid);
	assert_int_equal(c.h.csum_start, 34);
	assert_int_equal(c.h.csum_offset, 16);
	assert_int_equal(f.csum, VNET_CSUM_PARTIAL);
	assert_int_equal(f.gso, VNET_GSO_NONE);
	assert_int_equal(f.n_segs, 1);
	assert_true(f.has_l4);
	assert_int_equal(f.l4.l4_at, 34);
	free(c.frame);
}

static void segments_of_the_kernel(void **state)
{
	static const struct {
		const uint8_t *bytes;
		size_t n, len;
		enum vnet_gso gso;
		uint16_t gso_size, n_segs, hdrs_len;
	} row[] = {
		{ frame_vnet_tcp4_gso, sizeof(frame_vnet_tcp4_gso), 7354, VNET_GSO_TCP4, 1460, 5,
		  54 },
		{ frame_vnet_tcp6_gso, sizeof(frame_vnet_tcp6_gso), 7274, VNET_GSO_TCP6, 1440, 5,
		  74 },
		{ frame_vnet_udp4_gso, sizeof(frame_vnet_udp4_gso), 3542, VNET_GSO_UDP, 1000, 4,
		  42 },
		{ frame_vnet_udp6_gso, sizeof(frame_vnet_udp6_gso), 3562, VNET_GSO_UDP, 1000, 4,
		  62 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(row); i++) {
		struct capture c = capture_of(row[i].bytes, row[i].n, row[i].len);
		const struct vnet_frame f = goes(&c);

		assert_int_equal(f.csum, VNET_CSUM_PARTIAL);
		assert_int_equal(f.gso, row[i].gso);
		assert_int_equal(f.gso_size, row[i].gso_size);
		assert_int_equal(f.n_segs, row[i].n_segs);
		assert_int_equal(f.hdrs_len, row[i].hdrs_len);
		assert_false(f.ecn);
		law_round_trip(law_vnet_hdr_parse, law_vnet_hdr_emit, law_vnet_hdr_same,
			       row[i].bytes, row[i].n, 0);
		free(c.frame);
	}
}

static void laws(void **state)
{
	(void)state;
	law_truncation(law_vnet_hdr_parse, frame_vnet_tcp4_gso, VNET_HDR_LEN);
	law_round_trip(law_vnet_hdr_parse, law_vnet_hdr_emit, law_vnet_hdr_same,
		       frame_vnet_tcp4_syn, sizeof(frame_vnet_tcp4_syn), 0);
}

/* Every value of flags and type: nothing passes but what the header has names for. */
static void flags_and_types(void **state)
{
	uint8_t hdr[VNET_HDR_LEN] = { 0, 0, 54, 0, 0xb4, 5, 34, 0, 16, 0 };

	(void)state;
	for (unsigned int flags = 0; flags <= 0xff; flags++) {
		for (unsigned int gso = 0; gso <= 0xff; gso++) {
			const unsigned int type = gso & 0x7f;
			const bool tcp = type == 1 || type == 4;
			struct vnet_hdr_repr r = { 0 }, again = { 0 };
			uint8_t out[VNET_HDR_LEN];
			int want = VNET_HDR_LEN;

			if (flags & ~3U)
				want = -EBADMSG;
			else if (!tcp && type != 5 && type)
				want = -EPROTONOSUPPORT;
			else if ((type && !flags) || (gso & 0x80 && !tcp))
				want = -EBADMSG;
			hdr[0] = (uint8_t)flags;
			hdr[1] = (uint8_t)gso;
			assert_int_equal(vnet_hdr_parse(hdr, sizeof(hdr), &r), want);
			if (want < 0)
				continue;
			assert_int_equal(r.needs_csum, flags & 1);
			assert_int_equal(r.data_valid, flags >> 1);
			assert_int_equal(r.csum_start, r.needs_csum ? 34 : 0);
			assert_int_equal(r.csum_offset, r.needs_csum ? 16 : 0);
			assert_int_equal(r.gso, type);
			assert_int_equal(r.gso_size, type ? 1460 : 0);
			assert_int_equal(r.hdr_len, type ? 54 : 0);
			assert_int_equal(r.ecn, gso >> 7);
			assert_int_equal(vnet_hdr_emit(out, sizeof(out), &r), VNET_HDR_LEN);
			assert_int_equal(vnet_hdr_parse(out, sizeof(out), &again), VNET_HDR_LEN);
			assert_true(vnet_hdr_same(&r, &again));
		}
	}
	hdr[0] = 1;
	hdr[1] = VNET_GSO_TCP4;
	hdr[4] = hdr[5] = 0; /* segments of nothing */
	law_refuses(law_vnet_hdr_parse, hdr, sizeof(hdr), -EBADMSG);
}

static void emits_no_illegal_one(void **state)
{
	const struct vnet_hdr_repr bad[] = {
		{ .gso = (enum vnet_gso)3, .gso_size = 1, .needs_csum = true },
		{ .gso = VNET_GSO_TCP4, .gso_size = 0, .needs_csum = true },
		{ .gso = VNET_GSO_TCP4, .gso_size = 1 },
		{ .gso = VNET_GSO_UDP, .gso_size = 1, .needs_csum = true, .ecn = true },
		{ .ecn = true },
	};
	uint8_t buf[VNET_HDR_LEN];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_int_equal(vnet_hdr_emit(buf, sizeof(buf), &bad[i]), -EINVAL);
}

/* Each place for the checksum, inside the frame and outside: only that of TCP is trusted, no
 * other byte of the frame than within it is touched.
 */
static void checksum_anywhere(void **state)
{
	struct capture c = CAPTURE(vnet_tcp4_syn, 74);
	cleanup_free uint8_t *copy = law_copy(c.frame, c.len);

	(void)state;
	for (unsigned int start = 0; start < 80; start++) {
		for (unsigned int offset = 0; offset < 80; offset++) {
			struct vnet_frame f;

			c.h.csum_start = (uint16_t)start;
			c.h.csum_offset = (uint16_t)offset;
			if (start < 14 || start + offset + 2 > 74) {
				checks(&c, -EBADMSG);
				continue;
			}
			f = goes(&c);
			assert_int_equal(f.csum, start == 34 && offset == 16 ? VNET_CSUM_PARTIAL
									     : VNET_CSUM_OTHER);
			memcpy(copy, c.frame, c.len);
			vnet_hdr_finish(&c.h, copy, c.len);
			assert_memory_equal(copy, c.frame, start + offset);
			assert_memory_equal(copy + start + offset + 2, c.frame + start + offset + 2,
					    c.len - start - offset - 2);
		}
	}
	c.h.csum_start = c.h.csum_offset = 0xffff;
	checks(&c, -EBADMSG);
	free(c.frame);
}

/* What the kernel left to be finished is then right. */
static void finishes(void **state)
{
	const uint64_t pseudo = csum_pseudo4(0xc0000201, 0xc0000202, IP_PROTO_TCP, 40);
	struct capture c = CAPTURE(vnet_tcp4_syn, 74);

	(void)state;
	assert_false(csum_ok(pseudo + csum_bytes(c.frame + 34, 40)));
	vnet_hdr_finish(&c.h, c.frame, c.len);
	assert_true(csum_ok(pseudo + csum_bytes(c.frame + 34, 40)));
	free(c.frame);
}

/* A sum that comes to 0 is written as 0xffff: in UDP 0 says that there is none. */
static void finishes_without_zero(void **state)
{
	uint8_t frame[64] = { [50] = 0x12, [51] = 0x34, [40] = 0xed, [41] = 0xcb };
	const struct vnet_hdr_repr h = { .needs_csum = true, .csum_start = 34, .csum_offset = 6 };

	(void)state;
	vnet_hdr_finish(&h, frame, sizeof(frame));
	assert_int_equal(get_be16(frame + 40), 0xffff);
}

/* Of frames whose checksum was verified nothing else is looked at. */
static void other_frames(void **state)
{
	struct capture c = { 0 };
	struct vnet_frame f;

	(void)state;
	c.frame = law_copy(frame_arp_request, sizeof(frame_arp_request));
	c.len = sizeof(frame_arp_request);
	f = goes(&c);
	assert_int_equal(f.csum, VNET_CSUM_UNKNOWN);
	c.h.data_valid = true;
	f = goes(&c);
	assert_int_equal(f.csum, VNET_CSUM_GOOD);
	assert_false(f.has_l4);
	assert_int_equal(f.n_segs, 1);
	/* Neither TCP nor UDP: finished by hand. */
	c.h.needs_csum = true;
	c.h.csum_start = 14;
	c.h.csum_offset = 2;
	f = goes(&c);
	assert_int_equal(f.csum, VNET_CSUM_OTHER);
	free(c.frame);
}

/* Segments of what is neither, though the checksum lies where TCP has it. */
static void segments_of_another_protocol(void **state)
{
	static const enum vnet_gso gso[] = { VNET_GSO_TCP4, VNET_GSO_TCP6, VNET_GSO_UDP };
	struct capture c = CAPTURE(vnet_tcp4_gso, 7354);

	(void)state;
	c.frame[23] = IP_PROTO_ICMP;
	for (size_t i = 0; i < ARRAY_SIZE(gso); i++) {
		c.h.gso = gso[i];
		checks(&c, -EBADMSG);
	}
	c.h.gso = VNET_GSO_NONE;
	assert_int_equal(goes(&c).csum, VNET_CSUM_OTHER);
	/* Verified by the device, so that only the protocol is wrong. */
	c.h.needs_csum = false;
	c.h.data_valid = true;
	for (size_t i = 0; i < ARRAY_SIZE(gso); i++) {
		c.h.gso = gso[i];
		checks(&c, -EBADMSG);
	}
	c.frame[23] = IP_PROTO_UDP;
	c.h.gso = VNET_GSO_TCP4;
	checks(&c, -EBADMSG);
	free(c.frame);
}

/* The transport header ends with its packet, where the frame goes on. */
static void checksum_behind_the_packet(void **state)
{
	struct capture c = CAPTURE(vnet_tcp4_syn, 74);

	(void)state;
	put_be16(c.frame + 16, 20 + 20);
	assert_int_equal(goes(&c).csum, VNET_CSUM_PARTIAL);
	put_be16(c.frame + 16, 20 + 19);
	assert_int_equal(goes(&c).csum, VNET_CSUM_OTHER);
	c.frame[23] = IP_PROTO_UDP;
	c.h.csum_offset = 6;
	put_be16(c.frame + 16, 20 + 8);
	assert_int_equal(goes(&c).csum, VNET_CSUM_PARTIAL);
	put_be16(c.frame + 16, 20 + 7);
	assert_int_equal(goes(&c).csum, VNET_CSUM_OTHER);
	free(c.frame);
}

/* One thing wrong with a good super-segment at a time. */
static void hostile_segments(void **state)
{
	struct capture c = CAPTURE(vnet_tcp4_gso, 7354);
	const struct vnet_hdr_repr good = c.h;
	uint8_t saved;

	(void)state;
	c.h.gso = VNET_GSO_TCP6;
	checks(&c, -EBADMSG);
	c.h.gso = VNET_GSO_UDP;
	checks(&c, -EBADMSG);
	c.h = good;
	c.h.gso_size = VNET_GSO_SIZE_MIN_TCP - 1;
	checks(&c, -EBADMSG);
	c.h.gso_size = VNET_GSO_SIZE_MIN_TCP;
	assert_int_equal(goes(&c).n_segs, 7300 / 8 + 1);
	c.h = good;
	c.h.hdr_len = 7355; /* more than the frame */
	checks(&c, -EBADMSG);
	c.h.hdr_len = 7354;
	assert_int_equal(goes(&c).hdrs_len, 54);
	c.h.hdr_len = 0; /* a hint, and not needed */
	assert_int_equal(goes(&c).hdrs_len, 54);
	c.h = good;
	c.h.csum_start = 33; /* not where TCP is */
	checks(&c, -EBADMSG);
	c.h = good;
	c.h.csum_offset = 6;
	checks(&c, -EBADMSG);
	c.h = good;

	saved = c.frame[46]; /* data offset */
	c.frame[46] = 0x40;
	checks(&c, -EBADMSG);
	c.frame[46] = saved;
	saved = c.frame[47]; /* flags */
	c.frame[47] = TCP_SYN;
	checks(&c, -EBADMSG);
	c.frame[47] = TCP_RST | TCP_ACK;
	checks(&c, -EBADMSG);
	c.frame[47] = saved;
	c.frame[20] = 0x20; /* more fragments */
	checks(&c, -EBADMSG);
	c.frame[20] = 0x40;
	c.len--;
	checks(&c, -ENODATA);
	c.len++;
	assert_int_equal(goes(&c).n_segs, 5);
	free(c.frame);
}

/* The device may have verified what it merged. */
static void merged_by_a_device(void **state)
{
	struct capture c = CAPTURE(vnet_tcp4_gso, 7354);
	struct vnet_frame f;

	(void)state;
	c.h = (struct vnet_hdr_repr){
		.gso = VNET_GSO_TCP4, .ecn = true, .data_valid = true, .gso_size = 1460
	};
	f = goes(&c);
	assert_int_equal(f.csum, VNET_CSUM_GOOD);
	assert_true(f.has_l4 && f.ecn);
	assert_int_equal(f.n_segs, 5);
	free(c.frame);
}

/* Data for one segment is one segment. */
static void single_segments(void **state)
{
	struct capture c = CAPTURE(vnet_tcp4_gso, 7354);
	struct vnet_frame f;

	(void)state;
	c.h.gso_size = 7300;
	f = goes(&c);
	assert_int_equal(f.gso, VNET_GSO_NONE);
	assert_int_equal(f.gso_size, 0);
	assert_int_equal(f.n_segs, 1);
	assert_int_equal(f.csum, VNET_CSUM_PARTIAL);
	c.h.gso_size = 7299;
	f = goes(&c);
	assert_int_equal(f.gso, VNET_GSO_TCP4);
	assert_int_equal(f.n_segs, 2);
	free(c.frame);
}

static void datagrams(void **state)
{
	struct capture c = CAPTURE(vnet_udp4_gso, 3542);

	(void)state;
	c.h.gso_size = 3500 / 128 + 1;
	assert_int_equal(goes(&c).n_segs, 125);
	c.h.gso_size = 27; /* 130 segments */
	checks(&c, -EBADMSG);
	c.h.gso_size = 1000;
	put_be16(c.frame + 38, 3507); /* a length that is not that of the packet */
	checks(&c, -EBADMSG);
	put_be16(c.frame + 38, 3509);
	checks(&c, -ENODATA);
	put_be16(c.frame + 38, 7);
	checks(&c, -EBADMSG);
	free(c.frame);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(syn_of_the_kernel),
		cmocka_unit_test(segments_of_the_kernel),
		cmocka_unit_test(laws),
		cmocka_unit_test(flags_and_types),
		cmocka_unit_test(emits_no_illegal_one),
		cmocka_unit_test(checksum_anywhere),
		cmocka_unit_test(finishes),
		cmocka_unit_test(finishes_without_zero),
		cmocka_unit_test(other_frames),
		cmocka_unit_test(segments_of_another_protocol),
		cmocka_unit_test(checksum_behind_the_packet),
		cmocka_unit_test(hostile_segments),
		cmocka_unit_test(merged_by_a_device),
		cmocka_unit_test(single_segments),
		cmocka_unit_test(datagrams),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
