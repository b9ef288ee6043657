/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cnipath.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/str.h"

/* Directories of @path, made absolute. */
static int add_path(struct strbuf *ret, const char *path, struct nerr *err)
{
	char cwd[PATH_MAX] = "";

	while (path && *path) {
		const size_t len = strcspn(path, ":");

		if (len && *path != '/' && !*cwd && !getcwd(cwd, sizeof(cwd)))
			return nerr_set(err, -errno, "cannot tell where directory '%.*s' is: %m",
					(int)len, path);
		if (len)
			strbuf_addf(ret, "%s%s%s%.*s", ret->len ? ":" : "", *path == '/' ? "" : cwd,
				    *path == '/' ? "" : "/", (int)len, path);
		path += len + (path[len] == ':');
	}
	return 0;
}

/* What stands beside the directory of our executable; not there is nothing to say. */
static void add_sibling(struct strbuf *ret, const char *exe_dir, const char *sibling)
{
	CLEANUP(strbuf_done) struct strbuf dir = STRBUF_INIT;
	struct stat st;
	char *real;

	strbuf_addf(&dir, "%s/../%s", exe_dir, sibling);
	real = dir.failed ? NULL : realpath(dir.s, NULL);
	if (real && stat(real, &st) == 0 && S_ISDIR(st.st_mode))
		strbuf_addf(ret, "%s%s", ret->len ? ":" : "", real);
	free(real);
}

int cnipath_get(const char *first, struct strbuf *ret, struct nerr *err)
{
	char exe[PATH_MAX];
	ssize_t len;
	int r;

	r = add_path(ret, first, err);
	if (r == 0)
		r = add_path(ret, getenv("CNI_PATH"), err);
	if (r < 0)
		return r;
	len = readlink("/proc/self/exe", exe, sizeof(exe) - 1);
	if (len > 0) {
		exe[len] = '\0';
		*strrchr(exe, '/') = '\0';
		add_sibling(ret, exe, "cni");
		add_sibling(ret, exe, "libexec");
	}
	r = add_path(ret, FAIRLEAD_CNIDIR, err);
	return r == 0 && ret->failed ? nerr_oom(err) : r;
}
