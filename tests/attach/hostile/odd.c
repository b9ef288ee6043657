/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What a socket of AF_UNIX can, and one of TCP cannot.
 */
#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <linux/sockios.h>

#include "tests/attach/hostile/hostile.h"

/* --- what TCP cannot --- */

/* A program that reads its listener takes what poll() tells by; the connections are there still. */
static void odd_tokens(void)
{
	int c[20], l = listener(0, 30);
	struct sockaddr_in to = name_of(l);
	char buf[64];

	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	for (size_t i = 0; i < COUNT(c); i++) {
		c[i] = connected(&to);
		if (i % 3 == 0)
			(void)recv(l, buf, sizeof(buf), MSG_DONTWAIT);
	}
	while (recv(l, buf, sizeof(buf), MSG_DONTWAIT) > 0)
		;
	(void)send(l, "x", 1, MSG_NOSIGNAL);
	for (size_t i = 0; i < COUNT(c); i++) {
		int fd = must(accept(l, NULL, NULL), "accept");

		send_all(fd, "x", 1);
		(void)close(fd);
	}
	for (size_t i = 0; i < COUNT(c); i++) {
		if (!recv_all(c[i], buf, 1))
			die("connection %zu was lost", i);
		(void)close(c[i]);
	}
	(void)close(l);
}

static void send_fds(int fd, int what)
{
	union {
		struct cmsghdr hdr;
		char room[CMSG_SPACE(8 * sizeof(int))];
	} ctl = { .room = { 0 } };
	struct iovec iov = { .iov_base = (char[]){ "fd" }, .iov_len = 2 };
	struct msghdr m = {
		.msg_iov = &iov, .msg_iovlen = 1, .msg_control = &ctl, .msg_controllen = sizeof(ctl)
	};
	int fds[8];

	for (size_t i = 0; i < COUNT(fds); i++)
		fds[i] = what;
	ctl.hdr.cmsg_level = SOL_SOCKET;
	ctl.hdr.cmsg_type = SCM_RIGHTS;
	ctl.hdr.cmsg_len = CMSG_LEN(sizeof(fds));
	memcpy(CMSG_DATA(&ctl.hdr), fds, sizeof(fds));
	(void)sendmsg(fd, &m, MSG_NOSIGNAL | MSG_DONTWAIT); /* whatever it says */
}

/* Nobody gets descriptors by what it believes to be TCP; the connection itself among them, whose
 * end nobody would see.
 */
static void odd_fds(void)
{
	for (unsigned int i = 0; i < 20; i++) {
		int fd = connected(&peer);
		char buf[4096];

		for (unsigned int k = 0; k < 50; k++) {
			send_fds(fd, k % 2 ? fd : STDERR_FILENO);
			(void)recv(fd, buf, sizeof(buf), MSG_DONTWAIT);
		}
		(void)close(fd);
	}
}

static void odd_shutdowns(void)
{
	static const int hows[] = { SHUT_RD, SHUT_WR, SHUT_RDWR, 17, -1 };
	char buf[16];

	for (unsigned int i = 0; i < 75; i++) {
		int fd = tcp(), kind = (int)i % 3;
		struct sockaddr_in any = { .sin_family = AF_INET };

		(void)shutdown(fd, hows[i / 3 % 5]);
		if (kind == 0)
			(void)connect(fd, (struct sockaddr *)&peer, sizeof(peer));
		else if (kind == 1)
			(void)listen(fd, 1);
		else
			(void)connect(fd, (struct sockaddr *)&any, sizeof(any));
		(void)shutdown(fd, hows[i / 15]);
		(void)send(fd, "x", 1, MSG_NOSIGNAL | MSG_DONTWAIT);
		(void)shutdown(fd, hows[i / 3 % 5]);
		(void)recv(fd, buf, sizeof(buf), MSG_DONTWAIT);
		(void)listen(fd, 3);
		(void)connect(fd, (struct sockaddr *)&peer, sizeof(peer));
		(void)close(fd);
	}
}

/* It is of AF_INET to whoever asks. */
static void odd_unix(void)
{
	const struct sockaddr_un un = { .sun_family = AF_UNIX, .sun_path = "@hostile" };
	struct ucred cred = { .pid = 1 };
	socklen_t len = sizeof(cred);
	char buf[8];
	int fd = tcp(), v = 0;

	if (connect(fd, (const struct sockaddr *)&un, sizeof(un)) == 0 || errno != EAFNOSUPPORT)
		die("connect to AF_UNIX");
	if (bind(fd, (const struct sockaddr *)&un, sizeof(un)) == 0 || errno != EAFNOSUPPORT)
		die("bind to AF_UNIX");
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) == 0 && cred.pid)
		die("peer is process %d", (int)cred.pid);
	(void)close(fd);
	fd = connected(&peer);
	len = sizeof(cred);
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) == 0 && cred.pid)
		die("peer is process %d", (int)cred.pid);
	if (ioctl(fd, SIOCPROTOPRIVATE, &v) >= 0) /* SIOCUNIXFILE */
		die("SIOCUNIXFILE");
	v = 1000000;
	(void)setsockopt(fd, SOL_SOCKET, SO_PEEK_OFF, &v, sizeof(v));
	(void)recv(fd, buf, sizeof(buf), MSG_PEEK | MSG_DONTWAIT);
	(void)close(fd);
}

/* Where the kernel says EFAULT so do we, and no connection comes of it. */
static void odd_pointers(void)
{
	static void *const bad[] = { (void *)1, (void *)-1, (void *)-4096, (void *)0x7ffffffff000 };
	int fd = connected(&peer);

	for (size_t i = 0; i < COUNT(bad); i++) {
		socklen_t len = 16;
		int v = 0, s = tcp();
		void *p = bad[i];

		if (connect(s, p, 16) == 0 || errno != EFAULT)
			die("connect(%p)", p);
		if (bind(s, p, 16) == 0 || errno != EFAULT)
			die("bind(%p)", p);
		if (getsockname(fd, p, &len) == 0 || errno != EFAULT)
			die("getsockname(%p)", p);
		if (getpeername(fd, (struct sockaddr *)&peer, p) == 0 || errno != EFAULT)
			die("getpeername with length %p", p);
		if (setsockopt(s, SOL_SOCKET, SO_KEEPALIVE, p, 4) == 0 || errno != EFAULT)
			die("setsockopt(%p)", p);
		if (getsockopt(s, SOL_SOCKET, SO_KEEPALIVE, &v, p) == 0 || errno != EFAULT)
			die("getsockopt with length %p", p);
		len = 4;
		if (getsockopt(s, SOL_SOCKET, SO_KEEPALIVE, p, &len) == 0 || errno != EFAULT)
			die("getsockopt(%p)", p);
		if (ioctl(fd, SIOCOUTQ, p) == 0 || errno != EFAULT)
			die("SIOCOUTQ to %p", p);
		(void)setsockopt(s, SOL_SOCKET, SO_KEEPALIVE, &peer, INT32_MAX);
		(void)setsockopt(s, IPPROTO_TCP, TCP_CONGESTION, &peer, UINT32_MAX);
		(void)close(s);
	}
	(void)close(fd);
}

static long foreign_socket(void)
{
#ifdef __x86_64__
	long r;

	/* socket() of i386 */
	__asm__ volatile("int $0x80" : "=a"(r) : "a"(359), "b"(2), "c"(1), "d"(0) : "memory");
	return r;
#else
	return -ENOSYS;
#endif
}

/* No way past the filter. */
static void odd_calls(void)
{
	static struct sock_filter allow = { .code = BPF_RET | BPF_K, .k = SECCOMP_RET_ALLOW };
	const struct sock_fprog prog = { .len = 1, .filter = &allow };
	char params[256] = "";
	int status = 0;
	pid_t pid;

	if (syscall(SYS_io_uring_setup, 8, params) >= 0 || errno != ENOSYS)
		die("io_uring_setup");
	if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER,
		    &prog) >= 0 ||
	    errno != EBUSY)
		die("a listener below a listener");
#ifdef __x86_64__
	if (syscall(0x40000000 | SYS_socket, AF_INET, SOCK_STREAM, 0) >= 0 || errno != ENOSYS)
		die("socket() of x32");
#endif
	pid = start();
	if (pid == 0)
		_exit(foreign_socket() == -ENOSYS ? 0 : 1);
	must(waitpid(pid, &status, 0), "waitpid");
	if (!WIFSIGNALED(status) && status)
		die("socket() of i386: status %#x", (unsigned int)status);
	pid = start();
	if (pid == 0) {
		must((int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &prog), "filter");
		ask_once(&peer, 3);
		_exit(0);
	}
	end_well(pid, "a filter below a listener");
}

/* Who does not read stops who writes. */
static void odd_fill(void)
{
	static char buf[65536];
	int fd[4];

	for (size_t i = 0; i < COUNT(fd); i++) {
		struct pollfd p = { .fd = fd[i] = connected(&peer), .events = POLLOUT };
		size_t sum = 0;

		while (poll(&p, 1, 100) == 1) {
			ssize_t n = send(fd[i], buf, sizeof(buf), MSG_DONTWAIT | MSG_NOSIGNAL);

			if (n > 0)
				sum += (size_t)n;
			if (sum > 100000000)
				die("%zu bytes that nobody reads", sum);
		}
	}
	for (size_t i = 0; i < COUNT(fd); i++)
		(void)close(fd[i]);
}

static void *in_accept_of(void *arg)
{
	(void)accept((int)(intptr_t)arg, NULL, NULL);
	return NULL;
}

static void *in_connect_of(void *arg)
{
	(void)connect((int)(intptr_t)arg, (struct sockaddr *)&hole, sizeof(hole));
	return NULL;
}

/* Closed, replaced and shut down by another thread meanwhile. */
static void odd_close(void)
{
	const struct sigaction sa = { .sa_handler = nothing };

	must(sigaction(SIGUSR1, &sa, NULL), "sigaction");
	for (unsigned int i = 0; i < 40; i++) {
		int fd = i & 1 ? listener(0, 3) : tcp();
		pthread_t t = thread(i & 1 ? in_accept_of : in_connect_of, (void *)(intptr_t)fd);

		for (unsigned int k = 0; k < i % 4; k++)
			moment();
		if (i & 4)
			(void)shutdown(fd, SHUT_RDWR);
		if (i & 8)
			(void)dup2(STDERR_FILENO, fd);
		(void)close(fd);
		do {
			(void)pthread_kill(t, SIGUSR1);
			moment();
		} while (pthread_tryjoin_np(t, NULL));
	}
}

int odd(char **argv)
{
	static const struct {
		const char *name;
		void (*fn)(void);
	} parts[] = {
		{ "tokens", odd_tokens },      { "descriptors", odd_fds },
		{ "shutdown", odd_shutdowns }, { "unix", odd_unix },
		{ "calls", odd_calls },        { "fill", odd_fill },
		{ "close", odd_close },        { "pointers", odd_pointers },
	};

	(void)argv;
	for (size_t i = 0; i < COUNT(parts); i++) {
		pid_t pid = start();

		if (pid == 0) {
			parts[i].fn();
			_exit(0);
		}
		end_well(pid, parts[i].name);
	}
	ask_once(&peer, 5);
	return 0;
}

/* --- sockets for nothing --- */

int unused(char **argv)
{
	const unsigned long n = strtoul(argv[0], NULL, 10);
	struct rlimit all;
	unsigned long i;
	int fd = 0;

	must(getrlimit(RLIMIT_NOFILE, &all), "getrlimit");
	all.rlim_cur = all.rlim_max;
	must(setrlimit(RLIMIT_NOFILE, &all), "setrlimit");
	for (i = 0; i < n && fd >= 0; i++)
		fd = socket(AF_INET, SOCK_STREAM, 0);
	if (fd < 0 && errno != ENFILE && errno != ENOBUFS && errno != EMFILE)
		die("after %lu sockets", i);
	(void)printf("%lu open\n", i);
	must((int)syscall(SYS_close_range, 3, UINT32_MAX, 0), "close_range");
	for (i = 0; i < n; i++)
		(void)close(tcp());
	return 0;
}
