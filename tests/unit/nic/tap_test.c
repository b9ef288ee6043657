/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * A tap of a private namespace; the kernel's side is a raw socket on its interface.
 */
#include <linux/if_tun.h>

#include "base/cleanup.h"
#include "nic/tap_priv.h"
#include "tests/unit/nic/tap_scene.h"

static struct frame sent, got;

static void open_tap(struct scene *sc, bool no_offload)
{
	struct nerr err;

	assert_ok(nic_tap_open(&sc->nic,
			       &(struct nic_tap_conf){ .name = "tap0", .no_offload = no_offload },
			       &sc->env, &err),
		  err);
	sc->nic->ready = scene_ready;
	sc->nic->ready_arg = sc;
}

/* With its interface up and a raw socket there. */
static void tap_scene(struct scene *sc, void **state, bool no_offload)
{
	scene_init(sc, state);
	open_tap(sc, no_offload);
	run_here("ip", "link", "set", "tap0", "addrgenmode", "none");
	run_here("ip", "link", "set", "tap0", "up");
	scene_raw(sc, "tap0");
}

static struct eth_addr kernel_mac(void)
{
	struct eth_addr mac;
	char buf[256];

	sys_net("tap0", "address", buf);
	for (unsigned int i = 0; i < 6; i++)
		mac.b[i] = (uint8_t)strtoul(buf + 3 * (size_t)i, NULL, 16);
	return mac;
}

/* --- opening --- */

static void a_tap_is_made_and_goes_with_us(void **state)
{
	struct scene sc;
	struct eth_addr mac;

	scene_init(&sc, state);
	assert_int_equal(if_nametoindex("tap0"), 0);
	open_tap(&sc, false);
	assert_string_equal(sc.nic->info.name, "tap0");
	assert_string_equal(sc.nic->ops->name, "tap");
	assert_int_equal(sc.nic->info.ifindex, if_nametoindex("tap0"));
	assert_int_equal(sc.nic->info.kind, NIC_ETHERNET);
	assert_int_equal(sc.nic->info.mtu, 1500);
	assert_int_equal(sc.nic->info.gso_max, 65535);
	assert_int_equal(sc.nic->info.features, NIC_TX_CSUM | NIC_TSO4 | NIC_TSO6 | NIC_USO);
	mac = sc.nic->info.mac;
	assert_true(eth_addr_is_station(mac));
	assert_int_equal(mac.b[0] & 2, 2); /* locally administered */
	assert_false(eth_addr_eq(mac, kernel_mac()));
	scene_close_nic(&sc);
	assert_int_equal(if_nametoindex("tap0"), 0);

	/* The same each time, and plain frames when asked for. */
	open_tap(&sc, true);
	assert_true(eth_addr_eq(sc.nic->info.mac, mac));
	assert_int_equal(sc.nic->info.features, 0);
	scene_done(&sc);
}

static void one_that_is_there_is_used_and_stays(void **state)
{
	const struct nic_tap_conf conf = { .name = "tap0", .mac = { { 2, 1, 2, 3, 4, 5 } } };
	struct scene sc;
	struct nic *other = NULL;
	struct nerr err;

	scene_init(&sc, state);
	run_here("ip", "tuntap", "add", "tap0", "mode", "tap");
	assert_ok(nic_tap_open(&sc.nic, &conf, &sc.env, &err), err);
	assert_true(eth_addr_eq(sc.nic->info.mac, conf.mac));
	assert_int_equal(nic_tap_open(&other, &conf, &sc.env, &err), -EBUSY);
	assert_string_equal(err.msg, "tap 'tap0' is in use");
	assert_null(other);
	scene_close_nic(&sc);
	assert_int_not_equal(if_nametoindex("tap0"), 0);

	/* Made for several queues, and we have one. */
	run_here("ip", "tuntap", "del", "tap0", "mode", "tap");
	run_here("ip", "tuntap", "add", "tap0", "mode", "tap", "multi_queue");
	open_tap(&sc, false);
	scene_done(&sc);
}

static void the_end_of_the_kernel(void **state)
{
	struct nic_tap_conf conf = {
		.name = "tap0",
		.kernel_mac = { { 2, 1, 2, 3, 4, 5 } },
		.kernel_mtu = 1400,
	};
	struct scene sc;
	struct nerr err;

	scene_init(&sc, state);
	assert_ok(nic_tap_open(&sc.nic, &conf, &sc.env, &err), err);
	assert_true(eth_addr_eq(kernel_mac(), conf.kernel_mac));
	assert_false(eth_addr_eq(sc.nic->info.mac, conf.kernel_mac));
	assert_sys_net("tap0", "mtu", "1400");
	assert_int_equal(sc.nic->info.mtu, 1400);
	scene_close_nic(&sc);

	/* Somebody has made it with another one. */
	run_here("ip", "tuntap", "add", "tap0", "mode", "tap");
	run_here("ip", "link", "set", "tap0", "mtu", "1300");
	assert_ok(nic_tap_open(&sc.nic, &conf, &sc.env, &err), err);
	assert_true(eth_addr_eq(kernel_mac(), conf.kernel_mac));
	assert_sys_net("tap0", "mtu", "1300");
	assert_int_equal(sc.nic->info.mtu, 1300);
	scene_close_nic(&sc);
	run_here("ip", "tuntap", "del", "tap0", "mode", "tap");

	/* What cannot be. */
	conf.kernel_mac.b[0] = 1;
	assert_int_equal(nic_tap_open(&sc.nic, &conf, &sc.env, &err), -EADDRNOTAVAIL);
	assert_contains(err.msg, "tap0");
	conf.kernel_mac.b[0] = 2;
	conf.kernel_mtu = 1000000;
	assert_int_equal(nic_tap_open(&sc.nic, &conf, &sc.env, &err), -EINVAL);
	assert_contains(err.msg, "1000000");
	assert_int_equal(if_nametoindex("tap0"), 0);
	scene_done(&sc);
}

/* It sends, and there is nothing to receive. */
static void a_kernel_that_is_not_heard(void **state)
{
	const struct nic_tap_conf conf = { .name = "tap0", .is_mute = true };
	struct pbuf *burst[NIC_BURST];
	struct scene sc;
	struct nerr err;

	scene_init(&sc, state);
	assert_ok(nic_tap_open(&sc.nic, &conf, &sc.env, &err), err);
	run_here("ip", "link", "set", "tap0", "up");
	scene_raw(&sc, "tap0");
	plain_frame(&sent, sc.nic->info.mac, peer_mac, 100);
	raw_send(&sc, &sent);
	assert_int_equal(nic_rx(sc.nic, burst, NIC_BURST), 0);
	/* It hears us. */
	plain_frame(&sent, peer_mac, sc.nic->info.mac, 100);
	send_pbuf(&sc, pbuf_of(&sc, &sent));
	raw_receive(&sc, &got);
	assert_int_equal(got.len, sent.len);
	scene_done(&sc);
}

static void what_is_no_tap_is_refused(void **state)
{
	const char *const name[] = { "", "a/b", "tap%d", "longer-than-an-interface" };
	struct nic *nic = NULL;
	struct scene sc;
	struct nerr err;

	scene_init(&sc, state);
	run_here("ip", "link", "add", "va", "type", "veth", "peer", "name", "vb");
	assert_int_equal(nic_tap_open(&nic, &(struct nic_tap_conf){ .name = "va" }, &sc.env, &err),
			 -EINVAL);
	assert_string_equal(err.msg, "'va' is no tap");
	for (size_t i = 0; i < ARRAY_SIZE(name); i++)
		assert_int_equal(nic_tap_open(&nic, &(struct nic_tap_conf){ .name = name[i] },
					      &sc.env, &err),
				 -EINVAL);
	run_here("ip", "tuntap", "add", "tap1", "mode", "tap");
	sc.env.n_queues = 2;
	assert_int_equal(
		nic_tap_open(&nic, &(struct nic_tap_conf){ .name = "tap1" }, &sc.env, &err),
		-EINVAL);
	assert_string_equal(err.msg, "'tap1' is no tap with several queues");
	assert_null(nic);
	scene_done(&sc);
}

/* The thread stays where it is. */
static void a_tap_may_be_in_another_namespace(void **state)
{
	struct scene sc;
	int home, ns;

	scene_init(&sc, state);
	home = netns_fd();
	ns = netns_other();
	sc.env.netns = ns;
	open_tap(&sc, false);
	assert_int_equal(if_nametoindex("tap0"), 0);
	assert_int_not_equal(sc.nic->info.netns, ns);
	assert_return_code(setns(sc.nic->info.netns, CLONE_NEWNET), errno);
	assert_int_equal(sc.nic->info.ifindex, if_nametoindex("tap0"));
	assert_return_code(setns(home, CLONE_NEWNET), errno);
	scene_done(&sc);
	(void)close(ns);
	(void)close(home);
}

static void a_failure_leaves_nothing(void **state)
{
	struct nic *nic = NULL;
	struct scene sc;
	struct nerr err;

	scene_init(&sc, state);
	pbuf_pool_set_limit(sc.pool, 1000);
	assert_int_equal(
		nic_tap_open(&nic, &(struct nic_tap_conf){ .name = "tap0" }, &sc.env, &err),
		-ENOMEM);
	assert_null(nic);
	assert_int_equal(if_nametoindex("tap0"), 0);
	scene_done(&sc);
}

/* --- frames --- */

static void frames_of_all_lengths_come_and_go(void **state)
{
	const size_t len[] = { 14, 15, 60, 130, 200, 500, 1514, 1500, 64, 1000, 14 };
	struct scene sc;

	tap_scene(&sc, state, false);
	for (size_t i = 0; i < ARRAY_SIZE(len); i++) {
		struct pbuf *pb;

		plain_frame(&sent, sc.nic->info.mac, peer_mac, len[i]);
		raw_send(&sc, &sent);
		pb = receive(&sc);
		assert_bytes(pb, &sent);
		assert_int_equal(pb->csum, PBUF_CSUM_NONE);
		assert_int_equal(pb->gso, PBUF_GSO_NONE);
		assert_true(pbuf_headroom(pb) >= VNET_HDR_LEN);

		/* The same memory goes back: there is room for the header. */
		eth_addr_put(pb->data, peer_mac);
		eth_addr_put(sent.b, peer_mac);
		send_pbuf(&sc, pb);
		raw_receive(&sc, &got);
		assert_int_equal(got.len, sent.len);
		assert_memory_equal(got.b, sent.b, sent.len);
	}
	assert_int_equal(sc.nic->counters.rx_bad, 0);
	assert_int_equal(sc.nic->counters.tx_errors, 0);
	assert_true(sc.nic->counters.rx_packets >= ARRAY_SIZE(len));
	assert_int_equal(sc.nic->counters.tx_packets, ARRAY_SIZE(len));
	scene_done(&sc);
}

/* Some of them before anybody asks, some while somebody sleeps. */
static void bursts_keep_their_order(void **state)
{
	struct scene sc;

	tap_scene(&sc, state, false);
	for (unsigned int burst = 1; burst <= 200; burst += 1 + burst / 3) {
		for (unsigned int i = 0; i < burst; i++) {
			plain_frame(&sent, sc.nic->info.mac, peer_mac, 60 + i * 9 % 1400);
			put_be32(sent.b + 14, i);
			raw_send(&sc, &sent);
		}
		for (unsigned int i = 0; i < burst; i++) {
			struct pbuf *pb = receive(&sc);

			assert_int_equal(get_be32(pb->data + 14), i);
			assert_int_equal(pb->len, 60 + i * 9 % 1400);
			pbuf_free(pb);
		}
	}
	scene_done(&sc);
}

/* --- giving back --- */

/* @n frames that fill blocks, there and back. */
static void many_long_frames(struct scene *sc, unsigned int n)
{
	for (unsigned int i = 0; i < n; i++) {
		tcp_frame(&sent, sc->nic->info.mac, peer_mac, 40000 + i, 1448);
		raw_send(sc, &sent);
	}
	for (unsigned int i = 0; i < n; i++) {
		struct pbuf *pb = receive(sc);

		tcp_frame(&sent, sc->nic->info.mac, peer_mac, 40000 + i, 1448);
		assert_bytes(pb, &sent);
		pbuf_free(pb);
		tcp_frame(&sent, peer_mac, sc->nic->info.mac, 30000 + i, 1448);
		send_pbuf(sc, pbuf_of(sc, &sent));
		raw_receive(sc, &got);
		assert_int_equal(got.len, sent.len);
		assert_memory_equal(got.b, sent.b, sent.len);
	}
}

/* Buffers stay that wait for frames, whoever waits: a read that is under way, or a watch. */
static void trimmed_it_keeps_what_it_needs(void **state)
{
	struct scene sc;

	tap_scene(&sc, state, false);
	for (unsigned int i = 1; i <= 3; i++) {
		struct pbuf_pool_stats stats;
		struct pbuf *pb;

		many_long_frames(&sc, 20 * i);
		/* What comes besides, from the kernel, is not to come in the middle. */
		do {
			while (nic_rx(sc.nic, &pb, 1) == 1)
				pbuf_free(pb);
		} while (sc.nic->ops->arm(sc.nic));
		nic_trim(sc.nic);
		pbuf_pool_trim(sc.pool);
		pbuf_pool_stats(sc.pool, &stats);
		assert_int_equal(stats.pbufs, 0);
		assert_true(stats.blocks >= 1 && stats.blocks <= TAP_RX_RING + 1);
		assert_true(stats.taken <= stats.blocks * (PBUF_BLOCK_MAX + 3 * 64));
		many_long_frames(&sc, i);
	}
	scene_done(&sc);
}

/* Whole pages, and nothing beside them. */
static void pages_are_discarded(void **state)
{
	const size_t page = (size_t)sysconf(_SC_PAGESIZE), len = 6 * page;
	uint8_t *p = aligned_alloc(page, len);

	(void)state;
	assert_non_null(p);
	memset(p, 7, len);
	tap_discard(p + page + 1, 4 * page);
	for (size_t i = 0; i < len; i++)
		assert_int_equal(p[i], i < 2 * page || i >= 5 * page ? 7 : 0);
	tap_discard(p, page - 1);
	tap_discard(p + 1, page);
	tap_discard(p, 0);
	assert_int_equal(p[0], 7);
	assert_int_equal(p[page], 7);
	free(p);
}

static void segmentation_and_checksum_are_left_to_us(void **state)
{
	struct scene sc;
	struct pbuf *pb;

	tap_scene(&sc, state, false);
	for (size_t data_len = 100; data_len < 65000; data_len += 9000) {
		tcp_frame(&sent, sc.nic->info.mac, peer_mac, data_len, data_len > 1460 ? 1460 : 0);
		raw_send(&sc, &sent);
		pb = receive(&sc);
		assert_bytes(pb, &sent);
		assert_int_equal(pb->csum, PBUF_CSUM_PARTIAL);
		assert_ptr_equal(pbuf_l4(pb), pb->data + 34);
		assert_int_equal(pb->csum_offset, TCP_CSUM_OFFSET);
		assert_int_equal(pb->gso, data_len > 1460 ? PBUF_GSO_TCP4 : PBUF_GSO_NONE);
		assert_int_equal(pb->gso_size, data_len > 1460 ? 1460 : 0);
		pbuf_free(pb);
	}
	scene_done(&sc);
}

static void without_offload_frames_are_plain(void **state)
{
	struct scene sc;
	struct pbuf *pb;

	tap_scene(&sc, state, true);
	tcp_frame(&sent, sc.nic->info.mac, peer_mac, 4000, 1460);
	raw_send(&sc, &sent);
	for (size_t at = 0; at < 4000; at += 1460) {
		const size_t n = 4000 - at < 1460 ? 4000 - at : 1460;

		pb = receive(&sc);
		assert_int_equal(pb->len, TCP_HDRS_LEN + n);
		assert_int_equal(pb->gso, PBUF_GSO_NONE);
		assert_int_equal(pb->csum, PBUF_CSUM_NONE);
		assert_true(tcp_csum_is_right(pb->data, pb->len));
		assert_memory_equal(pb->data + TCP_HDRS_LEN, sent.b + TCP_HDRS_LEN + at, n);
		pbuf_free(pb);
	}

	/* And longer ones when the MTU was raised: the first is lost to learn that. */
	run_here("ip", "link", "set", "tap0", "mtu", "9000");
	plain_frame(&sent, sc.nic->info.mac, peer_mac, 8000);
	raw_send(&sc, &sent);
	raw_send(&sc, &sent);
	for (int i = 0; i < 8; i++)
		raw_send(&sc, &sent);
	pb = receive(&sc);
	assert_bytes(pb, &sent);
	assert_true(sc.nic->counters.rx_bad > 0);
	pbuf_free(pb);
	scene_done(&sc);
}

static void the_kernel_segments_and_checksums_for_us(void **state)
{
	struct scene sc;

	tap_scene(&sc, state, false);
	for (size_t data_len = 10; data_len < 65000; data_len += 9000) {
		const bool gso = data_len > 1460;

		tcp_frame(&sent, peer_mac, sc.nic->info.mac, data_len, gso ? 1460 : 0);
		send_pbuf(&sc, pbuf_of(&sc, &sent));
		raw_receive(&sc, &got);
		assert_int_equal(got.len, sent.len);
		assert_memory_equal(got.b, sent.b, sent.len);
		assert_true(got.vnet.needs_csum);
		assert_int_equal(got.vnet.csum_start, 34);
		assert_int_equal(got.vnet.csum_offset, TCP_CSUM_OFFSET);
		assert_int_equal(got.vnet.gso, gso ? VNET_GSO_TCP4 : VNET_GSO_NONE);
		assert_int_equal(got.vnet.gso_size, gso ? 1460 : 0);
	}
	scene_done(&sc);
}

/* More than the cache holds: what is left is not waited for. */
static void long_frames_come_in_several_bursts(void **state)
{
	struct pbuf *burst[NIC_BURST];
	unsigned int total = 0, bursts = 0;
	struct scene sc;

	tap_scene(&sc, state, false);
	tcp_frame(&sent, sc.nic->info.mac, peer_mac, 60000, 1460);
	for (int i = 0; i < 20; i++)
		raw_send(&sc, &sent);
	while (total < 20) {
		const unsigned int n = nic_rx(sc.nic, burst, NIC_BURST);

		assert_true(n > 0 && n < 20);
		total += n;
		bursts++;
		for (unsigned int i = 0; i < n; i++) {
			assert_bytes(burst[i], &sent);
			pbuf_free(burst[i]);
		}
		if (total < 20)
			assert_true(sc.nic->ops->arm(sc.nic));
	}
	assert_int_equal(total, 20);
	assert_true(bursts > 1);
	assert_int_equal(sc.n_ready, 0);
	scene_done(&sc);
}

/* What somebody else refers to is not written to. */
static void shared_packets_are_sent_as_they_are(void **state)
{
	static uint8_t before[2048];
	struct pbuf *pb, *copy;
	struct scene sc;

	tap_scene(&sc, state, false);
	plain_frame(&sent, sc.nic->info.mac, peer_mac, 1500);
	raw_send(&sc, &sent);
	pb = receive(&sc);
	eth_addr_put(pb->data, peer_mac);
	eth_addr_put(sent.b, peer_mac);
	memcpy(before, pb->base, pb->size);
	copy = pbuf_clone(pb);
	assert_non_null(copy);
	send_pbuf(&sc, copy);
	raw_receive(&sc, &got);
	assert_memory_equal(got.b, sent.b, sent.len);
	assert_memory_equal(pb->base, before, pb->size);
	pbuf_free(pb);
	scene_done(&sc);
}

/* --- limits --- */

static void a_full_queue_is_busy_until_the_next_turn(void **state)
{
	struct scene sc;
	unsigned int n = 0;
	struct pbuf *pb;

	tap_scene(&sc, state, false);
	plain_frame(&sent, peer_mac, sc.nic->info.mac, 64);
	for (;;) {
		pb = pbuf_of(&sc, &sent);
		if (nic_tx(sc.nic, &pb, 1) == 0)
			break;
		n++;
	}
	assert_true(n >= NIC_BURST);
	assert_int_equal(sc.nic->counters.tx_busy, 1);
	for (int i = 0; i < 10; i++)
		(void)loop_turn(sc.loop, 0);
	assert_int_equal(nic_tx(sc.nic, &pb, 1), 1);
	/* Closed with it under way. */
	scene_done(&sc);
}

static void without_memory_frames_are_lost_and_later_ones_come(void **state)
{
	struct pbuf_pool_stats st;
	struct scene sc;
	struct pbuf *pb;

	tap_scene(&sc, state, false);
	plain_frame(&sent, sc.nic->info.mac, peer_mac, 100);
	raw_send(&sc, &sent);
	pbuf_free(receive(&sc));
	pbuf_pool_stats(sc.pool, &st);
	pbuf_pool_set_limit(sc.pool, st.bytes);

	/* First those that need their block, then those that need only a pbuf. */
	for (int i = 0; i < 40; i++) {
		tcp_frame(&sent, sc.nic->info.mac, peer_mac, i < 20 ? 30000 : 20,
			  i < 20 ? 1460 : 0);
		raw_send(&sc, &sent);
	}
	while (sc.nic->counters.rx_no_memory < 40) {
		assert_int_equal(nic_rx(sc.nic, &pb, 1), 0);
		assert_int_equal(sc.nic->error, 0);
		(void)loop_turn(sc.loop, sc.nic->ops->arm(sc.nic) ? 0 : loop_clock() + 1000000);
	}
	pbuf_pool_set_limit(sc.pool, POOL_LIMIT);
	tcp_frame(&sent, sc.nic->info.mac, peer_mac, 30000, 1460);
	raw_send(&sc, &sent);
	pb = receive(&sc);
	assert_bytes(pb, &sent);
	pbuf_free(pb);
	scene_done(&sc);
}

/* Nobody receives: what we hold is bounded. */
static void a_flood_does_not_pile_up(void **state)
{
	struct pbuf_pool_stats st;
	struct scene sc;

	tap_scene(&sc, state, false);
	assert_false(sc.nic->ops->arm(sc.nic));
	plain_frame(&sent, sc.nic->info.mac, peer_mac, 1000);
	for (int i = 0; i < 2000; i++) {
		uint8_t msg[VNET_HDR_LEN + 1000] = { 0 };

		memcpy(msg + VNET_HDR_LEN, sent.b, sent.len);
		(void)send(sc.raw, msg, sizeof(msg), MSG_DONTWAIT); /* the tap's queue is full */
		(void)loop_turn(sc.loop, 0);
	}
	assert_int_equal(sc.n_ready, 1);
	/* The tap's own queue holds 1000. */
	sc.nic->ops->stats(sc.nic);
	assert_in_range(sc.nic->counters.rx_missed, 900, 1000);
	pbuf_pool_stats(sc.pool, &st);
	assert_true(st.bytes < 1 << 20);
	scene_done(&sc);
}

/* --- what may happen to the interface --- */

static void an_interface_that_is_down_loses_packets(void **state)
{
	struct scene sc;

	tap_scene(&sc, state, false);
	run_here("ip", "link", "set", "tap0", "down");
	plain_frame(&sent, peer_mac, sc.nic->info.mac, 64);
	send_pbuf(&sc, pbuf_of(&sc, &sent));
	(void)loop_turn(sc.loop, 0);
	assert_int_equal(sc.nic->counters.tx_errors, 1);
	assert_int_equal(sc.nic->error, 0);
	run_here("ip", "link", "set", "tap0", "up");
	send_pbuf(&sc, pbuf_of(&sc, &sent));
	raw_receive(&sc, &got);
	assert_int_equal(got.len, 64);
	scene_done(&sc);
}

static void a_deleted_interface_is_an_error(void **state)
{
	struct scene sc;
	struct pbuf *pb;

	for (int armed = 0; armed < 2; armed++) {
		tap_scene(&sc, state, false);
		if (armed)
			assert_false(sc.nic->ops->arm(sc.nic));
		run_here("ip", "link", "del", "tap0");
		if (armed) {
			for (int i = 0; i < 100 && !sc.n_ready; i++)
				(void)loop_turn(sc.loop, loop_clock() + 100000000);
			assert_true(sc.n_ready > 0);
		}
		wait_for_error(&sc, -ENODEV);
		plain_frame(&sent, peer_mac, sc.nic->info.mac, 64);
		pb = pbuf_of(&sc, &sent);
		assert_int_equal(nic_tx(sc.nic, &pb, 1), 0);
		pbuf_free(pb);
		assert_int_equal(nic_rx(sc.nic, &pb, 1), 0);
		scene_done(&sc);
	}
}

/* Found out by who sends. */
static void a_deleted_interface_is_an_error_of_sending(void **state)
{
	struct scene sc;

	tap_scene(&sc, state, false);
	run_here("ip", "link", "del", "tap0");
	plain_frame(&sent, peer_mac, sc.nic->info.mac, 64);
	send_pbuf(&sc, pbuf_of(&sc, &sent));
	for (int i = 0; i < 100 && !sc.nic->error; i++)
		(void)loop_turn(sc.loop, loop_clock() + 100000000);
	assert_int_equal(sc.nic->error, -ENODEV);
	assert_true(sc.n_ready > 0);
	scene_done(&sc);
}

static void a_new_mtu_is_seen(void **state)
{
	struct scene sc;

	tap_scene(&sc, state, false);
	run_here("ip", "link", "set", "tap0", "mtu", "9000");
	for (int i = 0; i < 100 && sc.nic->info.mtu != 9000; i++)
		(void)loop_turn(sc.loop, loop_clock() + 100000000);
	assert_int_equal(sc.nic->info.mtu, 9000);
	plain_frame(&sent, sc.nic->info.mac, peer_mac, 9014);
	raw_send(&sc, &sent);
	{
		struct pbuf *pb = receive(&sc);

		assert_bytes(pb, &sent);
		pbuf_free(pb);
	}
	scene_done(&sc);
}

/* --- several queues --- */

static void queues_are_of_one_interface(void **state)
{
	struct nic *other = NULL;
	struct scene sc;
	struct nerr err;

	scene_init(&sc, state);
	sc.env.n_queues = 2;
	open_tap(&sc, false);
	sc.env.queue = 1;
	assert_ok(nic_tap_open(&other, &(struct nic_tap_conf){ .name = "tap0" }, &sc.env, &err),
		  err);
	assert_int_equal(other->info.ifindex, sc.nic->info.ifindex);
	assert_true(eth_addr_eq(other->info.mac, sc.nic->info.mac));
	assert_int_equal(other->info.queue, 1);
	assert_int_equal(other->info.n_queues, 2);
	run_here("ip", "link", "set", "tap0", "addrgenmode", "none");
	run_here("ip", "link", "set", "tap0", "up");
	scene_raw(&sc, "tap0");
	plain_frame(&sent, peer_mac, sc.nic->info.mac, 64);
	send_pbuf(&sc, pbuf_of(&sc, &sent));
	raw_receive(&sc, &got);
	scene_close_nic(&sc);
	sc.nic = other;
	send_pbuf(&sc, pbuf_of(&sc, &sent));
	raw_receive(&sc, &got);
	scene_done(&sc);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		BOTH(a_tap_is_made_and_goes_with_us),
		BOTH(one_that_is_there_is_used_and_stays),
		BOTH(the_end_of_the_kernel),
		BOTH(a_kernel_that_is_not_heard),
		BOTH(what_is_no_tap_is_refused),
		BOTH(a_tap_may_be_in_another_namespace),
		BOTH(a_failure_leaves_nothing),
		BOTH(frames_of_all_lengths_come_and_go),
		BOTH(bursts_keep_their_order),
		BOTH(trimmed_it_keeps_what_it_needs),
		cmocka_unit_test(pages_are_discarded),
		BOTH(segmentation_and_checksum_are_left_to_us),
		BOTH(without_offload_frames_are_plain),
		BOTH(the_kernel_segments_and_checksums_for_us),
		BOTH(long_frames_come_in_several_bursts),
		BOTH(shared_packets_are_sent_as_they_are),
		BOTH(a_full_queue_is_busy_until_the_next_turn),
		BOTH(without_memory_frames_are_lost_and_later_ones_come),
		BOTH(a_flood_does_not_pile_up),
		BOTH(an_interface_that_is_down_loses_packets),
		BOTH(a_deleted_interface_is_an_error),
		BOTH(a_deleted_interface_is_an_error_of_sending),
		BOTH(a_new_mtu_is_seen),
		BOTH(queues_are_of_one_interface),
	};

	return cmocka_run_group_tests(tests, mounts_private, NULL);
}
