/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <sys/resource.h>

#include "base/sysctl.h"
#include "follow/follow_priv.h"
#include "tests/unit/follow/model.h"
#include "wire/addr.h"

static char out[8192];

#define ip(...)         run_ok(out, sizeof(out), "ip", __VA_ARGS__)

#define IP4(a, b, c, d) ip6_addr_of_ip4(IP4_ADDR(a, b, c, d))
#define NET6            UINT64_C(0xfd00000000000000)
#define IP6(last)       ((struct ip6_addr){ NET6, (last) })

/* v0 and v1, up, in a namespace of its own; v0 has 10.0.0.1/24 and fd00::1/64. */
static int setup(void **state)
{
	(void)state;
	netns_fresh();
	ip("link", "set", "lo", "up");
	ip("link", "add", "v0", "type", "veth", "peer", "name", "v1");
	ip("link", "set", "v0", "up");
	ip("link", "set", "v1", "up");
	ip("addr", "add", "10.0.0.1/24", "dev", "v0");
	ip("addr", "add", "fd00::1/64", "dev", "v0", "nodad");
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	(void)umount2("/sys", MNT_DETACH);
	return 0;
}

static void what_is_there_is_told_first(void **state)
{
	const struct follow_route *r;
	struct model *m;

	(void)state;
	ip("link", "set", "v0", "mtu", "1400", "address", "02:00:00:00:00:77");
	ip("route", "add", "default", "via", "10.0.0.254", "metric", "7", "mtu", "1300");
	ip("route", "add", "blackhole", "10.66.0.0/16");
	ip("route", "add", "10.5.0.0/16", "via", "inet6", "fe80::9", "dev", "v0", "src",
	   "10.0.0.1");
	ip("route", "add", "10.9.0.0/16", "dev", "v1");
	ip("route", "add", "10.9.0.0/16", "dev", "v0", "table", "77");
	ip("neigh", "add", "10.0.0.9", "lladdr", "02:00:00:00:00:09", "dev", "v0");
	ip("neigh", "add", "10.0.0.8", "lladdr", "02:00:00:00:00:08", "dev", "v0", "nud", "stale");
	m = model_new(-1, "v0");
	assert_string_equal(m->link.name, "v0");
	assert_int_equal(m->link.mtu, 1400);
	assert_true(m->link.up);
	assert_int_equal(m->link.mac.b[5], 0x77);
	assert_non_null(model_find_addr(m, IP4(10, 0, 0, 1), 24));
	assert_non_null(model_find_addr(m, IP6(1), 64));
	r = model_find_route(m, true, IP4(0, 0, 0, 0), 0, 7);
	assert_non_null(r);
	assert_true(r->has_gateway && ip6_addr_eq(r->gateway, IP4(10, 0, 0, 254)));
	assert_int_equal(r->mtu, 1300);
	r = model_find_route(m, true, IP4(10, 66, 0, 0), 16, 0);
	assert_non_null(r);
	assert_int_equal(r->type, FOLLOW_BLACKHOLE);
	r = model_find_route(m, true, IP4(10, 5, 0, 0), 16, 0);
	assert_non_null(r);
	assert_int_equal(r->gateway.hi, UINT64_C(0xfe80000000000000));
	assert_true(r->has_src && ip6_addr_eq(r->src, IP4(10, 0, 0, 1)));
	assert_null(model_find_route(m, true, IP4(10, 9, 0, 0), 16, 0));
	assert_int_equal(m->n_neighs, 1);
	model_settles(m, "v0");
	model_free(m);
}

/* Nobody is told of accept_dad: it is looked at when an address comes. */
static void who_asks_whether_an_address_is_taken(void **state)
{
	const struct follow_addr *a;
	struct model *m;

	(void)state;
	m = model_new(-1, "v0");
	assert_true(m->link.asks_dad);
	assert_int_equal(sysctl_write_if("ipv6", "v0", "accept_dad", "0", NULL), 0);
	ip("addr", "add", "fd00::5/64", "dev", "v0");
	model_settles(m, "v0");
	assert_false(m->link.asks_dad);
	a = model_find_addr(m, IP6(5), 64);
	assert_true(a && !a->no_dad);
	assert_int_equal(sysctl_write_if("ipv6", "v0", "accept_dad", "1", NULL), 0);
	ip("addr", "add", "fd00::6/64", "dev", "v0", "nodad");
	model_settles(m, "v0");
	assert_true(m->link.asks_dad);
	a = model_find_addr(m, IP6(6), 64);
	assert_true(a && a->no_dad);
	model_free(m);
}

/* Changes that the kernel makes without a message of their own. */
static void silent_changes_are_found(void **state)
{
	struct model *m = model_new(-1, "v0");

	(void)state;
	ip("route", "add", "10.5.0.0/16", "via", "10.0.0.9");
	ip("-6", "route", "add", "fd02::/64", "via", "fd00::9", "src", "fd00::1");
	ip("nexthop", "add", "id", "5", "via", "10.0.0.9", "dev", "v0");
	ip("nexthop", "add", "id", "6", "via", "10.0.0.10", "dev", "v0");
	ip("nexthop", "add", "id", "7", "group", "5/6");
	ip("route", "add", "10.8.0.0/16", "nhid", "5");
	ip("route", "add", "10.10.0.0/16", "nhid", "7");
	model_settles(m, "v0");
	assert_non_null(model_find_route(m, true, IP4(10, 8, 0, 0), 16, 0));
	ip("nexthop", "del", "id", "5"); /* a route goes, another has one next hop less */
	model_settles(m, "v0");
	assert_null(model_find_route(m, true, IP4(10, 8, 0, 0), 16, 0));
	assert_true(ip6_addr_eq(model_find_route(m, true, IP4(10, 10, 0, 0), 16, 0)->gateway,
				IP4(10, 0, 0, 10)));
	ip("addr", "del", "fd00::1/64", "dev", "v0"); /* a preferred source goes */
	model_settles(m, "v0");
	ip("addr", "del", "10.0.0.1/24", "dev", "v0"); /* all of IPv4 goes */
	model_settles(m, "v0");
	assert_null(model_find_route(m, true, IP4(10, 5, 0, 0), 16, 0));
	ip("addr", "add", "10.0.0.1/24", "dev", "v0");
	ip("route", "add", "10.5.0.0/16", "via", "10.0.0.9");
	model_settles(m, "v0");
	assert_non_null(model_find_route(m, true, IP4(10, 5, 0, 0), 16, 0));
	ip("link", "set", "v0", "down"); /* and again */
	model_settles(m, "v0");
	assert_false(m->link.up);
	assert_null(model_find_route(m, true, IP4(10, 5, 0, 0), 16, 0));
	ip("link", "set", "v0", "up");
	model_settles(m, "v0");
	assert_non_null(model_find_route(m, true, IP4(10, 0, 0, 0), 24, 0));
	/* Of two next hops the one that is dead does not count. */
	ip("link", "add", "w0", "type", "veth", "peer", "name", "w1");
	ip("addr", "add", "10.20.0.1/24", "dev", "w0");
	ip("link", "set", "w0", "up");
	ip("link", "set", "w1", "up");
	ip("route", "add", "10.30.0.0/16", "nexthop", "via", "10.20.0.9", "nexthop", "via",
	   "10.0.0.9");
	model_settles(m, "v0");
	assert_true(ip6_addr_eq(model_find_route(m, true, IP4(10, 30, 0, 0), 16, 0)->gateway,
				IP4(10, 0, 0, 9)));
	model_free(m);
}

/* Several of one prefix and metric: the kernel's first. */
static void the_first_of_several_routes_counts(void **state)
{
	struct model *m = model_new(-1, "v0");
	const struct ip6_addr dst = IP4(10, 5, 0, 0);

	(void)state;
	ip("route", "add", "10.5.0.0/16", "via", "10.0.0.9");
	ip("route", "append", "10.5.0.0/16", "via", "10.0.0.8");
	model_settles(m, "v0");
	assert_true(ip6_addr_eq(model_find_route(m, true, dst, 16, 0)->gateway, IP4(10, 0, 0, 9)));
	ip("route", "prepend", "10.5.0.0/16", "via", "10.0.0.7");
	model_settles(m, "v0");
	assert_true(ip6_addr_eq(model_find_route(m, true, dst, 16, 0)->gateway, IP4(10, 0, 0, 7)));
	ip("route", "del", "10.5.0.0/16", "via", "10.0.0.7");
	model_settles(m, "v0");
	assert_true(ip6_addr_eq(model_find_route(m, true, dst, 16, 0)->gateway, IP4(10, 0, 0, 9)));
	ip("route", "replace", "10.5.0.0/16", "via", "10.0.0.6");
	model_settles(m, "v0");
	assert_true(ip6_addr_eq(model_find_route(m, true, dst, 16, 0)->gateway, IP4(10, 0, 0, 6)));
	/* One over another interface takes its place. */
	ip("addr", "add", "10.20.0.1/24", "dev", "v1");
	ip("route", "del", "10.5.0.0/16", "via", "10.0.0.8");
	ip("route", "replace", "10.5.0.0/16", "via", "10.20.0.9");
	model_settles(m, "v0");
	assert_null(model_find_route(m, true, dst, 16, 0));
	ip("route", "replace", "unreachable", "10.5.0.0/16");
	model_settles(m, "v0");
	assert_int_equal(model_find_route(m, true, dst, 16, 0)->type, FOLLOW_UNREACHABLE);
	/* IPv6: next hops come and go one by one. */
	ip("-6", "route", "add", "fd0b::/64", "nexthop", "via", "fe80::9", "dev", "v0", "nexthop",
	   "via", "fe80::8", "dev", "v0");
	ip("-6", "route", "append", "fd0b::/64", "via", "fe80::7", "dev", "v0");
	model_settles(m, "v0");
	ip("-6", "route", "del", "fd0b::/64", "via", "fe80::9", "dev", "v0");
	model_settles(m, "v0");
	ip("-6", "route", "replace", "fd0b::/64", "via", "fe80::5", "dev", "v0");
	model_settles(m, "v0");
	ip("-6", "route", "del", "fd0b::/64");
	model_settles(m, "v0");
	model_free(m);
}

static void an_interface_comes_goes_and_is_renamed(void **state)
{
	struct model *m;
	struct follow *f;
	struct nerr err;
	uint32_t before;
	char index[16];

	(void)state;
	assert_int_equal(follow_new(&f, -1, "nope", true, &model_ops, NULL, &err), -ENODEV);
	assert_string_equal(err.msg, "there is no interface 'nope'");
	assert_int_equal(
		follow_new(&f, -1, "a-name-that-is-too-long", true, &model_ops, NULL, &err),
		-EINVAL);
	assert_int_equal(follow_new(&f, -1, "", true, &model_ops, NULL, &err), -EINVAL);
	m = model_new(-1, "late0");
	assert_int_equal(m->told, 0);
	ip("link", "add", "late0", "type", "veth", "peer", "name", "late1");
	model_settles(m, "late0");
	before = m->link.ifindex;
	assert_int_not_equal(before, 0);
	ip("link", "set", "late0", "up");
	ip("addr", "add", "10.7.0.1/24", "dev", "late0");
	ip("neigh", "add", "10.7.0.9", "lladdr", "02:00:00:00:00:09", "dev", "late0");
	model_settles(m, "late0");
	assert_non_null(model_find_addr(m, IP4(10, 7, 0, 1), 24));
	/* Another one of that name, while nobody looks. */
	ip("link", "del", "late0");
	ip("link", "add", "late0", "type", "veth", "peer", "name", "late1");
	ip("addr", "add", "10.8.0.1/24", "dev", "late0");
	model_settles(m, "late0");
	assert_int_not_equal(m->link.ifindex, before);
	assert_null(model_find_addr(m, IP4(10, 7, 0, 1), 24));
	assert_non_null(model_find_addr(m, IP4(10, 8, 0, 1), 24));
	/* One of the same index, too. */
	before = m->link.ifindex;
	(void)snprintf(index, sizeof(index), "%u", before);
	ip("link", "del", "late0");
	ip("link", "add", "late0", "index", index, "type", "veth", "peer", "name", "late1");
	model_settles(m, "late0");
	assert_int_equal(m->link.ifindex, before);
	assert_int_equal(m->n_addrs, 0);
	ip("addr", "add", "10.9.0.1/24", "dev", "late0");
	ip("link", "set", "late0", "name", "other0");
	model_settles(m, "late0");
	assert_int_equal(m->link.ifindex, 0);
	ip("link", "set", "late1", "name", "late0");
	model_settles(m, "late0");
	assert_int_not_equal(m->link.ifindex, 0);
	assert_int_not_equal(m->link.ifindex, before);
	/* A name beside its own is not its name. */
	ip("link", "set", "late0", "name", "late2");
	ip("link", "property", "add", "dev", "late2", "altname", "late0");
	model_settles(m, "none");
	assert_int_equal(m->link.ifindex, 0);
	model_free(m);
}

/* A port that leaves its bridge is deleted from the bridge only. */
static void a_bridge_port_stays(void **state)
{
	struct model *m = model_new(-1, "v0");
	unsigned int told;

	(void)state;
	ip("link", "add", "br0", "type", "bridge");
	ip("link", "set", "v0", "master", "br0");
	model_settles(m, "v0");
	told = m->told;
	ip("link", "set", "v0", "nomaster");
	model_settles(m, "v0");
	assert_non_null(model_find_addr(m, IP4(10, 0, 0, 1), 24));
	assert_true(m->told <= told + 4); /* not everything anew: the carrier at most */
	model_free(m);
}

static void neighbours_that_are_configured_count(void **state)
{
	struct model *m = model_new(-1, "v0");

	(void)state;
	ip("neigh", "add", "10.0.0.9", "lladdr", "02:00:00:00:00:09", "dev", "v0");
	ip("neigh", "add", "fd00::9", "lladdr", "02:00:00:00:00:09", "dev", "v0");
	ip("neigh", "add", "10.0.0.8", "lladdr", "02:00:00:00:00:08", "dev", "v0", "nud", "noarp");
	ip("neigh", "add", "proxy", "10.0.0.7", "dev", "v0");
	ip("neigh", "add", "10.0.0.6", "lladdr", "02:00:00:00:00:06", "dev", "v1");
	model_settles(m, "v0");
	assert_int_equal(m->n_neighs, 2);
	ip("neigh", "change", "10.0.0.9", "lladdr", "02:00:00:00:00:0a", "dev", "v0");
	model_settles(m, "v0");
	assert_int_equal(model_find_neigh(m, IP4(10, 0, 0, 9))->mac.b[5], 0x0a);
	ip("neigh", "change", "10.0.0.9", "lladdr", "02:00:00:00:00:0a", "dev", "v0", "nud",
	   "stale");
	model_settles(m, "v0");
	assert_int_equal(m->n_neighs, 1);
	ip("neigh", "del", "fd00::9", "dev", "v0");
	model_settles(m, "v0");
	assert_int_equal(m->n_neighs, 0);
	model_free(m);
}

static void addresses_with_states(void **state)
{
	struct model *m = model_new(-1, "v0");

	(void)state;
	ip("addr", "add", "fd00::2/64", "dev", "v0", "preferred_lft", "0", "valid_lft", "1000",
	   "nodad");
	ip("addr", "add", "10.0.0.1/16", "dev", "v0", "noprefixroute");
	ip("addr", "add", "10.3.0.1", "peer", "10.3.0.2", "dev", "v0");
	model_settles(m, "v0");
	assert_true(model_find_addr(m, IP6(2), 64)->deprecated);
	assert_false(model_find_addr(m, IP6(2), 64)->is_permanent);
	assert_true(model_find_addr(m, IP4(10, 0, 0, 1), 16)->no_prefix_route);
	assert_non_null(model_find_addr(m, IP4(10, 0, 0, 1), 24));
	assert_non_null(model_find_addr(m, IP4(10, 3, 0, 1), 32));
	/* The same one with another peer is told once and goes with the last. */
	ip("addr", "add", "10.3.0.1", "peer", "10.3.0.3", "dev", "v0");
	model_read(m);
	ip("addr", "del", "10.3.0.1", "peer", "10.3.0.2", "dev", "v0");
	model_settles(m, "v0");
	assert_non_null(model_find_addr(m, IP4(10, 3, 0, 1), 32));
	ip("addr", "del", "10.3.0.1", "peer", "10.3.0.3", "dev", "v0");
	model_settles(m, "v0");
	assert_null(model_find_addr(m, IP4(10, 3, 0, 1), 32));
	model_free(m);
}

static char batch[64];

/* Lines for ip -batch, run with as few processes as possible. */
static FILE *batch_begin(void)
{
	FILE *to;

	(void)snprintf(batch, sizeof(batch), "/tmp/follow-batch.%d", getpid());
	to = fopen(batch, "we");

	assert_non_null(to);
	return to;
}

static void batch_run(FILE *to)
{
	assert_int_equal(fclose(to), 0);
	(void)run_program(RUN_ARGS("ip", "-force", "-batch", batch), out, sizeof(out));
	assert_int_equal(unlink(batch), 0);
}

/* A receive queue that holds a handful. */
static void shrink_queue(struct model *m)
{
	const int least = 1;

	assert_int_equal(setsockopt(nl_socket_get_fd(m->f->events), SOL_SOCKET, SO_RCVBUF, &least,
				    sizeof(least)),
			 0);
}

static void messages_are_lost(void **state)
{
	struct model *m = model_new(-1, "v0");
	unsigned int told;
	FILE *to;

	(void)state;
	shrink_queue(m);
	to = batch_begin();
	for (unsigned int k = 0; k < 3; k++)
		for (unsigned int i = 0; i < 600; i++) {
			(void)fprintf(to, "route %s 20.%u.%u.0/24 via 10.0.0.%u\n",
				      k == 1 && i % 2 ? "del" : "replace", i / 256, i % 256, 2 + k);
			(void)fprintf(to, "neigh replace 10.0.1.%u lladdr 2:0:0:0:0:%x dev v0\n",
				      i % 200, k);
		}
	batch_run(to);
	model_settles(m, "v0");
	assert_int_equal(m->lost, 1);
	assert_true(m->n_routes >= 600);
	to = batch_begin();
	(void)fprintf(to, "route flush root 20.0.0.0/8\n");
	batch_run(to);
	told = m->told;
	model_settles(m, "v0");
	assert_int_equal(m->lost, 2);
	assert_true(m->n_routes < 100);
	assert_int_equal(m->told - told, 600); /* the differences */
	model_free(m);
}

/* A call does not read all there is: the descriptor stays readable until the end. */
static void work_is_done_in_pieces(void **state)
{
	struct model *m = model_new(-1, "v0");
	unsigned int calls = 0;
	FILE *to = batch_begin();

	(void)state;
	for (unsigned int i = 0; i < 4000; i++)
		(void)fprintf(to, "route add 20.%u.%u.0/24 via 10.0.0.2\n", i / 256, i % 256);
	batch_run(to);
	while (model_wait(m, 0))
		calls++;
	assert_true(calls > 4);
	assert_null(model_differs(m, "v0"));
	model_free(m);
}

/* A dump whose parts are of different times is taken again, and nothing is gone by it.  The kernel
 * marks few of them: here it is done for it.
 */
static void a_torn_dump(void **state)
{
	struct model *m = model_new(-1, "v0");
	FILE *to = batch_begin();
	unsigned int told;
	struct nerr err;
	uint32_t gen;

	(void)state;
	/* No address of the kernel's own changes while the dump is read. */
	assert_int_equal(sysctl_write_if("ipv6", "v0", "disable_ipv6", "1", NULL), 0);
	assert_int_equal(sysctl_write_if("ipv6", "v1", "disable_ipv6", "1", NULL), 0);
	for (unsigned int i = 0; i < 14000; i++)
		(void)fprintf(to, "route add blackhole 20.%u.%u.0/24\n", i / 256, i % 256);
	batch_run(to);
	model_read(m);
	told = m->told;
	m->f->dirty = DIRTY(LOOK_ROUTE4);
	assert_ok(follow_read(m->f, &err), err);
	assert_true(m->f->asked); /* it has more parts than are read in a call */
	assert_int_equal(m->f->look, LOOK_ROUTE4);
	m->f->torn = true;
	gen = m->f->gen;
	model_read(m);
	assert_false(m->f->asked);
	assert_int_equal(m->f->gen, gen + 1);
	assert_int_equal(m->told, told);
	model_settles(m, "v0");
	model_free(m);
}

/* Notifications are lost, and dumps are made, while it goes on changing. */
static void changes_while_it_is_read(void **state)
{
	struct model *m = model_new(-1, "v0");
	FILE *to = batch_begin();
	const char *const argv[] = { "ip", "-force", "-batch", batch, NULL };
	posix_spawn_file_actions_t quiet;
	unsigned int calls = 0;
	int status;
	pid_t pid;

	(void)state;
	shrink_queue(m);
	for (unsigned int i = 0; i < 6000; i++) {
		const unsigned int k = i * 7 % 1000;

		(void)fprintf(to, "route %s 20.0.%u.0/24 via 10.0.0.%u\n",
			      i % 3 == 2 ? "del" : "replace", k % 256, 2 + i % 5);
		(void)fprintf(to, "route replace fd20:%x::/64 via fe80::%u dev v0\n", k, 2 + i % 5);
		if (i % 50 == 0)
			(void)fprintf(to, "addr %s fd00::%x/64 dev v0 nodad\n",
				      i % 100 ? "del" : "add", 2 + i / 100 % 8);
	}
	assert_int_equal(fclose(to), 0);
	assert_int_equal(posix_spawn_file_actions_init(&quiet), 0);
	assert_int_equal(posix_spawn_file_actions_addopen(&quiet, 2, "/dev/null", O_WRONLY, 0), 0);
	assert_int_equal(
		posix_spawnp(&pid, "ip", &quiet, NULL, (char *const *)(uintptr_t)argv, environ), 0);
	(void)posix_spawn_file_actions_destroy(&quiet);
	while (waitpid(pid, &status, WNOHANG) == 0)
		calls += model_wait(m, 10);
	(void)unlink(batch);
	assert_true(calls > 10);
	model_settles(m, "v0");
	model_free(m);
}

static void another_namespace_is_followed(void **state)
{
	int other = netns_other(), home;
	struct model *m;
	char path[64];

	(void)state;
	home = netns_fd();
	m = model_new(other, "v7");
	assert_int_equal(m->link.ifindex, 0);
	assert_return_code(setns(other, CLONE_NEWNET), errno);
	ip("link", "add", "v7", "type", "veth", "peer", "name", "v8");
	ip("addr", "add", "10.0.0.1/24", "dev", "v7");
	ip("link", "set", "v7", "up");
	model_settles(m, "v7");
	assert_non_null(model_find_route(m, true, IP4(10, 0, 0, 0), 24, 0));
	/* To where we do not look. */
	(void)snprintf(path, sizeof(path), "/proc/%d/fd/%d", getpid(), home);
	ip("link", "set", "v7", "netns", path);
	model_settles(m, "v7");
	assert_int_equal(m->link.ifindex, 0);
	assert_return_code(setns(home, CLONE_NEWNET), errno);
	model_free(m);
	(void)close(home);
	(void)close(other);
}

static void no_descriptors_no_follower(void **state)
{
	struct rlimit old, few;
	struct follow *f;
	struct nerr err;
	int fd = dup(0);

	(void)state;
	(void)close(fd);
	assert_return_code(getrlimit(RLIMIT_NOFILE, &old), errno);
	for (rlim_t n = 0; n < 3; n++) {
		few = (struct rlimit){ .rlim_cur = (rlim_t)fd + n, .rlim_max = old.rlim_max };
		assert_return_code(setrlimit(RLIMIT_NOFILE, &few), errno);
		assert_true(follow_new(&f, -1, "v0", true, &model_ops, NULL, &err) < 0);
		assert_return_code(setrlimit(RLIMIT_NOFILE, &old), errno);
	}
	assert_int_equal(dup(0), fd); /* nothing was left open */
	(void)close(fd);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(what_is_there_is_told_first),
		TEST(who_asks_whether_an_address_is_taken),
		TEST(silent_changes_are_found),
		TEST(the_first_of_several_routes_counts),
		TEST(an_interface_comes_goes_and_is_renamed),
		TEST(a_bridge_port_stays),
		TEST(neighbours_that_are_configured_count),
		TEST(addresses_with_states),
		TEST(messages_are_lost),
		TEST(work_is_done_in_pieces),
		TEST(a_torn_dump),
		TEST(changes_while_it_is_read),
		TEST(another_namespace_is_followed),
		TEST(no_descriptors_no_follower),
	};

	return cmocka_run_group_tests(tests, mounts_private, NULL);
}
