/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "events.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fd.h"
#include "base/json_out.h"

static int file = -1;
static const char *namespace = "";

int events_open(const char *path, const char *netns, struct nerr *err)
{
	namespace = netns;
	if (!path)
		return 0;
	if (strcmp(path, "-") == 0) {
		file = STDERR_FILENO;
		return 0;
	}
	file = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NONBLOCK, 0640);
	if (file < 0)
		return nerr_set(err, -errno, "cannot open the log '%s': %m", path);
	return 0;
}

static const char *level_str(enum log_level level)
{
	static const char *const names[] = {
		[LOG_LEVEL_ERR] = "error",
		[LOG_LEVEL_WARN] = "warning",
		[LOG_LEVEL_INFO] = "info",
		[LOG_LEVEL_DEBUG] = "debug",
	};

	return names[level];
}

static void put_time(struct json_out *o)
{
	char text[64];
	char all[80];
	struct timespec ts;
	struct tm tm;

	(void)clock_gettime(CLOCK_REALTIME, &ts); /* cannot fail */
	if (!gmtime_r(&ts.tv_sec, &tm) || !strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &tm))
		return;
	(void)snprintf(all, sizeof(all), "%s.%03ldZ", text, ts.tv_nsec / 1000000); /* it fits */
	json_out_string(o, "time", all);
}

static void put_line(enum log_level level, const char *what, const char *text)
{
	struct strbuf line = STRBUF_INIT;
	struct json_out o = JSON_OUT_INIT(0);

	json_out_object(&o, NULL);
	put_time(&o);
	json_out_string(&o, "level", level_str(level));
	json_out_int(&o, "pid", getpid());
	json_out_string(&o, "netns", namespace);
	json_out_string(&o, "event", what);
	json_out_string(&o, "message", text);
	json_out_end(&o);
	if (file == STDERR_FILENO)
		strbuf_add(&line, log_journal_prefix(level));
	strbuf_add_mem(&line, o.buf.s, o.buf.len);
	strbuf_add(&line, "\n");
	if (!o.buf.failed && !line.failed)
		(void)fd_write_all(file, line.s, line.len); /* there is nowhere to say it */
	strbuf_done(&o.buf);
	strbuf_done(&line);
}

void event(enum log_level level, const char *what, const char *fmt, ...)
{
	char text[LOG_LINE_LEN];
	va_list ap;

	va_start(ap, fmt);
	if (vsnprintf(text, sizeof(text), fmt, ap) < 0)
		text[0] = '\0';
	va_end(ap);
	if (file >= 0) {
		put_line(level, what, text);
		return;
	}
	if (level == LOG_LEVEL_ERR)
		log_err("%s", text);
	else if (level == LOG_LEVEL_WARN)
		log_warn("%s", text);
	else
		log_info("%s", text);
}
