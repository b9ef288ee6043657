/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * kernel_priv.h - what netstackd needs of the kernel
 */
#ifndef PLUGINS_NETSTACK_KERNEL_PRIV_H
#define PLUGINS_NETSTACK_KERNEL_PRIV_H

struct nerr;

/* Taps, notification of system calls, descriptors of other processes: 0, or error 50 of the CNI
 * specification with what is missing.
 */
int kernel_check(struct nerr *err);

#endif /* PLUGINS_NETSTACK_KERNEL_PRIV_H */
