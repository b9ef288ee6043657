/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * segment.c - what must hold for the segments that hosts send
 *
 * It stands on the link before each host and knows what the host has heard and said, nothing
 * of what goes on inside.  Every segment the host sends must follow from that (RFC 9293, 3.4,
 * 3.8.6, 3.10; RFC 7323, 3 to 5; RFC 2018): sequence numbers without holes, no data beyond the
 * window that was offered or behind FIN, acknowledgements of nothing that did not come, none taken
 * back, nor the window; clocks that go forward; checksums that are right.
 */
#include <assert.h>
#include <stdlib.h>

#include "netstack/tcp/tcp.h"
#include "sim.h"
#include "wire/checksum.h"
#include "wire/ethernet.h"
#include "wire/l4.h"
#include "wire/tcp.h"
#include "wire/tcp_options.h"

#define BUCKETS 256

/* A segment as it was read. */
struct segment {
	struct ip6_addr src, dst;
	struct tcp_repr tcp;
	struct tcp_options_repr opt;
	uint32_t payload; /* bytes */
	uint32_t longest; /* payload of the longest segment it is cut into */
	struct seq end;   /* behind its last octet, SYN and FIN counted */
	bool is_fragment; /* only its header is known */
	bool csum_ok;
};

/**
 * struct flow - What a host has said and heard on a connection
 * @syn_out, @iss, @snd_max: It has sent SYN, with this number, and all before @snd_max
 * @fin_out, @fin_end:	And FIN, of this end
 * @ack_out, @ack, @edge:	It has acknowledged, so far, and offered so much
 * @out_syn:		Options of its SYN
 * @syn_in, @irs, @rcv_max, @peer_edge, @in_syn: The same of what it has heard
 * @ack_in:		@peer_edge is known
 * @tsval_out, @tsval_in: Newest timestamps
 * @called:		A SYN has come that it has not answered yet, of
 * @call, @call_syn:	this number, these options
 * @blurred:		Somebody else's segments are among them: nothing is known any more
 */
struct flow {
	struct flow *next;
	const struct host *host;
	struct ip6_addr local, remote;
	uint16_t local_port, remote_port;
	struct seq iss, snd_max, fin_end, ack, edge;
	struct seq irs, rcv_max, peer_edge, call;
	struct tcp_options_repr out_syn, in_syn, call_syn;
	uint32_t tsval_out, tsval_in;
	bool syn_out, fin_out, ack_out, syn_in, ack_in, called, blurred;
};

struct segments {
	struct flow *bucket[BUCKETS];
};

/* --- reading --- */

static void addresses(const uint8_t *ip, bool ip6, struct segment *ret)
{
	if (ip6) {
		ret->src = ip6_addr_get(ip + 8);
		ret->dst = ip6_addr_get(ip + 24);
	} else {
		ret->src = ip6_addr_of_ip4(get_be32(ip + 12));
		ret->dst = ip6_addr_of_ip4(get_be32(ip + 16));
	}
}

/* A sum that the device will finish is that of the pseudo header. */
static bool is_csum_ok(const struct segment *s, const uint8_t *tcp, uint32_t len, bool ip6,
		       const struct segment_offload *o)
{
	uint64_t pseudo;

	/* of what is cut, each segment's device adds its own length; Linux's drivers do so */
	if (ip6)
		pseudo = csum_pseudo6(s->src, s->dst, IP_PROTO_TCP, len);
	else
		pseudo = csum_pseudo4((uint32_t)s->src.lo, (uint32_t)s->dst.lo, IP_PROTO_TCP, len);
	if (o->partial)
		return get_be16(tcp + TCP_CSUM_OFFSET) == csum_fold(pseudo) || o->gso_size;
	return csum_ok(pseudo + csum_bytes(tcp, len));
}

/* False for what is no segment of TCP, or of a header that cannot be read. */
static bool read_segment(const uint8_t *frame, uint32_t len, const struct segment_offload *o,
			 struct segment *ret)
{
	struct l4_repr l4;
	const uint8_t *tcp;
	int n;

	if (l4_find(frame, len, &l4) < 0 || l4.proto != IP_PROTO_TCP ||
	    l4.part == L4_LATER_FRAGMENT)
		return false;
	tcp = frame + l4.l4_at;
	n = tcp_parse(tcp, l4.l4_len, &ret->tcp);
	if (n < 0)
		return false;
	(void)tcp_options_parse(tcp + TCP_HDR_LEN, ret->tcp.opts_len, &ret->opt); /* the rest */
	addresses(frame + l4.l3_at, l4.ip_version == 6, ret);
	ret->is_fragment = l4.part != L4_WHOLE;
	ret->payload = l4.l4_len - (uint32_t)n;
	ret->longest = o->gso_size && o->gso_size < ret->payload ? o->gso_size : ret->payload;
	ret->end = seq_add(ret->tcp.seq, ret->payload + !!(ret->tcp.flags & TCP_SYN) +
						 !!(ret->tcp.flags & TCP_FIN));
	ret->csum_ok = ret->is_fragment || is_csum_ok(ret, tcp, l4.l4_len, l4.ip_version == 6, o);
	return true;
}

/* --- flows --- */

static struct flow *flow_of(struct world *w, const struct host *h, const struct segment *s,
			    bool out)
{
	const struct ip6_addr local = out ? s->src : s->dst, remote = out ? s->dst : s->src;
	const uint16_t lp = out ? s->tcp.src_port : s->tcp.dst_port;
	const uint16_t rp = out ? s->tcp.dst_port : s->tcp.src_port;
	struct flow **at, *f;

	if (!w->segments)
		w->segments = calloc(1, sizeof(*w->segments));
	assert(w->segments);
	at = &w->segments->bucket[rng_mix((uint64_t)h->index << 32 | (uint64_t)lp << 16 | rp) %
				  BUCKETS];
	for (f = *at; f; f = f->next)
		if (f->host == h && f->local_port == lp && f->remote_port == rp &&
		    ip6_addr_eq(f->local, local) && ip6_addr_eq(f->remote, remote))
			return f;
	f = calloc(1, sizeof(*f));
	assert(f);
	*f = (struct flow){ .next = *at,
			    .host = h,
			    .local = local,
			    .remote = remote,
			    .local_port = lp,
			    .remote_port = rp };
	*at = f;
	return f;
}

/* Another connection of the same addresses and ports. */
static void forget(struct flow *f)
{
	*f = (struct flow){ .next = f->next,
			    .host = f->host,
			    .local = f->local,
			    .remote = f->remote,
			    .local_port = f->local_port,
			    .remote_port = f->remote_port,
			    .called = f->called,
			    .call = f->call,
			    .call_syn = f->call_syn };
}

static unsigned int scale(const struct flow *f, const struct tcp_options_repr *of)
{
	return f->out_syn.has_wscale && f->in_syn.has_wscale ? of->wscale : 0;
}

static void hear_syn(struct flow *f, struct seq number, const struct tcp_options_repr *opt)
{
	f->syn_in = true;
	f->ack_in = false;
	f->irs = number;
	f->rcv_max = seq_add(number, 1);
	f->in_syn = *opt;
	f->tsval_in = opt->ts_val;
}

/* --- what it hears --- */

static void hear(struct flow *f, const struct segment *s)
{
	const bool syn = s->tcp.flags & TCP_SYN, ack = s->tcp.flags & TCP_ACK;
	const unsigned int shift = syn ? 0 : scale(f, &f->in_syn);

	if (syn && !ack && !(f->syn_in && seq_eq(f->irs, s->tcp.seq))) {
		f->called = true;
		f->call = s->tcp.seq;
		f->call_syn = s->opt;
		return;
	}
	/* the first one that it has not thrown away: until it answers, that is the last one */
	if (syn && ack && !f->ack_out && f->syn_out && seq_eq(s->tcp.ack, seq_add(f->iss, 1)))
		hear_syn(f, s->tcp.seq, &s->opt);
	if (!f->syn_in || (syn && !seq_eq(f->irs, s->tcp.seq)))
		return;
	f->rcv_max = seq_max(f->rcv_max, s->end);
	if (s->opt.has_ts && seq_gt(seq_of(s->opt.ts_val), seq_of(f->tsval_in)))
		f->tsval_in = s->opt.ts_val;
	if (ack) {
		const struct seq edge = seq_add(s->tcp.ack, (uint32_t)s->tcp.wnd << shift);

		f->peer_edge = f->ack_in ? seq_max(f->peer_edge, edge) : edge;
		f->ack_in = true;
	}
}

void segment_in(struct world *w, const struct host *h, const uint8_t *frame, uint32_t len,
		const struct segment_offload *o)
{
	struct segment s;
	struct flow *f;

	if (!read_segment(frame, len, o, &s) || !s.csum_ok)
		return;
	f = flow_of(w, h, &s, false);
	f->blurred = f->blurred || s.is_fragment;
	if (!(s.tcp.flags & TCP_RST))
		hear(f, &s);
}

/* --- what it says --- */

static void complain(struct world *w, const struct flow *f, const struct segment *s,
		     const char *what)
{
	world_fail(w, "%s port %u to %u: %s: flags %#x seq %u len %u ack %u wnd %u, of %u to %u",
		   f->host->name, f->local_port, f->remote_port, what, s->tcp.flags,
		   s->tcp.seq.v - f->iss.v, s->payload, s->tcp.ack.v - f->irs.v, s->tcp.wnd,
		   f->snd_max.v - f->iss.v, f->rcv_max.v - f->irs.v);
}

/* What the host itself has thrown away was sent as far as TCP knows, and not seen here. */
static bool host_drops_its_own(const struct host *h)
{
	static const enum drop_reason own[] = {
		DROP_LINK_DOWN,  DROP_NEIGH_FAILED, DROP_NEIGH_QUEUE, DROP_NEIGH_TABLE,
		DROP_TX_REFUSED, DROP_TX_TOO_BIG,   DROP_HOOK_OUTPUT, DROP_HOOK_POSTROUTING,
		DROP_IP_TOO_BIG, DROP_NO_ROUTE,     DROP_NO_ADDRESS,  DROP_NO_MEMORY,
		DROP_SHUTDOWN,
	};
	const uint64_t *drops = netstack_drops(h->st);

	for (unsigned int i = 0; i < sizeof(own) / sizeof(*own); i++)
		if (drops[own[i]])
			return true;
	return hooks_stole(h);
}

/* A SYN of its own begins a connection; with ACK it answers one that was heard. */
static void say_syn(struct world *w, struct flow *f, const struct segment *s)
{
	const bool ack = s->tcp.flags & TCP_ACK;

	if (s->tcp.flags & TCP_FIN || s->payload)
		complain(w, f, s, "SYN with data or FIN");
	if (ack && !(f->syn_in && seq_eq(s->tcp.ack, seq_add(f->irs, 1)))) {
		if (!f->called || !seq_eq(s->tcp.ack, seq_add(f->call, 1))) {
			/* it had two of them on its hands */
			f->blurred = true;
			return;
		}
		forget(f);
		hear_syn(f, f->call, &f->call_syn);
		f->called = false;
	}
	/* a host that was a client once begins anew, on a fast link with the same number */
	if (!f->syn_out || !seq_eq(s->tcp.seq, f->iss) || (!ack && f->ack_out)) {
		if (!ack)
			forget(f);
		f->syn_out = true;
		f->fin_out = false;
		f->iss = s->tcp.seq;
		f->snd_max = s->end;
		f->tsval_out = s->opt.ts_val;
		f->ack_out = false;
	}
	f->out_syn = s->opt;
	if (!ack && s->opt.has_ts && s->opt.ts_ecr)
		complain(w, f, s, "SYN echoes a timestamp");
}

static void check_numbers(struct world *w, const struct flow *f, const struct segment *s)
{
	/* one octet, or FIN, finds out whether the window has opened */
	const bool probe = s->payload + !!(s->tcp.flags & TCP_FIN) <= 1;

	/* keepalives are of the octet before the first one not acknowledged, which may be SYN */
	if (seq_lt(s->tcp.seq, f->iss))
		complain(w, f, s, "a number before its first");
	if (seq_gt(s->tcp.seq, f->snd_max) && !host_drops_its_own(f->host))
		complain(w, f, s, "a hole in what it sends");
	if (f->fin_out && seq_gt(s->end, f->fin_end))
		complain(w, f, s, "more behind FIN");
	if (f->fin_out && s->tcp.flags & TCP_FIN && !seq_eq(s->end, f->fin_end))
		complain(w, f, s, "FIN has moved");
	if (f->ack_in && seq_gt(s->end, f->peer_edge) && !probe)
		complain(w, f, s, "data beyond the window");
	if (f->syn_in && !f->ack_in && s->payload)
		complain(w, f, s, "data before there is a window");
	if (f->syn_in && s->payload) {
		const bool ip6 = !ip6_addr_is_mapped(f->local);
		uint32_t mss = f->in_syn.mss;

		if (!mss)
			mss = ip6 ? TCP_MSS_DEFAULT6 : TCP_MSS_DEFAULT4;
		if (s->longest + s->tcp.opts_len > mss)
			complain(w, f, s, "more than the MSS");
	}
}

static void check_ack(struct world *w, const struct flow *f, const struct segment *s)
{
	const unsigned int shift = s->tcp.flags & TCP_SYN ? 0 : scale(f, &f->out_syn);
	const struct seq edge = seq_add(s->tcp.ack, (uint32_t)s->tcp.wnd << shift);

	if (!(s->tcp.flags & TCP_ACK)) {
		complain(w, f, s, "no ACK");
		return;
	}
	if (!f->syn_in)
		complain(w, f, s, "acknowledges before it heard a SYN");
	else if (seq_gt(s->tcp.ack, f->rcv_max))
		complain(w, f, s, "acknowledges what did not come");
	if (f->ack_out && seq_lt(s->tcp.ack, f->ack))
		complain(w, f, s, "takes an acknowledgement back");
	/* what scaling does not show is no promise */
	if (f->ack_out && seq_lt(seq_add(edge, (1U << shift) - 1), f->edge))
		complain(w, f, s, "takes window back");
}

static void check_timestamps(struct world *w, const struct flow *f, const struct segment *s)
{
	if (f->syn_in && !(s->tcp.flags & TCP_SYN) && f->out_syn.has_ts && f->in_syn.has_ts &&
	    !s->opt.has_ts)
		complain(w, f, s, "no timestamp");
	if (!s->opt.has_ts)
		return;
	if (!(s->tcp.flags & TCP_SYN) && !(f->out_syn.has_ts && f->in_syn.has_ts))
		complain(w, f, s, "a timestamp that was not agreed on");
	if (seq_lt(seq_of(s->opt.ts_val), seq_of(f->tsval_out)))
		complain(w, f, s, "its clock goes back");
	if (f->syn_in && s->tcp.flags & TCP_ACK &&
	    seq_gt(seq_of(s->opt.ts_ecr), seq_of(f->tsval_in)))
		complain(w, f, s, "echoes a timestamp that did not come");
}

static void check_sack(struct world *w, const struct flow *f, const struct segment *s)
{
	if (s->opt.n_sack && !(f->out_syn.sack_permitted && f->in_syn.sack_permitted))
		complain(w, f, s, "SACK that was not agreed on");
	for (unsigned int i = 0; i < s->opt.n_sack; i++) {
		const struct tcp_sack *b = &s->opt.sack[i];

		if (!seq_lt(b->left, b->right) || seq_gt(b->right, f->rcv_max))
			complain(w, f, s, "SACK of what did not come");
		/* the first one may tell of what came twice (RFC 2883) */
		if (i > 0 && seq_leq(b->left, s->tcp.ack))
			complain(w, f, s, "SACK of what is acknowledged");
	}
}

/* A host that gives out SYN cookies has no memory: an ACK of the handshake that is late makes a
 * second connection of one that is over.
 */
static bool is_reborn(const struct flow *f, const struct segment *s)
{
	return f->syn_out && f->syn_in && seq_lt(s->tcp.ack, f->ack) && f->ack_out &&
	       seq_eq(s->tcp.ack, seq_add(f->irs, 1)) && s->tcp.flags & TCP_ACK &&
	       netstack_tcp_stats(f->host->st)->syncookies_recv;
}

static void say(struct world *w, struct flow *f, const struct segment *s)
{
	const unsigned int shift = s->tcp.flags & TCP_SYN ? 0 : scale(f, &f->out_syn);

	if (s->tcp.flags & TCP_SYN)
		say_syn(w, f, s);
	f->blurred = f->blurred || is_reborn(f, s);
	if (!f->syn_out || f->blurred)
		return;
	check_numbers(w, f, s);
	/* an answer that came may have been thrown away */
	if ((s->tcp.flags & (TCP_SYN | TCP_ACK)) != TCP_SYN)
		check_ack(w, f, s);
	check_timestamps(w, f, s);
	check_sack(w, f, s);

	f->snd_max = seq_max(f->snd_max, s->end);
	if (s->tcp.flags & TCP_FIN) {
		f->fin_out = true;
		f->fin_end = s->end;
	}
	if (s->opt.has_ts)
		f->tsval_out = s->opt.ts_val;
	if (s->tcp.flags & TCP_ACK) {
		const struct seq edge = seq_add(s->tcp.ack, (uint32_t)s->tcp.wnd << shift);

		f->edge = f->ack_out ? seq_max(f->edge, edge) : edge;
		f->ack = s->tcp.ack;
		f->ack_out = true;
	}
}

void segment_out(struct world *w, const struct host *h, const uint8_t *frame, uint32_t len,
		 const struct segment_offload *o)
{
	struct segment s;
	struct flow *f;

	if (!read_segment(frame, len, o, &s))
		return;
	f = flow_of(w, h, &s, true);
	if (!s.csum_ok)
		complain(w, f, &s, "a wrong checksum");
	f->blurred = f->blurred || s.is_fragment;
	/* a RST may be for anything, also for what is no connection */
	if (!(s.tcp.flags & TCP_RST))
		say(w, f, &s);
}

void segments_free(struct world *w)
{
	for (unsigned int i = 0; w->segments && i < BUCKETS; i++)
		while (w->segments->bucket[i]) {
			struct flow *f = w->segments->bucket[i];

			w->segments->bucket[i] = f->next;
			free(f);
		}
	free(w->segments);
	w->segments = NULL;
}
