/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * merge.h - our rules in a container's seccomp profile
 *
 * A runtime's bundle has a config.json whose linux.seccomp is resolved: rules with names, an
 * action, errnoRet and args only (runtime-spec, config-linux.md, "Seccomp").  What is not ours in
 * the document keeps its values and its order.
 */
#ifndef OCI_MERGE_H
#define OCI_MERGE_H

#include <stddef.h>

#include "attach/rules.h"

struct nerr;
struct strbuf;

/* Longest config.json that is read. */
#define OCI_CONFIG_MAX (16u << 20)

/**
 * struct oci_merge - What is put in
 * @mode:	Which rules (attach/rules.h)
 * @listener:	Path of the agent's socket: listenerPath
 * @metadata:	Text that comes back to the agent: listenerMetadata
 */
struct oci_merge {
	enum attach_mode mode;
	const char *listener;
	const char *metadata;
};

/**
 * oci_merge() - A whole config.json with our rules merged in
 * @json, @len:	The document
 * @ret:	The new one is appended on 0
 *
 * Each call of ours is taken out of every rule that allows it, and our rules for it are put first;
 * a call that the profile does not allow at all stays forbidden.  One architecture, the
 * machine's, for another one's numbers would go around the rules.  A missing profile is one that
 * allows everything.  What was merged before, for @listener of @conf, is merged anew.
 *
 * Return: 0; -EBUSY when the profile has another listener already (a task can have only one),
 *         -EINVAL for what cannot be read, -ENOMEM
 */
int oci_merge(const char *json, size_t len, const struct oci_merge *conf, struct strbuf *ret,
	      struct nerr *err);

#endif /* OCI_MERGE_H */
