/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * attr_priv.h - attributes read without trusting their length
 *
 * An attribute that is too short leaves the value as it was, like one that the
 * kernel did not send.  The loops are libmnl's, for constant messages.
 */
#ifndef NETLINK_ATTR_PRIV_H
#define NETLINK_ATTR_PRIV_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <libmnl/libmnl.h>

#include "base/ipaddr.h"

/* @a runs over the attributes in @len bytes at @p; one that would reach beyond ends the loop. */
#define attr_foreach_in(a, p, len)                                                                 \
	for ((a) = (const struct nlattr *)(p);                                                     \
	     mnl_attr_ok((a), (int)((const char *)(p) + (len) - (const char *)(a)));               \
	     (a) = mnl_attr_next(a))

/* Over those of a message, behind @offset bytes of payload, at most as many as it has. */
#define attr_foreach(a, nlh, offset)                                                               \
	attr_foreach_in(a, mnl_nlmsg_get_payload_offset(nlh, offset),                              \
			(ptrdiff_t)mnl_nlmsg_get_payload_len(nlh) - (ptrdiff_t)MNL_ALIGN(offset))

#define attr_foreach_nested(a, nest)                                                               \
	attr_foreach_in(a, mnl_attr_get_payload(nest), mnl_attr_get_payload_len(nest))

static inline void attr_get_u8(const struct nlattr *a, uint8_t *ret)
{
	if (mnl_attr_get_payload_len(a) >= sizeof(*ret))
		*ret = mnl_attr_get_u8(a);
}

static inline void attr_get_u16(const struct nlattr *a, uint16_t *ret)
{
	if (mnl_attr_get_payload_len(a) >= sizeof(*ret))
		*ret = mnl_attr_get_u16(a);
}

static inline void attr_get_u32(const struct nlattr *a, uint32_t *ret)
{
	if (mnl_attr_get_payload_len(a) >= sizeof(*ret))
		*ret = mnl_attr_get_u32(a);
}

/* An ifindex. Anything that is none leaves @ret. */
static inline void attr_get_ifindex(const struct nlattr *a, int *ret)
{
	uint32_t v = 0;

	attr_get_u32(a, &v);
	if (v != 0 && v <= INT32_MAX)
		*ret = (int)v;
}

/* Text, with or without its NUL on the wire.  What does not fit leaves @ret. */
static inline void attr_get_text(const struct nlattr *a, char *ret, size_t size)
{
	const char *s = mnl_attr_get_payload(a);
	size_t len = strnlen(s, mnl_attr_get_payload_len(a));

	if (len >= size)
		return;
	memcpy(ret, s, len);
	ret[len] = '\0';
}

/* An address of @family; any other length leaves @ret. */
static inline void attr_get_ipaddr(const struct nlattr *a, uint8_t family, struct ipaddr *ret)
{
	struct ipaddr addr = { .family = family };

	if (mnl_attr_get_payload_len(a) != ipaddr_len(&addr) || ipaddr_len(&addr) == 0)
		return;
	memcpy(addr.bytes, mnl_attr_get_payload(a), ipaddr_len(&addr));
	*ret = addr;
}

static inline void attr_put_ipaddr(struct nlmsghdr *nlh, uint16_t type, const struct ipaddr *a)
{
	mnl_attr_put(nlh, type, ipaddr_len(a), a->bytes);
}

#endif /* NETLINK_ATTR_PRIV_H */
