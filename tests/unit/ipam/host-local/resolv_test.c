/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "base/fd.h"
#include "cni/result.h"
#include "ipam/host-local/resolv_priv.h"

static int read_text(const char *text, struct arena *arena, struct cni_dns *ret)
{
	char path[] = "/tmp/host_local_resolv.XXXXXX";
	cleanup_close int fd = mkostemp(path, O_CLOEXEC);
	struct nerr err = NERR_INIT;
	int r;

	assert_true(fd >= 0);
	assert_int_equal(fd_write_all(fd, text, strlen(text)), 0);
	r = hl_resolv_read(path, arena, ret, &err);
	assert_int_equal(unlink(path), 0);
	return r;
}

static void assert_list(const struct json_strings *s, const char *want)
{
	char text[256] = "";
	size_t used = 0;

	for (size_t i = 0; i < s->n; i++)
		used += (size_t)snprintf(text + used, sizeof(text) - used, "[%s]", s->v[i]);
	assert_string_equal(text, want);
}

static void all_keywords_are_read(void **state)
{
	CLEANUP(arena_done) struct arena arena = ARENA_INIT;
	struct cni_dns dns = { .domain = NULL };

	(void)state;
	assert_int_equal(read_text("# comment\n"
				   "nameserver 1.1.1.1\n"
				   "\t nameserver\t2.2.2.2 ignored\r\n"
				   ";nameserver 9.9.9.9\n"
				   "domain a.example\n"
				   "domain b.example\n"
				   "search x y\n"
				   "search z\n"
				   "options ndots:5 rotate\n"
				   "options\n"
				   "nameserver\n"
				   "\n"
				   "sortlist 10.0.0.0\n"
				   "nameserver fd00::1",
				   &arena, &dns),
			 0);
	assert_list(&dns.nameservers, "[1.1.1.1][2.2.2.2][fd00::1]");
	assert_string_equal(dns.domain, "b.example");
	assert_list(&dns.search, "[x][y][z]");
	assert_list(&dns.options, "[ndots:5][rotate]");
}

static void an_empty_file_sets_nothing(void **state)
{
	CLEANUP(arena_done) struct arena arena = ARENA_INIT;
	struct cni_dns dns = { .domain = "x" };

	(void)state;
	assert_int_equal(read_text("", &arena, &dns), 0);
	assert_false(cni_dns_is_set(&dns));
}

static void what_cannot_be_read_is_named_as_go_names_it(void **state)
{
	CLEANUP(arena_done) struct arena arena = ARENA_INIT;
	struct cni_dns dns = { .domain = "untouched" };
	struct nerr err = NERR_INIT;

	(void)state;
	assert_int_equal(hl_resolv_read("/nope", &arena, &dns, &err), -ENOENT);
	assert_string_equal(err.msg, "open /nope: no such file or directory");
	assert_int_equal(hl_resolv_read("/etc", &arena, &dns, &err), -EISDIR);
	assert_string_equal(err.msg, "read /etc: is a directory");
	assert_int_equal(hl_resolv_read("/dev/zero", &arena, &dns, &err), -EFBIG);
	assert_string_equal(err.msg, "read /dev/zero: file too large");
	assert_string_equal(dns.domain, "untouched");
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_keywords_are_read),
		cmocka_unit_test(an_empty_file_sets_nothing),
		cmocka_unit_test(what_cannot_be_read_is_named_as_go_names_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
