/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The index against a model: what was put in is found, nothing else is, whatever
 * happens to the file or to the directory.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "ipam/host-local/index_priv.h"

#define SEED 0x1234567890abcdefu

static char base[] = "/tmp/host_local_index.XXXXXX";
static char root[PATH_MAX];
static char data[PATH_MAX];
static int dir_fd = -1;

static int make_dirs(void **state)
{
	(void)state;
	if (!mkdtemp(base))
		return -1;
	(void)snprintf(root, sizeof(root), "%s/run/a", base);
	(void)snprintf(data, sizeof(data), "%s/data", base);
	if (mkdir(data, 0700) < 0)
		return -1;
	dir_fd = open(data, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return dir_fd < 0 ? -1 : 0;
}

static int remove_dirs(void **state)
{
	struct hl_index ix;

	(void)state;
	(void)hl_index_open(&ix, root, dir_fd); /* for its path */
	hl_index_drop(&ix);
	(void)close(dir_fd);
	(void)rmdir(root); /* it is only there after a build */
	(void)snprintf(root, sizeof(root), "%s/run", base);
	(void)rmdir(root);
	(void)rmdir(data);
	return rmdir(base);
}

/* A change of the directory that leaves it as it was. */
static void touch_dir(void)
{
	int fd = openat(dir_fd, "x", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	(void)close(fd);
	assert_int_equal(unlinkat(dir_fd, "x", 0), 0);
}

static struct hl_entry entry(uint32_t owner, uint32_t n)
{
	struct hl_entry e = { .owner = owner, .addr.family = n % 2 ? AF_INET : AF_INET6 };

	memcpy(e.addr.bytes, &n, sizeof(n));
	return e;
}

static void build(struct hl_index *ix, const struct hl_entry *v, size_t n)
{
	(void)hl_index_open(ix, root, dir_fd);
	hl_index_close(ix);
	assert_int_equal(hl_index_build(ix, root, dir_fd, v, n, SEED), 0);
	assert_int_equal(hl_index_seal(ix, dir_fd), 0);
}

struct seen {
	struct ipaddr v[64];
	size_t n;
};

static int note(void *arg, const struct hl_entry *e)
{
	struct seen *s = arg;

	assert_true(s->n < ARRAY_SIZE(s->v));
	s->v[s->n++] = e->addr;
	return 0;
}

static int count(void *arg, const struct hl_entry *e)
{
	assert_true(e->owner != 0);
	++*(size_t *)arg;
	return 0;
}

static bool has(struct hl_index *ix, const struct hl_entry *e)
{
	struct seen s = { .n = 0 };

	assert_int_equal(hl_index_each_of(ix, e->owner, note, &s), 0);
	for (size_t i = 0; i < s.n; i++) {
		if (ipaddr_eq(&s.v[i], &e->addr))
			return true;
	}
	return false;
}

/* ---- a model ---- */

#define MODEL_MAX 400
#define OWNERS    97 /* few, so that owners have several addresses and homes collide */

static uint32_t next_random(uint32_t *state)
{
	*state = *state * 1664525 + 1013904223;
	return *state >> 8;
}

static void it_holds_what_was_put_in(void **state)
{
	static bool in[MODEL_MAX];
	uint32_t random = 1;
	struct hl_index ix;
	size_t n_in = 0;
	size_t n;

	(void)state;
	build(&ix, NULL, 0);
	for (unsigned turn = 0; turn < 20000; turn++) {
		uint32_t i = next_random(&random) % (turn % 4000 < 2000 ? 190 : 60);
		struct hl_entry e = entry(2 + i % OWNERS * 0x01000003, i);

		assert_int_equal(has(&ix, &e), in[i]);
		assert_int_equal(in[i] ? hl_index_remove(&ix, &e) : hl_index_insert(&ix, &e), 0);
		in[i] = !in[i];
		n_in = in[i] ? n_in + 1 : n_in - 1;
		assert_int_equal(ix.head.n_entries, n_in);
	}
	for (uint32_t i = 0; i < MODEL_MAX; i++) {
		struct hl_entry e = entry(2 + i % OWNERS * 0x01000003, i);

		assert_int_equal(has(&ix, &e), in[i]);
		if (!in[i])
			assert_int_equal(hl_index_remove(&ix, &e), -ENOENT);
	}
	n = 0;
	assert_int_equal(hl_index_each(&ix, count, &n), 0);
	assert_int_equal(n, n_in);
	hl_index_drop(&ix);
}

static void a_full_table_says_so(void **state)
{
	struct hl_index ix;
	uint32_t i = 0;
	int r = 0;

	(void)state;
	build(&ix, NULL, 0);
	for (; r == 0; i++) {
		struct hl_entry e = entry(2 + i * 77, i);

		r = hl_index_insert(&ix, &e);
	}
	assert_int_equal(r, -ENOSPC);
	assert_true(i > 128 && i < 256);
	hl_index_drop(&ix);
}

static void a_large_one_is_built(void **state)
{
	enum {
		N = 60000
	};
	cleanup_free struct hl_entry *v = calloc(N, sizeof(*v));
	struct hl_index ix;
	size_t n = 0;

	(void)state;
	assert_non_null(v);
	for (uint32_t i = 0; i < N; i++) {
		char key[32];

		(void)snprintf(key, sizeof(key), "container%u\r\neth0", i);
		v[i] = entry(hl_index_owner(SEED, key), i);
	}
	build(&ix, v, N);
	hl_index_close(&ix);
	assert_int_equal(hl_index_open(&ix, root, dir_fd), 0);
	for (uint32_t i = 0; i < N; i += 777)
		assert_true(has(&ix, &v[i]));
	assert_int_equal(hl_index_each(&ix, count, &n), 0);
	assert_int_equal(n, N);
	hl_index_drop(&ix);
}

static void too_many_are_refused(void **state)
{
	struct hl_index ix;

	(void)state;
	(void)hl_index_open(&ix, root, dir_fd);
	hl_index_close(&ix);
	/* The entries are not looked at: there is no room for so many. */
	assert_int_equal(hl_index_build(&ix, root, dir_fd, NULL,
					((size_t)1 << HL_INDEX_SLOTS_LOG2_MAX >> 1) + 1, SEED),
			 -EFBIG);
}

static void thousands_of_one_owner_are_refused(void **state)
{
	enum {
		N = 60000
	};
	cleanup_free struct hl_entry *v = calloc(N, sizeof(*v));
	struct hl_index ix;

	(void)state;
	assert_non_null(v);
	for (uint32_t i = 0; i < N; i++)
		v[i] = entry(4711, i);
	(void)hl_index_open(&ix, root, dir_fd);
	hl_index_close(&ix);
	assert_int_equal(hl_index_build(&ix, root, dir_fd, v, N, SEED), -E2BIG);
	assert_int_equal(hl_index_build(&ix, root, dir_fd, v, 1000, SEED), 0);
	hl_index_drop(&ix);
}

/* ---- staleness ---- */

static void any_change_of_the_directory_makes_it_stale(void **state)
{
	struct hl_index ix;

	(void)state;
	for (unsigned i = 0; i < 200; i++) { /* many fall into one tick of the kernel's clock */
		build(&ix, NULL, 0);
		hl_index_close(&ix);
		assert_int_equal(hl_index_open(&ix, root, dir_fd), 0);
		hl_index_close(&ix);
		touch_dir();
		assert_int_equal(hl_index_open(&ix, root, dir_fd), -ESTALE);
	}
	hl_index_drop(&ix);
}

/* Kernels before 6.13 would give the next change the same time as the last one. */
static void the_seal_is_a_time_that_the_kernel_did_not_give(void **state)
{
	struct stat before;
	struct stat after;
	struct hl_index ix;

	(void)state;
	build(&ix, NULL, 0);
	hl_index_drop(&ix);
	touch_dir();
	assert_int_equal(stat(data, &before), 0);
	build(&ix, NULL, 0);
	assert_int_equal(stat(data, &after), 0);
	assert_true(before.st_mtim.tv_sec != after.st_mtim.tv_sec ||
		    before.st_mtim.tv_nsec != after.st_mtim.tv_nsec);
	assert_int_equal(after.st_mtim.tv_nsec % 2, 1);
	hl_index_drop(&ix);
}

static void without_a_seal_it_is_no_good(void **state)
{
	struct hl_index ix;

	(void)state;
	build(&ix, NULL, 0);
	hl_index_drop(&ix);
	assert_int_equal(hl_index_build(&ix, root, dir_fd, NULL, 0, SEED), 0);
	hl_index_close(&ix);
	assert_int_equal(hl_index_open(&ix, root, dir_fd), -EBADMSG);
	hl_index_drop(&ix);
	assert_int_equal(hl_index_open(&ix, root, dir_fd), -ENOENT);
}

static void another_directory_has_another_index(void **state)
{
	char path[PATH_MAX];
	cleanup_close int other = -1;
	struct hl_index ix;
	struct hl_index iy;

	(void)state;
	(void)snprintf(path, sizeof(path), "%s/other", base);
	assert_int_equal(mkdir(path, 0700), 0);
	other = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(other >= 0);
	assert_int_equal(rmdir(path), 0);
	build(&ix, NULL, 0);
	assert_int_equal(hl_index_open(&iy, root, other), -ENOENT);
	assert_string_not_equal(ix.path, iy.path);
	hl_index_drop(&ix);
}

/* ---- damage ---- */

#define DAMAGE_N 40

static void damage_byte(const char *path, off_t at)
{
	cleanup_close int fd = open(path, O_RDWR | O_CLOEXEC);
	uint8_t b;

	assert_true(fd >= 0);
	assert_int_equal(pread(fd, &b, 1, at), 1);
	b ^= 0x40;
	assert_int_equal(pwrite(fd, &b, 1, at), 1);
}

/* A damaged index is refused, or answers -EBADMSG, or answers right. */
static void assert_right_or_refused(const struct hl_entry *v)
{
	struct hl_index ix;

	if (hl_index_open(&ix, root, dir_fd) < 0)
		return;
	for (size_t i = 0; i < DAMAGE_N; i++) {
		struct seen s = { .n = 0 };
		int r = hl_index_each_of(&ix, v[i].owner, note, &s);

		assert_true(r == 0 || r == -EBADMSG);
		if (r == 0) {
			assert_int_equal(s.n, 1);
			assert_true(ipaddr_eq(&s.v[0], &v[i].addr));
		}
	}
	hl_index_close(&ix);
}

static void a_damaged_byte_never_gives_a_wrong_answer(void **state)
{
	struct hl_entry v[DAMAGE_N];
	struct hl_index ix;
	struct stat st;

	(void)state;
	for (uint32_t i = 0; i < DAMAGE_N; i++)
		v[i] = entry(2 + i * 0x10101, i);
	build(&ix, v, DAMAGE_N);
	hl_index_close(&ix);
	assert_int_equal(stat(ix.path, &st), 0);
	for (off_t at = 0; at < st.st_size; at += at < 100 ? 1 : 5) {
		damage_byte(ix.path, at);
		assert_right_or_refused(v);
		damage_byte(ix.path, at);
	}
	assert_int_equal(hl_index_open(&ix, root, dir_fd), 0);
	for (size_t i = 0; i < DAMAGE_N; i++)
		assert_true(has(&ix, &v[i]));
	hl_index_drop(&ix);
}

static void a_file_of_the_wrong_length_is_refused(void **state)
{
	static const off_t lengths[] = { 0, 1, 71, 72, 73, 6000, 1000000 };
	struct hl_index ix;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(lengths); i++) {
		build(&ix, NULL, 0);
		hl_index_close(&ix);
		assert_int_equal(truncate(ix.path, lengths[i]), 0);
		assert_int_equal(hl_index_open(&ix, root, dir_fd), -EBADMSG);
	}
	hl_index_drop(&ix);
}

static void a_file_cut_short_while_open_is_an_error(void **state)
{
	struct hl_entry e = entry(200, 1);
	struct hl_index ix;
	size_t n = 0;

	(void)state;
	build(&ix, &e, 1);
	assert_int_equal(truncate(ix.path, 100), 0);
	assert_int_equal(hl_index_each_of(&ix, e.owner, count, &n), -EBADMSG);
	assert_int_equal(hl_index_each(&ix, count, &n), -EBADMSG);
	assert_int_equal(hl_index_insert(&ix, &e), -EBADMSG);
	assert_int_equal(hl_index_remove(&ix, &e), -EBADMSG);
	assert_int_equal(n, 0);
	hl_index_drop(&ix);
}

static void a_file_that_others_can_write_is_refused(void **state)
{
	struct hl_index ix;
	int fd;

	(void)state;
	build(&ix, NULL, 0);
	assert_int_equal(fchmod(ix.fd, 0620), 0);
	hl_index_close(&ix);
	assert_int_equal(hl_index_open(&ix, root, dir_fd), -EPERM);
	hl_index_drop(&ix);

	/* A symbolic link is not followed, and not written through. */
	assert_int_equal(symlink("/dev/null", ix.path), 0);
	assert_int_equal(hl_index_open(&ix, root, dir_fd), -ELOOP);
	fd = hl_index_build(&ix, root, dir_fd, NULL, 0, SEED);
	assert_int_equal(fd, 0); /* renamed over the link */
	hl_index_drop(&ix);
}

static void a_root_too_long_or_no_directory_means_none(void **state)
{
	char long_root[HL_INDEX_PATH_LEN + 1];
	struct hl_index ix;

	(void)state;
	memset(long_root, 'a', sizeof(long_root));
	long_root[0] = '/';
	long_root[sizeof(long_root) - 1] = '\0';
	assert_int_equal(hl_index_open(&ix, long_root, dir_fd), -ENAMETOOLONG);
	assert_int_equal(hl_index_build(&ix, long_root, dir_fd, NULL, 0, SEED), -ENAMETOOLONG);
	hl_index_drop(&ix);

	assert_int_equal(hl_index_open(&ix, "/dev/null", dir_fd), -ENOTDIR);
	assert_int_equal(hl_index_build(&ix, "/dev/null", dir_fd, NULL, 0, SEED), -ENOTDIR);
	hl_index_drop(&ix);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_holds_what_was_put_in),
		cmocka_unit_test(a_full_table_says_so),
		cmocka_unit_test(a_large_one_is_built),
		cmocka_unit_test(too_many_are_refused),
		cmocka_unit_test(thousands_of_one_owner_are_refused),
		cmocka_unit_test(any_change_of_the_directory_makes_it_stale),
		cmocka_unit_test(the_seal_is_a_time_that_the_kernel_did_not_give),
		cmocka_unit_test(without_a_seal_it_is_no_good),
		cmocka_unit_test(another_directory_has_another_index),
		cmocka_unit_test(a_damaged_byte_never_gives_a_wrong_answer),
		cmocka_unit_test(a_file_of_the_wrong_length_is_refused),
		cmocka_unit_test(a_file_cut_short_while_open_is_an_error),
		cmocka_unit_test(a_file_that_others_can_write_is_refused),
		cmocka_unit_test(a_root_too_long_or_no_directory_means_none),
	};

	return cmocka_run_group_tests(tests, make_dirs, remove_dirs);
}
