/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * ifname.h - names of interfaces that come from a configuration
 */
#ifndef PLUGIN_IFNAME_H
#define PLUGIN_IFNAME_H

struct nerr;

/**
 * ifname_check() - A name the kernel would take for an interface
 * @key:	Key of the configuration it came from, for the message
 * @name:	1 to 15 bytes, no '/', no ':', no white space, not "." or ".." (dev_valid_name()
 *		of the kernel's net/core/dev.c)
 *
 * Such names become parts of paths below /proc/sys, so nothing else may pass.
 *
 * Return: 0 or -EINVAL
 */
int ifname_check(const char *key, const char *name, struct nerr *err);

#endif /* PLUGIN_IFNAME_H */
