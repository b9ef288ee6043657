/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "base/fd.h"
#include "base/str.h"
#include "cni/result.h"
#include "ipam/host-local/resolv_priv.h"

#define RESOLV_LEN_MAX (1u << 20)
#define BLANKS         " \t\v\f\r"

/* "open /nope: no such file or directory": as Go words it, in lower case. */
static int file_error(const char *verb, const char *path, int code, struct nerr *err)
{
	const char *why = strerror(-code);

	return nerr_set(err, code, "%s %s: %c%s", verb, path, tolower((unsigned char)why[0]),
			why[0] ? why + 1 : "");
}

/* The next word of a line, cut off in place; NULL at its end. */
static char *next_word(char **line)
{
	char *word = *line + strspn(*line, BLANKS);

	if (!*word)
		return NULL;
	*line = word + strcspn(word, BLANKS);
	if (**line)
		*(*line)++ = '\0';
	return word;
}

/* Room for one more string grows in steps: 1, 2, 4 ... */
static int add_string(struct json_strings *s, const char *text, struct arena *arena)
{
	if ((s->n & (s->n - 1)) == 0) {
		const char **v = arena_calloc(arena, s->n ? 2 * s->n : 1, sizeof(*v));

		if (!v)
			return -ENOMEM;
		if (s->n)
			memcpy(v, s->v, s->n * sizeof(*v));
		s->v = v;
	}
	s->v[s->n++] = text;
	return 0;
}

static int read_line(char *line, struct cni_dns *dns, struct arena *arena)
{
	struct json_strings *list = NULL;
	char *key = next_word(&line);
	char *word;

	if (!key || *key == '#' || *key == ';')
		return 0;
	word = next_word(&line);
	if (!word)
		return 0;
	if (strcmp(key, "nameserver") == 0)
		return add_string(&dns->nameservers, word, arena);
	if (strcmp(key, "domain") == 0)
		dns->domain = word;
	else if (strcmp(key, "search") == 0)
		list = &dns->search;
	else if (strcmp(key, "options") == 0)
		list = &dns->options;
	for (; list && word; word = next_word(&line)) {
		if (add_string(list, word, arena) < 0)
			return -ENOMEM;
	}
	return 0;
}

static int read_text(char *text, struct arena *arena, struct cni_dns *ret, struct nerr *err)
{
	struct cni_dns dns = { .domain = NULL };

	while (text) {
		char *line = text;

		text = strchr(line, '\n');
		if (text)
			*text++ = '\0';
		if (read_line(line, &dns, arena) < 0)
			return nerr_oom(err);
	}
	*ret = dns;
	return 0;
}

int hl_resolv_read(const char *path, struct arena *arena, struct cni_dns *ret, struct nerr *err)
{
	CLEANUP(strbuf_done) struct strbuf buf = STRBUF_INIT;
	cleanup_close int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	char *text;
	int r;

	if (fd < 0)
		return file_error("open", path, -errno, err);
	r = fd_read_all(fd, RESOLV_LEN_MAX, &buf);
	if (r == -ENOMEM)
		return nerr_oom(err);
	if (r < 0)
		return file_error("read", path, r, err);
	text = arena_strdup(arena, strbuf_text(&buf));
	return text ? read_text(text, arena, ret, err) : nerr_oom(err);
}
