/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cni/conflist.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include <json-c/json_object.h>
#include <json-c/linkhash.h>

#include "base/arena.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "base/fd.h"
#include "base/json_table.h"
#include "base/str.h"
#include "cni/cni_priv.h"
#include "cni/json_text.h"
#include "cni/version.h"

/* One document for the file, one for each of the folder's. */
#define DOCS_MAX (1 + CNI_CONF_PLUGINS_MAX)

struct cni_conflist_mem {
	struct arena arena;
	struct json_doc *docs[DOCS_MAX];
	size_t n_docs;
};

void cni_conflist_free(struct cni_conflist *list)
{
	if (!list)
		return;
	if (list->mem) {
		for (size_t i = 0; i < list->mem->n_docs; i++)
			json_doc_free(list->mem->docs[i]);
		arena_done(&list->mem->arena);
		free(list->mem);
	}
	free(list);
}
DEFINE_CLEANUP(struct cni_conflist *, cni_conflist_free);

static struct cni_conflist *conflist_new(void)
{
	struct cni_conflist *list = calloc(1, sizeof(*list));

	if (!list)
		return NULL;
	list->mem = calloc(1, sizeof(*list->mem));
	if (list->mem)
		list->plugins = arena_calloc(&list->mem->arena, CNI_CONF_PLUGINS_MAX,
					     sizeof(*list->plugins));
	if (!list->plugins) {
		cni_conflist_free(list);
		return NULL;
	}
	return list;
}

/* Parse text into a document that belongs to the list. */
static int add_doc(struct cni_conflist *list, const char *text, size_t len, struct json_doc **ret,
		   struct nerr *err)
{
	int r;

	assert(list->mem->n_docs < DOCS_MAX);
	r = json_doc_parse(text, len, ret, err);
	if (r == 0)
		list->mem->docs[list->mem->n_docs++] = *ret;
	return r;
}

/* --- versions --- */

/* A version that is not above ours and not below the best so far becomes the best. */
static int consider_version(const char *version, const char **best, struct nerr *err)
{
	int r;

	r = cni_version_at_least(CNI_VERSION_CURRENT, version, err);
	if (r > 0 && *best)
		r = cni_version_at_least(version, *best, err);
	if (r > 0)
		*best = version;
	return r < 0 ? nerr_ctx(err, "version '%s'", version) : 0;
}

static int choose_version(const char *version, const struct json_strings *versions,
			  const char **ret, struct nerr *err)
{
	const char *best = NULL;
	int r = 0;

	for (size_t i = 0; i < versions->n && r == 0; i++)
		r = consider_version(versions->v[i], &best, err);
	if (r == 0 && versions->n && *version)
		r = consider_version(version, &best, err);
	if (r < 0)
		return r;
	*ret = best ? best : version;
	return 0;
}

/* --- plugins --- */

struct plugin_keys {
	const char *type;
	const char *name;
	struct json_object *capabilities;
};

static const struct json_field plugin_fields[] = {
	{ .name = "type",
	  .kind = JSON_STRING,
	  .offset = offsetof(struct plugin_keys, type),
	  .required = true },
	{ .name = "name", .kind = JSON_STRING, .offset = offsetof(struct plugin_keys, name) },
	{ .name = "capabilities",
	  .kind = JSON_NODE,
	  .offset = offsetof(struct plugin_keys, capabilities) },
	{ 0 },
};

static int check_capabilities(struct json_object *caps, const char *path, struct nerr *err)
{
	if (!caps)
		return 0;
	if (!json_object_is_type(caps, json_type_object))
		return nerr_set(err, -EINVAL, "key '%s%scapabilities' must be an object", path,
				*path ? "." : "");
	json_object_object_foreach(caps, key, value)
	{
		if (!json_object_is_type(value, json_type_boolean) &&
		    !json_object_is_type(value, json_type_null))
			return nerr_set(err, -EINVAL, "key '%s%scapabilities.%s' must be a boolean",
					path, *path ? "." : "", key);
	}
	return 0;
}

static int add_plugin(struct cni_conflist *list, struct json_doc *doc, struct json_object *conf,
		      const char *path, struct nerr *err)
{
	struct plugin_keys keys = { .name = "" };
	int r;

	if (list->n_plugins == CNI_CONF_PLUGINS_MAX)
		return nerr_set(err, -E2BIG, "more than %d plugins", CNI_CONF_PLUGINS_MAX);
	if (!json_object_is_type(conf, json_type_object))
		return nerr_set(err, -EINVAL, "key '%s' must be an object", path);
	r = json_read(doc, conf, path, plugin_fields, &keys, err);
	if (r == 0)
		r = check_capabilities(keys.capabilities, path, err);
	if (r < 0)
		return r;
	if (strchr(keys.type, '/'))
		return nerr_set(err, -EINVAL, "invalid plugin name: %s", keys.type);
	list->plugins[list->n_plugins++] = (struct cni_conf_plugin){
		.type = keys.type,
		.name = keys.name,
		.conf = conf,
	};
	return 0;
}

static int add_plugins(struct cni_conflist *list, struct json_doc *doc, struct json_object *array,
		       struct nerr *err)
{
	size_t n;

	if (!json_object_is_type(array, json_type_array))
		return nerr_set(err, -EINVAL, "key 'plugins' must be an array");
	n = json_object_array_length(array);
	if (!n)
		return nerr_set(err, -EINVAL, "no plugins in list");
	for (size_t i = 0; i < n; i++) {
		CLEANUP(strbuf_done) struct strbuf path = STRBUF_INIT;
		int r;

		strbuf_addf(&path, "plugins[%zu]", i);
		if (path.failed)
			return nerr_oom(err);
		r = add_plugin(list, doc, json_object_array_get_idx(array, i), path.s, err);
		if (r < 0)
			return r;
	}
	return 0;
}

/* --- lists --- */

struct list_keys {
	const char *name;
	const char *version;
	struct json_strings versions;
	struct json_object *disable_check;
	struct json_object *disable_gc;
	struct json_object *inlined_only;
	struct json_object *plugins;
	struct json_object *type;
};

#define KEY(key, json_kind, member)                                                                \
	{                                                                                          \
		.name = (key), .kind = (json_kind), .offset = offsetof(struct list_keys, member)   \
	}

static const struct json_field list_fields[] = {
	KEY("name", JSON_STRING, name),
	KEY("cniVersion", JSON_STRING, version),
	KEY("cniVersions", JSON_STRINGS, versions),
	KEY("disableCheck", JSON_NODE, disable_check),
	KEY("disableGC", JSON_NODE, disable_gc),
	KEY("loadOnlyInlinedPlugins", JSON_NODE, inlined_only),
	KEY("plugins", JSON_NODE, plugins),
	KEY("type", JSON_NODE, type),
	{ 0 },
};

/* A boolean, or the text of one: both have been in use. */
static int read_switch(struct json_object *node, const char *key, bool *ret, struct nerr *err)
{
	const char *text;

	if (json_object_is_type(node, json_type_boolean)) {
		*ret = json_object_get_boolean(node);
		return 0;
	}
	if (!node)
		return 0;
	if (!json_object_is_type(node, json_type_string))
		return nerr_set(err, -EINVAL, "key '%s' must be a boolean", key);
	text = json_object_get_string(node);
	*ret = str_eq_nocase(text, "true");
	if (!*ret && !str_eq_nocase(text, "false"))
		return nerr_set(err, -EINVAL, "key '%s' must be true or false, not '%s'", key,
				text);
	return 0;
}

static int read_switches(struct cni_conflist *list, const struct list_keys *keys, struct nerr *err)
{
	int r;

	r = read_switch(keys->disable_check, "disableCheck", &list->disable_check, err);
	if (r == 0)
		r = read_switch(keys->disable_gc, "disableGC", &list->disable_gc, err);
	if (r == 0)
		r = read_switch(keys->inlined_only, "loadOnlyInlinedPlugins", &list->inlined_only,
				err);
	if (r == 0 && list->inlined_only && !keys->plugins)
		r = nerr_set(err, -EINVAL,
			     "'loadOnlyInlinedPlugins' is true, and no key 'plugins'");
	return r;
}

/* The text that goes into the cache: a list that says all the network is. */
static int print_list(struct cni_conflist *list, bool inlined_only, struct nerr *err)
{
	CLEANUP(strbuf_done) struct strbuf text = STRBUF_INIT;

	strbuf_add(&text, "{\"cniVersion\":");
	cni_json_string(list->version, &text);
	if (list->disable_check)
		strbuf_add(&text, ",\"disableCheck\":true");
	if (list->disable_gc)
		strbuf_add(&text, ",\"disableGC\":true");
	if (inlined_only)
		strbuf_add(&text, ",\"loadOnlyInlinedPlugins\":true");
	strbuf_add(&text, ",\"name\":");
	cni_json_string(list->name, &text);
	strbuf_add(&text, ",\"plugins\":");
	for (size_t i = 0; i < list->n_plugins; i++) {
		strbuf_add(&text, i ? "," : "[");
		cni_json_text(list->plugins[i].conf, &text);
	}
	strbuf_add(&text, "]}");
	list->text = text.failed ? NULL : arena_strdup(&list->mem->arena, text.s);
	return list->text ? 0 : nerr_oom(err);
}

static int keep_text(struct cni_conflist *list, const char *text, size_t len, struct nerr *err)
{
	char *copy = arena_alloc(&list->mem->arena, len + 1);

	if (!copy)
		return nerr_oom(err);
	memcpy(copy, text, len);
	list->text = copy;
	return 0;
}

/* All but the check that there is a plugin at all: a folder may bring some. */
static int parse_list(struct cni_conflist *list, const char *text, size_t len, struct nerr *err)
{
	struct list_keys keys = { .name = "", .version = "" };
	struct json_doc *doc;
	int r;

	r = add_doc(list, text, len, &doc, err);
	if (r == 0)
		r = json_read(doc, NULL, "", list_fields, &keys, err);
	if (r < 0)
		return r;
	if (!*keys.name)
		return nerr_set(err, -EINVAL, "missing network name");
	if (!cni_name_is_valid(keys.name))
		return nerr_set(err, -EINVAL, "invalid characters found in network name '%s'",
				keys.name);
	list->name = keys.name;
	r = choose_version(keys.version, &keys.versions, &list->version, err);
	if (r == 0)
		r = read_switches(list, &keys, err);
	if (r < 0)
		return r;
	if (keys.plugins) {
		r = add_plugins(list, doc, keys.plugins, err);
		return r == 0 ? keep_text(list, text, len, err) : r;
	}
	if (!keys.type)
		return keep_text(list, text, len, err);
	list->inlined_only = true;
	r = add_plugin(list, doc, json_doc_root(doc), "", err);
	return r == 0 ? print_list(list, false, err) : r;
}

int cni_conflist_parse(const char *text, size_t len, struct cni_conflist **ret, struct nerr *err)
{
	CLEANUP(cni_conflist_freep) struct cni_conflist *list = conflist_new();
	int r;

	if (!list)
		return nerr_oom(err);
	r = parse_list(list, text, len, err);
	if (r == 0 && !list->n_plugins)
		r = nerr_set(err, -EINVAL, "neither 'plugins' nor 'type' is given");
	if (r < 0)
		return r;
	*ret = TAKE_PTR(list);
	return 0;
}

/* --- files --- */

static int read_text(const char *path, struct strbuf *ret, struct nerr *err)
{
	cleanup_close int fd = open(path, O_RDONLY | O_CLOEXEC);
	int r;

	if (fd < 0)
		return nerr_set(err, -errno, "cannot open '%s': %m", path);
	r = fd_read_all(fd, CNI_CONF_LEN_MAX, ret);
	if (r < 0)
		return nerr_set(err, r, "cannot read '%s': %m", path);
	return 0;
}

static bool has_extension(const char *name, const char *const *extensions)
{
	const char *dot = strrchr(name, '.');

	for (; dot && *extensions; extensions++)
		if (strcmp(dot, *extensions) == 0)
			return true;
	return false;
}

/**
 * list_files() - Files of a directory that have one of some extensions
 * @extensions:	".conf" ..., ends with NULL
 * @ret:	Names in order
 *
 * A directory that does not exist has none.
 */
static int list_files(struct arena *arena, const char *dir, const char *const *extensions,
		      struct json_strings *ret, struct nerr *err)
{
	struct dirent **entries = NULL;
	int r = 0;
	int n;

	*ret = (struct json_strings){ 0 };
	n = scandir(dir, &entries, NULL, alphasort);
	if (n < 0 && errno == ENOENT)
		return 0;
	if (n < 0)
		return nerr_set(err, -errno, "cannot read directory '%s': %m", dir);
	ret->v = arena_calloc(arena, (size_t)n + 1, sizeof(*ret->v));
	if (!ret->v)
		r = nerr_oom(err);
	for (int i = 0; i < n; i++) {
		const struct dirent *e = entries[i];

		if (r == 0 && e->d_type != DT_DIR && has_extension(e->d_name, extensions)) {
			ret->v[ret->n] = arena_strdup(arena, e->d_name);
			if (!ret->v[ret->n++])
				r = nerr_oom(err);
		}
		free(entries[i]);
	}
	free(entries);
	return r;
}

static int add_plugin_file(struct cni_conflist *list, const char *path, struct nerr *err)
{
	CLEANUP(strbuf_done) struct strbuf text = STRBUF_INIT;
	struct json_doc *doc;
	int r;

	if (list->mem->n_docs == DOCS_MAX)
		return nerr_set(err, -E2BIG, "more than %d plugins", CNI_CONF_PLUGINS_MAX);
	r = read_text(path, &text, err);
	if (r < 0)
		return r;
	r = add_doc(list, strbuf_text(&text), text.len, &doc, err);
	if (r == 0)
		r = add_plugin(list, doc, json_doc_root(doc), "", err);
	return r < 0 ? nerr_ctx(err, "file '%s'", path) : 0;
}

/* Plugins in files of the folder that has the network's name. */
static int add_folder(struct cni_conflist *list, const char *path, struct nerr *err)
{
	static const char *const extensions[] = { ".conf", NULL };
	const char *slash = strrchr(path, '/');
	struct arena *arena = &list->mem->arena;
	struct json_strings files;
	const char *dir;
	int r;

	dir = arena_printf(arena, "%.*s%s", slash ? (int)(slash - path + 1) : 0, path, list->name);
	if (!dir)
		return nerr_oom(err);
	r = list_files(arena, dir, extensions, &files, err);
	for (size_t i = 0; i < files.n && r == 0; i++) {
		const char *file = arena_printf(arena, "%s/%s", dir, files.v[i]);

		r = file ? add_plugin_file(list, file, err) : nerr_oom(err);
	}
	if (r == 0 && files.n)
		r = print_list(list, true, err);
	return r;
}

int cni_conflist_read(const char *path, struct cni_conflist **ret, struct nerr *err)
{
	CLEANUP(cni_conflist_freep) struct cni_conflist *list = conflist_new();
	CLEANUP(strbuf_done) struct strbuf text = STRBUF_INIT;
	int r;

	if (!list)
		return nerr_oom(err);
	r = read_text(path, &text, err);
	if (r < 0)
		return r;
	r = parse_list(list, strbuf_text(&text), text.len, err);
	if (r == 0 && !list->inlined_only)
		r = add_folder(list, path, err);
	if (r == 0 && !list->n_plugins)
		r = nerr_set(err, -EINVAL, "neither 'plugins' nor 'type' is given");
	if (r < 0)
		return nerr_ctx(err, "network configuration '%s'", path);
	*ret = TAKE_PTR(list);
	return 0;
}

/* The first of @files that is network @name. 1 found, 0 not, negative errno only for OOM.
 * The first file that cannot be read is described in @broken.
 */
static int find_in(struct arena *arena, const char *dir, const struct json_strings *files,
		   const char *name, struct cni_conflist **ret, struct nerr *broken)
{
	for (size_t i = 0; i < files->n; i++) {
		CLEANUP(cni_conflist_freep) struct cni_conflist *list = NULL;
		const char *path = arena_printf(arena, "%s/%s", dir, files->v[i]);
		struct nerr err = NERR_INIT;
		int r;

		if (!path)
			return -ENOMEM;
		r = cni_conflist_read(path, &list, &err);
		if (r == -ENOMEM)
			return r;
		if (r < 0 && !broken->code)
			*broken = err;
		if (r == 0 && strcmp(list->name, name) == 0) {
			*ret = TAKE_PTR(list);
			return 1;
		}
	}
	return 0;
}

int cni_conflist_find(const char *dir, const char *name, struct cni_conflist **ret,
		      struct nerr *err)
{
	static const char *const kinds[2][3] = { { ".conflist", NULL },
						 { ".conf", ".json", NULL } };
	CLEANUP(arena_done) struct arena arena = ARENA_INIT;
	struct nerr broken = NERR_INIT;

	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		struct json_strings files;
		int r;

		r = list_files(&arena, dir, kinds[i], &files, err);
		if (r < 0)
			return r;
		r = find_in(&arena, dir, &files, name, ret, &broken);
		if (r < 0)
			return nerr_oom(err);
		if (r > 0)
			return 0;
	}
	if (broken.code)
		return nerr_set(err, -ENOENT, "no network '%s' in '%s' (%s)", name, dir,
				broken.msg);
	return nerr_set(err, -ENOENT, "no network '%s' in '%s'", name, dir);
}

/* --- requests --- */

static bool plugin_can(const struct cni_conf_plugin *plugin, const char *capability)
{
	struct json_object *caps = json_member(plugin->conf, "capabilities");
	struct json_object *can;

	return caps && json_object_object_get_ex(caps, capability, &can) &&
	       json_object_get_boolean(can);
}

bool cni_conflist_can(const struct cni_conflist *list, int i, const char *capability)
{
	if (i >= 0)
		return plugin_can(&list->plugins[i], capability);
	for (size_t k = 0; k < list->n_plugins; k++)
		if (plugin_can(&list->plugins[k], capability))
			return true;
	return false;
}

/* A member of a request: of the configuration, or with its text ready. */
struct member {
	const char *key;
	const char *text;
	struct json_object *node;
};

static int member_cmp(const void *a, const void *b)
{
	const struct member *x = a;
	const struct member *y = b;

	return strcmp(x->key, y->key);
}

/* Keys that are put in, in a fixed order. */
enum {
	KEY_NAME,
	KEY_VERSION,
	KEY_PREV,
	KEY_RUNTIME,
	KEY_VALID,
	KEY_VALID_DRAFT,
	N_INJECTED
};

/* A key of the configuration that is spelled as one that is put in, in any case, goes:
 * a plugin that reads keys without regard to case might take it for ours.
 */
static bool is_injected(const char *key, const struct member *injected)
{
	for (size_t i = 0; i < N_INJECTED; i++)
		if (injected[i].text && str_eq_nocase(key, injected[i].key))
			return true;
	return false;
}

static void print_members(struct member *m, size_t n, struct strbuf *ret)
{
	qsort(m, n, sizeof(*m), member_cmp);
	strbuf_add(ret, "{");
	for (size_t i = 0; i < n; i++) {
		if (i)
			strbuf_add(ret, ",");
		cni_json_string(m[i].key, ret);
		strbuf_add(ret, ":");
		if (m[i].text)
			strbuf_add(ret, m[i].text);
		else
			cni_json_text(m[i].node, ret);
	}
	strbuf_add(ret, "}");
}

/* "" when the plugin declares nothing of what there is. */
static void print_runtime_config(const struct cni_conf_plugin *plugin,
				 const struct cni_request *req, struct strbuf *ret)
{
	cleanup_free struct member *m = calloc(req->n_caps + 1, sizeof(*m));
	size_t n = 0;

	if (!m) {
		ret->failed = true;
		return;
	}
	for (size_t i = 0; i < req->n_caps; i++) {
		if (!plugin_can(plugin, req->caps[i].name))
			continue;
		m[n].key = req->caps[i].name;
		m[n++].text = req->caps[i].json;
	}
	if (n)
		print_members(m, n, ret);
}

int cni_conflist_request(const struct cni_conflist *list, size_t i, const struct cni_request *req,
			 struct strbuf *ret, struct nerr *err)
{
	CLEANUP(strbuf_done) struct strbuf name = STRBUF_INIT;
	CLEANUP(strbuf_done) struct strbuf version = STRBUF_INIT;
	CLEANUP(strbuf_done) struct strbuf runtime = STRBUF_INIT;
	struct member injected[N_INJECTED] = {
		[KEY_NAME] = { .key = "name" },
		[KEY_VERSION] = { .key = "cniVersion" },
		[KEY_PREV] = { .key = "prevResult", .text = req->prev_result },
		[KEY_RUNTIME] = { .key = "runtimeConfig" },
		[KEY_VALID] = { .key = "cni.dev/valid-attachments", .text = req->valid },
		[KEY_VALID_DRAFT] = { .key = "cni.dev/attachments", .text = req->valid },
	};
	struct json_object *conf = list->plugins[i].conf;
	cleanup_free struct member *m = NULL;
	size_t n = 0;

	assert(i < list->n_plugins);
	cni_json_string(list->name, &name);
	cni_json_string(list->version, &version);
	print_runtime_config(&list->plugins[i], req, &runtime);
	m = calloc((size_t)json_object_object_length(conf) + N_INJECTED, sizeof(*m));
	if (!m || name.failed || version.failed || runtime.failed)
		return nerr_oom(err);
	injected[KEY_NAME].text = name.s;
	injected[KEY_VERSION].text = version.s;
	injected[KEY_RUNTIME].text = runtime.s;
	json_object_object_foreach(conf, key, value)
	{
		if (!is_injected(key, injected))
			m[n++] = (struct member){ .key = key, .node = value };
	}
	for (size_t k = 0; k < N_INJECTED; k++)
		if (injected[k].text)
			m[n++] = injected[k];
	print_members(m, n, ret);
	return ret->failed ? nerr_oom(err) : 0;
}
