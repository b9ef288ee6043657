/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stddef.h>
#include <string.h>

#include "base/error.h"
#include "base/str.h"
#include "cni/cni.h"
#include "plugin/ifname.h"
#include "plugins/netstack/conf_priv.h"

#define MACVTAP "macvtap:"

/* Who asks for more has forgotten that it is a processor that spins. */
#define SPIN_US_MAX 1000000

/* clang-format off */
static const struct json_field annotation_fields[] = {
	{ .name = "fairlead.io/stack", .kind = JSON_STRING,
	  .offset = offsetof(struct netstack_annotations, stack) },
	{ .name = "fairlead.io/mode", .kind = JSON_STRING,
	  .offset = offsetof(struct netstack_annotations, mode) },
	{ 0 },
};

static const struct json_field runtime_fields[] = {
	{ .name = "io.kubernetes.cri.pod-annotations", .kind = JSON_OBJECT,
	  .offset = offsetof(struct netstack_runtime, pod), .sub = annotation_fields },
	{ 0 },
};

#define F(key, json, member) \
	{ .name = (key), .kind = (json), .offset = offsetof(struct netstack_conf, member) }
static const struct json_field netstack_fields[] = {
	F("stack", JSON_STRING, stack),
	F("mode", JSON_STRING, mode),
	F("nic", JSON_STRING, nic),
	F("daemon", JSON_STRING, daemon),
	F("fallback", JSON_BOOL, fallback),
	{ .name = "spinUs", .kind = JSON_INT, .offset = offsetof(struct netstack_conf, spin_us),
	  .max = SPIN_US_MAX },
	{ .name = "runtimeConfig", .kind = JSON_OBJECT,
	  .offset = offsetof(struct netstack_conf, runtime), .sub = runtime_fields },
	{ 0 },
};
#undef F
/* clang-format on */

static bool is_set(const char *text)
{
	return text && *text;
}

/* One of two words, from the pod's annotation or from the configuration. */
static int check_word(const char *what, const char *annotation, const char **word, const char *a,
		      const char *b, struct nerr *err)
{
	const bool from_pod = is_set(annotation);
	const char *value = from_pod ? annotation : *word;

	if (strcmp(value, a) != 0 && strcmp(value, b) != 0)
		return nerr_set(err, -EINVAL, "%s%s' must be '%s' or '%s', got '%s'",
				from_pod ? "annotation 'fairlead.io/" : "key '", what, a, b, value);
	*word = value;
	return 0;
}

/* Keys that say something of the bridge, or of the host as the gateway on it. */
static int check_macvtap(const struct netstack_conf *conf, struct nerr *err)
{
	const struct bridge_conf *br = &conf->br;
	const struct {
		const char *key;
		bool is_set;
	} keys[] = {
		{ "isGateway", br->is_gateway },
		{ "ipMasq", br->ip_masq },
		{ "hairpinMode", br->hairpin_mode },
		{ "promiscMode", br->promisc_mode },
		{ "forceAddress", br->force_address },
		{ "portIsolation", br->port_isolation },
		{ "vlan", br->vlan != 0 },
		{ "vlanTrunk", br->has_trunk },
		{ "macspoofchk", br->macspoofchk },
		{ "fallback", conf->fallback },
	};
	int r = ifname_check("nic", conf->master, err);

	if (r < 0)
		return r;
	if (!conf->is_user)
		return nerr_set(
			err, -EINVAL,
			"key 'nic': '%s' needs stack 'user', the kernel's stack has the bridge",
			conf->nic);
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		if (keys[i].is_set)
			return nerr_set(err, -EINVAL, "key '%s' needs nic 'bridge', not '%s'",
					keys[i].key, conf->nic);
	return 0;
}

static int check_values(struct netstack_conf *conf, struct nerr *err)
{
	int r;

	r = check_word("stack", conf->runtime.pod.stack, &conf->stack, "user", "kernel", err);
	if (r == 0)
		r = check_word("mode", conf->runtime.pod.mode, &conf->mode, "hybrid", "full", err);
	if (r < 0)
		return r;
	conf->is_user = strcmp(conf->stack, "user") == 0;
	if (conf->is_user && conf->br.disable_container_interface)
		return nerr_set(err, -EINVAL,
				"key 'disableContainerInterface' needs stack 'kernel': netstackd "
				"serves an interface that is up");
	if (conf->master)
		return check_macvtap(conf, err);
	if (strcmp(conf->nic, "bridge") != 0)
		return nerr_set(err, -EINVAL,
				"key 'nic' must be 'bridge' or 'macvtap:DEVICE', got '%s'",
				conf->nic);
	return 0;
}

static int read_own(struct cni_call *call, struct netstack_conf *conf, struct nerr *err)
{
	int r = json_read(call->doc, NULL, "", netstack_fields, conf, err);

	if (r < 0)
		return nerr_ctx(err, "failed to load netconf");
	if (!*conf->stack)
		conf->stack = "user";
	if (!*conf->mode)
		conf->mode = "hybrid";
	if (!is_set(conf->nic))
		conf->nic = "bridge";
	if (!conf->daemon)
		conf->daemon = "";
	if (str_has_prefix(conf->nic, MACVTAP))
		conf->master = conf->nic + strlen(MACVTAP);
	return 0;
}

int netstack_conf_read_del(struct cni_call *call, struct netstack_conf *ret, struct nerr *err)
{
	struct netstack_conf conf = { .stack = "", .mode = "" };
	int r = bridge_conf_read_del(call, &conf.br, err);

	if (r == 0)
		r = read_own(call, &conf, err);
	if (r < 0)
		return r;
	*ret = conf;
	return 0;
}

int netstack_conf_read(struct cni_call *call, struct netstack_conf *ret, struct nerr *err)
{
	struct netstack_conf conf = { .stack = "", .mode = "" };
	int r = bridge_conf_read(call, &conf.br, err);

	if (r == 0)
		r = read_own(call, &conf, err);
	if (r == 0)
		r = check_values(&conf, err);
	if (r < 0)
		return r;
	*ret = conf;
	return 0;
}
