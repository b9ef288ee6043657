/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * macspoof.h - a container sends from its own MAC address only (macspoofchk)
 *
 * Objects and names are those of the reference suite (family bridge, table nat):
 *
 *	chain PREROUTING: iifname "<veth>" jump cni-br-iface-<id>
 *	chain cni-br-iface-<id>: jump cni-br-iface-<id>-mac
 *	chain cni-br-iface-<id>-mac: ether saddr <MAC> return; drop
 *
 * where <id> is "<container>-<ifname>".  The rule in PREROUTING also carries the
 * attachment's identity, by which GC finds it.
 */
#ifndef PLUGIN_MACSPOOF_H
#define PLUGIN_MACSPOOF_H

struct cni_call;
struct macaddr;
struct nerr;
struct nft_batch;
struct nlsock;
struct plugin_nets;

/* @port: name of the host's end. */
int macspoof_add(struct cni_call *call, struct plugin_nets *nets, const char *port,
		 const struct macaddr *mac, struct nerr *err);
/* Nothing there is success. */
int macspoof_put_del(struct cni_call *call, struct nlsock *nft, struct nft_batch *batch,
		     struct nerr *err);
int macspoof_put_gc(struct cni_call *call, struct nlsock *nft, struct nft_batch *batch,
		    struct nerr *err);

#endif /* PLUGIN_MACSPOOF_H */
