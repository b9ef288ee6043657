/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "plugins/netstack/conf_priv.h"
#include "tests/unit/cni/harness.h"

struct read {
	struct cni_call call;
	struct netstack_conf conf;
	struct nerr err;
	int r;
};

static void read_done(struct read *rd)
{
	json_doc_free(rd->call.doc);
}

#define CONF(keys) "{\"cniVersion\":\"1.0.0\",\"name\":\"net1\",\"type\":\"netstack\"" keys "}"

static void read_text(struct read *rd, const char *text)
{
	*rd = (struct read){ .err = NERR_INIT };
	harness_call(&rd->call, CNI_ADD, text);
	assert_int_equal(harness_load(&rd->call, &rd->err), 0);
	rd->r = netstack_conf_read(&rd->call, &rd->conf, &rd->err);
}

static void an_empty_configuration_has_the_defaults(void **state)
{
	CLEANUP(read_done) struct read rd;

	(void)state;
	read_text(&rd, CONF(""));
	assert_int_equal(rd.r, 0);
	assert_true(rd.conf.is_user);
	assert_string_equal(rd.conf.mode, "hybrid");
	assert_string_equal(rd.conf.br.bridge, "cni0");
	assert_string_equal(rd.conf.daemon, "");
	assert_null(rd.conf.master);
	assert_false(rd.conf.fallback);
	assert_false(rd.conf.br.l3);
}

#define POD(stack, mode)                                                                           \
	",\"runtimeConfig\":{\"io.kubernetes.cri.pod-annotations\":{"                              \
	"\"fairlead.io/stack\":\"" stack "\",\"fairlead.io/mode\":\"" mode "\",\"other\":\"x\"}}"

static void a_pod_overrides_stack_and_mode(void **state)
{
	static const struct {
		const char *text;
		bool is_user;
		const char *mode;
	} cases[] = {
		{ CONF(",\"stack\":\"kernel\",\"mode\":\"full\""), false, "full" },
		{ CONF(",\"stack\":\"kernel\"" POD("user", "full")), true, "full" },
		{ CONF(",\"mode\":\"full\"" POD("kernel", "hybrid")), false, "hybrid" },
		{ CONF(",\"mode\":\"full\"" POD("", "")), true, "full" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		CLEANUP(read_done) struct read rd;

		read_text(&rd, cases[i].text);
		assert_int_equal(rd.r, 0);
		assert_int_equal(rd.conf.is_user, cases[i].is_user);
		assert_string_equal(rd.conf.mode, cases[i].mode);
	}
}

static void values_that_cannot_be_are_named(void **state)
{
	static const struct {
		const char *text;
		const char *msg;
	} cases[] = {
		{ CONF(",\"stack\":\"both\""),
		  "key 'stack' must be 'user' or 'kernel', got 'both'" },
		{ CONF(POD("user", "none")),
		  "annotation 'fairlead.io/mode' must be 'hybrid' or 'full', got 'none'" },
		{ CONF(",\"nic\":\"tap\""),
		  "key 'nic' must be 'bridge' or 'macvtap:DEVICE', got 'tap'" },
		{ CONF(",\"mtu\":-1"), "key 'mtu' must not be negative, got -1" },
		{ CONF(",\"nic\":\"macvtap:up0\",\"fallback\":true"),
		  "key 'fallback' needs nic 'bridge', not 'macvtap:up0'" },
		{ CONF(",\"nic\":\"macvtap:up0\",\"isDefaultGateway\":true"),
		  "key 'isGateway' needs nic 'bridge', not 'macvtap:up0'" },
		{ CONF(",\"nic\":\"macvtap:up0\",\"stack\":\"kernel\""),
		  "key 'nic': 'macvtap:up0' needs stack 'user', the kernel's stack has the bridge" },
		{ CONF(",\"nic\":\"macvtap:up0\",\"vlan\":7"),
		  "key 'vlan' needs nic 'bridge', not 'macvtap:up0'" },
		{ CONF(",\"nic\":\"macvtap:up0\",\"vlanTrunk\":[]"),
		  "key 'vlanTrunk' needs nic 'bridge', not 'macvtap:up0'" },
		{ CONF(",\"nic\":\"macvtap:up0\",\"macspoofchk\":true"),
		  "key 'macspoofchk' needs nic 'bridge', not 'macvtap:up0'" },
		{ CONF(",\"vlan\":4095"), "invalid VLAN ID 4095 (must be between 0 and 4094)" },
		{ CONF(",\"disableContainerInterface\":true"),
		  "key 'disableContainerInterface' needs stack 'kernel': netstackd serves an "
		  "interface that is up" },
		{ CONF(",\"hairpinMode\":true,\"promiscMode\":true"),
		  "cannot set hairpin mode and promiscuous mode at the same time" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		CLEANUP(read_done) struct read rd;

		read_text(&rd, cases[i].text);
		assert_int_equal(rd.r, -EINVAL);
		assert_string_equal(rd.err.msg, cases[i].msg);
	}
}

/* What ADD refuses does not keep DEL from its work. */
static void del_reads_what_add_refuses(void **state)
{
	static const char text[] =
		CONF(",\"mode\":\"x\",\"nic\":\"macvtap:up0\",\"isGateway\":true");
	CLEANUP(read_done) struct read rd;
	struct netstack_conf conf;

	(void)state;
	read_text(&rd, text);
	assert_int_equal(rd.r, -EINVAL);
	assert_int_equal(netstack_conf_read_del(&rd.call, &conf, &rd.err), 0);
	assert_string_equal(conf.master, "up0");
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_empty_configuration_has_the_defaults),
		cmocka_unit_test(a_pod_overrides_stack_and_mode),
		cmocka_unit_test(values_that_cannot_be_are_named),
		cmocka_unit_test(del_reads_what_add_refuses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
