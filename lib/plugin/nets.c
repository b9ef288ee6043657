/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "plugin/nets.h"

#include <errno.h>
#include <unistd.h>

#include "base/error.h"
#include "netlink/deferred_close.h"
#include "netlink/nlsock.h"
#include "sandbox/netns.h"

int plugin_nets_open_host(struct plugin_nets *nets, struct nerr *err)
{
	int r;

	r = netns_open_self(&nets->host_ns, err);
	if (r < 0)
		return r;
	return nlsock_open(&nets->host, NETLINK_ROUTE, err);
}

static int open_cont_socket(void *arg, struct nerr *err)
{
	struct plugin_nets *nets = arg;

	return nlsock_open(&nets->cont, NETLINK_ROUTE, err);
}

int plugin_nets_open(struct plugin_nets *nets, const char *path, struct nerr *err)
{
	int r;

	r = netns_open(path, &nets->cont_ns, err);
	if (r < 0)
		return nerr_ctx(err, "failed to open netns \"%s\"", path);
	r = plugin_nets_open_host(nets, err);
	if (r < 0)
		return r;
	return netns_run_in(nets->cont_ns, open_cont_socket, nets, err);
}

int plugin_nets_open_del(struct plugin_nets *nets, const char *path, struct nerr *err)
{
	int r;

	/* -EINVAL: what umount(8) leaves of a namespace file, an empty regular file. */
	r = netns_open(path, &nets->cont_ns, err);
	if (r < 0 && r != -ENOENT && r != -EINVAL)
		return nerr_ctx(err, "failed to open netns \"%s\"", path);
	r = plugin_nets_open_host(nets, err);
	if (r < 0 || nets->cont_ns < 0)
		return r;
	return netns_run_in(nets->cont_ns, open_cont_socket, nets, err);
}

int plugin_nets_nft(struct plugin_nets *nets, struct nerr *err)
{
	if (nets->nft)
		return 0;
	return nlsock_open(&nets->nft, NETLINK_NETFILTER, err);
}

void plugin_nets_done(struct plugin_nets *nets)
{
	/* An ordinary close waits for all that anybody destroyed a moment ago. */
	nlsock_close_deferred(nets->nft);
	if (nets->cont)
		nlsock_close(nets->cont);
	if (nets->host)
		nlsock_close(nets->host);
	if (nets->cont_ns >= 0)
		(void)close(nets->cont_ns);
	if (nets->host_ns >= 0)
		(void)close(nets->host_ns);
	*nets = PLUGIN_NETS_INIT;
}
