/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * error.h - an error as the program decides on it and as a person reads it
 *
 * Functions of the control path return 0 or a negative errno and explain into
 * a struct nerr.  Its text says what was tried, on which object, and why it
 * failed: lower case, no full stop.  Only main() prints it.
 */
#ifndef BASE_ERROR_H
#define BASE_ERROR_H

#include <stdarg.h>

#define NERR_MSG_LEN     1024
#define NERR_DETAILS_LEN 512

/**
 * struct nerr - What went wrong
 * @code:	Negative errno, 0 while nothing is wrong
 * @num:	Code of the protocol that reports the error (for CNI: the error
 *		code of the specification), 0 where the reporter picks one
 * @msg:	One line for a person.  Fixed size, so that OOM can be reported
 * @details:	More of the same, "" as a rule
 */
struct nerr {
	int code;
	int num;
	char msg[NERR_MSG_LEN];
	char details[NERR_DETAILS_LEN];
};

#define NERR_INIT ((struct nerr){ .code = 0 })

/**
 * nerr_set() - Fill @e
 * @e:		Error to fill, may be NULL when the caller only wants the code
 * @code:	Negative errno.  "%m" in @fmt prints its text
 * @fmt:	printf format
 *
 * Return: @code
 */
int nerr_set(struct nerr *e, int code, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/**
 * nerr_num() - Fill @e with an error that has a number of its protocol
 * @e:		Error to fill, may be NULL
 * @code:	Negative errno
 * @num:	The protocol's number
 * @fmt:	printf format
 *
 * Return: @code
 */
int nerr_num(struct nerr *e, int code, int num, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

/**
 * nerr_details() - Set the details of an error that is already filled
 *
 * Return: @e->code
 */
int nerr_details(struct nerr *e, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/**
 * nerr_ctx() - Put "<what was being done>: " before the message
 *
 * Return: @e->code, or -EIO when @e is NULL
 */
int nerr_ctx(struct nerr *e, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Shorthand for out of memory, which needs no object in its text. */
int nerr_oom(struct nerr *e);

#endif /* BASE_ERROR_H */
