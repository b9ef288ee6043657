/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Result objects out, byte by byte as the reference suite prints them: keys of
 * 1.x in alphabetical order, those of older versions in the order of the
 * specification; what is empty is left out, except "dns" before 1.0.0.
 */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/json_out.h"
#include "base/str.h"
#include "cni/cni_priv.h"
#include "cni/result.h"
#include "cni/version.h"

static void print_text(struct json_out *o, const char *key, const char *text)
{
	if (text && *text)
		json_out_string(o, key, text);
}

static void print_ip(struct json_out *o, const char *key, const struct ipaddr *ip)
{
	char buf[IPADDR_STR_LEN];

	if (ipaddr_is_set(ip))
		json_out_string(o, key, ipaddr_to_str(ip, buf));
}

static void print_net(struct json_out *o, const char *key, const struct ipnet *net)
{
	char buf[IPNET_STR_LEN];

	json_out_string(o, key, ipnet_to_str(net, buf));
}

static void print_nonzero(struct json_out *o, const char *key, int64_t value)
{
	if (value)
		json_out_int(o, key, value);
}

static void print_strings(struct json_out *o, const char *key, const struct json_strings *strings)
{
	if (!strings->n)
		return;
	json_out_array(o, key);
	for (size_t i = 0; i < strings->n; i++)
		json_out_string(o, NULL, strings->v[i]);
	json_out_end(o);
}

/* --- 1.0.0 and 1.1.0 --- */

static void print_dns_1_0(struct json_out *o, const struct cni_dns *dns)
{
	if (!dns->nameservers.n && !dns->search.n && !dns->options.n &&
	    !(dns->domain && *dns->domain))
		return;
	json_out_object(o, "dns");
	print_text(o, "domain", dns->domain);
	print_strings(o, "nameservers", &dns->nameservers);
	print_strings(o, "options", &dns->options);
	print_strings(o, "search", &dns->search);
	json_out_end(o);
}

static void print_interface_1_0(struct json_out *o, const struct cni_interface *in)
{
	json_out_object(o, NULL);
	print_text(o, "mac", in->mac);
	print_nonzero(o, "mtu", in->mtu);
	json_out_string(o, "name", in->name ? in->name : "");
	print_text(o, "pciID", in->pci_id);
	print_text(o, "sandbox", in->sandbox);
	print_text(o, "socketPath", in->socket_path);
	json_out_end(o);
}

static void print_ip_1_0(struct json_out *o, const struct cni_ip *ip)
{
	json_out_object(o, NULL);
	print_net(o, "address", &ip->address);
	print_ip(o, "gateway", &ip->gateway);
	if (ip->interface != CNI_NO_INTERFACE)
		json_out_int(o, "interface", ip->interface);
	json_out_end(o);
}

static void print_route_1_0(struct json_out *o, const struct cni_route *rt)
{
	json_out_object(o, NULL);
	print_nonzero(o, "advmss", rt->advmss);
	print_net(o, "dst", &rt->dst);
	print_ip(o, "gw", &rt->gw);
	print_nonzero(o, "mtu", rt->mtu);
	print_nonzero(o, "priority", rt->priority);
	if (rt->has_scope)
		json_out_int(o, "scope", rt->scope);
	if (rt->has_table)
		json_out_int(o, "table", rt->table);
	json_out_end(o);
}

/* --- 0.3.0, 0.3.1, 0.4.0 --- */

static void print_dns_0_x(struct json_out *o, const struct cni_dns *dns)
{
	json_out_object(o, "dns");
	print_strings(o, "nameservers", &dns->nameservers);
	print_text(o, "domain", dns->domain);
	print_strings(o, "search", &dns->search);
	print_strings(o, "options", &dns->options);
	json_out_end(o);
}

static void print_interface_0_3(struct json_out *o, const struct cni_interface *in)
{
	json_out_object(o, NULL);
	json_out_string(o, "name", in->name ? in->name : "");
	print_text(o, "mac", in->mac);
	print_text(o, "sandbox", in->sandbox);
	json_out_end(o);
}

static void print_ip_0_3(struct json_out *o, const struct cni_ip *ip)
{
	json_out_object(o, NULL);
	json_out_string(o, "version", ip->address.addr.family == AF_INET ? "4" : "6");
	if (ip->interface != CNI_NO_INTERFACE)
		json_out_int(o, "interface", ip->interface);
	print_net(o, "address", &ip->address);
	print_ip(o, "gateway", &ip->gateway);
	json_out_end(o);
}

static void print_route_0_3(struct json_out *o, const struct cni_route *rt)
{
	json_out_object(o, NULL);
	print_net(o, "dst", &rt->dst);
	print_ip(o, "gw", &rt->gw);
	print_nonzero(o, "mtu", rt->mtu);
	print_nonzero(o, "advmss", rt->advmss);
	print_nonzero(o, "priority", rt->priority);
	if (rt->has_table)
		json_out_int(o, "table", rt->table);
	if (rt->has_scope)
		json_out_int(o, "scope", rt->scope);
	json_out_end(o);
}

/* The members that 0.3.0 to 1.1.0 have in common, in the same order. */
static void print_lists(struct json_out *o, const struct cni_result *res,
			void (*interface)(struct json_out *o, const struct cni_interface *in),
			void (*ip)(struct json_out *o, const struct cni_ip *ip),
			void (*route)(struct json_out *o, const struct cni_route *rt))
{
	if (res->n_interfaces) {
		json_out_array(o, "interfaces");
		for (size_t i = 0; i < res->n_interfaces; i++)
			interface(o, &res->interfaces[i]);
		json_out_end(o);
	}
	if (res->n_ips) {
		json_out_array(o, "ips");
		for (size_t i = 0; i < res->n_ips; i++)
			ip(o, &res->ips[i]);
		json_out_end(o);
	}
	if (res->n_routes) {
		json_out_array(o, "routes");
		for (size_t i = 0; i < res->n_routes; i++)
			route(o, &res->routes[i]);
		json_out_end(o);
	}
}

/* --- 0.1.0 and 0.2.0 --- */

static const struct cni_ip *first_of(const struct cni_result *res, uint8_t family)
{
	for (size_t i = 0; i < res->n_ips; i++)
		if (res->ips[i].address.addr.family == family)
			return &res->ips[i];
	return NULL;
}

/* The routes to destinations of the family; of a route there is "dst" and "gw" only. */
static void print_family_routes(struct json_out *o, const struct cni_result *res, uint8_t family)
{
	bool any = false;

	for (size_t i = 0; i < res->n_routes; i++) {
		const struct cni_route *rt = &res->routes[i];

		if (rt->dst.addr.family != family)
			continue;
		if (!any)
			json_out_array(o, "routes");
		any = true;
		json_out_object(o, NULL);
		print_net(o, "dst", &rt->dst);
		print_ip(o, "gw", &rt->gw);
		json_out_end(o);
	}
	if (any)
		json_out_end(o);
}

static void print_family(struct json_out *o, const char *key, const struct cni_result *res,
			 uint8_t family)
{
	const struct cni_ip *ip = first_of(res, family);

	if (!ip)
		return;
	json_out_object(o, key);
	print_net(o, "ip", &ip->address);
	print_ip(o, "gateway", &ip->gateway);
	print_family_routes(o, res, family);
	json_out_end(o);
}

static void print_shape(struct json_out *o, const struct cni_result *res, enum cni_shape shape)
{
	switch (shape) {
	case CNI_SHAPE_0_1:
		print_family(o, "ip4", res, AF_INET);
		print_family(o, "ip6", res, AF_INET6);
		print_dns_0_x(o, &res->dns);
		break;
	case CNI_SHAPE_0_3:
		print_lists(o, res, print_interface_0_3, print_ip_0_3, print_route_0_3);
		print_dns_0_x(o, &res->dns);
		break;
	case CNI_SHAPE_1_0:
		print_dns_1_0(o, &res->dns);
		print_lists(o, res, print_interface_1_0, print_ip_1_0, print_route_1_0);
		break;
	case CNI_SHAPE_NONE:
		break;
	}
}

int cni_result_print(const struct cni_result *res, const char *version, unsigned indent,
		     struct strbuf *ret, struct nerr *err)
{
	const enum cni_shape shape = cni_version_shape(version);
	struct json_out o = JSON_OUT_INIT(indent);
	int r = 0;

	if (shape == CNI_SHAPE_NONE)
		return nerr_set(err, -EINVAL, "no converter for CNI result version %s to %s",
				CNI_VERSION_CURRENT, version);
	if (shape == CNI_SHAPE_0_1 && !first_of(res, AF_INET) && !first_of(res, AF_INET6))
		return nerr_set(err, -EINVAL, "cannot convert: no valid IP addresses");

	json_out_object(&o, NULL);
	json_out_string(&o, "cniVersion", version);
	print_shape(&o, res, shape);
	json_out_end(&o);
	if (!o.buf.failed)
		strbuf_add_mem(ret, strbuf_text(&o.buf), o.buf.len);
	if (o.buf.failed || ret->failed)
		r = nerr_oom(err);
	strbuf_done(&o.buf);
	return r;
}
