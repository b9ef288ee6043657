/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "wire/ipv4_options.h"

#include <errno.h>
#include <string.h>

/* A route option: type, length, pointer, addresses.  The pointer counts from 1. */
#define ROUTE_LEN_MIN 3
#define ROUTE_PTR_MIN 4

/* A timestamp option has a fourth byte: hops that found no room, and the kind. */
#define STAMP_LEN_MIN 4
#define STAMP_PTR_MIN 5

enum stamp_kind {
	STAMP_ONLY = 0,
	STAMP_WITH_ADDR = 1,
	STAMP_PRESPECIFIED = 3,
};

static bool has_length(uint8_t type)
{
	return type != IPV4_OPT_EOL && type != IPV4_OPT_NOP;
}

int ipv4_option_parse(const uint8_t *buf, size_t len, struct ipv4_option *ret)
{
	if (len < 1)
		return -ENODATA;
	if (!has_length(buf[0])) {
		*ret = (struct ipv4_option){ .type = buf[0] };
		return 1;
	}
	if (len < 2)
		return -ENODATA;
	if (buf[1] < 2 || buf[1] > IPV4_OPTS_LEN_MAX)
		return -EBADMSG;
	if (buf[1] > len)
		return -ENODATA;

	*ret = (struct ipv4_option){ .type = buf[0], .data_len = (uint8_t)(buf[1] - 2) };
	memcpy(ret->data, buf + 2, ret->data_len);
	return buf[1];
}

int ipv4_option_emit(uint8_t *buf, size_t len, const struct ipv4_option *r)
{
	const size_t need = has_length(r->type) ? 2U + r->data_len : 1U;

	if (r->data_len > sizeof(r->data) || (!has_length(r->type) && r->data_len))
		return -EINVAL;
	if (len < need)
		return -ENOSPC;

	buf[0] = r->type;
	if (has_length(r->type)) {
		buf[1] = (uint8_t)need;
		memcpy(buf + 2, r->data, r->data_len);
	}
	return (int)need;
}

/* Each of these returns the offset, in the option, of what is wrong with it, or -1. */

static int check_route(const uint8_t *opt, size_t len)
{
	if (len < ROUTE_LEN_MIN)
		return 1;
	if (opt[2] < ROUTE_PTR_MIN)
		return 2;
	/* Beyond the end: full.  Otherwise a whole address must fit. */
	return opt[2] <= len && opt[2] + 3U > len ? 2 : -1;
}

static int check_stamp(const uint8_t *opt, size_t len)
{
	if (len < STAMP_LEN_MIN)
		return 1;
	if (opt[2] < STAMP_PTR_MIN)
		return 2;
	if (opt[2] > len)
		return opt[3] >> 4 == 15 ? 3 : -1; /* the count of hops is at its end */
	switch (opt[3] & 0xf) {
	case STAMP_ONLY:
		return opt[2] + 3U > len ? 2 : -1;
	case STAMP_WITH_ADDR:
	case STAMP_PRESPECIFIED:
		return opt[2] + 7U > len ? 2 : -1;
	default:
		return 3;
	}
}

static int check_option(const uint8_t *opt, size_t len, uint8_t at, struct ipv4_options *o)
{
	uint8_t *where;

	switch (opt[0]) {
	case IPV4_OPT_RECORD_ROUTE:
		where = &o->record_at;
		break;
	case IPV4_OPT_TIMESTAMP:
		where = &o->stamp_at;
		break;
	case IPV4_OPT_LOOSE_ROUTE:
	case IPV4_OPT_STRICT_ROUTE:
		where = &o->route_at;
		o->strict = opt[0] == IPV4_OPT_STRICT_ROUTE;
		break;
	case IPV4_OPT_ROUTER_ALERT:
		if (len != IPV4_ROUTER_ALERT_LEN)
			return 1;
		/* Other values than 0 have no meaning yet (RFC 2113, 2.1). */
		o->router_alert |= get_be16(opt + 2) == IP_ROUTER_ALERT_ANY;
		return -1;
	default:
		return -1;
	}
	if (*where) /* a second one */
		return 0;
	*where = at;
	return opt[0] == IPV4_OPT_TIMESTAMP ? check_stamp(opt, len) : check_route(opt, len);
}

int ipv4_options_parse(const uint8_t *hdr, size_t hdr_len, struct ipv4_options *ret,
		       uint8_t *ret_bad)
{
	struct ipv4_options o = { 0 };
	size_t at = IPV4_HDR_LEN;

	while (at < hdr_len && hdr[at] != IPV4_OPT_EOL) {
		size_t len;
		int bad;

		if (hdr[at] == IPV4_OPT_NOP) {
			at++;
			continue;
		}
		len = hdr_len - at < 2 ? 0 : hdr[at + 1];
		bad = len < 2 || len > hdr_len - at ? 0
						    : check_option(hdr + at, len, (uint8_t)at, &o);
		if (bad >= 0) {
			*ret_bad = (uint8_t)(at + (size_t)bad);
			return -EBADMSG;
		}
		at += len;
	}
	*ret = o;
	return 0;
}

static void record_route(uint8_t *opt, uint32_t addr)
{
	const uint8_t ptr = opt[2];

	if (ptr > opt[1])
		return;
	put_be32(opt + ptr - 1, addr);
	opt[2] = (uint8_t)(ptr + 4);
}

static void record_stamp(uint8_t *opt, uint32_t addr, uint32_t stamp)
{
	const uint8_t ptr = opt[2];
	uint8_t *slot = opt + ptr - 1;

	if (ptr > opt[1]) {
		opt[3] = (uint8_t)(opt[3] + 0x10);
		return;
	}
	switch (opt[3] & 0xf) {
	case STAMP_ONLY:
		put_be32(slot, stamp);
		opt[2] = (uint8_t)(ptr + 4);
		return;
	case STAMP_PRESPECIFIED:
		if (get_be32(slot) != addr)
			return;
		break;
	default:
		put_be32(slot, addr);
		break;
	}
	put_be32(slot + 4, stamp);
	opt[2] = (uint8_t)(ptr + 8);
}

void ipv4_options_record(uint8_t *hdr, const struct ipv4_options *o, uint32_t addr, uint32_t stamp)
{
	if (o->record_at)
		record_route(hdr + o->record_at, addr);
	if (o->stamp_at)
		record_stamp(hdr + o->stamp_at, addr, stamp);
}
