/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "nic/pbuf.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "tests/unit/test_mem.h"
#include "wire/bytes.h"
#include "wire/checksum.h"

#define NO_LIMIT UINT64_MAX

/* --- packets beside arrays of bytes --- */

#define N_PACKETS 12
#define MODEL_MAX 400000

/* Longer ones do not fit in one block. */
#define LEN_MAX 66000

/* A packet and what has to be in it: @len bytes from @start on, and before them @before bytes
 * from the l3 mark on, when @before is not 0.
 */
struct both {
	struct pbuf *pb;
	uint32_t start;
	uint32_t len;
	uint32_t before;
	uint8_t m[MODEL_MAX];
};

struct world {
	struct test_mem tm;
	struct pbuf_pool *pool;
	struct both b[N_PACKETS];
	struct dice d;
	bool fails; /* some allocations */
	uint64_t n_failed;
};

static uint32_t roll(struct world *w, uint32_t n)
{
	return dice_below(&w->d, n);
}

/* Small lengths more often than long ones. */
static uint32_t some_len(struct world *w, uint32_t max)
{
	uint32_t n = roll(w, 1U << (1 + roll(w, 17)));

	return n <= max ? n : max;
}

static void fill(struct world *w, uint8_t *p, uint32_t len)
{
	for (uint32_t i = 0; i < len; i++)
		p[i] = (uint8_t)dice_roll(&w->d);
}

static void check(const struct both *b)
{
	static uint8_t bytes[MODEL_MAX];
	uint32_t sum;

	if (!b->pb)
		return;
	assert_int_equal(b->pb->len, b->len);
	assert_true(b->pb->linear <= b->len);
	assert_true(b->pb->n_frags <= PBUF_FRAGS_MAX);
	assert_true(pbuf_headroom(b->pb) + b->pb->linear <= b->pb->size);
	pbuf_copy_out(b->pb, 0, bytes, b->len);
	assert_memory_equal(bytes, b->m + b->start, b->len);
	sum = csum_fold(csum_bytes(b->m + b->start, b->len));
	assert_int_equal(csum_fold(pbuf_csum(b->pb, 0, b->len)), sum);
	if (b->before) {
		assert_ptr_equal(pbuf_l3(b->pb) + b->before, b->pb->data);
		assert_memory_equal(pbuf_l3(b->pb), b->m + b->start - b->before, b->before);
	}
}

static void drop(struct both *b)
{
	pbuf_free(b->pb);
	b->pb = NULL;
}

/* A call that may only fail when memory may. */
static bool ok(struct world *w, bool r)
{
	assert_true(r || w->fails);
	w->n_failed += !r;
	return r;
}

static bool is_private(const struct pbuf *pb)
{
	return !pb->head || pb->head->refs == 1;
}

static void make(struct world *w, struct both *b)
{
	uint32_t n;
	uint8_t *p;

	drop(b);
	if (roll(w, 2)) {
		b->pb = pbuf_alloc(w->pool);
		n = some_len(w, PBUF_ROOM - PBUF_HEADROOM);
	} else {
		const uint32_t room = some_len(w, 300);

		n = some_len(w, 65536);
		b->pb = pbuf_alloc_rx(w->pool, room, n);
		if (b->pb)
			assert_int_equal(pbuf_headroom(b->pb), room);
	}
	if (!ok(w, b->pb))
		return;
	assert_int_equal(b->pb->l2, PBUF_NO_OFFSET);
	assert_int_equal(b->pb->l3, PBUF_NO_OFFSET);
	assert_int_equal(b->pb->l4, PBUF_NO_OFFSET);
	b->start = MODEL_MAX / 2;
	b->len = n;
	b->before = 0;
	fill(w, b->m + b->start, n);
	p = pbuf_put(b->pb, n);
	assert_non_null(p);
	memcpy(p, b->m + b->start, n);
}

static void push(struct world *w, struct both *b)
{
	const uint32_t n = some_len(w, 200);
	uint8_t *p;

	if (!is_private(b->pb) || pbuf_headroom(b->pb) < n) {
		if (!ok(w, pbuf_make_room(b->pb, n)))
			return;
		check(b);
		assert_true(is_private(b->pb));
	}
	p = pbuf_push(b->pb, n);
	assert_non_null(p);
	b->start -= n;
	b->len += n;
	fill(w, b->m + b->start, n);
	memcpy(p, b->m + b->start, n);
	/* A mark that was passed is inside again. */
	b->before = b->before > n ? b->before - n : 0;
}

static void pull(struct world *w, struct both *b)
{
	const uint32_t n = some_len(w, b->len < 500 ? b->len : 500);

	if (!ok(w, pbuf_pullup(b->pb, n)))
		return;
	check(b);
	assert_true(b->pb->linear >= n);
	if (!b->before && roll(w, 2)) {
		pbuf_mark_l3(b->pb);
		b->before = n;
	} else if (b->before) {
		b->before += n;
	}
	pbuf_pull(b->pb, n);
	b->start += n;
	b->len -= n;
}

static void skip_bytes(struct world *w, struct both *b)
{
	const uint32_t n = some_len(w, b->len), linear = b->pb->linear;

	pbuf_skip(b->pb, n);
	b->start += n;
	b->len -= n;
	if (n > linear)
		b->before = 0;
	else if (b->before)
		b->before += n;
}

static void trim(struct world *w, struct both *b)
{
	const uint32_t n = some_len(w, b->len);

	pbuf_trim(b->pb, n);
	b->len = n;
}

static void put(struct world *w, struct both *b)
{
	const uint32_t n = some_len(w, 200);
	uint8_t *p;

	if (!is_private(b->pb))
		return;
	p = pbuf_put(b->pb, n);
	if (!p) {
		assert_true(pbuf_tailroom(b->pb) < n);
		return;
	}
	fill(w, b->m + b->start + b->len, n);
	memcpy(p, b->m + b->start + b->len, n);
	b->len += n;
}

static void add_frags(struct world *w, struct both *b)
{
	const uint32_t size = 1 + some_len(w, b->len < LEN_MAX - 5000 ? 5000 : 0);
	struct pbuf_block *block = pbuf_block_alloc(w->pool, size);
	const unsigned pieces = 1 + roll(w, 3);
	uint32_t at = 0;

	if (!ok(w, block))
		return;
	assert_true(block->size >= size);
	fill(w, block->data, size);
	for (unsigned i = 0; i < pieces; i++) {
		/* Pieces that follow each other, or leave something out between them. */
		const uint32_t off = at + (roll(w, 2) ? roll(w, size - at + 1) : 0);
		const uint32_t n = roll(w, size - off + 1);
		const bool full = b->pb->n_frags == PBUF_FRAGS_MAX;

		if (!pbuf_add_frag(b->pb, block, off, n)) {
			assert_true(full);
			break;
		}
		memcpy(b->m + b->start + b->len, block->data + off, n);
		b->len += n;
		at = off + n;
	}
	pbuf_block_unref(block);
}

static void append(struct world *w, struct both *b)
{
	const struct both *src = &w->b[roll(w, N_PACKETS)];
	uint32_t off, n;

	if (!src->pb || src == b)
		return;
	off = some_len(w, src->len);
	n = roll(w, 2) ? src->len - off : some_len(w, src->len - off);
	if (b->len + n > LEN_MAX)
		return;
	if (!ok(w, pbuf_append(b->pb, src->pb, off, n)))
		return;
	memcpy(b->m + b->start + b->len, src->m + src->start + off, n);
	b->len += n;
	check(src);
}

static void clone(struct world *w, struct both *b)
{
	struct both *to = &w->b[roll(w, N_PACKETS)];

	if (to == b)
		return;
	drop(to);
	b->pb->mark = dice_roll(&w->d);
	b->pb->owner_bytes = 5;
	to->pb = pbuf_clone(b->pb);
	if (!ok(w, to->pb))
		return;
	to->start = b->start;
	to->len = b->len;
	to->before = b->before;
	memcpy(to->m + b->start - b->before, b->m + b->start - b->before, b->len + b->before);
	assert_int_equal(to->pb->mark, b->pb->mark);
	assert_int_equal(to->pb->owner_bytes, 0);
	assert_null(to->pb->next);
	check(to);
}

/* Headers are written in one packet, and change in no other. */
static void rewrite(struct world *w, struct both *b)
{
	const uint32_t n = some_len(w, b->len);

	if (!ok(w, pbuf_unshare(b->pb, n)))
		return;
	check(b);
	assert_true(b->pb->linear >= n);
	assert_true(is_private(b->pb));
	fill(w, b->m + b->start - b->before, b->before + n);
	memcpy(b->pb->data - b->before, b->m + b->start - b->before, b->before + n);
}

/* Part of the bytes, by copy and by sum. */
static void look(struct world *w, struct both *b)
{
	const uint32_t off = some_len(w, b->len), n = some_len(w, b->len - off);
	static uint8_t bytes[MODEL_MAX];

	pbuf_copy_out(b->pb, off, bytes, n);
	assert_memory_equal(bytes, b->m + b->start + off, n);
	assert_int_equal(csum_fold(pbuf_csum(b->pb, off, n)), csum_fold(csum_bytes(bytes, n)));
}

/* What is charged for the packets that are there, blocks once each. */
static void check_accounting(struct world *w)
{
	uint64_t pbufs = 0, apart = 0;
	struct pbuf_pool_stats stats;

	for (unsigned i = 0; i < N_PACKETS; i++) {
		pbufs += w->b[i].pb != NULL;
		if (w->b[i].pb)
			apart += pbuf_truesize(w->b[i].pb);
	}
	pbuf_pool_stats(w->pool, &stats);
	assert_int_equal(stats.pbufs, pbufs);
	assert_true(stats.bytes <= apart);
	assert_true(stats.bytes_max >= stats.bytes);
	assert_true(stats.bytes <= stats.limit);
	assert_true(stats.bytes <= stats.taken);
	assert_true(stats.taken < w->tm.bytes); /* and the pool itself */
}

static void random_walk(uint64_t seed, bool fails)
{
	static void (*const ops[])(struct world * w, struct both * b) = {
		make, push, pull, skip_bytes, trim, put, add_frags, append, clone, rewrite, look,
	};
	static struct world w;
	struct pbuf_pool_stats stats;

	w = (struct world){ .tm = TEST_MEM_INIT(&w.tm), .d = { seed }, .fails = fails };
	assert_int_equal(pbuf_pool_new(&w.pool, &w.tm.mem, NO_LIMIT), 0);
	for (unsigned i = 0; i < 6000; i++) {
		struct both *b = &w.b[roll(&w, N_PACKETS)];

		if (fails) {
			pbuf_pool_stats(w.pool, &stats);
			pbuf_pool_set_limit(w.pool,
					    roll(&w, 2) ? NO_LIMIT : stats.bytes + roll(&w, 3000));
			w.tm.fail_in = roll(&w, 4) ? 0 : 1 + roll(&w, 3);
		}
		if (!b->pb || b->len > LEN_MAX - 200 || b->start < 1000)
			make(&w, b);
		else
			ops[roll(&w, ARRAY_SIZE(ops))](&w, b);
		pbuf_pool_set_limit(w.pool, NO_LIMIT);
		if (roll(&w, 50) == 0)
			pbuf_pool_trim(w.pool);
		check(b);
		check_accounting(&w);
		for (unsigned k = 0; k < N_PACKETS && i % 16 == 0; k++)
			check(&w.b[k]);
	}
	pbuf_pool_stats(w.pool, &stats);
	assert_true(!fails || w.n_failed > 100);
	assert_true(stats.refused >= w.n_failed);
	for (unsigned k = 0; k < N_PACKETS; k++)
		drop(&w.b[k]);
	pbuf_pool_stats(w.pool, &stats);
	assert_int_equal(stats.pbufs, 0);
	assert_int_equal(stats.blocks, 0);
	assert_int_equal(stats.bytes, 0);
	pbuf_pool_free(w.pool);
	test_mem_done(&w.tm);
}

static void packets_equal_arrays(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 6; seed++)
		random_walk(seed, false);
}

static void packets_equal_arrays_when_memory_fails(void **state)
{
	(void)state;
	for (uint64_t seed = 11; seed <= 16; seed++)
		random_walk(seed, true);
}

/* --- pools --- */

struct pool_fixture {
	struct test_mem tm;
	struct pbuf_pool *pool;
};

static int setup(void **state)
{
	static struct pool_fixture f;

	f.tm = TEST_MEM_INIT(&f.tm);
	assert_int_equal(pbuf_pool_new(&f.pool, &f.tm.mem, NO_LIMIT), 0);
	*state = &f;
	return 0;
}

static int teardown(void **state)
{
	struct pool_fixture *f = *state;

	pbuf_pool_free(f->pool);
	test_mem_done(&f->tm);
	return 0;
}

static void blocks_of_all_sizes(void **state)
{
	struct pool_fixture *f = *state;
	struct pbuf_pool_stats stats;

	for (uint32_t size = 0; size <= PBUF_BLOCK_MAX; size += size < 5000 ? 1 : 509) {
		struct pbuf_block *b = pbuf_block_alloc(f->pool, size);

		assert_non_null(b);
		assert_true(b->size >= size);
		assert_true(size <= 256 || size > 32768 || b->size < 2 * size);
		assert_int_equal((uintptr_t)b->data % 64, 0);
		memset(b->data, 0x55, b->size);
		pbuf_pool_stats(f->pool, &stats);
		assert_int_equal(stats.bytes, b->charge);
		assert_true(b->charge >= b->size);
		pbuf_block_unref(b);
	}
	pbuf_pool_stats(f->pool, &stats);
	assert_int_equal(stats.bytes, 0);
	assert_int_equal(stats.bytes_max, PBUF_BLOCK_MAX + 64);
}

/* In use there is never more than the limit, and what came back can be had again. */
static void the_limit_holds(void **state)
{
	struct pool_fixture *f = *state;
	struct pbuf_pool_stats stats;
	struct pbuf *pb[100];
	unsigned n = 0;

	pbuf_pool_set_limit(f->pool, 10000);
	while (n < 100 && (pb[n] = pbuf_alloc(f->pool)))
		n++;
	assert_int_equal(n, 10000 / pbuf_truesize(pb[0]));
	pbuf_pool_stats(f->pool, &stats);
	assert_int_equal(stats.limit, 10000);
	assert_int_equal(stats.refused, 1);
	assert_int_equal(stats.bytes, n * pbuf_truesize(pb[0]));
	assert_null(pbuf_block_alloc(f->pool, 2048));
	assert_null(pbuf_clone(pb[0]));
	pbuf_free(pb[--n]);
	pb[n] = pbuf_alloc(f->pool);
	assert_non_null(pb[n++]);
	/* A lower limit takes nothing away. */
	pbuf_pool_set_limit(f->pool, 100);
	assert_null(pbuf_alloc(f->pool));
	while (n)
		pbuf_free(pb[--n]);
	assert_null(pbuf_alloc(f->pool));
}

/* What was used once is used again: no more memory for as many packets. */
static void memory_is_used_again(void **state)
{
	struct pool_fixture *f = *state;
	struct pbuf *pb[300];
	uint64_t bytes = 0;

	for (unsigned turn = 0; turn < 5; turn++) {
		for (unsigned i = 0; i < 300; i++) {
			pb[i] = pbuf_alloc_rx(f->pool, 64, i % 3 ? 100 : 1500);
			assert_non_null(pb[i]);
		}
		for (unsigned i = 0; i < 300; i++)
			pbuf_free(pb[i]);
		if (turn == 0)
			bytes = f->tm.bytes;
		assert_int_equal(f->tm.bytes, bytes);
	}
}

static void the_last_freed_is_the_next_used(void **state)
{
	struct pool_fixture *f = *state;
	struct pbuf *a = pbuf_alloc(f->pool), *b = pbuf_alloc(f->pool);
	struct pbuf_block *x = pbuf_block_alloc(f->pool, 2000);
	struct pbuf_block *y = pbuf_block_alloc(f->pool, 2000);
	struct pbuf *const last = a;
	struct pbuf_block *const last_block = x;

	pbuf_free(b);
	pbuf_free(a);
	pbuf_block_unref(y);
	pbuf_block_unref(x);
	a = pbuf_alloc(f->pool);
	x = pbuf_block_alloc(f->pool, 1500);
	assert_ptr_equal(a, last);
	assert_ptr_equal(x, last_block);
	pbuf_free(a);
	pbuf_block_unref(x);
}

static uint64_t taken(const struct pool_fixture *f)
{
	struct pbuf_pool_stats stats;

	pbuf_pool_stats(f->pool, &stats);
	return stats.taken;
}

/* One packet that is left holds the piece it is of and no more; it is as it was. */
static void trimmed_a_pool_keeps_what_is_in_use(void **state)
{
	static const uint32_t lens[] = { 100, 1000, 8000, 60000 };
	struct pool_fixture *f = *state;
	const uint64_t empty = f->tm.bytes;
	struct pbuf *pb[400];

	for (unsigned turn = 0; turn < 3; turn++) {
		for (unsigned i = 0; i < ARRAY_SIZE(pb); i++) {
			pb[i] = pbuf_alloc_rx(f->pool, 64, lens[i % 4]);
			memset(pbuf_put(pb[i], lens[i % 4]), (int)i, lens[i % 4]);
		}
		assert_int_equal(taken(f), f->tm.bytes - empty);
		pbuf_pool_trim(f->pool);
		for (unsigned i = 0; i < ARRAY_SIZE(pb); i++)
			if (i != 210 && i != 211)
				pbuf_free(pb[i]);
		assert_true(taken(f) > 100 * 60000);
		pbuf_pool_trim(f->pool);
		/* Packets, blocks of 16 KiB, and one of 64 KiB */
		assert_true(taken(f) <= 2 * 65536 + 70000 + 3 * 128);
		assert_true(taken(f) >= 65536 + 60000);
		for (unsigned i = 210; i <= 211; i++) {
			for (uint32_t k = 0; k < lens[i % 4]; k++)
				assert_int_equal(pb[i]->data[k], (uint8_t)i);
			pbuf_free(pb[i]);
		}
		pbuf_pool_trim(f->pool);
		assert_int_equal(taken(f), 0);
		assert_int_equal(f->tm.bytes, empty);
	}
}

static void no_pool_without_memory(void **state)
{
	struct test_mem tm = TEST_MEM_INIT(&tm);
	struct pbuf_pool *pool = NULL;

	(void)state;
	tm.fail_in = 1;
	assert_int_equal(pbuf_pool_new(&pool, &tm.mem, NO_LIMIT), -ENOMEM);
	assert_null(pool);
	pbuf_pool_free(NULL);
	pbuf_free(NULL);
}

/* --- foreign memory --- */

static void count_release(void *arg)
{
	++*(unsigned *)arg;
}

static void foreign_memory_is_released_once_at_the_end(void **state)
{
	struct pool_fixture *f = *state;
	uint8_t bytes[100] = { 1, 2, 3 };
	unsigned released = 0;
	struct pbuf *pb = pbuf_alloc(f->pool), *copy;
	struct pbuf_block *b =
		pbuf_block_wrap(f->pool, bytes, sizeof(bytes), count_release, &released);

	assert_true(pbuf_add_frag(pb, b, 1, 50));
	pbuf_block_unref(b);
	copy = pbuf_clone(pb);
	pbuf_free(pb);
	assert_int_equal(released, 0);
	pbuf_trim(copy, 1);
	assert_ptr_equal(pbuf_frag_data(&copy->frag[0]), bytes + 1);
	assert_int_equal(released, 0);
	pbuf_free(copy);
	assert_int_equal(released, 1);
}

/* A release that takes from the pool and frees what it took. */
static void release_and_alloc(void *arg)
{
	struct pbuf_pool *pool = *(struct pbuf_pool **)arg;
	struct pbuf *pb = pbuf_alloc_rx(pool, 0, 3000);

	assert_non_null(pb);
	pbuf_free(pb);
}

static void a_release_may_use_the_pool(void **state)
{
	struct pool_fixture *f = *state;
	uint8_t byte = 0;
	struct pbuf *pb = pbuf_alloc(f->pool);
	struct pbuf_block *b = pbuf_block_wrap(f->pool, &byte, 1, release_and_alloc, &f->pool);

	assert_true(pbuf_add_frag(pb, b, 0, 1));
	pbuf_block_unref(b);
	pbuf_free(pb);
}

static void without_memory_foreign_memory_is_not_released(void **state)
{
	struct pool_fixture *f = *state;
	unsigned released = 0;
	uint8_t byte = 0;

	pbuf_pool_set_limit(f->pool, 0);
	assert_null(pbuf_block_wrap(f->pool, &byte, 1, count_release, &released));
	assert_int_equal(released, 0);
}

/* --- single laws --- */

/* Adjacent pieces of a block are one; the 19th piece is refused. */
static void fragments_join_and_have_a_limit(void **state)
{
	struct pool_fixture *f = *state;
	struct pbuf_block *b = pbuf_block_alloc(f->pool, 4096);
	struct pbuf *pb = pbuf_alloc(f->pool);

	for (uint32_t i = 0; i < 40; i++)
		assert_true(pbuf_add_frag(pb, b, i * 10, 10));
	assert_int_equal(pb->n_frags, 1);
	assert_int_equal(b->refs, 2);
	for (uint32_t i = 1; i < PBUF_FRAGS_MAX; i++)
		assert_true(pbuf_add_frag(pb, b, 1000 + i * 20, 10));
	assert_int_equal(pb->n_frags, PBUF_FRAGS_MAX);
	assert_false(pbuf_add_frag(pb, b, 0, 10));
	assert_int_equal(pb->len, 400 + 17 * 10);
	assert_int_equal(b->refs, 1 + PBUF_FRAGS_MAX);
	pbuf_block_unref(b);
	pbuf_free(pb);
}

/* A packet of many fragments is joined of more pieces than a pbuf has. */
static void append_makes_many_pieces_one(void **state)
{
	struct pool_fixture *f = *state;
	struct pbuf *whole = pbuf_alloc_rx(f->pool, 64, 1480);

	assert_non_null(pbuf_put(whole, 1480));
	memset(whole->data, 0, 1480);
	for (unsigned i = 1; i < 45; i++) {
		struct pbuf *part = pbuf_alloc_rx(f->pool, 64, 1480);

		memset(pbuf_put(part, 1480), (int)i, 1480);
		assert_true(pbuf_append(whole, part, 0, 1480));
		pbuf_free(part);
	}
	assert_int_equal(whole->len, 45 * 1480);
	for (unsigned i = 0; i < 45; i++) {
		uint8_t ends[2];

		pbuf_copy_out(whole, i * 1480, ends, 1);
		pbuf_copy_out(whole, i * 1480 + 1479, ends + 1, 1);
		assert_int_equal(ends[0], i);
		assert_int_equal(ends[1], i);
	}
	pbuf_free(whole);
}

/* A 64 KiB packet whose headers are rewritten while others refer to it is not copied. */
static void unshare_copies_headers_only(void **state)
{
	struct pool_fixture *f = *state;
	struct pbuf *pb = pbuf_alloc_rx(f->pool, 0, 65000), *copy;
	struct pbuf_pool_stats before, after;

	memset(pbuf_put(pb, 65000), 7, 65000);
	copy = pbuf_clone(pb);
	pbuf_pool_stats(f->pool, &before);
	assert_true(pbuf_unshare(copy, 40));
	pbuf_pool_stats(f->pool, &after);
	assert_int_equal(after.bytes, before.bytes);
	assert_int_equal(copy->linear, 40);
	assert_true(pbuf_headroom(copy) >= 48);
	memset(copy->data, 9, 40);
	assert_int_equal(pb->data[0], 7);
	pbuf_free(pb);
	pbuf_free(copy);
}

/* More bytes than there are, or than a block has, cannot be linear; nothing changes. */
static void what_is_not_there_cannot_be_linear(void **state)
{
	struct pool_fixture *f = *state;
	struct pbuf_block *b = pbuf_block_alloc(f->pool, 60000);
	struct pbuf *pb = pbuf_alloc(f->pool), *other = pbuf_alloc(f->pool);

	assert_true(pbuf_add_frag(pb, b, 0, 60000));
	assert_false(pbuf_pullup(pb, 60001));
	assert_false(pbuf_unshare(pb, 60001));
	assert_true(pbuf_add_frag(pb, b, 0, 60000));
	assert_false(pbuf_pullup(pb, 120000));
	assert_false(pbuf_unshare(pb, 120000));
	assert_int_equal(pb->linear, 0);
	assert_int_equal(pb->n_frags, 2);
	assert_true(pbuf_pullup_slow(pb, 0));
	assert_true(pbuf_make_room(pb, PBUF_HEADROOM));
	assert_int_equal(pbuf_headroom(pb), PBUF_HEADROOM);

	/* Nor can one of too many pieces get another when they do not fit in one. */
	while (pb->n_frags < PBUF_FRAGS_MAX)
		assert_true(pbuf_add_frag(pb, b, 2U * pb->n_frags, 1));
	assert_non_null(pbuf_put(other, 1));
	assert_false(pbuf_append(pb, other, 0, 1));
	assert_int_equal(pb->len, 120000 + PBUF_FRAGS_MAX - 2);
	pbuf_block_unref(b);
	pbuf_free(pb);
	pbuf_free(other);
}

/* Pulled headers stay where the marks point, in clones and wherever the bytes go. */
static void marks_survive_moving(void **state)
{
	struct pool_fixture *f = *state;
	struct pbuf *pb = pbuf_alloc_rx(f->pool, 100, 54), *clone;
	struct pbuf_block *b = pbuf_block_alloc(f->pool, 3000);

	for (unsigned i = 0; i < 54; i++)
		pb->data[i] = (uint8_t)i;
	(void)pbuf_put(pb, 54);
	pbuf_mark_l2(pb);
	pbuf_pull(pb, 14);
	pbuf_mark_l3(pb);
	pbuf_pull(pb, 20);
	pbuf_mark_l4(pb);
	assert_true(pbuf_add_frag(pb, b, 0, 3000));
	pbuf_block_unref(b);
	for (unsigned turn = 0; turn < 3; turn++) {
		clone = pbuf_clone(pb);
		assert_true(turn == 0 || pbuf_pullup(clone, turn == 1 ? 40 : 3020));
		for (unsigned i = 0; i < 20; i++) {
			assert_int_equal(pbuf_l2(clone)[i], i);
			assert_int_equal(pbuf_l3(clone)[i], 14 + i);
			assert_int_equal(pbuf_l4(clone)[i], 34 + i);
		}
		pbuf_free(clone);
	}
	pbuf_free(pb);
}

/* The sum of header and data is taken wherever they lie and whatever stands before them. */
static void a_partial_checksum_is_finished(void **state)
{
	struct pool_fixture *f = *state;
	struct dice d = { 5 };

	for (unsigned turn = 0; turn < 300; turn++) {
		const bool udp = turn % 2;
		const uint32_t hdr = udp ? 8 : 20, n = dice_below(&d, 3000);
		const uint64_t pseudo = dice_roll(&d) & 0xffff;
		struct pbuf_block *b = pbuf_block_alloc(f->pool, 3000);
		struct pbuf *pb = pbuf_alloc(f->pool);
		uint8_t *l4 = pbuf_put(pb, hdr);
		uint64_t sum;

		for (uint32_t i = 0; i < hdr; i++)
			l4[i] = (uint8_t)dice_roll(&d);
		for (uint32_t i = 0; i < n; i++)
			b->data[i] = (uint8_t)dice_roll(&d);
		pb->csum_offset = udp ? 6 : 16;
		pb->csum = PBUF_CSUM_PARTIAL;
		put_be16(l4 + pb->csum_offset, (uint16_t)pseudo);
		pbuf_mark_l4(pb);
		assert_true(pbuf_add_frag(pb, b, 0, n));
		switch (turn % 3) {
		case 0:
			break;
		case 1:
			(void)pbuf_push(pb, 34);
			break;
		case 2:
			pbuf_pull(pb, hdr);
			break;
		}

		pbuf_finish_csum(pb);
		assert_int_equal(pb->csum, PBUF_CSUM_NONE);
		sum = pseudo + csum_bytes(l4, hdr) + csum_bytes(b->data, n);
		assert_true(csum_ok(sum));
		assert_int_not_equal(get_be16(l4 + pb->csum_offset), 0);
		pbuf_finish_csum(pb);
		assert_true(csum_ok(pseudo + csum_bytes(l4, hdr) + csum_bytes(b->data, n)));
		pbuf_block_unref(b);
		pbuf_free(pb);
	}
}

static void queues_are_first_in_first_out(void **state)
{
	struct pool_fixture *f = *state;
	struct pbuf *pb[5];
	struct pbuf_queue q;

	pbuf_queue_init(&q);
	assert_null(pbuf_queue_take(&q));
	for (unsigned turn = 0; turn < 2; turn++) {
		for (unsigned i = 0; i < 5; i++) {
			pb[i] = pbuf_alloc(f->pool);
			(void)pbuf_put(pb[i], i);
			pbuf_queue_put(&q, pb[i]);
			assert_int_equal(q.n, i + 1);
		}
		assert_int_equal(q.bytes, 10);
		for (unsigned i = 0; i < 5; i++) {
			assert_ptr_equal(pbuf_queue_take(&q), pb[i]);
			pbuf_free(pb[i]);
		}
		assert_null(pbuf_queue_take(&q));
		assert_int_equal(q.bytes, 0);
	}
	for (unsigned i = 0; i < 5; i++)
		pbuf_queue_put(&q, pbuf_alloc(f->pool));
	pbuf_queue_free(&q);
	assert_int_equal(q.n, 0);
	pbuf_queue_free(&q);
}

#define POOL_TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(packets_equal_arrays),
		cmocka_unit_test(packets_equal_arrays_when_memory_fails),
		POOL_TEST(blocks_of_all_sizes),
		POOL_TEST(the_limit_holds),
		POOL_TEST(memory_is_used_again),
		POOL_TEST(the_last_freed_is_the_next_used),
		POOL_TEST(trimmed_a_pool_keeps_what_is_in_use),
		cmocka_unit_test(no_pool_without_memory),
		POOL_TEST(foreign_memory_is_released_once_at_the_end),
		POOL_TEST(a_release_may_use_the_pool),
		POOL_TEST(without_memory_foreign_memory_is_not_released),
		POOL_TEST(fragments_join_and_have_a_limit),
		POOL_TEST(append_makes_many_pieces_one),
		POOL_TEST(unshare_copies_headers_only),
		POOL_TEST(what_is_not_there_cannot_be_linear),
		POOL_TEST(marks_survive_moving),
		POOL_TEST(a_partial_checksum_is_finished),
		POOL_TEST(queues_are_first_in_first_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
