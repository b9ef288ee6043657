/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cmd/fairlead-runc/args.h"

#include <stddef.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/str.h"

/* Before the command: options whose value may be the next word. */
static const char *const global_values[] = {
	"--root", "--log",      "--log-format",     "--log-level",
	"--criu", "--rootless", "--cgroup-manager",
};

/* Of create and run. */
static const char *const create_values[] = {
	"--bundle",       "-b", "--console-socket", "--pid-file", "--pidfd-socket",
	"--preserve-fds", "-f", "--config",
};

static bool is_in(const char *const *list, size_t n, const char *word)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(list[i], word) == 0)
			return true;
	return false;
}

/* The value in "--bundle=X", "-b=X" (and crun's "-bX"); NULL */
static const char *joined(const char *word, const char *name, const char *letter)
{
	const size_t len = strlen(name);

	if (strncmp(word, name, len) == 0 && word[len] == '=')
		return word + len + 1;
	if (!str_has_prefix(word, letter) || !word[2])
		return NULL;
	return word[2] == '=' ? word + 3 : word + 2;
}

static void read_create(const char *const *argv, struct args *ret)
{
	for (; *argv && strcmp(*argv, "--") != 0; argv++) {
		const char *bundle = joined(*argv, "--bundle", "-b");
		const char *config = joined(*argv, "--config", "-f");

		if (bundle)
			ret->bundle = bundle;
		if (config)
			ret->config = config;
		if (!is_in(create_values, ARRAY_SIZE(create_values), *argv) || !argv[1])
			continue;
		if (strcmp(*argv, "--bundle") == 0 || strcmp(*argv, "-b") == 0)
			ret->bundle = argv[1];
		if (strcmp(*argv, "--config") == 0 || strcmp(*argv, "-f") == 0)
			ret->config = argv[1];
		argv++;
	}
}

struct args args_read(const char *const *argv)
{
	struct args ret = { .bundle = "." };

	while (*argv && **argv == '-') {
		const bool has_value = is_in(global_values, ARRAY_SIZE(global_values), *argv);

		argv += has_value && argv[1] ? 2 : 1;
	}
	if (!*argv || (strcmp(*argv, "create") != 0 && strcmp(*argv, "run") != 0))
		return ret;
	ret.makes = true;
	read_create(argv + 1, &ret);
	return ret;
}
