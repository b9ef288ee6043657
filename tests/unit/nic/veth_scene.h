/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * veth_scene.h - a veth pair: the kernel's sockets at one end, a driver at the other
 *
 *	kern0	in the thread's namespace, 10.0.0.1; knows our MAC address for 10.0.0.2
 *	ours0	in another one, without an address
 */
#ifndef TESTS_UNIT_NIC_VETH_SCENE_H
#define TESTS_UNIT_NIC_VETH_SCENE_H

#include <arpa/inet.h>
#include <dirent.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <poll.h>
#include <pthread.h>

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

#define POOL_LIMIT (64U << 20)
#define PATIENCE   UINT64_C(10000000000)

#define HDRS_LEN   (ETH_HDR_LEN + 20 + 8)
#define OUR_IP     IP4_ADDR(10, 0, 0, 2)
#define KERN_IP    IP4_ADDR(10, 0, 0, 1)
#define OUR_PORT   7

struct scene {
	struct nlsock *nl;
	int ours; /* namespace */
	struct test_mem tm;
	struct pbuf_pool *pool;
	struct loop *loop;
	struct nic *nic;
	struct nic_env env;
	unsigned int n_ready;
	int sock; /* of the kernel, UDP, connected to us */
	struct eth_addr our_mac;
	struct eth_addr kern_mac;
};

/* --- both engines --- */

FIXTURE enum loop_engine scene_engines[] = { LOOP_URING, LOOP_EPOLL };

/* Of cmocka's state. */
FIXTURE enum loop_engine engine_of(void **state)
{
	return *(const enum loop_engine *)*state;
}

/* A test with each. */
#define BOTH(fn)                                                                                   \
	{ #fn ", io_uring", fn, NULL, NULL, &scene_engines[0] },                                   \
	{                                                                                          \
#		fn ", epoll", fn, NULL, NULL, &scene_engines[1]                                   \
	}

/* --- namespaces --- */

/* Run a program in another namespace. */
#define run_in(ns, ...)                                                                            \
	do {                                                                                       \
		int run_home = netns_fd();                                                         \
		char run_out[2048];                                                                \
		assert_return_code(setns(ns, CLONE_NEWNET), errno);                                \
		run_ok(run_out, sizeof(run_out), __VA_ARGS__);                                     \
		assert_return_code(setns(run_home, CLONE_NEWNET), errno);                          \
		(void)close(run_home);                                                             \
	} while (0)

#define run_here(...)                                                                              \
	do {                                                                                       \
		char run_out[2048];                                                                \
		run_ok(run_out, sizeof(run_out), __VA_ARGS__);                                     \
	} while (0)

FIXTURE struct eth_addr mac_here(const char *ifname)
{
	unsigned int b[6];
	struct eth_addr a;
	char buf[256];

	assert_int_equal(sscanf(sys_net(ifname, "address", buf), "%x:%x:%x:%x:%x:%x", &b[0], &b[1],
				&b[2], &b[3], &b[4], &b[5]),
			 6);
	for (int i = 0; i < 6; i++)
		a.b[i] = (uint8_t)b[i];
	return a;
}

FIXTURE int open_fds(void)
{
	DIR *d = opendir("/proc/self/fd");
	int n = 0;

	assert_non_null(d);
	while (readdir(d))
		n++;
	(void)closedir(d);
	return n;
}

/* No socket or BPF object is handed on to programs. */
FIXTURE void assert_cloexec(void)
{
	for (int fd = 3; fd < 256; fd++) {
		char path[64], to[256];
		ssize_t n;

		(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
		n = readlink(path, to, sizeof(to) - 1);
		if (n < 0)
			continue;
		to[n] = '\0';
		if (strncmp(to, "socket:", 7) == 0 || strncmp(to, "anon_inode:bpf", 14) == 0)
			assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	}
}

/* --- the scene --- */

FIXTURE void scene_ready(void *arg)
{
	struct scene *sc = arg;

	sc->n_ready++;
}

/* Queues as in ip(8): "1" or "2". */
FIXTURE void scene_links(struct scene *sc, const char *queues)
{
	char ns[64], mac[32];

	netns_fresh();
	sc->ours = netns_other();
	(void)snprintf(ns, sizeof(ns), "/proc/%d/fd/%d", (int)getpid(), sc->ours);
	run_here("ip", "link", "add", "kern0", "numtxqueues", queues, "numrxqueues", queues, "type",
		 "veth", "peer", "name", "ours0", "numtxqueues", queues, "numrxqueues", queues);
	run_here("ip", "link", "set", "kern0", "addrgenmode", "none");
	run_here("ip", "link", "set", "ours0", "addrgenmode", "none");
	sc->our_mac = mac_here("ours0");
	sc->kern_mac = mac_here("kern0");
	(void)snprintf(mac, sizeof(mac), "%02x:%02x:%02x:%02x:%02x:%02x", sc->our_mac.b[0],
		       sc->our_mac.b[1], sc->our_mac.b[2], sc->our_mac.b[3], sc->our_mac.b[4],
		       sc->our_mac.b[5]);
	run_here("ip", "link", "set", "ours0", "netns", ns);
	run_in(sc->ours, "ip", "link", "set", "ours0", "up");
	run_here("ip", "addr", "add", "10.0.0.1/24", "dev", "kern0");
	run_here("ip", "link", "set", "kern0", "up");
	run_here("ip", "neigh", "add", "10.0.0.2", "lladdr", mac, "dev", "kern0");
}

FIXTURE int udp_here(uint16_t our_port)
{
	const struct sockaddr_in from = {
		.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(KERN_IP),
	};
	const struct sockaddr_in to = {
		.sin_family = AF_INET,
		.sin_port = htons(our_port),
		.sin_addr.s_addr = htonl(OUR_IP),
	};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	assert_return_code(fd, errno);
	assert_return_code(bind(fd, (const struct sockaddr *)&from, sizeof(from)), errno);
	assert_return_code(connect(fd, (const struct sockaddr *)&to, sizeof(to)), errno);
	return fd;
}

FIXTURE uint16_t port_of(int sock)
{
	struct sockaddr_in a;
	socklen_t len = sizeof(a);

	assert_return_code(getsockname(sock, (struct sockaddr *)&a, &len), errno);
	return ntohs(a.sin_port);
}

FIXTURE void scene_open(struct scene *sc, enum loop_engine engine, const char *queues)
{
	struct nerr err;

	*sc = (struct scene){ .sock = -1 };
	sc->tm = TEST_MEM_INIT(&sc->tm);
	scene_links(sc, queues);
	assert_int_equal(pbuf_pool_new(&sc->pool, &sc->tm.mem, POOL_LIMIT), 0);
	assert_ok(loop_new(&sc->loop, engine, &err), err);
	sc->env = (struct nic_env){
		.loop = sc->loop,
		.pool = sc->pool,
		.netns = sc->ours,
		.n_queues = 1,
	};
	sc->sock = udp_here(OUR_PORT);
}

FIXTURE void scene_serve(struct scene *sc, struct nic *nic)
{
	nic->ready = scene_ready;
	nic->ready_arg = sc;
	sc->nic = nic;
}

FIXTURE void scene_close(struct scene *sc)
{
	nic_close(sc->nic);
	loop_free(sc->loop);
	pbuf_pool_free(sc->pool);
	test_mem_done(&sc->tm);
	(void)close(sc->sock);
	(void)close(sc->ours);
	(void)umount2("/sys", MNT_DETACH); /* each test mounts its own */
}

/* --- packets --- */

/* Sleep as a service does until there is something, or an error. */
FIXTURE void nic_wait(struct scene *sc, struct nic *nic)
{
	const uint64_t end = loop_clock() + PATIENCE;

	sc->n_ready = 0;
	if (nic->error || nic->ops->arm(nic))
		return;
	while (!sc->n_ready) {
		(void)loop_turn(nic->loop, end);
		if (loop_clock() > end)
			fail_msg("nothing came");
	}
}

/* A UDP packet of the kernel to us. */
FIXTURE bool is_udp(const struct pbuf *pb)
{
	return pb->linear >= HDRS_LEN && get_be16(pb->data + 12) == ETH_TYPE_IPV4 &&
	       pb->data[ETH_HDR_LEN + 9] == IP_PROTO_UDP;
}

/* Up to @n of those, no others, at least one. */
FIXTURE unsigned int recv_udp(struct scene *sc, struct pbuf **burst, unsigned int n)
{
	unsigned int got = 0;

	while (!got) {
		unsigned int all = nic_rx(sc->nic, burst, n);

		if (!all) {
			assert_int_equal(sc->nic->error, 0);
			nic_wait(sc, sc->nic);
		}
		for (unsigned int i = 0; i < all; i++) {
			if (is_udp(burst[i]))
				burst[got++] = burst[i];
			else
				pbuf_free(burst[i]);
		}
	}
	return got;
}

FIXTURE struct pbuf *recv_one(struct scene *sc)
{
	struct pbuf *pb;

	assert_int_equal(recv_udp(sc, &pb, 1), 1);
	return pb;
}

/* Numbers that are not the same in a row. */
FIXTURE uint8_t pattern(uint32_t i)
{
	return (uint8_t)(i * 7 + i / 251);
}

FIXTURE void fill_pattern(uint8_t *p, uint32_t from, uint32_t len)
{
	for (uint32_t i = 0; i < len; i++)
		p[i] = pattern(from + i);
}

FIXTURE void assert_pattern(const uint8_t *p, uint32_t from, uint32_t len)
{
	for (uint32_t i = 0; i < len; i++)
		assert_int_equal(p[i], pattern(from + i));
}

/* A datagram of ours to the kernel's socket; its checksum is left to the device when @partial. */
FIXTURE struct pbuf *make_udp(struct scene *sc, uint16_t port, uint32_t len, bool partial)
{
	struct pbuf *pb = pbuf_alloc_rx(sc->pool, 64, HDRS_LEN + len);
	uint8_t *p, *ip, *udp;
	uint64_t sum;

	assert_non_null(pb);
	pbuf_mark_l2(pb);
	p = pbuf_put(pb, HDRS_LEN + len);
	ip = p + ETH_HDR_LEN;
	udp = ip + 20;
	eth_addr_put(p, sc->kern_mac);
	eth_addr_put(p + 6, sc->our_mac);
	put_be16(p + 12, ETH_TYPE_IPV4);
	memset(ip, 0, 28);
	ip[0] = 0x45;
	put_be16(ip + 2, (uint16_t)(28 + len));
	ip[8] = 64;
	ip[9] = IP_PROTO_UDP;
	put_be32(ip + 12, OUR_IP);
	put_be32(ip + 16, KERN_IP);
	put_be16(ip + 10, csum_finish(csum_bytes(ip, 20)));
	put_be16(udp, OUR_PORT);
	put_be16(udp + 2, port);
	put_be16(udp + 4, (uint16_t)(8 + len));
	fill_pattern(udp + 8, 0, len);
	pb->l3 = (uint16_t)(pb->l2 + ETH_HDR_LEN);
	pb->l4 = (uint16_t)(pb->l3 + 20);
	sum = csum_pseudo4(OUR_IP, KERN_IP, IP_PROTO_UDP, 8 + len);
	if (partial) {
		pb->csum = PBUF_CSUM_PARTIAL;
		pb->csum_offset = 6;
		put_be16(udp + 6, csum_fold(sum));
	} else {
		put_be16(udp + 6, csum_finish(sum + csum_bytes(udp, 8 + len)));
	}
	return pb;
}

/* What the kernel's socket received, within patience. */
FIXTURE uint32_t sock_recv(struct scene *sc, uint8_t *buf, size_t size)
{
	const uint64_t end = loop_clock() + PATIENCE;
	ssize_t n = -1;

	/* What was queued leaves with a turn. */
	while (n < 0) {
		struct pollfd pfd = { .fd = sc->sock, .events = POLLIN };

		(void)loop_turn(sc->loop, 0);
		if (poll(&pfd, 1, 10) == 1)
			n = recv(sc->sock, buf, size, MSG_DONTWAIT);
		if (loop_clock() > end)
			fail_msg("the kernel's socket received nothing");
	}
	return (uint32_t)n;
}

FIXTURE void send_one(struct scene *sc, struct pbuf *pb)
{
	const uint64_t end = loop_clock() + PATIENCE;

	while (nic_tx(sc->nic, &pb, 1) != 1) {
		(void)loop_turn(sc->loop, 0);
		if (loop_clock() > end)
			fail_msg("the device takes nothing");
	}
}

FIXTURE void sock_send(int sock, uint32_t from, uint32_t len)
{
	uint8_t buf[65536];

	fill_pattern(buf, from, len);
	assert_int_equal(send(sock, buf, len, 0), len);
}

/* One datagram each way. */
FIXTURE void assert_talks(struct scene *sc)
{
	uint8_t buf[2048];
	struct pbuf *pb;

	sock_send(sc->sock, 3, 100);
	pb = recv_one(sc);
	assert_int_equal(pb->len, HDRS_LEN + 100);
	pbuf_copy_out(pb, HDRS_LEN, buf, 100);
	assert_pattern(buf, 3, 100);
	pbuf_free(pb);

	send_one(sc, make_udp(sc, port_of(sc->sock), 200, sc->nic->info.features & NIC_TX_CSUM));
	assert_int_equal(sock_recv(sc, buf, sizeof(buf)), 200);
	assert_pattern(buf, 0, 200);
}

/* After an interface was set up: the kernel sends nothing until it has noticed the carrier, so
 * it is asked again and again.
 */
FIXTURE void assert_talks_soon(struct scene *sc)
{
	const uint64_t end = loop_clock() + PATIENCE;
	struct pbuf *pb = NULL;

	while (!pb) {
		sock_send(sc->sock, 3, 100);
		(void)loop_turn(sc->loop, loop_clock() + 10000000);
		while (!pb && nic_rx(sc->nic, &pb, 1) == 1) {
			if (!is_udp(pb)) {
				pbuf_free(pb);
				pb = NULL;
			}
		}
		if (loop_clock() > end)
			fail_msg("the kernel sends nothing");
	}
	pbuf_free(pb);
	while (nic_rx(sc->nic, &pb, 1) == 1)
		pbuf_free(pb);
	assert_talks(sc);
}

/* In a process of its own that has no rights any more; its result is @open's. */
FIXTURE int open_without_rights(struct scene *sc,
				int (*open)(struct scene *sc, struct nic_env *env))
{
	pid_t pid = fork();
	int status;

	assert_return_code(pid, errno);
	if (pid == 0) {
		struct nic_env env = sc->env;
		int r;

		/* An id without rights, in the namespace already. */
		env.netns = -1;
		if (setns(sc->ours, CLONE_NEWNET) < 0 || setresuid(65534, 65534, 65534) < 0)
			_exit(0);
		r = open(sc, &env);
		_exit(r < 0 ? -r : 0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return -WEXITSTATUS(status);
}

/* --- threads --- */

typedef int scene_opener(const struct nic_env *env, struct nic **ret, struct nerr *err);

/* A thread that serves a queue: what is its own, and what went wrong. */
struct scene_thread {
	pthread_t thread;
	struct nic_env env;
	enum loop_engine engine;
	scene_opener *open;
	unsigned int rounds;
	int result;
	struct nerr err;
};

FIXTURE void *scene_thread_main(void *arg)
{
	struct scene_thread *t = arg;
	struct test_mem tm = TEST_MEM_INIT(&tm);

	for (unsigned int i = 0; i < t->rounds && !t->result; i++) {
		struct nic *nic = NULL;

		t->result = loop_new(&t->env.loop, t->engine, &t->err);
		if (t->result < 0)
			break;
		t->result = pbuf_pool_new(&t->env.pool, &tm.mem, POOL_LIMIT);
		if (t->result == 0)
			t->result = t->open(&t->env, &nic, &t->err);
		if (t->result == 0) {
			(void)nic->ops->arm(nic);
			(void)loop_turn(t->env.loop, 0);
		}
		nic_close(nic);
		loop_free(t->env.loop);
		pbuf_pool_free(t->env.pool);
	}
	return NULL;
}

/* Two queues come and go, each in its thread. */
FIXTURE void scene_threads(struct scene *sc, enum loop_engine engine, scene_opener *open,
			   unsigned int rounds)
{
	struct scene_thread t[2];

	for (unsigned int i = 0; i < 2; i++) {
		t[i] = (struct scene_thread){
			.env = sc->env,
			.engine = engine,
			.open = open,
			.rounds = rounds,
		};
		t[i].env.queue = i;
		t[i].env.n_queues = 2;
		assert_int_equal(pthread_create(&t[i].thread, NULL, scene_thread_main, &t[i]), 0);
	}
	for (unsigned int i = 0; i < 2; i++)
		assert_int_equal(pthread_join(t[i].thread, NULL), 0);
	for (unsigned int i = 0; i < 2; i++) {
		if (t[i].result < 0)
			fail_msg("queue %u: %s", i, t[i].err.msg);
	}
}

#endif /* TESTS_UNIT_NIC_VETH_SCENE_H */
