/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * sim.h - several instances, virtual links, a virtual clock, one seed
 *
 *	world.c		clock, events, trace; the loop
 *	host.c		instances: their memory, what their applications wait for
 *	link.c		what happens to a frame on its way, and that none is lost track of
 *	topology.c	hosts and routers as a tree, addresses, routes
 *	hooks.c		what hooks of routers and hosts do to packets
 *	segment.c	what must hold for the segments that hosts send
 *	stream*.c	TCP applications and what must hold for their bytes
 *	swarm.c		many short connections, queues that overflow, ports nobody listens on
 *	datagram.c	UDP applications
 *	ping.c		echo requests
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

#define SIM_HOSTS_MAX  10
#define SIM_LINKS_MAX  10
#define SIM_BATCH_MAX  64
#define SIM_EVENTS_MAX 16 /* of epoll_wait() at once */
#define SIM_MS         UINT64_C(1000000)
#define SIM_S          UINT64_C(1000000000)

struct world;
struct host;

/**
 * struct app - Something with a descriptor that a host waits for
 * @event:	In its host's epoll set, whose event's data points here; or
 * @poll_fd, @poll_events: in the list of its host, which calls poll()
 */
struct app {
	void (*event)(struct world *w, struct app *a, uint32_t events);
	struct app *next;
	int poll_fd;
	short poll_events;
};

/* --- links (link.c) --- */

/**
 * struct link_conf - One direction of a link, but for @mtu
 * @rate:	Bits per second, 0 for no limit
 * @delay_ns, @jitter_ns: One way; jitter alone does not reorder
 * @coalesce_ns: Frames arrive together at multiples of it, 0 for each at its time
 * @queue_bytes: Waiting for the rate; more is dropped
 * @loss_ppm:	Each frame
 * @burst_ppm, @burst_end_ppm, @burst_loss_ppm: Gilbert and Elliott: into a bad state and out of
 *		it, per frame; lost while in it
 * @reorder_ppm, @reorder_ns: A frame is overtaken
 * @dup_ppm, @corrupt_ppm: Twice; one bit wrong
 * @refuse_ppm:	Bursts of which the device does not take all
 * @blackhole:	Longer IP packets vanish without a word, 0 for none
 * @mtu:	Of the interfaces on both ends
 * @offload:	The interface at this end sends segments of up to 64 KiB and unfinished checksums
 */
struct link_conf {
	uint64_t rate;
	uint64_t delay_ns;
	uint64_t jitter_ns;
	uint64_t coalesce_ns;
	uint64_t reorder_ns;
	uint32_t queue_bytes;
	uint32_t loss_ppm;
	uint32_t burst_ppm;
	uint32_t burst_end_ppm;
	uint32_t burst_loss_ppm;
	uint32_t reorder_ppm;
	uint32_t dup_ppm;
	uint32_t corrupt_ppm;
	uint32_t refuse_ppm;
	uint32_t blackhole;
	uint32_t mtu;
	bool offload;
};

/* Why a frame did not arrive. */
enum loss {
	LOSS_CHANCE,
	LOSS_BURST,
	LOSS_CUT,
	LOSS_BLACKHOLE,
	LOSS_QUEUE,
	LOSS_NO_BUFFER, /* the receiver has no memory for it */
	LOSS_N,
};

struct tally {
	uint64_t frames;
	uint64_t bytes;
};

/* Of one direction. */
struct link_stats {
	struct tally sent;
	struct tally duplicated;
	struct tally delivered;
	struct tally in_flight;
	struct tally lost[LOSS_N];
	uint64_t corrupted;
	uint64_t refused;
};

/* One end: where a host's interface hangs, and the direction away from it. */
struct link_end {
	struct link *link;
	struct host *host;
	struct link_conf conf;
	struct link_stats stats;
	uint32_t ifindex;
	unsigned int side;
	uint64_t busy_until_ns;
	uint64_t last_at_ns;
	uint64_t queued;
	bool in_burst;
	struct frame *batch[SIM_BATCH_MAX]; /* arrived here, to be given to the host */
	unsigned int n_batch;
};

struct link {
	struct world *w;
	struct link_end end[2];
	unsigned int net; /* its number: 10.0.net.0/24, fd00::net:0/64 */
	bool cut;         /* nothing passes */
};

/* Connect two hosts; both get an interface on it.  @conf is for the ways from a and from b. */
struct link *link_new(struct world *w, struct host *a, struct host *b,
		      const struct link_conf conf[2]);

/* Every frame is somewhere, and the interfaces have counted the same. */
void links_check(struct world *w);

/* Frames that any link has lost or changed, packets that any host has dropped. */
uint64_t world_lost(const struct world *w);
bool link_is_idle(const struct link *l);

/* --- hosts (host.c) --- */

/**
 * struct host - An instance and the applications on it
 * @epfd:	Its epoll set
 * @pollers:	Those who are waited for with poll()
 * @mem:	Bytes its allocator has given out
 * @fail_ppm:	Allocations that fail
 * @hooks:	What is installed (hooks.c)
 */
struct host {
	struct world *w;
	char name[16];
	struct netstack *st;
	int epfd;
	struct app *pollers;
	uint64_t mem;
	uint32_t fail_ppm;
	struct rng fail_rng;
	struct hooks *hooks;
	unsigned int index;
	struct link_end *end[SIM_LINKS_MAX]; /* its interfaces */
	unsigned int n_ends;
	bool is_router;
	bool dirty;   /* applications have called it */
	bool in_news; /* applications are being told */
};

/* @conf may be changed in what the scenario wants. */
struct host *host_new(struct world *w, const char *name, const struct netstack_conf *conf);
void host_free(struct host *h);

/* Tell its applications what poll() and epoll say, until there is no more. */
void host_news(struct world *w, struct host *h);

/* Nothing is left of what applications did. */
void host_check_empty(struct world *w, struct host *h);

/* Packets that it has dropped, or its hooks have taken, and that somebody may miss. */
uint64_t host_drops(const struct host *h);

/* Be waited for with poll(); @events may be changed by calling it again. */
void host_poll_add(struct host *h, struct app *a, int fd, short events);
void host_poll_del(struct host *h, struct app *a);

/* What poll() says now, without waiting. */
uint32_t host_poll(const struct host *h, int fd, uint32_t events);

/* An address of a host: that of its first interface. */
struct ip6_addr host_addr(const struct host *h, bool ip6);

/* --- the clock (world.c) --- */

/* Something that happens at a time: a frame arrives, an application wakes. */
struct event {
	uint64_t at_ns;
	uint64_t seq; /* of equal times the older one first */
	void (*fn)(struct world *w, void *arg);
	void (*drop)(void *arg); /* when it never comes to it, NULL for nothing to do */
	void *arg;
};

/**
 * struct world - All of it
 * @hash:	Of all that happened
 * @n_unfinished: Applications that are not done
 * @lenient:	Memory is short, links are cut or narrower than they say: errors are fine, lies
 *		are not
 * @memory:	Memory is short or fails: calls may say EAGAIN or ENOMEM at any time
 * @blocking:	An application is in a call that waits; no other one begins to
 * @patience_ns: A connection without any progress for so long is stuck
 * @failure:	The first oracle that said no
 */
struct world {
	uint64_t seed;
	struct rng rng;
	uint64_t now_ns;
	uint64_t end_ns;
	uint64_t seq;
	uint64_t hash;
	bool trace;
	struct event *heap;
	size_t n_events;
	size_t events_size;
	struct host *host[SIM_HOSTS_MAX];
	unsigned int n_hosts;
	struct link *link[SIM_LINKS_MAX];
	unsigned int n_links;
	unsigned int n_unfinished;
	unsigned int steps; /* without the clock moving */
	uint64_t n_steps;
	bool lenient;
	bool memory;
	bool blocking;
	uint64_t patience_ns;
	char failure[512];
	struct stream *streams;
	struct swarm *swarms;
	struct datagrams *datagrams;
	struct pings *pings;
	struct segments *segments;
};

struct world *world_new(uint64_t seed, bool trace);
void world_free(struct world *w);

void world_at(struct world *w, uint64_t at_ns, void (*fn)(struct world *w, void *arg),
	      void (*drop)(void *arg), void *arg);

/* netstack_conf.wait() of a host: the world goes on by one step. */
int world_wait(struct world *w, uint64_t deadline_ns);

/* Until applications are done and then, or until @end_ns.  False when an oracle said no. */
bool world_run(struct world *w, uint64_t end_ns);

/* After the applications: TIME-WAIT passes, everything must be given back. */
bool world_settle(struct world *w);

/* An oracle says no: the first one is kept. */
void world_fail(struct world *w, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Into the trace hash and, with -t, as a line. */
void world_note(struct world *w, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void world_hash(struct world *w, const void *data, size_t len);

/* --- the tree (topology.c) --- */

/* Addresses of the interface at this end of a link. */
struct ip6_addr net_addr(unsigned int net, unsigned int side, bool ip6);

/* An address that hosts reach by way of @h, though it is none of its own (hooks.c). */
struct ip6_addr virtual_addr(const struct host *h, bool ip6);

/* Routes of every host to every link and virtual address, the links being a tree. */
void routes_add(struct world *w);

/* --- hooks (hooks.c) --- */

struct hooks_plan {
	uint32_t drop_ppm; /* at any of the hooks */
	bool dscp;         /* what is forwarded is marked */
	bool nat;          /* the router's virtual address stands for @server */
	const struct host *server;
};

void hooks_install(struct host *h, const struct hooks_plan *p);
void hooks_check(struct world *w, const struct host *h); /* against the drop counters */
uint64_t hooks_stole(const struct host *h);
void hooks_free(struct host *h);

/* A frame leaves a host: has it been marked where it should be? */
void hooks_see_tx(struct world *w, const struct host *h, const uint8_t *frame, uint32_t len);

/* --- TCP on links (segment.c) --- */

/* What a device says about the checksum of a frame, and where its segments end. */
struct segment_offload {
	bool partial;
	uint16_t gso_size; /* 0: one segment */
};

/* A host, not a router, has sent or is given this frame. */
void segment_out(struct world *w, const struct host *h, const uint8_t *frame, uint32_t len,
		 const struct segment_offload *o);
void segment_in(struct world *w, const struct host *h, const uint8_t *frame, uint32_t len,
		const struct segment_offload *o);
void segments_free(struct world *w);

/* --- applications --- */

/* A socket address; returns its length.  (address.c) */
socklen_t address_of(bool ip6, struct ip6_addr addr, uint16_t port, struct sockaddr_storage *ret);

/**
 * stream_new() - A connection with random behaviour on both ends
 * @bulk:	The client sends so many bytes as fast as it can, and they must not take longer
 *		than @bulk_ns; 0 for chance
 */
void stream_new(struct world *w, struct host *client, struct host *server, bool ip6,
		struct ip6_addr server_addr, uint64_t bulk, uint64_t bulk_ns);
void streams_check(struct world *w); /* all have ended as they should have */
void streams_free(struct world *w);

/* What epoll_wait() returned is what poll() says; @n events, all there were. */
void streams_audit_epoll(struct world *w, const struct host *h, const struct epoll_event *ev,
			 int n);
/* Nobody sleeps while there is something for him. */
void streams_audit_wakeups(struct world *w, const struct host *h);

void swarm_new(struct world *w, struct host *client, struct host *server, bool ip6,
	       struct ip6_addr server_addr);
void swarms_check(struct world *w);
void swarms_free(struct world *w);

void datagrams_new(struct world *w, struct host *client, struct host *server, bool ip6,
		   struct ip6_addr server_addr);
void datagrams_check(struct world *w);
void datagrams_free(struct world *w);

void pings_new(struct world *w, struct host *client, bool ip6, struct ip6_addr addr);
void pings_check(struct world *w);
void pings_free(struct world *w);

/* --- scenarios --- */

/* A world with hosts, links and applications, all by its seed. */
void scenario_build(struct world *w);

#endif /* SIM_SIM_H */
