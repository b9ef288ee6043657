/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * allow.h - a process gives up all system calls but some
 */
#ifndef SANDBOX_ALLOW_H
#define SANDBOX_ALLOW_H

#include <stddef.h>

struct nerr;

/**
 * allow_only() - From now on, for this thread and what it will start
 * @calls:	__NR_... of this machine
 * @n:		How many
 *
 * Others fail with EPERM, as if a right were missing, so that a C library which tries something new
 * goes on by what is old.  What nobody tries by chance (executing a program, tracing, mounting,
 * namespaces, modules, other architectures) ends the process with SIGSYS.  That may not be
 * in @calls.
 *
 * Of some of @calls, if they are there, not all is let through: clone() makes no namespaces, and
 * neither mmap() nor mprotect() memory that can be executed (EPERM).
 *
 * Needs no_new_privs or CAP_SYS_ADMIN.  Return: 0, -EPERM, -ENOMEM, -EINVAL
 */
int allow_only(const int *calls, size_t n, struct nerr *err);

#endif /* SANDBOX_ALLOW_H */
