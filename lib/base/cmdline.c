/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/cmdline.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/str.h"

#define LEFT_MAX 80 /* of an option in --help, before its text */

bool cmdline_is_option(const char *word)
{
	return word[0] == '-' && word[1] && strcmp(word, "--") != 0;
}

/* --- finding --- */

static const struct cmdline_option *find_long(const struct cmdline *cl, const char *name,
					      size_t len)
{
	for (size_t i = 0; i < cl->n_options; i++) {
		const struct cmdline_option *opt = &cl->options[i];

		if (opt->commands & cl->commands && strlen(opt->name) == len &&
		    strncmp(opt->name, name, len) == 0)
			return opt;
	}
	return NULL;
}

static const struct cmdline_option *find_short(const struct cmdline *cl, char letter)
{
	for (size_t i = 0; i < cl->n_options; i++)
		if (cl->options[i].commands & cl->commands && cl->options[i].letter == letter)
			return &cl->options[i];
	return NULL;
}

const struct cmdline_option *cmdline_find(const struct cmdline *cl, const char *name)
{
	return find_long(cl, name, strlen(name));
}

/* --- taking --- */

static int note_seen(struct cmdline *cl, const struct cmdline_option *opt, struct nerr *err)
{
	const uint64_t bit = UINT64_C(1) << (opt - cl->options);

	assert(cl->n_options <= CMDLINE_OPTIONS_MAX);
	if (opt->once && cl->seen & bit)
		return nerr_set(err, -EINVAL, "option '--%s' is given twice", opt->name);
	cl->seen |= bit;
	return 0;
}

static int apply(struct cmdline *cl, const struct cmdline_option *opt, const char *value,
		 struct nerr *err)
{
	void *member = (char *)cl->opts + opt->member;
	const int r = note_seen(cl, opt, err);

	if (r < 0)
		return r;
	if (!opt->arg) {
		*(bool *)member = true;
		return 0;
	}
	if (opt->set)
		return opt->set(opt, cl->opts, value, err);
	if (!opt->max) {
		*(const char **)member = value;
		return 0;
	}
	if (parse_u32(value, 1, opt->max, member) < 0)
		return nerr_set(err, -EINVAL, "option '--%s' wants a number from 1 to %u, got '%s'",
				opt->name, opt->max, value);
	return 0;
}

/* Its argument is in the same word (@value), or the next one. */
static int apply_with(struct cmdline *cl, const struct cmdline_option *opt, const char *value,
		      char ***argv, struct nerr *err)
{
	if (value && !opt->arg)
		return nerr_set(err, -EINVAL, "option '--%s' takes no argument, got '%s'",
				opt->name, value);
	if (opt->arg && !value) {
		if (!(*argv)[1])
			return nerr_set(err, -EINVAL, "option '--%s' needs an argument", opt->name);
		value = *++*argv;
	}
	if (opt->arg && !*value)
		return nerr_set(err, -EINVAL, "option '--%s' needs an argument, got ''", opt->name);
	return apply(cl, opt, value, err);
}

static int take_long(struct cmdline *cl, char ***argv, struct nerr *err)
{
	const char *word = **argv + 2;
	const size_t len = strcspn(word, "=");
	const struct cmdline_option *opt = find_long(cl, word, len);

	if (!opt)
		return nerr_set(err, -EINVAL, "unknown option '--%.*s'", (int)len, word);
	return apply_with(cl, opt, word[len] ? word + len + 1 : NULL, argv, err);
}

/* "-v", "-pvalue", "-p value", "-af". */
static int take_short(struct cmdline *cl, char ***argv, struct nerr *err)
{
	for (const char *p = **argv + 1; *p; p++) {
		const struct cmdline_option *opt = find_short(cl, *p);
		int r;

		if (!opt)
			return nerr_set(err, -EINVAL, "unknown option '-%c'", *p);
		if (opt->arg && !p[1] && !(*argv)[1])
			return nerr_set(err, -EINVAL, "option '-%c' needs an argument", *p);
		if (opt->arg)
			return apply_with(cl, opt, p[1] ? p + 1 : NULL, argv, err);
		r = apply(cl, opt, NULL, err);
		if (r < 0)
			return r;
	}
	return 0;
}

int cmdline_option(struct cmdline *cl, char ***argv, struct nerr *err)
{
	assert(cmdline_is_option(**argv));
	return (**argv)[1] == '-' ? take_long(cl, argv, err) : take_short(cl, argv, err);
}

/* --- help --- */

void cmdline_print_text(const char *text, int indent)
{
	for (const char *line = text; *line;) {
		const int len = (int)strcspn(line, "\n");

		(void)printf("%.*s\n", len, line); /* the caller asks ferror() */
		line += len;
		if (*line++ == '\0')
			return;
		(void)printf("%*s", indent, ""); /* likewise */
	}
}

void cmdline_print_options(const struct cmdline_option *options, size_t n, unsigned int commands,
			   int indent)
{
	for (size_t i = 0; i < n; i++) {
		const struct cmdline_option *opt = &options[i];
		char left[LEFT_MAX];

		if (!(opt->commands & commands))
			continue;
		(void)snprintf(left, sizeof(left), "  %c%c%c --%s%s%s", opt->letter ? '-' : ' ',
			       opt->letter ? opt->letter : ' ', opt->letter ? ',' : ' ', opt->name,
			       opt->arg ? " " : "", opt->arg ? opt->arg : "");
		if (strlen(left) < (size_t)indent)
			(void)printf("%-*s", indent, left); /* the caller asks ferror() */
		else
			(void)printf("%s\n%*s", left, indent, ""); /* likewise */
		cmdline_print_text(opt->help, indent);
	}
}
