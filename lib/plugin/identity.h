/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * identity.h - the names by which rules of an attachment are found again
 *
 * An attachment is a network, a container and an interface of it.  Its rules carry
 * "<network hash>-<instance hash>": DEL finds one attachment's rules by the whole,
 * GC finds a network's by the first half.  Hashes as the reference suite makes
 * them, so that both suites find each other's masquerade rules.
 */
#ifndef PLUGIN_IDENTITY_H
#define PLUGIN_IDENTITY_H

#include <stdbool.h>

struct cni_call;
struct nerr;

#define IDENTITY_HASH_LEN 16

/* Text "<16 hex>-<16 hex>". */
struct identity {
	char text[IDENTITY_HASH_LEN + 1 + IDENTITY_HASH_LEN + 1];
};

/* The attachment of a call. 0 or -ENOMEM. */
int identity_of_call(const struct cni_call *call, struct identity *ret, struct nerr *err);
/* Any attachment of a network. 0 or -ENOMEM. */
int identity_of(const char *net_name, const char *container_id, const char *ifname,
		struct identity *ret, struct nerr *err);

/**
 * identity_set_valid() - The identities that a GC request keeps
 * @call:	GC call
 *
 * Return: sorted array of call->n_valid, in the call's arena; NULL on OOM
 */
struct identity *identity_set_valid(struct cni_call *call, struct nerr *err);

/**
 * identity_is_garbage() - A rule's identity belongs to the call's network and is not valid
 * @text:	Begins with an identity, or is something else (never garbage)
 * @valid:	From identity_set_valid()
 */
bool identity_is_garbage(const struct cni_call *call, const char *text,
			 const struct identity *valid);

#endif /* PLUGIN_IDENTITY_H */
