/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cni/conflist.h"

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
#include "tests/unit/cni/tempdir.h"

DEFINE_CLEANUP(struct cni_conflist *, cni_conflist_free);

static struct cni_conflist *parsed(const char *text)
{
	struct cni_conflist *list = NULL;
	struct nerr err = NERR_INIT;

	if (cni_conflist_parse(text, strlen(text), &list, &err) < 0)
		fail_msg("%s: %s", text, err.msg);
	return list;
}

static void refused(const char *text, const char *msg)
{
	struct cni_conflist *list = NULL;
	struct nerr err = NERR_INIT;

	assert_true(cni_conflist_parse(text, strlen(text), &list, &err) < 0);
	assert_null(list);
	assert_string_equal(err.msg, msg);
}

static void has_version(const char *keys, const char *want)
{
	CLEANUP(strbuf_done) struct strbuf text = STRBUF_INIT;
	CLEANUP(cni_conflist_freep) struct cni_conflist *list = NULL;

	strbuf_addf(&text, "{\"name\":\"n\",%s\"plugins\":[{\"type\":\"a\"}]}", keys);
	list = parsed(text.s);
	assert_string_equal(list->version, want);
}

/* --- reading --- */

static void a_list_has_its_plugins_in_order(void **state)
{
	CLEANUP(cni_conflist_freep)
	struct cni_conflist *list = parsed(
		"{\"cniVersion\":\"0.4.0\",\"name\":\"net1\",\"disableCheck\":true,\"plugins\":["
		"{\"type\":\"bridge\",\"name\":\"own\"},{\"type\":\"portmap\"}]}");

	(void)state;
	assert_string_equal(list->name, "net1");
	assert_string_equal(list->version, "0.4.0");
	assert_true(list->disable_check);
	assert_false(list->disable_gc);
	assert_int_equal(list->n_plugins, 2);
	assert_string_equal(list->plugins[0].type, "bridge");
	assert_string_equal(list->plugins[0].name, "own");
	assert_string_equal(list->plugins[1].type, "portmap");
	assert_string_equal(list->plugins[1].name, "");
}

static void a_single_plugin_is_a_list_of_one(void **state)
{
	CLEANUP(cni_conflist_freep)
	struct cni_conflist *list = parsed(
		"{\"type\":\"bridge\",\"cniVersion\":\"0.3.1\",\"name\":\"x\",\"bridge\":\"br0\"}");

	(void)state;
	assert_int_equal(list->n_plugins, 1);
	assert_string_equal(list->version, "0.3.1");
	assert_string_equal(list->text,
			    "{\"cniVersion\":\"0.3.1\",\"name\":\"x\",\"plugins\":["
			    "{\"bridge\":\"br0\",\"cniVersion\":\"0.3.1\",\"name\":\"x\","
			    "\"type\":\"bridge\"}]}");
}

static void the_highest_version_we_know_is_chosen(void **state)
{
	(void)state;
	has_version("", "");
	has_version("\"cniVersion\":\"0.4.0\",", "0.4.0");
	/* Without a choice there is none to make, even where no plugin will take it. */
	has_version("\"cniVersion\":\"9.0.0\",", "9.0.0");
	has_version("\"cniVersions\":[\"0.3.1\",\"1.0.0\",\"0.4.0\"],", "1.0.0");
	has_version("\"cniVersions\":[\"1.1.0\",\"1.2.0\",\"2.0.0\"],", "1.1.0");
	has_version("\"cniVersions\":[\"1.2.0\"],\"cniVersion\":\"1.0.0\",", "1.0.0");
	has_version("\"cniVersions\":[\"0.4.0\"],\"cniVersion\":\"1.0.0\",", "1.0.0");
	has_version("\"cniVersions\":[\"0.4.0\"],\"cniVersion\":\"9.9.9\",", "0.4.0");
	has_version("\"cniVersions\":[\"9.0.0\"],", "");
	has_version("\"cniVersions\":[],\"cniVersion\":\"1.0.0\",", "1.0.0");
}

static void switches_are_booleans_or_their_text(void **state)
{
	static const char *const forms[] = { "true", "\"true\"", "\"TRUE\"" };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(forms); i++) {
		CLEANUP(strbuf_done) struct strbuf text = STRBUF_INIT;
		CLEANUP(cni_conflist_freep) struct cni_conflist *list = NULL;

		strbuf_addf(&text, "{\"name\":\"n\",\"disableGC\":%s,\"type\":\"a\"}", forms[i]);
		list = parsed(text.s);
		assert_true(list->disable_gc);
	}
	refused("{\"name\":\"n\",\"disableGC\":\"yes\",\"type\":\"a\"}",
		"key 'disableGC' must be true or false, not 'yes'");
	refused("{\"name\":\"n\",\"disableCheck\":1,\"type\":\"a\"}",
		"key 'disableCheck' must be a boolean");
}

static void what_is_wrong_is_named(void **state)
{
	(void)state;
	refused("{\"plugins\":[{\"type\":\"a\"}]}", "missing network name");
	refused("{\"name\":\"a/b\",\"plugins\":[{\"type\":\"a\"}]}",
		"invalid characters found in network name 'a/b'");
	refused("{\"name\":\"n\"}", "neither 'plugins' nor 'type' is given");
	refused("{\"name\":\"n\",\"plugins\":[]}", "no plugins in list");
	refused("{\"name\":\"n\",\"plugins\":{}}", "key 'plugins' must be an array");
	refused("{\"name\":\"n\",\"plugins\":[{\"type\":\"a\"},7]}",
		"key 'plugins[1]' must be an object");
	refused("{\"name\":\"n\",\"plugins\":[{\"type\":\"../a\"}]}", "invalid plugin name: ../a");
	refused("{\"name\":\"n\",\"plugins\":[{\"type\":\"a\",\"capabilities\":[]}]}",
		"key 'plugins[0].capabilities' must be an object");
	refused("{\"name\":\"n\",\"type\":\"a\",\"capabilities\":{\"ips\":1}}",
		"key 'capabilities.ips' must be a boolean");
	refused("{\"name\":\"n\",\"loadOnlyInlinedPlugins\":true}",
		"'loadOnlyInlinedPlugins' is true, and no key 'plugins'");
	refused("{\"name\":\"n\",\"cniVersions\":[\"1.x\"],\"type\":\"a\"}",
		"version '1.x': failed to convert minor version part \"x\": strconv.Atoi: parsing \"x\": invalid syntax");
}

static void a_list_has_a_bound(void **state)
{
	CLEANUP(strbuf_done) struct strbuf text = STRBUF_INIT;

	(void)state;
	strbuf_add(&text, "{\"name\":\"n\",\"plugins\":[{\"type\":\"a\"}");
	for (int i = 0; i < CNI_CONF_PLUGINS_MAX; i++)
		strbuf_add(&text, ",{\"type\":\"a\"}");
	strbuf_add(&text, "]}");
	refused(text.s, "more than 64 plugins");
}

/* Every prefix of a good configuration is refused. */
static void truncation_is_refused(void **state)
{
	static const char text[] =
		"{\"cniVersion\":\"1.0.0\",\"name\":\"n\",\"plugins\":[{\"type\":\"a\","
		"\"capabilities\":{\"ips\":true}}]}";
	CLEANUP(cni_conflist_freep) struct cni_conflist *whole = parsed(text);

	(void)state;
	assert_non_null(whole);
	for (size_t n = 0; n < sizeof(text) - 1; n++) {
		struct cni_conflist *list = NULL;
		struct nerr err = NERR_INIT;

		assert_true(cni_conflist_parse(text, n, &list, &err) < 0);
		assert_null(list);
	}
}

/* --- requests --- */

static void asks(const struct cni_conflist *list, size_t i, const struct cni_request *req,
		 const char *want)
{
	CLEANUP(strbuf_done) struct strbuf got = STRBUF_INIT;
	struct nerr err = NERR_INIT;

	assert_int_equal(cni_conflist_request(list, i, req, &got, &err), 0);
	assert_string_equal(strbuf_text(&got), want);
}

static void a_request_has_name_and_version_of_the_list(void **state)
{
	CLEANUP(cni_conflist_freep)
	struct cni_conflist *list = parsed(
		"{\"cniVersion\":\"1.0.0\",\"name\":\"n\",\"plugins\":["
		"{\"type\":\"a\",\"name\":\"own\",\"cniVersion\":\"0.1.0\",\"x\":{\"b\":1,\"a\":2}},"
		"{\"type\":\"b\",\"NAME\":\"own\",\"CNIVersion\":\"0.1.0\",\"PrevResult\":1}]}");

	(void)state;
	asks(list, 0, &(struct cni_request){ 0 },
	     "{\"cniVersion\":\"1.0.0\",\"name\":\"n\",\"type\":\"a\",\"x\":{\"a\":2,\"b\":1}}");
	asks(list, 1, &(struct cni_request){ .prev_result = "{\"r\":1}" },
	     "{\"cniVersion\":\"1.0.0\",\"name\":\"n\",\"prevResult\":{\"r\":1},\"type\":\"b\"}");
}

static void capabilities_are_what_the_plugin_declares(void **state)
{
	CLEANUP(cni_conflist_freep)
	struct cni_conflist *list = parsed(
		"{\"name\":\"n\",\"plugins\":["
		"{\"type\":\"a\",\"capabilities\":{\"ips\":true,\"mac\":false,\"aliases\":true}},"
		"{\"type\":\"b\",\"capabilities\":{\"portMappings\":true,\"ips\":null}},"
		"{\"type\":\"c\"}]}");
	static const struct cni_capability caps[] = {
		{ "portMappings", "[{\"hostPort\":1}]" },
		{ "mac", "\"a\"" },
		{ "ips", "[\"10.0.0.1\"]" },
	};
	const struct cni_request req = { .caps = caps, .n_caps = ARRAY_SIZE(caps) };

	(void)state;
	asks(list, 0, &req,
	     "{\"capabilities\":{\"aliases\":true,\"ips\":true,\"mac\":false},\"cniVersion\":\"\","
	     "\"name\":\"n\",\"runtimeConfig\":{\"ips\":[\"10.0.0.1\"]},\"type\":\"a\"}");
	asks(list, 1, &req,
	     "{\"capabilities\":{\"ips\":null,\"portMappings\":true},\"cniVersion\":\"\","
	     "\"name\":\"n\",\"runtimeConfig\":{\"portMappings\":[{\"hostPort\":1}]},"
	     "\"type\":\"b\"}");
	asks(list, 2, &req, "{\"cniVersion\":\"\",\"name\":\"n\",\"type\":\"c\"}");
	assert_true(cni_conflist_can(list, -1, "portMappings"));
	assert_false(cni_conflist_can(list, 0, "portMappings"));
	assert_false(cni_conflist_can(list, -1, "mac"));
}

static void the_list_of_valid_attachments_has_both_names(void **state)
{
	CLEANUP(cni_conflist_freep)
	struct cni_conflist *list =
		parsed("{\"cniVersion\":\"1.1.0\",\"name\":\"n\",\"type\":\"a\"}");

	(void)state;
	asks(list, 0, &(struct cni_request){ .valid = "[]" },
	     "{\"cni.dev/attachments\":[],\"cni.dev/valid-attachments\":[],"
	     "\"cniVersion\":\"1.1.0\",\"name\":\"n\",\"type\":\"a\"}");
}

/* --- files --- */

static void finds(const char *name, const char *type)
{
	CLEANUP(cni_conflist_freep) struct cni_conflist *list = NULL;
	struct nerr err = NERR_INIT;

	if (cni_conflist_find(tempdir, name, &list, &err) < 0)
		fail_msg("%s", err.msg);
	assert_string_equal(list->plugins[0].type, type);
}

static void lists_come_before_single_plugins_in_order_of_names(void **state)
{
	(void)state;
	temp_write("20.conflist", "{\"name\":\"x\",\"plugins\":[{\"type\":\"b\"}]}", 0644);
	temp_write("10.conf", "{\"name\":\"x\",\"type\":\"single\"}", 0644);
	temp_write("30.json", "{\"name\":\"y\",\"type\":\"json\"}", 0644);
	temp_write("40.txt", "{\"name\":\"z\",\"type\":\"text\"}", 0644);
	finds("x", "b");
	finds("y", "json");
	temp_write("15.conflist", "{\"name\":\"x\",\"plugins\":[{\"type\":\"a\"}]}", 0644);
	finds("x", "a");
}

static void a_broken_file_hides_no_other(void **state)
{
	struct cni_conflist *list = NULL;
	struct nerr err = NERR_INIT;

	(void)state;
	temp_write("10.conflist", "{", 0644);
	temp_write("20.conflist", "{\"name\":\"x\",\"plugins\":[{\"type\":\"a\"}]}", 0644);
	finds("x", "a");
	assert_int_equal(cni_conflist_find(tempdir, "y", &list, &err), -ENOENT);
	assert_non_null(strstr(err.msg, "no network 'y' in"));
	assert_non_null(strstr(err.msg, "10.conflist"));
	assert_int_equal(cni_conflist_find(temp_path("none"), "y", &list, &err), -ENOENT);
}

static void a_folder_of_the_networks_name_adds_plugins(void **state)
{
	CLEANUP(cni_conflist_freep) struct cni_conflist *list = NULL;
	CLEANUP(cni_conflist_freep) struct cni_conflist *again = NULL;
	struct nerr err = NERR_INIT;

	(void)state;
	temp_write("n.conflist",
		   "{\"cniVersion\":\"1.1.0\",\"name\":\"n\",\"plugins\":[{\"type\":\"a\"}]}",
		   0644);
	temp_mkdir("n");
	temp_write("n/20.conf", "{\"type\":\"c\"}", 0644);
	temp_write("n/10.conf", "{\"type\":\"b\"}", 0644);
	temp_write("n/30.txt", "{\"type\":\"d\"}", 0644);
	assert_int_equal(cni_conflist_read(temp_path("n.conflist"), &list, &err), 0);
	assert_int_equal(list->n_plugins, 3);
	assert_string_equal(list->plugins[1].type, "b");
	assert_string_equal(list->plugins[2].type, "c");
	/* The text that is kept is the whole network, and says so. */
	again = parsed(list->text);
	assert_true(again->inlined_only);
	assert_int_equal(again->n_plugins, 3);
	cni_conflist_free(list);
	list = NULL;
	temp_write(
		"n.conflist",
		"{\"name\":\"n\",\"loadOnlyInlinedPlugins\":true,\"plugins\":[{\"type\":\"a\"}]}",
		0644);
	assert_int_equal(cni_conflist_read(temp_path("n.conflist"), &list, &err), 0);
	assert_int_equal(list->n_plugins, 1);
}

static void a_folder_can_bring_all_plugins(void **state)
{
	CLEANUP(cni_conflist_freep) struct cni_conflist *list = NULL;
	struct nerr err = NERR_INIT;

	(void)state;
	temp_write("n.conflist", "{\"name\":\"n\"}", 0644);
	assert_true(cni_conflist_read(temp_path("n.conflist"), &list, &err) < 0);
	assert_non_null(strstr(err.msg, "neither 'plugins' nor 'type' is given"));
	temp_mkdir("n");
	temp_write("n/10.conf", "{}", 0644);
	assert_true(cni_conflist_read(temp_path("n.conflist"), &list, &err) < 0);
	assert_non_null(strstr(err.msg, "n/10.conf"));
	temp_write("n/10.conf", "{\"type\":\"b\"}", 0644);
	assert_int_equal(cni_conflist_read(temp_path("n.conflist"), &list, &err), 0);
	assert_int_equal(list->n_plugins, 1);
}

static void files_that_cannot_be_read_are_named(void **state)
{
	struct cni_conflist *list = NULL;
	struct nerr err = NERR_INIT;

	(void)state;
	assert_int_equal(cni_conflist_read(temp_path("none"), &list, &err), -ENOENT);
	assert_non_null(strstr(err.msg, "/none': No such file or directory"));
	assert_int_equal(cni_conflist_read(tempdir, &list, &err), -EISDIR);
	assert_null(list);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_list_has_its_plugins_in_order),
		cmocka_unit_test(a_single_plugin_is_a_list_of_one),
		cmocka_unit_test(the_highest_version_we_know_is_chosen),
		cmocka_unit_test(switches_are_booleans_or_their_text),
		cmocka_unit_test(what_is_wrong_is_named),
		cmocka_unit_test(a_list_has_a_bound),
		cmocka_unit_test(truncation_is_refused),
		cmocka_unit_test(a_request_has_name_and_version_of_the_list),
		cmocka_unit_test(capabilities_are_what_the_plugin_declares),
		cmocka_unit_test(the_list_of_valid_attachments_has_both_names),
		cmocka_unit_test_setup_teardown(lists_come_before_single_plugins_in_order_of_names,
						temp_make, temp_remove),
		cmocka_unit_test_setup_teardown(a_broken_file_hides_no_other, temp_make,
						temp_remove),
		cmocka_unit_test_setup_teardown(a_folder_of_the_networks_name_adds_plugins,
						temp_make, temp_remove),
		cmocka_unit_test_setup_teardown(a_folder_can_bring_all_plugins, temp_make,
						temp_remove),
		cmocka_unit_test_setup_teardown(files_that_cannot_be_read_are_named, temp_make,
						temp_remove),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
