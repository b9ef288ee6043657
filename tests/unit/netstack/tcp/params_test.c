/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "netstack/tcp/params.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static struct tcp_params p;

static void defaults_are_legal(void **state)
{
	(void)state;
	tcp_params_default(&p);
	assert_int_equal(tcp_params_check(&p), 0);
	assert_string_equal(p.cc, "cubic");
	assert_int_equal(p.initial_cwnd, 10);
	assert_int_equal(p.rto_min_ms, 200);
}

#define REFUSED(field, value)                                                                      \
	do {                                                                                       \
		tcp_params_default(&p);                                                            \
		p.field = (value);                                                                 \
		assert_int_equal(tcp_params_check(&p), -EINVAL);                                   \
	} while (0)

#define TAKEN(field, value)                                                                        \
	do {                                                                                       \
		tcp_params_default(&p);                                                            \
		p.field = (value);                                                                 \
		assert_int_equal(tcp_params_check(&p), 0);                                         \
	} while (0)

static void what_makes_no_sense_is_refused(void **state)
{
	(void)state;
	REFUSED(rmem_min, 0);
	REFUSED(rmem_default, 1);
	REFUSED(rmem_max, 5000);
	REFUSED(wmem_default, p.wmem_max + 1);
	REFUSED(wmem_max, (1U << 30) + 1);
	REFUSED(bytes_max, 0);
	REFUSED(adv_win_scale, 32);
	REFUSED(rto_min_ms, 0);
	REFUSED(rto_max_ms, 199);
	REFUSED(rto_initial_ms, 0);
	REFUSED(delack_min_ms, 0);
	REFUSED(delack_min_ms, 201);
	REFUSED(delack_max_ms, 256);
	REFUSED(keepalive_s, 0);
	REFUSED(keepalive_intvl_s, 32768);
	REFUSED(keepalive_probes, 0);
	REFUSED(fin_timeout_s, 0);
	REFUSED(time_wait_s, 0);
	REFUSED(syn_backlog_max, 0);
	REFUSED(somaxconn, 0);
	REFUSED(retries1, 0);
	REFUSED(retries2, 0);
	REFUSED(initial_cwnd, 0);
	REFUSED(reordering, 0);
	REFUSED(reordering, 301);
	REFUSED(mtu_probing, 3);
	REFUSED(min_snd_mss, 47); /* all options and a word of data */
	REFUSED(base_mss, 47);
	REFUSED(limit_output_segs, 0);
	TAKEN(min_snd_mss, 48);
	TAKEN(adv_win_scale, -31);
	TAKEN(rto_max_ms, 1000);
	TAKEN(orphan_retries, 0);
}

static void algorithms_are_known_ones(void **state)
{
	(void)state;
	tcp_params_default(&p);
	memcpy(p.cc, "reno", 5);
	assert_int_equal(tcp_params_check(&p), 0);
	memcpy(p.cc, "vegas", 6);
	assert_int_equal(tcp_params_check(&p), -ENOENT);
	memset(p.cc, 'c', sizeof(p.cc)); /* without an end */
	assert_int_equal(tcp_params_check(&p), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(defaults_are_legal),
		cmocka_unit_test(what_makes_no_sense_is_refused),
		cmocka_unit_test(algorithms_are_known_ones),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
