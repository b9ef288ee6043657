/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Finding a free address.
 *
 * The first candidates of the walk are simply tried: as a rule the first one is free.
 * When PROBES of them were taken, the walk is in a crowded part, and trying on would
 * cost a system call for each of maybe 60 000 addresses.  Then the taken addresses are
 * looked at instead, from memory or from the index: each has a position in the walk
 * (walk_priv.h) and sets a bit in a map of the next WINDOW positions; the first clear
 * bit is a free address.  A range of IPv6 may have 2^64 positions and more, but with n
 * addresses taken one of the first n + 1 is free, so the windows end soon, and the
 * memory is bounded whatever the range.
 */
#include <assert.h>
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/log.h"
#include "base/str.h"
#include "ipam/host-local/alloc_priv.h"
#include "ipam/host-local/conf_priv.h"
#include "ipam/host-local/store_priv.h"
#include "ipam/host-local/walk_priv.h"

#define PROBES 16
#define WINDOW (UINT64_C(1) << 17) /* positions; a bit each, 16 KiB */

/**
 * struct alloc - One call of hl_alloc()
 * @key:	Owner of what is reserved
 * @owned:	What the attachment had before, once @owned_known
 * @used:	Of conf->requested: those that a set has taken
 */
struct alloc {
	struct hl_store *st;
	const struct hl_conf *conf;
	const char *container_id;
	char key[HL_RECORD_MAX + 1];
	struct hl_addrs owned;
	bool owned_known;
	bool *used;
};

static int no_address(const struct hl_range_set *set, struct nerr *err)
{
	CLEANUP(strbuf_done) struct strbuf text = STRBUF_INIT;

	hl_range_set_to_str(set, &text);
	return nerr_set(err, -EADDRNOTAVAIL, "no IP addresses available in range set: %s",
			strbuf_text(&text));
}

/* ---- the map of a window ---- */

/* Bit i stands for position base + i; a set bit is taken. */
struct map {
	const struct hl_walk *walk;
	uint64_t base;
	uint64_t len;
	uint8_t *bits;
};

static void map_mark_addr(struct map *m, const struct ipaddr *addr)
{
	uint64_t pos;

	if (hl_walk_pos(m->walk, addr, &pos) && pos >= m->base && pos - m->base < m->len) {
		pos -= m->base;
		m->bits[pos / 8] |= (uint8_t)(1u << pos % 8);
	}
}

static int map_mark_entry(void *arg, const struct hl_entry *e)
{
	map_mark_addr(arg, &e->addr);
	return 0;
}

/* A gateway is taken in its own range only. */
static void map_mark_gateways(struct map *m)
{
	const struct hl_range_set *set = m->walk->set;

	for (size_t i = 0; i < set->n; i++) {
		if (hl_range_contains(&set->v[i], &set->v[i].gateway))
			map_mark_addr(m, &set->v[i].gateway);
	}
}

static bool map_first_clear(const struct map *m, uint64_t *ret_pos)
{
	for (uint64_t i = 0; i < m->len; i++) {
		if (!(m->bits[i / 8] & 1u << i % 8)) {
			*ret_pos = m->base + i;
			return true;
		}
	}
	return false;
}

/**
 * find_free() - First position that is not taken
 * @st:		NULL: only gateways are taken
 * @from:	Where to begin
 *
 * Return: 0; -EADDRNOTAVAIL without a message when there is none; another errno
 */
static int find_free(struct hl_store *st, const struct hl_walk *walk, uint64_t from,
		     uint64_t *ret_pos, struct nerr *err)
{
	cleanup_free uint8_t *bits = NULL;
	struct map m = { .walk = walk, .base = from };

	for (; m.base < walk->total; m.base += m.len) {
		int r;

		m.len = walk->total - m.base < WINDOW ? walk->total - m.base : WINDOW;
		if (!bits)
			bits = malloc((m.len + 7) / 8);
		if (!bits)
			return nerr_oom(err);
		memset(bits, 0, (m.len + 7) / 8);
		m.bits = bits;
		map_mark_gateways(&m);
		r = st ? hl_store_each(st, map_mark_entry, &m, err) : 0;
		if (r < 0)
			return r;
		if (map_first_clear(&m, ret_pos))
			return 0;
	}
	return -EADDRNOTAVAIL;
}

/* ---- one set ---- */

/* 0, -EEXIST for a gateway too, or an error with a message. */
static int try_position(struct alloc *a, const struct hl_walk *walk, uint64_t pos,
			struct hl_lease *ret, struct nerr *err)
{
	struct hl_lease lease;
	int r;

	lease.range = hl_walk_at(walk, pos, &lease.addr);
	if (ipaddr_eq(&lease.addr, &lease.range->gateway))
		return -EEXIST;
	r = hl_store_reserve(a->st, &lease.addr, a->key, err);
	if (r == 0)
		*ret = lease;
	return r;
}

/* Reserve the first free address by the map. -EADDRNOTAVAIL without a message: none. */
static int alloc_by_map(struct alloc *a, const struct hl_walk *walk, struct hl_lease *ret,
			struct nerr *err)
{
	uint64_t pos = 0;
	int r;

	for (;;) {
		r = find_free(a->st, walk, pos, &pos, err);
		if (r == 0)
			r = try_position(a, walk, pos, ret, err);
		if (r != -EEXIST)
			return r;
		pos++; /* what is known is old, or somebody ignores the lock */
	}
}

static int alloc_next(struct alloc *a, size_t set_idx, struct hl_lease *ret, struct nerr *err)
{
	const struct hl_range_set *set = &a->conf->sets[set_idx];
	struct ipaddr last;
	struct hl_walk walk;
	int r;

	r = hl_store_last(a->st, set_idx, &last);
	hl_walk_init(&walk, set, r == 0 ? &last : NULL);
	for (uint64_t pos = 0; pos < walk.total && pos < PROBES; pos++) {
		r = try_position(a, &walk, pos, ret, err);
		if (r != -EEXIST)
			return r;
	}
	r = alloc_by_map(a, &walk, ret, err);
	if (r == -EADDRNOTAVAIL && hl_store_may_be_stale(a->st)) {
		r = hl_store_scan(a->st, NULL, NULL, err);
		if (r == 0)
			r = alloc_by_map(a, &walk, ret, err);
	}
	return r == -EADDRNOTAVAIL ? no_address(set, err) : r;
}

static int alloc_requested(struct alloc *a, const struct hl_range_set *set,
			   const struct ipaddr *addr, struct hl_lease *ret, struct nerr *err)
{
	CLEANUP(strbuf_done) struct strbuf text = STRBUF_INIT;
	struct hl_lease lease = { .addr = *addr, .range = hl_range_set_lookup(set, addr) };
	char name[IPADDR_STR_LEN];
	int r;

	(void)ipaddr_to_str(addr, name);
	if (ipaddr_eq(addr, &lease.range->gateway))
		return nerr_set(err, -EINVAL, "requested ip %s is subnet's gateway", name);
	r = hl_store_reserve(a->st, addr, a->key, err);
	if (r == -EEXIST && hl_store_reclaim(a->st, addr))
		r = hl_store_reserve(a->st, addr, a->key, err);
	if (r == -EEXIST) {
		hl_range_set_to_str(set, &text);
		return nerr_set(err, r, "requested IP address %s is not available in range set %s",
				name, strbuf_text(&text));
	}
	if (r == 0)
		*ret = lease;
	return r;
}

/* What the attachment owns already, in the present and in the old format. */
static int know_owned(struct alloc *a, struct nerr *err)
{
	CLEANUP(hl_addrs_done) struct hl_addrs old = { .n = 0 };
	char old_key[HL_RECORD_MAX + 1];
	struct ipaddr *v;
	int r;

	if (a->owned_known)
		return 0;
	(void)hl_record_key(a->container_id, NULL, old_key); /* shorter than a->key */
	r = hl_store_owned(a->st, a->key, &a->owned, err);
	if (r == 0)
		r = hl_store_owned(a->st, old_key, &old, err);
	if (r < 0)
		return r;
	if (old.n) {
		v = reallocarray(a->owned.v, a->owned.n + old.n, sizeof(*v));
		if (!v)
			return nerr_oom(err);
		memcpy(v + a->owned.n, old.v, old.n * sizeof(*v));
		a->owned.v = v;
		a->owned.n += old.n;
	}
	a->owned_known = true;
	return 0;
}

static int refuse_second(struct alloc *a, const struct hl_range_set *set, struct nerr *err)
{
	char name[IPADDR_STR_LEN];
	int r;

	r = know_owned(a, err);
	if (r < 0)
		return r;
	for (size_t i = 0; i < a->owned.n; i++) {
		if (hl_range_set_lookup(set, &a->owned.v[i]))
			return nerr_set(
				err, -EEXIST,
				"%s has been allocated to %s, duplicate allocation is not allowed",
				ipaddr_to_str(&a->owned.v[i], name), a->container_id);
	}
	return 0;
}

/* The first requested address that falls into the set and is not used yet, or NULL. */
static const struct ipaddr *take_requested(struct alloc *a, const struct hl_range_set *set)
{
	for (size_t i = 0; i < a->conf->n_requested; i++) {
		if (!a->used[i] && hl_range_set_lookup(set, &a->conf->requested[i])) {
			a->used[i] = true;
			return &a->conf->requested[i];
		}
	}
	return NULL;
}

static int alloc_set(struct alloc *a, size_t set_idx, struct hl_lease *ret, struct nerr *err)
{
	const struct hl_range_set *set = &a->conf->sets[set_idx];
	const struct ipaddr *requested = take_requested(a, set);
	int r;

	if (requested) {
		r = alloc_requested(a, set, requested, ret, err);
	} else {
		r = refuse_second(a, set, err);
		if (r == 0)
			r = alloc_next(a, set_idx, ret, err);
	}
	if (r < 0)
		(void)nerr_ctx(err, "failed to allocate for range %zu", set_idx); /* r is known */
	return r;
}

/* ---- all sets ---- */

static int check_all_used(const struct alloc *a, struct nerr *err)
{
	CLEANUP(strbuf_done) struct strbuf text = STRBUF_INIT;
	char name[IPADDR_STR_LEN];

	for (size_t i = 0; i < a->conf->n_requested; i++) {
		if (!a->used[i])
			strbuf_addf(&text, " %s", ipaddr_to_str(&a->conf->requested[i], name));
	}
	if (!text.len && !text.failed)
		return 0;
	return nerr_set(err, -EINVAL, "failed to allocate all requested IPs:%s",
			strbuf_text(&text));
}

static void roll_back(struct hl_store *st, const char *key, const struct hl_lease *leases, size_t n)
{
	struct nerr err = NERR_INIT;

	while (n-- > 0) {
		if (hl_store_release(st, &leases[n].addr, key, &err) < 0)
			log_warn("%s", err.msg); /* the runtime's DEL tries again */
	}
}

void hl_alloc_undo(struct hl_store *st, const struct hl_lease *leases, size_t n,
		   const char *container_id, const char *ifname)
{
	char key[HL_RECORD_MAX + 1];

	if (hl_record_key(container_id, ifname, key) == 0) /* as when they were reserved */
		roll_back(st, key, leases, n);
}

static void alloc_done(struct alloc *a)
{
	hl_addrs_done(&a->owned);
	free(a->used);
}

int hl_alloc(struct hl_store *st, const struct hl_conf *conf, const char *container_id,
	     const char *ifname, struct hl_lease *ret, struct nerr *err)
{
	CLEANUP(alloc_done)
	struct alloc a = { .st = st, .conf = conf, .container_id = container_id };
	size_t n = 0;
	int r = 0;

	assert(conf->n_sets > 0);
	if (hl_record_key(container_id, ifname, a.key) < 0)
		return nerr_set(err, -ENAMETOOLONG, "container id of %zu bytes is too long",
				strlen(container_id));
	a.used = calloc(conf->n_requested + 1, sizeof(*a.used));
	if (!a.used)
		return nerr_oom(err);
	for (; n < conf->n_sets && r == 0; n++)
		r = alloc_set(&a, n, &ret[n], err);
	if (r < 0) {
		roll_back(st, a.key, ret, n - 1); /* the last one failed */
		return r;
	}
	r = check_all_used(&a, err);
	if (r < 0) {
		roll_back(st, a.key, ret, n);
		return r;
	}
	for (size_t i = 0; i < n; i++)
		hl_store_set_last(st, i, &ret[i].addr);
	return 0;
}

static int set_has_free(struct hl_store *st, const struct hl_range_set *set, struct nerr *err)
{
	struct hl_walk walk;
	uint64_t pos;
	int r;

	hl_walk_init(&walk, set, NULL);
	r = find_free(st, &walk, 0, &pos, err);
	if (r == -EADDRNOTAVAIL && st && hl_store_may_be_stale(st)) {
		r = hl_store_scan(st, NULL, NULL, err);
		if (r == 0)
			r = find_free(st, &walk, 0, &pos, err);
	}
	return r == -EADDRNOTAVAIL ? no_address(set, err) : r;
}

int hl_alloc_possible(struct hl_store *st, const struct hl_conf *conf, struct nerr *err)
{
	for (size_t i = 0; i < conf->n_sets; i++) {
		int r = set_has_free(st, &conf->sets[i], err);

		if (r < 0)
			return r;
	}
	return 0;
}

int hl_alloc_possible_empty(const struct hl_conf *conf, struct nerr *err)
{
	return hl_alloc_possible(NULL, conf, err);
}
