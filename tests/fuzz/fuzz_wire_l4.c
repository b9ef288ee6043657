/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The transport header of a frame, a packet and a quoted packet from any bytes, and the
 * input for their hash.
 */
#include "tests/fuzz/wire_law.h"
#include "wire/l4.h"
#include "wire/rss.h"

static void check(int n, const struct l4_repr *l4, const uint8_t *data, size_t size, size_t more)
{
	uint8_t input[RSS_INPUT_MAX];
	size_t len;

	if (n < 0) {
		LAW(law_is_refusal(n));
		LAW(law_untouched(l4, sizeof(*l4)));
		return;
	}
	LAW(n == l4->l4_at && l4->l3_at < l4->l4_at);
	LAW((size_t)l4->l4_at + l4->l4_len <= size);
	LAW(l4->ip_version == 4 || l4->ip_version == 6);
	LAW(l4->ip_version == data[l4->l3_at] >> 4);
	LAW(!l4->has_ports || l4->l4_len >= 4);
	LAW(l4->l4_len >= more);
	len = rss_input(data, l4, input);
	LAW(len ==
	    (l4->ip_version == 4 ? 8U : 32U) + (l4->has_ports && l4->part == L4_WHOLE ? 4U : 0U));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct l4_repr l4;

	memset(&l4, 0xa5, sizeof(l4));
	check(l4_find(data, size, &l4), &l4, data, size, 0);
	memset(&l4, 0xa5, sizeof(l4));
	check(l4_find_ip(data, size, &l4), &l4, data, size, 0);
	memset(&l4, 0xa5, sizeof(l4));
	check(l4_find_quoted(data, size, &l4), &l4, data, size, 8);
	return 0;
}
