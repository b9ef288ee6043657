/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * link_put.c - changes to links, queued
 */
#include <assert.h>
#include <errno.h>
#include <string.h>

#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>

#include <libmnl/libmnl.h>

#include "base/ipaddr.h"
#include "netlink/link.h"
#include "netlink/nlsock.h"

/* A name as an attribute.  One that is too long fails the whole queue: cut to its first
 * characters it could be another link's.
 */
static void put_name(struct nlsock *nl, struct nlmsghdr *nlh, const char *name)
{
	if (name[0] == '\0') {
		nlsock_fail(nl, -EINVAL, "the name of a link cannot be empty");
		return;
	}
	if (strlen(name) >= IFNAMSIZ) {
		nlsock_fail(nl, -ENAMETOOLONG, "link name '%.64s' is longer than %d bytes", name,
			    IFNAMSIZ - 1);
		return;
	}
	mnl_attr_put_strz(nlh, IFLA_IFNAME, name);
}

static void put_mac(struct nlmsghdr *nlh, const struct macaddr *mac)
{
	assert(mac->len <= sizeof(mac->bytes));
	mnl_attr_put(nlh, IFLA_ADDRESS, mac->len, mac->bytes);
}

/* Common part of a new link: name, MTU. */
static void put_new(struct nlsock *nl, struct nlmsghdr *nlh, const char *name, uint32_t mtu)
{
	put_name(nl, nlh, name);
	if (mtu)
		mnl_attr_put_u32(nlh, IFLA_MTU, mtu);
}

void link_put_veth(struct nlsock *nl, const struct link_veth *v)
{
	struct nlmsghdr *nlh =
		nlsock_msg(nl, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, 0,
			   "cannot create veth pair '%s' and '%s'", v->name, v->peer_name);
	struct ifinfomsg *ifi = mnl_nlmsg_put_extra_header(nlh, sizeof(*ifi));
	struct nlattr *info;
	struct nlattr *data;
	struct nlattr *peer;

	if (v->up) {
		ifi->ifi_flags = IFF_UP;
		ifi->ifi_change = IFF_UP;
	}
	put_new(nl, nlh, v->name, v->mtu);
	if (v->master)
		mnl_attr_put_u32(nlh, IFLA_MASTER, (uint32_t)v->master);

	info = mnl_attr_nest_start(nlh, IFLA_LINKINFO);
	mnl_attr_put_strz(nlh, IFLA_INFO_KIND, "veth");
	data = mnl_attr_nest_start(nlh, IFLA_INFO_DATA);
	peer = mnl_attr_nest_start(nlh, VETH_INFO_PEER);
	/* Its flags stay 0: the kernel brings the peer up before the pair is joined, which
	 * fails with ENOTCONN.
	 */
	mnl_nlmsg_put_extra_header(nlh, sizeof(struct ifinfomsg));
	put_new(nl, nlh, v->peer_name, v->mtu);
	if (v->peer_mac.len)
		put_mac(nlh, &v->peer_mac);
	if (v->peer_ns >= 0)
		mnl_attr_put_u32(nlh, IFLA_NET_NS_FD, (uint32_t)v->peer_ns);
	mnl_attr_nest_end(nlh, peer);
	mnl_attr_nest_end(nlh, data);
	mnl_attr_nest_end(nlh, info);
}

void link_put_bridge(struct nlsock *nl, const struct link_bridge *b)
{
	struct nlmsghdr *nlh = nlsock_msg(nl, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, -EEXIST,
					  "cannot create bridge '%s'", b->name);
	struct nlattr *info;
	struct nlattr *data;

	mnl_nlmsg_put_extra_header(nlh, sizeof(struct ifinfomsg));
	put_new(nl, nlh, b->name, b->mtu);
	info = mnl_attr_nest_start(nlh, IFLA_LINKINFO);
	mnl_attr_put_strz(nlh, IFLA_INFO_KIND, "bridge");
	if (b->vlan_filtering) {
		data = mnl_attr_nest_start(nlh, IFLA_INFO_DATA);
		mnl_attr_put_u8(nlh, IFLA_BR_VLAN_FILTERING, 1);
		mnl_attr_nest_end(nlh, data);
	}
	mnl_attr_nest_end(nlh, info);
}

void link_put_macvtap(struct nlsock *nl, const struct link_macvtap *m)
{
	struct nlmsghdr *nlh = nlsock_msg(nl, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, 0,
					  "cannot create macvtap '%s'", m->name);
	struct nlattr *info;
	struct nlattr *data;

	mnl_nlmsg_put_extra_header(nlh, sizeof(struct ifinfomsg));
	put_new(nl, nlh, m->name, m->mtu);
	mnl_attr_put_u32(nlh, IFLA_LINK, (uint32_t)m->lower);
	if (m->mac.len)
		put_mac(nlh, &m->mac);
	info = mnl_attr_nest_start(nlh, IFLA_LINKINFO);
	mnl_attr_put_strz(nlh, IFLA_INFO_KIND, "macvtap");
	data = mnl_attr_nest_start(nlh, IFLA_INFO_DATA);
	mnl_attr_put_u32(nlh, IFLA_MACVLAN_MODE, MACVLAN_MODE_BRIDGE);
	mnl_attr_nest_end(nlh, data);
	mnl_attr_nest_end(nlh, info);
}

static struct ifinfomsg *put_ifinfo(struct nlmsghdr *nlh, int ifindex)
{
	struct ifinfomsg *ifi = mnl_nlmsg_put_extra_header(nlh, sizeof(*ifi));

	ifi->ifi_index = ifindex;
	return ifi;
}

static void put_flag(struct nlmsghdr *nlh, int ifindex, unsigned flag, bool on)
{
	struct ifinfomsg *ifi = put_ifinfo(nlh, ifindex);

	ifi->ifi_flags = on ? flag : 0;
	ifi->ifi_change = flag;
}

void link_put_up(struct nlsock *nl, int ifindex, const char *name)
{
	put_flag(nlsock_msg(nl, RTM_SETLINK, 0, 0, "cannot set link '%s' up", name), ifindex,
		 IFF_UP, true);
}

void link_put_down(struct nlsock *nl, int ifindex, const char *name)
{
	put_flag(nlsock_msg(nl, RTM_SETLINK, 0, 0, "cannot set link '%s' down", name), ifindex,
		 IFF_UP, false);
}

void link_put_promisc(struct nlsock *nl, int ifindex, const char *name, bool on)
{
	put_flag(nlsock_msg(nl, RTM_SETLINK, 0, 0, "cannot switch promiscuous mode of '%s' %s",
			    name, on ? "on" : "off"),
		 ifindex, IFF_PROMISC, on);
}

void link_put_allmulti(struct nlsock *nl, int ifindex, const char *name, bool on)
{
	put_flag(nlsock_msg(nl, RTM_SETLINK, 0, 0, "cannot switch all-multicast mode of '%s' %s",
			    name, on ? "on" : "off"),
		 ifindex, IFF_ALLMULTI, on);
}

void link_put_master(struct nlsock *nl, int ifindex, const char *name, int master)
{
	struct nlmsghdr *nlh = nlsock_msg(nl, RTM_SETLINK, 0, 0,
					  "cannot make '%s' a port of link %d", name, master);

	put_ifinfo(nlh, ifindex);
	mnl_attr_put_u32(nlh, IFLA_MASTER, (uint32_t)master);
}

void link_put_mac(struct nlsock *nl, int ifindex, const char *name, const struct macaddr *mac)
{
	char text[MACADDR_STR_LEN];
	struct nlmsghdr *nlh = nlsock_msg(nl, RTM_SETLINK, 0, 0, "cannot set MAC of '%s' to %s",
					  name, macaddr_to_str(mac, text));

	put_ifinfo(nlh, ifindex);
	put_mac(nlh, mac);
}

void link_put_mtu(struct nlsock *nl, int ifindex, const char *name, uint32_t mtu)
{
	struct nlmsghdr *nlh =
		nlsock_msg(nl, RTM_SETLINK, 0, 0, "cannot set MTU of '%s' to %u", name, mtu);

	put_ifinfo(nlh, ifindex);
	mnl_attr_put_u32(nlh, IFLA_MTU, mtu);
}

void link_put_alias(struct nlsock *nl, int ifindex, const char *name, const char *alias)
{
	struct nlmsghdr *nlh =
		nlsock_msg(nl, RTM_SETLINK, 0, 0, "cannot set alias of '%s' to '%s'", name, alias);

	put_ifinfo(nlh, ifindex);
	mnl_attr_put_strz(nlh, IFLA_IFALIAS, alias);
}

void link_put_txqlen(struct nlsock *nl, int ifindex, const char *name, uint32_t txqlen)
{
	struct nlmsghdr *nlh =
		nlsock_msg(nl, RTM_SETLINK, 0, 0, "cannot set transmit queue length of '%s' to %u",
			   name, txqlen);

	put_ifinfo(nlh, ifindex);
	mnl_attr_put_u32(nlh, IFLA_TXQLEN, txqlen);
}

void link_put_name(struct nlsock *nl, int ifindex, const char *name, const char *new_name)
{
	struct nlmsghdr *nlh = nlsock_msg(nl, RTM_SETLINK, 0, 0, "cannot rename link '%s' to '%s'",
					  name, new_name);

	put_ifinfo(nlh, ifindex);
	put_name(nl, nlh, new_name);
}

void link_put_bridge_port(struct nlsock *nl, int ifindex, const char *name, bool hairpin,
			  bool isolated)
{
	struct nlmsghdr *nlh = nlsock_msg(
		nl, RTM_SETLINK, 0, 0, "cannot set hairpin %s and isolated %s on bridge port '%s'",
		hairpin ? "on" : "off", isolated ? "on" : "off", name);
	struct ifinfomsg *ifi = put_ifinfo(nlh, ifindex);
	struct nlattr *nest;

	ifi->ifi_family = AF_BRIDGE;
	nest = mnl_attr_nest_start(nlh, IFLA_PROTINFO);
	mnl_attr_put_u8(nlh, IFLA_BRPORT_MODE, hairpin);
	mnl_attr_put_u8(nlh, IFLA_BRPORT_ISOLATED, isolated);
	mnl_attr_nest_end(nlh, nest);
}

void link_put_del(struct nlsock *nl, int ifindex, const char *name)
{
	put_ifinfo(nlsock_msg(nl, RTM_DELLINK, 0, -ENODEV, "cannot delete link '%s'", name),
		   ifindex);
}
