/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * main.c - the benchmarks in turn, ours and the kernel's in each round
 *
 *	netstack_bench [ROUNDS [BENCH...]]
 *
 * A line per benchmark: medians of all rounds.  Both ends run in one thread; the
 * figure is CPU time of user and kernel for both.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "bench.h"

#define ROUNDS_MAX 51
#define GBIT       1e9

void die(const char *what, long value)
{
	(void)fprintf(stderr, "netstack_bench: %s: %ld (%s)\n", what, value,
		      value < 0 ? strerror((int)-value) : "");
	exit(1);
}

double cpu_now(void)
{
	struct rusage u;

	(void)getrusage(RUSAGE_SELF, &u);
	return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
	       (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

/* --- what is measured: a figure for one side --- */

static double bulk(struct stack *s)
{
	const uint64_t bytes = UINT64_C(1) << 30;

	return (double)bytes * 8 / GBIT / work_bulk(s, bytes);
}

static double bulk_small(struct stack *s)
{
	const uint64_t bytes = UINT64_C(1) << 28;

	return (double)bytes * 8 / GBIT / work_bulk(s, bytes);
}

static double rr(struct stack *s, unsigned int n_conns)
{
	const unsigned int n = 200000;

	return work_rr(s, n_conns, n) * 1e6 / n;
}

static double rr_1(struct stack *s)
{
	return rr(s, 1);
}

static double rr_64(struct stack *s)
{
	return rr(s, 64);
}

static double rr_1000(struct stack *s)
{
	return rr(s, 1000);
}

static double crr(struct stack *s)
{
	const unsigned int n = 20000;

	return work_crr(s, n) * 1e6 / n;
}

/* @peer: the kernel can do the same, over loopback and over veth; it has no loopback without
 * offload
 */
static const struct bench {
	const char *name;
	const char *unit;
	double (*run)(struct stack *s);
	bool gso;
	bool peer;
} benches[] = {
	{ "tcp-bulk-mem", "Gbit/s per CPU-second, both ends", bulk, true, true },
	{ "tcp-bulk-mem-no-offload", "Gbit/s per CPU-second, both ends", bulk_small, false, false },
	{ "tcp-rr-1", "µs CPU per request, both ends", rr_1, true, true },
	{ "tcp-rr-64", "µs CPU per request, both ends", rr_64, true, true },
	{ "tcp-rr-1000", "µs CPU per request, both ends", rr_1000, true, true },
	{ "tcp-crr", "µs CPU per connection, both ends", crr, true, true },
};

static int by_value(const void *a, const void *b)
{
	const double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double median(double *v, unsigned int n)
{
	qsort(v, n, sizeof(*v), by_value);
	return v[n / 2];
}

static double once(const struct bench *b, struct stack *s)
{
	const double r = b->run(s);

	s->free(s);
	return r;
}

static void measure(const struct bench *b, unsigned int rounds)
{
	double ours[ROUNDS_MAX], peer[ROUNDS_MAX], veth[ROUNDS_MAX];

	for (unsigned int i = 0; i < rounds; i++) {
		ours[i] = once(b, ours_new(b->gso));
		if (!b->peer)
			continue;
		peer[i] = once(b, kernel_new(false));
		veth[i] = once(b, kernel_new(true));
	}
	(void)printf("{\"bench\":\"%s\",\"ours\":%.2f,", b->name, median(ours, rounds));
	if (b->peer)
		(void)printf("\"peer\":%.2f,\"peer_veth\":%.2f,", median(peer, rounds),
			     median(veth, rounds));
	else
		(void)printf("\"peer\":null,");
	(void)printf("\"unit\":\"%s\",\"rounds\":%u}\n", b->unit, rounds);
	(void)fflush(stdout);
}

static void measure_memory(void)
{
	/* slabs of the kernel for an end: tcp_sock, sock_inode_cache, filp */
	static const double kernel_idle = 3392, kernel_tw = 256, kernel_syn = 320;
	struct memory_cost c;

	memory_measure(500000, &c);
	(void)printf("{\"bench\":\"tcp-mem-idle\",\"ours\":%.0f,\"peer\":%.0f,"
		     "\"unit\":\"bytes per end\"}\n",
		     c.idle, kernel_idle);
	(void)printf("{\"bench\":\"tcp-mem-time-wait\",\"ours\":%.0f,\"peer\":%.0f,"
		     "\"unit\":\"bytes\"}\n",
		     c.time_wait, kernel_tw);
	(void)printf("{\"bench\":\"tcp-mem-syn-rcvd\",\"ours\":%.0f,\"peer\":%.0f,"
		     "\"unit\":\"bytes\"}\n",
		     c.syn_rcvd, kernel_syn);
	(void)printf("{\"bench\":\"tcp-mem-million\",\"ours\":%.0f,\"peer\":null,"
		     "\"unit\":\"MiB for a million idle ends\"}\n",
		     c.idle_mib);
}

static bool is_wanted(const char *name, int argc, char **argv)
{
	for (int i = 2; i < argc; i++)
		if (strcmp(argv[i], name) == 0)
			return true;
	return argc <= 2;
}

int main(int argc, char **argv)
{
	const long rounds = argc > 1 ? strtol(argv[1], NULL, 10) : 5;

	if (rounds < 1 || rounds > ROUNDS_MAX) {
		(void)fprintf(stderr, "usage: netstack_bench [ROUNDS (1 to %d) [BENCH...]]\n",
			      ROUNDS_MAX);
		return 2;
	}
	for (size_t i = 0; i < sizeof(benches) / sizeof(benches[0]); i++)
		if (is_wanted(benches[i].name, argc, argv))
			measure(&benches[i], (unsigned int)rounds);
	if (is_wanted("tcp-mem", argc, argv))
		measure_memory();
	return 0;
}
