/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <inttypes.h>
#include <stdbool.h>

#include "netstack/core/trace_priv.h"
#include "wire/ip.h"
#include "wire/ipv4.h"
#include "wire/ipv6.h"
#include "wire/ipv6_ext.h"
#include "wire/tcp.h"
#include "wire/tcp_options.h"
#include "wire/udp.h"

static void put_addr(struct trace_text *t, struct ip6_addr a)
{
	if (ip6_addr_is_mapped(a))
		trace_put_ip4(t, (uint32_t)a.lo);
	else
		trace_put_ip6(t, a);
}

static void put_options(struct trace_text *t, const uint8_t *p, size_t len)
{
	struct tcp_options_repr o;
	const char *comma = "";

	if (!len)
		return;
	trace_put(t, ", options [");
	if (tcp_options_parse(p, len, &o) < (int)len) {
		trace_put(t, "malformed");
		comma = ",";
	}
	if (o.mss) {
		trace_put(t, "%smss %u", comma, o.mss);
		comma = ",";
	}
	if (o.sack_permitted) {
		trace_put(t, "%ssackOK", comma);
		comma = ",";
	}
	if (o.has_ts) {
		trace_put(t, "%sTS val %" PRIu32 " ecr %" PRIu32, comma, o.ts_val, o.ts_ecr);
		comma = ",";
	}
	if (o.has_wscale) {
		trace_put(t, "%swscale %u", comma, o.wscale);
		comma = ",";
	}
	if (o.n_sack)
		trace_put(t, "%ssack %u ", comma, o.n_sack);
	for (unsigned int i = 0; i < o.n_sack; i++)
		trace_put(t, "{%" PRIu32 ":%" PRIu32 "}", o.sack[i].left.v, o.sack[i].right.v);
	trace_put(t, "]");
}

/* tcpdump's letters, in its order. */
static void put_flags(struct trace_text *t, uint16_t flags)
{
	static const struct {
		uint16_t flag;
		char letter;
	} letters[] = {
		{ TCP_FIN, 'F' }, { TCP_SYN, 'S' }, { TCP_RST, 'R' },
		{ TCP_PSH, 'P' }, { TCP_ACK, '.' }, { TCP_URG, 'U' },
		{ TCP_ECE, 'E' }, { TCP_CWR, 'W' }, { TCP_AE, 'e' },
	};

	if (!flags)
		trace_put(t, "none");
	for (unsigned int i = 0; i < sizeof(letters) / sizeof(*letters); i++)
		if (flags & letters[i].flag)
			trace_put(t, "%c", letters[i].letter);
}

void trace_put_tcp(struct trace_text *t, struct trace_bytes b)
{
	struct tcp_repr tcp;
	size_t payload;
	int n = tcp_parse(b.p, b.len, &tcp);

	if (n < 0) {
		trace_put(t, "malformed tcp, length %zu", b.total);
		return;
	}
	payload = b.total - (size_t)n;
	trace_put(t, "Flags [");
	put_flags(t, tcp.flags);
	trace_put(t, "], seq %" PRIu32, tcp.seq.v);
	if (payload)
		trace_put(t, ":%" PRIu32, seq_add(tcp.seq, (uint32_t)payload).v);
	if (tcp.flags & TCP_ACK)
		trace_put(t, ", ack %" PRIu32, tcp.ack.v);
	trace_put(t, ", win %u", tcp.wnd);
	if (tcp.flags & TCP_URG)
		trace_put(t, ", urg %u", tcp.urg);
	put_options(t, b.p + TCP_HDR_LEN, tcp.opts_len);
	trace_put(t, ", length %zu", payload);
}

static void put_udp(struct trace_text *t, struct trace_bytes b)
{
	struct udp_repr udp;

	if (udp_parse_quoted(b.p, b.len, &udp) < 0)
		trace_put(t, "malformed udp, length %zu", b.total);
	else
		trace_put(t, "UDP, length %u", udp.payload_len);
}

/* "10.0.0.2.40000 > 10.0.0.1.80: " */
static void put_ends(struct trace_text *t, const struct trace_ip *ip, struct trace_bytes b,
		     bool has_header)
{
	const bool ports = has_header && b.len >= 4 &&
			   (ip->proto == IP_PROTO_TCP || ip->proto == IP_PROTO_UDP);

	put_addr(t, ip->src);
	if (ports)
		trace_put(t, ".%u", get_be16(b.p));
	trace_put(t, " > ");
	put_addr(t, ip->dst);
	if (ports)
		trace_put(t, ".%u", get_be16(b.p + 2));
	trace_put(t, ": ");
}

static void put_upper(struct trace_text *t, const struct trace_ip *ip, struct trace_bytes b,
		      bool has_header)
{
	put_ends(t, ip, b, has_header);
	if (!has_header) {
		trace_put(t, "ip-proto-%u, length %zu", ip->proto, b.total);
		return;
	}
	switch (ip->proto) {
	case IP_PROTO_TCP:
		trace_put_tcp(t, b);
		break;
	case IP_PROTO_UDP:
		put_udp(t, b);
		break;
	case IP_PROTO_ICMP:
		trace_put_icmp4(t, b);
		break;
	case IP_PROTO_ICMP6:
		trace_put_icmp6(t, b, ip);
		break;
	case IP_PROTO_IGMP:
		trace_put_igmp(t, b);
		break;
	default:
		trace_put(t, "ip-proto-%u, length %zu", ip->proto, b.total);
	}
}

static void put_fragment(struct trace_text *t, uint32_t id, uint32_t off, size_t len, bool more)
{
	trace_put(t, ", frag id %" PRIu32 " %" PRIu32 "-%zu%s", id, off, off + len,
		  more ? "+" : "");
}

static void put_ipv4(struct trace_text *t, struct trace_bytes b)
{
	struct ipv4_repr r;
	struct trace_ip ip;
	int n = ipv4_parse_quoted(b.p, b.len, &r);

	if (n < 0) {
		trace_put(t, "IP malformed, length %zu", b.total);
		return;
	}
	ip = (struct trace_ip){ .src = ip6_addr_of_ip4(r.src),
				.dst = ip6_addr_of_ip4(r.dst),
				.proto = r.proto,
				.hop_limit = r.ttl };
	trace_put(t, "IP ");
	b = trace_bytes_cut(trace_bytes_skip(b, (size_t)n), r.payload_len);
	put_upper(t, &ip, b, r.frag_off == 0);
	if (ipv4_is_fragment(&r))
		put_fragment(t, r.id, r.frag_off, r.payload_len, r.more_frags);
}

static void put_ipv6(struct trace_text *t, struct trace_bytes b)
{
	struct ipv6_repr r;
	struct ipv6_skip ext;
	struct trace_ip ip;
	int n;

	if (ipv6_parse_quoted(b.p, b.len, &r) < 0) {
		trace_put(t, "IP6 malformed, length %zu", b.total);
		return;
	}
	ip = (struct trace_ip){
		.src = r.src, .dst = r.dst, .proto = r.next_hdr, .hop_limit = r.hop_limit
	};
	trace_put(t, "IP6 ");
	b = trace_bytes_cut(b, (size_t)IPV6_HDR_LEN + r.payload_len);
	n = ipv6_ext_skip(b.p, b.len, r.next_hdr, &ext);
	if (n < 0) {
		put_ends(t, &ip, b, false);
		trace_put(t, "malformed headers, length %u", r.payload_len);
		return;
	}
	ip.proto = ext.proto;
	b = trace_bytes_skip(b, (size_t)n);
	put_upper(t, &ip, b, ext.frag_offset == 0);
	if (ext.is_fragment)
		trace_put(t, ", frag %u-%zu", ext.frag_offset, ext.frag_offset + b.total);
}

void trace_put_packet(struct trace_text *t, struct trace_bytes b)
{
	if (b.len && b.p[0] >> 4 == 6)
		put_ipv6(t, b);
	else
		put_ipv4(t, b);
}
