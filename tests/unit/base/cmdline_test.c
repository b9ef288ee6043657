/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/cmdline.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/error.h"

enum {
	LIST = 1,
	COPY = 2
};

struct values {
	bool all;
	bool verbose;
	const char *file;
	uint32_t count;
	unsigned int n_dirs;
	const char *dir[4];
};

static int set_dir(const struct cmdline_option *opt, void *opts, const char *value,
		   struct nerr *err)
{
	struct values *v = opts;

	if (strcmp(value, "bad") == 0)
		return nerr_set(err, -EINVAL, "option '--%s': '%s'", opt->name, value);
	v->dir[v->n_dirs++] = value;
	return 0;
}

/* clang-format off */
static const struct cmdline_option options[] = {
	{ "all", 'a', LIST, NULL, "all of them", NULL, offsetof(struct values, all), 0, false },
	{ "verbose", 'v', LIST | COPY, NULL, "say more", NULL, offsetof(struct values, verbose), 0, false },
	{ "file", 'f', LIST | COPY, "FILE", "to read,\nor - for none", NULL, offsetof(struct values, file), 0, true },
	{ "count", 0, COPY, "N", "how many", NULL, offsetof(struct values, count), 10, false },
	{ "dir", 'd', COPY, "DIRECTORY-WITH-A-LONG-NAME", "where", set_dir, 0, 0, false },
};
/* clang-format on */

#define WORDS_MAX 8

/* What @words lead to. */
static int parse(unsigned int commands, struct values *v, struct nerr *err,
		 const char *const words[WORDS_MAX])
{
	struct cmdline cl = { options, ARRAY_SIZE(options), commands, v, 0 };
	char *copy[WORDS_MAX];
	int r = 0;

	memcpy(copy, words, sizeof(copy));
	*v = (struct values){ .n_dirs = 0 };
	for (char **argv = copy; r == 0 && *argv; argv++) {
		assert_true(cmdline_is_option(*argv));
		r = cmdline_option(&cl, &argv, err);
	}
	return r;
}

#define PARSE(commands, v, err, ...)                                                               \
	parse(commands, v, err, (const char *const[WORDS_MAX]){ __VA_ARGS__ })

static void test_what_is_an_option(void **state)
{
	(void)state;
	assert_true(cmdline_is_option("-a"));
	assert_true(cmdline_is_option("--all"));
	assert_true(cmdline_is_option("---"));
	assert_false(cmdline_is_option("-"));
	assert_false(cmdline_is_option("--"));
	assert_false(cmdline_is_option("a"));
	assert_false(cmdline_is_option(""));
}

static void test_all_ways_of_writing(void **state)
{
	struct nerr err = NERR_INIT;
	struct values v;

	(void)state;
	assert_int_equal(PARSE(LIST, &v, &err, "--all", "--file", "x"), 0);
	assert_true(v.all && !v.verbose);
	assert_string_equal(v.file, "x");
	assert_int_equal(PARSE(LIST, &v, &err, "--file=a=b"), 0);
	assert_string_equal(v.file, "a=b");
	assert_int_equal(PARSE(LIST, &v, &err, "-avfx"), 0);
	assert_true(v.all && v.verbose);
	assert_string_equal(v.file, "x");
	assert_int_equal(PARSE(LIST, &v, &err, "-f", "--all"), 0);
	assert_string_equal(v.file, "--all");
	assert_false(v.all);
	assert_int_equal(PARSE(COPY, &v, &err, "-da", "--dir=b", "-d", "c", "--count", "10"), 0);
	assert_int_equal(v.n_dirs, 3);
	assert_string_equal(v.dir[0], "a");
	assert_string_equal(v.dir[1], "b");
	assert_string_equal(v.dir[2], "c");
	assert_int_equal(v.count, 10);
}

#define REFUSED(commands, msg_, ...)                                                               \
	do {                                                                                       \
		struct nerr err = NERR_INIT;                                                       \
		struct values v;                                                                   \
                                                                                                   \
		assert_int_equal(PARSE(commands, &v, &err, __VA_ARGS__), -EINVAL);                 \
		assert_string_equal(err.msg, msg_);                                                \
	} while (0)

static void test_what_is_refused(void **state)
{
	(void)state;
	REFUSED(LIST, "unknown option '--al'", "--al");
	REFUSED(LIST, "unknown option '--alll'", "--alll=1");
	REFUSED(LIST, "unknown option '-x'", "-ax");
	REFUSED(COPY, "unknown option '--all'", "--all"); /* not this command's */
	REFUSED(COPY, "unknown option '-a'", "-a");
	REFUSED(LIST, "option '--all' takes no argument, got '1'", "--all=1");
	REFUSED(LIST, "option '--all' takes no argument, got ''", "--all=");
	REFUSED(LIST, "option '--file' needs an argument", "--file");
	REFUSED(LIST, "option '-f' needs an argument", "-af");
	REFUSED(LIST, "option '--file' needs an argument, got ''", "--file=");
	REFUSED(LIST, "option '--file' needs an argument, got ''", "--file", "");
	REFUSED(LIST, "option '--file' is given twice", "-fa", "--file=b");
	REFUSED(COPY, "option '--count' wants a number from 1 to 10, got '0'", "--count=0");
	REFUSED(COPY, "option '--count' wants a number from 1 to 10, got '11'", "--count=11");
	REFUSED(COPY, "option '--count' wants a number from 1 to 10, got '1x'", "--count=1x");
	REFUSED(COPY, "option '--dir': 'bad'", "--dir=bad");
}

static void test_find(void **state)
{
	const struct cmdline cl = { options, ARRAY_SIZE(options), COPY, NULL, 0 };

	(void)state;
	assert_ptr_equal(cmdline_find(&cl, "dir"), &options[4]);
	assert_null(cmdline_find(&cl, "di"));
	assert_null(cmdline_find(&cl, "all"));
}

static void test_help(void **state)
{
	static const char want[] = "  -v, --verbose     say more\n"
				   "  -f, --file FILE   to read,\n"
				   "                    or - for none\n"
				   "      --count N     how many\n"
				   "  -d, --dir DIRECTORY-WITH-A-LONG-NAME\n"
				   "                    where\n";
	cleanup_close int saved = dup(STDOUT_FILENO);
	char got[512] = "";
	int fds[2];

	(void)state;
	assert_true(saved >= 0);
	assert_int_equal(pipe(fds), 0);
	(void)fflush(stdout); /* what the test runner has to say */
	assert_int_equal(dup2(fds[1], STDOUT_FILENO), STDOUT_FILENO);
	cmdline_print_options(options, ARRAY_SIZE(options), COPY, 20);
	assert_int_equal(fflush(stdout), 0);
	assert_int_equal(dup2(saved, STDOUT_FILENO), STDOUT_FILENO);
	(void)close(fds[1]); /* a pipe */
	assert_true(read(fds[0], got, sizeof(got) - 1) > 0);
	(void)close(fds[0]); /* likewise */
	assert_string_equal(got, want);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_is_an_option),
		cmocka_unit_test(test_all_ways_of_writing),
		cmocka_unit_test(test_what_is_refused),
		cmocka_unit_test(test_find),
		cmocka_unit_test(test_help),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
