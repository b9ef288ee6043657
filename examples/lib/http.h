/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * http.h - HTTP/1.1 requests as values (RFC 9112)
 */
#ifndef EXAMPLES_LIB_HTTP_H
#define EXAMPLES_LIB_HTTP_H

#include <stdbool.h>
#include <stdint.h>

#define HTTP_PATH_LEN 2048

/**
 * struct http_request - What somebody asks for
 * @target:	As it was written, without the query
 * @path:	Decoded, without the first slash; "index.html" is added to a directory's
 * @is_head:	HEAD, not GET
 * @keep:	The connection stays
 * @has_host:	Of HTTP/1.1 each has one
 * @has_range:	From @first to @last, which may be UINT64_MAX; when @first is UINT64_MAX the
 *		last @last bytes
 */
struct http_request {
	const char *target;
	bool is_head;
	bool keep;
	bool has_host;
	bool has_range;
	uint64_t first;
	uint64_t last;
	char path[HTTP_PATH_LEN];
};

/**
 * http_read_request() - Understand a request
 * @text:	All its lines before the empty one, NUL-terminated; they are cut apart
 *
 * Return: 200, or the status to refuse it with, and then the connection is to end
 */
int http_read_request(char *text, struct http_request *ret);

const char *http_status_text(int status);

/* By the end of its name. */
const char *http_type_of(const char *path);

#endif /* EXAMPLES_LIB_HTTP_H */
