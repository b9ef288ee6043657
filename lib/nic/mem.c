/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * nic_mem_pair(): a ring for each direction, with one who writes and one who reads.
 *
 *	 reclaimed        head             tail
 *	     |  copied     |  under way     |  free
 *
 * The sender puts packets of its own pool at tail.  The receiver copies them into packets of
 * its pool and moves head.  What lies before head the sender frees: a pool is touched by its
 * own thread alone.
 *
 * A receiver that sleeps says so (armed) and then looks at tail once more; a sender moves tail and
 * then looks whether it sleeps.  All four are sequentially consistent, so one of the two sees
 * the other, and an eventfd is written at most once for each sleep.
 *
 * A sender that goes takes back what is under way: it revokes the ring, and waits for a receiver
 * that is copying at this moment.
 */
#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "nic/wrappers.h"

#define RING_LEN 1024U /* a power of two; as the transmit queue of a veth or a tap */
#define LINE     64

/* Headroom of packets that are copied: what a router pushes before them. */
#define RX_ROOM  64

#define MTU_MIN  68U /* RFC 791, 3.2 */
#define MTU_MAX  65535U

#define FEATURES (NIC_TX_CSUM | NIC_TSO4 | NIC_TSO6 | NIC_USO)

/**
 * struct ring - One direction
 * @tail:	Packets that were put, of the sender
 * @reclaimed:	Packets the sender has back
 * @head:	Packets that were taken, of the receiver
 * @busy:	The receiver looks at packets
 * @armed:	It sleeps, or is about to
 * @revoked:	The sender is gone
 * @wake:	Eventfd the receiver sleeps on
 */
struct ring {
	_Alignas(LINE) _Atomic uint32_t tail;
	uint32_t reclaimed;
	_Alignas(LINE) _Atomic uint32_t head;
	_Atomic bool busy;
	_Alignas(LINE) _Atomic bool armed;
	_Atomic bool revoked;
	int wake;
	_Alignas(LINE) struct pbuf *slot[RING_LEN];
};

/**
 * struct wire - Both directions
 * @refs:	Ends that are open; the last one frees it
 * @one_pool:	Packets need not be copied
 */
struct wire {
	struct ring ring[2];
	atomic_uint refs;
	bool one_pool;
};

/**
 * struct mem_nic - An end
 * @out, @in:	Its rings
 * @watch:	Of @in->wake, from the first time that it armed
 */
struct mem_nic {
	struct nic nic;
	struct wire *wire;
	struct ring *out;
	struct ring *in;
	bool watching;
	struct loop_watch watch;
};

static struct mem_nic *of_nic(struct nic *nic)
{
	return (struct mem_nic *)(void *)nic;
}

static struct pbuf **slot_of(struct ring *r, uint32_t i)
{
	return &r->slot[i % RING_LEN];
}

/* --- the sender's side --- */

/* Free what lies before @end; the receiver has it or has seen it. */
static void reclaim_to(struct ring *r, uint32_t end)
{
	while (r->reclaimed != end) {
		pbuf_free(*slot_of(r, r->reclaimed)); /* NULL: it went over itself */
		*slot_of(r, r->reclaimed) = NULL;
		r->reclaimed++;
	}
}

static void reclaim(struct ring *r)
{
	reclaim_to(r, atomic_load_explicit(&r->head, memory_order_acquire));
}

static void wake(struct ring *r)
{
	const uint64_t one = 1;
	ssize_t n = write(r->wake, &one, sizeof(one));

	(void)n; /* of a counter that is full already, who reads it wakes up as well */
}

static void wake_if_armed(struct ring *r)
{
	if (atomic_load(&r->armed) && atomic_exchange(&r->armed, false))
		wake(r);
}

/* Its mark is part of what a device says about a frame. */
static bool l4_counts(const struct pbuf *pb)
{
	return (pb->csum == PBUF_CSUM_PARTIAL || pb->gso != PBUF_GSO_NONE) &&
	       pb->l4 != PBUF_NO_OFFSET;
}

/* What is known about a packet of the instance that sent it means nothing to another one. */
static void forget_meta(struct pbuf *pb)
{
	pb->dest = PBUF_TO_US;
	pb->l2 = PBUF_NO_OFFSET;
	pb->l3 = PBUF_NO_OFFSET;
	if (!l4_counts(pb))
		pb->l4 = PBUF_NO_OFFSET;
	pb->frag_max = 0;
	pb->hops = 0;
	pb->ifindex = 0;
	pb->hash = 0;
	pb->mark = 0;
	pb->owner_bytes = 0;
	pb->time_ns = 0;
}

static unsigned int mem_tx(struct nic *nic, struct pbuf *const *burst, unsigned int n)
{
	struct mem_nic *m = of_nic(nic);
	struct ring *r = m->out;
	const uint32_t tail = atomic_load_explicit(&r->tail, memory_order_relaxed);
	unsigned int i = 0;

	if (nic->error)
		return 0;
	reclaim(r);
	for (; i < n && tail + i - r->reclaimed < RING_LEN; i++) {
		*slot_of(r, tail + i) = burst[i];
		nic->counters.tx_packets++;
		nic->counters.tx_bytes += burst[i]->len;
	}
	nic->counters.tx_busy += n - i;
	if (i) {
		nic->counters.tx_calls++;
		atomic_store(&r->tail, tail + i);
		wake_if_armed(r);
	}
	return i;
}

/* The receiver looks at no packet of ours any more. */
static void take_back(struct ring *r)
{
	atomic_store(&r->revoked, true);
	while (atomic_load(&r->busy))
		(void)sched_yield(); /* until it has copied a burst */
	reclaim_to(r, atomic_load(&r->tail));
	wake(r);
}

/* --- the receiver's side --- */

static struct pbuf *copy_of(const struct pbuf *pb, struct pbuf_pool *pool)
{
	struct pbuf *copy = NULL;

	if (pb->len <= PBUF_BLOCK_MAX - RX_ROOM)
		copy = pbuf_alloc_rx(pool, RX_ROOM, pb->len);
	if (!copy)
		return NULL;
	pbuf_copy_out(pb, 0, copy->data, pb->len);
	copy->len = pb->len;
	copy->linear = pb->len;
	copy->csum = pb->csum;
	copy->csum_offset = pb->csum_offset;
	copy->gso = pb->gso;
	copy->gso_size = pb->gso_size;
	copy->gso_ecn = pb->gso_ecn;
	if (l4_counts(pb))
		copy->l4 = (uint16_t)(RX_ROOM + (uint32_t)(pbuf_l4(pb) - pb->data));
	return copy;
}

/* The packet of a slot, of our pool; NULL without memory. */
static struct pbuf *take_one(struct mem_nic *m, struct pbuf **slot)
{
	struct pbuf *pb = *slot;

	if (!m->wire->one_pool)
		return copy_of(pb, m->nic.pool);
	*slot = NULL; /* our thread's, too */
	forget_meta(pb);
	return pb;
}

static unsigned int take(struct mem_nic *m, struct pbuf **burst, unsigned int n)
{
	struct nic_stats *c = &m->nic.counters;
	struct ring *r = m->in;
	uint32_t head = atomic_load_explicit(&r->head, memory_order_relaxed);
	const uint32_t tail = atomic_load_explicit(&r->tail, memory_order_acquire);
	unsigned int got = 0;

	for (; got < n && head != tail; head++) {
		struct pbuf *pb = take_one(m, slot_of(r, head));

		if (!pb) {
			c->rx_no_memory++;
			continue;
		}
		c->rx_packets++;
		c->rx_bytes += pb->len;
		burst[got++] = pb;
	}
	atomic_store_explicit(&r->head, head, memory_order_release);
	return got;
}

static unsigned int mem_rx(struct nic *nic, struct pbuf **burst, unsigned int n)
{
	struct mem_nic *m = of_nic(nic);
	struct ring *r = m->in;
	unsigned int got = 0;

	if (nic->error)
		return 0;
	reclaim(m->out);
	nic->counters.rx_calls++;
	atomic_store(&r->busy, true);
	if (!atomic_load(&r->revoked))
		got = take(m, burst, n);
	else
		nic->error = -ENODEV;
	atomic_store(&r->busy, false);
	return got;
}

static bool has_something(struct ring *r)
{
	return atomic_load(&r->tail) != atomic_load_explicit(&r->head, memory_order_relaxed) ||
	       atomic_load(&r->revoked);
}

/* Who makes the pair is not the thread of both loops. */
static int watch(struct mem_nic *m)
{
	int r = 0;

	if (!m->watching)
		r = loop_watch_add(m->nic.loop, &m->watch);
	m->watching = r == 0;
	return r;
}

static bool mem_arm(struct nic *nic)
{
	struct mem_nic *m = of_nic(nic);

	reclaim(m->out);
	if (nic->error)
		return false;
	nic->error = watch(m);
	if (nic->error)
		return true; /* who receives once more is told */
	atomic_store(&m->in->armed, true);
	if (!has_something(m->in))
		return false;
	atomic_store(&m->in->armed, false);
	return true;
}

static void mem_disarm(struct nic *nic)
{
	atomic_store(&of_nic(nic)->in->armed, false);
}

static void on_wake(struct loop_watch *w, uint32_t events)
{
	struct mem_nic *m = w->arg;
	uint64_t times;
	ssize_t n = read(w->fd, &times, sizeof(times));

	(void)events;
	(void)n; /* somebody wrote, or we would not be here */
	if (m->nic.ready)
		m->nic.ready(m->nic.ready_arg);
}

/* --- life --- */

static void wire_free(struct wire *w)
{
	for (unsigned int i = 0; i < 2; i++)
		if (w->ring[i].wake >= 0)
			(void)close(w->ring[i].wake); /* an eventfd keeps nothing */
	free(w);
}
DEFINE_CLEANUP(struct wire *, wire_free);

static void mem_close(struct nic *nic)
{
	struct mem_nic *m = of_nic(nic);

	if (m->watching)
		loop_watch_del(nic->loop, &m->watch);
	take_back(m->out);
	if (atomic_fetch_sub(&m->wire->refs, 1) == 1)
		wire_free(m->wire);
	free(m);
}

static const struct nic_ops mem_ops = {
	.name = "mem",
	.rx = mem_rx,
	.tx = mem_tx,
	.arm = mem_arm,
	.disarm = mem_disarm,
	.close = mem_close,
};

static int wire_new(struct wire **ret, struct nerr *err)
{
	CLEANUP(wire_freep) struct wire *w = aligned_alloc(LINE, sizeof(*w));

	if (!w)
		return nerr_oom(err);
	memset(w, 0, sizeof(*w));
	w->ring[0].wake = -1;
	w->ring[1].wake = -1;
	for (unsigned int i = 0; i < 2; i++) {
		w->ring[i].wake = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
		if (w->ring[i].wake < 0)
			return nerr_set(err, -errno, "cannot make an eventfd for a mem nic: %m");
	}
	*ret = TAKE_PTR(w);
	return 0;
}

static struct mem_nic *end_new(struct wire *w, unsigned int side, const struct nic_env *env,
			       uint32_t features, uint32_t mtu)
{
	struct mem_nic *m = calloc(1, sizeof(*m));

	if (!m)
		return NULL;
	m->nic = (struct nic){
		.ops = &mem_ops,
		.info = {
			.name = { 'm', 'e', 'm', side ? '1' : '0' },
			.kind = NIC_ETHERNET,
			.mac = { { 0x02, 'm', 'e', 'm', 0, (uint8_t)(side + 1) } },
			.mtu = mtu,
			.features = features,
			.gso_max = MTU_MAX,
			.netns = -1,
			.queue = env->queue,
			.n_queues = env->n_queues,
		},
		.loop = env->loop,
		.pool = env->pool,
	};
	m->wire = w;
	m->out = &w->ring[side];
	m->in = &w->ring[!side];
	m->watch = (struct loop_watch){
		.fd = m->in->wake,
		.events = POLLIN,
		.ready = on_wake,
		.arg = m,
	};
	return m;
}

int nic_mem_pair(struct nic **ret_a, const struct nic_env *a, struct nic **ret_b,
		 const struct nic_env *b, uint32_t features, uint32_t mtu, struct nerr *err)
{
	CLEANUP(wire_freep) struct wire *w = NULL;
	cleanup_free struct mem_nic *end_a = NULL, *end_b = NULL;
	int r;

	if (features & ~(uint32_t)FEATURES)
		return nerr_set(err, -EINVAL, "a mem nic has no feature 0x%x",
				features & ~(uint32_t)FEATURES);
	if (mtu < MTU_MIN || mtu > MTU_MAX)
		return nerr_set(err, -EINVAL, "mtu %u of a mem nic is out of range (%u to %u)", mtu,
				MTU_MIN, MTU_MAX);
	r = wire_new(&w, err);
	if (r < 0)
		return r;
	end_a = end_new(w, 0, a, features, mtu);
	end_b = end_new(w, 1, b, features, mtu);
	if (!end_a || !end_b)
		return nerr_oom(err);
	w->one_pool = a->pool == b->pool;
	atomic_store(&w->refs, 2);
	w = NULL; /* of both ends now */
	*ret_a = &TAKE_PTR(end_a)->nic;
	*ret_b = &TAKE_PTR(end_b)->nic;
	return 0;
}
