/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * state.h - sessions on disk: /run/netns-run/NAME/
 *
 *	lock		held (F_OFD_SETLK) as long as one of the session's two
 *			processes lives; whoever gets it may remove the session
 *	state.json	session.h
 *	resolv.conf, hosts	what the command sees in /etc
 *
 * A directory appears and its lock is taken under one lock on /run/netns-run
 * itself, so nobody ever sees a session that is made but not yet locked.
 */
#ifndef NETNS_RUN_STATE_H
#define NETNS_RUN_STATE_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/json_table.h"
#include "session.h"

struct nerr;

#define STATE_DIR "/run/netns-run"

/**
 * struct state - The directory of a session
 * @dir_fd, @lock_fd: Descriptors, -1 when closed.  Processes that are forked hold the
 *		lock, too
 */
struct state {
	int dir_fd;
	int lock_fd;
};

#define STATE_INIT                                                                                 \
	{                                                                                          \
		.dir_fd = -1, .lock_fd = -1                                                        \
	}

/**
 * state_lock_all() - Keep others from making or taking sessions
 * @ret:	Descriptor; closing it gives the lock back
 *
 * Makes STATE_DIR when it is not there.
 */
int state_lock_all(int *ret, struct nerr *err);

/**
 * state_create() - Make the directory of a session and take its lock
 * @s:		Session; its file is written
 * @ret:	Filled on 0
 *
 * Return: 0; -EEXIST when the name is taken, with a message that says by what
 */
int state_create(const struct session *s, struct state *ret, struct nerr *err);

/**
 * state_take() - Take the lock of a session that nobody holds
 * @all_fd:	From state_lock_all()
 * @ret:	Filled on 0
 * @ret_pid:	On -EBUSY: who holds it, 0 when that is not known.  May be NULL
 *
 * Return: 0, -ENOENT, -EBUSY while its processes live
 */
int state_take(int all_fd, const char *name, struct state *ret, pid_t *ret_pid, struct nerr *err);

/* Write the session's file anew, all of it or nothing. */
int state_write(const struct state *st, const struct session *s, struct nerr *err);
/* Write another file of the directory. */
int state_write_file(const struct state *st, const char *file, const char *text, size_t len,
		     struct nerr *err);

/**
 * state_read() - Read a session's file
 * @all_fd:	STATE_DIR, locked or not
 * @ret:	All zero; filled on 0, for session_done()
 * @ret_live:	One of its processes lives
 *
 * Return: 0; -ENOENT when there is no such session; -ENODATA when its directory has no
 *         file, because it was never finished; another errno
 */
int state_read(int all_fd, const char *name, struct session *ret, bool *ret_live, struct nerr *err);

/* Read the file of a session whose lock is held. As state_read(). */
int state_reload(const struct state *st, const char *name, struct session *ret, struct nerr *err);

/* Remove the directory, then give back the lock. */
int state_remove(struct state *st, const char *name, struct nerr *err);
void state_done(struct state *st);

/* Names of all sessions, in order, in memory of @arena. */
int state_list(int all_fd, struct arena *arena, struct json_strings *ret, struct nerr *err);

#endif /* NETNS_RUN_STATE_H */
