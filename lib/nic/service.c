/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The turn of service.h.
 *
 * Sleeping comes before receiving: who calls service_turn() because a socket has nothing yet
 * finds, when it returns, what came in already processed.  What was queued before that, by calls
 * to sockets, goes to the nics first and leaves with the system call that sleeps; and so do
 * the acknowledgements of what came in, which the answers may carry by then.
 */
#include "nic/service.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "nic/gro.h"
#include "nic/service_priv.h"

#define NICS_MAX 16

/* Enough that acknowledgements of single frames keep up with what they let us send. */
#define BUDGET (4 * NIC_BURST)

/**
 * struct served - A nic
 * @gro:	Scratch of its own, NULL for none
 * @ready:	It has, or may have, something: it is polled instead of waited for
 * @told:	That it is gone was told
 */
struct served {
	struct service *s;
	struct nic *nic;
	struct gro *gro;
	uint32_t cookie;
	bool ready;
	bool told;
};

/**
 * struct service - Nics and whom they are served for
 * @last_rx_ns: When packets came last
 */
struct service {
	struct loop *loop;
	struct service_conf conf;
	const struct service_client *client;
	void *arg;
	struct service_stats stats;
	struct spin spin;
	uint64_t last_rx_ns;
	unsigned int n;
	struct served *nic[NICS_MAX];
};

static void *mem_alloc(void *arg, size_t size)
{
	(void)arg; /* malloc() has none */
	return malloc(size);
}

static void mem_free(void *arg, void *p, size_t size)
{
	(void)arg;  /* nor has free(), */
	(void)size; /* which knows */
	free(p);
}

static const struct pbuf_mem heap = { .alloc = mem_alloc, .free = mem_free };

/* --- life --- */

int service_new(struct service **ret, struct loop *loop, const struct service_conf *conf,
		const struct service_client *client, void *arg)
{
	struct service *s = calloc(1, sizeof(*s));

	if (!s)
		return -ENOMEM;
	s->loop = loop;
	s->conf = *conf;
	if (!s->conf.budget)
		s->conf.budget = BUDGET;
	s->client = client;
	s->arg = arg;
	spin_init(&s->spin, conf->spin_us);
	*ret = s;
	return 0;
}

void service_free(struct service *s)
{
	if (!s)
		return;
	while (s->n)
		service_del(s, s->nic[0]->nic);
	spin_done(&s->spin);
	free(s);
}

static void on_ready(void *arg)
{
	struct served *v = arg;

	v->ready = true;
}

static int add(struct service *s, struct nic *nic, uint32_t cookie, bool with_gro)
{
	struct served *v;

	if (s->n == NICS_MAX)
		return -ENOSPC;
	v = calloc(1, sizeof(*v));
	if (!v)
		return -ENOMEM;
	if (with_gro && gro_new(&v->gro, &heap) < 0) {
		free(v);
		return -ENOMEM;
	}
	v->s = s;
	v->nic = nic;
	v->cookie = cookie;
	v->ready = true; /* arms it when there is nothing */
	nic->ready = on_ready;
	nic->ready_arg = v;
	s->nic[s->n++] = v;
	return 0;
}

int service_add(struct service *s, struct nic *nic, uint32_t cookie)
{
	return add(s, nic, cookie, !s->conf.no_gro);
}

int service_add_plain(struct service *s, struct nic *nic, uint32_t cookie)
{
	return add(s, nic, cookie, false);
}

void service_del(struct service *s, struct nic *nic)
{
	for (unsigned int i = 0; i < s->n; i++) {
		struct served *v = s->nic[i];

		if (v->nic != nic)
			continue;
		nic->ops->disarm(nic);
		nic->ready = NULL;
		nic->ready_arg = NULL;
		gro_free(v->gro);
		free(v);
		s->nic[i] = s->nic[--s->n];
		return;
	}
}

/* --- a turn --- */

static void tell_gone(struct service *s, struct served *v)
{
	v->ready = false;
	if (v->told)
		return;
	v->told = true;
	s->client->gone(s->arg, v->cookie, v->nic->error);
}

/* Return: @n came */
static bool poll_burst(struct service *s, const struct served *v, unsigned int n, uint64_t now)
{
	struct pbuf *burst[NIC_BURST];
	unsigned int got = nic_rx(v->nic, burst, n);
	const bool is_whole = got == n;

	if (!got)
		return false;
	s->stats.bursts++;
	s->stats.packets += got;
	if (v->gro)
		got = gro_burst(v->gro, burst, got, v->nic->info.kind == NIC_IP);
	s->client->input(s->arg, v->cookie, burst, got, now);
	s->last_rx_ns = now;
	return is_whole;
}

static void poll_one(struct service *s, struct served *v, uint64_t now)
{
	unsigned int left = s->conf.budget;
	bool more = true;

	while (more && left) {
		const unsigned int n = left < NIC_BURST ? left : NIC_BURST;

		more = poll_burst(s, v, n, now);
		left -= n;
	}
	if (v->nic->error)
		tell_gone(s, v);
	else if (!more)
		v->ready = v->nic->ops->arm(v->nic);
}

static void poll_all(struct service *s, uint64_t now)
{
	for (unsigned int i = 0; i < s->n; i++)
		if (s->nic[i]->ready)
			poll_one(s, s->nic[i], now);
}

static bool any_ready(const struct service *s)
{
	for (unsigned int i = 0; i < s->n; i++)
		if (s->nic[i]->ready)
			return true;
	return false;
}

static uint64_t min_u64(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* Look again and again for a while.  Return: 0, and there is something to do; -EAGAIN: sleep */
static int spin(struct service *s, uint64_t deadline)
{
	const uint64_t begin = loop_clock();
	const uint64_t end = min_u64(begin + s->spin.ns, deadline);
	uint64_t now;
	int r;

	s->stats.spins++;
	do {
		r = loop_turn(s->loop, 0);
		now = loop_clock();
		/* Callbacks of the loop may have queued something. */
		if (r < 0 || any_ready(s) || s->client->deadline(s->arg) <= now) {
			spin_ended(&s->spin, true, now - begin);
			s->stats.spin_hits++;
			return r;
		}
		spin_look(&s->spin);
	} while (now < end);
	spin_ended(&s->spin, false, now - begin);
	return -EAGAIN;
}

static int wait_for_work(struct service *s, uint64_t until)
{
	const uint64_t now = loop_clock();
	uint64_t deadline;

	/* What sockets queued leaves with this system call. */
	if (s->client->deadline(s->arg) <= now && s->client->advance(s->arg, now))
		until = 0;
	deadline = any_ready(s) ? 0 : min_u64(until, s->client->deadline(s->arg));
	if (deadline <= now)
		return loop_turn(s->loop, 0);
	if (spin_pays(&s->spin, now, s->last_rx_ns)) {
		int r = spin(s, deadline);

		if (r != -EAGAIN)
			return r;
	}
	s->stats.sleeps++;
	return loop_turn(s->loop, deadline);
}

int service_turn(struct service *s, uint64_t until_ns)
{
	int r = wait_for_work(s, until_ns);
	const uint64_t now = loop_now(s->loop);

	s->stats.turns++;
	poll_all(s, now);
	return r;
}

void service_stats(const struct service *s, struct service_stats *ret)
{
	*ret = s->stats;
}
