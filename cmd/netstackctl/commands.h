/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * commands.h - one function for each command; each returns the exit status
 */
#ifndef NETSTACKCTL_COMMANDS_H
#define NETSTACKCTL_COMMANDS_H

struct command;
struct opts;

int cmd_ls(const struct command *cmd, const struct opts *o);
int cmd_status(const struct command *cmd, const struct opts *o);
int cmd_sockets(const struct command *cmd, const struct opts *o);
int cmd_programs(const struct command *cmd, const struct opts *o);
int cmd_counters(const struct command *cmd, const struct opts *o);
int cmd_drops(const struct command *cmd, const struct opts *o);
int cmd_neighbours(const struct command *cmd, const struct opts *o);
int cmd_routes(const struct command *cmd, const struct opts *o);
int cmd_addresses(const struct command *cmd, const struct opts *o);
int cmd_capture(const struct command *cmd, const struct opts *o);
int cmd_ping(const struct command *cmd, const struct opts *o);
int cmd_stop(const struct command *cmd, const struct opts *o);

#endif /* NETSTACKCTL_COMMANDS_H */
