/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <assert.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "base/str.h"
#include "cni/cni.h"
#include "plugins/portmap/rules_priv.h"

/* Of an IPv6 address in eight groups; a mapped one, which is longer, is IPv4 here. */
#define ADDR_LEN 39

/* identity, " sctp", " 65535", " " and an address, " " and a hash */
static_assert(PORTMAP_IDENTITY_LEN + 5 + 6 + 1 + ADDR_LEN + 1 + CONDITIONS_HASH_LEN <= NFT_TAG_MAX,
	      "a tag holds all that is put into it");

int portmap_owner_init(const struct cni_call *call, struct portmap_owner *ret, struct nerr *err)
{
	/* A comment is cut at its limit, so an id has to be before it is compared. */
	(void)snprintf(ret->comment, sizeof(ret->comment), "%s", call->container_id);
	return identity_of_call(call, &ret->id, err);
}

bool portmap_owner_has(const struct portmap_owner *o, const struct nft_rule_info *rule)
{
	if (!*rule->tag)
		return strcmp(rule->comment, o->comment) == 0;
	return str_has_prefix(rule->tag, o->id.text) &&
	       (rule->tag[PORTMAP_IDENTITY_LEN] == '\0' || rule->tag[PORTMAP_IDENTITY_LEN] == ' ');
}

static struct ipnet host_net(const struct ipaddr *a)
{
	return (struct ipnet){ .addr = *a, .prefix_len = ipaddr_bits(a) };
}

void portmap_put_listener(struct nft_rule *r, const struct portmap_mapping *m)
{
	struct ipnet net = host_net(&m->host_ip);

	if (ipaddr_is_set(&m->host_ip))
		nft_rule_daddr(r, &net, false);
	nft_rule_dport(r, m->proto, m->host_port, m->host_port);
}

static void put_listener_tag(struct nft_rule *r, const struct portmap_target *t,
			     const struct portmap_mapping *m, const struct portmap_owner *o)
{
	char addr[IPADDR_STR_LEN];
	char tag[NFT_TAG_MAX + 1];

	(void)snprintf(tag, sizeof(tag), "%s %s %u %s%s%s", o->id.text, portmap_proto_str(m->proto),
		       m->host_port,
		       ipaddr_is_set(&m->host_ip) ? ipaddr_to_str(&m->host_ip, addr) : "*",
		       *t->conds_hash ? " " : "", t->conds_hash);
	nft_rule_tag(r, tag);
}

struct nft_rule *portmap_hostport_rule(const struct portmap_target *t,
				       const struct portmap_mapping *m,
				       const struct portmap_owner *o)
{
	struct nft_rule *r = nft_rule_new(t->family, PORTMAP_TABLE, PORTMAP_HOSTPORTS);

	portmap_put_listener(r, m);
	conditions_put(t->conds, r);
	nft_rule_dnat(r, &t->addr, m->container_port);
	nft_rule_comment(r, o->comment);
	put_listener_tag(r, t, m, o);
	return r;
}

size_t portmap_n_masq_rules(const struct portmap_target *t)
{
	if (!t->n || !t->snat)
		return 0;
	/* The second is for localhost, which IPv6 does not route out. */
	return t->family == AF_INET && !t->masq_all ? 2 : 1;
}

struct nft_rule *portmap_masq_rule(const struct portmap_target *t, size_t i,
				   const struct portmap_owner *o)
{
	const struct ipnet localhost = { .addr = { AF_INET, { 127, 0, 0, 1 } }, .prefix_len = 32 };
	const struct ipnet any = { .addr = { .family = t->family }, .prefix_len = 0 };
	const struct ipnet cont = host_net(&t->addr);
	struct nft_rule *r = nft_rule_new(t->family, PORTMAP_TABLE, PORTMAP_MASQUERADING);

	if (t->masq_all)
		nft_rule_saddr(r, &any, false);
	else
		nft_rule_saddr(r, i == 0 ? &cont : &localhost, false);
	nft_rule_daddr(r, &cont, false);
	nft_rule_masquerade(r);
	nft_rule_comment(r, o->comment);
	nft_rule_tag(r, o->id.text);
	return r;
}
