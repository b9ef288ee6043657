/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Where a stack is found, and a question with its answer.
 */
#include "ctl/ctl.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/json_table.h"
#include "base/str.h"
#include "ctl/ctl_priv.h"

DEFINE_CLEANUP(struct json_doc *, json_doc_free);

const char *ctl_dir(void)
{
	const char *dir = secure_getenv("FAIRLEAD_RUN");

	return dir && *dir == '/' ? dir : CTL_DIR;
}

int ctl_key(int netns_fd, char ret[static CTL_KEY_LEN], struct nerr *err)
{
	struct stat st;

	if (fstat(netns_fd, &st) < 0)
		return nerr_set(err, -errno, "cannot look at the network namespace: %m");
	/* Two numbers of 20 digits fit. */
	(void)snprintf(ret, CTL_KEY_LEN, "%ju-%ju", (uintmax_t)st.st_dev, (uintmax_t)st.st_ino);
	return 0;
}

int ctl_path_of_key(const char *key, char ret[static CTL_PATH_LEN], struct nerr *err)
{
	int n;

	ret[0] = '\0';
	if (!*key || strspn(key, "0123456789-") != strlen(key))
		return nerr_set(err, -EINVAL, "'%.64s' names no network namespace", key);
	n = snprintf(ret, CTL_PATH_LEN, "%s/%s.sock", ctl_dir(), key);
	if (n >= CTL_PATH_LEN) {
		ret[0] = '\0';
		return nerr_set(err, -ENAMETOOLONG, "'%s' is too long for the directory of sockets",
				ctl_dir());
	}
	return 0;
}

int ctl_path(int netns_fd, char ret[static CTL_PATH_LEN], struct nerr *err)
{
	char key[CTL_KEY_LEN];
	int r = ctl_key(netns_fd, key, err);

	return r < 0 ? r : ctl_path_of_key(key, ret, err);
}

/* --- time --- */

uint64_t ctl_now_ms(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts); /* cannot fail */
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

int ctl_wait(int fd, short events, uint64_t end_ms)
{
	struct pollfd p = { .fd = fd, .events = events };

	for (;;) {
		const uint64_t now = ctl_now_ms();
		const uint64_t left = now < end_ms ? end_ms - now : 0;
		const int r = poll(&p, 1, left < INT32_MAX ? (int)left : INT32_MAX);

		if (r > 0)
			return 0;
		if (r < 0 && errno != EINTR)
			return -errno;
		if (left == 0)
			return -ETIMEDOUT;
	}
}

/* --- asking --- */

/* One that was killed goes on to listen until the kernel has taken its io_uring down, which a
 * worker does after the process has ended.
 */
static bool listener_is_dead(int fd)
{
	socklen_t len = sizeof(struct ucred);
	struct pollfd p = { .events = POLLIN };
	cleanup_close int pidfd = -1;
	struct ucred peer;

	/* pid 0: of another pid namespace, nothing is known */
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) < 0 || peer.pid <= 0)
		return false;
	pidfd = (int)syscall(SYS_pidfd_open, peer.pid, 0);
	if (pidfd < 0)
		return errno == ESRCH;
	p.fd = pidfd;
	return poll(&p, 1, 0) > 0;
}

int ctl_connect(const char *path, unsigned int timeout_ms, int *ret)
{
	const struct timeval tv = { .tv_sec = timeout_ms / 1000,
				    .tv_usec = (long)(timeout_ms % 1000) * 1000 };
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	cleanup_close int fd = -1;

	if (str_copy(sa.sun_path, sizeof(sa.sun_path), path) < 0)
		return -ENAMETOOLONG;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	/* connect() waits while the other's queue is full, so long at most. */
	if (setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof(tv)) < 0)
		return -errno;
	while (connect(fd, (const struct sockaddr *)&sa, sizeof(sa)) < 0) {
		if (errno == EAGAIN)
			return -ETIMEDOUT;
		if (errno != EINTR)
			return -errno;
	}
	if (listener_is_dead(fd))
		return -ECONNREFUSED;
	*ret = TAKE_FD(fd);
	return 0;
}

/* Where a descriptor that is sent goes. */
union fd_control {
	struct cmsghdr align;
	char bytes[CMSG_SPACE(sizeof(int))];
};

/* Some of it; @pass goes with the first byte. */
static ssize_t send_some(int fd, const char *text, size_t len, int pass)
{
	struct iovec iov = { .iov_base = (void *)(uintptr_t)text, .iov_len = len };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	union fd_control control = { .bytes = { 0 } };
	struct cmsghdr *c;

	if (pass >= 0) {
		msg.msg_control = control.bytes;
		msg.msg_controllen = sizeof(control.bytes);
		c = CMSG_FIRSTHDR(&msg);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(c), &pass, sizeof(pass));
	}
	return sendmsg(fd, &msg, MSG_NOSIGNAL | MSG_DONTWAIT);
}

static int send_all(int fd, const char *text, size_t len, int pass, uint64_t end_ms)
{
	while (len) {
		const ssize_t n = send_some(fd, text, len, pass);
		int r;

		if (n > 0) {
			text += n;
			len -= (size_t)n;
			pass = -1;
			continue;
		}
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno != EAGAIN)
			return -errno;
		r = ctl_wait(fd, POLLOUT, end_ms);
		if (r < 0)
			return r;
	}
	return 0;
}

static int receive_all(int fd, struct strbuf *ret, uint64_t end_ms)
{
	char part[16384];

	for (;;) {
		int r = ctl_wait(fd, POLLIN, end_ms);
		ssize_t n;

		if (r < 0)
			return r;
		n = recv(fd, part, sizeof(part), MSG_DONTWAIT);
		if (n == 0)
			return 0;
		if (n < 0 && (errno == EINTR || errno == EAGAIN))
			continue;
		if (n < 0)
			return -errno;
		if (ret->len + (size_t)n > JSON_DOC_LEN_MAX)
			return -EFBIG;
		strbuf_add_mem(ret, part, (size_t)n);
		if (ret->failed)
			return -ENOMEM;
	}
}

/* --- the answer --- */

struct answer_error {
	int64_t code;
	const char *message;
};

struct answer {
	bool has_error;
	struct answer_error error;
};

static const struct json_field error_table[] = {
	{ .name = "errno",
	  .kind = JSON_INT,
	  .offset = offsetof(struct answer_error, code),
	  .min = 1,
	  .max = 4095 },
	{ .name = "message",
	  .kind = JSON_STRING,
	  .offset = offsetof(struct answer_error, message) },
	{ 0 },
};

static const struct json_field answer_table[] = {
	{ .name = "error",
	  .kind = JSON_OBJECT,
	  .offset = offsetof(struct answer, error),
	  .has = JSON_HAS(struct answer, has_error),
	  .sub = error_table },
	{ 0 },
};

static int read_answer(const char *path, const struct strbuf *text, struct json_doc **ret,
		       struct nerr *err)
{
	CLEANUP(json_doc_freep) struct json_doc *doc = NULL;
	struct answer a = { .error = { .code = EIO } };
	int r;

	if (text->len == 0)
		return nerr_set(err, -ECONNRESET, "the stack at '%s' ended before it answered",
				path);
	r = json_doc_parse(text->s, text->len, &doc, err);
	if (r == 0)
		r = json_read(doc, NULL, "", answer_table, &a, err);
	if (r < 0)
		return nerr_ctx(err, "cannot read the answer of '%s'", path);
	if (a.has_error)
		return nerr_set(err, -(int)a.error.code, "%s",
				a.error.message ? a.error.message : "it failed without a reason");
	if (ret)
		*ret = TAKE_PTR(doc);
	return 0;
}

static int exchange(const char *path, const char *request, int pass, unsigned int timeout_ms,
		    struct strbuf *text, struct nerr *err)
{
	const uint64_t end_ms = ctl_now_ms() + timeout_ms;
	cleanup_close int fd = -1;
	int r = ctl_connect(path, timeout_ms, &fd);

	if (r == -ENOENT || r == -ECONNREFUSED)
		return nerr_set(err, r, "no stack answers at '%s'", path);
	if (r == -ETIMEDOUT)
		return nerr_set(err, r, "the stack at '%s' takes no request within %u ms", path,
				timeout_ms);
	if (r < 0)
		return nerr_set(err, r, "cannot connect to '%s': %m", path);
	r = send_all(fd, request, strlen(request), pass, end_ms);
	if (r == 0)
		r = send_all(fd, "\n", 1, -1, end_ms);
	/* It may have answered and closed before it has read all. */
	if (r == 0 || r == -EPIPE || r == -ECONNRESET)
		r = receive_all(fd, text, end_ms);
	if (r == -ETIMEDOUT)
		return nerr_set(err, r, "the stack at '%s' does not answer within %u ms", path,
				timeout_ms);
	if (r < 0)
		return nerr_set(err, r, "cannot talk to '%s': %m", path);
	return 0;
}

int ctl_call_text(const char *path, const char *request, int fd, unsigned int timeout_ms,
		  struct strbuf *ret, struct nerr *err)
{
	int r = exchange(path, request, fd, timeout_ms, ret, err);

	return r < 0 ? r : read_answer(path, ret, NULL, err);
}

int ctl_call(const char *path, const char *request, int fd, unsigned int timeout_ms,
	     struct json_doc **ret, struct nerr *err)
{
	CLEANUP(strbuf_done) struct strbuf text = STRBUF_INIT;
	int r = exchange(path, request, fd, timeout_ms, &text, err);

	return r < 0 ? r : read_answer(path, &text, ret, err);
}

bool ctl_is_served(int netns_fd)
{
	char path[CTL_PATH_LEN];
	cleanup_close int fd = -1;

	return ctl_path(netns_fd, path, NULL) == 0 && ctl_connect(path, CTL_CONNECT_MS, &fd) == 0;
}
