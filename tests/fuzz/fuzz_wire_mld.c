/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * An MLD message from any bytes.
 */
#include "tests/fuzz/wire_law.h"
#include "wire/mld.h"

DEFINE_ROUND_TRIP(mld_record, mld_record_parse, mld_record_emit, mld_record_same);

static const struct icmp6_ip ip = {
	.src = { 0xfe80000000000000, 1 },
	.dst = { 0xff02000000000000, 1 },
	.hop_limit = 1,
	.router_alert = true,
};

static int parse(const uint8_t *buf, size_t len, struct mld_repr *ret)
{
	return mld_parse(buf, len, &ip, ret);
}

DEFINE_ROUND_TRIP(mld_repr, parse, mld_emit, mld_same);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct mld_repr r;
	const int n = parse_again(data, size, &r);
	size_t at = (size_t)n;

	if (n < 0)
		return 0;
	LAW((size_t)n + (size_t)r.n_sources * IP6_ADDR_LEN <= size);
	LAW(r.n_sources == 0 || r.version == 2);
	for (size_t i = 0; i < r.n_records; i++) {
		struct mld_record rec;
		const int len = mld_record_parse_again(data + at, size - at, &rec);

		LAW(len > 0);
		LAW(MLD_RECORD_HDR_LEN + (size_t)rec.n_sources * IP6_ADDR_LEN <= (size_t)len);
		at += (size_t)len;
	}
	return 0;
}
