/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/str.h"
#include "plugins/firewall/source_priv.h"

#define ID_LEN (sizeof(((struct identity *)NULL)->text) - 1)

static_assert(ID_LEN + 1 + SOURCE_MARK_MAX <= NFT_TAG_MAX, "a tag has room for a mark");

int source_mark_of(const char *zone, const struct ipaddr *addr, struct source_mark *ret)
{
	char text[IPADDR_STR_LEN];

	if (strlen(zone) > SOURCE_ZONE_MAX)
		return -ENAMETOOLONG;
	(void)snprintf(ret->text, sizeof(ret->text), "%s %s", zone, ipaddr_to_str(addr, text));
	return 0;
}

const char *source_addr(const struct ipaddr *addr, char buf[static IPNET_STR_LEN])
{
	const struct ipnet host = { *addr, ipaddr_bits(addr) };

	return ipnet_to_str(&host, buf);
}

int source_mark_read(const struct source_mark *mark, char zone[static SOURCE_ZONE_MAX + 1],
		     char addr[static IPNET_STR_LEN])
{
	const char *blank = strrchr(mark->text, ' '); /* an address has none */
	struct ipaddr a;

	if (!blank || blank == mark->text || blank - mark->text > SOURCE_ZONE_MAX ||
	    ipaddr_from_str(blank + 1, &a) < 0)
		return -EINVAL;
	memcpy(zone, mark->text, (size_t)(blank - mark->text));
	zone[blank - mark->text] = '\0';
	(void)source_addr(&a, addr);
	return 0;
}

void source_tag(const struct identity *id, const char *mark, char ret[static NFT_TAG_MAX + 1])
{
	(void)snprintf(ret, NFT_TAG_MAX + 1, "%s%s%s", id->text, *mark ? " " : "", mark);
}

bool source_tag_is_of(const char *tag, const struct identity *id)
{
	return str_has_prefix(tag, id->text) && (!tag[ID_LEN] || tag[ID_LEN] == ' ');
}

const char *source_tag_mark(const char *tag)
{
	return strnlen(tag, ID_LEN + 1) > ID_LEN && tag[ID_LEN] == ' ' ? tag + ID_LEN + 1 : "";
}

int source_list_add(struct source_list *list, const char *mark, struct nerr *err)
{
	struct source **end = &list->first;
	struct source *s;

	for (; *end; end = &(*end)->next)
		if (strcmp((*end)->mark.text, mark) == 0)
			return 0;
	s = arena_alloc(list->mem, sizeof(*s));
	if (!s)
		return nerr_oom(err);
	if (str_copy(s->mark.text, sizeof(s->mark.text), mark) == 0)
		*end = s;
	return 0;
}

void source_list_drop(struct source_list *list, const char *mark)
{
	struct source **p = &list->first;

	while (*p && strcmp((*p)->mark.text, mark) != 0)
		p = &(*p)->next;
	if (*p)
		*p = (*p)->next;
}
