/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * put.h - addresses as text in an answer
 */
#ifndef NETSTACKD_PUT_H
#define NETSTACKD_PUT_H

#include <stdint.h>
#include <sys/socket.h>

#include "wire/addr.h"

struct daemon;
struct json_out;

/* A mapped address as an IPv4 one. */
void put_ip(struct json_out *o, const char *key, struct ip6_addr a);
void put_prefix(struct json_out *o, const char *key, struct ip6_addr a, unsigned int len);
void put_mac(struct json_out *o, const char *key, struct eth_addr mac);
/* Address and port of a struct sockaddr, under two keys. */
void put_sockaddr(struct json_out *o, const char *addr_key, const char *port_key,
		  const struct sockaddr_storage *ss);
void put_iface(struct json_out *o, const struct daemon *d, uint32_t ifindex);

#endif /* NETSTACKD_PUT_H */
