/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * tuning.h - CNI plugin "tuning": sysctls and attributes of a container's interface
 */
#ifndef PLUGINS_TUNING_TUNING_H
#define PLUGINS_TUNING_TUNING_H

#include "cni/cni.h"

extern const struct cni_plugin tuning_plugin;

#endif /* PLUGINS_TUNING_TUNING_H */
