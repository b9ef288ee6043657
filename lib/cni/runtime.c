/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cni/runtime.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/json_table.h"
#include "base/str.h"
#include "cni/cni_priv.h"
#include "cni/exec.h"
#include "cni/json_text.h"
#include "cni/version.h"

DEFINE_CLEANUP(struct json_doc *, json_doc_free);
DEFINE_CLEANUP(struct cni_cached *, cni_cached_free);

/* What GC and STATUS have in place of an attachment. */
static const struct cni_attach nobody = { .container_id = "", .netns = "", .ifname = "" };

/* --- attachments --- */

static int check_attach(const struct cni_attach *at, struct nerr *err)
{
	int r;

	if (!*at->container_id)
		return nerr_num(err, -EINVAL, CNI_UNKNOWN_CONTAINER, "missing containerID");
	if (!cni_name_is_valid(at->container_id))
		return nerr_num(err, -EINVAL, CNI_INVALID_ENV,
				"invalid characters in containerID '%s'", at->container_id);
	r = cni_ifname_check(at->ifname, err);
	if (r < 0)
		return nerr_ctx(err, "interface '%s'", at->ifname);
	for (size_t i = 0; i < at->n_args; i++)
		if (!*at->args[i].key || strpbrk(at->args[i].key, ";=") ||
		    strpbrk(at->args[i].value, ";="))
			return nerr_num(err, -EINVAL, CNI_INVALID_ENV,
					"CNI_ARGS cannot hold '%s=%s'", at->args[i].key,
					at->args[i].value);
	return 0;
}

static void print_args(const struct cni_attach *at, struct strbuf *ret)
{
	for (size_t i = 0; i < at->n_args; i++)
		strbuf_addf(ret, "%s%s=%s", i ? ";" : "", at->args[i].key, at->args[i].value);
}

/* --- one plugin --- */

static int64_t now_usec(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts); /* this clock always is there */
	return (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

/* What is asked of the plugins of a network. */
struct task {
	const struct cni_runtime *rt;
	const struct cni_conflist *list;
	const struct cni_attach *at;
	enum cni_verb verb;
	struct cni_request req;
	int cancel_fd;
};

static int execute(const struct task *t, const char *file, const char *request, size_t len,
		   struct strbuf *out, struct strbuf *said, struct nerr *err)
{
	CLEANUP(strbuf_done) struct strbuf args = STRBUF_INIT;

	print_args(t->at, &args);
	if (args.failed)
		return nerr_oom(err);
	return cni_exec_run(
		&(struct cni_exec){
			.file = file,
			.request = request,
			.request_len = len,
			.vars =
				(const struct cni_exec_var[]){
					{ "CNI_COMMAND", cni_verb_str(t->verb) },
					{ "CNI_CONTAINERID", t->at->container_id },
					{ "CNI_NETNS", t->at->netns },
					{ "CNI_IFNAME", t->at->ifname },
					{ "CNI_ARGS", strbuf_text(&args) },
					{ "CNI_PATH", t->rt->path },
					{ 0 },
				},
			.timeout_ms = t->rt->timeout_ms ? t->rt->timeout_ms : CNI_EXEC_TIMEOUT_MS,
			.cancel_fd = t->cancel_fd,
		},
		out, said, err);
}

/* Run plugin @i; its answer is appended to @out. */
static int run_plugin(const struct task *t, size_t i, struct strbuf *out, struct nerr *err)
{
	CLEANUP(strbuf_done) struct strbuf request = STRBUF_INIT;
	CLEANUP(strbuf_done) struct strbuf said = STRBUF_INIT;
	const int64_t start = now_usec();
	struct nerr why = NERR_INIT;
	cleanup_free char *file = NULL;
	int r;

	r = cni_exec_find(t->list->plugins[i].type, t->rt->path, &file, &why);
	if (r == 0)
		r = cni_conflist_request(t->list, i, &t->req, &request, &why);
	if (r == 0)
		r = execute(t, file, request.s, request.len, out, &said, &why);
	if (t->rt->step)
		t->rt->step(
			&(struct cni_step){
				.verb = t->verb,
				.type = t->list->plugins[i].type,
				.network = t->list->name,
				.ifname = t->at->ifname,
				.usec = now_usec() - start,
				.r = r,
				.error = why.msg,
				.said = strbuf_text(&said),
			},
			t->rt->arg);
	if (r < 0 && err)
		*err = why;
	return r;
}

/* "plugin type="bridge" name="x" failed (add): <msg>; <details>" */
static int plugin_failed(const struct task *t, size_t i, const char *what, struct nerr *err)
{
	CLEANUP(strbuf_done) struct strbuf who = STRBUF_INIT;
	const struct cni_conf_plugin *p = &t->list->plugins[i];
	const struct nerr said = *err;

	strbuf_add(&who, "type=");
	cni_quote(&who, p->type);
	if (*p->name) {
		strbuf_add(&who, " name=");
		cni_quote(&who, p->name);
	}
	return nerr_num(err, said.code, said.num, "plugin %s failed (%s): %s%s%s",
			strbuf_text(&who), what, said.msg, *said.details ? "; " : "", said.details);
}

/* --- results --- */

struct versioned {
	const char *version;
};

static const struct json_field versioned_fields[] = {
	{ .name = "cniVersion",
	  .kind = JSON_STRING,
	  .offset = offsetof(struct versioned, version) },
	{ 0 },
};

/* "null" is what a plugin of the reference library prints for no result at all. */
static bool is_null(const char *text)
{
	text += strspn(text, " \t\r\n");
	return str_has_prefix(text, "null") && text[4 + strspn(text + 4, " \t\r\n")] == '\0';
}

/**
 * parse_result() - Read what a plugin answered
 * @text, @len:	Answer
 * @version:	Of the network, for an answer that names none
 * @ret_doc:	Document, for json_doc_free()
 * @ret_version: The answer's own version, "" when it names none
 * @ret:	Its values
 */
static int parse_result(const char *text, size_t len, const char *version,
			struct json_doc **ret_doc, const char **ret_version, struct cni_result *ret,
			struct nerr *err)
{
	CLEANUP(json_doc_freep) struct json_doc *doc = NULL;
	struct versioned v = { .version = "" };
	int r;

	if (is_null(text)) {
		text = "{}";
		len = 2;
	}
	r = json_doc_parse(text, len, &doc, err);
	if (r == 0)
		r = json_read(doc, NULL, "", versioned_fields, &v, err);
	if (*v.version)
		version = v.version;
	if (r == 0)
		r = cni_result_read(doc, json_doc_root(doc), *version ? version : CNI_VERSION_FIRST,
				    ret, err);
	if (r < 0)
		return nerr_ctx(err, "result of the plugin");
	*ret_version = v.version;
	*ret_doc = TAKE_PTR(doc);
	return 0;
}

/* A plugin's answer as the next one gets it: checked, compact, with a version.  What we
 * do not know of it stays: the specification has plugins read and pass on all of it.
 */
static int take_result(const struct cni_conflist *list, const struct strbuf *out,
		       struct strbuf *ret, struct nerr *err)
{
	CLEANUP(json_doc_freep) struct json_doc *doc = NULL;
	const char *version;
	struct cni_result res;
	int r;

	r = parse_result(strbuf_text(out), out->len, list->version, &doc, &version, &res, err);
	if (r < 0)
		return r;
	strbuf_done(ret);
	if (*version) {
		cni_json_text(json_doc_root(doc), ret);
	} else {
		r = cni_result_print(&res, *list->version ? list->version : CNI_VERSION_FIRST, 0,
				     ret, err);
		if (r < 0)
			return r;
	}
	return ret->failed ? nerr_oom(err) : 0;
}

int cni_runtime_result(const struct cni_conflist *list, const char *text, struct json_doc **ret_doc,
		       struct cni_result *ret, struct nerr *err)
{
	const char *version;

	return parse_result(text, strlen(text), list->version, ret_doc, &version, ret, err);
}

/* The cached result in the network's version: its file may have changed since. */
static int convert_result(const struct cni_conflist *list, const char *text, struct strbuf *ret,
			  struct nerr *err)
{
	CLEANUP(json_doc_freep) struct json_doc *doc = NULL;
	const char *version;
	struct cni_result res;
	int r;

	r = parse_result(text, strlen(text), list->version, &doc, &version, &res, err);
	if (r < 0)
		return r;
	if (strcmp(version, list->version) != 0)
		return cni_result_print(&res, list->version, 0, ret, err);
	strbuf_add(ret, text);
	return ret->failed ? nerr_oom(err) : 0;
}

/* 1 and the text in @ret; 0 when there is none or it cannot be used. */
static int cached_result(const struct task *t, struct strbuf *ret, struct nerr *err)
{
	CLEANUP(cni_cached_freep) struct cni_cached *cached = NULL;
	int r;

	r = cni_version_at_least(t->list->version, "0.4.0", err);
	if (r <= 0)
		return r;
	if (cni_cache_get(t->rt->cache_dir, t->list->name, t->at->container_id, t->at->ifname,
			  &cached, NULL) < 0 ||
	    !cached->result)
		return 0;
	if (convert_result(t->list, cached->result, ret, NULL) < 0) {
		strbuf_done(ret);
		return 0;
	}
	return 1;
}

/* --- ADD and DEL --- */

/* Ask all plugins for DEL, the last one first. The first failure. */
static int del_chain(const struct task *t, struct nerr *err)
{
	int first = 0;

	for (size_t i = t->list->n_plugins; i-- > 0;) {
		CLEANUP(strbuf_done) struct strbuf out = STRBUF_INIT;
		struct nerr why = NERR_INIT;
		int r;

		r = run_plugin(t, i, &out, &why);
		if (r == 0 || first)
			continue;
		first = plugin_failed(t, i, "delete", &why);
		if (err)
			*err = why;
	}
	return first;
}

/* Take back an ADD of which some plugin has failed. The result so far helps: some plugins
 * need addresses to find what they made.
 */
static bool undo_add(const struct task *add, const struct strbuf *result)
{
	struct task del = *add;

	del.verb = CNI_DEL;
	del.cancel_fd = -1;
	del.req.prev_result = NULL;
	if (result->len && cni_version_at_least(add->list->version, "0.4.0", NULL) > 0)
		del.req.prev_result = result->s;
	return del_chain(&del, NULL) == 0;
}

/* Before the first plugin runs: a plugin that is not there is no reason to undo anything. */
static int find_all(const struct task *t, struct nerr *err)
{
	for (size_t i = 0; i < t->list->n_plugins; i++) {
		cleanup_free char *file = NULL;

		if (cni_exec_find(t->list->plugins[i].type, t->rt->path, &file, err) < 0)
			return plugin_failed(t, i, "add", err);
	}
	return 0;
}

static int add_chain(struct task *t, struct strbuf *result, struct nerr *err)
{
	for (size_t i = 0; i < t->list->n_plugins; i++) {
		CLEANUP(strbuf_done) struct strbuf out = STRBUF_INIT;
		int r;

		t->req.prev_result = result->len ? result->s : NULL;
		r = run_plugin(t, i, &out, err);
		if (r == 0)
			r = take_result(t->list, &out, result, err);
		if (r < 0)
			return plugin_failed(t, i, "add", err);
	}
	return 0;
}

int cni_runtime_add(const struct cni_runtime *rt, const struct cni_conflist *list,
		    const struct cni_attach *at, struct strbuf *ret, bool *ret_undone,
		    struct nerr *err)
{
	CLEANUP(strbuf_done) struct strbuf result = STRBUF_INIT;
	struct nerr why = NERR_INIT;
	struct task t = {
		.rt = rt,
		.list = list,
		.at = at,
		.verb = CNI_ADD,
		.req = { .caps = at->caps, .n_caps = at->n_caps },
		.cancel_fd = rt->cancel_fd,
	};
	bool undone = true;
	int r;

	r = check_attach(at, &why);
	if (r == 0)
		r = find_all(&t, &why);
	if (r == 0) {
		r = add_chain(&t, &result, &why);
		if (r == 0)
			r = cni_cache_put(rt->cache_dir, list, at, result.s, &why);
		if (r < 0)
			undone = undo_add(&t, &result);
	}
	if (r == 0) {
		strbuf_add_mem(ret, result.s, result.len);
		return 0;
	}
	if (ret_undone)
		*ret_undone = undone;
	if (err)
		*err = why;
	return r;
}

int cni_runtime_del(const struct cni_runtime *rt, const struct cni_conflist *list,
		    const struct cni_attach *at, struct nerr *err)
{
	CLEANUP(strbuf_done) struct strbuf prev = STRBUF_INIT;
	struct task t = {
		.rt = rt,
		.list = list,
		.at = at,
		.verb = CNI_DEL,
		.req = { .caps = at->caps, .n_caps = at->n_caps },
		.cancel_fd = -1,
	};
	int r;

	r = check_attach(at, err);
	if (r == 0)
		r = cached_result(&t, &prev, err);
	if (r < 0)
		return r;
	t.req.prev_result = r > 0 ? prev.s : NULL;
	r = del_chain(&t, err);
	if (r < 0)
		return r;
	return cni_cache_del(rt->cache_dir, list->name, at->container_id, at->ifname, err);
}

/* --- CHECK, GC, STATUS --- */

int cni_runtime_check(const struct cni_runtime *rt, const struct cni_conflist *list,
		      const struct cni_attach *at, struct nerr *err)
{
	CLEANUP(strbuf_done) struct strbuf prev = STRBUF_INIT;
	struct nerr why = NERR_INIT;
	struct task t = {
		.rt = rt,
		.list = list,
		.at = at,
		.verb = CNI_CHECK,
		.req = { .caps = at->caps, .n_caps = at->n_caps },
		.cancel_fd = -1,
	};
	int r;

	r = cni_version_at_least(list->version, "0.4.0", err);
	if (r < 0)
		return r;
	if (r == 0)
		return nerr_set(err, -EOPNOTSUPP,
				"configuration version '%s' does not support the CHECK command",
				list->version);
	if (list->disable_check)
		return 0;
	r = check_attach(at, err);
	if (r == 0)
		r = cached_result(&t, &prev, err);
	if (r < 0)
		return r;
	t.req.prev_result = r > 0 ? prev.s : NULL;
	for (size_t i = 0; i < list->n_plugins; i++) {
		CLEANUP(strbuf_done) struct strbuf out = STRBUF_INIT;

		r = run_plugin(&t, i, &out, &why);
		if (r == 0)
			continue;
		r = plugin_failed(&t, i, "check", &why);
		if (err)
			*err = why;
		return r;
	}
	return 0;
}

/* A cleaning in progress: what stays, and the first failure. */
struct gc {
	const struct cni_runtime *rt;
	const struct cni_conflist *list;
	const struct cni_attachment *valid;
	size_t n_valid;
	int first;
	struct nerr err;
};

static void gc_failed(struct gc *gc, int r, const struct nerr *why)
{
	if (gc->first)
		return;
	gc->first = r;
	gc->err = *why;
}

static int gc_cached(const struct cni_cached *cached, void *arg)
{
	struct gc *gc = arg;
	struct nerr why = NERR_INIT;
	int r;

	if (strcmp(cached->network, gc->list->name) != 0)
		return 0;
	for (size_t i = 0; i < gc->n_valid; i++)
		if (strcmp(gc->valid[i].container_id, cached->attach.container_id) == 0 &&
		    strcmp(gc->valid[i].ifname, cached->attach.ifname) == 0)
			return 0;
	r = cni_runtime_del(gc->rt, gc->list, &cached->attach, &why);
	if (r < 0) {
		(void)nerr_ctx(&why, "failed to delete stale attachment %s %s",
			       cached->attach.container_id, cached->attach.ifname);
		gc_failed(gc, r, &why);
	}
	return 0;
}

static void print_valid(const struct cni_attachment *valid, size_t n, struct strbuf *ret)
{
	strbuf_add(ret, "[");
	for (size_t i = 0; i < n; i++) {
		strbuf_add(ret, i ? ",{\"containerID\":" : "{\"containerID\":");
		cni_json_string(valid[i].container_id, ret);
		strbuf_add(ret, ",\"ifname\":");
		cni_json_string(valid[i].ifname, ret);
		strbuf_add(ret, "}");
	}
	strbuf_add(ret, "]");
}

static int gc_plugins(struct gc *gc, struct nerr *err)
{
	CLEANUP(strbuf_done) struct strbuf valid = STRBUF_INIT;
	struct task t = {
		.rt = gc->rt,
		.list = gc->list,
		.at = &nobody,
		.verb = CNI_GC,
		.cancel_fd = -1,
	};
	int r;

	r = cni_version_at_least(gc->list->version, "1.1.0", err);
	if (r <= 0)
		return r;
	print_valid(gc->valid, gc->n_valid, &valid);
	if (valid.failed)
		return nerr_oom(err);
	t.req.valid = valid.s;
	for (size_t i = 0; i < gc->list->n_plugins; i++) {
		CLEANUP(strbuf_done) struct strbuf out = STRBUF_INIT;
		struct nerr why = NERR_INIT;

		r = run_plugin(&t, i, &out, &why);
		if (r == 0)
			continue;
		(void)plugin_failed(&t, i, "gc", &why);
		gc_failed(gc, r, &why);
	}
	return 0;
}

int cni_runtime_gc(const struct cni_runtime *rt, const struct cni_conflist *list,
		   const struct cni_attachment *valid, size_t n, struct nerr *err)
{
	struct gc gc = { .rt = rt, .list = list, .valid = valid, .n_valid = n };
	int r;

	if (list->disable_gc)
		return 0;
	r = cni_cache_each(rt->cache_dir, gc_cached, &gc, err);
	if (r == 0)
		r = gc_plugins(&gc, err);
	if (r == 0 && gc.first) {
		r = gc.first;
		if (err)
			*err = gc.err;
	}
	return r;
}

int cni_runtime_status(const struct cni_runtime *rt, const struct cni_conflist *list,
		       struct nerr *err)
{
	struct task t = {
		.rt = rt,
		.list = list,
		.at = &nobody,
		.verb = CNI_STATUS,
		.cancel_fd = -1,
	};
	int r;

	r = cni_version_at_least(list->version, "1.1.0", err);
	if (r <= 0)
		return r;
	for (size_t i = 0; i < list->n_plugins; i++) {
		CLEANUP(strbuf_done) struct strbuf out = STRBUF_INIT;

		r = run_plugin(&t, i, &out, err);
		if (r < 0)
			return r;
	}
	return 0;
}
