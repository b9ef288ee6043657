/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * fake.h - a nic that gives and takes what a test says, and frames for it
 */
#ifndef TESTS_UNIT_NIC_FAKE_H
#define TESTS_UNIT_NIC_FAKE_H

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "nic/nic.h"
#include "tests/unit/test_mem.h"
#include "wire/checksum.h"
#include "wire/ethernet.h"
#include "wire/ip.h"
#include "wire/ipv4.h"
#include "wire/ipv6.h"
#include "wire/tcp.h"
#include "wire/udp.h"

#define FAKE __attribute__((unused)) static

/**
 * struct fake - A nic
 * @in:		Comes out of its rx()
 * @out:	Went into its tx()
 * @takes:	Packets it takes of each burst
 * @tx_bursts:	Bursts it got
 * @armed:	Interrupts are on
 * @closed:	Set when it is closed
 */
struct fake {
	struct nic nic;
	struct pbuf_queue in;
	struct pbuf_queue out;
	unsigned int takes;
	unsigned int tx_bursts;
	bool armed;
	bool *closed;
};

/* What all tests need: memory that is counted, a pool, a loop; and who serves a nic. */
struct desk {
	struct test_mem tm;
	struct pbuf_pool *pool;
	struct loop *loop;
	struct dice d;
	struct nerr err;
	unsigned int readies;
	bool closed;
};

FAKE void desk_init(struct desk *k, enum loop_engine engine)
{
	*k = (struct desk){ .d.state = 7 };
	k->tm = TEST_MEM_INIT(&k->tm);
	assert_int_equal(pbuf_pool_new(&k->pool, &k->tm.mem, UINT64_MAX), 0);
	assert_int_equal(loop_new(&k->loop, engine, &k->err), 0);
}

/* No packet is left. */
FAKE void desk_done(struct desk *k)
{
	struct pbuf_pool_stats stats;

	pbuf_pool_stats(k->pool, &stats);
	assert_int_equal(stats.pbufs, 0);
	assert_int_equal(stats.blocks, 0);
	loop_free(k->loop);
	pbuf_pool_free(k->pool);
	test_mem_done(&k->tm);
}

FAKE struct nic_env desk_env(const struct desk *k)
{
	return (struct nic_env){ .loop = k->loop, .pool = k->pool, .netns = -1, .n_queues = 1 };
}

FAKE void desk_ready(void *arg)
{
	struct desk *k = arg;

	k->readies++;
}

FAKE void desk_serve(struct desk *k, struct nic *nic)
{
	nic->ready = desk_ready;
	nic->ready_arg = k;
}

/* --- the nic --- */

FAKE unsigned int fake_rx(struct nic *nic, struct pbuf **burst, unsigned int n)
{
	struct fake *f = (struct fake *)(void *)nic;
	unsigned int got = 0;

	while (got < n && (burst[got] = pbuf_queue_take(&f->in)))
		got++;
	nic->counters.rx_packets += got;
	return got;
}

FAKE unsigned int fake_tx(struct nic *nic, struct pbuf *const *burst, unsigned int n)
{
	struct fake *f = (struct fake *)(void *)nic;
	const unsigned int taken = n < f->takes ? n : f->takes;

	f->tx_bursts++;
	for (unsigned int i = 0; i < taken; i++)
		pbuf_queue_put(&f->out, burst[i]);
	return taken;
}

FAKE bool fake_arm(struct nic *nic)
{
	struct fake *f = (struct fake *)(void *)nic;

	f->armed = f->in.n == 0;
	return !f->armed;
}

FAKE void fake_disarm(struct nic *nic)
{
	((struct fake *)(void *)nic)->armed = false;
}

FAKE void fake_close(struct nic *nic)
{
	struct fake *f = (struct fake *)(void *)nic;

	pbuf_queue_free(&f->in);
	pbuf_queue_free(&f->out);
	*f->closed = true;
	free(f);
}

FAKE const struct nic_ops fake_ops = {
	.name = "fake",
	.rx = fake_rx,
	.tx = fake_tx,
	.arm = fake_arm,
	.disarm = fake_disarm,
	.close = fake_close,
};

FAKE struct fake *fake_new(struct desk *k)
{
	struct fake *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	f->nic = (struct nic){
		.ops = &fake_ops,
		.info = {
			.name = "fake0",
			.kind = NIC_ETHERNET,
			.mac = { { 2, 0, 0, 0, 0, 1 } },
			.mtu = 1500,
			.features = NIC_TX_CSUM | NIC_TSO4 | NIC_TSO6 | NIC_USO,
			.gso_max = 65535,
			.netns = -1,
			.n_queues = 1,
		},
		.loop = k->loop,
		.pool = k->pool,
	};
	pbuf_queue_init(&f->in);
	pbuf_queue_init(&f->out);
	f->takes = UINT32_MAX;
	f->closed = &k->closed;
	k->closed = false;
	return f;
}

/* --- frames --- */

/**
 * struct frame_spec - An IP packet in an Ethernet frame, from host 2 to host 1
 * @proto:	IP_PROTO_TCP or IP_PROTO_UDP
 * @len:	Bytes of payload, each of a value of its own
 * @flags:	TCP
 * @gso_size:	Of a frame to be cut; 0 for none
 * @csum:	What its checksum is
 * @seq:	TCP
 */
struct frame_spec {
	bool is_ip6;
	uint8_t proto;
	uint32_t len;
	uint16_t flags;
	uint16_t gso_size;
	enum pbuf_csum csum;
	uint32_t seq;
};

#define FRAME_MAX 66000

FAKE uint8_t frame_byte(uint32_t i)
{
	return (uint8_t)(i * 2654435761U >> 24);
}

FAKE uint8_t frame_gso(const struct frame_spec *s)
{
	if (!s->gso_size)
		return PBUF_GSO_NONE;
	if (s->proto == IP_PROTO_UDP)
		return PBUF_GSO_UDP;
	return s->is_ip6 ? PBUF_GSO_TCP6 : PBUF_GSO_TCP4;
}

FAKE uint32_t frame_put_ip(const struct frame_spec *s, uint8_t *at, uint32_t l4_len,
			   uint64_t *ret_pseudo)
{
	const struct ipv4_repr ip4 = {
		.src = IP4_ADDR(10, 0, 0, 2),
		.dst = IP4_ADDR(10, 0, 0, 1),
		.payload_len = (uint16_t)l4_len,
		.ttl = 64,
		.proto = s->proto,
	};
	const struct ipv6_repr ip6 = {
		.src = { UINT64_C(0xfd00000000000000), 2 },
		.dst = { UINT64_C(0xfd00000000000000), 1 },
		.payload_len = (uint16_t)l4_len,
		.next_hdr = s->proto,
		.hop_limit = 64,
	};

	if (s->is_ip6) {
		*ret_pseudo = csum_pseudo6(ip6.src, ip6.dst, s->proto, l4_len);
		return (uint32_t)ipv6_emit(at, FRAME_MAX, &ip6);
	}
	*ret_pseudo = csum_pseudo4(ip4.src, ip4.dst, s->proto, l4_len);
	return (uint32_t)ipv4_emit(at, FRAME_MAX, &ip4);
}

FAKE uint32_t frame_put_l4(const struct frame_spec *s, uint8_t *at)
{
	const struct tcp_repr tcp = {
		.src_port = 40000,
		.dst_port = 80,
		.seq = seq_of(s->seq),
		.ack = seq_of(1),
		.flags = s->flags,
		.wnd = 1000,
	};
	const struct udp_repr udp = {
		.src_port = 40000,
		.dst_port = 53,
		.payload_len = (uint16_t)s->len,
	};

	if (s->proto == IP_PROTO_TCP)
		return (uint32_t)tcp_emit(at, TCP_HDR_LEN_MAX, &tcp);
	return (uint32_t)udp_emit(at, FRAME_MAX, &udp);
}

/* Its bytes with a right checksum, and where the transport header is.  Return: the length */
FAKE uint32_t frame_bytes(const struct frame_spec *s, uint8_t *b, uint32_t *ret_l4,
			  uint64_t *ret_pseudo)
{
	const struct eth_repr eth = {
		.dst = { { 2, 0, 0, 0, 0, 1 } },
		.src = { { 2, 0, 0, 0, 0, 2 } },
		.type = s->is_ip6 ? ETH_TYPE_IPV6 : ETH_TYPE_IPV4,
	};
	const uint32_t hdr = s->proto == IP_PROTO_TCP ? TCP_HDR_LEN : UDP_HDR_LEN;
	const uint32_t csum_at = s->proto == IP_PROTO_TCP ? TCP_CSUM_OFFSET : UDP_CSUM_OFFSET;
	uint32_t at, len;

	at = (uint32_t)eth_emit(b, FRAME_MAX, &eth);
	at += frame_put_ip(s, b + at, hdr + s->len, ret_pseudo);
	len = at + frame_put_l4(s, b + at);
	for (uint32_t i = 0; i < s->len; i++)
		b[len++] = frame_byte(i + s->seq);
	put_be16(b + at + csum_at, 0);
	put_be16(b + at + csum_at, udp_csum_finish(*ret_pseudo + csum_bytes(b + at, len - at)));
	*ret_l4 = at;
	return len;
}

/* As the stack makes them: headers in the packet's own room, data in blocks. */
FAKE struct pbuf *frame_new(struct pbuf_pool *pool, const struct frame_spec *s)
{
	static _Thread_local uint8_t b[FRAME_MAX];
	const uint32_t csum_offset = s->proto == IP_PROTO_TCP ? TCP_CSUM_OFFSET : UDP_CSUM_OFFSET;
	struct pbuf *pb = pbuf_alloc_rx(pool, 32, 128);
	struct pbuf_block *block;
	uint32_t l4, len, n;
	uint64_t pseudo;

	assert_non_null(pb);
	len = frame_bytes(s, b, &l4, &pseudo);
	if (s->csum == PBUF_CSUM_PARTIAL)
		put_be16(b + l4 + csum_offset, csum_fold(pseudo));
	n = len < 128 ? len : 128;
	memcpy(pbuf_put(pb, n), b, n);
	if (len > n) {
		block = pbuf_block_alloc(pool, len - n);
		assert_non_null(block);
		memcpy(block->data, b + n, len - n);
		assert_true(pbuf_add_frag(pb, block, 0, len - n));
		pbuf_block_unref(block);
	}
	pbuf_mark_l2(pb);
	pb->l3 = (uint16_t)(pbuf_headroom(pb) + ETH_HDR_LEN);
	pb->l4 = (uint16_t)(pbuf_headroom(pb) + l4);
	pb->csum = s->csum;
	pb->csum_offset = (uint16_t)csum_offset;
	pb->gso = frame_gso(s);
	pb->gso_size = s->gso_size;
	return pb;
}

/* A packet of any bytes. */
FAKE struct pbuf *frame_of(struct pbuf_pool *pool, const void *bytes, uint32_t len)
{
	struct pbuf *pb = pbuf_alloc_rx(pool, 32, len ? len : 1);

	assert_non_null(pb);
	memcpy(pbuf_put(pb, len), bytes, len);
	return pb;
}

FAKE struct pbuf *frame_arp(struct pbuf_pool *pool)
{
	static const uint8_t arp[42] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2,  0, 0, 0, 0,
					 2,    8,    6,    0,    1,    8,    0,  6, 4, 0, 1,
					 2,    0,    0,    0,    0,    2,    10, 0, 0, 2, 0,
					 0,    0,    0,    0,    0,    10,   0,  0, 1 };

	return frame_of(pool, arp, sizeof(arp));
}

/* @pb holds what @s says, with a complete checksum. */
FAKE void assert_frame(const struct pbuf *pb, const struct frame_spec *s)
{
	static _Thread_local uint8_t want[FRAME_MAX], got[FRAME_MAX];
	uint64_t pseudo;
	uint32_t l4, len = frame_bytes(s, want, &l4, &pseudo);

	assert_int_equal(pb->len, len);
	pbuf_copy_out(pb, 0, got, len);
	if (pb->csum == PBUF_CSUM_PARTIAL)
		memcpy(got + l4 + pb->csum_offset, want + l4 + pb->csum_offset, 2);
	assert_memory_equal(got, want, len);
}

#endif /* TESTS_UNIT_NIC_FAKE_H */
