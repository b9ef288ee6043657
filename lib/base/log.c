/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"

static const char *log_name = "fairlead";
static enum log_level log_level = LOG_LEVEL_WARN;
static bool log_is_journal;

static const char *const log_tag[] = {
	[LOG_LEVEL_ERR] = "",
	[LOG_LEVEL_WARN] = "warning: ",
	[LOG_LEVEL_INFO] = "",
	[LOG_LEVEL_DEBUG] = "debug: ",
};

/* sd-daemon(3): SD_ERR, SD_WARNING, SD_INFO, SD_DEBUG */
static const char *const log_priority[] = {
	[LOG_LEVEL_ERR] = "<3>",
	[LOG_LEVEL_WARN] = "<4>",
	[LOG_LEVEL_INFO] = "<6>",
	[LOG_LEVEL_DEBUG] = "<7>",
};

void log_set_name(const char *name)
{
	const char *slash = strrchr(name, '/');

	log_name = slash ? slash + 1 : name;
}

void log_set_level(enum log_level level)
{
	log_level = level;
}

void log_know_journal(void)
{
	const char *stream = getenv("JOURNAL_STREAM");
	char own[64];
	struct stat st;

	log_is_journal = false;
	if (!stream || fstat(STDERR_FILENO, &st) < 0)
		return;
	/* Inherited by a process whose standard error is another one, it is not ours. */
	(void)snprintf(own, sizeof(own), "%ju:%ju", (uintmax_t)st.st_dev,
		       (uintmax_t)st.st_ino); /* it fits */
	log_is_journal = strcmp(stream, own) == 0;
}

const char *log_journal_prefix(enum log_level level)
{
	return log_is_journal ? log_priority[level] : "";
}

static void log_vprint(enum log_level level, const char *fmt, va_list ap)
	__attribute__((format(printf, 2, 0)));

static void log_vprint(enum log_level level, const char *fmt, va_list ap)
{
	const int saved = errno;
	char line[LOG_LINE_LEN];
	const size_t room = sizeof(line) - 1; /* for the text and a NUL; the newline comes last */
	size_t len;

	if (level > log_level)
		return;
	if (log_is_journal)
		(void)snprintf(line, room, "%s", log_priority[level]); /* it fits */
	else
		(void)snprintf(line, room, "%s: %s", log_name, log_tag[level]); /* cut below */
	len = strlen(line);
	errno = saved; /* for %m */
	if (vsnprintf(line + len, room - len, fmt, ap) >= (int)(room - len))
		memcpy(line + room - sizeof("..."), "...", sizeof("..."));
	len = strlen(line);
	for (size_t i = 0; i < len; i++)
		if ((unsigned char)line[i] < ' ' || line[i] == '\x7f')
			line[i] = '?';
	line[len] = '\n';
	(void)fd_write_all(STDERR_FILENO, line, len + 1); /* there is nowhere else to say it */
	errno = saved;
}

void log_err(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	log_vprint(LOG_LEVEL_ERR, fmt, ap);
	va_end(ap);
}

void log_warn(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	log_vprint(LOG_LEVEL_WARN, fmt, ap);
	va_end(ap);
}

void log_info(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	log_vprint(LOG_LEVEL_INFO, fmt, ap);
	va_end(ap);
}

void log_debug(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	log_vprint(LOG_LEVEL_DEBUG, fmt, ap);
	va_end(ap);
}
