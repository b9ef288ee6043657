/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The configuration of a call, as far as it is the same for every plugin: name,
 * version, prevResult, valid attachments.  What else is in it the plugin reads.
 */
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "base/json_table.h"
#include "base/log.h"
#include "base/str.h"
#include "cni/cni_priv.h"
#include "cni/version.h"

/* Oldest configuration that may ask for a verb, where there is one. */
static const struct {
	enum cni_verb verb;
	const char *since;
} verb_since[] = {
	{ CNI_CHECK, "0.4.0" },
	{ CNI_GC, "1.1.0" },
	{ CNI_STATUS, "1.1.0" },
};

/* Keys read here.  A table of its own for each step: a wrong type is reported by the step
 * that needs the key, as the reference does.
 */
struct request {
	const char *name;
	const char *version;
};

static const struct json_field name_fields[] = {
	{ .name = "name", .kind = JSON_STRING, .offset = offsetof(struct request, name) },
	{ 0 },
};

static const struct json_field version_fields[] = {
	{ .name = "cniVersion", .kind = JSON_STRING, .offset = offsetof(struct request, version) },
	{ 0 },
};

/* The number of an error whose words another function has found. */
static int with_num(int r, enum cni_code num, struct nerr *err)
{
	if (err)
		err->num = num;
	return r;
}

int cni_request_parse(struct cni_call *call, struct nerr *err)
{
	struct request req = { .name = "" };
	int r;

	r = json_doc_parse(call->text, call->text_len, &call->doc, err);
	if (r == 0)
		r = json_read(call->doc, NULL, "", name_fields, &req, err);
	if (r < 0) {
		(void)nerr_ctx(err, "error unmarshall network config");
		return with_num(r, CNI_DECODE_FAILURE, err);
	}
	if (!*req.name)
		return nerr_num(err, -EINVAL, CNI_INVALID_CONFIG, "missing network name");
	if (!cni_name_is_valid(req.name)) {
		(void)nerr_num(err, -EINVAL, CNI_INVALID_CONFIG,
			       "invalid characters found in network name");
		return nerr_details(err, "%s", req.name);
	}
	call->net_name = req.name;
	return 0;
}

/* Some version of the plugin is not older than the configuration's. */
static int any_version_reaches(const struct cni_call *call, struct nerr *err)
{
	int r = 0;

	for (const char *const *v = call->plugin->versions; *v && r == 0; v++)
		r = cni_version_at_least(*v, call->version, err);
	return r;
}

/* CHECK, GC and STATUS came with later versions of the protocol. */
static int check_verb_version(const struct cni_call *call, const char *since, struct nerr *err)
{
	const char *verb = cni_verb_str(call->verb);
	int r;

	r = cni_version_at_least(call->version, since, err);
	if (r == 0)
		return nerr_num(err, -EINVAL, CNI_INCOMPATIBLE_VERSION,
				"config version does not allow %s", verb);
	if (r > 0)
		r = any_version_reaches(call, err);
	if (r == 0)
		return nerr_num(err, -EINVAL, CNI_INCOMPATIBLE_VERSION,
				"plugin version does not allow %s", verb);
	if (r < 0)
		return with_num(r, CNI_DECODE_FAILURE, err);
	return 0;
}

static int incompatible(const struct cni_call *call, struct nerr *err)
{
	CLEANUP(strbuf_done) struct strbuf text = STRBUF_INIT;

	(void)nerr_num(err, -EINVAL, CNI_INCOMPATIBLE_VERSION, "incompatible CNI versions");
	strbuf_add(&text, "config is ");
	cni_quote(&text, call->version);
	strbuf_add(&text, ", plugin supports [");
	for (const char *const *v = call->plugin->versions; *v; v++)
		strbuf_addf(&text, "%s\"%s\"", v == call->plugin->versions ? "" : " ", *v);
	strbuf_add(&text, "]");
	return nerr_details(err, "%s", strbuf_text(&text));
}

int cni_request_check_version(const struct cni_call *call, struct nerr *err)
{
	for (size_t i = 0; i < ARRAY_SIZE(verb_since); i++) {
		int r;

		if (verb_since[i].verb != call->verb)
			continue;
		r = check_verb_version(call, verb_since[i].since, err);
		if (r < 0)
			return r;
	}
	if (!cni_version_in(call->version, call->plugin->versions))
		return incompatible(call, err);
	return 0;
}

int cni_request_version(struct cni_call *call, struct nerr *err)
{
	struct request req = { .version = "" };
	int r;

	r = json_read(call->doc, NULL, "", version_fields, &req, err);
	if (r < 0) {
		(void)nerr_ctx(err, "decoding version from network config");
		return with_num(r, CNI_DECODE_FAILURE, err);
	}
	call->version = *req.version ? req.version : CNI_VERSION_FIRST;
	return cni_request_check_version(call, err);
}

/* --- prevResult --- */

static int read_prev(struct cni_call *call, struct nerr *err)
{
	struct json_object *obj = json_member(json_doc_root(call->doc), "prevResult");
	struct nerr why = NERR_INIT;
	struct cni_result *prev;
	int r;

	call->prev = NULL;
	if (!obj)
		return 0;
	prev = arena_alloc(json_doc_arena(call->doc), sizeof(*prev));
	if (!prev)
		return nerr_oom(err);
	r = cni_result_read(call->doc, obj, call->version, prev, &why);
	if (r == 0) {
		call->prev = prev;
		return 0;
	}
	if (call->verb != CNI_DEL || r == -ENOMEM)
		return nerr_set(err, r, "could not parse prevResult: %s", why.msg);
	log_warn("could not parse prevResult, going on without it: %s", why.msg);
	return 0;
}

/* --- valid attachments --- */

/* Two names for one list: the specification's, and one an early draft had. */
struct attachments {
	struct json_array valid;
	struct json_array draft;
	bool has_valid;
	bool has_draft;
};

/* The id is no longer checked against the rule for ids: it is only compared. */
static const struct json_field attachment_fields[] = {
	{ .name = "containerID",
	  .kind = JSON_STRING,
	  .offset = offsetof(struct cni_attachment, container_id),
	  .required = true },
	{ .name = "ifname",
	  .kind = JSON_STRING,
	  .offset = offsetof(struct cni_attachment, ifname),
	  .required = true },
	{ 0 },
};

static const struct json_field attachments_fields[] = {
	{ .name = "cni.dev/valid-attachments",
	  .kind = JSON_ARRAY,
	  .offset = offsetof(struct attachments, valid),
	  .has = JSON_HAS(struct attachments, has_valid),
	  .sub = attachment_fields,
	  .sub_size = sizeof(struct cni_attachment) },
	{ .name = "cni.dev/attachments",
	  .kind = JSON_ARRAY,
	  .offset = offsetof(struct attachments, draft),
	  .has = JSON_HAS(struct attachments, has_draft),
	  .sub = attachment_fields,
	  .sub_size = sizeof(struct cni_attachment) },
	{ 0 },
};

static int attachment_cmp(const void *a, const void *b)
{
	const struct cni_attachment *x = a;
	const struct cni_attachment *y = b;
	int d = strcmp(x->container_id, y->container_id);

	return d ? d : strcmp(x->ifname, y->ifname);
}

/* Kept in order: a node has thousands of them, and GC asks for every object it finds. */
static int read_valid(struct cni_call *call, struct nerr *err)
{
	static const struct cni_attachment none;
	struct attachments a = { 0 };
	struct json_array *list;
	int r;

	call->valid = NULL;
	call->n_valid = 0;
	r = json_read(call->doc, NULL, "", attachments_fields, &a, err);
	if (r < 0)
		return with_num(r, CNI_INVALID_CONFIG, err);
	if (!a.has_valid && !a.has_draft)
		return 0;
	list = a.has_valid ? &a.valid : &a.draft;
	if (list->n)
		qsort(list->v, list->n, sizeof(struct cni_attachment), attachment_cmp);
	call->valid = list->n ? list->v : &none;
	call->n_valid = list->n;
	return 0;
}

bool cni_is_valid(const struct cni_call *call, const char *container_id, const char *ifname)
{
	const struct cni_attachment key = { .container_id = container_id, .ifname = ifname };

	return call->n_valid &&
	       bsearch(&key, call->valid, call->n_valid, sizeof(key), attachment_cmp) != NULL;
}

int cni_request_inputs(struct cni_call *call, struct nerr *err)
{
	switch (call->verb) {
	case CNI_ADD:
	case CNI_DEL:
	case CNI_CHECK:
		return read_prev(call, err);
	case CNI_GC:
		return read_valid(call, err);
	case CNI_STATUS:
	case CNI_VERSION:
		break;
	}
	return 0;
}
