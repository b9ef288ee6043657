/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "find.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/json_table.h"
#include "base/str.h"
#include "sandbox/netns.h"

/* --- by namespace --- */

static int by_path(const char *path, char ret[static CTL_PATH_LEN], struct nerr *err)
{
	cleanup_close int fd = -1;
	int r = netns_open(path, &fd, err);

	if (r == -EINVAL)
		return nerr_set(err, r, "'%s' is no network namespace", path);
	if (r == -ENOENT)
		return nerr_set(err, r, "there is no '%s'", path);
	if (r < 0)
		return r;
	r = ctl_path(fd, ret, err);
	if (r == 0 && !ctl_is_served(fd))
		return nerr_set(err, -ENOENT, "no stack serves '%s'", path);
	return r;
}

/* A file of that name, in @buf. */
static bool is_file(char *buf, size_t size, const char *before, const char *name, const char *after)
{
	const int n = snprintf(buf, size, "%s%s%s", before, name, after);

	return n > 0 && (size_t)n < size && access(buf, F_OK) == 0;
}

/* --- by what the stacks say --- */

struct search {
	const char *name;
	unsigned int n;
	bool is_exact;
	char path[CTL_PATH_LEN];
};

static int compare(void *arg, const char *path, struct json_doc *status)
{
	static const struct json_field table[] = {
		{ .name = "id", .kind = JSON_STRING, .offset = 0 },
		{ 0 },
	};
	struct search *s = arg;
	const char *id = "";

	if (json_read(status, NULL, "", table, &id, NULL) < 0)
		return 0;
	if (s->name && !str_has_prefix(id, s->name))
		return 0;
	s->is_exact = s->name && strcmp(id, s->name) == 0;
	if (s->is_exact)
		s->n = 0;
	s->n++;
	(void)str_copy(s->path, sizeof(s->path), path); /* it comes from a buffer of that size */
	return s->is_exact;                             /* no other can be meant */
}

static int by_status(const char *name, char ret[static CTL_PATH_LEN], struct nerr *err)
{
	struct search s = { .name = name };
	const int r = ctl_each(compare, &s, err);

	if (r < 0)
		return r;
	if (s.n == 0 && name)
		return nerr_set(err, -ENOENT, "no stack '%s'", name);
	if (s.n == 0)
		return nerr_set(err, -ENOENT, "no stack runs");
	if (s.n > 1 && name)
		return nerr_set(err, -EINVAL, "'%s' begins the id of %u stacks", name, s.n);
	if (s.n > 1)
		return nerr_set(err, -EINVAL, "%u stacks run: say which one", s.n);
	return str_copy(ret, CTL_PATH_LEN, s.path);
}

int find_stack(const char *name, char ret[static CTL_PATH_LEN], struct nerr *err)
{
	char path[4096];
	uint32_t pid;

	/* Else it would look as if there were none. */
	if (access(ctl_dir(), X_OK) < 0 && errno == EACCES)
		return nerr_set(err, -EACCES, "cannot look into '%s': only root may ask a stack",
				ctl_dir());
	if (!name)
		return by_status(NULL, ret, err);
	if (!*name)
		return nerr_set(err, -ENOENT, "no stack has the name ''");
	if (strchr(name, '/'))
		return by_path(name, ret, err);
	if (strcmp(name, ".") != 0 && strcmp(name, "..") != 0 &&
	    is_file(path, sizeof(path), "/run/netns/", name, ""))
		return by_path(path, ret, err);
	if (parse_u32(name, 1, INT32_MAX, &pid) == 0 &&
	    is_file(path, sizeof(path), "/proc/", name, "/ns/net"))
		return by_path(path, ret, err);
	return by_status(name, ret, err);
}
