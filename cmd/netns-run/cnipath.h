/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * cnipath.h - where plugins are looked for
 */
#ifndef NETNS_RUN_CNIPATH_H
#define NETNS_RUN_CNIPATH_H

struct nerr;
struct strbuf;

/* Where "make install" puts plugins. */
#ifndef FAIRLEAD_CNIDIR
#	define FAIRLEAD_CNIDIR "/opt/cni/bin"
#endif

/**
 * cnipath_get() - Directories of plugins, separated by colons
 * @first:	--cni-path, NULL when not given
 * @ret:	Text is appended
 *
 * @first, then CNI_PATH, then "cni" and "libexec" beside the directory of our own
 * executable, where they are (the plugins that were built or unpacked with it), then
 * FAIRLEAD_CNIDIR.  All absolute: they are used again from another directory.
 */
int cnipath_get(const char *first, struct strbuf *ret, struct nerr *err);

#endif /* NETNS_RUN_CNIPATH_H */
