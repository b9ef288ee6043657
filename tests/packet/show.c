/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * show.c - packets as scripts write them
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "names.h"
#include "wire/bytes.h"
#include "wire/icmp4.h"
#include "wire/icmp6.h"
#include "wire/ip.h"
#include "world.h"

/* Text that is cut off at the end of its buffer. */
struct text {
	char *buf;
	size_t size;
	size_t at;
};

static void add(struct text *t, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static void add(struct text *t, const char *fmt, ...)
{
	va_list ap;
	int n;

	if (t->at >= t->size)
		return;
	va_start(ap, fmt);
	n = vsnprintf(t->buf + t->at, t->size - t->at, fmt, ap);
	va_end(ap);
	t->at += n > 0 ? (size_t)n : 0;
}

int conn_find(const struct world *w, uint16_t local_port, uint16_t peer_port)
{
	for (int i = (int)w->script->n_conns - 1; i >= 0; i--) {
		const struct conn *c = &w->conn[i];

		if (c->has_ports && c->local_port == local_port && c->peer_port == peer_port)
			return i;
	}
	return -1;
}

static void add_option(struct text *t, const struct conn *c, const uint8_t *o)
{
	switch (o[0]) {
	case 2:
		add(t, "mss %u", get_be16(o + 2));
		break;
	case 3:
		add(t, "wscale %u", o[2]);
		break;
	case 4:
		add(t, "sackOK");
		break;
	case 5:
		add(t, "sack");
		for (int i = 2; i + 8 <= o[1]; i += 8)
			add(t, " %u:%u", get_be32(o + i) - (c ? c->irs : 0),
			    get_be32(o + i + 4) - (c ? c->irs : 0));
		break;
	case 8:
		add(t, "TS %u %u", get_be32(o + 2), get_be32(o + 6));
		break;
	default:
		add(t, "option-%u", o[0]);
	}
}

static void add_options(struct text *t, const struct conn *c, const struct wire *p)
{
	const char *sep = " <";

	for (uint32_t i = 0; i < p->opts_len && p->opts[i] != 0;) {
		const uint8_t *o = p->opts + i;

		if (o[0] == 1) {
			i++;
			continue;
		}
		if (i + 2 > p->opts_len || o[1] < 2 || i + o[1] > p->opts_len) {
			add(t, "%sbroken", sep);
			break;
		}
		add(t, "%s", sep);
		add_option(t, c, o);
		sep = ", ";
		i += o[1];
	}
	if (*sep == ',')
		add(t, ">");
}

/* Our initial sequence number, as far as it is known. */
static uint32_t iss_of(const struct conn *c, const struct wire *p)
{
	if (c && (c->has_iss || p->tcp.flags & TCP_RST))
		return c->iss;
	return p->tcp.flags & TCP_SYN ? p->tcp.seq.v : 0;
}

static void add_tcp(struct text *t, const struct world *w, const struct wire *p)
{
	static const char letters[] = "FSRP.UEWA";
	const int i = conn_find(w, p->tcp.src_port, p->tcp.dst_port);
	const struct conn *c = i < 0 ? NULL : &w->conn[i];
	const uint32_t seq = p->tcp.seq.v - iss_of(c, p);

	if (i > 0)
		add(t, "[%s] ", w->script->conns[i]);
	if (!p->tcp.flags)
		add(t, "0");
	for (int f = 0; f < 9; f++)
		if (p->tcp.flags & 1 << f)
			add(t, "%c", letters[f]);
	add(t, " %d", (int)seq);
	if (p->data_len)
		add(t, ":%u", seq + p->data_len);
	if (p->tcp.flags & TCP_ACK)
		add(t, " ack %d", (int)(p->tcp.ack.v - (c ? c->irs : w->conn[0].irs)));
	add(t, " win %u", p->tcp.wnd);
	if (p->tcp.flags & TCP_URG)
		add(t, " urg %u", p->tcp.urg);
	add_options(t, c, p);
	if (!c)
		add(t, " # %u > %u", p->tcp.src_port, p->tcp.dst_port);
}

static void add_icmp(struct text *t, const struct world *w, const struct wire *p)
{
	const bool reply = p->type == (w->v.ip6 ? ICMP6_TYPE_ECHO_REPLY : ICMP4_TYPE_ECHO_REPLY);

	if (reply || p->type == (w->v.ip6 ? ICMP6_TYPE_ECHO : ICMP4_TYPE_ECHO)) {
		add(t, "echo%s %u id %u seq %u", reply ? "-reply" : "", p->data_len, p->rest >> 16,
		    p->rest & 0xffff);
		return;
	}
	for (const struct icmp_error *e = icmp_errors; e->name; e++)
		if (p->type == (w->v.ip6 ? e->type6 : e->type4) &&
		    p->code == (w->v.ip6 ? e->code6 : e->code4)) {
			add(t, "icmp %s", e->name);
			return;
		}
	add(t, "icmp type %u code %u", p->type, p->code);
}

void show_packet(const struct world *w, const uint8_t *bytes, uint32_t len, char *ret, size_t size)
{
	struct text t = { ret, size, 0 };
	struct wire p;
	const char *wrong = wire_parse(bytes, len, &p);

	ret[0] = '\0';
	if (wrong)
		add(&t, "a packet with %s", wrong);
	else if (p.is_frag)
		add(&t, "fragment %u:%u%s", p.frag_off, p.frag_off + p.l4_len,
		    p.frag_more ? "+" : "");
	else if (p.proto == IP_PROTO_TCP)
		add_tcp(&t, w, &p);
	else if (p.proto == IP_PROTO_UDP)
		add(&t, "udp %u # %u > %u", p.data_len, p.udp.src_port, p.udp.dst_port);
	else if (p.proto == IP_PROTO_ICMP || p.proto == IP_PROTO_ICMP6)
		add_icmp(&t, w, &p);
	else
		add(&t, "a packet of protocol %u", p.proto);
}
