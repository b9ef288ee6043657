/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * conf_priv.h - configuration of the firewall plugin
 */
#ifndef PLUGINS_FIREWALL_CONF_PRIV_H
#define PLUGINS_FIREWALL_CONF_PRIV_H

#include <stdbool.h>

struct cni_call;
struct nerr;

/**
 * enum firewall_backend - Who lets packets through
 *
 * BACKEND_AUTO		firewalld when it is running, our rules in any case
 * BACKEND_IPTABLES	our rules alone
 * BACKEND_FIREWALLD	firewalld, which must be running, and our rules
 */
enum firewall_backend {
	BACKEND_AUTO,
	BACKEND_IPTABLES,
	BACKEND_FIREWALLD,
};

/**
 * enum ingress_policy - Who may send to the containers of a bridge
 *
 * INGRESS_OPEN		anybody
 * INGRESS_SAME_BRIDGE	not the containers of other bridges with a policy
 * INGRESS_ISOLATED	nor those of the same bridge (where br_netfilter shows us
 *			bridged packets)
 */
enum ingress_policy {
	INGRESS_OPEN,
	INGRESS_SAME_BRIDGE,
	INGRESS_ISOLATED,
};

/**
 * struct firewall_conf - What was asked for
 * @zone:	Zone of firewalld
 * @policy_text: As it was written
 * @bridge:	The first interface of prevResult, NULL under INGRESS_OPEN
 * @firewalld:	No key: firewalld is running and is to be used, as
 *		firewalld_find() said.  False until then
 */
struct firewall_conf {
	const char *backend_text;
	enum firewall_backend backend;
	const char *zone;
	const char *admin_chain;
	const char *policy_text;
	enum ingress_policy policy;
	const char *bridge;
	bool firewalld;
};

int firewall_conf_read(struct cni_call *call, struct firewall_conf *ret, struct nerr *err);
/* What DEL and GC need: values that only ADD uses are not checked. */
int firewall_conf_read_del(struct cni_call *call, struct firewall_conf *ret, struct nerr *err);

#endif /* PLUGINS_FIREWALL_CONF_PRIV_H */
