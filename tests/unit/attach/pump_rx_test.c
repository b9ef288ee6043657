/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/unit/attach/pump_fixture.h"

static void a_big_transfer_in(void **state)
{
	static uint8_t buf[200000];
	uint64_t sent = 0, got = 0;
	uint32_t dice = 1;

	(void)state;
	while (got < BIG) {
		size_t n = some(&dice, sizeof(buf));
		ssize_t r;

		n = n < BIG - sent ? n : BIG - sent;
		fill(buf, n, sent);
		r = n ? ns_send(S->st, S->peer, buf, n, 0) : 0;
		assert_true(r >= 0 || r == -EAGAIN);
		sent += r > 0 ? (uint64_t)r : 0;
		if (!turn())
			rig_sleep(&S->rig, 1);
		r = recv(S->prog, buf, some(&dice, sizeof(buf)), 0);
		assert_true(r > 0 || errno == EAGAIN);
		if (r > 0)
			check(buf, (size_t)r, got);
		got += r > 0 ? (uint64_t)r : 0;
	}
	assert_int_equal(S->rx_bytes, BIG);
}

static void what_was_there_before_is_delivered(void **state)
{
	(void)state;
	peer_send("early", 5);
	assert_int_equal(ns_shutdown(S->st, S->peer, SHUT_WR), 0);
	settle();
	start_pump(2241);
	prog_gets("early"); /* before the loop has turned */
	settle();
	assert_int_equal(prog_error(0), 0);
	prog_send("late", 4);
	settle();
	peer_gets("late");
}

static void a_program_that_does_not_read(void **state)
{
	static uint8_t buf[65536];
	uint64_t n = 0;

	(void)state;
	prog_shutdown(SHUT_RD);
	for (int i = 0; i < 200; i++) {
		const ssize_t r = ns_send(S->st, S->peer, buf, sizeof(buf), 0);

		n += r > 0 ? (uint64_t)r : 0;
		let_pass(1);
	}
	assert_true(n > 200 * sizeof(buf) / 2); /* the window stayed open */
	assert_int_equal(S->rx_bytes, 0);
	assert_int_equal(S->n_ended, 0);
	prog_send("but writes", 10);
	settle();
	peer_gets("but writes");
}

static void a_shutdown_that_nobody_told_of(void **state)
{
	(void)state;
	assert_int_equal(shutdown(S->prog, SHUT_RD), 0);
	peer_send("x", 1);
	settle();
	assert_int_equal(S->n_ended, 0);
	prog_send("y", 1);
	settle();
	peer_gets("y");
}

static void the_peer_sends_urgent_bytes(void **state)
{
	int at = 0;
	char c;

	(void)state;
	peer_send("before", 6);
	assert_int_equal(ns_send(S->st, S->peer, "!", 1, MSG_OOB), 1);
	peer_send("after", 5);
	settle();
	assert_true(prog_poll() & POLLPRI);
	assert_int_equal(recv(S->prog, &c, 1, MSG_OOB), 1);
	assert_int_equal(c, '!');
	prog_gets("before");
	assert_int_equal(ioctl(S->prog, SIOCATMARK, &at), 0);
	assert_int_equal(at, 1);
	prog_gets("after");
	assert_int_equal(S->rx_bytes, 11);
}

static void less_than_wanted_is_withheld(void **state)
{
	(void)state;
	pump_set_lowat(S->p, 10);
	peer_send("12345", 5);
	settle();
	assert_int_equal(prog_poll(), POLLOUT);
	peer_send("67890abc", 8);
	settle();
	assert_int_equal(prog_poll(), POLLIN | POLLOUT);
	/* It has something unread, and gets the rest: its recv() counts for itself. */
	peer_send("d", 1);
	settle();
	prog_gets("1234567890abcd");
	peer_send("x", 1);
	settle();
	assert_int_equal(prog_poll(), POLLOUT);
	pump_set_lowat(S->p, 1);
	prog_gets("x");
	pump_set_lowat(S->p, 10);
	peer_send("end", 3);
	settle();
	assert_int_equal(prog_poll(), POLLOUT);
	assert_int_equal(ns_shutdown(S->st, S->peer, SHUT_WR), 0);
	settle();
	prog_gets("end");
	assert_int_equal(prog_error(0), 0);
}

static void as_much_as_the_buffer_holds_may_be_wanted(void **state)
{
	static uint8_t buf[1000];
	const uint32_t want = 1U << 20;
	uint64_t sent = 0;

	(void)state;
	pump_set_lowat(S->p, want);
	for (int i = 0; i < 5000 && !S->rx_bytes; i++) {
		const ssize_t r = ns_send(S->st, S->peer, buf, sizeof(buf), 0);

		sent += r > 0 ? (uint64_t)r : 0;
		let_pass(1);
	}
	assert_true(sent >= want);
	assert_true(S->rx_bytes > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		PUMP_TEST(a_big_transfer_in),
		CONNECTED_TEST(what_was_there_before_is_delivered),
		PUMP_TEST(a_program_that_does_not_read),
		PUMP_TEST(a_shutdown_that_nobody_told_of),
		PUMP_TEST(the_peer_sends_urgent_bytes),
		PUMP_TEST(less_than_wanted_is_withheld),
		PUMP_TEST(as_much_as_the_buffer_holds_may_be_wanted),
	};

	return PUMP_RUN(tests);
}
