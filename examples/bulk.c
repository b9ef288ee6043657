/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * bulk.c - how fast is it: bytes through TCP in one direction
 *
 *	bulk --nic macvtap:mv0			takes what comes on port 5201
 *	bulk --nic macvtap:mv0 --send		sends to everyone who connects
 *	bulk --nic macvtap:mv1 10.0.0.1		connects and sends
 *	bulk --nic macvtap:mv1 --receive 10.0.0.1
 *
 * There is no protocol: the other end may as well be nc or any other program.  Who sends ends
 * the stream after some time or some bytes, and waits until the other end closes.
 * Bytes are a known series, over and over; with --hash both ends can be compared.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sha2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "base/str.h"
#include "examples/lib/common.h"
#include "nic/pbuf.h"

#define EVENTS   64
#define SERIES   262139U /* bytes; a prime, so that a buffer that is lost or doubled shows */
#define PIECES   16
#define NS_PER_S 1e9

static const char *arg_bytes;
static uint32_t arg_port = 5201, arg_seconds, arg_streams = 1;
static bool arg_send, arg_receive, arg_hash, arg_copy, arg_once;

struct stream {
	int fd;
	bool sends;
	bool shut; /* it has sent all */
	uint64_t bytes;
	uint64_t start_ns;
	double start_cpu;
	SHA2_CTX hash;
};

struct bulk {
	struct host *host;
	struct netstack *st;
	int epfd;
	int listener;      /* -1 for a client */
	unsigned int left; /* streams that go on, or are still to come */
	uint64_t limit;    /* bytes of a stream that sends */
	uint64_t bytes;    /* of all streams */
	struct pbuf_block *series;
	uint8_t buf[SERIES];
};

static double cpu_now(void)
{
	struct rusage u;

	(void)getrusage(RUSAGE_SELF, &u);
	return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
	       (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

static void report(const char *what, uint64_t bytes, double seconds, double cpu, const char *hash)
{
	(void)printf("%s %" PRIu64 " bytes in %.3f s: %.2f Gbit/s, %.3f s CPU%s%s\n", what, bytes,
		     seconds, (double)bytes * 8 / 1e9 / seconds, cpu, *hash ? ", sha256 " : "",
		     hash);
	(void)fflush(stdout);
}

/* --- streams: each returns 0 at the end of it or of the time, -EAGAIN, or an error --- */

static uint64_t end_of(const struct stream *s)
{
	return arg_seconds ? s->start_ns + arg_seconds * UINT64_C(1000000000) : LOOP_FOREVER;
}

static int stream_send(struct bulk *b, struct stream *s)
{
	while (s->bytes < b->limit && host_now(b->host) < end_of(s)) {
		const uint32_t at = (uint32_t)(s->bytes % SERIES);
		const uint64_t left = b->limit - s->bytes;
		const uint32_t len = left < SERIES - at ? (uint32_t)left : SERIES - at;
		ssize_t r = arg_copy ? ns_send(b->st, s->fd, b->series->data + at, len, 0)
				     : ns_send_block(b->st, s->fd, b->series, at, len);

		if (r < 0)
			return (int)r;
		if (arg_hash)
			SHA256Update(&s->hash, b->series->data + at, (size_t)r);
		s->bytes += (uint64_t)r;
		b->bytes += (uint64_t)r;
	}
	return 0;
}

static int receive_views(struct bulk *b, struct stream *s)
{
	struct pbuf_frag piece[PIECES];
	uint32_t len = 0;
	int n = ns_view(b->st, s->fd, piece, PIECES);

	for (int i = 0; i < n; i++) {
		if (arg_hash)
			SHA256Update(&s->hash, pbuf_frag_data(&piece[i]), piece[i].len);
		len += piece[i].len;
	}
	if (n <= 0)
		return n;
	n = ns_consume(b->st, s->fd, len);
	return n < 0 ? n : (int)len;
}

static int receive_copy(struct bulk *b, struct stream *s)
{
	const ssize_t n = ns_recv(b->st, s->fd, b->buf, sizeof(b->buf), 0);

	if (n > 0 && arg_hash)
		SHA256Update(&s->hash, b->buf, (size_t)n);
	return (int)n;
}

static int stream_receive(struct bulk *b, struct stream *s)
{
	for (;;) {
		const int n = arg_copy ? receive_copy(b, s) : receive_views(b, s);

		if (n <= 0)
			return n;
		if (s->sends)
			continue; /* not asked for */
		s->bytes += (uint64_t)n;
		b->bytes += (uint64_t)n;
		if (host_now(b->host) >= end_of(s))
			return 0;
	}
}

static void stream_end(struct bulk *b, struct stream *s, int error)
{
	const double seconds = (double)(host_now(b->host) - s->start_ns) / NS_PER_S;
	char hex[SHA256_DIGEST_STRING_LENGTH] = "";

	if (arg_hash)
		(void)SHA256End(&s->hash, hex);
	report(s->sends ? "sent" : "received", s->bytes, seconds, cpu_now() - s->start_cpu, hex);
	if (error < 0)
		(void)common_fail("a stream ended: %s", strerror(-error));
	(void)ns_close(b->st, s->fd);
	free(s);
	b->left--;
}

static int stream_wait(struct bulk *b, struct stream *s, uint32_t events, int op)
{
	struct epoll_event ev = { .events = events, .data.ptr = s };

	return ns_epoll_ctl(b->st, b->epfd, op, s->fd, &ev);
}

/* Return: 0, or the error that ended it */
static int on_stream(struct bulk *b, struct stream *s)
{
	int r = 0;

	if (s->sends && !s->shut) {
		r = stream_send(b, s);
		if (r == 0) {
			s->shut = true;
			r = ns_shutdown(b->st, s->fd, SHUT_WR);
			if (r == 0)
				r = stream_wait(b, s, EPOLLIN, EPOLL_CTL_MOD);
			if (r == 0)
				return 0;
		}
	} else {
		r = stream_receive(b, s);
	}
	if (r == -EAGAIN)
		return 0;
	stream_end(b, s, r);
	return r;
}

static int stream_new(struct bulk *b, int fd, bool sends)
{
	struct stream *s = calloc(1, sizeof(*s));

	if (!s) {
		(void)ns_close(b->st, fd);
		return -ENOMEM;
	}
	s->fd = fd;
	s->sends = sends;
	s->start_ns = host_now(b->host);
	s->start_cpu = cpu_now();
	SHA256Init(&s->hash);
	return stream_wait(b, s, sends ? EPOLLOUT : EPOLLIN, EPOLL_CTL_ADD);
}

/* --- the two sides --- */

static void on_listener(struct bulk *b)
{
	for (;;) {
		const int fd = ns_accept4(b->st, b->listener, NULL, NULL, SOCK_NONBLOCK);

		if (fd == -ECONNABORTED)
			continue;
		if (fd < 0 || stream_new(b, fd, arg_send) < 0)
			return; /* none is left, or no memory: later */
	}
}

/* Until no stream is left.  Return: exit status */
static int run(struct bulk *b, uint64_t until_ns)
{
	struct epoll_event ev[EVENTS];
	int status = 0;

	while (b->left) {
		const int n = common_events(b->host, b->epfd, ev, EVENTS, until_ns);

		if (n < 0)
			return common_fail("cannot go on: %s", strerror(-n));
		if (n == 0)
			return b->listener >= 0 ? status
						: common_fail("the peer did not end the streams");
		for (int i = 0; i < n; i++)
			if (ev[i].data.u64 == (uint64_t)b->listener)
				on_listener(b);
			else if (on_stream(b, ev[i].data.ptr) < 0)
				status = 1;
	}
	return status;
}

static int serve(struct bulk *b)
{
	b->listener = common_serve(b->host, b->epfd, SOCK_STREAM, (uint16_t)arg_port);
	if (b->listener < 0)
		return common_fail("cannot serve port %u: %s", arg_port, strerror(-b->listener));
	b->left = arg_once ? 1 : UINT32_MAX;
	common_ready("bulk: serving port %u", arg_port);
	return run(b, LOOP_FOREVER);
}

static int connect_stream(struct bulk *b, const struct sockaddr_storage *addr, socklen_t len)
{
	const int fd = ns_socket(b->st, addr->ss_family, SOCK_STREAM, 0);
	int r = fd;

	if (fd >= 0)
		r = ns_connect(b->st, fd, (const struct sockaddr *)addr, len);
	if (r >= 0)
		r = ns_fcntl(b->st, fd, F_SETFL, O_NONBLOCK);
	return r < 0 ? r : stream_new(b, fd, !arg_receive);
}

static int ask(struct bulk *b, const char *address)
{
	const uint64_t start_ns = loop_clock();
	const double start_cpu = cpu_now();
	struct sockaddr_storage addr;
	socklen_t len;
	int status;

	if (common_address(address, (uint16_t)arg_port, &addr, &len) < 0) {
		(void)common_fail("'%s' is not an address", address);
		return 2;
	}
	for (; b->left < arg_streams; b->left++) {
		const int r = connect_stream(b, &addr, len);

		if (r < 0)
			return common_fail("cannot connect to '%s': %s", address, strerror(-r));
	}
	status = run(b, arg_seconds ? start_ns + (arg_seconds + 10) * UINT64_C(1000000000)
				    : LOOP_FOREVER);
	if (arg_streams > 1)
		report("in all", b->bytes, (double)(loop_clock() - start_ns) / NS_PER_S,
		       cpu_now() - start_cpu, "");
	return status;
}

static int make_series(struct bulk *b)
{
	static uint8_t series[SERIES];
	uint64_t x = 1;

	for (size_t i = 0; i < SERIES; i++) {
		x = x * UINT64_C(6364136223846793005) + 1442695040888963407U;
		series[i] = (uint8_t)(x >> 56);
	}
	b->series = pbuf_block_wrap(netstack_pool(b->st), series, SERIES, NULL, NULL);
	return b->series ? 0 : -ENOMEM;
}

int main(int argc, char **argv)
{
	static const struct common_option options[] = {
		{ "port", "N", "of TCP (5201)", NULL, &arg_port, NULL },
		{ "send", NULL, "server: send to who connects", NULL, NULL, &arg_send },
		{ "receive", NULL, "client: receive", NULL, NULL, &arg_receive },
		{ "seconds", "S", "so long (10; with --bytes, as long as it takes)", NULL,
		  &arg_seconds, NULL },
		{ "bytes", "N", "send so many bytes on each connection", &arg_bytes, NULL, NULL },
		{ "streams", "N", "client: as many connections (1)", NULL, &arg_streams, NULL },
		{ "once", NULL, "server: end after the first connection", NULL, NULL, &arg_once },
		{ "hash", NULL, "print the SHA-256 of each stream", NULL, NULL, &arg_hash },
		{ "copy", NULL, "copy the bytes, as send() and recv() do", NULL, NULL, &arg_copy },
		{ 0 },
	};
	static const struct common_program program = { "[ADDRESS]", options, 0, 1 };
	static struct bulk b = { .listener = -1, .limit = UINT64_MAX };
	char **args;
	int status, r;

	b.host = common_start(&program, argc, argv, &args, &status);
	if (!b.host)
		return status;
	b.st = host_stack(b.host);
	b.epfd = ns_epoll_create(b.st);
	r = b.epfd < 0 ? b.epfd : make_series(&b);
	if (r < 0)
		status = common_fail("cannot start: %s", strerror(-r));
	else if (arg_bytes && parse_u64(arg_bytes, 0, UINT64_MAX, &b.limit) < 0)
		status = common_fail("option '--bytes': '%s' is not a number", arg_bytes) + 1;
	else {
		if (!arg_bytes && !arg_seconds && (args[0] || arg_send))
			arg_seconds = 10;
		status = args[0] ? ask(&b, args[0]) : serve(&b);
	}
	(void)host_drain(b.host, 1000); /* a peer may be gone */
	if (b.series)
		pbuf_block_unref(b.series);
	common_end(b.host);
	return status;
}
