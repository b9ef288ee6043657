/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * tcp_priv.h - TCP inside: the module, connections, and which file does what
 *
 * The way of a segment, up:
 *
 *	in.c		parse, find the owner
 *	in_sync.c	the steps of RFC 9293, 3.10.7.4, each a function
 *	in_listen.c	SYN to a listener (3.10.7.2)	syn.c	SYN queue: 64 bytes each
 *	in_synsent.c	SYN-SENT (3.10.7.3)		cookie.c SYN cookies
 *	timewait.c	TIME-WAIT: 64 bytes each	accept.c handshake done: a connection
 *	ack.c		step 5, ACK: what it acknowledges, window, RTT, loss recovery
 *	rcv.c		step 7, data: in order and out of order (ofo.c), window, delayed ACKs
 *
 * and down:
 *
 *	snd.c		send(): into the write queue
 *	out.c		what may be sent now; segments of the write queue
 *	emit.c		one segment with header and options, to ip_out()
 *	reply.c		RST and ACK for what has no connection
 *	timers.c	retransmission, persist, delayed ACK, keepalive, user timeout, linger
 *
 * Beside them: conn.c (life of a connection: states, table, end), connect.c, close.c, sock.c
 * (functions of a socket), opt.c and info.c (TCP_*), isn.c (RFC 6528), flight.c (begin and end
 * of the sending half), txseg.c and sack.c (scoreboard), recovery*.c (losses), rtt.c (RFC 6298),
 * rate.c, cc*.c, pmtu.c, chrono.c, error.c (ICMP), record.c (queues of those 64 bytes).  What
 * the files of one half have of each other is in in_priv.h and snd_priv.h.
 */
#ifndef NETSTACK_TCP_TCP_PRIV_H
#define NETSTACK_TCP_TCP_PRIV_H

#include "netstack/core/core.h"
#include "netstack/core/flowtab.h"
#include "netstack/core/rbtree.h"
#include "netstack/core/slab.h"
#include "netstack/net/ip.h"
#include "netstack/tcp/cc.h"
#include "netstack/tcp/tcp.h"
#include "netstack/transport/dataq.h"
#include "netstack/transport/ports.h"
#include "netstack/transport/sock.h"
#include "wire/seq.h"
#include "wire/tcp.h"
#include "wire/tcp_options.h"

/* With the numbers of TCP_INFO (netinet/tcp.h). */
enum tcp_state {
	TCPS_ESTABLISHED = 1,
	TCPS_SYN_SENT = 2,
	TCPS_SYN_RCVD = 3, /* simultaneous open; passive opens are records (syn.c) */
	TCPS_FIN_WAIT1 = 4,
	TCPS_FIN_WAIT2 = 5,
	TCPS_TIME_WAIT = 6, /* a record (timewait.c) */
	TCPS_CLOSED = 7,
	TCPS_CLOSE_WAIT = 8,
	TCPS_LAST_ACK = 9,
	TCPS_LISTEN = 10,
	TCPS_CLOSING = 11,
};

/* Of the sender, as tcpi_ca_state has them (linux/tcp.h has the other name). */
enum tcp_sender_state {
	TCPCA_OPEN,     /* nothing wrong */
	TCPCA_DISORDER, /* duplicate ACKs or SACKs, nothing resent yet */
	TCPCA_CWR,      /* window reduced for ECN */
	TCPCA_RECOVERY, /* fast retransmit (RFC 6582, 6675) */
	TCPCA_LOSS,     /* after an RTO */
};

enum tcp_conn_flag {
	TCPF_TS = 1 << 0,          /* timestamps agreed */
	TCPF_SACK = 1 << 1,        /* SACK agreed */
	TCPF_WSCALE = 1 << 2,      /* window scaling agreed */
	TCPF_NODELAY = 1 << 3,     /* TCP_NODELAY */
	TCPF_CORK = 1 << 4,        /* TCP_CORK */
	TCPF_MORE = 1 << 5,        /* the last send() had MSG_MORE */
	TCPF_ACK_NOW = 1 << 6,     /* send an ACK at the end of the burst */
	TCPF_ACK_DELAYED = 1 << 7, /* one is owed; delack_at_ns is set */
	TCPF_FIN_QUEUED = 1 << 8,  /* FIN follows the write queue */
	TCPF_FIN_SENT = 1 << 9,    /* it was sent: snd_nxt is behind it */
	TCPF_FIN_RCVD = 1 << 10,   /* the peer's FIN was received in order */
	TCPF_FIN_OFO = 1 << 11,    /* a FIN is out of order at @fin_seq */
	TCPF_URG_SENT = 1 << 12,   /* snd_up is ahead of snd_una */
	TCPF_URG_RCVD = 1 << 13,   /* rcv_up is valid: the mark was not passed yet */
	TCPF_URG_BYTE = 1 << 14,   /* @urg_byte is there to be read with MSG_OOB */
	TCPF_WORK = 1 << 15,       /* in tcp->work */
	TCPF_HASHED = 1 << 16,     /* in tcp->table */
	TCPF_CWND_LIMITED = 1 << 17,
	TCPF_QUICKACK = 1 << 18,     /* TCP_QUICKACK set */
	TCPF_ACK_SOON = 1 << 19,     /* with TCPF_ACK_NOW: the user may answer first */
	TCPF_PERSIST = 1 << 20,      /* rexmit_at_ns is the persist timer's */
	TCPF_RATE_LIMITED = 1 << 21, /* @delivery_rate is app-limited */
	TCPF_ACCEPTED = 1 << 22,     /* passive open */
	TCPF_CONNECTING = 1 << 23,   /* connect() has not been told of the end */
	TCPF_DISCONNECTING =
		1 << 24,       /* shutdown() before connect() was told: that ends in EINVAL */
	TCPF_OUTPUT = 1 << 25, /* tcp_output() is wanted at the end of the burst */
	TCPF_GOT_RST = 1 << 26,
	TCPF_PINGPONG = 1 << 27,  /* requests and answers: ACKs wait for data to go with */
	TCPF_CONNECTED = 1 << 28, /* connect() or accept() has said so */
	TCPF_URG_READ = 1 << 29,  /* the urgent byte was taken with MSG_OOB */
	TCPF_RCV_ZERO = 1 << 30,  /* the window that was advertised last is 0 */
};

/* Of a transmitted piece of the write queue. */
enum tcp_txseg_flag {
	TXSEG_SACKED = 1 << 0,
	TXSEG_LOST = 1 << 1,
	TXSEG_RETRANS = 1 << 2,      /* a retransmission is in flight */
	TXSEG_EVER_RETRANS = 1 << 3, /* no RTT sample of it (Karn) without timestamps */
	TXSEG_SYN = 1 << 4,
	TXSEG_FIN = 1 << 5,
	TXSEG_PSH = 1 << 6,
	TXSEG_APP_LIMITED = 1 << 7,
};

/**
 * struct tcp_txseg - What was sent and is not acknowledged, one transmission unit
 *
 * Up to 64 KiB with segmentation offload; split when ACK, SACK or a new MSS end within, at
 * the boundaries of its packets.  Neighbours that are SACKed become one.
 *
 * @node:	In fl->tree, by sequence number
 * @prev, @next: The same order
 * @seq:	First
 * @len:	Sequence space: bytes, and one for SYN or FIN
 * @id:		Number in its slab
 * @flags:	enum tcp_txseg_flag
 * @n_rexmit:	How often resent
 * @mss:	Payload of its packets when it was sent last
 * @n_pkts:	Packets it was sent as
 * @data:	Where its bytes are in the write queue
 * @sent_us:	Last transmission
 * @first_tx_us, @delivered_us, @delivered: Of the rate sample, when it was sent
 */
struct tcp_txseg {
	struct rb_node node;
	struct tcp_txseg *prev;
	struct tcp_txseg *next;
	struct seq seq;
	uint32_t len;
	uint32_t id;
	uint8_t flags;
	uint8_t n_rexmit;
	uint16_t mss;
	uint32_t n_pkts;
	struct dataq_cursor data;
	uint64_t sent_us;
	uint64_t first_tx_us;
	uint64_t delivered_us;
	uint64_t delivered;
};

/* What the time passes with while there is something to send (TCP_INFO). */
enum tcp_chrono {
	TCP_CHRONO_NONE,
	TCP_CHRONO_BUSY,
	TCP_CHRONO_RWND,
	TCP_CHRONO_SNDBUF,
};

/* F-RTO (RFC 5682): what the next ACK will tell. */
enum tcp_frto {
	TCP_FRTO_OFF,
	TCP_FRTO_FIRST,  /* the first ACK after the timeout */
	TCP_FRTO_SECOND, /* new data was sent upon it */
};

/**
 * struct tcp_flight - What a connection has besides while it has something to send or in flight
 *
 * From tcp->flights.  tcp_flight_get() makes it with the first byte written (or SYN, or FIN),
 * tcp_flight_put() gives it back when the write queue is empty and all is acknowledged, so an
 * idle connection does without.  Whatever has to outlive that is in struct tcp_conn.
 *
 * @id:		Number in its slab
 * @n_dupacks:	Duplicate ACKs in a row
 * @frto:	enum tcp_frto
 * @chrono:	enum tcp_chrono, since @chrono_ms
 * @tx_next:	Place of snd_nxt in the write queue
 * @unsent:	Bytes of the write queue from there on
 * @segs, @segs_last, @tree: Transmitted, not acknowledged
 * @n_segs:	How many
 * @mark:	Those before it were looked at by who finds losses; NULL: all were
 * @resend:	Those before it do not wait to be resent; NULL: none does
 * @sacked, @lost, @retrans: Bytes of segs with that flag.  Without SACK @sacked is an estimate
 *		by duplicate ACKs
 * @sacked_pkts: Packets of segs that are SACKed; of which
 * @mark_sacked_pkts: before @mark
 * @recover:	RFC 6582
 * @high_sacked: Behind the highest one that was SACKed
 * @undo_marker: Since cwnd was reduced there; with
 * @undo_retrans: Bytes resent since then, without those that D-SACK reports as superfluous.
 *		Valid while @prior_cwnd is not 0
 * @prior_cwnd, @prior_ssthresh: To go back to
 * @rexmit_ts:	Our timestamp of the first retransmission since then (RFC 3522)
 * @rtt_seq, @mdev_us, @mdev_max_us: The round trip in which RTTVAR is measured
 * @stalled_ms:	core_ms() since when nothing was acknowledged: user timeout, R2
 * @probe_size:	A packet of so many bytes is under way at @probe_seq to see whether the path takes
 *		it (RFC 4821); 0: none is
 * @first_tx_us, @delivered_us: Of the rate sample; the time when the flight began, at first
 * @app_limited: delivered until which samples are app-limited, 0: none
 */
struct tcp_flight {
	uint32_t id;
	uint16_t n_dupacks;
	uint8_t frto;
	uint8_t chrono;
	struct dataq_cursor tx_next;
	uint32_t unsent;
	uint32_t n_segs;
	struct tcp_txseg *segs;
	struct tcp_txseg *segs_last;
	struct rb_tree tree;
	struct tcp_txseg *mark;
	struct tcp_txseg *resend;
	uint32_t sacked;
	uint32_t lost;
	uint32_t retrans;
	uint32_t sacked_pkts;
	uint32_t mark_sacked_pkts;
	struct seq recover;
	struct seq high_sacked;
	struct seq undo_marker;
	uint32_t undo_retrans;
	uint32_t prior_cwnd;
	uint32_t prior_ssthresh;
	uint32_t rexmit_ts;
	struct seq rtt_seq;
	uint32_t mdev_us;
	uint32_t mdev_max_us;
	uint32_t stalled_ms;
	uint32_t chrono_ms;
	uint16_t probe_size;
	struct seq probe_seq;
	uint64_t first_tx_us;
	uint64_t delivered_us;
	uint64_t app_limited;
};

/**
 * struct tcp_disorder - What a connection has besides while data is out of order (ofo.c)
 *
 * From tcp->disorders, made by the first such segment and given back with the last.  A
 * duplicate that is to be reported needs it, too.
 *
 * @id:		Number in its slab
 * @tree:	Pieces, by sequence number; no two of them overlap
 * @bytes:	Payload in them
 * @charge:	Memory that they hold, part of sk.rcv_charge
 * @n:		Pieces
 * @fin_seq:	TCPF_FIN_OFO: where the FIN is
 * @last:	Piece that was added to last: where the next one goes most likely
 * @dsack:	To be reported with the next ACK; empty: none
 * @recent:	Blocks to report (RFC 2018, 4): newest first
 * @n_recent:	How many
 */
struct tcp_disorder {
	uint32_t id;
	uint32_t bytes;
	uint32_t charge;
	uint32_t n;
	struct rb_tree tree;
	struct tcp_ofoseg *last;
	struct seq fin_seq;
	struct tcp_sack dsack;
	struct tcp_sack recent[TCP_SACK_MAX];
	uint8_t n_recent;
};

/**
 * struct tcp_conn - A connection, or a listener, or a socket that is neither yet
 *
 * A million of them may be idle: see TCP_CONN_SIZE_MAX.
 *
 * Names as in RFC 9293, 3.3.1; windows are in bytes, already scaled.
 *
 * @sk:		First: the socket
 * @bind:	Its local port
 * @timer:	For the earliest of its deadlines
 * @tcp:	Module
 * @path:	Way to the peer
 * @work_next:	In tcp->work
 * @next, @prev: Of all there are, by number, SLAB_NONE at the ends
 * @accept_next: In the accept queue of the listener
 * @listener:	LISTEN only
 * @hash:	Of the 4-tuple
 *
 * @snd_una, @snd_nxt, @snd_wl1, @snd_wl2, @iss, @snd_up: RFC 9293
 * @snd_wnd:	Offered by the peer
 * @max_wnd:	Largest that was (SWS avoidance, RFC 1122 4.2.3.4; RFC 5961 5.2)
 * @snd_sml:	End of the last small segment (Nagle as Minshall has it)
 * @txq:	Write queue from snd_una on: bytes sent and not acknowledged, and unsent
 * @fl:		NULL with nothing to send and nothing in flight
 *
 * @rcv_nxt, @rcv_up: RFC 9293
 * @rcv_adv:	Right edge of the window that was advertised last: never moves left
 * @rcv_wup:	rcv_nxt when the last ACK was sent
 * @rxq:	In order, not read yet
 * @ofo:	NULL with nothing out of order
 * @rcv_mss:	Estimate of the peer's segment size: delayed ACKs, SWS
 * @window_clamp: The window is not to be larger (TCP_WINDOW_CLAMP, autotuning)
 * @rcvq_copied, @rcvq_space, @rcvq_at_us: Autotuning: bytes the user read since that time, and
 *		in the round trip before
 * @rcv_rtt_us, @rcv_rtt_seq, @rcv_rtt_at_us: Round trip as the receiver sees it, the
 *		measurement under way.  Times of 32 bits wrap
 */
struct tcp_conn {
	struct sock sk;
	struct port_bind bind;
	struct timer timer;
	struct tcp *tcp;
	struct ip_path path;
	struct tcp_conn *work_next;
	union {
		struct tcp_conn *accept_next;
		struct tcp_listener *listener;
	};
	uint32_t next;
	uint32_t prev;
	uint32_t hash;
	uint32_t flags; /* enum tcp_conn_flag */
	uint8_t state;  /* enum tcp_state */
	uint8_t ca_state;
	uint8_t snd_wscale : 4;
	uint8_t rcv_wscale : 4;
	uint8_t backoff; /* doublings of the RTO */

	/* sending */
	struct seq snd_una;
	struct seq snd_nxt;
	struct seq snd_wl1;
	struct seq snd_wl2;
	struct seq iss;
	struct seq snd_up;
	struct seq snd_sml;
	uint32_t snd_wnd;
	uint32_t max_wnd;
	struct dataq txq;
	struct tcp_flight *fl;
	uint16_t peer_mss;      /* MSS option of the peer, or the default */
	uint16_t adv_mss;       /* ours */
	uint16_t user_mss;      /* TCP_MAXSEG, 0 for none */
	uint16_t probe_mtu;     /* RFC 4821: larger packets vanish on this path; 0: not known */
	uint16_t probe_until_s; /* until then, in seconds of the clock */
	uint16_t n_dsacks;
	uint16_t n_reordered; /* how often @reordering was found too small */
	uint16_t last_rx_len; /* payload of the last segment, for @rcv_mss */

	/* congestion control, RTT (RFC 6298), rate */
	const struct tcp_cc *cc;
	struct tcp_cc_state cs;
	uint32_t rttvar_us;
	uint32_t rto_us;
	uint16_t min_rtt_at_s; /* tcp_now_s() */
	uint16_t reordering;   /* segments */
	uint16_t probe_high;   /* RFC 4821: nothing larger came through; 0: not tried */
	uint8_t n_probes;      /* keepalive or persist probes without an answer */
	uint8_t n_retries;     /* of the SYN, or since something was acknowledged */
	uint32_t total_retrans;
	uint32_t delivered_pkts;
	uint64_t delivered; /* bytes acknowledged or SACKed so far */

	/* receiving */
	struct seq rcv_nxt;
	struct seq rcv_up;
	struct seq rcv_adv;
	struct seq rcv_wup;
	uint32_t rcv_mss;
	struct dataq rxq;
	struct tcp_disorder *ofo;
	uint8_t urg_byte;
	uint8_t ato_ms;       /* delayed ACK timeout, adapts */
	uint8_t n_quick;      /* ACKs to be sent at once (quickack mode) */
	uint8_t defer_accept; /* TCP_DEFER_ACCEPT as SYN+ACK retransmissions, as Linux keeps it */
	uint32_t window_clamp;
	uint32_t rcvq_copied;
	uint32_t rcvq_space;
	uint32_t rcvq_at_us;
	uint32_t rcv_rtt_us;
	struct seq rcv_rtt_seq;
	uint32_t rcv_rtt_at_us;

	/* timestamps (RFC 7323) */
	uint32_t ts_recent;
	uint32_t ts_recent_s; /* when it was set, by tcp_now_s() */
	uint32_t ts_offset;
	uint32_t last_challenge_ms;

	/* deadlines, TIMER_NEVER for none */
	uint64_t rexmit_at_ns; /* or persist; SYN */
	uint64_t delack_at_ns;
	uint64_t keep_at_ns; /* keepalive; FIN-WAIT-2 of orphans; linger */
	uint32_t last_rx_ms; /* these four are of core_ms() */
	uint32_t last_tx_ms;
	uint32_t last_data_ms; /* that with data, received */

	/* options of TCP_* */
	uint32_t user_timeout_ms;
	uint32_t notsent_lowat;
	uint16_t keepidle_s; /* 0: the default of the instance, as the next two */
	uint16_t keepintvl_s;
	int16_t linger2_s;
	uint8_t keepcnt;
	uint8_t syncnt;

	/* TCP_INFO */
	uint32_t segs_out;
	uint32_t segs_in;
	uint32_t data_segs_out;
	uint32_t data_segs_in;
	uint32_t busy_ms;       /* the write queue was not empty; of which, */
	uint32_t rwnd_ms;       /* for want of a window, */
	uint32_t sndbuf_ms;     /* for want of room for more to send */
	uint64_t delivery_rate; /* bytes per second */
	uint64_t bytes_retrans;
	uint64_t bytes_acked;
	uint64_t bytes_received;
};

/* An idle connection costs this, a slot of the flow table and one of the descriptors: together
 * no more than 768 bytes.
 */
#define TCP_CONN_SIZE_MAX 720
_Static_assert(sizeof(struct tcp_conn) <= TCP_CONN_SIZE_MAX, "state for idle connections only");

/**
 * struct tcp_listener - What a socket in LISTEN has besides
 * @id:		Number in its slab
 * @backlog:	Of listen(), at most somaxconn
 * @n_syn:	Records in the SYN queue
 * @n_young:	Of which their SYN+ACK was sent once only
 * @n_accept:	Connections in the accept queue; full when it is more than the backlog, as on
 *		Linux
 * @first, @last: Accept queue
 * @cookies_at_s: When a SYN cookie was sent last, by tcp_now_s()
 * @cookies_sent: One was: ACKs without a record are looked at for a while
 */
struct tcp_listener {
	uint32_t id;
	uint32_t backlog;
	uint32_t n_syn;
	uint32_t n_young;
	uint32_t n_accept;
	struct tcp_conn *first;
	struct tcp_conn **last;
	uint32_t cookies_at_s;
	bool cookies_sent;
};

/* What a value of tcp->table is the number of: the upper two bits. */
enum tcp_owner {
	TCP_OWNER_CONN = 0U << 30,
	TCP_OWNER_SYN = 1U << 30,
	TCP_OWNER_TW = 2U << 30,
};

#define TCP_OWNER_MASK (3U << 30)

/**
 * struct tcp - The module
 * @table:	Connections and records by 4-tuple
 * @conns:	Objects
 * @all:	Number of the first connection of all
 * @work:	Connections to look at at the end of the burst (tcp_run()), and
 * @work_last:	where to append the next one
 * @queue_bytes: Memory in all write and receive queues
 * @told_full:	Somebody was told to wait for others' queues to shrink (params.bytes_max)
 */
struct tcp {
	struct core *core;
	struct net *net;
	struct tcp_params params;
	struct tcp_stats stats;
	struct flowtab table;
	struct port_table ports;
	struct slab conns;
	struct slab listeners;
	struct slab syns;
	struct slab tws;
	struct slab nodes; /* of dataq */
	struct slab txsegs;
	struct slab ofosegs;
	struct slab flights;
	struct slab disorders;
	uint32_t all;
	struct tcp_conn *work;
	struct tcp_conn **work_last;
	uint64_t queue_bytes;
	bool told_full;
	uint32_t n_orphans;
	uint32_t challenge_second;
	uint32_t challenge_left;
	struct tcp_syn_queues *syn_queues; /* in_priv.h */
	struct tcp_tw_queue *tw_queue;
};

/**
 * struct tcp_segment - A received segment, parsed and checked
 * @pb:		The packet; payload begins at data
 * @rx:		Its IP facts
 * @h:		Header
 * @opt:	Options
 * @hash:	Of its 4-tuple
 * @len:	Sequence space it takes: payload, SYN, FIN
 * @data_len:	Payload
 * @isn:	A SYN that takes over from TIME-WAIT (@has_isn): number for the new connection
 */
struct tcp_segment {
	struct pbuf *pb;
	const struct ip_rx *rx;
	struct tcp_repr h;
	struct tcp_options_repr opt;
	uint32_t hash;
	uint32_t len;
	uint32_t data_len;
	struct seq isn;
	bool has_isn;
};

static inline struct tcp_conn *tcp_conn_of(struct sock *sk)
{
	return (struct tcp_conn *)(void *)sk;
}

static inline uint32_t tcp_min(uint32_t a, uint32_t b)
{
	return a < b ? a : b;
}

static inline uint32_t tcp_max(uint32_t a, uint32_t b)
{
	return a > b ? a : b;
}

static inline uint64_t tcp_now_us(const struct tcp_conn *c)
{
	return c->tcp->core->now_ns / NS_PER_US;
}

/* Seconds, for what may be older than the 49 days of core_ms(). */
static inline uint32_t tcp_now_s(const struct tcp *tcp)
{
	return (uint32_t)(tcp->core->now_ns / NS_PER_S);
}

/* --- conn.c --- */

struct tcp_conn *tcp_conn_new(struct tcp *tcp, bool is_ip6);

/* The object goes: out of every table and queue.  Only tcp_run() and tcp_free() do that, so a
 * pointer to a connection holds until the end of the burst.
 */
void tcp_conn_free(struct tcp_conn *c);

/* Into the table; nobody has the 4-tuple.  @hash: tcp_hash() of it.  0 or -ENOMEM */
int tcp_conn_insert(struct tcp_conn *c, uint32_t hash);
void tcp_conn_unhash(struct tcp_conn *c);

/* State changes go through here: counters, trace, readiness. */
void tcp_set_state(struct tcp_conn *c, enum tcp_state state);

/* The connection is over with this error (positive, 0 for none): nothing is sent any more, the
 * state is CLOSED, the socket is told.  What was received may still be read.  The object is
 * freed by tcp_run() when no descriptor holds it.  Nothing happens to one that is CLOSED.
 */
void tcp_conn_end(struct tcp_conn *c, int error);

/* The same, telling the peer with a RST. */
void tcp_conn_abort(struct tcp_conn *c, int error);

/* Look at it at the end of the burst: TCPF_ACK_NOW, TCPF_OUTPUT. */
void tcp_work(struct tcp_conn *c, uint32_t flags);

uint32_t tcp_hash(const struct tcp *tcp, struct ip6_addr laddr, uint16_t lport,
		  struct ip6_addr raddr, uint16_t rport);

/* SLAB number with enum tcp_owner, FLOWTAB_NONE for nobody. */
uint32_t tcp_lookup(const struct tcp *tcp, uint32_t hash, struct ip6_addr laddr, uint16_t lport,
		    struct ip6_addr raddr, uint16_t rport);

/* What sends with this connection's addresses. */
void tcp_flow(const struct tcp_conn *c, struct ip_flow *ret);

/* --- isn.c --- */

struct seq tcp_isn(const struct tcp *tcp, struct ip6_addr laddr, uint16_t lport,
		   struct ip6_addr raddr, uint16_t rport);

/* Added to core_ms() for timestamps of this pair of addresses (RFC 7323, 5.4; RFC 1948 style). */
uint32_t tcp_ts_offset(const struct tcp *tcp, struct ip6_addr laddr, struct ip6_addr raddr);

/* --- in side: ack.c takes part of it --- */

/* Step 5 for states from ESTABLISHED on, @seg->h.ack within what RFC 5961 5.2 allows: snd_una,
 * window, SACK, RTT, congestion control, recovery.  Wakes writers, asks for output.
 * Return: whether the ACK was of what is in flight, or is older or newer than that and was not
 * used
 */
enum tcp_ack_verdict {
	TCP_ACK_OK,
	TCP_ACK_OLD,
	TCP_ACK_FUTURE
};
enum tcp_ack_verdict tcp_ack_in(struct tcp_conn *c, const struct tcp_segment *seg);

/* The handshake is complete: first window, RTT of the SYN, cc->init().  snd_una is iss + 1. */
void tcp_snd_established(struct tcp_conn *c, const struct tcp_segment *seg);

/* MSS, path and congestion state of a new connection, before its SYN or SYN+ACK. */
int tcp_snd_init(struct tcp_conn *c);

/* --- rcv.c, ofo.c --- */

/* Window to advertise (RFC 9293, 3.8.6.2.2): also moves rcv_adv.  Scaled by who sends it. */
uint32_t tcp_rcv_window(struct tcp_conn *c);

/* Sequence space that is acceptable from rcv_nxt on. */
uint32_t tcp_rcv_room(const struct tcp_conn *c);

/* The user has read @n bytes: window update when it is worth one, autotuning. */
void tcp_rcv_read(struct tcp_conn *c, uint32_t n);

/* First window and scale of a new connection, before its SYN. */
void tcp_rcv_init(struct tcp_conn *c);

/* A segment with ACK left: what was owed is paid. */
void tcp_ack_sent(struct tcp_conn *c);

/* delack_at_ns has come: sends the ACK that is owed. */
void tcp_delack_expired(struct tcp_conn *c);

/* SACK blocks to be sent: D-SACK first (RFC 2883).  Return: how many of @max */
unsigned int tcp_rcv_sacks(const struct tcp_conn *c, struct tcp_sack *ret, unsigned int max);

void tcp_ofo_clear(struct tcp_conn *c);

/* Memory is short: throw data out of order away.  Return: whether there was any. */
bool tcp_ofo_prune(struct tcp_conn *c);

/* --- snd.c, out.c, emit.c --- */

/* Send what may be sent now: window, cwnd, Nagle, cork.  FIN too. */
void tcp_output(struct tcp_conn *c);

/* A bare ACK at once. */
void tcp_send_ack(struct tcp_conn *c);

/* SYN of an active open, or SYN+ACK of a simultaneous one. */
int tcp_send_syn(struct tcp_conn *c);

/* RST with what the connection has (RFC 9293, 3.10.7.1). */
void tcp_send_reset(struct tcp_conn *c);

/* Queue the FIN behind what is written, and send. */
void tcp_send_fin(struct tcp_conn *c);

/* Resend one piece now. Return: 0, -ENOBUFS … */
int tcp_resend(struct tcp_conn *c, struct tcp_txseg *s);

/* Payload that fits into a segment now, options taken off: of path, peer, user. */
uint32_t tcp_snd_mss(struct tcp_conn *c);

/* Bytes the user may still write. */
uint32_t tcp_snd_room(const struct tcp_conn *c);

/* For poll(): there is so much room that it is worth to say so.  It is EPOLLOUT's level; the
 * transition is reported by sock_wake().
 */
bool tcp_snd_writable(const struct tcp_conn *c);

int64_t tcp_send(struct tcp_conn *c, struct sock_msg *msg);
int64_t tcp_send_block(struct tcp_conn *c, struct pbuf_block *block, uint32_t off, uint32_t len);

/* Give back all that waits to be sent or acknowledged. */
void tcp_snd_clear(struct tcp_conn *c);

/* In flight, by RFC 6675's count: "pipe". */
static inline uint32_t tcp_in_flight(const struct tcp_conn *c)
{
	if (!c->fl)
		return 0;
	return (uint32_t)seq_diff(c->snd_nxt, c->snd_una) - c->fl->sacked - c->fl->lost +
	       c->fl->retrans;
}

/* c->fl is there: made now or before.  NULL without memory. */
struct tcp_flight *tcp_flight_get(struct tcp_conn *c);

/* Give it back if nothing waits to be sent or acknowledged. */
void tcp_flight_put(struct tcp_conn *c);

/* --- timers.c --- */

/* The deadlines have changed: arm the timer for the earliest. */
void tcp_timers_update(struct tcp_conn *c);

/* RFC 6298, 5: start the retransmission timer when it is off, or again. */
void tcp_rexmit_start(struct tcp_conn *c);
void tcp_rexmit_stop(struct tcp_conn *c);

/* Handler of TIMER_TCP. */
void tcp_timer(void *arg, struct timer *t);

/* Keepalive as of now: on for ESTABLISHED with SO_KEEPALIVE. */
void tcp_keepalive_update(struct tcp_conn *c);

/* An orphan in FIN-WAIT-2, or lingering. */
void tcp_fin_timeout_start(struct tcp_conn *c, uint32_t seconds);

/* --- reply.c: for what has no connection --- */

/**
 * struct tcp_reply - A segment made of nothing but these
 */
struct tcp_reply {
	struct ip6_addr laddr, raddr;
	uint16_t lport, rport;
	uint32_t oif;
	uint32_t mark;
	uint8_t tos;
	uint8_t ttl;
	bool transparent;
	struct tcp_repr h;
	struct tcp_options_repr opt;
};

/* Addresses and way of an answer to @seg; the rest is 0. */
void tcp_reply_init(struct tcp_reply *r, const struct tcp_segment *seg);

void tcp_reply(struct tcp *tcp, struct tcp_reply *r);

/* The RST that RFC 9293, 3.10.7.1 wants; none for a RST, nor for multicast and broadcast. */
void tcp_reply_reset(struct tcp *tcp, const struct tcp_segment *seg);

/* May a challenge ACK go out (RFC 5961, 7)?  Counts it.
 * @last_ms:	When the last one of the connection did, 0 for never; written
 */
bool tcp_challenge_allowed(struct tcp *tcp, uint32_t *last_ms);

/* The same for other answers to what is not acceptable: only the limit per connection. */
bool tcp_dupack_allowed(const struct tcp *tcp, uint32_t *last_ms);

/* --- opt.c, info.c --- */

int tcp_setopt(struct sock *sk, int level, int name, const void *val, uint32_t len);
int tcp_getopt(struct sock *sk, int level, int name, void *val, uint32_t *len);

/* --- pmtu.c --- */

/* The network layer was told that the path takes less: smaller segments, those that were too
 * large again.
 */
void tcp_mtu_changed(struct tcp_conn *c);

/* Functions of a socket (sock.c). */
extern const struct sock_type tcp_sock_type;

#endif /* NETSTACK_TCP_TCP_PRIV_H */
