/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/json_dup.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/arena.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "base/json_scan_priv.h"
#include "base/str.h"

/* A key without escapes, in the text or in the arena; may hold NULs. */
struct dup_key {
	const char *s;
	size_t len;
};

/**
 * struct dup_search - A search under way
 * @path:	Keys to the object
 * @n_path:	How many
 * @matched:	Keys of @path that lead to the innermost object on the path.  The
 *		scanner is directly inside it when its depth is @matched + 1
 * @next:	The key just read continues the path
 * @found:	A key came twice; it is keys[0], and nothing more is collected
 * @keys:	Of the object, while inside it
 * @arena:	Of keys that had escapes
 */
struct dup_search {
	const char *const *path;
	size_t n_path;
	size_t matched;
	bool next;
	bool found;
	struct dup_key *keys;
	size_t n_keys;
	size_t cap;
	struct arena arena;
};

static void dup_done(struct dup_search *d)
{
	free(d->keys);
	arena_done(&d->arena);
}

static int dup_key_cmp(const void *a, const void *b)
{
	const struct dup_key *x = a;
	const struct dup_key *y = b;

	if (x->len != y->len)
		return x->len < y->len ? -1 : 1;
	return x->len ? memcmp(x->s, y->s, x->len) : 0;
}

/* The key the scanner stands at, without escapes. */
static int dup_key_get(struct dup_search *d, const struct json_scan *s, struct dup_key *ret)
{
	CLEANUP(strbuf_done) struct strbuf plain = STRBUF_INIT;
	char *copy;

	if (!s->escaped) {
		*ret = (struct dup_key){ .s = s->token, .len = s->token_len };
		return 0;
	}
	json_scan_string(s, &plain);
	copy = plain.failed ? NULL : arena_alloc(&d->arena, plain.len);
	if (!copy)
		return -ENOMEM;
	memcpy(copy, strbuf_text(&plain), plain.len);
	*ret = (struct dup_key){ .s = copy, .len = plain.len };
	return 0;
}

static int dup_add(struct dup_search *d, const struct dup_key *key)
{
	if (d->n_keys == d->cap) {
		const size_t cap = d->cap ? 2 * d->cap : 64;
		struct dup_key *keys = reallocarray(d->keys, cap, sizeof(*keys));

		if (!keys)
			return -ENOMEM;
		d->keys = keys;
		d->cap = cap;
	}
	d->keys[d->n_keys++] = *key;
	return 0;
}

static int dup_on_key(struct dup_search *d, const struct json_scan *s)
{
	struct dup_key key;
	int r;

	if (s->depth != d->matched + 1)
		return 0;
	r = dup_key_get(d, s, &key);
	if (r < 0)
		return r;
	if (d->matched == d->n_path)
		return dup_add(d, &key);
	d->next = key.len == strlen(d->path[d->matched]) &&
		  strncasecmp(key.s, d->path[d->matched], key.len) == 0;
	return 0;
}

/* The object at the path ends: did a key of it come twice? */
static void dup_check(struct dup_search *d)
{
	if (d->n_keys)
		qsort(d->keys, d->n_keys, sizeof(d->keys[0]), dup_key_cmp);
	for (size_t i = 1; i < d->n_keys && !d->found; i++) {
		if (dup_key_cmp(&d->keys[i - 1], &d->keys[i]) == 0) {
			d->keys[0] = d->keys[i];
			d->found = true;
		}
	}
	d->n_keys = 0;
}

static int dup_step(struct dup_search *d, const struct json_scan *s, int token)
{
	const bool next = d->next;

	d->next = false;
	if (token == JSON_TOKEN_KEY)
		return dup_on_key(d, s);
	if (token == JSON_TOKEN_OBJECT && next)
		d->matched++;
	if (token != JSON_TOKEN_OBJECT_END || s->depth != d->matched)
		return 0;
	if (d->matched == d->n_path)
		dup_check(d);
	if (d->matched)
		d->matched--;
	return 0;
}

int json_find_duplicate(const char *text, size_t len, const char *const *path, struct strbuf *ret,
			struct nerr *err)
{
	CLEANUP(dup_done) struct dup_search d = { .path = path, .arena = ARENA_INIT };
	struct json_scan s = JSON_SCAN_INIT(text, len);

	if (len > JSON_DOC_LEN_MAX)
		return nerr_set(err, -E2BIG, "JSON of %zu bytes is too long (at most %u)", len,
				JSON_DOC_LEN_MAX);
	while (path[d.n_path])
		d.n_path++;
	for (;;) {
		const int token = json_scan_next(&s, err);

		if (token < 0)
			return token;
		if (token == JSON_TOKEN_END)
			break;
		/* After a find the rest is only scanned: it must be JSON, too. */
		if (!d.found && dup_step(&d, &s, token) < 0)
			return nerr_oom(err);
	}
	if (d.found && ret) {
		strbuf_add_mem(ret, d.keys[0].s, d.keys[0].len);
		if (ret->failed)
			return nerr_oom(err);
	}
	return d.found;
}
