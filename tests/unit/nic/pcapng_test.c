/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "nic/pcapng.h"

#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "base/error.h"
#include "tests/unit/nic/pcapng_file.h"
#include "tests/unit/nic/scratch.h"

static int remove_file(void **state)
{
	(void)state;
	(void)unlink(path); /* not every test makes it */
	return 0;
}

static struct pcapng_conf conf_of(const char *file)
{
	return (struct pcapng_conf){
		.path = file,
		.ifname = "eth0",
		.mac = { { 2, 3, 4, 5, 6, 7 } },
		.link = PCAPNG_ETHERNET,
	};
}

static struct pcapng *opened(const struct pcapng_conf *conf)
{
	struct nerr err = NERR_INIT;
	struct pcapng *p;

	if (pcapng_open(&p, conf, &err) < 0)
		fail_msg("%s", err.msg);
	return p;
}

/* Packet @i: so many bytes of this value. */
static bool put(struct pcapng *p, uint8_t i, uint32_t len)
{
	uint32_t kept;
	uint8_t *at = pcapng_put(p, UINT64_C(1700000000123456789) + i, len,
				 PCAPNG_OUT | PCAPNG_BROADCAST, &kept);

	if (at)
		memset(at, i, kept);
	return at;
}

/* --- what is in a file --- */

static void a_file_holds_what_was_put(void **state)
{
	const struct pcapng_conf conf = conf_of(path);
	struct pcapng *p = opened(&conf);
	struct pcapng_stats stats;
	struct pcapng_file *f;
	struct stat st;

	(void)state;
	for (uint8_t i = 0; i < 70; i++)
		assert_true(put(p, i, i));
	assert_true(put(p, 70, 65549));
	assert_true(pcapng_waiting(p) > 65549);
	assert_int_equal(pcapng_flush(p), 0);
	assert_int_equal(pcapng_waiting(p), 0);
	pcapng_stats(p, &stats);
	assert_int_equal(stats.packets, 71);
	assert_int_equal(stats.bytes, 69 * 70 / 2 + 65549);
	pcapng_close(p, 0);

	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	f = pcapng_file_read(path);
	assert_int_equal(f->link, 1);
	assert_int_equal(f->snaplen, 0);
	assert_string_equal(f->name, "eth0");
	assert_memory_equal(f->mac, ((uint8_t[]){ 2, 3, 4, 5, 6, 7 }), 6);
	assert_int_equal(f->n, 71);
	for (uint8_t i = 0; i < 71; i++) {
		assert_int_equal(f->packet[i].len, i < 70 ? i : 65549);
		assert_int_equal(f->packet[i].kept, f->packet[i].len);
		assert_int_equal(f->packet[i].flags, 2 | 3 << 2);
		assert_true(f->packet[i].time_ns == UINT64_C(1700000000123456789) + i);
		for (uint32_t j = 0; j < f->packet[i].kept; j++)
			assert_int_equal(f->packet[i].data[j], i);
	}
	assert_true(f->has_stats);
	assert_int_equal(f->received, 71);
	assert_int_equal(f->delivered, 71);
	assert_int_equal(f->dropped, 0);
	assert_true(f->start_ns <= f->end_ns);
	pcapng_file_free(f);
}

static void snaplen_cuts_packets(void **state)
{
	struct pcapng_conf conf = conf_of(path);
	struct pcapng_file *f;
	struct pcapng *p;

	(void)state;
	conf.snaplen = 61;
	conf.link = PCAPNG_RAW;
	conf.mac = (struct eth_addr){ { 0 } };
	p = opened(&conf);
	assert_true(put(p, 1, 60));
	assert_true(put(p, 2, 62));
	pcapng_close(p, 0);
	f = pcapng_file_read(path);
	assert_int_equal(f->link, 101);
	assert_int_equal(f->snaplen, 61);
	assert_int_equal(f->packet[0].kept, 60);
	assert_int_equal(f->packet[1].kept, 61);
	assert_int_equal(f->packet[1].len, 62);
	pcapng_file_free(f);
}

static void what_is_behind_a_mark_can_be_cut_off(void **state)
{
	const struct pcapng_conf conf = conf_of(path);
	struct pcapng *p = opened(&conf);
	struct pcapng_mark mark;
	struct pcapng_stats stats;
	struct pcapng_file *f;

	(void)state;
	assert_true(put(p, 1, 100));
	assert_int_equal(pcapng_flush(p), 0);
	assert_true(put(p, 2, 101));
	pcapng_mark(p, &mark);
	assert_true(put(p, 3, 102));
	assert_true(put(p, 4, 103));
	pcapng_cut(p, &mark);
	assert_true(put(p, 5, 104));
	pcapng_stats(p, &stats);
	assert_int_equal(stats.packets, 3);
	assert_int_equal(stats.bytes, 100 + 101 + 104);
	pcapng_close(p, 0);
	f = pcapng_file_read(path);
	assert_int_equal(f->n, 3);
	assert_int_equal(f->packet[1].len, 101);
	assert_int_equal(f->packet[2].len, 104);
	assert_int_equal(f->received, 3);
	pcapng_file_free(f);
}

static void a_file_that_is_there_is_replaced(void **state)
{
	const struct pcapng_conf conf = conf_of(path);
	struct pcapng_file *f;
	struct pcapng *p;

	(void)state;
	p = opened(&conf);
	for (uint8_t i = 0; i < 100; i++)
		assert_true(put(p, i, 1000));
	pcapng_close(p, 0);
	p = opened(&conf);
	pcapng_close(p, 0);
	f = pcapng_file_read(path);
	assert_int_equal(f->n, 0);
	pcapng_file_free(f);
}

/* --- pipes --- */

struct reader {
	int fd;
	uint8_t *bytes;
	size_t len;
	pthread_t thread;
};

static void *reader_run(void *arg)
{
	struct reader *r = arg;
	ssize_t n;

	while ((n = read(r->fd, r->bytes + r->len, 65536)) > 0)
		r->len += (size_t)n;
	return NULL;
}

static void reader_start(struct reader *r)
{
	r->bytes = malloc(4 * (size_t)PCAPNG_BUF_LEN);
	assert_non_null(r->bytes);
	assert_int_equal(pthread_create(&r->thread, NULL, reader_run, r), 0);
}

static struct pcapng_file *reader_join(struct reader *r)
{
	assert_int_equal(pthread_join(r->thread, NULL), 0);
	(void)close(r->fd);
	return pcapng_file_of(r->bytes, r->len);
}

/* It reads nothing at first: packets are lost, whole ones, and nobody waits. */
static void a_slow_reader_loses_packets(void **state)
{
	const struct pcapng_conf conf = conf_of(path);
	struct reader reader = { .fd = -1 };
	struct pcapng_stats stats;
	struct pcapng_file *f;
	struct pcapng *p;

	(void)state;
	assert_int_equal(mkfifo(path, 0600), 0);
	reader.fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	assert_true(reader.fd >= 0);
	p = opened(&conf);
	for (unsigned int i = 0; i < 200; i++)
		(void)put(p, (uint8_t)i, 60000); /* 12 MB */
	assert_int_equal(pcapng_flush(p), -EAGAIN);
	(void)put(p, 200, 60000);
	pcapng_stats(p, &stats);
	assert_true(stats.dropped > 50);
	assert_int_equal(stats.packets + stats.dropped, 201);
	assert_int_equal(stats.error, 0);

	assert_int_equal(fcntl(reader.fd, F_SETFL, 0), 0);
	reader_start(&reader);
	pcapng_close(p, 60000);
	f = reader_join(&reader);
	assert_false(f->cut_short);
	assert_true(f->has_stats);
	assert_int_equal(f->n, stats.packets);
	assert_int_equal(f->dropped, stats.dropped);
	assert_int_equal(f->received, 201);
	for (unsigned int i = 0; i < f->n; i++)
		assert_int_equal(f->packet[i].data[59999], f->packet[i].data[0]);
	pcapng_file_free(f);
}

/* What does not get through in the end is missing; the file ends in the middle. */
static void a_reader_that_sleeps_is_not_waited_for_long(void **state)
{
	const struct pcapng_conf conf = conf_of(path);
	struct reader reader = { .fd = -1 };
	struct pcapng_file *f;
	struct pcapng *p;

	(void)state;
	assert_int_equal(mkfifo(path, 0600), 0);
	reader.fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	p = opened(&conf);
	for (unsigned int i = 0; i < 10; i++)
		assert_true(put(p, (uint8_t)i, 60000));
	pcapng_close(p, 10);
	assert_int_equal(fcntl(reader.fd, F_SETFL, 0), 0);
	reader_start(&reader);
	f = reader_join(&reader);
	assert_true(f->cut_short);
	assert_true(f->n >= 1 && f->n < 10);
	pcapng_file_free(f);
}

static void a_reader_that_goes_ends_the_capture(void **state)
{
	const struct pcapng_conf conf = conf_of(path);
	struct pcapng_stats stats;
	sigset_t pending;
	struct pcapng *p;
	int fd;

	(void)state;
	assert_int_equal(mkfifo(path, 0600), 0);
	fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	p = opened(&conf);
	(void)close(fd);
	assert_true(put(p, 1, 100));
	assert_int_equal(pcapng_flush(p), -EPIPE); /* and we live */
	assert_int_equal(sigpending(&pending), 0);
	assert_false(sigismember(&pending, SIGPIPE));
	assert_false(put(p, 2, 100));
	assert_int_equal(pcapng_flush(p), -EPIPE);
	assert_int_equal(pcapng_waiting(p), 0);
	pcapng_stats(p, &stats);
	assert_int_equal(stats.error, -EPIPE);
	assert_int_equal(stats.dropped, 1);
	pcapng_close(p, 1000);
}

/* A signal of somebody else's that waits is not ours to take away. */
static void another_sigpipe_stays(void **state)
{
	const struct pcapng_conf conf = conf_of(path);
	sigset_t set, before, pending;
	struct pcapng *p;
	int fd, sig;

	(void)state;
	assert_int_equal(mkfifo(path, 0600), 0);
	fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	p = opened(&conf);
	(void)close(fd);
	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGPIPE);
	assert_int_equal(pthread_sigmask(SIG_BLOCK, &set, &before), 0);
	assert_int_equal(raise(SIGPIPE), 0);
	assert_true(put(p, 1, 100));
	assert_int_equal(pcapng_flush(p), -EPIPE);
	assert_int_equal(sigpending(&pending), 0);
	assert_true(sigismember(&pending, SIGPIPE));
	assert_int_equal(sigwait(&set, &sig), 0);
	assert_int_equal(pthread_sigmask(SIG_SETMASK, &before, NULL), 0);
	pcapng_close(p, 0);
}

/* --- standard output --- */

static void standard_output_may_be_a_pipe(void **state)
{
	const struct pcapng_conf conf = conf_of("-");
	struct reader reader = { .fd = -1 };
	struct pcapng_file *f;
	struct pcapng *p;
	int fds[2], out;

	(void)state;
	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	(void)fflush(stdout);
	out = dup(STDOUT_FILENO);
	assert_int_equal(dup2(fds[1], STDOUT_FILENO), STDOUT_FILENO);
	p = opened(&conf);
	assert_int_equal(fcntl(fds[1], F_GETFL) & O_NONBLOCK, 0); /* others write there, too */
	assert_int_equal(dup2(out, STDOUT_FILENO), STDOUT_FILENO);
	(void)close(out);
	(void)close(fds[1]);
	reader.fd = fds[0];
	reader_start(&reader);
	assert_true(put(p, 9, 1000));
	pcapng_close(p, 60000);
	f = reader_join(&reader);
	assert_int_equal(f->n, 1);
	assert_true(f->has_stats);
	pcapng_file_free(f);
}

/* A shell's ">>": what is there stays. */
static void standard_output_may_be_a_file(void **state)
{
	const struct pcapng_conf conf = conf_of("-");
	struct pcapng *p;
	struct stat st;
	int fd, out;

	(void)state;
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	assert_int_equal(pwrite(fd, "before", 6, 0), 6);
	assert_int_equal(lseek(fd, 6, SEEK_SET), 6);
	(void)fflush(stdout);
	out = dup(STDOUT_FILENO);
	assert_int_equal(dup2(fd, STDOUT_FILENO), STDOUT_FILENO);
	p = opened(&conf);
	assert_int_equal(dup2(out, STDOUT_FILENO), STDOUT_FILENO);
	(void)close(out);
	pcapng_close(p, 0);
	assert_int_equal(fstat(fd, &st), 0);
	assert_true(st.st_size > 6 + 28);
	(void)close(fd);
}

static void standard_output_may_be_no_terminal(void **state)
{
	const struct pcapng_conf conf = conf_of("-");
	struct nerr err = NERR_INIT;
	struct pcapng *p = NULL;
	int tty = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC), out, r;

	(void)state;
	assert_true(tty >= 0);
	(void)fflush(stdout);
	out = dup(STDOUT_FILENO);
	assert_int_equal(dup2(tty, STDOUT_FILENO), STDOUT_FILENO);
	r = pcapng_open(&p, &conf, &err);
	assert_int_equal(dup2(out, STDOUT_FILENO), STDOUT_FILENO);
	(void)close(out);
	(void)close(tty);
	assert_int_equal(r, -ENOTTY);
	assert_string_equal(err.msg, "cannot capture to standard output: it is a terminal");
	assert_null(p);
}

/* --- what cannot be opened or written --- */

static void refused(const char *file, int code, const char *msg)
{
	const struct pcapng_conf conf = conf_of(file);
	struct nerr err = NERR_INIT;
	struct pcapng *p = NULL;

	assert_int_equal(pcapng_open(&p, &conf, &err), code);
	assert_null(p);
	assert_string_equal(err.msg, msg);
}

static void what_cannot_be_opened_is_named(void **state)
{
	char msg[160];

	(void)state;
	refused("/no/such/dir/x", -ENOENT,
		"cannot capture to '/no/such/dir/x': No such file or directory");
	(void)snprintf(msg, sizeof(msg), "cannot capture to '%s': Is a directory", dir);
	refused(dir, -EISDIR, msg);
	assert_int_equal(mkfifo(path, 0600), 0);
	(void)snprintf(msg, sizeof(msg), "cannot capture to '%s': nobody reads this FIFO", path);
	refused(path, -ENXIO, msg);
	refused("/dev/full", -ENOSPC, "cannot write '/dev/full': No space left on device");
	pcapng_close(NULL, 0);
}

static void a_file_that_may_not_grow_ends_the_capture(void **state)
{
	const struct pcapng_conf conf = conf_of(path);
	const struct rlimit small = { .rlim_cur = 4096, .rlim_max = RLIM_INFINITY };
	struct pcapng *p = opened(&conf);
	struct pcapng_stats stats;
	struct rlimit before;
	sigset_t pending;

	(void)state;
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
	for (uint8_t i = 0; i < 10; i++)
		assert_true(put(p, i, 1000));
	assert_int_equal(pcapng_flush(p), -EFBIG); /* and we live */
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
	assert_int_equal(sigpending(&pending), 0);
	assert_false(sigismember(&pending, SIGXFSZ));
	pcapng_stats(p, &stats);
	assert_int_equal(stats.error, -EFBIG);
	pcapng_close(p, 0);
}

#define FILE_TEST(f) cmocka_unit_test_teardown(f, remove_file)

int main(void)
{
	const struct CMUnitTest tests[] = {
		FILE_TEST(a_file_holds_what_was_put),
		FILE_TEST(snaplen_cuts_packets),
		FILE_TEST(what_is_behind_a_mark_can_be_cut_off),
		FILE_TEST(a_file_that_is_there_is_replaced),
		FILE_TEST(a_slow_reader_loses_packets),
		FILE_TEST(a_reader_that_sleeps_is_not_waited_for_long),
		FILE_TEST(a_reader_that_goes_ends_the_capture),
		FILE_TEST(another_sigpipe_stays),
		FILE_TEST(standard_output_may_be_a_pipe),
		FILE_TEST(standard_output_may_be_a_file),
		FILE_TEST(standard_output_may_be_no_terminal),
		FILE_TEST(what_cannot_be_opened_is_named),
		FILE_TEST(a_file_that_may_not_grow_ends_the_capture),
	};

	return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
