/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * stream.c - TCP applications and what must hold for their bytes
 *
 * Each stream is one connection.  Both ends write some bytes of a known pattern, in pieces
 * and with pauses as chance has it, and read what comes in the same manner.  An end that has
 * written all shuts its side down; at the end of the peer's stream it has all of it or
 * the peer had reset the connection.
 */
#include <assert.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>

#include "sim.h"

#define CHUNK_MAX          65536
#define SERVER             1
#define FIRST_PORT         2000

#define PIECES_MAX         2000
#define PAUSES_MAX_NS      (20 * SIM_S)

#define SERVER_PATIENCE_NS (200 * SIM_S)

enum end_state {
	END_WAITING, /* for the handshake */
	END_OPEN,
	END_DONE, /* descriptor closed */
};

struct stream;

/**
 * struct stream_end - One of the two applications
 * @to_send:	Bytes that it will write
 * @abort_at:	Resets the connection when it has written so many; UINT64_MAX for never
 * @pause_ppm:	After a piece it does something else, for up to
 * @pause_ns:	so long
 * @edge:	Waits with EPOLLET
 * @aborted:	It has reset the connection
 */
struct stream_end {
	struct app app;
	struct stream *s;
	struct host *host;
	unsigned int side;
	int fd;
	enum end_state state;
	int error;
	uint64_t to_send;
	uint64_t sent;
	uint64_t received;
	uint64_t abort_at;
	uint64_t pause_ns;
	uint32_t pause_ppm;
	uint32_t chunk;    /* of writes */
	uint32_t rd_chunk; /* of reads */
	bool edge;
	bool wr_paused;
	bool rd_paused;
	bool wr_done;
	bool rd_done;
	bool aborted;
	bool nodelay;
	bool blocks;   /* writes without copies */
	bool views;    /* reads without copies */
	uint32_t bufs; /* SO_SNDBUF and SO_RCVBUF, 0 for what they are */
	struct rng rng;
};

struct stream {
	struct app listener; /* first: its event finds the stream */
	struct stream *next;
	struct world *w;
	unsigned int number;
	uint16_t port;
	struct ip6_addr server;
	int listen_fd;
	bool ip6;
	uint64_t key;
	struct stream_end end[2];
};

static void pump(struct world *w, struct stream_end *e);

/* --- the pattern --- */

static void fill(uint64_t key, uint64_t at, uint8_t *ret, size_t len)
{
	for (size_t i = 0; i < len; i++, at++)
		ret[i] = (uint8_t)(rng_mix(key + at / 8) >> at % 8 * 8);
}

static uint64_t key_of(const struct stream *s, unsigned int side)
{
	return s->key + side * UINT64_C(0x100000000);
}

static void verify(struct world *w, const struct stream_end *e, const uint8_t *buf, size_t len)
{
	const uint64_t key = key_of(e->s, !e->side);
	uint8_t want[4096];

	for (size_t at = 0; at < len; at += sizeof(want)) {
		const size_t n = len - at < sizeof(want) ? len - at : sizeof(want);

		fill(key, e->received + at, want, n);
		if (memcmp(want, buf + at, n) != 0) {
			world_fail(w, "stream %u: %s read wrong bytes behind %llu", e->s->number,
				   e->host->name, (unsigned long long)(e->received + at));
			return;
		}
	}
	if (e->received + len > e->s->end[!e->side].sent)
		world_fail(w, "stream %u: %s read more than was written", e->s->number,
			   e->host->name);
}

/* --- ends --- */

static void give_up(struct world *w, void *arg);

static void finish(struct world *w, struct stream_end *e, int error)
{
	if (e->state == END_DONE)
		return;
	if (e->fd >= 0)
		(void)ns_close(e->host->st, e->fd);
	e->fd = -1;
	e->state = END_DONE;
	e->error = error;
	e->host->dirty = true;
	w->n_unfinished--;
	if (e->side != SERVER && e->s->end[SERVER].state == END_WAITING)
		world_at(w, w->now_ns + SERVER_PATIENCE_NS, give_up, NULL, e->s);
	world_note(w, "stream %u: %s is done, %llu bytes out, %llu in, %s", e->s->number,
		   e->host->name, (unsigned long long)e->sent, (unsigned long long)e->received,
		   error ? strerror(error) : "no error");
}

static void listen_end(struct stream *s)
{
	if (s->listen_fd < 0)
		return;
	(void)ns_close(s->end[SERVER].host->st, s->listen_fd);
	s->listen_fd = -1;
}

/* Return: what epoll_ctl() said: without memory there is no event to come */
static int watch(struct stream_end *e, int op)
{
	struct epoll_event ev = { .data.ptr = &e->app };

	if (!e->wr_done && !e->wr_paused)
		ev.events |= EPOLLOUT;
	if (!e->rd_done && !e->rd_paused)
		ev.events |= EPOLLIN;
	if (e->edge)
		ev.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;
	return ns_epoll_ctl(e->host->st, e->host->epfd, op, e->fd, &ev);
}

static void wake_writer(struct world *w, void *arg)
{
	struct stream_end *e = arg;

	e->wr_paused = false;
	if (e->state == END_OPEN)
		pump(w, e);
}

static void wake_reader(struct world *w, void *arg)
{
	struct stream_end *e = arg;

	e->rd_paused = false;
	if (e->state == END_OPEN)
		pump(w, e);
}

static bool pause_now(struct world *w, struct stream_end *e, void (*wake)(struct world *, void *))
{
	if (!rng_chance(&e->rng, e->pause_ppm))
		return false;
	world_at(w, w->now_ns + 1 + rng_below(&e->rng, e->pause_ns), wake, NULL, e);
	return true;
}

static void reset(struct world *w, struct stream_end *e)
{
	const struct linger linger = { .l_onoff = 1, .l_linger = 0 };

	(void)ns_setsockopt(e->host->st, e->fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
	e->aborted = true;
	finish(w, e, 0);
}

/* Return: as send() */
static ssize_t write_once(struct stream_end *e, size_t len)
{
	static uint8_t buf[CHUNK_MAX]; /* one thread */
	struct netstack *st = e->host->st;
	struct pbuf_block *b = NULL;
	ssize_t n;

	if (e->blocks)
		b = pbuf_block_alloc(netstack_pool(st), (uint32_t)len);
	if (!b) {
		fill(key_of(e->s, e->side), e->sent, buf, len);
		return ns_send(st, e->fd, buf, len, MSG_NOSIGNAL);
	}
	fill(key_of(e->s, e->side), e->sent, b->data, len);
	n = ns_send_block(st, e->fd, b, 0, (uint32_t)len);
	pbuf_block_unref(b);
	return n;
}

/* Return: as recv(), with the bytes verified */
static ssize_t read_once(struct world *w, struct stream_end *e, size_t len)
{
	static uint8_t buf[CHUNK_MAX]; /* one thread */
	struct pbuf_frag piece[4];
	ssize_t n;
	int r;

	if (!e->views) {
		n = ns_recv(e->host->st, e->fd, buf, len, 0);
		if (n > 0)
			verify(w, e, buf, (size_t)n);
		return n;
	}
	r = ns_view(e->host->st, e->fd, piece, 4);
	n = r < 0 ? r : 0;
	for (int i = 0; i < r; i++) {
		verify(w, e, pbuf_frag_data(&piece[i]), piece[i].len);
		e->received += piece[i].len;
		n += piece[i].len;
	}
	if (n > 0) {
		e->received -= (uint64_t)n;
		(void)ns_consume(e->host->st, e->fd, (uint32_t)n); /* they are there */
	}
	return n;
}

static void write_some(struct world *w, struct stream_end *e)
{
	while (!e->wr_done && !e->wr_paused && e->state == END_OPEN) {
		uint64_t len = rng_between(&e->rng, 1, e->chunk);
		ssize_t n;

		if (e->sent >= e->abort_at) {
			reset(w, e);
			return;
		}
		if (len > e->to_send - e->sent)
			len = e->to_send - e->sent;
		if (len == 0) {
			e->wr_done = true;
			n = ns_shutdown(e->host->st, e->fd, SHUT_WR);
			if (n < 0)
				finish(w, e, (int)-n);
			return;
		}
		n = write_once(e, len);
		if (n == -EAGAIN)
			return;
		if (n < 0) {
			finish(w, e, (int)-n);
			return;
		}
		e->sent += (uint64_t)n;
		e->wr_paused = pause_now(w, e, wake_writer);
	}
}

static void read_some(struct world *w, struct stream_end *e)
{
	while (!e->rd_done && !e->rd_paused && e->state == END_OPEN) {
		ssize_t n = read_once(w, e, rng_between(&e->rng, 1, e->rd_chunk));

		if (n == -EAGAIN)
			return;
		if (n < 0) {
			finish(w, e, (int)-n);
			return;
		}
		if (n == 0) {
			e->rd_done = true;
			return;
		}
		e->received += (uint64_t)n;
		e->rd_paused = pause_now(w, e, wake_reader);
	}
}

static void pump(struct world *w, struct stream_end *e)
{
	write_some(w, e);
	read_some(w, e);
	if (e->state != END_OPEN)
		return;
	if (e->rd_done && e->wr_done)
		finish(w, e, 0);
	else if (!e->edge)
		(void)watch(e, EPOLL_CTL_MOD); /* needs no memory */
	e->host->dirty = true;
}

static void end_event(struct world *w, struct app *a, uint32_t events)
{
	struct stream_end *e = (struct stream_end *)(void *)a;
	socklen_t len = sizeof(int);
	int error = 0;

	if (e->state == END_DONE)
		return;
	if (e->state == END_WAITING) {
		if (!(events & (EPOLLOUT | EPOLLERR | EPOLLHUP)))
			return;
		(void)ns_getsockopt(e->host->st, e->fd, SOL_SOCKET, SO_ERROR, &error, &len);
		if (error) {
			finish(w, e, error);
			return;
		}
		e->state = END_OPEN;
	}
	pump(w, e);
}

/* --- beginning --- */

static void set(const struct stream_end *e, int fd, int level, int name, int value)
{
	(void)ns_setsockopt(e->host->st, fd, level, name, &value, sizeof(value));
}

/* Before the first window is told: of the listener, whose connections inherit them. */
static void set_buffers(const struct stream_end *e, int fd)
{
	if (!e->bufs)
		return;
	set(e, fd, SOL_SOCKET, SO_SNDBUF, (int)e->bufs);
	set(e, fd, SOL_SOCKET, SO_RCVBUF, (int)e->bufs);
}

static void end_open(struct world *w, struct stream_end *e)
{
	int r;

	if (e->nodelay)
		set(e, e->fd, IPPROTO_TCP, TCP_NODELAY, 1);
	/* The reset of a peer may be lost: who only reads would wait for ever. */
	set(e, e->fd, SOL_SOCKET, SO_KEEPALIVE, 1);
	set(e, e->fd, IPPROTO_TCP, TCP_KEEPIDLE, 60);
	set(e, e->fd, IPPROTO_TCP, TCP_KEEPINTVL, 20);
	r = watch(e, EPOLL_CTL_ADD);
	if (r < 0)
		finish(w, e, -r);
}

static void accept_event(struct world *w, struct app *a, uint32_t events)
{
	struct stream *s = (struct stream *)(void *)a;
	struct stream_end *e = &s->end[SERVER];
	int fd = ns_accept4(e->host->st, s->listen_fd, NULL, NULL, SOCK_NONBLOCK);

	(void)events; /* there is only one kind */
	if (fd == -EAGAIN || fd == -ECONNABORTED)
		return;
	listen_end(s);
	if (fd < 0) {
		finish(w, e, -fd);
		return;
	}
	e->fd = fd;
	e->state = END_OPEN;
	end_open(w, e);
	if (e->state == END_OPEN)
		pump(w, e);
}

static int serve(struct stream *s)
{
	struct host *h = s->end[SERVER].host;
	struct epoll_event ev = { .events = EPOLLIN, .data.ptr = &s->listener };
	struct sockaddr_storage addr;
	socklen_t len = address_of(s->ip6, IP6_UNSPECIFIED, s->port, &addr);
	int r;

	s->listen_fd = ns_socket(h->st, addr.ss_family, SOCK_STREAM | SOCK_NONBLOCK, 0);
	if (s->listen_fd < 0)
		return s->listen_fd;
	set_buffers(&s->end[SERVER], s->listen_fd);
	r = ns_bind(h->st, s->listen_fd, (struct sockaddr *)&addr, len);
	if (r == 0)
		r = ns_listen(h->st, s->listen_fd, 4);
	if (r == 0)
		r = ns_epoll_ctl(h->st, h->epfd, EPOLL_CTL_ADD, s->listen_fd, &ev);
	return r;
}

static int call(struct stream *s)
{
	struct stream_end *e = &s->end[0];
	struct sockaddr_storage addr;
	socklen_t len = address_of(s->ip6, s->server, s->port, &addr);
	int r;

	e->fd = ns_socket(e->host->st, addr.ss_family, SOCK_STREAM | SOCK_NONBLOCK, 0);
	if (e->fd < 0)
		return e->fd;
	set_buffers(e, e->fd);
	r = ns_connect(e->host->st, e->fd, (struct sockaddr *)&addr, len);
	return r == -EINPROGRESS ? 0 : r;
}

/* The server gives up some time after its client did. */
static void give_up(struct world *w, void *arg)
{
	struct stream *s = arg;

	listen_end(s);
	if (s->end[SERVER].state == END_WAITING)
		finish(w, &s->end[SERVER], ECONNABORTED);
}

static void begin(struct world *w, void *arg)
{
	struct stream *s = arg;
	int r = serve(s);

	if (r == 0)
		r = call(s);
	s->end[0].host->dirty = true;
	s->end[SERVER].host->dirty = true;
	if (r < 0) {
		finish(w, &s->end[0], -r);
		return;
	}
	end_open(w, &s->end[0]);
}

static void end_init(struct stream *s, unsigned int side, struct host *h)
{
	struct stream_end *e = &s->end[side];
	struct rng *r = &e->rng;

	*e = (struct stream_end){ .app.event = end_event, .s = s, .host = h, .side = side };
	e->rng = rng_fork(&s->w->rng);
	e->fd = -1;
	e->to_send = rng_chance(r, 100000) ? 0 : rng_log(r, 1 << 20);
	e->abort_at = rng_chance(r, 60000) ? rng_below(r, e->to_send + 1) : UINT64_MAX;
	e->chunk = (uint32_t)rng_log(r, CHUNK_MAX);
	e->rd_chunk = (uint32_t)rng_log(r, CHUNK_MAX);
	e->pause_ppm = rng_chance(r, 500000) ? 0 : (uint32_t)rng_below(r, 200000);
	e->pause_ns = rng_log(r, 2 * SIM_S);
	e->edge = rng_chance(r, 500000);
	e->nodelay = rng_chance(r, 300000);
	e->blocks = rng_chance(r, 250000);
	e->views = rng_chance(r, 250000);
	e->bufs = rng_chance(r, 200000) ? (uint32_t)rng_log(r, 1 << 20) : 0;
	s->w->n_unfinished++;
}

static uint32_t limited(uint32_t chunk, uint64_t bytes)
{
	return bytes / chunk > PIECES_MAX ? (uint32_t)(bytes / PIECES_MAX) : chunk;
}

/* No end goes so slowly that the stack of a peer which has closed gives it up, as it may when
 * a window stays shut for minutes (tcp_orphan_retries).
 */
static void limit_pauses(struct stream_end *e, uint64_t bytes_in)
{
	uint64_t pieces, total_ns;

	e->chunk = limited(e->chunk, e->to_send);
	e->rd_chunk = limited(e->rd_chunk, bytes_in);
	pieces = e->to_send / e->chunk + bytes_in / e->rd_chunk + 2;
	total_ns = pieces * e->pause_ppm * (e->pause_ns / 1000000);
	if (total_ns > PAUSES_MAX_NS)
		e->pause_ns = 1 + e->pause_ns / (total_ns / PAUSES_MAX_NS + 1);
}

void stream_new(struct world *w, struct host *client, struct host *server, bool ip6,
		struct ip6_addr server_addr)
{
	struct stream *s = calloc(1, sizeof(*s));

	assert(s);
	s->w = w;
	s->listener.event = accept_event;
	s->number = w->streams ? w->streams->number + 1 : 0;
	s->next = w->streams;
	w->streams = s;
	s->listen_fd = -1;
	s->port = (uint16_t)(FIRST_PORT + s->number);
	s->ip6 = ip6;
	s->server = server_addr;
	s->key = rng_next(&w->rng);
	end_init(s, 0, client);
	end_init(s, SERVER, server);
	limit_pauses(&s->end[0], s->end[SERVER].to_send);
	limit_pauses(&s->end[SERVER], s->end[0].to_send);
	world_at(w, w->now_ns + rng_log(&w->rng, 5 * SIM_S), begin, NULL, s);
}

/* --- oracles --- */

static void check_end(struct world *w, const struct stream_end *e)
{
	const struct stream_end *peer = &e->s->end[!e->side];
	const bool was_reset = e->aborted || peer->aborted;

	if (e->state != END_DONE)
		world_fail(w, "stream %u: %s is stuck: %llu of %llu bytes out, %llu of %llu in",
			   e->s->number, e->host->name, (unsigned long long)e->sent,
			   (unsigned long long)e->to_send, (unsigned long long)e->received,
			   (unsigned long long)peer->to_send);
	else if (e->error && !was_reset && !w->lenient)
		world_fail(w, "stream %u: %s ended with %s", e->s->number, e->host->name,
			   strerror(e->error));
	else if (e->rd_done && e->received != peer->sent && !was_reset)
		world_fail(w, "stream %u: %s read %llu bytes to the end, %llu were written",
			   e->s->number, e->host->name, (unsigned long long)e->received,
			   (unsigned long long)peer->sent);
}

void streams_check(struct world *w)
{
	for (struct stream *s = w->streams; s; s = s->next) {
		check_end(w, &s->end[0]);
		check_end(w, &s->end[SERVER]);
	}
}

void streams_free(struct world *w)
{
	while (w->streams) {
		struct stream *s = w->streams;

		w->streams = s->next;
		free(s);
	}
}
