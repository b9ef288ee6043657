/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Calls of a TCP socket: reading in all its ways, urgent data, poll(), what is queued.
 */
#include <errno.h>
#include <sys/ioctl.h>

#include <linux/sockios.h>

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

	peer_send_at(&s->p, TCP_RST, 0, 0);
	assert_int_equal(ns_close(s->r.st, s->listener), 0);
	assert_int_equal(ns_close(s->r.st, s->fd), 0);
	netstack_advance(s->r.st, s->r.now);
	rig_done(&s->r);
	return 0;
}

static void send_text(struct scene *s, uint16_t flags, const char *text, uint16_t urg)
{
	seg_in(&s->p, &(struct seg){ .flags = TCP_ACK | flags,
				     .seq = s->p.seq,
				     .ack = s->p.ack,
				     .wnd = s->p.wnd,
				     .urg = urg,
				     .len = (uint32_t)strlen(text),
				     .data = (const uint8_t *)text });
	s->p.seq = seq_add(s->p.seq, (uint32_t)strlen(text));
	peer_forget(&s->p);
}

/* recv() gives this text. */
static void expect(const struct scene *s, int flags, const char *text)
{
	char buf[100] = "";

	assert_int_equal(ns_recv(s->r.st, s->fd, buf, sizeof(buf), flags), strlen(text));
	assert_string_equal(buf, text);
}

static int ioctl_of(const struct scene *s, unsigned long request)
{
	int n = -1;

	assert_int_equal(ns_ioctl(s->r.st, s->fd, request, &n), 0);
	return n;
}

/* --- reading --- */

static void test_peek_and_trunc(void **state)
{
	struct scene *s = *state;
	char buf[10] = "unchanged";

	send_text(s, 0, "hello, ", 0);
	send_text(s, 0, "world", 0);
	expect(s, MSG_PEEK, "hello, world");
	expect(s, MSG_PEEK, "hello, world");
	assert_int_equal(ioctl_of(s, FIONREAD), 12);
	assert_int_equal(ns_recv(s->r.st, s->fd, buf, 5, MSG_TRUNC), 5); /* thrown away */
	assert_string_equal(buf, "unchanged");
	assert_int_equal(ns_recv(s->r.st, s->fd, buf, 2, MSG_PEEK), 2);
	assert_memory_equal(buf, ", ", 2);
	expect(s, 0, ", world");
	assert_int_equal(ns_recv(s->r.st, s->fd, buf, 1, 0), -EAGAIN);
}

static void test_readv(void **state)
{
	struct scene *s = *state;
	char a[3], b[1], c[10];
	const struct iovec iov[] = { { a, 3 }, { NULL, 0 }, { b, 1 }, { c, 10 } };

	send_text(s, 0, "abc", 0);
	send_text(s, 0, "def", 0);
	assert_int_equal(ns_readv(s->r.st, s->fd, iov, 4), 6);
	assert_memory_equal(a, "abc", 3);
	assert_memory_equal(b, "d", 1);
	assert_memory_equal(c, "ef", 2);
	assert_int_equal(ns_readv(s->r.st, s->fd, iov, 4), -EAGAIN);
	send_text(s, 0, "x", 0);
	assert_int_equal(ns_readv(s->r.st, s->fd, iov + 1, 1), 0); /* room for nothing */
	expect(s, 0, "x");
}

static void test_end_of_stream(void **state)
{
	struct scene *s = *state;

	send_text(s, TCP_FIN, "end", 0);
	s->p.seq = seq_add(s->p.seq, 1);
	assert_int_equal(ioctl_of(s, FIONREAD), 3);
	expect(s, MSG_PEEK, "end");
	expect(s, 0, "end");
	expect(s, 0, "");
	expect(s, 0, "");
	assert_int_equal(ioctl_of(s, FIONREAD), 0);
}

static void test_view_and_consume(void **state)
{
	struct scene *s = *state;
	struct pbuf_frag f[4];
	uint32_t len = 0;
	int n;

	assert_int_equal(ns_view(s->r.st, s->fd, f, 4), -EAGAIN);
	peer_send(&s->p, TCP_ACK, 1400);
	peer_send(&s->p, TCP_ACK, 1400);
	n = ns_view(s->r.st, s->fd, f, 4);
	assert_true(n > 0);
	for (int i = 0; i < n; i++) {
		const uint8_t *at = pbuf_frag_data(&f[i]);

		for (uint32_t k = 0; k < f[i].len; k++)
			assert_int_equal(at[k], byte_at(seq_add(s->p.seq, len + k - 2800)));
		len += f[i].len;
	}
	assert_int_equal(len, 2800);
	assert_int_equal(ns_consume(s->r.st, s->fd, 2801), -EINVAL);
	assert_int_equal(ns_consume(s->r.st, s->fd, 2000), 0);
	assert_int_equal(ioctl_of(s, FIONREAD), 800);
	assert_int_equal(ns_consume(s->r.st, s->fd, 800), 0);
	peer_send(&s->p, TCP_ACK | TCP_FIN, 0);
	assert_int_equal(ns_view(s->r.st, s->fd, f, 4), 0);
	peer_forget(&s->p);
}

/* --- urgent data (RFC 9293, 3.8.5; RFC 6093) --- */

static void test_urgent_byte(void **state)
{
	struct scene *s = *state;

	assert_int_equal(ns_recv(s->r.st, s->fd, (char[1]){ 0 }, 1, MSG_OOB), -EINVAL);
	send_text(s, TCP_URG, "abc", 3); /* the pointer is behind it, as everyone has it */
	assert_true(poll_of(&s->r, s->fd) & POLLPRI);
	assert_int_equal(ioctl_of(s, FIONREAD), 2);
	expect(s, MSG_OOB | MSG_PEEK, "c");
	expect(s, MSG_OOB, "c");
	assert_int_equal(ns_recv(s->r.st, s->fd, (char[1]){ 0 }, 1, MSG_OOB), -EINVAL);
	assert_false(poll_of(&s->r, s->fd) & POLLPRI);
	send_text(s, 0, "def", 0);
	assert_int_equal(ioctl_of(s, SIOCATMARK), 0);
	expect(s, 0, "ab"); /* reading stops at the mark */
	assert_int_equal(ioctl_of(s, SIOCATMARK), 1);
	expect(s, 0, "def");
	assert_int_equal(ioctl_of(s, SIOCATMARK), 0);
}

/* Not taken with MSG_OOB it is lost when the mark is passed. */
static void test_urgent_byte_not_read(void **state)
{
	struct scene *s = *state;

	send_text(s, TCP_URG, "abcd", 2);
	expect(s, 0, "a");
	assert_true(poll_of(&s->r, s->fd) & POLLPRI);
	expect(s, 0, "cd");
	assert_false(poll_of(&s->r, s->fd) & POLLPRI);
	assert_int_equal(ns_recv(s->r.st, s->fd, (char[1]){ 0 }, 1, MSG_OOB), -EINVAL);
}

static void test_urgent_inline(void **state)
{
	const int one = 1;
	struct scene *s = *state;

	assert_int_equal(ns_setsockopt(s->r.st, s->fd, SOL_SOCKET, SO_OOBINLINE, &one, sizeof(one)),
			 0);
	send_text(s, TCP_URG, "abcd", 3);
	assert_int_equal(ns_recv(s->r.st, s->fd, (char[1]){ 0 }, 1, MSG_OOB), -EINVAL);
	assert_int_equal(ioctl_of(s, FIONREAD), 4);
	expect(s, 0, "ab");
	assert_int_equal(ioctl_of(s, SIOCATMARK), 1);
	expect(s, 0, "cd");
}

/* The pointer comes before the byte. */
static void test_urgent_pointer_ahead(void **state)
{
	struct scene *s = *state;

	send_text(s, TCP_URG, "ab", 5);
	assert_int_equal(ns_recv(s->r.st, s->fd, (char[1]){ 0 }, 1, MSG_OOB), -EAGAIN);
	assert_false(poll_of(&s->r, s->fd) & POLLPRI);
	send_text(s, TCP_URG, "cdef", 3);
	expect(s, MSG_OOB, "e");
	expect(s, 0, "abcd");
	expect(s, 0, "f");
}

/* A newer mark takes the place of the older one, whose byte is an ordinary one then. */
static void test_urgent_twice(void **state)
{
	struct scene *s = *state;

	send_text(s, TCP_URG, "ab", 1);
	send_text(s, TCP_URG, "cd", 1);
	expect(s, MSG_OOB, "c");
	expect(s, 0, "b"); /* "a" was the mark the user stood before */
	expect(s, 0, "d");
}

/* Retransmitted, it is not read twice. */
static void test_urgent_again(void **state)
{
	struct scene *s = *state;

	seg_in(&s->p, &(struct seg){ .flags = TCP_ACK | TCP_URG,
				     .seq = seq_add(s->p.seq, 2),
				     .ack = s->p.ack,
				     .wnd = s->p.wnd,
				     .urg = 1,
				     .len = 1,
				     .data = (const uint8_t *)"c" });
	expect(s, MSG_OOB, "c"); /* out of order, but here */
	send_text(s, TCP_URG, "abc", 3);
	assert_int_equal(ns_recv(s->r.st, s->fd, (char[1]){ 0 }, 1, MSG_OOB), -EINVAL);
	expect(s, 0, "ab");
}

/* --- poll() --- */

static void test_poll_states(void **state)
{
	struct scene *s = *state;
	struct peer p = peer_of(&s->r, 7);
	int fd = tcp_fd(&s->r);

	assert_int_equal(poll_of(&s->r, fd), POLLOUT | POLLWRNORM | POLLHUP);
	assert_int_equal(ns_listen(s->r.st, fd, 1), 0);
	assert_int_equal(poll_of(&s->r, fd), 0);
	assert_int_equal(ns_close(s->r.st, fd), 0);
	fd = connect_fd(&p);
	assert_int_equal(poll_of(&s->r, fd), 0);
	assert_int_equal(ns_close(s->r.st, fd), 0);
	assert_int_equal(poll_of(&s->r, s->fd), POLLOUT | POLLWRNORM);
	peer_forget(&s->p);
}

static void test_rcvlowat(void **state)
{
	const int n = 10;
	struct scene *s = *state;

	assert_int_equal(ns_setsockopt(s->r.st, s->fd, SOL_SOCKET, SO_RCVLOWAT, &n, sizeof(n)), 0);
	send_text(s, 0, "123456789", 0);
	assert_int_equal(poll_of(&s->r, s->fd), POLLOUT | POLLWRNORM);
	send_text(s, 0, "0", 0);
	assert_int_equal(poll_of(&s->r, s->fd), POLLIN | POLLRDNORM | POLLOUT | POLLWRNORM);
	expect(s, 0, "1234567890");
	send_text(s, TCP_FIN, "x", 0); /* the end counts as much */
	s->p.seq = seq_add(s->p.seq, 1);
	assert_true(poll_of(&s->r, s->fd) & POLLIN);
}

/* Full at the sender's side, then room for a third of it. */
static void test_poll_out(void **state)
{
	static char buf[1 << 16];
	struct scene *s = *state;
	ssize_t n;
	ssize_t total = 0;

	conn_of(&s->r, s->fd)->sk.flags |= SOCK_SNDBUF_LOCKED;
	while ((n = ns_send(s->r.st, s->fd, buf, sizeof(buf), 0)) > 0)
		total += n;
	assert_int_equal(n, -EAGAIN);
	assert_int_equal(poll_of(&s->r, s->fd), 0);
	assert_true(ioctl_of(s, SIOCOUTQ) == total);
	peer_forget(&s->p);
	for (int i = 0; i < 1000 && !(poll_of(&s->r, s->fd) & POLLOUT); i++) {
		s->p.ack = conn_of(&s->r, s->fd)->snd_nxt;
		peer_send(&s->p, TCP_ACK, 0);
		peer_forget(&s->p);
	}
	assert_int_equal(poll_of(&s->r, s->fd), POLLOUT | POLLWRNORM);
}

static void test_not_connected(void **state)
{
	struct scene *s = *state;
	char c;
	int n;

	assert_int_equal(ns_recv(s->r.st, s->listener, &c, 1, 0), -ENOTCONN);
	assert_int_equal(ns_ioctl(s->r.st, s->listener, FIONREAD, &n), -EINVAL);
	assert_int_equal(ns_ioctl(s->r.st, s->listener, SIOCOUTQ, &n), -EINVAL);
	assert_int_equal(accept_fd(&s->r, s->fd), -EINVAL);
	assert_int_equal(ns_listen(s->r.st, s->fd, 1), -EINVAL);
	n = tcp_fd(&s->r);
	assert_int_equal(ns_recv(s->r.st, n, &c, 1, 0), -ENOTCONN);
	assert_int_equal(ns_send(s->r.st, n, "x", 1, MSG_FASTOPEN), -EOPNOTSUPP);
	assert_int_equal(ns_send(s->r.st, s->fd, "x", 1, MSG_FASTOPEN), -EOPNOTSUPP);
	assert_int_equal(ns_close(s->r.st, n), 0);
}

/* --- listen() --- */

static void test_listen(void **state)
{
	struct scene *s = *state;
	const struct tcp_conn *c;
	int fd = tcp_fd(&s->r);

	assert_int_equal(ns_listen(s->r.st, fd, -1), 0); /* a port is chosen, too */
	c = conn_of(&s->r, fd);
	assert_in_range(c->sk.lport, 32768, 60999);
	assert_int_equal(c->listener->backlog, 4096);
	assert_int_equal(ns_listen(s->r.st, fd, 3), 0);
	assert_int_equal(c->listener->backlog, 3);
	assert_int_equal(accept_fd(&s->r, fd), -EAGAIN);
	assert_int_equal(ns_close(s->r.st, fd), 0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_peek_and_trunc), TEST(test_readv),
		TEST(test_end_of_stream),  TEST(test_view_and_consume),
		TEST(test_urgent_byte),    TEST(test_urgent_byte_not_read),
		TEST(test_urgent_inline),  TEST(test_urgent_pointer_ahead),
		TEST(test_urgent_twice),   TEST(test_urgent_again),
		TEST(test_poll_states),    TEST(test_rcvlowat),
		TEST(test_poll_out),       TEST(test_not_connected),
		TEST(test_listen),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
