/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * in_priv.h - the input half of TCP: what its files have of each other
 *
 * A handshake from outside takes 64 bytes, or none with a SYN cookie, until it is done; so
 * does TIME-WAIT after the connection.  Both kinds of records are in tcp->table by their
 * 4-tuple like connections are.
 */
#ifndef NETSTACK_TCP_IN_PRIV_H
#define NETSTACK_TCP_IN_PRIV_H

#include "netstack/core/verdict.h"
#include "netstack/tcp/tcp_priv.h"

/* Records of SYN-RCVD have the number of their listener in so many bits. */
#define TCP_CONNS_MAX   (1U << 25)
#define TCP_SYNS_MAX    (1U << 20)
#define TCP_TWS_MAX     (1U << 22)
#define TCP_OFOSEGS_MAX (1U << 20)

/* Value of tcp_syn.snd_wscale when the peer does not scale. */
#define TCP_SYN_NO_WSCALE 15

/* Retransmissions that a record counts. */
#define TCP_SYN_RETRIES_MAX 15

/**
 * struct tcp_record - What both kinds of records begin with
 * @laddr, @raddr: Addresses
 * @next, @prev: In a queue, by number, SLAB_NONE at the ends
 */
struct tcp_record {
	struct ip6_addr laddr;
	struct ip6_addr raddr;
	uint32_t next;
	uint32_t prev;
};

/* Records in the order of their time. */
struct tcp_fifo {
	uint32_t first;
	uint32_t last;
};

/**
 * struct tcp_syn - A connection in SYN-RCVD, not yet anybody's
 *
 * The local port is the listener's.
 *
 * @iss, @irs:	Initial sequence numbers
 * @ts_recent:	The peer's timestamp, if @has_ts
 * @listener:	Number of the connection in LISTEN
 * @ifindex:	Where the SYN came in
 * @rport:	The peer's port
 * @mss:	The peer's, or the default
 * @sent:	When SYN+ACK was sent last: tcp_syn_clock()
 * @snd_wscale:	The peer's window scale, or TCP_SYN_NO_WSCALE
 * @rcv_wscale:	Ours
 * @retries:	How often the timer has sent SYN+ACK again: number of its queue
 * @has_ts, @sack: Agreed
 * @acked:	The handshake is complete, but there was no place in the accept queue, or no
 *		data and the listener waits for some (TCP_DEFER_ACCEPT)
 * @resent:	The peer made us send it again
 */
struct tcp_syn {
	struct tcp_record rec;
	struct seq iss;
	struct seq irs;
	uint32_t ts_recent;
	uint32_t listener : 25;
	uint32_t ifindex : 7;
	uint16_t rport;
	uint16_t mss;
	uint16_t sent;
	uint8_t snd_wscale : 4;
	uint8_t rcv_wscale : 4;
	uint8_t retries : 4;
	uint8_t has_ts : 1;
	uint8_t sack : 1;
	uint8_t acked : 1;
	uint8_t resent : 1;
};

_Static_assert(sizeof(struct tcp_syn) == 64, "a cache line");
_Static_assert(IFACE_MAX < 1 << 7, "ifindex fits");

/**
 * struct tcp_tw - A connection in TIME-WAIT
 * @lport, @rport: Ports
 * @snd_nxt, @rcv_nxt: RFC 9293
 * @ts_recent:	RFC 7323, if @has_ts
 * @hold:	Of port_hold(), TCP_TW_NO_HOLD for none
 * @ifindex:	Way to a link-local peer
 * @since:	When it began, or began again: tcp_tw_clock()
 * @wnd:	Window field of its ACKs
 */
struct tcp_tw {
	struct tcp_record rec;
	uint16_t lport;
	uint16_t rport;
	struct seq snd_nxt;
	struct seq rcv_nxt;
	uint32_t ts_recent;
	uint32_t hold : 24;
	uint32_t ifindex : 7;
	uint32_t has_ts : 1;
	uint16_t since;
	uint16_t wnd;
};

_Static_assert(sizeof(struct tcp_tw) == 64, "a cache line");

#define TCP_TW_NO_HOLD 0xffffffU

/**
 * struct tcp_syn_queues - All records of SYN-RCVD
 * @timer:	For the first one whose SYN+ACK is to be sent again
 * @queue:	By number of retransmissions: in each the time to the next one is the same, so
 *		they are in order of it
 */
struct tcp_syn_queues {
	struct tcp *tcp;
	struct timer timer;
	struct tcp_fifo queue[TCP_SYN_RETRIES_MAX + 1];
};

/* All records of TIME-WAIT, first in first out: it lasts the same for each. */
struct tcp_tw_queue {
	struct tcp *tcp;
	struct timer timer;
	struct tcp_fifo queue;
};

/**
 * struct tcp_passive - What a handshake from outside has agreed on, by record or cookie
 * @rtt_us:	Of the SYN+ACK, 0 for not known
 * Others as in struct tcp_syn
 */
struct tcp_passive {
	struct seq iss;
	struct seq irs;
	uint32_t ts_recent;
	uint32_t rtt_us;
	uint16_t mss;
	uint8_t snd_wscale;
	uint8_t rcv_wscale;
	bool has_ts;
	bool sack;
};

/* A connection, or a record, by the number in tcp->table. */
static inline struct tcp_conn *tcp_conn_get(const struct tcp *tcp, uint32_t id)
{
	return slab_get(&tcp->conns, id);
}

static inline struct tcp_syn *tcp_syn_get(const struct tcp *tcp, uint32_t id)
{
	return slab_get(&tcp->syns, id);
}

static inline struct tcp_tw *tcp_tw_get(const struct tcp *tcp, uint32_t id)
{
	return slab_get(&tcp->tws, id);
}

/* The segment goes no further. */
static inline void tcp_drop(struct tcp *tcp, const struct tcp_segment *seg, enum drop_reason why)
{
	core_drop(tcp->core, seg->pb, why);
}

/* What the functions for a segment say:
 *
 *	RX_TAKEN	it was used, all that is to be used of it
 *	a drop reason	it was not
 *	RX_PASS		go on with the next step
 *
 * In any case the packet is still tcp_in()'s, which frees it.
 */

/* --- record.c --- */

void tcp_fifo_init(struct tcp_fifo *f);

/* At the end; @s is the slab of these records. */
void tcp_fifo_push(struct tcp_fifo *f, const struct slab *s, uint32_t id);
void tcp_fifo_del(struct tcp_fifo *f, const struct slab *s, uint32_t id);

/* --- in.c, in_sync.c --- */

/* RFC 9293, 3.10.7.4: states from SYN-RCVD on.  Return: RX_TAKEN or a drop reason */
int tcp_in_sync(struct tcp_conn *c, struct tcp_segment *seg);

/* Steps 6 to 8: urgent pointer, data, FIN.  Return: as tcp_in_sync() */
int tcp_in_text(struct tcp_conn *c, struct tcp_segment *seg);

/* A segment that is not acceptable: say what is (RFC 5961; as often as the limits allow). */
void tcp_challenge(struct tcp_conn *c);

/* --- close.c --- */

int tcp_shutdown(struct sock *sk, int how);
void tcp_close(struct sock *sk);

/* AF_UNSPEC: what there is ends, the socket is as new but for what bind() gave it. */
void tcp_disconnect(struct tcp_conn *c);

/* The socket is closed and our FIN acknowledged: the peer has a minute to send its own. */
void tcp_orphan_fin_wait2(struct tcp_conn *c);

/* LISTEN ends: its queues with it. */
void tcp_listen_stop(struct tcp_conn *c);

/* --- connect.c --- */

int tcp_connect_state(struct sock *sk);
int tcp_connect(struct sock *sk, struct ip6_addr addr, uint16_t port);

/* --- in_listen.c, in_synsent.c --- */

/* RFC 9293, 3.10.7.2.  @c is in LISTEN.  Return: as tcp_in_sync() */
int tcp_in_listen(struct tcp_conn *c, struct tcp_segment *seg);

/* IP_MINTTL, IPV6_MINHOPCOUNT (RFC 5082): a packet that can come from further away than the user
 * has his peers.
 */
static inline bool tcp_is_too_far(const struct sock *sk, const struct ip_rx *rx)
{
	return rx->ttl < (rx->is_ip4 ? sk->min_ttl : sk->min_hops);
}

/* RFC 9293, 3.10.7.3.  Return: as tcp_in_sync() */
int tcp_in_synsent(struct tcp_conn *c, struct tcp_segment *seg);

/* --- syn.c --- */

/* Also makes tcp->syn_queues.  0 or -ENOMEM. */
int tcp_syn_new(struct tcp *tcp);
void tcp_syn_done(struct tcp *tcp);

/* A SYN for a listener that has room for it: makes the record and answers.  Return: as
 * tcp_in_sync()
 */
int tcp_syn_in(struct tcp_conn *listener, const struct tcp_segment *seg);

/* A segment for a record.  Return: as tcp_in_sync() */
int tcp_syn_segment(struct tcp *tcp, uint32_t id, struct tcp_segment *seg);

/* An ICMP error about its SYN+ACK ends it.  False when it is about something else. */
bool tcp_syn_error(struct tcp *tcp, uint32_t id, const struct ip_error *e);

/* A listener goes: with all its records. */
void tcp_syn_forget(struct tcp_conn *listener);

/* Handler of TIMER_TCP_SYNQ. */
void tcp_syn_timer(void *arg, struct timer *t);

/* --- cookie.c --- */

/**
 * tcp_cookie_make() - The initial sequence number that says everything
 * @peer_mss:	What the peer says; the cookie keeps the next smaller one of a few
 *
 * 32 bits: of the time in units of 64 s, of the MSS, and of SipHash-2-4 under the secret of
 * the instance of both and of addresses, ports and the peer's ISN.
 */
struct seq tcp_cookie_make(const struct tcp *tcp, const struct tcp_segment *seg, uint16_t peer_mss);

/* Our timestamp (core_ms() with the pair's offset) for a cookie's SYN+ACK: not later than now, and
 * in its lowest bits what there is no room for in the cookie, window scale and SACK.
 */
uint32_t tcp_cookie_ts(const struct tcp *tcp, const struct tcp_segment *seg,
		       const struct tcp_passive *p);

/* An ACK that may end a handshake by cookie.  False when it does not; else @ret is written, but
 * for @rcv_wscale when there is one.
 */
bool tcp_cookie_check(const struct tcp *tcp, const struct tcp_segment *seg,
		      struct tcp_passive *ret);

/* Cookies were sent by this listener lately enough for their answers to be on their way. */
bool tcp_cookie_expected(const struct tcp_conn *listener);

/* --- accept.c --- */

/**
 * tcp_accept_new() - The last ACK of a handshake is here: make the connection
 * @seg:	That ACK; processed further in state ESTABLISHED by the caller
 * @syn_id:	Number of the record whose place in tcp->table it takes, SLAB_NONE for none
 *
 * It is in tcp->table and in the accept queue.  Return: NULL without memory
 */
struct tcp_conn *tcp_accept_new(struct tcp_conn *listener, const struct tcp_segment *seg,
				const struct tcp_passive *p, uint32_t syn_id);

/* Has the accept queue no room for one more? */
bool tcp_accept_full(const struct tcp_conn *listener);

/* The oldest connection of the queue, NULL for none; it no longer is the listener's. */
struct tcp_conn *tcp_accept_take(struct tcp_conn *listener);

/* A listener goes: what waits in its queue is reset. */
void tcp_accept_forget(struct tcp_conn *listener);

/* --- timewait.c --- */

int tcp_tw_new(struct tcp *tcp);
void tcp_tw_done(struct tcp *tcp);

/* The connection has ended in TIME-WAIT: a record takes its place, its state is CLOSED. */
void tcp_time_wait(struct tcp_conn *c);

/**
 * tcp_tw_segment() - A segment for a record
 * @id:		Its number
 * @seg:	The segment
 *
 * A SYN may take the 4-tuple over (RFC 6191, RFC 9293 3.10.7.4): then the record is gone and
 * @seg->has_isn set.
 *
 * Return: as tcp_in_sync(), RX_PASS for such a SYN
 */
int tcp_tw_segment(struct tcp *tcp, uint32_t id, struct tcp_segment *seg);

/* May connect() have this 4-tuple (tcp_tw_reuse)?  Then tcp_tw_reuse() gives it: the record is
 * gone, the connection continues its numbers and timestamps.
 */
bool tcp_tw_reusable(const struct tcp *tcp, uint32_t id, bool bound);
void tcp_tw_reuse(struct tcp_conn *c, uint32_t id);

/* Handler of TIMER_TCP_TIME_WAIT. */
void tcp_tw_timer(void *arg, struct timer *t);

/* --- rcv.c --- */

/* Step 7 and 8: payload and FIN.  Return: RX_TAKEN or a drop reason */
int tcp_data_in(struct tcp_conn *c, struct tcp_segment *seg);

/* Payload that is next, and fits: no FIN, nothing is out of order.  False without memory. */
bool tcp_data_append(struct tcp_conn *c, const struct tcp_segment *seg);

/* Window and scale to offer, as Linux's tcp_select_initial_window().
 * @rcvbuf:	Receive buffer
 * @clamp:	0 for none
 * @mss:	Ours
 */
struct tcp_initial_window {
	uint32_t wnd;
	uint8_t wscale;
};
struct tcp_initial_window tcp_initial_window(const struct tcp_params *params, uint32_t rcvbuf,
					     uint32_t clamp, uint32_t mss, bool scale);

/* The connection is ESTABLISHED: delayed ACKs and autotuning begin. */
void tcp_rcv_established(struct tcp_conn *c);

/* rxq or out of order data changed: account for it. */
void tcp_rcv_charge(struct tcp_conn *c);

/* What of sk.rcvbuf is in use, by the last tcp_rcv_charge(). */
uint32_t tcp_rcv_used(const struct tcp_conn *c);

/* Segments that a device, or GRO, made this packet of. */
static inline uint32_t tcp_segments_in(const struct tcp_segment *seg)
{
	const uint32_t size = seg->pb->gso_size;

	return size && seg->data_len > size ? (seg->data_len + size - 1) / size : 1;
}

/* What the user has not read begins here. */
static inline struct seq tcp_copied_seq(const struct tcp_conn *c)
{
	return seq_sub(c->rcv_nxt, c->rxq.len + !!(c->flags & TCPF_FIN_RCVD));
}

/* An ACK is owed at the end of the burst. */
static inline void tcp_ack_now(struct tcp_conn *c)
{
	c->flags &= ~(uint32_t)TCPF_ACK_SOON;
	tcp_work(c, TCPF_ACK_NOW);
}

/* The next ACKs are sent at once, up to @max of them: the sender waits for them. */
void tcp_quickack(struct tcp_conn *c, unsigned int max);

#define TCP_QUICK_MAX 16

/* The user answers what he got: ACKs wait for the answer to go with (header of rcv.c). */
void tcp_pingpong(struct tcp_conn *c);

/* There are so many bytes to be read, or fewer and no room for more. */
bool tcp_readable(const struct tcp_conn *c, uint32_t target);

/* --- ofo.c --- */

/**
 * struct tcp_ofoseg - Data out of order, in one piece of sequence space
 * @node:	In tcp_disorder.tree
 * @seq, @end:	First number, and the one behind the last
 * @id:		Number in its slab
 * @q:		Its bytes
 */
struct tcp_ofoseg {
	struct rb_node node;
	struct seq seq;
	struct seq end;
	uint32_t id;
	struct dataq q;
};

/* Payload beyond rcv_nxt, cut to the window.  Return: RX_TAKEN or a drop reason */
int tcp_ofo_in(struct tcp_conn *c, struct tcp_segment *seg);

/* Data arrived up to rcv_nxt: what is next to it now moves to rxq, rcv_nxt with it. */
void tcp_ofo_merge(struct tcp_conn *c);

/* Report that these numbers came twice (RFC 2883). */
void tcp_dsack(struct tcp_conn *c, struct seq left, struct seq right);

/* An ACK left; c->ofo is there: what was to be reported was. */
void tcp_dsack_sent(struct tcp_conn *c);

/* A segment at @seq comes, which may be a duplicate too: an ACK reports only one, so the one
 * before it is reported now, unless the two are next to each other.
 */
void tcp_dsack_flush(struct tcp_conn *c, struct seq seq);

/* The FIN is at this number, which is not rcv_nxt.  Without memory it is forgotten. */
void tcp_ofo_fin(struct tcp_conn *c, struct seq seq);

#endif /* NETSTACK_TCP_IN_PRIV_H */
