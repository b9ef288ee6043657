/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * serve.h - a container whose network namespace is served by a netstackd gets our rules
 *
 * What the wrapper of the runtime and podman's precreate hook have in common.
 */
#ifndef OCI_SERVE_H
#define OCI_SERVE_H

#include <stdbool.h>
#include <stddef.h>

struct nerr;
struct strbuf;

/* Socket of the agent below ctl_dir(): listenerPath of the containers we serve. */
#define OCI_AGENT_SOCKET "agent"

/**
 * oci_serve() - Look at a config.json and, if it is one of ours, merge
 * @json, @len:	The document
 * @ret:	The new document, only with @ret_served
 * @ret_served:	The container has a network namespace that a netstackd serves, and is no pod's
 *		pause container
 *
 * Whoever gets an error does not start the container.
 */
int oci_serve(const char *json, size_t len, struct strbuf *ret, bool *ret_served, struct nerr *err);

#endif /* OCI_SERVE_H */
