/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "netstack/transport/ports.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "base/siphash.h"
#include "netstack/core/core.h"

#define PAGE_PORTS (1U << PORT_PAGE_SHIFT)

/* Numbers of records + 1, 0 for ports nobody has. */
struct port_page {
	uint32_t record[PAGE_PORTS];
};

/* What matters in conflicts. */
struct port_claim {
	struct ip6_addr laddr;
	uint16_t oif;
	bool is_ip6;
	bool v6only;
	bool reuseaddr;
	bool reuseport;
	bool listening;
	bool connected; /* connect() chose the port */
};

_Static_assert(sizeof(struct port_claim) == 24, "no padding");

/* What is known of all that have a port with SO_REUSEPORT. */
enum port_fast {
	FAST_NONE,
	FAST_ANY,    /* all of them have it */
	FAST_STRICT, /* some have: only who has the address of @fast, too, may join unasked */
};

/**
 * struct port_record - A port in use
 * @binds:	Sockets, the last one first but for those of AF_INET6 with SO_REUSEPORT, which
 *		come behind all others: Linux's order, in which UDP asks them for conflicts
 * @binds_last:	Where the next one of these goes
 * @groups:	Number + 1 of the first one, without those in port_table.connected
 * @shares:	Number + 1 of the first one
 * @n_bound:	Binds of kind PORT_BOUND
 * @n_connected: Groups in port_table.connected
 * @fast:	TCP: the last one with SO_REUSEPORT that was asked about conflicts
 * @fast_port:	enum port_fast
 * @fast_addr:	All that were bound had SO_REUSEADDR then, and did not listen
 */
struct port_record {
	struct port_bind *binds;
	struct port_bind **binds_last;
	uint32_t groups;
	uint32_t shares;
	uint32_t n_bound;
	uint32_t n_connected;
	struct port_claim fast;
	uint8_t fast_port;
	bool fast_addr;
};

/* Who gets what.  Zero-initialised: compared as bytes. */
struct port_key {
	struct ip6_addr laddr;
	struct ip6_addr raddr;
	uint16_t lport;
	uint16_t rport;
	uint16_t oif;
	bool is_ip6;
	bool v6only;
};

_Static_assert(sizeof(struct port_key) == 40, "no padding");

/**
 * struct port_group - Sockets that receive the same packets
 * @key:	Which
 * @next:	Number + 1, of the record
 * @hash:	Of the 4-tuple, in port_table.connected; else 0
 * @n:		Members
 * @size:	Room in @many, 0: there is one member
 * @one, @many:	Members; the last one bound is the last one here
 */
struct port_group {
	struct port_key key;
	uint32_t next;
	uint32_t hash;
	uint32_t n;
	uint32_t size;
	union {
		struct port_bind *one;
		struct port_bind **many;
	};
};

/**
 * struct port_share - Users of a port that are in no list
 * @claim:	What they have in common
 * @next:	Number + 1, of the record
 * @n:		How many
 */
struct port_share {
	struct port_claim claim;
	uint32_t next;
	uint32_t n;
};

void port_table_init(struct port_table *t, struct core *core, const uint16_t *port_min,
		     const uint16_t *port_max, enum port_rules rules)
{
	*t = (struct port_table){
		.core = core,
		.port_min = port_min,
		.port_max = port_max,
		.rules = rules,
	};
	slab_init(&t->records, &core->mem, sizeof(struct port_record), 65536);
	slab_init(&t->groups, &core->mem, sizeof(struct port_group), SLAB_NONE - 1);
	slab_init(&t->shares, &core->mem, sizeof(struct port_share), SLAB_NONE - 1);
	flowtab_init(&t->connected, &core->mem);
}

void port_table_done(struct port_table *t)
{
	struct pbuf_mem *mem = &t->core->mem;

	assert(t->n == 0);
	for (unsigned int i = 0; i < PORT_PAGES; i++)
		if (t->page[i])
			mem->free(mem->arg, t->page[i], sizeof(*t->page[i]));
	slab_done(&t->records);
	slab_done(&t->groups);
	slab_done(&t->shares);
	flowtab_done(&t->connected);
	memset(t->page, 0, sizeof(t->page));
}

uint64_t port_table_bytes(const struct port_table *t)
{
	uint64_t bytes = slab_bytes(&t->records) + slab_bytes(&t->groups) + slab_bytes(&t->shares) +
			 flowtab_bytes(&t->connected);

	for (unsigned int i = 0; i < PORT_PAGES; i++)
		if (t->page[i])
			bytes += sizeof(*t->page[i]);
	return bytes;
}

/* --- records --- */

static struct port_record *record_lookup(const struct port_table *t, uint16_t port)
{
	const struct port_page *page = t->page[port >> PORT_PAGE_SHIFT];
	const uint32_t number = page ? page->record[port % PAGE_PORTS] : 0;

	return number ? slab_get(&t->records, number - 1) : NULL;
}

/* NULL without memory. */
static struct port_record *record_get(struct port_table *t, uint16_t port)
{
	struct port_page **page = &t->page[port >> PORT_PAGE_SHIFT];
	const struct pbuf_mem *mem = &t->core->mem;
	struct port_record *rec = record_lookup(t, port);
	uint32_t id;

	if (rec)
		return rec;
	if (!*page) {
		*page = mem->alloc(mem->arg, sizeof(**page));
		if (!*page)
			return NULL;
		memset(*page, 0, sizeof(**page));
	}
	rec = slab_alloc(&t->records, &id);
	if (!rec)
		return NULL;
	(*page)->record[port % PAGE_PORTS] = id + 1;
	rec->binds_last = &rec->binds;
	t->n++;
	return rec;
}

/* Give the record back when nobody has the port any more. */
static void record_put(struct port_table *t, struct port_record *rec, uint16_t port)
{
	uint32_t *number = &t->page[port >> PORT_PAGE_SHIFT]->record[port % PAGE_PORTS];

	if (rec->binds || rec->shares)
		return;
	assert(!rec->groups && !rec->n_bound && !rec->n_connected);
	slab_free(&t->records, *number - 1);
	*number = 0;
	t->n--;
}

/* --- groups --- */

static struct port_group *group_at(const struct port_table *t, uint32_t number)
{
	return number ? slab_get(&t->groups, number - 1) : NULL;
}

/* A ping socket hears replies from everybody, connected or not. */
static struct port_key key_of(const struct port_table *t, const struct sock *sk)
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
static bool key_is_tuple(const struct port_key *key)
{
	return key->rport && !sock_addr_is_any(key->raddr) && !sock_addr_is_any(key->laddr);
}

static uint32_t tuple_hash(const struct port_table *t, struct ip6_addr laddr, uint16_t lport,
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

	if (!key_is_tuple(key)) {
		for (v = rec->groups; v; v = group_at(t, v)->next)
			if (memcmp(&group_at(t, v)->key, key, sizeof(*key)) == 0)
				return v;
		return 0;
	}
	it = flowtab_first(&t->connected, hash);
	while ((v = flowtab_next(&t->connected, &it)) != FLOWTAB_NONE)
		if (memcmp(&group_at(t, v)->key, key, sizeof(*key)) == 0)
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
	if (!key_is_tuple(key)) {
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
	struct port_group *g = group_at(t, number);
	uint32_t *at = &rec->groups;

	if (key_is_tuple(&g->key)) {
		flowtab_remove(&t->connected, g->hash, number);
		rec->n_connected--;
	} else {
		while (*at != number)
			at = &group_at(t, *at)->next;
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
static bool group_join(struct port_table *t, struct port_record *rec, struct port_bind *b)
{
	const struct port_key key = key_of(t, b->sk);
	const uint32_t hash =
		key_is_tuple(&key) ? tuple_hash(t, key.laddr, key.lport, key.raddr, key.rport) : 0;
	uint32_t number = group_find(t, rec, &key, hash);
	struct port_group *g;

	assert(!b->in);
	if (!number)
		number = group_new(t, rec, &key, hash);
	g = group_at(t, number);
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

static void group_leave(struct port_table *t, struct port_record *rec, struct port_bind *b)
{
	struct port_group *g = group_at(t, b->in);
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

/* --- conflicts --- */

static struct port_claim claim_of(const struct port_bind *b)
{
	const struct sock *sk = b->sk;
	struct port_claim c;

	memset(&c, 0, sizeof(c));
	c.laddr = sk->laddr;
	c.oif = sk->oif;
	c.is_ip6 = sk->is_ip6;
	c.v6only = sk->flags & SOCK_V6ONLY;
	c.reuseaddr = sk->flags & SOCK_REUSEADDR;
	c.reuseport = sk->flags & SOCK_REUSEPORT;
	c.listening = b->listening;
	c.connected = b->kind == PORT_CONNECTED;
	return c;
}

static bool claim_is_ip4(const struct port_claim *c)
{
	return !c->is_ip6 || ip6_addr_is_mapped(c->laddr);
}

/* As Linux's inet_rcv_saddr_equal() with wildcards. */
static bool addrs_overlap(const struct port_claim *a, const struct port_claim *b)
{
	if (claim_is_ip4(a) && claim_is_ip4(b))
		return sock_addr_is_any(a->laddr) || sock_addr_is_any(b->laddr) ||
		       ip6_addr_eq(a->laddr, b->laddr);
	if (claim_is_ip4(a))
		return ip6_addr_is_unspecified(b->laddr) && !b->v6only;
	if (claim_is_ip4(b))
		return ip6_addr_is_unspecified(a->laddr) && !a->v6only;
	return ip6_addr_is_unspecified(a->laddr) || ip6_addr_is_unspecified(b->laddr) ||
	       ip6_addr_eq(a->laddr, b->laddr);
}

/* @there has the port, @wants asks for it.  @strict: options do not help, as in the search
 * for a free port.
 */
static bool claims_conflict(const struct port_table *t, const struct port_claim *wants,
			    const struct port_claim *there, bool strict)
{
	if (t->rules == PORT_PING)
		return strict || !wants->reuseaddr || !there->reuseaddr;
	if (wants->oif && there->oif && wants->oif != there->oif)
		return false;
	if (!addrs_overlap(wants, there))
		return false;
	if (strict)
		return true;
	if (wants->reuseaddr && there->reuseaddr && !there->listening)
		return false;
	return !wants->reuseport || !there->reuseport;
}

/* With UDP the first one that matters decides alone, conflict or group of SO_REUSEPORT: so does
 * udp_lib_lport_inuse(), and programs may have come to need it.
 */
static bool decides_alone(const struct port_table *t, const struct port_claim *wants,
			  const struct port_claim *there)
{
	return t->rules == PORT_UDP && wants->reuseport && there->reuseport &&
	       !(wants->reuseaddr && there->reuseaddr) &&
	       (!wants->oif || !there->oif || wants->oif == there->oif) &&
	       addrs_overlap(wants, there);
}

static bool record_conflicts(const struct port_table *t, const struct port_record *rec,
			     const struct port_bind *wants, bool strict)
{
	const struct port_claim claim = claim_of(wants);

	for (const struct port_bind *b = rec->binds; b; b = b->next) {
		const struct port_claim there = claim_of(b);

		if (b == wants)
			continue;
		if (claims_conflict(t, &claim, &there, strict))
			return true;
		if (!strict && decides_alone(t, &claim, &there))
			return false;
	}
	for (uint32_t v = rec->shares; v;) {
		const struct port_share *s = slab_get(&t->shares, v - 1);

		if (claims_conflict(t, &claim, &s->claim, strict))
			return true;
		v = s->next;
	}
	return false;
}

static bool port_conflicts(const struct port_table *t, uint16_t port, const struct port_bind *wants,
			   bool strict)
{
	const struct port_record *rec = record_lookup(t, port);

	return rec && record_conflicts(t, rec, wants, strict);
}

/* --- TCP: who need not be asked ---
 *
 * Linux remembers the options of those that were let in, and lets others in by them without a
 * look at anybody else (inet_csk_get_port(), sk_reuseport_match()).  It was made for speed,
 * but some that conflict pass, and programs rely on what they can do.
 */

static bool v4_covers(const struct port_claim *fast, const struct port_claim *c)
{
	return sock_addr_is_any(fast->laddr) || (uint32_t)fast->laddr.lo == (uint32_t)c->laddr.lo;
}

static bool fast_covers(const struct port_claim *fast, const struct port_claim *c)
{
	if (!fast->is_ip6)
		return !(c->is_ip6 && c->v6only) &&
		       (sock_addr_is_any(fast->laddr) || (claim_is_ip4(c) && v4_covers(fast, c)));
	if (claim_is_ip4(fast) && claim_is_ip4(c))
		return v4_covers(fast, c);
	if (ip6_addr_is_unspecified(fast->laddr))
		return !(fast->v6only && claim_is_ip4(c));
	return !claim_is_ip4(fast) && !claim_is_ip4(c) && ip6_addr_eq(fast->laddr, c->laddr);
}

static bool matches_fast(const struct port_record *rec, const struct port_claim *c)
{
	if (rec->fast_port == FAST_NONE || !c->reuseport)
		return false;
	return rec->fast_port == FAST_ANY || fast_covers(&rec->fast, c);
}

static bool need_not_ask(const struct port_table *t, const struct port_record *rec,
			 const struct port_bind *b, bool listen)
{
	const struct port_claim c = claim_of(b);

	if (t->rules != PORT_TCP)
		return false;
	return (rec->fast_addr && c.reuseaddr && !listen) || matches_fast(rec, &c);
}

/* inet_csk_update_fastreuse() */
static void fast_update(struct port_record *rec, const struct port_bind *b, bool first, bool listen)
{
	const struct port_claim c = claim_of(b);

	rec->fast_addr = (first || rec->fast_addr) && c.reuseaddr && !listen;
	if (!c.reuseport) {
		rec->fast_port = FAST_NONE;
	} else if (first || !matches_fast(rec, &c)) {
		rec->fast_port = first ? FAST_ANY : FAST_STRICT;
		rec->fast = c;
	}
}

/* --- binding --- */

static void bind_link(struct port_record *rec, struct port_bind *b)
{
	const bool behind = b->sk->is_ip6 && b->sk->flags & SOCK_REUSEPORT;

	b->pprev = behind ? rec->binds_last : &rec->binds;
	b->next = *b->pprev;
	*b->pprev = b;
	if (b->next)
		b->next->pprev = &b->next;
	else
		rec->binds_last = &b->next;
}

static void bind_unlink(struct port_record *rec, struct port_bind *b)
{
	*b->pprev = b->next;
	if (b->next)
		b->next->pprev = b->pprev;
	else
		rec->binds_last = b->pprev;
}

static int bind_add(struct port_table *t, struct port_bind *b, uint16_t port, enum port_kind kind)
{
	struct port_record *rec = record_get(t, port);

	assert(b->kind == PORT_NONE && !b->in);
	if (!rec)
		return -ENOMEM;
	b->sk->lport = port;
	b->receiving = t->rules != PORT_TCP;
	b->listening = false;
	if (b->receiving && !group_join(t, rec, b)) {
		b->sk->lport = 0;
		b->receiving = false;
		record_put(t, rec, port);
		return -ENOMEM;
	}
	b->kind = (uint8_t)kind;
	b->sk->flags |= SOCK_HAS_PORT;
	bind_link(rec, b);
	rec->n_bound += kind == PORT_BOUND;
	return 0;
}

/* A port without conflicts, trying @n of them from a random one on, @step apart.  0: none */
static uint32_t port_search(const struct port_table *t, const struct port_bind *b, uint32_t first,
			    uint32_t n, uint32_t step, bool strict)
{
	uint32_t at;

	if (n == 0)
		return 0;
	at = core_random_below(t->core, n);
	for (uint32_t i = 0; i < n; i++) {
		const uint16_t port = (uint16_t)(first + at * step);

		if (!port_conflicts(t, port, b, strict))
			return port;
		at = at + 1 < n ? at + 1 : 0;
	}
	return 0;
}

/* An ephemeral port for bind(). */
static uint32_t port_choose(const struct port_table *t, const struct port_bind *b)
{
	const uint32_t min = *t->port_min;
	const uint32_t n = *t->port_max >= min ? *t->port_max - min + 1U : 0;
	const bool may_share = b->sk->flags & (SOCK_REUSEADDR | SOCK_REUSEPORT);
	uint32_t port;

	if (t->rules == PORT_TCP) {
		port = port_search(t, b, min + 1, n / 2, 2, true);
		return port ? port : port_search(t, b, min, (n + 1) / 2, 2, true);
	}
	port = port_search(t, b, min, n, 1, true);
	if (!port && may_share)
		port = port_search(t, b, min, n, 1, false);
	return port;
}

int port_bind(struct port_table *t, struct port_bind *b, uint16_t port)
{
	const struct port_record *rec = record_lookup(t, port);
	const bool asks = port && rec && !need_not_ask(t, rec, b, false);
	bool first;
	int r;

	if (asks && record_conflicts(t, rec, b, false))
		return -EADDRINUSE;
	if (!port)
		port = (uint16_t)port_choose(t, b);
	if (!port)
		return -EADDRINUSE;
	first = !record_lookup(t, port);
	r = bind_add(t, b, port, PORT_BOUND);
	if (r == 0)
		fast_update(record_lookup(t, port), b, first, false);
	return r;
}

/* Nobody has it but connections whose port was chosen for them. */
static bool port_is_for_connect(const struct port_table *t, uint16_t port)
{
	const struct port_record *rec = record_lookup(t, port);

	if (!rec)
		return true;
	if (rec->n_bound)
		return false;
	for (uint32_t v = rec->shares; v;) {
		const struct port_share *s = slab_get(&t->shares, v - 1);

		if (!s->claim.connected)
			return false;
		v = s->next;
	}
	return true;
}

int port_bind_connect(struct port_table *t, struct port_bind *b,
		      bool (*taken)(void *arg, uint16_t port), void *arg)
{
	const struct sock *sk = b->sk;
	const uint64_t who[5] = { sk->laddr.hi, sk->laddr.lo, sk->raddr.hi, sk->raddr.lo,
				  UINT64_C(0x74726f70) << 32 | (uint32_t)t->rules << 16 |
					  sk->rport }; /* "port" */
	const uint64_t hash = siphash24(&t->core->key, who, sizeof(who));
	uint32_t *perturb = &t->perturb[hash % PORT_PERTURB];
	const uint32_t min = *t->port_min;
	const uint32_t n = *t->port_max >= min ? *t->port_max - min + 1U : 0;
	uint32_t first, at, tried;

	if (n == 0)
		return -EADDRNOTAVAIL;
	/* Even offsets first: bind() takes odd ones. */
	first = (uint32_t)((*perturb + (hash >> 32)) % n) & ~1U;
	at = first;
	for (tried = 0; tried < n; tried++) {
		const uint16_t port = (uint16_t)(min + at);

		if (port_is_for_connect(t, port) && !taken(arg, port)) {
			/* Who sees one number shall not know the next one. */
			const uint32_t skip = core_random_below(t->core, 8);

			*perturb += (tried > skip ? tried : skip) * 2 + 2;
			return bind_add(t, b, port, PORT_CONNECTED);
		}
		at += 2;
		if (at >= n)
			at &= 1;
		if (tried + 1 == (n + 1) / 2)
			at = first + 1 < n ? first + 1 : n > 1; /* the odd ones */
	}
	return -EADDRNOTAVAIL;
}

static void bind_remove(struct port_table *t, struct port_record *rec, struct port_bind *b)
{
	if (b->receiving)
		group_leave(t, rec, b);
	rec->n_bound -= b->kind == PORT_BOUND;
	bind_unlink(rec, b);
}

/* --- shares --- */

static uint32_t share_get(struct port_table *t, struct port_record *rec,
			  const struct port_claim *claim)
{
	struct port_share *s;
	uint32_t id;

	for (uint32_t v = rec->shares; v; v = s->next) {
		s = slab_get(&t->shares, v - 1);
		if (memcmp(&s->claim, claim, sizeof(*claim)) == 0) {
			s->n++;
			return v;
		}
	}
	s = slab_alloc(&t->shares, &id);
	if (!s)
		return 0;
	s->claim = *claim;
	s->n = 1;
	s->next = rec->shares;
	rec->shares = id + 1;
	return id + 1;
}

static void share_put(struct port_table *t, struct port_record *rec, uint32_t number)
{
	struct port_share *s = slab_get(&t->shares, number - 1);
	uint32_t *at = &rec->shares;

	if (--s->n)
		return;
	while (*at != number)
		at = &((struct port_share *)slab_get(&t->shares, *at - 1))->next;
	*at = s->next;
	slab_free(&t->shares, number - 1);
}

int port_inherit(struct port_table *t, struct port_bind *b)
{
	struct port_record *rec = record_get(t, b->sk->lport);
	struct port_claim claim;

	assert(b->kind == PORT_NONE);
	if (!rec)
		return -ENOMEM;
	b->receiving = false;
	b->listening = false;
	b->sk->flags &= ~(uint32_t)SOCK_LISTENING;
	claim = claim_of(b);
	b->in = share_get(t, rec, &claim);
	if (!b->in) {
		record_put(t, rec, b->sk->lport);
		return -ENOMEM;
	}
	b->kind = PORT_SHARED;
	b->sk->flags |= SOCK_HAS_PORT;
	return 0;
}

void port_release(struct port_table *t, struct port_bind *b)
{
	struct port_record *rec;

	b->sk->flags &= ~(uint32_t)(SOCK_LISTENING | SOCK_HAS_PORT);
	if (b->kind == PORT_NONE)
		return;
	rec = record_lookup(t, b->sk->lport);
	assert(rec);
	if (b->kind == PORT_SHARED)
		share_put(t, rec, b->in);
	else
		bind_remove(t, rec, b);
	record_put(t, rec, b->sk->lport);
	*b = (struct port_bind){ .sk = b->sk };
}

int port_hold(struct port_table *t, const struct port_bind *b, uint32_t *ret)
{
	struct port_record *rec = record_lookup(t, b->sk->lport);
	struct port_claim claim = claim_of(b);
	uint32_t number;

	assert(rec && b->kind != PORT_NONE);
	claim.listening = false;
	number = share_get(t, rec, &claim);
	if (!number)
		return -ENOMEM;
	*ret = number;
	return 0;
}

void port_unhold(struct port_table *t, uint16_t port, uint32_t hold)
{
	struct port_record *rec = record_lookup(t, port);

	assert(rec);
	share_put(t, rec, hold);
	record_put(t, rec, port);
}

/* --- receiving --- */

int port_listen(struct port_table *t, struct port_bind *b)
{
	struct port_record *rec = record_lookup(t, b->sk->lport);

	assert(rec && (b->kind == PORT_BOUND || b->kind == PORT_CONNECTED));
	if (b->listening)
		return 0;
	if (!need_not_ask(t, rec, b, true) && record_conflicts(t, rec, b, false))
		return -EADDRINUSE;
	if (!group_join(t, rec, b))
		return -ENOMEM;
	fast_update(rec, b, false, true);
	b->listening = true;
	b->receiving = true;
	b->sk->flags |= SOCK_LISTENING;
	return 0;
}

void port_unlisten(struct port_table *t, struct port_bind *b)
{
	struct port_record *rec = record_lookup(t, b->sk->lport);

	if (!b->listening)
		return;
	assert(rec);
	group_leave(t, rec, b);
	b->listening = false;
	b->receiving = false;
	b->sk->flags &= ~(uint32_t)SOCK_LISTENING;
}

/* What it is counted under is another one now. */
static int share_change(struct port_table *t, struct port_record *rec, struct port_bind *b)
{
	const struct port_claim claim = claim_of(b);
	const uint32_t number = share_get(t, rec, &claim);

	if (!number)
		return -ENOMEM;
	share_put(t, rec, b->in);
	b->in = number;
	return 0;
}

int port_moved(struct port_table *t, struct port_bind *b)
{
	struct port_record *rec;

	if (b->kind != PORT_SHARED && !b->receiving)
		return 0;
	rec = record_lookup(t, b->sk->lport);
	assert(rec);
	if (b->kind == PORT_SHARED)
		return share_change(t, rec, b);
	group_leave(t, rec, b);
	return group_join(t, rec, b) ? 0 : -ENOMEM;
}

/* One of a group: by the hash among those that share the port by SO_REUSEPORT, else the last
 * one that was bound.
 */
static struct sock *group_pick(const struct port_table *t, const struct port_group *g,
			       uint32_t hash, struct ip6_addr raddr, uint16_t rport)
{
	struct sock *last, *sk;

	if (!g->size)
		return g->one->sk;
	last = g->many[g->n - 1]->sk;
	if (g->n == 1 || !(last->flags & SOCK_REUSEPORT))
		return last;
	if (!hash)
		hash = tuple_hash(t, g->key.laddr, g->key.lport, raddr, rport);
	sk = g->many[((uint64_t)hash * g->n) >> 32]->sk;
	return sk->flags & SOCK_REUSEPORT ? sk : last;
}

/* -1: gets nothing of it. */
static int group_score(const struct port_key *key, struct ip6_addr laddr, struct ip6_addr raddr,
		       uint16_t rport, uint32_t ifindex)
{
	const bool is_ip4 = ip6_addr_is_mapped(laddr);
	int score = 0;

	if (key->oif && key->oif != ifindex)
		return -1;
	if (!sock_addr_is_any(key->laddr)) {
		if (!ip6_addr_eq(key->laddr, laddr))
			return -1;
		score += 64;
	} else if (!key->is_ip6) {
		if (!is_ip4)
			return -1;
		score += 1;
	} else if (is_ip4 ? key->v6only : ip6_addr_is_mapped(key->laddr)) {
		return -1;
	}
	if (!sock_addr_is_any(key->raddr)) {
		if (!ip6_addr_eq(key->raddr, raddr))
			return -1;
		score += 4;
	}
	if (key->rport) {
		if (key->rport != rport)
			return -1;
		score += 4;
	}
	return score + (key->oif ? 4 : 0);
}

struct sock *port_lookup(const struct port_table *t, struct ip6_addr laddr, uint16_t lport,
			 struct ip6_addr raddr, uint16_t rport, uint32_t ifindex, uint32_t hash)
{
	const struct port_record *rec = record_lookup(t, lport);
	const struct port_group *best = NULL;
	int best_score = -1;

	if (!rec)
		return NULL;
	if (rec->n_connected) {
		const uint32_t h = tuple_hash(t, laddr, lport, raddr, rport);
		struct flowtab_iter it = flowtab_first(&t->connected, h);
		uint32_t v;

		while ((v = flowtab_next(&t->connected, &it)) != FLOWTAB_NONE) {
			const struct port_group *g = group_at(t, v);
			const int score = g->key.lport == lport ? group_score(&g->key, laddr, raddr,
									      rport, ifindex)
								: -1;

			if (score > best_score) {
				best_score = score;
				best = g;
			}
		}
		if (best)
			return group_pick(t, best, hash, raddr, rport);
	}
	for (const struct port_group *g = group_at(t, rec->groups); g; g = group_at(t, g->next)) {
		const int score = group_score(&g->key, laddr, raddr, rport, ifindex);

		if (score > best_score) {
			best_score = score;
			best = g;
		}
	}
	return best ? group_pick(t, best, hash, raddr, rport) : NULL;
}

struct port_bind *port_lookup_next(const struct port_table *t, const struct port_bind *prev,
				   struct ip6_addr laddr, uint16_t lport, struct ip6_addr raddr,
				   uint16_t rport, uint32_t ifindex)
{
	const struct port_record *rec = record_lookup(t, lport);
	struct port_bind *b = prev ? prev->next : rec ? rec->binds : NULL;

	for (; b; b = b->next) {
		const struct port_key key = key_of(t, b->sk);

		if (b->receiving && group_score(&key, laddr, raddr, rport, ifindex) >= 0)
			return b;
	}
	return NULL;
}
