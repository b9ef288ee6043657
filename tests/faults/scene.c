/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/faults/scene.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

/* More findings than these say nothing new. */
#define WRONG_MAX 10

#define OTHER     0
#define CONTAINER 1

/* --- findings --- */

static const char *kind_name(enum fault_kind kind)
{
	switch (kind) {
	case FAULT_ERROR:
		return "error";
	case FAULT_STICKY:
		return "lasting error";
	case FAULT_KILL:
		return "killed";
	case FAULT_MALLOC:
		return "out of memory";
	case FAULT_NONE:
	case FAULT_WATCH:
		break;
	}
	return "no fault";
}

static void tell_status(int status)
{
	if (WIFSIGNALED(status))
		printf("killed by signal %d", WTERMSIG(status));
	else
		printf("exit status %d", WEXITSTATUS(status));
}

/* On one line, and not too much of it. */
static void tell_text(const char *name, const char *text)
{
	if (!*text)
		return;
	printf("    %s: ", name);
	for (unsigned i = 0; i < 400 && text[i]; i++)
		if (text[i] != '\n')
			(void)putchar(text[i]);
	(void)putchar('\n');
}

/* A finding: what was done, what came of it. */
static void wrong(struct scene *s, const struct trace_run *run, const char *what)
{
	s->n_wrong++;
	printf("  %s %s, %s host, %s at %u (%s): ", s->chain->plugin[s->k].type,
	       s->is_del ? "DEL" : "ADD", s->fresh ? "fresh" : "used", kind_name(run->fault.kind),
	       run->fault.at, run->what);
	tell_status(run->status);
	printf(": %s\n", what);
	tell_text("stdout", run->out);
	tell_text("stderr", run->err);
}

/* A call without a fault that went wrong: nothing after it can be trusted. */
static void must(struct scene *s, bool good, const struct trace_run *after,
		 const struct trace_run *run, const char *what)
{
	if (good)
		return;
	wrong(s, after, what);
	tell_status(run->status);
	(void)putchar('\n');
	tell_text("stdout", run->out);
	tell_text("stderr", run->err);
	(void)fflush(stdout);
	exit(1);
}

/* --- comparing --- */

/* The state as it is now; with @result, normalised. */
static struct lines state_now(const struct scene *s, const char *result)
{
	struct lines now = LINES_INIT;

	host_state(&now);
	if (result) {
		normalise(&now, CONTAINER, result, "its");
		normalise(&now, OTHER, s->other, "other's");
	}
	return now;
}

/* Nothing differs but what is @allowed. */
static bool expect(struct scene *s, const struct trace_run *run, const struct lines *want,
		   struct lines *now, const struct lines *allowed, const char *what)
{
	bool same = lines_diff(want, now, allowed, NULL) == 0;

	if (!same) {
		wrong(s, run, what);
		(void)lines_diff(want, now, allowed, stdout);
	}
	lines_done(now);
	return same;
}

static bool expect_state(struct scene *s, const struct trace_run *run, const struct lines *want,
			 const char *result, const struct lines *allowed, const char *what)
{
	struct lines now = state_now(s, result);

	return expect(s, run, want, &now, allowed, what);
}

/* "host nft FAMILY TABLE " of a line, or "". */
static void table_of(const char *line, char ret[static 128])
{
	char family[16];
	char table[64];

	ret[0] = '\0';
	if (sscanf(line, "host nft %15s %63s", family, table) == 2)
		(void)snprintf(ret, 128, "host nft %s %s ", family, table);
}

/* Of each table in @base there is all or nothing. */
static bool tables_are_whole(const struct scene *s, const struct lines *now)
{
	for (size_t i = 0; i < s->base.n; i++) {
		bool there = lines_has(now, s->base.v[i]);
		char table[128];
		char other[128];

		table_of(s->base.v[i], table);
		for (size_t k = 0; k < s->base.n && *table; k++) {
			table_of(s->base.v[k], other);
			if (strcmp(table, other) == 0 && lines_has(now, s->base.v[k]) != there)
				return false;
		}
	}
	return true;
}

static bool begins(const char *line, const char *with)
{
	return strncmp(line, with, strlen(with)) == 0;
}

/* The line is about the host's bridge, not about its ports: but that of a VLAN's gateway. */
static bool is_bridge_line(const struct scene *s, const char *line)
{
	if (begins(line, "host nft") || !begins(line, "host "))
		return false;
	if (begins(line, "host link veth") || begins(line, "host port veth"))
		return s->chain->has_vlan;
	return strstr(line, "cni0");
}

/* The bridge itself stays after a DEL, as far as it was made. */
static void drop_bridge(const struct scene *s, struct lines *l)
{
	size_t n = 0;

	for (size_t i = 0; i < l->n; i++) {
		if (is_bridge_line(s, l->v[i]))
			free(l->v[i]);
		else
			l->v[n++] = l->v[i];
	}
	l->n = n;
}

static void expect_fresh(struct scene *s, const struct trace_run *run, const struct lines *want,
			 bool bridge_may_stay, const char *what)
{
	struct lines now = state_now(s, NULL);
	bool whole = tables_are_whole(s, &now);
	struct lines copy = LINES_INIT;

	lines_copy(&copy, want);
	if (bridge_may_stay) {
		drop_bridge(s, &copy);
		drop_bridge(s, &now);
	}
	if (expect(s, run, &copy, &now, &s->base, what) && !whole)
		wrong(s, run, "a table is there in part");
	lines_done(&copy);
}

/* Lines that only one of the two has: what changed for good. */
static void changes(struct lines *ret, const struct lines *a, const struct lines *b)
{
	for (size_t i = 0; i < a->n; i++)
		if (!lines_has(b, a->v[i]))
			lines_addf(ret, "%s", a->v[i]);
	for (size_t i = 0; i < b->n; i++)
		if (!lines_has(a, b->v[i]))
			lines_addf(ret, "%s", b->v[i]);
	lines_sort(ret);
}

/* Only the lines without sysctls: some are set as far as the kernel lets us. */
static void drop_sysctls(struct lines *l)
{
	size_t n = 0;

	for (size_t i = 0; i < l->n; i++) {
		if (strstr(l->v[i], " sysctl /proc/sys/"))
			free(l->v[i]);
		else
			l->v[n++] = l->v[i];
	}
	l->n = n;
}

static void split(struct lines *ret, const char *text)
{
	while (*text) {
		size_t len = strcspn(text, "\n");

		lines_addf(ret, "%.*s", (int)len, text);
		text += len + (text[len] == '\n');
	}
}

/* --- the stage --- */

static void new_host(struct scene *s)
{
	const struct trace_run nothing = { .fault.kind = FAULT_NONE };
	struct trace_run run;
	bool good;

	host_new(s->chain, 2);
	s->other[0] = '\0';
	if (s->fresh)
		return;
	good = chain_add(s->chain, OTHER, FAULT_NONE, 0, s->chain->n, s->other, &run);
	must(s, good, &nothing, &run, "ADD of another container");
}

/* Attach container 1 as far as plugin @to. */
static void attach(struct scene *s, unsigned to, const struct trace_run *after)
{
	struct trace_run run;
	bool good;

	s->prev[0] = '\0';
	good = chain_add(s->chain, CONTAINER, FAULT_NONE, 0, to, s->prev, &run);
	must(s, good, after, &run, "ADD without a fault");
}

static void detach(struct scene *s, unsigned to, const char *prev, const struct trace_run *after)
{
	struct trace_run run;
	bool good = chain_del(s->chain, CONTAINER, s->chain->n, to, prev, &run);

	must(s, good, after, &run, "DEL without a fault");
}

/* What the whole chain makes and leaves on such a host. */
static void learn_chain(struct scene *s)
{
	const struct trace_run nothing = { .fault.kind = FAULT_NONE };
	struct trace_run run;
	struct lines after;
	struct lines clean;
	bool good;

	host_new(s->chain, 2);
	s->prev[0] = '\0';
	good = chain_add(s->chain, CONTAINER, FAULT_WATCH, 0, s->chain->n, s->prev, &run);
	must(s, good, &nothing, &run, "ADD without a fault");
	trace_on_write = NULL; /* now it is known which sysctls are written */
	new_host(s);
	clean = state_now(s, NULL);
	attach(s, s->chain->n, &nothing);
	s->want_full = state_now(s, s->prev);
	detach(s, 0, s->prev, &nothing);
	after = state_now(s, NULL);
	changes(&s->base, &clean, &after);
	/* What an ADD that fails may not do to it, one that succeeds may. */
	if (s->chain->has_bridge)
		drop_bridge(s, &s->base);
	lines_done(&after);
	lines_done(&clean);
}

/* Stand before the plugin's ADD. */
static void set_stage(struct scene *s, const struct trace_run *after)
{
	lines_done(&s->before);
	attach(s, s->k, after);
	s->before = state_now(s, NULL);
}

/* For its DEL: ADD it. */
static void arm(struct scene *s, const struct trace_run *after)
{
	struct trace_run run;
	bool good;

	memcpy(s->made, s->prev, sizeof(s->made));
	good = chain_add(s->chain, CONTAINER, FAULT_NONE, s->k, s->k + 1, s->made, &run);
	must(s, good, after, &run, "ADD without a fault");
}

static void new_stage(struct scene *s, const struct trace_run *after)
{
	new_host(s);
	lines_done(&s->clean);
	s->clean = state_now(s, NULL);
	set_stage(s, after);
	if (s->is_del)
		arm(s, after);
}

static void clear_stage(struct scene *s, const struct trace_run *after)
{
	host_clear(s->chain, &s->clean);
	set_stage(s, after);
}

static void call(struct scene *s, const char *verb, const char *prev, struct trace_run *run)
{
	chain_call(s->chain, s->k, verb, CONTAINER, *prev ? prev : NULL, run);
}

/* The call under test. */
static void call_faulty(struct scene *s, struct trace_run *run)
{
	call(s, s->is_del ? "DEL" : "ADD", s->is_del ? s->made : s->prev, run);
}

/* Without a fault: what it makes, which system calls it takes. */
static void learn_call(struct scene *s, struct trace_run *run)
{
	struct lines result = LINES_INIT;
	struct lines after;

	*run = (struct trace_run){ .fault.kind = FAULT_WATCH };
	call_faulty(s, run);
	must(s, run->status == 0, run, run, "call without a fault");
	if (s->is_del)
		return;
	lines_done(&s->want);
	lines_done(&s->want_result);
	s->want = state_now(s, run->out);
	split(&result, run->out);
	normalise(&result, CONTAINER, run->out, "its");
	s->want_result = result;
	detach(s, s->k, run->out, run);
	after = state_now(s, NULL);
	changes(&s->base, &s->before, &after);
	if (s->chain->has_bridge)
		drop_bridge(s, &s->base);
	lines_done(&after);
}

/* --- what must be true after an ADD --- */

/* One DEL of the chain, by a runtime that was given no result, and all is gone. */
static void clean_up_fresh(struct scene *s, const struct trace_run *run)
{
	detach(s, 0, NULL, run);
	expect_fresh(s, run, &s->clean, true, "left behind by DEL");
}

/* Of the plugins below the one under test nothing was touched: they stay attached. */
static void clean_up(struct scene *s, const struct trace_run *run, const char *prev)
{
	detach(s, s->k, prev, run);
	host_restore_sysctls(&s->before);
	(void)expect_state(s, run, &s->before, NULL, NULL, "left behind by DEL");
}

static void judge_success(struct scene *s, const struct trace_run *run)
{
	struct trace_run again = { .fault.kind = FAULT_NONE };
	struct lines result = LINES_INIT;
	struct lines now = state_now(s, run->out);
	struct lines want = LINES_INIT;

	s->n_good++;
	split(&result, run->out);
	normalise(&result, CONTAINER, run->out, "its");
	(void)expect(s, run, &s->want_result, &result, NULL, "success, but not the full result");
	lines_copy(&want, &s->want);
	drop_sysctls(&want);
	drop_sysctls(&now);
	(void)expect(s, run, &want, &now, NULL, "success, but not all was made");
	lines_done(&want);
	call(s, "CHECK", run->out, &again);
	if (again.status != 0)
		wrong(s, &again, "success, but CHECK does not agree");
	if (s->k == 0 && s->chain->has_net && !host_container_works(CONTAINER))
		wrong(s, run, "success, but the gateways cannot be reached");
	again = (struct trace_run){ .fault.kind = FAULT_NONE };
	call(s, "DEL", run->out, &again);
	must(s, again.status == 0, run, &again, "DEL after a success");
}

static void judge_failure(struct scene *s, const struct trace_run *run)
{
	bool reported = WIFEXITED(run->status) && WEXITSTATUS(run->status) == 1;

	/* With standard output broken for good nobody can say anything. */
	if (s->kind != FAULT_STICKY && (!reported || !is_error_object(run->out)))
		wrong(s, run, "no proper error object");
	if (s->kind == FAULT_STICKY) {
		struct trace_run del = { .fault.kind = FAULT_NONE };

		call(s, "DEL", s->prev, &del);
		must(s, del.status == 0, run, &del, "DEL after a failure");
	}
}

/* Back to where we were, seen to it that we are. */
static void expect_before(struct scene *s, const struct trace_run *run, bool was_good)
{
	bool deleted = was_good || s->kind == FAULT_STICKY;
	/* An ADD whose result cannot be delivered is taken back by a DEL. */
	bool undelivered = s->kind == FAULT_MALLOC || strstr(run->what, "memfd:out");

	if (s->fresh) {
		expect_fresh(s, run, &s->before, (deleted || undelivered) && s->k == 0,
			     "left behind");
		return;
	}
	if (deleted || undelivered)
		host_restore_sysctls(&s->before);
	(void)expect_state(s, run, &s->before, NULL, NULL, "left behind");
}

/* Nothing that an attempt left is in the way of the next. */
static void expect_next(struct scene *s, const struct trace_run *run)
{
	struct lines want = LINES_INIT;
	struct lines now;

	host_restore_sysctls(&s->clean);
	attach(s, s->chain->n, run);
	now = state_now(s, s->prev);
	lines_copy(&want, &s->want_full);
	/* A bridge that is there is not prepared again, also where the kernel refused. */
	if (s->kind != FAULT_KILL) {
		drop_sysctls(&want);
		drop_sysctls(&now);
	}
	(void)expect(s, run, &want, &now, NULL, "a complete ADD differs afterwards");
	lines_done(&want);
}

static void judge_add(struct scene *s, const struct trace_run *run)
{
	bool killed = s->kind == FAULT_KILL;

	if (!killed) {
		if (run->status == 0)
			judge_success(s, run);
		else
			judge_failure(s, run);
		expect_before(s, run, run->status == 0);
	}
	if (s->fresh) {
		clean_up_fresh(s, run);
		expect_next(s, run);
	} else if (killed) {
		clean_up(s, run, NULL);
	}
}

/* --- what must be true after a DEL --- */

static void judge_del(struct scene *s, const struct trace_run *run)
{
	if (s->kind != FAULT_KILL && run->status == 0) {
		s->n_good++;
		if (*run->out)
			wrong(s, run, "DEL says something");
		host_restore_sysctls(&s->before);
		/* What cannot be read has no owner: then it is said, and GC's matter. */
		if (!strstr(run->err, "nobody can release it"))
			(void)expect_state(s, run, &s->before, NULL, NULL,
					   "DEL says success, but left behind");
	} else if (s->kind == FAULT_ERROR || s->kind == FAULT_MALLOC) {
		if (!WIFEXITED(run->status) || !is_error_object(run->out))
			wrong(s, run, "no proper error object");
	}
	clean_up(s, run, s->made);
	arm(s, run);
}

/* --- all of it --- */

static void attempt(struct scene *s, struct fault fault, struct trace_run *run)
{
	unsigned wrong_before = s->n_wrong;

	*run = (struct trace_run){ .fault = fault };
	call_faulty(s, run);
	if (!run->struck)
		return;
	s->n_runs++;
	if (s->verbose)
		printf("  %u %s: %s%s%s\n", fault.at, run->what, run->status ? "" : "ok", run->out,
		       run->err);
	if (s->is_del)
		judge_del(s, run);
	else
		judge_add(s, run);
	if (s->n_wrong != wrong_before)
		new_stage(s, run);
	else if (s->fresh)
		clear_stage(s, run);
}

/* How many variants of the fault there are at this call. */
static unsigned count_variants(const struct scene *s, const struct trace_run *learnt, unsigned at)
{
	unsigned n = learnt->errors[at];

	switch (s->kind) {
	case FAULT_ERROR:
		/* What comes of an error is the same on a fresh host, what is there is not. */
		return s->fresh && n > 1 ? 1 : n;
	case FAULT_STICKY:
		return learnt->lasts[at];
	case FAULT_KILL:
		/* Between two calls that change nothing there is nothing new. */
		return learnt->changes[at] || at == learnt->n_calls;
	case FAULT_NONE:
	case FAULT_WATCH:
	case FAULT_MALLOC:
		break;
	}
	return 0;
}

static void attempt_calls(struct scene *s, const struct trace_run *learnt)
{
	struct trace_run run;

	for (unsigned at = 1; at <= learnt->n_calls && s->n_wrong < WRONG_MAX; at++) {
		unsigned n = at % s->every ? 0 : count_variants(s, learnt, at);

		/* One error does mostly what the other does. */
		for (unsigned v = 0; v < n; v++)
			if (s->all || v == 0 || (at + v) % 3 == 0)
				attempt(s, (struct fault){ s->kind, at, v }, &run);
	}
}

static void attempt_allocations(struct scene *s)
{
	struct trace_run run = { .struck = true };

	for (unsigned at = 1; run.struck && s->n_wrong < WRONG_MAX; at++)
		attempt(s, (struct fault){ FAULT_MALLOC, at, 0 }, &run);
}

bool scene_run(struct scene *s)
{
	const struct trace_run nothing = { .fault.kind = FAULT_NONE };
	struct trace_run learnt;

	learn_chain(s);
	new_stage(s, &nothing);
	learn_call(s, &learnt);
	new_stage(s, &nothing);
	if (s->kind == FAULT_MALLOC)
		attempt_allocations(s);
	else
		attempt_calls(s, &learnt);
	printf("%s %s, %s host, %s: %u places, %u harmless, %u wrong\n",
	       s->chain->plugin[s->k].type, s->is_del ? "DEL" : "ADD", s->fresh ? "fresh" : "used",
	       kind_name(s->kind), s->n_runs, s->n_good, s->n_wrong);
	return s->n_wrong == 0;
}
