/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * An IPv4 packet from any bytes, its options, and what a router changes in it.
 */
#include "tests/fuzz/wire_law.h"
#include "wire/ipv4.h"
#include "wire/ipv4_options.h"

DEFINE_ROUND_TRIP(ipv4_repr, ipv4_parse, ipv4_emit, ipv4_same);
DEFINE_ROUND_TRIP(ipv4_option, ipv4_option_parse, ipv4_option_emit, ipv4_option_same);

/* Each option the list was checked for can be read by itself. */
static void check_each_option(const uint8_t *hdr, size_t hdr_len)
{
	for (size_t at = IPV4_HDR_LEN; at < hdr_len && hdr[at] != IPV4_OPT_EOL;) {
		struct ipv4_option opt;
		const int n = ipv4_option_parse_again(hdr + at, hdr_len - at, &opt);

		LAW(n > 0);
		at += (size_t)n;
	}
}

static void check_options(const uint8_t *hdr, size_t hdr_len)
{
	cleanup_free uint8_t *copy = law_copy(hdr, hdr_len);
	struct ipv4_options o, again;
	uint8_t bad = 0;

	if (ipv4_options_parse(hdr, hdr_len, &o, &bad) < 0) {
		LAW(bad >= IPV4_HDR_LEN && bad < hdr_len);
		return;
	}
	check_each_option(hdr, hdr_len);
	/* Ten hops write their names: the options stay what they are. */
	for (uint32_t hop = 0; hop < 10; hop++) {
		ipv4_options_record(copy, &o, 0x0a000001 + hop, hop);
		if (ipv4_options_parse(copy, hdr_len, &again, &bad) < 0)
			break; /* the count of hops ran out */
		LAW(again.record_at == o.record_at && again.stamp_at == o.stamp_at &&
		    again.route_at == o.route_at && again.router_alert == o.router_alert);
	}
	LAW(!o.stamp_at || copy[o.stamp_at + 1] == hdr[o.stamp_at + 1]);
}

/* Changed in place the header is right when it was, and says the new values. */
static void check_changes(const uint8_t *hdr, size_t size, size_t hdr_len)
{
	cleanup_free uint8_t *copy = law_copy(hdr, size);
	const bool ok = ipv4_csum_ok(hdr, hdr_len);
	struct ipv4_repr r;

	ipv4_put_ttl(copy, (uint8_t)(hdr[8] - 1));
	ipv4_put_tos(copy, (uint8_t)(hdr[1] | 3));
	LAW(ipv4_csum_ok(copy, hdr_len) == ok);
	LAW(ipv4_parse(copy, size, &r) == (int)hdr_len);
	LAW(r.ttl == (uint8_t)(hdr[8] - 1) && r.tos == (hdr[1] | 3));
	LAW(ipv4_emit(copy, size, &r) == (int)hdr_len);
	LAW(ipv4_csum_ok(copy, hdr_len));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ipv4_repr r, quoted;
	const int n = ipv4_parse_again(data, size, &r);

	if (ipv4_parse_quoted(data, size, &quoted) < 0)
		LAW(n < 0);
	if (n < 0)
		return 0;
	LAW((size_t)n + r.payload_len <= size);
	LAW(n == IPV4_HDR_LEN + r.opts_len);
	LAW(ipv4_same(&r, &quoted));
	LAW(!ipv4_is_fragment(&r) || r.frag_off + r.payload_len <= IP_LEN_MAX);
	check_options(data, (size_t)n);
	check_changes(data, size, (size_t)n);
	return 0;
}
