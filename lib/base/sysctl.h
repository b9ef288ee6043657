/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * sysctl.h - files below /proc/sys
 *
 * Files of /proc/sys/net belong to the network namespace of the calling thread.
 */
#ifndef BASE_SYSCTL_H
#define BASE_SYSCTL_H

#include <stddef.h>

struct nerr;

/* @name is relative to /proc/sys with slashes ("net/ipv4/ip_forward"); one that could
 * lead out of it ("..", "//") is -EINVAL.  Trailing white space is cut.  0 or
 * negative errno with a message.
 */
int sysctl_read(const char *name, char *buf, size_t size, struct nerr *err);
int sysctl_write(const char *name, const char *value, struct nerr *err);

/**
 * sysctl_ensure() - Write @value unless it is there already
 *
 * A value that is right needs no write permission: works on a read-only
 * /proc/sys.  Return: 0 or negative errno with a message
 */
int sysctl_ensure(const char *name, const char *value, struct nerr *err);

/* sysctl_write() for "net/<family>/conf/<ifname>/<key>".  With @err NULL the caller does
 * not care: the answer is 0 even when it failed.
 */
int sysctl_write_if(const char *family, const char *ifname, const char *key, const char *value,
		    struct nerr *err);

#endif /* BASE_SYSCTL_H */
