/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * bridge.h - CNI plugin "bridge": a container on a Linux bridge of the host
 */
#ifndef PLUGINS_BRIDGE_BRIDGE_H
#define PLUGINS_BRIDGE_BRIDGE_H

#include "cni/cni.h"

extern const struct cni_plugin bridge_plugin;

#endif /* PLUGINS_BRIDGE_BRIDGE_H */
