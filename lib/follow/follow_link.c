/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The interface: found by its name, whatever index it has.
 *
 * A notification about an interface that has our name or had it leads to a question for the
 * name.  So one that was deleted and made again, one that was renamed and one that came late are
 * the same case, and old notifications do no harm.
 */
#include <net/if.h>

#include <string.h>

#include <linux/if_link.h>
#include <linux/ipv6.h>
#include <linux/rtnetlink.h>

#include <netlink/attr.h>
#include <netlink/msg.h>

#include "follow/follow_priv.h"

/* linux/rtnetlink.h has it, but not everywhere: no counters, please. */
#define SKIP_STATS (1U << 3)

/* linux/if.h has it and does not go along with net/if.h. */
#define LOWER_UP (1U << 16)

static const struct nla_policy link_policy[IFLA_MAX + 1] = {
	[IFLA_IFNAME] = { .type = NLA_STRING, .minlen = 1, .maxlen = FOLLOW_NAME_LEN },
	[IFLA_MTU] = { .type = NLA_U32 },
};

bool follow_link_ask(struct follow *f, struct nl_msg *msg)
{
	struct ifinfomsg ifi = { .ifi_family = AF_UNSPEC };

	return nlmsg_append(msg, &ifi, sizeof(ifi), NLMSG_ALIGNTO) == 0 &&
	       nla_put_u32(msg, IFLA_EXT_MASK, SKIP_STATS) == 0 &&
	       nla_put_string(msg, IFLA_IFNAME, f->ifname) == 0;
}

/* One of the s32 of an interface's /proc/sys/net/ipv6/conf.  0 for one without IPv6. */
static int32_t ipv6_conf(struct nlattr *af_spec, unsigned int which)
{
	struct nlattr *inet6 =
		af_spec ? nla_find(nla_data(af_spec), nla_len(af_spec), AF_INET6) : NULL;
	const struct nlattr *conf =
		inet6 ? nla_find(nla_data(inet6), nla_len(inet6), IFLA_INET6_CONF) : NULL;
	int32_t value;

	if (!conf || (size_t)nla_len(conf) < (which + 1) * sizeof(value))
		return 0;
	memcpy(&value, (const uint8_t *)nla_data(conf) + which * sizeof(value), sizeof(value));
	return value;
}

/* False for messages that are no interfaces: those of bridges about ports have the same type. */
static bool parse(struct nlmsghdr *nlh, struct follow_link *ret)
{
	const struct ifinfomsg *ifi = nlmsg_data(nlh);
	struct nlattr *tb[IFLA_MAX + 1];

	if (nlmsg_parse(nlh, sizeof(*ifi), tb, IFLA_MAX, link_policy) < 0)
		return false;
	if (ifi->ifi_family != AF_UNSPEC || ifi->ifi_index <= 0 || !tb[IFLA_IFNAME])
		return false;
	*ret = (struct follow_link){
		.ifindex = (uint32_t)ifi->ifi_index,
		.mtu = tb[IFLA_MTU] ? nla_get_u32(tb[IFLA_MTU]) : 0,
		.up = ifi->ifi_flags & IFF_UP,
		.running = (ifi->ifi_flags & (IFF_UP | IFF_RUNNING | LOWER_UP)) ==
			   (IFF_UP | IFF_RUNNING | LOWER_UP),
		.asks_dad = ipv6_conf(tb[IFLA_AF_SPEC], DEVCONF_ACCEPT_DAD) > 0,
	};
	(void)nla_strlcpy(ret->name, tb[IFLA_IFNAME], sizeof(ret->name)); /* it fits */
	if (tb[IFLA_ADDRESS] && nla_len(tb[IFLA_ADDRESS]) == ETH_ADDR_LEN)
		ret->mac = eth_addr_get(nla_data(tb[IFLA_ADDRESS]));
	return true;
}

static bool link_eq(const struct follow_link *a, const struct follow_link *b)
{
	return a->ifindex == b->ifindex && a->mtu == b->mtu && a->up == b->up &&
	       a->running == b->running && a->asks_dad == b->asks_dad &&
	       eth_addr_eq(a->mac, b->mac);
}

/* What is over it first. */
void follow_link_gone(struct follow *f)
{
	if (!f->link.ifindex)
		return;
	follow_neigh_forget(f);
	follow_route_forget(f);
	follow_addr_forget(f);
	f->link = (struct follow_link){ .ifindex = 0 };
	f->dirty &= DIRTY(LOOK_LINK);
	f->ops->link(f->arg, NULL);
}

void follow_link_seen(struct follow *f, struct nlmsghdr *nlh)
{
	struct follow_link link;

	/* The kernel finds an interface by its other names too: they are not ours. */
	if (!parse(nlh, &link) || strcmp(link.name, f->ifname) != 0) {
		follow_link_gone(f);
		return;
	}
	if (f->link.ifindex != link.ifindex) {
		follow_link_gone(f);
		f->dirty |= DIRTY_ALL & ~DIRTY(LOOK_LINK);
	}
	if (link_eq(&f->link, &link))
		return;
	/* The kernel takes IPv4 routes away without a word. */
	if (f->link.up != link.up || f->link.running != link.running)
		f->dirty |= DIRTY_ROUTES;
	f->link = link;
	f->ops->link(f->arg, &f->link);
}

void follow_link_notify(struct follow *f, struct nlmsghdr *nlh)
{
	struct follow_link link;

	if (!parse(nlh, &link))
		return;
	if (link.ifindex == f->link.ifindex && nlh->nlmsg_type == RTM_DELLINK)
		follow_link_gone(f);
	else if (link.ifindex != f->link.ifindex && strcmp(link.name, f->ifname) != 0)
		return;
	f->dirty |= DIRTY(LOOK_LINK);
	/* It may be up again when we look, but its routes have gone. */
	if (f->link.ifindex && (!link.up || !link.running))
		f->dirty |= DIRTY_ROUTES;
}
