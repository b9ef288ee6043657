/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Any frames on a link that an instance shares with a kernel: each has an owner, the same one
 * however its bytes lie; where the instance has nothing it owns nothing, and whatever it is given
 * all the same, it says nothing.
 *
 * An input is a byte, odd for an instance with a listener, and then records: a byte that says how
 * many bytes are linear, a length of two bytes, and so many bytes of a frame.
 */
#include <errno.h>
#include <netinet/in.h>

#include "netstack/netstack.h"
#include "netstack/socket.h"
#include "tests/fuzz/netstack_core.h"
#include "wire/ethernet.h"

#define PORT 80

static const struct eth_addr mac = { { 2, 0, 0, 0, 0, 1 } };

struct scene {
	struct netstack *st;
	uint32_t ifindex;
	unsigned int sent;
};

static unsigned int tx(void *arg, struct pbuf *const *burst, unsigned int n)
{
	struct scene *s = arg;

	s->sent += n;
	for (unsigned int i = 0; i < n; i++)
		pbuf_free(burst[i]);
	return n;
}

static void add_addr(const struct scene *s, struct ip6_addr addr, uint8_t len)
{
	const struct net_addr_conf a = { .ifindex = s->ifindex, .addr = addr, .prefix_len = len };

	LAW(netstack_addr_add(s->st, &a) == 0);
}

static void listens(const struct scene *s)
{
	const struct sockaddr_in6 any = { .sin6_family = AF_INET6, .sin6_port = htons(PORT) };
	const int fd = ns_socket(s->st, AF_INET6, SOCK_STREAM | SOCK_NONBLOCK, 0);

	LAW(fd >= 0);
	LAW(ns_bind(s->st, fd, (const struct sockaddr *)&any, sizeof(any)) == 0);
	LAW(ns_listen(s->st, fd, 4) == 0);
}

static void make(struct scene *s, bool with_listener)
{
	const struct iface_conf link = {
		.name = "eth0",
		.kind = IFACE_ETHERNET,
		.mac = mac,
		.mtu = 1500,
		.tx = tx,
		.arg = s,
		.is_shared = true,
	};
	struct netstack_conf conf;
	int r;

	*s = (struct scene){ .sent = 0 };
	netstack_conf_default(&conf);
	conf.mem = (struct pbuf_mem){ .alloc = fuzz_alloc, .free = fuzz_free };
	conf.ip.accept_ra = true;
	LAW(netstack_new(&s->st, &conf, NS_PER_S) == 0);
	r = netstack_link_add(s->st, &link);
	LAW(r > 0);
	s->ifindex = (uint32_t)r;
	LAW(netstack_link_set_up(s->st, s->ifindex, true) == 0);
	add_addr(s, ip6_addr_of_ip4(IP4_ADDR(10, 0, 0, 1)), 24);
	add_addr(s, (struct ip6_addr){ UINT64_C(0xfd00) << 48, 1 }, 64);
	if (with_listener)
		listens(s);
}

static void frame(const struct scene *s, bool with_listener, uint8_t linear, const uint8_t *p,
		  size_t len)
{
	struct core c = { .pool = netstack_pool(s->st) };
	struct pbuf *flat = fuzz_packet(&c, p, len, len), *pb = fuzz_packet(&c, p, len, linear);
	const enum netstack_owner owner = netstack_owner(s->st, s->ifindex, flat);

	LAW(owner <= NETSTACK_BOTH);
	/* Of a packet that is not in one piece less is looked at. */
	if (len <= 256)
		LAW(netstack_owner(s->st, s->ifindex, pb) == owner);
	else
		LAW(netstack_owner(s->st, s->ifindex, pb) <= NETSTACK_BOTH);
	if (owner == NETSTACK_OURS) {
		LAW(with_listener);
		LAW(len > ETH_HDR_LEN && eth_addr_eq(eth_addr_get(p), mac));
	}
	pbuf_free(flat);
	netstack_input(s->st, s->ifindex, &pb, 1, NS_PER_S);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_in in = { .p = data, .len = size };
	const bool with_listener = fuzz_u8(&in) & 1;
	struct scene s;

	make(&s, with_listener);
	while (in.len) {
		const uint8_t linear = fuzz_u8(&in);
		size_t len = fuzz_u16(&in);

		if (len > in.len)
			len = in.len;
		frame(&s, with_listener, linear, in.p, len);
		in.p += len;
		in.len -= len;
	}
	if (!with_listener) {
		netstack_advance(s.st, 100 * NS_PER_S);
		LAW(s.sent == 0);
	}
	netstack_free(s.st);
	LAW(fuzz_live == 0);
	return 0;
}
