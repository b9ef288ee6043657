/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * ptp.h - CNI plugin "ptp": a container behind a veth pair, routed by the host
 */
#ifndef PLUGINS_PTP_PTP_H
#define PLUGINS_PTP_PTP_H

#include "cni/cni.h"

extern const struct cni_plugin ptp_plugin;

#endif /* PLUGINS_PTP_PTP_H */
