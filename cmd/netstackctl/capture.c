/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Packets into a file.  The stack writes into the descriptor it is given, and waits for nobody;
 * it ends when we do.
 */
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ask.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "base/json_out.h"
#include "base/json_table.h"
#include "base/log.h"
#include "commands.h"

DEFINE_CLEANUP(struct json_doc *, json_doc_free);

/* Non-blocking is a property of what a descriptor stands for, which others may have, too: a pipe is
 * opened anew.
 */
static int open_stdout(int *ret, struct nerr *err)
{
	struct stat st;
	int fd;

	if (isatty(STDOUT_FILENO))
		return nerr_set(err, -ENOTTY, "cannot capture to a terminal");
	if (fstat(STDOUT_FILENO, &st) < 0)
		return nerr_set(err, -errno, "cannot look at standard output: %m");
	fd = S_ISFIFO(st.st_mode) ? open("/proc/self/fd/1", O_WRONLY | O_NONBLOCK | O_CLOEXEC)
				  : fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 0);
	if (fd < 0)
		return nerr_set(err, -errno, "cannot capture to standard output: %m");
	*ret = fd;
	return 0;
}

static int open_output(const char *path, int *ret, struct nerr *err)
{
	int fd;

	if (strcmp(path, "-") == 0)
		return open_stdout(ret, err);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_NONBLOCK | O_CLOEXEC, 0600);
	if (fd < 0 && errno == ENXIO)
		return nerr_set(err, -ENXIO, "nobody reads the FIFO '%s'", path);
	if (fd < 0)
		return nerr_set(err, -errno, "cannot open '%s': %m", path);
	*ret = fd;
	return 0;
}

struct result {
	int64_t packets, bytes, dropped;
};

static const struct json_field result_table[] = {
	{ .name = "packets",
	  .kind = JSON_INT,
	  .offset = offsetof(struct result, packets),
	  .max = INT64_MAX },
	{ .name = "bytes",
	  .kind = JSON_INT,
	  .offset = offsetof(struct result, bytes),
	  .max = INT64_MAX },
	{ .name = "dropped",
	  .kind = JSON_INT,
	  .offset = offsetof(struct result, dropped),
	  .max = INT64_MAX },
	{ 0 },
};

static int print_result(struct json_doc *doc)
{
	struct nerr err = NERR_INIT;
	struct result res = { 0 };

	if (json_read(doc, NULL, "", result_table, &res, &err) < 0)
		return fail(&err);
	log_set_level(LOG_LEVEL_INFO); /* standard output may be the capture */
	log_info("%jd packets, %jd bytes, %jd packets lost", (intmax_t)res.packets,
		 (intmax_t)res.bytes, (intmax_t)res.dropped);
	return 0;
}

static int make_request(const struct opts *o, struct strbuf *ret, struct nerr *err)
{
	struct json_out out = JSON_OUT_INIT(0);

	json_out_object(&out, NULL);
	json_out_string(&out, "do", "capture");
	json_out_int(&out, "packets", o->count);
	json_out_int(&out, "seconds", o->seconds);
	json_out_int(&out, "snaplen", o->snaplen);
	json_out_end(&out);
	*ret = out.buf;
	return ret->failed ? nerr_oom(err) : 0;
}

int cmd_capture(const struct command *cmd, const struct opts *o)
{
	const uint64_t ms = o->seconds ? o->seconds * UINT64_C(1000) + ANSWER_MS : UINT32_MAX;
	CLEANUP(json_doc_freep) struct json_doc *doc = NULL;
	CLEANUP(strbuf_done) struct strbuf request = STRBUF_INIT;
	struct nerr err = NERR_INIT;
	cleanup_close int fd = -1;
	int r;

	if (!o->write) {
		(void)nerr_set(&err, -EINVAL,
			       "'netstackctl %s' wants -w FILE, or -w - for "
			       "standard output",
			       cmd->name);
		(void)fail(&err);
		return EXIT_USAGE;
	}
	if (open_output(o->write, &fd, &err) < 0) {
		(void)fail(&err);
		return EXIT_FAILED; /* it is not the stack that is not there */
	}
	if (make_request(o, &request, &err) < 0)
		return fail(&err);
	r = ask(o, o->args[0], request.s, fd, (unsigned int)ms, &doc);
	return r || !doc ? r : print_result(doc);
}
