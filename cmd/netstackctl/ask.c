/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ask.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/json_table.h"
#include "base/log.h"
#include "base/str.h"
#include "ctl/ctl.h"
#include "find.h"

int fail(const struct nerr *err)
{
	log_err("%s", err->msg);
	switch (err->code) {
	case -ENOENT:
	case -ECONNREFUSED:
	case -ECONNRESET:
	case -ETIMEDOUT:
		return EXIT_NO_STACK;
	default:
		return EXIT_FAILED;
	}
}

int printed(void)
{
	if (fflush(stdout) == 0 && !ferror(stdout))
		return 0;
	log_err("cannot write to standard output: %m");
	return EXIT_FAILED;
}

int ask(const struct opts *o, const char *stack, const char *request, int fd,
	unsigned int timeout_ms, struct json_doc **ret)
{
	CLEANUP(strbuf_done) struct strbuf text = STRBUF_INIT;
	struct nerr err = NERR_INIT;
	char path[CTL_PATH_LEN];
	int r = find_stack(stack, path, &err);

	*ret = NULL;
	if (r < 0) {
		const int status = fail(&err);

		/* Nor is it found when several could be meant. */
		return r == -EINVAL ? EXIT_NO_STACK : status;
	}
	if (!o->json) {
		r = ctl_call(path, request, fd, timeout_ms, ret, &err);
		return r < 0 ? fail(&err) : 0;
	}
	r = ctl_call_text(path, request, fd, timeout_ms, &text, &err);
	if (r < 0)
		return fail(&err);
	(void)fputs(strbuf_text(&text), stdout); /* checked by printed() */
	return printed();
}
