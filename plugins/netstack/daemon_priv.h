/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * daemon_priv.h - the netstackd of an attachment
 *
 * It makes the uplink in the plugin's namespace (a tap; a macvtap is made here) and the container's
 * interface, and serves the programs of the container's namespace until it is told to
 * stop or the namespace ends.  When programs run under it DEL does not stop it but says that the
 * network is taken away; an ADD for the same container within ten seconds brings it back, and
 * connections go on: "podman network reload".
 */
#ifndef PLUGINS_NETSTACK_DAEMON_PRIV_H
#define PLUGINS_NETSTACK_DAEMON_PRIV_H

#include <net/if.h>

#include <stdbool.h>

#include "ctl/ctl.h"
#include "netlink/link.h"

struct cni_call;
struct cni_result;
struct netstack_conf;
struct nerr;
struct nlsock;
struct plugin_nets;

/**
 * struct daemon_info - A netstackd that serves
 * @path:	Of its socket
 * @uplink:	Its device in the host's namespace
 * @pid:	0 for unknown
 * @programs:	Some run under it
 * @retired:	Its network was taken away
 */
struct daemon_info {
	char path[CTL_PATH_LEN];
	char uplink[IFNAMSIZ];
	int pid;
	bool programs;
	bool retired;
};

/**
 * struct daemon - The one of an ADD
 * @call, @nets: Of the ADD
 * @info:	Valid when it serves
 * @resumed:	It had served before
 * @has_macvtap: Its uplink is one
 */
struct daemon {
	struct cni_call *call;
	struct plugin_nets *nets;
	struct daemon_info info;
	bool resumed;
	bool has_macvtap;
};

/**
 * daemon_open() - Start it, or bring back the one whose network was taken away
 * @ret:	For daemon_undo()
 *
 * On 0 uplink and container's interface exist, both down; or, of one that has come back, as they
 * were.  Return: 0; -EEXIST when another attachment's serves the namespace; another
 * errno.  Nothing is left then.
 */
int daemon_open(struct cni_call *call, struct plugin_nets *nets, const struct netstack_conf *conf,
		struct daemon *ret, struct nerr *err);

/* Undo step: stop it, or take the network of one that had come back away again. */
void daemon_undo(void *daemon);

/**
 * daemon_put_stale() - Queue the removal of what the last network of a resumed one has left
 * @cont:	Container's interface
 *
 * All of its routes, and the addresses that @res does not have.  Together with
 * iface_configure() it is one send.  Connections from these addresses are reset before, as long as
 * both ends can be told.
 */
int daemon_put_stale(const struct daemon *d, const struct link_info *cont,
		     const struct cni_result *res, struct nerr *err);

/* The one that serves the call's attachment: 1, 0 when none does, negative errno. */
int daemon_find(struct cni_call *call, struct plugin_nets *nets, struct daemon_info *ret,
		struct nerr *err);

/* DEL: stopped, or its network is taken away.  Then the uplink is gone, or down; attachment_link
 * with the configuration as its argument.
 */
int daemon_del(struct cni_call *call, struct plugin_nets *nets, void *conf, struct nerr *err);

/* GC: those of the network whose attachment is not valid are stopped. */
int daemon_gc(struct cni_call *call, struct nerr *err);

/* STATUS: one could be started. */
int daemon_status(struct cni_call *call, const struct netstack_conf *conf, struct nerr *err);

#endif /* PLUGINS_NETSTACK_DAEMON_PRIV_H */
