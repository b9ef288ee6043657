/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * split_scene.h - a host that shares its device with the kernel of a namespace
 *
 *	lan	br0 with t0, the host's device, and p0; the thread is here
 *	kern	eth0, made by the host: 10.9.0.1 and fd09::1
 *	peer	p1, the other end of p0: 10.9.0.2 and fd09::2
 */
#ifndef TESTS_UNIT_HOST_SPLIT_SCENE_H
#define TESTS_UNIT_HOST_SPLIT_SCENE_H

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/ioctl.h>

#include "host/host.h"
#include "netstack/net/ip.h"
#include "netstack/socket.h"
#include "netstack/tcp/tcp.h"
#include "nic/loop.h"
#include "tests/unit/netns_fixture.h"

#define US4      "10.9.0.1"
#define US6      "fd09::1"
#define PEER4    "10.9.0.2"
#define PEER6    "fd09::2"

#define PATIENCE UINT64_C(20000000000)

#define ip(...)                                                                                    \
	do {                                                                                       \
		char ip_said[512];                                                                 \
		run_ok(ip_said, sizeof(ip_said), "ip", __VA_ARGS__);                               \
	} while (0)

/* In a namespace. */
#define ip_in(ns, ...)                                                                             \
	do {                                                                                       \
		enter(ns);                                                                         \
		ip(__VA_ARGS__);                                                                   \
		enter(scene.lan);                                                                  \
	} while (0)

static struct scene {
	int lan;
	int kern;
	int peer;
	struct host *h;
	struct netstack *st;
} scene;

FIXTURE void enter(int ns)
{
	assert_return_code(setns(ns, CLONE_NEWNET), errno);
}

FIXTURE void turn(void)
{
	assert_int_equal(host_turn(scene.h, loop_clock() + 1000000), 0);
}

/* Serve until it is so. */
#define serve_until(cond)                                                                          \
	do {                                                                                       \
		const uint64_t until_end = loop_clock() + PATIENCE;                                \
		while (!(cond)) {                                                                  \
			if (loop_clock() > until_end)                                              \
				fail_msg("waited in vain for " #cond);                             \
			turn();                                                                    \
		}                                                                                  \
	} while (0)

/* --- life --- */

FIXTURE int scene_setup(void **state)
{
	char path[64];

	netns_fresh();
	scene = (struct scene){ .lan = netns_fd(), .kern = netns_other(), .peer = netns_other() };
	(void)snprintf(path, sizeof(path), "/proc/%d/fd/%d", getpid(), scene.peer);
	ip("link", "add", "br0", "type", "bridge");
	ip("link", "add", "p0", "type", "veth", "peer", "name", "p1", "netns", path);
	ip("link", "set", "p0", "master", "br0", "up");
	ip("link", "set", "br0", "up");
	ip_in(scene.peer, "link", "set", "p1", "up");
	ip_in(scene.peer, "addr", "add", PEER4 "/24", "dev", "p1");
	ip_in(scene.peer, "addr", "add", PEER6 "/64", "dev", "p1", "nodad");
	*state = NULL;
	return 0;
}

FIXTURE int scene_teardown(void **state)
{
	(void)state;
	host_free(scene.h);
	(void)close(scene.lan);
	(void)close(scene.kern);
	(void)close(scene.peer);
	(void)umount2("/sys", MNT_DETACH);
	return 0;
}

/* The host; eth0 is down and has no address. */
FIXTURE void scene_host(const char *nic, enum host_split split)
{
	const struct host_conf conf = {
		.nic = nic,
		.kernel = "eth0",
		.kernel_netns = scene.kern,
		.split = split,
	};
	struct nerr err = NERR_INIT;

	assert_ok(host_new(&scene.h, &conf, &err), err);
	scene.st = host_stack(scene.h);
}

/* An address of the instance that may be used. */
FIXTURE bool has_addr(const char *text)
{
	const struct ipaddr want = addr_of(text);
	struct netstack_addr a[16];
	unsigned int n = netstack_addrs(scene.st, a, 16);

	for (unsigned int i = 0; i < n && i < 16; i++) {
		uint8_t b[16];
		const uint8_t *at = want.family == AF_INET ? b + 12 : b;

		ip6_addr_put(b, a[i].conf.addr);
		if (a[i].state == NET_ADDR_PREFERRED &&
		    memcmp(at, want.bytes, want.family == AF_INET ? 4 : 16) == 0)
			return true;
	}
	return false;
}

/* Up, with addresses, on a tap in the bridge. */
FIXTURE void scene_up(const char *nic, enum host_split split)
{
	scene_host(nic, split);
	ip("link", "set", "t0", "master", "br0", "up");
	ip_in(scene.kern, "link", "set", "eth0", "up");
	ip_in(scene.kern, "addr", "add", US4 "/24", "dev", "eth0");
	ip_in(scene.kern, "addr", "add", US6 "/64", "dev", "eth0", "nodad");
	serve_until(has_addr(US4) && has_addr(US6));
}

/* --- sockets of kernels and of the instance, in one form --- */

enum {
	STACK = -1, /* instead of a namespace */
};

struct end {
	int ns;
	int fd;
};

FIXTURE struct sockaddr_storage sock_at(const char *addr, uint16_t port, socklen_t *len)
{
	struct sockaddr_storage ss = { .ss_family = strchr(addr, ':') ? AF_INET6 : AF_INET };
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)&ss;
	struct sockaddr_in *in = (struct sockaddr_in *)&ss;

	if (ss.ss_family == AF_INET6) {
		in6->sin6_port = htons(port);
		assert_int_equal(inet_pton(AF_INET6, addr, &in6->sin6_addr), 1);
		*len = sizeof(*in6);
	} else {
		in->sin_port = htons(port);
		assert_int_equal(inet_pton(AF_INET, addr, &in->sin_addr), 1);
		*len = sizeof(*in);
	}
	return ss;
}

FIXTURE struct end end_new(int ns, int family, int type)
{
	struct end e = { .ns = ns };

	if (ns == STACK) {
		e.fd = ns_socket(scene.st, family, type | SOCK_NONBLOCK, 0);
	} else {
		enter(ns);
		e.fd = socket(family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
		enter(scene.lan);
	}
	assert_true(e.fd >= 0);
	return e;
}

FIXTURE void end_close(struct end *e)
{
	assert_int_equal(e->ns == STACK ? ns_close(scene.st, e->fd) : close(e->fd), 0);
}

FIXTURE struct end end_listen(int ns, const char *addr, uint16_t port)
{
	socklen_t len;
	const struct sockaddr_storage ss = sock_at(addr, port, &len);
	struct end e = end_new(ns, ss.ss_family, SOCK_STREAM);
	const struct sockaddr *sa = (const struct sockaddr *)&ss;

	if (ns == STACK) {
		assert_int_equal(ns_bind(scene.st, e.fd, sa, len), 0);
		assert_int_equal(ns_listen(scene.st, e.fd, 16), 0);
	} else {
		assert_int_equal(bind(e.fd, sa, len), 0);
		assert_int_equal(listen(e.fd, 16), 0);
	}
	return e;
}

/* It has begun. */
FIXTURE struct end end_connect(int ns, const char *addr, uint16_t port)
{
	socklen_t len;
	const struct sockaddr_storage ss = sock_at(addr, port, &len);
	struct end e = end_new(ns, ss.ss_family, SOCK_STREAM);
	const struct sockaddr *sa = (const struct sockaddr *)&ss;

	if (ns == STACK) {
		assert_int_equal(ns_connect(scene.st, e.fd, sa, len), -EINPROGRESS);
	} else {
		assert_int_equal(connect(e.fd, sa, len), -1);
		assert_int_equal(errno, EINPROGRESS);
	}
	return e;
}

/* Like poll() without waiting. */
FIXTURE short end_poll(const struct end *e, short events)
{
	struct pollfd p = { .fd = e->fd, .events = events };

	assert_true((e->ns == STACK ? ns_poll(scene.st, &p, 1, 0) : poll(&p, 1, 0)) >= 0);
	return p.revents;
}

/* How it ended. */
FIXTURE int end_error(const struct end *e)
{
	socklen_t len = sizeof(int);
	int error = -1;

	serve_until(end_poll(e, POLLOUT) != 0);
	if (e->ns == STACK)
		assert_int_equal(ns_getsockopt(scene.st, e->fd, SOL_SOCKET, SO_ERROR, &error, &len),
				 0);
	else
		assert_int_equal(getsockopt(e->fd, SOL_SOCKET, SO_ERROR, &error, &len), 0);
	return error;
}

FIXTURE struct end end_accept(const struct end *l)
{
	struct end e = { .ns = l->ns };

	serve_until(end_poll(l, POLLIN) != 0);
	e.fd = l->ns == STACK ? ns_accept4(scene.st, l->fd, NULL, NULL, SOCK_NONBLOCK)
			      : accept4(l->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	assert_true(e.fd >= 0);
	return e;
}

/* 0 for "not now", -1 at the end of the stream. */
FIXTURE ssize_t end_read(const struct end *e, void *buf, size_t len)
{
	ssize_t n = e->ns == STACK ? ns_read(scene.st, e->fd, buf, len) : read(e->fd, buf, len);

	if (n == 0)
		return -1;
	if (n > 0)
		return n;
	assert_int_equal(e->ns == STACK ? -n : errno, EAGAIN);
	return 0;
}

FIXTURE size_t end_write(const struct end *e, const void *buf, size_t len)
{
	ssize_t n = e->ns == STACK ? ns_write(scene.st, e->fd, buf, len) : write(e->fd, buf, len);

	if (n >= 0)
		return (size_t)n;
	assert_int_equal(e->ns == STACK ? -n : errno, EAGAIN);
	return 0;
}

/* What @a says comes back from @b, byte by byte the same. */
FIXTURE void end_echo(const struct end *a, const struct end *b, size_t len)
{
	enum {
		MAX = 4 << 20
	};
	static uint8_t out[MAX], there[MAX], back[MAX];
	size_t sent = 0, got = 0, echoed = 0, done = 0;
	const uint64_t end = loop_clock() + PATIENCE;

	assert_true(len <= MAX);
	for (size_t i = 0; i < len; i++)
		out[i] = (uint8_t)(i * 7 >> 3 ^ i >> 11);
	while (done < len) {
		ssize_t n;

		sent += end_write(a, out + sent, len - sent);
		n = got < len ? end_read(b, there + got, len - got) : 0;
		assert_true(n >= 0);
		got += (size_t)n;
		echoed += end_write(b, there + echoed, got - echoed);
		n = end_read(a, back + done, len - done);
		assert_true(n >= 0);
		done += (size_t)n;
		turn();
		assert_true(loop_clock() < end);
	}
	assert_memory_equal(out, back, len);
}

/* In order: the one, then the other. */
FIXTURE void end_both(struct end *first, struct end *then)
{
	char c;

	if (first->ns == STACK)
		assert_int_equal(ns_shutdown(scene.st, first->fd, SHUT_WR), 0);
	else
		assert_int_equal(shutdown(first->fd, SHUT_WR), 0);
	serve_until(end_read(then, &c, 1) == -1);
	end_close(then);
	serve_until(end_read(first, &c, 1) == -1);
	end_close(first);
}

/* --- programs and counters --- */

/* A program in a namespace, while we serve.  Return: exit status */
FIXTURE int serve_program(int ns, const char *const argv[])
{
	const uint64_t end = loop_clock() + PATIENCE;
	posix_spawn_file_actions_t fa;
	int status;
	pid_t pid;

	assert_int_equal(posix_spawn_file_actions_init(&fa), 0);
	assert_int_equal(posix_spawn_file_actions_addopen(&fa, 1, "/dev/null", O_WRONLY, 0), 0);
	enter(ns);
	assert_int_equal(
		posix_spawnp(&pid, argv[0], &fa, NULL, (char *const *)(uintptr_t)argv, environ), 0);
	enter(scene.lan);
	(void)posix_spawn_file_actions_destroy(&fa);
	for (;;) {
		const pid_t r = waitpid(pid, &status, WNOHANG);

		if (r == pid)
			break;
		assert_int_equal(r, 0);
		turn();
		assert_true(loop_clock() < end);
	}
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

#define serve_ping(ns, addr)                                                                       \
	serve_program(ns, RUN_ARGS("ping", "-n", "-c", "2", "-i", "0.01", "-W", "5", addr))

/* A counter of /proc/net/snmp, by its table ("Tcp") and name. */
FIXTURE long snmp(int ns, const char *table, const char *name)
{
	char names[2048], values[2048], *n_at, *v_at;
	long ret = -1;
	FILE *f;

	enter(ns);
	f = fopen("/proc/thread-self/net/snmp", "re");
	enter(scene.lan);
	assert_non_null(f);
	while (ret < 0 && fgets(names, sizeof(names), f) && fgets(values, sizeof(values), f)) {
		if (strncmp(names, table, strlen(table)) != 0 || names[strlen(table)] != ':')
			continue;
		for (char *n = strtok_r(names, " \n", &n_at), *v = strtok_r(values, " \n", &v_at);
		     n && v; n = strtok_r(NULL, " \n", &n_at), v = strtok_r(NULL, " \n", &v_at))
			if (strcmp(n, name) == 0)
				ret = strtol(v, NULL, 10);
	}
	(void)fclose(f);
	assert_true(ret >= 0);
	return ret;
}

#endif /* TESTS_UNIT_HOST_SPLIT_SCENE_H */
