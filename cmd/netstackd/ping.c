/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Echo requests of the instance itself, by a ping socket.
 */
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/ipaddr.h"
#include "base/json_table.h"
#include "daemon.h"
#include "host/host.h"
#include "netstack/socket.h"
#include "opts.h"
#include "requests.h"
#include "server.h"
#include "wire/bytes.h"

#define COUNT_MAX    1000
#define INTERVAL_MAX 60000
#define BYTES_MAX    65000
#define WAIT_NS      (UINT64_C(1000) * MS_NS) /* for the last answer */

#define ECHO4        8   /* RFC 792 */
#define ECHO6        128 /* RFC 4443, 4.1 */
#define ECHO_HDR     8
#define STAMP        8

/**
 * struct ping - One that is under way
 * @fd:		Socket of the stack
 * @sent, @received: Echo requests, answers
 * @type:	Of requests
 * @min_ns, @max_ns, @sum_ns: Of round trips
 * @error:	Of the last send(), 0
 */
struct ping {
	struct netstack *st;
	struct request *q;
	int fd;
	uint8_t type;
	uint32_t count;
	uint64_t interval_ns;
	uint32_t size;
	uint32_t sent;
	uint32_t received;
	uint64_t min_ns;
	uint64_t max_ns;
	uint64_t sum_ns;
	int error;
	uint8_t packet[];
};

struct ping_wish {
	const char *to;
	int64_t count;
	int64_t interval_ms;
	int64_t size;
};

static const struct json_field wish_table[] = {
	{ .name = "to",
	  .kind = JSON_STRING,
	  .offset = offsetof(struct ping_wish, to),
	  .required = true },
	{ .name = "count",
	  .kind = JSON_INT,
	  .offset = offsetof(struct ping_wish, count),
	  .min = 1,
	  .max = COUNT_MAX },
	{ .name = "interval_ms",
	  .kind = JSON_INT,
	  .offset = offsetof(struct ping_wish, interval_ms),
	  .min = 1,
	  .max = INTERVAL_MAX },
	{ .name = "size",
	  .kind = JSON_INT,
	  .offset = offsetof(struct ping_wish, size),
	  .min = STAMP,
	  .max = BYTES_MAX },
	{ 0 },
};

static void ping_free(struct ping *p)
{
	if (p->fd >= 0)
		(void)ns_close(p->st, p->fd); /* it is open */
	free(p);
}
DEFINE_CLEANUP(struct ping *, ping_free);

/* --- packets --- */

static void send_one(struct ping *p)
{
	const uint64_t now = loop_clock();
	ssize_t n;

	memset(p->packet, 0, ECHO_HDR + p->size);
	p->packet[0] = p->type;
	put_be16(p->packet + 6, (uint16_t)++p->sent);
	memcpy(p->packet + ECHO_HDR, &now, sizeof(now));
	n = ns_send(p->st, p->fd, p->packet, ECHO_HDR + p->size, 0);
	p->error = n < 0 ? (int)n : 0;
}

static void take_one(struct ping *p, size_t len)
{
	const uint64_t now = loop_clock();
	uint64_t then;

	if (len < ECHO_HDR + STAMP)
		return;
	memcpy(&then, p->packet + ECHO_HDR, sizeof(then));
	if (then > now)
		return; /* not what we have sent */
	if (now - then < p->min_ns)
		p->min_ns = now - then;
	if (now - then > p->max_ns)
		p->max_ns = now - then;
	p->sum_ns += now - then;
	p->received++;
}

static void on_news(void *arg, int fd, uint32_t events)
{
	struct ping *p = arg;
	ssize_t n;

	(void)fd;     /* ours */
	(void)events; /* recv() says it */
	/* Each error is told once (an ICMP one, say), and there may be answers behind it. */
	for (;;) {
		n = ns_recv(p->st, p->fd, p->packet, ECHO_HDR + p->size, MSG_DONTWAIT);
		if (n == -EAGAIN)
			break;
		if (n < 0)
			p->error = (int)n;
		else
			take_one(p, (size_t)n);
	}
	if (p->sent == p->count && p->received >= p->sent)
		p->q->deadline_ns = 0; /* when the turn is over */
}

/* --- the request --- */

static void answer(struct request *q)
{
	struct ping *p = q->state;
	struct json_out *o = &q->out;
	struct nerr err = NERR_INIT;

	q->state = NULL;
	if (!p->received && p->error) {
		(void)nerr_set(&err, p->error, "no answer: %m");
		ping_free(p);
		request_fail(q, &err);
		return;
	}
	json_out_int(o, "sent", p->sent);
	json_out_int(o, "received", p->received);
	if (p->received) {
		json_out_int(o, "min_ns", (int64_t)p->min_ns);
		json_out_int(o, "avg_ns", (int64_t)(p->sum_ns / p->received));
		json_out_int(o, "max_ns", (int64_t)p->max_ns);
	}
	ping_free(p);
	request_answer(q);
}

static void on_due(struct request *q)
{
	struct ping *p = q->state;

	if (p->sent == p->count) {
		answer(q);
		return;
	}
	send_one(p);
	q->deadline_ns = loop_clock() + (p->sent < p->count ? p->interval_ns : WAIT_NS);
}

static void on_gone(struct request *q)
{
	ping_free(q->state);
}

static int connect_to(struct ping *p, const struct ipaddr *to, uint32_t ifindex)
{
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6 };
	struct sockaddr_in in = { .sin_family = AF_INET };

	if (to->family == AF_INET) {
		memcpy(&in.sin_addr, to->bytes, 4);
		return ns_connect(p->st, p->fd, (const struct sockaddr *)&in, sizeof(in));
	}
	memcpy(&in6.sin6_addr, to->bytes, 16);
	if (ipaddr_is_link_local(to))
		in6.sin6_scope_id = ifindex;
	return ns_connect(p->st, p->fd, (const struct sockaddr *)&in6, sizeof(in6));
}

static int open_ping(struct ping *p, const struct request *q, const struct ping_wish *wish,
		     struct nerr *err)
{
	struct ipaddr to;
	int r;

	if (ipaddr_from_str(wish->to, &to) < 0)
		return nerr_set(err, -EINVAL, "'%s' is no address", wish->to);
	/* Answers from outside go to the kernel then, which has not asked. */
	if (q->d->opts->mode == ATTACH_HYBRID && !ipaddr_is_loopback(&to))
		return nerr_set(
			err, -ENOTSUP,
			"in mode hybrid ICMP is the kernel's: use ping(8) in the namespace");
	p->type = to.family == AF_INET ? ECHO4 : ECHO6;
	p->fd = ns_socket(p->st, to.family, SOCK_DGRAM | SOCK_NONBLOCK,
			  to.family == AF_INET ? IPPROTO_ICMP : IPPROTO_ICMPV6);
	if (p->fd < 0)
		return nerr_set(err, p->fd, "cannot make a ping socket: %m");
	r = connect_to(p, &to, host_ifindex(q->d->host));
	if (r == 0)
		r = ns_set_notify(p->st, p->fd, on_news, p);
	if (r < 0)
		return nerr_set(err, r, "cannot ping '%s': %m", wish->to);
	return 0;
}

int request_ping(struct request *q, struct nerr *err)
{
	static const struct request_ops ops = { .due = on_due, .gone = on_gone };
	struct ping_wish wish = { .count = 3, .interval_ms = 1000, .size = 56 };
	CLEANUP(ping_freep) struct ping *p = NULL;
	int r = json_read(q->doc, NULL, "", wish_table, &wish, err);

	if (r < 0)
		return r;
	p = calloc(1, sizeof(*p) + ECHO_HDR + (size_t)wish.size);
	if (!p)
		return nerr_oom(err);
	p->st = host_stack(q->d->host);
	p->q = q;
	p->fd = -1;
	p->count = (uint32_t)wish.count;
	p->interval_ns = (uint64_t)wish.interval_ms * MS_NS;
	p->size = (uint32_t)wish.size;
	p->min_ns = UINT64_MAX;
	r = open_ping(p, q, &wish, err);
	if (r < 0)
		return r;
	q->ops = &ops;
	q->state = TAKE_PTR(p);
	q->deadline_ns = 0; /* the first one, when this turn is over */
	return REQUEST_LATER;
}
