/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * cleanup.h - owning locals that free themselves
 *
 * A local with a cleanup attribute is initialised where it is declared, file
 * descriptors at -1.  It leaves the function only through TAKE_PTR or TAKE_FD.
 */
#ifndef BASE_CLEANUP_H
#define BASE_CLEANUP_H

#include <stdlib.h>
#include <unistd.h>

#define CLEANUP(f) __attribute__((__cleanup__(f)))

/* DEFINE_CLEANUP(struct x *, x_free) makes x_freep(), for CLEANUP(x_freep). */
#define DEFINE_CLEANUP(type, func)                                                                 \
	static inline void func##p(type *p) /* NOLINT(bugprone-macro-parentheses) */               \
	{                                                                                          \
		if (*p)                                                                            \
			func(*p);                                                                  \
	}                                                                                          \
	struct cleanup_semicolon_eater

static inline void cleanup_freep(void *p)
{
	free(*(void **)p);
}

static inline void cleanup_closep(const int *fd)
{
	if (*fd >= 0)
		(void)close(*fd);
}

#define cleanup_free  CLEANUP(cleanup_freep)
#define cleanup_close CLEANUP(cleanup_closep)

/* Move an owning local out of reach of its cleanup handler. */
#define TAKE_PTR(p)                                                                                \
	({                                                                                         \
		__typeof__(p) take_ = (p);                                                         \
		(p) = NULL;                                                                        \
		take_;                                                                             \
	})
#define TAKE_FD(fd)                                                                                \
	({                                                                                         \
		int take_ = (fd);                                                                  \
		(fd) = -1;                                                                         \
		take_;                                                                             \
	})

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

#endif /* BASE_CLEANUP_H */
