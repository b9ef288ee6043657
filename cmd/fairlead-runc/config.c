/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cmd/fairlead-runc/config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
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
static int write_new(int dir, const char *tmp, const struct stat *old, const struct strbuf *text,
		     struct nerr *err)
{
	cleanup_close int fd = -1;
	int r;

	(void)unlinkat(dir, tmp, 0); /* most often there is none */
	fd = openat(dir, tmp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, TMP_MODE);
	if (fd < 0)
		return nerr_set(err, -errno, "cannot make '%s' in the bundle: %m", tmp);
	r = fd_write_all(fd, strbuf_text(text), text->len);
	if (r == 0 && fchown(fd, old->st_uid, old->st_gid) < 0)
		r = -errno;
	if (r == 0 && fchmod(fd, old->st_mode & 07777) < 0)
		r = -errno;
	if (r == 0 && renameat(dir, tmp, dir, CONFIG) < 0)
		r = -errno;
	if (r < 0) {
		(void)unlinkat(dir, tmp, 0); /* the failure above counts */
		return nerr_set(err, r, "cannot replace '" CONFIG "' of the bundle: %m");
	}
	return 0;
}

int config_serve(const char *bundle, struct nerr *err)
{
	CLEANUP(strbuf_done) struct strbuf old = STRBUF_INIT;
	CLEANUP(strbuf_done) struct strbuf new = STRBUF_INIT;
	cleanup_close int dir = open(bundle, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	cleanup_close int fd = dir < 0 ? -1 : openat(dir, CONFIG, O_RDONLY | O_CLOEXEC);
	char tmp[TMP_LEN];
	struct stat st;
	bool served;
	int r;

	if (fd < 0)
		return 0; /* the runtime will say so */
	if (fstat(fd, &st) < 0)
		return nerr_set(err, -errno, "cannot look at '%s/" CONFIG "': %m", bundle);
	r = fd_read_all(fd, OCI_CONFIG_MAX, &old);
	if (r < 0)
		return nerr_set(err, r, "cannot read '%s/" CONFIG "': %m", bundle);
	r = oci_serve(strbuf_text(&old), old.len, &new, &served, err);
	if (r < 0 || !served)
		return r;
	(void)snprintf(tmp, sizeof(tmp), "." CONFIG ".fairlead-%d",
		       (int)getpid()); /* sized to fit */
	return write_new(dir, tmp, &st, &new, err);
}
