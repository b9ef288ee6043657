/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "netstack/transport/dgram.h"

#include <errno.h>
#include <limits.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/epoll.h>

#include <linux/errqueue.h>

#include "wire/bytes.h"

#define READABLE (EPOLLIN | EPOLLRDNORM)
#define WRITABLE (EPOLLOUT | EPOLLWRNORM | EPOLLWRBAND)

/* What Linux wakes readers with: sock_def_readable(). */
#define NEWS_IN (EPOLLIN | EPOLLPRI | EPOLLRDNORM | EPOLLRDBAND)

/* An entry of the error queue, in the cb of a packet that has what the ICMP error quotes and, as
 * its l3 header, our address that the error was sent to.
 */
struct dgram_err {
	struct ip6_addr from;
	struct ip6_addr dst;
	uint32_t info;
	uint16_t port;
	uint16_t error;
	uint8_t origin;
	uint8_t type;
	uint8_t code;
	uint8_t ttl;
	uint8_t tos;
};

_Static_assert(sizeof(struct dgram_err) <= PBUF_CB_LEN, "cb");

static struct dgram_err *dgram_err(struct pbuf *pb)
{
	return (struct dgram_err *)(void *)pb->cb;
}

void dgram_init(struct dgram *d, struct dgram_layer *layer, const struct sock_type *type,
		bool is_ip6)
{
	sock_init(&d->sk, type, is_ip6);
	d->bind.sk = &d->sk;
	d->layer = layer;
	d->mcast_ttl = 1;
	d->mcast_hops = 1;
	pbuf_queue_init(&d->rx);
	pbuf_queue_init(&d->errq);
}

static void drop_all(struct dgram *d, struct pbuf_queue *q)
{
	struct pbuf *pb;

	while ((pb = pbuf_queue_take(q))) {
		d->sk.rcv_charge -= pb->owner_bytes;
		core_drop(d->layer->core, pb, DROP_SOCKET_CLOSED);
	}
}

void dgram_done(struct dgram *d)
{
	struct dgram **at = &d->layer->charged;

	if (d->is_charged) {
		while (*at != d)
			at = &(*at)->charged;
		*at = d->charged;
	}
	drop_all(d, &d->rx);
	drop_all(d, &d->errq);
	dgram_groups_leave_all(d);
	sock_forget(d->layer->core, &d->sk);
}

/* --- receiving --- */

static uint32_t charge_of(const struct pbuf_block *b, uint32_t used)
{
	return b->refs == 1 ? b->charge : used;
}

/* What it counts in SO_RCVBUF: blocks that it shares, as datagrams do that came in one packet, by
 * its own part.
 */
static uint32_t charge_of_packet(const struct pbuf *pb)
{
	uint32_t bytes = (uint32_t)sizeof(*pb);

	if (pb->head)
		bytes += charge_of(pb->head, pb->linear);
	for (unsigned int i = 0; i < pb->n_frags; i++)
		bytes += charge_of(pb->frag[i].block, pb->frag[i].len);
	return bytes;
}

void dgram_queue(struct dgram *d, struct pbuf *pb)
{
	struct core *core = d->layer->core;
	const uint32_t charge = charge_of_packet(pb);

	if (d->sk.rcv_charge && d->sk.rcv_charge + charge > d->sk.rcvbuf) {
		d->lost++;
		core_drop(core, pb, DROP_RCVBUF_FULL);
		return;
	}
	pb->owner_bytes = charge;
	d->sk.rcv_charge += charge;
	core_trace(core, TRACE_SOCKET, pb);
	pbuf_queue_put(&d->rx, pb);
	sock_wake(core, &d->sk, NEWS_IN);
}

/* As much of the packet as there is room for. */
static uint32_t copy_to_iov(const struct pbuf *pb, const struct sock_msg *msg)
{
	uint32_t at = 0;

	for (size_t i = 0; i < msg->n_iov && at < pb->len; i++) {
		const uint32_t left = pb->len - at;
		const uint32_t n =
			msg->iov[i].iov_len < left ? (uint32_t)msg->iov[i].iov_len : left;

		if (n)
			pbuf_copy_out(pb, at, msg->iov[i].iov_base, n);
		at += n;
	}
	return at;
}

static int64_t recv_error(struct dgram *d, struct sock_msg *msg)
{
	struct pbuf *pb = pbuf_queue_take(&d->errq);
	const struct dgram_err *e, *next;
	uint32_t n;

	if (!pb)
		return -EAGAIN;
	d->sk.rcv_charge -= pb->owner_bytes;
	e = dgram_err(pb);
	n = copy_to_iov(pb, msg);
	msg->flags = MSG_ERRQUEUE | (n < pb->len ? MSG_TRUNC : 0);
	msg->has_addr = true;
	msg->addr = e->dst;
	msg->port = e->port;
	msg->ifindex = pb->ifindex;
	msg->has_local = e->origin != SO_EE_ORIGIN_LOCAL;
	msg->local = ip6_addr_get(pbuf_l3(pb));
	msg->ttl = e->ttl;
	msg->tos = e->tos;
	msg->time_ns = pb->time_ns;
	if (msg->err)
		*msg->err = (struct sock_err){
			.from = e->from,
			.info = e->info,
			.error = e->error,
			.origin = e->origin,
			.type = e->type,
			.code = e->code,
		};
	/* SO_ERROR is that of the next one, if that came by ICMP (sock_dequeue_err_skb()). */
	next = d->errq.first ? dgram_err(d->errq.first) : NULL;
	if (next && next->origin != SO_EE_ORIGIN_LOCAL)
		d->sk.error = (int16_t)next->error;
	else if (e->origin != SO_EE_ORIGIN_LOCAL)
		d->sk.error = 0;
	if (next)
		sock_wake(d->layer->core, &d->sk, EPOLLERR);
	pbuf_free(pb);
	return n;
}

int64_t dgram_recv(struct dgram *d, struct sock_msg *msg,
		   uint16_t (*port_of)(const struct pbuf *pb))
{
	const int flags = msg->flags;
	struct pbuf *pb = d->rx.first;
	const struct ip_rx *rx;
	int64_t r;
	uint32_t n;

	if (flags & MSG_ERRQUEUE)
		return recv_error(d, msg);
	r = sock_take_error(&d->sk);
	if (r < 0)
		return r;
	/* Only who waits is told of the end: whoever does not gets EAGAIN, as on Linux. */
	msg->stop = d->sk.flags & SOCK_RD_SHUT;
	if (!pb)
		return -EAGAIN;

	rx = ip_rx(pb);
	n = copy_to_iov(pb, msg);
	msg->flags = n < pb->len ? MSG_TRUNC : 0;
	msg->has_addr = true;
	msg->addr = rx->src;
	msg->port = port_of ? port_of(pb) : 0;
	msg->has_local = true;
	msg->local = rx->dst;
	msg->ifindex = pb->ifindex;
	msg->ttl = rx->ttl;
	msg->tos = rx->tos;
	msg->gso_size = pb->gso == PBUF_GSO_UDP ? pb->gso_size : 0;
	msg->lost = d->lost;
	msg->time_ns = pb->time_ns;
	r = flags & MSG_TRUNC ? pb->len : n;
	if (!(flags & MSG_PEEK)) {
		pb = pbuf_queue_take(&d->rx);
		d->sk.rcv_charge -= pb->owner_bytes;
		pbuf_free(pb);
	}
	return r;
}

/* As Linux's datagram_poll(). */
uint32_t dgram_poll(const struct sock *sk)
{
	const struct dgram *d = dgram_of_const(sk);
	uint32_t mask = 0;

	if (sk->error || d->errq.first)
		mask |= EPOLLERR;
	if (sk->flags & SOCK_RD_SHUT) {
		mask |= EPOLLRDHUP | READABLE;
		if (sk->flags & SOCK_WR_SHUT)
			mask |= EPOLLHUP;
	}
	if (d->rx.first)
		mask |= READABLE;
	if (sk->snd_charge < sk->sndbuf / 2)
		mask |= WRITABLE;
	return mask;
}

int dgram_shutdown(struct sock *sk, int how)
{
	sk->flags |= (how != SHUT_WR ? SOCK_RD_SHUT : 0U) | (how != SHUT_RD ? SOCK_WR_SHUT : 0U);
	/* It is done all the same: who polls an unconnected socket sees it. */
	return sock_addr_is_any(sk->raddr) ? -ENOTCONN : 0;
}

int dgram_inq(const struct sock *sk, uint32_t *ret)
{
	const struct dgram *d = dgram_of_const(sk);

	*ret = d->rx.first ? d->rx.first->len : 0;
	return 0;
}

int dgram_outq(const struct sock *sk, uint32_t *ret)
{
	*ret = sk->snd_charge;
	return 0;
}

/* --- errors --- */

/* @ic is the ICMP error, NULL for one of our own. */
static void queue_error(struct dgram *d, const struct dgram_err *e, const struct ip_error *ic)
{
	const struct ip6_addr local = ic ? ic->src : IP6_UNSPECIFIED;
	const uint32_t len = ic && ic->data ? ic->data_len : 0;
	struct core *core = d->layer->core;
	struct pbuf *pb = pbuf_alloc_rx(core->pool, 0, IP6_ADDR_LEN + len);
	uint8_t *at = pb ? pbuf_put(pb, IP6_ADDR_LEN + len) : NULL;
	uint32_t bytes;

	if (!at) {
		pbuf_free(pb);
		core_count(core, DROP_NO_MEMORY);
		return;
	}
	ip6_addr_put(at, local);
	if (len)
		memcpy(at + IP6_ADDR_LEN, ic->data, len);
	pbuf_mark_l3(pb);
	pbuf_pull(pb, IP6_ADDR_LEN);
	*dgram_err(pb) = *e;
	pb->ifindex = ic ? ic->ifindex : 0;
	pb->time_ns = ic ? ic->time_ns : core->now_ns;
	bytes = pbuf_truesize(pb);
	if (d->sk.rcv_charge + bytes >= d->sk.rcvbuf) {
		core_drop(core, pb, DROP_RCVBUF_FULL);
		return;
	}
	pb->owner_bytes = bytes;
	d->sk.rcv_charge += bytes;
	pbuf_queue_put(&d->errq, pb);
	sock_wake(core, &d->sk, EPOLLERR);
}

static bool wants_errors(const struct dgram *d, bool is_ip4)
{
	return is_ip4 ? d->sk.flags & SOCK_RECVERR : d->sk.opts & SOCKOPT6_RECVERR;
}

void dgram_error(struct dgram *d, const struct ip_error *e)
{
	const bool is_connected = !sock_addr_is_any(d->sk.raddr);
	const bool queues = wants_errors(d, e->is_ip4);
	bool hard = e->hard;

	if (e->error == EMSGSIZE) {
		const uint8_t pmtudisc = e->is_ip4 ? d->sk.pmtudisc : d->sk.pmtudisc6;

		ip_pmtu_update(d->layer->net, e->dst, e->mtu);
		if (e->is_ip4 && pmtudisc == IP_PMTUDISC_DONT)
			return;
		hard = pmtudisc != IP_PMTUDISC_DONT;
	}
	if (!queues && (!hard || !is_connected))
		return;
	if (queues) {
		const struct dgram_err err = {
			.from = e->from,
			.dst = e->dst,
			.info = e->error == EMSGSIZE ? e->mtu : 0,
			.port = e->dst_port,
			.error = (uint16_t)e->error,
			.origin = e->is_ip4 ? SO_EE_ORIGIN_ICMP : SO_EE_ORIGIN_ICMP6,
			.type = e->type,
			.code = e->code,
			.ttl = e->ttl,
			.tos = e->tos,
		};

		queue_error(d, &err, e);
	}
	d->sk.error = (int16_t)e->error;
	sock_wake(d->layer->core, &d->sk, EPOLLERR);
}

void dgram_local_error(struct dgram *d, int error, uint32_t mtu, struct ip6_addr dst, uint16_t port)
{
	const struct dgram_err err = {
		.dst = dst,
		.info = mtu,
		.port = port,
		.error = (uint16_t)error,
		.origin = SO_EE_ORIGIN_LOCAL,
	};

	if (wants_errors(d, ip6_addr_is_mapped(dst)))
		queue_error(d, &err, NULL);
}

void dgram_errors_drop(struct dgram *d)
{
	drop_all(d, &d->errq);
}

/* --- the turn --- */

void dgram_layer_run(struct dgram_layer *l)
{
	struct dgram *d = l->charged;

	l->charged = NULL;
	while (d) {
		struct dgram *next = d->charged;

		d->charged = NULL;
		d->is_charged = false;
		d->sk.snd_charge = 0;
		sock_wake(l->core, &d->sk, WRITABLE);
		d = next;
	}
}
