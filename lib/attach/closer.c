/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Threads that close descriptors.  There is one as long as none of them waits for long: another one
 * is made when there is work, and all that there are have some.
 *
 * Of what a close waits for, SO_LINGER ends by a signal.  So when there may be no more threads
 * those that there are get one, each time; what is left then is files that do not answer.
 */
#include "attach/closer.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"

#define WAKE_SIGNAL SIGURG /* without a handler it does nothing, not even interrupt */
#define STACK_BYTES (64 << 10)
#define JOIN_NS     100000000 /* of each, at the end: they end at once unless they wait */

/**
 * struct closer - All of it
 * @work:	There is a descriptor, or the end has come
 * @fds, @n_fds, @room: To be closed
 * @threads, @n_threads: Made
 * @n_idle:	Of them, that wait for work
 * @n_open:	Descriptors that were put and are not closed
 */
struct closer {
	pthread_mutex_t lock;
	pthread_cond_t work;
	int *fds;
	unsigned int n_fds;
	unsigned int room;
	pthread_t threads[CLOSER_THREADS_MAX];
	unsigned int n_threads;
	unsigned int n_idle;
	unsigned int n_open;
	bool is_ending;
};

static void on_wake(int sig)
{
	(void)sig;
}

static void *run(void *arg)
{
	struct closer *c = arg;

	(void)pthread_mutex_lock(&c->lock); /* cannot fail, as all of its kind here */
	for (;;) {
		int fd;

		c->n_idle++;
		while (!c->n_fds && !c->is_ending)
			(void)pthread_cond_wait(&c->work, &c->lock);
		c->n_idle--;
		if (!c->n_fds)
			break;
		fd = c->fds[--c->n_fds];
		(void)pthread_mutex_unlock(&c->lock);
		(void)close(fd); /* a copy: nothing was written to it */
		(void)pthread_mutex_lock(&c->lock);
		c->n_open--;
	}
	(void)pthread_mutex_unlock(&c->lock);
	return NULL;
}

/* It gets no other signals than ours. */
static int make_thread(struct closer *c)
{
	sigset_t mask;
	sigset_t before;
	pthread_attr_t attr;
	int r;

	(void)sigfillset(&mask);
	(void)sigdelset(&mask, WAKE_SIGNAL);
	r = pthread_attr_init(&attr);
	if (r)
		return -r;
	(void)pthread_attr_setstacksize(&attr, STACK_BYTES); /* more than the least */
	(void)pthread_sigmask(SIG_SETMASK, &mask, &before);
	r = pthread_create(&c->threads[c->n_threads], &attr, run, c);
	(void)pthread_sigmask(SIG_SETMASK, &before, NULL);
	(void)pthread_attr_destroy(&attr);
	if (r == 0)
		c->n_threads++;
	return -r;
}

/* False: no memory */
static bool add(struct closer *c, int fd)
{
	if (c->n_fds == c->room) {
		const unsigned int room = c->room ? c->room * 2 : 16;
		int *fds = reallocarray(c->fds, room, sizeof(*fds));

		if (!fds)
			return false;
		c->fds = fds;
		c->room = room;
	}
	c->fds[c->n_fds++] = fd;
	c->n_open++;
	return true;
}

static void wake_those_that_wait(struct closer *c)
{
	for (unsigned int i = 0; i < c->n_threads; i++)
		(void)pthread_kill(c->threads[i], WAKE_SIGNAL); /* it is there */
}

/* Sockets of datagrams have nothing to wait for.  Nor has one of AF_UNIX, but in its queue may be
 * descriptors, whose last copies they are.
 */
static bool may_wait(int fd)
{
	struct pollfd queue = { .fd = fd, .events = POLLIN };
	int domain = 0, type = 0;
	socklen_t len = sizeof(int);

	if (getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &len) < 0 ||
	    getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) < 0)
		return true;
	if (domain == AF_UNIX)
		return poll(&queue, 1, 0) != 0 && queue.revents & POLLIN;
	return type == SOCK_STREAM || type == SOCK_SEQPACKET;
}

void closer_put(struct closer *c, int fd)
{
	bool is_taken;

	if (!may_wait(fd)) {
		(void)close(fd); /* a copy */
		return;
	}
	(void)pthread_mutex_lock(&c->lock);
	is_taken = add(c, fd);
	/* Without a thread it is left to the next time, or the end. */
	if (is_taken && c->n_idle < c->n_fds &&
	    (c->n_threads == CLOSER_THREADS_MAX || make_thread(c) < 0))
		wake_those_that_wait(c);
	(void)pthread_cond_signal(&c->work);
	(void)pthread_mutex_unlock(&c->lock);
	if (!is_taken)
		(void)close(fd); /* no memory: it is as likely to wait as not */
}

unsigned int closer_left(struct closer *c)
{
	unsigned int n;

	(void)pthread_mutex_lock(&c->lock);
	n = c->n_open;
	(void)pthread_mutex_unlock(&c->lock);
	return n;
}

int closer_new(struct closer **ret)
{
	const struct sigaction wake = { .sa_handler = on_wake };
	struct closer *c = calloc(1, sizeof(*c));

	if (!c)
		return -ENOMEM;
	(void)sigaction(WAKE_SIGNAL, &wake, NULL); /* there is such a signal */
	(void)pthread_mutex_init(&c->lock, NULL);
	(void)pthread_cond_init(&c->work, NULL);
	*ret = c;
	return 0;
}

/* True when it has ended. */
static bool join(pthread_t thread)
{
	struct timespec end;

	(void)clock_gettime(CLOCK_REALTIME, &end); /* cannot fail */
	end.tv_nsec += JOIN_NS;
	if (end.tv_nsec >= 1000000000) {
		end.tv_nsec -= 1000000000;
		end.tv_sec++;
	}
	return pthread_timedjoin_np(thread, NULL, &end) == 0;
}

void closer_free(struct closer *c)
{
	bool is_over = true;

	if (!c)
		return;
	(void)pthread_mutex_lock(&c->lock);
	c->is_ending = true;
	wake_those_that_wait(c);
	(void)pthread_cond_broadcast(&c->work);
	(void)pthread_mutex_unlock(&c->lock);
	for (unsigned int i = 0; i < c->n_threads; i++)
		is_over = join(c->threads[i]) && is_over;
	if (!is_over)
		return; /* it is still looked at */
	for (unsigned int i = 0; i < c->n_fds; i++)
		(void)close(c->fds[i]); /* there was no thread */
	free(c->fds);
	(void)pthread_cond_destroy(&c->work);
	(void)pthread_mutex_destroy(&c->lock);
	free(c);
}
