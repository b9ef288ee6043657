/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Addresses, routes and neighbours of the instance.
 */
#include <errno.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "daemon.h"
#include "host/host.h"
#include "netstack/netstack.h"
#include "put.h"
#include "requests.h"
#include "server.h"

static const char *addr_state_str(uint8_t state)
{
	static const char *const names[] = {
		[NET_ADDR_TENTATIVE] = "tentative",
		[NET_ADDR_PREFERRED] = "preferred",
		[NET_ADDR_DEPRECATED] = "deprecated",
		[NET_ADDR_DUPLICATED] = "duplicated",
	};

	return names[state];
}

int request_addresses(struct request *q, struct nerr *err)
{
	const struct netstack *st = host_stack(q->d->host);
	const unsigned int n = netstack_addrs(st, NULL, 0);
	cleanup_free struct netstack_addr *all = calloc(n + 1, sizeof(*all));

	if (!all)
		return nerr_oom(err);
	(void)netstack_addrs(st, all, n); /* nothing has changed since */
	json_out_array(&q->out, "addresses");
	for (unsigned int i = 0; i < n; i++) {
		json_out_object(&q->out, NULL);
		put_prefix(&q->out, "address", all[i].conf.addr, all[i].conf.prefix_len);
		put_iface(&q->out, q->d, all[i].conf.ifindex);
		json_out_string(&q->out, "state", addr_state_str(all[i].state));
		json_out_end(&q->out);
	}
	json_out_end(&q->out);
	return 0;
}

static const char *route_type_str(uint8_t type)
{
	static const char *const names[] = {
		[ROUTE_UNICAST] = "unicast",         [ROUTE_LOCAL] = "local",
		[ROUTE_BROADCAST] = "broadcast",     [ROUTE_BLACKHOLE] = "blackhole",
		[ROUTE_UNREACHABLE] = "unreachable", [ROUTE_PROHIBIT] = "prohibit",
	};

	return names[type];
}

static void put_route(struct request *q, const struct route_conf *r)
{
	struct json_out *o = &q->out;

	json_out_object(o, NULL);
	json_out_string(o, "type", route_type_str(r->type));
	json_out_string(o, "family", r->is_ip4 ? "inet" : "inet6");
	put_prefix(o, "destination", r->dst, r->dst_len);
	if (r->has_gateway)
		put_ip(o, "gateway", r->gateway);
	put_iface(o, q->d, r->ifindex);
	if (r->has_src)
		put_ip(o, "source", r->src);
	json_out_int(o, "metric", r->metric);
	if (r->mtu)
		json_out_int(o, "mtu", r->mtu);
	json_out_end(o);
}

int request_routes(struct request *q, struct nerr *err)
{
	const struct netstack *st = host_stack(q->d->host);
	const unsigned int n = netstack_routes(st, NULL, 0);
	cleanup_free struct route_conf *all = calloc(n + 1, sizeof(*all));

	if (!all)
		return nerr_oom(err);
	(void)netstack_routes(st, all, n); /* nothing has changed since */
	json_out_array(&q->out, "routes");
	for (unsigned int i = 0; i < n; i++)
		put_route(q, &all[i]);
	json_out_end(&q->out);
	return 0;
}

int request_neighbours(struct request *q, struct nerr *err)
{
	const struct netstack *st = host_stack(q->d->host);
	const unsigned int n = netstack_neighs(st, NULL, 0);
	cleanup_free struct netstack_neigh *all = calloc(n + 1, sizeof(*all));

	if (!all)
		return nerr_oom(err);
	(void)netstack_neighs(st, all, n); /* nothing has changed since */
	json_out_array(&q->out, "neighbours");
	for (unsigned int i = 0; i < n; i++) {
		json_out_object(&q->out, NULL);
		put_ip(&q->out, "address", all[i].addr);
		put_iface(&q->out, q->d, all[i].ifindex);
		if (!eth_addr_is_zero(all[i].mac))
			put_mac(&q->out, "mac", all[i].mac);
		json_out_string(&q->out, "state", all[i].state);
		json_out_bool(&q->out, "router", all[i].is_router);
		json_out_end(&q->out);
	}
	json_out_end(&q->out);
	return 0;
}
