/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/hash.h"
#include "base/json_table.h"
#include "base/str.h"
#include "nft/nft.h"
#include "plugins/portmap/conditions_priv.h"

/* Longest argument that can be right is a quoted IPv6 network. */
#define WORD_LEN (IPNET_STR_LEN + 2)

/**
 * struct words - The arguments, one word after the other
 * @rest:	Where the next word of the current argument begins, NULL at its end
 * @word:	Last word read, "" after the end
 */
struct words {
	const char *key;
	uint8_t family;
	const struct json_strings *args;
	size_t next;
	const char *rest;
	char word[WORD_LEN];
	struct conditions *ret;
	struct nerr *err;
};

static int refuse(struct words *w, const char *why)
{
	return nerr_set(w->err, -EINVAL, "%s: '%s' %s", w->key, w->word, why);
}

/* Read the next word. 1, 0 at the end, negative when it is too long to be anything. */
static int words_next(struct words *w)
{
	static const char blanks[] = " \t\r\n";
	size_t len;

	w->word[0] = '\0';
	for (;;) {
		if (!w->rest) {
			if (w->next == w->args->n)
				return 0;
			w->rest = w->args->v[w->next++];
		}
		w->rest += strspn(w->rest, blanks);
		if (*w->rest)
			break;
		w->rest = NULL;
	}
	len = strcspn(w->rest, blanks);
	if (len >= sizeof(w->word))
		return nerr_set(w->err, -EINVAL, "%s: '%.*s...' is not understood", w->key,
				(int)sizeof(w->word) - 1, w->rest);
	memcpy(w->word, w->rest, len);
	w->word[len] = '\0';
	w->rest += len;
	return 1;
}

/* The word that must follow @what, with the quotes of nft taken off. */
static int words_value(struct words *w, const char *what)
{
	size_t len;
	int r = words_next(w);

	if (r < 0)
		return r;
	if (r == 0)
		return nerr_set(w->err, -EINVAL, "%s: '%s' needs a value", w->key, what);
	len = strlen(w->word);
	if (len >= 2 && w->word[0] == '"' && w->word[len - 1] == '"') {
		memmove(w->word, w->word + 1, len - 2);
		w->word[len - 2] = '\0';
	}
	return 0;
}

static int words_expect(struct words *w, const char *after, const char *want)
{
	int r = words_value(w, after);

	if (r < 0)
		return r;
	if (!str_eq_nocase(w->word, want))
		return refuse(w, "is not understood");
	return 0;
}

static int conditions_add(struct words *w, const struct condition *c)
{
	if (w->ret->n == CONDITIONS_MAX)
		return nerr_set(w->err, -E2BIG, "%s: more than %d conditions", w->key,
				CONDITIONS_MAX);
	w->ret->v[w->ret->n++] = *c;
	return 0;
}

static int add_net(struct words *w, enum condition_kind kind, bool neq)
{
	struct condition c = { .kind = kind, .neq = neq };

	if (strchr(w->word, '/')) {
		if (ipnet_from_str(w->word, &c.net) < 0)
			return refuse(w, "is not a network");
		c.net.addr = ipnet_network(&c.net);
	} else {
		if (ipaddr_from_str(w->word, &c.net.addr) < 0)
			return refuse(w, "is not an address");
		c.net.prefix_len = ipaddr_bits(&c.net.addr);
	}
	if (c.net.addr.family != w->family)
		return refuse(w, w->family == AF_INET ? "is not IPv4" : "is not IPv6");
	if (c.net.prefix_len == 0)
		return neq ? refuse(w, "excludes every packet") : 0;
	return conditions_add(w, &c);
}

/* @wildcard: the character that stands for any rest at the end of a name. */
static int add_interface(struct words *w, enum condition_kind kind, bool neq, char wildcard)
{
	struct condition c = { .kind = kind, .neq = neq };
	size_t len = strlen(w->word);
	bool any = len && w->word[len - 1] == wildcard;

	if (any)
		len--;
	/* A star must not come in by another way; nft escapes one with a backslash. */
	if (len == 0 || len + any >= sizeof(c.ifname) || strcspn(w->word, "*/\\") < len)
		return refuse(w, "is not the name of an interface");
	memcpy(c.ifname, w->word, len);
	if (any)
		c.ifname[len] = '*';
	return conditions_add(w, &c);
}

/* A number as both tools take it: decimal, 0x hexadecimal, 0 octal. */
static int parse_mark(const char *text, uint32_t *ret)
{
	unsigned long v;
	char *end;

	if (!isdigit((unsigned char)*text))
		return -EINVAL;
	errno = 0;
	v = strtoul(text, &end, 0);
	if (errno || *end || v > UINT32_MAX)
		return -EINVAL;
	*ret = (uint32_t)v;
	return 0;
}

static int add_mark(struct words *w, uint32_t mask, uint32_t mark)
{
	struct condition c = { .kind = CONDITION_MARK, .mask = mask, .mark = mark };

	if (mark & ~mask)
		return refuse(w, "has bits outside the mask");
	return mask ? conditions_add(w, &c) : 0;
}

/* --- iptables --- */

/* V or V/M */
static int ipt_mark(struct words *w)
{
	char text[WORD_LEN];
	uint32_t mask = UINT32_MAX;
	uint32_t mark;
	char *slash;

	memcpy(text, w->word, sizeof(text));
	slash = strchr(text, '/');
	if (slash)
		*slash++ = '\0';
	if (parse_mark(text, &mark) < 0 || (slash && parse_mark(slash, &mask) < 0))
		return refuse(w, "is not a mark");
	return add_mark(w, mask, mark);
}

static int ipt_match(struct words *w)
{
	int r = words_value(w, "-m");

	if (r < 0)
		return r;
	/* Only loads an extension; what it is to match follows. */
	if (strcmp(w->word, "mark") == 0 || strcmp(w->word, "addrtype") == 0)
		return 0;
	return refuse(w, "is not understood");
}

enum ipt_option {
	IPT_SADDR,
	IPT_DADDR,
	IPT_IN,
	IPT_OUT,
	IPT_MATCH,
	IPT_MARK,
	IPT_DST_TYPE,
	IPT_UNKNOWN,
};

static enum ipt_option ipt_option(const char *word)
{
	static const struct {
		const char *name;
		enum ipt_option option;
	} table[] = {
		{ "-s", IPT_SADDR },
		{ "--source", IPT_SADDR },
		{ "--src", IPT_SADDR },
		{ "-d", IPT_DADDR },
		{ "--destination", IPT_DADDR },
		{ "--dst", IPT_DADDR },
		{ "-i", IPT_IN },
		{ "--in-interface", IPT_IN },
		{ "-o", IPT_OUT },
		{ "--out-interface", IPT_OUT },
		{ "-m", IPT_MATCH },
		{ "--match", IPT_MATCH },
		{ "--mark", IPT_MARK },
		{ "--dst-type", IPT_DST_TYPE },
	};

	for (size_t i = 0; i < ARRAY_SIZE(table); i++)
		if (strcmp(word, table[i].name) == 0)
			return table[i].option;
	return IPT_UNKNOWN;
}

static int ipt_condition(struct words *w)
{
	enum ipt_option option;
	char name[WORD_LEN];
	bool neq = strcmp(w->word, "!") == 0;
	int r = neq ? words_value(w, "!") : 0;

	if (r < 0)
		return r;
	option = ipt_option(w->word);
	if (option == IPT_UNKNOWN)
		return refuse(w, "is not understood");
	if (neq && (option == IPT_MATCH || option == IPT_MARK || option == IPT_DST_TYPE))
		return refuse(w, "cannot be negated here");
	if (option == IPT_MATCH)
		return ipt_match(w);
	memcpy(name, w->word, sizeof(name));
	/* Only packets to the host's own addresses get here: nothing to match. */
	if (option == IPT_DST_TYPE)
		return words_expect(w, name, "LOCAL");
	r = words_value(w, name);
	if (r < 0)
		return r;
	if (option == IPT_MARK)
		return ipt_mark(w);
	if (option == IPT_SADDR || option == IPT_DADDR)
		return add_net(w, option == IPT_SADDR ? CONDITION_SADDR : CONDITION_DADDR, neq);
	return add_interface(w, option == IPT_IN ? CONDITION_IIFNAME : CONDITION_OIFNAME, neq, '+');
}

/* --- nft --- */

/* [!=|==] VALUE: leaves VALUE in w->word. */
static int nft_value(struct words *w, const char *what, bool *neq)
{
	int r = words_value(w, what);

	*neq = false;
	if (r < 0)
		return r;
	if (strcmp(w->word, "!=") == 0 || strcmp(w->word, "ne") == 0)
		*neq = true;
	else if (strcmp(w->word, "==") != 0 && strcmp(w->word, "eq") != 0)
		return 0;
	return words_value(w, what);
}

static int nft_address(struct words *w)
{
	enum condition_kind kind;
	bool neq;
	int r;

	if (strcmp(w->word, w->family == AF_INET ? "ip" : "ip6") != 0)
		return refuse(w, w->family == AF_INET ? "is not IPv4" : "is not IPv6");
	r = words_value(w, w->family == AF_INET ? "ip" : "ip6");
	if (r < 0)
		return r;
	if (strcmp(w->word, "saddr") == 0)
		kind = CONDITION_SADDR;
	else if (strcmp(w->word, "daddr") == 0)
		kind = CONDITION_DADDR;
	else
		return refuse(w, "is not understood");
	r = nft_value(w, kind == CONDITION_SADDR ? "saddr" : "daddr", &neq);
	if (r < 0)
		return r;
	return add_net(w, kind, neq);
}

/* mark [== V], mark and|& M == V */
static int nft_mark(struct words *w)
{
	uint32_t mask = UINT32_MAX;
	uint32_t mark;
	bool neq;
	int r = nft_value(w, "mark", &neq);

	if (r == 0 && !neq && (strcmp(w->word, "and") == 0 || strcmp(w->word, "&") == 0)) {
		r = words_value(w, "and");
		if (r < 0)
			return r;
		if (parse_mark(w->word, &mask) < 0)
			return refuse(w, "is not a mask");
		r = nft_value(w, "mark", &neq);
	}
	if (r < 0)
		return r;
	if (neq)
		return refuse(w, "cannot be negated here");
	if (parse_mark(w->word, &mark) < 0)
		return refuse(w, "is not a mark");
	return add_mark(w, mask, mark);
}

static int nft_meta(struct words *w)
{
	enum condition_kind kind = CONDITION_IIFNAME;
	bool neq;
	int r;

	if (strcmp(w->word, "mark") == 0)
		return nft_mark(w);
	if (strcmp(w->word, "oifname") == 0)
		kind = CONDITION_OIFNAME;
	else if (strcmp(w->word, "iifname") != 0)
		return refuse(w, "is not understood");
	r = nft_value(w, kind == CONDITION_IIFNAME ? "iifname" : "oifname", &neq);
	if (r < 0)
		return r;
	return add_interface(w, kind, neq, '*');
}

static int nft_condition(struct words *w)
{
	int r = 0;

	if (strcmp(w->word, "ip") == 0 || strcmp(w->word, "ip6") == 0)
		return nft_address(w);
	if (strcmp(w->word, "fib") == 0) {
		/* Only packets to the host's own addresses get here: nothing to match. */
		r = words_expect(w, "fib", "daddr");
		if (r == 0)
			r = words_expect(w, "fib daddr", "type");
		return r < 0 ? r : words_expect(w, "fib daddr type", "local");
	}
	if (strcmp(w->word, "meta") == 0)
		r = words_value(w, "meta");
	return r < 0 ? r : nft_meta(w);
}

/* --- both --- */

int conditions_parse(const char *key, uint8_t family, const struct json_strings *args,
		     struct conditions *ret, struct nerr *err)
{
	struct conditions conds = { .n = 0 };
	struct words w = { .key = key, .family = family, .args = args, .ret = &conds, .err = err };
	bool iptables;
	int r = words_next(&w);

	iptables = r == 1 && (w.word[0] == '-' || w.word[0] == '!');
	while (r == 1) {
		r = iptables ? ipt_condition(&w) : nft_condition(&w);
		if (r == 0)
			r = words_next(&w);
	}
	if (r < 0)
		return r;
	*ret = conds;
	return 0;
}

void conditions_put(const struct conditions *conds, struct nft_rule *rule)
{
	for (size_t i = 0; i < conds->n; i++) {
		const struct condition *c = &conds->v[i];

		switch (c->kind) {
		case CONDITION_SADDR:
			nft_rule_saddr(rule, &c->net, c->neq);
			break;
		case CONDITION_DADDR:
			nft_rule_daddr(rule, &c->net, c->neq);
			break;
		case CONDITION_IIFNAME:
			nft_rule_iifname(rule, c->ifname, c->neq);
			break;
		case CONDITION_OIFNAME:
			nft_rule_oifname(rule, c->ifname, c->neq);
			break;
		case CONDITION_MARK:
			nft_rule_mark(rule, c->mask, c->mark);
			break;
		}
	}
}

int conditions_hash(const struct conditions *conds, char *ret, struct nerr *err)
{
	CLEANUP(strbuf_done) struct strbuf text = STRBUF_INIT;
	char net[IPNET_STR_LEN];

	ret[0] = '\0';
	if (!conds->n)
		return 0;
	for (size_t i = 0; i < conds->n; i++) {
		const struct condition *c = &conds->v[i];

		strbuf_addf(&text, "%d %d %s %s %x %x\n", (int)c->kind, c->neq,
			    ipnet_to_str(&c->net, net), c->ifname, c->mask, c->mark);
	}
	if (text.failed)
		return nerr_oom(err);
	hash_name(ret, CONDITIONS_HASH_LEN, "", text.s);
	return 0;
}
