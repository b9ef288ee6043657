/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * messages.h - ICMP and its relatives, sent to an instance and seen coming from it
 */
#ifndef TESTS_UNIT_NETSTACK_NET_MESSAGES_H
#define TESTS_UNIT_NETSTACK_NET_MESSAGES_H

#include "tests/unit/netstack/rig.h"
#include "wire/ipv6_ext.h"

static struct rig_pkt pkt;

/* A frame from the peer of link 0 with these bytes of @proto; link address of the group it is
 * for, or ours.
 */
static RIG_UNUSED void frame_of(const struct rig *r, struct ip6_addr src, struct ip6_addr dst,
				uint8_t proto, uint8_t ttl, const uint8_t *data, uint16_t len)
{
	const bool is_ip4 = ip6_addr_is_mapped(dst);

	rig_eth(r, 0, &pkt, is_ip4 ? ETH_TYPE_IPV4 : ETH_TYPE_IPV6);
	if (is_ip4 ? ip4_addr_is_multicast((uint32_t)dst.lo) : ip6_addr_is_multicast(dst))
		eth_addr_put(pkt.b,
			     is_ip4 ? eth_addr_of_ip4((uint32_t)dst.lo) : eth_addr_of_ip6(dst));
	rig_ip(&pkt, src, dst, proto, ttl, len);
	memcpy(pkt.b + pkt.len, data, len);
	pkt.len += len;
}

static RIG_UNUSED void send_ip(struct rig *r, struct ip6_addr src, struct ip6_addr dst,
			       uint8_t proto, uint8_t ttl, const uint8_t *data, uint16_t len)
{
	frame_of(r, src, dst, proto, ttl, data, len);
	rig_in_pkt(r, 0, &pkt);
}

/* With the checksum of ICMP or ICMPv6. */
static RIG_UNUSED void send_icmp(struct rig *r, struct ip6_addr src, struct ip6_addr dst,
				 uint8_t ttl, uint8_t *msg, uint16_t len)
{
	if (ip6_addr_is_mapped(dst))
		icmp4_put_csum(msg, len);
	else
		icmp6_put_csum(msg, len, src, dst);
	send_ip(r, src, dst, ip6_addr_is_mapped(dst) ? IP_PROTO_ICMP : IP_PROTO_ICMP6, ttl, msg,
		len);
}

/**
 * struct seen - An ICMP or ICMPv6 message in a frame that was sent
 * @src, @dst:	Addresses
 * @ttl, @tos:	Of the packet
 * @msg:	The message
 * @len:	Its length
 */
struct seen {
	struct ip6_addr src;
	struct ip6_addr dst;
	uint8_t ttl;
	uint8_t tos;
	bool router_alert;
	const uint8_t *msg;
	uint32_t len;
};

/* Frame @i of link 0; its checksums are right. */
static RIG_UNUSED struct seen see4(const struct rig *r, unsigned int i, uint8_t proto)
{
	const struct ipv4_repr ip = rig_sent4(r, 0, i);
	const uint8_t *at = rig_sent_ip(r, 0, i, true);
	struct seen s = {
		.src = ip6_addr_of_ip4(ip.src),
		.dst = ip6_addr_of_ip4(ip.dst),
		.ttl = ip.ttl,
		.tos = ip.tos,
		.router_alert = ip.opts_len == 4 && get_be32(at + 20) == 0x94040000,
		.msg = at + IPV4_HDR_LEN + ip.opts_len,
		.len = ip.payload_len,
	};

	assert_int_equal(ip.proto, proto);
	assert_true(icmp4_csum_ok(s.msg, s.len));
	return s;
}

static RIG_UNUSED struct seen see6(const struct rig *r, unsigned int i)
{
	const struct ipv6_repr ip = rig_sent6(r, 0, i);
	const uint8_t *at = rig_sent_ip(r, 0, i, false);
	struct ipv6_problem problem;
	struct ipv6_ext ext = { .proto = 0 };
	const int n =
		ipv6_ext_parse(at, IPV6_HDR_LEN + ip.payload_len, ip.next_hdr, &ext, &problem);
	struct seen s = {
		.src = ip.src,
		.dst = ip.dst,
		.ttl = ip.hop_limit,
		.tos = ip.tclass,
		.router_alert = ext.router_alert && ext.router_alert_value == 0,
	};

	assert_true(n > 0);
	s.msg = at + n;
	s.len = IPV6_HDR_LEN + ip.payload_len - (uint32_t)n;
	assert_int_equal(ext.proto, IP_PROTO_ICMP6);
	assert_true(icmp6_csum_ok(s.msg, s.len, ip.src, ip.dst));
	return s;
}

static RIG_UNUSED void assert_addr(struct ip6_addr a, struct ip6_addr want)
{
	assert_int_equal(a.hi, want.hi);
	assert_int_equal(a.lo, want.lo);
}

/* Errors that transport is told about. */
struct told {
	unsigned int n;
	struct ip_error e;
};

static RIG_UNUSED void tell(void *arg, const struct ip_error *e)
{
	struct told *t = arg;

	t->n++;
	t->e = *e;
}

/* From now on they go to @t instead of transport. */
static RIG_UNUSED void tell_me(struct rig *r, struct told *t)
{
	*t = (struct told){ .n = 0 };
	r->st->net.error = tell;
	r->st->net.up_arg = t;
}

#endif /* TESTS_UNIT_NETSTACK_NET_MESSAGES_H */
