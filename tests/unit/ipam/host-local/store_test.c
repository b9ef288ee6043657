/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The directory of reservations: files, lock, index, and what else may lie there.
 */
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/file.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "cni/cni.h"
#include "store_fixture.h"

/* Number of addresses that @key owns. */
static size_t n_owned(struct hl_store *st, const char *key)
{
	CLEANUP(hl_addrs_done) struct hl_addrs owned = { .n = 0 };
	struct nerr err = NERR_INIT;

	assert_int_equal(hl_store_owned(st, key, &owned, &err), 0);
	return owned.n;
}

static int count(void *arg, const struct hl_entry *e)
{
	(void)e;
	++*(size_t *)arg;
	return 0;
}

static size_t n_taken(struct hl_store *st)
{
	struct nerr err = NERR_INIT;
	size_t n = 0;

	assert_int_equal(hl_store_each(st, count, &n, &err), 0);
	return n;
}

static void reserve(struct hl_store *st, const char *text, const char *key, int want)
{
	struct nerr err = NERR_INIT;
	struct ipaddr a = addr(text);

	assert_int_equal(hl_store_reserve(st, &a, key, &err), want);
}

static void release(struct hl_store *st, const char *text, const char *key)
{
	struct nerr err = NERR_INIT;
	struct ipaddr a = addr(text);

	assert_int_equal(hl_store_release(st, &a, key, &err), 0);
}

/* ---- files ---- */

static void a_reservation_is_the_file_of_the_reference(void **state)
{
	struct hl_store st;
	struct stat s;

	(void)state;
	open_store(&st);
	reserve(&st, "10.1.0.2", "cid1\r\neth0", 0);
	reserve(&st, "fd00::2", "cid1\r\neth0", 0);
	reserve(&st, "10.1.0.2", "cid2\r\neth0", -EEXIST);
	assert_content("10.1.0.2", "cid1\r\neth0");
	assert_content("fd00::2", "cid1\r\neth0");
	assert_int_equal(stat(net_path("10.1.0.2"), &s), 0);
	assert_int_equal(s.st_mode, S_IFREG | 0600);
	assert_int_equal(s.st_nlink, 1);
	assert_int_equal(s.st_size, 10);
	assert_int_equal(stat(net_path("lock"), &s), 0);
	assert_int_equal(s.st_mode & ~022u, S_IFREG | 0750);
	assert_int_equal(s.st_size, 0);
	assert_int_equal(n_owned(&st, "cid1\r\neth0"), 2);
	assert_int_equal(n_owned(&st, "cid2\r\neth0"), 0);
	release(&st, "10.1.0.2", "cid1\r\neth0");
	release(&st, "10.1.0.2", "cid1\r\neth0"); /* gone is as good */
	assert_false(exists("10.1.0.2"));
	assert_int_equal(n_owned(&st, "cid1\r\neth0"), 1);
	hl_store_close(&st);
}

static void without_a_link_the_file_is_created(void **state)
{
	struct hl_store st;

	(void)state;
	open_store(&st);
	st.draft_fd = open("/dev/null", O_WRONLY | O_CLOEXEC); /* cannot be linked here */
	reserve(&st, "10.1.0.2", "cid1\r\neth0", 0);
	reserve(&st, "10.1.0.2", "cid1\r\neth0", -EEXIST);
	assert_content("10.1.0.2", "cid1\r\neth0");
	hl_store_close(&st);
}

static void an_unlinked_draft_leaves_nothing(void **state)
{
	struct hl_store st;

	(void)state;
	put("10.1.0.2", "other\r\neth0");
	open_store(&st);
	reserve(&st, "10.1.0.2", "cid1\r\neth0", -EEXIST);
	assert_true(st.draft_fd >= 0);
	hl_store_close(&st);
	assert_content("10.1.0.2", "other\r\neth0");
	open_store(&st);
	assert_int_equal(n_taken(&st), 1);
	hl_store_close(&st);
}

static void the_last_address_is_kept_per_set(void **state)
{
	struct ipaddr a = addr("10.1.0.200");
	struct ipaddr b = addr("fd00::1");
	struct ipaddr got;
	struct hl_store st;

	(void)state;
	open_store(&st);
	assert_int_equal(hl_store_last(&st, 0, &got), -ENOENT);
	hl_store_set_last(&st, 0, &a);
	hl_store_set_last(&st, 1, &b);
	assert_content("last_reserved_ip.0", "10.1.0.200");
	assert_int_equal(hl_store_last(&st, 1, &got), 0);
	assert_true(ipaddr_eq(&got, &b));
	a = addr("10.1.0.7");
	hl_store_set_last(&st, 0, &a);
	assert_content("last_reserved_ip.0", "10.1.0.7"); /* shorter than before */
	put("last_reserved_ip.0", "10.1.0.9\n");
	assert_int_equal(hl_store_last(&st, 0, &got), 0);
	put("last_reserved_ip.0", "");
	assert_int_equal(hl_store_last(&st, 0, &got), -EINVAL);
	put("last_reserved_ip.0", "nonsense that is longer than any address can possibly be ...");
	assert_int_equal(hl_store_last(&st, 0, &got), -EINVAL);
	hl_store_close(&st);
}

static void odd_things_keep_an_address_taken_and_stay(void **state)
{
	struct hl_store st;

	(void)state;
	assert_int_equal(mkdir(net_path("10.1.0.2"), 0700), 0);
	assert_int_equal(symlink("/etc/passwd", net_path("10.1.0.3")), 0);
	assert_int_equal(mkfifo(net_path("10.1.0.4"), 0600), 0);
	assert_int_equal(symlink("10.1.0.6", net_path("10.1.0.5")), 0);
	put("10.1.0.6", "cid1\r\neth0");
	put("10.1.0.7", "kept by hand");
	put("notes", "cid1\r\neth0");
	age("10.1.0.4", TEN_YEARS);
	open_store(&st);
	assert_int_equal(n_taken(&st), 6);
	assert_int_equal(n_owned(&st, "cid1\r\neth0"), 1);
	for (char name[] = "10.1.0.2"; name[7] <= '7'; name[7]++)
		reserve(&st, name, "cid2\r\neth0", -EEXIST);
	hl_store_close(&st);
	assert_true(exists("10.1.0.4"));
	assert_true(exists("10.1.0.3"));
}

static void bad_places_are_named(void **state)
{
	static const struct {
		const char *dir, *net, *want;
	} cases[] = {
		{ "data", "n", "dataDir 'data' must be an absolute path" },
		{ "/tmp", "a/b", "network name 'a/b' cannot name a directory" },
		{ "/tmp", "..", "network name '..' cannot name a directory" },
		{ "/tmp", ".", "network name '.' cannot name a directory" },
		{ "/tmp", "", "network name '' cannot name a directory" },
		{ "/dev/null", "n", "cannot open directory '/dev/null/n': Not a directory" },
		{ "/proc/nowhere", "n",
		  "cannot create directory '/proc/nowhere/n': No such file or directory" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		CLEANUP(hl_store_close) struct hl_store st = HL_STORE_INIT;
		struct nerr err = NERR_INIT;

		assert_true(hl_store_open(&st, &env, cases[i].dir, cases[i].net, true, &err) < 0);
		assert_string_equal(err.msg, cases[i].want);
	}
}

static void a_missing_directory_is_made_only_on_demand(void **state)
{
	CLEANUP(hl_store_close) struct hl_store st = HL_STORE_INIT;
	struct nerr err = NERR_INIT;
	char dir[128];
	struct stat s;

	(void)state;
	(void)snprintf(dir, sizeof(dir), "%s/a/b", data_dir);
	assert_int_equal(hl_store_open(&st, &env, dir, NET, false, &err), -ENOENT);
	hl_store_close(&st);
	assert_int_equal(hl_store_open(&st, &env, "/dev/null", NET, false, &err), -ENOENT);
	hl_store_close(&st);
	assert_true(stat(dir, &s) < 0);
	assert_int_equal(hl_store_open(&st, &env, dir, NET, true, &err), 0);
	assert_int_equal(stat(dir, &s), 0);
	assert_int_equal(s.st_mode & ~022u, S_IFDIR | 0755);
}

static void a_probe_leaves_nothing(void **state)
{
	cleanup_close int ro = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct hl_store st;

	(void)state;
	open_store(&st);
	assert_int_equal(hl_store_probe(st.dir_fd), 0);
	assert_false(exists(".probe"));
	hl_store_close(&st);
	assert_true(hl_store_probe(ro) < 0);
}

/* ---- lock ---- */

static void the_lock_is_an_exclusive_flock_of_the_file(void **state)
{
	cleanup_close int fd = -1;
	struct hl_store st;

	(void)state;
	open_store(&st);
	fd = open(net_path("lock"), O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(flock(fd, LOCK_SH | LOCK_NB), -1);
	hl_store_close(&st);
	assert_int_equal(flock(fd, LOCK_EX | LOCK_NB), 0);
}

static void a_lock_that_stays_held_is_try_again_later(void **state)
{
	CLEANUP(hl_store_close) struct hl_store st = HL_STORE_INIT;
	cleanup_close int fd = open(net_path("lock"), O_RDONLY | O_CREAT | O_CLOEXEC, 0750);
	struct nerr err = NERR_INIT;

	(void)state;
	assert_int_equal(flock(fd, LOCK_EX), 0);
	assert_int_equal(hl_store_open(&st, &env, data_dir, NET, true, &err), -ETIMEDOUT);
	assert_int_equal(err.num, CNI_TRY_AGAIN);
	assert_non_null(strstr(
		err.msg, "/" NET "/lock': another process held it for 50 ms, try again later"));
}

/* A child holds the lock, removes directory or lock file, and goes. */
static void lock_removed_while_waiting(bool whole_directory)
{
	struct nerr err = NERR_INIT;
	struct hl_store st = HL_STORE_INIT;
	struct hl_env patient = env;
	struct stat named;
	struct stat held;
	int pipe_fd[2];
	pid_t pid;
	char c;

	patient.lock_wait_ms = 20000;
	assert_int_equal(pipe(pipe_fd), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		int fd = open(net_path("lock"), O_RDONLY | O_CREAT, 0750);
		bool ok = fd >= 0 && flock(fd, LOCK_EX) == 0 && write(pipe_fd[1], "x", 1) == 1;

		(void)poll(NULL, 0, 30); /* the parent waits by now; if not, the test is weaker */
		ok = ok && unlink(net_path("lock")) == 0;
		if (whole_directory)
			ok = ok && rmdir(net_path("")) == 0;
		_exit(ok ? 0 : 1);
	}
	assert_int_equal(read(pipe_fd[0], &c, 1), 1);
	assert_int_equal(hl_store_open(&st, &patient, data_dir, NET, true, &err), 0);
	assert_int_equal(stat(net_path("lock"), &named), 0);
	assert_int_equal(fstat(st.lock_fd, &held), 0);
	assert_int_equal(named.st_ino, held.st_ino);
	hl_store_close(&st);
	assert_int_equal(waitpid(pid, &pipe_fd[0], 0), pid);
	assert_int_equal(pipe_fd[0], 0);
}

static void a_lock_file_removed_meanwhile_is_made_again(void **state)
{
	(void)state;
	lock_removed_while_waiting(false);
}

static void a_directory_removed_meanwhile_is_made_again(void **state)
{
	(void)state;
	lock_removed_while_waiting(true);
}

/* ---- torn files ---- */

static void torn_files_go_when_they_are_old(void **state)
{
	static const char zeros[100];
	struct hl_store st;

	(void)state;
	put("10.1.0.2", "");
	put("10.1.0.3", "");
	put_file(net_path("10.1.0.4"), zeros, sizeof(zeros));
	put("10.1.0.5", "x");
	put("empty", "");
	age("10.1.0.2", HL_TORN_AGE_S + 5);
	age("10.1.0.3", HL_TORN_AGE_S - 100);
	age("10.1.0.4", TEN_YEARS);
	age("10.1.0.5", TEN_YEARS);
	age("empty", TEN_YEARS);
	open_store(&st);
	assert_int_equal(n_taken(&st), 2);
	hl_store_close(&st);
	assert_false(exists("10.1.0.2"));
	assert_true(exists("10.1.0.3"));
	assert_false(exists("10.1.0.4"));
	assert_true(exists("10.1.0.5"));
	assert_true(exists("empty"));
}

static void a_single_torn_file_is_reclaimed_on_demand(void **state)
{
	struct ipaddr young = addr("10.1.0.2");
	struct ipaddr old = addr("10.1.0.3");
	struct ipaddr owned = addr("10.1.0.4");
	struct hl_store st;

	(void)state;
	put("10.1.0.2", "");
	put("10.1.0.3", "");
	put("10.1.0.4", "cid1\r\neth0");
	age("10.1.0.3", HL_TORN_AGE_S + 5);
	age("10.1.0.4", TEN_YEARS);
	open_store(&st);
	assert_false(hl_store_reclaim(&st, &young));
	assert_true(hl_store_reclaim(&st, &old));
	assert_true(hl_store_reclaim(&st, &old));
	assert_false(hl_store_reclaim(&st, &owned));
	hl_store_close(&st);
}

/* ---- index ---- */

#define MANY (HL_INDEX_ENTRIES_MIN + 50)

static bool index_exists(void)
{
	return access(index_dir, F_OK) == 0;
}

static void a_small_directory_has_no_index(void **state)
{
	struct hl_store st;

	(void)state;
	put_many(HL_INDEX_ENTRIES_MIN);
	open_store(&st);
	assert_int_equal(n_owned(&st, "c5\r\neth0"), 1);
	hl_store_close(&st);
	assert_false(index_exists());
}

static void a_large_one_is_read_once(void **state)
{
	struct hl_store st;

	(void)state;
	put_many(MANY);
	open_store(&st);
	assert_true(st.index.fd < 0);
	assert_int_equal(n_owned(&st, "c5\r\neth0"), 1);
	assert_true(st.scanned);
	reserve(&st, "10.9.0.1", "new\r\neth0", 0);
	hl_store_close(&st);
	assert_true(index_exists());

	for (unsigned i = 0; i < 300; i++) {
		char name[32];

		(void)snprintf(name, sizeof(name), "10.9.1.%u", i % 3);
		open_store(&st);
		assert_true(st.index.fd >= 0);
		assert_int_equal(n_owned(&st, "new\r\neth0"), 1);
		assert_int_equal(n_owned(&st, "none\r\neth0"), 0);
		reserve(&st, name, "turn\r\neth0", 0);
		if (i >= 2) {
			(void)snprintf(name, sizeof(name), "10.9.1.%u", (i + 1) % 3);
			release(&st, name, "turn\r\neth0");
			assert_int_equal(n_owned(&st, "turn\r\neth0"), 2);
		}
		assert_false(st.scanned);
		hl_store_close(&st);
	}
}

static void another_program_is_noticed(void **state)
{
	struct hl_store st;

	(void)state;
	put_many(MANY);
	for (unsigned i = 0; i < 100; i++) { /* within one tick of the kernel's clock, often */
		open_store(&st);
		assert_int_equal(n_owned(&st, "other\r\neth0"), i % 2);
		assert_int_equal(n_owned(&st, "c7\r\neth0"), 1 - i % 2);
		hl_store_close(&st);
		if (i % 2) {
			assert_int_equal(unlink(net_path("10.9.0.9")), 0);
			put("10.1.0.7", "c7\r\neth0");
		} else {
			put("10.9.0.9", "other\r\neth0");
			assert_int_equal(unlink(net_path("10.1.0.7")), 0);
		}
	}
}

static void a_hit_is_believed_only_after_reading_the_file(void **state)
{
	struct hl_store st;

	(void)state;
	put_many(MANY);
	open_store(&st);
	assert_int_equal(n_taken(&st), MANY);
	hl_store_close(&st);
	put("10.1.0.7", "edited\r\neth0"); /* in place: the directory does not change */
	open_store(&st);
	assert_true(st.index.fd >= 0);
	assert_int_equal(n_owned(&st, "c7\r\neth0"), 0);
	assert_true(st.scanned);
	assert_int_equal(n_owned(&st, "edited\r\neth0"), 1);
	hl_store_close(&st);
}

static void without_a_place_for_the_index_it_works_too(void **state)
{
	struct hl_store st;

	(void)state;
	put_file(index_dir, "", 0);
	put_many(MANY);
	for (int i = 0; i < 2; i++) {
		open_store(&st);
		assert_int_equal(n_owned(&st, "c7\r\neth0"), 1);
		assert_true(st.scanned);
		hl_store_close(&st);
	}
}

static void it_goes_when_the_directory_became_small(void **state)
{
	struct hl_store st;

	(void)state;
	put_many(MANY);
	open_store(&st);
	assert_int_equal(n_taken(&st), MANY);
	hl_store_close(&st);
	for (unsigned i = 0; i < 100; i++) {
		char name[32];

		(void)snprintf(name, sizeof(name), "10.1.0.%u", i);
		assert_int_equal(unlink(net_path(name)), 0);
	}
	open_store(&st);
	assert_int_equal(n_taken(&st), MANY - 100);
	hl_store_close(&st);
	assert_int_equal(rmdir(index_dir), 0); /* it is empty */
}

static void reclaiming_keeps_the_index_good(void **state)
{
	struct ipaddr a = addr("10.1.0.7");
	struct hl_store st;

	(void)state;
	put_many(MANY);
	put("10.1.0.7", "");
	put("10.1.0.8", "kept by hand");
	open_store(&st);
	assert_int_equal(n_taken(&st), MANY);
	hl_store_close(&st);
	age("10.1.0.7", HL_TORN_AGE_S + 1);
	open_store(&st);
	assert_true(st.index.fd >= 0);
	assert_true(hl_store_reclaim(&st, &a));
	assert_true(st.index.fd >= 0);
	assert_int_equal(n_taken(&st), MANY - 1);
	hl_store_close(&st);
}

/* ---- scan ---- */

static bool doomed_if_old(void *arg, const struct hl_record *rec, int fd)
{
	(void)arg;
	assert_true(fd >= 0);
	return rec->kind == HL_RECORD_OLD;
}

static void a_scan_removes_what_it_is_told(void **state)
{
	struct nerr err = NERR_INIT;
	struct hl_store st;

	(void)state;
	put("10.1.0.2", "old");
	put("10.1.0.3", "cid1\r\neth0");
	put("10.1.0.4", "not ours");
	open_store(&st);
	assert_int_equal(hl_store_scan(&st, doomed_if_old, NULL, &err), 0);
	assert_int_equal(n_taken(&st), 2);
	hl_store_close(&st);
	assert_false(exists("10.1.0.2"));
	assert_true(exists("lock"));
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, store_setup, store_teardown)
	static const struct CMUnitTest tests[] = {
		T(a_reservation_is_the_file_of_the_reference),
		T(without_a_link_the_file_is_created),
		T(an_unlinked_draft_leaves_nothing),
		T(the_last_address_is_kept_per_set),
		T(odd_things_keep_an_address_taken_and_stay),
		T(bad_places_are_named),
		T(a_missing_directory_is_made_only_on_demand),
		T(a_probe_leaves_nothing),
		T(the_lock_is_an_exclusive_flock_of_the_file),
		T(a_lock_that_stays_held_is_try_again_later),
		T(a_lock_file_removed_meanwhile_is_made_again),
		T(a_directory_removed_meanwhile_is_made_again),
		T(torn_files_go_when_they_are_old),
		T(a_single_torn_file_is_reclaimed_on_demand),
		T(a_small_directory_has_no_index),
		T(a_large_one_is_read_once),
		T(another_program_is_noticed),
		T(a_hit_is_believed_only_after_reading_the_file),
		T(without_a_place_for_the_index_it_works_too),
		T(it_goes_when_the_directory_became_small),
		T(reclaiming_keeps_the_index_good),
		T(a_scan_removes_what_it_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
