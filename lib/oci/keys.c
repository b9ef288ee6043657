/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "oci/keys.h"

#include <errno.h>
#include <string.h>

#include <json-c/json.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/json_dup.h"
#include "base/str.h"

/* Go folds a few letters that are not of ASCII, too: no key that anybody means has such. */
static bool is_ascii(const char *key)
{
	for (; *key; key++)
		if ((unsigned char)*key >= 0x80)
			return false;
	return true;
}

static bool is_misspelt(const char *key, const char *const *keys)
{
	if (!is_ascii(key))
		return true;
	for (; *keys; keys++)
		if (strcasecmp(key, *keys) == 0 && strcmp(key, *keys) != 0)
			return true;
	return false;
}

int oci_check_spelling(struct json_object *obj, const char *what, const char *const *keys,
		       struct nerr *err)
{
	if (!json_object_is_type(obj, json_type_object))
		return 0;
	json_object_object_foreach(obj, key, value)
	{
		(void)value;
		if (is_misspelt(key, keys))
			return nerr_set(err, -EINVAL,
					"key '%.64s' of %s is not read alike by all runtimes", key,
					what);
	}
	return 0;
}

int oci_check_twice(const char *json, size_t len, struct nerr *err)
{
	static const char *const paths[][3] = {
		{ NULL },
		{ "linux", NULL },
		{ "linux", "seccomp", NULL },
	};
	CLEANUP(strbuf_done) struct strbuf key = STRBUF_INIT;

	for (size_t i = 0; i < ARRAY_SIZE(paths); i++) {
		int r = json_find_duplicate(json, len, paths[i], &key, err);

		if (r < 0)
			return r;
		if (r > 0)
			return nerr_set(err, -EINVAL, "key '%.64s' is there twice",
					strbuf_text(&key));
	}
	return 0;
}
