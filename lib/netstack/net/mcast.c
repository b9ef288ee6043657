/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "netstack/net/mcast.h"

#include "netstack/net/net_priv.h"

/* Records that are offered to a format at once; it takes as many as fit into a packet. */
#define RECORDS_MAX 64

/* --- time --- */

static void arm_member(struct net *net, struct mcast_member *mb)
{
	uint64_t at = mb->change_left ? mb->change_ns : TIMER_NEVER;

	if (mb->answer_ns && mb->answer_ns < at)
		at = mb->answer_ns;
	net_timer_set(net->core, &mb->timer, at);
}

static void arm_iface(struct net *net, struct mcast_iface *m)
{
	uint64_t at = m->left_ns ? m->left_ns : TIMER_NEVER;

	if (m->general_ns && m->general_ns < at)
		at = m->general_ns;
	net_timer_set(net->core, &m->timer, at);
}

/* A moment within the next @ms milliseconds; never 0. */
static uint64_t within_ms(const struct net *net, uint32_t ms)
{
	return net->core->now_ns + 1 + core_random_below(net->core, ms + 1) * NS_PER_MS;
}

enum mcast_version mcast_version(const struct net *net, const struct mcast_iface *m)
{
	if (m->proto->is_ip4 && net->params.igmp_version == 2)
		return MCAST_V2;
	if (m->proto->is_ip4 && net->params.igmp_version == 3)
		return MCAST_V3;
	if (m->v1_until_ns > net->core->now_ns)
		return MCAST_V1;
	return m->v2_until_ns > net->core->now_ns ? MCAST_V2 : MCAST_V3;
}

/* How far apart reports of a change are, at most. */
static uint32_t unsolicited_ms(enum mcast_version version)
{
	return version == MCAST_V3 ? MCAST_UNSOLICITED_MS : MCAST_UNSOLICITED_MS_V2;
}

/* --- saying it --- */

/* Groups that nobody is told about (RFC 3376, 5; RFC 3810, 6). */
static bool is_silent(struct ip6_addr group)
{
	if (ip6_addr_is_mapped(group))
		return (uint32_t)group.lo == IP4_ALL_HOSTS;
	return ip6_addr_eq(group, IP6_ALL_NODES) || ip6_addr_scope(group) <= IP6_SCOPE_INTERFACE;
}

static bool may_speak(const struct mcast_iface *m, struct ip6_addr group)
{
	const struct iface *ifc = m->nif->ifc;

	return ifc->up && !ifc->is_shared && !is_silent(group);
}

static void send_one(struct net *net, struct mcast_iface *m, const struct mcast_record *rec)
{
	const enum mcast_version version = mcast_version(net, m);
	const bool leave = rec->says == MCAST_TO_IN;

	if (version == MCAST_V3)
		(void)m->proto->report(net, m->nif, rec, 1);
	else if (!leave || version == MCAST_V2)
		m->proto->report_old(net, m->nif, rec->group, version, leave);
}

static void member_fired(struct net *net, void *arg)
{
	struct net_group *g = arg;
	struct net_iface *nif = net_iface_get(net, g->ifindex);
	struct mcast_iface *m = ip6_addr_is_mapped(g->addr) ? &nif->igmp.m : &nif->mld.m;
	struct mcast_member *mb = &g->member;
	const uint64_t now = net->core->now_ns;
	struct mcast_record rec = { .group = g->addr };
	bool speak = false;

	if (mb->answer_ns && mb->answer_ns <= now) {
		rec.says = mb->n_sources ? MCAST_IS_IN : MCAST_IS_EX;
		rec.n_sources = mb->n_sources;
		rec.source = mb->source;
		mb->answer_ns = 0;
		speak = true;
	}
	/* What changed says more than what is. */
	if (mb->change_left && mb->change_ns <= now) {
		rec = (struct mcast_record){ .group = g->addr, .says = MCAST_TO_EX };
		mb->change_left--;
		mb->change_ns = within_ms(net, unsolicited_ms(mcast_version(net, m)));
		speak = true;
	}
	if (!mb->answer_ns)
		mb->n_sources = 0;
	arm_member(net, mb);
	if (speak) {
		mb->last_reporter = true;
		send_one(net, m, &rec);
	}
}

/* Sends records of one kind in as few messages as they need. */
static void send_many(struct net *net, struct mcast_iface *m, const struct mcast_record *rec,
		      unsigned int n)
{
	while (n) {
		const unsigned int sent = m->proto->report(net, m->nif, rec, n);

		rec += sent;
		n -= sent;
	}
}

/* RFC 3376, 5.2 (2): the state of all groups. */
static void answer_general(struct net *net, struct mcast_iface *m)
{
	struct mcast_record rec[RECORDS_MAX];
	unsigned int n = 0;

	for (const struct net_group *g = m->nif->groups; g; g = g->next) {
		if (ip6_addr_is_mapped(g->addr) != m->proto->is_ip4 || !may_speak(m, g->addr))
			continue;
		rec[n++] = (struct mcast_record){ .group = g->addr, .says = MCAST_IS_EX };
		if (n == RECORDS_MAX) {
			send_many(net, m, rec, n);
			n = 0;
		}
	}
	send_many(net, m, rec, n);
}

/* Groups that were left are reported again. */
static void repeat_left(struct net *net, struct mcast_iface *m)
{
	struct mcast_record rec[MCAST_LEFT_MAX];
	unsigned int n = 0;
	bool more = false;

	for (unsigned int i = 0; i < MCAST_LEFT_MAX; i++) {
		struct mcast_left *l = &m->left[i];

		if (!l->left)
			continue;
		rec[n++] = (struct mcast_record){ .group = l->group, .says = MCAST_TO_IN };
		l->left--;
		more |= l->left > 0;
	}
	m->left_ns = more ? within_ms(net, MCAST_UNSOLICITED_MS) : 0;
	/* An older querier heard the leave, which is not repeated. */
	if (mcast_version(net, m) == MCAST_V3)
		send_many(net, m, rec, n);
}

static void iface_fired(struct net *net, void *arg)
{
	struct mcast_iface *m = arg;
	const uint64_t now = net->core->now_ns;

	if (m->general_ns && m->general_ns <= now) {
		m->general_ns = 0;
		answer_general(net, m);
	}
	if (m->left_ns && m->left_ns <= now)
		repeat_left(net, m);
	arm_iface(net, m);
}

/* --- life --- */

static void forget_querier(struct mcast_iface *m)
{
	m->general_ns = 0;
	m->left_ns = 0;
	m->v1_until_ns = 0;
	m->v2_until_ns = 0;
	m->query_interval_s = MCAST_QUERY_INTERVAL_S;
	m->robustness = MCAST_ROBUSTNESS;
	for (unsigned int i = 0; i < MCAST_LEFT_MAX; i++)
		m->left[i].left = 0;
}

void mcast_iface_init(struct mcast_iface *m, const struct mcast_proto *proto, struct net_iface *nif)
{
	*m = (struct mcast_iface){ .proto = proto, .nif = nif };
	net_timer_init(&m->timer, iface_fired, m);
	forget_querier(m);
}

static void begin(struct net *net, const struct mcast_iface *m, struct net_group *g)
{
	struct mcast_member *mb = &g->member;

	if (!may_speak(m, g->addr))
		return;
	/* At once, and then as often as may be lost (RFC 3376, 5.1; RFC 2236, 3). */
	mb->change_left = m->robustness;
	mb->change_ns = net->core->now_ns;
	arm_member(net, mb);
}

void mcast_iface_up(struct net *net, struct mcast_iface *m)
{
	for (struct net_group *g = m->nif->groups; g; g = g->next)
		if (ip6_addr_is_mapped(g->addr) == m->proto->is_ip4)
			begin(net, m, g);
}

void mcast_iface_down(struct net *net, struct mcast_iface *m)
{
	forget_querier(m);
	net_timer_del(net->core, &m->timer);
	for (struct net_group *g = m->nif->groups; g; g = g->next) {
		struct mcast_member *mb = &g->member;

		if (ip6_addr_is_mapped(g->addr) != m->proto->is_ip4)
			continue;
		net_timer_del(net->core, &mb->timer);
		mb->change_left = 0;
		mb->answer_ns = 0;
		mb->n_sources = 0;
		mb->last_reporter = false;
	}
}

void mcast_join(struct net *net, struct mcast_iface *m, struct net_group *g)
{
	net_timer_init(&g->member.timer, member_fired, g);
	for (unsigned int i = 0; i < MCAST_LEFT_MAX; i++)
		if (ip6_addr_eq(m->left[i].group, g->addr))
			m->left[i].left = 0;
	begin(net, m, g);
}

void mcast_leave(struct net *net, struct mcast_iface *m, struct net_group *g)
{
	const struct mcast_record rec = { .group = g->addr, .says = MCAST_TO_IN };
	const bool is_v3 = mcast_version(net, m) == MCAST_V3;

	net_timer_del(net->core, &g->member.timer);
	if (!may_speak(m, g->addr))
		return;
	/* Only the last one to report need say that it is gone (RFC 2236, 3). */
	if (is_v3 || g->member.last_reporter)
		send_one(net, m, &rec);
	for (unsigned int i = 0; is_v3 && m->robustness > 1 && i < MCAST_LEFT_MAX; i++) {
		if (m->left[i].left)
			continue;
		m->left[i].group = g->addr;
		m->left[i].left = (uint8_t)(m->robustness - 1);
		if (!m->left_ns)
			m->left_ns = within_ms(net, MCAST_UNSOLICITED_MS);
		arm_iface(net, m);
		break;
	}
}

/* --- queries --- */

/* RFC 3376, 7.2.1; RFC 3810, 8.2.1: how long an older querier is believed to be there. */
static void note_version(struct net *net, struct mcast_iface *m, const struct mcast_query *q)
{
	const uint64_t until = net->core->now_ns +
			       (uint64_t)m->robustness * m->query_interval_s * NS_PER_S +
			       q->max_resp_ms * NS_PER_MS;
	const enum mcast_version before = mcast_version(net, m);

	if (q->version == MCAST_V1)
		m->v1_until_ns = until;
	else if (q->version == MCAST_V2)
		m->v2_until_ns = until;
	if (before == mcast_version(net, m))
		return;
	/* What was to be said in the other version is not. */
	m->general_ns = 0;
	for (unsigned int i = 0; i < MCAST_LEFT_MAX; i++)
		m->left[i].left = 0;
	for (struct net_group *g = m->nif->groups; g; g = g->next)
		if (ip6_addr_is_mapped(g->addr) == m->proto->is_ip4)
			g->member.answer_ns = 0;
}

static void note_querier(struct mcast_iface *m, const struct mcast_query *q)
{
	if (q->version != MCAST_V3)
		return;
	if (q->robustness)
		m->robustness = q->robustness;
	if (q->interval_s)
		m->query_interval_s = q->interval_s;
}

/* Sources asked for one after the other are answered together (RFC 3376, 5.2). */
static void add_sources(struct mcast_member *mb, const struct mcast_query *q)
{
	const bool whole_group = q->n_sources == 0 || (mb->answer_ns && mb->n_sources == 0);

	if (whole_group || mb->n_sources + q->n_sources > MCAST_SOURCES_MAX) {
		mb->n_sources = 0;
		return;
	}
	for (unsigned int i = 0; i < q->n_sources; i++) {
		unsigned int j = 0;

		while (j < mb->n_sources && !ip6_addr_eq(mb->source[j], q->source[i]))
			j++;
		mb->source[j] = q->source[i];
		if (j == mb->n_sources)
			mb->n_sources++;
	}
}

static void ask_member(struct net *net, struct mcast_iface *m, struct net_group *g,
		       const struct mcast_query *q)
{
	struct mcast_member *mb = &g->member;
	const uint64_t at = within_ms(net, q->max_resp_ms);

	/* The answer to a general query says it as well (RFC 3376, 5.2 (1)). */
	if (!may_speak(m, g->addr) || (m->general_ns && m->general_ns <= at))
		return;
	add_sources(mb, q);
	if (!mb->answer_ns || at < mb->answer_ns)
		mb->answer_ns = at;
	arm_member(net, mb);
}

void mcast_query_in(struct net *net, struct mcast_iface *m, const struct mcast_query *q)
{
	struct net_group *g;

	note_querier(m, q);
	note_version(net, m, q);
	if (q->general && mcast_version(net, m) == MCAST_V3) {
		const uint64_t at = within_ms(net, q->max_resp_ms);

		/* Answered sooner already (RFC 3376, 5.2 (1)). */
		if (!m->general_ns || at < m->general_ns)
			m->general_ns = at;
		arm_iface(net, m);
		return;
	}
	if (!q->general) {
		g = group_lookup(net, m->nif->ifc->index, q->group);
		if (g)
			ask_member(net, m, g, q);
		return;
	}
	for (g = m->nif->groups; g; g = g->next)
		if (ip6_addr_is_mapped(g->addr) == m->proto->is_ip4)
			ask_member(net, m, g, q);
}

void mcast_report_in(struct net *net, struct mcast_iface *m, struct ip6_addr group)
{
	struct net_group *g;

	if (mcast_version(net, m) == MCAST_V3)
		return;
	g = group_lookup(net, m->nif->ifc->index, group);
	if (!g)
		return;
	g->member.answer_ns = 0;
	g->member.change_left = 0;
	g->member.last_reporter = false;
	arm_member(net, &g->member);
}
