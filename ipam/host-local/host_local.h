/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * host_local.h - CNI IPAM plugin "host-local": addresses from ranges of this host,
 * remembered as files
 */
#ifndef IPAM_HOST_LOCAL_HOST_LOCAL_H
#define IPAM_HOST_LOCAL_HOST_LOCAL_H

#include "cni/cni.h"

extern const struct cni_plugin host_local_plugin;

#endif /* IPAM_HOST_LOCAL_HOST_LOCAL_H */
