/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * requests.h - what can be asked, one function for each
 */
#ifndef NETSTACKD_REQUESTS_H
#define NETSTACKD_REQUESTS_H

struct nerr;
struct request;

/* requests.c: what changes something, and how we are */
int request_attach(struct request *q, struct nerr *err);
int request_status(struct request *q, struct nerr *err);
int request_retire(struct request *q, struct nerr *err);
int request_resume(struct request *q, struct nerr *err);
int request_reset(struct request *q, struct nerr *err);
int request_stop(struct request *q, struct nerr *err);

/* show_sockets.c */
int request_sockets(struct request *q, struct nerr *err);
int request_programs(struct request *q, struct nerr *err);

/* show_net.c */
int request_neighbours(struct request *q, struct nerr *err);
int request_routes(struct request *q, struct nerr *err);
int request_addresses(struct request *q, struct nerr *err);

/* show_counters.c */
int request_counters(struct request *q, struct nerr *err);
int request_drops(struct request *q, struct nerr *err);

/* capture.c, ping.c: take their time */
int request_capture(struct request *q, struct nerr *err);
int request_ping(struct request *q, struct nerr *err);

#endif /* NETSTACKD_REQUESTS_H */
