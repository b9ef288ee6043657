/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * status.h - what is told about sessions
 */
#ifndef NETNS_RUN_STATUS_H
#define NETNS_RUN_STATUS_H

#include <stdbool.h>

#include "base/json_out.h"
#include "session.h"

/**
 * status_str() - In one word
 * @live:	One of its processes lives
 *
 * "starting", "running", "stopping"; "kept"; "stale" when its processes were killed before
 * they could remove it, or the host was restarted
 */
const char *status_str(const struct session *s, bool live);

/**
 * status_print() - As a JSON object, inside an array or at the top level
 * @full:	With configurations and results
 */
void status_print(struct json_out *o, const struct session *s, bool live, bool full);

#endif /* NETNS_RUN_STATUS_H */
