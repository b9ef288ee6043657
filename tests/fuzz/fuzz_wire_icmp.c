/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * An ICMP and an ICMPv6 message from any bytes.
 */
#include "tests/fuzz/wire_law.h"
#include "wire/icmp4.h"
#include "wire/icmp6.h"

DEFINE_ROUND_TRIP(icmp4_repr, icmp4_parse, icmp4_emit, icmp4_same);
DEFINE_ROUND_TRIP(icmp6_repr, icmp6_parse, icmp6_emit, icmp6_same);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct ip6_addr src = { 1, 2 }, dst = { 3, 4 };
	cleanup_free uint8_t *copy = law_copy(data, size);
	struct icmp4_repr four;
	struct icmp6_repr six;

	if (icmp4_parse_again(data, size, &four) < 0) {
		LAW(icmp6_parse_again(data, size, &six) < 0);
		return 0;
	}
	LAW(icmp6_parse_again(data, size, &six) > 0);
	LAW(ICMP4_HDR_LEN + (size_t)four.quote_len <= size);
	LAW(ICMP6_HDR_LEN + (size_t)six.quote_len <= size);

	icmp4_put_csum(copy, size);
	LAW(icmp4_csum_ok(copy, size));
	icmp6_put_csum(copy, size, src, dst);
	LAW(icmp6_csum_ok(copy, size, src, dst));
	return 0;
}
