/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * transact.h - read nf_tables, decide, write; again when somebody came between
 */
#ifndef PLUGIN_TRANSACT_H
#define PLUGIN_TRANSACT_H

#include <stdbool.h>

struct nerr;
struct nft_batch;
struct nlsock;
struct plugin_nets;

/**
 * transact_build - Put a change into a batch
 * @nft:	For reading
 * @batch:	Empty
 * @depends:	Set it when the batch is right only as long as nobody else writes
 * @arg:	As given to transact()
 *
 * May be called several times.  Return: 0 or negative errno, which ends it.
 */
typedef int transact_build(struct nlsock *nft, struct nft_batch *batch, bool *depends, void *arg,
			   struct nerr *err);

/**
 * transact() - Build a batch and commit it, repeatedly if need be
 * @nets:	Its nfnetlink socket is opened if it is not
 *
 * Repeated (a bounded number of times) when another transaction came between
 * reading and writing of a batch that depends on it, when an object that the batch
 * names has gone meanwhile, and when a list could not be read undisturbed.
 */
int transact(struct plugin_nets *nets, transact_build *build, void *arg, struct nerr *err);

/**
 * transact_del() - As transact(), for what removes
 *
 * Where the kernel has no nf_tables, nothing can have been made, so it is success.
 */
int transact_del(struct plugin_nets *nets, transact_build *build, void *arg, struct nerr *err);

/**
 * transact_status() - nf_tables can be used
 *
 * For STATUS: error 50 of the CNI specification when not.
 */
int transact_status(struct plugin_nets *nets, struct nerr *err);

#endif /* PLUGIN_TRANSACT_H */
