/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cmd/fairlead-runc/config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/fd.h"
#include "base/str.h"
#include "oci/merge.h"
#include "oci/serve.h"

#define CONFIG   "config.json"
#define TMP_LEN  64
#define TMP_MODE 0600

/* Beside the old file, so that it can take its place: its name is ours alone by the pid.  One that
 * is there is of a process of that number which was killed.
 */
static int write_new(int dir, const char *name, const struct stat *old, const struct strbuf *text,
		     struct nerr *err)
{
	cleanup_close int fd = -1;
	char tmp[TMP_LEN];
	int r;

	(void)snprintf(tmp, sizeof(tmp), "." CONFIG ".fairlead-%d",
		       (int)getpid()); /* sized to fit */
	(void)unlinkat(dir, tmp, 0);   /* most often there is none */
	fd = openat(dir, tmp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, TMP_MODE);
	if (fd < 0)
		return nerr_set(err, -errno, "cannot make '%s' in the bundle: %m", tmp);
	r = fd_write_all(fd, strbuf_text(text), text->len);
	if (r == 0 && fchown(fd, old->st_uid, old->st_gid) < 0)
		r = -errno;
	if (r == 0 && fchmod(fd, old->st_mode & 07777) < 0)
		r = -errno;
	if (r == 0 && renameat(dir, tmp, dir, name) < 0)
		r = -errno;
	if (r < 0) {
		(void)unlinkat(dir, tmp, 0); /* the failure above counts */
		return nerr_set(err, r, "cannot replace '%s' of the bundle: %m", name);
	}
	return 0;
}

/* Where crun looks for @config: its own name for a file of the bundle is the usual one.  The name
 * within the directory; NULL without memory
 */
static const char *open_dir(const char *bundle, const char *config, int *ret)
{
	const char *slash = config ? strrchr(config, '/') : NULL;
	const char *path = config && strcmp(config, CONFIG) != 0 ? "." : bundle;
	cleanup_free char *before = NULL;

	if (slash) {
		before = strndup(config, (size_t)(slash - config) + 1);
		if (!before)
			return NULL;
		path = before;
	}
	*ret = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return slash ? slash + 1 : config ? config : CONFIG;
}

int config_serve(const char *bundle, const char *config, struct nerr *err)
{
	CLEANUP(strbuf_done) struct strbuf old = STRBUF_INIT;
	CLEANUP(strbuf_done) struct strbuf new = STRBUF_INIT;
	cleanup_close int dir = -1;
	const char *name = open_dir(bundle, config, &dir);
	cleanup_close int fd = dir < 0 || !name ? -1 : openat(dir, name, O_RDONLY | O_CLOEXEC);
	struct stat st;
	bool served;
	int r;

	if (!name)
		return nerr_oom(err);
	if (fd < 0 && (errno == ENOENT || errno == ENOTDIR))
		return 0; /* the runtime will say so */
	if (fd < 0)
		return nerr_set(err, -errno, "cannot open '%s' of '%s': %m", name, bundle);
	if (fstat(fd, &st) < 0)
		return nerr_set(err, -errno, "cannot look at '%s' of the bundle: %m", name);
	r = fd_read_all(fd, OCI_CONFIG_MAX, &old);
	if (r < 0)
		return nerr_set(err, r, "cannot read '%s' of '%s': %m", name, bundle);
	r = oci_serve(strbuf_text(&old), old.len, &new, &served, err);
	return r < 0 || !served ? r : write_new(dir, name, &st, &new, err);
}
