/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * adapter.h - an instance of the stack behind packetdrill's table
 *
 *	adapter.c	the instance, its link, its virtual clock, its descriptors
 *	calls.c		the table
 *	sysctl.c	parameters that scripts set by sysctl
 *	preload.c	a library of its own: getsockopt() for packetdrill's "%{ }%"
 */
#ifndef PACKETDRILL_ADAPTER_H
#define PACKETDRILL_ADAPTER_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "netstack/netstack.h"
#include "packetdrill.h"

/* packetdrill closes what a script left open by close(2), and compares descriptors with what
 * the script says; so each socket has a descriptor of the process that keeps its number.
 */
#define ADAPTER_FDS_MAX 4096

struct out_packet {
	struct out_packet *next;
	uint64_t at_ns;
	uint32_t len;
	uint8_t bytes[];
};

struct sysctls;

/**
 * struct adapter - All of it
 * @lock:	For all of it: packetdrill makes blocking calls in a second thread
 * @changed:	Something happened: threads that wait in a call look again
 * @settled:	They have looked, or they have taken the time
 * @main:	The thread that moves the clock
 * @turn:	Counts what happened
 * @n_blocked:	Threads in a call that waits
 * @n_looked:	Of those, how many have looked since @turn changed
 * @holding:	A call that waited is over: its thread will ask for the time, which stands
 *		still until then
 * @limit_ns:	So long netdev_receive() waits for a packet, on the virtual clock
 * @ns_fd:	Descriptor of the instance, by that of the process; -1 for none
 */
struct adapter {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	pthread_cond_t settled;
	pthread_t main;
	uint64_t turn;
	unsigned int n_blocked;
	unsigned int n_looked;
	bool holding;
	struct netstack *st;
	uint32_t ifindex;
	uint32_t mtu;
	uint64_t now_ns;
	uint64_t limit_ns;
	struct out_packet *out;
	struct out_packet **out_last;
	struct sysctls *sysctls;
	int ns_fd[ADAPTER_FDS_MAX];
};

/* NULL with a message to stderr when that is not possible. */
struct adapter *adapter_new(const char *flags);
void adapter_free(struct adapter *a);

/* Around every call.  What was queued is sent at the end. */
void adapter_enter(struct adapter *a);
void adapter_leave(struct adapter *a);

/* Timers fire on the way. */
void adapter_until(struct adapter *a, uint64_t at_ns);

/* Wait until threads in calls have seen what happened. */
void adapter_settle(struct adapter *a);

/* A number for a descriptor of the instance; closes it when there is none.  -1 with errno */
int adapter_fd_new(struct adapter *a, int ns_fd);
int adapter_fd(const struct adapter *a, int fd);
void adapter_fd_close(struct adapter *a, int fd);

void adapter_fill_table(struct packetdrill_table *ret, struct adapter *a);

/* Parameters whose files in @dir have changed since.  NULL: there are none. */
struct sysctls *sysctls_new(const char *dir);
void sysctls_apply(struct sysctls *s, struct tcp_params *tcp, struct ip_params *ip);
void sysctls_free(struct sysctls *s);

#endif /* PACKETDRILL_ADAPTER_H */
