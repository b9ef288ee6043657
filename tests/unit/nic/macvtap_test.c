/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * A macvtap on one end of a veth pair; the kernel's side is a raw socket at the other.
 */
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "tests/unit/nic/tap_scene.h"

static struct frame sent, got;

static void open_macvtap(struct scene *sc, bool no_offload)
{
	const struct nic_macvtap_conf conf = { .name = "mt0", .no_offload = no_offload };
	struct nerr err;

	assert_ok(nic_macvtap_open(&sc->nic, &conf, &sc->env, &err), err);
	sc->nic->ready = scene_ready;
	sc->nic->ready_arg = sc;
}

static void make_macvtap(void)
{
	run_here("ip", "link", "add", "va", "type", "veth", "peer", "name", "vb");
	run_here("ip", "link", "add", "mt0", "link", "va", "type", "macvtap", "mode", "bridge");
	for (const char *const *p = (const char *const[]){ "va", "vb", "mt0", NULL }; *p; p++) {
		run_here("ip", "link", "set", *p, "addrgenmode", "none");
		run_here("ip", "link", "set", *p, "up");
	}
}

static void macvtap_scene(struct scene *sc, void **state)
{
	scene_init(sc, state);
	make_macvtap();
	open_macvtap(sc, false);
	scene_raw(sc, "vb");
}

/* --- opening --- */

/* All mounts, as the kernel lists them. */
static void read_mounts(char *buf, size_t size)
{
	assert_int_equal(file_read(AT_FDCWD, "/proc/self/mountinfo", buf, size), 0);
}

static void it_is_found_and_nothing_is_left_behind(void **state)
{
	static char before[65536], after[65536];
	struct scene sc;
	char text[256], path[32];

	scene_init(&sc, state);
	make_macvtap();
	assert_return_code(mount("tmpfs", "/dev", "tmpfs", 0, NULL), errno);
	read_mounts(before, sizeof(before));
	(void)snprintf(path, sizeof(path), "/dev/tap%u", if_nametoindex("mt0"));
	assert_int_equal(access(path, F_OK), -1);
	open_macvtap(&sc, false);
	read_mounts(after, sizeof(after));
	assert_string_equal(after, before);
	assert_int_equal(access(path, F_OK), -1);

	assert_string_equal(sc.nic->ops->name, "macvtap");
	assert_int_equal(sc.nic->info.ifindex, if_nametoindex("mt0"));
	assert_int_equal(sc.nic->info.mtu, 1500);
	assert_int_equal(sc.nic->info.features, NIC_TX_CSUM | NIC_TSO4 | NIC_TSO6 | NIC_USO);
	sys_net("mt0", "address", text);
	for (unsigned int i = 0; i < 6; i++)
		assert_int_equal(sc.nic->info.mac.b[i], strtoul(text + 3 * (size_t)i, NULL, 16));
	scene_close_nic(&sc);
	/* It stays, and opens again. */
	open_macvtap(&sc, true);
	assert_int_equal(sc.nic->info.features, 0);
	assert_return_code(umount2("/dev", MNT_DETACH), errno);
	scene_done(&sc);
}

/* udev makes it where it runs. */
static void a_node_that_is_there_is_taken(void **state)
{
	struct scene sc;
	unsigned int major, minor;
	char path[32], text[32];

	scene_init(&sc, state);
	assert_return_code(mount("tmpfs", "/dev", "tmpfs", 0, NULL), errno);
	make_macvtap();
	(void)snprintf(path, sizeof(path), "/sys/class/net/mt0/tap%u/dev", if_nametoindex("mt0"));
	assert_int_equal(file_read(AT_FDCWD, path, text, sizeof(text)), 0);
	assert_int_equal(sscanf(text, "%u:%u", &major, &minor), 2);
	(void)snprintf(path, sizeof(path), "/dev/tap%u", if_nametoindex("mt0"));

	/* Of that name, but another one: not what we want. */
	assert_return_code(mknod(path, S_IFCHR | 0600, 1 << 8 | 3), errno);
	open_macvtap(&sc, false);
	scene_close_nic(&sc);
	assert_return_code(unlink(path), errno);
	assert_return_code(mknod(path, S_IFCHR | 0600, (dev_t)(major << 8 | minor)), errno);
	open_macvtap(&sc, false);
	assert_return_code(umount2("/dev", MNT_DETACH), errno);
	scene_done(&sc);
}

static void what_is_no_macvtap_is_refused(void **state)
{
	struct nic *nic = NULL;
	struct scene sc;
	struct nerr err;

	scene_init(&sc, state);
	run_here("ip", "link", "add", "va", "type", "veth", "peer", "name", "vb");
	assert_int_equal(
		nic_macvtap_open(&nic, &(struct nic_macvtap_conf){ .name = "va" }, &sc.env, &err),
		-EINVAL);
	assert_string_equal(err.msg, "'va' is no macvtap");
	assert_int_equal(
		nic_macvtap_open(&nic, &(struct nic_macvtap_conf){ .name = "mt9" }, &sc.env, &err),
		-ENODEV);
	assert_string_equal(err.msg, "there is no interface 'mt9'");
	assert_int_equal(nic_macvtap_open(&nic, &(struct nic_macvtap_conf){ .name = "../va" },
					  &sc.env, &err),
			 -EINVAL);
	assert_null(nic);
	scene_done(&sc);
}

/* Whose sysfs is mounted nowhere. */
static void it_may_be_in_another_namespace(void **state)
{
	struct scene sc;
	char ns_path[64];
	int ns;

	scene_init(&sc, state);
	make_macvtap();
	ns = netns_other();
	(void)snprintf(ns_path, sizeof(ns_path), "/proc/%d/fd/%d", (int)getpid(), ns);
	run_here("ip", "link", "set", "mt0", "netns", ns_path);
	sc.env.netns = ns;
	open_macvtap(&sc, false);
	assert_int_equal(if_nametoindex("mt0"), 0);
	scene_done(&sc);
	(void)close(ns);
}

/* --- frames --- */

static void frames_come_and_go(void **state)
{
	const size_t len[] = { 60, 130, 500, 1514, 14, 1000 };
	struct scene sc;

	macvtap_scene(&sc, state);
	for (size_t i = 0; i < ARRAY_SIZE(len); i++) {
		struct pbuf *pb;

		plain_frame(&sent, sc.nic->info.mac, peer_mac, len[i]);
		raw_send(&sc, &sent);
		pb = receive(&sc);
		assert_bytes(pb, &sent);
		eth_addr_put(pb->data, peer_mac);
		eth_addr_put(sent.b, peer_mac);
		send_pbuf(&sc, pb);
		raw_receive(&sc, &got);
		assert_int_equal(got.len, sent.len);
		assert_memory_equal(got.b, sent.b, sent.len);
	}
	scene_done(&sc);
}

static void super_segments_pass_whole_both_ways(void **state)
{
	struct scene sc;
	struct pbuf *pb;

	macvtap_scene(&sc, state);
	for (size_t data_len = 2000; data_len < 65000; data_len += 7000) {
		tcp_frame(&sent, sc.nic->info.mac, peer_mac, data_len, 1460);
		raw_send(&sc, &sent);
		pb = receive(&sc);
		assert_bytes(pb, &sent);
		assert_int_equal(pb->csum, PBUF_CSUM_PARTIAL);
		assert_int_equal(pb->gso, PBUF_GSO_TCP4);
		assert_int_equal(pb->gso_size, 1460);
		pbuf_free(pb);

		tcp_frame(&sent, peer_mac, sc.nic->info.mac, data_len, 1460);
		send_pbuf(&sc, pbuf_of(&sc, &sent));
		raw_receive(&sc, &got);
		assert_int_equal(got.len, sent.len);
		assert_memory_equal(got.b, sent.b, sent.len);
		assert_int_equal(got.vnet.gso, VNET_GSO_TCP4);
		assert_int_equal(got.vnet.gso_size, 1460);
	}
	scene_done(&sc);
}

static void what_the_kernel_lost_is_counted(void **state)
{
	struct scene sc;

	scene_init(&sc, state);
	make_macvtap();
	run_here("ip", "link", "set", "mt0", "txqueuelen", "50");
	open_macvtap(&sc, false);
	scene_raw(&sc, "vb");
	plain_frame(&sent, sc.nic->info.mac, peer_mac, 100);
	for (int i = 0; i < 80; i++)
		raw_send(&sc, &sent);
	sc.nic->ops->stats(sc.nic);
	assert_in_range(sc.nic->counters.rx_missed, 1, 40);
	for (uint64_t i = sc.nic->counters.rx_missed; i < 80; i++)
		pbuf_free(receive(&sc));
	scene_done(&sc);
}

/* --- what may happen to the interface --- */

/* Its descriptor does not tell. */
static void a_deleted_interface_is_an_error(void **state)
{
	struct scene sc;

	macvtap_scene(&sc, state);
	assert_false(sc.nic->ops->arm(sc.nic));
	run_here("ip", "link", "del", "va");
	for (int i = 0; i < 100 && !sc.n_ready; i++)
		(void)loop_turn(sc.loop, loop_clock() + 100000000);
	assert_int_equal(sc.n_ready, 1);
	assert_int_equal(sc.nic->error, -ENODEV);
	scene_done(&sc);
}

/* Links come and go beside it: nothing to do with us. */
static void other_interfaces_do_not_matter(void **state)
{
	struct scene sc;
	struct pbuf *pb;

	macvtap_scene(&sc, state);
	for (int i = 0; i < 20; i++) {
		run_here("ip", "link", "add", "x0", "type", "veth", "peer", "name", "x1");
		(void)loop_turn(sc.loop, 0);
		run_here("ip", "link", "del", "x0");
		(void)loop_turn(sc.loop, 0);
	}
	assert_int_equal(sc.nic->error, 0);
	assert_int_equal(sc.n_ready, 0);
	plain_frame(&sent, sc.nic->info.mac, peer_mac, 100);
	raw_send(&sc, &sent);
	pb = receive(&sc);
	assert_bytes(pb, &sent);
	pbuf_free(pb);
	scene_done(&sc);
}

/* It goes on with the name and in the namespace it has now. */
static void it_may_be_moved(void **state)
{
	struct scene sc;
	char ns_path[64];
	struct pbuf *pb;
	int ns, home;

	macvtap_scene(&sc, state);
	run_here("ip", "link", "set", "mt0", "down");
	run_here("ip", "link", "set", "mt0", "name", "mt1");
	run_here("ip", "link", "set", "mt1", "mtu", "1400");
	for (int i = 0; i < 100 && sc.nic->info.mtu != 1400; i++)
		(void)loop_turn(sc.loop, loop_clock() + 100000000);
	assert_int_equal(sc.nic->info.mtu, 1400);

	home = netns_fd();
	ns = netns_other();
	(void)snprintf(ns_path, sizeof(ns_path), "/proc/%d/fd/%d", (int)getpid(), ns);
	run_here("ip", "link", "set", "mt1", "netns", ns_path);
	assert_return_code(setns(ns, CLONE_NEWNET), errno);
	run_here("ip", "link", "set", "mt1", "up");
	assert_return_code(setns(home, CLONE_NEWNET), errno);
	for (int i = 0; i < 5; i++)
		(void)loop_turn(sc.loop, 0);
	assert_int_equal(sc.nic->error, 0);
	plain_frame(&sent, sc.nic->info.mac, peer_mac, 100);
	raw_send(&sc, &sent);
	pb = receive(&sc);
	assert_bytes(pb, &sent);
	pbuf_free(pb);
	scene_done(&sc);
	(void)close(ns);
	(void)close(home);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		BOTH(it_is_found_and_nothing_is_left_behind),
		BOTH(a_node_that_is_there_is_taken),
		BOTH(what_is_no_macvtap_is_refused),
		BOTH(it_may_be_in_another_namespace),
		BOTH(frames_come_and_go),
		BOTH(super_segments_pass_whole_both_ways),
		BOTH(what_the_kernel_lost_is_counted),
		BOTH(a_deleted_interface_is_an_error),
		BOTH(other_interfaces_do_not_matter),
		BOTH(it_may_be_moved),
	};

	return cmocka_run_group_tests(tests, mounts_private, NULL);
}
