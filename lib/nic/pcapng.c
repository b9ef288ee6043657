/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "nic/pcapng.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/error.h"

#define BLOCK_SECTION    0x0a0d0d0aU
#define BLOCK_INTERFACE  1U
#define BLOCK_STATISTICS 5U
#define BLOCK_PACKET     6U

#define BYTE_ORDER_MAGIC 0x1a2b3c4dU
#define LEN_UNKNOWN      UINT64_MAX

enum option {
	OPT_END = 0,
	SHB_USERAPPL = 4,
	IF_NAME = 2,
	IF_MACADDR = 6,
	IF_TSRESOL = 9,
	EPB_FLAGS = 2,
	ISB_STARTTIME = 2,
	ISB_ENDTIME = 3,
	ISB_IFRECV = 4,
	ISB_IFDROP = 5,
	ISB_USRDELIV = 8,
};

#define TSRESOL_NS 9 /* a power of ten */

/* Around the bytes of a packet: the block's header before them; padding, flags, the end of the
 * options and the block's length behind.
 */
#define PACKET_HDR     28U
#define PACKET_TAIL    (3U + 8U + 4U + 4U)

#define STATISTICS_MAX 128U /* bytes of such a block */

/**
 * struct pcapng - A file that is written
 * @fd:		Of it, non-blocking
 * @buf:	PCAPNG_BUF_LEN bytes
 * @start, @end: What waits there
 * @written:	Bytes before it
 * @block:	Where the block begins that is being made
 * @snaplen:	At least 1
 * @start_ns:	When it was opened
 * @is_finished: Statistics were put
 */
struct pcapng {
	int fd;
	uint8_t *buf;
	uint32_t start;
	uint32_t end;
	uint64_t written;
	uint32_t block;
	uint32_t snaplen;
	uint64_t start_ns;
	bool is_finished;
	struct pcapng_stats stats;
};

static uint64_t wall_clock(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_REALTIME, &ts); /* cannot fail */
	return (uint64_t)ts.tv_sec * UINT64_C(1000000000) + (uint64_t)ts.tv_nsec;
}

/* --- blocks --- */

static void put(struct pcapng *p, const void *bytes, uint32_t len)
{
	assert(len <= PCAPNG_BUF_LEN - p->end);
	memcpy(p->buf + p->end, bytes, len);
	p->end += len;
}

static void put16(struct pcapng *p, uint16_t v)
{
	put(p, &v, sizeof(v));
}

static void put32(struct pcapng *p, uint32_t v)
{
	put(p, &v, sizeof(v));
}

static void put64(struct pcapng *p, uint64_t v)
{
	put(p, &v, sizeof(v));
}

/* Blocks and options are multiples of 4 bytes. */
static void pad(struct pcapng *p, uint32_t len)
{
	static const uint8_t zero[4];

	put(p, zero, -len & 3);
}

static void put_option(struct pcapng *p, enum option code, const void *bytes, uint32_t len)
{
	put16(p, (uint16_t)code);
	put16(p, (uint16_t)len);
	put(p, bytes, len);
	pad(p, len);
}

static void put_end(struct pcapng *p)
{
	put16(p, OPT_END);
	put16(p, 0);
}

static void put_option64(struct pcapng *p, enum option code, uint64_t v)
{
	put_option(p, code, &v, sizeof(v));
}

/* The upper half comes first, in either byte order. */
static void put_time(struct pcapng *p, uint64_t ns)
{
	put32(p, (uint32_t)(ns >> 32));
	put32(p, (uint32_t)ns);
}

static void put_option_time(struct pcapng *p, enum option code, uint64_t ns)
{
	put16(p, (uint16_t)code);
	put16(p, 8);
	put_time(p, ns);
}

static void block_begin(struct pcapng *p, uint32_t type)
{
	p->block = p->end;
	put32(p, type);
	put32(p, 0);
}

static void block_end(struct pcapng *p)
{
	const uint32_t len = p->end + 4 - p->block;

	memcpy(p->buf + p->block + 4, &len, sizeof(len));
	put32(p, len);
}

static void put_section(struct pcapng *p)
{
	static const char us[] = "Fairlead";

	block_begin(p, BLOCK_SECTION);
	put32(p, BYTE_ORDER_MAGIC);
	put16(p, 1); /* version */
	put16(p, 0);
	put64(p, LEN_UNKNOWN);
	put_option(p, SHB_USERAPPL, us, sizeof(us) - 1);
	put_end(p);
	block_end(p);
}

static void put_interface(struct pcapng *p, const struct pcapng_conf *conf)
{
	static const uint8_t resolution = TSRESOL_NS;

	block_begin(p, BLOCK_INTERFACE);
	put16(p, (uint16_t)conf->link);
	put16(p, 0);
	put32(p, conf->snaplen);
	put_option(p, IF_NAME, conf->ifname, (uint32_t)strlen(conf->ifname));
	if (!eth_addr_is_zero(conf->mac))
		put_option(p, IF_MACADDR, &conf->mac, ETH_ADDR_LEN);
	put_option(p, IF_TSRESOL, &resolution, 1);
	put_end(p);
	block_end(p);
}

static void put_statistics(struct pcapng *p)
{
	const uint64_t now = wall_clock();

	block_begin(p, BLOCK_STATISTICS);
	put32(p, 0); /* interface */
	put_time(p, now);
	put_option_time(p, ISB_STARTTIME, p->start_ns);
	put_option_time(p, ISB_ENDTIME, now);
	put_option64(p, ISB_IFRECV, p->stats.packets + p->stats.dropped);
	put_option64(p, ISB_IFDROP, p->stats.dropped);
	put_option64(p, ISB_USRDELIV, p->stats.packets);
	put_end(p);
	block_end(p);
}

/* --- the buffer --- */

uint32_t pcapng_waiting(const struct pcapng *p)
{
	return p->end - p->start;
}

/* What waits moves to the beginning when there is no room behind it. */
static bool make_room(struct pcapng *p, uint32_t len)
{
	if (len <= PCAPNG_BUF_LEN - p->end)
		return true;
	if (len > PCAPNG_BUF_LEN - pcapng_waiting(p))
		return false;
	memmove(p->buf, p->buf + p->start, pcapng_waiting(p));
	p->end -= p->start;
	p->start = 0;
	return true;
}

uint8_t *pcapng_put(struct pcapng *p, uint64_t time_ns, uint32_t len, uint32_t flags,
		    uint32_t *ret_len)
{
	const uint32_t kept = len < p->snaplen ? len : p->snaplen;
	uint8_t *at;

	if (p->stats.error || kept > PCAPNG_BUF_LEN / 2 ||
	    !make_room(p, PACKET_HDR + kept + PACKET_TAIL)) {
		p->stats.dropped++;
		return NULL;
	}
	block_begin(p, BLOCK_PACKET);
	put32(p, 0); /* interface */
	put_time(p, time_ns);
	put32(p, kept);
	put32(p, len);
	at = p->buf + p->end;
	p->end += kept;
	pad(p, kept);
	put_option(p, EPB_FLAGS, &flags, sizeof(flags));
	put_end(p);
	block_end(p);
	p->stats.packets++;
	p->stats.bytes += len;
	*ret_len = kept;
	return at;
}

void pcapng_mark(const struct pcapng *p, struct pcapng_mark *ret)
{
	*ret = (struct pcapng_mark){
		.at = p->written + pcapng_waiting(p),
		.stats = p->stats,
	};
}

void pcapng_cut(struct pcapng *p, const struct pcapng_mark *mark)
{
	assert(mark->at >= p->written && mark->at <= p->written + pcapng_waiting(p));
	p->end = p->start + (uint32_t)(mark->at - p->written);
	p->stats = mark->stats;
}

/* --- the file --- */

/* write(2), and a signal that it sends us for a reader that is gone (SIGPIPE) or a file that
 * may not grow (SIGXFSZ) never arrives: the error says it already.
 */
static ssize_t write_quietly(int fd, const void *bytes, size_t len)
{
	static const struct timespec at_once;
	sigset_t ours, before, pending;
	ssize_t n;
	int e;

	(void)sigemptyset(&ours); /* these calls fail for signals that do not exist */
	(void)sigaddset(&ours, SIGPIPE);
	(void)sigaddset(&ours, SIGXFSZ);
	(void)sigpending(&pending);
	(void)pthread_sigmask(SIG_BLOCK, &ours, &before);
	n = write(fd, bytes, len);
	e = errno;
	if (n < 0 && e == EPIPE && !sigismember(&pending, SIGPIPE))
		(void)sigtimedwait(&ours, NULL, &at_once); /* -EAGAIN when it is ignored */
	else if (n < 0 && e == EFBIG && !sigismember(&pending, SIGXFSZ))
		(void)sigtimedwait(&ours, NULL, &at_once); /* likewise */
	(void)pthread_sigmask(SIG_SETMASK, &before, NULL);
	errno = e;
	return n;
}

int pcapng_flush(struct pcapng *p)
{
	while (!p->stats.error && p->start < p->end) {
		const ssize_t n = write_quietly(p->fd, p->buf + p->start, p->end - p->start);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			return -EAGAIN;
		if (n < 0) {
			p->stats.error = -errno;
			break;
		}
		p->start += (uint32_t)n;
		p->written += (uint64_t)n;
	}
	p->start = 0;
	p->end = 0;
	return p->stats.error;
}

int pcapng_fd(const struct pcapng *p)
{
	return p->fd;
}

void pcapng_stats(const struct pcapng *p, struct pcapng_stats *ret)
{
	*ret = p->stats;
}

/* --- life --- */

/* Non-blocking is a property of what a descriptor stands for, which others may have, too: a pipe is
 * opened anew.
 */
static int open_stdout(int *ret, struct nerr *err)
{
	cleanup_close int fd = -1;
	struct stat st;

	if (isatty(STDOUT_FILENO))
		return nerr_set(err, -ENOTTY,
				"cannot capture to standard output: it is a terminal");
	if (fstat(STDOUT_FILENO, &st) < 0)
		return nerr_set(err, -errno, "cannot capture to standard output: %m");
	if (S_ISREG(st.st_mode))
		fd = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 0);
	else
		fd = open("/proc/self/fd/1", O_WRONLY | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0)
		return nerr_set(err, -errno, "cannot capture to standard output: %m");
	*ret = TAKE_FD(fd);
	return 0;
}

static int open_file(const char *path, int *ret, struct nerr *err)
{
	int fd;

	if (strcmp(path, "-") == 0)
		return open_stdout(ret, err);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_NONBLOCK | O_CLOEXEC, 0600);
	if (fd < 0 && errno == ENXIO)
		return nerr_set(err, -ENXIO, "cannot capture to '%s': nobody reads this FIFO",
				path);
	if (fd < 0)
		return nerr_set(err, -errno, "cannot capture to '%s': %m", path);
	*ret = fd;
	return 0;
}

static void file_free(struct pcapng *p)
{
	if (p->fd >= 0)
		(void)close(p->fd); /* what could not be written was told by write() */
	free(p->buf);
	free(p);
}
DEFINE_CLEANUP(struct pcapng *, file_free);

int pcapng_open(struct pcapng **ret, const struct pcapng_conf *conf, struct nerr *err)
{
	CLEANUP(file_freep) struct pcapng *p = calloc(1, sizeof(*p));
	int r;

	if (!p) {
		if (!conf->path)
			(void)close(conf->fd); /* nothing was written */
		return nerr_oom(err);
	}
	p->fd = -1;
	if (!conf->path)
		p->fd = conf->fd;
	p->buf = malloc(PCAPNG_BUF_LEN);
	if (!p->buf)
		return nerr_oom(err);
	r = conf->path ? open_file(conf->path, &p->fd, err) : 0;
	if (r < 0)
		return r;
	p->snaplen = conf->snaplen ? conf->snaplen : UINT32_MAX;
	p->start_ns = wall_clock();
	put_section(p);
	put_interface(p, conf);
	r = pcapng_flush(p);
	if (r < 0 && r != -EAGAIN)
		return nerr_set(err, r, "cannot write '%s': %m",
				conf->path ? conf->path : "the capture");
	*ret = TAKE_PTR(p);
	return 0;
}

static uint64_t now_ms(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts); /* cannot fail */
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

static void flush_until(struct pcapng *p, uint64_t until_ms)
{
	while (pcapng_flush(p) == -EAGAIN) {
		struct pollfd pfd = { .fd = p->fd, .events = POLLOUT };
		const uint64_t now = now_ms();

		if (now >= until_ms)
			return;
		(void)poll(&pfd, 1, (int)(until_ms - now)); /* the next write says what there is */
	}
}

void pcapng_finish(struct pcapng *p)
{
	if (!p->is_finished && !p->stats.error && make_room(p, STATISTICS_MAX))
		put_statistics(p);
	p->is_finished = true;
}

void pcapng_close(struct pcapng *p, unsigned int timeout_ms)
{
	if (!p)
		return;
	pcapng_finish(p);
	flush_until(p, now_ms() + timeout_ms);
	file_free(p);
}
