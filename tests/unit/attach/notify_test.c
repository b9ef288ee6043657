/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Notifications of real processes: answered, held, interrupted, abandoned.
 */
#include "attach/notify.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "tests/unit/attach/child.h"

static long try_listen(int a)
{
	long r = syscall(SYS_listen, a, 0);

	return r < 0 ? -errno : r;
}

/* --- answers --- */

static int ask(int sock)
{
	(void)sock;
	if (try_listen(1) != 0 || try_listen(2) != 77 || try_listen(3) != -EHOSTUNREACH)
		return 1;
	if (try_listen(1000) != -EBADF) /* the kernel's own answer */
		return 2;
	return 0;
}

static void test_answers(void **state)
{
	struct child c;
	struct notify_call call;

	(void)state;
	child_start(&c, ATTACH_HYBRID, ask);
	assert_int_equal(notifier_n(c.notifier), 1);
	assert_true(child_call(&c, &call));
	assert_int_equal(call.nr, SYS_listen);
	assert_int_equal(call.tid, c.pid);
	assert_int_equal(call.arg[0], 1);
	assert_int_equal(call.arg[1], 0);
	assert_true(notify_is_valid(&call));
	assert_int_equal(notify_return(&call, 0), 0);
	assert_int_equal(notify_return(&call, 0), -ENOENT); /* once */
	assert_true(child_call(&c, &call));
	assert_int_equal(notify_return(&call, 77), 0);
	assert_true(child_call(&c, &call));
	assert_int_equal(notify_return(&call, -EHOSTUNREACH), 0);
	assert_true(child_call(&c, &call));
	assert_int_equal(notify_continue(&call), 0);
	assert_int_equal(child_join(&c), 0);
	assert_true(c.gone);
}

static int use_fds(int sock)
{
	int fd = (int)try_listen(0);
	char what = 0;

	(void)sock;
	if (fd < 3 || read(fd, &what, 1) != 1 || what != 'a' || (fcntl(fd, F_GETFD) & FD_CLOEXEC))
		return 1;
	if (try_listen(fd) != -EPERM || read(fd, &what, 1) != 1 || what != 'b' ||
	    !(fcntl(fd, F_GETFD) & FD_CLOEXEC))
		return 2;
	return 0;
}

static void test_descriptors(void **state)
{
	cleanup_close int a = -1;
	cleanup_close int b = -1;
	struct child c;
	struct notify_call call;
	int p[2];

	(void)state;
	assert_int_equal(pipe2(p, O_CLOEXEC), 0);
	assert_int_equal(write(p[1], "a", 1), 1);
	(void)close(p[1]);
	a = p[0];
	assert_int_equal(pipe2(p, O_CLOEXEC), 0);
	assert_int_equal(write(p[1], "b", 1), 1);
	(void)close(p[1]);
	b = p[0];

	child_start(&c, ATTACH_HYBRID, use_fds);
	assert_true(child_call(&c, &call));
	assert_int_equal(notify_return_fd(&call, -1, false), -EBADF);
	assert_true(notify_is_valid(&call)); /* still to be answered */
	assert_int_equal(notify_return_fd(&call, a, false), 0);
	assert_int_equal(notify_return_fd(&call, a, false), -ENOENT);
	assert_true(child_call(&c, &call));
	assert_int_equal(notify_set_fd(&call, b, (int)call.arg[0], true), 0);
	assert_int_equal(notify_return(&call, -EPERM), 0);
	assert_int_equal(child_join(&c), 0);
}

/* --- calls that are held --- */

struct held_one {
	struct notify_held h;
	unsigned int n_over;
	bool timed_out;
};

static void on_over(struct notify_held *h, bool timed_out)
{
	struct held_one *o = h->arg;

	assert_false(h->is_held);
	o->n_over++;
	o->timed_out = timed_out;
	if (timed_out)
		assert_int_equal(notify_return(&h->call, -EINPROGRESS), 0);
}

static void hold(struct child *c, struct held_one *o, const struct notify_call *call, uint64_t at)
{
	*o = (struct held_one){
		.h = { .call = *call, .deadline_ns = at, .over = on_over, .arg = o }
	};
	notify_hold(c->notifier, &o->h);
	assert_true(o->h.is_held);
}

static int ask_one(int sock)
{
	(void)sock;
	return try_listen(5) == -EINPROGRESS ? 0 : 1;
}

static void test_deadline(void **state)
{
	struct child c;
	struct notify_call call;
	struct held_one o;

	(void)state;
	child_start(&c, ATTACH_HYBRID, ask_one);
	assert_true(child_call(&c, &call));
	hold(&c, &o, &call, loop_clock() + 1000000);
	assert_int_equal(child_join(&c), 0);
	assert_int_equal(o.n_over, 1);
	assert_true(o.timed_out);
}

/* A deadline that is over at once, and one that is never: each of its own. */
static void test_deadlines_of_two(void **state)
{
	struct child c[2];
	struct notify_call call;
	struct held_one o[2];

	(void)state;
	for (unsigned int i = 0; i < 2; i++) {
		child_start(&c[i], ATTACH_HYBRID, ask_one);
		assert_true(child_call(&c[i], &call));
		hold(&c[i], &o[i], &call, i ? 1 : LOOP_FOREVER);
	}
	assert_int_equal(child_join(&c[1]), 0);
	assert_true(o[1].timed_out);
	assert_int_equal(o[0].n_over, 0);
	notify_release(c[0].notifier, &o[0].h);
	notify_release(c[0].notifier, &o[0].h);            /* fine */
	assert_int_equal(notify_return(&call, 0), -EBADF); /* that listener is closed */
	assert_int_equal(notify_return(&o[0].h.call, -EINPROGRESS), 0);
	assert_int_equal(child_join(&c[0]), 0);
	assert_int_equal(o[0].n_over, 0);
}

static void on_usr1(int sig)
{
	(void)sig;
}

static int interrupted(int sock)
{
	struct sigaction sa = { .sa_handler = on_usr1 };

	if (sigaction(SIGUSR1, &sa, NULL) < 0 || write(sock, "x", 1) != 1)
		return 1;
	if (try_listen(5) != -EINTR)
		return 2;
	return try_listen(6) == 0 ? 0 : 3;
}

/* The answer finds nobody, and the next call of the same task ends the older. */
static void test_interrupted(void **state)
{
	cleanup_close int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	struct child c;
	struct notify_call call;
	struct held_one o;
	char what;

	(void)state;
	child_start(&c, ATTACH_HYBRID, interrupted);
	assert_int_equal(read(c.go, &what, 1), 1);
	assert_true(child_call(&c, &call));
	hold(&c, &o, &call, LOOP_FOREVER);
	assert_int_equal(kill(c.pid, SIGUSR1), 0);
	assert_true(child_call(&c, &call)); /* the second one */
	assert_int_equal(call.arg[0], 6);
	assert_int_equal(o.n_over, 1);
	assert_false(o.timed_out);
	assert_int_equal(notify_return(&o.h.call, 0), -ENOENT);
	assert_int_equal(notify_return_fd(&o.h.call, fd, true), -ENOENT);
	assert_int_equal(notify_set_fd(&o.h.call, fd, 0, true), -ENOENT);
	assert_false(notify_is_valid(&o.h.call));
	assert_int_equal(notify_return(&call, 0), 0);
	assert_int_equal(child_join(&c), 0);
}

static int restarted(int sock)
{
	struct sigaction sa = { .sa_handler = on_usr1, .sa_flags = SA_RESTART };

	if (sigaction(SIGUSR1, &sa, NULL) < 0 || write(sock, "x", 1) != 1)
		return 1;
	return try_listen(5) == 3 ? 0 : 2;
}

/* With SA_RESTART the same call comes again. */
static void test_restarted(void **state)
{
	struct child c;
	struct notify_call call;
	struct held_one o;
	char what;

	(void)state;
	child_start(&c, ATTACH_HYBRID, restarted);
	assert_int_equal(read(c.go, &what, 1), 1);
	assert_true(child_call(&c, &call));
	hold(&c, &o, &call, LOOP_FOREVER);
	assert_int_equal(kill(c.pid, SIGUSR1), 0);
	assert_true(child_call(&c, &call));
	assert_int_equal(call.arg[0], 5);
	assert_true(call.id != o.h.call.id);
	assert_int_equal(o.n_over, 1);
	assert_int_equal(notify_return(&call, 3), 0);
	assert_int_equal(child_join(&c), 0);
}

/* The last task of a listener dies: what it waited for is over. */
static void test_killed(void **state)
{
	struct child c;
	struct notify_call call;
	struct held_one o;

	(void)state;
	child_start(&c, ATTACH_HYBRID, ask_one);
	assert_true(child_call(&c, &call));
	hold(&c, &o, &call, LOOP_FOREVER);
	assert_int_equal(kill(c.pid, SIGKILL), 0);
	assert_int_equal(child_join(&c), -SIGKILL);
	assert_true(c.gone);
	assert_int_equal(o.n_over, 1);
	assert_false(o.timed_out);
}

/* --- very many --- */

#define N_FORKS 100

/* Each of many asks, and is killed while it waits; twice. */
static int many(int sock)
{
	for (unsigned int round = 0; round < 2; round++) {
		pid_t pid[N_FORKS];

		for (unsigned int i = 0; i < N_FORKS; i++) {
			pid[i] = fork();
			if (pid[i] == 0)
				_exit(try_listen(5) == 0 ? 0 : 1);
		}
		if (child_hear(sock) != 'k')
			return 1;
		for (unsigned int i = 0; i < N_FORKS; i++) {
			if (pid[i] < 0 || kill(pid[i], SIGKILL) < 0 || waitpid(pid[i], NULL, 0) < 0)
				return 2;
		}
	}
	return 0;
}

static struct held_one crowd[2 * N_FORKS];

static void hold_each(struct child *c, const struct notify_call *call)
{
	assert_true(c->n_calls <= 2 * N_FORKS);
	hold(c, &crowd[c->n_calls - 1], call, LOOP_FOREVER);
}

static void turn_until(struct child *c, unsigned int n_calls)
{
	uint64_t end = loop_clock() + CHILD_DEADLINE_NS;

	while (c->n_calls < n_calls) {
		assert_true(loop_clock() < end);
		(void)loop_turn(c->loop, end); /* EINTR: again */
	}
}

/* Those who are gone say nothing, and are found when others come. */
static void test_sweep(void **state)
{
	struct child c;

	(void)state;
	child_start(&c, ATTACH_HYBRID, many);
	c.each = hold_each;
	turn_until(&c, N_FORKS);
	for (unsigned int i = 0; i < N_FORKS; i++)
		assert_int_equal(crowd[i].n_over, 0);
	child_tell(&c, 'k');
	turn_until(&c, 2 * N_FORKS);
	for (unsigned int i = 0; i < N_FORKS; i++) {
		assert_int_equal(crowd[i].n_over, 1);
		assert_false(crowd[i].timed_out);
		assert_int_equal(crowd[N_FORKS + i].n_over, 0);
	}
	child_tell(&c, 'k');
	assert_int_equal(child_join(&c), 0);
	for (unsigned int i = 0; i < N_FORKS; i++)
		assert_int_equal(crowd[N_FORKS + i].n_over, 1);
}

/* --- the notifier --- */

static void test_no_listener(void **state)
{
	struct child c = { .pid = -1 };
	struct nerr err = NERR_INIT;
	struct stat st;
	int sv[2];
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

	(void)state;
	assert_int_equal(loop_new(&c.loop, LOOP_AUTO, &err), 0);
	assert_int_equal(notifier_new(&c.notifier, c.loop, &child_ops, &c, &err), 0);
	assert_int_equal(notifier_add(c.notifier, fd, &err), -EINVAL);
	assert_int_equal(fstat(fd, &st), -1); /* it was taken, and closed */
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, sv), 0);
	assert_int_equal(notifier_add(c.notifier, sv[0], &err), -EINVAL);
	(void)close(sv[1]);
	assert_int_equal(notifier_add(c.notifier, -1, &err), -EINVAL);
	assert_int_equal(notifier_n(c.notifier), 0);
	notifier_free(c.notifier);
	notifier_free(NULL);
	loop_free(c.loop);
}

static int served_no_more(int sock)
{
	if (try_listen(5) != -ENOSYS)
		return 1;
	return child_hear(sock) == 'g' && try_listen(6) == -ENOSYS ? 0 : 2;
}

/* Held and later calls fail, though somebody has kept a copy of the listener till the end. */
static void test_freed(void **state)
{
	struct child c;
	struct notify_call call;
	struct held_one o;
	int copy;

	(void)state;
	{
		int listener = child_fork(&c, ATTACH_HYBRID, served_no_more);

		copy = fcntl(listener, F_DUPFD_CLOEXEC, 0);
		child_serve(&c, listener);
	}
	assert_true(child_call(&c, &call));
	hold(&c, &o, &call, LOOP_FOREVER);
	notifier_free(c.notifier);
	c.notifier = NULL;
	assert_int_equal(o.n_over, 0);
	assert_false(o.h.is_held);
	(void)close(copy);
	child_tell(&c, 'g');
	assert_int_equal(child_wait(&c), 0);
	child_done(&c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_answers),     cmocka_unit_test(test_descriptors),
		cmocka_unit_test(test_deadline),    cmocka_unit_test(test_deadlines_of_two),
		cmocka_unit_test(test_interrupted), cmocka_unit_test(test_restarted),
		cmocka_unit_test(test_killed),      cmocka_unit_test(test_sweep),
		cmocka_unit_test(test_no_listener), cmocka_unit_test(test_freed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
