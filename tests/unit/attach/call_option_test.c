/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Options and ioctls: whose they are, and what is left when the connection is not.
 */
#include <netinet/tcp.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/time.h>

#include <linux/sockios.h>

#include "tests/unit/attach/program.h"

#define OPT_COOKIE     57
#define OPT_ZEROCOPY   60
#define OPT_PEERGROUPS 59

static int get(int fd, int level, int name)
{
	int v = -1;
	socklen_t len = sizeof(v);

	check(getsockopt(fd, level, name, &v, &len) == 0 && len == sizeof(v));
	return v;
}

static int set(int fd, int level, int name, int v)
{
	return setsockopt(fd, level, name, &v, sizeof(v));
}

static int connected(uint16_t port)
{
	int fd = tcp(0);

	check(connect_to(fd, "127.0.0.1", port) == 0);
	return fd;
}

/* It looks like nothing but TCP. */
static void looks(void)
{
	struct {
		int pid, uid, gid;
	} cred;
	uint64_t cookie = 0;
	socklen_t len = sizeof(cred);
	int v, fd = tcp(0);

	check(get(fd, SOL_SOCKET, SO_TYPE) == SOCK_STREAM);
	check(get(fd, SOL_SOCKET, SO_DOMAIN) == AF_INET);
	check(get(fd, SOL_SOCKET, SO_PROTOCOL) == IPPROTO_TCP);
	check(get(fd, SOL_SOCKET, SO_ACCEPTCONN) == 0);
	check(get(fd, SOL_SOCKET, SO_ERROR) == 0);
	check_error(set(fd, SOL_SOCKET, SO_TYPE, 1), ENOPROTOOPT);
	check(getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) == 0 && len == sizeof(cred));
	check(cred.pid == 0 && cred.uid == -1 && cred.gid == -1);
	len = sizeof(v);
	check_error(getsockopt(fd, SOL_SOCKET, SO_PASSCRED, &v, &len), EOPNOTSUPP);
	check_error(set(fd, SOL_SOCKET, SO_PASSCRED, 1), EOPNOTSUPP);
	check_error(getsockopt(fd, SOL_SOCKET, OPT_PEERGROUPS, &v, &len), ENODATA);
	check_error(set(fd, SOL_SOCKET, OPT_ZEROCOPY, 1), EOPNOTSUPP);
	len = sizeof(cookie);
	check(getsockopt(fd, SOL_SOCKET, OPT_COOKIE, &cookie, &len) == 0 && cookie);
	check_error(setsockopt(fd, IPPROTO_TCP, TCP_ULP, "tls", 3), ENOENT);
	check(listen(fd, 1) == 0);
	check(get(fd, SOL_SOCKET, SO_ACCEPTCONN) == 1);
}

static void test_looks(void **state)
{
	program(*state, looks);
}

static void of_the_stack(void)
{
	struct linger l = { .l_onoff = 1, .l_linger = 7 };
	char name[16] = "";
	socklen_t len = sizeof(name);
	int fd = tcp(0);

	check(set(fd, IPPROTO_TCP, TCP_NODELAY, 1) == 0);
	check(get(fd, IPPROTO_TCP, TCP_NODELAY) == 1);
	check(set(fd, IPPROTO_TCP, TCP_KEEPIDLE, 77) == 0);
	check(set(fd, SOL_SOCKET, SO_KEEPALIVE, 1) == 0);
	check(set(fd, SOL_SOCKET, SO_SNDBUF, 20000) == 0);
	check(set(fd, IPPROTO_IP, IP_TOS, 0x10) == 0);
	check(setsockopt(fd, SOL_SOCKET, SO_LINGER, &l, sizeof(l)) == 0);
	check(getsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, name, &len) == 0 && *name);
	/* They are there still after an attempt that has failed. */
	check_error(connect_to(fd, "127.0.0.1", PORT_NONE), ECONNREFUSED);
	check(connect_to(fd, "127.0.0.1", PORT_ECHO) == 0);
	check(get(fd, IPPROTO_TCP, TCP_NODELAY) == 1);
	check(get(fd, IPPROTO_TCP, TCP_KEEPIDLE) == 77);
	check(get(fd, SOL_SOCKET, SO_KEEPALIVE) == 1);
	check(get(fd, SOL_SOCKET, SO_SNDBUF) == 40000);
	check(get(fd, IPPROTO_IP, IP_TOS) == 0x10);
	l = (struct linger){ 0 };
	len = sizeof(l);
	check(getsockopt(fd, SOL_SOCKET, SO_LINGER, &l, &len) == 0 && l.l_linger == 7);
	check_echo(fd);
}

static void test_of_the_stack(void **state)
{
	program(*state, of_the_stack);
}

/* What needs a right that it has not. */
static void without_rights(void)
{
	const struct sockaddr_in sin = { .sin_family = AF_INET, .sin_port = htons(80) };
	const int one = 1;
	int fd = tcp(0);

	for (socklen_t len = 1; len <= sizeof(one); len++)
		check_error(setsockopt(fd, IPPROTO_IP, IP_TRANSPARENT, &one, len), EPERM);
	check_error(set(socket(AF_INET6, SOCK_STREAM, 0), IPPROTO_IPV6, IPV6_TRANSPARENT, 1),
		    EPERM);
	check_error(set(fd, SOL_SOCKET, SO_RCVBUFFORCE, 1 << 20), EPERM);
	check_error(set(fd, SOL_SOCKET, SO_SNDBUFFORCE, 1 << 20), EPERM);
	check_error(set(fd, SOL_SOCKET, SO_MARK, 1), EPERM);
	check_error(set(fd, SOL_SOCKET, SO_PRIORITY, 7), EPERM);
	check_error(bind(fd, (const struct sockaddr *)&sin, sizeof(sin)), EACCES);
	check(set(fd, SOL_SOCKET, SO_PRIORITY, 6) == 0);
	check(set(fd, IPPROTO_IP, IP_TRANSPARENT, 0) == 0);
}

static void as_nobody(void)
{
	check(syscall(SYS_setresuid, 65534, 65534, 65534) == 0);
	without_rights();
}

/* All of them, in a namespace to which the network does not belong. */
static void in_own_user_ns(void)
{
	check(unshare(CLONE_NEWUSER) == 0);
	without_rights();
}

static void test_without_rights(void **state)
{
	program(*state, as_nobody);
	program(*state, in_own_user_ns);
}

static void of_the_description(void)
{
	struct timeval tv = { .tv_usec = 20000 };
	socklen_t len = sizeof(tv);
	char buf[8];
	int fd = connected(PORT_ECHO);

	check(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv)) == 0);
	tv.tv_usec = 0;
	check(getsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv, &len) == 0 && tv.tv_usec > 0);
	check_error(recv(fd, buf, 1, 0), EAGAIN);
	/* Three bytes are not worth waking up for, five are. */
	check(set(fd, SOL_SOCKET, SO_RCVLOWAT, 5) == 0);
	check(get(fd, SOL_SOCKET, SO_RCVLOWAT) == 5);
	check(send(fd, "abc", 3, 0) == 3);
	check(polled(fd, 50) == POLLOUT);
	check(send(fd, "de", 2, 0) == 2);
	while (polled(fd, -1) != (POLLIN | POLLOUT))
		;
	check(recv(fd, buf, sizeof(buf), 0) == 5);
}

static void test_of_the_description(void **state)
{
	program(*state, of_the_description);
}

static void info(void)
{
	struct tcp_info i = { 0 };
	socklen_t len = sizeof(i);
	int fd = tcp(0);

	check(getsockopt(fd, IPPROTO_TCP, TCP_INFO, &i, &len) == 0 && i.tcpi_state == TCP_CLOSE);
	check(connect_to(fd, "127.0.0.1", PORT_RESET) == 0);
	len = sizeof(i);
	check(getsockopt(fd, IPPROTO_TCP, TCP_INFO, &i, &len) == 0);
	check(i.tcpi_state == TCP_ESTABLISHED);
	check(send(fd, "x", 1, 0) == 1);
	check_error(recv(fd, &(char){ 0 }, 1, 0), ECONNRESET);
	len = sizeof(i);
	check(getsockopt(fd, IPPROTO_TCP, TCP_INFO, &i, &len) == 0 && i.tcpi_state == TCP_CLOSE);
	check(set(fd, IPPROTO_TCP, TCP_NODELAY, 1) == 0);
	check(get(fd, SOL_SOCKET, SO_TYPE) == SOCK_STREAM);
}

static void test_info(void **state)
{
	program(*state, info);
}

/* Once, and as the program would have got it by reading. */
static void error_after_reset(void)
{
	int fd = connected(PORT_RESET);

	check(send(fd, "x", 1, 0) == 1);
	while (!(polled(fd, -1) & POLLERR))
		;
	check(get(fd, SOL_SOCKET, SO_ERROR) == ECONNRESET);
	check(get(fd, SOL_SOCKET, SO_ERROR) == 0);
	check(recv(fd, &(char){ 0 }, 1, 0) == 0);
}

static void test_error_after_reset(void **state)
{
	program(*state, error_after_reset);
}

static void wrong(void)
{
	int v = 1, fd = tcp(0);
	socklen_t len = sizeof(v);

	check_error(getsockopt(fd, SOL_SOCKET, SO_TYPE, (void *)8, &len), EFAULT);
	check_error(getsockopt(fd, SOL_SOCKET, SO_TYPE, &v, (socklen_t *)8), EFAULT);
	len = (socklen_t)-1;
	check_error(getsockopt(fd, SOL_SOCKET, SO_TYPE, &v, &len), EINVAL);
	check_error(setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, (void *)8, sizeof(v)), EFAULT);
	check_error(setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &v, 2), EINVAL);
	check_error(setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &v, (socklen_t)-1), EINVAL);
	check_error(set(fd, 4711, 1, 1), ENOPROTOOPT);
	check_error(set(fd, SOL_SOCKET, 4711, 1), ENOPROTOOPT);
	len = 2;
	v = 0;
	check(getsockopt(fd, SOL_SOCKET, SO_TYPE, &v, &len) == 0 && len == 2 && v == SOCK_STREAM);
	/* One of another kind is the kernel's. */
	check(pipe((int[2]){ 0 }) == 0);
	fd = socket(AF_UNIX, SOCK_DGRAM, 0);
	check(get(fd, SOL_SOCKET, SO_TYPE) == SOCK_DGRAM);
}

static void test_wrong(void **state)
{
	program(*state, wrong);
}

static void outq(void)
{
	int n = -1, fd = connected(PORT_ECHO);

	check_echo(fd);
	do {
		check(ioctl(fd, SIOCOUTQ, &n) == 0);
		check(n == 0 || n == 5);
	} while (n); /* until it is acknowledged */
	check(ioctl(fd, SIOCOUTQNSD, &n) == 0 && n == 0);
	check_error(ioctl(fd, SIOCOUTQ, (int *)8), EFAULT);
	check(ioctl(fd, FIONREAD, &n) == 0 && n == 0);
	fd = tcp(0);
	check(ioctl(fd, SIOCOUTQ, &n) == 0 && n == 0);
	check(listen(fd, 1) == 0);
	check_error(ioctl(fd, SIOCOUTQ, &n), EINVAL);
}

static void test_outq(void **state)
{
	program(*state, outq);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, program_setup, program_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_looks), TEST(test_of_the_stack),      TEST(test_of_the_description),
		TEST(test_info),  TEST(test_error_after_reset), TEST(test_wrong),
		TEST(test_outq),  TEST(test_without_rights),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
