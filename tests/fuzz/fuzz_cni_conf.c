/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * A request from any text, as cni_main() reads it for each verb, and then the configuration
 * of each plugin.  Nothing is done with what was read.
 *
 * Input: CNI_ARGS on the first line, the configuration behind it.
 */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/json_table.h"
#include "base/log.h"
#include "cni/cni.h"
#include "cni/cni_priv.h"
#include "cni/version.h"
#include "ipam/host-local/conf_priv.h"
#include "ipam/static/conf_priv.h"
#include "plugin/bridge_conf.h"
#include "plugins/firewall/conf_priv.h"
#include "plugins/portmap/conf_priv.h"
#include "plugins/ptp/conf_priv.h"
#include "plugins/tuning/conf_priv.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int nothing(struct cni_call *call, struct nerr *err)
{
	(void)call;
	(void)err;
	return 0;
}

static const struct cni_plugin plugin = {
	.name = "fuzz",
	.versions = cni_versions_all,
	.add = nothing,
	.del = nothing,
	.check = nothing,
	.gc = nothing,
	.status = nothing,
};

/* Whoever fails says why. */
static void read_it(int (*read)(struct cni_call *call, void *ret, struct nerr *err),
		    struct cni_call *call, void *ret)
{
	struct nerr err = NERR_INIT;
	int r = read(call, ret, &err);

	assert(r <= 0);
	assert(r == 0 || *err.msg);
}

#define READER(name, type)                                                                         \
	static int read_##name(struct cni_call *call, void *ret, struct nerr *err)                 \
	{                                                                                          \
		return name##_conf_read(call, (type *)ret, err);                                   \
	}

READER(bridge, struct bridge_conf)
READER(firewall, struct firewall_conf)
READER(ptp, struct ptp_conf)
READER(tuning, struct tuning_conf)
READER(hl, struct hl_conf)
READER(static, struct static_conf)

static int read_portmap(struct cni_call *call, void *ret, struct nerr *err)
{
	return portmap_conf_read(call->doc, ret, err);
}

static void read_plugins(struct cni_call *call)
{
	union {
		struct bridge_conf bridge;
		struct firewall_conf firewall;
		struct ptp_conf ptp;
		struct tuning_conf tuning;
		struct portmap_conf portmap;
		struct hl_conf host_local;
		struct static_conf fixed;
	} *conf = malloc(sizeof(*conf)); /* so that what is read beyond it is seen */

	assert(conf);
	read_it(read_bridge, call, &conf->bridge);
	read_it(read_firewall, call, &conf->firewall);
	read_it(read_ptp, call, &conf->ptp);
	read_it(read_tuning, call, &conf->tuning);
	read_it(read_portmap, call, &conf->portmap);
	read_it(read_hl, call, &conf->host_local);
	read_it(read_static, call, &conf->fixed);
	free(conf);
}

static void read_request(struct cni_call *call)
{
	struct nerr err = NERR_INIT;
	int r;

	r = cni_request_parse(call, &err);
	if (r == 0) {
		assert(cni_name_is_valid(call->net_name));
		r = cni_request_version(call, &err);
	}
	if (r == 0)
		r = cni_request_inputs(call, &err);
	if (r < 0) {
		assert(*err.msg);
		return;
	}
	assert(cni_version_in(call->version, plugin.versions));
	for (size_t i = 0; i < call->n_valid; i++)
		assert(cni_is_valid(call, call->valid[i].container_id, call->valid[i].ifname));
	read_plugins(call);
}

/* A bad prevResult under DEL is a warning, once per input. */
int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	log_set_level(LOG_LEVEL_ERR);
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t *newline = memchr(data, '\n', size);
	const size_t args_len = newline ? (size_t)(newline - data) : 0;
	cleanup_free char *args = strndup((const char *)data, args_len);
	const size_t skip = newline ? args_len + 1 : 0;

	assert(args);
	for (int verb = CNI_ADD; verb < CNI_VERSION; verb++) {
		struct cni_call call = {
			.verb = (enum cni_verb)verb,
			.container_id = "cid1",
			.netns = "/run/netns/x",
			.ifname = "eth0",
			.args = args,
			.path = "/opt/cni/bin",
			.text = (const char *)data + skip,
			.text_len = size - skip,
			.plugin = &plugin,
		};

		read_request(&call);
		json_doc_free(call.doc);
	}
	return 0;
}
