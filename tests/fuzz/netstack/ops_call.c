/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * ops_call.c - calls of programs, with small arguments
 */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/ioctl.h>

#include "tests/fuzz/netstack/ops.h"

#define READ_MAX 16384

/* --- streams --- */

static void check_read(struct peer_conn *c, const uint8_t *buf, uint32_t len)
{
	static uint8_t want[READ_MAX]; /* one thread */

	c->read += len;
	if (!c->sure || c->urgent)
		return;
	MUST(c->read <= peer_said(c));
	peer_fill(c, false, c->read - len, want, len);
	MUST(memcmp(want, buf, len) == 0);
}

static int read_flags(uint8_t how)
{
	static const int flag[] = { 0, 0, MSG_PEEK, MSG_WAITALL, MSG_TRUNC, MSG_OOB, 0, 0 };

	return flag[how % 8];
}

void ops_read(struct ops *o)
{
	static uint8_t buf[READ_MAX]; /* one thread */
	struct peer_conn *c = ops_conn(o);
	const int flags = read_flags(ops_take(o));
	const uint32_t len = 64U * ops_take(o);
	ssize_t n;

	if (c->fd < 0)
		return;
	n = ns_recv(o->s->st, c->fd, buf, len, flags | MSG_DONTWAIT);
	MUST(n <= (ssize_t)len);
	if (n <= 0 || flags & (MSG_PEEK | MSG_OOB))
		return;
	if (flags & MSG_TRUNC)
		c->read += (uint32_t)n; /* thrown away */
	else
		check_read(c, buf, (uint32_t)n);
}

void ops_write(struct ops *o)
{
	static const int flag[] = { 0, 0, MSG_MORE, MSG_OOB };
	struct peer_conn *c = ops_conn(o);
	const int flags = flag[ops_take(o) % 4];
	const uint32_t len = 1U + 32U * ops_take(o);
	struct pollfd p = { .fd = c->fd, .events = POLLOUT };
	ssize_t n;

	if (c->fd < 0)
		return;
	(void)ns_poll(o->s->st, &p, 1, 0); /* the mask says it all */
	n = states_write(o->s, c, len, flags);
	MUST(n != 0);
	if (p.revents & POLLOUT && !o->s->rough)
		MUST(n != -EAGAIN);
}

static void nothing(void *arg)
{
	(void)arg; /* the memory is static */
}

static void send_wrapped(struct ops *o, struct peer_conn *c, uint32_t len)
{
	/* It stays as it is while the stack refers to it: what is sent later overwrites what
	 * was sent before only with the same bytes, whose offsets are those of the stream.
	 */
	static uint8_t data[PEER_CONNS][1 << 16]; /* one thread */
	uint8_t *at = data[c->i] + c->written;
	struct pbuf_block *b;
	ssize_t n;

	if (c->written + len > sizeof(data[0]))
		return;
	peer_fill(c, true, c->written, at, len);
	b = pbuf_block_wrap(netstack_pool(o->s->st), at, len, nothing, NULL);
	if (!b)
		return;
	n = ns_send_block(o->s->st, c->fd, b, 0, len);
	MUST(n <= (ssize_t)len);
	if (n > 0)
		c->written += (uint32_t)n;
	pbuf_block_unref(b);
}

static void view(struct ops *o, struct peer_conn *c, uint32_t most)
{
	struct pbuf_frag frag[4];
	const int n = ns_view(o->s->st, c->fd, frag, sizeof(frag) / sizeof(frag[0]));

	MUST(n <= 4);
	for (int i = 0; i < n && most; i++) {
		const uint32_t len = frag[i].len < most ? frag[i].len : most;
		uint8_t copy[READ_MAX];

		MUST(len > 0 && len <= sizeof(copy));
		memcpy(copy, pbuf_frag_data(&frag[i]), len);
		MUST(ns_consume(o->s->st, c->fd, len) == 0);
		check_read(c, copy, len);
		most -= len;
		/* The pieces are valid until the next call. */
		if (most)
			return;
	}
}

void ops_block(struct ops *o)
{
	struct peer_conn *c = ops_conn(o);
	const uint8_t how = ops_take(o);
	const uint32_t len = 1U + 16U * ops_take(o);

	if (c->fd < 0)
		return;
	if (how & 1)
		send_wrapped(o, c, len);
	else
		view(o, c, len);
}

/* --- options --- */

static const int levels[] = {
	SOL_SOCKET, IPPROTO_IP, IPPROTO_IPV6, IPPROTO_TCP, IPPROTO_UDP, IPPROTO_RAW, IPPROTO_ICMPV6,
};

#define N_LEVELS (sizeof(levels) / sizeof(levels[0]))

/* A number, or some of the input as it is. */
static socklen_t take_value(struct ops *o, uint8_t *ret, size_t size)
{
	const uint8_t v = ops_take(o);
	const int number = v & 0x40 ? v << 8 : v & 0x3f;
	const socklen_t len = (v & 0x3f) < size ? v & 0x3f : (socklen_t)size;

	if (!(v & 0x80)) {
		memcpy(ret, &number, sizeof(number));
		return sizeof(number);
	}
	for (socklen_t i = 0; i < len; i++)
		ret[i] = ops_take(o);
	return len;
}

/* The program does something that check_read() does not know. */
static void note_option(struct peer_conn *c, int level, int name)
{
	if (level != SOL_SOCKET)
		return;
	if (name == SO_RCVLOWAT)
		c->lowat = true;
	if (name == SO_OOBINLINE)
		c->urgent = true; /* from now on, and not what came before */
}

void ops_option(struct ops *o)
{
	static const char *const text[] = { "reno", "cubic", "eth0", "eth1", "", "no such" };
	struct scene *s = o->s;
	const uint8_t which = ops_take(o);
	const uint8_t how = ops_take(o);
	const int level = levels[how % 8 % N_LEVELS];
	const int name = ops_take(o);
	const bool is_text = (level == SOL_SOCKET && name == SO_BINDTODEVICE) ||
			     (level == IPPROTO_TCP && name == TCP_CONGESTION);
	uint8_t value[136] = { 0 }; /* struct group_req */
	socklen_t len = take_value(o, value, sizeof(value));
	int fd = s->dgram[which % s->n_dgrams];

	if (!(which & 0x80)) {
		fd = s->conn[which % s->n_conns].fd;
		note_option(&s->conn[which % s->n_conns], level, name);
	}
	/* Refused or not: any value may be asked for. */
	if (is_text)
		(void)ns_setsockopt(s->st, fd, level, name, text[value[0] % 6],
				    (socklen_t)strlen(text[value[0] % 6]));
	else
		(void)ns_setsockopt(s->st, fd, level, name, value, len);
	len = how >> 3;
	(void)ns_getsockopt(s->st, fd, level, name, value, &len); /* as above */
	MUST(len <= sizeof(value));
}

/* --- messages --- */

void ops_message(struct ops *o)
{
	struct scene *s = o->s;
	const int fd = s->dgram[ops_take(o) % s->n_dgrams];
	const uint8_t how = ops_take(o);
	_Alignas(struct cmsghdr) uint8_t control[CMSG_SPACE(40)] = { 0 };
	struct sockaddr_storage name = { .ss_family = AF_UNSPEC };
	static uint8_t data[1024]; /* one thread */
	struct iovec iov[2] = { { data, 100 }, { data + 100, 8U * how } };
	struct cmsghdr *h = (struct cmsghdr *)(void *)control;
	struct msghdr msg = { .msg_iov = iov, .msg_iovlen = 2, .msg_control = control };

	if (how & 1) {
		msg.msg_name = &name;
		msg.msg_namelen = sizeof(name);
		msg.msg_controllen = sizeof(control) - (how >> 1 & 31);
		iov[1].iov_len = 100;
		(void)ns_recvmsg(s->st, fd, &msg, how & 0x80 ? MSG_ERRQUEUE : 0); /* or nothing */
		MUST(msg.msg_controllen <= sizeof(control));
		return;
	}
	memset(data, 0, sizeof(data));
	memcpy(data, (const uint8_t[]){ 8, 0, 0xf7, 0xff }, 4); /* an echo with its checksum */
	iov[1].iov_len &= 0x1f8;
	h->cmsg_level = levels[(how >> 1) % 8 % N_LEVELS];
	h->cmsg_type = ops_take(o);
	h->cmsg_len = CMSG_LEN(take_value(o, CMSG_DATA(h), 40));
	msg.msg_controllen = how & 0x40 ? ops_take(o) % sizeof(control) : sizeof(control);
	(void)ns_sendmsg(s->st, fd, &msg, 0); /* to whom it is connected, if at all */
}

/* --- the rest --- */

static void call_datagram(struct scene *s, int fd, uint8_t how)
{
	/* an echo, of the raw and ping sockets, with its checksum */
	static const uint8_t echo[4096] = { 8, 0, 0xf7, 0xff };
	static uint8_t buf[4096]; /* one thread */
	const struct sockaddr_in to4 = {
		.sin_family = AF_INET,
		.sin_port = htons(6000),
		.sin_addr.s_addr = htonl(IP4_ADDR(10, 0, how >> 7, 2 + (how >> 4 & 3))),
	};
	struct sockaddr_in6 to6 = { .sin6_family = AF_INET6, .sin6_port = htons(6000) };
	struct sockaddr_storage from;
	socklen_t len = sizeof(from);

	ip6_addr_put(to6.sin6_addr.s6_addr, SCENE_PEER6(0));
	switch (how % 8) {
	case 0:
		(void)ns_recvfrom(s->st, fd, buf, sizeof(buf), 0, (struct sockaddr *)&from, &len);
		break;
	case 1:
		(void)ns_recv(s->st, fd, buf, 100, MSG_ERRQUEUE);
		break;
	case 2:
		(void)ns_recv(s->st, fd, buf, 100, MSG_PEEK | MSG_TRUNC);
		break;
	case 3:
		(void)ns_connect(s->st, fd, (const struct sockaddr *)&to4, sizeof(to4));
		break;
	case 4:
		(void)ns_connect(s->st, fd, (const struct sockaddr *)&to6, sizeof(to6));
		break;
	case 5:
		(void)ns_sendto(s->st, fd, echo, 8 + 8U * how, 0, (const struct sockaddr *)&to4,
				sizeof(to4));
		break;
	case 6:
		(void)ns_sendto(s->st, fd, echo, 8 + 8U * how, 0, (const struct sockaddr *)&to6,
				sizeof(to6));
		break;
	default:
		(void)ns_shutdown(s->st, fd, how >> 4);
		break;
	}
}

static void call_odd(struct scene *s, const struct peer_conn *c, uint8_t how)
{
	const struct sockaddr_in to = {
		.sin_family = how & 1 ? AF_INET : AF_UNSPEC,
		.sin_port = htons(STATES_PORT),
		.sin_addr.s_addr = htonl(how & 2 ? INADDR_LOOPBACK : SCENE_US4(0)),
	};
	struct sockaddr_storage name;
	socklen_t len = how;
	int val = how, fd;

	(void)ns_getsockname(s->st, c->fd, (struct sockaddr *)&name, &len);
	len = sizeof(name);
	(void)ns_getpeername(s->st, c->fd, (struct sockaddr *)&name, &len);
	(void)ns_ioctl(s->st, c->fd, SIOCATMARK, &val);
	(void)ns_ioctl(s->st, c->fd, TIOCOUTQ, &val);
	(void)ns_fcntl(s->st, c->fd, F_SETFL, how & 8 ? O_NONBLOCK : 0); /* nobody lets it wait */
	if (how >> 4 == 1)
		(void)ns_listen(s->st, c->fd, how & 3);
	if (how >> 4 == 2)
		(void)ns_connect(s->st, c->fd, (const struct sockaddr *)&to, sizeof(to));
	if (how >> 4 == 3) {
		fd = ns_dup(s->st, c->fd);
		(void)ns_close(s->st, fd); /* of a socket or not */
	}
	if (how >> 4 == 4) { /* to ourselves */
		fd = ns_socket(s->st, AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
		(void)ns_connect(s->st, fd, (const struct sockaddr *)&to, sizeof(to));
		if (how & 4)
			(void)ns_close(s->st, fd);
	}
}

void ops_other(struct ops *o)
{
	struct scene *s = o->s;
	const uint8_t which = ops_take(o);
	const uint8_t how = ops_take(o);
	struct peer_conn *c = &s->conn[which % s->n_conns];

	if (which & 0x80) {
		call_datagram(s, s->dgram[which % s->n_dgrams], how);
		return;
	}
	/* What the program then reads or has written is something else. */
	if (how >> 4 == 1 || how >> 4 == 2)
		c->sure = false;
	call_odd(s, c, how);
}

static void close_it(struct scene *s, struct peer_conn *c)
{
	const int fd = c->fd;

	c->fd = -1;
	MUST(fd < 0 || ns_close(s->st, fd) == 0);
}

void ops_close(struct ops *o)
{
	struct peer_conn *c = ops_conn(o);
	const uint8_t how = ops_take(o) % 4;

	if (how == 3)
		close_it(o->s, c);
	else
		(void)ns_shutdown(o->s->st, c->fd, how);
}

/* --- epoll --- */

#define N_SETS (sizeof(((struct ops *)NULL)->set) / sizeof(int))

static void set_ctl(struct ops *o, int epfd, uint8_t how)
{
	static const uint32_t flag[] = { 0, EPOLLET, EPOLLONESHOT, EPOLLEXCLUSIVE };
	struct scene *s = o->s;
	const uint8_t which = ops_take(o);
	struct epoll_event ev = {
		.events = (how & 16 ? EPOLLIN : 0) | (how & 32 ? EPOLLOUT | EPOLLPRI : 0) |
			  flag[how >> 6],
	};
	int fd;

	if (which & 0x80)
		fd = o->set[which % N_SETS];
	else if (which & 0x40)
		fd = s->dgram[which % s->n_dgrams];
	else
		fd = s->conn[which % s->n_conns].fd;
	ev.data.fd = fd;
	/* Any of them may be wrong: EEXIST, ENOENT, ELOOP, EINVAL. */
	(void)ns_epoll_ctl(s->st, epfd, EPOLL_CTL_ADD + how % 3, fd, &ev);
}

void ops_epoll(struct ops *o)
{
	const uint8_t how = ops_take(o);
	int *set = &o->set[(how >> 2) % N_SETS];
	struct epoll_event ev[4];
	int n;

	switch (how % 4) {
	case 0:
	case 1:
		set_ctl(o, *set, ops_take(o));
		break;
	case 2:
		n = ns_epoll_wait(o->s->st, *set, ev, 4, 0);
		MUST(n <= 4);
		for (int i = 0; i < n; i++)
			MUST(ev[i].events != 0);
		break;
	default:
		(void)ns_close(o->s->st, *set); /* if it is open */
		*set = ns_epoll_create(o->s->st);
		break;
	}
}

/* --- callbacks --- */

/* What one does when it is called. */
struct listener {
	struct scene *s;
	struct peer_conn *c;
	uint8_t what;
};

static void called(void *arg, int fd, uint32_t events)
{
	const struct listener *l = arg;
	struct scene *s = l->s;
	struct peer_conn *c = l->c;
	struct peer_conn *other = &s->conn[(c->i + 1) % s->n_conns];
	uint8_t buf[512];
	ssize_t n;

	MUST(events != 0);
	if (fd != c->fd)
		return; /* it was another one's before */
	switch (l->what % 6) {
	case 0:
		n = ns_recv(s->st, fd, buf, sizeof(buf), 0);
		if (n > 0)
			check_read(c, buf, (uint32_t)n);
		break;
	case 1:
		if (c->written < 20000)
			(void)states_write(s, c, 300, 0); /* when there is room */
		break;
	case 2:
		close_it(s, c);
		break;
	case 3:
		close_it(s, other);
		break;
	case 4:
		(void)ns_set_notify(s->st, fd, NULL, NULL); /* it had one */
		break;
	default:
		(void)states_accept(s, 0); /* if there is one */
		break;
	}
}

void ops_notify(struct ops *o)
{
	static struct listener listeners[PEER_CONNS]; /* one thread */
	struct peer_conn *c = ops_conn(o);

	listeners[c->i] = (struct listener){ .s = o->s, .c = c, .what = ops_take(o) };
	(void)ns_set_notify(o->s->st, c->fd, called, &listeners[c->i]); /* if it is open */
}
