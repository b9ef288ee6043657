/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "wire/ipv6_ext.h"

#include <errno.h>

/**
 * struct walk - A way through the headers of a packet
 * @pkt:	From the IPv6 header on
 * @len:	Its length
 * @at:		Where the next header begins, at most @len
 * @next_ptr:	Where the byte is that says what it is
 * @next:	That byte
 * @n_hdrs:	Headers behind us, the IPv6 header not counted
 * @ext:	What was seen
 * @problem:	Why it ended
 */
struct walk {
	const uint8_t *pkt;
	size_t len;
	size_t at;
	size_t next_ptr;
	uint8_t next;
	unsigned int n_hdrs;
	struct ipv6_ext ext;
	struct ipv6_problem problem;
};

static struct walk walk_of(const uint8_t *pkt, size_t len, uint8_t next_hdr)
{
	return (struct walk){
		.pkt = pkt,
		.len = len,
		.at = IPV6_HDR_LEN,
		.next_ptr = 6, /* RFC 8200, 3 */
		.next = next_hdr,
	};
}

static int fail(struct walk *w, enum ipv6_report report, enum ipv6_problem_code code,
		size_t pointer)
{
	w->problem = (struct ipv6_problem){
		.report = report,
		.code = code,
		.pointer = (uint16_t)pointer,
	};
	return -EBADMSG;
}

static int fail_silently(struct walk *w)
{
	return fail(w, IPV6_REPORT_NONE, IPV6_PROBLEM_FIELD, 0);
}

/* Bytes of the header at w->at, whose length is in units of 8 behind the first 8. */
static int hdr_len(const struct walk *w)
{
	size_t n;

	if (w->len - w->at < 8)
		return -ENODATA;
	n = (w->pkt[w->at + 1] + 1U) * 8;
	return n > w->len - w->at ? -ENODATA : (int)n;
}

static void step(struct walk *w, size_t n)
{
	w->next_ptr = w->at;
	w->next = w->pkt[w->at];
	w->at += n;
	w->n_hdrs++;
}

/* --- options --- */

static bool all_zero(const uint8_t *p, size_t n)
{
	uint8_t any = 0;

	while (n--)
		any |= *p++;
	return !any;
}

/* An option of @len data bytes at offset @at that is not padding. */
static int see_option(struct walk *w, bool hop, size_t at, size_t len)
{
	const uint8_t type = w->pkt[at];

	if (hop && type == IPV6_OPT_ROUTER_ALERT) {
		if (len != 2)
			return fail_silently(w);
		w->ext.router_alert = true;
		w->ext.router_alert_value = get_be16(w->pkt + at + 2);
		return 0;
	}
	switch (type >> 6) {
	case 0:
		return 0;
	case 1:
		return fail_silently(w);
	case 2:
		return fail(w, IPV6_REPORT_ALWAYS, IPV6_PROBLEM_OPTION, at);
	default:
		return fail(w, IPV6_REPORT_UNICAST, IPV6_PROBLEM_OPTION, at);
	}
}

/* The options of the header of @n bytes at w->at. */
static int see_options(struct walk *w, bool hop, size_t n)
{
	const size_t end = w->at + n;
	unsigned int n_opts = 0;
	size_t padding = 0;

	for (size_t at = w->at + 2, opt_len; at < end; at += opt_len) {
		const bool pad1 = w->pkt[at] == IPV6_OPT_PAD1;
		int r;

		if (!pad1 && (end - at < 2 || w->pkt[at + 1] + 2U > end - at))
			return fail_silently(w);
		opt_len = pad1 ? 1 : w->pkt[at + 1] + 2U;
		if (pad1 || w->pkt[at] == IPV6_OPT_PADN) {
			padding += opt_len;
			if (padding > IPV6_EXT_PAD_MAX ||
			    (!pad1 && !all_zero(w->pkt + at + 2, opt_len - 2)))
				return fail_silently(w);
			continue;
		}
		padding = 0;
		if (++n_opts > IPV6_EXT_OPTS_MAX)
			return fail_silently(w);
		r = see_option(w, hop, at, opt_len - 2);
		if (r < 0)
			return r;
	}
	return 0;
}

/* --- one header --- */

static int see_options_hdr(struct walk *w, bool hop)
{
	const int n = hdr_len(w);
	int r;

	if (n < 0)
		return n;
	r = see_options(w, hop, (size_t)n);
	if (r < 0)
		return r;
	step(w, (size_t)n);
	return 0;
}

/* RFC 8200, 4.4 */
static int see_routing(struct walk *w)
{
	const int n = hdr_len(w);

	if (n < 0)
		return n;
	if (w->pkt[w->at + 3])
		return fail(w, IPV6_REPORT_UNICAST, IPV6_PROBLEM_FIELD, w->at + 2);
	step(w, (size_t)n);
	return 0;
}

/* RFC 8200, 4.5.  Positive when the walk ends here. */
static int see_fragment(struct walk *w)
{
	struct ipv6_frag_repr frag;
	const int n = ipv6_frag_parse(w->pkt + w->at, w->len - w->at, &frag);
	size_t frag_len;

	if (n < 0)
		return n;
	if (frag.more || frag.offset) {
		frag_len = w->len - w->at - (size_t)n;
		if (frag.more && frag_len % 8)
			return fail(w, IPV6_REPORT_UNICAST, IPV6_PROBLEM_FIELD, 4);
		if (frag.more && !frag_len)
			return fail_silently(w);
		/* Headers before it are part of the packet that comes out. */
		if (w->at - IPV6_HDR_LEN + frag.offset + frag_len > IP_LEN_MAX)
			return fail(w, IPV6_REPORT_UNICAST, IPV6_PROBLEM_FIELD, w->at + 2);
		w->ext.is_fragment = true;
		w->ext.frag = frag;
		w->ext.frag_at = (uint16_t)w->at;
		w->ext.frag_ptr = (uint16_t)w->next_ptr;
	}
	step(w, (size_t)n);
	return w->ext.is_fragment;
}

/* The header at w->at.  Positive when it is none, or none follows. */
static int see_hdr(struct walk *w)
{
	switch (w->next) {
	case IP_PROTO_HOPOPTS:
		if (w->at != IPV6_HDR_LEN)
			return fail(w, IPV6_REPORT_UNICAST, IPV6_PROBLEM_NEXT_HDR, w->next_ptr);
		return see_options_hdr(w, true);
	case IP_PROTO_DSTOPTS:
		return see_options_hdr(w, false);
	case IP_PROTO_ROUTING:
		return see_routing(w);
	case IP_PROTO_FRAGMENT:
		return see_fragment(w);
	default:
		return 1;
	}
}

static int finish(struct walk *w, int r, struct ipv6_ext *ret, struct ipv6_problem *ret_problem)
{
	if (r < 0) {
		*ret_problem = w->problem;
		return r;
	}
	w->ext.proto = w->next;
	w->ext.proto_ptr = (uint16_t)w->next_ptr;
	*ret = w->ext;
	return (int)w->at;
}

int ipv6_ext_parse(const uint8_t *pkt, size_t len, uint8_t next_hdr, struct ipv6_ext *ret,
		   struct ipv6_problem *ret_problem)
{
	struct walk w = walk_of(pkt, len, next_hdr);
	int r;

	if (len < IPV6_HDR_LEN)
		return finish(&w, -ENODATA, ret, ret_problem);
	do {
		r = see_hdr(&w);
		if (r >= 0 && w.n_hdrs > IPV6_EXT_HDRS_MAX)
			r = fail_silently(&w);
	} while (r == 0);
	return finish(&w, r, ret, ret_problem);
}

int ipv6_ext_parse_hop(const uint8_t *pkt, size_t len, uint8_t next_hdr, struct ipv6_ext *ret,
		       struct ipv6_problem *ret_problem)
{
	struct walk w = walk_of(pkt, len, next_hdr);
	int r = 0;

	if (len < IPV6_HDR_LEN)
		r = -ENODATA;
	else if (next_hdr == IP_PROTO_HOPOPTS)
		r = see_hdr(&w);
	return finish(&w, r, ret, ret_problem);
}

/* Bytes of the extension header at w->at, 0 when it is none. */
static int skip_len(const struct walk *w)
{
	switch (w->next) {
	case IP_PROTO_HOPOPTS:
	case IP_PROTO_DSTOPTS:
	case IP_PROTO_ROUTING:
		return hdr_len(w);
	case IP_PROTO_FRAGMENT:
		return w->len - w->at < IPV6_FRAG_HDR_LEN ? -ENODATA : IPV6_FRAG_HDR_LEN;
	case IP_PROTO_AH: /* units of 4 behind the first 8 bytes (RFC 4302, 2.2) */
		if (w->len - w->at < 8 || (w->pkt[w->at + 1] + 2U) * 4 > w->len - w->at)
			return -ENODATA;
		return (w->pkt[w->at + 1] + 2) * 4;
	default:
		return 0;
	}
}

int ipv6_ext_skip(const uint8_t *pkt, size_t len, uint8_t next_hdr, struct ipv6_skip *ret)
{
	struct walk w = walk_of(pkt, len, next_hdr);
	struct ipv6_skip skip = { 0 };
	int n;

	if (len < IPV6_HDR_LEN)
		return -ENODATA;
	while ((n = skip_len(&w)) > 0) {
		if (w.next == IP_PROTO_FRAGMENT) {
			const uint16_t field = get_be16(w.pkt + w.at + 2);

			skip.frag_offset = field & 0xfff8;
			skip.is_fragment |= field & 0xfff9;
		}
		step(&w, (size_t)n);
		if (w.n_hdrs > IPV6_EXT_HDRS_MAX)
			return -EBADMSG;
		if (skip.frag_offset)
			break;
	}
	if (n < 0)
		return n;
	skip.proto = w.next;
	*ret = skip;
	return (int)w.at;
}

/* --- headers we send --- */

int ipv6_frag_parse(const uint8_t *buf, size_t len, struct ipv6_frag_repr *ret)
{
	uint16_t field;

	if (len < IPV6_FRAG_HDR_LEN)
		return -ENODATA;
	field = get_be16(buf + 2);
	*ret = (struct ipv6_frag_repr){
		.id = get_be32(buf + 4),
		.offset = field & 0xfff8,
		.next_hdr = buf[0],
		.more = field & 1,
	};
	return IPV6_FRAG_HDR_LEN;
}

int ipv6_frag_emit(uint8_t *buf, size_t len, const struct ipv6_frag_repr *r)
{
	if (r->offset % 8)
		return -EINVAL;
	if (len < IPV6_FRAG_HDR_LEN)
		return -ENOSPC;

	buf[0] = r->next_hdr;
	buf[1] = 0;
	put_be16(buf + 2, r->offset | r->more);
	put_be32(buf + 4, r->id);
	return IPV6_FRAG_HDR_LEN;
}

int ipv6_ext_emit_router_alert(uint8_t *buf, size_t len, uint8_t next_hdr, uint16_t value)
{
	if (len < IPV6_ROUTER_ALERT_LEN)
		return -ENOSPC;

	buf[0] = next_hdr;
	buf[1] = 0;
	buf[2] = IPV6_OPT_ROUTER_ALERT;
	buf[3] = 2;
	put_be16(buf + 4, value);
	buf[6] = IPV6_OPT_PADN;
	buf[7] = 0;
	return IPV6_ROUTER_ALERT_LEN;
}
