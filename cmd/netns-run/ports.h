/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * ports.h - published ports: text, portMappings, and a claim on the host's ports
 *
 * A mapping is a rule in the kernel and nothing stops a program of the host from
 * listening on the same port; it would never hear of the connections.  So as long
 * as a command runs its host ports are bound, though nobody listens: another program
 * or another netns-run is told that the port is in use.
 */
#ifndef NETNS_RUN_PORTS_H
#define NETNS_RUN_PORTS_H

#include <stddef.h>
#include <stdint.h>

#include "base/ipaddr.h"

struct nerr;
struct strbuf;

/* Ports of one command, ranges counted out.  Each is a descriptor and several rules. */
#define PORTS_MAX 4096

/**
 * struct port - "[ip:]host:cont[/proto]", each side a port or a range
 * @ip:		Address of the host, family 0 for all
 * @host, @cont: First port of each side
 * @n:		Ports in the range
 * @proto:	"tcp", "udp" or "sctp"
 */
struct port {
	struct ipaddr ip;
	uint16_t host;
	uint16_t cont;
	uint16_t n;
	const char *proto;
};

/* 0, or -EINVAL with a message that names @text. */
int port_parse(const char *text, struct port *ret, struct nerr *err);

/* Two of @ports claim one port, or there are more than PORTS_MAX: -EINVAL. */
int ports_check(const struct port *ports, size_t n, struct nerr *err);

/* JSON of the capability portMappings. */
void ports_print(const struct port *ports, size_t n, struct strbuf *ret);

/**
 * ports_claim() - Bind the host's side of every mapping
 *
 * The claim lasts as long as the calling process.
 *
 * Return: 0; -EADDRINUSE, -EADDRNOTAVAIL with a message that names the port
 */
int ports_claim(const struct port *ports, size_t n, struct nerr *err);

#endif /* NETNS_RUN_PORTS_H */
