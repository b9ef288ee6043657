/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Red-black tree (Guibas and Sedgewick, 1978): a red node has no red child, and all ways from
 * the root down have the same number of black nodes.  Missing children count as black.
 */
#include "netstack/core/rbtree.h"

#include <assert.h>

#define BLACK ((uintptr_t)1)

static struct rb_node *parent_of(const struct rb_node *n)
{
	return (struct rb_node *)(n->parent_color & ~BLACK);
}

static bool is_black(const struct rb_node *n)
{
	return !n || (n->parent_color & BLACK);
}

static bool is_red(const struct rb_node *n)
{
	return !is_black(n);
}

static void set_parent(struct rb_node *n, const struct rb_node *parent)
{
	n->parent_color = (uintptr_t)parent | (n->parent_color & BLACK);
}

static void set_black(struct rb_node *n)
{
	n->parent_color |= BLACK;
}

static void set_red(struct rb_node *n)
{
	n->parent_color &= ~BLACK;
}

static void copy_color(struct rb_node *to, const struct rb_node *from)
{
	to->parent_color = (to->parent_color & ~BLACK) | (from->parent_color & BLACK);
}

/* Who points down to @old points to @new. */
static void replace_child(struct rb_tree *t, struct rb_node *parent, const struct rb_node *old,
			  struct rb_node *new)
{
	if (!parent)
		t->root = new;
	else if (parent->left == old)
		parent->left = new;
	else
		parent->right = new;
}

/* @n goes down to the left, its right child comes up. */
static void rotate_left(struct rb_tree *t, struct rb_node *n)
{
	struct rb_node *up = n->right;

	n->right = up->left;
	if (up->left)
		set_parent(up->left, n);
	set_parent(up, parent_of(n));
	replace_child(t, parent_of(n), n, up);
	up->left = n;
	set_parent(n, up);
}

static void rotate_right(struct rb_tree *t, struct rb_node *n)
{
	struct rb_node *up = n->left;

	n->left = up->right;
	if (up->right)
		set_parent(up->right, n);
	set_parent(up, parent_of(n));
	replace_child(t, parent_of(n), n, up);
	up->right = n;
	set_parent(n, up);
}

static void rotate(struct rb_tree *t, struct rb_node *n, bool to_left)
{
	if (to_left)
		rotate_left(t, n);
	else
		rotate_right(t, n);
}

void rb_insert(struct rb_tree *t, struct rb_node *n, struct rb_node *parent, struct rb_node **link)
{
	assert(!*link);
	n->parent_color = (uintptr_t)parent; /* red */
	n->left = NULL;
	n->right = NULL;
	*link = n;

	/* The only rule that may be broken is that @n and its parent are both red. */
	while (is_red(parent)) {
		struct rb_node *grand = parent_of(parent);
		const bool left = parent == grand->left;
		struct rb_node *uncle = left ? grand->right : grand->left;

		if (is_red(uncle)) {
			set_black(parent);
			set_black(uncle);
			set_red(grand);
			n = grand;
			parent = parent_of(n);
			if (!parent)
				break;
			continue;
		}
		if (n == (left ? parent->right : parent->left)) {
			rotate(t, parent, left);
			parent = n;
		}
		set_black(parent);
		set_red(grand);
		rotate(t, grand, !left);
		break;
	}
	set_black(t->root);
}

/* All ways through @n, which may be NULL, lack a black node. */
static void fix_lack(struct rb_tree *t, struct rb_node *n, struct rb_node *parent)
{
	while (parent && is_black(n)) {
		const bool left = n == parent->left;
		struct rb_node *sibling = left ? parent->right : parent->left;
		struct rb_node *near, *far;

		if (is_red(sibling)) {
			set_black(sibling);
			set_red(parent);
			rotate(t, parent, left);
			sibling = left ? parent->right : parent->left;
		}
		near = left ? sibling->left : sibling->right;
		far = left ? sibling->right : sibling->left;
		if (is_black(near) && is_black(far)) {
			/* Let it lack on the other side as well, and look one level up. */
			set_red(sibling);
			n = parent;
			parent = parent_of(n);
			continue;
		}
		if (is_black(far)) {
			set_black(near);
			set_red(sibling);
			rotate(t, sibling, !left);
			far = sibling;
			sibling = near;
		}
		copy_color(sibling, parent);
		set_black(parent);
		set_black(far);
		rotate(t, parent, left);
		return;
	}
	if (n)
		set_black(n);
}

/* @n has two children: its successor, which has no left child, takes its place. */
static void take_place(struct rb_tree *t, struct rb_node *n, struct rb_node *next)
{
	next->left = n->left;
	set_parent(next->left, next);
	next->right = n->right;
	if (next->right)
		set_parent(next->right, next);
	next->parent_color = n->parent_color;
	replace_child(t, parent_of(n), n, next);
}

void rb_remove(struct rb_tree *t, struct rb_node *n)
{
	struct rb_node *child, *parent = parent_of(n);
	bool lacks = is_black(n);

	if (n->left && n->right) {
		struct rb_node *next = rb_next(n);

		child = next->right;
		parent = parent_of(next);
		lacks = is_black(next);
		replace_child(t, parent, next, child);
		if (parent == n)
			parent = next;
		take_place(t, n, next);
	} else {
		child = n->left ? n->left : n->right;
		replace_child(t, parent, n, child);
	}
	if (child)
		set_parent(child, parent);
	if (lacks)
		fix_lack(t, child, parent);
}

struct rb_node *rb_first(const struct rb_tree *t)
{
	struct rb_node *n = t->root;

	while (n && n->left)
		n = n->left;
	return n;
}

struct rb_node *rb_last(const struct rb_tree *t)
{
	struct rb_node *n = t->root;

	while (n && n->right)
		n = n->right;
	return n;
}

struct rb_node *rb_next(const struct rb_node *n)
{
	struct rb_node *parent;

	if (n->right) {
		const struct rb_tree below = { n->right };

		return rb_first(&below);
	}
	while ((parent = parent_of(n)) && n == parent->right)
		n = parent;
	return parent;
}

struct rb_node *rb_prev(const struct rb_node *n)
{
	struct rb_node *parent;

	if (n->left) {
		const struct rb_tree below = { n->left };

		return rb_last(&below);
	}
	while ((parent = parent_of(n)) && n == parent->left)
		n = parent;
	return parent;
}
