/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * call.h - the calls that scripts make
 */
#ifndef PACKET_CALL_H
#define PACKET_CALL_H

#include <stdbool.h>

#include "script.h"

struct world;

enum result_kind {
	RESULT_FD,     /* a descriptor, which the script gives a number */
	RESULT_NUMBER, /* 0, a count */
	RESULT_FROM,   /* the same, perhaps with the address it came from */
	RESULT_MASK,   /* of poll() */
	RESULT_EVENTS, /* of epoll_wait() */
	RESULT_VALUE,  /* of an option */
	RESULT_INFO,   /* of TCP_INFO */
	RESULT_STATE,
	RESULT_ADDRESS,
};

/* What a call came to. */
struct outcome {
	int64_t n; /* negative: errno */
	unsigned int n_list;
	int64_t list[16];
	char text[32];
	bool has_addr;
	char addr[80]; /* as scripts write it */
};

/**
 * struct call_type - A call
 * @args:	A letter for each: see parse_call.c; those behind '|' may be left out
 */
struct call_type {
	const char *name;
	const char *args;
	enum result_kind result;
	void (*run)(struct world *w, const struct call *c, struct outcome *ret);
};

/* Ends with a NULL name. */
extern const struct call_type call_types[];

/* Make a call and compare.  False with world_fail(). */
bool call_run(struct world *w, const struct step *step);

#endif /* PACKET_CALL_H */
