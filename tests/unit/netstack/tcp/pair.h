/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * pair.h - two instances and a bad line between them, on virtual time
 *
 * Packets are copied from one to the other with a delay; a test may lose, duplicate, delay or
 * change them.  Bytes of a stream follow from their offsets, so each one is checked.
 */
#ifndef TESTS_UNIT_NETSTACK_TCP_PAIR_H
#define TESTS_UNIT_NETSTACK_TCP_PAIR_H

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <linux/tcp.h>

#include "netstack/netstack.h"
#include "netstack/socket.h"
#include "netstack/tcp/tcp.h"
#include "tests/unit/test_mem.h"
#include "wire/ipv4.h"
#include "wire/tcp.h"
#include "wire/tcp_options.h"

#define PAIR_PORT   4242
#define PAIR_CHUNK  65536
#define PAIR_UNUSED __attribute__((unused))
#define PAIR_MS     UINT64_C(1000000)

struct pair;

/* A packet under way. */
struct pair_pkt {
	struct pair_pkt *next;
	uint64_t at;
	unsigned int to;
	uint8_t gso;
	uint8_t csum;
	uint16_t gso_size;
	uint16_t csum_offset;
	uint32_t len;
	uint8_t data[];
};

/* Of the next packet, before it goes on its way; its TCP header and payload length. */
enum pair_fate {
	PAIR_PASS,
	PAIR_LOSE,
	PAIR_DUP,
	PAIR_LATE
};

struct pair_seg {
	unsigned int from;
	uint32_t n; /* so many went before it that way */
	struct tcp_repr h;
	struct tcp_options_repr opt;
	uint32_t len; /* payload */
	uint32_t ip_len;
};

/**
 * struct pair - Two hosts, 0 (10.0.0.1) and 1 (10.0.0.2)
 * @delay_ns, @jitter_ns: Of the line
 * @rate:	Bytes per second, 0 for no limit; with a queue of @queue_ns
 * @loss, @dup: Of 10000 packets
 * @late_ns:	More delay of those that are PAIR_LATE
 * @fate:	Asked about each packet, NULL for nobody
 */
struct pair {
	struct test_mem tm[2];
	struct netstack *st[2];
	uint64_t now;
	struct pair_pkt *line;
	uint64_t busy_until[2];
	uint32_t sent[2];
	uint64_t delay_ns;
	uint64_t jitter_ns;
	uint64_t rate;
	uint64_t queue_ns;
	uint32_t loss;
	uint32_t dup;
	uint64_t late_ns;
	enum pair_fate (*fate)(struct pair *p, const struct pair_seg *s);
	struct dice d;
	struct pair_end {
		struct pair *p;
		unsigned int n;
		uint32_t ifindex;
	} end[2];
	int fd[2];
	/* a transfer from 0 to 1 */
	uint64_t want;
	uint64_t written;
	uint64_t got;
	int user; /* of the test's functions */
};

/* --- the line --- */

static PAIR_UNUSED void pair_queue(struct pair *p, struct pair_pkt *k)
{
	struct pair_pkt **at = &p->line;

	while (*at && (*at)->at <= k->at)
		at = &(*at)->next;
	k->next = *at;
	*at = k;
}

static PAIR_UNUSED void pair_put(struct pair *p, unsigned int from, const struct pbuf *pb,
				 uint64_t more_ns)
{
	struct pair_pkt *k = malloc(sizeof(*k) + pb->len);
	uint64_t start = p->now;

	assert_non_null(k);
	*k = (struct pair_pkt){
		.to = !from,
		.gso = pb->gso,
		.csum = pb->csum,
		.gso_size = pb->gso_size,
		.csum_offset = pb->csum_offset,
		.len = pb->len,
	};
	pbuf_copy_out(pb, 0, k->data, pb->len);
	if (p->rate) {
		if (p->busy_until[from] > start)
			start = p->busy_until[from];
		if (start - p->now > p->queue_ns) {
			free(k);
			return;
		}
		start += pb->len * UINT64_C(1000000000) / p->rate;
		p->busy_until[from] = start;
	}
	k->at = start + p->delay_ns + more_ns;
	if (p->jitter_ns)
		k->at += (uint64_t)dice_roll(&p->d) * p->jitter_ns >> 32;
	pair_queue(p, k);
}

static PAIR_UNUSED struct pair_seg pair_parse(const struct pair *p, unsigned int from,
					      const struct pbuf *pb)
{
	struct pair_seg s = { .from = from, .n = p->sent[from], .ip_len = pb->len };
	uint8_t hdr[IPV4_HDR_LEN + TCP_HDR_LEN_MAX] = { 0 };
	const uint32_t len = pb->len < sizeof(hdr) ? pb->len : sizeof(hdr);
	int n;

	pbuf_copy_out(pb, 0, hdr, len);
	n = tcp_parse(hdr + IPV4_HDR_LEN, len - IPV4_HDR_LEN, &s.h);
	assert_true(n > 0);
	(void)tcp_options_parse(hdr + IPV4_HDR_LEN + TCP_HDR_LEN, s.h.opts_len, &s.opt);
	s.len = pb->len - IPV4_HDR_LEN - (uint32_t)n;
	return s;
}

static PAIR_UNUSED void pair_take(struct pair *p, unsigned int from, const struct pbuf *pb)
{
	const struct pair_seg s = pair_parse(p, from, pb);
	enum pair_fate fate = p->fate ? p->fate(p, &s) : PAIR_PASS;

	p->sent[from]++;
	if (p->loss && dice_below(&p->d, 10000) < p->loss)
		return;
	if (fate == PAIR_LOSE)
		return;
	pair_put(p, from, pb, fate == PAIR_LATE ? p->late_ns : 0);
	if (fate == PAIR_DUP || (p->dup && dice_below(&p->d, 10000) < p->dup))
		pair_put(p, from, pb, p->late_ns);
}

static PAIR_UNUSED unsigned int pair_tx(void *arg, struct pbuf *const *burst, unsigned int n)
{
	const struct pair_end *e = arg;

	for (unsigned int i = 0; i < n; i++) {
		pair_take(e->p, e->n, burst[i]);
		pbuf_free(burst[i]);
	}
	return n;
}

static PAIR_UNUSED void pair_deliver(struct pair *p)
{
	struct pair_pkt *k = p->line;
	struct pbuf *pb = pbuf_alloc_rx(netstack_pool(p->st[k->to]), 32, k->len);
	uint8_t *at;

	p->line = k->next;
	if (pb) {
		at = pbuf_put(pb, k->len);
		assert_non_null(at);
		memcpy(at, k->data, k->len);
		pb->gso = k->gso;
		pb->gso_size = k->gso_size;
		if (k->csum == PBUF_CSUM_PARTIAL) {
			pb->csum = PBUF_CSUM_PARTIAL;
			pb->csum_offset = k->csum_offset;
			pb->l4 = (uint16_t)(pbuf_headroom(pb) + IPV4_HDR_LEN);
		}
		netstack_input(p->st[k->to], p->end[k->to].ifindex, &pb, 1, p->now);
	}
	free(k);
}

/* --- life --- */

static PAIR_UNUSED void pair_host(struct pair *p, unsigned int n, uint32_t features,
				  const struct tcp_params *params)
{
	const struct ip6_addr addr = ip6_addr_of_ip4(IP4_ADDR(10, 0, 0, 1 + n));
	struct netstack_conf conf;
	int ifindex;

	p->tm[n] = TEST_MEM_INIT(&p->tm[n]);
	netstack_conf_default(&conf);
	conf.mem = p->tm[n].mem;
	conf.seed[0] = (uint8_t)(n + 1);
	conf.ip.arp_announce = false;
	if (params)
		conf.tcp = *params;
	assert_int_equal(netstack_new(&p->st[n], &conf, p->now), 0);
	p->end[n] = (struct pair_end){ .p = p, .n = n };
	ifindex = netstack_link_add(p->st[n], &(struct iface_conf){
						      .name = "tun0",
						      .kind = IFACE_IP,
						      .mtu = 1500,
						      .features = features,
						      .tx = pair_tx,
						      .arg = &p->end[n],
					      });
	assert_true(ifindex > 0);
	p->end[n].ifindex = (uint32_t)ifindex;
	assert_int_equal(netstack_link_set_up(p->st[n], p->end[n].ifindex, true), 0);
	assert_int_equal(netstack_addr_add(p->st[n],
					   &(struct net_addr_conf){
						   .ifindex = p->end[n].ifindex,
						   .addr = addr,
						   .prefix_len = 24,
						   .no_dad = true,
					   }),
			 0);
	netstack_advance(p->st[n], p->now);
}

/* 10 ms of round trip, nothing goes wrong. */
static PAIR_UNUSED void pair_init(struct pair *p, uint32_t features,
				  const struct tcp_params *params)
{
	*p = (struct pair){ .now = 1000 * PAIR_MS, .delay_ns = 5 * PAIR_MS, .d.state = 1 };
	pair_host(p, 0, features, params);
	pair_host(p, 1, features, params);
}

static PAIR_UNUSED void pair_done(struct pair *p)
{
	while (p->line) {
		struct pair_pkt *k = p->line;

		p->line = k->next;
		free(k);
	}
	for (unsigned int i = 0; i < 2; i++) {
		netstack_free(p->st[i]);
		test_mem_done(&p->tm[i]);
	}
}

/* --- time --- */

static PAIR_UNUSED uint64_t pair_next(const struct pair *p)
{
	uint64_t at = p->line ? p->line->at : TIMER_NEVER;

	for (unsigned int i = 0; i < 2; i++)
		if (netstack_deadline(p->st[i]) < at)
			at = netstack_deadline(p->st[i]);
	return at;
}

/* The next thing that happens.  False when nothing will before @until. */
static PAIR_UNUSED bool pair_step(struct pair *p, uint64_t until)
{
	const uint64_t at = pair_next(p);

	if (at > until || at == TIMER_NEVER) {
		p->now = until != TIMER_NEVER && until > p->now ? until : p->now;
		return false;
	}
	if (at > p->now)
		p->now = at;
	if (p->line && p->line->at <= p->now)
		pair_deliver(p);
	for (unsigned int i = 0; i < 2; i++)
		if (netstack_deadline(p->st[i]) <= p->now)
			netstack_advance(p->st[i], p->now);
	return true;
}

static PAIR_UNUSED void pair_run(struct pair *p, uint64_t ms)
{
	const uint64_t until = p->now + ms * PAIR_MS;

	while (pair_step(p, until))
		;
}

/* --- a connection --- */

static PAIR_UNUSED struct sockaddr_in pair_sin(unsigned int n)
{
	return (struct sockaddr_in){
		.sin_family = AF_INET,
		.sin_port = htons(PAIR_PORT),
		.sin_addr.s_addr = htonl(IP4_ADDR(10, 0, 0, 1 + n)),
	};
}

static PAIR_UNUSED int pair_socket(struct pair *p, unsigned int n)
{
	const int fd = ns_socket(p->st[n], AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);

	assert_true(fd >= 0);
	return fd;
}

/* From 0 to 1; fd[] are both ends. */
static PAIR_UNUSED void pair_connect(struct pair *p)
{
	const struct sockaddr_in sin = pair_sin(1);
	const int listener = pair_socket(p, 1);

	assert_int_equal(ns_bind(p->st[1], listener, (const void *)&sin, sizeof(sin)), 0);
	assert_int_equal(ns_listen(p->st[1], listener, 5), 0);
	p->fd[0] = pair_socket(p, 0);
	assert_int_equal(ns_connect(p->st[0], p->fd[0], (const void *)&sin, sizeof(sin)),
			 -EINPROGRESS);
	p->fd[1] = -EAGAIN;
	while (p->fd[1] == -EAGAIN) {
		assert_true(pair_step(p, p->now + 100000 * PAIR_MS));
		p->fd[1] = ns_accept4(p->st[1], listener, NULL, NULL, SOCK_NONBLOCK);
	}
	assert_true(p->fd[1] >= 0);
	assert_int_equal(ns_close(p->st[1], listener), 0);
	netstack_advance(p->st[1], p->now);
}

static PAIR_UNUSED uint8_t pair_byte(uint64_t off)
{
	return (uint8_t)(off * 167 + (off >> 9) * 31 + (off >> 17));
}

/* As much as the socket takes, of @want bytes. */
static PAIR_UNUSED void pair_write(struct pair *p)
{
	static uint8_t buf[PAIR_CHUNK];
	static uint64_t begin = UINT64_MAX; /* of what is in buf */

	while (p->written < p->want) {
		uint64_t n = p->want - p->written;
		ssize_t r;

		if (p->written < begin || p->written >= begin + sizeof(buf)) {
			begin = p->written;
			for (uint64_t i = 0; i < sizeof(buf); i++)
				buf[i] = pair_byte(begin + i);
		}
		if (n > begin + sizeof(buf) - p->written)
			n = begin + sizeof(buf) - p->written;
		r = ns_send(p->st[0], p->fd[0], buf + (p->written - begin), n, 0);
		if (r == -EAGAIN || r == -ENOBUFS)
			break;
		assert_true(r > 0);
		p->written += (uint64_t)r;
	}
}

static PAIR_UNUSED void pair_read(struct pair *p)
{
	static uint8_t buf[PAIR_CHUNK];
	ssize_t r;

	while ((r = ns_recv(p->st[1], p->fd[1], buf, sizeof(buf), 0)) > 0) {
		for (ssize_t i = 0; i < r; i++)
			if (buf[i] != pair_byte(p->got + (uint64_t)i))
				fail_msg("byte %llu is wrong", (unsigned long long)p->got + i);
		p->got += (uint64_t)r;
	}
	assert_true(r == -EAGAIN || r == 0);
}

/* @bytes from 0 to 1, all of them acknowledged; at most @ms.  Return: how many it took */
static PAIR_UNUSED uint64_t pair_transfer(struct pair *p, uint64_t bytes, uint64_t ms)
{
	const uint64_t begin = p->now;
	int unacked = 1;

	p->want += bytes;
	while (p->got < p->want || unacked) {
		pair_write(p);
		netstack_advance(p->st[0], p->now);
		if (!pair_step(p, begin + ms * PAIR_MS))
			fail_msg("only %llu of %llu bytes in %llu ms", (unsigned long long)p->got,
				 (unsigned long long)p->want, (unsigned long long)ms);
		pair_read(p);
		netstack_advance(p->st[1], p->now);
		assert_int_equal(ns_ioctl(p->st[0], p->fd[0], TIOCOUTQ, &unacked), 0);
	}
	return (p->now - begin) / PAIR_MS;
}

static PAIR_UNUSED struct tcp_info pair_info(struct pair *p, unsigned int n)
{
	struct tcp_info i;
	socklen_t len = sizeof(i);

	memset(&i, 0, sizeof(i));
	assert_int_equal(ns_getsockopt(p->st[n], p->fd[n], IPPROTO_TCP, TCP_INFO, &i, &len), 0);
	assert_int_equal(len, sizeof(i));
	return i;
}

/* Both ends close; in the end nothing is left but TIME-WAIT. */
static PAIR_UNUSED void pair_close(struct pair *p)
{
	struct netstack_memory m;

	for (unsigned int i = 0; i < 2; i++) {
		assert_int_equal(ns_close(p->st[i], p->fd[i]), 0);
		pair_run(p, 1000);
	}
	pair_run(p, 600000);
	for (unsigned int i = 0; i < 2; i++) {
		netstack_memory(p->st[i], &m);
		assert_int_equal(m.packets, 0);
		assert_int_equal(m.packet_bytes, 0);
		assert_int_equal(m.sockets, 0);
		assert_int_equal(m.conns, 0);
		assert_int_equal(m.time_wait, 0);
	}
}

#endif /* TESTS_UNIT_NETSTACK_TCP_PAIR_H */
