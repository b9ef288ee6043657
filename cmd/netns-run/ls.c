/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * netns-run ls
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/log.h"
#include "commands.h"
#include "leftovers.h"
#include "nets.h"
#include "opts.h"
#include "state.h"
#include "status.h"

enum {
	COL_NAME,
	COL_STATUS,
	COL_PID,
	COL_STACK,
	COL_NETWORKS,
	COL_ADDRESSES,
	COL_COMMAND,
	COLUMNS
};

/* Lines of a table, cells in memory of @arena. */
struct table {
	struct arena arena;
	const char *(*row)[COLUMNS];
	size_t n;
	size_t cap;
};

static void table_done(struct table *t)
{
	arena_done(&t->arena);
}

/* A new line with empty cells, NULL on OOM. */
static const char **table_add(struct table *t)
{
	if (t->n == t->cap) {
		const size_t cap = t->cap ? 2 * t->cap : 16;
		const char *(*more)[COLUMNS] = arena_calloc(&t->arena, cap, sizeof(*more));

		if (!more)
			return NULL;
		if (t->n)
			memcpy(more, t->row, t->n * sizeof(*more));
		t->row = more;
		t->cap = cap;
	}
	for (size_t c = 0; c < COLUMNS; c++)
		t->row[t->n][c] = "";
	return t->row[t->n++];
}

static int print_table(const struct table *t)
{
	size_t width[COLUMNS] = { 0 };

	for (size_t i = 0; i < t->n; i++)
		for (size_t c = 0; c < COLUMNS; c++)
			if (strlen(t->row[i][c]) > width[c])
				width[c] = strlen(t->row[i][c]);
	for (size_t i = 0; i < t->n; i++) {
		for (size_t c = 0; c + 1 < COLUMNS; c++)
			(void)printf("%-*s  ", (int)width[c], t->row[i][c]); /* checked below */
		(void)printf("%s\n", t->row[i][COLUMNS - 1]);                /* likewise */
	}
	return fflush(stdout) == 0 && !ferror(stdout) ? 0 : -EIO;
}

/* Text of a cell: control characters would spoil the table, or the terminal. */
static const char *cell(struct table *t, const struct strbuf *text)
{
	char *copy = text->failed ? NULL : arena_strdup(&t->arena, strbuf_text(text));

	for (char *p = copy; p && *p; p++)
		if ((unsigned char)*p < ' ' || *p == 0x7f)
			*p = '?';
	return copy;
}

static int add_session(struct table *t, const struct session *s, bool live)
{
	CLEANUP(strbuf_done) struct strbuf networks = STRBUF_INIT;
	CLEANUP(strbuf_done) struct strbuf addresses = STRBUF_INIT;
	CLEANUP(strbuf_done) struct strbuf command = STRBUF_INIT;
	const char **row = table_add(t);

	if (!row)
		return -ENOMEM;
	for (size_t i = 0; i < s->n_nets; i++) {
		strbuf_addf(&networks, "%s%s", i ? "," : "", s->nets[i].list->name);
		if (i && addresses.len)
			strbuf_add(&addresses, ",");
		nets_print_addresses(&s->nets[i], &addresses);
	}
	for (size_t i = 0; i < s->command.n; i++)
		strbuf_addf(&command, "%s%s", i ? " " : "", s->command.v[i]);
	row[COL_NAME] = arena_strdup(&t->arena, s->name);
	row[COL_STATUS] = status_str(s, live);
	row[COL_PID] = live ? arena_printf(&t->arena, "%d", (int)s->pid) : "-";
	row[COL_STACK] = session_stack_str(s);
	row[COL_NETWORKS] = s->n_nets ? cell(t, &networks) : "none";
	row[COL_ADDRESSES] = addresses.len ? cell(t, &addresses) : "-";
	row[COL_COMMAND] = cell(t, &command);
	for (size_t c = 0; c < COLUMNS; c++)
		if (!row[c])
			return -ENOMEM;
	return 0;
}

/* A line for one of which only a name or less is known. */
static int add_stale(struct table *t, const char *name, const char *network)
{
	const char **row = table_add(t);

	if (!row)
		return -ENOMEM;
	row[COL_NAME] = name;
	row[COL_STATUS] = "stale";
	row[COL_PID] = row[COL_STACK] = row[COL_ADDRESSES] = row[COL_COMMAND] = "-";
	row[COL_NETWORKS] = network;
	return 0;
}

static void stale_json(struct json_out *o, const char *name, const struct leftover *left)
{
	json_out_object(o, NULL);
	json_out_string(o, "name", name);
	json_out_string(o, "status", "stale");
	json_out_array(o, "networks");
	if (left) {
		json_out_object(o, NULL);
		json_out_string(o, "network", left->network);
		json_out_string(o, "ifname", left->ifname);
		json_out_end(o);
	}
	json_out_end(o);
	json_out_end(o);
}

/* Everything, into the table and the JSON text. */
static int collect(int all_fd, struct table *t, struct json_out *o, struct nerr *err)
{
	struct json_strings names;
	struct leftover *left = NULL;
	size_t n_left;
	int r;

	r = state_list(all_fd, &t->arena, &names, err);
	for (size_t i = 0; r == 0 && i < names.n; i++) {
		CLEANUP(session_done) struct session s = { .name = NULL };
		struct nerr why = NERR_INIT;
		bool live;

		r = state_read(all_fd, names.v[i], &s, &live, &why);
		if (r == 0) {
			status_print(o, &s, live, false);
			r = add_session(t, &s, live);
			continue;
		}
		if (r != -ENODATA)
			log_warn("%s", why.msg);
		stale_json(o, names.v[i], NULL);
		r = add_stale(t, names.v[i], "-");
	}
	if (r == -ENOMEM)
		return nerr_oom(err);
	if (r == 0 && leftovers_list(all_fd, &t->arena, &left, &n_left, NULL) < 0)
		n_left = 0; /* a session that cannot be read: said above */
	for (size_t i = 0; r == 0 && i < n_left; i++) {
		stale_json(o, left[i].name, &left[i]);
		r = add_stale(t, left[i].name, left[i].network) < 0 ? nerr_oom(err) : 0;
	}
	return r;
}

int cmd_ls(struct opts *o)
{
	static const char *const header[COLUMNS] = { "NAME",     "STATUS",    "PID",    "STACK",
						     "NETWORKS", "ADDRESSES", "COMMAND" };
	CLEANUP(table_done) struct table t = { .n = 0 };
	struct json_out json = JSON_OUT_INIT(2);
	cleanup_close int all_fd = -1;
	struct nerr err = NERR_INIT;
	const char **row = table_add(&t);
	int r;

	if (o->n_args) {
		log_err("'ls' takes no argument, got '%s' (see 'netns-run ls --help')", o->args[0]);
		return EXIT_USAGE;
	}
	if (row)
		memcpy(row, header, sizeof(header));
	json_out_array(&json, NULL);
	r = row ? state_lock_all(&all_fd, &err) : nerr_oom(&err);
	if (r == 0)
		r = collect(all_fd, &t, &json, &err);
	json_out_end(&json);
	if (r == 0 && json.buf.failed)
		r = nerr_oom(&err);
	if (r == 0 && o->json)
		r = puts(json.buf.s) < 0 || fflush(stdout) != 0 ? -EIO : 0;
	else if (r == 0)
		r = print_table(&t);
	if (r == -EIO && !*err.msg)
		(void)nerr_set(&err, r, "cannot write to standard output: %m");
	strbuf_done(&json.buf);
	if (r == 0)
		return 0;
	log_err("%s", err.msg);
	return EXIT_OURS;
}
