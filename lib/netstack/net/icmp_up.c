/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Errors that came in, on their way to transport.
 */
#include "netstack/net/icmp_priv.h"
#include "netstack/net/net_priv.h"
#include "wire/icmp4.h"
#include "wire/icmp6.h"

/* Every transport has its ports, or the like, in the first 8 bytes: more need not be there
 * (RFC 792).
 */
#define QUOTED_MIN 8

/* False for a message that no socket of ours sent. */
static bool read_echo(struct ip_error *e, const uint8_t *l4, uint8_t echo)
{
	if (l4[0] != echo)
		return false;
	e->src_port = get_be16(l4 + 4);
	return true;
}

int icmp_error_up(struct net *net, struct ip_error *e, const uint8_t *l4, size_t len)
{
	if (len < QUOTED_MIN)
		return DROP_ICMP_SHORT;
	switch (e->proto) {
	case IP_PROTO_TCP:
		e->seq = get_be32(l4 + 4);
		e->src_port = get_be16(l4);
		e->dst_port = get_be16(l4 + 2);
		break;
	case IP_PROTO_UDP:
		e->src_port = get_be16(l4);
		e->dst_port = get_be16(l4 + 2);
		break;
	case IP_PROTO_ICMP:
		if (!read_echo(e, l4, ICMP4_TYPE_ECHO))
			return DROP_ICMP_UNMATCHED;
		break;
	case IP_PROTO_ICMP6:
		if (!read_echo(e, l4, ICMP6_TYPE_ECHO))
			return DROP_ICMP_UNMATCHED;
		break;
	default:
		break;
	}
	e->data = l4;
	e->data_len = (uint32_t)len;
	/* What an error queue has begins where what was sent did: ping sockets send the header. */
	if (e->proto == IP_PROTO_UDP) {
		e->data += QUOTED_MIN; /* its header is that long */
		e->data_len -= QUOTED_MIN;
	}
	net->stats.icmp_errors_in++;
	if (net->error)
		net->error(net->up_arg, e);
	return RX_TAKEN;
}
