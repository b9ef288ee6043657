/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Calls that are killed and interrupted.
 */
#include <errno.h>
#include <limits.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include <linux/sockios.h>

#include "tests/attach/hostile/hostile.h"

/* --- the stack is killed --- */

static int in_accept(void)
{
	return accept(listener(0, 8), NULL, NULL);
}

static int in_connect(void)
{
	return connect(tcp(), (struct sockaddr *)&hole, sizeof(hole));
}

static int in_read(void)
{
	char c;

	return (int)read(connected(&peer), &c, 1);
}

static int in_write(void)
{
	static char buf[65536];
	int fd = connected(&peer);

	while (send(fd, buf, sizeof(buf), MSG_NOSIGNAL) > 0)
		;
	return -1;
}

static int in_poll(void)
{
	struct pollfd p = { .fd = connected(&peer), .events = POLLIN };
	char c;

	(void)poll(&p, 1, -1);
	return (int)read(p.fd, &c, 1);
}

static int in_poll_listener(void)
{
	struct pollfd p = { .fd = listener(0, 8), .events = POLLIN };

	(void)poll(&p, 1, -1);
	return accept(p.fd, NULL, NULL);
}

static const struct {
	const char *name;
	int (*fn)(void);
	long nr;
} waiting[] = {
	{ "accept", in_accept, SYS_accept }, { "connect", in_connect, SYS_connect },
	{ "read", in_read, SYS_read },       { "write", in_write, SYS_sendto },
	{ "poll", in_poll, SYS_poll },       { "poll of a listener", in_poll_listener, SYS_poll },
};

int blocked(char **argv)
{
	pid_t pid[COUNT(waiting)];

	(void)argv;
	for (size_t i = 0; i < COUNT(waiting); i++) {
		pid[i] = start();
		if (pid[i])
			continue;
		if (waiting[i].fn() > 0)
			die("%s: it went well", waiting[i].name);
		(void)printf("%s: %s\n", waiting[i].name, strerrorname_np(errno));
		exit(0);
	}
	for (size_t i = 0; i < COUNT(waiting); i++)
		wait_in(pid[i], waiting[i].nr);
	(void)puts("blocked");
	(void)fflush(stdout);
	for (size_t i = 0; i < COUNT(waiting); i++)
		end_well(pid[i], waiting[i].name);
	(void)printf("socket: %s\n",
		     socket(AF_INET, SOCK_STREAM, 0) < 0 ? strerrorname_np(errno) : "0");
	return 0;
}

/* --- killed and interrupted in every call --- */

static void do_socket(void)
{
	(void)close(tcp());
}

static void do_bind(void)
{
	struct sockaddr_in any = { .sin_family = AF_INET };
	int fd = tcp();

	must(AGAIN(bind(fd, (struct sockaddr *)&any, sizeof(any))), "bind");
	(void)close(fd);
}

static void do_listen(void)
{
	(void)close(listener(0, 5));
}

static void do_connect(void)
{
	(void)close(connected(&peer));
}

static void do_ask(void)
{
	ask_once(&peer, 7);
}

/* Both sides at once: of the same process, cut through. */
static void do_local(void)
{
	int l = listener(0, 5);
	struct sockaddr_in to = name_of(l);
	int c, s;

	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	c = connected(&to);
	s = must(AGAIN(accept(l, NULL, NULL)), "accept");
	send_all(c, "x", 1);
	(void)close(l);
	(void)close(s);
	(void)close(c);
}

static void do_refused(void)
{
	struct sockaddr_in to = peer;
	int fd = tcp();

	to.sin_port = htons(1);
	if (try_connect(fd, &to) == 0 || errno != ECONNREFUSED)
		die("connect to nobody");
	(void)close(fd);
}

static void do_names(void)
{
	struct sockaddr_in a;
	socklen_t len = sizeof(a);
	int fd = connected(&peer);

	for (unsigned int i = 0; i < 10; i++) {
		if (name_of(fd).sin_port == 0)
			die("no port");
		must(AGAIN(getpeername(fd, (struct sockaddr *)&a, &len)), "getpeername");
		if (a.sin_port != peer.sin_port || a.sin_addr.s_addr != peer.sin_addr.s_addr)
			die("another peer");
	}
	(void)close(fd);
}

static void do_options(void)
{
	int fd = tcp(), v;
	socklen_t len = sizeof(v);

	for (unsigned int i = 0; i < 10; i++) {
		v = (int)i & 1;
		must(AGAIN(setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &v, sizeof(v))), "setsockopt");
		v = 5;
		must(AGAIN(getsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &v, &len)), "getsockopt");
		if (v != ((int)i & 1))
			die("TCP_NODELAY is %d", v);
		must(AGAIN(ioctl(fd, SIOCOUTQ, &v)), "SIOCOUTQ");
	}
	(void)close(fd);
}

static void do_shutdown(void)
{
	int fd = connected(&peer);
	char c;

	must(AGAIN(shutdown(fd, SHUT_WR)), "shutdown");
	if (AGAIN(read(fd, &c, 1)) != 0)
		die("no end of the stream");
	(void)close(fd);
}

static void do_sendto(void)
{
	int fd = connected(&peer);

	(void)AGAIN(sendto(fd, "x", 1, MSG_NOSIGNAL, (struct sockaddr *)&peer, sizeof(peer)));
	(void)AGAIN(send(fd, "x", 1, MSG_NOSIGNAL | MSG_OOB));
	(void)close(fd);
}

static void do_unspec(void)
{
	const struct sockaddr none = { .sa_family = AF_UNSPEC };
	int fd = connected(&peer);

	must(AGAIN(connect(fd, &none, sizeof(none))), "AF_UNSPEC");
	(void)close(fd);
}

/* Those with a number wait in that call. */
static void do_accept_blocked(void)
{
	int l = listener(0, 5), r;

	do {
		r = accept(l, NULL, NULL);
	} while (r < 0 && errno == EINTR);
	die("accept");
}

static void do_connect_blocked(void)
{
	int fd = tcp();

	if (connect(fd, (struct sockaddr *)&hole, sizeof(hole)) == 0 || errno != EINTR)
		die("connect to the hole");
	(void)close(fd);
}

static const struct op {
	const char *name;
	void (*fn)(void);
	long nr;
} ops[] = {
	{ "socket", do_socket, 0 },
	{ "bind", do_bind, 0 },
	{ "listen", do_listen, 0 },
	{ "connect", do_connect, 0 },
	{ "echo", do_ask, 0 },
	{ "local", do_local, 0 },
	{ "refused", do_refused, 0 },
	{ "names", do_names, 0 },
	{ "options", do_options, 0 },
	{ "shutdown", do_shutdown, 0 },
	{ "sendto", do_sendto, 0 },
	{ "disconnect", do_unspec, 0 },
	{ "accept that waits", do_accept_blocked, SYS_accept },
	{ "connect that waits", do_connect_blocked, SYS_connect },
};

/* Killed after so many turns of a loop. */
static void kill_one(const struct op *op, uint32_t turns)
{
	int ready[2];
	char c;
	int status = 0;
	pid_t pid;

	must(pipe(ready), "pipe");
	pid = start();
	if (pid == 0) {
		if (write(ready[1], "x", 1) != 1)
			die("write");
		for (;;)
			op->fn();
	}
	if (read(ready[0], &c, 1) != 1)
		die("read");
	if (op->nr)
		wait_in(pid, op->nr);
	for (volatile uint32_t i = 0; i < turns; i++)
		;
	(void)kill(pid, SIGKILL);
	must(waitpid(pid, &status, 0), "waitpid");
	if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGKILL)
		die("%s: status %#x", op->name, (unsigned int)status);
	(void)close(ready[0]);
	(void)close(ready[1]);
}

int killed(char **argv)
{
	const unsigned long rounds = strtoul(argv[3], NULL, 10);
	uint64_t state = 1;

	for (unsigned long i = 0; i < rounds; i++)
		for (size_t k = 0; k < COUNT(ops); k++)
			kill_one(&ops[k], chance(&state) % 1000000);
	return 0;
}

static volatile sig_atomic_t signals_left;
static uint64_t signal_chance = 3;

/* The next one, after 20 to 420 microseconds. */
static void on_alarm(int sig)
{
	struct itimerval next = { .it_value.tv_usec = 20 + chance(&signal_chance) % 400 };

	(void)sig;
	if (signals_left > 0) {
		signals_left--;
		(void)setitimer(ITIMER_REAL, &next, NULL);
	}
}

static void storm(int n, bool restart)
{
	struct sigaction sa = { .sa_handler = on_alarm, .sa_flags = restart ? SA_RESTART : 0 };

	must(sigaction(SIGALRM, &sa, NULL), "sigaction");
	signals_left = n;
	on_alarm(SIGALRM);
}

#define SIGNALS 700

int signals(char **argv)
{
	(void)argv;
	for (size_t i = 0; i < COUNT(ops) * 2; i++) {
		const struct op *op = &ops[i / 2];
		pid_t pid = op->fn == do_accept_blocked ? 0 : start();

		if (op->fn == do_accept_blocked || (op->nr && i % 2))
			continue; /* "accepts" does that; one that waits again would for ever */
		if (pid) {
			end_well(pid, op->name);
			continue;
		}
		/* What waits for a signal must get one: then there is no last. */
		storm(op->nr ? INT_MAX : SIGNALS, i % 2);
		for (unsigned int k = 0; op->nr ? k < SIGNALS / 2 : signals_left > 0; k++)
			op->fn();
		_exit(0);
	}
	return 0;
}

/* Each connection comes once, whatever has ended the call. */
int accepts(char **argv)
{
	const unsigned long n = strtoul(argv[1], NULL, 10);
	int l = listener((uint16_t)strtoul(argv[0], NULL, 10), 100);
	unsigned long interrupted = 0;

	(void)puts("ready");
	(void)fflush(stdout);
	for (unsigned long i = 0; i < n; i++) {
		uint64_t id = 0;
		int fd;

		if (signals_left == 0)
			storm(SIGNALS, i & 64);
		while ((fd = accept(l, NULL, NULL)) < 0 && errno == EINTR)
			interrupted++;
		must(fd, "accept");
		if (!recv_all(fd, &id, sizeof(id)))
			die("connection %lu was lost", i);
		if (id != i)
			die("connection %lu instead of %lu", (unsigned long)id, i);
		send_all(fd, &id, sizeof(id));
		(void)close(fd);
	}
	(void)printf("%lu accepted, %lu times interrupted\n", n, interrupted);
	return 0;
}
