/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * http.c - reading requests
 */
#include "examples/lib/http.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/cleanup.h"

static int hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The path below the root: decoded, without query, "index.html" for a directory. */
static int read_target(char *target, char *ret, size_t size)
{
	size_t n = 0;

	target[strcspn(target, "?#")] = '\0';
	if (*target != '/')
		return 400;
	for (const char *p = target + strspn(target, "/"); *p; p++) {
		int c = (uint8_t)*p;

		if (c == '%') {
			const int high = hex(p[1]), low = high < 0 ? -1 : hex(p[2]);

			c = high << 4 | low;
			p += 2;
			if (low < 0 || c == '\0')
				return 400;
		}
		if (n + sizeof("index.html") >= size)
			return 414;
		ret[n++] = (char)c;
	}
	if (n == 0 || ret[n - 1] == '/')
		n += (size_t)snprintf(ret + n, size - n, "index.html");
	ret[n] = '\0';
	return 200;
}

/* "bytes=A-B", "bytes=A-", "bytes=-N"; anything else is as if it were not there. */
static void read_range(const char *v, struct http_request *q)
{
	char *end;

	if (strncasecmp(v, "bytes=", 6) != 0 || strchr(v, ','))
		return;
	v += 6;
	q->first = *v >= '0' && *v <= '9' ? strtoull(v, &end, 10) : UINT64_MAX;
	if (q->first == UINT64_MAX)
		end = (char *)(uintptr_t)v;
	if (*end++ != '-')
		return;
	q->last = *end >= '0' && *end <= '9' ? strtoull(end, &end, 10) : UINT64_MAX;
	q->has_range = *end == '\0' && (q->first != UINT64_MAX || q->last != UINT64_MAX) &&
		       (q->first == UINT64_MAX || q->first <= q->last);
}

/* A status: 200 for a request that can be answered. */
static int read_header(char *line, struct http_request *q)
{
	char *value = strchr(line, ':');
	size_t len;

	if (!value || value == line || strchr(" \t", value[-1]) || strchr(" \t", *line))
		return 400;
	*value++ = '\0';
	value += strspn(value, " \t");
	len = strlen(value);
	while (len && strchr(" \t", value[len - 1]))
		value[--len] = '\0';
	if (strcasecmp(line, "Host") == 0)
		q->has_host = true;
	else if (strcasecmp(line, "Range") == 0)
		read_range(value, q);
	else if (strcasecmp(line, "Connection") == 0 && strcasestr(value, "close"))
		q->keep = false;
	else if (strcasecmp(line, "Connection") == 0 && strcasestr(value, "keep-alive"))
		q->keep = true;
	else if (strcasecmp(line, "Transfer-Encoding") == 0 ||
		 (strcasecmp(line, "Content-Length") == 0 && strcmp(value, "0") != 0))
		return 413; /* nobody reads a body here */
	return 200;
}

int http_read_request(char *text, struct http_request *q)
{
	char *save = text, *line = strsep(&save, "\n"), *target, *version;
	int status = 200;

	line[strcspn(line, "\r")] = '\0';
	target = strchr(line, ' ');
	version = target ? strchr(target + 1, ' ') : NULL;
	if (!version)
		return 400;
	*target++ = '\0';
	*version++ = '\0';
	if (strncmp(version, "HTTP/1.", 7) != 0 || version[8])
		return strncmp(version, "HTTP/", 5) == 0 ? 505 : 400;
	*q = (struct http_request){ .keep = version[7] != '0', .target = target };
	q->is_head = strcmp(text, "HEAD") == 0;
	if (!q->is_head && strcmp(text, "GET") != 0)
		return 405;
	while (save && status == 200 && (line = strsep(&save, "\n")) != NULL) {
		line[strcspn(line, "\r")] = '\0';
		if (*line)
			status = read_header(line, q);
	}
	if (status != 200)
		return status;
	if (version[7] != '0' && !q->has_host)
		return 400;
	return read_target(target, q->path, sizeof(q->path));
}

static const struct {
	int status;
	const char *text;
} statuses[] = {
	{ 200, "OK" },
	{ 206, "Partial Content" },
	{ 301, "Moved Permanently" },
	{ 400, "Bad Request" },
	{ 403, "Forbidden" },
	{ 404, "Not Found" },
	{ 405, "Method Not Allowed" },
	{ 413, "Content Too Large" },
	{ 414, "URI Too Long" },
	{ 416, "Range Not Satisfiable" },
	{ 431, "Request Header Fields Too Large" },
	{ 500, "Internal Server Error" },
	{ 505, "HTTP Version Not Supported" },
};

const char *http_status_text(int status)
{
	for (size_t i = 0; i < ARRAY_SIZE(statuses); i++)
		if (statuses[i].status == status)
			return statuses[i].text;
	return "";
}

const char *http_type_of(const char *path)
{
	static const char *const types[][2] = {
		{ ".html", "text/html" },     { ".txt", "text/plain" },
		{ ".css", "text/css" },       { ".png", "image/png" },
		{ ".js", "text/javascript" }, { ".svg", "image/svg+xml" },
		{ ".jpg", "image/jpeg" },     { ".json", "application/json" },
	};
	const char *dot = strrchr(path, '.');

	for (size_t i = 0; dot && i < ARRAY_SIZE(types); i++)
		if (strcasecmp(dot, types[i][0]) == 0)
			return types[i][1];
	return "application/octet-stream";
}
