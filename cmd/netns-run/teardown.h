/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * teardown.h - removing a session
 */
#ifndef NETNS_RUN_TEARDOWN_H
#define NETNS_RUN_TEARDOWN_H

#include <stdbool.h>

#include "session.h"
#include "state.h"

/**
 * teardown() - Remove all there is of a session
 * @s:		Session
 * @st:		Its directory, whose lock the caller holds; closed when it was removed
 * @force:	Go to the end even when a plugin fails
 *
 * In order: nobody may enter any more; processes are ended; the networks are
 * detached; namespace file and directory go.  What cannot be done is said on standard
 * error.  When a plugin fails the namespace and the directory stay, so that it can be
 * tried again.
 *
 * Return: 0, or the first failure
 */
int teardown(struct session *s, struct state *st, bool force);

#endif /* NETNS_RUN_TEARDOWN_H */
