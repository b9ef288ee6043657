/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * sender.h - a connection of ours that sends to a peer that is the test (segments.h)
 *
 * Numbers are relative to the first byte of ours.
 */
#ifndef TESTS_UNIT_NETSTACK_TCP_SENDER_H
#define TESTS_UNIT_NETSTACK_TCP_SENDER_H

#include <sys/ioctl.h>

#include <linux/tcp.h>

#include "netstack/tcp/snd_priv.h"
#include "tests/unit/netstack/tcp/segments.h"

#define MSS 1000

struct sender {
	struct rig r;
	struct peer p;
	int fd;
	struct seq first; /* byte of ours */
};

/* What the peer offers: @wnd as it is, no scale. */
static RIG_UNUSED struct tcp_options_repr plain_options(bool sack)
{
	return (struct tcp_options_repr){ .mss = MSS, .sack_permitted = sack };
}

static RIG_UNUSED void sender_open(struct sender *x, const struct tcp_options_repr *opt,
				   uint16_t wnd)
{
	x->p = peer_of(&x->r, PEER_PORT);
	x->p.wnd = wnd;
	x->fd = peer_accepts(&x->p, opt);
	x->first = x->p.ack;
}

/* With SACK or without, no timestamps, a window of 60000. */
static RIG_UNUSED void sender_init(struct sender *x, bool sack)
{
	const struct tcp_options_repr opt = plain_options(sack);

	segments_init(&x->r);
	sender_open(x, &opt, 60000);
}

/* The peer resets it: nothing is left. */
static RIG_UNUSED void sender_done(struct sender *x)
{
	peer_send(&x->p, TCP_RST | TCP_ACK, 0);
	assert_int_equal(ns_close(x->r.st, x->fd), 0);
	rig_done(&x->r);
}

/* @len bytes are written; sent is what may be sent. */
static RIG_UNUSED void write_flags(struct sender *x, uint32_t len, int flags)
{
	static uint8_t buf[1 << 20];

	assert_true(len <= sizeof(buf));
	for (uint32_t i = 0; i < len; i++)
		buf[i] = byte_at(seq_of(i));
	assert_int_equal(ns_send(x->r.st, x->fd, buf, len, flags), len);
	netstack_advance(x->r.st, x->r.now);
}

static RIG_UNUSED void write_bytes(struct sender *x, uint32_t len)
{
	write_flags(x, len, 0);
}

/* The next segment has @len bytes from @off on. */
static RIG_UNUSED struct seg data_out(struct sender *x, uint32_t off, uint32_t len)
{
	const struct seq ack = x->p.ack;
	const struct seg s = seg_out(&x->p);

	assert_int_equal(seq_diff(s.seq, x->first), off);
	assert_int_equal(s.len, len);
	assert_true(s.flags & TCP_ACK);
	x->p.ack = ack;
	return s;
}

/* Segments of the MSS from @off to @end. */
static RIG_UNUSED void full_out(struct sender *x, uint32_t off, uint32_t end)
{
	for (; off < end; off += MSS)
		(void)data_out(x, off, MSS);
}

/* The peer has all up to @off, and the window ends there. */
static RIG_UNUSED void ack_wnd(struct sender *x, uint32_t off, uint16_t wnd)
{
	x->p.ack = seq_add(x->first, off);
	x->p.wnd = wnd;
	peer_send(&x->p, TCP_ACK, 0);
}

static RIG_UNUSED void ack(struct sender *x, uint32_t off)
{
	ack_wnd(x, off, x->p.wnd);
}

/* The same, and [@left, @right) beside it. */
static RIG_UNUSED void sack(struct sender *x, uint32_t off, uint32_t left, uint32_t right)
{
	struct seg s = { .flags = TCP_ACK, .seq = x->p.seq, .wnd = x->p.wnd };

	x->p.ack = seq_add(x->first, off);
	s.ack = x->p.ack;
	s.opt.n_sack = 1;
	s.opt.sack[0] = (struct tcp_sack){ seq_add(x->first, left), seq_add(x->first, right) };
	seg_in(&x->p, &s);
}

static RIG_UNUSED void set_opt(struct sender *x, int name, int v)
{
	assert_int_equal(ns_setsockopt(x->r.st, x->fd, IPPROTO_TCP, name, &v, sizeof(v)), 0);
	netstack_advance(x->r.st, x->r.now);
}

static RIG_UNUSED struct tcp_info info_of(struct sender *x)
{
	struct tcp_info i;
	socklen_t len = sizeof(i);

	memset(&i, 0, sizeof(i));
	assert_int_equal(ns_getsockopt(x->r.st, x->fd, IPPROTO_TCP, TCP_INFO, &i, &len), 0);
	return i;
}

/* Time passes; what is sent meanwhile can be read with the time when it was. */
static RIG_UNUSED void pass(struct sender *x, uint64_t ms)
{
	rig_sleep(&x->r, ms);
}

/* Nothing is sent before @ms have passed, then something is.  Return: when, to the millisecond */
static RIG_UNUSED uint64_t next_out_after(struct sender *x)
{
	const uint64_t begin = x->r.now;
	struct seg s;

	while (!seg_peek(&x->p, &s)) {
		const uint64_t at = netstack_deadline(x->r.st);

		if (at == TIMER_NEVER)
			fail_msg("nothing will be sent");
		if (at > x->r.now)
			x->r.now = at;
		netstack_advance(x->r.st, x->r.now);
	}
	return (x->r.now - begin) / NS_PER_MS;
}

static RIG_UNUSED uint32_t outq(struct sender *x)
{
	int n;

	assert_int_equal(ns_ioctl(x->r.st, x->fd, TIOCOUTQ, &n), 0);
	return (uint32_t)n;
}

#endif /* TESTS_UNIT_NETSTACK_TCP_SENDER_H */
