/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Notified calls of datagram sockets: their messages are copied from the program's memory and to
 * it (net/socket.c: copy_msghdr_from_user(), ____sys_sendmsg(), ____sys_recvmsg()).
 *
 * A datagram that was taken for a call whose task is interrupted in that moment is lost, as
 * datagrams may be.
 */
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>

#include "attach/dgram_priv.h"
#include "base/cleanup.h"
#include "netstack/socket.h"

#define IOV_MAX_KERNEL 1024 /* UIO_MAXIOV */
#define NS_PER_S       INT64_C(1000000000)
#define VLEN_MAX       1024 /* of sendmmsg() and recvmmsg() */

/**
 * struct dmsg - A message of a program, its addresses copied in
 * @name, @name_len: Where the address is
 * @len_addr:	Where the length of the address goes, 0 for nowhere
 * @control, @control_len: Where control data is
 * @hdr:	Address of the msghdr, 0 for sendto() and recvfrom()
 * @iov, @n, @len: Pieces of its data, all together
 */
struct dmsg {
	uint64_t name;
	socklen_t name_len;
	uint64_t len_addr;
	uint64_t control;
	size_t control_len;
	uint64_t hdr;
	struct iovec iov[IOV_MAX_KERNEL];
	unsigned int n;
	size_t len;
};

static uint64_t addr_of(const void *p)
{
	return (uint64_t)(uintptr_t)p;
}

/* --- messages in --- */

static int add_up(struct dmsg *m)
{
	m->len = 0;
	for (unsigned int i = 0; i < m->n; i++) {
		if (m->iov[i].iov_len > INT_MAX - m->len)
			return -EINVAL;
		m->len += m->iov[i].iov_len;
	}
	return 0;
}

/* The data is a piece of memory. */
static int get_buffer(struct dmsg *m, uint64_t addr, uint64_t len)
{
	m->iov[0].iov_base = (void *)(uintptr_t)addr; /* of the program: never followed */
	m->iov[0].iov_len = len > INT_MAX ? INT_MAX : (size_t)len;
	m->n = 1;
	return add_up(m);
}

static int get_msghdr(struct acall *c, uint64_t addr, struct dmsg *m)
{
	struct tracees *t = c->a->tracees;
	struct msghdr hdr;

	if (tracee_read(t, &c->call, addr, &hdr, sizeof(hdr)) < 0)
		return -EFAULT;
	if (hdr.msg_iovlen > IOV_MAX_KERNEL)
		return -EMSGSIZE;
	if ((int)hdr.msg_namelen < 0)
		return -EINVAL;
	m->hdr = addr;
	m->name = addr_of(hdr.msg_name);
	m->name_len = hdr.msg_name ? hdr.msg_namelen : 0;
	if (m->name_len > sizeof(struct sockaddr_storage))
		m->name_len = sizeof(struct sockaddr_storage);
	m->len_addr = 0;
	m->control = addr_of(hdr.msg_control);
	m->control_len = hdr.msg_control ? hdr.msg_controllen : 0;
	m->n = (unsigned int)hdr.msg_iovlen;
	if (m->n &&
	    tracee_read(t, &c->call, addr_of(hdr.msg_iov), m->iov, m->n * sizeof(m->iov[0])) < 0)
		return -EFAULT;
	return add_up(m);
}

/* --- sending --- */

static ssize_t send_one(struct acall *c, const struct dmsg *m, int flags)
{
	_Alignas(16) uint8_t control[DGRAM_CONTROL_MAX];
	cleanup_free uint8_t *data = NULL;
	struct tracees *t = c->a->tracees;
	union asock_addr name;
	struct iovec iov;
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	ssize_t n;

	if (m->len > DGRAM_LEN_MAX)
		return -EMSGSIZE;
	if (m->control_len > sizeof(control))
		return -ENOBUFS;
	data = malloc(m->len + 1);
	if (!data)
		return -ENOBUFS;
	if (m->len && tracee_readv(t, &c->call, m->iov, m->n, data, m->len) != (ssize_t)m->len)
		return -EFAULT;
	if (m->name_len && tracee_read(t, &c->call, m->name, &name, m->name_len) < 0)
		return -EFAULT;
	if (m->control_len && tracee_read(t, &c->call, m->control, control, m->control_len) < 0)
		return -EFAULT;
	iov = (struct iovec){ .iov_base = data, .iov_len = m->len };
	msg.msg_name = m->name_len ? &name : NULL;
	msg.msg_namelen = m->name_len;
	msg.msg_control = m->control_len ? control : NULL;
	msg.msg_controllen = m->control_len;
	adgram_hide_error(c);
	/* What was written before goes before. */
	adgram_drain(c->s->dgram);
	n = ns_sendmsg(c->a->conf.stack, c->s->ns_fd, &msg, flags);
	if (n > 0)
		c->a->stats.tx_bytes += (uint64_t)n;
	return n;
}

static bool may_wait(const struct acall *c, int flags)
{
	return !c->nonblock && !(flags & MSG_DONTWAIT);
}

static void finish_send(struct acall *c, int64_t r, int flags)
{
	if (r == -EAGAIN && may_wait(c, flags)) {
		adgram_wait(c, SO_SNDTIMEO);
		return;
	}
	adgram_unmark(c); /* it may be what the call failed with */
	adgram_feed(c->s->dgram);
	acall_return(c, r);
}

void adgram_sendto(struct acall *c)
{
	const uint64_t *arg = c->call.arg;
	cleanup_free struct dmsg *m = calloc(1, sizeof(*m));
	int64_t r = m ? get_buffer(m, arg[1], arg[2]) : -ENOMEM;

	if (r == 0 && arg[4]) {
		m->name = arg[4];
		m->name_len = (socklen_t)arg[5];
		if (m->name_len > sizeof(struct sockaddr_storage))
			r = -EINVAL;
	}
	if (r == 0)
		r = send_one(c, m, (int)arg[3]);
	finish_send(c, r, (int)arg[3]);
}

static int64_t send_msghdr(struct acall *c, uint64_t addr, struct dmsg *m, int flags)
{
	const int r = get_msghdr(c, addr, m);

	return r < 0 ? r : send_one(c, m, flags);
}

/* As many as can be; an error counts only for the first. */
static int64_t send_many(struct acall *c, struct dmsg *m)
{
	const uint64_t *arg = c->call.arg;
	const unsigned int vlen = (uint32_t)arg[2] > VLEN_MAX ? VLEN_MAX : (uint32_t)arg[2];
	unsigned int n;

	for (n = 0; n < vlen; n++) {
		const uint64_t at = arg[1] + n * sizeof(struct mmsghdr);
		const int64_t r = send_msghdr(c, at, m, (int)arg[3]);
		const uint32_t len = (uint32_t)r;

		if (r < 0)
			return n ? (int64_t)n : r;
		if (tracee_write(c->a->tracees, &c->call, at + offsetof(struct mmsghdr, msg_len),
				 &len, sizeof(len)) < 0)
			return n ? (int64_t)n : -EFAULT;
	}
	return n;
}

void adgram_sendmsg(struct acall *c)
{
	const bool many = c->call.nr == SYS_sendmmsg;
	const int flags = (int)c->call.arg[many ? 3 : 2];
	cleanup_free struct dmsg *m = calloc(1, sizeof(*m));
	int64_t r = -ENOMEM;

	if (m)
		r = many ? send_many(c, m) : send_msghdr(c, c->call.arg[1], m, flags);
	finish_send(c, r, flags);
}

/* --- receiving --- */

/**
 * struct arrived - A datagram for a program
 * @data, @len:	Bytes that are there
 * @full:	Its length
 * @name, @name_len, @control, @control_len, @flags: What goes with it
 */
struct arrived {
	uint8_t *data;
	size_t len;
	size_t full;
	union asock_addr name;
	socklen_t name_len;
	_Alignas(16) uint8_t control[DGRAM_CONTROL_MAX];
	size_t control_len;
	int flags;
};

/* The stack stamps packets by the clock of the loop; programs are told the time of day. */
static void set_clock(struct arrived *a)
{
	struct timespec day;
	struct msghdr msg = { .msg_control = a->control, .msg_controllen = a->control_len };
	int64_t offset;

	(void)clock_gettime(CLOCK_REALTIME, &day); /* cannot fail */
	offset = day.tv_sec * NS_PER_S + day.tv_nsec - (int64_t)loop_clock();
	for (struct cmsghdr *cmsg = CMSG_FIRSTHDR(&msg); cmsg; cmsg = CMSG_NXTHDR(&msg, cmsg)) {
		struct timespec ts;
		struct timeval tv;
		int64_t t;

		if (cmsg->cmsg_level != SOL_SOCKET)
			continue;
		if (cmsg->cmsg_type == SCM_TIMESTAMP && cmsg->cmsg_len == CMSG_LEN(sizeof(tv))) {
			memcpy(&tv, CMSG_DATA(cmsg), sizeof(tv));
			t = tv.tv_sec * NS_PER_S + tv.tv_usec * 1000 + offset;
			tv.tv_sec = t / NS_PER_S;
			tv.tv_usec = t % NS_PER_S / 1000;
			memcpy(CMSG_DATA(cmsg), &tv, sizeof(tv));
		} else if (cmsg->cmsg_type == SCM_TIMESTAMPNS &&
			   cmsg->cmsg_len == CMSG_LEN(sizeof(ts))) {
			memcpy(&ts, CMSG_DATA(cmsg), sizeof(ts));
			t = ts.tv_sec * NS_PER_S + ts.tv_nsec + offset;
			ts.tv_sec = t / NS_PER_S;
			ts.tv_nsec = t % NS_PER_S;
			memcpy(CMSG_DATA(cmsg), &ts, sizeof(ts));
		}
	}
}

/* The one that is in the pair already.  -EAGAIN, also for the mark of an error */
static int take_head(struct acall *c, struct arrived *a, int flags)
{
	struct adgram *d = c->s->dgram;
	struct iovec iov = { .iov_base = a->data, .iov_len = a->len };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	ssize_t n;

	if (!adgram_is_in_flight(d))
		return -EAGAIN;
	n = recvmsg(c->fd, &msg, MSG_DONTWAIT | MSG_TRUNC | (flags & MSG_PEEK));
	if (n < 0)
		return -errno;
	if (d->is_error_mark) {
		d->is_error_mark = flags & MSG_PEEK;
		return -EAGAIN;
	}
	a->full = (size_t)n;
	if (!d->is_head_alone) {
		a->name_len = sizeof(a->name);
		if (ns_getpeername(c->a->conf.stack, c->s->ns_fd, &a->name.sa, &a->name_len) < 0)
			a->name_len = 0;
		return 0;
	}
	a->name = d->head;
	a->name_len = d->head_len;
	memcpy(a->control, d->head_control, d->head_control_len);
	a->control_len = d->head_control_len;
	a->flags = d->head_flags & ~MSG_TRUNC;
	return 0;
}

static int take_from_stack(struct acall *c, struct arrived *a, int flags)
{
	struct iovec iov = { .iov_base = a->data, .iov_len = a->len };
	struct msghdr msg = {
		.msg_name = &a->name,
		.msg_namelen = sizeof(a->name),
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = a->control,
		.msg_controllen = sizeof(a->control),
	};
	const ssize_t n =
		ns_recvmsg(c->a->conf.stack, c->s->ns_fd, &msg,
			   (flags & (MSG_PEEK | MSG_ERRQUEUE)) | MSG_TRUNC | MSG_DONTWAIT);

	if (n < 0)
		return (int)n;
	a->full = (size_t)n;
	a->name_len = msg.msg_namelen;
	a->control_len = msg.msg_controllen;
	a->flags = msg.msg_flags & ~MSG_TRUNC;
	c->a->stats.rx_bytes += (uint64_t)n;
	return 0;
}

/* The address, cut to the room for it. */
static int put_name(struct acall *c, const struct dmsg *m, const struct arrived *a)
{
	struct tracees *t = c->a->tracees;

	if (m->len_addr)
		return m->name ? acall_put_addr(c, m->name, m->len_addr, &a->name, a->name_len) : 0;
	if (!m->hdr)
		return 0;
	if (m->name && a->name_len) {
		const size_t n = a->name_len < m->name_len ? a->name_len : m->name_len;

		if (n && tracee_write(t, &c->call, m->name, &a->name, n) < 0)
			return -EFAULT;
	}
	if (!m->name)
		return 0;
	return tracee_write(t, &c->call, m->hdr + offsetof(struct msghdr, msg_namelen),
			    &a->name_len, sizeof(a->name_len));
}

/* Cut it to @room as put_cmsg() of Linux does: in the middle of one, if that has more than its
 * header there.  Return: what is left of it
 */
static size_t cut_control(struct arrived *a, size_t room, int *flags)
{
	size_t at = 0;

	while (at + sizeof(struct cmsghdr) <= a->control_len) {
		struct cmsghdr *cmsg = (struct cmsghdr *)(void *)(a->control + at);
		const size_t left = at < room ? room - at : 0;

		if (left < cmsg->cmsg_len)
			*flags |= MSG_CTRUNC;
		if (left < sizeof(*cmsg))
			break;
		if (left < cmsg->cmsg_len)
			cmsg->cmsg_len = left;
		at += CMSG_ALIGN(cmsg->cmsg_len);
	}
	return at < room ? at : room;
}

/* Control data and the flags. */
static int put_control(struct acall *c, const struct dmsg *m, struct arrived *a, int flags)
{
	struct tracees *t = c->a->tracees;
	size_t len;

	if (!m->hdr)
		return 0;
	len = cut_control(a, m->control_len, &flags);
	if (len && tracee_write(t, &c->call, m->control, a->control, len) < 0)
		return -EFAULT;
	if (tracee_write(t, &c->call, m->hdr + offsetof(struct msghdr, msg_controllen), &len,
			 sizeof(len)) < 0)
		return -EFAULT;
	return tracee_write(t, &c->call, m->hdr + offsetof(struct msghdr, msg_flags), &flags,
			    sizeof(flags));
}

static int64_t put_arrived(struct acall *c, const struct dmsg *m, struct arrived *a, int flags)
{
	const size_t here = a->full < a->len ? a->full : a->len;
	const size_t n = here < m->len ? here : m->len;
	int out = a->flags | (a->full > m->len ? MSG_TRUNC : 0);
	int r;

	if (n && tracee_writev(c->a->tracees, &c->call, m->iov, m->n, a->data, n) != (ssize_t)n)
		return -EFAULT;
	r = put_name(c, m, a);
	if (r == 0)
		r = put_control(c, m, a, out);
	if (r < 0)
		return r;
	return flags & MSG_TRUNC ? (int64_t)a->full : (int64_t)n;
}

static int64_t recv_one(struct acall *c, const struct dmsg *m, int flags)
{
	cleanup_free struct arrived *a = calloc(1, sizeof(*a));
	cleanup_free uint8_t *data = malloc(DGRAM_LEN_MAX);
	int64_t r = -EAGAIN;

	if (!a || !data)
		return -ENOBUFS;
	a->data = data;
	a->len = DGRAM_LEN_MAX;
	adgram_hide_error(c);
	if (!(flags & MSG_ERRQUEUE))
		r = take_head(c, a, flags);
	if (r == -EAGAIN)
		r = take_from_stack(c, a, flags);
	if (r < 0)
		return r;
	set_clock(a);
	return put_arrived(c, m, a, flags);
}

static void finish_recv(struct acall *c, int64_t r, int flags)
{
	if (r == -EAGAIN && may_wait(c, flags) && !(flags & MSG_ERRQUEUE)) {
		adgram_wait(c, SO_RCVTIMEO);
		return;
	}
	/* Before the answer: the program may call poll() as soon as it has it. */
	adgram_unmark(c);
	adgram_feed(c->s->dgram);
	acall_return(c, r);
}

void adgram_recvfrom(struct acall *c)
{
	const uint64_t *arg = c->call.arg;
	cleanup_free struct dmsg *m = calloc(1, sizeof(*m));
	int64_t r = m ? get_buffer(m, arg[1], arg[2]) : -ENOMEM;

	if (r == 0) {
		m->name = arg[4];
		m->len_addr = arg[5];
		r = recv_one(c, m, (int)arg[3]);
	}
	finish_recv(c, r, (int)arg[3]);
}

static int64_t recv_msghdr(struct acall *c, uint64_t addr, struct dmsg *m, int flags)
{
	const int r = get_msghdr(c, addr, m);

	return r < 0 ? r : recv_one(c, m, flags);
}

/* An error behind the first message is told by the next call (do_recvmmsg()). */
static int64_t later(struct acall *c, unsigned int n, int r)
{
	if (r != -EAGAIN)
		(void)ns_set_error(c->a->conf.stack, c->s->ns_fd, -r); /* it is there */
	return n;
}

/* What is there.  Linux waits for all of them without MSG_WAITFORONE; a program that gets fewer
 * has to be prepared for that, too (a signal).
 */
static int64_t recv_many(struct acall *c, struct dmsg *m)
{
	const uint64_t *arg = c->call.arg;
	const unsigned int vlen = (uint32_t)arg[2] > VLEN_MAX ? VLEN_MAX : (uint32_t)arg[2];
	unsigned int n;

	for (n = 0; n < vlen; n++) {
		const uint64_t at = arg[1] + n * sizeof(struct mmsghdr);
		const int64_t r = recv_msghdr(c, at, m, (int)arg[3] & ~MSG_WAITFORONE);
		const uint32_t len = (uint32_t)r;

		if (r < 0)
			return n ? later(c, n, (int)r) : r;
		if (tracee_write(c->a->tracees, &c->call, at + offsetof(struct mmsghdr, msg_len),
				 &len, sizeof(len)) < 0)
			return n ? later(c, n, -EFAULT) : -EFAULT;
	}
	return n;
}

void adgram_recvmsg(struct acall *c)
{
	const bool many = c->call.nr == SYS_recvmmsg;
	const int flags = (int)c->call.arg[many ? 3 : 2];
	cleanup_free struct dmsg *m = calloc(1, sizeof(*m));
	int64_t r = -ENOMEM;

	if (m)
		r = many ? recv_many(c, m) : recv_msghdr(c, c->call.arg[1], m, flags);
	finish_recv(c, r, flags);
}

/* --- the others --- */

void adgram_connect(struct acall *c, const union asock_addr *to, socklen_t len)
{
	struct adgram *d = c->s->dgram;
	union asock_addr peer;
	socklen_t peer_len = sizeof(peer);
	int r;

	adgram_drain(d); /* what was written before goes to the old one */
	r = ns_connect(c->a->conf.stack, c->s->ns_fd, &to->sa, len);
	d->is_connected = ns_getpeername(c->a->conf.stack, c->s->ns_fd, &peer.sa, &peer_len) == 0;
	acall_return(c, r);
}

void adgram_call(struct acall *c)
{
	switch (c->call.nr) {
	case SYS_sendto:
		adgram_sendto(c);
		break;
	case SYS_sendmsg:
	case SYS_sendmmsg:
		adgram_sendmsg(c);
		break;
	case SYS_recvfrom:
		adgram_recvfrom(c);
		break;
	default:
		adgram_recvmsg(c);
	}
}
