/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * loopback.h - the plugin "loopback": sets "lo" of a container up
 */
#ifndef PLUGINS_LOOPBACK_LOOPBACK_H
#define PLUGINS_LOOPBACK_LOOPBACK_H

#include "cni/cni.h"

extern const struct cni_plugin loopback_plugin;

#endif /* PLUGINS_LOOPBACK_LOOPBACK_H */
