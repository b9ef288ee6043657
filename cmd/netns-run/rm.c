/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * netns-run rm
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <time.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/log.h"
#include "cnipath.h"
#include "commands.h"
#include "leftovers.h"
#include "opts.h"
#include "procs.h"
#include "sandbox/netns.h"
#include "state.h"
#include "teardown.h"

/* A run whose command has been ended removes its session itself; with plugins that hang
 * that takes long.  How often we look, and for how long.
 */
#define BUSY_LOOK_MS 20
#define BUSY_WAIT_MS 300000

static int say(int r, const struct nerr *err)
{
	log_err("%s", err->msg);
	return r;
}

/* Plugins are looked for where they were, then where they are now. */
static int extend_cni_path(struct session *s, struct nerr *err)
{
	CLEANUP(strbuf_done) struct strbuf path = STRBUF_INIT;
	int r;

	strbuf_add(&path, s->cni_path);
	r = cnipath_get(NULL, &path, err);
	if (r < 0)
		return r;
	s->cni_path = arena_strdup(&s->arena, path.s);
	return s->cni_path ? 0 : nerr_oom(err);
}

/* The session is ours: remove it. */
static int remove_taken(const char *name, struct state *st, bool force)
{
	CLEANUP(session_done) struct session s = { .name = NULL };
	char netns[sizeof(NETNS_DIR) + 1 + SESSION_NAME_MAX];
	struct nerr err = NERR_INIT;
	int r;

	r = state_reload(st, name, &s, &err);
	if (r == 0) {
		r = extend_cni_path(&s, &err);
		return r < 0 ? say(r, &err) : teardown(&s, st, force);
	}
	if (r != -ENODATA && !force)
		return say(r, &err);
	if (r != -ENODATA) {
		log_err("%s", err.msg);
		(void)snprintf(netns, sizeof(netns), NETNS_DIR "/%s", name); /* sized to fit */
		r = procs_end(netns, 0, &err);
		if (r == 0)
			r = netns_delete(netns, &err);
		if (r < 0)
			return say(r, &err);
	}
	r = state_remove(st, name, &err);
	return r < 0 ? say(r, &err) : 0;
}

static int64_t now_ms(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts); /* this clock always is there */
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* End what runs in a session, until its processes have removed it or given it up. */
static int end_session(const char *name, struct state *st, struct nerr *err)
{
	const int64_t deadline = now_ms() + BUSY_WAIT_MS;
	char netns[sizeof(NETNS_DIR) + 1 + SESSION_NAME_MAX];
	int r;

	(void)snprintf(netns, sizeof(netns), NETNS_DIR "/%s", name); /* sized to fit */
	do {
		cleanup_close int all_fd = -1;

		r = procs_end(netns, 0, err);
		if (r < 0)
			return r;
		(void)poll(NULL, 0, BUSY_LOOK_MS); /* a lock has no event to wait for */
		r = state_lock_all(&all_fd, err);
		if (r == 0)
			r = state_take(all_fd, name, st, NULL, err);
	} while (r == -EBUSY && now_ms() < deadline);
	return r;
}

/* No session of that name: what the cache may have of one. */
static int remove_leftovers(int all_fd, const char *name)
{
	struct nerr err = NERR_INIT;
	size_t n = 0;
	int r;

	r = leftovers_remove(all_fd, name, &n, &err);
	if (r == 0 && !n)
		r = nerr_set(&err, -ENOENT, "no namespace '%s'", name);
	return r < 0 ? say(r, &err) : 0;
}

static int remove_one(const char *name, bool force, bool skip_busy)
{
	CLEANUP(state_done) struct state st = STATE_INIT;
	struct nerr err = NERR_INIT;
	int r;

	{
		cleanup_close int all_fd = -1;

		r = state_lock_all(&all_fd, &err);
		if (r < 0)
			return say(r, &err);
		r = state_take(all_fd, name, &st, NULL, &err);
		if (r == -ENOENT)
			return skip_busy ? 0 : remove_leftovers(all_fd, name);
	}
	if (r == -EBUSY && force) {
		r = end_session(name, &st, &err);
		if (r == -ENOENT)
			return 0;
	} else if (r == -EBUSY && skip_busy) {
		log_info("%s", err.msg);
		return 0;
	}
	return r < 0 ? say(r, &err) : remove_taken(name, &st, force);
}

static int remove_all(bool force)
{
	CLEANUP(arena_done) struct arena arena = ARENA_INIT;
	struct json_strings names = { .n = 0 };
	struct nerr err = NERR_INIT;
	cleanup_close int all_fd = -1;
	int first;
	size_t n;
	int r;

	{
		cleanup_close int fd = -1;

		r = state_lock_all(&fd, &err);
		if (r == 0)
			r = state_list(fd, &arena, &names, &err);
		if (r < 0)
			return say(r, &err);
	}
	first = 0;
	for (size_t i = 0; i < names.n; i++) {
		r = remove_one(names.v[i], force, true);
		if (r < 0 && !first)
			first = r;
	}
	/* No session may appear while what belongs to none is removed. */
	r = state_lock_all(&all_fd, &err);
	if (r == 0)
		r = leftovers_remove(all_fd, NULL, &n, &err);
	if (r < 0)
		first = say(r, &err);
	/* Whoever uses other networks only may have plugins that cannot do this. */
	else if (leftovers_collect(all_fd, &err) < 0)
		log_warn("%s", err.msg);
	return first;
}

int cmd_rm(struct opts *o)
{
	int first = 0;

	if (o->all == (o->n_args > 0)) {
		log_err("'rm' needs names or '--all'%s (see 'netns-run rm --help')",
			o->all ? ", not both" : "");
		return EXIT_USAGE;
	}
	for (int i = 0; i < o->n_args; i++) {
		if (!session_name_is_valid(o->args[i])) {
			log_err("invalid name '%s'", o->args[i]);
			return EXIT_USAGE;
		}
	}
	if (o->all)
		return remove_all(o->force) < 0 ? EXIT_OURS : 0;
	for (int i = 0; i < o->n_args; i++) {
		int r = remove_one(o->args[i], o->force, false);

		if (r < 0 && !first)
			first = r;
	}
	return first < 0 ? EXIT_OURS : 0;
}
