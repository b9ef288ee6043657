/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What the kernel says about a frame beside its bytes comes through the host as it was said: frames
 * made by hand go in and out through packet sockets with an offload header.
 */
#include <net/if.h>

#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/virtio_net.h>

#include "tests/unit/host/split_scene.h"
#include "wire/bytes.h"
#include "wire/checksum.h"
#include "wire/tcp.h"

/* Linux 6.2 */
#define GSO_UDP_L4 5

#define HDR        10 /* struct virtio_net_hdr */
#define ETH        14

enum {
	FRAME_MAX = 66000
};

static uint8_t sent[FRAME_MAX], got[FRAME_MAX];

/* A packet socket on an interface, with its index. */
static int packet_socket(int ns, const char *name)
{
	struct sockaddr_ll ll = { .sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL) };
	const int on = 1, big = 4 << 20;
	int fd;

	enter(ns);
	ll.sll_ifindex = (int)if_nametoindex(name);
	fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	assert_true(fd >= 0 && ll.sll_ifindex > 0);
	assert_int_equal(setsockopt(fd, SOL_PACKET, PACKET_VNET_HDR, &on, sizeof(on)), 0);
	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &big, sizeof(big)), 0);
	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &big, sizeof(big)), 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&ll, sizeof(ll)), 0);
	enter(scene.lan);
	return fd;
}

static void put_mac(int ns, const char *name, uint8_t *at)
{
	struct ifreq ifr = { .ifr_flags = 0 };
	int fd;

	enter(ns);
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	enter(scene.lan);
	memcpy(ifr.ifr_name, name, strlen(name));
	assert_int_equal(ioctl(fd, SIOCGIFHWADDR, &ifr), 0);
	memcpy(at, ifr.ifr_hwaddr.sa_data, 6);
	(void)close(fd);
}

struct kind {
	const char *name;
	bool is_ip6;
	bool is_udp;
	uint8_t gso;
	uint16_t gso_size;
	uint16_t flags; /* of TCP */
	uint16_t data;
	bool is_complete; /* its checksum */
};

static const struct kind kinds[] = {
	{ "tcp4", .gso = VIRTIO_NET_HDR_GSO_TCPV4, .gso_size = 1448, .data = 60000 },
	{ "tcp4, odd", .gso = VIRTIO_NET_HDR_GSO_TCPV4, .gso_size = 537, .data = 12345 },
	{ "tcp4, ecn", .gso = VIRTIO_NET_HDR_GSO_TCPV4 | VIRTIO_NET_HDR_GSO_ECN, .gso_size = 1448,
	  .flags = TCP_CWR | TCP_PSH, .data = 30000 },
	{ "tcp6", .is_ip6 = true, .gso = VIRTIO_NET_HDR_GSO_TCPV6, .gso_size = 1428,
	  .data = 60000 },
	{ "tcp6, ecn", .is_ip6 = true, .gso = VIRTIO_NET_HDR_GSO_TCPV6 | VIRTIO_NET_HDR_GSO_ECN,
	  .gso_size = 1000, .flags = TCP_CWR, .data = 2500 },
	{ "udp4", .is_udp = true, .gso = GSO_UDP_L4, .gso_size = 1200, .data = 24000 },
	{ "udp6", .is_ip6 = true, .is_udp = true, .gso = GSO_UDP_L4, .gso_size = 700,
	  .data = 1500 },
	{ "tcp4, no checksum", .data = 100 },
	{ "tcp6, no checksum", .is_ip6 = true, .data = 1 },
	{ "udp4, no checksum", .is_udp = true, .data = 1400 },
	{ "udp6, complete", .is_ip6 = true, .is_udp = true, .data = 77, .is_complete = true },
	{ "tcp4, complete", .data = 1000, .is_complete = true },
};

/* 10.9.0.9 and so on: nobody answers, and no connection is disturbed. */
static size_t put_ip(const struct kind *k, uint8_t *ip, uint32_t len, uint64_t *pseudo)
{
	const uint8_t proto = k->is_udp ? IPPROTO_UDP : IPPROTO_TCP;

	memset(ip, 0, 40);
	if (k->is_ip6) {
		const struct ip6_addr src = { UINT64_C(0xfd09) << 48, 0x99 },
				      dst = { src.hi, 0x98 };

		ip[0] = 0x60;
		put_be16(ip + 4, (uint16_t)len);
		ip[6] = proto;
		ip[7] = 64;
		ip6_addr_put(ip + 8, src);
		ip6_addr_put(ip + 24, dst);
		*pseudo = csum_pseudo6(src, dst, proto, len);
		return 40;
	}
	ip[0] = 0x45;
	ip[1] = 2; /* ECT(0) */
	put_be16(ip + 2, (uint16_t)(20 + len));
	put_be16(ip + 4, 4711);
	put_be16(ip + 6, 0x4000);
	ip[8] = 64;
	ip[9] = proto;
	put_be32(ip + 12, 0x0a090063);
	put_be32(ip + 16, 0x0a090062);
	put_be16(ip + 10, csum_finish(csum_bytes(ip, 20)));
	*pseudo = csum_pseudo4(0x0a090063, 0x0a090062, proto, len);
	return 20;
}

static size_t make(const struct kind *k, const uint8_t dst[6], const uint8_t src[6])
{
	const uint32_t l4_len = (k->is_udp ? 8 : 20) + k->data;
	uint8_t *const frame = sent + HDR, *l4;
	struct virtio_net_hdr h = { .gso_type = k->gso, .gso_size = k->gso_size };
	const size_t at = k->is_udp ? 6 : 16;
	uint64_t pseudo;
	size_t l4_at;

	memcpy(frame, dst, 6);
	memcpy(frame + 6, src, 6);
	put_be16(frame + 12, k->is_ip6 ? ETH_P_IPV6 : ETH_P_IP);
	l4_at = ETH + put_ip(k, frame + ETH, l4_len, &pseudo);
	l4 = frame + l4_at;
	memset(l4, 0, 20);
	put_be16(l4, 7777);
	put_be16(l4 + 2, 8888);
	if (k->is_udp) {
		put_be16(l4 + 4, (uint16_t)l4_len);
	} else {
		put_be32(l4 + 4, 0x01020304);
		put_be16(l4 + 12, (uint16_t)(0x5000 | TCP_ACK | k->flags));
		put_be16(l4 + 14, 500);
	}
	for (uint32_t i = 0; i < k->data; i++)
		l4[l4_len - k->data + i] = (uint8_t)(i ^ i >> 8);
	if (k->is_complete) {
		put_be16(l4 + at, csum_finish(pseudo + csum_bytes(l4, l4_len)));
	} else {
		put_be16(l4 + at, csum_fold(pseudo));
		h.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM;
		h.csum_start = (uint16_t)l4_at;
		h.csum_offset = (uint16_t)at;
		h.hdr_len = (uint16_t)(l4_at + (k->is_udp ? 8 : 20));
	}
	memcpy(sent, &h, HDR);
	return HDR + l4_at + l4_len;
}

/* The frame, among others that pass there. */
static size_t receive(int fd, size_t len)
{
	const uint64_t end = loop_clock() + PATIENCE;

	for (;;) {
		const ssize_t n = read(fd, got, sizeof(got));

		if (n == (ssize_t)len && memcmp(got + HDR, sent + HDR, ETH) == 0)
			return (size_t)n;
		turn();
		assert_true(loop_clock() < end);
	}
}

static void through(const struct kind *k, int from, int to, const uint8_t dst[6],
		    const uint8_t src[6])
{
	const size_t len = make(k, dst, src);
	struct virtio_net_hdr a, b;

	assert_int_equal(write(from, sent, len), len);
	assert_int_equal(receive(to, len), len);
	memcpy(&a, sent, HDR);
	memcpy(&b, got, HDR);
	/* How much is in the first piece is the kernel's own business, and a checksum that was not
	 * to be made may have been found to be right.
	 */
	if (a.gso_type != b.gso_type || a.gso_size != b.gso_size ||
	    (a.flags & VIRTIO_NET_HDR_F_NEEDS_CSUM) != (b.flags & VIRTIO_NET_HDR_F_NEEDS_CSUM) ||
	    a.csum_start != b.csum_start || a.csum_offset != b.csum_offset)
		fail_msg("%s: gso %u %u, flags %u, checksum %u %u became %u %u, %u, %u %u", k->name,
			 a.gso_type, a.gso_size, a.flags, a.csum_start, a.csum_offset, b.gso_type,
			 b.gso_size, b.flags, b.csum_start, b.csum_offset);
	assert_memory_equal(sent + HDR, got + HDR, len - HDR);
}

static void both_ways(void **state)
{
	struct host_split_stats stats;
	uint8_t eth0[6], p1[6];
	int kern, peer;

	(void)state;
	scene_up("tap:t0", HOST_SPLIT_TCP);
	kern = packet_socket(scene.kern, "eth0");
	peer = packet_socket(scene.peer, "p1");
	put_mac(scene.kern, "eth0", eth0);
	put_mac(scene.peer, "p1", p1);
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		through(&kinds[i], kern, peer, p1, eth0);
		through(&kinds[i], peer, kern, eth0, p1);
	}
	host_split_stats(scene.h, &stats);
	assert_int_equal(stats.dropped, 0);
	(void)close(kern);
	(void)close(peer);
}

/* A device that does nothing for us: pieces, each with its checksum. */
static void cut_on_the_way(void **state)
{
	static const struct kind k = {
		.gso = VIRTIO_NET_HDR_GSO_TCPV4 | VIRTIO_NET_HDR_GSO_ECN,
		.gso_size = 1000,
		.flags = TCP_CWR | TCP_PSH,
		.data = 3500,
	};
	uint8_t eth0[6], p1[6];
	int kern, peer;

	(void)state;
	scene_up("tap:t0,no-offload", HOST_SPLIT_TCP);
	kern = packet_socket(scene.kern, "eth0");
	peer = packet_socket(scene.peer, "p1");
	put_mac(scene.kern, "eth0", eth0);
	put_mac(scene.peer, "p1", p1);
	assert_int_equal(write(kern, sent, make(&k, p1, eth0)), HDR + ETH + 40 + 3500);
	for (uint32_t i = 0; i < 4; i++) {
		const uint32_t data = i < 3 ? 1000 : 500;
		const uint8_t *l4 = got + HDR + ETH + 20;
		struct virtio_net_hdr h;

		(void)receive(peer, HDR + ETH + 40 + data);
		memcpy(&h, got, HDR);
		assert_int_equal(h.gso_type, 0);
		assert_int_equal(h.flags & VIRTIO_NET_HDR_F_NEEDS_CSUM, 0);
		assert_int_equal(get_be32(l4 + 4), 0x01020304 + i * 1000);
		assert_int_equal(get_be16(l4 + 12) & TCP_FLAGS,
				 TCP_ACK | (i == 0 ? TCP_CWR : 0) | (i == 3 ? TCP_PSH : 0));
		assert_true(csum_ok(csum_pseudo4(0x0a090063, 0x0a090062, 6, 20 + data) +
				    csum_bytes(l4, 20 + data)));
		assert_memory_equal(l4 + 20, sent + HDR + ETH + 40 + i * 1000, data);
	}
	(void)close(kern);
	(void)close(peer);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, scene_setup, scene_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(both_ways),
		TEST(cut_on_the_way),
	};

	return cmocka_run_group_tests(tests, mounts_private, NULL);
}
