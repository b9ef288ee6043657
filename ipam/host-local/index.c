/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "ipam/host-local/index_priv.h"

#define INDEX_MAGIC  "FLHLIDX1"

#define OWNER_EMPTY  0 /* of a free slot */
#define CHUNK_SLOTS  256
#define PROBES_MAX   4096 /* a table that needs more is no gain: very many files of one owner */
#define SUM_SEED     0x6661697276656164u
#define HASH_FACTOR  0x9e3779b97f4a7c15u /* 2^64 / golden ratio, odd */
#define HASH_FACTOR2 0xd6e8feb86659fd93u

/* @addr is the IPv6 form; IPv4 as ::ffff:a.b.c.d, which no reservation is named by. */
struct slot {
	uint32_t owner;
	uint32_t check;
	uint8_t addr[16];
};
static_assert(sizeof(struct slot) == 24, "slots follow each other in a file");
static_assert(sizeof(struct hl_index_header) == 72, "no holes: the sum covers every byte");

static const uint8_t v4_mapped[12] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff };

/* Spreads well and is quick; nobody who could choose owners gains by collisions. */
static uint64_t hash64(uint64_t seed, const void *p, size_t len)
{
	const uint8_t *b = p;
	uint64_t h = seed ^ (len * HASH_FACTOR);

	while (len) {
		size_t n = len < sizeof(h) ? len : sizeof(h);
		uint64_t v = 0;

		memcpy(&v, b, n);
		h = (h ^ v) * HASH_FACTOR;
		h ^= h >> 32;
		b += n;
		len -= n;
	}
	h = (h ^ h >> 29) * HASH_FACTOR2;
	return h ^ h >> 32;
}

uint32_t hl_index_owner(uint64_t seed, const char *key)
{
	uint32_t h = (uint32_t)hash64(seed, key, strlen(key));

	return h != OWNER_EMPTY ? h : 1;
}

static uint64_t header_sum(const struct hl_index_header *h)
{
	return hash64(SUM_SEED, h, offsetof(struct hl_index_header, sum));
}

static uint32_t slot_check(const struct hl_index_header *h, uint32_t i, const struct slot *s)
{
	uint8_t bytes[sizeof(i) + sizeof(s->owner) + sizeof(s->addr)];

	memcpy(bytes, &i, sizeof(i));
	memcpy(bytes + sizeof(i), &s->owner, sizeof(s->owner));
	memcpy(bytes + sizeof(i) + sizeof(s->owner), s->addr, sizeof(s->addr));
	return (uint32_t)hash64(h->seed, bytes, sizeof(bytes));
}

static void slot_fill(const struct hl_index_header *h, uint32_t i, const struct hl_entry *e,
		      struct slot *ret)
{
	memset(ret, 0, sizeof(*ret));
	if (e) {
		assert(e->owner != OWNER_EMPTY);
		ret->owner = e->owner;
		if (e->addr.family == AF_INET) {
			memcpy(ret->addr, v4_mapped, sizeof(v4_mapped));
			memcpy(ret->addr + sizeof(v4_mapped), e->addr.bytes, 4);
		} else {
			memcpy(ret->addr, e->addr.bytes, sizeof(ret->addr));
		}
	}
	ret->check = slot_check(h, i, ret);
}

static struct hl_entry slot_entry(const struct slot *s)
{
	struct hl_entry e = { .owner = s->owner, .addr.family = AF_INET6 };

	if (memcmp(s->addr, v4_mapped, sizeof(v4_mapped)) == 0) {
		e.addr.family = AF_INET;
		memcpy(e.addr.bytes, s->addr + sizeof(v4_mapped), 4);
	} else {
		memcpy(e.addr.bytes, s->addr, sizeof(s->addr));
	}
	return e;
}

static uint32_t slots_mask(const struct hl_index *ix)
{
	return (UINT32_C(1) << ix->head.slots_log2) - 1;
}

static off_t slot_offset(uint32_t i)
{
	return (off_t)(sizeof(struct hl_index_header) + i * sizeof(struct slot));
}

/* 0; -EBADMSG also for a short file. */
static int read_at(int fd, off_t offset, void *p, size_t len)
{
	ssize_t n;

	do
		n = pread(fd, p, len, offset);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	return (size_t)n == len ? 0 : -EBADMSG;
}

static int write_at(int fd, off_t offset, const void *p, size_t len)
{
	ssize_t n;

	do
		n = pwrite(fd, p, len, offset);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	return (size_t)n == len ? 0 : -EIO;
}

static int slot_read(const struct hl_index *ix, uint32_t i, struct slot *ret)
{
	int r = read_at(ix->fd, slot_offset(i), ret, sizeof(*ret));

	if (r < 0)
		return r;
	return ret->check == slot_check(&ix->head, i, ret) ? 0 : -EBADMSG;
}

/* @e NULL: an empty slot. */
static int slot_write(const struct hl_index *ix, uint32_t i, const struct hl_entry *e)
{
	struct slot s;

	slot_fill(&ix->head, i, e, &s);
	return write_at(ix->fd, slot_offset(i), &s, sizeof(s));
}

/* ---- open and close ---- */

static int set_path(struct hl_index *ix, const char *root, const struct stat *dir)
{
	int n = snprintf(ix->path, sizeof(ix->path), "%s/%jx-%ju", root, (uintmax_t)dir->st_dev,
			 (uintmax_t)dir->st_ino);

	/* One byte stays for the name of a new one. */
	if (n < 0 || (size_t)n + 1 >= sizeof(ix->path)) {
		ix->path[0] = '\0';
		return -ENAMETOOLONG;
	}
	return 0;
}

/* Nobody else can write it, and it is as long as it says. */
static int check_file(int fd, const struct hl_index_header *h)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode) || st.st_uid != geteuid() || (st.st_mode & (S_IWGRP | S_IWOTH)))
		return -EPERM;
	if (h->slots_log2 < HL_INDEX_SLOTS_LOG2_MIN || h->slots_log2 > HL_INDEX_SLOTS_LOG2_MAX)
		return -EBADMSG;
	return st.st_size == slot_offset(UINT32_C(1) << h->slots_log2) ? 0 : -EBADMSG;
}

static int check_header(const struct hl_index_header *h, const struct stat *dir)
{
	if (memcmp(h->magic, INDEX_MAGIC, sizeof(h->magic)) != 0 || h->sum != header_sum(h))
		return -EBADMSG;
	if (h->dev != dir->st_dev || h->ino != dir->st_ino || h->mtime_s != dir->st_mtim.tv_sec ||
	    h->mtime_ns != dir->st_mtim.tv_nsec)
		return -ESTALE;
	return 0;
}

int hl_index_open(struct hl_index *ix, const char *root, int dir_fd)
{
	cleanup_close int fd = -1;
	struct stat dir;
	int r;

	*ix = HL_INDEX_INIT;
	if (fstat(dir_fd, &dir) < 0)
		return -errno;
	r = set_path(ix, root, &dir);
	if (r < 0)
		return r;
	fd = open(ix->path, O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	r = read_at(fd, 0, &ix->head, sizeof(ix->head));
	if (r == 0)
		r = check_header(&ix->head, &dir);
	if (r == 0)
		r = check_file(fd, &ix->head);
	if (r < 0)
		return r;
	ix->fd = TAKE_FD(fd);
	return 0;
}

void hl_index_close(struct hl_index *ix)
{
	if (ix->fd >= 0)
		(void)close(ix->fd); /* nothing is buffered */
	ix->fd = -1;
}

void hl_index_drop(struct hl_index *ix)
{
	hl_index_close(ix);
	if (ix->path[0])
		(void)unlink(ix->path); /* it may be gone; a stale one harms nobody */
}

/* ---- look up ---- */

int hl_index_each_of(struct hl_index *ix, uint32_t owner, hl_entry_fn *fn, void *arg)
{
	const uint32_t mask = slots_mask(ix);

	assert(owner != OWNER_EMPTY);
	for (uint32_t n = 0; n <= mask; n++) {
		struct hl_entry e;
		struct slot s;
		int r = slot_read(ix, (owner + n) & mask, &s);

		if (r < 0)
			return r;
		if (s.owner == OWNER_EMPTY)
			return 0;
		if (s.owner != owner)
			continue;
		e = slot_entry(&s);
		r = fn(arg, &e);
		if (r < 0)
			return r;
	}
	return -EBADMSG; /* there is always an empty slot */
}

int hl_index_each(struct hl_index *ix, hl_entry_fn *fn, void *arg)
{
	const uint32_t n_slots = slots_mask(ix) + 1;
	struct slot chunk[CHUNK_SLOTS];

	static_assert((1 << HL_INDEX_SLOTS_LOG2_MIN) % CHUNK_SLOTS == 0, "chunks are whole");
	for (uint32_t i = 0; i < n_slots; i += CHUNK_SLOTS) {
		int r = read_at(ix->fd, slot_offset(i), chunk, sizeof(chunk));

		for (uint32_t k = 0; k < CHUNK_SLOTS && r == 0; k++) {
			struct hl_entry e;

			if (chunk[k].check != slot_check(&ix->head, i + k, &chunk[k]))
				return -EBADMSG;
			if (chunk[k].owner == OWNER_EMPTY)
				continue;
			e = slot_entry(&chunk[k]);
			r = fn(arg, &e);
		}
		if (r < 0)
			return r;
	}
	return 0;
}

/* ---- change ---- */

int hl_index_insert(struct hl_index *ix, const struct hl_entry *e)
{
	const uint32_t mask = slots_mask(ix);
	uint32_t i = e->owner & mask;

	if (ix->head.n_entries >= mask / 4 * 3)
		return -ENOSPC;
	for (uint32_t n = 0; n <= mask && n < PROBES_MAX; n++, i = (i + 1) & mask) {
		struct slot s;
		int r = slot_read(ix, i, &s);

		if (r < 0)
			return r;
		if (s.owner == OWNER_EMPTY) {
			ix->head.n_entries++;
			return slot_write(ix, i, e);
		}
	}
	return -ENOSPC;
}

/* Close the gap at @gap: move up what a look-up would no longer reach across it. */
static int shift_back(struct hl_index *ix, uint32_t gap)
{
	const uint32_t mask = slots_mask(ix);
	uint32_t i = gap;

	for (uint32_t n = 0; n < mask; n++) {
		struct hl_entry e;
		struct slot s;
		int r;

		i = (i + 1) & mask;
		r = slot_read(ix, i, &s);
		if (r < 0)
			return r;
		if (s.owner == OWNER_EMPTY)
			return slot_write(ix, gap, NULL);
		/* It may stay if its home is behind the gap. */
		if (((i - s.owner) & mask) < ((i - gap) & mask))
			continue;
		e = slot_entry(&s);
		r = slot_write(ix, gap, &e);
		if (r < 0)
			return r;
		gap = i;
	}
	return -EBADMSG;
}

int hl_index_remove(struct hl_index *ix, const struct hl_entry *e)
{
	const uint32_t mask = slots_mask(ix);

	for (uint32_t n = 0; n <= mask; n++) {
		uint32_t i = (e->owner + n) & mask;
		struct hl_entry found;
		struct slot s;
		int r = slot_read(ix, i, &s);

		if (r < 0)
			return r;
		if (s.owner == OWNER_EMPTY)
			return -ENOENT;
		found = slot_entry(&s);
		if (s.owner != e->owner || !ipaddr_eq(&found.addr, &e->addr))
			continue;
		if (ix->head.n_entries == 0)
			return -EBADMSG;
		ix->head.n_entries--;
		return shift_back(ix, i);
	}
	return -EBADMSG;
}

/* ---- build and seal ---- */

static int64_t boottime_s(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_BOOTTIME, &ts); /* this clock is always there */
	return ts.tv_sec;
}

int64_t hl_index_age_s(const struct hl_index *ix)
{
	return boottime_s() - ix->head.scanned_s;
}

/* At most half full. */
static int pick_size(size_t n, uint32_t *ret_log2)
{
	uint32_t log2 = HL_INDEX_SLOTS_LOG2_MIN;

	while (log2 <= HL_INDEX_SLOTS_LOG2_MAX && n > (size_t)1 << log2 >> 1)
		log2++;
	if (log2 > HL_INDEX_SLOTS_LOG2_MAX)
		return -EFBIG;
	*ret_log2 = log2;
	return 0;
}

static int fill_table(const struct hl_index_header *h, struct slot *table,
		      const struct hl_entry *entries, size_t n)
{
	const uint32_t mask = (UINT32_C(1) << h->slots_log2) - 1;

	for (size_t k = 0; k < n; k++) {
		uint32_t i = entries[k].owner & mask;
		unsigned probes = 0;

		for (; table[i].owner != OWNER_EMPTY; i = (i + 1) & mask) {
			if (++probes > PROBES_MAX)
				return -E2BIG;
		}
		slot_fill(h, i, &entries[k], &table[i]);
	}
	for (uint32_t i = 0; i <= mask; i++) {
		if (table[i].owner == OWNER_EMPTY)
			slot_fill(h, i, NULL, &table[i]);
	}
	return 0;
}

/* A file beside the index's, renamed when it is whole. */
static int write_file(struct hl_index *ix, const struct slot *table)
{
	const size_t table_len = sizeof(*table) << ix->head.slots_log2;
	char path[HL_INDEX_PATH_LEN + 1];
	cleanup_close int fd = -1;
	int r;

	(void)snprintf(path, sizeof(path), "%s~", ix->path); /* one byte longer than the path */
	fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	r = fd_write_all(fd, &ix->head, sizeof(ix->head));
	if (r == 0)
		r = fd_write_all(fd, table, table_len);
	if (r == 0)
		r = check_file(fd, &ix->head);
	if (r == 0 && rename(path, ix->path) < 0)
		r = -errno;
	if (r < 0) {
		(void)unlink(path); /* the first error counts */
		return r;
	}
	ix->fd = TAKE_FD(fd);
	return 0;
}

int hl_index_build(struct hl_index *ix, const char *root, int dir_fd,
		   const struct hl_entry *entries, size_t n, uint64_t seed)
{
	cleanup_free struct slot *table = NULL;
	struct stat dir;
	int r;

	assert(ix->fd < 0);
	if (!ix->path[0])
		return -ENAMETOOLONG;
	if (fstat(dir_fd, &dir) < 0)
		return -errno;
	ix->head = (struct hl_index_header){
		.magic = INDEX_MAGIC,
		.n_entries = (uint32_t)n,
		.dev = dir.st_dev,
		.ino = dir.st_ino,
		.scanned_s = boottime_s(),
		.seed = seed,
	};
	r = pick_size(n, &ix->head.slots_log2);
	if (r < 0)
		return r;
	table = calloc((size_t)1 << ix->head.slots_log2, sizeof(*table));
	if (!table)
		return -ENOMEM;
	r = fill_table(&ix->head, table, entries, n);
	if (r == 0)
		r = dir_make_all(root, 0755);
	if (r < 0)
		return r;
	return write_file(ix, table); /* its sum is wrong until it is sealed */
}

int hl_index_seal(struct hl_index *ix, int dir_fd)
{
	struct timespec times[2] = { { .tv_nsec = UTIME_OMIT } };
	struct stat dir;

	assert(ix->fd >= 0);
	(void)clock_gettime(CLOCK_REALTIME, &times[1]); /* this clock is always there */
	times[1].tv_nsec |= 1;                          /* a file system that rounds shows it */
	if (futimens(dir_fd, times) < 0 || fstat(dir_fd, &dir) < 0)
		return -errno;
	if (dir.st_mtim.tv_sec != times[1].tv_sec || dir.st_mtim.tv_nsec != times[1].tv_nsec)
		return -EOPNOTSUPP;
	ix->head.mtime_s = dir.st_mtim.tv_sec;
	ix->head.mtime_ns = dir.st_mtim.tv_nsec;
	ix->head.sum = header_sum(&ix->head);
	return write_at(ix->fd, 0, &ix->head, sizeof(ix->head));
}
