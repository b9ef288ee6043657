/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * vnet_hdr.h - virtio_net_hdr, which tap, macvtap and AF_PACKET put before a frame
 *
 * VIRTIO 1.2, 5.1.6.  Little endian, as virtio 1 has it: on a big endian machine the driver
 * asks for that (TUNSETVNETLE).  The header says what the sender left undone, a checksum
 * or the cutting into segments, and nobody guarantees that it fits the frame:
 * vnet_hdr_parse() checks the header by itself, vnet_hdr_check() against its frame.
 */
#ifndef WIRE_VNET_HDR_H
#define WIRE_VNET_HDR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "wire/l4.h"

/* Without the count of merged buffers, which follows for devices that merge. */
#define VNET_HDR_LEN        10
#define VNET_HDR_MERGED_LEN 12

/* A smaller segment is an attack on who has to make them: Linux never sends an MSS below 48
 * with 40 bytes of options in it (TCP_MIN_GSO_SIZE).
 */
#define VNET_GSO_SIZE_MIN_TCP 8

/* UDP_MAX_SEGMENTS of Linux. */
#define VNET_SEGS_MAX_UDP 128

/* UDP fragmentation offload (3) and tunnels are not offered, so not accepted. */
enum vnet_gso {
	VNET_GSO_NONE = 0,
	VNET_GSO_TCP4 = 1,
	VNET_GSO_TCP6 = 4,
	VNET_GSO_UDP = 5,
};

/**
 * struct vnet_hdr_repr - Header that is possible for some frame
 * @gso:		Cut it into segments
 * @ecn:		With CWR in the first one only (RFC 3168, 6.1.2); TCP alone
 * @needs_csum:		The checksum field holds the sum of the pseudo header; finish it
 * @data_valid:		The checksum is verified
 * @hdr_len:		With @gso: length of all headers, a hint that may be wrong
 * @gso_size:		With @gso: bytes of data per segment, not 0
 * @csum_start:		With @needs_csum: where summing begins
 * @csum_offset:	With @needs_csum: the field, from there on
 *
 * What does not go with a flag is 0.  @gso goes with @needs_csum or @data_valid.
 */
struct vnet_hdr_repr {
	enum vnet_gso gso;
	bool ecn;
	bool needs_csum;
	bool data_valid;
	uint16_t hdr_len;
	uint16_t gso_size;
	uint16_t csum_start;
	uint16_t csum_offset;
};

/* -EBADMSG for flags and combinations that do not exist, -EPROTONOSUPPORT for segmentation
 * that was not offered.
 */
int vnet_hdr_parse(const uint8_t *buf, size_t len, struct vnet_hdr_repr *ret);
int vnet_hdr_emit(uint8_t *buf, size_t len, const struct vnet_hdr_repr *r);

/**
 * enum vnet_csum - What is known about the transport checksum of a frame
 *
 * VNET_CSUM_UNKNOWN	nothing: verify it
 * VNET_CSUM_GOOD	verified by the device
 * VNET_CSUM_PARTIAL	the frame was on no wire: nothing to verify, and its field is not the
 *			checksum, which only matters when it goes on to a wire
 * VNET_CSUM_OTHER	a checksum that is not that of the transport header we see is to be
 *			finished: vnet_hdr_finish(), then VNET_CSUM_UNKNOWN
 */
enum vnet_csum {
	VNET_CSUM_UNKNOWN,
	VNET_CSUM_GOOD,
	VNET_CSUM_PARTIAL,
	VNET_CSUM_OTHER,
};

/**
 * struct vnet_frame - What a header says about its frame, checked
 * @csum:	See there
 * @gso:	VNET_GSO_NONE also for a single segment
 * @ecn:	As in the header, with @gso
 * @gso_size:	With @gso: bytes of data of each segment but the last
 * @n_segs:	Segments: 1 without @gso
 * @hdrs_len:	With @gso: bytes of all headers, counted, not believed
 * @has_l4:	@l4 is there: with @gso and VNET_CSUM_PARTIAL
 * @l4:		Result of l4_find()
 */
struct vnet_frame {
	enum vnet_csum csum;
	enum vnet_gso gso;
	bool ecn;
	bool has_l4;
	uint16_t gso_size;
	uint16_t n_segs;
	uint16_t hdrs_len;
	struct l4_repr l4;
};

/**
 * vnet_hdr_check() - Check a header against its frame
 * @h:		Header
 * @frame:	Ethernet frame that followed it
 * @len:	Its length
 * @ret:	Written on 0
 *
 * Return: 0, or -EBADMSG or another error of the parsers for a frame that is not what the
 *         header says
 */
int vnet_hdr_check(const struct vnet_hdr_repr *h, const uint8_t *frame, size_t len,
		   struct vnet_frame *ret);

/* Finish the checksum that @h asks for, after vnet_hdr_check(); not for segments. */
void vnet_hdr_finish(const struct vnet_hdr_repr *h, uint8_t *frame, size_t len);

#endif /* WIRE_VNET_HDR_H */
