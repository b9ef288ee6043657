/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * One address, two stacks: an instance and the kernel of a namespace behind one device.
 */
#include "base/sysctl.h"
#include "tests/unit/host/split_scene.h"

#define LEN (1U << 20)

/* A connection from @from to @to, used and ended, by either end first. */
static void connection(int from, int to, const char *addr, uint16_t port)
{
	struct end l = end_listen(to, addr, port);
	struct end a = end_connect(from, addr, port), b = end_accept(&l);

	assert_int_equal(end_error(&a), 0);
	end_echo(&a, &b, LEN);
	if (port & 1)
		end_both(&a, &b);
	else
		end_both(&b, &a);
	end_close(&l);
}

static void nobody_resets(void)
{
	assert_int_equal(snmp(scene.kern, "Tcp", "OutRsts"), 0);
	assert_int_equal(snmp(scene.peer, "Tcp", "OutRsts"), 0);
	assert_int_equal(snmp(scene.peer, "Tcp", "EstabResets"), 0);
	assert_int_equal(netstack_tcp_stats(scene.st)->out_rsts, 0);
}

/* --- both on one address --- */

static void the_kernel_has_its_connections(void **state)
{
	struct host_split_stats stats;
	struct iface_stats link;

	(void)state;
	scene_up("tap:t0", HOST_SPLIT_TCP);
	connection(scene.peer, scene.kern, US4, 81);
	connection(scene.kern, scene.peer, PEER4, 82);
	connection(scene.peer, scene.kern, US6, 83);
	connection(scene.kern, scene.peer, PEER6, 84);
	nobody_resets();
	assert_true(netstack_tcp_stats(scene.st)->in_segs == 0);
	host_split_stats(scene.h, &stats);
	assert_true(stats.to_kernel > 4 && stats.from_kernel > 4 && stats.to_both > 0);
	assert_int_equal(stats.dropped, 0);
	/* Who asked for the addresses was answered by the kernel alone. */
	assert_int_equal(netstack_link_stats(scene.st, host_ifindex(scene.h), &link), 0);
	assert_true(link.rx_packets > 0);
	assert_int_equal(link.tx_packets, 0);
}

static void the_instance_has_its_own(void **state)
{
	long before;

	(void)state;
	scene_up("tap:t0", HOST_SPLIT_TCP);
	before = snmp(scene.kern, "Tcp", "InSegs");
	connection(scene.peer, STACK, US4, 81);
	connection(scene.peer, STACK, US4, 82);
	connection(STACK, scene.peer, PEER4, 83);
	connection(STACK, scene.peer, PEER4, 84);
	connection(scene.peer, STACK, US6, 85);
	connection(STACK, scene.peer, PEER6, 86);
	nobody_resets();
	assert_int_equal(snmp(scene.kern, "Tcp", "InSegs"), before);
}

static void both_at_the_same_time(void **state)
{
	struct end l1, l2, a1, a2, b1, b2;

	(void)state;
	scene_up("tap:t0", HOST_SPLIT_TCP);
	l1 = end_listen(STACK, US4, 80);
	l2 = end_listen(scene.kern, US4, 81);
	a1 = end_connect(scene.peer, US4, 80);
	a2 = end_connect(scene.peer, US4, 81);
	b1 = end_accept(&l1);
	b2 = end_accept(&l2);
	for (unsigned int i = 0; i < 8; i++) {
		end_echo(&a1, &b1, 50000);
		end_echo(&b2, &a2, 50000);
	}
	end_both(&a1, &b1);
	end_both(&b2, &a2);
	end_close(&l1);
	end_close(&l2);
	nobody_resets();
}

static void a_port_that_nobody_has(void **state)
{
	struct end a, l;

	(void)state;
	scene_up("tap:t0", HOST_SPLIT_TCP);
	a = end_connect(scene.peer, US4, 80);
	assert_int_equal(end_error(&a), ECONNREFUSED);
	end_close(&a);
	assert_int_equal(snmp(scene.kern, "Tcp", "OutRsts"), 1);
	/* Once more, where there was somebody. */
	l = end_listen(STACK, US4, 80);
	end_close(&l);
	a = end_connect(scene.peer, US4, 80);
	assert_int_equal(end_error(&a), ECONNREFUSED);
	end_close(&a);
	assert_int_equal(snmp(scene.kern, "Tcp", "OutRsts"), 2);
	assert_int_equal(netstack_tcp_stats(scene.st)->out_rsts, 0);
	a = end_connect(STACK, PEER4, 80);
	assert_int_equal(end_error(&a), ECONNREFUSED);
	end_close(&a);
}

static void what_is_not_tcp(void **state)
{
	struct sockaddr_storage us, peer;
	struct end a, b;
	socklen_t len;
	char buf[8000];

	(void)state;
	scene_up("tap:t0", HOST_SPLIT_TCP);
	assert_int_equal(serve_ping(scene.peer, US4), 0);
	assert_int_equal(serve_ping(scene.kern, PEER4), 0);
	assert_int_equal(serve_ping(scene.peer, US6), 0);
	assert_int_equal(serve_ping(scene.kern, PEER6), 0);
	us = sock_at(US4, 53, &len);
	peer = sock_at(PEER4, 53, &len);
	a = end_new(scene.kern, AF_INET, SOCK_DGRAM);
	b = end_new(scene.peer, AF_INET, SOCK_DGRAM);
	assert_int_equal(bind(a.fd, (struct sockaddr *)&us, len), 0);
	assert_int_equal(bind(b.fd, (struct sockaddr *)&peer, len), 0);
	memset(buf, 7, sizeof(buf));
	/* In fragments, too. */
	for (size_t n = 1; n <= sizeof(buf); n = n * 5 + 3) {
		char in[sizeof(buf)];

		assert_int_equal(sendto(a.fd, buf, n, 0, (struct sockaddr *)&peer, len), n);
		serve_until(end_poll(&b, POLLIN) != 0);
		assert_int_equal(read(b.fd, in, sizeof(in)), n);
		assert_int_equal(sendto(b.fd, buf, n, 0, (struct sockaddr *)&us, len), n);
		serve_until(end_poll(&a, POLLIN) != 0);
		assert_int_equal(read(a.fd, in, sizeof(in)), n);
	}
	end_close(&a);
	end_close(&b);
}

/* The device makes no checksums and cuts nothing: that is done on the way. */
static void a_device_without_offload(void **state)
{
	(void)state;
	scene_up("tap:t0,no-offload", HOST_SPLIT_TCP);
	connection(scene.kern, scene.peer, PEER4, 81);
	connection(scene.kern, scene.peer, PEER6, 82);
	connection(scene.peer, scene.kern, US4, 83);
	connection(scene.peer, STACK, US4, 84);
	connection(STACK, scene.peer, PEER6, 85);
	assert_int_equal(serve_ping(scene.peer, US4), 0);
	nobody_resets();
	assert_int_equal(snmp(scene.peer, "Tcp", "InErrs"), 0);
}

/* --- what the kernel's interface says --- */

static void the_mac_address(void **state)
{
	char kernels[256], neigh[512];

	(void)state;
	scene_up("tap:t0", HOST_SPLIT_TCP);
	connection(STACK, scene.peer, PEER4, 80);
	enter(scene.kern);
	run_ok(kernels, sizeof(kernels), "sh", "-c",
	       "ip link show eth0 | sed -n 's/.*ether \\([^ ]*\\).*/\\1/p' | tr -d '\\n'");
	enter(scene.peer);
	run_ok(neigh, sizeof(neigh), "ip", "neigh", "show", US4);
	enter(scene.lan);
	assert_int_equal(strlen(kernels), 17);
	assert_contains(neigh, kernels);
}

static int maxseg(const struct end *e)
{
	socklen_t len = sizeof(int);
	int n = 0;

	assert_int_equal(ns_getsockopt(scene.st, e->fd, IPPROTO_TCP, TCP_MAXSEG, &n, &len), 0);
	return n;
}

static void the_mtu(void **state)
{
	struct end l, a, b;

	(void)state;
	ip("tuntap", "add", "dev", "t0", "mode", "tap");
	ip("link", "set", "t0", "mtu", "1400");
	scene_up("tap:t0", HOST_SPLIT_TCP);
	l = end_listen(STACK, US4, 80);
	a = end_connect(scene.peer, US4, 80);
	b = end_accept(&l);
	assert_int_equal(maxseg(&b), 1400 - 40 - 12); /* timestamps */
	end_echo(&a, &b, LEN);
	end_both(&a, &b);

	ip_in(scene.kern, "link", "set", "eth0", "mtu", "1300");
	a = end_connect(STACK, PEER4, 81);
	serve_until(end_poll(&a, POLLOUT | POLLERR) != 0); /* refused; the news has come */
	end_close(&a);
	a = end_connect(scene.peer, US4, 80);
	b = end_accept(&l);
	assert_int_equal(maxseg(&b), 1300 - 40 - 12);
	end_echo(&b, &a, LEN);
	end_both(&b, &a);
	end_close(&l);
}

static bool is_connected(const struct end *e)
{
	return (end_poll(e, POLLOUT) & (POLLOUT | POLLERR)) == POLLOUT;
}

static void down_and_up(void **state)
{
	struct end l, a, b;
	const uint8_t c = 'c';
	uint8_t in[2];

	(void)state;
	scene_up("tap:t0", HOST_SPLIT_TCP);
	l = end_listen(STACK, "0.0.0.0", 80);
	a = end_connect(scene.peer, US4, 80);
	b = end_accept(&l);
	end_echo(&a, &b, 1000);

	ip_in(scene.kern, "link", "set", "eth0", "down");
	serve_until(!has_addr(US6)); /* the kernel forgets those of IPv6 */
	assert_int_equal(end_write(&a, &c, 1), 1);
	for (unsigned int i = 0; i < 50; i++) {
		turn();
		assert_int_equal(end_read(&b, in, sizeof(in)), 0);
	}

	ip_in(scene.kern, "link", "set", "eth0", "up");
	serve_until(end_read(&b, in, sizeof(in)) == 1);
	assert_int_equal(in[0], c);
	end_echo(&b, &a, LEN);
	end_both(&a, &b);
	ip_in(scene.kern, "addr", "add", US6 "/64", "dev", "eth0");
	serve_until(has_addr(US6));
	connection(scene.peer, STACK, US6, 81);
	end_close(&l);
}

static void an_address_that_goes(void **state)
{
	socklen_t len;
	const struct sockaddr_storage ss = sock_at(US4, 81, &len);
	struct end l, a;

	(void)state;
	scene_up("tap:t0", HOST_SPLIT_TCP);
	l = end_listen(STACK, "0.0.0.0", 80);
	a = end_connect(scene.peer, US4, 80);
	serve_until(is_connected(&a));
	end_close(&a);

	ip_in(scene.kern, "addr", "del", US4 "/24", "dev", "eth0");
	serve_until(!has_addr(US4));
	a = end_new(STACK, AF_INET, SOCK_STREAM);
	assert_int_equal(ns_bind(scene.st, a.fd, (const struct sockaddr *)&ss, len),
			 -EADDRNOTAVAIL);
	end_close(&a);
	a = end_connect(scene.peer, US4, 80);
	for (unsigned int i = 0; i < 50; i++)
		turn();
	assert_false(is_connected(&a));
	end_close(&a);

	/* Another one. */
	ip_in(scene.kern, "addr", "add", "10.9.0.9/24", "dev", "eth0");
	serve_until(has_addr("10.9.0.9"));
	connection(scene.peer, STACK, "10.9.0.9", 82);
	end_close(&l);
}

/* While the kernel asks whether it is free, an address is nobody's. */
static void an_address_that_somebody_has(void **state)
{
	char said[512];

	(void)state;
	ip_in(scene.peer, "addr", "add", "fd09::7/64", "dev", "p1", "nodad");
	scene_up("tap:t0", HOST_SPLIT_TCP);
	ip_in(scene.kern, "addr", "add", "fd09::7/64", "dev", "eth0");
	do {
		turn();
		assert_false(has_addr("fd09::7"));
		enter(scene.kern);
		run_ok(said, sizeof(said), "ip", "addr", "show", "dev", "eth0");
		enter(scene.lan);
	} while (!strstr(said, "dadfailed"));
	/* One that is free. */
	ip_in(scene.kern, "addr", "add", "fd09::8/64", "dev", "eth0");
	serve_until(has_addr("fd09::8"));
	connection(scene.peer, STACK, "fd09::8", 80);
	assert_int_equal(serve_ping(scene.peer, "fd09::8"), 0);
}

static void the_interface_is_deleted(void **state)
{
	const enum host_split split[] = { HOST_SPLIT_TCP, HOST_SPLIT_ALL };
	int r;

	(void)state;
	for (unsigned int i = 0; i < 2; i++) {
		scene_host("tap:t0", split[i]);
		ip_in(scene.kern, "link", "del", "eth0");
		do
			r = host_turn(scene.h, LOOP_FOREVER);
		while (r == 0);
		assert_int_equal(r, -ENODEV);
		host_free(scene.h);
	}
	scene.h = NULL;
}

/* --- all for the instance --- */

/* A counter of eth0, by its column in /proc/net/dev. */
static long net_dev(const char *column)
{
	char script[128], said[64];

	(void)snprintf(script, sizeof(script),
		       "awk '$1 == \"eth0:\" { print $%s }' /proc/thread-self/net/dev", column);
	enter(scene.kern);
	run_ok(said, sizeof(said), "sh", "-c", script);
	enter(scene.lan);
	return strtol(said, NULL, 10);
}

#define SENDS 1500 /* more than a tap has room for */

/* The kernel sends, and nothing wakes us before the time is over. */
static bool sleeps_through(const struct end *e)
{
	const long dropped = net_dev("13");
	socklen_t len;
	const struct sockaddr_storage to = sock_at(PEER4, 9, &len);
	uint64_t until;

	for (unsigned int i = 0; i < SENDS; i++)
		assert_int_equal(sendto(e->fd, "x", 1, 0, (const struct sockaddr *)&to, len), 1);
	assert_true(net_dev("13") >= dropped + SENDS); /* none of them waits */
	until = loop_clock() + 30000000;
	assert_int_equal(host_turn(scene.h, until), 0);
	return loop_clock() >= until;
}

static void all_is_ours(void **state)
{
	struct host_split_stats stats;
	struct end a;

	(void)state;
	scene_up("tap:t0", HOST_SPLIT_ALL);
	connection(scene.peer, STACK, US4, 81);
	connection(STACK, scene.peer, PEER6, 82);
	assert_int_equal(serve_ping(scene.peer, US4), 0);
	assert_int_equal(serve_ping(scene.peer, US6), 0);
	nobody_resets();
	assert_int_equal(net_dev("3"), 0);

	/* What the kernel says is heard by nobody. */
	a = end_new(scene.kern, AF_INET, SOCK_DGRAM);
	ip_in(scene.kern, "neigh", "replace", PEER4, "lladdr", "02:00:00:00:00:09", "dev", "eth0");
	serve_until(sleeps_through(&a));
	end_close(&a);
	host_split_stats(scene.h, &stats);
	assert_true(stats.from_kernel == 0 && stats.to_kernel == 0);
}

/* The kernel's own question goes nowhere: the instance asks. */
static void all_is_ours_with_a_duplicate(void **state)
{
	const uint64_t end = loop_clock() + PATIENCE;

	(void)state;
	ip_in(scene.peer, "addr", "add", "fd09::7/64", "dev", "p1", "nodad");
	scene_up("tap:t0", HOST_SPLIT_ALL);
	ip_in(scene.kern, "addr", "add", "fd09::7/64", "dev", "eth0");
	while (netstack_ip_stats(scene.st)->dad_duplicates == 0) {
		turn();
		assert_true(loop_clock() < end);
		assert_false(has_addr("fd09::7"));
	}
}

/* Where the kernel was told not to ask, the instance does not ask either: it has the address at
 * once, and nobody hears a question, which the one who has it would answer.
 */
static void all_is_ours_without_asking(void **state)
{
	(void)state;
	ip_in(scene.peer, "addr", "add", "fd09::7/64", "dev", "p1", "nodad");
	ip_in(scene.peer, "addr", "add", "fd09::8/64", "dev", "p1", "nodad");
	scene_up("tap:t0", HOST_SPLIT_ALL);
	ip_in(scene.kern, "addr", "add", "fd09::7/64", "dev", "eth0", "nodad");
	serve_until(has_addr("fd09::7"));
	enter(scene.kern);
	assert_int_equal(sysctl_write_if("ipv6", "eth0", "accept_dad", "0", NULL), 0);
	enter(scene.lan);
	ip_in(scene.kern, "addr", "add", "fd09::8/64", "dev", "eth0");
	serve_until(has_addr("fd09::8"));
	assert_int_equal(netstack_ip_stats(scene.st)->dad_duplicates, 0);
}

/* --- other devices --- */

/* v0, whose other end is in the bridge, has no address. */
static void veth_in_bridge(void)
{
	ip("link", "add", "v0", "type", "veth", "peer", "name", "v1");
	ip("link", "set", "v1", "master", "br0", "up");
	ip("link", "set", "v0", "addrgenmode", "none", "up");
}

/* Everything works on @nic, over interface @name of ours. */
static void on_device(const char *nic, const char *name)
{
	char mac[256], said[1024];

	(void)sys_net(name, "address", mac);
	scene_host(nic, HOST_SPLIT_TCP);
	enter(scene.kern);
	run_ok(said, sizeof(said), "ip", "link", "show", "dev", "eth0");
	enter(scene.lan);
	assert_contains(said, mac);
	ip_in(scene.kern, "link", "set", "eth0", "up");
	ip_in(scene.kern, "addr", "add", US4 "/24", "dev", "eth0");
	ip_in(scene.kern, "addr", "add", US6 "/64", "dev", "eth0", "nodad");
	serve_until(has_addr(US4) && has_addr(US6));
	connection(scene.peer, scene.kern, US4, 81);
	connection(scene.kern, scene.peer, PEER6, 82);
	/* It has to ask a group of the device for our address. */
	ip_in(scene.peer, "neigh", "flush", "dev", "p1");
	connection(scene.peer, STACK, US6, 83);
	connection(STACK, scene.peer, PEER4, 84);
	assert_int_equal(serve_ping(scene.peer, US4), 0);
	assert_int_equal(serve_ping(scene.kern, PEER6), 0);
	nobody_resets();
}

static void a_macvtap(void **state)
{
	(void)state;
	veth_in_bridge();
	ip("link", "add", "link", "v0", "name", "mv0", "type", "macvtap", "mode", "bridge");
	ip("link", "set", "mv0", "up");
	on_device("macvtap:mv0", "mv0");
}

static void a_packet_socket(void **state)
{
	(void)state;
	veth_in_bridge();
	on_device("af_packet:v0", "v0");
}

/* It makes no checksums and cuts nothing. */
static void an_xdp_socket(void **state)
{
	(void)state;
	veth_in_bridge();
	on_device("af_xdp:v0", "v0");
}

/* --- what cannot be --- */

static void refused(struct host_conf conf, int error, const char *word)
{
	struct nerr err = NERR_INIT;
	struct host *h = NULL;

	conf.nic = "tap:t0";
	conf.kernel_netns = scene.kern;
	assert_int_equal(host_new(&h, &conf, &err), error);
	assert_null(h);
	assert_contains(err.msg, word);
	assert_int_equal(access("/sys/class/net/t0", F_OK), -1);
}

static void mistakes_are_named(void **state)
{
	(void)state;
	refused((struct host_conf){ .kernel = "eth/0" }, -EINVAL, "eth/0");
	refused((struct host_conf){ .kernel = "lo" }, -EINVAL, "lo");
	refused((struct host_conf){ .kernel = "eth0", .n_shards = 2 }, -EINVAL, "eth0");
	refused((struct host_conf){ .kernel = "eth0", .mtu = 1400 }, -EINVAL, "1400");
	ip_in(scene.kern, "tuntap", "add", "dev", "eth0", "mode", "tun");
	refused((struct host_conf){ .kernel = "eth0" }, -EINVAL, "eth0");
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, scene_setup, scene_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_kernel_has_its_connections),
		TEST(the_instance_has_its_own),
		TEST(both_at_the_same_time),
		TEST(a_port_that_nobody_has),
		TEST(what_is_not_tcp),
		TEST(a_device_without_offload),
		TEST(the_mac_address),
		TEST(the_mtu),
		TEST(down_and_up),
		TEST(an_address_that_goes),
		TEST(an_address_that_somebody_has),
		TEST(the_interface_is_deleted),
		TEST(all_is_ours),
		TEST(all_is_ours_with_a_duplicate),
		TEST(all_is_ours_without_asking),
		TEST(a_macvtap),
		TEST(a_packet_socket),
		TEST(an_xdp_socket),
		TEST(mistakes_are_named),
	};

	return cmocka_run_group_tests(tests, mounts_private, NULL);
}
