/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <net/if.h>

#include <linux/if_addr.h>
#include <linux/rtnetlink.h>

#include <libmnl/libmnl.h>

#include "base/cleanup.h"
#include "netlink/addr.h"
#include "netlink/dump_priv.h"
#include "tests/unit/netns_fixture.h"

enum {
	ADDRS = 2000
};

/**
 * struct meddler - Changes the list while it is read
 * @rounds_left: How many dumps it spoils
 * @added:	Addresses it has added
 */
struct meddler {
	struct nlsock *other;
	unsigned *rounds_left;
	unsigned *added;
};

static void put_nth(struct nlsock *nl, unsigned i)
{
	struct ipnet net = { .addr = { .family = AF_INET,
				       .bytes = { 10, (uint8_t)(i >> 16), (uint8_t)(i >> 8),
						  (uint8_t)i } },
			     .prefix_len = 32 };

	addr_put(nl, 1, "lo", &net, false);
}

static int parse(const struct nlmsghdr *nlh, struct dump *d, const void *arg)
{
	const struct ifaddrmsg *ifa = mnl_nlmsg_get_payload(nlh);
	const struct meddler *m = arg;
	int r = dump_add(d, &ifa->ifa_index);

	if (r < 0)
		return r;
	if (d->n == 1 && m && *m->rounds_left) { /* the first of a round */
		(*m->rounds_left)--;
		put_nth(m->other, ADDRS + (*m->added)++);
		return nlsock_commit(m->other, NULL);
	}
	return 0;
}

static int gather(struct nlsock *nl, struct dump *d, const struct meddler *m, struct nerr *err)
{
	uint8_t buf[128] = { 0 };
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);

	nlh->nlmsg_type = RTM_GETADDR;
	nlh->nlmsg_flags = NLM_F_DUMP;
	mnl_nlmsg_put_extra_header(nlh, sizeof(struct ifaddrmsg));
	*d = (struct dump){ .item_size = sizeof(uint32_t), .parse = parse, .arg = m };
	return dump_gather(nl, nlh, d, err);
}

static struct nlsock *with_addrs(struct nlsock *nl)
{
	struct nlsock *other;
	struct nerr err;

	for (unsigned i = 0; i < ADDRS; i++)
		put_nth(nl, i);
	assert_ok(nlsock_commit(nl, &err), err);
	assert_ok(nlsock_open(&other, NETLINK_ROUTE, &err), err);
	return other;
}

static void repeated_dump_has_each_entry_once(void **state)
{
	CLEANUP(dump_done) struct dump d = { 0 };
	struct nlsock *nl = *state;
	unsigned rounds_left = 3;
	unsigned added = 0;
	struct meddler m = { with_addrs(nl), &rounds_left, &added };
	struct nerr err;

	assert_ok(gather(nl, &d, &m, &err), err);
	assert_int_equal(added, 3);
	assert_int_equal(d.n, ADDRS + 3);
	nlsock_close(m.other);
}

static void dump_interrupted_each_time_counts_as_it_is(void **state)
{
	CLEANUP(dump_done) struct dump d = { 0 };
	struct nlsock *nl = *state;
	unsigned rounds_left = 1000;
	unsigned added = 0;
	struct meddler m = { with_addrs(nl), &rounds_left, &added };
	struct nerr err;

	assert_ok(gather(nl, &d, &m, &err), err);
	assert_int_equal(added, 6); /* the first try and five more */
	assert_true(d.n >= ADDRS);
	nlsock_close(m.other);
}

static void done_can_be_called_twice(void **state)
{
	struct dump d = { .item_size = sizeof(uint32_t) };
	const uint32_t item = 7;

	(void)state;
	for (unsigned i = 0; i < 100; i++)
		assert_int_equal(dump_add(&d, &item), 0);
	assert_int_equal(d.n, 100);
	assert_int_equal(((uint32_t *)d.v)[99], 7);
	dump_done(&d);
	dump_done(&d);
	assert_int_equal(d.n, 0);
	assert_null(d.v);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, netns_setup, netns_teardown)
	const struct CMUnitTest tests[] = {
		T(repeated_dump_has_each_entry_once),
		T(dump_interrupted_each_time_counts_as_it_is),
		cmocka_unit_test(done_can_be_called_twice),
	};

	return cmocka_run_group_tests(tests, mounts_private, NULL);
}
