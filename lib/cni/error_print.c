/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The error object of the protocol: { "code": ..., "msg": ..., "details": ... }
 */
#include <errno.h>
#include <limits.h>
#include <stdio.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/json_out.h"
#include "base/json_table.h"
#include "cni/cni_priv.h"

#define INDENT 4

void cni_error_print(const struct nerr *err, struct strbuf *ret)
{
	struct json_out o = JSON_OUT_INIT(INDENT);

	json_out_object(&o, NULL);
	json_out_int(&o, "code", err->num ? err->num : CNI_INTERNAL);
	json_out_string(&o, "msg", err->msg);
	if (*err->details)
		json_out_string(&o, "details", err->details);
	json_out_end(&o);
	strbuf_add(ret, strbuf_text(&o.buf));
	ret->failed |= o.buf.failed;
	strbuf_done(&o.buf);
}

struct error_object {
	int64_t code;
	const char *msg;
	const char *details;
	bool has_code;
};

static const struct json_field error_fields[] = {
	{ .name = "code",
	  .kind = JSON_INT,
	  .offset = offsetof(struct error_object, code),
	  .has = JSON_HAS(struct error_object, has_code) },
	{ .name = "msg", .kind = JSON_STRING, .offset = offsetof(struct error_object, msg) },
	{ .name = "details",
	  .kind = JSON_STRING,
	  .offset = offsetof(struct error_object, details) },
	{ 0 },
};

int cni_error_read(const char *text, size_t len, struct nerr *ret, struct nerr *why)
{
	struct error_object obj = { .msg = "", .details = "" };
	struct json_doc *doc;
	int r;

	r = json_doc_parse(text, len, &doc, why);
	if (r < 0)
		return r;
	r = json_read(doc, NULL, "", error_fields, &obj, why);
	if (r == 0 && !obj.has_code && !*obj.msg)
		r = nerr_set(why, -EINVAL, "neither 'code' nor 'msg' is given");
	if (r == 0) {
		(void)nerr_num(ret, -EIO, (int)obj.code, "%s", obj.msg);
		(void)nerr_details(ret, "%s", obj.details);
	}
	json_doc_free(doc);
	return r;
}
