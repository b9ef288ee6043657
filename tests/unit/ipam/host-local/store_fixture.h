/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * store_fixture.h - a data directory, an index directory and a boot of our own
 *
 * Everything is below a fresh directory that store_teardown() removes.
 */
#ifndef TESTS_UNIT_STORE_FIXTURE_H
#define TESTS_UNIT_STORE_FIXTURE_H

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/fd.h"
#include "ipam/host-local/store_priv.h"

#define BOOT_A "11111111-2222-3333-4444-555555555555"
#define BOOT_B "99999999-8888-7777-6666-555555555555"
#define NET    "net1"

static char store_base[] = "/tmp/host_local_store.XXXXXX";
static char data_dir[64];
static char index_dir[64];
static char boot_file[64];
static struct hl_env env = { .index_root = index_dir,
			     .boot_id_path = boot_file,
			     .lock_wait_ms = 50 };

/* Path of a file of the network. */
static const char *net_path(const char *name)
{
	static char path[PATH_MAX];

	(void)snprintf(path, sizeof(path), "%s/" NET "/%s", data_dir, name);
	return path;
}

static void put_file(const char *path, const void *content, size_t len)
{
	cleanup_close int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(fd_write_all(fd, content, len), 0);
}

static void put(const char *name, const char *content)
{
	put_file(net_path(name), content, strlen(content));
}

static inline void age(const char *name, time_t seconds)
{
	struct timespec t[2] = { { .tv_nsec = UTIME_OMIT } };

	assert_int_equal(clock_gettime(CLOCK_REALTIME, &t[1]), 0);
	t[1].tv_sec -= seconds;
	assert_int_equal(utimensat(AT_FDCWD, net_path(name), t, AT_SYMLINK_NOFOLLOW), 0);
}

#define TEN_YEARS (time_t)(10 * 365 * 86400)

static inline bool exists(const char *name)
{
	struct stat st;

	return lstat(net_path(name), &st) == 0;
}

static inline void assert_content(const char *name, const char *want)
{
	char got[256];

	assert_int_equal(file_read(AT_FDCWD, net_path(name), got, sizeof(got)), 0);
	assert_string_equal(got, want);
}

static void reboot_as(const char *id)
{
	put_file(boot_file, id, strlen(id));
}

static int store_setup(void **state)
{
	(void)state;
	(void)snprintf(store_base + strlen(store_base) - 6, 7, "XXXXXX");
	if (!mkdtemp(store_base))
		return -1;
	(void)snprintf(data_dir, sizeof(data_dir), "%s/data", store_base);
	(void)snprintf(index_dir, sizeof(index_dir), "%s/index", store_base);
	(void)snprintf(boot_file, sizeof(boot_file), "%s/boot", store_base);
	reboot_as(BOOT_A "\n");
	return dir_make_all(net_path("."), 0755);
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

static int store_teardown(void **state)
{
	(void)state;
	return nftw(store_base, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static inline struct ipaddr addr(const char *text)
{
	struct ipaddr a;

	assert_int_equal(ipaddr_from_str(text, &a), 0);
	return a;
}

static void open_store(struct hl_store *st)
{
	struct nerr err = NERR_INIT;

	*st = (struct hl_store)HL_STORE_INIT;
	assert_int_equal(hl_store_open(st, &env, data_dir, NET, true, &err), 0);
}

/* Reservations 10.1.<i / 256>.<i % 256> of "c<i>" "eth0", as another program makes them. */
static inline void put_many(unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		char name[32];
		char content[32];

		(void)snprintf(name, sizeof(name), "10.1.%u.%u", i / 256, i % 256);
		(void)snprintf(content, sizeof(content), "c%u\r\neth0", i);
		put(name, content);
	}
}

#endif /* TESTS_UNIT_STORE_FIXTURE_H */
