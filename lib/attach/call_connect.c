/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * connect(): what it returns and when is net/ipv4/af_inet.c's (__inet_stream_connect()).
 *
 *	FRESH		the stack sends a SYN; the program's socket gets its other end and is filled
 *	CONNECTING	until the stack says what became of it, or the program closes
 *	CONNECTED	the program's end is opened, which is the one edge its epolls see
 *	FAILED		a blocking call: the descriptor is replaced, so that it can try again.  Else
 *			our end is closed; the next connect() reports, and replaces
 *
 * Opening needs the program's description, of which no copy is kept meanwhile: its closing could
 * not be seen.  It is fetched under the number it had in the call, or looked for by its inode in
 * that process.  Where it is not found (handed to another process) what fills it is read away
 * instead, which opens it just as well, with a second edge that does no harm; its send buffer
 * stays small until the next call that is notified (asock_widen()).
 *
 * The stack's socket outlives a failed attempt with its options and what it is bound to.
 */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

#include "attach/attach_priv.h"
#include "base/cleanup.h"
#include "netstack/socket.h"
#include "nic/loop.h"

/* Descriptors of a process that are looked at: others wait for us meanwhile. */
#define SEARCH_MAX   256
#define CHILDREN_MAX 16

#define NS_PER_S     UINT64_C(1000000000)
#define NS_PER_US    UINT64_C(1000)

/* --- the program's description --- */

int asock_getfd(const struct asock *s, const struct notify_call *call)
{
	const int fd = tracee_getfd(s->a->tracees, call->tid, (int)call->arg[0]);
	uint64_t cookie = 0;
	int r;

	if (fd < 0)
		return fd;
	r = unixend_cookie(fd, &cookie);
	if (r == 0 && cookie == s->cookie)
		return fd;
	tracee_putfd(s->a->tracees, fd);
	return r < 0 ? r : -EBADF;
}

/* "ino:" of /proc/PID/fdinfo/N, which needs no more than the right to trace. */
static bool has_inode(int dir_fd, const char *name, uint32_t ino)
{
	char buf[512], want[32];
	cleanup_close int fd = openat(dir_fd, name, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, buf, sizeof(buf) - 1);

	if (n <= 0)
		return false;
	buf[n] = '\0';
	(void)snprintf(want, sizeof(want), "\nino:\t%u\n", ino);
	return strstr(buf, want) != NULL;
}

static void closedirp(DIR **d)
{
	if (*d)
		(void)closedir(*d);
}

/* Under another number, in the same process. */
static int search_fd(const struct asock *s, const struct notify_call *call)
{
	CLEANUP(closedirp) DIR *dir = NULL;
	struct notify_call at = *call;
	unsigned int looks = SEARCH_MAX;
	const struct dirent *e;
	char path[64];

	(void)snprintf(path, sizeof(path), "/proc/%d/fdinfo", (int)call->tid);
	dir = opendir(path);
	if (!dir)
		return -errno;
	while (looks-- && (e = readdir(dir))) {
		int fd;

		if (!isdigit((unsigned char)e->d_name[0]) ||
		    !has_inode(dirfd(dir), e->d_name, s->ino))
			continue;
		at.arg[0] = strtoul(e->d_name, NULL, 10);
		fd = asock_getfd(s, &at);
		if (fd >= 0)
			return fd;
	}
	return -EBADF;
}

/* The same number first: that is what fork() leaves. */
static int search_child(const struct asock *s, const struct notify_call *call)
{
	struct notify_call at = *call;
	pid_t child[CHILDREN_MAX];
	const pid_t pid = tracee_tgid(s->a->tracees, call->tid);
	const unsigned int n =
		pid > 0 ? tracee_children(s->a->tracees, pid, child, CHILDREN_MAX) : 0;
	int fd = -ESRCH;

	for (unsigned int i = 0; i < n && fd < 0; i++) {
		at.tid = child[i];
		fd = asock_getfd(s, &at);
		if (fd < 0)
			fd = search_fd(s, &at);
	}
	return fd;
}

int asock_find_fd(const struct asock *s)
{
	const struct notify_call at = { .tid = s->user, .arg = { (uint32_t)s->user_fd } };
	int fd = s->user ? asock_getfd(s, &at) : -ESRCH;

	if (fd < 0 && s->user)
		fd = search_fd(s, &at);
	return fd < 0 && s->user ? search_child(s, &at) : fd;
}

static int find_fd(const struct asock *s)
{
	int fd = asock_getfd(s, &s->connect.call);

	return fd < 0 && fd != -ESRCH ? search_fd(s, &s->connect.call) : fd;
}

/* All but the last byte, which was sent by itself. */
static void drain_junk(struct asock *s)
{
	char buf[1024];

	while (s->junk > 1) {
		const size_t want = s->junk - 1 < sizeof(buf) ? s->junk - 1 : sizeof(buf);
		ssize_t n = recv(s->end, buf, want, MSG_DONTWAIT);

		if (n <= 0)
			return; /* reset: the pump will see it */
		s->junk -= (uint32_t)n;
	}
}

void asock_widen(struct acall *c)
{
	if (c->s->is_narrow && c->s->state == ASOCK_CONNECTED)
		c->s->is_narrow = unixend_open(c->fd) < 0;
}

/* --- replaced descriptors --- */

/* When it is over a port that was chosen for it is free, and named still, as in Linux. */
static void note_port(struct asock *s)
{
	union asock_addr at;
	socklen_t len = sizeof(at);

	if (ns_getsockname(s->a->conf.stack, s->ns_fd, &at.sa, &len) == 0 && asock_port(&at))
		s->old_port = asock_port(&at);
}

static int stack_disconnect(struct asock *s)
{
	const struct sockaddr none = { .sa_family = AF_UNSPEC };

	note_port(s);
	return ns_connect(s->a->conf.stack, s->ns_fd, &none, sizeof(none));
}

/* All that the old description had. */
static void let_go(struct asock *s)
{
	listen_done(s);
	local_forget(s);
	notify_release(s->a->notifier, &s->connect);
	connect_wait_end(s, -EPIPE);
	pump_stop(TAKE_PTR(s->pump));
	relay_stop(TAKE_PTR(s->relay), true);
	asock_close_end(s);
	s->junk = 0;
	s->error = 0;
	s->is_local = s->is_told = s->no_read = s->no_write = s->is_narrow = s->is_shut = false;
	s->local_len = s->peer_len = 0;
	s->state = ASOCK_FRESH;
}

static int new_stack_socket(struct asock *s)
{
	struct netstack *st = s->a->conf.stack;
	int r, fd = ns_socket(st, s->domain, s->type | SOCK_NONBLOCK, s->protocol);

	if (fd < 0)
		return fd;
	r = ns_set_notify(st, fd, asock_on_stack, s);
	if (r < 0) {
		(void)ns_close(st, fd); /* it is new */
		return r;
	}
	s->ns_fd = fd;
	inherit_take(s);
	return 0;
}

int asock_replace(struct acall *c)
{
	struct asock *s = c->s;
	const bool is_new = s->ns_fd < 0, is_fresh = s->state == ASOCK_FRESH;
	cleanup_close int fd = -1;
	uint64_t cookie = 0;
	uint32_t ino = 0;
	int r;

	fd = unixend_fresh(&cookie, &ino);
	if (fd < 0)
		return fd;
	if (is_new) {
		r = new_stack_socket(s);
		if (r < 0)
			return r;
	}
	r = tracee_replace(s->a->tracees, &c->call, (int)c->call.arg[0], fd);
	if (r < 0) {
		if (is_new)
			asock_close_stack(s, false);
		return r;
	}
	let_go(s);
	if (!is_fresh)
		(void)stack_disconnect(s); /* nothing to end is fine, too */
	asock_rename(s, cookie, ino);
	s->a->stats.replaced++;
	if (c->fd >= 0)
		(void)close(c->fd); /* a socket */
	c->fd = TAKE_FD(fd);
	return 0;
}

/* --- the handshake is over --- */

/* Return: the call was still there */
static bool answer_held(struct asock *s, int ret)
{
	struct acall c = { .a = s->a, .call = s->connect.call, .s = s, .fd = -1 };

	notify_release(s->a->notifier, &s->connect);
	return acall_return(&c, ret) == 0;
}

void connect_wake(struct asock *s, int error)
{
	if (s->connect.is_held)
		(void)answer_held(s, error); /* counted when nobody waits any more */
	connect_wait_end(s, -EPIPE);
}

static int established(struct asock *s)
{
	cleanup_close int fd = find_fd(s);
	int r = 0;

	if (s->is_local) {
		s->state = ASOCK_CONNECTED;
	} else {
		if (fd < 0)
			drain_junk(s);
		r = asock_start_pump(s);
	}
	if (r < 0)
		return r;
	s->is_narrow = fd < 0 || unixend_open(fd) < 0;
	s->is_told = s->connect.is_held && answer_held(s, 0);
	return 0;
}

/* Whoever waits gets a socket that can try again; true when that was done. */
static bool fail_held(struct asock *s, int error)
{
	struct acall c = { .a = s->a, .call = s->connect.call, .s = s, .fd = -1 };
	int r;

	c.fd = asock_getfd(s, &c.call);
	r = c.fd < 0 ? c.fd : asock_replace(&c);
	if (c.fd >= 0)
		(void)close(c.fd); /* a socket */
	if (r < 0)
		return false;
	(void)acall_return(&c, error); /* one that was interrupted tries anew */
	return true;
}

static void failed(struct asock *s, int error)
{
	if (s->connect.is_held && fail_held(s, error))
		return;
	s->error = -error;
	s->is_told = s->connect.is_held && answer_held(s, error);
	if (s->is_told)
		s->error = 0;
	local_forget(s);
	asock_close_end(s);
	s->junk = 0;
	s->is_local = false;
	asock_set_over(s, ASOCK_FAILED);
}

void connect_over(struct asock *s, int error)
{
	if (error == 0)
		error = established(s);
	if (error < 0) {
		(void)stack_disconnect(s); /* nothing to end is fine, too */
		failed(s, error);
	}
	if (error == 0 && s->waits)
		s->is_told = true;
	connect_wait_end(s, error < 0 ? -EPIPE : 0);
}

/* Asked once more it has the result, and after an error is as it was before. */
void connect_on_stack(struct asock *s, uint32_t events)
{
	int r = ns_connect(s->a->conf.stack, s->ns_fd, &s->peer.sa, s->peer_len);

	(void)events; /* some of poll()'s: there may be none of an error any more */
	if (r != -EALREADY && r != -EINPROGRESS)
		connect_over(s, r);
}

/* --- waiting --- */

/* The program has closed it.  A call that is under way ends first, as in the kernel, which has
 * a reference meanwhile.
 */
static void on_hangup(struct loop_watch *w, uint32_t events)
{
	struct asock *s = w->arg;

	(void)events; /* no other were asked for */
	if (s->connect.is_held && notify_is_valid(&s->connect.call))
		asock_unwatch(s);
	else
		asock_free(s, true);
}

int connect_watch(struct asock *s)
{
	return asock_watch(s, 0, on_hangup);
}

static void wait_over(struct notify_held *h, bool timed_out)
{
	struct asock *s = h->arg;
	struct acall c = { .a = s->a, .call = h->call, .s = s, .fd = -1 };

	if (timed_out)
		(void)acall_return(&c, s->is_retry ? -EALREADY : -EINPROGRESS);
	if (!s->watch.priv)
		(void)connect_watch(s); /* without memory: what comes of the handshake ends it */
}

/* SO_SNDTIMEO of the program's description */
uint64_t connect_deadline(int fd)
{
	struct timeval tv = { .tv_sec = 0 };
	socklen_t len = sizeof(tv);

	if (getsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &tv, &len) < 0 || (!tv.tv_sec && !tv.tv_usec))
		return LOOP_FOREVER;
	return loop_clock() + (uint64_t)tv.tv_sec * NS_PER_S + (uint64_t)tv.tv_usec * NS_PER_US;
}

static void hold(struct acall *c, bool is_retry)
{
	struct asock *s = c->s;

	s->is_retry = is_retry;
	s->connect.call = c->call;
	s->connect.deadline_ns = connect_deadline(c->fd);
	s->connect.over = wait_over;
	s->connect.arg = s;
	notify_hold(c->a->notifier, &s->connect);
}

void connect_begun(struct acall *c)
{
	if (!c->nonblock) {
		hold(c, false);
		return;
	}
	c->s->connect.call = c->call;
	(void)acall_return(c, -EINPROGRESS);
}

/* --- the call --- */

/* It is not the program that has too many descriptors. */
static int our_shortage(int r)
{
	return r == -EMFILE || r == -ENFILE ? -ENOBUFS : r;
}

/* Its socket gets its other end, and is not writable. */
static int pair(struct acall *c)
{
	struct asock *s = c->s;
	int r = rendezvous_join(c->a->rv, c->fd, &s->end);

	if (r < 0) {
		s->end = -1;
		return our_shortage(r);
	}
	r = unixend_fill(c->fd, &s->junk);
	if (r == 0)
		r = connect_watch(s);
	if (r < 0) {
		asock_close_end(s);
		(void)asock_replace(c); /* else it stays connected to nothing */
	}
	return r;
}

static void start(struct acall *c, const union asock_addr *to, socklen_t len)
{
	struct asock *s = c->s;
	int r = s->is_shut ? our_shortage(asock_replace(c)) : 0;

	if (r < 0) {
		(void)acall_return(c, r);
		return;
	}
	if (local_connect(c, to, len))
		return;
	r = ns_connect(c->a->conf.stack, s->ns_fd, &to->sa, len);
	if (r != -EINPROGRESS) {
		(void)acall_return(c, r);
		return;
	}
	note_port(s);
	r = pair(c);
	if (r < 0) {
		(void)stack_disconnect(s); /* it was connecting */
		(void)acall_return(c, r);
		return;
	}
	s->state = ASOCK_CONNECTING;
	s->is_told = false;
	s->error = 0;
	s->peer = *to;
	s->peer_len = len;
	connect_begun(c);
}

/* SO_ERROR of the program's description, which the kernel gives once. */
static int take_error(int fd)
{
	int error = 0;
	socklen_t len = sizeof(error);

	return getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) < 0 ? 0 : error;
}

/* An attempt, or a connection that nobody was told of, has failed: once it is reported, then there
 * may be another one.
 */
static void after_failure(struct acall *c, const union asock_addr *to, socklen_t len)
{
	struct asock *s = c->s;
	const bool is_told = s->is_told;
	const int kept = s->error;
	cleanup_close int old = fcntl(c->fd, F_DUPFD_CLOEXEC, 0);
	int r = old < 0 ? -errno : asock_replace(c);
	/* Only now, as it is given once: a call that was interrupted comes again. */
	int error = r < 0 ? 0 : take_error(old);

	if (error && kept)
		error = kept;
	if (r < 0)
		(void)acall_return(c, our_shortage(r));
	else if (is_told)
		start(c, to, len);
	else
		(void)acall_return(c, error ? -error : -ECONNABORTED);
}

static void disconnect(struct acall *c)
{
	struct asock *s = c->s;
	cleanup_close int old = -1;
	int r;

	if (s->state == ASOCK_FRESH) {
		(void)acall_return(c, stack_disconnect(s));
		return;
	}
	if (s->is_local && s->state == ASOCK_CONNECTED && !s->relay)
		old = fcntl(c->fd, F_DUPFD_CLOEXEC, 0);
	connect_wake(s, -ECONNRESET);
	r = asock_replace(c);
	if (r == 0 && old >= 0)
		local_reset(s, old); /* unless somebody has it still, it is closed next */
	(void)acall_return(c, r < 0 ? our_shortage(r) : 0);
}

static void again_while_connecting(struct acall *c)
{
	if (c->nonblock)
		(void)acall_return(c, -EALREADY);
	else if (c->s->connect.is_held)
		connect_wait_add(c);
	else
		hold(c, true);
}

static void again_when_connected(struct acall *c)
{
	asock_widen(c);
	if (c->s->is_told)
		(void)acall_return(c, -EISCONN);
	else
		c->s->is_told = acall_return(c, 0) == 0;
}

void acall_connect(struct acall *c)
{
	union asock_addr to;
	socklen_t len = 0;
	int r = acall_get_addr(c, c->call.arg[1], c->call.arg[2], &to, &len);

	if (r == 0 && len < sizeof(to.sa.sa_family))
		r = -EINVAL;
	if (r < 0) {
		(void)acall_return(c, r);
		return;
	}
	if (to.sa.sa_family == AF_UNSPEC) {
		disconnect(c);
		return;
	}
	switch (c->s->state) {
	case ASOCK_FRESH:
		start(c, &to, len);
		return;
	case ASOCK_CONNECTING:
		again_while_connecting(c);
		return;
	case ASOCK_CONNECTED:
		again_when_connected(c);
		return;
	case ASOCK_LISTENING:
		(void)acall_return(c, -EISCONN);
		return;
	case ASOCK_FAILED:
		after_failure(c, &to, len);
		return;
	case ASOCK_DEAD:
		if (c->s->is_told)
			(void)acall_return(c, -EISCONN);
		else
			after_failure(c, &to, len);
		return;
	}
}
