/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * preload.c - getsockopt() for packetdrill itself
 *
 * packetdrill asks the kernel, not the library, for the TCP_INFO that "%{ }%" is about.
 * Loaded by LD_PRELOAD, this asks the library instead.
 */
#include <dlfcn.h>
#include <errno.h>

#include "packetdrill.h"

static getsockopt_fn *ask;

__attribute__((visibility("default"))) void netstack_packetdrill_register(getsockopt_fn *fn)
{
	ask = fn;
}

__attribute__((visibility("default"))) int getsockopt(int fd, int level, int name,
						      void *restrict val, socklen_t *restrict len)
{
	int (*next)(int fd, int level, int name, void *val, socklen_t *len);
	const int r = ask ? ask(fd, level, name, val, len) : NOT_OURS;

	if (r != NOT_OURS)
		return r;
	*(void **)&next = dlsym(RTLD_NEXT, "getsockopt");
	if (!next) {
		errno = ENOSYS;
		return -1;
	}
	return next(fd, level, name, val, len);
}
