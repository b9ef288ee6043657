/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * stream.c - TCP applications: beginning, ending, what must hold in the end
 *
 * Each stream is one connection.  Both ends write some bytes of a known pattern, in pieces
 * and with pauses as chance has it, and read what comes in the same manner.  An end that has
 * written all shuts its side down; at the end of the peer's stream it has all of it or
 * the peer had ended the connection before.
 */
#include "stream.h"

#include <assert.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_PORT         2000
#define PIECES_MAX         2000
#define PAUSES_MAX_NS      (20 * SIM_S)
#define BYTES_MAX          (512 << 10)
#define ORPHAN_NS          (60 * SIM_S)
#define SERVER_PATIENCE_NS (200 * SIM_S)

/* --- ending --- */

static void listen_end(struct stream *s)
{
	if (s->listen_fd < 0)
		return;
	(void)ns_close(s->end[SERVER].host->st, s->listen_fd); /* it is open */
	s->listen_fd = -1;
}

/* The server gives up some time after its client did. */
static void give_up(struct world *w, void *arg)
{
	struct stream *s = arg;

	listen_end(s);
	if (s->end[SERVER].state == END_WAITING)
		end_finish(w, &s->end[SERVER], ECONNABORTED);
}

static void close_fd(struct stream_end *e)
{
	const struct linger linger = { .l_onoff = 1, .l_linger = e->linger_s };
	const int fd = e->fd;

	if (fd < 0)
		return;
	end_unwatch(e);
	if (e->linger_s)
		(void)ns_setsockopt(e->host->st, fd, SOL_SOCKET, SO_LINGER, &linger,
				    sizeof(linger)); /* it is there */
	e->fd = -1;
	(void)ns_close(e->host->st, fd); /* that it lingered in vain is no error of ours */
}

void end_finish(struct world *w, struct stream_end *e, int error)
{
	const bool may_block = !w->blocking && e->linger_s;

	if (e->state == END_DONE)
		return;
	e->state = END_DONE;
	e->error = error;
	e->progress_ns = w->now_ns;
	if (e->linger_s && !may_block)
		e->linger_s = 0;
	w->blocking = w->blocking || may_block;
	close_fd(e);
	if (may_block)
		w->blocking = false;
	e->host->dirty = true;
	w->n_unfinished--;
	if (e->side != SERVER && peer_of(e)->state == END_WAITING)
		world_at(w, w->now_ns + SERVER_PATIENCE_NS, give_up, NULL, e->s);
	world_note(w, "stream %u: %s is done, %llu bytes out, %llu in, %s", e->s->number,
		   e->host->name, (unsigned long long)e->sent, (unsigned long long)e->received,
		   error ? strerror(error) : "no error");
}

/* --- beginning --- */

static void set(const struct stream_end *e, int fd, int level, int name, int value)
{
	(void)ns_setsockopt(e->host->st, fd, level, name, &value,
			    sizeof(value)); /* a value out of range stays what it was */
}

/* Before the first window is told: of the listener, whose connections inherit them. */
static void set_early(const struct stream_end *e, int fd)
{
	if (e->bufs) {
		set(e, fd, SOL_SOCKET, SO_SNDBUF, (int)e->bufs);
		set(e, fd, SOL_SOCKET, SO_RCVBUF, (int)e->bufs);
	}
	if (e->mss)
		set(e, fd, IPPROTO_TCP, TCP_MAXSEG, (int)e->mss);
	if (e->oob_inline)
		set(e, fd, SOL_SOCKET, SO_OOBINLINE, 1);
}

static void end_open(struct world *w, struct stream_end *e)
{
	int r;

	if (e->nodelay)
		set(e, e->fd, IPPROTO_TCP, TCP_NODELAY, 1);
	if (e->cork)
		set(e, e->fd, IPPROTO_TCP, TCP_CORK, 1);
	if (e->lowat)
		set(e, e->fd, SOL_SOCKET, SO_RCVLOWAT, (int)e->lowat);
	/* The reset of a peer may be lost: who only reads would wait for ever. */
	set(e, e->fd, SOL_SOCKET, SO_KEEPALIVE, 1);
	set(e, e->fd, IPPROTO_TCP, TCP_KEEPIDLE, 60);
	set(e, e->fd, IPPROTO_TCP, TCP_KEEPINTVL, 20);
	e->progress_ns = w->now_ns;
	r = end_watch(w, e);
	if (r < 0)
		end_finish(w, e, -r);
}

static void accept_event(struct world *w, struct app *a, uint32_t events)
{
	struct stream *s = (struct stream *)(void *)a;
	struct stream_end *e = &s->end[SERVER];
	uint32_t mask;
	int fd;

	(void)events; /* there is only one kind */
	if (s->listen_fd < 0)
		return;
	mask = host_poll(e->host, s->listen_fd, POLLIN);
	fd = ns_accept4(e->host->st, s->listen_fd, NULL, NULL, SOCK_NONBLOCK);
	if ((fd == -EAGAIN) == !!mask && !w->memory)
		world_fail(w, "stream %u: %s: poll() said %#x, accept() says %d", s->number,
			   e->host->name, mask, fd);
	if (fd == -EAGAIN || fd == -ECONNABORTED)
		return;
	listen_end(s);
	if (fd < 0) {
		end_finish(w, e, -fd);
		return;
	}
	e->fd = fd;
	e->state = END_OPEN;
	end_open(w, e);
	end_pump(w, e);
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
	set_early(&s->end[SERVER], s->listen_fd);
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
	set_early(e, e->fd);
	r = ns_connect(e->host->st, e->fd, (struct sockaddr *)&addr, len);
	return r == -EINPROGRESS ? 0 : r;
}

/* --- that it goes on --- */

static void watch_progress(struct world *w, void *arg)
{
	const struct stream *s = arg;
	const struct stream_end *e = s->end;
	const uint64_t last =
		e[0].progress_ns > e[SERVER].progress_ns ? e[0].progress_ns : e[SERVER].progress_ns;

	if (e[0].state == END_DONE && e[SERVER].state == END_DONE)
		return;
	if (w->now_ns - last > w->patience_ns) {
		world_fail(w,
			   "stream %u: nothing has happened for %llu s, %llu of %llu bytes out, "
			   "%llu of %llu in",
			   s->number, (unsigned long long)((w->now_ns - last) / SIM_S),
			   (unsigned long long)e[0].sent, (unsigned long long)e[0].to_send,
			   (unsigned long long)e[0].received,
			   (unsigned long long)e[SERVER].to_send);
		return;
	}
	world_at(w, last + w->patience_ns + 1, watch_progress, NULL, arg);
}

static void begin(struct world *w, void *arg)
{
	struct stream *s = arg;
	int r = serve(s);

	s->begin_ns = w->now_ns;
	s->end[0].progress_ns = w->now_ns;
	s->end[SERVER].progress_ns = w->now_ns;
	world_at(w, w->now_ns + w->patience_ns, watch_progress, NULL, s);
	if (r == 0)
		r = call(s);
	s->end[0].host->dirty = true;
	s->end[SERVER].host->dirty = true;
	if (r < 0) {
		end_finish(w, &s->end[0], -r);
		return;
	}
	end_open(w, &s->end[0]);
}

/* --- chance --- */

static void end_init(struct stream *s, unsigned int side, struct host *h)
{
	struct stream_end *e = &s->end[side];
	struct rng *r = &e->rng;

	*e = (struct stream_end){ .s = s, .host = h, .side = side };
	e->rng = rng_fork(&s->w->rng);
	e->fd = -1;
	e->to_send = rng_chance(r, 100000) ? 0 : rng_log(r, BYTES_MAX);
	e->abort_at = rng_chance(r, 60000) ? rng_below(r, e->to_send + 1) : UINT64_MAX;
	e->abort_plain = rng_chance(r, 500000);
	e->chunk = (uint32_t)rng_log(r, CHUNK_MAX);
	e->rd_chunk = (uint32_t)rng_log(r, CHUNK_MAX);
	e->pause_ppm = rng_chance(r, 500000) ? 0 : (uint32_t)rng_below(r, 200000);
	e->pause_ns = rng_log(r, 2 * SIM_S);
	e->wait = (enum end_wait)rng_below(r, WAIT_N);
	e->copy = (enum end_copy)rng_below(r, COPY_N);
	e->nodelay = rng_chance(r, 300000);
	e->cork = rng_chance(r, 80000);
	e->bufs = rng_chance(r, 200000) ? (uint32_t)rng_log(r, 1 << 20) : 0;
	e->lowat = !e->bufs && rng_chance(r, 100000) ? (uint32_t)rng_log(r, 2048) : 0;
	e->mss = rng_chance(r, 80000) ? (uint32_t)rng_between(r, 88, 1460) : 0;
	e->linger_s = rng_chance(r, 80000) ? (uint8_t)rng_between(r, 1, 20) : 0;
	e->oob_inline = rng_chance(r, 500000);
	e->urgent_at = UINT64_MAX;
	if (e->to_send && rng_chance(r, 100000))
		e->urgent_at = rng_below(r, e->to_send);
	s->w->n_unfinished++;
}

/* As much as there is, as fast as it goes. */
static void make_bulk(struct stream *s, uint64_t bytes)
{
	for (unsigned int side = 0; side < 2; side++) {
		struct stream_end *e = &s->end[side];

		e->to_send = side ? 0 : bytes;
		e->abort_at = UINT64_MAX;
		e->urgent_at = UINT64_MAX;
		e->chunk = CHUNK_MAX;
		e->rd_chunk = CHUNK_MAX;
		e->pause_ppm = 0;
		e->bufs = 0;
		e->lowat = 0;
		e->mss = 0;
		e->linger_s = 0;
		e->cork = false;
		if (e->wait == WAIT_BLOCKING)
			e->wait = WAIT_LEVEL;
	}
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
		struct ip6_addr server_addr, uint64_t bulk, uint64_t bulk_ns)
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
	s->bulk_ns = bulk_ns;
	s->key = rng_next(&w->rng);
	end_init(s, 0, client);
	end_init(s, SERVER, server);
	if (bulk)
		make_bulk(s, bulk);
	limit_pauses(&s->end[0], s->end[SERVER].to_send);
	limit_pauses(&s->end[SERVER], s->end[0].to_send);
	world_at(w, w->now_ns + rng_log(&w->rng, 5 * SIM_S), begin, NULL, s);
}

/* --- oracles --- */

/* The stack of a peer that has closed gives up what it cannot bring across, in the end
 * (tcp_orphan_retries): then there is a reset, or nothing more.
 */
static bool was_given_up(const struct world *w, const struct stream_end *e)
{
	const struct stream_end *peer = &e->s->end[!e->side];

	return (e->error == ECONNRESET || e->error == ETIMEDOUT) && peer->state == END_DONE &&
	       e->progress_ns - peer->progress_ns > ORPHAN_NS && world_lost(w);
}

/* The next hop answered none of three questions, as may happen when packets are lost: connect()
 * ends with that, as on Linux.
 */
static bool found_no_way(const struct world *w, const struct stream_end *e)
{
	return e->error == EHOSTUNREACH && !e->sent && !e->received && world_lost(w);
}

static void check_end(struct world *w, const struct stream_end *e)
{
	const struct stream_end *peer = &e->s->end[!e->side];
	const bool was_reset = e->aborted || peer->aborted;

	if (e->state != END_DONE)
		world_fail(w, "stream %u: %s is stuck: %llu of %llu bytes out, %llu of %llu in",
			   e->s->number, e->host->name, (unsigned long long)e->sent,
			   (unsigned long long)e->to_send, (unsigned long long)e->received,
			   (unsigned long long)peer->to_send);
	else if (e->error && !was_reset && !w->lenient && !was_given_up(w, e) &&
		 !found_no_way(w, e) && !found_no_way(w, peer))
		world_fail(w, "stream %u: %s ended with %s", e->s->number, e->host->name,
			   strerror(e->error));
	else if (e->rd_done && e->received != peer->sent && !was_reset)
		world_fail(w, "stream %u: %s read %llu bytes to the end, %llu were written",
			   e->s->number, e->host->name, (unsigned long long)e->received,
			   (unsigned long long)peer->sent);
}

static void check_bulk(struct world *w, const struct stream *s)
{
	const struct stream_end *e = &s->end[SERVER];
	const uint64_t took = e->progress_ns - s->begin_ns;

	if (s->bulk_ns && took > s->bulk_ns)
		world_fail(w, "stream %u: %llu bytes took %llu ms, should take %llu at most",
			   s->number, (unsigned long long)e->received,
			   (unsigned long long)(took / SIM_MS),
			   (unsigned long long)(s->bulk_ns / SIM_MS));
}

void streams_check(struct world *w)
{
	for (struct stream *s = w->streams; s; s = s->next) {
		check_end(w, &s->end[0]);
		check_end(w, &s->end[SERVER]);
		check_bulk(w, s);
	}
}

void streams_free(struct world *w)
{
	while (w->streams) {
		struct stream *s = w->streams;

		w->streams = s->next;
		assert(!s->end[0].wraps && !s->end[SERVER].wraps);
		free(s);
	}
}
