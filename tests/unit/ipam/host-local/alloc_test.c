/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Which addresses are given out, and that a failure gives out none.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include <cmocka.h>

#include "ipam/host-local/alloc_priv.h"
#include "ipam/host-local/conf_priv.h"
#include "store_fixture.h"

#define SETS_MAX   3
#define RANGES_MAX 4

/* A configuration, built from text. */
struct plan {
	struct hl_range ranges[SETS_MAX][RANGES_MAX];
	struct hl_range_set sets[SETS_MAX];
	struct ipaddr requested[SETS_MAX];
	struct hl_conf conf;
};

static struct plan plan;

static int plan_setup(void **state)
{
	memset(&plan, 0, sizeof(plan));
	plan.conf.sets = plan.sets;
	plan.conf.requested = plan.requested;
	return store_setup(state);
}

/* Add a range to set @set; "" for what is left out. */
static void add_range(size_t set, const char *subnet, const char *start, const char *end)
{
	struct hl_range *r = &plan.ranges[set][plan.sets[set].n++];
	struct nerr err = NERR_INIT;

	assert_int_equal(ipnet_from_str(subnet, &r->subnet), 0);
	if (*start)
		r->start = addr(start);
	if (*end)
		r->end = addr(end);
	plan.sets[set].v = plan.ranges[set];
	if (plan.conf.n_sets <= set)
		plan.conf.n_sets = set + 1;
	assert_int_equal(hl_range_complete(r, &err), 0);
}

static void request(const char *text)
{
	plan.requested[plan.conf.n_requested++] = addr(text);
}

/* One ADD. */
static int alloc(const char *id, struct hl_lease *ret, struct nerr *err)
{
	struct hl_store st;
	int r;

	open_store(&st);
	r = hl_alloc(&st, &plan.conf, id, "eth0", ret, err);
	hl_store_close(&st);
	return r;
}

/* One ADD that gives the addresses of @want, separated by blanks. */
static void assert_alloc(const char *id, const char *want)
{
	struct hl_lease leases[SETS_MAX];
	struct nerr err = NERR_INIT;
	char text[SETS_MAX * IPADDR_STR_LEN] = "";
	size_t used = 0;

	assert_int_equal(alloc(id, leases, &err), 0);
	for (size_t i = 0; i < plan.conf.n_sets; i++) {
		char one[IPADDR_STR_LEN];

		used += (size_t)snprintf(text + used, sizeof(text) - used, "%s%s", i ? " " : "",
					 ipaddr_to_str(&leases[i].addr, one));
		assert_true(exists(one));
	}
	assert_string_equal(text, want);
}

static void assert_refused(const char *id, const char *want)
{
	struct hl_lease leases[SETS_MAX];
	struct nerr err = NERR_INIT;

	assert_true(alloc(id, leases, &err) < 0);
	assert_string_equal(err.msg, want);
}

/* ---- order ---- */

static void addresses_go_round(void **state)
{
	(void)state;
	add_range(0, "10.1.0.0/29", "", "");
	assert_alloc("a", "10.1.0.2");
	assert_alloc("b", "10.1.0.3");
	assert_int_equal(unlink(net_path("10.1.0.2")), 0);
	assert_alloc("c", "10.1.0.4");
	assert_content("last_reserved_ip.0", "10.1.0.4");
	assert_alloc("d", "10.1.0.5");
	assert_alloc("e", "10.1.0.6");
	assert_alloc("f", "10.1.0.2");
	assert_refused(
		"g",
		"failed to allocate for range 0: no IP addresses available in range set: 10.1.0.1-10.1.0.6");
	assert_int_equal(unlink(net_path("10.1.0.2")), 0);
	assert_alloc("h", "10.1.0.2"); /* the last one given out is the last one tried */
}

static void ranges_of_a_set_follow_each_other(void **state)
{
	(void)state;
	add_range(0, "10.2.0.0/24", "10.2.0.5", "10.2.0.6");
	add_range(0, "10.1.0.0/24", "", "10.1.0.3");
	assert_alloc("a", "10.2.0.5");
	assert_alloc("b", "10.2.0.6");
	assert_alloc("c", "10.1.0.2");
	assert_alloc("d", "10.1.0.3");
	assert_refused(
		"e",
		"failed to allocate for range 0: no IP addresses available in range set: 10.2.0.5-10.2.0.6,10.1.0.1-10.1.0.3");
	put("last_reserved_ip.0", "192.0.2.1"); /* not of this set */
	assert_int_equal(unlink(net_path("10.2.0.6")), 0);
	assert_int_equal(unlink(net_path("10.1.0.3")), 0);
	assert_alloc("f", "10.2.0.6");
}

static void each_set_gives_one(void **state)
{
	(void)state;
	add_range(0, "10.1.0.0/24", "", "");
	add_range(1, "fd00::/64", "", "");
	assert_alloc("a", "10.1.0.2 fd00::2");
	assert_alloc("b", "10.1.0.3 fd00::3");
	assert_content("last_reserved_ip.0", "10.1.0.3");
	assert_content("last_reserved_ip.1", "fd00::3");
}

/* Every combination of taken addresses and a last one, against a plain loop. */
static void the_first_free_one_is_found_however_crowded_it_is(void **state)
{
	enum {
		FIRST = 2,
		LAST = 62
	}; /* more than are tried one by one */

	(void)state;
	add_range(0, "10.1.0.0/26", "", "");
	for (unsigned taken = 0; taken < 62; taken += 6) {
		for (unsigned last = FIRST; last <= LAST; last += 10) {
			struct hl_lease lease = { .range = NULL };
			struct nerr err = NERR_INIT;
			char name[32];
			unsigned want = 0;
			int r;

			for (unsigned i = 1; i <= taken; i++) {
				(void)snprintf(name, sizeof(name), "10.1.0.%u",
					       (last + i - 1) % 62 + 1);
				put(name, "other\r\neth0");
			}
			for (unsigned i = 1; i <= 62 && !want; i++) {
				(void)snprintf(name, sizeof(name), "10.1.0.%u",
					       (last + i - 1) % 62 + 1);
				if ((last + i - 1) % 62 + 1 != 1 && !exists(name))
					want = (last + i - 1) % 62 + 1;
			}
			(void)snprintf(name, sizeof(name), "10.1.0.%u", last);
			put("last_reserved_ip.0", name);
			r = alloc("a", &lease, &err);
			assert_int_equal(r, want ? 0 : -EADDRNOTAVAIL);
			if (want)
				assert_int_equal(lease.addr.bytes[3], want);
			for (unsigned i = 1; i <= 62; i++) {
				(void)snprintf(name, sizeof(name), "10.1.0.%u", i);
				(void)unlink(net_path(name)); /* it may not be there */
			}
		}
	}
}

/* Taken addresses that are in memory only: one of them is what the file system lets us
 * take, which shows where the search ended.
 */
static void pretend_taken(struct hl_store *st, const char *first, size_t n)
{
	struct ipaddr a = addr(first);

	st->scanned = true;
	for (size_t i = 0; i < n; i++) {
		assert_int_equal(hl_store_make_room(st), 0);
		st->entries[st->n_entries++] =
			(struct hl_entry){ .owner = (uint32_t)(i * 2654435761u) | 1, .addr = a };
		assert_true(ipaddr_next(&a));
	}
}

static void a_crowded_astronomic_range_is_no_trouble(void **state)
{
	struct hl_lease lease = { .range = NULL };
	struct nerr err = NERR_INIT;
	struct hl_store st;

	(void)state;
	add_range(0, "fd00::/8", "", "");
	for (unsigned i = 2; i < 20; i++) { /* the first candidates are tried */
		char name[32];

		(void)snprintf(name, sizeof(name), "fd00::%x", i);
		put(name, "other\r\neth0");
	}
	open_store(&st);
	pretend_taken(&st, "fd00::2", 400000); /* several windows of the map */
	assert_int_equal(hl_alloc(&st, &plan.conf, "a", "eth0", &lease, &err), 0);
	assert_true(exists("fd00::6:1a82")); /* 2 + 400000 */
	hl_store_close(&st);
}

static void a_full_large_range_is_exhausted(void **state)
{
	struct hl_lease lease = { .range = NULL };
	struct nerr err = NERR_INIT;
	struct hl_store st;

	(void)state;
	add_range(0, "10.0.0.0/14", "", "");
	for (unsigned i = 2; i < 20; i++) {
		char name[32];

		(void)snprintf(name, sizeof(name), "10.0.0.%u", i);
		put(name, "other\r\neth0");
	}
	open_store(&st);
	pretend_taken(&st, "10.0.0.2", (1 << 18) - 3);
	assert_int_equal(hl_alloc(&st, &plan.conf, "a", "eth0", &lease, &err), -EADDRNOTAVAIL);
	assert_int_equal(hl_alloc_possible(&st, &plan.conf, &err), -EADDRNOTAVAIL);
	st.n_entries--;
	assert_int_equal(hl_alloc_possible(&st, &plan.conf, &err), 0);
	assert_int_equal(hl_alloc(&st, &plan.conf, "a", "eth0", &lease, &err), 0);
	assert_true(exists("10.3.255.254"));
	st.scanned = false; /* what was pretended must not become an index */
	hl_store_close(&st);
}

static void an_index_that_knows_too_much_is_not_the_last_word(void **state)
{
	struct hl_lease lease = { .range = NULL };
	struct nerr err = NERR_INIT;
	struct hl_store st;
	struct stat dir;

	(void)state;
	add_range(0, "10.1.0.0/24", "10.1.0.1", "10.1.0.199");
	put_many(200);
	open_store(&st);
	assert_int_equal(hl_alloc(&st, &plan.conf, "a", "eth0", &lease, &err), -EADDRNOTAVAIL);
	hl_store_close(&st);
	/* Removed without being noticed: the time of the directory is put back. */
	assert_int_equal(stat(net_path(""), &dir), 0);
	assert_int_equal(unlink(net_path("10.1.0.150")), 0);
	assert_int_equal(utimensat(AT_FDCWD, net_path(""),
				   (struct timespec[]){ dir.st_atim, dir.st_mtim }, 0),
			 0);
	open_store(&st);
	assert_true(st.index.fd >= 0);
	assert_int_equal(hl_alloc(&st, &plan.conf, "a", "eth0", &lease, &err), -EADDRNOTAVAIL);
	assert_false(st.scanned); /* the directory was read just now */
	st.index.head.scanned_s -= HL_RESCAN_AGE_S;
	assert_int_equal(hl_alloc(&st, &plan.conf, "a", "eth0", &lease, &err), 0);
	assert_true(st.scanned);
	hl_store_close(&st);
	assert_content("10.1.0.150", "a\r\neth0");
}

/* ---- requests ---- */

static void a_requested_address_is_given(void **state)
{
	(void)state;
	add_range(0, "10.1.0.0/24", "", "");
	add_range(1, "fd00::/64", "", "");
	request("fd00::77");
	assert_alloc("a", "10.1.0.2 fd00::77");
	assert_content("last_reserved_ip.1", "fd00::77");
	assert_refused(
		"b",
		"failed to allocate for range 1: requested IP address fd00::77 is not available in range set fd00::1-fd00::ffff:ffff:ffff:ffff");
	assert_false(exists("10.1.0.3"));
}

static void a_requested_address_must_be_free_and_no_gateway(void **state)
{
	(void)state;
	add_range(0, "10.1.0.0/24", "", "");
	request("10.1.0.1");
	assert_refused("a",
		       "failed to allocate for range 0: requested ip 10.1.0.1 is subnet's gateway");
	plan.requested[0] = addr("10.1.0.9");
	put("10.1.0.9", "");
	assert_refused(
		"a",
		"failed to allocate for range 0: requested IP address 10.1.0.9 is not available in range set 10.1.0.1-10.1.0.254");
	age("10.1.0.9", HL_TORN_AGE_S + 1); /* nobody's any more */
	assert_alloc("a", "10.1.0.9");
}

static void requests_that_fit_nowhere_fail_the_whole(void **state)
{
	(void)state;
	add_range(0, "10.1.0.0/24", "", "");
	request("10.1.0.9");
	request("10.1.0.8");
	request("192.0.2.1");
	assert_refused("a", "failed to allocate all requested IPs: 10.1.0.8 192.0.2.1");
	assert_false(exists("10.1.0.9"));
	assert_false(exists("last_reserved_ip.0"));
}

/* ---- second time ---- */

static void a_second_address_is_refused(void **state)
{
	(void)state;
	add_range(0, "10.1.0.0/24", "", "");
	assert_alloc("a", "10.1.0.2");
	assert_refused(
		"a",
		"failed to allocate for range 0: 10.1.0.2 has been allocated to a, duplicate allocation is not allowed");
	put("10.1.0.99", "old");
	assert_refused(
		"old",
		"failed to allocate for range 0: 10.1.0.99 has been allocated to old, duplicate allocation is not allowed");
	request("10.1.0.50"); /* as the reference: a request skips that test */
	assert_alloc("a", "10.1.0.50");
}

static void an_address_of_another_set_does_not_count(void **state)
{
	(void)state;
	put("10.9.0.9", "a\r\neth0");
	put("10.1.0.200", "a\r\neth1");
	add_range(0, "10.1.0.0/24", "", "");
	assert_alloc("a", "10.1.0.2");
}

/* ---- failures ---- */

static void a_failure_gives_back_what_was_reserved(void **state)
{
	(void)state;
	put("10.1.0.77", "a\r\neth1");
	put("192.0.2.2", "other\r\neth0");
	add_range(0, "10.1.0.0/24", "", "");
	add_range(1, "fd00::/64", "", "");
	add_range(2, "192.0.2.0/30", "", "");
	assert_refused(
		"a",
		"failed to allocate for range 2: no IP addresses available in range set: 192.0.2.1-192.0.2.2");
	assert_false(exists("10.1.0.2"));
	assert_false(exists("fd00::2"));
	assert_false(exists("last_reserved_ip.0"));
	assert_true(exists("10.1.0.77"));
}

static void a_container_id_that_is_too_long_is_refused(void **state)
{
	char id[HL_RECORD_MAX + 1];

	(void)state;
	memset(id, 'a', sizeof(id));
	id[HL_RECORD_MAX] = '\0';
	add_range(0, "10.1.0.0/24", "", "");
	assert_refused(id, "container id of 2048 bytes is too long");
}

static void a_range_of_the_gateway_alone_is_empty(void **state)
{
	struct nerr err = NERR_INIT;

	(void)state;
	add_range(0, "10.1.0.0/24", "", "10.1.0.1");
	assert_refused(
		"a",
		"failed to allocate for range 0: no IP addresses available in range set: 10.1.0.1-10.1.0.1");
	assert_int_equal(hl_alloc_possible_empty(&plan.conf, &err), -EADDRNOTAVAIL);
	assert_string_equal(err.msg, "no IP addresses available in range set: 10.1.0.1-10.1.0.1");
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, plan_setup, store_teardown)
	static const struct CMUnitTest tests[] = {
		T(addresses_go_round),
		T(ranges_of_a_set_follow_each_other),
		T(each_set_gives_one),
		T(the_first_free_one_is_found_however_crowded_it_is),
		T(a_crowded_astronomic_range_is_no_trouble),
		T(a_full_large_range_is_exhausted),
		T(an_index_that_knows_too_much_is_not_the_last_word),
		T(a_requested_address_is_given),
		T(a_requested_address_must_be_free_and_no_gateway),
		T(requests_that_fit_nowhere_fail_the_whole),
		T(a_second_address_is_refused),
		T(an_address_of_another_set_does_not_count),
		T(a_failure_gives_back_what_was_reserved),
		T(a_container_id_that_is_too_long_is_refused),
		T(a_range_of_the_gateway_alone_is_empty),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
