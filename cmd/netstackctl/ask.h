/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * ask.h - what all commands do: find the stack, ask it, say what went wrong
 */
#ifndef NETSTACKCTL_ASK_H
#define NETSTACKCTL_ASK_H

#include "opts.h"

struct json_doc;
struct nerr;

#define ANSWER_MS 10000

/**
 * ask() - The stack of the command line
 * @stack:	NULL for the only one
 * @request:	JSON
 * @fd:		Goes with it, -1
 * @timeout_ms:	For the answer
 * @ret:	For json_doc_free(); NULL with @o->json, when it was printed
 *
 * Return: exit status; what is wrong has been said
 */
int ask(const struct opts *o, const char *stack, const char *request, int fd,
	unsigned int timeout_ms, struct json_doc **ret);

/* Say what is wrong.  Return: exit status */
int fail(const struct nerr *err);

/* Nothing is lost of what was printed: 0, or an exit status */
int printed(void);

#endif /* NETSTACKCTL_ASK_H */
