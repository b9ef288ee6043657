/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * mnl.c - the part of libmnl that a static program of ours needs
 *
 * A CNI plugin is copied into a directory of a host that may have no shared libraries
 * but those of its own tools, as the reference suite's static programs are, and a
 * static program starts in two thirds of the time.  But Debian has no static libmnl.
 * These are the functions of <libmnl/libmnl.h> that our code and libnftnl call, made
 * from its documentation; tests/unit/mnl compares each with the real library.  Where
 * a static libmnl is installed, it is linked instead of this file.
 */
#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include <libmnl/libmnl.h>

/* --- messages --- */

struct nlmsghdr *mnl_nlmsg_put_header(void *buf)
{
	struct nlmsghdr *nlh = buf;

	*nlh = (struct nlmsghdr){ .nlmsg_len = MNL_NLMSG_HDRLEN };
	return nlh;
}

void *mnl_nlmsg_put_extra_header(struct nlmsghdr *nlh, size_t size)
{
	char *extra = (char *)nlh + nlh->nlmsg_len;
	size_t len = MNL_ALIGN(size);

	memset(extra, 0, len);
	nlh->nlmsg_len += (uint32_t)len;
	return extra;
}

void *mnl_nlmsg_get_payload(const struct nlmsghdr *nlh)
{
	return (char *)(uintptr_t)nlh + MNL_NLMSG_HDRLEN;
}

void *mnl_nlmsg_get_payload_offset(const struct nlmsghdr *nlh, size_t offset)
{
	return (char *)mnl_nlmsg_get_payload(nlh) + MNL_ALIGN(offset);
}

size_t mnl_nlmsg_get_payload_len(const struct nlmsghdr *nlh)
{
	return nlh->nlmsg_len - MNL_NLMSG_HDRLEN;
}

bool mnl_nlmsg_ok(const struct nlmsghdr *nlh, int len)
{
	return len >= (int)sizeof(*nlh) && nlh->nlmsg_len >= sizeof(*nlh) &&
	       nlh->nlmsg_len <= (unsigned)len;
}

struct nlmsghdr *mnl_nlmsg_next(const struct nlmsghdr *nlh, int *len)
{
	size_t step = MNL_ALIGN(nlh->nlmsg_len);

	*len -= (int)step;
	return (struct nlmsghdr *)((char *)(uintptr_t)nlh + step);
}

/* --- reading attributes --- */

uint16_t mnl_attr_get_type(const struct nlattr *attr)
{
	return attr->nla_type & NLA_TYPE_MASK;
}

uint16_t mnl_attr_get_payload_len(const struct nlattr *attr)
{
	return (uint16_t)(attr->nla_len - MNL_ATTR_HDRLEN);
}

void *mnl_attr_get_payload(const struct nlattr *attr)
{
	return (char *)(uintptr_t)attr + MNL_ATTR_HDRLEN;
}

const char *mnl_attr_get_str(const struct nlattr *attr)
{
	return mnl_attr_get_payload(attr);
}

uint8_t mnl_attr_get_u8(const struct nlattr *attr)
{
	return *(const uint8_t *)mnl_attr_get_payload(attr);
}

uint16_t mnl_attr_get_u16(const struct nlattr *attr)
{
	uint16_t v;

	memcpy(&v, mnl_attr_get_payload(attr), sizeof(v));
	return v;
}

uint32_t mnl_attr_get_u32(const struct nlattr *attr)
{
	uint32_t v;

	memcpy(&v, mnl_attr_get_payload(attr), sizeof(v));
	return v;
}

uint64_t mnl_attr_get_u64(const struct nlattr *attr)
{
	uint64_t v;

	memcpy(&v, mnl_attr_get_payload(attr), sizeof(v));
	return v;
}

bool mnl_attr_ok(const struct nlattr *attr, int len)
{
	return len >= (int)sizeof(*attr) && attr->nla_len >= sizeof(*attr) && attr->nla_len <= len;
}

struct nlattr *mnl_attr_next(const struct nlattr *attr)
{
	return (struct nlattr *)((char *)(uintptr_t)attr + MNL_ALIGN(attr->nla_len));
}

int mnl_attr_type_valid(const struct nlattr *attr, uint16_t max)
{
	if (mnl_attr_get_type(attr) <= max)
		return 1;
	errno = EOPNOTSUPP;
	return -1;
}

/* Exact length of the types that have one, else 0. */
static size_t type_len(enum mnl_attr_data_type type)
{
	if (type == MNL_TYPE_U8)
		return sizeof(uint8_t);
	if (type == MNL_TYPE_U16)
		return sizeof(uint16_t);
	if (type == MNL_TYPE_U32)
		return sizeof(uint32_t);
	if (type == MNL_TYPE_U64 || type == MNL_TYPE_MSECS)
		return sizeof(uint64_t);
	return 0;
}

int mnl_attr_validate(const struct nlattr *attr, enum mnl_attr_data_type type)
{
	const char *data = mnl_attr_get_payload(attr);
	size_t len = mnl_attr_get_payload_len(attr);
	bool fits = true;

	if ((unsigned)type >= MNL_TYPE_MAX) {
		errno = EINVAL;
		return -1;
	}
	if (type_len(type))
		fits = len == type_len(type);
	else if (type == MNL_TYPE_FLAG)
		fits = len == 0;
	else if (type == MNL_TYPE_STRING || type == MNL_TYPE_NUL_STRING)
		fits = len > 0;
	else if (type == MNL_TYPE_NESTED)
		fits = len == 0 || len >= MNL_ATTR_HDRLEN;
	if (!fits) {
		errno = ERANGE;
		return -1;
	}
	if (type == MNL_TYPE_NUL_STRING && data[len - 1] != '\0') {
		errno = EINVAL;
		return -1;
	}
	return 0;
}

/* Attributes from @attr up to @end. */
static int parse_range(const struct nlattr *attr, const char *end, mnl_attr_cb_t cb, void *data)
{
	int r = MNL_CB_OK;

	while (r > MNL_CB_STOP && mnl_attr_ok(attr, (int)(end - (const char *)attr))) {
		r = cb(attr, data);
		attr = mnl_attr_next(attr);
	}
	return r;
}

int mnl_attr_parse(const struct nlmsghdr *nlh, unsigned int offset, mnl_attr_cb_t cb, void *data)
{
	const char *end = (const char *)nlh + MNL_ALIGN(nlh->nlmsg_len);

	return parse_range(mnl_nlmsg_get_payload_offset(nlh, offset), end, cb, data);
}

int mnl_attr_parse_nested(const struct nlattr *nested, mnl_attr_cb_t cb, void *data)
{
	const char *first = mnl_attr_get_payload(nested);

	return parse_range((const struct nlattr *)first, first + mnl_attr_get_payload_len(nested),
			   cb, data);
}

/* --- writing attributes --- */

static struct nlattr *tail(const struct nlmsghdr *nlh)
{
	return (struct nlattr *)((char *)(uintptr_t)nlh + MNL_ALIGN(nlh->nlmsg_len));
}

void mnl_attr_put(struct nlmsghdr *nlh, uint16_t type, size_t len, const void *data)
{
	struct nlattr *attr = tail(nlh);
	char *payload = mnl_attr_get_payload(attr);
	size_t whole = MNL_ATTR_HDRLEN + len;

	attr->nla_type = type;
	attr->nla_len = (uint16_t)whole;
	if (len)
		memcpy(payload, data, len);
	memset(payload + len, 0, MNL_ALIGN(whole) - whole);
	nlh->nlmsg_len += (uint32_t)MNL_ALIGN(whole);
}

void mnl_attr_put_u8(struct nlmsghdr *nlh, uint16_t type, uint8_t data)
{
	mnl_attr_put(nlh, type, sizeof(data), &data);
}

void mnl_attr_put_u16(struct nlmsghdr *nlh, uint16_t type, uint16_t data)
{
	mnl_attr_put(nlh, type, sizeof(data), &data);
}

void mnl_attr_put_u32(struct nlmsghdr *nlh, uint16_t type, uint32_t data)
{
	mnl_attr_put(nlh, type, sizeof(data), &data);
}

void mnl_attr_put_u64(struct nlmsghdr *nlh, uint16_t type, uint64_t data)
{
	mnl_attr_put(nlh, type, sizeof(data), &data);
}

void mnl_attr_put_str(struct nlmsghdr *nlh, uint16_t type, const char *data)
{
	mnl_attr_put(nlh, type, strlen(data), data);
}

void mnl_attr_put_strz(struct nlmsghdr *nlh, uint16_t type, const char *data)
{
	mnl_attr_put(nlh, type, strlen(data) + 1, data);
}

struct nlattr *mnl_attr_nest_start(struct nlmsghdr *nlh, uint16_t type)
{
	struct nlattr *start = tail(nlh);

	start->nla_type = NLA_F_NESTED | type;
	nlh->nlmsg_len += MNL_ALIGN(sizeof(*start));
	return start;
}

void mnl_attr_nest_end(struct nlmsghdr *nlh, struct nlattr *start)
{
	start->nla_len = (uint16_t)((char *)tail(nlh) - (char *)start);
}
