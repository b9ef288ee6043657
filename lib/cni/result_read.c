/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Result objects in.  One struct per shape, read by tables, then turned into the
 * one shape that the rest of the program knows.
 */
#include <errno.h>
#include <stddef.h>
#include <string.h>

#include <json-c/json.h>

#include "base/arena.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "base/str.h"
#include "cni/cni_priv.h"
#include "cni/result.h"
#include "cni/version.h"

#define PLACE(type, member) .offset = offsetof(struct type, member)
#define HAS(type, member)   .has = JSON_HAS(struct type, member)

/* clang-format off */

const struct json_field cni_dns_fields[] = {
	{ .name = "nameservers", .kind = JSON_STRINGS, PLACE(cni_dns, nameservers) },
	{ .name = "domain",      .kind = JSON_STRING,  PLACE(cni_dns, domain) },
	{ .name = "search",      .kind = JSON_STRINGS, PLACE(cni_dns, search) },
	{ .name = "options",     .kind = JSON_STRINGS, PLACE(cni_dns, options) },
	{ 0 },
};

/* Bounds are those of the kernel's attributes (struct rtmsg, RTA_TABLE, RTA_PRIORITY, RTAX_*). */
const struct json_field cni_route_fields[] = {
	{ .name = "dst", .kind = JSON_TEXT, PLACE(cni_route, dst), .parse = json_parse_ipnet,
	  .required = true },
	{ .name = "gw", .kind = JSON_TEXT, PLACE(cni_route, gw), .parse = json_parse_ipaddr },
	{ .name = "mtu",      .kind = JSON_INT, PLACE(cni_route, mtu),      .max = UINT32_MAX },
	{ .name = "advmss",   .kind = JSON_INT, PLACE(cni_route, advmss),   .max = UINT32_MAX },
	{ .name = "priority", .kind = JSON_INT, PLACE(cni_route, priority), .max = UINT32_MAX },
	{ .name = "table",    .kind = JSON_INT, PLACE(cni_route, table),    .max = UINT32_MAX,
	  HAS(cni_route, has_table) },
	{ .name = "scope",    .kind = JSON_INT, PLACE(cni_route, scope),    .max = UINT8_MAX,
	  HAS(cni_route, has_scope) },
	{ 0 },
};

/* --- 0.3.0 to 1.1.0 --- */

/* 0.3.0 to 0.4.0 have the first three. */
static const struct json_field interface_fields_0_3[] = {
	{ .name = "name",    .kind = JSON_STRING, PLACE(cni_interface, name) },
	{ .name = "mac",     .kind = JSON_STRING, PLACE(cni_interface, mac) },
	{ .name = "sandbox", .kind = JSON_STRING, PLACE(cni_interface, sandbox) },
	{ 0 },
};

static const struct json_field interface_fields_1_0[] = {
	{ .name = "name",       .kind = JSON_STRING, PLACE(cni_interface, name) },
	{ .name = "mac",        .kind = JSON_STRING, PLACE(cni_interface, mac) },
	{ .name = "mtu",        .kind = JSON_INT,    PLACE(cni_interface, mtu), .max = UINT32_MAX },
	{ .name = "sandbox",    .kind = JSON_STRING, PLACE(cni_interface, sandbox) },
	{ .name = "socketPath", .kind = JSON_STRING, PLACE(cni_interface, socket_path) },
	{ .name = "pciID",      .kind = JSON_STRING, PLACE(cni_interface, pci_id) },
	{ 0 },
};

/* "version" of 0.3.x is not read: the address says it. */
struct list_ip {
	int64_t interface;
	bool has_interface;
	struct ipnet address;
	struct ipaddr gateway;
};

static const struct json_field list_ip_fields[] = {
	{ .name = "interface", .kind = JSON_INT, PLACE(list_ip, interface), .min = CNI_NO_INTERFACE,
	  .max = INT32_MAX, HAS(list_ip, has_interface) },
	{ .name = "address", .kind = JSON_TEXT, PLACE(list_ip, address), .parse = json_parse_ipnet,
	  .required = true },
	{ .name = "gateway", .kind = JSON_TEXT, PLACE(list_ip, gateway), .parse = json_parse_ipaddr },
	{ 0 },
};

struct list_result {
	struct json_array interfaces;
	struct json_array ips;
	struct json_array routes;
	struct cni_dns dns;
};

#define LIST_FIELDS(interface_fields)                                                              \
	{ .name = "interfaces", .kind = JSON_ARRAY, PLACE(list_result, interfaces),                \
	  .sub = (interface_fields), .sub_size = sizeof(struct cni_interface) },                   \
	{ .name = "ips", .kind = JSON_ARRAY, PLACE(list_result, ips),                              \
	  .sub = list_ip_fields, .sub_size = sizeof(struct list_ip) },                             \
	{ .name = "routes", .kind = JSON_ARRAY, PLACE(list_result, routes),                        \
	  .sub = cni_route_fields, .sub_size = sizeof(struct cni_route) },                         \
	{ .name = "dns", .kind = JSON_OBJECT, PLACE(list_result, dns), .sub = cni_dns_fields },    \
	{ 0 },

static const struct json_field result_fields_0_3[] = { LIST_FIELDS(interface_fields_0_3) };
static const struct json_field result_fields_1_0[] = { LIST_FIELDS(interface_fields_1_0) };

/* --- 0.1.0 and 0.2.0 --- */

struct family_ip {
	struct ipnet ip;
	struct ipaddr gateway;
	struct json_array routes;
};

static const struct json_field family_ip_fields[] = {
	{ .name = "ip", .kind = JSON_TEXT, PLACE(family_ip, ip), .parse = json_parse_ipnet,
	  .required = true },
	{ .name = "gateway", .kind = JSON_TEXT, PLACE(family_ip, gateway), .parse = json_parse_ipaddr },
	{ .name = "routes", .kind = JSON_ARRAY, PLACE(family_ip, routes), .sub = cni_route_fields,
	  .sub_size = sizeof(struct cni_route) },
	{ 0 },
};

struct family_result {
	struct family_ip ip4;
	struct family_ip ip6;
	bool has_ip4;
	bool has_ip6;
	struct cni_dns dns;
};

static const struct json_field family_result_fields[] = {
	{ .name = "ip4", .kind = JSON_OBJECT, PLACE(family_result, ip4),
	  HAS(family_result, has_ip4), .sub = family_ip_fields },
	{ .name = "ip6", .kind = JSON_OBJECT, PLACE(family_result, ip6),
	  HAS(family_result, has_ip6), .sub = family_ip_fields },
	{ .name = "dns", .kind = JSON_OBJECT, PLACE(family_result, dns), .sub = cni_dns_fields },
	{ 0 },
};

/* clang-format on */

static void fill_texts(struct cni_interface *in)
{
	const char **const texts[] = { &in->name, &in->mac, &in->sandbox, &in->socket_path,
				       &in->pci_id };

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
		if (!*texts[i])
			*texts[i] = "";
}

static int read_list(struct json_doc *doc, struct json_object *obj, const struct json_field *table,
		     struct cni_result *ret, struct nerr *err)
{
	struct list_result in = { 0 };
	struct cni_ip *ips;
	int r;

	r = json_read(doc, obj, "", table, &in, err);
	if (r < 0)
		return r;
	ips = arena_calloc(json_doc_arena(doc), in.ips.n, sizeof(*ips));
	if (!ips)
		return nerr_oom(err);
	for (size_t i = 0; i < in.ips.n; i++) {
		const struct list_ip *ip = JSON_AT(in.ips, struct list_ip, i);

		ips[i].interface = ip->has_interface ? ip->interface : CNI_NO_INTERFACE;
		ips[i].address = ip->address;
		ips[i].gateway = ip->gateway;
	}
	for (size_t i = 0; i < in.interfaces.n; i++)
		fill_texts(JSON_AT(in.interfaces, struct cni_interface, i));
	*ret = (struct cni_result){
		.interfaces = in.interfaces.v,
		.n_interfaces = in.interfaces.n,
		.ips = ips,
		.n_ips = in.ips.n,
		.routes = in.routes.v,
		.n_routes = in.routes.n,
		.dns = in.dns,
	};
	return 0;
}

/* One family's block behind what @res has already; the arrays have the room. */
static void append_family(struct cni_result *res, const struct family_ip *ip)
{
	res->ips[res->n_ips++] = (struct cni_ip){
		.interface = CNI_NO_INTERFACE,
		.address = ip->ip,
		.gateway = ip->gateway,
	};
	for (size_t i = 0; i < ip->routes.n; i++)
		res->routes[res->n_routes++] = *JSON_AT(ip->routes, struct cni_route, i);
}

static int read_families(struct json_doc *doc, struct json_object *obj, struct cni_result *ret,
			 struct nerr *err)
{
	struct arena *arena = json_doc_arena(doc);
	struct family_result in = { .has_ip4 = false };
	struct cni_result res = { 0 };
	int r;

	r = json_read(doc, obj, "", family_result_fields, &in, err);
	if (r < 0)
		return r;
	res.ips = arena_calloc(arena, 2, sizeof(*res.ips));
	res.routes = arena_calloc(arena, in.ip4.routes.n + in.ip6.routes.n, sizeof(*res.routes));
	if (!res.ips || !res.routes)
		return nerr_oom(err);
	if (in.has_ip4)
		append_family(&res, &in.ip4);
	if (in.has_ip6)
		append_family(&res, &in.ip6);
	res.dns = in.dns;
	*ret = res;
	return 0;
}

/* The object's version must belong to the family that the caller expects. */
static int check_family(const char *version, enum cni_shape shape, struct nerr *err)
{
	static const char *const supported[] = {
		[CNI_SHAPE_0_1] = " 0.1.0 0.2.0",
		[CNI_SHAPE_0_3] = "0.3.0 0.3.1 0.4.0",
		[CNI_SHAPE_1_0] = "1.0.0 1.1.0",
	};
	CLEANUP(strbuf_done) struct strbuf quoted = STRBUF_INIT;

	if (cni_version_shape(version) == shape)
		return 0;
	cni_quote(&quoted, version);
	return nerr_set(err, -EINVAL, "result type supports [%s] but unmarshalled CNIVersion is %s",
			supported[shape], strbuf_text(&quoted));
}

struct versioned {
	const char *version;
};

static const struct json_field versioned_fields[] = {
	{ .name = "cniVersion",
	  .kind = JSON_STRING,
	  .offset = offsetof(struct versioned, version) },
	{ 0 },
};

int cni_result_read(struct json_doc *doc, struct json_object *obj, const char *version,
		    struct cni_result *ret, struct nerr *err)
{
	const enum cni_shape shape = cni_version_shape(version);
	struct versioned own = { .version = "" };
	int r;

	if (shape == CNI_SHAPE_NONE) {
		CLEANUP(strbuf_done) struct strbuf quoted = STRBUF_INIT;

		cni_quote(&quoted, version);
		return nerr_set(err, -EINVAL, "unsupported CNI result version %s",
				strbuf_text(&quoted));
	}
	if (obj && !json_object_is_type(obj, json_type_object))
		return nerr_set(err, -EINVAL, "must be an object, not %s",
				json_type_to_name(json_object_get_type(obj)));
	r = json_read(doc, obj, "", versioned_fields, &own, err);
	if (r == 0 && *own.version)
		r = check_family(own.version, shape, err);
	if (r < 0)
		return r;
	if (shape == CNI_SHAPE_0_1)
		return read_families(doc, obj, ret, err);
	return read_list(doc, obj, shape == CNI_SHAPE_0_3 ? result_fields_0_3 : result_fields_1_0,
			 ret, err);
}
