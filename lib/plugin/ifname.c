/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "plugin/ifname.h"

#include <net/if.h>

#include <ctype.h>
#include <errno.h>
#include <string.h>

#include "base/error.h"

int ifname_check(const char *key, const char *name, struct nerr *err)
{
	size_t len = strlen(name);
	const char *why = NULL;

	if (len == 0)
		why = "is empty";
	else if (len >= IFNAMSIZ)
		why = "is longer than 15 bytes";
	else if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
		why = "is a directory name";
	for (size_t i = 0; i < len && !why; i++)
		if (name[i] == '/' || name[i] == ':' || isspace((unsigned char)name[i]))
			why = "contains a slash, a colon or white space";
	if (why)
		return nerr_set(err, -EINVAL, "key '%s': interface name \"%s\" %s", key, name, why);
	return 0;
}
