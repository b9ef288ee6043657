/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * cmdline.h - options of a command line, from a table that also makes --help
 *
 * Written as getopt_long() has them: "--name value", "--name=value", "-n value", "-nvalue", "-ab".
 * There is no short form of a long name: a script that uses one breaks when an option is added.
 */
#ifndef BASE_CMDLINE_H
#define BASE_CMDLINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct nerr;

/**
 * struct cmdline_option - An option
 * @name:	Long name, without dashes
 * @letter:	Short name, 0 for none
 * @commands:	Bits of those commands that have it; any one bit for a program without commands
 * @arg:	What its argument is called, NULL when it has none
 * @help:	For --help; further lines behind '\n'
 * @set:	Takes the argument, which is not empty.  0 or -EINVAL with a message.  NULL: what
 *		@member says
 * @member:	Place in the caller's structure, when there is no @set: a bool that becomes true, of
 *		an option without an argument; else a const char *
 * @max:	Not 0: @member is a uint32_t, from 1 to this
 * @once:	Given twice it is an error
 */
struct cmdline_option {
	const char *name;
	char letter;
	unsigned int commands;
	const char *arg;
	const char *help;
	int (*set)(const struct cmdline_option *opt, void *opts, const char *value,
		   struct nerr *err);
	size_t member;
	uint32_t max;
	bool once;
};

/* Options that a table may have, for struct cmdline's @seen. */
#define CMDLINE_OPTIONS_MAX 64

/**
 * struct cmdline - A table at work
 * @options:	Table
 * @n_options:	Its length
 * @commands:	Only options that have one of these bits are there
 * @opts:	The caller's structure
 * @seen:	Which have been given
 */
struct cmdline {
	const struct cmdline_option *options;
	size_t n_options;
	unsigned int commands;
	void *opts;
	uint64_t seen;
};

/* Is the word "-x..." or "--x..."?  "-" and "--" are not. */
bool cmdline_is_option(const char *word);

/**
 * cmdline_option() - Take the option that a word is
 * @cl:		Table
 * @argv:	Points to the word, for which cmdline_is_option() is true, in a NULL-terminated
 *		array; moves to the next one when that is its argument
 * @err:	Message
 *
 * Return: 0, -EINVAL
 */
int cmdline_option(struct cmdline *cl, char ***argv, struct nerr *err);

/* The option of that name, NULL when the commands of @cl do not have it. */
const struct cmdline_option *cmdline_find(const struct cmdline *cl, const char *name);

/* --- for --help.  What cannot be written shows in ferror(stdout) --- */

/* @text, its further lines behind @indent spaces, and an end of line. */
void cmdline_print_text(const char *text, int indent);

/* The options of @commands, a line each, with their texts from column @indent on. */
void cmdline_print_options(const struct cmdline_option *options, size_t n, unsigned int commands,
			   int indent);

#endif /* BASE_CMDLINE_H */
