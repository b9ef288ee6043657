/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "wire/mld.h"

#include <errno.h>
#include <string.h>

#include "wire/time_code_priv.h"

#define RESP_BITS     12
#define INTERVAL_BITS 4

static int parse_query(const uint8_t *buf, size_t len, struct mld_repr *r)
{
	const bool general = ip6_addr_is_unspecified(r->group);

	if (!general && !ip6_addr_is_multicast(r->group))
		return -EBADMSG;
	if (len == MLD_HDR_LEN) {
		r->version = 1;
		r->max_resp_ms = get_be16(buf + 4);
		return MLD_HDR_LEN;
	}
	if (len < MLD_QUERY2_LEN)
		return -EBADMSG;

	r->version = 2;
	r->max_resp_ms = time_of_code(get_be16(buf + 4), RESP_BITS);
	r->suppress = buf[24] & 8;
	r->robustness = buf[24] & 7;
	r->interval_s = (uint16_t)time_of_code(buf[25], INTERVAL_BITS);
	r->n_sources = get_be16(buf + 26);
	if (r->n_sources && general)
		return -EBADMSG;
	if (r->n_sources > (len - MLD_QUERY2_LEN) / IP6_ADDR_LEN)
		return -ENODATA;
	return MLD_QUERY2_LEN;
}

static int parse_report2(const uint8_t *buf, size_t len, struct mld_repr *r)
{
	size_t at = MLD_REPORT2_LEN;

	r->n_records = get_be16(buf + 6);
	for (size_t i = 0; i < r->n_records; i++) {
		struct mld_record rec;
		const int n = mld_record_parse(buf + at, len - at, &rec);

		if (n < 0)
			return n;
		at += (size_t)n;
	}
	return MLD_REPORT2_LEN;
}

static bool is_known(uint8_t type)
{
	return type == MLD_TYPE_QUERY || type == MLD_TYPE_REPORT1 || type == MLD_TYPE_DONE ||
	       type == MLD_TYPE_REPORT2;
}

int mld_parse(const uint8_t *buf, size_t len, const struct icmp6_ip *ip, struct mld_repr *ret)
{
	struct mld_repr r = { .n_records = 0 };
	int n;

	if (len < 1)
		return -ENODATA;
	if (!is_known(buf[0]))
		return -EPROTONOSUPPORT;
	if (len < (buf[0] == MLD_TYPE_REPORT2 ? MLD_REPORT2_LEN : MLD_HDR_LEN))
		return -ENODATA;
	if (ip->hop_limit != 1 || !ip->router_alert || !ip6_addr_is_link_local(ip->src))
		return -EBADMSG;

	r.type = (enum mld_msg)buf[0];
	if (r.type == MLD_TYPE_REPORT2) {
		n = parse_report2(buf, len, &r);
	} else {
		r.group = ip6_addr_get(buf + 8);
		n = MLD_HDR_LEN;
		if (r.type == MLD_TYPE_QUERY)
			n = parse_query(buf, len, &r);
		else if (!ip6_addr_is_multicast(r.group))
			n = -EBADMSG;
	}
	if (n >= 0)
		*ret = r;
	return n;
}

static bool query_is_legal(const struct mld_repr *r)
{
	const bool general = ip6_addr_is_unspecified(r->group);

	if (!general && !ip6_addr_is_multicast(r->group))
		return false;
	switch (r->version) {
	case 1:
		return r->max_resp_ms <= 0xffff;
	case 2:
		return r->max_resp_ms <= MLD_MAX_RESP_MS_MAX &&
		       r->interval_s <= MLD_INTERVAL_S_MAX && r->robustness <= 7 &&
		       !(general && r->n_sources);
	default:
		return false;
	}
}

static bool is_legal(const struct mld_repr *r)
{
	switch (r->type) {
	case MLD_TYPE_QUERY:
		return query_is_legal(r);
	case MLD_TYPE_REPORT1:
	case MLD_TYPE_DONE:
		return ip6_addr_is_multicast(r->group);
	case MLD_TYPE_REPORT2:
		return ip6_addr_is_unspecified(r->group);
	}
	return false;
}

static size_t emit_len(const struct mld_repr *r)
{
	if (r->type == MLD_TYPE_REPORT2)
		return MLD_REPORT2_LEN;
	return r->type == MLD_TYPE_QUERY && r->version == 2 ? MLD_QUERY2_LEN : MLD_HDR_LEN;
}

int mld_emit(uint8_t *buf, size_t len, const struct mld_repr *r)
{
	const size_t n = emit_len(r);

	if (!is_legal(r))
		return -EINVAL;
	if (len < n)
		return -ENOSPC;

	memset(buf, 0, n);
	buf[0] = (uint8_t)r->type;
	if (r->type == MLD_TYPE_REPORT2) {
		put_be16(buf + 6, r->n_records);
		return (int)n;
	}
	ip6_addr_put(buf + 8, r->group);
	if (r->type == MLD_TYPE_QUERY && r->version == 1)
		put_be16(buf + 4, (uint16_t)r->max_resp_ms);
	if (r->type == MLD_TYPE_QUERY && r->version == 2) {
		put_be16(buf + 4, (uint16_t)code_of_time(r->max_resp_ms, RESP_BITS));
		buf[24] = (uint8_t)((r->suppress ? 8 : 0) | r->robustness);
		buf[25] = (uint8_t)code_of_time(r->interval_s, INTERVAL_BITS);
		put_be16(buf + 26, r->n_sources);
	}
	return (int)n;
}

int mld_record_parse(const uint8_t *buf, size_t len, struct mld_record *ret)
{
	struct mld_record r;
	size_t n;

	if (len < MLD_RECORD_HDR_LEN)
		return -ENODATA;
	r = (struct mld_record){
		.type = buf[0],
		.n_sources = get_be16(buf + 2),
		.group = ip6_addr_get(buf + 4),
	};
	n = MLD_RECORD_HDR_LEN + (size_t)r.n_sources * IP6_ADDR_LEN + buf[1] * 4U;
	if (n > len)
		return -ENODATA;
	if (!ip6_addr_is_multicast(r.group))
		return -EBADMSG;
	*ret = r;
	return (int)n;
}

int mld_record_emit(uint8_t *buf, size_t len, const struct mld_record *r)
{
	const size_t n = MLD_RECORD_HDR_LEN + (size_t)r->n_sources * IP6_ADDR_LEN;

	if (!ip6_addr_is_multicast(r->group))
		return -EINVAL;
	if (len < n)
		return -ENOSPC;

	buf[0] = r->type;
	buf[1] = 0;
	put_be16(buf + 2, r->n_sources);
	ip6_addr_put(buf + 4, r->group);
	return (int)n;
}
