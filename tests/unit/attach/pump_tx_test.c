/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/unit/attach/pump_fixture.h"

static int edges_of(uint32_t events)
{
	struct epoll_event ev = { .events = events | EPOLLET };
	const int ep = epoll_create1(EPOLL_CLOEXEC);

	assert_true(ep >= 0);
	assert_int_equal(epoll_ctl(ep, EPOLL_CTL_ADD, S->prog, &ev), 0);
	return ep;
}

static void many_messages_in_one_go_arrive_in_order(void **state)
{
	char msg[32], got[32];

	(void)state;
	for (int i = 0; i < 300; i++) {
		(void)snprintf(msg, sizeof(msg), "message %06d", i);
		prog_send(msg, 14);
	}
	settle();
	for (int i = 0; i < 300; i++) {
		(void)snprintf(msg, sizeof(msg), "message %06d", i);
		assert_int_equal(ns_recv(S->st, S->peer, got, 14, 0), 14);
		assert_memory_equal(got, msg, 14);
	}
}

static void a_big_transfer_out(void **state)
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
		r = n ? send(S->prog, buf, n, MSG_NOSIGNAL) : 0;
		assert_true(r >= 0 || errno == EAGAIN);
		sent += r > 0 ? (uint64_t)r : 0;
		if (!turn())
			rig_sleep(&S->rig, 1);
		r = ns_recv(S->st, S->peer, buf, some(&dice, sizeof(buf)), 0);
		assert_true(r > 0 || r == -EAGAIN);
		if (r > 0)
			check(buf, (size_t)r, got);
		got += r > 0 ? (uint64_t)r : 0;
	}
	assert_int_equal(S->tx_bytes, BIG);
	assert_int_equal(pump_unsent(S->p), 0);
}

/* Nobody reads: everything stands still, and nothing is lost. */
static void a_reader_that_does_not_read_stops_the_writer(void **state)
{
	static uint8_t buf[65536];
	uint64_t sent = 0, got = 0;

	(void)state;
	for (unsigned int i = 0; i < 4096; i++) {
		ssize_t r;

		fill(buf, sizeof(buf), sent);
		r = send(S->prog, buf, sizeof(buf), MSG_NOSIGNAL);
		if (r > 0)
			sent += (uint64_t)r;
		else
			let_pass(20);
		if (r < 0 && !(prog_poll() & POLLOUT))
			break;
	}
	let_pass(1000);
	assert_false(prog_poll() & POLLOUT);
	assert_true(pump_unsent(S->p) > 0);
	assert_int_equal(sent - S->tx_bytes, pump_unsent(S->p));
	while (got < sent) {
		const ssize_t r = ns_recv(S->st, S->peer, buf, sizeof(buf), 0);

		assert_true(r > 0 || r == -EAGAIN);
		if (r > 0)
			check(buf, (size_t)r, got);
		else
			let_pass(20);
		got += r > 0 ? (uint64_t)r : 0;
	}
	assert_true(prog_poll() & POLLOUT);
}

static void messages_make_no_edges_for_their_writer(void **state)
{
	struct epoll_event ev;
	cleanup_close int ep = edges_of(EPOLLIN | EPOLLOUT | EPOLLRDHUP);

	(void)state;
	assert_int_equal(epoll_wait(ep, &ev, 1, 0), 1);
	assert_int_equal(ev.events, EPOLLOUT);
	for (int i = 0; i < 50; i++) {
		prog_send("message", 7);
		settle();
		if (epoll_wait(ep, &ev, 1, 0))
			fail_msg("%d: %x", i, ev.events);
	}
	/* One for each that comes. */
	for (int i = 0; i < 5; i++) {
		peer_send("x", 1);
		settle();
		assert_int_equal(epoll_wait(ep, &ev, 1, 0), 1);
		assert_int_equal(ev.events, EPOLLIN | EPOLLOUT);
		assert_int_equal(epoll_wait(ep, &ev, 1, 0), 0);
	}
	assert_int_equal(ns_shutdown(S->st, S->peer, SHUT_WR), 0);
	settle();
	assert_int_equal(epoll_wait(ep, &ev, 1, 0), 1);
	assert_int_equal(ev.events, EPOLLIN | EPOLLOUT | EPOLLRDHUP);
	assert_int_equal(epoll_wait(ep, &ev, 1, 0), 0);
}

static void peer_gets_urgent(const char *before, char urgent, const char *after)
{
	char buf[64] = "", c = 0;
	int at = 0;

	assert_int_equal(ns_recv(S->st, S->peer, &c, 1, MSG_OOB), 1);
	assert_int_equal(c, urgent);
	if (*before) {
		assert_int_equal(ns_recv(S->st, S->peer, buf, sizeof(buf), 0), strlen(before));
		assert_string_equal(buf, before);
	}
	assert_int_equal(ns_ioctl(S->st, S->peer, SIOCATMARK, &at), 0);
	assert_int_equal(at, 1);
	memset(buf, 0, sizeof(buf));
	if (*after) {
		assert_int_equal(ns_recv(S->st, S->peer, buf, sizeof(buf), 0), strlen(after));
		assert_string_equal(buf, after);
	}
}

static void the_program_sends_urgent_bytes(void **state)
{
	(void)state;
	pump_urgent(S->p);
	prog_send("before", 6);
	assert_int_equal(send(S->prog, "!", 1, MSG_OOB), 1);
	prog_send("after", 5);
	settle();
	peer_gets_urgent("before", '!', "after");
	/* Alone, and the next one; with a message that ends in it. */
	assert_int_equal(send(S->prog, "?", 1, MSG_OOB), 1);
	settle();
	peer_gets_urgent("", '?', "");
	assert_int_equal(send(S->prog, "abc#", 4, MSG_OOB), 4);
	settle();
	peer_gets_urgent("abc", '#', "");
	for (int i = 0; i < 100; i++) {
		prog_send("more", 4);
		let_pass(50); /* Nagle */
		peer_gets("more");
	}
	assert_int_equal(send(S->prog, "*", 1, MSG_OOB), 1);
	settle();
	peer_gets_urgent("", '*', "");
	peer_reset();
	assert_ended(PUMP_RESET);
	assert_int_equal(prog_error(0), -ECONNRESET);
}

static void an_urgent_byte_behind_a_large_message(void **state)
{
	static uint8_t buf[150000], got[150000];
	size_t n = 0;
	char c;

	(void)state;
	pump_urgent(S->p);
	fill(buf, sizeof(buf), 0);
	prog_send(buf, sizeof(buf));
	assert_int_equal(send(S->prog, "!", 1, MSG_OOB), 1);
	while (n < sizeof(got)) {
		ssize_t r;

		let_pass(50);
		r = ns_recv(S->st, S->peer, got + n, sizeof(got) - n, 0);
		assert_true(r > 0);
		n += (size_t)r;
	}
	check(got, sizeof(got), 0);
	let_pass(50);
	assert_int_equal(ns_recv(S->st, S->peer, &c, 1, MSG_OOB), 1);
	assert_int_equal(c, '!');
	assert_int_equal(peer_error(), -EAGAIN);
}

static void an_urgent_byte_that_nobody_announced_is_one_like_others(void **state)
{
	(void)state;
	prog_send("before", 6);
	assert_int_equal(send(S->prog, "!", 1, MSG_OOB), 1);
	prog_send("after", 5);
	settle();
	peer_gets("before!after");
	for (int i = 0; i < 100; i++) {
		assert_int_equal(send(S->prog, "abc?", 4, MSG_OOB), 4);
		let_pass(50); /* Nagle */
		peer_gets("abc?");
	}
	/* From now on it is. */
	pump_urgent(S->p);
	assert_int_equal(send(S->prog, "abc?", 4, MSG_OOB), 4);
	settle();
	peer_gets_urgent("abc", '?', "");
	for (int i = 0; i < 100; i++) {
		prog_send("more", 4);
		let_pass(50);
		peer_gets("more");
	}
}

static void send_fd(int fd)
{
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(int))];
	struct iovec iov = { (void *)(uintptr_t) "fd", 2 };
	const struct msghdr msg = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = sizeof(control),
	};
	struct cmsghdr *c = CMSG_FIRSTHDR(&msg);

	*c = (struct cmsghdr){
		.cmsg_len = CMSG_LEN(sizeof(int)),
		.cmsg_level = SOL_SOCKET,
		.cmsg_type = SCM_RIGHTS,
	};
	memcpy(CMSG_DATA(c), &fd, sizeof(fd));
	assert_int_equal(sendmsg(S->prog, &msg, 0), 2);
}

/* The other end of the pipe is closed when the last descriptor of this one is. */
static void pass_descriptors(bool urgent)
{
	static uint8_t big[10000], got[sizeof(big) + 2];
	struct pollfd look;
	int p[2];

	if (urgent)
		pump_urgent(S->p);
	assert_int_equal(pipe2(p, O_CLOEXEC), 0);
	look = (struct pollfd){ .fd = p[0], .events = POLLIN };
	for (int i = 0; i < 5; i++)
		send_fd(p[1]);
	prog_send("then", 4);
	send_fd(p[1]);
	settle();
	peer_gets("fdfdfdfdfdthenfd");
	prog_send("more", 4);
	settle();
	peer_gets("more");
	send_fd(p[1]);
	prog_send(big, sizeof(big));
	settle();
	assert_int_equal(ns_recv(S->st, S->peer, got, sizeof(got), 0), sizeof(got));
	assert_memory_equal(got, "fd\0\0", 4);
	(void)close(p[1]);
	prog_close();
	assert_ended(PUMP_CLOSED);
	assert_int_equal(poll(&look, 1, 0), 1);
	assert_int_equal(look.revents, POLLHUP);
	(void)close(p[0]);
}

static void passed_descriptors_do_not_stay(void **state)
{
	(void)state;
	pass_descriptors(false);
}

static void passed_descriptors_of_an_urgent_program_do_not_stay(void **state)
{
	(void)state;
	pass_descriptors(true);
}

/* The peer has room for nothing; what the program wrote is not sent, and need not be. */
static void a_hasty_program_does_not_wait(void **state)
{
	static uint8_t buf[65536];
	const struct linger l = { .l_onoff = 1 };

	(void)state;
	for (int i = 0; i < 4096; i++) {
		if (send(S->prog, buf, sizeof(buf), MSG_NOSIGNAL) < 0) {
			let_pass(20);
			if (!(prog_poll() & POLLOUT))
				break;
		}
	}
	assert_true(pump_unsent(S->p) > 0);
	assert_int_equal(ns_setsockopt(S->st, S->ours, SOL_SOCKET, SO_LINGER, &l, sizeof(l)), 0);
	prog_close();
	assert_ended(PUMP_CLOSED);
}

/* ... and one that is not: it is gone, and its bytes are not. */
static void the_rest_of_a_patient_program_is_sent(void **state)
{
	static uint8_t buf[65536];
	uint64_t sent = 0, got = 0;

	(void)state;
	for (int i = 0; i < 4096; i++) {
		ssize_t r;

		fill(buf, sizeof(buf), sent);
		r = send(S->prog, buf, sizeof(buf), MSG_NOSIGNAL);
		sent += r > 0 ? (uint64_t)r : 0;
		if (r < 0) {
			let_pass(20);
			if (!(prog_poll() & POLLOUT))
				break;
		}
	}
	prog_close();
	assert_int_equal(S->n_ended, 0);
	while (got < sent) {
		const ssize_t r = ns_recv(S->st, S->peer, buf, sizeof(buf), 0);

		assert_true(r > 0 || r == -EAGAIN);
		if (r > 0)
			check(buf, (size_t)r, got);
		else
			let_pass(20);
		got += r > 0 ? (uint64_t)r : 0;
	}
	let_pass(20);
	assert_ended(PUMP_CLOSED);
}

/* The pool is empty for a while. */
static void without_memory_it_waits(void **state)
{
	static uint8_t buf[20000];
	struct pbuf_pool *pool = netstack_pool(S->st);
	struct pbuf_pool_stats stats;

	(void)state;
	pbuf_pool_stats(pool, &stats);
	pbuf_pool_set_limit(pool, stats.bytes);
	fill(buf, sizeof(buf), 0);
	prog_send(buf, sizeof(buf));
	settle();
	assert_int_equal(S->n_ended, 0);
	assert_int_equal(S->tx_bytes, 0);
	pbuf_pool_set_limit(pool, stats.limit);
	peer_send("wake up", 7); /* any event of any pump */
	let_pass(50);
	assert_int_equal(S->tx_bytes, sizeof(buf));
	assert_int_equal(ns_recv(S->st, S->peer, buf, sizeof(buf), 0), sizeof(buf));
	check(buf, sizeof(buf), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		PUMP_TEST(many_messages_in_one_go_arrive_in_order),
		PUMP_TEST(a_big_transfer_out),
		PUMP_TEST(a_reader_that_does_not_read_stops_the_writer),
		PUMP_TEST(messages_make_no_edges_for_their_writer),
		PUMP_TEST(the_program_sends_urgent_bytes),
		PUMP_TEST(an_urgent_byte_behind_a_large_message),
		PUMP_TEST(an_urgent_byte_that_nobody_announced_is_one_like_others),
		PUMP_TEST(passed_descriptors_do_not_stay),
		PUMP_TEST(passed_descriptors_of_an_urgent_program_do_not_stay),
		PUMP_TEST(a_hasty_program_does_not_wait),
		PUMP_TEST(the_rest_of_a_patient_program_is_sent),
		PUMP_TEST(without_memory_it_waits),
	};

	return PUMP_RUN(tests);
}
