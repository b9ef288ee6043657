/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * backup_priv.h - what an interface was before it was tuned
 *
 * <dataDir>/<container>_<ifname>.json, in the reference suite's format, so that
 * either suite restores what the other changed.  The key "network" is ours: it
 * tells GC whose file it is.
 */
#ifndef PLUGINS_TUNING_BACKUP_PRIV_H
#define PLUGINS_TUNING_BACKUP_PRIV_H

#include <stdbool.h>
#include <stdint.h>

struct cni_call;
struct link_info;
struct nerr;
struct tuning_conf;

/* Attributes that were changed, with their former values. */
struct tuning_backup {
	const char *mac;
	bool promisc;
	int64_t mtu;
	bool allmulti;
	int64_t txqlen;
	const char *network;
	bool has_mac;
	bool has_promisc;
	bool has_mtu;
	bool has_allmulti;
	bool has_txqlen;
};

/* What @conf is about to change of @link. Texts are the call's. */
int backup_take(struct cni_call *call, const struct tuning_conf *conf, const struct link_info *link,
		struct tuning_backup *ret, struct nerr *err);
int backup_write(struct cni_call *call, const struct tuning_conf *conf,
		 const struct tuning_backup *backup, struct nerr *err);
/* -ENOENT when there is none, -EBADMSG when it is none. Texts are the call's. */
int backup_read(struct cni_call *call, const struct tuning_conf *conf, struct tuning_backup *ret,
		struct nerr *err);
/* Missing is success. */
int backup_remove(struct cni_call *call, const struct tuning_conf *conf, struct nerr *err);

/* Remove the backups of this network's attachments that are not valid. */
int backup_gc(struct cni_call *call, const struct tuning_conf *conf, struct nerr *err);

#endif /* PLUGINS_TUNING_BACKUP_PRIV_H */
