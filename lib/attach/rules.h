/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * rules.h - which system calls of a program are answered by us
 *
 * One table, from which the filter of netns-run (attach/filter.h) and the seccomp profile of a
 * container (oci/merge.h) are made, so that the two cannot differ.
 *
 * Only the machine's own architecture is let through.  What would go around the filter is refused:
 * io_uring_setup() fails with ENOSYS, as on a kernel without it.
 */
#ifndef ATTACH_RULES_H
#define ATTACH_RULES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/**
 * enum attach_mode - Whose sockets are ours
 *
 * ATTACH_HYBRID	TCP; everything else is the namespace's kernel's
 * ATTACH_FULL		UDP and ping sockets, too
 */
enum attach_mode {
	ATTACH_HYBRID,
	ATTACH_FULL,
	ATTACH_MODES,
};

/* "hybrid", "full"; and back: -EINVAL */
const char *attach_mode_str(enum attach_mode mode);
int attach_mode_parse(const char *text, enum attach_mode *ret);

enum attach_action {
	ATTACH_NOTIFY, /* we answer */
	ATTACH_ERRNO,  /* fails with @error */
	ATTACH_ALLOW,  /* goes to the kernel, whatever a profile says of other arguments */
};

/* An argument of the call: (arg & @mask) == @value, or != with @is_not. */
struct attach_cond {
	uint8_t arg;
	bool is_not;
	uint64_t mask;
	uint64_t value;
};

#define ATTACH_CONDS_MAX 3

/**
 * struct attach_rule - One rule
 * @call:	Name of the system call, as libseccomp and OCI profiles have it
 * @action:	enum attach_action
 * @error:	Of ATTACH_ERRNO
 * @modes:	Bits (1 << enum attach_mode) in which it counts
 * @n_conds, @cond: All must hold
 *
 * The rules of one call do not overlap.
 */
struct attach_rule {
	const char *call;
	uint8_t action;
	int error;
	uint8_t modes;
	uint8_t n_conds;
	struct attach_cond cond[ATTACH_CONDS_MAX];
};

const struct attach_rule *attach_rules(size_t *n);

#endif /* ATTACH_RULES_H */
