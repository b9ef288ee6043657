/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * log.h - messages for a person, on standard error
 *
 * For main() and what runs right below it.  Library code returns its errors in a
 * struct nerr and logs nothing above debug.  Standard output is never touched:
 * there a CNI plugin speaks its protocol.
 *
 * A message is one line, "<program>: <text>", written with one write(2), so that
 * lines of processes that share a terminal or a log do not mix.  Control
 * characters in it become '?': names in it come from files and from the network.
 */
#ifndef BASE_LOG_H
#define BASE_LOG_H

/**
 * enum log_level - How much a message matters
 *
 * LOG_LEVEL_ERR	what was asked for did not happen
 * LOG_LEVEL_WARN	it happened, but; printed with "warning: "
 * LOG_LEVEL_INFO	what a person may like to follow
 * LOG_LEVEL_DEBUG	for finding a fault; printed with "debug: "
 */
enum log_level {
	LOG_LEVEL_ERR,
	LOG_LEVEL_WARN,
	LOG_LEVEL_INFO,
	LOG_LEVEL_DEBUG,
};

/* Longest line, its newline included; longer text ends in "...". */
#define LOG_LINE_LEN 2048

/* Name put before each message; only what follows the last '/'. Borrowed for ever. */
void log_set_name(const char *name);
/* Least important level that is printed; LOG_LEVEL_WARN until set. */
void log_set_level(enum log_level level);
/* When standard error is a stream to systemd's journal (systemd.exec(5), JOURNAL_STREAM), lines
 * begin with their level as sd-daemon(3) has it, for the journal keeps that apart; and they
 * are without name and tag, for the journal knows those, too.
 */
void log_know_journal(void);
/* Does log_know_journal() say so? Then what sd-daemon(3) puts before a line of @level, else "". */
const char *log_journal_prefix(enum log_level level);

/* printf format, "%m" included.  No newline at the end.  They keep errno. */
void log_err(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_warn(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_info(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_debug(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

#endif /* BASE_LOG_H */
