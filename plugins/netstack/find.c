/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/str.h"
#include "plugins/netstack/find_priv.h"

#define PROGRAM "netstackd"

struct search {
	struct strbuf tried;
	char found[PATH_MAX];
};

/* The runtime may name a directory twice, and have found us there. */
static bool was_tried(const struct search *s, const char *dir, size_t len)
{
	const char *at = strbuf_text(&s->tried);

	while (*at) {
		const size_t n = strcspn(at, ",");

		if (n == len && memcmp(at, dir, len) == 0)
			return true;
		at += n;
		at += strspn(at, ", ");
	}
	return false;
}

/* True when it is in the directory of @len characters. */
static bool look_in(struct search *s, const char *dir, size_t len, const char *sub)
{
	const int n = snprintf(s->found, sizeof(s->found), "%.*s%s/" PROGRAM, (int)len, dir, sub);

	if (n < 0 || (size_t)n >= sizeof(s->found) || (!*sub && was_tried(s, dir, len)))
		return false;
	strbuf_addf(&s->tried, "%s%.*s%s", s->tried.len ? ", " : "", (int)len, dir, sub);
	return access(s->found, X_OK) == 0;
}

static bool look_in_path(struct search *s, const char *path)
{
	while (*path) {
		const size_t len = strcspn(path, ":");

		if (len && look_in(s, path, len, ""))
			return true;
		path += len + (path[len] == ':');
	}
	return false;
}

/* Beside this program, and as "make install" and the build tree have it: cni/ and bin/. */
static bool look_beside(struct search *s)
{
	char exe[PATH_MAX];
	const ssize_t len = readlink("/proc/self/exe", exe, sizeof(exe) - 1);
	char *slash;

	if (len <= 0)
		return false;
	exe[len] = '\0';
	slash = strrchr(exe, '/');
	if (!slash)
		return false;
	return look_in(s, exe, (size_t)(slash - exe), "") ||
	       look_in(s, exe, (size_t)(slash - exe), "/../bin");
}

int netstackd_find(const char *conf, const char *cni_path, struct strbuf *ret, struct nerr *err)
{
	struct search s = { .tried = STRBUF_INIT };
	int r = 0;

	if (*conf) {
		if (*conf != '/' || access(conf, X_OK) < 0)
			return nerr_set(err, -ENOENT,
					"key 'daemon': '%s' is not the path of a program", conf);
		strbuf_add(ret, conf);
	} else if (look_in_path(&s, cni_path) || look_beside(&s) ||
		   look_in(&s, FAIRLEAD_BINDIR, strlen(FAIRLEAD_BINDIR), "")) {
		strbuf_add(ret, s.found);
	} else {
		r = nerr_set(err, -ENOENT, "cannot find '" PROGRAM "' in any of %s",
			     strbuf_text(&s.tried));
	}
	strbuf_done(&s.tried);
	return r == 0 && ret->failed ? nerr_oom(err) : r;
}
