/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * s_close.c - the ends of connections
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include "tests/attach/sockdiff.h"

static void say_peer(const char *name, struct answer a)
{
	if (a.r < 0)
		say(name, "%s", err_name((int)-a.r));
	else
		say(name, "%lld", (long long)a.r);
}

/* What the peer reads: a count, or an error. */
static void peer_reads(const char *name, const struct env *e, int slot, int n)
{
	say_peer(name, ask(e, ASK_RECV, slot, n));
}

static void reset_read(const struct env *e)
{
	int slot;
	const int fd = tcp_pair(e, &slot);
	union addr a;
	socklen_t len = sizeof(a);
	char c;

	(void)ask(e, ASK_RESET, slot, 0);
	mask_when("mask", fd, POLLERR | POLLHUP);
	result("read", read(fd, &c, 1));
	result("read-again", read(fd, &c, 1));
	mask_now("after", fd);
	so_error("error", fd);
	result("peer", getpeername(fd, &a.sa, &len));
	result_pipe("write", write(fd, "x", 1));
	result("shutdown", shutdown(fd, SHUT_WR));
	result("close", close(fd));
}

static void reset_error(const struct env *e)
{
	int slot;
	const int fd = tcp_accepted(e, &slot);
	char c;

	(void)ask(e, ASK_RESET, slot, 0);
	mask_when("mask", fd, POLLERR | POLLHUP);
	so_error("error", fd);
	so_error("error-again", fd);
	mask_now("after", fd);
	result("read", read(fd, &c, 1));
	(void)close(fd); /* over */
}

static void reset_write(const struct env *e)
{
	int slot;
	const int fd = tcp_pair(e, &slot);

	result("before", write(fd, "abc", 3));
	peer_reads("arrives", e, slot, 3);
	(void)ask(e, ASK_RESET, slot, 0);
	mask_when("mask", fd, POLLERR | POLLHUP);
	result_pipe("write", write(fd, "x", 1));
	result_pipe("write-again", write(fd, "x", 1));
	result("nosignal", send(fd, "x", 1, MSG_NOSIGNAL));
	(void)close(fd); /* over */
}

static void data_then_reset(const struct env *e)
{
	int slot;
	const int fd = tcp_pair(e, &slot);
	char buf[256];

	(void)ask(e, ASK_SEND, slot, 100);
	say("readable", "%d", wait_readable(fd, 100));
	(void)ask(e, ASK_RESET, slot, 0);
	mask_when("mask", fd, POLLERR | POLLHUP);
	result("read", read(fd, buf, 60));
	result("rest", read(fd, buf, sizeof(buf)));
	result("error", read(fd, buf, sizeof(buf)));
	result("end", read(fd, buf, sizeof(buf)));
	(void)close(fd); /* over */
}

/* A reader that waits is woken. */
static void reset_blocked(const struct env *e)
{
	int slot;
	const int fd = tcp_pair(e, &slot);
	char c;

	ask_begin(e, ASK_RESET, slot, 0);
	result("read", read(fd, &c, 1));
	(void)ask_end(e);
	(void)close(fd); /* over */
}

static void end_of_file(const struct env *e)
{
	int slot;
	const int fd = tcp_pair(e, &slot);
	char buf[64];

	(void)ask(e, ASK_SEND, slot, 10);
	(void)ask(e, ASK_CLOSE, slot, 0);
	mask_when("mask", fd, POLLRDHUP);
	result("read", recv(fd, buf, sizeof(buf), MSG_WAITALL));
	result("end", read(fd, buf, sizeof(buf)));
	result("end-again", read(fd, buf, sizeof(buf)));
	mask_now("after", fd);
	result_pipe("write", write(fd, "x", 1)); /* which is answered by a reset */
	mask_when("reset", fd, POLLERR | POLLHUP);
	result_pipe("write-again", write(fd, "x", 1));
	result("read-after", read(fd, buf, sizeof(buf)));
	so_error("error", fd);
	(void)close(fd); /* over */
}

static void half_ours(const struct env *e)
{
	int slot;
	const int fd = tcp_pair(e, &slot);
	char buf[64];

	result("send", send(fd, "abc", 3, 0));
	result("shutdown", shutdown(fd, SHUT_WR));
	peer_reads("arrives", e, slot, 10);
	mask_now("mask", fd);
	result_pipe("write", write(fd, "x", 1));
	(void)ask(e, ASK_SEND, slot, 10);
	result("read", recv(fd, buf, 10, MSG_WAITALL));
	result("again", shutdown(fd, SHUT_WR));
	(void)ask(e, ASK_CLOSE, slot, 0);
	mask_when("both", fd, POLLHUP);
	result("end", read(fd, buf, sizeof(buf)));
	so_error("error", fd);
	(void)close(fd); /* over */
}

static void half_theirs(const struct env *e)
{
	int slot;
	const int fd = tcp_accepted(e, &slot);
	char buf[64];

	(void)ask(e, ASK_SEND, slot, 5);
	(void)ask(e, ASK_SHUTDOWN, slot, SHUT_WR);
	mask_when("mask", fd, POLLRDHUP);
	result("read", recv(fd, buf, sizeof(buf), MSG_WAITALL));
	result("end", read(fd, buf, sizeof(buf)));
	for (int i = 0; i < 3; i++)
		result_pipe("write", write(fd, "abcd", 4));
	peer_reads("arrives", e, slot, 12);
	result("close", close(fd));
	peer_reads("close-arrives", e, slot, 1);
}

static void shut_read(const struct env *e)
{
	int slot;
	const int fd = tcp_pair(e, &slot);
	char buf[64];

	result("shutdown", shutdown(fd, SHUT_RD));
	mask_now("mask", fd);
	result("read", read(fd, buf, sizeof(buf)));
	result("send", send(fd, "abc", 3, 0));
	peer_reads("arrives", e, slot, 3);
	say_peer("peer-sends", ask(e, ASK_SEND, slot, 10));
	say_peer("peer-still", ask(e, ASK_WAIT, slot, POLLOUT));
	result("shutdown-both", shutdown(fd, SHUT_RDWR));
	peer_reads("end", e, slot, 1);
	(void)close(fd); /* over */
}

static void shutdown_errors(const struct env *e)
{
	int slot;
	const int fd = tcp_pair(e, &slot), fresh = tcp_socket(e);

	result("fresh", shutdown(fresh, SHUT_WR));
	result("fresh-read", shutdown(fresh, SHUT_RD));
	mask_now("fresh-mask", fresh);
	result("how", shutdown(fd, 3));
	result("negative", shutdown(fd, -1));
	result("both", shutdown(fd, SHUT_RDWR));
	mask_when("mask", fd, POLLRDHUP);
	peer_reads("end", e, slot, 1);
	(void)ask(e, ASK_CLOSE, slot, 0); /* for both ends to be shut */
	mask_when("closed", fd, POLLHUP);
	(void)close(fresh); /* over */
	(void)close(fd);    /* over */
}

static void close_unread(const struct env *e)
{
	int slot;
	const int fd = tcp_pair(e, &slot);

	(void)ask(e, ASK_SEND, slot, 100);
	(void)wait_readable(fd, 100); /* for it to be there */
	result("close", close(fd));
	say("mask", "%s", mask_name((unsigned int)ask(e, ASK_WAIT, slot, POLLERR | POLLHUP).r));
	peer_reads("peer", e, slot, 1);
}

static void lingers(const struct env *e)
{
	int slot, fd = tcp_pair(e, &slot);
	struct answer a;

	linger(fd, 1, 0);
	result("zero", close(fd));
	peer_reads("zero-peer", e, slot, 1);
	fd = tcp_pair(e, &slot);
	linger(fd, 1, 0);
	result("zero-send", send(fd, "abc", 3, 0));
	peer_reads("zero-arrives", e, slot, 3);
	result("zero-shutdown", shutdown(fd, SHUT_WR));
	peer_reads("zero-end", e, slot, 1);
	result("zero-close", close(fd));
	say("zero-mask", "%s",
	    mask_name((unsigned int)ask(e, ASK_WAIT, slot, POLLERR | POLLHUP).r));
	fd = tcp_pair(e, &slot);
	linger(fd, 1, 10);
	say("some-send", "%zd", send_pattern(fd, 100000));
	ask_begin(e, ASK_RECV, slot, 1000000);
	result("some", close(fd));
	a = ask_end(e);
	say("some-peer", "%lld", (long long)a.r);
	fd = tcp_pair(e, &slot);
	linger(fd, 0, 7);
	result("off", close(fd));
	peer_reads("off-peer", e, slot, 1);
}

/* Asked for long before close(): all goes on as it did until then. */
static void lingers_early(const struct env *e)
{
	int slot;
	const int fd = tcp_accepted(e, &slot);
	struct answer a;
	char buf[64];

	(void)ask(e, ASK_SEND, slot, 10);
	(void)wait_readable(fd, 10); /* for it to be there */
	linger(fd, 1, 0);
	say("readable", "%d", wait_readable(fd, 10));
	result("read", read(fd, buf, 4));
	(void)ask(e, ASK_SEND, slot, 20);
	result("rest", recv(fd, buf, 26, MSG_WAITALL));
	mask_now("mask", fd);
	ask_begin(e, ASK_RECV, slot, 3000000);
	say("sent", "%zd", send_pattern(fd, 3000000));
	a = ask_end(e);
	say("arrives", "%lld %016llx", (long long)a.r, (unsigned long long)a.hash);
	say("unsent", "%d", wait_sent(fd));
	result("close", close(fd));
	peer_reads("peer", e, slot, 1);
}

/* What was written before close() arrives, however slow the peer is. */
static void close_unsent(const struct env *e)
{
	int slot;
	const int fd = tcp_pair(e, &slot), size = 4 << 20;
	struct answer a;
	ssize_t sent;

	(void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size)); /* or less */
	sent = send_pattern(fd, 150000);
	say("sent", "%zd", sent);
	result("close", close(fd));
	a = ask(e, ASK_RECV, slot, 10000000);
	say("arrives", "%lld %016llx", (long long)a.r, (unsigned long long)a.hash);
}

static int hold_forever(void *arg)
{
	const int fd = *(int *)arg;
	char c;

	return read(fd, &c, 1) < 0; /* nothing ever comes */
}

/* Nobody closes it but the kernel. */
static void killed(const struct env *e)
{
	int slot, fd = tcp_pair(e, &slot);
	pid_t pid = spawn(hold_forever, &fd);

	(void)close(fd); /* the child has it */
	(void)kill(pid, SIGKILL);
	say("child", "%d", reap(pid));
	peer_reads("peer", e, slot, 1);
}

const struct section sections_close[] = {
	{ "reset", reset_read, true },
	{ "reset-error", reset_error, true },
	{ "reset-write", reset_write, true },
	{ "reset-data", data_then_reset, true },
	{ "reset-blocked", reset_blocked, true },
	{ "eof", end_of_file, true },
	{ "half-ours", half_ours, true },
	{ "half-theirs", half_theirs, true },
	{ "shut-read", shut_read, true },
	{ "shutdown", shutdown_errors, true },
	{ "close-unread", close_unread, true },
	{ "linger", lingers, true },
	{ "linger-early", lingers_early, true },
	{ "close-unsent", close_unsent, true },
	{ "killed", killed, true },
	{ 0 },
};
