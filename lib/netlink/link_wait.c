/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * link_wait.c - waiting for a link to reach a state, or to go
 */
#include <errno.h>

#include <linux/rtnetlink.h>

#include <libmnl/libmnl.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "netlink/link.h"
#include "netlink/nlsock.h"

/**
 * struct watch - The link whose notifications count
 * @seen:	One came
 */
struct watch {
	int ifindex;
	bool seen;
};

static int watch_one(const struct nlmsghdr *nlh, void *arg)
{
	const struct ifinfomsg *ifi = mnl_nlmsg_get_payload(nlh);
	struct watch *w = arg;

	if (mnl_nlmsg_get_payload_len(nlh) >= sizeof(*ifi) && ifi->ifi_index == w->ifindex)
		w->seen = true;
	return 0;
}

/* Until something about the link was notified, or notifications were lost. */
static int wait_for_news(struct nlsock *events, int ifindex, int64_t deadline, struct nerr *err)
{
	struct watch w = { .ifindex = ifindex };

	while (!w.seen) {
		int r = nlsock_wait(events, deadline, watch_one, &w, err);

		if (r == -ENOBUFS)
			return 0;
		if (r < 0)
			return r;
	}
	return 0;
}

/**
 * struct waiting - For a link
 * @events:	Subscribed before the first look: no change can fall between the two
 * @nl:		To look with
 */
struct waiting {
	struct nlsock *events;
	struct nlsock *nl;
	int64_t deadline;
};

static void waiting_done(struct waiting *w)
{
	nlsock_close(w->events);
	nlsock_close(w->nl);
}

static int waiting_begin(struct waiting *w, int timeout_ms, struct nerr *err)
{
	int r = nlsock_open(&w->events, NETLINK_ROUTE, err);

	w->deadline = nlsock_deadline(timeout_ms);
	if (r == 0)
		r = nlsock_open(&w->nl, NETLINK_ROUTE, err);
	return r < 0 ? r : nlsock_subscribe(w->events, RTNLGRP_LINK, err);
}

int link_wait_operstate(int ifindex, uint8_t want, int timeout_ms, uint8_t *ret, struct nerr *err)
{
	CLEANUP(waiting_done) struct waiting w = { .deadline = 0 };
	int r = waiting_begin(&w, timeout_ms, err);

	if (r < 0)
		return r;
	for (;;) {
		struct link_info li;

		r = link_get_index(w.nl, ifindex, &li, err);
		if (r < 0)
			return r;
		*ret = li.operstate;
		if (li.operstate == want)
			return 0;
		r = wait_for_news(w.events, ifindex, w.deadline, err);
		if (r == -ETIMEDOUT)
			return nerr_set(err, r, "link '%s' is %s, waited %d ms for %s", li.name,
					link_operstate_str(li.operstate), timeout_ms,
					link_operstate_str(want));
		if (r < 0) {
			(void)nerr_ctx(err, "cannot wait for link '%s'", li.name);
			return r;
		}
	}
}

int link_wait_gone(int ifindex, int timeout_ms, struct nerr *err)
{
	CLEANUP(waiting_done) struct waiting w = { .deadline = 0 };
	int r = waiting_begin(&w, timeout_ms, err);

	if (r < 0)
		return r;
	for (;;) {
		struct link_info li;

		r = link_get_index(w.nl, ifindex, &li, err);
		if (r < 0)
			return r == -ENODEV ? 0 : r;
		r = wait_for_news(w.events, ifindex, w.deadline, err);
		if (r == -ETIMEDOUT)
			return nerr_set(err, r, "link '%s' is still there after %d ms", li.name,
					timeout_ms);
		if (r < 0) {
			(void)nerr_ctx(err, "cannot wait for link '%s'", li.name);
			return r;
		}
	}
}
