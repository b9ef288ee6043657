/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <net/if.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "base/fd.h"
#include "base/json_out.h"
#include "base/json_table.h"
#include "base/str.h"
#include "cni/cni.h"
#include "netlink/link.h"
#include "plugins/tuning/backup_priv.h"
#include "plugins/tuning/conf_priv.h"

#define BACKUP_LEN_MAX 4096

/* clang-format off */
#define B(key, json, member) \
	{ .name = (key), .kind = (json), .offset = offsetof(struct tuning_backup, member), \
	  .has = JSON_HAS(struct tuning_backup, has_##member) }
static const struct json_field backup_fields[] = {
	B("mac", JSON_STRING, mac),
	B("promisc", JSON_BOOL, promisc),
	B("mtu", JSON_INT, mtu),
	B("allmulti", JSON_BOOL, allmulti),
	B("txQLen", JSON_INT, txqlen),
	{ .name = "network", .kind = JSON_STRING, .offset = offsetof(struct tuning_backup, network) },
	{ 0 },
};
#undef B
/* clang-format on */

/* The container id and the interface's name contain no slash: the protocol's checks. */
static const char *backup_path(struct cni_call *call, const struct tuning_conf *conf,
			       struct nerr *err)
{
	const char *path = arena_printf(json_doc_arena(call->doc), "%s/%s_%s.json", conf->data_dir,
					call->container_id, call->ifname);

	if (!path)
		(void)nerr_oom(err);
	return path;
}

int backup_take(struct cni_call *call, const struct tuning_conf *conf, const struct link_info *link,
		struct tuning_backup *ret, struct nerr *err)
{
	const struct tuning_attrs *a = &conf->attrs;
	struct tuning_backup backup = {
		.promisc = link->flags & IFF_PROMISC,
		.mtu = link->mtu,
		.allmulti = link->flags & IFF_ALLMULTI,
		.txqlen = link->txqlen,
		.network = call->net_name,
		.has_mac = conf->mac.len != 0,
		.has_promisc = a->promisc,
		.has_mtu = a->mtu != 0,
		.has_allmulti = a->has_allmulti,
		.has_txqlen = a->has_txqlen,
	};
	char mac[MACADDR_STR_LEN];

	backup.mac = arena_strdup(json_doc_arena(call->doc), macaddr_to_str(&link->mac, mac));
	if (!backup.mac)
		return nerr_oom(err);
	*ret = backup;
	return 0;
}

static void print_backup(struct json_out *o, const struct tuning_backup *backup)
{
	json_out_object(o, NULL);
	if (backup->has_mac)
		json_out_string(o, "mac", backup->mac);
	if (backup->has_promisc)
		json_out_bool(o, "promisc", backup->promisc);
	if (backup->has_mtu)
		json_out_int(o, "mtu", backup->mtu);
	if (backup->has_allmulti)
		json_out_bool(o, "allmulti", backup->allmulti);
	if (backup->has_txqlen)
		json_out_int(o, "txQLen", backup->txqlen);
	json_out_string(o, "network", backup->network);
	json_out_end(o);
}

int backup_write(struct cni_call *call, const struct tuning_conf *conf,
		 const struct tuning_backup *backup, struct nerr *err)
{
	struct json_out o = JSON_OUT_INIT(1);
	const char *path = backup_path(call, conf, err);
	int fd;
	int r;

	if (!path)
		return -ENOMEM;
	r = dir_make_all(conf->data_dir, 0700);
	if (r < 0)
		return nerr_set(err, r, "failed to create data directory '%s': %m", conf->data_dir);
	print_backup(&o, backup);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		r = nerr_set(err, -errno, "failed to save '%s': %m", path);
	else if (o.buf.failed)
		r = nerr_oom(err);
	else {
		r = fd_write_all(fd, o.buf.s, o.buf.len);
		if (r < 0)
			(void)nerr_set(err, r, "failed to save '%s': %m", path);
	}
	if (fd >= 0) {
		(void)close(fd);
		if (r < 0)
			(void)unlink(path); /* half a backup is none */
	}
	strbuf_done(&o.buf);
	return r;
}

static int read_text(const char *path, struct strbuf *ret, struct nerr *err)
{
	cleanup_close int fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	int r;

	if (fd < 0)
		return nerr_set(err, -errno, "cannot open '%s': %m", path);
	r = fd_read_all(fd, BACKUP_LEN_MAX, ret);
	return r < 0 ? nerr_set(err, r, "cannot read '%s': %m", path) : 0;
}

/* Read a backup's file; texts are @doc's.  -EBADMSG: it is no backup, or part of one. */
static int read_file(const char *path, struct json_doc **doc, struct tuning_backup *ret,
		     struct nerr *err)
{
	struct tuning_backup backup = { .mac = NULL };
	struct strbuf text = STRBUF_INIT;
	int r;

	r = read_text(path, &text, err);
	if (r < 0) {
		strbuf_done(&text);
		return r;
	}
	r = json_doc_parse(strbuf_text(&text), text.len, doc, err);
	strbuf_done(&text);
	if (r == 0)
		r = json_read(*doc, NULL, "", backup_fields, &backup, err);
	if (r < 0)
		return r == -ENOMEM ? r : nerr_set(err, -EBADMSG, "'%s' is no backup", path);
	*ret = backup;
	return 0;
}

int backup_read(struct cni_call *call, const struct tuning_conf *conf, struct tuning_backup *ret,
		struct nerr *err)
{
	struct json_doc *doc = NULL;
	const char *path = backup_path(call, conf, err);
	int r;

	if (!path)
		return -ENOMEM;
	r = read_file(path, &doc, ret, err);
	if (r == 0) {
		ret->network = NULL;
		ret->mac = ret->has_mac ? arena_strdup(json_doc_arena(call->doc), ret->mac) : NULL;
		if (ret->has_mac && !ret->mac)
			r = nerr_oom(err);
	}
	json_doc_free(doc);
	return r;
}

int backup_remove(struct cni_call *call, const struct tuning_conf *conf, struct nerr *err)
{
	const char *path = backup_path(call, conf, err);

	if (!path)
		return -ENOMEM;
	if (unlink(path) < 0 && errno != ENOENT)
		return nerr_set(err, -errno, "cannot remove '%s': %m", path);
	return 0;
}

static bool is_valid_name(const struct cni_call *call, const char *name)
{
	char want[NAME_MAX + 1];

	for (size_t i = 0; i < call->n_valid; i++) {
		(void)snprintf(want, sizeof(want), "%s_%s.json", call->valid[i].container_id,
			       call->valid[i].ifname);
		if (strcmp(want, name) == 0)
			return true;
	}
	return false;
}

/* Files that are no backups, and those of other networks, are left alone. */
static bool is_garbage(const struct cni_call *call, const char *name, const char *path)
{
	struct tuning_backup backup;
	struct json_doc *doc = NULL;
	size_t len = strlen(name);
	bool ours;

	if (len < strlen(".json") || strcmp(name + len - strlen(".json"), ".json") != 0)
		return false;
	ours = read_file(path, &doc, &backup, NULL) == 0 && backup.network &&
	       strcmp(backup.network, call->net_name) == 0;
	json_doc_free(doc);
	return ours && !is_valid_name(call, name);
}

int backup_gc(struct cni_call *call, const struct tuning_conf *conf, struct nerr *err)
{
	DIR *dir = opendir(conf->data_dir);
	struct dirent *entry;
	int r = 0;

	if (!dir)
		return errno == ENOENT ? 0
				       : nerr_set(err, -errno, "cannot open directory '%s': %m",
						  conf->data_dir);
	while ((entry = readdir(dir))) {
		const char *path = arena_printf(json_doc_arena(call->doc), "%s/%s", conf->data_dir,
						entry->d_name);

		if (!path) {
			r = nerr_oom(err);
			break;
		}
		if (is_garbage(call, entry->d_name, path) && unlink(path) < 0 && errno != ENOENT)
			r = nerr_set(err, -errno, "cannot remove '%s': %m", path);
	}
	(void)closedir(dir);
	return r;
}
