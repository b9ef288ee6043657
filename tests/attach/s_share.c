/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * s_share.c - one socket, several descriptors and processes
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "tests/attach/sockdiff.h"

static void dups(const struct env *e)
{
	int slot;
	const int fd = tcp_pair(e, &slot), a = dup(fd), b = fcntl(fd, F_DUPFD_CLOEXEC, 100);
	union addr to, n;
	socklen_t len = sizeof(n);
	int c, d, l;

	result_fd("dup", a);
	result_fd("dupfd", b);
	c = dup2(fd, 200);
	d = dup3(fd, 201, O_CLOEXEC);
	result("dup2", c);
	result("dup3", d);
	result("close", close(fd));
	result("name", getsockname(b, &n.sa, &len));
	for (int i = 0; i < 4; i++)
		result("write", write(i == 0 ? a : i == 1 ? b : i == 2 ? c : d, "ab", 2));
	say("arrives", "%lld", (long long)ask(e, ASK_RECV, slot, 8).r);
	nonblock(a, true);
	say("shared", "%d", !!(fcntl(b, F_GETFL) & O_NONBLOCK));
	(void)close(a); /* one of four */
	(void)close(b); /* two */
	(void)close(c); /* three */
	result("last-write", write(d, "x", 1));
	say("still", "%lld", (long long)ask(e, ASK_RECV, slot, 1).r);
	(void)close(d); /* the last one */
	say("end", "%lld", (long long)ask(e, ASK_RECV, slot, 1).r);
	/* A number that another socket had. */
	l = peer_listen(e, &to);
	d = tcp_socket(e);
	result("over", dup2(d, 200));
	result("connect", connect_to(200, &to));
	result("both", write(d, "x", 1));
	say("both-arrives", "%lld",
	    (long long)ask(e, ASK_RECV, (int)ask(e, ASK_ACCEPT, l, 0).r, 1).r);
	(void)close(200); /* over */
	(void)close(d);   /* over */
}

static void flags(const struct env *e)
{
	const int fd = socket(e->family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_TCP),
		  plain = socket(e->family, SOCK_STREAM, 0);
	struct stat st;

	say("flags", "%d %d", fcntl(fd, F_GETFD), !!(fcntl(fd, F_GETFL) & O_NONBLOCK));
	say("plain", "%d %d", fcntl(plain, F_GETFD), !!(fcntl(plain, F_GETFL) & O_NONBLOCK));
	say("mode", "%d", fcntl(fd, F_GETFL) & O_ACCMODE);
	result("fstat", fstat(fd, &st));
	say("type", "%d", S_ISSOCK(st.st_mode));
	say("lowest", "%d", plain == fd + 1);
	(void)close(fd);    /* over */
	(void)close(plain); /* over */
}

struct pair {
	int fd;
	int other;
};

static int child_talks(void *arg)
{
	const struct pair *p = arg;
	union addr a;
	socklen_t len = sizeof(a);
	char buf[16];

	if (getpeername(p->fd, &a.sa, &len) < 0)
		return 100;
	if (recv(p->fd, buf, 5, MSG_WAITALL) != 5)
		return 101;
	return write(p->fd, "child", 5) == 5 ? 0 : 102;
}

static void forks(const struct env *e)
{
	int slot;
	struct pair p = { .fd = tcp_pair(e, &slot) };
	pid_t pid = spawn(child_talks, &p);

	(void)ask(e, ASK_SEND, slot, 5);
	say("child", "%d", reap(pid));
	say("arrives", "%lld", (long long)ask(e, ASK_RECV, slot, 5).r);
	result("parent", write(p.fd, "parent", 6));
	say("parent-arrives", "%lld", (long long)ask(e, ASK_RECV, slot, 6).r);
	pid = spawn(child_talks, &p);
	(void)close(p.fd); /* the child goes on */
	(void)ask(e, ASK_SEND, slot, 5);
	say("alone", "%d", reap(pid));
	say("alone-arrives", "%lld", (long long)ask(e, ASK_RECV, slot, 10).r);
}

static int child_connects(void *arg)
{
	struct pair *p = arg;
	union addr to = { 0 };

	/* The address came through the parent's memory. */
	memcpy(&to, p + 1, sizeof(to));
	return connect_to(p->fd, &to) < 0 ? errno : 0;
}

/* A socket that another process connects, and one it binds. */
static void child_state(const struct env *e)
{
	struct {
		struct pair p;
		union addr to;
	} c;
	const int l = peer_listen(e, &c.to);
	union addr a;
	socklen_t len = sizeof(a);
	int r;

	c.p.fd = tcp_socket(e);
	say("child", "%d", reap(spawn(child_connects, &c)));
	mask_now("mask", c.p.fd);
	r = getpeername(c.p.fd, &a.sa, &len);
	name_of("peer", r, &a, len, e);
	result("connect", connect_to(c.p.fd, &c.to));
	result("write", write(c.p.fd, "abc", 3));
	say("arrives", "%lld", (long long)ask(e, ASK_RECV, (int)ask(e, ASK_ACCEPT, l, 0).r, 3).r);
	(void)close(c.p.fd); /* over */
}

int share_inherited(const char *number)
{
	const int fd = (int)strtol(number, NULL, 10);
	union addr a;
	socklen_t len = sizeof(a);
	char buf[16];
	int val = 0;

	if (getsockname(fd, &a.sa, &len) < 0)
		return errno == EBADF ? 99 : 100;
	len = sizeof(val);
	if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &val, &len) < 0)
		return 101;
	if (val)
		return accept(fd, NULL, NULL) < 0 ? 102 : 7;
	if (recv(fd, buf, 5, MSG_WAITALL) != 5)
		return 103;
	return write(fd, "exec!", 5) == 5 ? 0 : 104;
}

static int exec_self(void *arg)
{
	const struct pair *p = arg;
	char number[16];

	(void)snprintf(number, sizeof(number), "%d", p->fd);
	if (!p->other)
		(void)fcntl(p->fd, F_SETFD, 0); /* of an open descriptor */
	(void)execl("/proc/self/exe", "sockdiff", "inherited", number, (char *)NULL);
	return 98;
}

static void execs(const struct env *e)
{
	int slot;
	struct pair p = { .fd = tcp_pair(e, &slot) };
	union addr at;
	pid_t pid = spawn(exec_self, &p);

	(void)ask(e, ASK_SEND, slot, 5);
	say("child", "%d", reap(pid));
	say("arrives", "%lld", (long long)ask(e, ASK_RECV, slot, 5).r);
	p.other = 1;
	say("cloexec", "%d", reap(spawn(exec_self, &p)));
	(void)close(p.fd); /* over */
	p.fd = tcp_listener(e, 8, &at);
	p.other = 0;
	pid = spawn(exec_self, &p);
	(void)peer_connect(e, &at);
	say("accept", "%d", reap(pid));
	(void)close(p.fd); /* over */
}

static int pass(int via, int fd)
{
	union {
		struct cmsghdr h;
		char buf[CMSG_SPACE(sizeof(int))];
	} c = { 0 };
	struct iovec v = { &(char){ 'f' }, 1 };
	struct msghdr m = {
		.msg_iov = &v, .msg_iovlen = 1, .msg_control = &c, .msg_controllen = sizeof(c.buf)
	};

	c.h = (struct cmsghdr){ .cmsg_level = SOL_SOCKET,
				.cmsg_type = SCM_RIGHTS,
				.cmsg_len = CMSG_LEN(sizeof(int)) };
	memcpy(CMSG_DATA(&c.h), &fd, sizeof(fd));
	return (int)sendmsg(via, &m, 0);
}

static int take(int via)
{
	union {
		struct cmsghdr h;
		char buf[CMSG_SPACE(sizeof(int))];
	} c = { 0 };
	char byte;
	struct iovec v = { &byte, 1 };
	struct msghdr m = {
		.msg_iov = &v, .msg_iovlen = 1, .msg_control = &c, .msg_controllen = sizeof(c.buf)
	};
	int fd = -1;

	if (recvmsg(via, &m, 0) == 1 && m.msg_controllen >= CMSG_LEN(sizeof(int)))
		memcpy(&fd, CMSG_DATA(&c.h), sizeof(fd));
	return fd;
}

static int child_takes(void *arg)
{
	const struct pair *p = arg;
	struct pair got = { .fd = take(p->other) };

	return got.fd < 0 ? 110 : child_talks(&got);
}

static int child_accepts(void *arg)
{
	const struct pair *p = arg;
	const int l = take(p->other);
	const int fd = l < 0 ? -1 : accept(l, NULL, NULL);

	return fd < 0 ? 111 : write(fd, "x", 1) == 1 ? 0 : 112;
}

static void rights(const struct env *e)
{
	int slot, pair[2];
	const int fd = tcp_pair(e, &slot);
	struct pair p;
	union addr at;
	pid_t pid;
	int l;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		return;
	p.other = pair[1];
	pid = spawn(child_takes, &p);
	result("pass", pass(pair[0], fd));
	(void)close(fd); /* on its way */
	(void)ask(e, ASK_SEND, slot, 5);
	say("child", "%d", reap(pid));
	say("arrives", "%lld", (long long)ask(e, ASK_RECV, slot, 10).r);
	l = tcp_listener(e, 8, &at);
	pid = spawn(child_accepts, &p);
	result("listener", pass(pair[0], l));
	say("served", "%lld", (long long)ask(e, ASK_RECV, peer_connect(e, &at), 1).r);
	say("acceptor", "%d", reap(pid));
	/* Through a connection nothing of the kind goes. */
	(void)close(l); /* over */
	l = tcp_pair(e, &slot);
	result("tcp", pass(l, pair[0]));
	(void)close(l); /* over */
}

/* A number that is used again at once is another socket. */
static void reuse_number(const struct env *e)
{
	int slot[3], fd[3];

	for (int i = 0; i < 3; i++) {
		fd[i] = tcp_pair(e, &slot[i]);
		if (i < 2)
			(void)close(fd[i]); /* the point of it */
	}
	say("same", "%d", fd[0] == fd[1] && fd[1] == fd[2]);
	say("first", "%lld", (long long)ask(e, ASK_RECV, slot[0], 1).r);
	say("second", "%lld", (long long)ask(e, ASK_RECV, slot[1], 1).r);
	result("third", write(fd[2], "abc", 3));
	say("arrives", "%lld", (long long)ask(e, ASK_RECV, slot[2], 3).r);
	(void)close(fd[2]); /* over */
}

/* What connect() does to a socket that was refused, it does to all of its descriptors. */
static void refused_dups(const struct env *e)
{
	const union addr nobody = closed_port(e);
	const int fd = tcp_socket(e), a = dup(fd), b = fcntl(fd, F_DUPFD_CLOEXEC, 100);
	const int ep = epoll_create1(EPOLL_CLOEXEC);
	struct epoll_event ev = { .events = EPOLLIN, .data.fd = a };
	union addr to, n;
	socklen_t len = sizeof(n);
	const int l = peer_listen(e, &to);
	int slot;

	result("add", epoll_ctl(ep, EPOLL_CTL_ADD, a, &ev));
	result("refused", connect_to(fd, &nobody));
	result("again", connect_to(b, &nobody));
	result("connect", connect_to(a, &to));
	slot = (int)ask(e, ASK_ACCEPT, l, 0).r;
	say("flags", "%d %d %d", fcntl(fd, F_GETFD), fcntl(a, F_GETFD), fcntl(b, F_GETFD));
	result("name", getpeername(b, &n.sa, &len));
	result("write", write(fd, "abc", 3));
	say("arrives", "%lld", (long long)ask(e, ASK_RECV, slot, 3).r);
	(void)ask(e, ASK_SEND, slot, 1);
	result("event", epoll_wait(ep, &ev, 1, WAIT_MS));
	say("which", "%s", ev.data.fd == a ? "own" : "other");
	result("del", epoll_ctl(ep, EPOLL_CTL_DEL, a, NULL));
	(void)close(fd); /* one of three */
	(void)close(a);  /* two */
	result("last", send(b, "x", 1, 0));
	say("still", "%lld", (long long)ask(e, ASK_RECV, slot, 1).r);
	(void)close(b);  /* over */
	(void)close(ep); /* over */
}

const struct section sections_share[] = {
	{ "dup", dups, true },
	{ "flags-fd", flags, true },
	{ "dup-refused", refused_dups, true },
	{ "fork", forks, true },
	{ "fork-state", child_state, true },
	{ "exec", execs, true },
	{ "rights", rights, true },
	{ "reuse", reuse_number, true },
	{ 0 },
};
