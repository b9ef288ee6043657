/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * fairlead-agent - one for a host: brings containers' seccomp listeners to their stacks
 *
 * runc and crun connect to its socket when a container with our rules starts, and for each
 * process that is added, and send a listener.  The stack is found by the network namespace of
 * the process.
 */
#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/version.h"
#include "cmd/fairlead-agent/server.h"
#include "ctl/ctl.h"
#include "oci/serve.h"

#define PROGRAM    "fairlead-agent"
#define EXIT_USAGE 2

static const char usage[] =
	"usage: " PROGRAM " [--verbose]\n"
	"       " PROGRAM " --version | --help\n"
	"\n"
	"Hands the seccomp listeners of containers on user stacks to their netstackd.\n"
	"Listens on " CTL_DIR "/" OCI_AGENT_SOCKET ", or on the socket that systemd\n"
	"passes.\n";

static int print(const char *text)
{
	if (fputs(text, stdout) >= 0 && fflush(stdout) == 0)
		return 0;
	log_err("cannot write to standard output: %m");
	return 1;
}

static int run(struct nerr *err)
{
	cleanup_close int fd = -1;
	bool is_given = false;
	char path[PATH_MAX];
	int r;

	if (snprintf(path, sizeof(path), "%s/" OCI_AGENT_SOCKET, ctl_dir()) >= (int)sizeof(path))
		return nerr_set(err, -ENAMETOOLONG, "directory '%s' has too long a name",
				ctl_dir());
	r = dir_make_all(ctl_dir(), 0700);
	if (r < 0)
		return nerr_set(err, r, "cannot make directory '%s': %m", ctl_dir());
	r = server_open(path, &fd, &is_given, err);
	if (r < 0)
		return r;
	r = server_run(fd, err);
	if (!is_given)
		(void)unlink(path); /* what cannot be removed is nobody's, and the next one's */
	return r;
}

int main(int argc, char **argv)
{
	struct nerr err = NERR_INIT;

	log_set_name(PROGRAM);
	log_know_journal();
	if (argc == 2 && strcmp(argv[1], "--version") == 0)
		return print(PROGRAM " " FAIRLEAD_VERSION "\n");
	if (argc == 2 && strcmp(argv[1], "--help") == 0)
		return print(usage);
	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--verbose") != 0) {
			log_err("unknown argument '%s' (see '" PROGRAM " --help')", argv[i]);
			return EXIT_USAGE;
		}
		log_set_level(LOG_LEVEL_INFO);
	}
	if (run(&err) == 0)
		return 0;
	log_err("%s", err.msg);
	return 1;
}
