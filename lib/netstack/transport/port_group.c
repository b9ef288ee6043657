/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Groups: the sockets of a port that receive, by what they receive.
 */
#include <assert.h>
#include <string.h>

#include "base/siphash.h"
#include "netstack/core/core.h"
#include "netstack/transport/ports_priv.h"

struct port_group *port_group_at(const struct port_table *t, uint32_t number)
{
	return number ? slab_get(&t->groups, number - 1) : NULL;
}

/* A ping socket hears replies from everybody, connected or not. */
struct port_key port_key_of(const struct port_table *t, const struct sock *sk)
{
	struct port_key key;

	memset(&key, 0, sizeof(key));
	key.laddr = sk->laddr;
	key.lport = sk->lport;
	if (t->rules != PORT_PING) {
		key.raddr = sk->raddr;
		key.rport = sk->rport;
	}
	key.oif = sk->oif;
	key.is_ip6 = sk->is_ip6;
	key.v6only = sk->flags & SOCK_V6ONLY;
	return key;
}

/* Found by its 4-tuple instead of by walking the groups of the port. */
bool port_key_is_tuple(const struct port_key *key)
{
	return key->rport && !sock_addr_is_any(key->raddr) && !sock_addr_is_any(key->laddr);
}

uint32_t port_tuple_hash(const struct port_table *t, struct ip6_addr laddr, uint16_t lport,
			 struct ip6_addr raddr, uint16_t rport)
{
	const uint64_t tuple[5] = { laddr.hi, laddr.lo, raddr.hi, raddr.lo,
				    (uint64_t)t->rules << 32 | (uint32_t)lport << 16 | rport };

	return (uint32_t)siphash13(&t->core->key, tuple, sizeof(tuple));
}

/* Number + 1 of the group of this key, 0 for none. */
static uint32_t group_find(const struct port_table *t, const struct port_record *rec,
			   const struct port_key *key, uint32_t hash)
{
	struct flowtab_iter it;
	uint32_t v;

	if (!port_key_is_tuple(key)) {
		for (v = rec->groups; v; v = port_group_at(t, v)->next)
			if (memcmp(&port_group_at(t, v)->key, key, sizeof(*key)) == 0)
				return v;
		return 0;
	}
	it = flowtab_first(&t->connected, hash);
	while ((v = flowtab_next(&t->connected, &it)) != FLOWTAB_NONE)
		if (memcmp(&port_group_at(t, v)->key, key, sizeof(*key)) == 0)
			return v;
	return 0;
}

/* An empty group, in its list or table.  0 without memory. */
static uint32_t group_new(struct port_table *t, struct port_record *rec, const struct port_key *key,
			  uint32_t hash)
{
	uint32_t id;
	struct port_group *g = slab_alloc(&t->groups, &id);

	if (!g)
		return 0;
	g->key = *key;
	if (!port_key_is_tuple(key)) {
		g->next = rec->groups;
		rec->groups = id + 1;
		return id + 1;
	}
	if (flowtab_insert(&t->connected, hash, id + 1) < 0) {
		slab_free(&t->groups, id);
		return 0;
	}
	g->hash = hash;
	rec->n_connected++;
	return id + 1;
}

static void group_free(struct port_table *t, struct port_record *rec, uint32_t number)
{
	struct port_group *g = port_group_at(t, number);
	uint32_t *at = &rec->groups;

	if (port_key_is_tuple(&g->key)) {
		flowtab_remove(&t->connected, g->hash, number);
		rec->n_connected--;
	} else {
		while (*at != number)
			at = &port_group_at(t, *at)->next;
		*at = g->next;
	}
	slab_free(&t->groups, number - 1);
}

static bool group_grow(struct port_table *t, struct port_group *g)
{
	const struct pbuf_mem *mem = &t->core->mem;
	const uint32_t size = g->size ? g->size * 2 : 4;
	struct port_bind **many = mem->alloc(mem->arg, size * sizeof(struct port_bind *));

	if (!many)
		return false;
	if (g->size) {
		memcpy(many, g->many, g->n * sizeof(struct port_bind *));
		mem->free(mem->arg, g->many, g->size * sizeof(struct port_bind *));
	} else {
		many[0] = g->one;
	}
	g->many = many;
	g->size = size;
	return true;
}

/* Let @b receive.  False without memory. */
bool port_group_join(struct port_table *t, struct port_record *rec, struct port_bind *b)
{
	const struct port_key key = port_key_of(t, b->sk);
	const uint32_t hash = port_key_is_tuple(&key) ? port_tuple_hash(t, key.laddr, key.lport,
									key.raddr, key.rport)
						      : 0;
	uint32_t number = group_find(t, rec, &key, hash);
	struct port_group *g;

	assert(!b->in);
	if (!number)
		number = group_new(t, rec, &key, hash);
	g = port_group_at(t, number);
	if (!g)
		return false;
	if (g->n == (g->size ? g->size : 1) && !group_grow(t, g))
		return false;
	if (g->size)
		g->many[g->n] = b;
	else
		g->one = b;
	g->n++;
	b->in = number;
	return true;
}

void port_group_leave(struct port_table *t, struct port_record *rec, struct port_bind *b)
{
	struct port_group *g = port_group_at(t, b->in);
	const struct pbuf_mem *mem = &t->core->mem;
	uint32_t i = 0;

	if (!g)
		return;
	if (g->size) {
		while (g->many[i] != b)
			i++;
		memmove(&g->many[i], &g->many[i + 1], (g->n - i - 1) * sizeof(struct port_bind *));
	}
	if (--g->n == 0) {
		if (g->size)
			mem->free(mem->arg, g->many, g->size * sizeof(struct port_bind *));
		group_free(t, rec, b->in);
	}
	b->in = 0;
}
