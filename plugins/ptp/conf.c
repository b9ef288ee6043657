/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <inttypes.h>
#include <stddef.h>

#include "base/error.h"
#include "cni/cni.h"
#include "plugin/masq.h"
#include "plugins/ptp/conf_priv.h"

/* clang-format off */
#define F(key, json, member) \
	{ .name = (key), .kind = (json), .offset = offsetof(struct ptp_conf, member) }
static const struct json_field ptp_fields[] = {
	F("ipMasq", JSON_BOOL, ip_masq),
	F("ipMasqBackend", JSON_STRING, ip_masq_backend),
	F("mtu", JSON_INT, mtu),
	{ .name = "ipam", .kind = JSON_OBJECT, .offset = offsetof(struct ptp_conf, ipam),
	  .sub = plugin_ipam_fields },
	{ .name = "dns", .kind = JSON_OBJECT, .offset = offsetof(struct ptp_conf, dns),
	  .sub = cni_dns_fields },
	{ 0 },
};
#undef F
/* clang-format on */

int ptp_conf_read_del(struct cni_call *call, struct ptp_conf *ret, struct nerr *err)
{
	struct ptp_conf conf = { .mtu = 0 };
	int r = json_read(call->doc, NULL, "", ptp_fields, &conf, err);

	if (r < 0)
		return nerr_ctx(err, "failed to load netconf");
	*ret = conf;
	return 0;
}

int ptp_conf_read(struct cni_call *call, struct ptp_conf *ret, struct nerr *err)
{
	int r = ptp_conf_read_del(call, ret, err);

	if (r < 0)
		return r;
	if (ret->mtu < 0 || ret->mtu > INT32_MAX)
		return nerr_set(err, -EINVAL, "key 'mtu' must not be negative, got %" PRId64,
				ret->mtu);
	return ret->ip_masq ? masq_check_backend(ret->ip_masq_backend, err) : 0;
}
