/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * A service over nics that do what the test says.
 */
#include "nic/service.h"

#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cmocka.h>

#include "nic/loop.h"
#include "nic/nic.h"
#include "nic/service_priv.h"
#include "tests/unit/nic/segments.h"
#include "tests/unit/test_mem.h"

/* What it has to receive, and what was asked of it. */
struct fake {
	struct nic nic;
	unsigned int waiting;
	bool segments; /* of one stream */
	uint32_t seq;
	unsigned int armed;
	unsigned int disarmed;
	unsigned int rx_calls;
};

struct client {
	struct fake *nic;
	struct loop *loop;
	unsigned int packets;
	unsigned int bursts;
	unsigned int advances;
	uint32_t cookie;
	uint64_t deadline;
	bool news;
	int gone;
};

static struct test_mem mem;
static struct pbuf_pool *pool;
static struct loop *loop;

static struct pbuf *next_segment(struct fake *f)
{
	static uint8_t frame[SEGMENT_LEN_MAX];
	const struct segment_spec spec = {
		.is_ip4 = true,
		.dont_frag = true,
		.ttl = 64,
		.src_port = 1,
		.dst_port = 2,
		.seq = f->seq,
		.flags = TCP_ACK,
		.wnd = 100,
		.len = 1000,
	};

	uint32_t l4, len;

	f->seq += 1000;
	len = segment_build(&spec, frame, false, &l4);
	return pbuf_alloc_copy(pool, 0, frame, len);
}

static unsigned int fake_rx(struct nic *nic, struct pbuf **burst, unsigned int n)
{
	struct fake *f = (struct fake *)(void *)nic;
	unsigned int i = 0;

	f->rx_calls++;
	if (nic->error)
		return 0;
	for (; i < n && f->waiting; i++, f->waiting--) {
		burst[i] = f->segments ? next_segment(f) : pbuf_alloc(pool);
		assert_non_null(burst[i]);
		if (!f->segments)
			memset(pbuf_put(burst[i], 60), 0, 60);
	}
	return i;
}

static bool fake_arm(struct nic *nic)
{
	struct fake *f = (struct fake *)(void *)nic;

	f->armed++;
	return f->waiting > 0;
}

static void fake_disarm(struct nic *nic)
{
	((struct fake *)(void *)nic)->disarmed++;
}

static const struct nic_ops fake_ops = {
	.name = "fake",
	.rx = fake_rx,
	.arm = fake_arm,
	.disarm = fake_disarm,
};

static void on_input(void *arg, uint32_t cookie, struct pbuf *const *burst, unsigned int n,
		     uint64_t now_ns)
{
	struct client *c = arg;

	assert_true(now_ns > 0);
	c->cookie = cookie;
	c->packets += n;
	c->bursts++;
	for (unsigned int i = 0; i < n; i++)
		pbuf_free(burst[i]);
}

static bool on_advance(void *arg, uint64_t now_ns)
{
	struct client *c = arg;

	assert_true(now_ns > 0);
	c->advances++;
	c->deadline = LOOP_FOREVER;
	return c->news;
}

static uint64_t on_deadline(void *arg)
{
	return ((struct client *)arg)->deadline;
}

static void on_gone(void *arg, uint32_t cookie, int error)
{
	struct client *c = arg;

	c->cookie = cookie;
	c->gone = error;
}

static const struct service_client calls = {
	.input = on_input,
	.advance = on_advance,
	.deadline = on_deadline,
	.gone = on_gone,
};

static int setup(void **state)
{
	(void)state;
	mem = TEST_MEM_INIT(&mem);
	assert_int_equal(pbuf_pool_new(&pool, &mem.mem, 1 << 20), 0);
	assert_int_equal(loop_new(&loop, LOOP_AUTO, NULL), 0);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	loop_free(loop);
	pbuf_pool_free(pool);
	assert_int_equal(mem.live, 0);
	return 0;
}

static struct fake fake(void)
{
	return (struct fake){ .nic = { .ops = &fake_ops, .loop = loop, .pool = pool } };
}

static struct service *service(const struct service_conf *conf, struct client *c)
{
	struct service *s;

	c->deadline = LOOP_FOREVER;
	assert_int_equal(service_new(&s, loop, conf, &calls, c), 0);
	return s;
}

static void a_burst_has_a_budget(void **state)
{
	const struct service_conf conf = { .budget = 8, .no_gro = true };
	struct client c = { .packets = 0 };
	struct service *s = service(&conf, &c);
	struct fake f = fake();

	(void)state;
	f.waiting = 20;
	assert_int_equal(service_add(s, &f.nic, 7), 0);
	assert_int_equal(service_turn(s, LOOP_FOREVER), 0);
	assert_int_equal(c.packets, 8);
	assert_int_equal(c.cookie, 7);
	assert_int_equal(f.armed, 0); /* there is more: no interrupt */
	assert_int_equal(service_turn(s, LOOP_FOREVER), 0);
	assert_int_equal(c.packets, 16);
	assert_int_equal(service_turn(s, LOOP_FOREVER), 0);
	assert_int_equal(c.packets, 20);
	assert_int_equal(f.armed, 1);
	service_free(s);
	assert_int_equal(f.disarmed, 1);
}

static void what_is_queued_leaves_before_the_sleep(void **state)
{
	const struct service_conf conf = { .no_gro = true };
	struct client c = { .packets = 0 };
	struct service *s = service(&conf, &c);

	(void)state;
	c.deadline = 0;
	assert_int_equal(service_turn(s, loop_clock() + 1000), 0);
	assert_int_equal(c.advances, 1);
	service_free(s);
}

static void a_deadline_ends_the_sleep(void **state)
{
	const struct service_conf conf = { .no_gro = true };
	struct client c = { .packets = 0 };
	struct service *s = service(&conf, &c);
	struct service_stats stats;

	(void)state;
	c.deadline = loop_clock() + 2000000;
	c.news = true; /* or it would sleep on */
	while (!c.advances)
		assert_int_equal(service_turn(s, LOOP_FOREVER), 0);
	service_stats(s, &stats);
	assert_true(stats.sleeps >= 1);
	service_free(s);
}

/* Its interrupt: somebody writes to an eventfd. */
static void on_event(struct loop_watch *w, uint32_t events)
{
	struct fake *f = w->arg;
	uint64_t n;

	assert_true(events & POLLIN);
	assert_int_equal(read(w->fd, &n, sizeof(n)), sizeof(n));
	f->waiting = 3;
	f->nic.ready(f->nic.ready_arg);
}

static void an_interrupt_ends_the_sleep(void **state)
{
	const struct service_conf conf = { .no_gro = true };
	struct client c = { .packets = 0 };
	struct service *s = service(&conf, &c);
	struct fake f = fake();
	struct loop_watch w = { .fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), .events = POLLIN };
	const uint64_t one = 1;

	(void)state;
	w.ready = on_event;
	w.arg = &f;
	assert_int_equal(service_add(s, &f.nic, 1), 0);
	assert_int_equal(loop_watch_add(loop, &w), 0);
	assert_int_equal(service_turn(s, 0), 0); /* nothing: armed */
	assert_int_equal(f.armed, 1);
	assert_int_equal(f.rx_calls, 1);
	assert_int_equal(write(w.fd, &one, sizeof(one)), sizeof(one));
	assert_int_equal(service_turn(s, LOOP_FOREVER), 0);
	assert_int_equal(c.packets, 3);
	loop_watch_del(loop, &w);
	service_free(s);
	assert_int_equal(close(w.fd), 0);
}

static void a_device_that_is_gone_is_told_once(void **state)
{
	const struct service_conf conf = { .no_gro = true };
	struct client c = { .packets = 0 };
	struct service *s = service(&conf, &c);
	struct fake f = fake();

	(void)state;
	assert_int_equal(service_add(s, &f.nic, 5), 0);
	f.nic.error = -ENODEV;
	assert_int_equal(service_turn(s, 0), 0);
	assert_int_equal(c.gone, -ENODEV);
	assert_int_equal(c.cookie, 5);
	c.gone = 0;
	f.nic.ready(f.nic.ready_arg);
	assert_int_equal(service_turn(s, 0), 0);
	assert_int_equal(c.gone, 0);
	service_del(s, &f.nic);
	service_free(s);
}

static void seventeen_nics_are_one_too_many(void **state)
{
	const struct service_conf conf = { .budget = 0 };
	struct client c = { .packets = 0 };
	struct service *s = service(&conf, &c);
	struct fake f[17];

	(void)state;
	for (int i = 0; i < 16; i++) {
		f[i] = fake();
		assert_int_equal(service_add(s, &f[i].nic, 0), 0);
	}
	f[16] = fake();
	assert_int_equal(service_add(s, &f[16].nic, 0), -ENOSPC);
	service_del(s, &f[3].nic);
	assert_int_equal(service_add(s, &f[16].nic, 0), 0);
	service_free(s);
}

static void segments_are_merged_or_only_passed_on(void **state)
{
	const struct service_conf conf = { .budget = 0 };
	struct client c = { .packets = 0 };
	struct service *s = service(&conf, &c);
	struct fake f = fake();

	(void)state;
	f.segments = true;
	f.waiting = 10;
	assert_int_equal(service_add(s, &f.nic, 0), 0);
	assert_int_equal(service_turn(s, 0), 0);
	assert_int_equal(c.packets, 1);
	service_del(s, &f.nic);
	f.waiting = 10;
	c.packets = 0;
	assert_int_equal(service_add_plain(s, &f.nic, 0), 0);
	assert_int_equal(service_turn(s, 0), 0);
	assert_int_equal(c.packets, 10);
	service_free(s);
}

static void spinning_is_given_up_when_it_does_not_pay(void **state)
{
	struct spin sp;
	unsigned int spins = 0;

	(void)state;
	spin_init(&sp, 50);
	assert_false(spin_pays(&sp, 1000000, 1000)); /* the last packet is long ago */
	sp.manner = SPIN_ALONE;
	sp.asked_ns = 1000;
	for (int i = 0; i < 1000; i++) {
		if (!spin_pays(&sp, 1000, 1000))
			continue;
		spins++;
		spin_ended(&sp, false, 50000);
	}
	assert_in_range(spins, 8, 12);
	while (!spin_pays(&sp, 1000, 1000))
		;
	spin_ended(&sp, true, 10000);
	assert_true(spin_pays(&sp, 1000, 1000)); /* and at once again when it did */
	spin_ended(&sp, true, 5000000);          /* others had the CPU for 5 ms */
	assert_false(spin_pays(&sp, 1000, 1000));
	spin_done(&sp);
	spin_init(&sp, 0);
	assert_false(spin_pays(&sp, 1, 1));
	spin_done(&sp);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_burst_has_a_budget, setup, teardown),
		cmocka_unit_test_setup_teardown(what_is_queued_leaves_before_the_sleep, setup,
						teardown),
		cmocka_unit_test_setup_teardown(a_deadline_ends_the_sleep, setup, teardown),
		cmocka_unit_test_setup_teardown(an_interrupt_ends_the_sleep, setup, teardown),
		cmocka_unit_test_setup_teardown(a_device_that_is_gone_is_told_once, setup,
						teardown),
		cmocka_unit_test_setup_teardown(seventeen_nics_are_one_too_many, setup, teardown),
		cmocka_unit_test_setup_teardown(segments_are_merged_or_only_passed_on, setup,
						teardown),
		cmocka_unit_test(spinning_is_given_up_when_it_does_not_pay),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
