/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * server.h - the control socket: who asks, what, and the answer (ctl/ctl.h)
 *
 * A connection is one request and one answer.  Nothing waits for a client: what it sends is
 * collected, what it gets is buffered, and it has a time for both.
 */
#ifndef NETSTACKD_SERVER_H
#define NETSTACKD_SERVER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/json_out.h"

struct client;
struct daemon;
struct json_doc;
struct request;
struct server;

/**
 * struct request_ops - What goes on after its first call
 * @due:	@deadline_ns has come
 * @gone:	The client is, and nobody gets an answer: free @state.  Also when we end
 */
struct request_ops {
	void (*due)(struct request *q);
	void (*gone)(struct request *q);
};

/**
 * struct request - A question that is being answered
 * @d:		Us
 * @doc:	What was asked
 * @fd:		Came with it, -1 for none; closed with the request unless taken
 * @out:	The answer, an object that is open
 * @ops:	Of one that takes its time, NULL for others
 * @state:	Of it
 * @deadline_ns: Of it, LOOP_FOREVER for none
 */
struct request {
	struct daemon *d;
	struct json_doc *doc;
	int fd;
	struct json_out out;
	const struct request_ops *ops;
	void *state;
	uint64_t deadline_ns;
};

/* The answer is not there yet: @ops are set, and request_answer() or request_fail() come later. */
#define REQUEST_LATER 1

/**
 * struct request_kind - A thing that can be asked
 * @name:	Value of "do"
 * @takes_fd:	A descriptor must come with it
 * @run:	0 when @q->out is all but closed; REQUEST_LATER; a negative errno with @err
 */
struct request_kind {
	const char *name;
	bool takes_fd;
	int (*run)(struct request *q, struct nerr *err);
};

/* Ends with a NULL name. */
extern const struct request_kind request_kinds[];

/* The end of one that takes its time; @q is gone then.  @state has been freed. */
void request_answer(struct request *q);
void request_fail(struct request *q, const struct nerr *err);

/* @fd listens and is the server's from now on, also when this fails. */
int server_new(struct server **ret, struct daemon *d, int fd, struct nerr *err);

/* Clients are told what is ready to be sent, and nothing else. */
void server_free(struct server *s);

/* When server_run() is to be called, and what is due then. */
uint64_t server_deadline(const struct server *s);
void server_run(struct server *s, uint64_t now_ns);

#endif /* NETSTACKD_SERVER_H */
