/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * httpd.c - HTTP/1.1 file server (RFC 9110, 9112)
 *
 *	httpd --nic macvtap:mv0 [--port 80] DIRECTORY
 *
 * GET and HEAD, one range, persistent connections, pipelining, "index.html" of a directory.
 *
 * A file is mapped once and its bytes are sent from there: the stack takes references to them and
 * gives them back when they were acknowledged (pbuf_block_wrap, ns_send_block).
 */
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "examples/lib/common.h"
#include "examples/lib/files.h"
#include "examples/lib/http.h"
#include "nic/pbuf.h"

#define EVENTS      64
#define REQUEST_MAX 8192
#define PIECE       (UINT64_C(1) << 30) /* a block has 32-bit lengths */

/**
 * struct conn - A connection
 * @fd:		Of it
 * @events:	That it waits for
 * @keep:	There may be another request
 * @refused:	The last one was: what else comes is thrown away, up to the end
 * @in, @in_len: What was received and not understood yet
 * @head, @head_len, @head_sent: Of the response
 * @file:	It is sent from here, NULL when there is none
 * @block:	Over the part of it from @block_at on
 * @at, @end:	What is left of it
 */
struct conn {
	int fd;
	uint32_t events;
	bool keep;
	bool refused;
	uint32_t in_len;
	uint32_t head_len;
	uint32_t head_sent;
	struct file *file;
	struct pbuf_block *block;
	uint64_t block_at;
	uint64_t at;
	uint64_t end;
	char head[512];
	char in[REQUEST_MAX + 1];
};

struct httpd {
	struct host *host;
	struct netstack *st;
	int epfd;
	int listener;
	struct files files;
	struct conn **conns; /* by descriptor */
	int n_conns;
};

/* --- responses --- */

static void conn_end_response(struct conn *c)
{
	if (c->block)
		pbuf_block_unref(c->block);
	if (c->file)
		file_unref(c->file);
	c->block = NULL;
	c->file = NULL;
	c->head_len = c->head_sent = 0;
	c->at = c->end = 0;
}

static void respond_status(struct conn *c, int status, bool is_head, const char *location)
{
	const char *text = http_status_text(status);
	const char *connection = c->keep ? "" : "Connection: close\r\n";
	char where[HTTP_PATH_LEN] = "";
	int n;

	if (location)
		(void)snprintf(where, sizeof(where), "Location: /%s/\r\n",
			       location + strspn(location, "/"));
	n = snprintf(
		c->head, sizeof(c->head),
		"HTTP/1.1 %d %s\r\n%s%sContent-Type: text/plain\r\nContent-Length: %zu\r\n\r\n%s%s",
		status, text, where, connection, strlen(text) + 1, is_head ? "" : text,
		is_head ? "" : "\n");
	if (n >= (int)sizeof(c->head))
		respond_status(c, 414, is_head, NULL);
	else
		c->head_len = (uint32_t)n;
}

/* Which part of the file; false when there is nothing at that place. */
static bool choose_range(const struct http_request *q, uint64_t size, uint64_t *first,
			 uint64_t *end)
{
	*first = 0;
	*end = size;
	if (!q->has_range)
		return true;
	if (q->first == UINT64_MAX) {
		*first = q->last < size ? size - q->last : 0;
		return q->last > 0 && size > 0;
	}
	*first = q->first;
	if (q->last < size)
		*end = q->last + 1;
	return *first < size;
}

static void respond_file(struct conn *c, struct file *f, const struct http_request *q)
{
	const char *connection = c->keep ? "" : "Connection: close\r\n";
	char range[96] = "";
	uint64_t first, end;
	int status = 200;

	if (!choose_range(q, f->size, &first, &end)) {
		file_unref(f);
		respond_status(c, 416, q->is_head, NULL);
		return;
	}
	if (q->has_range) {
		status = 206;
		(void)snprintf(range, sizeof(range), "Content-Range: bytes %llu-%llu/%llu\r\n",
			       (unsigned long long)first, (unsigned long long)end - 1,
			       (unsigned long long)f->size);
	}
	c->head_len = (uint32_t)snprintf(
		c->head, sizeof(c->head),
		"HTTP/1.1 %d %s\r\n%s%sContent-Type: %s\r\nContent-Length: %llu\r\n\r\n", status,
		http_status_text(status), range, connection, http_type_of(q->path),
		(unsigned long long)(end - first));
	c->file = f;
	c->at = first;
	c->end = q->is_head ? first : end;
}

static int status_of(int error)
{
	switch (error) {
	case -ENOENT:
	case -ENOTDIR:
	case -ENAMETOOLONG:
		return 404;
	case -EISDIR:
		return 301;
	case -EACCES:
	case -EXDEV:
	case -ELOOP:
		return 403;
	default:
		return 500;
	}
}

/* The next request in @in, when it is complete. */
static bool next_request(struct httpd *d, struct conn *c)
{
	struct http_request q;
	struct file *f;
	uint32_t len;
	char *end;
	int r;

	c->in[c->in_len] = '\0';
	end = strstr(c->in, "\r\n\r\n");
	if (!end && c->in_len < REQUEST_MAX && strlen(c->in) == c->in_len)
		return false;
	len = end ? (uint32_t)(end + 4 - c->in) : c->in_len;
	if (end)
		end[2] = '\0';
	r = end ? http_read_request(c->in, &q) : c->in_len == REQUEST_MAX ? 431 : 400;
	c->keep = r == 200 && q.keep;
	c->refused = r != 200;
	if (r != 200) {
		respond_status(c, r, false, NULL);
	} else {
		r = file_get(&d->files, q.path, host_now(d->host), &f);
		if (r == 0)
			respond_file(c, f, &q);
		else
			respond_status(c, status_of(r), q.is_head, r == -EISDIR ? q.target : NULL);
	}
	c->in_len -= len;
	memmove(c->in, c->in + len, c->in_len);
	return true;
}

/* --- connections --- */

static int wrap_piece(struct httpd *d, struct conn *c)
{
	const uint64_t left = c->file->size - c->at;

	if (c->block)
		pbuf_block_unref(c->block);
	c->block = pbuf_block_wrap(netstack_pool(d->st), c->file->data + c->at,
				   (uint32_t)(left < PIECE ? left : PIECE), file_unref, c->file);
	if (!c->block)
		return -ENOMEM;
	c->file->refs++;
	c->block_at = c->at;
	return 0;
}

/* 0 when the response is sent, -EAGAIN */
static int conn_send(struct httpd *d, struct conn *c)
{
	ssize_t r;

	while (c->head_sent < c->head_len) {
		r = ns_send(d->st, c->fd, c->head + c->head_sent, c->head_len - c->head_sent,
			    c->at < c->end ? MSG_MORE : 0);
		if (r < 0)
			return (int)r;
		c->head_sent += (uint32_t)r;
	}
	while (c->at < c->end) {
		uint64_t left = c->end - c->at;

		if (!c->block || c->at == c->block_at + c->block->size) {
			r = wrap_piece(d, c);
			if (r < 0)
				return (int)r;
		}
		if (left > c->block_at + c->block->size - c->at)
			left = c->block_at + c->block->size - c->at;
		r = ns_send_block(d->st, c->fd, c->block, (uint32_t)(c->at - c->block_at),
				  (uint32_t)left);
		if (r < 0)
			return (int)r;
		c->at += (uint64_t)r;
	}
	return 0;
}

static void conn_free(struct httpd *d, struct conn *c)
{
	conn_end_response(c);
	d->conns[c->fd] = NULL;
	(void)ns_close(d->st, c->fd); /* what is queued is still sent */
	free(c);
}

/* As far as it goes.  0: until there is more to read; -EAGAIN: until there is room to send;
 * 1: it is over.
 */
static int conn_run(struct httpd *d, struct conn *c)
{
	for (;;) {
		ssize_t r;

		if (c->head_len) {
			r = conn_send(d, c);
			if (r < 0)
				return r == -EAGAIN ? -EAGAIN : 1;
			conn_end_response(c);
			if (!c->keep && !c->refused)
				return 1;
			/* Closing now, with something unread, would reset the connection. */
			if (!c->keep)
				(void)ns_shutdown(d->st, c->fd, SHUT_WR);
		}
		if (c->refused)
			c->in_len = 0;
		else if (next_request(d, c))
			continue;
		r = ns_recv(d->st, c->fd, c->in + c->in_len, REQUEST_MAX - c->in_len, 0);
		if (r <= 0)
			return r == -EAGAIN ? 0 : 1;
		c->in_len += (uint32_t)r;
	}
}

static void on_conn(struct httpd *d, struct conn *c)
{
	const int r = conn_run(d, c);
	struct epoll_event ev = { .events = r == 0 ? EPOLLIN : EPOLLOUT,
				  .data.u64 = (uint64_t)c->fd };

	if (r > 0) {
		conn_free(d, c);
	} else if (c->events != ev.events) {
		c->events = ev.events;
		(void)ns_epoll_ctl(d->st, d->epfd, EPOLL_CTL_MOD, c->fd, &ev); /* it is in there */
	}
}

static struct conn *conn_new(struct httpd *d, int fd)
{
	struct conn **more, *c;

	if (fd >= d->n_conns) {
		const int n = fd * 2 + 64;

		more = realloc(d->conns, (size_t)n * sizeof(struct conn *));
		if (!more)
			return NULL;
		memset(more + d->n_conns, 0, (size_t)(n - d->n_conns) * sizeof(struct conn *));
		d->conns = more;
		d->n_conns = n;
	}
	c = malloc(sizeof(*c));
	if (!c)
		return NULL;
	memset(c, 0, offsetof(struct conn, head));
	c->fd = fd;
	c->events = EPOLLIN;
	d->conns[fd] = c;
	return c;
}

static void on_listener(struct httpd *d)
{
	const int on = 1;

	for (;;) {
		const int fd = ns_accept4(d->st, d->listener, NULL, NULL, SOCK_NONBLOCK);
		struct epoll_event ev = { .events = EPOLLIN, .data.u64 = (uint64_t)fd };
		struct conn *c;

		if (fd == -ECONNABORTED)
			continue;
		if (fd < 0)
			return; /* none is left, or no descriptor: later */
		(void)ns_setsockopt(d->st, fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
		(void)ns_setsockopt(d->st, fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
		c = conn_new(d, fd);
		if (!c)
			(void)ns_close(d->st, fd);
		else if (ns_epoll_ctl(d->st, d->epfd, EPOLL_CTL_ADD, fd, &ev) < 0)
			conn_free(d, c);
	}
}

static int serve(struct httpd *d)
{
	struct epoll_event ev[EVENTS];
	int n;

	while ((n = common_events(d->host, d->epfd, ev, EVENTS, LOOP_FOREVER)) > 0)
		for (int i = 0; i < n; i++) {
			const int fd = (int)ev[i].data.u64;

			if (fd == d->listener)
				on_listener(d);
			else if (d->conns[fd])
				on_conn(d, d->conns[fd]);
		}
	return n < 0 ? common_fail("cannot go on: %s", strerror(-n)) : 0;
}

int main(int argc, char **argv)
{
	uint32_t port = 80;
	const struct common_option options[] = {
		{ "port", "N", "of HTTP (80)", NULL, &port, NULL },
		{ 0 },
	};
	const struct common_program program = { "DIRECTORY", options, 1, 1 };
	struct httpd d = { .listener = -1 };
	char **args;
	int status;
	struct host *h = common_start(&program, argc, argv, &args, &status);
	int r;

	if (!h)
		return status;
	d.host = h;
	d.st = host_stack(h);
	r = files_init(&d.files, args[0]);
	if (r < 0) {
		status = common_fail("cannot open directory '%s': %s", args[0], strerror(-r));
		common_end(h);
		return status;
	}
	d.epfd = ns_epoll_create(d.st);
	d.listener = d.epfd < 0 ? d.epfd : common_serve(h, d.epfd, SOCK_STREAM, (uint16_t)port);
	if (d.listener < 0) {
		status = common_fail("cannot serve port %u: %s", port, strerror(-d.listener));
	} else {
		common_ready("httpd: serving '%s' on port %u", args[0], port);
		status = serve(&d);
	}
	for (int fd = 0; fd < d.n_conns; fd++)
		if (d.conns[fd])
			conn_free(&d, d.conns[fd]);
	free(d.conns);
	(void)host_drain(h, 200); /* peers that keep their end open are not waited for */
	common_end(h);            /* before the files: the stack may refer to them */
	files_done(&d.files);
	return status;
}
