/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * ours.c - two instances and a link that hands packets over
 */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "bench.h"
#include "netstack/netstack.h"
#include "netstack/socket.h"

#define BURST 64
#define RING  4096 /* packets under way, a power of two */

/* A direction of the link. */
struct wire {
	struct pbuf *ring[RING];
	unsigned int head;
	unsigned int tail;
};

/* Memory of a side. */
struct counted {
	uint64_t bytes;
};

struct ours {
	struct stack stack;
	struct netstack *st[2];
	uint32_t ifindex[2];
	int epfd[2];
	struct wire wire[2]; /* towards that side */
	struct counted mem[2];
	bool cut; /* nothing reaches the client */
};

static struct ours *ours_of(struct stack *s)
{
	return (struct ours *)(void *)s;
}

static uint64_t clock_ns(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000U + (uint64_t)ts.tv_nsec;
}

static void *counted_alloc(void *arg, size_t size)
{
	struct counted *c = arg;
	void *p = malloc(size);

	if (p)
		c->bytes += size;
	return p;
}

static void counted_free(void *arg, void *p, size_t size)
{
	struct counted *c = arg;

	if (p)
		c->bytes -= size;
	free(p);
}

/* --- the link --- */

static unsigned int wire_tx(void *arg, struct pbuf *const *burst, unsigned int n)
{
	struct wire *w = arg;
	unsigned int i;

	for (i = 0; i < n && w->tail - w->head < RING; i++)
		w->ring[w->tail++ % RING] = burst[i];
	return i;
}

/* Return: whether there was anything */
static bool carry(struct ours *o, unsigned int to, uint64_t now)
{
	struct wire *w = &o->wire[to];
	struct pbuf *burst[BURST];
	unsigned int n = 0;

	while (n < BURST && w->head != w->tail)
		burst[n++] = w->ring[w->head++ % RING];
	if (to == CLIENT && o->cut)
		while (n)
			pbuf_free(burst[--n]);
	if (n)
		netstack_input(o->st[to], o->ifindex[to], burst, n, now);
	return n;
}

static void ours_turn(struct stack *s)
{
	struct ours *o = ours_of(s);
	const uint64_t now = clock_ns();
	bool moved;

	do {
		moved = false;
		for (unsigned int side = 0; side < 2; side++) {
			if (netstack_deadline(o->st[side]) <= now)
				netstack_advance(o->st[side], now);
			moved = carry(o, !side, now) || moved;
		}
	} while (moved);
}

/* --- calls --- */

static int prepare(struct ours *o, unsigned int side, int fd)
{
	const int on = 1;

	if (fd >= 0)
		(void)ns_setsockopt(o->st[side], fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	return fd;
}

static struct sockaddr_in address(unsigned int number, uint16_t port)
{
	return (struct sockaddr_in){
		.sin_family = AF_INET,
		.sin_port = htons(port),
		.sin_addr.s_addr = htonl(number ? IP4_ADDR(10, 0, 0, 100 + number) : 0),
	};
}

static int ours_listen(struct stack *s, uint16_t port, int backlog)
{
	struct ours *o = ours_of(s);
	const struct sockaddr_in a = address(0, port);
	int fd = ns_socket(o->st[SERVER], AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	int r = fd;

	if (r >= 0)
		r = ns_bind(o->st[SERVER], fd, (const struct sockaddr *)&a, sizeof(a));
	if (r >= 0)
		r = ns_listen(o->st[SERVER], fd, backlog);
	return r < 0 ? r : fd;
}

static int ours_connect(struct stack *s, unsigned int to, uint16_t port)
{
	struct ours *o = ours_of(s);
	const struct sockaddr_in a = address(to, port);
	int fd = prepare(o, CLIENT,
			 ns_socket(o->st[CLIENT], AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0));
	int r = fd;

	if (r >= 0)
		r = ns_connect(o->st[CLIENT], fd, (const struct sockaddr *)&a, sizeof(a));
	return r < 0 && r != -EINPROGRESS ? r : fd;
}

static int ours_accept(struct stack *s, int fd)
{
	struct ours *o = ours_of(s);

	return prepare(o, SERVER, ns_accept4(o->st[SERVER], fd, NULL, NULL, SOCK_NONBLOCK));
}

static ssize_t ours_send(struct stack *s, unsigned int side, int fd, const void *buf, size_t len)
{
	return ns_send(ours_of(s)->st[side], fd, buf, len, 0);
}

static ssize_t ours_recv(struct stack *s, unsigned int side, int fd, void *buf, size_t len)
{
	return ns_recv(ours_of(s)->st[side], fd, buf, len, 0);
}

static int ours_close(struct stack *s, unsigned int side, int fd)
{
	return ns_close(ours_of(s)->st[side], fd);
}

static int ours_watch(struct stack *s, unsigned int side, int fd, uint32_t events, uint64_t data)
{
	struct ours *o = ours_of(s);
	struct epoll_event ev = { .events = events, .data.u64 = data };

	return ns_epoll_ctl(o->st[side], o->epfd[side], EPOLL_CTL_ADD, fd, &ev);
}

static int ours_wait(struct stack *s, unsigned int side, struct epoll_event *ev, int n)
{
	struct ours *o = ours_of(s);

	return ns_epoll_wait(o->st[side], o->epfd[side], ev, n, 0);
}

static void ours_free(struct stack *s)
{
	struct ours *o = ours_of(s);

	for (unsigned int side = 0; side < 2; side++)
		while (o->wire[side].head != o->wire[side].tail)
			pbuf_free(o->wire[side].ring[o->wire[side].head++ % RING]);
	netstack_free(o->st[CLIENT]);
	netstack_free(o->st[SERVER]);
	free(o);
}

/* --- setting up --- */

static void add_address(struct ours *o, unsigned int side, uint32_t addr)
{
	const struct net_addr_conf a = { .ifindex = o->ifindex[side],
					 .addr = ip6_addr_of_ip4(addr),
					 .prefix_len = 24,
					 .no_dad = true };
	int r = netstack_addr_add(o->st[side], &a);

	if (r < 0)
		die("netstack_addr_add", r);
}

static void set_up(struct ours *o, unsigned int side, bool gso)
{
	struct netstack_conf conf;
	struct iface_conf ic = {
		.name = "eth0",
		.kind = IFACE_ETHERNET,
		.mac = { { 2, 0, 0, 0, 0, (uint8_t)(side + 1) } },
		.mtu = 1500,
		.features = IFACE_TX_CSUM | (gso ? IFACE_TSO4 : 0),
		.tx = wire_tx,
		.arg = &o->wire[!side],
	};
	int r;

	netstack_conf_default(&conf);
	conf.mem = (struct pbuf_mem){ counted_alloc, counted_free, &o->mem[side] };
	conf.pool_bytes_max = UINT64_C(4) << 30;
	conf.sockets_max = 4U << 20;
	conf.ip.port_min = 1024;
	conf.ip.port_max = 65535;
	conf.tcp.somaxconn = conf.tcp.syn_backlog_max = 1U << 20;
	conf.tcp.time_wait_max = 4U << 20;
	(void)snprintf(conf.tcp.cc, sizeof(conf.tcp.cc), "reno");
	r = netstack_new(&o->st[side], &conf, clock_ns());
	if (r < 0)
		die("netstack_new", r);
	r = netstack_link_add(o->st[side], &ic);
	if (r < 0)
		die("netstack_link_add", r);
	o->ifindex[side] = (uint32_t)r;
	r = netstack_link_set_up(o->st[side], o->ifindex[side], true);
	if (r < 0)
		die("netstack_link_set_up", r);
	add_address(o, side, IP4_ADDR(10, 0, 0, side + 1));
	for (unsigned int i = 1; side == SERVER && i <= ADDRESSES; i++)
		add_address(o, side, IP4_ADDR(10, 0, 0, 100 + i));
	o->epfd[side] = ns_epoll_create(o->st[side]);
}

struct stack *ours_new(bool gso)
{
	struct ours *o = calloc(1, sizeof(*o));

	if (!o)
		die("calloc", 0);
	o->stack = (struct stack){ .name = "netstack",
				   .listen = ours_listen,
				   .connect = ours_connect,
				   .accept = ours_accept,
				   .send = ours_send,
				   .recv = ours_recv,
				   .close = ours_close,
				   .watch = ours_watch,
				   .wait = ours_wait,
				   .turn = ours_turn,
				   .free = ours_free };
	set_up(o, CLIENT, gso);
	set_up(o, SERVER, gso);
	return &o->stack;
}

uint64_t ours_bytes(const struct stack *s, unsigned int side)
{
	return ((const struct ours *)(const void *)s)->mem[side].bytes;
}

void ours_cut(struct stack *s)
{
	ours_of(s)->cut = true;
}
