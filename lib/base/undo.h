/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * undo.h - all or nothing: what was made is taken back unless committed
 *
 *	CLEANUP(undo_run) struct undo undo = UNDO_INIT;
 *	r = make_x(&x, err);
 *	if (r < 0)
 *		return r;
 *	undo_push(&undo, unmake_x, &x);
 *	...
 *	undo_commit(&undo);
 *	return 0;
 *
 * Steps run in reverse order.  A step's argument must live until then: declare
 * it before the undo stack.
 */
#ifndef BASE_UNDO_H
#define BASE_UNDO_H

/* More steps than any operation of ours has; undo_push() asserts it. */
#define UNDO_MAX 16

struct undo {
	unsigned n;
	struct {
		void (*fn)(void *arg);
		void *arg;
	} step[UNDO_MAX];
};

#define UNDO_INIT ((struct undo){ .n = 0 })

/* Remember @fn(@arg). @fn reports what it cannot undo on stderr, it cannot fail. */
void undo_push(struct undo *u, void (*fn)(void *arg), void *arg);
/* All went well: forget the steps. */
void undo_commit(struct undo *u);
/* Run and forget the steps, newest first. For CLEANUP(). Keeps errno. */
void undo_run(struct undo *u);

#endif /* BASE_UNDO_H */
