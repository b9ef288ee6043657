/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * parallel.h - many first ADDs at once on a fresh host
 */
#ifndef TESTS_FAULTS_PARALLEL_H
#define TESTS_FAULTS_PARALLEL_H

#include <stdbool.h>

struct chain;

#define PARALLEL_CONTAINERS 40
#define PARALLEL_WIDTH      8

/**
 * parallel_run() - ADD all containers, PARALLEL_WIDTH at a time, then DEL them so
 * @c:		Each container's chain
 * @rounds:	How often, each time on a fresh host
 * @mixed:	The first plugin of every other container is hit by an error, late in its ADD
 *		and each at another call
 *
 * Every ADD that says success works and has addresses of its own; every one that was not
 * hit succeeds; one that fails says why and leaves no port and no lease; at the end there
 * is what the ADD and DEL of a single container leave, each rule once.
 *
 * Return: true when nothing was found
 */
bool parallel_run(const struct chain *c, unsigned rounds, bool mixed);

#endif /* TESTS_FAULTS_PARALLEL_H */
