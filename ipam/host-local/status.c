/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/str.h"
#include "cni/cni.h"
#include "ipam/host-local/alloc_priv.h"
#include "ipam/host-local/boot_priv.h"
#include "ipam/host-local/conf_priv.h"
#include "ipam/host-local/status_priv.h"
#include "ipam/host-local/store_priv.h"

static int cannot_write(const char *path, int code, struct nerr *err)
{
	errno = -code;
	return nerr_set(err, code, "cannot write in '%s': %m", path);
}

/* Cut the last component of an absolute path; false at the root. */
static bool cut_to_parent(char *path)
{
	char *slash = strrchr(path, '/');

	if (!slash || !path[1])
		return false;
	slash[slash == path ? 1 : 0] = '\0';
	return true;
}

/* ADD would make the directory: look at the nearest one that is there. */
static int probe_parent(const char *dir, struct nerr *err)
{
	cleanup_close int fd = -1;
	char path[PATH_MAX];
	int r;

	if (str_copy(path, sizeof(path), dir) < 0)
		return cannot_write(dir, -ENAMETOOLONG, err);
	do {
		fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	} while (fd < 0 && errno == ENOENT && cut_to_parent(path));
	r = fd < 0 ? -errno : hl_store_probe(fd);
	return r < 0 ? cannot_write(path, r, err) : 0;
}

static int look(const struct cni_call *call, const struct hl_conf *conf, const struct hl_env *env,
		struct nerr *err)
{
	CLEANUP(hl_store_close) struct hl_store st = HL_STORE_INIT;
	int r;

	r = hl_store_open(&st, env, conf->data_dir, call->net_name, false, err);
	if (r == -ENOENT) {
		r = probe_parent(st.path, err);
		return r < 0 ? r : hl_alloc_possible_empty(conf, err);
	}
	if (r < 0)
		return r;
	r = hl_store_probe(st.dir_fd);
	if (r < 0)
		return cannot_write(st.path, r, err);
	hl_boot_check(&st);
	return hl_alloc_possible(&st, conf, err);
}

int hl_status(const struct cni_call *call, const struct hl_conf *conf, const struct hl_env *env,
	      struct nerr *err)
{
	int r = look(call, conf, env, err);

	if (r < 0 && err->num == 0)
		err->num = CNI_NOT_AVAILABLE;
	return r;
}
