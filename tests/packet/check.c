/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * check.c - is a packet the one that was expected?
 */
#include <stdio.h>
#include <string.h>

#include "wire/bytes.h"
#include "wire/icmp4.h"
#include "wire/icmp6.h"
#include "wire/ip.h"
#include "world.h"

/* An option of a packet we sent. */
struct sent_option {
	const uint8_t *at; /* NULL: it is not there */
	uint8_t len;
};

/* --- TCP options --- */

/* The next option that is no padding.  False at the end. */
static bool next_option(const struct wire *p, uint32_t *at, struct sent_option *ret)
{
	while (*at < p->opts_len && p->opts[*at] == 1)
		++*at;
	if (*at >= p->opts_len || p->opts[*at] == 0)
		return false;
	ret->at = p->opts + *at;
	ret->len = *at + 1 < p->opts_len ? ret->at[1] : 0;
	*at += ret->len < 2 ? p->opts_len : ret->len;
	return true;
}

static struct sent_option find_option(const struct wire *p, uint8_t kind)
{
	struct sent_option o;

	for (uint32_t at = 0; next_option(p, &at, &o);)
		if (o.at[0] == kind)
			return o;
	return (struct sent_option){ NULL, 0 };
}

/* Lengths add up, nothing but zeros follows an end of the list (RFC 9293, MUST-69). */
static bool options_are_sound(struct world *w, const struct wire *p)
{
	struct sent_option o;
	uint32_t at = 0;

	while (next_option(p, &at, &o))
		if (o.len < 2 || at > p->opts_len)
			return world_fail(w, "option %u has a length of %u, which does not fit",
					  o.at[0], o.len);
	for (; at < p->opts_len; at++)
		if (p->opts[at])
			return world_fail(w, "there is something behind the end of its options");
	return true;
}

static bool check_ts(struct world *w, const struct ts_value *want, uint32_t got, const char *what)
{
	const char *name = w->script->symbols[want->symbol];
	uint32_t expected = want->n;

	switch (want->kind) {
	case TS_ANY:
		return true;
	case TS_SYMBOL:
		if (!w->has_symbol[want->symbol]) {
			w->has_symbol[want->symbol] = true;
			w->symbol[want->symbol] = got - want->n;
		}
		expected += w->symbol[want->symbol];
		break;
	case TS_NUMBER:
		name = NULL;
		break;
	}
	if (got == expected)
		return true;
	if (name)
		return world_fail(w, "%s is %s%+d", what, name,
				  (int)(got - w->symbol[want->symbol]));
	return world_fail(w, "%s is %u", what, got);
}

static bool check_sack(struct world *w, const struct conn *c, const struct tcp_option *want,
		       const struct sent_option *got)
{
	if (got->len != 2 + 8 * want->n_sack)
		return world_fail(w, "it has %u SACK blocks", (got->len - 2U) / 8);
	for (unsigned int i = 0; i < want->n_sack; i++) {
		const uint32_t left = get_be32(got->at + 2 + 8 * i) - c->irs;
		const uint32_t right = get_be32(got->at + 6 + 8 * i) - c->irs;

		if (left != want->sack[i][0] || right != want->sack[i][1])
			return world_fail(w, "SACK block %u is %u:%u", i + 1, left, right);
	}
	return true;
}

static bool check_option(struct world *w, const struct conn *c, const struct tcp_option *want,
			 const struct wire *p)
{
	static const struct {
		const char *name;
		uint8_t kind;
		uint8_t len;
	} kinds[] = {
		[OPTION_MSS] = { "MSS", 2, 4 },        [OPTION_WSCALE] = { "wscale", 3, 3 },
		[OPTION_SACK_OK] = { "sackOK", 4, 2 }, [OPTION_SACK] = { "sack", 5, 0 },
		[OPTION_TS] = { "TS", 8, 10 },         [OPTION_RAW] = { NULL, 0, 0 },
	};
	const struct sent_option got = find_option(p, kinds[want->kind].kind);

	if (!kinds[want->kind].name) /* padding */
		return true;
	if (!got.at || (kinds[want->kind].len && got.len != kinds[want->kind].len))
		return world_fail(w, "the option %s is not there", kinds[want->kind].name);
	switch (want->kind) {
	case OPTION_MSS:
		if (!want->any && get_be16(got.at + 2) != want->value)
			return world_fail(w, "MSS is %u", get_be16(got.at + 2));
		return true;
	case OPTION_WSCALE:
		if (!want->any && got.at[2] != want->value)
			return world_fail(w, "window scale is %u", got.at[2]);
		return true;
	case OPTION_SACK:
		return check_sack(w, c, want, &got);
	case OPTION_TS:
		return check_ts(w, &want->ts_val, get_be32(got.at + 2), "TSval") &&
		       check_ts(w, &want->ts_ecr, get_be32(got.at + 6), "TSecr");
	case OPTION_SACK_OK:
	case OPTION_EOL:
	case OPTION_NOP:
	case OPTION_RAW:
		break;
	}
	return true;
}

static bool is_wanted(const struct options *opts, uint8_t kind)
{
	static const uint8_t kinds[] = {
		[OPTION_MSS] = 2,  [OPTION_WSCALE] = 3, [OPTION_SACK_OK] = 4,
		[OPTION_SACK] = 5, [OPTION_TS] = 8,
	};

	for (unsigned int i = 0; i < opts->n; i++)
		if (opts->o[i].kind < sizeof(kinds) && kinds[opts->o[i].kind] == kind)
			return true;
	return false;
}

/* Without a list there may be timestamps and nothing else. */
static bool check_options(struct world *w, const struct conn *c, const struct options *opts,
			  const struct wire *p)
{
	struct sent_option o;

	if (!options_are_sound(w, p))
		return false;
	for (unsigned int i = 0; i < opts->n; i++)
		if (!check_option(w, c, &opts->o[i], p))
			return false;
	if (opts->more)
		return true;
	for (uint32_t at = 0; next_option(p, &at, &o);)
		if (!is_wanted(opts, o.at[0]) && (opts->given || o.at[0] != 8))
			return world_fail(w, "option %u is there, too", o.at[0]);
	return true;
}

/* --- transport --- */

static bool check_ports(struct world *w, uint16_t index, uint16_t local, uint16_t peer)
{
	struct conn *c = &w->conn[index];

	if (!c->has_ports) {
		if (conn_find(w, local, peer) >= 0)
			return world_fail(w, "it belongs to another connection");
		c->has_ports = true;
		c->local_port = local;
		c->peer_port = peer;
	}
	if (c->local_port != local || c->peer_port != peer)
		return world_fail(w, "its ports are %u > %u instead of %u > %u", local, peer,
				  c->local_port, c->peer_port);
	return true;
}

/* Every octet has its place in the stream, whatever a script looks at. */
static bool check_data(struct world *w, const struct wire *p, uint32_t first)
{
	for (uint32_t i = 0; i < p->data_len; i++)
		if (p->data[i] != stream_byte(first + i))
			return world_fail(w, "its octet %u is not what was written", first + i);
	return true;
}

static bool check_range(struct world *w, const struct range *want, int64_t got, const char *what)
{
	if (want->any || (got >= want->lo && got <= want->hi))
		return true;
	return world_fail(w, "%s is %lld", what, (long long)got);
}

static bool check_tcp(struct world *w, const struct packet *want, const struct wire *p)
{
	struct conn *c = &w->conn[want->conn];
	const uint16_t sure = (uint16_t)~want->flags_maybe;
	uint32_t seq;

	if (p->proto != IP_PROTO_TCP)
		return world_fail(w, "it is no TCP segment");
	if (!check_ports(w, want->conn, p->tcp.src_port, p->tcp.dst_port))
		return false;
	if (p->tcp.flags & TCP_SYN && !c->has_iss) {
		c->has_iss = true;
		c->iss = p->tcp.seq.v;
	}
	if ((p->tcp.flags ^ want->flags) & sure)
		return world_fail(w, "its flags are others");
	seq = p->tcp.seq.v - c->iss;
	if (seq != want->seq)
		return world_fail(w, "its sequence number is %d", (int)seq);
	if (p->data_len != want->len)
		return world_fail(w, "it has %u octets of data", p->data_len);
	if (p->tcp.flags & TCP_ACK && p->tcp.ack.v - c->irs != want->ack)
		return world_fail(w, "it acknowledges %d", (int)(p->tcp.ack.v - c->irs));
	if (!check_range(w, &want->win, p->tcp.wnd, "its window"))
		return false;
	if (want->win_symbol) {
		w->has_symbol[want->win_symbol - 1] = true;
		w->symbol[want->win_symbol - 1] = want->ack + p->tcp.wnd;
	}
	if (p->tcp.flags & TCP_URG && p->tcp.urg != want->urg)
		return world_fail(w, "its urgent pointer is %u", p->tcp.urg);
	return check_options(w, c, &want->opts, p) && check_data(w, p, seq);
}

static bool check_udp(struct world *w, const struct packet *want, const struct wire *p)
{
	if (p->proto != IP_PROTO_UDP)
		return world_fail(w, "it is no UDP datagram");
	if (!check_ports(w, want->conn, p->udp.src_port, p->udp.dst_port))
		return false;
	if (p->data_len != want->len)
		return world_fail(w, "it has %u octets of data", p->data_len);
	return check_data(w, p, 1);
}

static bool check_icmp(struct world *w, const struct packet *want, const struct wire *p)
{
	const struct icmp_error *e = want->icmp;

	if (p->proto != (w->v.ip6 ? IP_PROTO_ICMP6 : IP_PROTO_ICMP))
		return world_fail(w, "it is no ICMP message");
	if (p->type != (w->v.ip6 ? e->type6 : e->type4) ||
	    p->code != (w->v.ip6 ? e->code6 : e->code4))
		return world_fail(w, "it is ICMP type %u, code %u", p->type, p->code);
	if (p->data_len < (w->v.ip6 ? 40U : 20U) + 8)
		return world_fail(w, "it quotes %u octets", p->data_len);
	return true;
}

static bool check_echo(struct world *w, const struct packet *want, const struct wire *p)
{
	const bool reply = want->kind == PACKET_ECHO_REPLY;
	const int type4 = reply ? ICMP4_TYPE_ECHO_REPLY : ICMP4_TYPE_ECHO;
	const int type6 = reply ? ICMP6_TYPE_ECHO_REPLY : ICMP6_TYPE_ECHO;

	if (p->proto != (w->v.ip6 ? IP_PROTO_ICMP6 : IP_PROTO_ICMP) ||
	    p->type != (w->v.ip6 ? type6 : type4))
		return world_fail(w, "it is no %s", reply ? "echo reply" : "echo request");
	if (p->rest != ((uint32_t)want->id << 16 | want->icmp_seq) || p->data_len != want->len)
		return world_fail(w, "id, sequence number or length differ");
	return check_data(w, p, 1);
}

static bool check_fragment(struct world *w, const struct packet *want, const struct wire *p)
{
	if (!p->is_frag || p->frag_off != want->frag_off || p->l4_len != want->frag_len ||
	    p->frag_more != want->frag_more)
		return world_fail(w, "it is not that fragment");
	return true;
}

/* --- IP --- */

static bool check_ip(struct world *w, const struct packet *want, const struct wire *p)
{
	const enum place src = want->has_src ? want->src : PLACE_LOCAL;
	const enum place dst = want->has_dst ? want->dst : PLACE_PEER;

	if (p->is_ip4 == w->v.ip6)
		return world_fail(w, "it is of the other IP version");
	if (!ip6_addr_eq(p->src, place_addr(w, src)) || !ip6_addr_eq(p->dst, place_addr(w, dst)))
		return world_fail(w, "it goes from or to another address");
	if (want->has_ttl && p->ttl != want->ttl)
		return world_fail(w, "its TTL is %u", p->ttl);
	if (want->has_tos && p->tos != want->tos)
		return world_fail(w, "its TOS is %u", p->tos);
	if (want->dont_frag >= 0 && !w->v.ip6 && p->dont_frag != want->dont_frag)
		return world_fail(w, "DF is %u", p->dont_frag);
	return true;
}

bool check_packet(struct world *w, const struct packet *want, const struct seen *s)
{
	struct wire p;

	if (wire_parse(s->bytes, s->len, &p))
		return world_fail(w, "it is broken");
	if (p.is_frag != (want->kind == PACKET_FRAGMENT))
		return world_fail(w, p.is_frag ? "it is a fragment" : "it is no fragment");
	if (!check_ip(w, want, &p))
		return false;
	switch (want->kind) {
	case PACKET_TCP:
		return check_tcp(w, want, &p);
	case PACKET_UDP:
		return check_udp(w, want, &p);
	case PACKET_ICMP_ERROR:
		return check_icmp(w, want, &p);
	case PACKET_ECHO:
	case PACKET_ECHO_REPLY:
		return check_echo(w, want, &p);
	case PACKET_FRAGMENT:
		return check_fragment(w, want, &p);
	case PACKET_RAW:
		break;
	}
	return false;
}
