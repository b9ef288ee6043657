/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <limits.h>
#include <netinet/in.h>
#include <string.h>

#include "netstack/transport/dgram.h"

int64_t sock_msg_len(const struct sock_msg *msg)
{
	uint64_t len = 0;

	for (size_t i = 0; i < msg->n_iov; i++) {
		if (msg->iov[i].iov_len > INT32_MAX - len)
			return -EMSGSIZE;
		len += msg->iov[i].iov_len;
	}
	return (int64_t)len;
}

static bool is_group(struct ip6_addr a)
{
	return ip6_addr_is_mapped(a) ? ip4_addr_is_multicast((uint32_t)a.lo)
				     : ip6_addr_is_multicast(a);
}

/* A socket may be bound to a group or to a broadcast address, but not send from it. */
static struct ip6_addr source_of(const struct dgram *d)
{
	const struct sock *sk = &d->sk;
	enum ip_addr_type type;

	if (sock_addr_is_any(sk->laddr) || is_group(sk->laddr))
		return IP6_UNSPECIFIED;
	if (!(sk->flags & SOCK_BOUND_ADDR) || !ip6_addr_is_mapped(sk->laddr))
		return sk->laddr;
	type = ip_addr_type(d->layer->net, sk->laddr, 0);
	return type == IP_ADDR_BROADCAST ? IP6_UNSPECIFIED : sk->laddr;
}

/* What IP_MULTICAST_* and their like say about packets to many. */
static void flow_to_group(const struct dgram *d, struct ip_flow *f, bool is_ip4)
{
	f->ttl = is_ip4 ? d->mcast_ttl : d->mcast_hops;
	f->no_loop =
		is_ip4 ? d->sk.flags & SOCK_MCAST_NO_LOOP : d->sk.opts & SOCKOPT6_MCAST_NO_LOOP;
	if (!f->oif)
		f->oif = is_ip4 ? d->mcast_if : d->mcast_if6;
	if (is_ip4 && sock_addr_is_any(f->src))
		f->src = d->mcast_src;
}

static void flow_of(const struct dgram *d, const struct sock_msg *msg, uint8_t proto,
		    struct ip6_addr dst, struct ip_flow *f)
{
	const bool is_ip4 = ip6_addr_is_mapped(dst);

	sock_flow(&d->sk, f, dst);
	f->proto = proto;
	f->pmtu_probe = (is_ip4 ? d->sk.pmtudisc : d->sk.pmtudisc6) == IP_PMTUDISC_PROBE;
	if (!f->transparent)
		f->src = source_of(d);
	if (msg && msg->has_local)
		f->src = msg->local;
	if (msg && msg->ifindex)
		f->oif = msg->ifindex;
	if (is_group(dst))
		flow_to_group(d, f, is_ip4);
	else if (!f->oif)
		f->oif = is_ip4 ? d->unicast_if : d->unicast_if6;
	if (msg && msg->ttl > 0)
		f->ttl = (uint8_t)msg->ttl;
	if (msg && msg->tos >= 0)
		f->tos = (uint8_t)msg->tos;
	if (msg && msg->has_mark)
		f->mark = msg->mark;
	if (msg && msg->flags & MSG_DONTROUTE)
		f->dont_route = true;
}

static bool flow_has_same_path(const struct ip_flow *a, const struct ip_flow *b)
{
	return ip6_addr_eq(a->dst, b->dst) && ip6_addr_eq(a->src, b->src) && a->oif == b->oif &&
	       a->mark == b->mark && a->pmtu_probe == b->pmtu_probe &&
	       a->transparent == b->transparent && a->broadcast == b->broadcast &&
	       a->dont_route == b->dont_route;
}

/* The path of the packet before is mostly that of this one.  In a new generation the source, too,
 * is chosen anew, unless it was asked for.
 */
int dgram_out_path(struct dgram *d, struct ip_flow *f)
{
	const struct ip_flow asked = *f;
	struct net *net = d->layer->net;
	int r;

	if (d->path.gen && flow_has_same_path(&asked, &d->path_key)) {
		const uint32_t gen = d->path.gen;

		f->src = d->path_src;
		f->dst = d->path_dst;
		r = ip_path_find(net, f, &d->path);
		if (r == 0 && (d->path.gen == gen || !sock_addr_is_any(asked.src)))
			return 0;
		*f = asked;
	}
	d->path.gen = 0;
	r = ip_path_find(net, f, &d->path);
	if (r < 0) {
		d->path.gen = 0;
		return ip_path_errno(r);
	}
	d->path_key = asked;
	d->path_src = f->src;
	d->path_dst = f->dst;
	return 0;
}

int dgram_out_begin(struct dgram *d, const struct sock_msg *msg, uint8_t proto, struct ip6_addr dst,
		    struct dgram_out *ret)
{
	flow_of(d, msg, proto, dst, &ret->flow);
	return dgram_out_path(d, &ret->flow);
}

int dgram_out_may(struct dgram *d)
{
	const int r = sock_take_error(&d->sk);

	if (r < 0)
		return r;
	if (d->sk.flags & SOCK_WR_SHUT)
		return -EPIPE;
	return d->sk.snd_charge < d->sk.sndbuf ? 0 : -EAGAIN;
}

uint32_t dgram_out_mtu(const struct dgram *d, const struct dgram_out *o)
{
	const uint32_t size = ip6_addr_is_mapped(o->flow.dst) ? 0 : d->frag_size6;

	return size && size < d->path.mtu ? size : d->path.mtu;
}

int dgram_out_fits(struct dgram *d, const struct sock_msg *msg, struct dgram_out *o, uint32_t len,
		   uint16_t port)
{
	const bool is_ip4 = ip6_addr_is_mapped(o->flow.dst);
	const uint32_t whole = len + (is_ip4 ? 20 : 40);
	const uint8_t pmtudisc = is_ip4 ? d->sk.pmtudisc : d->sk.pmtudisc6;
	const uint32_t mtu = dgram_out_mtu(d, o);
	const bool fits = whole <= mtu;
	bool never = pmtudisc == IP_PMTUDISC_DO || pmtudisc == IP_PMTUDISC_PROBE;

	if (!is_ip4) {
		never |= d->sk.opts & SOCKOPT6_DONTFRAG;
		if (msg->dont_frag >= 0)
			never = msg->dont_frag;
	}
	o->flow.dont_frag = never || (is_ip4 && fits && pmtudisc == IP_PMTUDISC_WANT);
	if (fits || !never || (o->flow.pmtu_probe && mtu == d->path.mtu))
		return 0;
	dgram_local_error(d, EMSGSIZE, mtu, o->flow.dst, port);
	return -EMSGSIZE;
}

static void copy_from_iov(const struct sock_msg *msg, uint8_t *to)
{
	for (size_t i = 0; i < msg->n_iov; i++) {
		if (!msg->iov[i].iov_len)
			continue;
		memcpy(to, msg->iov[i].iov_base, msg->iov[i].iov_len);
		to += msg->iov[i].iov_len;
	}
}

struct pbuf *dgram_payload(struct dgram *d, const struct sock_msg *msg, uint32_t len)
{
	struct pbuf_pool *pool = d->layer->core->pool;
	struct pbuf *pb = pbuf_alloc(pool);
	struct pbuf_block *block;
	uint8_t *at;

	if (!pb)
		return NULL;
	at = pbuf_put(pb, len);
	if (at) {
		copy_from_iov(msg, at);
		return pb;
	}
	block = pbuf_block_alloc(pool, len);
	if (!block) {
		pbuf_free(pb);
		return NULL;
	}
	copy_from_iov(msg, block->data);
	/* The first piece always has its place. */
	(void)pbuf_add_frag(pb, block, 0, len);
	pbuf_block_unref(block);
	return pb;
}

int dgram_out(struct dgram *d, struct dgram_out *o, struct pbuf *pb)
{
	int r;

	if (!o->flow.dont_frag && dgram_out_mtu(d, o) < d->path.mtu)
		pb->frag_max = d->frag_size6;
	d->sk.snd_charge += pbuf_truesize(pb);
	if (!d->is_charged) {
		d->is_charged = true;
		d->charged = d->layer->charged;
		d->layer->charged = d;
	}
	r = ip_out(d->layer->net, pb, &o->flow, &d->path);
	/* A full queue is the network's business unless somebody wants to know. */
	if (r == -ENOBUFS && !(ip6_addr_is_mapped(o->flow.dst) ? d->sk.flags & SOCK_RECVERR
							       : d->sk.opts & SOCKOPT6_RECVERR))
		return 0;
	return r;
}

int dgram_connect(struct dgram *d, uint8_t proto, struct ip6_addr addr, uint16_t port)
{
	struct dgram_out o;
	struct sock *sk = &d->sk;
	int r;

	flow_of(d, NULL, proto, addr, &o.flow);
	r = dgram_out_path(d, &o.flow);
	if (r < 0)
		return r;
	if (sock_addr_is_any(sk->laddr))
		sk->laddr = o.flow.src;
	sk->raddr = o.flow.dst;
	sk->rport = port;
	return 0;
}

void dgram_disconnect(struct dgram *d)
{
	struct sock *sk = &d->sk;

	sk->raddr = IP6_UNSPECIFIED;
	sk->rport = 0;
	sk->oif = 0; /* SO_BINDTODEVICE is forgotten, too: as __udp_disconnect() */
	if (!(sk->flags & SOCK_BOUND_ADDR))
		sk->laddr = IP6_UNSPECIFIED;
}
