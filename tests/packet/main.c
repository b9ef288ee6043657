/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * main.c - run packet scripts
 *
 *	packet [-c] [-v] [-t] [-4 | -6] [-o | -n] SCRIPT...
 *
 * -c parses only, -v shows what happened, -t every step of every packet; the others choose
 * variants.
 *
 * Output is TAP, a test for each script, which passes when it does in all its variants: over
 * IPv4 and IPv6, on a device with segmentation offload and on one without, and with initial
 * sequence numbers of the peer far from and close to the wrap.
 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "world.h"

/* Numbers of the peer wrap within the first window. */
#define ISN_PLAIN UINT32_C(1000000)
#define ISN_WRAPS UINT32_C(0xfffff800)

struct options_of_run {
	bool verbose; /* show what happened when a script passes, too */
	bool trace;
	bool parse_only;
	unsigned int families;
	unsigned int offload;
};

/* The failure as lines of TAP. */
static void explain(const struct world *w, bool all)
{
	const struct step *s = w->step;
	const char *p = strbuf_text(&w->log);

	if (w->failure[0] && s)
		(void)printf("# %s:%u: %s (%s%s)\n#     %s\n", s->file, s->line, w->failure,
			     w->v.ip6 ? "IPv6" : "IPv4", w->v.offload ? ", offload" : "", s->text);
	else if (w->failure[0])
		(void)printf("# %s\n", w->failure);
	if (!w->failure[0] && !all)
		return;
	while (*p) {
		const size_t len = strcspn(p, "\n");

		(void)printf("# %.*s\n", (int)len, p);
		p += len + (p[len] == '\n');
	}
}

static bool run_variant(const struct script *s, const struct variant *v, bool verbose)
{
	cleanup_free struct world *w = malloc(sizeof(*w));
	bool ok;

	if (!w)
		abort();
	ok = run_script(w, s, v);
	explain(w, verbose);
	if (!ok) {
		world_done(w);
		return false;
	}
	w->step = NULL;
	world_done(w);
	if (w->failure[0])
		(void)printf("# %s\n", w->failure);
	return !w->failure[0];
}

static bool run_variants(const struct script *s, const struct options_of_run *o)
{
	for (int i = 0; i < 4; i++) {
		const bool ip6 = i & 1, offload = i & 2;
		struct variant v = { .ip6 = ip6, .offload = offload, .trace = o->trace };

		if (!(s->families & o->families & (ip6 ? FAMILY_IP6 : FAMILY_IP4)) ||
		    !(s->offload & o->offload & (offload ? OFFLOAD_ON : OFFLOAD_OFF)))
			continue;
		v.isn = s->has_isn ? s->isn : i % 3 == 0 ? ISN_PLAIN : ISN_WRAPS;
		if (!run_variant(s, &v, o->verbose))
			return false;
	}
	return true;
}

/* Includes lie in a folder "include" beside the folder "scripts". */
static void include_dir(const char *file, char *ret, size_t size)
{
	const char *scripts = strstr(file, "scripts/");

	(void)snprintf(ret, size, "%.*sinclude", scripts ? (int)(scripts - file) : 0, file);
}

static bool run_file(const char *file, const struct options_of_run *o)
{
	CLEANUP(script_done) struct script s = { .n_steps = 0 };
	struct script_source src;
	struct nerr err;
	char dir[512];

	include_dir(file, dir, sizeof(dir));
	src.include_dir = dir;
	if (script_read(&s, &src, file, &err) < 0) {
		(void)printf("# %s\n", err.msg);
		return false;
	}
	return o->parse_only || run_variants(&s, o);
}

/* "scripts/AREA/NAME.pkt" is AREA/NAME. */
static void show_result(bool ok, int n, const char *file)
{
	const char *scripts = strstr(file, "scripts/");
	const char *name = scripts ? scripts + strlen("scripts/") : file;
	const char *end = strstr(name, ".pkt");

	(void)printf("%s %d - %.*s\n", ok ? "ok" : "not ok", n,
		     end ? (int)(end - name) : (int)strlen(name), name);
}

int main(int argc, char **argv)
{
	struct options_of_run o = {
		.families = FAMILY_IP4 | FAMILY_IP6,
		.offload = OFFLOAD_OFF | OFFLOAD_ON,
	};
	int failed = 0, c;

	while ((c = getopt(argc, argv, "cvt46on")) != -1) {
		switch (c) {
		case 'c':
			o.parse_only = true;
			break;
		case 'v':
			o.verbose = true;
			break;
		case 't':
			o.trace = true;
			break;
		case '4':
			o.families = FAMILY_IP4;
			break;
		case '6':
			o.families = FAMILY_IP6;
			break;
		case 'o':
			o.offload = OFFLOAD_ON;
			break;
		case 'n':
			o.offload = OFFLOAD_OFF;
			break;
		default:
			(void)fprintf(
				stderr,
				"usage: packet [-c] [-v] [-t] [-4 | -6] [-o | -n] SCRIPT...\n");
			return 2;
		}
	}
	(void)printf("1..%d\n", argc - optind);
	for (int i = optind; i < argc; i++) {
		const bool ok = run_file(argv[i], &o);

		failed += !ok;
		show_result(ok, i - optind + 1, argv[i]);
		(void)fflush(stdout);
	}
	return failed ? 1 : 0;
}
