/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * A file of the cache of results from any text: other runtimes write there, too.  Laws:
 * what is taken has all that a DEL needs, and can be put and read back.
 */
#include <stdint.h>

#include "lib/cni/cache.c"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_again(const struct cni_cached *c)
{
	const struct cni_conflist list = { .name = c->network, .text = c->config };
	struct json_out o = JSON_OUT_INIT(0);
	struct cni_cached *again;
	struct nerr err = NERR_INIT;

	assert(print_file(&list, &c->attach, c->result ? c->result : "null", &o) == 0);
	assert(cached_parse(o.buf.s, o.buf.len, &again, &err) == 0);
	assert(strcmp(again->config, c->config) == 0);
	assert(again->attach.n_args == c->attach.n_args);
	assert(again->attach.n_caps == c->attach.n_caps);
	assert(!again->result == !c->result);
	assert(!c->result || strcmp(again->result, c->result) == 0);
	cni_cached_free(again);
	strbuf_done(&o.buf);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct cni_cached *c = NULL;
	struct nerr err = NERR_INIT;

	if (cached_parse((const char *)data, size, &c, &err) < 0) {
		assert(!c);
		assert(*err.msg);
		return 0;
	}
	assert(*c->network && *c->attach.container_id && *c->attach.ifname);
	assert(c->attach.netns && c->config);
	check_again(c);
	cni_cached_free(c);
	return 0;
}
