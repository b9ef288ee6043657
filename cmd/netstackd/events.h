/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * events.h - what happened, for a person or for a program that reads logs
 *
 * To standard error as base/log does it, or to a file as JSON, one object a line:
 *
 *	{"time":"2026-01-31T12:00:00.123Z","level":"info","pid":7,"netns":"...","event":"ready",
 *	 "message":"..."}
 */
#ifndef NETSTACKD_EVENTS_H
#define NETSTACKD_EVENTS_H

#include "base/log.h"

struct nerr;

/* NULL: standard error.  @netns is put into each line.  Borrowed for ever */
int events_open(const char *file, const char *netns, struct nerr *err);

/* @what: one word */
void event(enum log_level level, const char *what, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

#endif /* NETSTACKD_EVENTS_H */
