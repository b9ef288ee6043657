/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>

#include "base/arena.h"
#include "base/error.h"
#include "cni/cni.h"
#include "cni/version.h"
#include "ipam/static/conf_priv.h"

/* Addresses are read as text: their messages name the text, without the key. */
struct text_address {
	const char *address;
	struct ipaddr gateway;
};

struct ipam {
	struct json_array addresses;
	struct json_array routes;
	struct cni_dns dns;
};

struct cni_args {
	struct json_strings ips;
};

struct args {
	struct cni_args cni;
};

struct runtime_config {
	struct json_strings ips;
};

struct network {
	struct ipam ipam;
	struct args args;
	struct runtime_config runtime;
	bool has_ipam;
};

#define PLACE(type, member) .offset = offsetof(struct type, member)

/* clang-format off */

static const struct json_field address_fields[] = {
	{ .name = "address", .kind = JSON_STRING, PLACE(text_address, address) },
	{ .name = "gateway", .kind = JSON_TEXT, PLACE(text_address, gateway),
	  .parse = json_parse_ipaddr },
	{ 0 },
};

static const struct json_field ipam_fields[] = {
	{ .name = "addresses", .kind = JSON_ARRAY, PLACE(ipam, addresses), .sub = address_fields,
	  .sub_size = sizeof(struct text_address) },
	{ .name = "routes", .kind = JSON_ARRAY, PLACE(ipam, routes), .sub = cni_route_fields,
	  .sub_size = sizeof(struct cni_route) },
	{ .name = "dns", .kind = JSON_OBJECT, PLACE(ipam, dns), .sub = cni_dns_fields },
	{ 0 },
};

static const struct json_field cni_args_fields[] = {
	{ .name = "ips", .kind = JSON_STRINGS, PLACE(cni_args, ips) },
	{ 0 },
};

static const struct json_field args_fields[] = {
	{ .name = "cni", .kind = JSON_OBJECT, PLACE(args, cni), .sub = cni_args_fields },
	{ 0 },
};

static const struct json_field runtime_fields[] = {
	{ .name = "ips", .kind = JSON_STRINGS, PLACE(runtime_config, ips) },
	{ 0 },
};

static const struct json_field network_fields[] = {
	{ .name = "ipam", .kind = JSON_OBJECT, PLACE(network, ipam), .sub = ipam_fields,
	  .has = JSON_HAS(struct network, has_ipam) },
	{ .name = "args", .kind = JSON_OBJECT, PLACE(network, args), .sub = args_fields },
	{ .name = "runtimeConfig", .kind = JSON_OBJECT, PLACE(network, runtime),
	  .sub = runtime_fields },
	{ 0 },
};

/* clang-format on */

/* Items of a list with commas; "" has one, empty. */
static size_t count_items(const char *list)
{
	size_t n = 1;

	for (; *list; list++)
		n += *list == ',';
	return n;
}

/* Copy of the next item without the blanks around it; *@list moves on, NULL at the end. */
static char *next_item(const char **list, struct arena *arena)
{
	static const char blank[] = " \t\r\n";
	const char *start = *list;
	size_t len = strcspn(start, ",");

	*list = start[len] ? start + len + 1 : NULL;
	for (; len && strchr(blank, *start); len--)
		start++;
	while (len && strchr(blank, start[len - 1]))
		len--;
	return arena_printf(arena, "%.*s", (int)len, start);
}

/* The addresses of "ipam", with room behind them for @n_more. */
static int read_addresses(const struct json_array *in, size_t n_more, struct static_conf *conf,
			  struct arena *arena, struct nerr *err)
{
	conf->addresses = arena_calloc(arena, in->n + n_more, sizeof(*conf->addresses));
	if (!conf->addresses)
		return nerr_oom(err);
	for (size_t i = 0; i < in->n; i++) {
		const struct text_address *from = JSON_AT(*in, struct text_address, i);
		const char *text = from->address ? from->address : "";
		struct static_address *to = &conf->addresses[i];

		if (ipnet_from_str(text, &to->address) < 0)
			return nerr_set(
				err, -EINVAL,
				"the 'address' field is expected to be in CIDR notation, got: '%s'",
				text);
		to->gateway = from->gateway;
	}
	conf->n_addresses = in->n;
	return 0;
}

/* IP of CNI_ARGS, behind what is there already. */
static int append_args_ips(const char *list, struct static_conf *conf, struct arena *arena,
			   struct nerr *err)
{
	while (list) {
		const char *text = next_item(&list, arena);

		if (!text)
			return nerr_oom(err);
		if (ipnet_from_str(text, &conf->addresses[conf->n_addresses].address) < 0)
			return nerr_set(
				err, -EINVAL,
				"the 'ip' field is expected to be in CIDR notation, got: '%s'",
				text);
		conf->n_addresses++;
	}
	return 0;
}

/* GATEWAY of CNI_ARGS: each for every address in whose network it is. */
static int assign_gateways(const char *list, struct static_conf *conf, struct arena *arena,
			   struct nerr *err)
{
	while (list) {
		const char *text = next_item(&list, arena);
		struct ipaddr gateway;

		if (!text)
			return nerr_oom(err);
		if (ipaddr_from_str(text, &gateway) < 0)
			return nerr_set(err, -EINVAL, "invalid gateway address: %s", text);
		for (size_t i = 0; i < conf->n_addresses; i++)
			if (ipnet_contains(&conf->addresses[i].address, &gateway))
				conf->addresses[i].gateway = gateway;
	}
	return 0;
}

static int read_cni_args(struct cni_call *call, const struct json_array *addresses,
			 struct static_conf *conf, struct nerr *err)
{
	struct arena *arena = json_doc_arena(call->doc);
	const char *ips = "";
	const char *gateways = "";
	const struct cni_arg known[] = {
		{ "IP", &ips },
		{ "GATEWAY", &gateways },
		{ 0 },
	};
	int r;

	r = cni_args_parse(call, known, err);
	if (r == 0)
		r = read_addresses(addresses, *ips ? count_items(ips) : 0, conf, arena, err);
	if (r == 0 && *ips)
		r = append_args_ips(ips, conf, arena, err);
	if (r == 0 && *gateways)
		r = assign_gateways(gateways, conf, arena, err);
	return r;
}

/* Addresses of the runtime, instead of all others. An empty list replaces nothing. */
static int replace_addresses(const struct json_strings *ips, struct static_conf *conf,
			     struct arena *arena, struct nerr *err)
{
	struct static_address *v;

	if (!ips->n)
		return 0;
	v = arena_calloc(arena, ips->n, sizeof(*v));
	if (!v)
		return nerr_oom(err);
	for (size_t i = 0; i < ips->n; i++)
		if (ipnet_from_str(ips->v[i], &v[i].address) < 0)
			return nerr_set(
				err, -EINVAL,
				"an entry in the 'ips' field is NOT in CIDR notation, got: '%s'",
				ips->v[i]);
	conf->addresses = v;
	conf->n_addresses = ips->n;
	return 0;
}

/* Results up to 0.2.0 have one address per family. */
static int check_count(const struct cni_call *call, const struct static_conf *conf,
		       struct nerr *err)
{
	size_t n_v4 = 0;

	if (cni_version_shape(call->version) != CNI_SHAPE_0_1)
		return 0;
	for (size_t i = 0; i < conf->n_addresses; i++)
		n_v4 += conf->addresses[i].address.addr.family == AF_INET;
	if (n_v4 > 1 || conf->n_addresses - n_v4 > 1)
		return nerr_set(err, -EINVAL,
				"CNI version %s does not support more than 1 address per family",
				call->version);
	return 0;
}

int static_conf_read(struct cni_call *call, struct static_conf *ret, struct nerr *err)
{
	struct arena *arena = json_doc_arena(call->doc);
	struct static_conf conf = { 0 };
	struct network net = { 0 };
	int r;

	r = json_read(call->doc, NULL, "", network_fields, &net, err);
	if (r < 0)
		return r;
	if (net.args.cni.ips.n || net.runtime.ips.n)
		net.ipam.addresses.n = 0; /* replaced below; what they say does not matter */
	if (!net.has_ipam)
		return nerr_set(err, -EINVAL, "IPAM config missing 'ipam' key");
	conf.routes = net.ipam.routes;
	conf.dns = net.ipam.dns;
	r = read_cni_args(call, &net.ipam.addresses, &conf, err);
	if (r == 0)
		r = replace_addresses(&net.args.cni.ips, &conf, arena, err);
	if (r == 0)
		r = replace_addresses(&net.runtime.ips, &conf, arena, err);
	if (r == 0)
		r = check_count(call, &conf, err);
	if (r < 0)
		return r;
	*ret = conf;
	return 0;
}
