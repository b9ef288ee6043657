/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * netns-run exec NAME -- command
 *
 * No process of ours stays: the session that made the namespace ends with it
 * whatever runs there.  An absolute path is that of a namespace which somebody else has made, and
 * which a netstackd serves.
 */
#include <errno.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/log.h"
#include "commands.h"
#include "inside.h"
#include "opts.h"
#include "sandbox/netns.h"
#include "state.h"
#include "ustack.h"

/* Read the session's file; only one that is set up and not being removed can be entered. */
static int read_open(const char *name, struct session *ret, struct nerr *err)
{
	cleanup_close int all_fd = -1;
	bool live = false;
	int r;

	r = state_lock_all(&all_fd, err);
	if (r == 0)
		r = state_read(all_fd, name, ret, &live, err);
	if (r < 0)
		return r;
	if (ret->phase == SESSION_KEPT || (live && ret->phase == SESSION_RUNNING))
		return 0;
	return nerr_set(err, -ENOENT, "namespace '%s' is %s", name,
			live ? session_phase_str(ret->phase) : "stale");
}

static int enter(const char *name, struct nerr *err)
{
	CLEANUP(session_done) struct session s = { .name = NULL };
	CLEANUP(session_done) struct session again = { .name = NULL };
	cleanup_close int netns_fd = -1;
	int r;

	r = read_open(name, &s, err);
	if (r == 0)
		r = netns_open(s.netns, &netns_fd, err);
	if (r == 0)
		r = inside_enter(&s, netns_fd, err);
	/* Who removes the session first says so, then ends what is inside.  We are inside
	 * now, and look whether it said so: one of us sees the other.
	 */
	if (r == 0)
		r = read_open(name, &again, err);
	return r < 0 ? r : ustack_enter(&s, netns_fd, err);
}

/* Not without a netstackd: that is ip-netns(8)'s. */
static int enter_path(const char *path, struct nerr *err)
{
	struct session s = { .hostname = "" };
	cleanup_close int netns_fd = -1;
	int r;

	r = netns_open(path, &netns_fd, err);
	if (r < 0)
		return r;
	r = ustack_find(netns_fd, &s, err);
	if (r == -ENOENT || r == -ECONNREFUSED)
		return nerr_set(err, r, "no netstackd serves the network namespace '%s'", path);
	if (r == 0)
		r = inside_enter(&s, netns_fd, err);
	return r < 0 ? r : ustack_enter(&s, netns_fd, err);
}

int cmd_exec(struct opts *o)
{
	struct nerr err = NERR_INIT;
	int r;

	if (o->n_args < 2 || !*o->args[1]) {
		log_err("'exec' needs %s (see 'netns-run exec --help')",
			o->n_args ? "a command" : "a name and a command");
		return EXIT_USAGE;
	}
	if (o->args[0][0] != '/' && !session_name_is_valid(o->args[0])) {
		log_err("invalid name '%s'", o->args[0]);
		return EXIT_USAGE;
	}
	r = o->args[0][0] == '/' ? enter_path(o->args[0], &err) : enter(o->args[0], &err);
	if (r < 0) {
		log_err("%s", err.msg);
		return EXIT_OURS;
	}
	return inside_exec(o->args + 1);
}
