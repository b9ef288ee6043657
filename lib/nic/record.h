/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * record.h - captures of a nic that begin and end while it is served
 *
 * A nic that is not recorded does nothing for it: its table of operations is exchanged for one
 * that writes down what passes, and put back.  Where nic_capture_new() is a nic of its own from
 * the beginning, this needs nothing to be foreseen.
 */
#ifndef NIC_RECORD_H
#define NIC_RECORD_H

#include <stdbool.h>
#include <stdint.h>

#include "nic/wrappers.h"

struct nerr;
struct nic;
struct record;

#define RECORD_MAX 4 /* of one nic at a time: each has a buffer of 8 MiB */

/**
 * struct record_conf - A recording
 * @fd:		Written to as it can take it; non-blocking from now on
 * @snaplen:	Bytes kept of a frame, 0 for all
 * @packets:	So many at most, 0 for any number
 * @over:	Nothing is recorded any more (@packets, an error of writing), or all is
 *		written after record_stop().  From within an operation of the nic or a turn of
 *		the loop: it may not free the recording
 * @arg:	Of @over
 */
struct record_conf {
	int fd;
	uint32_t snaplen;
	uint64_t packets;
	void (*over)(void *arg);
	void *arg;
};

/* @conf->fd is the recording's, also when this fails.  -EBUSY beyond RECORD_MAX, -ENOMEM, errors
 * of writing.  The nic outlives it.
 */
int record_new(struct record **ret, struct nic *nic, const struct record_conf *conf,
	       struct nerr *err);

/* Nothing more is recorded; what waits is written.  Return: 0 when all is, -EAGAIN: @over will be
 * called
 */
int record_stop(struct record *rec);

/* What waits is lost.  NULL is fine. */
void record_free(struct record *rec);

void record_stats(const struct record *rec, struct nic_capture_stats *ret);

#endif /* NIC_RECORD_H */
