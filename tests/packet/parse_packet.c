/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * parse_packet.c - packets of a script
 */
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "names.h"
#include "parse_priv.h"
#include "wire/tcp.h"
#include "wire/tcp_options.h"

/* Where a packet is read into, and what is allowed there. */
struct reader {
	struct lex *l;
	struct packet *p;
	bool inject;
	bool has_ack;
	bool has_urg;
};

/* --- TCP options --- */

static bool read_symbol(struct lex *l, const char *what, uint8_t *ret)
{
	struct script *s = l->s;
	char name[16];

	if (!lex_want_name(l, what, name, sizeof(name)))
		return false;
	for (*ret = 0; *ret < s->n_symbols; ++*ret)
		if (strcmp(s->symbols[*ret], name) == 0)
			return true;
	if (s->n_symbols == SCRIPT_SYMBOLS_MAX)
		return lex_fail(l, "more than %d names of numbers", SCRIPT_SYMBOLS_MAX);
	memcpy(s->symbols[s->n_symbols++], name, sizeof(name));
	return true;
}

static bool read_ts_value(struct lex *l, struct ts_value *ret)
{
	int64_t n;

	if (lex_sign(l, "*")) {
		ret->kind = TS_ANY;
		return true;
	}
	if (lex_number(l, &n)) {
		if (n < 0 || n > UINT32_MAX)
			return lex_fail(l, "a timestamp is from 0 to 4294967295");
		*ret = (struct ts_value){ .kind = TS_NUMBER, .n = (uint32_t)n };
		return true;
	}
	*ret = (struct ts_value){ .kind = TS_SYMBOL };
	if (!read_symbol(l, "a timestamp (a number, a name or *)", &ret->symbol))
		return false;
	if (lex_sign(l, "+")) {
		if (!lex_want_number(l, "what is added", 0, INT32_MAX, &n))
			return false;
		ret->n = (uint32_t)n;
	} else if (lex_sign(l, "-")) {
		if (!lex_want_number(l, "what is subtracted", 0, INT32_MAX, &n))
			return false;
		ret->n = 0 - (uint32_t)n;
	}
	return true;
}

static bool read_sack(struct lex *l, struct tcp_option *o)
{
	int64_t left, right;

	while (o->n_sack < ARRAY_SIZE(o->sack) && lex_number(l, &left)) {
		if (!lex_want_sign(l, ":") ||
		    !lex_want_number(l, "the end of a block", INT32_MIN, UINT32_MAX, &right))
			return false;
		o->sack[o->n_sack][0] = (uint32_t)left;
		o->sack[o->n_sack++][1] = (uint32_t)right;
	}
	return o->n_sack || lex_fail(l, "expected SACK blocks, as in 1:1001 3001:4001");
}

static bool read_raw_option(struct reader *r, struct tcp_option *o)
{
	struct lex *l = r->l;
	size_t len;

	if (!r->inject)
		return lex_fail(l, "raw options are for packets to inject");
	if (!lex_want_bytes(l, o->raw, sizeof(o->raw), &len))
		return false;
	o->raw_len = (unsigned int)len;
	return true;
}

/* A number, or "*" where anything will do. */
static bool read_option_value(struct reader *r, struct tcp_option *o, const char *what, int64_t max)
{
	int64_t n = 0;

	o->any = !r->inject && lex_sign(r->l, "*");
	if (!o->any && !lex_want_number(r->l, what, 0, max, &n))
		return false;
	o->value = (uint32_t)n;
	return true;
}

static bool read_option(struct reader *r, struct tcp_option *o)
{
	struct lex *l = r->l;
	char name[16];

	*o = (struct tcp_option){ .kind = OPTION_EOL };
	if (!lex_want_word(l, "a TCP option", name, sizeof(name)))
		return false;
	if (strcmp(name, "eol") == 0)
		return true;
	o->kind = OPTION_NOP;
	if (strcmp(name, "nop") == 0)
		return true;
	o->kind = OPTION_SACK_OK;
	if (strcmp(name, "sackOK") == 0)
		return true;
	o->kind = OPTION_MSS;
	if (strcmp(name, "mss") == 0)
		return read_option_value(r, o, "MSS", UINT16_MAX);
	o->kind = OPTION_WSCALE;
	if (strcmp(name, "wscale") == 0)
		return read_option_value(r, o, "window scale", UINT8_MAX);
	o->kind = OPTION_SACK;
	if (strcmp(name, "sack") == 0)
		return read_sack(l, o);
	o->kind = OPTION_TS;
	if (strcmp(name, "TS") == 0)
		return read_ts_value(l, &o->ts_val) && read_ts_value(l, &o->ts_ecr);
	o->kind = OPTION_RAW;
	if (strcmp(name, "raw") == 0)
		return read_raw_option(r, o);
	return lex_fail(l, "no TCP option is called '%s'", name);
}

static bool read_options(struct reader *r)
{
	struct options *opts = &r->p->opts;

	opts->given = true;
	if (lex_sign(r->l, ">"))
		return true;
	for (;;) {
		if (lex_sign(r->l, "...")) {
			if (r->inject)
				return lex_fail(r->l, "'...' is for packets that are expected");
			opts->more = true;
		} else {
			if (opts->n == ARRAY_SIZE(opts->o))
				return lex_fail(r->l, "too many options");
			if (!read_option(r, &opts->o[opts->n++]))
				return false;
		}
		if (lex_sign(r->l, ">"))
			return true;
		if (!lex_want_sign(r->l, ","))
			return false;
	}
}

/* --- what may follow --- */

static bool read_u32(struct reader *r, const char *what, int64_t max, uint32_t *ret)
{
	int64_t n;

	if (!lex_want_number(r->l, what, INT32_MIN, max, &n))
		return false;
	*ret = (uint32_t)n;
	return true;
}

/* "12", "$edge", "$edge+12", "$edge-12" */
static bool read_seq(struct reader *r, const char *what, uint8_t *ret_plus, int64_t *ret)
{
	uint8_t symbol;
	int sign = 0;

	*ret_plus = 0;
	if (!lex_sign(r->l, "$"))
		return lex_want_number(r->l, what, INT32_MIN, UINT32_MAX, ret);
	if (!read_symbol(r->l, "the name of a number", &symbol))
		return false;
	*ret_plus = (uint8_t)(symbol + 1);
	*ret = 0;
	if (lex_sign(r->l, "+"))
		sign = 1;
	else if (lex_sign(r->l, "-"))
		sign = -1;
	if (sign && !lex_want_number(r->l, "what is added", 0, INT32_MAX, ret))
		return false;
	*ret *= sign;
	return true;
}

static bool read_ack(struct reader *r)
{
	int64_t n;

	r->has_ack = true;
	if (!read_seq(r, "an acknowledgement number", &r->p->plus_ack, &n))
		return false;
	r->p->ack = (uint32_t)n;
	return true;
}

static bool read_win(struct reader *r)
{
	uint8_t symbol;

	if (!r->inject && lex_sign(r->l, "$")) {
		if (!read_symbol(r->l, "a name for the window", &symbol))
			return false;
		r->p->win_symbol = (uint8_t)(symbol + 1);
		return true;
	}
	if (!parse_range(r->l, "a window", &r->p->win))
		return false;
	if (!r->p->win.any && (r->p->win.lo < 0 || r->p->win.hi > UINT16_MAX))
		return lex_fail(r->l, "a window is from 0 to 65535");
	if (r->inject && (r->p->win.any || r->p->win.lo != r->p->win.hi))
		return lex_fail(r->l, "a packet that is injected has one window");
	return true;
}

static bool read_urg(struct reader *r)
{
	int64_t n;

	if (!lex_want_number(r->l, "an urgent pointer", 0, UINT16_MAX, &n))
		return false;
	r->has_urg = true;
	r->p->urg = (uint16_t)n;
	return true;
}

static bool read_mtu(struct reader *r)
{
	return read_u32(r, "an MTU", UINT16_MAX, &r->p->mtu);
}

static bool read_about(struct reader *r)
{
	r->p->has_about = true;
	return read_u32(r, "a sequence number", UINT32_MAX, &r->p->about);
}

static bool read_ttl(struct reader *r)
{
	int64_t n;

	if (!lex_want_number(r->l, "a TTL", 0, UINT8_MAX, &n))
		return false;
	r->p->has_ttl = true;
	r->p->ttl = (uint8_t)n;
	return true;
}

static bool read_tos(struct reader *r)
{
	int64_t n;

	if (!lex_want_number(r->l, "a TOS", 0, UINT8_MAX, &n))
		return false;
	r->p->has_tos = true;
	r->p->tos = (uint8_t)n;
	return true;
}

static bool read_from(struct reader *r)
{
	r->p->has_src = true;
	return parse_place(r->l, &r->p->src);
}

static bool read_to(struct reader *r)
{
	r->p->has_dst = true;
	return parse_place(r->l, &r->p->dst);
}

static bool read_csum(struct reader *r)
{
	r->p->csum_bad = lex_keyword(r->l, "bad");
	r->p->csum_none = !r->p->csum_bad && lex_keyword(r->l, "none");
	if (!r->inject)
		return lex_fail(r->l, "what we send is right: csum is for packets to inject");
	return r->p->csum_bad || r->p->csum_none || lex_fail(r->l, "csum is bad or none");
}

static bool read_reserved(struct reader *r)
{
	int64_t n;

	if (!lex_want_number(r->l, "the reserved bits", 0, 7, &n))
		return false;
	r->p->reserved = (uint8_t)n;
	return true;
}

static bool read_doff(struct reader *r)
{
	int64_t n;

	if (!lex_want_number(r->l, "a data offset", 1, 15, &n))
		return false;
	r->p->doff = (uint8_t)n;
	return true;
}

static bool read_gso(struct reader *r)
{
	int64_t n;

	if (!lex_want_number(r->l, "a segment size", 1, UINT16_MAX, &n))
		return false;
	r->p->gso = (uint16_t)n;
	return true;
}

static bool read_df(struct reader *r)
{
	int64_t n;

	if (!lex_want_number(r->l, "DF", 0, 1, &n))
		return false;
	r->p->dont_frag = (int8_t)n;
	return true;
}

static bool read_ip_id(struct reader *r)
{
	int64_t n;

	if (!lex_want_number(r->l, "an IP identification", 0, UINT16_MAX, &n))
		return false;
	r->p->has_ip_id = true;
	r->p->ip_id = (uint16_t)n;
	return true;
}

/* "0:24+": a piece, and more follow. */
static bool read_frag(struct reader *r)
{
	int64_t from, to;

	if (!lex_want_number(r->l, "where the fragment begins", 0, UINT16_MAX, &from) ||
	    !lex_want_sign(r->l, ":") ||
	    !lex_want_number(r->l, "where the fragment ends", from, UINT16_MAX, &to))
		return false;
	if (from % 8)
		return lex_fail(r->l, "fragments begin at multiples of 8");
	r->p->is_frag = true;
	r->p->frag_off = (uint16_t)from;
	r->p->frag_len = (uint16_t)(to - from);
	r->p->frag_more = lex_sign(r->l, "+");
	return true;
}

static bool read_echo_id(struct reader *r)
{
	int64_t n;

	if (!lex_want_number(r->l, "an identifier", 0, UINT16_MAX, &n))
		return false;
	r->p->id = (uint16_t)n;
	return true;
}

static bool read_echo_seq(struct reader *r)
{
	int64_t n;

	if (!lex_want_number(r->l, "a sequence number", 0, UINT16_MAX, &n))
		return false;
	r->p->icmp_seq = (uint16_t)n;
	return true;
}

/* What may follow a packet; @kinds: bits of enum packet_kind. */
struct attribute {
	const char *name;
	unsigned int kinds;
	bool is_assigned; /* "name=" */
	bool (*read)(struct reader *r);
};

#define K(kind) (1U << PACKET_##kind)
#define K_ALL   (K(TCP) | K(UDP) | K(ICMP_ERROR) | K(ECHO) | K(ECHO_REPLY) | K(FRAGMENT))

static const struct attribute attributes[] = {
	{ "ack", K(TCP), false, read_ack },
	{ "win", K(TCP), false, read_win },
	{ "urg", K(TCP), false, read_urg },
	{ "mtu", K(ICMP_ERROR), false, read_mtu },
	{ "about", K(ICMP_ERROR), false, read_about },
	{ "id", K(ECHO) | K(ECHO_REPLY), false, read_echo_id },
	{ "seq", K(ECHO) | K(ECHO_REPLY), false, read_echo_seq },
	{ "ttl", K_ALL, true, read_ttl },
	{ "tos", K_ALL, true, read_tos },
	{ "from", K_ALL, true, read_from },
	{ "to", K_ALL, true, read_to },
	{ "csum", K_ALL, true, read_csum },
	{ "reserved", K(TCP), true, read_reserved },
	{ "doff", K(TCP), true, read_doff },
	{ "gso", K(TCP), true, read_gso },
	{ "df", K_ALL, true, read_df },
	{ "ip-id", K_ALL, true, read_ip_id },
	{ "frag", K_ALL, true, read_frag },
};

static bool read_attribute(struct reader *r)
{
	char name[16], buf[32];

	if (r->p->kind == PACKET_TCP && lex_sign(r->l, "<"))
		return read_options(r);
	if (!lex_word(r->l, name, sizeof(name)))
		return lex_fail(r->l, "expected ack, win, options or another attribute, found %s",
				lex_rest(r->l, buf, sizeof(buf)));
	for (size_t i = 0; i < ARRAY_SIZE(attributes); i++) {
		const struct attribute *a = &attributes[i];

		if (strcmp(a->name, name) != 0)
			continue;
		if (!(a->kinds & 1U << r->p->kind))
			return lex_fail(r->l, "'%s' does not go with this kind of packet", name);
		if (a->is_assigned && !lex_want_sign(r->l, "="))
			return false;
		return a->read(r);
	}
	return lex_fail(r->l, "no attribute of a packet is called '%s'", name);
}

/* --- kinds --- */

static const struct {
	char c;
	uint16_t flag;
} tcp_flags[] = {
	{ 'F', TCP_FIN }, { 'S', TCP_SYN }, { 'R', TCP_RST }, { 'P', TCP_PSH }, { '.', TCP_ACK },
	{ 'U', TCP_URG }, { 'E', TCP_ECE }, { 'W', TCP_CWR }, { 'A', TCP_AE },
};

/* "P." or, expected, "P?."; "0" for none.  The last one is followed by a blank. */
static bool read_flags(struct reader *r)
{
	struct packet *p = r->p;
	struct lex *l = r->l;
	size_t i;

	if (lex_sign(l, "0 "))
		return true;
	for (; *l->p && *l->p != ' ' && *l->p != '\t'; l->p++) {
		for (i = 0; i < ARRAY_SIZE(tcp_flags) && tcp_flags[i].c != *l->p; i++)
			;
		if (i == ARRAY_SIZE(tcp_flags))
			return lex_fail(
				l,
				"expected TCP flags (of FSRP.UEWA), udp, icmp, echo, echo-reply, fragment or raw");
		p->flags |= tcp_flags[i].flag;
		if (l->p[1] != '?')
			continue;
		if (r->inject)
			return lex_fail(l, "'?' is for packets that are expected");
		p->flags_maybe |= tcp_flags[i].flag;
		l->p++;
	}
	return true;
}

static bool read_tcp(struct reader *r)
{
	struct packet *p = r->p;
	struct lex *l = r->l;
	int64_t seq, end;

	p->kind = PACKET_TCP;
	if (!read_flags(r) || !read_seq(r, "a sequence number", &p->plus_seq, &seq))
		return false;
	p->seq = (uint32_t)seq;
	p->plus_end = p->plus_seq;
	if (!lex_sign(l, ":"))
		return true;
	if (!read_seq(r, "the end of the data", &p->plus_end, &end))
		return false;
	if (p->plus_end == p->plus_seq && (end < seq || end > seq + UINT16_MAX))
		return lex_fail(l, "a segment has 0 to 65535 octets");
	p->len = (uint32_t)(end - seq);
	return true;
}

static bool check_tcp(struct reader *r)
{
	const uint16_t flags = r->p->flags;

	if (!!(flags & TCP_ACK) != r->has_ack && !(r->p->flags_maybe & TCP_ACK))
		return lex_fail(r->l, flags & TCP_ACK ? "a segment with '.' needs 'ack NUMBER'"
						      : "'ack' goes with the flag '.'");
	if (r->has_urg && !(flags & TCP_URG))
		return lex_fail(r->l, "'urg' goes with the flag 'U'");
	if (flags & TCP_URG && !r->has_urg)
		return lex_fail(r->l, "a segment with 'U' needs 'urg NUMBER'");
	return true;
}

static bool read_icmp(struct reader *r)
{
	char name[32];

	if (!lex_want_word(r->l, "an ICMP error", name, sizeof(name)))
		return false;
	for (const struct icmp_error *e = icmp_errors; e->name; e++)
		if (strcmp(e->name, name) == 0)
			r->p->icmp = e;
	return r->p->icmp || lex_fail(r->l, "no ICMP error is called '%s'", name);
}

static bool read_raw(struct reader *r)
{
	size_t len;

	if (!r->inject)
		return lex_fail(r->l, "raw packets are for injecting");
	if (!lex_want_bytes(r->l, r->p->raw, sizeof(r->p->raw), &len))
		return false;
	r->p->raw_len = (uint16_t)len;
	return true;
}

static bool read_kind(struct reader *r)
{
	struct packet *p = r->p;
	struct lex *l = r->l;

	if (lex_keyword(l, "udp")) {
		p->kind = PACKET_UDP;
		return read_u32(r, "a length", 65507, &p->len);
	}
	if (lex_keyword(l, "icmp")) {
		p->kind = PACKET_ICMP_ERROR;
		return read_icmp(r);
	}
	if (lex_keyword(l, "echo") || lex_keyword(l, "echo-reply")) {
		p->kind = l->p[-1] == 'y' ? PACKET_ECHO_REPLY : PACKET_ECHO;
		return read_u32(r, "a length", 65507, &p->len);
	}
	if (lex_keyword(l, "raw")) {
		p->kind = PACKET_RAW;
		return read_raw(r);
	}
	if (lex_keyword(l, "fragment")) {
		p->kind = PACKET_FRAGMENT;
		return r->inject ? lex_fail(l, "inject a packet with frag= instead") : read_frag(r);
	}
	return read_tcp(r);
}

bool parse_packet(struct lex *l, bool inject, struct packet *ret)
{
	struct reader r = { .l = l, .p = ret, .inject = inject };
	char name[16];

	*ret = (struct packet){ .win.any = !inject, .dont_frag = -1 };
	if (inject)
		ret->win = (struct range){ .lo = UINT16_MAX, .hi = UINT16_MAX };
	if (lex_sign(l, "[")) {
		if (!lex_want_word(l, "the name of a connection", name, sizeof(name)) ||
		    !lex_want_sign(l, "]") || !parse_conn(l, name, &ret->conn))
			return false;
	}
	(void)lex_at_end(l); /* skips blanks: flags begin there */
	if (!read_kind(&r))
		return false;
	while (!lex_at_end(l))
		if (!read_attribute(&r))
			return false;
	return ret->kind != PACKET_TCP || check_tcp(&r);
}
