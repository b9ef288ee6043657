/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cni/result.h"

#include <errno.h>
#include <string.h>

#include "base/arena.h"
#include "base/error.h"
#include "cni/cni_priv.h"

/* A new array with room for one more.  Never in place: the old one may belong to the
 * configuration or to another result.
 */
static void *grow(struct arena *arena, const void *old, size_t n, size_t size)
{
	void *v = arena_calloc(arena, n + 1, size);

	if (v && n)
		memcpy(v, old, n * size);
	return v;
}

struct cni_interface *cni_result_add_interface(struct cni_result *res, struct arena *arena)
{
	struct cni_interface *v = grow(arena, res->interfaces, res->n_interfaces, sizeof(*v));

	if (!v)
		return NULL;
	res->interfaces = v;
	return &v[res->n_interfaces++];
}

struct cni_ip *cni_result_add_ip(struct cni_result *res, struct arena *arena)
{
	struct cni_ip *v = grow(arena, res->ips, res->n_ips, sizeof(*v));

	if (!v)
		return NULL;
	res->ips = v;
	v[res->n_ips].interface = CNI_NO_INTERFACE;
	return &v[res->n_ips++];
}

struct cni_route *cni_result_add_route(struct cni_result *res, struct arena *arena)
{
	struct cni_route *v = grow(arena, res->routes, res->n_routes, sizeof(*v));

	if (!v)
		return NULL;
	res->routes = v;
	return &v[res->n_routes++];
}

bool cni_dns_is_set(const struct cni_dns *dns)
{
	return dns->nameservers.v || dns->search.v || dns->options.v ||
	       (dns->domain && *dns->domain);
}

const struct cni_interface *cni_ip_interface(const struct cni_result *res, const struct cni_ip *ip)
{
	if (ip->interface < 0 || (uint64_t)ip->interface >= res->n_interfaces)
		return NULL;
	return &res->interfaces[ip->interface];
}

/* --- deep copy --- */

static bool copy_text(const char **text, struct arena *arena)
{
	if (*text)
		*text = arena_strdup(arena, *text);
	else
		return true;
	return *text != NULL;
}

static bool copy_interfaces(struct cni_result *res, struct arena *arena)
{
	struct cni_interface *v = arena_calloc(arena, res->n_interfaces, sizeof(*v));

	if (!v)
		return false;
	for (size_t i = 0; i < res->n_interfaces; i++) {
		v[i] = res->interfaces[i];
		if (!copy_text(&v[i].name, arena) || !copy_text(&v[i].mac, arena) ||
		    !copy_text(&v[i].sandbox, arena) || !copy_text(&v[i].socket_path, arena) ||
		    !copy_text(&v[i].pci_id, arena))
			return false;
	}
	res->interfaces = v;
	return true;
}

static bool copy_strings(struct json_strings *strings, struct arena *arena)
{
	const char **v;

	if (!strings->v)
		return true;
	v = arena_calloc(arena, strings->n, sizeof(*v));
	if (!v)
		return false;
	for (size_t i = 0; i < strings->n; i++) {
		v[i] = strings->v[i];
		if (!copy_text(&v[i], arena))
			return false;
	}
	strings->v = v;
	return true;
}

static bool copy_dns(struct cni_dns *dns, struct arena *arena)
{
	return copy_text(&dns->domain, arena) && copy_strings(&dns->nameservers, arena) &&
	       copy_strings(&dns->search, arena) && copy_strings(&dns->options, arena);
}

static bool copy_plain(struct cni_result *res, struct arena *arena)
{
	struct cni_ip *ips = arena_calloc(arena, res->n_ips, sizeof(*ips));
	struct cni_route *routes = arena_calloc(arena, res->n_routes, sizeof(*routes));

	if (!ips || !routes)
		return false;
	if (res->n_ips)
		memcpy(ips, res->ips, res->n_ips * sizeof(*ips));
	if (res->n_routes)
		memcpy(routes, res->routes, res->n_routes * sizeof(*routes));
	res->ips = ips;
	res->routes = routes;
	return true;
}

int cni_result_copy(struct cni_result *dst, const struct cni_result *src, struct arena *arena,
		    struct nerr *err)
{
	struct cni_result copy = *src;

	if (!copy_interfaces(&copy, arena) || !copy_plain(&copy, arena) ||
	    !copy_dns(&copy.dns, arena))
		return nerr_oom(err);
	*dst = copy;
	return 0;
}
