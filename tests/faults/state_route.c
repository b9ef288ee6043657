/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What rtnetlink tells: links, ports and their VLANs, addresses, routes, rules.
 */
#include <net/if.h>

#include <arpa/inet.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <linux/fib_rules.h>
#include <linux/if_addr.h>
#include <linux/if_bridge.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>

#include "tests/faults/lines.h"
#include "tests/faults/state.h"
#include "tests/faults/state_priv.h"

/* Links in one namespace. */
#define LINKS_MAX 256

/* What somebody sets, as opposed to what the carrier does. */
#define FLAGS_SET (IFF_UP | IFF_NOARP | IFF_PROMISC | IFF_ALLMULTI | IFF_MULTICAST)

/* As far as the kernel does not set them by itself. */
#define ADDR_FLAGS_SET (IFA_F_PERMANENT | IFA_F_NODAD | IFA_F_NOPREFIXROUTE | IFA_F_SECONDARY)

/* State of one namespace being read. */
struct reader {
	struct lines *to;
	const char *ns;
	struct {
		uint32_t ifindex;
		char name[IFNAMSIZ];
	} link[LINKS_MAX];
	unsigned n_links;
};

static const char *link_name(const struct reader *rd, uint32_t ifindex)
{
	static char number[16];

	for (unsigned i = 0; i < rd->n_links; i++)
		if (rd->link[i].ifindex == ifindex)
			return rd->link[i].name;
	(void)snprintf(number, sizeof(number), "if%u", ifindex);
	return number;
}

/* --- links --- */

static void learn_name(const struct nlmsghdr *nlh, void *arg)
{
	const struct ifinfomsg *ifi = msg_body(nlh);
	struct reader *rd = arg;
	struct attrs at;

	attrs_read_msg(&at, nlh, sizeof(*ifi));
	if (rd->n_links == LINKS_MAX)
		die("more than %d links", LINKS_MAX);
	rd->link[rd->n_links].ifindex = (uint32_t)ifi->ifi_index;
	(void)snprintf(rd->link[rd->n_links].name, IFNAMSIZ, "%s", attr_text(at.v[IFLA_IFNAME]));
	rd->n_links++;
}

static void put_mac(FILE *f, const struct nlattr *a)
{
	const unsigned char *p = a ? attr_data(a) : NULL;

	for (size_t i = 0; a && i < attr_len(a); i++)
		(void)fprintf(f, "%s%02x", i ? ":" : "", p[i]);
}

/* Kind, VLAN filtering of a bridge, hairpin and isolation of a port. */
static void put_kind(FILE *f, const struct nlattr *linkinfo)
{
	struct attrs data;
	struct attrs at;

	if (!linkinfo)
		return;
	attrs_read_nest(&at, linkinfo);
	(void)fprintf(f, " kind %s", attr_text(at.v[IFLA_INFO_KIND]));
	if (at.v[IFLA_INFO_DATA] && strcmp(attr_text(at.v[IFLA_INFO_KIND]), "bridge") == 0) {
		attrs_read_nest(&data, at.v[IFLA_INFO_DATA]);
		(void)fprintf(f, " vlan_filtering ");
		put_hex(f, data.v[IFLA_BR_VLAN_FILTERING]);
	}
	if (at.v[IFLA_INFO_SLAVE_DATA]) {
		attrs_read_nest(&data, at.v[IFLA_INFO_SLAVE_DATA]);
		(void)fprintf(f, " hairpin ");
		put_hex(f, data.v[IFLA_BRPORT_MODE]);
		(void)fprintf(f, " isolated ");
		put_hex(f, data.v[IFLA_BRPORT_ISOLATED]);
	}
}

static void add_text(const struct reader *rd, FILE *f, char **text)
{
	if (fclose(f) != 0)
		die("out of memory");
	lines_addf(rd->to, "%s", *text);
	free(*text);
}

static FILE *begin_text(const struct reader *rd, const char *kind, char **text)
{
	static size_t size;
	FILE *f = open_memstream(text, &size);

	if (!f)
		die("out of memory");
	(void)fprintf(f, "%s %s ", rd->ns, kind);
	return f;
}

static void see_link(const struct nlmsghdr *nlh, void *arg)
{
	const struct ifinfomsg *ifi = msg_body(nlh);
	const struct reader *rd = arg;
	struct attrs at;
	char *text;
	FILE *f = begin_text(rd, "link", &text);

	attrs_read_msg(&at, nlh, sizeof(*ifi));
	(void)fprintf(f, "%s flags %x mtu %u txqlen %u promiscuity %u alias '%s' mac ",
		      attr_text(at.v[IFLA_IFNAME]), ifi->ifi_flags & FLAGS_SET,
		      attr_u32(at.v[IFLA_MTU]), attr_u32(at.v[IFLA_TXQLEN]),
		      attr_u32(at.v[IFLA_PROMISCUITY]), attr_text(at.v[IFLA_IFALIAS]));
	put_mac(f, at.v[IFLA_ADDRESS]);
	if (at.v[IFLA_MASTER])
		(void)fprintf(f, " master %s", link_name(rd, attr_u32(at.v[IFLA_MASTER])));
	put_kind(f, at.v[IFLA_LINKINFO]);
	add_text(rd, f, &text);
}

static void see_port(const struct nlmsghdr *nlh, void *arg)
{
	const struct ifinfomsg *ifi = msg_body(nlh);
	const struct reader *rd = arg;
	struct attrs at;
	char *text;
	FILE *f;

	attrs_read_msg(&at, nlh, sizeof(*ifi));
	f = begin_text(rd, "port", &text);
	(void)fprintf(f, "%s vlans ", attr_text(at.v[IFLA_IFNAME]));
	put_hex(f, at.v[IFLA_AF_SPEC]);
	add_text(rd, f, &text);
}

/* --- addresses, routes, rules --- */

static void put_addr(FILE *f, const char *what, uint8_t family, const struct nlattr *a)
{
	char buf[INET6_ADDRSTRLEN];

	if (a && inet_ntop(family, attr_data(a), buf, sizeof(buf)))
		(void)fprintf(f, "%s%s", what, buf);
}

/* The kernel's own: link-local and multicast addresses come and go with the carrier, those of
 * the loopback interface come when it is up for the first time and stay.
 */
static bool is_kernels(uint8_t family, const struct nlattr *a)
{
	static const unsigned char loopback[16] = { [15] = 1 };
	const unsigned char *p;

	if (!a)
		return false;
	p = attr_data(a);
	if (family == AF_INET)
		return p[0] == 127;
	return p[0] == 0xff || (p[0] == 0xfe && (p[1] & 0xc0) == 0x80) ||
	       memcmp(p, loopback, sizeof(loopback)) == 0;
}

static void see_addr(const struct nlmsghdr *nlh, void *arg)
{
	const struct ifaddrmsg *ifa = msg_body(nlh);
	const struct reader *rd = arg;
	struct attrs at;
	char *text;
	FILE *f;

	attrs_read_msg(&at, nlh, sizeof(*ifa));
	if (is_kernels(ifa->ifa_family, at.v[IFA_ADDRESS]))
		return;
	f = begin_text(rd, "addr", &text);
	(void)fprintf(f, "%s ", link_name(rd, ifa->ifa_index));
	put_addr(f, "", ifa->ifa_family, at.v[IFA_LOCAL] ? at.v[IFA_LOCAL] : at.v[IFA_ADDRESS]);
	(void)fprintf(f, "/%u scope %u flags %x", ifa->ifa_prefixlen, ifa->ifa_scope,
		      attr_u32(at.v[IFA_FLAGS]) & ADDR_FLAGS_SET);
	put_addr(f, " broadcast ", ifa->ifa_family, at.v[IFA_BROADCAST]);
	add_text(rd, f, &text);
}

static void see_route(const struct nlmsghdr *nlh, void *arg)
{
	const struct rtmsg *rt = msg_body(nlh);
	const struct reader *rd = arg;
	struct attrs at;
	char *text;
	FILE *f;

	attrs_read_msg(&at, nlh, sizeof(*rt));
	if (is_kernels(rt->rtm_family, at.v[RTA_DST]) || rt->rtm_flags & RTM_F_CLONED)
		return;
	/* Follow from the addresses, but a moment later. */
	if (rt->rtm_family == AF_INET6 && attr_u32(at.v[RTA_TABLE]) == RT_TABLE_LOCAL)
		return;
	f = begin_text(rd, "route", &text);
	(void)fprintf(f, "table %u ", attr_u32(at.v[RTA_TABLE]));
	put_addr(f, "", rt->rtm_family, at.v[RTA_DST]);
	(void)fprintf(f, "/%u type %u proto %u scope %u tos %u", rt->rtm_dst_len, rt->rtm_type,
		      rt->rtm_protocol, rt->rtm_scope, rt->rtm_tos);
	put_addr(f, " via ", rt->rtm_family, at.v[RTA_GATEWAY]);
	put_addr(f, " src ", rt->rtm_family, at.v[RTA_PREFSRC]);
	(void)fprintf(f, " metric %u metrics ", attr_u32(at.v[RTA_PRIORITY]));
	put_hex(f, at.v[RTA_METRICS]);
	if (at.v[RTA_OIF])
		(void)fprintf(f, " dev %s", link_name(rd, attr_u32(at.v[RTA_OIF])));
	add_text(rd, f, &text);
}

static void see_rule(const struct nlmsghdr *nlh, void *arg)
{
	const struct fib_rule_hdr *rule = msg_body(nlh);
	const struct reader *rd = arg;
	struct attrs at;
	char *text;
	FILE *f = begin_text(rd, "rule", &text);

	attrs_read_msg(&at, nlh, sizeof(*rule));
	(void)fprintf(f, "family %u priority %u table %u action %u iif '%s' oif '%s' mark %x",
		      rule->family, attr_u32(at.v[FRA_PRIORITY]), attr_u32(at.v[FRA_TABLE]),
		      rule->action, attr_text(at.v[FRA_IIFNAME]), attr_text(at.v[FRA_OIFNAME]),
		      attr_u32(at.v[FRA_FWMARK]));
	put_addr(f, " from ", rule->family, at.v[FRA_SRC]);
	put_addr(f, " to ", rule->family, at.v[FRA_DST]);
	add_text(rd, f, &text);
}

void state_clear_route(struct netns *ns)
{
	const struct ifinfomsg all = { .ifi_family = AF_UNSPEC };
	struct reader rd = { .ns = ns->name };

	dump(ns->route, RTM_GETLINK, &all, sizeof(all), learn_name, &rd);
	for (unsigned i = 0; i < rd.n_links; i++) {
		struct {
			struct nlmsghdr nlh;
			struct ifinfomsg ifi;
		} req = {
			.nlh = { .nlmsg_len = sizeof(req),
				 .nlmsg_type = RTM_DELLINK,
				 .nlmsg_flags = NLM_F_REQUEST },
			.ifi = { .ifi_index = (int)rd.link[i].ifindex },
		};

		/* The other end of a pair goes with the first. */
		if (strcmp(rd.link[i].name, "lo") != 0)
			change(ns->route, &req, sizeof(req), ENODEV);
	}
}

void state_read_route(struct lines *l, const struct netns *ns)
{
	const struct ifinfomsg all = { .ifi_family = AF_UNSPEC };
	const struct ifaddrmsg addresses = { .ifa_family = AF_UNSPEC };
	const struct rtmsg routes[] = { { .rtm_family = AF_INET }, { .rtm_family = AF_INET6 } };
	const struct fib_rule_hdr rules[] = { { .family = AF_INET }, { .family = AF_INET6 } };
	const struct {
		struct ifinfomsg ifi;
		struct nlattr attr;
		uint32_t mask;
	} ports = {
		.ifi = { .ifi_family = AF_BRIDGE },
		.attr = { .nla_len = NLA_HDRLEN + 4, .nla_type = IFLA_EXT_MASK },
		.mask = RTEXT_FILTER_BRVLAN,
	};
	struct reader rd = { .to = l, .ns = ns->name };

	dump(ns->route, RTM_GETLINK, &all, sizeof(all), learn_name, &rd);
	dump(ns->route, RTM_GETLINK, &all, sizeof(all), see_link, &rd);
	dump(ns->route, RTM_GETLINK, &ports, sizeof(ports), see_port, &rd);
	dump(ns->route, RTM_GETADDR, &addresses, sizeof(addresses), see_addr, &rd);
	for (size_t i = 0; i < 2; i++) {
		dump(ns->route, RTM_GETROUTE, &routes[i], sizeof(routes[i]), see_route, &rd);
		dump(ns->route, RTM_GETRULE, &rules[i], sizeof(rules[i]), see_rule, &rd);
	}
}
