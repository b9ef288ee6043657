/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>

#include "base/arena.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "base/json_table.h"
#include "base/str.h"
#include "plugins/portmap/conf_priv.h"

#define MARK_BIT_LAST 31

/* An item of runtimeConfig.portMappings, as the runtime wrote it. */
struct raw_mapping {
	int64_t host_port;
	int64_t container_port;
	const char *protocol;
	const char *host_ip;
};

struct raw_runtime {
	struct json_array mappings;
};

struct raw_conf {
	const char *backend;
	bool snat;
	bool masq_all;
	struct json_strings conditions_v4;
	struct json_strings conditions_v6;
	int64_t mark_bit;
	bool has_mark_bit;
	const char *set_mark_chain;
	struct raw_runtime runtime;
};

/* clang-format off */
#define F(key, json, member) { .name = (key), .kind = (json), .offset = offsetof(S, member) }
#define S struct raw_mapping
static const struct json_field mapping_fields[] = {
	F("hostPort", JSON_INT, host_port),
	F("containerPort", JSON_INT, container_port),
	F("protocol", JSON_STRING, protocol),
	F("hostIP", JSON_STRING, host_ip),
	{ 0 },
};
#undef S
#define S struct raw_runtime
static const struct json_field runtime_fields[] = {
	{ .name = "portMappings", .kind = JSON_ARRAY, .offset = offsetof(S, mappings),
	  .sub = mapping_fields, .sub_size = sizeof(struct raw_mapping) },
	{ 0 },
};
#undef S
#define S struct raw_conf
static const struct json_field conf_fields[] = {
	F("backend", JSON_STRING, backend),
	F("snat", JSON_BOOL, snat),
	F("masqAll", JSON_BOOL, masq_all),
	F("conditionsV4", JSON_STRINGS, conditions_v4),
	F("conditionsV6", JSON_STRINGS, conditions_v6),
	{ .name = "markMasqBit", .kind = JSON_INT, .offset = offsetof(S, mark_bit),
	  .has = JSON_HAS(S, has_mark_bit) },
	F("externalSetMarkChain", JSON_STRING, set_mark_chain),
	{ .name = "runtimeConfig", .kind = JSON_OBJECT, .offset = offsetof(S, runtime),
	  .sub = runtime_fields },
	{ 0 },
};
#undef S
#undef F

static const struct {
	const char *name;
	uint8_t proto;
} protocols[] = {
	{ "tcp", IPPROTO_TCP },
	{ "udp", IPPROTO_UDP },
	{ "sctp", IPPROTO_SCTP },
};
/* clang-format on */

const char *portmap_proto_str(uint8_t proto)
{
	for (size_t i = 0; i < ARRAY_SIZE(protocols); i++)
		if (protocols[i].proto == proto)
			return protocols[i].name;
	return "?";
}

int portmap_proto_from_str(const char *text, uint8_t *ret)
{
	for (size_t i = 0; i < ARRAY_SIZE(protocols); i++) {
		if (str_eq_nocase(protocols[i].name, text)) {
			*ret = protocols[i].proto;
			return 0;
		}
	}
	return -EINVAL;
}

static int read_port(int64_t port, const char *which, const char *key, size_t i, uint16_t *ret,
		     struct nerr *err)
{
	if (port < 1 || port > UINT16_MAX)
		return nerr_set(err, -EINVAL,
				"Invalid %s port number: %" PRId64
				" (runtimeConfig.portMappings[%zu].%s must be between 1 and %d)",
				which, port, i, key, UINT16_MAX);
	*ret = (uint16_t)port;
	return 0;
}

static int read_host_ip(const char *text, size_t i, struct portmap_mapping *m, struct nerr *err)
{
	struct ipaddr a;

	if (!text || !*text)
		return 0;
	if (ipaddr_from_str(text, &a) < 0)
		return nerr_set(err, -EINVAL,
				"invalid hostIP \"%s\" (runtimeConfig.portMappings[%zu].hostIP)",
				text, i);
	m->family = a.family;
	if (!ipaddr_is_unspecified(&a))
		m->host_ip = a;
	return 0;
}

static int read_mapping(const struct raw_mapping *raw, size_t i, struct portmap_mapping *ret,
			struct nerr *err)
{
	const char *protocol = raw->protocol && *raw->protocol ? raw->protocol : "tcp";
	int r;

	r = read_port(raw->container_port, "container", "containerPort", i, &ret->container_port,
		      err);
	if (r == 0)
		r = read_port(raw->host_port, "host", "hostPort", i, &ret->host_port, err);
	if (r < 0)
		return r;
	if (portmap_proto_from_str(protocol, &ret->proto) < 0)
		return nerr_set(
			err, -EINVAL,
			"unsupported protocol \"%s\" (runtimeConfig.portMappings[%zu].protocol must be tcp, udp or sctp)",
			protocol, i);
	return read_host_ip(raw->host_ip, i, ret, err);
}

static int read_mappings(struct json_doc *doc, const struct json_array *raw,
			 struct portmap_conf *conf, struct nerr *err)
{
	if (!raw->n)
		return 0;
	conf->mappings = arena_calloc(json_doc_arena(doc), raw->n, sizeof(*conf->mappings));
	if (!conf->mappings)
		return nerr_oom(err);
	conf->n_mappings = raw->n;
	for (size_t i = 0; i < raw->n; i++) {
		int r = read_mapping(JSON_AT(*raw, struct raw_mapping, i), i, &conf->mappings[i],
				     err);

		if (r < 0)
			return r;
	}
	return 0;
}

static int check_options(const struct raw_conf *raw, struct nerr *err)
{
	if (raw->set_mark_chain && raw->has_mark_bit)
		return nerr_set(err, -EINVAL,
				"Cannot specify externalSetMarkChain and markMasqBit");
	if (raw->has_mark_bit && (raw->mark_bit < 0 || raw->mark_bit > MARK_BIT_LAST))
		return nerr_set(err, -EINVAL,
				"MasqMarkBit must be between 0 and %d (markMasqBit is %" PRId64 ")",
				MARK_BIT_LAST, raw->mark_bit);
	/* Both are served by nf_tables. */
	if (raw->backend && *raw->backend && strcmp(raw->backend, "iptables") != 0 &&
	    strcmp(raw->backend, "nftables") != 0)
		return nerr_set(err, -EINVAL, "unrecognized backend \"%s\"", raw->backend);
	return 0;
}

int portmap_conf_read(struct json_doc *doc, struct portmap_conf *ret, struct nerr *err)
{
	struct raw_conf raw = { .snat = true };
	struct portmap_conf conf = { .n_mappings = 0 };
	int r;

	r = json_read(doc, NULL, "", conf_fields, &raw, err);
	if (r == 0)
		r = check_options(&raw, err);
	if (r == 0)
		r = conditions_parse("conditionsV4", AF_INET, &raw.conditions_v4,
				     &conf.conditions_v4, err);
	if (r == 0)
		r = conditions_parse("conditionsV6", AF_INET6, &raw.conditions_v6,
				     &conf.conditions_v6, err);
	if (r == 0)
		r = read_mappings(doc, &raw.runtime.mappings, &conf, err);
	if (r < 0)
		return r;
	conf.snat = raw.snat;
	conf.masq_all = raw.masq_all;
	conf.set_mark_chain = raw.set_mark_chain;
	*ret = conf;
	return 0;
}
