/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * recovery.h - how losses are found, behind a table of functions
 *
 * What is common to all ways is in recovery.c: the states of the sender, when cwnd is reduced
 * and restored.  What is marked as lost is resent by out.c.  An algorithm says which segments
 * are lost.
 */
#ifndef NETSTACK_TCP_RECOVERY_H
#define NETSTACK_TCP_RECOVERY_H

#include <stdbool.h>

struct tcp_ack;
struct tcp_conn;

/**
 * struct tcp_recovery - An algorithm that finds losses
 * @name:	For tests and notes
 * @ack:	An ACK is in the scoreboard: mark what is lost by now (tcp_txseg_mark_lost())
 * @leave:	All that was in flight when recovery began is acknowledged.  False: stay, for the
 *		next duplicate ACKs may still be of that time (RFC 6582, 3.2 step 1)
 */
struct tcp_recovery {
	const char *name;
	void (*ack)(struct tcp_conn *c, const struct tcp_ack *a);
	bool (*leave)(const struct tcp_conn *c);
};

extern const struct tcp_recovery tcp_recovery_newreno; /* RFC 5681, RFC 6582: without SACK */
extern const struct tcp_recovery tcp_recovery_sack;    /* RFC 6675 */

#endif /* NETSTACK_TCP_RECOVERY_H */
