/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "wire/icmp4.h"

#include <errno.h>

#define QUOTE_LEN_MAX 1020 /* 255 words of 4 bytes */

bool icmp4_type_is_error(uint8_t type)
{
	switch (type) {
	case ICMP4_TYPE_UNREACHABLE:
	case ICMP4_TYPE_SOURCE_QUENCH:
	case ICMP4_TYPE_REDIRECT:
	case ICMP4_TYPE_TIME_EXCEEDED:
	case ICMP4_TYPE_PARAM_PROBLEM:
		return true;
	default:
		return false;
	}
}

static bool has_quote_len(uint8_t type)
{
	return type == ICMP4_TYPE_UNREACHABLE || type == ICMP4_TYPE_TIME_EXCEEDED ||
	       type == ICMP4_TYPE_PARAM_PROBLEM;
}

static bool has_mtu(const struct icmp4_repr *r)
{
	return r->type == ICMP4_TYPE_UNREACHABLE && r->code == ICMP4_UNREACHABLE_FRAG_NEEDED;
}

int icmp4_parse(const uint8_t *buf, size_t len, struct icmp4_repr *ret)
{
	struct icmp4_repr r;

	if (len < ICMP4_HDR_LEN)
		return -ENODATA;
	r = (struct icmp4_repr){ .type = buf[0], .code = buf[1] };
	if (has_quote_len(r.type) && buf[5] * 4U <= len - ICMP4_HDR_LEN)
		r.quote_len = buf[5] * 4;

	switch (r.type) {
	case ICMP4_TYPE_ECHO:
	case ICMP4_TYPE_ECHO_REPLY:
	case ICMP4_TYPE_TIMESTAMP:
	case ICMP4_TYPE_TIMESTAMP_REPLY:
		r.echo.id = get_be16(buf + 4);
		r.echo.seq = get_be16(buf + 6);
		break;
	case ICMP4_TYPE_REDIRECT:
		r.gateway = get_be32(buf + 4);
		break;
	case ICMP4_TYPE_UNREACHABLE:
		if (has_mtu(&r))
			r.mtu = get_be16(buf + 6);
		break;
	case ICMP4_TYPE_PARAM_PROBLEM:
		r.pointer = buf[4];
		break;
	case ICMP4_TYPE_TIME_EXCEEDED:
	case ICMP4_TYPE_SOURCE_QUENCH:
		break;
	default:
		r.rest = get_be32(buf + 4);
		break;
	}
	*ret = r;
	return ICMP4_HDR_LEN;
}

int icmp4_emit(uint8_t *buf, size_t len, const struct icmp4_repr *r)
{
	if (r->quote_len % 4 || r->quote_len > QUOTE_LEN_MAX ||
	    (r->quote_len && !has_quote_len(r->type)))
		return -EINVAL;
	if (len < ICMP4_HDR_LEN)
		return -ENOSPC;

	buf[0] = r->type;
	buf[1] = r->code;
	put_be16(buf + 2, 0);
	put_be32(buf + 4, 0);
	if (has_quote_len(r->type))
		buf[5] = (uint8_t)(r->quote_len / 4);

	switch (r->type) {
	case ICMP4_TYPE_ECHO:
	case ICMP4_TYPE_ECHO_REPLY:
	case ICMP4_TYPE_TIMESTAMP:
	case ICMP4_TYPE_TIMESTAMP_REPLY:
		put_be16(buf + 4, r->echo.id);
		put_be16(buf + 6, r->echo.seq);
		break;
	case ICMP4_TYPE_REDIRECT:
		put_be32(buf + 4, r->gateway);
		break;
	case ICMP4_TYPE_UNREACHABLE:
		if (has_mtu(r))
			put_be16(buf + 6, r->mtu);
		break;
	case ICMP4_TYPE_PARAM_PROBLEM:
		buf[4] = r->pointer;
		break;
	case ICMP4_TYPE_TIME_EXCEEDED:
	case ICMP4_TYPE_SOURCE_QUENCH:
		break;
	default:
		put_be32(buf + 4, r->rest);
		break;
	}
	return ICMP4_HDR_LEN;
}
