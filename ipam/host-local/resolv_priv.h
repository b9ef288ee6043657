/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * resolv_priv.h - DNS settings of a result, from a file like resolv.conf(5)
 */
#ifndef IPAM_HOST_LOCAL_RESOLV_PRIV_H
#define IPAM_HOST_LOCAL_RESOLV_PRIV_H

struct arena;
struct cni_dns;
struct nerr;

/**
 * hl_resolv_read() - Read such a file
 * @path:	File
 * @arena:	Gets the values
 * @ret:	Filled on 0
 *
 * Keywords: nameserver, domain (the last one counts), search, options (all
 * count).  Others are ignored, as are comments ('#', ';').  Messages are those of the
 * reference suite.
 */
int hl_resolv_read(const char *path, struct arena *arena, struct cni_dns *ret, struct nerr *err);

#endif /* IPAM_HOST_LOCAL_RESOLV_PRIV_H */
