/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/sysctl.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/fd.h"

#define SYSCTL_ROOT      "/proc/sys/"
#define SYSCTL_VALUE_LEN 4096 /* a page, the most that the kernel's handlers print */

/* Components of @name are not "", "." or "..": it cannot leave SYSCTL_ROOT. */
static bool sysctl_name_is_clean(const char *name)
{
	for (;;) {
		size_t len = strcspn(name, "/");

		if (len <= 2 && strspn(name, ".") == len)
			return false;
		if (!name[len])
			return true;
		name += len + 1;
	}
}

static int sysctl_path(const char *name, char path[static PATH_MAX], struct nerr *err)
{
	int n;

	if (!sysctl_name_is_clean(name))
		return nerr_set(err, -EINVAL, "invalid sysctl name '%s'", name);
	n = snprintf(path, PATH_MAX, SYSCTL_ROOT "%s", name);
	if (n < 0 || n >= PATH_MAX)
		return nerr_set(err, -ENAMETOOLONG, "sysctl name '%s' is too long", name);
	return 0;
}

int sysctl_read(const char *name, char *buf, size_t size, struct nerr *err)
{
	char path[PATH_MAX];
	int r;

	r = sysctl_path(name, path, err);
	if (r < 0)
		return r;
	r = file_read(AT_FDCWD, path, buf, size);
	if (r < 0)
		return nerr_set(err, r, "cannot read '%s': %m", path);
	return 0;
}

int sysctl_write(const char *name, const char *value, struct nerr *err)
{
	char path[PATH_MAX];
	int r;

	r = sysctl_path(name, path, err);
	if (r < 0)
		return r;
	r = file_write(path, value);
	if (r < 0)
		return nerr_set(err, r, "cannot write '%s' to '%s': %m", value, path);
	return 0;
}

int sysctl_ensure(const char *name, const char *value, struct nerr *err)
{
	char now[SYSCTL_VALUE_LEN + 1];

	/* Some may be written but not read; then writing says what is wrong. */
	if (sysctl_read(name, now, sizeof(now), NULL) == 0 && strcmp(now, value) == 0)
		return 0;
	return sysctl_write(name, value, err);
}

int sysctl_write_if(const char *family, const char *ifname, const char *key, const char *value,
		    struct nerr *err)
{
	char name[NAME_MAX];
	int r;
	int n;

	if (strchr(ifname, '/'))
		n = -1;
	else
		n = snprintf(name, sizeof(name), "net/%s/conf/%s/%s", family, ifname, key);
	if (n < 0 || (size_t)n >= sizeof(name))
		r = nerr_set(err, -EINVAL, "invalid interface name '%s'", ifname);
	else
		r = sysctl_write(name, value, err);
	return err ? r : 0;
}
