/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * s_bad.c - arguments and limits that make calls fail
 */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>

#include "tests/attach/sockdiff.h"

/* A page that nobody may touch; calls take it as a pointer. */
static void *nowhere;

static void bad_init(void)
{
	nowhere = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

static void sockets(const struct env *e)
{
	const int other = e->family == AF_INET ? IPPROTO_SCTP : IPPROTO_UDP;

	result_fd("stream-udp", socket(e->family, SOCK_STREAM, IPPROTO_UDP));
	result_fd("stream-other", socket(e->family, SOCK_STREAM, other));
	result_fd("dgram-tcp", socket(e->family, SOCK_DGRAM, IPPROTO_TCP));
	result_fd("seqpacket", socket(e->family, SOCK_SEQPACKET, 0));
	result_fd("rdm", socket(e->family, SOCK_RDM, 0));
	result_fd("type", socket(e->family, 77, 0));
	result_fd("flags", socket(e->family, SOCK_STREAM | 0x10000000, 0));
	result_fd("family", socket(999, SOCK_STREAM, 0));
	result_fd("unspec", socket(AF_UNSPEC, SOCK_STREAM, 0));
	result_fd("protocol", socket(e->family, SOCK_STREAM, 9999));
	result_fd("negative", socket(e->family, SOCK_STREAM, -1));
	result_fd("unix", socket(AF_UNIX, SOCK_STREAM, 0));
	result_fd("netlink", socket(AF_NETLINK, SOCK_RAW, 0));
	result_fd("mptcp-type", socket(e->family, SOCK_DGRAM, 262));
	result("socketpair", socketpair(e->family, SOCK_STREAM, 0, (int[2]){ 0 }));
	result_fd("raw", socket(e->family, SOCK_RAW, IPPROTO_TCP));
}

static void no_socket(const struct env *e)
{
	const int file = open("/dev/null", O_RDWR | O_CLOEXEC), bad = 1023;
	union addr a = e->to;
	socklen_t len = sizeof(a);
	int val = 0;

	for (int i = 0; i < 2; i++) {
		const int fd = i ? file : bad;

		result("connect", connect_to(fd, &e->to));
		result("bind", bind(fd, &a.sa, addr_len(&a)));
		result("listen", listen(fd, 1));
		result("accept", accept(fd, NULL, NULL));
		result("getsockname", getsockname(fd, &a.sa, &len));
		result("getpeername", getpeername(fd, &a.sa, &len));
		len = sizeof(val);
		result("getsockopt", getsockopt(fd, SOL_SOCKET, SO_TYPE, &val, &len));
		result("setsockopt", setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &val, sizeof(val)));
		result("shutdown", shutdown(fd, SHUT_RD));
		result("send", send(fd, "x", 1, 0));
		result("recv", recv(fd, &val, 1, 0));
	}
	result("minus", connect_to(-1, &e->to));
	result("huge", listen(0x7fffffff, 1));
	(void)close(file); /* over */
}

static void faults(const struct env *e)
{
	union addr to;
	const int l = peer_listen(e, &to), fd = tcp_socket(e);
	socklen_t len = sizeof(to);
	struct iovec v = { nowhere, 10 };
	int slot;

	bad_init();
	v.iov_base = nowhere;
	result("connect", connect(fd, nowhere, addr_len(&to)));
	result("bind", bind(fd, nowhere, addr_len(&to)));
	result("connect-null", connect(fd, NULL, addr_len(&to)));
	result("connect-works", connect_to(fd, &to));
	slot = (int)ask(e, ASK_ACCEPT, l, 0).r;
	result("getsockname", getsockname(fd, nowhere, &len));
	result("getsockname-len", getsockname(fd, &to.sa, nowhere));
	result("getpeername", getpeername(fd, nowhere, &len));
	len = 4;
	result("getsockopt", getsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, nowhere, &len));
	result("getsockopt-len", getsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &slot + 0, nowhere));
	result("setsockopt", setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, nowhere, 4));
	result("tcp-setsockopt", setsockopt(fd, IPPROTO_TCP, 1, nowhere, 4));
	result("tcp-getsockopt", getsockopt(fd, IPPROTO_TCP, 1, nowhere, &len));
	result("info", getsockopt(fd, IPPROTO_TCP, 11, nowhere, &len));
	result("write", write(fd, nowhere, 10));
	result("writev", writev(fd, &v, 1));
	result("sendmsg", sendmsg(fd, nowhere, 0));
	(void)ask(e, ASK_SEND, slot, 10);
	(void)wait_readable(fd, 10); /* for it to be there */
	result("read", read(fd, nowhere, 10));
	result("recvmsg", recvmsg(fd, nowhere, 0));
	say("kept", "%d", wait_readable(fd, 10));
	(void)close(fd); /* over */
}

static void accept_fault(const struct env *e)
{
	union addr at;
	const int l = tcp_listener(e, 8, &at);
	socklen_t len = sizeof(at);
	int slot;

	bad_init();
	nonblock(l, true);
	result_fd("none", accept(l, nowhere, &len));
	slot = peer_connect(e, &at);
	(void)wait_for(l, POLLIN); /* for it to be there */
	result_fd("address", accept(l, nowhere, &len));
	/* The connection is lost. */
	result_fd("lost", accept(l, NULL, NULL));
	say("peer", "%lld", (long long)ask(e, ASK_RECV, slot, 1).r);
	(void)close(l); /* over */
}

static void addresses(const struct env *e)
{
	union addr a = addr_with(&e->to, 80);
	const int fd = tcp_socket(e);
	const struct sockaddr_un un = { .sun_family = AF_UNIX, .sun_path = "/nosuch" };

	result("short", connect(fd, &a.sa, addr_len(&a) - 5));
	result("shorter", connect(fd, &a.sa, 2));
	result("one", connect(fd, &a.sa, 1));
	result("zero", connect(fd, &a.sa, 0));
	result("long", connect(fd, &a.sa, sizeof(a) + 1));
	result("negative", connect(fd, &a.sa, (socklen_t)-1));
	result("unix", connect(fd, (const struct sockaddr *)&un, sizeof(un)));
	a.ss.ss_family = e->family == AF_INET ? AF_INET6 : AF_INET;
	result("other-family", connect(fd, &a.sa, sizeof(a.in6)));
	a.ss.ss_family = 99;
	result("nonsense", connect(fd, &a.sa, addr_len(&e->to)));
	a = addr_any(e->family, 0);
	result("any-0", connect_to(fd, &a));
	if (e->family == AF_INET) {
		a = addr_any(AF_INET, 9);
		a.in.sin_addr.s_addr = htonl(INADDR_BROADCAST);
		result("broadcast", connect_to(fd, &a));
		a.in.sin_addr.s_addr = htonl(0xe0000001);
		result("multicast", connect_to(fd, &a));
	}
	(void)close(fd); /* over */
}

/* No descriptor left. */
static void limits(const struct env *e)
{
	union addr at;
	const int l = tcp_listener(e, 8, &at), next = dup(l);
	struct rlimit old, few;
	int fd;

	(void)close(next); /* its number was wanted */
	nonblock(l, true);
	(void)peer_connect(e, &at);
	(void)wait_for(l, POLLIN); /* for it to be there */
	(void)getrlimit(RLIMIT_NOFILE, &old);
	few = old;
	few.rlim_cur = (rlim_t)next;
	result("limit", setrlimit(RLIMIT_NOFILE, &few));
	result_fd("socket", socket(e->family, SOCK_STREAM, 0));
	result_fd("accept", accept(l, NULL, NULL));
	result_fd("dup", dup(l));
	mask_now("mask", l);
	result("unlimit", setrlimit(RLIMIT_NOFILE, &old));
	fd = accept(l, NULL, NULL);
	result_fd("accepted", fd);
	(void)close(fd); /* over */
	(void)close(l);  /* over */
}

const struct section sections_bad[] = {
	{ "socket", sockets, true },
	{ "no-socket", no_socket, false },
	{ "fault", faults, true },
	{ "fault-accept", accept_fault, true },
	{ "address", addresses, true },
	{ "limit", limits, true },
	{ 0 },
};
