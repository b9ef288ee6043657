/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * router_advert IFACE - say once on a link that we are a router (RFC 4861, 4.2)
 *
 * Who listens gets a default route through us for half an hour.
 */
#include <net/if.h>

#include <arpa/inet.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#define LIFETIME_S 1800

int main(int argc, char **argv)
{
	struct nd_router_advert ra = {
		.nd_ra_type = ND_ROUTER_ADVERT,
		.nd_ra_router_lifetime = htons(LIFETIME_S),
	};
	struct sockaddr_in6 all = { .sin6_family = AF_INET6 };
	const int hops = 255; /* any other is taken for one that came from elsewhere */
	int fd;

	if (argc != 2 || !(all.sin6_scope_id = if_nametoindex(argv[1])))
		return 2;
	fd = socket(AF_INET6, SOCK_RAW, IPPROTO_ICMPV6);
	if (fd < 0 || inet_pton(AF_INET6, "ff02::1", &all.sin6_addr) != 1 ||
	    setsockopt(fd, IPPROTO_IPV6, IPV6_MULTICAST_HOPS, &hops, sizeof(hops)) < 0 ||
	    sendto(fd, &ra, sizeof(ra), 0, (struct sockaddr *)&all, sizeof(all)) != sizeof(ra)) {
		perror("router_advert");
		return 1;
	}
	return 0;
}
