/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "ask.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "base/json_table.h"
#include "commands.h"
#include "ctl/counters.h"
#include "netstack/tcp/tcp.h"

DEFINE_CLEANUP(struct json_doc *, json_doc_free);

/* clang-format off */
static const struct group {
	const char *name;
	const char *const *counters;
} groups[] = {
#define NAME(field) #field,
	{ "nic", (const char *const[]){ COUNTERS_NIC(NAME) NULL } },
	{ "kernel", (const char *const[]){ COUNTERS_KERNEL(NAME) NULL } },
	{ "link", (const char *const[]){ COUNTERS_LINK(NAME) NULL } },
	{ "ip", (const char *const[]){ COUNTERS_IP(NAME) NULL } },
	{ "tcp", (const char *const[]){ TCP_STATS(NAME) NULL } },
	{ "attach", (const char *const[]){ COUNTERS_ATTACH(NAME) NULL } },
	{ "service", (const char *const[]){ COUNTERS_SERVICE(NAME) NULL } },
	{ "memory", (const char *const[]){ COUNTERS_MEMORY(NAME) NULL } },
#undef NAME
};
/* clang-format on */

static int print_counter(struct json_doc *doc, struct json_object *node, const struct group *g,
			 const char *name, bool all, struct nerr *err)
{
	const struct json_field table[] = {
		{ .name = name, .kind = JSON_INT, .offset = 0, .max = INT64_MAX },
		{ 0 },
	};
	int64_t value = 0;
	int r = json_read(doc, node, g->name, table, &value, err);

	if (r < 0)
		return r;
	if (value || all) {
		char key[64];

		(void)snprintf(key, sizeof(key), "%s.%s", g->name, name); /* it fits */
		(void)printf("%-28s %jd\n", key, (intmax_t)value);        /* checked at the end */
	}
	return 0;
}

static int print_group(struct json_doc *doc, const struct group *g, bool all, struct nerr *err)
{
	struct json_object *node = json_member(json_doc_root(doc), g->name);
	int r = 0;

	if (!node)
		return 0; /* of another version */
	for (const char *const *name = g->counters; r == 0 && *name; name++)
		r = print_counter(doc, node, g, *name, all, err);
	return r;
}

int cmd_counters(const struct command *cmd, const struct opts *o)
{
	CLEANUP(json_doc_freep) struct json_doc *doc = NULL;
	struct nerr err = NERR_INIT;
	int r = ask(o, o->args[0], "{\"do\":\"counters\"}", -1, ANSWER_MS, &doc);

	(void)cmd;
	if (r || !doc)
		return r;
	for (size_t i = 0; i < ARRAY_SIZE(groups); i++)
		if (print_group(doc, &groups[i], o->all, &err) < 0)
			return fail(&err);
	return printed();
}
