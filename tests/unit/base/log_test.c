/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static char got[2 * LOG_LINE_LEN];

/* What @fn writes to standard error, into got[]. */
static void catch_stderr(void (*fn)(void))
{
	const int saved = dup(STDERR_FILENO);
	ssize_t n;
	int fd[2];

	assert_true(saved >= 0);
	assert_int_equal(pipe2(fd, O_CLOEXEC), 0); /* holds more than got[] does */
	assert_int_equal(dup2(fd[1], STDERR_FILENO), STDERR_FILENO);
	(void)close(fd[1]);
	fn();
	assert_int_equal(dup2(saved, STDERR_FILENO), STDERR_FILENO);
	(void)close(saved);
	n = read(fd[0], got, sizeof(got) - 1);
	assert_true(n >= 0);
	got[n] = '\0';
	(void)close(fd[0]);
}

static void one_of_each(void)
{
	errno = ENOENT;
	log_err("cannot open '%s': %m", "/x");
	assert_int_equal(errno, ENOENT);
	log_warn("careful: %m");
	log_info("started %d", 1);
	log_debug("detail");
	assert_int_equal(errno, ENOENT);
}

static void levels_choose_what_is_printed(void **state)
{
	(void)state;
	log_set_name("/usr/bin/netns-run");
	catch_stderr(one_of_each);
	assert_string_equal(got, "netns-run: cannot open '/x': No such file or directory\n"
				 "netns-run: warning: careful: No such file or directory\n");
	log_set_level(LOG_LEVEL_ERR);
	catch_stderr(one_of_each);
	assert_string_equal(got, "netns-run: cannot open '/x': No such file or directory\n");
	log_set_level(LOG_LEVEL_INFO);
	catch_stderr(one_of_each);
	assert_non_null(strstr(got, "\nnetns-run: started 1\n"));
	assert_null(strstr(got, "detail"));
	log_set_level(LOG_LEVEL_DEBUG);
	catch_stderr(one_of_each);
	assert_non_null(strstr(got, "\nnetns-run: debug: detail\n"));
}

static void print_control_characters(void)
{
	log_err("a\nb\x1b[31mc\x7f%s", "\r\td\xc3\xbc");
}

static void control_characters_are_shown_as_question_marks(void **state)
{
	(void)state;
	log_set_name("x");
	catch_stderr(print_control_characters);
	assert_string_equal(got, "x: a?b?[31mc???d\xc3\xbc\n");
}

static int text_len;

static void print_long_text(void)
{
	log_err("%0*d", text_len, 7);
}

static void long_lines_are_cut(void **state)
{
	const int room = LOG_LINE_LEN - 2 - 3; /* without newline, NUL and "x: " */

	(void)state;
	log_set_name("x");
	text_len = room;
	catch_stderr(print_long_text);
	assert_int_equal(strlen(got), LOG_LINE_LEN - 1);
	assert_string_equal(got + LOG_LINE_LEN - 3, "7\n");
	text_len = room + 1;
	catch_stderr(print_long_text);
	assert_int_equal(strlen(got), LOG_LINE_LEN - 1);
	assert_string_equal(got + LOG_LINE_LEN - 6, "0...\n");
	text_len = 100 * LOG_LINE_LEN;
	catch_stderr(print_long_text);
	assert_int_equal(strlen(got), LOG_LINE_LEN - 1);
	assert_string_equal(got + LOG_LINE_LEN - 6, "0...\n");
}

static void print_with_a_long_name(void)
{
	log_warn("text");
}

static void a_long_name_leaves_one_line(void **state)
{
	static char name[3 * LOG_LINE_LEN];

	(void)state;
	memset(name, 'n', sizeof(name) - 1);
	log_set_name(name);
	catch_stderr(print_with_a_long_name);
	assert_int_equal(strlen(got), LOG_LINE_LEN - 1);
	assert_string_equal(got + LOG_LINE_LEN - 6, "n...\n");
	log_set_name("x");
}

/* As a service manager: where standard error goes is in the environment. */
static void print_as_a_service(void)
{
	char stream[64];
	struct stat st;

	assert_int_equal(fstat(STDERR_FILENO, &st), 0);
	(void)snprintf(stream, sizeof(stream), "%ju:%ju", (uintmax_t)st.st_dev,
		       (uintmax_t)st.st_ino);
	assert_int_equal(setenv("JOURNAL_STREAM", stream, 1), 0);
	log_know_journal();
	log_set_level(LOG_LEVEL_DEBUG);
	one_of_each();
}

static void the_journal_is_told_the_level(void **state)
{
	(void)state;
	catch_stderr(print_as_a_service);
	assert_string_equal(got, "<3>cannot open '/x': No such file or directory\n"
				 "<4>careful: No such file or directory\n"
				 "<6>started 1\n"
				 "<7>detail\n");
	assert_string_equal(log_journal_prefix(LOG_LEVEL_WARN), "<4>");
}

static void another_streams_journal_is_not_ours(void **state)
{
	static const char *const streams[] = { "1:1", "", "x" };

	(void)state;
	for (size_t i = 0; i < sizeof(streams) / sizeof(streams[0]); i++) {
		assert_int_equal(setenv("JOURNAL_STREAM", streams[i], 1), 0);
		log_know_journal();
		assert_string_equal(log_journal_prefix(LOG_LEVEL_ERR), "");
	}
	assert_int_equal(unsetenv("JOURNAL_STREAM"), 0);
	log_know_journal();
	catch_stderr(print_control_characters);
	assert_string_equal(got, "x: a?b?[31mc???d\xc3\xbc\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(levels_choose_what_is_printed),
		cmocka_unit_test(control_characters_are_shown_as_question_marks),
		cmocka_unit_test(long_lines_are_cut),
		cmocka_unit_test(a_long_name_leaves_one_line),
		cmocka_unit_test(the_journal_is_told_the_level),
		cmocka_unit_test(another_streams_journal_is_not_ours),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
