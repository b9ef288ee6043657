/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "nic/netdev.h"

#include <linux/rtnetlink.h>

#include "tests/unit/nic/veth_scene.h"

static unsigned int n_changes;

static void changed(struct netdev *nd)
{
	(void)nd;
	n_changes++;
}

static void turn_until_changed(struct scene *sc)
{
	const uint64_t end = loop_clock() + PATIENCE;

	n_changes = 0;
	while (!n_changes) {
		(void)loop_turn(sc->loop, end);
		assert_true(loop_clock() < end);
	}
}

/* A name of its own, a MTU, up and down, another name, gone: each is heard and seen. */
static void life(void **state)
{
	struct netdev nd = NETDEV_INIT;
	struct scene sc;
	struct nerr err;
	int fds;

	scene_open(&sc, engine_of(state), "2");
	fds = open_fds();
	assert_ok(netdev_open(&nd, "ours0", &sc.env, &err), err);
	assert_string_equal(nd.name, "ours0");
	assert_true(eth_addr_eq(nd.mac, sc.our_mac));
	assert_int_equal(nd.mtu, 1500);
	assert_true(nd.is_up);
	assert_true(nd.is_virtual);
	assert_int_equal(netdev_rx_queues(&nd), 2);
	assert_ok(netdev_watch(&nd, sc.loop, changed, NULL, &err), err);

	run_in(sc.ours, "ip", "link", "set", "ours0", "mtu", "1300");
	turn_until_changed(&sc);
	assert_true(netdev_refresh(&nd));
	assert_int_equal(nd.mtu, 1300);

	run_in(sc.ours, "ip", "link", "set", "ours0", "down");
	turn_until_changed(&sc);
	assert_true(netdev_refresh(&nd));
	assert_false(nd.is_up);

	run_in(sc.ours, "ip", "link", "set", "ours0", "name", "other0");
	turn_until_changed(&sc);
	assert_true(netdev_refresh(&nd));
	assert_string_equal(nd.name, "other0");

	run_in(sc.ours, "ip", "link", "set", "other0", "address", "02:00:00:00:00:07");
	turn_until_changed(&sc);
	assert_true(netdev_refresh(&nd));
	assert_int_equal(nd.mac.b[5], 7);

	run_in(sc.ours, "ip", "link", "del", "other0");
	turn_until_changed(&sc);
	assert_false(netdev_refresh(&nd));
	assert_false(nd.is_up);
	assert_string_equal(nd.name, "other0");
	netdev_close(&nd);
	netdev_close(&nd);
	assert_int_equal(open_fds(), fds);
	scene_close(&sc);
}

/* Gone from where we look, though it exists. */
static void moved(void **state)
{
	struct netdev nd = NETDEV_INIT;
	struct scene sc;
	struct nerr err;
	char ns[64];
	int home;

	scene_open(&sc, engine_of(state), "1");
	home = netns_fd();
	(void)snprintf(ns, sizeof(ns), "/proc/%d/fd/%d", (int)getpid(), home);
	assert_ok(netdev_open(&nd, "ours0", &sc.env, &err), err);
	assert_ok(netdev_watch(&nd, sc.loop, changed, NULL, &err), err);
	run_in(sc.ours, "ip", "link", "set", "ours0", "netns", ns);
	turn_until_changed(&sc);
	assert_false(netdev_refresh(&nd));
	netdev_close(&nd);
	(void)close(home);
	scene_close(&sc);
}

/* More messages than the socket holds: that some were lost is a change as well. */
static void flooded(void **state)
{
	const int size = 1;
	struct netdev nd = NETDEV_INIT;
	struct scene sc;
	struct nerr err;

	scene_open(&sc, engine_of(state), "1");
	assert_ok(netdev_open(&nd, "ours0", &sc.env, &err), err);
	assert_return_code(setsockopt(nd.fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size)), errno);
	assert_ok(netdev_watch(&nd, sc.loop, changed, NULL, &err), err);
	for (int i = 0; i < 10; i++)
		run_in(sc.ours, "ip", "link", "set", "ours0", "mtu", i % 2 ? "1300" : "1200");
	run_in(sc.ours, "ip", "link", "del", "ours0");
	turn_until_changed(&sc);
	assert_false(netdev_refresh(&nd));
	netdev_close(&nd);
	scene_close(&sc);
}

/* All that was heard is about it.  Return: how much that is */
static unsigned int heard_of_it(const struct netdev *nd)
{
	struct {
		struct nlmsghdr nlh;
		struct ifinfomsg ifi;
	} msg;
	unsigned int n = 0;

	while (recv(nd->fd, &msg, sizeof(msg), MSG_DONTWAIT) == (ssize_t)sizeof(msg)) {
		assert_int_equal(msg.ifi.ifi_index, nd->ifindex);
		assert_int_equal(msg.ifi.ifi_family, AF_UNSPEC);
		n++;
	}
	return n;
}

/* Who changes something is done when all have heard of it. */
static void others_are_not_heard(void **state)
{
	struct netdev nd = NETDEV_INIT;
	struct scene sc;
	struct nerr err;

	scene_open(&sc, engine_of(state), "1");
	assert_ok(netdev_open(&nd, "ours0", &sc.env, &err), err);
	/* Of what was before that it heard everything. */
	while (recv(nd.fd, &err, sizeof(err), MSG_DONTWAIT) >= 0)
		continue;
	run_in(sc.ours, "ip", "link", "add", "other0", "type", "bridge");
	run_in(sc.ours, "ip", "link", "set", "other0", "up", "mtu", "1400");
	run_in(sc.ours, "ip", "link", "set", "ours0", "master", "other0");
	run_in(sc.ours, "ip", "link", "set", "lo", "down");
	run_in(sc.ours, "ip", "link", "del", "other0");
	(void)heard_of_it(&nd);
	run_in(sc.ours, "ip", "link", "set", "ours0", "mtu", "1200");
	assert_true(heard_of_it(&nd) > 0);
	netdev_close(&nd);
	scene_close(&sc);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		BOTH(life),
		BOTH(moved),
		BOTH(flooded),
		BOTH(others_are_not_heard),
	};

	return cmocka_run_group_tests(tests, mounts_private, NULL);
}
