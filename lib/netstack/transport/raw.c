/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "netstack/transport/raw.h"

#include <errno.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <string.h>

#include <linux/icmp.h>

#include "netstack/transport/raw_priv.h"
#include "wire/checksum.h"
#include "wire/ipv4.h"

/* Ping sockets: any identifier but 0. */
static const uint16_t ident_min = 1;
static const uint16_t ident_max = 65535;

/* --- socket calls --- */

static int raw_bind(struct sock *sk, struct ip6_addr addr, uint16_t port)
{
	(void)port; /* raw sockets have none */
	if (!sock_addr_is_any(sk->raddr))
		return -EINVAL;
	sk->laddr = addr;
	if (!sock_addr_is_any(addr))
		sk->flags |= SOCK_BOUND_ADDR;
	return 0;
}

static int raw_connect(struct sock *sk, struct ip6_addr addr, uint16_t port)
{
	const struct raw_sock *rs = raw_sock_of(sk);

	if (ip6_addr_is_unspecified(addr) && !port) {
		dgram_disconnect(dgram_of(sk));
		return 0;
	}
	return dgram_connect(dgram_of(sk), rs->protocol, addr, port);
}

/* IPV6_CHECKSUM: over pseudo header and packet, at the offset that was asked for. */
static int put_csum6(const struct raw_sock *rs, const struct dgram_out *o, struct pbuf *pb)
{
	const uint32_t at = (uint32_t)rs->csum_at;
	uint64_t sum;

	if (at + 2 > pb->len)
		return -EINVAL;
	if (!pbuf_unshare(pb, at + 2))
		return -ENOBUFS;
	put_be16(pb->data + at, 0);
	sum = csum_pseudo6(o->flow.src, o->flow.dst, rs->protocol, pb->len) +
	      pbuf_csum(pb, 0, pb->len);
	put_be16(pb->data + at, csum_finish(sum));
	return 0;
}

static bool has_header(const struct sock *sk)
{
	return sk->flags & SOCK_HDRINCL || (sk->is_ip6 && sk->opts & SOCKOPT6_HDRINCL);
}

/* A packet with its IP header: nobody else makes one longer than the way out takes. */
static int check_header(struct raw_sock *rs, struct dgram_out *o, struct pbuf *pb)
{
	const uint32_t least = rs->d.sk.is_ip6 ? 40 : IPV4_HDR_LEN;

	if (pb->len > rs->d.path.mtu) {
		dgram_local_error(&rs->d, EMSGSIZE, rs->d.path.mtu, o->flow.dst, 0);
		return -EMSGSIZE;
	}
	if (pb->len < least || !pbuf_pullup(pb, least))
		return -EINVAL;
	if (!rs->d.sk.is_ip6 && (pb->data[0] & 0xfU) * 4 > pb->len)
		return -EINVAL;
	o->flow.header_included = true;
	return 0;
}

static int prepare(struct raw_sock *rs, const struct sock_msg *msg, struct dgram_out *o,
		   struct pbuf *pb)
{
	int r = 0;

	if (has_header(&rs->d.sk))
		return check_header(rs, o, pb);
	if (rs->d.sk.is_ip6 && rs->csum_at >= 0)
		r = put_csum6(rs, o, pb);
	return r < 0 ? r : dgram_out_fits(&rs->d, msg, o, pb->len, 0);
}

/* IPv6 sends the protocol in the place of the port: it must be the socket's. */
static int check_proto6(const struct raw_sock *rs, const struct sock_msg *msg, uint8_t *ret)
{
	*ret = rs->protocol;
	if (!rs->d.sk.is_ip6 || !msg->has_addr || !msg->port || msg->port == rs->protocol)
		return 0;
	if (rs->protocol != IPPROTO_RAW || msg->port > 255)
		return -EINVAL;
	*ret = (uint8_t)msg->port;
	return 0;
}

static int64_t raw_send(struct sock *sk, struct sock_msg *msg)
{
	struct raw_sock *rs = raw_sock_of(sk);
	const struct ip6_addr dst = msg->has_addr ? msg->addr : sk->raddr;
	const int64_t len = sock_msg_len(msg);
	struct dgram_out o;
	struct pbuf *pb;
	uint8_t proto;
	int r;

	if (len < 0 || len > UINT16_MAX)
		return -EMSGSIZE;
	if (msg->flags & MSG_OOB)
		return -EOPNOTSUPP;
	if (!msg->has_addr && sock_addr_is_any(sk->raddr))
		return -EDESTADDRREQ;
	r = check_proto6(rs, msg, &proto);
	if (r < 0)
		return r;
	/* Linux looks at the type, for its security hooks, before anything else. */
	if (proto == IPPROTO_ICMP && !sk->is_ip6 && !has_header(sk) && len < 2)
		return -EFAULT;
	r = dgram_out_begin(&rs->d, msg, proto, dst, &o);
	if (r < 0)
		return r;
	pb = dgram_payload(&rs->d, msg, (uint32_t)len);
	if (!pb)
		return -ENOBUFS;
	r = prepare(rs, msg, &o, pb);
	if (r == 0)
		r = dgram_out_may(&rs->d);
	if (r < 0) {
		pbuf_free(pb);
		return r;
	}
	pbuf_mark_l4(pb);
	r = dgram_out(&rs->d, &o, pb);
	return r < 0 ? r : len;
}

static int64_t raw_recv(struct sock *sk, struct sock_msg *msg)
{
	return msg->flags & MSG_OOB ? -EOPNOTSUPP : dgram_recv(dgram_of(sk), msg, NULL);
}

/* --- options --- */

static int set_csum_at(struct raw_sock *rs, int level, const void *val, uint32_t len)
{
	int v;

	if (len < sizeof(v))
		return -EINVAL;
	memcpy(&v, val, sizeof(v));
	if (rs->protocol == IPPROTO_ICMPV6 && level == IPPROTO_IPV6)
		return -EINVAL; /* RFC 3542, 3.1: the stack's business */
	if (v > 0 && v & 1)
		return -EINVAL;
	rs->csum_at = v < 0 ? -1 : v;
	return 0;
}

static int raw_setopt(struct sock *sk, int level, int name, const void *val, uint32_t len)
{
	struct raw_sock *rs = raw_sock_of(sk);

	if (sk->is_ip6) {
		if (level == IPPROTO_ICMPV6 && name == ICMP6_FILTER) {
			if (rs->protocol != IPPROTO_ICMPV6)
				return -EOPNOTSUPP;
			memcpy(rs->filter, val,
			       len < sizeof(rs->filter) ? len : sizeof(rs->filter));
			return 0;
		}
		if ((level == SOL_RAW || level == IPPROTO_IPV6) && name == IPV6_CHECKSUM)
			return set_csum_at(rs, level, val, len);
		return level == SOL_RAW && len < sizeof(int) ? -EINVAL : -ENOPROTOOPT;
	}
	if (level != SOL_RAW || name != ICMP_FILTER)
		return -ENOPROTOOPT;
	if (rs->protocol != IPPROTO_ICMP)
		return -EOPNOTSUPP;
	memcpy(rs->filter, val, len < sizeof(uint32_t) ? len : sizeof(uint32_t));
	return 0;
}

static int raw_getopt(struct sock *sk, int level, int name, void *val, uint32_t *len)
{
	const struct raw_sock *rs = raw_sock_of(sk);
	const void *from;
	uint32_t size;

	if (sk->is_ip6 && level == IPPROTO_ICMPV6 && name == ICMP6_FILTER) {
		if (rs->protocol != IPPROTO_ICMPV6)
			return -EOPNOTSUPP;
		from = rs->filter;
		size = sizeof(rs->filter);
	} else if (sk->is_ip6 && (level == SOL_RAW || level == IPPROTO_IPV6) &&
		   name == IPV6_CHECKSUM) {
		from = &rs->csum_at;
		size = sizeof(rs->csum_at);
	} else if (!sk->is_ip6 && level == SOL_RAW && name == ICMP_FILTER) {
		if (rs->protocol != IPPROTO_ICMP)
			return -EOPNOTSUPP;
		from = rs->filter;
		size = sizeof(rs->filter[0]);
	} else {
		return -ENOPROTOOPT;
	}
	if (*len > size)
		*len = size;
	memcpy(val, from, *len);
	return 0;
}

/* --- receiving --- */

/* Does the filter want this ICMP type?  @pb: ICMP header at data. */
static bool filter_wants(const struct raw_sock *rs, const struct pbuf *pb)
{
	uint8_t type;

	if (rs->protocol == IPPROTO_ICMP && !rs->d.sk.is_ip6) {
		if (pb->len < 8)
			return false;
		pbuf_copy_out(pb, 0, &type, 1);
		return type >= 32 || !(rs->filter[0] >> type & 1);
	}
	if (rs->protocol == IPPROTO_ICMPV6 && rs->d.sk.is_ip6) {
		if (pb->len < 8)
			return false;
		pbuf_copy_out(pb, 0, &type, 1);
		return !(rs->filter[type / 32] >> type % 32 & 1);
	}
	return true;
}

static bool addrs_match(const struct sock *sk, struct ip6_addr laddr, struct ip6_addr raddr,
			uint32_t ifindex)
{
	return (sock_addr_is_any(sk->laddr) || ip6_addr_eq(sk->laddr, laddr)) &&
	       (sock_addr_is_any(sk->raddr) || ip6_addr_eq(sk->raddr, raddr)) &&
	       (!sk->oif || sk->oif == ifindex);
}

static bool wants(const struct raw_sock *rs, const struct pbuf *pb, const struct ip_rx *rx)
{
	const bool is_group = rx->is_ip4 ? ip4_addr_is_multicast((uint32_t)rx->dst.lo)
					 : ip6_addr_is_multicast(rx->dst);

	return rs->d.sk.is_ip6 == !rx->is_ip4 &&
	       addrs_match(&rs->d.sk, rx->dst, rx->src, pb->ifindex) && filter_wants(rs, pb) &&
	       (!is_group || dgram_group_hears(&rs->d, pb->ifindex, rx->dst, rx->src));
}

static void deliver(struct raw_sock *rs, struct pbuf *pb)
{
	struct core *core = rs->d.layer->core;
	const struct ip_rx *rx = ip_rx(pb);

	if (rs->d.sk.is_ip6 && rs->csum_at >= 0 && pb->csum == PBUF_CSUM_NONE &&
	    !csum_ok(csum_pseudo6(rx->src, rx->dst, rs->protocol, pb->len) +
		     pbuf_csum(pb, 0, pb->len))) {
		core_drop(core, pb, DROP_ICMP_CSUM);
		return;
	}
	/* Whoever reads it wants to see a checksum. */
	if (pb->csum == PBUF_CSUM_PARTIAL) {
		if (!pbuf_unshare(pb, pb->csum_offset + 2U)) {
			core_drop(core, pb, DROP_NO_MEMORY);
			return;
		}
		pbuf_finish_csum(pb);
	}
	/* IPv4 with its header. */
	if (rx->is_ip4 && !pbuf_push(pb, (uint32_t)(pb->data - pbuf_l3(pb)))) {
		core_drop(core, pb, DROP_IP_BAD);
		return;
	}
	dgram_queue(&rs->d, pb);
}

bool raw_in(struct raw *raw, struct pbuf *pb)
{
	const struct ip_rx *rx = ip_rx(pb);
	struct raw_sock *next;
	bool found = false;

	for (struct raw_sock *rs = raw->by_proto[rx->proto]; rs; rs = next) {
		struct pbuf *copy;

		next = rs->next;
		if (!wants(rs, pb, rx))
			continue;
		found = true;
		copy = pbuf_clone(pb);
		if (copy)
			deliver(rs, copy);
		else
			core_count(raw->l.core, DROP_NO_MEMORY);
	}
	return found;
}

void raw_error(struct raw *raw, const struct ip_error *e)
{
	for (struct raw_sock *rs = raw->by_proto[e->proto]; rs; rs = rs->next)
		if (rs->d.sk.is_ip6 == !e->is_ip4 &&
		    addrs_match(&rs->d.sk, e->src, e->dst, e->ifindex))
			dgram_error(&rs->d, e);
	ping_error(raw, e);
}

/* --- life --- */

static void raw_close(struct sock *sk)
{
	struct raw_sock *rs = raw_sock_of(sk);

	*rs->pprev = rs->next;
	if (rs->next)
		rs->next->pprev = rs->pprev;
	dgram_done(&rs->d);
	slab_free(&rs->raw->socks, sk->id);
}

static const struct sock_type raw_type = {
	.type = SOCK_RAW,
	.name = "raw",
	.bind = raw_bind,
	.connect = raw_connect,
	.send = raw_send,
	.recv = raw_recv,
	.shutdown = dgram_shutdown,
	.close = raw_close,
	.poll = dgram_poll,
	.setopt = raw_setopt,
	.getopt = raw_getopt,
	.inq = dgram_inq,
	.outq = dgram_outq,
};

int raw_sock_new(struct raw *raw, bool is_ip6, const struct sock_type *type, uint8_t protocol,
		 struct raw_sock **ret)
{
	uint32_t id;
	struct raw_sock *rs = slab_alloc(&raw->socks, &id);

	if (!rs)
		return -ENOMEM;
	rs->d.sk.id = id;
	rs->raw = raw;
	rs->protocol = protocol;
	rs->csum_at = is_ip6 && protocol == IPPROTO_ICMPV6 ? 2 : -1;
	dgram_init(&rs->d, &raw->l, type, is_ip6);
	rs->d.sk.flags |= SOCK_REUSEADDR; /* from the start, as Linux has it */
	*ret = rs;
	return 0;
}

int raw_socket(struct raw *raw, bool is_ip6, int protocol, struct sock **ret)
{
	struct raw_sock *rs;
	int r;

	if (protocol <= 0 || protocol > 255)
		return -EPROTONOSUPPORT;
	r = raw_sock_new(raw, is_ip6, &raw_type, (uint8_t)protocol, &rs);
	if (r < 0)
		return r;
	rs->d.sk.lport = (uint16_t)protocol; /* getsockname() shows it there */
	if (protocol == IPPROTO_RAW)
		rs->d.sk.flags |= SOCK_HDRINCL;
	rs->next = raw->by_proto[protocol];
	rs->pprev = &raw->by_proto[protocol];
	if (rs->next)
		rs->next->pprev = &rs->next;
	raw->by_proto[protocol] = rs;
	*ret = &rs->d.sk;
	return 0;
}

int raw_new(struct raw **ret, struct core *core, struct net *net)
{
	struct raw *raw = core->mem.alloc(core->mem.arg, sizeof(*raw));

	if (!raw)
		return -ENOMEM;
	*raw = (struct raw){ .l = { .core = core, .net = net } };
	port_table_init(&raw->idents, core, &ident_min, &ident_max, PORT_PING);
	slab_init(&raw->socks, &core->mem, sizeof(struct raw_sock), SLAB_NONE - 1);
	*ret = raw;
	return 0;
}

void raw_free(struct raw *raw)
{
	struct core *core;

	if (!raw)
		return;
	core = raw->l.core;
	port_table_done(&raw->idents);
	slab_done(&raw->socks);
	core->mem.free(core->mem.arg, raw, sizeof(*raw));
}

void raw_run(struct raw *raw)
{
	dgram_layer_run(&raw->l);
}

uint32_t raw_count(const struct raw *raw)
{
	return raw->socks.n;
}

uint64_t raw_bytes(const struct raw *raw)
{
	return slab_bytes(&raw->socks) + port_table_bytes(&raw->idents);
}
