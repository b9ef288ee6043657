/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "dbus/address_priv.h"

/* What a list holds, "@" for the NUL of an abstract name, " " between. */
static const char *all_of(const char *list)
{
	static char text[1024];
	struct sockaddr_un sun;
	socklen_t len;
	size_t n = 0;

	text[0] = '\0';
	while (dbus_address_next(&list, &sun, &len)) {
		const bool path = sun.sun_path[0] != '\0';
		const char *name = sun.sun_path + (path ? 0 : 1);

		assert_int_equal(sun.sun_family, AF_UNIX);
		/* With its NUL a path, without one an abstract name. */
		assert_int_equal(len, offsetof(struct sockaddr_un, sun_path) + 1 + strlen(name));
		n += (size_t)snprintf(text + n, sizeof(text) - n, "%s%s%s", n ? " " : "",
				      path ? "" : "@", name);
		assert_true(n < sizeof(text));
	}
	assert_string_equal(list, "");
	return text;
}

static void lists(void **state)
{
	static const struct {
		const char *list;
		const char *want;
	} cases[] = {
		{ "", "" },
		{ "unix:path=/run/x", "/run/x" },
		{ "unix:abstract=/tmp/y", "@/tmp/y" },
		{ "unix:path=/a;unix:path=/b", "/a /b" },
		{ "unix:path=/a;;unix:abstract=b;", "/a @b" },
		{ "unix:path=/a,guid=0123", "/a" },
		{ "unix:guid=0123,path=/a", "/a" },
		{ "unix:path=/a%20b%2c%3B", "/a b,;" },
		{ "unix:path=/-_.\\*09AZaz", "/-_.\\*09AZaz" },
		{ "tcp:host=127.0.0.1,port=1;unix:path=/b", "/b" },
		{ "unixexec:path=/bin/sh;unix:path=/b", "/b" },
		/* what is no address is passed over */
		{ "unix:;unix:path=/b", "/b" },
		{ "unix:path=;unix:path=/b", "/b" },
		{ "unix:path;unix:path=/b", "/b" },
		{ "unix:tmpdir=/tmp", "" },
		{ "unix:pathology=/a", "" },
		{ "unix:path=/a,path=/b", "" },
		{ "unix:path=/a,abstract=/b", "" },
		{ "unix:path=/a b", "" },
		{ "unix:path=/a%2", "" },
		{ "unix:path=/a%", "" },
		{ "unix:path=/a%zz", "" },
		{ "unix:path=/a%2g", "" },
		{ "unix:path=/a%00b", "" },
		{ "unix", "" },
		{ ":;=,", "" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		if (strcmp(all_of(cases[i].list), cases[i].want) != 0)
			fail_msg("'%s' gives '%s'", cases[i].list, all_of(cases[i].list));
}

/* 108 bytes with the NUL; an abstract name has one byte less at its beginning. */
static void names_of_any_length(void **state)
{
	char list[256];
	char name[200];

	(void)state;
	for (size_t n = 1; n < 150; n++) {
		memset(name, 'x', n);
		name[n] = '\0';
		(void)snprintf(list, sizeof(list), "unix:path=%s", name);
		assert_string_equal(all_of(list), n < 108 ? name : "");
		(void)snprintf(list, sizeof(list), "unix:abstract=%s", name);
		assert_int_equal(strlen(all_of(list)), n < 107 ? n + 1 : 0);
	}
}

/* --- connecting --- */

/* A socket that listens on an abstract name of this process; @ret gets its address. */
static int listen_on(const char *name, int backlog, char *ret, size_t size)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	int n = snprintf(sun.sun_path + 1, sizeof(sun.sun_path) - 1, "fairlead-test-%d-%s",
			 (int)getpid(), name);

	assert_true(fd >= 0 && n > 0);
	assert_return_code(
		bind(fd, (struct sockaddr *)&sun,
		     (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)n)),
		errno);
	assert_return_code(listen(fd, backlog), errno);
	(void)snprintf(ret, size, "unix:abstract=%s", sun.sun_path + 1);
	return fd;
}

static void the_first_that_answers(void **state)
{
	char address[128];
	char list[256];
	int server = listen_on("first", 5, address, sizeof(address));
	struct nerr err;
	int fd = -1;
	int peer;

	(void)state;
	(void)snprintf(list, sizeof(list), "unix:path=/nonexistent/bus;%s", address);
	assert_int_equal(dbus_address_connect(list, 1000, &fd, &err), 0);
	peer = accept(server, NULL, NULL);
	assert_return_code(peer, errno);
	assert_int_equal(write(fd, "x", 1), 1);
	(void)close(fd);
	(void)close(peer);
	(void)close(server);
}

static void nobody_there(void **state)
{
	char address[128];
	struct nerr err;
	int fd = -5;

	(void)state;
	assert_int_equal(dbus_address_connect("unix:path=/nonexistent/bus", 1000, &fd, &err),
			 -ENOENT);
	assert_string_equal(err.msg, "cannot connect to D-Bus at '/nonexistent/bus': "
				     "No such file or directory");
	assert_int_equal(dbus_address_connect("tcp:host=localhost", 1000, &fd, &err),
			 -EPROTONOSUPPORT);
	assert_string_equal(err.msg, "no address of D-Bus in 'tcp:host=localhost' can be used");
	(void)close(listen_on("gone", 5, address, sizeof(address)));
	assert_int_equal(dbus_address_connect(address, 1000, &fd, &err), -ECONNREFUSED);
	assert_non_null(strstr(err.msg, "at '@fairlead-test-"));
	assert_int_equal(fd, -5);
}

/* The queue is full and nobody accepts. */
static void a_bus_that_hangs(void **state)
{
	char address[128];
	int server = listen_on("hangs", 0, address, sizeof(address));
	struct nerr err;
	int queued;
	int fd = -5;

	(void)state;
	assert_int_equal(dbus_address_connect(address, 1000, &queued, &err), 0);
	assert_int_equal(dbus_address_connect(address, 30, &fd, &err), -ETIMEDOUT);
	assert_non_null(strstr(err.msg, "Connection timed out"));
	assert_int_equal(dbus_address_connect(address, 0, &fd, &err), -ETIMEDOUT);
	assert_int_equal(fd, -5);
	(void)close(queued);
	(void)close(server);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lists),
		cmocka_unit_test(names_of_any_length),
		cmocka_unit_test(the_first_that_answers),
		cmocka_unit_test(nobody_there),
		cmocka_unit_test(a_bus_that_hangs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
