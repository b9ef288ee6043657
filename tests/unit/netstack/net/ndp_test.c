/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "netstack/net/ndp.h"

#include "tests/unit/netstack/net/messages.h"

/* --- messages to us --- */

static uint16_t make(uint8_t *msg, const struct ndp_repr *r, const struct ndp_opt *opt,
		     unsigned int n)
{
	int at = ndp_emit(msg, 200, r);

	assert_true(at > 0);
	for (unsigned i = 0; i < n; i++) {
		const int len = ndp_opt_emit(msg + at, 200, &opt[i]);

		assert_true(len > 0);
		at += len;
	}
	return (uint16_t)at;
}

static struct ndp_opt lladdr(enum ndp_opt_type type, struct eth_addr mac)
{
	return (struct ndp_opt){ .type = (uint8_t)type, .known = true, .lladdr = mac };
}

static struct ndp_opt nonce(const uint8_t *bytes)
{
	struct ndp_opt o = { .type = NDP_OPT_NONCE, .known = true };

	memcpy(o.nonce, bytes, sizeof(o.nonce));
	return o;
}

static void solicit(struct rig *r, struct ip6_addr src, struct ip6_addr dst, struct ip6_addr target,
		    const struct ndp_opt *opt, unsigned int n)
{
	const struct ndp_repr ns = { .type = NDP_TYPE_NEIGH_SOLICIT, .ns.target = target };
	uint8_t msg[200];

	send_icmp(r, src, dst, NDP_HOP_LIMIT, msg, make(msg, &ns, opt, n));
}

static void advert(struct rig *r, struct ip6_addr src, struct ip6_addr dst, struct ip6_addr target,
		   const struct eth_addr *mac, bool router)
{
	const bool to_all = ip6_addr_is_multicast(dst);
	const struct ndp_repr na = {
		.type = NDP_TYPE_NEIGH_ADVERT,
		.na = { target, router, !to_all, true },
	};
	const struct ndp_opt opt =
		lladdr(NDP_OPT_TARGET_LLADDR, mac ? *mac : (struct eth_addr){ { 2 } });
	uint8_t msg[200];

	send_icmp(r, src, dst, NDP_HOP_LIMIT, msg, make(msg, &na, &opt, mac != NULL));
}

/* --- messages of ours --- */

struct nd {
	struct seen s;
	struct ndp_repr r;
	bool has_mac;
	struct eth_addr mac;
	bool has_nonce;
	uint8_t nonce[NDP_NONCE_LEN];
};

static struct nd see_nd(const struct rig *r, unsigned int i)
{
	struct nd nd = { .s = see6(r, i) };
	const struct icmp6_ip ip = { nd.s.src, nd.s.dst, nd.s.ttl, false };
	int n = ndp_parse(nd.s.msg, nd.s.len, &ip, &nd.r);

	assert_true(n > 0);
	while ((uint32_t)n < nd.s.len) {
		struct ndp_opt o;
		const int len = ndp_opt_parse(nd.s.msg + n, nd.s.len - (uint32_t)n, &o);

		assert_true(len > 0);
		n += len;
		if (o.type == NDP_OPT_NONCE) {
			nd.has_nonce = true;
			memcpy(nd.nonce, o.nonce, sizeof(nd.nonce));
		} else {
			nd.has_mac = true;
			nd.mac = o.lladdr;
		}
	}
	return nd;
}

static void assert_mac(struct eth_addr a, struct eth_addr want)
{
	assert_memory_equal(a.b, want.b, sizeof(a.b));
}

/* Where the link header of frame @i says it goes. */
static struct eth_addr to_mac(const struct rig *r, unsigned int i)
{
	return eth_addr_get(r->link[0].frame[i].data);
}

static const struct ip6_addr OTHER = { 0x20010db800000000, 0x99 };
static const struct eth_addr OTHER_MAC = { { 2, 0, 0, 0, 9, 9 } };

/* --- solicitations --- */

static void who_asks_is_answered_and_remembered(void **state)
{
	struct ndp_opt opt;
	struct nd nd;
	struct rig r;

	(void)state;
	rig_host(&r);
	opt = lladdr(NDP_OPT_SOURCE_LLADDR, OTHER_MAC);
	solicit(&r, OTHER, ip6_addr_solicited(RIG_US6), RIG_US6, &opt, 1);
	assert_int_equal(r.link[0].n, 1);
	nd = see_nd(&r, 0);
	assert_mac(to_mac(&r, 0), OTHER_MAC);
	assert_int_equal(nd.r.type, NDP_TYPE_NEIGH_ADVERT);
	assert_addr(nd.s.src, RIG_US6);
	assert_addr(nd.s.dst, OTHER);
	assert_addr(nd.r.na.target, RIG_US6);
	assert_true(nd.r.na.solicited);
	assert_true(nd.r.na.override);
	assert_false(nd.r.na.router);
	assert_mac(nd.mac, r.link[0].mac);
	/* A router says so. */
	netstack_ip_params(r.st)->ip6_forward = true;
	solicit(&r, OTHER, RIG_US6, RIG_US6, &opt, 1);
	assert_true(see_nd(&r, 1).r.na.router);
	rig_sleep(&r, 100000);
	rig_done(&r);
}

static void a_probe_for_our_address_is_answered_to_all(void **state)
{
	struct nd nd;
	struct rig r;

	(void)state;
	rig_host(&r);
	solicit(&r, IP6_UNSPECIFIED, ip6_addr_solicited(RIG_US6), RIG_US6, NULL, 0);
	nd = see_nd(&r, 0);
	assert_addr(nd.s.dst, IP6_ALL_NODES);
	assert_false(nd.r.na.solicited);
	assert_true(nd.has_mac);
	rig_done(&r);
}

static void what_is_not_for_us_or_illegal_is_dropped(void **state)
{
	const struct ndp_repr ns = { .type = NDP_TYPE_NEIGH_SOLICIT, .ns.target = RIG_US6 };
	struct ndp_opt opt;
	uint8_t msg[200];
	struct rig r;

	(void)state;
	rig_host(&r);
	opt = lladdr(NDP_OPT_SOURCE_LLADDR, OTHER_MAC);
	solicit(&r, OTHER, RIG_US6, OTHER, &opt, 1);
	assert_int_equal(rig_drops(&r, DROP_ND_NOT_OURS), 1);
	send_icmp(&r, OTHER, RIG_US6, 254, msg, make(msg, &ns, &opt, 1));
	assert_int_equal(rig_drops(&r, DROP_ND_BAD), 1);
	opt.lladdr.b[0] = 1; /* a group's */
	solicit(&r, OTHER, RIG_US6, RIG_US6, &opt, 1);
	assert_int_equal(rig_drops(&r, DROP_ND_BAD), 2);
	assert_null(neigh_lookup(&r.st->net.neigh, r.link[0].ifindex, OTHER));
	assert_int_equal(r.link[0].n, 0);
	rig_done(&r);
}

/* RFC 6980 */
static void fragments_are_not_believed(void **state)
{
	const struct ndp_repr ns = { .type = NDP_TYPE_NEIGH_SOLICIT, .ns.target = RIG_US6 };
	struct ipv6_frag_repr fr = { .id = 1, .next_hdr = IP_PROTO_ICMP6, .more = true };
	uint8_t msg[200], part[200];
	uint16_t len;
	struct rig r;

	(void)state;
	rig_host(&r);
	len = make(msg, &ns, NULL, 0);
	icmp6_put_csum(msg, len, OTHER, RIG_US6);
	assert_int_equal(ipv6_frag_emit(part, 8, &fr), 8);
	memcpy(part + 8, msg, 16);
	send_ip(&r, OTHER, RIG_US6, IP_PROTO_FRAGMENT, NDP_HOP_LIMIT, part, 24);
	fr.more = false;
	fr.offset = 16;
	assert_int_equal(ipv6_frag_emit(part, 8, &fr), 8);
	memcpy(part + 8, msg + 16, len - 16U);
	send_ip(&r, OTHER, RIG_US6, IP_PROTO_FRAGMENT, NDP_HOP_LIMIT, part, (uint16_t)(len - 8));
	assert_int_equal(rig_drops(&r, DROP_ND_BAD), 1);
	assert_int_equal(r.link[0].n, 0);
	rig_done(&r);
}

/* --- asking and being told --- */

static void a_neighbour_is_asked_for_and_found(void **state)
{
	struct ip_path path = { .gen = 0 };
	const struct ip_flow f = { .src = RIG_US6, .dst = OTHER, .proto = IP_PROTO_UDP };
	const struct neigh *n;
	struct nd nd;
	struct rig r;

	(void)state;
	rig_host(&r);
	assert_int_equal(ip_out(&r.st->net, rig_pbuf(&r, (uint8_t[8]){ 0 }, 8), &f, &path), 0);
	netstack_advance(r.st, r.now);
	assert_int_equal(r.link[0].n, 1);
	nd = see_nd(&r, 0);
	assert_int_equal(nd.r.type, NDP_TYPE_NEIGH_SOLICIT);
	assert_addr(nd.s.src, RIG_US6);
	assert_addr(nd.s.dst, ip6_addr_solicited(OTHER));
	assert_mac(to_mac(&r, 0), eth_addr_of_ip6(ip6_addr_solicited(OTHER)));
	assert_addr(nd.r.ns.target, OTHER);
	assert_mac(nd.mac, r.link[0].mac);
	assert_false(nd.has_nonce);

	advert(&r, OTHER, RIG_US6, OTHER, &OTHER_MAC, true);
	assert_int_equal(r.link[0].n, 2);
	assert_mac(to_mac(&r, 1), OTHER_MAC);
	n = neigh_lookup(&r.st->net.neigh, r.link[0].ifindex, OTHER);
	assert_non_null(n);
	assert_int_equal(n->state, NEIGH_REACHABLE);
	assert_true(n->is_router);
	/* Without a link address it only confirms. */
	advert(&r, OTHER, RIG_US6, OTHER, NULL, false);
	assert_false(n->is_router);
	assert_mac(n->mac, OTHER_MAC);
	/* Nobody asked for this one. */
	advert(&r, RIG_PEER6, RIG_US6, rig_ip6(RIG_NET6, 0x77), &OTHER_MAC, false);
	assert_int_equal(rig_drops(&r, DROP_ND_NOT_OURS), 1);
	rig_sleep(&r, 200000);
	rig_done(&r);
}

/* A stale neighbour is asked itself before it is given up. */
static void a_stale_neighbour_is_probed_by_unicast(void **state)
{
	struct ip_path path = { .gen = 0 };
	const struct ip_flow f = { .src = RIG_US6, .dst = OTHER, .proto = IP_PROTO_UDP };
	struct ndp_opt opt;
	struct nd nd;
	struct rig r;

	(void)state;
	rig_host(&r);
	rig_sleep(&r, 20000); /* MLD has said all it has to say */
	opt = lladdr(NDP_OPT_SOURCE_LLADDR, OTHER_MAC);
	solicit(&r, OTHER, RIG_US6, RIG_US6, &opt, 1);
	rig_forget(&r);
	assert_int_equal(ip_out(&r.st->net, rig_pbuf(&r, (uint8_t[8]){ 0 }, 8), &f, &path), 0);
	rig_sleep(&r, 5100);
	assert_int_equal(r.link[0].n, 2);
	nd = see_nd(&r, 1);
	assert_int_equal(nd.r.type, NDP_TYPE_NEIGH_SOLICIT);
	assert_addr(nd.s.dst, OTHER);
	assert_mac(to_mac(&r, 1), OTHER_MAC);
	advert(&r, OTHER, RIG_US6, OTHER, &OTHER_MAC, false);
	rig_sleep(&r, 10000);
	assert_int_equal(r.link[0].n, 2);
	rig_sleep(&r, 200000);
	rig_done(&r);
}

/* Whoever says to have an address of ours is not believed. */
static void our_address_is_ours(void **state)
{
	struct rig r;

	(void)state;
	rig_host(&r);
	advert(&r, OTHER, IP6_ALL_NODES, RIG_US6, &OTHER_MAC, false);
	assert_null(neigh_lookup(&r.st->net.neigh, r.link[0].ifindex, RIG_US6));
	assert_int_equal(ip_addr_type(&r.st->net, RIG_US6, 0), IP_ADDR_LOCAL);
	/* Our own one from a link that loops. */
	advert(&r, OTHER, IP6_ALL_NODES, RIG_US6, &r.link[0].mac, false);
	assert_int_equal(rig_drops(&r, DROP_ND_NOT_OURS), 1);
	rig_done(&r);
}

/* The answer could not come back to an address of another link. */
static void a_neighbour_is_asked_from_this_link(void **state)
{
	const struct ip6_addr here = { 0xfe80000000000000, 9 };
	struct rig r;

	(void)state;
	rig_host(&r);
	(void)rig_link_add(&r, IFACE_ETHERNET, RIG_MTU, 0);
	rig_sleep(&r, 20000);
	rig_forget(&r);
	ndp_solicit(&r.st->net, iface_get(&r.st->net.ifaces, r.link[1].ifindex), OTHER, NULL);
	assert_int_equal(rig_drops(&r, DROP_NO_ADDRESS), 1);
	rig_addr_add(&r, 1, here, 64);
	rig_sleep(&r, 20000);
	rig_forget(&r);
	ndp_solicit(&r.st->net, iface_get(&r.st->net.ifaces, r.link[1].ifindex), OTHER, NULL);
	netstack_advance(r.st, r.now);
	assert_int_equal(r.link[1].n, 1);
	assert_addr(rig_sent6(&r, 1, 0).src, here);
	rig_done(&r);
}

static void without_memory_nobody_is_asked(void **state)
{
	struct pbuf_pool_stats stats;
	struct rig r;

	(void)state;
	rig_host(&r);
	pbuf_pool_stats(netstack_pool(r.st), &stats);
	pbuf_pool_set_limit(netstack_pool(r.st), stats.bytes);
	ndp_solicit(&r.st->net, iface_get(&r.st->net.ifaces, r.link[0].ifindex), OTHER, NULL);
	assert_int_equal(rig_drops(&r, DROP_NO_MEMORY), 1);
	rig_done(&r);
}

/* --- duplicate address detection --- */

static enum net_addr_state state_of(const struct rig *r, struct ip6_addr addr)
{
	const struct net_addr *a = addr_lookup(&r->st->net, addr, r->link[0].ifindex);

	assert_non_null(a);
	return (enum net_addr_state)a->state;
}

/* An address with detection; what is sent of others (MLD) is not looked at. */
static void add_probed(struct rig *r, struct ip6_addr addr)
{
	const struct net_addr_conf conf = {
		.ifindex = r->link[0].ifindex,
		.addr = addr,
		.prefix_len = 64,
	};

	assert_int_equal(netstack_addr_add(r->st, &conf), 0);
	assert_int_equal(state_of(r, addr), NET_ADDR_TENTATIVE);
}

/* Neighbour discovery messages of a type among the frames; the last one is at *@ret. */
static unsigned int count_nd(const struct rig *r, enum ndp_type type, struct nd *ret)
{
	unsigned int n = 0;

	for (unsigned i = 0; i < r->link[0].n; i++) {
		const struct seen s = see6(r, i);

		if (s.msg[0] != type)
			continue;
		n++;
		*ret = see_nd(r, i);
	}
	return n;
}

static const struct ip6_addr NEW = { 0x20010db800000000, 0x42 };

static void a_unique_address_is_used_after_a_probe(void **state)
{
	struct nd nd = { .has_mac = false };
	struct rig r;

	(void)state;
	rig_host(&r);
	netstack_ip_params(r.st)->arp_announce = true;
	netstack_ip_params(r.st)->dad_transmits = 3;
	add_probed(&r, NEW);
	rig_sleep(&r, 1001);
	assert_int_equal(count_nd(&r, NDP_TYPE_NEIGH_SOLICIT, &nd), 1);
	assert_addr(nd.s.src, IP6_UNSPECIFIED);
	assert_addr(nd.s.dst, ip6_addr_solicited(NEW));
	assert_addr(nd.r.ns.target, NEW);
	assert_false(nd.has_mac);
	assert_true(nd.has_nonce);
	/* Not ours yet: neither answered for nor sent from. */
	solicit(&r, OTHER, ip6_addr_solicited(NEW), NEW, NULL, 0);
	assert_int_equal(count_nd(&r, NDP_TYPE_NEIGH_ADVERT, &nd), 0);
	assert_int_equal(ip_addr_type(&r.st->net, NEW, 0), IP_ADDR_NONE);
	rig_sleep(&r, 3100);
	assert_int_equal(count_nd(&r, NDP_TYPE_NEIGH_SOLICIT, &nd), 3);
	assert_int_equal(state_of(&r, NEW), NET_ADDR_PREFERRED);
	/* And all are told. */
	assert_int_equal(count_nd(&r, NDP_TYPE_NEIGH_ADVERT, &nd), 1);
	assert_addr(nd.s.dst, IP6_ALL_NODES);
	assert_addr(nd.r.na.target, NEW);
	assert_false(nd.r.na.solicited);
	rig_sleep(&r, 10000);
	rig_done(&r);
}

static void zero_transmits_is_no_detection(void **state)
{
	struct rig r;

	(void)state;
	rig_host(&r);
	netstack_ip_params(r.st)->dad_transmits = 0;
	assert_int_equal(netstack_addr_add(r.st,
					   &(struct net_addr_conf){
						   .ifindex = r.link[0].ifindex,
						   .addr = NEW,
						   .prefix_len = 64,
					   }),
			 0);
	assert_int_equal(state_of(&r, NEW), NET_ADDR_PREFERRED);
	rig_sleep(&r, 10000);
	rig_done(&r);
}

static void who_has_it_says_so(void **state)
{
	struct nd nd;
	struct rig r;

	(void)state;
	rig_host(&r);
	add_probed(&r, NEW);
	advert(&r, NEW, IP6_ALL_NODES, NEW, &OTHER_MAC, false);
	assert_int_equal(state_of(&r, NEW), NET_ADDR_DUPLICATED);
	assert_int_equal(netstack_ip_stats(r.st)->dad_duplicates, 1);
	rig_sleep(&r, 10000);
	assert_int_equal(state_of(&r, NEW), NET_ADDR_DUPLICATED);
	assert_int_equal(count_nd(&r, NDP_TYPE_NEIGH_SOLICIT, &nd), 0);
	rig_done(&r);
}

/* Two nodes that probe at the same time: nobody gets it (RFC 4862, 5.4.3). */
static void who_probes_too_has_it_neither(void **state)
{
	static const uint8_t theirs[6] = { 1, 2, 3, 4, 5, 6 };
	struct ndp_opt opt = nonce(theirs);
	struct rig r;

	(void)state;
	rig_host(&r);
	add_probed(&r, NEW);
	solicit(&r, IP6_UNSPECIFIED, ip6_addr_solicited(NEW), NEW, &opt, 1);
	assert_int_equal(state_of(&r, NEW), NET_ADDR_DUPLICATED);
	rig_sleep(&r, 10000);
	rig_done(&r);
}

/* RFC 7527: a link that loops brings our own probe back. */
static void our_own_probe_is_no_duplicate(void **state)
{
	struct ndp_opt opt;
	struct nd nd;
	struct rig r;

	(void)state;
	rig_host(&r);
	add_probed(&r, NEW);
	rig_sleep(&r, 1001);
	assert_int_equal(count_nd(&r, NDP_TYPE_NEIGH_SOLICIT, &nd), 1);
	opt = nonce(nd.nonce);
	solicit(&r, IP6_UNSPECIFIED, ip6_addr_solicited(NEW), NEW, &opt, 1);
	assert_int_equal(state_of(&r, NEW), NET_ADDR_TENTATIVE);
	rig_sleep(&r, 1100);
	assert_int_equal(state_of(&r, NEW), NET_ADDR_PREFERRED);
	rig_sleep(&r, 10000);
	rig_done(&r);
}

static void detection_ends_with_its_address_or_interface(void **state)
{
	const struct net_addr_conf conf = { .ifindex = 2, .addr = NEW, .prefix_len = 64 };
	struct rig r;

	(void)state;
	rig_host(&r);
	add_probed(&r, NEW);
	rig_sleep(&r, 1100);
	assert_int_equal(netstack_addr_del(r.st, &conf), 0);
	rig_sleep(&r, 10000);
	add_probed(&r, NEW);
	assert_int_equal(netstack_link_set_up(r.st, 2, false), 0);
	rig_sleep(&r, 10000);
	assert_int_equal(state_of(&r, NEW), NET_ADDR_TENTATIVE);
	assert_int_equal(netstack_link_set_up(r.st, 2, true), 0);
	rig_sleep(&r, 10000);
	assert_int_equal(state_of(&r, NEW), NET_ADDR_PREFERRED);
	rig_done(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(who_asks_is_answered_and_remembered),
		cmocka_unit_test(a_probe_for_our_address_is_answered_to_all),
		cmocka_unit_test(what_is_not_for_us_or_illegal_is_dropped),
		cmocka_unit_test(fragments_are_not_believed),
		cmocka_unit_test(a_neighbour_is_asked_for_and_found),
		cmocka_unit_test(a_stale_neighbour_is_probed_by_unicast),
		cmocka_unit_test(our_address_is_ours),
		cmocka_unit_test(a_neighbour_is_asked_from_this_link),
		cmocka_unit_test(without_memory_nobody_is_asked),
		cmocka_unit_test(a_unique_address_is_used_after_a_probe),
		cmocka_unit_test(zero_transmits_is_no_detection),
		cmocka_unit_test(who_has_it_says_so),
		cmocka_unit_test(who_probes_too_has_it_neither),
		cmocka_unit_test(our_own_probe_is_no_duplicate),
		cmocka_unit_test(detection_ends_with_its_address_or_interface),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
