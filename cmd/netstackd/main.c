/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * netstackd - serve the programs of a network namespace with a TCP/IP stack of its own
 *
 * daemon.c is the way from start to end, server.c and what it calls the control socket.  Packets
 * are lib/host's, programs lib/attach's.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/log.h"
#include "base/version.h"
#include "daemon.h"
#include "events.h"
#include "opts.h"

/* The leak checker stops us from another process by ptrace(2), for which the filter of system calls
 * ends it: it would never return.
 */
#ifdef __SANITIZE_ADDRESS__
int __lsan_is_turned_off(void); /* NOLINT: its name */
int __lsan_is_turned_off(void)
{
	return 1;
}
#endif

enum {
	EXIT_FAILED = 1,
	EXIT_USAGE = 2,
};

/* A file opened later must not become the standard error that messages go to. */
static int keep_stdio_taken(void)
{
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
		if (fcntl(fd, F_GETFD) < 0 && errno == EBADF &&
		    open("/dev/null", O_RDWR | O_CLOEXEC) != fd)
			return -1;
	return 0;
}

static int print(int r)
{
	if (r >= 0 && fflush(stdout) == 0)
		return 0;
	log_err("cannot write to standard output: %m");
	return EXIT_FAILED;
}

static int serve(const struct opts *opts)
{
	struct daemon d = { 0 };
	struct nerr err = NERR_INIT;
	int r = geteuid() == 0
			? events_open(opts->log, opts->netns, &err)
			: nerr_set(&err, -EPERM,
				   "has to be started by root: it takes a device and enters a "
				   "namespace");
	const bool has_log = r == 0 && opts->log;
	const bool is_stderr = has_log && strcmp(opts->log, "-") == 0;

	if (r == 0) {
		r = daemon_start(&d, opts, &err);
		if (r == 0)
			r = daemon_run(&d, &err);
		daemon_stop(&d);
	}
	if (r == 0)
		return 0;
	if (!is_stderr)
		log_err("%s", err.msg);
	if (has_log)
		event(LOG_LEVEL_ERR, "failed", "%s", err.msg);
	return EXIT_FAILED;
}

int main(int argc, char **argv)
{
	struct nerr err = NERR_INIT;
	struct opts opts;

	(void)signal(SIGPIPE, SIG_IGN); /* it exists; who reads our messages may go */
	log_set_name("netstackd");
	log_set_level(LOG_LEVEL_INFO);
	log_know_journal();
	if (keep_stdio_taken() < 0)
		return EXIT_FAILED;
	if (opts_parse(argc ? argv + 1 : argv, &opts, &err) < 0) {
		log_err("%s (see 'netstackd --help')", err.msg);
		return EXIT_USAGE;
	}
	if (opts.help)
		return print(opts_help());
	if (opts.version)
		return print(printf("netstackd %s\n", FAIRLEAD_VERSION));
	return serve(&opts);
}
