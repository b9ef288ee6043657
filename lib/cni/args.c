/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * CNI_ARGS: "KEY=value;KEY2=value2"
 */
#include <errno.h>
#include <string.h>

#include "base/arena.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "base/str.h"
#include "cni/cni_priv.h"

/* Result of looking at one pair. */
enum pair_fate {
	PAIR_TAKEN,
	PAIR_UNKNOWN
};

static int bad_pair(const char *pair, struct nerr *err)
{
	CLEANUP(strbuf_done) struct strbuf quoted = STRBUF_INIT;

	cni_quote(&quoted, pair);
	return nerr_set(err, -EINVAL, "ARGS: invalid pair %s", strbuf_text(&quoted));
}

static int parse_bool(const char *key, const char *value, bool *ret, struct nerr *err)
{
	if (strcmp(value, "1") == 0 || str_eq_nocase(value, "true")) {
		*ret = true;
		return 0;
	}
	if (strcmp(value, "0") == 0 || str_eq_nocase(value, "false")) {
		*ret = false;
		return 0;
	}
	return nerr_set(err, -EINVAL,
			"ARGS: error parsing value of pair \"%s=%s\": boolean unmarshal error: "
			"invalid input %s",
			key, value, value);
}

/* @pair is cut at its '='. */
static int take_pair(char *pair, const struct cni_arg *known, bool *ignore_unknown,
		     struct nerr *err)
{
	char *value = strchr(pair, '=');

	if (!value || strchr(value + 1, '='))
		return bad_pair(pair, err);
	*value++ = '\0';
	if (strcmp(pair, "IgnoreUnknown") == 0) {
		int r = parse_bool(pair, value, ignore_unknown, err);

		return r < 0 ? r : PAIR_TAKEN;
	}
	for (; known->key; known++) {
		if (strcmp(known->key, pair) == 0) {
			*known->value = value;
			return PAIR_TAKEN;
		}
	}
	value[-1] = '=';
	return PAIR_UNKNOWN;
}

int cni_args_parse(struct cni_call *call, const struct cni_arg *known, struct nerr *err)
{
	CLEANUP(strbuf_done) struct strbuf unknown = STRBUF_INIT;
	bool ignore_unknown = false;
	char *pair;

	if (!*call->args)
		return 0;
	pair = arena_strdup(json_doc_arena(call->doc), call->args);
	if (!pair)
		return nerr_oom(err);
	while (pair) {
		char *next = strchr(pair, ';');
		int r;

		if (next)
			*next++ = '\0';
		r = take_pair(pair, known, &ignore_unknown, err);
		if (r < 0)
			return r;
		if (r == PAIR_UNKNOWN) {
			if (unknown.len)
				strbuf_add(&unknown, " ");
			cni_quote(&unknown, pair);
		}
		pair = next;
	}
	if (unknown.len && !ignore_unknown)
		return nerr_set(err, -EINVAL, "ARGS: unknown args [%s]", strbuf_text(&unknown));
	return 0;
}
