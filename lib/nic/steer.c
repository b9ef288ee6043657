/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Sending frames away and taking them in.  Sleeping is the usual bargain: the reader says that it
 * sleeps and then looks once more, the writer writes and then looks whether somebody sleeps;
 * both in one order for all, so that one of them sees the other.
 */
#include "nic/steer.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/random.h>
#include <unistd.h>

#include "base/error.h"
#include "nic/steer_priv.h"

static int check(const struct steer_conf *conf, struct nerr *err)
{
	if (conf->n_shards < 2 || conf->n_shards > STEER_SHARDS_MAX)
		return nerr_set(err, -EINVAL, "cannot steer to %u queues: 2 to %u are possible",
				conf->n_shards, STEER_SHARDS_MAX);
	if (conf->port_first > conf->port_last)
		return nerr_set(err, -EINVAL, "ephemeral ports %u to %u are none", conf->port_first,
				conf->port_last);
	return 0;
}

static void shard_init(struct steer_shard_state *st)
{
	st->fd = -1;
	pbuf_queue_init(&st->ready);
	atomic_init(&st->armed, false);
	atomic_init(&st->told, false);
	atomic_init(&st->sent, 0);
	atomic_init(&st->taken, 0);
	atomic_init(&st->lost, 0);
	for (unsigned int i = 0; i < STEER_SHARDS_MAX; i++)
		atomic_init(&st->from[i], NULL);
}

int steer_new(struct steer **ret, const struct steer_conf *conf, struct nerr *err)
{
	const size_t size =
		sizeof(struct steer) + conf->n_shards * sizeof(struct steer_shard_state);
	struct steer *s;
	int r;

	r = check(conf, err);
	if (r < 0)
		return r;
	s = aligned_alloc(STEER_LINE, (size + STEER_LINE - 1) / STEER_LINE * STEER_LINE);
	if (!s)
		return nerr_set(err, -ENOMEM, "no memory for steering to %u queues",
				conf->n_shards);
	memset(s, 0, size);
	s->conf = *conf;
	for (unsigned int i = 0; i < conf->n_shards; i++)
		shard_init(&s->shard[i]);
	if (getrandom(&s->key, sizeof(s->key), 0) != sizeof(s->key)) {
		r = nerr_set(err, -errno, "cannot get random bytes: %m");
		steer_free(s);
		return r;
	}
	for (unsigned int i = 0; i < conf->n_shards; i++) {
		s->shard[i].fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
		if (s->shard[i].fd < 0) {
			r = nerr_set(err, -errno, "cannot make a descriptor to wake queue %u: %m",
				     i);
			steer_free(s);
			return r;
		}
	}
	*ret = s;
	return 0;
}

void steer_free(struct steer *s)
{
	if (!s)
		return;
	for (unsigned int i = 0; i < s->conf.n_shards; i++) {
		steer_leave(s, i);
		if (s->shard[i].fd >= 0)
			(void)close(s->shard[i].fd); /* an eventfd has nothing to lose */
		for (unsigned int k = 0; k < STEER_SHARDS_MAX; k++)
			steer_ring_free(atomic_load(&s->shard[i].from[k]));
	}
	free(s);
}

void steer_leave(struct steer *s, unsigned int shard)
{
	steer_frag_done(&s->shard[shard].frags);
	pbuf_queue_free(&s->shard[shard].ready);
}

/* Counters have one writer, and readers anywhere. */
static void count(_Atomic uint64_t *counter, uint64_t n)
{
	atomic_store_explicit(counter, atomic_load_explicit(counter, memory_order_relaxed) + n,
			      memory_order_relaxed);
}

/* --- sending away --- */

/**
 * struct away - What a call has sent
 * @me:		Whose thread it is
 * @to:		Shards, as bits, whose rings were written to
 */
struct away {
	struct steer *s;
	unsigned int me;
	uint32_t to;
};

static struct steer_ring *ring_get(struct away *a, unsigned int to)
{
	_Atomic(struct steer_ring *) *at = &a->s->shard[to].from[a->me];
	struct steer_ring *r = atomic_load_explicit(at, memory_order_relaxed); /* our own */

	if (!r) {
		r = steer_ring_new();
		/* Whoever sees what will be published in it sees it. */
		atomic_store(at, r);
	}
	return r;
}

/* A copy; @pb is still the caller's. */
static void put(struct away *a, unsigned int to, const struct pbuf *pb, bool gather)
{
	struct steer_shard_state *mine = &a->s->shard[a->me];
	struct steer_ring *r = ring_get(a, to);

	if (!r || !steer_ring_put(r, pb, gather)) {
		count(&mine->lost, 1);
		return;
	}
	count(&mine->sent, 1);
	a->to |= UINT32_C(1) << to;
}

static void wake(struct steer_shard_state *st)
{
	const uint64_t one = 1;

	if (!atomic_load(&st->armed) || !atomic_exchange(&st->armed, false))
		return;
	/* It cannot be full: it is written to once for each time it is armed. */
	(void)!write(st->fd, &one, sizeof(one));
	atomic_store(&st->told, true);
}

static void publish(struct away *a)
{
	for (unsigned int to = 0; a->to >> to; to++) {
		if (!(a->to >> to & 1))
			continue;
		steer_ring_publish(
			atomic_load_explicit(&a->s->shard[to].from[a->me], memory_order_relaxed));
		wake(&a->s->shard[to]);
	}
}

static void put_all(struct away *a, const struct pbuf *pb)
{
	for (unsigned int to = 0; to < a->s->conf.n_shards; to++)
		if (to != a->me)
			put(a, to, pb, false);
}

/* A fragment that we gather: those that can go on do, ours to @ready. */
static void gather(struct away *a, struct pbuf *pb, const struct steer_way *way)
{
	struct steer_shard_state *mine = &a->s->shard[a->me];
	struct pbuf_queue go;
	uint32_t owner = 0;

	pbuf_queue_init(&go);
	count(&mine->lost, steer_frag_in(&mine->frags, pb, way, &go, &owner));
	while ((pb = pbuf_queue_take(&go))) {
		if (owner == a->me) {
			pbuf_queue_put(&mine->ready, pb);
			continue;
		}
		put(a, owner, pb, false);
		pbuf_free(pb);
	}
}

unsigned int steer_burst(struct steer *s, unsigned int shard, struct pbuf **burst, unsigned int n)
{
	struct away a = { .s = s, .me = shard };
	unsigned int left = 0;

	for (unsigned int i = 0; i < n; i++) {
		struct pbuf *pb = burst[i];
		struct steer_way way;

		steer_look(s, pb, &way);
		if (way.shard == STEER_ALL)
			put_all(&a, pb);
		if (way.is_fragment && way.shard == shard) {
			gather(&a, pb, &way);
		} else if (way.shard == shard || way.shard == STEER_ALL) {
			burst[left++] = pb;
		} else {
			put(&a, way.shard, pb, way.is_fragment);
			pbuf_free(pb);
		}
	}
	publish(&a);
	return left;
}

/* --- taking in --- */

/* Nobody need wake us: we are here. */
static void awake(struct steer_shard_state *st)
{
	uint64_t n;

	if (atomic_load_explicit(&st->armed, memory_order_relaxed))
		atomic_store(&st->armed, false);
	if (atomic_load(&st->told) && atomic_exchange(&st->told, false))
		(void)!read(st->fd, &n, sizeof(n)); /* only that it is empty matters */
}

/* From one ring, as many as there is room for. */
static unsigned int take_from(struct away *a, struct steer_ring *r, struct pbuf_pool *pool,
			      struct pbuf **burst, unsigned int n)
{
	struct steer_shard_state *mine = &a->s->shard[a->me];
	struct steer_way way;
	struct pbuf *pb;
	unsigned int got = 0;
	bool is_gathered;

	while (got < n) {
		const int r_take = steer_ring_take(r, pool, &pb, &is_gathered);

		if (r_take == -EAGAIN)
			break;
		if (r_take < 0) {
			count(&mine->lost, 1);
			continue;
		}
		count(&mine->taken, 1);
		if (!is_gathered) {
			burst[got++] = pb;
			continue;
		}
		steer_look(a->s, pb, &way);
		gather(a, pb, &way);
	}
	return got;
}

static unsigned int take_ready(struct steer_shard_state *mine, struct pbuf **burst, unsigned int n)
{
	unsigned int got = 0;

	while (got < n && mine->ready.n)
		burst[got++] = pbuf_queue_take(&mine->ready);
	return got;
}

unsigned int steer_take(struct steer *s, unsigned int shard, struct pbuf_pool *pool,
			struct pbuf **burst, unsigned int n)
{
	struct steer_shard_state *mine = &s->shard[shard];
	struct away a = { .s = s, .me = shard };
	unsigned int got;

	awake(mine);
	got = take_ready(mine, burst, n);
	for (unsigned int i = 0; i < s->conf.n_shards && got < n; i++) {
		/* Another one first each time: a full burst ends the round. */
		const unsigned int from = mine->turn++ % s->conf.n_shards;
		struct steer_ring *r = atomic_load(&mine->from[from]);

		if (r)
			got += take_from(&a, r, pool, burst + got, n - got);
	}
	got += take_ready(mine, burst + got, n - got);
	publish(&a);
	return got;
}

static bool has_work(struct steer_shard_state *st, unsigned int n_shards)
{
	if (st->ready.n)
		return true;
	for (unsigned int i = 0; i < n_shards; i++) {
		struct steer_ring *r = atomic_load(&st->from[i]);

		if (r && !steer_ring_is_empty(r))
			return true;
	}
	return false;
}

bool steer_arm(struct steer *s, unsigned int shard)
{
	struct steer_shard_state *st = &s->shard[shard];

	atomic_store(&st->armed, true);
	if (!has_work(st, s->conf.n_shards))
		return false;
	atomic_store(&st->armed, false);
	return true;
}

int steer_fd(const struct steer *s, unsigned int shard)
{
	return s->shard[shard].fd;
}

void steer_stats(const struct steer *s, unsigned int shard, struct steer_stats *ret)
{
	const struct steer_shard_state *st = &s->shard[shard];

	*ret = (struct steer_stats){
		.sent = atomic_load_explicit(&st->sent, memory_order_relaxed),
		.taken = atomic_load_explicit(&st->taken, memory_order_relaxed),
		.lost = atomic_load_explicit(&st->lost, memory_order_relaxed),
	};
}
