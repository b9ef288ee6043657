/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "netstack/net/params.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void defaults_are_valid_and_those_of_linux(void **state)
{
	struct ip_params p;

	(void)state;
	ip_params_default(&p);
	assert_int_equal(ip_params_check(&p), 0);
	assert_int_equal(p.ttl, 64);
	assert_int_equal(p.port_min, 32768);
	assert_int_equal(p.port_max, 60999);
	assert_int_equal(p.reass_ms, 30000);
	assert_int_equal(p.icmp_per_s, 1000);
	assert_int_equal(p.icmp_burst, 50);
	assert_int_equal(p.pmtu_min, 552);
	assert_int_equal(p.dad_transmits, 1);
	assert_false(p.ip4_forward);
	assert_false(p.accept_ra);
}

#define assert_refused(field, value)                                                               \
	do {                                                                                       \
		struct ip_params p_;                                                               \
		ip_params_default(&p_);                                                            \
		p_.field = (value);                                                                \
		assert_int_equal(ip_params_check(&p_), -EINVAL);                                   \
	} while (0)

static void what_makes_no_sense_is_refused(void **state)
{
	(void)state;
	assert_refused(ttl, 0);
	assert_refused(pmtu_min, 67);
	assert_refused(pmtu_min, 65536);
	assert_refused(port_min, 0);
	assert_refused(port_min, 61000);
	assert_refused(port_max, 32767);
	assert_refused(igmp_version, 1);
	assert_refused(igmp_version, 4);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(defaults_are_valid_and_those_of_linux),
		cmocka_unit_test(what_makes_no_sense_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
