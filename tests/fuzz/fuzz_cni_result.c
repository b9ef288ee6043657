/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * prevResult, and the result of an executed IPAM plugin, from any text.  In every version:
 * what was read and printed reads and prints the same, and a copy prints what it is a copy of.
 */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/json_table.h"
#include "base/str.h"
#include "cni/cni.h"
#include "cni/cni_priv.h"
#include "cni/result.h"
#include "cni/version.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Only the oldest versions cannot carry everything. */
static bool print(const struct cni_result *res, const char *version, struct strbuf *ret)
{
	struct nerr err = NERR_INIT;

	if (cni_result_print(res, version, 4, ret, &err) == 0)
		return true;
	assert(cni_version_shape(version) == CNI_SHAPE_0_1 && *err.msg);
	assert(ret->len == 0);
	return false;
}

static void reads_and_prints_the_same(const char *text, const char *version)
{
	struct strbuf again = STRBUF_INIT;
	struct nerr err = NERR_INIT;
	struct cni_result res;
	struct json_doc *doc;

	assert(json_doc_parse(text, strlen(text), &doc, &err) == 0);
	assert(cni_result_read(doc, NULL, version, &res, &err) == 0);
	assert(print(&res, version, &again));
	assert(strcmp(again.s, text) == 0);
	strbuf_done(&again);
	json_doc_free(doc);
}

static void check(const struct cni_result *res)
{
	struct arena arena = ARENA_INIT;
	struct cni_result copy;

	for (size_t i = 0; i < res->n_ips; i++)
		(void)cni_ip_interface(res, &res->ips[i]);
	assert(cni_result_copy(&copy, res, &arena, NULL) == 0);
	for (const char *const *to = cni_versions_all; *to; to++) {
		struct strbuf text = STRBUF_INIT;
		struct strbuf of_copy = STRBUF_INIT;

		if (print(res, *to, &text)) {
			reads_and_prints_the_same(text.s, *to);
			assert(print(&copy, *to, &of_copy));
			assert(strcmp(text.s, of_copy.s) == 0);
		}
		strbuf_done(&of_copy);
		strbuf_done(&text);
	}
	arena_done(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const families[] = { "0.2.0", "0.4.0", "1.1.0" };

	for (size_t i = 0; i < 3; i++) {
		struct nerr err = NERR_INIT;
		struct cni_result res;
		struct json_doc *doc;

		if (json_doc_parse((const char *)data, size, &doc, &err) < 0)
			return 0;
		if (cni_result_read(doc, NULL, families[i], &res, &err) == 0)
			check(&res);
		else
			assert(*err.msg);
		json_doc_free(doc);
	}
	return 0;
}
