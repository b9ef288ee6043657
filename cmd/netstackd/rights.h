/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * rights.h - what a netstackd keeps of root's rights while it serves: nearly nothing
 *
 *	user		one without files of its own (--user)
 *	CAP_SYS_PTRACE	to copy descriptors and memory of the programs it serves
 *	CAP_NET_BIND_SERVICE	to reserve ports below 1024 in the namespace's kernel
 *	system calls	those in rights_calls.c, and no others
 *
 * It is in the programs' network namespace by then and cannot go to another one.
 */
#ifndef NETSTACKD_RIGHTS_H
#define NETSTACKD_RIGHTS_H

#include <stddef.h>

struct nerr;
struct opts;

int rights_drop(const struct opts *o, struct nerr *err);

/* System calls that it makes while it serves; @n of them. */
const int *rights_calls(size_t *n);

#endif /* NETSTACKD_RIGHTS_H */
