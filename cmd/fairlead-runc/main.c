/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * fairlead-runc - a container runtime that is runc, or crun
 *
 * Stands before the real runtime and becomes it.  Only "create" and "run" of a container whose
 * network namespace is served by a netstackd are special: our rules are merged into the bundle's
 * seccomp profile before.  Every other command line goes through as it is.
 */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/log.h"
#include "cmd/fairlead-runc/args.h"
#include "cmd/fairlead-runc/config.h"

#define PROGRAM        "fairlead-runc"
#define RUNTIME_ENV    "FAIRLEAD_RUNTIME"
#define EXIT_NOT_FOUND 127

/* Where container runtimes are when the environment does not say. */
#define PATH_DEFAULT "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

/* "crun" when called by a name that has it, as fairlead-crun. */
static const char *runtime_name(const char *argv0)
{
	const char *slash = strrchr(argv0, '/');

	return strstr(slash ? slash + 1 : argv0, "crun") ? "crun" : "runc";
}

static bool is_self(const char *path)
{
	struct stat self;
	struct stat other;

	return stat("/proc/self/exe", &self) == 0 && stat(path, &other) == 0 &&
	       self.st_dev == other.st_dev && self.st_ino == other.st_ino;
}

/* The first of that name in PATH that is not we ourselves. */
static int find_runtime(const char *name, char ret[static PATH_MAX])
{
	const char *dir = getenv("PATH");

	for (dir = dir && *dir ? dir : PATH_DEFAULT; *dir;) {
		const size_t len = strcspn(dir, ":");
		const int n = snprintf(ret, PATH_MAX, "%.*s/%s", (int)len, dir, name);

		if (len > 0 && n > 0 && n < PATH_MAX && access(ret, X_OK) == 0 && !is_self(ret))
			return 0;
		dir += len + (dir[len] == ':');
	}
	return -ENOENT;
}

int main(int argc, char **argv)
{
	const char *real = getenv(RUNTIME_ENV);
	struct nerr err = NERR_INIT;
	char found[PATH_MAX];
	struct args args;

	log_set_name(PROGRAM);
	if (argc < 1)
		return EXIT_NOT_FOUND;
	if (!real || !*real) {
		if (find_runtime(runtime_name(argv[0]), found) < 0) {
			log_err("no '%s' in PATH (" RUNTIME_ENV " names another runtime)",
				runtime_name(argv[0]));
			return EXIT_NOT_FOUND;
		}
		real = found;
	}
	args = args_read((const char *const *)argv + 1);
	if (args.makes && config_serve(args.bundle, args.config, &err) < 0) {
		log_err("%s", err.msg);
		return 1;
	}
	(void)execv(real, argv); /* returns only when it failed */
	log_err("cannot run '%s': %m", real);
	return EXIT_NOT_FOUND;
}
