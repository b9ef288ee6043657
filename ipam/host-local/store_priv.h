/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * store_priv.h - the directory of reservations of one network
 *
 * Theory of operation
 *
 * Files, all in <dataDir>/<network>, a public interface that the reference suite,
 * other programs and people share with us:
 *
 *	<address>		a reservation, content as in record_priv.h, mode 0600
 *	last_reserved_ip.<i>	address given out last from range set i
 *	lock			flock(2)ed exclusively while anything is looked up or
 *				changed, by the reference as by us
 *	.boot_id		ours: the boot in which we last worked here (boot_priv.h)
 *
 * Whether an address is free is decided by one atomic step, the creation of its
 * file, so even a program that ignores the lock cannot get an address twice.  The
 * file is written first, without a name (O_TMPFILE), and then linked to its name: it
 * never exists empty or half written, and a call killed at any point leaves either
 * nothing or a reservation that names its owner, which DEL finds.  Where the file
 * system has no O_TMPFILE the file is created and then written, as the reference
 * does.  Empty files such as crashes of the reference leave are removed when the
 * directory is read, under the lock, if they are older than HL_TORN_AGE_S or than
 * the boot: a live process writes within microseconds, and holds the lock.
 *
 * The lock is held once per call, over all range sets.  It is waited for at most
 * env->lock_wait_ms, then the caller gets CNI_TRY_AGAIN.  After it is taken, the name
 * "lock" must still be the file that was locked: someone may have removed the
 * directory meanwhile, and a lock on a file without a name excludes nobody.
 *
 * Who owns what is answered by the index (index_priv.h) while it is good, otherwise
 * by reading every file.  A directory with more than HL_INDEX_ENTRIES_MIN addresses
 * gets an index then.  A reservation is believed to be somebody's only after its file
 * has been read; file names are relative to the open directory; symbolic links are
 * not followed, they and all else that has an address for a name keep it taken.
 *
 * Nothing is synced to disk: reservations do not outlive the boot anyway.
 */
#ifndef IPAM_HOST_LOCAL_STORE_PRIV_H
#define IPAM_HOST_LOCAL_STORE_PRIV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/ipaddr.h"
#include "ipam/host-local/index_priv.h"
#include "ipam/host-local/record_priv.h"

struct nerr;

#define HL_DATA_DIR_DEFAULT "/var/lib/cni/networks"

/* Fewer files are read faster than an index is kept. */
#define HL_INDEX_ENTRIES_MIN 64

/* An empty reservation older than this is nobody's. */
#define HL_TORN_AGE_S 300

/* An index younger than this is believed that no address is free. */
#define HL_RESCAN_AGE_S 30

/**
 * struct hl_env - What a test replaces
 * @index_root:	Directory of indexes
 * @boot_id_path: File that names the boot
 * @lock_wait_ms: Most milliseconds to wait for the lock
 */
struct hl_env {
	const char *index_root;
	const char *boot_id_path;
	int lock_wait_ms;
};

extern const struct hl_env hl_env_default;

/**
 * struct hl_store - An open and locked directory of reservations
 * @env:	Borrowed
 * @path:	For messages
 * @dir_fd:	The directory
 * @lock_fd:	Holds the lock
 * @draft_fd:	A reservation without a name yet, or -1
 * @index:	Open while it is good
 * @seed:	Owners are hashed with it
 * @entries:	All addresses that are taken, once @scanned; the index is closed then
 * @unreadable:	The scan met a file whose owner it could not read: no index
 * @changed:	Something in the directory is new or gone
 */
struct hl_store {
	const struct hl_env *env;
	char *path;
	int dir_fd;
	int lock_fd;
	int draft_fd;
	struct hl_index index;
	uint64_t seed;
	struct hl_entry *entries;
	size_t n_entries;
	size_t cap_entries;
	bool scanned;
	bool unreadable;
	bool changed;
};

#define HL_STORE_INIT                                                                              \
	{                                                                                          \
		.dir_fd = -1, .lock_fd = -1, .draft_fd = -1, .index = {.fd = -1 }                  \
	}

/* Addresses, freed with hl_addrs_done(). */
struct hl_addrs {
	struct ipaddr *v;
	size_t n;
};

void hl_addrs_done(struct hl_addrs *a);

/* ---- store.c ---- */

/**
 * hl_store_open() - Open the directory of a network and take its lock
 * @st:		HL_STORE_INIT
 * @data_dir:	Absolute path; NULL or "" for the default
 * @create:	Make what is missing.  Otherwise a missing directory is -ENOENT
 *
 * hl_store_close() is due in any case.
 */
int hl_store_open(struct hl_store *st, const struct hl_env *env, const char *data_dir,
		  const char *net_name, bool create, struct nerr *err);

/* Bring the index up to date, unlock, free.  For CLEANUP(). */
void hl_store_close(struct hl_store *st);

/**
 * hl_store_reserve() - Take an address
 * @key:	Owner, of hl_record_key()
 *
 * Return: 0; -EEXIST without a message when it is taken; or another errno with one,
 *         and then there is no file
 */
int hl_store_reserve(struct hl_store *st, const struct ipaddr *addr, const char *key,
		     struct nerr *err);

/* Give it back; 0 also when it is gone.  @key as the file has it, its name if it has none. */
int hl_store_release(struct hl_store *st, const struct ipaddr *addr, const char *key,
		     struct nerr *err);

/* The address given out last from a set: 0, or an errno when it is not known. */
int hl_store_last(const struct hl_store *st, size_t set_idx, struct ipaddr *ret);
/* Remember it.  Failure is a warning: only the turn of the addresses is lost. */
void hl_store_set_last(struct hl_store *st, size_t set_idx, const struct ipaddr *addr);

/**
 * hl_store_probe() - Could a file be written in this directory?
 *
 * Writes one without a name, or removes it again.  Return: 0 or a negative errno
 */
int hl_store_probe(int dir_fd);

/* Room for one more in st->entries: 0 or -ENOMEM. */
int hl_store_make_room(struct hl_store *st);

/* First bytes of a regular file of the directory, not NUL-terminated: their number, or errno. */
ssize_t hl_store_read_file(const struct hl_store *st, const char *name, char *buf, size_t size);
/* Make @text the content of a file of ours, without emptying it first. 0 or errno. */
int hl_store_write_file(struct hl_store *st, const char *name, const char *text);

/* ---- scan.c ---- */

/**
 * hl_doomed_fn - Shall a reservation be removed?
 * @rec:	Full or old format
 * @fd:		Its file
 */
typedef bool hl_doomed_fn(void *arg, const struct hl_record *rec, int fd);

/**
 * hl_store_scan() - Read the whole directory
 * @doomed:	Asked about each reservation; NULL: all stay
 *
 * Removes torn files that are old enough.  Afterwards st->entries is the truth and
 * the index is made anew when the store is closed.
 *
 * Return: 0, or the first error, after all has been tried
 */
int hl_store_scan(struct hl_store *st, hl_doomed_fn *doomed, void *arg, struct nerr *err);

/* Scan again before giving up?  False when what is known is recent. */
bool hl_store_may_be_stale(const struct hl_store *st);

/* Addresses whose files hold @key, in no order. */
int hl_store_owned(struct hl_store *st, const char *key, struct hl_addrs *ret, struct nerr *err);

/* The owner of one address: 0 with what its file says, or an errno (-ENOENT: it is free). */
int hl_store_record(const struct hl_store *st, const struct ipaddr *addr, struct hl_record *ret);

/* Call @fn, perhaps twice, for every address that is taken. 0, or what @fn returned. */
int hl_store_each(struct hl_store *st, hl_entry_fn *fn, void *arg, struct nerr *err);

/* Remove the file of @addr if it is torn and old enough: true when it is gone. */
bool hl_store_reclaim(struct hl_store *st, const struct ipaddr *addr);

#endif /* IPAM_HOST_LOCAL_STORE_PRIV_H */
