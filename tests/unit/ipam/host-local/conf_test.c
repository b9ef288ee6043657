/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "base/str.h"
#include "cni/cni.h"
#include "ipam/host-local/conf_priv.h"

/* Read @json as ADD does; the document stays with @call. */
static int read_conf(struct cni_call *call, const char *json, const char *args, struct hl_conf *ret,
		     struct nerr *err)
{
	*call = (struct cni_call){ .args = args, .version = "1.0.0", .net_name = "net1" };
	assert_int_equal(json_doc_parse(json, strlen(json), &call->doc, err), 0);
	return hl_conf_read(call, ret, err);
}

static void assert_refused(const char *json, const char *args, const char *want)
{
	struct hl_conf conf = { .n_sets = 77 };
	struct nerr err = NERR_INIT;
	struct cni_call call;

	assert_true(read_conf(&call, json, args, &conf, &err) < 0);
	assert_string_equal(err.msg, want);
	assert_int_equal(conf.n_sets, 77); /* untouched */
	json_doc_free(call.doc);
}

/* Sets as text, separated by blanks. */
static void assert_sets(const char *json, const char *want)
{
	CLEANUP(strbuf_done) struct strbuf text = STRBUF_INIT;
	struct nerr err = NERR_INIT;
	struct cni_call call;
	struct hl_conf conf;

	assert_int_equal(read_conf(&call, json, "", &conf, &err), 0);
	for (size_t i = 0; i < conf.n_sets; i++) {
		if (i)
			strbuf_add(&text, " ");
		hl_range_set_to_str(&conf.sets[i], &text);
	}
	assert_string_equal(strbuf_text(&text), want);
	json_doc_free(call.doc);
}

static void sets_come_from_three_places_in_order(void **state)
{
	(void)state;
	assert_sets("{\"ipam\":{\"subnet\":\"10.1.0.0/24\"}}", "10.1.0.1-10.1.0.254");
	assert_sets("{\"runtimeConfig\":{\"ipRanges\":[[{\"subnet\":\"10.3.0.0/24\"}],"
		    "[{\"subnet\":\"10.4.0.0/24\"}]]},"
		    "\"ipam\":{\"ranges\":[[{\"subnet\":\"10.2.0.0/24\",\"rangeEnd\":\"10.2.0.9\"},"
		    "{\"subnet\":\"10.5.0.0/24\"}],[{\"subnet\":\"fd00::/64\"}]],"
		    "\"subnet\":\"10.1.0.0/24\",\"rangeStart\":\"10.1.0.9\"}}",
		    "10.3.0.1-10.3.0.254 10.4.0.1-10.4.0.254 10.1.0.9-10.1.0.254 "
		    "10.2.0.1-10.2.0.9,10.5.0.1-10.5.0.254 fd00::1-fd00::ffff:ffff:ffff:ffff");
}

static void keys_match_in_any_case_and_null_is_nothing(void **state)
{
	(void)state;
	assert_sets(
		"{\"IPAM\":{\"SUBNET\":\"10.1.0.0/24\",\"RangeStart\":null,\"gateway\":\"\","
		"\"ranges\":null,\"unknown\":[1,{}]},\"args\":null,\"runtimeconfig\":{\"ips\":null}}",
		"10.1.0.1-10.1.0.254");
}

static void the_rest_is_passed_on(void **state)
{
	struct nerr err = NERR_INIT;
	struct cni_call call;
	struct hl_conf conf;
	char text[IPNET_STR_LEN];

	(void)state;
	assert_int_equal(read_conf(&call,
				   "{\"ipam\":{\"subnet\":\"10.1.0.0/24\",\"dataDir\":\"/d\","
				   "\"resolvConf\":\"/r\",\"routes\":[{\"dst\":\"0.0.0.0/0\"},"
				   "{\"dst\":\"10.0.0.0/8\",\"gw\":\"10.1.0.9\"}]}}",
				   "", &conf, &err),
			 0);
	assert_string_equal(conf.data_dir, "/d");
	assert_string_equal(conf.resolv_conf, "/r");
	assert_int_equal(conf.n_routes, 2);
	assert_string_equal(ipnet_to_str(&conf.routes[1].dst, text), "10.0.0.0/8");
	json_doc_free(call.doc);
}

static void requests_are_merged_in_order(void **state)
{
	static const char json[] =
		"{\"args\":{\"cni\":{\"ips\":[\"10.1.0.3\",\"10.1.0.2/8\"]}},"
		"\"runtimeConfig\":{\"ips\":[\"fd00::1/64\",\"10.1.0.3\",\"::ffff:10.1.0.4\"]},"
		"\"ipam\":{\"subnet\":\"10.1.0.0/24\"}}";
	static const char *const want[] = { "10.1.0.2", "10.1.0.3", "fd00::1", "10.1.0.4" };
	struct nerr err = NERR_INIT;
	struct cni_call call;
	struct hl_conf conf;

	(void)state;
	assert_int_equal(read_conf(&call, json, "IgnoreUnknown=1;K8S_POD_NAME=x;IP=10.1.0.2/24",
				   &conf, &err),
			 0);
	assert_int_equal(conf.n_requested, ARRAY_SIZE(want));
	for (size_t i = 0; i < ARRAY_SIZE(want); i++) {
		char text[IPADDR_STR_LEN];

		assert_string_equal(ipaddr_to_str(&conf.requested[i], text), want[i]);
	}
	json_doc_free(call.doc);
}

static void mistakes_are_named_as_the_reference_names_them(void **state)
{
	static const struct {
		const char *json, *args, *want;
	} cases[] = {
		{ "{}", "", "IPAM config missing 'ipam' key" },
		{ "{\"ipam\":null}", "", "IPAM config missing 'ipam' key" },
		{ "{\"ipam\":{}}", "", "no IP ranges specified" },
		{ "{\"ipam\":{\"ranges\":[]}}", "", "no IP ranges specified" },
		{ "{\"ipam\":{\"ranges\":[[]]}}", "", "invalid range set 0: empty range set" },
		{ "{\"ipam\":{\"ranges\":[null]}}", "", "invalid range set 0: empty range set" },
		{ "{\"ipam\":{\"subnet\":\"\"}}", "", "invalid CIDR address: " },
		{ "{\"ipam\":{\"subnet\":\"bad\"}}", "", "invalid CIDR address: bad" },
		{ "{\"ipam\":{\"subnet\":\"10.1.0.0/24\",\"rangeStart\":\"bad\"}}", "",
		  "invalid IP address: bad" },
		{ "{\"ipam\":{\"subnet\":\"10.1.0.0/24\",\"rangeEnd\":\"bad\"}}", "",
		  "invalid IP address: bad" },
		{ "{\"ipam\":{\"subnet\":\"10.1.0.0/24\",\"gateway\":\"10.1.0.1/24\"}}", "",
		  "invalid IP address: 10.1.0.1/24" },
		{ "{\"ipam\":{\"ranges\":[[{\"subnet\":\"10.1.0.0/24\"}],[{\"rangeStart\":\"10.1.0.1\"}]]}}",
		  "", "invalid range set 1: a range has no subnet" },
		{ "{\"ipam\":{\"ranges\":[[{\"subnet\":\"10.1.0.0/24\"}],[{\"subnet\":\"10.1.0.0/25\"}]]}}",
		  "", "range set 0 overlaps with 1" },
		{ "{\"ipam\":{\"ranges\":[[{\"subnet\":5}]]}}", "",
		  "key 'ipam.ranges[0][0].subnet' must be a string, not an integer" },
		{ "{\"ipam\":{\"subnet\":\"10.1.0.0/24\"}}", "IP=bad",
		  "ARGS: error parsing value of pair \"IP=bad\": invalid IP address bad" },
		{ "{\"ipam\":{\"subnet\":\"10.1.0.0/24\"}}", "ip=10.1.0.2",
		  "ARGS: unknown args [\"ip=10.1.0.2\"]" },
		{ "{\"ipam\":{\"subnet\":\"10.1.0.0/24\"},\"args\":{\"cni\":{\"ips\":[\"bad\"]}}}",
		  "", "invalid IP address bad" },
		{ "{\"ipam\":{\"subnet\":\"10.1.0.0/24\"},\"runtimeConfig\":{\"ips\":[\"10.1.0.2/33\"]}}",
		  "", "invalid IP address 10.1.0.2/33" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		assert_refused(cases[i].json, cases[i].args, cases[i].want);
}

static void old_versions_have_one_address_per_family(void **state)
{
	static const char two_v4[] = "{\"ipam\":{\"ranges\":[[{\"subnet\":\"10.1.0.0/24\"}],"
				     "[{\"subnet\":\"10.2.0.0/24\"}]]}}";
	static const char two_v6[] = "{\"ipam\":{\"ranges\":[[{\"subnet\":\"fd00::/64\"}],"
				     "[{\"subnet\":\"fd01::/64\"}]]}}";
	static const char one_each[] = "{\"ipam\":{\"ranges\":[[{\"subnet\":\"10.1.0.0/24\"}],"
				       "[{\"subnet\":\"fd01::/64\"}]]}}";
	static const struct {
		const char *json, *version;
		bool good;
	} cases[] = {
		{ two_v4, "0.2.0", false }, { two_v6, "0.1.0", false }, { one_each, "0.2.0", true },
		{ two_v4, "0.3.0", true },  { two_v6, "1.1.0", true },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct cni_call call = { .args = "", .version = cases[i].version };
		struct nerr err = NERR_INIT;
		struct hl_conf conf;
		int r;

		assert_int_equal(
			json_doc_parse(cases[i].json, strlen(cases[i].json), &call.doc, &err), 0);
		r = hl_conf_read(&call, &conf, &err);
		assert_int_equal(r, cases[i].good ? 0 : -EINVAL);
		if (!cases[i].good)
			assert_non_null(strstr(err.msg,
					       " does not support more than 1 address per family"));
		json_doc_free(call.doc);
	}
}

static void too_many_ranges_are_refused(void **state)
{
	CLEANUP(strbuf_done) struct strbuf json = STRBUF_INIT;

	(void)state;
	strbuf_add(&json, "{\"ipam\":{\"ranges\":[[");
	for (unsigned i = 0; i <= HL_RANGES_MAX; i++)
		strbuf_addf(&json, "%s{\"subnet\":\"10.%u.%u.0/24\"}", i ? "," : "", i / 256,
			    i % 256);
	strbuf_add(&json, "]]}}");
	assert_refused(strbuf_text(&json), "", "more than 1024 IP ranges");
}

/* What has become invalid must not keep addresses from being released. */
static void release_needs_the_directory_only(void **state)
{
	static const char json[] = "{\"ipam\":{\"subnet\":5,\"ranges\":\"x\",\"dataDir\":\"/d\"},"
				   "\"args\":5,\"runtimeConfig\":[]}";
	struct cni_call call = { .args = "FOO", .version = "1.0.0" };
	struct nerr err = NERR_INIT;
	const char *dir = NULL;

	(void)state;
	assert_int_equal(json_doc_parse(json, strlen(json), &call.doc, &err), 0);
	assert_int_equal(hl_conf_read_data_dir(&call, &dir, &err), 0);
	assert_string_equal(dir, "/d");
	json_doc_free(call.doc);
	assert_int_equal(json_doc_parse("{}", 2, &call.doc, &err), 0);
	assert_int_equal(hl_conf_read_data_dir(&call, &dir, &err), -EINVAL);
	json_doc_free(call.doc);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(sets_come_from_three_places_in_order),
		cmocka_unit_test(keys_match_in_any_case_and_null_is_nothing),
		cmocka_unit_test(the_rest_is_passed_on),
		cmocka_unit_test(requests_are_merged_in_order),
		cmocka_unit_test(mistakes_are_named_as_the_reference_names_them),
		cmocka_unit_test(old_versions_have_one_address_per_family),
		cmocka_unit_test(too_many_ranges_are_refused),
		cmocka_unit_test(release_needs_the_directory_only),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
