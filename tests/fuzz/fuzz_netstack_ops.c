/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Operations on an instance whose sockets are in all states: segments relative to what it
 * expects, ICMP errors about what it sent, time, calls of programs, memory that fails, links and
 * addresses that go and come.  After each of them everything that must hold is looked at.
 *
 * An input is two bytes of enum scene_option, and operations: a byte that says which one, and
 * its arguments.
 */
#include <errno.h>
#include <string.h>

#include "tests/fuzz/netstack/ops.h"
#include "wire/bytes.h"

#define OPS_MAX    200 /* of an input: longer ones only take longer */
#define TIME_MAX_S 9000
#define CHECK_EACH 16

static void pass(struct ops *o)
{
	const uint8_t v = ops_take(o);
	const uint64_t at = netstack_deadline(o->s->st);
	uint64_t ms = (uint64_t)(v & 15) << (v >> 4);

	if (v == 0 && at != TIMER_NEVER && at > o->s->now_ns)
		scene_pass(o->s, at - o->s->now_ns);
	else
		scene_pass(o->s, (ms < TIME_MAX_S * 1000 ? ms : TIME_MAX_S * 1000) * SCENE_MS);
	/* As whoever has an instance does when it was quiet for so long. */
	if (ms >= 1000)
		netstack_trim(o->s->st);
}

static void memory(struct ops *o)
{
	const uint8_t v = ops_take(o);
	struct scene *s = o->s;
	struct pbuf_pool_stats stats;

	pbuf_pool_stats(netstack_pool(s->st), &stats);
	s->rough = true;
	s->fail_in = 0;
	s->fail_all = false;
	switch (v & 3) {
	case 0: /* there is some again */
		scene_limit(s, UINT64_MAX);
		break;
	case 1:
		s->fail_in = 1 + (v >> 2);
		break;
	case 2:
		s->fail_in = 1 + (v >> 2);
		s->fail_all = true;
		break;
	default:
		scene_limit(s, stats.bytes + 1024U * (v >> 2));
		break;
	}
}

static void link_state(struct ops *o)
{
	const uint8_t v = ops_take(o);
	struct scene_link *l = &o->s->link[v & 1];

	o->s->rough = true;
	switch (v >> 1 & 3) {
	case 0:
		(void)netstack_link_set_up(o->s->st, l->ifindex,
					   false); /* without memory it fails */
		break;
	case 1:
		(void)netstack_link_set_up(o->s->st, l->ifindex, true); /* as above */
		break;
	case 2:
		l->refuses = !l->refuses;
		break;
	default:
		(void)netstack_link_set_mtu(o->s->st, l->ifindex,
					    600 + 4U * (v >> 3)); /* as above */
		break;
	}
}

static void addresses(struct ops *o)
{
	const uint8_t v = ops_take(o);
	const unsigned int link = v & 1;
	const struct net_addr_conf conf = {
		.ifindex = o->s->link[link].ifindex,
		.addr = v & 2 ? SCENE_US6(link) : ip6_addr_of_ip4(SCENE_US4(link)),
		.prefix_len = v & 2 ? 64 : 24,
		.no_dad = v & 8,
	};

	o->s->rough = true;
	if (v & 4)
		(void)netstack_addr_add(o->s->st, &conf); /* it may be there */
	else
		(void)netstack_addr_del(o->s->st, &conf); /* or not */
}

static void check_all(struct ops *o)
{
	ops_check(o);
}

static void (*const operations[])(struct ops *o) = {
	ops_segment, ops_segment,  ops_segment, ops_data,    ops_ack,  ops_end,    ops_icmp,
	ops_open,    ops_open,     pass,        pass,        ops_read, ops_write,  ops_block,
	ops_option,  ops_other,    ops_close,   ops_notify,  memory,   link_state, addresses,
	check_all,   ops_datagram, ops_sack,    ops_message,
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ops o = { .p = data + 2, .len = size - 2, .set = { -1, -1, -1 } };

	if (size < 2 || size > 4096)
		return 0;
	o.s = scene_new(get_be16(data));
	o.s->strict = true;
	states_make(o.s);
	o.epfd = ns_epoll_create(o.s->st);
	MUST(o.epfd >= 0);
	for (unsigned int i = 0; o.len && i < OPS_MAX; i++) {
		const uint8_t which = ops_take(&o) % (sizeof(operations) / sizeof(operations[0]));

		operations[which](&o);
		scene_turn(o.s);
		inside_check(o.s);
		ops_check_fd(&o, (int)(i % SCENE_FDS));
		if (i % CHECK_EACH == 0)
			ops_check(&o);
	}
	ops_check(&o);
	scene_end(o.s);
	return 0;
}
