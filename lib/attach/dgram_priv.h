/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * dgram_priv.h - UDP and ping sockets of programs (ATTACH_FULL)
 *
 * The program has one end of an AF_UNIX SOCK_SEQPACKET pair, we have the other: it keeps
 * messages apart as UDP does, and unlike SOCK_DGRAM it tells us when the program closes.
 *
 * What comes in goes into the pair, so that read(), recv() and poll() are the kernel's own.  Where
 * it came from does not go with it: a socket that is not connected has one datagram in the pair
 * at a time, whose source is kept here, and the next follows when that one was taken.
 * recvfrom() with an address, recvmsg() and recvmmsg() are notified, and take from the pair
 * first and then from the stack.
 *
 * An error of the stack's socket (ICMP) makes it readable: an empty datagram is put into the
 * pair, in whose place a notified call gets the error.  recv() and read() get the empty one.
 *
 * What goes out without an address goes through the pair, else by the notified call.
 */
#ifndef ATTACH_DGRAM_PRIV_H
#define ATTACH_DGRAM_PRIV_H

#include "attach/attach_priv.h"

#define DGRAM_LEN_MAX     65535
#define DGRAM_CONTROL_MAX 1024

/**
 * struct dwait - A call that waits
 * @held:	Its notification
 * @d:		Socket
 * @next:	In the order in which they came
 */
struct dwait {
	struct notify_held held;
	struct adgram *d;
	struct dwait *next;
};

/**
 * struct adgram - A datagram socket
 * @s:		Record
 * @end:	Our end of the pair
 * @watch:	Of it
 * @is_connected: It has a peer: many datagrams may be in the pair
 * @is_error_mark: What is in the pair is an empty one that says that the stack has an error
 * @is_error_shown: The program's end has an error, for poll()
 * @is_feeding, @is_draining: Being done, for callbacks come from within calls to the stack
 * @head:	Source and control data of the datagram in the pair
 * @is_more:	Not all was taken that the program has written
 * @is_closed:	The program has closed it
 * @is_read_shut, @is_write_shut: By shutdown()
 * @is_head_alone: Nothing else was in the pair when that came
 * @head_len, @head_control_len, @head_flags: Of them
 * @unsent, @unsent_len: A datagram of the program that the stack could not take yet
 * @waits, @waits_last: Calls that wait
 */
struct adgram {
	struct asock *s;
	int end;
	struct loop_watch watch;
	bool is_connected;
	bool is_error_mark;
	bool is_error_shown;
	bool is_feeding;
	bool is_draining;
	bool is_more;
	bool is_closed;
	bool is_read_shut;
	bool is_write_shut;
	bool is_head_alone;
	union asock_addr head;
	socklen_t head_len;
	_Alignas(16) uint8_t head_control[DGRAM_CONTROL_MAX];
	size_t head_control_len;
	int head_flags;
	uint8_t *unsent;
	size_t unsent_len;
	struct dwait *waits;
	struct dwait **waits_last;
};

/* Move what has come in to the program; what it has written to the stack. */
void adgram_feed(struct adgram *d);
void adgram_drain(struct adgram *d);

/* The program's end, as it is on Linux: it reads no more than what is there, its writes fail. */
void adgram_shut(struct adgram *d, int how);

/* If the error for which there is a mark was told otherwise, nobody is to find the mark. */
void adgram_unmark(struct acall *c);

/* The program's end has no error but those of the stack: before its end is used, before an error is
 * told.  What there is still adgram_feed() shows again.
 */
void adgram_hide_error(struct acall *c);

/* A datagram is in the pair. */
bool adgram_is_in_flight(const struct adgram *d);

/* The call waits until there is news of the socket.  @timeout: SO_RCVTIMEO or SO_SNDTIMEO */
void adgram_wait(struct acall *c, int timeout);

/* Do a notified call once more. */
void adgram_call(struct acall *c);

#endif /* ATTACH_DGRAM_PRIV_H */
