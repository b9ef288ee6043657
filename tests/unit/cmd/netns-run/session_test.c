/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cmd/netns-run/session.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/str.h"

#define CONF "{\"cniVersion\":\"1.0.0\",\"name\":\"net1\",\"plugins\":[{\"type\":\"a\"}]}"

/* A session with everything in it. */
static void fill(struct session *s)
{
	static const char *command[] = { "sh", "-c", "echo \"\t\xc3\xbc\"" };
	struct session_net *net = &s->nets[0];

	*s = (struct session){ .phase = SESSION_RUNNING, .keep = true, .pid = 10, .guard_pid = 11 };
	s->is_user = true;
	s->mode = ATTACH_FULL;
	assert_int_equal(session_set_name(s, "web", NULL), 0);
	s->cni_path = "/a:/b";
	s->hostname = "host";
	s->created = 1234567890;
	s->command = (struct json_strings){ command, ARRAY_SIZE(command) };
	assert_int_equal(cni_conflist_parse(CONF, strlen(CONF), &net->list, NULL), 0);
	assert_int_equal(str_copy(net->ifname, sizeof(net->ifname), "eth0"), 0);
	net->args[0] = (struct cni_pair){ "IP", "10.0.0.1" };
	net->n_args = 1;
	net->caps[0] = (struct cni_capability){ "mac", "\"02:00:00:00:00:01\"" };
	net->n_caps = 1;
	net->result = "{\"cniVersion\":\"1.0.0\"}";
	s->n_nets = 1;
}

static void what_is_printed_is_read_back(void **state)
{
	CLEANUP(session_done) struct session s;
	CLEANUP(session_done) struct session got = { .name = NULL };
	CLEANUP(strbuf_done) struct strbuf text = STRBUF_INIT;
	CLEANUP(strbuf_done) struct strbuf again = STRBUF_INIT;
	struct nerr err = NERR_INIT;

	(void)state;
	fill(&s);
	assert_int_equal(session_print(&s, &text, &err), 0);
	if (session_parse(text.s, text.len, &got, &err) < 0)
		fail_msg("%s", err.msg);
	assert_int_equal(got.phase, SESSION_RUNNING);
	assert_string_equal(got.name, "web");
	assert_string_equal(got.netns, "/run/netns/web");
	assert_true(got.keep);
	assert_true(got.is_user);
	assert_int_equal(got.mode, ATTACH_FULL);
	assert_int_equal(got.pid, 10);
	assert_int_equal(got.command.n, 3);
	assert_string_equal(got.command.v[2], s.command.v[2]);
	assert_int_equal(got.n_nets, 1);
	assert_true(got.nets[0].up);
	assert_string_equal(got.nets[0].list->name, "net1");
	assert_string_equal(got.nets[0].args[0].value, "10.0.0.1");
	assert_string_equal(got.nets[0].caps[0].json, "\"02:00:00:00:00:01\"");
	assert_int_equal(session_print(&got, &again, &err), 0);
	assert_string_equal(text.s, again.s);
}

/* Every prefix of a good file is refused, and what was read of it is freed. */
static void truncation_is_refused(void **state)
{
	CLEANUP(session_done) struct session s;
	CLEANUP(strbuf_done) struct strbuf text = STRBUF_INIT;

	(void)state;
	fill(&s);
	assert_int_equal(session_print(&s, &text, NULL), 0);
	for (size_t n = 0; n < text.len; n++) {
		CLEANUP(session_done) struct session got = { .name = NULL };

		assert_true(session_parse(text.s, n, &got, NULL) < 0);
	}
}

static void refused(const char *from, const char *to, const char *msg)
{
	CLEANUP(session_done) struct session s;
	CLEANUP(session_done) struct session got = { .name = NULL };
	CLEANUP(strbuf_done) struct strbuf text = STRBUF_INIT;
	CLEANUP(strbuf_done) struct strbuf changed = STRBUF_INIT;
	struct nerr err = NERR_INIT;
	const char *at;

	fill(&s);
	assert_int_equal(session_print(&s, &text, NULL), 0);
	at = strstr(text.s, from);
	assert_non_null(at);
	strbuf_add_mem(&changed, text.s, (size_t)(at - text.s));
	strbuf_add(&changed, to);
	strbuf_add(&changed, at + strlen(from));
	assert_true(session_parse(changed.s, changed.len, &got, &err) < 0);
	assert_string_equal(err.msg, msg);
}

static void a_file_that_is_not_ours_is_refused(void **state)
{
	(void)state;
	refused("\"format\":1", "\"format\":2", "key 'format' must be between 1 and 1, got 2");
	refused("\"running\"", "\"walking\"", "key 'phase': unknown phase 'walking'");
	refused("\"name\":\"web\"", "\"name\":\"../x\"", "session '../x' is not one of ours");
	refused("\"ifname\":\"eth0\"", "\"ifname\":\"0123456789abcdef\"",
		"network of interface '0123456789abcdef' is not one of ours");
	refused("{\\\"type\\\":\\\"a\\\"}", "", "no plugins in list");
}

static void names_follow_the_rule(void **state)
{
	static const char *const good[] = { "a", "9", "a.b-c_D", NULL };
	static const char *const bad[] = {
		"", ".", "..", "-a", "_a", "a/b", "a b", "\xc3\xbc", NULL
	};
	char longest[SESSION_NAME_MAX + 2];

	(void)state;
	for (size_t i = 0; good[i]; i++)
		assert_true(session_name_is_valid(good[i]));
	for (size_t i = 0; bad[i]; i++)
		assert_false(session_name_is_valid(bad[i]));
	memset(longest, 'x', sizeof(longest));
	longest[SESSION_NAME_MAX + 1] = '\0';
	assert_false(session_name_is_valid(longest));
	longest[SESSION_NAME_MAX] = '\0';
	assert_true(session_name_is_valid(longest));
}

static void the_name_is_in_the_id(void **state)
{
	static const char *const bad[] = {
		"",
		"netns-run-",
		"netns-run-12345678",
		"netns-run--12345678",
		"netns-run-web-1234567",
		"netns-run-web-1234567g",
		"netns-run-web-12345678 ",
		"netns-run-.x-12345678",
		"other-web-12345678",
		NULL,
	};
	char name[SESSION_NAME_MAX + 1];
	struct session a = { .name = NULL };
	struct session b = { .name = NULL };

	(void)state;
	assert_int_equal(session_set_name(&a, "a-b", NULL), 0);
	assert_int_equal(session_set_name(&b, "a-b", NULL), 0);
	assert_string_not_equal(a.id, b.id);
	assert_int_equal(session_name_of_id(a.id, name), 0);
	assert_string_equal(name, "a-b");
	for (size_t i = 0; bad[i]; i++)
		if (session_name_of_id(bad[i], name) != -EINVAL)
			fail_msg("'%s' was taken", bad[i]);
	/* A name that is made up is a name. */
	assert_int_equal(session_set_name(&b, NULL, NULL), 0);
	assert_true(session_name_is_valid(b.name));
	assert_int_equal(session_name_of_id(b.id, name), 0);
	assert_string_equal(name, b.name);
	session_done(&a);
	session_done(&b);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_printed_is_read_back),
		cmocka_unit_test(truncation_is_refused),
		cmocka_unit_test(a_file_that_is_not_ours_is_refused),
		cmocka_unit_test(names_follow_the_rule),
		cmocka_unit_test(the_name_is_in_the_id),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
