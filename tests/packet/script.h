/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * script.h - a packet script, parsed
 *
 *	parse.c		lines and directives		lex.c	words and numbers of a line
 *	parse_packet.c	packets, "<" and ">"		names.c	constants with names
 *	parse_call.c	calls to sockets
 *
 * The language is explained in docs/packet-scripts.md.  Sequence numbers are relative to
 * the initial ones: SYN is 0, the first octet of data 1.
 */
#ifndef PACKET_SCRIPT_H
#define PACKET_SCRIPT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

#define SCRIPT_CONNS_MAX   300 /* connections, by name */
#define SCRIPT_FDS_MAX     300 /* descriptors, by the number the script gives them */
#define SCRIPT_SYMBOLS_MAX 32  /* timestamps and ends of windows that were learned */
#define SCRIPT_INCLUDE_MAX 8   /* depth */
#define SCRIPT_RAW_MAX     512

/* @lo to @hi, or anything. */
struct range {
	bool any;
	int64_t lo;
	int64_t hi;
};

/* Time since the event before. */
struct when {
	bool any;
	uint64_t lo_ns;
	uint64_t hi_ns;
};

/* Number of a timestamp: a constant, a symbol and something added to it, or anything. */
struct ts_value {
	enum {
		TS_ANY,
		TS_NUMBER,
		TS_SYMBOL
	} kind;
	uint8_t symbol;
	uint32_t n;
};

enum option_kind {
	OPTION_EOL,
	OPTION_NOP,
	OPTION_MSS,
	OPTION_WSCALE,
	OPTION_SACK_OK,
	OPTION_SACK,
	OPTION_TS,
	OPTION_RAW, /* bytes */
};

struct tcp_option {
	enum option_kind kind;
	bool any; /* of MSS and window scale: whatever it is */
	uint32_t value;
	struct ts_value ts_val;
	struct ts_value ts_ecr;
	unsigned int n_sack;
	uint32_t sack[4][2];
	unsigned int raw_len;
	uint8_t raw[40];
};

/* @given: there was a list; @more: others may be there, too. */
struct options {
	bool given;
	bool more;
	unsigned int n;
	struct tcp_option o[16];
};

enum packet_kind {
	PACKET_TCP,
	PACKET_UDP,
	PACKET_ICMP_ERROR,
	PACKET_ECHO,
	PACKET_ECHO_REPLY,
	PACKET_FRAGMENT, /* expected only: a piece of something */
	PACKET_RAW,      /* injected only: bytes from the IP header on */
};

/* Errors by names that mean the same in both families. */
struct icmp_error {
	const char *name;
	int type4; /* -1: there is none */
	int code4;
	int type6;
	int code6;
};

/* Addresses have names, too: each is one of either family. */
enum place {
	PLACE_LOCAL,
	PLACE_PEER,
	PLACE_PEER2,
	PLACE_ROUTER,
	PLACE_ANY,
	PLACE_LOOPBACK,
	PLACE_BROADCAST, /* IPv6 has none: all nodes */
	PLACE_GROUP,
	PLACE_STRANGER, /* an address for which there is no route */
	PLACES,
};

struct address {
	enum place place;
	uint16_t port;
};

/**
 * struct packet - What is injected or expected
 * @conn:	Which connection; 0 is the one without a name
 * @flags:	TCP: enum tcp_flag
 * @flags_maybe: TCP, expected: these may be there or not
 * @seq, @ack:	Relative
 * @len:	Payload
 * @plus_seq, @plus_ack, @plus_end: The number of a symbol, from 1, that is added to @seq, @ack and
 *		the end of the data; 0 for none
 * @win:	Not scaled
 * @win_symbol:	Expected: a symbol, from 1, that becomes the number behind the window (which is
 *		not scaled); 0 for none
 * @urg:	Pointer
 * @opts:	TCP
 * @icmp:	Error
 * @mtu:	In a "packet too big"
 * @about:	Sequence number in the packet it quotes; else the last one we sent is quoted
 * @id, @icmp_seq: Of an echo
 * @has_ttl, @has_tos, @has_src, @has_dst, @has_ip_id: Those were given
 * @src, @dst:	Other addresses than those of the connection
 * @csum_bad, @csum_none: Wrong, or (UDP) left out
 * @reserved:	TCP: the reserved bits
 * @doff:	TCP: data offset in words, 0 for the right one
 * @gso:	Comes as one segment that a device made of segments of this size
 * @dont_frag:	IPv4, expected: DF is set (1) or not (0); -1: not looked at
 * @is_frag, @frag_off, @frag_len, @frag_more: Only this piece of the IP payload
 * @raw, @raw_len: IP packet
 */
struct packet {
	enum packet_kind kind;
	uint16_t conn;
	uint16_t flags;
	uint16_t flags_maybe;
	uint32_t seq;
	uint32_t ack;
	uint32_t len;
	uint8_t plus_seq;
	uint8_t plus_ack;
	uint8_t plus_end;
	struct range win;
	uint8_t win_symbol;
	uint16_t urg;
	struct options opts;
	const struct icmp_error *icmp;
	uint32_t mtu;
	bool has_about;
	uint32_t about;
	uint16_t id;
	uint16_t icmp_seq;
	bool has_ttl, has_tos, has_src, has_dst, has_ip_id;
	uint8_t ttl;
	uint8_t tos;
	uint16_t ip_id;
	enum place src;
	enum place dst;
	bool csum_bad;
	bool csum_none;
	uint8_t reserved;
	uint8_t doff;
	uint16_t gso;
	int8_t dont_frag;
	bool is_frag;
	uint16_t frag_off;
	uint16_t frag_len;
	bool frag_more;
	uint16_t raw_len;
	uint8_t raw[SCRIPT_RAW_MAX];
};

struct sockopt;
struct call_type;

/* Of a call: what it is depends on the place. */
struct arg {
	bool given;
	int64_t n;
	unsigned int n_list;
	int64_t list[16];
	char text[32];
	struct address addr;
	const struct sockopt *opt;
};

#define CALL_ARGS_MAX 5

/* What a call shall return.  @error: errno, positive, 0 for success. */
struct result {
	int error;
	struct range n;
	unsigned int n_list; /* several values; events: pairs of descriptor and mask */
	int64_t list[16];
	bool has_text;
	char text[32];
	bool has_addr;
	struct address addr;
};

struct call {
	const struct call_type *type;
	struct arg arg[CALL_ARGS_MAX];
	struct result want;
};

enum step_kind {
	STEP_CALL,
	STEP_INJECT,
	STEP_EXPECT,
	STEP_NOTHING, /* time passes, nothing is sent */
	STEP_COUNT,   /* a counter of the instance has this value */
	STEP_PARAM,
	STEP_MTU,
	STEP_LINK, /* up or down */
	STEP_CONN, /* ports of a connection */
	STEP_ADDR, /* an address is removed */
};

enum count_kind {
	COUNT_TCP,
	COUNT_IP,
	COUNT_DROP,
	COUNT_MEMORY,
};

/**
 * struct step - A line
 * @file, @line, @text: For messages.  Borrowed of the script
 * @more:	Injected: with the next one, in one burst
 * @n:		Value of a parameter, MTU, link state
 * @name:	Of a parameter's value, if that is a text
 * @index:	Of the parameter, counter, connection, address
 */
struct step {
	enum step_kind kind;
	const char *file;
	unsigned int line;
	const char *text;
	struct when when;
	bool more;
	struct packet packet;
	struct call call;
	enum count_kind count;
	unsigned int index;
	struct range n;
	char name[32];
	uint16_t local_port;
	uint16_t peer_port;
};

enum script_family {
	FAMILY_IP4 = 1 << 0,
	FAMILY_IP6 = 1 << 1,
};

enum script_offload {
	OFFLOAD_OFF = 1 << 0,
	OFFLOAD_ON = 1 << 1,
};

/**
 * struct script - All of a file and of those it includes
 * @families, @offload: In which variants it runs
 * @isn:	Initial sequence number of the peer; has_isn: given
 * @conns, @symbols: Their names
 * @texts:	What steps borrow
 */
struct script {
	unsigned int families;
	unsigned int offload;
	bool has_isn;
	uint32_t isn;
	struct step *steps;
	size_t n_steps;
	size_t steps_size;
	char conns[SCRIPT_CONNS_MAX][16];
	unsigned int n_conns;
	char symbols[SCRIPT_SYMBOLS_MAX][16];
	unsigned int n_symbols;
	char **texts;
	size_t n_texts;
};

/* Where "include NAME" finds NAME.inc: this folder. */
struct script_source {
	const char *include_dir;
};

/**
 * script_parse() - Parse a text
 * @ret:	Zeroed by the caller; script_done() it in any case
 * @file:	Its name, for messages
 * @text:	Lines
 *
 * Return: 0, or -EINVAL with "FILE:LINE:COLUMN: what is wrong", -ENOENT (an include)
 */
int script_parse(struct script *ret, const struct script_source *src, const char *file,
		 const char *text, struct nerr *err);
int script_read(struct script *ret, const struct script_source *src, const char *file,
		struct nerr *err);
void script_done(struct script *s);

#endif /* PACKET_SCRIPT_H */
