/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * service.h - who serves nics: poll with a budget while there is work, else sleep
 *
 * One service is one thread's.  It knows no stack, only a client that takes bursts, has a
 * deadline and sends by nic_tx().  A turn is
 *
 *	advance		client->advance(): timers, what sockets queued, callbacks
 *	submit		one system call: all that was sent, and waiting when nothing is left
 *	receive		from each nic that is ready, up to a budget; GRO; client->input()
 *
 * When work was recent it may spin for a while before it sleeps: a packet that comes then
 * costs no wake-up.
 */
#ifndef NIC_SERVICE_H
#define NIC_SERVICE_H

#include <stdbool.h>
#include <stdint.h>

#include "nic/nic.h"

struct service;

/**
 * struct service_client - For whom it is served
 * @input:	A burst of the nic that was added with @cookie: the client's packets
 * @advance:	What is due is done, before sleeping.  Return: somebody who waits should look again
 *		first
 * @deadline:	When advance() is to be called again: 0 for at once, LOOP_FOREVER for never
 * @gone:	The nic's device is gone (@nic->error); the client removes it now or later
 */
struct service_client {
	void (*input)(void *arg, uint32_t cookie, struct pbuf *const *burst, unsigned int n,
		      uint64_t now_ns);
	bool (*advance)(void *arg, uint64_t now_ns);
	uint64_t (*deadline)(void *arg);
	void (*gone)(void *arg, uint32_t cookie, int error);
};

/**
 * struct service_conf - How it serves
 * @budget:	Packets of one nic in a turn, 0 for 4 bursts
 * @spin_us:	Spin so long before sleeping, when packets came less than that ago and a CPU is
 *		idle; 0 never.  It is given up when it does not pay
 * @no_gro:	Packets go up as they come
 */
struct service_conf {
	unsigned int budget;
	unsigned int spin_us;
	bool no_gro;
};

/**
 * struct service_stats - What it did
 * @turns:	In all
 * @sleeps:	Turns that slept
 * @spins, @spin_hits: Times it spun, and those that ended with work
 * @bursts, @packets: Received
 */
struct service_stats {
	uint64_t turns;
	uint64_t sleeps;
	uint64_t spins;
	uint64_t spin_hits;
	uint64_t bursts;
	uint64_t packets;
};

int service_new(struct service **ret, struct loop *loop, const struct service_conf *conf,
		const struct service_client *client, void *arg);

/* Its nics are not closed.  NULL is fine. */
void service_free(struct service *s);

/* -ENOSPC beyond 16, -ENOMEM */
int service_add(struct service *s, struct nic *nic, uint32_t cookie);

/* The same without GRO, for packets that only go on to another nic. */
int service_add_plain(struct service *s, struct nic *nic, uint32_t cookie);
void service_del(struct service *s, struct nic *nic);

/**
 * service_turn() - One turn
 * @until_ns:	Sleep until then at the latest; 0 not at all
 *
 * Return: 0, or -EINTR of the sleep
 */
int service_turn(struct service *s, uint64_t until_ns);

void service_stats(const struct service *s, struct service_stats *ret);

#endif /* NIC_SERVICE_H */
