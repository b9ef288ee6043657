/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "server.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/json_table.h"
#include "base/str.h"
#include "daemon.h"
#include "host/host.h"
#include "nic/loop.h"

#define REQUEST_MAX (64U << 10)
#define CLIENTS_MAX 64

/* To send a request, and to take an answer. */
#define CLIENT_NS (UINT64_C(10000) * MS_NS)

/* After accept4() failed. */
#define AGAIN_NS (UINT64_C(100) * MS_NS)

enum client_state {
	READING,
	WORKING,
	WRITING,
};

/**
 * struct client - A connection
 * @state:	READING a request, WORKING on it, WRITING the answer
 * @watch:	Of its descriptor, while @is_watched
 * @end_ns:	Of READING and WRITING
 * @in:		What it has sent
 * @sent:	Of @q.out.buf
 */
struct client {
	struct client *next;
	struct client **prev;
	struct server *s;
	enum client_state state;
	struct loop_watch watch;
	bool is_watched;
	uint64_t end_ns;
	struct strbuf in;
	struct request q;
	size_t sent;
};

/**
 * struct server - The socket and its clients
 * @watch:	Of the listening socket, while there is room for one more (@is_open)
 * @open_ns:	Try again then, after a failure to let somebody in; else LOOP_FOREVER
 */
struct server {
	struct daemon *d;
	struct loop *loop;
	struct loop_watch watch;
	bool is_open;
	uint64_t open_ns;
	struct client *clients;
	unsigned int n;
};

static void open_door(struct server *s);
static void on_client(struct loop_watch *w, uint32_t events);

static struct client *client_of(struct request *q)
{
	return (struct client *)(void *)((char *)q - offsetof(struct client, q));
}

/* --- life of a client --- */

static void client_free(struct client *c)
{
	struct server *s = c->s;

	if (c->is_watched)
		loop_watch_del(s->loop, &c->watch);
	if (c->state == WORKING && c->q.ops)
		c->q.ops->gone(&c->q);
	*c->prev = c->next;
	if (c->next)
		c->next->prev = c->prev;
	s->n--;
	(void)close(c->watch.fd); /* all was sent, or it is gone */
	if (c->q.fd >= 0)
		(void)close(c->q.fd); /* not used */
	json_doc_free(c->q.doc);
	strbuf_done(&c->in);
	strbuf_done(&c->q.out.buf);
	free(c);
	open_door(s);
}

/* Wait for something else.  false: it cannot, and is gone. */
static bool wait_for(struct client *c, uint32_t events)
{
	if (c->watch.events == events)
		return true;
	loop_watch_del(c->s->loop, &c->watch);
	c->watch.events = events;
	c->is_watched = loop_watch_add(c->s->loop, &c->watch) == 0;
	if (c->is_watched)
		return true;
	client_free(c);
	return false;
}

/* --- answers --- */

static void send_answer(struct client *c)
{
	const struct strbuf *b = &c->q.out.buf;

	while (c->sent < b->len) {
		const ssize_t n = send(c->watch.fd, b->s + c->sent, b->len - c->sent,
				       MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n > 0) {
			c->sent += (size_t)n;
			continue;
		}
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN) {
			(void)wait_for(c, POLLOUT); /* or it is gone */
			return;
		}
		break;
	}
	client_free(c);
}

/* May free the client. */
static void begin_answer(struct client *c)
{
	struct strbuf *b = &c->q.out.buf;

	c->state = WRITING;
	c->end_ns = loop_clock() + CLIENT_NS;
	strbuf_add(b, "\n");
	if (b->failed) {
		client_free(c);
		return;
	}
	send_answer(c);
}

void request_answer(struct request *q)
{
	json_out_end(&q->out);
	begin_answer(client_of(q));
}

void request_fail(struct request *q, const struct nerr *err)
{
	struct json_out *o = &q->out;

	strbuf_done(&o->buf);
	*o = JSON_OUT_INIT(0);
	json_out_object(o, NULL);
	json_out_object(o, "error");
	json_out_int(o, "errno", err->code < 0 ? -err->code : EIO);
	json_out_string(o, "message", err->msg);
	json_out_end(o);
	request_answer(q);
}

/* --- requests --- */

static const struct json_field what_table[] = {
	{ .name = "do", .kind = JSON_STRING, .offset = 0, .required = true },
	{ 0 },
};

static const struct request_kind *find_kind(const char *name)
{
	for (const struct request_kind *k = request_kinds; k->name; k++)
		if (strcmp(k->name, name) == 0)
			return k;
	return NULL;
}

static int run_request(struct client *c, size_t len, struct nerr *err)
{
	const struct request_kind *kind;
	const char *what = NULL;
	int r = json_doc_parse(c->in.s, len, &c->q.doc, err);

	if (r == 0)
		r = json_read(c->q.doc, NULL, "", what_table, &what, err);
	if (r < 0)
		return nerr_ctx(err, "cannot read the request");
	kind = find_kind(what);
	if (!kind)
		return nerr_set(err, -ENOTSUP, "unknown request '%s'", what);
	if (kind->takes_fd && c->q.fd < 0)
		return nerr_set(err, -EINVAL, "no descriptor comes with the request '%s'", what);
	json_out_object(&c->q.out, NULL);
	return kind->run(&c->q, err);
}

/* A whole line is there.  May free the client. */
static void begin_request(struct client *c, size_t len)
{
	struct nerr err = NERR_INIT;
	int r;

	c->state = WORKING;
	/* Whether it is still there, and not what it may say besides. */
	if (!wait_for(c, POLLRDHUP))
		return;
	r = run_request(c, len, &err);
	if (r == 0)
		request_answer(&c->q);
	else if (r < 0)
		request_fail(&c->q, &err);
}

/* The first descriptor that came; others are closed. */
static void take_fds(struct client *c, struct msghdr *msg)
{
	for (struct cmsghdr *cm = CMSG_FIRSTHDR(msg); cm; cm = CMSG_NXTHDR(msg, cm)) {
		size_t n;

		if (cm->cmsg_level != SOL_SOCKET || cm->cmsg_type != SCM_RIGHTS)
			continue;
		n = (cm->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		for (size_t i = 0; i < n; i++) {
			int fd;

			memcpy(&fd, CMSG_DATA(cm) + i * sizeof(fd), sizeof(fd));
			if (c->q.fd < 0)
				c->q.fd = fd;
			else
				(void)close(fd); /* not asked for */
		}
	}
}

static ssize_t receive(struct client *c, char *part, size_t size)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control;
	struct iovec iov = { .iov_base = part, .iov_len = size };
	struct msghdr msg = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control.bytes,
		.msg_controllen = sizeof(control.bytes),
	};
	const ssize_t n = recvmsg(c->watch.fd, &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);

	if (n >= 0)
		take_fds(c, &msg);
	return n;
}

static void on_readable(struct client *c)
{
	char part[4096];
	const ssize_t n = receive(c, part, sizeof(part));
	const char *line;

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n > 0)
		strbuf_add_mem(&c->in, part, (size_t)n);
	if (n <= 0 || c->in.failed || c->in.len > REQUEST_MAX) {
		client_free(c);
		return;
	}
	line = memchr(c->in.s, '\n', c->in.len);
	if (line)
		begin_request(c, (size_t)(line - c->in.s));
}

static void on_client(struct loop_watch *w, uint32_t events)
{
	struct client *c = w->arg;

	(void)events; /* errors show when reading or writing */
	if (c->state == READING)
		on_readable(c);
	else if (c->state == WORKING)
		client_free(c); /* nobody waits for the answer */
	else
		send_answer(c);
}

/* --- the door --- */

/* Root, and who has started us. */
static bool may_ask(const struct server *s, int fd)
{
	struct ucred cred;
	socklen_t len = sizeof(cred);

	return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) == 0 &&
	       (cred.uid == 0 || cred.uid == s->d->creator);
}

static void client_new(struct server *s, int fd)
{
	struct client *c = calloc(1, sizeof(*c));

	if (!c) {
		(void)close(fd); /* nothing was said */
		return;
	}
	c->s = s;
	c->state = READING;
	c->end_ns = loop_clock() + CLIENT_NS;
	c->in = STRBUF_INIT;
	c->q = (struct request){
		.d = s->d,
		.fd = -1,
		.out = JSON_OUT_INIT(0),
		.deadline_ns = LOOP_FOREVER,
	};
	c->watch = (struct loop_watch){ .fd = fd, .events = POLLIN, .ready = on_client, .arg = c };
	if (loop_watch_add(s->loop, &c->watch) < 0) {
		(void)close(fd); /* likewise */
		free(c);
		return;
	}
	c->is_watched = true;
	c->next = s->clients;
	c->prev = &s->clients;
	if (c->next)
		c->next->prev = &c->next;
	s->clients = c;
	s->n++;
}

static void shut_door(struct server *s)
{
	if (s->is_open)
		loop_watch_del(s->loop, &s->watch);
	s->is_open = false;
}

static void on_door(struct loop_watch *w, uint32_t events)
{
	struct server *s = w->arg;
	int fd;

	(void)events; /* POLLIN */
	while (s->n < CLIENTS_MAX) {
		fd = accept4(w->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
		if (fd < 0 && errno != EAGAIN && errno != EINTR && errno != ECONNABORTED) {
			/* For want of descriptors: who waits stays at the door for a while,
			 * and the loop does not spin.
			 */
			shut_door(s);
			s->open_ns = loop_clock() + AGAIN_NS;
			return;
		}
		if (fd < 0)
			return;
		if (may_ask(s, fd))
			client_new(s, fd);
		else
			(void)close(fd); /* not for you */
	}
	if (s->n >= CLIENTS_MAX)
		shut_door(s);
}

static void open_door(struct server *s)
{
	if (s->is_open || s->n >= CLIENTS_MAX || s->watch.fd < 0)
		return;
	s->is_open = loop_watch_add(s->loop, &s->watch) == 0;
	s->open_ns = s->is_open ? LOOP_FOREVER : loop_clock() + AGAIN_NS;
}

/* --- time --- */

static uint64_t client_deadline(const struct client *c)
{
	return c->state == WORKING ? c->q.deadline_ns : c->end_ns;
}

uint64_t server_deadline(const struct server *s)
{
	uint64_t first = s->open_ns;

	for (const struct client *c = s->clients; c; c = c->next)
		if (client_deadline(c) < first)
			first = client_deadline(c);
	return first;
}

static struct client *due_client(const struct server *s, uint64_t now_ns)
{
	for (struct client *c = s->clients; c; c = c->next)
		if (client_deadline(c) <= now_ns)
			return c;
	return NULL;
}

void server_run(struct server *s, uint64_t now_ns)
{
	struct client *c;

	if (s->open_ns <= now_ns)
		open_door(s);
	/* Each ends, or has a later deadline. */
	while ((c = due_client(s, now_ns))) {
		if (c->state == WORKING)
			c->q.ops->due(&c->q);
		else
			client_free(c);
	}
}

/* --- life --- */

int server_new(struct server **ret, struct daemon *d, int fd, struct nerr *err)
{
	struct server *s = calloc(1, sizeof(*s));
	int r;

	if (!s) {
		(void)close(fd); /* nobody was let in */
		return nerr_oom(err);
	}
	s->d = d;
	s->loop = host_loop(d->host);
	s->watch = (struct loop_watch){ .fd = fd, .events = POLLIN, .ready = on_door, .arg = s };
	r = loop_watch_add(s->loop, &s->watch);
	if (r < 0) {
		(void)close(fd); /* likewise */
		free(s);
		return nerr_set(err, r, "cannot wait for requests: %m");
	}
	s->is_open = true;
	s->open_ns = LOOP_FOREVER;
	*ret = s;
	return 0;
}

void server_free(struct server *s)
{
	int fd;

	if (!s)
		return;
	shut_door(s);
	fd = s->watch.fd;
	s->watch.fd = -1;
	while (s->clients)
		client_free(s->clients);
	(void)close(fd); /* nobody is let in any more */
	free(s);
}
