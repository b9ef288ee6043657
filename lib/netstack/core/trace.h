/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * trace.h - the way of a packet in words
 */
#ifndef NETSTACK_CORE_TRACE_H
#define NETSTACK_CORE_TRACE_H

#include <stddef.h>
#include <stdint.h>

#include "netstack/core/drop.h"

struct pbuf;

/* Where a packet is. */
enum trace_point {
	TRACE_RX,          /* came in from a link */
	TRACE_HOOK,        /* a hook looked at it and let it pass */
	TRACE_LOCAL_IN,    /* is for this host */
	TRACE_FORWARD,     /* is for another one */
	TRACE_REASSEMBLED, /* made of its fragments */
	TRACE_SOCKET,      /* found its socket */
	TRACE_OUT,         /* left transport */
	TRACE_FRAGMENTED,  /* cut into fragments */
	TRACE_NEIGH_WAIT,  /* waits for the link address of the next hop */
	TRACE_TX,          /* given to the link */
	TRACE_DROP,        /* @drop says why */
	TRACE_NOTE,        /* no packet: @note */
};

/**
 * struct trace_event - What happened
 * @time_ns:	Clock of the instance
 * @point:	Where
 * @drop:	With TRACE_DROP
 * @pb:		The packet; NULL with TRACE_NOTE and for drops of what was no packet
 * @note:	With TRACE_NOTE
 */
struct trace_event {
	uint64_t time_ns;
	enum trace_point point;
	enum drop_reason drop;
	const struct pbuf *pb;
	const char *note;
};

typedef void trace_fn(void *arg, const struct trace_event *ev);

/**
 * trace_event_to_str() - A line about an event, as tcpdump would put it
 *
 * "12.000345 rx if1 IP 10.0.0.2.40000 > 10.0.0.1.80: Flags [S], seq 1, win 65535 ..., length 0"
 * "12.000346 drop no-socket if1 IP ..., length 0 (no socket for this port)"
 *
 * The packet is shown from its IP header on when it has an l3 mark, else from where it begins.
 *
 * Return: bytes written without the final NUL, cut off at @size
 */
size_t trace_event_to_str(char *ret, size_t size, const struct trace_event *ev);

#endif /* NETSTACK_CORE_TRACE_H */
