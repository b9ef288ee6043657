/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "oci/bundle.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <json-c/json.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/json_table.h"
#include "oci/keys.h"

DEFINE_CLEANUP(struct json_doc *, json_doc_free);

struct namespace
{
	const char *type;
	const char *path;
};

struct linux_part {
	struct json_array namespaces;
};

struct config {
	struct linux_part linux_part;
	struct json_object *annotations;
};

static const struct json_field namespace_fields[] = {
	{ .name = "type", .kind = JSON_STRING, .offset = offsetof(struct namespace, type) },
	{ .name = "path", .kind = JSON_STRING, .offset = offsetof(struct namespace, path) },
	{ 0 },
};

static const struct json_field linux_fields[] = {
	{ .name = "namespaces",
	  .kind = JSON_ARRAY,
	  .offset = offsetof(struct linux_part, namespaces),
	  .sub = namespace_fields,
	  .sub_size = sizeof(struct namespace) },
	{ 0 },
};

static const struct json_field config_fields[] = {
	{ .name = "linux",
	  .kind = JSON_OBJECT,
	  .offset = offsetof(struct config, linux_part),
	  .sub = linux_fields },
	{ .name = "annotations",
	  .kind = JSON_NODE,
	  .offset = offsetof(struct config, annotations) },
	{ 0 },
};

/* Keys of containerd and of CRI-O (containerd's pkg/cri/annotations, CRI-O's pkg/annotations). */
struct annotations {
	const char *containerd;
	const char *crio;
};

static const struct json_field annotation_fields[] = {
	{ .name = "io.kubernetes.cri.container-type",
	  .kind = JSON_STRING,
	  .offset = offsetof(struct annotations, containerd) },
	{ .name = "io.kubernetes.cri-o.ContainerType",
	  .kind = JSON_STRING,
	  .offset = offsetof(struct annotations, crio) },
	{ 0 },
};

static bool is_sandbox(const char *type)
{
	return type && strcmp(type, "sandbox") == 0;
}

/* The namespaces are those that the runtime will find. */
static int check_keys(struct json_object *root, struct nerr *err)
{
	static const char *const top[] = { "linux", "annotations", NULL };
	static const char *const keys[] = { "namespaces", "seccomp", NULL };
	static const char *const ns[] = { "type", "path", NULL };
	struct json_object *part = NULL, *list = NULL;
	int r = oci_check_spelling(root, "the configuration", top, err);

	if (r < 0 || !json_object_object_get_ex(root, "linux", &part))
		return r;
	r = oci_check_spelling(part, "'linux'", keys, err);
	if (r < 0 || !json_object_object_get_ex(part, "namespaces", &list) ||
	    !json_object_is_type(list, json_type_array))
		return r;
	for (size_t i = 0; r == 0 && i < json_object_array_length(list); i++)
		r = oci_check_spelling(json_object_array_get_idx(list, i), "a namespace", ns, err);
	return r;
}

int oci_bundle_read(const char *json, size_t len, struct oci_bundle *ret, struct nerr *err)
{
	CLEANUP(json_doc_freep) struct json_doc *doc = NULL;
	struct config config = { .annotations = NULL };
	struct annotations notes = { .crio = NULL };
	const char *path = NULL;
	int r;

	r = json_doc_parse(json, len, &doc, err);
	if (r == 0)
		r = oci_check_twice(json, len, err);
	if (r == 0)
		r = check_keys(json_doc_root(doc), err);
	if (r == 0)
		r = json_read(doc, NULL, "", config_fields, &config, err);
	if (r == 0 && config.annotations)
		r = json_read(doc, config.annotations, "annotations", annotation_fields, &notes,
			      err);
	if (r < 0)
		return r;
	for (size_t i = 0; i < config.linux_part.namespaces.n; i++) {
		const struct namespace *ns =
			JSON_AT(config.linux_part.namespaces, const struct namespace, i);

		if (ns->type && strcmp(ns->type, "network") == 0 && ns->path && *ns->path)
			path = ns->path;
	}
	*ret = (struct oci_bundle){ .is_sandbox = is_sandbox(notes.containerd) ||
						  is_sandbox(notes.crio) };
	if (!path)
		return 0;
	ret->netns = strdup(path);
	return ret->netns ? 0 : nerr_oom(err);
}

void oci_bundle_done(struct oci_bundle *b)
{
	free(b->netns);
	b->netns = NULL;
}
