/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * link_vids.c - VLANs of bridge ports
 */
#include <errno.h>
#include <string.h>

#include <linux/if_bridge.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>

#include <libmnl/libmnl.h>

#include "base/error.h"
#include "netlink/attr_priv.h"
#include "netlink/link_priv.h"
#include "netlink/nlsock.h"

/**
 * struct vids_of - VIDs being gathered
 * @range_begin: VID of an attribute flagged as the begin of a range, 0 for none
 */
struct vids_of {
	int ifindex;
	uint16_t range_begin;
	struct link_vids set;
};

static void vids_restart(void *arg)
{
	struct vids_of *v = arg;

	v->range_begin = 0;
	memset(&v->set, 0, sizeof(v->set));
}

static void vids_add(struct vids_of *v, uint16_t first, uint16_t last)
{
	for (unsigned vid = first; vid <= last && vid <= LINK_VID_MAX; vid++)
		v->set.bit[vid / 8] |= (uint8_t)(1u << (vid % 8));
}

/* --- kernels since 5.6: RTM_GETVLAN for one link --- */

static void add_entry(struct vids_of *v, const struct nlattr *entry)
{
	const struct bridge_vlan_info *info = NULL;
	uint16_t last = 0;
	const struct nlattr *a;

	attr_foreach_nested(a, entry) {
		switch (mnl_attr_get_type(a)) {
		case BRIDGE_VLANDB_ENTRY_INFO:
			if (mnl_attr_get_payload_len(a) >= sizeof(*info))
				info = mnl_attr_get_payload(a);
			break;
		case BRIDGE_VLANDB_ENTRY_RANGE:
			attr_get_u16(a, &last);
			break;
		default:
			break;
		}
	}
	if (info)
		vids_add(v, info->vid, last > info->vid ? last : info->vid);
}

static int vlandb_one(const struct nlmsghdr *nlh, void *arg)
{
	const struct br_vlan_msg *bvm = mnl_nlmsg_get_payload(nlh);
	struct vids_of *v = arg;
	const struct nlattr *a;

	if (nlh->nlmsg_type != RTM_NEWVLAN || mnl_nlmsg_get_payload_len(nlh) < sizeof(*bvm) ||
	    (int64_t)bvm->ifindex != v->ifindex)
		return 0;
	attr_foreach(a, nlh, sizeof(*bvm)) {
		if (mnl_attr_get_type(a) == BRIDGE_VLANDB_ENTRY)
			add_entry(v, a);
	}
	return 0;
}

int link_vids_of_port(struct nlsock *nl, int ifindex, struct link_vids *ret, struct nerr *err)
{
	uint8_t buf[128] = { 0 };
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);
	struct vids_of v = { .ifindex = ifindex };
	struct br_vlan_msg *bvm;
	int r;

	nlh->nlmsg_type = RTM_GETVLAN;
	nlh->nlmsg_flags = NLM_F_DUMP;
	bvm = mnl_nlmsg_put_extra_header(nlh, sizeof(*bvm));
	bvm->family = AF_BRIDGE;
	bvm->ifindex = (uint32_t)ifindex;
	r = nlsock_dump(nl, nlh, vlandb_one, vids_restart, &v, err);
	if (r == 0)
		*ret = v.set;
	return r;
}

/* --- older kernels: a list of all bridges and ports --- */

static void add_vlan_info(struct vids_of *v, const struct nlattr *a)
{
	const struct bridge_vlan_info *info = mnl_attr_get_payload(a);

	if (mnl_attr_get_payload_len(a) < sizeof(*info))
		return;
	if (info->flags & BRIDGE_VLAN_INFO_RANGE_BEGIN) {
		v->range_begin = info->vid;
		return;
	}
	if (info->flags & BRIDGE_VLAN_INFO_RANGE_END && v->range_begin)
		vids_add(v, v->range_begin, info->vid);
	else
		vids_add(v, info->vid, info->vid);
	v->range_begin = 0;
}

static int port_one(const struct nlmsghdr *nlh, void *arg)
{
	const struct ifinfomsg *ifi = mnl_nlmsg_get_payload(nlh);
	struct vids_of *v = arg;
	const struct nlattr *spec;
	const struct nlattr *a;

	if (nlh->nlmsg_type != RTM_NEWLINK || mnl_nlmsg_get_payload_len(nlh) < sizeof(*ifi) ||
	    ifi->ifi_index != v->ifindex)
		return 0;
	v->range_begin = 0;
	attr_foreach(spec, nlh, sizeof(*ifi)) {
		if (mnl_attr_get_type(spec) != IFLA_AF_SPEC)
			continue;
		attr_foreach_nested(a, spec) {
			if (mnl_attr_get_type(a) == IFLA_BRIDGE_VLAN_INFO)
				add_vlan_info(v, a);
		}
	}
	return 0;
}

int link_vids_of_all(struct nlsock *nl, int ifindex, struct link_vids *ret, struct nerr *err)
{
	uint8_t buf[128] = { 0 };
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);
	struct vids_of v = { .ifindex = ifindex };
	struct ifinfomsg *ifi;
	int r;

	nlh->nlmsg_type = RTM_GETLINK;
	nlh->nlmsg_flags = NLM_F_DUMP;
	ifi = mnl_nlmsg_put_extra_header(nlh, sizeof(*ifi));
	ifi->ifi_family = AF_BRIDGE;
	/* Without ranges 4094 VIDs do not fit the kernel's buffer. */
	mnl_attr_put_u32(nlh, IFLA_EXT_MASK, RTEXT_FILTER_BRVLAN_COMPRESSED);
	r = nlsock_dump(nl, nlh, port_one, vids_restart, &v, err);
	if (r == 0)
		*ret = v.set;
	return r;
}

int link_get_vids(struct nlsock *nl, int ifindex, struct link_vids *ret, struct nerr *err)
{
	int r = link_vids_of_port(nl, ifindex, ret, err);

	/* EINVAL: neither a bridge nor a port.  Then the list of all does not have it either. */
	if (r == -EOPNOTSUPP || r == -EINVAL)
		r = link_vids_of_all(nl, ifindex, ret, err);
	if (r < 0)
		(void)nerr_ctx(err, "cannot list VLANs of link %d", ifindex);
	return r;
}

/* --- changes --- */

static void put_vlan_info(struct nlmsghdr *nlh, int ifindex, uint16_t vid, uint16_t flags)
{
	struct ifinfomsg *ifi = mnl_nlmsg_put_extra_header(nlh, sizeof(*ifi));
	const struct bridge_vlan_info info = { .flags = flags, .vid = vid };
	struct nlattr *nest;

	ifi->ifi_family = AF_BRIDGE;
	ifi->ifi_index = ifindex;
	nest = mnl_attr_nest_start(nlh, IFLA_AF_SPEC);
	mnl_attr_put_u16(nlh, IFLA_BRIDGE_FLAGS, BRIDGE_FLAGS_MASTER);
	mnl_attr_put(nlh, IFLA_BRIDGE_VLAN_INFO, sizeof(info), &info);
	mnl_attr_nest_end(nlh, nest);
}

void link_put_vid(struct nlsock *nl, int ifindex, const char *name, uint16_t vid, bool pvid,
		  bool untagged)
{
	uint16_t flags = 0;

	if (pvid)
		flags |= BRIDGE_VLAN_INFO_PVID;
	if (untagged)
		flags |= BRIDGE_VLAN_INFO_UNTAGGED;
	put_vlan_info(nlsock_msg(nl, RTM_SETLINK, 0, 0, "cannot add VLAN %u to bridge port '%s'",
				 vid, name),
		      ifindex, vid, flags);
}

void link_put_vid_del(struct nlsock *nl, int ifindex, const char *name, uint16_t vid)
{
	put_vlan_info(nlsock_msg(nl, RTM_DELLINK, 0, -ENOENT,
				 "cannot remove VLAN %u from bridge port '%s'", vid, name),
		      ifindex, vid, 0);
}
