/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * server.h - the socket that runtimes connect to
 */
#ifndef FAIRLEAD_AGENT_SERVER_H
#define FAIRLEAD_AGENT_SERVER_H

#include <stdbool.h>

struct nerr;

/* The socket that systemd has given us (sd_listen_fds(3), @ret_given), or one made at @path, in
 * place of a leftover; -EADDRINUSE when another agent answers there.
 */
int server_open(const char *path, int *ret, bool *ret_given, struct nerr *err);

/* Serve until SIGTERM or SIGINT; each message in a process of its own, so that one that hangs
 * holds up nobody.
 */
int server_run(int fd, struct nerr *err);

#endif /* FAIRLEAD_AGENT_SERVER_H */
