/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * datagrams.c - UDP as implementations of QUIC use it: many in a call, segments, control data
 *
 *	datagrams serve PORT		send back what comes, from the address it was sent to
 *	datagrams send ADDR PORT BYTES	so many of a pattern there and back: "BYTES same"
 *	datagrams rtt ADDR PORT COUNT	one at a time: microseconds of each
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#ifndef UDP_SEGMENT
#	define UDP_SEGMENT 103
#	define UDP_GRO     104
#endif

#define BATCH   16
#define SEGMENT 1200
#define WAIT_MS 200
#define TRIES   50

union control {
	char room[256];
	struct cmsghdr align;
};

static void fail(const char *what)
{
	perror(what);
	exit(1);
}

static void on(int fd, int level, int name)
{
	const int yes = 1;

	if (setsockopt(fd, level, name, &yes, sizeof(yes)) < 0)
		fail("setsockopt");
}

/* What says where a datagram went to says where the answer comes from; the rest is not for it. */
static size_t turn_control(struct msghdr *m, union control *out)
{
	struct msghdr o = { .msg_control = out, .msg_controllen = sizeof(*out) };
	struct cmsghdr *to = CMSG_FIRSTHDR(&o);
	size_t len = 0;

	memset(out, 0, sizeof(*out));
	for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR(m, c)) {
		size_t n = c->cmsg_len - CMSG_LEN(0);
		uint16_t size;
		int gro;

		if (c->cmsg_level == IPPROTO_UDP && c->cmsg_type == UDP_GRO) {
			memcpy(&gro, CMSG_DATA(c), sizeof(gro));
			size = (uint16_t)gro;
			n = sizeof(size);
			to->cmsg_type = UDP_SEGMENT;
			memcpy(CMSG_DATA(to), &size, n);
		} else if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_PKTINFO) {
			to->cmsg_type = c->cmsg_type;
			memcpy(CMSG_DATA(to), CMSG_DATA(c), n);
		} else {
			continue;
		}
		to->cmsg_level = c->cmsg_level;
		to->cmsg_len = CMSG_LEN(n);
		len += CMSG_SPACE(n);
		to = (struct cmsghdr *)(void *)(out->room + len);
	}
	return len;
}

static void answer(int fd)
{
	static char data[BATCH][65536];
	struct sockaddr_in6 from[BATCH];
	union control in[BATCH], out[BATCH];
	struct iovec iov[BATCH];
	struct mmsghdr m[BATCH];
	int n, sent = 0;

	memset(m, 0, sizeof(m));
	for (int i = 0; i < BATCH; i++) {
		iov[i] = (struct iovec){ data[i], sizeof(data[i]) };
		m[i].msg_hdr = (struct msghdr){ .msg_name = &from[i],
						.msg_namelen = sizeof(from[i]),
						.msg_iov = &iov[i],
						.msg_iovlen = 1,
						.msg_control = &in[i],
						.msg_controllen = sizeof(in[i]) };
	}
	n = recvmmsg(fd, m, BATCH, MSG_DONTWAIT, NULL);
	if (n < 0 && errno != EAGAIN && errno != ECONNREFUSED)
		fail("recvmmsg");
	for (int i = 0; i < n; i++) {
		iov[i].iov_len = m[i].msg_len;
		m[i].msg_hdr.msg_controllen = turn_control(&m[i].msg_hdr, &out[i]);
		m[i].msg_hdr.msg_control = &out[i];
	}
	while (sent < n) {
		const int r = sendmmsg(fd, m + sent, (unsigned int)(n - sent), 0);

		if (r < 0)
			fail("sendmmsg");
		sent += r;
	}
}

static void serve(uint16_t port)
{
	const struct sockaddr_in6 any = { .sin6_family = AF_INET6, .sin6_port = htons(port) };
	const int fd = socket(AF_INET6, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	const int ep = epoll_create1(EPOLL_CLOEXEC);
	struct epoll_event ev = { .events = EPOLLIN | EPOLLET };

	if (fd < 0 || ep < 0 || bind(fd, (const struct sockaddr *)&any, sizeof(any)) < 0)
		fail("bind");
	on(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO);
	on(fd, IPPROTO_IPV6, IPV6_RECVTCLASS);
	on(fd, IPPROTO_IP, IP_RECVTOS);
	on(fd, IPPROTO_UDP, UDP_GRO);
	if (epoll_ctl(ep, EPOLL_CTL_ADD, fd, &ev) < 0)
		fail("epoll_ctl");
	(void)puts("ready");
	(void)fflush(stdout); /* seen by who waits, or not */
	for (;;) {
		struct pollfd p = { .fd = fd, .events = POLLIN };

		if (epoll_wait(ep, &ev, 1, -1) < 0)
			fail("epoll_wait");
		do
			answer(fd);
		while (poll(&p, 1, 0) == 1);
	}
}

/* --- client --- */

static int dial(const char *addr, const char *port)
{
	struct sockaddr_in6 to = { .sin6_family = AF_INET6,
				   .sin6_port = htons((uint16_t)strtoul(port, NULL, 10)) };
	char mapped[64];
	const int fd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	(void)snprintf(mapped, sizeof(mapped), "%s%s", strchr(addr, ':') ? "" : "::ffff:", addr);
	if (inet_pton(AF_INET6, mapped, &to.sin6_addr) != 1 || fd < 0 ||
	    connect(fd, (struct sockaddr *)&to, sizeof(to)) < 0)
		fail(addr);
	return fd;
}

/* The number of a segment, and bytes that only it has. */
static void fill(char *buf, uint64_t number)
{
	memcpy(buf, &number, sizeof(number));
	for (size_t i = sizeof(number); i < SEGMENT; i++)
		buf[i] = (char)(number * 131 + i * 7);
}

static void send_batch(int fd, char (*data)[SEGMENT], uint32_t missing)
{
	const uint16_t size = SEGMENT;
	union control control = { 0 };
	struct iovec iov = { data, (size_t)BATCH * SEGMENT };
	struct msghdr m = { .msg_iov = &iov,
			    .msg_iovlen = 1,
			    .msg_control = &control,
			    .msg_controllen = CMSG_SPACE(sizeof(size)) };
	struct cmsghdr *c = CMSG_FIRSTHDR(&m);

	c->cmsg_level = IPPROTO_UDP;
	c->cmsg_type = UDP_SEGMENT;
	c->cmsg_len = CMSG_LEN(sizeof(size));
	memcpy(CMSG_DATA(c), &size, sizeof(size));
	if (missing == (1U << BATCH) - 1) {
		if (sendmsg(fd, &m, 0) != (ssize_t)iov.iov_len)
			fail("sendmsg");
		return;
	}
	for (int i = 0; i < BATCH; i++)
		if (missing & 1U << i && send(fd, data[i], SEGMENT, 0) != SEGMENT)
			fail("send");
}

/* What is back, as bits. */
static uint32_t take(int fd, char (*want)[SEGMENT], uint64_t first)
{
	char data[BATCH][SEGMENT + 1];
	struct iovec iov[BATCH];
	struct mmsghdr m[BATCH];
	struct pollfd p = { .fd = fd, .events = POLLIN };
	uint32_t bits = 0;
	int n;

	if (poll(&p, 1, WAIT_MS) != 1)
		return 0;
	memset(m, 0, sizeof(m));
	for (int i = 0; i < BATCH; i++) {
		iov[i] = (struct iovec){ data[i], sizeof(data[i]) };
		m[i].msg_hdr = (struct msghdr){ .msg_iov = &iov[i], .msg_iovlen = 1 };
	}
	n = recvmmsg(fd, m, BATCH, MSG_WAITFORONE, NULL);
	for (int i = 0; i < n; i++) {
		uint64_t number;

		memcpy(&number, data[i], sizeof(number));
		if (m[i].msg_len != SEGMENT || number < first || number >= first + BATCH)
			continue; /* of a batch before, sent twice */
		if (memcmp(data[i], want[number - first], SEGMENT) != 0) {
			(void)fputs("other bytes\n", stderr);
			exit(1);
		}
		bits |= 1U << (number - first);
	}
	return bits;
}

static int transfer(const char *addr, const char *port, uint64_t bytes)
{
	static char data[BATCH][SEGMENT];
	const int fd = dial(addr, port);

	for (uint64_t first = 0; first * SEGMENT < bytes; first += BATCH) {
		uint32_t missing = (1U << BATCH) - 1;

		for (int i = 0; i < BATCH; i++)
			fill(data[i], first + (uint64_t)i);
		for (int tries = 0; missing; tries++) {
			uint32_t got;

			if (tries == TRIES) {
				(void)fputs("nothing comes back\n", stderr);
				return 1;
			}
			send_batch(fd, data, missing);
			while (missing && (got = take(fd, data, first)))
				missing &= ~got;
		}
	}
	(void)printf("%llu same\n", (unsigned long long)bytes);
	return 0;
}

static int rtt(const char *addr, const char *port, unsigned long count)
{
	const int fd = dial(addr, port);
	struct timespec a, b;
	char c[64] = "";

	(void)clock_gettime(CLOCK_MONOTONIC, &a); /* there is one */
	for (unsigned long i = 0; i < count; i++)
		if (send(fd, c, sizeof(c), 0) != sizeof(c) || recv(fd, c, sizeof(c), 0) < 0)
			fail("rtt");
	(void)clock_gettime(CLOCK_MONOTONIC, &b); /* there is one */
	(void)printf("%.2f\n",
		     ((double)(b.tv_sec - a.tv_sec) * 1e6 + (double)(b.tv_nsec - a.tv_nsec) / 1e3) /
			     (double)count);
	return 0;
}

int main(int argc, char *argv[])
{
	if (argc == 3 && strcmp(argv[1], "serve") == 0)
		serve((uint16_t)strtoul(argv[2], NULL, 10));
	if (argc == 5 && strcmp(argv[1], "send") == 0)
		return transfer(argv[2], argv[3], strtoull(argv[4], NULL, 10));
	if (argc == 5 && strcmp(argv[1], "rtt") == 0)
		return rtt(argv[2], argv[3], strtoul(argv[4], NULL, 10));
	(void)fputs("usage: datagrams serve PORT | send ADDR PORT BYTES | rtt ADDR PORT COUNT\n",
		    stderr);
	return 2;
}
