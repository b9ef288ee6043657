/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Floods: memory stays within its limits, what is dropped is counted, and who behaves is served.
 */
#include "netstack/tcp/tcp.h"
#include "tests/unit/netstack/lan.h"
#include "wire/checksum.h"
#include "wire/ipv4.h"
#include "wire/tcp.h"
#include "wire/tcp_options.h"
#include "wire/udp.h"

#define SERVER    0
#define CLIENT    1
#define PORT      80
#define N_CLIENTS 200
#define ATTACKER  IP4_ADDR(10, 1, 66, 66)

/* Packet memory of each host, and all that a host may have: tables besides. */
#define POOL_MAX   (UINT64_C(4) << 20)
#define MEMORY_MAX (UINT64_C(12) << 20)

static struct lan lan;
static struct dice dice;

static void begin(const struct netstack_conf *conf)
{
	struct netstack_conf c;

	netstack_conf_default(&c);
	if (conf)
		c = *conf;
	c.pool_bytes_max = POOL_MAX;
	dice.state = 7;
	lan_init(&lan, 2, &c);
	assert_int_equal(netstack_neigh_add(lan.host[SERVER].st, lan.host[SERVER].ifindex,
					    ip6_addr_of_ip4(ATTACKER), lan_mac(0xee)),
			 0);
}

static void within_limits(void)
{
	for (unsigned int i = 0; i < lan.n; i++) {
		struct pbuf_pool_stats pool;
		struct netstack_memory m;

		pbuf_pool_stats(netstack_pool(lan.host[i].st), &pool);
		netstack_memory(lan.host[i].st, &m);
		assert_true(pool.bytes_max <= POOL_MAX);
		assert_true(lan.host[i].peak <= MEMORY_MAX);
		assert_true(m.neighs <= NEIGH_TABLE_MAX + 1);
		assert_true(m.reassembly_bytes <=
			    netstack_ip_params(lan.host[i].st)->reass_bytes_max);
	}
}

/* --- frames that no host of ours would send --- */

struct forged {
	uint8_t b[2048];
	uint32_t len;
};

/* Ethernet and IPv4 for @len bytes of payload, which the caller has put behind them. */
static void forge_ip(struct forged *f, uint32_t src, const struct ipv4_repr *ip)
{
	const struct eth_repr eth = {
		.dst = lan_mac(SERVER),
		.src = lan_mac(0xee),
		.type = ETH_TYPE_IPV4,
	};
	struct ipv4_repr r = *ip;

	r.src = src;
	r.dst = (uint32_t)lan_ip4(SERVER).lo;
	r.ttl = 64;
	assert_int_equal(eth_emit(f->b, sizeof(f->b), &eth), ETH_HDR_LEN);
	assert_int_equal(ipv4_emit(f->b + ETH_HDR_LEN, sizeof(f->b) - ETH_HDR_LEN, &r),
			 IPV4_HDR_LEN);
	f->len = ETH_HDR_LEN + IPV4_HDR_LEN + ip->payload_len;
}

#define FORGED_L4(f) ((f)->b + ETH_HDR_LEN + IPV4_HDR_LEN)

static void forge_tcp(struct forged *f, uint32_t src, const struct tcp_repr *tcp,
		      const struct tcp_options_repr *opt, const uint8_t *data, uint16_t len)
{
	uint8_t *l4 = FORGED_L4(f);
	struct tcp_repr h = *tcp;
	uint16_t total;
	int n;

	n = opt ? tcp_options_emit(l4 + TCP_HDR_LEN, TCP_OPTS_LEN_MAX, opt) : 0;
	assert_true(n >= 0);
	h.opts_len = (uint8_t)n;
	h.dst_port = PORT;
	n = tcp_emit(l4, TCP_HDR_LEN_MAX, &h);
	assert_true(n > 0);
	if (len)
		memcpy(l4 + n, data, len);
	total = (uint16_t)(n + len);
	put_be16(l4 + TCP_CSUM_OFFSET,
		 csum_finish(csum_pseudo4(src, (uint32_t)lan_ip4(SERVER).lo, IP_PROTO_TCP, total) +
			     csum_bytes(l4, total)));
	forge_ip(f, src, &(struct ipv4_repr){ .payload_len = total, .proto = IP_PROTO_TCP });
}

static void send_forged(const struct forged *f)
{
	lan_inject(&lan, SERVER, f->b, f->len);
}

/* --- SYN flood --- */

static void flood_syns(unsigned int n)
{
	const struct tcp_options_repr opt = {
		.mss = 1460,
		.sack_permitted = true,
		.has_ts = true,
		.ts_val = 1,
	};
	struct forged f;

	for (unsigned int i = 0; i < n; i++) {
		const struct tcp_repr h = {
			.seq = seq_of(dice_roll(&dice)),
			.src_port = (uint16_t)(1024 + dice_below(&dice, 60000)),
			.flags = TCP_SYN,
			.wnd = 1000,
		};

		/* behind the gateway, so nobody answers the answers */
		forge_tcp(&f, IP4_ADDR(172, 16, 0, 0) + dice_below(&dice, 1 << 20), &h, &opt, NULL,
			  0);
		send_forged(&f);
	}
}

/* A client asks, the server answers, the client has read it. */
struct client {
	int fd;
	bool asked;
	bool answered;
};

static void run_client(struct client *c)
{
	struct netstack *st = lan.host[CLIENT].st;
	char buf[8];

	if (c->fd < 0 || c->answered)
		return;
	if (!c->asked && lan_poll(&lan, CLIENT, c->fd) & POLLOUT)
		c->asked = ns_send(st, c->fd, "ask", 3, MSG_NOSIGNAL) == 3;
	c->answered = c->asked && ns_recv(st, c->fd, buf, sizeof(buf), 0) == 6;
}

/* All that has come in is answered; who has nothing to say yet is asked again. */
static void run_server(int listener, int *fd, unsigned int *n)
{
	struct netstack *st = lan.host[SERVER].st;
	char buf[8];
	int r;

	while ((r = lan_accept(&lan, SERVER, listener)) >= 0) {
		assert_true(*n < N_CLIENTS + 1);
		fd[(*n)++] = r;
	}
	for (unsigned int i = 0; i < *n; i++)
		if (fd[i] >= 0 && ns_recv(st, fd[i], buf, sizeof(buf), 0) == 3)
			assert_int_equal(ns_send(st, fd[i], "answer", 6, MSG_NOSIGNAL), 6);
}

struct syn_flood {
	struct client client[N_CLIENTS];
	int server_fd[N_CLIENTS + 1];
	unsigned int n_server;
	int listener;
};

static struct syn_flood sf;

static unsigned int n_answered(void)
{
	unsigned int n = 0;

	for (unsigned int i = 0; i < N_CLIENTS; i++)
		n += sf.client[i].answered;
	return n;
}

static void run_all(void)
{
	lan_run(&lan);
	run_server(sf.listener, sf.server_fd, &sf.n_server);
	lan_run(&lan);
	for (unsigned int i = 0; i < N_CLIENTS; i++)
		run_client(&sf.client[i]);
	lan_run(&lan);
}

/* Twenty thousand forged SYNs a second, and two hundred clients among them. */
static void syn_flood(void)
{
	sf = (struct syn_flood){ .listener = lan_listen(&lan, SERVER, false, PORT, 128) };
	for (unsigned int i = 0; i < N_CLIENTS; i++)
		sf.client[i].fd = -1;
	flood_syns(4000); /* the queue is full before the first one comes */
	for (unsigned int i = 0; i < N_CLIENTS; i++) {
		sf.client[i].fd = lan_connect(&lan, CLIENT, SERVER, false, PORT);
		flood_syns(100);
		run_all();
		within_limits();
		lan_pass(&lan, 5 * LAN_MS);
	}
	flood_syns(100);
	lan_pass(&lan, 100 * LAN_MS);
	run_all();
}

static void close_all(void)
{
	for (unsigned int i = 0; i < N_CLIENTS; i++)
		lan_close(&lan, CLIENT, sf.client[i].fd);
	lan_run(&lan);
	for (unsigned int i = 0; i < sf.n_server; i++)
		lan_close(&lan, SERVER, sf.server_fd[i]);
	lan_close(&lan, SERVER, sf.listener);
}

static void syn_flood_with_cookies_on_overflow(void **state)
{
	const struct tcp_stats *stats;

	(void)state;
	begin(NULL);
	stats = netstack_tcp_stats(lan.host[SERVER].st);
	syn_flood();
	assert_int_equal(n_answered(), N_CLIENTS);
	assert_true(stats->syncookies_sent > 20000);
	assert_true(stats->syncookies_recv >= N_CLIENTS / 2);
	/* Nobody had to ask twice. */
	assert_int_equal(netstack_tcp_stats(lan.host[CLIENT].st)->retrans_segs, 0);
	assert_int_equal(lan_drops(&lan, SERVER, DROP_TCP_SYN_QUEUE), 0);
	within_limits();
	print_message("# SYN flood: %u of %u clients served, %llu cookies, peak %llu bytes\n",
		      n_answered(), N_CLIENTS, (unsigned long long)stats->syncookies_sent,
		      (unsigned long long)lan.host[SERVER].peak);
	close_all();
	lan_done(&lan, 200 * LAN_S);
}

static void syn_flood_without_cookies(void **state)
{
	struct netstack_conf conf;
	struct netstack_memory m;
	int fd;

	(void)state;
	netstack_conf_default(&conf);
	conf.tcp.syncookies = TCP_SYNCOOKIES_OFF;
	begin(&conf);
	syn_flood();
	assert_true(n_answered() < N_CLIENTS);
	assert_true(lan_drops(&lan, SERVER, DROP_TCP_SYN_QUEUE) > 20000);
	netstack_memory(lan.host[SERVER].st, &m);
	assert_true(m.syn_rcvd > 0 && m.syn_rcvd <= conf.tcp.syn_backlog_max);
	within_limits();

	/* It is over, and forgotten when the last SYN+ACK was resent in vain. */
	lan_pass(&lan, 130 * LAN_S);
	netstack_memory(lan.host[SERVER].st, &m);
	assert_int_equal(m.syn_rcvd, 0);
	close_all();
	sf.listener = lan_listen(&lan, SERVER, false, PORT, 128);
	fd = lan_connect(&lan, CLIENT, SERVER, false, PORT);
	lan_run(&lan);
	assert_true(lan_poll(&lan, CLIENT, fd) & POLLOUT);
	lan_close(&lan, CLIENT, fd);
	lan_close(&lan, SERVER, sf.listener);
	lan_done(&lan, 200 * LAN_S);
}

/* --- segments out of order --- */

/* What the attacker's wire brings from the server. */
static struct tcp_repr heard;

static void hear(void *arg, const uint8_t *frame, uint32_t len)
{
	const uint8_t *ip = frame + ETH_HDR_LEN;
	struct ipv4_repr r = { .proto = 0 };
	int n;

	(void)arg; /* there is one attacker */
	if (get_be16(frame + 12) != ETH_TYPE_IPV4)
		return;
	n = ipv4_parse(ip, len - ETH_HDR_LEN, &r);
	assert_true(n > 0);
	if (r.dst == ATTACKER && r.proto == IP_PROTO_TCP)
		assert_true(tcp_parse(ip + n, r.payload_len, &heard) > 0);
}

static uint8_t byte_at(uint32_t off)
{
	return (uint8_t)(off ^ off >> 8);
}

/* @len bytes at this offset of the attacker's stream. */
static void say(uint32_t off, uint16_t len, uint16_t flags)
{
	const struct tcp_repr h = {
		.seq = seq_of(flags & TCP_SYN ? 1000 : 1001 + off),
		.ack = seq_add(heard.seq, !!(heard.flags & TCP_SYN)),
		.src_port = 6666,
		.flags = flags,
		.wnd = 60000,
	};
	const struct tcp_options_repr opt = { .mss = 1460, .has_wscale = true, .wscale = 7 };
	uint8_t data[1460];
	struct forged f;

	for (uint16_t i = 0; i < len; i++)
		data[i] = byte_at(off + i);
	forge_tcp(&f, ATTACKER, &h, flags & TCP_SYN ? &opt : NULL, data, len);
	send_forged(&f);
	lan_run(&lan);
}

/* Every second byte of the window; then the stream as it should have come. */
static void small_segments_out_of_order(void **state)
{
	struct netstack *st;
	uint8_t buf[4096];
	uint32_t got = 0;
	uint64_t before;
	int listener, fd;

	(void)state;
	begin(NULL);
	st = lan.host[SERVER].st;
	lan.tap = hear;
	listener = lan_listen(&lan, SERVER, false, PORT, 1);
	say(0, 0, TCP_SYN);
	say(0, 0, TCP_ACK);
	fd = lan_accept(&lan, SERVER, listener);
	assert_true(fd >= 0);
	before = lan.host[SERVER].tm.bytes;
	for (uint32_t round = 0; round < 5; round++)
		for (uint32_t off = 1 + round; off < 30000; off += 2)
			say(off, 1, TCP_ACK);
	print_message("# out of order: %llu segments, %llu bytes more, %llu refused\n",
		      (unsigned long long)netstack_tcp_stats(st)->ofo_queue,
		      (unsigned long long)(lan.host[SERVER].peak - before),
		      (unsigned long long)lan_drops(&lan, SERVER, DROP_TCP_OFO_LIMIT));
	assert_true(lan_drops(&lan, SERVER, DROP_TCP_OFO_LIMIT) > 10000);
	/* The receive buffer, twice at most, whatever its pieces are. */
	assert_true(lan.host[SERVER].peak - before <=
		    2 * (uint64_t)netstack_tcp_params(st)->rmem_default + (512 << 10));
	within_limits();

	for (uint32_t off = 0; got < 100000; off += 1000) {
		ssize_t n;

		say(off, 1000, TCP_ACK);
		n = ns_recv(st, fd, buf, sizeof(buf), 0);
		assert_true(n > 0);
		for (ssize_t i = 0; i < n; i++)
			assert_int_equal(buf[i], byte_at(got + (uint32_t)i));
		got += (uint32_t)n;
	}
	say(0, 0, TCP_RST); /* out of window: no answer that matters */
	lan_close(&lan, SERVER, fd);
	lan_close(&lan, SERVER, listener);
	lan_done(&lan, 2000 * LAN_S);
}

/* --- fragments --- */

static void flood_fragments(unsigned int n)
{
	struct forged f;

	for (unsigned int i = 0; i < n; i++) {
		const struct ipv4_repr ip = {
			.payload_len = 1000,
			.id = (uint16_t)dice_roll(&dice),
			.frag_off = (uint16_t)(8 * dice_below(&dice, 8000)),
			.proto = IP_PROTO_UDP,
			.more_frags = true,
		};

		memset(FORGED_L4(&f), (int)i, ip.payload_len);
		forge_ip(&f, IP4_ADDR(172, 16, 0, 0) + dice_below(&dice, 1 << 20), &ip);
		send_forged(&f);
	}
}

static void big_datagram_arrives(int from, int to)
{
	const struct lan_addr a = lan_addr(false, lan_ip4(SERVER), 5000);
	static uint8_t out[5000], in[6000];

	for (unsigned int i = 0; i < sizeof(out); i++)
		out[i] = (uint8_t)dice_roll(&dice);
	assert_int_equal(ns_sendto(lan.host[CLIENT].st, from, out, sizeof(out), 0, &a.sa, a.len),
			 sizeof(out));
	lan_run(&lan);
	assert_int_equal(ns_recv(lan.host[SERVER].st, to, in, sizeof(in), 0), sizeof(out));
	assert_memory_equal(in, out, sizeof(out));
}

static void fragments_that_never_become_a_packet(void **state)
{
	const struct lan_addr any = lan_addr(false, IP6_UNSPECIFIED, 5000);
	struct netstack_conf conf;
	struct netstack_memory m;
	int from, to;

	(void)state;
	netstack_conf_default(&conf);
	conf.ip.reass_bytes_max = 1 << 20;
	begin(&conf);
	to = lan_socket(&lan, SERVER, false, SOCK_DGRAM);
	from = lan_socket(&lan, CLIENT, false, SOCK_DGRAM);
	assert_int_equal(ns_bind(lan.host[SERVER].st, to, &any.sa, any.len), 0);
	big_datagram_arrives(from, to);
	for (unsigned int i = 0; i < 50; i++) {
		flood_fragments(400);
		lan_pass(&lan, 10 * LAN_MS);
		within_limits();
	}
	netstack_memory(lan.host[SERVER].st, &m);
	assert_true(m.reassembly_bytes > 0);
	assert_true(lan_drops(&lan, SERVER, DROP_FRAG_LIMIT) > 0);
	lan_pass(&lan, 31 * LAN_S);
	netstack_memory(lan.host[SERVER].st, &m);
	assert_int_equal(m.reassembly_bytes, 0);
	assert_true(lan_drops(&lan, SERVER, DROP_FRAG_TIMEOUT) > 0);
	big_datagram_arrives(from, to);
	lan_close(&lan, SERVER, to);
	lan_close(&lan, CLIENT, from);
	lan_done(&lan, 0);
}

/* --- neighbours --- */

static void connect_works(void)
{
	const int listener = lan_listen(&lan, SERVER, false, PORT, 1);
	const int fd = lan_connect(&lan, CLIENT, SERVER, false, PORT);

	lan_run(&lan);
	assert_true(lan_poll(&lan, CLIENT, fd) & POLLOUT);
	lan_close(&lan, CLIENT, fd);
	lan_close(&lan, SERVER, listener);
	lan_run(&lan);
}

/* From the host itself, and by answers to whoever pretends to ask. */
static void a_network_is_scanned(void **state)
{
	uint64_t most = 0;
	struct netstack_memory m;
	struct forged f;
	int fd;

	(void)state;
	begin(NULL);
	fd = lan_socket(&lan, SERVER, false, SOCK_DGRAM);
	for (uint32_t i = 256; i < 65535; i++) {
		const struct lan_addr to =
			lan_addr(false, ip6_addr_of_ip4(IP4_ADDR(10, 1, 0, 0) + i), 9);
		/* refused at times: the send buffer, no entry */
		(void)ns_sendto(lan.host[SERVER].st, fd, "x", 1, 0, &to.sa, to.len);
		memset(FORGED_L4(&f), 0, 16);
		put_be16(FORGED_L4(&f), 0x0800); /* an echo */
		put_be16(FORGED_L4(&f) + 2, 0xf7ff);
		forge_ip(&f, IP4_ADDR(10, 1, 0, 0) + 65535 - i,
			 &(struct ipv4_repr){ .payload_len = 16, .proto = IP_PROTO_ICMP });
		send_forged(&f);
		if (i % 256)
			continue;
		lan_pass(&lan, 10 * LAN_MS);
		within_limits();
		netstack_memory(lan.host[SERVER].st, &m);
		most = m.neighs > most ? m.neighs : most;
		connect_works();
	}
	assert_true(lan_drops(&lan, SERVER, DROP_NEIGH_QUEUE) +
			    lan_drops(&lan, SERVER, DROP_NEIGH_TABLE) +
			    lan_drops(&lan, SERVER, DROP_NEIGH_FAILED) >
		    10000);
	print_message("# scan: at most %llu neighbours, peak %llu bytes\n",
		      (unsigned long long)most, (unsigned long long)lan.host[SERVER].peak);
	lan_close(&lan, SERVER, fd);
	lan_pass(&lan, 300 * LAN_S);
	netstack_memory(lan.host[SERVER].st, &m);
	assert_true(m.neighs < 8);
	lan_done(&lan, 0);
}

/* --- a socket that nobody reads --- */

static void datagrams_that_nobody_reads(void **state)
{
	const struct lan_addr any = lan_addr(false, IP6_UNSPECIFIED, 5000);
	const struct lan_addr to = lan_addr(false, lan_ip4(SERVER), 5000);
	static uint8_t buf[2000];
	unsigned int n = 0;
	uint64_t before;
	int rx, tx;

	(void)state;
	begin(NULL);
	rx = lan_socket(&lan, SERVER, false, SOCK_DGRAM);
	tx = lan_socket(&lan, CLIENT, false, SOCK_DGRAM);
	assert_int_equal(ns_bind(lan.host[SERVER].st, rx, &any.sa, any.len), 0);
	before = lan.host[SERVER].tm.bytes;
	for (unsigned int i = 0; i < 20000; i++) {
		assert_int_equal(
			ns_sendto(lan.host[CLIENT].st, tx, buf, i % 1000, 0, &to.sa, to.len),
			i % 1000);
		if (i % 32 == 0)
			lan_run(&lan);
	}
	lan_run(&lan);
	assert_true(lan_drops(&lan, SERVER, DROP_RCVBUF_FULL) > 10000);
	assert_true(lan.host[SERVER].peak - before <= 4 * SOCK_BUF_DEFAULT);
	within_limits();
	connect_works();

	/* The oldest ones are there, and when they are read there is room again. */
	while (ns_recv(lan.host[SERVER].st, rx, buf, sizeof(buf), 0) == (ssize_t)(n % 1000))
		n++;
	assert_true(n > 10);
	assert_int_equal(ns_sendto(lan.host[CLIENT].st, tx, "again", 5, 0, &to.sa, to.len), 5);
	lan_run(&lan);
	assert_int_equal(ns_recv(lan.host[SERVER].st, rx, buf, sizeof(buf), 0), 5);
	lan_close(&lan, SERVER, rx);
	lan_close(&lan, CLIENT, tx);
	lan_done(&lan, 100 * LAN_S);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(syn_flood_with_cookies_on_overflow),
		cmocka_unit_test(syn_flood_without_cookies),
		cmocka_unit_test(small_segments_out_of_order),
		cmocka_unit_test(fragments_that_never_become_a_packet),
		cmocka_unit_test(a_network_is_scanned),
		cmocka_unit_test(datagrams_that_nobody_reads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
