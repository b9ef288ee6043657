/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * commands.h - what each command of netns-run does; each in the file of its name
 */
#ifndef NETNS_RUN_COMMANDS_H
#define NETNS_RUN_COMMANDS_H

struct opts;

/* Return the exit status, and have said on standard error why it is not 0. */
int cmd_run(struct opts *o);
int cmd_ls(struct opts *o);
int cmd_exec(struct opts *o);
int cmd_rm(struct opts *o);
int cmd_inspect(struct opts *o);

#endif /* NETNS_RUN_COMMANDS_H */
