/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * forward_priv.h - rules that let a container's packets be forwarded
 *
 * In nf_tables an accept ends only the chain it stands in; a later one at the same hook
 * still drops.  So the accepts stand where packets are dropped on hosts that
 * drop: in table filter of iptables-nft, in its own form, laid out as the
 * reference suite's iptables backend lays it out:
 *
 *	FORWARD:      -m comment --comment "CNI firewall plugin rules" -j CNI-FORWARD
 *	CNI-FORWARD:  -m comment --comment "CNI firewall plugin admin overrides" -j CNI-ADMIN
 *	              -d IP/32 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
 *	              -s IP/32 -j ACCEPT
 *
 * The administrator's own rules go into CNI-ADMIN with iptables(8).  A container's
 * rules carry its identity as their tag; rules of the reference suite, which have
 * none, are recognised by their content.
 */
#ifndef PLUGINS_FIREWALL_FORWARD_PRIV_H
#define PLUGINS_FIREWALL_FORWARD_PRIV_H

#include <stdbool.h>
#include <stdint.h>

struct cni_call;
struct firewall_conf;
struct identity;
struct nerr;
struct nft_batch;
struct nlsock;

/**
 * forward_put_add() - Put the rules of one family into a batch
 * @id:		Identity of the attachment; its former rules are replaced
 * @depends:	Set when the chains are not as they must be and are put, too
 */
int forward_put_add(struct cni_call *call, const struct firewall_conf *conf, uint8_t family,
		    const struct identity *id, struct nlsock *nft, struct nft_batch *batch,
		    bool *depends, struct nerr *err);
/* Nothing there is success. */
int forward_put_del(struct cni_call *call, uint8_t family, const struct identity *id,
		    struct nlsock *nft, struct nft_batch *batch, struct nerr *err);
/* @valid: of identity_set_valid(). */
int forward_put_gc(struct cni_call *call, uint8_t family, const struct identity *valid,
		   struct nlsock *nft, struct nft_batch *batch, struct nerr *err);
/* The chains and the rules of prevResult's addresses are there. */
int forward_check(struct cni_call *call, const struct firewall_conf *conf, uint8_t family,
		  struct nlsock *nft, struct nerr *err);

#endif /* PLUGINS_FIREWALL_FORWARD_PRIV_H */
