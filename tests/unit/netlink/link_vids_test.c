/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <net/if.h>

#include "netlink/link_priv.h"
#include "tests/unit/netns_fixture.h"

/* A port of a VLAN bridge, or a skip where the kernel has none. Return: its ifindex. */
static int vlan_port(struct nlsock *nl)
{
	struct nerr err;
	int port;
	int r;

	link_put_bridge(nl, &(struct link_bridge){ .name = "br0", .vlan_filtering = true });
	r = nlsock_commit(nl, &err);
	if (r == -EOPNOTSUPP)
		skip_because("the kernel has no VLAN filtering (CONFIG_BRIDGE_VLAN_FILTERING)");
	assert_ok(r, err);
	veth_pair(nl, "p0", "q0");
	port = ifindex_of(nl, "p0");
	link_put_master(nl, port, "p0", ifindex_of(nl, "br0"));
	assert_ok(nlsock_commit(nl, &err), err);
	return port;
}

/* Both ways to ask must say the same. */
static struct link_vids vids_of(struct nlsock *nl, int ifindex)
{
	struct link_vids a;
	struct link_vids b;
	struct nerr err;

	assert_ok(link_get_vids(nl, ifindex, &a, &err), err);
	assert_ok(link_vids_of_all(nl, ifindex, &b, &err), err);
	assert_memory_equal(&a, &b, sizeof(a));
	return a;
}

static unsigned n_vids(const struct link_vids *v)
{
	unsigned n = 0;

	for (unsigned vid = 0; vid <= LINK_VID_MAX; vid++)
		n += link_vids_has(v, (uint16_t)vid);
	return n;
}

static void new_port_has_vid_1(void **state)
{
	struct nlsock *nl = *state;
	struct link_vids v = vids_of(nl, vlan_port(nl));

	assert_int_equal(n_vids(&v), 1);
	assert_true(link_vids_has(&v, 1));
}

static void vids_are_added_and_removed(void **state)
{
	struct nlsock *nl = *state;
	int port = vlan_port(nl);
	struct link_vids v;
	char out[4096];
	struct nerr err;

	link_put_vid_del(nl, port, "p0", 1);
	link_put_vid(nl, port, "p0", 100, true, true);
	link_put_vid(nl, port, "p0", 200, false, false);
	link_put_vid(nl, port, "p0", 4094, false, false);
	assert_ok(nlsock_commit(nl, &err), err);
	v = vids_of(nl, port);
	assert_int_equal(n_vids(&v), 3);
	assert_true(link_vids_has(&v, 100));
	assert_true(link_vids_has(&v, 200));
	assert_true(link_vids_has(&v, 4094));
	run_ok(out, sizeof(out), "bridge", "-c=never", "vlan", "show", "dev", "p0");
	assert_contains(out, "100 PVID Egress Untagged");
	assert_contains(out, "200");
	assert_lacks(out, "200 PVID");

	link_put_vid_del(nl, port, "p0", 3000); /* was never there */
	link_put_vid_del(nl, port, "p0", 200);
	assert_ok(nlsock_commit(nl, &err), err);
	v = vids_of(nl, port);
	assert_int_equal(n_vids(&v), 2);
	assert_false(link_vids_has(&v, 200));
}

static void all_4094_vids(void **state)
{
	struct nlsock *nl = *state;
	int port = vlan_port(nl);
	struct link_vids v;
	struct nerr err;

	for (uint16_t vid = 1; vid <= 4094; vid++)
		link_put_vid(nl, port, "p0", vid, false, false);
	assert_ok(nlsock_commit(nl, &err), err);
	v = vids_of(nl, port);
	assert_int_equal(n_vids(&v), 4094);
	for (uint16_t vid = 1; vid <= 4094; vid++) /* holes: no ranges are left */
		if (vid % 2)
			link_put_vid_del(nl, port, "p0", vid);
	assert_ok(nlsock_commit(nl, &err), err);
	v = vids_of(nl, port);
	assert_int_equal(n_vids(&v), 2047);
}

static void other_links_do_not_count(void **state)
{
	struct nlsock *nl = *state;
	int port = vlan_port(nl);
	struct link_vids v;
	struct nerr err;

	link_put_vid(nl, port, "p0", 100, true, true);
	assert_ok(nlsock_commit(nl, &err), err);
	v = vids_of(nl, ifindex_of(nl, "br0"));
	assert_false(link_vids_has(&v, 100));
	assert_true(link_vids_has(&v, 1));
}

static void bad_vid_is_refused(void **state)
{
	struct nlsock *nl = *state;
	int port = vlan_port(nl);
	struct nerr err;

	link_put_vid(nl, port, "p0", 4095, false, false);
	assert_true(nlsock_commit(nl, &err) < 0);
	assert_contains(err.msg, "cannot add VLAN 4095 to bridge port 'p0': ");
}

/* Also on a kernel that knows no VLANs at all. */
static void link_that_is_no_port_has_none(void **state)
{
	struct nlsock *nl = *state;
	struct link_vids v;
	struct nerr err;

	memset(&v, 0xff, sizeof(v));
	veth_pair(nl, "a0", "b0");
	assert_ok(link_get_vids(nl, ifindex_of(nl, "a0"), &v, &err), err);
	assert_int_equal(n_vids(&v), 0);
	memset(&v, 0xff, sizeof(v));
	assert_ok(link_vids_of_all(nl, ifindex_of(nl, "a0"), &v, &err), err);
	assert_int_equal(n_vids(&v), 0);
}

static void port_of_a_bridge_without_vlans_has_none_to_filter(void **state)
{
	struct nlsock *nl = *state;
	struct link_vids v;
	struct nerr err;

	link_put_bridge(nl, &(struct link_bridge){ .name = "br0" });
	veth_pair(nl, "p0", "q0");
	link_put_master(nl, ifindex_of(nl, "p0"), "p0", ifindex_of(nl, "br0"));
	assert_ok(nlsock_commit(nl, &err), err);
	assert_ok(link_get_vids(nl, ifindex_of(nl, "p0"), &v, &err), err);
	assert_true(n_vids(&v) <= 1); /* 1 where the kernel knows VLANs */
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, netns_setup, netns_teardown)
	const struct CMUnitTest tests[] = {
		T(new_port_has_vid_1),
		T(vids_are_added_and_removed),
		T(all_4094_vids),
		T(other_links_do_not_count),
		T(bad_vid_is_refused),
		T(link_that_is_no_port_has_none),
		T(port_of_a_bridge_without_vlans_has_none_to_filter),
	};

	return cmocka_run_group_tests(tests, mounts_private, NULL);
}
