/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * firewalld_priv.h - addresses as sources of a zone of firewalld
 *
 * On a host that runs firewalld our own accepts do not help: firewalld has a
 * chain of its own at the same hook, which comes later and rejects what no zone
 * lets through.  So each address becomes a source of a zone, "trusted" unless
 * the configuration says another, which accepts whatever comes from there.
 *
 * Interface org.fedoraproject.FirewallD1.zone: addSource, querySource,
 * removeSource (firewalld.dbus(5)).  Sources are added to the configuration at
 * run time: firewalld forgets them when it is reloaded or restarted.
 */
#ifndef PLUGINS_FIREWALL_FIREWALLD_PRIV_H
#define PLUGINS_FIREWALL_FIREWALLD_PRIV_H

#include "plugins/firewall/conf_priv.h"

struct cni_result;
struct dbus;
struct nerr;
struct source_list;

/**
 * firewalld_find() - Is firewalld to be used?
 * @ret:	On 0 a connection over which it is reached, or NULL when it is not used
 *
 * It is running when somebody owns its name on the system's bus.  That there is
 * no bus, or that it does not let us in, means that it is not; under
 * BACKEND_FIREWALLD that is an error.  A bus that gives no sensible answer is an
 * error in any case: a container must not lack its network by chance.
 *
 * Return: 0 or negative errno
 */
int firewalld_find(enum firewall_backend backend, struct dbus **ret, struct nerr *err);

/* Each address of @res becomes a source of @zone; one that is already, stays. */
int firewalld_add(struct dbus *bus, const char *zone, const struct cni_result *res,
		  struct nerr *err);
/* Each address of @res is a source of @zone. */
int firewalld_check(struct dbus *bus, const char *zone, const struct cni_result *res,
		    struct nerr *err);

/**
 * firewalld_remove() - Remove sources as far as they are there
 * @bus:	Connection, or NULL in there: one is made when something is to be
 *		removed.  For dbus_close()
 *
 * For what must go on: a failure is told on stderr, that firewalld is not there is none.
 */
void firewalld_remove(struct dbus **bus, const struct source_list *sources);

#endif /* PLUGINS_FIREWALL_FIREWALLD_PRIV_H */
