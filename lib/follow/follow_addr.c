/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Addresses of the interface.
 *
 * Linux may have one address with several prefix lengths, which are told, and with several
 * peers, of which one is: for us they are the same.
 */
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>

#include <netlink/attr.h>
#include <netlink/msg.h>

#include "follow/follow_priv.h"

static const struct nla_policy addr_policy[IFA_MAX + 1] = {
	[IFA_FLAGS] = { .type = NLA_U32 },
};

bool follow_addr_ask(struct follow *f, struct nl_msg *msg)
{
	struct ifaddrmsg ifa = { .ifa_family = AF_UNSPEC, .ifa_index = f->link.ifindex };

	return nlmsg_append(msg, &ifa, sizeof(ifa), NLMSG_ALIGNTO) == 0;
}

/* IFA_ADDRESS is the peer's where there is one, and then IFA_LOCAL is ours. */
static bool parse(const struct follow *f, struct nlmsghdr *nlh, struct follow_addr *ret)
{
	const struct ifaddrmsg *ifa = nlmsg_data(nlh);
	struct nlattr *tb[IFA_MAX + 1];
	uint32_t flags;

	if (nlmsg_parse(nlh, sizeof(*ifa), tb, IFA_MAX, addr_policy) < 0)
		return false;
	if (ifa->ifa_index != f->link.ifindex)
		return false;
	*ret = (struct follow_addr){ .prefix_len = ifa->ifa_prefixlen };
	if (!follow_get_addr(tb[IFA_LOCAL] ? tb[IFA_LOCAL] : tb[IFA_ADDRESS], ifa->ifa_family,
			     &ret->addr))
		return false;
	if (ret->prefix_len > (ifa->ifa_family == AF_INET ? 32 : 128))
		return false;
	flags = tb[IFA_FLAGS] ? nla_get_u32(tb[IFA_FLAGS]) : ifa->ifa_flags;
	ret->no_prefix_route = flags & IFA_F_NOPREFIXROUTE;
	/* An optimistic one may be used at once (RFC 4429), a duplicate never. */
	ret->tentative =
		flags & IFA_F_DADFAILED || (flags & IFA_F_TENTATIVE && !(flags & IFA_F_OPTIMISTIC));
	ret->no_dad = flags & IFA_F_NODAD;
	ret->deprecated = flags & IFA_F_DEPRECATED;
	ret->is_permanent = flags & IFA_F_PERMANENT;
	return true;
}

static bool addr_eq(const struct follow_addr *a, const struct follow_addr *b)
{
	return ip6_addr_eq(a->addr, b->addr) && a->prefix_len == b->prefix_len &&
	       a->no_prefix_route == b->no_prefix_route && a->tentative == b->tentative &&
	       a->no_dad == b->no_dad && a->deprecated == b->deprecated &&
	       a->is_permanent == b->is_permanent;
}

int follow_addr_seen(struct follow *f, struct nlmsghdr *nlh)
{
	struct follow_entry *e;
	struct follow_addr a;
	struct follow_key key;
	int r;

	if (nlh->nlmsg_type != RTM_NEWADDR || !parse(f, nlh, &a))
		return 0;
	key = (struct follow_key){ .addr = a.addr, .a = a.prefix_len };
	e = follow_set_lookup(&f->addrs, &key);
	if (e && (e->gen == f->gen || addr_eq(&e->addr, &a))) {
		e->gen = f->gen; /* as it was, or there with another peer */
		return 0;
	}
	if (!e) {
		r = follow_entry_new(&f->addrs, &key, &e);
		if (r < 0)
			return r;
	}
	e->gen = f->gen;
	e->addr = a;
	f->ops->addr(f->arg, &e->addr, true);
	return 0;
}

/* With an address go routes: of IPv4 all of them with the last one, of IPv6 the preferred
 * source of those that have it.  The kernel says nothing about either.
 */
void follow_addr_notify(struct follow *f, struct nlmsghdr *nlh)
{
	struct follow_addr a;

	if (!parse(f, nlh, &a))
		return;
	/* Nobody says when accept_dad changes; it matters for the addresses that come then. */
	f->dirty |= DIRTY(LOOK_ADDR) | DIRTY(LOOK_LINK);
	if (nlh->nlmsg_type == RTM_DELADDR)
		f->dirty |= ip6_addr_is_mapped(a.addr) ? DIRTY(LOOK_ROUTE4) : DIRTY(LOOK_ROUTE6);
}

static void gone(void *arg, struct follow_entry *e)
{
	struct follow *f = arg;
	const struct follow_addr a = e->addr;

	follow_set_del(&f->addrs, e);
	f->ops->addr(f->arg, &a, false);
}

static void sweep(void *arg, struct follow_entry *e)
{
	const struct follow *f = arg;

	if (e->gen != f->gen)
		gone(arg, e);
}

void follow_addr_swept(struct follow *f)
{
	follow_set_each(&f->addrs, sweep, f);
}

void follow_addr_forget(struct follow *f)
{
	follow_set_each(&f->addrs, gone, f);
}
