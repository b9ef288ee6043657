/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Our stack's sockets as a struct end: a host on a device.
 */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/error.h"
#include "bench.h"
#include "host/host.h"
#include "netstack/socket.h"
#include "netstack/tcp/tcp.h"

struct our_end {
	struct end end;
	struct host *host;
	struct netstack *st;
	struct loop_watch ctl;
	int epfd;
};

static struct our_end *of(struct end *e)
{
	return (struct our_end *)(void *)e;
}

static int our_listen(struct end *e, uint16_t port)
{
	const struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons(port) };
	struct netstack *st = of(e)->st;
	const int on = 1;
	int fd = ns_socket(st, AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	int r = fd;

	if (r >= 0)
		r = ns_setsockopt(st, fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	if (r >= 0)
		r = ns_bind(st, fd, (const struct sockaddr *)&a, sizeof(a));
	if (r >= 0)
		r = ns_listen(st, fd, 1024);
	if (r < 0)
		die("listen", -r);
	return fd;
}

static int our_accept(struct end *e, int fd)
{
	return ns_accept4(of(e)->st, fd, NULL, NULL, SOCK_NONBLOCK);
}

static ssize_t our_read(struct end *e, int fd, void *buf, size_t len)
{
	return ns_read(of(e)->st, fd, buf, len);
}

static ssize_t our_write(struct end *e, int fd, const void *buf, size_t len)
{
	return ns_write(of(e)->st, fd, buf, len);
}

static void our_close(struct end *e, int fd)
{
	(void)ns_close(of(e)->st, fd); /* it is open */
}

static void our_watch(struct end *e, int fd, uint32_t events)
{
	struct epoll_event ev = { .events = events, .data.fd = fd };
	int r = ns_epoll_ctl(of(e)->st, of(e)->epfd, EPOLL_CTL_ADD, fd, &ev);

	if (r < 0)
		die("epoll_ctl", -r);
}

static int our_wait(struct end *e, struct epoll_event *ev, int n)
{
	struct our_end *u = of(e);

	while (!e->stop) {
		int r = ns_epoll_wait(u->st, u->epfd, ev, n, 0);

		if (r < 0)
			die("epoll_wait", -r);
		if (r > 0)
			return r;
		r = host_turn(u->host, LOOP_FOREVER);
		if (r < 0)
			die("turn", -r);
	}
	return 0;
}

static void on_ctl(struct loop_watch *w, uint32_t events)
{
	struct our_end *u = w->arg;

	(void)events; /* whatever it is, it is the end */
	u->end.stop = true;
}

static void tell(struct our_end *u)
{
	struct service_stats s;
	struct nic_stats n;
	const struct tcp_stats *t = netstack_tcp_stats(u->st);

	host_service_stats(u->host, &s);
	nic_stats(host_nic(u->host), &n);
	(void)snprintf(
		u->end.info, sizeof(u->end.info),
		"\"turns\":%llu,\"sleeps\":%llu,\"spins\":%llu,\"rx\":%llu,\"rx_bytes\":%llu,"
		"\"tx\":%llu,\"tx_bytes\":%llu,\"busy\":%llu,\"errors\":%llu,\"bad\":%llu,"
		"\"missed\":%llu,\"retrans\":%llu",
		(unsigned long long)s.turns, (unsigned long long)s.sleeps,
		(unsigned long long)s.spins, (unsigned long long)n.rx_packets,
		(unsigned long long)n.rx_bytes, (unsigned long long)n.tx_packets,
		(unsigned long long)n.tx_bytes, (unsigned long long)n.tx_busy,
		(unsigned long long)n.tx_errors, (unsigned long long)n.rx_bad,
		(unsigned long long)n.rx_missed, (unsigned long long)t->retrans_segs);
}

static void our_free(struct end *e)
{
	struct our_end *u = of(e);

	loop_watch_del(host_loop(u->host), &u->ctl);
	host_free(u->host);
	free(u);
}

/* The end of the measurement: counters, before all is freed. */
static int our_wait_and_tell(struct end *e, struct epoll_event *ev, int n)
{
	int r = our_wait(e, ev, n);

	if (e->stop)
		tell(of(e));
	return r;
}

/* No spurious difference: reno on both sides, as the kernel's sockets have it. */
static void use_reno(void *arg, struct netstack_conf *conf)
{
	(void)arg;
	(void)snprintf(conf->tcp.cc, sizeof(conf->tcp.cc), "reno");
}

struct end *our_end_new(const struct options *o, int ctl)
{
	static const struct end calls = {
		.listen = our_listen,
		.accept = our_accept,
		.read = our_read,
		.write = our_write,
		.close = our_close,
		.watch = our_watch,
		.wait = our_wait_and_tell,
		.free = our_free,
	};
	struct host_conf conf = {
		.nic = o->nic,
		.follow = o->addr ? "" : NULL,
		.addr = { o->addr },
		.engine = o->epoll ? LOOP_EPOLL : LOOP_AUTO,
		.service = { .spin_us = o->spin_us, .no_gro = o->no_gro },
		.tune = use_reno,
	};
	struct our_end *u = calloc(1, sizeof(*u));
	struct nerr err = NERR_INIT;
	int r;

	if (!u)
		die("memory", ENOMEM);
	u->end = calls;
	r = host_new(&u->host, &conf, &err);
	if (r < 0)
		die(err.msg, -r);
	u->st = host_stack(u->host);
	u->epfd = ns_epoll_create(u->st);
	if (u->epfd < 0)
		die("epoll", -u->epfd);
	u->ctl = (struct loop_watch){ .fd = ctl, .events = POLLIN, .ready = on_ctl, .arg = u };
	r = loop_watch_add(host_loop(u->host), &u->ctl);
	if (r < 0)
		die("watch", -r);
	return &u->end;
}
