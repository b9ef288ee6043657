/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * portmap.h - CNI plugin "portmap": ports of the host that lead into a container
 */
#ifndef PLUGINS_PORTMAP_PORTMAP_H
#define PLUGINS_PORTMAP_PORTMAP_H

#include "cni/cni.h"

extern const struct cni_plugin portmap_plugin;

#endif /* PLUGINS_PORTMAP_PORTMAP_H */
