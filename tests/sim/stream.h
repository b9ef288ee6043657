/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * stream.h - the two ends of a TCP connection, for stream*.c
 *
 *	stream.c	beginning, ending, what must hold in the end
 *	stream_io.c	writing and reading
 *	stream_wait.c	how an end waits, and that it does so in vain never
 */
#ifndef SIM_STREAM_H
#define SIM_STREAM_H

#include "sim.h"

#define CHUNK_MAX 65536
#define SERVER    1

enum end_state {
	END_WAITING, /* for the handshake */
	END_OPEN,
	END_DONE, /* descriptor closed */
};

enum end_wait {
	WAIT_LEVEL,
	WAIT_EDGE,
	WAIT_ONESHOT,
	WAIT_NOTIFY, /* a callback */
	WAIT_POLL,
	WAIT_BLOCKING, /* calls that block, with a timeout */
	WAIT_N,
};

enum end_copy {
	COPY_PLAIN,
	COPY_VECTOR, /* readv(), writev() */
	COPY_BLOCK,  /* a block of the pool; the peer's bytes where they are */
	COPY_WRAP,   /* memory of the application, which is told when it is free again */
	COPY_N,
};

/**
 * struct stream_end - One of the two applications
 * @to_send:	Bytes that it will write
 * @sending:	Bytes of a call that has not returned
 * @abort_at:	Ends the connection when it has written so many, by a reset or with
 * @abort_plain: close() and whatever is unread; UINT64_MAX for never
 * @urgent_at:	This byte is urgent, UINT64_MAX for none
 * @oob_inline:	Urgent bytes are read with the others
 * @oob_read:	It has read the peer's
 * @pause_ppm:	After a piece it does something else, for up to
 * @pause_ns:	so long
 * @linger_s:	SO_LINGER before close(), 0 for none
 * @wraps:	Pieces of its memory that the stack has
 * @aborted:	It has ended the connection
 * @progress_ns: When it last got on
 */
struct stream_end {
	struct app app;
	struct stream *s;
	struct host *host;
	unsigned int side;
	int fd;
	enum end_state state;
	enum end_wait wait;
	enum end_copy copy;
	int error;
	uint64_t to_send;
	uint64_t sent;
	uint64_t sending;
	uint64_t received;
	uint64_t abort_at;
	uint64_t urgent_at;
	uint64_t pause_ns;
	uint64_t progress_ns;
	uint32_t pause_ppm;
	uint32_t chunk;    /* of writes */
	uint32_t rd_chunk; /* of reads */
	uint32_t bufs;     /* SO_SNDBUF and SO_RCVBUF, 0 for what they are */
	uint32_t lowat;    /* SO_RCVLOWAT, 0 for what it is */
	uint32_t mss;      /* TCP_MAXSEG, 0 for what it is */
	unsigned int wraps;
	uint8_t linger_s;
	bool abort_plain;
	bool oob_inline;
	bool oob_read;
	bool wr_paused;
	bool rd_paused;
	bool wr_done;
	bool rd_done;
	bool aborted;
	bool nodelay;
	bool cork;
	struct rng rng;
};

struct stream {
	struct app listener; /* first: its event finds the stream */
	struct stream *next;
	struct world *w;
	unsigned int number;
	uint16_t port;
	struct ip6_addr server;
	int listen_fd;
	bool ip6;
	uint64_t key;
	uint64_t begin_ns;
	uint64_t bulk_ns; /* it may take so long */
	struct stream_end end[2];
};

static inline struct stream_end *peer_of(const struct stream_end *e)
{
	return &e->s->end[!e->side];
}

/* Done with it: close, errno @error.  (stream.c) */
void end_finish(struct world *w, struct stream_end *e, int error);

/* Write and read what can be.  (stream_io.c) */
void end_write(struct world *w, struct stream_end *e);
void end_read(struct world *w, struct stream_end *e);

/* One call that may block, for WAIT_BLOCKING: what it returned, or 1 when there was none. */
ssize_t end_write_once(struct world *w, struct stream_end *e);
ssize_t end_read_once(struct world *w, struct stream_end *e);

/* Go on, until it would have to wait, and wait.  (stream_wait.c) */
void end_pump(struct world *w, struct stream_end *e);

/* Begin to wait for its descriptor.  Return: 0 or an errno: without memory no event comes */
int end_watch(struct world *w, struct stream_end *e);
void end_unwatch(struct stream_end *e);

#endif /* SIM_STREAM_H */
