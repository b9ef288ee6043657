/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * static.h - the IPAM plugin "static": addresses that the configuration names
 */
#ifndef IPAM_STATIC_STATIC_H
#define IPAM_STATIC_STATIC_H

#include "cni/cni.h"

extern const struct cni_plugin static_plugin;

#endif /* IPAM_STATIC_STATIC_H */
