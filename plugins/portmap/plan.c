/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <linux/netfilter.h>

#include "base/arena.h"
#include "base/error.h"
#include "cni/cni.h"
#include "plugins/portmap/plan_priv.h"

static_assert(AF_INET == NFPROTO_IPV4 && AF_INET6 == NFPROTO_IPV6, "one number for both");

const uint8_t portmap_families[PORTMAP_FAMILIES] = { AF_INET, AF_INET6 };

int portmap_port_cmp(uint8_t proto_a, uint16_t port_a, uint8_t proto_b, uint16_t port_b)
{
	if (proto_a != proto_b)
		return proto_a < proto_b ? -1 : 1;
	return (port_a > port_b) - (port_a < port_b);
}

static int mapping_cmp(const void *a, const void *b)
{
	const struct portmap_mapping *x = *(const struct portmap_mapping *const *)a;
	const struct portmap_mapping *y = *(const struct portmap_mapping *const *)b;
	int c = portmap_port_cmp(x->proto, x->host_port, y->proto, y->host_port);

	if (c == 0)
		c = ipaddr_cmp(&x->host_ip, &y->host_ip);
	if (c == 0)
		c = (x > y) - (x < y); /* qsort() may not keep the order */
	return c;
}

/* The address that an entry of prevResult gives the container, as the reference picks it. */
static bool is_container_ip(const struct cni_result *res, const struct cni_ip *ip,
			    const char *ifname)
{
	const struct cni_interface *iface;

	if (ip->interface < 0 || (uint64_t)ip->interface >= res->n_interfaces)
		return true;
	iface = &res->interfaces[ip->interface];
	return iface->sandbox && *iface->sandbox && iface->name && strcmp(iface->name, ifname) == 0;
}

/* NULL when the container has no address of the family. */
static const struct ipaddr *container_addr(const struct cni_call *call, uint8_t family)
{
	for (size_t i = 0; i < call->prev->n_ips; i++) {
		const struct cni_ip *ip = &call->prev->ips[i];

		if (ip->address.addr.family == family &&
		    is_container_ip(call->prev, ip, call->ifname))
			return &ip->address.addr;
	}
	return NULL;
}

/* Fill t->by_port, each mapping once. */
static int sort_mappings(struct portmap_target *t, const struct portmap_conf *conf,
			 struct nerr *err)
{
	size_t n = 0;
	size_t kept = 0;

	for (size_t i = 0; i < conf->n_mappings; i++) {
		const struct portmap_mapping *m = &conf->mappings[i];

		if (m->family == AF_UNSPEC || m->family == t->family)
			t->by_port[n++] = m;
	}
	if (n)
		qsort(t->by_port, n, sizeof(const struct portmap_mapping *), mapping_cmp);
	for (size_t i = 0; i < n; i++) {
		const struct portmap_mapping *m = t->by_port[i];
		const struct portmap_mapping *last = kept ? t->by_port[kept - 1] : NULL;

		if (!last || last->proto != m->proto || last->host_port != m->host_port ||
		    !ipaddr_eq(&last->host_ip, &m->host_ip))
			t->by_port[kept++] = m;
		else if (last->container_port != m->container_port)
			return nerr_set(
				err, -EINVAL,
				"host port %u/%s is mapped twice, to the container's ports %u and %u",
				m->host_port, portmap_proto_str(m->proto), last->container_port,
				m->container_port);
	}
	t->n = kept;
	return 0;
}

static int pointer_cmp(const void *a, const void *b)
{
	const struct portmap_mapping *x = *(const struct portmap_mapping *const *)a;
	const struct portmap_mapping *y = *(const struct portmap_mapping *const *)b;

	return (x > y) - (x < y);
}

/* Fill t->v: the first rule that matches wins, so the specific ones come first. */
static void order_mappings(struct portmap_target *t)
{
	size_t n = 0;

	for (int any = 0; any <= 1; any++) {
		size_t first = n;

		for (size_t i = 0; i < t->n; i++)
			if (ipaddr_is_set(&t->by_port[i]->host_ip) == !any)
				t->v[n++] = t->by_port[i];
		/* All point into one array: by address is as given. */
		if (n > first)
			qsort(t->v + first, n - first, sizeof(const struct portmap_mapping *),
			      pointer_cmp);
	}
}

static int plan_family(struct cni_call *call, const struct portmap_conf *conf,
		       struct portmap_target *t, struct nerr *err)
{
	struct arena *arena = json_doc_arena(call->doc);
	const struct ipaddr *addr = container_addr(call, t->family);
	int r;

	if (!addr || !conf->n_mappings)
		return 0;
	t->addr = *addr;
	t->snat = conf->snat;
	t->masq_all = conf->masq_all;
	t->conds = t->family == AF_INET ? &conf->conditions_v4 : &conf->conditions_v6;
	t->v = arena_calloc(arena, conf->n_mappings, sizeof(const struct portmap_mapping *));
	t->by_port = arena_calloc(arena, conf->n_mappings, sizeof(const struct portmap_mapping *));
	if (!t->v || !t->by_port)
		return nerr_oom(err);
	r = conditions_hash(t->conds, t->conds_hash, err);
	if (r == 0)
		r = sort_mappings(t, conf, err);
	if (r < 0)
		return r;
	order_mappings(t);
	return 0;
}

int portmap_plan(struct cni_call *call, const struct portmap_conf *conf, struct portmap_plan *ret,
		 struct nerr *err)
{
	struct portmap_plan plan = { 0 };

	for (size_t i = 0; i < PORTMAP_FAMILIES; i++) {
		int r;

		plan.target[i].family = portmap_families[i];
		r = plan_family(call, conf, &plan.target[i], err);
		if (r < 0)
			return r;
	}
	*ret = plan;
	return 0;
}

bool portmap_plan_is_empty(const struct portmap_plan *plan)
{
	for (size_t i = 0; i < PORTMAP_FAMILIES; i++)
		if (plan->target[i].n)
			return false;
	return true;
}
