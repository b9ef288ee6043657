/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * An ARP message from any bytes.
 */
#include "tests/fuzz/wire_law.h"
#include "wire/arp.h"

DEFINE_ROUND_TRIP(arp_repr, arp_parse, arp_emit, arp_same);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arp_repr r;

	if (arp_parse_again(data, size, &r) < 0)
		return 0;
	LAW(eth_addr_is_station(r.sha));
	LAW(r.op == ARP_OP_REQUEST || r.op == ARP_OP_REPLY);
	return 0;
}
