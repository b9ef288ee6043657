/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "netstack/transport/ports.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "base/siphash.h"
#include "netstack/core/core.h"
#include "netstack/transport/ports_priv.h"

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

void port_table_trim(struct port_table *t)
{
	slab_trim(&t->records);
	slab_trim(&t->groups);
	slab_trim(&t->shares);
	flowtab_trim(&t->connected);
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

struct port_record *port_record_lookup(const struct port_table *t, uint16_t port)
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
	struct port_record *rec = port_record_lookup(t, port);
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

/* --- binding --- */

static bool port_conflicts(const struct port_table *t, uint16_t port, const struct port_bind *wants,
			   bool strict)
{
	const struct port_record *rec = port_record_lookup(t, port);

	return rec && port_claim_conflicts(t, rec, wants, strict);
}

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
	if (b->receiving && !port_group_join(t, rec, b)) {
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

/* --- the search for a free one --- */

/* Ephemeral ports are tried from @first on, @step apart: with several shards each has its own. */
struct port_range {
	uint32_t first;
	uint32_t step;
	uint32_t n;
};

static struct port_range ephemeral(const struct port_table *t)
{
	const uint32_t step = t->core->n_shards > 1 ? t->core->n_shards : 1;
	const uint32_t min = *t->port_min, max = *t->port_max;
	struct port_range r = { .step = step };

	r.first = min + (t->core->shard + step - min % step) % step;
	r.n = max >= r.first ? (max - r.first) / step + 1 : 0;
	return r;
}

/* Of the half that is preferred so many are tried, and of the other one, before the rest of both:
 * when nearly all of a half is taken, nobody shall walk through it each time.
 */
#define HALF_FIRST 64

/* Offsets within a range that are @stride apart, from @first on; the walk begins at number
 * @start.
 */
struct half {
	uint32_t first;
	uint32_t stride;
	uint32_t n;
	uint32_t start;
};

/**
 * struct port_walk - Ports in the order in which they are tried
 * @half:	Preferred one and other one; the second is empty where nothing is preferred
 * @n:		Of both
 */
struct port_walk {
	struct port_range range;
	struct half half[2];
	uint32_t n;
};

/* TCP: connect() prefers even offsets and bind() odd ones, so that programs that only do one of
 * them leave the other ports to the others (as Linux).
 */
static struct port_walk walk_halves(struct port_range range, bool odd)
{
	struct port_walk w = { .range = range, .n = range.n };

	w.half[odd] = (struct half){ .first = 0, .stride = 2, .n = (range.n + 1) / 2 };
	w.half[!odd] = (struct half){ .first = 1, .stride = 2, .n = range.n / 2 };
	return w;
}

static struct port_walk walk_all(struct port_range range)
{
	return (struct port_walk){
		.range = range,
		.half[0] = { .stride = 1, .n = range.n },
		.n = range.n,
	};
}

static uint32_t min_u32(uint32_t a, uint32_t b)
{
	return a < b ? a : b;
}

/* Port number @i of a walk, 0 to @w->n - 1; @ret_tried are those of its half before it. */
static uint16_t walk_port(const struct port_walk *w, uint32_t i, uint32_t *ret_tried)
{
	const uint32_t n = w->half[0].n;
	const uint32_t soon = min_u32(n, HALF_FIRST),
		       soon_other = min_u32(w->half[1].n, HALF_FIRST);
	const struct half *h = &w->half[0];

	if (i >= soon && i < soon + soon_other) {
		h = &w->half[1];
		i -= soon;
	} else if (i >= n + soon_other) {
		h = &w->half[1];
		i -= n;
	} else if (i >= soon) {
		i -= soon_other;
	}
	*ret_tried = i;
	return (uint16_t)(w->range.first +
			  (h->first + (h->start + i) % h->n * h->stride) * w->range.step);
}

/* A port without conflicts, 0 for none. */
static uint16_t port_search(const struct port_table *t, const struct port_bind *b,
			    struct port_walk *w, bool strict)
{
	uint32_t tried;

	for (unsigned int i = 0; i < 2; i++)
		if (w->half[i].n)
			w->half[i].start = core_random_below(t->core, w->half[i].n);
	for (uint32_t i = 0; i < w->n; i++) {
		const uint16_t port = walk_port(w, i, &tried);

		if (!port_conflicts(t, port, b, strict))
			return port;
	}
	return 0;
}

/* An ephemeral port for bind(). */
static uint16_t port_choose(const struct port_table *t, const struct port_bind *b)
{
	const struct port_range range = ephemeral(t);
	const bool is_tcp = t->rules == PORT_TCP;
	struct port_walk w = is_tcp ? walk_halves(range, true) : walk_all(range);
	uint16_t port = port_search(t, b, &w, true);

	if (!port && !is_tcp && b->sk->flags & (SOCK_REUSEADDR | SOCK_REUSEPORT))
		port = port_search(t, b, &w, false);
	return port;
}

int port_bind(struct port_table *t, struct port_bind *b, uint16_t port)
{
	const struct port_record *rec = port_record_lookup(t, port);
	const bool asks = port && rec && !port_claim_is_let_in(t, rec, b, false);
	bool first;
	int r;

	if (asks && port_claim_conflicts(t, rec, b, false))
		return -EADDRINUSE;
	if (!port)
		port = port_choose(t, b);
	if (!port)
		return -EADDRINUSE;
	first = !port_record_lookup(t, port);
	r = bind_add(t, b, port, PORT_BOUND);
	if (r == 0)
		port_claim_let_in(port_record_lookup(t, port), b, first, false);
	return r;
}

/* Nobody has it but connections whose port was chosen for them. */
static bool port_is_for_connect(const struct port_table *t, uint16_t port)
{
	const struct port_record *rec = port_record_lookup(t, port);

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
	struct port_walk w = walk_halves(ephemeral(t), false);
	uint32_t tried;

	if (w.n == 0)
		return -EADDRNOTAVAIL;
	w.half[0].start = w.half[1].start = (uint32_t)((*perturb + (hash >> 32)) % w.n / 2);
	for (uint32_t i = 0; i < w.n; i++) {
		const uint16_t port = walk_port(&w, i, &tried);

		if (port_is_for_connect(t, port) && !taken(arg, port)) {
			/* Who sees one number shall not know the next one. */
			const uint32_t skip = core_random_below(t->core, 8);

			*perturb += (tried > skip ? tried : skip) * 2 + 2;
			return bind_add(t, b, port, PORT_CONNECTED);
		}
	}
	return -EADDRNOTAVAIL;
}

static void bind_remove(struct port_table *t, struct port_record *rec, struct port_bind *b)
{
	if (b->receiving)
		port_group_leave(t, rec, b);
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
	claim = port_claim_of(b);
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
	rec = port_record_lookup(t, b->sk->lport);
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
	struct port_record *rec = port_record_lookup(t, b->sk->lport);
	struct port_claim claim = port_claim_of(b);
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
	struct port_record *rec = port_record_lookup(t, port);

	assert(rec);
	share_put(t, rec, hold);
	record_put(t, rec, port);
}

/* --- receiving --- */

int port_listen(struct port_table *t, struct port_bind *b)
{
	struct port_record *rec = port_record_lookup(t, b->sk->lport);

	assert(rec && (b->kind == PORT_BOUND || b->kind == PORT_CONNECTED));
	if (b->listening)
		return 0;
	if (!port_claim_is_let_in(t, rec, b, true) && port_claim_conflicts(t, rec, b, false))
		return -EADDRINUSE;
	if (!port_group_join(t, rec, b))
		return -ENOMEM;
	port_claim_let_in(rec, b, false, true);
	b->listening = true;
	b->receiving = true;
	b->sk->flags |= SOCK_LISTENING;
	return 0;
}

void port_unlisten(struct port_table *t, struct port_bind *b)
{
	struct port_record *rec = port_record_lookup(t, b->sk->lport);

	if (!b->listening)
		return;
	assert(rec);
	port_group_leave(t, rec, b);
	b->listening = false;
	b->receiving = false;
	b->sk->flags &= ~(uint32_t)SOCK_LISTENING;
}

/* What it is counted under is another one now. */
static int share_change(struct port_table *t, struct port_record *rec, struct port_bind *b)
{
	const struct port_claim claim = port_claim_of(b);
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
	rec = port_record_lookup(t, b->sk->lport);
	assert(rec);
	if (b->kind == PORT_SHARED)
		return share_change(t, rec, b);
	port_group_leave(t, rec, b);
	return port_group_join(t, rec, b) ? 0 : -ENOMEM;
}
