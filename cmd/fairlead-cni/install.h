/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * install.h - put the plugins where runtimes look for them
 */
#ifndef FAIRLEAD_CNI_INSTALL_H
#define FAIRLEAD_CNI_INSTALL_H

#include "cni/cni.h"

struct nerr;

/**
 * install_plugins() - Make this executable's plugins appear in a directory
 * @registry:	Plugins, ends with NULL
 * @dir:	Directory; made when it is missing
 *
 * Each is a hard link to this executable or, where it is on another file system, to one
 * copy of it.  A name that exists is replaced in one step, so that a runtime finds
 * the old plugin or the new one, and never none.
 *
 * Return: 0 or negative errno.  After a failure some may have been replaced
 */
int install_plugins(const struct cni_plugin *const *registry, const char *dir, struct nerr *err);

#endif /* FAIRLEAD_CNI_INSTALL_H */
