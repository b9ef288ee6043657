/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * poison.h - let AddressSanitizer know what a pool has not given out
 *
 * To the sanitizer all memory of a pool is in use.  With these it reports the use of an object
 * that went back, and giving it back twice; in other builds they are nothing.
 */
#ifndef BASE_POISON_H
#define BASE_POISON_H

#include <stddef.h>

#ifndef __has_feature
#	define __has_feature(x) 0
#endif

#if defined(__SANITIZE_ADDRESS__) || __has_feature(address_sanitizer)
#	include <sanitizer/asan_interface.h>

/* Nobody may touch it until mem_unpoison(). */
static inline void mem_poison(void *p, size_t len)
{
	const volatile char *bad = __asan_region_is_poisoned(p, len);

	if (bad)
		(void)*bad; /* reported here: it was given back before */
	__asan_poison_memory_region(p, len);
}

static inline void mem_unpoison(void *p, size_t len)
{
	__asan_unpoison_memory_region(p, len);
}
#else
static inline void mem_poison(void *p, size_t len)
{
	(void)p;
	(void)len;
}

static inline void mem_unpoison(void *p, size_t len)
{
	(void)p;
	(void)len;
}
#endif

#endif /* BASE_POISON_H */
