/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/log.h"
#include "base/str.h"
#include "cni/cni.h"
#include "dbus/dbus.h"
#include "plugins/firewall/firewalld_priv.h"
#include "plugins/firewall/source_priv.h"

#define SERVICE   "org.fedoraproject.FirewallD1"
#define PATH      "/org/fedoraproject/FirewallD1"
#define INTERFACE "org.fedoraproject.FirewallD1.zone"

/* firewalld serves one caller after the other, 10 to 100 ms each, and nobody while it
 * reloads.  As long as libdbus and firewall-cmd(1) wait.
 */
#define CALL_TIMEOUT_MS 25000

/* Codes that its messages begin with (firewall/errors.py). */
#define ALREADY_SET "ZONE_ALREADY_SET"

static int call_zone(struct dbus *bus, const char *member, const char *returns, const char *zone,
		     const char *addr, struct dbus_reply *ret, struct nerr *err)
{
	const char *const args[] = { zone, addr };
	const struct dbus_call call = {
		.destination = SERVICE,
		.path = PATH,
		.interface = INTERFACE,
		.member = member,
		.args = args,
		.n_args = ARRAY_SIZE(args),
		.returns = returns,
		.timeout_ms = CALL_TIMEOUT_MS,
	};

	return dbus_call(bus, &call, ret, err);
}

/* --- is it there? --- */

/* No bus is an answer: nobody can be reached there.  Not to have got as far is none. */
static bool is_passing(int r)
{
	return r == -ETIMEDOUT || r == -ENOMEM || r == -ENOBUFS || r == -EMFILE || r == -ENFILE;
}

/* Nobody is there, or nobody that we may talk to. */
static bool is_no(const char *error)
{
	return strcmp(error, DBUS_ERROR_NAME_HAS_NO_OWNER) == 0 ||
	       strcmp(error, DBUS_ERROR_SERVICE_UNKNOWN) == 0 ||
	       strcmp(error, DBUS_ERROR_ACCESS_DENIED) == 0;
}

/* 1; 0 with the reason in @why; negative errno when nobody can tell. */
static int is_running(struct dbus **ret, struct nerr *why)
{
	static const char *const name[] = { SERVICE };
	static const struct dbus_call call = {
		.destination = DBUS_SERVICE,
		.path = DBUS_PATH,
		.interface = DBUS_INTERFACE,
		.member = "GetNameOwner",
		.args = name,
		.n_args = ARRAY_SIZE(name),
		.returns = "s",
		.timeout_ms = DBUS_OPEN_TIMEOUT_MS,
	};
	CLEANUP(dbus_closep) struct dbus *bus = NULL;
	struct dbus_reply reply;
	int r;

	r = dbus_open(&bus, why);
	if (r < 0)
		return is_passing(r) ? r : 0;
	r = dbus_call(bus, &call, &reply, why);
	if (r < 0)
		return r == -EACCES ? 0 : r;
	if (*reply.error) {
		(void)nerr_set(why, -EIO, "%s", *reply.text ? reply.text : reply.error);
		return is_no(reply.error) ? 0 : -EIO;
	}
	*ret = TAKE_PTR(bus);
	return 1;
}

int firewalld_find(enum firewall_backend backend, struct dbus **ret, struct nerr *err)
{
	struct nerr why = NERR_INIT;
	struct dbus *bus = NULL;
	int r;

	r = backend == BACKEND_IPTABLES ? 0 : is_running(&bus, &why);
	if (r < 0)
		return nerr_num(err, r, CNI_TRY_AGAIN,
				"cannot tell whether firewalld is running: %s", why.msg);
	if (r == 0 && backend == BACKEND_FIREWALLD)
		return nerr_set(err, -ENOENT, "firewalld is not running: %s", why.msg);
	*ret = bus;
	return 0;
}

/* --- sources --- */

int firewalld_add(struct dbus *bus, const char *zone, const struct cni_result *res,
		  struct nerr *err)
{
	for (size_t i = 0; i < res->n_ips; i++) {
		char addr[IPNET_STR_LEN];
		struct dbus_reply reply;
		int r;

		(void)source_addr(&res->ips[i].address.addr, addr);
		r = call_zone(bus, "addSource", "s", zone, addr, &reply, err);
		if (r == 0 && *reply.error && !str_has_prefix(reply.text, ALREADY_SET))
			r = nerr_set(err, -EIO, "%s", *reply.text ? reply.text : reply.error);
		if (r < 0)
			return nerr_ctx(err, "failed to add the address %s to %s zone", addr, zone);
	}
	return 0;
}

int firewalld_check(struct dbus *bus, const char *zone, const struct cni_result *res,
		    struct nerr *err)
{
	for (size_t i = 0; i < res->n_ips; i++) {
		char addr[IPNET_STR_LEN];
		struct dbus_reply reply;
		int r;

		(void)source_addr(&res->ips[i].address.addr, addr);
		r = call_zone(bus, "querySource", "b", zone, addr, &reply, err);
		if (r == 0 && *reply.error)
			r = nerr_set(err, -EIO, "%s", *reply.text ? reply.text : reply.error);
		if (r < 0)
			return nerr_ctx(err, "failed to find the address %s in %s zone", addr,
					zone);
		if (!reply.flag)
			return nerr_set(err, -ENOENT, "failed to find the address %s in %s zone",
					addr, zone);
	}
	return 0;
}

/* The source is not there, or firewalld is not. */
static bool is_gone(const struct dbus_reply *reply)
{
	static const char *const codes[] = { "UNKNOWN_SOURCE", "ZONE_CONFLICT", "INVALID_ZONE" };

	for (size_t i = 0; i < ARRAY_SIZE(codes); i++)
		if (str_has_prefix(reply->text, codes[i]))
			return true;
	return is_no(reply->error);
}

static int remove_one(struct dbus *bus, const struct source *s)
{
	char zone[SOURCE_ZONE_MAX + 1];
	char addr[IPNET_STR_LEN];
	struct nerr err = NERR_INIT;
	struct dbus_reply reply;
	int r;

	if (source_mark_read(&s->mark, zone, addr) < 0)
		return 0; /* not written by us */
	r = call_zone(bus, "removeSource", "s", zone, addr, &reply, &err);
	if (r == -EACCES)
		return r; /* so it was not us who added it */
	if (r == 0 && *reply.error && !is_gone(&reply))
		(void)nerr_set(&err, -EIO, "%s", *reply.text ? reply.text : reply.error);
	if (err.code)
		log_warn("failed to remove the address %s from %s zone: %s", addr, zone, err.msg);
	return r;
}

void firewalld_remove(struct dbus **bus, const struct source_list *sources)
{
	if (sources->first && !*bus && dbus_open(bus, NULL) < 0)
		return;
	/* Once without an answer is enough. */
	for (const struct source *s = sources->first; s; s = s->next)
		if (remove_one(*bus, s) < 0)
			return;
}
