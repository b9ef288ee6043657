/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * fuzz_ctl_request.c - any bytes as what a client sends to a netstackd's control socket
 *
 * The first byte says in how many pieces, and how many descriptors go with them.  What is asked is
 * answered by requests of our own, of each kind that there is.
 *
 * Laws: the client gets one line of JSON, an object, or the end; afterwards no client is left, and
 * no descriptor.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/json_table.h"
#include "base/str.h"
#include "cmd/netstackd/daemon.h"
#include "cmd/netstackd/server.h"
#include "host/host.h"
#include "nic/loop.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerInitialize(int *argc, char ***argv);

#define LAW(holds)                                                                                 \
	do {                                                                                       \
		if (!(holds))                                                                      \
			__builtin_trap();                                                          \
	} while (0)

#define FDS_MAX   7
#define BIG       300000
#define TURNS_MAX 1000

DEFINE_CLEANUP(struct json_doc *, json_doc_free);

static struct loop *loop;
static struct daemon d;
static struct sockaddr_un door;
static socklen_t door_len;
static unsigned int n_later;

/* The server knows no more of a host than this. */
struct loop *host_loop(struct host *h)
{
	(void)h;
	return loop;
}

/* --- requests --- */

static int run_plain(struct request *q, struct nerr *err)
{
	(void)err;
	json_out_int(&q->out, "n", 1);
	return 0;
}

static int run_fail(struct request *q, struct nerr *err)
{
	(void)q;
	return nerr_set(err, -ENOENT, "it is not there: \x01\xff\"");
}

static int run_big(struct request *q, struct nerr *err)
{
	(void)err;
	json_out_array(&q->out, "all");
	for (unsigned int i = 0; i < BIG / 8; i++)
		json_out_int(&q->out, NULL, 1234567);
	json_out_end(&q->out);
	return 0;
}

static int run_fd(struct request *q, struct nerr *err)
{
	struct wish {
		int64_t n;
		const char *to;
	} w = { .n = 3 };
	const struct json_field table[] = {
		{ .name = "n", .kind = JSON_INT, .offset = offsetof(struct wish, n), .max = 9 },
		{ .name = "to", .kind = JSON_STRING, .offset = offsetof(struct wish, to) },
		{ 0 },
	};
	int r = json_read(q->doc, NULL, "", table, &w, err);

	LAW(q->fd >= 0 && fcntl(q->fd, F_GETFD) == FD_CLOEXEC);
	if (r < 0)
		return r;
	LAW(w.n >= 0 && w.n <= 9);
	json_out_string(&q->out, "to", w.to ? w.to : "");
	return 0;
}

static void later_due(struct request *q)
{
	LAW(n_later > 0);
	n_later--;
	free(q->state);
	q->state = NULL;
	request_answer(q);
}

static void later_gone(struct request *q)
{
	LAW(n_later > 0);
	n_later--;
	free(q->state);
}

static int run_later(struct request *q, struct nerr *err)
{
	static const struct request_ops ops = { .due = later_due, .gone = later_gone };

	(void)err;
	q->state = malloc(1);
	q->ops = &ops;
	q->deadline_ns = 0;
	n_later++;
	return REQUEST_LATER;
}

const struct request_kind request_kinds[] = {
	{ "plain", false, run_plain }, { "fail", false, run_fail },   { "big", false, run_big },
	{ "fd", true, run_fd },        { "later", false, run_later }, { 0 },
};

/* --- a client --- */

static void send_piece(int fd, const void *data, size_t len, unsigned int n_fds)
{
	union {
		struct cmsghdr hdr;
		char room[CMSG_SPACE(FDS_MAX * sizeof(int))];
	} ctl = { .room = { 0 } };
	struct iovec iov = { .iov_base = (void *)(uintptr_t)data, .iov_len = len };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1 };
	int fds[FDS_MAX];

	for (unsigned int i = 0; i < FDS_MAX; i++)
		fds[i] = STDERR_FILENO;
	if (n_fds) {
		m.msg_control = &ctl;
		m.msg_controllen = CMSG_SPACE(n_fds * sizeof(int));
		ctl.hdr.cmsg_level = SOL_SOCKET;
		ctl.hdr.cmsg_type = SCM_RIGHTS;
		ctl.hdr.cmsg_len = CMSG_LEN(n_fds * sizeof(int));
		memcpy(CMSG_DATA(&ctl.hdr), fds, n_fds * sizeof(int));
	}
	(void)sendmsg(fd, &m, MSG_DONTWAIT | MSG_NOSIGNAL);
}

static void turn(void)
{
	(void)loop_turn(loop, 0);
	server_run(d.server, loop_clock());
}

/* What there is is read; false at the end. */
static bool receive(int fd, struct strbuf *text)
{
	char part[65536];
	ssize_t n;

	while ((n = recv(fd, part, sizeof(part), MSG_DONTWAIT)) > 0)
		strbuf_add_mem(text, part, (size_t)n);
	return n < 0 && errno == EAGAIN;
}

static void check_answer(struct strbuf *text)
{
	CLEANUP(json_doc_freep) struct json_doc *doc = NULL;

	if (!text->len)
		return;
	LAW(text->s[text->len - 1] == '\n');
	LAW(!memchr(text->s, '\n', text->len - 1));
	LAW(json_doc_parse(text->s, text->len - 1, &doc, NULL) == 0);
}

static int lowest(void)
{
	const int fd = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);

	LAW(fd >= 0 && close(fd) == 0);
	return fd;
}

static void talk(int fd, const uint8_t *data, size_t size, uint8_t how)
{
	CLEANUP(strbuf_done) struct strbuf text = STRBUF_INIT;
	const unsigned int n_fds = how & 7, pieces = 1 + (how >> 3 & 7);
	unsigned int turns = TURNS_MAX;

	for (unsigned int i = 0; i < pieces; i++) {
		send_piece(fd, data + size * i / pieces,
			   size * (i + 1) / pieces - size * i / pieces, i % 2 ? 0 : n_fds);
		turn();
		(void)receive(fd, &text);
	}
	if (how & 0x40)
		return; /* it goes without a word */
	(void)shutdown(fd, SHUT_WR);
	while (receive(fd, &text) && turns--)
		turn();
	LAW(turns);
	check_answer(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const int before = lowest();
	int fd;

	if (size < 1)
		return 0;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	LAW(fd >= 0 && connect(fd, (struct sockaddr *)&door, door_len) == 0);
	turn();
	talk(fd, data + 1, size - 1, data[0]);
	(void)close(fd);
	for (unsigned int i = 0; i < 4; i++)
		turn();
	LAW(n_later == 0);
	LAW(lowest() == before);
	return 0;
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	struct nerr err = NERR_INIT;
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	(void)argc;
	(void)argv;
	door.sun_family = AF_UNIX;
	door_len = sizeof(door);
	/* A name of the kernel's choice. */
	LAW(fd >= 0 && bind(fd, (struct sockaddr *)&door, sizeof(door.sun_family)) == 0);
	LAW(getsockname(fd, (struct sockaddr *)&door, &door_len) == 0 && listen(fd, 8) == 0);
	LAW(loop_new(&loop, LOOP_EPOLL, &err) == 0);
	d.creator = getuid();
	LAW(server_new(&d.server, &d, fd, &err) == 0);
	return 0;
}
