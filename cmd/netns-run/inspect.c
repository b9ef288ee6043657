/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * netns-run inspect NAME
 */
#include <errno.h>
#include <stdio.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/log.h"
#include "commands.h"
#include "opts.h"
#include "state.h"
#include "status.h"

static int inspect(const char *name, struct nerr *err)
{
	CLEANUP(session_done) struct session s = { .name = NULL };
	struct json_out json = JSON_OUT_INIT(2);
	cleanup_close int all_fd = -1;
	bool live = false;
	int r;

	r = state_lock_all(&all_fd, err);
	if (r == 0)
		r = state_read(all_fd, name, &s, &live, err);
	if (r < 0)
		return r;
	status_print(&json, &s, live, true);
	if (json.buf.failed)
		r = nerr_oom(err);
	else if (puts(json.buf.s) < 0 || fflush(stdout) != 0)
		r = nerr_set(err, -errno, "cannot write to standard output: %m");
	strbuf_done(&json.buf);
	return r;
}

int cmd_inspect(struct opts *o)
{
	struct nerr err = NERR_INIT;

	if (o->n_args != 1) {
		log_err("'inspect' takes one name, got %d (see 'netns-run inspect --help')",
			o->n_args);
		return EXIT_USAGE;
	}
	if (!session_name_is_valid(o->args[0])) {
		log_err("invalid name '%s'", o->args[0]);
		return EXIT_USAGE;
	}
	if (inspect(o->args[0], &err) == 0)
		return 0;
	log_err("%s", err.msg);
	return EXIT_OURS;
}
