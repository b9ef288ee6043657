/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <ctype.h>
#include <errno.h>
#include <stddef.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "cni/cni.h"
#include "plugin/ifname.h"
#include "plugins/firewall/conf_priv.h"
#include "plugins/firewall/source_priv.h"

#define ADMIN_CHAIN "CNI-ADMIN"
#define ZONE        "trusted"
/* XT_EXTENSION_MAXNAMELEN less its NUL: what iptables takes for a chain. */
#define CHAIN_LEN_MAX 28

/* clang-format off */
#define F(key, member) \
	{ .name = (key), .kind = JSON_STRING, .offset = offsetof(struct firewall_conf, member) }
static const struct json_field firewall_fields[] = {
	F("backend", backend_text),
	F("iptablesAdminChainName", admin_chain),
	F("ingressPolicy", policy_text),
	F("firewalldZone", zone),
	{ 0 },
};
#undef F
/* clang-format on */

/* What is neither of the two names is as if it were not given, as the reference suite has it. */
static enum firewall_backend read_backend(const char *text)
{
	if (text && strcmp(text, "iptables") == 0)
		return BACKEND_IPTABLES;
	return text && strcmp(text, "firewalld") == 0 ? BACKEND_FIREWALLD : BACKEND_AUTO;
}

static int read_policy(struct firewall_conf *conf, struct nerr *err)
{
	static const char *const names[] = {
		[INGRESS_OPEN] = "open",
		[INGRESS_SAME_BRIDGE] = "same-bridge",
		[INGRESS_ISOLATED] = "isolated",
	};

	if (!conf->policy_text || !*conf->policy_text)
		return 0;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		if (strcmp(conf->policy_text, names[i]) == 0) {
			conf->policy = (enum ingress_policy)i;
			return 0;
		}
	}
	return nerr_set(err, -EINVAL, "unknown ingress policy: \"%s\"", conf->policy_text);
}

/* iptables(8) must be able to name it. */
static int check_admin_chain(const char *name, struct nerr *err)
{
	const char *why = NULL;

	if (strlen(name) > CHAIN_LEN_MAX)
		why = "is longer than 28 bytes";
	else if (name[0] == '-' || name[0] == '!')
		why = "begins with '-' or '!'";
	for (const char *p = name; *p && !why; p++)
		if (isspace((unsigned char)*p) || iscntrl((unsigned char)*p))
			why = "contains white space";
	if (why)
		return nerr_set(err, -EINVAL, "key 'iptablesAdminChainName': chain name \"%s\" %s",
				name, why);
	return 0;
}

/* A longer name has no room in the tag of a rule.  firewalld itself takes 17 bytes at most, as
 * it makes names of chains from it.
 */
static int check_zone(const char *zone, struct nerr *err)
{
	if (strlen(zone) > SOURCE_ZONE_MAX)
		return nerr_set(err, -EINVAL,
				"key 'firewalldZone': zone name \"%s\" is longer than %d bytes",
				zone, SOURCE_ZONE_MAX);
	return 0;
}

static int find_bridge(const struct cni_call *call, struct firewall_conf *conf, struct nerr *err)
{
	if (conf->policy == INGRESS_OPEN)
		return 0;
	if (!call->prev->n_interfaces)
		return nerr_set(
			err, -EINVAL,
			"interface needs to be set for ingress policy \"%s\", make sure to chain \"firewall\" plugin with \"bridge\"",
			conf->policy_text);
	if (!*call->prev->interfaces[0].name)
		return nerr_set(err, -EINVAL, "got empty bridge name");
	conf->bridge = call->prev->interfaces[0].name;
	return ifname_check("prevResult.interfaces[0].name", conf->bridge, err);
}

int firewall_conf_read_del(struct cni_call *call, struct firewall_conf *ret, struct nerr *err)
{
	struct firewall_conf conf = { .admin_chain = ADMIN_CHAIN, .zone = ZONE };
	int r = json_read(call->doc, NULL, "", firewall_fields, &conf, err);

	if (r < 0)
		return nerr_ctx(err, "failed to load netconf");
	if (!*conf.admin_chain)
		conf.admin_chain = ADMIN_CHAIN;
	if (!*conf.zone)
		conf.zone = ZONE;
	conf.backend = read_backend(conf.backend_text);
	*ret = conf;
	return 0;
}

int firewall_conf_read(struct cni_call *call, struct firewall_conf *ret, struct nerr *err)
{
	struct firewall_conf conf;
	int r;

	r = firewall_conf_read_del(call, &conf, err);
	if (r == 0)
		r = read_policy(&conf, err);
	if (r == 0)
		r = check_admin_chain(conf.admin_chain, err);
	if (r == 0)
		r = check_zone(conf.zone, err);
	if (r == 0 && call->prev)
		r = find_bridge(call, &conf, err);
	if (r == 0)
		*ret = conf;
	return r;
}
