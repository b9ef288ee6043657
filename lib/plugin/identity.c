/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "plugin/identity.h"

#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/hash.h"
#include "cni/cni.h"

int identity_of(const char *net_name, const char *container_id, const char *ifname,
		struct identity *ret, struct nerr *err)
{
	struct arena arena = ARENA_INIT;
	const char *instance = arena_printf(&arena, "%s:%s", ifname, container_id);

	if (!instance)
		return nerr_oom(err);
	hash_name(ret->text, IDENTITY_HASH_LEN, "", net_name);
	ret->text[IDENTITY_HASH_LEN] = '-';
	hash_name(ret->text + IDENTITY_HASH_LEN + 1, IDENTITY_HASH_LEN, "", instance);
	arena_done(&arena);
	return 0;
}

int identity_of_call(const struct cni_call *call, struct identity *ret, struct nerr *err)
{
	return identity_of(call->net_name, call->container_id, call->ifname, ret, err);
}

static int identity_cmp(const void *a, const void *b)
{
	const struct identity *x = a;
	const struct identity *y = b;

	return strcmp(x->text, y->text);
}

struct identity *identity_set_valid(struct cni_call *call, struct nerr *err)
{
	struct identity *set =
		arena_calloc(json_doc_arena(call->doc), call->n_valid + 1, sizeof(*set));

	if (!set) {
		(void)nerr_oom(err);
		return NULL;
	}
	for (size_t i = 0; i < call->n_valid; i++)
		if (identity_of(call->net_name, call->valid[i].container_id, call->valid[i].ifname,
				&set[i], err) < 0)
			return NULL;
	if (call->n_valid)
		qsort(set, call->n_valid, sizeof(*set), identity_cmp);
	return set;
}

bool identity_is_garbage(const struct cni_call *call, const char *text,
			 const struct identity *valid)
{
	char net[IDENTITY_HASH_LEN + 1];
	struct identity key;

	if (strnlen(text, sizeof(key.text) - 1) < sizeof(key.text) - 1)
		return false;
	hash_name(net, IDENTITY_HASH_LEN, "", call->net_name);
	if (memcmp(text, net, IDENTITY_HASH_LEN) != 0 || text[IDENTITY_HASH_LEN] != '-')
		return false;
	memcpy(key.text, text, sizeof(key.text) - 1);
	key.text[sizeof(key.text) - 1] = '\0';
	return !call->n_valid || !bsearch(&key, valid, call->n_valid, sizeof(*valid), identity_cmp);
}
