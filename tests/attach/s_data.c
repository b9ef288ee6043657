/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * s_data.c - bytes of a connection, by all calls there are
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/uio.h>
#include <unistd.h>

#include <linux/sockios.h>

#include "tests/attach/sockdiff.h"

static void peer_gets(const char *name, const struct env *e, int slot, int n)
{
	const struct answer a = ask(e, ASK_RECV, slot, n);

	say(name, "%lld %016llx", (long long)a.r, (unsigned long long)a.hash);
}

static void peek(const struct env *e)
{
	int slot;
	const int fd = tcp_pair(e, &slot);
	char buf[64];

	(void)ask(e, ASK_SEND, slot, 20);
	(void)wait_readable(fd, 20); /* for it to be there */
	result("peek", recv(fd, buf, 8, MSG_PEEK));
	result("peek-all", recv(fd, buf, sizeof(buf), MSG_PEEK));
	result("trunc", recv(fd, buf, 5, MSG_TRUNC));
	result("peek-trunc", recv(fd, buf, 5, MSG_TRUNC | MSG_PEEK));
	say("left", "%d", wait_readable(fd, 15));
	result("read", recv(fd, buf, sizeof(buf), 0));
	say("byte", "%d", (uint8_t)buf[0] == pattern_at(5));
	result("none", recv(fd, buf, sizeof(buf), MSG_PEEK | MSG_DONTWAIT));
	(void)ask(e, ASK_CLOSE, slot, 0);
	result("end", recv(fd, buf, sizeof(buf), MSG_PEEK));
	(void)close(fd); /* over */
}

static void flags(const struct env *e)
{
	int slot;
	const int fd = tcp_pair(e, &slot);
	char buf[64];

	result("dontwait", recv(fd, buf, sizeof(buf), MSG_DONTWAIT));
	result("zero", recv(fd, buf, 0, MSG_DONTWAIT));
	result("send-zero", send(fd, buf, 0, 0));
	result("errqueue", recv(fd, buf, sizeof(buf), MSG_ERRQUEUE));
	result("errqueue-dontwait", recv(fd, buf, sizeof(buf), MSG_ERRQUEUE | MSG_DONTWAIT));
	result("oob-none", recv(fd, buf, 1, MSG_OOB));
	(void)ask(e, ASK_SEND, slot, 10);
	ask_begin(e, ASK_SEND, slot, 20);
	result("waitall", recv(fd, buf, 30, MSG_WAITALL));
	(void)ask_end(e);
	(void)ask(e, ASK_SEND, slot, 7);
	(void)ask(e, ASK_SHUTDOWN, slot, SHUT_WR);
	result("waitall-end", recv(fd, buf, 30, MSG_WAITALL));
	result("more", send(fd, "ab", 2, MSG_MORE));
	result("eor", send(fd, "cd", 2, MSG_EOR));
	result("confirm", send(fd, "ef", 2, MSG_CONFIRM));
	result("dontroute", send(fd, "gh", 2, MSG_DONTROUTE));
	peer_gets("arrives", e, slot, 8);
	(void)close(fd); /* over */
}

static void nonblocking(const struct env *e)
{
	int slot;
	const int fd = tcp_pair(e, &slot);
	static char buf[65536];
	long long sent = 0;
	struct answer a;
	ssize_t n;

	nonblock(fd, true);
	result("read", read(fd, buf, 1));
	/* The peer's receive window and our buffer have an end. */
	for (int rounds = 0; rounds < 2;) {
		n = send(fd, buf, sizeof(buf), 0);
		if (n < 0)
			rounds++;
		else
			sent += n;
		if (n < 0 && rounds < 2)
			(void)poll(&(struct pollfd){ .fd = fd, .events = POLLOUT }, 1, 300);
		else if (n >= 0)
			rounds = 0;
	}
	say("full", "%s", err_name(errno));
	mask_now("mask", fd);
	ask_begin(e, ASK_RECV, slot, sent);
	mask_when("writable", fd, POLLOUT);
	a = ask_end(e);
	say("arrives", "%s", a.r == sent ? "all" : "not all");
	say("unsent", "%d", wait_sent(fd));
	(void)close(fd); /* over */
}

static void queues(const struct env *e)
{
	int slot, n = -1;
	const int fd = tcp_pair(e, &slot), fresh = tcp_socket(e);
	char buf[128];

	result("fionread", ioctl(fd, FIONREAD, &n));
	say("none", "%d", n);
	(void)ask(e, ASK_SEND, slot, 100);
	say("some", "%d", wait_readable(fd, 100));
	result("read", read(fd, buf, 40));
	say("rest", "%d", wait_readable(fd, 60));
	result("send", send(fd, buf, 40, 0));
	(void)ask(e, ASK_RECV, slot, 40);
	say("sent", "%d", wait_sent(fd));
	result("outqnsd", ioctl(fd, SIOCOUTQNSD, &n));
	say("unsent", "%d", n);
	result("fresh", ioctl(fresh, FIONREAD, &n));
	result("fresh-outq", ioctl(fresh, SIOCOUTQ, &n));
	result("nonsense", ioctl(fd, 0x89ff, &n));
	result("fault", ioctl(fd, SIOCOUTQ, NULL));
	(void)ask(e, ASK_SHUTDOWN, slot, SHUT_WR);
	result("rest-all", recv(fd, buf, 60, MSG_WAITALL));
	result("end", read(fd, buf, 1));
	result("end-fionread", ioctl(fd, FIONREAD, &n));
	say("end-n", "%d", n);
	(void)close(fresh); /* over */
	(void)close(fd);    /* over */
}

static void vectors(const struct env *e)
{
	int slot;
	const int fd = tcp_pair(e, &slot);
	char a[8], b[16], c[8];
	struct iovec v[3] = { { a, sizeof(a) }, { b, sizeof(b) }, { c, sizeof(c) } };
	struct iovec many[1200];

	(void)ask(e, ASK_SEND, slot, 28);
	(void)wait_readable(fd, 28); /* for it to be there */
	result("readv", readv(fd, v, 3));
	say("bytes", "%d%d%d", (uint8_t)a[7] == pattern_at(7), (uint8_t)b[0] == pattern_at(8),
	    (uint8_t)c[3] == pattern_at(27));
	pattern_fill(a, sizeof(a), 0);
	pattern_fill(b, sizeof(b), 8);
	pattern_fill(c, sizeof(c), 24);
	result("writev", writev(fd, v, 3));
	peer_gets("arrives", e, slot, 32);
	for (size_t i = 0; i < N_ELEMS(many); i++)
		many[i] = (struct iovec){ a, 1 };
	result("max", writev(fd, many, 1024));
	peer_gets("max-arrives", e, slot, 1024);
	result("too-many", writev(fd, many, 1025));
	result("none", writev(fd, many, 0));
	result("preadv", preadv(fd, v, 3, 0));
	result("pread", pread(fd, a, 1, 0));
	result("lseek", lseek(fd, 0, SEEK_SET));
	(void)close(fd); /* over */
}

static void messages(const struct env *e)
{
	int slot;
	const int fd = tcp_pair(e, &slot), got = tcp_accepted(e, &(int){ 0 });
	char buf[64], control[64];
	union addr from;
	socklen_t len = sizeof(from);
	struct iovec v = { buf, sizeof(buf) };
	struct msghdr m = { .msg_iov = &v,
			    .msg_iovlen = 1,
			    .msg_name = &from,
			    .msg_namelen = sizeof(from),
			    .msg_control = control,
			    .msg_controllen = sizeof(control) };
	ssize_t sent = 0, n;
	struct mmsghdr mm[2] = { { .msg_hdr = { .msg_iov = &v, .msg_iovlen = 1 } },
				 { .msg_hdr = { .msg_iov = &v, .msg_iovlen = 1 } } };

	(void)ask(e, ASK_SEND, slot, 10);
	(void)wait_readable(fd, 10); /* for it to be there */
	result("recvfrom", recvfrom(fd, buf, 4, 0, &from.sa, &len));
	say("recvfrom-name", "%u", (unsigned int)len);
	v.iov_len = 3;
	result("recvmsg", recvmsg(fd, &m, 0));
	say("recvmsg-name", "%u", (unsigned int)m.msg_namelen);
	say("recvmsg-more", "control %zu flags %x", (size_t)m.msg_controllen, m.msg_flags);
	v.iov_len = 1;
	result("recvmmsg", recvmmsg(fd, mm, 2, 0, NULL));
	m.msg_namelen = 0;
	m.msg_name = NULL;
	m.msg_controllen = 0;
	v.iov_len = 20;
	n = sendmsg(fd, &m, 0);
	result("sendmsg", n);
	sent += n;
	n = sendmmsg(fd, mm, 2, 0);
	result("sendmmsg", n);
	sent += n * 20;
	n = sendto(fd, buf, 5, 0, &e->to.sa, addr_len(&e->to));
	result("sendto", n);
	sent += n > 0 ? n : 0;
	say("arrives", "%s", ask(e, ASK_RECV, slot, sent).r == sent ? "all" : "not all");
	result("recvfrom-null", recvfrom(fd, buf, 1, MSG_DONTWAIT, NULL, NULL));
	(void)got;
	(void)close(fd); /* over */
}

/* A file of 300 000 bytes of the pattern. */
static int pattern_file(void)
{
	const int fd = memfd_create("pattern", MFD_CLOEXEC);
	char buf[1000];

	for (int i = 0; i < 300; i++) {
		pattern_fill(buf, sizeof(buf), (uint64_t)i * sizeof(buf));
		if (write(fd, buf, sizeof(buf)) != (ssize_t)sizeof(buf))
			return -1;
	}
	return fd;
}

static void sends_file(const struct env *e)
{
	int slot;
	const int fd = tcp_pair(e, &slot), file = pattern_file();
	off_t at = 0;
	size_t left = 300000;
	struct answer a;

	ask_begin(e, ASK_RECV, slot, 300000);
	while (left) {
		const ssize_t n = sendfile(fd, file, &at, left);

		if (n <= 0) {
			result("sendfile", n);
			break;
		}
		left -= (size_t)n;
	}
	a = ask_end(e);
	say("left", "%zu", left);
	say("arrives", "%lld %016llx", (long long)a.r, (unsigned long long)a.hash);
	at = 300000;
	result("end", sendfile(fd, file, &at, 10));
	result("from-socket", sendfile(file, fd, NULL, 10));
	(void)close(file); /* over */
	(void)close(fd);   /* over */
}

static void splices(const struct env *e)
{
	int slot, p[2], q[2];
	const int fd = tcp_pair(e, &slot);
	char buf[256];

	if (pipe(p) < 0 || pipe(q) < 0)
		return;
	pattern_fill(buf, 100, 0);
	result("fill", write(p[1], buf, 100));
	result("out", splice(p[0], NULL, fd, NULL, 100, 0));
	peer_gets("arrives", e, slot, 100);
	(void)ask(e, ASK_SEND, slot, 80);
	(void)wait_readable(fd, 80); /* for it to be there */
	result("in", splice(fd, NULL, p[1], NULL, 80, SPLICE_F_NONBLOCK));
	result("tee", tee(p[0], q[1], 80, 0));
	result("pipe", read(p[0], buf, sizeof(buf)));
	say("hash", "%016llx", (unsigned long long)hash_more(HASH_INIT, buf, 80));
	result("tee-pipe", read(q[0], buf, sizeof(buf)));
	nonblock(fd, true);
	result("empty", splice(fd, NULL, p[1], NULL, 80, SPLICE_F_NONBLOCK));
	nonblock(fd, false);
	(void)ask(e, ASK_CLOSE, slot, 0);
	(void)wait_for(fd, POLLRDHUP); /* for the end to be there */
	result("end", splice(fd, NULL, p[1], NULL, 80, 0));
	(void)close(fd); /* over */
}

static void timeouts(const struct env *e)
{
	int slot;
	const int fd = tcp_pair(e, &slot), l = tcp_listener(e, 1, &(union addr){ 0 });
	const struct timeval tv = { .tv_usec = 50000 };
	static char buf[1 << 20];
	ssize_t n;

	(void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv)); /* seen below */
	(void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof(tv)); /* seen below */
	(void)setsockopt(l, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv));  /* seen below */
	result("read", read(fd, buf, 1));
	result("recv", recv(fd, buf, 1, 0));
	result("accept", accept(l, NULL, NULL));
	do
		n = write(fd, buf, sizeof(buf));
	while (n > 0);
	result("write", n);
	(void)ask(e, ASK_RESET, slot, 0);
	(void)close(fd); /* over */
	(void)close(l);  /* over */
}

static void low_water(const struct env *e)
{
	int slot;
	const int fd = tcp_pair(e, &slot), want = 10;
	char buf[64];

	result("set", setsockopt(fd, SOL_SOCKET, SO_RCVLOWAT, &want, sizeof(want)));
	(void)ask(e, ASK_SEND, slot, 5);
	result("poll", poll(&(struct pollfd){ .fd = fd, .events = POLLIN }, 1, 100));
	(void)ask(e, ASK_SEND, slot, 6);
	mask_when("enough", fd, POLLIN);
	result("read", read(fd, buf, sizeof(buf)));
	(void)ask(e, ASK_SEND, slot, 3);
	(void)ask(e, ASK_SHUTDOWN, slot, SHUT_WR);
	mask_when("end", fd, POLLIN | POLLRDHUP);
	result("rest", read(fd, buf, sizeof(buf)));
	(void)close(fd); /* over */
}

static void unconnected(const struct env *e)
{
	const int fd = tcp_socket(e), l = tcp_listener(e, 1, &(union addr){ 0 });
	char c;

	result("recv", recv(fd, &c, 1, 0));
	result("peek", recv(fd, &c, 1, MSG_PEEK | MSG_DONTWAIT));
	result("read", read(fd, &c, 1));
	result_pipe("write", write(fd, "x", 1));
	result_pipe("send", send(fd, "x", 1, MSG_NOSIGNAL));
	result("sendto", sendto(fd, "x", 1, MSG_NOSIGNAL, &e->to.sa, addr_len(&e->to)));
	result("listener-recv", recv(l, &c, 1, MSG_DONTWAIT));
	result_pipe("listener-write", write(l, "x", 1));
	(void)close(fd); /* over */
	(void)close(l);  /* over */
}

const struct section sections_data[] = {
	{ "peek", peek, true },
	{ "flags", flags, true },
	{ "full", nonblocking, true },
	{ "queues", queues, true },
	{ "vectors", vectors, true },
	{ "messages", messages, true },
	{ "sendfile", sends_file, true },
	{ "splice", splices, true },
	{ "timeouts", timeouts, true },
	{ "lowat", low_water, true },
	{ "unconnected", unconnected, false },
	{ 0 },
};
