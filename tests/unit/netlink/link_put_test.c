/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <net/if.h>

#include "netlink/link.h"
#include "tests/unit/netns_fixture.h"

static struct macaddr mac_of(const char *text)
{
	struct macaddr m;

	assert_int_equal(macaddr_from_str(text, &m), 0);
	return m;
}

static struct link_info get(struct nlsock *nl, const char *name)
{
	struct link_info li;
	struct nerr err;

	assert_ok(link_get(nl, name, &li, &err), err);
	return li;
}

static bool exists(struct nlsock *nl, const char *name)
{
	struct link_info li;
	int r = link_get(nl, name, &li, NULL);

	assert_true(r == 0 || r == -ENODEV);
	return r == 0;
}

static int bridge(struct nlsock *nl, const char *name, uint32_t mtu, bool vlan_filtering)
{
	struct nerr err;

	link_put_bridge(nl, &(struct link_bridge){
				    .name = name, .mtu = mtu, .vlan_filtering = vlan_filtering });
	assert_ok(nlsock_commit(nl, &err), err);
	return ifindex_of(nl, name);
}

/* --- veth --- */

static void veth_is_born_in_two_namespaces_as_a_bridge_port(void **state)
{
	struct nlsock *nl = *state;
	int master = bridge(nl, "br0", 0, false);
	int ns = netns_other();
	struct nlsock *peer_nl = nlsock_in(ns);
	struct link_info host;
	struct link_info peer;
	char mac[MACADDR_STR_LEN];
	struct nerr err;

	link_put_veth(nl, &(struct link_veth){
				  .name = "veth-host-15-ch", /* 15 bytes */
				  .master = master,
				  .up = true,
				  .peer_name = "eth0-15-chars-x",
				  .peer_ns = ns,
				  .peer_mac = mac_of("02:11:22:33:44:55"),
				  .mtu = 1280,
			  });
	assert_ok(nlsock_commit(nl, &err), err);

	host = get(nl, "veth-host-15-ch");
	peer = get(peer_nl, "eth0-15-chars-x");
	assert_false(exists(nl, "eth0-15-chars-x"));
	assert_string_equal(host.kind, "veth");
	assert_int_equal(host.master, master);
	assert_int_equal(host.mtu, 1280);
	assert_int_equal(peer.mtu, 1280);
	assert_int_equal(host.peer, peer.ifindex);
	assert_int_equal(peer.peer, host.ifindex);
	assert_true(host.flags & IFF_UP);
	assert_false(peer.flags & IFF_UP);
	assert_string_equal(macaddr_to_str(&peer.mac, mac), "02:11:22:33:44:55");
	assert_int_equal(host.mac.len, 6);
	assert_false(macaddr_eq(&host.mac, &peer.mac));
	assert_sys_net("veth-host-15-ch", "mtu", "1280");
	assert_sys_net("br0", "brif/veth-host-15-ch/state", "0"); /* no carrier yet */

	nlsock_close(peer_nl);
	(void)close(ns);
}

static void veth_pair_in_one_namespace(void **state)
{
	struct nlsock *nl = *state;
	struct link_info a;

	veth_pair(nl, "a0", "b0");
	a = get(nl, "a0");
	assert_int_equal(a.peer, ifindex_of(nl, "b0"));
	assert_int_equal(a.master, 0);
	assert_false(a.flags & IFF_UP);
	assert_int_equal(a.mtu, 1500);
}

/* The caller must know which of the two names was taken: it makes up the one and was given the
 * other.  After -EEXIST it looks for its own.
 */
static void veth_name_taken_here(void **state)
{
	struct nlsock *nl = *state;
	int ns = netns_other();
	struct nlsock *peer_nl = nlsock_in(ns);
	struct nerr err;

	veth_pair(nl, "host0", "other0");
	link_put_veth(nl,
		      &(struct link_veth){ .name = "host0", .peer_name = "eth0", .peer_ns = ns });
	assert_int_equal(nlsock_commit(nl, &err), -EEXIST);
	assert_contains(err.msg, "cannot create veth pair 'host0' and 'eth0': ");
	assert_contains(err.msg, "File exists");
	assert_true(exists(nl, "host0"));
	assert_false(exists(peer_nl, "eth0"));
	nlsock_close(peer_nl);
	(void)close(ns);
}

static void veth_name_taken_there(void **state)
{
	struct nlsock *nl = *state;
	int ns = netns_other();
	struct nlsock *peer_nl = nlsock_in(ns);
	struct nerr err;

	veth_pair(peer_nl, "eth0", "other0");
	link_put_veth(nl,
		      &(struct link_veth){ .name = "host0", .peer_name = "eth0", .peer_ns = ns });
	assert_int_equal(nlsock_commit(nl, &err), -EEXIST);
	assert_contains(err.msg, "File exists");
	assert_false(exists(nl, "host0"));
	nlsock_close(peer_nl);
	(void)close(ns);
}

static void veth_refused_leaves_nothing(void **state)
{
	struct nlsock *nl = *state;
	int ns = netns_other();
	struct nlsock *peer_nl = nlsock_in(ns);
	struct nerr err;

	link_put_veth(nl, &(struct link_veth){ .name = "host0",
					       .master = 4711, /* no such link */
					       .peer_name = "eth0",
					       .peer_ns = ns });
	assert_true(nlsock_commit(nl, &err) < 0);
	assert_false(exists(nl, "host0"));
	assert_false(exists(peer_nl, "eth0"));

	link_put_veth(nl, &(struct link_veth){ .name = "host0",
					       .peer_name = "eth0",
					       .peer_ns = ns,
					       .peer_mac = mac_of("01:00:5e:00:00:01") });
	assert_int_equal(nlsock_commit(nl, &err), -EADDRNOTAVAIL); /* a group address */
	assert_false(exists(nl, "host0"));
	assert_false(exists(peer_nl, "eth0"));

	link_put_veth(nl, &(struct link_veth){
				  .name = "host0", .peer_name = "eth0", .peer_ns = ns, .mtu = 67 });
	assert_int_equal(nlsock_commit(nl, &err), -EINVAL);
	assert_contains(err.msg, "cannot create veth pair 'host0' and 'eth0': ");
	assert_false(exists(nl, "host0"));
	nlsock_close(peer_nl);
	(void)close(ns);
}

static void names_that_fit_no_link_are_refused_before_sending(void **state)
{
	static const char long_name[] = "sixteen-bytes-xx";
	struct nlsock *nl = *state;
	struct nerr err;

	link_put_bridge(nl, &(struct link_bridge){ .name = "fine0" });
	link_put_bridge(nl, &(struct link_bridge){ .name = long_name });
	assert_int_equal(nlsock_commit(nl, &err), -ENAMETOOLONG);
	assert_string_equal(err.msg, "cannot create bridge 'sixteen-bytes-xx': link name "
				     "'sixteen-bytes-xx' is longer than 15 bytes");
	assert_false(exists(nl, "fine0"));

	link_put_veth(nl, &(struct link_veth){ .name = "a", .peer_name = "", .peer_ns = -1 });
	assert_int_equal(nlsock_commit(nl, &err), -EINVAL);
	link_put_name(nl, 1, "lo", long_name);
	assert_int_equal(nlsock_commit(nl, &err), -ENAMETOOLONG);
	assert_true(exists(nl, "lo"));
	assert_ok(nlsock_commit(nl, &err), err);
}

/* --- bridge --- */

static void bridge_is_made_once_and_not_changed(void **state)
{
	struct nlsock *nl = *state;
	struct link_info li;
	int first = bridge(nl, "br0", 1400, false);

	li = get(nl, "br0");
	assert_string_equal(li.kind, "bridge");
	assert_int_equal(li.mtu, 1400);
	assert_false(li.vlan_filtering);

	assert_int_equal(bridge(nl, "br0", 1300, true), first);
	li = get(nl, "br0");
	assert_int_equal(li.mtu, 1400);
	assert_false(li.vlan_filtering);

	assert_true(bridge(nl, "br1", 0, false) != first);
	assert_int_equal(get(nl, "br1").mtu, 1500);
}

static void bridge_with_vlan_filtering(void **state)
{
	struct nlsock *nl = *state;
	struct nerr err;
	int r;

	link_put_bridge(nl, &(struct link_bridge){ .name = "br0", .vlan_filtering = true });
	r = nlsock_commit(nl, &err);
	if (r == -EOPNOTSUPP) {
		assert_false(exists(nl, "br0"));
		skip_because("the kernel has no VLAN filtering (CONFIG_BRIDGE_VLAN_FILTERING)");
	}
	assert_ok(r, err);
	assert_true(get(nl, "br0").vlan_filtering);
	assert_sys_net("br0", "bridge/vlan_filtering", "1");
}

static void bridge_port_flags(void **state)
{
	static const struct {
		bool hairpin;
		bool isolated;
	} cases[] = { { true, false }, { false, true }, { true, true }, { false, false } };
	struct nlsock *nl = *state;
	int master = bridge(nl, "br0", 0, false);
	int port;
	struct nerr err;

	veth_pair(nl, "p0", "q0");
	port = ifindex_of(nl, "p0");
	link_put_master(nl, port, "p0", master);
	assert_ok(nlsock_commit(nl, &err), err);
	assert_int_equal(get(nl, "p0").master, master);

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		link_put_bridge_port(nl, port, "p0", cases[i].hairpin, cases[i].isolated);
		assert_ok(nlsock_commit(nl, &err), err);
		assert_int_equal(get(nl, "p0").hairpin, cases[i].hairpin);
		assert_int_equal(get(nl, "p0").isolated, cases[i].isolated);
		assert_sys_net("p0", "brport/hairpin_mode", cases[i].hairpin ? "1" : "0");
		assert_sys_net("p0", "brport/isolated", cases[i].isolated ? "1" : "0");
	}

	link_put_bridge_port(nl, ifindex_of(nl, "q0"), "q0", true, false);
	assert_true(nlsock_commit(nl, &err) < 0); /* is no port */
	assert_contains(err.msg, "cannot set hairpin on and isolated off on bridge port 'q0': ");

	link_put_master(nl, port, "p0", 0);
	assert_ok(nlsock_commit(nl, &err), err);
	assert_int_equal(get(nl, "p0").master, 0);
}

/* --- single properties --- */

static void flags_go_on_and_off(void **state)
{
	struct nlsock *nl = *state;
	struct link_info li;
	struct nerr err;
	int i;

	veth_pair(nl, "a0", "b0");
	i = ifindex_of(nl, "a0");
	link_put_up(nl, i, "a0");
	link_put_promisc(nl, i, "a0", true);
	link_put_allmulti(nl, i, "a0", true);
	assert_ok(nlsock_commit(nl, &err), err);
	li = get(nl, "a0");
	assert_true(li.flags & IFF_UP);
	assert_true(li.flags & IFF_PROMISC);
	assert_true(li.flags & IFF_ALLMULTI);
	assert_int_equal(li.promiscuity, 1);

	link_put_promisc(nl, i, "a0", false);
	assert_ok(nlsock_commit(nl, &err), err);
	li = get(nl, "a0");
	assert_true(li.flags & IFF_UP); /* one flag does not touch the others */
	assert_false(li.flags & IFF_PROMISC);
	assert_true(li.flags & IFF_ALLMULTI);
	assert_int_equal(li.promiscuity, 0);

	link_put_allmulti(nl, i, "a0", false);
	link_put_down(nl, i, "a0");
	assert_ok(nlsock_commit(nl, &err), err);
	assert_false(get(nl, "a0").flags & (IFF_UP | IFF_ALLMULTI));
}

static void numbers_and_mac(void **state)
{
	const struct macaddr mac = mac_of("02:00:00:00:00:99");
	struct nlsock *nl = *state;
	struct link_info li;
	struct nerr err;
	int i;

	veth_pair(nl, "a0", "b0");
	i = ifindex_of(nl, "a0");
	link_put_mtu(nl, i, "a0", 9000);
	link_put_txqlen(nl, i, "a0", 77);
	link_put_mac(nl, i, "a0", &mac);
	assert_ok(nlsock_commit(nl, &err), err);
	assert_sys_net("a0", "mtu", "9000");
	assert_sys_net("a0", "tx_queue_len", "77");
	assert_sys_net("a0", "address", "02:00:00:00:00:99");
	li = get(nl, "a0");
	assert_int_equal(li.mtu, 9000);
	assert_int_equal(li.txqlen, 77);
	assert_true(macaddr_eq(&li.mac, &mac));

	link_put_mtu(nl, i, "a0", 4000000000u);
	assert_int_equal(nlsock_commit(nl, &err), -EINVAL);
	assert_contains(err.msg, "cannot set MTU of 'a0' to 4000000000: ");
	assert_sys_net("a0", "mtu", "9000");
}

static void rename_and_delete(void **state)
{
	struct nlsock *nl = *state;
	struct nerr err;
	int i;

	veth_pair(nl, "a0", "b0");
	i = ifindex_of(nl, "a0");
	link_put_name(nl, i, "a0", "fifteen-bytes-x");
	assert_ok(nlsock_commit(nl, &err), err);
	assert_int_equal(ifindex_of(nl, "fifteen-bytes-x"), i);
	assert_false(exists(nl, "a0"));

	link_put_name(nl, i, "fifteen-bytes-x", "b0");
	assert_int_equal(nlsock_commit(nl, &err), -EEXIST);
	assert_contains(err.msg, "cannot rename link 'fifteen-bytes-x' to 'b0': ");

	link_put_del(nl, i, "fifteen-bytes-x");
	assert_ok(nlsock_commit(nl, &err), err);
	assert_false(exists(nl, "fifteen-bytes-x"));
	assert_false(exists(nl, "b0")); /* its peer */
	link_put_del(nl, i, "fifteen-bytes-x");
	assert_ok(nlsock_commit(nl, &err), err); /* missing is fine */

	link_put_up(nl, i, "fifteen-bytes-x");
	assert_int_equal(nlsock_commit(nl, &err), -ENODEV);
	assert_contains(err.msg, "cannot set link 'fifteen-bytes-x' up: ");
}

static void macvtap_on_a_device_with_an_alias(void **state)
{
	struct nlsock *nl = *state;
	struct link_macvtap m = { .name = "fl0", .mac = mac_of("02:00:00:00:00:07"), .mtu = 1400 };
	struct link_info li;
	struct nerr err;

	veth_pair(nl, "a0", "b0");
	m.lower = ifindex_of(nl, "a0");
	link_put_macvtap(nl, &m);
	assert_ok(nlsock_commit(nl, &err), err);
	li = get(nl, "fl0");
	assert_string_equal(li.kind, "macvtap");
	assert_true(macaddr_eq(&li.mac, &m.mac));
	assert_int_equal(li.mtu, 1400);
	assert_string_equal(li.alias, "");
	link_put_alias(nl, li.ifindex, "fl0", "for a test");
	assert_ok(nlsock_commit(nl, &err), err);
	assert_string_equal(get(nl, "fl0").alias, "for a test");

	link_put_macvtap(nl, &m);
	assert_int_equal(nlsock_commit(nl, &err), -EEXIST);
	assert_contains(err.msg, "cannot create macvtap 'fl0': ");
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, netns_setup, netns_teardown)
	const struct CMUnitTest tests[] = {
		T(veth_is_born_in_two_namespaces_as_a_bridge_port),
		T(veth_pair_in_one_namespace),
		T(veth_name_taken_here),
		T(veth_name_taken_there),
		T(veth_refused_leaves_nothing),
		T(names_that_fit_no_link_are_refused_before_sending),
		T(bridge_is_made_once_and_not_changed),
		T(bridge_with_vlan_filtering),
		T(bridge_port_flags),
		T(flags_go_on_and_off),
		T(numbers_and_mac),
		T(rename_and_delete),
		T(macvtap_on_a_device_with_an_alias),
	};

	return cmocka_run_group_tests(tests, mounts_private, NULL);
}
