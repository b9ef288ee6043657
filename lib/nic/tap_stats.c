/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Frames that the kernel lost because nobody had read the ones before them: the interface counts
 * them, and we ask for that.
 */
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>

#include <linux/if_link.h>
#include <linux/rtnetlink.h>

#include "nic/tap_priv.h"

struct request {
	struct nlmsghdr h;
	struct ifinfomsg ifi;
};

/* Older kernels have less of it, and none has less than this. */
#define STATS_LEAST offsetof(struct rtnl_link_stats64, multicast)

static bool find_stats(struct nlmsghdr *h, struct rtnl_link_stats64 *ret)
{
	struct ifinfomsg *ifi = NLMSG_DATA(h);
	struct rtattr *a = IFLA_RTA(ifi);
	int left = (int)h->nlmsg_len - (int)NLMSG_SPACE(sizeof(*ifi));

	for (; RTA_OK(a, left); a = RTA_NEXT(a, left)) {
		if (a->rta_type != IFLA_STATS64 || RTA_PAYLOAD(a) < STATS_LEAST)
			continue;
		memcpy(ret, RTA_DATA(a), STATS_LEAST);
		return true;
	}
	return false;
}

/* The answer is there when the request was sent. */
static bool get_stats(const struct tap_dev *d, struct rtnl_link_stats64 *ret)
{
	const struct request req = {
		.h = { .nlmsg_len = sizeof(req),
		       .nlmsg_type = RTM_GETLINK,
		       .nlmsg_flags = NLM_F_REQUEST },
		.ifi = { .ifi_index = (int)d->info.ifindex },
	};
	_Alignas(NLMSG_ALIGNTO) char buf[8192];
	struct nlmsghdr *h = (struct nlmsghdr *)(void *)buf;
	ssize_t n;

	if (send(d->stat_fd, &req, sizeof(req), 0) != (ssize_t)sizeof(req))
		return false;
	n = recv(d->stat_fd, buf, sizeof(buf), MSG_DONTWAIT);
	return n > 0 && NLMSG_OK(h, (size_t)n) && h->nlmsg_type == RTM_NEWLINK &&
	       find_stats(h, ret);
}

bool tap_stats_lost(const struct tap_dev *d, bool is_macvlan, uint64_t *ret)
{
	struct rtnl_link_stats64 s;

	if (!get_stats(d, &s))
		return false;
	*ret = is_macvlan ? s.rx_dropped : s.tx_dropped;
	return true;
}
