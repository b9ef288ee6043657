/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Answers that are tables.
 */
#include <stdio.h>
#include <string.h>

#include "ask.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "base/json_table.h"
#include "commands.h"
#include "table.h"

DEFINE_CLEANUP(struct json_doc *, json_doc_free);

static int show(const struct opts *o, const char *request, const struct table *t)
{
	CLEANUP(json_doc_freep) struct json_doc *doc = NULL;
	struct nerr err = NERR_INIT;
	int r = ask(o, o->args[0], request, -1, ANSWER_MS, &doc);

	if (r || !doc)
		return r;
	if (table_print(t, doc, &err) < 0)
		return fail(&err);
	return printed();
}

int cmd_programs(const struct command *cmd, const struct opts *o)
{
	static const struct column columns[] = {
		{ "PID", "pid", JSON_INT, NULL },
		{ "NAME", "name", JSON_STRING, NULL },
		{ "SOCKETS", "sockets", JSON_INT, NULL },
		{ "LISTENING", "listening", JSON_INT, NULL },
		{ 0 },
	};
	static const struct table table = { .key = "programs", .columns = columns };

	(void)cmd;
	return show(o, "{\"do\":\"programs\"}", &table);
}

int cmd_drops(const struct command *cmd, const struct opts *o)
{
	static const struct column columns[] = {
		{ "PACKETS", "count", JSON_INT, NULL },
		{ "REASON", "reason", JSON_STRING, NULL },
		{ "MEANING", "meaning", JSON_STRING, NULL },
		{ 0 },
	};
	static const struct table table = { .key = "drops", .columns = columns };

	(void)cmd;
	return show(o, "{\"do\":\"drops\"}", &table);
}

int cmd_neighbours(const struct command *cmd, const struct opts *o)
{
	static const struct column columns[] = {
		{ "ADDRESS", "address", JSON_STRING, NULL },
		{ "DEV", "dev", JSON_STRING, NULL },
		{ "MAC", "mac", JSON_STRING, NULL },
		{ "STATE", "state", JSON_STRING, NULL },
		{ "ROUTER", "router", JSON_BOOL, NULL },
		{ 0 },
	};
	static const struct table table = { .key = "neighbours", .columns = columns };

	(void)cmd;
	return show(o, "{\"do\":\"neighbours\"}", &table);
}

/* By their first column. */
static bool is_own_route(const char *const *cells)
{
	return strcmp(cells[0], "local") == 0 || strcmp(cells[0], "broadcast") == 0;
}

int cmd_routes(const struct command *cmd, const struct opts *o)
{
	static const struct column columns[] = {
		{ "TYPE", "type", JSON_STRING, NULL },
		{ "TO", "destination", JSON_STRING, NULL },
		{ "VIA", "gateway", JSON_STRING, NULL },
		{ "DEV", "dev", JSON_STRING, NULL },
		{ "SOURCE", "source", JSON_STRING, NULL },
		{ "METRIC", "metric", JSON_INT, NULL },
		{ "MTU", "mtu", JSON_INT, NULL },
		{ 0 },
	};
	const struct table table = {
		.key = "routes",
		.columns = columns,
		.skip = o->all ? NULL : is_own_route,
	};

	(void)cmd;
	return show(o, "{\"do\":\"routes\"}", &table);
}

int cmd_addresses(const struct command *cmd, const struct opts *o)
{
	static const struct column columns[] = {
		{ "ADDRESS", "address", JSON_STRING, NULL },
		{ "DEV", "dev", JSON_STRING, NULL },
		{ "STATE", "state", JSON_STRING, NULL },
		{ 0 },
	};
	static const struct table table = { .key = "addresses", .columns = columns };

	(void)cmd;
	return show(o, "{\"do\":\"addresses\"}", &table);
}
