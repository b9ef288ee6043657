/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * ICMP errors: which are believed (RFC 5927), and what they do.
 */
#include <errno.h>

#include "tests/unit/netstack/tcp/segments.h"

static struct rig rig;

static int setup(void **state)
{
	segments_init(&rig);
	*state = &rig;
	return 0;
}

static int teardown(void **state)
{
	netstack_advance(rig.st, rig.now);
	rig_done(*state);
	return 0;
}

/* An error about the segment at @seq of the connection with @p. */
static bool error_about(const struct peer *p, struct seq seq, int error, uint32_t mtu)
{
	const struct ip_error e = {
		.src = p->us,
		.dst = p->peer,
		.from = rig_ip4(10, 0, 0, 99),
		.seq = seq.v,
		.mtu = mtu,
		.src_port = p->our_port,
		.dst_port = p->port,
		.error = error,
		.proto = IP_PROTO_TCP,
		.is_ip4 = true,
	};

	return tcp_error(rig.st->tcp, &e);
}

static int so_error(int fd)
{
	int err = -1;
	socklen_t len = sizeof(err);

	assert_int_equal(ns_getsockopt(rig.st, fd, SOL_SOCKET, SO_ERROR, &err, &len), 0);
	return err;
}

static void test_connect_fails(void **state)
{
	struct peer p = peer_of(*state, PEER_PORT);
	const int fd = connect_fd(&p);
	struct seg s = seg_out(&p);

	p.our_port = s.src_port;
	assert_false(error_about(&p, seq_add(s.seq, 1), EHOSTUNREACH, 0));
	assert_false(error_about(&p, seq_sub(s.seq, 1), EHOSTUNREACH, 0));
	assert_true(error_about(&p, s.seq, EHOSTUNREACH, 0));
	assert_int_equal(so_error(fd), EHOSTUNREACH);
	assert_true(poll_of(&rig, fd) & POLLHUP);
	assert_int_equal(ns_close(rig.st, fd), 0);
}

static void test_established_goes_on(void **state)
{
	const struct tcp_options_repr opt = full_options();
	struct peer p = peer_of(*state, PEER_PORT);
	const int listener = listen_fd(&rig, PORT, 1);
	const int fd = peer_connects(&p, listener, &opt);
	struct tcp_conn *c = conn_of(&rig, fd);
	struct seg s;

	assert_false(error_about(&p, c->snd_una, EHOSTUNREACH, 0)); /* nothing is in flight */
	assert_int_equal(ns_send(rig.st, fd, "hello", 5, 0), 5);
	s = seg_out(&p);
	assert_true(error_about(&p, seq_add(s.seq, 4), EHOSTUNREACH, 0));
	assert_false(error_about(&p, seq_add(s.seq, 5), ECONNREFUSED, 0));
	assert_int_equal(c->state, TCPS_ESTABLISHED);
	assert_int_equal(c->sk.error, 0);
	assert_false(poll_of(&rig, fd) & POLLERR);
	assert_int_equal(so_error(fd), EHOSTUNREACH); /* who asks is told, as on Linux */
	/* IP_RECVERR: whoever asks for it hears at once. */
	c->sk.flags |= SOCK_RECVERR;
	assert_true(error_about(&p, s.seq, ECONNREFUSED, 0));
	assert_true(poll_of(&rig, fd) & POLLERR);
	assert_int_equal(so_error(fd), ECONNREFUSED);
	assert_int_equal(so_error(fd), 0); /* once */
	assert_int_equal(c->state, TCPS_ESTABLISHED);
	/* That option is for errors of IPv4. */
	c->sk.flags &= ~(uint32_t)SOCK_RECVERR;
	c->sk.opts |= SOCKOPT6_RECVERR;
	assert_true(error_about(&p, s.seq, EHOSTUNREACH, 0));
	assert_false(poll_of(&rig, fd) & POLLERR);
	peer_send_at(&p, TCP_RST, 0, 0);
	assert_int_equal(ns_close(rig.st, fd), 0);
	assert_int_equal(ns_close(rig.st, listener), 0);
}

/* IP_MINTTL: our segment must not have come further than the peer is. */
static void test_from_too_far(void **state)
{
	const struct tcp_options_repr opt = full_options();
	struct peer p = peer_of(*state, PEER_PORT);
	const int listener = listen_fd(&rig, PORT, 1);
	const int fd = peer_connects(&p, listener, &opt);
	struct ip_error e = {
		.src = p.us,
		.dst = p.peer,
		.from = p.peer,
		.src_port = p.our_port,
		.dst_port = p.port,
		.error = EHOSTUNREACH,
		.proto = IP_PROTO_TCP,
		.is_ip4 = true,
		.left_ttl = 253,
	};

	assert_int_equal(ns_send(rig.st, fd, "hello", 5, 0), 5);
	e.seq = seg_out(&p).seq.v;
	conn_of(&rig, fd)->sk.min_ttl = 254;
	assert_false(tcp_error(rig.st->tcp, &e));
	assert_int_equal(so_error(fd), 0);
	e.left_ttl = 254;
	assert_true(tcp_error(rig.st->tcp, &e));
	assert_int_equal(so_error(fd), EHOSTUNREACH);
	conn_of(&rig, fd)->sk.min_ttl = 0;
	peer_send_at(&p, TCP_RST, 0, 0);
	assert_int_equal(ns_close(rig.st, fd), 0);
	assert_int_equal(ns_close(rig.st, listener), 0);
}

static void test_syn_rcvd(void **state)
{
	const struct tcp_options_repr opt = full_options();
	struct peer p = peer_of(*state, PEER_PORT);
	const int listener = listen_fd(&rig, PORT, 1);
	struct netstack_memory m;
	struct seg s;

	peer_syn(&p, &opt);
	s = seg_out(&p);
	assert_false(error_about(&p, seq_add(s.seq, 1), EHOSTUNREACH, 0));
	assert_true(error_about(&p, s.seq, EMSGSIZE, 1000)); /* no reason to give up */
	netstack_memory(rig.st, &m);
	assert_int_equal(m.syn_rcvd, 1);
	assert_true(error_about(&p, s.seq, EHOSTUNREACH, 0));
	netstack_memory(rig.st, &m);
	assert_int_equal(m.syn_rcvd, 0);
	assert_false(error_about(&p, s.seq, EHOSTUNREACH, 0)); /* of nobody */
	assert_int_equal(ns_close(rig.st, listener), 0);
}

/* RFC 1191: smaller segments, and the large one again. */
static void test_path_mtu(void **state)
{
	static char buf[3000];
	const struct tcp_options_repr opt = full_options();
	struct peer p = peer_of(*state, PEER_PORT);
	const int listener = listen_fd(&rig, PORT, 1);
	const int fd = peer_connects(&p, listener, &opt);
	struct seg s;

	assert_int_equal(ns_send(rig.st, fd, buf, sizeof(buf), 0), sizeof(buf));
	s = seg_out(&p);
	assert_int_equal(s.len, 1460);
	peer_forget(&p);
	assert_true(error_about(&p, s.seq, EMSGSIZE, 1000));
	assert_int_equal(tcp_snd_mss(conn_of(&rig, fd)), 960);
	assert_int_equal(seg_out(&p).len, 960);
	peer_send_at(&p, TCP_RST, 0, 0);
	assert_int_equal(ns_close(rig.st, fd), 0);
	assert_int_equal(ns_close(rig.st, listener), 0);
	peer_forget(&p);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_connect_fails), TEST(test_established_goes_on),
		TEST(test_from_too_far),  TEST(test_syn_rcvd),
		TEST(test_path_mtu),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
