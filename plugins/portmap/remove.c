/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <netinet/in.h>
#include <string.h>

#include "base/arena.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "nft/nft.h"
#include "plugin/transact.h"
#include "plugins/portmap/install_priv.h"

#define UDP_SIZE_FIRST 16

struct removal {
	portmap_match *match;
	const void *arg;
	struct arena *arena;
	struct portmap_removed removed;
};

static int add_udp(struct portmap_gone *gone, struct arena *arena, uint16_t port)
{
	if (gone->n_udp == gone->udp_size) {
		size_t size = gone->udp_size ? 2 * gone->udp_size : UDP_SIZE_FIRST;
		uint16_t *udp = arena_calloc(arena, size, sizeof(*udp));

		if (!udp)
			return -ENOMEM;
		if (gone->n_udp)
			memcpy(udp, gone->udp, gone->n_udp * sizeof(*udp));
		gone->udp = udp;
		gone->udp_size = size;
	}
	gone->udp[gone->n_udp++] = port;
	return 0;
}

/* Remember what a rule that goes was for. */
static int note_rule(struct portmap_gone *gone, struct arena *arena,
		     const struct nft_rule_info *rule)
{
	struct portmap_listener l;

	if (!*rule->tag)
		gone->untagged = true;
	if (!portmap_listener_from_tag(rule->tag, &l) || l.proto != IPPROTO_UDP)
		return 0;
	return add_udp(gone, arena, l.port);
}

/* 0, -ENOENT when the chain is missing, another errno. */
static int put_del_chain(struct removal *rm, struct nlsock *nl, struct nft_batch *batch, size_t i,
			 const char *chain, struct nerr *err)
{
	CLEANUP(nft_rules_done) struct nft_rules rules = { .n = 0 };
	uint8_t family = portmap_families[i];
	int r;

	r = nft_rules_list(nl, family, PORTMAP_TABLE, chain, &rules, err);
	if (r < 0)
		return r;
	for (size_t k = 0; k < rules.n; k++) {
		if (!rm->match(&rules.v[k], rm->arg))
			continue;
		nft_batch_del_rule(batch, family, PORTMAP_TABLE, chain, rules.v[k].handle);
		if (note_rule(&rm->removed.family[i], rm->arena, &rules.v[k]) < 0)
			return nerr_oom(err);
	}
	return 0;
}

static int build_removal(struct nlsock *nl, struct nft_batch *batch, bool *depends, void *arg,
			 struct nerr *err)
{
	static const char *const chains[] = { PORTMAP_HOSTPORTS, PORTMAP_HOSTIP,
					      PORTMAP_MASQUERADING };
	struct removal *rm = arg;

	*depends = false;
	memset(&rm->removed, 0, sizeof(rm->removed));
	for (size_t i = 0; i < PORTMAP_FAMILIES; i++) {
		for (size_t k = 0; k < ARRAY_SIZE(chains); k++) {
			int r = put_del_chain(rm, nl, batch, i, chains[k], err);

			/* Without the first there is no table. */
			if (r == -ENOENT && k == 0)
				break;
			if (r < 0 && r != -ENOENT)
				return r;
		}
	}
	return 0;
}

int portmap_remove(struct plugin_nets *nets, portmap_match *match, const void *arg,
		   struct arena *arena, struct portmap_removed *ret, struct nerr *err)
{
	struct removal rm = { .match = match, .arg = arg, .arena = arena };
	int r = transact(nets, build_removal, &rm, err);

	if (r < 0)
		return r;
	*ret = rm.removed;
	return 0;
}

static bool is_own(const struct nft_rule_info *rule, const void *arg)
{
	return portmap_owner_has(arg, rule);
}

int portmap_remove_own(struct plugin_nets *nets, const struct portmap_owner *owner,
		       struct arena *arena, struct portmap_removed *ret, struct nerr *err)
{
	return portmap_remove(nets, is_own, owner, arena, ret, err);
}
