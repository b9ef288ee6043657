/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * scene.h - one plugin of a chain, one verb, one kind of fault, at every place in turn
 *
 * Theory of operation
 *
 * Container 1 is attached as far as the plugin before the one under test; that is the
 * state "before".  Then the plugin is called again and again, each time with the fault one
 * call later, until it ends before the fault comes.  After each:
 *
 * ADD, failed	exit status 1, an error object that names something, and the state is
 *		"before" again, without any DEL.  A lasting error may hit the undoing
 *		itself: then one DEL leads there
 * ADD, went well (the fault was harmless) result and state are those of an ADD without a
 *		fault, CHECK agrees, the gateways answer; one DEL leads back to "before"
 * ADD, killed	one DEL of the chain, from its end to the plugin under test and without a
 *		result, leads back to "before"
 * DEL, failed	an error object; then one DEL of the chain leads back to "before"
 * DEL, went well the state is "before"
 * DEL, killed	one DEL of the chain leads back to "before"
 *
 * On a used host container 0 is attached all the time, and what is made once per host is
 * there: nothing may change but by container 1.  On a fresh host each attempt is the first
 * ever.  Then the shared tables and chains may stay, as a DEL leaves them, too, but each
 * table whole or not at all; and a complete ADD afterwards must lead to the same state as
 * on an untouched host.
 */
#ifndef TESTS_FAULTS_SCENE_H
#define TESTS_FAULTS_SCENE_H

#include "tests/faults/host.h"
#include "tests/faults/lines.h"

/**
 * struct scene - What is tested, and what was found
 * @k:		Plugin of @chain
 * @is_del:	Its DEL is under test, else its ADD
 * @every:	Only each @every-th place is tried; 1 for all
 * @all:	Every error that a call can answer; else some of them are left out
 * @verbose:	Tell each outcome
 * @clean:	State without container 1
 * @before:	State before the plugin's ADD
 * @want:	State after its ADD without a fault, normalised
 * @want_full:	State after the whole chain, normalised
 * @base:	What ADD and DEL of the whole chain change for good
 * @prev:	prevResult before the plugin
 * @made:	What its ADD answered, for its DEL
 * @other:	Result of container 0
 * @want_result: What ADD answers, normalised
 */
struct scene {
	const struct chain *chain;
	unsigned k;
	bool is_del;
	enum fault_kind kind;
	bool fresh;
	unsigned every;
	bool all;
	bool verbose;

	struct lines clean;
	struct lines before;
	struct lines want;
	struct lines want_full;
	struct lines base;
	char prev[TRACE_TEXT_LEN];
	char made[TRACE_TEXT_LEN];
	char other[TRACE_TEXT_LEN];
	struct lines want_result;

	unsigned n_runs;
	unsigned n_good;
	unsigned n_wrong;
};

/* Run it. Return: true when nothing was found. */
bool scene_run(struct scene *s);

#endif /* TESTS_FAULTS_SCENE_H */
