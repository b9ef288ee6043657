/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * main.c - a peer of tests: the kernel's sockets or ours, whoever asks or serves
 *
 *	peer OPTIONS serve PORT			serve scenes, one connection after the other
 *	peer OPTIONS echo PORT			serve echoes, TCP and UDP
 *	peer OPTIONS SCENE ADDRESS[:PORT] [ARG...]	ask
 *
 * OPTIONS are "--kernel" or those of the examples (--nic ...).  Exit status: 0, or 1 with
 * the reason on standard error, of either side.
 */
#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/str.h"
#include "examples/lib/common.h"
#include "tests/stack/peer.h"

#define PORT     5000
#define LINE_MAX 64
#define DRAIN_MS 2000

static char failure[256];

int scene_fail(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(failure, sizeof(failure), fmt, ap);
	va_end(ap);
	return 1;
}

const char *scene_failure(void)
{
	return failure;
}

void scene_forget(void)
{
	failure[0] = '\0';
}

static const struct scene *scene_lookup(const char *name)
{
	const struct scene *const all[] = { scenes_tcp, scenes_many, scenes_udp };

	for (unsigned int i = 0; i < 3; i++)
		for (const struct scene *s = all[i]; s->name; s++)
			if (strcmp(s->name, name) == 0)
				return s;
	return NULL;
}

/* --- who serves --- */

/* "SCENE NUMBER", and a newline; byte by byte, since the rest is the scene's. */
static int read_line(const struct api *api, int fd, char *line)
{
	for (unsigned int i = 0; i < LINE_MAX; i++) {
		int r = recv_all(api, fd, line + i, 1);

		if (r < 0)
			return r;
		if (line[i] == '\n') {
			line[i] = '\0';
			return 0;
		}
	}
	return -EBADMSG;
}

static void serve_one(const struct api *api, int fd)
{
	const struct scene *s;
	char line[LINE_MAX];
	char *number;
	uint64_t n;

	if (read_line(api, fd, line) < 0)
		return; /* a look whether somebody listens */
	number = strchr(line, ' ');
	if (!number || parse_u64(number + 1, 0, UINT64_MAX, &n) < 0)
		return;
	*number = '\0';
	if (strcmp(line, "verdict") == 0) {
		(void)send_all(api, fd, failure, sizeof(failure)); /* who asks checks */
		return;
	}
	scene_forget();
	s = scene_lookup(line);
	if (!s || !s->serve)
		(void)scene_fail("there is no scene '%s'", line);
	else
		(void)s->serve(api, fd, n); /* told to who asks for the verdict */
}

static int serve_forever(const struct api *api, uint16_t port)
{
	const struct sockaddr_in6 any = { .sin6_family = AF_INET6, .sin6_port = htons(port) };
	const struct timeval patience = { .tv_sec = PATIENCE_S };
	const int on = 1;
	int fd = api->socket(AF_INET6, SOCK_STREAM, 0);

	if (fd < 0)
		return common_fail("no socket: %s", strerror(-fd));
	(void)api->setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (api->bind(fd, (const struct sockaddr *)&any, sizeof(any)) < 0 ||
	    api->listen(fd, 64) < 0)
		return common_fail("cannot serve port %u", port);
	common_ready("peer: serving port %u", port);
	for (;;) {
		int conn = api->accept(fd, NULL, NULL);

		if (conn == -ECONNABORTED)
			continue;
		if (conn < 0)
			return common_fail("cannot accept: %s", strerror(-conn));
		(void)api->setsockopt(conn, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
		(void)api->setsockopt(conn, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
		serve_one(api, conn);
		(void)api->close(conn);
	}
}

/* --- who asks --- */

/* What the other side thinks of the scene that was played last. */
static int ask_verdict(const struct ask *ask)
{
	char verdict[sizeof(failure)];
	int fd = ask_connect(ask, "verdict", 0), r;

	if (fd < 0)
		return 1;
	r = recv_all(ask->api, fd, verdict, sizeof(verdict));
	(void)ask->api->close(fd);
	if (r < 0)
		return scene_fail("no verdict of who serves: %s", strerror(-r));
	verdict[sizeof(verdict) - 1] = '\0';
	return verdict[0] ? scene_fail("who serves says: %s", verdict) : 0;
}

static int play(const struct api *api, char **args)
{
	struct ask ask = { .api = api, .args = args + 2 };
	const struct scene *s = scene_lookup(args[0]);
	uint32_t port;

	if (strcmp(args[0], "serve") == 0 || strcmp(args[0], "echo") == 0) {
		if (parse_u32(args[1], 1, UINT16_MAX, &port) < 0)
			return common_fail("'%s' is not a port", args[1]);
		return *args[0] == 's' ? serve_forever(api, (uint16_t)port)
				       : echo_forever(api, (uint16_t)port);
	}
	if (!s || common_address(args[1], PORT, &ask.addr, &ask.len) < 0)
		return common_fail("no scene '%s' at '%s'", args[0], args[1]);
	if (s->ask(&ask) != 0 || (s->serve && ask_verdict(&ask) != 0))
		return common_fail("%s: %s", args[0], failure);
	return 0;
}

int main(int argc, char **argv)
{
	static const struct common_program program = { "serve|echo|SCENE ADDRESS [ARG...]", NULL, 2,
						       8 };
	struct host *h;
	char **args;
	int status;

	(void)signal(SIGPIPE, SIG_IGN);
	if (argc > 3 && strcmp(argv[1], "--kernel") == 0)
		return play(&api_kernel, argv + 2);
	h = common_start(&program, argc, argv, &args, &status);
	if (!h)
		return status;
	api_ours_init(h);
	status = play(&api_ours, args);
	(void)host_drain(h, DRAIN_MS); /* the peer may be gone */
	common_end(h);
	return status;
}
