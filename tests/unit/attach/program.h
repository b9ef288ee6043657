/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * program.h - an instance with an attach layer, and a program that runs on it
 *
 * The program is a function of the test, in a child that has loaded the filter; the test itself
 * turns the loop until the child ends.  Peers are sockets of the same instance, used by the test
 * directly (PORT_ECHO and so on), so that bytes go through the stack; 10.0.0.0/24 is a
 * link that swallows everything.
 */
#ifndef TESTS_UNIT_ATTACH_PROGRAM_H
#define TESTS_UNIT_ATTACH_PROGRAM_H

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "attach/attach.h"
#include "attach/filter.h"
#include "base/error.h"
#include "netstack/netstack.h"
#include "netstack/socket.h"
#include "nic/loop.h"

#define PROGRAM    __attribute__((unused)) static

#define PORT_ECHO  7  /* sends back what comes, closes when the peer does */
#define PORT_RESET 9  /* resets the connection when something comes */
#define PORT_DAY   13 /* says "day" and closes */
#define PORT_NONE  99 /* nobody listens */

/* In the program: a failure ends it, and is told. */
#define check(cond)                                                                                \
	do {                                                                                       \
		if (!(cond)) {                                                                     \
			(void)fprintf(stderr, "%s:%d: not true in the program: %s (errno: %m)\n",  \
				      __FILE__, __LINE__, #cond);                                  \
			_exit(1);                                                                  \
		}                                                                                  \
	} while (0)

/* A call that fails as it should. */
#define check_error(call, error) check((call) == -1 && errno == (error))

struct program_rig {
	struct loop *loop;
	struct netstack *st;
	struct attach *a;
	unsigned int gone;
};

PROGRAM unsigned int swallow(void *arg, struct pbuf *const *burst, unsigned int n)
{
	(void)arg;
	for (unsigned int i = 0; i < n; i++)
		pbuf_free(burst[i]);
	return n;
}

/* --- peers --- */

PROGRAM struct program_rig *peer_rig; /* callbacks of the stack have one argument */

PROGRAM enum attach_mode program_mode; /* ATTACH_HYBRID, unless a test says otherwise */

/* What cannot be sent back stays unread, until it can. */
PROGRAM void on_echo(void *arg, int fd, uint32_t events)
{
	struct netstack *st = peer_rig->st;
	char buf[16384];
	ssize_t n, sent = 0;

	(void)arg;
	(void)events;
	while ((n = ns_recv(st, fd, buf, sizeof(buf), MSG_PEEK)) > 0) {
		sent = ns_send(st, fd, buf, (size_t)n, MSG_NOSIGNAL);
		if (sent <= 0)
			break;
		assert_int_equal(ns_recv(st, fd, buf, (size_t)sent, 0), sent);
	}
	if (n == 0 || (n < 0 && n != -EAGAIN) || (sent < 0 && sent != -EAGAIN))
		assert_int_equal(ns_close(st, fd), 0);
}

PROGRAM void on_reset(void *arg, int fd, uint32_t events)
{
	const struct linger l = { .l_onoff = 1 };
	struct netstack *st = peer_rig->st;

	(void)arg;
	(void)events;
	assert_int_equal(ns_setsockopt(st, fd, SOL_SOCKET, SO_LINGER, &l, sizeof(l)), 0);
	assert_int_equal(ns_close(st, fd), 0);
}

PROGRAM void on_accept(void *arg, int fd, uint32_t events)
{
	struct netstack *st = peer_rig->st;
	const int port = (int)(intptr_t)arg;
	int c;

	(void)events;
	while ((c = ns_accept4(st, fd, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
		if (port == PORT_DAY) {
			(void)ns_send(st, c, "day", 3, 0);
			assert_int_equal(ns_close(st, c), 0);
			continue;
		}
		assert_int_equal(ns_set_notify(st, c, port == PORT_ECHO ? on_echo : on_reset, NULL),
				 0);
	}
}

PROGRAM void peer_listen(struct program_rig *r, uint16_t port)
{
	const struct sockaddr_in6 sin6 = { .sin6_family = AF_INET6, .sin6_port = htons(port) };
	int fd = ns_socket(r->st, AF_INET6, SOCK_STREAM | SOCK_NONBLOCK, 0);

	assert_true(fd >= 0);
	assert_int_equal(ns_bind(r->st, fd, (const struct sockaddr *)&sin6, sizeof(sin6)), 0);
	assert_int_equal(ns_listen(r->st, fd, 64), 0);
	assert_int_equal(ns_set_notify(r->st, fd, on_accept, (void *)(intptr_t)port), 0);
}

/* --- the instance --- */

PROGRAM void rig_gone(void *arg)
{
	struct program_rig *r = arg;

	r->gone++;
}

PROGRAM void rig_link(struct program_rig *r)
{
	const struct iface_conf conf = {
		.name = "eth0",
		.kind = IFACE_IP,
		.mtu = 1500,
		.tx = swallow,
	};
	int ifindex = netstack_link_add(r->st, &conf);
	struct net_addr_conf addr = {
		.addr = ip6_addr_of_ip4(IP4_ADDR(10, 0, 0, 1)),
		.prefix_len = 24,
		.no_dad = true,
	};

	assert_true(ifindex > 0);
	addr.ifindex = (uint32_t)ifindex;
	assert_int_equal(netstack_link_set_up(r->st, addr.ifindex, true), 0);
	assert_int_equal(netstack_addr_add(r->st, &addr), 0);
}

/* One for all tests of a program: the kernel finishes a ring that is closed by work in our thread,
 * which interrupts an ADDFD|SEND that waits, and the program's socket() would return 0.
 */
static struct loop *program_loop;

PROGRAM int program_setup_as(void **state, bool reserve)
{
	struct program_rig *r = calloc(1, sizeof(*r));
	struct netstack_conf nc;
	struct attach_conf ac = {
		.mode = program_mode,
		.reserve = reserve,
		.listener_gone = rig_gone,
		.arg = r,
	};
	struct nerr err = NERR_INIT;

	assert_non_null(r);
	(void)alarm(120); /* something of the program is never seen to end */
	if (unshare(CLONE_NEWNET) < 0)
		fail_msg("cannot make a network namespace (root is needed): %s", strerror(errno));
	if (!program_loop && loop_new(&program_loop, LOOP_AUTO, &err) < 0)
		fail_msg("%s", err.msg);
	r->loop = program_loop;
	netstack_conf_default(&nc);
	nc.seed[0] = 42;
	assert_int_equal(netstack_new(&r->st, &nc, loop_clock()), 0);
	rig_link(r);
	peer_rig = r;
	peer_listen(r, PORT_ECHO);
	peer_listen(r, PORT_RESET);
	peer_listen(r, PORT_DAY);
	ac.stack = r->st;
	ac.loop = r->loop;
	if (attach_new(&r->a, &ac, &err) < 0)
		fail_msg("%s", err.msg);
	*state = r;
	return 0;
}

PROGRAM int program_setup(void **state)
{
	return program_setup_as(state, false);
}

PROGRAM void program_turn(struct program_rig *r)
{
	uint64_t until;

	netstack_advance(r->st, loop_clock());
	until = netstack_deadline(r->st);
	(void)loop_turn(r->loop, until); /* EINTR is as good */
}

/* --- the program --- */

PROGRAM void on_exit_of_program(struct loop_watch *w, uint32_t events)
{
	(void)events;
	*(bool *)w->arg = true;
}

/* In the child.  The number of the listener goes to the test, which fetches it. */
PROGRAM void program_run(int to_test, int from_test, void (*fn)(void))
{
	struct nerr err = NERR_INIT;
	int listener = -1;
	char go;

	check(signal(SIGPIPE, SIG_IGN) != SIG_ERR);
	(void)alarm(60); /* a call that is never answered */
	if (attach_filter_load(program_mode, &listener, &err) < 0) {
		(void)fprintf(stderr, "%s\n", err.msg);
		_exit(1);
	}
	check(write(to_test, &listener, sizeof(listener)) == (ssize_t)sizeof(listener));
	check(read(from_test, &go, 1) == 1);
	check(close(listener) == 0);
	fn();
	_exit(0);
}

PROGRAM void program_attach(struct program_rig *r, int pidfd, int to_test)
{
	struct nerr err = NERR_INIT;
	int number = -1, fd;

	assert_int_equal(read(to_test, &number, sizeof(number)), (ssize_t)sizeof(number));
	fd = (int)syscall(SYS_pidfd_getfd, pidfd, number, 0);
	assert_true(fd >= 0);
	if (attach_add_listener(r->a, fd, &err) < 0)
		fail_msg("%s", err.msg);
}

/* Run @fn as a program, to its end; it has gone from the layer then. */
PROGRAM void program(struct program_rig *r, void (*fn)(void))
{
	int to_test[2], from_test[2], status, pidfd;
	const unsigned int gone = r->gone;
	struct loop_watch w = { .events = POLLIN, .ready = on_exit_of_program };
	bool exited = false;
	pid_t pid;

	assert_int_equal(pipe2(to_test, O_CLOEXEC), 0);
	assert_int_equal(pipe2(from_test, O_CLOEXEC), 0);
	(void)fflush(NULL);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0)
		program_run(to_test[1], from_test[0], fn);
	pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	assert_true(pidfd >= 0);
	(void)close(to_test[1]);
	program_attach(r, pidfd, to_test[0]);
	w.fd = pidfd;
	w.arg = &exited;
	assert_int_equal(loop_watch_add(r->loop, &w), 0);
	assert_int_equal(write(from_test[1], "g", 1), 1);
	while (!exited)
		program_turn(r);
	loop_watch_del(r->loop, &w);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	while (r->gone == gone)
		program_turn(r);
	(void)close(pidfd);
	(void)close(to_test[0]);
	(void)close(from_test[0]);
	(void)close(from_test[1]);
	assert_int_equal(status, 0);
}

/* Until nothing of the program is left: what it closed is seen, and its connections end. */
PROGRAM void program_settle(struct program_rig *r)
{
	struct attach_stats s;

	for (;;) {
		attach_stats(r->a, &s);
		if (!s.sockets)
			return;
		program_turn(r);
	}
}

PROGRAM int program_teardown(void **state)
{
	struct program_rig *r = *state;

	program_settle(r);
	attach_free(r->a);
	netstack_free(r->st);
	free(r);
	return 0;
}

/* --- in the program --- */

PROGRAM struct sockaddr_in addr_of(const char *ip, uint16_t port)
{
	struct sockaddr_in sin = { .sin_family = AF_INET, .sin_port = htons(port) };

	check(inet_pton(AF_INET, ip, &sin.sin_addr) == 1);
	return sin;
}

PROGRAM int connect_to(int fd, const char *ip, uint16_t port)
{
	const struct sockaddr_in sin = addr_of(ip, port);

	return connect(fd, (const struct sockaddr *)&sin, sizeof(sin));
}

PROGRAM int tcp(int flags)
{
	int fd = socket(AF_INET, SOCK_STREAM | flags, 0);

	check(fd >= 0);
	return fd;
}

PROGRAM int sock_error(int fd)
{
	int error = -1;
	socklen_t len = sizeof(error);

	check(getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) == 0);
	check(len == sizeof(error));
	return error;
}

/* What poll() says now, or once it says anything. */
PROGRAM int polled(int fd, int timeout_ms)
{
	struct pollfd p = { .fd = fd, .events = POLLIN | POLLOUT | POLLRDHUP | POLLPRI };

	check(poll(&p, 1, timeout_ms) >= 0);
	return p.revents;
}

/* A connection to PORT_ECHO works. */
PROGRAM void check_echo(int fd)
{
	char buf[6] = "";

	check(send(fd, "hello", 5, MSG_NOSIGNAL) == 5);
	check(recv(fd, buf, 5, MSG_WAITALL) == 5);
	check(memcmp(buf, "hello", 5) == 0);
}

#endif /* TESTS_UNIT_ATTACH_PROGRAM_H */
