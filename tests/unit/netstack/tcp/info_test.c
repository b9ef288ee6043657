/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * TCP_INFO: what is counted, and what there is between a send() and its acknowledgement.
 */
#include <linux/tcp.h>

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

static struct tcp_info info_of(int fd)
{
	struct tcp_info info;
	socklen_t len = sizeof(info);

	assert_int_equal(ns_getsockopt(rig.st, fd, IPPROTO_TCP, TCP_INFO, &info, &len), 0);
	assert_int_equal(len, sizeof(info));
	return info;
}

static void end(struct peer *p, int fd, int listener)
{
	peer_send_at(p, TCP_RST, 0, 0);
	assert_int_equal(ns_close(rig.st, fd), 0);
	assert_int_equal(ns_close(rig.st, listener), 0);
	peer_forget(p);
}

static void what_comes_in_is_counted_once(void **state)
{
	const struct tcp_options_repr opt = full_options();
	struct peer p = peer_of(*state, PEER_PORT);
	const int listener = listen_fd(&rig, PORT, 1);
	const int fd = peer_connects(&p, listener, &opt);
	struct tcp_info i = info_of(fd);

	assert_int_equal(i.tcpi_state, TCPS_ESTABLISHED);
	assert_int_equal(i.tcpi_options, TCPI_OPT_SACK | TCPI_OPT_WSCALE);
	assert_int_equal(i.tcpi_snd_wscale, 7);
	assert_int_equal(i.tcpi_segs_in, 2); /* SYN and ACK */
	assert_int_equal(i.tcpi_data_segs_in, 0);
	/* The first one says something of the window, the others nothing that is new. */
	for (uint32_t n = 1; n <= 4; n++) {
		p.wnd = 60000;
		peer_send(&p, TCP_ACK, 100);
		i = info_of(fd);
		assert_int_equal(i.tcpi_segs_in, 2 + n);
		assert_int_equal(i.tcpi_data_segs_in, n);
		assert_int_equal(i.tcpi_bytes_received, 100 * n);
	}
	peer_send_at(&p, TCP_ACK, 500, 100); /* out of order */
	i = info_of(fd);
	assert_int_equal(i.tcpi_data_segs_in, 5);
	assert_int_equal(i.tcpi_bytes_received, 400);
	peer_send_at(&p, TCP_ACK, -100, 100); /* again */
	i = info_of(fd);
	assert_int_equal(i.tcpi_segs_in, 8);
	assert_int_equal(i.tcpi_data_segs_in, 6);
	assert_int_equal(i.tcpi_bytes_received, 400);
	end(&p, fd, listener);
}

static void data_with_the_last_ack_of_the_handshake(void **state)
{
	const struct tcp_options_repr opt = full_options();
	struct peer p = peer_of(*state, PEER_PORT);
	const int listener = listen_fd(&rig, PORT, 1);
	struct tcp_info i;
	int fd;

	peer_syn(&p, &opt);
	(void)seg_out(&p); /* SYN+ACK */
	peer_send(&p, TCP_ACK, 10);
	fd = accept_fd(&rig, listener);
	i = info_of(fd);
	assert_int_equal(i.tcpi_segs_in, 2);
	assert_int_equal(i.tcpi_data_segs_in, 1);
	assert_int_equal(i.tcpi_bytes_received, 10);
	end(&p, fd, listener);
}

static void what_is_sent_is_followed(void **state)
{
	static char buf[3000];
	const struct tcp_options_repr opt = full_options();
	struct peer p = peer_of(*state, PEER_PORT);
	const int listener = listen_fd(&rig, PORT, 1);
	const int fd = peer_connects(&p, listener, &opt);
	struct tcp_info i;

	assert_int_equal(ns_send(rig.st, fd, buf, sizeof(buf), 0), sizeof(buf));
	assert_int_equal(info_of(fd).tcpi_notsent_bytes, 3000);
	for (unsigned int n = 0; n < 3; n++)
		(void)seg_out(&p); /* two full ones, and the rest */
	i = info_of(fd);
	assert_int_equal(i.tcpi_notsent_bytes, 0);
	assert_int_equal(i.tcpi_unacked, 3);
	assert_int_equal(i.tcpi_data_segs_out, 3);
	assert_int_equal(i.tcpi_bytes_sent, 3000);
	assert_int_equal(i.tcpi_bytes_acked, 0);
	p.ack = seq_sub(p.ack, 80);
	peer_send(&p, TCP_ACK, 0);
	i = info_of(fd);
	assert_int_equal(i.tcpi_unacked, 1);
	assert_int_equal(i.tcpi_bytes_acked, 2920);
	assert_int_equal(i.tcpi_delivered, 2);
	/* The rest is lost. */
	rig_sleep(&rig, 1000);
	i = info_of(fd);
	assert_true(i.tcpi_retransmits >= 1);
	assert_int_equal(i.tcpi_backoff, i.tcpi_retransmits);
	assert_int_equal(i.tcpi_total_retrans, i.tcpi_retransmits);
	assert_int_equal(i.tcpi_bytes_retrans, 80 * i.tcpi_retransmits);
	assert_int_equal(i.tcpi_bytes_sent, 3000 + i.tcpi_bytes_retrans);
	assert_int_equal(i.tcpi_ca_state, TCPCA_LOSS);
	assert_int_equal(i.tcpi_retrans, 1);
	p.ack = seq_add(p.ack, 80);
	peer_send(&p, TCP_ACK, 0);
	i = info_of(fd);
	assert_int_equal(i.tcpi_unacked, 0);
	assert_int_equal(i.tcpi_retransmits, 0);
	assert_true(i.tcpi_backoff > 0); /* until there is a sample: Karn */
	assert_int_equal(i.tcpi_bytes_acked, 3000);
	assert_int_equal(i.tcpi_delivered, 3);
	end(&p, fd, listener);
}

static void a_listener_tells_of_its_queue(void **state)
{
	const struct tcp_options_repr opt = full_options();
	struct peer p = peer_of(*state, PEER_PORT);
	const int listener = listen_fd(&rig, PORT, 7);
	struct tcp_info i = info_of(listener);

	assert_int_equal(i.tcpi_state, TCPS_LISTEN);
	assert_int_equal(i.tcpi_unacked, 0);
	assert_int_equal(i.tcpi_sacked, 7);
	peer_syn(&p, &opt);
	(void)seg_out(&p);
	peer_send(&p, TCP_ACK, 0);
	assert_int_equal(info_of(listener).tcpi_unacked, 1);
	assert_int_equal(ns_close(rig.st, listener), 0);
	peer_forget(&p);
}

/* Programs ask with the structure that they were built with. */
static void as_much_as_there_is_room_for(void **state)
{
	uint8_t info[sizeof(struct tcp_info) + 64];
	const int fd = tcp_fd(*state);
	socklen_t len;

	for (socklen_t room = 0; room <= sizeof(info); room += 4) {
		memset(info, 0xee, sizeof(info));
		len = room;
		assert_int_equal(ns_getsockopt(rig.st, fd, IPPROTO_TCP, TCP_INFO, info, &len), 0);
		assert_int_equal(len,
				 room < sizeof(struct tcp_info) ? room : sizeof(struct tcp_info));
		for (size_t i = len; i < sizeof(info); i++)
			assert_int_equal(info[i], 0xee);
	}
	assert_int_equal(ns_close(rig.st, fd), 0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_comes_in_is_counted_once), TEST(data_with_the_last_ack_of_the_handshake),
		TEST(what_is_sent_is_followed),      TEST(a_listener_tells_of_its_queue),
		TEST(as_much_as_there_is_room_for),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
