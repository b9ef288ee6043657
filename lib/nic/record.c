/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "nic/record.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stddef.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/error.h"
#include "nic/capture_priv.h"
#include "nic/nic.h"
#include "nic/pcapng.h"

struct recorded;

/**
 * struct record - A file
 * @next:	Of the same nic
 * @of:		The nic; NULL when nothing is recorded any more
 * @loop:	Of its thread
 * @left:	Packets that may still come
 * @is_over:	over() was called for the first time
 * @is_stopping: record_stop() was called, and @over is owed
 * @watch:	For a file that takes no more now, while @watching
 * @mark:	Before each packet of a burst that is being sent
 */
struct record {
	struct record *next;
	struct recorded *of;
	struct loop *loop;
	struct pcapng *file;
	uint64_t left;
	void (*over)(void *arg);
	void *arg;
	bool is_over;
	bool is_stopping;
	bool watching;
	struct loop_watch watch;
	struct pcapng_mark mark[NIC_BURST];
};

/**
 * struct recorded - A nic that is recorded
 * @ops:	Those it has meanwhile
 * @below:	Its own
 * @asleep:	Armed: nobody calls arm() after a packet that is sent from a timer
 */
struct recorded {
	struct nic_ops ops;
	const struct nic_ops *below;
	struct nic *nic;
	struct record *records;
	bool asleep;
};

static unsigned int record_rx(struct nic *nic, struct pbuf **burst, unsigned int n);

static struct recorded *of_nic(const struct nic *nic)
{
	const char *ops = (const char *)nic->ops;

	return (struct recorded *)(uintptr_t)(ops - offsetof(struct recorded, ops));
}

/* --- the file --- */

static void say_over(struct record *rec)
{
	if (rec->is_over && !rec->is_stopping)
		return;
	rec->is_over = true;
	rec->is_stopping = false;
	rec->over(rec->arg);
}

static void flush(struct record *rec)
{
	const int r = pcapng_flush(rec->file);
	const bool wait = r == -EAGAIN;

	if (wait && !rec->watching) {
		rec->watching = loop_watch_add(rec->loop, &rec->watch) == 0;
	} else if (!wait && rec->watching) {
		loop_watch_del(rec->loop, &rec->watch);
		rec->watching = false;
	}
	if ((r < 0 && !wait) || (r == 0 && rec->is_stopping))
		say_over(rec);
}

static void on_writable(struct loop_watch *w, uint32_t events)
{
	(void)events; /* an error shows when writing */
	flush(w->arg);
}

/* --- packets --- */

static void put(struct record *rec, const struct pbuf *pb, uint64_t now, uint32_t way)
{
	if (!rec->left)
		return;
	rec->left--;
	capture_put(rec->file, rec->of->nic, pb, now, way);
}

static void end_burst(struct recorded *t)
{
	for (struct record *rec = t->records; rec; rec = rec->next) {
		if (t->asleep || pcapng_waiting(rec->file) >= CAPTURE_FLUSH_AT)
			flush(rec);
		if (!rec->left)
			say_over(rec);
	}
}

static unsigned int record_rx(struct nic *nic, struct pbuf **burst, unsigned int n)
{
	struct recorded *t = of_nic(nic);
	const unsigned int got = t->below->rx(nic, burst, n);
	const uint64_t now = got ? capture_clock() : 0;

	t->asleep = false;
	for (struct record *rec = t->records; rec; rec = rec->next)
		for (unsigned int i = 0; i < got; i++)
			put(rec, burst[i], now, PCAPNG_IN);
	end_burst(t);
	return got;
}

/* Written down before they are the device's; what it does not take is cut off again. */
static unsigned int send_some(struct recorded *t, struct pbuf *const *burst, unsigned int n)
{
	const uint64_t now = capture_clock();
	unsigned int taken;

	for (struct record *rec = t->records; rec; rec = rec->next)
		for (unsigned int i = 0; i < n; i++) {
			pcapng_mark(rec->file, &rec->mark[i]);
			put(rec, burst[i], now, PCAPNG_OUT);
		}
	taken = t->below->tx(t->nic, burst, n);
	for (struct record *rec = t->records; rec && taken < n; rec = rec->next) {
		struct pcapng_stats before, after;

		pcapng_stats(rec->file, &before);
		pcapng_cut(rec->file, &rec->mark[taken]);
		pcapng_stats(rec->file, &after);
		rec->left += before.packets + before.dropped - after.packets - after.dropped;
	}
	end_burst(t);
	return taken;
}

static unsigned int record_tx(struct nic *nic, struct pbuf *const *burst, unsigned int n)
{
	unsigned int done = 0;

	while (done < n) {
		const unsigned int some = n - done < NIC_BURST ? n - done : NIC_BURST;
		const unsigned int taken = send_some(of_nic(nic), burst + done, some);

		done += taken;
		if (taken < some)
			break;
	}
	return done;
}

static bool record_arm(struct nic *nic)
{
	struct recorded *t = of_nic(nic);

	for (struct record *rec = t->records; rec; rec = rec->next)
		flush(rec);
	t->asleep = !t->below->arm(nic);
	return !t->asleep;
}

static void record_disarm(struct nic *nic)
{
	struct recorded *t = of_nic(nic);

	t->asleep = false;
	t->below->disarm(nic);
}

static void record_nic_stats(struct nic *nic)
{
	of_nic(nic)->below->stats(nic);
}

/* --- beginning and end --- */

/* The nic outlives its recordings: nobody closes it meanwhile. */
static int record_nic(struct recorded **ret, struct nic *nic)
{
	struct recorded *t;

	if (nic->ops->rx == record_rx) {
		*ret = of_nic(nic);
		return 0;
	}
	t = calloc(1, sizeof(*t));
	if (!t)
		return -ENOMEM;
	t->below = nic->ops;
	t->ops = (struct nic_ops){
		.name = nic->ops->name,
		.rx = record_rx,
		.tx = record_tx,
		.arm = record_arm,
		.disarm = record_disarm,
		.stats = nic->ops->stats ? record_nic_stats : NULL,
		.trim = nic->ops->trim,
		.close = nic->ops->close,
	};
	t->nic = nic;
	/* It may sleep now, and wakes by nothing that we would see. */
	t->asleep = true;
	nic->ops = &t->ops;
	*ret = t;
	return 0;
}

static void leave_nic(struct record *rec)
{
	struct recorded *t = rec->of;
	struct record **p;

	if (!t)
		return;
	rec->of = NULL;
	for (p = &t->records; *p != rec; p = &(*p)->next)
		;
	*p = rec->next;
	if (t->records)
		return;
	t->nic->ops = t->below;
	free(t);
}

static int open_file(struct record *rec, struct nic *nic, const struct record_conf *conf,
		     struct nerr *err)
{
	const int flags = fcntl(conf->fd, F_GETFL);
	const struct pcapng_conf pc = {
		.fd = conf->fd,
		.ifname = nic->info.name[0] ? nic->info.name : "eth0",
		.mac = nic->info.mac,
		.link = nic->info.kind == NIC_ETHERNET ? PCAPNG_ETHERNET : PCAPNG_RAW,
		.snaplen = conf->snaplen,
	};
	int r;

	if (flags < 0 || (flags & O_ACCMODE) == O_RDONLY ||
	    fcntl(conf->fd, F_SETFL, flags | O_NONBLOCK) < 0) {
		(void)close(conf->fd); /* nothing was written */
		return nerr_set(err, -EBADF, "the descriptor for the capture cannot be written to");
	}
	r = pcapng_open(&rec->file, &pc, err);
	if (r < 0)
		return r;
	rec->watch = (struct loop_watch){
		.fd = conf->fd,
		.events = POLLOUT,
		.ready = on_writable,
		.arg = rec,
	};
	return 0;
}

static unsigned int count(const struct nic *nic)
{
	unsigned int n = 0;

	if (nic->ops->rx == record_rx)
		for (const struct record *rec = of_nic(nic)->records; rec; rec = rec->next)
			n++;
	return n;
}

int record_new(struct record **ret, struct nic *nic, const struct record_conf *conf,
	       struct nerr *err)
{
	struct record *rec;
	int r;

	if (count(nic) >= RECORD_MAX) {
		(void)close(conf->fd); /* nothing was written */
		return nerr_set(err, -EBUSY, "%d captures of '%s' are under way", RECORD_MAX,
				nic->info.name);
	}
	rec = calloc(1, sizeof(*rec));
	if (!rec) {
		(void)close(conf->fd); /* likewise */
		return nerr_oom(err);
	}
	rec->loop = nic->loop;
	rec->left = conf->packets ? conf->packets : UINT64_MAX;
	rec->over = conf->over;
	rec->arg = conf->arg;
	r = open_file(rec, nic, conf, err);
	if (r == 0) {
		r = record_nic(&rec->of, nic);
		if (r < 0)
			(void)nerr_oom(err);
	}
	if (r < 0) {
		pcapng_close(rec->file, 0);
		free(rec);
		return r;
	}
	rec->next = rec->of->records;
	rec->of->records = rec;
	*ret = rec;
	return 0;
}

int record_stop(struct record *rec)
{
	leave_nic(rec);
	pcapng_finish(rec->file);
	if (pcapng_flush(rec->file) != -EAGAIN)
		return 0;
	rec->is_stopping = true;
	flush(rec);
	return -EAGAIN;
}

void record_free(struct record *rec)
{
	if (!rec)
		return;
	leave_nic(rec);
	if (rec->watching)
		loop_watch_del(rec->loop, &rec->watch);
	pcapng_close(rec->file, 0);
	free(rec);
}

void record_stats(const struct record *rec, struct nic_capture_stats *ret)
{
	struct pcapng_stats stats;

	pcapng_stats(rec->file, &stats);
	*ret = (struct nic_capture_stats){
		.packets = stats.packets,
		.bytes = stats.bytes,
		.dropped = stats.dropped,
		.error = stats.error,
	};
}
