/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * netns_fixture.h - a fresh network namespace for each test, and other eyes on it
 *
 * What a test did is looked at through sysfs, procfs and ip(8), not only through
 * the code under test.
 */
#ifndef TESTS_UNIT_NETNS_FIXTURE_H
#define TESTS_UNIT_NETNS_FIXTURE_H

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <setjmp.h>
#include <spawn.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/error.h"
#include "base/ipaddr.h"
#include "netlink/link.h"
#include "netlink/nlsock.h"

#define FIXTURE __attribute__((unused)) static

extern char **environ;

/* Leave a test out, saying why in the way tests/tap.awk understands. */
#define skip_because(...)                                                                          \
	do {                                                                                       \
		printf("skip: " __VA_ARGS__);                                                      \
		printf("\n");                                                                      \
		(void)fflush(stdout);                                                              \
		skip();                                                                            \
	} while (0)

/* A call that must succeed, with its own message if it does not. */
#define assert_ok(call, err)                                                                       \
	do {                                                                                       \
		if ((call) < 0)                                                                    \
			fail_msg(#call ": %s", (err).msg);                                         \
	} while (0)

/* --- namespaces --- */

/* Enter a new network namespace; sysfs shows it. */
FIXTURE void netns_fresh(void)
{
	if (unshare(CLONE_NEWNET) < 0)
		fail_msg("cannot make a network namespace (root is needed): %s", strerror(errno));
	if (mount("sysfs", "/sys", "sysfs", 0, NULL) < 0)
		fail_msg("cannot mount sysfs: %s", strerror(errno));
}

/* Group setup: nothing done here reaches the machine's mounts. */
FIXTURE int mounts_private(void **state)
{
	(void)state;
	if (unshare(CLONE_NEWNS) < 0 || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0) {
		(void)fprintf(stderr, "cannot make a mount namespace (root is needed): %m\n");
		return -1;
	}
	return 0;
}

/* Test setup: a namespace of its own, a socket in it. */
FIXTURE int netns_setup(void **state)
{
	struct nlsock *nl;
	struct nerr err;

	netns_fresh();
	assert_ok(nlsock_open(&nl, NETLINK_ROUTE, &err), err);
	*state = nl;
	return 0;
}

FIXTURE int netns_teardown(void **state)
{
	nlsock_close(*state);
	(void)umount2("/sys", MNT_DETACH); /* each test mounts its own */
	return 0;
}

/* Descriptor of the namespace the thread is in. */
FIXTURE int netns_fd(void)
{
	int fd = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);

	assert_true(fd >= 0);
	return fd;
}

/* Make another namespace and stay in this one. */
FIXTURE int netns_other(void)
{
	int home = netns_fd();
	int fd;

	assert_return_code(unshare(CLONE_NEWNET), errno);
	fd = netns_fd();
	assert_return_code(setns(home, CLONE_NEWNET), errno);
	(void)close(home);
	return fd;
}

/* A socket inside another namespace. */
FIXTURE struct nlsock *nlsock_in(int ns)
{
	int home = netns_fd();
	struct nlsock *nl;
	struct nerr err;

	assert_return_code(setns(ns, CLONE_NEWNET), errno);
	assert_ok(nlsock_open(&nl, NETLINK_ROUTE, &err), err);
	assert_return_code(setns(home, CLONE_NEWNET), errno);
	(void)close(home);
	return nl;
}

/* --- other eyes --- */

/* A file of /sys/class/net/@ifname. */
FIXTURE const char *sys_net(const char *ifname, const char *file, char buf[static 256])
{
	char path[256];
	ssize_t n;
	int fd;

	(void)snprintf(path, sizeof(path), "/sys/class/net/%s/%s", ifname, file);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		fail_msg("cannot open %s: %s", path, strerror(errno));
	n = read(fd, buf, 255);
	(void)close(fd);
	if (n < 0)
		fail_msg("cannot read %s: %s", path, strerror(errno));
	buf[n] = '\0';
	buf[strcspn(buf, "\n")] = '\0';
	return buf;
}

#define assert_sys_net(ifname, file, value)                                                        \
	do {                                                                                       \
		char sys_buf[256];                                                                 \
		assert_string_equal(sys_net(ifname, file, sys_buf), value);                        \
	} while (0)

/* Run a program; its output and errors go to @out.  Return: exit status. */
FIXTURE int run_program(const char *const argv[], char *out, size_t size)
{
	posix_spawn_file_actions_t fa;
	size_t used = 0;
	int status;
	pid_t pid;
	int fds[2];

	assert_return_code(pipe2(fds, O_CLOEXEC), errno);
	assert_int_equal(posix_spawn_file_actions_init(&fa), 0);
	assert_int_equal(posix_spawn_file_actions_adddup2(&fa, fds[1], 1), 0);
	assert_int_equal(posix_spawn_file_actions_adddup2(&fa, fds[1], 2), 0);
	if (posix_spawnp(&pid, argv[0], &fa, NULL, (char *const *)(uintptr_t)argv, environ) != 0)
		fail_msg("cannot run %s", argv[0]);
	(void)posix_spawn_file_actions_destroy(&fa);
	(void)close(fds[1]);
	for (;;) {
		char rest[512];
		char *to = used + 1 < size ? out + used : rest;
		ssize_t n = read(fds[0], to, to == rest ? sizeof(rest) : size - 1 - used);

		if (n <= 0)
			break;
		if (to != rest)
			used += (size_t)n;
	}
	out[used] = '\0';
	(void)close(fds[0]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

#define RUN_ARGS(...)                                                                              \
	(const char *const[])                                                                      \
	{                                                                                          \
		__VA_ARGS__, NULL                                                                  \
	}

/* A program that must succeed. */
#define run_ok(out, size, ...)                                                                     \
	do {                                                                                       \
		if (run_program(RUN_ARGS(__VA_ARGS__), out, size) != 0)                            \
			fail_msg("%s", out);                                                       \
	} while (0)

#define assert_contains(text, part)                                                                \
	do {                                                                                       \
		if (!strstr(text, part))                                                           \
			fail_msg("'%s' is not in:\n%s", part, text);                               \
	} while (0)

#define assert_lacks(text, part)                                                                   \
	do {                                                                                       \
		if (strstr(text, part))                                                            \
			fail_msg("'%s' is in:\n%s", part, text);                                   \
	} while (0)

/* --- objects --- */

FIXTURE struct ipaddr addr_of(const char *text)
{
	struct ipaddr a;

	assert_int_equal(ipaddr_from_str(text, &a), 0);
	return a;
}

FIXTURE struct ipnet net_of(const char *text)
{
	struct ipnet n;

	assert_int_equal(ipnet_from_str(text, &n), 0);
	return n;
}

FIXTURE int ifindex_of(struct nlsock *nl, const char *name)
{
	struct link_info li;
	struct nerr err;

	assert_ok(link_get(nl, name, &li, &err), err);
	return li.ifindex;
}

/* A veth pair with both ends in this namespace. Both down. */
FIXTURE void veth_pair(struct nlsock *nl, const char *a, const char *b)
{
	struct nerr err;

	link_put_veth(nl, &(struct link_veth){ .name = a, .peer_name = b, .peer_ns = -1 });
	assert_ok(nlsock_commit(nl, &err), err);
}

FIXTURE void links_up(struct nlsock *nl, const char *a, const char *b)
{
	struct nerr err;

	link_put_up(nl, ifindex_of(nl, a), a);
	link_put_up(nl, ifindex_of(nl, b), b);
	assert_ok(nlsock_commit(nl, &err), err);
}

#endif /* TESTS_UNIT_NETNS_FIXTURE_H */
