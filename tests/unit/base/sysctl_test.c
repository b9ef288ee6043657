/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * sysctl_test.c - runs as root, in network and mount namespaces of its own
 */
#include "base/sysctl.h"

#include <errno.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>

#include <cmocka.h>

#include "base/error.h"

static int enter_namespaces(void **state)
{
	(void)state;
	if (unshare(CLONE_NEWNET | CLONE_NEWNS) < 0 ||
	    mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0) {
		perror("sysctl_test needs root, to unshare namespaces");
		return -1;
	}
	return 0;
}

static void assert_value(const char *name, const char *want)
{
	struct nerr err = NERR_INIT;
	char buf[64];

	if (sysctl_read(name, buf, sizeof(buf), &err) < 0)
		fail_msg("%s", err.msg);
	assert_string_equal(buf, want);
}

static void what_is_written_is_read(void **state)
{
	(void)state;
	assert_int_equal(sysctl_write("net/ipv4/ip_forward", "1", NULL), 0);
	assert_value("net/ipv4/ip_forward", "1");
	assert_int_equal(sysctl_write("net/ipv4/ip_forward", "0", NULL), 0);
	assert_value("net/ipv4/ip_forward", "0");
	assert_int_equal(sysctl_ensure("net/ipv4/ip_forward", "1", NULL), 0);
	assert_value("net/ipv4/ip_forward", "1");
	assert_int_equal(sysctl_ensure("net/ipv4/ip_forward", "1", NULL), 0);
	assert_value("net/ipv4/ip_forward", "1");
}

static void interfaces_have_their_own(void **state)
{
	struct nerr err = NERR_INIT;

	(void)state;
	assert_int_equal(sysctl_write_if("ipv4", "lo", "arp_notify", "1", &err), 0);
	assert_value("net/ipv4/conf/lo/arp_notify", "1");
	assert_int_equal(sysctl_write_if("ipv4", "nope", "arp_notify", "1", &err), -ENOENT);
	assert_string_equal(err.msg,
			    "cannot write '1' to '/proc/sys/net/ipv4/conf/nope/arp_notify':"
			    " No such file or directory");
	assert_int_equal(sysctl_write_if("ipv4", "nope", "arp_notify", "1", NULL), 0);
}

static void errors_name_the_file_and_the_value(void **state)
{
	struct nerr err = NERR_INIT;
	char buf[64];

	(void)state;
	assert_int_equal(sysctl_read("net/nope", buf, sizeof(buf), &err), -ENOENT);
	assert_string_equal(err.msg, "cannot read '/proc/sys/net/nope': No such file or directory");
	assert_int_equal(sysctl_write("net/nope", "7", &err), -ENOENT);
	assert_string_equal(err.msg,
			    "cannot write '7' to '/proc/sys/net/nope': No such file or directory");
	assert_int_equal(sysctl_ensure("net/nope", "7", &err), -ENOENT);
	assert_int_equal(sysctl_write("net/ipv4/ip_forward", "bad", &err), -EINVAL);
	assert_string_equal(
		err.msg, "cannot write 'bad' to '/proc/sys/net/ipv4/ip_forward': Invalid argument");
	assert_int_equal(sysctl_read("net/ipv4/ip_forward", buf, 1, &err), -EFBIG);
	assert_int_equal(sysctl_read("net/ipv4", buf, sizeof(buf), &err), -EISDIR);
}

static void names_cannot_leave_proc_sys(void **state)
{
	static const char *const bad[] = {
		"",
		"/",
		"/etc/passwd",
		"..",
		"../self/status",
		"net/../../self/status",
		"net/./x",
		".",
		"net//ipv4",
		"net/ipv4/",
		"net/ipv4/..",
	};
	struct nerr err = NERR_INIT;
	char buf[64];

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		char want[128];

		(void)snprintf(want, sizeof(want), "invalid sysctl name '%s'", bad[i]);
		assert_int_equal(sysctl_read(bad[i], buf, sizeof(buf), &err), -EINVAL);
		assert_string_equal(err.msg, want);
		assert_int_equal(sysctl_write(bad[i], "1", &err), -EINVAL);
		assert_int_equal(sysctl_ensure(bad[i], "1", &err), -EINVAL);
	}
	assert_int_equal(sysctl_write_if("ipv4", "..", "forwarding", "1", &err), -EINVAL);
	assert_int_equal(sysctl_write_if("ipv4", "../conf/lo", "forwarding", "1", &err), -EINVAL);
	assert_string_equal(err.msg, "invalid interface name '../conf/lo'");
	assert_int_equal(sysctl_write_if("ipv4", "", "forwarding", "1", &err), -EINVAL);
	/* the kernel takes these two as names of interfaces */
	assert_int_equal(sysctl_write_if("ipv4", "...", "forwarding", "1", &err), -ENOENT);
	assert_int_equal(sysctl_write_if("ipv4", ".a", "forwarding", "1", &err), -ENOENT);
}

static void names_have_a_limit(void **state)
{
	static char name[5000];
	char buf[64];

	(void)state;
	memset(name, 'x', sizeof(name) - 1);
	assert_int_equal(sysctl_read(name, buf, sizeof(buf), NULL), -ENAMETOOLONG);
	assert_int_equal(sysctl_write(name, "1", NULL), -ENAMETOOLONG);
	name[300] = '\0';
	assert_int_equal(sysctl_write_if("ipv4", name, "forwarding", "1", &(struct nerr){ 0 }),
			 -EINVAL);
}

/* As in a container: /proc/sys cannot be written, but the value is right. */
static void a_right_value_needs_no_write(void **state)
{
	struct nerr err = NERR_INIT;

	(void)state;
	assert_int_equal(sysctl_write("net/ipv4/ip_forward", "1", NULL), 0);
	assert_int_equal(mount("/proc/sys", "/proc/sys", NULL, MS_BIND, NULL), 0);
	assert_int_equal(mount(NULL, "/proc/sys", NULL, MS_BIND | MS_REMOUNT | MS_RDONLY, NULL), 0);
	assert_int_equal(sysctl_write("net/ipv4/ip_forward", "1", &err), -EROFS);
	assert_int_equal(sysctl_ensure("net/ipv4/ip_forward", "1", &err), 0);
	assert_int_equal(sysctl_ensure("net/ipv4/ip_forward", "0", &err), -EROFS);
	assert_string_equal(err.msg, "cannot write '0' to '/proc/sys/net/ipv4/ip_forward':"
				     " Read-only file system");
	assert_int_equal(umount2("/proc/sys", MNT_DETACH), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_written_is_read),
		cmocka_unit_test(interfaces_have_their_own),
		cmocka_unit_test(errors_name_the_file_and_the_value),
		cmocka_unit_test(names_cannot_leave_proc_sys),
		cmocka_unit_test(names_have_a_limit),
		cmocka_unit_test(a_right_value_needs_no_write),
	};

	return cmocka_run_group_tests(tests, enter_namespaces, NULL);
}
