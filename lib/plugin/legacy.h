/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * legacy.h - what the reference suite's iptables backend left in iptables-nft tables
 *
 * A node that changes suites with containers running keeps these objects; the DEL
 * of a container removes them, so that they do not stay for ever.  Found by the
 * names that suite derives from network and container, never by their content.
 */
#ifndef PLUGIN_LEGACY_H
#define PLUGIN_LEGACY_H

#include <stdint.h>

struct cni_call;
struct nerr;
struct nft_batch;
struct nlsock;

/**
 * legacy_put_del_chain() - Put the removal of a chain and the jumps to it into a batch
 * @chain:	Chain to go
 * @from:	Chains whose rules may jump to it, ends with NULL
 *
 * A missing chain is success and costs one request.
 */
int legacy_put_del_chain(struct nlsock *nl, struct nft_batch *batch, uint8_t family,
			 const char *table, const char *chain, const char *const *from,
			 struct nerr *err);

/* ipMasq: chain CNI-<hash> in table nat of both families, jumped to from POSTROUTING. */
int legacy_put_del_masq(struct cni_call *call, struct nlsock *nl, struct nft_batch *batch,
			struct nerr *err);

#endif /* PLUGIN_LEGACY_H */
