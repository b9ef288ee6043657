/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"

static const char *log_name = "fairlead";
static enum log_level log_level = LOG_LEVEL_WARN;

static const char *const log_tag[] = {
	[LOG_LEVEL_ERR] = "",
	[LOG_LEVEL_WARN] = "warning: ",
	[LOG_LEVEL_INFO] = "",
	[LOG_LEVEL_DEBUG] = "debug: ",
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
