/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * daemon.h - a stack that serves a namespace, from its start to its end
 */
#ifndef NETSTACKD_DAEMON_H
#define NETSTACKD_DAEMON_H

#include <stdbool.h>
#include <stdint.h>

#include "ends.h"
#include "quiet.h"

struct attach;
struct host;
struct nerr;
struct opts;
struct server;

/**
 * struct daemon - All of it
 * @netns:	Descriptor of the programs' namespace
 * @host:	Device and stack
 * @attach:	Programs
 * @server:	Of the control socket
 * @ends:	What we end for
 * @quiet:	When memory is given back
 * @since:	Seconds since 1970
 * @creator:	Who has started us, and may ask
 * @is_retired:	The network was taken away, and may come back until @retire_ns
 * @retire_ns:	LOOP_FOREVER unless @is_retired
 * @why:	We are to end, NULL as long as we are not
 */
struct daemon {
	const struct opts *opts;
	int netns;
	struct host *host;
	struct attach *attach;
	struct server *server;
	struct ends ends;
	struct quiet quiet;
	int64_t since;
	uint32_t creator;
	bool is_retired;
	uint64_t retire_ns;
	const char *why;
};

#define MS_NS UINT64_C(1000000)

/* All that needs rights, and then none is left but those of rights.h.  @d is all zeros. */
int daemon_start(struct daemon *d, const struct opts *opts, struct nerr *err);

/* Until it ends.  0; -ENODEV when the device is gone */
int daemon_run(struct daemon *d, struct nerr *err);

/* Connections are reset, and all is given back.  Also after daemon_start() failed. */
void daemon_stop(struct daemon *d);

/* The network is taken away: we end after @grace_ms, at once when there are no programs. */
void daemon_retire(struct daemon *d, uint32_t grace_ms);
void daemon_resume(struct daemon *d);

/* End soon; the first reason counts. */
void daemon_end(struct daemon *d, const char *why);

#endif /* NETSTACKD_DAEMON_H */
