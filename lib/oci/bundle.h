/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * bundle.h - what a container's config.json says of its network
 */
#ifndef OCI_BUNDLE_H
#define OCI_BUNDLE_H

#include <stdbool.h>
#include <stddef.h>

struct nerr;

/**
 * struct oci_bundle - A container that is about to be made
 * @netns:	Path of its network namespace; NULL for a new one, and for the host's
 * @is_sandbox:	The annotations of containerd or CRI-O say that it is a pod's pause container
 *
 * Strings are owned.
 */
struct oci_bundle {
	char *netns;
	bool is_sandbox;
};

/* -EINVAL for what is no configuration */
int oci_bundle_read(const char *json, size_t len, struct oci_bundle *ret, struct nerr *err);
void oci_bundle_done(struct oci_bundle *b);

#endif /* OCI_BUNDLE_H */
