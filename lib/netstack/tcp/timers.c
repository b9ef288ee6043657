/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Timers of a connection: deadlines in the connection, and one timer of the wheel for the
 * earliest of them.  A deadline that moves away leaves the timer where it is: it fires, finds
 * nothing to do and is armed again.
 *
 *	rexmit_at_ns	retransmission (RFC 6298), also of SYN; or, with TCPF_PERSIST, of what
 *			waits with nothing in flight (RFC 1122, 4.2.2.17)
 *	delack_at_ns	delayed ACK (rcv.c)
 *	keep_at_ns	keepalive (RFC 1122, 4.2.3.6); the end of an orphan in FIN-WAIT-2
 */
#include <errno.h>

#include "netstack/tcp/snd_priv.h"

#define BACKOFF_MAX 31

/* An orphan is resent so often (tcp_orphan_retries of 0). */
#define ORPHAN_RETRIES 8

static uint64_t now_ns(const struct tcp_conn *c)
{
	return c->tcp->core->now_ns;
}

void tcp_timers_update(struct tcp_conn *c)
{
	struct timer_wheel *w = &c->tcp->core->wheel;
	uint64_t at = c->rexmit_at_ns;

	if (c->delack_at_ns < at)
		at = c->delack_at_ns;
	if (c->keep_at_ns < at)
		at = c->keep_at_ns;
	if (at == TIMER_NEVER || (timer_is_set(&c->timer) && timer_at_ns(&c->timer) <= at))
		return;
	timer_set(w, &c->timer, at);
}

/* --- since when --- */

static uint32_t stalled_ms(const struct tcp_conn *c)
{
	return c->fl ? core_ms(c->tcp->core) - c->fl->stalled_ms : 0;
}

/* The user's patience is over (RFC 5482). */
static bool is_over_user_timeout(const struct tcp_conn *c)
{
	return c->user_timeout_ms && stalled_ms(c) >= c->user_timeout_ms;
}

/* In time for it. */
static uint64_t clamp_to_user_timeout(const struct tcp_conn *c, uint64_t delay_ns)
{
	uint64_t left;

	if (!c->user_timeout_ms)
		return delay_ns;
	left = c->user_timeout_ms > stalled_ms(c) ? c->user_timeout_ms - stalled_ms(c) : 1;
	return left * NS_PER_MS < delay_ns ? left * NS_PER_MS : delay_ns;
}

/* How long @retries retransmissions are waited for that begin with the least RTO: RFC 1122's R2 is
 * a time, in order that it does not depend on the path.
 */
static uint64_t retries_ms(const struct tcp_params *params, uint32_t retries)
{
	uint64_t rto = params->rto_min_ms, sum = 0;

	for (uint32_t i = 0; i <= retries; i++) {
		sum += rto;
		rto = 2 * rto < params->rto_max_ms ? 2 * rto : params->rto_max_ms;
	}
	return sum;
}

static bool is_over_retries(const struct tcp_conn *c, uint32_t retries)
{
	return c->n_retries && stalled_ms(c) >= retries_ms(&c->tcp->params, retries);
}

static void gave_up(struct tcp_conn *c)
{
	c->tcp->stats.abort_on_timeout++;
	tcp_conn_end(c, c->sk.soft_error ? c->sk.soft_error : ETIMEDOUT);
}

/* Nobody waits for what an orphan sends: fewer attempts, none with a peer that is known to be
 * out of reach.
 */
static uint32_t orphan_retries(const struct tcp_conn *c)
{
	const bool alive = tcp_rto_ns(c) < c->tcp->params.rto_max_ms * NS_PER_MS;
	const uint32_t n = c->tcp->params.orphan_retries;

	if (c->sk.soft_error && !alive)
		return 0;
	return n == 0 && alive ? ORPHAN_RETRIES : n;
}

/* --- starting and stopping --- */

void tcp_rexmit_start(struct tcp_conn *c)
{
	c->flags &= ~(uint32_t)TCPF_PERSIST;
	c->rexmit_at_ns = now_ns(c) + clamp_to_user_timeout(c, tcp_rto_ns(c));
	tcp_timers_update(c);
}

void tcp_rexmit_stop(struct tcp_conn *c)
{
	c->flags &= ~(uint32_t)TCPF_PERSIST;
	c->rexmit_at_ns = TIMER_NEVER;
}

void tcp_persist_start(struct tcp_conn *c)
{
	tcp_rexmit_start(c);
	c->flags |= TCPF_PERSIST;
}

/* --- retransmission --- */

static void back_off(struct tcp_conn *c)
{
	if (c->n_retries < UINT8_MAX)
		c->n_retries++;
	if (c->backoff < BACKOFF_MAX)
		c->backoff++;
}

static void syn_expired(struct tcp_conn *c)
{
	const struct tcp_params *params = &c->tcp->params;
	uint32_t retries = c->state == TCPS_SYN_SENT ? params->syn_retries : params->synack_retries;

	if (c->syncnt)
		retries = c->syncnt;
	if (c->n_retries >= retries || is_over_user_timeout(c)) {
		gave_up(c);
		return;
	}
	c->tcp->stats.timeouts++;
	back_off(c);
	tcp_rexmit_start(c);
	/* Not sent is as good as lost. */
	if (c->fl && c->fl->segs)
		(void)tcp_resend(c, c->fl->segs);
	else
		(void)tcp_send_syn(c);
}

/* The peer has closed its window over data in flight, and says so: it lives. */
static bool is_held_off(const struct tcp_conn *c)
{
	const uint32_t silent_ms = core_ms(c->tcp->core) - c->last_rx_ms;

	return c->snd_wnd == 0 && !(c->sk.flags & SOCK_DEAD) &&
	       silent_ms <= 2 * c->tcp->params.rto_max_ms;
}

static bool is_hopeless(const struct tcp_conn *c)
{
	uint32_t retries = c->tcp->params.retries2;

	if (is_over_user_timeout(c))
		return true;
	if (is_held_off(c))
		return false;
	if (c->sk.flags & SOCK_DEAD) {
		retries = orphan_retries(c);
		return c->n_retries >= retries;
	}
	return is_over_retries(c, retries);
}

static void rto_expired(struct tcp_conn *c)
{
	const struct tcp_params *params = &c->tcp->params;

	if (is_hopeless(c)) {
		gave_up(c);
		return;
	}
	/* R1: perhaps it is the way. */
	if (c->n_retries >= params->retries1) {
		c->path.gen = 0;
		tcp_mtu_black_hole(c);
	}
	c->tcp->stats.timeouts++;
	tcp_recovery_timeout(c);
	back_off(c);
	tcp_rexmit_start(c);
	tcp_output(c);
}

/* --- persist --- */

static void persist_expired(struct tcp_conn *c)
{
	const bool dead = c->sk.flags & SOCK_DEAD;

	if (!tcp_unsent(c) && !tcp_fin_waits(c))
		return;
	if (is_over_user_timeout(c) ||
	    c->n_probes >= (dead ? orphan_retries(c) : c->tcp->params.retries2)) {
		gave_up(c);
		return;
	}
	tcp_output(c);
	if (!c->fl || c->fl->segs)
		return;
	if (c->n_probes < UINT8_MAX)
		c->n_probes++;
	if (c->backoff < BACKOFF_MAX)
		c->backoff++;
	tcp_send_forced(c);
	if (!c->fl->segs)
		tcp_persist_start(c);
}

static void rexmit_expired(struct tcp_conn *c)
{
	const bool persist = c->flags & TCPF_PERSIST;

	c->rexmit_at_ns = TIMER_NEVER;
	if (c->state == TCPS_SYN_SENT || c->state == TCPS_SYN_RCVD)
		syn_expired(c);
	else if (c->fl && c->fl->segs)
		rto_expired(c);
	else if (persist)
		persist_expired(c);
}

/* --- keepalive --- */

static uint32_t keep_idle_ms(const struct tcp_conn *c)
{
	return 1000 * (c->keepidle_s ? c->keepidle_s : c->tcp->params.keepalive_s);
}

static uint32_t keep_intvl_ms(const struct tcp_conn *c)
{
	return 1000 * (c->keepintvl_s ? c->keepintvl_s : c->tcp->params.keepalive_intvl_s);
}

static void keep_in(struct tcp_conn *c, uint32_t ms)
{
	c->keep_at_ns = now_ns(c) + ms * NS_PER_MS;
	tcp_timers_update(c);
}

static bool wants_keepalive(const struct tcp_conn *c)
{
	return c->sk.flags & SOCK_KEEPALIVE && c->state != TCPS_CLOSED && c->state != TCPS_LISTEN &&
	       c->state != TCPS_SYN_SENT;
}

static bool is_orphan_in_fin_wait2(const struct tcp_conn *c)
{
	return c->state == TCPS_FIN_WAIT2 && c->sk.flags & SOCK_DEAD;
}

void tcp_keepalive_update(struct tcp_conn *c)
{
	uint32_t silent_ms;

	if (is_orphan_in_fin_wait2(c))
		return; /* the deadline is its end */
	c->keep_at_ns = TIMER_NEVER;
	if (!wants_keepalive(c))
		return;
	silent_ms = core_ms(c->tcp->core) - c->last_rx_ms;
	keep_in(c, silent_ms < keep_idle_ms(c) ? keep_idle_ms(c) - silent_ms : 0);
}

/* RFC 1122, 4.2.3.6; how long it takes is TCP_USER_TIMEOUT's, when that is set. */
static bool is_dead_silent(const struct tcp_conn *c, uint32_t silent_ms)
{
	const uint32_t most = c->keepcnt ? c->keepcnt : c->tcp->params.keepalive_probes;

	if (c->user_timeout_ms)
		return c->n_probes && silent_ms >= c->user_timeout_ms;
	return c->n_probes >= most;
}

static void keepalive(struct tcp_conn *c)
{
	const uint32_t silent_ms = core_ms(c->tcp->core) - c->last_rx_ms;

	/* What is in flight has a timer that finds out as well. */
	if (c->fl) {
		keep_in(c, keep_idle_ms(c));
		return;
	}
	if (silent_ms < keep_idle_ms(c)) {
		keep_in(c, keep_idle_ms(c) - silent_ms);
		return;
	}
	if (is_dead_silent(c, silent_ms)) {
		c->tcp->stats.abort_on_timeout++;
		tcp_conn_abort(c, c->sk.soft_error ? c->sk.soft_error : ETIMEDOUT);
		return;
	}
	c->tcp->stats.keepalives++;
	if (tcp_emit_bare(c, seq_sub(c->snd_una, 1), 0) == 0 && c->n_probes < UINT8_MAX)
		c->n_probes++;
	keep_in(c, keep_intvl_ms(c));
}

void tcp_fin_timeout_start(struct tcp_conn *c, uint32_t seconds)
{
	keep_in(c, 1000 * seconds);
}

static void keep_expired(struct tcp_conn *c)
{
	c->keep_at_ns = TIMER_NEVER;
	if (is_orphan_in_fin_wait2(c))
		tcp_conn_end(c, 0);
	else if (wants_keepalive(c))
		keepalive(c);
}

/* --- the timer --- */

void tcp_timer(void *arg, struct timer *t)
{
	struct tcp_conn *c = rb_entry(t, struct tcp_conn, timer);
	const uint64_t now = now_ns(c);

	(void)arg; /* the wheel's, the connection has all */
	if (c->delack_at_ns <= now)
		tcp_delack_expired(c);
	if (c->rexmit_at_ns <= now)
		rexmit_expired(c);
	if (c->keep_at_ns <= now)
		keep_expired(c);
	tcp_timers_update(c);
}
