/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <net/if.h>

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/lock.h"
#include "base/sysctl.h"
#include "cni/cni.h"
#include "netlink/addr.h"
#include "netlink/nlsock.h"
#include "plugin/iface.h"
#include "plugin/nets.h"
#include "plugins/bridge/conf_priv.h"
#include "plugins/bridge/device_priv.h"

/* Others hold the lock for the milliseconds of an ADD; a hundred at once for seconds. */
#define BRIDGE_LOCK_MS 30000

static int bridge_create(struct plugin_nets *nets, const struct bridge_conf *conf,
			 struct bridge_dev *dev, struct nerr *err)
{
	int r;

	link_put_bridge(nets->host, &(struct link_bridge){ .name = conf->bridge,
							   .mtu = (uint32_t)conf->mtu,
							   .vlan_filtering =
								   bridge_conf_has_vlans(conf) });
	r = nlsock_commit(nets->host, err);
	if (r < 0)
		return nerr_ctx(err, "could not add \"%s\"", conf->bridge);
	dev->created = true;
	/* A router advertisement must not give the host addresses on its own bridge.
	 * And duplicate address detection for a MAC that was made this moment would only
	 * keep the host from asking for neighbours, so that over IPv6 nobody outside
	 * could reach the first container in its first seconds.
	 */
	(void)sysctl_write_if("ipv6", conf->bridge, "accept_ra", "0", NULL);
	(void)sysctl_write_if("ipv6", conf->bridge, "accept_dad", "0", NULL);
	return link_get(nets->host, conf->bridge, &dev->link, err);
}

int bridge_dev_open(struct plugin_nets *nets, const struct bridge_conf *conf,
		    struct bridge_dev *ret, struct nerr *err)
{
	struct bridge_dev dev = { .nets = nets };
	int r;

	r = lock_wait(nets->host_ns, LOCK_SH, BRIDGE_LOCK_MS);
	if (r < 0)
		return nerr_num(err, r, CNI_TRY_AGAIN,
				"cannot lock the network namespace for bridge \"%s\": %m",
				conf->bridge);
	r = link_get(nets->host, conf->bridge, &dev.link, err);
	if (r == -ENODEV)
		r = bridge_create(nets, conf, &dev, err);
	if (r < 0)
		goto fail;
	if (strcmp(dev.link.kind, "bridge") != 0) {
		r = nerr_set(err, -EEXIST,
			     "failed to create bridge \"%s\": \"%s\" already exists but is not a bridge",
			     conf->bridge, conf->bridge);
		goto fail;
	}
	if (conf->promisc_mode && !(dev.link.flags & IFF_PROMISC))
		link_put_promisc(nets->host, dev.link.ifindex, conf->bridge, true);
	if (!(dev.link.flags & IFF_UP))
		link_put_up(nets->host, dev.link.ifindex, conf->bridge);
	r = nlsock_commit(nets->host, err);
	if (r < 0)
		goto fail;
	*ret = dev;
	return 0;
fail:
	bridge_dev_undo(&dev);
	return r;
}

struct port_search {
	int bridge;
	int except;
	bool found;
};

static int port_search_cb(const struct link_info *li, void *arg)
{
	struct port_search *s = arg;

	if (li->master == s->bridge && li->ifindex != s->except)
		s->found = true;
	return 0;
}

void bridge_dev_undo(void *arg)
{
	struct bridge_dev *dev = arg;
	struct nlsock *nl = dev->nets->host;
	struct port_search ports = { .bridge = dev->link.ifindex,
				     .except = dev->vlan_port };
	struct nerr err = NERR_INIT;
	int r;

	if (!dev->link.ifindex || (!dev->created && !dev->n_added && !dev->vlan_port))
		return;
	nlsock_reset(nl);
	if (lock_wait(dev->nets->host_ns, LOCK_EX, BRIDGE_LOCK_MS) < 0)
		return; /* others are at work on it, so it is in use and stays */
	r = link_dump(nl, port_search_cb, &ports, &err);
	if (r == 0 && ports.found)
		return;
	if (r == 0 && dev->vlan_port)
		link_put_del(nl, dev->vlan_port, "vlan gateway");
	if (r == 0 && dev->created)
		link_put_del(nl, dev->link.ifindex, dev->link.name);
	else if (r == 0)
		for (unsigned i = 0; i < dev->n_added; i++)
			addr_put_del(nl, dev->link.ifindex, dev->link.name, &dev->added[i]);
	if (r == 0)
		r = nlsock_commit(nl, &err);
	if (r < 0)
		(void)fprintf(stderr, "cannot take back bridge '%s': %s\n", dev->link.name,
			      err.msg);
}

/* --- gateway addresses --- */

struct gateway_job {
	const struct bridge_dev *dev;
	const struct ipnet *want;
	const struct cni_result *res;
	bool found;
	struct ipnet others[BRIDGE_GATEWAYS_MAX];
	unsigned n_others;
};

/* Gateways of the other addresses of one result live beside each other. */
static bool is_gateway_of(const struct cni_result *res, const struct ipnet *net)
{
	for (size_t i = 0; i < res->n_ips; i++)
		if (ipaddr_eq(&res->ips[i].gateway, &net->addr) &&
		    res->ips[i].address.prefix_len == net->prefix_len)
			return true;
	return false;
}

static int gateway_cb(const struct addr_info *ai, void *arg)
{
	struct gateway_job *job = arg;

	if (ipnet_eq(&ai->net, job->want)) {
		job->found = true;
		return 0;
	}
	if (is_gateway_of(job->res, &ai->net))
		return 0;
	if (job->want->addr.family == AF_INET6 && !ipnet_overlaps(&ai->net, job->want))
		return 0;
	if (job->n_others < BRIDGE_GATEWAYS_MAX)
		job->others[job->n_others++] = ai->net;
	return 0;
}

static int add_gateway(struct bridge_dev *dev, int ifindex, const char *name,
		       const struct bridge_conf *conf, const struct ipnet *gw,
		       const struct cni_result *res, struct nerr *err)
{
	struct gateway_job job = { .dev = dev, .want = gw, .res = res };
	struct nlsock *nl = dev->nets->host;
	char text[IPNET_STR_LEN];
	struct link_info li;
	int r;

	r = addr_dump(nl, ifindex, gw->addr.family, gateway_cb, &job, err);
	if (r < 0)
		return r;
	if (job.found)
		return 0;
	if (job.n_others && !conf->force_address)
		return nerr_set(
			err, -EEXIST,
			"failed to set bridge addr: \"%s\" already has an IP address different from %s",
			name, ipnet_to_str(gw, text));
	for (unsigned i = 0; i < job.n_others; i++)
		addr_put_del(nl, ifindex, name, &job.others[i]);
	/* The bridge is ours and its MAC fresh: the gateway must answer at once. */
	addr_put_keep(nl, ifindex, name, gw, true);
	r = nlsock_commit(nl, err);
	if (r < 0)
		return nerr_ctx(err, "failed to set bridge addr");
	if (ifindex == dev->link.ifindex && dev->n_added < BRIDGE_GATEWAYS_MAX)
		dev->added[dev->n_added++] = *gw;

	/* Written with its own value the MAC stays, whatever ports come and go, and
	 * with it the neighbour entries that the containers have of their gateway.
	 */
	r = link_get_index(nl, ifindex, &li, err);
	if (r < 0)
		return r;
	link_put_mac(nl, ifindex, name, &li.mac);
	r = nlsock_commit(nl, err);
	return r < 0 ? nerr_ctx(err, "failed to set bridge addr") : 0;
}

int bridge_dev_add_gateways(struct bridge_dev *dev, int ifindex, const char *name,
			    const struct bridge_conf *conf, const struct cni_result *res,
			    struct nerr *err)
{
	static const uint8_t families[] = { AF_INET, AF_INET6 };
	int r;

	for (size_t f = 0; f < ARRAY_SIZE(families); f++) {
		for (size_t i = 0; i < res->n_ips; i++) {
			const struct cni_ip *ip = &res->ips[i];
			struct ipnet gw = { .addr = ip->gateway,
					    .prefix_len = ip->address.prefix_len };

			if (ip->address.addr.family != families[f] || !ipaddr_is_set(&gw.addr))
				continue;
			r = add_gateway(dev, ifindex, name, conf, &gw, res, err);
			if (r < 0)
				return r;
		}
	}
	return iface_enable_forwarding(res, err);
}
