/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cni/result.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "base/str.h"
#include "cni/cni_priv.h"

static void members_are_appended(void **state)
{
	struct arena arena = ARENA_INIT;
	struct cni_result res = { .n_ips = 0 };

	(void)state;
	for (size_t i = 0; i < 10; i++) {
		struct cni_interface *in = cni_result_add_interface(&res, &arena);
		struct cni_ip *ip = cni_result_add_ip(&res, &arena);
		struct cni_route *rt = cni_result_add_route(&res, &arena);

		assert_non_null(in);
		assert_non_null(ip);
		assert_non_null(rt);
		assert_null(in->name);
		assert_int_equal(ip->interface, CNI_NO_INTERFACE);
		assert_false(rt->has_table);
		ip->interface = (int64_t)i;
		rt->priority = (int64_t)i;
		in->mtu = (int64_t)i;
	}
	assert_int_equal(res.n_interfaces, 10);
	assert_int_equal(res.n_ips, 10);
	assert_int_equal(res.n_routes, 10);
	for (size_t i = 0; i < 10; i++) {
		assert_int_equal(res.interfaces[i].mtu, i);
		assert_int_equal(res.ips[i].interface, i);
		assert_int_equal(res.routes[i].priority, i);
	}
	arena_done(&arena);
}

/* A result often starts as prevResult, whose arrays have no room. */
static void appending_leaves_the_array_it_started_from(void **state)
{
	struct arena arena = ARENA_INIT;
	struct cni_ip prev[] = { { .interface = 3 } };
	struct cni_result res = { .ips = prev, .n_ips = 1 };

	(void)state;
	assert_non_null(cni_result_add_ip(&res, &arena));
	assert_ptr_not_equal(res.ips, prev);
	assert_int_equal(res.ips[0].interface, 3);
	res.ips[0].interface = 4;
	assert_int_equal(prev[0].interface, 3);
	arena_done(&arena);
}

static void dns_given_empty_counts_as_set(void **state)
{
	static const char *none[1];

	(void)state;
	assert_false(cni_dns_is_set(&(struct cni_dns){ .domain = NULL }));
	assert_false(cni_dns_is_set(&(struct cni_dns){ .domain = "" }));
	assert_true(cni_dns_is_set(&(struct cni_dns){ .domain = "x" }));
	assert_true(cni_dns_is_set(&(struct cni_dns){ .nameservers = { none, 0 } }));
	assert_true(cni_dns_is_set(&(struct cni_dns){ .search = { none, 0 } }));
	assert_true(cni_dns_is_set(&(struct cni_dns){ .options = { none, 0 } }));
}

static const char text[] =
	"{\"cniVersion\":\"1.1.0\","
	"\"dns\":{\"domain\":\"example\",\"nameservers\":[\"10.0.0.53\"],"
	"\"options\":[\"ndots:2\"],\"search\":[\"a.example\"]},"
	"\"interfaces\":[{\"mac\":\"02:00:00:00:00:02\",\"mtu\":1400,\"name\":\"eth0\","
	"\"pciID\":\"0000:03:02.1\",\"sandbox\":\"/run/netns/x\",\"socketPath\":\"/run/s\"}],"
	"\"ips\":[{\"address\":\"10.0.0.2/24\",\"gateway\":\"10.0.0.1\",\"interface\":0}],"
	"\"routes\":[{\"dst\":\"0.0.0.0/0\",\"gw\":\"10.0.0.1\"}]}";

/* Under a sanitizer any part that was not copied is a use after free. */
static void a_copy_outlives_its_document(void **state)
{
	struct arena arena = ARENA_INIT;
	struct strbuf b = STRBUF_INIT;
	struct cni_result res;
	struct cni_result copy;
	struct json_doc *doc;

	(void)state;
	assert_int_equal(json_doc_parse(text, strlen(text), &doc, NULL), 0);
	assert_int_equal(cni_result_read(doc, NULL, "1.1.0", &res, NULL), 0);
	assert_int_equal(cni_result_copy(&copy, &res, &arena, NULL), 0);
	json_doc_free(doc);
	assert_int_equal(cni_result_print(&copy, "1.1.0", 0, &b, NULL), 0);
	assert_string_equal(b.s, text);
	strbuf_done(&b);
	arena_done(&arena);
}

static void a_copy_keeps_dns_given_empty(void **state)
{
	static const char *none[1];
	const struct cni_result res = { .dns = { .search = { none, 0 } } };
	struct arena arena = ARENA_INIT;
	struct cni_result copy;

	(void)state;
	assert_int_equal(cni_result_copy(&copy, &res, &arena, NULL), 0);
	assert_true(cni_dns_is_set(&copy.dns));
	assert_null(copy.dns.options.v);
	arena_done(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(members_are_appended),
		cmocka_unit_test(appending_leaves_the_array_it_started_from),
		cmocka_unit_test(dns_given_empty_counts_as_set),
		cmocka_unit_test(a_copy_outlives_its_document),
		cmocka_unit_test(a_copy_keeps_dns_given_empty),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
