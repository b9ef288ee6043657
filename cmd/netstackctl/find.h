/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * find.h - which stack a person means
 */
#ifndef NETSTACKCTL_FIND_H
#define NETSTACKCTL_FIND_H

#include "ctl/ctl.h"

struct nerr;

/**
 * find_stack() - The control socket of a stack
 * @name:	A path of a namespace, a name in /run/netns, a process in it, the whole or the
 *		beginning of an id; NULL for the only one that runs
 *
 * Return: 0, -ENOENT with a message; -EINVAL when several could be meant
 */
int find_stack(const char *name, char ret[static CTL_PATH_LEN], struct nerr *err);

#endif /* NETSTACKCTL_FIND_H */
