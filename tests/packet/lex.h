/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * lex.h - words, numbers and signs of a line
 *
 * Functions that read something and do not find it leave the cursor where it was and return
 * false; those that must find it (lex_want_...) fail the line as well.  Blanks before what is
 * read are skipped.
 */
#ifndef PACKET_LEX_H
#define PACKET_LEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "script.h"

/**
 * struct lex - Where we are
 * @s:		What is made of it
 * @src:	For includes
 * @file, @line: For messages
 * @begin:	Of the line
 * @p:		Next character
 * @depth:	Of includes
 * @err:	Filled by the first failure
 */
struct lex {
	struct script *s;
	const struct script_source *src;
	const char *file;
	unsigned int line;
	const char *begin;
	const char *p;
	unsigned int depth;
	struct nerr *err;
};

/* The line is wrong here.  Return: false */
bool lex_fail(struct lex *l, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* What is there, for messages: "'abc'" or "the end of the line". */
const char *lex_rest(struct lex *l, char *buf, size_t size);

/* Nothing but blanks and a comment. */
bool lex_at_end(struct lex *l);

/* A sign: these characters, wherever they are. */
bool lex_sign(struct lex *l, const char *sign);
bool lex_want_sign(struct lex *l, const char *sign);

/* A word of letters, digits, '_', '-' and '.', beginning with a letter. */
bool lex_word(struct lex *l, char *ret, size_t size);
bool lex_want_word(struct lex *l, const char *what, char *ret, size_t size);

/* A name of letters and digits alone: signs may follow it. */
bool lex_want_name(struct lex *l, const char *what, char *ret, size_t size);

/* This word. */
bool lex_keyword(struct lex *l, const char *word);

/* "12", "-12", "0x1f" */
bool lex_number(struct lex *l, int64_t *ret);
bool lex_want_number(struct lex *l, const char *what, int64_t min, int64_t max, int64_t *ret);

/* "text" without quotes in it. */
bool lex_string(struct lex *l, char *ret, size_t size);

/* Seconds with up to nine decimals. */
bool lex_want_seconds(struct lex *l, uint64_t *ret_ns);

/* "45 00 0123...": pairs of hexadecimal digits up to something else.  False for none. */
bool lex_want_bytes(struct lex *l, uint8_t *ret, size_t size, size_t *ret_len);

#endif /* PACKET_LEX_H */
