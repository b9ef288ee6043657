/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * netns.h - network namespaces as files
 */
#ifndef SANDBOX_NETNS_H
#define SANDBOX_NETNS_H

#include <stdbool.h>

struct nerr;

/**
 * netns_open() - Open a namespace file
 * @path:	Any path: a bind mount, /proc/PID/ns/net
 * @ret:	Descriptor on 0
 *
 * Return: 0; -ENOENT when the path does not exist or is ""; -EINVAL when it is
 *         there but no network namespace; another errno
 */
int netns_open(const char *path, int *ret, struct nerr *err);
/* The calling thread's own. */
int netns_open_self(int *ret, struct nerr *err);
/* Both descriptors name one namespace. */
bool netns_same(int a, int b);

/* Move the calling thread into the namespace behind @fd. */
int netns_enter(int fd, struct nerr *err);

/**
 * netns_run_in() - Call a function inside another namespace and come back
 * @fd:		Namespace
 * @fn:		Called inside; its return value is handed on
 * @arg:	For @fn
 *
 * Coming back cannot fail short of a kernel bug; if it does the process aborts,
 * because it would go on in the wrong namespace.
 */
int netns_run_in(int fd, int (*fn)(void *arg, struct nerr *err), void *arg, struct nerr *err);

/**
 * netns_create() - Make a namespace and bind it to a path
 * @path:	File, made here; its directory must exist.  -EEXIST when it is taken
 *
 * The new namespace's loopback interface is as the kernel leaves it: down.
 */
int netns_create(const char *path, struct nerr *err);
/* Unmount and remove the file. Missing counts as success. */
int netns_delete(const char *path, struct nerr *err);

#endif /* SANDBOX_NETNS_H */
