/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * version.h - versions of the CNI protocol
 */
#ifndef CNI_VERSION_H
#define CNI_VERSION_H

#include <stdbool.h>

struct nerr;

#define CNI_VERSION_CURRENT "1.1.0"
#define CNI_VERSION_FIRST   "0.1.0"

/* Shapes that results have had. */
enum cni_shape {
	CNI_SHAPE_0_1, /* 0.1.0 0.2.0 */
	CNI_SHAPE_0_3, /* 0.3.0 0.3.1 0.4.0 */
	CNI_SHAPE_1_0, /* 1.0.0 1.1.0 */
	CNI_SHAPE_NONE,
};

enum cni_shape cni_version_shape(const char *version);
/* @a >= @b: 1 or 0; negative with a message when one is no version. "" is 0.1.0. */
int cni_version_at_least(const char *a, const char *b, struct nerr *err);
/* @list ends with NULL. */
bool cni_version_in(const char *version, const char *const *list);

#endif /* CNI_VERSION_H */
