/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * match.c - what a rule looks for in a packet
 *
 * Bytecode is that of nft(8) 1.0.6 for the same text (tests/unit/nft compares
 * them).  Numbers of packets are in network order, those of the kernel (mark,
 * type of a route, connection state) in the machine's.
 */
#include <net/if.h>

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <string.h>

#include <linux/if_arp.h>
#include <linux/if_ether.h>
#include <linux/netfilter.h>
#include <linux/rtnetlink.h>

#include "nft/rule_priv.h"

/* Where things are: RFC 791 3.1, RFC 8200 3, IEEE 802.3 3.1.1, and for the port
 * the same place in TCP, UDP and SCTP (RFC 9293 3.1, RFC 768, RFC 9260 3.1).
 */
#define IPV4_SADDR_OFFSET  12
#define IPV4_DADDR_OFFSET  16
#define IPV6_SADDR_OFFSET  8
#define IPV6_DADDR_OFFSET  24
#define ETHER_SADDR_OFFSET 6
#define DPORT_OFFSET       2

static enum nft_cmp_ops cmp_op(bool neq)
{
	return neq ? NFT_CMP_NEQ : NFT_CMP_EQ;
}

/* --- what matches depend on --- */

/* From here on the packet is of family @l3. */
static void need_l3(struct nft_rule *r, uint8_t l3)
{
	if (!r || r->l3 == l3)
		return;
	if (l3 != NFPROTO_IPV4 && l3 != NFPROTO_IPV6) {
		nft_rule_fail(r, -EINVAL, "it matches neither IPv4 nor IPv6");
		return;
	}
	if (r->l3) {
		nft_rule_fail(r, -EINVAL, "it would match IPv4 and IPv6 at once");
		return;
	}
	if (r->family == NFPROTO_BRIDGE) {
		uint16_t type = htons(l3 == NFPROTO_IPV4 ? ETH_P_IP : ETH_P_IPV6);

		nft_expr_meta(r, NFT_META_PROTOCOL);
		nft_expr_cmp(r, NFT_CMP_EQ, &type, sizeof(type));
	} else {
		nft_expr_meta(r, NFT_META_NFPROTO);
		nft_expr_cmp(r, NFT_CMP_EQ, &l3, sizeof(l3));
	}
	r->l3 = l3;
}

/* From here on the packet is of protocol @l4. */
static void need_l4(struct nft_rule *r, uint8_t l4)
{
	if (!r || r->l4 == l4)
		return;
	if (r->l4) {
		nft_rule_fail(r, -EINVAL, "it would match two transport protocols at once");
		return;
	}
	nft_expr_meta(r, NFT_META_L4PROTO);
	nft_expr_cmp(r, NFT_CMP_EQ, &l4, sizeof(l4));
	r->l4 = l4;
}

/* From here on the packet has an Ethernet header; in a bridge they all have.
 *
 * In an inet table nft(8) takes the family of what follows from that header, in
 * the same load as the address; ours asks for nfproto, which is the same to
 * packets and in print.
 */
static void need_ether(struct nft_rule *r)
{
	static const uint16_t type = ARPHRD_ETHER;

	if (!r || r->family == NFPROTO_BRIDGE || r->ether)
		return;
	nft_expr_meta(r, NFT_META_IIFTYPE);
	nft_expr_cmp(r, NFT_CMP_EQ, &type, sizeof(type));
	r->ether = true;
}

/* --- addresses --- */

void nft_match_addr(struct nft_rule *r, const struct ipnet *net, bool source, bool neq)
{
	uint32_t bits = ipaddr_bits(&net->addr);
	uint32_t len = net->prefix_len / 8;
	struct ipaddr network;
	uint32_t offset;

	if (!ipaddr_is_set(&net->addr) || net->prefix_len > bits) {
		nft_rule_fail(r, -EINVAL, "it matches an address that is none");
		return;
	}
	network = ipnet_network(net);
	need_l3(r, net->addr.family);
	if (net->addr.family == NFPROTO_IPV4)
		offset = source ? IPV4_SADDR_OFFSET : IPV4_DADDR_OFFSET;
	else
		offset = source ? IPV6_SADDR_OFFSET : IPV6_DADDR_OFFSET;

	if (net->prefix_len % 8 == 0 && len > 0) {
		nft_expr_payload(r, NFT_PAYLOAD_NETWORK_HEADER, offset, len);
	} else {
		struct ipaddr mask = ipnet_mask(net);

		len = bits / 8;
		nft_expr_payload(r, NFT_PAYLOAD_NETWORK_HEADER, offset, len);
		nft_expr_mask(r, mask.bytes, len);
	}
	nft_expr_cmp(r, cmp_op(neq), network.bytes, len);
}

void nft_rule_saddr(struct nft_rule *r, const struct ipnet *net, bool neq)
{
	nft_match_addr(r, net, true, neq);
}

void nft_rule_daddr(struct nft_rule *r, const struct ipnet *net, bool neq)
{
	nft_match_addr(r, net, false, neq);
}

void nft_rule_nfproto(struct nft_rule *r, uint8_t nfproto)
{
	need_l3(r, nfproto);
}

/* --- interfaces --- */

void nft_match_ifname(struct nft_rule *r, enum nft_meta_keys key, const char *name, uint32_t len,
		      bool neq)
{
	char padded[IFNAMSIZ] = "";
	size_t n = strnlen(name, IFNAMSIZ);

	if (n == 0 || n == IFNAMSIZ) {
		nft_rule_fail(r, -EINVAL, "it matches an interface name that is none");
		return;
	}
	assert(len <= IFNAMSIZ);
	memcpy(padded, name, n);
	nft_expr_meta(r, key);
	nft_expr_cmp(r, cmp_op(neq), padded, len);
}

static void rule_ifname(struct nft_rule *r, enum nft_meta_keys key, const char *name, bool neq)
{
	size_t len = strlen(name);

	if (len == 0 || name[len - 1] != '*') {
		nft_match_ifname(r, key, name, IFNAMSIZ, neq);
		return;
	}
	len--;
	if (len == 0 && neq)
		nft_rule_fail(r, -EINVAL, "it matches no interface name");
	else if (len >= IFNAMSIZ)
		nft_rule_fail(r, -EINVAL, "it matches an interface name that is none");
	else if (len > 0)
		nft_match_ifname(r, key, name, (uint32_t)len, neq);
}

void nft_rule_iifname(struct nft_rule *r, const char *name, bool neq)
{
	rule_ifname(r, NFT_META_IIFNAME, name, neq);
}

void nft_rule_oifname(struct nft_rule *r, const char *name, bool neq)
{
	rule_ifname(r, NFT_META_OIFNAME, name, neq);
}

/* --- headers --- */

void nft_rule_ether_saddr(struct nft_rule *r, const struct macaddr *mac)
{
	if (mac->len != ETH_ALEN) {
		nft_rule_fail(r, -EINVAL, "it matches a MAC address that is not of Ethernet");
		return;
	}
	need_ether(r);
	nft_expr_payload(r, NFT_PAYLOAD_LL_HEADER, ETHER_SADDR_OFFSET, ETH_ALEN);
	nft_expr_cmp(r, NFT_CMP_EQ, mac->bytes, ETH_ALEN);
}

void nft_rule_dport(struct nft_rule *r, uint8_t l4proto, uint16_t port, uint16_t last)
{
	uint16_t first_be = htons(port);
	uint16_t last_be = htons(last);

	if (l4proto != IPPROTO_TCP && l4proto != IPPROTO_UDP && l4proto != IPPROTO_SCTP) {
		nft_rule_fail(r, -EINVAL, "it matches a port of a protocol without ports");
		return;
	}
	need_l4(r, l4proto);
	nft_expr_payload(r, NFT_PAYLOAD_TRANSPORT_HEADER, DPORT_OFFSET, sizeof(port));
	if (last > port) {
		nft_expr_cmp(r, NFT_CMP_GTE, &first_be, sizeof(first_be));
		nft_expr_cmp(r, NFT_CMP_LTE, &last_be, sizeof(last_be));
	} else {
		nft_expr_cmp(r, NFT_CMP_EQ, &first_be, sizeof(first_be));
	}
}

/* --- what the kernel knows about the packet --- */

void nft_rule_mark(struct nft_rule *r, uint32_t mask, uint32_t value)
{
	nft_expr_meta(r, NFT_META_MARK);
	if (mask != UINT32_MAX)
		nft_expr_mask(r, &mask, sizeof(mask));
	nft_expr_cmp(r, NFT_CMP_EQ, &value, sizeof(value));
}

void nft_rule_fib_daddr_local(struct nft_rule *r)
{
	static const uint32_t type = RTN_LOCAL;
	struct nftnl_expr *e = nft_expr_put(r, "fib", 0);

	if (!e)
		return;
	nftnl_expr_set_u32(e, NFTNL_EXPR_FIB_FLAGS, NFTA_FIB_F_DADDR);
	nftnl_expr_set_u32(e, NFTNL_EXPR_FIB_RESULT, NFT_FIB_RESULT_ADDRTYPE);
	nftnl_expr_set_u32(e, NFTNL_EXPR_FIB_DREG, NFT_REG_1);
	nft_expr_cmp(r, NFT_CMP_EQ, &type, sizeof(type));
}

void nft_rule_ct_state(struct nft_rule *r, uint32_t states)
{
	static const uint32_t zero;
	struct nftnl_expr *e = nft_expr_put(r, "ct", 0);

	if (!e)
		return;
	nftnl_expr_set_u32(e, NFTNL_EXPR_CT_KEY, NFT_CT_STATE);
	nftnl_expr_set_u32(e, NFTNL_EXPR_CT_DREG, NFT_REG_1);
	nft_expr_mask(r, &states, sizeof(states));
	nft_expr_cmp(r, NFT_CMP_NEQ, &zero, sizeof(zero));
}
