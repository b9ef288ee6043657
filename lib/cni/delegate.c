/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * IPAM plugins, called as the specification calls a delegated plugin.
 *
 * A type is looked up in CNI_PATH.  Where the file found is this very program, its
 * handler is called here and sees what the executed one would see: its own copy of the
 * call, its own prevResult, its own check of the version.  Any other file is executed
 * with the same standard input and environment, CNI_COMMAND apart.
 *
 * After an ADD that failed, an executed plugin is told DEL.  A handler of ours has
 * undone its own work; a DEL would take away what an earlier ADD of the same
 * attachment holds.
 */
#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/fd.h"
#include "base/json_table.h"
#include "base/str.h"
#include "cni/cni_priv.h"
#include "cni/exec.h"
#include "cni/version.h"

/* A DHCP client may need its time: the reference suite's gives up after 110 s.  A runtime that
 * lost patience first (the kubelet: four minutes) would end us before we have taken back what
 * we made.
 */
#define TIMEOUT_VAR   "FAIRLEAD_IPAM_TIMEOUT"
#define TIMEOUT_S     120
#define TIMEOUT_S_MAX 3600

DEFINE_CLEANUP(struct json_doc *, json_doc_free);

/* --- results as text --- */

struct versioned {
	const char *version;
};

static const struct json_field versioned_fields[] = {
	{ .name = "cniVersion",
	  .kind = JSON_STRING,
	  .offset = offsetof(struct versioned, version) },
	{ 0 },
};

/* "null" is what a plugin of the reference library prints for no result at all. */
static bool is_null(const char *text)
{
	static const char blank[] = " \t\r\n";

	text += strspn(text, blank);
	return strncmp(text, "null", 4) == 0 && text[4 + strspn(text + 4, blank)] == '\0';
}

/* Into the call's memory.  A result that names no version has that of the configuration. */
static int read_result(const struct cni_call *call, const char *text, size_t len,
		       struct cni_result *ret, struct nerr *err)
{
	CLEANUP(json_doc_freep) struct json_doc *doc = NULL;
	struct versioned own = { .version = "" };
	struct cni_result res;
	int r;

	r = is_null(text) ? json_doc_parse("{}", 2, &doc, err)
			  : json_doc_parse(text, len, &doc, err);
	if (r == 0)
		r = json_read(doc, NULL, "", versioned_fields, &own, err);
	if (r == 0)
		r = cni_result_read(doc, NULL, *own.version ? own.version : call->version, &res,
				    err);
	if (r < 0)
		return r;
	return cni_result_copy(ret, &res, json_doc_arena(call->doc), err);
}

/* What is left of a result when it is printed and read again in the call's version.  Only
 * the oldest shape, which has one address per family, loses what we use.
 */
static int pass_result(const struct cni_call *call, const struct cni_result *res,
		       struct cni_result *ret, struct nerr *err)
{
	CLEANUP(strbuf_done) struct strbuf text = STRBUF_INIT;
	int r;

	if (cni_version_shape(call->version) != CNI_SHAPE_0_1) {
		*ret = *res;
		return 0;
	}
	r = cni_result_print(res, call->version, 0, &text, err);
	return r < 0 ? r : read_result(call, text.s, text.len, ret, err);
}

/* --- in this process --- */

static bool is_this_program(const char *path)
{
	struct stat there;
	struct stat self;

	return stat(path, &there) == 0 && stat("/proc/self/exe", &self) == 0 &&
	       there.st_dev == self.st_dev && there.st_ino == self.st_ino;
}

static int call_here(const struct cni_call *call, const struct cni_plugin *plugin,
		     enum cni_verb verb, struct cni_result *ret, struct nerr *err)
{
	struct cni_call sub = *call;
	int r;

	sub.verb = verb;
	sub.plugin = plugin;
	sub.result = (struct cni_result){ 0 };
	r = cni_request_check_version(&sub, err);
	if (r == 0)
		r = cni_request_inputs(&sub, err);
	if (r == 0)
		r = cni_dispatch(&sub, err);
	if (r < 0 || verb != CNI_ADD)
		return r;
	r = pass_result(&sub, &sub.result, ret, err);
	if (r < 0) {
		sub.verb = CNI_DEL;
		(void)plugin->del(&sub, NULL); /* the first error is the one to report */
	}
	return r;
}

/* --- in a process of its own --- */

/* Of an executed plugin, in ms. */
static int read_timeout(int *ret, struct nerr *err)
{
	const char *value = cni_env_get(TIMEOUT_VAR);
	uint32_t s = TIMEOUT_S;

	if (*value && parse_u32(value, 1, TIMEOUT_S_MAX, &s) < 0)
		return nerr_num(err, -EINVAL, CNI_INVALID_ENV,
				TIMEOUT_VAR " is '%s', not a number of seconds from 1 to %u", value,
				TIMEOUT_S_MAX);
	*ret = (int)s * 1000;
	return 0;
}

static int execute(const struct cni_call *call, const char *file, enum cni_verb verb,
		   struct cni_result *ret, struct nerr *err)
{
	CLEANUP(strbuf_done) struct strbuf out = STRBUF_INIT;
	CLEANUP(strbuf_done) struct strbuf errors = STRBUF_INIT;
	const struct cni_exec_var vars[] = { { "CNI_COMMAND", cni_verb_str(verb) }, { 0 } };
	struct cni_exec x = {
		.file = file,
		.request = call->text,
		.request_len = call->text_len,
		.vars = vars,
		.cancel_fd = -1,
	};
	struct nerr said = NERR_INIT;
	int r;

	r = read_timeout(&x.timeout_ms, err);
	if (r < 0)
		return r;
	r = cni_exec_run(&x, &out, &errors, &said);
	/* Its talk is for whoever reads ours.  That nobody does is no reason to fail. */
	(void)fd_write_all(STDERR_FILENO, strbuf_text(&errors), errors.len);
	if (r < 0) {
		/* An error object is its own; what is said about it tells which one it is. */
		if (said.num == 0 || r != -EIO)
			(void)nerr_ctx(&said, "IPAM plugin \"%s\"", strrchr(file, '/') + 1);
		if (err)
			*err = said;
		return r;
	}
	if (verb != CNI_ADD)
		return 0;
	r = read_result(call, strbuf_text(&out), out.len, ret, err);
	return r < 0 ? nerr_ctx(err, "cannot read the result of '%s'", file) : 0;
}

/* --- both --- */

static int delegate(const struct cni_call *call, const char *type, enum cni_verb verb,
		    struct cni_result *ret, struct nerr *err)
{
	const struct cni_plugin *plugin = cni_plugin_find(call->registry, type);
	cleanup_free char *file = NULL;
	int r;

	/* It would find the same configuration and ask itself again. */
	if (strcmp(type, call->plugin->name) == 0)
		return nerr_set(err, -ELOOP, "plugin \"%s\" cannot be its own IPAM plugin", type);
	r = cni_exec_find(type, call->path, &file, err);
	if (r < 0)
		return r;
	if (plugin && is_this_program(file))
		return call_here(call, plugin, verb, ret, err);
	r = execute(call, file, verb, ret, err);
	/* One that is busy has never run. */
	if (r < 0 && r != -ETXTBSY && verb == CNI_ADD)
		(void)execute(call, file, CNI_DEL, NULL, NULL); /* the first error counts */
	return r;
}

int cni_ipam_add(struct cni_call *call, const char *type, struct cni_result *ret, struct nerr *err)
{
	struct cni_result res = { 0 };
	int r;

	r = delegate(call, type, CNI_ADD, &res, err);
	if (r == 0)
		*ret = res;
	return r;
}

int cni_ipam_del(struct cni_call *call, const char *type, struct nerr *err)
{
	return delegate(call, type, CNI_DEL, NULL, err);
}

int cni_ipam_check(struct cni_call *call, const char *type, struct nerr *err)
{
	return delegate(call, type, CNI_CHECK, NULL, err);
}

int cni_ipam_gc(struct cni_call *call, const char *type, struct nerr *err)
{
	struct nerr said = NERR_INIT;
	int r;

	r = delegate(call, type, CNI_GC, NULL, &said);
	/* A plugin older than GC refuses its version, or the verb as a bad CNI_COMMAND.  It
	 * keeps what it keeps; that is no reason for GC of the network to fail.
	 */
	if (r == 0 || said.num == CNI_INCOMPATIBLE_VERSION || said.num == CNI_INVALID_ENV)
		return 0;
	if (err)
		*err = said;
	return r;
}

/* Here such a plugin is an error: the configuration is one of 1.1.0, so its ADD would fail. */
int cni_ipam_status(struct cni_call *call, const char *type, struct nerr *err)
{
	return delegate(call, type, CNI_STATUS, NULL, err);
}
