/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Who owns what: from the index, or by reading the directory.
 */
#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/error.h"
#include "base/log.h"
#include "ipam/host-local/boot_priv.h"
#include "ipam/host-local/store_priv.h"

DEFINE_CLEANUP(DIR *, closedir);

/* ---- one file ---- */

/* Longest content and what shows that there is more. */
#define CONTENT_LEN (HL_RECORD_MAX + 1)

/* An open file that has an address for a name.  What is no regular file is foreign, and so
 * is, with an error, what cannot be read.
 */
static int read_record(int fd, struct hl_record *ret)
{
	char content[CONTENT_LEN];
	struct stat st;
	ssize_t n;

	do
		n = read(fd, content, sizeof(content));
	while (n < 0 && errno == EINTR);
	if (n < 0) {
		ret->kind = HL_RECORD_FOREIGN;
		ret->key[0] = '\0';
		return errno == EISDIR ? 0 : -errno;
	}
	hl_record_parse(content, (size_t)n, ret);
	/* A pipe that says nothing is not torn. */
	if (ret->kind == HL_RECORD_TORN && (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode)))
		ret->kind = HL_RECORD_FOREIGN;
	return 0;
}

static int open_record(const struct hl_store *st, const char *name)
{
	int fd;

	do
		fd = openat(st->dir_fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	while (fd < 0 && errno == EINTR);
	return fd < 0 ? -errno : fd;
}

/* It is we, or the host, who are short of something; the file may be good. */
static bool is_shortage(int r)
{
	return r == -EMFILE || r == -ENFILE || r == -ENOMEM;
}

int hl_store_record(const struct hl_store *st, const struct ipaddr *addr, struct hl_record *ret)
{
	char name[IPADDR_STR_LEN];
	cleanup_close int fd = open_record(st, ipaddr_to_str(addr, name));

	if (fd < 0)
		return fd;
	return read_record(fd, ret);
}

/* The live owner of a torn file would have written it long ago. */
static bool torn_is_over(int fd)
{
	struct timespec now;
	struct stat st;

	if (fstat(fd, &st) < 0)
		return false;
	(void)clock_gettime(CLOCK_REALTIME, &now); /* this clock is always there */
	return st.st_mtim.tv_sec < now.tv_sec - HL_TORN_AGE_S || hl_boot_is_before(&st.st_mtim);
}

bool hl_store_reclaim(struct hl_store *st, const struct ipaddr *addr)
{
	char name[IPADDR_STR_LEN];
	cleanup_close int fd = open_record(st, ipaddr_to_str(addr, name));
	struct hl_record rec;

	if (fd < 0)
		return fd == -ENOENT;
	if (read_record(fd, &rec) < 0 || rec.kind != HL_RECORD_TORN || !torn_is_over(fd))
		return false;
	return hl_store_release(st, addr, name, NULL) == 0;
}

/* ---- all files ---- */

struct scan {
	struct hl_store *st;
	hl_doomed_fn *doomed;
	void *arg;
	struct nerr *err;
	int result;
};

/* True when the file is gone. */
static bool judge(struct scan *s, const char *name, int fd, const struct hl_record *rec)
{
	bool torn = rec->kind == HL_RECORD_TORN;

	if (torn ? !torn_is_over(fd)
		 : rec->kind == HL_RECORD_FOREIGN || !s->doomed || !s->doomed(s->arg, rec, fd))
		return false;
	if (unlinkat(s->st->dir_fd, name, 0) == 0 || errno == ENOENT) {
		s->st->changed = true;
		return true;
	}
	if (!torn && s->result == 0)
		s->result = nerr_set(s->err, -errno, "cannot remove reservation '%s/%s': %m",
				     s->st->path, name);
	return false;
}

static int scan_name(struct scan *s, const char *name)
{
	const char *owner = name; /* of a file that names nobody */
	cleanup_close int fd = -1;
	struct hl_record rec;
	struct hl_entry e;
	int r;

	if (hl_record_addr(name, &e.addr) < 0)
		return 0;
	fd = open_record(s->st, name);
	if (fd == -ENOENT)
		return 0;
	/* A symbolic link or a socket is no reservation. */
	r = fd >= 0 ? read_record(fd, &rec) : fd == -ELOOP || fd == -ENXIO ? 0 : fd;
	if (is_shortage(r))
		return r;
	if (r < 0) {
		s->st->unreadable = true;
		errno = -r;
		log_warn("cannot read '%s/%s', nobody can release it: %m", s->st->path, name);
	} else if (fd >= 0) {
		if (judge(s, name, fd, &rec))
			return 0;
		if (rec.kind == HL_RECORD_FULL || rec.kind == HL_RECORD_OLD)
			owner = rec.key;
	}
	e.owner = hl_index_owner(s->st->seed, owner);
	if (hl_store_make_room(s->st) < 0)
		return -ENOMEM;
	s->st->entries[s->st->n_entries++] = e;
	return 0;
}

int hl_store_scan(struct hl_store *st, hl_doomed_fn *doomed, void *arg, struct nerr *err)
{
	struct scan s = { .st = st, .doomed = doomed, .arg = arg, .err = err };
	CLEANUP(closedirp) DIR *dir = NULL;
	int fd;

	hl_index_close(&st->index);
	st->scanned = false;
	st->unreadable = false;
	st->n_entries = 0;
	fd = openat(st->dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	dir = fd < 0 ? NULL : fdopendir(fd);
	if (!dir) {
		int r = nerr_set(err, -errno, "cannot open directory '%s': %m", st->path);

		if (fd >= 0)
			(void)close(fd); /* nothing was written */
		return r;
	}
	for (;;) {
		const struct dirent *d;
		int r;

		errno = 0;
		d = readdir(dir);
		if (!d && errno)
			return nerr_set(err, -errno, "cannot read directory '%s': %m", st->path);
		if (!d)
			break;
		r = scan_name(&s, d->d_name);
		if (r < 0)
			return nerr_set(err, r, "cannot read '%s/%s': %m", st->path, d->d_name);
	}
	st->scanned = true;
	return s.result;
}

bool hl_store_may_be_stale(const struct hl_store *st)
{
	return !st->scanned && (st->index.fd < 0 || hl_index_age_s(&st->index) >= HL_RESCAN_AGE_S);
}

/* ---- look up ---- */

static int each_entry(const struct hl_store *st, hl_entry_fn *fn, void *arg)
{
	for (size_t i = 0; i < st->n_entries; i++) {
		int r = fn(arg, &st->entries[i]);

		if (r < 0)
			return r;
	}
	return 0;
}

/* From the index, or, when it is missing or bad, from the directory. */
int hl_store_each(struct hl_store *st, hl_entry_fn *fn, void *arg, struct nerr *err)
{
	int r;

	if (st->index.fd >= 0) {
		r = hl_index_each(&st->index, fn, arg);
		if (r == 0)
			return 0;
	}
	if (!st->scanned) {
		r = hl_store_scan(st, NULL, NULL, err);
		if (r < 0)
			return r;
	}
	return each_entry(st, fn, arg);
}

/* Addresses that the hash gives for an owner. */
struct candidates {
	uint32_t owner;
	struct hl_addrs *addrs;
};

static int add_candidate(void *arg, const struct hl_entry *e)
{
	struct candidates *c = arg;
	struct ipaddr *v;

	if (e->owner != c->owner)
		return 0;
	v = reallocarray(c->addrs->v, c->addrs->n + 1, sizeof(*v));
	if (!v)
		return -ENOMEM;
	c->addrs->v = v;
	v[c->addrs->n++] = e->addr;
	return 0;
}

/* Keep those whose file names the owner.  1 when all did, 0 when not, negative errno when a
 * file cannot be read.
 */
static int verify(const struct hl_store *st, const char *key, struct hl_addrs *addrs,
		  struct nerr *err)
{
	char name[IPADDR_STR_LEN];
	struct hl_record rec;
	size_t kept = 0;
	bool all;

	for (size_t i = 0; i < addrs->n; i++) {
		int r = hl_store_record(st, &addrs->v[i], &rec);

		if (r < 0 && r != -ENOENT)
			return nerr_set(err, r, "cannot read '%s/%s': %m", st->path,
					ipaddr_to_str(&addrs->v[i], name));
		if (r == 0 && strcmp(rec.key, key) == 0)
			addrs->v[kept++] = addrs->v[i];
	}
	all = kept == addrs->n;
	addrs->n = kept;
	return all;
}

int hl_store_owned(struct hl_store *st, const char *key, struct hl_addrs *ret, struct nerr *err)
{
	CLEANUP(hl_addrs_done) struct hl_addrs found = { .n = 0 };
	struct candidates c = { .owner = hl_index_owner(st->seed, key), .addrs = &found };
	bool sound = false;
	int r;

	assert(*key);
	if (st->index.fd >= 0) {
		r = hl_index_each_of(&st->index, c.owner, add_candidate, &c);
		sound = r == 0 && verify(st, key, &found, NULL) == 1;
	}
	if (!sound) {
		found.n = 0;
		r = st->scanned ? 0 : hl_store_scan(st, NULL, NULL, err);
		if (r < 0)
			return r;
		r = each_entry(st, add_candidate, &c);
		if (r < 0)
			return nerr_oom(err);
		/* What is left out has an equal hash only. */
		r = verify(st, key, &found, err);
		if (r < 0)
			return r;
	}
	*ret = found;
	found = (struct hl_addrs){ .n = 0 };
	return 0;
}
