/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The queue against a model: a flat array of the bytes that should be in it.
 */
#include "netstack/transport/dataq.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "netstack/core/slab.h"
#include "tests/unit/netstack/core_fixture.h"

#define MODEL_MAX (1 << 20)
#define N_CURSORS 8

/* A place, and which byte of the stream it is. */
struct place {
	struct dataq_cursor c;
	uint64_t at;
};

struct rig {
	struct core_fixture f;
	struct slab nodes;
	struct dataq q;
	uint8_t model[MODEL_MAX]; /* all bytes that were ever appended, in a ring */
	uint64_t first;           /* stream offsets of what is in the queue */
	uint64_t end;
	struct place place[N_CURSORS];
	unsigned int n_places;
};

static struct rig rig;

static struct rig *rig_init(uint64_t seed)
{
	struct rig *r = &rig;

	memset(r, 0, sizeof(*r));
	core_fixture_init(&r->f, seed);
	dataq_slab_init(&r->nodes, &r->f.c.mem);
	return r;
}

static void rig_done(struct rig *r)
{
	dataq_clear(&r->q, &r->nodes);
	assert_int_equal(r->q.len, 0);
	assert_int_equal(r->q.charge, 0);
	assert_int_equal(r->nodes.n, 0);
	slab_done(&r->nodes);
	core_fixture_done(&r->f);
}

static void model_add(struct rig *r, const uint8_t *p, uint32_t len)
{
	for (uint32_t i = 0; i < len; i++)
		r->model[r->end++ % MODEL_MAX] = p[i];
}

static void assert_is(const struct rig *r, uint64_t at, const uint8_t *p, uint32_t len)
{
	for (uint32_t i = 0; i < len; i++)
		assert_int_equal(p[i], r->model[(at + i) % MODEL_MAX]);
}

/* Memory that the pieces hold: at least their bytes, and not less than blocks of the queue. */
static void check(const struct rig *r)
{
	static uint8_t buf[MODEL_MAX];
	struct pbuf_frag frag[64];
	uint64_t at = r->first;
	unsigned int n;

	assert_int_equal(r->q.len, r->end - r->first);
	assert_true(r->q.charge + r->q.tail_room >= r->q.len);
	assert_int_equal(!r->q.first, r->q.len == 0);
	dataq_peek(&r->q, 0, buf, r->q.len);
	assert_is(r, r->first, buf, r->q.len);
	n = dataq_view(&r->q, frag, 64);
	for (unsigned int i = 0; i < n; i++) {
		assert_true(frag[i].len > 0);
		assert_is(r, at, pbuf_frag_data(&frag[i]), frag[i].len);
		at += frag[i].len;
	}
	assert_true(n == 64 || at == r->end);
}

/* --- operations --- */

static uint32_t some_len(struct rig *r)
{
	static const uint32_t most[] = { 4, 100, 2000, 70000 };

	return 1 + dice_below(&r->f.d, most[dice_below(&r->f.d, 4)]);
}

static void op_write(struct rig *r)
{
	static uint8_t buf[70000];
	const uint32_t len = some_len(r);

	fill_random(&r->f, buf, len);
	assert_int_equal(dataq_write(&r->q, &r->nodes, r->f.c.pool, buf, len), len);
	model_add(r, buf, len);
}

static void op_add(struct rig *r)
{
	const uint32_t len = some_len(r) % 60000 + 1;
	struct pbuf_block *b = pbuf_block_alloc(r->f.c.pool, len);
	const uint32_t cut = dice_below(&r->f.d, len);

	assert_non_null(b);
	fill_random(&r->f, b->data, len);
	/* In two parts, which become one piece. */
	assert_true(dataq_add(&r->q, &r->nodes, b, 0, cut));
	assert_true(dataq_add(&r->q, &r->nodes, b, cut, len - cut));
	model_add(r, b->data, len);
	pbuf_block_unref(b);
}

static void op_packet(struct rig *r)
{
	static uint8_t buf[70000];
	const uint32_t len = some_len(r) % 60000 + 1;
	const uint32_t off = dice_below(&r->f.d, len + 1);
	struct pbuf *pb;

	fill_random(&r->f, buf, len);
	pb = make_packet(&r->f, buf, len, dice_below(&r->f.d, len), 1 + dice_below(&r->f.d, 17));
	assert_true(dataq_add_packet(&r->q, &r->nodes, pb, off));
	model_add(r, buf + off, len - off);
	pbuf_free(pb);
}

static void op_drop(struct rig *r)
{
	const uint32_t n = dice_below(&r->f.d, 3) ? dice_below(&r->f.d, r->q.len + 1) : r->q.len;

	dataq_drop(&r->q, &r->nodes, n);
	r->first += n;
	for (unsigned int i = 0; i < r->n_places;)
		if (r->place[i].at < r->first)
			r->place[i] = r->place[--r->n_places];
		else
			i++;
}

/* A place somewhere, reached by walking from the front and perhaps on. */
static void op_place(struct rig *r)
{
	struct place p;
	uint32_t off, more;

	if (!r->q.len || r->n_places == N_CURSORS)
		return;
	off = dice_below(&r->f.d, r->q.len);
	more = dice_below(&r->f.d, r->q.len - off);
	p.c = dataq_seek(&r->q, off);
	dataq_advance(&p.c, more);
	p.at = r->first + off + more;
	r->place[r->n_places++] = p;
}

/* What a place says is still right. */
static void op_look(struct rig *r)
{
	static uint8_t buf[MODEL_MAX];

	for (unsigned int i = 0; i < r->n_places; i++) {
		const uint32_t len = dice_below(&r->f.d, (uint32_t)(r->end - r->place[i].at) + 1);

		dataq_copy(r->place[i].c, buf, len);
		assert_is(r, r->place[i].at, buf, len);
	}
}

static void op_attach(struct rig *r)
{
	static uint8_t buf[MODEL_MAX];

	for (unsigned int i = 0; i < r->n_places; i++) {
		struct place *p = &r->place[i];
		const uint32_t len = dice_below(&r->f.d, (uint32_t)(r->end - p->at));
		struct pbuf *pb = pbuf_alloc(r->f.c.pool);
		uint32_t n;

		assert_non_null(pb);
		n = dataq_attach(&p->c, pb, len);
		assert_true(n <= len && pb->len == n);
		assert_true(n == len || pb->n_frags == PBUF_FRAGS_MAX);
		pbuf_copy_out(pb, 0, buf, n);
		assert_is(r, p->at, buf, n);
		p->at += n;
		pbuf_free(pb);
	}
}

/* --- tests --- */

static void any_operations_keep_the_bytes(void **state)
{
	static void (*const op[])(struct rig *) = { op_write, op_write, op_add,  op_packet, op_drop,
						    op_drop,  op_place, op_look, op_attach };

	(void)state;
	for (uint64_t seed = 1; seed <= 150; seed++) {
		struct rig *r = rig_init(seed);

		for (unsigned int i = 0; i < 100; i++) {
			if (r->q.len > MODEL_MAX / 2)
				op_drop(r);
			op[dice_below(&r->f.d, sizeof(op) / sizeof(*op))](r);
			check(r);
		}
		rig_done(r);
	}
}

/* As a sender has it: all was sent, more is written, sent, acknowledged. */
static void a_place_at_the_end_goes_on_with_what_follows(void **state)
{
	static uint8_t buf[70000], out[70000];
	struct rig *r = rig_init(5);

	(void)state;
	for (unsigned int i = 0; i < 500; i++) {
		struct dataq_cursor c = dataq_tail(&r->q);
		const uint32_t before = r->q.len;
		const uint32_t len = some_len(r);

		fill_random(&r->f, buf, len);
		assert_int_equal(dataq_write(&r->q, &r->nodes, r->f.c.pool, buf, len), len);
		dataq_settle(&r->q, &c);
		/* What was there leaves, and the place holds. */
		dataq_drop(&r->q, &r->nodes,
			   dice_below(&r->f.d, 4) ? dice_below(&r->f.d, before + 1) : before);
		dataq_copy(c, out, len);
		assert_memory_equal(out, buf, len);
		if (dice_below(&r->f.d, 3) == 0 || r->q.len > MODEL_MAX / 2)
			dataq_drop(&r->q, &r->nodes, r->q.len);
	}
	rig_done(r);
}

/* The queue allocates by what it holds: neither a block for each byte, nor 64 KiB for one. */
static void small_writes_share_blocks(void **state)
{
	struct rig *r = rig_init(1);
	struct pbuf_pool_stats stats;

	(void)state;
	assert_int_equal(dataq_write(&r->q, &r->nodes, r->f.c.pool, "x", 1), 1);
	assert_true(r->q.charge <= 2 * DATAQ_BLOCK_MIN);
	for (unsigned int i = 1; i < 100000; i++)
		assert_int_equal(dataq_write(&r->q, &r->nodes, r->f.c.pool, "x", 1), 1);
	pbuf_pool_stats(r->f.c.pool, &stats);
	assert_true(stats.blocks < 20);
	assert_true(r->q.charge < 2 * 100000 + 70000);
	assert_int_equal(r->q.charge, stats.bytes);
	rig_done(r);
}

/* Few bytes do not hold a large block. */
static void small_packets_are_copied(void **state)
{
	struct rig *r = rig_init(1);
	struct pbuf_pool_stats stats;

	(void)state;
	for (unsigned int i = 0; i < 100; i++) {
		struct pbuf *pb = pbuf_alloc_rx(r->f.c.pool, 64, 65536);

		assert_non_null(pb);
		memset(pbuf_put(pb, 1448), (int)i, 1448);
		assert_true(dataq_add_packet(&r->q, &r->nodes, pb, 0));
		pbuf_free(pb);
	}
	pbuf_pool_stats(r->f.c.pool, &stats);
	assert_true(stats.bytes < 4 * r->q.len);
	rig_done(r);
}

/* And a large packet is not copied. */
static void large_packets_are_shared(void **state)
{
	struct rig *r = rig_init(1);
	struct pbuf *pb = pbuf_alloc_rx(r->f.c.pool, 64, 65536);
	struct pbuf_frag frag[2];

	(void)state;
	assert_non_null(pb);
	memset(pbuf_put(pb, 60000), 1, 60000);
	assert_true(dataq_add_packet(&r->q, &r->nodes, pb, 10));
	assert_int_equal(dataq_view(&r->q, frag, 2), 1);
	assert_ptr_equal(frag[0].block, pb->head);
	assert_ptr_equal(pbuf_frag_data(&frag[0]), pb->data + 10);
	assert_int_equal(pb->head->refs, 2);
	pbuf_free(pb);
	rig_done(r);
}

/* Without memory a write is short, a packet is not appended at all; what is there stays. */
static void every_failing_allocation_is_survived(void **state)
{
	static uint8_t buf[60000];

	(void)state;
	for (uint64_t n = 1; n < 40; n++) {
		struct rig *r = rig_init(n);
		uint64_t done = 0;

		fill_random(&r->f, buf, sizeof(buf));
		for (unsigned int i = 0; i < 30; i++) {
			struct pbuf *pb = make_packet(&r->f, buf, sizeof(buf), 100, 18);

			core_fixture_limit(&r->f, n * 4000);
			r->f.tm.fail_in = n;
			done = dataq_write(&r->q, &r->nodes, r->f.c.pool, buf, 3000);
			model_add(r, buf, (uint32_t)done);
			if (dataq_add_packet(&r->q, &r->nodes, pb, (uint32_t)n))
				model_add(r, buf + n, (uint32_t)(sizeof(buf) - n));
			check(r);
			r->f.tm.fail_in = 0;
			core_fixture_no_limit(&r->f);
			pbuf_free(pb);
			if (r->q.len > MODEL_MAX / 2)
				op_drop(r);
		}
		rig_done(r);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(any_operations_keep_the_bytes),
		cmocka_unit_test(a_place_at_the_end_goes_on_with_what_follows),
		cmocka_unit_test(small_writes_share_blocks),
		cmocka_unit_test(small_packets_are_copied),
		cmocka_unit_test(large_packets_are_shared),
		cmocka_unit_test(every_failing_allocation_is_survived),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
