/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <net/if.h>

#include <linux/if.h>

#include "tests/unit/netns_fixture.h"
#include "tests/unit/waiter.h"

/* A veth whose other end is down: a0 is up without carrier. */
static int half_up(struct nlsock *nl)
{
	struct nerr err;
	int i;

	veth_pair(nl, "a0", "b0");
	i = ifindex_of(nl, "a0");
	link_put_up(nl, i, "a0");
	assert_ok(nlsock_commit(nl, &err), err);
	return i;
}

static void state_that_is_there_already(void **state)
{
	struct nlsock *nl = *state;
	uint8_t seen = 99;
	struct nerr err;
	int i;

	veth_pair(nl, "a0", "b0");
	i = ifindex_of(nl, "a0");
	assert_ok(link_wait_operstate(i, IF_OPER_DOWN, 0, &seen, &err), err);
	assert_int_equal(seen, IF_OPER_DOWN);
}

static void peer_up(void *arg)
{
	struct nlsock *nl = arg;

	link_put_up(nl, ifindex_of(nl, "b0"), "b0");
	(void)nlsock_commit(nl, NULL); /* the waiting test tells */
}

static void state_that_comes_while_waiting(void **state)
{
	int i = half_up(*state);
	struct waiter w;
	uint8_t seen = 99;
	struct nerr err;

	waiter_start(&w, peer_up, *state);
	assert_ok(link_wait_operstate(i, IF_OPER_UP, 20000, &seen, &err), err);
	waiter_join(&w);
	assert_int_equal(seen, IF_OPER_UP);
	assert_sys_net("a0", "operstate", "up");
}

static void state_that_never_comes(void **state)
{
	int i = half_up(*state);
	uint8_t seen = 99;
	struct nerr err;

	assert_int_equal(link_wait_operstate(i, IF_OPER_UP, 30, &seen, &err), -ETIMEDOUT);
	assert_true(seen < IF_OPER_UP); /* which one depends on how fast the kernel is */
	assert_contains(err.msg, "link 'a0' is ");
	assert_contains(err.msg, link_operstate_str(seen));
	assert_contains(err.msg, ", waited 30 ms for up");
}

static void remove_link(void *arg)
{
	struct nlsock *nl = arg;

	link_put_del(nl, ifindex_of(nl, "a0"), "a0");
	(void)nlsock_commit(nl, NULL); /* the waiting test tells */
}

static void link_that_goes_while_waiting(void **state)
{
	int i = half_up(*state);
	struct waiter w;
	uint8_t seen = 99;
	struct nerr err;

	waiter_start(&w, remove_link, *state);
	assert_int_equal(link_wait_operstate(i, IF_OPER_UP, 20000, &seen, &err), -ENODEV);
	waiter_join(&w);
	assert_string_equal(err.msg, "Link not found");
}

static void other_link_then_peer_up(void *arg)
{
	struct nlsock *nl = arg;

	veth_pair(nl, "x0", "y0");
	links_up(nl, "x0", "y0");
	peer_up(nl);
}

static void news_of_other_links_do_not_end_the_wait(void **state)
{
	int i = half_up(*state);
	struct waiter w;
	uint8_t seen = 99;
	struct nerr err;

	waiter_start(&w, other_link_then_peer_up, *state);
	assert_ok(link_wait_operstate(i, IF_OPER_UP, 20000, &seen, &err), err);
	waiter_join(&w);
	assert_int_equal(seen, IF_OPER_UP);
}

static void missing_link(void **state)
{
	uint8_t seen = 99;
	struct nerr err;

	(void)state;
	assert_int_equal(link_wait_operstate(4711, IF_OPER_UP, 20000, &seen, &err), -ENODEV);
	assert_int_equal(seen, 99);
}

static void waiting_for_the_end(void **state)
{
	const int i = half_up(*state);
	struct waiter w;
	struct nerr err;

	assert_int_equal(link_wait_gone(i, 30, &err), -ETIMEDOUT);
	assert_string_equal(err.msg, "link 'a0' is still there after 30 ms");
	waiter_start(&w, remove_link, *state);
	assert_ok(link_wait_gone(i, 20000, &err), err);
	waiter_join(&w);
	assert_ok(link_wait_gone(i, 0, &err), err);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, netns_setup, netns_teardown)
	const struct CMUnitTest tests[] = {
		T(state_that_is_there_already),
		T(state_that_comes_while_waiting),
		T(state_that_never_comes),
		T(link_that_goes_while_waiting),
		T(waiting_for_the_end),
		T(news_of_other_links_do_not_end_the_wait),
		T(missing_link),
	};

	return cmocka_run_group_tests(tests, mounts_private, NULL);
}
