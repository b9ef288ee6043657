/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * scene.c - an instance on two Ethernet links; time, memory, the end
 */
#include "tests/fuzz/netstack/scene.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "wire/ethernet.h"

/* Turns without the clock moving, and timers in one go: more is a livelock. */
#define TURNS_MAX 1000
#define STEPS_MAX 200000

/* No connection without a program is older. */
#define PATIENCE_NS (7200 * SCENE_S)

_Noreturn void scene_broken(const char *what, const char *file, int line)
{
	(void)fprintf(stderr, "%s:%d: does not hold: %s\n", file, line, what);
	abort();
}

/* --- memory --- */

static void *scene_alloc(void *arg, size_t size)
{
	struct scene *s = arg;
	void *p;

	if (s->fail_in && --s->fail_in == 0) {
		s->fail_in = s->fail_all;
		return NULL;
	}
	p = malloc(size);
	MUST(p);
	/* What was not written must not be used as if it were zero. */
	memset(p, 0xa5, size);
	s->mem += size;
	s->pieces++;
	return p;
}

static void scene_free_mem(void *arg, void *p, size_t size)
{
	struct scene *s = arg;

	if (!p)
		return;
	MUST(s->mem >= size && s->pieces);
	s->mem -= size;
	s->pieces--;
	free(p);
}

/* --- what is configured --- */

uint32_t scene_mtu(const struct scene *s)
{
	return s->options & SCENE_NARROW ? 1280 : 1500;
}

struct eth_addr scene_mac(unsigned int link, unsigned int host)
{
	return (struct eth_addr){ { 2, 0, 0, 0, (uint8_t)link, (uint8_t)host } };
}

/* Some of the events: all of them would take most of the time. */
static void trace(void *arg, const struct trace_event *ev)
{
	struct scene *s = arg;
	char line[400];
	size_t n;

	if (s->n_events++ % 8)
		return;
	n = trace_event_to_str(line, sizeof(line), ev);
	MUST(n < sizeof(line) && strlen(line) == n);
}

static void conf_tcp(const struct scene *s, struct tcp_params *p)
{
	p->timestamps = !(s->options & SCENE_NO_TS);
	p->sack = !(s->options & SCENE_NO_SACK);
	p->window_scaling = !(s->options & SCENE_NO_WSCALE);
	if (s->options & SCENE_RENO)
		(void)snprintf(p->cc, sizeof(p->cc), "reno");
	if (s->options & SCENE_COOKIES)
		p->syncookies = TCP_SYNCOOKIES_ALWAYS;
	else if (s->options & SCENE_NO_COOKIES)
		p->syncookies = TCP_SYNCOOKIES_OFF;
	if (s->options & SCENE_PROBING)
		p->mtu_probing = 2;
	if (s->options & SCENE_TW_RST) {
		p->rfc1337 = true;
		p->abort_on_overflow = true;
	}
	if (s->options & SCENE_SMALL) {
		p->rmem_default = 8192;
		p->wmem_default = 8192;
		p->syn_backlog_max = 4;
		p->time_wait_max = 2;
		p->orphans_max = 4;
		p->bytes_max = 32 << 10;
	}
}

static void conf_ip(const struct scene *s, struct ip_params *p)
{
	p->ip4_forward = !(s->options & SCENE_HOST);
	p->ip6_forward = p->ip4_forward;
	p->accept_ra = !p->ip4_forward;
	p->accept_redirects = !p->ip4_forward;
	p->igmp_version = s->options & SCENE_OLD_IGMP ? 2 : 0;
	if (s->options & SCENE_SMALL)
		p->reass_bytes_max = 32 << 10;
}

static void add_addr(struct scene *s, unsigned int link, struct ip6_addr addr, uint8_t len,
		     bool dad)
{
	const struct net_addr_conf conf = {
		.ifindex = s->link[link].ifindex,
		.addr = addr,
		.prefix_len = len,
		.no_dad = !dad,
	};

	MUST(netstack_addr_add(s->st, &conf) == 0);
}

static void add_peer(struct scene *s, unsigned int link, struct ip6_addr addr)
{
	MUST(netstack_neigh_add(s->st, s->link[link].ifindex, addr, scene_mac(link, 2)) == 0);
}

static unsigned int scene_tx(void *arg, struct pbuf *const *burst, unsigned int n)
{
	static uint8_t frame[SCENE_FRAME_MAX]; /* one thread */
	struct scene_link *l = arg;

	for (unsigned int i = 0; i < n; i++) {
		if (l->refuses)
			return i;
		MUST(burst[i]->len <= sizeof(frame));
		pbuf_copy_out(burst[i], 0, frame, burst[i]->len);
		seen_frame(l->s, burst[i], frame, burst[i]->len);
		pbuf_free(burst[i]);
	}
	return n;
}

static void add_link(struct scene *s, unsigned int i)
{
	const uint32_t features = IFACE_TX_CSUM | IFACE_TSO4 | IFACE_TSO6 | IFACE_USO;
	struct scene_link *l = &s->link[i];
	char name[] = { 'e', 't', 'h', (char)('0' + i), '\0' };
	int r;

	*l = (struct scene_link){ .s = s, .i = i };
	r = netstack_link_add(s->st, &(struct iface_conf){
					     .name = name,
					     .kind = IFACE_ETHERNET,
					     .mac = scene_mac(i, 1),
					     .mtu = scene_mtu(s),
					     .features = s->options & SCENE_OFFLOAD ? features : 0,
					     .tx = scene_tx,
					     .arg = l,
				     });
	MUST(r > IFACE_LO);
	l->ifindex = (uint32_t)r;
	MUST(netstack_link_set_up(s->st, l->ifindex, true) == 0);
	add_addr(s, i, ip6_addr_of_ip4(SCENE_US4(i)), 24, false);
	add_addr(s, i, SCENE_US6(i), 64, false);
	add_addr(s, i, SCENE_LL6(1), 64, false);
	add_peer(s, i, ip6_addr_of_ip4(SCENE_PEER4(i)));
	add_peer(s, i, SCENE_PEER6(i));
	add_peer(s, i, SCENE_LL6(2));
}

static void add_default_route(struct scene *s, bool is_ip4)
{
	const struct route_conf r = {
		.dst = is_ip4 ? ip6_addr_of_ip4(0) : IP6_UNSPECIFIED,
		.gateway = is_ip4 ? ip6_addr_of_ip4(SCENE_PEER4(0)) : SCENE_PEER6(0),
		.has_gateway = true,
		.is_ip4 = is_ip4,
		.ifindex = s->link[0].ifindex,
	};

	MUST(netstack_route_add(s->st, &r) == 0);
}

static enum hook_verdict hook(void *arg, const struct hook_ctx *ctx, struct pbuf *pb)
{
	const struct scene *s = arg;

	MUST(s->st && ctx->point < HOOK_N);
	if (ctx->point >= HOOK_PREROUTING) {
		/* netstack/net/hook.h: linear and valid */
		MUST(pb->linear >= (ctx->is_ip4 ? 20U : 40U));
		MUST(pb->data[0] >> 4 == (ctx->is_ip4 ? 4 : 6));
	}
	return HOOK_ACCEPT;
}

void scene_limit(struct scene *s, uint64_t bytes)
{
	const uint64_t most = s->options & SCENE_SMALL ? SCENE_POOL_SMALL : SCENE_POOL;

	pbuf_pool_set_limit(netstack_pool(s->st), bytes < most ? bytes : most);
}

struct scene *scene_new(uint32_t options)
{
	struct scene *s = calloc(1, sizeof(*s));
	struct netstack_conf conf;

	MUST(s);
	s->options = options;
	s->now_ns = 10 * SCENE_S;
	netstack_conf_default(&conf);
	for (unsigned int i = 0; i < sizeof(conf.seed); i++)
		conf.seed[i] = (uint8_t)(i * 37 + 11);
	conf.mem = (struct pbuf_mem){ scene_alloc, scene_free_mem, s };
	conf.pool_bytes_max = options & SCENE_SMALL ? SCENE_POOL_SMALL : SCENE_POOL;
	conf.sockets_max = SCENE_FDS;
	conf.trace = options & SCENE_TRACE ? trace : NULL;
	conf.trace_arg = s;
	conf_ip(s, &conf.ip);
	conf_tcp(s, &conf.tcp);
	MUST(netstack_new(&s->st, &conf, s->now_ns) == 0);
	for (unsigned int i = 0; i < SCENE_LINKS; i++)
		add_link(s, i);
	add_default_route(s, true);
	add_default_route(s, false);
	/* One whose detection of duplicates is under way. */
	add_addr(s, 0, (struct ip6_addr){ SCENE_HI6(0), 0xdad }, 64, true);
	for (unsigned int p = 0; p < HOOK_N && options & SCENE_HOOKS; p++)
		netstack_hook_set(s->st, (enum hook_point)p, hook, s);
	return s;
}

/* --- frames --- */

/* What is behind the linear part comes in two pieces. */
static bool add_pieces(struct pbuf *pb, const uint8_t *p, uint32_t len)
{
	for (uint32_t done = 0, n; done < len; done += n) {
		struct pbuf_block *b;
		bool ok;

		n = done || len == 1 ? len - done : len / 2;
		b = pbuf_block_alloc(pb->pool, n);
		if (!b)
			return false;
		memcpy(b->data, p + done, n);
		ok = pbuf_add_frag(pb, b, 0, n);
		pbuf_block_unref(b);
		if (!ok)
			return false;
	}
	return true;
}

static struct pbuf *make_pbuf(struct scene *s, const struct scene_shape *shape,
			      const uint8_t *frame, uint32_t len)
{
	const uint32_t linear = shape->linear && shape->linear < len ? shape->linear : len;
	struct pbuf *pb = pbuf_alloc_rx(netstack_pool(s->st), 64, linear);
	uint8_t *p = pb ? pbuf_put(pb, linear) : NULL;

	if (!p) {
		pbuf_free(pb);
		return NULL;
	}
	memcpy(p, frame, linear);
	if (!add_pieces(pb, frame + linear, len - linear)) {
		pbuf_free(pb);
		return NULL;
	}
	pb->csum = shape->csum;
	pb->gso = shape->gso;
	pb->gso_size = shape->gso_size;
	if (shape->l4) {
		pb->l4 = (uint16_t)(pbuf_headroom(pb) + shape->l4);
		pb->csum_offset = shape->gso == PBUF_GSO_UDP ? 6 : 16;
	}
	return pb;
}

void scene_input(struct scene *s, const struct scene_shape *shape, const uint8_t *frame,
		 uint32_t len)
{
	struct pbuf *pb = make_pbuf(s, shape, frame, len);

	if (!pb)
		return; /* a device that has no memory loses frames */
	netstack_input(s->st, s->link[shape->link].ifindex, &pb, 1, s->now_ns);
}

void scene_input_ip(struct scene *s, const struct scene_shape *shape, const uint8_t *packet,
		    uint32_t len)
{
	static uint8_t frame[SCENE_FRAME_MAX]; /* one thread */
	struct scene_shape sh = *shape;
	const struct eth_repr eth = {
		.dst = scene_mac(shape->link, 1),
		.src = scene_mac(shape->link, 2),
		.type = len && packet[0] >> 4 == 6 ? ETH_TYPE_IPV6 : ETH_TYPE_IPV4,
	};

	MUST(len <= sizeof(frame) - ETH_HDR_LEN);
	MUST(eth_emit(frame, sizeof(frame), &eth) == ETH_HDR_LEN);
	if (len)
		memcpy(frame + ETH_HDR_LEN, packet, len);
	if (sh.linear)
		sh.linear += ETH_HDR_LEN;
	if (sh.l4)
		sh.l4 += ETH_HDR_LEN;
	scene_input(s, &sh, frame, ETH_HDR_LEN + len);
}

/* --- time --- */

void scene_turn(struct scene *s)
{
	for (unsigned int i = 0; netstack_deadline(s->st) <= s->now_ns; i++) {
		MUST(i < TURNS_MAX);
		netstack_advance(s->st, s->now_ns);
	}
}

static void pass_until(struct scene *s, uint64_t end_ns)
{
	scene_turn(s);
	for (unsigned int i = 0; netstack_deadline(s->st) <= end_ns; i++) {
		const uint64_t at = netstack_deadline(s->st);

		if (at == TIMER_NEVER)
			return;
		MUST(i < STEPS_MAX);
		s->now_ns = at;
		scene_turn(s);
	}
	if (end_ns != TIMER_NEVER)
		s->now_ns = end_ns;
}

void scene_pass(struct scene *s, uint64_t ns)
{
	pass_until(s, s->now_ns + ns);
	netstack_advance(s->st, s->now_ns);
	scene_turn(s);
}

/* --- the end --- */

static void nothing_left(const struct scene *s)
{
	struct netstack_memory m;

	netstack_memory(s->st, &m);
	MUST(m.packets == 0);
	MUST(m.packet_bytes == 0);
	MUST(m.sockets == 0);
	MUST(m.conns == 0);
	MUST(m.syn_rcvd == 0);
	MUST(m.time_wait == 0);
	MUST(m.reassembly_bytes == 0);
	MUST(netstack_deadline(s->st) == TIMER_NEVER);
}

void scene_end(struct scene *s)
{
	s->fail_in = 0;
	s->fail_all = false;
	scene_limit(s, UINT64_MAX);
	for (int fd = 0; fd < SCENE_FDS; fd++) {
		const int r = ns_close(s->st, fd);

		MUST(r == 0 || r == -EBADF);
	}
	if (s->options & SCENE_HOST) {
		/* Routers are asked for without end (RFC 7559, 2). */
		pass_until(s, s->now_ns + PATIENCE_NS);
		for (unsigned int i = 0; i < SCENE_LINKS; i++)
			MUST(netstack_link_set_up(s->st, s->link[i].ifindex, false) == 0);
	}
	pass_until(s, TIMER_NEVER);
	nothing_left(s);
	netstack_free(s->st);
	MUST(s->mem == 0 && s->pieces == 0);
	free(s);
}
