/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/unit/attach/pump_fixture.h"

static void small_messages_go_both_ways(void **state)
{
	(void)state;
	for (int i = 0; i < 500; i++) {
		prog_send("question", 8);
		settle();
		peer_gets("question");
		peer_send("answer", 6);
		settle();
		prog_gets("answer");
	}
	assert_int_equal(S->tx_bytes, 500 * 8);
	assert_int_equal(S->rx_bytes, 500 * 6);
	assert_int_equal(S->n_ended, 0);
	assert_int_equal(pump_unsent(S->p), 0);
}

static void without_junk_it_begins_as_well(void **state)
{
	(void)state;
	assert_int_equal(ns_shutdown(S->st, S->peer, SHUT_WR), 0);
	settle();
	start_pump(0);
	settle();
	assert_int_equal(prog_error(0), 0);
	prog_send("x", 1);
	settle();
	peer_gets("x");
}

static void a_program_that_closes_sends_the_rest(void **state)
{
	(void)state;
	prog_send("last words", 10);
	prog_close();
	assert_ended(PUMP_CLOSED);
	assert_int_equal(S->n_asked, 0);
	close_stack(false);
	peer_gets("last words");
	assert_int_equal(peer_error(), 0);
}

static void a_program_that_closes_with_unread_bytes_resets(void **state)
{
	(void)state;
	peer_send("unread", 6);
	settle();
	prog_close();
	assert_ended(PUMP_ABORTED);
	close_stack(true);
	assert_int_equal(peer_error(), -ECONNRESET);
}

/* The stack still has them, for the program's queue is full. */
static void unread_bytes_in_the_stack_reset_as_well(void **state)
{
	static uint8_t buf[65536];

	(void)state;
	for (int i = 0; i < 1000 && ns_send(S->st, S->peer, buf, sizeof(buf), 0) > 0; i++)
		let_pass(5);
	while (recv(S->prog, buf, sizeof(buf), 0) > 0)
		;
	prog_close(); /* the loop has not turned since */
	assert_ended(PUMP_ABORTED);
}

static void a_half_close_of_the_program(void **state)
{
	(void)state;
	prog_send("request", 7);
	prog_shutdown(SHUT_WR);
	settle();
	peer_gets("request");
	assert_int_equal(peer_error(), 0);
	peer_send("reply", 5);
	settle();
	prog_gets("reply");
	assert_int_equal(S->n_ended, 0);
	S->open = true;
	assert_int_equal(ns_shutdown(S->st, S->peer, SHUT_WR), 0);
	settle();
	assert_int_equal(prog_error(0), 0);
	assert_int_equal(S->n_ended, 0); /* it has its descriptor still */
	prog_close();
	assert_ended(PUMP_CLOSED);
}

static void a_half_close_of_the_peer(void **state)
{
	(void)state;
	peer_send("bye", 3);
	assert_int_equal(ns_shutdown(S->st, S->peer, SHUT_WR), 0);
	settle();
	assert_int_equal(prog_poll(), POLLIN | POLLOUT | POLLRDHUP);
	prog_gets("bye");
	assert_int_equal(prog_error(0), 0);
	prog_send("still here", 10);
	settle();
	peer_gets("still here");
	/* Both are shut down, and it is not closed. */
	S->open = true;
	prog_shutdown(SHUT_WR);
	settle();
	assert_int_equal(peer_error(), 0);
	assert_int_equal(S->n_ended, 0);
	assert_int_equal(prog_poll(), POLLIN | POLLOUT | POLLHUP | POLLRDHUP);
	prog_close();
	assert_ended(PUMP_CLOSED);
}

/* The usual end of a server: the peer closes, and so does it. */
static void a_close_after_the_peers(void **state)
{
	(void)state;
	assert_int_equal(ns_close(S->st, TAKE_FD(S->peer)), 0);
	settle();
	assert_int_equal(prog_error(0), 0);
	prog_close();
	assert_ended(PUMP_CLOSED);
	assert_int_equal(S->n_asked, 0);
}

/* shutdown() and close() before the loop turns: one edge tells of both. */
static void a_shutdown_and_a_close_at_once(void **state)
{
	(void)state;
	assert_int_equal(ns_shutdown(S->st, S->peer, SHUT_WR), 0);
	settle();
	prog_shutdown(SHUT_WR);
	prog_close();
	assert_ended(PUMP_CLOSED);
	assert_int_equal(S->n_asked, 1);
}

static void a_program_that_shuts_down_both(void **state)
{
	(void)state;
	prog_send("x", 1);
	S->open = true;
	prog_shutdown(SHUT_RDWR);
	settle();
	peer_gets("x");
	assert_int_equal(peer_error(), 0);
	assert_int_equal(S->n_ended, 0);
	peer_send("for nobody", 10);
	settle();
	assert_int_equal(S->n_ended, 0);
	prog_close();
	assert_ended(PUMP_CLOSED);
}

static void a_reset_is_told_after_the_bytes(void **state)
{
	(void)state;
	peer_send("before", 6);
	settle();
	peer_reset();
	assert_ended(PUMP_RESET);
	assert_int_equal(prog_poll(), POLLIN | POLLOUT | POLLERR | POLLHUP | POLLRDHUP);
	prog_gets("before");
	assert_int_equal(prog_error(0), -ECONNRESET);
	assert_int_equal(prog_error(0), 0);
	assert_int_equal(send(S->prog, "x", 1, MSG_NOSIGNAL), -1);
	assert_int_equal(errno, EPIPE);
}

static void a_reset_after_messages_of_both(void **state)
{
	static uint8_t big[100000];

	(void)state;
	for (int i = 0; i < 200; i++) {
		prog_send("0123456789", 10);
		settle();
	}
	prog_send(big, sizeof(big));
	settle();
	peer_reset();
	assert_ended(PUMP_RESET);
	assert_int_equal(prog_error(0), -ECONNRESET);
}

/* More than its queue takes: all of it is read before the reset. */
static void a_reset_waits_for_a_slow_reader(void **state)
{
	static uint8_t buf[65536];
	uint64_t sent = 0, got = 0;

	(void)state;
	for (int i = 0; i < 1000; i++) {
		ssize_t r;

		fill(buf, sizeof(buf), sent);
		r = ns_send(S->st, S->peer, buf, sizeof(buf), 0);
		if (r <= 0)
			break;
		sent += (uint64_t)r;
		let_pass(5);
	}
	let_pass(1000);
	peer_reset();
	for (int i = 0; i < 10000; i++) {
		const ssize_t r = recv(S->prog, buf, sizeof(buf), 0);

		if (r < 0 && errno == ECONNRESET)
			break;
		assert_true(r > 0 || errno == EAGAIN);
		if (r > 0)
			check(buf, (size_t)r, got);
		got += r > 0 ? (uint64_t)r : 0;
		settle();
	}
	assert_ended(PUMP_RESET);
	assert_int_equal(got, S->rx_bytes);
	assert_true(got > 0);
}

/* Linux: an end is an end, and writing fails. */
static void a_reset_after_a_fin(void **state)
{
	(void)state;
	prog_send("x", 1);
	assert_int_equal(ns_shutdown(S->st, S->peer, SHUT_WR), 0);
	settle();
	assert_int_equal(prog_error(0), 0);
	peer_reset(); /* with x unread, too */
	assert_ended(PUMP_RESET);
	assert_int_equal(prog_error(0), 0);
	assert_false(prog_poll() & POLLERR);
	assert_int_equal(send(S->prog, "y", 1, MSG_NOSIGNAL), -1);
	assert_int_equal(errno, EPIPE);
}

static void a_stop_is_silent(void **state)
{
	(void)state;
	prog_send("x", 1);
	pump_stop(S->p);
	S->p = NULL;
	settle();
	assert_int_equal(S->n_ended, 0);
	pump_stop(NULL);
}

static void an_idle_pump_is_asleep(void **state)
{
	unsigned int turns = 0;
	uint64_t end;

	(void)state;
	prog_send("x", 1);
	peer_send("y", 1);
	let_pass(1000);
	/* Its turns sleep until their deadline: nothing wakes them up again and again. */
	end = loop_clock() + UINT64_C(20000000);
	while (loop_clock() < end) {
		(void)loop_turn(S->l, end); /* the deadline ends it, or a signal */
		turns++;
	}
	assert_in_range(turns, 0, 10);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		PUMP_TEST(small_messages_go_both_ways),
		CONNECTED_TEST(without_junk_it_begins_as_well),
		PUMP_TEST(a_program_that_closes_sends_the_rest),
		PUMP_TEST(a_program_that_closes_with_unread_bytes_resets),
		PUMP_TEST(unread_bytes_in_the_stack_reset_as_well),
		PUMP_TEST(a_half_close_of_the_program),
		PUMP_TEST(a_half_close_of_the_peer),
		PUMP_TEST(a_close_after_the_peers),
		PUMP_TEST(a_shutdown_and_a_close_at_once),
		PUMP_TEST(a_program_that_shuts_down_both),
		PUMP_TEST(a_reset_is_told_after_the_bytes),
		PUMP_TEST(a_reset_after_messages_of_both),
		PUMP_TEST(a_reset_waits_for_a_slow_reader),
		PUMP_TEST(a_reset_after_a_fin),
		PUMP_TEST(a_stop_is_silent),
		PUMP_TEST(an_idle_pump_is_asleep),
	};

	return PUMP_RUN(tests);
}
