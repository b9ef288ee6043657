/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * taken.c - two containers must not have the same port of the host
 *
 * Rules of ours say in their tag what they listen on.  Those of the reference
 * suite's nft backend carry no tag: their bytecode is compared with what ours
 * would be, of which the part that matches comes first.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/str.h"
#include "plugins/portmap/rules_priv.h"

/* Cut the next word of a tag into @buf. False at the end, or when it does not fit. */
static bool tag_word(const char **tag, char *buf, size_t size)
{
	size_t len;

	*tag += strspn(*tag, " ");
	len = strcspn(*tag, " ");
	if (len == 0 || len >= size)
		return false;
	memcpy(buf, *tag, len);
	buf[len] = '\0';
	*tag += len;
	return true;
}

bool portmap_listener_from_tag(const char *tag, struct portmap_listener *ret)
{
	struct portmap_listener l = { .proto = 0 };
	char word[IPADDR_STR_LEN];
	uint32_t port;

	if (strnlen(tag, PORTMAP_IDENTITY_LEN) < PORTMAP_IDENTITY_LEN)
		return false;
	tag += PORTMAP_IDENTITY_LEN;
	if (*tag != ' ')
		return false;
	if (!tag_word(&tag, word, sizeof(word)) || portmap_proto_from_str(word, &l.proto) < 0)
		return false;
	if (!tag_word(&tag, word, sizeof(word)) || parse_u32(word, 1, UINT16_MAX, &port) < 0)
		return false;
	l.port = (uint16_t)port;
	if (!tag_word(&tag, word, sizeof(word)))
		return false;
	if (strcmp(word, "*") != 0 && ipaddr_from_str(word, &l.ip) < 0)
		return false;
	if (*tag && !tag_word(&tag, l.conds_hash, sizeof(l.conds_hash)))
		return false;
	*ret = l;
	return true;
}

static bool overlaps(const struct portmap_target *t, const struct portmap_mapping *m,
		     const struct portmap_listener *l)
{
	if (ipaddr_is_set(&l->ip) && ipaddr_is_set(&m->host_ip) && !ipaddr_eq(&l->ip, &m->host_ip))
		return false;
	return !*l->conds_hash || !*t->conds_hash || strcmp(l->conds_hash, t->conds_hash) == 0;
}

/* The mapping that meets a rule which carries our tag, or NULL. */
static const struct portmap_mapping *find_tagged(const struct portmap_target *t, const char *tag)
{
	struct portmap_listener l;
	size_t low = 0;
	size_t high = t->n;

	if (!portmap_listener_from_tag(tag, &l))
		return NULL;
	/* The first mapping of that port: one per address may follow. */
	while (low < high) {
		size_t mid = low + (high - low) / 2;
		const struct portmap_mapping *m = t->by_port[mid];

		if (portmap_port_cmp(m->proto, m->host_port, l.proto, l.port) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	for (; low < t->n; low++) {
		const struct portmap_mapping *m = t->by_port[low];

		if (portmap_port_cmp(m->proto, m->host_port, l.proto, l.port) != 0)
			break;
		if (overlaps(t, m, &l))
			return m;
	}
	return NULL;
}

/* How a rule of the reference suite that meets a mapping looks. */
struct untagged_text {
	char *dport;
	char *daddr; /* NULL when the mapping is for any address */
};

struct untagged_texts {
	struct untagged_text *v;
	size_t n;
};

static void untagged_texts_done(struct untagged_texts *texts)
{
	for (size_t i = 0; i < texts->n; i++) {
		free(texts->v[i].dport);
		free(texts->v[i].daddr);
	}
	free(texts->v);
}

static char *match_text(const struct portmap_target *t, const struct portmap_mapping *m)
{
	struct nft_rule *r = nft_rule_new(t->family, PORTMAP_TABLE, PORTMAP_HOSTPORTS);
	char *text;

	portmap_put_listener(r, m);
	text = r ? nft_rule_text(r) : NULL;
	nft_rule_free(r);
	return text;
}

static int untagged_texts_make(const struct portmap_target *t, struct untagged_texts *ret)
{
	ret->v = calloc(t->n, sizeof(*ret->v));
	if (!ret->v)
		return -ENOMEM;
	for (size_t i = 0; i < t->n; i++) {
		struct portmap_mapping any = *t->v[i];

		any.host_ip = (struct ipaddr){ .family = 0 };
		ret->n = i + 1;
		ret->v[i].dport = match_text(t, &any);
		if (!ret->v[i].dport)
			return -ENOMEM;
		if (!ipaddr_is_set(&t->v[i]->host_ip))
			continue;
		ret->v[i].daddr = match_text(t, t->v[i]);
		if (!ret->v[i].daddr)
			return -ENOMEM;
	}
	return 0;
}

/* The mapping that meets a rule without our tag, or NULL. */
static const struct portmap_mapping *
find_untagged(const struct portmap_target *t, const struct untagged_texts *texts, const char *text)
{
	for (size_t i = 0; i < texts->n; i++) {
		const struct untagged_text *want = &texts->v[i];

		if (want->daddr
			    ? str_has_prefix(text, want->dport) || str_has_prefix(text, want->daddr)
			    : strstr(text, want->dport) != NULL)
			return t->v[i];
	}
	return NULL;
}

static int report_taken(const struct portmap_mapping *m, const struct nft_rule_info *rule,
			struct nerr *err)
{
	char addr[IPADDR_STR_LEN] = "";
	bool v6 = m->host_ip.family == AF_INET6;

	(void)ipaddr_to_str(&m->host_ip, addr);
	return nerr_set(err, -EADDRINUSE,
			"host port %s%s%s%s%u/%s is already mapped to container \"%s\"",
			v6 ? "[" : "", addr, v6 ? "]" : "", *addr ? ":" : "", m->host_port,
			portmap_proto_str(m->proto), rule->comment);
}

int portmap_check_taken(const struct portmap_target *t, const struct portmap_owner *o,
			const struct nft_rules *rules, bool before_own, struct nerr *err)
{
	CLEANUP(untagged_texts_done) struct untagged_texts texts = { .n = 0 };

	for (size_t i = 0; i < rules->n && t->n; i++) {
		const struct nft_rule_info *rule = &rules->v[i];
		const struct portmap_mapping *m;

		if (portmap_owner_has(o, rule)) {
			if (before_own)
				break;
			continue;
		}
		/* Another network of this container may have the same ports; nor does a
		 * rule count that somebody put there by hand.
		 */
		if (!*rule->comment || strcmp(rule->comment, o->comment) == 0)
			continue;
		if (!*rule->tag && !texts.v && untagged_texts_make(t, &texts) < 0)
			return nerr_oom(err);
		m = *rule->tag ? find_tagged(t, rule->tag) : find_untagged(t, &texts, rule->text);
		if (m)
			return report_taken(m, rule, err);
	}
	return 0;
}
