/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "netstack/transport/udp.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <string.h>

#include "netstack/transport/udp_priv.h"
#include "wire/udp.h"

#ifndef UDP_SEGMENT
#	define UDP_SEGMENT 103
#endif
#ifndef UDP_GRO
#	define UDP_GRO 104
#endif

#define UDP_LEN_MAX 65535 /* of the datagram, header included */

/* --- ports --- */

static int udp_bind(struct sock *sk, struct ip6_addr addr, uint16_t port)
{
	struct udp_sock *us = udp_sock_of(sk);
	int r;

	if (sk->lport)
		return -EINVAL;
	sk->laddr = addr;
	if (port || !(sk->flags & SOCK_BIND_NO_PORT)) {
		r = port_bind(&us->udp->ports, &us->d.bind, port);
		if (r < 0) {
			sk->laddr = IP6_UNSPECIFIED;
			return r;
		}
	}
	sk->flags |=
		(sock_addr_is_any(addr) ? 0U : SOCK_BOUND_ADDR) | (port ? SOCK_BOUND_PORT : 0U);
	return 0;
}

/* Whoever sends or connects has a port. */
static int autobind(struct udp_sock *us)
{
	struct sock *sk = &us->d.sk;

	if (sk->lport)
		return 0;
	return port_bind(&us->udp->ports, &us->d.bind, 0) < 0 ? -EAGAIN : 0;
}

static void disconnect(struct udp_sock *us)
{
	struct sock *sk = &us->d.sk;

	dgram_disconnect(&us->d);
	if (sk->flags & SOCK_BOUND_PORT) {
		/* Without memory it hears nothing until the next connect(). */
		(void)port_moved(&us->udp->ports, &us->d.bind);
	} else {
		port_release(&us->udp->ports, &us->d.bind);
		sk->lport = 0;
	}
}

static int udp_connect(struct sock *sk, struct ip6_addr addr, uint16_t port)
{
	struct udp_sock *us = udp_sock_of(sk);
	int r;

	if (ip6_addr_is_unspecified(addr) && !port) {
		disconnect(us);
		return 0;
	}
	r = autobind(us);
	if (r < 0)
		return r;
	r = dgram_connect(&us->d, IP_PROTO_UDP, addr, port);
	if (r < 0)
		return r;
	return port_moved(&us->udp->ports, &us->d.bind);
}

/* --- sending --- */

/* Header and checksum before the data, which is @pb; always consumed. */
static int push_datagram(struct udp_sock *us, struct dgram_out *o, struct pbuf *pb, uint16_t port)
{
	const bool is_ip4 = ip6_addr_is_mapped(o->flow.dst);
	const bool no_csum = is_ip4 ? us->d.sk.flags & SOCK_NO_CHECK : us->no_check6_tx;
	const struct udp_repr h = {
		.src_port = us->d.sk.lport,
		.dst_port = port,
		.payload_len = (uint16_t)pb->len,
	};
	const uint32_t len = pb->len + UDP_HDR_LEN;
	uint8_t *at = pbuf_push(pb, UDP_HDR_LEN);
	uint64_t pseudo;

	/* PBUF_HEADROOM has it, and the length was checked. */
	(void)udp_emit(at, UDP_HDR_LEN, &h);
	pbuf_mark_l4(pb);
	if (!no_csum) {
		pseudo = is_ip4 ? csum_pseudo4((uint32_t)o->flow.src.lo, (uint32_t)o->flow.dst.lo,
					       IP_PROTO_UDP, len)
				: csum_pseudo6(o->flow.src, o->flow.dst, IP_PROTO_UDP, len);
		put_be16(at + UDP_CSUM_OFFSET, csum_fold(pseudo));
		pb->csum = PBUF_CSUM_PARTIAL;
		pb->csum_offset = UDP_CSUM_OFFSET;
	}
	return dgram_out(&us->d, o, pb);
}

/* Fits the length into the rules of fragments and segments. */
static int check_len(struct udp_sock *us, const struct sock_msg *msg, struct dgram_out *o,
		     uint32_t len, uint16_t gso_size, uint16_t port)
{
	const bool is_ip4 = ip6_addr_is_mapped(o->flow.dst);
	const uint32_t ip_len = is_ip4 ? 20 : 40;
	const uint32_t first = gso_size && gso_size < len ? gso_size : len;

	/* An IPv4 packet has its own header in its length. */
	if (len + UDP_HDR_LEN > UDP_LEN_MAX - (is_ip4 ? ip_len : 0)) {
		dgram_local_error(&us->d, EMSGSIZE, dgram_out_mtu(&us->d, o), o->flow.dst, port);
		return -EMSGSIZE;
	}
	if (gso_size) {
		if (ip_len + UDP_HDR_LEN + first > dgram_out_mtu(&us->d, o))
			return -EMSGSIZE;
		if (len > (uint32_t)gso_size * UDP_SEGMENTS_MAX)
			return -EINVAL;
		if (is_ip4 ? us->d.sk.flags & SOCK_NO_CHECK : us->no_check6_tx)
			return -EINVAL;
	}
	return dgram_out_fits(&us->d, msg, o, UDP_HDR_LEN + first, port);
}

static void set_gso(struct pbuf *pb, uint16_t gso_size)
{
	if (!gso_size || pb->len <= gso_size)
		return;
	pb->gso = PBUF_GSO_UDP;
	pb->gso_size = gso_size;
}

static void cork_drop(struct udp_sock *us)
{
	if (us->cork)
		pbuf_block_unref(us->cork);
	us->cork = NULL;
	us->cork_len = 0;
}

/* Send what was collected. */
static int cork_push(struct udp_sock *us)
{
	const struct iovec iov = { us->cork->data, us->cork_len };
	const struct sock_msg msg = {
		.iov = &iov, .n_iov = 1, .ttl = -1, .tos = -1, .dont_frag = -1
	};
	struct pbuf *pb;
	int r;

	r = dgram_out_path(&us->d, &us->cork_out.flow);
	if (r == 0)
		r = check_len(us, &msg, &us->cork_out, us->cork_len, us->cork_gso, us->cork_port);
	if (r == 0) {
		pb = dgram_payload(&us->d, &msg, us->cork_len);
		if (pb) {
			set_gso(pb, us->cork_gso);
			r = push_datagram(us, &us->cork_out, pb, us->cork_port);
		} else {
			r = -ENOBUFS;
		}
	}
	cork_drop(us);
	return r;
}

static int cork_begin(struct udp_sock *us, const struct sock_msg *msg, struct ip6_addr dst,
		      uint16_t port)
{
	int r = dgram_out_begin(&us->d, msg, IP_PROTO_UDP, dst, &us->cork_out);

	if (r == 0)
		r = dgram_out_may(&us->d);
	if (r < 0)
		return r;
	us->cork = pbuf_block_alloc(us->udp->l.core->pool, UDP_LEN_MAX);
	if (!us->cork)
		return -ENOBUFS;
	us->cork_port = port;
	us->cork_gso = msg->gso_size ? msg->gso_size : us->gso_size;
	return 0;
}

/* More of a datagram; sent when nobody says that there is more. */
static int64_t cork_append(struct udp_sock *us, const struct sock_msg *msg, uint32_t len)
{
	int r;

	if (us->cork_len + len > UDP_LEN_MAX - UDP_HDR_LEN) {
		cork_drop(us);
		return -EMSGSIZE;
	}
	for (size_t i = 0; i < msg->n_iov; i++) {
		if (msg->iov[i].iov_len)
			memcpy(us->cork->data + us->cork_len, msg->iov[i].iov_base,
			       msg->iov[i].iov_len);
		us->cork_len += (uint32_t)msg->iov[i].iov_len;
	}
	if (us->corked || msg->flags & MSG_MORE)
		return len;
	r = cork_push(us);
	return r < 0 ? r : (int64_t)len;
}

static int64_t send_one(struct udp_sock *us, const struct sock_msg *msg, uint32_t len,
			struct ip6_addr dst, uint16_t port)
{
	const uint16_t gso_size = msg->gso_size ? msg->gso_size : us->gso_size;
	struct dgram_out o;
	struct pbuf *pb;
	int r;

	r = dgram_out_begin(&us->d, msg, IP_PROTO_UDP, dst, &o);
	if (r == 0)
		r = check_len(us, msg, &o, len, gso_size, port);
	if (r == 0)
		r = dgram_out_may(&us->d);
	if (r < 0)
		return r;
	pb = dgram_payload(&us->d, msg, len);
	if (!pb)
		return -ENOBUFS;
	set_gso(pb, gso_size);
	r = push_datagram(us, &o, pb, port);
	return r < 0 ? r : (int64_t)len;
}

static int64_t udp_send(struct sock *sk, struct sock_msg *msg)
{
	struct udp_sock *us = udp_sock_of(sk);
	const struct ip6_addr dst = msg->has_addr ? msg->addr : sk->raddr;
	const uint16_t port = msg->has_addr ? msg->port : sk->rport;
	const int64_t len = sock_msg_len(msg);
	int r;

	r = autobind(us);
	if (r < 0)
		return r;
	if (len < 0 || len > UDP_LEN_MAX)
		return -EMSGSIZE;
	/* Of IPv6, Linux ignores it. */
	if (msg->flags & MSG_OOB && (!sk->is_ip6 || ip6_addr_is_mapped(dst)))
		return -EOPNOTSUPP;
	if (us->cork)
		return cork_append(us, msg, (uint32_t)len);
	if (msg->has_addr && !port)
		return -EINVAL;
	if (!msg->has_addr && sock_addr_is_any(sk->raddr))
		return -EDESTADDRREQ;
	if (!us->corked && !(msg->flags & MSG_MORE))
		return send_one(us, msg, (uint32_t)len, dst, port);
	r = cork_begin(us, msg, dst, port);
	return r < 0 ? r : cork_append(us, msg, (uint32_t)len);
}

/* --- receiving --- */

/* The header is where it was, before the data. */
static uint16_t port_of(const struct pbuf *pb)
{
	return get_be16(pbuf_l4(pb));
}

static int64_t udp_recv(struct sock *sk, struct sock_msg *msg)
{
	return dgram_recv(dgram_of(sk), msg, port_of);
}

/* --- options --- */

static int get_int(const void *val, uint32_t len, int *ret)
{
	if (len < sizeof(*ret))
		return -EINVAL;
	memcpy(ret, val, sizeof(*ret));
	return 0;
}

static int set_cork(struct udp_sock *us, bool on)
{
	us->corked = on;
	return !on && us->cork ? cork_push(us) : 0;
}

static void set_gro(struct udp_sock *us, bool on)
{
	us->udp->n_gro += on - us->gro;
	us->gro = on;
}

static int udp_setopt(struct sock *sk, int level, int name, const void *val, uint32_t len)
{
	struct udp_sock *us = udp_sock_of(sk);
	int v, r;

	if (level != IPPROTO_UDP)
		return -ENOPROTOOPT;
	r = get_int(val, len, &v);
	if (r < 0)
		return r;
	switch (name) {
	case UDP_CORK:
		return set_cork(us, v);
	case UDP_SEGMENT:
		if (v < 0 || v > UINT16_MAX)
			return -EINVAL;
		us->gso_size = (uint16_t)v;
		return 0;
	case UDP_GRO:
		set_gro(us, v);
		return 0;
	case UDP_NO_CHECK6_TX:
		us->no_check6_tx = v;
		return 0;
	case UDP_NO_CHECK6_RX:
		us->no_check6_rx = v;
		return 0;
	default:
		return -ENOPROTOOPT;
	}
}

static int udp_getopt(struct sock *sk, int level, int name, void *val, uint32_t *len)
{
	const struct udp_sock *us = udp_sock_of(sk);
	int v;

	if (level != IPPROTO_UDP)
		return -ENOPROTOOPT;
	switch (name) {
	case UDP_CORK:
		v = us->corked;
		break;
	case UDP_SEGMENT:
		v = us->gso_size;
		break;
	case UDP_GRO:
		v = us->gro;
		break;
	case UDP_NO_CHECK6_TX:
		v = us->no_check6_tx;
		break;
	case UDP_NO_CHECK6_RX:
		v = us->no_check6_rx;
		break;
	default:
		return -ENOPROTOOPT;
	}
	if (*len > sizeof(v))
		*len = sizeof(v);
	memcpy(val, &v, *len);
	return 0;
}

static void udp_changed(struct sock *sk, int name)
{
	struct udp_sock *us = udp_sock_of(sk);

	if (name == SO_BINDTODEVICE)
		(void)port_moved(&us->udp->ports, &us->d.bind); /* as in disconnect() */
}

/* --- life --- */

static void udp_close(struct sock *sk)
{
	struct udp_sock *us = udp_sock_of(sk);

	cork_drop(us);
	set_gro(us, false);
	port_release(&us->udp->ports, &us->d.bind);
	dgram_done(&us->d);
	slab_free(&us->udp->socks, sk->id);
}

static const struct sock_type udp_type = {
	.type = SOCK_DGRAM,
	.protocol = IPPROTO_UDP,
	.name = "udp",
	.bind = udp_bind,
	.connect = udp_connect,
	.send = udp_send,
	.recv = udp_recv,
	.shutdown = dgram_shutdown,
	.close = udp_close,
	.poll = dgram_poll,
	.setopt = udp_setopt,
	.getopt = udp_getopt,
	.changed = udp_changed,
	.inq = dgram_inq,
	.outq = dgram_outq,
};

int udp_socket(struct udp *udp, bool is_ip6, struct sock **ret)
{
	uint32_t id;
	struct udp_sock *us = slab_alloc(&udp->socks, &id);

	if (!us)
		return -ENOMEM;
	us->d.sk.id = id;
	us->udp = udp;
	dgram_init(&us->d, &udp->l, &udp_type, is_ip6);
	*ret = &us->d.sk;
	return 0;
}

int udp_new(struct udp **ret, struct core *core, struct net *net)
{
	const struct ip_params *params = net_params(net);
	struct udp *udp = core->mem.alloc(core->mem.arg, sizeof(*udp));

	if (!udp)
		return -ENOMEM;
	*udp = (struct udp){ .l = { .core = core, .net = net } };
	port_table_init(&udp->ports, core, &params->port_min, &params->port_max, PORT_UDP);
	slab_init(&udp->socks, &core->mem, sizeof(struct udp_sock), SLAB_NONE - 1);
	*ret = udp;
	return 0;
}

void udp_free(struct udp *udp)
{
	struct core *core;

	if (!udp)
		return;
	core = udp->l.core;
	port_table_done(&udp->ports);
	slab_done(&udp->socks);
	core->mem.free(core->mem.arg, udp, sizeof(*udp));
}

void udp_run(struct udp *udp)
{
	dgram_layer_run(&udp->l);
}

uint32_t udp_count(const struct udp *udp)
{
	return udp->socks.n;
}

uint64_t udp_bytes(const struct udp *udp)
{
	return slab_bytes(&udp->socks) + port_table_bytes(&udp->ports);
}

void udp_trim(struct udp *udp)
{
	slab_trim(&udp->socks);
	port_table_trim(&udp->ports);
}
