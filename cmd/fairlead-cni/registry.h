/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * registry.h - all plugins of this executable
 */
#ifndef FAIRLEAD_CNI_REGISTRY_H
#define FAIRLEAD_CNI_REGISTRY_H

#include "cni/cni.h"

/* By name, ends with NULL. */
extern const struct cni_plugin *const registry[];

#endif /* FAIRLEAD_CNI_REGISTRY_H */
