/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * host.h - a host with containers, and chains of plugins called on it
 *
 * The process itself is the host: it moves into a network namespace of its own, with an
 * empty /run and /var/lib in a mount namespace of its own.
 */
#ifndef TESTS_FAULTS_HOST_H
#define TESTS_FAULTS_HOST_H

#include <stdbool.h>
#include <stddef.h>

#include "tests/faults/state.h"
#include "tests/faults/trace.h"

struct lines;

#define CHAIN_MAX 4

/**
 * struct chain - Plugins that make one attachment
 * @ifname:	CNI_IFNAME
 * @ipv6_off:	IPv6 is switched off in its containers beforehand
 * @has_bridge:	An administrator has made the bridge and given it an address, but it is down
 * @has_vlan:	Beside the bridge there is the gateway of a VLAN, which is another of its ports
 * @has_net:	The container reaches 10.77.0.1 and fd77::1 when the first has done its work
 * @plugin:	Type, and the keys of its configuration.  "@@" stands for the container's
 *		number, two digits
 */
struct chain {
	const char *name;
	const char *ifname;
	bool ipv6_off;
	bool has_bridge;
	bool has_vlan;
	bool has_net;
	unsigned n;
	struct {
		const char *type;
		const char *keys;
	} plugin[CHAIN_MAX];
};

/* Move into a mount namespace of our own. Once. */
void host_init(void);
/* A new host for a chain; what was there before is gone.  @n_containers of them, numbered
 * from 0.
 */
void host_new(const struct chain *c, unsigned n_containers);

/* As host_new(), but what was there is taken away by hand, which is faster.  @clean: the state
 * that a new host has.
 */
void host_clear(const struct chain *c, const struct lines *clean);

/* All that is there, sorted. */
void host_state(struct lines *l);
/* Put the containers' sysctls back to what they are in @l: no DEL does that. */
void host_restore_sysctls(const struct lines *l);
/* In the container: both gateways answer, within some seconds. */
bool host_container_works(unsigned container);

/**
 * chain_call() - Call one plugin of a chain
 * @k:		Which
 * @prev:	prevResult, NULL for none
 * @run:	Its fault is set; the rest is what came of it
 */
void chain_call(const struct chain *c, unsigned k, const char *verb, unsigned container,
		const char *prev, struct trace_run *run);

/**
 * chain_add() - ADD plugins @from to @to - 1
 * @watch:	FAULT_WATCH or FAULT_NONE
 * @result:	prevResult of the first, "" for none; then what the last answered
 *
 * Return: true, or false with @run telling what went wrong
 */
bool chain_add(const struct chain *c, unsigned container, enum fault_kind watch, unsigned from,
	       unsigned to, char result[static TRACE_TEXT_LEN], struct trace_run *run);

/* DEL plugins @from - 1 down to @to, each of which must succeed and be silent. */
bool chain_del(const struct chain *c, unsigned container, unsigned from, unsigned to,
	       const char *prev, struct trace_run *run);

/* What a program that failed must say: one error object that names something. */
bool is_error_object(const char *text);

/* Replace the MAC of the host's bridge by a placeholder. */
void mask_bridge(struct lines *l);

/* Replace what is different for every attachment (addresses, MACs, veth names) by
 * placeholders "<@who ...>".  @result names it, and so does what the first plugin of the
 * chain answered for that container: later ones may have changed the MAC.
 */
void normalise(struct lines *l, unsigned container, const char *result, const char *who);

#endif /* TESTS_FAULTS_HOST_H */
