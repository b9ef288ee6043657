/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * check_priv.h - the CHECK verb of the netstack plugin
 */
#ifndef PLUGINS_NETSTACK_CHECK_PRIV_H
#define PLUGINS_NETSTACK_CHECK_PRIV_H

struct cni_call;
struct nerr;

int netstack_check(struct cni_call *call, struct nerr *err);

#endif /* PLUGINS_NETSTACK_CHECK_PRIV_H */
