/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * runtime.h - the runtime's side of the Container Network Interface protocol
 *
 * A container is attached to a network by running the plugins of the network one
 * after the other: each gets the result of the one before, and the last result is
 * the attachment's.  It is kept in a cache (cache.h) until the attachment is
 * deleted, which runs the plugins in reverse order.
 *
 * Any vendor's plugin works.  What plugins see and what users read is as with the
 * reference library libcni v1.3.0, but for three things: an ADD that fails is taken
 * back here, not left to the caller; a DEL goes on with the other plugins when one
 * fails; and each plugin has a deadline.
 *
 * Not thread-safe: plugins are child processes, and the caller must not have
 * SIGCHLD ignored.
 */
#ifndef CNI_RUNTIME_H
#define CNI_RUNTIME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cni/cache.h"
#include "cni/cni.h"
#include "cni/conflist.h"
#include "cni/result.h"

struct json_doc;
struct nerr;
struct strbuf;

/**
 * struct cni_step - A plugin that has been run, for who wants to follow
 * @verb:	What it was asked
 * @type:	Who
 * @network, @ifname: Where; @ifname is "" under GC and STATUS
 * @usec:	Microseconds it took
 * @r:		0 or negative errno
 * @error:	What was wrong, "" when nothing
 * @said:	What it wrote to standard error
 */
struct cni_step {
	enum cni_verb verb;
	const char *type;
	const char *network;
	const char *ifname;
	int64_t usec;
	int r;
	const char *error;
	const char *said;
};

/**
 * struct cni_runtime - How plugins are run
 * @path:	Directories of plugins, separated by colons; also what they get as CNI_PATH
 * @cache_dir:	CNI_CACHE_DIR
 * @timeout_ms:	Deadline of each plugin, 0 for CNI_EXEC_TIMEOUT_MS
 * @cancel_fd:	When it becomes readable or is hung up, an ADD is given up (and taken
 *		back); -1 for none.  Nothing else can be given up
 * @step, @arg:	Called after each plugin, NULL for nobody
 */
struct cni_runtime {
	const char *path;
	const char *cache_dir;
	int timeout_ms;
	int cancel_fd;
	void (*step)(const struct cni_step *step, void *arg);
	void *arg;
};

/**
 * cni_runtime_add() - Attach a container to a network
 * @rt:		How
 * @list:	Network
 * @at:		Attachment
 * @ret:	JSON of the final result is appended on 0; it has a cniVersion
 * @ret_undone:	On failure: DEL has run for the whole chain without an error, nothing
 *		is left.  May be NULL
 *
 * Return: 0; the failure of the first plugin that failed, worded "plugin
 *         type="bridge" failed (add): ..."; -ECANCELED; -EINVAL for an attachment
 *         that is none
 */
int cni_runtime_add(const struct cni_runtime *rt, const struct cni_conflist *list,
		    const struct cni_attach *at, struct strbuf *ret, bool *ret_undone,
		    struct nerr *err);

/**
 * cni_runtime_result() - Read what cni_runtime_add() answered
 * @list:	Network
 * @text:	JSON of the result
 * @ret_doc:	Owner of the values, for json_doc_free()
 * @ret:	Filled on 0
 */
int cni_runtime_result(const struct cni_conflist *list, const char *text, struct json_doc **ret_doc,
		       struct cni_result *ret, struct nerr *err);

/**
 * cni_runtime_del() - Detach it
 *
 * Plugins run in reverse order, each with the cached result from version 0.4.0 on.
 * All of them run; the first failure is reported, and then the cache keeps its file,
 * so that the call can be repeated.  Without a cached result it works as well.
 */
int cni_runtime_del(const struct cni_runtime *rt, const struct cni_conflist *list,
		    const struct cni_attach *at, struct nerr *err);

/**
 * cni_runtime_check() - Is the attachment as ADD left it?
 *
 * 0 at once when the network says disableCheck. Versions before 0.4.0 cannot (-EOPNOTSUPP).
 */
int cni_runtime_check(const struct cni_runtime *rt, const struct cni_conflist *list,
		      const struct cni_attach *at, struct nerr *err);

/**
 * cni_runtime_gc() - Remove what belongs to the network and to no valid attachment
 * @valid, @n:	Attachments that stay
 *
 * First DEL for each attachment of the network in the cache that is not valid, then,
 * from version 1.1.0 on, GC of each plugin in order.  All of it is tried; the
 * first failure is reported.  0 at once when the network says disableGC.
 */
int cni_runtime_gc(const struct cni_runtime *rt, const struct cni_conflist *list,
		   const struct cni_attachment *valid, size_t n, struct nerr *err);

/**
 * cni_runtime_status() - Could ADD work?
 *
 * The first plugin's failure is reported as it is, with its code (CNI_NOT_AVAILABLE
 * ...).  0 at once for versions before 1.1.0, which cannot tell.
 */
int cni_runtime_status(const struct cni_runtime *rt, const struct cni_conflist *list,
		       struct nerr *err);

#endif /* CNI_RUNTIME_H */
