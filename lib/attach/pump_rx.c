/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What the network sends goes to the program, from the memory it came in.
 */
#include <errno.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <linux/sockios.h>

#include "attach/pump_priv.h"
#include "netstack/socket.h"

#define PIECES 64

/* What giving led to: bytes are gone, or not. */
enum give {
	GIVEN,
	FULL,
	REFUSED,
};

/* An error of sendmsg() on our end. */
static enum give refused(struct pump *p)
{
	struct pollfd look = { .fd = p->end };

	switch (errno) {
	case EAGAIN:
	case ENOBUFS:
	case ENOMEM:
		return FULL;
	case EPIPE:
		/* Closed: then there will be a hangup.  Or it reads no more, and writes. */
		if (poll(&look, 1, 0) > 0 && look.revents & POLLHUP)
			return REFUSED;
		p->no_read = true;
		return GIVEN;
	default:
		return REFUSED;
	}
}

/* --- pieces of the stream --- */

static ssize_t send_pieces(const struct pump *p, const struct pbuf_frag *frag, unsigned int n)
{
	struct iovec iov[PIECES];
	const struct msghdr msg = { .msg_iov = iov, .msg_iovlen = n };

	if (n == 1)
		return send(p->end, pbuf_frag_data(frag), frag->len, MSG_DONTWAIT | MSG_NOSIGNAL);
	for (unsigned int i = 0; i < n; i++)
		iov[i] = (struct iovec){ pbuf_frag_data(&frag[i]), frag[i].len };
	return sendmsg(p->end, &msg, MSG_DONTWAIT | MSG_NOSIGNAL);
}

static enum give give(struct pump *p, const struct pbuf_frag *frag, unsigned int n)
{
	uint32_t total = 0;
	ssize_t taken;

	for (unsigned int i = 0; i < n; i++)
		total += frag[i].len;
	taken = p->no_read ? (ssize_t)total : send_pieces(p, frag, n);
	if (taken < 0)
		return refused(p);
	if (!p->no_read)
		*p->ps->conf.rx_bytes += (uint64_t)taken;
	(void)ns_consume(p->ps->conf.stack, p->ns_fd, (uint32_t)taken); /* it is there */
	return taken < (ssize_t)total ? FULL : GIVEN;
}

/* The urgent byte, when it is next; seen from the front it is not part of the stream. */
static enum give give_urgent(struct pump *p)
{
	struct netstack *st = p->ps->conf.stack;
	int is_at = 0;
	uint8_t byte;

	if (ns_ioctl(st, p->ns_fd, SIOCATMARK, &is_at) < 0 || !is_at)
		return GIVEN;
	p->rx_urgent = false;
	if (ns_recv(st, p->ns_fd, &byte, 1, MSG_OOB | MSG_PEEK) != 1)
		return GIVEN;
	if (!p->no_read && send(p->end, &byte, 1, MSG_OOB | MSG_DONTWAIT | MSG_NOSIGNAL) < 0) {
		p->rx_urgent = true;
		return refused(p);
	}
	(void)ns_recv(st, p->ns_fd, &byte, 1, MSG_OOB); /* it is there */
	return GIVEN;
}

/* SO_RCVLOWAT: it is for poll(), which AF_UNIX has return when there is anything. */
static bool is_withheld(const struct pump *p)
{
	int unread = 0;

	if (p->lowat <= 1 || p->no_read || p->net_fin || p->net_dead)
		return false;
	if (ioctl(p->end, SIOCOUTQ, &unread) == 0 && unread)
		return false; /* it is readable already */
	return pump_received(p) < p->lowat;
}

/* The program is told of the end: it is not reset afterwards. */
static void finish(struct pump *p)
{
	p->rx_fin = true;
	(void)shutdown(p->end, SHUT_WR); /* cannot fail: it is connected */
}

enum pump_rx pump_rx_data(struct pump *p)
{
	struct pbuf_frag frag[PIECES];
	enum give given = GIVEN;

	while (!p->rx_fin && !p->rx_blocked) {
		int n;

		if (p->rx_urgent)
			given = give_urgent(p);
		if (given == GIVEN) {
			/* Of a connection that is dead the error is for whoever asks for it. */
			if (is_withheld(p) || (p->net_dead && !pump_received(p)))
				return PUMP_RX_EMPTY;
			n = ns_view(p->ps->conf.stack, p->ns_fd, frag, PIECES);
			if (n < 0)
				return PUMP_RX_EMPTY;
			if (n == 0) {
				finish(p);
				return PUMP_RX_EMPTY;
			}
			/* Who has closed is not to get more (RFC 2525, 2.17). */
			given = p->prog_closed ? REFUSED : give(p, frag, (unsigned int)n);
		}
		if (given == REFUSED)
			return PUMP_RX_ABORTED;
		p->rx_blocked = given == FULL;
	}
	return p->rx_blocked ? PUMP_RX_BLOCKED : PUMP_RX_EMPTY;
}

/* The last of it was given.  Who knows of the end already is not told of a reset as well
 * (Linux says EPIPE to him, in tcp_reset()).
 */
static bool end_dead(struct pump *p)
{
	if (p->rx_fin || p->net_fin)
		pump_tx_drain(p);
	return pump_ended(p, PUMP_RESET);
}

bool pump_rx(struct pump *p)
{
	switch (pump_rx_data(p)) {
	case PUMP_RX_EMPTY:
		return p->net_dead ? end_dead(p) : true;
	case PUMP_RX_BLOCKED:
		pump_watch_out(p, false);
		return true;
	case PUMP_RX_ABORTED:
		break;
	}
	/* A hangup is on its way, unless it has come. */
	return p->prog_closed ? pump_ended(p, PUMP_ABORTED) : true;
}
