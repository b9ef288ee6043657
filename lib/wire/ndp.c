/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "wire/ndp.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

/* Fixed parts (RFC 4861, 4.1 to 4.5). */
#define RS_LEN       8
#define RA_LEN       16
#define NS_LEN       24 /* and of an advertisement */
#define REDIRECT_LEN 40

/* Bits of a router advertisement (4.2, RFC 4191 2.2), a neighbour advertisement (4.4) and
 * a prefix option (4.6.2).
 */
#define RA_MANAGED     0x80
#define RA_OTHER       0x40
#define RA_PREF_SHIFT  3
#define NA_ROUTER      0x80
#define NA_SOLICITED   0x40
#define NA_OVERRIDE    0x20
#define PREFIX_ON_LINK 0x80
#define PREFIX_AUTO    0x40

/* Lengths of options, in units of 8 bytes. */
#define OPT_LLADDR_UNITS 1
#define OPT_PREFIX_UNITS 4
#define OPT_MTU_UNITS    1
#define OPT_NONCE_UNITS  1
static_assert(OPT_MTU_UNITS == OPT_NONCE_UNITS, "both are one unit");

/* Of the fixed part, 0 for another type. */
static size_t fixed_len(unsigned int type)
{
	switch (type) {
	case NDP_TYPE_ROUTER_SOLICIT:
		return RS_LEN;
	case NDP_TYPE_ROUTER_ADVERT:
		return RA_LEN;
	case NDP_TYPE_NEIGH_SOLICIT:
	case NDP_TYPE_NEIGH_ADVERT:
		return NS_LEN;
	case NDP_TYPE_REDIRECT:
		return REDIRECT_LEN;
	default:
		return 0;
	}
}

static enum ndp_preference preference_of(uint8_t flags)
{
	const unsigned int bits = flags >> RA_PREF_SHIFT & 3;

	return bits == 2 ? NDP_PREFERENCE_MEDIUM : (enum ndp_preference)bits;
}

static void read_fixed(const uint8_t *buf, struct ndp_repr *r)
{
	switch (r->type) {
	case NDP_TYPE_ROUTER_SOLICIT:
		break;
	case NDP_TYPE_ROUTER_ADVERT:
		r->ra.hop_limit = buf[4];
		r->ra.managed = buf[5] & RA_MANAGED;
		r->ra.other = buf[5] & RA_OTHER;
		r->ra.preference = preference_of(buf[5]);
		r->ra.lifetime_s = get_be16(buf + 6);
		r->ra.reachable_ms = get_be32(buf + 8);
		r->ra.retrans_ms = get_be32(buf + 12);
		break;
	case NDP_TYPE_NEIGH_SOLICIT:
		r->ns.target = ip6_addr_get(buf + 8);
		break;
	case NDP_TYPE_NEIGH_ADVERT:
		r->na.router = buf[4] & NA_ROUTER;
		r->na.solicited = buf[4] & NA_SOLICITED;
		r->na.override = buf[4] & NA_OVERRIDE;
		r->na.target = ip6_addr_get(buf + 8);
		break;
	case NDP_TYPE_REDIRECT:
		r->redirect.target = ip6_addr_get(buf + 8);
		r->redirect.dst = ip6_addr_get(buf + 24);
		break;
	}
}

/* What a message may not be whoever sends it. */
static bool is_legal(const struct ndp_repr *r)
{
	switch (r->type) {
	case NDP_TYPE_ROUTER_SOLICIT:
		return true;
	case NDP_TYPE_ROUTER_ADVERT:
		return r->ra.preference == NDP_PREFERENCE_MEDIUM ||
		       r->ra.preference == NDP_PREFERENCE_HIGH ||
		       r->ra.preference == NDP_PREFERENCE_LOW;
	case NDP_TYPE_NEIGH_SOLICIT:
		return !ip6_addr_is_multicast(r->ns.target);
	case NDP_TYPE_NEIGH_ADVERT:
		return !ip6_addr_is_multicast(r->na.target);
	case NDP_TYPE_REDIRECT:
		return !ip6_addr_is_multicast(r->redirect.dst) &&
		       (ip6_addr_is_link_local(r->redirect.target) ||
			ip6_addr_eq(r->redirect.target, r->redirect.dst));
	}
	return false;
}

/* What it may not be in this packet. */
static bool is_legal_from(const struct ndp_repr *r, const struct icmp6_ip *ip, bool has_source)
{
	const bool unspecified = ip6_addr_is_unspecified(ip->src);

	switch (r->type) {
	case NDP_TYPE_ROUTER_SOLICIT:
		return !(unspecified && has_source);
	case NDP_TYPE_ROUTER_ADVERT:
	case NDP_TYPE_REDIRECT:
		return ip6_addr_is_link_local(ip->src);
	case NDP_TYPE_NEIGH_SOLICIT:
		return !unspecified || (!has_source && ip6_addr_is_solicited(ip->dst));
	case NDP_TYPE_NEIGH_ADVERT:
		return !(r->na.solicited && ip6_addr_is_multicast(ip->dst));
	}
	return false;
}

/* All of them can be read: 1 if a source link address is among them. */
static int check_opts(const uint8_t *buf, size_t len)
{
	int has_source = 0;

	for (size_t at = 0; at < len;) {
		struct ndp_opt opt;
		const int n = ndp_opt_parse(buf + at, len - at, &opt);

		if (n < 0)
			return -EBADMSG; /* the message is all there is: never too short */
		has_source |= opt.type == NDP_OPT_SOURCE_LLADDR;
		at += (size_t)n;
	}
	return has_source;
}

int ndp_parse(const uint8_t *buf, size_t len, const struct icmp6_ip *ip, struct ndp_repr *ret)
{
	struct ndp_repr r;
	size_t fixed;
	int has_source;

	if (len < 1)
		return -ENODATA;
	fixed = fixed_len(buf[0]);
	if (!fixed)
		return -EPROTONOSUPPORT;
	if (len < fixed)
		return -ENODATA;
	if (ip->hop_limit != NDP_HOP_LIMIT || buf[1] != 0)
		return -EBADMSG;
	has_source = check_opts(buf + fixed, len - fixed);
	if (has_source < 0)
		return has_source;

	r = (struct ndp_repr){ .type = (enum ndp_type)buf[0] };
	read_fixed(buf, &r);
	if (!is_legal(&r) || !is_legal_from(&r, ip, has_source))
		return -EBADMSG;
	*ret = r;
	return (int)fixed;
}

int ndp_emit(uint8_t *buf, size_t len, const struct ndp_repr *r)
{
	const size_t fixed = fixed_len(r->type);

	if (!is_legal(r))
		return -EINVAL;
	if (len < fixed)
		return -ENOSPC;

	memset(buf, 0, fixed);
	buf[0] = (uint8_t)r->type;
	switch (r->type) {
	case NDP_TYPE_ROUTER_SOLICIT:
		break;
	case NDP_TYPE_ROUTER_ADVERT:
		buf[4] = r->ra.hop_limit;
		buf[5] = (uint8_t)((r->ra.managed ? RA_MANAGED : 0) | (r->ra.other ? RA_OTHER : 0) |
				   r->ra.preference << RA_PREF_SHIFT);
		put_be16(buf + 6, r->ra.lifetime_s);
		put_be32(buf + 8, r->ra.reachable_ms);
		put_be32(buf + 12, r->ra.retrans_ms);
		break;
	case NDP_TYPE_NEIGH_SOLICIT:
		ip6_addr_put(buf + 8, r->ns.target);
		break;
	case NDP_TYPE_NEIGH_ADVERT:
		buf[4] = (uint8_t)((r->na.router ? NA_ROUTER : 0) |
				   (r->na.solicited ? NA_SOLICITED : 0) |
				   (r->na.override ? NA_OVERRIDE : 0));
		ip6_addr_put(buf + 8, r->na.target);
		break;
	case NDP_TYPE_REDIRECT:
		ip6_addr_put(buf + 8, r->redirect.target);
		ip6_addr_put(buf + 24, r->redirect.dst);
		break;
	}
	return (int)fixed;
}

/* --- options --- */

static void read_prefix(const uint8_t *buf, struct ndp_opt *o)
{
	o->known = buf[1] == OPT_PREFIX_UNITS && buf[2] <= 128;
	if (!o->known)
		return;
	o->prefix.len = buf[2];
	o->prefix.on_link = buf[3] & PREFIX_ON_LINK;
	o->prefix.autonomous = buf[3] & PREFIX_AUTO;
	o->prefix.valid_s = get_be32(buf + 4);
	o->prefix.preferred_s = get_be32(buf + 8);
	o->prefix.addr = ip6_addr_prefix(ip6_addr_get(buf + 16), o->prefix.len);
}

/* RFC 8106, 5.1: 8 bytes, then addresses. */
static void read_rdnss(const uint8_t *buf, struct ndp_opt *o)
{
	const unsigned int n = buf[1] / 2U;

	o->known = buf[1] >= 3 && buf[1] % 2;
	if (!o->known)
		return;
	o->rdnss.lifetime_s = get_be32(buf + 4);
	o->rdnss.n = n < NDP_RDNSS_MAX ? (uint8_t)n : NDP_RDNSS_MAX;
	for (size_t i = 0; i < o->rdnss.n; i++)
		o->rdnss.server[i] = ip6_addr_get(buf + 8 + 16 * i);
}

int ndp_opt_parse(const uint8_t *buf, size_t len, struct ndp_opt *ret)
{
	struct ndp_opt o;
	size_t opt_len;

	if (len < 2)
		return -ENODATA;
	opt_len = buf[1] * 8U;
	if (!opt_len)
		return -EBADMSG;
	if (opt_len > len)
		return -ENODATA;

	o = (struct ndp_opt){ .type = buf[0] };
	switch (buf[0]) {
	case NDP_OPT_SOURCE_LLADDR:
	case NDP_OPT_TARGET_LLADDR:
		if (buf[1] != OPT_LLADDR_UNITS) /* RFC 2464, 6 */
			return -EBADMSG;
		o.known = true;
		o.lladdr = eth_addr_get(buf + 2);
		break;
	case NDP_OPT_PREFIX:
		read_prefix(buf, &o);
		break;
	case NDP_OPT_REDIRECTED:
		o.known = true;
		o.redirected_len = (uint16_t)(opt_len - 8);
		break;
	case NDP_OPT_MTU:
		o.known = buf[1] == OPT_MTU_UNITS;
		if (o.known)
			o.mtu = get_be32(buf + 4);
		break;
	case NDP_OPT_NONCE:
		o.known = buf[1] == OPT_NONCE_UNITS;
		if (o.known)
			memcpy(o.nonce, buf + 2, sizeof(o.nonce));
		break;
	case NDP_OPT_RDNSS:
		read_rdnss(buf, &o);
		break;
	default:
		break;
	}
	*ret = o;
	return (int)opt_len;
}

/* In units of 8 bytes, 0 for one that cannot be written. */
static size_t opt_units(const struct ndp_opt *r)
{
	if (!r->known)
		return 0;
	switch (r->type) {
	case NDP_OPT_SOURCE_LLADDR:
	case NDP_OPT_TARGET_LLADDR:
		return OPT_LLADDR_UNITS;
	case NDP_OPT_PREFIX:
		return r->prefix.len <= 128 ? OPT_PREFIX_UNITS : 0;
	case NDP_OPT_REDIRECTED:
		return r->redirected_len % 8 || r->redirected_len > 254 * 8
			       ? 0
			       : 1 + r->redirected_len / 8U;
	case NDP_OPT_MTU:
	case NDP_OPT_NONCE:
		return OPT_MTU_UNITS;
	case NDP_OPT_RDNSS:
		return r->rdnss.n && r->rdnss.n <= NDP_RDNSS_MAX ? 1 + 2U * r->rdnss.n : 0;
	default:
		return 0;
	}
}

static void put_prefix(uint8_t *buf, const struct ndp_opt *r)
{
	buf[2] = r->prefix.len;
	buf[3] = (uint8_t)((r->prefix.on_link ? PREFIX_ON_LINK : 0) |
			   (r->prefix.autonomous ? PREFIX_AUTO : 0));
	put_be32(buf + 4, r->prefix.valid_s);
	put_be32(buf + 8, r->prefix.preferred_s);
	ip6_addr_put(buf + 16, ip6_addr_prefix(r->prefix.addr, r->prefix.len));
}

int ndp_opt_emit(uint8_t *buf, size_t len, const struct ndp_opt *r)
{
	const size_t units = opt_units(r);

	if (!units)
		return -EINVAL;
	if (len < units * 8)
		return -ENOSPC;

	/* The packet behind a redirected header is the caller's. */
	memset(buf, 0, r->type == NDP_OPT_REDIRECTED ? 8 : units * 8);
	buf[0] = r->type;
	buf[1] = (uint8_t)units;
	switch (r->type) {
	case NDP_OPT_SOURCE_LLADDR:
	case NDP_OPT_TARGET_LLADDR:
		eth_addr_put(buf + 2, r->lladdr);
		break;
	case NDP_OPT_PREFIX:
		put_prefix(buf, r);
		break;
	case NDP_OPT_MTU:
		put_be32(buf + 4, r->mtu);
		break;
	case NDP_OPT_NONCE:
		memcpy(buf + 2, r->nonce, sizeof(r->nonce));
		break;
	case NDP_OPT_RDNSS:
		put_be32(buf + 4, r->rdnss.lifetime_s);
		for (size_t i = 0; i < r->rdnss.n; i++)
			ip6_addr_put(buf + 8 + 16 * i, r->rdnss.server[i]);
		break;
	default:
		break;
	}
	return (int)(units * 8);
}

bool ndp_lladdr(const uint8_t *buf, size_t len, size_t fixed, enum ndp_opt_type type,
		struct eth_addr *ret)
{
	for (size_t at = fixed; at < len;) {
		struct ndp_opt opt;
		const int n = ndp_opt_parse(buf + at, len - at, &opt);

		if (n < 0)
			return false;
		if (opt.type == type && opt.known) {
			*ret = opt.lladdr;
			return true;
		}
		at += (size_t)n;
	}
	return false;
}
