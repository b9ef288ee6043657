/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * mcast.h - the host's part in IGMP and MLD
 *
 * RFC 3376 (IGMPv3) and RFC 3810 (MLDv2) are one protocol in two formats, their predecessors
 * (RFC 2236, RFC 2710) another one.  When to say what is here; igmp.c and mld.c read and
 * write the messages.
 *
 * Our groups are all "exclude nothing": source lists of routers' queries are answered, ours
 * do not exist.
 */
#ifndef NETSTACK_NET_MCAST_H
#define NETSTACK_NET_MCAST_H

#include <stdbool.h>
#include <stdint.h>

#include "netstack/net/timer.h"
#include "wire/addr.h"

struct net;
struct net_iface;
struct net_group;

/* Sources of a query that are remembered until it is answered; a query of more is answered
 * as one for the whole group.
 */
#define MCAST_SOURCES_MAX 8

/* Groups that were left and are still to be reported so; of more only one report is sent. */
#define MCAST_LEFT_MAX 16

/* Defaults that a querier may change (RFC 3376, 8; RFC 3810, 9). */
#define MCAST_ROBUSTNESS        2
#define MCAST_QUERY_INTERVAL_S  125
#define MCAST_UNSOLICITED_MS    1000  /* between reports of a change, at most */
#define MCAST_UNSOLICITED_MS_V2 10000 /* of IGMPv1, IGMPv2 and MLDv1 */

/* Versions by the one that has sources; MLD has no first one. */
enum mcast_version {
	MCAST_V1 = 1, /* IGMPv1 */
	MCAST_V2 = 2, /* IGMPv2, MLDv1 */
	MCAST_V3 = 3, /* IGMPv3, MLDv2 */
};

/* What a report says of a group. */
enum mcast_says {
	MCAST_IS_EX, /* member, in answer to a query */
	MCAST_IS_IN, /* the same, of the sources that were asked for */
	MCAST_TO_EX, /* joined */
	MCAST_TO_IN, /* left */
};

/**
 * struct mcast_record - What is to be reported of a group
 * @group:	Mapped for IPv4
 * @says:	enum mcast_says
 * @n_sources:	In @source, with MCAST_IS_IN
 */
struct mcast_record {
	struct ip6_addr group;
	enum mcast_says says;
	uint8_t n_sources;
	const struct ip6_addr *source;
};

/**
 * struct mcast_proto - One of the two formats
 * @is_ip4:	Which
 * @report:	Send as many records as fit into one version 3 message.  Return: how many, at
 *		least one
 * @report_old:	Send a version 1 or 2 report or leave of one group.  Version 1 has no leave
 */
struct mcast_proto {
	bool is_ip4;
	unsigned int (*report)(struct net *net, struct net_iface *nif,
			       const struct mcast_record *record, unsigned int n);
	void (*report_old)(struct net *net, struct net_iface *nif, struct ip6_addr group,
			   enum mcast_version version, bool leave);
};

/**
 * struct mcast_left - A group that was left
 * @group:	Which
 * @left:	Reports still to be sent, 0 for a free slot
 */
struct mcast_left {
	struct ip6_addr group;
	uint8_t left;
};

/**
 * struct mcast_iface - State of a protocol on an interface
 * @proto:	Which
 * @nif:	Interface
 * @timer:	For @general_ns and @left_ns
 * @general_ns:	When a general query is to be answered, 0 for never
 * @left_ns:	When the groups in @left are reported again, 0 for never
 * @v1_until_ns, @v2_until_ns: An older querier is present until then (RFC 3376, 7.2.1)
 * @query_interval_s: Of the querier
 * @robustness:	Of the querier
 * @left:	Groups that were left
 */
struct mcast_iface {
	const struct mcast_proto *proto;
	struct net_iface *nif;
	struct net_timer timer;
	uint64_t general_ns;
	uint64_t left_ns;
	uint64_t v1_until_ns;
	uint64_t v2_until_ns;
	uint16_t query_interval_s;
	uint8_t robustness;
	struct mcast_left left[MCAST_LEFT_MAX];
};

/**
 * struct mcast_member - State of a group (struct net_group)
 * @timer:	For the next report
 * @change_left: Reports of the join still to be sent
 * @change_ns:	When
 * @answer_ns:	When a query is to be answered, 0 for never
 * @n_sources:	0: the query asks for the group, else for these
 * @source:	of its sources
 * @last_reporter: We were the last one to report it (RFC 2236, 3)
 */
struct mcast_member {
	struct net_timer timer;
	uint8_t change_left;
	uint8_t n_sources;
	bool last_reporter;
	uint64_t change_ns;
	uint64_t answer_ns;
	struct ip6_addr source[MCAST_SOURCES_MAX];
};

/**
 * struct mcast_query - A query of any version
 * @version:	Of its sender
 * @group:	Asked for; unspecified for all
 * @max_resp_ms: To be answered within
 * @robustness, @interval_s: Of the querier, 0 where it does not say
 * @n_sources:	Asked for
 * @source:	The first MCAST_SOURCES_MAX of them
 */
struct mcast_query {
	enum mcast_version version;
	bool general;
	struct ip6_addr group;
	uint32_t max_resp_ms;
	uint16_t interval_s;
	uint16_t n_sources;
	uint8_t robustness;
	struct ip6_addr source[MCAST_SOURCES_MAX];
};

/* --- of igmp.c and mld.c --- */

void mcast_iface_init(struct mcast_iface *m, const struct mcast_proto *proto,
		      struct net_iface *nif);

/* The interface is up: groups are reported as if joined now. */
void mcast_iface_up(struct net *net, struct mcast_iface *m);

/* It is down, or goes: nothing is reported any more, queriers are forgotten. */
void mcast_iface_down(struct net *net, struct mcast_iface *m);

/* The first join, with the group in the interface's list; the last leave, with the group
 * still there.
 */
void mcast_join(struct net *net, struct mcast_iface *m, struct net_group *g);
void mcast_leave(struct net *net, struct mcast_iface *m, struct net_group *g);

void mcast_query_in(struct net *net, struct mcast_iface *m, const struct mcast_query *q);

/* Another host reported the group, in version 1 or 2: we need not (RFC 2236, 3). */
void mcast_report_in(struct net *net, struct mcast_iface *m, struct ip6_addr group);

enum mcast_version mcast_version(const struct net *net, const struct mcast_iface *m);

#endif /* NETSTACK_NET_MCAST_H */
