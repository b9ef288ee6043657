/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * segments.h - one instance, and a peer that is the test: segments made and read by hand
 *
 * The link has no link header and does no offload, so what is sent is whole: its
 * checksums are verified.
 */
#ifndef TESTS_UNIT_NETSTACK_TCP_SEGMENTS_H
#define TESTS_UNIT_NETSTACK_TCP_SEGMENTS_H

#include <arpa/inet.h>
#include <netinet/in.h>

#include "netstack/socket.h"
#include "netstack/tcp/in_priv.h"
#include "tests/unit/netstack/rig.h"
#include "wire/tcp_options.h"

#define PORT      80
#define PEER_PORT 40000
#define PEER_ISS  1000

/**
 * struct seg - A segment
 * @seq, @ack:	Relative to nothing: as on the wire
 * @len:	Payload
 * @data:	Of what was sent by us; of the peer NULL stands for bytes that count up from
 *		@seq
 */
struct seg {
	uint16_t flags;
	struct seq seq;
	struct seq ack;
	uint16_t wnd;
	uint16_t urg;
	uint16_t src_port;
	uint16_t dst_port;
	struct tcp_options_repr opt;
	uint32_t len;
	const uint8_t *data;
	uint16_t gso_size; /* to us: several of so many bytes, 0 for one */
};

/**
 * struct peer - The other end of a connection
 * @us, @peer:	Addresses
 * @our_port, @port: Ports
 * @seq:	Its next number
 * @ack:	Our next number, as far as it was seen
 * @seen:	Frames of the link that the test has read
 * @ts, @ts_val, @ts_ecr: With timestamps
 * @wnd:	It offers
 * @fail_in:	While its segments are processed, the so-manieth allocation fails; 0 for none
 */
struct peer {
	struct rig *r;
	struct ip6_addr us;
	struct ip6_addr peer;
	uint16_t our_port;
	uint16_t port;
	struct seq seq;
	struct seq ack;
	unsigned int seen;
	bool ts;
	uint32_t ts_val;
	uint32_t ts_ecr;
	uint16_t wnd;
	uint64_t fail_in;
};

static RIG_UNUSED struct tcp_params *params(const struct rig *r)
{
	return netstack_tcp_params(r->st);
}

static RIG_UNUSED const struct tcp_stats *stats(const struct rig *r)
{
	return netstack_tcp_stats(r->st);
}

/* A host with 10.0.0.1 and 2001:db8::1, on a link to the peer. */
static RIG_UNUSED void segments_init(struct rig *r)
{
	rig_init(r);
	(void)rig_link_add(r, IFACE_IP, RIG_MTU, 0);
	rig_addr_add(r, 0, RIG_US4, 24);
	rig_addr_add(r, 0, RIG_US6, 64);
	netstack_advance(r->st, r->now);
	rig_forget(r);
}

static RIG_UNUSED struct peer peer_of(struct rig *r, uint16_t port)
{
	return (struct peer){
		.r = r,
		.us = RIG_US4,
		.peer = RIG_PEER4,
		.our_port = PORT,
		.port = port,
		.seq = seq_of(PEER_ISS),
		.seen = r->link[0].n,
		.wnd = 65535,
	};
}

/* --- to us --- */

static RIG_UNUSED uint8_t byte_at(struct seq seq)
{
	return (uint8_t)(seq.v * 7 + (seq.v >> 8));
}

static RIG_UNUSED void seg_in(struct peer *p, const struct seg *s)
{
	static struct rig_pkt pkt;
	const bool is_ip4 = ip6_addr_is_mapped(p->us);
	struct tcp_repr h = {
		.seq = s->seq,
		.ack = s->ack,
		.src_port = p->port,
		.dst_port = p->our_port,
		.flags = s->flags,
		.wnd = s->wnd,
		.urg = s->urg,
	};
	struct tcp_options_repr opt = s->opt;
	struct pbuf *pb;
	uint32_t hdr_len;
	uint64_t sum;
	uint8_t *at;
	int n;

	if (p->ts && !(s->flags & TCP_RST)) {
		opt.has_ts = true;
		opt.ts_val = opt.ts_val ? opt.ts_val : p->ts_val;
		opt.ts_ecr = p->ts_ecr;
	}
	n = tcp_options_len(&opt);
	assert_true(n >= 0);
	h.opts_len = (uint8_t)n;
	hdr_len = TCP_HDR_LEN + h.opts_len;
	pkt.len = 0;
	rig_ip(&pkt, p->peer, p->us, IP_PROTO_TCP, 64, (uint16_t)(hdr_len + s->len));
	at = pkt.b + pkt.len;
	assert_int_equal(tcp_emit(at, hdr_len, &h), hdr_len);
	assert_int_equal(tcp_options_emit(at + TCP_HDR_LEN, h.opts_len, &opt), n);
	for (uint32_t i = 0; i < s->len; i++)
		at[hdr_len + i] = s->data ? s->data[i] : byte_at(seq_add(s->seq, i));
	sum = is_ip4 ? csum_pseudo4((uint32_t)p->peer.lo, (uint32_t)p->us.lo, IP_PROTO_TCP,
				    hdr_len + s->len)
		     : csum_pseudo6(p->peer, p->us, IP_PROTO_TCP, hdr_len + s->len);
	put_be16(at + TCP_CSUM_OFFSET, csum_finish(sum + csum_bytes(at, hdr_len + s->len)));
	pkt.len += hdr_len + s->len;
	pb = rig_pbuf(p->r, pkt.b, pkt.len);
	if (s->gso_size) {
		pb->gso = is_ip4 ? PBUF_GSO_TCP4 : PBUF_GSO_TCP6;
		pb->gso_size = s->gso_size;
		pb->csum = PBUF_CSUM_VALID;
	}
	p->r->tm.fail_in = p->fail_in;
	rig_in_pbuf(p->r, 0, pb);
	p->r->tm.fail_in = 0;
}

/* An ordinary segment: at @p->seq, which moves behind it, acknowledging @p->ack. */
static RIG_UNUSED void peer_send(struct peer *p, uint16_t flags, uint32_t len)
{
	seg_in(p,
	       &(struct seg){
		       .flags = flags, .seq = p->seq, .ack = p->ack, .wnd = p->wnd, .len = len });
	p->seq = seq_add(p->seq, len + !!(flags & TCP_SYN) + !!(flags & TCP_FIN));
}

/* One somewhere else: @off from @p->seq. */
static RIG_UNUSED void peer_send_at(struct peer *p, uint16_t flags, int32_t off, uint32_t len)
{
	seg_in(p, &(struct seg){ .flags = flags,
				 .seq = seq_add(p->seq, (uint32_t)off),
				 .ack = p->ack,
				 .wnd = p->wnd,
				 .len = len });
}

/* --- from us --- */

static RIG_UNUSED bool seg_peek(struct peer *p, struct seg *ret)
{
	const struct rig_frame *f = &p->r->link[0].frame[p->seen];
	const bool is_ip4 = ip6_addr_is_mapped(p->us);
	const uint32_t ip_len = is_ip4 ? IPV4_HDR_LEN : IPV6_HDR_LEN;
	struct tcp_repr h = { .flags = 0 };
	uint64_t sum;
	uint32_t len;
	int n;

	netstack_advance(p->r->st, p->r->now);
	if (p->seen == p->r->link[0].n)
		return false;
	len = f->len - ip_len;
	if (is_ip4) {
		struct ipv4_repr ip = { .src = 0 };

		assert_int_equal(ipv4_parse(f->data, f->len, &ip), ip_len);
		assert_true(ipv4_csum_ok(f->data, ip_len));
		assert_int_equal(ip.payload_len, len);
		sum = csum_pseudo4(ip.src, ip.dst, IP_PROTO_TCP, len);
	} else {
		struct ipv6_repr ip = { .hop_limit = 0 };

		assert_int_equal(ipv6_parse(f->data, f->len, &ip), ip_len);
		assert_int_equal(ip.payload_len, len);
		sum = csum_pseudo6(ip.src, ip.dst, IP_PROTO_TCP, len);
	}
	assert_true(csum_ok(sum + csum_bytes(f->data + ip_len, len)));
	n = tcp_parse(f->data + ip_len, len, &h);
	assert_true(n >= TCP_HDR_LEN);
	*ret = (struct seg){
		.flags = h.flags,
		.seq = h.seq,
		.ack = h.ack,
		.wnd = h.wnd,
		.urg = h.urg,
		.src_port = h.src_port,
		.dst_port = h.dst_port,
		.len = len - (uint32_t)n,
		.data = f->data + ip_len + n,
	};
	assert_int_equal(tcp_options_parse(f->data + ip_len + TCP_HDR_LEN, h.opts_len, &ret->opt),
			 h.opts_len);
	return true;
}

/* The next segment, which there has to be; the peer takes note of its numbers. */
static RIG_UNUSED struct seg seg_out(struct peer *p)
{
	struct seg s;

	if (!seg_peek(p, &s))
		fail_msg("no segment was sent");
	p->seen++;
	if (s.flags & TCP_RST)
		return s;
	p->ack = seq_add(s.seq, s.len + !!(s.flags & TCP_SYN) + !!(s.flags & TCP_FIN));
	if (s.opt.has_ts)
		p->ts_ecr = s.opt.ts_val;
	return s;
}

static RIG_UNUSED void no_seg(struct peer *p)
{
	struct seg s;

	if (seg_peek(p, &s))
		fail_msg("a segment was sent: flags %#x seq %u ack %u len %u", s.flags, s.seq.v,
			 s.ack.v, s.len);
}

/* What was sent so far does not matter: there is only room for so much. */
static RIG_UNUSED void peer_forget(struct peer *p)
{
	netstack_advance(p->r->st, p->r->now);
	rig_forget(p->r);
	p->seen = 0;
}

/* The next one is a bare ACK of all the peer has sent but @missing bytes. */
static RIG_UNUSED struct seg ack_out(struct peer *p, uint32_t missing)
{
	struct seg s = seg_out(p);

	assert_int_equal(s.flags, TCP_ACK);
	assert_int_equal(s.len, 0);
	assert_int_equal(s.ack.v, p->seq.v - missing);
	return s;
}

/* --- sockets --- */

static RIG_UNUSED struct sockaddr_in sin_of(struct ip6_addr addr, uint16_t port)
{
	return (struct sockaddr_in){
		.sin_family = AF_INET,
		.sin_port = htons(port),
		.sin_addr.s_addr = htonl((uint32_t)addr.lo),
	};
}

static RIG_UNUSED int tcp_fd(const struct rig *r)
{
	int fd = ns_socket(r->st, AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);

	assert_true(fd >= 0);
	return fd;
}

/* The connection of a descriptor. */
static RIG_UNUSED struct tcp_conn *conn_of(const struct rig *r, int fd)
{
	const struct tcp *tcp = r->st->tcp;

	for (uint32_t id = tcp->all; id != SLAB_NONE; id = tcp_conn_get(tcp, id)->next)
		if (tcp_conn_get(tcp, id)->sk.fd == fd)
			return tcp_conn_get(tcp, id);
	fail_msg("descriptor %d is no TCP socket", fd);
	return NULL;
}

static RIG_UNUSED int listen_fd(const struct rig *r, uint16_t port, int backlog)
{
	const struct sockaddr_in sin = sin_of(ip6_addr_of_ip4(0), port);
	int fd = tcp_fd(r);

	assert_int_equal(ns_bind(r->st, fd, (const void *)&sin, sizeof(sin)), 0);
	assert_int_equal(ns_listen(r->st, fd, backlog), 0);
	return fd;
}

static RIG_UNUSED int connect_fd(struct peer *p)
{
	const struct sockaddr_in sin = sin_of(p->peer, p->port);
	int fd = tcp_fd(p->r);

	assert_int_equal(ns_connect(p->r->st, fd, (const void *)&sin, sizeof(sin)), -EINPROGRESS);
	return fd;
}

static RIG_UNUSED int accept_fd(const struct rig *r, int fd)
{
	return ns_accept4(r->st, fd, NULL, NULL, SOCK_NONBLOCK);
}

static RIG_UNUSED uint32_t poll_of(const struct rig *r, int fd)
{
	struct pollfd p = { .fd = fd, .events = ~0 };

	assert_true(ns_poll(r->st, &p, 1, 0) >= 0);
	return (uint16_t)p.revents;
}

/* --- handshakes --- */

/* Options of a peer that knows everything. */
static RIG_UNUSED struct tcp_options_repr full_options(void)
{
	return (struct tcp_options_repr){
		.mss = 1460,
		.has_wscale = true,
		.wscale = 7,
		.sack_permitted = true,
	};
}

static RIG_UNUSED void peer_syn(struct peer *p, const struct tcp_options_repr *opt)
{
	seg_in(p, &(struct seg){ .flags = TCP_SYN, .seq = p->seq, .wnd = p->wnd, .opt = *opt });
	p->seq = seq_add(p->seq, 1);
}

/* The peer connects: the descriptor accept() gives. */
static RIG_UNUSED int peer_connects(struct peer *p, int listener,
				    const struct tcp_options_repr *opt)
{
	struct seg s;
	int fd;

	peer_syn(p, opt);
	s = seg_out(p);
	assert_int_equal(s.flags, TCP_SYN | TCP_ACK);
	assert_int_equal(s.ack.v, p->seq.v);
	peer_send(p, TCP_ACK, 0);
	fd = accept_fd(p->r, listener);
	assert_true(fd >= 0);
	return fd;
}

/* connect() to the peer, which accepts. */
static RIG_UNUSED int peer_accepts(struct peer *p, const struct tcp_options_repr *opt)
{
	const int fd = connect_fd(p);
	struct seg s = seg_out(p);

	assert_int_equal(s.flags, TCP_SYN);
	p->our_port = s.src_port;
	seg_in(p, &(struct seg){ .flags = TCP_SYN | TCP_ACK,
				 .seq = p->seq,
				 .ack = p->ack,
				 .wnd = p->wnd,
				 .opt = *opt });
	p->seq = seq_add(p->seq, 1);
	(void)ack_out(p, 0);
	return fd;
}

/* Read all there is: it has to be @len bytes, that count up from @seq. */
static RIG_UNUSED void expect_bytes(const struct rig *r, int fd, struct seq seq, uint32_t len)
{
	static uint8_t buf[1 << 17];

	assert_true(len < sizeof(buf));
	if (len)
		assert_int_equal(ns_recv(r->st, fd, buf, sizeof(buf), 0), len);
	for (uint32_t i = 0; i < len; i++)
		assert_int_equal(buf[i], byte_at(seq_add(seq, i)));
	assert_int_equal(ns_recv(r->st, fd, buf, sizeof(buf), 0), -EAGAIN);
}

#endif /* TESTS_UNIT_NETSTACK_TCP_SEGMENTS_H */
