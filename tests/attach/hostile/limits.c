/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Many at once, too few descriptors, arguments that change.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/attach/hostile/hostile.h"

/* --- many threads --- */

#define ACCEPTORS 16
#define ROUNDS    6

static int threads_listener;
static struct sockaddr_in threads_own;

static void *acceptor(void *arg)
{
	for (;;) {
		int fd = accept(threads_listener, NULL, NULL);

		if (fd < 0)
			return arg; /* it is over */
		(void)echo((void *)(intptr_t)fd);
	}
}

static void *asker(void *arg)
{
	const uint64_t id = (uint64_t)(uintptr_t)arg;
	struct sockaddr_in lo = threads_own;

	lo.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	for (uint64_t i = 0; i < ROUNDS; i++)
		ask_once(i % 3 == 0 ? &peer : i % 3 == 1 ? &threads_own : &lo, id << 8 | i);
	return NULL;
}

int threads(char **argv)
{
	const unsigned long n = strtoul(argv[3], NULL, 10);
	pthread_t *t = calloc(n, sizeof(*t)), acceptors[ACCEPTORS];

	if (!t)
		die("calloc");
	threads_listener = listener(0, 16);
	threads_own = to_addr(argv[2], "0");
	threads_own.sin_port = name_of(threads_listener).sin_port;
	for (size_t i = 0; i < ACCEPTORS; i++)
		acceptors[i] = thread(acceptor, NULL);
	for (unsigned long i = 0; i < n; i++)
		t[i] = thread(asker, (void *)(uintptr_t)(i + 1));
	for (unsigned long i = 0; i < n; i++)
		(void)pthread_join(t[i], NULL);
	must(shutdown(threads_listener, SHUT_RD), "shutdown of the listener");
	for (size_t i = 0; i < ACCEPTORS; i++)
		(void)pthread_join(acceptors[i], NULL);
	free(t);
	return 0;
}

/* --- too few descriptors --- */

#define FEW   32
#define QUEUE 40

static pid_t queue_up(const struct sockaddr_in *to)
{
	int fd[QUEUE];
	char c;
	pid_t pid = start();

	if (pid)
		return pid;
	for (uint64_t i = 0; i < QUEUE; i++) {
		fd[i] = connected(to);
		send_all(fd[i], &i, sizeof(i));
	}
	for (unsigned int i = 0; i < QUEUE; i++)
		if (!recv_all(fd[i], &c, 1))
			die("connection %u was lost", i);
	_exit(0);
}

static void limit_sockets(void)
{
	int fd[FEW];
	unsigned int n = 0;

	while (n < FEW && (fd[n] = socket(AF_INET, SOCK_STREAM, 0)) >= 0)
		n++;
	if (n == FEW || errno != EMFILE)
		die("socket %u", n);
	while (n)
		(void)close(fd[--n]);
}

int limit(char **argv)
{
	const struct rlimit few = { .rlim_cur = FEW, .rlim_max = FEW };
	struct sockaddr_in to;
	unsigned int seen = 0, refused = 0;
	uint64_t id, bits = 0;
	int fd[FEW], l = listener(0, QUEUE);
	unsigned int n = 0;
	pid_t pid;

	(void)argv;
	to = name_of(l);
	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	pid = queue_up(&to);
	must(setrlimit(RLIMIT_NOFILE, &few), "setrlimit");
	while (seen < QUEUE) {
		int x = accept(l, NULL, NULL);

		if (x >= 0) {
			if (!recv_all(x, &id, sizeof(id)) || id >= QUEUE)
				die("connection without a number");
			bits |= UINT64_C(1) << id;
			seen++;
			fd[n++] = x;
			continue;
		}
		if (errno != EMFILE || !n)
			die("accept with %u open", n);
		refused++;
		send_all(fd[--n], "x", 1);
		(void)close(fd[n]);
	}
	if (!refused || bits != (UINT64_C(1) << QUEUE) - 1)
		die("%u refused, %lx seen", refused, (unsigned long)bits);
	while (n) {
		send_all(fd[--n], "x", 1);
		(void)close(fd[n]);
	}
	end_well(pid, "who connects");
	limit_sockets();
	ask_once(&peer, 1);
	return 0;
}

/* Those that are open are connections: what ends them is an error that tells of a limit. */
int many(char **argv)
{
	static int fd[4096];
	unsigned int n = 0;

	(void)argv;
	for (; n < COUNT(fd); n++) {
		fd[n] = socket(AF_INET, SOCK_STREAM, 0);
		if (fd[n] < 0)
			break;
		if (connect(fd[n], (struct sockaddr *)&peer, sizeof(peer)) == 0)
			continue;
		(void)close(fd[n]);
		break;
	}
	if (n == COUNT(fd) || (errno != ENFILE && errno != EMFILE && errno != ENOBUFS))
		die("after %u connections", n);
	(void)printf("%u connections, then %s\n", n, strerrorname_np(errno));
	for (unsigned int i = 0; i < n; i++) {
		uint64_t x = i, got = 0;

		send_all(fd[i], &x, sizeof(x));
		if (!recv_all(fd[i], &got, sizeof(got)) || got != x)
			die("connection %u of %u does not work", i, n);
	}
	while (n)
		(void)close(fd[--n]);
	for (n = 0; n < 10000; n++) {
		int x = socket(AF_INET, SOCK_STREAM, 0);
		bool ok = x >= 0 && connect(x, (struct sockaddr *)&peer, sizeof(peer)) == 0;

		if (x >= 0)
			(void)close(x);
		if (ok)
			break;
		moment();
	}
	ask_once(&peer, 1);
	return 0;
}

/* --- arguments that change --- */

static struct {
	struct sockaddr_in addr;
	socklen_t len;
	int val;
	atomic_bool over;
} flipped;

static void *flipper(void *arg)
{
	const struct sockaddr_in nobody = { .sin_family = AF_INET,
					    .sin_port = htons(1),
					    .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	static const socklen_t lens[] = { 0, 16, 3, UINT32_MAX, 1000000, 4 };

	for (unsigned int i = 0; !atomic_load(&flipped.over); i++) {
		memcpy(&flipped.addr, i & 1 ? &peer : &nobody, sizeof(peer));
		*(volatile socklen_t *)&flipped.len = lens[i % COUNT(lens)];
		*(volatile int *)&flipped.val = i & 1 ? 1 : 0;
	}
	return arg;
}

static void flip_connect(void)
{
	int fd = tcp();
	struct sockaddr_in a = { .sin_family = 0 };
	socklen_t len = sizeof(a);

	if (connect(fd, (struct sockaddr *)&flipped.addr, sizeof(flipped.addr)) == 0) {
		must(getpeername(fd, (struct sockaddr *)&a, &len), "getpeername");
		send_all(fd, "x", 1);
		if (!recv_all(fd, &len, 1))
			die("no echo of %s", inet_ntoa(a.sin_addr));
		if (a.sin_port != peer.sin_port)
			die("peer has port %u", ntohs(a.sin_port));
	} else if (errno != ECONNREFUSED && errno != ENETUNREACH && errno != ETIMEDOUT) {
		die("connect"); /* half of each address may be of a host that is not there */
	}
	(void)close(fd);
}

/* No more than the name is written, whatever its length becomes. */
static void flip_name(int fd)
{
	uint8_t buf[256];
	int r;

	memset(buf, 0x5a, sizeof(buf));
	r = getsockname(fd, (struct sockaddr *)buf, &flipped.len);
	if (r < 0 && errno != EINVAL)
		die("getsockname");
	for (size_t i = sizeof(struct sockaddr_in); i < sizeof(buf); i++)
		if (buf[i] != 0x5a)
			die("byte %zu behind the name was written", i);
}

static void flip_option(int fd)
{
	int v[8], got = 0;
	socklen_t len = sizeof(got);

	must(setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &flipped.val, sizeof(int)), "setsockopt");
	must(getsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &got, &len), "getsockopt");
	if (got != 0 && got != 1)
		die("SO_KEEPALIVE is %d", got);
	memset(v, 0x5a, sizeof(v));
	if (getsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, v, &flipped.len) < 0 && errno != EINVAL)
		die("getsockopt");
	for (size_t i = 1; i < COUNT(v); i++)
		if (v[i] != 0x5a5a5a5a)
			die("number %zu behind the value was written", i);
}

int flip(char **argv)
{
	int fd = connected(&peer);
	pthread_t t;

	(void)argv;
	flipped.addr = peer;
	t = thread(flipper, NULL);
	for (unsigned int i = 0; i < 1500; i++) {
		if (i % 5 == 0)
			flip_connect();
		flip_name(fd);
		flip_option(fd);
	}
	atomic_store(&flipped.over, true);
	(void)pthread_join(t, NULL);
	return 0;
}
