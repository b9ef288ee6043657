/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * portecho - a service and its client, for tests of port mappings
 *
 *	portecho serve PROTO PORT NAME		prints "ready", answers for ever
 *	portecho ask PROTO ADDRESS PORT [SPORT]	prints the answer
 *
 * The answer is "NAME ADDRESS": who answers, and whom it saw asking.  PROTO is tcp,
 * udp or sctp.  SCTP is the first two messages of an association over a raw
 * socket, because most kernels lack SCTP sockets but can all translate it.
 *
 * Exit status of ask: 0; 1 when there was no answer within a second.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#define ANSWER_LEN  256
#define PACKET_LEN  1024
#define ASK_TIMEOUT 1 /* seconds */

/* RFC 9260 */
#define SCTP_HDR_LEN      12
#define SCTP_INIT_LEN     20
#define SCTP_INIT         1
#define SCTP_INIT_ACK     2
#define SCTP_PARAM_COOKIE 7
#define SCTP_PARAM_LEN    4
#define CRC32C_POLYNOMIAL 0x82f63b78u

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static int must(int r, const char *what)
{
	if (r < 0)
		die(what);
	return r;
}

/* --- addresses --- */

union address {
	struct sockaddr sa;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
};

static union address address_of(const char *text, uint16_t port, socklen_t *ret_len)
{
	union address a = { .v4 = { .sin_family = AF_INET, .sin_port = htons(port) } };

	*ret_len = sizeof(a.v4);
	if (inet_pton(AF_INET, text, &a.v4.sin_addr) == 1)
		return a;
	memset(&a, 0, sizeof(a));
	a.v6.sin6_family = AF_INET6;
	a.v6.sin6_port = htons(port);
	*ret_len = sizeof(a.v6);
	if (inet_pton(AF_INET6, text, &a.v6.sin6_addr) != 1) {
		fprintf(stderr, "portecho: bad address '%s'\n", text);
		exit(2);
	}
	return a;
}

/* The answer for a client; a mapped address is shown as IPv4. */
static size_t answer(char ret[static ANSWER_LEN], const char *name, const union address *peer)
{
	char text[INET6_ADDRSTRLEN] = "?";

	if (peer->sa.sa_family == AF_INET)
		inet_ntop(AF_INET, &peer->v4.sin_addr, text, sizeof(text));
	else if (IN6_IS_ADDR_V4MAPPED(&peer->v6.sin6_addr))
		inet_ntop(AF_INET, peer->v6.sin6_addr.s6_addr + 12, text, sizeof(text));
	else
		inet_ntop(AF_INET6, &peer->v6.sin6_addr, text, sizeof(text));
	return (size_t)snprintf(ret, ANSWER_LEN, "%s %s", name, text);
}

/* --- SCTP by hand --- */

static uint16_t get16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

static void put16(uint8_t *p, uint16_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static void put_crc32c(uint8_t *packet, size_t len)
{
	uint32_t crc = ~0u;

	memset(packet + 8, 0, 4);
	for (size_t i = 0; i < len; i++) {
		crc ^= packet[i];
		for (int bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (crc & 1 ? CRC32C_POLYNOMIAL : 0);
	}
	crc = ~crc;
	memcpy(packet + 8, &crc, 4); /* least significant byte first, as this machine has it */
}

/* INIT, or INIT ACK with @text as its cookie. Return: length */
static size_t sctp_packet(uint8_t *p, uint16_t sport, uint16_t dport, uint32_t tag, int type,
			  const char *text, size_t text_len)
{
	size_t param_len = text ? SCTP_PARAM_LEN + text_len : 0;
	size_t chunk_len = SCTP_INIT_LEN + param_len;
	size_t len = SCTP_HDR_LEN + (chunk_len + 3) / 4 * 4;
	uint8_t *chunk = p + SCTP_HDR_LEN;

	memset(p, 0, len);
	put16(p, sport);
	put16(p + 2, dport);
	memcpy(p + 4, &tag, 4);
	chunk[0] = (uint8_t)type;
	put16(chunk + 2, (uint16_t)chunk_len);
	chunk[7] = 1;   /* initiate tag */
	chunk[10] = 64; /* receive window 16 KiB */
	chunk[13] = 1;  /* streams out */
	chunk[15] = 1;  /* streams in */
	chunk[19] = 1;  /* first sequence number */
	if (text) {
		put16(chunk + SCTP_INIT_LEN, SCTP_PARAM_COOKIE);
		put16(chunk + SCTP_INIT_LEN + 2, (uint16_t)param_len);
		memcpy(chunk + SCTP_INIT_LEN + SCTP_PARAM_LEN, text, text_len);
	}
	put_crc32c(p, len);
	return len;
}

/* Receive a packet of a type to a port. Return: its SCTP header in @buf, NULL for none. */
static uint8_t *sctp_receive(int fd, bool v6, uint8_t buf[static PACKET_LEN], int type,
			     uint16_t dport, union address *peer, size_t *ret_len)
{
	for (;;) {
		socklen_t peer_len = sizeof(*peer);
		ssize_t n = recvfrom(fd, buf, PACKET_LEN, 0, &peer->sa, &peer_len);
		size_t skip = v6 || n <= 0 ? 0 : (size_t)(buf[0] & 0xf) * 4;

		if (n < 0)
			return NULL;
		if ((size_t)n < skip + SCTP_HDR_LEN + SCTP_INIT_LEN)
			continue;
		if (buf[skip + SCTP_HDR_LEN] == type && get16(buf + skip + 2) == dport) {
			*ret_len = (size_t)n - skip;
			return buf + skip;
		}
	}
}

/* Answer one INIT, if it is one and for us. */
static void answer_sctp(int fd, bool v6, uint16_t port, const char *name)
{
	uint8_t in[PACKET_LEN];
	uint8_t out[PACKET_LEN];
	char text[ANSWER_LEN];
	union address peer;
	size_t len;
	uint8_t *p = sctp_receive(fd, v6, in, SCTP_INIT, port, &peer, &len);
	uint32_t tag;

	if (!p)
		return;
	memcpy(&tag, p + SCTP_HDR_LEN + 4, 4);
	len = sctp_packet(out, port, get16(p), tag, SCTP_INIT_ACK, text, answer(text, name, &peer));
	if (v6)
		peer.v6.sin6_port = 0;
	must((int)sendto(fd, out, len, 0, &peer.sa, v6 ? sizeof(peer.v6) : sizeof(peer.v4)),
	     "sendto");
}

static void serve_sctp(const struct pollfd fds[static 2], uint16_t port, const char *name)
{
	struct pollfd wait[2] = { fds[0], fds[1] };

	for (;;) {
		must(poll(wait, 2, -1), "poll");
		for (int i = 0; i < 2; i++)
			if (wait[i].revents)
				answer_sctp(wait[i].fd, i == 1, port, name);
	}
}

static int ask_sctp(union address *to, socklen_t to_len, uint16_t sport)
{
	const struct timeval timeout = { .tv_sec = ASK_TIMEOUT };
	bool v6 = to->sa.sa_family == AF_INET6;
	uint16_t port = ntohs(to->v4.sin_port);
	int fd = must(socket(to->sa.sa_family, SOCK_RAW, IPPROTO_SCTP), "socket");
	uint8_t buf[PACKET_LEN];
	union address peer;
	size_t len;
	uint8_t *p;

	must(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout)), "setsockopt");
	if (v6)
		to->v6.sin6_port = 0;
	if (sport == 0)
		sport = 40000;
	len = sctp_packet(buf, sport, port, 0, SCTP_INIT, NULL, 0);
	must((int)sendto(fd, buf, len, 0, &to->sa, to_len), "sendto");
	p = sctp_receive(fd, v6, buf, SCTP_INIT_ACK, sport, &peer, &len);
	if (!p || len < SCTP_HDR_LEN + SCTP_INIT_LEN + SCTP_PARAM_LEN)
		return 1;
	p += SCTP_HDR_LEN + SCTP_INIT_LEN;
	printf("%.*s\n", get16(p + 2) - SCTP_PARAM_LEN, (const char *)p + SCTP_PARAM_LEN);
	return 0;
}

/* --- TCP and UDP --- */

static int open_server(int type, uint16_t port)
{
	const union address any = { .v6 = { .sin6_family = AF_INET6, .sin6_port = htons(port) } };
	int fd = must(socket(AF_INET6, type, 0), "socket");
	int off = 0;
	int on = 1;

	must(setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off)), "setsockopt");
	must(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)), "setsockopt");
	must(bind(fd, &any.sa, sizeof(any.v6)), "bind");
	if (type == SOCK_STREAM)
		must(listen(fd, 16), "listen");
	return fd;
}

static void serve_tcp(int fd, const char *name)
{
	for (;;) {
		char text[ANSWER_LEN];
		union address peer;
		socklen_t peer_len = sizeof(peer);
		int conn = must(accept(fd, &peer.sa, &peer_len), "accept");

		/* A client that has gone is no reason to stop. */
		(void)send(conn, text, answer(text, name, &peer), MSG_NOSIGNAL);
		close(conn);
	}
}

static void serve_udp(int fd, const char *name)
{
	for (;;) {
		char text[ANSWER_LEN];
		union address peer;
		socklen_t peer_len = sizeof(peer);

		must((int)recvfrom(fd, text, sizeof(text), 0, &peer.sa, &peer_len), "recvfrom");
		(void)sendto(fd, text, answer(text, name, &peer), 0, &peer.sa, peer_len);
	}
}

static int ask_socket(int type, const union address *to, socklen_t to_len, uint16_t sport)
{
	const struct timeval timeout = { .tv_sec = ASK_TIMEOUT };
	int fd = must(socket(to->sa.sa_family, type, 0), "socket");
	char text[ANSWER_LEN];
	ssize_t n;

	must(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout)), "setsockopt");
	must(setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof(timeout)), "setsockopt");
	if (sport) {
		socklen_t len;
		const union address from =
			address_of(to->sa.sa_family == AF_INET ? "0.0.0.0" : "::", sport, &len);

		must(bind(fd, &from.sa, len), "bind");
	}
	if (connect(fd, &to->sa, to_len) < 0 || (type == SOCK_DGRAM && send(fd, "?", 1, 0) < 0))
		return 1;
	n = recv(fd, text, sizeof(text), 0);
	if (n <= 0)
		return 1;
	printf("%.*s\n", (int)n, text);
	return 0;
}

/* --- the program --- */

static int serve(const char *proto, uint16_t port, const char *name)
{
	struct pollfd raw[2] = { { .events = POLLIN }, { .events = POLLIN } };
	int fd = -1;

	if (strcmp(proto, "sctp") == 0)
		for (int i = 0; i < 2; i++)
			raw[i].fd = must(socket(i ? AF_INET6 : AF_INET, SOCK_RAW | SOCK_NONBLOCK,
						IPPROTO_SCTP),
					 "socket");
	else
		fd = open_server(strcmp(proto, "tcp") == 0 ? SOCK_STREAM : SOCK_DGRAM, port);
	puts("ready");
	fflush(stdout);
	if (fd < 0)
		serve_sctp(raw, port, name);
	else if (strcmp(proto, "tcp") == 0)
		serve_tcp(fd, name);
	else
		serve_udp(fd, name);
	return 1;
}

int main(int argc, char **argv)
{
	union address to;
	socklen_t to_len;
	uint16_t sport;

	if (argc == 5 && strcmp(argv[1], "serve") == 0)
		return serve(argv[2], (uint16_t)strtoul(argv[3], NULL, 10), argv[4]);
	if ((argc != 5 && argc != 6) || strcmp(argv[1], "ask") != 0) {
		fputs("usage: portecho serve PROTO PORT NAME | ask PROTO ADDRESS PORT [SPORT]\n",
		      stderr);
		return 2;
	}
	to = address_of(argv[3], (uint16_t)strtoul(argv[4], NULL, 10), &to_len);
	sport = argc == 6 ? (uint16_t)strtoul(argv[5], NULL, 10) : 0;
	if (strcmp(argv[2], "sctp") == 0)
		return ask_sctp(&to, to_len, sport);
	return ask_socket(strcmp(argv[2], "tcp") == 0 ? SOCK_STREAM : SOCK_DGRAM, &to, to_len,
			  sport);
}
