/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "netstack/net/params.h"

#include <errno.h>

#include "wire/ipv4.h"

void ip_params_default(struct ip_params *p)
{
	*p = (struct ip_params){
		.ttl = 64,
		.pmtu_expires_ms = 600000,
		.pmtu_min = 552,
		.reass_bytes_max = 4U << 20,
		.reass_ms = 30000,
		.icmp_per_s = 1000,
		.icmp_burst = 50,
		.icmp_peer_ms = 1000,
		.dad_transmits = 1,
		.arp_announce = true,
		.port_min = 32768,
		.port_max = 60999,
		.ping_sockets = true,
	};
}

int ip_params_check(const struct ip_params *p)
{
	if (p->ttl == 0)
		return -EINVAL;
	if (p->pmtu_min < IPV4_MTU_MIN || p->pmtu_min > IP_LEN_MAX)
		return -EINVAL;
	if (p->port_min == 0 || p->port_min > p->port_max)
		return -EINVAL;
	if (p->igmp_version != 0 && p->igmp_version != 2 && p->igmp_version != 3)
		return -EINVAL;
	return 0;
}
