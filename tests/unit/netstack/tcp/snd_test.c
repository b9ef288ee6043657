/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <linux/tcp.h>

#include "tests/unit/netstack/tcp/sender.h"

static struct sender x;

static int64_t try_send(uint32_t len, int flags)
{
	static uint8_t buf[1 << 20];

	assert_true(len <= sizeof(buf));
	return ns_send(x.r.st, x.fd, buf, len, flags);
}

static void set_sndbuf(int size)
{
	assert_int_equal(ns_setsockopt(x.r.st, x.fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size)),
			 0);
}

static uint32_t sndbuf(void)
{
	uint32_t v;
	socklen_t len = sizeof(v);

	assert_int_equal(ns_getsockopt(x.r.st, x.fd, SOL_SOCKET, SO_SNDBUF, &v, &len), 0);
	return v;
}

/* --- in which states --- */

static void before_and_after(void **state)
{
	(void)state;
	segments_init(&x.r);
	x.p = peer_of(&x.r, PEER_PORT);
	x.fd = tcp_fd(&x.r);
	assert_int_equal(try_send(1, MSG_NOSIGNAL), -EPIPE); /* never connected */
	assert_int_equal(ns_close(x.r.st, x.fd), 0);
	x.fd = connect_fd(&x.p);
	assert_int_equal(try_send(1, 0), -EAGAIN); /* not yet */
	assert_int_equal(ns_close(x.r.st, x.fd), 0);
	rig_done(&x.r);

	sender_init(&x, true);
	assert_int_equal(try_send(0, 0), 0);
	no_seg(&x.p);
	peer_send(&x.p, TCP_FIN | TCP_ACK, 0);
	(void)ack_out(&x.p, 0);
	write_bytes(&x, 10); /* the other half is open */
	(void)data_out(&x, 0, 10);
	assert_int_equal(ns_shutdown(x.r.st, x.fd, SHUT_WR), 0);
	assert_int_equal(try_send(1, 0), -EPIPE);
	sender_done(&x);

	sender_init(&x, true);
	peer_send(&x.p, TCP_RST | TCP_ACK, 0);
	assert_int_equal(try_send(1, 0), -ECONNRESET); /* once */
	assert_int_equal(try_send(1, 0), -EPIPE);
	assert_int_equal(ns_close(x.r.st, x.fd), 0);
	rig_done(&x.r);
}

/* --- how much --- */

static void the_buffer_is_a_limit(void **state)
{
	int64_t n;

	(void)state;
	sender_init(&x, true);
	set_sndbuf(20000);
	assert_int_equal(sndbuf(), 40000); /* doubled, as on Linux */
	n = try_send(200000, 0);
	assert_int_equal(n, 40000);
	assert_int_equal(try_send(1, 0), -EAGAIN);
	assert_false(poll_of(&x.r, x.fd) & POLLOUT);
	netstack_advance(x.r.st, x.r.now);
	assert_int_equal(outq(&x), 40000);
	full_out(&x, 0, 10 * MSS);

	/* Not for each ACK: a third is to be free. */
	ack(&x, 5 * MSS);
	assert_false(poll_of(&x.r, x.fd) & POLLOUT);
	while (x.p.seen < x.r.link[0].n)
		(void)seg_out(&x.p);
	ack(&x, 15 * MSS);
	sender_done(&x);
}

/* A byte costs a byte: small writes share memory. */
static void small_writes(void **state)
{
	unsigned int n = 0;

	(void)state;
	sender_init(&x, true);
	set_sndbuf(20000);
	while (try_send(1, MSG_MORE) == 1)
		n++;
	assert_in_range(n, 39000, 40000);
	sender_done(&x);
}

/* Unless the user has set it, it follows the window of the connection. */
static void autotuning(void **state)
{
	uint32_t before, off = 0;

	(void)state;
	sender_init(&x, true);
	before = sndbuf();
	assert_true(before >= 20 * MSS);
	for (unsigned int i = 0; i < 5; i++) {
		while (try_send(100000, 0) > 0)
			;
		netstack_advance(x.r.st, x.r.now);
		while (x.p.seen < x.r.link[0].n) {
			const struct seg s = seg_out(&x.p);

			off = (uint32_t)seq_diff(seq_add(s.seq, s.len), x.first);
		}
		rig_forget(&x.r);
		x.p.seen = 0;
		pass(&x, 10);
		ack(&x, off);
	}
	assert_true(sndbuf() > 3 * before);
	assert_true(sndbuf() >= 2 * MSS * info_of(&x).tcpi_snd_cwnd);
	sender_done(&x);
}

/* At the limit of the instance each has the least. */
static void memory_of_the_instance(void **state)
{
	(void)state;
	sender_init(&x, true);
	params(&x.r)->bytes_max = 10000;
	assert_int_equal(try_send(9000, 0), 9000);
	assert_int_equal(try_send(9000, 0), -EAGAIN);
	netstack_advance(x.r.st, x.r.now);
	ack(&x, 9000);
	assert_int_equal(try_send(4000, 0), 4000);
	sender_done(&x);
}

/* Others give memory back, and in the same burst all of ours is acknowledged: who waits is told. */
static void memory_and_acknowledgement_at_once(void **state)
{
	struct epoll_event ev = { .events = EPOLLOUT | EPOLLET };
	int epfd;

	(void)state;
	sender_init(&x, true);
	params(&x.r)->bytes_max = 10000;
	epfd = ns_epoll_create(x.r.st);
	assert_int_equal(ns_epoll_ctl(x.r.st, epfd, EPOLL_CTL_ADD, x.fd, &ev), 0);
	assert_int_equal(ns_epoll_wait(x.r.st, epfd, &ev, 1, 0), 1);
	assert_int_equal(try_send(9000, 0), 9000);
	assert_int_equal(try_send(9000, 0), -EAGAIN);
	netstack_advance(x.r.st, x.r.now);
	assert_int_equal(ns_epoll_wait(x.r.st, epfd, &ev, 1, 0), 0);
	params(&x.r)->bytes_max = 1 << 20;
	ack(&x, 9000);
	netstack_advance(x.r.st, x.r.now);
	assert_int_equal(ns_epoll_wait(x.r.st, epfd, &ev, 1, 0), 1);
	assert_int_equal(ns_close(x.r.st, epfd), 0);
	sender_done(&x);
}

static void no_memory_at_all(void **state)
{
	struct pbuf_pool_stats stats;

	(void)state;
	sender_init(&x, true);
	pbuf_pool_stats(netstack_pool(x.r.st), &stats);
	pbuf_pool_set_limit(netstack_pool(x.r.st), stats.bytes);
	assert_int_equal(try_send(100, 0), -ENOBUFS);
	assert_null(conn_of(&x.r, x.fd)->fl);
	pbuf_pool_set_limit(netstack_pool(x.r.st), UINT64_MAX);
	write_bytes(&x, 100);
	(void)data_out(&x, 0, 100);
	sender_done(&x);
}

/* What cannot be sent for want of memory is sent later, without being asked for. */
static void no_memory_for_the_packet(void **state)
{
	struct pbuf_pool_stats stats;

	(void)state;
	sender_init(&x, true);
	assert_int_equal(try_send(100, 0), 100);
	pbuf_pool_stats(netstack_pool(x.r.st), &stats);
	pbuf_pool_set_limit(netstack_pool(x.r.st), stats.bytes);
	netstack_advance(x.r.st, x.r.now);
	no_seg(&x.p);
	pbuf_pool_set_limit(netstack_pool(x.r.st), UINT64_MAX);
	assert_true(next_out_after(&x) < 300);
	(void)data_out(&x, 0, 100);
	sender_done(&x);
}

/* --- without a copy --- */

static unsigned int released;

static void on_release(void *arg)
{
	(void)arg;
	released++;
}

static void blocks_are_sent_as_they_are(void **state)
{
	static uint8_t mine[3000];
	struct pbuf_block *b;
	struct seg s;

	(void)state;
	released = 0;
	sender_init(&x, true);
	for (uint32_t i = 0; i < sizeof(mine); i++)
		mine[i] = byte_at(seq_of(i));
	b = pbuf_block_wrap(netstack_pool(x.r.st), mine, sizeof(mine), on_release, NULL);
	assert_non_null(b);
	assert_int_equal(ns_send_block(x.r.st, x.fd, b, 500, 2000), 2000);
	pbuf_block_unref(b);
	netstack_advance(x.r.st, x.r.now);
	s = data_out(&x, 0, MSS);
	assert_memory_equal(s.data, mine + 500, MSS);
	(void)data_out(&x, MSS, MSS);
	assert_int_equal(released, 0);
	/* As long as it may have to be sent again. */
	ack(&x, MSS);
	assert_int_equal(released, 0);
	ack(&x, 2 * MSS);
	assert_int_equal(released, 1);
	sender_done(&x);
}

static void blocks_have_to_fit_as_well(void **state)
{
	struct pbuf_block *b;

	(void)state;
	sender_init(&x, true);
	set_sndbuf(5000);
	b = pbuf_block_alloc(netstack_pool(x.r.st), 60000);
	assert_non_null(b);
	memset(b->data, 0, 60000);
	assert_int_equal(ns_send_block(x.r.st, x.fd, b, 0, 60000), 10000);
	assert_int_equal(ns_send_block(x.r.st, x.fd, b, 10000, 50000), -EAGAIN);
	pbuf_block_unref(b);
	sender_done(&x);
}

/* --- TCP_INFO --- */

static void info(void **state)
{
	struct tcp_info i;

	(void)state;
	sender_init(&x, true);
	i = info_of(&x);
	assert_int_equal(i.tcpi_state, TCPS_ESTABLISHED);
	assert_int_equal(i.tcpi_options, TCPI_OPT_SACK);
	assert_int_equal(i.tcpi_snd_mss, MSS);
	assert_int_equal(i.tcpi_advmss, 1460);
	assert_int_equal(i.tcpi_pmtu, 1500);
	assert_int_equal(i.tcpi_snd_cwnd, 10);
	assert_int_equal(i.tcpi_snd_ssthresh, 0x7fffffff);
	assert_int_equal(i.tcpi_snd_wnd, 60000);
	assert_int_equal(i.tcpi_unacked, 0);
	assert_int_equal(i.tcpi_reordering, 3);

	pass(&x, 1000);
	write_bytes(&x, 15 * MSS);
	full_out(&x, 0, 10 * MSS);
	pass(&x, 20);
	i = info_of(&x);
	assert_int_equal(i.tcpi_unacked, 10);
	assert_int_equal(i.tcpi_notsent_bytes, 5 * MSS);
	assert_int_equal(i.tcpi_bytes_sent, 10 * MSS);
	assert_int_equal(i.tcpi_data_segs_out, 10);
	assert_int_equal(i.tcpi_last_data_sent, 20);
	assert_int_equal(i.tcpi_busy_time, 20000);
	assert_int_equal(i.tcpi_rwnd_limited, 0);
	sack(&x, 2 * MSS, 3 * MSS, 5 * MSS);
	i = info_of(&x);
	assert_int_equal(i.tcpi_sacked, 2);
	assert_int_equal(i.tcpi_bytes_acked, 2 * MSS);
	assert_int_equal(i.tcpi_delivered, 4);
	assert_in_range(i.tcpi_rtt, 2000, 20000);
	/* With the window closed the time is the receiver's. */
	while (x.p.seen < x.r.link[0].n)
		(void)seg_out(&x.p);
	ack_wnd(&x, 15 * MSS, 0);
	write_bytes(&x, 100);
	pass(&x, 50);
	i = info_of(&x);
	assert_int_equal(i.tcpi_rwnd_limited, 50000);
	assert_int_equal(i.tcpi_busy_time, 70000);
	sender_done(&x);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(before_and_after),
		cmocka_unit_test(the_buffer_is_a_limit),
		cmocka_unit_test(small_writes),
		cmocka_unit_test(autotuning),
		cmocka_unit_test(memory_of_the_instance),
		cmocka_unit_test(memory_and_acknowledgement_at_once),
		cmocka_unit_test(no_memory_at_all),
		cmocka_unit_test(no_memory_for_the_packet),
		cmocka_unit_test(blocks_are_sent_as_they_are),
		cmocka_unit_test(blocks_have_to_fit_as_well),
		cmocka_unit_test(info),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
