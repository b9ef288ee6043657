/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The networks under test: between them every plugin does all that it can do.
 */
#include "tests/faults/chains.h"

#include <string.h>

#define RANGES                                                                                     \
	"\"ipam\":{\"type\":\"host-local\",\"ranges\":[[{\"subnet\":\"10.77.0.0/24\"}],"           \
	"[{\"subnet\":\"fd77::/64\"}]],\"routes\":[{\"dst\":\"0.0.0.0/0\"},{\"dst\":\"::/0\"}]}"

#define MAPPINGS                                                                                   \
	"\"capabilities\":{\"portMappings\":true},\"runtimeConfig\":{\"portMappings\":["           \
	"{\"hostPort\":80@@,\"containerPort\":80,\"protocol\":\"tcp\"},"                           \
	"{\"hostPort\":53@@,\"containerPort\":53,\"protocol\":\"udp\"}]}"

#define TUNING                                                                                     \
	"\"sysctl\":{\"net.core.somaxconn\":\"500\",\"net.ipv4.conf.IFNAME.arp_filter\":\"1\","    \
	"\"net.ipv4.ip_default_ttl\":\"70\"},\"mac\":\"02:77:00:00:00:@@\",\"mtu\":1400,"          \
	"\"promisc\":true,\"allmulti\":true,\"txQLen\":777"

static const struct chain chains[] = {
	{ .name = "bridge",
	  .ifname = "eth0",
	  .has_net = true,
	  .n = 4,
	  .plugin = { { "bridge", "\"bridge\":\"cni0\",\"isGateway\":true,\"ipMasq\":true,"
				  "\"hairpinMode\":true," RANGES },
		      { "portmap", MAPPINGS },
		      { "firewall", "" },
		      { "tuning", TUNING } } },
	/* The other half of the options. */
	{ .name = "guarded",
	  .ifname = "eth0",
	  .has_net = true,
	  .n = 3,
	  .plugin = { { "bridge", "\"bridge\":\"cni0\",\"isDefaultGateway\":true,\"ipMasq\":true,"
				  "\"macspoofchk\":true,\"mtu\":1400,\"promiscMode\":true,"
				  "\"portIsolation\":true," RANGES },
		      { "portmap", "\"snat\":false," MAPPINGS },
		      { "firewall", "\"ingressPolicy\":\"isolated\"" } } },
	{ .name = "forced",
	  .ifname = "eth0",
	  .has_bridge = true,
	  .has_net = true,
	  .n = 1,
	  .plugin = { { "bridge", "\"bridge\":\"cni0\",\"isGateway\":true,\"ipMasq\":true,"
				  "\"forceAddress\":true,\"promiscMode\":true," RANGES } } },
	{ .name = "vlan",
	  .ifname = "eth0",
	  .has_vlan = true,
	  .has_net = true,
	  .n = 1,
	  .plugin = { { "bridge",
			"\"bridge\":\"cni0\",\"isGateway\":true,\"vlan\":77," RANGES } } },
	{ .name = "ptp",
	  .ifname = "eth0",
	  .ipv6_off = true,
	  .has_net = true,
	  .n = 1,
	  .plugin = { { "ptp", "\"ipMasq\":true,\"mtu\":1400," RANGES } } },
	{ .name = "loopback", .ifname = "lo", .n = 1, .plugin = { { "loopback", "" } } },
};

const struct chain *chain_lookup(const char *name)
{
	for (size_t i = 0; i < sizeof(chains) / sizeof(chains[0]); i++)
		if (strcmp(chains[i].name, name) == 0)
			return &chains[i];
	return NULL;
}

unsigned chain_find(const struct chain *c, const char *type)
{
	unsigned k = 0;

	while (k < c->n && strcmp(c->plugin[k].type, type) != 0)
		k++;
	return k;
}
