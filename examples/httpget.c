/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * httpget.c - HTTP client: fetch what is at a URL
 *
 *	httpget --nic macvtap:mv0 [--output FILE] http://10.0.0.1/file
 *
 * Names are not resolved: the host of the URL is an address.  The request is one of HTTP/1.0,
 * so that the body comes as it is and ends where the header says or the connection does.
 * Sockets block here: each call lets the instance work until it is done.
 *
 * Exit status, beyond that of all examples: 3 when the server has something else than 200
 */
#include <errno.h>
#include <fcntl.h>
#include <sha2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/str.h"
#include "examples/lib/common.h"

#define BUFFER       65536
#define STATUS_OTHER 3

static const char *arg_output;
static uint32_t arg_timeout = 30;
static bool arg_hash;

struct url {
	struct sockaddr_storage addr;
	socklen_t len;
	char host[64];
	const char *path; /* "" is "/" */
};

struct response {
	int status;
	bool has_length;
	uint64_t length;
	char reason[128];
};

static int read_url(const char *text, struct url *ret)
{
	size_t n;

	if (strncmp(text, "http://", 7) != 0)
		return -EINVAL;
	text += 7;
	n = strcspn(text, "/");
	if (n >= sizeof(ret->host))
		return -EINVAL;
	memcpy(ret->host, text, n);
	ret->host[n] = '\0';
	ret->path = text + n;
	return common_address(ret->host, 80, &ret->addr, &ret->len);
}

/* @text: NUL-terminated, up to the empty line. */
static int read_head(char *text, struct response *ret)
{
	char *line = strsep(&text, "\n");
	const char *status = strchr(line, ' ');

	*ret = (struct response){ .status = status ? (int)strtoul(status + 1, NULL, 10) : 0 };
	if (strncmp(line, "HTTP/1.", 7) != 0 || ret->status < 100)
		return -EBADMSG;
	(void)snprintf(ret->reason, sizeof(ret->reason), "%.*s", (int)strcspn(status + 1, "\r"),
		       status + 1);
	while ((line = strsep(&text, "\n")) != NULL) {
		line[strcspn(line, "\r")] = '\0';
		if (strncasecmp(line, "Content-Length:", 15) == 0) {
			const char *value = line + 15 + strspn(line + 15, " ");

			if (parse_u64(value, 0, UINT64_MAX, &ret->length) < 0)
				return -EBADMSG;
			ret->has_length = true;
		} else if (strncasecmp(line, "Transfer-Encoding:", 18) == 0) {
			return -EBADMSG; /* not in an answer to HTTP/1.0 */
		}
	}
	return 0;
}

/* What came before the body ends is in @buf, @have bytes; @body is where the rest begins. */
static ssize_t receive_head(struct netstack *st, int fd, char *buf, struct response *res,
			    size_t *body)
{
	size_t have = 0;

	for (;;) {
		char *end;
		ssize_t n = ns_recv(st, fd, buf + have, BUFFER - have, 0);

		if (n <= 0)
			return n < 0 ? n : -EBADMSG;
		have += (size_t)n;
		buf[have] = '\0';
		end = strstr(buf, "\r\n\r\n");
		if (end) {
			int r;

			*body = (size_t)(end + 4 - buf);
			end[2] = '\0';
			r = read_head(buf, res);
			return r < 0 ? r : (ssize_t)have;
		}
		if (have == BUFFER)
			return -EBADMSG;
	}
}

static int receive_body(struct netstack *st, int fd, int out, char *buf, ssize_t have, size_t from,
			const struct response *res)
{
	char hex[SHA256_DIGEST_STRING_LENGTH];
	uint64_t total = 0;
	SHA2_CTX hash;

	SHA256Init(&hash);
	for (;;) {
		const size_t n = (size_t)have - from;
		int r;

		total += n;
		if (arg_hash)
			SHA256Update(&hash, (const uint8_t *)buf + from, n);
		r = arg_hash ? 0 : fd_write_all(out, buf + from, n);
		if (r < 0)
			return common_fail("cannot write: %s", strerror(-r));
		if (res->has_length && total >= res->length)
			break;
		from = 0;
		have = ns_recv(st, fd, buf, BUFFER, 0);
		if (have < 0)
			return common_fail("after %llu bytes: %s", (unsigned long long)total,
					   strerror((int)-have));
		if (have == 0)
			break;
	}
	if (res->has_length && total != res->length)
		return common_fail("%llu bytes came, not %llu", (unsigned long long)total,
				   (unsigned long long)res->length);
	if (arg_hash && dprintf(out, "%s\n", SHA256End(&hash, hex)) < 0)
		return common_fail("cannot write: %s", strerror(errno));
	return 0;
}

static int request(struct netstack *st, int fd, const struct url *url)
{
	const struct timeval timeout = { .tv_sec = arg_timeout };
	char text[2048];
	ssize_t n;
	int r;

	(void)ns_setsockopt(st, fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout));
	(void)ns_setsockopt(st, fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof(timeout));
	r = ns_connect(st, fd, (const struct sockaddr *)&url->addr, url->len);
	if (r == -EINPROGRESS)
		r = -ETIMEDOUT; /* connect() of a socket with a timeout */
	if (r < 0)
		return r;
	n = snprintf(text, sizeof(text), "GET %s HTTP/1.0\r\nHost: %s\r\n\r\n",
		     *url->path ? url->path : "/", url->host);
	if (n >= (ssize_t)sizeof(text))
		return -ENAMETOOLONG;
	n = ns_send(st, fd, text, (size_t)n, 0);
	return n < 0 ? (int)n : 0;
}

static int fetch(struct netstack *st, int fd, const struct url *url)
{
	cleanup_close int out = -1;
	static char buf[BUFFER + 1];
	struct response res;
	size_t body = 0;
	ssize_t have;
	int r;

	r = request(st, fd, url);
	if (r < 0)
		return common_fail("cannot ask '%s': %s", url->host, strerror(-r));
	have = receive_head(st, fd, buf, &res, &body);
	if (have < 0)
		return common_fail("no answer of '%s' that is HTTP: %s", url->host,
				   strerror((int)-have));
	if (res.status != 200) {
		(void)common_fail("'%s' says: %s", url->host, res.reason);
		return STATUS_OTHER;
	}
	out = arg_output ? open(arg_output, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666)
			 : dup(STDOUT_FILENO);
	if (out < 0)
		return common_fail("cannot open '%s': %s", arg_output ? arg_output : "-",
				   strerror(errno));
	return receive_body(st, fd, out, buf, have, body, &res);
}

int main(int argc, char **argv)
{
	static const struct common_option options[] = {
		{ "output", "FILE", "write there, not to standard output", &arg_output, NULL,
		  NULL },
		{ "hash", NULL, "print the SHA-256 in place of the body", NULL, NULL, &arg_hash },
		{ "timeout", "S", "wait so long for the server (30)", NULL, &arg_timeout, NULL },
		{ 0 },
	};
	const struct common_program program = { "http://ADDRESS[:PORT]/PATH", options, 1, 1 };
	struct netstack *st;
	struct url url;
	char **args;
	int status, fd;
	struct host *h = common_start(&program, argc, argv, &args, &status);

	if (!h)
		return status;
	st = host_stack(h);
	if (read_url(args[0], &url) < 0) {
		(void)common_fail("'%s' is not http://ADDRESS[:PORT]/PATH", args[0]);
		common_end(h);
		return 2;
	}
	fd = ns_socket(st, url.addr.ss_family, SOCK_STREAM, 0);
	if (fd < 0) {
		status = common_fail("no socket: %s", strerror(-fd));
	} else {
		status = fetch(st, fd, &url);
		(void)ns_close(st, fd);
		(void)host_drain(h, 1000); /* the peer may be gone */
	}
	common_end(h);
	return status;
}
