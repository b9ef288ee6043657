/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "plugin/iface.h"

#include <net/if.h>

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/str.h"
#include "base/sysctl.h"
#include "cni/cni.h"
#include "netlink/addr.h"
#include "netlink/nlsock.h"
#include "netlink/route.h"
#include "plugin/nets.h"
#include "sandbox/netns.h"

/* A host name is 32 random bits; ten collisions in a row mean something else. */
#define VETH_NAME_TRIES 10

/* The kernel's DAD takes one to two seconds (RFC 4862, 5.4: a random delay of
 * up to one second, then RetransTimer); what is slower than this is stuck.
 */
#define DAD_TIMEOUT_MS 10000

/* The settings of the host's end, before it is up where they matter. */
static int finish_host_end(struct nlsock *host, struct link_info *li, bool is_port,
			   struct nerr *err)
{
	/* Best effort: without IPv6 there are no such files. */
	(void)sysctl_write_if("ipv6", li->name, "accept_ra", "0", NULL);
	if (is_port)
		return 0;
	(void)sysctl_write_if("ipv6", li->name, "accept_dad", "0", NULL);
	link_put_up(host, li->ifindex, li->name);
	return nlsock_commit(host, err);
}

/* The pair itself, under a name that is free. */
static int make_veth(struct plugin_nets *nets, struct link_veth *veth, struct iface_undo_link *undo,
		     struct nerr *err)
{
	struct link_info cont;
	int r = -EEXIST;

	for (int i = 0; i < VETH_NAME_TRIES && r == -EEXIST; i++) {
		r = link_random_name(undo->name, err);
		if (r < 0)
			return r;
		link_put_veth(nets->host, veth);
		r = nlsock_commit(nets->host, err);
		if (r == -EEXIST && link_get(nets->cont, veth->peer_name, &cont, NULL) == 0)
			return nerr_set(
				err, -EBUSY,
				"container veth name (\"%s\") peer provided (\"%s\") already exists",
				veth->peer_name, undo->name);
	}
	if (r == 0)
		return 0;
	/* When it was the answer that got lost, the pair is there.  Under a name that is
	 * taken there is somebody else's.
	 */
	if (r != -EEXIST)
		iface_undo_link(undo);
	return nerr_ctx(err, "failed to make veth pair");
}

int iface_add_veth(struct plugin_nets *nets, const char *ifname, int master, uint32_t mtu,
		   const struct macaddr *mac, struct link_info *ret_host,
		   struct link_info *ret_cont, struct nerr *err)
{
	struct iface_undo_link undo = { .nets = nets };
	struct link_veth veth = { .name = undo.name,
				  .master = master,
				  .up = master != 0,
				  .peer_name = ifname,
				  .peer_ns = nets->cont_ns,
				  .peer_mac = *mac,
				  .mtu = mtu };
	struct link_info host;
	struct link_info cont;
	int r;

	r = make_veth(nets, &veth, &undo, err);
	if (r < 0)
		return r;
	r = link_get(nets->host, undo.name, &host, err);
	if (r == 0)
		r = link_get(nets->cont, ifname, &cont, err);
	if (r == 0)
		r = finish_host_end(nets->host, &host, master != 0, err);
	if (r < 0) {
		iface_undo_link(&undo);
		return nerr_ctx(err, "failed to setup veth pair of \"%s\"", ifname);
	}
	*ret_host = host;
	*ret_cont = cont;
	return 0;
}

int iface_del(struct plugin_nets *nets, const char *ifname, struct nerr *err)
{
	struct link_info li;
	int r;

	if (!nets->cont)
		return 0;
	r = link_get(nets->cont, ifname, &li, err);
	if (r == -ENODEV)
		return 0;
	if (r < 0)
		return nerr_ctx(err, "failed to lookup \"%s\"", ifname);
	link_put_del(nets->cont, li.ifindex, ifname);
	r = nlsock_commit(nets->cont, err);
	if (r < 0)
		return nerr_ctx(err, "failed to delete \"%s\"", ifname);
	return 0;
}

#define LO_DISABLE_IPV6 "net/ipv6/conf/lo/disable_ipv6"

static int disable_lo_ipv6(void *arg, struct nerr *err)
{
	(void)arg; /* the namespace says it all */
	return sysctl_write(LO_DISABLE_IPV6, "1", err);
}

void iface_undo_link(void *arg)
{
	struct iface_undo_link *undo = arg;
	struct nerr err = NERR_INIT;
	struct link_info li;
	int r;

	if (undo->nets->lo_ipv6 &&
	    netns_run_in(undo->nets->cont_ns, disable_lo_ipv6, NULL, &err) < 0)
		(void)fprintf(stderr, "cannot disable IPv6 of the loopback interface again: %s\n",
			      err.msg);
	undo->nets->lo_ipv6 = false;
	nlsock_reset(undo->nets->host);
	r = link_get(undo->nets->host, undo->name, &li, &err);
	if (r == 0) {
		link_put_del(undo->nets->host, li.ifindex, undo->name);
		r = nlsock_commit(undo->nets->host, &err);
	}
	if (r < 0 && r != -ENODEV)
		(void)fprintf(stderr, "cannot remove interface '%s' again: %s\n", undo->name,
			      err.msg);
}

/* --- configure --- */

struct sysctl_job {
	struct plugin_nets *nets;
	const char *ifname;
	bool has_ipv6;
	enum iface_dad dad;
};

/* Switch IPv6 on where it is off. 1 when it was off. */
static int enable_ipv6_of(const char *ifname, struct nerr *err)
{
	char path[64 + IFNAMSIZ];
	char value[8];
	int r;

	(void)snprintf(path, sizeof(path), "net/ipv6/conf/%s/disable_ipv6", ifname); /* it fits */
	if (sysctl_read(path, value, sizeof(value), NULL) < 0 || strcmp(value, "0") == 0)
		return 0; /* no IPv6 at all: adding the address will say so */
	r = sysctl_write(path, "0", err);
	if (r < 0)
		return nerr_ctx(err, "failed to enable IPv6 for interface \"%s\"", ifname);
	return 1;
}

/* IPv6 can be off for an interface, or for all: the addresses of the result switch it on. */
static int enable_ipv6(struct plugin_nets *nets, const char *ifname, struct nerr *err)
{
	int r = enable_ipv6_of("lo", err);

	if (r < 0)
		return r;
	nets->lo_ipv6 = r > 0;
	r = enable_ipv6_of(ifname, err);
	if (r < 0)
		return r;
	r = sysctl_write_if("ipv6", ifname, "keep_addr_on_down", "1", err);
	if (r < 0)
		return nerr_ctx(err, "failed to enable keep_addr_on_down for interface \"%s\"",
				ifname);
	return 0;
}

static int sysctl_job_run(void *arg, struct nerr *err)
{
	const struct sysctl_job *job = arg;

	/* Best effort: a kernel without IPv6 has none of these files, and a host
	 * that mounts /proc/sys read-only still gets a working interface.
	 */
	if (job->dad != IFACE_DAD_ALONE) {
		(void)sysctl_write_if("ipv4", job->ifname, "arp_notify", "1", NULL);
		(void)sysctl_write_if("ipv6", job->ifname, "accept_dad",
				      job->dad == IFACE_DAD_ON ? "1" : "0", NULL);
	}
	if (job->dad == IFACE_DAD_ON)
		(void)sysctl_write_if("ipv6", job->ifname, "enhanced_dad", "1", NULL);
	return job->has_ipv6 ? enable_ipv6(job->nets, job->ifname, err) : 0;
}

struct dad_job {
	const struct link_info *link;
};

static int dad_job_run(void *arg, struct nerr *err)
{
	const struct dad_job *job = arg;

	return addr_wait_dad(job->link->ifindex, job->link->name, DAD_TIMEOUT_MS, err);
}

static bool ip_is_on(const struct cni_ip *ip, int index)
{
	return ip->interface != CNI_NO_INTERFACE && ip->interface == index;
}

static int check_indexes(const struct link_info *link, const struct cni_result *res,
			 struct nerr *err)
{
	char text[IPNET_STR_LEN];

	if (!res->n_interfaces)
		return nerr_set(err, -EINVAL, "no interfaces to configure");
	for (size_t i = 0; i < res->n_ips; i++) {
		const struct cni_ip *ip = &res->ips[i];

		if (ip->interface == CNI_NO_INTERFACE)
			continue;
		if (ip->interface < 0 || (uint64_t)ip->interface >= res->n_interfaces ||
		    strcmp(res->interfaces[ip->interface].name, link->name) != 0)
			return nerr_set(
				err, -EINVAL,
				"failed to add IP addr %s to \"%s\": invalid interface index",
				ipnet_to_str(&ip->address, text), link->name);
	}
	return 0;
}

static struct ipaddr first_gateway(const struct cni_result *res, int index, uint8_t family)
{
	for (size_t i = 0; i < res->n_ips; i++) {
		const struct cni_ip *ip = &res->ips[i];

		if (ip_is_on(ip, index) && ip->address.addr.family == family &&
		    ipaddr_is_set(&ip->gateway))
			return ip->gateway;
	}
	return (struct ipaddr){ .family = 0 };
}

void iface_put_routes(struct nlsock *cont, const struct link_info *link, int index,
		      const struct cni_result *res)
{
	for (size_t i = 0; i < res->n_routes; i++) {
		const struct cni_route *r = &res->routes[i];
		struct route rt = {
			.dst = r->dst,
			.gw = r->gw,
			.oif = link->ifindex,
			.table = r->has_table ? (uint32_t)r->table : 0,
			.scope = r->has_scope ? (uint8_t)r->scope : 0,
			.priority = (uint32_t)r->priority,
			.mtu = (uint32_t)r->mtu,
			.advmss = (uint32_t)r->advmss,
		};

		if (!ipaddr_is_set(&rt.gw))
			rt.gw = first_gateway(res, index, r->dst.addr.family);
		route_put(cont, &rt, 0, 0);
	}
}

int iface_configure(struct plugin_nets *nets, const struct link_info *link, int index,
		    const struct cni_result *res, enum iface_dad dad, struct nerr *err)
{
	struct sysctl_job job = { .nets = nets, .ifname = link->name, .dad = dad };
	int r;

	r = check_indexes(link, res, err);
	if (r < 0)
		return r;
	for (size_t i = 0; i < res->n_ips; i++)
		if (ip_is_on(&res->ips[i], index) && res->ips[i].address.addr.family == AF_INET6)
			job.has_ipv6 = true;
	r = netns_run_in(nets->cont_ns, sysctl_job_run, &job, err);
	if (r < 0)
		return r;

	for (size_t i = 0; i < res->n_ips; i++) {
		const struct cni_ip *ip = &res->ips[i];

		if (!ip_is_on(ip, index))
			continue;
		if (dad == IFACE_DAD_KEEP)
			addr_put_keep(nets->cont, link->ifindex, link->name, &ip->address, true);
		else
			addr_put(nets->cont, link->ifindex, link->name, &ip->address,
				 dad == IFACE_DAD_ALONE);
	}
	link_put_up(nets->cont, link->ifindex, link->name);
	iface_put_routes(nets->cont, link, index, res);
	r = nlsock_commit(nets->cont, err);
	if (r < 0)
		return r;
	if (dad == IFACE_DAD_ON && job.has_ipv6)
		return netns_run_in(nets->cont_ns, dad_job_run, &(struct dad_job){ .link = link },
				    err);
	return 0;
}

int iface_enable_forwarding(const struct cni_result *res, struct nerr *err)
{
	bool v4 = false;
	bool v6 = false;
	int r = 0;

	for (size_t i = 0; i < res->n_ips; i++) {
		if (res->ips[i].address.addr.family == AF_INET)
			v4 = true;
		else
			v6 = true;
	}
	if (v4)
		r = sysctl_ensure("net/ipv4/ip_forward", "1", err);
	if (r == 0 && v6)
		r = sysctl_ensure("net/ipv6/conf/all/forwarding", "1", err);
	if (r < 0)
		return nerr_ctx(err, "failed to enable forwarding");
	return 0;
}

/* --- check --- */

struct addr_search {
	const struct ipnet *want;
	bool found;
};

static int addr_search_cb(const struct addr_info *ai, void *arg)
{
	struct addr_search *s = arg;

	if (ipnet_eq(&ai->net, s->want))
		s->found = true;
	return 0;
}

struct route_search {
	const struct cni_route *want;
	bool found;
};

/* Default routes match by destination only, as the reference suite compares them. */
static int route_search_cb(const struct route *rt, void *arg)
{
	struct route_search *s = arg;
	const struct cni_route *want = s->want;

	if (!ipnet_eq(&rt->dst, &want->dst))
		return 0;
	if (ipnet_is_default(&want->dst) || !ipaddr_is_set(&want->gw) ||
	    ipaddr_eq(&rt->gw, &want->gw))
		s->found = true;
	return 0;
}

static int check_route(struct nlsock *cont, const struct cni_route *want, bool *ret,
		       struct nerr *err)
{
	struct route_search s = { .want = want };
	uint32_t table = want->has_table ? (uint32_t)want->table : 254 /* RT_TABLE_MAIN */;
	int r;

	r = route_dump(cont, want->dst.addr.family, table, route_search_cb, &s, err);
	if (r == 0)
		*ret = s.found;
	return r;
}

static int check_addr(struct nlsock *cont, const struct link_info *li, const struct cni_ip *ip,
		      struct nerr *err)
{
	struct addr_search s = { .want = &ip->address };
	struct cni_route connected = { .dst = ip->address };
	char text[IPNET_STR_LEN];
	bool found = false;
	int r;

	r = addr_dump(cont, li->ifindex, ip->address.addr.family, addr_search_cb, &s, err);
	if (r < 0)
		return r;
	if (!s.found)
		return nerr_set(err, -EADDRNOTAVAIL, "Failed to match addr %s on interface %s",
				ipnet_to_str(&ip->address, text), li->name);
	/* An address that is its own network has no route of its own in table main. */
	if (ip->address.prefix_len == ipaddr_bits(&ip->address.addr))
		return 0;
	connected.dst.addr = ipnet_network(&ip->address);
	r = check_route(cont, &connected, &found, err);
	if (r < 0)
		return r;
	if (!found)
		return nerr_set(err, -ENETUNREACH, "Failed to find Gateway %s for interface %s",
				ipaddr_to_str(&ip->gateway, text), li->name);
	return 0;
}

int iface_check(struct nlsock *cont, const char *ifname, const struct cni_result *res,
		struct nerr *err)
{
	char text[IPNET_STR_LEN];
	struct link_info li;
	bool found = false;
	int r;

	r = link_get(cont, ifname, &li, err);
	if (r < 0)
		return nerr_set(err, r, "Cannot find container link %s", ifname);
	for (size_t i = 0; i < res->n_ips; i++) {
		r = check_addr(cont, &li, &res->ips[i], err);
		if (r < 0)
			return r;
	}
	for (size_t i = 0; i < res->n_routes; i++) {
		r = check_route(cont, &res->routes[i], &found, err);
		if (r < 0)
			return r;
		if (!found)
			return nerr_set(err, -ENETUNREACH,
					"Expected Route %s not found in routing table",
					ipnet_to_str(&res->routes[i].dst, text));
	}
	return 0;
}

static const struct cni_interface *find_entry(const struct cni_call *call, bool *named)
{
	*named = false;
	for (size_t i = 0; i < call->prev->n_interfaces; i++) {
		const struct cni_interface *e = &call->prev->interfaces[i];

		if (strcmp(e->name, call->ifname) != 0)
			continue;
		*named = true;
		if (e->sandbox && *e->sandbox)
			return e;
	}
	return NULL;
}

int iface_check_cont(struct cni_call *call, struct nlsock *cont, const char *label,
		     const char *kind, const char *type_text, struct link_info *ret,
		     struct nerr *err)
{
	const struct cni_interface *want;
	char mac[MACADDR_STR_LEN];
	struct link_info li;
	bool named;
	int r;

	want = find_entry(call, &named);
	if (!want && named)
		return nerr_set(err, -EINVAL, "%sInterface %s is expected to be in a sandbox",
				label, call->ifname);
	if (!want)
		return nerr_set(err, -EINVAL,
				"%sContainer Interface name in prevResult: %s not found", label,
				call->ifname);
	if (strcmp(want->sandbox, call->netns) != 0)
		return nerr_set(err, -EINVAL,
				"%sSandbox in prevResult %s doesn't match configured netns: %s",
				label, want->sandbox, call->netns);
	r = link_get(cont, call->ifname, &li, err);
	if (r < 0)
		return nerr_set(err, r, "%sContainer Interface name in prevResult: %s not found",
				label, call->ifname);
	if (strcmp(li.kind, kind) != 0)
		return nerr_set(err, -EINVAL, "Error: Container interface %s not of type %s",
				call->ifname, type_text);
	if (want->mac && *want->mac && !str_eq_nocase(want->mac, macaddr_to_str(&li.mac, mac)))
		return nerr_set(err, -EINVAL,
				"%sInterface %s Mac %s doesn't match container Mac: %s", label,
				call->ifname, want->mac, mac);
	*ret = li;
	return 0;
}
