/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "netstack/core/rbtree.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/test_mem.h"

#define N 512

struct item {
	struct rb_node node;
	uint32_t key;
	bool in;
};

static struct item *item_of(struct rb_node *n)
{
	return n ? rb_entry(n, struct item, node) : NULL;
}

static void insert(struct rb_tree *t, struct item *it)
{
	struct rb_node **link = &t->root, *parent = NULL;

	while (*link) {
		parent = *link;
		link = it->key < item_of(parent)->key ? &parent->left : &parent->right;
	}
	rb_insert(t, &it->node, parent, link);
	it->in = true;
}

/* Return: black nodes on each way down, the same for all. */
static unsigned check(const struct rb_node *n, const struct rb_node *parent, bool parent_is_red)
{
	unsigned left, right;
	bool black;

	if (!n)
		return 1;
	black = n->parent_color & 1;
	assert_ptr_equal(n->parent_color & ~(uintptr_t)1, parent);
	assert_false(parent_is_red && !black);
	left = check(n->left, n, !black);
	right = check(n->right, n, !black);
	assert_int_equal(left, right);
	return left + black;
}

/* The tree has just the items that are in, in order, forward and backward. */
static void check_all(const struct rb_tree *t, const struct item *items)
{
	struct rb_node *n = rb_first(t), *last = NULL;
	unsigned count = 0, want = 0;

	if (t->root)
		assert_true(t->root->parent_color & 1);
	(void)check(t->root, NULL, false);
	for (; n; last = n, n = rb_next(n)) {
		assert_true(item_of(n)->in);
		assert_ptr_equal(rb_prev(n), last);
		if (last)
			assert_true(item_of(last)->key <= item_of(n)->key);
		count++;
	}
	assert_ptr_equal(rb_last(t), last);
	for (unsigned i = 0; i < N; i++)
		want += items[i].in;
	assert_int_equal(count, want);
}

static void random_insertions_and_removals(void **state)
{
	static struct item items[N];
	struct dice d = { 1 };

	(void)state;
	for (unsigned keys = 1; keys <= 1000; keys *= 10) {
		struct rb_tree t = { NULL };

		memset(items, 0, sizeof(items));
		for (unsigned i = 0; i < 20000; i++) {
			/* Now mostly in, now mostly out. */
			const bool filling = i / 2000 % 2 == 0;
			struct item *it = &items[dice_below(&d, N)];

			if (it->in && (!filling || dice_below(&d, 4) == 0)) {
				rb_remove(&t, &it->node);
				it->in = false;
			} else if (!it->in && (filling || dice_below(&d, 4) == 0)) {
				it->key = dice_below(&d, keys);
				insert(&t, it);
			}
			if (i % 16 == 0)
				check_all(&t, items);
		}
	}
}

/* What balancing is for: sorted keys do not make a list. */
static void sorted_keys_make_a_low_tree(void **state)
{
	static struct item items[N];
	struct rb_tree t = { NULL };

	(void)state;
	for (unsigned i = 0; i < N; i++) {
		unsigned depth = 0;

		items[i].key = i;
		insert(&t, &items[i]);
		for (const struct rb_node *n = t.root; n; n = n->right)
			depth++;
		assert_true(depth <= 2 * 10); /* 2 log2(n + 1) */
	}
	check_all(&t, items);
	for (unsigned i = 0; i < N; i++) {
		assert_ptr_equal(item_of(rb_first(&t)), &items[i]);
		rb_remove(&t, &items[i].node);
		items[i].in = false;
		check_all(&t, items);
	}
}

static void an_empty_tree_has_no_ends(void **state)
{
	const struct rb_tree t = { NULL };

	(void)state;
	assert_null(rb_first(&t));
	assert_null(rb_last(&t));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(random_insertions_and_removals),
		cmocka_unit_test(sorted_keys_make_a_low_tree),
		cmocka_unit_test(an_empty_tree_has_no_ends),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
