/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "put.h"

#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "base/ipaddr.h"
#include "base/json_out.h"
#include "daemon.h"
#include "host/host.h"
#include "opts.h"

#define LO_INDEX 1 /* netstack_new() */

static struct ipaddr of_ip6(struct ip6_addr a)
{
	struct ipaddr ip = { .family = AF_INET6 };
	uint8_t bytes[16];

	ip6_addr_put(bytes, a);
	if (ip6_addr_is_mapped(a)) {
		ip.family = AF_INET;
		memcpy(ip.bytes, bytes + 12, 4);
	} else {
		memcpy(ip.bytes, bytes, sizeof(bytes));
	}
	return ip;
}

void put_ip(struct json_out *o, const char *key, struct ip6_addr a)
{
	const struct ipaddr ip = of_ip6(a);
	char text[IPADDR_STR_LEN];

	json_out_string(o, key, ipaddr_to_str(&ip, text));
}

void put_prefix(struct json_out *o, const char *key, struct ip6_addr a, unsigned int len)
{
	const struct ipaddr ip = of_ip6(a);
	char text[IPADDR_STR_LEN];
	char all[IPADDR_STR_LEN + 8];

	(void)snprintf(all, sizeof(all), "%s/%u", ipaddr_to_str(&ip, text), len); /* it fits */
	json_out_string(o, key, all);
}

void put_mac(struct json_out *o, const char *key, struct eth_addr mac)
{
	struct macaddr m = { .len = ETH_ADDR_LEN };
	char text[MACADDR_STR_LEN];

	eth_addr_put(m.bytes, mac);
	json_out_string(o, key, macaddr_to_str(&m, text));
}

void put_sockaddr(struct json_out *o, const char *addr_key, const char *port_key,
		  const struct sockaddr_storage *ss)
{
	const struct sockaddr_in6 *in6 = (const void *)ss;
	const struct sockaddr_in *in = (const void *)ss;
	struct ipaddr ip = { .family = (uint8_t)ss->ss_family };
	char text[IPADDR_STR_LEN];

	if (ss->ss_family == AF_INET)
		memcpy(ip.bytes, &in->sin_addr, 4);
	else if (ss->ss_family == AF_INET6)
		memcpy(ip.bytes, &in6->sin6_addr, 16);
	else
		return;
	json_out_string(o, addr_key, ipaddr_to_str(&ip, text));
	json_out_int(o, port_key, ntohs(ss->ss_family == AF_INET ? in->sin_port : in6->sin6_port));
}

void put_iface(struct json_out *o, const struct daemon *d, uint32_t ifindex)
{
	if (ifindex == LO_INDEX)
		json_out_string(o, "dev", "lo");
	else
		json_out_string(o, "dev", ifindex == host_ifindex(d->host) ? d->opts->ifname : "");
}
