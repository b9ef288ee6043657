/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * parse.c - lines of a script
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/str.h"
#include "names.h"
#include "parse_priv.h"

/* What "T~" allows: the wheel of timers turns by steps of 1.05 ms and is late by less than two of
 * them, and an RTO is computed from round trips that may have been measured by such steps.
 */
#define TIMER_SLACK_NS      UINT64_C(2200000)
#define TIMER_SLACK_PERCENT 2

#define SCRIPT_BYTES_MAX    (1U << 20)

bool parse_range(struct lex *l, const char *what, struct range *ret)
{
	*ret = (struct range){ .any = lex_sign(l, "*") };
	if (ret->any)
		return true;
	if (!lex_want_number(l, what, INT64_MIN, INT64_MAX, &ret->lo))
		return false;
	ret->hi = ret->lo;
	return !lex_sign(l, "~") || lex_want_number(l, what, ret->lo, INT64_MAX, &ret->hi);
}

bool parse_place(struct lex *l, enum place *ret)
{
	const struct name *n;
	char name[16];

	if (!lex_want_word(l, "an address (local, peer, any, ...)", name, sizeof(name)))
		return false;
	n = name_find(name_places, name);
	if (!n)
		return lex_fail(l, "no address is called '%s'", name);
	*ret = (enum place)n->n;
	return true;
}

bool parse_conn(struct lex *l, const char *name, uint16_t *ret)
{
	struct script *s = l->s;

	for (*ret = 0; *ret < s->n_conns; ++*ret)
		if (strcmp(s->conns[*ret], name) == 0)
			return true;
	if (s->n_conns == SCRIPT_CONNS_MAX)
		return lex_fail(l, "more than %d connections", SCRIPT_CONNS_MAX);
	(void)snprintf(s->conns[s->n_conns++], sizeof(s->conns[0]), "%s", name);
	return true;
}

static struct step *new_step(struct lex *l, enum step_kind kind)
{
	struct script *s = l->s;
	struct step *steps;

	if (s->n_steps == s->steps_size) {
		s->steps_size = s->steps_size ? s->steps_size * 2 : 32;
		steps = realloc(s->steps, s->steps_size * sizeof(*steps));
		if (!steps) {
			(void)nerr_oom(l->err);
			return NULL;
		}
		s->steps = steps;
	}
	steps = &s->steps[s->n_steps++];
	memset(steps, 0, sizeof(*steps));
	steps->kind = kind;
	steps->file = l->file;
	steps->line = l->line;
	steps->text = l->begin;
	return steps;
}

/* --- directives --- */

static bool want_one_of(struct lex *l, const char *what, const struct name *table, int64_t *ret)
{
	const struct name *n;
	char word[16];

	if (!lex_want_word(l, what, word, sizeof(word)))
		return false;
	n = name_find(table, word);
	if (!n)
		return lex_fail(l, "expected %s, found '%s'", what, word);
	*ret = n->n;
	return true;
}

static bool parse_family(struct lex *l)
{
	static const struct name families[] = {
		{ "ipv4", FAMILY_IP4 },
		{ "ipv6", FAMILY_IP6 },
		{ "both", FAMILY_IP4 | FAMILY_IP6 },
		{ 0 },
	};
	int64_t n = 0;

	if (!want_one_of(l, "ipv4, ipv6 or both", families, &n))
		return false;
	l->s->families = (unsigned int)n;
	return true;
}

static const struct name on_off[] = {
	{ "off", 0 },
	{ "on", 1 },
	{ 0 },
};

static bool parse_offload(struct lex *l)
{
	int64_t n = 0;

	if (!want_one_of(l, "on or off", on_off, &n))
		return false;
	l->s->offload = n ? OFFLOAD_ON : OFFLOAD_OFF;
	return true;
}

static bool parse_isn(struct lex *l)
{
	int64_t n;

	if (!lex_want_number(l, "an initial sequence number", 0, UINT32_MAX, &n))
		return false;
	l->s->has_isn = true;
	l->s->isn = (uint32_t)n;
	return true;
}

/* param tcp.sack = 0 */
static bool parse_param(struct lex *l)
{
	const struct param *p = params;
	struct step *s;
	char name[48];
	int64_t n;

	if (!lex_want_word(l, "a parameter", name, sizeof(name)))
		return false;
	while (p->name && strcmp(p->name, name) != 0)
		p++;
	if (!p->name)
		return lex_fail(l, "no parameter is called '%s'", name);
	s = new_step(l, STEP_PARAM);
	if (!s || !lex_want_sign(l, "="))
		return false;
	s->index = (unsigned int)(p - params);
	if (!p->size)
		return lex_want_word(l, "a name", s->name, sizeof(s->name));
	if (!lex_want_number(l, "a value", INT8_MIN,
			     p->size < 8 ? (INT64_C(1) << 8 * p->size) - 1 : INT64_MAX, &n))
		return false;
	s->n = (struct range){ .lo = n, .hi = n };
	return true;
}

static bool parse_mtu(struct lex *l)
{
	struct step *s = new_step(l, STEP_MTU);

	return s && lex_want_number(l, "an MTU", 68, 65515, &s->n.lo);
}

static bool parse_link(struct lex *l)
{
	static const struct name states[] = { { "down", 0 }, { "up", 1 }, { 0 } };
	struct step *s = new_step(l, STEP_LINK);

	return s && want_one_of(l, "up or down", states, &s->n.lo);
}

/* conn NAME PEER-PORT > PORT */
static bool parse_conn_ports(struct lex *l)
{
	struct step *s = new_step(l, STEP_CONN);
	char name[16];
	uint16_t conn;
	int64_t peer, local;

	if (!s || !lex_want_word(l, "the name of a connection", name, sizeof(name)) ||
	    !parse_conn(l, name, &conn) ||
	    !lex_want_number(l, "the peer's port", 1, UINT16_MAX, &peer) ||
	    !lex_want_sign(l, ">") || !lex_want_number(l, "our port", 1, UINT16_MAX, &local))
		return false;
	s->index = conn;
	s->peer_port = (uint16_t)peer;
	s->local_port = (uint16_t)local;
	return true;
}

static bool parse_counter(struct lex *l, enum count_kind kind)
{
	struct step *s = new_step(l, STEP_COUNT);
	const char *group = "";
	char name[48];
	int index;

	if (!s || !lex_want_word(l, "the name of a counter", name, sizeof(name)))
		return false;
	if (kind == COUNT_TCP) {
		group = "tcp.";
		if (strncmp(name, "ip.", 3) == 0) {
			group = "ip.";
			kind = COUNT_IP;
		}
		if (strncmp(name, group, strlen(group)) != 0)
			return lex_fail(l, "a counter is called tcp.NAME or ip.NAME");
	}
	index = counter_find(kind, name + strlen(group));
	if (index < 0)
		return lex_fail(l, "no counter is called '%s'", name);
	s->count = kind;
	s->index = (unsigned int)index;
	return lex_want_sign(l, "=") && parse_range(l, "a count", &s->n);
}

static bool parse_stat(struct lex *l)
{
	return parse_counter(l, COUNT_TCP);
}

static bool parse_drop(struct lex *l)
{
	return parse_counter(l, COUNT_DROP);
}

static bool parse_memory(struct lex *l)
{
	return parse_counter(l, COUNT_MEMORY);
}

/* The address goes. */
static bool parse_addr_gone(struct lex *l)
{
	return new_step(l, STEP_ADDR) != NULL;
}

static bool parse_include(struct lex *l);

static const struct directive {
	const char *name;
	bool (*parse)(struct lex *l);
} directives[] = {
	{ "family", parse_family },
	{ "offload", parse_offload },
	{ "isn", parse_isn },
	{ "param", parse_param },
	{ "mtu", parse_mtu },
	{ "link", parse_link },
	{ "conn", parse_conn_ports },
	{ "stat", parse_stat },
	{ "drop", parse_drop },
	{ "memory", parse_memory },
	{ "address-gone", parse_addr_gone },
	{ "include", parse_include },
};

/* --- steps --- */

/* "+0", "+0.2~0.3", "+0.2~", "*" */
static bool parse_when(struct lex *l, struct when *ret)
{
	*ret = (struct when){ .any = lex_sign(l, "*") };
	if (ret->any || !lex_sign(l, "+"))
		return true;
	if (!lex_want_seconds(l, &ret->lo_ns))
		return false;
	ret->hi_ns = ret->lo_ns;
	if (*l->p != '~')
		return true;
	l->p++;
	if (*l->p == ' ' || *l->p == '\t') {
		ret->hi_ns += ret->lo_ns * TIMER_SLACK_PERCENT / 100 + TIMER_SLACK_NS;
		return true;
	}
	if (!lex_want_seconds(l, &ret->hi_ns))
		return false;
	return ret->hi_ns >= ret->lo_ns || lex_fail(l, "this time ends before it begins");
}

static bool parse_step(struct lex *l)
{
	struct when when;
	struct step *s;
	bool ok;

	if (!parse_when(l, &when))
		return false;
	s = new_step(l, STEP_CALL);
	if (!s)
		return false;
	s->when = when;
	if (lex_sign(l, "<")) {
		s->kind = STEP_INJECT;
		s->more = lex_sign(l, "<");
		ok = parse_packet(l, true, &s->packet);
	} else if (lex_sign(l, ">")) {
		s->kind = STEP_EXPECT;
		ok = parse_packet(l, false, &s->packet);
	} else if (lex_keyword(l, "nothing")) {
		s->kind = STEP_NOTHING;
		ok = true;
	} else {
		ok = parse_call(l, &s->call);
	}
	if (!ok)
		return false;
	if (s->kind != STEP_EXPECT && (when.any || when.lo_ns != when.hi_ns))
		return lex_fail(l, "a range of time is for packets that are expected");
	return true;
}

static bool parse_line(struct lex *l)
{
	const char *begin = l->p;
	char buf[32];

	for (size_t i = 0; i < ARRAY_SIZE(directives); i++)
		if (lex_keyword(l, directives[i].name)) {
			if (!directives[i].parse(l))
				return false;
			goto end;
		}
	l->p = begin;
	if (!parse_step(l))
		return false;
end:
	return lex_at_end(l) ||
	       lex_fail(l, "expected the end of the line, found %s", lex_rest(l, buf, sizeof(buf)));
}

/* --- texts --- */

/* A copy that lives as long as the script. */
static char *keep(struct script *s, const char *text)
{
	char **texts = realloc(s->texts, (s->n_texts + 1) * sizeof(*texts));
	char *copy = texts ? strdup(text) : NULL;

	if (texts)
		s->texts = texts;
	if (copy)
		s->texts[s->n_texts++] = copy;
	return copy;
}

static int parse_text(struct script *s, const struct script_source *src, const char *file,
		      const char *text, unsigned int depth, struct nerr *err)
{
	struct lex l = { .s = s, .src = src, .depth = depth, .err = err };
	char *line, *next;

	l.file = keep(s, file);
	line = keep(s, text);
	if (!l.file || !line)
		return nerr_oom(err);
	for (; line; line = next) {
		next = strchr(line, '\n');
		if (next)
			*next++ = '\0';
		l.line++;
		l.begin = l.p = line;
		if (!lex_at_end(&l) && !parse_line(&l))
			return err->code;
	}
	return 0;
}

static int read_script(struct script *s, const struct script_source *src, const char *file,
		       unsigned int depth, struct nerr *err)
{
	CLEANUP(strbuf_done) struct strbuf text = STRBUF_INIT;
	cleanup_close int fd = open(file, O_RDONLY | O_CLOEXEC);
	int r;

	if (fd < 0)
		return nerr_set(err, -errno, "cannot open '%s': %m", file);
	r = fd_read_all(fd, SCRIPT_BYTES_MAX, &text);
	if (r < 0)
		return nerr_set(err, r, "cannot read '%s': %m", file);
	if (strlen(strbuf_text(&text)) != text.len)
		return nerr_set(err, -EINVAL, "%s: there is a NUL in it", file);
	return parse_text(s, src, file, strbuf_text(&text), depth, err);
}

static bool parse_include(struct lex *l)
{
	char name[48], path[512];

	if (!lex_want_word(l, "the name of an include", name, sizeof(name)))
		return false;
	if (l->depth == SCRIPT_INCLUDE_MAX)
		return lex_fail(l, "includes are deeper than %d", SCRIPT_INCLUDE_MAX);
	(void)snprintf(path, sizeof(path), "%s/%s.inc", l->src->include_dir, name);
	return read_script(l->s, l->src, path, l->depth + 1, l->err) == 0;
}

static void begin(struct script *s, struct nerr *err)
{
	*err = NERR_INIT;
	s->families = FAMILY_IP4 | FAMILY_IP6;
	s->offload = OFFLOAD_OFF | OFFLOAD_ON;
	s->n_conns = 1; /* the one without a name */
}

int script_parse(struct script *ret, const struct script_source *src, const char *file,
		 const char *text, struct nerr *err)
{
	begin(ret, err);
	return parse_text(ret, src, file, text, 0, err);
}

int script_read(struct script *ret, const struct script_source *src, const char *file,
		struct nerr *err)
{
	begin(ret, err);
	return read_script(ret, src, file, 0, err);
}

void script_done(struct script *s)
{
	for (size_t i = 0; i < s->n_texts; i++)
		free(s->texts[i]);
	free(s->texts);
	free(s->steps);
	memset(s, 0, sizeof(*s));
}
