/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "oci/serve.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "attach/rules.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "base/json_out.h"
#include "base/json_table.h"
#include "base/str.h"
#include "ctl/ctl.h"
#include "oci/bundle.h"
#include "oci/merge.h"
#include "sandbox/netns.h"

/* For its answer: it is one process of this machine, with one thread. */
#define STATUS_MS 5000

DEFINE_CLEANUP(struct json_doc *, json_doc_free);

/* What the agent gets back, to be compared with the namespace that the task is in. */
static int print_metadata(const char *key, struct json_out *o, struct nerr *err)
{
	json_out_object(o, NULL);
	json_out_string(o, "fairlead", key);
	json_out_end(o);
	return o->buf.failed ? nerr_oom(err) : 0;
}

static int read_mode(struct json_doc *status, enum attach_mode *ret, struct nerr *err)
{
	struct {
		const char *mode;
	} s = { .mode = "" };
	const struct json_field fields[] = {
		{ .name = "mode", .kind = JSON_STRING, .required = true },
		{ 0 },
	};
	int r = json_read(status, NULL, "", fields, &s, err);

	if (r == 0 && attach_mode_parse(s.mode, ret) < 0)
		r = nerr_set(err, -EPROTO, "netstackd has an unknown mode, '%s'", s.mode);
	return r;
}

static int merge_for(const char *json, size_t len, int netns, struct json_doc *status,
		     struct strbuf *ret, struct nerr *err)
{
	struct json_out metadata = JSON_OUT_INIT(0);
	struct oci_merge conf = { .mode = ATTACH_HYBRID };
	char key[CTL_KEY_LEN];
	char listener[PATH_MAX];
	int r;

	if (snprintf(listener, sizeof(listener), "%s/" OCI_AGENT_SOCKET, ctl_dir()) >=
	    (int)sizeof(listener))
		return nerr_set(err, -ENAMETOOLONG, "directory '%s' has too long a name",
				ctl_dir());
	r = read_mode(status, &conf.mode, err);
	if (r == 0)
		r = ctl_key(netns, key, err);
	if (r == 0)
		r = print_metadata(key, &metadata, err);
	conf.listener = listener;
	conf.metadata = strbuf_text(&metadata.buf);
	if (r == 0)
		r = oci_merge(json, len, &conf, ret, err);
	strbuf_done(&metadata.buf);
	return r;
}

int oci_serve(const char *json, size_t len, struct strbuf *ret, bool *ret_served, struct nerr *err)
{
	CLEANUP(oci_bundle_done) struct oci_bundle bundle = { .netns = NULL };
	CLEANUP(json_doc_freep) struct json_doc *status = NULL;
	cleanup_close int netns = -1;
	char path[CTL_PATH_LEN];
	int r;

	*ret_served = false;
	r = oci_bundle_read(json, len, &bundle, err);
	if (r < 0 || !bundle.netns || bundle.is_sandbox)
		return r;
	r = netns_open(bundle.netns, &netns, err);
	if (r == -ENOENT || r == -EINVAL)
		return 0; /* the runtime says so, in its own words */
	if (r == 0)
		r = ctl_path(netns, path, err);
	if (r < 0)
		return r;
	r = ctl_call(path, "{\"do\":\"status\"}", -1, STATUS_MS, &status, err);
	/* Nobody serves it.  A leftover of one that has died says nothing: with it went the
	 * interface, so that nothing can go out through the kernel's stack either.
	 */
	if (r == -ENOENT || r == -ECONNREFUSED)
		return 0;
	if (r == 0)
		r = merge_for(json, len, netns, status, ret, err);
	if (r < 0)
		return nerr_ctx(err, "network namespace '%s' is on a user stack", bundle.netns);
	*ret_served = true;
	return 0;
}
