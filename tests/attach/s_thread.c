/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * s_thread.c - threads that share a socket
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "tests/attach/sockdiff.h"

struct task {
	int fd;
	char what;
	volatile pid_t tid;
	long r;
	int err;
	union addr to;
	pthread_t thread;
};

static void *work(void *arg)
{
	struct task *t = arg;
	char c;

	t->tid = (pid_t)syscall(SYS_gettid);
	if (t->what == 'a')
		t->r = accept(t->fd, NULL, NULL);
	else if (t->what == 'r')
		t->r = read(t->fd, &c, 1);
	else
		t->r = connect_to(t->fd, &t->to);
	t->err = errno;
	return NULL;
}

static bool is_asleep(pid_t tid)
{
	char path[64], text[512];
	const char *at;
	ssize_t n;
	int fd;

	(void)snprintf(path, sizeof(path), "/proc/self/task/%d/stat", tid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	n = read(fd, text, sizeof(text) - 1);
	(void)close(fd); /* only read */
	text[n > 0 ? n : 0] = '\0';
	at = strrchr(text, ')');
	return at && at[1] && at[2] == 'S';
}

/* Started, and waiting in its call. */
static void begin(struct task *t)
{
	int rounds = 0, asleep = 0;

	if (pthread_create(&t->thread, NULL, work, t) != 0)
		_exit(2);
	while (asleep < 30 && moment(&rounds))
		asleep = t->tid && is_asleep(t->tid) ? asleep + 1 : 0;
}

static void end(const char *name, struct task *t)
{
	(void)pthread_join(t->thread, NULL); /* of a thread that was made */
	errno = t->err;
	if (t->what == 'a')
		result_fd(name, (int)t->r);
	else
		result(name, t->r);
}

/* The call goes on: the kernel holds the file. */
static void close_accept(const struct env *e)
{
	union addr at;
	struct task t = { .fd = tcp_listener(e, 8, &at), .what = 'a' };

	begin(&t);
	result("close", close(t.fd));
	(void)peer_connect(e, &at);
	end("accept", &t);
}

static void close_read(const struct env *e)
{
	int slot;
	struct task t = { .fd = tcp_pair(e, &slot), .what = 'r' };

	begin(&t);
	result("close", close(t.fd));
	(void)ask(e, ASK_SEND, slot, 1);
	end("read", &t);
	say("peer", "%lld", (long long)ask(e, ASK_RECV, slot, 1).r);
}

static void shutdown_read(const struct env *e)
{
	int slot;
	struct task t = { .fd = tcp_pair(e, &slot), .what = 'r' };

	begin(&t);
	result("shutdown", shutdown(t.fd, SHUT_RDWR));
	end("read", &t);
	(void)close(t.fd); /* over */
}

static void shutdown_accept(const struct env *e)
{
	union addr at;
	struct task t = { .fd = tcp_listener(e, 8, &at), .what = 'a' };

	begin(&t);
	result("shutdown", shutdown(t.fd, SHUT_RD));
	end("accept", &t);
	mask_now("mask", t.fd);
	(void)close(t.fd); /* over */
}

static void connect_close(const struct env *e)
{
	struct task t = { .what = 'c' };
	const char *a, *b;

	if (e->is_local)
		return;
	t.to = addr_with(&e->silent, 80);
	t.fd = tcp_socket(e);
	begin(&t);
	mask_now("mask", t.fd);
	a = res(connect_to(t.fd, &t.to));
	(void)pthread_join(t.thread, NULL); /* of a thread that was made */
	errno = t.err;
	b = res(t.r);
	/* One of them, whichever is first, is told the error. */
	say("both", "%s %s", strcmp(a, b) < 0 ? a : b, strcmp(a, b) < 0 ? b : a);
	(void)close(t.fd); /* over */
}

/* As many connections as threads that wait: each gets one. */
static void accept_threads(const struct env *e)
{
	union addr at;
	const int l = tcp_listener(e, 64, &at);
	static struct task tasks[16];
	int n = 0;

	memset(tasks, 0, sizeof(tasks));
	for (size_t i = 0; i < N_ELEMS(tasks); i++) {
		tasks[i].fd = l;
		tasks[i].what = 'a';
		begin(&tasks[i]);
	}
	for (size_t i = 0; i < N_ELEMS(tasks); i++)
		(void)peer_connect(e, &at);
	for (size_t i = 0; i < N_ELEMS(tasks); i++) {
		(void)pthread_join(tasks[i].thread, NULL); /* of a thread that was made */
		n += tasks[i].r >= 0;
	}
	say("accepted", "%d", n);
	mask_now("mask", l);
	(void)close(l); /* over */
}

const struct section sections_thread[] = {
	{ "thread-close-accept", close_accept, true },
	{ "thread-close-read", close_read, true },
	{ "thread-shutdown-read", shutdown_read, true },
	{ "thread-shutdown-accept", shutdown_accept, true },
	{ "thread-connect", connect_close, true },
	{ "thread-accept", accept_threads, true },
	{ 0 },
};
