/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Captures before a nic that does what the test says.  capture_tshark_test.c has two stacks and
 * somebody else who reads their captures.
 */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "nic/wrappers.h"
#include "tests/unit/nic/fake.h"
#include "tests/unit/nic/pcapng_file.h"
#include "tests/unit/nic/scratch.h"

#define DIR_IN  1U
#define DIR_OUT 2U

static const struct frame_spec plain = { .proto = IP_PROTO_UDP, .len = 400 };

struct rig {
	struct desk k;
	struct fake *below;
	struct nic *nic;
};

static int remove_file(void **state)
{
	(void)state;
	return unlink(path);
}

static void rig_init(struct rig *r, uint32_t snaplen)
{
	desk_init(&r->k, LOOP_AUTO);
	r->below = fake_new(&r->k);
	assert_int_equal(nic_capture_new(&r->nic, &r->below->nic, path, snaplen, &r->k.err), 0);
	desk_serve(&r->k, r->nic);
}

static void rig_close(struct rig *r)
{
	nic_close(r->nic);
	assert_true(r->k.closed);
	desk_done(&r->k);
}

static struct pcapng_file *rig_done(struct rig *r)
{
	rig_close(r);
	return pcapng_file_read(path);
}

static void send_one(struct rig *r, const struct frame_spec *s)
{
	struct pbuf *pb = frame_new(r->k.pool, s);

	assert_int_equal(nic_tx(r->nic, &pb, 1), 1);
}

static void receive_one(struct rig *r, struct pbuf *pb)
{
	struct pbuf *got[2];

	pbuf_queue_put(&r->below->in, pb);
	assert_int_equal(nic_rx(r->nic, got, 2), 1);
	assert_ptr_equal(got[0], pb);
	pbuf_free(pb);
}

static off_t size_now(void)
{
	struct stat st;

	assert_int_equal(stat(path, &st), 0);
	return st.st_size;
}

static struct nic_capture_stats stats_of(const struct rig *r)
{
	struct nic_capture_stats stats;

	assert_int_equal(nic_capture_stats(r->nic, &stats), 0);
	return stats;
}

/* --- packets --- */

static void directions_and_destinations_are_told(void **state)
{
	static const uint8_t to_group[20] = { 0x33, 0x33, 0, 0, 0, 1 };
	static const uint8_t to_other[20] = { 2, 0, 0, 0, 0, 9 };
	struct pcapng_file *f;
	struct rig r;

	(void)state;
	rig_init(&r, 0);
	send_one(&r, &plain);
	receive_one(&r, frame_new(r.k.pool, &plain));
	receive_one(&r, frame_arp(r.k.pool));
	receive_one(&r, frame_of(r.k.pool, to_group, sizeof(to_group)));
	receive_one(&r, frame_of(r.k.pool, to_other, sizeof(to_other)));
	receive_one(&r, frame_of(r.k.pool, to_other, 3));
	assert_int_equal(stats_of(&r).packets, 6);
	f = rig_done(&r);
	assert_string_equal(f->name, "fake0");
	assert_int_equal(f->mac[5], 1);
	assert_int_equal(f->n, 6);
	assert_int_equal(f->packet[0].flags, DIR_OUT | 1 << 2);
	assert_int_equal(f->packet[1].flags, DIR_IN | 1 << 2);
	assert_int_equal(f->packet[2].flags, DIR_IN | 3 << 2);
	assert_int_equal(f->packet[3].flags, DIR_IN | 2 << 2);
	assert_int_equal(f->packet[4].flags, DIR_IN | 4 << 2);
	assert_int_equal(f->packet[5].flags, DIR_IN);
	for (unsigned int i = 1; i < f->n; i++)
		assert_true(f->packet[i].time_ns >= f->packet[i - 1].time_ns);
	assert_true(f->packet[0].time_ns >= f->start_ns && f->packet[5].time_ns <= f->end_ns);
	pcapng_file_free(f);
}

/* As frame_bytes() has it, with a right checksum, whatever the device was to do. */
static void check_packet(const struct pcapng_packet *p, const struct frame_spec *s)
{
	static uint8_t want[FRAME_MAX];
	uint64_t pseudo;
	uint32_t l4;

	assert_int_equal(p->len, frame_bytes(s, want, &l4, &pseudo));
	assert_memory_equal(p->data, want, p->kept);
}

static void checksums_are_finished_in_the_file_only(void **state)
{
	struct frame_spec s[12];
	struct pcapng_file *f;
	struct pbuf *pb;
	struct rig r;

	(void)state;
	rig_init(&r, 0);
	for (unsigned int i = 0; i < 12; i++) {
		s[i] = (struct frame_spec){
			.is_ip6 = i & 1,
			.proto = i & 2 ? IP_PROTO_TCP : IP_PROTO_UDP,
			.len = 3001 + i,
			.seq = 77 + i,
			.flags = TCP_ACK,
			.csum = i < 4 ? PBUF_CSUM_PARTIAL : PBUF_CSUM_VALID,
			.gso_size = i < 8 ? 0 : 1000,
		};
		pb = frame_new(r.k.pool, &s[i]);
		/* Merged by a device: what is in the field is the first segment's. */
		if (s[i].gso_size)
			put_be16(pbuf_l4(pb) + pb->csum_offset, 0x1234);
		assert_int_equal(nic_tx(r.nic, &pb, 1), 1);
		pb = pbuf_queue_take(&r.below->out);
		assert_int_equal(pb->csum, s[i].csum);
		if (!s[i].gso_size)
			assert_frame(pb, &s[i]);
		else
			assert_int_equal(get_be16(pbuf_l4(pb) + pb->csum_offset), 0x1234);
		pbuf_free(pb);
	}
	f = rig_done(&r);
	for (unsigned int i = 0; i < 12; i++)
		check_packet(&f->packet[i], &s[i]);
	pcapng_file_free(f);
}

static void a_checksum_that_is_cut_off_is_nowhere(void **state)
{
	const uint32_t l4_at = ETH_HDR_LEN + IPV4_HDR_LEN;
	struct frame_spec s = plain;
	struct pcapng_file *f;
	struct rig r;

	(void)state;
	s.csum = PBUF_CSUM_PARTIAL;
	rig_init(&r, l4_at + UDP_CSUM_OFFSET + 1);
	send_one(&r, &s);
	s.csum = PBUF_CSUM_VALID;
	s.gso_size = 100;
	send_one(&r, &s);
	f = rig_done(&r);
	for (unsigned int i = 0; i < 2; i++) {
		assert_int_equal(f->packet[i].kept, l4_at + UDP_CSUM_OFFSET + 1);
		assert_memory_equal(f->packet[i].data + l4_at, "\x9c\x40\x00\x35", 4);
	}
	pcapng_file_free(f);
}

static void what_the_device_does_not_take_was_not_sent(void **state)
{
	struct frame_spec s = plain;
	struct pbuf *burst[200];
	struct pcapng_file *f;
	struct rig r;

	(void)state;
	rig_init(&r, 0);
	for (s.seq = 0; s.seq < 200; s.seq++)
		burst[s.seq] = frame_new(r.k.pool, &s);
	r.below->takes = 3;
	assert_int_equal(nic_tx(r.nic, burst, 5), 3);
	r.below->takes = NIC_BURST;
	assert_int_equal(nic_tx(r.nic, burst + 5, 195), 195);
	assert_int_equal(r.below->tx_bursts, 1 + 4);
	assert_int_equal(stats_of(&r).packets, 198);
	pbuf_free(burst[3]);
	pbuf_free(burst[4]);
	f = rig_done(&r);
	assert_int_equal(f->n, 198);
	assert_int_equal(f->dropped, 0);
	for (unsigned int i = 0; i < 198; i++) {
		s.seq = i < 3 ? i : i + 2;
		check_packet(&f->packet[i], &s);
	}
	pcapng_file_free(f);
}

/* --- when it is written --- */

static void it_is_written_before_the_thread_sleeps(void **state)
{
	struct rig r;
	off_t size;

	(void)state;
	rig_init(&r, 0);
	size = size_now();
	assert_true(size > 0); /* its beginning at once */
	send_one(&r, &plain);
	assert_int_equal(size_now(), size);
	pbuf_queue_put(&r.below->in, frame_new(r.k.pool, &plain));
	assert_true(r.nic->ops->arm(r.nic)); /* written, and awake */
	assert_true(size_now() > size);
	size = size_now();
	pbuf_free(pbuf_queue_take(&r.below->in));
	assert_false(r.nic->ops->arm(r.nic));
	send_one(&r, &plain); /* of a timer, in the middle of the sleep */
	assert_true(size_now() > size);
	size = size_now();
	r.below->nic.ready(r.below->nic.ready_arg);
	assert_int_equal(r.k.readies, 1);
	send_one(&r, &plain);
	assert_int_equal(size_now(), size);
	assert_false(r.nic->ops->arm(r.nic));
	r.nic->ops->disarm(r.nic);
	assert_false(r.below->armed);
	size = size_now();
	send_one(&r, &plain);
	assert_int_equal(size_now(), size);
	pcapng_file_free(rig_done(&r));
}

static void a_reader_that_was_slow_gets_the_rest_from_the_loop(void **state)
{
	static uint8_t bytes[1 << 16];
	struct frame_spec s = plain;
	size_t want, got = 0;
	ssize_t n;
	struct rig r;
	int fd;

	(void)state;
	assert_int_equal(mkfifo(path, 0600), 0);
	fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	rig_init(&r, 0);
	s.len = 60000;
	for (unsigned int i = 0; i < 20; i++) { /* 1.2 MB, more than a pipe holds */
		receive_one(&r, frame_new(r.k.pool, &s));
		assert_int_equal(stats_of(&r).packets, i + 1);
	}
	want = 20 * (size_t)(60000 + ETH_HDR_LEN + IPV4_HDR_LEN + UDP_HDR_LEN);
	assert_false(r.nic->ops->arm(r.nic));
	while (got < want) {
		n = read(fd, bytes, sizeof(bytes));
		if (n > 0)
			got += (size_t)n;
		else
			assert_int_equal(loop_turn(r.k.loop, LOOP_FOREVER), 0);
	}
	assert_int_equal(r.k.readies, 0);
	(void)close(fd);
	rig_close(&r);
}

static void when_it_ends_the_nic_goes_on(void **state)
{
	struct rig r;
	int fd;

	(void)state;
	assert_int_equal(mkfifo(path, 0600), 0);
	fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	rig_init(&r, 0);
	assert_int_equal(stats_of(&r).error, 0);
	(void)close(fd);
	receive_one(&r, frame_new(r.k.pool, &plain));
	assert_false(r.nic->ops->arm(r.nic));
	assert_int_equal(stats_of(&r).error, -EPIPE);
	for (unsigned int i = 0; i < 10; i++) {
		send_one(&r, &plain);
		receive_one(&r, frame_new(r.k.pool, &plain));
		assert_false(r.nic->ops->arm(r.nic));
	}
	assert_int_equal(r.below->out.n, 10);
	assert_int_equal(stats_of(&r).dropped, 20);
	assert_int_equal(r.nic->error, 0);
	rig_close(&r);
}

/* --- life --- */

static void without_a_file_the_nic_below_stays_the_callers(void **state)
{
	struct nic_capture_stats stats;
	struct nic *nic = NULL;
	struct fake *below;
	struct desk k;

	(void)state;
	desk_init(&k, LOOP_AUTO);
	below = fake_new(&k);
	assert_int_equal(nic_capture_new(&nic, &below->nic, "/no/such/dir/x", 0, &k.err), -ENOENT);
	assert_string_equal(k.err.msg,
			    "cannot capture to '/no/such/dir/x': No such file or directory");
	assert_null(nic);
	assert_false(k.closed);
	assert_null(below->nic.ready);
	assert_int_equal(nic_capture_stats(&below->nic, &stats), -EINVAL);
	nic_close(&below->nic);
	desk_done(&k);
}

static void a_nic_without_ethernet_is_captured_without(void **state)
{
	struct pcapng_file *f;
	struct nic *nic;
	struct fake *below;
	struct pbuf *pb, *got[1];
	struct nic_stats stats;
	struct desk k;

	(void)state;
	desk_init(&k, LOOP_AUTO);
	below = fake_new(&k);
	below->nic.info.kind = NIC_IP;
	below->nic.info.mac = (struct eth_addr){ { 0 } };
	below->nic.counters.rx_missed = 4;
	assert_int_equal(nic_capture_new(&nic, &below->nic, path, 0, &k.err), 0);
	pb = frame_new(k.pool, &plain);
	pbuf_pull(pb, ETH_HDR_LEN);
	pbuf_queue_put(&below->in, pb);
	assert_int_equal(nic_rx(nic, got, 1), 1);
	pbuf_free(got[0]);
	nic_stats(nic, &stats);
	assert_int_equal(stats.rx_missed, 4);
	nic_close(nic);
	desk_done(&k);
	f = pcapng_file_read(path);
	assert_int_equal(f->link, 101);
	assert_int_equal(f->packet[0].flags, DIR_IN);
	assert_int_equal(f->packet[0].data[0] >> 4, 4);
	pcapng_file_free(f);
}

#define FILE_TEST(f) cmocka_unit_test_teardown(f, remove_file)

int main(void)
{
	const struct CMUnitTest tests[] = {
		FILE_TEST(directions_and_destinations_are_told),
		FILE_TEST(checksums_are_finished_in_the_file_only),
		FILE_TEST(a_checksum_that_is_cut_off_is_nowhere),
		FILE_TEST(what_the_device_does_not_take_was_not_sent),
		FILE_TEST(it_is_written_before_the_thread_sleeps),
		FILE_TEST(a_reader_that_was_slow_gets_the_rest_from_the_loop),
		FILE_TEST(when_it_ends_the_nic_goes_on),
		cmocka_unit_test(without_a_file_the_nic_below_stays_the_callers),
		FILE_TEST(a_nic_without_ethernet_is_captured_without),
	};

	return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
