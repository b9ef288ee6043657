/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/undo.h"

#include <assert.h>
#include <errno.h>
#include <stddef.h>

void undo_push(struct undo *u, void (*fn)(void *arg), void *arg)
{
	assert(u->n < UNDO_MAX);
	assert(fn != NULL);
	u->step[u->n].fn = fn;
	u->step[u->n].arg = arg;
	u->n++;
}

void undo_commit(struct undo *u)
{
	u->n = 0;
}

void undo_run(struct undo *u)
{
	int saved = errno;

	while (u->n) {
		u->n--;
		u->step[u->n].fn(u->step[u->n].arg);
	}
	errno = saved;
}
