/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "netstack/tcp/cc.h"

#include <string.h>

#include "base/cleanup.h"

static const struct tcp_cc *const algorithms[] = {
	&tcp_cc_cubic,
	&tcp_cc_reno,
};

const struct tcp_cc *tcp_cc_lookup(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(algorithms); i++)
		if (strcmp(algorithms[i]->name, name) == 0)
			return algorithms[i];
	return NULL;
}

uint32_t tcp_cc_slow_start(struct tcp_cc_state *cc, uint32_t acked)
{
	const uint32_t room = cc->ssthresh - cc->cwnd;
	const uint32_t used = acked < room ? acked : room;

	cc->cwnd += used;
	return acked - used;
}

void tcp_cc_grow(struct tcp_cc_state *cc, uint64_t by)
{
	const uint64_t cwnd = cc->cwnd + by;

	cc->cwnd = cwnd < TCP_CWND_MAX ? (uint32_t)cwnd : TCP_CWND_MAX;
}
