/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * version.h - the version of this release
 */
#ifndef BASE_VERSION_H
#define BASE_VERSION_H

/* MAJOR.MINOR.PATCH.  Not below 1.1.0: nerdctl reads it from what a plugin says
 * about itself and uses the ingressPolicy of "firewall" only from 1.1.0 on.
 */
#define FAIRLEAD_VERSION "1.2.0"

#endif /* BASE_VERSION_H */
