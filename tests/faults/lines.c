/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/faults/lines.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#define EXIT_BROKEN 2

void die(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	(void)fprintf(stderr, "faults: ");
	(void)vfprintf(stderr, fmt, ap);
	(void)fprintf(stderr, "\n");
	va_end(ap);
	exit(EXIT_BROKEN);
}

static void lines_add(struct lines *l, char *line)
{
	if (l->n == l->cap) {
		l->cap = l->cap ? 2 * l->cap : 256;
		l->v = reallocarray(l->v, l->cap, sizeof(*l->v));
		if (!l->v)
			die("out of memory");
	}
	l->v[l->n++] = line;
}

void lines_addf(struct lines *l, const char *fmt, ...)
{
	char *line;
	va_list ap;

	va_start(ap, fmt);
	if (vasprintf(&line, fmt, ap) < 0)
		die("out of memory");
	va_end(ap);
	lines_add(l, line);
}

void lines_copy(struct lines *to, const struct lines *from)
{
	for (size_t i = 0; i < from->n; i++)
		lines_addf(to, "%s", from->v[i]);
}

static int compare(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

void lines_sort(struct lines *l)
{
	if (l->n)
		qsort(l->v, l->n, sizeof(*l->v), compare);
}

void lines_done(struct lines *l)
{
	for (size_t i = 0; i < l->n; i++)
		free(l->v[i]);
	free(l->v);
	*l = LINES_INIT;
}

bool lines_has(const struct lines *l, const char *line)
{
	return l->n && bsearch(&line, l->v, l->n, sizeof(*l->v), compare);
}

size_t lines_diff(const struct lines *a, const struct lines *b, const struct lines *allowed,
		  FILE *to)
{
	size_t n = 0;

	for (size_t i = 0, k = 0; i < a->n || k < b->n;) {
		int c = i == a->n ? 1 : k == b->n ? -1 : strcmp(a->v[i], b->v[k]);
		const char *line = c <= 0 ? a->v[i] : b->v[k];

		i += c <= 0;
		k += c >= 0;
		if (c == 0 || (allowed && lines_has(allowed, line)))
			continue;
		n++;
		if (to)
			(void)fprintf(to, "    %c %s\n", c < 0 ? '-' : '+', line);
	}
	return n;
}

/* The character could go on an address. */
static bool is_address_char(char c)
{
	return isxdigit((unsigned char)c) || c == ':' || c == '.';
}

static char *replace(const char *line, const char *what, const char *with, bool word)
{
	size_t len = strlen(what);
	char *text = NULL;
	size_t size;
	FILE *f = open_memstream(&text, &size);
	const char *at;

	if (!f)
		die("out of memory");
	while ((at = strstr(line, what))) {
		bool part = word && is_address_char(at[len]);

		(void)fprintf(f, "%.*s%s", (int)(at - line), line, part ? what : with);
		line = at + len;
	}
	(void)fprintf(f, "%s", line);
	if (fclose(f) != 0)
		die("out of memory");
	return text;
}

void lines_replace(struct lines *l, const char *what, const char *with, bool word)
{
	for (size_t i = 0; i < l->n; i++) {
		char *changed;

		if (!strstr(l->v[i], what))
			continue;
		changed = replace(l->v[i], what, with, word);
		free(l->v[i]);
		l->v[i] = changed;
	}
}
