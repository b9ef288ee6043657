/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * world.h - one instance, its clock, and the peer that a script plays
 *
 *	world.c		the instance, its link and its clock
 *	run.c		a script, step by step		call.c	calls to sockets
 *	build.c		packets to inject		check.c	packets that are expected
 *	wire.c		bytes of packets we sent	show.c	packets as scripts write them
 */
#ifndef PACKET_WORLD_H
#define PACKET_WORLD_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"
#include "netstack/netstack.h"
#include "script.h"
#include "wire.h"

#define PACKET_BYTES_MAX 65575 /* the longest IPv6 packet */
#define NS_PER_S         UINT64_C(1000000000)

/* How a script is run. */
struct variant {
	bool ip6;
	bool offload;
	bool trace; /* print every step of every packet */
	uint32_t isn;
};

/* A packet that was sent. */
struct seen {
	struct seen *next;
	uint64_t at_ns;
	uint32_t len;
	uint8_t bytes[];
};

/**
 * struct conn - Two ports, and where sequence numbers begin
 * @has_ports:	Known: given, or by its first packet
 * @has_iss:	@iss is ours, else a guess
 * @irs:	The peer's
 * @last, @last_len: The last packet we sent, its beginning: ICMP errors quote it
 */
struct conn {
	bool has_ports;
	bool has_iss;
	uint16_t local_port;
	uint16_t peer_port;
	uint32_t iss;
	uint32_t irs;
	uint8_t last[128];
	uint32_t last_len;
};

/**
 * struct descriptor - By the number of the script
 * @real:	Of the instance, -1: closed
 * @is_stream:	Its bytes are a stream: those read and written next have the numbers
 * @read_at, @write_at: of the sequence space
 */
struct descriptor {
	int real;
	bool is_ip6;
	bool is_stream;
	uint32_t read_at;
	uint32_t write_at;
};

#define URGENT_MAX 16
#define BURST_MAX  64

/**
 * struct world - Where a script runs
 * @wire_mtu:	Of the interface
 * @base_ns:	Time of the last event
 * @burst, @n_burst: Come in with the next packet
 * @sent, @sent_last: Not looked at yet
 * @is_over:	The script is done: packets go nowhere
 * @no_fd:	What -1 is
 * @symbol, @has_symbol: Timestamps that were learned
 * @urgent:	Octets the peer sent as urgent, the last ones
 * @log:	What happened
 * @failure:	"" while all is well
 */
struct world {
	const struct script *script;
	struct variant v;
	struct netstack *st;
	uint32_t ifindex;
	uint32_t wire_mtu;
	uint64_t now_ns;
	uint64_t base_ns;
	uint64_t mem;
	uint16_t ip_id;
	struct pbuf *burst[BURST_MAX];
	unsigned int n_burst;
	struct seen *sent;
	struct seen **sent_last;
	bool is_over;
	struct conn conn[SCRIPT_CONNS_MAX];
	struct descriptor fd[SCRIPT_FDS_MAX];
	struct descriptor no_fd;
	uint32_t symbol[SCRIPT_SYMBOLS_MAX];
	bool has_symbol[SCRIPT_SYMBOLS_MAX];
	uint32_t urgent[URGENT_MAX];
	unsigned int n_urgent;
	const struct step *step;
	struct strbuf log;
	char failure[512];
};

/* --- world.c --- */

void world_init(struct world *w, const struct script *s, const struct variant *v);

/* The instance with these parameters and MTU. */
void world_start(struct world *w, const struct netstack_conf *conf, uint32_t mtu);

/* Close all, wait for what is left, and look whether everything was given back. */
void world_settle(struct world *w);
void world_done(struct world *w);

/* The clock moves to @at_ns, timers on the way fire. */
void world_until(struct world *w, uint64_t at_ns);

/* What is due now is done. */
void world_flush(struct world *w);

/* @more: it waits for the next one, and they come in one burst. */
void world_input(struct world *w, const uint8_t *bytes, uint32_t len, uint16_t gso, bool more);

/* The first packet that was not looked at; taken: the caller frees it. */
struct seen *world_take(struct world *w);

/* The first failure is kept.  Return: false */
bool world_fail(struct world *w, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void world_log(struct world *w, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* --- addresses --- */

/* An IPv4 one mapped. */
struct ip6_addr place_addr(const struct world *w, enum place place);
bool place_of(const struct world *w, struct ip6_addr addr, enum place *ret);

/* What the octet with this number is, in either direction. */
static inline uint8_t stream_byte(uint32_t rel)
{
	return (uint8_t)(rel + 7 * (rel >> 8) + 13 * (rel >> 16));
}

/* A packet with the numbers in it that were learned.  False with world_fail(). */
bool resolve_packet(struct world *w, const struct packet *p, struct packet *ret);

/* --- build.c, check.c, show.c --- */

/* An IP packet.  Return: its length, 0 with world_fail() */
uint32_t build_packet(struct world *w, const struct packet *p,
		      uint8_t ret[static PACKET_BYTES_MAX]);

/* Is it what was expected?  Learns ports, initial sequence number, timestamps.  False with
 * world_fail().
 */
bool check_packet(struct world *w, const struct packet *p, const struct seen *s);

/* A packet we sent as a script would expect it. */
void show_packet(const struct world *w, const uint8_t *bytes, uint32_t len, char *ret, size_t size);

/* Index of the connection that has these ports, -1 for none; the last one that was named. */
int conn_find(const struct world *w, uint16_t local_port, uint16_t peer_port);

/* --- run.c --- */

/* All steps, and the end.  False with @failure and @log written. */
bool run_script(struct world *w, const struct script *s, const struct variant *v);

#endif /* PACKET_WORLD_H */
