/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * sim.h - several instances, virtual links, a virtual clock, one seed
 *
 *	world.c		clock, events, hosts; the loop
 *	link.c		what happens to a frame on its way
 *	stream.c	TCP applications and what must hold for their bytes
 *	datagram.c	UDP applications
 *	address.c	socket addresses
 *	scenario.c	a world out of a seed
 *	main.c		command line
 *
 * The same seed makes the same world, the same events and the same trace hash.
 */
#ifndef SIM_SIM_H
#define SIM_SIM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "netstack/netstack.h"
#include "netstack/socket.h"
#include "rng.h"

#define SIM_HOSTS_MAX 6
#define SIM_LINKS_MAX 6
#define SIM_MS        UINT64_C(1000000)
#define SIM_S         UINT64_C(1000000000)

struct world;

/* Something with a descriptor in its host's epoll set: the event's data points here. */
struct app {
	void (*event)(struct world *w, struct app *a, uint32_t events);
};

/* --- links (link.c) --- */

/**
 * struct link_conf - One direction of a link, but for @mtu and @offload
 * @rate:	Bits per second, 0 for no limit
 * @delay_ns, @jitter_ns: One way; jitter alone does not reorder
 * @queue_bytes: Waiting for the rate; more is dropped
 * @loss_ppm:	Each frame
 * @burst_ppm, @burst_end_ppm: Gilbert and Elliott: into a bad state, in which all is lost, and
 *		out of it, per frame
 * @reorder_ppm, @reorder_ns: A frame is overtaken
 * @dup_ppm, @corrupt_ppm: Twice; one bit wrong
 * @blackhole:	Longer IP packets vanish without a word, 0 for none
 * @mtu:	Of the interfaces on both ends
 * @offload:	Segments of up to 64 KiB and unfinished checksums pass
 */
struct link_conf {
	uint64_t rate;
	uint64_t delay_ns;
	uint64_t jitter_ns;
	uint64_t reorder_ns;
	uint32_t queue_bytes;
	uint32_t loss_ppm;
	uint32_t burst_ppm;
	uint32_t burst_end_ppm;
	uint32_t reorder_ppm;
	uint32_t dup_ppm;
	uint32_t corrupt_ppm;
	uint32_t blackhole;
	uint32_t mtu;
	bool offload;
};

struct link_stats {
	uint64_t sent;
	uint64_t delivered;
	uint64_t lost;
	uint64_t duplicated;
	uint64_t corrupted;
	uint64_t no_buffer;
	uint64_t in_flight;
};

/* One end: where a host's interface hangs. */
struct link_end {
	struct link *link;
	struct host *host;
	uint32_t ifindex;
	unsigned int side;
	uint64_t busy_until_ns; /* the direction away from here */
	uint64_t last_at_ns;
	uint64_t queued;
	bool in_burst;
};

struct link {
	struct world *w;
	struct link_conf conf;
	struct link_end end[2];
	struct link_stats stats;
	bool cut; /* nothing passes */
};

/* Connect two hosts; both get an interface on it.  Numbers its network: host a is .1, b is .2 */
struct link *link_new(struct world *w, struct host *a, struct host *b,
		      const struct link_conf *conf);

/* --- hosts and the clock (world.c) --- */

/**
 * struct host - An instance and the applications on it
 * @epfd:	Its epoll set
 * @mem:	Bytes its allocator has given out
 * @fail_ppm:	Allocations that fail
 */
struct host {
	struct world *w;
	char name[16];
	struct netstack *st;
	int epfd;
	uint64_t mem;
	uint32_t fail_ppm;
	struct rng fail_rng;
	bool is_router;
	bool dirty; /* applications have called it */
};

/* Something that happens at a time: a frame arrives, an application wakes. */
struct event {
	uint64_t at_ns;
	uint64_t seq; /* of equal times the older one first */
	void (*fn)(struct world *w, void *arg);
	void (*drop)(void *arg); /* when it never comes to it, NULL for nothing to do */
	void *arg;
};

struct world {
	uint64_t seed;
	struct rng rng;
	uint64_t now_ns;
	uint64_t seq;
	uint64_t hash; /* of all that happened */
	bool trace;
	struct event *heap;
	size_t n_events;
	size_t events_size;
	struct host *host[SIM_HOSTS_MAX];
	unsigned int n_hosts;
	struct link *link[SIM_LINKS_MAX];
	unsigned int n_links;
	unsigned int n_unfinished; /* applications */
	bool lenient;      /* memory is short or links are cut: errors are fine, lies are not */
	char failure[512]; /* the first oracle that said no */
	struct stream *streams;
	struct datagrams *datagrams;
};

struct world *world_new(uint64_t seed, bool trace);
void world_free(struct world *w);

/* Before its first link.  @conf may be changed in what the scenario wants. */
struct host *host_new(struct world *w, const char *name, const struct netstack_conf *conf);

void world_at(struct world *w, uint64_t at_ns, void (*fn)(struct world *w, void *arg),
	      void (*drop)(void *arg), void *arg);

/* Until applications are done and then, or until @end_ns.  False when an oracle said no. */
bool world_run(struct world *w, uint64_t end_ns);

/* After the applications: TIME-WAIT passes, everything must be given back. */
bool world_settle(struct world *w);

/* An oracle says no: the first one is kept. */
void world_fail(struct world *w, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Into the trace hash and, with --trace, as a line. */
void world_note(struct world *w, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void world_hash(struct world *w, const void *data, size_t len);

/* --- applications --- */

/* A socket address; returns its length.  (address.c) */
socklen_t address_of(bool ip6, struct ip6_addr addr, uint16_t port, struct sockaddr_storage *ret);

/* A connection from @client to @server with random behaviour on both ends. */
void stream_new(struct world *w, struct host *client, struct host *server, bool ip6,
		struct ip6_addr server_addr);
void streams_check(struct world *w); /* all have ended as they should have */
void streams_free(struct world *w);

void datagrams_new(struct world *w, struct host *client, struct host *server, bool ip6,
		   struct ip6_addr server_addr);
void datagrams_check(struct world *w);
void datagrams_free(struct world *w);

/* --- scenarios --- */

/* A world with hosts, links and applications, all by its seed. */
void scenario_build(struct world *w);

#endif /* SIM_SIM_H */
