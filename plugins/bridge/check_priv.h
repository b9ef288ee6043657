/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * check_priv.h - the CHECK verb of the bridge plugin
 */
#ifndef PLUGINS_BRIDGE_CHECK_PRIV_H
#define PLUGINS_BRIDGE_CHECK_PRIV_H

struct cni_call;
struct nerr;

int bridge_check(struct cni_call *call, struct nerr *err);

#endif /* PLUGINS_BRIDGE_CHECK_PRIV_H */
