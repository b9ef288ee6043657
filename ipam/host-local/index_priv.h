/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * index_priv.h - who owns what in a large directory of reservations
 *
 * The directory is the truth: people and other programs read it, add to it and
 * delete from it.  To find the addresses of an owner there, every file has to be
 * read, 60 000 of them in a full /16.  The index answers that from a hash table.
 * It is derived data in /run: it can be deleted at any time, and it is used only
 * while it can be proved that the directory has not changed since.
 *
 * The proof.  Each entry added to, removed from or renamed in a directory sets the
 * directory's time of modification.  The kernel takes that time from a clock that
 * stands still for up to 10 ms, so "same time" does not mean "same content": a
 * change within the same tick would go unseen (git knows the problem as the racy
 * index).  Therefore the directory is sealed: after the last change of a call,
 * still under the lock, its time of modification is set to the present nanosecond,
 * which the kernel's clock does not hit by itself, and the index remembers it.
 * Any later change by anybody replaces that time, and the index is stale.  A file
 * system that does not keep nanoseconds gets no index.
 *
 * What the proof does not see: a reservation whose content is edited in place, and
 * a file added or removed without the lock in the very moment between this call's
 * change and its seal.  So an owner's address is believed only after its file has
 * been read, and "no address is left" only after the directory has been read.
 *
 * Layout: a header, then 2^slots_log2 slots in open addressing with linear probing,
 * keyed by the hash of the owner (the content of the file).  Deletion shifts back, so
 * there are no tombstones.  The header has a checksum.  Each slot, an empty one too,
 * has a check value of its own, made from its content, its place and the index's
 * seed, so that a look-up verifies exactly what it reads, in constant time.
 *
 * Reads and writes are pread(2) and pwrite(2), not a mapping: a look-up touches a
 * few slots, and a file that somebody cuts short is an error here and no SIGBUS.
 *
 * Nothing here is reported to a person: whatever is wrong with an index, it is
 * dropped and made again.  All calls need the directory's lock.
 */
#ifndef IPAM_HOST_LOCAL_INDEX_PRIV_H
#define IPAM_HOST_LOCAL_INDEX_PRIV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/ipaddr.h"

/* Room for "<root>/<device>-<inode>". */
#define HL_INDEX_PATH_LEN 256

/* Largest table: 2^22 slots of 24 bytes, 100 MB, for two million reservations. */
#define HL_INDEX_SLOTS_LOG2_MAX 22
#define HL_INDEX_SLOTS_LOG2_MIN 8

/**
 * struct hl_entry - An address that is taken
 * @owner:	hl_index_owner() of the content, or of the address's name when the file
 *		names nobody: many such files must not share one place in the table
 */
struct hl_entry {
	uint32_t owner;
	struct ipaddr addr;
};

struct hl_index_header {
	char magic[8];
	uint32_t slots_log2;
	uint32_t n_entries;
	uint64_t dev; /* of the directory */
	uint64_t ino;
	int64_t mtime_s; /* its seal */
	int64_t mtime_ns;
	int64_t scanned_s; /* CLOCK_BOOTTIME when the whole directory was read */
	uint64_t seed;
	uint64_t sum; /* of all above; last */
};

/**
 * struct hl_index - An index, open or not
 * @fd:		-1 when there is none
 * @path:	Where it is, or would be
 */
struct hl_index {
	int fd;
	char path[HL_INDEX_PATH_LEN];
	struct hl_index_header head;
};

#define HL_INDEX_INIT ((struct hl_index){ .fd = -1 })

/* Hash of an owner, never 0; @seed of the index or of the one that may be built. */
uint32_t hl_index_owner(uint64_t seed, const char *key);

/**
 * hl_index_open() - Open the index of a directory if it is sound and not stale
 * @root:	Directory of all indexes
 * @dir_fd:	Directory of reservations
 *
 * Return: 0, or a negative errno when there is none to use.  @ix->path is set in
 *         any case, or "" when it would be too long
 */
int hl_index_open(struct hl_index *ix, const char *root, int dir_fd);
void hl_index_close(struct hl_index *ix);
/* Close and delete. */
void hl_index_drop(struct hl_index *ix);

/* @fn returns a negative errno to stop. */
typedef int hl_entry_fn(void *arg, const struct hl_entry *e);

/* Entries of one owner, and all; 0, what @fn returned, or -EBADMSG for a damaged slot. */
int hl_index_each_of(struct hl_index *ix, uint32_t owner, hl_entry_fn *fn, void *arg);
int hl_index_each(struct hl_index *ix, hl_entry_fn *fn, void *arg);

/* 0; -ENOSPC: the table is full or crowded there, drop it. */
int hl_index_insert(struct hl_index *ix, const struct hl_entry *e);
/* 0 or -ENOENT. */
int hl_index_remove(struct hl_index *ix, const struct hl_entry *e);

/**
 * hl_index_build() - Make the index anew
 * @ix:		Not open, path set by hl_index_open()
 * @root:	As there; made if it is missing
 * @entries:	Owners hashed with @seed
 *
 * It is no good before hl_index_seal().  Return: 0, or a negative errno when there
 * cannot be one: too many entries, or thousands of one owner
 */
int hl_index_build(struct hl_index *ix, const char *root, int dir_fd,
		   const struct hl_entry *entries, size_t n, uint64_t seed);

/* Seal the directory and write down how.  On failure drop the index. */
int hl_index_seal(struct hl_index *ix, int dir_fd);

/* Seconds since the whole directory was read. */
int64_t hl_index_age_s(const struct hl_index *ix);

#endif /* IPAM_HOST_LOCAL_INDEX_PRIV_H */
