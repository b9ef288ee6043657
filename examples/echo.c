/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * echo.c - TCP and UDP echo server (RFC 862)
 *
 *	echo --nic macvtap:mv0 [--port 7]
 *
 * A TCP connection has no state here at all: what was received stays in the receive buffer
 * until the send buffer takes it, as the same blocks of memory.  A peer that does
 * not read gets a closed window.
 */
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "examples/lib/common.h"
#include "nic/pbuf.h"

#define EVENTS       64
#define DATAGRAM_MAX 65536
#define CONTROL_MAX  128

struct echo {
	struct host *host;
	struct netstack *st;
	int epfd;
	int listener;
	int udp;
	uint64_t conns;
	uint64_t datagrams;
};

/* 0: wait for more; -EAGAIN: until there is room to send; 1 at the end; another error. */
static int echo_bytes(struct netstack *st, int fd)
{
	for (;;) {
		struct pbuf_frag piece;
		ssize_t sent;
		int r = ns_view(st, fd, &piece, 1);

		if (r <= 0)
			return r == -EAGAIN ? 0 : r < 0 ? r : 1;
		sent = ns_send_block(st, fd, piece.block, piece.off, piece.len);
		if (sent < 0)
			return (int)sent;
		r = ns_consume(st, fd, (uint32_t)sent);
		if (r < 0)
			return r;
	}
}

static void on_stream(struct echo *e, int fd, uint32_t events)
{
	const int r = echo_bytes(e->st, fd);
	struct epoll_event ev = { .events = r == 0 ? EPOLLIN : EPOLLOUT, .data.u64 = (uint64_t)fd };

	if (r != 0 && r != -EAGAIN)
		(void)ns_close(e->st, fd); /* what is queued is still sent */
	else if (!(events & ev.events))
		(void)ns_epoll_ctl(e->st, e->epfd, EPOLL_CTL_MOD, fd, &ev); /* it is in there */
}

static void on_listener(struct echo *e)
{
	for (;;) {
		const int fd = ns_accept4(e->st, e->listener, NULL, NULL, SOCK_NONBLOCK);
		struct epoll_event ev = { .events = EPOLLIN, .data.u64 = (uint64_t)fd };

		if (fd == -ECONNABORTED)
			continue;
		if (fd < 0)
			return; /* none is left, or no descriptor: later */
		e->conns++;
		if (ns_epoll_ctl(e->st, e->epfd, EPOLL_CTL_ADD, fd, &ev) < 0)
			(void)ns_close(e->st, fd);
	}
}

/* The answer comes from the address that was asked: its control message goes back as it is. */
static void on_udp(struct echo *e)
{
	static uint8_t data[DATAGRAM_MAX];

	for (;;) {
		_Alignas(struct cmsghdr) char control[CONTROL_MAX];
		struct sockaddr_storage peer;
		struct iovec iov = { .iov_base = data, .iov_len = sizeof(data) };
		struct msghdr msg = {
			.msg_name = &peer,
			.msg_namelen = sizeof(peer),
			.msg_iov = &iov,
			.msg_iovlen = 1,
			.msg_control = control,
			.msg_controllen = sizeof(control),
		};
		const ssize_t n = ns_recvmsg(e->st, e->udp, &msg, 0);

		if (n == -EAGAIN)
			return;
		if (n < 0)
			continue; /* of an earlier answer that did not arrive */
		e->datagrams++;
		iov.iov_len = (size_t)n;
		msg.msg_flags = 0;
		(void)ns_sendmsg(e->st, e->udp, &msg, 0); /* UDP promises nothing */
	}
}

static int serve(struct echo *e)
{
	struct epoll_event ev[EVENTS];
	int n;

	while ((n = common_events(e->host, e->epfd, ev, EVENTS, LOOP_FOREVER)) > 0)
		for (int i = 0; i < n; i++) {
			const int fd = (int)ev[i].data.u64;

			if (fd == e->listener)
				on_listener(e);
			else if (fd == e->udp)
				on_udp(e);
			else
				on_stream(e, fd, ev[i].events);
		}
	if (n < 0)
		return common_fail("cannot go on: %s", strerror(-n));
	(void)printf("%llu connections, %llu datagrams\n", (unsigned long long)e->conns,
		     (unsigned long long)e->datagrams);
	return 0;
}

int main(int argc, char **argv)
{
	uint32_t port = 7;
	const struct common_option options[] = {
		{ "port", "N", "of TCP and of UDP (7)", NULL, &port, NULL },
		{ 0 },
	};
	const struct common_program program = { "", options, 0, 0 };
	const int on = 1;
	struct echo e;
	char **args;
	int status;
	struct host *h = common_start(&program, argc, argv, &args, &status);

	if (!h)
		return status;
	e = (struct echo){ .host = h, .st = host_stack(h), .listener = -1, .udp = -1 };
	e.epfd = ns_epoll_create(e.st);
	if (e.epfd >= 0)
		e.listener = common_serve(h, e.epfd, SOCK_STREAM, (uint16_t)port);
	if (e.listener >= 0)
		e.udp = common_serve(h, e.epfd, SOCK_DGRAM, (uint16_t)port);
	if (e.udp < 0) {
		status = common_fail("cannot serve port %u: %s", port,
				     strerror(-(e.listener < 0 ? e.listener : e.udp)));
	} else {
		(void)ns_setsockopt(e.st, e.udp, IPPROTO_IPV6, IPV6_RECVPKTINFO, &on, sizeof(on));
		common_ready("echo: serving port %u", port);
		status = serve(&e);
	}
	common_end(h);
	return status;
}
