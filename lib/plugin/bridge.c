/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "plugin/bridge.h"

#include <net/if.h>

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>

#include "base/arena.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "base/lock.h"
#include "base/str.h"
#include "base/sysctl.h"
#include "cni/cni.h"
#include "netlink/addr.h"
#include "netlink/nlsock.h"
#include "plugin/iface.h"
#include "plugin/nets.h"

/* Others hold the lock for the milliseconds of an ADD; a hundred at once for seconds. */
#define BRIDGE_LOCK_MS 30000

/* IF_OPER_* of linux/if.h, which cannot be included beside net/if.h. */
#define OPER_UNKNOWN 0
#define OPER_UP      6

/* As long as the reference suite waits for the port. */
#define PORT_UP_MS 2550

/* What must be set before it is up, which tells the next ADD that it has been: all to 0.
 *
 * A router advertisement must not give the host addresses on its own bridge.  And duplicate
 * address detection for a MAC that was made this moment would only keep the host from
 * asking for neighbours, so that over IPv6 nobody outside could reach the first container
 * in its first seconds.
 */
static const char *const setting_keys[BRIDGE_SETTINGS] = { "accept_ra", "accept_dad" };

static void bridge_prepare(struct bridge_dev *dev)
{
	char name[64 + IFNAMSIZ];

	for (size_t i = 0; i < BRIDGE_SETTINGS; i++) {
		(void)snprintf(name, sizeof(name), "net/ipv6/conf/%s/%s", dev->name,
			       setting_keys[i]); /* it fits */
		if (sysctl_read(name, dev->setting[i], sizeof(dev->setting[i]), NULL) < 0)
			dev->setting[i][0] = '\0';
		(void)sysctl_write(name, "0", NULL); /* without IPv6 there is no such file */
	}
}

static int bridge_create(struct plugin_nets *nets, const struct bridge_dev_conf *conf,
			 struct bridge_dev *dev, struct nerr *err)
{
	int r;

	link_put_bridge(nets->host,
			&(struct link_bridge){ .name = conf->name,
					       .mtu = conf->mtu,
					       .vlan_filtering = conf->vlan_filtering });
	dev->created = true;
	r = nlsock_commit(nets->host, err);
	if (r < 0)
		return nerr_ctx(err, "could not add \"%s\"%s", conf->name,
				conf->vlan_filtering ? " with VLAN filtering" : "");
	return link_get(nets->host, conf->name, &dev->link, err);
}

int bridge_dev_check_vlans(const struct bridge_dev_conf *conf, const struct link_info *bridge,
			   struct nerr *err)
{
	if (bridge->vlan_filtering || !conf->needs_vlans)
		return 0;
	return nerr_set(err, -EINVAL,
			"bridge \"%s\" exists and does not filter VLANs, so that they would not "
			"be apart: \"ip link set %s type bridge vlan_filtering 1\" makes it",
			conf->name, conf->name);
}

/* Up, and promiscuous if that is wanted. */
static int bridge_switch_on(const struct bridge_dev_conf *conf, struct bridge_dev *dev,
			    struct nerr *err)
{
	struct nlsock *nl = dev->nets->host;
	int r;

	if (strcmp(dev->link.kind, "bridge") != 0)
		return nerr_set(
			err, -EEXIST,
			"failed to create bridge \"%s\": \"%s\" already exists but is not a bridge",
			conf->name, conf->name);
	r = bridge_dev_check_vlans(conf, &dev->link, err);
	if (r < 0)
		return r;
	if (conf->promisc && !(dev->link.flags & IFF_PROMISC)) {
		dev->set_promisc = true;
		link_put_promisc(nl, dev->link.ifindex, conf->name, true);
	}
	if (!(dev->link.flags & IFF_UP)) {
		bridge_prepare(dev);
		dev->set_up = true;
		link_put_up(nl, dev->link.ifindex, conf->name);
	}
	return nlsock_commit(nl, err);
}

int bridge_dev_open(struct plugin_nets *nets, const struct bridge_dev_conf *conf,
		    struct bridge_dev *ret, struct nerr *err)
{
	struct bridge_dev dev = { .nets = nets, .name = conf->name };
	int r;

	r = lock_wait(nets->host_ns, LOCK_SH, BRIDGE_LOCK_MS);
	if (r < 0)
		return nerr_num(err, r, CNI_TRY_AGAIN,
				"cannot lock the network namespace for bridge \"%s\": %m",
				conf->name);
	r = link_get(nets->host, conf->name, &dev.link, err);
	if (r == -ENODEV)
		r = bridge_create(nets, conf, &dev, err);
	if (r == 0)
		r = bridge_switch_on(conf, &dev, err);
	if (r < 0) {
		bridge_dev_undo(&dev);
		return r;
	}
	*ret = dev;
	return 0;
}

/* --- taking back --- */

/* Ports the kernel lets a bridge have (BR_MAX_PORTS of net/bridge/br_private.h). */
#define BRIDGE_PORTS_MAX 1024

struct port_search {
	int bridge;
	int except;
	int ifindex[BRIDGE_PORTS_MAX];
	unsigned n;
};

static int port_search_cb(const struct link_info *li, void *arg)
{
	struct port_search *s = arg;

	if (li->master == s->bridge && li->ifindex != s->except && s->n < BRIDGE_PORTS_MAX)
		s->ifindex[s->n++] = li->ifindex;
	return 0;
}

/* 1 when it has a port that this call did not make, in VLAN @vid unless that is 0; 0 when
 * not, negative errno.
 */
static int has_other_ports(const struct bridge_dev *dev, uint16_t vid, struct nerr *err)
{
	struct port_search ports = { .bridge = dev->link.ifindex, .except = dev->vlan_port };
	struct nlsock *nl = dev->nets->host;
	int r = link_dump(nl, port_search_cb, &ports, err);

	if (r < 0 || !vid)
		return r < 0 ? r : ports.n > 0;
	for (unsigned i = 0; i < ports.n; i++) {
		struct link_vids vids;

		r = link_get_vids(nl, ports.ifindex[i], &vids, err);
		if (r < 0 || link_vids_has(&vids, vid))
			return r < 0 ? r : 1;
	}
	return 0;
}

/* Nobody else uses it (or its VLAN @vid), and nobody is about to as long as we hold the
 * lock: 1, else 0.
 */
static int lock_alone(const struct bridge_dev *dev, uint16_t vid, struct nerr *err)
{
	int r = has_other_ports(dev, vid, err);

	if (r != 0)
		return r < 0 ? r : 0;
	if (lock_wait(dev->nets->host_ns, LOCK_EX, BRIDGE_LOCK_MS) < 0)
		return 0; /* others are at work on it, so it is in use */
	r = has_other_ports(dev, vid, err);
	return r < 0 ? r : !r;
}

static void put_back(const struct bridge_dev *dev)
{
	struct nlsock *nl = dev->nets->host;

	if (dev->vlan_port)
		link_put_del(nl, dev->vlan_port, "vlan gateway");
	if (dev->created) {
		link_put_del(nl, dev->link.ifindex, dev->name);
		return;
	}
	for (unsigned i = 0; i < dev->n_added; i++)
		if (!dev->vlan_port || dev->added[i].ifindex == dev->link.ifindex)
			addr_put_del(nl, dev->added[i].ifindex, dev->added[i].name,
				     &dev->added[i].net);
	if (dev->set_promisc)
		link_put_promisc(nl, dev->link.ifindex, dev->name, false);
	if (!dev->set_up)
		return;
	link_put_down(nl, dev->link.ifindex, dev->name);
	for (size_t i = 0; i < BRIDGE_SETTINGS; i++)
		if (dev->setting[i][0])
			(void)sysctl_write_if("ipv6", dev->name, setting_keys[i], dev->setting[i],
					      NULL); /* as it was written */
}

static int take_back(struct bridge_dev *dev, struct nerr *err)
{
	struct nlsock *nl = dev->nets->host;
	int r = 0;

	nlsock_reset(nl);
	if (!dev->link.ifindex)
		r = link_get(nl, dev->name, &dev->link, err);
	if (r < 0)
		return r == -ENODEV ? 0 : r;
	if (strcmp(dev->link.kind, "bridge") != 0)
		return 0; /* not what this call would have made */
	r = lock_alone(dev, 0, err);
	if (r < 0)
		return r;
	if (r > 0) {
		put_back(dev);
	} else if (dev->vlan_port) {
		/* Those who stay may be of other VLANs, which need no gateway of this. */
		int alone = lock_alone(dev, dev->vlan, err);

		if (alone < 0)
			return alone;
		if (alone > 0)
			link_put_del(nl, dev->vlan_port, "vlan gateway");
	}
	/* Beside the new ones the old addresses do no harm. */
	for (unsigned i = 0; i < dev->n_removed && !(r && dev->created); i++)
		addr_put_keep(nl, dev->removed[i].ifindex, dev->removed[i].name,
			      &dev->removed[i].net, true);
	return nlsock_commit(nl, err);
}

void bridge_dev_undo(void *arg)
{
	struct bridge_dev *dev = arg;
	struct nerr err = NERR_INIT;

	if (!dev->created && !dev->set_up && !dev->set_promisc && !dev->vlan_port &&
	    !dev->n_added && !dev->n_removed)
		return;
	if (take_back(dev, &err) < 0)
		(void)fprintf(stderr, "cannot take back bridge '%s': %s\n", dev->name, err.msg);
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

/* More than the table holds stay for good: nobody has so many. */
static void note_addr(struct bridge_addr *table, unsigned *n, int ifindex, const char *name,
		      const struct ipnet *net)
{
	if (*n == BRIDGE_GATEWAYS_MAX)
		return;
	table[*n] = (struct bridge_addr){ .ifindex = ifindex, .net = *net };
	(void)snprintf(table[*n].name, IFNAMSIZ, "%s", name); /* it is a name of the kernel's */
	++*n;
}

static int add_gateway(struct bridge_dev *dev, int ifindex, const char *name,
		       const struct bridge_dev_conf *conf, const struct ipnet *gw,
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
	/* Written with its own value the MAC stays, whatever ports come and go, and with it
	 * the neighbour entries that the containers have of their gateway.  In one send
	 * with the address: the next ADD will look for that alone.
	 */
	r = link_get_index(nl, ifindex, &li, err);
	if (r < 0)
		return r;
	link_put_mac(nl, ifindex, name, &li.mac);
	for (unsigned i = 0; i < job.n_others; i++) {
		note_addr(dev->removed, &dev->n_removed, ifindex, name, &job.others[i]);
		addr_put_del(nl, ifindex, name, &job.others[i]);
	}
	/* The bridge is ours and its MAC fresh: the gateway must answer at once. */
	note_addr(dev->added, &dev->n_added, ifindex, name, gw);
	addr_put_keep(nl, ifindex, name, gw, true);
	r = nlsock_commit(nl, err);
	return r < 0 ? nerr_ctx(err, "failed to set bridge addr") : 0;
}

int bridge_dev_add_gateways(struct bridge_dev *dev, int ifindex, const char *name,
			    const struct bridge_dev_conf *conf, const struct cni_result *res,
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

/* --- ADD: what else depends on the bridge --- */

int bridge_dev_complete_ips(struct cni_result *res, struct arena *arena, int index, bool is_gateway,
			    bool is_default_gateway, struct nerr *err)
{
	for (size_t i = 0; i < res->n_ips; i++) {
		struct cni_ip *ip = &res->ips[i];
		struct cni_route *route;
		bool has_default = false;

		ip->interface = index;
		if (!ipaddr_is_set(&ip->gateway) && is_gateway) {
			ip->gateway = ipnet_network(&ip->address);
			(void)ipaddr_next(&ip->gateway);
		}
		if (!is_default_gateway)
			continue;
		/* One default route a family; one without a gateway gets ours anyway. */
		for (size_t k = 0; k < res->n_routes && !has_default; k++)
			has_default = ipnet_is_default(&res->routes[k].dst) &&
				      res->routes[k].dst.addr.family == ip->address.addr.family;
		if (has_default)
			continue;
		route = cni_result_add_route(res, arena);
		if (!route)
			return nerr_oom(err);
		route->dst.addr.family = ip->address.addr.family;
		route->gw = ip->gateway;
	}
	return 0;
}

int bridge_dev_wait_port(struct plugin_nets *nets, struct link_info *port, struct nerr *err)
{
	uint8_t state;
	int r;

	r = link_get_index(nets->host, port->ifindex, port, err);
	if (r < 0 || port->operstate == OPER_UP)
		return r;
	/* A tap that somebody holds never says more (Documentation/networking/operstates.rst). */
	if (port->operstate == OPER_UNKNOWN && strcmp(port->kind, "tun") == 0)
		return 0;
	state = port->operstate;
	r = link_wait_operstate(port->ifindex, OPER_UP, PORT_UP_MS, &state, err);
	if (r == -ETIMEDOUT)
		return nerr_set(err, r, "bridge port in error state: %s",
				link_operstate_str(state));
	return r;
}

/* --- CHECK and STATUS --- */

int bridge_dev_check(struct cni_call *call, const struct bridge_dev_conf *conf, struct nlsock *nl,
		     bool has_mac, struct link_info *ret, struct nerr *err)
{
	const struct cni_interface *want = NULL;
	char mac[MACADDR_STR_LEN];

	for (size_t i = 0; i < call->prev->n_interfaces && !want; i++)
		if (strcmp(call->prev->interfaces[i].name, conf->name) == 0)
			want = &call->prev->interfaces[i];
	if (!want)
		return nerr_set(err, -ENODEV,
				"CNI created bridge %s in host namespace was not found",
				conf->name);
	if (want->sandbox && *want->sandbox)
		return nerr_set(err, -EINVAL, "Interface %s should not be in sandbox", conf->name);
	if (link_get(nl, conf->name, ret, err) < 0)
		return nerr_set(err, -ENODEV, "Interface name %s not found", conf->name);
	if (strcmp(ret->kind, "bridge") != 0)
		return nerr_set(err, -EINVAL, "Interface %s does not have link type of bridge",
				conf->name);
	/* Only where it is a gateway it has a MAC of its own; else that of one of its ports. */
	if (has_mac && want->mac && *want->mac &&
	    !str_eq_nocase(want->mac, macaddr_to_str(&ret->mac, mac)))
		return nerr_set(err, -EINVAL, "Bridge interface %s Mac doesn't match: %s",
				conf->name, want->mac);
	if (conf->promisc && ret->promiscuity == 0)
		return nerr_set(
			err, -EINVAL,
			"Bridge interface %s configured Promisc Mode true doesn't match current state: false",
			conf->name);
	return 0;
}

int bridge_dev_status(struct nlsock *nl, const struct bridge_dev_conf *conf, struct nerr *err)
{
	struct link_info li;
	int r;

	if (link_get(nl, conf->name, &li, NULL) < 0)
		return 0;
	if (strcmp(li.kind, "bridge") != 0)
		return nerr_num(err, -EEXIST, CNI_NOT_AVAILABLE,
				"\"%s\" already exists but is not a bridge", conf->name);
	r = bridge_dev_check_vlans(conf, &li, err);
	if (r < 0)
		err->num = CNI_NOT_AVAILABLE;
	return r;
}
