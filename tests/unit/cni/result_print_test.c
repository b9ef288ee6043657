/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Golden texts of each shape.  Whoever changes one changes what a runtime sees: compare with
 * the reference suite first.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/str.h"
#include "cni/result.h"

static struct ipnet net_of(const char *text)
{
	struct ipnet n;

	assert_int_equal(ipnet_from_str(text, &n), 0);
	return n;
}

static struct ipaddr addr_of(const char *text)
{
	struct ipaddr a;

	assert_int_equal(ipaddr_from_str(text, &a), 0);
	return a;
}

static void prints(const struct cni_result *res, const char *version, unsigned indent,
		   const char *want)
{
	struct strbuf b = STRBUF_INIT;
	struct nerr err = NERR_INIT;

	if (cni_result_print(res, version, indent, &b, &err) < 0)
		fail_msg("%s", err.msg);
	assert_string_equal(strbuf_text(&b), want);
	strbuf_done(&b);
}

/* Every member set, so that every key and its place is seen. */
static struct cni_result full(void)
{
	static const char *servers[] = { "10.0.0.53", "fd00::53" };
	static const char *search[] = { "a.example", "b.example" };
	static const char *options[] = { "ndots:2" };
	static struct cni_interface interfaces[2];
	static struct cni_ip ips[3];
	static struct cni_route routes[4];

	interfaces[0] = (struct cni_interface){ .name = "br0", .mac = "02:00:00:00:00:01" };
	interfaces[1] = (struct cni_interface){ .name = "eth0",
						.mac = "02:00:00:00:00:02",
						.mtu = 1400,
						.sandbox = "/run/netns/x",
						.socket_path = "/run/s",
						.pci_id = "0000:03:02.1" };
	ips[0] = (struct cni_ip){ 1, net_of("10.0.0.2/24"), addr_of("10.0.0.1") };
	ips[1] = (struct cni_ip){ 0, net_of("fd00::2/64"), { 0 } };
	ips[2] = (struct cni_ip){ CNI_NO_INTERFACE, net_of("10.0.1.2/16"), { 0 } };
	routes[0] = (struct cni_route){ .dst = net_of("0.0.0.0/0"), .gw = addr_of("10.0.0.1") };
	routes[1] = (struct cni_route){ .dst = net_of("::/0") };
	routes[2] = (struct cni_route){ .dst = net_of("10.9.0.0/16"),
					.mtu = 1300,
					.advmss = 1260,
					.priority = 5,
					.table = 100,
					.has_table = true,
					.scope = 253,
					.has_scope = true };
	routes[3] = (struct cni_route){ .dst = net_of("10.8.0.0/16"),
					.has_table = true,
					.has_scope = true };
	return (struct cni_result){
		.interfaces = interfaces,
		.n_interfaces = 2,
		.ips = ips,
		.n_ips = 3,
		.routes = routes,
		.n_routes = 4,
		.dns = { { servers, 2 }, "example", { search, 2 }, { options, 1 } },
	};
}

static const char want_1_1[] =
	"{\"cniVersion\":\"1.1.0\","
	"\"dns\":{\"domain\":\"example\",\"nameservers\":[\"10.0.0.53\",\"fd00::53\"],"
	"\"options\":[\"ndots:2\"],\"search\":[\"a.example\",\"b.example\"]},"
	"\"interfaces\":[{\"mac\":\"02:00:00:00:00:01\",\"name\":\"br0\"},"
	"{\"mac\":\"02:00:00:00:00:02\",\"mtu\":1400,\"name\":\"eth0\",\"pciID\":\"0000:03:02.1\","
	"\"sandbox\":\"/run/netns/x\",\"socketPath\":\"/run/s\"}],"
	"\"ips\":[{\"address\":\"10.0.0.2/24\",\"gateway\":\"10.0.0.1\",\"interface\":1},"
	"{\"address\":\"fd00::2/64\",\"interface\":0},{\"address\":\"10.0.1.2/16\"}],"
	"\"routes\":[{\"dst\":\"0.0.0.0/0\",\"gw\":\"10.0.0.1\"},{\"dst\":\"::/0\"},"
	"{\"advmss\":1260,\"dst\":\"10.9.0.0/16\",\"mtu\":1300,\"priority\":5,\"scope\":253,"
	"\"table\":100},{\"dst\":\"10.8.0.0/16\",\"scope\":0,\"table\":0}]}";

static const char want_0_4[] =
	"{\"cniVersion\":\"0.4.0\","
	"\"interfaces\":[{\"name\":\"br0\",\"mac\":\"02:00:00:00:00:01\"},"
	"{\"name\":\"eth0\",\"mac\":\"02:00:00:00:00:02\",\"sandbox\":\"/run/netns/x\"}],"
	"\"ips\":[{\"version\":\"4\",\"interface\":1,\"address\":\"10.0.0.2/24\","
	"\"gateway\":\"10.0.0.1\"},"
	"{\"version\":\"6\",\"interface\":0,\"address\":\"fd00::2/64\"},"
	"{\"version\":\"4\",\"address\":\"10.0.1.2/16\"}],"
	"\"routes\":[{\"dst\":\"0.0.0.0/0\",\"gw\":\"10.0.0.1\"},{\"dst\":\"::/0\"},"
	"{\"dst\":\"10.9.0.0/16\",\"mtu\":1300,\"advmss\":1260,\"priority\":5,\"table\":100,"
	"\"scope\":253},{\"dst\":\"10.8.0.0/16\",\"table\":0,\"scope\":0}],"
	"\"dns\":{\"nameservers\":[\"10.0.0.53\",\"fd00::53\"],\"domain\":\"example\","
	"\"search\":[\"a.example\",\"b.example\"],\"options\":[\"ndots:2\"]}}";

static const char want_0_2[] =
	"{\"cniVersion\":\"0.2.0\","
	"\"ip4\":{\"ip\":\"10.0.0.2/24\",\"gateway\":\"10.0.0.1\",\"routes\":[{\"dst\":\"0.0.0.0/0\","
	"\"gw\":\"10.0.0.1\"},{\"dst\":\"10.9.0.0/16\"},{\"dst\":\"10.8.0.0/16\"}]},"
	"\"ip6\":{\"ip\":\"fd00::2/64\",\"routes\":[{\"dst\":\"::/0\"}]},"
	"\"dns\":{\"nameservers\":[\"10.0.0.53\",\"fd00::53\"],\"domain\":\"example\","
	"\"search\":[\"a.example\",\"b.example\"],\"options\":[\"ndots:2\"]}}";

/* @text with the version it begins with replaced. */
static void prints_as(const char *text, const char *version)
{
	const struct cni_result res = full();
	struct strbuf want = STRBUF_INIT;

	strbuf_addf(&want, "{\"cniVersion\":\"%s\"%s", version,
		    text + strlen("{\"cniVersion\":\"0.0.0\""));
	prints(&res, version, 0, want.s);
	strbuf_done(&want);
}

static void every_version_has_its_shape(void **state)
{
	(void)state;
	prints_as(want_0_2, "0.1.0");
	prints_as(want_0_2, "0.2.0");
	prints_as(want_0_4, "0.3.0");
	prints_as(want_0_4, "0.3.1");
	prints_as(want_0_4, "0.4.0");
	prints_as(want_1_1, "1.0.0");
	prints_as(want_1_1, "1.1.0");
}

static void indented_text_is_that_of_the_reference(void **state)
{
	struct cni_ip ips[] = { { CNI_NO_INTERFACE, net_of("fd01::ff/64"), addr_of("fd01::1") } };
	struct cni_interface lo = { .name = "lo", .mac = "00:00:00:00:00:00" };
	struct cni_result res = { .ips = ips, .n_ips = 1 };

	(void)state;
	prints(&res, "0.4.0", 4,
	       "{\n    \"cniVersion\": \"0.4.0\",\n    \"ips\": [\n        {\n"
	       "            \"version\": \"6\",\n            \"address\": \"fd01::ff/64\",\n"
	       "            \"gateway\": \"fd01::1\"\n        }\n    ],\n    \"dns\": {}\n}");
	res.interfaces = &lo;
	res.n_interfaces = 1;
	ips[0].interface = 0;
	prints(&res, "1.0.0", 4,
	       "{\n    \"cniVersion\": \"1.0.0\",\n    \"interfaces\": [\n        {\n"
	       "            \"mac\": \"00:00:00:00:00:00\",\n            \"name\": \"lo\"\n        }\n"
	       "    ],\n    \"ips\": [\n        {\n            \"address\": \"fd01::ff/64\",\n"
	       "            \"gateway\": \"fd01::1\",\n            \"interface\": 0\n        }\n    ]\n}");
}

static void empty_members_are_left_out(void **state)
{
	static const char *none[1];
	const struct cni_result empty = { .n_ips = 0 };
	const struct cni_result given = { .dns = { .nameservers = { none, 0 }, .domain = "" } };

	(void)state;
	prints(&empty, "1.1.0", 0, "{\"cniVersion\":\"1.1.0\"}");
	prints(&empty, "0.3.1", 0, "{\"cniVersion\":\"0.3.1\",\"dns\":{}}");
	prints(&given, "1.1.0", 0, "{\"cniVersion\":\"1.1.0\"}");
	prints(&given, "0.3.1", 0, "{\"cniVersion\":\"0.3.1\",\"dns\":{}}");
}

static void text_is_escaped_as_go_does(void **state)
{
	struct cni_interface in = { .name = "a<b>&\"\xe2\x80\xa8\x01" };
	const struct cni_result res = { .interfaces = &in, .n_interfaces = 1 };

	(void)state;
	prints(&res, "1.0.0", 0,
	       "{\"cniVersion\":\"1.0.0\",\"interfaces\":[{\"name\":"
	       "\"a\\u003cb\\u003e\\u0026\\\"\\u2028\\u0001\"}]}");
}

static void what_a_version_cannot_carry_is_an_error(void **state)
{
	const struct cni_result empty = { .n_ips = 0 };
	struct strbuf b = STRBUF_INIT;
	struct nerr err = NERR_INIT;

	(void)state;
	assert_int_equal(cni_result_print(&empty, "0.2.0", 4, &b, &err), -EINVAL);
	assert_string_equal(err.msg, "cannot convert: no valid IP addresses");
	assert_int_equal(cni_result_print(&empty, "2.0.0", 4, &b, &err), -EINVAL);
	assert_string_equal(err.msg, "no converter for CNI result version 1.1.0 to 2.0.0");
	assert_null(b.s);
}

static void text_is_appended(void **state)
{
	const struct cni_result empty = { .n_ips = 0 };
	struct strbuf b = STRBUF_INIT;

	(void)state;
	strbuf_add(&b, "x");
	assert_int_equal(cni_result_print(&empty, "1.0.0", 0, &b, NULL), 0);
	assert_string_equal(b.s, "x{\"cniVersion\":\"1.0.0\"}");
	strbuf_done(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_version_has_its_shape),
		cmocka_unit_test(indented_text_is_that_of_the_reference),
		cmocka_unit_test(empty_members_are_left_out),
		cmocka_unit_test(text_is_escaped_as_go_does),
		cmocka_unit_test(what_a_version_cannot_carry_is_an_error),
		cmocka_unit_test(text_is_appended),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
