/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The module: made, run at the end of each burst, freed, looked at.
 */
#include "netstack/tcp/tcp.h"

#include <assert.h>
#include <errno.h>
#include <sys/epoll.h>

#include "netstack/tcp/in_priv.h"

/* Pieces in flight of all connections: with a million of them, a few each. */
#define TXSEGS_MAX (1U << 22)

static void init_slabs(struct tcp *tcp)
{
	const struct pbuf_mem *mem = &tcp->core->mem;

	slab_init(&tcp->conns, mem, sizeof(struct tcp_conn), TCP_CONNS_MAX);
	slab_init(&tcp->listeners, mem, sizeof(struct tcp_listener), TCP_CONNS_MAX);
	slab_init(&tcp->syns, mem, sizeof(struct tcp_syn), TCP_SYNS_MAX);
	slab_init(&tcp->tws, mem, sizeof(struct tcp_tw), TCP_TWS_MAX);
	slab_init(&tcp->txsegs, mem, sizeof(struct tcp_txseg), TXSEGS_MAX);
	slab_init(&tcp->ofosegs, mem, sizeof(struct tcp_ofoseg), TCP_OFOSEGS_MAX);
	slab_init(&tcp->flights, mem, sizeof(struct tcp_flight), TCP_CONNS_MAX);
	slab_init(&tcp->disorders, mem, sizeof(struct tcp_disorder), TCP_CONNS_MAX);
	dataq_slab_init(&tcp->nodes, mem);
}

static void done_slabs(struct tcp *tcp)
{
	slab_done(&tcp->conns);
	slab_done(&tcp->listeners);
	slab_done(&tcp->syns);
	slab_done(&tcp->tws);
	slab_done(&tcp->txsegs);
	slab_done(&tcp->ofosegs);
	slab_done(&tcp->flights);
	slab_done(&tcp->disorders);
	slab_done(&tcp->nodes);
}

int tcp_new(struct tcp **ret, struct core *core, struct net *net, const struct tcp_params *params)
{
	struct ip_params *ip = net_params(net);
	struct tcp *tcp = core->mem.alloc(core->mem.arg, sizeof(*tcp));
	int r;

	if (!tcp)
		return -ENOMEM;
	*tcp = (struct tcp){ .core = core, .net = net, .params = *params, .all = SLAB_NONE };
	tcp->work_last = &tcp->work;
	flowtab_init(&tcp->table, &core->mem);
	port_table_init(&tcp->ports, core, &ip->port_min, &ip->port_max, PORT_TCP);
	init_slabs(tcp);
	r = tcp_syn_new(tcp);
	if (r < 0)
		goto fail;
	r = tcp_tw_new(tcp);
	if (r < 0) {
		tcp_syn_done(tcp);
		goto fail;
	}

	core->wheel.handler[TIMER_TCP] = tcp_timer;
	core->wheel.handler[TIMER_TCP_SYNQ] = tcp_syn_timer;
	core->wheel.handler[TIMER_TCP_TIME_WAIT] = tcp_tw_timer;
	*ret = tcp;
	return 0;

fail:
	done_slabs(tcp);
	port_table_done(&tcp->ports);
	flowtab_done(&tcp->table);
	core->mem.free(core->mem.arg, tcp, sizeof(*tcp));
	return r;
}

/* Without a word to the peer; its place in lists is nobody's business any more. */
static void forget(struct tcp_conn *c)
{
	struct tcp *tcp = c->tcp;

	c->flags &= ~(uint32_t)TCPF_WORK;
	if (c->state == TCPS_LISTEN) {
		slab_free(&tcp->listeners, c->listener->id);
		c->state = TCPS_CLOSED;
	}
	tcp_conn_free(c);
}

void tcp_free(struct tcp *tcp)
{
	struct core *core;

	if (!tcp)
		return;
	core = tcp->core;
	tcp_syn_done(tcp);
	tcp_tw_done(tcp);
	while (tcp->all != SLAB_NONE)
		forget(tcp_conn_get(tcp, tcp->all));
	assert(tcp->queue_bytes == 0);
	done_slabs(tcp);
	port_table_done(&tcp->ports);
	flowtab_done(&tcp->table);
	core->mem.free(core->mem.arg, tcp, sizeof(*tcp));
}

struct tcp_params *tcp_params(struct tcp *tcp)
{
	return &tcp->params;
}

const struct tcp_stats *tcp_stats(const struct tcp *tcp)
{
	return &tcp->stats;
}

int tcp_socket(struct tcp *tcp, bool is_ip6, struct sock **ret)
{
	struct tcp_conn *c = tcp_conn_new(tcp, is_ip6);

	if (!c)
		return -ENOMEM;
	*ret = &c->sk;
	return 0;
}

/* @input: packets came in, and their receivers were not asked yet. */
static void run_one(struct tcp_conn *c, bool input)
{
	c->flags &= ~(uint32_t)TCPF_WORK;
	if (c->state == TCPS_CLOSED) {
		if (c->sk.flags & SOCK_DEAD)
			tcp_conn_free(c);
		return;
	}
	if (c->flags & TCPF_OUTPUT) {
		c->flags &= ~(uint32_t)TCPF_OUTPUT;
		tcp_output(c);
	}
	/* Nothing went out that said it, too. */
	if (!(c->flags & TCPF_ACK_NOW) || c->state == TCPS_CLOSED)
		return;
	if (input && c->flags & TCPF_ACK_SOON)
		tcp_work(c, 0); /* an answer may be there by then, and say it */
	else
		tcp_send_ack(c);
}

static bool is_pressure_over(const struct tcp *tcp)
{
	return tcp->told_full && tcp->queue_bytes < tcp->params.bytes_max;
}

/* Who has room of his own and was kept waiting by others hears of it from nobody else. */
static void pressure_over(struct tcp *tcp)
{
	tcp->told_full = false;
	for (uint32_t id = tcp->all; id != SLAB_NONE;) {
		struct tcp_conn *c = tcp_conn_get(tcp, id);

		if (c->fl && tcp_snd_writable(c))
			sock_wake(tcp->core, &c->sk, EPOLLOUT | EPOLLWRNORM);
		id = c->next;
	}
}

/* What is asked for meanwhile is for the next turn, and the device has sent something by then. */
void tcp_run(struct tcp *tcp, bool input)
{
	struct tcp_conn *c = tcp->work;
	struct tcp_conn *next;

	if (is_pressure_over(tcp))
		pressure_over(tcp);
	tcp->work = NULL;
	tcp->work_last = &tcp->work;
	for (; c; c = next) {
		next = c->work_next;
		run_one(c, input);
	}
}

bool tcp_pending(const struct tcp *tcp)
{
	return tcp->work || is_pressure_over(tcp);
}

void tcp_counts(const struct tcp *tcp, struct tcp_counts *ret)
{
	*ret = (struct tcp_counts){
		.conns = tcp->conns.n,
		.syn_rcvd = tcp->syns.n,
		.time_wait = tcp->tws.n,
		.queue_bytes = tcp->queue_bytes,
		.table_bytes = flowtab_bytes(&tcp->table) + port_table_bytes(&tcp->ports) +
			       slab_bytes(&tcp->conns) + slab_bytes(&tcp->listeners) +
			       slab_bytes(&tcp->syns) + slab_bytes(&tcp->tws) +
			       slab_bytes(&tcp->nodes) + slab_bytes(&tcp->txsegs) +
			       slab_bytes(&tcp->ofosegs) + slab_bytes(&tcp->flights) +
			       slab_bytes(&tcp->disorders),
	};
}

void tcp_trim(struct tcp *tcp)
{
	slab_trim(&tcp->conns);
	slab_trim(&tcp->listeners);
	slab_trim(&tcp->syns);
	slab_trim(&tcp->tws);
	slab_trim(&tcp->nodes);
	slab_trim(&tcp->txsegs);
	slab_trim(&tcp->ofosegs);
	slab_trim(&tcp->flights);
	slab_trim(&tcp->disorders);
	flowtab_trim(&tcp->table);
	port_table_trim(&tcp->ports);
}
