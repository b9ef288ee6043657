/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * bench.h - the same work on our stack, both ends in one thread, and on the kernel's
 *
 *	ours.c		two instances and a link that hands packets over
 *	kernel.c	sockets over loopback, or over veth between two namespaces
 *	work.c		bulk, request and response, connect and close
 *	memory.c	bytes per connection
 *	main.c		in turn, as JSON lines
 *
 * What is measured is the process's CPU time, system time of the kernel included, for both
 * ends together.
 */
#ifndef BENCH_NETSTACK_BENCH_H
#define BENCH_NETSTACK_BENCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/types.h>

#define CLIENT 0
#define SERVER 1

/**
 * struct stack - A pair of ends
 * @name:	"netstack", "kernel"
 * @connect:	To port @port of the server's address number @to (from 1): a descriptor
 * @listen:	On all addresses: a descriptor
 * @turn:	Packets are carried until nothing moves
 *
 * All sockets are non-blocking with TCP_NODELAY; results as in netstack/socket.h.
 */
struct stack {
	const char *name;
	int (*listen)(struct stack *s, uint16_t port, int backlog);
	int (*connect)(struct stack *s, unsigned int to, uint16_t port);
	int (*accept)(struct stack *s, int fd);
	ssize_t (*send)(struct stack *s, unsigned int side, int fd, const void *buf, size_t len);
	ssize_t (*recv)(struct stack *s, unsigned int side, int fd, void *buf, size_t len);
	int (*close)(struct stack *s, unsigned int side, int fd);
	int (*watch)(struct stack *s, unsigned int side, int fd, uint32_t events, uint64_t data);
	int (*wait)(struct stack *s, unsigned int side, struct epoll_event *ev, int n);
	void (*turn)(struct stack *s);
	void (*free)(struct stack *s);
};

#define ADDRESSES 8 /* of the server */

/* @gso: the link takes 64 KiB segments.  Exits with a message when it cannot be had. */
struct stack *ours_new(bool gso);
struct stack *kernel_new(bool veth);

/* Memory that the instance of a side has allocated. */
uint64_t ours_bytes(const struct stack *s, unsigned int side);

/* From now on nothing reaches the client. */
void ours_cut(struct stack *s);

/* CPU seconds for the work. */
double work_bulk(struct stack *s, uint64_t bytes);
double work_rr(struct stack *s, unsigned int n_conns, unsigned int n_requests);
double work_crr(struct stack *s, unsigned int n);

/* Bytes of memory per object. */
struct memory_cost {
	double idle; /* established, of one end */
	double time_wait;
	double syn_rcvd;
	double idle_mib; /* of all ends of the first measurement together */
};

void memory_measure(unsigned int n_conns, struct memory_cost *ret);

/* "what: value" to stderr, and the end. */
void die(const char *what, long value) __attribute__((noreturn));

double cpu_now(void);

#endif /* BENCH_NETSTACK_BENCH_H */
