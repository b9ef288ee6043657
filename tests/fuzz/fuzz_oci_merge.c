/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * fuzz_oci_merge.c - any bytes as a container's config.json
 *
 * Laws: what comes out is JSON with our listener; no rule of the profile lets a call of ours
 * through whatever its arguments; merged once more it is the same; what is refused is explained.
 */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "attach/rules.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "base/json_table.h"
#include "base/str.h"
#include "oci/bundle.h"
#include "oci/merge.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define LAW(holds)                                                                                 \
	do {                                                                                       \
		if (!(holds))                                                                      \
			__builtin_trap();                                                          \
	} while (0)

DEFINE_CLEANUP(struct json_doc *, json_doc_free);

struct rule {
	struct json_strings names;
	const char *action;
	struct json_array args;
};

struct arg {
	int64_t index;
};

struct seccomp {
	const char *listener;
	const char *metadata;
	struct json_strings archs;
	struct json_array calls;
};

struct part {
	struct seccomp seccomp;
};

struct config {
	struct part part;
};

/* clang-format off */
#define F(type, key, json, member, ...) \
	{ .name = (key), .kind = (json), .offset = offsetof(struct type, member), __VA_ARGS__ }
static const struct json_field arg_fields[] = {
	F(arg, "index", JSON_INT, index),
	{ 0 },
};
static const struct json_field rule_fields[] = {
	F(rule, "names", JSON_STRINGS, names),
	F(rule, "action", JSON_STRING, action),
	F(rule, "args", JSON_ARRAY, args, .sub = arg_fields, .sub_size = sizeof(struct arg)),
	{ 0 },
};
static const struct json_field seccomp_fields[] = {
	F(seccomp, "listenerPath", JSON_STRING, listener),
	F(seccomp, "listenerMetadata", JSON_STRING, metadata),
	F(seccomp, "architectures", JSON_STRINGS, archs),
	F(seccomp, "syscalls", JSON_ARRAY, calls, .sub = rule_fields,
	  .sub_size = sizeof(struct rule)),
	{ 0 },
};
static const struct json_field part_fields[] = {
	F(part, "seccomp", JSON_OBJECT, seccomp, .sub = seccomp_fields),
	{ 0 },
};
static const struct json_field config_fields[] = {
	F(config, "linux", JSON_OBJECT, part, .sub = part_fields),
	{ 0 },
};
/* clang-format on */

static bool lets_through(const char *action)
{
	return action &&
	       (strcmp(action, "SCMP_ACT_ALLOW") == 0 || strcmp(action, "SCMP_ACT_LOG") == 0 ||
		strcmp(action, "SCMP_ACT_TRACE") == 0);
}

static bool is_always_notified(const char *call)
{
	size_t n;
	const struct attach_rule *rules = attach_rules(&n);

	for (size_t i = 0; i < n; i++)
		if (strcmp(rules[i].call, call) == 0 && rules[i].action == ATTACH_NOTIFY &&
		    !rules[i].n_conds && rules[i].modes & (1 << ATTACH_HYBRID))
			return true;
	return false;
}

static void check_merged(const struct strbuf *text, const struct oci_merge *conf)
{
	CLEANUP(json_doc_freep) struct json_doc *doc = NULL;
	struct config c = { .part.seccomp.listener = NULL };

	LAW(json_doc_parse(text->s, text->len, &doc, NULL) == 0);
	/* Of what is not ours all kinds of values are let through. */
	if (json_read(doc, NULL, "", config_fields, &c, NULL) < 0)
		return;
	LAW(c.part.seccomp.listener && strcmp(c.part.seccomp.listener, conf->listener) == 0);
	LAW(c.part.seccomp.metadata && strcmp(c.part.seccomp.metadata, conf->metadata) == 0);
	LAW(c.part.seccomp.archs.n == 1);
	for (size_t i = 0; i < c.part.seccomp.calls.n; i++) {
		const struct rule *r = JSON_AT(c.part.seccomp.calls, const struct rule, i);

		for (size_t k = 0; lets_through(r->action) && k < r->names.n; k++)
			LAW(!is_always_notified(r->names.v[k]));
	}
}

static void merge(const char *json, size_t len, enum attach_mode mode)
{
	const struct oci_merge conf = { .mode = mode, .listener = "/l", .metadata = "{}" };
	CLEANUP(strbuf_done) struct strbuf once = STRBUF_INIT;
	CLEANUP(strbuf_done) struct strbuf twice = STRBUF_INIT;
	struct nerr err = NERR_INIT;

	if (oci_merge(json, len, &conf, &once, &err) < 0) {
		LAW(*err.msg);
		return;
	}
	check_merged(&once, &conf);
	LAW(oci_merge(once.s, once.len, &conf, &twice, &err) == 0);
	LAW(strcmp(once.s, twice.s) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct oci_bundle b = { .netns = NULL };
	struct nerr err = NERR_INIT;

	if (oci_bundle_read((const char *)data, size, &b, &err) < 0)
		LAW(*err.msg);
	else
		LAW(!b.netns || *b.netns);
	oci_bundle_done(&b);
	merge((const char *)data, size, ATTACH_HYBRID);
	merge((const char *)data, size, ATTACH_FULL);
	return 0;
}
