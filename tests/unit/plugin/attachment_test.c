/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The way of an attachment, with rules and an IPAM plugin that write down when they were
 * asked.  The link is a real one, between two namespaces of each test's own.
 */
#include "plugin/attachment.h"

#include <linux/netfilter.h>

#include "base/undo.h"
#include "nft/nft.h"
#include "plugin/masq.h"
#include "tests/unit/cni/harness.h"
#include "tests/unit/netns_fixture.h"

#define CONF "{\"cniVersion\":\"1.1.0\",\"name\":\"net\",\"cni.dev/attachments\":[]}"

static char dir[] = "/tmp/attachment-test.XXXXXX";
static char out[4096];
static struct cni_call call;
static struct nerr err;
static int cont_ns = -1;
static struct nlsock *cont; /* in the container */

/* What was asked, in order; with a star when the container's link was there at that time. */
static char events[256];

static void note(const char *what)
{
	const size_t len = strlen(events);
	struct link_info li;
	const bool linked = link_get(cont, "eth0", &li, NULL) == 0;
	const int n = snprintf(events + len, sizeof(events) - len, "%s%s%s", len ? " " : "", what,
			       linked ? "*" : "");

	assert_true(n > 0 && (size_t)n < sizeof(events) - len);
}

/* --- an IPAM plugin of this program --- */

static struct {
	bool fails;
	unsigned n_ips;
} own;

static int own_handler(struct cni_call *sub, struct nerr *e)
{
	note(cni_verb_str(sub->verb));
	if (own.fails)
		return nerr_set(e, -EBUSY, "own has failed");
	for (unsigned i = 0; sub->verb == CNI_ADD && i < own.n_ips; i++) {
		struct cni_ip *ip = cni_result_add_ip(&sub->result, json_doc_arena(sub->doc));

		assert_non_null(ip);
		assert_int_equal(ipnet_from_str("10.0.0.2/24", &ip->address), 0);
	}
	return 0;
}

static const struct cni_plugin own_plugin = {
	.name = "own",
	.versions = cni_versions_all,
	.add = own_handler,
	.del = own_handler,
	.check = own_handler,
	.gc = own_handler,
	.status = own_handler,
};

static const struct cni_plugin *const registry[] = { &harness_plugin, &own_plugin, NULL };

/* --- two kinds of rules: each puts a table of its name into the batch --- */

static bool a_fails;

static int put_a(struct cni_call *c, struct nlsock *nft, struct nft_batch *batch, struct nerr *e)
{
	(void)nft;
	assert_ptr_equal(c, &call);
	note("a");
	if (a_fails)
		return nerr_set(e, -EIO, "a has failed");
	nft_batch_table(batch, NFPROTO_INET, "a", NULL);
	return 0;
}

static int put_b(struct cni_call *c, struct nlsock *nft, struct nft_batch *batch, struct nerr *e)
{
	(void)c;
	(void)nft;
	(void)e;
	note("b");
	nft_batch_table(batch, NFPROTO_INET, "b", NULL);
	return 0;
}

static int put_a_gc(struct cni_call *c, struct nlsock *nft, struct nft_batch *batch, struct nerr *e)
{
	note("gc");
	return put_a(c, nft, batch, e);
}

static const struct attachment_rules rules[] = {
	{ put_a, put_a_gc },
	{ put_b, put_b },
	{ 0 },
};

static const struct attachment_rules masq_rules[] = {
	{ masq_put_del, masq_put_gc },
	{ 0 },
};

static bool has_table(const char *name)
{
	char line[64];

	(void)snprintf(line, sizeof(line), "table inet %s\n", name);
	run_ok(out, sizeof(out), "nft", "list", "tables");
	return strstr(out, line) != NULL;
}

/* --- fixture --- */

static int group_setup(void **state)
{
	char path[64];

	if (mounts_private(state) < 0 || !mkdtemp(dir))
		return -1;
	(void)snprintf(path, sizeof(path), "%s/own", dir);
	return symlink("/proc/self/exe", path);
}

static int group_teardown(void **state)
{
	char path[64];

	(void)state;
	(void)snprintf(path, sizeof(path), "%s/own", dir);
	return unlink(path) < 0 ? -1 : rmdir(dir);
}

static bool has_host_link(void)
{
	return access("/sys/class/net/host0", F_OK) == 0;
}

/* A container whose eth0 is the other end of host0. */
static int setup(void **state)
{
	static char path[64];

	assert_int_equal(netns_setup(state), 0);
	cont_ns = netns_other();
	cont = nlsock_in(cont_ns);
	link_put_veth(*state, &(struct link_veth){
				      .name = "host0", .peer_name = "eth0", .peer_ns = cont_ns });
	assert_ok(nlsock_commit(*state, &err), err);
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", cont_ns);

	err = NERR_INIT;
	events[0] = '\0';
	a_fails = false;
	own.fails = false;
	own.n_ips = 1;
	harness_call(&call, CNI_GC, CONF);
	call.registry = registry;
	call.path = dir;
	call.netns = path;
	assert_ok(harness_load(&call, &err), err);
	return 0;
}

static int teardown(void **state)
{
	json_doc_free(call.doc);
	call.doc = NULL;
	nlsock_close(cont);
	(void)close(cont_ns);
	return netns_teardown(state);
}

/* --- DEL --- */

static void del_takes_rules_then_the_link_then_addresses(void **state)
{
	(void)state;
	assert_ok(attachment_del(&call, rules, "own", &err), err);
	assert_string_equal(events, "a* b* DEL");
	assert_false(has_host_link());
	assert_true(has_table("a"));
	assert_true(has_table("b"));

	/* And once more, with nothing there. */
	events[0] = '\0';
	assert_ok(attachment_del(&call, rules, "own", &err), err);
	assert_string_equal(events, "a b DEL");
}

static void del_goes_on_without_a_namespace(void **state)
{
	(void)state;
	call.netns = "/run/netns/none";
	assert_ok(attachment_del(&call, rules, "own", &err), err);
	assert_string_equal(events, "a* b* DEL*");
	call.netns = "";
	assert_ok(attachment_del(&call, rules, "own", NULL), err);
	assert_string_equal(events, "a* b* DEL* a* b* DEL*");
}

static void del_without_ipam_asks_nobody(void **state)
{
	(void)state;
	assert_ok(attachment_del(&call, rules, NULL, &err), err);
	assert_ok(attachment_del(&call, rules, "", &err), err);
	assert_string_equal(events, "a* b* a b");
}

static void a_part_of_del_that_fails_does_not_keep_the_others(void **state)
{
	(void)state;
	a_fails = true;
	assert_int_equal(attachment_del(&call, rules, "own", &err), -EIO);
	assert_string_equal(err.msg, "a has failed");
	assert_string_equal(events, "a* DEL");
	assert_false(has_host_link());
}

static void the_first_error_of_del_is_told(void **state)
{
	(void)state;
	own.fails = true;
	assert_int_equal(attachment_del(&call, rules, "own", &err), -EBUSY);
	assert_string_equal(err.msg, "own has failed");
	a_fails = true;
	assert_int_equal(attachment_del(&call, rules, "own", &err), -EIO);
	assert_string_equal(err.msg, "a has failed");
	assert_int_equal(attachment_del(&call, rules, "own", NULL), -EIO);
}

/* The loopback interface is one that the kernel does not let go. */
static void addresses_of_a_link_that_stays_are_kept(void **state)
{
	(void)state;
	call.ifname = "lo";
	assert_int_equal(attachment_del(&call, rules, "own", &err), -EOPNOTSUPP);
	assert_contains(err.msg, "failed to delete \"lo\"");
	assert_string_equal(events, "a* b*");
	a_fails = true;
	assert_int_equal(attachment_del(&call, rules, "own", &err), -EIO);
	assert_string_equal(events, "a* b* a*");
}

/* --- GC --- */

static void gc_takes_rules_then_addresses(void **state)
{
	(void)state;
	assert_ok(attachment_gc(&call, rules, "own", &err), err);
	assert_string_equal(events, "gc* a* b* GC*");
	assert_true(has_table("b"));
	assert_true(has_host_link());
	events[0] = '\0';
	assert_ok(attachment_gc(&call, rules, NULL, &err), err);
	assert_string_equal(events, "gc* a* b*");
}

static void the_first_error_of_gc_is_told(void **state)
{
	(void)state;
	own.fails = true;
	assert_int_equal(attachment_gc(&call, rules, "own", &err), -EBUSY);
	assert_string_equal(err.msg, "own has failed");
	a_fails = true;
	events[0] = '\0';
	assert_int_equal(attachment_gc(&call, rules, "own", &err), -EIO);
	assert_string_equal(err.msg, "a has failed");
	assert_string_equal(events, "gc* a* GC*");
}

/* --- ADD --- */

/* The steps of an ADD, which then fails, or does not. */
static void add(struct attachment *at, bool fails)
{
	CLEANUP(undo_run) struct undo undo = UNDO_INIT;
	struct cni_result res = { 0 };

	at->ipam = "own";
	assert_ok(plugin_nets_open(&at->nets, call.netns, &err), err);
	assert_ok(attachment_add_ipam(at, &undo, &res, &err), err);
	assert_int_equal(res.n_ips, 1);
	attachment_push_link(at, &undo, "host0");
	assert_ok(attachment_add_masq(at, &undo, &res, &err), err);
	run_ok(out, sizeof(out), "nft", "list", "ruleset");
	assert_contains(out, "ip saddr 10.0.0.2 ip daddr != 10.0.0.0/24 masquerade");
	if (!fails)
		undo_commit(&undo);
}

static void a_failed_add_leaves_nothing(void **state)
{
	CLEANUP(attachment_done) struct attachment at = ATTACHMENT_INIT(&call, masq_rules);

	(void)state;
	add(&at, true);
	assert_string_equal(events, "ADD* DEL");
	assert_false(has_host_link());
	run_ok(out, sizeof(out), "nft", "list", "ruleset");
	assert_lacks(out, "10.0.0.2");
}

static void an_add_that_succeeds_leaves_all(void **state)
{
	CLEANUP(attachment_done) struct attachment at = ATTACHMENT_INIT(&call, masq_rules);

	(void)state;
	add(&at, false);
	assert_string_equal(events, "ADD*");
	assert_true(has_host_link());
	run_ok(out, sizeof(out), "nft", "list", "ruleset");
	assert_contains(out, "10.0.0.2");
}

static void rules_of_a_failed_add_go_of_all_kinds(void **state)
{
	CLEANUP(attachment_done) struct attachment at = ATTACHMENT_INIT(&call, rules);
	struct undo undo = UNDO_INIT;

	(void)state;
	assert_ok(plugin_nets_open(&at.nets, call.netns, &err), err);
	attachment_push_rules(&at, &undo);
	undo_run(&undo);
	assert_string_equal(events, "a* b*");
}

static void addresses_are_released_only_when_there_were_some_to_get(void **state)
{
	CLEANUP(attachment_done) struct attachment at = ATTACHMENT_INIT(&call, rules);
	struct undo undo = UNDO_INIT;
	struct cni_result res;

	(void)state;
	assert_true(attachment_add_ipam(&at, &undo, &res, &err) < 0);
	assert_string_equal(err.msg, "no plugin name provided");
	at.ipam = "own";
	own.fails = true;
	assert_int_equal(attachment_add_ipam(&at, &undo, &res, &err), -EBUSY);
	undo_run(&undo);
	assert_string_equal(events, "ADD*");

	own.fails = false;
	own.n_ips = 0;
	events[0] = '\0';
	assert_int_equal(attachment_add_ipam(&at, &undo, &res, &err), -EINVAL);
	assert_string_equal(err.msg, "IPAM plugin returned missing IP config");
	undo_run(&undo);
	assert_string_equal(events, "ADD* DEL*");
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(del_takes_rules_then_the_link_then_addresses),
		TEST(del_goes_on_without_a_namespace),
		TEST(del_without_ipam_asks_nobody),
		TEST(a_part_of_del_that_fails_does_not_keep_the_others),
		TEST(the_first_error_of_del_is_told),
		TEST(addresses_of_a_link_that_stays_are_kept),
		TEST(gc_takes_rules_then_addresses),
		TEST(the_first_error_of_gc_is_told),
		TEST(a_failed_add_leaves_nothing),
		TEST(an_add_that_succeeds_leaves_all),
		TEST(rules_of_a_failed_add_go_of_all_kinds),
		TEST(addresses_are_released_only_when_there_were_some_to_get),
	};

	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
