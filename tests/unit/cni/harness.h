/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * harness.h - a call as cni_main() would hand it to a plugin, without its input and output
 *
 * Include after <cmocka.h>.
 */
#ifndef TESTS_UNIT_CNI_HARNESS_H
#define TESTS_UNIT_CNI_HARNESS_H

#include <string.h>

#include "base/error.h"
#include "base/json_table.h"
#include "cni/cni.h"
#include "cni/cni_priv.h"

static inline int harness_nothing(struct cni_call *call, struct nerr *err)
{
	(void)call;
	(void)err;
	return 0;
}

/* A plugin that serves everything and does nothing. */
static const struct cni_plugin harness_plugin = {
	.name = "harness",
	.versions = cni_versions_all,
	.add = harness_nothing,
	.del = harness_nothing,
	.check = harness_nothing,
	.gc = harness_nothing,
	.status = harness_nothing,
};

/* @text must outlive the call; json_doc_free(call->doc) at the end. */
static inline void harness_call(struct cni_call *call, enum cni_verb verb, const char *text)
{
	*call = (struct cni_call){
		.verb = verb,
		.container_id = "cid1",
		.netns = "/run/netns/none",
		.ifname = "eth0",
		.args = "",
		.path = "",
		.text = text,
		.text_len = strlen(text),
		.plugin = &harness_plugin,
	};
}

/* The steps before the handler: 0, or the error of the first that fails. */
static inline int harness_load(struct cni_call *call, struct nerr *err)
{
	int r = cni_request_parse(call, err);

	if (r == 0)
		r = cni_request_version(call, err);
	if (r == 0)
		r = cni_request_inputs(call, err);
	return r;
}

#endif /* TESTS_UNIT_CNI_HARNESS_H */
