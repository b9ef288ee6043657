/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The verbs.  store_priv.h tells how addresses are kept.
 */
#include "ipam/host-local/host_local.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "ipam/host-local/alloc_priv.h"
#include "ipam/host-local/boot_priv.h"
#include "ipam/host-local/conf_priv.h"
#include "ipam/host-local/resolv_priv.h"
#include "ipam/host-local/status_priv.h"
#include "ipam/host-local/store_priv.h"

/* ---- ADD ---- */

static int fill_result(struct cni_call *call, const struct hl_conf *conf,
		       const struct hl_lease *leases, const struct cni_dns *dns, struct nerr *err)
{
	struct arena *arena = json_doc_arena(call->doc);

	for (size_t i = 0; i < conf->n_sets; i++) {
		struct cni_ip *ip = cni_result_add_ip(&call->result, arena);

		if (!ip)
			return nerr_oom(err);
		ip->address.addr = leases[i].addr;
		ip->address.prefix_len = leases[i].range->subnet.prefix_len;
		ip->gateway = leases[i].range->gateway;
	}
	for (size_t i = 0; i < conf->n_routes; i++) {
		struct cni_route *route = cni_result_add_route(&call->result, arena);

		if (!route)
			return nerr_oom(err);
		*route = conf->routes[i];
	}
	call->result.dns = *dns;
	return 0;
}

static int host_local_add(struct cni_call *call, struct nerr *err)
{
	CLEANUP(hl_store_close) struct hl_store st = HL_STORE_INIT;
	cleanup_free struct hl_lease *leases = NULL;
	struct cni_dns dns = { .domain = NULL };
	struct hl_conf conf;
	int r;

	r = hl_conf_read(call, &conf, err);
	if (r == 0 && conf.resolv_conf && *conf.resolv_conf)
		r = hl_resolv_read(conf.resolv_conf, json_doc_arena(call->doc), &dns, err);
	if (r < 0)
		return r;
	leases = calloc(conf.n_sets, sizeof(*leases));
	if (!leases)
		return nerr_oom(err);

	r = hl_store_open(&st, &hl_env_default, conf.data_dir, call->net_name, true, err);
	if (r < 0)
		return r;
	hl_boot_check(&st);
	r = hl_alloc(&st, &conf, call->container_id, call->ifname, leases, err);
	if (r < 0)
		return r;
	r = fill_result(call, &conf, leases, &dns, err);
	if (r < 0)
		hl_alloc_undo(&st, leases, conf.n_sets, call->container_id, call->ifname);
	return r;
}

/* ---- DEL and CHECK ---- */

/**
 * find_owned() - Addresses of the attachment
 * @ret_key:	What their files say
 *
 * Files in the old format, which name the container only, count when there is no
 * other.
 */
static int find_owned(const struct cni_call *call, struct hl_store *st, struct hl_addrs *ret,
		      char ret_key[static HL_RECORD_MAX + 1], struct nerr *err)
{
	int r;

	/* Longer than any reservation: nothing can be its. */
	if (hl_record_key(call->container_id, call->ifname, ret_key) < 0)
		return 0;
	r = hl_store_owned(st, ret_key, ret, err);
	if (r < 0 || ret->n)
		return r;
	(void)hl_record_key(call->container_id, NULL, ret_key); /* shorter than the other */
	return hl_store_owned(st, ret_key, ret, err);
}

static int host_local_del(struct cni_call *call, struct nerr *err)
{
	CLEANUP(hl_store_close) struct hl_store st = HL_STORE_INIT;
	CLEANUP(hl_addrs_done) struct hl_addrs owned = { .n = 0 };
	char key[HL_RECORD_MAX + 1];
	const char *data_dir;
	int result = 0;
	int r;

	r = hl_conf_read_data_dir(call, &data_dir, err);
	if (r < 0)
		return r;
	r = hl_store_open(&st, &hl_env_default, data_dir, call->net_name, false, err);
	if (r == -ENOENT)
		return 0; /* nothing was ever reserved */
	if (r == 0)
		r = find_owned(call, &st, &owned, key, err);
	if (r < 0)
		return r;
	for (size_t i = 0; i < owned.n; i++) {
		r = hl_store_release(&st, &owned.v[i], key, err);
		if (r < 0)
			result = r;
	}
	return result;
}

static int not_found(const struct cni_call *call, struct nerr *err)
{
	return nerr_set(err, -ENOENT, "host-local: Failed to find address added by container %s",
			call->container_id);
}

/* Addresses of prevResult that are in our ranges must still be the attachment's. */
static int check_prev(const struct cni_call *call, const struct hl_conf *conf,
		      const struct hl_addrs *owned, struct nerr *err)
{
	char text[IPADDR_STR_LEN];

	for (size_t i = 0; call->prev && i < call->prev->n_ips; i++) {
		const struct ipaddr *addr = &call->prev->ips[i].address.addr;
		bool in_range = false;
		bool found = false;

		for (size_t k = 0; k < conf->n_sets; k++)
			in_range = in_range || hl_range_set_lookup(&conf->sets[k], addr);
		for (size_t k = 0; k < owned->n; k++)
			found = found || ipaddr_eq(&owned->v[k], addr);
		if (in_range && !found) {
			(void)not_found(call, err);
			return nerr_details(err, "%s of prevResult is not reserved for %s",
					    ipaddr_to_str(addr, text), call->ifname);
		}
	}
	return 0;
}

static int host_local_check(struct cni_call *call, struct nerr *err)
{
	CLEANUP(hl_store_close) struct hl_store st = HL_STORE_INIT;
	CLEANUP(hl_addrs_done) struct hl_addrs owned = { .n = 0 };
	char key[HL_RECORD_MAX + 1];
	struct hl_conf conf;
	int r;

	r = hl_conf_read(call, &conf, err);
	if (r < 0)
		return r;
	r = hl_store_open(&st, &hl_env_default, conf.data_dir, call->net_name, false, err);
	if (r == -ENOENT)
		return not_found(call, err);
	if (r == 0)
		r = find_owned(call, &st, &owned, key, err);
	if (r < 0)
		return r;
	return owned.n ? check_prev(call, &conf, &owned, err) : not_found(call, err);
}

/* ---- GC ---- */

/* Owners that stay, as their files say, sorted. */
struct valid {
	char **keys;
	size_t n;
};

static void valid_done(struct valid *v)
{
	for (size_t i = 0; i < v->n; i++)
		free(v->keys[i]);
	free(v->keys);
}

static int compare_keys(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static int add_valid(struct valid *v, const char *container_id, const char *ifname)
{
	char key[HL_RECORD_MAX + 1];

	if (hl_record_key(container_id, ifname, key) < 0)
		return 0; /* longer than any reservation */
	v->keys[v->n] = strdup(key);
	if (!v->keys[v->n])
		return -ENOMEM;
	v->n++;
	return 0;
}

/* Each attachment in both formats. */
static int read_valid(const struct cni_call *call, struct valid *v, struct nerr *err)
{
	v->keys = calloc(2 * call->n_valid + 1, sizeof(*v->keys));
	if (!v->keys)
		return nerr_oom(err);
	for (size_t i = 0; i < call->n_valid; i++) {
		const struct cni_attachment *a = &call->valid[i];

		if (add_valid(v, a->container_id, a->ifname) < 0 ||
		    add_valid(v, a->container_id, NULL) < 0)
			return nerr_oom(err);
	}
	qsort(v->keys, v->n, sizeof(*v->keys), compare_keys);
	return 0;
}

static bool is_not_valid(void *arg, const struct hl_record *rec, int fd)
{
	const struct valid *v = arg;
	const char *key = rec->key;

	(void)fd; /* its content says all */
	return !bsearch(&key, v->keys, v->n, sizeof(*v->keys), compare_keys);
}

static int host_local_gc(struct cni_call *call, struct nerr *err)
{
	CLEANUP(hl_store_close) struct hl_store st = HL_STORE_INIT;
	CLEANUP(valid_done) struct valid valid = { .n = 0 };
	const char *data_dir;
	int r;

	r = hl_conf_read_data_dir(call, &data_dir, err);
	if (r == 0)
		r = read_valid(call, &valid, err);
	if (r < 0)
		return r;
	r = hl_store_open(&st, &hl_env_default, data_dir, call->net_name, false, err);
	if (r == -ENOENT)
		return 0; /* nothing was ever reserved */
	if (r < 0)
		return r;
	return hl_store_scan(&st, is_not_valid, &valid, err);
}

/* ---- STATUS ---- */

static int host_local_status(struct cni_call *call, struct nerr *err)
{
	struct hl_conf conf;
	int r;

	r = hl_conf_read(call, &conf, err);
	return r < 0 ? r : hl_status(call, &conf, &hl_env_default, err);
}

const struct cni_plugin host_local_plugin = {
	.name = "host-local",
	.versions = cni_versions_all,
	.add = host_local_add,
	.del = host_local_del,
	.check = host_local_check,
	.gc = host_local_gc,
	.status = host_local_status,
};
