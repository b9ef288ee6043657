/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * keys.h - a configuration that everybody reads alike
 *
 * runc is written in Go, whose JSON takes "Seccomp" for "seccomp", the one of two that comes last,
 * and members of both; crun takes the exact name, and the first.  So that a runtime cannot find a
 * network namespace or a profile where we have found another, such documents are refused.
 */
#ifndef OCI_KEYS_H
#define OCI_KEYS_H

#include <stddef.h>

struct json_object;
struct nerr;

/* Of the object at @what, for people: a key that is one of @keys (NULL at the end) in another
 * spelling, or that is not of ASCII.  0, -EINVAL; what is no object has none
 */
int oci_check_spelling(struct json_object *obj, const char *what, const char *const *keys,
		       struct nerr *err);

/* Of a whole document: the top level, "linux" and "linux.seccomp" have each key once. */
int oci_check_twice(const char *json, size_t len, struct nerr *err);

#endif /* OCI_KEYS_H */
