/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * dataq.h - queue of bytes in shared blocks: what a stream sends and receives
 *
 * The queue refers to pieces of blocks; bytes enter at its end and leave at its
 * beginning.  Segments are made of it by reference, so the same memory is in the queue, in
 * packets on their way and in their retransmissions.
 *
 * Written bytes fill the last block up while nobody else will write there: the queue
 * that allocated a block is the only one to append to it, packets only refer to what was
 * written before.
 */
#ifndef NETSTACK_TRANSPORT_DATAQ_H
#define NETSTACK_TRANSPORT_DATAQ_H

#include <stdbool.h>
#include <stdint.h>

#include "nic/pbuf.h"

struct slab;

#define DATAQ_NODE_FRAGS 7

/* A part of the queue, from a slab: 128 bytes. */
struct dataq_node {
	struct dataq_node *next;
	uint32_t id;
	uint8_t first; /* of those in use */
	uint8_t end;   /* behind the last one */
	uint8_t own;   /* a bit for each: a block that dataq_write() got */
	struct pbuf_frag frag[DATAQ_NODE_FRAGS];
};

/**
 * struct dataq - The queue; all zero is an empty one
 * @first, @last: Nodes, NULL when it is empty
 * @len:	Bytes
 * @charge:	Memory that they hold: of blocks that the queue filled by itself all, of others
 *		what is referred to
 * @tail_room:	Bytes that may be appended to the last block
 */
struct dataq {
	struct dataq_node *first;
	struct dataq_node *last;
	uint32_t len;
	uint32_t charge;
	uint32_t tail_room;
};

/* A place in a queue, at a byte: it stays right while bytes before that one leave.  A place
 * behind the last byte holds until something is appended and then wants dataq_settle(),
 * before anything leaves.
 */
struct dataq_cursor {
	struct dataq_node *node; /* NULL: of an empty queue */
	uint32_t at;             /* index in node->frag */
	uint32_t off;            /* of the byte in its block */
};

/* Slab of nodes, for all queues of an instance. */
void dataq_slab_init(struct slab *s, const struct pbuf_mem *mem);

/* Give everything back. */
void dataq_clear(struct dataq *q, struct slab *s);

/* Append a copy.  Return: bytes appended, fewer than @len without memory */
uint32_t dataq_write(struct dataq *q, struct slab *s, struct pbuf_pool *pool, const void *src,
		     uint32_t len);

/* Append a piece, taking a reference of its own.  False without memory. */
bool dataq_add(struct dataq *q, struct slab *s, struct pbuf_block *block, uint32_t off,
	       uint32_t len);

/**
 * dataq_add_packet() - Append the bytes of a packet from @off to its end
 *
 * By reference; small ones (DATAQ_COPY_MAX), and those that would hold DATAQ_WASTE_MAX times as
 * much memory, are copied together instead, in order that a few bytes do not hold a block of
 * 64 KiB.  The packet stays the caller's.  False without memory, with nothing appended.
 */
bool dataq_add_packet(struct dataq *q, struct slab *s, const struct pbuf *pb, uint32_t off);

#define DATAQ_COPY_MAX  512
#define DATAQ_WASTE_MAX 4

/* Blocks that dataq_write() gets: as large as what is queued already, in these bounds. */
#define DATAQ_BLOCK_MIN 256
#define DATAQ_BLOCK_MAX 65536

/* All of @from moves to the end of @q. */
void dataq_splice(struct dataq *q, struct dataq *from);

/* Bytes leave at the front: @len of them are there. */
void dataq_drop(struct dataq *q, struct slab *s, uint32_t len);

/* Copy @len bytes from offset @off, which are there. */
void dataq_peek(const struct dataq *q, uint32_t off, void *dst, uint32_t len);

/* Place of an offset, walking from the front. */
struct dataq_cursor dataq_seek(const struct dataq *q, uint32_t off);

/* Place behind the last byte. */
struct dataq_cursor dataq_tail(const struct dataq *q);

/* A place that was behind the last byte is now that of the byte appended first since. */
void dataq_settle(const struct dataq *q, struct dataq_cursor *c);

/* Further on by @len bytes, which are there; at the end it is behind the last one. */
void dataq_advance(struct dataq_cursor *c, uint32_t len);

/* Copy @len bytes, which are there, from this place on. */
void dataq_copy(struct dataq_cursor c, void *dst, uint32_t len);

/**
 * dataq_attach() - Add bytes to a packet by reference
 * @c:		Where from; moves on by what was added
 * @len:	How many, which are there
 *
 * Return: bytes added: fewer when the packet has no place for more pieces
 */
uint32_t dataq_attach(struct dataq_cursor *c, struct pbuf *pb, uint32_t len);

/* The pieces from the front as an iovec-like view for zero-copy readers: fills up to @n
 * entries, returns how many.
 */
unsigned int dataq_view(const struct dataq *q, struct pbuf_frag *ret, unsigned int n);

#endif /* NETSTACK_TRANSPORT_DATAQ_H */
