/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * kernel.c - the peer: Linux's sockets over loopback or a veth pair, in namespaces of their own
 */
#include <net/if.h>

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/error.h"
#include "base/ipaddr.h"
#include "bench.h"
#include "netlink/addr.h"
#include "netlink/link.h"
#include "netlink/nlsock.h"
#include "wire/addr.h"

/* @ns: of the server, when it has one of its own; else -1.  The thread is in the client's. */
struct kernel {
	struct stack stack;
	int epfd[2];
	int ns;
	int home;
};

static struct kernel *kernel_of(struct stack *s)
{
	return (struct kernel *)(void *)s;
}

static ssize_t result(ssize_t r)
{
	return r < 0 ? -errno : r;
}

static uint32_t server_address(const struct kernel *k, unsigned int number)
{
	return k->ns < 0 ? IP4_ADDR(127, 0, 0, 100 + number) : IP4_ADDR(10, 0, 0, 100 + number);
}

static struct sockaddr_in socket_address(uint32_t addr, uint16_t port)
{
	return (struct sockaddr_in){
		.sin_family = AF_INET,
		.sin_port = htons(port),
		.sin_addr.s_addr = htonl(addr),
	};
}

static void enter(int ns)
{
	if (setns(ns, CLONE_NEWNET) < 0)
		die("cannot enter a namespace", -errno);
}

static int prepare(int fd)
{
	const int on = 1;

	if (fd >= 0) {
		(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
		/* the same control as ours, and no pacing */
		(void)setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, "reno", 4);
	}
	return fd;
}

static int kernel_listen(struct stack *s, uint16_t port, int backlog)
{
	const struct sockaddr_in a = socket_address(0, port);
	const struct kernel *k = kernel_of(s);
	int fd;

	if (k->ns >= 0)
		enter(k->ns); /* what is accepted is of the listener's namespace, too */
	fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (k->ns >= 0)
		enter(k->home);
	if (fd < 0 || bind(fd, (const struct sockaddr *)&a, sizeof(a)) < 0 ||
	    listen(fd, backlog) < 0)
		return -errno;
	return prepare(fd);
}

static int kernel_connect(struct stack *s, unsigned int to, uint16_t port)
{
	const struct sockaddr_in a = socket_address(server_address(kernel_of(s), to), port);
	int fd = prepare(socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));

	if (fd < 0)
		return -errno;
	if (connect(fd, (const struct sockaddr *)&a, sizeof(a)) < 0 && errno != EINPROGRESS)
		return -errno;
	return fd;
}

static int kernel_accept(struct stack *s, int fd)
{
	int r = accept4(fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

	(void)s;
	return r < 0 ? -errno : prepare(r);
}

static ssize_t kernel_send(struct stack *s, unsigned int side, int fd, const void *buf, size_t len)
{
	(void)s;
	(void)side;
	return result(send(fd, buf, len, 0));
}

static ssize_t kernel_recv(struct stack *s, unsigned int side, int fd, void *buf, size_t len)
{
	(void)s;
	(void)side;
	return result(recv(fd, buf, len, 0));
}

static int kernel_close(struct stack *s, unsigned int side, int fd)
{
	(void)s;
	(void)side;
	return close(fd);
}

static int kernel_watch(struct stack *s, unsigned int side, int fd, uint32_t events, uint64_t data)
{
	struct epoll_event ev = { .events = events, .data.u64 = data };

	return epoll_ctl(kernel_of(s)->epfd[side], EPOLL_CTL_ADD, fd, &ev) < 0 ? -errno : 0;
}

static int kernel_wait(struct stack *s, unsigned int side, struct epoll_event *ev, int n)
{
	return epoll_wait(kernel_of(s)->epfd[side], ev, n, 0);
}

static void kernel_turn(struct stack *s)
{
	(void)s; /* both links are immediate */
}

static void kernel_free(struct stack *s)
{
	const struct kernel *k = kernel_of(s);

	/* Nothing is written through any of them. */
	(void)close(k->epfd[0]);
	(void)close(k->epfd[1]);
	if (k->ns >= 0)
		(void)close(k->ns);
	(void)close(k->home);
	free(s);
}

static int new_namespace(void)
{
	int fd;

	if (unshare(CLONE_NEWNET) < 0)
		die("cannot make a network namespace", -errno);
	fd = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		die("cannot open the network namespace", -errno);
	return fd;
}

static void loopback_up(void)
{
	struct ifreq ifr = { .ifr_name = "lo", .ifr_flags = IFF_UP };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || ioctl(fd, SIOCSIFFLAGS, &ifr) < 0)
		die("cannot set the namespace's loopback interface up", -errno);
	(void)close(fd);
	fd = open("/proc/sys/net/ipv4/ip_local_port_range", O_WRONLY | O_CLOEXEC);
	if (fd < 0 || write(fd, "1024 65535", 10) < 0)
		die("cannot set the namespace's port range", -errno);
	(void)close(fd);
}

static void must(int r, const struct nerr *err)
{
	if (r < 0)
		die(err->msg, r);
}

static struct nlsock *open_in(int ns)
{
	struct nerr err = NERR_INIT;
	struct nlsock *nl;

	enter(ns);
	must(nlsock_open(&nl, NETLINK_ROUTE, &err), &err);
	return nl;
}

static void add_address(struct nlsock *nl, int ifindex, unsigned int last)
{
	const struct ipnet net = {
		.addr = { .family = AF_INET, .bytes = { 10, 0, 0, (uint8_t)last } },
		.prefix_len = 24,
	};

	addr_put(nl, ifindex, "veth", &net, true);
}

static int ifindex_in(int ns, const char *name)
{
	int r;

	enter(ns);
	r = (int)if_nametoindex(name);
	if (!r)
		die(name, -errno);
	return r;
}

/* A veth pair between the client's namespace and the server's. */
static void wire(const struct kernel *k)
{
	const struct link_veth v = {
		.name = "c0", .peer_name = "s0", .peer_ns = k->ns, .up = true
	};
	struct nlsock *client = open_in(k->home);
	struct nlsock *server = open_in(k->ns);
	struct nerr err = NERR_INIT;
	int c0, s0;

	link_put_veth(client, &v);
	must(nlsock_commit(client, &err), &err);
	s0 = ifindex_in(k->ns, "s0");
	c0 = ifindex_in(k->home, "c0");
	add_address(client, c0, 1);
	for (unsigned int i = 1; i <= ADDRESSES; i++)
		add_address(server, s0, 100 + i);
	link_put_up(server, s0, "s0");
	must(nlsock_commit(client, &err), &err);
	must(nlsock_commit(server, &err), &err);
	nlsock_close(client);
	nlsock_close(server);
}

struct stack *kernel_new(bool veth)
{
	static const struct stack calls = {
		.name = "kernel",
		.listen = kernel_listen,
		.connect = kernel_connect,
		.accept = kernel_accept,
		.send = kernel_send,
		.recv = kernel_recv,
		.close = kernel_close,
		.watch = kernel_watch,
		.wait = kernel_wait,
		.turn = kernel_turn,
		.free = kernel_free,
	};
	struct kernel *k = calloc(1, sizeof(*k));

	if (!k)
		die("calloc", -ENOMEM);
	k->stack = calls;
	k->ns = veth ? new_namespace() : -1;
	k->home = new_namespace();
	loopback_up();
	if (veth)
		wire(k);
	k->epfd[0] = epoll_create1(EPOLL_CLOEXEC);
	k->epfd[1] = epoll_create1(EPOLL_CLOEXEC);
	return &k->stack;
}
