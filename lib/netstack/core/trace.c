/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "netstack/core/trace.h"

#include <arpa/inet.h>
#include <assert.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "netstack/core/trace_priv.h"
#include "nic/pbuf.h"
#include "wire/arp.h"
#include "wire/ethernet.h"
#include "wire/ipv4.h"
#include "wire/ipv6.h"

/* So many bytes of a packet are looked at: more than all headers, and most messages whole. */
#define SNAP_LEN 512

void trace_put(struct trace_text *t, const char *fmt, ...)
{
	const size_t room = t->size - t->len;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(t->s + t->len, room, fmt, ap);
	va_end(ap);
	if (n > 0)
		t->len += (size_t)n < room ? (size_t)n : room - 1;
}

void trace_put_ip4(struct trace_text *t, uint32_t addr)
{
	trace_put(t, "%u.%u.%u.%u", addr >> 24, addr >> 16 & 0xff, addr >> 8 & 0xff, addr & 0xff);
}

void trace_put_ip6(struct trace_text *t, struct ip6_addr addr)
{
	char text[INET6_ADDRSTRLEN];
	uint8_t bytes[IP6_ADDR_LEN];

	ip6_addr_put(bytes, addr);
	trace_put(t, "%s", inet_ntop(AF_INET6, bytes, text, sizeof(text)));
}

void trace_put_mac(struct trace_text *t, struct eth_addr mac)
{
	trace_put(t, "%02x:%02x:%02x:%02x:%02x:%02x", mac.b[0], mac.b[1], mac.b[2], mac.b[3],
		  mac.b[4], mac.b[5]);
}

/* --- link layer --- */

static void put_arp(struct trace_text *t, struct trace_bytes b)
{
	struct arp_repr arp;

	if (arp_parse(b.p, b.len, &arp) < 0) {
		trace_put(t, "ARP, malformed");
	} else if (arp.op == ARP_OP_REQUEST) {
		trace_put(t, "ARP, Request who-has ");
		trace_put_ip4(t, arp.tpa);
		trace_put(t, " tell ");
		trace_put_ip4(t, arp.spa);
	} else {
		trace_put(t, "ARP, Reply ");
		trace_put_ip4(t, arp.spa);
		trace_put(t, " is-at ");
		trace_put_mac(t, arp.sha);
	}
	trace_put(t, ", length %zu", b.total);
}

static void put_frame(struct trace_text *t, struct trace_bytes b)
{
	struct eth_repr eth;
	int n = eth_parse(b.p, b.len, &eth);

	if (n < 0) {
		trace_put(t, "malformed frame, length %zu", b.total);
		return;
	}
	for (unsigned int i = 0; i < eth.n_vlans; i++)
		trace_put(t, "vlan %u, ", eth.vlan[i].vid);
	switch (eth.type) {
	case ETH_TYPE_ARP:
		put_arp(t, trace_bytes_skip(b, (size_t)n));
		break;
	case ETH_TYPE_IPV4:
	case ETH_TYPE_IPV6:
		trace_put_packet(t, trace_bytes_skip(b, (size_t)n));
		break;
	default:
		trace_put_mac(t, eth.src);
		trace_put(t, " > ");
		trace_put_mac(t, eth.dst);
		trace_put(t, ", ethertype 0x%04x, length %zu", eth.type, b.total);
	}
}

/* --- a packet at whatever layer it is --- */

/* No frame looks like this by chance, as 16 bits of checksum or length would have to fit. */
static bool looks_like_ip(struct trace_bytes b)
{
	struct ipv4_repr ip4;
	int n;

	if (b.len >= IPV6_HDR_LEN && b.p[0] >> 4 == 6)
		return get_be16(b.p + 4) + (size_t)IPV6_HDR_LEN == b.total;
	n = ipv4_parse_quoted(b.p, b.len, &ip4);
	return n > 0 && (size_t)n + ip4.payload_len <= b.total && ipv4_csum_ok(b.p, (size_t)n);
}

/* The first bytes of the packet from @at on, an offset from its base. */
static struct trace_bytes snap(const struct pbuf *pb, uint32_t at, uint8_t buf[static SNAP_LEN])
{
	const uint32_t data = pbuf_headroom(pb);
	const uint32_t before = at < data ? data - at : 0;
	const uint32_t total = before + pb->len;
	const uint32_t len = total < SNAP_LEN ? total : SNAP_LEN;
	const uint32_t first = before < len ? before : len;

	memcpy(buf, pb->base + at, first);
	pbuf_copy_out(pb, 0, buf + first, len - first);
	return (struct trace_bytes){ buf, len, total };
}

/* Headers that were passed are behind the marks, those that are to be sent before them. */
static void put_pbuf(struct trace_text *t, const struct pbuf *pb)
{
	const uint32_t data = pbuf_headroom(pb);
	uint8_t buf[SNAP_LEN];
	struct trace_bytes b;

	if (pb->l3 != PBUF_NO_OFFSET && pb->l3 <= data) {
		trace_put_packet(t, snap(pb, pb->l3, buf));
		return;
	}
	if (pb->l3 == PBUF_NO_OFFSET && pb->l2 > data && pb->l4 <= data) {
		trace_put_tcp(t, snap(pb, pb->l4, buf));
		return;
	}
	b = snap(pb, pb->l2 < data ? pb->l2 : data, buf);
	if (looks_like_ip(b))
		trace_put_packet(t, b);
	else
		put_frame(t, b);
}

static const char *point_name(enum trace_point p)
{
	static const char *const name[] = {
		[TRACE_RX] = "rx",
		[TRACE_HOOK] = "hook",
		[TRACE_LOCAL_IN] = "in",
		[TRACE_FORWARD] = "forward",
		[TRACE_REASSEMBLED] = "reassembled",
		[TRACE_SOCKET] = "socket",
		[TRACE_OUT] = "out",
		[TRACE_FRAGMENTED] = "fragmented",
		[TRACE_NEIGH_WAIT] = "neigh-wait",
		[TRACE_TX] = "tx",
		[TRACE_DROP] = "drop",
		[TRACE_NOTE] = "note",
	};

	assert(p <= TRACE_NOTE);
	return name[p];
}

size_t trace_event_to_str(char *ret, size_t size, const struct trace_event *ev)
{
	struct trace_text t = { .s = ret, .size = size };

	if (size == 0)
		return 0;
	trace_put(&t, "%" PRIu64 ".%06" PRIu64 " %s", ev->time_ns / UINT64_C(1000000000),
		  ev->time_ns / 1000 % 1000000, point_name(ev->point));
	if (ev->point == TRACE_NOTE)
		trace_put(&t, " %s", ev->note);
	if (ev->point == TRACE_DROP)
		trace_put(&t, " %s", drop_name(ev->drop));
	if (ev->pb) {
		if (ev->pb->ifindex)
			trace_put(&t, " if%" PRIu32, ev->pb->ifindex);
		trace_put(&t, " ");
		put_pbuf(&t, ev->pb);
		if (ev->pb->gso != PBUF_GSO_NONE)
			trace_put(&t, ", segments of %u", ev->pb->gso_size);
	}
	if (ev->point == TRACE_DROP)
		trace_put(&t, " (%s)", drop_sentence(ev->drop));
	return t.len;
}
