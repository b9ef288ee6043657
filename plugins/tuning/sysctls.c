/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <regex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/fd.h"
#include "base/str.h"
#include "base/sysctl.h"
#include "plugins/tuning/conf_priv.h"
#include "plugins/tuning/sysctls_priv.h"

#define ALLOWLIST_LEN_MAX (1u << 20)
#define SYSCTL_VALUE_LEN  4096

/* --- the administrator's list --- */

static int match_line(const char *line, const char *key, bool *ret, struct nerr *err)
{
	regex_t re;
	int r = regcomp(&re, line, REG_EXTENDED | REG_NOSUB);

	if (r != 0) {
		char text[128];

		(void)regerror(r, &re, text, sizeof(text));
		return nerr_set(err, -EINVAL, "%s: cannot compile regular expression \"%s\": %s",
				TUNING_ALLOWLIST, line, text);
	}
	*ret = regexec(&re, key, 0, NULL, 0) == 0;
	regfree(&re);
	return 0;
}

/* @list is cut into lines: the text is changed. */
static int check_key(const char *key, char *const *lines, size_t n, struct nerr *err)
{
	struct strbuf all = STRBUF_INIT;
	bool match = false;
	int r = 0;

	for (size_t i = 0; i < n && !match && r == 0; i++)
		r = match_line(lines[i], key, &match, err);
	if (r < 0 || match)
		return r;
	for (size_t i = 0; i < n; i++)
		strbuf_addf(&all, "%s%s", i ? " " : "", lines[i]);
	r = nerr_set(err, -EPERM,
		     "Sysctl %s is not allowed. Only the following sysctls are allowed: [%s]", key,
		     strbuf_text(&all));
	strbuf_done(&all);
	return r;
}

static int read_list(struct strbuf *ret, struct nerr *err)
{
	cleanup_close int fd = open(TUNING_ALLOWLIST, O_RDONLY | O_CLOEXEC);
	int r;

	if (fd < 0)
		return errno == ENOENT
			       ? -ENOENT
			       : nerr_set(err, -errno, "cannot open '%s': %m", TUNING_ALLOWLIST);
	r = fd_read_all(fd, ALLOWLIST_LEN_MAX, ret);
	return r < 0 ? nerr_set(err, r, "cannot read '%s': %m", TUNING_ALLOWLIST) : 0;
}

/* Cut @text into its lines that are not blank. NULL on OOM. */
static char **split_lines(char *text, size_t *ret_n)
{
	size_t max = 1;
	char **lines;
	size_t n = 0;
	char *save = NULL;

	for (const char *p = text; *p; p++)
		max += *p == '\n';
	lines = calloc(max, sizeof(*lines));
	if (!lines)
		return NULL;
	for (char *line = strtok_r(text, "\r\n", &save); line; line = strtok_r(NULL, "\r\n", &save))
		if (line[strspn(line, " \t")])
			lines[n++] = line;
	*ret_n = n;
	return lines;
}

int sysctls_check_allowed(const struct tuning_conf *conf, struct nerr *err)
{
	struct strbuf text = STRBUF_INIT;
	char **lines = NULL;
	size_t n = 0;
	int r;

	if (!conf->n_sysctls)
		return 0;
	r = read_list(&text, err);
	if (r == 0 && text.len) {
		lines = split_lines(text.s, &n);
		if (!lines)
			r = nerr_oom(err);
	}
	for (size_t i = 0; i < conf->n_sysctls && r == 0; i++)
		r = check_key(conf->sysctls[i].key, lines, n, err);
	free(lines);
	strbuf_done(&text);
	return r == -ENOENT ? 0 : r;
}

/* --- values --- */

int sysctls_set(const struct tuning_conf *conf, struct nerr *err)
{
	char(*old)[SYSCTL_VALUE_LEN] = NULL;
	size_t done = 0;
	int r = 0;

	if (!conf->n_sysctls)
		return 0;
	old = calloc(conf->n_sysctls, sizeof(*old));
	if (!old)
		return nerr_oom(err);
	for (; done < conf->n_sysctls && r == 0; done++) {
		const struct tuning_sysctl *s = &conf->sysctls[done];

		/* Some can only be written; those stay as they are set. */
		if (sysctl_read(s->path, old[done], sizeof(*old), NULL) < 0)
			old[done][0] = '\0';
		r = sysctl_write(s->path, s->value, err);
	}
	if (r < 0) {
		for (size_t i = done - 1; i-- > 0;)
			if (old[i][0])
				(void)sysctl_write(conf->sysctls[i].path, old[i], NULL);
	}
	free(old);
	return r;
}

int sysctls_check(const struct tuning_conf *conf, struct nerr *err)
{
	char value[SYSCTL_VALUE_LEN];

	for (size_t i = 0; i < conf->n_sysctls; i++) {
		const struct tuning_sysctl *s = &conf->sysctls[i];
		int r = sysctl_read(s->path, value, sizeof(value), err);

		if (r < 0)
			return r;
		if (strcmp(value, s->value) != 0)
			return nerr_set(
				err, -EINVAL,
				"Error: Tuning configured value of %s is %s, current value is %s",
				s->path, s->value, value);
	}
	return 0;
}
