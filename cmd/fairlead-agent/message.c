/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cmd/fairlead-agent/message.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/json_table.h"
#include "base/str.h"

/* With all annotations of a pod. */
#define TEXT_MAX    (1u << 20)
#define PIECE_LEN   8192
#define DESCRIPTORS 4 /* one is expected */

DEFINE_CLEANUP(struct json_doc *, json_doc_free);

static int64_t now_ms(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts); /* cannot fail */
	return ts.tv_sec * INT64_C(1000) + ts.tv_nsec / 1000000;
}

/* Keep the first descriptor, close the others. */
static void take_fds(struct msghdr *msg, struct message *ret)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c)) {
		const size_t n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);

		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		for (size_t i = 0; i < n; i++) {
			int fd;

			memcpy(&fd, CMSG_DATA(c) + i * sizeof(fd), sizeof(fd));
			if (ret->listener < 0)
				ret->listener = fd;
			else
				(void)close(fd); /* nothing was written to it */
		}
	}
}

/* More of the text.  0 at its end, 1 */
static int read_piece(int fd, struct strbuf *text, struct message *ret, struct nerr *err)
{
	union {
		struct cmsghdr hdr;
		char buf[CMSG_SPACE(DESCRIPTORS * sizeof(int))];
	} control;
	char piece[PIECE_LEN];
	struct iovec iov = { .iov_base = piece, .iov_len = sizeof(piece) };
	struct msghdr msg = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control.buf,
		.msg_controllen = sizeof(control.buf),
	};
	const ssize_t n = recvmsg(fd, &msg, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);

	if (n < 0)
		return errno == EAGAIN || errno == EINTR
			       ? 1
			       : nerr_set(err, -errno, "cannot read a runtime's message: %m");
	take_fds(&msg, ret);
	strbuf_add_mem(text, piece, (size_t)n);
	if (text->failed)
		return nerr_oom(err);
	if (text->len > TEXT_MAX)
		return nerr_set(err, -EBADMSG, "a runtime's message has more than %u bytes",
				TEXT_MAX);
	return n > 0;
}

/* crun keeps the connection for as long as it waits for the process it has added: its end is not
 * waited for when there is no more to come.
 */
static bool is_whole(const struct strbuf *text, const struct message *m)
{
	CLEANUP(json_doc_freep) struct json_doc *doc = NULL;
	struct nerr not_yet = NERR_INIT;
	size_t len = text->len;

	while (len && strchr(" \t\r\n", text->s[len - 1]))
		len--;
	return m->listener >= 0 && len && text->s[len - 1] == '}' &&
	       json_doc_parse(text->s, len, &doc, &not_yet) == 0;
}

static int read_all(int fd, unsigned int timeout_ms, struct strbuf *text, struct message *ret,
		    struct nerr *err)
{
	const int64_t end = now_ms() + timeout_ms;
	int r;

	do {
		struct pollfd p = { .fd = fd, .events = POLLIN };
		const int64_t left = end - now_ms();

		if (left <= 0)
			return nerr_set(err, -ETIMEDOUT,
					"a runtime's message did not end within %u ms", timeout_ms);
		if (poll(&p, 1, (int)left) < 0 && errno != EINTR)
			return nerr_set(err, -errno, "cannot wait for a runtime's message: %m");
		r = p.revents ? read_piece(fd, text, ret, err) : 1;
	} while (r > 0 && !is_whole(text, ret));
	return r < 0 ? r : 0;
}

struct state {
	const char *id;
	int64_t pid;
};

struct process_state {
	int64_t pid;
	const char *metadata;
	struct state state;
};

static const struct json_field state_fields[] = {
	{ .name = "id", .kind = JSON_STRING, .offset = offsetof(struct state, id) },
	{ .name = "pid",
	  .kind = JSON_INT,
	  .offset = offsetof(struct state, pid),
	  .min = 0,
	  .max = INT_MAX },
	{ 0 },
};

static const struct json_field process_fields[] = {
	{ .name = "pid",
	  .kind = JSON_INT,
	  .offset = offsetof(struct process_state, pid),
	  .min = 0,
	  .max = INT_MAX },
	{ .name = "metadata",
	  .kind = JSON_STRING,
	  .offset = offsetof(struct process_state, metadata),
	  .required = true },
	{ .name = "state",
	  .kind = JSON_OBJECT,
	  .offset = offsetof(struct process_state, state),
	  .sub = state_fields },
	{ 0 },
};

struct metadata {
	const char *key;
};

static const struct json_field metadata_fields[] = {
	{ .name = "fairlead",
	  .kind = JSON_STRING,
	  .offset = offsetof(struct metadata, key),
	  .required = true },
	{ 0 },
};

static int read_metadata(const char *text, struct message *ret, struct nerr *err)
{
	CLEANUP(json_doc_freep) struct json_doc *doc = NULL;
	struct metadata m = { .key = NULL };
	int r = json_doc_parse(text, strlen(text), &doc, err);

	if (r == 0)
		r = json_read(doc, NULL, "", metadata_fields, &m, err);
	if (r == 0)
		r = str_copy(ret->key, sizeof(ret->key), m.key);
	return r;
}

static int parse(const struct strbuf *text, struct message *ret, struct nerr *err)
{
	CLEANUP(json_doc_freep) struct json_doc *doc = NULL;
	struct process_state p = { .pid = 0 };
	int r = json_doc_parse(strbuf_text(text), text->len, &doc, err);

	if (r == 0)
		r = json_read(doc, NULL, "", process_fields, &p, err);
	if (r < 0)
		return nerr_ctx(err, "a runtime's message");
	if (read_metadata(p.metadata, ret, err) < 0)
		return nerr_set(err, -EBADMSG, "a runtime's message has foreign metadata, '%.64s'",
				p.metadata);
	ret->pid = (pid_t)(p.pid ? p.pid : p.state.pid);
	if (p.state.id && str_copy(ret->id, sizeof(ret->id), p.state.id) < 0)
		return nerr_set(err, -EBADMSG, "container id '%.64s...' is too long", p.state.id);
	return 0;
}

int message_read(int fd, unsigned int timeout_ms, struct message *ret, struct nerr *err)
{
	CLEANUP(strbuf_done) struct strbuf text = STRBUF_INIT;
	int r = read_all(fd, timeout_ms, &text, ret, err);

	if (r == 0)
		r = parse(&text, ret, err);
	if (r == 0 && ret->listener < 0)
		r = nerr_set(err, -EBADMSG, "a runtime's message has no descriptor");
	return r;
}

void message_done(struct message *m)
{
	if (m->listener >= 0)
		(void)close(m->listener); /* a copy: nothing was written to it */
	m->listener = -1;
}
