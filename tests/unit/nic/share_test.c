/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "nic/share.h"

#include <pthread.h>
#include <sched.h>

#include "nic/netdev.h"
#include "tests/unit/netns_fixture.h"

#define N_QUEUES 8

/* What is shared, and how often it was made and undone: all under the lock of the table. */
struct thing {
	struct share share;
	unsigned int members;
};

static unsigned int made, undone;
static int first_result, join_result;

static int first(struct share *s, void *queue, struct nerr *err)
{
	(void)s;
	(void)queue;
	if (first_result < 0)
		return nerr_set(err, first_result, "as asked for");
	made++;
	return 0;
}

static int join(struct share *s, void *queue, struct nerr *err)
{
	(void)queue;
	if (join_result < 0)
		return nerr_set(err, join_result, "as asked for");
	((struct thing *)(void *)s)->members++;
	return 0;
}

static void leave(struct share *s, void *queue)
{
	struct thing *t = (struct thing *)(void *)s;

	(void)queue;
	assert_true(t->members > 0);
	t->members--;
}

static void last(struct share *s)
{
	assert_int_equal(((struct thing *)(void *)s)->members, 0);
	undone++;
}

static const struct share_ops ops = {
	.size = sizeof(struct thing),
	.first = first,
	.join = join,
	.leave = leave,
	.last = last,
};
static const struct share_ops other_ops = {
	.size = sizeof(struct thing),
	.first = first,
	.join = join,
	.leave = leave,
	.last = last,
};

static int setup(void **state)
{
	static struct netdev nd;

	nd = (struct netdev)NETDEV_INIT;
	nd.netns = netns_fd();
	nd.ifindex = 5;
	*state = &nd;
	made = undone = 0;
	first_result = join_result = 0;
	return 0;
}

static int teardown(void **state)
{
	(void)close(((struct netdev *)*state)->netns);
	return 0;
}

static int get(struct share **ret, const struct netdev *nd, unsigned int queue, unsigned int n)
{
	const struct nic_env env = { .netns = -1, .queue = queue, .n_queues = n };
	struct nerr err;

	return share_join(ret, &ops, nd, &env, NULL, &err);
}

static void one_for_all(void **state)
{
	const struct nic_env env = { .netns = -1, .n_queues = 3 };
	struct netdev *nd = *state, there = *nd;
	struct share *a, *b, *c, *d, *again;
	struct nerr err;

	assert_int_equal(get(&a, nd, 2, 3), 0);
	assert_int_equal(get(&b, nd, 0, 3), 0);
	assert_ptr_equal(a, b);
	assert_int_equal(made, 1);
	assert_int_equal(get(&c, nd, 2, 3), -EBUSY);
	assert_int_equal(get(&c, nd, 1, 2), -EINVAL);
	assert_int_equal(get(&c, nd, 1, SHARE_QUEUES_MAX + 1), -EINVAL);

	/* Another driver's, another interface, the same number elsewhere: each its own. */
	assert_int_equal(share_join(&c, &other_ops, nd, &env, NULL, &err), 0);
	nd->ifindex++;
	assert_int_equal(get(&d, nd, 0, 3), 0);
	assert_int_equal(made, 3);
	share_leave(d, 0, NULL);
	nd->ifindex--;
	there.netns = netns_other();
	assert_int_equal(get(&d, &there, 0, 3), 0);
	assert_int_equal(made, 4);
	share_leave(d, 0, NULL);
	(void)close(there.netns);
	share_leave(c, 0, NULL);
	assert_int_equal(undone, 3);

	share_leave(a, 2, NULL);
	assert_int_equal(get(&again, nd, 2, 3), 0);
	assert_ptr_equal(again, b);
	share_leave(again, 2, NULL);
	share_leave(b, 0, NULL);
	assert_int_equal(undone, 4);
}

static void failures(void **state)
{
	struct share *a, *b = NULL;

	first_result = -EPERM;
	assert_int_equal(get(&b, *state, 0, 2), -EPERM);
	first_result = 0;
	join_result = -ENOTSUP;
	assert_int_equal(get(&b, *state, 0, 2), -ENOTSUP);
	assert_int_equal(made, 1);
	assert_int_equal(undone, 1);
	assert_null(b);

	join_result = 0;
	assert_int_equal(get(&a, *state, 0, 2), 0);
	join_result = -ENOTSUP;
	assert_int_equal(get(&b, *state, 1, 2), -ENOTSUP);
	assert_int_equal(undone, 1); /* the other queue has it still */
	share_leave(a, 0, NULL);
	assert_int_equal(undone, 2);
}

struct worker {
	pthread_t thread;
	const struct netdev *nd;
	unsigned int queue;
	unsigned int failed;
};

static void *come_and_go(void *arg)
{
	struct worker *w = arg;

	for (int i = 0; i < 500; i++) {
		struct share *s;

		if (get(&s, w->nd, w->queue, N_QUEUES) == 0)
			share_leave(s, w->queue, NULL);
		else
			w->failed++;
		(void)sched_yield();
	}
	return NULL;
}

static void threads(void **state)
{
	struct worker w[N_QUEUES];

	for (unsigned int i = 0; i < N_QUEUES; i++) {
		w[i] = (struct worker){ .nd = *state, .queue = i };
		assert_int_equal(pthread_create(&w[i].thread, NULL, come_and_go, &w[i]), 0);
	}
	for (unsigned int i = 0; i < N_QUEUES; i++) {
		assert_int_equal(pthread_join(w[i].thread, NULL), 0);
		assert_int_equal(w[i].failed, 0);
	}
	assert_int_equal(made, undone);
	assert_true(made > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(one_for_all, setup, teardown),
		cmocka_unit_test_setup_teardown(failures, setup, teardown),
		cmocka_unit_test_setup_teardown(threads, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
