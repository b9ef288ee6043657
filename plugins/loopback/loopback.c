/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * ADD sets the loopback interface up and answers with its addresses, DEL sets it down,
 * CHECK wants it up.  There is no configuration.  An ADD that fails leaves it as it was.
 *
 * The interface is addressed by its index, which is 1 in every namespace
 * (LOOPBACK_IFINDEX in the kernel's include/net/flow.h), so nothing is looked up.
 */
#include "plugins/loopback/loopback.h"

#include <net/if.h>

#include <errno.h>
#include <sys/socket.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/ipaddr.h"
#include "base/undo.h"
#include "netlink/addr.h"
#include "netlink/link.h"
#include "netlink/nlsock.h"
#include "sandbox/netns.h"

#define LO_NAME    "lo"
#define LO_IFINDEX 1

DEFINE_CLEANUP(struct nlsock *, nlsock_close);

static int open_socket(void *arg, struct nerr *err)
{
	return nlsock_open(arg, NETLINK_ROUTE, err);
}

/* A socket in the namespace; it stays there when the thread is back. */
static int open_in(const char *netns, struct nlsock **ret, struct nerr *err)
{
	cleanup_close int fd = -1;
	int r;

	r = netns_open(netns, &fd, err);
	if (r < 0)
		return nerr_ctx(err, "failed to open netns \"%s\"", netns);
	return netns_run_in(fd, open_socket, ret, err);
}

static void set_down(void *arg)
{
	struct nlsock *nl = arg;

	link_put_down(nl, LO_IFINDEX, LO_NAME);
	(void)nlsock_commit(nl, NULL); /* the failure that led here is reported */
}

/* First address of each family; any that is not of the loopback network is an error. */
struct lo_addresses {
	struct ipnet v4;
	struct ipnet v6;
	struct ipaddr foreign;
};

static int take_address(const struct addr_info *ai, void *arg)
{
	struct lo_addresses *found = arg;
	struct ipnet *first = ai->net.addr.family == AF_INET ? &found->v4 : &found->v6;

	if (!ipaddr_is_loopback(&ai->net.addr) && !ipaddr_is_set(&found->foreign))
		found->foreign = ai->net.addr;
	if (!ipaddr_is_set(&first->addr))
		*first = ai->net;
	return 0;
}

static int read_addresses(struct nlsock *nl, struct lo_addresses *ret, struct nerr *err)
{
	char buf[IPADDR_STR_LEN];
	int r;

	r = addr_dump(nl, LO_IFINDEX, AF_UNSPEC, take_address, ret, err);
	if (r < 0)
		return r;
	if (ipaddr_is_set(&ret->foreign))
		return nerr_set(err, -EINVAL,
				"loopback interface found with non-loopback address \"%s\"",
				ipaddr_to_str(&ret->foreign, buf));
	return 0;
}

static int add_ip(struct cni_call *call, const struct ipnet *address, struct nerr *err)
{
	struct cni_ip *ip;

	if (!ipaddr_is_set(&address->addr))
		return 0;
	ip = cni_result_add_ip(&call->result, json_doc_arena(call->doc));
	if (!ip)
		return nerr_oom(err);
	ip->interface = 0;
	ip->address = *address;
	return 0;
}

static int make_result(struct cni_call *call, const struct lo_addresses *found, struct nerr *err)
{
	struct cni_interface *lo;
	int r;

	if (call->prev) {
		call->result = *call->prev;
		return 0;
	}
	lo = cni_result_add_interface(&call->result, json_doc_arena(call->doc));
	if (!lo)
		return nerr_oom(err);
	lo->name = LO_NAME;
	lo->mac = "00:00:00:00:00:00";
	lo->sandbox = call->netns;
	r = add_ip(call, &found->v4, err);
	return r < 0 ? r : add_ip(call, &found->v6, err);
}

/* Up, if it is not; then @undo gets to know, before the kernel's answer can get lost. */
static int set_up(struct nlsock *nl, struct undo *undo, struct nerr *err)
{
	struct link_info lo;
	int r = link_get_index(nl, LO_IFINDEX, &lo, err);

	if (r < 0 || lo.flags & IFF_UP)
		return r;
	undo_push(undo, set_down, nl);
	link_put_up(nl, LO_IFINDEX, LO_NAME);
	return nlsock_commit(nl, err);
}

static int loopback_add(struct cni_call *call, struct nerr *err)
{
	CLEANUP(nlsock_closep) struct nlsock *nl = NULL;
	CLEANUP(undo_run) struct undo undo = UNDO_INIT;
	struct lo_addresses found = { 0 };
	int r;

	r = open_in(call->netns, &nl, err);
	if (r == 0)
		r = set_up(nl, &undo, err);
	if (r == 0)
		r = read_addresses(nl, &found, err);
	if (r == 0)
		r = make_result(call, &found, err);
	if (r < 0)
		return r;
	undo_commit(&undo);
	return 0;
}

/* The namespace is gone, and its interface with it: there is no path, or only the empty
 * file that an unmount leaves.
 */
static bool is_gone(const char *netns)
{
	cleanup_close int fd = -1;
	int r = netns_open(netns, &fd, NULL);

	return r == -ENOENT || r == -EINVAL;
}

static int loopback_del(struct cni_call *call, struct nerr *err)
{
	CLEANUP(nlsock_closep) struct nlsock *nl = NULL;
	int r;

	r = open_in(call->netns, &nl, err);
	if (r < 0)
		return is_gone(call->netns) ? 0 : r;
	link_put_down(nl, LO_IFINDEX, LO_NAME);
	return nlsock_commit(nl, err);
}

static int loopback_check(struct cni_call *call, struct nerr *err)
{
	CLEANUP(nlsock_closep) struct nlsock *nl = NULL;
	struct link_info lo;
	int r;

	r = open_in(call->netns, &nl, err);
	if (r == 0)
		r = link_get_index(nl, LO_IFINDEX, &lo, err);
	if (r < 0)
		return r;
	if (!(lo.flags & IFF_UP))
		return nerr_set(err, -ENETDOWN, "loopback interface is down");
	return 0;
}

/* GC: the interface lives and dies with its namespace.  STATUS: every kernel with network
 * namespaces has one.
 */
static int loopback_nothing(struct cni_call *call, struct nerr *err)
{
	(void)call;
	(void)err;
	return 0;
}

const struct cni_plugin loopback_plugin = {
	.name = "loopback",
	.versions = cni_versions_all,
	.add = loopback_add,
	.del = loopback_del,
	.check = loopback_check,
	.gc = loopback_nothing,
	.status = loopback_nothing,
};
