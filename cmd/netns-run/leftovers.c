/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "leftovers.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "cnipath.h"
#include "ctl/ctl.h"
#include "defnet.h"
#include "nets.h"
#include "session.h"
#include "state.h"

DEFINE_CLEANUP(struct cni_conflist *, cni_conflist_free);

/* --- what sessions know --- */

/**
 * struct known - Attachments of the built-in network, and ids of all sessions
 * @ids:	Container ids
 * @valid:	Attachments of DEFNET_NAME; room for all of them
 */
struct known {
	struct arena *arena;
	struct json_strings ids;
	struct cni_attachment *valid;
	size_t n_valid;
};

static int know_session(struct known *k, const struct session *s)
{
	const char *id = arena_strdup(k->arena, s->id);

	if (!id)
		return -ENOMEM;
	k->ids.v[k->ids.n++] = id;
	for (size_t i = 0; i < s->n_nets; i++) {
		if (strcmp(s->nets[i].list->name, DEFNET_NAME) != 0)
			continue;
		k->valid[k->n_valid].container_id = id;
		k->valid[k->n_valid].ifname = arena_strdup(k->arena, s->nets[i].ifname);
		if (!k->valid[k->n_valid++].ifname)
			return -ENOMEM;
	}
	return 0;
}

static int know_all(int all_fd, struct known *k, struct nerr *err)
{
	struct json_strings names;
	int r;

	r = state_list(all_fd, k->arena, &names, err);
	if (r < 0)
		return r;
	k->ids.v = arena_calloc(k->arena, names.n + 1, sizeof(*k->ids.v));
	/* A network is attached to once by a session. */
	k->valid = arena_calloc(k->arena, names.n + 1, sizeof(*k->valid));
	if (!k->ids.v || !k->valid)
		return nerr_oom(err);
	for (size_t i = 0; i < names.n; i++) {
		CLEANUP(session_done) struct session s = { .name = NULL };
		bool live;

		r = state_read(all_fd, names.v[i], &s, &live, err);
		if (r == -ENODATA)
			continue; /* it never got as far as an attachment */
		if (r == 0 && know_session(k, &s) < 0)
			r = nerr_oom(err);
		/* What a session that cannot be read holds, nobody may take for left over. */
		if (r < 0)
			return r;
	}
	return 0;
}

/* --- what the cache knows --- */

typedef int found_fn(const struct cni_cached *cached, const char *name, void *arg);

struct search {
	const struct known *known;
	const char *name;
	found_fn *found;
	void *arg;
};

static int look_at(const struct cni_cached *cached, void *arg)
{
	const struct search *s = arg;
	char name[SESSION_NAME_MAX + 1];

	if (session_name_of_id(cached->attach.container_id, name) < 0 ||
	    (s->name && strcmp(s->name, name) != 0))
		return 0;
	for (size_t i = 0; i < s->known->ids.n; i++)
		if (strcmp(s->known->ids.v[i], cached->attach.container_id) == 0)
			return 0;
	return s->found(cached, name, s->arg);
}

static int search(int all_fd, struct arena *arena, const char *name, found_fn *found, void *arg,
		  struct nerr *err)
{
	struct known known = { .arena = arena };
	struct search s = { .known = &known, .name = name, .found = found, .arg = arg };
	int r;

	r = know_all(all_fd, &known, err);
	return r < 0 ? r : cni_cache_each(CNI_CACHE_DIR, look_at, &s, err);
}

/* --- listing --- */

struct listing {
	struct arena *arena;
	struct leftover *v;
	size_t n;
};

static int list_one(const struct cni_cached *cached, const char *name, void *arg)
{
	struct listing *l = arg;
	struct leftover *more = arena_calloc(l->arena, l->n + 1, sizeof(*more));

	if (!more)
		return -ENOMEM;
	if (l->n)
		memcpy(more, l->v, l->n * sizeof(*more));
	l->v = more;
	l->v[l->n].name = arena_strdup(l->arena, name);
	l->v[l->n].network = arena_strdup(l->arena, cached->network);
	l->v[l->n].ifname = arena_strdup(l->arena, cached->attach.ifname);
	if (!l->v[l->n].name || !l->v[l->n].network || !l->v[l->n].ifname)
		return -ENOMEM;
	l->n++;
	return 0;
}

int leftovers_list(int all_fd, struct arena *arena, struct leftover **ret, size_t *ret_n,
		   struct nerr *err)
{
	struct listing l = { .arena = arena };
	int r;

	r = search(all_fd, arena, NULL, list_one, &l, err);
	if (r == -ENOMEM)
		return nerr_oom(err);
	if (r < 0)
		return r;
	*ret = l.v;
	*ret_n = l.n;
	return 0;
}

/* --- removing --- */

struct removal {
	const char *cni_path;
	size_t n;
	int first;
	struct nerr err;
};

static int remove_one(const struct cni_cached *cached, const char *name, void *arg)
{
	CLEANUP(cni_conflist_freep) struct cni_conflist *list = NULL;
	struct removal *rm = arg;
	const struct session how = { .cni_path = rm->cni_path };
	const struct cni_runtime rt = nets_runtime(&how, -1);
	struct nerr err = NERR_INIT;
	int r;

	rm->n++;
	r = cni_conflist_parse(cached->config, strlen(cached->config), &list, &err);
	if (r == 0)
		r = cni_runtime_del(&rt, list, &cached->attach, &err);
	if (r < 0 && !rm->first) {
		(void)nerr_ctx(&err, "namespace '%s': network '%s'", name, cached->network);
		rm->first = r;
		rm->err = err;
	}
	return 0;
}

int leftovers_remove(int all_fd, const char *name, size_t *ret_n, struct nerr *err)
{
	CLEANUP(arena_done) struct arena arena = ARENA_INIT;
	CLEANUP(strbuf_done) struct strbuf path = STRBUF_INIT;
	struct removal rm = { .n = 0 };
	int r;

	r = cnipath_get(NULL, &path, err);
	if (r < 0)
		return r;
	rm.cni_path = path.s;
	r = search(all_fd, &arena, name, remove_one, &rm, err);
	if (r < 0)
		return r;
	*ret_n = rm.n;
	if (rm.first)
		*err = rm.err;
	return rm.first;
}

static int collect(const struct known *known, const char *cni_path, bool is_user, struct nerr *err)
{
	CLEANUP(cni_conflist_freep) struct cni_conflist *list = NULL;
	const struct defnet_conf conf = { .is_user = is_user };
	const struct session how = { .cni_path = cni_path };
	const struct cni_runtime rt = nets_runtime(&how, -1);
	const char *note;
	int r = defnet_new(&conf, &list, &note, err);

	return r < 0 ? r : cni_runtime_gc(&rt, list, known->valid, known->n_valid, err);
}

/* For ctl_each(): there is one. */
static int is_any(void *arg, const char *path, struct json_doc *status)
{
	(void)arg;
	(void)path;
	(void)status;
	return 1;
}

int leftovers_collect(int all_fd, struct nerr *err)
{
	CLEANUP(arena_done) struct arena arena = ARENA_INIT;
	CLEANUP(strbuf_done) struct strbuf path = STRBUF_INIT;
	struct known known = { .arena = &arena };
	int r;

	r = know_all(all_fd, &known, err);
	if (r == 0)
		r = cnipath_get(NULL, &path, err);
	if (r == 0)
		r = collect(&known, path.s, false, err);
	/* The same again by the plugin that knows netstackd, where there is one. */
	if (r == 0) {
		r = ctl_each(is_any, NULL, err);
		if (r > 0)
			r = collect(&known, path.s, true, err);
	}
	return r < 0 ? nerr_ctx(err, "cleaning network '" DEFNET_NAME "'") : 0;
}
