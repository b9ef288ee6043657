/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * source_priv.h - which addresses of an attachment are sources of a zone of firewalld
 *
 * firewalld does not say who added a source.  So the rule that accepts packets from the
 * address (forward_priv.h) remembers it in its tag: "<identity> <zone> <address>".
 * It is put before firewalld is asked, and whoever deletes the rule removes the
 * source: DEL also without prevResult, GC, a second ADD with another zone.
 * An address that a rule of another attachment names, too, stays.
 */
#ifndef PLUGINS_FIREWALL_SOURCE_PRIV_H
#define PLUGINS_FIREWALL_SOURCE_PRIV_H

#include <stdbool.h>

#include "base/ipaddr.h"
#include "nft/nft.h"
#include "plugin/identity.h"

struct arena;
struct nerr;

/* Eight groups of IPv6, and what they and an identity leave of a tag. */
#define SOURCE_ADDR_MAX 39
#define SOURCE_ZONE_MAX 22
#define SOURCE_MARK_MAX (SOURCE_ZONE_MAX + 1 + SOURCE_ADDR_MAX)

/* "<zone> <address>" */
struct source_mark {
	char text[SOURCE_MARK_MAX + 1];
};

/* A source, in a list. */
struct source {
	struct source *next;
	struct source_mark mark;
};

/**
 * struct source_list - Sources to be removed
 * @mem:	What the list lives in
 */
struct source_list {
	struct source *first;
	struct arena *mem;
};

/* 0, or -ENAMETOOLONG when @zone is longer than SOURCE_ZONE_MAX. */
int source_mark_of(const char *zone, const struct ipaddr *addr, struct source_mark *ret);
/* @addr as firewalld takes it: "10.9.0.2/32". Return: @buf */
const char *source_addr(const struct ipaddr *addr, char buf[static IPNET_STR_LEN]);
/* The two halves of a mark; @addr as of source_addr(). 0, or -EINVAL when it is none. */
int source_mark_read(const struct source_mark *mark, char zone[static SOURCE_ZONE_MAX + 1],
		     char addr[static IPNET_STR_LEN]);

/* The tag of a rule of an attachment; @mark is "" for none. */
void source_tag(const struct identity *id, const char *mark, char ret[static NFT_TAG_MAX + 1]);
/* A tag is of this attachment. */
bool source_tag_is_of(const char *tag, const struct identity *id);
/* The mark in a tag, "" for none. Borrowed from @tag. */
const char *source_tag_mark(const char *tag);

/* Once each. What is no mark is left out. 0 or -ENOMEM. */
int source_list_add(struct source_list *list, const char *mark, struct nerr *err);
void source_list_drop(struct source_list *list, const char *mark);

#endif /* PLUGINS_FIREWALL_SOURCE_PRIV_H */
