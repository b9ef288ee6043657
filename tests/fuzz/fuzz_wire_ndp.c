/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * A message of neighbour discovery from any bytes, and its options.
 *
 * Input: a byte that makes the packet it came in, then the message.
 */
#include "tests/fuzz/wire_law.h"
#include "wire/ndp.h"

static struct icmp6_ip from;

static int parse(const uint8_t *buf, size_t len, struct ndp_repr *ret)
{
	return ndp_parse(buf, len, &from, ret);
}

DEFINE_ROUND_TRIP(ndp_repr, parse, ndp_emit, ndp_same);

static void choose_ip(uint8_t bits)
{
	static const struct ip6_addr src[] = {
		{ 0xfe80000000000000, 1 },
		{ 0, 0 },
		{ 0x20010db800000000, 1 },
		{ 0xfe80000000000000, 2 },
	};
	static const struct ip6_addr dst[] = {
		{ 0xff02000000000000, 0x00000001ff000001 },
		{ 0xff02000000000000, 1 },
		{ 0x20010db800000000, 2 },
		{ 0xfe80000000000000, 2 },
	};

	from.src = src[bits & 3];
	from.dst = dst[bits >> 2 & 3];
	from.hop_limit = bits & 0x10 ? 254 : NDP_HOP_LIMIT;
}

/* Not DEFINE_ROUND_TRIP: one that is not known cannot be emitted. */
static int check_option(const uint8_t *data, size_t size)
{
	cleanup_free uint8_t *out = law_copy(data, size);
	struct ndp_opt opt, again;
	const int n = ndp_opt_parse(data, size, &opt);
	int m;

	if (n < 0)
		return n;
	LAW(n > 0 && n % 8 == 0 && (size_t)n <= size);
	m = ndp_opt_emit(out, size, &opt);
	if (!opt.known) {
		LAW(m == -EINVAL);
		return n;
	}
	LAW(m > 0 && m <= n);
	LAW(ndp_opt_parse(out, size, &again) == m);
	LAW(ndp_opt_same(&opt, &again));
	return n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct eth_addr mac;
	struct ndp_repr r;
	int n;

	if (!size)
		return 0;
	choose_ip(*data++);
	size--;
	(void)check_option(data, size); /* for its own sake */

	n = parse_again(data, size, &r);
	if (n < 0)
		return 0;
	LAW(from.hop_limit == NDP_HOP_LIMIT);
	/* All options of a message that was taken can be read. */
	for (size_t at = (size_t)n; at < size;) {
		const int len = check_option(data + at, size - at);

		LAW(len > 0);
		at += (size_t)len;
	}
	if (ndp_lladdr(data, size, (size_t)n, NDP_OPT_SOURCE_LLADDR, &mac))
		LAW(r.type != NDP_TYPE_NEIGH_SOLICIT || !ip6_addr_is_unspecified(from.src));
	return 0;
}
