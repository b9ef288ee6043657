/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Multicast groups of a socket.  The link listens to a group as long as one socket is in it,
 * to all sources; which of them a socket hears is decided here.
 */
#include <errno.h>

#include "netstack/transport/dgram.h"

static const struct pbuf_mem *mem_of(const struct dgram *d)
{
	return &d->layer->core->mem;
}

/* @ifindex 0: any. */
static struct dgram_group **group_find(struct dgram *d, uint32_t ifindex, struct ip6_addr group)
{
	struct dgram_group **at = &d->groups;

	while (*at &&
	       !(ip6_addr_eq((*at)->group, group) && (!ifindex || (*at)->ifindex == ifindex)))
		at = &(*at)->next;
	return at;
}

/* A new membership, or NULL with *@err set. */
static struct dgram_group *group_add(struct dgram *d, uint32_t ifindex, struct ip6_addr group,
				     int *err)
{
	const struct pbuf_mem *mem = mem_of(d);
	struct dgram_group *g;
	uint32_t where;
	int r;

	*err = -ENOBUFS;
	if (d->n_groups >= DGRAM_GROUPS_MAX)
		return NULL;
	*err = -ENOMEM;
	g = mem->alloc(mem->arg, sizeof(*g));
	if (!g)
		return NULL;
	r = ip_group_join(d->layer->net, ifindex, group, &where);
	if (r < 0) {
		mem->free(mem->arg, g, sizeof(*g));
		*err = r;
		return NULL;
	}
	*g = (struct dgram_group){
		.next = d->groups,
		.group = group,
		.ifindex = where,
	};
	d->groups = g;
	d->n_groups++;
	return g;
}

static void group_remove(struct dgram *d, struct dgram_group **at)
{
	const struct pbuf_mem *mem = mem_of(d);
	struct dgram_group *g = *at;

	*at = g->next;
	d->n_groups--;
	/* When the interface went, so did the group. */
	(void)ip_group_leave(d->layer->net, g->ifindex, g->group);
	mem->free(mem->arg, g, sizeof(*g));
}

int dgram_group_join(struct dgram *d, uint32_t ifindex, struct ip6_addr group)
{
	struct dgram_group *g;
	int err;

	if (ifindex && *group_find(d, ifindex, group))
		return -EADDRINUSE;
	g = group_add(d, ifindex, group, &err);
	if (!g)
		return err;
	g->exclude = true;
	for (const struct dgram_group *other = g->next; other; other = other->next) {
		if (other->ifindex == g->ifindex && ip6_addr_eq(other->group, group)) {
			group_remove(d, &d->groups); /* the route named the same link again */
			return -EADDRINUSE;
		}
	}
	return 0;
}

int dgram_group_leave(struct dgram *d, uint32_t ifindex, struct ip6_addr group)
{
	struct dgram_group **at = group_find(d, ifindex, group);

	if (!*at)
		return -EADDRNOTAVAIL;
	group_remove(d, at);
	return 0;
}

void dgram_groups_leave_all(struct dgram *d)
{
	while (d->groups)
		group_remove(d, &d->groups);
}

/* Its place, or n_sources. */
static unsigned int source_find(const struct dgram_group *g, struct ip6_addr source)
{
	unsigned int i = 0;

	while (i < g->n_sources && !ip6_addr_eq(g->source[i], source))
		i++;
	return i;
}

static int source_add(struct dgram_group *g, struct ip6_addr source)
{
	if (source_find(g, source) < g->n_sources)
		return -EADDRNOTAVAIL;
	if (g->n_sources == DGRAM_SOURCES_MAX)
		return -ENOBUFS;
	g->source[g->n_sources++] = source;
	g->has_list = true;
	return 0;
}

static int source_remove(struct dgram_group *g, struct ip6_addr source)
{
	const unsigned int i = source_find(g, source);

	if (i == g->n_sources)
		return -EADDRNOTAVAIL;
	g->source[i] = g->source[--g->n_sources];
	return 0;
}

/* As ip_mc_source(): a membership is of one kind from its first source on. */
int dgram_group_source(struct dgram *d, enum dgram_source_op op, uint32_t ifindex,
		       struct ip6_addr group, struct ip6_addr source)
{
	const bool adds = op == DGRAM_SOURCE_JOIN || op == DGRAM_SOURCE_BLOCK;
	const bool exclude = op == DGRAM_SOURCE_BLOCK || op == DGRAM_SOURCE_UNBLOCK;
	struct dgram_group **at = group_find(d, ifindex, group);
	struct dgram_group *g = *at;
	int r;

	if (!g && op != DGRAM_SOURCE_JOIN)
		return -EINVAL;
	if (!g) {
		g = group_add(d, ifindex, group, &r);
		if (!g)
			return r;
		at = &d->groups;
	}
	if (g->exclude != exclude && g->has_list)
		return -EINVAL;
	g->exclude = exclude;
	r = adds ? source_add(g, source) : source_remove(g, source);
	if (r == 0 && op == DGRAM_SOURCE_LEAVE && !g->n_sources)
		group_remove(d, at);
	return r;
}

bool dgram_group_hears(const struct dgram *d, uint32_t ifindex, struct ip6_addr group,
		       struct ip6_addr src)
{
	for (const struct dgram_group *g = d->groups; g; g = g->next)
		if (g->ifindex == ifindex && ip6_addr_eq(g->group, group))
			return (source_find(g, src) < g->n_sources) != g->exclude;
	return !(ip6_addr_is_mapped(group) ? d->sk.flags & SOCK_MCAST_ONLY_OWN
					   : d->sk.opts & SOCKOPT6_MCAST_ONLY_OWN);
}
