/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * An IGMP message from any bytes.
 */
#include "tests/fuzz/wire_law.h"
#include "wire/igmp.h"

DEFINE_ROUND_TRIP(igmp_record, igmp_record_parse, igmp_record_emit, igmp_record_same);

/* Not DEFINE_ROUND_TRIP: without its records a report is too short. */
static int check_message(const uint8_t *data, size_t size, struct igmp_repr *ret)
{
	cleanup_free uint8_t *out = law_copy(data, size);
	struct igmp_repr again;
	int n;

	memset(ret, 0xa5, sizeof(*ret));
	n = igmp_parse(data, size, ret);
	if (n < 0) {
		LAW(law_is_refusal(n));
		LAW(law_untouched(ret, sizeof(*ret)));
		return n;
	}
	LAW(n > 0 && (size_t)n <= size);
	LAW(igmp_emit(out, size, ret) == n);
	LAW(igmp_parse(out, size, &again) == n);
	LAW(igmp_same(ret, &again));
	igmp_put_csum(out, size);
	LAW(igmp_csum_ok(out, size));
	return n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct igmp_repr r;
	const int n = check_message(data, size, &r);
	size_t at = (size_t)n;

	if (n < 0)
		return 0;
	LAW((size_t)n + (size_t)r.n_sources * IP4_ADDR_LEN <= size);
	LAW(r.n_sources == 0 || r.version == 3);
	for (size_t i = 0; i < r.n_records; i++) {
		struct igmp_record rec;
		const int len = igmp_record_parse_again(data + at, size - at, &rec);

		LAW(len > 0);
		LAW(IGMP_RECORD_HDR_LEN + (size_t)rec.n_sources * IP4_ADDR_LEN <= (size_t)len);
		at += (size_t)len;
	}
	return 0;
}
