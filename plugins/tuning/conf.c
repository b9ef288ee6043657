/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "plugin/conf.h"

#include <errno.h>
#include <inttypes.h>
#include <stddef.h>
#include <string.h>

#include "base/arena.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "base/json_dup.h"
#include "base/str.h"
#include "cni/cni.h"
#include "plugins/tuning/conf_priv.h"

#define TUNING_DATA_DIR "/run/cni/tuning"
#define SYSCTL_ROOT     "net/"
#define SYSCTL_PATH_MAX 512
#define IFNAME_MARK     "IFNAME"

/* "args": {"cni": {...}} overrides the top level. */
struct tuning_args {
	struct tuning_attrs cni;
};

struct tuning_file {
	const char *data_dir;
	struct tuning_attrs attrs;
	struct plugin_mac_args runtime;
	struct tuning_args args;
};

/* clang-format off */
#define A(key, json, type, path, member) \
	{ .name = (key), .kind = (json), .offset = offsetof(type, path member), \
	  .has = JSON_HAS(type, path has_##member) }
#define ATTRS(type, path) \
	A("sysctl", JSON_MAP, type, path, sysctl), \
	A("mac", JSON_STRING, type, path, mac), \
	A("promisc", JSON_BOOL, type, path, promisc), \
	A("mtu", JSON_INT, type, path, mtu), \
	A("txQLen", JSON_INT, type, path, txqlen), \
	A("allmulti", JSON_BOOL, type, path, allmulti)

static const struct json_field attrs_fields[] = {
	ATTRS(struct tuning_attrs, ),
	{ 0 },
};

static const struct json_field args_fields[] = {
	{ .name = "cni", .kind = JSON_OBJECT, .offset = offsetof(struct tuning_args, cni),
	  .sub = attrs_fields },
	{ 0 },
};

static const struct json_field tuning_fields[] = {
	{ .name = "dataDir", .kind = JSON_STRING, .offset = offsetof(struct tuning_file, data_dir) },
	ATTRS(struct tuning_file, attrs.),
	{ .name = "runtimeConfig", .kind = JSON_OBJECT,
	  .offset = offsetof(struct tuning_file, runtime), .sub = plugin_mac_fields },
	{ .name = "args", .kind = JSON_OBJECT, .offset = offsetof(struct tuning_file, args),
	  .sub = args_fields },
	{ 0 },
};
#undef ATTRS
#undef A
/* clang-format on */

/* As sysctl(8) reads a name: whichever separator comes first is the separator. */
static void convert_separators(char *path)
{
	const char *first = strpbrk(path, "./");

	if (!first || *first == '/')
		return;
	for (char *p = path; *p; p++) {
		if (*p == '.')
			*p = '/';
		else if (*p == '/')
			*p = '.';
	}
}

/* Below net/, without a way out of it. */
static bool path_is_net(const char *path)
{
	if (!str_has_prefix(path, SYSCTL_ROOT) || strlen(path) >= SYSCTL_PATH_MAX)
		return false;
	for (const char *p = path; *p;) {
		size_t len = strcspn(p, "/");

		if (len == 0 || (len == 1 && p[0] == '.') || (len == 2 && memcmp(p, "..", 2) == 0))
			return false;
		p += len;
		if (*p == '/' && !*++p)
			return false;
	}
	return true;
}

/* The first IFNAME becomes the interface's name, after the separators are settled:
 * a name may contain dots.
 */
static char *put_ifname(struct arena *arena, const char *text, const char *ifname)
{
	const char *mark = strstr(text, IFNAME_MARK);

	if (!mark)
		return arena_strdup(arena, text);
	return arena_printf(arena, "%.*s%s%s", (int)(mark - text), text, ifname,
			    mark + strlen(IFNAME_MARK));
}

static int read_sysctl(struct cni_call *call, const struct json_pair *pair,
		       struct tuning_sysctl *ret, struct nerr *err)
{
	struct arena *arena = json_doc_arena(call->doc);
	char *path = arena_strdup(arena, pair->key);

	if (!path)
		return nerr_oom(err);
	convert_separators(path);
	ret->path = put_ifname(arena, path, call->ifname);
	ret->key = put_ifname(arena, pair->key, call->ifname);
	ret->value = pair->value;
	if (!ret->path || !ret->key)
		return nerr_oom(err);
	if (!path_is_net(ret->path))
		return nerr_set(err, -EINVAL, "invalid net sysctl key: \"%s\"", ret->path);
	return 0;
}

static int read_sysctls(struct cni_call *call, struct tuning_conf *conf, struct nerr *err)
{
	const struct json_map *map = &conf->attrs.sysctl;

	conf->sysctls = arena_calloc(json_doc_arena(call->doc), map->n, sizeof(*conf->sysctls));
	if (!conf->sysctls)
		return nerr_oom(err);
	for (size_t i = 0; i < map->n; i++) {
		int r = read_sysctl(call, &map->v[i], &conf->sysctls[i], err);

		if (r < 0)
			return r;
	}
	conf->n_sysctls = map->n;
	return 0;
}

/* args.cni wins, key by key; its sysctls are added to those of the top level. */
static int merge_sysctls(struct cni_call *call, struct tuning_attrs *into,
			 const struct tuning_attrs *from, struct nerr *err)
{
	struct json_map *map = &into->sysctl;
	struct json_pair *v;

	if (!from->has_sysctl)
		return 0;
	v = arena_calloc(json_doc_arena(call->doc), map->n + from->sysctl.n, sizeof(*v));
	if (!v)
		return nerr_oom(err);
	if (map->n)
		memcpy(v, map->v, map->n * sizeof(*v));
	map->v = v;
	for (size_t i = 0; i < from->sysctl.n; i++) {
		const struct json_pair *pair = &from->sysctl.v[i];
		size_t k = 0;

		while (k < map->n && strcmp(map->v[k].key, pair->key) != 0)
			k++;
		map->v[k] = *pair;
		if (k == map->n)
			map->n++;
	}
	return 0;
}

static void merge_attrs(struct tuning_attrs *into, const struct tuning_attrs *from)
{
	if (from->has_promisc)
		into->promisc = from->promisc;
	if (from->has_mtu)
		into->mtu = from->mtu;
	if (from->has_txqlen) {
		into->txqlen = from->txqlen;
		into->has_txqlen = true;
	}
	if (from->has_allmulti) {
		into->allmulti = from->allmulti;
		into->has_allmulti = true;
	}
}

static int check_values(const struct tuning_attrs *a, struct nerr *err)
{
	if (a->mtu < 0 || a->mtu > INT32_MAX)
		return nerr_set(err, -EINVAL, "key 'mtu' must not be negative, got %" PRId64,
				a->mtu);
	if (a->has_txqlen && (a->txqlen < 0 || a->txqlen > INT32_MAX))
		return nerr_set(err, -EINVAL, "key 'txQLen' must not be negative, got %" PRId64,
				a->txqlen);
	return 0;
}

/* json-c keeps one of two equal keys without a word, so the text itself is searched. */
static int check_duplicates(struct cni_call *call, struct nerr *err)
{
	static const char *const top[] = { "sysctl", NULL };
	static const char *const args[] = { "args", "cni", "sysctl", NULL };
	struct strbuf key = STRBUF_INIT;
	int r;

	r = json_find_duplicate(call->text, call->text_len, top, &key, err);
	if (r == 0)
		r = json_find_duplicate(call->text, call->text_len, args, &key, err);
	if (r > 0) {
		r = nerr_set(err, -EINVAL, "duplicated sysctl keys are not allowed");
		(void)nerr_details(err, "key \"%s\" is there twice", strbuf_text(&key));
	}
	strbuf_done(&key);
	return r;
}

/* Weakest first: the key "mac", CNI_ARGS, runtimeConfig, args.cni. */
static int read_mac(struct cni_call *call, const struct tuning_file *file, struct tuning_conf *conf,
		    struct nerr *err)
{
	const char *from_args = NULL;
	const struct cni_arg known[] = { { "MAC", &from_args }, { 0 } };
	const char *const order[] = { file->attrs.mac, NULL, file->runtime.mac,
				      file->args.cni.mac };
	int r;

	r = cni_args_parse(call, known, err);
	if (r < 0)
		return r;
	for (size_t i = 0; i < ARRAY_SIZE(order); i++) {
		const char *mac = i == 1 ? from_args : order[i];

		if (mac && *mac)
			conf->mac_text = mac;
	}
	if (conf->mac_text && macaddr_from_str(conf->mac_text, &conf->mac) < 0)
		return nerr_set(err, -EINVAL, "key 'mac': address %s: invalid MAC address",
				conf->mac_text);
	return 0;
}

int tuning_conf_read_del(struct cni_call *call, struct tuning_conf *ret, struct nerr *err)
{
	struct tuning_file file = { .data_dir = TUNING_DATA_DIR };
	int r = json_read(call->doc, NULL, "", tuning_fields, &file, err);

	if (r < 0)
		return nerr_ctx(err, "failed to load netconf");
	*ret = (struct tuning_conf){ .data_dir = *file.data_dir ? file.data_dir : TUNING_DATA_DIR };
	return 0;
}

int tuning_conf_read(struct cni_call *call, struct tuning_conf *ret, struct nerr *err)
{
	struct tuning_file file = { .data_dir = TUNING_DATA_DIR };
	struct tuning_conf conf = { .data_dir = TUNING_DATA_DIR };
	int r;

	r = check_duplicates(call, err);
	if (r < 0)
		return r;
	r = json_read(call->doc, NULL, "", tuning_fields, &file, err);
	if (r < 0)
		return nerr_ctx(err, "failed to load netconf");
	if (*file.data_dir)
		conf.data_dir = file.data_dir;
	conf.attrs = file.attrs;
	r = merge_sysctls(call, &conf.attrs, &file.args.cni, err);
	if (r < 0)
		return r;
	merge_attrs(&conf.attrs, &file.args.cni);
	r = read_mac(call, &file, &conf, err);
	if (r < 0)
		return r;
	r = check_values(&conf.attrs, err);
	if (r < 0)
		return r;
	r = read_sysctls(call, &conf, err);
	if (r < 0)
		return r;
	*ret = conf;
	return 0;
}
