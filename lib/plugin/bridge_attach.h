/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * bridge_attach.h - an ADD of a plugin whose containers are on a bridge
 *
 * Such plugins (bridge, netstack) differ in what they make: the port of the bridge and
 * the container's interface.  What is around these is here, in the order of its use:
 *
 *	r = bridge_attach_open(&a, &undo, err);
 *	...					(a.port, a.cont)
 *	r = bridge_attach_port(&a, &undo, err);
 *	r = bridge_attach_interfaces(&a, err);
 *	r = bridge_attach_ipam(&a, &undo, err);
 *	r = iface_configure(...);
 *	r = bridge_attach_gateway(&a, &undo, err);
 *	r = bridge_attach_finish(&a, err);
 */
#ifndef PLUGIN_BRIDGE_ATTACH_H
#define PLUGIN_BRIDGE_ATTACH_H

#include <stdbool.h>

#include "plugin/attachment.h"
#include "plugin/bridge.h"
#include "plugin/bridge_conf.h"

struct nerr;
struct undo;

/* Rules that such a plugin may make. */
extern const struct attachment_rules bridge_attach_rules[];

/**
 * struct bridge_attach - An ADD on its way
 * @dev:	The bridge
 * @port:	Host's end, set by the plugin
 * @cont:	Container's interface, set by the plugin
 * @i_cont:	Its place in the result's interfaces; the port's is the one before
 * @no_bridge:	There is none: the port is no port, and nothing here touches it
 * @fixed_port:	The port does not come up (bridge_dev_wait_port()) by itself
 *
 * The steps on the undo stack use it: declare it before the stack.
 */
struct bridge_attach {
	struct attachment at;
	struct bridge_conf conf;
	struct bridge_dev dev;
	struct link_info port;
	struct link_info cont;
	int i_cont;
	bool no_bridge;
	bool fixed_port;
};

#define BRIDGE_ATTACH_INIT(call_)                                                                  \
	((struct bridge_attach){ .at = ATTACHMENT_INIT(call_, bridge_attach_rules) })

/* Open the namespaces, and find or make the bridge. @a->conf is read. */
int bridge_attach_open(struct bridge_attach *a, struct undo *undo, struct nerr *err);

/* The port is one of the bridge: hairpin, isolation, VLANs, spoof check. */
int bridge_attach_port(struct bridge_attach *a, struct undo *undo, struct nerr *err);

/* Start the result: bridge, port and container's interface, whose MACs are set at the end. */
int bridge_attach_interfaces(struct bridge_attach *a, struct nerr *err);

/* Put addresses, routes and dns of the IPAM plugin into the result. */
int bridge_attach_ipam(struct bridge_attach *a, struct undo *undo, struct nerr *err);

/* The gateway's addresses, on the bridge or on the interface of the port's VLAN, and masquerading;
 * as far as the configuration asks for them.
 */
int bridge_attach_gateway(struct bridge_attach *a, struct undo *undo, struct nerr *err);

/* The container's interface, without addresses, is set up. */
int bridge_attach_cont_up(struct bridge_attach *a, struct nerr *err);

/* The port forwards once its carrier is seen; then the MACs are final. */
int bridge_attach_finish(struct bridge_attach *a, struct nerr *err);

#endif /* PLUGIN_BRIDGE_ATTACH_H */
