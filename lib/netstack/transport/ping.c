/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Ping sockets: SOCK_DGRAM of ICMP.  They send echo requests whose identifier is the
 * socket's port, and get the replies with that identifier, from the ICMP header on.
 */
#include <errno.h>
#include <netinet/in.h>
#include <string.h>

#include "netstack/transport/raw_priv.h"
#include "wire/checksum.h"
#include "wire/icmp4.h"
#include "wire/icmp6.h"

#define ECHO_HDR_LEN 8
#define CSUM_AT      2
#define IDENT_AT     4

static int ping_bind(struct sock *sk, struct ip6_addr addr, uint16_t port)
{
	struct raw_sock *rs = raw_sock_of(sk);
	int r;

	if (!sock_addr_is_any(addr) &&
	    ip_addr_type(rs->raw->l.net, addr, sk->oif) != IP_ADDR_LOCAL &&
	    !(sk->flags & (SOCK_FREEBIND | SOCK_TRANSPARENT)))
		return -EADDRNOTAVAIL;
	if (sk->lport)
		return -EINVAL;
	sk->laddr = addr;
	r = port_bind(&rs->raw->idents, &rs->d.bind, port);
	if (r < 0) {
		sk->laddr = IP6_UNSPECIFIED;
		return r;
	}
	sk->flags |=
		(sock_addr_is_any(addr) ? 0U : SOCK_BOUND_ADDR) | (port ? SOCK_BOUND_PORT : 0U);
	return 0;
}

static int autobind(struct raw_sock *rs)
{
	if (rs->d.sk.lport)
		return 0;
	return port_bind(&rs->raw->idents, &rs->d.bind, 0) < 0 ? -EAGAIN : 0;
}

static int ping_connect(struct sock *sk, struct ip6_addr addr, uint16_t port)
{
	struct raw_sock *rs = raw_sock_of(sk);
	int r;

	if (ip6_addr_is_unspecified(addr) && !port) {
		dgram_disconnect(&rs->d);
		if (!(sk->flags & SOCK_BOUND_PORT)) {
			port_release(&rs->raw->idents, &rs->d.bind);
			sk->lport = 0;
		}
	} else {
		r = autobind(rs);
		if (r < 0)
			return r;
		r = dgram_connect(&rs->d, rs->protocol, addr, port);
		if (r < 0)
			return r;
	}
	return port_moved(&rs->raw->idents, &rs->d.bind);
}

/* Only echo requests. */
static bool may_send(const struct raw_sock *rs, const struct pbuf *pb)
{
	const uint8_t type = rs->d.sk.is_ip6 ? ICMP6_TYPE_ECHO : ICMP4_TYPE_ECHO;

	return pb->data[0] == type && pb->data[1] == 0;
}

/* Our identifier, and the checksum over it. */
static void finish(const struct raw_sock *rs, const struct dgram_out *o, struct pbuf *pb)
{
	uint64_t sum = 0;

	put_be16(pb->data + IDENT_AT, rs->d.sk.lport);
	put_be16(pb->data + CSUM_AT, 0);
	if (rs->d.sk.is_ip6)
		sum = csum_pseudo6(o->flow.src, o->flow.dst, IP_PROTO_ICMP6, pb->len);
	sum += pbuf_csum(pb, 0, pb->len);
	put_be16(pb->data + CSUM_AT, csum_finish(sum));
	pbuf_mark_l4(pb);
}

static int64_t ping_send(struct sock *sk, struct sock_msg *msg)
{
	struct raw_sock *rs = raw_sock_of(sk);
	const struct ip6_addr dst = msg->has_addr ? msg->addr : sk->raddr;
	const int64_t len = sock_msg_len(msg);
	struct dgram_out o;
	struct pbuf *pb;
	int r;

	r = autobind(rs);
	if (r < 0)
		return r;
	if (len < 0 || len > UINT16_MAX)
		return -EMSGSIZE;
	if (len < ECHO_HDR_LEN)
		return -EINVAL;
	if (msg->flags & MSG_OOB)
		return -EOPNOTSUPP;
	pb = dgram_payload(&rs->d, msg, (uint32_t)len);
	if (!pb)
		return -ENOBUFS;
	r = pbuf_unshare(pb, ECHO_HDR_LEN) ? 0 : -ENOBUFS;
	if (r == 0 && !may_send(rs, pb))
		r = -EINVAL;
	else if (r == 0 && !msg->has_addr && sock_addr_is_any(sk->raddr))
		r = -EDESTADDRREQ;
	if (r == 0)
		r = dgram_out_begin(&rs->d, msg, rs->protocol, dst, &o);
	if (r == 0)
		r = dgram_out_fits(&rs->d, msg, &o, pb->len, 0);
	if (r == 0)
		r = dgram_out_may(&rs->d);
	if (r < 0) {
		pbuf_free(pb);
		return r;
	}
	finish(rs, &o, pb);
	r = dgram_out(&rs->d, &o, pb);
	return r < 0 ? r : len;
}

static int64_t ping_recv(struct sock *sk, struct sock_msg *msg)
{
	return msg->flags & MSG_OOB ? -EOPNOTSUPP : dgram_recv(dgram_of(sk), msg, NULL);
}

static struct raw_sock *ping_lookup(const struct raw *raw, struct ip6_addr laddr, uint16_t ident,
				    struct ip6_addr raddr, uint32_t ifindex)
{
	struct sock *sk = port_lookup(&raw->idents, laddr, ident, raddr, 0, ifindex, 0);

	/* Identifiers are one space for both families, sockets are of one. */
	return sk && sk->is_ip6 == !ip6_addr_is_mapped(laddr) ? raw_sock_of(sk) : NULL;
}

void ping_in(struct raw *raw, struct pbuf *pb)
{
	const struct ip_rx *rx = ip_rx(pb);
	struct raw_sock *rs = NULL;

	if (pbuf_pullup(pb, ECHO_HDR_LEN))
		rs = ping_lookup(raw, rx->dst, get_be16(pb->data + IDENT_AT), rx->src, pb->ifindex);
	if (rs)
		dgram_queue(&rs->d, pb);
	else
		core_drop(raw->l.core, pb, DROP_NO_SOCKET);
}

void ping_error(struct raw *raw, const struct ip_error *e)
{
	struct raw_sock *rs;

	if (e->proto != (e->is_ip4 ? IP_PROTO_ICMP : IP_PROTO_ICMP6))
		return;
	rs = ping_lookup(raw, e->src, e->src_port, e->dst, e->ifindex);
	if (rs)
		dgram_error(&rs->d, e);
}

static void ping_changed(struct sock *sk, int name)
{
	struct raw_sock *rs = raw_sock_of(sk);

	if (name == SO_BINDTODEVICE)
		/* Without memory it hears nothing until it is bound to a device again. */
		(void)port_moved(&rs->raw->idents, &rs->d.bind);
}

static void ping_close(struct sock *sk)
{
	struct raw_sock *rs = raw_sock_of(sk);

	port_release(&rs->raw->idents, &rs->d.bind);
	dgram_done(&rs->d);
	slab_free(&rs->raw->socks, sk->id);
}

static const struct sock_type ping_type = {
	.type = SOCK_DGRAM,
	.name = "ping",
	.bind = ping_bind,
	.connect = ping_connect,
	.send = ping_send,
	.recv = ping_recv,
	.shutdown = dgram_shutdown,
	.close = ping_close,
	.poll = dgram_poll,
	.changed = ping_changed,
	.inq = dgram_inq,
	.outq = dgram_outq,
};

int ping_socket(struct raw *raw, bool is_ip6, struct sock **ret)
{
	struct raw_sock *rs;
	int r;

	if (!net_params(raw->l.net)->ping_sockets)
		return -EACCES;
	r = raw_sock_new(raw, is_ip6, &ping_type, is_ip6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP, &rs);
	if (r < 0)
		return r;
	*ret = &rs->d.sk;
	return 0;
}
