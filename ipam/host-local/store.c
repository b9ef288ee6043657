/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/fd.h"
#include "base/lock.h"
#include "base/log.h"
#include "cni/cni.h"
#include "ipam/host-local/store_priv.h"

#define LOCK_NAME  "lock"
#define LOCK_MODE  0750
#define FILE_MODE  0600
#define DIR_MODE   0755
#define PROBE_NAME ".probe"
#define OPEN_TRIES 8 /* of a directory that somebody removes again and again */
#define LAST_LEN   48

const struct hl_env hl_env_default = {
	.index_root = "/run/fairlead/host-local",
	.boot_id_path = "/proc/sys/kernel/random/boot_id",
	.lock_wait_ms = 60 * 1000,
};

void hl_addrs_done(struct hl_addrs *a)
{
	free(a->v);
	*a = (struct hl_addrs){ .n = 0 };
}

/* ---- open, lock, close ---- */

static int64_t monotonic_ms(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts); /* this clock is always there */
	return ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static int set_path(struct hl_store *st, const char *data_dir, const char *net_name,
		    struct nerr *err)
{
	if (!data_dir || !*data_dir)
		data_dir = HL_DATA_DIR_DEFAULT;
	if (data_dir[0] != '/')
		return nerr_set(err, -EINVAL, "dataDir '%s' must be an absolute path", data_dir);
	if (!*net_name || strchr(net_name, '/') || strcmp(net_name, ".") == 0 ||
	    strcmp(net_name, "..") == 0)
		return nerr_set(err, -EINVAL, "network name '%s' cannot name a directory",
				net_name);
	if (asprintf(&st->path, "%s/%s", data_dir, net_name) < 0) {
		st->path = NULL;
		return nerr_oom(err);
	}
	return 0;
}

/* -ENOENT without a message unless @create. */
static int open_dir(struct hl_store *st, bool create, struct nerr *err)
{
	int r;

	assert(st->path);
	st->dir_fd = open(st->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (st->dir_fd >= 0)
		return 0;
	if ((errno == ENOENT || errno == ENOTDIR) && !create)
		return -ENOENT; /* in neither case is there a reservation */
	if (errno == ENOENT) {
		r = dir_make_all(st->path, DIR_MODE);
		if (r < 0) {
			errno = -r;
			return nerr_set(err, r, "cannot create directory '%s': %m", st->path);
		}
		st->dir_fd = open(st->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	}
	if (st->dir_fd < 0)
		return nerr_set(err, -errno, "cannot open directory '%s': %m", st->path);
	return 0;
}

/* Does the name still belong to the file we locked? */
static bool lock_is_current(const struct hl_store *st)
{
	struct stat locked;
	struct stat named;

	return fstat(st->lock_fd, &locked) == 0 && fstatat(st->dir_fd, LOCK_NAME, &named, 0) == 0 &&
	       locked.st_dev == named.st_dev && locked.st_ino == named.st_ino;
}

/* -ESTALE: directory or lock were removed meanwhile, open them again. */
static int lock_dir(struct hl_store *st, int timeout_ms, struct nerr *err)
{
	int r;

	st->lock_fd = openat(st->dir_fd, LOCK_NAME, O_CREAT | O_RDONLY | O_CLOEXEC, LOCK_MODE);
	if (st->lock_fd < 0 && errno == ENOENT)
		return -ESTALE;
	if (st->lock_fd < 0)
		return nerr_set(err, -errno, "cannot open lock '%s/" LOCK_NAME "': %m", st->path);
	r = lock_wait(st->lock_fd, LOCK_EX, timeout_ms);
	if (r == -ETIMEDOUT)
		return nerr_num(err, r, CNI_TRY_AGAIN,
				"cannot lock '%s/" LOCK_NAME
				"': another process held it for %d ms, try again later",
				st->path, st->env->lock_wait_ms);
	if (r < 0) {
		errno = -r;
		return nerr_set(err, r, "cannot lock '%s/" LOCK_NAME "': %m", st->path);
	}
	return lock_is_current(st) ? 0 : -ESTALE;
}

static void close_fd(int *fd)
{
	cleanup_closep(fd);
	*fd = -1;
}

int hl_store_open(struct hl_store *st, const struct hl_env *env, const char *data_dir,
		  const char *net_name, bool create, struct nerr *err)
{
	const int64_t deadline = monotonic_ms() + env->lock_wait_ms;
	int r;

	st->env = env;
	r = set_path(st, data_dir, net_name, err);
	if (r < 0)
		return r;
	for (int i = 0; i < OPEN_TRIES; i++) {
		int64_t left_ms = deadline - monotonic_ms();

		r = open_dir(st, create, err);
		if (r < 0)
			return r;
		r = lock_dir(st, left_ms > 0 ? (int)left_ms : 0, err);
		if (r != -ESTALE)
			break;
		close_fd(&st->lock_fd);
		close_fd(&st->dir_fd);
	}
	if (r == -ESTALE)
		return nerr_num(
			err, r, CNI_TRY_AGAIN,
			"cannot lock '%s': another process keeps removing it, try again later",
			st->path);
	if (r < 0)
		return r;
	/* Good, stale or missing: the first look-up finds out. */
	(void)hl_index_open(&st->index, env->index_root, st->dir_fd);
	st->seed = st->index.fd >= 0 ? st->index.head.seed
				     : (uint64_t)monotonic_ms() * 1000003 + (uint64_t)getpid();
	return 0;
}

/* Leave an index that is good, or none. */
static void commit_index(struct hl_store *st)
{
	int r = 0;

	if (st->scanned) {
		if (st->n_entries <= HL_INDEX_ENTRIES_MIN || st->unreadable) {
			hl_index_drop(&st->index);
			return;
		}
		r = hl_index_build(&st->index, st->env->index_root, st->dir_fd, st->entries,
				   st->n_entries, st->seed);
	} else if (st->index.fd < 0 || !st->changed) {
		return;
	}
	if (r == 0)
		r = hl_index_seal(&st->index, st->dir_fd);
	if (r < 0)
		hl_index_drop(&st->index); /* only time is lost */
}

void hl_store_close(struct hl_store *st)
{
	close_fd(&st->draft_fd);
	if (st->lock_fd >= 0 && st->dir_fd >= 0)
		commit_index(st);
	hl_index_close(&st->index);
	close_fd(&st->lock_fd); /* its only descriptor: that unlocks */
	close_fd(&st->dir_fd);
	free(st->entries);
	free(st->path);
	*st = (struct hl_store)HL_STORE_INIT;
}

/* ---- files ---- */

ssize_t hl_store_read_file(const struct hl_store *st, const char *name, char *buf, size_t size)
{
	cleanup_close int fd = -1;
	size_t len = 0;

	fd = openat(st->dir_fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	while (len < size) {
		ssize_t n = read(fd, buf + len, size - len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		len += (size_t)n;
	}
	return (ssize_t)len;
}

int hl_store_write_file(struct hl_store *st, const char *name, const char *text)
{
	cleanup_close int fd = -1;
	int r;

	fd = openat(st->dir_fd, name, O_WRONLY | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC,
		    FILE_MODE);
	if (fd < 0)
		return -errno;
	st->changed = true; /* it may be new */
	r = fd_write_all(fd, text, strlen(text));
	if (r < 0)
		return r;
	return ftruncate(fd, (off_t)strlen(text)) < 0 ? -errno : 0;
}

/* -EOPNOTSUPP: not on this file system. */
static int draft_new(int dir_fd, const char *text, int *ret_fd)
{
	cleanup_close int fd = openat(dir_fd, ".", O_TMPFILE | O_WRONLY | O_CLOEXEC, FILE_MODE);
	int r;

	if (fd < 0) /* kernels and file systems without it say any of these */
		return errno == EISDIR || errno == ENOENT || errno == EINVAL ? -EOPNOTSUPP : -errno;
	r = fd_write_all(fd, text, strlen(text));
	if (r < 0)
		return r;
	*ret_fd = TAKE_FD(fd);
	return 0;
}

/* -EOPNOTSUPP: do it the other way. */
static int reserve_by_link(struct hl_store *st, const char *name, const char *key)
{
	char draft[32];

	if (st->draft_fd < 0) {
		int r = draft_new(st->dir_fd, key, &st->draft_fd);

		if (r < 0)
			return r;
	}
	(void)snprintf(draft, sizeof(draft), "/proc/self/fd/%d", st->draft_fd); /* it fits */
	if (linkat(AT_FDCWD, draft, st->dir_fd, name, AT_SYMLINK_FOLLOW) < 0)
		return errno == EEXIST ? -EEXIST : -EOPNOTSUPP;
	close_fd(&st->draft_fd);
	return 0;
}

static int reserve_by_create(int dir_fd, const char *name, const char *key)
{
	int fd = openat(dir_fd, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
			FILE_MODE);
	int r;

	if (fd < 0)
		return -errno;
	r = fd_write_all(fd, key, strlen(key));
	if (close(fd) < 0 && r == 0)
		r = -errno;
	if (r < 0)
		(void)unlinkat(dir_fd, name, 0); /* the first error counts */
	return r;
}

int hl_store_probe(int dir_fd)
{
	int fd = -1;
	int r = draft_new(dir_fd, PROBE_NAME, &fd);

	close_fd(&fd);
	if (r != -EOPNOTSUPP)
		return r;
	r = reserve_by_create(dir_fd, PROBE_NAME, PROBE_NAME);
	if (r == 0 || r == -EEXIST) /* one that was killed may have left it */
		r = unlinkat(dir_fd, PROBE_NAME, 0) < 0 ? -errno : 0;
	return r;
}

/* ---- reservations ---- */

int hl_store_make_room(struct hl_store *st)
{
	size_t cap = st->cap_entries ? 2 * st->cap_entries : 64;
	struct hl_entry *v;

	if (st->n_entries < st->cap_entries)
		return 0;
	v = reallocarray(st->entries, cap, sizeof(*v));
	if (!v)
		return -ENOMEM;
	st->entries = v;
	st->cap_entries = cap;
	return 0;
}

/* Room was made before. */
static void note_reserved(struct hl_store *st, const struct ipaddr *addr, const char *key)
{
	const struct hl_entry e = { .owner = hl_index_owner(st->seed, key), .addr = *addr };

	st->changed = true;
	if (st->scanned)
		st->entries[st->n_entries++] = e;
	else if (st->index.fd >= 0 && hl_index_insert(&st->index, &e) < 0)
		hl_index_drop(&st->index); /* the next call makes it anew */
}

static void note_released(struct hl_store *st, const struct ipaddr *addr, const char *key)
{
	const struct hl_entry e = { .owner = hl_index_owner(st->seed, key), .addr = *addr };

	st->changed = true;
	for (size_t i = 0; i < st->n_entries; i++) {
		if (ipaddr_eq(&st->entries[i].addr, addr)) {
			st->entries[i] = st->entries[--st->n_entries];
			break;
		}
	}
	if (st->index.fd >= 0 && hl_index_remove(&st->index, &e) < 0)
		hl_index_drop(&st->index);
}

int hl_store_reserve(struct hl_store *st, const struct ipaddr *addr, const char *key,
		     struct nerr *err)
{
	char name[IPADDR_STR_LEN];
	int r;

	(void)ipaddr_to_str(addr, name);
	if (hl_store_make_room(st) < 0)
		return nerr_oom(err);
	r = reserve_by_link(st, name, key);
	if (r == -EOPNOTSUPP)
		r = reserve_by_create(st->dir_fd, name, key);
	if (r == -EEXIST)
		return r;
	if (r < 0) {
		errno = -r;
		return nerr_set(err, r, "cannot write reservation '%s/%s': %m", st->path, name);
	}
	note_reserved(st, addr, key);
	return 0;
}

int hl_store_release(struct hl_store *st, const struct ipaddr *addr, const char *key,
		     struct nerr *err)
{
	char name[IPADDR_STR_LEN];

	(void)ipaddr_to_str(addr, name);
	if (unlinkat(st->dir_fd, name, 0) < 0 && errno != ENOENT)
		return nerr_set(err, -errno, "cannot remove reservation '%s/%s': %m", st->path,
				name);
	note_released(st, addr, key);
	return 0;
}

static void last_name(size_t set_idx, char buf[static LAST_LEN])
{
	(void)snprintf(buf, LAST_LEN, "last_reserved_ip.%zu", set_idx); /* it fits */
}

int hl_store_last(const struct hl_store *st, size_t set_idx, struct ipaddr *ret)
{
	char text[IPADDR_STR_LEN + 2]; /* a line end is tolerated */
	char name[LAST_LEN];
	ssize_t n;

	last_name(set_idx, name);
	n = hl_store_read_file(st, name, text, sizeof(text) - 1);
	if (n < 0)
		return (int)n;
	text[n] = '\0';
	text[strcspn(text, "\r\n")] = '\0';
	return ipaddr_from_str(text, ret);
}

void hl_store_set_last(struct hl_store *st, size_t set_idx, const struct ipaddr *addr)
{
	char text[IPADDR_STR_LEN];
	char name[LAST_LEN];
	int r;

	last_name(set_idx, name);
	r = hl_store_write_file(st, name, ipaddr_to_str(addr, text));
	if (r < 0) {
		errno = -r;
		log_warn("cannot write '%s/%s': %m", st->path, name);
	}
}
