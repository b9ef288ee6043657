/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * faults CHAIN PLUGIN VERB HOST KIND	(scene.h)
 * faults CHAIN parallel|mixed ROUNDS	(parallel.h)
 *
 *	CHAIN	bridge, guarded, ptp, loopback (chains.c)
 *	PLUGIN	of the chain
 *	VERB	ADD, DEL
 *	HOST	used, fresh
 *	KIND	error, lasting, kill, memory
 *
 * Exit status 0 when nothing was found, 1 when something was, 2 when the test is broken.
 * FAULTS_ALL=1 tries every error at every place, else some are left out; FAULTS_EVERY=N
 * tries each N-th place only; FAULTS_VERBOSE=1 tells each outcome.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/faults/chains.h"
#include "tests/faults/lines.h"
#include "tests/faults/parallel.h"
#include "tests/faults/scene.h"

static enum fault_kind kind_of(const char *name)
{
	static const struct {
		const char *name;
		enum fault_kind kind;
	} kinds[] = {
		{ "error", FAULT_ERROR },
		{ "lasting", FAULT_STICKY },
		{ "kill", FAULT_KILL },
		{ "memory", FAULT_MALLOC },
	};

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (strcmp(kinds[i].name, name) == 0)
			return kinds[i].kind;
	die("there is no kind '%s'", name);
}

static unsigned every(void)
{
	const char *text = getenv("FAULTS_EVERY");
	unsigned long n = text ? strtoul(text, NULL, 10) : 1;

	return n ? (unsigned)n : 1;
}

static int run_scene(const struct chain *c, char **argv)
{
	static struct scene s;

	s.chain = c;
	s.k = chain_find(s.chain, argv[2]);
	if (s.k == s.chain->n)
		die("chain '%s' has no plugin '%s'", argv[1], argv[2]);
	s.is_del = strcmp(argv[3], "DEL") == 0;
	s.fresh = strcmp(argv[4], "fresh") == 0;
	s.kind = kind_of(argv[5]);
	s.every = every();
	s.all = getenv("FAULTS_ALL") != NULL;
	s.verbose = getenv("FAULTS_VERBOSE") != NULL;
	host_init();
	return scene_run(&s) ? 0 : 1;
}

static int run_parallel(const struct chain *c, char **argv)
{
	bool mixed = strcmp(argv[2], "mixed") == 0;

	host_init();
	trace_on_write = NULL; /* sysctls are other tests' matter */
	return parallel_run(c, (unsigned)strtoul(argv[3], NULL, 10), mixed) ? 0 : 1;
}

int main(int argc, char **argv)
{
	const struct chain *c = argc > 1 ? chain_lookup(argv[1]) : NULL;

	if (!c || (argc != 4 && argc != 6))
		die("usage: faults CHAIN PLUGIN VERB HOST KIND, or CHAIN parallel|mixed ROUNDS");
	return argc == 6 ? run_scene(c, argv) : run_parallel(c, argv);
}
