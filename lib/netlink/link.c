/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "netlink/link.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include <linux/if.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>

#include <libmnl/libmnl.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "netlink/attr_priv.h"
#include "netlink/dump_priv.h"
#include "netlink/link_priv.h"
#include "netlink/nlsock.h"

/* An alternative name of a link may be this long, its NUL included (linux/if.h, ALTIFNAMSIZ). */
#define ALT_NAME_LEN 128

/* --- what the kernel says --- */

static void parse_bridge(const struct nlattr *nest, struct link_info *li)
{
	const struct nlattr *a;
	uint8_t on;

	attr_foreach_nested(a, nest) {
		if (mnl_attr_get_type(a) != IFLA_BR_VLAN_FILTERING)
			continue;
		on = 0;
		attr_get_u8(a, &on);
		li->vlan_filtering = on;
	}
}

static void parse_bridge_port(const struct nlattr *nest, struct link_info *li)
{
	const struct nlattr *a;
	uint8_t on;

	attr_foreach_nested(a, nest) {
		on = 0;
		switch (mnl_attr_get_type(a)) {
		case IFLA_BRPORT_MODE:
			attr_get_u8(a, &on);
			li->hairpin = on;
			break;
		case IFLA_BRPORT_ISOLATED:
			attr_get_u8(a, &on);
			li->isolated = on;
			break;
		default:
			break;
		}
	}
}

static void parse_linkinfo(const struct nlattr *nest, struct link_info *li)
{
	const struct nlattr *data = NULL;
	const struct nlattr *slave_data = NULL;
	char slave_kind[LINK_KIND_LEN] = "";
	const struct nlattr *a;

	attr_foreach_nested(a, nest) {
		switch (mnl_attr_get_type(a)) {
		case IFLA_INFO_KIND:
			attr_get_text(a, li->kind, sizeof(li->kind));
			break;
		case IFLA_INFO_DATA:
			data = a;
			break;
		case IFLA_INFO_SLAVE_KIND:
			attr_get_text(a, slave_kind, sizeof(slave_kind));
			break;
		case IFLA_INFO_SLAVE_DATA:
			slave_data = a;
			break;
		default:
			break;
		}
	}
	/* Attribute numbers mean what the kind says. */
	if (data && strcmp(li->kind, "bridge") == 0)
		parse_bridge(data, li);
	if (slave_data && strcmp(slave_kind, "bridge") == 0)
		parse_bridge_port(slave_data, li);
}

static void parse_mac(const struct nlattr *a, struct macaddr *ret)
{
	uint16_t len = mnl_attr_get_payload_len(a);

	if (len != 6 && len != 8 && len != 20) /* tunnels show IP addresses here */
		return;
	ret->len = (uint8_t)len;
	memcpy(ret->bytes, mnl_attr_get_payload(a), len);
}

static void parse_attr(const struct nlattr *a, struct link_info *li)
{
	switch (mnl_attr_get_type(a)) {
	case IFLA_IFNAME:
		attr_get_text(a, li->name, sizeof(li->name));
		break;
	case IFLA_ADDRESS:
		parse_mac(a, &li->mac);
		break;
	case IFLA_MTU:
		attr_get_u32(a, &li->mtu);
		break;
	case IFLA_TXQLEN:
		attr_get_u32(a, &li->txqlen);
		break;
	case IFLA_PROMISCUITY:
		attr_get_u32(a, &li->promiscuity);
		break;
	case IFLA_MASTER:
		attr_get_ifindex(a, &li->master);
		break;
	case IFLA_LINK:
		attr_get_ifindex(a, &li->peer);
		break;
	case IFLA_OPERSTATE:
		attr_get_u8(a, &li->operstate);
		break;
	case IFLA_IFALIAS:
		attr_get_text(a, li->alias, sizeof(li->alias));
		break;
	case IFLA_LINKINFO:
		parse_linkinfo(a, li);
		break;
	default:
		break;
	}
}

int link_parse(const struct nlmsghdr *nlh, struct link_info *ret)
{
	const struct ifinfomsg *ifi = mnl_nlmsg_get_payload(nlh);
	struct link_info li = { 0 };
	const struct nlattr *a;

	if (mnl_nlmsg_get_payload_len(nlh) < sizeof(*ifi) || ifi->ifi_index <= 0)
		return -EBADMSG;
	li.ifindex = ifi->ifi_index;
	li.flags = ifi->ifi_flags;
	attr_foreach(a, nlh, sizeof(*ifi))
		parse_attr(a, &li);
	if (li.name[0] == '\0')
		return -EBADMSG;
	*ret = li;
	return 0;
}

/* --- asking --- */

/* Statistics are most of an answer, and nobody here reads them. */
static void put_ext_mask(struct nlmsghdr *nlh)
{
	mnl_attr_put_u32(nlh, IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
}

static int get_answer(const struct nlmsghdr *nlh, void *arg)
{
	return nlh->nlmsg_type == RTM_NEWLINK ? link_parse(nlh, arg) : 0;
}

/* As link_get(), without the context of its messages. */
static int get_link(struct nlsock *nl, struct nlmsghdr *nlh, struct link_info *ret,
		    struct nerr *err)
{
	struct link_info li = { 0 };
	int r = nlsock_talk(nl, nlh, get_answer, &li, err);

	if (r == -ENODEV)
		return nerr_set(err, r, "Link not found");
	if (r < 0)
		return r;
	if (li.ifindex == 0)
		return nerr_set(err, -EPROTO, "the kernel confirmed the request without an answer");
	*ret = li;
	return 0;
}

int link_get(struct nlsock *nl, const char *name, struct link_info *ret, struct nerr *err)
{
	uint8_t buf[512] = { 0 };
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);
	size_t len = strlen(name);
	int r;

	if (len >= ALT_NAME_LEN)
		return nerr_set(err, -ENODEV, "Link not found");
	nlh->nlmsg_type = RTM_GETLINK;
	mnl_nlmsg_put_extra_header(nlh, sizeof(struct ifinfomsg));
	/* The kernel refuses a long name in the one, and takes it in the other. */
	mnl_attr_put_strz(nlh, len < IFNAMSIZ ? IFLA_IFNAME : IFLA_ALT_IFNAME, name);
	put_ext_mask(nlh);
	r = get_link(nl, nlh, ret, err);
	if (r < 0 && r != -ENODEV)
		(void)nerr_ctx(err, "cannot look up link '%s'", name);
	return r;
}

int link_get_index(struct nlsock *nl, int ifindex, struct link_info *ret, struct nerr *err)
{
	uint8_t buf[128] = { 0 };
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);
	struct ifinfomsg *ifi;
	int r;

	if (ifindex <= 0)
		return nerr_set(err, -ENODEV, "Link not found");
	nlh->nlmsg_type = RTM_GETLINK;
	ifi = mnl_nlmsg_put_extra_header(nlh, sizeof(*ifi));
	ifi->ifi_index = ifindex;
	put_ext_mask(nlh);
	r = get_link(nl, nlh, ret, err);
	if (r < 0 && r != -ENODEV)
		(void)nerr_ctx(err, "cannot look up link %d", ifindex);
	return r;
}

static int dump_one(const struct nlmsghdr *nlh, struct dump *d, const void *arg)
{
	struct link_info li;

	(void)arg; /* no filter */
	if (nlh->nlmsg_type != RTM_NEWLINK || link_parse(nlh, &li) < 0)
		return 0; /* one odd entry must not hide the others */
	return dump_add(d, &li);
}

int link_dump(struct nlsock *nl, int (*cb)(const struct link_info *li, void *arg), void *arg,
	      struct nerr *err)
{
	CLEANUP(dump_done) struct dump d = { .item_size = sizeof(struct link_info) };
	uint8_t buf[128] = { 0 };
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);
	const struct link_info *li;
	int r;

	nlh->nlmsg_type = RTM_GETLINK;
	nlh->nlmsg_flags = NLM_F_DUMP;
	mnl_nlmsg_put_extra_header(nlh, sizeof(struct ifinfomsg));
	put_ext_mask(nlh);
	d.parse = dump_one;
	r = dump_gather(nl, nlh, &d, err);
	if (r < 0) {
		(void)nerr_ctx(err, "cannot list links");
		return r;
	}
	li = d.v;
	for (size_t i = 0; i < d.n; i++) {
		r = cb(&li[i], arg);
		if (r < 0)
			return r;
	}
	return 0;
}

/* --- small things --- */

const char *link_operstate_str(uint8_t operstate)
{
	static const char *const name[] = {
		[IF_OPER_UNKNOWN] = "unknown", [IF_OPER_NOTPRESENT] = "notpresent",
		[IF_OPER_DOWN] = "down",       [IF_OPER_LOWERLAYERDOWN] = "lowerlayerdown",
		[IF_OPER_TESTING] = "testing", [IF_OPER_DORMANT] = "dormant",
		[IF_OPER_UP] = "up",
	};

	return operstate < ARRAY_SIZE(name) ? name[operstate] : "invalid";
}

int link_random_name(char ret[static IFNAMSIZ], struct nerr *err)
{
	uint32_t v;
	ssize_t n;

	do
		n = getrandom(&v, sizeof(v), 0);
	while (n < 0 && errno == EINTR);
	if (n != (ssize_t)sizeof(v)) /* up to 256 bytes come whole: random(4) */
		return nerr_set(err, n < 0 ? -errno : -EIO, "cannot get random bytes: %m");
	(void)snprintf(ret, IFNAMSIZ, "veth%08x", v); /* 12 characters */
	return 0;
}
