/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "netstack/net/pmtu.h"

#include "base/siphash.h"
#include "wire/ipv4.h"
#include "wire/ipv6.h"

/* Word of this table in keyed hashes. */
#define PMTU_WORD UINT64_C(0x706d7475) /* "pmtu" */

/**
 * struct pmtu_entry - A path
 * @timer:	When it is forgotten
 * @dst:	Where to
 * @mtu:	Of it
 * @locked:	A router asked for less than params pmtu_min: do not set DF
 * @id:		Number in the slab
 * @older, @newer: Neighbours in the order of coming
 * @hash:	In by_dst
 */
struct pmtu_entry {
	struct timer timer;
	struct ip6_addr dst;
	uint32_t mtu;
	uint32_t id;
	uint32_t older;
	uint32_t newer;
	uint32_t hash;
	bool locked;
};

static struct pmtu_entry *get(const struct pmtu_table *p, uint32_t id)
{
	return slab_get(&p->entries, id);
}

void pmtu_init(struct pmtu_table *p, struct core *core, const struct ip_params *params,
	       void (*changed)(void *arg), void *arg)
{
	*p = (struct pmtu_table){
		.core = core,
		.params = params,
		.oldest = SLAB_NONE,
		.newest = SLAB_NONE,
		.changed = changed,
		.arg = arg,
	};
	slab_init(&p->entries, &core->mem, sizeof(struct pmtu_entry), PMTU_ENTRIES_MAX);
	flowtab_init(&p->by_dst, &core->mem);
}

static uint32_t hash_of(const struct pmtu_table *p, struct ip6_addr dst)
{
	const uint64_t msg[3] = { PMTU_WORD, dst.hi, dst.lo };

	return (uint32_t)siphash13(&p->core->key, msg, sizeof(msg));
}

static struct pmtu_entry *lookup(const struct pmtu_table *p, struct ip6_addr dst, uint32_t hash)
{
	struct flowtab_iter it = flowtab_first(&p->by_dst, hash);
	uint32_t id;

	while ((id = flowtab_next(&p->by_dst, &it)) != FLOWTAB_NONE)
		if (ip6_addr_eq(get(p, id)->dst, dst))
			return get(p, id);
	return NULL;
}

static void entry_free(struct pmtu_table *p, struct pmtu_entry *e)
{
	if (e->older != SLAB_NONE)
		get(p, e->older)->newer = e->newer;
	else
		p->oldest = e->newer;
	if (e->newer != SLAB_NONE)
		get(p, e->newer)->older = e->older;
	else
		p->newest = e->older;
	timer_del(&p->core->wheel, &e->timer);
	flowtab_remove(&p->by_dst, e->hash, e->id);
	slab_free(&p->entries, e->id);
}

static struct pmtu_entry *entry_new(struct pmtu_table *p, struct ip6_addr dst, uint32_t hash)
{
	struct pmtu_entry *e;
	uint32_t id;

	if (p->entries.n == PMTU_ENTRIES_MAX)
		entry_free(p, get(p, p->oldest));
	e = slab_alloc(&p->entries, &id);
	if (!e)
		return NULL;
	if (flowtab_insert(&p->by_dst, hash, id) < 0) {
		slab_free(&p->entries, id);
		return NULL;
	}
	e->timer.kind = TIMER_PMTU;
	e->dst = dst;
	e->mtu = UINT32_MAX;
	e->id = id;
	e->hash = hash;
	e->older = p->newest;
	e->newer = SLAB_NONE;
	if (p->newest != SLAB_NONE)
		get(p, p->newest)->newer = id;
	else
		p->oldest = id;
	p->newest = id;
	return e;
}

void pmtu_done(struct pmtu_table *p)
{
	while (p->oldest != SLAB_NONE)
		entry_free(p, get(p, p->oldest));
	flowtab_done(&p->by_dst);
	slab_done(&p->entries);
}

void pmtu_flush(struct pmtu_table *p, const struct ip6_addr *dst)
{
	struct pmtu_entry *e;

	if (dst) {
		e = lookup(p, *dst, hash_of(p, *dst));
		if (e)
			entry_free(p, e);
		return;
	}
	while (p->oldest != SLAB_NONE)
		entry_free(p, get(p, p->oldest));
}

void pmtu_timer(struct pmtu_table *p, struct timer *t)
{
	entry_free(p, (struct pmtu_entry *)(void *)t); /* its first member */
	p->changed(p->arg);
}

uint32_t pmtu_lookup(const struct pmtu_table *p, struct ip6_addr dst, uint32_t link_mtu,
		     bool *ret_locked)
{
	const struct pmtu_entry *e = p->entries.n ? lookup(p, dst, hash_of(p, dst)) : NULL;

	*ret_locked = e && e->locked;
	return e && e->mtu < link_mtu ? e->mtu : link_mtu;
}

bool pmtu_bound(const struct ip_params *params, bool is_ip4, uint32_t *mtu)
{
	if (!is_ip4)
		return *mtu >= IPV6_MTU_LEAST;
	if (*mtu < IPV4_MTU_MIN)
		return false;
	if (*mtu < params->pmtu_min)
		*mtu = params->pmtu_min;
	return true;
}

bool pmtu_update(struct pmtu_table *p, struct ip6_addr dst, uint32_t mtu, uint32_t link_mtu)
{
	const bool is_ip4 = ip6_addr_is_mapped(dst);
	const bool locked = is_ip4 && mtu <= p->params->pmtu_min;
	const uint32_t hash = hash_of(p, dst);
	struct pmtu_entry *e;
	bool news;

	if (!pmtu_bound(p->params, is_ip4, &mtu) || mtu >= link_mtu)
		return false;
	e = lookup(p, dst, hash);
	if (!e)
		e = entry_new(p, dst, hash);
	if (!e || mtu > e->mtu)
		return false;
	news = mtu < e->mtu || (locked && !e->locked);
	e->mtu = mtu;
	e->locked |= locked;
	timer_set(&p->core->wheel, &e->timer,
		  p->core->now_ns + (uint64_t)p->params->pmtu_expires_ms * NS_PER_MS);
	return news;
}

/* RFC 1191, 7.1, down to what every link has. */
uint32_t pmtu_plateau(uint32_t len)
{
	static const uint16_t plateau[] = {
		32000, 17914, 8166, 4352, 2002, 1492, 1006, 508, 296, 68
	};

	for (unsigned int i = 0; i < sizeof(plateau) / sizeof(*plateau); i++)
		if (plateau[i] < len)
			return plateau[i];
	return IPV4_MTU_MIN;
}
