/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "ask.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "base/json_out.h"
#include "base/json_table.h"
#include "commands.h"

DEFINE_CLEANUP(struct json_doc *, json_doc_free);

#define COUNT_MAX     1000
#define COUNT_DEFAULT 3
#define INTERVAL_MS   1000

struct result {
	int64_t sent, received, min_ns, avg_ns, max_ns;
};

#define N(member)                                                                                  \
	{                                                                                          \
		.name = #member, .kind = JSON_INT, .offset = offsetof(struct result, member),      \
		.max = INT64_MAX                                                                   \
	}

static const struct json_field result_table[] = {
	N(sent), N(received), N(min_ns), N(avg_ns), N(max_ns), { 0 },
};

static void put_ms(const char *name, int64_t ns)
{
	(void)printf(" %s %jd.%03jd ms", name, (intmax_t)(ns / 1000000),
		     (intmax_t)(ns / 1000 % 1000)); /* checked at the end */
}

static int print_result(struct json_doc *doc, const char *to)
{
	struct nerr err = NERR_INIT;
	struct result res = { 0 };
	int r = json_read(doc, NULL, "", result_table, &res, &err);

	if (r < 0)
		return fail(&err);
	(void)printf("%s: %jd sent, %jd received", to, (intmax_t)res.sent, (intmax_t)res.received);
	if (res.received) {
		(void)putchar(',');
		put_ms("min", res.min_ns);
		put_ms("avg", res.avg_ns);
		put_ms("max", res.max_ns);
	}
	(void)putchar('\n');
	r = printed();
	return r ? r : res.received ? 0 : EXIT_FAILED;
}

int cmd_ping(const struct command *cmd, const struct opts *o)
{
	const char *to = o->n_args ? o->args[o->n_args - 1] : NULL;
	const uint32_t count = o->count ? o->count : COUNT_DEFAULT;
	const uint32_t interval = o->interval_ms ? o->interval_ms : INTERVAL_MS;
	CLEANUP(json_doc_freep) struct json_doc *doc = NULL;
	struct json_out out = JSON_OUT_INIT(0);
	struct nerr err = NERR_INIT;
	int r;

	if (!to || count > COUNT_MAX) {
		if (!to)
			(void)nerr_set(&err, -EINVAL, "'netstackctl %s' wants an address",
				       cmd->name);
		else
			(void)nerr_set(&err, -EINVAL, "no more than %d requests, got %u", COUNT_MAX,
				       count);
		(void)fail(&err);
		return EXIT_USAGE;
	}
	json_out_object(&out, NULL);
	json_out_string(&out, "do", "ping");
	json_out_string(&out, "to", to);
	json_out_int(&out, "count", count);
	json_out_int(&out, "interval_ms", interval);
	if (o->size)
		json_out_int(&out, "size", o->size);
	json_out_end(&out);
	if (out.buf.failed) {
		(void)nerr_oom(&err);
		r = fail(&err);
	} else {
		r = ask(o, o->n_args > 1 ? o->args[0] : NULL, out.buf.s, -1,
			ANSWER_MS + count * interval, &doc);
	}
	strbuf_done(&out.buf);
	return r || !doc ? r : print_result(doc, to);
}
