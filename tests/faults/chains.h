/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * chains.h - the networks under test
 */
#ifndef TESTS_FAULTS_CHAINS_H
#define TESTS_FAULTS_CHAINS_H

#include "tests/faults/host.h"

/* NULL when there is none. */
const struct chain *chain_lookup(const char *name);
/* Place of the plugin, @c->n when it is not in the chain. */
unsigned chain_find(const struct chain *c, const char *type);

#endif /* TESTS_FAULTS_CHAINS_H */
