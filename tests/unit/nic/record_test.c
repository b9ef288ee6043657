/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Recordings that begin and end on a nic that goes on.  What is in the file is capture_test.c's.
 */
#include "nic/record.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "tests/unit/nic/fake.h"
#include "tests/unit/nic/pcapng_file.h"
#include "tests/unit/nic/scratch.h"

static const struct frame_spec plain = { .proto = IP_PROTO_UDP, .len = 400 };

static int remove_file(void **state)
{
	(void)state;
	return unlink(path);
}

static void on_over(void *arg)
{
	unsigned int *n = arg;

	++*n;
}

static struct record *begin(struct nic *nic, uint64_t packets, unsigned int *over)
{
	const struct record_conf conf = {
		.fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600),
		.packets = packets,
		.over = on_over,
		.arg = over,
	};
	struct nerr err = NERR_INIT;
	struct record *rec;

	assert_true(conf.fd >= 0);
	assert_int_equal(record_new(&rec, nic, &conf, &err), 0);
	return rec;
}

static unsigned int send_some(struct desk *k, struct nic *nic, unsigned int n)
{
	struct pbuf *burst[NIC_BURST] = { NULL };
	unsigned int taken;

	for (unsigned int i = 0; i < n; i++)
		burst[i] = frame_new(k->pool, &plain);
	taken = nic_tx(nic, burst, n);
	for (unsigned int i = taken; i < n; i++)
		pbuf_free(burst[i]);
	return taken;
}

static void receive_one(struct desk *k, struct fake *f)
{
	struct pbuf *got[2];

	pbuf_queue_put(&f->in, frame_new(k->pool, &plain));
	assert_int_equal(nic_rx(&f->nic, got, 2), 1);
	pbuf_free(got[0]);
}

static unsigned int packets_in_file(void)
{
	struct pcapng_file *f = pcapng_file_read(path);
	const unsigned int n = f->n;

	assert_true(f->has_stats);
	assert_false(f->cut_short);
	pcapng_file_free(f);
	return n;
}

static void the_nic_is_as_before(void **state)
{
	struct nic_capture_stats stats;
	const struct nic_ops *ops;
	unsigned int over = 0;
	struct record *rec;
	struct fake *f;
	struct desk k;

	(void)state;
	desk_init(&k, LOOP_AUTO);
	f = fake_new(&k);
	desk_serve(&k, &f->nic);
	ops = f->nic.ops;
	assert_int_equal(send_some(&k, &f->nic, 1), 1);
	rec = begin(&f->nic, 0, &over);
	assert_ptr_not_equal(f->nic.ops, ops);
	assert_int_equal(send_some(&k, &f->nic, 3), 3);
	receive_one(&k, f);
	record_stats(rec, &stats);
	assert_int_equal(stats.packets, 4);
	assert_int_equal(record_stop(rec), 0);
	assert_ptr_equal(f->nic.ops, ops);
	assert_int_equal(send_some(&k, &f->nic, 1), 1);
	record_free(rec);
	assert_int_equal(over, 0);
	assert_int_equal(packets_in_file(), 4);
	nic_close(&f->nic);
	desk_done(&k);
}

static void what_the_device_refuses_is_not_counted(void **state)
{
	unsigned int over = 0;
	struct record *rec;
	struct fake *f;
	struct desk k;

	(void)state;
	desk_init(&k, LOOP_AUTO);
	f = fake_new(&k);
	desk_serve(&k, &f->nic);
	rec = begin(&f->nic, 3, &over);
	f->takes = 2;
	assert_int_equal(send_some(&k, &f->nic, 5), 2);
	assert_int_equal(over, 0);
	receive_one(&k, f);
	assert_int_equal(over, 1);
	receive_one(&k, f);
	assert_int_equal(over, 1);
	record_free(rec);
	assert_int_equal(packets_in_file(), 3);
	nic_close(&f->nic);
	desk_done(&k);
}

static void several_at_once_in_any_order(void **state)
{
	struct record *rec[RECORD_MAX];
	struct record_conf conf = { .over = on_over };
	struct nerr err = NERR_INIT;
	const struct nic_ops *ops;
	unsigned int over = 0;
	struct fake *f;
	struct desk k;

	(void)state;
	desk_init(&k, LOOP_AUTO);
	f = fake_new(&k);
	desk_serve(&k, &f->nic);
	ops = f->nic.ops;
	for (int i = 0; i < RECORD_MAX; i++)
		rec[i] = begin(&f->nic, 0, &over);
	conf.fd = open("/dev/null", O_WRONLY | O_CLOEXEC);
	assert_true(conf.fd >= 0);
	assert_int_equal(record_new(&rec[0], &f->nic, &conf, &err), -EBUSY);
	assert_int_equal(fcntl(conf.fd, F_GETFD), -1);
	assert_int_equal(send_some(&k, &f->nic, 1), 1);
	for (int i = 0; i < RECORD_MAX; i++) {
		struct nic_capture_stats stats;

		record_stats(rec[i], &stats);
		assert_int_equal(stats.packets, 1);
		record_free(rec[i]);
		assert_true((f->nic.ops == ops) == (i == RECORD_MAX - 1));
	}
	nic_close(&f->nic);
	desk_done(&k);
}

static void a_reader_that_is_gone_ends_it(void **state)
{
	struct record_conf conf = { .over = on_over };
	struct nic_capture_stats stats;
	struct nerr err = NERR_INIT;
	unsigned int over = 0;
	struct record *rec;
	struct fake *f;
	struct desk k;
	int p[2];

	(void)state;
	desk_init(&k, LOOP_AUTO);
	f = fake_new(&k);
	desk_serve(&k, &f->nic);
	assert_int_equal(pipe2(p, O_CLOEXEC), 0);
	conf.fd = p[1];
	conf.arg = &over;
	assert_int_equal(record_new(&rec, &f->nic, &conf, &err), 0);
	assert_int_equal(close(p[0]), 0);
	assert_int_equal(send_some(&k, &f->nic, 1), 1);
	(void)f->nic.ops->arm(&f->nic); /* whatever it says: what waits is written */
	assert_int_equal(over, 1);
	record_stats(rec, &stats);
	assert_int_equal(stats.error, -EPIPE);
	record_free(rec);
	/* And one that cannot be written to is refused. */
	conf.fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	assert_int_equal(record_new(&rec, &f->nic, &conf, &err), -EBADF);
	nic_close(&f->nic);
	desk_done(&k);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(the_nic_is_as_before, remove_file),
		cmocka_unit_test_teardown(what_the_device_refuses_is_not_counted, remove_file),
		cmocka_unit_test_teardown(several_at_once_in_any_order, remove_file),
		cmocka_unit_test(a_reader_that_is_gone_ends_it),
	};

	return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
