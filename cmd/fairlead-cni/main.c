/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * fairlead-cni - all CNI plugins in one executable
 *
 * Called by the name of a plugin it is that plugin.  By its own name it is a tool that
 * lists and installs them.
 */
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/log.h"
#include "base/version.h"
#include "cmd/fairlead-cni/install.h"
#include "cmd/fairlead-cni/registry.h"

#define PROGRAM    "fairlead-cni"
#define EXIT_USAGE 2

static bool is_plugin(const char *name)
{
	for (const struct cni_plugin *const *p = registry; *p; p++)
		if (strcmp((*p)->name, name) == 0)
			return true;
	return false;
}

/* 0 when all that was printed has been written. */
static int flush(void)
{
	if (fflush(stdout) == 0 && !ferror(stdout))
		return 0;
	log_err("cannot write to standard output: %m");
	return 1;
}

static int cmd_install(const char *dir)
{
	struct nerr err = NERR_INIT;

	if (install_plugins(registry, dir, &err) == 0)
		return 0;
	log_err("%s", err.msg);
	return 1;
}

static int cmd_list(const char *arg)
{
	(void)arg;
	for (const struct cni_plugin *const *p = registry; *p; p++)
		(void)puts((*p)->name); /* flush() sees an error */
	return flush();
}

static int cmd_version(const char *arg)
{
	(void)arg;
	(void)printf("%s %s\n", PROGRAM, FAIRLEAD_VERSION); /* flush() sees an error */
	return flush();
}

static int cmd_help(const char *arg);

static const struct command {
	const char *name;
	const char *arg;
	int (*run)(const char *arg);
	const char *summary;
} commands[] = {
	{ "install", "DIR", cmd_install, "link the plugins into DIR, replacing those there" },
	{ "list", NULL, cmd_list, "print the names of the plugins" },
	{ "--version", NULL, cmd_version, "print name and version" },
	{ "--help", NULL, cmd_help, "print this text" },
};

static int cmd_help(const char *arg)
{
	(void)arg;
	/* flush() sees an error */
	(void)printf("usage: %s NAME\n", PROGRAM);
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
		(void)printf("       %s %s%s%s\n", PROGRAM, commands[i].name,
			     commands[i].arg ? " " : "", commands[i].arg ? commands[i].arg : "");
	(void)printf("\n  %-12s %s\n", "NAME", "be the CNI plugin of that name, for one call");
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
		(void)printf("  %-12s %s\n", commands[i].name, commands[i].summary);
	(void)printf("\nA plugin is called by a container runtime, which sets CNI_COMMAND and the\n"
		     "other variables of the CNI specification and writes the configuration to\n"
		     "standard input.  Without CNI_COMMAND it prints the versions it speaks.\n");
	return flush();
}

static int usage_error(const char *what, const char *name)
{
	log_err("%s%s%s%s (see '%s --help')", what, name ? " '" : "", name ? name : "",
		name ? "'" : "", PROGRAM);
	return EXIT_USAGE;
}

static int run_tool(int argc, char **argv)
{
	log_set_name(PROGRAM);
	if (argc < 2)
		return usage_error("no command given", NULL);
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
		const struct command *c = &commands[i];
		const int n_args = c->arg ? 1 : 0;

		if (strcmp(c->name, argv[1]) != 0)
			continue;
		if (argc - 2 < n_args)
			return usage_error("no directory given to", c->name);
		if (argc - 2 > n_args)
			return usage_error("unexpected argument", argv[2 + n_args]);
		return c->run(c->arg ? argv[2] : NULL);
	}
	if (!is_plugin(argv[1]))
		return usage_error("there is no plugin or command", argv[1]);
	if (argc > 2)
		return usage_error("unexpected argument", argv[2]);
	return cni_main(registry, argv[1]);
}

int main(int argc, char **argv)
{
	const char *slash = argc ? strrchr(argv[0], '/') : NULL;
	const char *name = slash ? slash + 1 : argc ? argv[0] : PROGRAM;

	return is_plugin(name) ? cni_main(registry, name) : run_tool(argc, argv);
}
