/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * netns-run [options] -- command: the main process
 */
#include <errno.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/log.h"
#include "cnipath.h"
#include "commands.h"
#include "etc.h"
#include "guard.h"
#include "job.h"
#include "nets.h"
#include "opts.h"
#include "state.h"
#include "teardown.h"

/* Made-up names that are all taken: something is wrong with the random numbers. */
#define NAME_TRIES   8

#define HOSTNAME_MAX 64 /* __NEW_UTS_LEN of linux/utsname.h */

#define ALNUM        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"

/* Letters, digits, dots and dashes, the first and last of the former (RFC 1123, 2.1). */
static bool hostname_is_valid(const char *name)
{
	const size_t len = strlen(name);

	return len > 0 && len <= HOSTNAME_MAX && strspn(name, ALNUM ".-") == len &&
	       strchr(ALNUM, name[0]) && strchr(ALNUM, name[len - 1]);
}

/* What can be said to be wrong without looking at the host. */
static int check_usage(struct session *s, const struct opts *o, struct wants *w, struct nerr *err)
{
	int r;

	if (!o->n_args)
		return nerr_set(err, -EINVAL, "no command given");
	if (!*o->args[0])
		return nerr_set(err, -EINVAL, "the command's name is empty");
	if (o->name && !session_name_is_valid(o->name))
		return nerr_set(
			err, -EINVAL,
			"option '--name': invalid name '%s' (letters, digits, '_', '.', '-', at most %d)",
			o->name, SESSION_NAME_MAX);
	if (o->hostname && !hostname_is_valid(o->hostname))
		return nerr_set(err, -EINVAL, "option '--hostname': invalid host name '%s'",
				o->hostname);
	r = etc_check_dns(&o->dns, err);
	return r < 0 ? r : nets_parse(s, o, w, err);
}

static int fill_session(struct session *s, const struct opts *o, const struct wants *w,
			struct nerr *err)
{
	CLEANUP(strbuf_done) struct strbuf path = STRBUF_INIT;
	int r;

	if (geteuid() != 0)
		return nerr_set(err, -EPERM,
				"must be run as root (to make namespaces and networks)");
	r = cnipath_get(o->cni_path, &path, err);
	if (r < 0)
		return r;
	s->cni_path = arena_strdup(&s->arena, path.s);
	s->command.v = arena_calloc(&s->arena, (size_t)o->n_args, sizeof(*s->command.v));
	if (!s->cni_path || !s->command.v)
		return nerr_oom(err);
	for (; s->command.n < (size_t)o->n_args; s->command.n++)
		s->command.v[s->command.n] = o->args[s->command.n];
	s->hostname = o->hostname ? o->hostname : "";
	s->keep = o->keep;
	s->pid = getpid();
	s->created = time(NULL);
	return nets_load(s, o, w, err);
}

/* The session's directory after the guard was killed: its lock is ours, or free.  -ENOENT
 * when there is none: the guard was killed before it made one, or somebody has removed it.
 * -EBUSY when somebody does, or when the name is another session's.
 */
static int take_state(const struct session *s, struct state *st, struct nerr *err)
{
	cleanup_close int all_fd = -1;
	int r;

	if (st->lock_fd >= 0)
		return 0;
	r = state_lock_all(&all_fd, err);
	return r < 0 ? r : state_take(all_fd, s->name, st, NULL, err);
}

/* The guard was killed.  Its work is ours then; what it did is in the session's file. */
static int replace_guard(const struct session *s, struct state *st, bool ran)
{
	CLEANUP(session_done) struct session disk = { .name = NULL };
	struct nerr err = NERR_INIT;
	int r;

	r = take_state(s, st, &err);
	if (r == -ENOENT || r == -EBUSY)
		return 0;
	if (r == 0)
		r = state_reload(st, s->name, &disk, &err);
	if (r == -ENODATA) /* killed before it had written anything: ours or another, it is empty */
		return state_remove(st, s->name, &err);
	if (r == 0 && strcmp(disk.id, s->id) != 0)
		return 0; /* another session's, which was kept or left behind */
	if (r == 0 && (!disk.keep || !ran))
		return teardown(&disk, st, false);
	if (r == 0) {
		disk.phase = SESSION_KEPT;
		r = state_write(st, &disk, &err);
	}
	if (r < 0)
		log_err("%s", err.msg);
	return r;
}

/* Let the guard do its work, or do it. @status is 0 or what is wrong already. */
static int finish(const struct session *s, struct state *st, struct guard *g, bool ran, int status)
{
	bool clean = false;

	switch (guard_finish(g, ran)) {
	case GUARD_DONE:
		clean = true;
		break;
	case GUARD_FAILED:
		break;
	case GUARD_LOST:
		log_err("the guard process was killed");
		clean = replace_guard(s, st, ran) == 0;
		break;
	}
	return clean || status ? status : EXIT_OURS;
}

static int run_guarded(struct session *s, const struct opts *o, const struct wants *w,
		       struct nerr *err)
{
	CLEANUP(state_done) struct state st = STATE_INIT;
	struct job_signals js;
	struct guard g;
	int status = EXIT_OURS;
	bool ran = false;
	int sig;
	int r;

	r = job_signals_block(&js, err);
	if (r == 0)
		r = guard_start(s, w, &o->dns, &g, err);
	if (r < 0)
		return r;
	if (job_wait_ready(&js, &g, &st, &sig)) {
		r = job_run(s, &js, &g, o->args, &status, err);
		if (r < 0)
			log_err("%s", err->msg);
		ran = r == 0;
	} else if (sig) {
		status = EXIT_SIGNAL_BASE + sig;
	}
	return finish(s, &st, &g, ran, status);
}

int cmd_run(struct opts *o)
{
	CLEANUP(session_done) struct session s = { .phase = SESSION_STARTING };
	struct nerr err = NERR_INIT;
	struct wants w;
	int r;

	if (check_usage(&s, o, &w, &err) < 0) {
		log_err("%s (see 'netns-run --help')", err.msg);
		return EXIT_USAGE;
	}
	r = fill_session(&s, o, &w, &err);
	if (r == 0)
		r = session_set_name(&s, o->name, &err);
	if (r == 0)
		r = run_guarded(&s, o, &w, &err);
	if (r < 0) {
		log_err("%s", err.msg);
		return EXIT_OURS;
	}
	return r;
}
