/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/faults/parallel.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/faults/host.h"
#include "tests/faults/lines.h"

/* What came of one container's calls, in memory shared with the process that made them. */
struct outcome {
	bool good;
	char result[TRACE_TEXT_LEN];
	struct trace_run last;
};

/**
 * struct race - One round
 * @n_calls:	System calls of the first plugin's ADD when it is not the first on its host
 * @shift:	Where the errors hit
 */
struct race {
	const struct chain *chain;
	bool mixed;
	unsigned n_calls;
	unsigned shift;
	struct outcome *out;
	unsigned n_wrong;
};

static bool is_hit(const struct race *race, unsigned i)
{
	return race->mixed && i % 2;
}

static void wrong(struct race *race, unsigned i, const char *what)
{
	const struct outcome *o = &race->out[i];

	race->n_wrong++;
	printf("  container %u: %s\n    %s\n    status %x: %.300s %.300s\n", i, what, o->last.what,
	       (unsigned)o->last.status, o->last.out, o->last.err);
}

/* --- the calls --- */

static void add(const struct race *race, unsigned i)
{
	struct outcome *o = &race->out[i];

	o->result[0] = '\0';
	if (is_hit(race, i)) {
		o->last = (struct trace_run){ .fault = { FAULT_ERROR,
							 race->n_calls - race->shift - i, 0 } };
		chain_call(race->chain, 0, "ADD", i, NULL, &o->last);
		o->good = o->last.status == 0;
		if (!o->good)
			return;
		memcpy(o->result, o->last.out, TRACE_TEXT_LEN);
	}
	o->good = chain_add(race->chain, i, FAULT_NONE, is_hit(race, i), race->chain->n, o->result,
			    &o->last);
}

static void del(const struct race *race, unsigned i)
{
	struct outcome *o = &race->out[i];

	o->good = chain_del(race->chain, i, race->chain->n, 0, *o->result ? o->result : NULL,
			    &o->last);
}

static void wait_one(void)
{
	int status;

	while (wait(&status) < 0)
		if (errno != EINTR)
			die("cannot wait: %m");
	if (status != 0)
		die("a process of the test failed");
}

/* @call for each container, some at a time. */
static void for_all(const struct race *race, void (*call)(const struct race *race, unsigned i))
{
	unsigned n_running = 0;

	(void)fflush(stdout);
	for (unsigned i = 0; i < PARALLEL_CONTAINERS; i++) {
		pid_t pid;

		if (n_running == PARALLEL_WIDTH) {
			wait_one();
			n_running--;
		}
		pid = fork();
		if (pid < 0)
			die("cannot fork: %m");
		if (pid == 0) {
			call(race, i);
			_exit(0);
		}
		n_running++;
	}
	while (n_running--)
		wait_one();
}

/* --- what must be true --- */

/* Every address of @result; no other container has it. */
static void check_addresses(struct race *race, unsigned i, struct lines *seen)
{
	const char *at = race->out[i].result;
	unsigned n = 0;

	for (; (at = strstr(at, "\"address\": \"")); n++) {
		char addr[64];

		at += strlen("\"address\": \"");
		(void)snprintf(addr, sizeof(addr), "%.*s", (int)strcspn(at, "\""), at);
		if (lines_has(seen, addr))
			wrong(race, i, "its address is another container's, too");
		lines_addf(seen, "%s", addr);
		lines_sort(seen);
	}
	if (n != 2)
		wrong(race, i, "not two addresses");
}

static size_t count_lines(const struct lines *l, const char *begin, const char *part)
{
	size_t n = 0;

	for (size_t i = 0; i < l->n; i++)
		n += strncmp(l->v[i], begin, strlen(begin)) == 0 && strstr(l->v[i], part);
	return n;
}

static void check_adds(struct race *race)
{
	struct lines seen = LINES_INIT;
	struct lines now = LINES_INIT;
	unsigned n_good = 0;

	for (unsigned i = 0; i < PARALLEL_CONTAINERS; i++) {
		const struct outcome *o = &race->out[i];

		if (!o->good && !is_hit(race, i))
			wrong(race, i, "ADD failed");
		if (!o->good && !is_error_object(o->last.out))
			wrong(race, i, "no proper error object");
		if (!o->good)
			continue;
		n_good++;
		check_addresses(race, i, &seen);
		if (!host_container_works(i))
			wrong(race, i, "the gateways cannot be reached");
	}
	host_state(&now);
	if (count_lines(&now, "host link veth", "") != n_good)
		wrong(race, 0, "not as many ports as attachments");
	if (count_lines(&now, "file /var/lib/cni/networks/faults/", "eth0") != 2 * n_good)
		wrong(race, 0, "not as many leases as addresses");
	printf("  %u of %u attached\n", n_good, PARALLEL_CONTAINERS);
	lines_done(&seen);
	lines_done(&now);
}

/* As it is at the end.  host-local's index of many reservations may stay. */
static void read_end(struct lines *ret)
{
	size_t n = 0;

	host_state(ret);
	mask_bridge(ret);
	for (size_t i = 0; i < ret->n; i++) {
		if (strncmp(ret->v[i], "file /run/fairlead/", 19) == 0)
			free(ret->v[i]);
		else
			ret->v[n++] = ret->v[i];
	}
	ret->n = n;
}

static void check_dels(struct race *race, const struct lines *want)
{
	struct lines now = LINES_INIT;

	for (unsigned i = 0; i < PARALLEL_CONTAINERS; i++)
		if (!race->out[i].good)
			wrong(race, i, "DEL failed");
	read_end(&now);
	if (lines_diff(want, &now, NULL, NULL)) {
		wrong(race, 0, "other things are left than after one container");
		(void)lines_diff(want, &now, NULL, stdout);
	}
	lines_done(&now);
}

/* What one container leaves, and how many calls the next ADD takes. */
static void learn(struct race *race, struct lines *ret)
{
	char result[TRACE_TEXT_LEN] = "";
	struct trace_run run;

	host_new(race->chain, PARALLEL_CONTAINERS);
	if (!chain_add(race->chain, 0, FAULT_NONE, 0, race->chain->n, result, &run))
		die("ADD of one container: %s", run.out);
	run = (struct trace_run){ .fault.kind = FAULT_WATCH };
	chain_call(race->chain, 0, "ADD", 1, NULL, &run);
	race->n_calls = run.n_calls;
	if (!chain_del(race->chain, 1, race->chain->n, 0, NULL, &run) ||
	    !chain_del(race->chain, 0, race->chain->n, 0, result, &run))
		die("DEL of one container: %s", run.out);
	read_end(ret);
}

bool parallel_run(const struct chain *c, unsigned rounds, bool mixed)
{
	struct race race = { .chain = c, .mixed = mixed };
	size_t size = sizeof(struct outcome) * PARALLEL_CONTAINERS;
	struct lines want = LINES_INIT;

	race.out = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (race.out == MAP_FAILED)
		die("out of memory");
	learn(&race, &want);
	for (unsigned round = 0; round < rounds && !race.n_wrong; round++) {
		race.shift = round;
		host_new(race.chain, PARALLEL_CONTAINERS);
		for_all(&race, add);
		check_adds(&race);
		for_all(&race, del);
		check_dels(&race, &want);
	}
	lines_done(&want);
	(void)munmap(race.out, size); /* its own mapping */
	printf("%u at a time, %s: %u wrong\n", PARALLEL_WIDTH,
	       mixed ? "every other one hit by an error" : "no faults", race.n_wrong);
	return race.n_wrong == 0;
}
