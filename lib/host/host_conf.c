/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What the caller configures himself: host_conf.addr and host_conf.gateway.
 */
#include <arpa/inet.h>
#include <errno.h>

#include "base/error.h"
#include "base/ipaddr.h"
#include "host/host_priv.h"

static struct ip6_addr to_ip6(const struct ipaddr *a)
{
	uint32_t v4;

	if (a->family == AF_INET6)
		return ip6_addr_get(a->bytes);
	v4 = (uint32_t)a->bytes[0] << 24 | (uint32_t)a->bytes[1] << 16 |
	     (uint32_t)a->bytes[2] << 8 | a->bytes[3];
	return ip6_addr_of_ip4(v4);
}

/* One shard of several asks whether the address is free. */
static int add_addr(struct host *h, const struct host_conf *conf, const char *text,
		    struct nerr *err)
{
	struct net_addr_conf a = { .ifindex = h->ifindex, .no_dad = conf->shard > 0 };
	struct ipnet n;
	int r;

	if (ipnet_from_str(text, &n) < 0)
		return nerr_set(err, -EINVAL, "'%s' is no address with the length of its prefix",
				text);
	a.addr = to_ip6(&n.addr);
	a.prefix_len = n.prefix_len;
	r = netstack_addr_add(h->stack, &a);
	if (r < 0)
		return nerr_set(err, r, "cannot have the address %s: %m", text);
	return 0;
}

static int add_gateway(struct host *h, const char *text, struct nerr *err)
{
	struct route_conf rt = { .ifindex = h->ifindex, .has_gateway = true };
	struct ipaddr a;
	int r;

	if (ipaddr_from_str(text, &a) < 0)
		return nerr_set(err, -EINVAL, "'%s' is no address of a gateway", text);
	rt.gateway = to_ip6(&a);
	rt.is_ip4 = a.family == AF_INET;
	rt.dst = rt.is_ip4 ? ip6_addr_of_ip4(0) : IP6_UNSPECIFIED;
	r = netstack_route_add(h->stack, &rt);
	if (r < 0)
		return nerr_set(err, r, "cannot have a default route by %s: %m", text);
	return 0;
}

/* Every interface with IPv6 has one (RFC 4291, 2.1); who follows the kernel has the kernel's. */
static int add_link_local(struct host *h, const struct host_conf *conf, struct nerr *err)
{
	const struct nic_info *info = &h->nic->info;
	const struct net_addr_conf a = {
		.ifindex = h->ifindex,
		.addr = ip6_addr_link_local(info->mac),
		.prefix_len = 64,
		.no_dad = conf->shard > 0,
	};
	int r;

	if (info->kind != NIC_ETHERNET)
		return 0;
	r = netstack_addr_add(h->stack, &a);
	if (r < 0 && r != -EEXIST)
		return nerr_set(err, r, "cannot have a link-local address on '%s': %m", info->name);
	return 0;
}

int host_configure(struct host *h, const struct host_conf *conf, struct nerr *err)
{
	int r = 0;

	if (!h->follow) {
		r = netstack_link_set_up(h->stack, h->ifindex, true);
		if (r < 0)
			return nerr_set(err, r, "cannot set '%s' up: %m", conf->nic);
		r = add_link_local(h, conf, err);
	}
	for (unsigned int i = 0; r == 0 && i < HOST_ADDRS_MAX && conf->addr[i]; i++)
		r = add_addr(h, conf, conf->addr[i], err);
	for (unsigned int i = 0; r == 0 && i < 2; i++)
		if (conf->gateway[i])
			r = add_gateway(h, conf->gateway[i], err);
	return r;
}
