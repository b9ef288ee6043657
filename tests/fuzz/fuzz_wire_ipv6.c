/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * An IPv6 packet from any bytes, and the three ways through its extension headers.
 */
#include "tests/fuzz/wire_law.h"
#include "wire/ipv6.h"
#include "wire/ipv6_ext.h"

DEFINE_ROUND_TRIP(ipv6_repr, ipv6_parse, ipv6_emit, ipv6_same);
DEFINE_ROUND_TRIP(ipv6_frag_repr, ipv6_frag_parse, ipv6_frag_emit, ipv6_frag_same);

static void check_refusal(int n, const struct ipv6_ext *ext, const struct ipv6_problem *problem,
			  size_t len)
{
	LAW(n == -ENODATA || n == -EBADMSG);
	LAW(law_untouched(ext, sizeof(*ext)));
	LAW(problem->report <= IPV6_REPORT_ALWAYS);
	LAW(n == -EBADMSG || problem->report == IPV6_REPORT_NONE);
	LAW(problem->pointer < len);
}

static void check_result(const uint8_t *pkt, size_t len, int n, const struct ipv6_ext *ext)
{
	struct ipv6_frag_repr frag;

	LAW(n >= IPV6_HDR_LEN && (size_t)n <= len);
	LAW(ext->proto_ptr < n && pkt[ext->proto_ptr] == ext->proto);
	if (!ext->is_fragment)
		return;
	LAW(ext->frag.more || ext->frag.offset);
	LAW(ext->frag_at + IPV6_FRAG_HDR_LEN == n);
	LAW(pkt[ext->frag_ptr] == IP_PROTO_FRAGMENT);
	LAW(ext->frag.offset + (len - (size_t)n) <= IP_LEN_MAX);
	LAW(ipv6_frag_parse_again(pkt + ext->frag_at, len - ext->frag_at, &frag) ==
	    IPV6_FRAG_HDR_LEN);
	LAW(ipv6_frag_same(&frag, &ext->frag));
}

/* Who checks everything comes to the same place as who checks nothing. */
static void check_skip(const uint8_t *pkt, size_t len, uint8_t next, int n,
		       const struct ipv6_ext *ext)
{
	struct ipv6_skip skip;
	const int m = ipv6_ext_skip(pkt, len, next, &skip);

	LAW(m < 0 ? m == -ENODATA || m == -EBADMSG : (size_t)m <= len);
	if (n < 0 || ext->proto == IP_PROTO_AH)
		return;
	/* Behind a first fragment there may be more headers, or the beginning of one. */
	if (ext->is_fragment && !ext->frag.offset) {
		LAW(m < 0 || m >= n);
		return;
	}
	LAW(m == n && skip.proto == ext->proto);
	LAW(skip.frag_offset == (ext->is_fragment ? ext->frag.offset : 0));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ipv6_problem problem;
	struct ipv6_ext ext;
	struct ipv6_repr r;
	size_t len;
	int n;

	if (ipv6_parse_again(data, size, &r) < 0)
		return 0;
	len = (size_t)IPV6_HDR_LEN + r.payload_len;
	LAW(len <= size);

	memset(&ext, 0xa5, sizeof(ext));
	n = ipv6_ext_parse_hop(data, len, r.next_hdr, &ext, &problem);
	if (n < 0)
		check_refusal(n, &ext, &problem, len);
	else
		check_result(data, len, n, &ext);
	memset(&ext, 0xa5, sizeof(ext));
	n = ipv6_ext_parse(data, len, r.next_hdr, &ext, &problem);
	if (n < 0)
		check_refusal(n, &ext, &problem, len);
	else
		check_result(data, len, n, &ext);
	check_skip(data, len, r.next_hdr, n, &ext);
	return 0;
}
