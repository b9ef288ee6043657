/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * How libseccomp and the runtimes take rules decides what is done here:
 *
 *	two rules for one call that overlap	an error, or the first counts and ours never does:
 *						ours replace those that allow
 *	several architectures			socket() of i386 is socketcall(), whose conditions
 *						cannot be had: the rules are refused
 *	a rule with the default action		refused by libseccomp: ours that allow are left
 *						out where everything is allowed
 */
#include "oci/merge.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include <json-c/json.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/json_table.h"
#include "base/str.h"
#include "oci/keys.h"

#if defined(__x86_64__)
#	define OCI_ARCH "SCMP_ARCH_X86_64"
#elif defined(__aarch64__)
#	define OCI_ARCH "SCMP_ARCH_AARCH64"
#else
#	error "no name of this machine in OCI profiles"
#endif

/* A call waits in a way that a signal does not end: our blocking calls must be interruptible. */
#define FLAG_WAIT_KILLABLE "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV"

DEFINE_CLEANUP(struct json_doc *, json_doc_free);

struct merge {
	const struct oci_merge *conf;
	const struct attach_rule *rules;
	size_t n_rules;
	bool allows_all;
	struct json_object *seccomp;
	struct nerr *err;
};

static bool is_ours(const struct merge *m, const char *call)
{
	for (size_t i = 0; i < m->n_rules; i++)
		if ((m->rules[i].modes & 1u << m->conf->mode) &&
		    strcmp(m->rules[i].call, call) == 0)
			return true;
	return false;
}

/* --- json-c, with failures for want of memory told --- */

static bool add(struct json_object *to, const char *key, struct json_object *value)
{
	if (value && json_object_object_add(to, key, value) == 0)
		return true;
	(void)json_object_put(value);
	return false;
}

static bool append(struct json_object *array, struct json_object *value)
{
	if (value && json_object_array_add(array, value) == 0)
		return true;
	(void)json_object_put(value);
	return false;
}

static const char *text_of(struct json_object *obj, const char *key)
{
	struct json_object *value;

	if (!json_object_object_get_ex(obj, key, &value) ||
	    !json_object_is_type(value, json_type_string))
		return NULL;
	return json_object_get_string(value);
}

static struct json_object *array_of(struct json_object *obj, const char *key)
{
	struct json_object *value;

	if (!json_object_object_get_ex(obj, key, &value) ||
	    !json_object_is_type(value, json_type_array))
		return NULL;
	return value;
}

/* --- what the profile allows --- */

static bool has_name(struct json_object *rule, const char *call)
{
	struct json_object *names = array_of(rule, "names");

	for (size_t i = 0; names && i < json_object_array_length(names); i++) {
		const char *name = json_object_get_string(json_object_array_get_idx(names, i));

		if (name && strcmp(name, call) == 0)
			return true;
	}
	return false;
}

/* Actions that let a call through; LOG and TRACE say so to somebody. */
static bool lets_through(const char *action)
{
	return action &&
	       (strcmp(action, "SCMP_ACT_ALLOW") == 0 || strcmp(action, "SCMP_ACT_LOG") == 0 ||
		strcmp(action, "SCMP_ACT_TRACE") == 0);
}

/* May the container make this call, in some way? */
static bool is_allowed(const struct merge *m, struct json_object *syscalls, const char *call)
{
	bool allowed = m->allows_all;

	for (size_t i = 0; i < json_object_array_length(syscalls); i++) {
		struct json_object *rule = json_object_array_get_idx(syscalls, i);
		struct json_object *args = array_of(rule, "args");

		if (!has_name(rule, call))
			continue;
		if (lets_through(text_of(rule, "action")))
			return true;
		if (!args || json_object_array_length(args) == 0)
			allowed = false;
	}
	return allowed;
}

/* --- our rules --- */

static bool add_cond(struct json_object *args, const struct attach_cond *c)
{
	struct json_object *arg = json_object_new_object();
	const bool whole = c->mask == UINT64_MAX;
	bool ok = arg && add(arg, "index", json_object_new_int(c->arg));

	ok = ok && add(arg, "value", json_object_new_uint64(whole ? c->value : c->mask));
	if (!whole)
		ok = ok && add(arg, "valueTwo", json_object_new_uint64(c->value));
	ok = ok && add(arg, "op",
		       json_object_new_string(c->is_not ? "SCMP_CMP_NE"
					      : whole   ? "SCMP_CMP_EQ"
							: "SCMP_CMP_MASKED_EQ"));
	if (ok)
		return append(args, arg);
	(void)json_object_put(arg);
	return false;
}

static struct json_object *make_rule(const struct attach_rule *rule)
{
	static const char *const actions[] = {
		[ATTACH_NOTIFY] = "SCMP_ACT_NOTIFY",
		[ATTACH_ERRNO] = "SCMP_ACT_ERRNO",
		[ATTACH_ALLOW] = "SCMP_ACT_ALLOW",
	};
	struct json_object *obj = json_object_new_object();
	struct json_object *names = json_object_new_array();
	struct json_object *args = json_object_new_array();
	bool ok = obj && names && args && append(names, json_object_new_string(rule->call));

	for (unsigned int i = 0; ok && i < rule->n_conds; i++)
		ok = add_cond(args, &rule->cond[i]);
	ok = ok && add(obj, "names", json_object_get(names)) &&
	     add(obj, "action", json_object_new_string(actions[rule->action]));
	if (rule->action == ATTACH_ERRNO)
		ok = ok && add(obj, "errnoRet", json_object_new_int(rule->error));
	if (rule->n_conds)
		ok = ok && add(obj, "args", json_object_get(args));
	(void)json_object_put(names);
	(void)json_object_put(args);
	if (ok)
		return obj;
	(void)json_object_put(obj);
	return NULL;
}

static int put_ours(const struct merge *m, struct json_object *old, struct json_object *to)
{
	for (size_t i = 0; i < m->n_rules; i++) {
		const struct attach_rule *rule = &m->rules[i];

		if (!(rule->modes & 1u << m->conf->mode))
			continue;
		if (rule->action == ATTACH_ALLOW && m->allows_all)
			continue;
		if (!is_allowed(m, old, rule->call))
			continue;
		if (!append(to, make_rule(rule)))
			return nerr_oom(m->err);
	}
	return 0;
}

/* --- the profile's rules, without what is ours now --- */

/* NULL with 0 for a rule that has no names left. */
static int strip_rule(const struct merge *m, struct json_object *rule, struct json_object **ret)
{
	static const char *const keys[] = { "names", "action", "errnoRet", "args", NULL };
	struct json_object *names = array_of(rule, "names");
	struct json_object *left = NULL;
	int r = oci_check_spelling(rule, "a rule of the seccomp profile", keys, m->err);

	*ret = NULL;
	if (r < 0)
		return r;
	if (!names)
		return nerr_set(m->err, -EINVAL, "a rule of the seccomp profile has no names");
	if (!lets_through(text_of(rule, "action"))) {
		*ret = json_object_get(rule);
		return 0;
	}
	left = json_object_new_array();
	for (size_t i = 0; left && i < json_object_array_length(names); i++) {
		struct json_object *name = json_object_array_get_idx(names, i);

		if (json_object_is_type(name, json_type_string) &&
		    is_ours(m, json_object_get_string(name)))
			continue;
		if (!append(left, json_object_get(name))) {
			(void)json_object_put(left);
			return nerr_oom(m->err);
		}
	}
	if (!left)
		return nerr_oom(m->err);
	if (json_object_array_length(left) == 0) {
		(void)json_object_put(left);
		return 0;
	}
	if (!add(rule, "names", left))
		return nerr_oom(m->err);
	*ret = json_object_get(rule);
	return 0;
}

static int put_theirs(const struct merge *m, struct json_object *old, struct json_object *to)
{
	for (size_t i = 0; i < json_object_array_length(old); i++) {
		struct json_object *rule;
		int r = strip_rule(m, json_object_array_get_idx(old, i), &rule);

		if (r < 0)
			return r;
		if (rule && !append(to, rule))
			return nerr_oom(m->err);
	}
	return 0;
}

static int merge_calls(const struct merge *m)
{
	struct json_object *old = array_of(m->seccomp, "syscalls");
	struct json_object *calls = json_object_new_array();
	int r = calls ? 0 : nerr_oom(m->err);

	if (r == 0 && !old) {
		old = json_object_new_array();
		if (!old || !add(m->seccomp, "syscalls", old))
			r = nerr_oom(m->err);
	}
	if (r == 0)
		r = put_ours(m, old, calls);
	if (r == 0)
		r = put_theirs(m, old, calls);
	if (r < 0) {
		(void)json_object_put(calls);
		return r;
	}
	return add(m->seccomp, "syscalls", calls) ? 0 : nerr_oom(m->err);
}

static int drop_flag(const struct merge *m)
{
	struct json_object *flags = array_of(m->seccomp, "flags");
	struct json_object *left;

	if (!flags)
		return 0;
	left = json_object_new_array();
	for (size_t i = 0; left && i < json_object_array_length(flags); i++) {
		struct json_object *flag = json_object_array_get_idx(flags, i);
		const char *text = json_object_get_string(flag);

		if (text && strcmp(text, FLAG_WAIT_KILLABLE) == 0)
			continue;
		if (!append(left, json_object_get(flag))) {
			(void)json_object_put(left);
			return nerr_oom(m->err);
		}
	}
	return left && add(m->seccomp, "flags", left) ? 0 : nerr_oom(m->err);
}

static int put_listener(const struct merge *m)
{
	struct json_object *archs = json_object_new_array();

	if (!archs || !append(archs, json_object_new_string(OCI_ARCH))) {
		(void)json_object_put(archs);
		return nerr_oom(m->err);
	}
	if (!add(m->seccomp, "architectures", archs) ||
	    !add(m->seccomp, "listenerPath", json_object_new_string(m->conf->listener)) ||
	    !add(m->seccomp, "listenerMetadata", json_object_new_string(m->conf->metadata)))
		return nerr_oom(m->err);
	return 0;
}

/* --- merged before --- */

/* A rule that was put in by us, for whichever mode; -ENOMEM */
static int find_put(const struct merge *m, struct json_object *rule, const struct attach_rule **ret)
{
	*ret = NULL;
	for (size_t i = 0; i < m->n_rules && !*ret; i++) {
		struct json_object *ours;

		if (!has_name(rule, m->rules[i].call))
			continue;
		ours = make_rule(&m->rules[i]);
		if (!ours)
			return nerr_oom(m->err);
		if (json_object_equal(rule, ours))
			*ret = &m->rules[i];
		(void)json_object_put(ours);
	}
	return 0;
}

/* One that allows the call, in the place of all of ours for it. */
static bool put_back(const struct merge *m, struct json_object *to, const char *call)
{
	const struct attach_rule allow = { .call = call, .action = ATTACH_ALLOW };

	for (size_t i = 0; i < json_object_array_length(to); i++)
		if (has_name(json_object_array_get_idx(to, i), call))
			return true;
	return m->allows_all || append(to, make_rule(&allow));
}

/* The profile as it was, or one that means the same: the bundle is started again, in a namespace or
 * mode that may be another one, or podman's hook and the wrapper are both there.
 */
static int unmerge(struct merge *m)
{
	struct json_object *old = array_of(m->seccomp, "syscalls");
	struct json_object *left = json_object_new_array();
	int r = left ? 0 : nerr_oom(m->err);

	for (size_t i = 0; r == 0 && old && i < json_object_array_length(old); i++) {
		struct json_object *rule = json_object_array_get_idx(old, i);
		const struct attach_rule *ours;

		r = find_put(m, rule, &ours);
		if (r == 0 &&
		    !(ours ? put_back(m, left, ours->call) : append(left, json_object_get(rule))))
			r = nerr_oom(m->err);
	}
	if (r < 0) {
		(void)json_object_put(left);
		return r;
	}
	return add(m->seccomp, "syscalls", left) ? 0 : nerr_oom(m->err);
}

/* --- the document --- */

static int find_profile(struct merge *m, struct json_object *root)
{
	struct json_object *part;

	if (!json_object_object_get_ex(root, "linux", &part) ||
	    !json_object_is_type(part, json_type_object))
		return nerr_set(m->err, -EINVAL, "the container's configuration has no 'linux'");
	if (json_object_object_get_ex(part, "seccomp", &m->seccomp) && m->seccomp) {
		if (json_object_is_type(m->seccomp, json_type_object))
			return 0;
		return nerr_set(m->err, -EINVAL, "'linux.seccomp' is no object");
	}
	m->seccomp = json_object_new_object();
	if (!m->seccomp || !add(part, "seccomp", m->seccomp) ||
	    !add(m->seccomp, "defaultAction", json_object_new_string("SCMP_ACT_ALLOW")))
		return nerr_oom(m->err);
	return 0;
}

static int merge_profile(struct merge *m)
{
	static const char *const keys[] = {
		"defaultAction",    "architectures", "flags",           "listenerPath",
		"listenerMetadata", "syscalls",      "defaultErrnoRet", NULL
	};
	const char *listener = text_of(m->seccomp, "listenerPath");
	const char *action = text_of(m->seccomp, "defaultAction");
	const bool is_merged = listener && strcmp(listener, m->conf->listener) == 0;
	int r = oci_check_spelling(m->seccomp, "the seccomp profile", keys, m->err);

	if (r < 0)
		return r;
	if (listener && *listener && !is_merged)
		return nerr_set(m->err, -EBUSY,
				"the seccomp profile has a listener already, '%s': a container can "
				"have only one, so its sockets cannot be on the user stack",
				listener);
	if (!action)
		return nerr_set(m->err, -EINVAL, "the seccomp profile has no 'defaultAction'");
	m->allows_all = lets_through(action);
	if (is_merged)
		r = unmerge(m);
	if (r == 0)
		r = merge_calls(m);
	if (r == 0)
		r = drop_flag(m);
	return r < 0 ? r : put_listener(m);
}

int oci_merge(const char *json, size_t len, const struct oci_merge *conf, struct strbuf *ret,
	      struct nerr *err)
{
	CLEANUP(json_doc_freep) struct json_doc *doc = NULL;
	struct merge m = { .conf = conf, .err = err };
	const char *text;
	int r;

	m.rules = attach_rules(&m.n_rules);
	r = json_doc_parse(json, len, &doc, err);
	if (r == 0)
		r = find_profile(&m, json_doc_root(doc));
	if (r == 0)
		r = merge_profile(&m);
	if (r < 0)
		return r;
	text = json_object_to_json_string_ext(
		json_doc_root(doc), JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE);
	if (!text)
		return nerr_oom(err);
	strbuf_add(ret, text);
	return ret->failed ? nerr_oom(err) : 0;
}
