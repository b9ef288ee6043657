/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * json_dup.h - keys that come twice in one object
 *
 * In a tree the last one has won; who must refuse them looks at the text.
 */
#ifndef BASE_JSON_DUP_H
#define BASE_JSON_DUP_H

#include <stddef.h>

struct nerr;
struct strbuf;

/**
 * json_find_duplicate() - A key that an object of a text has twice
 * @text:	JSON, not NUL-terminated
 * @len:	Its length, at most JSON_DOC_LEN_MAX
 * @path:	Keys from the top level to the object, ends with NULL; without
 *		regard to ASCII case.  Where several objects have that path, each
 *		is looked at alone
 * @ret:	The key is appended on 1.  May be NULL
 *
 * The object's keys are compared exactly, after their escapes are resolved.  No
 * object at @path is no error.  Return: 1, 0 when there is none, -EINVAL when
 * @text is no JSON, -E2BIG, -ENOMEM
 */
int json_find_duplicate(const char *text, size_t len, const char *const *path, struct strbuf *ret,
			struct nerr *err);

#endif /* BASE_JSON_DUP_H */
