/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <net/if.h>

#include <sys/ioctl.h>

#include <linux/if_link.h>
#include <linux/if_tun.h>
#include <linux/rtnetlink.h>

#include <libmnl/libmnl.h>

#include "netlink/link_priv.h"
#include "tests/unit/netns_fixture.h"

static void get_by_name_and_index(void **state)
{
	struct nlsock *nl = *state;
	struct link_info a;
	struct link_info b;
	struct nerr err;

	assert_ok(link_get(nl, "lo", &a, &err), err);
	assert_ok(link_get_index(nl, a.ifindex, &b, &err), err);
	assert_int_equal(a.ifindex, 1);
	assert_string_equal(a.name, "lo");
	assert_string_equal(b.name, "lo");
	assert_int_equal(b.ifindex, 1);
	assert_int_equal(b.flags, a.flags);
	assert_true(a.flags & IFF_LOOPBACK);
	assert_int_equal(a.mtu, 65536);
	assert_string_equal(a.kind, "");
	assert_string_equal(a.alias, "");
	assert_int_equal(a.mac.len, 6);
	assert_int_equal(a.peer, 0);
}

static void missing_links_have_one_message(void **state)
{
	char longest[200];
	struct nlsock *nl = *state;
	struct link_info li = { .ifindex = 77 };
	struct nerr err;

	memset(longest, 'x', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = '\0';
	assert_int_equal(link_get(nl, "none", &li, &err), -ENODEV);
	assert_string_equal(err.msg, "Link not found");
	assert_int_equal(link_get(nl, "", &li, &err), -ENODEV);
	assert_string_equal(err.msg, "Link not found");
	assert_int_equal(link_get(nl, "a-name-of-16-byte", &li, &err), -ENODEV);
	assert_string_equal(err.msg, "Link not found");
	assert_int_equal(link_get(nl, longest, &li, &err), -ENODEV);
	assert_string_equal(err.msg, "Link not found");
	assert_int_equal(link_get_index(nl, 4711, &li, &err), -ENODEV);
	assert_string_equal(err.msg, "Link not found");
	assert_int_equal(link_get_index(nl, 0, &li, &err), -ENODEV);
	assert_int_equal(link_get_index(nl, -1, &li, NULL), -ENODEV);
	assert_int_equal(li.ifindex, 77); /* nothing was written */
}

static void long_and_alternative_names(void **state)
{
	struct nlsock *nl = *state;
	struct link_info li;
	char out[1024];
	struct nerr err;

	veth_pair(nl, "fifteen-bytes-x", "b");
	assert_ok(link_get(nl, "fifteen-bytes-x", &li, &err), err);
	assert_string_equal(li.name, "fifteen-bytes-x");
	assert_int_equal(link_get(nl, "fifteen-bytes-", &li, &err), -ENODEV);

	run_ok(out, sizeof(out), "ip", "link", "property", "add", "dev", "b", "altname",
	       "an-alternative-name-of-31-bytes");
	assert_ok(link_get(nl, "an-alternative-name-of-31-bytes", &li, &err), err);
	assert_string_equal(li.name, "b");
}

static void alias_is_read_at_full_length(void **state)
{
	struct nlsock *nl = *state;
	struct link_info li;
	char alias[256];
	char out[1024];
	struct nerr err;

	memset(alias, 'a', sizeof(alias) - 1);
	alias[sizeof(alias) - 1] = '\0';
	run_ok(out, sizeof(out), "ip", "link", "set", "lo", "alias", alias);
	assert_ok(link_get(nl, "lo", &li, &err), err);
	assert_string_equal(li.alias, alias);
}

/* A tun device has no link address, so the kernel sends no IFLA_ADDRESS. */
static void link_without_an_address(void **state)
{
	struct nlsock *nl = *state;
	struct ifreq ifr = { .ifr_name = "tun0", .ifr_flags = IFF_TUN | IFF_NO_PI };
	int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC);
	struct link_info li;
	struct nerr err;

	if (fd < 0)
		skip_because("/dev/net/tun cannot be opened: %s", strerror(errno));
	assert_return_code(ioctl(fd, TUNSETIFF, &ifr), errno);
	assert_ok(link_get(nl, "tun0", &li, &err), err);
	assert_int_equal(li.mac.len, 0);
	assert_string_equal(li.kind, "tun");
	(void)close(fd);
}

/* --- list --- */

struct seen {
	unsigned n;
	unsigned stop_at;
	char names[512];
};

static int note(const struct link_info *li, void *arg)
{
	struct seen *s = arg;
	size_t len = strlen(s->names);

	(void)snprintf(s->names + len, sizeof(s->names) - len, "%s ", li->name);
	return ++s->n == s->stop_at ? -ECANCELED : 0;
}

static void dump_lists_each_link_once(void **state)
{
	struct nlsock *nl = *state;
	struct seen s = { 0 };
	struct nerr err;

	veth_pair(nl, "a0", "b0");
	assert_ok(link_dump(nl, note, &s, &err), err);
	assert_contains(s.names, "lo ");
	assert_contains(s.names, "a0 ");
	assert_contains(s.names, "b0 ");
	s.n = 0;
	s.names[0] = '\0';
	s.stop_at = 2;
	assert_int_equal(link_dump(nl, note, &s, &err), -ECANCELED);
	assert_int_equal(s.n, 2);
}

static int count(const struct link_info *li, void *arg)
{
	unsigned *n = arg;

	assert_true(li->ifindex > 0 && li->name[0]);
	(*n)++;
	return 0;
}

static void dump_of_many_links(void **state)
{
	enum {
		PAIRS = 60
	};
	struct nlsock *nl = *state;
	unsigned before = 0;
	unsigned n = 0;
	struct nerr err;

	assert_ok(link_dump(nl, count, &before, &err), err);
	for (unsigned i = 0; i < PAIRS; i++) {
		char a[IFNAMSIZ];
		char b[IFNAMSIZ];

		(void)snprintf(a, sizeof(a), "a%u", i);
		(void)snprintf(b, sizeof(b), "b%u", i);
		link_put_veth(nl, &(struct link_veth){ .name = a, .peer_name = b, .peer_ns = -1 });
	}
	assert_ok(nlsock_commit(nl, &err), err);
	assert_ok(link_dump(nl, count, &n, &err), err);
	assert_int_equal(n, before + PAIRS * 2);
}

/* --- hostile answers --- */

static int keep(const struct nlmsghdr *nlh, void *arg)
{
	struct nlmsghdr **ret = arg;

	*ret = malloc(nlh->nlmsg_len);
	assert_non_null(*ret);
	memcpy(*ret, nlh, nlh->nlmsg_len);
	return 0;
}

/* The kernel's own answer for a bridge port with an alias. */
static struct nlmsghdr *real_answer(struct nlsock *nl)
{
	uint8_t buf[128] = { 0 };
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);
	struct nlmsghdr *ret = NULL;
	char out[1024];
	struct nerr err;

	link_put_bridge(nl, &(struct link_bridge){ .name = "br0" });
	assert_ok(nlsock_commit(nl, &err), err);
	link_put_veth(nl, &(struct link_veth){ .name = "p0",
					       .master = ifindex_of(nl, "br0"),
					       .peer_name = "q0",
					       .peer_ns = -1 });
	assert_ok(nlsock_commit(nl, &err), err);
	run_ok(out, sizeof(out), "ip", "link", "set", "p0", "alias", "text");
	nlh->nlmsg_type = RTM_GETLINK;
	mnl_nlmsg_put_extra_header(nlh, sizeof(struct ifinfomsg));
	mnl_attr_put_strz(nlh, IFLA_IFNAME, "p0");
	assert_ok(nlsock_talk(nl, nlh, keep, &ret, &err), err);
	assert_non_null(ret);
	return ret;
}

/* Whatever is cut off, nothing behind the message is read (a sanitizer would tell), and a
 * message without a name is no link.
 */
static void parse_copes_with_every_truncation(void **state)
{
	struct nlmsghdr *whole = real_answer(*state);
	struct link_info full;

	assert_int_equal(link_parse(whole, &full), 0);
	assert_string_equal(full.name, "p0");
	assert_string_equal(full.alias, "text");
	for (uint32_t len = NLMSG_HDRLEN; len < whole->nlmsg_len; len++) {
		struct nlmsghdr *part = malloc(len);
		struct link_info li = { .ifindex = 77 };

		assert_non_null(part);
		memcpy(part, whole, len);
		part->nlmsg_len = len;
		if (link_parse(part, &li) == 0) {
			assert_int_equal(li.ifindex, full.ifindex);
			assert_string_equal(li.name, "p0");
		} else {
			assert_int_equal(li.ifindex, 77);
		}
		free(part);
	}
	free(whole);
}

/* Each byte in turn set to its extremes: lengths that point outside, names without an end. */
static void parse_copes_with_every_wrong_byte(void **state)
{
	static const uint8_t wrong[] = { 0x00, 0x01, 0x7f, 0x80, 0xff };
	struct nlmsghdr *whole = real_answer(*state);
	uint32_t len = whole->nlmsg_len;

	for (uint32_t i = NLMSG_HDRLEN; i < len; i++) {
		for (size_t w = 0; w < sizeof(wrong); w++) {
			struct nlmsghdr *bad = malloc(len);
			struct link_info li;

			assert_non_null(bad);
			memcpy(bad, whole, len);
			((uint8_t *)bad)[i] = wrong[w];
			if (link_parse(bad, &li) == 0) {
				assert_true(strlen(li.name) < sizeof(li.name));
				assert_true(strlen(li.kind) < sizeof(li.kind));
				assert_true(strlen(li.alias) < sizeof(li.alias));
				assert_true(li.mac.len <= MACADDR_LEN_MAX);
			}
			free(bad);
		}
	}
	free(whole);
}

/* --- small things --- */

static void operstates_have_names(void **state)
{
	(void)state;
	assert_string_equal(link_operstate_str(0), "unknown");
	assert_string_equal(link_operstate_str(2), "down");
	assert_string_equal(link_operstate_str(3), "lowerlayerdown");
	assert_string_equal(link_operstate_str(6), "up");
	assert_string_equal(link_operstate_str(7), "invalid");
	assert_string_equal(link_operstate_str(255), "invalid");
}

static void random_names_differ(void **state)
{
	char a[IFNAMSIZ];
	char b[IFNAMSIZ];
	struct nerr err;

	(void)state;
	assert_ok(link_random_name(a, &err), err);
	assert_ok(link_random_name(b, &err), err);
	assert_int_equal(strlen(a), 12);
	assert_memory_equal(a, "veth", 4);
	assert_int_equal(strspn(a + 4, "0123456789abcdef"), 8);
	assert_string_not_equal(a, b);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, netns_setup, netns_teardown)
	const struct CMUnitTest tests[] = {
		T(get_by_name_and_index),
		T(missing_links_have_one_message),
		T(long_and_alternative_names),
		T(alias_is_read_at_full_length),
		T(link_without_an_address),
		T(dump_lists_each_link_once),
		T(dump_of_many_links),
		T(parse_copes_with_every_truncation),
		T(parse_copes_with_every_wrong_byte),
		cmocka_unit_test(operstates_have_names),
		cmocka_unit_test(random_names_differ),
	};

	return cmocka_run_group_tests(tests, mounts_private, NULL);
}
