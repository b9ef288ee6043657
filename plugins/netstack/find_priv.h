/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * find_priv.h - where netstackd is
 */
#ifndef PLUGINS_NETSTACK_FIND_PRIV_H
#define PLUGINS_NETSTACK_FIND_PRIV_H

struct nerr;
struct strbuf;

/* Where the build installs programs; it says so on the command line of the compiler. */
#ifndef FAIRLEAD_BINDIR
#	define FAIRLEAD_BINDIR "/usr/local/bin"
#endif

/**
 * netstackd_find() - Path of the program
 * @conf:	Of the configuration: the only place then; "" for none
 * @cni_path:	CNI_PATH, whose directories come first; then that of this program and its
 *		sibling "bin", then where programs are installed
 * @ret:	The path is appended
 *
 * Return: 0; -ENOENT with all places that were looked at
 */
int netstackd_find(const char *conf, const char *cni_path, struct strbuf *ret, struct nerr *err);

#endif /* PLUGINS_NETSTACK_FIND_PRIV_H */
