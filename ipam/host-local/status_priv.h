/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * status_priv.h - could ADD work now?
 */
#ifndef IPAM_HOST_LOCAL_STATUS_PRIV_H
#define IPAM_HOST_LOCAL_STATUS_PRIV_H

struct cni_call;
struct hl_conf;
struct hl_env;
struct nerr;

/**
 * hl_status() - Try what ADD needs: a free address in each set, a place to write
 *
 * Leaves no file and no directory behind, but for the lock file of a directory that
 * is there.  Return: 0, or a negative errno with CNI_NOT_AVAILABLE and a message that
 * names the range set, or the directory and why it cannot be written
 */
int hl_status(const struct cni_call *call, const struct hl_conf *conf, const struct hl_env *env,
	      struct nerr *err);

#endif /* IPAM_HOST_LOCAL_STATUS_PRIV_H */
