/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * table.h - an array of objects as columns of text
 */
#ifndef NETSTACKCTL_TABLE_H
#define NETSTACKCTL_TABLE_H

#include <stddef.h>

#include "base/json_table.h"

struct nerr;

#define TABLE_COLUMNS_MAX 12

/**
 * struct column - One
 * @head:	Its title
 * @key:	Member of the objects that it shows
 * @kind:	JSON_STRING, JSON_INT or JSON_BOOL
 * @empty:	For a member that is not there, NULL for "-"
 */
struct column {
	const char *head;
	const char *key;
	enum json_kind kind;
	const char *empty;
};

/**
 * struct table - How an array is shown
 * @key:	Of the array in the answer
 * @columns:	Ends with a NULL @head
 * @skip:	This row, by the texts of its columns, is not to be shown; NULL for none
 * @compare:	Two rows, as for qsort(3); NULL for the order of the answer
 * @extra:	Object in each row, NULL for none
 * @below:	Prints it below the row; not called where it is not there
 */
struct table {
	const char *key;
	const struct column *columns;
	bool (*skip)(const char *const *cells);
	int (*compare)(const char *const *a, const char *const *b);
	const char *extra;
	void (*below)(struct json_doc *doc, struct json_object *extra);
};

/* On standard output, whose errors are the caller's to check. */
int table_print(const struct table *t, struct json_doc *doc, struct nerr *err);

/* Text of others, without control characters. */
void print_text(const char *text, int width);

#endif /* NETSTACKCTL_TABLE_H */
