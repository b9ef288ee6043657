/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * netns-run - run a command in a network namespace that CNI plugins set up
 *
 * This file finds the command.  run.c has the main process of a run, guard.c the
 * process that cleans up after it, session.c and state.c what is known of a
 * namespace in memory and on disk.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/log.h"
#include "base/version.h"
#include "opts.h"

/* A file opened later must not become the standard error that messages go to.  The
 * command does not get these: it finds closed what we were given closed.
 */
static int keep_stdio_taken(void)
{
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
		if (fcntl(fd, F_GETFD) < 0 && errno == EBADF &&
		    open("/dev/null", O_RDWR | O_CLOEXEC) != fd)
			return -1;
	return 0;
}

static int usage_error(const struct command *cmd, const struct nerr *err)
{
	log_err("%s (see 'netns-run %s%s--help')", err->msg, cmd->name, *cmd->name ? " " : "");
	return EXIT_USAGE;
}

static int print_version(void)
{
	if (printf("netns-run %s\n", FAIRLEAD_VERSION) < 0 || fflush(stdout) != 0) {
		log_err("cannot write to standard output: %m");
		return EXIT_OURS;
	}
	return 0;
}

int main(int argc, char **argv)
{
	const struct command *cmd = NULL;
	struct nerr err = NERR_INIT;
	struct opts opts;

	log_set_name("netns-run");
	if (keep_stdio_taken() < 0)
		return EXIT_OURS;
	if (argc < 2) {
		(void)nerr_set(&err, -EINVAL, "no command given");
		return usage_error(&commands[0], &err);
	}
	cmd = command_lookup(argv[1]);
	if (!cmd && *argv[1] != '-') {
		/* Not run at once: tomorrow it may be a command of ours. */
		log_err("unknown command '%s' (to run a program: netns-run [options] -- %s)",
			argv[1], argv[1]);
		return EXIT_USAGE;
	}
	argv += cmd ? 2 : 1;
	if (!cmd)
		cmd = &commands[0];
	if (opts_parse(cmd, argv, &opts, &err) < 0)
		return usage_error(cmd, &err);
	if (opts.help) {
		if (opts_help(cmd) == 0)
			return 0;
		log_err("cannot write to standard output: %m");
		return EXIT_OURS;
	}
	if (opts.version)
		return print_version();
	if (opts.verbose)
		log_set_level(LOG_LEVEL_INFO);
	return cmd->run(&opts);
}
