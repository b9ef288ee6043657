/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What the modes share, peers, and main().
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/attach/hostile/hostile.h"

struct sockaddr_in peer, hole;

/* --- blocks --- */

void __attribute__((noreturn, format(printf, 1, 2))) die(const char *fmt, ...)
{
	const int e = errno;
	va_list ap;

	va_start(ap, fmt);
	(void)fprintf(stderr, "hostile: ");
	(void)vfprintf(stderr, fmt, ap);
	(void)fprintf(stderr, " (%s)\n", strerrorname_np(e));
	va_end(ap);
	_exit(1);
}

int must(int r, const char *what)
{
	if (r < 0)
		die("%s", what);
	return r;
}

uint32_t chance(uint64_t *state)
{
	*state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (uint32_t)(*state >> 33);
}

void moment(void)
{
	(void)poll(NULL, 0, 1);
}

struct sockaddr_in to_addr(const char *addr, const char *port)
{
	struct sockaddr_in a = { .sin_family = AF_INET,
				 .sin_port = htons((uint16_t)strtoul(port, NULL, 10)) };

	if (inet_pton(AF_INET, addr, &a.sin_addr) != 1)
		die("no address: %s", addr);
	return a;
}

int tcp(void)
{
	return must(AGAIN(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)), "socket");
}

struct sockaddr_in name_of(int fd)
{
	struct sockaddr_in a = { .sin_family = 0 };
	socklen_t len = sizeof(a);

	must(AGAIN(getsockname(fd, (struct sockaddr *)&a, &len)), "getsockname");
	return a;
}

int listener(uint16_t port, int backlog)
{
	struct sockaddr_in any = { .sin_family = AF_INET, .sin_port = htons(port) };
	int fd = tcp();

	must(AGAIN(bind(fd, (struct sockaddr *)&any, sizeof(any))), "bind");
	must(AGAIN(listen(fd, backlog)), "listen");
	return fd;
}

/* One that was interrupted goes on by itself, unless that was before the stack heard of it: who
 * asks again finds it out.
 */
int try_connect(int fd, const struct sockaddr_in *to)
{
	int r = AGAIN(connect(fd, (const struct sockaddr *)to, sizeof(*to)));

	return r < 0 && errno == EISCONN ? 0 : r;
}

int connected(const struct sockaddr_in *to)
{
	int fd = tcp();

	must(try_connect(fd, to), "connect");
	return fd;
}

void send_all(int fd, const void *data, size_t len)
{
	for (size_t done = 0; done < len;)
		done += (size_t)must(
			AGAIN(send(fd, (const char *)data + done, len - done, MSG_NOSIGNAL)),
			"send");
}

/* False at the end of the stream, or after a reset. */
bool recv_all(int fd, void *data, size_t len)
{
	for (size_t done = 0; done < len;) {
		int n = AGAIN(recv(fd, (char *)data + done, len - done, 0));

		if (n <= 0)
			return false;
		done += (size_t)n;
	}
	return true;
}

void ask_once(const struct sockaddr_in *to, uint64_t id)
{
	uint64_t got = 0;
	int fd = connected(to);

	send_all(fd, &id, sizeof(id));
	if (!recv_all(fd, &got, sizeof(got)))
		die("no answer to %lu", (unsigned long)id);
	if (got != id)
		die("%lu was sent, %lu came back", (unsigned long)id, (unsigned long)got);
	(void)close(fd);
}

/* The number of the call that a task waits in, -1. */
static long waits_in(pid_t pid)
{
	char path[64], text[32] = "";
	char *end;
	long nr;
	int fd;

	(void)snprintf(path, sizeof(path), "/proc/%d/syscall", (int)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -1;
	if (read(fd, text, sizeof(text) - 1) < 0)
		text[0] = '\0';
	(void)close(fd);
	nr = strtol(text, &end, 10);
	return end == text ? -1 : nr;
}

void wait_in(pid_t pid, long nr)
{
	for (unsigned int i = 0; i < 10000; i++) {
		if (waits_in(pid) == nr)
			return;
		moment();
	}
	die("process %d does not wait in call %ld", (int)pid, nr);
}

void end_well(pid_t pid, const char *what)
{
	int status = 0;

	must(AGAIN(waitpid(pid, &status, 0)), "waitpid");
	if (!WIFEXITED(status) || WEXITSTATUS(status))
		die("%s: status %#x", what, (unsigned int)status);
}

pid_t start(void)
{
	pid_t pid = must(fork(), "fork");

	if (pid == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		(void)alarm(LIFE_S);
	}
	return pid;
}

pthread_t thread(void *(*fn)(void *), void *arg)
{
	pthread_attr_t attr;
	pthread_t t;

	(void)pthread_attr_init(&attr);
	(void)pthread_attr_setstacksize(&attr, 128 * 1024);
	errno = pthread_create(&t, &attr, fn, arg);
	if (errno)
		die("pthread_create");
	return t;
}

void nothing(int sig)
{
	(void)sig;
}

/* --- peers --- */

void *echo(void *arg)
{
	int fd = (int)(intptr_t)arg;
	char buf[65536];
	ssize_t n;

	while ((n = recv(fd, buf, sizeof(buf), 0)) > 0)
		for (ssize_t done = 0, k; done < n; done += k) {
			k = send(fd, buf + done, (size_t)(n - done), MSG_NOSIGNAL);
			if (k < 0)
				goto out;
		}
out:
	(void)close(fd);
	return NULL;
}

int serve(char **argv)
{
	int l = listener((uint16_t)strtoul(argv[0], NULL, 10), 1024);

	(void)alarm(0);
	(void)puts("ready");
	(void)fflush(stdout);
	for (;;) {
		int fd = accept(l, NULL, NULL);

		if (fd < 0)
			moment();
		else
			(void)pthread_detach(thread(echo, (void *)(intptr_t)fd));
	}
	return 0;
}

int ask(char **argv)
{
	const unsigned long n = strtoul(argv[2], NULL, 10);

	for (unsigned long i = 0; i < n; i++)
		ask_once(&peer, i);
	return 0;
}

/* What goes out and what comes back have the same hash, FNV's. */
static void transfer_once(uint64_t seed)
{
	static uint8_t out[8192], in[8192];
	uint64_t sent = UINT64_C(0xcbf29ce484222325), got = sent;
	int fd = connected(&peer);

	for (unsigned int i = 0; i < 64; i++) {
		for (size_t k = 0; k < sizeof(out); k++) {
			out[k] = (uint8_t)chance(&seed);
			sent = (sent ^ out[k]) * UINT64_C(0x100000001b3);
		}
		send_all(fd, out, sizeof(out));
		if (!recv_all(fd, in, sizeof(in)))
			die("connection lost");
		for (size_t k = 0; k < sizeof(in); k++)
			got = (got ^ in[k]) * UINT64_C(0x100000001b3);
	}
	if (sent != got)
		die("other data came back");
	(void)close(fd);
}

int transfer(char **argv)
{
	unsigned int n = 0;

	for (;; n++) {
		transfer_once(n);
		(void)alarm(LIFE_S);
		if (access(argv[2], F_OK) == 0)
			break;
	}
	(void)printf("%u transfers\n", n + 1);
	return 0;
}

/* --- main --- */

static const struct mode {
	const char *name;
	int n_args;
	bool has_peer;
	bool has_hole;
	int (*fn)(char **argv);
} modes[] = {
	{ "serve", 1, false, false, serve },      { "ask", 3, true, false, ask },
	{ "transfer", 3, true, false, transfer }, { "blocked", 3, true, true, blocked },
	{ "killed", 4, true, true, killed },      { "signals", 3, true, true, signals },
	{ "accepts", 2, false, false, accepts },  { "threads", 4, true, false, threads },
	{ "limit", 2, true, false, limit },       { "many", 2, true, false, many },
	{ "flip", 2, true, false, flip },         { "odd", 3, true, true, odd },
	{ "unused", 1, false, false, unused },    { "fuzz", 4, true, false, fuzz },
	{ "silent", 1, false, false, silent },    { "linger", 3, true, false, linger },
	{ "memory", 0, false, false, memory },
};

int main(int argc, char **argv)
{
	for (size_t i = 0; i < COUNT(modes); i++) {
		const struct mode *m = &modes[i];

		if (argc != m->n_args + 2 || strcmp(argv[1], m->name))
			continue;
		if (m->has_peer)
			peer = to_addr(argv[2], argv[3]);
		if (m->has_hole)
			hole = to_addr(argv[4], argv[3]);
		(void)alarm(LIFE_S);
		return m->fn(argv + 2);
	}
	(void)fprintf(stderr, "hostile: wrong usage\n");
	return 2;
}
