/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What a stack is; all of them; and the end of one.
 */
#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <time.h>

#include "ask.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "base/json_out.h"
#include "base/json_table.h"
#include "commands.h"
#include "ctl/ctl.h"
#include "table.h"

DEFINE_CLEANUP(struct json_doc *, json_doc_free);

struct status {
	const char *version, *netns, *id, *network, *mode, *nic, *ifname, *mac;
	int64_t pid, since, listeners, mtu;
	bool retired, up;
};

#define S(member)                                                                                  \
	{                                                                                          \
		.name = #member, .kind = JSON_STRING, .offset = offsetof(struct status, member)    \
	}
#define N(member)                                                                                  \
	{                                                                                          \
		.name = #member, .kind = JSON_INT, .offset = offsetof(struct status, member),      \
		.max = INT64_MAX                                                                   \
	}

static const struct json_field status_table[] = {
	S(version),
	S(netns),
	S(id),
	S(network),
	S(mode),
	S(nic),
	S(ifname),
	S(mac),
	N(pid),
	N(since),
	N(listeners),
	N(mtu),
	{ .name = "up", .kind = JSON_BOOL, .offset = offsetof(struct status, up) },
	{ .name = "retired", .kind = JSON_BOOL, .offset = offsetof(struct status, retired) },
	{ 0 },
};

static void put(const char *name, const char *text)
{
	(void)printf("%-12s", name); /* checked at the end */
	print_text(text && *text ? text : "-", 0);
	(void)putchar('\n'); /* likewise */
}

static void put_time(const char *name, int64_t at)
{
	const time_t t = (time_t)at;
	char text[64] = "";
	struct tm tm;

	if (localtime_r(&t, &tm) && strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S", &tm))
		put(name, text);
}

int cmd_status(const struct command *cmd, const struct opts *o)
{
	CLEANUP(json_doc_freep) struct json_doc *doc = NULL;
	struct nerr err = NERR_INIT;
	struct status s = { 0 };
	int r = ask(o, o->args[0], "{\"do\":\"status\"}", -1, ANSWER_MS, &doc);

	(void)cmd;
	if (r || !doc)
		return r;
	if (json_read(doc, NULL, "", status_table, &s, &err) < 0)
		return fail(&err);
	put("namespace", s.netns);
	put("id", s.id);
	put("network", s.network);
	put("mode", s.mode);
	put("device", s.nic);
	put("interface", s.ifname);
	put("MAC", s.mac);
	(void)printf("%-12s%jd\n", "MTU", (intmax_t)s.mtu); /* checked at the end */
	put("up", s.up ? "yes" : "no");
	(void)printf("%-12s%jd\n", "pid", (intmax_t)s.pid); /* checked at the end */
	put_time("since", s.since);
	(void)printf("%-12s%jd\n", "listeners", (intmax_t)s.listeners);
	put("retired", s.retired ? "yes" : "no");
	put("version", s.version);
	return printed();
}

/* --- all of them --- */

static int add_status(void *arg, const char *path, struct json_doc *status)
{
	const char *text = json_node_text(json_doc_root(status));

	(void)path;
	if (text)
		json_out_raw(arg, NULL, text);
	return 0;
}

static int print_list(const struct strbuf *text, struct nerr *err)
{
	static const struct column columns[] = {
		{ "PID", "pid", JSON_INT, NULL },
		{ "MODE", "mode", JSON_STRING, NULL },
		{ "DEVICE", "nic", JSON_STRING, NULL },
		{ "PROGRAMS", "listeners", JSON_INT, NULL },
		{ "RETIRED", "retired", JSON_BOOL, NULL },
		{ "NETWORK", "network", JSON_STRING, NULL },
		{ "ID", "id", JSON_STRING, NULL },
		{ "NAMESPACE", "netns", JSON_STRING, NULL },
		{ 0 },
	};
	static const struct table table = { .key = "stacks", .columns = columns };
	CLEANUP(json_doc_freep) struct json_doc *doc = NULL;
	int r = json_doc_parse(text->s, text->len, &doc, err);

	return r < 0 ? r : table_print(&table, doc, err);
}

int cmd_ls(const struct command *cmd, const struct opts *o)
{
	struct json_out out = JSON_OUT_INIT(0);
	struct nerr err = NERR_INIT;
	int r;

	(void)cmd;
	json_out_object(&out, NULL);
	json_out_array(&out, "stacks");
	r = ctl_each(add_status, &out, &err);
	json_out_end(&out);
	json_out_end(&out);
	if (r == 0 && out.buf.failed)
		r = nerr_oom(&err);
	if (r == 0 && o->json)
		(void)printf("%s\n", out.buf.s); /* checked at the end */
	else if (r == 0)
		r = print_list(&out.buf, &err);
	strbuf_done(&out.buf);
	return r < 0 ? fail(&err) : printed();
}

/* --- stop --- */

int cmd_stop(const struct command *cmd, const struct opts *o)
{
	CLEANUP(json_doc_freep) struct json_doc *doc = NULL;
	struct nerr err = NERR_INIT;

	if (!o->args[0]) {
		(void)nerr_set(&err, -EINVAL, "'netstackctl %s' wants a stack to be named",
			       cmd->name);
		(void)fail(&err);
		return EXIT_USAGE;
	}
	return ask(o, o->args[0], "{\"do\":\"stop\"}", -1, ANSWER_MS, &doc);
}
