/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What a sender's time passes with (TCP_INFO): busy is all of it while the write queue is not
 * empty, and a part of that is waiting for the receiver's window or for the own send buffer.
 */
#include "netstack/tcp/snd_priv.h"

void tcp_chrono_set(struct tcp_conn *c, enum tcp_chrono to)
{
	struct tcp_flight *fl = c->fl;
	const uint32_t now = core_ms(c->tcp->core);
	const uint32_t passed = now - fl->chrono_ms;

	if (fl->chrono == to)
		return;
	if (fl->chrono != TCP_CHRONO_NONE)
		c->busy_ms += passed;
	if (fl->chrono == TCP_CHRONO_RWND)
		c->rwnd_ms += passed;
	else if (fl->chrono == TCP_CHRONO_SNDBUF)
		c->sndbuf_ms += passed;
	fl->chrono = (uint8_t)to;
	fl->chrono_ms = now;
}
