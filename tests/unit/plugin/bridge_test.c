/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What depends on no bridge; the rest is shown by the tests of the plugins.
 */
#include "plugin/bridge.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "cni/result.h"

static void add_ip(struct cni_result *res, struct arena *arena, const char *net, const char *gw)
{
	struct cni_ip *ip = cni_result_add_ip(res, arena);

	assert_non_null(ip);
	assert_int_equal(ipnet_from_str(net, &ip->address), 0);
	if (gw)
		assert_int_equal(ipaddr_from_str(gw, &ip->gateway), 0);
}

static void add_route(struct cni_result *res, struct arena *arena, const char *dst)
{
	struct cni_route *route = cni_result_add_route(res, arena);

	assert_non_null(route);
	assert_int_equal(ipnet_from_str(dst, &route->dst), 0);
}

static void gateway_is(const struct cni_result *res, size_t i, const char *want)
{
	char text[IPADDR_STR_LEN];

	assert_string_equal(ipaddr_to_str(&res->ips[i].gateway, text), want);
}

static void a_gateway_is_the_first_address_unless_it_is_given(void **state)
{
	CLEANUP(arena_done) struct arena arena = ARENA_INIT;
	struct cni_result res = { .n_ips = 0 };

	(void)state;
	add_ip(&res, &arena, "10.1.0.9/24", NULL);
	add_ip(&res, &arena, "fd00:1::9/64", NULL);
	add_ip(&res, &arena, "10.2.0.9/24", "10.2.0.254");
	assert_int_equal(bridge_dev_complete_ips(&res, &arena, 2, true, false, NULL), 0);
	gateway_is(&res, 0, "10.1.0.1");
	gateway_is(&res, 1, "fd00:1::1");
	gateway_is(&res, 2, "10.2.0.254");
	for (size_t i = 0; i < res.n_ips; i++)
		assert_int_equal(res.ips[i].interface, 2);
	assert_int_equal(res.n_routes, 0);
}

static void a_host_that_is_no_gateway_adds_none(void **state)
{
	CLEANUP(arena_done) struct arena arena = ARENA_INIT;
	struct cni_result res = { .n_ips = 0 };

	(void)state;
	add_ip(&res, &arena, "10.1.0.9/24", NULL);
	assert_int_equal(bridge_dev_complete_ips(&res, &arena, 1, false, false, NULL), 0);
	assert_false(ipaddr_is_set(&res.ips[0].gateway));
	assert_int_equal(res.ips[0].interface, 1);
}

static void one_default_route_a_family(void **state)
{
	CLEANUP(arena_done) struct arena arena = ARENA_INIT;
	struct cni_result res = { .n_ips = 0 };
	char text[IPNET_STR_LEN];

	(void)state;
	add_ip(&res, &arena, "10.1.0.9/24", NULL);
	add_ip(&res, &arena, "10.2.0.9/24", NULL);
	add_ip(&res, &arena, "fd00:1::9/64", NULL);
	add_route(&res, &arena, "10.7.0.0/16");
	add_route(&res, &arena, "::/0");
	assert_int_equal(bridge_dev_complete_ips(&res, &arena, 2, true, true, NULL), 0);
	assert_int_equal(res.n_routes, 3);
	assert_string_equal(ipnet_to_str(&res.routes[2].dst, text), "0.0.0.0/0");
	assert_true(ipaddr_eq(&res.routes[2].gw, &res.ips[0].gateway));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_gateway_is_the_first_address_unless_it_is_given),
		cmocka_unit_test(a_host_that_is_no_gateway_adds_none),
		cmocka_unit_test(one_default_route_a_family),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
