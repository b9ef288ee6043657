/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * One call of a plugin, from its first line to its exit status.
 *
 * cni_main() reads from top to bottom in the order of the protocol.  Every step that
 * fails leaves its error in one struct nerr, and one place prints it.  Standard
 * output carries either one result or one error object, never both.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/str.h"
#include "base/version.h"
#include "cni/cni_priv.h"
#include "cni/version.h"

#define INDENT 4

DEFINE_CLEANUP(struct json_doc *, json_doc_free);

const struct cni_plugin *cni_plugin_find(const struct cni_plugin *const *registry, const char *name)
{
	for (; registry && *registry; registry++)
		if (strcmp((*registry)->name, name) == 0)
			return *registry;
	return NULL;
}

/* "a, b, c", or with quotes "a","b","c". */
static void add_versions(struct strbuf *b, const struct cni_plugin *plugin, const char *separator,
			 const char *quote)
{
	for (const char *const *v = plugin->versions; *v; v++)
		strbuf_addf(b, "%s%s%s%s", v == plugin->versions ? "" : separator, quote, *v,
			    quote);
}

/* What a plugin says about itself when nothing is asked.  Tools read the first line. */
static int print_about(const struct cni_plugin *plugin)
{
	CLEANUP(strbuf_done) struct strbuf b = STRBUF_INIT;

	strbuf_addf(&b, "CNI %s plugin v%s\nCNI protocol versions supported: ", plugin->name,
		    FAIRLEAD_VERSION);
	add_versions(&b, plugin, ", ", "");
	strbuf_add(&b, "\n");
	if (b.failed || fd_write_all(STDERR_FILENO, b.s, b.len) < 0)
		return 1;
	return 0;
}

/* Works without the configuration and without standard input. */
static int print_version(const struct cni_plugin *plugin, struct nerr *err)
{
	CLEANUP(strbuf_done) struct strbuf b = STRBUF_INIT;
	int r;

	strbuf_add(&b, "{\"cniVersion\":\"" CNI_VERSION_CURRENT "\",\"supportedVersions\":[");
	add_versions(&b, plugin, ",", "\"");
	strbuf_add(&b, "]}\n");
	if (b.failed)
		return nerr_oom(err);
	r = fd_write_all(STDOUT_FILENO, b.s, b.len);
	if (r < 0)
		return nerr_num(err, r, CNI_IO_FAILURE, "cannot write to standard output: %m");
	return 0;
}

/* A closed standard descriptor would be the number of the next file opened, and the
 * answer would go there.  Reading end only: writing to it still fails.
 */
static int keep_standard_fds(struct nerr *err)
{
	for (int fd = STDOUT_FILENO; fd <= STDERR_FILENO; fd++) {
		int null;

		if (fcntl(fd, F_GETFD) >= 0 || errno != EBADF)
			continue;
		null = open("/dev/null", O_RDONLY);
		if (null < 0)
			return nerr_num(err, -errno, CNI_IO_FAILURE, "cannot open /dev/null: %m");
		if (null != fd) {
			/* Standard input is closed too; /dev/null is no configuration. */
			int r = dup2(null, fd) < 0 ? -errno : 0;

			(void)close(null); /* only read from */
			if (r < 0)
				return nerr_num(err, r, CNI_IO_FAILURE,
						"cannot open /dev/null: %m");
		}
	}
	return 0;
}

static int read_stdin(struct strbuf *ret, struct nerr *err)
{
	int r = fd_read_all(STDIN_FILENO, JSON_DOC_LEN_MAX, ret);

	if (r == -EFBIG)
		return nerr_num(err, r, CNI_IO_FAILURE,
				"error reading from stdin: more than %u bytes", JSON_DOC_LEN_MAX);
	if (r < 0)
		return nerr_num(err, r, CNI_IO_FAILURE, "error reading from stdin: %m");
	return 0;
}

/* The container's namespace must not be the one the plugin runs in: its links would be
 * taken for the container's.  A path that cannot be looked at is the handler's to report.
 */
static int check_netns(const struct cni_call *call, struct nerr *err)
{
	struct stat theirs;
	struct stat ours;

	if ((call->verb != CNI_ADD && call->verb != CNI_DEL) || cni_env_netns_override())
		return 0;
	if (stat(call->netns, &theirs) < 0 || stat("/proc/thread-self/ns/net", &ours) < 0)
		return 0;
	if (theirs.st_dev != ours.st_dev || theirs.st_ino != ours.st_ino)
		return 0;
	return nerr_num(err, -EINVAL, CNI_INVALID_NETNS,
			"plugin's netns and netns from CNI_NETNS should not be the same");
}

static int print_result(struct cni_call *call, struct nerr *err)
{
	CLEANUP(strbuf_done) struct strbuf text = STRBUF_INIT;
	int r;

	r = cni_result_print(&call->result, call->version, INDENT, &text, err);
	if (r < 0)
		return r;
	r = fd_write_all(STDOUT_FILENO, text.s, text.len);
	if (r < 0)
		return nerr_num(err, r, CNI_IO_FAILURE, "cannot write to standard output: %m");
	return 0;
}

/* A result that nobody gets must leave nothing: the runtime could not name it. */
static int run_add(struct cni_call *call, struct nerr *err)
{
	struct nerr del_err = NERR_INIT;
	int r;

	r = call->plugin->add(call, err);
	if (r < 0)
		return r;
	r = print_result(call, err);
	if (r == 0)
		return 0;
	call->verb = CNI_DEL;
	if (call->plugin->del(call, &del_err) < 0)
		(void)nerr_details(err, "and taking back what was made failed: %s", del_err.msg);
	return r;
}

int cni_dispatch(struct cni_call *call, struct nerr *err)
{
	switch (call->verb) {
	case CNI_ADD:
		return call->plugin->add(call, err);
	case CNI_DEL:
		return call->plugin->del(call, err);
	case CNI_CHECK:
		return call->plugin->check(call, err);
	case CNI_GC:
		return call->valid ? call->plugin->gc(call, err) : 0;
	case CNI_STATUS:
		return call->plugin->status(call, err);
	case CNI_VERSION:
		break;
	}
	return 0;
}

/* A call with its variables read: the configuration, the handler, the result. */
static int serve(struct cni_call *call, bool verb_is_known, struct nerr *err)
{
	CLEANUP(strbuf_done) struct strbuf text = STRBUF_INIT;
	CLEANUP(json_doc_freep) struct json_doc *doc = NULL;
	int r;

	r = keep_standard_fds(err);
	if (r == 0)
		r = read_stdin(&text, err);
	if (r < 0)
		return r;
	call->text = strbuf_text(&text);
	call->text_len = text.len;
	r = cni_request_parse(call, err);
	doc = call->doc;
	if (r < 0)
		return r;
	if (!verb_is_known)
		return nerr_num(err, -EINVAL, CNI_INVALID_ENV, "unknown CNI_COMMAND: %s",
				cni_env_get("CNI_COMMAND"));
	r = cni_request_version(call, err);
	if (r == 0)
		r = check_netns(call, err);
	if (r == 0)
		r = cni_request_inputs(call, err);
	if (r < 0)
		return r;
	return call->verb == CNI_ADD ? run_add(call, err) : cni_dispatch(call, err);
}

/* The one place that reports an error. */
static int fail(const struct nerr *err)
{
	CLEANUP(strbuf_done) struct strbuf text = STRBUF_INIT;
	static const char oom[] = "{\n    \"code\": 999,\n    \"msg\": \"out of memory\"\n}";
	int r;

	cni_error_print(err, &text);
	if (text.failed)
		r = fd_write_all(STDOUT_FILENO, oom, sizeof(oom) - 1);
	else
		r = fd_write_all(STDOUT_FILENO, text.s, text.len);
	if (r < 0)
		log_err("%s", err->msg); /* the runtime may have kept standard error */
	return 1;
}

int cni_main(const struct cni_plugin *const *registry, const char *name)
{
	const char *slash = strrchr(name, '/');
	struct cni_call call = { .registry = registry };
	struct nerr err = NERR_INIT;
	bool verb_is_known;
	int r;

	name = slash ? slash + 1 : name;
	log_set_name(name);
	call.plugin = cni_plugin_find(registry, name);
	if (!call.plugin) {
		(void)nerr_set(&err, -ENOENT, "there is no plugin '%s' in this program", name);
		return fail(&err);
	}
	if (!*cni_env_get("CNI_COMMAND"))
		return print_about(call.plugin);

	/* A reader that has gone away is an error of write(2), after which an ADD is taken
	 * back.  A runtime that ignores SIGCHLD hands that down, and a delegate's status
	 * would be lost.
	 */
	(void)signal(SIGPIPE, SIG_IGN); /* these two signals cannot be refused */
	(void)signal(SIGCHLD, SIG_DFL);

	r = cni_env_read(&call, &verb_is_known, &err);
	if (r == 0 && verb_is_known && call.verb == CNI_VERSION)
		r = print_version(call.plugin, &err);
	else if (r == 0)
		r = serve(&call, verb_is_known, &err);
	return r < 0 ? fail(&err) : 0;
}
