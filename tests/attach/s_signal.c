/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * s_signal.c - signals for a process that waits in a call
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/attach/sockdiff.h"

static volatile int alarms;

static void on_alarm(int sig)
{
	(void)sig;
	alarms++;
}

static void catch (int flags)
{
	const struct sigaction sa = { .sa_handler = on_alarm, .sa_flags = flags };

	(void)sigaction(SIGUSR1, &sa, NULL); /* the signal exists */
}

/* Whether a process sleeps in the kernel: it has reached the call that blocks. */
static bool is_asleep(pid_t pid)
{
	char path[64], text[512];
	const char *at;
	ssize_t n;
	int fd;

	(void)snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	n = read(fd, text, sizeof(text) - 1);
	(void)close(fd); /* only read */
	text[n > 0 ? n : 0] = '\0';
	at = strrchr(text, ')');
	return at && at[1] && at[2] == 'S';
}

struct waker {
	pid_t who;
	int ready;
	int go; /* after the signal: does what the call waits for */
	const struct env *e;
	int slot;
	union addr at;
	char what;
};

/* A child that sends a signal to its parent once that sleeps, then lets it go on. */
static int wake(void *arg)
{
	const struct waker *w = arg;
	int rounds = 0, asleep = 0;

	/* Some times in a row: on the way to the call it may sleep for other reasons. */
	while (asleep < 30 && moment(&rounds))
		asleep = is_asleep(w->who) ? asleep + 1 : 0;
	(void)kill(w->who, SIGUSR1);
	asleep = 0;
	if (!w->go)
		return 0;
	rounds = 0;
	while (asleep < 30 && moment(&rounds))
		asleep = is_asleep(w->who) ? asleep + 1 : 0;
	if (w->what == 'a')
		(void)peer_connect(w->e, &w->at);
	else if (w->what == 'r')
		(void)ask(w->e, ASK_SEND, w->slot, 5);
	else
		(void)ask(w->e, ASK_RECV, w->slot, 100000000);
	return 0;
}

static pid_t waker(const struct env *e, struct waker *w, int flags, char what)
{
	catch (flags);
	alarms = 0;
	w->e = e;
	w->who = getpid();
	w->go = flags & SA_RESTART;
	w->what = what;
	return spawn(wake, w);
}

static void accepts(const struct env *e)
{
	struct waker w = { 0 };
	const int l = tcp_listener(e, 8, &w.at);

	for (int i = 0; i < 2; i++) {
		const pid_t pid = waker(e, &w, i ? SA_RESTART : 0, 'a');
		int r = accept(l, NULL, NULL);

		result_fd(i ? "restart" : "plain", r);
		say("signals", "%d", alarms);
		(void)reap(pid);
	}
	(void)close(l); /* over */
}

static void reads(const struct env *e)
{
	struct waker w = { 0 };
	const int fd = tcp_pair(e, &w.slot);
	char buf[16];

	for (int i = 0; i < 2; i++) {
		const pid_t pid = waker(e, &w, i ? SA_RESTART : 0, 'r');

		result(i ? "restart" : "plain", read(fd, buf, sizeof(buf)));
		say("signals", "%d", alarms);
		(void)reap(pid);
	}
	(void)close(fd); /* over */
}

static void writes(const struct env *e)
{
	static char buf[64 << 20];
	struct waker w = { 0 };
	const int fd = tcp_pair(e, &w.slot);
	pid_t pid = waker(e, &w, 0, 'w');
	ssize_t n = write(fd, buf, sizeof(buf));

	say("plain", "%s", n > 0 && n < (ssize_t)sizeof(buf) ? "part" : res(n));
	(void)reap(pid);
	(void)ask(e, ASK_RESET, w.slot, 0);
	(void)close(fd); /* over */
}

static void polls(const struct env *e)
{
	struct waker w = { 0 };
	const int fd = tcp_pair(e, &w.slot);
	const pid_t pid = waker(e, &w, 0, 'r');

	result("poll", poll(&(struct pollfd){ .fd = fd, .events = POLLIN }, 1, WAIT_MS));
	(void)reap(pid);
	(void)close(fd); /* over */
}

/* Only somebody who is not there lets connect() wait. */
static void connects(const struct env *e)
{
	const union addr to = addr_with(&e->silent, 80);
	struct waker w = { 0 };
	pid_t pid;
	int fd;

	if (e->is_local)
		return;
	fd = tcp_socket(e);
	pid = waker(e, &w, 0, 'c');
	result("plain", connect_to(fd, &to));
	(void)reap(pid);
	nonblock(fd, true);
	result("again", connect_to(fd, &to));
	/* He is asked for three seconds, and on a machine at work it may be more. */
	(void)(wait_for(fd, POLLERR) || wait_for(fd, POLLERR));
	mask_when("end", fd, POLLERR);
	so_error("error", fd);
	(void)close(fd); /* over */
}

static int kill_me(void *arg)
{
	const int fd = *(int *)arg;

	return accept(fd, NULL, NULL) < 0 ? 1 : 0;
}

/* Killed while accept() waits; the listener of the others works. */
static void killed(const struct env *e)
{
	union addr at;
	int l = tcp_listener(e, 8, &at), rounds = 0, asleep = 0;
	const pid_t pid = spawn(kill_me, &l);

	while (asleep < 30 && moment(&rounds))
		asleep = is_asleep(pid) ? asleep + 1 : 0;
	(void)kill(pid, SIGKILL);
	say("child", "%d", reap(pid));
	(void)peer_connect(e, &at);
	result_fd("accept", accept(l, NULL, NULL));
	(void)close(l); /* over */
}

const struct section sections_signal[] = {
	{ "signal-accept", accepts, true },
	{ "signal-read", reads, true },
	{ "signal-write", writes, true },
	{ "signal-poll", polls, false },
	{ "signal-connect", connects, true },
	{ "signal-kill", killed, true },
	{ 0 },
};
