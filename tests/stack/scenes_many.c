/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * scenes_many.c - many connections to an echo server; and that server
 */
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "examples/lib/common.h"
#include "tests/stack/peer.h"

#define AT_ONCE_MAX 1024
#define MESSAGE_MAX 512
#define DATAGRAM    65536

/* A connection: it sends a message, waits for it to come back, and again. */
struct conn {
	uint64_t id;
	unsigned int rounds;
	size_t sent;
	size_t received;
	bool connected;
};

struct crowd {
	const struct ask *ask;
	unsigned int at_once;
	unsigned int rounds;
	uint64_t left; /* connections still to be made */
	uint64_t made;
	uint64_t finished;
	struct pollfd fds[AT_ONCE_MAX];
	struct conn conns[AT_ONCE_MAX];
};

static size_t message_len(const struct conn *c)
{
	return 1 + (c->id * 37 + c->rounds * 101) % MESSAGE_MAX;
}

static uint64_t message_at(const struct conn *c)
{
	return c->id * 1000003 + c->rounds * UINT64_C(10007);
}

static int conn_start(struct crowd *w, unsigned int i)
{
	const struct api *api = w->ask->api;
	int fd = api->socket(w->ask->addr.ss_family, SOCK_STREAM | SOCK_NONBLOCK, 0), r;

	if (fd < 0)
		return scene_fail("no socket: %s", strerror(-fd));
	w->conns[i] = (struct conn){ .id = w->made++, .rounds = w->rounds };
	w->fds[i] = (struct pollfd){ .fd = fd, .events = POLLOUT };
	w->left--;
	r = api->connect(fd, (const struct sockaddr *)&w->ask->addr, w->ask->len);
	return r == 0 || r == -EINPROGRESS ? 0 : scene_fail("connecting: %s", strerror(-r));
}

static int conn_out(struct crowd *w, unsigned int i)
{
	struct conn *c = &w->conns[i];
	uint8_t message[MESSAGE_MAX];
	ssize_t n;

	series_fill(message, message_at(c), message_len(c));
	n = w->ask->api->send(w->fds[i].fd, message + c->sent, message_len(c) - c->sent, 0);
	if (n < 0)
		return n == -EAGAIN ? 0
				    : scene_fail("connection %llu, sending: %s",
						 (unsigned long long)c->id, strerror((int)-n));
	c->sent += (size_t)n;
	if (c->sent == message_len(c))
		w->fds[i].events = POLLIN;
	return 0;
}

static int conn_in(struct crowd *w, unsigned int i)
{
	struct conn *c = &w->conns[i];
	uint8_t answer[MESSAGE_MAX];
	const ssize_t n = w->ask->api->recv(w->fds[i].fd, answer, sizeof(answer), 0);

	if (n == -EAGAIN)
		return 0;
	if (n <= 0)
		return scene_fail("connection %llu, receiving: %s", (unsigned long long)c->id,
				  n ? strerror((int)-n) : "the end");
	if (c->received + (size_t)n > message_len(c) ||
	    !series_is(answer, message_at(c) + c->received, (size_t)n))
		return scene_fail("connection %llu: not its own message",
				  (unsigned long long)c->id);
	c->received += (size_t)n;
	if (c->received < message_len(c))
		return 0;
	c->sent = c->received = 0;
	w->fds[i].events = POLLOUT;
	if (--c->rounds)
		return 0;
	w->finished++;
	(void)w->ask->api->close(w->fds[i].fd);
	w->fds[i].fd = -1;
	return w->left ? conn_start(w, i) : 0;
}

static int crowd_run(struct crowd *w)
{
	const uint64_t total = w->left;

	for (unsigned int i = 0; i < w->at_once; i++)
		if (conn_start(w, i) != 0)
			return 1;
	while (w->finished < total) {
		if (w->ask->api->poll(w->fds, w->at_once, PATIENCE_S * 1000) <= 0)
			return scene_fail("nothing goes on, %llu of %llu connections are done",
					  (unsigned long long)w->finished,
					  (unsigned long long)total);
		for (unsigned int i = 0; i < w->at_once; i++) {
			if (w->fds[i].fd < 0 || !w->fds[i].revents)
				continue;
			if ((w->fds[i].events == POLLOUT ? conn_out : conn_in)(w, i) != 0)
				return 1;
		}
	}
	return 0;
}

/* [CONNECTIONS [ROUNDS]]: all at once, when one has found the way. */
static int many_ask(const struct ask *ask)
{
	static struct crowd first, w;

	first.ask = w.ask = ask;
	first.at_once = first.rounds = 1;
	first.left = 1;
	w.left = ask_number(ask, 0, 300);
	w.rounds = (unsigned int)ask_number(ask, 1, 10);
	w.at_once = (unsigned int)w.left;
	if (w.left > AT_ONCE_MAX)
		return scene_fail("too many");
	return crowd_run(&first) != 0 ? 1 : crowd_run(&w);
}

/* [CONNECTIONS [AT_ONCE]]: one message each. */
static int short_ask(const struct ask *ask)
{
	static struct crowd w;

	w.ask = ask;
	w.left = ask_number(ask, 0, 3000);
	w.rounds = 1;
	w.at_once = (unsigned int)ask_number(ask, 1, 8);
	return w.at_once > AT_ONCE_MAX || w.at_once > w.left ? scene_fail("too many")
							     : crowd_run(&w);
}

const struct scene scenes_many[] = {
	{ "many", many_ask, NULL },
	{ "short", short_ask, NULL },
	{ 0 },
};

/* --- the server: messages are small, so what is sent back fits into the send buffer --- */

static int serve_socket(const struct api *api, int type, uint16_t port)
{
	const struct sockaddr_in6 any = { .sin6_family = AF_INET6, .sin6_port = htons(port) };
	int fd = api->socket(AF_INET6, type | SOCK_NONBLOCK, 0), r;

	if (fd < 0)
		return fd;
	r = api->bind(fd, (const struct sockaddr *)&any, sizeof(any));
	if (r == 0 && type == SOCK_STREAM)
		r = api->listen(fd, AT_ONCE_MAX);
	return r < 0 ? r : fd;
}

static void echo_datagrams(const struct api *api, int fd)
{
	static uint8_t data[DATAGRAM];
	struct sockaddr_storage peer;

	for (;;) {
		struct iovec iov = { .iov_base = data, .iov_len = sizeof(data) };
		struct msghdr msg = { .msg_name = &peer,
				      .msg_namelen = sizeof(peer),
				      .msg_iov = &iov,
				      .msg_iovlen = 1 };
		const ssize_t n = api->recvmsg(fd, &msg, 0);

		if (n < 0)
			return;
		iov.iov_len = (size_t)n;
		(void)api->sendmsg(fd, &msg, 0); /* UDP promises nothing */
	}
}

static void echo_accept(const struct api *api, int listener, struct pollfd *fds, unsigned int *n)
{
	while (*n < AT_ONCE_MAX) {
		const int fd = api->accept(listener, NULL, NULL);

		if (fd < 0)
			return;
		fds[(*n)++] = (struct pollfd){ .fd = fd, .events = POLLIN };
	}
}

int echo_forever(const struct api *api, uint16_t port)
{
	static struct pollfd fds[AT_ONCE_MAX];
	static uint8_t data[DATAGRAM];
	unsigned int n = 2;

	fds[0] = (struct pollfd){ .fd = serve_socket(api, SOCK_STREAM, port), .events = POLLIN };
	fds[1] = (struct pollfd){ .fd = serve_socket(api, SOCK_DGRAM, port), .events = POLLIN };
	if (fds[0].fd < 0 || fds[1].fd < 0)
		return common_fail("cannot serve port %u", port);
	common_ready("peer: echo on port %u", port);
	while (api->poll(fds, n, -1) >= 0) {
		for (unsigned int i = 2; i < n; i++) {
			ssize_t len;

			if (!fds[i].revents)
				continue;
			len = api->recv(fds[i].fd, data, sizeof(data), MSG_DONTWAIT);
			if (len > 0 && send_all(api, fds[i].fd, data, (size_t)len) == 0)
				continue;
			(void)api->close(fds[i].fd);
			fds[i--] = fds[--n];
		}
		if (fds[1].revents)
			echo_datagrams(api, fds[1].fd);
		if (fds[0].revents)
			echo_accept(api, fds[0].fd, fds, &n);
	}
	return common_fail("cannot wait");
}
