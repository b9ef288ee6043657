/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * pbuf.h - packet buffers, between devices and the stack and inside it
 *
 * A packet is a struct pbuf and the bytes it refers to:
 *
 *	linear part	@linear bytes at @data, in one piece: what headers are read from and
 *			written to.  It lies in the pbuf's own room (packets we send) or in a
 *			block that a device filled (packets we receive).
 *	fragments	the rest, in pieces of blocks.  Nobody writes to them: blocks are
 *			shared between a connection's queue, the packets made of it and the
 *			device.
 *
 * Layers strip and prepend headers by moving @data; the space before it is the headroom.  A
 * block is freed with its last reference.  A pool, its pbufs and its blocks belong to one
 * thread; pools account every byte and refuse beyond their limit.
 */
#ifndef NIC_PBUF_H
#define NIC_PBUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct pbuf_piece;
struct pbuf_pool;

/* 64 KiB in pieces of 4 KiB, one that begins in the middle of a piece, and one to spare. */
#define PBUF_FRAGS_MAX 18

/* Room of a pbuf: vnet_hdr 12, Ethernet with two tags 22, IPv6 with a fragment header 48, TCP
 * with options 60, and small messages whole.
 */
#define PBUF_ROOM 256

/* Where the first header to be pushed ends: all layers below TCP or UDP fit before it, and
 * what is put behind it has PBUF_ROOM - PBUF_HEADROOM bytes.
 */
#define PBUF_HEADROOM 160

/* Scratch of whoever holds the packet now; nobody finds anything of value in it. */
#define PBUF_CB_LEN 48

/* Value of @l2, @l3 and @l4 of a packet whose layer was not passed. */
#define PBUF_NO_OFFSET UINT16_MAX

/**
 * struct pbuf_block - Memory that packets share
 * @arg:	Of @release; of the pool while the block is free
 * @data:	First byte
 * @size:	Bytes there
 * @refs:	References; the last pbuf_block_unref() gives it back
 * @charge:	Bytes it counts in its pool: @size and what stands around it
 * @size_class:	Which free list it goes to
 * @pool:	Where it belongs
 * @release:	For memory of somebody else: called when nobody refers to it any more
 * @piece:	Of the pool
 */
struct pbuf_block {
	void *arg;
	uint8_t *data;
	uint32_t size;
	uint32_t refs;
	uint32_t charge;
	uint8_t size_class;
	struct pbuf_pool *pool;
	void (*release)(void *arg);
	struct pbuf_piece *piece;
};

/* A piece of a block; whoever stores one holds a reference. */
struct pbuf_frag {
	struct pbuf_block *block;
	uint32_t off;
	uint32_t len;
};

/* What is known about the transport checksum. */
enum pbuf_csum {
	PBUF_CSUM_NONE,    /* received: verify it; to be sent: it is complete */
	PBUF_CSUM_VALID,   /* received: verified by the device, or never left this host */
	PBUF_CSUM_PARTIAL, /* the field holds the pseudo header's sum: finish it at the end */
};

/* How a packet of more than one segment is cut, by device or software. */
enum pbuf_gso {
	PBUF_GSO_NONE,
	PBUF_GSO_TCP4,
	PBUF_GSO_TCP6,
	PBUF_GSO_UDP,
};

/* To whom the link layer says it is. */
enum pbuf_dest {
	PBUF_TO_US,
	PBUF_TO_ALL,   /* broadcast */
	PBUF_TO_GROUP, /* multicast */
	PBUF_TO_OTHER, /* somebody else, seen in promiscuous mode */
	PBUF_FROM_US,  /* looped back: our own copy of a packet we sent */
};

/**
 * struct pbuf - A packet
 * @next:	In whatever queue it is in
 * @pool:	Where it belongs
 * @data:	First byte of the header of the current layer
 * @base:	First byte of the memory @data lies in: headroom is @data - @base
 * @head:	Block of the linear part, NULL for the pbuf's own room; holds a reference
 * @len:	Bytes of the packet from @data on, linear part and fragments
 * @linear:	Of which at @data
 * @size:	Bytes of memory at @base
 * @n_frags:	Pieces in @frag
 * @csum:	enum pbuf_csum.  PARTIAL: the sum goes from @l4 to the end of the packet, the
 *		field is @csum_offset bytes behind @l4
 * @gso:	enum pbuf_gso
 * @gso_size:	Payload of each segment but the last
 * @gso_ecn:	CWR belongs to the first segment only
 * @dest:	enum pbuf_dest
 * @l2, @l3, @l4: Offsets of those headers from @base where their layer was passed, else
 *		PBUF_NO_OFFSET.  They stay right when the packet's memory is exchanged
 * @frag_max:	Reassembled: length of its longest fragment as an IP packet, else 0.  Those it
 *		is cut into again are not longer
 * @ifindex:	Interface it came in on
 * @hash:	Of the flow, 0 for not known
 * @mark:	For filter and routing, as in Linux
 * @owner_bytes: What a socket was charged for it (transport/sock.h)
 * @time_ns:	When it came in, on the clock of its instance
 * @piece:	Of the pool
 */
struct pbuf {
	struct pbuf *next;
	struct pbuf_pool *pool;
	uint8_t *data;
	uint8_t *base;
	struct pbuf_block *head;
	uint32_t len;
	uint32_t linear;
	uint32_t size;
	uint8_t n_frags;
	uint8_t csum;
	uint8_t gso;
	uint8_t dest;
	uint16_t gso_size;
	uint16_t csum_offset;
	uint16_t l2;
	uint16_t l3;
	uint16_t l4;
	uint16_t frag_max;
	bool gso_ecn;
	uint8_t hops; /* of re-routing inside the instance: loops end */
	uint32_t ifindex;
	uint32_t hash;
	uint32_t mark;
	uint32_t owner_bytes;
	uint64_t time_ns;
	_Alignas(8) uint8_t cb[PBUF_CB_LEN];
	struct pbuf_frag frag[PBUF_FRAGS_MAX];
	uint8_t room[PBUF_ROOM];
	struct pbuf_piece *piece;
};

/* --- pools --- */

/* Where pools get their memory from.  @alloc returns NULL when there is none; memory is
 * aligned as by malloc().  Both may be called in any order.
 */
struct pbuf_mem {
	void *(*alloc)(void *arg, size_t size);
	void (*free)(void *arg, void *p, size_t size);
	void *arg;
};

/**
 * struct pbuf_pool_stats - Accounting of a pool
 * @pbufs:	In use
 * @blocks:	In use, foreign memory included
 * @bytes:	Charged for them
 * @bytes_max:	Highest value so far
 * @limit:	Of @bytes
 * @refused:	Allocations that failed, for the limit or for memory
 * @taken:	Bytes taken from its memory, in use or not
 */
struct pbuf_pool_stats {
	uint64_t pbufs;
	uint64_t blocks;
	uint64_t bytes;
	uint64_t bytes_max;
	uint64_t limit;
	uint64_t refused;
	uint64_t taken;
};

/**
 * pbuf_pool_new() - Make a pool
 * @ret:	The pool, on success
 * @mem:	Copied
 * @limit:	Bytes that may be in use at once
 *
 * The pool gets memory in large pieces and keeps it until pbuf_pool_trim() or its end.
 *
 * Return: 0 or -ENOMEM
 */
int pbuf_pool_new(struct pbuf_pool **ret, const struct pbuf_mem *mem, uint64_t limit);

/* Nothing of it may be in use: that is asserted.  NULL is fine. */
void pbuf_pool_free(struct pbuf_pool *pool);

void pbuf_pool_set_limit(struct pbuf_pool *pool, uint64_t limit);
void pbuf_pool_stats(const struct pbuf_pool *pool, struct pbuf_pool_stats *ret);

/* Pieces of which nothing is in use are freed.  It looks at all that is free: for quiet moments. */
void pbuf_pool_trim(struct pbuf_pool *pool);

/* --- blocks --- */

/**
 * pbuf_block_alloc() - Memory for a received frame or for data to be sent
 * @size:	Wanted, up to PBUF_BLOCK_MAX; the block has at least so many bytes
 *
 * Return: a block with one reference, or NULL
 */
struct pbuf_block *pbuf_block_alloc(struct pbuf_pool *pool, uint32_t size);

#define PBUF_BLOCK_MAX 69632 /* a 64 KiB packet, its headers and room before it */

/* A block over memory of somebody else, for sending without a copy: @release is called
 * with @arg when it is free again.  NULL when there is no memory; @release is not called.
 */
struct pbuf_block *pbuf_block_wrap(struct pbuf_pool *pool, void *data, uint32_t size,
				   void (*release)(void *arg), void *arg);

static inline struct pbuf_block *pbuf_block_ref(struct pbuf_block *b)
{
	b->refs++;
	return b;
}

void pbuf_block_free(struct pbuf_block *b); /* of the last reference */

static inline void pbuf_block_unref(struct pbuf_block *b)
{
	if (--b->refs == 0)
		pbuf_block_free(b);
}

static inline uint8_t *pbuf_frag_data(const struct pbuf_frag *f)
{
	return f->block->data + f->off;
}

/* --- packets --- */

/* An empty packet to be sent: data at PBUF_HEADROOM of its room, length 0.  NULL when there
 * is no memory.
 */
struct pbuf *pbuf_alloc(struct pbuf_pool *pool);

/**
 * pbuf_alloc_rx() - A packet for a device to fill, or for bytes from anywhere
 * @room:	Bytes of headroom to leave
 * @size:	Bytes behind them
 *
 * Length 0, its linear part in a block of its own (which may be the pbuf's room when
 * it fits).
 */
struct pbuf *pbuf_alloc_rx(struct pbuf_pool *pool, uint32_t room, uint32_t size);

/* The same, with @len bytes of @p in it. */
struct pbuf *pbuf_alloc_copy(struct pbuf_pool *pool, uint32_t room, const uint8_t *p, uint32_t len);

/* All that it holds is given back, not the packets behind it.  NULL is fine. */
void pbuf_free(struct pbuf *pb);

/**
 * pbuf_clone() - Another packet of the same bytes
 *
 * Metadata, @cb with it, and the linear part's headers when they are in the pbuf's room are copied,
 * blocks are shared.  Whoever changes headers of a shared linear part, or pushes some before
 * it, calls pbuf_unshare() first.  The clone is in no queue and @owner_bytes is 0.
 *
 * Return: NULL when there is no memory
 */
struct pbuf *pbuf_clone(const struct pbuf *pb);

/* Headers may be written: the first @len bytes, and the headers before them, are linear and
 * nobody else refers to them.  Room for a link's header is kept or made.  False when the
 * packet is shorter or there is no memory.
 */
bool pbuf_unshare(struct pbuf *pb, uint32_t len);

/* Headers of @room bytes may be pushed: there is so much headroom and nobody else refers to
 * it.  False when there is no memory.
 */
bool pbuf_make_room(struct pbuf *pb, uint32_t room);

/* The first @len bytes are linear.  False when the packet is shorter or there is no memory. */
bool pbuf_pullup_slow(struct pbuf *pb, uint32_t len);

static inline bool pbuf_pullup(struct pbuf *pb, uint32_t len)
{
	return pb->linear >= len || pbuf_pullup_slow(pb, len);
}

static inline uint32_t pbuf_headroom(const struct pbuf *pb)
{
	return (uint32_t)(pb->data - pb->base);
}

/* Bytes behind the linear part; it grows into them only without fragments. */
static inline uint32_t pbuf_tailroom(const struct pbuf *pb)
{
	return pb->n_frags ? 0 : pb->size - pbuf_headroom(pb) - pb->linear;
}

/* Prepend @len bytes and return where they are to be written; NULL without the headroom.
 * Of a packet that may be shared pbuf_make_room() comes first.
 */
static inline uint8_t *pbuf_push(struct pbuf *pb, uint32_t len)
{
	if (pbuf_headroom(pb) < len)
		return NULL;
	pb->data -= len;
	pb->len += len;
	pb->linear += len;
	return pb->data;
}

/* Strip @len bytes, which are linear: the caller has read them. */
static inline void pbuf_pull(struct pbuf *pb, uint32_t len)
{
	pb->data += len;
	pb->len -= len;
	pb->linear -= len;
}

/* Append @len linear bytes and return where; NULL without the tailroom.  For who made the
 * packet, before others share its linear part.
 */
static inline uint8_t *pbuf_put(struct pbuf *pb, uint32_t len)
{
	uint8_t *at = pb->data + pb->linear;

	if (pbuf_tailroom(pb) < len)
		return NULL;
	pb->linear += len;
	pb->len += len;
	return at;
}

/* Cut the packet to its first @len bytes: not longer than it is. */
void pbuf_trim(struct pbuf *pb, uint32_t len);

/* Strip @len bytes wherever they are; not more than there are. */
void pbuf_skip(struct pbuf *pb, uint32_t len);

/* Append a piece; takes a reference of its own.  False when there are PBUF_FRAGS_MAX and
 * it does not continue the last one.
 */
bool pbuf_add_frag(struct pbuf *pb, struct pbuf_block *block, uint32_t off, uint32_t len);

/* Append @len bytes of @src from offset @off, which are there: blocks are shared, what lies
 * in @src's own room is copied.  Too many pieces are made one.  False when there is no
 * memory; @pb is then as it was.
 */
bool pbuf_append(struct pbuf *pb, const struct pbuf *src, uint32_t off, uint32_t len);

/* Copy @len bytes from offset @off: they are there (asserted). */
void pbuf_copy_out(const struct pbuf *pb, uint32_t off, void *dst, uint32_t len);

/* Sum of @len bytes from offset @off, as csum_bytes() has it (wire/checksum.h). */
uint32_t pbuf_csum(const struct pbuf *pb, uint32_t off, uint32_t len);

/* PARTIAL becomes NONE: the sum is taken and the field written, which is linear and nobody
 * else's.  Not for a packet with @gso: each segment has its own.
 */
void pbuf_finish_csum(struct pbuf *pb);

/* Bytes that it takes of its pool, shared blocks whole: what a socket is charged. */
uint32_t pbuf_truesize(const struct pbuf *pb);

static inline uint8_t *pbuf_l2(const struct pbuf *pb)
{
	return pb->base + pb->l2;
}

static inline uint8_t *pbuf_l3(const struct pbuf *pb)
{
	return pb->base + pb->l3;
}

static inline uint8_t *pbuf_l4(const struct pbuf *pb)
{
	return pb->base + pb->l4;
}

/* The current layer's header begins at data. */
static inline void pbuf_mark_l2(struct pbuf *pb)
{
	pb->l2 = (uint16_t)pbuf_headroom(pb);
}

static inline void pbuf_mark_l3(struct pbuf *pb)
{
	pb->l3 = (uint16_t)pbuf_headroom(pb);
}

static inline void pbuf_mark_l4(struct pbuf *pb)
{
	pb->l4 = (uint16_t)pbuf_headroom(pb);
}

/* --- queues: first in, first out --- */

struct pbuf_queue {
	struct pbuf *first;
	struct pbuf **last;
	uint32_t n;
	uint32_t bytes; /* of packet lengths */
};

static inline void pbuf_queue_init(struct pbuf_queue *q)
{
	*q = (struct pbuf_queue){ .last = &q->first };
}

static inline void pbuf_queue_put(struct pbuf_queue *q, struct pbuf *pb)
{
	pb->next = NULL;
	*q->last = pb;
	q->last = &pb->next;
	q->n++;
	q->bytes += pb->len;
}

/* NULL when it is empty. */
static inline struct pbuf *pbuf_queue_take(struct pbuf_queue *q)
{
	struct pbuf *pb = q->first;

	if (!pb)
		return NULL;
	q->first = pb->next;
	if (!q->first)
		q->last = &q->first;
	q->n--;
	q->bytes -= pb->len;
	pb->next = NULL;
	return pb;
}

void pbuf_queue_free(struct pbuf_queue *q); /* all that are in it */

#endif /* NIC_PBUF_H */
