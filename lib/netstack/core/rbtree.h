/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * rbtree.h - balanced binary tree inside other structures
 *
 * The caller descends and compares by itself and hands the place over:
 *
 *	struct rb_node **link = &tree->root, *parent = NULL;
 *
 *	while (*link) {
 *		parent = *link;
 *		link = before(key, parent) ? &parent->left : &parent->right;
 *	}
 *	rb_insert(tree, node, parent, link);
 */
#ifndef NETSTACK_CORE_RBTREE_H
#define NETSTACK_CORE_RBTREE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct rb_node {
	uintptr_t parent_color; /* the lowest bit: black */
	struct rb_node *left;
	struct rb_node *right;
};

struct rb_tree {
	struct rb_node *root;
};

void rb_insert(struct rb_tree *t, struct rb_node *n, struct rb_node *parent, struct rb_node **link);
void rb_remove(struct rb_tree *t, struct rb_node *n);

/* In order; NULL at the end and for an empty tree. */
struct rb_node *rb_first(const struct rb_tree *t);
struct rb_node *rb_last(const struct rb_tree *t);
struct rb_node *rb_next(const struct rb_node *n);
struct rb_node *rb_prev(const struct rb_node *n);

#define rb_entry(node, type, member) ((type *)(void *)((char *)(node)-offsetof(type, member)))

#endif /* NETSTACK_CORE_RBTREE_H */
