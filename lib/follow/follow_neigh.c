/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Neighbours that are configured.  One that becomes anything else is gone: what the kernel has
 * learned is its own.
 *
 * There is one message for each change, and it has all of the neighbour: no look is needed but the
 * first.
 */
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>

#include <netlink/attr.h>
#include <netlink/msg.h>

#include "follow/follow_priv.h"

bool follow_neigh_ask(struct follow *f, struct nl_msg *msg)
{
	struct ndmsg ndm = { .ndm_family = AF_UNSPEC };

	return nlmsg_append(msg, &ndm, sizeof(ndm), NLMSG_ALIGNTO) == 0 &&
	       nla_put_u32(msg, NDA_IFINDEX, f->link.ifindex) == 0;
}

/* Of the interface; @ret_is_ours: configured, and what it has makes sense */
static bool parse(const struct follow *f, struct nlmsghdr *nlh, struct follow_neigh *ret,
		  bool *ret_is_ours)
{
	const struct ndmsg *ndm = nlmsg_data(nlh);
	struct nlattr *tb[NDA_MAX + 1];

	if (nlmsg_parse(nlh, sizeof(*ndm), tb, NDA_MAX, NULL) < 0)
		return false;
	if (ndm->ndm_ifindex <= 0 || (uint32_t)ndm->ndm_ifindex != f->link.ifindex)
		return false;
	if (ndm->ndm_flags & NTF_PROXY)
		return false;
	*ret = (struct follow_neigh){ .addr = IP6_UNSPECIFIED };
	if (!follow_get_addr(tb[NDA_DST], ndm->ndm_family, &ret->addr))
		return false;
	*ret_is_ours = nlh->nlmsg_type == RTM_NEWNEIGH && ndm->ndm_state & NUD_PERMANENT &&
		       tb[NDA_LLADDR] && nla_len(tb[NDA_LLADDR]) == ETH_ADDR_LEN;
	if (*ret_is_ours)
		ret->mac = eth_addr_get(nla_data(tb[NDA_LLADDR]));
	return true;
}

static void gone(void *arg, struct follow_entry *e)
{
	struct follow *f = arg;
	const struct follow_neigh n = e->neigh;

	follow_set_del(&f->neighs, e);
	f->ops->neigh(f->arg, &n, false);
}

static int there(struct follow *f, const struct follow_neigh *n)
{
	const struct follow_key key = { .addr = n->addr };
	struct follow_entry *e = follow_set_lookup(&f->neighs, &key);
	int r;

	if (e && eth_addr_eq(e->neigh.mac, n->mac)) {
		e->gen = f->gen;
		return 0;
	}
	if (!e) {
		r = follow_entry_new(&f->neighs, &key, &e);
		if (r < 0)
			return r;
	}
	e->gen = f->gen;
	e->neigh = *n;
	f->ops->neigh(f->arg, &e->neigh, true);
	return 0;
}

int follow_neigh_seen(struct follow *f, struct nlmsghdr *nlh)
{
	struct follow_neigh n;
	bool is_ours;

	return parse(f, nlh, &n, &is_ours) && is_ours ? there(f, &n) : 0;
}

int follow_neigh_notify(struct follow *f, struct nlmsghdr *nlh)
{
	struct follow_key key = { .a = 0 };
	struct follow_entry *e;
	struct follow_neigh n;
	bool is_ours;

	if (!parse(f, nlh, &n, &is_ours))
		return 0;
	if (is_ours)
		return there(f, &n);
	key.addr = n.addr;
	e = follow_set_lookup(&f->neighs, &key);
	if (e)
		gone(f, e);
	return 0;
}

static void sweep(void *arg, struct follow_entry *e)
{
	const struct follow *f = arg;

	if (e->gen != f->gen)
		gone(arg, e);
}

void follow_neigh_swept(struct follow *f)
{
	follow_set_each(&f->neighs, sweep, f);
}

void follow_neigh_forget(struct follow *f)
{
	follow_set_each(&f->neighs, gone, f);
}
