/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "netstack/link/iface.h"

#include <errno.h>

#include "tests/unit/netstack/rig.h"

static struct iface_conf conf_of(struct rig_link *l)
{
	return (struct iface_conf){
		.name = "veth0",
		.kind = IFACE_ETHERNET,
		.mac = { { 2, 0, 0, 0, 0, 1 } },
		.mtu = 1500,
		.tx = rig_tx,
		.arg = l,
	};
}

static struct iface *iface_of(struct rig *r, unsigned int link)
{
	return iface_get(&r->st->net.ifaces, r->link[link].ifindex);
}

static void setup(struct rig *r, uint32_t mtu, uint32_t features)
{
	rig_init(r);
	(void)rig_link_add(r, IFACE_IP, mtu, features);
	netstack_advance(r->st, r->now);
	rig_forget(r);
}

/* An IPv4 packet with a TCP segment of @len bytes, its checksum to be finished. */
static struct pbuf *tcp_packet(struct rig *r, uint32_t len)
{
	const uint32_t room = IPV4_HDR_LEN + TCP_HDR_LEN + len;
	struct pbuf *pb = pbuf_alloc_rx(netstack_pool(r->st), 64, room);
	const struct ipv4_repr ip = {
		.src = IP4_ADDR(10, 0, 0, 1),
		.dst = IP4_ADDR(10, 0, 0, 2),
		.payload_len = (uint16_t)(TCP_HDR_LEN + len),
		.ttl = 64,
		.proto = IP_PROTO_TCP,
		.dont_frag = true,
	};
	uint8_t *at = pbuf_put(pb, room);

	assert_non_null(at);
	memset(at, 0, room);
	assert_int_equal(ipv4_emit(at, room, &ip), IPV4_HDR_LEN);
	at += IPV4_HDR_LEN;
	at[12] = TCP_HDR_LEN / 4 << 4;
	for (uint32_t i = 0; i < len; i++)
		at[TCP_HDR_LEN + i] = (uint8_t)(i * 7);
	put_be16(at + 16, csum_fold(csum_pseudo4(ip.src, ip.dst, IP_PROTO_TCP, TCP_HDR_LEN + len)));
	pbuf_mark_l3(pb);
	pb->l4 = (uint16_t)(pbuf_headroom(pb) + IPV4_HDR_LEN);
	pb->csum = PBUF_CSUM_PARTIAL;
	pb->csum_offset = 16;
	return pb;
}

static void out(struct rig *r, struct pbuf *pb)
{
	iface_out(&r->st->net.ifaces, iface_of(r, 0), pb);
}

static bool tcp_csum_is_right(const struct rig_frame *f)
{
	struct ipv4_repr ip = { 0 };
	int n = ipv4_parse(f->data, f->len, &ip);

	assert_int_equal(n, IPV4_HDR_LEN);
	return csum_ok(csum_pseudo4(ip.src, ip.dst, IP_PROTO_TCP, ip.payload_len) +
		       csum_bytes(f->data + n, ip.payload_len));
}

static void what_makes_no_sense_is_refused(void **state)
{
	struct rig_link l = { 0 };
	struct iface_conf c;
	struct rig r;
	int index;

	(void)state;
	rig_init(&r);
	c = conf_of(&l);
	c.name = "a-name-longer-15";
	assert_int_equal(netstack_link_add(r.st, &c), -EINVAL);
	c.name = "";
	assert_int_equal(netstack_link_add(r.st, &c), -EINVAL);
	c.name = NULL;
	assert_int_equal(netstack_link_add(r.st, &c), -EINVAL);
	c = conf_of(&l);
	c.mtu = 67;
	assert_int_equal(netstack_link_add(r.st, &c), -EINVAL);
	c.mtu = 65536;
	assert_int_equal(netstack_link_add(r.st, &c), -EINVAL);
	c = conf_of(&l);
	c.mac.b[0] = 1;
	assert_int_equal(netstack_link_add(r.st, &c), -EINVAL);
	c.kind = IFACE_IP; /* which has none */
	index = netstack_link_add(r.st, &c);
	assert_int_equal(index, 2);
	c = conf_of(&l);
	assert_int_equal(netstack_link_add(r.st, &c), -EEXIST);
	c.name = "eth1";
	c.tx = NULL;
	assert_int_equal(netstack_link_add(r.st, &c), -EINVAL);
	c = conf_of(&l);
	c.name = "lo";
	assert_int_equal(netstack_link_add(r.st, &c), -EEXIST);
	rig_done(&r);
}

static void there_are_so_many_and_indexes_come_back(void **state)
{
	struct rig_link l = { 0 };
	struct iface_conf c = conf_of(&l);
	struct rig r;
	char name[IFACE_NAME_LEN];

	(void)state;
	rig_init(&r);
	c.name = name;
	for (int i = 2; i <= IFACE_MAX; i++) {
		(void)snprintf(name, sizeof(name), "eth%d", i);
		assert_int_equal(netstack_link_add(r.st, &c), i);
	}
	(void)snprintf(name, sizeof(name), "onemore");
	assert_int_equal(netstack_link_add(r.st, &c), -ENOSPC);
	assert_int_equal(netstack_link_del(r.st, 17), 0);
	assert_int_equal(netstack_link_del(r.st, 17), -ENODEV);
	assert_int_equal(netstack_link_add(r.st, &c), 17);
	assert_null(iface_get(&r.st->net.ifaces, 0));
	assert_null(iface_get(&r.st->net.ifaces, IFACE_MAX + 1));
	assert_null(iface_get(&r.st->net.ifaces, UINT32_MAX));
	rig_done(&r);
}

static void packets_leave_in_bursts_and_in_order(void **state)
{
	struct rig r;

	(void)state;
	setup(&r, 1500, IFACE_TX_CSUM);
	for (uint32_t i = 0; i < 2 * IFACE_BURST + 1; i++)
		out(&r, tcp_packet(&r, i));
	assert_int_equal(r.link[0].n, 0);
	assert_int_equal(netstack_deadline(r.st), 0);
	netstack_advance(r.st, r.now);
	assert_int_equal(r.link[0].n, 2 * IFACE_BURST + 1);
	assert_int_equal(r.link[0].bursts, 3);
	for (uint32_t i = 0; i < 2 * IFACE_BURST + 1; i++)
		assert_int_equal(r.link[0].frame[i].len, 40 + i);
	assert_int_equal(iface_of(&r, 0)->stats.tx_packets, 2 * IFACE_BURST + 1);
	assert_true(netstack_deadline(r.st) > 0);
	rig_done(&r);
}

static void what_the_device_refuses_is_dropped(void **state)
{
	struct rig r;

	(void)state;
	setup(&r, 1500, IFACE_TX_CSUM);
	r.link[0].takes = 3;
	for (unsigned int i = 0; i < 10; i++)
		out(&r, tcp_packet(&r, 0));
	netstack_advance(r.st, r.now);
	assert_int_equal(r.link[0].n, 3);
	assert_int_equal(rig_drops(&r, DROP_TX_REFUSED), 7);
	assert_int_equal(iface_of(&r, 0)->stats.tx_packets, 3);
	assert_int_equal(iface_of(&r, 0)->stats.tx_bytes, 3 * 40);
	assert_int_equal(iface_of(&r, 0)->stats.tx_dropped, 7);
	rig_done(&r);
}

static void the_queue_has_a_bound(void **state)
{
	struct rig r;

	(void)state;
	setup(&r, 1500, IFACE_TX_CSUM);
	r.link[0].takes = 0;
	for (unsigned int i = 0; i < IFACE_QUEUE_MAX + 3; i++)
		out(&r, tcp_packet(&r, 0));
	assert_int_equal(rig_drops(&r, DROP_TX_REFUSED), 3);
	netstack_advance(r.st, r.now);
	assert_int_equal(rig_drops(&r, DROP_TX_REFUSED), IFACE_QUEUE_MAX + 3);
	rig_done(&r);
}

static void nothing_leaves_a_link_that_is_down(void **state)
{
	struct rig r;

	(void)state;
	setup(&r, 1500, 0);
	out(&r, tcp_packet(&r, 0));
	assert_int_equal(netstack_link_set_up(r.st, r.link[0].ifindex, false), 0);
	assert_int_equal(rig_drops(&r, DROP_LINK_DOWN), 1);
	out(&r, tcp_packet(&r, 0));
	assert_int_equal(rig_drops(&r, DROP_LINK_DOWN), 2);
	netstack_advance(r.st, r.now);
	assert_int_equal(r.link[0].n, 0);
	assert_int_equal(iface_of(&r, 0)->stats.tx_dropped, 2);
	assert_int_equal(netstack_link_set_up(r.st, r.link[0].ifindex, true), 0);
	out(&r, tcp_packet(&r, 0));
	assert_int_equal(netstack_link_del(r.st, r.link[0].ifindex), 0);
	assert_int_equal(rig_drops(&r, DROP_LINK_DOWN), 3);
	rig_done(&r);
}

static void checksums_are_finished_where_the_device_does_not(void **state)
{
	struct rig r;

	(void)state;
	setup(&r, 1500, 0);
	out(&r, tcp_packet(&r, 99));
	netstack_advance(r.st, r.now);
	assert_int_equal(r.link[0].frame[0].csum, PBUF_CSUM_NONE);
	assert_true(tcp_csum_is_right(&r.link[0].frame[0]));
	rig_done(&r);

	setup(&r, 1500, IFACE_TX_CSUM);
	out(&r, tcp_packet(&r, 99));
	netstack_advance(r.st, r.now);
	assert_int_equal(r.link[0].frame[0].csum, PBUF_CSUM_PARTIAL);
	assert_false(tcp_csum_is_right(&r.link[0].frame[0]));
	rig_done(&r);
}

/* Somebody else has a reference to the same bytes, and must not see them change. */
static void a_shared_packet_is_not_written_to(void **state)
{
	struct pbuf *pb, *copy;
	uint8_t before[2], after[2];
	struct rig r;

	(void)state;
	setup(&r, 1500, 0);
	pb = tcp_packet(&r, 600);
	copy = pbuf_clone(pb);
	pbuf_copy_out(copy, 36, before, 2);
	out(&r, pb);
	netstack_advance(r.st, r.now);
	assert_true(tcp_csum_is_right(&r.link[0].frame[0]));
	pbuf_copy_out(copy, 36, after, 2);
	assert_memory_equal(before, after, 2);
	pbuf_free(copy);
	rig_done(&r);
}

static void segments_are_cut_where_the_device_does_not(void **state)
{
	static const uint32_t features[] = { 0, IFACE_TX_CSUM, IFACE_TSO6, IFACE_TSO4 };

	(void)state;
	for (unsigned int i = 0; i < 4; i++) {
		const bool whole = features[i] & IFACE_TSO4;
		struct pbuf *pb;
		uint32_t bytes = 0;
		struct rig r;

		setup(&r, 1500, features[i]);
		pb = tcp_packet(&r, 5000);
		pb->gso = PBUF_GSO_TCP4;
		pb->gso_size = 1460;
		out(&r, pb);
		netstack_advance(r.st, r.now);
		assert_int_equal(r.link[0].n, whole ? 1 : 4);
		for (unsigned int k = 0; k < r.link[0].n; k++) {
			const struct rig_frame *f = &r.link[0].frame[k];

			bytes += f->len - 40;
			assert_int_equal(f->gso, whole ? PBUF_GSO_TCP4 : PBUF_GSO_NONE);
			if (!whole) {
				assert_true(f->len <= 1500);
				assert_int_equal(f->csum == PBUF_CSUM_PARTIAL,
						 (features[i] & IFACE_TX_CSUM) != 0);
				if (f->csum != PBUF_CSUM_PARTIAL)
					assert_true(tcp_csum_is_right(f));
			}
		}
		assert_int_equal(bytes, 5000);
		rig_done(&r);
	}
}

static void a_device_may_take_less_than_all(void **state)
{
	struct rig_link *l;
	struct iface_conf c;
	struct pbuf *pb;
	struct rig r;

	(void)state;
	rig_init(&r);
	l = &r.link[0];
	*l = (struct rig_link){ .rig = &r, .takes = UINT32_MAX };
	r.n_links = 1;
	c = conf_of(l);
	c.kind = IFACE_IP;
	c.features = IFACE_TX_CSUM | IFACE_TSO4;
	c.gso_max = 4000;
	l->ifindex = (uint32_t)netstack_link_add(r.st, &c);
	assert_int_equal(netstack_link_set_up(r.st, l->ifindex, true), 0);
	netstack_advance(r.st, r.now);
	rig_forget(&r);
	pb = tcp_packet(&r, 3960);
	pb->gso = PBUF_GSO_TCP4;
	pb->gso_size = 1460;
	out(&r, pb);
	pb = tcp_packet(&r, 3961);
	pb->gso = PBUF_GSO_TCP4;
	pb->gso_size = 1460;
	out(&r, pb);
	netstack_advance(r.st, r.now);
	assert_int_equal(l->n, 1 + 3);
	rig_done(&r);
}

/* The MTU became less after the packet was queued. */
static void what_is_too_long_is_dropped(void **state)
{
	struct rig r;

	(void)state;
	setup(&r, 1500, 0);
	out(&r, tcp_packet(&r, 1460));
	out(&r, tcp_packet(&r, 1260));
	assert_int_equal(netstack_link_set_mtu(r.st, r.link[0].ifindex, 1300), 0);
	netstack_advance(r.st, r.now);
	assert_int_equal(r.link[0].n, 1);
	assert_int_equal(rig_drops(&r, DROP_TX_TOO_BIG), 1);
	rig_done(&r);
}

/* A device that sends something while it sends, through another link: a tunnel. */
struct tunnel {
	struct rig *rig;
	unsigned int n;
};

static unsigned int tunnel_tx(void *arg, struct pbuf *const *burst, unsigned int n)
{
	struct tunnel *t = arg;

	for (unsigned int i = 0; i < n; i++) {
		t->n++;
		if (t->n < 4) /* some of it comes back to the same one */
			iface_out(&t->rig->st->net.ifaces,
				  iface_get(&t->rig->st->net.ifaces, burst[i]->mark), burst[i]);
		else
			out(t->rig, burst[i]);
	}
	return n;
}

static void a_device_may_send_while_it_sends(void **state)
{
	struct tunnel t = { 0 };
	struct iface_conf c = {
		.name = "tun", .kind = IFACE_IP, .mtu = 1500, .tx = tunnel_tx, .arg = &t
	};
	struct pbuf *pb;
	struct rig r;
	int index;

	(void)state;
	setup(&r, 1500, 0);
	t.rig = &r;
	index = netstack_link_add(r.st, &c);
	assert_int_equal(netstack_link_set_up(r.st, (uint32_t)index, true), 0);
	netstack_advance(r.st, r.now);
	rig_forget(&r);
	t.n = 0;
	pb = tcp_packet(&r, 0);
	pb->mark = (uint32_t)index;
	iface_out(&r.st->net.ifaces, iface_get(&r.st->net.ifaces, (uint32_t)index), pb);
	netstack_advance(r.st, r.now);
	assert_int_equal(t.n, 4);
	assert_int_equal(r.link[0].n, 1);
	assert_null(r.st->net.ifaces.pending);
	rig_done(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_makes_no_sense_is_refused),
		cmocka_unit_test(there_are_so_many_and_indexes_come_back),
		cmocka_unit_test(packets_leave_in_bursts_and_in_order),
		cmocka_unit_test(what_the_device_refuses_is_dropped),
		cmocka_unit_test(the_queue_has_a_bound),
		cmocka_unit_test(nothing_leaves_a_link_that_is_down),
		cmocka_unit_test(checksums_are_finished_where_the_device_does_not),
		cmocka_unit_test(a_shared_packet_is_not_written_to),
		cmocka_unit_test(segments_are_cut_where_the_device_does_not),
		cmocka_unit_test(a_device_may_take_less_than_all),
		cmocka_unit_test(what_is_too_long_is_dropped),
		cmocka_unit_test(a_device_may_send_while_it_sends),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
