/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * build.c - packets to inject
 */
#include <assert.h>
#include <string.h>

#include "wire/bytes.h"
#include "wire/checksum.h"
#include "wire/icmp4.h"
#include "wire/icmp6.h"
#include "wire/ip.h"
#include "world.h"

static bool ts_number(struct world *w, const struct ts_value *v, uint32_t *ret)
{
	*ret = v->n;
	if (v->kind == TS_NUMBER)
		return true;
	if (v->kind == TS_ANY)
		return world_fail(w, "'*' is no timestamp to send");
	if (!w->has_symbol[v->symbol])
		return world_fail(w, "the timestamp '%s' was not seen yet",
				  w->script->symbols[v->symbol]);
	*ret += w->symbol[v->symbol];
	return true;
}

/* SACK blocks are about what the instance sent. */
static uint32_t put_option(struct world *w, const struct conn *c, const struct tcp_option *o,
			   uint8_t *p)
{
	uint32_t val, ecr;

	switch (o->kind) {
	case OPTION_EOL:
	case OPTION_NOP:
		p[0] = o->kind == OPTION_NOP;
		return 1;
	case OPTION_MSS:
		p[0] = 2;
		p[1] = 4;
		put_be16(p + 2, (uint16_t)o->value);
		return 4;
	case OPTION_WSCALE:
		p[0] = p[1] = 3;
		p[2] = (uint8_t)o->value;
		return 3;
	case OPTION_SACK_OK:
		p[0] = 4;
		p[1] = 2;
		return 2;
	case OPTION_SACK:
		p[0] = 5;
		p[1] = (uint8_t)(2 + 8 * o->n_sack);
		for (unsigned int i = 0; i < o->n_sack; i++) {
			put_be32(p + 2 + 8 * i, c->iss + o->sack[i][0]);
			put_be32(p + 6 + 8 * i, c->iss + o->sack[i][1]);
		}
		return p[1];
	case OPTION_TS:
		if (!ts_number(w, &o->ts_val, &val) || !ts_number(w, &o->ts_ecr, &ecr))
			return 0;
		p[0] = 8;
		p[1] = 10;
		put_be32(p + 2, val);
		put_be32(p + 6, ecr);
		return 10;
	case OPTION_RAW:
		memcpy(p, o->raw, o->raw_len);
		return o->raw_len;
	}
	return 0;
}

/* Padded with zeros (RFC 9293, 3.1).  Return: bytes */
static uint32_t put_options(struct world *w, const struct conn *c, const struct options *opts,
			    uint8_t *p)
{
	uint8_t buf[16 * 40] = { 0 };
	uint32_t len = 0;

	for (unsigned int i = 0; i < opts->n; i++)
		len += put_option(w, c, &opts->o[i], buf + len);
	len = (len + 3) & ~3U;
	if (len > TCP_OPTS_LEN_MAX) {
		(void)world_fail(w, "%u bytes of options do not fit", len);
		return 0;
	}
	memcpy(p, buf, len);
	return len;
}

static uint32_t build_tcp(struct world *w, const struct packet *p, struct conn *c, uint8_t *b)
{
	const uint32_t opts = put_options(w, c, &p->opts, b + TCP_HDR_LEN);
	const uint32_t hdr_len = TCP_HDR_LEN + opts;
	const uint32_t words = p->doff ? p->doff : hdr_len / 4;

	put_be16(b, c->peer_port);
	put_be16(b + 2, c->local_port);
	put_be32(b + 4, c->irs + p->seq);
	put_be32(b + 8, p->flags & TCP_ACK ? c->iss + p->ack : 0);
	put_be16(b + 12, (uint16_t)(words << 12 | (uint32_t)p->reserved << 9 | p->flags));
	put_be16(b + 14, (uint16_t)p->win.lo);
	put_be16(b + 16, 0);
	put_be16(b + 18, p->urg);
	for (uint32_t i = 0; i < p->len; i++)
		b[hdr_len + i] = stream_byte(p->seq + i);
	/* the last urgent octet is before the pointer (RFC 6093, 3.1: as everybody has it) */
	if (p->flags & TCP_URG && p->urg)
		w->urgent[w->n_urgent++ % URGENT_MAX] = p->seq + p->urg - 1;
	return hdr_len + p->len;
}

static uint32_t build_udp(const struct packet *p, const struct conn *c, uint8_t *b)
{
	put_be16(b, c->peer_port);
	put_be16(b + 2, c->local_port);
	put_be16(b + 4, (uint16_t)(UDP_HDR_LEN + p->len));
	put_be16(b + 6, 0);
	for (uint32_t i = 0; i < p->len; i++)
		b[UDP_HDR_LEN + i] = stream_byte(1 + i);
	return UDP_HDR_LEN + p->len;
}

static uint32_t build_icmp_error(struct world *w, const struct packet *p, const struct conn *c,
				 uint8_t *b)
{
	const int type = w->v.ip6 ? p->icmp->type6 : p->icmp->type4;
	const uint32_t ip = w->v.ip6 ? 40 : 20;

	if (type < 0) {
		(void)world_fail(w, "IPv6 has no '%s'", p->icmp->name);
		return 0;
	}
	if (c->last_len < ip + 8) {
		(void)world_fail(w, "nothing was sent that an ICMP error could be about");
		return 0;
	}
	b[0] = (uint8_t)type;
	b[1] = (uint8_t)(w->v.ip6 ? p->icmp->code6 : p->icmp->code4);
	put_be16(b + 2, 0);
	put_be32(b + 4, p->mtu && w->v.ip6 ? p->mtu + 20 : p->mtu);
	if (strcmp(p->icmp->name, "proto-unreachable") == 0 && w->v.ip6)
		put_be32(b + 4, 6); /* the next header field is the problem */
	memcpy(b + 8, c->last, c->last_len);
	if (p->has_about)
		put_be32(b + 8 + ip + 4, c->iss + p->about);
	return 8 + c->last_len;
}

static uint32_t build_echo(const struct world *w, const struct packet *p, uint8_t *b)
{
	const bool reply = p->kind == PACKET_ECHO_REPLY;

	b[0] = w->v.ip6 ? (reply ? ICMP6_TYPE_ECHO_REPLY : ICMP6_TYPE_ECHO)
			: (reply ? ICMP4_TYPE_ECHO_REPLY : ICMP4_TYPE_ECHO);
	b[1] = 0;
	put_be16(b + 2, 0);
	put_be16(b + 4, p->id);
	put_be16(b + 6, p->icmp_seq);
	for (uint32_t i = 0; i < p->len; i++)
		b[8 + i] = stream_byte(1 + i);
	return 8 + p->len;
}

/* --- IP --- */

static uint32_t build_ip4(struct world *w, const struct packet *p, uint8_t proto, uint8_t *b,
			  uint32_t len)
{
	const struct ip6_addr src = place_addr(w, p->src), dst = place_addr(w, p->dst);
	uint16_t frag = 0;

	if (p->is_frag)
		frag = (uint16_t)((p->frag_more ? 0x2000 : 0) | p->frag_off / 8);
	b[0] = 0x45;
	b[1] = p->tos;
	put_be16(b + 2, (uint16_t)(20 + len));
	put_be16(b + 4, p->has_ip_id ? p->ip_id : w->ip_id++);
	put_be16(b + 6, frag);
	b[8] = p->has_ttl ? p->ttl : 64;
	b[9] = proto;
	put_be16(b + 10, 0);
	put_be32(b + 12, (uint32_t)src.lo);
	put_be32(b + 16, (uint32_t)dst.lo);
	put_be16(b + 10, csum_finish(csum_bytes(b, 20)));
	return 20 + len;
}

static uint32_t build_ip6(struct world *w, const struct packet *p, uint8_t proto, uint8_t *b,
			  uint32_t len)
{
	if (p->is_frag) {
		memmove(b + 48, b + 40, len);
		b[40] = proto;
		b[41] = 0;
		put_be16(b + 42, (uint16_t)(p->frag_off | p->frag_more));
		put_be32(b + 44, p->has_ip_id ? p->ip_id : w->ip_id++);
		proto = IP_PROTO_FRAGMENT;
		len += 8;
	}
	put_be32(b, UINT32_C(6) << 28 | (uint32_t)p->tos << 20);
	put_be16(b + 4, (uint16_t)len);
	b[6] = proto;
	b[7] = p->has_ttl ? p->ttl : 64;
	ip6_addr_put(b + 8, place_addr(w, p->src));
	ip6_addr_put(b + 24, place_addr(w, p->dst));
	return 40 + len;
}

static uint32_t build_l4(struct world *w, const struct packet *p, struct conn *c, uint8_t *b,
			 uint8_t *ret_proto)
{
	*ret_proto = w->v.ip6 ? IP_PROTO_ICMP6 : IP_PROTO_ICMP;
	switch (p->kind) {
	case PACKET_TCP:
		*ret_proto = IP_PROTO_TCP;
		return build_tcp(w, p, c, b);
	case PACKET_UDP:
		*ret_proto = IP_PROTO_UDP;
		return build_udp(p, c, b);
	case PACKET_ICMP_ERROR:
		return build_icmp_error(w, p, c, b);
	case PACKET_ECHO:
	case PACKET_ECHO_REPLY:
		return build_echo(w, p, b);
	case PACKET_FRAGMENT:
	case PACKET_RAW:
		break;
	}
	return 0;
}

/* A connection that has no ports yet comes from one of its own to the server. */
static void default_ports(const struct world *w, struct conn *c)
{
	if (c->has_ports)
		return;
	c->has_ports = true;
	c->peer_port = (uint16_t)(40000 + (c - w->conn));
	c->local_port = 80;
}

uint32_t build_packet(struct world *w, const struct packet *packet,
		      uint8_t ret[static PACKET_BYTES_MAX])
{
	const uint32_t ip = w->v.ip6 ? 40 : 20;
	struct conn *c = &w->conn[packet->conn];
	struct packet p = *packet;
	uint8_t proto;
	uint32_t len;

	if (p.kind == PACKET_RAW) {
		memcpy(ret, p.raw, p.raw_len);
		return p.raw_len;
	}
	if (p.kind == PACKET_TCP || p.kind == PACKET_UDP)
		default_ports(w, c);
	p.src = p.has_src ? p.src : PLACE_PEER;
	p.dst = p.has_dst ? p.dst : PLACE_LOCAL;
	len = build_l4(w, &p, c, ret + ip, &proto);
	if (!len)
		return 0;
	if (!p.csum_none)
		wire_put_csum(ret + ip, len, proto, place_addr(w, p.src), place_addr(w, p.dst),
			      !w->v.ip6);
	if (p.csum_bad) /* the last byte is covered by every checksum */
		ret[ip + len - 1] ^= 0x55;
	if (p.is_frag) {
		if (p.frag_off + p.frag_len > len) {
			(void)world_fail(w, "there is no octet %u: the packet has %u",
					 p.frag_off + p.frag_len, len);
			return 0;
		}
		memmove(ret + ip, ret + ip + p.frag_off, p.frag_len);
		len = p.frag_len;
	}
	return w->v.ip6 ? build_ip6(w, &p, proto, ret, len) : build_ip4(w, &p, proto, ret, len);
}
