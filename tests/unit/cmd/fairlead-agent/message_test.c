/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cmd/fairlead-agent/message.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/error.h"

#define WAIT_MS  20000
#define SHORT_MS 1

#define META     "\"metadata\": \"{\\\"fairlead\\\":\\\"4-17\\\"}\""
#define OF_RUNC                                                                                    \
	"{\"ociVersion\":\"1.0.0\",\"pid\":17," META ",\"state\":{\"id\":\"web\",\"pid\":16}}"
#define OF_CRUN "{\n  " META ",\n  \"state\": {\n    \"id\": \"web\"\n  }\n}\n"

static int ends[2]; /* ours, the runtime's */

static int make_ends(void **state)
{
	(void)state;
	return socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends);
}

static int close_ends(void **state)
{
	(void)state;
	(void)close(ends[0]);
	if (ends[1] >= 0)
		(void)close(ends[1]);
	return 0;
}

static void hang_up(void)
{
	(void)close(ends[1]);
	ends[1] = -1;
}

/* As a runtime: with standard input for a listener. */
static void say(const char *text, size_t len, bool with_fd)
{
	union {
		struct cmsghdr hdr;
		char buf[CMSG_SPACE(sizeof(int))];
	} control = { .hdr = { .cmsg_len = CMSG_LEN(sizeof(int)),
			       .cmsg_level = SOL_SOCKET,
			       .cmsg_type = SCM_RIGHTS } };
	char bytes[512];
	struct iovec iov = { .iov_base = bytes, .iov_len = len };
	const struct msghdr msg = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = with_fd ? control.buf : NULL,
		.msg_controllen = with_fd ? sizeof(control.buf) : 0,
	};

	assert_true(len <= sizeof(bytes));
	memcpy(bytes, text, len);
	memcpy(CMSG_DATA(&control.hdr), &(int){ STDIN_FILENO }, sizeof(int));
	assert_int_equal(sendmsg(ends[1], &msg, MSG_NOSIGNAL), len);
}

static int read_it(unsigned int timeout_ms, struct message *m)
{
	struct nerr err = NERR_INIT;

	*m = MESSAGE_INIT;
	return message_read(ends[0], timeout_ms, m, &err);
}

static void check(int pid)
{
	struct message m;

	assert_int_equal(read_it(WAIT_MS, &m), 0);
	assert_true(m.listener >= 0);
	assert_int_equal(m.pid, pid);
	assert_string_equal(m.id, "web");
	assert_string_equal(m.key, "4-17");
	message_done(&m);
}

static void runc_hangs_up(void **state)
{
	(void)state;
	say(OF_RUNC, strlen(OF_RUNC), true);
	hang_up();
	check(17);
}

static void crun_waits_for_its_process(void **state)
{
	(void)state;
	say(OF_CRUN, strlen(OF_CRUN), true);
	check(0);
}

static void in_pieces(void **state)
{
	/* Behind a brace that is not the last one. */
	const size_t half = strlen(OF_RUNC) - 1;

	(void)state;
	say(OF_RUNC, half, true);
	assert_int_equal(OF_RUNC[half - 1], '}');
	say(&OF_RUNC[half], strlen(OF_RUNC) - half, false);
	check(17);
}

static void what_does_not_end(void **state)
{
	struct message m;

	(void)state;
	say(OF_RUNC, strlen(OF_RUNC) - 1, true);
	assert_int_equal(read_it(SHORT_MS, &m), -ETIMEDOUT);
	message_done(&m);
}

/* The descriptor comes with the first byte; without one nothing is whole before its end. */
static void what_has_no_descriptor(void **state)
{
	struct message m;

	(void)state;
	say(OF_RUNC, strlen(OF_RUNC), false);
	assert_int_equal(read_it(SHORT_MS, &m), -ETIMEDOUT);
	say(OF_RUNC, strlen(OF_RUNC), false);
	hang_up();
	assert_int_equal(read_it(WAIT_MS, &m), -EBADMSG);
}

static void what_is_not_for_us(void **state)
{
	static const char *const texts[] = {
		"",
		"{}",
		"hello",
		"{\"metadata\":\"x\",\"pid\":1}",
		"{\"metadata\":\"{}\",\"pid\":1}",
		"{\"metadata\":7}",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct message m;

		if (*texts[i])
			say(texts[i], strlen(texts[i]), true);
		hang_up();
		assert_true(read_it(WAIT_MS, &m) < 0);
		message_done(&m);
		assert_int_equal(close(ends[0]), 0);
		assert_int_equal(make_ends(NULL), 0);
	}
}

int main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, make_ends, close_ends)
	const struct CMUnitTest tests[] = {
		TEST(runc_hangs_up),     TEST(crun_waits_for_its_process), TEST(in_pieces),
		TEST(what_does_not_end), TEST(what_has_no_descriptor),     TEST(what_is_not_for_us),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
