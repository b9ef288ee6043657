/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * nets.h - from --network, --ip, --mac, --publish to attachments, and attaching
 */
#ifndef NETNS_RUN_NETS_H
#define NETNS_RUN_NETS_H

#include <stdbool.h>

#include "ports.h"
#include "session.h"

struct nerr;
struct opts;

/**
 * struct wants - What the user asked of the networks
 * @ips, @n_ips: Addresses, each checked after ADD
 * @mac:	len 0 for none; checked after ADD
 * @ports, @n_ports: Published ports
 */
struct wants {
	struct ipnet *ips;
	size_t n_ips;
	struct macaddr mac;
	struct port *ports;
	size_t n_ports;
};

/**
 * nets_parse() - Read and check options that need no file
 * @s:		Its memory is used
 *
 * Return: 0, -EINVAL for wrong usage, -ENOMEM
 */
int nets_parse(struct session *s, const struct opts *o, struct wants *ret, struct nerr *err);

/**
 * nets_load() - Find the networks and fill the session's attachments
 *
 * Addresses and ports go to the first network (with a plugin that publishes, for
 * ports): as a capability where a plugin of it has that, else, for addresses, in
 * CNI_ARGS.
 */
int nets_load(struct session *s, const struct opts *o, const struct wants *w, struct nerr *err);

/**
 * nets_attach() - ADD for every network, in order
 * @rt:		How
 *
 * Each network's @up says afterwards, also after a failure, what there is to undo.
 */
int nets_attach(struct session *s, const struct wants *w, const struct cni_runtime *rt,
		struct nerr *err);

/* DEL for every network that is up, the last one first.  All are tried; @err has the
 * first failure, @up of those that failed stays.
 */
int nets_detach(struct session *s, const struct cni_runtime *rt, struct nerr *err);

/* Addresses of an attachment, separated by commas; nothing before it is attached. */
void nets_print_addresses(const struct session_net *net, struct strbuf *ret);

/* How lib/cni runs plugins for a session; -v shows each. */
struct cni_runtime nets_runtime(const struct session *s, int cancel_fd);

#endif /* NETNS_RUN_NETS_H */
