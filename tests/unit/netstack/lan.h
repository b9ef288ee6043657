/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * lan.h - some instances on a perfect switch, on virtual time, for tests of whole stacks
 *
 * Frames take no time and none is lost.  The network is 10.1.0.0/16 and fd00:0:0:1::/64, host
 * i is 10.1.0.(i + 1) and ...::(i + 1); all else is behind a gateway that swallows what it gets.
 * A test may put frames of its own on the wire to one host, and looks at what is sent to
 * nobody's address.
 */
#ifndef TESTS_UNIT_NETSTACK_LAN_H
#define TESTS_UNIT_NETSTACK_LAN_H

#include <errno.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>

#include <cmocka.h>

#include "netstack/netstack.h"
#include "netstack/netstack_priv.h"
#include "netstack/socket.h"
#include "tests/unit/test_mem.h"
#include "wire/ethernet.h"

#define LAN         __attribute__((unused)) static
#define LAN_HOSTS   3
#define LAN_MS      UINT64_C(1000000)
#define LAN_S       UINT64_C(1000000000)
#define LAN_GATEWAY IP4_ADDR(10, 1, 255, 254)
#define LAN_TURNS   100000 /* without the clock moving: more is a livelock */

struct lan_frame {
	struct lan_frame *next;
	unsigned int from;
	uint32_t len;
	uint8_t data[];
};

struct lan_host {
	struct lan *lan;
	unsigned int i;
	struct test_mem tm;
	struct netstack *st;
	uint32_t ifindex;
	uint64_t peak; /* of its memory */
};

struct lan {
	uint64_t now;
	struct lan_host host[LAN_HOSTS];
	unsigned int n;
	struct lan_frame *first;
	struct lan_frame **last;
	uint64_t swallowed;
	uint64_t no_buffer;
	/* sees what no host gets */
	void (*tap)(void *arg, const uint8_t *frame, uint32_t len);
	void *tap_arg;
};

LAN struct eth_addr lan_mac(unsigned int i)
{
	return (struct eth_addr){ { 2, 0, 0, 1, 0, (uint8_t)(i + 1) } };
}

LAN struct ip6_addr lan_ip4(unsigned int i)
{
	return ip6_addr_of_ip4(IP4_ADDR(10, 1, 0, 1) + i);
}

LAN struct ip6_addr lan_ip6(unsigned int i)
{
	return (struct ip6_addr){ UINT64_C(0xfd00000000000001), i + 1 };
}

/* --- frames --- */

LAN unsigned int lan_tx(void *arg, struct pbuf *const *burst, unsigned int n)
{
	struct lan_host *h = arg;

	for (unsigned int i = 0; i < n; i++) {
		struct lan_frame *f = malloc(sizeof(*f) + burst[i]->len);

		assert_non_null(f);
		*f = (struct lan_frame){ .from = h->i, .len = burst[i]->len };
		pbuf_copy_out(burst[i], 0, f->data, f->len);
		pbuf_free(burst[i]);
		*h->lan->last = f;
		h->lan->last = &f->next;
	}
	return n;
}

LAN void lan_note_peak(struct lan_host *h)
{
	if (h->tm.bytes > h->peak)
		h->peak = h->tm.bytes;
}

/* A frame from the wire to this host. */
LAN void lan_inject(struct lan *l, unsigned int to, const uint8_t *frame, uint32_t len)
{
	struct lan_host *h = &l->host[to];
	struct pbuf *pb = pbuf_alloc_rx(netstack_pool(h->st), 64, len);
	uint8_t *p = pb ? pbuf_put(pb, len) : NULL;

	if (!p) {
		pbuf_free(pb);
		l->no_buffer++;
		return;
	}
	memcpy(p, frame, len);
	netstack_input(h->st, h->ifindex, &pb, 1, l->now);
	lan_note_peak(h);
}

LAN void lan_switch(struct lan *l, const struct lan_frame *f)
{
	const struct eth_addr dst = eth_addr_get(f->data);
	bool taken = false;

	for (unsigned int i = 0; i < l->n; i++) {
		if (i == f->from)
			continue;
		if (!eth_addr_is_multicast(dst) && !eth_addr_eq(dst, lan_mac(i)))
			continue;
		lan_inject(l, i, f->data, f->len);
		taken = true;
	}
	if (taken)
		return;
	l->swallowed++;
	if (l->tap)
		l->tap(l->tap_arg, f->data, f->len);
}

/* --- time --- */

/* All that happens now. */
LAN void lan_run(struct lan *l)
{
	bool busy = true;

	for (unsigned int turn = 0; busy; turn++) {
		assert_true(turn < LAN_TURNS);
		busy = false;
		for (unsigned int i = 0; i < l->n; i++) {
			if (netstack_deadline(l->host[i].st) > l->now)
				continue;
			netstack_advance(l->host[i].st, l->now);
			lan_note_peak(&l->host[i]);
			busy = true;
		}
		while (l->first) {
			struct lan_frame *f = l->first;

			l->first = f->next;
			if (!l->first)
				l->last = &l->first;
			lan_switch(l, f);
			free(f);
			busy = true;
		}
	}
}

LAN uint64_t lan_deadline(const struct lan *l)
{
	uint64_t at = TIMER_NEVER;

	for (unsigned int i = 0; i < l->n; i++)
		if (netstack_deadline(l->host[i].st) < at)
			at = netstack_deadline(l->host[i].st);
	return at;
}

LAN void lan_pass(struct lan *l, uint64_t ns)
{
	const uint64_t end = l->now + ns;

	lan_run(l);
	while (lan_deadline(l) <= end) {
		l->now = lan_deadline(l);
		lan_run(l);
	}
	l->now = end;
	/* Calls to sockets go by the time that an instance was told last. */
	for (unsigned int i = 0; i < l->n; i++)
		netstack_set_now(l->host[i].st, end);
	lan_run(l);
}

/* --- life --- */

LAN void lan_add_addr(struct lan_host *h, struct ip6_addr addr, uint8_t len)
{
	const struct net_addr_conf conf = {
		.ifindex = h->ifindex,
		.addr = addr,
		.prefix_len = len,
		.no_dad = true,
	};

	assert_int_equal(netstack_addr_add(h->st, &conf), 0);
}

LAN void lan_host_init(struct lan *l, unsigned int i, const struct netstack_conf *conf)
{
	struct lan_host *h = &l->host[i];
	struct netstack_conf c = *conf;
	struct route_conf route = { .has_gateway = true, .is_ip4 = true };
	int r;

	*h = (struct lan_host){ .lan = l, .i = i };
	h->tm = TEST_MEM_INIT(&h->tm);
	c.mem = h->tm.mem;
	memset(c.seed, (int)i + 1, sizeof(c.seed));
	assert_int_equal(netstack_new(&h->st, &c, l->now), 0);
	r = netstack_link_add(h->st, &(struct iface_conf){
					     .name = "eth0",
					     .kind = IFACE_ETHERNET,
					     .mac = lan_mac(i),
					     .mtu = 1500,
					     .tx = lan_tx,
					     .arg = h,
				     });
	assert_true(r > IFACE_LO);
	h->ifindex = (uint32_t)r;
	assert_int_equal(netstack_link_set_up(h->st, h->ifindex, true), 0);
	lan_add_addr(h, lan_ip4(i), 16);
	lan_add_addr(h, lan_ip6(i), 64);
	route.ifindex = h->ifindex;
	route.dst = ip6_addr_of_ip4(0);
	route.gateway = ip6_addr_of_ip4(LAN_GATEWAY);
	assert_int_equal(netstack_route_add(h->st, &route), 0);
	assert_int_equal(netstack_neigh_add(h->st, h->ifindex, route.gateway, lan_mac(0xfd)), 0);
}

/* @n hosts of one configuration, NULL for the default. */
LAN void lan_init(struct lan *l, unsigned int n, const struct netstack_conf *conf)
{
	struct netstack_conf def;

	assert_true(n <= LAN_HOSTS);
	netstack_conf_default(&def);
	*l = (struct lan){ .now = LAN_S, .n = n };
	l->last = &l->first;
	for (unsigned int i = 0; i < n; i++)
		lan_host_init(l, i, conf ? conf : &def);
	lan_pass(l, 5 * LAN_S); /* announcements and reports are over */
}

/* Nothing is held any more but tables; @wait_ns for what ends by itself.  Neighbours are
 * forgotten some time later.
 */
LAN void lan_done(struct lan *l, uint64_t wait_ns)
{
	lan_pass(l, wait_ns);
	for (unsigned int i = 0; i < l->n; i++) {
		struct netstack_memory m;

		netstack_memory(l->host[i].st, &m);
		assert_int_equal(m.packets, 0);
		assert_int_equal(m.packet_bytes, 0);
		assert_int_equal(m.sockets, 0);
		assert_int_equal(m.conns, 0);
		assert_int_equal(m.syn_rcvd, 0);
		assert_int_equal(m.time_wait, 0);
		assert_int_equal(m.reassembly_bytes, 0);
	}
	lan_pass(l, 300 * LAN_S);
	for (unsigned int i = 0; i < l->n; i++) {
		assert_true(netstack_deadline(l->host[i].st) == TIMER_NEVER);
		netstack_free(l->host[i].st);
		test_mem_done(&l->host[i].tm);
	}
}

/* --- sockets --- */

struct lan_addr {
	union {
		struct sockaddr sa;
		struct sockaddr_in in4;
		struct sockaddr_in6 in6;
	};
	socklen_t len;
};

/* An address of either family, unspecified for both from IP6_UNSPECIFIED. */
LAN struct lan_addr lan_addr(bool ip6, struct ip6_addr addr, uint16_t port)
{
	struct lan_addr a;

	memset(&a, 0, sizeof(a));
	if (ip6) {
		a.len = sizeof(a.in6);
		a.in6.sin6_family = AF_INET6;
		a.in6.sin6_port = htons(port);
		ip6_addr_put(a.in6.sin6_addr.s6_addr, addr);
	} else {
		a.len = sizeof(a.in4);
		a.in4.sin_family = AF_INET;
		a.in4.sin_port = htons(port);
		a.in4.sin_addr.s_addr = htonl((uint32_t)addr.lo);
	}
	return a;
}

LAN int lan_socket(struct lan *l, unsigned int host, bool ip6, int type)
{
	const int fd =
		ns_socket(l->host[host].st, ip6 ? AF_INET6 : AF_INET, type | SOCK_NONBLOCK, 0);

	assert_true(fd >= 0);
	return fd;
}

LAN int lan_listen(struct lan *l, unsigned int host, bool ip6, uint16_t port, int backlog)
{
	const struct lan_addr a = lan_addr(ip6, IP6_UNSPECIFIED, port);
	const int fd = lan_socket(l, host, ip6, SOCK_STREAM);
	const int on = 1;

	assert_int_equal(
		ns_setsockopt(l->host[host].st, fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)), 0);
	assert_int_equal(ns_bind(l->host[host].st, fd, &a.sa, a.len), 0);
	assert_int_equal(ns_listen(l->host[host].st, fd, backlog), 0);
	return fd;
}

/* From one host to another; under way. */
LAN int lan_connect(struct lan *l, unsigned int from, unsigned int to, bool ip6, uint16_t port)
{
	const struct lan_addr a = lan_addr(ip6, ip6 ? lan_ip6(to) : lan_ip4(to), port);
	const int fd = lan_socket(l, from, ip6, SOCK_STREAM);

	assert_int_equal(ns_connect(l->host[from].st, fd, &a.sa, a.len), -EINPROGRESS);
	return fd;
}

LAN int lan_accept(struct lan *l, unsigned int host, int listener)
{
	return ns_accept4(l->host[host].st, listener, NULL, NULL, SOCK_NONBLOCK);
}

LAN short lan_poll(struct lan *l, unsigned int host, int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN | POLLOUT | POLLRDHUP | POLLPRI };

	assert_true(ns_poll(l->host[host].st, &p, 1, 0) >= 0);
	return p.revents;
}

LAN void lan_close(struct lan *l, unsigned int host, int fd)
{
	assert_int_equal(ns_close(l->host[host].st, fd), 0);
}

LAN uint64_t lan_drops(const struct lan *l, unsigned int host, enum drop_reason why)
{
	return netstack_drops(l->host[host].st)[why];
}

#endif /* TESTS_UNIT_NETSTACK_LAN_H */
