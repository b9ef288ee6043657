/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * json_out.h - JSON out: byte-stable text, written in the order of the calls
 *
 *	json_out_object(&o, NULL);
 *	json_out_string(&o, "cniVersion", "1.0.0");
 *	json_out_array(&o, "ips");
 *	...
 *	json_out_end(&o);
 *	json_out_end(&o);
 *
 * Text is escaped as Go's encoding/json does it (<, >, & and U+2028/9 become
 * \uXXXX, a byte of invalid UTF-8 becomes \ufffd), because results are compared
 * byte by byte with the reference suite.
 */
#ifndef BASE_JSON_OUT_H
#define BASE_JSON_OUT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

#define JSON_OUT_DEPTH 16

/**
 * struct json_out - A document being written
 * @buf:	The text so far.  The caller frees it with strbuf_done()
 * @indent:	Spaces per level, 0 for compact text on one line
 */
struct json_out {
	struct strbuf buf;
	unsigned indent;
	unsigned depth;
	char close[JSON_OUT_DEPTH];
	bool empty[JSON_OUT_DEPTH];
};

#define JSON_OUT_INIT(spaces) ((struct json_out){ .indent = (spaces) })

/* @key is NULL inside an array and at the top level. */
void json_out_object(struct json_out *o, const char *key);
void json_out_array(struct json_out *o, const char *key);
/* Close the innermost object or array; an empty one prints as {} or []. */
void json_out_end(struct json_out *o);
/* NULL prints as "". */
void json_out_string(struct json_out *o, const char *key, const char *value);
void json_out_int(struct json_out *o, const char *key, int64_t value);
void json_out_bool(struct json_out *o, const char *key, bool value);
/* @json is put as it is: text of another document. */
void json_out_raw(struct json_out *o, const char *key, const char *json);

#endif /* BASE_JSON_OUT_H */
