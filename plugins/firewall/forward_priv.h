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
 *	              -d IP/32 -m conntrack --ctstate DNAT -j ACCEPT
 *
 * The last one is ours alone: without it a published port would be closed on a host that
 * drops, because its first packet is neither an answer nor from the container.
 *
 * The administrator's own rules go into CNI-ADMIN with iptables(8).  A container's
 * rules carry its identity as their tag, and where it is a source of a zone of
 * firewalld (source_priv.h); rules of the reference suite, which have no tag, are
 * recognised by their content.
 *
 * With firewalld in charge the rules are put as well, for hosts on which somebody else
 * drops: Docker leaves the policy of FORWARD at drop.  firewalld's own decision
 * comes later and is not touched by them, unless its rules stand in this same chain (its
 * backend "iptables"): there ours would overrule its zones, and are not put.
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
struct source_list;

/**
 * struct forward_job - What is to be done
 * @id:		Identity of the attachment, of ADD and DEL
 * @valid:	Of identity_set_valid(), of GC
 * @gone:	Gets the sources that rules which go stand for, and that nobody else has
 */
struct forward_job {
	struct cni_call *call;
	const struct firewall_conf *conf;
	const struct identity *id;
	const struct identity *valid;
	struct source_list *gone;
};

/**
 * forward_put_add() - Put the rules of one family into a batch
 * @depends:	Set when the chains are not as they must be and are put, too
 *
 * Former rules of the attachment are replaced.
 */
int forward_put_add(const struct forward_job *job, uint8_t family, struct nlsock *nft,
		    struct nft_batch *batch, bool *depends, struct nerr *err);
/**
 * forward_put_del() - Delete the attachment's rules of one family
 *
 * Nothing there is success.  Then the addresses of prevResult are taken for sources:
 * so it is where the reference suite added them, and after a reload of firewalld.
 */
int forward_put_del(const struct forward_job *job, uint8_t family, struct nlsock *nft,
		    struct nft_batch *batch, struct nerr *err);
/* Delete rules of attachments that are not valid. */
int forward_put_gc(const struct forward_job *job, uint8_t family, struct nlsock *nft,
		   struct nft_batch *batch, struct nerr *err);
/**
 * forward_check() - The chains and the rules of prevResult's addresses are there
 *
 * With firewalld in charge only where the policy of FORWARD is drop: containers of
 * the reference suite have none of them.
 */
int forward_check(struct cni_call *call, const struct firewall_conf *conf, uint8_t family,
		  struct nlsock *nft, struct nerr *err);

#endif /* PLUGINS_FIREWALL_FORWARD_PRIV_H */
