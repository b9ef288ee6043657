/* SPDX-License-Identifier: GPL-2.0-or-later */
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
#include "tests/unit/oom.h"

static struct json_doc *doc;

static int teardown(void **state)
{
	(void)state;
	json_doc_free(doc);
	doc = NULL;
	return 0;
}

static int parse(const char *text, const char *version, struct cni_result *ret, struct nerr *err)
{
	int r;

	json_doc_free(doc);
	doc = NULL;
	r = json_doc_parse(text, strlen(text), &doc, err);
	return r < 0 ? r : cni_result_read(doc, NULL, version, ret, err);
}

static struct cni_result accepted(const char *text, const char *version)
{
	struct cni_result res = { .n_ips = 77 };
	struct nerr err = NERR_INIT;

	if (parse(text, version, &res, &err) < 0)
		fail_msg("%s: %s", text, err.msg);
	return res;
}

static void refused(const char *text, const char *version, const char *msg)
{
	struct cni_result res = { .n_ips = 77 };
	struct nerr err = NERR_INIT;

	assert_true(parse(text, version, &res, &err) < 0);
	assert_string_equal(err.msg, msg);
	assert_int_equal(res.n_ips, 77);
}

/* What is read from @text and printed in @version is @want. */
static void converts(const char *text, const char *from, const char *to, const char *want)
{
	const struct cni_result res = accepted(text, from);
	struct strbuf b = STRBUF_INIT;
	struct nerr err = NERR_INIT;

	if (cni_result_print(&res, to, 0, &b, &err) < 0)
		fail_msg("%s", err.msg);
	assert_string_equal(b.s, want);
	strbuf_done(&b);
}

static const char full_1_1[] =
	"{\"cniVersion\":\"1.1.0\","
	"\"dns\":{\"domain\":\"example\",\"nameservers\":[\"10.0.0.53\"],"
	"\"options\":[\"ndots:2\"],\"search\":[\"a.example\"]},"
	"\"interfaces\":[{\"mac\":\"02:00:00:00:00:01\",\"name\":\"br0\"},"
	"{\"mac\":\"02:00:00:00:00:02\",\"mtu\":1400,\"name\":\"eth0\",\"pciID\":\"0000:03:02.1\","
	"\"sandbox\":\"/run/netns/x\",\"socketPath\":\"/run/s\"}],"
	"\"ips\":[{\"address\":\"10.0.0.2/24\",\"gateway\":\"10.0.0.1\",\"interface\":1},"
	"{\"address\":\"fd00::2/64\",\"interface\":0},{\"address\":\"10.0.1.2/16\"}],"
	"\"routes\":[{\"dst\":\"0.0.0.0/0\",\"gw\":\"10.0.0.1\"},"
	"{\"advmss\":1260,\"dst\":\"10.9.0.0/16\",\"mtu\":1300,\"priority\":5,\"scope\":253,"
	"\"table\":100},{\"dst\":\"10.8.0.0/16\",\"scope\":0,\"table\":0}]}";

static const char full_0_4[] =
	"{\"cniVersion\":\"0.4.0\","
	"\"interfaces\":[{\"name\":\"br0\",\"mac\":\"02:00:00:00:00:01\"},"
	"{\"name\":\"eth0\",\"mac\":\"02:00:00:00:00:02\",\"sandbox\":\"/run/netns/x\"}],"
	"\"ips\":[{\"version\":\"4\",\"interface\":1,\"address\":\"10.0.0.2/24\","
	"\"gateway\":\"10.0.0.1\"},"
	"{\"version\":\"6\",\"interface\":0,\"address\":\"fd00::2/64\"},"
	"{\"version\":\"4\",\"address\":\"10.0.1.2/16\"}],"
	"\"routes\":[{\"dst\":\"0.0.0.0/0\",\"gw\":\"10.0.0.1\"},"
	"{\"dst\":\"10.9.0.0/16\",\"mtu\":1300,\"advmss\":1260,\"priority\":5,\"table\":100,"
	"\"scope\":253},{\"dst\":\"10.8.0.0/16\",\"table\":0,\"scope\":0}],"
	"\"dns\":{\"nameservers\":[\"10.0.0.53\"],\"domain\":\"example\","
	"\"search\":[\"a.example\"],\"options\":[\"ndots:2\"]}}";

static const char full_0_2[] =
	"{\"cniVersion\":\"0.2.0\","
	"\"ip4\":{\"ip\":\"10.0.0.2/24\",\"gateway\":\"10.0.0.1\",\"routes\":[{\"dst\":\"0.0.0.0/0\","
	"\"gw\":\"10.0.0.1\"},{\"dst\":\"10.9.0.0/16\"},{\"dst\":\"10.8.0.0/16\"}]},"
	"\"ip6\":{\"ip\":\"fd00::2/64\",\"routes\":[{\"dst\":\"::/0\"}]},"
	"\"dns\":{\"nameservers\":[\"10.0.0.53\"],\"domain\":\"example\","
	"\"search\":[\"a.example\"],\"options\":[\"ndots:2\"]}}";

static void what_is_read_prints_the_same(void **state)
{
	(void)state;
	converts(full_1_1, "1.1.0", "1.1.0", full_1_1);
	converts(full_0_4, "0.4.0", "0.4.0", full_0_4);
	converts(full_0_2, "0.2.0", "0.2.0", full_0_2);
}

static void results_convert_down(void **state)
{
	(void)state;
	converts(full_1_1, "1.1.0", "0.4.0", full_0_4);
}

static void the_oldest_results_convert_up(void **state)
{
	(void)state;
	converts(
		full_0_2, "0.2.0", "0.3.1",
		"{\"cniVersion\":\"0.3.1\",\"ips\":[{\"version\":\"4\",\"address\":\"10.0.0.2/24\","
		"\"gateway\":\"10.0.0.1\"},{\"version\":\"6\",\"address\":\"fd00::2/64\"}],"
		"\"routes\":[{\"dst\":\"0.0.0.0/0\",\"gw\":\"10.0.0.1\"},{\"dst\":\"10.9.0.0/16\"},"
		"{\"dst\":\"10.8.0.0/16\"},{\"dst\":\"::/0\"}],"
		"\"dns\":{\"nameservers\":[\"10.0.0.53\"],\"domain\":\"example\","
		"\"search\":[\"a.example\"],\"options\":[\"ndots:2\"]}}");
}

/* Their values may be of any type then. */
static void keys_of_other_shapes_are_ignored(void **state)
{
	(void)state;
	converts("{\"ip4\":5,\"ips\":[{\"version\":6,\"address\":\"10.0.0.2/24\",\"x\":1}]}",
		 "1.0.0", "1.0.0",
		 "{\"cniVersion\":\"1.0.0\",\"ips\":[{\"address\":\"10.0.0.2/24\"}]}");
	converts("{\"interfaces\":[{\"name\":\"a\",\"mtu\":\"x\",\"pciID\":7}]}", "0.4.0", "1.0.0",
		 "{\"cniVersion\":\"1.0.0\",\"interfaces\":[{\"name\":\"a\"}]}");
	converts("{\"ips\":7,\"interfaces\":\"x\",\"ip6\":{\"IP\":\"fd00::1/64\"}}", "0.1.0",
		 "1.0.0", "{\"cniVersion\":\"1.0.0\",\"ips\":[{\"address\":\"fd00::1/64\"}]}");
}

static void nothing_is_a_result(void **state)
{
	static const char *const texts[] = {
		"{}", "{\"ips\":null,\"interfaces\":null,\"routes\":null,\"dns\":null}",
		"{\"ips\":[],\"interfaces\":[],\"routes\":[],\"dns\":{}}"
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
		converts(texts[i], "1.0.0", "1.0.0", "{\"cniVersion\":\"1.0.0\"}");
}

static void the_version_must_be_of_the_family(void **state)
{
	(void)state;
	refused("{\"cniVersion\":\"1.0.0\"}", "0.4.0",
		"result type supports [0.3.0 0.3.1 0.4.0] but unmarshalled CNIVersion is \"1.0.0\"");
	refused("{\"cniVersion\":\"0.4.0\"}", "1.0.0",
		"result type supports [1.0.0 1.1.0] but unmarshalled CNIVersion is \"0.4.0\"");
	refused("{\"CNIVersion\":\"x\"}", "0.1.0",
		"result type supports [ 0.1.0 0.2.0] but unmarshalled CNIVersion is \"x\"");
	refused("{}", "2.0.0", "unsupported CNI result version \"2.0.0\"");
	(void)accepted("{\"cniVersion\":\"1.0.0\"}", "1.1.0");
	(void)accepted("{\"cniVersion\":\"\"}", "0.3.0");
}

static void bad_values_are_named(void **state)
{
	(void)state;
	refused("{\"ips\":[{\"address\":\"10.0.0.1/24\"},{\"address\":\"10.0.0.1\"}]}", "1.0.0",
		"key 'ips[1].address': invalid CIDR address: 10.0.0.1");
	refused("{\"ips\":[{}]}", "1.0.0", "required key 'ips[0].address' is missing");
	refused("{\"ips\":[{\"address\":\"10.0.0.1/24\",\"interface\":2147483648}]}", "1.0.0",
		"key 'ips[0].interface' must be between -1 and 2147483647, got 2147483648");
	refused("{\"ips\":[{\"address\":\"10.0.0.1/24\",\"interface\":\"0\"}]}", "1.0.0",
		"key 'ips[0].interface' must be an integer, not a string");
	refused("{\"routes\":[{\"gw\":\"10.0.0.1\"}]}", "0.3.1",
		"required key 'routes[0].dst' is missing");
	refused("{\"routes\":[{\"dst\":\"10.0.0.0/8\",\"table\":4294967296}]}", "1.1.0",
		"key 'routes[0].table' must be between 0 and 4294967295, got 4294967296");
	refused("{\"routes\":[{\"dst\":\"10.0.0.0/8\",\"scope\":256}]}", "1.1.0",
		"key 'routes[0].scope' must be between 0 and 255, got 256");
	refused("{\"interfaces\":[{\"mtu\":-1}]}", "1.1.0",
		"key 'interfaces[0].mtu' must be between 0 and 4294967295, got -1");
	refused("{\"dns\":{\"nameservers\":\"x\"}}", "1.1.0",
		"key 'dns.nameservers' must be an array of strings, not a string");
}

static void texts_that_are_not_given_are_empty(void **state)
{
	const struct cni_result res =
		accepted("{\"interfaces\":[{},null,{\"name\":null}]}", "1.0.0");

	(void)state;
	assert_int_equal(res.n_interfaces, 3);
	for (size_t i = 0; i < 3; i++) {
		assert_string_equal(res.interfaces[i].name, "");
		assert_string_equal(res.interfaces[i].mac, "");
		assert_string_equal(res.interfaces[i].sandbox, "");
		assert_string_equal(res.interfaces[i].socket_path, "");
		assert_string_equal(res.interfaces[i].pci_id, "");
	}
}

static void an_index_out_of_range_has_no_interface(void **state)
{
	const struct cni_result res =
		accepted("{\"interfaces\":[{\"name\":\"a\"}],\"ips\":[{\"address\":\"10.0.0.1/24\","
			 "\"interface\":0},{\"address\":\"10.0.0.2/24\",\"interface\":1},"
			 "{\"address\":\"10.0.0.3/24\"},{\"address\":\"10.0.0.3/24\","
			 "\"interface\":-1}]}",
			 "1.0.0");

	(void)state;
	assert_ptr_equal(cni_ip_interface(&res, &res.ips[0]), &res.interfaces[0]);
	for (size_t i = 1; i < 4; i++)
		assert_null(cni_ip_interface(&res, &res.ips[i]));
}

#if OOM_WORKS
static void every_failed_allocation_is_reported(void **state)
{
	static const char *const texts[][2] = { { full_1_1, "1.1.0" },
						{ full_0_4, "0.4.0" },
						{ full_0_2, "0.2.0" } };

	(void)teardown(state);
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		for (unsigned n = 1;; n++) {
			struct cni_result res;
			int r;

			oom_begin(n);
			r = parse(texts[i][0], texts[i][1], &res, NULL);
			(void)teardown(NULL);
			assert_int_equal(oom_end(), 0);
			if (r == 0)
				break;
			assert_int_equal(r, -ENOMEM);
		}
	}
}
#endif

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_read_prints_the_same),
		cmocka_unit_test(results_convert_down),
		cmocka_unit_test(the_oldest_results_convert_up),
		cmocka_unit_test(keys_of_other_shapes_are_ignored),
		cmocka_unit_test(nothing_is_a_result),
		cmocka_unit_test(the_version_must_be_of_the_family),
		cmocka_unit_test(bad_values_are_named),
		cmocka_unit_test(texts_that_are_not_given_are_empty),
		cmocka_unit_test(an_index_out_of_range_has_no_interface),
#if OOM_WORKS
		cmocka_unit_test(every_failed_allocation_is_reported),
#endif
	};

	return cmocka_run_group_tests(tests, NULL, teardown);
}
