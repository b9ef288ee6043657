/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * AF_UNIX streams that look like TCP.  What is relied upon, all of net/unix/af_unix.c and
 * net/core/sock.c:
 *
 *	- a stream is writable while four times what it has under way is not more than its send
 *	  buffer (unix_writable()), and a send fails with EAGAIN when that is full
 *	- raising SO_SNDBUF calls sk_write_space(), and thereby makes one edge for epoll; reading
 *	  what is under way would make another, therefore the junk stays
 *	- connect() wakes nobody who waits for the connecting socket
 *	- closing an end with unread bytes gives the other one ECONNRESET
 *
 * So a socket of a program has the least send buffer from its birth, when nobody can watch it
 * yet, and its one edge comes from unixend_open().
 */
#include "attach/unixend.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include <linux/mount.h>

#include "base/cleanup.h"
#include "base/error.h"

#ifndef SO_PASSRIGHTS
#	define SO_PASSRIGHTS 83 /* Linux 6.16 */
#endif

/* Of the least send buffer (SOCK_MIN_SNDBUF, 4608 bytes with their overhead) the first takes most;
 * the rest goes byte by byte.
 */
#define LEAST_SNDBUF     8192
#define FILL_FIRST       2240
#define FILL_MORE_MAX    64

#define NONCE_LEN        8
#define TOKENS_AT_A_TIME 256

/**
 * struct rendezvous - Where sockets of programs are paired
 * @fd:		Listens
 * @path_fd:	O_PATH of its name, which is unlinked: nobody else can get there
 * @is_stale:	Somebody may be in its queue who was given up
 */
struct rendezvous {
	int fd;
	int path_fd;
	bool is_stale;
};

/* --- one descriptor --- */

static int set_int(int fd, int opt, int val)
{
	return setsockopt(fd, SOL_SOCKET, opt, &val, sizeof(val)) < 0 ? -errno : 0;
}

/* The kernel makes it net.core.wmem_max when that is less, which is slower, not wrong. */
static int set_sndbuf(int fd, int bytes)
{
	return set_int(fd, SO_SNDBUF, bytes);
}

/* Descriptors in messages are refused (EPERM): they would pile up in our queue.  TCP ignores
 * them.
 */
static void refuse_rights(int fd)
{
	/* Before Linux 6.16 there is no such thing: recv() without room for them drops them. */
	(void)set_int(fd, SO_PASSRIGHTS, 0);
}

static int set_up_ours(int fd)
{
	refuse_rights(fd);
	return set_sndbuf(fd, UNIXEND_SNDBUF_OURS);
}

void unixend_limit(int ours, uint32_t bytes)
{
	/* The kernel takes twice what it is told, which it has for what is around the bytes. */
	(void)set_int(ours, SO_SNDBUF,
		      (int)(bytes > UNIXEND_SNDBUF_LEAST ? bytes : UNIXEND_SNDBUF_LEAST));
}

int unixend_cookie(int fd, uint64_t *ret)
{
	uint64_t cookie;
	socklen_t len = sizeof(cookie);

	if (getsockopt(fd, SOL_SOCKET, SO_COOKIE, &cookie, &len) < 0)
		return -errno;
	*ret = cookie;
	return 0;
}

static int identify(int fd, uint64_t *ret_cookie, uint32_t *ret_ino)
{
	struct stat st;
	uint64_t cookie = 0;
	int r = unixend_cookie(fd, &cookie);

	if (r < 0)
		return r;
	if (fstat(fd, &st) < 0)
		return -errno;
	*ret_cookie = cookie;
	*ret_ino = (uint32_t)st.st_ino; /* sockfs counts in 32 bits, as sock_diag does */
	return 0;
}

int unixend_fresh(uint64_t *ret_cookie, uint32_t *ret_ino)
{
	cleanup_close int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int r;

	if (fd < 0)
		return -errno;
	refuse_rights(fd);
	r = set_int(fd, SO_SNDBUF, 1);
	if (r < 0)
		return r;
	r = identify(fd, ret_cookie, ret_ino);
	if (r < 0)
		return r;
	return TAKE_FD(fd);
}

int unixend_pair(int *ret_program, int *ret_ours, uint64_t *ret_cookie, uint32_t *ret_ino,
		 uint32_t *ret_junk)
{
	cleanup_close int program = -1;
	cleanup_close int ours = -1;
	int sv[2];
	int r;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sv) < 0)
		return -errno;
	program = sv[0];
	ours = sv[1];
	if (fcntl(ours, F_SETFL, O_NONBLOCK) < 0)
		return -errno;
	refuse_rights(program);
	r = set_up_ours(ours);
	if (r < 0)
		return r;
	r = set_sndbuf(program, UNIXEND_SNDBUF_PROGRAM);
	if (r < 0)
		return r;
	r = unixend_residue(program);
	if (r < 0)
		return r;
	r = identify(program, ret_cookie, ret_ino);
	if (r < 0)
		return r;
	*ret_program = TAKE_FD(program);
	*ret_ours = TAKE_FD(ours);
	*ret_junk = 1;
	return 0;
}

/* --- rendezvous --- */

static struct sockaddr_un proc_path(int fd, const char *below)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };

	(void)snprintf(sun.sun_path, sizeof(sun.sun_path), "/proc/self/fd/%d%s", fd, below);
	return sun;
}

/* Whoever runs as another user later connects by @path_fd all the same: the directory, not the
 * mode of the socket, keeps others out until the name is gone.
 */
static int listen_below(int dir_fd, int *ret_fd, int *ret_path_fd)
{
	cleanup_close int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	cleanup_close int path_fd = -1;
	struct sockaddr_un sun = proc_path(dir_fd, "/s");
	int r = 0;

	if (fd < 0)
		return -errno;
	if (bind(fd, (struct sockaddr *)&sun, sizeof(sun)) < 0)
		return -errno;
	if (chmod(sun.sun_path, 0666) < 0 || listen(fd, 8) < 0)
		r = -errno;
	path_fd = openat(dir_fd, "s", O_PATH | O_CLOEXEC | O_NOFOLLOW);
	if (path_fd < 0 && r == 0)
		r = -errno;
	if (unlinkat(dir_fd, "s", 0) < 0 && r == 0)
		r = -errno;
	if (r < 0)
		return r;
	*ret_fd = TAKE_FD(fd);
	*ret_path_fd = TAKE_FD(path_fd);
	return 0;
}

/* The root of a file system that is mounted nowhere (Linux 5.2): it goes with us, whenever we are
 * killed.  Return: a descriptor, or negative errno for who has no right to, or no such kernel
 */
static int unmounted_dir(void)
{
	cleanup_close int fs = (int)syscall(SYS_fsopen, "tmpfs", FSOPEN_CLOEXEC);
	int fd;

	if (fs < 0)
		return -errno;
	if (syscall(SYS_fsconfig, fs, FSCONFIG_SET_STRING, "mode", "0700", 0) < 0 ||
	    syscall(SYS_fsconfig, fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
		return -errno;
	fd = (int)syscall(SYS_fsmount, fs, FSMOUNT_CLOEXEC,
			  MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC);
	return fd < 0 ? -errno : fd;
}

/* A directory of our own, where there is a place for one. */
static int private_dir(char *path, size_t size)
{
	const char *tmp = getenv("TMPDIR");
	const char *const places[] = { "/run", tmp && *tmp == '/' ? tmp : "/tmp", "/tmp" };
	int r = -ENOENT;

	for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
		int n = snprintf(path, size, "%s/netstackd.XXXXXX", places[i]);

		if (n < 0 || (size_t)n >= size)
			r = -ENAMETOOLONG;
		else if (mkdtemp(path)) /* 0700 */
			return 0;
		else
			r = -errno;
	}
	return r;
}

/* With a name for as long as that takes. */
static int listen_in_private_dir(struct rendezvous *rv, struct nerr *err)
{
	cleanup_close int dir_fd = -1;
	char dir[256];
	int r = private_dir(dir, sizeof(dir));

	if (r < 0)
		return nerr_set(err, r, "cannot make a private directory in /run or /tmp: %s",
				strerror(-r));
	dir_fd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	r = dir_fd < 0 ? -errno : listen_below(dir_fd, &rv->fd, &rv->path_fd);
	if (rmdir(dir) < 0 && r == 0) {
		r = -errno;
		(void)close(rv->fd);
		(void)close(rv->path_fd);
	}
	return r < 0 ? nerr_set(err, r, "cannot make a listening socket in '%s': %s", dir,
				strerror(-r))
		     : 0;
}

int rendezvous_new(struct rendezvous **ret, struct nerr *err)
{
	cleanup_free struct rendezvous *rv = calloc(1, sizeof(*rv));
	cleanup_close int dir_fd = unmounted_dir();
	int r = -1;

	if (!rv)
		return nerr_oom(err);
	if (dir_fd >= 0)
		r = listen_below(dir_fd, &rv->fd, &rv->path_fd);
	if (r < 0)
		r = listen_in_private_dir(rv, err);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(rv);
	return 0;
}

void rendezvous_free(struct rendezvous *rv)
{
	if (!rv)
		return;
	(void)close(rv->fd);
	(void)close(rv->path_fd);
	free(rv);
}

static int accept_one(const struct rendezvous *rv)
{
	int fd;

	do
		fd = accept4(rv->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	while (fd < 0 && (errno == EINTR || errno == ECONNABORTED));
	return fd < 0 ? -errno : fd;
}

/* Those that there was no descriptor for when they came.  Were they left there, connect() would
 * sleep some day.
 */
static int forget_stale(struct rendezvous *rv)
{
	while (rv->is_stale) {
		int fd = accept_one(rv);

		if (fd >= 0)
			(void)close(fd); /* its call has failed */
		else if (fd != -EAGAIN)
			return fd;
		else
			rv->is_stale = false;
	}
	return 0;
}

/* Another thread of the program may write as soon as it is connected, where TCP would have failed
 * its call: that is thrown away, too.
 */
static bool has_nonce(int ours, const char *nonce)
{
	char buf[8192]; /* more than the least send buffer lets through */
	ssize_t n = recv(ours, buf, sizeof(buf), MSG_DONTWAIT);

	return n > 0 && memmem(buf, (size_t)n, nonce, NONCE_LEN);
}

/* The end of whom we have connected: what it sends comes out there.  Nobody else should be able to
 * get into the queue; if somebody was, he is turned away.
 */
static int accept_nonce(struct rendezvous *rv, const char *nonce)
{
	for (;;) {
		int fd = accept_one(rv);

		if (fd < 0) {
			rv->is_stale = true;
			return fd == -EAGAIN ? -EPROTO : fd;
		}
		if (has_nonce(fd, nonce))
			return fd;
		(void)close(fd);
	}
}

int rendezvous_join(struct rendezvous *rv, int program, int *ret_ours)
{
	struct sockaddr_un sun = proc_path(rv->path_fd, "");
	cleanup_close int ours = -1;
	char nonce[NONCE_LEN];
	int r = forget_stale(rv);

	if (r < 0)
		return r;
	if (getrandom(nonce, sizeof(nonce), GRND_NONBLOCK) != (ssize_t)sizeof(nonce))
		return -EIO;
	if (connect(program, (struct sockaddr *)&sun, sizeof(sun)) < 0)
		return -errno;
	rv->is_stale = true;
	if (send(program, nonce, sizeof(nonce), MSG_DONTWAIT | MSG_NOSIGNAL) !=
	    (ssize_t)sizeof(nonce))
		return -EPROTO; /* its other threads have filled it */
	ours = accept_nonce(rv, nonce);
	if (ours < 0)
		return ours;
	rv->is_stale = false;
	r = set_up_ours(ours);
	if (r < 0)
		return r;
	*ret_ours = TAKE_FD(ours);
	return 0;
}

/* --- writable or not --- */

/* Not a second time: it wakes who waits, and finds the socket writable until it is filled. */
static int set_least_sndbuf(int fd)
{
	int bytes = 0;
	socklen_t len = sizeof(bytes);

	if (getsockopt(fd, SOL_SOCKET, SO_SNDBUF, &bytes, &len) == 0 && bytes <= LEAST_SNDBUF)
		return 0;
	return set_int(fd, SO_SNDBUF, 1);
}

int unixend_fill(int program, uint32_t *ret_junk)
{
	static const char zeros[FILL_FIRST];
	uint32_t junk = 0;
	size_t len = sizeof(zeros);
	int r = set_least_sndbuf(program);

	if (r < 0)
		return r;
	for (unsigned int i = 0; i < FILL_MORE_MAX; i++) {
		ssize_t n = send(program, zeros, len, MSG_DONTWAIT | MSG_NOSIGNAL);

		if (n < 0 && errno != EAGAIN)
			return -errno;
		if (n < 0) {
			*ret_junk = junk;
			return 0;
		}
		junk += (uint32_t)n;
		len = 1;
	}
	return -EOVERFLOW; /* somebody has raised the buffer meanwhile */
}

int unixend_open(int program)
{
	return set_sndbuf(program, UNIXEND_SNDBUF_PROGRAM);
}

int unixend_residue(int program)
{
	ssize_t n = send(program, "", 1, MSG_DONTWAIT | MSG_NOSIGNAL);

	return n < 0 ? -errno : 0;
}

int unixend_no_write(int program)
{
	return shutdown(program, SHUT_WR) < 0 ? -errno : 0;
}

/* --- what is in the queue --- */

int unixend_queued(int fd)
{
	int n = 0;

	return ioctl(fd, FIONREAD, &n) < 0 ? -errno : n;
}

int unixend_take_tokens(int program, unsigned int n)
{
	char buf[TOKENS_AT_A_TIME];
	unsigned int taken = 0;

	while (taken < n) {
		size_t want = n - taken < sizeof(buf) ? n - taken : sizeof(buf);
		ssize_t r = recv(program, buf, want, MSG_DONTWAIT);

		if (r < 0 && errno == EINTR)
			continue;
		if (r < 0 && errno != EAGAIN)
			return -errno;
		if (r <= 0)
			break;
		taken += (unsigned int)r;
	}
	return (int)taken;
}

int unixend_put_token(int ours)
{
	ssize_t n = send(ours, "", 1, MSG_DONTWAIT | MSG_NOSIGNAL);

	return n < 0 ? -errno : 0;
}
