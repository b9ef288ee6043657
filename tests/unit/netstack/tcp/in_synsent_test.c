/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * SYN-SENT: RFC 9293, 3.10.7.3, and simultaneous open (figure 8).
 */
#include <errno.h>

#include "tests/unit/netstack/tcp/segments.h"

struct scene {
	struct rig r;
	struct peer p;
	int fd;
};

static int setup(void **state)
{
	static struct scene s;
	struct seg a;

	memset(&s, 0, sizeof(s));
	segments_init(&s.r);
	s.p = peer_of(&s.r, PEER_PORT);
	s.fd = connect_fd(&s.p);
	a = seg_out(&s.p);
	assert_int_equal(a.flags, TCP_SYN);
	s.p.our_port = a.src_port;
	*state = &s;
	return 0;
}

static int teardown(void **state)
{
	struct scene *s = *state;

	peer_send_at(&s->p, TCP_RST, 0, 0);
	assert_int_equal(ns_close(s->r.st, s->fd), 0);
	netstack_advance(s->r.st, s->r.now);
	rig_done(&s->r);
	return 0;
}

static enum tcp_state tcp_state(const struct scene *s)
{
	return conn_of(&s->r, s->fd)->state;
}

static int connect_again(const struct scene *s)
{
	const struct sockaddr_in sin = sin_of(s->p.peer, s->p.port);

	return ns_connect(s->r.st, s->fd, (const void *)&sin, sizeof(sin));
}

static void send_synack(struct scene *s, const struct tcp_options_repr *opt, uint32_t len)
{
	seg_in(&s->p, &(struct seg){ .flags = TCP_SYN | TCP_ACK,
				     .seq = s->p.seq,
				     .ack = s->p.ack,
				     .wnd = s->p.wnd,
				     .opt = *opt,
				     .len = len });
	s->p.seq = seq_add(s->p.seq, 1 + len);
}

static void test_synack(void **state)
{
	struct scene *s = *state;
	struct tcp_options_repr opt = full_options();
	const struct tcp_conn *c = conn_of(&s->r, s->fd);

	assert_int_equal(connect_again(s), -EALREADY);
	assert_int_equal(poll_of(&s->r, s->fd), 0);
	s->p.ts = true;
	s->p.ts_val = 9;
	send_synack(s, &opt, 0);
	assert_int_equal(ack_out(&s->p, 0).opt.ts_ecr, 9);
	assert_int_equal(tcp_state(s), TCPS_ESTABLISHED);
	assert_int_equal(poll_of(&s->r, s->fd), POLLOUT | POLLWRNORM);
	assert_int_equal(connect_again(s), 0);
	assert_int_equal(connect_again(s), -EISCONN);
	assert_int_equal(c->flags & (TCPF_TS | TCPF_SACK | TCPF_WSCALE),
			 TCPF_TS | TCPF_SACK | TCPF_WSCALE);
	assert_int_equal(c->snd_wscale, 7);
	assert_int_equal(c->rcv_wscale, 7);
	assert_int_equal(c->snd_wnd, 65535); /* that of a SYN is not scaled */
	assert_int_equal(stats(&s->r)->active_opens, 1);
}

static void test_synack_without_options(void **state)
{
	struct scene *s = *state;
	const struct tcp_options_repr none = { .mss = 0 };
	const struct tcp_conn *c = conn_of(&s->r, s->fd);

	send_synack(s, &none, 0);
	assert_true(ack_out(&s->p, 0).wnd > 60000); /* so ours is not, either */
	assert_int_equal(c->flags & (TCPF_TS | TCPF_SACK | TCPF_WSCALE), 0);
	assert_int_equal(c->peer_mss, TCP_MSS_DEFAULT4);
	assert_int_equal(c->rcv_wscale, 0);
}

/* RFC 9293, 3.10.7.3: text behind SYN is not thrown away. */
static void test_synack_with_data(void **state)
{
	struct scene *s = *state;
	const struct tcp_options_repr opt = full_options();
	uint8_t buf[200];

	send_synack(s, &opt, 100);
	(void)ack_out(&s->p, 0);
	assert_int_equal(ns_recv(s->r.st, s->fd, buf, sizeof(buf), 0), 100);
	assert_int_equal(ns_recv(s->r.st, s->fd, buf, sizeof(buf), 0), -EAGAIN);
}

static void test_wrong_ack(void **state)
{
	struct scene *s = *state;
	const struct seq good = s->p.ack;
	struct seg a;

	for (int i = 0; i < 2; i++) {
		s->p.ack = i ? seq_add(good, 1) : seq_sub(good, 1);
		peer_send_at(&s->p, TCP_ACK | (i ? TCP_SYN : 0), 0, 0);
		a = seg_out(&s->p);
		assert_int_equal(a.flags, TCP_RST);
		assert_int_equal(a.seq.v, s->p.ack.v);
		peer_send_at(&s->p, TCP_ACK | TCP_RST, 0, 0); /* that is no good one neither */
		no_seg(&s->p);
		assert_int_equal(tcp_state(s), TCPS_SYN_SENT);
	}
	s->p.ack = good;
	peer_send_at(&s->p, TCP_ACK, 0, 0); /* right, but no SYN */
	no_seg(&s->p);
	assert_int_equal(rig_drops(&s->r, DROP_TCP_NO_FLAGS), 1);
	assert_int_equal(tcp_state(s), TCPS_SYN_SENT);
}

static void test_rst(void **state)
{
	struct scene *s = *state;
	int err;
	socklen_t len = sizeof(err);

	peer_send_at(&s->p, TCP_RST, 0, 0); /* of anybody */
	assert_int_equal(tcp_state(s), TCPS_SYN_SENT);
	peer_send_at(&s->p, TCP_RST | TCP_ACK, 0, 0);
	assert_int_equal(poll_of(&s->r, s->fd), POLLIN | POLLRDNORM | POLLOUT | POLLWRNORM |
							POLLHUP | POLLERR | POLLRDHUP);
	assert_int_equal(ns_getsockopt(s->r.st, s->fd, SOL_SOCKET, SO_ERROR, &err, &len), 0);
	assert_int_equal(err, ECONNREFUSED);
	assert_int_equal(stats(&s->r)->attempt_fails, 1);
	/* connect() has not said it yet: it does not know any more why. */
	assert_int_equal(connect_again(s), -ECONNABORTED);
	assert_int_equal(connect_again(s), -EINPROGRESS); /* and now from the start */
	assert_int_equal(seg_out(&s->p).flags, TCP_SYN);
}

static void test_refused(void **state)
{
	struct scene *s = *state;

	peer_send_at(&s->p, TCP_RST | TCP_ACK, 0, 0);
	assert_int_equal(connect_again(s), -ECONNREFUSED);
	assert_int_equal(poll_of(&s->r, s->fd), POLLOUT | POLLWRNORM | POLLHUP);
}

/* A timestamp we have not come to yet is none of ours. */
static void test_echo_of_the_future(void **state)
{
	struct scene *s = *state;
	const struct tcp_options_repr opt = full_options();

	s->p.ts = true;
	s->p.ts_ecr += 1000;
	send_synack(s, &opt, 0);
	assert_int_equal(seg_out(&s->p).flags, TCP_RST);
	assert_int_equal(tcp_state(s), TCPS_SYN_SENT);
	assert_int_equal(stats(&s->r)->paws_active, 1);
}

/* --- simultaneous open --- */

static void test_simultaneous_open(void **state)
{
	struct scene *s = *state;
	const struct tcp_options_repr opt = full_options();
	struct seg a;

	peer_syn(&s->p, &opt);
	assert_int_equal(tcp_state(s), TCPS_SYN_RCVD);
	a = seg_out(&s->p);
	assert_int_equal(a.flags, TCP_SYN | TCP_ACK);
	assert_int_equal(a.ack.v, s->p.seq.v);
	assert_true(a.opt.has_wscale && a.opt.sack_permitted);
	s->p.seq = seq_sub(s->p.seq, 1);
	send_synack(s, &opt, 0); /* the peer's answer to our SYN */
	assert_int_equal(tcp_state(s), TCPS_ESTABLISHED);
	assert_int_equal(connect_again(s), 0);
	peer_forget(&s->p);
	peer_send(&s->p, TCP_ACK, 10);
	(void)ack_out(&s->p, 0);
}

static void test_simultaneous_open_by_ack(void **state)
{
	struct scene *s = *state;
	const struct tcp_options_repr opt = full_options();
	const struct seq good = s->p.ack;

	peer_syn(&s->p, &opt);
	(void)seg_out(&s->p);
	s->p.ack = seq_add(good, 1);
	peer_send_at(&s->p, TCP_ACK, 0, 0);
	assert_int_equal(seg_out(&s->p).flags, TCP_RST);
	assert_int_equal(tcp_state(s), TCPS_SYN_RCVD);
	s->p.ack = good;
	peer_send(&s->p, TCP_ACK, 0);
	assert_int_equal(tcp_state(s), TCPS_ESTABLISHED);
	assert_int_equal(conn_of(&s->r, s->fd)->snd_wnd, 65535 << 7);
}

static void test_simultaneous_open_reset(void **state)
{
	struct scene *s = *state;
	const struct tcp_options_repr opt = full_options();

	peer_syn(&s->p, &opt);
	(void)seg_out(&s->p);
	peer_send_at(&s->p, TCP_RST, 0, 0);
	assert_int_equal(connect_again(s), -ECONNREFUSED);
}

/* close() and shutdown() in SYN-RCVD: a FIN follows the SYN. */
static void test_simultaneous_open_shutdown(void **state)
{
	struct scene *s = *state;
	const struct tcp_options_repr opt = full_options();

	peer_syn(&s->p, &opt);
	(void)seg_out(&s->p);
	assert_int_equal(ns_shutdown(s->r.st, s->fd, SHUT_WR), 0);
	assert_int_equal(tcp_state(s), TCPS_FIN_WAIT1);
	peer_send(&s->p, TCP_ACK, 0);
	assert_int_equal(seg_out(&s->p).flags, TCP_FIN | TCP_ACK);
	peer_send(&s->p, TCP_ACK, 0);
	assert_int_equal(tcp_state(s), TCPS_FIN_WAIT2);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_synack),
		TEST(test_synack_without_options),
		TEST(test_synack_with_data),
		TEST(test_wrong_ack),
		TEST(test_rst),
		TEST(test_refused),
		TEST(test_echo_of_the_future),
		TEST(test_simultaneous_open),
		TEST(test_simultaneous_open_by_ack),
		TEST(test_simultaneous_open_reset),
		TEST(test_simultaneous_open_shutdown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
