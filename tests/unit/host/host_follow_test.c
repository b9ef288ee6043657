/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * An instance that follows v0, on a wire in memory to another one, and beside it the kernel's own
 * sockets on v0, whose peers are at v1 in another namespace: the same changes by ip(8), the
 * same answers.
 */
#include "host/host_follow.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>

#include "follow/follow.h"
#include "netstack/netstack_priv.h"
#include "netstack/socket.h"
#include "tests/unit/follow/changes.h"
#include "tests/unit/netns_fixture.h"

#define PORT    7000
#define FRAMES  256
#define NS      UINT64_C(1000000000)
#define PATIENT 800 /* ms of TCP_USER_TIMEOUT */

static char out[4096];

#define ip(...) run_ok(out, sizeof(out), "ip", __VA_ARGS__)

struct frame {
	uint8_t b[2048];
	uint32_t len;
	unsigned int to;
};

/**
 * struct scene - Two instances and two namespaces
 * @us, @peer:	Namespaces of v0 and v1; the thread is in @us
 * @st:		Instances: the one that follows v0, and its peer
 * @cut:	The wire in memory loses everything
 */
struct scene {
	int us;
	int peer;
	struct netstack *st[2];
	uint32_t ifindex[2];
	struct host_follow *hf;
	uint64_t now;
	bool cut;
	struct frame frame[FRAMES];
	unsigned int n_frames;
};

static struct scene scene;

/* --- the wire --- */

static unsigned int tx(void *arg, struct pbuf *const *burst, unsigned int n)
{
	struct scene *s = &scene;

	for (unsigned int i = 0; i < n; i++) {
		struct frame *f = &s->frame[s->n_frames];

		if (s->n_frames < FRAMES && burst[i]->len <= sizeof(f->b)) {
			f->len = burst[i]->len;
			f->to = arg == &s->st[0];
			pbuf_copy_out(burst[i], 0, f->b, f->len);
			s->n_frames++;
		}
		pbuf_free(burst[i]);
	}
	return n;
}

/* Everything that is due now. */
static void turn(struct scene *s)
{
	do {
		static struct frame f[FRAMES];
		const unsigned int n = s->n_frames;

		memcpy(f, s->frame, n * sizeof(f[0]));
		s->n_frames = 0;
		for (unsigned int i = 0; i < n && !s->cut; i++) {
			struct netstack *to = s->st[f[i].to];
			struct pbuf *pb = pbuf_alloc_rx(netstack_pool(to), 0, f[i].len);

			assert_non_null(pb);
			memcpy(pbuf_put(pb, f[i].len), f[i].b, f[i].len);
			netstack_input(to, s->ifindex[f[i].to], &pb, 1, s->now);
		}
		netstack_advance(s->st[0], s->now);
		netstack_advance(s->st[1], s->now);
	} while (s->n_frames || netstack_deadline(s->st[0]) <= s->now ||
		 netstack_deadline(s->st[1]) <= s->now);
}

static void pass(struct scene *s, uint64_t ms)
{
	const uint64_t until = s->now + ms * (NS / 1000);

	turn(s);
	while (s->now < until) {
		uint64_t at = until;

		for (unsigned int i = 0; i < 2; i++)
			if (netstack_deadline(s->st[i]) < at)
				at = netstack_deadline(s->st[i]);
		s->now = at;
		turn(s);
	}
}

/* --- life --- */

/* What has come. */
static void obey(struct scene *s)
{
	struct pollfd p = { .fd = host_follow_fd(s->hf), .events = POLLIN };
	struct nerr err;

	while (poll(&p, 1, 0) > 0)
		assert_ok(host_follow_read(s->hf, s->now, &err), err);
}

static void instance(struct scene *s, unsigned int n)
{
	const struct iface_conf link = {
		.name = "eth0",
		.kind = IFACE_ETHERNET,
		.mac = { { 2, 0, 0, 0, 0, (uint8_t)(n + 1) } },
		.mtu = 1500,
		.tx = tx,
		.arg = &s->st[n],
	};
	struct netstack_conf conf;
	int r;

	netstack_conf_default(&conf);
	conf.seed[0] = (uint8_t)n;
	assert_int_equal(netstack_new(&s->st[n], &conf, s->now), 0);
	r = netstack_link_add(s->st[n], &link);
	assert_true(r > 1);
	s->ifindex[n] = (uint32_t)r;
}

static void peer_addr(struct scene *s, struct ip6_addr addr, uint8_t len)
{
	const struct net_addr_conf conf = {
		.ifindex = s->ifindex[1], .addr = addr, .prefix_len = len, .no_dad = true
	};

	assert_int_equal(netstack_addr_add(s->st[1], &conf), 0);
}

/* 10.0.0.1 and fd00::1 at v0, .2 and ::2 at v1 and at our peer. */
static int setup(void **state)
{
	struct scene *s = &scene;
	char path[64];
	struct nerr err;

	*s = (struct scene){ .now = NS };
	netns_fresh();
	ip("link", "set", "lo", "up");
	s->us = netns_fd();
	s->peer = netns_other();
	(void)snprintf(path, sizeof(path), "/proc/%d/fd/%d", getpid(), s->peer);
	ip("link", "add", "v0", "type", "veth", "peer", "name", "v1", "netns", path);
	assert_return_code(setns(s->peer, CLONE_NEWNET), errno);
	ip("link", "set", "v1", "up");
	ip("addr", "add", "10.0.0.2/24", "dev", "v1");
	ip("addr", "add", "fd00::2/64", "dev", "v1", "nodad");
	assert_return_code(setns(s->us, CLONE_NEWNET), errno);
	ip("link", "set", "v0", "up");
	ip("addr", "add", "10.0.0.1/24", "dev", "v0");
	ip("addr", "add", "fd00::1/64", "dev", "v0", "nodad");
	instance(s, 0);
	instance(s, 1);
	assert_int_equal(netstack_link_set_up(s->st[1], s->ifindex[1], true), 0);
	peer_addr(s, ip6_addr_of_ip4(IP4_ADDR(10, 0, 0, 2)), 24);
	peer_addr(s, (struct ip6_addr){ UINT64_C(0xfd00000000000000), 2 }, 64);
	assert_ok(host_follow_new(&s->hf, s->st[0], s->ifindex[0], -1, "v0", false, &err), err);
	turn(s);
	*state = s;
	return 0;
}

static int teardown(void **state)
{
	struct scene *s = *state;

	host_follow_free(s->hf);
	netstack_free(s->st[0]);
	netstack_free(s->st[1]);
	(void)close(s->us);
	(void)close(s->peer);
	(void)umount2("/sys", MNT_DETACH);
	return 0;
}

/* --- what the instance has, against what a new follower is told --- */

struct check {
	const struct netstack *st;
	uint32_t ifindex;
	unsigned int n_routes;
	unsigned int n_addrs;
	const char *wrong;
	const struct follow_route *route;
	bool found;
};

static void check_link(void *arg, const struct follow_link *link)
{
	struct check *c = arg;
	const struct iface *ifc = iface_get(&c->st->net.ifaces, c->ifindex);

	if (ifc->mtu != link->mtu || ifc->up != link->up || !eth_addr_eq(ifc->mac, link->mac))
		c->wrong = "link";
}

static void check_addr(void *arg, const struct follow_addr *a, bool add)
{
	struct check *c = arg;
	const struct net_addr *have = addr_lookup(&c->st->net, a->addr, c->ifindex);

	assert_true(add);
	if (a->tentative) {
		if (have)
			c->wrong = "tentative address";
		return;
	}
	if (!have || have->conf.deprecated != a->deprecated)
		c->wrong = "address";
	else if (have->conf.prefix_len == a->prefix_len) /* one of several */
		c->n_addrs++;
}

static int is_route(void *arg, const struct route_conf *r)
{
	static const uint8_t type_of[] = { ROUTE_UNICAST, ROUTE_BLACKHOLE, ROUTE_UNREACHABLE,
					   ROUTE_PROHIBIT };
	struct check *c = arg;
	const struct follow_route *f = c->route;

	if (ip6_addr_eq(r->dst, f->dst) && r->dst_len == f->dst_len && r->is_ip4 == f->is_ip4 &&
	    r->metric == f->metric && r->type == type_of[f->type] && r->mtu == f->mtu &&
	    r->has_gateway == f->has_gateway && ip6_addr_eq(r->gateway, f->gateway) &&
	    r->has_src == f->has_src && ip6_addr_eq(r->src, f->src) &&
	    r->ifindex == (f->type == FOLLOW_UNICAST ? c->ifindex : 0))
		c->found = true;
	return 0;
}

static void check_route(void *arg, const struct follow_route *r, bool add)
{
	struct check *c = arg;

	assert_true(add);
	c->route = r;
	c->found = false;
	(void)route_walk(c->st->net.routes, is_route, c);
	if (!c->found)
		c->wrong = "route";
	c->n_routes++;
}

static void check_neigh(void *arg, const struct follow_neigh *n, bool add)
{
	struct check *c = arg;
	struct netstack *st = (struct netstack *)(uintptr_t)c->st;
	const struct neigh *have = neigh_lookup(&st->net.neigh, c->ifindex, n->addr);

	assert_true(add);
	if (!have || have->state != NEIGH_PERMANENT || !eth_addr_eq(have->mac, n->mac))
		c->wrong = "neighbour";
}

static void check_lost(void *arg)
{
	(void)arg;
}

static int count_route(void *arg, const struct route_conf *r)
{
	unsigned int *n = arg;

	*n += r->type != ROUTE_LOCAL && r->type != ROUTE_BROADCAST;
	return 0;
}

static const char *differs(const struct scene *s)
{
	static const struct follow_ops ops = {
		.link = check_link,
		.addr = check_addr,
		.route = check_route,
		.neigh = check_neigh,
		.lost = check_lost,
	};
	struct check c = { .st = s->st[0], .ifindex = s->ifindex[0] };
	unsigned int n_routes = 0, n_addrs = 0;
	struct follow *f;
	struct nerr err;

	assert_ok(follow_new(&f, -1, "v0", true, &ops, &c, &err), err);
	follow_free(f);
	(void)route_walk(s->st[0]->net.routes, count_route, &n_routes);
	for (const struct net_addr *a = s->st[0]->net.ifc[s->ifindex[0]]->addrs; a; a = a->next)
		n_addrs++;
	if (!c.wrong && n_routes != c.n_routes)
		c.wrong = "number of routes";
	if (!c.wrong && n_addrs != c.n_addrs)
		c.wrong = "number of addresses";
	return c.wrong;
}

/* The kernel does some things by and by: they come as news. */
static void settle(struct scene *s)
{
	for (;;) {
		struct pollfd p = { .fd = host_follow_fd(s->hf), .events = POLLIN };
		const char *wrong;

		obey(s);
		turn(s);
		wrong = differs(s);
		if (!wrong)
			return;
		if (poll(&p, 1, 3000) <= 0)
			fail_msg("the instance has not what the kernel has: %s", wrong);
	}
}

static void configuration_is_obeyed(void **state)
{
	struct scene *s = *state;
	struct host_follow *hf;
	struct nerr err;

	assert_int_equal(host_follow_new(&hf, s->st[0], s->ifindex[0], -1, "nope", false, &err),
			 -ENODEV);
	settle(s);
	ip("route", "add", "default", "via", "10.0.0.254", "metric", "9", "mtu", "1300");
	ip("-6", "route", "add", "default", "via", "fe80::9", "dev", "v0");
	ip("route", "add", "prohibit", "10.99.0.0/16");
	ip("neigh", "add", "10.0.0.77", "lladdr", "02:00:00:00:00:77", "dev", "v0");
	ip("addr", "add", "10.0.0.1/16", "dev", "v0");
	ip("addr", "add", "10.0.0.1/8", "dev", "v0", "noprefixroute");
	ip("addr", "add", "fd00::3/64", "dev", "v0", "nodad", "preferred_lft", "0", "valid_lft",
	   "900");
	ip("addr", "add", "fd00::4/64", "dev", "v0"); /* with DAD */
	settle(s);
	ip("addr", "del", "10.0.0.1/24", "dev", "v0"); /* it stays with another length */
	ip("addr", "change", "fd00::3/64", "dev", "v0", "preferred_lft", "500", "valid_lft", "900");
	ip("route", "replace", "default", "via", "10.0.0.253", "metric", "9");
	ip("route", "replace", "10.99.0.0/16", "via", "10.0.0.253");
	ip("link", "set", "v0", "mtu", "1280", "address", "02:00:00:00:05:05");
	settle(s);
	ip("neigh", "add", "10.0.0.78", "lladdr", "02:00:00:00:00:78", "dev", "v0");
	settle(s);
	ip("link", "set", "v0", "down"); /* neighbours go with it */
	settle(s);
	assert_null(neigh_lookup(&s->st[0]->net.neigh, s->ifindex[0],
				 ip6_addr_of_ip4(IP4_ADDR(10, 0, 0, 78))));
	ip("link", "set", "v0", "up");
	settle(s);
	ip("link", "del", "v0");
	obey(s);
	assert_false(iface_get(&s->st[0]->net.ifaces, s->ifindex[0])->up);
	assert_null(s->st[0]->net.ifc[s->ifindex[0]]->addrs);
	ip("link", "add", "v0", "type", "veth", "peer", "name", "v9");
	ip("link", "set", "v0", "up");
	ip("addr", "add", "10.0.0.1/24", "dev", "v0");
	settle(s);
}

static void whatever_is_done_is_obeyed(void **state)
{
	struct scene *s = *state;

	random_seed();
	ip("link", "add", "w0", "type", "veth", "peer", "name", "w1");
	ip("link", "set", "w0", "up");
	ip("link", "set", "w1", "up");
	for (unsigned int round = 0; round < 40; round++) {
		random_changes(30);
		if (below(3))
			settle(s);
	}
	settle(s);
}

/* What somebody else has given to the instance stays. */
static void what_is_there_already_stays(void **state)
{
	struct scene *s = *state;
	const struct net_addr_conf addr = { .ifindex = s->ifindex[0],
					    .addr = ip6_addr_of_ip4(IP4_ADDR(10, 3, 0, 1)),
					    .prefix_len = 24,
					    .no_prefix_route = true };

	assert_int_equal(netstack_addr_add(s->st[0], &addr), 0);
	ip("addr", "add", "10.3.0.1/24", "dev", "v0");
	obey(s);
	ip("addr", "del", "10.3.0.1/24", "dev", "v0");
	obey(s);
	assert_non_null(addr_lookup(&s->st[0]->net, addr.addr, s->ifindex[0]));
	assert_int_equal(netstack_addr_del(s->st[0], &addr), 0);
	settle(s);
}

/* --- sockets of both kinds --- */

/* A socket of the kernel, or of the instance. */
struct fd {
	struct netstack *st; /* NULL: the kernel */
	int fd;
};

#define CALL(s, name, ...)                                                                         \
	({                                                                                         \
		int64_t r_ = (s).st ? ns_##name((s).st, (s).fd, ##__VA_ARGS__)                     \
				    : name((s).fd, ##__VA_ARGS__);                                 \
		!(s).st &&r_ < 0 ? -errno : r_;                                                    \
	})

struct sa {
	struct sockaddr_storage ss;
	socklen_t len;
};

static struct sa sa_of(int family, unsigned int host, uint16_t port)
{
	struct sockaddr_in6 *in6;
	struct sockaddr_in *in;
	struct sa ret;

	memset(&ret, 0, sizeof(ret));
	in = (struct sockaddr_in *)(void *)&ret.ss;
	in6 = (struct sockaddr_in6 *)(void *)&ret.ss;
	if (family == AF_INET) {
		*in = (struct sockaddr_in){ .sin_family = AF_INET, .sin_port = htons(port) };
		in->sin_addr.s_addr = htonl(IP4_ADDR(10, 0, 0, host));
		ret.len = sizeof(*in);
	} else {
		*in6 = (struct sockaddr_in6){ .sin6_family = AF_INET6, .sin6_port = htons(port) };
		in6->sin6_addr.s6_addr[0] = 0xfd;
		in6->sin6_addr.s6_addr[15] = (uint8_t)host;
		ret.len = sizeof(*in6);
	}
	return ret;
}

#define SA(a) ((const struct sockaddr *)(const void *)&(a).ss)

static struct fd open_fd(struct netstack *st, int family, int type)
{
	struct fd f = { .st = st };

	f.fd = st ? ns_socket(st, family, type | SOCK_NONBLOCK, 0)
		  : socket(family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	assert_true(f.fd >= 0);
	return f;
}

static void close_fd(struct fd f)
{
	assert_int_equal(CALL(f, close), 0);
}

/* Until something of @events: the kernel in its time, the instances in theirs. */
static void wait_for(struct scene *s, struct fd f, short events)
{
	struct pollfd p = { .fd = f.fd, .events = events };

	if (!f.st) {
		assert_int_equal(poll(&p, 1, 10000), 1);
		return;
	}
	for (unsigned int i = 0; i < 1000; i++) {
		assert_true(ns_poll(f.st, &p, 1, 0) >= 0);
		if (p.revents)
			return;
		pass(s, 10);
	}
	fail_msg("nothing happens");
}

/* Sockets of our side: a connection (to @far), a UDP socket that is connected and one that is
 * bound.
 */
struct side {
	struct fd tcp;
	struct fd far;
	struct fd udp;
	struct fd bound;
};

static struct side side_open(struct scene *s, bool kernel, int family)
{
	struct netstack *us = kernel ? NULL : s->st[0], *peer = kernel ? NULL : s->st[1];
	const struct sa near = sa_of(family, 1, 0), far = sa_of(family, 2, PORT);
	const int ms = PATIENT, on = 1;
	struct fd listener;
	struct side ret;

	if (kernel)
		assert_return_code(setns(s->peer, CLONE_NEWNET), errno);
	listener = open_fd(peer, family, SOCK_STREAM);
	if (kernel)
		assert_return_code(setns(s->us, CLONE_NEWNET), errno);
	assert_int_equal(CALL(listener, setsockopt, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)), 0);
	assert_int_equal(CALL(listener, bind, SA(far), far.len), 0);
	assert_int_equal(CALL(listener, listen, 4), 0);
	ret.tcp = open_fd(us, family, SOCK_STREAM);
	assert_int_equal(CALL(ret.tcp, setsockopt, IPPROTO_TCP, TCP_USER_TIMEOUT, &ms, sizeof(ms)),
			 0);
	assert_int_equal(CALL(ret.tcp, connect, SA(far), far.len), -EINPROGRESS);
	wait_for(s, ret.tcp, POLLOUT);
	wait_for(s, listener, POLLIN);
	ret.far.st = peer;
	ret.far.fd = (int)CALL(listener, accept4, NULL, NULL, SOCK_NONBLOCK);
	assert_true(ret.far.fd >= 0);
	close_fd(listener);
	ret.udp = open_fd(us, family, SOCK_DGRAM);
	assert_int_equal(CALL(ret.udp, connect, SA(far), far.len), 0);
	ret.bound = open_fd(us, family, SOCK_DGRAM);
	assert_int_equal(CALL(ret.bound, bind, SA(near), near.len), 0);
	return ret;
}

static void side_close(struct side *d)
{
	close_fd(d->tcp);
	close_fd(d->far);
	close_fd(d->udp);
	close_fd(d->bound);
}

/* bind() and connect(), or only the latter. */
static int64_t new_connection(struct fd f, int family, bool bound)
{
	const struct sa near = sa_of(family, 1, 0), far = sa_of(family, 2, PORT);
	int64_t r = 0;

	if (bound)
		r = CALL(f, bind, SA(near), near.len);
	if (r == 0)
		r = CALL(f, connect, SA(far), far.len);
	close_fd(f);
	return r;
}

#define ANSWERS 6

static void ask(struct scene *s, const struct side *d, int family, int64_t ret[ANSWERS])
{
	const struct sa far = sa_of(family, 2, PORT);
	char c;

	ret[0] = CALL(d->tcp, send, "more", 4, MSG_NOSIGNAL);
	ret[1] = CALL(d->tcp, recv, &c, 1, 0);
	ret[2] = CALL(d->udp, send, "x", 1, 0);
	ret[3] = CALL(d->bound, sendto, "x", 1, 0, SA(far), far.len);
	ret[4] = new_connection(open_fd(d->tcp.st, family, SOCK_STREAM), family, false);
	ret[5] = new_connection(open_fd(d->tcp.st, family, SOCK_STREAM), family, true);
	turn(s);
}

static const struct change {
	const char *what;
	int family;
	const char *doing;
	const char *undoing;
} changes[] = {
	{ "address", AF_INET, "addr del 10.0.0.1/24 dev v0", "addr add 10.0.0.1/24 dev v0" },
	{ "route", AF_INET, "route del 10.0.0.0/24 dev v0", "route add 10.0.0.0/24 dev v0" },
	{ "blackhole", AF_INET, "route add blackhole 10.0.0.2", "route del blackhole 10.0.0.2" },
	{ "unreachable", AF_INET, "route add unreachable 10.0.0.2",
	  "route del unreachable 10.0.0.2" },
	{ "prohibit", AF_INET, "route add prohibit 10.0.0.2", "route del prohibit 10.0.0.2" },
	{ "link", AF_INET, "link set v0 down", "link set v0 up\naddr add fd00::1/64 dev v0 nodad" },
	{ "address", AF_INET6, "addr del fd00::1/64 dev v0", "addr add fd00::1/64 dev v0 nodad" },
	{ "route", AF_INET6, "route del fd00::/64 dev v0", "route add fd00::/64 dev v0" },
	{ "blackhole", AF_INET6, "route add blackhole fd00::2", "route del blackhole fd00::2" },
	{ "unreachable", AF_INET6, "route add unreachable fd00::2",
	  "route del unreachable fd00::2" },
	{ "prohibit", AF_INET6, "route add prohibit fd00::2", "route del prohibit fd00::2" },
	{ "link", AF_INET6, "link set v0 down",
	  "link set v0 up\naddr add fd00::1/64 dev v0 nodad" },
};

#define CHANGES (sizeof(changes) / sizeof(changes[0]))

/* Lines for ip(8). */
static void apply(struct scene *s, const char *lines)
{
	char path[64];
	FILE *to;

	(void)snprintf(path, sizeof(path), "/tmp/host-follow.%d", getpid());
	to = fopen(path, "we");
	assert_non_null(to);
	(void)fprintf(to, "%s\n", lines);
	assert_int_equal(fclose(to), 0);
	run_ok(out, sizeof(out), "ip", "-batch", path);
	(void)unlink(path);
	obey(s);
	turn(s);
}

static void same_answers(const struct change *c, const int64_t linux_r[ANSWERS],
			 const int64_t ours[ANSWERS])
{
	static const char *const call[ANSWERS] = { "send",
						   "recv",
						   "UDP send, connected",
						   "UDP sendto, bound",
						   "connect",
						   "bind and connect" };

	for (unsigned int i = 0; i < ANSWERS; i++)
		if (linux_r[i] != ours[i])
			fail_msg("%s (%s), %s: Linux %lld, we %lld", c->what,
				 c->family == AF_INET ? "IPv4" : "IPv6", call[i],
				 (long long)linux_r[i], (long long)ours[i]);
}

/* The way goes and comes back: a connection goes on. */
static void connections_go_on(void **state)
{
	struct scene *s = *state;

	for (unsigned int i = 0; i < CHANGES; i++) {
		const struct change *c = &changes[i];
		struct side kernel = side_open(s, true, c->family);
		struct side ours = side_open(s, false, c->family);
		int64_t answer[2][ANSWERS];
		char buf[8];

		apply(s, c->doing);
		ask(s, &kernel, c->family, answer[0]);
		ask(s, &ours, c->family, answer[1]);
		same_answers(c, answer[0], answer[1]);
		apply(s, c->undoing);
		settle(s);
		wait_for(s, ours.far, POLLIN);
		assert_int_equal(CALL(ours.far, recv, buf, sizeof(buf), 0), 4);
		assert_int_equal(CALL(ours.tcp, send, "b", 1, 0), 1);
		wait_for(s, ours.far, POLLIN);
		assert_int_equal(CALL(ours.far, recv, buf, sizeof(buf), 0), 1);
		side_close(&kernel);
		side_close(&ours);
		pass(s, 100000); /* TIME-WAIT */
	}
}

/* It does not come back: what is in flight says why in the end. */
static void connections_end(void **state)
{
	struct scene *s = *state;

	for (unsigned int i = 0; i < CHANGES; i++) {
		const struct change *c = &changes[i];
		const bool is4 = c->family == AF_INET;
		struct side kernel = side_open(s, true, c->family);
		struct side ours = side_open(s, false, c->family);
		int64_t end[2];
		char b;

		/* Nobody acknowledges anything any more. */
		s->cut = true;
		assert_return_code(setns(s->peer, CLONE_NEWNET), errno);
		ip("addr", "del", is4 ? "10.0.0.2/24" : "fd00::2/64", "dev", "v1");
		assert_return_code(setns(s->us, CLONE_NEWNET), errno);
		assert_int_equal(CALL(kernel.tcp, send, "a", 1, 0), 1);
		assert_int_equal(CALL(ours.tcp, send, "a", 1, 0), 1);
		turn(s);
		apply(s, c->doing);
		wait_for(s, kernel.tcp, POLLIN);
		wait_for(s, ours.tcp, POLLIN);
		end[0] = CALL(kernel.tcp, recv, &b, 1, 0);
		end[1] = CALL(ours.tcp, recv, &b, 1, 0);
		if (end[0] != end[1])
			fail_msg("%s (%s): Linux %lld, we %lld", c->what, is4 ? "IPv4" : "IPv6",
				 (long long)end[0], (long long)end[1]);
		assert_true(end[1] < 0);
		s->cut = false;
		apply(s, c->undoing);
		assert_return_code(setns(s->peer, CLONE_NEWNET), errno);
		if (is4)
			ip("addr", "add", "10.0.0.2/24", "dev", "v1");
		else
			ip("addr", "add", "fd00::2/64", "dev", "v1", "nodad");
		assert_return_code(setns(s->us, CLONE_NEWNET), errno);
		settle(s);
		side_close(&kernel);
		side_close(&ours);
		pass(s, 100000);
	}
}

/* A smaller MTU is that of the next segment. */
static void an_mtu_changes_under_load(void **state)
{
	static char data[65536], got[65536];
	struct scene *s = *state;
	struct side ours = side_open(s, false, AF_INET);
	size_t sent = 0, n = 0;

	for (unsigned int i = 0; n < sizeof(got); i++) {
		int64_t r = sent < sizeof(data)
				    ? CALL(ours.tcp, send, data + sent, sizeof(data) - sent, 0)
				    : 0;

		assert_true(i < 1000);
		sent += r > 0 ? (size_t)r : 0;
		if (i == 1)
			apply(s, "link set v0 mtu 600");
		if (i == 2) {
			for (unsigned int k = 0; k < s->n_frames; k++)
				if (s->frame[k].to == 1)
					assert_true(s->frame[k].len <= 614);
			apply(s, "link set v0 mtu 1400");
		}
		pass(s, 1);
		r = CALL(ours.far, recv, got + n, sizeof(got) - n, 0);
		n += r > 0 ? (size_t)r : 0;
	}
	settle(s);
	side_close(&ours);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(configuration_is_obeyed),
		TEST(whatever_is_done_is_obeyed),
		TEST(what_is_there_already_stays),
		TEST(connections_go_on),
		TEST(connections_end),
		TEST(an_mtu_changes_under_load),
	};

	return cmocka_run_group_tests(tests, mounts_private, NULL);
}
