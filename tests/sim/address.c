/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * address.c - socket addresses
 */
#include <netinet/in.h>
#include <string.h>

#include "sim.h"

socklen_t address_of(bool ip6, struct ip6_addr addr, uint16_t port, struct sockaddr_storage *ret)
{
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)(void *)ret;
	struct sockaddr_in *in4 = (struct sockaddr_in *)(void *)ret;

	memset(ret, 0, sizeof(*ret));
	if (ip6) {
		in6->sin6_family = AF_INET6;
		in6->sin6_port = htons(port);
		ip6_addr_put(in6->sin6_addr.s6_addr, addr);
		return sizeof(*in6);
	}
	in4->sin_family = AF_INET;
	in4->sin_port = htons(port);
	in4->sin_addr.s_addr = htonl((uint32_t)addr.lo);
	return sizeof(*in4);
}
