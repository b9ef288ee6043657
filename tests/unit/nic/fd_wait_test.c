/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "nic/fd_wait.h"

#include <fcntl.h>
#include <unistd.h>

#include "tests/unit/nic/veth_scene.h"

struct told {
	struct loop *loop;
	struct fd_wait fw;
	int pipe[2];
	unsigned int n;
	uint32_t events;
};

static void on_told(void *arg, uint32_t events)
{
	struct told *t = arg;

	t->n++;
	t->events = events;
}

static void open_it(struct told *t, void **state)
{
	struct nerr err;

	*t = (struct told){ .n = 0 };
	assert_return_code(pipe2(t->pipe, O_CLOEXEC | O_NONBLOCK), errno);
	assert_ok(loop_new(&t->loop, engine_of(state), &err), err);
	assert_int_equal(fd_wait_open(&t->fw, t->loop, t->pipe[0], on_told, t), 0);
}

static void close_it(struct told *t)
{
	fd_wait_close(&t->fw);
	fd_wait_close(&t->fw);
	loop_free(t->loop);
	(void)close(t->pipe[0]);
	(void)close(t->pipe[1]);
}

static void put(struct told *t)
{
	assert_int_equal(write(t->pipe[1], "x", 1), 1);
}

static void take(struct told *t)
{
	char c;

	assert_int_equal(read(t->pipe[0], &c, 1), 1);
}

static void turns(struct told *t)
{
	for (int i = 0; i < 5; i++)
		(void)loop_turn(t->loop, 0);
}

/* As a driver does: look, arm, look, sleep. */
static void once_for_each_arm(void **state)
{
	struct told t;

	open_it(&t, state);
	for (unsigned int i = 1; i <= 5; i++) {
		fd_wait_arm(&t.fw);
		turns(&t);
		assert_int_equal(t.n, i - 1);
		put(&t);
		while (t.n < i)
			(void)loop_turn(t.loop, loop_clock() + PATIENCE);
		assert_true(t.events & POLLIN);
		turns(&t);
		put(&t); /* not asked for */
		turns(&t);
		assert_int_equal(t.n, i);
		take(&t);
		take(&t);
	}
	close_it(&t);
}

static void disarmed(void **state)
{
	struct told t;

	open_it(&t, state);
	fd_wait_arm(&t.fw);
	turns(&t);
	fd_wait_disarm(&t.fw);
	put(&t);
	turns(&t);
	assert_int_equal(t.n, 0);
	take(&t);
	fd_wait_arm(&t.fw);
	turns(&t);
	fd_wait_disarm(&t.fw);
	fd_wait_arm(&t.fw); /* the one of before is there still */
	put(&t);
	while (!t.n)
		(void)loop_turn(t.loop, loop_clock() + PATIENCE);
	assert_int_equal(t.n, 1);
	close_it(&t);
}

static void closed_while_armed(void **state)
{
	struct told t;

	open_it(&t, state);
	fd_wait_arm(&t.fw);
	turns(&t);
	put(&t);
	close_it(&t);
	assert_int_equal(t.n, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		BOTH(once_for_each_arm),
		BOTH(disarmed),
		BOTH(closed_while_armed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
