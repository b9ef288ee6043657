/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * service_priv.h - when to spin: between service.c and spin.c
 */
#ifndef NIC_SERVICE_PRIV_H
#define NIC_SERVICE_PRIV_H

#include <stdbool.h>
#include <stdint.h>

/**
 * struct spin - Whether to look again for a while instead of sleeping
 * @ns:		How long, 0 for never
 * @loadavg:	/proc/loadavg, which says how many threads want to run; -1 when it cannot be read
 * @n_cpus:	CPUs this thread may use
 * @asked_ns:	When that was looked at
 * @idle:	One of them had nothing to do then
 * @failed:	Spins in a row that ended without work, up to a limit
 * @skip:	Sleeps to come without a spin before them
 */
struct spin {
	uint64_t ns;
	int loadavg;
	unsigned int n_cpus;
	uint64_t asked_ns;
	bool idle;
	unsigned int failed;
	unsigned int skip;
};

void spin_init(struct spin *sp, unsigned int us);
void spin_done(struct spin *sp);

/* Packets came @last_rx_ns. */
bool spin_pays(struct spin *sp, uint64_t now_ns, uint64_t last_rx_ns);

void spin_ended(struct spin *sp, bool with_work);

#endif /* NIC_SERVICE_PRIV_H */
