/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * cache.h - what a runtime remembers of an attachment between ADD and DEL
 *
 * One file per attachment, <dir>/results/<network>-<containerID>-<ifname>, in the
 * format "cniCacheV1" of the reference library libcni: other runtimes of the host
 * read it, and so does what they offer to clean up.  Files have mode 0600, the
 * directory 0700.  A file is written beside its place and renamed into it, so a
 * reader sees all of it or none.
 */
#ifndef CNI_CACHE_H
#define CNI_CACHE_H

#include <stddef.h>

#include "cni/conflist.h"

struct nerr;

/* Where runtimes keep the cache. */
#define CNI_CACHE_DIR "/var/lib/cni"

/* Longest file read. */
#define CNI_CACHE_LEN_MAX (64u << 20)

/* A pair of CNI_ARGS. */
struct cni_pair {
	const char *key;
	const char *value;
};

/**
 * struct cni_attach - One container on one network, as the runtime describes it
 * @container_id, @netns, @ifname: Variables of the protocol; @netns may be ""
 * @args, @n_args: CNI_ARGS
 * @caps, @n_caps: Values for capabilities of the plugins
 */
struct cni_attach {
	const char *container_id;
	const char *netns;
	const char *ifname;
	const struct cni_pair *args;
	size_t n_args;
	const struct cni_capability *caps;
	size_t n_caps;
};

/**
 * struct cni_cached - A file of the cache
 * @network:	Name of the network
 * @attach:	How it was attached
 * @config:	Text of the network's configuration
 * @result:	JSON of what ADD answered, NULL when there is none
 * @mem:	Owner of all that
 */
struct cni_cached {
	const char *network;
	struct cni_attach attach;
	const char *config;
	const char *result;
	struct cni_cached_mem *mem;
};

/**
 * cni_cache_put() - Write the file of an attachment
 * @dir:	CNI_CACHE_DIR
 * @list:	Network
 * @at:		Attachment
 * @result:	JSON of the final result
 *
 * A file that is there is replaced.  It is not forced to disk: after a crash of the
 * host the container is gone as well.
 */
int cni_cache_put(const char *dir, const struct cni_conflist *list, const struct cni_attach *at,
		  const char *result, struct nerr *err);

/**
 * cni_cache_get() - Read the file of an attachment
 * @ret:	For cni_cached_free()
 *
 * Return: 0; -ENOENT; -EINVAL when it is no such file; another errno
 */
int cni_cache_get(const char *dir, const char *network, const char *container_id,
		  const char *ifname, struct cni_cached **ret, struct nerr *err);
void cni_cached_free(struct cni_cached *cached);

/* Remove the file of an attachment. Missing counts as success. */
int cni_cache_del(const char *dir, const char *network, const char *container_id,
		  const char *ifname, struct nerr *err);

/**
 * cni_cache_each() - Look at every attachment
 * @cb:		Gets each file that can be read, in the order of their names; a
 *		negative return stops.  @cached is the callee's only during the call
 *
 * A directory that does not exist has none.  Other files there are passed over.
 */
int cni_cache_each(const char *dir, int (*cb)(const struct cni_cached *cached, void *arg),
		   void *arg, struct nerr *err);

#endif /* CNI_CACHE_H */
