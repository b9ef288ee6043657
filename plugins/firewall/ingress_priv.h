/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * ingress_priv.h - ingressPolicy: bridges kept apart
 *
 * Layout of the reference suite, in table filter of iptables-nft, family ip and ip6:
 *
 *	FORWARD:  -j CNI-ISOLATION-STAGE-1			before all else
 *	STAGE-1:  [isolated: -i BR -o BR -j DROP]
 *	          -i BR ! -o BR -j CNI-ISOLATION-STAGE-2
 *	          -j RETURN					at the end
 *	STAGE-2:  -o BR -j DROP
 *	          -j RETURN					at the end
 *
 * The rules belong to a bridge, not to a container.  They carry the network's half of
 * the identity as their tag, and go when GC says that nobody of the network is left.
 */
#ifndef PLUGINS_FIREWALL_INGRESS_PRIV_H
#define PLUGINS_FIREWALL_INGRESS_PRIV_H

#include <stdbool.h>
#include <stdint.h>

struct cni_call;
struct firewall_conf;
struct nerr;
struct nft_batch;
struct nlsock;

/* Put what is missing for the configuration's bridge into a batch. */
int ingress_put_add(struct cni_call *call, const struct firewall_conf *conf, uint8_t family,
		    struct nlsock *nft, struct nft_batch *batch, bool *depends, struct nerr *err);
/* No attachment of the network is valid: its bridges' rules go. */
int ingress_put_gc(struct cni_call *call, uint8_t family, struct nlsock *nft,
		   struct nft_batch *batch, struct nerr *err);
int ingress_check(const struct firewall_conf *conf, uint8_t family, struct nlsock *nft,
		  struct nerr *err);

#endif /* PLUGINS_FIREWALL_INGRESS_PRIV_H */
