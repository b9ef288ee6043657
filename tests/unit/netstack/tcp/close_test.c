/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * shutdown(), close(), linger, and connections without a descriptor.
 */
#include <errno.h>

#include "tests/unit/netstack/tcp/segments.h"

struct scene {
	struct rig r;
	struct peer p;
	int listener;
	int fd;
};

static int setup(void **state)
{
	static struct scene s;
	const struct tcp_options_repr opt = full_options();

	memset(&s, 0, sizeof(s));
	segments_init(&s.r);
	s.p = peer_of(&s.r, PEER_PORT);
	s.listener = listen_fd(&s.r, PORT, 5);
	s.fd = peer_connects(&s.p, s.listener, &opt);
	peer_forget(&s.p);
	*state = &s;
	return 0;
}

static int teardown(void **state)
{
	struct scene *s = *state;
	struct netstack_memory m;

	assert_int_equal(ns_close(s->r.st, s->listener), 0);
	if (s->fd >= 0)
		assert_int_equal(ns_close(s->r.st, s->fd), 0);
	peer_send_at(&s->p, TCP_RST, 0, 0);
	netstack_advance(s->r.st, s->r.now);
	netstack_memory(s->r.st, &m);
	assert_int_equal(m.sockets, 0);
	assert_int_equal(s->r.st->tcp->n_orphans, 0);
	rig_done(&s->r);
	return 0;
}

static void close_fd(struct scene *s)
{
	assert_int_equal(ns_close(s->r.st, s->fd), 0);
	s->fd = -1;
	netstack_advance(s->r.st, s->r.now);
}

static uint64_t n_conns(const struct scene *s)
{
	return s->r.st->tcp->conns.n - 1; /* without the listener */
}

static void test_fin_follows_data(void **state)
{
	struct scene *s = *state;
	struct seg a;

	assert_int_equal(ns_send(s->r.st, s->fd, "last words", 10, MSG_MORE), 10);
	close_fd(s);
	a = seg_out(&s->p);
	assert_int_equal(a.flags, TCP_FIN | TCP_PSH | TCP_ACK);
	assert_int_equal(a.len, 10);
	assert_int_equal(s->r.st->tcp->n_orphans, 1);
	peer_send(&s->p, TCP_ACK, 0);
	assert_int_equal(n_conns(s), 1); /* FIN-WAIT-2 */
	peer_send(&s->p, TCP_ACK | TCP_FIN, 0);
	(void)ack_out(&s->p, 0);
	assert_int_equal(n_conns(s), 0);
}

/* RFC 9293, 3.10.4: what is not read is lost, and the peer is told. */
static void test_unread_data(void **state)
{
	struct scene *s = *state;

	peer_send(&s->p, TCP_ACK, 10);
	(void)ack_out(&s->p, 0);
	close_fd(s);
	assert_true(seg_out(&s->p).flags & TCP_RST);
	assert_int_equal(n_conns(s), 0);
	assert_int_equal(stats(&s->r)->abort_on_close, 1);
}

/* The address goes for good: the peer is told, and so is the program. */
static void test_reset_from(void **state)
{
	struct scene *s = *state;
	const struct ip6_addr local = conn_of(&s->r, s->fd)->sk.laddr;
	char byte;

	assert_int_equal(netstack_tcp_reset(s->r.st, (struct ip6_addr){ 1, 2 }), 0);
	no_seg(&s->p);
	assert_int_equal(netstack_tcp_reset(s->r.st, local), 1); /* not the listener */
	netstack_advance(s->r.st, s->r.now);
	assert_true(seg_out(&s->p).flags & TCP_RST);
	assert_int_equal(ns_recv(s->r.st, s->fd, &byte, 1, MSG_DONTWAIT), -ECONNABORTED);
	assert_int_equal(netstack_tcp_reset(s->r.st, local), 0);
	close_fd(s);
	assert_int_equal(n_conns(s), 0);
}

static void test_linger_zero(void **state)
{
	const struct linger linger = { .l_onoff = 1 };
	struct scene *s = *state;

	assert_int_equal(
		ns_setsockopt(s->r.st, s->fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger)), 0);
	assert_int_equal(ns_send(s->r.st, s->fd, "x", 1, MSG_MORE), 1);
	close_fd(s);
	assert_true(seg_out(&s->p).flags & TCP_RST);
	no_seg(&s->p);
	assert_int_equal(n_conns(s), 0);
	assert_int_equal(stats(&s->r)->abort_on_data, 1);
}

static void test_fin_wait2_ends(void **state)
{
	struct scene *s = *state;

	close_fd(s);
	(void)seg_out(&s->p);
	peer_send(&s->p, TCP_ACK, 0);
	rig_sleep(&s->r, 59000);
	assert_int_equal(n_conns(s), 1);
	rig_sleep(&s->r, 2000);
	assert_int_equal(n_conns(s), 0);
	no_seg(&s->p);
}

/* TCP_LINGER2 says how long, negative: not at all. */
static void test_linger2(void **state)
{
	struct scene *s = *state;

	conn_of(&s->r, s->fd)->linger2_s = -1;
	close_fd(s);
	(void)seg_out(&s->p);
	peer_send(&s->p, TCP_ACK, 0);
	assert_true(seg_out(&s->p).flags & TCP_RST);
	assert_int_equal(n_conns(s), 0);
	assert_int_equal(stats(&s->r)->abort_on_linger, 1);
}

static void test_linger2_short(void **state)
{
	struct scene *s = *state;

	conn_of(&s->r, s->fd)->linger2_s = 5;
	close_fd(s);
	(void)seg_out(&s->p);
	peer_send(&s->p, TCP_ACK, 0);
	rig_sleep(&s->r, 4900);
	assert_int_equal(n_conns(s), 1);
	rig_sleep(&s->r, 200);
	assert_int_equal(n_conns(s), 0);
}

static void test_too_many_orphans(void **state)
{
	struct scene *s = *state;

	params(&s->r)->orphans_max = 0;
	assert_int_equal(ns_send(s->r.st, s->fd, "x", 1, 0), 1);
	close_fd(s);
	while (!(seg_out(&s->p).flags & TCP_RST))
		;
	assert_int_equal(n_conns(s), 0);
	assert_int_equal(stats(&s->r)->abort_on_memory, 1);
}

/* What was not sent when shutdown() is called goes out before the FIN. */
static void test_shutdown_wr(void **state)
{
	struct scene *s = *state;
	char c;

	assert_int_equal(ns_shutdown(s->r.st, s->fd, SHUT_WR), 0);
	assert_int_equal(ns_send(s->r.st, s->fd, "x", 1, MSG_NOSIGNAL), -EPIPE);
	assert_int_equal(poll_of(&s->r, s->fd), POLLOUT | POLLWRNORM);
	assert_int_equal(ns_recv(s->r.st, s->fd, &c, 1, 0), -EAGAIN);
	assert_int_equal(seg_out(&s->p).flags, TCP_FIN | TCP_ACK);
	assert_int_equal(ns_shutdown(s->r.st, s->fd, SHUT_WR), 0); /* once is enough */
	no_seg(&s->p);
}

/* SHUT_RD is between the user and us: what comes is taken, and read, as on Linux. */
static void test_shutdown_rd(void **state)
{
	struct scene *s = *state;
	char buf[20];

	assert_int_equal(ns_shutdown(s->r.st, s->fd, SHUT_RD), 0);
	assert_int_equal(poll_of(&s->r, s->fd),
			 POLLIN | POLLRDNORM | POLLOUT | POLLWRNORM | POLLRDHUP);
	assert_int_equal(ns_recv(s->r.st, s->fd, buf, sizeof(buf), 0), 0);
	no_seg(&s->p);
	peer_send(&s->p, TCP_ACK, 10);
	(void)ack_out(&s->p, 0);
	assert_int_equal(ns_recv(s->r.st, s->fd, buf, sizeof(buf), 0), 10);
	assert_int_equal(ns_recv(s->r.st, s->fd, buf, sizeof(buf), 0), 0);
	assert_int_equal(ns_send(s->r.st, s->fd, "x", 1, 0), 1);
	assert_int_equal(seg_out(&s->p).len, 1);
}

static void test_shutdown_rdwr(void **state)
{
	struct scene *s = *state;

	assert_int_equal(ns_shutdown(s->r.st, s->fd, SHUT_RDWR), 0);
	assert_int_equal(poll_of(&s->r, s->fd),
			 POLLIN | POLLRDNORM | POLLOUT | POLLWRNORM | POLLHUP | POLLRDHUP);
	(void)seg_out(&s->p);
	peer_send(&s->p, TCP_ACK, 10); /* nobody will read it */
	assert_int_equal(seg_out(&s->p).flags, TCP_RST);
}

static void test_shutdown_in_other_states(void **state)
{
	struct scene *s = *state;
	struct peer p = peer_of(&s->r, 1);
	int fd = tcp_fd(&s->r);

	assert_int_equal(ns_shutdown(s->r.st, fd, SHUT_RDWR), -ENOTCONN);
	assert_int_equal(ns_close(s->r.st, fd), 0);
	fd = connect_fd(&p);
	(void)seg_out(&p);
	assert_int_equal(ns_shutdown(s->r.st, fd, SHUT_WR), 0); /* no connection of it */
	no_seg(&p);
	assert_int_equal(conn_of(&s->r, fd)->state, TCPS_CLOSED);
	assert_int_equal(ns_close(s->r.st, fd), 0);
	fd = listen_fd(&s->r, 81, 1);
	assert_int_equal(ns_shutdown(s->r.st, fd, SHUT_WR), 0);
	assert_int_equal(conn_of(&s->r, fd)->state, TCPS_LISTEN);
	assert_int_equal(ns_shutdown(s->r.st, fd, SHUT_RD), 0);
	assert_int_equal(conn_of(&s->r, fd)->state, TCPS_CLOSED);
	assert_int_equal(accept_fd(&s->r, fd), -EINVAL);
	assert_int_equal(ns_close(s->r.st, fd), 0);
}

/* What waits in the accept queue of a listener that goes is reset. */
static void test_listener_with_queue(void **state)
{
	const struct tcp_options_repr opt = full_options();
	struct scene *s = *state;
	struct peer p = peer_of(&s->r, 5000);
	int fd = listen_fd(&s->r, 82, 5);

	p.our_port = 82;
	peer_syn(&p, &opt);
	(void)seg_out(&p);
	peer_send(&p, TCP_ACK, 10);
	(void)ack_out(&p, 0);
	assert_int_equal(ns_close(s->r.st, fd), 0);
	assert_true(seg_out(&p).flags & TCP_RST);
	assert_int_equal(n_conns(s), 1);
}

/* One that was reset there is still handed out. */
static void test_reset_in_the_queue(void **state)
{
	const struct tcp_options_repr opt = full_options();
	struct scene *s = *state;
	struct peer p = peer_of(&s->r, 5000);
	char c;
	int fd;

	peer_syn(&p, &opt);
	(void)seg_out(&p);
	peer_send(&p, TCP_ACK, 0);
	peer_send_at(&p, TCP_RST, 0, 0);
	fd = accept_fd(&s->r, s->listener);
	assert_true(fd >= 0);
	assert_int_equal(ns_recv(s->r.st, fd, &c, 1, 0), -ECONNRESET);
	assert_int_equal(ns_close(s->r.st, fd), 0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_fin_follows_data),    TEST(test_unread_data),
		TEST(test_linger_zero),         TEST(test_reset_from),
		TEST(test_fin_wait2_ends),      TEST(test_linger2),
		TEST(test_linger2_short),       TEST(test_too_many_orphans),
		TEST(test_shutdown_wr),         TEST(test_shutdown_rd),
		TEST(test_shutdown_rdwr),       TEST(test_shutdown_in_other_states),
		TEST(test_listener_with_queue), TEST(test_reset_in_the_queue),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
