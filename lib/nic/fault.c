/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * nic_fault_new(): what goes wrong, goes wrong here.
 *
 * A packet that comes from either side is lost, or goes on in one of two ways: at once, in the
 * order in which it came, or late, by a heap that is ordered by time.  Late ones that are to be
 * sent leave when the timer fires; late ones that were received are given out by rx(), and the
 * timer wakes whoever armed.
 */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "nic/gso.h"
#include "nic/wrap_priv.h"
#include "nic/wrappers.h"
#include "wire/ethernet.h"

#define QUEUE_DEFAULT 1000U
#define QUEUE_MAX     (1U << 20)
#define PPM           1000000U
#define NS_PER_US     UINT64_C(1000)
#define NS_PER_S      UINT64_C(1000000000)

/* How late a packet is that is to be overtaken. */
#define REORDER_NS_MAX (1000 * NS_PER_US)

/* Headers of a frame that is to be cut; none of them is longer. */
#define HDRS_MAX 256U

/* A late packet; @n is its number, which keeps the order of those that are equally late. */
struct late {
	uint64_t at;
	uint64_t n;
	struct pbuf *pb;
};

/**
 * struct way - One direction
 * @chance:	State of its dice
 * @count:	Packets that were late so far
 * @heap:	Late ones, the next first
 * @n_late:	So many of them
 * @now:	Those that go on at once
 */
struct way {
	uint64_t chance;
	uint64_t count;
	struct late *heap;
	uint32_t n_late;
	struct pbuf_queue now;
};

/**
 * struct fault - A bad line
 * @timer_at:	When the timer is set to, LOOP_FOREVER for not
 * @asleep:	Armed: late packets that were received have to wake somebody
 * @rx_no_memory, @tx_errors: Frames that could not be cut
 */
struct fault {
	struct wrap w;
	struct nic_fault_conf conf;
	struct nic_fault_stats stats;
	struct way rx;
	struct way tx;
	int timer;
	uint64_t timer_at;
	struct loop_watch watch;
	bool asleep;
	uint64_t rx_no_memory;
	uint64_t tx_errors;
};

static struct fault *of_nic(struct nic *nic)
{
	return (struct fault *)(void *)nic;
}

/* --- chance: splitmix64 --- */

static uint64_t roll(struct way *y)
{
	uint64_t z = y->chance += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

static uint64_t roll_below(struct way *y, uint64_t n)
{
	return roll(y) % n;
}

static bool happens(struct way *y, uint32_t ppm)
{
	return ppm && roll_below(y, PPM) < ppm;
}

/* --- the heap --- */

static bool is_before(const struct late *a, const struct late *b)
{
	return a->at < b->at || (a->at == b->at && a->n < b->n);
}

static void late_put(struct way *y, uint64_t at, struct pbuf *pb)
{
	const struct late new = { .at = at, .n = y->count++, .pb = pb };
	uint32_t i = y->n_late++;

	for (; i && is_before(&new, &y->heap[(i - 1) / 2]); i = (i - 1) / 2)
		y->heap[i] = y->heap[(i - 1) / 2];
	y->heap[i] = new;
}

static uint64_t late_next(const struct way *y)
{
	return y->n_late ? y->heap[0].at : LOOP_FOREVER;
}

/* The next one when its time has come, or NULL. */
static struct pbuf *late_take(struct way *y, uint64_t now)
{
	struct pbuf *pb;
	struct late last;
	uint32_t i = 0;

	if (late_next(y) > now)
		return NULL;
	pb = y->heap[0].pb;
	last = y->heap[--y->n_late];
	for (;;) {
		uint32_t child = 2 * i + 1;

		if (child + 1 < y->n_late && is_before(&y->heap[child + 1], &y->heap[child]))
			child++;
		if (child >= y->n_late || is_before(&last, &y->heap[child]))
			break;
		y->heap[i] = y->heap[child];
		i = child;
	}
	y->heap[i] = last;
	return pb;
}

/* --- the timer --- */

static void set_timer(struct fault *f)
{
	uint64_t at = late_next(&f->tx);
	struct itimerspec its = { .it_value = { 0 } };

	if (f->asleep && late_next(&f->rx) < at)
		at = late_next(&f->rx);
	if (at >= f->timer_at) /* fires early at worst */
		return;
	f->timer_at = at;
	its.it_value.tv_sec = (time_t)(at / NS_PER_S);
	its.it_value.tv_nsec = (long)(at % NS_PER_S);
	(void)timerfd_settime(f->timer, TFD_TIMER_ABSTIME, &its,
			      NULL); /* of a time that is valid */
}

/* --- fate --- */

/* A packet that is longer than one on a wire; 0 segments: it stays. */
static uint32_t cut(struct fault *f, struct pbuf *pb, struct pbuf_queue *ret)
{
	struct l4_repr l4;

	if (!pbuf_pullup(pb, pb->len < HDRS_MAX ? pb->len : HDRS_MAX))
		return 0;
	if (pb->l3 == PBUF_NO_OFFSET || pb->l4 == PBUF_NO_OFFSET) {
		if (wrap_l4(f->w.nic.info.kind, pb, &l4) < 0)
			return 0;
		pb->l3 = (uint16_t)(pbuf_headroom(pb) + l4.l3_at);
		pb->l4 = (uint16_t)(pbuf_headroom(pb) + l4.l4_at);
	}
	return gso_cut(pb, ret);
}

/* Where the IP packet begins in its frame, or the end when it is none. */
static uint32_t ip_at(const struct fault *f, const struct pbuf *pb)
{
	uint16_t type;

	if (f->w.nic.info.kind == NIC_IP)
		return 0;
	if (pb->linear < ETH_HDR_LEN)
		return pb->len;
	type = get_be16(pb->data + 12);
	return type == ETH_TYPE_IPV4 || type == ETH_TYPE_IPV6 ? ETH_HDR_LEN : pb->len;
}

/* On a wire the checksum is complete, and it is for the receiver to find out. */
static void corrupt(struct fault *f, struct way *y, struct pbuf *pb)
{
	const uint32_t from = ip_at(f, pb);

	if (from >= pb->len || !pbuf_unshare(pb, pb->len))
		return;
	pbuf_finish_csum(pb);
	pb->csum = PBUF_CSUM_NONE;
	pb->data[from + roll_below(y, pb->len - from)] ^= (uint8_t)(1U << roll_below(y, 8));
	f->stats.corrupted++;
}

static void go_on(struct fault *f, struct way *y, struct pbuf *pb, uint64_t now)
{
	uint64_t delay = f->conf.delay_us * NS_PER_US;

	if (f->conf.jitter_us)
		delay += roll_below(y, f->conf.jitter_us * NS_PER_US + 1);
	if (happens(y, f->conf.reorder_ppm)) {
		delay += 1 + roll_below(y, REORDER_NS_MAX);
		f->stats.reordered++;
	}
	if (!delay) {
		pbuf_queue_put(&y->now, pb);
		return;
	}
	if (y->n_late == f->conf.queue) {
		f->stats.overflowed++;
		pbuf_free(pb);
		return;
	}
	f->stats.delayed++;
	late_put(y, now + delay, pb);
}

static void meet_fate(struct fault *f, struct way *y, struct pbuf *pb, uint64_t now)
{
	struct pbuf *twin;

	if (happens(y, f->conf.loss_ppm)) {
		f->stats.lost++;
		pbuf_free(pb);
		return;
	}
	if (happens(y, f->conf.dup_ppm)) {
		twin = pbuf_clone(pb);
		if (twin) {
			f->stats.duplicated++;
			go_on(f, y, twin, now);
		}
	}
	if (happens(y, f->conf.corrupt_ppm))
		corrupt(f, y, pb);
	go_on(f, y, pb, now);
}

/* Return: false, and @pb is lost for want of memory, or because it cannot be cut */
static bool enter(struct fault *f, struct way *y, struct pbuf *pb, uint64_t now)
{
	struct pbuf_queue segments;

	if (pb->gso == PBUF_GSO_NONE) {
		meet_fate(f, y, pb, now);
		return true;
	}
	pbuf_queue_init(&segments);
	if (!cut(f, pb, &segments)) {
		pbuf_free(pb);
		return false;
	}
	while ((pb = pbuf_queue_take(&segments)))
		meet_fate(f, y, pb, now);
	return true;
}

/* --- sending --- */

/* Those whose time has come came before those that go at once. */
static struct pbuf *next_of(struct way *y, uint64_t now)
{
	struct pbuf *pb = late_take(y, now);

	return pb ? pb : pbuf_queue_take(&y->now);
}

static void send_burst(struct fault *f, struct pbuf *const *burst, unsigned int n)
{
	const unsigned int taken = n ? wrap_tx(&f->w, burst, n) : 0;

	f->stats.overflowed += n - taken;
	for (unsigned int i = taken; i < n; i++)
		pbuf_free(burst[i]);
}

static void send_due(struct fault *f, uint64_t now)
{
	struct pbuf *burst[NIC_BURST];
	struct pbuf *pb;
	unsigned int n = 0;

	while ((pb = next_of(&f->tx, now))) {
		burst[n++] = pb;
		if (n == NIC_BURST) {
			send_burst(f, burst, n);
			n = 0;
		}
	}
	send_burst(f, burst, n);
}

static unsigned int fault_tx(struct nic *nic, struct pbuf *const *burst, unsigned int n)
{
	struct fault *f = of_nic(nic);
	const uint64_t now = loop_clock();

	if (nic->error)
		return 0;
	for (unsigned int i = 0; i < n; i++) {
		nic->counters.tx_packets++;
		nic->counters.tx_bytes += burst[i]->len;
		if (!enter(f, &f->tx, burst[i], now))
			f->tx_errors++;
	}
	send_due(f, now);
	set_timer(f);
	return n;
}

/* --- receiving --- */

static void fetch(struct fault *f, uint64_t now)
{
	struct pbuf *burst[NIC_BURST];
	const unsigned int n = wrap_rx(&f->w, burst, NIC_BURST);

	for (unsigned int i = 0; i < n; i++)
		if (!enter(f, &f->rx, burst[i], now))
			f->rx_no_memory++;
}

static unsigned int take_due(struct fault *f, struct pbuf **burst, unsigned int n, uint64_t now)
{
	struct nic_stats *c = &f->w.nic.counters;
	unsigned int got = 0;

	while (got < n && (burst[got] = next_of(&f->rx, now))) {
		c->rx_packets++;
		c->rx_bytes += burst[got]->len;
		got++;
	}
	return got;
}

/* A frame that is cut may be more packets than are wanted: more come only when there are none. */
static unsigned int fault_rx(struct nic *nic, struct pbuf **burst, unsigned int n)
{
	struct fault *f = of_nic(nic);
	const uint64_t now = loop_clock();
	unsigned int got = take_due(f, burst, n, now);

	if (got < n) {
		fetch(f, now);
		got += take_due(f, burst + got, n - got, now);
	}
	return got;
}

static bool has_due(const struct fault *f)
{
	return f->rx.now.n || late_next(&f->rx) <= loop_clock();
}

static bool fault_arm(struct nic *nic)
{
	struct fault *f = of_nic(nic);

	if (has_due(f) || wrap_arm(nic))
		return true;
	f->asleep = true;
	set_timer(f);
	return false;
}

static void fault_disarm(struct nic *nic)
{
	of_nic(nic)->asleep = false;
	wrap_disarm(nic);
}

static void on_ready(void *arg)
{
	struct fault *f = arg;

	f->asleep = false;
	wrap_ready(&f->w);
}

/* Ready once: the nic below is no longer armed either. */
static void wake_up(struct fault *f)
{
	fault_disarm(&f->w.nic);
	wrap_ready(&f->w);
}

static void on_timer(struct loop_watch *w, uint32_t events)
{
	struct fault *f = w->arg;
	uint64_t times;
	ssize_t n = read(f->timer, &times, sizeof(times));

	(void)events;
	(void)n; /* it may have been set anew since it fired */
	f->timer_at = LOOP_FOREVER;
	send_due(f, loop_clock());
	if (f->asleep && has_due(f))
		wake_up(f);
	set_timer(f);
}

/* --- life --- */

static void fault_stats(struct nic *nic)
{
	struct fault *f = of_nic(nic);
	struct nic_stats c;

	/* What passed us is not what passed the nic below. */
	nic_stats(f->w.below, &c);
	c.rx_packets = nic->counters.rx_packets;
	c.rx_bytes = nic->counters.rx_bytes;
	c.rx_no_memory += f->rx_no_memory;
	c.tx_packets = nic->counters.tx_packets;
	c.tx_bytes = nic->counters.tx_bytes;
	c.tx_errors += f->tx_errors;
	nic->counters = c;
}

static void way_done(struct way *y)
{
	for (uint32_t i = 0; i < y->n_late; i++)
		pbuf_free(y->heap[i].pb);
	pbuf_queue_free(&y->now);
	free(y->heap);
}

static void fault_free(struct fault *f)
{
	way_done(&f->rx);
	way_done(&f->tx);
	if (f->timer >= 0)
		(void)close(f->timer); /* it keeps nothing */
	free(f);
}
DEFINE_CLEANUP(struct fault *, fault_free);

static void fault_close(struct nic *nic)
{
	struct fault *f = of_nic(nic);

	loop_watch_del(nic->loop, &f->watch);
	nic_close(f->w.below);
	fault_free(f);
}

static const struct nic_ops fault_ops = {
	.name = "fault",
	.rx = fault_rx,
	.tx = fault_tx,
	.arm = fault_arm,
	.disarm = fault_disarm,
	.stats = fault_stats,
	.trim = wrap_trim,
	.close = fault_close,
};

static int check_conf(const struct nic_fault_conf *c, struct nerr *err)
{
	const struct {
		const char *name;
		uint32_t ppm;
	} share[] = {
		{ "loss", c->loss_ppm },
		{ "dup", c->dup_ppm },
		{ "reorder", c->reorder_ppm },
		{ "corrupt", c->corrupt_ppm },
	};

	for (unsigned int i = 0; i < ARRAY_SIZE(share); i++)
		if (share[i].ppm > PPM)
			return nerr_set(err, -EINVAL, "%s of %uppm is more than all packets",
					share[i].name, share[i].ppm);
	if (c->queue > QUEUE_MAX)
		return nerr_set(err, -EINVAL, "queue of %u packets is out of range (1 to %u)",
				c->queue, QUEUE_MAX);
	return 0;
}

static int way_init(struct way *y, const struct nic_fault_conf *conf, uint64_t which)
{
	y->chance = conf->seed ^ which << 63;
	pbuf_queue_init(&y->now);
	y->heap = calloc(conf->queue, sizeof(*y->heap));
	return y->heap ? 0 : -ENOMEM;
}

static int fault_make(struct fault **ret, const struct nic_fault_conf *conf, struct nerr *err)
{
	CLEANUP(fault_freep) struct fault *f = calloc(1, sizeof(*f));

	if (!f)
		return nerr_oom(err);
	f->timer = -1;
	f->timer_at = LOOP_FOREVER;
	f->conf = *conf;
	if (!f->conf.queue)
		f->conf.queue = QUEUE_DEFAULT;
	pbuf_queue_init(&f->rx.now);
	pbuf_queue_init(&f->tx.now);
	if (way_init(&f->rx, &f->conf, 0) < 0 || way_init(&f->tx, &f->conf, 1) < 0)
		return nerr_oom(err);
	f->timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
	if (f->timer < 0)
		return nerr_set(err, -errno, "cannot make a timer for faults: %m");
	*ret = TAKE_PTR(f);
	return 0;
}

int nic_fault_new(struct nic **ret, struct nic *below, const struct nic_fault_conf *conf,
		  struct nerr *err)
{
	CLEANUP(fault_freep) struct fault *f = NULL;
	int r = check_conf(conf, err);

	if (r < 0)
		return r;
	r = fault_make(&f, conf, err);
	if (r < 0)
		return r;
	f->watch = (struct loop_watch){
		.fd = f->timer,
		.events = POLLIN,
		.ready = on_timer,
		.arg = f,
	};
	r = loop_watch_add(below->loop, &f->watch);
	if (r < 0)
		return nerr_set(err, r, "cannot wait for the timer of faults: %m");
	wrap_init(&f->w, &fault_ops, below, on_ready);
	*ret = &TAKE_PTR(f)->w.nic;
	return 0;
}

int nic_fault_stats(const struct nic *nic, struct nic_fault_stats *ret)
{
	if (nic->ops != &fault_ops)
		return -EINVAL;
	*ret = ((const struct fault *)(const void *)nic)->stats;
	return 0;
}
