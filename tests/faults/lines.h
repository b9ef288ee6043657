/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * lines.h - lists of text lines: what is there, and what differs
 *
 * A harness has nobody to report to: what it cannot do ends it, with exit status 2.
 */
#ifndef TESTS_FAULTS_LINES_H
#define TESTS_FAULTS_LINES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

/* End the program: the test itself does not work. */
void die(const char *fmt, ...) __attribute__((format(printf, 1, 2), noreturn));

struct lines {
	char **v;
	size_t n;
	size_t cap;
};

#define LINES_INIT ((struct lines){ .n = 0 })

void lines_addf(struct lines *l, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void lines_copy(struct lines *to, const struct lines *from);
void lines_sort(struct lines *l);
/* For CLEANUP-like use at the end of a function. */
void lines_done(struct lines *l);
/* @l is sorted. */
bool lines_has(const struct lines *l, const char *line);

/**
 * lines_diff() - Compare two sorted lists
 * @allowed:	Lines that may differ, sorted; NULL for none
 * @to:		Where each other difference is printed, "-" for lost and "+" for new; may be NULL
 *
 * Return: number of differences that are not allowed
 */
size_t lines_diff(const struct lines *a, const struct lines *b, const struct lines *allowed,
		  FILE *to);

/* In every line put @with in place of @what; @word: where no part of a longer address. */
void lines_replace(struct lines *l, const char *what, const char *with, bool word);

#endif /* TESTS_FAULTS_LINES_H */
