/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "session.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/json_out.h"

#define ID_DIGITS 8

/* Of the file.  A newer one may only add keys. */
#define FORMAT 1

static const char *const phases[] = {
	[SESSION_STARTING] = "starting",
	[SESSION_RUNNING] = "running",
	[SESSION_STOPPING] = "stopping",
	[SESSION_KEPT] = "kept",
};
_Static_assert(ARRAY_SIZE(phases) == SESSION_PHASES, "name every phase");

const char *session_phase_str(enum session_phase phase)
{
	return phases[phase];
}

const char *session_stack_str(const struct session *s)
{
	return s->is_user ? "user" : "kernel";
}

void session_done(struct session *s)
{
	for (size_t i = 0; i < s->n_nets; i++)
		cni_conflist_free(s->nets[i].list);
	s->n_nets = 0;
	arena_done(&s->arena);
}

/* --- names --- */

static bool is_alnum(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

bool session_name_is_valid(const char *name)
{
	if (!is_alnum(name[0]) || strlen(name) > SESSION_NAME_MAX)
		return false;
	for (const char *p = name; *p; p++)
		if (!is_alnum(*p) && !strchr("_.-", *p))
			return false;
	return true;
}

int session_set_name(struct session *s, const char *name, struct nerr *err)
{
	uint32_t random[2];

	if (getrandom(random, sizeof(random), 0) != sizeof(random))
		return nerr_set(err, -errno, "cannot get random numbers: %m");
	s->name = name ? name : arena_printf(&s->arena, "nr-%08" PRIx32, random[0]);
	if (!s->name)
		return nerr_oom(err);
	s->id = arena_printf(&s->arena, SESSION_ID_PREFIX "%s-%08" PRIx32, s->name, random[1]);
	s->netns = arena_printf(&s->arena, NETNS_DIR "/%s", s->name);
	return s->id && s->netns ? 0 : nerr_oom(err);
}

int session_name_of_id(const char *id, char ret[static SESSION_NAME_MAX + 1])
{
	const size_t prefix = strlen(SESSION_ID_PREFIX);
	const size_t len = strlen(id);
	size_t name_len;

	if (!str_has_prefix(id, SESSION_ID_PREFIX) || len < prefix + 1 + 1 + ID_DIGITS ||
	    id[len - ID_DIGITS - 1] != '-' ||
	    strspn(id + len - ID_DIGITS, "0123456789abcdef") != ID_DIGITS)
		return -EINVAL;
	name_len = len - prefix - 1 - ID_DIGITS;
	if (name_len > SESSION_NAME_MAX)
		return -EINVAL;
	memcpy(ret, id + prefix, name_len);
	ret[name_len] = '\0';
	return session_name_is_valid(ret) ? 0 : -EINVAL;
}

struct cni_attach session_attach(const struct session *s, const struct session_net *net)
{
	return (struct cni_attach){
		.container_id = s->id,
		.netns = s->netns,
		.ifname = net->ifname,
		.args = net->args,
		.n_args = net->n_args,
		.caps = net->caps,
		.n_caps = net->n_caps,
	};
}

/* --- to text --- */

/* Configurations and results are put in as strings: how deep they nest is not our
 * business.
 */
static void print_net(struct json_out *o, const struct session_net *net)
{
	json_out_object(o, NULL);
	json_out_string(o, "ifname", net->ifname);
	json_out_string(o, "config", net->list->text);
	json_out_array(o, "args");
	for (size_t i = 0; i < net->n_args; i++) {
		json_out_object(o, NULL);
		json_out_string(o, "key", net->args[i].key);
		json_out_string(o, "value", net->args[i].value);
		json_out_end(o);
	}
	json_out_end(o);
	json_out_array(o, "capabilities");
	for (size_t i = 0; i < net->n_caps; i++) {
		json_out_object(o, NULL);
		json_out_string(o, "key", net->caps[i].name);
		json_out_string(o, "value", net->caps[i].json);
		json_out_end(o);
	}
	json_out_end(o);
	if (net->result)
		json_out_string(o, "result", net->result);
	json_out_end(o);
}

int session_print(const struct session *s, struct strbuf *ret, struct nerr *err)
{
	struct json_out o = JSON_OUT_INIT(0);

	json_out_object(&o, NULL);
	json_out_int(&o, "format", FORMAT);
	json_out_string(&o, "name", s->name);
	json_out_string(&o, "phase", phases[s->phase]);
	json_out_bool(&o, "keep", s->keep);
	json_out_int(&o, "pid", s->pid);
	json_out_int(&o, "guardPid", s->guard_pid);
	json_out_int(&o, "created", s->created);
	json_out_string(&o, "containerId", s->id);
	json_out_string(&o, "netns", s->netns);
	json_out_string(&o, "cniPath", s->cni_path);
	json_out_string(&o, "hostname", s->hostname);
	json_out_string(&o, "stack", session_stack_str(s));
	if (s->is_user)
		json_out_string(&o, "mode", attach_mode_str(s->mode));
	json_out_array(&o, "command");
	for (size_t i = 0; i < s->command.n; i++)
		json_out_string(&o, NULL, s->command.v[i]);
	json_out_end(&o);
	json_out_array(&o, "networks");
	for (size_t i = 0; i < s->n_nets; i++)
		print_net(&o, &s->nets[i]);
	json_out_end(&o);
	json_out_end(&o);
	strbuf_add_mem(ret, strbuf_text(&o.buf), o.buf.len);
	ret->failed |= o.buf.failed;
	strbuf_done(&o.buf);
	return ret->failed ? nerr_oom(err) : 0;
}

/* --- from text --- */

struct pair_keys {
	const char *key;
	const char *value;
};

struct net_keys {
	const char *ifname;
	const char *config;
	const char *result;
	struct json_array args;
	struct json_array caps;
};

struct session_keys {
	int64_t format;
	const char *name;
	const char *phase;
	const char *id;
	const char *netns;
	const char *cni_path;
	const char *hostname;
	const char *stack;
	const char *mode;
	bool keep;
	int64_t pid;
	int64_t guard_pid;
	int64_t created;
	struct json_strings command;
	struct json_array nets;
};

/* clang-format off */
#define PAIR(m)    .offset = offsetof(struct pair_keys, m)
#define NET(m)     .offset = offsetof(struct net_keys, m)
#define SESSION(m) .offset = offsetof(struct session_keys, m)

static const struct json_field pair_fields[] = {
	{ .name = "key",   .kind = JSON_STRING, PAIR(key), .required = true },
	{ .name = "value", .kind = JSON_STRING, PAIR(value), .required = true },
	{ 0 },
};

static const struct json_field net_fields[] = {
	{ .name = "ifname", .kind = JSON_STRING, NET(ifname), .required = true },
	{ .name = "config", .kind = JSON_STRING, NET(config), .required = true },
	{ .name = "result", .kind = JSON_STRING, NET(result) },
	{ .name = "args",   .kind = JSON_ARRAY,  NET(args), .sub = pair_fields,
	  .sub_size = sizeof(struct pair_keys) },
	{ .name = "capabilities", .kind = JSON_ARRAY, NET(caps), .sub = pair_fields,
	  .sub_size = sizeof(struct pair_keys) },
	{ 0 },
};

static const struct json_field session_fields[] = {
	{ .name = "format",      .kind = JSON_INT,     SESSION(format), .required = true,
	  .min = FORMAT, .max = FORMAT },
	{ .name = "name",        .kind = JSON_STRING,  SESSION(name), .required = true },
	{ .name = "phase",       .kind = JSON_STRING,  SESSION(phase), .required = true },
	{ .name = "containerId", .kind = JSON_STRING,  SESSION(id), .required = true },
	{ .name = "netns",       .kind = JSON_STRING,  SESSION(netns), .required = true },
	{ .name = "cniPath",     .kind = JSON_STRING,  SESSION(cni_path), .required = true },
	{ .name = "hostname",    .kind = JSON_STRING,  SESSION(hostname) },
	{ .name = "stack",       .kind = JSON_STRING,  SESSION(stack) },
	{ .name = "mode",        .kind = JSON_STRING,  SESSION(mode) },
	{ .name = "keep",        .kind = JSON_BOOL,    SESSION(keep) },
	{ .name = "pid",         .kind = JSON_INT,     SESSION(pid), .max = INT_MAX },
	{ .name = "guardPid",    .kind = JSON_INT,     SESSION(guard_pid), .max = INT_MAX },
	{ .name = "created",     .kind = JSON_INT,     SESSION(created), .max = INT64_MAX },
	{ .name = "command",     .kind = JSON_STRINGS, SESSION(command) },
	{ .name = "networks",    .kind = JSON_ARRAY,   SESSION(nets), .sub = net_fields,
	  .sub_size = sizeof(struct net_keys) },
	{ 0 },
};
/* clang-format on */

/* A copy in the session's memory, "" for what is not there; NULL on OOM. */
static const char *keep_text(struct session *s, const char *text)
{
	return arena_strdup(&s->arena, text ? text : "");
}

static int read_net(struct session *s, const struct net_keys *keys, struct nerr *err)
{
	struct session_net *net = &s->nets[s->n_nets];
	int r;

	if (keys->args.n > SESSION_ARGS_MAX || keys->caps.n > SESSION_CAPS_MAX ||
	    str_copy(net->ifname, sizeof(net->ifname), keys->ifname) < 0)
		return nerr_set(err, -EINVAL, "network of interface '%s' is not one of ours",
				keys->ifname);
	for (size_t i = 0; i < keys->args.n; i++) {
		const struct pair_keys *p = JSON_AT(keys->args, struct pair_keys, i);

		net->args[i].key = keep_text(s, p->key);
		net->args[i].value = keep_text(s, p->value);
		if (!net->args[i].key || !net->args[i].value)
			return nerr_oom(err);
	}
	for (size_t i = 0; i < keys->caps.n; i++) {
		const struct pair_keys *p = JSON_AT(keys->caps, struct pair_keys, i);

		net->caps[i].name = keep_text(s, p->key);
		net->caps[i].json = keep_text(s, p->value);
		if (!net->caps[i].name || !net->caps[i].json)
			return nerr_oom(err);
	}
	net->n_args = keys->args.n;
	net->n_caps = keys->caps.n;
	net->up = true;
	net->result = keys->result ? keep_text(s, keys->result) : NULL;
	if (keys->result && !net->result)
		return nerr_oom(err);
	r = cni_conflist_parse(keys->config, strlen(keys->config), &net->list, err);
	if (r == 0)
		s->n_nets++;
	return r;
}

static int read_phase(struct session *s, const char *text, struct nerr *err)
{
	for (size_t i = 0; i < ARRAY_SIZE(phases); i++) {
		if (strcmp(phases[i], text) == 0) {
			s->phase = (enum session_phase)i;
			return 0;
		}
	}
	return nerr_set(err, -EINVAL, "key 'phase': unknown phase '%s'", text);
}

/* Files of older versions have neither key. */
static int read_stack(struct session *s, const struct session_keys *keys, struct nerr *err)
{
	if (!*keys->stack || strcmp(keys->stack, "kernel") == 0)
		return 0;
	if (strcmp(keys->stack, "user") != 0)
		return nerr_set(err, -EINVAL, "key 'stack': unknown stack '%s'", keys->stack);
	s->is_user = true;
	if (attach_mode_parse(keys->mode, &s->mode) < 0)
		return nerr_set(err, -EINVAL, "key 'mode': unknown mode '%s'", keys->mode);
	return 0;
}

static int read_session(struct session *s, const struct session_keys *keys, struct nerr *err)
{
	int r;

	if (!session_name_is_valid(keys->name) || keys->nets.n > SESSION_NETS_MAX)
		return nerr_set(err, -EINVAL, "session '%s' is not one of ours", keys->name);
	r = read_phase(s, keys->phase, err);
	if (r == 0)
		r = read_stack(s, keys, err);
	if (r < 0)
		return r;
	s->name = keep_text(s, keys->name);
	s->id = keep_text(s, keys->id);
	s->netns = keep_text(s, keys->netns);
	s->cni_path = keep_text(s, keys->cni_path);
	s->hostname = keep_text(s, keys->hostname);
	s->command.v = arena_calloc(&s->arena, keys->command.n + 1, sizeof(*s->command.v));
	if (!s->name || !s->id || !s->netns || !s->cni_path || !s->hostname || !s->command.v)
		return nerr_oom(err);
	for (; s->command.n < keys->command.n; s->command.n++) {
		s->command.v[s->command.n] = keep_text(s, keys->command.v[s->command.n]);
		if (!s->command.v[s->command.n])
			return nerr_oom(err);
	}
	s->made_netns = true;
	s->keep = keys->keep;
	s->pid = (pid_t)keys->pid;
	s->guard_pid = (pid_t)keys->guard_pid;
	s->created = keys->created;
	for (size_t i = 0; i < keys->nets.n && r == 0; i++)
		r = read_net(s, JSON_AT(keys->nets, struct net_keys, i), err);
	return r;
}

int session_parse(const char *text, size_t len, struct session *ret, struct nerr *err)
{
	struct session_keys keys = { .hostname = "", .stack = "", .mode = "" };
	struct json_doc *doc;
	int r;

	r = json_doc_parse(text, len, &doc, err);
	if (r < 0)
		return r;
	r = json_read(doc, NULL, "", session_fields, &keys, err);
	if (r == 0)
		r = read_session(ret, &keys, err);
	json_doc_free(doc);
	return r;
}
