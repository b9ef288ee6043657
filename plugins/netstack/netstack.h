/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * netstack.h - CNI plugin "netstack": a container whose programs run on our stack
 */
#ifndef PLUGINS_NETSTACK_NETSTACK_H
#define PLUGINS_NETSTACK_NETSTACK_H

#include "cni/cni.h"

extern const struct cni_plugin netstack_plugin;

#endif /* PLUGINS_NETSTACK_NETSTACK_H */
