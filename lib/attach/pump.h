/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * pump.h - bytes between a program's stream and a TCP socket of the instance
 *
 *	program -> our end -> ns_send_block()		without a copy beyond that of recv()
 *	ns_view() -> sendmsg() on our end -> program	from the packets' own memory
 *
 * At least one byte of what the program has sent is left in our end's queue (it was looked at with
 * MSG_PEEK and is on its way all the same) until both directions have ended: closing our end
 * then tells the program of a reset, and the program gets no edge of POLLOUT for each of its
 * writes.
 *
 *	program closes			what it wrote is sent, then the socket is closed
 *	... with unread bytes		reset (our end reads ECONNRESET)
 *	program shuts down writing	what it wrote is sent, then a FIN
 *	program shuts down reading	what comes is thrown away
 *	FIN from the network		the program reads what is there, then the end
 *	reset, timeout			the program reads what is there, then ECONNRESET
 *	urgent data			MSG_OOB both ways
 *	SO_RCVLOWAT			less than that is withheld until the FIN
 */
#ifndef ATTACH_PUMP_H
#define ATTACH_PUMP_H

#include <stdbool.h>
#include <stdint.h>

#include "nic/loop.h"
#include "nic/pbuf.h"

struct netstack;
struct pump;
struct pumps;

/**
 * enum pump_end - How it ended
 *
 * PUMP_CLOSED	The program has closed its last descriptor, and all of it was sent: the socket of
 *		the stack may be closed (it lingers there by itself)
 * PUMP_ABORTED	The program has closed with unread bytes: reset
 * PUMP_RESET	The network ended it: our end is closed, the program may still have its own
 */
enum pump_end {
	PUMP_CLOSED,
	PUMP_ABORTED,
	PUMP_RESET,
};

struct pumps_conf {
	struct netstack *stack;
	struct loop *loop;
	/* From a callback of the loop or the stack, once; the pump is gone (no pump_stop()), its
	 * end closed.  @arg of pump_start().  Closing the stack's socket is up to whoever is
	 * called.
	 */
	void (*ended)(void *arg, enum pump_end how);
	/* Has the program still a descriptor of its end?  Asked when that cannot be told from
	 * our end: both directions are shut down, one of them by the program.  NULL: then it
	 * has none.
	 */
	bool (*is_open)(void *arg);
	uint64_t *tx_bytes; /* counted: of programs that the stack has taken */
	uint64_t *rx_bytes; /* ... and the other way */
};

/* What all pumps of an instance share: buffers, the list of those with work. */
int pumps_new(struct pumps **ret, const struct pumps_conf *conf);
void pumps_free(struct pumps *ps);

/**
 * pump_start() - Begin
 * @end:	Our end, the pump's from now on
 * @ns_fd:	Connected socket of the stack; events of ns_set_notify() come by pump_stack()
 * @junk:	Bytes at the head of our end's queue that are not the program's
 * @arg:	Of ended()
 *
 * -ENOMEM: @end is still the caller's.
 */
int pump_start(struct pumps *ps, struct pump **ret, int end, int ns_fd, uint32_t junk, void *arg);

/* Stop, without a word to anybody, before it has ended; @end is closed.  NULL is fine. */
void pump_stop(struct pump *p);

/* What ns_set_notify() told of the socket. */
void pump_stack(struct pump *p, uint32_t events);

/* SO_RCVLOWAT of the program, 1 or more.  That of the stack's socket becomes 1: less than @bytes is
 * withheld only as long as the program has read all that it was given before.
 */
void pump_set_lowat(struct pump *p, uint32_t bytes);

/* Bytes the program has sent that the stack has not taken yet: for SIOCOUTQ. */
uint32_t pump_unsent(const struct pump *p);

/* The program is about to send an urgent byte (MSG_OOB), for the first time or again.  Without
 * this it is a byte like the others.
 */
void pump_urgent(struct pump *p);

/* The program is about to call shutdown(), both for SHUT_RDWR.  SHUT_RD: what comes is thrown away.
 * SHUT_WR is seen at our end; this says that it was not a close.
 */
void pump_no_read(struct pump *p);
void pump_no_write(struct pump *p);

#endif /* ATTACH_PUMP_H */
