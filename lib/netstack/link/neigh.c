/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The states and what moves an entry between them (RFC 4861, 7.3.3 and appendix C):
 *
 *	INCOMPLETE	asked on the link; packets wait.  No answer to
 *			NEIGH_MAX_MULTICAST_SOLICIT questions: FAILED
 *	REACHABLE	heard of within @reachable_ms.  Then STALE
 *	STALE		address known, nobody cares.  Used: DELAY.  Not used for NEIGH_GC_MS: gone
 *	DELAY		used; TCP may confirm it yet.  NEIGH_DELAY_FIRST_PROBE_MS later: PROBE
 *	PROBE		asked by unicast.  No answer to NEIGH_MAX_UNICAST_SOLICIT: FAILED
 *	FAILED		packets that waited were given back.  Used: INCOMPLETE; else gone
 *	PERMANENT	stays until it is deleted
 *
 * An entry has one timer, whose meaning is that of its state.  Confirmations of a REACHABLE
 * entry only write down the time: the timer sees it when it fires and is set again.
 *
 * When the table is full, an entry that nobody uses makes room: the search for it looks at
 * a few entries and goes on from there the next time, so that a flood of packets to
 * addresses that do not exist (RFC 6583) costs each of them no more than that.  What is in
 * use stays.
 */
#include "netstack/link/neigh.h"

#include <assert.h>
#include <errno.h>

#include "base/siphash.h"
#include "netstack/core/core.h"
#include "netstack/link/ethernet.h"

/* Entries that are looked at to find one to be thrown away. */
#define SCAN_MAX 16

void neigh_table_init(struct neigh_table *t, struct core *core, struct iface_table *ifaces)
{
	*t = (struct neigh_table){ .core = core, .ifaces = ifaces, .gen = 1 };
	slab_init(&t->slab, &core->mem, sizeof(struct neigh), NEIGH_TABLE_MAX);
	flowtab_init(&t->by_addr, &core->mem);
}

static uint32_t hash_of(const struct neigh_table *t, uint32_t ifindex, struct ip6_addr addr)
{
	const uint64_t key[3] = { addr.hi, addr.lo, UINT64_C(0x6e65696768) << 24 | ifindex };

	return (uint32_t)siphash13(&t->core->key, key, sizeof(key)) | 1;
}

static uint32_t random_reachable_ms(const struct neigh_table *t, uint32_t ifindex)
{
	const struct iface *ifc = iface_get(t->ifaces, ifindex);
	const uint32_t base = ifc && ifc->reachable_ms ? ifc->reachable_ms : NEIGH_REACHABLE_MS;

	/* From half of it to one and a half (RFC 4861, 6.3.2). */
	return base / 2 + core_random_below(t->core, base + 1);
}

static uint32_t retrans_ms(const struct neigh_table *t, uint32_t ifindex)
{
	const struct iface *ifc = iface_get(t->ifaces, ifindex);

	return ifc && ifc->retrans_ms ? ifc->retrans_ms : NEIGH_RETRANS_MS;
}

static void arm(struct neigh_table *t, struct neigh *n, uint32_t ms)
{
	timer_set(&t->core->wheel, &n->timer, t->core->now_ns + ms * NS_PER_MS);
}

/* --- life of an entry --- */

static void link_entry(struct neigh_table *t, struct neigh *n)
{
	n->prev = NULL;
	n->next = t->first;
	if (n->next)
		n->next->prev = n;
	t->first = n;
}

static void unlink_entry(struct neigh_table *t, struct neigh *n)
{
	if (t->hand == n)
		t->hand = n->next;
	if (n->prev)
		n->prev->next = n->next;
	else
		t->first = n->next;
	if (n->next)
		n->next->prev = n->prev;
}

static void drop_waiting(struct neigh_table *t, struct neigh *n, enum drop_reason why)
{
	struct pbuf *pb;

	while ((pb = pbuf_queue_take(&n->waiting))) {
		t->n_waiting--;
		core_drop(t->core, pb, why);
	}
}

static void remove_entry(struct neigh_table *t, struct neigh *n)
{
	drop_waiting(t, n, DROP_NEIGH_FAILED);
	timer_del(&t->core->wheel, &n->timer);
	flowtab_remove(&t->by_addr, hash_of(t, n->ifindex, n->addr), n->id);
	unlink_entry(t, n);
	slab_free(&t->slab, n->id);
	if (++t->gen == 0)
		t->gen = 1;
}

void neigh_table_done(struct neigh_table *t)
{
	while (t->first)
		remove_entry(t, t->first);
	flowtab_done(&t->by_addr);
	slab_done(&t->slab);
}

struct neigh *neigh_lookup(struct neigh_table *t, uint32_t ifindex, struct ip6_addr addr)
{
	struct flowtab_iter it = flowtab_first(&t->by_addr, hash_of(t, ifindex, addr));
	uint32_t id;

	while ((id = flowtab_next(&t->by_addr, &it)) != FLOWTAB_NONE) {
		struct neigh *n = neigh_by_id(t, id);

		if (n->ifindex == ifindex && ip6_addr_eq(n->addr, addr))
			return n;
	}
	return NULL;
}

/* Nobody would miss it: the next packet asks anew.  Those that were asked for a while ago and
 * did not answer go before they have FAILED.
 */
static bool may_go(const struct neigh *n)
{
	return n->state == NEIGH_STALE || n->state == NEIGH_FAILED ||
	       (n->state == NEIGH_INCOMPLETE && n->probes > 1);
}

static bool make_place(struct neigh_table *t)
{
	for (unsigned int i = 0; i < SCAN_MAX; i++) {
		struct neigh *n = t->hand ? t->hand : t->first;

		if (!n)
			return false;
		t->hand = n->next;
		if (may_go(n)) {
			remove_entry(t, n);
			return true;
		}
	}
	return false;
}

/* A new one, FAILED: nothing is known of it. */
static struct neigh *add_entry(struct neigh_table *t, uint32_t ifindex, struct ip6_addr addr)
{
	struct neigh *n;
	uint32_t id;

	if (t->slab.n >= t->slab.n_max && !make_place(t))
		return NULL;
	n = slab_alloc(&t->slab, &id);
	if (!n)
		return NULL;
	if (flowtab_insert(&t->by_addr, hash_of(t, ifindex, addr), id) < 0) {
		slab_free(&t->slab, id);
		return NULL;
	}
	n->timer.kind = TIMER_NEIGH;
	n->addr = addr;
	n->ifindex = ifindex;
	n->id = id;
	n->state = NEIGH_FAILED;
	n->used_ms = core_ms(t->core);
	pbuf_queue_init(&n->waiting);
	link_entry(t, n);
	arm(t, n, NEIGH_GC_MS);
	return n;
}

struct neigh *neigh_get(struct neigh_table *t, uint32_t ifindex, struct ip6_addr addr)
{
	struct neigh *n = neigh_lookup(t, ifindex, addr);

	return n ? n : add_entry(t, ifindex, addr);
}

/* --- states --- */

static void set_reachable(struct neigh_table *t, struct neigh *n)
{
	n->confirmed_ms = core_ms(t->core);
	if (n->state == NEIGH_REACHABLE)
		return;
	n->state = NEIGH_REACHABLE;
	n->probes = 0;
	n->reachable_ms = random_reachable_ms(t, n->ifindex);
	arm(t, n, n->reachable_ms);
}

static void set_stale(struct neigh_table *t, struct neigh *n)
{
	n->state = NEIGH_STALE;
	n->probes = 0;
	arm(t, n, NEIGH_GC_MS);
}

/* Ask once more. */
static void probe(struct neigh_table *t, struct neigh *n)
{
	struct iface *ifc = iface_get(t->ifaces, n->ifindex);
	const bool known = n->state == NEIGH_PROBE;

	n->probes++;
	arm(t, n, retrans_ms(t, n->ifindex));
	if (ifc && ifc->up)
		t->solicit(t->arg, ifc, n->addr, known ? &n->mac : NULL);
}

static void set_incomplete(struct neigh_table *t, struct neigh *n)
{
	n->state = NEIGH_INCOMPLETE;
	n->probes = 0;
	probe(t, n);
}

/* Its last packets go back to the layer above.  That may send packets, and those may look
 * for neighbours: the entry is put right first, and may go while the queue is worked off.
 */
static void set_failed(struct neigh_table *t, struct neigh *n)
{
	struct pbuf_queue waiting = n->waiting;
	struct pbuf *pb;

	n->state = NEIGH_FAILED;
	t->n_waiting -= waiting.n;
	pbuf_queue_init(&n->waiting);
	if (!waiting.n)
		waiting.last = &waiting.first;
	arm(t, n, NEIGH_GC_MS);
	while ((pb = pbuf_queue_take(&waiting)))
		t->failed(t->arg, pb);
}

/* --- output --- */

static void send(struct neigh_table *t, const struct neigh *n, struct pbuf *pb, uint16_t eth_type)
{
	struct iface *ifc = iface_get(t->ifaces, n->ifindex);

	if (!ifc) {
		core_drop(t->core, pb, DROP_LINK_DOWN);
		return;
	}
	ethernet_out(t->ifaces, ifc, pb, n->mac, eth_type);
}

/* The EtherType of a packet that waits is in its cb. */
struct waiting_cb {
	uint16_t eth_type;
};

static struct waiting_cb *waiting_cb(struct pbuf *pb)
{
	return (struct waiting_cb *)(void *)pb->cb;
}

static void put_waiting(struct neigh_table *t, struct neigh *n, struct pbuf *pb, uint16_t eth_type)
{
	/* The oldest makes room (RFC 4861, 7.2.2). */
	if (n->waiting.n >= NEIGH_QUEUE_MAX ||
	    (n->waiting.n && t->n_waiting >= NEIGH_WAITING_MAX)) {
		core_drop(t->core, pbuf_queue_take(&n->waiting), DROP_NEIGH_QUEUE);
		t->n_waiting--;
	} else if (t->n_waiting >= NEIGH_WAITING_MAX) {
		core_drop(t->core, pb, DROP_NEIGH_QUEUE);
		return;
	}
	core_trace(t->core, TRACE_NEIGH_WAIT, pb);
	waiting_cb(pb)->eth_type = eth_type;
	pbuf_queue_put(&n->waiting, pb);
	t->n_waiting++;
}

static void send_waiting(struct neigh_table *t, struct neigh *n)
{
	struct pbuf *pb;

	while ((pb = pbuf_queue_take(&n->waiting))) {
		t->n_waiting--;
		send(t, n, pb, waiting_cb(pb)->eth_type);
	}
}

void neigh_out(struct neigh_table *t, struct neigh *n, struct pbuf *pb, uint16_t eth_type)
{
	n->used_ms = core_ms(t->core);
	switch ((enum neigh_state)n->state) {
	case NEIGH_STALE:
		n->state = NEIGH_DELAY;
		arm(t, n, NEIGH_DELAY_FIRST_PROBE_MS);
		break;
	case NEIGH_FAILED:
		put_waiting(t, n, pb, eth_type);
		set_incomplete(t, n);
		return;
	case NEIGH_INCOMPLETE:
		put_waiting(t, n, pb, eth_type);
		return;
	case NEIGH_REACHABLE:
	case NEIGH_DELAY:
	case NEIGH_PROBE:
	case NEIGH_PERMANENT:
		break;
	}
	send(t, n, pb, eth_type);
}

/* --- input --- */

static bool has_mac(const struct neigh *n)
{
	return n->state != NEIGH_INCOMPLETE && n->state != NEIGH_FAILED;
}

void neigh_confirm(struct neigh_table *t, struct neigh *n)
{
	if (has_mac(n) && n->state != NEIGH_PERMANENT)
		set_reachable(t, n);
}

/* The first link address of an entry. */
static void learn_first(struct neigh_table *t, struct neigh *n, struct eth_addr mac, bool solicited)
{
	n->mac = mac;
	if (solicited)
		set_reachable(t, n);
	else
		set_stale(t, n);
	send_waiting(t, n);
}

/* RFC 4861, 7.2.5, for an entry with a link address. */
static void learn_again(struct neigh_table *t, struct neigh *n, const struct eth_addr *mac,
			bool solicited, bool override)
{
	const bool differs = mac && !eth_addr_eq(*mac, n->mac);

	if (differs && !override) {
		if (n->state == NEIGH_REACHABLE)
			set_stale(t, n);
		return;
	}
	if (differs)
		n->mac = *mac;
	if (solicited)
		set_reachable(t, n);
	else if (differs)
		set_stale(t, n);
}

void neigh_learn(struct neigh_table *t, uint32_t ifindex, struct ip6_addr addr,
		 const struct eth_addr *mac, bool solicited, bool override, bool create)
{
	struct neigh *n = create ? neigh_get(t, ifindex, addr) : neigh_lookup(t, ifindex, addr);

	if (!n || n->state == NEIGH_PERMANENT)
		return;
	if (has_mac(n))
		learn_again(t, n, mac, solicited, override);
	else if (mac)
		learn_first(t, n, *mac, solicited);
}

/* --- timer --- */

/* How long ago, in milliseconds that wrap. */
static uint32_t age_ms(const struct neigh_table *t, uint32_t then_ms)
{
	return core_ms(t->core) - then_ms;
}

static void reachable_over(struct neigh_table *t, struct neigh *n)
{
	const uint32_t age = age_ms(t, n->confirmed_ms);

	if (age < n->reachable_ms)
		arm(t, n, n->reachable_ms - age);
	else
		set_stale(t, n);
}

static void stale_over(struct neigh_table *t, struct neigh *n)
{
	const uint32_t age = age_ms(t, n->used_ms);

	if (age < NEIGH_GC_MS)
		arm(t, n, NEIGH_GC_MS - age);
	else
		remove_entry(t, n);
}

void neigh_timer(struct neigh_table *t, struct timer *timer)
{
	struct neigh *n = (struct neigh *)(void *)timer;

	_Static_assert(offsetof(struct neigh, timer) == 0, "cast");
	switch ((enum neigh_state)n->state) {
	case NEIGH_INCOMPLETE:
		if (n->probes < NEIGH_MAX_MULTICAST_SOLICIT)
			probe(t, n);
		else
			set_failed(t, n);
		break;
	case NEIGH_REACHABLE:
		reachable_over(t, n);
		break;
	case NEIGH_DELAY:
		n->state = NEIGH_PROBE;
		n->probes = 0;
		probe(t, n);
		break;
	case NEIGH_PROBE:
		if (n->probes < NEIGH_MAX_UNICAST_SOLICIT)
			probe(t, n);
		else
			set_failed(t, n);
		break;
	case NEIGH_STALE:
	case NEIGH_FAILED:
		stale_over(t, n);
		break;
	case NEIGH_PERMANENT:
		break;
	}
}

/* --- configuration --- */

int neigh_add_permanent(struct neigh_table *t, uint32_t ifindex, struct ip6_addr addr,
			struct eth_addr mac)
{
	struct neigh *n;

	if (!eth_addr_is_station(mac))
		return -EINVAL;
	n = neigh_get(t, ifindex, addr);
	if (!n)
		return -ENOSPC;
	timer_del(&t->core->wheel, &n->timer);
	n->state = NEIGH_PERMANENT;
	n->mac = mac;
	send_waiting(t, n);
	return 0;
}

int neigh_del(struct neigh_table *t, uint32_t ifindex, struct ip6_addr addr)
{
	struct neigh *n = neigh_lookup(t, ifindex, addr);

	if (!n)
		return -ENOENT;
	remove_entry(t, n);
	return 0;
}

void neigh_flush(struct neigh_table *t, uint32_t ifindex, bool all)
{
	struct neigh *next;

	for (struct neigh *n = t->first; n; n = next) {
		next = n->next;
		if (n->ifindex == ifindex && (all || n->state != NEIGH_PERMANENT))
			remove_entry(t, n);
	}
}
