/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * netstackctl - look into stacks that serve network namespaces
 *
 * This file finds the command.  find.c finds the stack, ask.c asks it (lib/ctl), the others show
 * what it says.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "ask.h"
#include "base/error.h"
#include "base/log.h"
#include "base/version.h"
#include "opts.h"

/* A file opened later must not become the standard error that messages go to. */
static int keep_stdio_taken(void)
{
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
		if (fcntl(fd, F_GETFD) < 0 && errno == EBADF &&
		    open("/dev/null", O_RDWR | O_CLOEXEC) != fd)
			return -1;
	return 0;
}

int main(int argc, char **argv)
{
	const struct command *cmd;
	struct nerr err = NERR_INIT;
	struct opts opts;

	log_set_name("netstackctl");
	if (keep_stdio_taken() < 0)
		return EXIT_FAILED;
	if (opts_parse(argc ? argv + 1 : argv, &cmd, &opts, &err) < 0) {
		log_err("%s (see 'netstackctl %s%s--help')", err.msg, cmd ? cmd->name : "",
			cmd ? " " : "");
		return EXIT_USAGE;
	}
	if (opts.help) {
		(void)opts_help(cmd); /* printed() says it */
		return printed();
	}
	if (opts.version) {
		(void)printf("netstackctl %s\n", FAIRLEAD_VERSION); /* likewise */
		return printed();
	}
	return cmd->run(cmd, &opts);
}
