/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/json_table.h"
#include "plugins/portmap/conf_priv.h"
#include "tests/unit/oom.h"

/* The document stays with the configuration read from it. */
struct read {
	struct json_doc *doc;
	struct portmap_conf conf;
	struct nerr err;
	int r;
};

static void read_done(struct read *rd)
{
	json_doc_free(rd->doc);
}

static void read_text(struct read *rd, const char *text)
{
	*rd = (struct read){ .conf = { .n_mappings = 77 } };
	assert_int_equal(json_doc_parse(text, strlen(text), &rd->doc, &rd->err), 0);
	rd->r = portmap_conf_read(rd->doc, &rd->conf, &rd->err);
}

#define MAPPINGS(list) "{\"runtimeConfig\": {\"portMappings\": [" list "]}}"

static void an_empty_configuration_has_the_defaults(void **state)
{
	CLEANUP(read_done) struct read rd;

	(void)state;
	read_text(&rd, "{}");
	assert_int_equal(rd.r, 0);
	assert_true(rd.conf.snat);
	assert_false(rd.conf.masq_all);
	assert_null(rd.conf.set_mark_chain);
	assert_int_equal(rd.conf.n_mappings, 0);
	assert_int_equal(rd.conf.conditions_v4.n, 0);
}

static void null_leaves_the_defaults(void **state)
{
	CLEANUP(read_done) struct read rd;

	(void)state;
	read_text(&rd,
		  "{\"snat\": null, \"markMasqBit\": null, \"conditionsV4\": null,"
		  " \"externalSetMarkChain\": null, \"runtimeConfig\": null, \"backend\": null}");
	assert_int_equal(rd.r, 0);
	assert_true(rd.conf.snat);
	assert_null(rd.conf.set_mark_chain);
}

static void every_key_is_read(void **state)
{
	CLEANUP(read_done) struct read rd;

	(void)state;
	read_text(&rd, "{\"snat\": false, \"masqAll\": true, \"backend\": \"iptables\","
		       " \"markMasqBit\": 31, \"conditionsV4\": [\"-i\", \"eth0\"],"
		       " \"conditionsV6\": [\"ip6\", \"saddr\", \"!=\", \"fd00::/8\"],"
		       " \"runtimeConfig\": {\"portMappings\": ["
		       "{\"hostPort\": 8080, \"containerPort\": 80, \"protocol\": \"udp\","
		       " \"hostIP\": \"10.0.0.1\"}]}}");
	assert_int_equal(rd.r, 0);
	assert_false(rd.conf.snat);
	assert_true(rd.conf.masq_all);
	assert_int_equal(rd.conf.conditions_v4.n, 1);
	assert_string_equal(rd.conf.conditions_v4.v[0].ifname, "eth0");
	assert_int_equal(rd.conf.conditions_v6.n, 1);
	assert_int_equal(rd.conf.n_mappings, 1);
	assert_int_equal(rd.conf.mappings[0].host_port, 8080);
	assert_int_equal(rd.conf.mappings[0].container_port, 80);
	assert_int_equal(rd.conf.mappings[0].proto, IPPROTO_UDP);
	assert_int_equal(rd.conf.mappings[0].family, AF_INET);
	assert_int_equal(rd.conf.mappings[0].host_ip.bytes[0], 10);
}

/* As containerd writes them. */
static void capitalised_keys_are_the_same(void **state)
{
	CLEANUP(read_done) struct read rd;

	(void)state;
	read_text(&rd, MAPPINGS("{\"HostPort\":8180,\"ContainerPort\":80,\"Protocol\":\"tcp\","
				"\"HostIP\":\"\"}"));
	assert_int_equal(rd.r, 0);
	assert_int_equal(rd.conf.n_mappings, 1);
	assert_int_equal(rd.conf.mappings[0].host_port, 8180);
	assert_int_equal(rd.conf.mappings[0].family, AF_UNSPEC);
	assert_false(ipaddr_is_set(&rd.conf.mappings[0].host_ip));
}

static void protocols_have_any_case_and_a_default(void **state)
{
	static const struct {
		const char *text;
		uint8_t proto;
	} table[] = {
		{ MAPPINGS("{\"hostPort\":1,\"containerPort\":1}"), IPPROTO_TCP },
		{ MAPPINGS("{\"hostPort\":1,\"containerPort\":1,\"protocol\":\"\"}"), IPPROTO_TCP },
		{ MAPPINGS("{\"hostPort\":1,\"containerPort\":1,\"protocol\":\"TCP\"}"),
		  IPPROTO_TCP },
		{ MAPPINGS("{\"hostPort\":1,\"containerPort\":1,\"protocol\":\"Udp\"}"),
		  IPPROTO_UDP },
		{ MAPPINGS("{\"hostPort\":1,\"containerPort\":1,\"protocol\":\"SCTP\"}"),
		  IPPROTO_SCTP },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		CLEANUP(read_done) struct read rd;

		read_text(&rd, table[i].text);
		assert_int_equal(rd.r, 0);
		assert_int_equal(rd.conf.mappings[0].proto, table[i].proto);
	}
}

static void an_unspecified_host_address_means_any_of_its_family(void **state)
{
	CLEANUP(read_done) struct read rd;

	(void)state;
	read_text(&rd,
		  MAPPINGS("{\"hostPort\":1,\"containerPort\":1,\"hostIP\":\"0.0.0.0\"},"
			   "{\"hostPort\":1,\"containerPort\":1,\"hostIP\":\"::\"},"
			   "{\"hostPort\":1,\"containerPort\":1,\"hostIP\":\"::ffff:10.0.0.1\"},"
			   "{\"hostPort\":1,\"containerPort\":1,\"hostIP\":\"fd00::1\"}"));
	assert_int_equal(rd.r, 0);
	assert_int_equal(rd.conf.mappings[0].family, AF_INET);
	assert_false(ipaddr_is_set(&rd.conf.mappings[0].host_ip));
	assert_int_equal(rd.conf.mappings[1].family, AF_INET6);
	assert_false(ipaddr_is_set(&rd.conf.mappings[1].host_ip));
	assert_int_equal(rd.conf.mappings[2].family, AF_INET);
	assert_int_equal(rd.conf.mappings[2].host_ip.family, AF_INET);
	assert_int_equal(rd.conf.mappings[3].family, AF_INET6);
	assert_true(ipaddr_is_set(&rd.conf.mappings[3].host_ip));
}

static void what_is_wrong_is_named(void **state)
{
	static const struct {
		const char *text;
		const char *msg; /* or a part of it */
	} table[] = {
		{ MAPPINGS("{\"containerPort\":80}"),
		  "Invalid host port number: 0 (runtimeConfig.portMappings[0].hostPort" },
		{ MAPPINGS(
			  "{\"hostPort\":1,\"containerPort\":1},{\"hostPort\":-1,\"containerPort\":80}"),
		  "Invalid host port number: -1 (runtimeConfig.portMappings[1].hostPort" },
		{ MAPPINGS("{\"hostPort\":80,\"containerPort\":65536}"),
		  "Invalid container port number: 65536" },
		{ MAPPINGS("{\"hostPort\":65535,\"containerPort\":0}"),
		  "Invalid container port number: 0" },
		{ MAPPINGS("{\"hostPort\":99999999999,\"containerPort\":1}"), "99999999999" },
		{ MAPPINGS("{\"hostPort\":\"80\",\"containerPort\":1}"),
		  "runtimeConfig.portMappings[0].hostPort" },
		{ MAPPINGS("{\"hostPort\":8.5,\"containerPort\":1}"),
		  "runtimeConfig.portMappings[0].hostPort" },
		{ MAPPINGS("{\"hostPort\":1,\"containerPort\":1,\"protocol\":\"icmp\"}"),
		  "unsupported protocol \"icmp\" (runtimeConfig.portMappings[0].protocol" },
		{ MAPPINGS("{\"hostPort\":1,\"containerPort\":1,\"protocol\":\"tcp,udp\"}"),
		  "unsupported protocol \"tcp,udp\"" },
		{ MAPPINGS("{\"hostPort\":1,\"containerPort\":1,\"hostIP\":\"localhost\"}"),
		  "invalid hostIP \"localhost\" (runtimeConfig.portMappings[0].hostIP" },
		{ MAPPINGS("{\"hostPort\":1,\"containerPort\":1,\"hostIP\":\"fe80::1%eth0\"}"),
		  "invalid hostIP \"fe80::1%eth0\"" },
		{ MAPPINGS("{\"hostPort\":1,\"containerPort\":1,\"hostIP\":\"10.0.0.01\"}"),
		  "invalid hostIP \"10.0.0.01\"" },
		{ MAPPINGS("17"), "runtimeConfig.portMappings[0]" },
		{ "{\"runtimeConfig\":{\"portMappings\":{}}}", "runtimeConfig.portMappings" },
		{ "{\"backend\":\"foo\"}", "unrecognized backend \"foo\"" },
		{ "{\"markMasqBit\":32}", "MasqMarkBit must be between 0 and 31" },
		{ "{\"markMasqBit\":-1}", "MasqMarkBit must be between 0 and 31" },
		{ "{\"markMasqBit\":13,\"externalSetMarkChain\":\"KUBE-MARK-MASQ\"}",
		  "Cannot specify externalSetMarkChain and markMasqBit" },
		{ "{\"snat\":\"yes\"}", "'snat'" },
		{ "{\"conditionsV4\":\"-i eth0\"}", "'conditionsV4'" },
		{ "{\"conditionsV4\":[\"-p\",\"tcp\"]}", "conditionsV4: '-p' is not understood" },
		{ "{\"conditionsV6\":[\"-s\",\"10.0.0.1\"]}",
		  "conditionsV6: '10.0.0.1' is not IPv6" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		CLEANUP(read_done) struct read rd;

		read_text(&rd, table[i].text);
		assert_true(rd.r < 0);
		if (!strstr(rd.err.msg, table[i].msg))
			fail_msg("%s: '%s' is not in '%s'", table[i].text, table[i].msg,
				 rd.err.msg);
		assert_int_equal(rd.conf.n_mappings, 77);
	}
}

static void a_mark_bit_and_a_chain_are_accepted(void **state)
{
	CLEANUP(read_done) struct read rd;
	CLEANUP(read_done) struct read bit;

	(void)state;
	read_text(&rd, "{\"externalSetMarkChain\":\"KUBE-MARK-MASQ\",\"backend\":\"nftables\"}");
	assert_int_equal(rd.r, 0);
	assert_string_equal(rd.conf.set_mark_chain, "KUBE-MARK-MASQ");
	read_text(&bit, "{\"markMasqBit\":0,\"backend\":\"\"}");
	assert_int_equal(bit.r, 0);
}

#if OOM_WORKS
static int read_once(const char *text)
{
	struct portmap_conf conf;
	struct nerr err = NERR_INIT;
	struct json_doc *doc = NULL;
	int r;

	r = json_doc_parse(text, strlen(text), &doc, &err);
	if (r == 0)
		r = portmap_conf_read(doc, &conf, &err);
	json_doc_free(doc);
	return r;
}

static void an_allocation_that_fails_is_reported_and_leaks_nothing(void **state)
{
	static const char text[] = "{\"conditionsV4\": [\"-i\", \"eth0\"], \"runtimeConfig\": {"
				   "\"portMappings\": [{\"hostPort\": 1, \"containerPort\": 1}]}}";
	unsigned n = 1;

	(void)state;
	for (; oom_begin(n), read_once(text) != 0; n++)
		assert_int_equal(oom_end(), 0);
	assert_int_equal(oom_end(), 0);
	assert_true(n > 1);
}
#endif

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_empty_configuration_has_the_defaults),
		cmocka_unit_test(null_leaves_the_defaults),
		cmocka_unit_test(every_key_is_read),
		cmocka_unit_test(capitalised_keys_are_the_same),
		cmocka_unit_test(protocols_have_any_case_and_a_default),
		cmocka_unit_test(an_unspecified_host_address_means_any_of_its_family),
		cmocka_unit_test(what_is_wrong_is_named),
		cmocka_unit_test(a_mark_bit_and_a_chain_are_accepted),
#if OOM_WORKS
		cmocka_unit_test(an_allocation_that_fails_is_reported_and_leaks_nothing),
#endif
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
