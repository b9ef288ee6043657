/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * service_priv.h - when to spin: between service.c and spin.c
 */
#ifndef NIC_SERVICE_PRIV_H
#define NIC_SERVICE_PRIV_H

#include <stdbool.h>
#include <stdint.h>

/**
 * enum spin_manner - How it is done
 *
 * SPIN_NOT		not at all: others want the CPUs
 * SPIN_ALONE		a CPU has nothing else to do
 * SPIN_POLITELY	the CPU is offered to others each time
 */
enum spin_manner {
	SPIN_NOT,
	SPIN_ALONE,
	SPIN_POLITELY,
};

/**
 * struct spin - Whether to look again for a while instead of sleeping
 * @ns:		How long, 0 for never
 * @loadavg:	/proc/loadavg, which says how many threads want to run; -1 when it cannot be read
 * @n_cpus:	CPUs this thread may use
 * @n_online:	CPUs of the machine
 * @asked_ns:	When that was looked at
 * @manner:	What came out of it
 * @failed:	Spins in a row that ended without work, up to a limit
 * @skip:	Sleeps to come without a spin before them
 */
struct spin {
	uint64_t ns;
	int loadavg;
	unsigned int n_cpus;
	unsigned int n_online;
	uint64_t asked_ns;
	enum spin_manner manner;
	unsigned int failed;
	unsigned int skip;
};

void spin_init(struct spin *sp, unsigned int us);
void spin_done(struct spin *sp);

/* Packets came @last_rx_ns. */
bool spin_pays(struct spin *sp, uint64_t now_ns, uint64_t last_rx_ns);

/* Between two looks. */
void spin_look(const struct spin *sp);

/* It took @took_ns. */
void spin_ended(struct spin *sp, bool with_work, uint64_t took_ns);

#endif /* NIC_SERVICE_PRIV_H */
