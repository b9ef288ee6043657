/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * memory.c - bytes per connection: idle, in TIME-WAIT, in SYN-RCVD
 *
 * All that the instances have allocated counts, tables and descriptors included, less what
 * they held after the first few connections: pools keep packets that they needed once.
 */
#include <errno.h>

#include "bench.h"

#define PORT    6000
#define WARM_UP 1000
#define AT_ONCE 256

static void establish(struct stack *s, const int *listeners, unsigned int n)
{
	unsigned int accepted = 0;

	for (unsigned int i = 0; i < n;) {
		for (unsigned int k = 0; k < AT_ONCE && i < n; k++, i++) {
			int fd = s->connect(s, 1 + i % ADDRESSES,
					    (uint16_t)(PORT + i / ADDRESSES % ADDRESSES));

			if (fd < 0)
				die("connect", fd);
		}
		s->turn(s);
		for (unsigned int l = 0; l < ADDRESSES; l++)
			while (s->accept(s, listeners[l]) >= 0)
				accepted++;
		s->turn(s);
	}
	if (accepted != n)
		die("connections accepted", accepted);
}

static void listen_all(struct stack *s, int *ret)
{
	for (unsigned int l = 0; l < ADDRESSES; l++) {
		ret[l] = s->listen(s, (uint16_t)(PORT + l), 1 << 20);
		if (ret[l] < 0)
			die("listen", ret[l]);
	}
}

static uint64_t both(const struct stack *s)
{
	return ours_bytes(s, CLIENT) + ours_bytes(s, SERVER);
}

static void measure_idle(unsigned int n, struct memory_cost *ret)
{
	struct stack *s = ours_new(true);
	int listeners[ADDRESSES];
	uint64_t before;

	listen_all(s, listeners);
	establish(s, listeners, WARM_UP);
	before = both(s);
	establish(s, listeners, n - WARM_UP);
	ret->idle = (double)(both(s) - before) / (n - WARM_UP) / 2;
	ret->idle_mib = (double)both(s) / (1 << 20);
	s->free(s);
}

/* The client closes first, so it has them. */
static void measure_time_wait(unsigned int n, struct memory_cost *ret)
{
	struct stack *s = ours_new(true);
	uint64_t before;

	(void)work_crr(s, WARM_UP);
	before = ours_bytes(s, CLIENT);
	(void)work_crr(s, n);
	ret->time_wait = (double)(ours_bytes(s, CLIENT) - before) / n;
	s->free(s);
}

static void measure_syn_rcvd(unsigned int n, struct memory_cost *ret)
{
	struct stack *s = ours_new(true);
	int listeners[ADDRESSES];
	uint64_t before;

	listen_all(s, listeners);
	establish(s, listeners, WARM_UP);
	ours_cut(s);
	before = ours_bytes(s, SERVER);
	for (unsigned int i = 0; i < n; i++) {
		int fd = s->connect(s, 1 + i % ADDRESSES,
				    (uint16_t)(PORT + i / ADDRESSES % ADDRESSES));

		if (fd < 0)
			die("connect", fd);
		if (i % AT_ONCE == 0)
			s->turn(s);
	}
	s->turn(s);
	ret->syn_rcvd = (double)(ours_bytes(s, SERVER) - before) / n;
	s->free(s);
}

void memory_measure(unsigned int n_conns, struct memory_cost *ret)
{
	measure_idle(n_conns, ret);
	measure_time_wait(100000, ret);
	measure_syn_rcvd(100000, ret);
}
