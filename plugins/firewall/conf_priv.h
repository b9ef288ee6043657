/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * conf_priv.h - configuration of the firewall plugin
 */
#ifndef PLUGINS_FIREWALL_CONF_PRIV_H
#define PLUGINS_FIREWALL_CONF_PRIV_H

struct cni_call;
struct nerr;

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

/* @bridge: the first interface of prevResult, NULL under INGRESS_OPEN. */
struct firewall_conf {
	const char *backend;
	const char *admin_chain;
	const char *policy_text;
	const char *firewalld_zone;
	enum ingress_policy policy;
	const char *bridge;
};

int firewall_conf_read(struct cni_call *call, struct firewall_conf *ret, struct nerr *err);
/* What DEL and GC need: values that only ADD uses are not checked. */
int firewall_conf_read_del(struct cni_call *call, struct firewall_conf *ret, struct nerr *err);

#endif /* PLUGINS_FIREWALL_CONF_PRIV_H */
