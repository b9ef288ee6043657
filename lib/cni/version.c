/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cni/version.h"

#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/str.h"
#include "cni/cni.h"
#include "cni/cni_priv.h"

#define VERSION_PARTS 3

const char *const cni_versions_all[] = {
	"0.1.0", "0.2.0", "0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0", NULL,
};

const char *const cni_versions_since_0_4_0[] = { "0.4.0", "1.0.0", "1.1.0", NULL };

enum cni_shape cni_version_shape(const char *version)
{
	static const struct {
		const char *version;
		enum cni_shape shape;
	} shapes[] = {
		{ "0.1.0", CNI_SHAPE_0_1 }, { "0.2.0", CNI_SHAPE_0_1 }, { "0.3.0", CNI_SHAPE_0_3 },
		{ "0.3.1", CNI_SHAPE_0_3 }, { "0.4.0", CNI_SHAPE_0_3 }, { "1.0.0", CNI_SHAPE_1_0 },
		{ "1.1.0", CNI_SHAPE_1_0 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(shapes); i++)
		if (strcmp(shapes[i].version, version) == 0)
			return shapes[i].shape;
	return CNI_SHAPE_NONE;
}

/* A part that is no number, in the words of the reference suite. */
static int bad_part(const char *name, const char *part, const char *why, struct nerr *err)
{
	CLEANUP(strbuf_done) struct strbuf quoted = STRBUF_INIT;

	cni_quote(&quoted, part);
	return nerr_set(err, -EINVAL,
			"failed to convert %s version part %s: strconv.Atoi: parsing %s: %s", name,
			strbuf_text(&quoted), strbuf_text(&quoted), why);
}

static int version_parse(const char *text, uint32_t ret[static VERSION_PARTS], struct nerr *err)
{
	static const char *const names[VERSION_PARTS] = { "major", "minor", "micro" };
	const char *p = *text ? text : CNI_VERSION_FIRST;
	unsigned dots = 0;

	for (const char *c = p; *c; c++)
		dots += *c == '.';
	if (dots >= VERSION_PARTS) {
		CLEANUP(strbuf_done) struct strbuf quoted = STRBUF_INIT;

		cni_quote(&quoted, text);
		return nerr_set(err, -EINVAL, "invalid version %s: too many parts",
				strbuf_text(&quoted));
	}
	for (unsigned i = 0; i < VERSION_PARTS; i++) {
		cleanup_free char *part = NULL;
		int r;

		ret[i] = 0;
		if (i > dots)
			continue;
		part = strndup(p, strcspn(p, "."));
		if (!part)
			return nerr_oom(err);
		r = parse_u32(part, 0, INT32_MAX, &ret[i]);
		if (r < 0)
			return bad_part(names[i], part,
					r == -ERANGE ? "value out of range" : "invalid syntax",
					err);
		p += strlen(part);
		p += *p == '.';
	}
	return 0;
}

int cni_version_at_least(const char *a, const char *b, struct nerr *err)
{
	uint32_t va[VERSION_PARTS];
	uint32_t vb[VERSION_PARTS];
	int r;

	r = version_parse(a, va, err);
	if (r < 0)
		return r;
	r = version_parse(b, vb, err);
	if (r < 0)
		return r;
	for (unsigned i = 0; i < VERSION_PARTS; i++)
		if (va[i] != vb[i])
			return va[i] > vb[i];
	return 1;
}

bool cni_version_in(const char *version, const char *const *list)
{
	for (; *list; list++)
		if (strcmp(*list, version) == 0)
			return true;
	return false;
}
