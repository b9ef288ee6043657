/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/json_table.h"
#include "cni/cni.h"
#include "cni/version.h"
#include "ipam/host-local/conf_priv.h"

/* Several addresses of one family came with this version. */
#define SEVERAL_SINCE "0.3.0"

/* A range as it is written.  NULL: not given. */
struct raw_range {
	const char *subnet;
	const char *start;
	const char *end;
	const char *gateway;
};

/* @legacy: one range without a set, directly in ipam. */
struct raw_ipam {
	struct raw_range legacy;
	struct json_array ranges;
	struct json_array routes;
	const char *data_dir;
	const char *resolv_conf;
};

struct raw_ips {
	struct json_strings ips;
};

struct raw_args {
	struct raw_ips cni;
};

struct raw_runtime {
	struct json_array ranges;
	struct json_strings ips;
};

struct raw_conf {
	struct raw_ipam ipam;
	struct raw_args args;
	struct raw_runtime runtime;
};

/* clang-format off */
#define F(key, json, member) { .name = (key), .kind = (json), .offset = offsetof(S, member) }
#define TABLE(key, json, member, table, size)				\
	{ .name = (key), .kind = (json), .offset = offsetof(S, member),	\
	  .sub = (table), .sub_size = (size) }
#define RANGE_FIELDS(range)					\
	F("subnet", JSON_STRING, range subnet),			\
	F("rangeStart", JSON_STRING, range start),		\
	F("rangeEnd", JSON_STRING, range end),			\
	F("gateway", JSON_STRING, range gateway)

#define S struct raw_range
static const struct json_field range_fields[] = {
	RANGE_FIELDS(),
	{ 0 },
};
#undef S
#define S struct raw_ipam
static const struct json_field ipam_fields[] = {
	RANGE_FIELDS(legacy.),
	TABLE("ranges", JSON_ARRAYS, ranges, range_fields, sizeof(struct raw_range)),
	TABLE("routes", JSON_ARRAY, routes, cni_route_fields, sizeof(struct cni_route)),
	F("dataDir", JSON_STRING, data_dir),
	F("resolvConf", JSON_STRING, resolv_conf),
	{ 0 },
};
static const struct json_field data_dir_fields[] = {
	F("dataDir", JSON_STRING, data_dir),
	{ 0 },
};
#undef S
#define S struct raw_ips
static const struct json_field ips_fields[] = {
	F("ips", JSON_STRINGS, ips),
	{ 0 },
};
#undef S
#define S struct raw_args
static const struct json_field args_fields[] = {
	TABLE("cni", JSON_OBJECT, cni, ips_fields, 0),
	{ 0 },
};
#undef S
#define S struct raw_runtime
static const struct json_field runtime_fields[] = {
	TABLE("ipRanges", JSON_ARRAYS, ranges, range_fields, sizeof(struct raw_range)),
	F("ips", JSON_STRINGS, ips),
	{ 0 },
};
#undef S
#define S struct raw_conf
static const struct json_field conf_fields[] = {
	TABLE("ipam", JSON_OBJECT, ipam, ipam_fields, 0),
	TABLE("args", JSON_OBJECT, args, args_fields, 0),
	TABLE("runtimeConfig", JSON_OBJECT, runtime, runtime_fields, 0),
	{ 0 },
};
static const struct json_field data_dir_only_fields[] = {
	TABLE("ipam", JSON_OBJECT, ipam, data_dir_fields, 0),
	{ 0 },
};
#undef S
#undef RANGE_FIELDS
#undef TABLE
#undef F
/* clang-format on */

static int read_raw(struct cni_call *call, const struct json_field *table, struct raw_conf *ret,
		    struct nerr *err)
{
	if (!json_member(json_doc_root(call->doc), "ipam"))
		return nerr_set(err, -EINVAL, "IPAM config missing 'ipam' key");
	return json_read(call->doc, NULL, "", table, ret, err);
}

int hl_conf_read_data_dir(struct cni_call *call, const char **ret, struct nerr *err)
{
	struct raw_conf raw = { 0 };
	int r;

	r = read_raw(call, data_dir_only_fields, &raw, err);
	if (r == 0)
		*ret = raw.ipam.data_dir;
	return r;
}

/* ---- ranges ---- */

/* NULL and "" leave @ret unset, as the reference has it. */
static int parse_addr(const char *text, struct ipaddr *ret, struct nerr *err)
{
	return text && *text ? json_parse_ipaddr(text, ret, err) : 0;
}

static int parse_range(const struct raw_range *raw, struct hl_range *ret, struct nerr *err)
{
	struct hl_range range = { .subnet.prefix_len = 0 };
	int r = 0;

	if (raw->subnet)
		r = json_parse_ipnet(raw->subnet, &range.subnet, err);
	if (r == 0)
		r = parse_addr(raw->start, &range.start, err);
	if (r == 0)
		r = parse_addr(raw->end, &range.end, err);
	if (r == 0)
		r = parse_addr(raw->gateway, &range.gateway, err);
	if (r == 0)
		*ret = range;
	return r;
}

static int add_set(struct cni_call *call, struct hl_conf *conf, const struct raw_range *raw,
		   size_t n, struct nerr *err)
{
	struct hl_range_set *set = &conf->sets[conf->n_sets];

	set->v = arena_calloc(json_doc_arena(call->doc), n, sizeof(*set->v));
	if (!set->v)
		return nerr_oom(err);
	for (set->n = 0; set->n < n; set->n++) {
		int r = parse_range(&raw[set->n], &set->v[set->n], err);

		if (r < 0)
			return r;
	}
	conf->n_sets++;
	return 0;
}

static int add_sets(struct cni_call *call, struct hl_conf *conf, const struct json_array *sets,
		    struct nerr *err)
{
	for (size_t i = 0; i < sets->n; i++) {
		const struct json_array *set = JSON_AT(*sets, struct json_array, i);
		int r = add_set(call, conf, set->v, set->n, err);

		if (r < 0)
			return r;
	}
	return 0;
}

static size_t count_ranges(const struct json_array *sets)
{
	size_t n = sets->n;

	for (size_t i = 0; i < sets->n; i++)
		n += JSON_AT(*sets, struct json_array, i)->n;
	return n;
}

static int read_sets(struct cni_call *call, const struct raw_conf *raw, struct hl_conf *conf,
		     struct nerr *err)
{
	const struct json_array *runtime = &raw->runtime.ranges;
	const struct json_array *ranges = &raw->ipam.ranges;
	int r;

	if (count_ranges(runtime) + count_ranges(ranges) > HL_RANGES_MAX)
		return nerr_set(err, -E2BIG, "more than %d IP ranges", HL_RANGES_MAX);
	conf->sets = arena_calloc(json_doc_arena(call->doc), runtime->n + 1 + ranges->n,
				  sizeof(*conf->sets));
	if (!conf->sets)
		return nerr_oom(err);
	r = add_sets(call, conf, runtime, err);
	if (r == 0 && raw->ipam.legacy.subnet)
		r = add_set(call, conf, &raw->ipam.legacy, 1, err);
	if (r == 0)
		r = add_sets(call, conf, ranges, err);
	return r;
}

static int check_family_count(const struct cni_call *call, const struct hl_conf *conf,
			      struct nerr *err)
{
	size_t n_v4 = 0;
	int several;

	for (size_t i = 0; i < conf->n_sets; i++)
		n_v4 += conf->sets[i].v[0].start.family == AF_INET;
	if (n_v4 <= 1 && conf->n_sets - n_v4 <= 1)
		return 0;
	several = cni_version_at_least(call->version, SEVERAL_SINCE, err);
	if (several != 0)
		return several < 0 ? several : 0;
	return nerr_set(err, -EINVAL,
			"CNI version %s does not support more than 1 address per family",
			call->version);
}

static int check_sets(const struct cni_call *call, const struct hl_conf *conf, struct nerr *err)
{
	int r;

	if (conf->n_sets == 0)
		return nerr_set(err, -EINVAL, "no IP ranges specified");
	for (size_t i = 0; i < conf->n_sets; i++) {
		r = hl_range_set_complete(&conf->sets[i], err);
		if (r < 0) {
			(void)nerr_ctx(err, "invalid range set %zu", i); /* r is the answer */
			return r;
		}
	}
	r = check_family_count(call, conf, err);
	if (r < 0)
		return r;
	for (size_t i = 0; i < conf->n_sets; i++) {
		for (size_t j = i + 1; j < conf->n_sets; j++) {
			if (hl_range_set_overlaps(&conf->sets[i], &conf->sets[j]))
				return nerr_set(err, -EINVAL, "range set %zu overlaps with %zu", i,
						j);
		}
	}
	return 0;
}

/* ---- requested addresses ---- */

/* "10.1.0.5" or "10.1.0.5/24"; the prefix length does not count. */
static int parse_requested(const char *text, struct ipaddr *ret, struct nerr *err)
{
	struct ipnet net;

	if (strchr(text, '/') && ipnet_from_str(text, &net) == 0) {
		*ret = net.addr;
		return 0;
	}
	if (ipaddr_from_str(text, ret) == 0)
		return 0;
	return nerr_set(err, -EINVAL, "invalid IP address %s", text);
}

static void add_requested(struct hl_conf *conf, const struct ipaddr *addr)
{
	for (size_t i = 0; i < conf->n_requested; i++) {
		if (ipaddr_eq(&conf->requested[i], addr))
			return;
	}
	conf->requested[conf->n_requested++] = *addr;
}

static int add_requested_texts(struct hl_conf *conf, const struct json_strings *texts,
			       struct nerr *err)
{
	for (size_t i = 0; i < texts->n; i++) {
		struct ipaddr addr;
		int r = parse_requested(texts->v[i], &addr, err);

		if (r < 0)
			return r;
		add_requested(conf, &addr);
	}
	return 0;
}

static int read_requested(struct cni_call *call, const struct raw_conf *raw, struct hl_conf *conf,
			  struct nerr *err)
{
	const char *text = "";
	const struct cni_arg known[] = { { .key = "IP", .value = &text }, { 0 } };
	struct ipaddr addr;
	int r;

	/* One address per set is all that can be given out. */
	if (raw->args.cni.ips.n + raw->runtime.ips.n > HL_RANGES_MAX)
		return nerr_set(err, -E2BIG, "more than %d IP addresses requested", HL_RANGES_MAX);
	conf->requested = arena_calloc(json_doc_arena(call->doc),
				       1 + raw->args.cni.ips.n + raw->runtime.ips.n,
				       sizeof(*conf->requested));
	if (!conf->requested)
		return nerr_oom(err);
	r = cni_args_parse(call, known, err);
	if (r < 0)
		return r;
	if (*text) {
		r = parse_requested(text, &addr, err);
		if (r < 0) {
			(void)nerr_ctx(err, "ARGS: error parsing value of pair \"IP=%s\"", text);
			return r;
		}
		add_requested(conf, &addr);
	}
	r = add_requested_texts(conf, &raw->args.cni.ips, err);
	return r < 0 ? r : add_requested_texts(conf, &raw->runtime.ips, err);
}

int hl_conf_read(struct cni_call *call, struct hl_conf *ret, struct nerr *err)
{
	struct hl_conf conf = { .data_dir = NULL };
	struct raw_conf raw = { 0 };
	int r;

	r = read_raw(call, conf_fields, &raw, err);
	if (r < 0)
		return r;
	conf.data_dir = raw.ipam.data_dir;
	conf.resolv_conf = raw.ipam.resolv_conf;
	conf.routes = raw.ipam.routes.v;
	conf.n_routes = raw.ipam.routes.n;
	r = read_sets(call, &raw, &conf, err);
	if (r == 0)
		r = read_requested(call, &raw, &conf, err);
	if (r == 0)
		r = check_sets(call, &conf, err);
	if (r == 0)
		*ret = conf;
	return r;
}
