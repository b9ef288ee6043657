/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * config.h - the bundle's config.json, with our rules when it is one of ours
 */
#ifndef FAIRLEAD_RUNC_CONFIG_H
#define FAIRLEAD_RUNC_CONFIG_H

struct nerr;

/* Look at @bundle/config.json, or @config if that is not NULL, and replace it in one step, with its
 * mode and owner, if the container's network namespace is served.  A file that is not there is the
 * runtime's to complain about.  0, or an error after which the container is not made.
 */
int config_serve(const char *bundle, const char *config, struct nerr *err);

#endif /* FAIRLEAD_RUNC_CONFIG_H */
