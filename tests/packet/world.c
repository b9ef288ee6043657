/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * world.c - the instance, its link and its clock
 */
#include "world.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "netstack/core/timer.h"
#include "netstack/socket.h"
#include "wire/ip.h"

/* After a script TIME-WAIT passes, orphans resend their last, paths are forgotten. */
#define SETTLE_NS (3600 * NS_PER_S)

/* Steps without the clock moving: more is a livelock. */
#define STEPS_AT_ONE_TIME_MAX 100000

bool world_fail(struct world *w, const char *fmt, ...)
{
	va_list ap;

	if (w->failure[0])
		return false;
	va_start(ap, fmt);
	(void)vsnprintf(w->failure, sizeof(w->failure), fmt, ap);
	va_end(ap);
	return false;
}

void world_log(struct world *w, const char *fmt, ...)
{
	char line[512];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	strbuf_addf(&w->log, "%12.6f  %s\n", (double)(w->now_ns - NS_PER_S) / 1e9, line);
}

/* --- addresses --- */

/* clang-format off */
#define IP4(a, b, c, d) { 0, UINT64_C(0xffff00000000) | IP4_ADDR(a, b, c, d) }
/* clang-format on */

static const struct {
	struct ip6_addr ip4;
	struct ip6_addr ip6;
} places[PLACES] = {
	[PLACE_LOCAL] = { IP4(10, 1, 0, 1), { 0xfd01000000000000, 1 } },
	[PLACE_PEER] = { IP4(10, 2, 0, 2), { 0xfd02000000000000, 2 } },
	[PLACE_PEER2] = { IP4(10, 2, 0, 3), { 0xfd02000000000000, 3 } },
	[PLACE_ROUTER] = { IP4(10, 1, 0, 254), { 0xfd01000000000000, 254 } },
	[PLACE_ANY] = { IP4(0, 0, 0, 0), { 0, 0 } },
	[PLACE_LOOPBACK] = { IP4(127, 0, 0, 1), { 0, 1 } },
	[PLACE_BROADCAST] = { IP4(255, 255, 255, 255), { 0xff02000000000000, 1 } },
	[PLACE_GROUP] = { IP4(224, 0, 0, 5), { 0xff02000000000000, 5 } },
	[PLACE_STRANGER] = { IP4(192, 0, 2, 9), { 0x20010db800000000, 9 } },
};

struct ip6_addr place_addr(const struct world *w, enum place place)
{
	return w->v.ip6 ? places[place].ip6 : places[place].ip4;
}

bool place_of(const struct world *w, struct ip6_addr addr, enum place *ret)
{
	for (int i = 0; i < PLACES; i++)
		if (ip6_addr_eq(place_addr(w, (enum place)i), addr)) {
			*ret = (enum place)i;
			return true;
		}
	return false;
}

/* --- memory that is counted --- */

static void *count_alloc(void *arg, size_t size)
{
	struct world *w = arg;
	void *p = malloc(size);

	if (p)
		w->mem += size;
	return p;
}

static void count_free(void *arg, void *p, size_t size)
{
	struct world *w = arg;

	if (!p)
		return;
	assert(w->mem >= size);
	w->mem -= size;
	/* what is used after it was freed shall be seen without a sanitizer, too */
	memset(p, 0xdb, size);
	free(p);
}

/* --- the link --- */

/* Reports of group members and solicitations of routers come and go as they like. */
static bool is_noise(const struct wire *p)
{
	return p->proto == IP_PROTO_IGMP || (p->proto == IP_PROTO_ICMP6 && p->type >= 130);
}

static void remember_last(struct world *w, const struct wire *p, const uint8_t *bytes, uint32_t len)
{
	const uint16_t local = p->proto == IP_PROTO_TCP ? p->tcp.src_port : p->udp.src_port;
	const uint16_t peer = p->proto == IP_PROTO_TCP ? p->tcp.dst_port : p->udp.dst_port;
	const int i = conn_find(w, local, peer);
	struct conn *c = &w->conn[i < 0 ? 0 : i];

	if ((p->proto != IP_PROTO_TCP && p->proto != IP_PROTO_UDP) || p->is_frag ||
	    (i < 0 && c->has_ports))
		return;
	c->last_len = len < sizeof(c->last) ? len : sizeof(c->last);
	memcpy(c->last, bytes, c->last_len);
}

/* A complete packet goes out. */
static void sent(struct world *w, const uint8_t *bytes, uint32_t len)
{
	struct seen *s;
	struct wire p;
	const char *wrong = wire_parse(bytes, len, &p);

	if (wrong) {
		(void)world_fail(w, "it sent a packet with %s", wrong);
		return;
	}
	if (len > w->wire_mtu)
		(void)world_fail(w, "it sent a packet of %u bytes where the MTU is %u", len,
				 w->wire_mtu);
	if (w->is_over || is_noise(&p))
		return;
	remember_last(w, &p, bytes, len);
	s = malloc(sizeof(*s) + len);
	assert(s);
	*s = (struct seen){ .at_ns = w->now_ns, .len = len };
	memcpy(s->bytes, bytes, len);
	*w->sent_last = s;
	w->sent_last = &s->next;
}

static void sent_gso(struct world *w, const struct pbuf *pb, const uint8_t *bytes)
{
	const uint32_t hdrs = wire_hdrs_len(bytes);
	uint8_t *whole = malloc(pb->len), *segment = malloc(hdrs + pb->gso_size);
	const char *wrong;

	assert(whole && segment);
	memcpy(whole, bytes, pb->len);
	wrong = wire_finish_csum(whole, pb->len, (uint32_t)(pb->l4 - pbuf_headroom(pb)),
				 pb->csum_offset);
	if (wrong)
		(void)world_fail(w, "it sent a packet to be cut with %s", wrong);
	if (!pb->gso_size)
		(void)world_fail(w, "it sent a packet to be cut into nothing");
	for (uint32_t at = 0; pb->gso_size && at < pb->len - hdrs; at += pb->gso_size)
		sent(w, segment, wire_segment(bytes, pb->len, at, pb->gso_size, segment));
	free(segment);
	free(whole);
}

static void sent_pbuf(struct world *w, const struct pbuf *pb)
{
	uint8_t *bytes = malloc(pb->len);
	const char *wrong = NULL;

	assert(bytes);
	pbuf_copy_out(pb, 0, bytes, pb->len);
	if (!w->v.offload && (pb->gso != PBUF_GSO_NONE || pb->csum == PBUF_CSUM_PARTIAL))
		(void)world_fail(w, "it left work to a device that does none");
	if (pb->gso != PBUF_GSO_NONE) {
		sent_gso(w, pb, bytes);
	} else {
		if (pb->csum == PBUF_CSUM_PARTIAL)
			wrong = wire_finish_csum(bytes, pb->len,
						 (uint32_t)(pb->l4 - pbuf_headroom(pb)),
						 pb->csum_offset);
		if (wrong)
			(void)world_fail(w, "it sent a packet with %s", wrong);
		sent(w, bytes, pb->len);
	}
	free(bytes);
}

static unsigned int link_tx(void *arg, struct pbuf *const *burst, unsigned int n)
{
	struct world *w = arg;

	for (unsigned int i = 0; i < n; i++) {
		sent_pbuf(w, burst[i]);
		pbuf_free(burst[i]);
	}
	return n;
}

void world_input(struct world *w, const uint8_t *bytes, uint32_t len, uint16_t gso, bool more)
{
	struct pbuf *pb = pbuf_alloc_rx(netstack_pool(w->st), 64, len);
	uint8_t *p = pb ? pbuf_put(pb, len) : NULL;

	assert(p);
	memcpy(p, bytes, len);
	if (gso) {
		pb->gso = w->v.ip6 ? PBUF_GSO_TCP6 : PBUF_GSO_TCP4;
		pb->gso_size = gso;
		pb->csum = PBUF_CSUM_VALID;
	}
	w->burst[w->n_burst++] = pb;
	if (more && w->n_burst < BURST_MAX)
		return;
	netstack_input(w->st, w->ifindex, w->burst, w->n_burst, w->now_ns);
	w->n_burst = 0;
}

struct seen *world_take(struct world *w)
{
	struct seen *s = w->sent;

	if (!s)
		return NULL;
	w->sent = s->next;
	if (!w->sent)
		w->sent_last = &w->sent;
	return s;
}

/* --- life --- */

static void trace_line(void *arg, const struct trace_event *ev)
{
	char line[512];

	(void)arg;
	(void)trace_event_to_str(line, sizeof(line), ev);
	(void)printf("    %s\n", line);
}

void world_init(struct world *w, const struct script *s, const struct variant *v)
{
	memset(w, 0, sizeof(*w));
	w->script = s;
	w->v = *v;
	w->now_ns = w->base_ns = NS_PER_S;
	w->sent_last = &w->sent;
	w->log = STRBUF_INIT;
	for (int i = 0; i < SCRIPT_CONNS_MAX; i++) {
		w->conn[i].irs = v->isn + (uint32_t)i * 1000003;
		w->conn[i].iss = 0x20000000U + (uint32_t)i;
	}
	for (int i = 0; i < SCRIPT_FDS_MAX; i++)
		w->fd[i].real = -1;
	w->no_fd.real = -1;
}

static void add_addresses(struct world *w)
{
	struct net_addr_conf a = { .ifindex = w->ifindex, .prefix_len = 24, .no_dad = true };
	struct route_conf r = { .ifindex = w->ifindex, .dst_len = 16, .is_ip4 = true };
	int ret;

	a.addr = places[PLACE_LOCAL].ip4;
	ret = netstack_addr_add(w->st, &a);
	assert(ret == 0);
	r.dst = (struct ip6_addr)IP4(10, 2, 0, 0);
	ret = netstack_route_add(w->st, &r);
	assert(ret == 0);
	if (w->wire_mtu < 1280)
		return;
	a.addr = places[PLACE_LOCAL].ip6;
	a.prefix_len = 64;
	ret = netstack_addr_add(w->st, &a);
	assert(ret == 0);
	r = (struct route_conf){ .ifindex = w->ifindex, .dst_len = 64 };
	r.dst = (struct ip6_addr){ places[PLACE_PEER].ip6.hi, 0 };
	ret = netstack_route_add(w->st, &r);
	assert(ret == 0);
	(void)ret;
}

void world_start(struct world *w, const struct netstack_conf *conf, uint32_t mtu)
{
	struct netstack_conf c = *conf;
	const struct iface_conf ic = {
		.name = "tun0",
		.kind = IFACE_IP,
		.mtu = mtu,
		.features = w->v.offload ? IFACE_TX_CSUM | IFACE_TSO4 | IFACE_TSO6 : 0,
		.tx = link_tx,
		.arg = w,
	};
	int r;

	for (size_t i = 0; i < sizeof(c.seed); i++)
		c.seed[i] = (uint8_t)(i * 31 + 7);
	c.mem = (struct pbuf_mem){ count_alloc, count_free, w };
	c.trace = w->v.trace ? trace_line : NULL;
	r = netstack_new(&w->st, &c, w->now_ns);
	if (r < 0) {
		w->st = NULL;
		(void)world_fail(w, "no instance can be made with these parameters: %s",
				 strerror(-r));
		return;
	}
	w->wire_mtu = mtu;
	r = netstack_link_add(w->st, &ic);
	assert(r > 0);
	w->ifindex = (uint32_t)r;
	r = netstack_link_set_up(w->st, w->ifindex, true);
	assert(r == 0);
	add_addresses(w);
	world_flush(w);
}

void world_flush(struct world *w)
{
	for (int i = 0; netstack_deadline(w->st) <= w->now_ns; i++) {
		netstack_advance(w->st, w->now_ns);
		if (i == STEPS_AT_ONE_TIME_MAX) {
			(void)world_fail(w, "livelock: it always has something to do now");
			return;
		}
	}
}

void world_until(struct world *w, uint64_t at_ns)
{
	while (!w->failure[0]) {
		const uint64_t next = netstack_deadline(w->st);

		if (next > at_ns)
			break;
		if (next > w->now_ns)
			w->now_ns = next;
		world_flush(w);
	}
	if (at_ns <= w->now_ns)
		return;
	w->now_ns = at_ns;
	netstack_advance(w->st, at_ns); /* calls to sockets happen at the time it knows */
}

void world_settle(struct world *w)
{
	struct netstack_memory m;

	w->is_over = true;
	for (int i = 0; i < SCRIPT_FDS_MAX; i++)
		if (w->fd[i].real >= 0)
			(void)ns_close(w->st, w->fd[i].real); /* it was open */
	world_flush(w);
	world_until(w, w->now_ns + SETTLE_NS);
	netstack_memory(w->st, &m);
	if (m.packets || m.packet_bytes || m.sockets || m.conns || m.syn_rcvd || m.time_wait ||
	    m.reassembly_bytes)
		(void)world_fail(
			w,
			"after all was closed it still holds %llu packets (%llu bytes), %llu sockets, %llu connections, %llu SYN-RCVD, %llu TIME-WAIT, %llu bytes of fragments",
			(unsigned long long)m.packets, (unsigned long long)m.packet_bytes,
			(unsigned long long)m.sockets, (unsigned long long)m.conns,
			(unsigned long long)m.syn_rcvd, (unsigned long long)m.time_wait,
			(unsigned long long)m.reassembly_bytes);
	if (netstack_deadline(w->st) != TIMER_NEVER)
		(void)world_fail(w, "an hour after all was closed it still does not sleep");
}

void world_done(struct world *w)
{
	struct seen *s;

	for (unsigned int i = 0; i < w->n_burst; i++)
		pbuf_free(w->burst[i]);
	netstack_free(w->st);
	if (w->mem)
		(void)world_fail(w, "%llu bytes were not given back", (unsigned long long)w->mem);
	while ((s = world_take(w)))
		free(s);
	strbuf_done(&w->log);
}
