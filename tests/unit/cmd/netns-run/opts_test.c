/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cmd/netns-run/opts.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/error.h"

#define MAX_WORDS 16

/* The words of @line, separated by blanks, parsed for a command ("" to run one). */
static int parse(const char *command, const char *line, struct opts *o, struct nerr *err)
{
	static char text[512];
	static char *argv[MAX_WORDS + 1];
	const struct command *cmd = *command ? command_lookup(command) : &commands[0];
	size_t n = 0;
	char *save = NULL;

	assert_non_null(cmd);
	assert_true(strlen(line) < sizeof(text));
	memcpy(text, line, strlen(line) + 1);
	for (char *w = strtok_r(text, " ", &save); w; w = strtok_r(NULL, " ", &save)) {
		assert_true(n < MAX_WORDS);
		argv[n++] = w;
	}
	argv[n] = NULL;
	return opts_parse(cmd, argv, o, err);
}

static struct opts parsed(const char *command, const char *line)
{
	struct nerr err = NERR_INIT;
	struct opts o;

	if (parse(command, line, &o, &err) < 0)
		fail_msg("%s: %s", line, err.msg);
	return o;
}

static void refused(const char *command, const char *line, const char *msg)
{
	struct nerr err = NERR_INIT;
	struct opts o;

	assert_int_equal(parse(command, line, &o, &err), -EINVAL);
	assert_string_equal(err.msg, msg);
}

static void words_are(const struct opts *o, const char *want)
{
	char got[512] = "";

	for (int i = 0; i < o->n_args; i++) {
		const size_t len = strlen(got);

		(void)snprintf(got + len, sizeof(got) - len, "%s%s", i ? " " : "", o->args[i]);
	}
	assert_string_equal(got, want);
	assert_null(o->args[o->n_args]);
}

static void options_end_at_the_command(void **state)
{
	struct opts o;

	(void)state;
	o = parsed("", "--keep -v -- ls --json -v");
	assert_true(o.keep && o.verbose && o.ended && !o.json);
	words_are(&o, "ls --json -v");
	o = parsed("", "--name a ls --keep -- x");
	assert_false(o.keep);
	words_are(&o, "ls --keep -- x");
	o = parsed("", "-- -v");
	assert_false(o.verbose);
	words_are(&o, "-v");
	o = parsed("", "-- -- x");
	words_are(&o, "-- x");
	o = parsed("", "");
	words_are(&o, "");
}

static void values_come_in_three_forms(void **state)
{
	struct opts o = parsed("", "-p 1:2 -p3:4 --publish 5:6 --publish=7:8 --dns=-x -- true");

	(void)state;
	assert_int_equal(o.publish.n, 4);
	assert_string_equal(o.publish.v[0], "1:2");
	assert_string_equal(o.publish.v[1], "3:4");
	assert_string_equal(o.publish.v[2], "5:6");
	assert_string_equal(o.publish.v[3], "7:8");
	assert_string_equal(o.dns.v[0], "-x");
	words_are(&o, "true");
}

static void names_and_options_mix_where_no_command_follows(void **state)
{
	struct opts o = parsed("rm", "a -f b --all");

	(void)state;
	assert_true(o.force && o.all);
	words_are(&o, "a b");
	o = parsed("rm", "-af -- -x");
	assert_true(o.force && o.all);
	words_are(&o, "-x");
	o = parsed("exec", "web -- ls -v");
	words_are(&o, "web ls -v");
	o = parsed("exec", "web ls -v --");
	words_are(&o, "web ls -v --");
	o = parsed("exec", "web -h");
	assert_true(o.help);
}

static void wrong_options_are_named(void **state)
{
	(void)state;
	refused("", "--no-such-option", "unknown option '--no-such-option'");
	refused("", "--no-such=x", "unknown option '--no-such'");
	refused("", "--nam x", "unknown option '--nam'");
	refused("", "-vx", "unknown option '-x'");
	refused("ls", "--keep", "unknown option '--keep'");
	refused("", "--json", "unknown option '--json'");
	refused("", "--keep=1", "option '--keep' takes no argument, got '1'");
	refused("", "--name", "option '--name' needs an argument");
	refused("", "-p", "option '-p' needs an argument");
	refused("", "--name=", "option '--name' needs an argument, got ''");
	refused("", "--name a --name b", "option '--name' is given twice");
}

static void repetition_has_a_bound(void **state)
{
	static char *argv[2 * (OPTS_REPEAT_MAX + 1) + 1];
	static char option[] = "--ip";
	static char value[] = "10.0.0.1";
	struct nerr err = NERR_INIT;
	struct opts o;

	(void)state;
	for (size_t i = 0; i <= OPTS_REPEAT_MAX; i++) {
		argv[2 * i] = option;
		argv[2 * i + 1] = value;
	}
	assert_int_equal(opts_parse(&commands[0], argv, &o, &err), -EINVAL);
	assert_string_equal(err.msg, "more than 256 options '--ip'");
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(options_end_at_the_command),
		cmocka_unit_test(values_come_in_three_forms),
		cmocka_unit_test(names_and_options_mix_where_no_command_follows),
		cmocka_unit_test(wrong_options_are_named),
		cmocka_unit_test(repetition_has_a_bound),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
