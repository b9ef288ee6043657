/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * TCP_*, with what Linux answers (checked against kernel 6.x by hand: values and errors are those
 * of net/ipv4/tcp.c).
 */
#include <linux/tcp.h>

#include "tests/unit/netstack/tcp/sender.h"

static struct sender x;

static int set(int fd, int name, int v)
{
	return ns_setsockopt(x.r.st, fd, IPPROTO_TCP, name, &v, sizeof(v));
}

static int get(int fd, int name)
{
	int v = -12345;
	socklen_t len = sizeof(v);
	int r = ns_getsockopt(x.r.st, fd, IPPROTO_TCP, name, &v, &len);

	if (r < 0)
		return r;
	assert_int_equal(len, sizeof(v));
	return v;
}

static void defaults_and_bounds(void **state)
{
	static const struct {
		int name, initial, least, most;
	} v[] = {
		{ TCP_KEEPIDLE, 7200, 1, 32767 }, { TCP_KEEPINTVL, 75, 1, 32767 },
		{ TCP_KEEPCNT, 9, 1, 127 },       { TCP_SYNCNT, 6, 1, 127 },
		{ TCP_MAXSEG, 536, 88, 32767 },   { TCP_USER_TIMEOUT, 0, 0, INT32_MAX },
		{ TCP_NODELAY, 0, 0, 1 },         { TCP_CORK, 0, 0, 1 },
	};
	int fd;

	(void)state;
	segments_init(&x.r);
	fd = tcp_fd(&x.r);
	for (size_t i = 0; i < sizeof(v) / sizeof(*v); i++) {
		assert_int_equal(get(fd, v[i].name), v[i].initial);
		assert_int_equal(set(fd, v[i].name, v[i].least), 0);
		assert_int_equal(get(fd, v[i].name), v[i].least);
		assert_int_equal(set(fd, v[i].name, v[i].most), 0);
		assert_int_equal(get(fd, v[i].name), v[i].most);
		if (v[i].most == 1)
			continue;
		assert_int_equal(set(fd, v[i].name, v[i].least - 1),
				 v[i].name == TCP_MAXSEG && v[i].least == 1 ? 0 : -EINVAL);
		if (v[i].most < INT32_MAX)
			assert_int_equal(set(fd, v[i].name, v[i].most + 1), -EINVAL);
		assert_int_equal(get(fd, v[i].name), v[i].most);
	}
	assert_int_equal(set(fd, TCP_MAXSEG, 0), 0);
	assert_int_equal(get(fd, TCP_MAXSEG), 536);
	assert_int_equal(ns_close(x.r.st, fd), 0);
	rig_done(&x.r);
}

static void those_with_rules_of_their_own(void **state)
{
	int fd;

	(void)state;
	segments_init(&x.r);
	fd = tcp_fd(&x.r);
	assert_int_equal(get(fd, TCP_LINGER2), 60);
	assert_int_equal(set(fd, TCP_LINGER2, -5), 0);
	assert_int_equal(get(fd, TCP_LINGER2), -1);
	assert_int_equal(set(fd, TCP_LINGER2, 1000), 0);
	assert_int_equal(get(fd, TCP_LINGER2), 120);
	assert_int_equal(set(fd, TCP_LINGER2, 17), 0);
	assert_int_equal(get(fd, TCP_LINGER2), 17);

	/* Kept as retransmissions of SYN+ACK: 1, 3, 7, 15 … seconds. */
	assert_int_equal(get(fd, TCP_DEFER_ACCEPT), 0);
	assert_int_equal(set(fd, TCP_DEFER_ACCEPT, 5), 0);
	assert_int_equal(get(fd, TCP_DEFER_ACCEPT), 7);
	assert_int_equal(set(fd, TCP_DEFER_ACCEPT, 1), 0);
	assert_int_equal(get(fd, TCP_DEFER_ACCEPT), 1);
	assert_int_equal(set(fd, TCP_DEFER_ACCEPT, -1), 0);
	assert_int_equal(get(fd, TCP_DEFER_ACCEPT), 0);
	assert_int_equal(set(fd, TCP_DEFER_ACCEPT, INT32_MAX), 0);
	assert_true(get(fd, TCP_DEFER_ACCEPT) > 10000);

	assert_int_equal(set(fd, TCP_WINDOW_CLAMP, 0), 0);
	assert_int_equal(set(fd, TCP_WINDOW_CLAMP, 1), 0);
	assert_int_equal(get(fd, TCP_WINDOW_CLAMP), 1152);
	assert_int_equal(get(fd, TCP_QUICKACK), 1);
	assert_int_equal(set(fd, TCP_QUICKACK, 0), 0);
	assert_int_equal(get(fd, TCP_QUICKACK), 0);
	assert_int_equal(ns_close(x.r.st, fd), 0);
	rig_done(&x.r);
}

static void what_is_not_here(void **state)
{
	char name[16] = "tls";
	socklen_t len = sizeof(name);
	int fd;

	(void)state;
	segments_init(&x.r);
	fd = tcp_fd(&x.r);
	assert_int_equal(set(fd, TCP_REPAIR, 1), -EPERM);
	assert_int_equal(get(fd, TCP_REPAIR), 0);
	assert_int_equal(set(fd, TCP_FASTOPEN, 5), -EOPNOTSUPP);
	assert_int_equal(set(fd, TCP_FASTOPEN_CONNECT, 1), -EOPNOTSUPP);
	assert_int_equal(set(fd, TCP_MD5SIG, 1), -ENOPROTOOPT);
	assert_int_equal(set(fd, 9999, 1), -ENOPROTOOPT);
	assert_int_equal(get(fd, 9999), -ENOPROTOOPT);
	assert_int_equal(ns_setsockopt(x.r.st, fd, IPPROTO_TCP, TCP_ULP, name, 3), -ENOENT);
	assert_int_equal(ns_getsockopt(x.r.st, fd, IPPROTO_TCP, TCP_ULP, name, &len), 0);
	assert_int_equal(len, 0);
	assert_int_equal(ns_close(x.r.st, fd), 0);
	rig_done(&x.r);
}

static void lengths(void **state)
{
	uint8_t buf[512];
	socklen_t len = 2;
	int v = 1, fd;

	(void)state;
	segments_init(&x.r);
	fd = tcp_fd(&x.r);
	assert_int_equal(ns_setsockopt(x.r.st, fd, IPPROTO_TCP, TCP_NODELAY, &v, 3), -EINVAL);
	assert_int_equal(ns_setsockopt(x.r.st, fd, IPPROTO_TCP, TCP_NODELAY, &v, sizeof(v)), 0);
	memset(buf, 0xee, sizeof(buf));
	assert_int_equal(ns_getsockopt(x.r.st, fd, IPPROTO_TCP, TCP_NODELAY, buf, &len), 0);
	assert_int_equal(len, 2);
	assert_int_equal(buf[0], 1);
	assert_int_equal(buf[2], 0xee);
	len = 100;
	assert_int_equal(ns_getsockopt(x.r.st, fd, IPPROTO_TCP, TCP_INFO, buf, &len), 0);
	assert_int_equal(len, 100);
	assert_int_equal(buf[100], 0xee);
	len = sizeof(buf);
	assert_int_equal(ns_getsockopt(x.r.st, fd, IPPROTO_TCP, TCP_INFO, buf, &len), 0);
	assert_int_equal(len, sizeof(struct tcp_info));
	assert_int_equal(ns_close(x.r.st, fd), 0);
	rig_done(&x.r);
}

static void congestion(void **state)
{
	char name[64];
	socklen_t len = sizeof(name);
	int fd;

	(void)state;
	segments_init(&x.r);
	fd = tcp_fd(&x.r);
	memset(name, 'x', sizeof(name));
	assert_int_equal(ns_getsockopt(x.r.st, fd, IPPROTO_TCP, TCP_CONGESTION, name, &len), 0);
	assert_int_equal(len, 16);
	assert_string_equal(name, "cubic");
	assert_int_equal(ns_setsockopt(x.r.st, fd, IPPROTO_TCP, TCP_CONGESTION, "bbr", 3), -ENOENT);
	assert_int_equal(ns_setsockopt(x.r.st, fd, IPPROTO_TCP, TCP_CONGESTION, "reno", 4), 0);
	len = 3;
	memset(name, 0, sizeof(name));
	assert_int_equal(ns_getsockopt(x.r.st, fd, IPPROTO_TCP, TCP_CONGESTION, name, &len), 0);
	assert_int_equal(len, 3);
	assert_string_equal(name, "ren");
	/* Too long is cut off, so it is nobody's name. */
	memset(name, 'r', sizeof(name));
	assert_int_equal(ns_setsockopt(x.r.st, fd, IPPROTO_TCP, TCP_CONGESTION, name, 64), -ENOENT);
	assert_int_equal(ns_close(x.r.st, fd), 0);
	rig_done(&x.r);
}

/* TCP_MAXSEG: of what is announced and of what is sent. */
static void maxseg_is_used(void **state)
{
	const struct tcp_options_repr opt = plain_options(true);
	const struct sockaddr_in sin = sin_of(RIG_PEER4, PEER_PORT);
	struct seg s;

	(void)state;
	segments_init(&x.r);
	x.p = peer_of(&x.r, PEER_PORT);
	x.fd = tcp_fd(&x.r);
	assert_int_equal(set(x.fd, TCP_MAXSEG, 700), 0);
	assert_int_equal(ns_connect(x.r.st, x.fd, (const void *)&sin, sizeof(sin)), -EINPROGRESS);
	s = seg_out(&x.p);
	assert_int_equal(s.opt.mss, 700);
	x.p.our_port = s.src_port;
	x.p.wnd = 60000;
	seg_in(&x.p, &(struct seg){ .flags = TCP_SYN | TCP_ACK,
				    .seq = x.p.seq,
				    .ack = x.p.ack,
				    .wnd = x.p.wnd,
				    .opt = opt });
	x.p.seq = seq_add(x.p.seq, 1);
	(void)ack_out(&x.p, 0);
	x.first = x.p.ack;
	write_bytes(&x, 2000);
	(void)data_out(&x, 0, 700);
	(void)data_out(&x, 700, 700);
	(void)data_out(&x, 1400, 600);
	assert_int_equal(get(x.fd, TCP_MAXSEG), 700);
	sender_done(&x);
}

/* TCP_NOTSENT_LOWAT: little waits unsent; writing goes on when half of it is gone. */
static void notsent_lowat(void **state)
{
	const struct tcp_options_repr opt = plain_options(true);
	uint8_t buf[5000] = { 0 };

	(void)state;
	segments_init(&x.r);
	sender_open(&x, &opt, 2 * MSS);
	set_opt(&x, TCP_NOTSENT_LOWAT, 4000);
	write_bytes(&x, 2 * MSS); /* the window is full */
	assert_true(poll_of(&x.r, x.fd) & POLLOUT);
	assert_int_equal(ns_send(x.r.st, x.fd, buf, 5000, 0), 5000);
	netstack_advance(x.r.st, x.r.now);
	assert_false(poll_of(&x.r, x.fd) & POLLOUT);
	assert_int_equal(ns_send(x.r.st, x.fd, buf, 1, 0), -EAGAIN);
	ack_wnd(&x, 2 * MSS, 2 * MSS);
	netstack_advance(x.r.st, x.r.now);
	assert_false(poll_of(&x.r, x.fd) & POLLOUT); /* 3000 wait */
	ack_wnd(&x, 4 * MSS, 2 * MSS);
	netstack_advance(x.r.st, x.r.now);
	assert_true(poll_of(&x.r, x.fd) & POLLOUT); /* 1000 */
	sender_done(&x);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(defaults_and_bounds),
		cmocka_unit_test(those_with_rules_of_their_own),
		cmocka_unit_test(what_is_not_here),
		cmocka_unit_test(lengths),
		cmocka_unit_test(congestion),
		cmocka_unit_test(maxseg_is_used),
		cmocka_unit_test(notsent_lowat),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
