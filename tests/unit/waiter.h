/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * waiter.h - do something as soon as the test's own thread sleeps
 *
 *	waiter_start(&w, make_it_happen, arg);
 *	wait_for_it();
 *	waiter_join(&w);
 *
 * So the event is sure to come while the code under test waits for it, not before.
 */
#ifndef TESTS_UNIT_WAITER_H
#define TESTS_UNIT_WAITER_H

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

/**
 * struct waiter - The thread that acts
 * @tid:	Thread that is to sleep
 * @slept:	It did.  Read it after waiter_join()
 */
struct waiter {
	pthread_t thread;
	pid_t tid;
	void (*fn)(void *arg);
	void *arg;
	bool slept;
};

/* The thread sleeps, and what we test sleeps nowhere but in poll(2).  Waiting for a lock of the
 * kernel is another state ("D").
 */
static bool waiter_sleeps(pid_t tid)
{
	char path[64];
	char text[256] = "";
	const char *end;
	int fd;

	(void)snprintf(path, sizeof(path), "/proc/self/task/%d/stat", (int)tid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	if (read(fd, text, sizeof(text) - 1) <= 0)
		text[0] = '\0';
	(void)close(fd);
	end = strrchr(text, ')'); /* "TID (name) STATE ...": the name may hold anything */
	return end && strncmp(end, ") S", 3) == 0;
}

static void *waiter_run(void *arg)
{
	struct waiter *w = arg;

	/* Bounded: 10 s of looks 1 ms apart. */
	for (unsigned i = 0; i < 10000 && !w->slept; i++) {
		w->slept = waiter_sleeps(w->tid);
		if (!w->slept)
			(void)poll(NULL, 0, 1);
	}
	w->fn(w->arg);
	return NULL;
}

static void waiter_start(struct waiter *w, void (*fn)(void *arg), void *arg)
{
	*w = (struct waiter){ .tid = (pid_t)syscall(SYS_gettid), .fn = fn, .arg = arg };
	assert_int_equal(pthread_create(&w->thread, NULL, waiter_run, w), 0);
}

static void waiter_join(struct waiter *w)
{
	assert_int_equal(pthread_join(w->thread, NULL), 0);
	assert_true(w->slept);
}

#endif /* TESTS_UNIT_WAITER_H */
