/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * scene.h - what the fuzzers of a whole instance share
 *
 *	scene.c		an instance on two Ethernet links; time, memory, the end
 *	seen.c		every frame that it sends is looked at
 *	sums.c		lengths and checksums of a packet made right
 *	peer.c		a TCP peer made of numbers: learns what the instance says, says anything
 *	states.c	sockets of every kind, TCP in all of its states
 *	inside.c	what must hold within TCP
 *
 * What may never happen, whatever comes in, is stated with MUST().
 */
#ifndef TESTS_FUZZ_NETSTACK_SCENE_H
#define TESTS_FUZZ_NETSTACK_SCENE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "netstack/netstack.h"
#include "netstack/socket.h"
#include "wire/seq.h"
#include "wire/tcp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MUST(holds)                                                                                \
	do {                                                                                       \
		if (!(holds))                                                                      \
			scene_broken(#holds, __FILE__, __LINE__);                                  \
	} while (0)

_Noreturn void scene_broken(const char *what, const char *file, int line);

#define SCENE_MS        UINT64_C(1000000)
#define SCENE_S         UINT64_C(1000000000)
#define SCENE_LINKS     2
#define SCENE_FDS       96 /* the instance has no more */
#define SCENE_FRAME_MAX 66000

/* Packet memory of the instance; the smaller one with SCENE_SMALL. */
#define SCENE_POOL       (UINT64_C(8) << 20)
#define SCENE_POOL_SMALL (UINT64_C(512) << 10)

/* The instance is .1, the peer .2, a router .3; link 0 is 10.0.0.0/24 and fd00::/64, link 1
 * 10.0.1.0/24 and fd00:0:0:1::/64.
 */
#define SCENE_US4(link)    IP4_ADDR(10, 0, link, 1)
#define SCENE_PEER4(link)  IP4_ADDR(10, 0, link, 2)
#define SCENE_OTHER4(link) IP4_ADDR(10, 0, link, 3)
#define SCENE_HI6(link)    (UINT64_C(0xfd00000000000000) | (link))
#define SCENE_US6(link)    ((struct ip6_addr){ SCENE_HI6(link), 1 })
#define SCENE_PEER6(link)  ((struct ip6_addr){ SCENE_HI6(link), 2 })
#define SCENE_OTHER6(link) ((struct ip6_addr){ SCENE_HI6(link), 3 })
#define SCENE_LL6(host)    ((struct ip6_addr){ UINT64_C(0xfe80000000000000), host })
#define SCENE_GROUP4       IP4_ADDR(239, 1, 2, 3)
#define SCENE_GROUP6       ((struct ip6_addr){ UINT64_C(0xff05000000000000), 0x1234 })

/* How the instance is configured: the first two bytes of an input. */
enum scene_option {
	SCENE_NO_TS = 1 << 0,
	SCENE_NO_SACK = 1 << 1,
	SCENE_NO_WSCALE = 1 << 2,
	SCENE_RENO = 1 << 3,
	SCENE_OFFLOAD = 1 << 4, /* devices cut and finish checksums */
	SCENE_HOOKS = 1 << 5,   /* all of them, and they let pass */
	SCENE_COOKIES = 1 << 6, /* always */
	SCENE_NO_COOKIES = 1 << 7,
	SCENE_SMALL = 1 << 8,    /* limits */
	SCENE_HOST = 1 << 9,     /* no router: takes advertisements and redirects */
	SCENE_PROBING = 1 << 10, /* of the path MTU */
	SCENE_TRACE = 1 << 11,   /* into words */
	SCENE_NARROW = 1 << 12,  /* MTU 1280 */
	SCENE_OLD_IGMP = 1 << 13,
	SCENE_DEFER = 1 << 14,  /* TCP_DEFER_ACCEPT */
	SCENE_TW_RST = 1 << 15, /* RFC 1337; and abort on overflow */
};

#define PEER_CONNS 40
#define PEER_PORT  20000 /* of connection 0, at the peer */
#define PEER_WND   8192
#define PEER_SPANS 32
#define PEER_CUTS  16

/* Bytes of a stream from @from to before @to. */
struct peer_span {
	uint32_t from;
	uint32_t to;
};

/**
 * struct peer_conn - A connection as its peer sees it
 * @i:		Its number
 * @ip6:	Family
 * @lport, @rport: Ports of the instance (0: not known yet) and of the peer
 * @fd:		Socket, -1 for none
 * @heard:	The instance has sent a SYN: @iss counts
 * @sure:	Nobody has begun this connection anew: offsets count from @iss and @irs
 * @iss, @snd_nxt: Of the instance, as seen: its first number, and behind its last one
 * @una:	Highest number that was acknowledged to it
 * @edge:	Right edge of the widest window it was offered
 * @acked:	It has acknowledged: @rcv_nxt counts,
 * @rcv_nxt:	and @rcv_edge, the right edge that it advertised last
 * @wscale:	Of its windows
 * @ts, @wscales: Agreed
 * @ts_val:	Its last timestamp
 * @reset:	It has sent a RST
 * @left:	We have: its next SYN may be of another connection, even with the same number
 * @irs, @nxt:	Ours: the first number, and the next one of what is said in order
 * @cut, @n_cuts: Where its last segments with data began, a ring; all that there were
 * @said:	Parts of our stream that were said, by offset, in order; the first begins at 0
 * @n_said:	How many
 * @written, @read: By the program on the socket, in the pattern of peer_fill()
 * @urgent:	Some of it may be urgent: the bytes that are read are not all of them
 * @lowat:	SO_RCVLOWAT was set
 * @quote:	The IP packet it sent last, its first bytes
 */
struct peer_conn {
	unsigned int i;
	bool ip6;
	uint16_t lport;
	uint16_t rport;
	int fd;
	bool heard;
	bool sure;
	bool acked;
	bool ts;
	bool wscales;
	bool reset;
	bool left;
	uint8_t wscale;
	struct seq iss;
	struct seq snd_nxt;
	struct seq una;
	struct seq edge;
	struct seq rcv_nxt;
	struct seq rcv_edge;
	uint32_t ts_val;
	struct seq irs;
	struct seq nxt;
	struct seq cut[PEER_CUTS];
	unsigned int n_cuts;
	struct peer_span said[PEER_SPANS];
	unsigned int n_said;
	uint32_t written;
	uint32_t read;
	bool urgent;
	bool lowat;
	uint8_t quote[128];
	uint32_t quote_len;
};

struct scene;

/* What came in on a link had this shape. */
struct scene_shape {
	unsigned int link;
	uint32_t linear; /* bytes of the linear part, 0 for all */
	uint8_t csum;    /* enum pbuf_csum */
	uint8_t gso;
	uint16_t gso_size;
	uint16_t l4;
};

struct scene_link {
	struct scene *s;
	unsigned int i;
	uint32_t ifindex;
	bool refuses; /* takes no frames */
};

/**
 * struct scene - An instance and all around it
 * @mem, @pieces: Memory it has
 * @fail_in:	The so-manieth allocation fails, and all behind it when @fail_all; 0: none
 * @rough:	Memory was short, or links or addresses away: errors are no surprise
 * @strict:	What programs write is in the pattern of peer_fill(), and nobody interferes with
 *		what peer.c says
 * @listener:	Of the TCP listeners
 * @dgram:	UDP, raw and ping sockets
 */
struct scene {
	struct netstack *st;
	uint32_t options;
	uint64_t now_ns;
	uint64_t mem;
	uint64_t pieces;
	uint32_t fail_in;
	bool fail_all;
	bool rough;
	bool strict;
	uint32_t n_events; /* traced */
	struct scene_link link[SCENE_LINKS];
	struct peer_conn conn[PEER_CONNS];
	unsigned int n_conns;
	int listener[4];
	int dgram[8];
	unsigned int n_dgrams;
};

/* --- scene.c --- */

struct scene *scene_new(uint32_t options);

/* All is closed and time passes until there is nothing left to do; then nothing may be left. */
void scene_end(struct scene *s);

void scene_input(struct scene *s, const struct scene_shape *shape, const uint8_t *frame,
		 uint32_t len);

/* An IP packet to the instance's station address. */
void scene_input_ip(struct scene *s, const struct scene_shape *shape, const uint8_t *packet,
		    uint32_t len);

/* What is due now happens. */
void scene_turn(struct scene *s);

/* Time passes, from deadline to deadline. */
void scene_pass(struct scene *s, uint64_t ns);

uint32_t scene_mtu(const struct scene *s);

/* Limit of packet memory, not more than it was. */
void scene_limit(struct scene *s, uint64_t bytes);

struct eth_addr scene_mac(unsigned int link, unsigned int host);

/* --- seen.c --- */

/* A frame that the instance sends: traps on one that nobody should send. */
void seen_frame(struct scene *s, const struct pbuf *meta, const uint8_t *frame, uint32_t len);

/* --- sums.c --- */

/* Lengths, when @lengths, and checksums of whatever this IP packet seems to be. */
void sums_fix(uint8_t *packet, uint32_t len, bool lengths);

/* --- peer.c --- */

/* A segment to be said; @seq and @ack as they go onto the link. */
struct peer_seg {
	struct seq seq;
	struct seq ack;
	uint16_t flags;
	uint16_t wnd;
	uint16_t urg;
	uint8_t opts_len;
	uint8_t opts[TCP_OPTS_LEN_MAX];
	const uint8_t *data;
	uint32_t len;
};

/* One more connection, of this family, from the peer to this port (0: the instance calls). */
struct peer_conn *peer_new(struct scene *s, bool ip6, uint16_t lport);

/* The instance sent this segment: header, options, @len bytes of data. */
void peer_hears(struct scene *s, struct peer_conn *c, const struct tcp_repr *h, const uint8_t *opts,
		const uint8_t *data, uint32_t len);

/* Any segment. */
void peer_sends(struct scene *s, struct peer_conn *c, const struct peer_seg *seg,
		const struct scene_shape *shape);

/* The next one in order, with acknowledgement of all that was heard and the usual options;
 * with PEER_DEAF only of what was acknowledged before.
 */
#define PEER_DEAF 0x8000
void peer_says(struct scene *s, struct peer_conn *c, uint16_t flags, uint32_t len);

/* The byte at each offset of a stream is known; @to_peer is that which programs write. */
void peer_fill(const struct peer_conn *c, bool to_peer, uint32_t off, uint8_t *ret, uint32_t len);

/* These bytes of our stream are being said. */
void peer_notes(struct peer_conn *c, uint32_t off, uint32_t len);

/* So many bytes from its beginning on were said. */
uint32_t peer_said(const struct peer_conn *c);

/* Usual options of a segment with these flags. */
uint8_t peer_options(const struct scene *s, const struct peer_conn *c, uint16_t flags,
		     uint8_t *ret);

/* An ICMP error about the last segment heard, its sequence number moved by @by. */
void peer_complains(struct scene *s, const struct peer_conn *c, uint8_t type, uint8_t code,
		    uint32_t rest, uint32_t by);

/* --- states.c --- */

/* The connections there are when an input begins, in the order of their numbers. */
enum scene_role {
	ROLE_SYN_SENT,
	ROLE_SYN_RCVD,        /* simultaneous open */
	ROLE_SYN_RCVD_RECORD, /* passive: nobody has it yet */
	ROLE_ACCEPT_QUEUE,    /* nobody has accepted it */
	ROLE_ESTABLISHED,     /* passive */
	ROLE_ESTABLISHED6,    /* active */
	ROLE_SENDING,         /* nothing of what was sent is acknowledged */
	ROLE_DISORDER,        /* data is out of order */
	ROLE_FULL,            /* a closed window, and more to send */
	ROLE_FIN_WAIT1,
	ROLE_FIN_WAIT2,
	ROLE_CLOSING,
	ROLE_TIME_WAIT,
	ROLE_CLOSE_WAIT,
	ROLE_LAST_ACK,
	ROLE_LISTEN, /* nothing was said yet */
	ROLE_CLOSED, /* and nobody listens */
	ROLE_N,
};

#define STATES_PORT  80 /* listener 0 (IPv4) and 1 (IPv6) */
#define STATES_TIGHT 81 /* listener 2, with a backlog of 1 */

void states_make(struct scene *s);

/* Connect from the peer to a listener, whole handshake; the socket is not accepted. */
struct peer_conn *states_open_passive(struct scene *s, bool ip6, uint16_t port);

/* A socket that calls the peer, which does not answer yet.  Its @fd is negative on failure. */
struct peer_conn *states_call(struct scene *s, bool ip6);

/* The program writes so much, in the pattern. */
ssize_t states_write(struct scene *s, struct peer_conn *c, uint32_t len, int flags);

/* Accept on one of the listeners: the connection, NULL when there is none (or no memory). */
struct peer_conn *states_accept(struct scene *s, unsigned int listener);

/* --- inside.c --- */

void inside_check(const struct scene *s);

#endif /* TESTS_FUZZ_NETSTACK_SCENE_H */
