/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * A link that a kernel shares with an instance: whose a frame is, and that the instance is silent
 * where the kernel speaks.
 */
#include <netinet/in.h>

#include "netstack/socket.h"
#include "tests/unit/netstack/rig.h"
#include "wire/ip.h"
#include "wire/mld.h"

#define OURS_PORT  80
#define THEIR_PORT 81
#define PEER_PORT  4321

static struct rig rig;
static struct rig_pkt pkt;

/* --- the scene --- */

static void share(unsigned int link)
{
	iface_get(&rig.st->net.ifaces, rig.link[link].ifindex)->is_shared = true;
}

static int setup(void **state)
{
	rig_host(&rig);
	rig_sleep(&rig, 5000); /* the groups of a link that is not shared yet */
	rig_forget(&rig);
	share(0);
	*state = NULL;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	rig_done(&rig);
	return 0;
}

static struct sockaddr_in6 at6(struct ip6_addr addr, uint16_t port)
{
	struct sockaddr_in6 sa = { .sin6_family = AF_INET6, .sin6_port = htons(port) };

	ip6_addr_put(sa.sin6_addr.s6_addr, addr);
	return sa;
}

/* On both families. */
static int listener(uint16_t port)
{
	const struct sockaddr_in6 sa = at6(IP6_UNSPECIFIED, port);
	int fd = ns_socket(rig.st, AF_INET6, SOCK_STREAM | SOCK_NONBLOCK, 0);

	assert_true(fd >= 0);
	assert_int_equal(ns_bind(rig.st, fd, (const struct sockaddr *)&sa, sizeof(sa)), 0);
	assert_int_equal(ns_listen(rig.st, fd, 4), 0);
	return fd;
}

static enum netstack_owner owner_of_pbuf(struct pbuf *pb)
{
	const enum netstack_owner r = netstack_owner(rig.st, rig.link[0].ifindex, pb);

	pbuf_free(pb);
	return r;
}

/* Of the frame in pkt. */
static enum netstack_owner owner(void)
{
	return owner_of_pbuf(rig_pbuf(&rig, pkt.b, pkt.len));
}

/* --- frames --- */

static void put_csum(struct ip6_addr src, struct ip6_addr dst, uint8_t *tcp, uint32_t len)
{
	const bool is_ip4 = ip6_addr_is_mapped(dst);
	const uint64_t pseudo =
		is_ip4 ? csum_pseudo4((uint32_t)src.lo, (uint32_t)dst.lo, IP_PROTO_TCP, len)
		       : csum_pseudo6(src, dst, IP_PROTO_TCP, len);

	put_be16(tcp + TCP_CSUM_OFFSET, csum_finish(pseudo + csum_bytes(tcp, len)));
}

static void put_tcp(struct ip6_addr src, struct ip6_addr dst, const struct tcp_repr *t,
		    uint32_t data)
{
	uint8_t *at;

	rig_ip(&pkt, src, dst, IP_PROTO_TCP, 64, (uint16_t)(TCP_HDR_LEN + data));
	at = pkt.b + pkt.len;
	assert_int_equal(tcp_emit(at, TCP_HDR_LEN, t), TCP_HDR_LEN);
	memset(at + TCP_HDR_LEN, 'd', data);
	put_csum(src, dst, at, TCP_HDR_LEN + data);
	pkt.len += TCP_HDR_LEN + data;
}

/* A segment from the peer. */
static void segment(bool is_ip4, uint16_t to, uint16_t flags, uint32_t seq, uint32_t ack)
{
	const struct tcp_repr t = {
		.src_port = PEER_PORT,
		.dst_port = to,
		.flags = flags,
		.seq = seq_of(seq),
		.ack = seq_of(ack),
		.wnd = 1000,
	};

	rig_eth(&rig, 0, &pkt, is_ip4 ? ETH_TYPE_IPV4 : ETH_TYPE_IPV6);
	put_tcp(is_ip4 ? RIG_PEER4 : RIG_PEER6, is_ip4 ? RIG_US4 : RIG_US6, &t, 0);
}

static void ip4_changed(void)
{
	uint8_t *ip = pkt.b + ETH_HDR_LEN;

	put_be16(ip + 10, 0);
	put_be16(ip + 10, csum_finish(csum_bytes(ip, IPV4_HDR_LEN)));
}

/* --- TCP --- */

static void segments_for_a_listener(void **state)
{
	const int fd = listener(OURS_PORT);

	(void)state;
	for (unsigned int is_ip4 = 0; is_ip4 < 2; is_ip4++) {
		segment(is_ip4, OURS_PORT, TCP_SYN, 1, 0);
		assert_int_equal(owner(), NETSTACK_OURS);
		segment(is_ip4, OURS_PORT, TCP_ACK, 1, 1); /* of a cookie, perhaps */
		assert_int_equal(owner(), NETSTACK_OURS);
		segment(is_ip4, THEIR_PORT, TCP_SYN, 1, 0);
		assert_int_equal(owner(), NETSTACK_THEIRS);
	}
	assert_int_equal(ns_close(rig.st, fd), 0);
	segment(true, OURS_PORT, TCP_SYN, 1, 0);
	assert_int_equal(owner(), NETSTACK_THEIRS);
}

static void segments_for_other_addresses(void **state)
{
	const int fd = listener(OURS_PORT);

	(void)state;
	segment(true, OURS_PORT, TCP_SYN, 1, 0);
	put_be32(pkt.b + ETH_HDR_LEN + 16, IP4_ADDR(10, 0, 0, 9));
	ip4_changed();
	assert_int_equal(owner(), NETSTACK_THEIRS);
	put_be32(pkt.b + ETH_HDR_LEN + 16, IP4_ADDR(127, 0, 0, 1));
	ip4_changed();
	assert_int_equal(owner(), NETSTACK_THEIRS);
	put_be32(pkt.b + ETH_HDR_LEN + 16, IP4_BROADCAST);
	ip4_changed();
	assert_int_equal(owner(), NETSTACK_THEIRS);
	/* Frames for others, and for all. */
	segment(true, OURS_PORT, TCP_SYN, 1, 0);
	pkt.b[5] ^= 1;
	assert_int_equal(owner(), NETSTACK_THEIRS);
	memset(pkt.b, 0xff, ETH_ADDR_LEN);
	assert_int_equal(owner(), NETSTACK_THEIRS);
	/* An address that goes. */
	segment(false, OURS_PORT, TCP_SYN, 1, 0);
	assert_int_equal(owner(), NETSTACK_OURS);
	assert_int_equal(netstack_addr_del(rig.st,
					   &(struct net_addr_conf){
						   .ifindex = rig.link[0].ifindex,
						   .addr = RIG_US6,
						   .prefix_len = 64,
					   }),
			 0);
	assert_int_equal(owner(), NETSTACK_THEIRS);
	assert_int_equal(ns_close(rig.st, fd), 0);
}

/* The last frame that was sent, whose TCP header is read. */
static struct tcp_repr sent_tcp(void)
{
	struct tcp_repr t;

	assert_true(rig.link[0].n > 0);
	assert_true(tcp_parse(rig_sent_ip(&rig, 0, rig.link[0].n - 1, true) + 20, TCP_HDR_LEN + 40,
			      &t) > 0);
	rig_forget(&rig);
	return t;
}

static uint16_t is_ours_to(uint16_t port)
{
	segment(true, port, TCP_ACK, 1, 1);
	assert_int_equal(owner(), NETSTACK_OURS);
	segment(true, (uint16_t)(port ^ 1), TCP_ACK, 1, 1);
	assert_int_equal(owner(), NETSTACK_THEIRS);
	return port;
}

/* SYN-SENT, ESTABLISHED, FIN-WAIT, TIME-WAIT, and not after it. */
static void a_connection_in_all_its_states(void **state)
{
	const struct sockaddr_in6 to = at6(RIG_PEER4, PEER_PORT);
	int fd = ns_socket(rig.st, AF_INET6, SOCK_STREAM | SOCK_NONBLOCK, 0);
	struct netstack_memory m;
	struct tcp_repr t;
	uint16_t port;

	(void)state;
	assert_int_equal(ns_connect(rig.st, fd, (const struct sockaddr *)&to, sizeof(to)),
			 -EINPROGRESS);
	netstack_advance(rig.st, rig.now);
	t = sent_tcp();
	assert_int_equal(t.flags & TCP_SYN, TCP_SYN);
	port = is_ours_to(t.src_port);

	segment(true, port, TCP_SYN | TCP_ACK, 100, t.seq.v + 1);
	rig_in_pkt(&rig, 0, &pkt);
	is_ours_to(port);
	assert_int_equal(ns_close(rig.st, fd), 0);
	netstack_advance(rig.st, rig.now);
	t = sent_tcp();
	assert_int_equal(t.flags & TCP_FIN, TCP_FIN);
	is_ours_to(port);

	segment(true, port, TCP_FIN | TCP_ACK, 101, t.seq.v + 1);
	rig_in_pkt(&rig, 0, &pkt);
	netstack_memory(rig.st, &m);
	assert_int_equal(m.time_wait, 1);
	is_ours_to(port);
	rig_sleep(&rig, 120000);
	segment(true, port, TCP_ACK, 1, 1);
	assert_int_equal(owner(), NETSTACK_THEIRS);
}

/* A handshake is not that of a listener that went. */
static void a_connection_that_has_begun(void **state)
{
	const int fd = listener(OURS_PORT);
	struct netstack_memory m;

	(void)state;
	segment(true, OURS_PORT, TCP_SYN, 1, 0);
	rig_in_pkt(&rig, 0, &pkt);
	assert_int_equal(sent_tcp().flags, TCP_SYN | TCP_ACK);
	netstack_memory(rig.st, &m);
	assert_int_equal(m.syn_rcvd, 1);
	segment(true, OURS_PORT, TCP_ACK, 2, 1);
	assert_int_equal(owner(), NETSTACK_OURS);
	assert_int_equal(ns_close(rig.st, fd), 0);
	assert_int_equal(owner(), NETSTACK_THEIRS);
}

/* --- ICMP --- */

/* An error of type @type about a packet of ours to the peer. */
static void icmp_about(bool is_ip4, uint8_t type, uint8_t proto, uint16_t port)
{
	const uint8_t icmp = is_ip4 ? IP_PROTO_ICMP : IP_PROTO_ICMP6;
	const uint16_t hdr = is_ip4 ? IPV4_HDR_LEN : IPV6_HDR_LEN;

	rig_eth(&rig, 0, &pkt, is_ip4 ? ETH_TYPE_IPV4 : ETH_TYPE_IPV6);
	rig_ip(&pkt, is_ip4 ? RIG_PEER4 : RIG_PEER6, is_ip4 ? RIG_US4 : RIG_US6, icmp, 64,
	       (uint16_t)(8 + hdr + 8));
	memset(pkt.b + pkt.len, 0, 8);
	pkt.b[pkt.len] = type;
	pkt.len += 8;
	/* It was longer. */
	rig_ip(&pkt, is_ip4 ? RIG_US4 : RIG_US6, is_ip4 ? RIG_PEER4 : RIG_PEER6, proto, 60, 1000);
	memset(pkt.b + pkt.len, 0, 8);
	put_be16(pkt.b + pkt.len, port);
	put_be16(pkt.b + pkt.len + 2, PEER_PORT);
	pkt.len += 8;
}

static void errors_by_what_they_quote(void **state)
{
	static const struct {
		bool is_ip4;
		uint8_t type;
	} errors[] = {
		{ true, ICMP4_TYPE_UNREACHABLE },     { true, ICMP4_TYPE_TIME_EXCEEDED },
		{ true, ICMP4_TYPE_PARAM_PROBLEM },   { false, ICMP6_TYPE_UNREACHABLE },
		{ false, ICMP6_TYPE_PACKET_TOO_BIG }, { false, ICMP6_TYPE_TIME_EXCEEDED },
		{ false, ICMP6_TYPE_PARAM_PROBLEM },
	};
	const int fd = listener(OURS_PORT);

	(void)state;
	for (unsigned int i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
		icmp_about(errors[i].is_ip4, errors[i].type, IP_PROTO_TCP, OURS_PORT);
		assert_int_equal(owner(), NETSTACK_OURS);
		pkt.len -= 4; /* not even what every error has */
		assert_int_equal(owner(), NETSTACK_THEIRS);
		icmp_about(errors[i].is_ip4, errors[i].type, IP_PROTO_TCP, THEIR_PORT);
		assert_int_equal(owner(), NETSTACK_THEIRS);
		icmp_about(errors[i].is_ip4, errors[i].type, IP_PROTO_UDP, OURS_PORT);
		assert_int_equal(owner(), NETSTACK_THEIRS);
	}
	/* About what is no address of ours. */
	icmp_about(true, ICMP4_TYPE_UNREACHABLE, IP_PROTO_TCP, OURS_PORT);
	pkt.b[ETH_HDR_LEN + 28 + 15] = 77;
	assert_int_equal(owner(), NETSTACK_THEIRS);
	assert_int_equal(ns_close(rig.st, fd), 0);
}

static void other_icmp(void **state)
{
	static const struct {
		bool is_ip4;
		uint8_t type;
		enum netstack_owner owner;
	} types[] = {
		{ true, ICMP4_TYPE_ECHO, NETSTACK_THEIRS },
		{ true, ICMP4_TYPE_ECHO_REPLY, NETSTACK_THEIRS },
		{ true, ICMP4_TYPE_TIMESTAMP, NETSTACK_THEIRS },
		{ true, ICMP4_TYPE_REDIRECT, NETSTACK_BOTH },
		{ false, ICMP6_TYPE_ECHO, NETSTACK_THEIRS },
		{ false, ICMP6_TYPE_ECHO_REPLY, NETSTACK_THEIRS },
		{ false, NDP_TYPE_ROUTER_SOLICIT, NETSTACK_THEIRS },
		{ false, NDP_TYPE_ROUTER_ADVERT, NETSTACK_BOTH },
		{ false, NDP_TYPE_NEIGH_SOLICIT, NETSTACK_BOTH },
		{ false, NDP_TYPE_NEIGH_ADVERT, NETSTACK_BOTH },
		{ false, NDP_TYPE_REDIRECT, NETSTACK_BOTH },
		{ false, MLD_TYPE_QUERY, NETSTACK_THEIRS },
		{ false, MLD_TYPE_REPORT2, NETSTACK_THEIRS },
	};

	(void)state;
	for (unsigned int i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		icmp_about(types[i].is_ip4, types[i].type, IP_PROTO_TCP, OURS_PORT);
		assert_int_equal(owner(), types[i].owner);
	}
	/* ICMP of the other family. */
	icmp_about(false, NDP_TYPE_NEIGH_SOLICIT, IP_PROTO_TCP, OURS_PORT);
	pkt.b[ETH_HDR_LEN + 6] = IP_PROTO_ICMP;
	assert_int_equal(owner(), NETSTACK_THEIRS);
}

/* --- fragments --- */

/* One of a segment in IPv4, in front of or behind the first 24 bytes. */
static void fragment4(uint16_t port, uint16_t id, bool first)
{
	uint8_t *ip = pkt.b + ETH_HDR_LEN;

	segment(true, port, TCP_ACK, 1, 1);
	put_be16(ip + 2, 44);
	pkt.len += 4;
	put_be16(ip + 4, id);
	put_be16(ip + 6, first ? 0x2000 : 3);
	ip4_changed();
}

static void fragment6(uint16_t port, uint32_t id, bool first)
{
	uint8_t *ip = pkt.b + ETH_HDR_LEN;
	uint8_t *const frag = ip + IPV6_HDR_LEN;

	segment(false, port, TCP_ACK, 1, 1);
	memmove(frag + 8, frag, TCP_HDR_LEN);
	pkt.len += 12;
	put_be16(ip + 4, 8 + 24);
	ip[6] = IP_PROTO_FRAGMENT;
	memset(frag, 0, 8);
	frag[0] = IP_PROTO_TCP;
	put_be16(frag + 2, first ? 1 : 24);
	put_be32(frag + 4, id);
}

static void fragment(bool is_ip4, uint16_t port, uint16_t id, bool first)
{
	if (is_ip4)
		fragment4(port, id, first);
	else
		fragment6(port, id, first);
}

static void fragments_go_where_the_first_went(void **state)
{
	const int fd = listener(OURS_PORT);

	(void)state;
	for (unsigned int is_ip4 = 0; is_ip4 < 2; is_ip4++) {
		fragment(is_ip4, OURS_PORT, 1, true);
		assert_int_equal(owner(), NETSTACK_OURS);
		fragment(is_ip4, THEIR_PORT, 2, true);
		assert_int_equal(owner(), NETSTACK_THEIRS);
		/* What would be ports are none there. */
		fragment(is_ip4, THEIR_PORT, 1, false);
		assert_int_equal(owner(), NETSTACK_OURS);
		fragment(is_ip4, OURS_PORT, 2, false);
		assert_int_equal(owner(), NETSTACK_THEIRS);
		fragment(is_ip4, OURS_PORT, 3, false);
		assert_int_equal(owner(), NETSTACK_BOTH);
	}
	rig_sleep(&rig, 31000);
	fragment(true, OURS_PORT, 1, false);
	assert_int_equal(owner(), NETSTACK_BOTH);
	/* Not of TCP, not to us. */
	pkt.b[ETH_HDR_LEN + 9] = IP_PROTO_UDP;
	ip4_changed();
	assert_int_equal(owner(), NETSTACK_THEIRS);
	fragment(true, OURS_PORT, 1, false);
	put_be32(pkt.b + ETH_HDR_LEN + 16, IP4_ADDR(10, 0, 0, 9));
	ip4_changed();
	assert_int_equal(owner(), NETSTACK_THEIRS);
	assert_int_equal(ns_close(rig.st, fd), 0);
}

/* A thousand packets in fragments do not make the table wrong, only forgetful. */
static void many_fragments(void **state)
{
	const int fd = listener(OURS_PORT);

	(void)state;
	for (uint16_t id = 0; id < 1000; id++) {
		const bool ours = id % 3 == 0;

		fragment4(ours ? OURS_PORT : THEIR_PORT, id, true);
		assert_int_equal(owner(), ours ? NETSTACK_OURS : NETSTACK_THEIRS);
	}
	for (uint16_t id = 0; id < 1000; id++) {
		enum netstack_owner r;

		fragment4(OURS_PORT, id, false);
		r = owner();
		assert_true(r == NETSTACK_BOTH ||
			    r == (id % 3 == 0 ? NETSTACK_OURS : NETSTACK_THEIRS));
	}
	assert_int_equal(ns_close(rig.st, fd), 0);
}

/* --- frames of all kinds --- */

static void arp(uint32_t spa, uint32_t tpa)
{
	const struct arp_repr a = {
		.op = ARP_OP_REQUEST,
		.sha = rig.link[0].peer,
		.spa = spa,
		.tpa = tpa,
	};

	rig_eth(&rig, 0, &pkt, ETH_TYPE_ARP);
	assert_int_equal(arp_emit(pkt.b + pkt.len, ARP_LEN, &a), ARP_LEN);
	pkt.len += ARP_LEN;
}

static void frames_that_are_not_ip(void **state)
{
	const int fd = listener(OURS_PORT);
	struct pbuf *pb;

	(void)state;
	arp(IP4_ADDR(10, 0, 0, 2), IP4_ADDR(10, 0, 0, 1));
	assert_int_equal(owner(), NETSTACK_BOTH);
	segment(true, OURS_PORT, TCP_SYN, 1, 0);
	put_be16(pkt.b + 12, 0x88cc);
	assert_int_equal(owner(), NETSTACK_THEIRS);
	put_be16(pkt.b + 12, ETH_TYPE_IPV6); /* and it says 4 */
	assert_int_equal(owner(), NETSTACK_THEIRS);
	put_be16(pkt.b + 12, 60); /* LLC */
	assert_int_equal(owner(), NETSTACK_THEIRS);
	/* With a tag, be it that of no network. */
	for (uint16_t vid = 0; vid < 2; vid++) {
		segment(true, OURS_PORT, TCP_SYN, 1, 0);
		memmove(pkt.b + 16, pkt.b + 12, pkt.len - 12);
		put_be16(pkt.b + 12, ETH_TYPE_VLAN);
		put_be16(pkt.b + 14, vid);
		pkt.len += 4;
		assert_int_equal(owner(), NETSTACK_THEIRS);
	}
	/* On a link that is not there. */
	segment(true, OURS_PORT, TCP_SYN, 1, 0);
	pb = rig_pbuf(&rig, pkt.b, pkt.len);
	assert_int_equal(netstack_owner(rig.st, 60, pb), NETSTACK_THEIRS);
	assert_int_equal(netstack_owner(rig.st, IFACE_LO, pb), NETSTACK_THEIRS);
	assert_int_equal(netstack_owner(rig.st, UINT32_MAX, pb), NETSTACK_THEIRS);
	pbuf_free(pb);
	assert_int_equal(ns_close(rig.st, fd), 0);
}

/* Memory of exactly so many bytes: nothing behind it is read. */
static enum netstack_owner owner_exact(uint32_t len)
{
	uint8_t *b = malloc(len ? len : 1);
	struct pbuf_block *block;
	struct pbuf *pb = pbuf_alloc(netstack_pool(rig.st));
	enum netstack_owner r;

	assert_true(b && pb);
	memcpy(b, pkt.b, len);
	block = pbuf_block_wrap(netstack_pool(rig.st), b, len, free, b);
	assert_non_null(block);
	pb->head = block;
	pb->base = block->data;
	pb->size = len;
	pb->data = block->data;
	pb->len = len;
	pb->linear = len;
	r = owner_of_pbuf(pb);
	return r;
}

/* Header by header in pieces of their own. */
static enum netstack_owner owner_in_pieces(uint32_t piece)
{
	struct pbuf *pb = pbuf_alloc(netstack_pool(rig.st));
	struct pbuf_block *b = pbuf_block_alloc(netstack_pool(rig.st), pkt.len);

	assert_true(pb && b);
	memcpy(b->data, pkt.b, pkt.len);
	memcpy(pbuf_put(pb, piece), pkt.b, piece);
	assert_true(pbuf_add_frag(pb, b, piece, pkt.len - piece));
	pbuf_block_unref(b);
	return owner_of_pbuf(pb);
}

static void cut_short_and_in_pieces(void **state)
{
	const int fd = listener(OURS_PORT);
	/* Bytes from which on the ports are known. */
	static const uint32_t ports_at[] = { ETH_HDR_LEN + 40 + 8, ETH_HDR_LEN + 20 + 8 };

	(void)state;
	for (unsigned int kind = 0; kind < 8; kind++) {
		const bool is_ip4 = kind & 1;
		uint32_t all;

		if (kind < 2)
			segment(is_ip4, OURS_PORT, TCP_SYN, 1, 0);
		else if (kind < 4)
			icmp_about(is_ip4, is_ip4 ? 3 : 1, IP_PROTO_TCP, OURS_PORT);
		else
			fragment(is_ip4, OURS_PORT, (uint16_t)kind, kind < 6);
		all = pkt.len;
		for (uint32_t n = 0; n <= all; n++) {
			const enum netstack_owner r = owner_exact(n);

			if (kind < 2)
				assert_int_equal(r, n < ports_at[is_ip4] ? NETSTACK_THEIRS
									 : NETSTACK_OURS);
			else if (kind < 4)
				assert_int_equal(r, n < all ? NETSTACK_THEIRS : NETSTACK_OURS);
		}
		for (uint32_t n = 0; n < all && n < 90; n++)
			assert_int_equal(owner_in_pieces(n), owner_exact(all));
	}
	assert_int_equal(ns_close(rig.st, fd), 0);
}

/* --- silence --- */

static void hear_nd(uint8_t type, struct ip6_addr src, struct ip6_addr dst, struct ip6_addr target)
{
	const struct ndp_repr m =
		type == NDP_TYPE_NEIGH_SOLICIT
			? (struct ndp_repr){ .type = type, .ns.target = target }
			: (struct ndp_repr){ .type = type,
					     .ra = { .hop_limit = 9, .lifetime_s = 1800 } };
	uint8_t *at;
	int n;

	rig_eth(&rig, 0, &pkt, ETH_TYPE_IPV6);
	n = ndp_emit(pkt.b + ETH_HDR_LEN + IPV6_HDR_LEN, 64, &m);
	assert_true(n > 0);
	rig_ip(&pkt, src, dst, IP_PROTO_ICMP6, 255, (uint16_t)n);
	at = pkt.b + pkt.len;
	icmp6_put_csum(at, (size_t)n, src, dst);
	pkt.len += (uint32_t)n;
	rig_in_pkt(&rig, 0, &pkt);
}

static void who_asks_is_not_answered(void **state)
{
	const struct icmp4_repr echo = { .type = ICMP4_TYPE_ECHO };
	struct neigh *n;

	(void)state;
	assert_int_equal(netstack_neigh_del(rig.st, rig.link[0].ifindex, RIG_PEER4), 0);
	arp(IP4_ADDR(10, 0, 0, 2), IP4_ADDR(10, 0, 0, 1));
	rig_in_pkt(&rig, 0, &pkt);
	hear_nd(NDP_TYPE_NEIGH_SOLICIT, RIG_PEER6, RIG_US6, RIG_US6);
	hear_nd(NDP_TYPE_NEIGH_SOLICIT, IP6_UNSPECIFIED, ip6_addr_solicited(RIG_US6), RIG_US6);
	rig_eth(&rig, 0, &pkt, ETH_TYPE_IPV4);
	rig_ip(&pkt, RIG_PEER4, RIG_US4, IP_PROTO_ICMP, 64, 8);
	assert_int_equal(icmp4_emit(pkt.b + pkt.len, 8, &echo), 8);
	icmp4_put_csum(pkt.b + pkt.len, 8);
	pkt.len += 8;
	rig_in_pkt(&rig, 0, &pkt);
	assert_int_equal(rig_drops(&rig, DROP_ICMP_ECHO_IGNORED), 1);
	for (unsigned int is_ip4 = 0; is_ip4 < 2; is_ip4++) {
		segment(is_ip4, THEIR_PORT, TCP_SYN, 1, 0);
		rig_in_pkt(&rig, 0, &pkt);
		segment(is_ip4, THEIR_PORT, TCP_ACK, 1, 1);
		rig_in_pkt(&rig, 0, &pkt);
	}
	assert_int_equal(rig_drops(&rig, DROP_TCP_NO_CONN), 4);
	rig_udp(&rig, 0, &pkt, RIG_PEER4, RIG_US4, 10);
	rig_in_pkt(&rig, 0, &pkt);
	rig_udp(&rig, 0, &pkt, RIG_PEER6, RIG_US6, 10);
	rig_in_pkt(&rig, 0, &pkt);
	assert_int_equal(rig_drops(&rig, DROP_NO_SOCKET), 2);
	rig_sleep(&rig, 1000);
	assert_int_equal(rig.link[0].n, 0);
	/* But something was learned. */
	n = neigh_lookup(&rig.st->net.neigh, rig.link[0].ifindex, RIG_PEER4);
	assert_non_null(n);
}

static void routers_are_not_believed(void **state)
{
	const struct ip6_addr router = rig_ip6(UINT64_C(0xfe80000000000000), 0x99);
	struct netstack_addr a[8];

	(void)state;
	netstack_ip_params(rig.st)->accept_ra = true;
	hear_nd(NDP_TYPE_ROUTER_ADVERT, router, IP6_ALL_NODES, IP6_UNSPECIFIED);
	assert_null(route_lookup(rig.st->net.routes, rig_ip6(UINT64_C(0x2001) << 48, 9), 0,
				 net_iface_usable, &rig.st->net));
	assert_int_equal(netstack_addrs(rig.st, a, 8), 4); /* two of lo */
	assert_int_equal(
		ndp_hop_limit(&rig.st->net, net_iface_get(&rig.st->net, rig.link[0].ifindex)), 9);
}

/* Up, with addresses and a group: nobody hears of it, and they may be used at once. */
static void nothing_is_announced(void **state)
{
	static struct rig_link link;
	const struct iface_conf conf = {
		.name = "eth9",
		.kind = IFACE_ETHERNET,
		.mac = { { 2, 0, 0, 0, 0, 9 } },
		.mtu = 1500,
		.tx = rig_tx,
		.arg = &link,
		.is_shared = true,
	};
	struct net_addr_conf a = { .prefix_len = 24, .addr = rig_ip4(10, 9, 0, 1) };
	const struct ip6_addr group = ip6_addr_solicited(RIG_US6);
	struct netstack_addr all[8];
	unsigned int n;

	(void)state;
	link = (struct rig_link){ .rig = &rig, .takes = UINT32_MAX };
	netstack_ip_params(rig.st)->arp_announce = true;
	netstack_ip_params(rig.st)->accept_ra = true;
	a.ifindex = (uint32_t)netstack_link_add(rig.st, &conf);
	assert_int_equal(netstack_addr_add(rig.st, &a), 0);
	a.addr = rig_ip6(UINT64_C(0xfd09) << 48, 1);
	a.prefix_len = 64;
	assert_int_equal(netstack_addr_add(rig.st, &a), 0);
	assert_int_equal(netstack_link_set_up(rig.st, a.ifindex, true), 0);
	n = netstack_addrs(rig.st, all, 8);
	assert_int_equal(n, 6);
	for (unsigned int i = 0; i < n; i++)
		assert_int_equal(all[i].state, NET_ADDR_PREFERRED);
	assert_int_equal(group_join(&rig.st->net, net_iface_get(&rig.st->net, a.ifindex), group),
			 0);
	assert_int_equal(
		netstack_link_set_mac(rig.st, a.ifindex, (struct eth_addr){ { 2, 0, 0, 0, 0, 8 } }),
		0);
	rig_sleep(&rig, 60000);
	group_leave(&rig.st->net, net_iface_get(&rig.st->net, a.ifindex),
		    group_lookup(&rig.st->net, a.ifindex, group));
	rig_sleep(&rig, 60000);
	assert_int_equal(link.n, 0);
	assert_int_equal(netstack_link_del(rig.st, a.ifindex), 0);
}

static void who_is_needed_is_asked(void **state)
{
	const struct sockaddr_in6 to = at6(rig_ip4(10, 0, 0, 77), 80);
	int fd = ns_socket(rig.st, AF_INET6, SOCK_STREAM | SOCK_NONBLOCK, 0);
	struct arp_repr a;

	(void)state;
	assert_int_equal(ns_connect(rig.st, fd, (const struct sockaddr *)&to, sizeof(to)),
			 -EINPROGRESS);
	netstack_advance(rig.st, rig.now);
	assert_int_equal(rig.link[0].n, 1);
	assert_int_equal(arp_parse(rig.link[0].frame[0].data + ETH_HDR_LEN, ARP_LEN, &a), ARP_LEN);
	assert_int_equal(a.op, ARP_OP_REQUEST);
	assert_int_equal(a.tpa, IP4_ADDR(10, 0, 0, 77));
	rig_forget(&rig);
	a = (struct arp_repr){
		.op = ARP_OP_REPLY,
		.sha = rig.link[0].peer,
		.spa = IP4_ADDR(10, 0, 0, 77),
		.tha = rig.link[0].mac,
		.tpa = IP4_ADDR(10, 0, 0, 1),
	};
	rig_eth(&rig, 0, &pkt, ETH_TYPE_ARP);
	assert_int_equal(arp_emit(pkt.b + pkt.len, ARP_LEN, &a), ARP_LEN);
	pkt.len += ARP_LEN;
	assert_int_equal(owner(), NETSTACK_BOTH);
	rig_in_pkt(&rig, 0, &pkt);
	assert_int_equal(sent_tcp().flags & TCP_SYN, TCP_SYN);
	assert_int_equal(ns_close(rig.st, fd), 0);
}

/* Nobody has to be told but the one here who sent. */
static void a_neighbour_that_is_not_there(void **state)
{
	const struct sockaddr_in6 to = at6(rig_ip4(10, 0, 0, 77), 80);
	int fd = ns_socket(rig.st, AF_INET6, SOCK_STREAM | SOCK_NONBLOCK, 0);
	socklen_t len = sizeof(int);
	int error = 0;

	(void)state;
	assert_int_equal(ns_connect(rig.st, fd, (const struct sockaddr *)&to, sizeof(to)),
			 -EINPROGRESS);
	rig_sleep(&rig, 10000);
	assert_int_equal(ns_getsockopt(rig.st, fd, SOL_SOCKET, SO_ERROR, &error, &len), 0);
	assert_int_equal(error, EHOSTUNREACH);
	assert_int_equal(ns_close(rig.st, fd), 0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(segments_for_a_listener),
		TEST(segments_for_other_addresses),
		TEST(a_connection_in_all_its_states),
		TEST(a_connection_that_has_begun),
		TEST(errors_by_what_they_quote),
		TEST(other_icmp),
		TEST(fragments_go_where_the_first_went),
		TEST(many_fragments),
		TEST(frames_that_are_not_ip),
		TEST(cut_short_and_in_pieces),
		TEST(who_asks_is_not_answered),
		TEST(routers_are_not_believed),
		TEST(nothing_is_announced),
		TEST(who_is_needed_is_asked),
		TEST(a_neighbour_that_is_not_there),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
