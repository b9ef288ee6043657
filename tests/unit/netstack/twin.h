/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * twin.h - the same calls to Linux and to an instance, whose answers must be the same
 *
 * The kernel's sockets live in a network namespace of the test's own, with nothing but lo; the
 * instance has nothing but its lo, too.  A twin socket is a descriptor of each.
 */
#ifndef TESTS_UNIT_NETSTACK_TWIN_H
#define TESTS_UNIT_NETSTACK_TWIN_H

#include <net/if.h>

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "netstack/netstack.h"
#include "netstack/socket.h"
#include "tests/unit/netstack/rig.h"

#define TWIN __attribute__((unused)) static

/* A descriptor of each, -1 for none. */
struct twin {
	int linux_fd;
	int ours;
};

/* What both said: negative errnos. */
struct both {
	int64_t linux_r;
	int64_t ours;
};

static struct rig twin_rig;
#define TWIN_ST (twin_rig.st)

/* Group setup.  0, or -1 with a word why. */
TWIN int twin_namespace(void **state)
{
	struct ifreq ifr = { .ifr_name = "lo", .ifr_flags = IFF_UP | IFF_LOOPBACK };
	int fd;

	(void)state;
	if (unshare(CLONE_NEWNET) < 0) {
		(void)fprintf(stderr, "cannot make a network namespace (root is needed): %m\n");
		return -1;
	}
	fd = socket(AF_INET, SOCK_DGRAM, 0);
	if (fd < 0 || ioctl(fd, SIOCSIFFLAGS, &ifr) < 0) {
		(void)fprintf(stderr, "cannot bring lo up: %m\n");
		return -1;
	}
	(void)close(fd);
	return 0;
}

TWIN int twin_setup(void **state)
{
	(void)state;
	rig_init(&twin_rig);
	netstack_advance(TWIN_ST, twin_rig.now);
	return 0;
}

TWIN int twin_teardown(void **state)
{
	(void)state;
	rig_done(&twin_rig);
	return 0;
}

/* Everything that is under way arrives: Linux does so by itself. */
TWIN void twin_settle(void)
{
	while (netstack_deadline(TWIN_ST) <= twin_rig.now)
		netstack_advance(TWIN_ST, twin_rig.now);
}

TWIN int64_t twin_errno(int64_t r)
{
	return r < 0 ? -errno : r;
}

/* Call both: twin_call(&t, bind, (const struct sockaddr *)&sa, len) */
#define twin_call(t, call, ...)                                                                    \
	({                                                                                         \
		struct both b_;                                                                    \
		errno = 0;                                                                         \
		b_.linux_r = twin_errno(call((t)->linux_fd, ##__VA_ARGS__));                       \
		b_.ours = ns_##call(TWIN_ST, (t)->ours, ##__VA_ARGS__);                            \
		twin_settle();                                                                     \
		b_;                                                                                \
	})

TWIN const char *twin_word(int64_t r)
{
	static char text[2][48];
	static int which;
	char *ret = text[which ^= 1];

	if (r < 0)
		(void)snprintf(ret, sizeof(text[0]), "-%s", strerrorname_np((int)-r));
	else
		(void)snprintf(ret, sizeof(text[0]), "%lld", (long long)r);
	return ret;
}

#define assert_same(b, ...)                                                                        \
	do {                                                                                       \
		const struct both s_ = (b);                                                        \
		if (s_.linux_r != s_.ours) {                                                       \
			print_error(__VA_ARGS__);                                                  \
			fail_msg(": Linux says %s, we %s", twin_word(s_.linux_r),                  \
				 twin_word(s_.ours));                                              \
		}                                                                                  \
	} while (0)

TWIN struct twin twin_socket(int domain, int type, int protocol)
{
	struct twin t;

	t.linux_fd = socket(domain, type | SOCK_NONBLOCK, protocol);
	t.ours = ns_socket(TWIN_ST, domain, type | SOCK_NONBLOCK, protocol);
	assert_true(t.linux_fd >= 0);
	assert_true(t.ours >= 0);
	return t;
}

TWIN void twin_close(struct twin *t)
{
	if (t->linux_fd >= 0)
		(void)close(t->linux_fd);
	if (t->ours >= 0)
		assert_int_equal(ns_close(TWIN_ST, t->ours), 0);
	*t = (struct twin){ -1, -1 };
	twin_settle();
}

TWIN struct both twin_setsockopt(const struct twin *t, int level, int name, int v)
{
	return twin_call(t, setsockopt, level, name, &v, (socklen_t)sizeof(v));
}

/* --- addresses --- */

struct twin_addr {
	union {
		struct sockaddr sa;
		struct sockaddr_in in;
		struct sockaddr_in6 in6;
	};
	socklen_t len;
};

TWIN struct twin_addr twin_addr(int domain, const char *text, uint16_t port)
{
	struct twin_addr a;

	memset(&a, 0, sizeof(a));
	if (domain == AF_INET) {
		a.len = sizeof(a.in);
		a.in.sin_family = AF_INET;
		a.in.sin_port = htons(port);
		assert_int_equal(inet_pton(AF_INET, text, &a.in.sin_addr), 1);
	} else {
		a.len = sizeof(a.in6);
		a.in6.sin6_family = AF_INET6;
		a.in6.sin6_port = htons(port);
		assert_int_equal(inet_pton(AF_INET6, text, &a.in6.sin6_addr), 1);
	}
	return a;
}

TWIN struct both twin_bind(const struct twin *t, const struct twin_addr *a)
{
	return twin_call(t, bind, &a->sa, a->len);
}

TWIN struct both twin_connect(const struct twin *t, const struct twin_addr *a)
{
	return twin_call(t, connect, &a->sa, a->len);
}

TWIN uint16_t twin_port(const struct twin_addr *a)
{
	return ntohs(a->sa.sa_family == AF_INET ? a->in.sin_port : a->in6.sin6_port);
}

#endif /* TESTS_UNIT_NETSTACK_TWIN_H */
