/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * tap_scene.h - a nic over a tap or macvtap, and a raw socket at the other end of its wire
 *
 * Both speak virtio_net_hdr: what one leaves undone the other is told.
 */
#ifndef TESTS_UNIT_NIC_TAP_SCENE_H
#define TESTS_UNIT_NIC_TAP_SCENE_H

#include <net/if.h>

#include <arpa/inet.h>
#include <poll.h>
#include <sys/ioctl.h>

#include <linux/if_packet.h>

#include "nic/drivers.h"
#include "nic/loop.h"
#include "nic/nic.h"
#include "nic/pbuf.h"
#include "tests/unit/netns_fixture.h"
#include "tests/unit/test_mem.h"
#include "wire/bytes.h"
#include "wire/checksum.h"
#include "wire/ethernet.h"
#include "wire/ip.h"
#include "wire/tcp.h"
#include "wire/vnet_hdr.h"

#define POOL_LIMIT (UINT64_C(64) << 20)
#define PATIENCE   UINT64_C(10000000000)

/* For local experiments (IEEE 802): the kernel's own frames are others. */
#define OUR_TYPE     0x88b5

#define TCP_HDRS_LEN (ETH_HDR_LEN + 20 + TCP_HDR_LEN)
#define FRAME_MAX    66000

static const struct eth_addr peer_mac = { { 2, 0, 0, 0, 0, 0x99 } };

struct scene {
	struct test_mem tm;
	struct pbuf_pool *pool;
	struct loop *loop;
	struct nic_env env;
	struct nic *nic;
	unsigned int n_ready;
	int raw;
};

/* A frame as it is on a wire or before one. */
struct frame {
	struct vnet_hdr_repr vnet;
	size_t len;
	uint8_t b[FRAME_MAX];
};

#define run_here(...)                                                                              \
	do {                                                                                       \
		char run_out[2048];                                                                \
		run_ok(run_out, sizeof(run_out), __VA_ARGS__);                                     \
	} while (0)

/* --- both engines --- */

static enum loop_engine scene_engines[] = { LOOP_URING, LOOP_EPOLL };

#define BOTH(fn)                                                                                   \
	{ #fn ", io_uring", fn, NULL, NULL, &scene_engines[0] },                                   \
	{                                                                                          \
#		fn ", epoll", fn, NULL, NULL, &scene_engines[1]                                   \
	}

/* --- the scene --- */

FIXTURE void scene_init(struct scene *sc, void **state)
{
	struct nerr err;

	netns_fresh();
	*sc = (struct scene){ .raw = -1 };
	sc->tm = TEST_MEM_INIT(&sc->tm);
	assert_int_equal(pbuf_pool_new(&sc->pool, &sc->tm.mem, POOL_LIMIT), 0);
	assert_ok(loop_new(&sc->loop, *(const enum loop_engine *)*state, &err), err);
	sc->env = (struct nic_env){
		.loop = sc->loop,
		.pool = sc->pool,
		.netns = -1,
		.n_queues = 1,
	};
}

FIXTURE void scene_ready(void *arg)
{
	struct scene *sc = arg;

	sc->n_ready++;
}

FIXTURE void scene_close_nic(struct scene *sc)
{
	if (sc->nic)
		sc->nic->ops->close(sc->nic);
	sc->nic = NULL;
}

FIXTURE void scene_done(struct scene *sc)
{
	scene_close_nic(sc);
	loop_free(sc->loop);
	pbuf_pool_free(sc->pool);
	test_mem_done(&sc->tm);
	if (sc->raw >= 0)
		(void)close(sc->raw);
	(void)umount2("/sys", MNT_DETACH);
}

/* Of the kernel's side. */
FIXTURE void scene_raw(struct scene *sc, const char *ifname)
{
	const struct sockaddr_ll addr = {
		.sll_family = AF_PACKET,
		.sll_protocol = htons(0x0003), /* all */
		.sll_ifindex = (int)if_nametoindex(ifname),
	};
	const int on = 1;

	sc->raw = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
	assert_true(sc->raw >= 0);
	assert_int_equal(setsockopt(sc->raw, SOL_PACKET, PACKET_IGNORE_OUTGOING, &on, sizeof(on)),
			 0);
	assert_int_equal(setsockopt(sc->raw, SOL_PACKET, PACKET_VNET_HDR, &on, sizeof(on)), 0);
	assert_int_equal(bind(sc->raw, (const struct sockaddr *)&addr, sizeof(addr)), 0);
}

/* --- frames --- */

FIXTURE void fill_eth(struct frame *f, struct eth_addr dst, struct eth_addr src, uint16_t type)
{
	const struct eth_repr eth = { .dst = dst, .src = src, .type = type };

	assert_int_equal(eth_emit(f->b, sizeof(f->b), &eth), ETH_HDR_LEN);
}

/* Nothing to be finished in it. */
FIXTURE void plain_frame(struct frame *f, struct eth_addr dst, struct eth_addr src, size_t len)
{
	memset(&f->vnet, 0, sizeof(f->vnet));
	fill_eth(f, dst, src, OUR_TYPE);
	for (size_t i = ETH_HDR_LEN; i < len; i++)
		f->b[i] = (uint8_t)(i * 7 + len);
	f->len = len;
}

FIXTURE void tcp_frame(struct frame *f, struct eth_addr dst, struct eth_addr src, size_t data_len,
		       uint16_t gso_size)
{
	const uint16_t l4_len = (uint16_t)(TCP_HDR_LEN + data_len);
	const uint32_t from = IP4_ADDR(10, 0, 0, 1), to = IP4_ADDR(10, 0, 0, 2);
	uint8_t *ip = f->b + ETH_HDR_LEN, *tcp = ip + 20;

	fill_eth(f, dst, src, ETH_TYPE_IPV4);
	memset(ip, 0, 20 + TCP_HDR_LEN);
	ip[0] = 0x45;
	put_be16(ip + 2, (uint16_t)(20 + l4_len));
	put_be16(ip + 6, 0x4000);
	ip[8] = 64;
	ip[9] = IP_PROTO_TCP;
	put_be32(ip + 12, from);
	put_be32(ip + 16, to);
	put_be16(ip + 10, csum_finish(csum_bytes(ip, 20)));
	put_be16(tcp, 1234);
	put_be16(tcp + 2, 80);
	tcp[12] = 5 << 4;
	tcp[13] = TCP_ACK;
	put_be16(tcp + TCP_CSUM_OFFSET, csum_fold(csum_pseudo4(from, to, IP_PROTO_TCP, l4_len)));
	for (size_t i = 0; i < data_len; i++)
		f->b[TCP_HDRS_LEN + i] = (uint8_t)(i * 11 + 3);
	f->len = TCP_HDRS_LEN + data_len;
	f->vnet = (struct vnet_hdr_repr){
		.needs_csum = true,
		.csum_start = ETH_HDR_LEN + 20,
		.csum_offset = TCP_CSUM_OFFSET,
	};
	if (gso_size) {
		f->vnet.gso = VNET_GSO_TCP4;
		f->vnet.gso_size = gso_size;
		f->vnet.hdr_len = TCP_HDRS_LEN;
	}
}

/* The TCP checksum of an IPv4 frame is complete and right. */
FIXTURE bool tcp_csum_is_right(const uint8_t *b, size_t len)
{
	const uint8_t *ip = b + ETH_HDR_LEN;
	const uint32_t l4_len = (uint32_t)len - ETH_HDR_LEN - 20;

	return csum_ok(csum_pseudo4(get_be32(ip + 12), get_be32(ip + 16), IP_PROTO_TCP, l4_len) +
		       csum_bytes(ip + 20, l4_len));
}

/* --- from the kernel to us --- */

FIXTURE void raw_send(const struct scene *sc, const struct frame *f)
{
	uint8_t hdr[VNET_HDR_LEN];
	struct iovec iov[] = { { hdr, sizeof(hdr) }, { (void *)(uintptr_t)f->b, f->len } };

	assert_int_equal(vnet_hdr_emit(hdr, sizeof(hdr), &f->vnet), VNET_HDR_LEN);
	if (writev(sc->raw, iov, 2) != (ssize_t)(sizeof(hdr) + f->len))
		fail_msg("cannot send %zu bytes: %s", f->len, strerror(errno));
}

FIXTURE bool is_from_peer(const struct pbuf *pb)
{
	return pb->linear >= ETH_HDR_LEN && eth_addr_eq(eth_addr_get(pb->data + 6), peer_mac);
}

/* The next frame of the other end, as who serves a nic gets it. */
FIXTURE struct pbuf *receive(struct scene *sc)
{
	const uint64_t end = loop_clock() + PATIENCE;

	while (loop_clock() < end) {
		struct pbuf *pb;

		if (nic_rx(sc->nic, &pb, 1) == 1) {
			if (is_from_peer(pb))
				return pb;
			pbuf_free(pb);
			continue;
		}
		if (sc->nic->error)
			fail_msg("the device failed: %s", strerror(-sc->nic->error));
		(void)loop_turn(sc->loop, sc->nic->ops->arm(sc->nic) ? 0 : end);
	}
	fail_msg("nothing came");
	return NULL;
}

FIXTURE void assert_bytes(const struct pbuf *pb, const struct frame *f)
{
	static uint8_t b[FRAME_MAX];

	assert_int_equal(pb->len, f->len);
	pbuf_copy_out(pb, 0, b, pb->len);
	assert_memory_equal(b, f->b, f->len);
}

/* --- from us to the kernel --- */

FIXTURE struct pbuf *pbuf_of(struct scene *sc, const struct frame *f)
{
	const uint32_t linear = f->len < 100 ? (uint32_t)f->len : TCP_HDRS_LEN;
	struct pbuf *pb = pbuf_alloc(sc->pool);

	assert_non_null(pb);
	pb->data = pb->base + 64;
	memcpy(pbuf_put(pb, linear), f->b, linear);
	for (uint32_t at = linear; at < f->len;) {
		const uint32_t left = (uint32_t)f->len - at, n = left < 32768 ? left : 32768;
		struct pbuf_block *b = pbuf_block_alloc(sc->pool, n);

		assert_non_null(b);
		memcpy(b->data, f->b + at, n);
		assert_true(pbuf_add_frag(pb, b, 0, n));
		pbuf_block_unref(b);
		at += n;
	}
	pb->l2 = 64;
	if (f->vnet.needs_csum) {
		pb->csum = PBUF_CSUM_PARTIAL;
		pb->csum_offset = f->vnet.csum_offset;
		pb->l3 = 64 + ETH_HDR_LEN;
		pb->l4 = (uint16_t)(64 + f->vnet.csum_start);
	}
	if (f->vnet.gso != VNET_GSO_NONE) {
		pb->gso = PBUF_GSO_TCP4;
		pb->gso_size = f->vnet.gso_size;
	}
	return pb;
}

FIXTURE void send_pbuf(struct scene *sc, struct pbuf *pb)
{
	assert_int_equal(nic_tx(sc->nic, &pb, 1), 1);
	(void)loop_turn(sc->loop, 0);
}

/* The next of our frames, at the other end. */
FIXTURE void raw_receive(const struct scene *sc, struct frame *f)
{
	const uint64_t end = loop_clock() + PATIENCE;
	struct pollfd p = { .fd = sc->raw, .events = POLLIN };

	while (loop_clock() < end) {
		uint8_t hdr[VNET_HDR_LEN];
		struct iovec iov[] = { { hdr, sizeof(hdr) }, { f->b, sizeof(f->b) } };
		ssize_t n;

		if (poll(&p, 1, 100) <= 0)
			continue;
		n = readv(sc->raw, iov, 2);
		if (n < VNET_HDR_LEN + ETH_HDR_LEN || !eth_addr_eq(eth_addr_get(f->b), peer_mac))
			continue;
		assert_int_equal(vnet_hdr_parse(hdr, sizeof(hdr), &f->vnet), VNET_HDR_LEN);
		f->len = (size_t)n - VNET_HDR_LEN;
		return;
	}
	fail_msg("nothing came");
}

/* Turns until the device has an error, or fails. */
FIXTURE void wait_for_error(struct scene *sc, int error)
{
	const uint64_t end = loop_clock() + PATIENCE;

	while (!sc->nic->error && loop_clock() < end) {
		struct pbuf *pb;

		if (nic_rx(sc->nic, &pb, 1) == 1)
			pbuf_free(pb);
		else
			(void)loop_turn(sc->loop, sc->nic->ops->arm(sc->nic) ? 0 : end);
	}
	assert_int_equal(sc->nic->error, error);
}

#endif /* TESTS_UNIT_NIC_TAP_SCENE_H */
