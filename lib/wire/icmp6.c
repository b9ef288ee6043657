/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "wire/icmp6.h"

#include <errno.h>

#define QUOTE_LEN_MAX 2040 /* 255 words of 8 bytes */

static bool has_quote_len(uint8_t type)
{
	return type == ICMP6_TYPE_UNREACHABLE || type == ICMP6_TYPE_TIME_EXCEEDED;
}

int icmp6_parse(const uint8_t *buf, size_t len, struct icmp6_repr *ret)
{
	struct icmp6_repr r;

	if (len < ICMP6_HDR_LEN)
		return -ENODATA;
	r = (struct icmp6_repr){ .type = buf[0], .code = buf[1] };
	if (has_quote_len(r.type) && buf[4] * 8U <= len - ICMP6_HDR_LEN)
		r.quote_len = buf[4] * 8;

	switch (r.type) {
	case ICMP6_TYPE_ECHO:
	case ICMP6_TYPE_ECHO_REPLY:
		r.echo.id = get_be16(buf + 4);
		r.echo.seq = get_be16(buf + 6);
		break;
	case ICMP6_TYPE_PACKET_TOO_BIG:
		r.mtu = get_be32(buf + 4);
		break;
	case ICMP6_TYPE_PARAM_PROBLEM:
		r.pointer = get_be32(buf + 4);
		break;
	case ICMP6_TYPE_UNREACHABLE:
	case ICMP6_TYPE_TIME_EXCEEDED:
		break;
	default:
		r.rest = get_be32(buf + 4);
		break;
	}
	*ret = r;
	return ICMP6_HDR_LEN;
}

int icmp6_emit(uint8_t *buf, size_t len, const struct icmp6_repr *r)
{
	if (r->quote_len % 8 || r->quote_len > QUOTE_LEN_MAX ||
	    (r->quote_len && !has_quote_len(r->type)))
		return -EINVAL;
	if (len < ICMP6_HDR_LEN)
		return -ENOSPC;

	buf[0] = r->type;
	buf[1] = r->code;
	put_be16(buf + 2, 0);
	put_be32(buf + 4, 0);

	switch (r->type) {
	case ICMP6_TYPE_ECHO:
	case ICMP6_TYPE_ECHO_REPLY:
		put_be16(buf + 4, r->echo.id);
		put_be16(buf + 6, r->echo.seq);
		break;
	case ICMP6_TYPE_PACKET_TOO_BIG:
		put_be32(buf + 4, r->mtu);
		break;
	case ICMP6_TYPE_PARAM_PROBLEM:
		put_be32(buf + 4, r->pointer);
		break;
	case ICMP6_TYPE_UNREACHABLE:
	case ICMP6_TYPE_TIME_EXCEEDED:
		buf[4] = (uint8_t)(r->quote_len / 8);
		break;
	default:
		put_be32(buf + 4, r->rest);
		break;
	}
	return ICMP6_HDR_LEN;
}
