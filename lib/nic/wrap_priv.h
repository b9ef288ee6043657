/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * wrap_priv.h - what nics that stand before another one have in common
 */
#ifndef NIC_WRAP_PRIV_H
#define NIC_WRAP_PRIV_H

#include "nic/nic.h"
#include "wire/l4.h"

/**
 * struct wrap - A nic before another one; first member of each wrapper
 * @nic:	What others see
 * @below:	Its own, closed with it
 */
struct wrap {
	struct nic nic;
	struct nic *below;
};

/* Shows @below's info and hears of what is ready there: on_ready(), where a wrapper has nothing
 * of its own to do, is wrap_ready().  From now on @below belongs to the wrapper.
 */
void wrap_init(struct wrap *w, const struct nic_ops *ops, struct nic *below,
	       void (*on_ready)(void *arg));

/* Hand on that something is ready, or an error of the nic below; @arg is the wrapper. */
void wrap_ready(void *arg);

/* rx() and tx() of the nic below, whose error becomes ours. */
unsigned int wrap_rx(struct wrap *w, struct pbuf **burst, unsigned int n);
unsigned int wrap_tx(struct wrap *w, struct pbuf *const *burst, unsigned int n);

/* Operations that are those of the nic below. */
bool wrap_arm(struct nic *nic);
void wrap_disarm(struct nic *nic);
void wrap_stats(struct nic *nic);
void wrap_trim(struct nic *nic);

/**
 * wrap_l4() - Where the transport header of a frame is
 *
 * By what is linear: @ret->l4_len is of the bytes that are there.  Return: as l4_find()
 */
int wrap_l4(enum nic_kind kind, const struct pbuf *pb, struct l4_repr *ret);

#endif /* NIC_WRAP_PRIV_H */
