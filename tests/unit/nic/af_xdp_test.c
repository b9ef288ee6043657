/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <net/if.h>

#include <signal.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>

#include <linux/ethtool.h>
#include <linux/sockios.h>

#include "nic/af_xdp_priv.h"
#include "tests/unit/nic/veth_scene.h"

static const struct nic_xdp_conf ours = { .name = "ours0" };

static void start(struct scene *sc, enum loop_engine engine)
{
	struct nic *nic;
	struct nerr err;

	scene_open(sc, engine, "1");
	assert_ok(nic_xdp_open(&nic, &ours, &sc->env, &err), err);
	scene_serve(sc, nic);
}

/* Whether a program is on an interface, as ip(8) sees it. */
static bool has_prog(int ns, const char *ifname)
{
	int home = netns_fd();
	char out[2048];

	assert_return_code(setns(ns, CLONE_NEWNET), errno);
	run_ok(out, sizeof(out), "ip", "link", "show", "dev", ifname);
	assert_return_code(setns(home, CLONE_NEWNET), errno);
	(void)close(home);
	return strstr(out, "xdp");
}

static void info(void **state)
{
	struct scene sc;

	start(&sc, engine_of(state));
	assert_string_equal(sc.nic->ops->name, "af_xdp");
	assert_string_equal(sc.nic->info.name, "ours0");
	assert_true(eth_addr_eq(sc.nic->info.mac, sc.our_mac));
	assert_int_equal(sc.nic->info.mtu, 1500);
	assert_int_equal(sc.nic->info.features, 0);
	assert_true(has_prog(sc.ours, "ours0"));
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

/* --- checksums that the kernel leaves to a veth --- */

static void set_tx_csum(const char *ifname, bool on)
{
	struct ethtool_value ev = { .cmd = ETHTOOL_STXCSUM, .data = on };
	struct ifreq ifr = { .ifr_data = (void *)&ev };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	(void)snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "%s", ifname);
	assert_return_code(ioctl(fd, SIOCETHTOOL, &ifr), errno);
	(void)close(fd);
}

/* Its own datagrams: partial with the offload, complete without; one that is wrong is left
 * for the stack to find.
 */
static void checksums(void **state)
{
	struct scene sc;
	struct pbuf *pb;
	uint64_t sum;
	uint8_t *udp;

	start(&sc, engine_of(state));
	for (int offload = 1; offload >= 0; offload--) {
		set_tx_csum("kern0", offload);
		for (uint32_t len = 10; len <= 1000; len += 990) {
			sock_send(sc.sock, 0, len);
			pb = recv_one(&sc);
			udp = pb->data + HDRS_LEN - 8;
			sum = csum_pseudo4(KERN_IP, OUR_IP, IP_PROTO_UDP, 8 + len);
			if (offload) {
				assert_int_equal(get_be16(udp + 6), csum_fold(sum));
				assert_int_equal(pb->csum, PBUF_CSUM_PARTIAL);
				assert_int_equal(pb->csum_offset, 6);
				assert_ptr_equal(pbuf_l4(pb), udp);
			} else {
				assert_true(csum_ok(sum + csum_bytes(udp, 8 + len)));
				assert_int_equal(pb->csum, PBUF_CSUM_NONE);
			}
			pbuf_free(pb);
		}
	}
	scene_close(&sc);
}

/* The same of TCP over IPv6. */
static void checksums_tcp6(void **state)
{
	const struct sockaddr_in6 to = {
		.sin6_family = AF_INET6,
		.sin6_port = htons(80),
		.sin6_addr = { { { 0xfd, [15] = 2 } } },
	};
	struct pbuf *pb = NULL;
	struct scene sc;
	char mac[32];
	int fd;

	start(&sc, engine_of(state));
	(void)snprintf(mac, sizeof(mac), "%02x:%02x:%02x:%02x:%02x:%02x", sc.our_mac.b[0],
		       sc.our_mac.b[1], sc.our_mac.b[2], sc.our_mac.b[3], sc.our_mac.b[4],
		       sc.our_mac.b[5]);
	run_here("ip", "addr", "add", "fd00::1/64", "dev", "kern0", "nodad");
	run_here("ip", "neigh", "add", "fd00::2", "lladdr", mac, "dev", "kern0");
	fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	assert_int_equal(connect(fd, (const struct sockaddr *)&to, sizeof(to)), -1);
	assert_int_equal(errno, EINPROGRESS);
	while (!pb) {
		if (nic_rx(sc.nic, &pb, 1) != 1) {
			nic_wait(&sc, sc.nic);
		} else if (get_be16(pb->data + 12) != ETH_TYPE_IPV6 ||
			   pb->data[20] != IP_PROTO_TCP) {
			pbuf_free(pb);
			pb = NULL;
		}
	}
	assert_int_equal(pb->csum, PBUF_CSUM_PARTIAL);
	assert_int_equal(pb->csum_offset, 16);
	assert_ptr_equal(pbuf_l4(pb), pb->data + ETH_HDR_LEN + 40);
	pbuf_finish_csum(pb);
	assert_true(csum_ok(csum_pseudo6(ip6_addr_get(pb->data + 22), ip6_addr_get(pb->data + 38),
					 IP_PROTO_TCP, pb->len - 54) +
			    csum_bytes(pb->data + 54, pb->len - 54)));
	pbuf_free(pb);
	(void)close(fd);
	scene_close(&sc);
}

/* What others could leave to a device comes out complete. */
static void partial_sent(void **state)
{
	uint8_t buf[2048];
	struct nic_stats st;
	struct scene sc;
	struct pbuf *pb;

	start(&sc, engine_of(state));
	send_one(&sc, make_udp(&sc, port_of(sc.sock), 301, true));
	assert_int_equal(sock_recv(&sc, buf, sizeof(buf)), 301);
	pb = make_udp(&sc, port_of(sc.sock), 3000, true);
	pb->gso = PBUF_GSO_UDP;
	pb->gso_size = 1000;
	send_one(&sc, pb);
	nic_stats(sc.nic, &st);
	assert_int_equal(st.tx_errors, 1);
	assert_talks(&sc);
	scene_close(&sc);
}

/* A packet in pieces is gathered. */
static void gathered(void **state)
{
	struct pbuf *pb, *rest;
	uint8_t buf[2048];
	struct scene sc;

	start(&sc, engine_of(state));
	pb = make_udp(&sc, port_of(sc.sock), 1000, false);
	rest = pbuf_clone(pb);
	assert_non_null(rest);
	pbuf_trim(pb, 100);
	assert_true(pbuf_append(pb, rest, 100, 500));
	assert_true(pbuf_append(pb, rest, 600, HDRS_LEN + 400));
	pbuf_free(rest);
	assert_true(pb->n_frags > 0);
	send_one(&sc, pb);
	assert_int_equal(sock_recv(&sc, buf, sizeof(buf)), 1000);
	assert_pattern(buf, 0, 1000);
	scene_close(&sc);
}

/* --- frames --- */

/* The stack keeps more than there are frames for: copies take over, nothing is lost, and
 * all come back.
 */
static void held(void **state)
{
	enum {
		N = 3 * XDP_HELD_MAX
	};
	static struct pbuf *kept[N];
	struct nic_stats st;
	struct scene sc;
	unsigned int got = 0, wrapped = 0;

	start(&sc, engine_of(state));
	for (unsigned int i = 0; i < N; i++) {
		sock_send(sc.sock, i, 1000);
		if (i % 64 == 63 || i == N - 1) {
			while (got <= i)
				got += recv_udp(&sc, kept + got, i + 1 - got);
		}
	}
	assert_int_equal(got, N);
	for (unsigned int i = 0; i < N; i++) {
		assert_int_equal(kept[i]->len, HDRS_LEN + 1000);
		assert_pattern(kept[i]->data + HDRS_LEN, i, 1000);
		wrapped += kept[i]->size == XDP_FRAME_LEN;
	}
	assert_int_equal(wrapped, XDP_HELD_MAX);
	nic_stats(sc.nic, &st);
	assert_int_equal(st.rx_missed, 0);
	for (unsigned int i = 0; i < N; i++)
		pbuf_free(kept[i]);
	assert_talks(&sc);
	scene_close(&sc);
}

/* Packets that are kept outlive the nic. */
static void kept_after_close(void **state)
{
	struct pbuf *kept[3];
	struct scene sc;

	start(&sc, engine_of(state));
	for (unsigned int i = 0; i < 3; i++) {
		sock_send(sc.sock, i, 1400);
		kept[i] = recv_one(&sc);
	}
	nic_close(sc.nic);
	sc.nic = NULL;
	for (unsigned int i = 0; i < 3; i++) {
		assert_pattern(kept[i]->data + HDRS_LEN, i, 1400);
		pbuf_free(kept[i]);
	}
	scene_close(&sc);
}

/* Many times the rings, both ways. */
static void around(void **state)
{
	uint8_t buf[2048];
	struct nic_stats st;
	struct scene sc;

	start(&sc, engine_of(state));
	for (uint32_t i = 0; i < 3 * XDP_RX_SLOTS; i++) {
		struct pbuf *pb;

		sock_send(sc.sock, i, 600);
		pb = recv_one(&sc);
		assert_int_equal(pb->data[HDRS_LEN], pattern(i));
		pbuf_free(pb);
		send_one(&sc, make_udp(&sc, port_of(sc.sock), 1 + i % 1400, false));
		assert_int_equal(sock_recv(&sc, buf, sizeof(buf)), 1 + i % 1400);
	}
	nic_stats(sc.nic, &st);
	assert_int_equal(st.rx_bad + st.rx_missed + st.tx_errors, 0);
	scene_close(&sc);
}

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
	assert_true(all >= 1000);
	assert_int_equal(st.rx_packets, all);
	assert_talks(&sc);
	scene_close(&sc);
}

static void no_memory(void **state)
{
	struct nic_stats st;
	struct pbuf *pb;
	struct scene sc;

	start(&sc, engine_of(state));
	pbuf_pool_set_limit(sc.pool, 0);
	sock_send(sc.sock, 0, 10);
	sock_send(sc.sock, 0, 1000);
	do {
		(void)nic_rx(sc.nic, &pb, 1);
		nic_stats(sc.nic, &st);
	} while (st.rx_no_memory < 2);
	pbuf_pool_set_limit(sc.pool, POOL_LIMIT);
	assert_talks(&sc);
	scene_close(&sc);
}

/* --- descriptors that the kernel would not write --- */

static void hostile(void **state)
{
	static const struct {
		uint64_t addr;
		uint32_t len;
		bool good;
	} cases[] = {
		{ 0, 60, true },
		{ 0, 60, false }, /* the frame is ours again */
		{ XDP_FRAME_LEN + 256, XDP_FRAME_LEN - 256, true },
		{ 2 * XDP_FRAME_LEN + 256, XDP_FRAME_LEN - 255, false },
		{ 3 * XDP_FRAME_LEN, UINT32_MAX, false },
		{ 4 * XDP_FRAME_LEN, 0, false },
		{ (uint64_t)XDP_RX_FRAMES * XDP_FRAME_LEN, 60, false }, /* to send from */
		{ XDP_AREA_LEN, 60, false },
		{ UINT64_MAX, 60, false },
		{ UINT64_MAX - XDP_FRAME_LEN, 60, false },
		{ 5 * XDP_FRAME_LEN + XDP_FRAME_LEN - 1, 1, true },
	};
	enum {
		N = sizeof(cases) / sizeof(*cases)
	};
	static struct xdp_desc descs[16];
	static uint64_t fill[XDP_RX_SLOTS];
	uint32_t prod = N, cons = 0, fill_prod = 0, fill_cons = 0, flags = 0, good = 0;
	struct pbuf *burst[NIC_BURST];
	struct test_mem tm = TEST_MEM_INIT(&tm);
	struct af_xdp x = {
		.rx = { .mask = 15,
			.size = 16,
			.producer = &prod,
			.consumer = &cons,
			.ring = descs,
			.flags = &flags },
		.fill = { .mask = XDP_RX_SLOTS - 1,
			  .size = XDP_RX_SLOTS,
			  .producer = &fill_prod,
			  .consumer = &fill_cons,
			  .ring = fill,
			  .flags = &flags,
			  .cached_cons = XDP_RX_SLOTS },
	};

	(void)state;
	assert_int_equal(pbuf_pool_new(&x.nic.pool, &tm.mem, POOL_LIMIT), 0);
	x.umem = xdp_umem_new();
	assert_non_null(x.umem);
	xdp_refill(&x);
	fill_cons = fill_prod; /* the kernel took them */
	for (unsigned int i = 0; i < N; i++) {
		descs[i] = (struct xdp_desc){ .addr = cases[i].addr, .len = cases[i].len };
		good += cases[i].good;
	}
	assert_int_equal(xdp_rx(&x.nic, burst, NIC_BURST), good);
	assert_int_equal(x.nic.counters.rx_bad, N - good);
	assert_int_equal(cons, N);
	/* What was taken is given anew; what was not is where it was. */
	assert_int_equal(x.umem->n_filled, XDP_RX_SLOTS);
	for (unsigned int i = 0; i < good; i++)
		pbuf_free(burst[i]);
	assert_int_equal(x.umem->n_held, 0);
	xdp_umem_close(x.umem);
	pbuf_pool_free(x.nic.pool);
	test_mem_done(&tm);
}

/* --- what happens to interfaces --- */

static void down_and_up(void **state)
{
	struct nic_stats st;
	struct scene sc;

	start(&sc, engine_of(state));
	assert_talks(&sc);
	run_in(sc.ours, "ip", "link", "set", "ours0", "down");
	while (((struct af_xdp *)(void *)sc.nic)->dev.is_up)
		(void)loop_turn(sc.loop, loop_clock() + PATIENCE);
	send_one(&sc, make_udp(&sc, port_of(sc.sock), 10, false));
	nic_stats(sc.nic, &st);
	assert_int_equal(st.tx_errors, 1);
	assert_false(sc.nic->ops->arm(sc.nic));
	assert_int_equal(sc.nic->error, 0);
	run_in(sc.ours, "ip", "link", "set", "ours0", "up");
	assert_talks_soon(&sc);
	run_in(sc.ours, "ip", "link", "set", "ours0", "mtu", "1400");
	while (sc.nic->info.mtu != 1400)
		(void)loop_turn(sc.loop, loop_clock() + PATIENCE);
	scene_close(&sc);
}

static void deleted(void **state)
{
	struct pbuf *pb;
	struct scene sc;

	start(&sc, engine_of(state));
	assert_talks(&sc);
	/* The other end, so that it comes unasked. */
	run_here("ip", "link", "del", "kern0");
	while (!sc.nic->error)
		nic_wait(&sc, sc.nic);
	assert_int_equal(sc.nic->error, -ENODEV);
	assert_true(sc.n_ready > 0);
	assert_int_equal(nic_rx(sc.nic, &pb, 1), 0);
	pb = make_udp(&sc, 9, 10, false);
	assert_int_equal(nic_tx(sc.nic, &pb, 1), 0);
	pbuf_free(pb);
	scene_close(&sc);
}

/* --- several queues --- */

#define N_FLOWS 100

static void two_queues(void **state)
{
	unsigned int per_queue[2] = { 0 }, seen[N_FLOWS] = { 0 }, all = 0;
	struct nic *nic[2], *third;
	struct nic_env env;
	struct scene sc;
	struct nerr err;

	scene_open(&sc, engine_of(state), "2");
	env = sc.env;
	assert_int_equal(nic_xdp_open(&third, &ours, &env, &err), -EINVAL);
	assert_contains(err.msg, "2 receive queues");
	env.n_queues = 2;
	env.queue = 1; /* any may be the first */
	assert_ok(nic_xdp_open(&nic[1], &ours, &env, &err), err);
	assert_int_equal(nic_xdp_open(&third, &ours, &env, &err), -EBUSY);
	env.queue = 0;
	assert_ok(nic_xdp_open(&nic[0], &ours, &env, &err), err);

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
	print_message("%u and %u of the flows\n", per_queue[0], per_queue[1]);
	assert_true(per_queue[0] > 0 && per_queue[1] > 0);
	nic_close(nic[0]);
	assert_true(has_prog(sc.ours, "ours0"));
	nic_close(nic[1]);
	assert_false(has_prog(sc.ours, "ours0"));
	scene_close(&sc);
}

static int open_ours(const struct nic_env *env, struct nic **ret, struct nerr *err)
{
	return nic_xdp_open(ret, &ours, env, err);
}

static void threads(void **state)
{
	struct scene sc;
	int fds;

	scene_open(&sc, engine_of(state), "2");
	fds = open_fds();
	scene_threads(&sc, engine_of(state), open_ours, 3);
	assert_int_equal(open_fds(), fds);
	assert_false(has_prog(sc.ours, "ours0"));
	scene_close(&sc);
}

/* --- modes --- */

/* Without copies, where the device can: one that cannot says so. */
static void zerocopy(void **state)
{
	const struct nic_xdp_conf conf = { .name = "ours0", .mode = NIC_XDP_ZEROCOPY };
	struct scene sc;
	struct nic *nic;
	struct nerr err;
	int r;

	scene_open(&sc, engine_of(state), "1");
	r = nic_xdp_open(&nic, &conf, &sc.env, &err);
	if (r == 0) {
		scene_serve(&sc, nic);
		assert_true(((struct af_xdp *)(void *)nic)->zerocopy);
		assert_talks(&sc);
	} else {
		assert_int_equal(r, -ENOTSUP);
		assert_contains(err.msg, "without copies");
		assert_false(has_prog(sc.ours, "ours0"));
	}
	scene_close(&sc);
	if (r < 0)
		skip_because("a veth of this kernel has no zero-copy, and says so");
}

static void copy_mode(void **state)
{
	const struct nic_xdp_conf conf = { .name = "ours0", .mode = NIC_XDP_COPY };
	struct scene sc;
	struct nic *nic;
	struct nerr err;

	scene_open(&sc, engine_of(state), "1");
	assert_ok(nic_xdp_open(&nic, &conf, &sc.env, &err), err);
	scene_serve(&sc, nic);
	assert_false(((struct af_xdp *)(void *)nic)->zerocopy);
	assert_talks(&sc);
	scene_close(&sc);
}

/* A device whose driver has no XDP: the kernel stands in. */
static void generic_mode(void **state)
{
	struct nic_xdp_conf conf = { .name = "mv0" };
	struct scene sc;
	struct nic *nic;
	struct nerr err;
	char mac[32];

	scene_open(&sc, engine_of(state), "1");
	run_in(sc.ours, "ip", "link", "add", "mv0", "link", "ours0", "type", "macvlan", "mode",
	       "bridge");
	run_in(sc.ours, "ip", "link", "set", "mv0", "addrgenmode", "none", "up");
	conf.mode = NIC_XDP_ZEROCOPY;
	assert_int_equal(nic_xdp_open(&nic, &conf, &sc.env, &err), -ENOTSUP);
	conf.mode = NIC_XDP_AUTO;
	assert_ok(nic_xdp_open(&nic, &conf, &sc.env, &err), err);
	scene_serve(&sc, nic);
	assert_true(((const struct xdp_share *)(const void *)((struct af_xdp *)(void *)nic)->share)
			    ->is_generic);
	sc.our_mac = nic->info.mac;
	(void)snprintf(mac, sizeof(mac), "%02x:%02x:%02x:%02x:%02x:%02x", sc.our_mac.b[0],
		       sc.our_mac.b[1], sc.our_mac.b[2], sc.our_mac.b[3], sc.our_mac.b[4],
		       sc.our_mac.b[5]);
	run_here("ip", "neigh", "replace", "10.0.0.2", "lladdr", mac, "dev", "kern0");
	assert_talks(&sc);
	scene_close(&sc);
}

/* --- refused, and left --- */

static int open_env(struct scene *sc, struct nic_env *env)
{
	struct nerr err;
	struct nic *nic;

	(void)sc;
	return nic_xdp_open(&nic, &ours, env, &err);
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
	struct scene sc;
	struct nic *nic = NULL;
	struct nerr err;
	int fds;

	scene_open(&sc, engine_of(state), "1");
	fds = open_fds();
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		const struct nic_xdp_conf conf = { .name = cases[i].name };

		assert_int_equal(nic_xdp_open(&nic, &conf, &sc.env, &err), cases[i].code);
		assert_contains(err.msg, cases[i].name);
	}
	env = sc.env;
	env.n_queues = 2;
	assert_int_equal(open_env(&sc, &env), -EINVAL);
	assert_int_equal(open_without_rights(&sc, open_env), -EPERM);
	/* Frames of the one would fit, those of its peer would not. */
	run_here("ip", "link", "set", "kern0", "mtu", "9000");
	assert_int_equal(nic_xdp_open(&nic, &ours, &sc.env, &err), -EINVAL);
	assert_contains(err.msg, "MTU");
	run_in(sc.ours, "ip", "link", "set", "ours0", "mtu", "9000");
	assert_int_equal(nic_xdp_open(&nic, &ours, &sc.env, &err), -EINVAL);
	assert_contains(err.msg, "MTU of 9000");
	assert_null(nic);
	assert_int_equal(open_fds(), fds);
	assert_false(has_prog(sc.ours, "ours0"));
	scene_close(&sc);
}

/* Open in another process.  Return: its pid, once it has what @fd tells: the result */
static pid_t other_process(struct scene *sc, int *ret_result)
{
	int fds[2];
	pid_t pid;

	assert_return_code(pipe2(fds, O_CLOEXEC), errno);
	pid = fork();
	assert_return_code(pid, errno);
	if (pid == 0) {
		struct nic_env env = sc->env;
		struct nerr err;
		struct nic *nic;
		int r;

		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		/* The ring belongs to the thread that made it. */
		r = loop_new(&env.loop, LOOP_EPOLL, &err);
		if (r == 0)
			r = nic_xdp_open(&nic, &ours, &env, &err);
		if (write(fds[1], &r, sizeof(r)) == sizeof(r))
			(void)pause();
		_exit(0);
	}
	(void)close(fds[1]);
	assert_int_equal(read(fds[0], ret_result, sizeof(*ret_result)), sizeof(*ret_result));
	(void)close(fds[0]);
	return pid;
}

static void end_process(pid_t pid)
{
	int status;

	assert_return_code(kill(pid, SIGKILL), errno);
	assert_int_equal(waitpid(pid, &status, 0), pid);
}

/* Closed and opened again, at once. */
static void reopened(void **state)
{
	struct scene sc;
	struct nic *nic;
	struct nerr err;

	start(&sc, engine_of(state));
	for (int i = 0; i < 10; i++) {
		nic_close(sc.nic);
		sc.nic = NULL;
		assert_ok(nic_xdp_open(&nic, &ours, &sc.env, &err), err);
		scene_serve(&sc, nic);
		assert_talks(&sc);
	}
	scene_close(&sc);
}

/* One that has it keeps others out; killed, it leaves nothing. */
static void other_owner(void **state)
{
	struct scene sc;
	struct nic *nic = NULL;
	struct nerr err;
	uint64_t end;
	int r, fds;
	pid_t pid;

	scene_open(&sc, engine_of(state), "1");
	fds = open_fds();
	pid = other_process(&sc, &r);
	assert_int_equal(r, 0);
	assert_true(has_prog(sc.ours, "ours0"));
	assert_int_equal(nic_xdp_open(&nic, &ours, &sc.env, &err), -EBUSY);
	assert_null(nic);
	assert_contains(err.msg, "another XDP program");
	end_process(pid);
	/* Its files are closed before it is a zombie, but some of that is work for later. */
	end = loop_clock() + PATIENCE;
	while (has_prog(sc.ours, "ours0"))
		assert_true(loop_clock() < end);

	assert_ok(nic_xdp_open(&nic, &ours, &sc.env, &err), err);
	scene_serve(&sc, nic);
	pid = other_process(&sc, &r);
	assert_int_equal(r, -EBUSY);
	end_process(pid);
	assert_talks(&sc);
	nic_close(sc.nic);
	sc.nic = NULL;
	assert_int_equal(open_fds(), fds);
	assert_false(has_prog(sc.ours, "ours0"));
	scene_close(&sc);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		BOTH(info),           BOTH(both_ways),        BOTH(checksums),
		BOTH(checksums_tcp6), BOTH(partial_sent),     BOTH(gathered),
		BOTH(held),           BOTH(kept_after_close), BOTH(around),
		BOTH(overflow),       BOTH(no_memory),        cmocka_unit_test(hostile),
		BOTH(down_and_up),    BOTH(deleted),          BOTH(two_queues),
		BOTH(threads),        BOTH(zerocopy),         BOTH(copy_mode),
		BOTH(generic_mode),   BOTH(refused),          BOTH(reopened),
		BOTH(other_owner),
	};

	return cmocka_run_group_tests(tests, mounts_private, NULL);
}
