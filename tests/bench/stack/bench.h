/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * bench.h - one measurement: a server on our stack or the kernel's, a client on the kernel's
 *
 *	kernel_end.c	the kernel's sockets behind struct end
 *	our_end.c	ours
 *	server.c	what the server does, over a struct end: the same code for both
 *	client.c	what the client does
 *	main.c		two processes, their namespaces and CPUs; the result as JSON
 *
 * Each end is a process; what counts is the CPU time of both, and of the server alone, which
 * is the host whose stack is compared.
 */
#ifndef BENCH_STACK_BENCH_H
#define BENCH_STACK_BENCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/types.h>

#define PORT        5001
#define MESSAGE_LEN 64
#define CHUNK       (128 << 10)
#define CONNS_MAX   4096

enum work {
	WORK_RX,  /* the server receives @count bytes */
	WORK_TX,  /* the server sends them */
	WORK_RR,  /* @count requests and responses over @conns connections */
	WORK_CRR, /* @count connections of one request each, @conns at a time */
};

/**
 * struct options - What is measured
 * @work:	See there
 * @nic:	"kernel", or the device of our stack (nic/drivers.h)
 * @server_ns, @client_ns: Paths of namespaces
 * @addr:	Our stack's, "A/LEN", NULL to follow the device's interface
 * @to:		Where the client connects to
 * @cc:		Congestion control of the kernel's sockets, NULL for the default
 * @count:	Bytes, requests or connections
 * @conns:	Connections at once
 * @server_cpu, @client_cpu: -1 for any
 * @spin_us:	Of our service
 * @epoll:	Without io_uring
 * @no_gro:	Without GRO
 */
struct options {
	enum work work;
	const char *nic;
	const char *server_ns;
	const char *client_ns;
	const char *addr;
	const char *to;
	const char *cc;
	uint64_t count;
	unsigned int conns;
	int server_cpu;
	int client_cpu;
	unsigned int spin_us;
	bool epoll;
	bool no_gro;
};

/**
 * struct end - Sockets, non-blocking, results as in netstack/socket.h
 * @wait:	Blocks until there are events or @stop.  Return: how many events
 * @stop:	Somebody wrote to the control descriptor
 * @info:	What ran, for the result: counters as JSON members, or ""
 */
struct end {
	int (*listen)(struct end *e, uint16_t port);
	int (*accept)(struct end *e, int fd);
	ssize_t (*read)(struct end *e, int fd, void *buf, size_t len);
	ssize_t (*write)(struct end *e, int fd, const void *buf, size_t len);
	void (*close)(struct end *e, int fd);
	void (*watch)(struct end *e, int fd, uint32_t events);
	int (*wait)(struct end *e, struct epoll_event *ev, int n);
	void (*free)(struct end *e);
	bool stop;
	char info[512];
};

/* @ctl becomes readable when the measurement is over.  They exit with a message. */
struct end *kernel_end_new(const struct options *o, int ctl);
struct end *our_end_new(const struct options *o, int ctl);

/**
 * struct result - What one process reports
 * @cpu:	Seconds, user and system, of the work alone
 * @wall:	Seconds
 * @count:	Bytes, requests or connections that were completed
 * @p50, @p99:	Latency in microseconds, of the client
 */
struct result {
	double cpu;
	double wall;
	uint64_t count;
	double p50;
	double p99;
	char info[512];
};

/* Says on @ctl that it listens; ends when something comes there. */
void serve(const struct options *o, int ctl, struct result *ret);
void run_client(const struct options *o, struct result *ret);

double cpu_now(void);
double wall_now(void);

/* "what: reason" to standard error, and the end. */
void die(const char *what, int error) __attribute__((noreturn));

#endif /* BENCH_STACK_BENCH_H */
