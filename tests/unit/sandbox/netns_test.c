/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sandbox/netns.h"

#include <net/if.h>

#include <sys/stat.h>

#include "tests/unit/netns_fixture.h"

/* A file system of our own in a mount namespace of our own: it goes with the process. */
#define DIR_PATH "/mnt"

static int dir_setup(void **state)
{
	if (mounts_private(state) < 0)
		return -1;
	return mount("tmpfs", DIR_PATH, "tmpfs", 0, NULL);
}

static unsigned n_fds(void)
{
	unsigned n = 0;

	for (int fd = 0; fd < 256; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

static void touch(const char *path)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	(void)close(fd);
}

/* --- open --- */

static void missing_paths(void **state)
{
	struct nerr err;
	int fd = 77;

	(void)state;
	assert_int_equal(netns_open(DIR_PATH "/none", &fd, &err), -ENOENT);
	assert_string_equal(err.msg,
			    "failed to Statfs \"" DIR_PATH "/none\": no such file or directory");
	assert_int_equal(netns_open("", &fd, &err), -ENOENT);
	assert_string_equal(err.msg, "failed to Statfs \"\": no such file or directory");
	assert_int_equal(netns_open(DIR_PATH "/none", &fd, NULL), -ENOENT);
	touch(DIR_PATH "/file");
	assert_int_equal(netns_open(DIR_PATH "/file/none", &fd, &err), -ENOTDIR);
	assert_string_equal(err.msg,
			    "failed to Statfs \"" DIR_PATH "/file/none\": not a directory");
	assert_int_equal(fd, 77);
}

static void files_that_are_no_namespace(void **state)
{
	struct nerr err;
	int fd = 77;

	(void)state;
	touch(DIR_PATH "/file");
	assert_int_equal(netns_open(DIR_PATH "/file", &fd, &err), -EINVAL);
	assert_string_equal(err.msg,
			    "unknown FS magic on \"" DIR_PATH "/file\": 1021994"); /* tmpfs */
	assert_int_equal(mkfifo(DIR_PATH "/fifo", 0600), 0);
	assert_int_equal(netns_open(DIR_PATH "/fifo", &fd, &err), -EINVAL); /* does not block */
	assert_int_equal(netns_open("/proc/self/status", &fd, &err), -EINVAL);
	assert_contains(err.msg, "\"/proc/self/status\" is not a namespace: ");
	assert_int_equal(netns_open("/proc/self", &fd, &err), -EINVAL);
	assert_int_equal(fd, 77);
}

static void namespaces_of_other_kinds(void **state)
{
	static const char *const path[] = { "/proc/self/ns/mnt",  "/proc/self/ns/uts",
					    "/proc/self/ns/ipc",  "/proc/self/ns/pid",
					    "/proc/self/ns/user", "/proc/self/ns/cgroup",
					    "/proc/self/ns/time" };
	static const char *const kind[] = { "a mount", "a UTS",    "an IPC", "a PID",
					    "a user",  "a cgroup", "a time" };
	struct nerr err;
	int fd = 77;

	(void)state;
	for (unsigned i = 0; i < sizeof(path) / sizeof(path[0]); i++) {
		char text[256];

		if (access(path[i], F_OK) < 0) {
			print_message("not here: %s\n", path[i]);
			continue;
		}
		(void)snprintf(text, sizeof(text),
			       "\"%s\" is %s namespace, not a network namespace", path[i], kind[i]);
		assert_int_equal(netns_open(path[i], &fd, &err), -EINVAL);
		assert_string_equal(err.msg, text);
	}
	assert_int_equal(fd, 77);
}

static void own_namespace_by_several_paths(void **state)
{
	struct nerr err;
	int self;
	int other;
	int fd;

	(void)state;
	assert_ok(netns_open_self(&self, &err), err);
	assert_ok(netns_open("/proc/self/ns/net", &fd, &err), err);
	assert_true(netns_same(self, fd));
	assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	assert_true(fcntl(self, F_GETFD) & FD_CLOEXEC);
	other = netns_other();
	assert_false(netns_same(self, other));
	assert_false(netns_same(self, -1));
	(void)close(self);
	(void)close(fd);
	(void)close(other);
}

/* --- enter and come back --- */

struct visit {
	int expected;
	int ret;
	bool inside;
};

static int visit(void *arg, struct nerr *err)
{
	struct visit *v = arg;
	int here = netns_fd();

	v->inside = netns_same(here, v->expected);
	(void)close(here);
	return v->ret < 0 ? nerr_set(err, v->ret, "as told") : v->ret;
}

static void run_in_comes_back_whatever_happens(void **state)
{
	int home = netns_fd();
	int other = netns_other();
	unsigned before = n_fds();
	struct nerr err;

	(void)state;
	for (int ret = -1; ret <= 1; ret++) {
		struct visit v = { .expected = other, .ret = ret };
		int now;

		assert_int_equal(netns_run_in(other, visit, &v, &err), ret);
		assert_true(v.inside);
		now = netns_fd();
		assert_true(netns_same(now, home));
		(void)close(now);
	}
	assert_int_equal(n_fds(), before);
	(void)close(home);
	(void)close(other);
}

static void run_in_what_is_no_namespace(void **state)
{
	struct visit v = { .expected = -1 };
	int home = netns_fd();
	int file = open("/proc/self/status", O_RDONLY | O_CLOEXEC);
	unsigned before = n_fds();
	struct nerr err;
	int now;

	(void)state;
	assert_int_equal(netns_run_in(file, visit, &v, &err), -EINVAL);
	assert_contains(err.msg, "cannot enter the network namespace: ");
	assert_int_equal(netns_run_in(-1, visit, &v, &err), -EBADF);
	assert_int_equal(n_fds(), before);
	now = netns_fd();
	assert_true(netns_same(now, home));
	(void)close(now);
	(void)close(file);
	(void)close(home);
}

static void enter_stays(void **state)
{
	int home = netns_fd();
	int other = netns_other();
	struct nerr err;
	int now;

	(void)state;
	assert_ok(netns_enter(other, &err), err);
	now = netns_fd();
	assert_true(netns_same(now, other));
	(void)close(now);
	assert_ok(netns_enter(home, &err), err);
	(void)close(home);
	(void)close(other);
}

/* --- make and remove --- */

static void create_use_delete(void **state)
{
	static const char path[] = DIR_PATH "/web";
	unsigned before = n_fds();
	int home = netns_fd();
	struct nlsock *nl;
	struct link_info lo;
	struct nerr err;
	int now;
	int fd;

	(void)state;
	assert_ok(netns_create(path, &err), err);
	now = netns_fd();
	assert_true(netns_same(now, home)); /* we have not moved */
	(void)close(now);
	assert_ok(netns_open(path, &fd, &err), err);
	assert_false(netns_same(fd, home));
	nl = nlsock_in(fd);
	assert_ok(link_get(nl, "lo", &lo, &err), err);
	assert_false(lo.flags & IFF_UP);
	nlsock_close(nl);
	(void)close(fd);

	assert_int_equal(netns_create(path, &err), -EEXIST);
	assert_contains(err.msg, "cannot create namespace file '" DIR_PATH "/web': ");
	assert_ok(netns_open(path, &fd, &err), err); /* the first is still there */
	(void)close(fd);

	for (unsigned i = 0; i < 2; i++) { /* the second time it is missing */
		assert_ok(netns_delete(path, &err), err);
		assert_int_equal(access(path, F_OK), -1);
	}
	(void)close(home);
	assert_int_equal(n_fds(), before);
}

static void create_where_it_cannot_be(void **state)
{
	struct nerr err;

	(void)state;
	assert_int_equal(netns_create(DIR_PATH "/none/web", &err), -ENOENT);
	assert_contains(err.msg, "cannot create namespace file '" DIR_PATH "/none/web': ");
	assert_int_equal(symlink(DIR_PATH "/elsewhere", DIR_PATH "/link"), 0);
	assert_int_equal(netns_create(DIR_PATH "/link", &err), -EEXIST);
	assert_int_equal(access(DIR_PATH "/elsewhere", F_OK), -1);
}

/* What a reboot or a foreign unmount leaves: the plain file. */
static void delete_a_leftover_file(void **state)
{
	static const char path[] = DIR_PATH "/left";
	struct nerr err;

	(void)state;
	touch(path);
	assert_ok(netns_delete(path, &err), err);
	assert_int_equal(access(path, F_OK), -1);
}

/* A path given by mistake: somebody's file system stays mounted. */
static void delete_does_not_unmount_anything_else(void **state)
{
	static const char path[] = DIR_PATH "/mnt";
	struct nerr err;

	(void)state;
	assert_int_equal(mkdir(path, 0700), 0);
	assert_int_equal(mount("tmpfs", path, "tmpfs", 0, NULL), 0);
	touch(DIR_PATH "/mnt/precious");
	assert_true(netns_delete(path, &err) < 0);
	assert_contains(err.msg, "cannot remove namespace file '" DIR_PATH "/mnt': ");
	assert_int_equal(access(DIR_PATH "/mnt/precious", F_OK), 0);
	assert_int_equal(umount2(path, MNT_DETACH), 0);
}

/* The file goes although a thread is in the namespace. */
static void delete_while_in_use(void **state)
{
	static const char path[] = DIR_PATH "/busy";
	int home = netns_fd();
	struct nerr err;
	int now;
	int fd;

	(void)state;
	assert_ok(netns_create(path, &err), err);
	assert_ok(netns_open(path, &fd, &err), err);
	assert_ok(netns_enter(fd, &err), err);
	assert_ok(netns_delete(path, &err), err);
	assert_int_equal(access(path, F_OK), -1);
	now = netns_fd();
	assert_true(netns_same(now, fd));
	assert_ok(netns_enter(home, &err), err);
	(void)close(now);
	(void)close(fd);
	(void)close(home);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(missing_paths),
		cmocka_unit_test(files_that_are_no_namespace),
		cmocka_unit_test(namespaces_of_other_kinds),
		cmocka_unit_test(own_namespace_by_several_paths),
		cmocka_unit_test(run_in_comes_back_whatever_happens),
		cmocka_unit_test(run_in_what_is_no_namespace),
		cmocka_unit_test(enter_stays),
		cmocka_unit_test(create_use_delete),
		cmocka_unit_test(create_where_it_cannot_be),
		cmocka_unit_test(delete_a_leftover_file),
		cmocka_unit_test(delete_does_not_unmount_anything_else),
		cmocka_unit_test(delete_while_in_use),
	};

	return cmocka_run_group_tests(tests, dir_setup, NULL);
}
