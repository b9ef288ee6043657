/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * A UDP datagram from any bytes.
 */
#include "tests/fuzz/wire_law.h"
#include "wire/ip.h"
#include "wire/udp.h"

DEFINE_ROUND_TRIP(udp_repr, udp_parse, udp_emit, udp_same);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	cleanup_free uint8_t *copy = law_copy(data, size);
	struct udp_repr r, quoted;
	uint64_t pseudo;
	size_t len;

	if (udp_parse_again(data, size, &r) < 0)
		return 0;
	LAW(udp_parse_quoted(data, size, &quoted) == UDP_HDR_LEN);
	LAW(udp_same(&r, &quoted));
	len = (size_t)UDP_HDR_LEN + r.payload_len;
	LAW(len <= size);

	pseudo = csum_pseudo4(r.src_port, r.dst_port, IP_PROTO_UDP, (uint32_t)len);
	udp_put_csum(copy, len, pseudo);
	LAW(!udp_csum_is_none(copy));
	LAW(udp_csum_ok(copy, len, pseudo));
	/* A port changed: the same as made anew. */
	put_be16(copy + UDP_CSUM_OFFSET,
		 udp_csum_update(get_be16(copy + UDP_CSUM_OFFSET), r.dst_port, 53));
	put_be16(copy + 2, 53);
	LAW(!udp_csum_is_none(copy));
	LAW(udp_csum_ok(copy, len, pseudo));
	return 0;
}
