/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * A plugin is a directory below plugins/ or ipam/ and a line in each list here.
 */
#include "cmd/fairlead-cni/registry.h"

#include <stddef.h>

#include "ipam/host-local/host_local.h"
#include "ipam/static/static.h"
#include "plugins/bridge/bridge.h"
#include "plugins/firewall/firewall.h"
#include "plugins/loopback/loopback.h"
#include "plugins/netstack/netstack.h"
#include "plugins/portmap/portmap.h"
#include "plugins/ptp/ptp.h"
#include "plugins/tuning/tuning.h"

const struct cni_plugin *const registry[] = {
	&bridge_plugin,  &firewall_plugin, &host_local_plugin, &loopback_plugin, &netstack_plugin,
	&portmap_plugin, &ptp_plugin,      &static_plugin,     &tuning_plugin,   NULL,
};
