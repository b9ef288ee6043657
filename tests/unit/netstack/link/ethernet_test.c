/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "netstack/link/ethernet.h"

#include "netstack/core/verdict.h"
#include "tests/unit/netstack/rig.h"

static struct iface *iface_of(struct rig *r)
{
	return iface_get(&r->st->net.ifaces, r->link[0].ifindex);
}

/* What ethernet_in() says of a frame; the packet, when it passes, is in *@ret. */
static int in(struct rig *r, const uint8_t *frame, uint32_t len, uint16_t *ret_type,
	      struct pbuf **ret)
{
	struct pbuf *pb = rig_pbuf(r, frame, len);
	int v = ethernet_in(iface_of(r), pb, ret_type);

	if (v == RX_PASS)
		*ret = pb;
	else
		pbuf_free(pb);
	return v;
}

static uint32_t make(const struct rig *r, uint8_t *frame, struct eth_addr dst, unsigned int n_vlans,
		     uint16_t vid)
{
	struct eth_repr eth = {
		.dst = dst,
		.src = r->link[0].peer,
		.type = ETH_TYPE_IPV4,
		.n_vlans = (uint8_t)n_vlans,
	};
	int n;

	for (unsigned int i = 0; i < n_vlans; i++)
		eth.vlan[i].vid = vid;
	n = eth_emit(frame, 64, &eth);
	assert_true(n > 0);
	frame[n] = 0x45;
	return (uint32_t)n + 1;
}

static void the_destination_tells_for_whom_it_is(void **state)
{
	static const struct {
		struct eth_addr dst;
		enum pbuf_dest dest;
	} t[] = {
		{ { { 2, 0, 0, 0, 0, 0x10 } }, PBUF_TO_US },
		{ { { 2, 0, 0, 0, 0, 0x11 } }, PBUF_TO_OTHER },
		{ { { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff } }, PBUF_TO_ALL },
		{ { { 1, 0, 0x5e, 0, 0, 1 } }, PBUF_TO_GROUP },
	};
	uint8_t frame[64];
	uint16_t type;
	struct pbuf *pb;
	struct rig r;

	(void)state;
	rig_host(&r);
	for (unsigned int i = 0; i < 4; i++) {
		const uint32_t len = make(&r, frame, t[i].dst, 0, 0);

		assert_int_equal(in(&r, frame, len, &type, &pb), RX_PASS);
		assert_int_equal(type, ETH_TYPE_IPV4);
		assert_int_equal(pb->dest, t[i].dest);
		assert_int_equal(pb->len, 1);
		assert_memory_equal(pbuf_l2(pb), frame, ETH_HDR_LEN);
		pbuf_free(pb);
	}
	rig_done(&r);
}

/* A tag of VLAN 0 is a priority. */
static void tags(void **state)
{
	uint8_t frame[64];
	uint16_t type;
	struct pbuf *pb;
	uint32_t len;
	struct rig r;

	(void)state;
	rig_host(&r);
	for (unsigned int n = 1; n <= 2; n++) {
		len = make(&r, frame, r.link[0].mac, n, 0);
		assert_int_equal(in(&r, frame, len, &type, &pb), RX_PASS);
		assert_int_equal(type, ETH_TYPE_IPV4);
		assert_int_equal(pb->len, 1);
		assert_int_equal(pb->data[0], 0x45);
		pbuf_free(pb);
		len = make(&r, frame, r.link[0].mac, n, 5);
		assert_int_equal(in(&r, frame, len, &type, &pb), DROP_ETH_VLAN);
	}
	rig_done(&r);
}

static void what_is_wrong_is_named(void **state)
{
	uint8_t frame[64];
	uint16_t type = 99;
	struct pbuf *pb;
	uint32_t len;
	struct rig r;

	(void)state;
	rig_host(&r);
	len = make(&r, frame, r.link[0].mac, 2, 0);
	for (uint32_t i = 0; i < len - 1; i++)
		assert_int_equal(in(&r, frame, i, &type, &pb), DROP_ETH_SHORT);
	len = make(&r, frame, r.link[0].mac, 0, 0);
	frame[6] |= 1;
	assert_int_equal(in(&r, frame, len, &type, &pb), DROP_ETH_SRC);
	memset(frame + 6, 0, 6);
	assert_int_equal(in(&r, frame, len, &type, &pb), DROP_ETH_SRC);
	len = make(&r, frame, r.link[0].mac, 0, 0);
	put_be16(frame + 12, 46); /* a length: LLC */
	assert_int_equal(in(&r, frame, len, &type, &pb), DROP_ETH_TYPE);
	len = make(&r, frame, r.link[0].mac, 1, 0);
	put_be16(frame + 14, 4095);
	assert_int_equal(in(&r, frame, len, &type, &pb), DROP_ETH_BAD);
	assert_int_equal(type, 99);
	rig_done(&r);
}

/* The header may lie in several pieces of a device's memory. */
static void a_header_in_pieces(void **state)
{
	struct pbuf_block *b;
	uint8_t frame[64];
	struct pbuf *pb;
	uint16_t type;
	uint32_t len;
	struct rig r;

	(void)state;
	rig_host(&r);
	len = make(&r, frame, r.link[0].mac, 1, 0);
	b = pbuf_block_alloc(netstack_pool(r.st), 64);
	memcpy(b->data, frame, len);
	pb = pbuf_alloc(netstack_pool(r.st));
	assert_true(pbuf_add_frag(pb, b, 0, 5));
	assert_true(pbuf_add_frag(pb, b, 5, len - 5));
	assert_int_equal(ethernet_in(iface_of(&r), pb, &type), RX_PASS);
	assert_int_equal(type, ETH_TYPE_IPV4);
	assert_int_equal(pb->len, 1);
	pbuf_free(pb);
	pbuf_block_unref(b);
	rig_done(&r);
}

static void a_header_is_prepended(void **state)
{
	const struct eth_addr dst = { { 2, 4, 6, 8, 10, 12 } };
	struct pbuf *pb;
	struct rig r;

	(void)state;
	rig_host(&r);
	pb = pbuf_alloc(netstack_pool(r.st));
	*pbuf_put(pb, 1) = 0x60;
	pbuf_mark_l3(pb);
	ethernet_out(&r.st->net.ifaces, iface_of(&r), pb, dst, ETH_TYPE_IPV6);
	netstack_advance(r.st, r.now);
	assert_int_equal(r.link[0].n, 1);
	assert_int_equal(r.link[0].frame[0].len, ETH_HDR_LEN + 1);
	assert_memory_equal(r.link[0].frame[0].data, dst.b, 6);
	assert_memory_equal(r.link[0].frame[0].data + 6, r.link[0].mac.b, 6);
	assert_int_equal(get_be16(r.link[0].frame[0].data + 12), ETH_TYPE_IPV6);
	assert_int_equal(r.link[0].frame[0].data[14], 0x60);
	rig_done(&r);
}

/* From a device that leaves no room, and where others look at the same memory. */
static void room_is_made(void **state)
{
	const struct eth_addr dst = { { 2, 4, 6, 8, 10, 12 } };
	struct pbuf *pb, *copy;
	uint8_t bytes[900];
	struct rig r;

	(void)state;
	rig_host(&r);
	for (unsigned int i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)i;
	for (unsigned int shared = 0; shared < 2; shared++) {
		pb = pbuf_alloc_rx(netstack_pool(r.st), shared ? 32 : 0, sizeof(bytes));
		memcpy(pbuf_put(pb, sizeof(bytes)), bytes, sizeof(bytes));
		if (shared)
			memset(pb->base, 0x77, 32);
		pbuf_mark_l3(pb);
		copy = shared ? pbuf_clone(pb) : NULL;
		ethernet_out(&r.st->net.ifaces, iface_of(&r), pb, dst, ETH_TYPE_IPV4);
		netstack_advance(r.st, r.now);
		assert_int_equal(r.link[0].frame[shared].len, ETH_HDR_LEN + sizeof(bytes));
		assert_memory_equal(r.link[0].frame[shared].data + ETH_HDR_LEN, bytes,
				    sizeof(bytes));
		if (copy)
			assert_int_equal(copy->data[-1], 0x77);
		pbuf_free(copy);
	}
	rig_done(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_destination_tells_for_whom_it_is),
		cmocka_unit_test(tags),
		cmocka_unit_test(what_is_wrong_is_named),
		cmocka_unit_test(a_header_in_pieces),
		cmocka_unit_test(a_header_is_prepended),
		cmocka_unit_test(room_is_made),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
