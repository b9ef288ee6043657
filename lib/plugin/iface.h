/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * iface.h - a container's interface: its veth pair, addresses, routes, checks
 */
#ifndef PLUGIN_IFACE_H
#define PLUGIN_IFACE_H

#include <stdbool.h>

#include "netlink/link.h"

struct arena;
struct cni_call;
struct cni_result;
struct cni_route;
struct nerr;
struct nlsock;
struct plugin_nets;

/**
 * enum iface_dad - Duplicate address detection on a container's interface
 *
 * IFACE_DAD_OFF	accept_dad 0 (and arp_notify): addresses are usable at once
 * IFACE_DAD_ON		enhanced_dad and accept_dad 1, and iface_configure() waits for it
 * IFACE_DAD_ALONE	nobody else can be on the link: the addresses skip it, no
 *			setting is touched
 * IFACE_DAD_KEEP	as IFACE_DAD_OFF, on an interface that was configured before:
 *			addresses that are there already stay
 */
enum iface_dad {
	IFACE_DAD_OFF,
	IFACE_DAD_ON,
	IFACE_DAD_ALONE,
	IFACE_DAD_KEEP,
};

/**
 * iface_add_veth() - Make the veth pair of an attachment
 * @nets:	Both namespaces, open
 * @ifname:	Container's end
 * @master:	Bridge that the host's end becomes a port of, 0 for none
 * @mtu:	0 for the kernel's default
 * @mac:	Of the container's end, len 0 for a random one
 * @ret_host:	Host's end, up
 * @ret_cont:	Container's end, down
 *
 * One message to the kernel for a bridge's port; a random host name that is taken is
 * replaced up to ten times.  Router advertisements mean nothing to the host's end.
 * One that is no port is the host's own interface: it does without duplicate
 * address detection, which would keep the host from asking for its neighbour (and so
 * the container from being reached over IPv6) for the first seconds.  On failure
 * nothing is left.
 */
int iface_add_veth(struct plugin_nets *nets, const char *ifname, int master, uint32_t mtu,
		   const struct macaddr *mac, struct link_info *ret_host,
		   struct link_info *ret_cont, struct nerr *err);

/* Delete the container's interface @ifname; missing counts as success. */
int iface_del(struct plugin_nets *nets, const char *ifname, struct nerr *err);

/* Give back a link made on the host side, by name, in an undo stack, and what
 * iface_configure() set outside of the link: reports on stderr.
 */
struct iface_undo_link {
	struct plugin_nets *nets;
	char name[IFNAMSIZ];
};
void iface_undo_link(void *arg);

/**
 * iface_configure() - Addresses, up, routes
 * @nets:	Both namespaces, open
 * @link:	Container's interface
 * @index:	Its index in @res->interfaces; addresses with another are skipped,
 *		one without an index too
 * @res:	Addresses and routes
 * @dad:	Duplicate address detection
 *
 * All in one send.  Addresses are usable on return.  Does not roll back: the
 * caller removes the interface.
 */
int iface_configure(struct plugin_nets *nets, const struct link_info *link, int index,
		    const struct cni_result *res, enum iface_dad dad, struct nerr *err);

/* Queue the routes of a result; one without a gateway gets that of its family's first
 * address on interface @index.
 */
void iface_put_routes(struct nlsock *cont, const struct link_info *link, int index,
		      const struct cni_result *res);

/* Switch on forwarding for the families of @res. */
int iface_enable_forwarding(const struct cni_result *res, struct nerr *err);

/**
 * iface_check() - The addresses and routes of a result are in the container
 * @res:	prevResult
 *
 * Every address with its prefix length on @ifname, every route in its table.
 */
int iface_check(struct nlsock *cont, const char *ifname, const struct cni_result *res,
		struct nerr *err);

/**
 * iface_check_cont() - The container's interface is as prevResult says
 * @label:	Prefix of messages, "" for none ("ptp: ")
 * @kind:	Kind it must have
 * @type_text:	Kind as the message names it ("veth/p2p")
 * @ret:	Interface as found
 *
 * Looks up the entry CNI_IFNAME in prevResult, compares sandbox, kind and MAC.
 */
int iface_check_cont(struct cni_call *call, struct nlsock *cont, const char *label,
		     const char *kind, const char *type_text, struct link_info *ret,
		     struct nerr *err);

#endif /* PLUGIN_IFACE_H */
