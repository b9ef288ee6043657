/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * opts.h - the command line: one table
 *
 * The table drives parsing and --help; the manual page and the completion are compared with
 * it by the tests.
 */
#ifndef NETSTACKD_OPTS_H
#define NETSTACKD_OPTS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "attach/rules.h"

struct nerr;

/**
 * struct opts - What the command line says
 * @netns:	Path of the programs' namespace
 * @nic:	Device, as in nic/drivers.h
 * @ifname:	Of the interface in the namespace
 * @mode:	Whose sockets are ours
 * @id, @network: What a person knows it by, "" for nothing
 * @mtu:	0 for the device's
 * @mac:	NULL for the device's
 * @spin_us:	See struct service_conf
 * @ready_fd:	Written to when we serve, -1 for none
 * @lifeline_fd: Its end is ours, -1 for none
 * @log:	File for messages, NULL for standard error
 * @uid, @gid:	Who we are when we serve
 */
struct opts {
	const char *netns;
	const char *nic;
	const char *ifname;
	enum attach_mode mode;
	const char *id;
	const char *network;
	uint32_t mtu;
	const char *mac;
	uint32_t spin_us;
	int ready_fd;
	int lifeline_fd;
	const char *log;
	uid_t uid;
	gid_t gid;
	bool help;
	bool version;
};

/* @argv: what follows the program's name, NULL at the end.  0, or -EINVAL with a message */
int opts_parse(char **argv, struct opts *ret, struct nerr *err);

/* On standard output.  0 or negative errno */
int opts_help(void);

#endif /* NETSTACKD_OPTS_H */
