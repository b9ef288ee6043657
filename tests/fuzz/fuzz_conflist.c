/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * A network configuration from any text, and the request that each of its plugins would
 * get.  Laws: a configuration that is taken can be printed and taken again as the same
 * network; a request is JSON, has the name and version of the network, and nothing in
 * runtimeConfig that its plugin did not ask for.
 */
#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/json_table.h"
#include "base/str.h"
#include "cni/cni_priv.h"
#include "cni/conflist.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct cni_capability caps[] = {
	{ "ips", "[\"10.0.0.1\"]" },
	{ "portMappings", "[]" },
};

struct request_keys {
	const char *name;
	const char *version;
	struct json_object *runtime;
	struct json_object *prev;
};

static const struct json_field request_fields[] = {
	{ .name = "name", .kind = JSON_STRING, .offset = offsetof(struct request_keys, name) },
	{ .name = "cniVersion",
	  .kind = JSON_STRING,
	  .offset = offsetof(struct request_keys, version) },
	{ .name = "runtimeConfig",
	  .kind = JSON_NODE,
	  .offset = offsetof(struct request_keys, runtime) },
	{ .name = "prevResult", .kind = JSON_NODE, .offset = offsetof(struct request_keys, prev) },
	{ 0 },
};

static void check_runtime_config(const struct cni_conflist *list, size_t i,
				 struct json_object *runtime)
{
	bool any = false;

	for (size_t k = 0; k < ARRAY_SIZE(caps); k++)
		any |= cni_conflist_can(list, (int)i, caps[k].name);
	if (!any)
		return; /* what the configuration itself had there stays */
	assert(runtime);
	for (size_t k = 0; k < ARRAY_SIZE(caps); k++)
		assert((json_member(runtime, caps[k].name) != NULL) ==
		       cni_conflist_can(list, (int)i, caps[k].name));
}

static void check_request(const struct cni_conflist *list, size_t i)
{
	static const struct cni_request req = {
		.prev_result = "{\"cniVersion\":\"1.0.0\"}",
		.caps = caps,
		.n_caps = ARRAY_SIZE(caps),
		.valid = "[]",
	};
	CLEANUP(strbuf_done) struct strbuf text = STRBUF_INIT;
	struct request_keys keys = { .name = NULL };
	struct nerr err = NERR_INIT;
	struct json_doc *doc;

	assert(cni_conflist_request(list, i, &req, &text, &err) == 0);
	assert(strlen(text.s) == text.len);
	assert(json_doc_parse(text.s, text.len, &doc, &err) == 0);
	assert(json_read(doc, NULL, "", request_fields, &keys, &err) == 0);
	assert(strcmp(keys.name, list->name) == 0);
	assert(strcmp(keys.version, list->version) == 0);
	assert(keys.prev);
	check_runtime_config(list, i, keys.runtime);
	json_doc_free(doc);
}

static void check_again(const struct cni_conflist *list)
{
	struct cni_conflist *again;
	struct nerr err = NERR_INIT;

	assert(cni_conflist_parse(list->text, strlen(list->text), &again, &err) == 0);
	assert(strcmp(again->name, list->name) == 0);
	assert(strcmp(again->version, list->version) == 0);
	assert(again->n_plugins == list->n_plugins);
	for (size_t i = 0; i < list->n_plugins; i++)
		assert(strcmp(again->plugins[i].type, list->plugins[i].type) == 0);
	cni_conflist_free(again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct cni_conflist *list = NULL;
	struct nerr err = NERR_INIT;
	int r;

	r = cni_conflist_parse((const char *)data, size, &list, &err);
	if (r < 0) {
		assert(!list);
		assert(*err.msg);
		return 0;
	}
	assert(list->n_plugins > 0 && list->n_plugins <= CNI_CONF_PLUGINS_MAX);
	assert(cni_name_is_valid(list->name));
	for (size_t i = 0; i < list->n_plugins; i++) {
		assert(*list->plugins[i].type && !strchr(list->plugins[i].type, '/'));
		check_request(list, i);
	}
	check_again(list);
	cni_conflist_free(list);
	return 0;
}
