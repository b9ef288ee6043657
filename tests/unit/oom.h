/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * oom.h - let the n-th allocation of a test fail, and count what is not freed
 *
 *	for (unsigned n = 1; oom_begin(n), work() == -ENOMEM; n++)
 *		assert_int_equal(oom_end(), 0);
 *
 * Include it in one file of a test program: it defines malloc() and its family,
 * json-c's calls included.  A sanitizer brings its own family, so there OOM_WORKS
 * is 0 and such a test is left out; leaks are then LeakSanitizer's matter.
 */
#ifndef TESTS_UNIT_OOM_H
#define TESTS_UNIT_OOM_H

#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#ifndef __has_feature
#	define __has_feature(x) 0
#endif

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) ||                               \
	__has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#	define OOM_WORKS 0
#else
#	define OOM_WORKS 1

void *__libc_malloc(size_t size);           /* NOLINT(bugprone-reserved-identifier) */
void *__libc_calloc(size_t n, size_t size); /* NOLINT(bugprone-reserved-identifier) */
void *__libc_realloc(void *p, size_t size); /* NOLINT(bugprone-reserved-identifier) */
void __libc_free(void *p);                  /* NOLINT(bugprone-reserved-identifier) */

static unsigned oom_countdown; /* allocations until one fails, 0 for never */
static long oom_live;          /* allocated and not freed since oom_begin() */

/* True when this is the allocation that fails; later ones work again. */
static int oom_strikes(void)
{
	if (oom_countdown == 0 || --oom_countdown > 0)
		return 0;
	errno = ENOMEM;
	return 1;
}

void *malloc(size_t size)
{
	void *p = oom_strikes() ? NULL : __libc_malloc(size);

	oom_live += p != NULL;
	return p;
}

void *calloc(size_t n, size_t size)
{
	void *p = oom_strikes() ? NULL : __libc_calloc(n, size);

	oom_live += p != NULL;
	return p;
}

void *realloc(void *old, size_t size)
{
	void *p = oom_strikes() ? NULL : __libc_realloc(old, size);

	oom_live += !old && p;
	return p;
}

void *reallocarray(void *old, size_t n, size_t size)
{
	if (size && n > SIZE_MAX / size) {
		errno = ENOMEM;
		return NULL;
	}
	return realloc(old, n * size);
}

void free(void *p)
{
	oom_live -= p != NULL;
	__libc_free(p);
}

/* The @n-th allocation from now on fails. */
static void oom_begin(unsigned n)
{
	oom_live = 0;
	oom_countdown = n;
}

/* No more failures. Return: blocks that were allocated since oom_begin() and not freed. */
static long oom_end(void)
{
	oom_countdown = 0;
	return oom_live;
}
#endif

#endif /* TESTS_UNIT_OOM_H */
