/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * args.h - a runtime's command line, as far as it concerns us
 */
#ifndef FAIRLEAD_RUNC_ARGS_H
#define FAIRLEAD_RUNC_ARGS_H

#include <stdbool.h>

/**
 * struct args - What runc or crun is asked to do
 * @makes:	It is "create" or "run"
 * @bundle:	Directory of config.json, "." when it is not given.  Borrowed
 * @config:	crun's -f: another file than that, NULL when it is not given.  Borrowed
 *
 * Options of runc 1.1 to 1.2 and crun 1.8 to 1.20 are known by name, for some take a value that
 * is the next word.  An option nobody knows is taken for one without.
 */
struct args {
	bool makes;
	const char *bundle;
	const char *config;
};

/* @argv: without the program's name, ends with NULL */
struct args args_read(const char *const *argv);

#endif /* FAIRLEAD_RUNC_ARGS_H */
