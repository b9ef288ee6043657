/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * names.h - constants that scripts call by name
 */
#ifndef PACKET_NAMES_H
#define PACKET_NAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "netstack/netstack.h"
#include "script.h"

struct name {
	const char *name;
	int64_t n;
};

/* Tables end with a NULL name. */
extern const struct name name_errnos[];
extern const struct name name_msg_flags[];
extern const struct name name_poll_bits[];
extern const struct name name_shutdown[];
extern const struct name name_ioctls[];
extern const struct name name_epoll_ops[];
extern const struct name name_states[];
extern const struct name name_places[];
extern const struct name name_ca_states[];

/* NULL for a name that is not in it. */
const struct name *name_find(const struct name *table, const char *name);

/* "OUT|HUP", "0"; bits without a name as a number. */
void name_mask(char *ret, size_t size, const struct name *table, int64_t mask);

/* The name of a number, NULL for none. */
const char *name_of(const struct name *table, int64_t n);

/* --- options of sockets --- */

enum sockopt_kind {
	SOCKOPT_INT,
	SOCKOPT_ERRNO,  /* SO_ERROR */
	SOCKOPT_LINGER, /* { on, seconds } */
	SOCKOPT_TEXT,
};

/* Families differ in some; level -1: this one has no such option. */
struct sockopt {
	const char *name;
	enum sockopt_kind kind;
	int level4, name4;
	int level6, name6;
};

/* NULL for a name nothing has. */
const struct sockopt *sockopt_find(const char *name);

/* --- fields of TCP_INFO, without "tcpi_" --- */

struct info_field {
	const char *name;
	unsigned int offset;
	unsigned int size;
	const struct name *values; /* of some */
};

extern const struct info_field info_fields[];

/* --- ICMP errors --- */

extern const struct icmp_error icmp_errors[];

/* --- parameters and counters of the instance --- */

/* @size 0: a text. */
struct param {
	const char *name;
	bool is_ip;
	unsigned int offset;
	unsigned int size;
};

extern const struct param params[];

/* Write a parameter; the index is that of params[]. */
void param_set(struct ip_params *ip, struct tcp_params *tcp, const struct param *p, int64_t n,
	       const char *text);

/* Index of a counter, or -1. */
int counter_find(enum count_kind kind, const char *name);
const char *counter_name(enum count_kind kind, unsigned int index);
uint64_t counter_read(const struct netstack *st, enum count_kind kind, unsigned int index);

#endif /* PACKET_NAMES_H */
