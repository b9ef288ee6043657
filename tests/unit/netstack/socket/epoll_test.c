/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What random stories (readiness_test.c) do not come to: order, depth, many of them, and
 * exclusive waiters.
 */
#include "base/cleanup.h"
#include "tests/unit/netstack/twin.h"

#define N 20

static struct twin twin_epoll(void)
{
	struct twin t = { epoll_create1(0), ns_epoll_create(TWIN_ST) };

	assert_true(t.linux_fd >= 0);
	assert_true(t.ours >= 0);
	return t;
}

static struct both twin_ctl(const struct twin *set, int op, const struct twin *t, uint32_t events,
			    uint64_t data)
{
	struct epoll_event ev = { .events = events, .data.u64 = data };
	struct both b;

	b.linux_r = twin_errno(epoll_ctl(set->linux_fd, op, t->linux_fd, &ev));
	b.ours = ns_epoll_ctl(TWIN_ST, set->ours, op, t->ours, &ev);
	return b;
}

/* The same events in the same order. */
static void assert_same_events(const struct twin *set, int max, const char *what)
{
	struct epoll_event a[64], b[64];
	int n, m = ns_epoll_wait(TWIN_ST, set->ours, b, max, 0);

	n = epoll_wait(set->linux_fd, a, max, m > 0 ? 1000 : 0);
	if (n != m)
		fail_msg("%s: %d events of Linux, %d of ours", what, n, m);
	for (int i = 0; i < n; i++)
		if (a[i].events != b[i].events || a[i].data.u64 != b[i].data.u64)
			fail_msg("%s, event %d: %llu:%x of Linux, %llu:%x of ours", what, i,
				 (unsigned long long)a[i].data.u64, a[i].events,
				 (unsigned long long)b[i].data.u64, b[i].events);
}

struct crowd {
	struct twin set;
	struct twin udp[N];
	struct twin_addr addr[N];
	struct twin from;
};

static void crowd_open(struct crowd *c, uint32_t events)
{
	c->set = twin_epoll();
	c->from = twin_socket(AF_INET, SOCK_DGRAM, 0);
	for (unsigned int i = 0; i < N; i++) {
		c->udp[i] = twin_socket(AF_INET, SOCK_DGRAM, 0);
		c->addr[i] = twin_addr(AF_INET, "127.0.0.1", (uint16_t)(7000 + i));
		assert_same(twin_bind(&c->udp[i], &c->addr[i]), "bind");
		assert_same(twin_ctl(&c->set, EPOLL_CTL_ADD, &c->udp[i], events, i), "add");
	}
}

static void crowd_close(struct crowd *c)
{
	for (unsigned int i = 0; i < N; i++)
		twin_close(&c->udp[i]);
	twin_close(&c->from);
	twin_close(&c->set);
}

static void crowd_send(const struct crowd *c, unsigned int to)
{
	assert_same(twin_call(&c->from, sendto, "x", 1, 0, &c->addr[to].sa, c->addr[to].len),
		    "send");
}

static void crowd_recv(const struct crowd *c, unsigned int at)
{
	char buf[4];

	assert_same(twin_call(&c->udp[at], recv, buf, sizeof(buf), 0), "recv");
}

static void events_come_in_linux_order_round_and_round(void **state)
{
	static const uint32_t kinds[] = { EPOLLIN, EPOLLIN | EPOLLET, EPOLLIN | EPOLLONESHOT,
					  EPOLLIN | EPOLLOUT | EPOLLET };
	struct dice d = { .state = 3 };

	(void)state;
	for (size_t k = 0; k < ARRAY_SIZE(kinds); k++) {
		struct crowd c;

		crowd_open(&c, kinds[k]);
		for (unsigned int step = 0; step < 500; step++) {
			const unsigned int at = dice_below(&d, N);

			switch (dice_below(&d, 5)) {
			case 0:
			case 1:
				crowd_send(&c, at);
				break;
			case 2:
				crowd_recv(&c, at);
				break;
			case 3:
				assert_same(
					twin_ctl(&c.set, EPOLL_CTL_MOD, &c.udp[at], kinds[k], at),
					"mod");
				break;
			default:
				assert_same_events(&c.set, 1 + (int)dice_below(&d, 5), "some");
				break;
			}
		}
		assert_same_events(&c.set, 64, "all");
		crowd_close(&c);
	}
}

/* A chain of sets, and one more, and the way back. */
static void sets_in_sets_as_deep_as_linux_allows(void **state)
{
	struct twin s[12], udp = twin_socket(AF_INET, SOCK_DGRAM, 0);
	struct twin_addr a = twin_addr(AF_INET, "127.0.0.1", 7000);

	(void)state;
	assert_same(twin_bind(&udp, &a), "bind");
	for (int upward = 0; upward < 2; upward++) {
		for (unsigned int i = 0; i < ARRAY_SIZE(s); i++)
			s[i] = twin_epoll();
		assert_same(twin_ctl(&s[0], EPOLL_CTL_ADD, &s[0], EPOLLIN, 0), "itself");
		for (unsigned int i = 0; i + 1 < ARRAY_SIZE(s); i++) {
			const unsigned int at = upward ? i : (unsigned int)ARRAY_SIZE(s) - 2 - i;

			assert_same(twin_ctl(&s[at + 1], EPOLL_CTL_ADD, &s[at], EPOLLIN, at),
				    "%u in %u", at, at + 1);
		}
		assert_same(twin_ctl(&s[0], EPOLL_CTL_ADD, &udp, EPOLLIN, 7), "udp");
		assert_same(twin_call(&udp, sendto, "x", 1, 0, &a.sa, a.len), "send");
		for (unsigned int i = ARRAY_SIZE(s); i--;) {
			assert_same_events(&s[i], 64, "chain");
			assert_same_events(&s[i], 64, "chain again");
		}
		for (unsigned int i = 0; i < ARRAY_SIZE(s); i++)
			for (unsigned int k = 0; k < ARRAY_SIZE(s); k++)
				assert_same(twin_ctl(&s[i], EPOLL_CTL_ADD, &s[k], EPOLLIN | EPOLLET,
						     100 + k),
					    "%u in %u", k, i);
		for (unsigned int i = 0; i < ARRAY_SIZE(s); i++)
			twin_close(&s[i]);
	}
	twin_close(&udp);
}

static void a_closed_descriptor_leaves_its_sets_but_a_duplicate_keeps_it(void **state)
{
	struct twin set = twin_epoll(), t = twin_socket(AF_INET, SOCK_DGRAM, 0), other;
	struct twin_addr a = twin_addr(AF_INET, "127.0.0.1", 7000);
	struct both b;

	(void)state;
	assert_same(twin_bind(&t, &a), "bind");
	assert_same(twin_ctl(&set, EPOLL_CTL_ADD, &t, EPOLLIN, 1), "add");
	b = twin_call(&t, dup);
	other = (struct twin){ (int)b.linux_r, (int)b.ours };
	assert_same(twin_ctl(&set, EPOLL_CTL_ADD, &other, EPOLLIN, 2), "add the duplicate");
	assert_same(twin_call(&other, sendto, "x", 1, 0, &a.sa, a.len), "send");
	assert_same_events(&set, 64, "both");
	twin_close(&t);
	assert_same_events(&set, 64, "closed, but open elsewhere");
	/* The same number again is another one to the set. */
	t = twin_socket(AF_INET, SOCK_DGRAM, 0);
	assert_same(twin_ctl(&set, EPOLL_CTL_DEL, &t, 0, 0), "delete a stranger");
	assert_same(twin_ctl(&set, EPOLL_CTL_ADD, &t, EPOLLOUT, 3), "add a stranger");
	assert_same_events(&set, 64, "three");
	twin_close(&other);
	assert_same_events(&set, 64, "one");
	twin_close(&t);
	assert_same_events(&set, 64, "none");
	twin_close(&set);
}

static void wrong_calls_have_linux_errors(void **state)
{
	struct twin set = twin_epoll(), t = twin_socket(AF_INET, SOCK_DGRAM, 0);
	struct twin none = { 12345, 12345 };
	struct epoll_event ev[4];

	(void)state;
	assert_same(twin_ctl(&none, EPOLL_CTL_ADD, &t, EPOLLIN, 1), "no set");
	assert_same(twin_ctl(&set, EPOLL_CTL_ADD, &none, EPOLLIN, 1), "no socket");
	assert_same(twin_ctl(&t, EPOLL_CTL_ADD, &set, EPOLLIN, 1), "not a set");
	assert_same(twin_ctl(&t, EPOLL_CTL_ADD, &t, EPOLLIN, 1), "itself");
	assert_same(twin_ctl(&set, 17, &t, EPOLLIN, 1), "no such call");
	assert_same(twin_ctl(&set, EPOLL_CTL_MOD, &t, EPOLLIN, 1), "not there");
	assert_same(twin_ctl(&set, EPOLL_CTL_DEL, &t, EPOLLIN, 1), "not there");
	for (uint32_t bit = 0; bit < 32; bit++) {
		struct twin u = twin_socket(AF_INET, SOCK_DGRAM, 0);

		assert_same(twin_ctl(&set, EPOLL_CTL_ADD, &u, EPOLLEXCLUSIVE | 1U << bit, 1),
			    "exclusive with %x", 1U << bit);
		assert_same(twin_ctl(&set, EPOLL_CTL_MOD, &u, EPOLLIN, 1), "modified");
		twin_close(&u);
	}
	assert_int_equal(ns_epoll_wait(TWIN_ST, set.ours, ev, 0, 0), -EINVAL);
	assert_int_equal(ns_epoll_wait(TWIN_ST, set.ours, ev, -1, 0), -EINVAL);
	assert_int_equal(ns_epoll_wait(TWIN_ST, t.ours, ev, 1, 0), -EINVAL);
	assert_int_equal(ns_epoll_wait(TWIN_ST, 12345, ev, 1, 0), -EBADF);
	assert_int_equal(ns_epoll_ctl(TWIN_ST, set.ours, EPOLL_CTL_ADD, t.ours, NULL), -EFAULT);
	assert_same(twin_call(&set, listen, 1), "a set is no socket");
	assert_same(twin_call(&none, listen, 1), "nothing is no socket");
	twin_close(&set);
	twin_close(&t);
}

/* What is ready costs, not what is there. */
static void a_set_of_many_looks_at_the_ready_ones_only(void **state)
{
	enum {
		MANY = 20000
	};
	struct epoll_event ev = { .events = EPOLLIN }, got[8];
	struct twin_addr a = twin_addr(AF_INET, "127.0.0.1", 7000);
	const int set = ns_epoll_create(TWIN_ST), one = ns_socket(TWIN_ST, AF_INET, SOCK_DGRAM, 0);
	static int fd[MANY];
	struct socket_table *t = netstack_sockets(TWIN_ST);
	const struct epoll *ep = (const struct epoll *)(void *)fdtable_get(&t->fds, set);

	(void)state;
	assert_int_equal(ns_bind(TWIN_ST, one, &a.sa, a.len), 0);
	for (int i = 0; i < MANY; i++) {
		fd[i] = ns_socket(TWIN_ST, AF_INET, SOCK_DGRAM, 0);
		assert_true(fd[i] >= 0);
		assert_int_equal(ns_epoll_ctl(TWIN_ST, set, EPOLL_CTL_ADD, fd[i], &ev), 0);
	}
	ev.data.u64 = 7;
	assert_int_equal(ns_epoll_ctl(TWIN_ST, set, EPOLL_CTL_ADD, one, &ev), 0);
	assert_int_equal(ep->n_ready, 0);
	assert_int_equal(ns_sendto(TWIN_ST, fd[0], "x", 1, 0, &a.sa, a.len), 1);
	twin_settle();
	assert_int_equal(ep->n_ready, 1);
	assert_int_equal(ns_epoll_wait(TWIN_ST, set, got, 8, 0), 1);
	assert_int_equal(got[0].data.u64, 7);
	for (int i = 0; i < MANY; i++)
		assert_int_equal(ns_close(TWIN_ST, fd[i]), 0);
	assert_int_equal(t->items.n, 1);
	assert_int_equal(ns_close(TWIN_ST, set), 0);
	assert_int_equal(t->items.n, 0);
	assert_int_equal(ns_close(TWIN_ST, one), 0);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, twin_setup, twin_teardown)
	const struct CMUnitTest tests[] = {
		TEST(events_come_in_linux_order_round_and_round),
		TEST(sets_in_sets_as_deep_as_linux_allows),
		TEST(a_closed_descriptor_leaves_its_sets_but_a_duplicate_keeps_it),
		TEST(wrong_calls_have_linux_errors),
		TEST(a_set_of_many_looks_at_the_ready_ones_only),
	};

	return cmocka_run_group_tests(tests, twin_namespace, NULL);
}
