/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * A nic over the descriptor of a tap or macvtap.
 */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "nic/loop_priv.h"
#include "nic/tap_priv.h"

void tap_queue_fail(struct tap *t, int error)
{
	t->nic.error = error;
	t->rx.is_armed = false;
	if (t->nic.ready)
		t->nic.ready(t->nic.ready_arg);
}

/* It changed.  What it was is asked for: messages may have been lost, and a macvtap
 * does not say by its descriptor that it is gone (drivers/net/tap.c).
 */
static void link_changed(struct loop_watch *w, uint32_t events)
{
	struct tap *t = container_of(w, struct tap, link_watch);
	char buf[4096];
	ssize_t n;

	(void)events; /* an overrun is as good a reason to look */
	do
		n = recv(t->dev.link_fd, buf, sizeof(buf), MSG_DONTWAIT);
	while (n >= 0 || errno == ENOBUFS || errno == EINTR);
	if (!t->nic.error && tap_dev_check(&t->dev, &t->nic.info.mtu) < 0)
		tap_queue_fail(t, -ENODEV);
}

static void tap_free(struct tap *t)
{
	if (t->link_watch.priv)
		loop_watch_del(t->nic.loop, &t->link_watch);
	tap_rx_done(t);
	tap_tx_done(t);
	if (t->dev.fd >= 0)
		loop_close(t->nic.loop, TAKE_FD(t->dev.fd));
	tap_dev_close(&t->dev);
	free(t);
}

DEFINE_CLEANUP(struct tap *, tap_free);

#define OPS(driver)                                                                                \
	{                                                                                          \
		.name = (driver), .rx = tap_rx, .tx = tap_tx, .arm = tap_rx_arm,                   \
		.disarm = tap_rx_disarm, .stats = tap_stats, .trim = tap_trim, .close = tap_close, \
	}

static void tap_close(struct nic *nic)
{
	nic->ready = NULL;
	tap_free((struct tap *)nic);
}

/* They are of the interface: its first queue has them. */
static void tap_stats(struct nic *nic)
{
	struct tap *t = (struct tap *)nic;
	uint64_t lost;

	if (nic->info.queue == 0 && tap_stats_lost(&t->dev, t->kind == TAP_OF_MACVLAN, &lost))
		nic->counters.rx_missed = lost - t->lost;
}

static void tap_trim(struct nic *nic)
{
	struct tap *t = (struct tap *)nic;

	tap_rx_trim(t);
	tap_tx_trim(t);
}

void tap_discard(void *p, size_t len)
{
	const uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
	const uintptr_t begin = ((uintptr_t)p + page - 1) / page * page;
	const uintptr_t end = ((uintptr_t)p + len) / page * page;

	/* Of memory that is locked they stay. */
	if (begin < end)
		(void)madvise((uint8_t *)p + (begin - (uintptr_t)p), end - begin, MADV_DONTNEED);
}

static int watch_link(struct tap *t, struct nerr *err)
{
	int r;

	t->link_watch = (struct loop_watch){
		.fd = t->dev.link_fd,
		.events = POLLIN,
		.ready = link_changed,
	};
	r = loop_watch_add(t->nic.loop, &t->link_watch);
	if (r < 0)
		return nerr_set(err, r, "cannot wait for changes of '%s': %m", t->dev.info.name);
	return 0;
}

int tap_queue_new(struct nic **ret, enum tap_kind kind, struct tap_dev *d,
		  const struct nic_env *env, struct nerr *err)
{
	static const struct nic_ops ops[] = {
		[TAP_OF_TUN] = OPS("tap"), [TAP_OF_MACVLAN] = OPS("macvtap")
	};
	CLEANUP(tap_freep) struct tap *t = calloc(1, sizeof(*t));
	int r;

	if (!t)
		return nerr_oom(err);
	t->nic = (struct nic){
		.ops = &ops[kind],
		.info = d->info,
		.loop = env->loop,
		.pool = env->pool,
	};
	t->kind = kind;
	t->dev = *d;
	*d = TAP_DEV_INIT;
	if (tap_rx_init(t) < 0 || tap_tx_init(t) < 0)
		return nerr_set(err, -ENOMEM, "no memory for the buffers of '%s'",
				t->dev.info.name);
	r = watch_link(t, err);
	if (r < 0)
		return r;
	(void)tap_stats_lost(&t->dev, kind == TAP_OF_MACVLAN, &t->lost); /* none, else */
	*ret = &TAKE_PTR(t)->nic;
	return 0;
}
