/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * attr_priv.h - attributes of nf_tables, read without trusting them
 *
 * Numbers of nf_tables are big-endian.
 */
#ifndef NFT_ATTR_PRIV_H
#define NFT_ATTR_PRIV_H

#include <arpa/inet.h>
#include <endian.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <linux/netfilter/nfnetlink.h>

#include <libmnl/libmnl.h>

/* The loops are libmnl's, which clang does not take for constant attributes.
 *
 * @a runs over the attributes in @len bytes at @p; one that would reach beyond
 * ends the loop.
 */
#define attr_foreach_in(a, p, len)                                                                 \
	for ((a) = (const struct nlattr *)(p);                                                     \
	     mnl_attr_ok((a), (int)((const char *)(p) + (len) - (const char *)(a)));               \
	     (a) = mnl_attr_next(a))

/* Over those of an nfnetlink message, whose length has been checked. */
#define attr_foreach(a, nlh)                                                                       \
	attr_foreach_in(a, mnl_nlmsg_get_payload_offset(nlh, sizeof(struct nfgenmsg)),             \
			mnl_nlmsg_get_payload_len(nlh) - MNL_ALIGN(sizeof(struct nfgenmsg)))

#define attr_foreach_nested(a, nest)                                                               \
	attr_foreach_in(a, mnl_attr_get_payload(nest), mnl_attr_get_payload_len(nest))

/* The member of @nest of that type, NULL for none. */
static inline const struct nlattr *attr_nested(const struct nlattr *nest, uint16_t type)
{
	const struct nlattr *a;

	attr_foreach_nested(a, nest)
		if (mnl_attr_get_type(a) == type)
			return a;
	return NULL;
}

/* 0 when it is too short, or @a is NULL. */
static inline uint32_t attr_u32(const struct nlattr *a)
{
	return a && mnl_attr_get_payload_len(a) >= sizeof(uint32_t) ? ntohl(mnl_attr_get_u32(a))
								    : 0;
}

static inline uint64_t attr_u64(const struct nlattr *a)
{
	return a && mnl_attr_get_payload_len(a) >= sizeof(uint64_t) ? be64toh(mnl_attr_get_u64(a))
								    : 0;
}

/* "" when it is not NUL-terminated, or @a is NULL. */
static inline const char *attr_text(const struct nlattr *a)
{
	return a && mnl_attr_validate(a, MNL_TYPE_NUL_STRING) == 0 ? mnl_attr_get_str(a) : "";
}

#endif /* NFT_ATTR_PRIV_H */
