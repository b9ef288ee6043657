/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * pump_priv.h - inside the pumps
 *
 *	pump.c		begin, end; what happens at either side finds its way from here
 *	pump_tx.c	program -> stack
 *	pump_rx.c	stack -> program
 *
 * The queue of our end looks like this:
 *
 *	| held: junk, and what was sent already | what is to be sent |
 *
 * Small messages are looked at behind what is held (SO_PEEK_OFF), and from time to time all that is
 * held but one byte is read.  Looks by SO_PEEK_OFF do not see where an urgent byte is, though: the
 * kernel stops at one behind a byte that it has copied, and not where it begins.  Of a program
 * that sends urgent bytes the looks begin at the head of the queue, with what is held.  That costs
 * half as much again for each message.
 */
#ifndef ATTACH_PUMP_PRIV_H
#define ATTACH_PUMP_PRIV_H

#include "attach/pump.h"

/* More is not held: bytes, and messages (each of which takes the kernel most of 1 KiB). */
#define PUMP_HELD_BYTES_MAX 4096
#define PUMP_HELD_MSGS_MAX  64

/* A message below this is looked at and copied, a larger one read into a block of its own. */
#define PUMP_SMALL 2048
#define PUMP_BLOCK 65536

/* What is held, one message, and the byte that says there is more. */
#define PUMP_SCRATCH (PUMP_HELD_BYTES_MAX + 2 * PUMP_SMALL)

/**
 * struct pumps - What all pumps share
 * @conf:	The caller's
 * @none:	What is counted for nobody
 * @starved:	Those that the stack had no memory for: to be tried again with the next event
 * @scratch:	Nothing in it outlives a call
 */
struct pumps {
	struct pumps_conf conf;
	uint64_t none;
	struct pump *starved;
	uint8_t scratch[PUMP_SCRATCH];
};

/**
 * struct pump - Between one program's end and the stack
 * @ps:		Shared
 * @arg:	Of ended()
 * @in:		Edges of @end
 * @out:	Its becoming writable, while @is_out_on
 * @block:	Read from @end and not yet taken by the stack: @len bytes from @off on; or NULL
 * @next_starved: In pumps.starved
 * @end:	Our end
 * @ns_fd:	Socket of the stack
 * @held:	Bytes at the head of @end's queue that are not to be sent
 * @tx_queued:	So much at least is behind them, while the program's bytes are read block by block
 * @lowat:	Less is not given to the program
 * @n_held:	Messages in @held
 *
 * What is known of the program:
 * @prog_fin:	it has shut down writing, or closed: there is an end behind what is queued
 * @prog_closed: it has closed
 * @prog_urgent: it sends urgent bytes
 * @no_read:	it does not read: what comes is thrown away
 * @no_write:	it has said that it does not write any more
 *
 * Its bytes:
 * @tx_urgent:	there is an urgent byte in the queue
 * @tx_maybe_urgent: there may be one
 * @tx_wary:	more than one thing may have happened since the last look
 * @head_urgent: the byte at the head is one, and was sent
 * @tx_large:	the last message was large
 * @tx_blocked:	the stack's send buffer is full
 * @tx_error:	the last attempt met an error
 * @tx_done:	the end was reached, or the stack takes nothing more
 *
 * The network's:
 * @started:	its state was looked at
 * @net_fin:	a FIN came
 * @net_dead:	reset, timeout: what is there is still the program's
 * @rx_urgent:	there may be an urgent byte
 * @rx_blocked:	@end is full
 * @rx_fin:	the program was told of the end
 */
struct pump {
	struct pumps *ps;
	void *arg;
	struct loop_watch in;
	struct loop_watch out;
	struct pbuf_block *block;
	uint32_t off;
	uint32_t len;
	struct pump *next_starved;
	int end;
	int ns_fd;
	uint32_t held;
	uint32_t tx_queued;
	uint32_t lowat;
	uint8_t n_held;
	bool prog_fin : 1;
	bool prog_closed : 1;
	bool prog_urgent : 1;
	bool no_read : 1;
	bool no_write : 1;
	bool tx_urgent : 1;
	bool tx_maybe_urgent : 1;
	bool tx_wary : 1;
	bool head_urgent : 1;
	bool tx_large : 1;
	bool tx_blocked : 1;
	bool tx_error : 1;
	bool tx_done : 1;
	bool started : 1;
	bool net_fin : 1;
	bool net_dead : 1;
	bool rx_urgent : 1;
	bool rx_blocked : 1;
	bool rx_fin : 1;
	bool is_out_on : 1;
	bool is_starved : 1;
};

/* --- pump.c --- */

/* It is freed, then ended() is called.  Return: false, for those who say whether it is there */
bool pump_ended(struct pump *p, enum pump_end how);

/* Call back soon, when @end is writable or, with @now, anyway. */
void pump_watch_out(struct pump *p, bool now);

/* The stack had no memory. */
void pump_starve(struct pump *p);

/* Nothing can be sent any more; what came in goes to the program, then it ends.  False: it has */
bool pump_dead(struct pump *p);

/* Has the connection ended, as the stack sees it? */
bool pump_is_net_dead(const struct pump *p);

/* Bytes in the queue of @end, held ones included; and in the stack's receive buffer. */
uint32_t pump_queued(const struct pump *p);
uint32_t pump_received(const struct pump *p);

/* --- pump_tx.c --- */

/* What our end has to be set to. */
void pump_tx_begin(struct pump *p);

/* Send what there is.  False: the pump has ended and is freed */
bool pump_tx(struct pump *p);

/* All that is queued leaves: closing the end is to be an end, not a reset. */
void pump_tx_drain(struct pump *p);

/* --- pump_rx.c --- */

/**
 * enum pump_rx - How far the program's share went
 *
 * PUMP_RX_EMPTY	there is nothing more to give it, for now
 * PUMP_RX_BLOCKED	its queue is full
 * PUMP_RX_ABORTED	it has closed, and does not want what comes
 */
enum pump_rx {
	PUMP_RX_EMPTY,
	PUMP_RX_BLOCKED,
	PUMP_RX_ABORTED,
};

/* Give it what there is.  Nobody is told of an end */
enum pump_rx pump_rx_data(struct pump *p);

/* The same and its consequences.  False: the pump has ended and is freed */
bool pump_rx(struct pump *p);

#endif /* ATTACH_PUMP_PRIV_H */
