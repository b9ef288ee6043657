/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Messages that are cut off, changed or nonsense: nothing is read behind their end, and what is
 * true comes back with the next look.
 */
#include <sys/epoll.h>

#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/neighbour.h>
#include <linux/nexthop.h>

#include "follow/follow_priv.h"
#include "tests/unit/follow/model.h"

static char out[4096];

static struct model *model;

static int setup(void **state)
{
	(void)state;
	netns_fresh();
	run_ok(out, sizeof(out), "ip", "link", "add", "v0", "type", "veth", "peer", "name", "v1");
	run_ok(out, sizeof(out), "ip", "link", "set", "v0", "up");
	run_ok(out, sizeof(out), "ip", "addr", "add", "10.0.0.1/24", "dev", "v0");
	model = model_new(-1, "v0");
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	model_free(model);
	(void)umount2("/sys", MNT_DETACH);
	return 0;
}

static const uint8_t mac[6] = { 2, 0, 0, 0, 0, 9 }, ip4[4] = { 10, 5, 0, 0 },
		     gw4[4] = { 10, 0, 0, 9 }, ip6[16] = { 0xfd, 5 },
		     via6[18] = { AF_INET6, 0, 0xfe, 0x80, [17] = 9 };

static struct nl_msg *link_msg(void)
{
	struct nl_msg *msg = nlmsg_alloc_simple(RTM_NEWLINK, 0);
	struct ifinfomsg ifi = { .ifi_index = (int)model->link.ifindex, .ifi_flags = IFF_UP };

	assert_int_equal(nlmsg_append(msg, &ifi, sizeof(ifi), NLMSG_ALIGNTO), 0);
	assert_int_equal(nla_put_string(msg, IFLA_IFNAME, "v0"), 0);
	assert_int_equal(nla_put_u32(msg, IFLA_MTU, 1234), 0);
	assert_int_equal(nla_put(msg, IFLA_ADDRESS, sizeof(mac), mac), 0);
	return msg;
}

static struct nl_msg *addr_msg(void)
{
	struct nl_msg *msg = nlmsg_alloc_simple(RTM_NEWADDR, 0);
	struct ifaddrmsg ifa = { .ifa_family = AF_INET6,
				 .ifa_prefixlen = 64,
				 .ifa_index = model->link.ifindex };

	assert_int_equal(nlmsg_append(msg, &ifa, sizeof(ifa), NLMSG_ALIGNTO), 0);
	assert_int_equal(nla_put(msg, IFA_ADDRESS, sizeof(ip6), ip6), 0);
	assert_int_equal(nla_put_u32(msg, IFA_FLAGS, IFA_F_PERMANENT), 0);
	return msg;
}

static struct nl_msg *route_msg(const struct rtmsg *rtm, const uint8_t *dst, int len)
{
	struct nl_msg *msg = nlmsg_alloc_simple(RTM_NEWROUTE, 0);
	struct rtmsg h = *rtm;
	struct nlattr *nest;

	assert_int_equal(nlmsg_append(msg, &h, sizeof(h), NLMSG_ALIGNTO), 0);
	assert_int_equal(nla_put(msg, RTA_DST, len, dst), 0);
	assert_int_equal(nla_put_u32(msg, RTA_PRIORITY, 5), 0);
	nest = nla_nest_start(msg, RTA_METRICS);
	assert_non_null(nest);
	assert_int_equal(nla_put_u32(msg, RTAX_MTU, 1300), 0);
	assert_int_equal(nla_nest_end(msg, nest), 0);
	return msg;
}

static struct nl_msg *route_one_msg(void)
{
	const struct rtmsg rtm = { .rtm_family = AF_INET6,
				   .rtm_dst_len = 64,
				   .rtm_table = RT_TABLE_MAIN,
				   .rtm_type = RTN_UNICAST };
	struct nl_msg *msg = route_msg(&rtm, ip6, sizeof(ip6));

	assert_int_equal(nla_put_u32(msg, RTA_OIF, model->link.ifindex), 0);
	assert_int_equal(nla_put(msg, RTA_GATEWAY, sizeof(ip6), ip6), 0);
	assert_int_equal(nla_put(msg, RTA_PREFSRC, sizeof(ip6), ip6), 0);
	return msg;
}

static struct nl_msg *route_many_msg(void)
{
	const struct rtmsg rtm = { .rtm_family = AF_INET,
				   .rtm_dst_len = 16,
				   .rtm_table = RT_TABLE_MAIN,
				   .rtm_type = RTN_UNICAST };
	struct nl_msg *msg = route_msg(&rtm, ip4, sizeof(ip4));
	struct nlattr *nest = nla_nest_start(msg, RTA_MULTIPATH);

	for (unsigned int i = 0; i < 3; i++) {
		struct rtnexthop *nh = nlmsg_reserve(msg, sizeof(*nh), NLMSG_ALIGNTO);

		assert_non_null(nh);
		memset(nh, 0, sizeof(*nh));
		nh->rtnh_ifindex = (int)(i ? model->link.ifindex : 1);
		if (i == 1)
			assert_int_equal(nla_put(msg, RTA_VIA, sizeof(via6), via6), 0);
		else
			assert_int_equal(nla_put(msg, RTA_GATEWAY, sizeof(gw4), gw4), 0);
		nh->rtnh_len = (uint16_t)((uint8_t *)nlmsg_tail(nlmsg_hdr(msg)) - (uint8_t *)nh);
	}
	assert_int_equal(nla_nest_end(msg, nest), 0);
	return msg;
}

static struct nl_msg *neigh_msg(void)
{
	struct nl_msg *msg = nlmsg_alloc_simple(RTM_NEWNEIGH, 0);
	struct ndmsg ndm = { .ndm_family = AF_INET,
			     .ndm_ifindex = (int)model->link.ifindex,
			     .ndm_state = NUD_PERMANENT };

	assert_int_equal(nlmsg_append(msg, &ndm, sizeof(ndm), NLMSG_ALIGNTO), 0);
	assert_int_equal(nla_put(msg, NDA_DST, sizeof(gw4), gw4), 0);
	assert_int_equal(nla_put(msg, NDA_LLADDR, sizeof(mac), mac), 0);
	return msg;
}

static struct nl_msg *nexthop_msg(void)
{
	struct nl_msg *msg = nlmsg_alloc_simple(RTM_NEWNEXTHOP, 0);
	struct nhmsg nhm = { .nh_family = AF_INET };

	assert_int_equal(nlmsg_append(msg, &nhm, sizeof(nhm), NLMSG_ALIGNTO), 0);
	return msg;
}

static struct nl_msg *(*const make[])(void) = {
	link_msg, addr_msg, route_one_msg, route_many_msg, neigh_msg, nexthop_msg,
};

#define MAKES (sizeof(make) / sizeof(make[0]))

/* In memory of its own size, for the sanitizer to see its end. */
static void notify(const struct nlmsghdr *nlh, size_t len, uint16_t type)
{
	struct nlmsghdr *copy = malloc(len);

	assert_non_null(copy);
	memcpy(copy, nlh, len);
	copy->nlmsg_len = (uint32_t)len;
	if (type)
		copy->nlmsg_type = type;
	assert_int_equal(follow_notify(model->f, copy), 0);
	free(copy);
}

/* What is true comes back. */
static void look_again(void)
{
	struct nerr err;

	model->f->dirty = DIRTY_ALL;
	assert_ok(follow_read(model->f, &err), err);
	model_settles(model, "v0");
}

static void whole_ones_count(void **state)
{
	const struct follow_route *r;

	(void)state;
	for (unsigned int i = 0; i < MAKES; i++) {
		struct nl_msg *msg = make[i]();

		notify(nlmsg_hdr(msg), nlmsg_hdr(msg)->nlmsg_len, 0);
		nlmsg_free(msg);
	}
	assert_int_equal(model->n_neighs, 1);
	r = model_find_route(model, true, ip6_addr_of_ip4(IP4_ADDR(10, 5, 0, 0)), 16, 5);
	assert_non_null(r);
	assert_int_equal(r->mtu, 1300);
	assert_true(r->has_gateway);
	assert_int_equal(r->gateway.lo, 9); /* the first next hop that is ours */
	r = model_find_route(model, false, ip6_addr_get(ip6), 64, 5);
	assert_non_null(r);
	assert_true(r->has_gateway && r->has_src);
	assert_int_equal(model->f->dirty, DIRTY_ALL & ~DIRTY(LOOK_NEIGH));
	look_again();
	assert_int_equal(model->n_neighs, 0);
}

static void every_prefix_of_a_message(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < MAKES; i++) {
		struct nl_msg *msg = make[i]();
		const struct nlmsghdr *nlh = nlmsg_hdr(msg);

		for (size_t len = sizeof(*nlh); len < nlh->nlmsg_len; len++) {
			notify(nlh, len, 0);
			notify(nlh, len, nlh->nlmsg_type + 1); /* RTM_DEL... */
		}
		nlmsg_free(msg);
	}
	look_again();
}

static void every_byte_of_a_message(void **state)
{
	static const uint8_t value[] = { 0, 1, 2, 4, 7, 0x7f, 0x80, 0xff };

	(void)state;
	for (unsigned int i = 0; i < MAKES; i++) {
		struct nl_msg *msg = make[i]();
		struct nlmsghdr *nlh = nlmsg_hdr(msg);
		uint8_t *b = (uint8_t *)nlh;

		for (size_t at = sizeof(*nlh); at < nlh->nlmsg_len; at++) {
			const uint8_t was = b[at];

			for (unsigned int k = 0; k < sizeof(value); k++) {
				b[at] = value[k];
				notify(nlh, nlh->nlmsg_len, 0);
				notify(nlh, nlh->nlmsg_len, nlh->nlmsg_type + 1);
			}
			b[at] = was;
		}
		nlmsg_free(msg);
	}
	look_again();
}

/* More than anybody has. */
static void a_table_that_is_too_large(void **state)
{
	const struct rtmsg rtm = { .rtm_family = AF_INET,
				   .rtm_dst_len = 16,
				   .rtm_table = RT_TABLE_MAIN,
				   .rtm_type = RTN_BLACKHOLE };
	struct nl_msg *msg;

	(void)state;
	model->f->routes.n_max = model->f->routes.n;
	msg = route_msg(&rtm, ip4, sizeof(ip4));
	assert_int_equal(follow_notify(model->f, nlmsg_hdr(msg)), -E2BIG);
	nlmsg_free(msg);
	assert_int_equal(model->n_routes, model->f->routes.n);
}

/* Only the kernel is believed. */
static void another_process_says_something(void **state)
{
	struct nl_msg *msg = neigh_msg();
	struct nl_sock *sk = oracle_socket();
	unsigned int told;

	(void)state;
	model_settles(model, "v0");
	told = model->told;
	nl_socket_set_peer_port(sk, nl_socket_get_local_port(model->f->events));
	(void)nl_send_auto(sk, msg); /* refused, or thrown away when it has come */
	model_read(model);
	assert_int_equal(model->told, told);
	assert_int_equal(model->n_neighs, 0);
	nl_socket_free(sk);
	nlmsg_free(msg);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(whole_ones_count),
		TEST(every_prefix_of_a_message),
		TEST(every_byte_of_a_message),
		TEST(a_table_that_is_too_large),
		TEST(another_process_says_something),
	};

	return cmocka_run_group_tests(tests, mounts_private, NULL);
}
