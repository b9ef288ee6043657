/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * firewall.h - CNI plugin "firewall": a container's packets may be forwarded
 */
#ifndef PLUGINS_FIREWALL_FIREWALL_H
#define PLUGINS_FIREWALL_FIREWALL_H

#include "cni/cni.h"

extern const struct cni_plugin firewall_plugin;

#endif /* PLUGINS_FIREWALL_FIREWALL_H */
