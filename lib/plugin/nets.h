/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * nets.h - the two network namespaces a plugin works between
 */
#ifndef PLUGIN_NETS_H
#define PLUGIN_NETS_H

#include <stdbool.h>

#include "base/cleanup.h"

struct cni_call;
struct nerr;
struct nlsock;

/**
 * struct plugin_nets - The plugin's own namespace ("host") and the container's
 * @host_ns, @cont_ns: Descriptors, -1 while not open
 * @host, @cont:	rtnetlink sockets inside each, NULL while not open
 * @nft:	nfnetlink socket of the host, opened by plugin_nets_nft()
 * @lo_ipv6:	IPv6 was switched on for the container's loopback interface
 */
struct plugin_nets {
	int host_ns;
	int cont_ns;
	struct nlsock *host;
	struct nlsock *cont;
	struct nlsock *nft;
	bool lo_ipv6;
};

#define PLUGIN_NETS_INIT ((struct plugin_nets){ .host_ns = -1, .cont_ns = -1 })

/* The host's side alone. */
int plugin_nets_open_host(struct plugin_nets *nets, struct nerr *err);

/**
 * plugin_nets_open() - Both sides
 * @path:	CNI_NETNS
 *
 * Return: 0; another errno with "failed to open netns ..."
 */
int plugin_nets_open(struct plugin_nets *nets, const char *path, struct nerr *err);

/**
 * plugin_nets_open_del() - Both sides as far as they are there
 *
 * For DEL: a container namespace that is gone (no path, path missing, or a
 * leftover file that is a namespace no more) is no error; @nets->cont stays NULL.
 */
int plugin_nets_open_del(struct plugin_nets *nets, const char *path, struct nerr *err);

/* @nets->nft, opened at the first call. */
int plugin_nets_nft(struct plugin_nets *nets, struct nerr *err);

/* Close what is open. For CLEANUP(). */
void plugin_nets_done(struct plugin_nets *nets);

#endif /* PLUGIN_NETS_H */
