/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * A trie for each family that takes five bits at a step and leaves out steps at which nothing
 * parts ("tree bitmap" of Eatherton, Varghese and Dittia, 2004, with compressed paths).
 *
 * A node stands at a bit position that is a multiple of five.  It has
 *
 *	inner	a bit for each prefix that ends 1 to 5 bits behind: 2 + 4 + 8 + 16 + 32 of them,
 *		in order of length, and a list of routes for each bit that is set
 *	outer	a bit for each of the 32 ways on, and a node for each bit that is set
 *
 * both in arrays without gaps.  A lookup finds all matches of a node with one mask, and touches
 * one node per step; 100 000 routes need four or five.  The prefix of length 0 is
 * in no node.
 *
 * IPv4 prefixes are those of mapped addresses, 96 bits longer than people write them.  All
 * lengths in here are of 128 bits.
 */
#include "netstack/net/route.h"

#include <assert.h>
#include <errno.h>
#include <stddef.h>
#include <string.h>

#include "nic/pbuf.h"

#define MAPPED_LEN 96
#define STEP       5
#define WAYS       (1U << STEP)

/* Nodes on a path: one for each position, from 0 to 125. */
#define DEPTH_MAX (128 / STEP + 1)

struct route {
	struct route_conf conf;
	struct route *next; /* of the same prefix, a worse one */
};

/**
 * struct node - Prefixes that begin with @pos bits of @key
 * @key:	Zero behind @pos bits
 * @inner:	Prefixes that end here
 * @routes:	Of them
 * @child:	Nodes, for the bits of
 * @outer:	this
 * @routes_log2, @child_log2: Size of those arrays, where they are there
 */
struct node {
	struct ip6_addr key;
	uint64_t inner;
	struct route **routes;
	struct node *child;
	uint32_t outer;
	uint8_t pos;
	uint8_t routes_log2;
	uint8_t child_log2;
};

/* @root is an array of one, as @child of nodes; @all has the routes of length 0. */
struct family {
	struct node *root;
	struct route *all;
};

struct route_table {
	struct pbuf_mem mem;
	struct family family[2]; /* [is_ip4] */
	uint32_t n_routes;
	uint64_t bytes;
};

/* --- memory --- */

static void *take(struct route_table *t, size_t size)
{
	void *p = t->mem.alloc(t->mem.arg, size);

	if (p)
		t->bytes += size;
	return p;
}

static void give(struct route_table *t, void *p, size_t size)
{
	t->bytes -= size;
	t->mem.free(t->mem.arg, p, size);
}

static void route_free(struct route_table *t, struct route *r)
{
	t->n_routes--;
	give(t, r, sizeof(*r));
}

int route_table_new(struct route_table **ret, const struct pbuf_mem *mem)
{
	struct route_table *t = mem->alloc(mem->arg, sizeof(*t));

	if (!t)
		return -ENOMEM;
	*t = (struct route_table){ .mem = *mem, .bytes = sizeof(*t) };
	*ret = t;
	return 0;
}

uint32_t route_n(const struct route_table *t)
{
	return t->n_routes;
}

uint64_t route_bytes(const struct route_table *t)
{
	return t->bytes;
}

/* --- prefixes --- */

static unsigned int common_len(struct ip6_addr a, struct ip6_addr b)
{
	if (a.hi != b.hi)
		return (unsigned int)__builtin_clzll(a.hi ^ b.hi);
	if (a.lo != b.lo)
		return 64 + (unsigned int)__builtin_clzll(a.lo ^ b.lo);
	return 128;
}

static bool node_covers(const struct node *n, struct ip6_addr a)
{
	return common_len(n->key, a) >= n->pos;
}

/* The five bits at a position; zeros follow the last bit. */
static unsigned int slice(struct ip6_addr a, unsigned int pos)
{
	if (pos < 60)
		return a.hi >> (59 - pos) & (WAYS - 1);
	if (pos == 60)
		return (unsigned int)((a.hi << 1 | a.lo >> 63) & (WAYS - 1));
	if (pos < 125)
		return a.lo >> (123 - pos) & (WAYS - 1);
	return (unsigned int)(a.lo << 2 & (WAYS - 1));
}

/* Where the prefix of @len bits, 1 to 128, has its bit: in the node at this position, */
static unsigned int pos_of(unsigned int len)
{
	return (len - 1) / STEP * STEP;
}

/* this one, by the slice there. */
static unsigned int inner_bit(unsigned int len, unsigned int at)
{
	const unsigned int n = len - pos_of(len);

	return (1U << n) - 2 + (at >> (STEP - n));
}

/* All prefixes that match a slice. */
static uint64_t inner_mask(unsigned int at)
{
	return UINT64_C(1) << (at >> 4) | UINT64_C(1) << (2 + (at >> 3)) |
	       UINT64_C(1) << (6 + (at >> 2)) | UINT64_C(1) << (14 + (at >> 1)) |
	       UINT64_C(1) << (30 + at);
}

static unsigned int index64(uint64_t map, unsigned int bit)
{
	return (unsigned int)__builtin_popcountll(map & ((UINT64_C(1) << bit) - 1));
}

static uint8_t len_of(const struct route_conf *r)
{
	return (uint8_t)(r->is_ip4 ? MAPPED_LEN + r->dst_len : r->dst_len);
}

static bool conf_is_valid(const struct route_conf *r)
{
	if (r->dst_len > (r->is_ip4 ? 32 : 128) || r->type > ROUTE_PROHIBIT)
		return false;
	if (r->is_ip4 != ip6_addr_is_mapped(r->dst))
		return false;
	if (!ip6_addr_eq(ip6_addr_prefix(r->dst, len_of(r)), r->dst))
		return false;
	if (r->type < ROUTE_BLACKHOLE && !r->ifindex)
		return false;
	return !r->has_src || ip6_addr_is_mapped(r->src) == r->is_ip4;
}

/* --- arrays without gaps: @n elements of @size bytes, room for 2^@log2 --- */

/* Make room for one more at @at; NULL without memory, with nothing changed. */
static void *array_insert(struct route_table *t, void *array, uint8_t *log2, unsigned int n,
			  unsigned int at, size_t size)
{
	uint8_t *old = array, *to = array;

	if (!old || n == 1U << *log2) {
		const uint8_t bigger = (uint8_t)(old ? *log2 + 1 : 0);

		to = take(t, size << bigger);
		if (!to)
			return NULL;
		if (old) {
			memcpy(to, old, at * size);
			memcpy(to + (at + 1) * size, old + at * size, (n - at) * size);
			give(t, old, size << *log2);
		}
		*log2 = bigger;
		return to;
	}
	memmove(to + (at + 1) * size, to + at * size, (n - at) * size);
	return to;
}

/* Of @n, one is left out; the array is freed with its last. */
static void *array_remove(struct route_table *t, void *array, uint8_t log2, unsigned int n,
			  unsigned int at, size_t size)
{
	uint8_t *a = array;

	if (n == 1) {
		give(t, array, size << log2);
		return NULL;
	}
	memmove(a + at * size, a + (at + 1) * size, (n - at - 1) * size);
	return array;
}

/* --- nodes --- */

static unsigned int n_children(const struct node *n)
{
	return (unsigned int)__builtin_popcount(n->outer);
}

static struct node node_at(struct ip6_addr key, unsigned int pos)
{
	return (struct node){ .key = ip6_addr_prefix(key, pos), .pos = (uint8_t)pos };
}

static struct node *child_get(const struct node *n, unsigned int way)
{
	if (!(n->outer >> way & 1))
		return NULL;
	return &n->child[index64(n->outer, way)];
}

static struct node *child_add(struct route_table *t, struct node *n, const struct node *child)
{
	const unsigned int way = slice(child->key, n->pos);
	const unsigned int at = index64(n->outer, way);
	struct node *array =
		array_insert(t, n->child, &n->child_log2, n_children(n), at, sizeof(*n));

	if (!array)
		return NULL;
	n->child = array;
	n->child[at] = *child;
	n->outer |= UINT32_C(1) << way;
	return &n->child[at];
}

/* Put a node over @n, which moves below it, and return that for @key at @pos: @n's key parts
 * from @key behind @common bits, or @pos is before @n.
 */
static struct node *node_fork(struct route_table *t, struct node *n, struct ip6_addr key,
			      unsigned int pos, unsigned int common)
{
	const unsigned int at = common < pos ? common / STEP * STEP : pos;
	struct node fork = node_at(key, at);
	const struct node below = node_at(key, pos);
	struct node *ret;

	if (!child_add(t, &fork, n))
		return NULL;
	if (at == pos) {
		*n = fork;
		return n;
	}
	ret = child_add(t, &fork, &below);
	if (!ret) {
		give(t, fork.child, sizeof(fork) << fork.child_log2);
		return NULL;
	}
	*n = fork;
	return ret;
}

/* The node at a position, made when it is not there. */
static struct node *node_get(struct route_table *t, struct family *f, struct ip6_addr key,
			     unsigned int pos)
{
	const struct node fresh = node_at(key, pos);
	struct node *n = f->root;

	if (!n) {
		n = take(t, sizeof(*n));
		if (n)
			*n = fresh;
		f->root = n;
		return n;
	}
	for (;;) {
		const unsigned int common = common_len(n->key, key);
		struct node *child;

		if (common < n->pos || pos < n->pos)
			return node_fork(t, n, key, pos, common);
		if (n->pos == pos)
			return n;
		child = child_get(n, slice(key, n->pos));
		if (!child)
			return child_add(t, n, &fresh);
		n = child;
	}
}

/* What is no longer needed: a node without anything, and one that only leads to another. */
static void node_trim(struct route_table *t, struct node *parent, struct node **root,
		      struct node *n)
{
	if (n->inner || n_children(n) > 1)
		return;
	if (n->outer) {
		struct node *array = n->child;
		const size_t size = sizeof(*array) << n->child_log2;

		*n = array[0];
		give(t, array, size);
	} else if (!parent) {
		give(t, n, sizeof(*n));
		*root = NULL;
	} else {
		const unsigned int way = slice(n->key, parent->pos);

		parent->child =
			array_remove(t, parent->child, parent->child_log2, n_children(parent),
				     index64(parent->outer, way), sizeof(*n));
		parent->outer &= ~(UINT32_C(1) << way);
	}
}

/* The path to the node at a position; how many nodes, 0 when it is not there. */
static unsigned int node_find(struct family *f, struct ip6_addr key, unsigned int pos,
			      struct node *ret_path[static DEPTH_MAX])
{
	unsigned int depth = 0;

	for (struct node *n = f->root; n && n->pos <= pos && node_covers(n, key);
	     n = child_get(n, slice(key, n->pos))) {
		ret_path[depth++] = n;
		if (n->pos == pos)
			return depth;
	}
	return 0;
}

/* --- routes of a prefix --- */

/* What is ours comes before everything else, as Linux's table "local" does. */
static bool is_ours(const struct route_conf *r)
{
	return r->type == ROUTE_LOCAL || r->type == ROUTE_BROADCAST;
}

static bool is_before(const struct route_conf *a, const struct route_conf *b)
{
	return is_ours(a) != is_ours(b) ? is_ours(a) : a->metric < b->metric;
}

static bool is_same(const struct route_conf *a, const struct route_conf *b)
{
	return is_ours(a) == is_ours(b) && a->metric == b->metric && a->ifindex == b->ifindex;
}

static bool list_has(const struct route *list, const struct route_conf *conf)
{
	for (const struct route *r = list; r; r = r->next)
		if (is_same(&r->conf, conf))
			return true;
	return false;
}

/* Behind those that are as good: the first one stays the first. */
static void list_add(struct route **list, struct route *r)
{
	while (*list && !is_before(&r->conf, &(*list)->conf))
		list = &(*list)->next;
	r->next = *list;
	*list = r;
}

/* The list of a prefix; NULL when it has none. */
static struct route **list_find(struct node *n, unsigned int bit)
{
	return n->inner >> bit & 1 ? &n->routes[index64(n->inner, bit)] : NULL;
}

static bool list_begin(struct route_table *t, struct node *n, unsigned int bit, struct route *r)
{
	const unsigned int at = index64(n->inner, bit);
	const unsigned int count = (unsigned int)__builtin_popcountll(n->inner);
	struct route **array =
		array_insert(t, n->routes, &n->routes_log2, count, at, sizeof(struct route *));

	if (!array)
		return false;
	n->routes = array;
	n->routes[at] = r;
	n->inner |= UINT64_C(1) << bit;
	return true;
}

/* The last route of a prefix went. */
static void list_end(struct route_table *t, struct node *n, unsigned int bit)
{
	n->routes = array_remove(t, n->routes, n->routes_log2,
				 (unsigned int)__builtin_popcountll(n->inner),
				 index64(n->inner, bit), sizeof(struct route *));
	n->inner &= ~(UINT64_C(1) << bit);
}

/* Nodes that were made for a route that could not be put there go again. */
static void trim_path(struct route_table *t, struct family *f, struct ip6_addr key,
		      unsigned int pos)
{
	struct node *path[DEPTH_MAX];
	unsigned int depth = node_find(f, key, pos, path);

	/* A node that only leads on is replaced where it is: that ends it. */
	while (depth--)
		node_trim(t, depth ? path[depth - 1] : NULL, &f->root, path[depth]);
}

static int insert(struct route_table *t, struct family *f, struct route *r)
{
	const unsigned int len = len_of(&r->conf), pos = pos_of(len);
	const unsigned int bit = inner_bit(len, slice(r->conf.dst, pos));
	struct node *n = node_get(t, f, r->conf.dst, pos);
	struct route **list = n ? list_find(n, bit) : NULL;

	if (!n)
		return -ENOMEM;
	if (list) {
		if (list_has(*list, &r->conf))
			return -EEXIST;
		list_add(list, r);
		return 0;
	}
	if (!list_begin(t, n, bit, r)) {
		trim_path(t, f, r->conf.dst, pos);
		return -ENOMEM;
	}
	return 0;
}

int route_add(struct route_table *t, const struct route_conf *conf)
{
	struct family *f = &t->family[conf->is_ip4];
	struct route *r;
	int err = 0;

	if (!conf_is_valid(conf))
		return -EINVAL;
	if (conf->dst_len == 0 && list_has(f->all, conf))
		return -EEXIST;
	r = take(t, sizeof(*r));
	if (!r)
		return -ENOMEM;
	t->n_routes++;
	*r = (struct route){ .conf = *conf };
	if (conf->dst_len == 0)
		list_add(&f->all, r);
	else
		err = insert(t, f, r);
	if (err)
		route_free(t, r);
	return err;
}

static bool is_meant(const struct route_conf *r, const struct route_conf *by)
{
	if (by->type != ROUTE_UNICAST ? by->type != r->type : is_ours(r))
		return false;
	if (by->ifindex && by->ifindex != r->ifindex)
		return false;
	if (by->has_gateway && !(r->has_gateway && ip6_addr_eq(by->gateway, r->gateway)))
		return false;
	return by->metric == r->metric;
}

static int list_remove(struct route_table *t, struct route **list, const struct route_conf *by)
{
	for (; *list; list = &(*list)->next) {
		struct route *r = *list;

		if (!is_meant(&r->conf, by))
			continue;
		*list = r->next;
		route_free(t, r);
		return 0;
	}
	return -ESRCH;
}

int route_del(struct route_table *t, const struct route_conf *conf)
{
	struct family *f = &t->family[conf->is_ip4];
	struct node *path[DEPTH_MAX];
	unsigned int len, pos, bit, depth;
	struct route **list;

	if (conf->dst_len > (conf->is_ip4 ? 32 : 128))
		return -EINVAL;
	if (conf->dst_len == 0)
		return list_remove(t, &f->all, conf);
	len = len_of(conf);
	pos = pos_of(len);
	bit = inner_bit(len, slice(conf->dst, pos));
	depth = node_find(f, conf->dst, pos, path);
	list = depth ? list_find(path[depth - 1], bit) : NULL;
	if (!list || list_remove(t, list, conf) < 0)
		return -ESRCH;
	if (!*list) {
		list_end(t, path[depth - 1], bit);
		trim_path(t, f, conf->dst, pos);
	}
	return 0;
}

/* --- all routes; no deeper than DEPTH_MAX --- */

static void del_of_list(struct route_table *t, struct route **list, uint32_t ifindex)
{
	while (*list) {
		struct route *r = *list;

		if (ifindex && r->conf.ifindex != ifindex) {
			list = &r->next;
			continue;
		}
		*list = r->next;
		route_free(t, r);
	}
}

/* @ifindex 0: whatever there is */
static void del_of_node(struct route_table *t, struct node *parent, struct node **root,
			struct node *n, uint32_t ifindex)
{
	for (unsigned int way = WAYS; way-- > 0;) {
		struct node *child = child_get(n, way);

		if (child)
			del_of_node(t, n, root, child, ifindex);
	}
	for (unsigned int bit = 0; n->inner >> bit; bit++) {
		struct route **list = list_find(n, bit);

		if (!list)
			continue;
		del_of_list(t, list, ifindex);
		if (!*list)
			list_end(t, n, bit);
	}
	node_trim(t, parent, root, n);
}

static void del_all(struct route_table *t, uint32_t ifindex)
{
	for (unsigned int i = 0; i < 2; i++) {
		struct family *f = &t->family[i];

		del_of_list(t, &f->all, ifindex);
		if (f->root)
			del_of_node(t, NULL, &f->root, f->root, ifindex);
	}
}

void route_del_iface(struct route_table *t, uint32_t ifindex)
{
	if (ifindex)
		del_all(t, ifindex);
}

void route_table_free(struct route_table *t)
{
	if (!t)
		return;
	del_all(t, 0);
	assert(t->n_routes == 0 && t->bytes == sizeof(*t));
	t->mem.free(t->mem.arg, t, sizeof(*t));
}

static int walk_list(const struct route *list, int (*fn)(void *arg, const struct route_conf *r),
		     void *arg)
{
	int ret = 0;

	for (const struct route *r = list; r && !ret; r = r->next)
		ret = fn(arg, &r->conf);
	return ret;
}

static int walk_node(const struct node *n, int (*fn)(void *arg, const struct route_conf *r),
		     void *arg)
{
	const unsigned int count = (unsigned int)__builtin_popcountll(n->inner);
	int ret = 0;

	for (unsigned int i = 0; i < count && !ret; i++)
		ret = walk_list(n->routes[i], fn, arg);
	for (unsigned int i = 0; i < n_children(n) && !ret; i++)
		ret = walk_node(&n->child[i], fn, arg);
	return ret;
}

int route_walk(const struct route_table *t, int (*fn)(void *arg, const struct route_conf *r),
	       void *arg)
{
	int ret = 0;

	for (unsigned int i = 0; i < 2 && !ret; i++) {
		ret = walk_list(t->family[i].all, fn, arg);
		if (!ret && t->family[i].root)
			ret = walk_node(t->family[i].root, fn, arg);
	}
	return ret;
}

/* --- lookup --- */

static const struct route_conf *best_of(const struct route *list, uint32_t oif,
					bool (*usable)(const void *arg, uint32_t ifindex),
					const void *arg)
{
	for (const struct route *r = list; r; r = r->next) {
		if (r->conf.type >= ROUTE_BLACKHOLE) {
			if (!oif)
				return &r->conf;
			continue;
		}
		if ((!oif || r->conf.ifindex == oif) && usable(arg, r->conf.ifindex))
			return &r->conf;
	}
	return NULL;
}

const struct route_conf *route_lookup(const struct route_table *t, struct ip6_addr dst,
				      uint32_t oif,
				      bool (*usable)(const void *arg, uint32_t ifindex),
				      const void *arg)
{
	const struct family *f = &t->family[ip6_addr_is_mapped(dst)];
	const struct node *node[DEPTH_MAX]; /* those with matches, */
	uint64_t match[DEPTH_MAX];          /* which are these */
	unsigned int depth = 0;

	for (const struct node *n = f->root; n && node_covers(n, dst);) {
		const unsigned int at = slice(dst, n->pos);
		const uint64_t m = n->inner & inner_mask(at);

		if (m) {
			node[depth] = n;
			match[depth++] = m;
		}
		n = child_get(n, at);
	}
	/* From the longest to the shortest. */
	while (depth) {
		const struct node *n = node[--depth];

		for (uint64_t m = match[depth]; m;) {
			const unsigned int bit = 63 - (unsigned int)__builtin_clzll(m);
			const struct route_conf *r =
				best_of(n->routes[index64(n->inner, bit)], oif, usable, arg);

			if (r)
				return r;
			m &= ~(UINT64_C(1) << bit);
		}
	}
	return best_of(f->all, oif, usable, arg);
}
