/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * params.c - parameters and counters of the instance by name
 */
#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "names.h"
#include "netstack/net/ip.h"
#include "netstack/tcp/tcp.h"

/* clang-format off */
#define TCP(field) { "tcp." #field, false, offsetof(struct tcp_params, field), \
		     sizeof(((struct tcp_params *)0)->field) }
#define IP(field)  { "ip." #field, true, offsetof(struct ip_params, field), \
		     sizeof(((struct ip_params *)0)->field) }
/* clang-format on */

const struct param params[] = {
	TCP(rmem_min),
	TCP(rmem_default),
	TCP(rmem_max),
	TCP(wmem_min),
	TCP(wmem_default),
	TCP(wmem_max),
	TCP(bytes_max),
	TCP(moderate_rcvbuf),
	TCP(adv_win_scale),
	TCP(window_scaling),
	TCP(timestamps),
	TCP(sack),
	TCP(dsack),
	TCP(syn_retries),
	TCP(synack_retries),
	TCP(retries1),
	TCP(retries2),
	TCP(orphan_retries),
	TCP(orphans_max),
	TCP(keepalive_s),
	TCP(keepalive_probes),
	TCP(keepalive_intvl_s),
	TCP(fin_timeout_s),
	TCP(time_wait_s),
	TCP(time_wait_max),
	TCP(tw_reuse),
	TCP(syncookies),
	TCP(syn_backlog_max),
	TCP(somaxconn),
	TCP(abort_on_overflow),
	TCP(challenge_ack_per_s),
	TCP(invalid_ratelimit_ms),
	TCP(rto_min_ms),
	TCP(rto_max_ms),
	TCP(rto_initial_ms),
	TCP(delack_min_ms),
	TCP(delack_max_ms),
	TCP(initial_cwnd),
	TCP(slow_start_after_idle),
	TCP(reordering),
	TCP(mtu_probing),
	TCP(base_mss),
	TCP(min_snd_mss),
	TCP(gso),
	TCP(rfc1337),
	{ "tcp.cc", false, offsetof(struct tcp_params, cc), 0 },
	IP(ip4_forward),
	IP(ip6_forward),
	IP(ttl),
	IP(no_pmtu_disc),
	IP(pmtu_expires_ms),
	IP(pmtu_min),
	IP(reass_ms),
	IP(icmp_echo_ignore_all),
	IP(icmp_per_s),
	IP(icmp_burst),
	IP(icmp_peer_ms),
	IP(port_min),
	IP(port_max),
	{ 0 },
};

void param_set(struct ip_params *ip, struct tcp_params *tcp, const struct param *p, int64_t n,
	       const char *text)
{
	char *at = (p->is_ip ? (char *)ip : (char *)tcp) + p->offset;

	switch (p->size) {
	case 0:
		(void)snprintf(tcp->cc, sizeof(tcp->cc), "%s", text);
		break;
	case 1:
		*(uint8_t *)at = (uint8_t)n;
		break;
	case 2:
		*(uint16_t *)(void *)at = (uint16_t)n;
		break;
	case 4:
		*(uint32_t *)(void *)at = (uint32_t)n;
		break;
	case 8:
		*(uint64_t *)(void *)at = (uint64_t)n;
		break;
	default:
		assert(!"a parameter of an odd size");
	}
}

/* --- counters --- */

struct counter {
	const char *name;
	unsigned int offset;
};

static const struct counter tcp_counters[] = {
#define X(field) { #field, offsetof(struct tcp_stats, field) },
	TCP_STATS(X)
#undef X
};

/* clang-format off */
#define C(field) { .name = #field, .offset = offsetof(struct ip_stats, field) }
/* clang-format on */

static const struct counter ip_counters[] = {
	C(in_receives),    C(in_delivers),     C(forwarded),    C(out_requests), C(frag_created),
	C(frag_oks),       C(reass_requests),  C(reass_oks),    C(icmp_in),      C(icmp_out),
	C(icmp_errors_in), C(icmp_errors_out), C(pmtu_updates),
};

#undef C
/* clang-format off */
#define C(field) { .name = #field, .offset = offsetof(struct netstack_memory, field) }
/* clang-format on */

static const struct counter memory_counters[] = {
	C(packets),  C(packet_bytes), C(sockets),          C(conns),
	C(syn_rcvd), C(time_wait),    C(reassembly_bytes),
};

static const struct counter *counters(enum count_kind kind, size_t *ret_n)
{
	switch (kind) {
	case COUNT_TCP:
		*ret_n = ARRAY_SIZE(tcp_counters);
		return tcp_counters;
	case COUNT_IP:
		*ret_n = ARRAY_SIZE(ip_counters);
		return ip_counters;
	case COUNT_MEMORY:
		*ret_n = ARRAY_SIZE(memory_counters);
		return memory_counters;
	case COUNT_DROP:
		break;
	}
	*ret_n = 0;
	return NULL;
}

int counter_find(enum count_kind kind, const char *name)
{
	const struct counter *c;
	size_t n;

	if (kind == COUNT_DROP) {
		for (int i = 0; i < DROP_N; i++)
			if (strcmp(drop_name((enum drop_reason)i), name) == 0)
				return i;
		return -1;
	}
	c = counters(kind, &n);
	for (size_t i = 0; i < n; i++)
		if (strcmp(c[i].name, name) == 0)
			return (int)i;
	return -1;
}

const char *counter_name(enum count_kind kind, unsigned int index)
{
	size_t n;

	return kind == COUNT_DROP ? drop_name((enum drop_reason)index)
				  : counters(kind, &n)[index].name;
}

static uint64_t read_at(const void *base, unsigned int offset)
{
	uint64_t v;

	memcpy(&v, (const char *)base + offset, sizeof(v));
	return v;
}

uint64_t counter_read(const struct netstack *st, enum count_kind kind, unsigned int index)
{
	struct netstack_memory memory;

	switch (kind) {
	case COUNT_TCP:
		return read_at(netstack_tcp_stats(st), tcp_counters[index].offset);
	case COUNT_IP:
		return read_at(netstack_ip_stats(st), ip_counters[index].offset);
	case COUNT_DROP:
		return netstack_drops(st)[index];
	case COUNT_MEMORY:
		break;
	}
	netstack_memory(st, &memory);
	return read_at(&memory, memory_counters[index].offset);
}
