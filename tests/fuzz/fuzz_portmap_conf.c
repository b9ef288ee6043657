/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The configuration of portmap, conditions included, from any text.
 */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>

#include "base/error.h"
#include "base/json_table.h"
#include "plugins/portmap/conf_priv.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_conditions(const struct conditions *conds, uint8_t family)
{
	assert(conds->n <= CONDITIONS_MAX);
	for (size_t i = 0; i < conds->n; i++) {
		const struct condition *c = &conds->v[i];

		if (c->kind == CONDITION_SADDR || c->kind == CONDITION_DADDR)
			assert(c->net.addr.family == family && c->net.prefix_len > 0);
		else if (c->kind != CONDITION_MARK)
			assert(*c->ifname && memchr(c->ifname, '\0', sizeof(c->ifname)));
	}
}

/* What is accepted can be made a rule of. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct nerr err = NERR_INIT;
	struct portmap_conf conf;
	struct json_doc *doc;

	if (json_doc_parse((const char *)data, size, &doc, &err) < 0)
		return 0;
	if (portmap_conf_read(doc, &conf, &err) == 0) {
		for (size_t i = 0; i < conf.n_mappings; i++) {
			const struct portmap_mapping *m = &conf.mappings[i];

			assert(m->host_port && m->container_port);
			assert(strcmp(portmap_proto_str(m->proto), "?") != 0);
			assert(!ipaddr_is_set(&m->host_ip) || m->host_ip.family == m->family);
		}
		check_conditions(&conf.conditions_v4, AF_INET);
		check_conditions(&conf.conditions_v6, AF_INET6);
	} else {
		assert(*err.msg);
	}
	json_doc_free(doc);
	return 0;
}
