/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "wire/igmp.h"

#include <errno.h>

#include "wire/time_code_priv.h"

#define TIME_BITS 4

static int parse_query(const uint8_t *buf, size_t len, struct igmp_repr *r)
{
	if (r->group && !ip4_addr_is_multicast(r->group))
		return -EBADMSG;
	if (len == IGMP_HDR_LEN) {
		r->version = buf[1] ? 2 : 1;
		r->max_resp = buf[1] ? buf[1] : IGMP_MAX_RESP_V1;
		return IGMP_HDR_LEN;
	}
	if (len < IGMP_QUERY3_LEN)
		return -EBADMSG;

	r->version = 3;
	r->max_resp = (uint16_t)time_of_code(buf[1], TIME_BITS);
	r->suppress = buf[8] & 8;
	r->robustness = buf[8] & 7;
	r->interval_s = (uint16_t)time_of_code(buf[9], TIME_BITS);
	r->n_sources = get_be16(buf + 10);
	if (r->n_sources && !r->group)
		return -EBADMSG;
	if (r->n_sources > (len - IGMP_QUERY3_LEN) / IP4_ADDR_LEN)
		return -ENODATA;
	return IGMP_QUERY3_LEN;
}

static int parse_report3(const uint8_t *buf, size_t len, struct igmp_repr *r)
{
	size_t at = IGMP_HDR_LEN;

	r->group = 0; /* the count of records is in its place */
	r->n_records = get_be16(buf + 6);
	for (size_t i = 0; i < r->n_records; i++) {
		struct igmp_record rec;
		const int n = igmp_record_parse(buf + at, len - at, &rec);

		if (n < 0)
			return n;
		at += (size_t)n;
	}
	return IGMP_HDR_LEN;
}

int igmp_parse(const uint8_t *buf, size_t len, struct igmp_repr *ret)
{
	struct igmp_repr r;
	int n = IGMP_HDR_LEN;

	if (len < IGMP_HDR_LEN)
		return -ENODATA;
	r = (struct igmp_repr){ .type = (enum igmp_type)buf[0], .group = get_be32(buf + 4) };
	switch (buf[0]) {
	case IGMP_TYPE_QUERY:
		n = parse_query(buf, len, &r);
		break;
	case IGMP_TYPE_REPORT1:
	case IGMP_TYPE_REPORT2:
	case IGMP_TYPE_LEAVE:
		if (!ip4_addr_is_multicast(r.group))
			return -EBADMSG;
		break;
	case IGMP_TYPE_REPORT3:
		n = parse_report3(buf, len, &r);
		break;
	default:
		return -EPROTONOSUPPORT;
	}
	if (n >= 0)
		*ret = r;
	return n;
}

static bool query_is_legal(const struct igmp_repr *r)
{
	if (r->group && !ip4_addr_is_multicast(r->group))
		return false;
	switch (r->version) {
	case 1:
		return r->max_resp == IGMP_MAX_RESP_V1;
	case 2:
		return r->max_resp && r->max_resp <= 0xff;
	case 3:
		return r->max_resp <= IGMP_TIME_MAX && r->interval_s <= IGMP_TIME_MAX &&
		       r->robustness <= 7 && (r->group || !r->n_sources);
	default:
		return false;
	}
}

static bool is_legal(const struct igmp_repr *r)
{
	switch (r->type) {
	case IGMP_TYPE_QUERY:
		return query_is_legal(r);
	case IGMP_TYPE_REPORT1:
	case IGMP_TYPE_REPORT2:
	case IGMP_TYPE_LEAVE:
		return ip4_addr_is_multicast(r->group);
	case IGMP_TYPE_REPORT3:
		return !r->group;
	}
	return false;
}

int igmp_emit(uint8_t *buf, size_t len, const struct igmp_repr *r)
{
	const bool query3 = r->type == IGMP_TYPE_QUERY && r->version == 3;
	const size_t n = query3 ? IGMP_QUERY3_LEN : IGMP_HDR_LEN;

	if (!is_legal(r))
		return -EINVAL;
	if (len < n)
		return -ENOSPC;

	buf[0] = (uint8_t)r->type;
	buf[1] = 0;
	put_be16(buf + 2, 0);
	put_be32(buf + 4, r->group);
	if (r->type == IGMP_TYPE_REPORT3)
		put_be16(buf + 6, r->n_records);
	if (r->type == IGMP_TYPE_QUERY && r->version == 2)
		buf[1] = (uint8_t)r->max_resp;
	if (query3) {
		buf[1] = (uint8_t)code_of_time(r->max_resp, TIME_BITS);
		buf[8] = (uint8_t)((r->suppress ? 8 : 0) | r->robustness);
		buf[9] = (uint8_t)code_of_time(r->interval_s, TIME_BITS);
		put_be16(buf + 10, r->n_sources);
	}
	return (int)n;
}

int igmp_record_parse(const uint8_t *buf, size_t len, struct igmp_record *ret)
{
	struct igmp_record r;
	size_t n;

	if (len < IGMP_RECORD_HDR_LEN)
		return -ENODATA;
	r = (struct igmp_record){
		.type = buf[0],
		.n_sources = get_be16(buf + 2),
		.group = get_be32(buf + 4),
	};
	n = IGMP_RECORD_HDR_LEN + (size_t)r.n_sources * IP4_ADDR_LEN + buf[1] * 4U;
	if (n > len)
		return -ENODATA;
	if (!ip4_addr_is_multicast(r.group))
		return -EBADMSG;
	*ret = r;
	return (int)n;
}

int igmp_record_emit(uint8_t *buf, size_t len, const struct igmp_record *r)
{
	const size_t n = IGMP_RECORD_HDR_LEN + (size_t)r->n_sources * IP4_ADDR_LEN;

	if (!ip4_addr_is_multicast(r->group))
		return -EINVAL;
	if (len < n)
		return -ENOSPC;

	buf[0] = r->type;
	buf[1] = 0;
	put_be16(buf + 2, r->n_sources);
	put_be32(buf + 4, r->group);
	return (int)n;
}
