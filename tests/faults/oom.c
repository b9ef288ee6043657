/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * oom.c - an allocator whose n-th allocation fails, linked with the plugins
 *
 * n is in the variable FAULT_MALLOC.  When it has come to that, a byte is written to
 * STRUCK_FD, so that the test knows when to stop counting.
 *
 * A sanitizer brings an allocator of its own: there, this one is left out.
 */
#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

#include "tests/faults/trace.h"

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)

void *__libc_malloc(size_t size);           /* NOLINT(bugprone-reserved-identifier) */
void *__libc_calloc(size_t n, size_t size); /* NOLINT(bugprone-reserved-identifier) */
void *__libc_realloc(void *p, size_t size); /* NOLINT(bugprone-reserved-identifier) */

static unsigned long countdown;

/* Before this it is the loader that allocates. */
__attribute__((constructor)) static void begin(void)
{
	const char *n = getenv("FAULT_MALLOC");

	if (n)
		countdown = strtoul(n, NULL, 10);
}

/* After this it is libgcov (SAN=cov) that allocates, and trusts that it gets what it wants. */
__attribute__((destructor)) static void end(void)
{
	countdown = 0;
}

static int strikes(void)
{
	if (countdown == 0 || --countdown > 0)
		return 0;
	if (write(STRUCK_FD, "x", 1) < 0)
		abort();
	errno = ENOMEM;
	return 1;
}

void *malloc(size_t size)
{
	return strikes() ? NULL : __libc_malloc(size);
}

void *calloc(size_t n, size_t size)
{
	return strikes() ? NULL : __libc_calloc(n, size);
}

void *realloc(void *old, size_t size)
{
	return strikes() ? NULL : __libc_realloc(old, size);
}

void *reallocarray(void *old, size_t n, size_t size)
{
	if (size && n > SIZE_MAX / size) {
		errno = ENOMEM;
		return NULL;
	}
	return realloc(old, n * size);
}

#endif
