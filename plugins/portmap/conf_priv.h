/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * conf_priv.h - configuration of the portmap plugin
 */
#ifndef PLUGINS_PORTMAP_CONF_PRIV_H
#define PLUGINS_PORTMAP_CONF_PRIV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/ipaddr.h"
#include "plugins/portmap/conditions_priv.h"

struct json_doc;
struct nerr;

/**
 * struct portmap_mapping - A port of the host that leads to one of the container
 * @proto:	IPPROTO_TCP, IPPROTO_UDP, IPPROTO_SCTP
 * @family:	AF_INET or AF_INET6: only for it.  AF_UNSPEC: for each the container has
 * @host_ip:	Address it listens on; not set: any
 */
struct portmap_mapping {
	uint8_t proto;
	uint8_t family;
	uint16_t host_port;
	uint16_t container_port;
	struct ipaddr host_ip;
};

/**
 * struct portmap_conf - What the configuration says, checked
 * @set_mark_chain: externalSetMarkChain, NULL when not given; has no effect here
 * @mappings:	In the order given.  Memory of the document
 */
struct portmap_conf {
	bool snat;
	bool masq_all;
	const char *set_mark_chain;
	struct conditions conditions_v4;
	struct conditions conditions_v6;
	struct portmap_mapping *mappings;
	size_t n_mappings;
};

/**
 * portmap_conf_read() - Read and check a configuration
 *
 * Messages are those of the reference suite where it has one, with the key.
 */
int portmap_conf_read(struct json_doc *doc, struct portmap_conf *ret, struct nerr *err);

/* "tcp", "udp" or "sctp". */
const char *portmap_proto_str(uint8_t proto);
/* Case is ignored. 0 or -EINVAL. */
int portmap_proto_from_str(const char *text, uint8_t *ret);

#endif /* PLUGINS_PORTMAP_CONF_PRIV_H */
