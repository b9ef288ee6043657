/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * masq.h - source NAT of a network's containers (ipMasq of bridge and ptp)
 *
 * Objects, names and comments are those of the reference suite's nftables
 * backend (table inet cni_plugins_masquerade), so that either suite removes
 * what the other made.  One rule per address:
 *
 *	ip saddr 10.9.0.2 ip daddr != 10.9.0.0/24 masquerade
 *		comment "<identity>, net: <name>, if: <ifname>, id: <container>"
 */
#ifndef PLUGIN_MASQ_H
#define PLUGIN_MASQ_H

struct cni_call;
struct cni_result;
struct nerr;
struct nft_batch;
struct nlsock;
struct plugin_nets;

/**
 * masq_check_backend() - Refuse an ipMasqBackend nobody knows
 * @backend:	"iptables", "nftables", "" or NULL; all are served by nf_tables
 */
int masq_check_backend(const char *backend, struct nerr *err);

/**
 * masq_add() - Masquerade the addresses of a result
 *
 * What the table lacks is made first; parallel first calls do not disturb each
 * other.  All or nothing.
 */
int masq_add(struct cni_call *call, struct plugin_nets *nets, const struct cni_result *res,
	     struct nerr *err);

/**
 * masq_put_del() - Put the removal of an attachment's rules into a batch
 *
 * Also what the reference suite's iptables backend left for the container in
 * iptables-nft tables.  Nothing there is success.
 */
int masq_put_del(struct cni_call *call, struct nlsock *nft, struct nft_batch *batch,
		 struct nerr *err);

/* Put the removal of rules of this network whose attachment is not valid into a batch. */
int masq_put_gc(struct cni_call *call, struct nlsock *nft, struct nft_batch *batch,
		struct nerr *err);

/* The rules of prevResult's addresses are there. */
int masq_check(struct cni_call *call, struct plugin_nets *nets, const struct cni_result *res,
	       struct nerr *err);

#endif /* PLUGIN_MASQ_H */
