/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * table_priv.h - what all mappings of a host share: the table, its chains, their jumps
 *
 *	prerouting, output:	fib daddr type local jump hostports_all
 *	hostports_all:		jump hostip_hostports
 *				jump hostports
 *	hostports, masquerading: rules of the mappings, see rules_priv.h
 *	hostip_hostports:	empty; older versions of the reference suite used it
 *
 * Neither jump has conditions: those of a network stand in its own rules, so that
 * networks with different ones live together.
 */
#ifndef PLUGINS_PORTMAP_TABLE_PRIV_H
#define PLUGINS_PORTMAP_TABLE_PRIV_H

#include <stdint.h>

struct nerr;
struct nft_batch;
struct nlsock;

/* 1 when the table of a family is as it must be, 0 when not, or negative errno. */
int portmap_table_check(struct nlsock *nl, uint8_t family, struct nerr *err);

/* Put all of it into a batch, over what is there. */
void portmap_table_put(struct nft_batch *b, uint8_t family);

/* The chain that only mappings with source NAT need. Made unless it is there. */
void portmap_table_put_masquerading(struct nft_batch *b, uint8_t family);

/**
 * portmap_table_probe() - Find out whether the kernel could have the table
 *
 * Has the kernel check a batch with all that a mapping needs, which ends in a
 * mistake made on purpose, so that nothing is changed.  Return: 0 or negative errno
 */
int portmap_table_probe(struct nlsock *nl, uint8_t family, struct nerr *err);

#endif /* PLUGINS_PORTMAP_TABLE_PRIV_H */
