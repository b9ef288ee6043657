/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/error.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static void nerr_vset(struct nerr *e, int code, int num, const char *fmt, va_list ap)
	__attribute__((format(printf, 4, 0)));

static void nerr_vset(struct nerr *e, int code, int num, const char *fmt, va_list ap)
{
	e->code = code;
	e->num = num;
	e->details[0] = '\0';
	errno = -code; /* for %m */
	if (vsnprintf(e->msg, sizeof(e->msg), fmt, ap) < 0)
		e->msg[0] = '\0';
}

int nerr_set(struct nerr *e, int code, const char *fmt, ...)
{
	va_list ap;

	if (!e)
		return code;
	va_start(ap, fmt);
	nerr_vset(e, code, 0, fmt, ap);
	va_end(ap);
	return code;
}

int nerr_num(struct nerr *e, int code, int num, const char *fmt, ...)
{
	va_list ap;

	if (!e)
		return code;
	va_start(ap, fmt);
	nerr_vset(e, code, num, fmt, ap);
	va_end(ap);
	return code;
}

int nerr_details(struct nerr *e, const char *fmt, ...)
{
	va_list ap;

	if (!e)
		return -EIO;
	va_start(ap, fmt);
	if (vsnprintf(e->details, sizeof(e->details), fmt, ap) < 0)
		e->details[0] = '\0';
	va_end(ap);
	return e->code;
}

/* Append @more as far as it fits. */
static void text_append(char text[static NERR_MSG_LEN], const char *more)
{
	const size_t used = strlen(text);
	const size_t n = strnlen(more, NERR_MSG_LEN - 1 - used);

	memcpy(text + used, more, n);
	text[used + n] = '\0';
}

int nerr_ctx(struct nerr *e, const char *fmt, ...)
{
	char text[NERR_MSG_LEN]; /* apart from e->msg, which may be among the arguments */
	va_list ap;
	int n;

	if (!e)
		return -EIO;
	va_start(ap, fmt);
	n = vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (n < 0)
		return e->code;
	text_append(text, ": ");
	text_append(text, e->msg);
	memcpy(e->msg, text, strlen(text) + 1);
	return e->code;
}

int nerr_oom(struct nerr *e)
{
	return nerr_set(e, -ENOMEM, "out of memory");
}
