/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "plugin/bridge_conf.h"

#include <errno.h>
#include <inttypes.h>
#include <stddef.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/str.h"
#include "cni/cni.h"
#include "cni/version.h"
#include "plugin/bridge_vlan.h"
#include "plugin/ifname.h"
#include "plugin/masq.h"

#define BRIDGE_DEFAULT_NAME "cni0"
#define VID_MIN             1
#define VID_LAST            4094

/* An item of vlanTrunk: one id, a range, or both. */
struct trunk_item {
	int64_t id;
	int64_t min_id;
	int64_t max_id;
	bool has_id;
	bool has_min;
	bool has_max;
};

/* clang-format off */
static const struct json_field trunk_fields[] = {
	{ .name = "id", .kind = JSON_INT, .offset = offsetof(struct trunk_item, id),
	  .has = JSON_HAS(struct trunk_item, has_id) },
	{ .name = "minID", .kind = JSON_INT, .offset = offsetof(struct trunk_item, min_id),
	  .has = JSON_HAS(struct trunk_item, has_min) },
	{ .name = "maxID", .kind = JSON_INT, .offset = offsetof(struct trunk_item, max_id),
	  .has = JSON_HAS(struct trunk_item, has_max) },
	{ 0 },
};

#define F(key, json, member) \
	{ .name = (key), .kind = (json), .offset = offsetof(struct bridge_conf, member) }
static const struct json_field bridge_fields[] = {
	F("bridge", JSON_STRING, bridge),
	F("isGateway", JSON_BOOL, is_gateway),
	F("isDefaultGateway", JSON_BOOL, is_default_gateway),
	F("forceAddress", JSON_BOOL, force_address),
	F("ipMasq", JSON_BOOL, ip_masq),
	F("ipMasqBackend", JSON_STRING, ip_masq_backend),
	F("mtu", JSON_INT, mtu),
	F("hairpinMode", JSON_BOOL, hairpin_mode),
	F("promiscMode", JSON_BOOL, promisc_mode),
	F("vlan", JSON_INT, vlan),
	{ .name = "vlanTrunk", .kind = JSON_ARRAY,
	  .offset = offsetof(struct bridge_conf, trunk_ranges),
	  .has = JSON_HAS(struct bridge_conf, has_trunk),
	  .sub = trunk_fields, .sub_size = sizeof(struct trunk_item) },
	F("preserveDefaultVlan", JSON_BOOL, preserve_default_vlan),
	F("macspoofchk", JSON_BOOL, macspoofchk),
	F("enabledad", JSON_BOOL, enabledad),
	F("disableContainerInterface", JSON_BOOL, disable_container_interface),
	F("portIsolation", JSON_BOOL, port_isolation),
	{ .name = "runtimeConfig", .kind = JSON_OBJECT,
	  .offset = offsetof(struct bridge_conf, runtime), .sub = plugin_mac_fields },
	{ .name = "args", .kind = JSON_OBJECT,
	  .offset = offsetof(struct bridge_conf, args), .sub = plugin_args_fields },
	{ .name = "ipam", .kind = JSON_OBJECT,
	  .offset = offsetof(struct bridge_conf, ipam), .sub = plugin_ipam_fields },
	{ .name = "dns", .kind = JSON_OBJECT,
	  .offset = offsetof(struct bridge_conf, dns), .sub = cni_dns_fields },
	{ 0 },
};
#undef F
/* clang-format on */

static bool is_vid(int64_t id)
{
	return id >= VID_MIN && id <= VID_LAST;
}

static void vids_set(struct link_vids *vids, int64_t first, int64_t last)
{
	for (int64_t id = first; id <= last; id++)
		vids->bit[id / 8] |= (uint8_t)(1u << (id % 8));
}

static int read_trunk_item(const struct trunk_item *item, struct link_vids *vids, struct nerr *err)
{
	if (item->has_min != item->has_max)
		return nerr_set(
			err, -EINVAL,
			"minID and maxID should be configured simultaneously, %s is missing",
			item->has_min ? "maxID" : "minID");
	if (item->has_min && !is_vid(item->min_id))
		return nerr_set(err, -EINVAL,
				"incorrect trunk minID parameter: %" PRId64
				" is not within 1 and 4094",
				item->min_id);
	if (item->has_max && !is_vid(item->max_id))
		return nerr_set(err, -EINVAL,
				"incorrect trunk maxID parameter: %" PRId64
				" is not within 1 and 4094",
				item->max_id);
	if (item->has_min && item->min_id > item->max_id)
		return nerr_set(err, -EINVAL,
				"minID is greater than maxID in trunk parameter: %" PRId64
				" > %" PRId64,
				item->min_id, item->max_id);
	if (item->has_id && !is_vid(item->id))
		return nerr_set(err, -EINVAL,
				"incorrect trunk id parameter: %" PRId64
				" is not within 1 and 4094",
				item->id);
	if (item->has_min)
		vids_set(vids, item->min_id, item->max_id);
	if (item->has_id)
		vids_set(vids, item->id, item->id);
	return 0;
}

static int read_trunk(struct bridge_conf *conf, struct nerr *err)
{
	for (size_t i = 0; i < conf->trunk_ranges.n; i++) {
		int r = read_trunk_item(JSON_AT(conf->trunk_ranges, struct trunk_item, i),
					&conf->trunk, err);

		if (r < 0)
			return r;
	}
	return 0;
}

static int check_values(struct bridge_conf *conf, struct nerr *err)
{
	int r;

	if (conf->vlan < 0 || conf->vlan > VID_LAST)
		return nerr_set(err, -EINVAL,
				"invalid VLAN ID %" PRId64 " (must be between 0 and %d)",
				conf->vlan, VID_LAST);
	r = ifname_check("bridge", conf->bridge, err);
	if (r < 0)
		return r;
	r = read_trunk(conf, err);
	if (r < 0)
		return r;
	if (conf->vlan && conf->is_gateway && conf->l3) {
		char name[IFNAMSIZ];

		r = bridge_vlan_gateway_name(conf, name, err);
		if (r < 0)
			return r;
	}
	if (conf->mtu < 0 || conf->mtu > INT32_MAX)
		return nerr_set(err, -EINVAL, "key 'mtu' must not be negative, got %" PRId64,
				conf->mtu);
	if (conf->disable_container_interface && conf->l3)
		return nerr_set(err, -EINVAL,
				"cannot use IPAM when DisableContainerInterface flag is set");
	if (conf->hairpin_mode && conf->promisc_mode)
		return nerr_set(err, -EINVAL,
				"cannot set hairpin mode and promiscuous mode at the same time");
	return conf->ip_masq ? masq_check_backend(conf->ip_masq_backend, err) : 0;
}

int bridge_conf_read_del(struct cni_call *call, struct bridge_conf *ret, struct nerr *err)
{
	struct bridge_conf conf = { .bridge = BRIDGE_DEFAULT_NAME };
	int r;

	r = json_read(call->doc, NULL, "", bridge_fields, &conf, err);
	if (r < 0)
		return nerr_ctx(err, "failed to load netconf");
	if (!*conf.bridge)
		conf.bridge = BRIDGE_DEFAULT_NAME;
	if (conf.is_default_gateway)
		conf.is_gateway = true;
	conf.l3 = plugin_ipam_is_set(&conf.ipam);
	*ret = conf;
	return 0;
}

int bridge_conf_read(struct cni_call *call, struct bridge_conf *ret, struct nerr *err)
{
	struct bridge_conf conf;
	int r;

	r = bridge_conf_read_del(call, &conf, err);
	if (r < 0)
		return r;
	r = check_values(&conf, err);
	if (r < 0)
		return r;
	/* Found now it leaves nothing behind; the old shapes are made of addresses. */
	if (!conf.l3 && cni_version_shape(call->version) == CNI_SHAPE_0_1)
		return nerr_set(err, -EINVAL, "cannot convert: no valid IP addresses");
	r = plugin_mac(call, conf.runtime.mac, conf.args.cni.mac, &conf.mac, err);
	if (r < 0)
		return r;
	*ret = conf;
	return 0;
}

struct bridge_dev_conf bridge_conf_dev(const struct bridge_conf *conf)
{
	return (struct bridge_dev_conf){
		.name = conf->bridge,
		.mtu = (uint32_t)conf->mtu,
		.vlan_filtering = bridge_conf_has_vlans(conf),
		.needs_vlans = bridge_vlan_wanted(conf),
		.promisc = conf->promisc_mode,
		.force_address = conf->force_address,
	};
}
