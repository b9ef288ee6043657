/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * main.c - run simulations by seed
 *
 *	sim [-v] [FIRST [COUNT]]	COUNT seeds from FIRST on, each twice with equal traces;
 *					-v: and how long each one took on its own clock
 *	sim -t SEED			one, with every packet
 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

#include "sim.h"

/* All applications are done or have failed by then: RFC 1122's R2 is a quarter of an hour. */
#define WORLD_END_NS (4 * 3600 * SIM_S)

static bool run_once(uint64_t seed, bool trace, uint64_t *ret_hash, uint64_t *ret_ns)
{
	struct world *w = world_new(seed, trace);
	bool ok;

	scenario_build(w);
	ok = world_run(w, WORLD_END_NS);
	*ret_ns = w->now_ns;
	ok = ok && world_settle(w);
	if (!ok)
		(void)printf("seed %llu: %s\n", (unsigned long long)seed, w->failure);
	*ret_hash = w->hash;
	world_free(w);
	return ok;
}

static bool run_seed(uint64_t seed, bool verbose)
{
	uint64_t first, second, ns;
	bool ok = run_once(seed, false, &first, &ns);

	if (verbose)
		(void)printf("seed %llu: %.3f s\n", (unsigned long long)seed, (double)ns / SIM_S);

	if (ok) {
		ok = run_once(seed, false, &second, &ns);
		if (ok && first != second) {
			(void)printf("seed %llu: another trace the second time\n",
				     (unsigned long long)seed);
			ok = false;
		}
	}
	if (!ok)
		(void)printf("\treplay: make sim SEED=%llu\n", (unsigned long long)seed);
	return ok;
}

static uint64_t number(const char *s)
{
	char *end;
	const unsigned long long v = strtoull(s, &end, 0);

	if (*end || end == s) {
		(void)fprintf(stderr, "sim: '%s' is no number\n", s);
		exit(2);
	}
	return v;
}

int main(int argc, char **argv)
{
	uint64_t first = 1, count = 1, failed = 0, hash, ns;
	bool trace = false, verbose = false;
	int c;

	while ((c = getopt(argc, argv, "tv")) != -1) {
		trace = trace || c == 't';
		verbose = verbose || c == 'v';
		if (c == '?') {
			(void)fprintf(stderr, "usage: sim [-v] [FIRST [COUNT]] | sim -t SEED\n");
			return 2;
		}
	}
	if (optind < argc)
		first = number(argv[optind]);
	if (optind + 1 < argc)
		count = number(argv[optind + 1]);
	if (trace)
		return run_once(first, true, &hash, &ns) ? 0 : 1;
	for (uint64_t seed = first; seed < first + count; seed++) {
		failed += !run_seed(seed, verbose);
		(void)fflush(stdout);
	}
	(void)printf("%llu passed, %llu failed, 0 skipped\n", (unsigned long long)(count - failed),
		     (unsigned long long)failed);
	return failed ? 1 : 0;
}
