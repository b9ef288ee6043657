/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * check.c - CHECK: the rules are compared by content, not counted
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "plugin/nets.h"
#include "plugins/portmap/install_priv.h"
#include "plugins/portmap/table_priv.h"

struct check {
	struct nlsock *nl;
	const struct portmap_owner *owner;
};

static int text_cmp(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* The own rules of a chain, as sorted texts. */
struct own_texts {
	struct nft_rules rules;
	const char **v;
	size_t n;
};

static void own_texts_done(struct own_texts *own)
{
	free(own->v);
	nft_rules_done(&own->rules);
}

static int own_texts_read(const struct check *ck, uint8_t family, const char *chain,
			  struct own_texts *ret, struct nerr *err)
{
	int r = nft_rules_get(ck->nl, family, PORTMAP_TABLE, chain, &ret->rules, err);

	if (r < 0)
		return r == -ENOENT ? 0 : r;
	ret->v = calloc(ret->rules.n + 1, sizeof(*ret->v));
	if (!ret->v)
		return nerr_oom(err);
	for (size_t i = 0; i < ret->rules.n; i++)
		if (portmap_owner_has(ck->owner, &ret->rules.v[i]))
			ret->v[ret->n++] = ret->rules.v[i].text;
	if (ret->n)
		qsort(ret->v, ret->n, sizeof(*ret->v), text_cmp);
	return 0;
}

/* Takes @want. */
static int check_rule(const struct own_texts *own, const char *chain, struct nft_rule *want,
		      struct nerr *err)
{
	cleanup_free char *text = want ? nft_rule_text(want) : NULL;

	nft_rule_free(want);
	if (!text)
		return nerr_oom(err);
	if (!own->n || !bsearch(&text, own->v, own->n, sizeof(*own->v), text_cmp))
		return nerr_set(err, -ENOENT, "missing hostport rules in \"%s\" chain", chain);
	return 0;
}

static int check_chains(const struct check *ck, const struct portmap_target *t, struct nerr *err)
{
	CLEANUP(own_texts_done) struct own_texts hostports = { .n = 0 };
	CLEANUP(own_texts_done) struct own_texts masq = { .n = 0 };
	int r;

	r = own_texts_read(ck, t->family, PORTMAP_HOSTPORTS, &hostports, err);
	for (size_t i = 0; r == 0 && i < t->n; i++) {
		r = check_rule(&hostports, PORTMAP_HOSTPORTS,
			       portmap_hostport_rule(t, t->v[i], ck->owner), err);
		if (r == -ENOENT)
			(void)nerr_details(err, "host port %u/%s to port %u of the container",
					   t->v[i]->host_port, portmap_proto_str(t->v[i]->proto),
					   t->v[i]->container_port);
	}
	if (r == 0 && portmap_n_masq_rules(t))
		r = own_texts_read(ck, t->family, PORTMAP_MASQUERADING, &masq, err);
	for (size_t i = 0; r == 0 && i < portmap_n_masq_rules(t); i++)
		r = check_rule(&masq, PORTMAP_MASQUERADING, portmap_masq_rule(t, i, ck->owner),
			       err);
	return r;
}

int portmap_check(struct plugin_nets *nets, const struct portmap_plan *plan,
		  const struct portmap_owner *owner, struct nerr *err)
{
	struct check ck = { .owner = owner };
	int r = plugin_nets_nft(nets, err);

	if (r < 0)
		return r;
	ck.nl = nets->nft;
	for (size_t i = 0; i < PORTMAP_FAMILIES; i++) {
		const struct portmap_target *t = &plan->target[i];

		if (!t->n)
			continue;
		r = check_chains(&ck, t, err);
		if (r < 0)
			return r;
		r = portmap_table_check(ck.nl, t->family, err);
		if (r < 0)
			return r;
		if (r == 0)
			return nerr_set(err, -ENOENT,
					"packets do not reach the \"" PORTMAP_HOSTPORTS
					"\" chain: table %s " PORTMAP_TABLE
					" is not as it was made",
					t->family == AF_INET ? "ip" : "ip6");
	}
	return 0;
}
