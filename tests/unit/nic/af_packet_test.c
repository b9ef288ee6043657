/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <netinet/tcp.h>
#include <sys/ioctl.h>

#include <linux/if_packet.h>

#include "nic/af_packet_priv.h"
#include "tests/unit/nic/veth_scene.h"

static int open_queue(struct scene *sc, const struct nic_env *env, struct nic **ret,
		      struct nerr *err)
{
	const struct nic_packet_conf conf = { .name = "ours0" };

	(void)sc;
	return nic_packet_open(ret, &conf, env, err);
}

static void start(struct scene *sc, enum loop_engine engine)
{
	struct nic *nic;
	struct nerr err;

	scene_open(sc, engine, "1");
	assert_ok(open_queue(sc, &sc->env, &nic, &err), err);
	scene_serve(sc, nic);
}

static void info(void **state)
{
	struct scene sc;

	start(&sc, engine_of(state));
	assert_string_equal(sc.nic->ops->name, "af_packet");
	assert_string_equal(sc.nic->info.name, "ours0");
	assert_int_equal(sc.nic->info.kind, NIC_ETHERNET);
	assert_true(eth_addr_eq(sc.nic->info.mac, sc.our_mac));
	assert_int_equal(sc.nic->info.mtu, 1500);
	assert_int_equal(sc.nic->info.features & (NIC_TX_CSUM | NIC_TSO4 | NIC_TSO6),
			 NIC_TX_CSUM | NIC_TSO4 | NIC_TSO6);
	assert_true(sc.nic->info.netns != sc.ours);
	assert_cloexec();
	scene_close(&sc);
}

static void both_ways(void **state)
{
	struct nic_stats st;
	struct scene sc;

	start(&sc, engine_of(state));
	assert_talks(&sc);
	assert_talks(&sc);
	nic_stats(sc.nic, &st);
	assert_int_equal(st.tx_packets, 2);
	assert_int_equal(st.tx_bytes, 2 * (HDRS_LEN + 200));
	assert_true(st.rx_packets >= 2);
	assert_int_equal(st.rx_bad + st.rx_missed + st.rx_no_memory + st.tx_errors, 0);
	scene_close(&sc);
}

/* What the kernel left undone is said, and what is not for us or by ourselves is not seen. */
static void received_marks(void **state)
{
	struct scene sc;
	struct pbuf *pb;

	start(&sc, engine_of(state));
	send_one(&sc, make_udp(&sc, port_of(sc.sock), 10, true));
	sock_send(sc.sock, 0, 1000);
	pb = recv_one(&sc);
	assert_int_equal(get_be32(pb->data + ETH_HDR_LEN + 12), KERN_IP);
	assert_int_equal(pb->csum, PBUF_CSUM_PARTIAL);
	assert_int_equal(pb->gso, PBUF_GSO_NONE);
	assert_int_equal(pb->csum_offset, 6);
	assert_ptr_equal(pbuf_l4(pb), pb->data + ETH_HDR_LEN + 20);
	pbuf_free(pb);
	scene_close(&sc);
}

/* --- segmentation --- */

#define SEG    1400
#define N_SEGS 30

/* Short and long ones in one burst stay in their order. */
static void gso_from_kernel(void **state)
{
	const int seg = SEG, none = 0;
	uint8_t buf[N_SEGS * SEG];
	struct scene sc;

	start(&sc, engine_of(state));
	for (int i = 0; i < 4; i++) {
		assert_return_code(setsockopt(sc.sock, SOL_UDP, UDP_SEGMENT, &seg, sizeof(seg)),
				   errno);
		sock_send(sc.sock, (uint32_t)i, N_SEGS * SEG);
		assert_return_code(setsockopt(sc.sock, SOL_UDP, UDP_SEGMENT, &none, sizeof(none)),
				   errno);
		sock_send(sc.sock, 100 + (uint32_t)i, 20);
	}
	for (uint32_t i = 0; i < 8; i++) {
		const uint32_t len = i % 2 ? 20 : N_SEGS * SEG;
		struct pbuf *pb = recv_one(&sc);

		assert_int_equal(pb->len, HDRS_LEN + len);
		assert_int_equal(pb->gso, i % 2 ? PBUF_GSO_NONE : PBUF_GSO_UDP);
		assert_int_equal(pb->gso_size, i % 2 ? 0 : SEG);
		assert_int_equal(pb->csum, PBUF_CSUM_PARTIAL);
		pbuf_copy_out(pb, HDRS_LEN, buf, len);
		assert_pattern(buf, i % 2 ? 100 + i / 2 : i / 2, len);
		pbuf_free(pb);
	}
	scene_close(&sc);
}

static void gso_to_kernel(void **state)
{
	uint8_t buf[2048];
	struct pbuf *pb;
	struct scene sc;

	start(&sc, engine_of(state));
	if (!(sc.nic->info.features & NIC_USO)) {
		scene_close(&sc);
		skip_because("this kernel has no UDP segmentation in vnet headers");
	}
	pb = make_udp(&sc, port_of(sc.sock), N_SEGS * SEG - 100, true);
	pb->gso = PBUF_GSO_UDP;
	pb->gso_size = SEG;
	send_one(&sc, pb);
	for (uint32_t i = 0; i < N_SEGS; i++) {
		const uint32_t len = i < N_SEGS - 1 ? SEG : SEG - 100;

		assert_int_equal(sock_recv(&sc, buf, sizeof(buf)), len);
		assert_pattern(buf, i * SEG, len);
	}
	scene_close(&sc);
}

/* --- TCP of the kernel, and just enough of one --- */

struct tcp_end {
	uint16_t port; /* the kernel's */
	uint32_t snd_nxt;
	uint32_t rcv_nxt;
};

#define TCP_AT   (ETH_HDR_LEN + 20)
#define TCP_HDRS (TCP_AT + 20)

/* From us, with an MSS when it is a SYN. */
static struct pbuf *make_tcp(struct scene *sc, const struct tcp_end *t, uint8_t flags, uint32_t len)
{
	const uint32_t opt = flags & TH_SYN ? 4 : 0;
	struct pbuf *pb = make_udp(sc, 0, 12 + opt + len, false);
	uint8_t *ip = pb->data + ETH_HDR_LEN, *tcp = ip + 20;

	ip[9] = IP_PROTO_TCP;
	put_be16(ip + 10, 0);
	put_be16(ip + 10, csum_finish(csum_bytes(ip, 20)));
	memset(tcp, 0, 20);
	put_be16(tcp, OUR_PORT);
	put_be16(tcp + 2, t->port);
	put_be32(tcp + 4, t->snd_nxt);
	put_be32(tcp + 8, t->rcv_nxt);
	tcp[12] = (uint8_t)((20 + opt) / 4 << 4);
	tcp[13] = flags;
	put_be16(tcp + 14, 65535);
	if (opt)
		put_be32(tcp + 20, 0x020405b4); /* MSS 1460 */
	fill_pattern(tcp + 20 + opt, 0, len);
	pb->csum = PBUF_CSUM_PARTIAL;
	pb->csum_offset = 16;
	put_be16(tcp + 16, csum_fold(csum_pseudo4(OUR_IP, KERN_IP, IP_PROTO_TCP, 20 + opt + len)));
	return pb;
}

static struct pbuf *recv_tcp(struct scene *sc)
{
	struct pbuf *pb;

	for (;;) {
		while (nic_rx(sc->nic, &pb, 1) != 1)
			nic_wait(sc, sc->nic);
		if (pb->linear >= TCP_HDRS && get_be16(pb->data + 12) == ETH_TYPE_IPV4 &&
		    pb->data[ETH_HDR_LEN + 9] == IP_PROTO_TCP)
			return pb;
		pbuf_free(pb);
	}
}

/* The kernel connects to us. */
static int handshake(struct scene *sc, struct tcp_end *t)
{
	const struct sockaddr_in to = {
		.sin_family = AF_INET,
		.sin_port = htons(OUR_PORT),
		.sin_addr.s_addr = htonl(OUR_IP),
	};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct pollfd pfd = { .fd = fd, .events = POLLOUT };
	struct pbuf *pb;

	assert_return_code(fd, errno);
	assert_int_equal(connect(fd, (const struct sockaddr *)&to, sizeof(to)), -1);
	assert_int_equal(errno, EINPROGRESS);
	pb = recv_tcp(sc);
	assert_int_equal(pb->data[TCP_AT + 13], TH_SYN);
	t->port = get_be16(pb->data + TCP_AT);
	t->rcv_nxt = get_be32(pb->data + TCP_AT + 4) + 1;
	t->snd_nxt = 1000;
	pbuf_free(pb);
	send_one(sc, make_tcp(sc, t, TH_SYN | TH_ACK, 0));
	t->snd_nxt++;
	(void)loop_turn(sc->loop, 0);
	assert_int_equal(poll(&pfd, 1, (int)(PATIENCE / 1000000)), 1);
	return fd;
}

static void tcp_gso(void **state)
{
	uint32_t off = 0, longest = 0;
	struct tcp_end t;
	uint8_t buf[65536];
	struct scene sc;
	struct pbuf *pb;
	int fd;

	start(&sc, engine_of(state));
	fd = handshake(&sc, &t);
	fill_pattern(buf, 0, 60000);
	assert_int_equal(send(fd, buf, 60000, 0), 60000);
	while (off < 60000) {
		uint32_t len;

		pb = recv_tcp(&sc);
		assert_int_equal(pb->csum, PBUF_CSUM_PARTIAL);
		len = pb->len - TCP_HDRS;
		if (len && get_be32(pb->data + TCP_AT + 4) == t.rcv_nxt) {
			assert_int_equal(pb->gso, len > 1460 ? PBUF_GSO_TCP4 : PBUF_GSO_NONE);
			pbuf_copy_out(pb, TCP_HDRS, buf, len);
			assert_pattern(buf, off, len);
			off += len;
			t.rcv_nxt += len;
			send_one(&sc, make_tcp(&sc, &t, TH_ACK, 0));
			longest = len > longest ? len : longest;
		}
		pbuf_free(pb);
	}
	assert_true(longest > 1460);

	pb = make_tcp(&sc, &t, TH_ACK | TH_PUSH, 50000);
	pb->gso = PBUF_GSO_TCP4;
	pb->gso_size = 1460;
	send_one(&sc, pb);
	for (off = 0; off < 50000;) {
		struct pollfd pfd = { .fd = fd, .events = POLLIN };
		ssize_t n;

		(void)loop_turn(sc.loop, 0);
		assert_int_equal(poll(&pfd, 1, (int)(PATIENCE / 1000000)), 1);
		n = recv(fd, buf, sizeof(buf), 0);
		assert_true(n > 0);
		assert_pattern(buf, off, (uint32_t)n);
		off += (uint32_t)n;
	}
	assert_int_equal(off, 50000);
	(void)close(fd);
	scene_close(&sc);
}

static void no_offload(void **state)
{
	const struct nic_packet_conf conf = { .name = "ours0", .no_offload = true };
	struct scene sc;
	struct nic *nic;
	struct nerr err;

	scene_open(&sc, engine_of(state), "1");
	assert_ok(nic_packet_open(&nic, &conf, &sc.env, &err), err);
	scene_serve(&sc, nic);
	assert_int_equal(nic->info.features, 0);
	assert_talks(&sc);
	scene_close(&sc);
}

/* --- tags --- */

/* A tag that the kernel takes off is put back, of short frames and long ones: two drivers, back
 * to back.
 */
static void vlan(void **state)
{
	static const uint8_t tag[] = { 0x81, 0x00, 0x60, 0x2a };
	const struct nic_packet_conf conf = { .name = "kern0" };
	struct nic_env env;
	struct nic *other;
	struct scene sc;
	struct nerr err;

	start(&sc, engine_of(state));
	env = sc.env;
	env.netns = -1;
	assert_ok(nic_packet_open(&other, &conf, &env, &err), err);
	run_here("ip", "link", "set", "kern0", "mtu", "9000");
	run_in(sc.ours, "ip", "link", "set", "ours0", "mtu", "9000");
	for (uint32_t len = 100; len <= 8000; len += 7900) {
		struct pbuf *pb = make_udp(&sc, 9, len, true), *got = NULL;
		uint8_t *p = pbuf_push(pb, 4);

		assert_non_null(p);
		if (p) { /* the compiler does not know cmocka */
			memmove(p, p + 4, 12);
			memcpy(p + 12, tag, sizeof(tag));
		}
		send_one(&sc, pb);
		(void)loop_turn(sc.loop, 0);
		while (!got) {
			if (nic_rx(other, &got, 1) != 1) {
				(void)loop_turn(sc.loop, 0);
				continue;
			}
			if (got->len != HDRS_LEN + 4 + len) {
				pbuf_free(got);
				got = NULL;
			}
		}
		assert_memory_equal(got->data, sc.kern_mac.b, 6);
		assert_memory_equal(got->data + 6, sc.our_mac.b, 6);
		assert_memory_equal(got->data + 12, tag, sizeof(tag));
		assert_int_equal(get_be16(got->data + 16), ETH_TYPE_IPV4);
		assert_int_equal(got->csum, PBUF_CSUM_PARTIAL);
		assert_ptr_equal(pbuf_l4(got), got->data + 18 + 20);
		pbuf_free(got);
	}
	nic_close(other);
	scene_close(&sc);
}

/* --- what happens to interfaces --- */

static void down_and_up(void **state)
{
	struct nic_stats st;
	struct scene sc;

	start(&sc, engine_of(state));
	assert_talks(&sc);
	run_in(sc.ours, "ip", "link", "set", "ours0", "down");
	send_one(&sc, make_udp(&sc, port_of(sc.sock), 10, true));
	for (int i = 0; i < 10; i++)
		(void)loop_turn(sc.loop, 0);
	nic_stats(sc.nic, &st);
	assert_int_equal(st.tx_errors, 1);
	assert_int_equal(sc.nic->error, 0);
	run_in(sc.ours, "ip", "link", "set", "ours0", "up");
	assert_talks_soon(&sc);
	run_in(sc.ours, "ip", "link", "set", "ours0", "mtu", "1400");
	while (sc.nic->info.mtu != 1400)
		(void)loop_turn(sc.loop, loop_clock() + PATIENCE);
	scene_close(&sc);
}

static void opened_while_down(void **state)
{
	struct nic *nic;
	struct scene sc;
	struct nerr err;

	scene_open(&sc, engine_of(state), "1");
	run_in(sc.ours, "ip", "link", "set", "ours0", "down");
	assert_ok(open_queue(&sc, &sc.env, &nic, &err), err);
	scene_serve(&sc, nic);
	run_in(sc.ours, "ip", "link", "set", "ours0", "up");
	assert_talks_soon(&sc);
	scene_close(&sc);
}

static void deleted(void **state)
{
	struct pbuf *pb;
	struct scene sc;

	start(&sc, engine_of(state));
	assert_talks(&sc);
	while (nic_rx(sc.nic, &pb, 1) == 1)
		pbuf_free(pb);
	run_in(sc.ours, "ip", "link", "del", "ours0");
	while (!sc.nic->error)
		nic_wait(&sc, sc.nic);
	assert_int_equal(sc.nic->error, -ENODEV);
	assert_true(sc.n_ready > 0);
	assert_int_equal(nic_rx(sc.nic, &pb, 1), 0);
	pb = make_udp(&sc, 9, 10, true);
	assert_int_equal(nic_tx(sc.nic, &pb, 1), 0);
	pbuf_free(pb);
	scene_close(&sc);
}

/* --- several queues --- */

#define N_FLOWS 200

static void fanout(void **state)
{
	unsigned int per_queue[2] = { 0 }, seen[N_FLOWS] = { 0 }, all = 0;
	struct nic *nic[2], *third;
	struct nic_env env;
	struct scene sc;
	struct nerr err;
	int home_fds;

	scene_open(&sc, engine_of(state), "1");
	home_fds = open_fds();
	env = sc.env;
	env.n_queues = 2;
	env.queue = 1; /* any may be the first */
	assert_ok(open_queue(&sc, &env, &nic[1], &err), err);
	env.queue = 0;
	assert_ok(open_queue(&sc, &env, &nic[0], &err), err);
	assert_int_equal(open_queue(&sc, &env, &third, &err), -EBUSY);
	env.n_queues = 3;
	env.queue = 2;
	assert_int_equal(open_queue(&sc, &env, &third, &err), -EINVAL);
	assert_contains(err.msg, "2 queues");

	scene_serve(&sc, nic[0]);
	send_one(&sc, make_udp(&sc, 9, 10, true)); /* not seen by the other queue */
	for (uint16_t i = 0; i < N_FLOWS; i++) {
		int fd = udp_here((uint16_t)(1000 + i));

		sock_send(fd, 0, 10);
		(void)close(fd);
	}
	while (all < N_FLOWS) {
		for (int q = 0; q < 2; q++) {
			struct pbuf *pb;

			while (nic_rx(nic[q], &pb, 1) == 1) {
				if (is_udp(pb)) {
					const uint32_t port = get_be16(pb->data + HDRS_LEN - 6);

					assert_in_range(port, 1000, 1000 + N_FLOWS - 1);
					assert_int_equal(seen[port - 1000]++, 0);
					per_queue[q]++;
					all++;
				}
				pbuf_free(pb);
			}
		}
		(void)loop_turn(sc.loop, 0);
	}
	assert_true(per_queue[0] > N_FLOWS / 5);
	assert_true(per_queue[1] > N_FLOWS / 5);

	/* One that comes back finds its group; the rest goes on meanwhile. */
	nic_close(nic[1]);
	env.n_queues = 2;
	env.queue = 1;
	assert_ok(open_queue(&sc, &env, &nic[1], &err), err);
	nic_close(nic[1]);
	nic_close(nic[0]);
	sc.nic = NULL;
	assert_int_equal(open_fds(), home_fds);
	scene_close(&sc);
}

static int open_ours(const struct nic_env *env, struct nic **ret, struct nerr *err)
{
	return open_queue(NULL, env, ret, err);
}

static void threads(void **state)
{
	struct scene sc;
	int fds;

	scene_open(&sc, engine_of(state), "1");
	fds = open_fds();
	scene_threads(&sc, engine_of(state), open_ours, 10);
	assert_int_equal(open_fds(), fds);
	scene_close(&sc);
}

/* --- limits --- */

/* More than the ring holds is lost and said; what comes later is received. */
static void overflow(void **state)
{
	struct pbuf *burst[NIC_BURST];
	unsigned int n, all = 0;
	struct nic_stats st;
	struct scene sc;

	start(&sc, engine_of(state));
	for (int i = 0; i < 3000; i++)
		sock_send(sc.sock, 0, 10);
	while ((n = nic_rx(sc.nic, burst, NIC_BURST))) {
		for (unsigned int i = 0; i < n; i++)
			pbuf_free(burst[i]);
		all += n;
	}
	nic_stats(sc.nic, &st);
	assert_true(st.rx_missed > 0);
	assert_true(all >= 2000);
	assert_int_equal(st.rx_packets, all);
	assert_talks(&sc);
	scene_close(&sc);
}

/* Without memory frames are lost, each for itself, long and short. */
static void no_memory(void **state)
{
	const int seg = SEG;
	struct nic_stats st;
	struct pbuf *pb;
	struct scene sc;

	start(&sc, engine_of(state));
	pbuf_pool_set_limit(sc.pool, 0);
	sock_send(sc.sock, 0, 10);
	assert_return_code(setsockopt(sc.sock, SOL_UDP, UDP_SEGMENT, &seg, sizeof(seg)), errno);
	sock_send(sc.sock, 0, N_SEGS * SEG);
	sock_send(sc.sock, 0, N_SEGS * SEG);
	do {
		(void)nic_rx(sc.nic, &pb, 1);
		nic_stats(sc.nic, &st);
	} while (st.rx_no_memory < 3);
	pbuf_pool_set_limit(sc.pool, POOL_LIMIT);
	sock_send(sc.sock, 5, N_SEGS * SEG);
	pb = recv_one(&sc);
	assert_int_equal(pb->len, HDRS_LEN + N_SEGS * SEG);
	assert_int_equal(pb->data[HDRS_LEN], pattern(5));
	pbuf_free(pb);
	scene_close(&sc);
}

/* More than there are places for, before a turn. */
static void tx_full(void **state)
{
	struct scene sc;
	struct nic_stats st;
	uint32_t sent = 0;
	uint8_t buf[64];

	start(&sc, engine_of(state));
	for (int i = 0; i < 300; i++) {
		struct pbuf *pb = make_udp(&sc, port_of(sc.sock), 20, true);

		if (nic_tx(sc.nic, &pb, 1) == 1)
			sent++;
		else
			pbuf_free(pb);
	}
	nic_stats(sc.nic, &st);
	assert_int_equal(st.tx_busy, 300 - sent);
	assert_true(sent >= 256);
	for (uint32_t i = 0; i < 100; i++) /* what its receive buffer takes is enough */
		assert_int_equal(sock_recv(&sc, buf, sizeof(buf)), 20);
	scene_close(&sc);
}

/* Slots as no kernel writes them, between good ones. */
static void hostile(void **state)
{
	static const struct {
		uint32_t mac;
		uint32_t snaplen;
		uint32_t len;
		uint8_t hdr[VNET_HDR_LEN];
		uint32_t bad;
		uint32_t missed;
	} cases[] = {
		{ .mac = 76, .snaplen = 60, .len = 60 },
		{ .mac = 0, .snaplen = 60, .len = 60, .bad = 1 },
		{ .mac = 40, .snaplen = 60, .len = 60, .bad = 1 },
		{ .mac = PACKET_SLOT_LEN + 1, .snaplen = 60, .len = 60, .bad = 1 },
		{ .mac = UINT16_MAX, .snaplen = 60, .len = 60, .bad = 1 },
		{ .mac = 76, .snaplen = PACKET_SLOT_LEN, .len = PACKET_SLOT_LEN, .bad = 1 },
		{ .mac = 76, .snaplen = UINT32_MAX, .len = UINT32_MAX, .bad = 1 },
		{ .mac = 76, .snaplen = 100, .len = 9000, .missed = 1 },
		{ .mac = 76, .snaplen = 60, .len = 60, .hdr = { 0xff }, .bad = 1 },
		{ .mac = 76, .snaplen = 60, .len = 60, .hdr = { 1, 1, 0xff, 0xff }, .bad = 1 },
		{ .mac = 76, .snaplen = 60, .len = 60, .hdr = { 1, [6] = 0xff }, .bad = 1 },
		{ .mac = 76, .snaplen = 0, .len = 0 },
		{ .mac = PACKET_SLOT_LEN - 60, .snaplen = 60, .len = 60 },
	};
	enum {
		N = sizeof(cases) / sizeof(*cases)
	};
	struct af_packet *p = test_calloc(1, sizeof(*p));
	uint8_t *ring = test_calloc(1, PACKET_RING_LEN);
	struct test_mem tm = TEST_MEM_INIT(&tm);
	struct pbuf *burst[NIC_BURST];
	uint32_t bad = 0, missed = 0, n;

	(void)state;
	p->ring = ring;
	p->slot = PACKET_SLOTS - 3; /* goes around */
	assert_int_equal(pbuf_pool_new(&p->nic.pool, &tm.mem, POOL_LIMIT), 0);
	for (unsigned int i = 0; i < N; i++) {
		const size_t at = (p->slot + i) % PACKET_SLOTS * (size_t)PACKET_SLOT_LEN;
		const struct tpacket2_hdr h = {
			.tp_status = TP_STATUS_USER,
			.tp_len = cases[i].len,
			.tp_snaplen = cases[i].snaplen,
			.tp_mac = (uint16_t)cases[i].mac,
		};

		memcpy(ring + at, &h, sizeof(h));
		if (cases[i].mac >= 66 && cases[i].mac < PACKET_SLOT_LEN)
			memcpy(ring + at + cases[i].mac - VNET_HDR_LEN, cases[i].hdr, VNET_HDR_LEN);
		bad += cases[i].bad;
		missed += cases[i].missed;
	}
	n = packet_rx(&p->nic, burst, NIC_BURST);
	assert_int_equal(n, N - bad - missed);
	assert_int_equal(p->nic.counters.rx_bad, bad);
	assert_int_equal(p->nic.counters.rx_missed, missed);
	assert_int_equal(p->slot, N - 3);
	assert_false(packet_rx_is_ready(p));
	while (n)
		pbuf_free(burst[--n]);
	pbuf_pool_free(p->nic.pool);
	test_mem_done(&tm);
	test_free(ring);
	test_free(p);
}

/* --- refused --- */

static int open_env(struct scene *sc, struct nic_env *env)
{
	struct nerr err;
	struct nic *nic;

	return open_queue(sc, env, &nic, &err);
}

static void refused(void **state)
{
	static const struct {
		const char *name;
		int code;
	} cases[] = {
		{ "nobody0", -ENODEV },
		{ "", -EINVAL },
		{ "a-name-that-is-too-long", -EINVAL },
		{ "lo", -ENOTSUP },
	};
	struct nic_env env;
	struct nic *nic = NULL;
	struct scene sc;
	struct nerr err;
	int fds;

	scene_open(&sc, engine_of(state), "1");
	fds = open_fds();
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		const struct nic_packet_conf conf = { .name = cases[i].name };

		assert_int_equal(nic_packet_open(&nic, &conf, &sc.env, &err), cases[i].code);
		assert_contains(err.msg, cases[i].name);
	}
	env = sc.env;
	env.queue = 1;
	assert_int_equal(open_env(&sc, &env), -EINVAL);
	assert_int_equal(open_without_rights(&sc, open_env), -EPERM);
	assert_null(nic);
	assert_int_equal(open_fds(), fds);
	scene_close(&sc);
}

/* A queue that is open, and nothing after it was closed. */
static void nothing_left(void **state)
{
	struct scene sc;
	struct nic *nic;
	struct nerr err;
	char out[1024];
	int fds;

	scene_open(&sc, engine_of(state), "1");
	fds = open_fds();
	assert_ok(open_queue(&sc, &sc.env, &nic, &err), err);
	assert_int_equal(open_env(&sc, &sc.env), -EBUSY);
	nic_close(nic);
	assert_int_equal(open_fds(), fds);
	assert_return_code(setns(sc.ours, CLONE_NEWNET), errno);
	run_ok(out, sizeof(out), "cat", "/proc/thread-self/net/packet");
	assert_null(strchr(strchr(out, '\n') + 1, '\n')); /* a title, nothing below */
	scene_close(&sc);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		BOTH(info),
		BOTH(both_ways),
		BOTH(received_marks),
		BOTH(gso_from_kernel),
		BOTH(gso_to_kernel),
		BOTH(tcp_gso),
		BOTH(no_offload),
		BOTH(vlan),
		BOTH(down_and_up),
		BOTH(opened_while_down),
		BOTH(deleted),
		BOTH(fanout),
		BOTH(threads),
		BOTH(overflow),
		BOTH(no_memory),
		BOTH(tx_full),
		cmocka_unit_test(hostile),
		BOTH(refused),
		BOTH(nothing_left),
	};

	return cmocka_run_group_tests(tests, mounts_private, NULL);
}
