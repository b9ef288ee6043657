/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What a person names is opened: the drivers here only write down what they are asked for.
 */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "nic/drivers.h"
#include "nic/wrappers.h"
#include "tests/unit/nic/fake.h"

/**
 * asked - The last call of a driver
 * @netns:	That of the environment was a namespace's file
 */
static struct {
	const char *driver;
	char name[64];
	bool no_offload;
	enum nic_xdp_mode mode;
	int netns;
	bool netns_is_ours;
	unsigned int calls;
	int fails;
} asked;

static struct desk k;
static struct fake *device;
static char dir[] = "/tmp/spec_test.XXXXXX";

static int opened(struct nic **ret, const char *driver, const char *name, bool no_offload,
		  const struct nic_env *env, struct nerr *err)
{
	struct stat ours, its;

	asked.calls++;
	asked.driver = driver;
	(void)snprintf(asked.name, sizeof(asked.name), "%s", name);
	asked.no_offload = no_offload;
	asked.netns = env->netns;
	asked.netns_is_ours = env->netns >= 0 && stat("/proc/self/ns/net", &ours) == 0 &&
			      fstat(env->netns, &its) == 0 && ours.st_ino == its.st_ino;
	assert_ptr_equal(env->pool, k.pool);
	if (asked.fails)
		return nerr_set(err, asked.fails, "no such interface");
	device = fake_new(&k);
	*ret = &device->nic;
	return 0;
}

int nic_tap_open(struct nic **ret, const struct nic_tap_conf *conf, const struct nic_env *env,
		 struct nerr *err)
{
	assert_true(eth_addr_is_zero(conf->mac));
	return opened(ret, "tap", conf->name, conf->no_offload, env, err);
}

int nic_macvtap_open(struct nic **ret, const struct nic_macvtap_conf *conf,
		     const struct nic_env *env, struct nerr *err)
{
	return opened(ret, "macvtap", conf->name, conf->no_offload, env, err);
}

int nic_packet_open(struct nic **ret, const struct nic_packet_conf *conf, const struct nic_env *env,
		    struct nerr *err)
{
	return opened(ret, "af_packet", conf->name, conf->no_offload, env, err);
}

int nic_xdp_open(struct nic **ret, const struct nic_xdp_conf *conf, const struct nic_env *env,
		 struct nerr *err)
{
	asked.mode = conf->mode;
	return opened(ret, "af_xdp", conf->name, false, env, err);
}

static int setup(void **state)
{
	(void)state;
	memset(&asked, 0, sizeof(asked));
	asked.mode = (enum nic_xdp_mode)99;
	desk_init(&k, LOOP_AUTO);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	desk_done(&k);
	return 0;
}

static int make_dir(void **state)
{
	(void)state;
	return mkdtemp(dir) ? 0 : -1;
}

static int remove_dir(void **state)
{
	(void)state;
	return rmdir(dir);
}

static struct nic *open_spec(const char *spec)
{
	const struct nic_env env = desk_env(&k);
	struct nic *nic;

	if (nic_open(&nic, spec, &env, &k.err) < 0)
		fail_msg("%s", k.err.msg);
	return nic;
}

/* --- what can be read --- */

static void drivers_get_what_was_named(void **state)
{
	static const struct {
		const char *spec;
		const char *driver;
		const char *name;
		bool no_offload;
		enum nic_xdp_mode mode;
	} sample[] = {
		{ "tap:t0", "tap", "t0", false, (enum nic_xdp_mode)99 },
		{ "tap:t0,no-offload", "tap", "t0", true, (enum nic_xdp_mode)99 },
		{ "macvtap:mv-0.7", "macvtap", "mv-0.7", false, (enum nic_xdp_mode)99 },
		{ "macvtap:x,no-offload", "macvtap", "x", true, (enum nic_xdp_mode)99 },
		{ "af_packet:abcdefghijklmno", "af_packet", "abcdefghijklmno", false,
		  (enum nic_xdp_mode)99 },
		{ "af_packet:eth0,no-offload", "af_packet", "eth0", true, (enum nic_xdp_mode)99 },
		{ "af_xdp:eth0", "af_xdp", "eth0", false, NIC_XDP_AUTO },
		{ "af_xdp:eth0,copy", "af_xdp", "eth0", false, NIC_XDP_COPY },
		{ "af_xdp:eth0,no-offload,zerocopy", "af_xdp", "eth0", false, NIC_XDP_ZEROCOPY },
	};

	for (unsigned int i = 0; i < sizeof(sample) / sizeof(*sample); i++) {
		asked.mode = (enum nic_xdp_mode)99;
		nic_close(open_spec(sample[i].spec));
		assert_string_equal(asked.driver, sample[i].driver);
		assert_string_equal(asked.name, sample[i].name);
		assert_int_equal(asked.no_offload, sample[i].no_offload);
		assert_int_equal(asked.mode, sample[i].mode);
		assert_int_equal(asked.netns, -1);
	}
	(void)state;
}

static void a_namespace_is_opened_for_the_driver_and_closed(void **state)
{
	const int before = open("/dev/null", O_RDONLY | O_CLOEXEC);
	int after;

	(void)state;
	(void)close(before);
	nic_close(open_spec("tap:t0,netns=/proc/self/ns/net"));
	assert_true(asked.netns_is_ours);
	after = open("/dev/null", O_RDONLY | O_CLOEXEC);
	assert_int_equal(after, before);
	(void)close(after);
}

static void wrappers_stand_in_their_order(void **state)
{
	struct nic_capture_stats capture;
	struct nic_fault_stats fault;
	char spec[128], file[64];
	struct pbuf *pb;
	struct nic *nic;

	(void)state;
	(void)snprintf(file, sizeof(file), "%s/x", dir);
	(void)snprintf(spec, sizeof(spec), "tap:t0,capture=%s,fault=loss=100%%+seed=3", file);
	nic = open_spec(spec);
	pb = frame_arp(k.pool);
	assert_int_equal(nic_tx(nic, &pb, 1), 1);
	pbuf_queue_put(&device->in, frame_arp(k.pool));
	assert_int_equal(nic_rx(nic, &pb, 1), 0);
	/* The stack sent one; of the other it knows nothing. */
	assert_int_equal(nic_capture_stats(nic, &capture), 0);
	assert_int_equal(capture.packets, 1);
	assert_int_equal(device->out.n, 0);
	assert_int_equal(nic_fault_stats(nic, &fault), -EINVAL); /* it is below */
	nic_close(nic);
	assert_true(k.closed);
	assert_int_equal(unlink(file), 0);

	nic = open_spec("tap:t0,fault=loss=100%");
	pb = frame_arp(k.pool);
	assert_int_equal(nic_tx(nic, &pb, 1), 1);
	assert_int_equal(nic_fault_stats(nic, &fault), 0);
	assert_int_equal(fault.lost, 1);
	nic_close(nic);
}

static void queues_have_files_of_their_own(void **state)
{
	struct nic_env env = desk_env(&k);
	char spec[128], file[64];
	struct nic *nic;

	(void)state;
	env.n_queues = 4;
	env.queue = 2;
	(void)snprintf(file, sizeof(file), "%s/x.2", dir);
	(void)snprintf(spec, sizeof(spec), "tap:t0,capture=%s/x", dir);
	assert_int_equal(nic_open(&nic, spec, &env, &k.err), 0);
	nic_close(nic);
	assert_int_equal(unlink(file), 0);
	assert_int_equal(nic_open(&nic, "tap:t0,capture=-", &env, &k.err), -EINVAL);
	assert_string_equal(k.err.msg,
			    "nic 'tap:t0,capture=-': standard output cannot hold 4 captures");
	assert_true(k.closed);
}

/* --- what cannot --- */

static void what_cannot_be_read_is_named(void **state)
{
	static const struct {
		const char *spec;
		const char *why;
	} sample[] = {
		{ "", "'' is not DRIVER:INTERFACE" },
		{ "eth0", "'eth0' is not DRIVER:INTERFACE" },
		{ "tap,t0", "'tap,t0' is not DRIVER:INTERFACE" },
		{ "vfio:x", "no driver 'vfio': there is tap, macvtap, af_packet and af_xdp" },
		{ ":x", "no driver '': there is tap, macvtap, af_packet and af_xdp" },
		{ "tap:", "there is no name of an interface" },
		{ "tap:,no-offload", "there is no name of an interface" },
		{ "tap:abcdefghijklmnop",
		  "interface 'abcdefghijklmnop' has 16 characters, of at most 15" },
		{ "tap:a/b", "interface 'a/b': '/' is not possible" },
		{ "tap:a b", "interface 'a b': ' ' is not possible" },
		{ "tap:a:b", "interface 'a:b': ':' is not possible" },
		{ "tap:..", "no interface can be called '..'" },
		{ "tap:t0,", "no option '': there is netns=, capture=, fault=, no-offload and, of "
			     "af_xdp, copy and zerocopy" },
		{ "tap:t0,mtu=9", "no option 'mtu': there is netns=, capture=, fault=, no-offload "
				  "and, of af_xdp, copy and zerocopy" },
		{ "tap:t0,netns", "option 'netns' has no value" },
		{ "tap:t0,capture=", "option 'capture' has no value" },
		{ "tap:t0,fault=", "option 'fault' has no value" },
		{ "tap:t0,capture=a,capture=b", "option 'capture' is given twice: 'a' and 'b'" },
		{ "tap:t0,no-offload=1", "option 'no-offload' takes no value, and has '1'" },
		{ "tap:t0,no-offload,no-offload", "option 'no-offload' is given twice" },
		{ "tap:t0,copy", "option 'copy' is one of af_xdp, not of tap" },
		{ "macvtap:t0,zerocopy", "option 'zerocopy' is one of af_xdp, not of macvtap" },
		{ "af_xdp:t0,copy,zerocopy",
		  "options 'copy' and 'zerocopy' contradict each other" },
		{ "tap:t0,fault=loss=1%+lose=2%", "no fault 'lose': there is loss, dup, reorder, "
						  "corrupt, delay, jitter, queue and seed" },
		{ "tap:t0,fault=delay=5",
		  "fault 'delay': '5' is not a number and 'us', 'ms' or 's', up to 60s" },
	};
	const struct nic_env env = desk_env(&k);

	(void)state;
	for (unsigned int i = 0; i < sizeof(sample) / sizeof(*sample); i++) {
		struct nic *nic = NULL;
		char want[512];

		(void)snprintf(want, sizeof(want), "nic '%s': %s", sample[i].spec, sample[i].why);
		assert_int_equal(nic_open(&nic, sample[i].spec, &env, &k.err), -EINVAL);
		assert_string_equal(k.err.msg, want);
		assert_int_equal(nic_open(&nic, sample[i].spec, &env, NULL), -EINVAL);
		assert_null(nic);
	}
	assert_int_equal(asked.calls, 0);
}

static void what_cannot_be_opened_leaves_nothing(void **state)
{
	const struct nic_env env = desk_env(&k);
	struct nic *nic = NULL;

	(void)state;
	asked.fails = -ENODEV;
	assert_int_equal(nic_open(&nic, "tap:t0", &env, &k.err), -ENODEV);
	assert_string_equal(k.err.msg, "nic 'tap:t0': no such interface");
	asked.fails = 0;
	assert_int_equal(nic_open(&nic, "tap:t0,netns=/no/such", &env, &k.err), -ENOENT);
	assert_int_equal(asked.calls, 1);
	assert_int_equal(nic_open(&nic, "tap:t0,fault=loss=1%,capture=/no/such/x", &env, &k.err),
			 -ENOENT);
	assert_string_equal(k.err.msg,
			    "nic 'tap:t0,fault=loss=1%,capture=/no/such/x': cannot capture to "
			    "'/no/such/x': No such file or directory");
	assert_int_equal(asked.calls, 2);
	assert_true(k.closed);
	assert_null(nic);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(drivers_get_what_was_named),
		TEST(a_namespace_is_opened_for_the_driver_and_closed),
		TEST(wrappers_stand_in_their_order),
		TEST(queues_have_files_of_their_own),
		TEST(what_cannot_be_read_is_named),
		TEST(what_cannot_be_opened_leaves_nothing),
	};

	return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
