/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * A frame from any bytes.
 */
#include "tests/fuzz/wire_law.h"
#include "wire/ethernet.h"

DEFINE_ROUND_TRIP(eth_repr, eth_parse, eth_emit, eth_same);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct eth_repr r;
	const int n = eth_parse_again(data, size, &r);

	if (n < 0)
		return 0;
	LAW(n == ETH_HDR_LEN + r.n_vlans * ETH_VLAN_LEN);
	LAW(r.type >= ETH_TYPE_MIN && r.type != ETH_TYPE_VLAN && r.type != ETH_TYPE_VLAN_SERVICE);
	return 0;
}
