/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * stream_io.c - applications write and read a known pattern
 *
 * Each call is compared with what poll() said just before it: what is ready does not say
 * EAGAIN, and what says EAGAIN was not ready.
 */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "stream.h"

/* --- the pattern --- */

static void fill(uint64_t key, uint64_t at, uint8_t *ret, size_t len)
{
	uint64_t word = rng_mix(key + at / 8);

	for (size_t i = 0; i < len; i++, at++) {
		if (at % 8 == 0)
			word = rng_mix(key + at / 8);
		ret[i] = (uint8_t)(word >> at % 8 * 8);
	}
}

static uint64_t key_of(const struct stream *s, unsigned int side)
{
	return s->key + side * UINT64_C(0x100000000);
}

/* An urgent byte that is not in line is not in the stream. */
static void skip_urgent(struct stream_end *e)
{
	const struct stream_end *peer = peer_of(e);

	if (!e->oob_inline && e->received == peer->urgent_at &&
	    e->received < peer->sent + peer->sending)
		e->received++;
}

static void verify(struct world *w, struct stream_end *e, const uint8_t *buf, size_t len)
{
	uint8_t want[4096];

	skip_urgent(e);
	for (size_t at = 0; at < len;) {
		const size_t n = len - at < sizeof(want) ? len - at : sizeof(want);

		fill(key_of(e->s, !e->side), e->received, want, n);
		if (memcmp(want, buf + at, n) != 0) {
			world_fail(w, "stream %u: %s read wrong bytes behind %llu", e->s->number,
				   e->host->name, (unsigned long long)e->received);
			return;
		}
		e->received += n;
		at += n;
	}
	if (e->received > peer_of(e)->sent + peer_of(e)->sending)
		world_fail(w, "stream %u: %s read more than was written", e->s->number,
			   e->host->name);
}

/* --- poll() and the calls --- */

/* A wakeup and a look later the socket said @mask; now a call returned @n. */
static void check_ready(struct world *w, const struct stream_end *e, uint32_t mask, ssize_t n,
			bool write)
{
	const uint32_t ready = write ? POLLOUT | POLLERR : POLLIN | POLLRDHUP | POLLHUP | POLLERR;
	const bool again = n == -EAGAIN;

	if (w->memory)
		return;
	if ((mask & ready) && again)
		world_fail(w, "stream %u: %s: poll() said %#x, %s says EAGAIN", e->s->number,
			   e->host->name, mask, write ? "send()" : "recv()");
	/* half a buffer of room does not make POLLOUT, fewer bytes than wanted no POLLIN */
	if (write ? n < 0 && !again && !(mask & (POLLOUT | POLLERR | POLLHUP))
		  : !(mask & ready) && !again && !e->lowat)
		world_fail(w, "stream %u: %s: poll() said %#x, %s says %zd", e->s->number,
			   e->host->name, mask, write ? "send()" : "recv()", n);
}

static uint32_t look(const struct stream_end *e)
{
	return host_poll(e->host, e->fd, POLLIN | POLLOUT | POLLPRI | POLLRDHUP);
}

/* --- writing --- */

/* Memory that is lent to the stack. */
struct wrap {
	struct stream_end *e;
	uint8_t *bytes;
	size_t len;
	uint64_t at;
};

/* Nobody wrote to it while the stack had it. */
static void wrap_release(void *arg)
{
	struct wrap *p = arg;
	uint8_t *want = malloc(p->len);

	assert(want);
	fill(key_of(p->e->s, p->e->side), p->at, want, p->len);
	if (memcmp(want, p->bytes, p->len) != 0)
		world_fail(p->e->s->w, "stream %u: memory that was lent has changed",
			   p->e->s->number);
	p->e->wraps--;
	free(want);
	free(p->bytes);
	free(p);
}

static struct pbuf_block *wrap_bytes(struct stream_end *e, size_t len)
{
	struct wrap *p = malloc(sizeof(*p));
	struct pbuf_block *b;

	assert(p);
	*p = (struct wrap){ .e = e, .bytes = malloc(len), .len = len, .at = e->sent };
	assert(p->bytes);
	fill(key_of(e->s, e->side), e->sent, p->bytes, len);
	e->wraps++;
	b = pbuf_block_wrap(netstack_pool(e->host->st), p->bytes, (uint32_t)len, wrap_release, p);
	if (!b)
		wrap_release(p);
	return b;
}

/* Return: as send(); NULL memory falls back to a copy */
static ssize_t send_block(struct stream_end *e, size_t len, bool *ret_done)
{
	struct netstack *st = e->host->st;
	struct pbuf_block *b;
	ssize_t n;

	if (e->copy == COPY_WRAP) {
		b = wrap_bytes(e, len);
	} else {
		b = pbuf_block_alloc(netstack_pool(st), (uint32_t)len);
		if (b)
			fill(key_of(e->s, e->side), e->sent, b->data, len);
	}
	*ret_done = b != NULL;
	if (!b)
		return 0;
	n = ns_send_block(st, e->fd, b, 0, (uint32_t)len);
	pbuf_block_unref(b);
	return n;
}

static ssize_t send_bytes(struct stream_end *e, size_t len)
{
	uint8_t buf[CHUNK_MAX];
	const size_t first = len / 3;
	const struct iovec iov[2] = { { buf, first }, { buf + first, len - first } };
	bool done;
	ssize_t n;

	if (e->sent != e->urgent_at && (e->copy == COPY_BLOCK || e->copy == COPY_WRAP)) {
		n = send_block(e, len, &done);
		if (done)
			return n;
	}
	fill(key_of(e->s, e->side), e->sent, buf, len);
	if (e->sent == e->urgent_at)
		return ns_send(e->host->st, e->fd, buf, 1, MSG_OOB | MSG_NOSIGNAL);
	if (e->copy == COPY_VECTOR)
		return ns_writev(e->host->st, e->fd, iov, 2);
	return ns_send(e->host->st, e->fd, buf, len, MSG_NOSIGNAL);
}

static void abort_now(struct world *w, struct stream_end *e)
{
	const struct linger linger = { .l_onoff = 1, .l_linger = 0 };

	if (!e->abort_plain)
		(void)ns_setsockopt(e->host->st, e->fd, SOL_SOCKET, SO_LINGER, &linger,
				    sizeof(linger)); /* it is there */
	e->linger_s = 0;
	e->aborted = true;
	end_finish(w, e, 0);
}

static void write_end(struct world *w, struct stream_end *e)
{
	const int r = ns_shutdown(e->host->st, e->fd, SHUT_WR);

	e->wr_done = true;
	e->progress_ns = w->now_ns;
	if (r < 0)
		end_finish(w, e, -r);
}

/* How much to write now: up to the byte that is urgent, then that one. */
static size_t next_len(struct stream_end *e)
{
	uint64_t len = rng_between(&e->rng, 1, e->chunk);
	uint64_t left = e->to_send - e->sent;

	if (e->sent == e->urgent_at)
		return 1;
	if (e->sent < e->urgent_at && left > e->urgent_at - e->sent)
		left = e->urgent_at - e->sent;
	return len < left ? len : left;
}

ssize_t end_write_once(struct world *w, struct stream_end *e)
{
	const uint64_t began = w->n_steps;
	uint32_t mask;
	ssize_t n;

	if (e->wr_done || e->wr_paused || e->state != END_OPEN)
		return 1;
	if (e->sent >= e->abort_at) {
		abort_now(w, e);
		return 1;
	}
	if (e->sent == e->to_send) {
		write_end(w, e);
		return 1;
	}
	mask = look(e);
	e->sending = next_len(e);
	n = send_bytes(e, e->sending);
	e->sending = 0;
	if (w->n_steps == began)
		check_ready(w, e, mask, n, true);
	if (n == -EAGAIN || n == -EINTR)
		return n;
	if (n < 0) {
		end_finish(w, e, (int)-n);
		return n;
	}
	e->sent += (uint64_t)n;
	e->progress_ns = w->now_ns;
	return n;
}

/* --- reading --- */

static ssize_t recv_bytes(struct world *w, struct stream_end *e, size_t len)
{
	uint8_t buf[CHUNK_MAX];
	const struct iovec iov[2] = { { buf, len / 3 }, { buf + len / 3, len - len / 3 } };
	ssize_t n;

	if (e->copy == COPY_VECTOR)
		n = ns_readv(e->host->st, e->fd, iov, 2);
	else
		n = ns_recv(e->host->st, e->fd, buf, len, 0);
	if (n > 0)
		verify(w, e, buf, (size_t)n);
	return n;
}

static ssize_t view_bytes(struct world *w, struct stream_end *e)
{
	struct pbuf_frag piece[4];
	ssize_t n;
	int r = ns_view(e->host->st, e->fd, piece, 4);

	n = r < 0 ? r : 0;
	for (int i = 0; i < r; i++) {
		verify(w, e, pbuf_frag_data(&piece[i]), piece[i].len);
		n += piece[i].len;
	}
	if (n > 0) {
		r = ns_consume(e->host->st, e->fd, (uint32_t)n);
		if (r < 0)
			world_fail(w, "stream %u: what is there cannot be consumed: %s",
				   e->s->number, strerror(-r));
	}
	return n;
}

/* The urgent byte, once poll() speaks of it. */
static void read_urgent(struct world *w, struct stream_end *e, uint32_t mask)
{
	const struct stream_end *peer = peer_of(e);
	uint8_t byte, want;
	ssize_t n;

	if (e->oob_inline || e->oob_read || !(mask & POLLPRI))
		return;
	n = ns_recv(e->host->st, e->fd, &byte, 1, MSG_OOB | MSG_DONTWAIT);
	if (n == -ENOTCONN && mask & POLLHUP) /* a reset was faster */
		return;
	fill(key_of(e->s, !e->side), peer->urgent_at, &want, 1);
	e->oob_read = true;
	if (peer->urgent_at == UINT64_MAX || n != 1 || byte != want)
		world_fail(w, "stream %u: %s: poll() said POLLPRI, recv(MSG_OOB) says %zd",
			   e->s->number, e->host->name, n);
}

ssize_t end_read_once(struct world *w, struct stream_end *e)
{
	const uint64_t began = w->n_steps;
	uint32_t mask;
	ssize_t n;

	if (e->rd_done || e->rd_paused || e->state != END_OPEN)
		return 1;
	mask = look(e);
	read_urgent(w, e, mask);
	if (e->copy == COPY_BLOCK && (e->oob_inline || peer_of(e)->urgent_at == UINT64_MAX))
		n = view_bytes(w, e);
	else
		n = recv_bytes(w, e, rng_between(&e->rng, 1, e->rd_chunk));
	if (w->n_steps == began)
		check_ready(w, e, mask, n, false);
	if (n == -EAGAIN || n == -EINTR)
		return n;
	if (n < 0) {
		end_finish(w, e, (int)-n);
		return n;
	}
	e->progress_ns = w->now_ns;
	if (n == 0) {
		skip_urgent(e);
		e->rd_done = true;
	}
	return n;
}

/* --- both, until they would have to wait --- */

static void wake_writer(struct world *w, void *arg)
{
	struct stream_end *e = arg;

	e->wr_paused = false;
	e->progress_ns = w->now_ns;
	end_pump(w, e);
}

static void wake_reader(struct world *w, void *arg)
{
	struct stream_end *e = arg;

	e->rd_paused = false;
	e->progress_ns = w->now_ns;
	end_pump(w, e);
}

static bool pause_now(struct world *w, struct stream_end *e, void (*wake)(struct world *, void *))
{
	if (e->state != END_OPEN || !rng_chance(&e->rng, e->pause_ppm))
		return false;
	world_at(w, w->now_ns + 1 + rng_below(&e->rng, e->pause_ns), wake, NULL, e);
	return true;
}

void end_write(struct world *w, struct stream_end *e)
{
	while (!e->wr_done && !e->wr_paused && e->state == END_OPEN) {
		if (end_write_once(w, e) < 0)
			return;
		e->wr_paused = pause_now(w, e, wake_writer);
	}
}

void end_read(struct world *w, struct stream_end *e)
{
	while (!e->rd_done && !e->rd_paused && e->state == END_OPEN) {
		if (end_read_once(w, e) < 0)
			return;
		e->rd_paused = pause_now(w, e, wake_reader);
	}
}
