/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * fuzz_host_local_conf.c - any configuration of host-local, and walks through its ranges
 *
 * Input: a line of CNI_ARGS, then the JSON text.
 *
 * Laws: what is accepted has sets of complete ranges that do not overlap, each address
 * of a walk lies in its range and has the position it was found at; what is refused
 * has a message; DEL reads the same directory as ADD.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/json_table.h"
#include "base/str.h"
#include "cni/cni.h"
#include "ipam/host-local/conf_priv.h"
#include "ipam/host-local/walk_priv.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define LAW(holds)                                                                                 \
	do {                                                                                       \
		if (!(holds))                                                                      \
			__builtin_trap();                                                          \
	} while (0)

static void position_reads_back(const struct hl_walk *w, uint64_t pos)
{
	const struct hl_range *r;
	struct ipaddr a;
	uint64_t back;

	r = hl_walk_at(w, pos, &a);
	LAW(hl_range_contains(r, &a));
	LAW(hl_range_set_lookup(w->set, &a) == r);
	LAW(hl_walk_pos(w, &a, &back) && back == pos);
}

static void walk_through(const struct hl_range_set *set, const struct ipaddr *last)
{
	struct hl_walk w;

	hl_walk_init(&w, set, last);
	LAW(w.total > 0);
	for (uint64_t pos = 0; pos < w.total && pos < 40; pos++)
		position_reads_back(&w, pos);
	position_reads_back(&w, w.total / 2);
	position_reads_back(&w, w.total - 1 - (w.total == UINT64_MAX));
}

static void check_set(const struct hl_range_set *set)
{
	CLEANUP(strbuf_done) struct strbuf text = STRBUF_INIT;

	LAW(set->n > 0);
	hl_range_set_to_str(set, &text);
	LAW(text.len > 0);
	for (size_t i = 0; i < set->n; i++) {
		const struct hl_range *r = &set->v[i];

		LAW(ipaddr_is_set(&r->gateway));
		LAW(r->start.family == set->v[0].start.family);
		LAW(ipaddr_cmp(&r->start, &r->end) <= 0);
		LAW(ipnet_contains(&r->subnet, &r->start) && ipnet_contains(&r->subnet, &r->end));
	}
	walk_through(set, NULL);
	walk_through(set, &set->v[set->n / 2].start);
	walk_through(set, &set->v[set->n - 1].end);
}

static void check_conf(struct cni_call *call, const struct hl_conf *conf)
{
	const char *dir = "";
	struct nerr err = NERR_INIT;

	LAW(conf->n_sets > 0);
	for (size_t i = 0; i < conf->n_sets; i++) {
		check_set(&conf->sets[i]);
		LAW(i == 0 || !hl_range_set_overlaps(&conf->sets[0], &conf->sets[i]));
	}
	for (size_t i = 1; i < conf->n_requested; i++)
		LAW(!ipaddr_eq(&conf->requested[0], &conf->requested[i]));
	LAW(hl_conf_read_data_dir(call, &dir, &err) == 0);
	LAW(dir == conf->data_dir);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t *eol = size ? memchr(data, '\n', size) : NULL;
	struct cni_call call = { .version = "1.0.0", .net_name = "net" };
	cleanup_free char *args = NULL;
	struct nerr err = NERR_INIT;
	struct hl_conf conf;

	if (!eol)
		return 0;
	args = strndup((const char *)data, (size_t)(eol - data));
	LAW(args != NULL);
	size -= (size_t)(eol + 1 - data);
	if (json_doc_parse((const char *)eol + 1, size, &call.doc, &err) < 0)
		return 0;
	call.args = args;
	if (hl_conf_read(&call, &conf, &err) == 0)
		check_conf(&call, &conf);
	else
		LAW(*err.msg);
	json_doc_free(call.doc);
	return 0;
}
