/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * fairlead-precreate - podman's hook of the stage "precreate"
 *
 * A container's configuration comes on standard input and goes to standard output: with our rules
 * when its network namespace is on a user stack, else as it came.  A failure keeps the
 * container from being made.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/str.h"
#include "base/version.h"
#include "oci/merge.h"
#include "oci/serve.h"

#define PROGRAM    "fairlead-precreate"
#define EXIT_USAGE 2

static const char usage[] =
	"usage: " PROGRAM " <config.json >config.json\n"
	"       " PROGRAM " --version | --help\n"
	"\n"
	"Hook of podman's stage \"precreate\": a container whose network namespace is\n"
	"served by a netstackd gets the seccomp rules that put its sockets there.\n";

static int print(const char *text)
{
	if (fputs(text, stdout) >= 0 && fflush(stdout) == 0)
		return 0;
	log_err("cannot write to standard output: %m");
	return 1;
}

static int run(struct nerr *err)
{
	CLEANUP(strbuf_done) struct strbuf in = STRBUF_INIT;
	CLEANUP(strbuf_done) struct strbuf out = STRBUF_INIT;
	bool served = false;
	int r = fd_read_all(STDIN_FILENO, OCI_CONFIG_MAX, &in);

	if (r < 0)
		return nerr_set(err, r, "cannot read the configuration: %m");
	r = oci_serve(strbuf_text(&in), in.len, &out, &served, err);
	if (r < 0)
		return nerr_ctx(err, "the configuration on standard input");
	r = served ? fd_write_all(STDOUT_FILENO, strbuf_text(&out), out.len)
		   : fd_write_all(STDOUT_FILENO, strbuf_text(&in), in.len);
	return r < 0 ? nerr_set(err, r, "cannot write the configuration: %m") : 0;
}

int main(int argc, char **argv)
{
	struct nerr err = NERR_INIT;

	log_set_name(PROGRAM);
	if (argc == 2 && strcmp(argv[1], "--version") == 0)
		return print(PROGRAM " " FAIRLEAD_VERSION "\n");
	if (argc == 2 && strcmp(argv[1], "--help") == 0)
		return print(usage);
	if (argc != 1) {
		log_err("unknown argument '%s' (see '" PROGRAM " --help')", argv[1]);
		return EXIT_USAGE;
	}
	if (run(&err) == 0)
		return 0;
	log_err("%s", err.msg);
	return 1;
}
