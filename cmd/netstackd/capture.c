/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * A capture: packets of the device, both ways, into the client's descriptor, until there are as
 * many as were asked for, the time is over, or the client goes.
 */
#include <errno.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/json_table.h"
#include "daemon.h"
#include "host/host.h"
#include "nic/record.h"
#include "requests.h"
#include "server.h"

#define SECONDS_MAX 86400

/* For a reader to take the rest. */
#define DRAIN_NS (UINT64_C(2000) * MS_NS)

/**
 * struct capture - One
 * @q:		Who asked
 * @record:	What is recorded
 * @is_stopping: No more packets; the rest is being written
 */
struct capture {
	struct request *q;
	struct record *record;
	bool is_stopping;
};

struct wish {
	int64_t snaplen;
	int64_t packets;
	int64_t seconds;
};

static const struct json_field wish_table[] = {
	{ .name = "snaplen",
	  .kind = JSON_INT,
	  .offset = offsetof(struct wish, snaplen),
	  .max = 262144 },
	{ .name = "packets",
	  .kind = JSON_INT,
	  .offset = offsetof(struct wish, packets),
	  .max = INT64_MAX },
	{ .name = "seconds",
	  .kind = JSON_INT,
	  .offset = offsetof(struct wish, seconds),
	  .max = SECONDS_MAX },
	{ 0 },
};

/* We are within the nic or the loop: the rest is done when the turn is over. */
static void on_over(void *arg)
{
	struct capture *c = arg;

	c->q->deadline_ns = 0;
}

static void answer(struct request *q)
{
	struct capture *c = q->state;
	struct nic_capture_stats stats;
	struct nerr err = NERR_INIT;

	record_stats(c->record, &stats);
	record_free(c->record);
	free(c);
	q->state = NULL;
	if (stats.error) {
		(void)nerr_set(&err, stats.error, "cannot write the capture: %m");
		request_fail(q, &err);
		return;
	}
	json_out_int(&q->out, "packets", (int64_t)stats.packets);
	json_out_int(&q->out, "bytes", (int64_t)stats.bytes);
	json_out_int(&q->out, "dropped", (int64_t)stats.dropped);
	request_answer(q);
}

static void on_due(struct request *q)
{
	struct capture *c = q->state;

	if (!c->is_stopping) {
		c->is_stopping = true;
		q->deadline_ns = loop_clock() + DRAIN_NS;
		if (record_stop(c->record) == -EAGAIN)
			return;
	}
	answer(q);
}

static void on_gone(struct request *q)
{
	struct capture *c = q->state;

	record_free(c->record);
	free(c);
}

int request_capture(struct request *q, struct nerr *err)
{
	static const struct request_ops ops = { .due = on_due, .gone = on_gone };
	struct wish wish = { 0 };
	struct record_conf conf = { .over = on_over };
	cleanup_free struct capture *c = NULL;
	int r = json_read(q->doc, NULL, "", wish_table, &wish, err);

	if (r < 0)
		return r;
	c = calloc(1, sizeof(*c));
	if (!c)
		return nerr_oom(err);
	c->q = q;
	conf.arg = c;
	conf.fd = TAKE_FD(q->fd);
	conf.snaplen = (uint32_t)wish.snaplen;
	conf.packets = (uint64_t)wish.packets;
	r = record_new(&c->record, host_nic(q->d->host), &conf, err);
	if (r < 0)
		return r;
	if (wish.seconds)
		q->deadline_ns = loop_clock() + (uint64_t)wish.seconds * 1000 * MS_NS;
	q->ops = &ops;
	q->state = TAKE_PTR(c);
	return REQUEST_LATER;
}
