/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What the program writes goes to the stack.
 *
 * Each step ends with one byte at least left in the queue of our end.  A program that passes
 * descriptors over what it takes for a TCP socket gets them thrown away by the kernel, for we
 * have no room for them; it stops reading there, and says so by MSG_CTRUNC.
 */
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <linux/sockios.h>

#include "attach/pump_priv.h"
#include "base/cleanup.h"
#include "netstack/netstack.h"
#include "netstack/socket.h"

/**
 * enum step - What a step led to
 *
 * TX_MORE	there may be more
 * TX_DRAINED	there is not, until the next edge
 * TX_BLOCKED	the stack takes no more, until it says so
 * TX_ABORTED	the program has closed with unread bytes
 * TX_DEAD	the connection has ended
 */
enum step {
	TX_MORE,
	TX_DRAINED,
	TX_BLOCKED,
	TX_ABORTED,
	TX_DEAD,
};

/* --- our end --- */

/* A result of recvmsg(): bytes, or why there are none. */
static ssize_t receive(struct pump *p, struct iovec *iov, size_t n, int *flags)
{
	struct msghdr msg = { .msg_iov = iov, .msg_iovlen = n };
	const ssize_t got = recvmsg(p->end, &msg, *flags | MSG_DONTWAIT);

	*flags = got < 0 ? 0 : msg.msg_flags;
	return got < 0 ? -errno : got;
}

static enum step no_bytes(ssize_t r)
{
	return r == -ECONNRESET ? TX_ABORTED : TX_DRAINED;
}

/* Is the next byte an urgent one? */
static bool is_at_mark(const struct pump *p)
{
	int is = 0;

	return ioctl(p->end, SIOCATMARK, &is) == 0 && is;
}

/* Really read @n bytes of what is held, a piece at a time; true when something was. */
static bool discard(struct pump *p, uint32_t n)
{
	while (n) {
		struct iovec iov = { p->ps->scratch, n < PUMP_SCRATCH ? n : PUMP_SCRATCH };
		int flags = 0;
		const ssize_t got = receive(p, &iov, 1, &flags);

		if (got <= 0)
			return false;
		p->held -= (uint32_t)got;
		n -= (uint32_t)got;
		p->head_urgent = false;
	}
	p->n_held = 0;
	return true;
}

void pump_tx_drain(struct pump *p)
{
	int flags = 0;

	while (receive(p, &(struct iovec){ p->ps->scratch, PUMP_SCRATCH }, 1, &flags) > 0)
		flags = 0;
}

/* --- the stack --- */

/* A result of ns_send(). */
static enum step sent(struct pump *p, ssize_t r)
{
	const bool again = p->tx_error;

	p->tx_error = r < 0 && r != -EAGAIN;
	if (r >= 0) {
		*p->ps->conf.tx_bytes += (uint64_t)r;
		return TX_MORE;
	}
	if (r == -EAGAIN)
		return TX_BLOCKED;
	if (r == -ENOBUFS || r == -ENOMEM) {
		pump_starve(p);
		return TX_BLOCKED;
	}
	/* Else an ICMP error that IP_RECVERR let through: it was told, and is over. */
	return again || r == -EPIPE || pump_is_net_dead(p) ? TX_DEAD : TX_MORE;
}

static enum step send_block(struct pump *p)
{
	const ssize_t n = ns_send_block(p->ps->conf.stack, p->ns_fd, p->block, p->off, p->len);

	if (n > 0) {
		p->off += (uint32_t)n;
		p->len -= (uint32_t)n;
	}
	if (!p->len)
		pbuf_block_unref(TAKE_PTR(p->block));
	return sent(p, n);
}

/* --- small messages: looked at and copied --- */

/* Where looks begin. */
static void set_peek(const struct pump *p, int off)
{
	(void)setsockopt(p->end, SOL_SOCKET, SO_PEEK_OFF, &off, sizeof(off)); /* AF_UNIX has it */
}

void pump_tx_begin(struct pump *p)
{
	const int one = 1;

	/* An urgent byte that nobody has announced stays in its place. */
	(void)setsockopt(p->end, SOL_SOCKET, SO_OOBINLINE, &one, sizeof(one));
	set_peek(p, (int)p->held);
}

void pump_urgent(struct pump *p)
{
	if (!p->prog_urgent)
		set_peek(p, -1);
	p->prog_urgent = true;
	p->tx_maybe_urgent = true;
}

/* A short look is the end, unless descriptors or an urgent byte were in the way. */
static enum step after_look(struct pump *p, bool is_new, bool cut)
{
	struct pollfd look = { .fd = p->end, .events = POLLPRI };

	if (cut || (!p->prog_urgent && p->tx_maybe_urgent))
		return TX_MORE; /* until nothing is found */
	if (!p->prog_urgent)
		return TX_DRAINED;
	if ((is_new && !p->tx_maybe_urgent) || pump_queued(p) <= p->held)
		return TX_DRAINED;
	p->tx_urgent = poll(&look, 1, 0) > 0 && look.revents & POLLPRI;
	if (p->tx_urgent)
		return TX_MORE;
	/* More that came meanwhile has an edge of its own. */
	if (p->tx_wary)
		return TX_DRAINED;
	p->tx_wary = true;
	return TX_MORE;
}

/* recv() costs less and does not say that there were descriptors. */
static ssize_t look(struct pump *p, uint32_t from, int *flags)
{
	struct iovec iov = { p->ps->scratch, from + PUMP_SMALL };
	ssize_t got;

	*flags = MSG_PEEK;
	if (p->tx_wary)
		return receive(p, &iov, 1, flags);
	got = recv(p->end, iov.iov_base, iov.iov_len, MSG_PEEK | MSG_DONTWAIT);
	*flags = 0;
	return got < 0 ? -errno : got;
}

static enum step small(struct pump *p)
{
	const uint32_t from = p->prog_urgent ? p->held : 0;
	int flags;
	const ssize_t got = look(p, from, &flags);
	const uint32_t n = got > (ssize_t)from ? (uint32_t)got - from : 0;
	bool cut = flags & MSG_CTRUNC;
	enum step step;
	ssize_t taken;

	if (got <= 0)
		return no_bytes(got);
	if (!n) {
		/* Descriptors came with what is held: nobody sees beyond them. */
		cut = cut && discard(p, (uint32_t)got);
		return after_look(p, false, cut);
	}
	taken = ns_send(p->ps->conf.stack, p->ns_fd, p->ps->scratch + from, n, MSG_DONTWAIT);
	step = sent(p, taken);
	if (taken > 0) {
		p->held += (uint32_t)taken;
		p->n_held++;
	}
	if (taken < (ssize_t)n) {
		if (!p->prog_urgent)
			set_peek(p, (int)p->held);
		return step;
	}
	p->tx_large = n == PUMP_SMALL;
	return p->tx_large ? TX_MORE : after_look(p, true, cut);
}

/* --- large ones: read into a block of their own --- */

/* The last byte of a message stays in the queue, and goes along all the same. */
static void peek_last(struct pump *p)
{
	struct iovec iov = { p->block->data + p->len, 1 };
	int flags = MSG_PEEK;

	p->tx_urgent = p->prog_urgent && is_at_mark(p);
	if (p->tx_urgent || receive(p, &iov, 1, &flags) != 1)
		return;
	p->len++;
	p->held = 1;
	p->n_held = 1;
}

/* Up to @n bytes behind the held ones, into @block; with @leave a byte of them stays. */
static enum step read_block(struct pump *p, uint32_t n, bool leave)
{
	struct iovec iov[2] = { { p->ps->scratch, p->held } };
	struct pbuf_block *block;
	int flags = 0;
	ssize_t got;

	n = n < PUMP_BLOCK ? n : PUMP_BLOCK;
	block = pbuf_block_alloc(netstack_pool(p->ps->conf.stack), n);
	if (!block)
		return TX_BLOCKED;
	iov[1] = (struct iovec){ block->data, n - leave };
	got = receive(p, iov, 2, &flags);
	if (got <= (ssize_t)p->held) {
		pbuf_block_unref(block);
		if (got <= 0)
			return no_bytes(got);
		p->held -= (uint32_t)got;
		p->head_urgent = false;
		return TX_MORE;
	}
	p->block = block;
	p->off = 0;
	p->len = (uint32_t)got - p->held;
	p->held = 0;
	p->n_held = 0;
	p->head_urgent = false;
	if (leave)
		peek_last(p);
	return TX_MORE;
}

static enum step large(struct pump *p)
{
	uint32_t queued = p->tx_queued;
	uint32_t n;
	enum step step;

	/* What was there the last time is there still: no need to ask before it ends. */
	if (queued <= p->held + PUMP_BLOCK)
		queued = pump_queued(p);
	n = queued > p->held ? queued - p->held : 0;
	p->tx_queued = 0;
	p->tx_large = n >= PUMP_SMALL;
	if (!n)
		return TX_DRAINED;
	if (!p->tx_large)
		return TX_MORE;
	step = read_block(p, n, n <= PUMP_BLOCK || p->prog_urgent);
	if (step == TX_MORE && p->block) {
		const bool is_all = p->len == n;

		p->tx_queued = n - p->len;
		step = send_block(p);
		return step == TX_MORE && is_all && !p->block ? TX_DRAINED : step;
	}
	if (step != TX_BLOCKED)
		return step;
	/* No memory for a block: little by little. */
	p->tx_large = false;
	return small(p);
}

/* --- urgent bytes --- */

static enum step urgent_byte(struct pump *p)
{
	struct iovec iov = { p->ps->scratch, 1 };
	int flags = MSG_PEEK;
	ssize_t r = receive(p, &iov, 1, &flags);
	enum step step;

	if (r <= 0)
		return no_bytes(r);
	r = ns_send(p->ps->conf.stack, p->ns_fd, p->ps->scratch, 1, MSG_DONTWAIT | MSG_OOB);
	step = sent(p, r);
	if (r == 1) {
		p->held = 1;
		p->n_held = 1;
		p->head_urgent = true;
		p->tx_urgent = false;
	}
	return step;
}

/* What is before the urgent byte goes first, all of it: the kernel stops reading there.  The byte
 * itself is then the one that is left in the queue.
 */
static enum step urgent(struct pump *p)
{
	uint32_t queued;
	enum step step;

	if (is_at_mark(p)) {
		if (!p->head_urgent)
			return urgent_byte(p);
		p->tx_urgent = false; /* it was sent */
		return TX_MORE;
	}
	queued = pump_queued(p);
	if (queued <= p->held) {
		p->tx_urgent = false; /* it is gone: was it read before we knew what it is? */
		return TX_MORE;
	}
	step = read_block(p, queued - p->held, false);
	if (step == TX_BLOCKED)
		pump_starve(p);
	return step;
}

/* --- all of it --- */

static enum step step(struct pump *p)
{
	if (p->block)
		return send_block(p);
	if (p->tx_urgent)
		return urgent(p);
	if ((p->held > PUMP_HELD_BYTES_MAX || p->n_held >= PUMP_HELD_MSGS_MAX) &&
	    !discard(p, p->held - 1))
		return TX_DRAINED;
	return p->tx_large ? large(p) : small(p);
}

/* All that the program has written is the stack's. */
static bool finish(struct pump *p)
{
	p->tx_done = true;
	if (p->prog_closed)
		return pump_ended(p, PUMP_CLOSED);
	(void)ns_shutdown(p->ps->conf.stack, p->ns_fd, SHUT_WR); /* fails when it has ended */
	return true;
}

bool pump_tx(struct pump *p)
{
	while (!p->tx_done) {
		switch (step(p)) {
		case TX_MORE:
			break;
		case TX_DRAINED:
			return p->prog_fin ? finish(p) : true;
		case TX_BLOCKED:
			p->tx_blocked = true;
			return true;
		case TX_ABORTED:
			return pump_ended(p, PUMP_ABORTED);
		case TX_DEAD:
			return pump_dead(p);
		}
	}
	return true;
}
