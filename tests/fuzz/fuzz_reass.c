/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Fragments in any order, overlapping, again, and time between them.
 *
 * An input is a sequence of records that begin with an enum record.  What pieces contain is
 * given by the datagram and where in it they lie, so that each packet that comes out is known
 * byte by byte.  Packets of any bytes, with addresses that pieces do not have, only must not
 * do harm.
 */
#include "netstack/net/reass.h"
#include "tests/fuzz/netstack_core.h"

enum record {
	RECORD_PIECE4, /* which datagram and flags, offset / 8, length */
	RECORD_PIECE6,
	RECORD_RAW,   /* length, a packet */
	RECORD_TIME,  /* seconds */
	RECORD_LIMIT, /* of memory, in units of 256 bytes */
	RECORD_N,
};

/* Of RECORD_PIECE4 and RECORD_PIECE6; ECN in the upper two bits. */
enum piece_flag {
	PIECE_ID = 3,
	PIECE_MORE = 1 << 2,
	PIECE_DF = 1 << 3,
	PIECE_SHARED = 1 << 4, /* somebody else refers to it */
};

#define PIECE_LEN_MAX 2048
#define SRC4          IP4_ADDR(10, 0, 0, 1)

struct world {
	struct core c;
	struct ip_params params;
	struct ip_stats stats;
	struct reass_table r;
};

static struct world *current; /* the wheel only knows the core */
static uint8_t flat[PBUF_BLOCK_MAX];

static uint8_t pattern(uint8_t id, uint32_t at)
{
	return (uint8_t)(at * 7 + at / 256 + id * 101U);
}

static void on_expired(void *arg, struct pbuf *first)
{
	struct world *w = arg;

	LAW(w == current && first->len >= IPV4_HDR_LEN);
	LAW(pbuf_l3(first) == first->data);
}

static void on_timer(void *arg, struct timer *t)
{
	(void)arg; /* the core */
	reass_timer(&current->r, t);
}

/* --- what comes out --- */

static void check4(const uint8_t *p, uint32_t len)
{
	struct ipv4_repr ip = { .src = 0 };
	const int n = ipv4_parse(p, len, &ip);

	LAW(n > 0 && (uint32_t)n + ip.payload_len == len);
	LAW(ipv4_csum_ok(p, (size_t)n) && !ipv4_is_fragment(&ip));
	if (ip.src != SRC4)
		return;
	for (uint32_t i = 0; i < ip.payload_len; i++)
		LAW(p[(uint32_t)n + i] == pattern((uint8_t)ip.id, i));
}

static void check6(const uint8_t *p, uint32_t len)
{
	struct ipv6_repr ip = { .hop_limit = 0 };

	LAW(ipv6_parse(p, len, &ip) == IPV6_HDR_LEN);
	LAW(IPV6_HDR_LEN + (uint32_t)ip.payload_len == len);
	if (ip.src.lo != 1 || ip.src.hi != 1)
		return;
	LAW(ip.next_hdr == 200);
	for (uint32_t i = 0; i < ip.payload_len; i++)
		LAW(p[IPV6_HDR_LEN + i] == pattern((uint8_t)ip.dst.lo, i));
}

static void check(struct pbuf *whole)
{
	if (!whole)
		return;
	LAW(whole->len <= sizeof(flat) && whole->n_frags <= PBUF_FRAGS_MAX && !whole->next);
	LAW(pbuf_l3(whole) == whole->data && whole->frag_max);
	pbuf_copy_out(whole, 0, flat, whole->len);
	if (flat[0] >> 4 == 4)
		check4(flat, whole->len);
	else
		check6(flat, whole->len);
	pbuf_free(whole);
}

/* --- what goes in --- */

/* As the network layer does it; what it would not pass on is freed. */
static void packet_in(struct world *w, struct pbuf *pb)
{
	struct ipv6_problem problem;
	struct ipv6_ext ext;
	struct ipv4_repr ip4;
	struct ipv6_repr ip6;
	int n;

	LAW(pbuf_pullup(pb, pb->len));
	pbuf_mark_l3(pb);
	n = ipv4_parse(pb->data, pb->len, &ip4);
	if (n > 0) {
		pbuf_trim(pb, (uint32_t)n + ip4.payload_len);
		if (ipv4_is_fragment(&ip4)) {
			check(reass4_in(&w->r, pb, &ip4));
			return;
		}
	} else if (ipv6_parse(pb->data, pb->len, &ip6) > 0) {
		pbuf_trim(pb, IPV6_HDR_LEN + (uint32_t)ip6.payload_len);
		n = ipv6_ext_parse(pb->data, pb->len, ip6.next_hdr, &ext, &problem);
		if (n > 0 && ext.is_fragment) {
			check(reass6_in(&w->r, pb, &ip6, &ext, (uint32_t)n, &problem));
			if (problem.report != IPV6_REPORT_NONE)
				pbuf_free(pb);
			return;
		}
	}
	pbuf_free(pb);
}

static void piece_in(struct world *w, struct fuzz_in *in, bool is_ip4)
{
	const uint8_t flags = fuzz_u8(in), id = flags & PIECE_ID;
	const uint32_t off = (fuzz_u16(in) & 0x1fffU) * 8, len = fuzz_u16(in) % PIECE_LEN_MAX;
	const struct ipv4_repr ip4 = {
		.src = SRC4,
		.dst = IP4_ADDR(10, 0, 0, 2),
		.payload_len = (uint16_t)len,
		.id = id,
		.frag_off = (uint16_t)off,
		.tos = flags >> 6,
		.proto = 200,
		.dont_frag = flags & PIECE_DF,
		.more_frags = flags & PIECE_MORE,
	};
	const struct ipv6_repr ip6 = {
		.src = { 1, 1 },
		.dst = { 1, id },
		.payload_len = (uint16_t)(IPV6_FRAG_HDR_LEN + len),
		.next_hdr = IP_PROTO_FRAGMENT,
		.tclass = flags >> 6,
	};
	const struct ipv6_frag_repr frag = {
		.offset = (uint16_t)off,
		.next_hdr = 200,
		.more = flags & PIECE_MORE,
	};
	uint8_t b[IPV6_HDR_LEN + IPV6_FRAG_HDR_LEN + PIECE_LEN_MAX];
	struct pbuf *pb, *other;
	int n;

	if (is_ip4) {
		n = ipv4_emit(b, sizeof(b), &ip4);
	} else {
		n = ipv6_emit(b, sizeof(b), &ip6);
		n += ipv6_frag_emit(b + n, sizeof(b) - (size_t)n, &frag);
	}
	if (n < 0)
		return; /* no such fragment */
	for (uint32_t i = 0; i < len; i++)
		b[(uint32_t)n + i] = pattern(id, off + i);
	pb = fuzz_packet(&w->c, b, (size_t)n + len, (size_t)n + (flags & PIECE_DF ? len : 0));
	other = flags & PIECE_SHARED ? pbuf_clone(pb) : NULL;
	packet_in(w, pb);
	if (other) {
		pbuf_copy_out(other, 0, flat, other->len);
		LAW(memcmp(flat, b, other->len) == 0);
		pbuf_free(other);
	}
}

static void record_in(struct world *w, struct fuzz_in *in)
{
	size_t len;
	const uint8_t *p;

	switch (fuzz_u8(in) % RECORD_N) {
	case RECORD_PIECE4:
		piece_in(w, in, true);
		break;
	case RECORD_PIECE6:
		piece_in(w, in, false);
		break;
	case RECORD_RAW:
		len = fuzz_u8(in);
		p = fuzz_bytes(in, &len);
		if (len)
			packet_in(w, fuzz_packet(&w->c, p, len, len / 2));
		break;
	case RECORD_TIME:
		fuzz_core_pass(&w->c, fuzz_u8(in) * NS_PER_S);
		break;
	default:
		w->params.reass_bytes_max = (uint32_t)fuzz_u8(in) << 8;
		break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_in in = { data, size };
	struct world w = { .stats = { 0 } };

	fuzz_core_init(&w.c);
	w.c.wheel.handler[TIMER_REASS] = on_timer;
	ip_params_default(&w.params);
	reass_init(&w.r, &w.c, &w.params, &w.stats, on_expired, &w);
	current = &w;
	while (in.len)
		record_in(&w, &in);
	if (size & 1)
		fuzz_core_pass(&w.c, 61 * NS_PER_S);
	LAW(!(size & 1) || w.r.datagrams.n == 0);
	reass_done(&w.r);
	LAW(w.r.bytes == 0);
	fuzz_core_done(&w.c);
	return 0;
}
