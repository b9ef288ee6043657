/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "table.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/cleanup.h"
#include "base/error.h"

/* A member; which of them is meant, the column knows. */
struct cell {
	const char *text;
	int64_t number;
	bool flag;
	bool given;
};

struct row {
	struct cell cell[TABLE_COLUMNS_MAX];
	struct json_object *extra;
};

struct line {
	const char **cells;
	struct json_object *extra;
};

/**
 * struct layout - A table that is being printed
 * @lines:	@n, each with @n_columns texts
 * @width:	Of each column
 */
struct layout {
	const struct table *t;
	size_t n_columns;
	size_t n;
	struct line *lines;
	size_t width[TABLE_COLUMNS_MAX];
};

void print_text(const char *text, int width)
{
	int n = 0;

	for (; *text; text++, n++)
		(void)putchar((unsigned char)*text < ' ' || *text == '\x7f' ? '?' : *text);
	for (; n < width; n++)
		(void)putchar(' '); /* checked at the end, as all that is printed */
}

static const char *cell_text(struct arena *a, const struct column *col, const struct cell *c)
{
	if (!c->given)
		return col->empty ? col->empty : "-";
	if (col->kind == JSON_INT)
		return arena_printf(a, "%jd", (intmax_t)c->number);
	if (col->kind == JSON_BOOL)
		return c->flag ? "yes" : "no";
	return c->text && *c->text ? c->text : "-";
}

static int read_rows(const struct table *t, struct json_doc *doc, struct json_array *ret,
		     struct nerr *err)
{
	struct json_field fields[TABLE_COLUMNS_MAX + 2] = { { 0 } };
	const struct json_field whole[] = {
		{ .name = t->key,
		  .kind = JSON_ARRAY,
		  .offset = 0,
		  .sub = fields,
		  .sub_size = sizeof(struct row) },
		{ 0 },
	};
	size_t n = 0;

	for (; t->columns[n].head; n++) {
		const size_t at = offsetof(struct row, cell) + n * sizeof(struct cell);

		fields[n] = (struct json_field){
			.name = t->columns[n].key,
			.kind = t->columns[n].kind,
			.offset = at +
				  (t->columns[n].kind == JSON_INT    ? offsetof(struct cell, number)
				   : t->columns[n].kind == JSON_BOOL ? offsetof(struct cell, flag)
								     : offsetof(struct cell, text)),
			.has = { .given = true, .offset = at + offsetof(struct cell, given) },
			.min = INT64_MIN,
			.max = INT64_MAX,
		};
	}
	if (t->extra)
		fields[n] = (struct json_field){
			.name = t->extra,
			.kind = JSON_NODE,
			.offset = offsetof(struct row, extra),
		};
	return json_read(doc, NULL, "", whole, ret, err);
}

static int add_row(struct layout *l, struct arena *a, const struct row *row)
{
	const char **cells = arena_calloc(a, l->n_columns, sizeof(*cells));

	if (!cells)
		return -ENOMEM;
	for (size_t i = 0; i < l->n_columns; i++) {
		cells[i] = cell_text(a, &l->t->columns[i], &row->cell[i]);
		if (!cells[i])
			return -ENOMEM;
	}
	if (l->t->skip && l->t->skip(cells))
		return 0;
	for (size_t i = 0; i < l->n_columns; i++)
		if (strlen(cells[i]) > l->width[i])
			l->width[i] = strlen(cells[i]);
	l->lines[l->n++] = (struct line){ cells, row->extra };
	return 0;
}

static void print_line(const struct layout *l, const char *const *cells)
{
	for (size_t i = 0; i < l->n_columns; i++)
		print_text(cells[i], i + 1 < l->n_columns ? (int)l->width[i] + 2 : 0);
	(void)putchar('\n');
}

static int compare(const void *a, const void *b, void *arg)
{
	const struct table *t = arg;
	const struct line *x = a;
	const struct line *y = b;

	return t->compare(x->cells, y->cells);
}

static void print_all(const struct layout *l, struct json_doc *doc)
{
	const char *heads[TABLE_COLUMNS_MAX] = { NULL };

	for (size_t i = 0; i < l->n_columns; i++)
		heads[i] = l->t->columns[i].head;
	print_line(l, heads);
	for (size_t r = 0; r < l->n; r++) {
		print_line(l, l->lines[r].cells);
		if (l->lines[r].extra)
			l->t->below(doc, l->lines[r].extra);
	}
}

int table_print(const struct table *t, struct json_doc *doc, struct nerr *err)
{
	struct arena *a = json_doc_arena(doc);
	struct json_array rows = { 0 };
	struct layout l = { .t = t };
	int r = read_rows(t, doc, &rows, err);

	if (r < 0)
		return r;
	for (; t->columns[l.n_columns].head; l.n_columns++)
		l.width[l.n_columns] = strlen(t->columns[l.n_columns].head);
	l.lines = arena_calloc(a, rows.n + 1, sizeof(*l.lines));
	if (!l.lines)
		return nerr_oom(err);
	for (size_t i = 0; r == 0 && i < rows.n; i++)
		r = add_row(&l, a, JSON_AT(rows, struct row, i));
	if (r < 0)
		return nerr_oom(err);
	if (t->compare)
		qsort_r(l.lines, l.n, sizeof(*l.lines), compare, (void *)(uintptr_t)t);
	print_all(&l, doc);
	return 0;
}
