/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <inttypes.h>

#include "netstack/core/trace_priv.h"
#include "wire/icmp4.h"
#include "wire/icmp6.h"
#include "wire/igmp.h"
#include "wire/ipv4.h"
#include "wire/ipv6.h"
#include "wire/l4.h"
#include "wire/mld.h"
#include "wire/ndp.h"

struct name {
	uint8_t value;
	const char *text;
};

#define N(array) (sizeof(array) / sizeof(*(array)))

/* NULL for a value that has no name. */
static const char *name_of(const struct name *name, size_t n, uint8_t value)
{
	for (size_t i = 0; i < n; i++)
		if (name[i].value == value)
			return name[i].text;
	return NULL;
}

/* Of what an error quotes: "10.0.0.9 udp port 53". */
static void put_quoted(struct trace_text *t, struct trace_bytes b)
{
	struct ipv4_repr ip4;
	struct ipv6_repr ip6;
	struct l4_repr l4;

	if (ipv4_parse_quoted(b.p, b.len, &ip4) > 0)
		trace_put_ip4(t, ip4.dst);
	else if (ipv6_parse_quoted(b.p, b.len, &ip6) > 0)
		trace_put_ip6(t, ip6.dst);
	else
		trace_put(t, "something malformed");
	if (l4_find_quoted(b.p, b.len, &l4) > 0 && l4.has_ports)
		trace_put(t, " %s port %u", l4.proto == IP_PROTO_TCP ? "tcp" : "udp", l4.dst_port);
}

void trace_put_icmp4(struct trace_text *t, struct trace_bytes b)
{
	static const struct name names[] = {
		{ ICMP4_TYPE_ECHO_REPLY, "echo reply" },
		{ ICMP4_TYPE_UNREACHABLE, "unreachable" },
		{ ICMP4_TYPE_SOURCE_QUENCH, "source quench" },
		{ ICMP4_TYPE_REDIRECT, "redirect" },
		{ ICMP4_TYPE_ECHO, "echo request" },
		{ ICMP4_TYPE_TIME_EXCEEDED, "time exceeded" },
		{ ICMP4_TYPE_PARAM_PROBLEM, "parameter problem" },
		{ ICMP4_TYPE_TIMESTAMP, "time stamp query" },
		{ ICMP4_TYPE_TIMESTAMP_REPLY, "time stamp reply" },
	};
	static const struct name unreachable[] = {
		{ ICMP4_UNREACHABLE_NET, "net" },
		{ ICMP4_UNREACHABLE_HOST, "host" },
		{ ICMP4_UNREACHABLE_PROTO, "protocol" },
		{ ICMP4_UNREACHABLE_PORT, "port" },
		{ ICMP4_UNREACHABLE_FRAG_NEEDED, "need to frag" },
		{ ICMP4_UNREACHABLE_PROHIBITED, "admin prohibited" },
	};
	struct icmp4_repr r;
	const char *name, *code;

	if (icmp4_parse(b.p, b.len, &r) < 0) {
		trace_put(t, "malformed icmp, length %zu", b.total);
		return;
	}
	name = name_of(names, N(names), r.type);
	if (name)
		trace_put(t, "ICMP %s", name);
	else
		trace_put(t, "ICMP type %u code %u", r.type, r.code);

	if (r.type == ICMP4_TYPE_ECHO || r.type == ICMP4_TYPE_ECHO_REPLY)
		trace_put(t, ", id %u, seq %u", r.echo.id, r.echo.seq);
	if (r.type == ICMP4_TYPE_UNREACHABLE) {
		code = name_of(unreachable, N(unreachable), r.code);
		if (code)
			trace_put(t, " (%s)", code);
		else
			trace_put(t, " (code %u)", r.code);
	}
	if (icmp4_type_is_error(r.type)) {
		trace_put(t, ", ");
		put_quoted(t, trace_bytes_skip(b, ICMP4_HDR_LEN));
	}
	if (r.type == ICMP4_TYPE_UNREACHABLE && r.code == ICMP4_UNREACHABLE_FRAG_NEEDED)
		trace_put(t, ", mtu %u", r.mtu);
	if (r.type == ICMP4_TYPE_REDIRECT) {
		trace_put(t, " to ");
		trace_put_ip4(t, r.gateway);
	}
	trace_put(t, ", length %zu", b.total);
}

static void put_ndp(struct trace_text *t, struct trace_bytes b, const struct icmp6_ip *ip)
{
	struct ndp_repr r;

	if (ndp_parse(b.p, b.len, ip, &r) < 0) {
		trace_put(t, ", malformed");
		return;
	}
	switch (r.type) {
	case NDP_TYPE_NEIGH_SOLICIT:
		trace_put(t, ", who has ");
		trace_put_ip6(t, r.ns.target);
		break;
	case NDP_TYPE_NEIGH_ADVERT:
		trace_put(t, ", tgt is ");
		trace_put_ip6(t, r.na.target);
		trace_put(t, ", Flags [%s%s%s]", r.na.router ? "R" : "", r.na.solicited ? "S" : "",
			  r.na.override ? "O" : "");
		break;
	case NDP_TYPE_REDIRECT:
		trace_put(t, ", ");
		trace_put_ip6(t, r.redirect.dst);
		trace_put(t, " to ");
		trace_put_ip6(t, r.redirect.target);
		break;
	case NDP_TYPE_ROUTER_ADVERT:
		trace_put(t, ", lifetime %us", r.ra.lifetime_s);
		break;
	case NDP_TYPE_ROUTER_SOLICIT:
		break;
	}
}

/* Reports from the unspecified address are for snooping bridges, and no less well-formed. */
static void put_mld(struct trace_text *t, struct trace_bytes b, struct icmp6_ip ip)
{
	struct mld_repr r;

	if (ip6_addr_is_unspecified(ip.src))
		ip.src = (struct ip6_addr){ 0xfe80000000000000, 1 };
	if (mld_parse(b.p, b.len, &ip, &r) < 0) {
		trace_put(t, ", malformed");
		return;
	}
	if (r.type == MLD_TYPE_REPORT2) {
		trace_put(t, " v2, %u group record(s)", r.n_records);
		return;
	}
	if (r.version == 2)
		trace_put(t, " v2");
	trace_put(t, ", ");
	trace_put_ip6(t, r.group);
}

static void put_icmp6_basic(struct trace_text *t, struct trace_bytes b)
{
	static const struct name unreachable[] = {
		{ ICMP6_UNREACHABLE_NO_ROUTE, "no route" },
		{ ICMP6_UNREACHABLE_PROHIBITED, "admin prohibited" },
		{ ICMP6_UNREACHABLE_SCOPE, "beyond scope" },
		{ ICMP6_UNREACHABLE_ADDRESS, "address" },
		{ ICMP6_UNREACHABLE_PORT, "port" },
		{ ICMP6_UNREACHABLE_POLICY, "policy" },
		{ ICMP6_UNREACHABLE_REJECT_ROUTE, "reject route" },
	};
	struct icmp6_repr r;
	const char *code;

	if (icmp6_parse(b.p, b.len, &r) < 0) {
		trace_put(t, ", malformed");
		return;
	}
	if (r.type == ICMP6_TYPE_ECHO || r.type == ICMP6_TYPE_ECHO_REPLY)
		trace_put(t, ", id %u, seq %u", r.echo.id, r.echo.seq);
	if (r.type == ICMP6_TYPE_UNREACHABLE) {
		code = name_of(unreachable, N(unreachable), r.code);
		trace_put(t, " (%s)", code ? code : "unknown code");
	}
	if (icmp6_type_is_error(r.type)) {
		trace_put(t, ", ");
		put_quoted(t, trace_bytes_skip(b, ICMP6_HDR_LEN));
	}
	if (r.type == ICMP6_TYPE_PACKET_TOO_BIG)
		trace_put(t, ", mtu %" PRIu32, r.mtu);
}

void trace_put_icmp6(struct trace_text *t, struct trace_bytes b, const struct trace_ip *ip)
{
	static const struct name names[] = {
		{ ICMP6_TYPE_UNREACHABLE, "unreachable" },
		{ ICMP6_TYPE_PACKET_TOO_BIG, "packet too big" },
		{ ICMP6_TYPE_TIME_EXCEEDED, "time exceeded" },
		{ ICMP6_TYPE_PARAM_PROBLEM, "parameter problem" },
		{ ICMP6_TYPE_ECHO, "echo request" },
		{ ICMP6_TYPE_ECHO_REPLY, "echo reply" },
		{ MLD_TYPE_QUERY, "multicast listener query" },
		{ MLD_TYPE_REPORT1, "multicast listener report" },
		{ MLD_TYPE_DONE, "multicast listener done" },
		{ MLD_TYPE_REPORT2, "multicast listener report" },
		{ NDP_TYPE_ROUTER_SOLICIT, "router solicitation" },
		{ NDP_TYPE_ROUTER_ADVERT, "router advertisement" },
		{ NDP_TYPE_NEIGH_SOLICIT, "neighbor solicitation" },
		{ NDP_TYPE_NEIGH_ADVERT, "neighbor advertisement" },
		{ NDP_TYPE_REDIRECT, "redirect" },
	};
	const struct icmp6_ip cover = {
		.src = ip->src,
		.dst = ip->dst,
		.hop_limit = ip->hop_limit,
		.router_alert = true, /* not looked for */
	};
	const char *name;
	uint8_t type;

	if (b.len < ICMP6_HDR_LEN) {
		trace_put(t, "malformed icmp6, length %zu", b.total);
		return;
	}
	type = b.p[0];
	name = name_of(names, N(names), type);
	if (name)
		trace_put(t, "ICMP6, %s", name);
	else
		trace_put(t, "ICMP6, type %u code %u", type, b.p[1]);
	if (type >= NDP_TYPE_ROUTER_SOLICIT && type <= NDP_TYPE_REDIRECT)
		put_ndp(t, b, &cover);
	else if ((type >= MLD_TYPE_QUERY && type <= MLD_TYPE_DONE) || type == MLD_TYPE_REPORT2)
		put_mld(t, b, cover);
	else
		put_icmp6_basic(t, b);
	trace_put(t, ", length %zu", b.total);
}

void trace_put_igmp(struct trace_text *t, struct trace_bytes b)
{
	struct igmp_repr r;

	if (igmp_parse(b.p, b.len, &r) < 0) {
		trace_put(t, "malformed igmp, length %zu", b.total);
		return;
	}
	switch (r.type) {
	case IGMP_TYPE_QUERY:
		trace_put(t, "igmp query v%u ", r.version);
		trace_put_ip4(t, r.group);
		break;
	case IGMP_TYPE_REPORT1:
	case IGMP_TYPE_REPORT2:
		trace_put(t, "igmp v%u report ", r.type == IGMP_TYPE_REPORT1 ? 1 : 2);
		trace_put_ip4(t, r.group);
		break;
	case IGMP_TYPE_LEAVE:
		trace_put(t, "igmp leave ");
		trace_put_ip4(t, r.group);
		break;
	case IGMP_TYPE_REPORT3:
		trace_put(t, "igmp v3 report, %u group record(s)", r.n_records);
		break;
	}
	trace_put(t, ", length %zu", b.total);
}
