/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cni/cache.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <json-c/json_object.h>
#include <json-c/linkhash.h>

#include "base/arena.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "base/fd.h"
#include "base/json_out.h"
#include "base/json_table.h"
#include "base/str.h"
#include "cni/base64.h"
#include "cni/cni_priv.h"
#include "cni/json_text.h"

#define KIND      "cniCacheV1"
#define DIR_MODE  0700
#define FILE_MODE 0600

struct cni_cached_mem {
	struct json_doc *doc;
};

/* --- names --- */

/* A name with a slash would leave the directory; who made it up did not check it. */
static int check_part(const char *what, const char *s, struct nerr *err)
{
	if (!*s || strchr(s, '/'))
		return nerr_set(err, -EINVAL, "cannot cache a result for %s '%s'", what, s);
	return 0;
}

static int file_name(const char *dir, const char *network, const char *container_id,
		     const char *ifname, struct strbuf *ret, struct nerr *err)
{
	int r;

	r = check_part("network", network, err);
	if (r == 0)
		r = check_part("container", container_id, err);
	if (r == 0)
		r = check_part("interface", ifname, err);
	if (r < 0)
		return r;
	strbuf_addf(ret, "%s/results/%s-%s-%s", dir, network, container_id, ifname);
	return ret->failed ? nerr_oom(err) : 0;
}

/* --- writing --- */

static void print_args(struct json_out *o, const struct cni_attach *at)
{
	if (!at->n_args)
		return;
	json_out_array(o, "cniArgs");
	for (size_t i = 0; i < at->n_args; i++) {
		json_out_array(o, NULL);
		json_out_string(o, NULL, at->args[i].key);
		json_out_string(o, NULL, at->args[i].value);
		json_out_end(o);
	}
	json_out_end(o);
}

static void print_caps(struct json_out *o, const struct cni_attach *at)
{
	if (!at->n_caps)
		return;
	json_out_object(o, "capabilityArgs");
	for (size_t i = 0; i < at->n_caps; i++)
		json_out_raw(o, at->caps[i].name, at->caps[i].json);
	json_out_end(o);
}

/* Keys in the order of the reference library. */
static int print_file(const struct cni_conflist *list, const struct cni_attach *at,
		      const char *result, struct json_out *o)
{
	CLEANUP(strbuf_done) struct strbuf config = STRBUF_INIT;

	base64_encode(list->text, strlen(list->text), &config);
	json_out_object(o, NULL);
	json_out_string(o, "kind", KIND);
	json_out_string(o, "containerId", at->container_id);
	json_out_string(o, "config", strbuf_text(&config));
	json_out_string(o, "ifName", at->ifname);
	json_out_string(o, "networkName", list->name);
	if (*at->netns)
		json_out_string(o, "netns", at->netns);
	print_args(o, at);
	print_caps(o, at);
	json_out_raw(o, "result", result);
	json_out_end(o);
	return config.failed || o->buf.failed ? -ENOMEM : 0;
}

/* Into a file beside the directory of results: who lists that never sees half a file. */
static int write_file(const char *dir, const char *path, const char *text, size_t len,
		      struct nerr *err)
{
	CLEANUP(strbuf_done) struct strbuf tmp = STRBUF_INIT;
	cleanup_close int fd = -1;
	int r;

	strbuf_addf(&tmp, "%s/.result-XXXXXX", dir);
	if (tmp.failed)
		return nerr_oom(err);
	fd = mkostemp(tmp.s, O_CLOEXEC);
	if (fd < 0)
		return nerr_set(err, -errno, "cannot make a file in '%s': %m", dir);
	r = fd_write_all(fd, text, len);
	if (r == 0 && fchmod(fd, FILE_MODE) < 0)
		r = -errno;
	if (r == 0 && rename(tmp.s, path) < 0)
		r = -errno;
	if (r < 0) {
		(void)unlink(tmp.s); /* the failure before it is what is reported */
		return nerr_set(err, r, "cannot write '%s': %m", path);
	}
	return 0;
}

int cni_cache_put(const char *dir, const struct cni_conflist *list, const struct cni_attach *at,
		  const char *result, struct nerr *err)
{
	CLEANUP(strbuf_done) struct strbuf results = STRBUF_INIT;
	CLEANUP(strbuf_done) struct strbuf path = STRBUF_INIT;
	struct json_out o = JSON_OUT_INIT(0);
	int r;

	r = file_name(dir, list->name, at->container_id, at->ifname, &path, err);
	if (r < 0)
		return r;
	strbuf_addf(&results, "%s/results", dir);
	if (results.failed)
		return nerr_oom(err);
	r = dir_make_all(results.s, DIR_MODE);
	if (r < 0)
		return nerr_set(err, r, "cannot make directory '%s': %m", results.s);
	r = print_file(list, at, result, &o);
	if (r == 0)
		r = write_file(dir, path.s, o.buf.s, o.buf.len, err);
	else
		(void)nerr_oom(err);
	strbuf_done(&o.buf);
	return r;
}

/* --- reading --- */

struct file_keys {
	const char *kind;
	const char *container_id;
	const char *config;
	const char *ifname;
	const char *network;
	const char *netns;
	struct json_object *args;
	struct json_object *caps;
	struct json_object *result;
};

#define KEY(key, json_kind, member, must)                                                          \
	{                                                                                          \
		.name = (key), .kind = (json_kind), .offset = offsetof(struct file_keys, member),  \
		.required = (must)                                                                 \
	}

static const struct json_field file_fields[] = {
	KEY("kind", JSON_STRING, kind, true),
	KEY("containerId", JSON_STRING, container_id, true),
	KEY("config", JSON_STRING, config, true),
	KEY("ifName", JSON_STRING, ifname, true),
	KEY("networkName", JSON_STRING, network, true),
	KEY("netns", JSON_STRING, netns, false),
	KEY("cniArgs", JSON_NODE, args, false),
	KEY("capabilityArgs", JSON_NODE, caps, false),
	KEY("result", JSON_NODE, result, false),
	{ 0 },
};

void cni_cached_free(struct cni_cached *cached)
{
	if (!cached)
		return;
	if (cached->mem)
		json_doc_free(cached->mem->doc);
	free(cached->mem);
	free(cached);
}
DEFINE_CLEANUP(struct cni_cached *, cni_cached_free);

/* Text of a node with its keys in order; NULL on OOM. */
static const char *node_text(struct arena *arena, struct json_object *node)
{
	CLEANUP(strbuf_done) struct strbuf text = STRBUF_INIT;

	cni_json_text(node, &text);
	return text.failed ? NULL : arena_strdup(arena, strbuf_text(&text));
}

static const char *array_string(struct json_object *array, size_t i)
{
	struct json_object *node = json_object_array_get_idx(array, i);

	return json_object_is_type(node, json_type_string) ? json_object_get_string(node) : NULL;
}

static int read_args(struct cni_cached *c, struct json_object *node, struct arena *arena,
		     struct nerr *err)
{
	struct cni_pair *args;
	size_t n;

	if (!node)
		return 0;
	if (!json_object_is_type(node, json_type_array))
		return nerr_set(err, -EINVAL, "key 'cniArgs' must be an array");
	n = json_object_array_length(node);
	args = arena_calloc(arena, n, sizeof(*args));
	if (!args)
		return nerr_oom(err);
	for (size_t i = 0; i < n; i++) {
		struct json_object *pair = json_object_array_get_idx(node, i);

		if (!json_object_is_type(pair, json_type_array) ||
		    json_object_array_length(pair) != 2)
			return nerr_set(err, -EINVAL, "key 'cniArgs[%zu]' must be a pair", i);
		args[i].key = array_string(pair, 0);
		args[i].value = array_string(pair, 1);
		if (!args[i].key || !args[i].value)
			return nerr_set(err, -EINVAL, "key 'cniArgs[%zu]' must hold strings", i);
	}
	c->attach.args = args;
	c->attach.n_args = n;
	return 0;
}

static int read_caps(struct cni_cached *c, struct json_object *node, struct arena *arena,
		     struct nerr *err)
{
	struct cni_capability *caps;
	size_t n = 0;

	if (!node)
		return 0;
	if (!json_object_is_type(node, json_type_object))
		return nerr_set(err, -EINVAL, "key 'capabilityArgs' must be an object");
	caps = arena_calloc(arena, (size_t)json_object_object_length(node), sizeof(*caps));
	if (!caps)
		return nerr_oom(err);
	json_object_object_foreach(node, key, value)
	{
		caps[n].name = key;
		caps[n].json = node_text(arena, value);
		if (!caps[n++].json)
			return nerr_oom(err);
	}
	c->attach.caps = caps;
	c->attach.n_caps = n;
	return 0;
}

/* Everything but the owner of the memory. */
static int read_keys(struct cni_cached *c, const struct file_keys *keys, struct arena *arena,
		     struct nerr *err)
{
	CLEANUP(strbuf_done) struct strbuf config = STRBUF_INIT;
	int r;

	if (strcmp(keys->kind, KIND) != 0)
		return nerr_set(err, -EINVAL, "key 'kind' must be '%s', not '%s'", KIND,
				keys->kind);
	r = base64_decode(keys->config, &config);
	if (r == 0 && strlen(strbuf_text(&config)) != config.len)
		r = -EINVAL; /* no text */
	if (r < 0)
		return nerr_set(err, r, "key 'config' is no text in base64");
	c->network = keys->network;
	c->attach.container_id = keys->container_id;
	c->attach.ifname = keys->ifname;
	c->attach.netns = keys->netns;
	c->config = config.failed ? NULL : arena_strdup(arena, strbuf_text(&config));
	if (!c->config)
		return nerr_oom(err);
	r = read_args(c, keys->args, arena, err);
	if (r == 0)
		r = read_caps(c, keys->caps, arena, err);
	if (r < 0 || !keys->result)
		return r;
	if (!json_object_is_type(keys->result, json_type_object))
		return nerr_set(err, -EINVAL, "key 'result' must be an object");
	c->result = node_text(arena, keys->result);
	return c->result ? 0 : nerr_oom(err);
}

static int cached_parse(const char *text, size_t len, struct cni_cached **ret, struct nerr *err)
{
	CLEANUP(cni_cached_freep) struct cni_cached *c = calloc(1, sizeof(*c));
	struct file_keys keys = { .netns = "" };
	int r;

	if (!c)
		return nerr_oom(err);
	c->mem = calloc(1, sizeof(*c->mem));
	if (!c->mem)
		return nerr_oom(err);
	r = json_doc_parse(text, len, &c->mem->doc, err);
	if (r == 0)
		r = json_read(c->mem->doc, NULL, "", file_fields, &keys, err);
	if (r == 0)
		r = read_keys(c, &keys, json_doc_arena(c->mem->doc), err);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(c);
	return 0;
}

static int read_file(const char *path, struct cni_cached **ret, struct nerr *err)
{
	CLEANUP(strbuf_done) struct strbuf text = STRBUF_INIT;
	cleanup_close int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	int r;

	if (fd < 0)
		return nerr_set(err, -errno, "cannot open '%s': %m", path);
	r = fd_read_all(fd, CNI_CACHE_LEN_MAX, &text);
	if (r < 0)
		return nerr_set(err, r, "cannot read '%s': %m", path);
	r = cached_parse(strbuf_text(&text), text.len, ret, err);
	return r < 0 ? nerr_ctx(err, "cached result '%s'", path) : 0;
}

int cni_cache_get(const char *dir, const char *network, const char *container_id,
		  const char *ifname, struct cni_cached **ret, struct nerr *err)
{
	CLEANUP(strbuf_done) struct strbuf path = STRBUF_INIT;
	int r;

	r = file_name(dir, network, container_id, ifname, &path, err);
	if (r < 0)
		return r;
	return read_file(path.s, ret, err);
}

int cni_cache_del(const char *dir, const char *network, const char *container_id,
		  const char *ifname, struct nerr *err)
{
	CLEANUP(strbuf_done) struct strbuf path = STRBUF_INIT;
	int r;

	r = file_name(dir, network, container_id, ifname, &path, err);
	if (r < 0)
		return r;
	if (unlink(path.s) < 0 && errno != ENOENT && errno != ENOTDIR)
		return nerr_set(err, -errno, "cannot remove '%s': %m", path.s);
	return 0;
}

static int is_file(const struct dirent *e)
{
	return e->d_type == DT_REG || e->d_type == DT_UNKNOWN;
}

int cni_cache_each(const char *dir, int (*cb)(const struct cni_cached *cached, void *arg),
		   void *arg, struct nerr *err)
{
	CLEANUP(strbuf_done) struct strbuf results = STRBUF_INIT;
	struct dirent **entries = NULL;
	int r = 0;
	int n;

	strbuf_addf(&results, "%s/results", dir);
	if (results.failed)
		return nerr_oom(err);
	n = scandir(results.s, &entries, is_file, alphasort);
	if (n < 0 && (errno == ENOENT || errno == ENOTDIR))
		return 0;
	if (n < 0)
		return nerr_set(err, -errno, "cannot read directory '%s': %m", results.s);
	for (int i = 0; i < n; i++) {
		CLEANUP(cni_cached_freep) struct cni_cached *cached = NULL;
		CLEANUP(strbuf_done) struct strbuf path = STRBUF_INIT;
		struct nerr why = NERR_INIT;

		strbuf_addf(&path, "%s/%s", results.s, entries[i]->d_name);
		free(entries[i]);
		if (r == 0 && path.failed)
			r = nerr_oom(err);
		if (r < 0 || read_file(path.s, &cached, &why) < 0)
			continue;
		r = cb(cached, arg);
	}
	free(entries);
	return r;
}
