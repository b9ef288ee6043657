/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * tuning.c - CNI plugin "tuning"
 *
 * ADD checks everything first, then changes the interface, last the sysctls, so
 * that what is hardest to take back is done when nothing can fail any more.  The
 * former attributes are saved before they change, and DEL restores them: the
 * interface may outlive the attachment (one that was moved in by host-device).
 */
#include "plugins/tuning/tuning.h"

#include <net/if.h>

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/undo.h"
#include "netlink/link.h"
#include "netlink/nlsock.h"
#include "plugin/nets.h"
#include "plugins/tuning/backup_priv.h"
#include "plugins/tuning/conf_priv.h"
#include "plugins/tuning/sysctls_priv.h"
#include "sandbox/netns.h"

/* An ADD on its way. */
struct tuning_add {
	struct cni_call *call;
	struct tuning_conf conf;
	struct plugin_nets nets;
	struct link_info link;
	struct tuning_backup backup;
};

static int run_set_sysctls(void *arg, struct nerr *err)
{
	return sysctls_set(arg, err);
}

static int run_check_sysctls(void *arg, struct nerr *err)
{
	return sysctls_check(arg, err);
}

/* Put the link as the backup says, in the reference suite's order. */
static int restore_link(struct cni_call *call, struct plugin_nets *nets,
			const struct tuning_backup *backup, struct nerr *err)
{
	struct macaddr mac;
	struct link_info li;
	int r;

	r = link_get(nets->cont, call->ifname, &li, err);
	if (r < 0)
		return r;
	if (backup->has_mtu && backup->mtu > 0 && backup->mtu <= UINT32_MAX)
		link_put_mtu(nets->cont, li.ifindex, li.name, (uint32_t)backup->mtu);
	if (backup->has_mac && macaddr_from_str(backup->mac, &mac) == 0)
		link_put_mac(nets->cont, li.ifindex, li.name, &mac);
	if (backup->has_promisc)
		link_put_promisc(nets->cont, li.ifindex, li.name, backup->promisc);
	if (backup->has_allmulti)
		link_put_allmulti(nets->cont, li.ifindex, li.name, backup->allmulti);
	if (backup->has_txqlen && backup->txqlen >= 0 && backup->txqlen <= UINT32_MAX)
		link_put_txqlen(nets->cont, li.ifindex, li.name, (uint32_t)backup->txqlen);
	return nlsock_commit(nets->cont, err);
}

/* What cannot be restored now keeps its backup for DEL. */
static void undo_link(void *arg)
{
	struct tuning_add *add = arg;
	struct nerr err = NERR_INIT;
	int r;

	nlsock_reset(add->nets.cont);
	r = restore_link(add->call, &add->nets, &add->backup, &err);
	if (r == 0 || r == -ENODEV)
		r = backup_remove(add->call, &add->conf, &err);
	if (r < 0)
		(void)fprintf(stderr, "cannot restore interface '%s': %s\n", add->call->ifname,
			      err.msg);
}

static int set_link(struct tuning_add *add, struct undo *undo, struct nerr *err)
{
	const struct tuning_attrs *a = &add->conf.attrs;
	struct nlsock *nl = add->nets.cont;
	const struct link_info *li = &add->link;
	int r;

	if (!tuning_conf_has_link(&add->conf))
		return 0;
	r = backup_take(add->call, &add->conf, li, &add->backup, err);
	if (r == 0)
		r = backup_write(add->call, &add->conf, &add->backup, err);
	if (r < 0)
		return r;
	undo_push(undo, undo_link, add);
	if (add->conf.mac.len)
		link_put_mac(nl, li->ifindex, li->name, &add->conf.mac);
	if (a->promisc)
		link_put_promisc(nl, li->ifindex, li->name, true);
	if (a->mtu)
		link_put_mtu(nl, li->ifindex, li->name, (uint32_t)a->mtu);
	if (a->has_allmulti)
		link_put_allmulti(nl, li->ifindex, li->name, a->allmulti);
	if (a->has_txqlen)
		link_put_txqlen(nl, li->ifindex, li->name, (uint32_t)a->txqlen);
	return nlsock_commit(nl, err);
}

/* Most networks tune nothing: podman puts the plugin into every one. */
static bool has_work(const struct tuning_conf *conf)
{
	return conf->n_sysctls || tuning_conf_has_link(conf);
}

static void tuning_add_done(struct tuning_add *add)
{
	plugin_nets_done(&add->nets);
}

static int tuning_add(struct cni_call *call, struct nerr *err)
{
	/* Closed after the undo steps, which still need the sockets. */
	CLEANUP(tuning_add_done) struct tuning_add add = { .call = call, .nets = PLUGIN_NETS_INIT };
	CLEANUP(undo_run) struct undo undo = UNDO_INIT;
	int r;

	r = tuning_conf_read(call, &add.conf, err);
	if (r < 0)
		return r;
	if (!call->prev)
		return nerr_set(err, -EINVAL, "Required prevResult missing");
	r = sysctls_check_allowed(&add.conf, err);
	if (r < 0)
		return r;
	if (has_work(&add.conf)) {
		r = plugin_nets_open(&add.nets, call->netns, err);
		if (r < 0)
			return r;
	}
	if (tuning_conf_has_link(&add.conf)) {
		r = link_get(add.nets.cont, call->ifname, &add.link, err);
		if (r < 0)
			return nerr_ctx(err, "failed to get \"%s\"", call->ifname);
	}
	r = set_link(&add, &undo, err);
	if (r < 0)
		return r;
	if (add.conf.n_sysctls) {
		r = netns_run_in(add.nets.cont_ns, run_set_sysctls, &add.conf, err);
		if (r < 0)
			return r;
	}
	call->result = *call->prev;
	for (size_t i = 0; add.conf.mac.len && i < call->result.n_interfaces; i++)
		if (strcmp(call->result.interfaces[i].name, call->ifname) == 0)
			call->result.interfaces[i].mac = add.conf.mac_text;
	undo_commit(&undo);
	return 0;
}

/* Refused, as opposed to not done for want of something: it would be refused again. */
static bool is_refusal(int r)
{
	return r == -EINVAL || r == -ERANGE || r == -EBUSY || r == -EOPNOTSUPP ||
	       r == -EADDRNOTAVAIL;
}

/* As a rule the namespace or the interface has gone before us. */
static int restore_if_there(struct cni_call *call, const struct tuning_backup *backup,
			    struct nerr *err)
{
	CLEANUP(plugin_nets_done) struct plugin_nets nets = PLUGIN_NETS_INIT;
	int r = plugin_nets_open_del(&nets, call->netns, err);

	if (r < 0 || !nets.cont)
		return r;
	r = restore_link(call, &nets, backup, err);
	return r == -ENODEV || is_refusal(r) ? 0 : r;
}

static int tuning_del(struct cni_call *call, struct nerr *err)
{
	struct tuning_backup backup;
	struct tuning_conf conf;
	int r;

	r = tuning_conf_read_del(call, &conf, err);
	if (r < 0)
		return r;
	r = backup_read(call, &conf, &backup, err);
	if (r == -ENOENT)
		return 0; /* nothing was changed */
	/* An ADD that was killed writing its backup had not changed anything yet. */
	if (r < 0 && r != -EBADMSG)
		return r;
	if (r == 0)
		r = restore_if_there(call, &backup, err);
	else
		r = 0;
	return r < 0 ? r : backup_remove(call, &conf, err);
}

/* --- CHECK --- */

static int check_number(const char *what, const char *ifname, int64_t want, int64_t is,
			struct nerr *err)
{
	if (want == is)
		return 0;
	return nerr_set(err, -EINVAL,
			"Error: Tuning configured %s of %s is %" PRId64
			", current value is %" PRId64,
			what, ifname, want, is);
}

static int check_flag(const char *what, const char *ifname, bool want, bool is, struct nerr *err)
{
	if (want == is)
		return 0;
	return nerr_set(err, -EINVAL,
			"Error: Tuning link %s configured %s is %s, current value is %s", ifname,
			what, want ? "true" : "false", is ? "true" : "false");
}

static int check_link(const struct tuning_conf *conf, const struct link_info *li, struct nerr *err)
{
	const struct tuning_attrs *a = &conf->attrs;
	char text[MACADDR_STR_LEN];
	int r = 0;

	if (conf->mac.len && !macaddr_eq(&conf->mac, &li->mac))
		return nerr_set(
			err, -EINVAL,
			"Error: Tuning configured Ethernet of %s is %s, current value is %s",
			li->name, conf->mac_text, macaddr_to_str(&li->mac, text));
	/* Somebody's capture makes it promiscuous too: only its absence is a fault. */
	if (a->promisc)
		r = check_flag("promisc", li->name, true, li->promiscuity > 0, err);
	if (r == 0 && a->mtu)
		r = check_number("MTU", li->name, a->mtu, li->mtu, err);
	if (r == 0 && a->has_allmulti)
		r = check_flag("all-multicast", li->name, a->allmulti, li->flags & IFF_ALLMULTI,
			       err);
	if (r == 0 && a->has_txqlen)
		r = check_number("transmit queue length", li->name, a->txqlen, li->txqlen, err);
	return r;
}

static int tuning_check(struct cni_call *call, struct nerr *err)
{
	CLEANUP(plugin_nets_done) struct plugin_nets nets = PLUGIN_NETS_INIT;
	struct tuning_conf conf;
	struct link_info li;
	int r;

	r = tuning_conf_read(call, &conf, err);
	if (r < 0)
		return r;
	if (!call->prev)
		return nerr_set(err, -EINVAL, "Required prevResult missing");
	r = plugin_nets_open(&nets, call->netns, err);
	if (r < 0)
		return r;
	r = netns_run_in(nets.cont_ns, run_check_sysctls, &conf, err);
	if (r < 0)
		return r;
	r = link_get(nets.cont, call->ifname, &li, err);
	if (r < 0)
		return nerr_set(err, r, "Cannot find container link %s", call->ifname);
	return check_link(&conf, &li, err);
}

/* --- GC, STATUS --- */

static int tuning_gc(struct cni_call *call, struct nerr *err)
{
	struct tuning_conf conf;
	int r = tuning_conf_read_del(call, &conf, err);

	return r < 0 ? r : backup_gc(call, &conf, err);
}

static int tuning_status(struct cni_call *call, struct nerr *err)
{
	struct tuning_conf conf;
	struct stat st;
	int r;

	r = tuning_conf_read(call, &conf, err);
	if (r < 0)
		return r;
	if (stat(conf.data_dir, &st) == 0 && !S_ISDIR(st.st_mode))
		return nerr_num(err, -ENOTDIR, CNI_NOT_AVAILABLE,
				"data directory '%s' is not a directory", conf.data_dir);
	return 0;
}

const struct cni_plugin tuning_plugin = {
	.name = "tuning",
	.versions = cni_versions_all,
	.add = tuning_add,
	.del = tuning_del,
	.check = tuning_check,
	.gc = tuning_gc,
	.status = tuning_status,
};
