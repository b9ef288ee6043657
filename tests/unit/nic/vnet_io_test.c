/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "nic/vnet_io.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "tests/unit/test_mem.h"
#include "wire/bytes.h"
#include "wire/checksum.h"
#include "wire/ethernet.h"
#include "wire/ip.h"
#include "wire/tcp.h"
#include "wire/udp.h"

#define POOL_LIMIT (UINT64_C(16) << 20)

struct world {
	struct test_mem tm;
	struct pbuf_pool *pool;
};

static int setup(void **state)
{
	static struct world w;

	w.tm = TEST_MEM_INIT(&w.tm);
	assert_int_equal(pbuf_pool_new(&w.pool, &w.tm.mem, POOL_LIMIT), 0);
	*state = &w;
	return 0;
}

static int teardown(void **state)
{
	struct world *w = *state;

	pbuf_pool_free(w->pool);
	test_mem_done(&w->tm);
	return 0;
}

/* --- frames --- */

struct frame {
	struct vnet_hdr_repr vnet;
	bool is_ip6;
	uint8_t proto;
	uint32_t l4_at;
	uint32_t len;
	uint8_t b[66000];
};

static struct frame f;

static uint64_t pseudo_of(const struct frame *x)
{
	const uint8_t *ip = x->b + ETH_HDR_LEN;
	const uint32_t l4_len = x->len - x->l4_at;

	if (x->is_ip6)
		return csum_pseudo6(ip6_addr_get(ip + 8), ip6_addr_get(ip + 24), x->proto, l4_len);
	return csum_pseudo4(get_be32(ip + 12), get_be32(ip + 16), x->proto, l4_len);
}

static uint32_t csum_at_of(const struct frame *x)
{
	return x->l4_at + (x->proto == IP_PROTO_TCP ? TCP_CSUM_OFFSET : UDP_CSUM_OFFSET);
}

/* The checksum is complete. */
static void make_frame(bool is_ip6, uint8_t proto, uint32_t data_len)
{
	const uint32_t ip_len = is_ip6 ? 40 : 20, l4_hdr = proto == IP_PROTO_TCP ? 20 : 8;
	uint8_t *ip = f.b + ETH_HDR_LEN, *l4 = ip + ip_len;

	memset(&f.vnet, 0, sizeof(f.vnet));
	f.is_ip6 = is_ip6;
	f.proto = proto;
	f.l4_at = ETH_HDR_LEN + ip_len;
	f.len = f.l4_at + l4_hdr + data_len;
	memset(f.b, 0, f.l4_at + l4_hdr);
	put_be16(f.b + 12, is_ip6 ? ETH_TYPE_IPV6 : ETH_TYPE_IPV4);
	if (is_ip6) {
		ip[0] = 0x60;
		put_be16(ip + 4, (uint16_t)(l4_hdr + data_len));
		ip[6] = proto;
		memset(ip + 8, 0x20, 32);
	} else {
		ip[0] = 0x45;
		put_be16(ip + 2, (uint16_t)(f.len - ETH_HDR_LEN));
		ip[9] = proto;
		put_be32(ip + 12, 0x0a000001);
		put_be32(ip + 16, 0x0a000002);
	}
	if (proto == IP_PROTO_TCP) {
		l4[12] = 5 << 4;
		l4[13] = TCP_ACK;
	} else {
		put_be16(l4 + 4, (uint16_t)(l4_hdr + data_len));
	}
	for (uint32_t i = 0; i < data_len; i++)
		l4[l4_hdr + i] = (uint8_t)(i * 13 + 5);
	put_be16(f.b + csum_at_of(&f),
		 csum_finish(pseudo_of(&f) + csum_bytes(l4, l4_hdr + data_len)));
}

/* It is to be finished. */
static void leave_csum(void)
{
	put_be16(f.b + csum_at_of(&f), csum_fold(pseudo_of(&f)));
	f.vnet.needs_csum = true;
	f.vnet.csum_start = (uint16_t)f.l4_at;
	f.vnet.csum_offset = (uint16_t)(csum_at_of(&f) - f.l4_at);
}

static void leave_cutting(uint16_t size)
{
	f.vnet.gso = f.proto == IP_PROTO_UDP ? VNET_GSO_UDP
		     : f.is_ip6              ? VNET_GSO_TCP6
					     : VNET_GSO_TCP4;
	f.vnet.gso_size = size;
	f.vnet.hdr_len = (uint16_t)(f.l4_at + (f.proto == IP_PROTO_TCP ? 20 : 8));
}

/* As a device writes it. */
static int wrap_hdr(struct world *w, const uint8_t hdr[static VNET_HDR_LEN], struct pbuf **ret,
		    uint32_t block_len, bool *ret_refers)
{
	struct pbuf_block *b = pbuf_block_alloc(w->pool, block_len);
	int r;

	assert_non_null(b);
	assert_true(b->size >= VNET_IO_RX_AT + VNET_HDR_LEN + f.len);
	memcpy(b->data + VNET_IO_RX_AT, hdr, VNET_HDR_LEN);
	memcpy(b->data + VNET_IO_RX_AT + VNET_HDR_LEN, f.b, f.len);
	r = vnet_io_wrap(w->pool, b, VNET_IO_RX_AT, VNET_HDR_LEN + f.len, ret);
	*ret_refers = b->refs > 1;
	pbuf_block_unref(b);
	return r;
}

static struct pbuf *wrap(struct world *w)
{
	uint8_t hdr[VNET_HDR_LEN];
	struct pbuf *pb = NULL;
	bool refers;

	assert_int_equal(vnet_hdr_emit(hdr, sizeof(hdr), &f.vnet), VNET_HDR_LEN);
	assert_int_equal(wrap_hdr(w, hdr, &pb, PBUF_BLOCK_MAX, &refers), 0);
	assert_int_equal(refers, f.len > VNET_IO_COPY_MAX);
	assert_int_equal(pb->len, f.len);
	assert_int_equal(pb->linear, f.len);
	return pb;
}

/* --- received --- */

static void short_frames_are_copied_and_long_ones_are_not(void **state)
{
	const uint32_t len[] = {
		60, 194, 195, VNET_IO_COPY_MAX, VNET_IO_COPY_MAX + 1, 9000, 64000
	};
	struct world *w = *state;

	for (size_t i = 0; i < ARRAY_SIZE(len); i++) {
		struct pbuf *pb;

		make_frame(false, IP_PROTO_TCP, len[i] - 54);
		pb = wrap(w);
		assert_memory_equal(pb->data, f.b, f.len);
		assert_int_equal(pb->csum, PBUF_CSUM_NONE);
		assert_int_equal(pbuf_headroom(pb), VNET_IO_RX_AT + VNET_HDR_LEN);
		pbuf_free(pb);
	}
}

/* A block of about its length is not left for a copy. */
static void a_block_that_fits_is_kept(void **state)
{
	const uint8_t hdr[VNET_HDR_LEN] = { 0 };
	struct pbuf *pb = NULL;
	bool refers;

	make_frame(false, IP_PROTO_TCP, 1400);
	assert_int_equal(wrap_hdr(*state, hdr, &pb, 2048, &refers), 0);
	assert_true(refers);
	pbuf_free(pb);
	make_frame(false, IP_PROTO_TCP, 0);
	assert_int_equal(wrap_hdr(*state, hdr, &pb, 2048, &refers), 0);
	assert_false(refers);
	pbuf_free(pb);
}

static void what_the_device_verified_is_valid(void **state)
{
	struct pbuf *pb;

	make_frame(false, IP_PROTO_TCP, 100);
	f.vnet.data_valid = true;
	pb = wrap(*state);
	assert_int_equal(pb->csum, PBUF_CSUM_VALID);
	pbuf_free(pb);
}

static void what_is_left_to_us_is_marked(void **state)
{
	for (int i = 0; i < 8; i++) {
		const uint8_t proto = i & 1 ? IP_PROTO_UDP : IP_PROTO_TCP;
		const uint8_t gso[] = { PBUF_GSO_TCP4, PBUF_GSO_UDP, PBUF_GSO_TCP6, PBUF_GSO_UDP };
		struct pbuf *pb;

		make_frame(i & 2, proto, 5000);
		leave_csum();
		if (i & 4)
			leave_cutting(1000);
		pb = wrap(*state);
		assert_int_equal(pb->csum, PBUF_CSUM_PARTIAL);
		assert_ptr_equal(pbuf_l4(pb), pb->data + f.l4_at);
		assert_int_equal(pb->csum_offset, f.vnet.csum_offset);
		assert_int_equal(pb->gso, i & 4 ? gso[i & 3] : PBUF_GSO_NONE);
		assert_int_equal(pb->gso_size, i & 4 ? 1000 : 0);
		assert_false(pb->gso_ecn);
		pbuf_free(pb);
	}
	make_frame(false, IP_PROTO_TCP, 5000);
	leave_csum();
	leave_cutting(1000);
	f.vnet.ecn = true;
	{
		struct pbuf *pb = wrap(*state);

		assert_true(pb->gso_ecn);
		pbuf_free(pb);
	}
}

/* Of a packet inside the packet, as tunnels have it. */
static void another_checksum_is_finished(void **state)
{
	struct pbuf *pb;

	make_frame(false, IP_PROTO_UDP, 400);
	f.vnet.needs_csum = true;
	f.vnet.csum_start = (uint16_t)(f.l4_at + 8 + 100);
	f.vnet.csum_offset = 6;
	put_be16(f.b + f.vnet.csum_start + 6, 0x1234);
	pb = wrap(*state);
	assert_int_equal(pb->csum, PBUF_CSUM_NONE);
	assert_int_equal(
		get_be16(pb->data + f.vnet.csum_start + 6),
		csum_finish(csum_bytes(f.b + f.vnet.csum_start, f.len - f.vnet.csum_start)));
	pbuf_free(pb);
}

static void what_is_not_possible_is_refused(void **state)
{
	static const struct {
		uint8_t hdr[VNET_HDR_LEN];
		int error;
	} bad[] = {
		{ { 0x80 }, -EBADMSG },                          /* a flag that does not exist */
		{ { 1, 3, 0, 0, 100 }, -EPROTONOSUPPORT },       /* UFO */
		{ { 0, 1, 0, 0, 100 }, -EBADMSG },               /* segments without a checksum */
		{ { 1, 1, 0, 0, 0, 0, 34, 0, 16 }, -EBADMSG },   /* of no length */
		{ { 1, 1, 0, 0, 4, 0, 34, 0, 16 }, -EBADMSG },   /* of hardly any */
		{ { 1, 4, 0, 0, 100, 0, 34, 0, 16 }, -EBADMSG }, /* the other family */
		{ { 1, 0, 0, 0, 0, 0, 0xff, 0xff, 16 }, -EBADMSG }, /* behind the end */
		{ { 1, 0, 0, 0, 0, 0, 34, 0, 0xff, 0xff }, -EBADMSG },
		{ { 1, 0, 0, 0, 0, 0, 2, 0, 16 }, -EBADMSG },          /* in the Ethernet header */
		{ { 1, 1, 0xff, 0xff, 100, 0, 34, 0, 16 }, -EBADMSG }, /* longer than the frame */
	};
	struct world *w = *state;
	struct pbuf_pool_stats st;

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct pbuf *pb = NULL;
		bool refers = false;

		make_frame(false, IP_PROTO_TCP, i & 1 ? 5000 : 500);
		assert_int_equal(wrap_hdr(w, bad[i].hdr, &pb, PBUF_BLOCK_MAX, &refers),
				 bad[i].error);
		assert_null(pb);
		assert_false(refers);
	}
	pbuf_pool_stats(w->pool, &st);
	assert_int_equal(st.bytes, 0);
}

static void what_has_no_header_is_refused(void **state)
{
	struct world *w = *state;
	struct pbuf_block *b = pbuf_block_alloc(w->pool, 2048);
	struct pbuf *pb = NULL;

	assert_non_null(b);
	for (uint32_t len = 0; len < VNET_HDR_LEN + ETH_HDR_LEN; len++)
		assert_int_equal(vnet_io_wrap(w->pool, b, 0, len, &pb), -ENODATA);
	assert_null(pb);
	pbuf_block_unref(b);
}

static void without_memory_there_is_no_packet(void **state)
{
	const uint8_t hdr[VNET_HDR_LEN] = { 0 };
	struct world *w = *state;
	struct pbuf *pb = NULL;
	bool refers = true;

	make_frame(false, IP_PROTO_TCP, 100);
	pbuf_pool_set_limit(w->pool, PBUF_BLOCK_MAX + 64);
	assert_int_equal(wrap_hdr(w, hdr, &pb, PBUF_BLOCK_MAX, &refers), -ENOMEM);
	assert_false(refers);
	assert_null(pb);
}

/* --- sent --- */

/* Its headers in the pbuf's room and the data behind them in blocks. */
static struct pbuf *pbuf_of_frame(struct world *w)
{
	const uint32_t linear = f.l4_at + (f.proto == IP_PROTO_TCP ? 20 : 8);
	struct pbuf *pb = pbuf_alloc(w->pool);

	assert_non_null(pb);
	pb->data = pb->base + 40;
	memcpy(pbuf_put(pb, linear), f.b, linear);
	for (uint32_t at = linear; at < f.len;) {
		const uint32_t n = f.len - at < 4000 ? f.len - at : 4000;
		struct pbuf_block *b = pbuf_block_alloc(w->pool, n);

		assert_non_null(b);
		memcpy(b->data, f.b + at, n);
		assert_true(pbuf_add_frag(pb, b, 0, n));
		pbuf_block_unref(b);
		at += n;
	}
	pb->l2 = 40;
	pb->l3 = 40 + ETH_HDR_LEN;
	pb->l4 = (uint16_t)(40 + f.l4_at);
	return pb;
}

static void a_complete_packet_leaves_nothing_undone(void **state)
{
	const uint8_t none[VNET_HDR_LEN] = { 0 };
	const enum pbuf_csum csum[] = { PBUF_CSUM_NONE, PBUF_CSUM_VALID };
	uint8_t hdr[VNET_HDR_LEN];

	for (size_t i = 0; i < ARRAY_SIZE(csum); i++) {
		struct pbuf *pb;

		make_frame(false, IP_PROTO_TCP, 100);
		pb = pbuf_of_frame(*state);
		pb->csum = csum[i];
		pb->l4 = PBUF_NO_OFFSET;
		memset(hdr, 0xa5, sizeof(hdr));
		assert_int_equal(vnet_io_tx(pb, hdr), 0);
		assert_memory_equal(hdr, none, sizeof(hdr));
		pbuf_free(pb);
	}
}

/* What one side leaves undone the other one has to do. */
static void what_is_sent_comes_in_as_it_was(void **state)
{
	for (int i = 0; i < 8; i++) {
		const uint8_t gso[] = { PBUF_GSO_TCP4, PBUF_GSO_UDP, PBUF_GSO_TCP6, PBUF_GSO_UDP };
		const uint8_t proto = i & 1 ? IP_PROTO_UDP : IP_PROTO_TCP;
		struct world *w = *state;
		struct iovec iov[VNET_IO_IOV_MAX];
		struct pbuf *out, *in = NULL;
		uint8_t hdr[VNET_HDR_LEN];
		uint32_t at = 0;
		bool refers;

		make_frame(i & 2, proto, 60000);
		leave_csum();
		out = pbuf_of_frame(w);
		out->csum = PBUF_CSUM_PARTIAL;
		out->csum_offset = f.vnet.csum_offset;
		if (i & 4) {
			out->gso = gso[i & 3];
			out->gso_size = 1000;
			out->gso_ecn = proto == IP_PROTO_TCP;
		}
		assert_int_equal(vnet_io_tx(out, hdr), 0);
		for (unsigned int k = 0, n = vnet_io_iov(out, iov); k < n; k++) {
			assert_memory_equal(iov[k].iov_base, f.b + at, iov[k].iov_len);
			at += (uint32_t)iov[k].iov_len;
		}
		assert_int_equal(at, f.len);
		assert_int_equal(wrap_hdr(w, hdr, &in, PBUF_BLOCK_MAX, &refers), 0);
		assert_int_equal(in->csum, PBUF_CSUM_PARTIAL);
		assert_int_equal(in->csum_offset, out->csum_offset);
		assert_int_equal(in->gso, out->gso);
		assert_int_equal(in->gso_size, out->gso_size);
		assert_int_equal(in->gso_ecn, out->gso_ecn);
		assert_ptr_equal(pbuf_l4(in) - in->data, pbuf_l4(out) - out->data);
		pbuf_free(in);
		pbuf_free(out);
	}
}

/* As GRO makes them.  Their linear part may be somebody else's, too. */
static void a_complete_checksum_of_segments_is_taken_back(void **state)
{
	for (int i = 0; i < 8; i++) {
		const uint8_t gso[] = { PBUF_GSO_TCP4, PBUF_GSO_UDP, PBUF_GSO_TCP6, PBUF_GSO_UDP };
		struct vnet_hdr_repr h;
		struct pbuf *pb, *other = NULL;
		uint8_t hdr[VNET_HDR_LEN];
		uint16_t want, before;

		make_frame(i & 2, i & 1 ? IP_PROTO_UDP : IP_PROTO_TCP, 3000);
		if (i & 4) {
			pb = wrap(*state);
			pb->l3 = (uint16_t)(pbuf_headroom(pb) + ETH_HDR_LEN);
			pb->l4 = (uint16_t)(pbuf_headroom(pb) + f.l4_at);
			other = pbuf_clone(pb);
			assert_non_null(other);
		} else {
			pb = pbuf_of_frame(*state);
		}
		pb->csum = PBUF_CSUM_VALID;
		pb->gso = gso[i & 3];
		pb->gso_size = 1000;
		assert_int_equal(vnet_io_tx(pb, hdr), 0);
		assert_int_equal(vnet_hdr_parse(hdr, sizeof(hdr), &h), VNET_HDR_LEN);
		assert_true(h.needs_csum);
		before = get_be16(f.b + csum_at_of(&f));
		leave_csum();
		want = get_be16(f.b + csum_at_of(&f));
		assert_int_equal(h.csum_start, f.vnet.csum_start);
		assert_int_equal(h.csum_offset, f.vnet.csum_offset);
		assert_int_equal(get_be16(pbuf_l4(pb) + h.csum_offset), want);
		if (other)
			assert_int_equal(get_be16(other->data + csum_at_of(&f)), before);
		pbuf_free(other);
		pbuf_free(pb);
	}
}

static void marks_that_do_not_fit_are_refused(void **state)
{
	uint8_t hdr[VNET_HDR_LEN];
	struct pbuf *pb;

	make_frame(false, IP_PROTO_TCP, 3000);
	pb = pbuf_of_frame(*state);
	pb->csum = PBUF_CSUM_PARTIAL;
	pb->csum_offset = TCP_CSUM_OFFSET;
	pb->l4 = PBUF_NO_OFFSET;
	assert_int_equal(vnet_io_tx(pb, hdr), -EINVAL);
	pb->l4 = 39; /* before the frame */
	assert_int_equal(vnet_io_tx(pb, hdr), -EINVAL);
	pb->l4 = (uint16_t)(40 + f.l4_at + 10); /* the field is in the data */
	assert_int_equal(vnet_io_tx(pb, hdr), -EINVAL);
	pb->l4 = (uint16_t)(40 + f.l4_at);
	pb->gso = PBUF_GSO_TCP4;
	pb->gso_size = 0;
	assert_int_equal(vnet_io_tx(pb, hdr), -EINVAL);
	pb->gso = 77;
	pb->gso_size = 1000;
	assert_int_equal(vnet_io_tx(pb, hdr), -EINVAL);
	pb->gso = PBUF_GSO_TCP4;
	pb->csum = PBUF_CSUM_VALID;
	pb->l3 = PBUF_NO_OFFSET;
	assert_int_equal(vnet_io_tx(pb, hdr), -EINVAL);
	pbuf_free(pb);
}

#define WORLD_TEST(t) cmocka_unit_test_setup_teardown(t, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WORLD_TEST(short_frames_are_copied_and_long_ones_are_not),
		WORLD_TEST(a_block_that_fits_is_kept),
		WORLD_TEST(what_the_device_verified_is_valid),
		WORLD_TEST(what_is_left_to_us_is_marked),
		WORLD_TEST(another_checksum_is_finished),
		WORLD_TEST(what_is_not_possible_is_refused),
		WORLD_TEST(what_has_no_header_is_refused),
		WORLD_TEST(without_memory_there_is_no_packet),
		WORLD_TEST(a_complete_packet_leaves_nothing_undone),
		WORLD_TEST(what_is_sent_comes_in_as_it_was),
		WORLD_TEST(a_complete_checksum_of_segments_is_taken_back),
		WORLD_TEST(marks_that_do_not_fit_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
