/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * params.h - what can be set in the network layer, with Linux's names where it has some
 */
#ifndef NETSTACK_NET_PARAMS_H
#define NETSTACK_NET_PARAMS_H

#include <stdbool.h>
#include <stdint.h>

/**
 * struct ip_params - sysctls of the network layer
 * @ip4_forward:	net.ipv4.ip_forward (off)
 * @ip6_forward:	net.ipv6.conf.all.forwarding (off)
 * @ttl:		net.ipv4.ip_default_ttl, hop limit too (64)
 * @no_pmtu_disc:	net.ipv4.ip_no_pmtu_disc (off)
 * @pmtu_expires_ms:	net.ipv4.route.mtu_expires (600 s)
 * @pmtu_min:		net.ipv4.route.min_pmtu (552)
 * @reass_bytes_max:	net.ipv4.ipfrag_high_thresh (4 MiB), both families together
 * @reass_ms:		net.ipv4.ipfrag_time (30 s; 60 s for IPv6: RFC 8200, 4.5)
 * @icmp_echo_ignore_all: net.ipv4.icmp_echo_ignore_all (off)
 * @icmp_per_s:		net.ipv4.icmp_msgs_per_sec (1000), errors of both families
 * @icmp_burst:		net.ipv4.icmp_msgs_burst (50)
 * @icmp_peer_ms:	net.ipv4.icmp_ratelimit: time between two errors to one host (1000), with
 *			a burst of 6
 * @dad_transmits:	net.ipv6.conf.*.dad_transmits (1)
 * @accept_ra:		Take routes, prefixes and parameters of router advertisements (off: the
 *			kernel is the control plane)
 * @accept_redirects:	Take ICMP redirects (off)
 * @arp_announce:	Gratuitous ARP and unsolicited NA for new addresses (on)
 * @port_min, @port_max: net.ipv4.ip_local_port_range (32768 to 60999)
 * @ping_sockets:	net.ipv4.ping_group_range: ICMP echo sockets are allowed (on)
 * @igmp_version:	2 or 3 to be fixed, 0 for 3 with RFC 3376's compatibility mode
 */
struct ip_params {
	bool ip4_forward;
	bool ip6_forward;
	uint8_t ttl;
	bool no_pmtu_disc;
	uint32_t pmtu_expires_ms;
	uint32_t pmtu_min;
	uint32_t reass_bytes_max;
	uint32_t reass_ms;
	bool icmp_echo_ignore_all;
	uint32_t icmp_per_s;
	uint32_t icmp_burst;
	uint32_t icmp_peer_ms;
	uint8_t dad_transmits;
	bool accept_ra;
	bool accept_redirects;
	bool arp_announce;
	uint16_t port_min;
	uint16_t port_max;
	bool ping_sockets;
	uint8_t igmp_version;
};

void ip_params_default(struct ip_params *p);

/* -EINVAL for values that make no sense together. */
int ip_params_check(const struct ip_params *p);

#endif /* NETSTACK_NET_PARAMS_H */
