/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * A nic that shows a shard what is its own: nic_steer_new().
 */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>

#include "base/error.h"
#include "nic/nic.h"
#include "nic/steer.h"

/**
 * struct steer_nic - Before the queue of a device
 * @below:	That queue
 * @watch:	Of the descriptor by which other shards wake us
 */
struct steer_nic {
	struct nic nic;
	struct nic *below;
	struct steer *steer;
	unsigned int shard;
	struct loop_watch watch;
};

static struct steer_nic *of_nic(struct nic *nic)
{
	return (struct steer_nic *)(void *)nic;
}

static void ready(struct steer_nic *sn)
{
	if (sn->nic.ready)
		sn->nic.ready(sn->nic.ready_arg);
}

static void on_below(void *arg)
{
	struct steer_nic *sn = arg;

	sn->nic.error = sn->below->error;
	ready(sn);
}

static void on_others(struct loop_watch *w, uint32_t events)
{
	(void)events; /* an eventfd has nothing but POLLIN */
	ready(w->arg);
}

static unsigned int steer_rx(struct nic *nic, struct pbuf **burst, unsigned int n)
{
	struct steer_nic *sn = of_nic(nic);
	const unsigned int taken = steer_take(sn->steer, sn->shard, nic->pool, burst, n);
	unsigned int got = 0;

	if (taken < n)
		got = nic_rx(sn->below, burst + taken, n - taken);
	nic->error = sn->below->error;
	return taken + steer_burst(sn->steer, sn->shard, burst + taken, got);
}

static unsigned int steer_tx(struct nic *nic, struct pbuf *const *burst, unsigned int n)
{
	return nic_tx(of_nic(nic)->below, burst, n);
}

static bool arm(struct nic *nic)
{
	struct steer_nic *sn = of_nic(nic);

	return steer_arm(sn->steer, sn->shard) || sn->below->ops->arm(sn->below);
}

static void disarm(struct nic *nic)
{
	struct steer_nic *sn = of_nic(nic);

	sn->below->ops->disarm(sn->below);
}

static void stats(struct nic *nic)
{
	nic_stats(of_nic(nic)->below, &nic->counters);
}

static void trim(struct nic *nic)
{
	nic_trim(of_nic(nic)->below);
}

static void steer_close(struct nic *nic)
{
	struct steer_nic *sn = of_nic(nic);

	loop_watch_del(nic->loop, &sn->watch);
	steer_leave(sn->steer, sn->shard);
	nic_close(sn->below);
	free(sn);
}

static const struct nic_ops steer_ops = {
	.name = "steer",
	.rx = steer_rx,
	.tx = steer_tx,
	.arm = arm,
	.disarm = disarm,
	.stats = stats,
	.trim = trim,
	.close = steer_close,
};

int nic_steer_new(struct nic **ret, struct nic *below, struct steer *s, unsigned int shard,
		  struct nerr *err)
{
	struct steer_nic *sn = calloc(1, sizeof(*sn));
	int r;

	if (!sn)
		return nerr_set(err, -ENOMEM, "no memory for queue %u of '%s'", shard,
				below->info.name);
	sn->nic = (struct nic){
		.ops = &steer_ops,
		.info = below->info,
		.loop = below->loop,
		.pool = below->pool,
	};
	sn->below = below;
	sn->steer = s;
	sn->shard = shard;
	sn->watch = (struct loop_watch){
		.fd = steer_fd(s, shard),
		.events = POLLIN,
		.ready = on_others,
		.arg = sn,
	};
	r = loop_watch_add(below->loop, &sn->watch);
	if (r < 0) {
		free(sn);
		return nerr_set(err, r, "cannot wait for the other queues of '%s': %m",
				below->info.name);
	}
	below->ready = on_below;
	below->ready_arg = sn;
	*ret = &sn->nic;
	return 0;
}
