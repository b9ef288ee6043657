/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * A burst of segments, most of which follow each other, merged by GRO and cut again, is what it
 * was: every frame bit for bit (but for what segments.h names), each flow in its order.
 *
 * An input is a byte of options and then records, each an enum record byte, perhaps a mask of enum
 * change and an argument for each that is set, a length.
 */
#include "nic/gro.h"
#include "nic/gso.h"
#include "tests/fuzz/netstack_core.h"
#include "tests/unit/nic/segments.h"

#define FRAMES_MAX 400
#define BURST_MAX  100
#define LEN_MAX    3000
#define FLOWS      4

/* The lower two bits are the flow. */
enum record {
	RECORD_CHANGED = 1 << 2,
	RECORD_VALID = 1 << 3,   /* the device verified the checksum, */
	RECORD_PARTIAL = 1 << 4, /* or nobody made it */
	RECORD_MANY = 1 << 5,    /* three segments in one packet, and a part of one */
	RECORD_PIECES = 1 << 6,  /* so many bytes are linear, of headers too */
	RECORD_RAW = 1 << 7,     /* any bytes */
};

enum change {
	CHANGE_FLAGS = 1 << 0,
	CHANGE_SEQ = 1 << 1,
	CHANGE_ACK = 1 << 2,
	CHANGE_TTL = 1 << 3,
	CHANGE_TOS = 1 << 4,
	CHANGE_ID = 1 << 5,
	CHANGE_OPTIONS = 1 << 6,
	CHANGE_WND = 1 << 7,
	CHANGE_PADDING = 1 << 8,
	CHANGE_BYTE = 1 << 9, /* one is wrong */
	CHANGE_MAC = 1 << 10,
	CHANGE_URG = 1 << 11,
	CHANGE_VLAN = 1 << 12,
	CHANGE_STAYS = 1 << 13, /* for the segments behind it, too */
	CHANGE_PORT = 1 << 14,
	CHANGE_DF = 1 << 15,
};

/* A frame as a wire would have it. */
struct seen {
	uint8_t *data;
	uint32_t len;
	bool found;
	bool is_wrong; /* nobody will take it: its place does not matter */
	struct l4_repr l4;
	bool has_flow;
};

struct scene {
	struct core c;
	struct gro *gro;
	bool is_ip;
	struct segment_spec flow[FLOWS];
	struct pbuf *burst[BURST_MAX];
	unsigned int n;
	struct seen seen[FRAMES_MAX];
	unsigned int n_seen;
};

static uint8_t frame[SEGMENT_LEN_MAX];

static bool find(const struct scene *s, const uint8_t *p, uint32_t len, struct l4_repr *ret)
{
	return (s->is_ip ? l4_find_ip(p, len, ret) : l4_find(p, len, ret)) >= 0 &&
	       ret->proto == IP_PROTO_TCP && ret->has_ports && ret->part == L4_WHOLE;
}

static bool sums_are_right(const struct scene *s, const uint8_t *p, const struct l4_repr *l4)
{
	const uint8_t *ip = p + (s->is_ip ? 0 : l4->l3_at);
	uint64_t sum = csum_bytes(p + l4->l4_at, l4->l4_len);

	if (l4->ip_version == 6)
		return csum_ok(sum + csum_pseudo6(ip6_addr_get(ip + 8), ip6_addr_get(ip + 24),
						  IP_PROTO_TCP, l4->l4_len));
	sum += csum_pseudo4(get_be32(ip + 12), get_be32(ip + 16), IP_PROTO_TCP, l4->l4_len);
	return csum_ok(sum) && ipv4_csum_ok(ip, (ip[0] & 0xfU) * 4);
}

static void note(struct scene *s, const struct pbuf *pb)
{
	struct seen *f = &s->seen[s->n_seen++];

	LAW(s->n_seen <= FRAMES_MAX);
	pbuf_copy_out(pb, 0, frame, pb->len);
	f->has_flow = find(s, frame, pb->len, &f->l4);
	f->is_wrong =
		f->has_flow && pb->csum != PBUF_CSUM_VALID && !sums_are_right(s, frame, &f->l4);
	f->len = segment_normal(frame, pb->len, s->is_ip);
	f->data = malloc(f->len + 1);
	LAW(f->data);
	memcpy(f->data, frame, f->len);
	f->found = false;
}

/* It must be there, and no other one of its flow before it. */
static void match(struct scene *s, const struct pbuf *pb)
{
	struct l4_repr l4;
	bool has_flow;
	uint32_t len;

	pbuf_copy_out(pb, 0, frame, pb->len);
	has_flow = find(s, frame, pb->len, &l4);
	len = segment_normal(frame, pb->len, s->is_ip);
	for (unsigned int i = 0; i < s->n_seen; i++) {
		struct seen *f = &s->seen[i];

		if (f->found)
			continue;
		if (f->len == len && memcmp(f->data, frame, len) == 0) {
			f->found = true;
			return;
		}
		LAW(f->is_wrong || !f->has_flow || !has_flow || f->l4.src_port != l4.src_port ||
		    f->l4.dst_port != l4.dst_port || f->l4.ip_version != l4.ip_version);
	}
	LAW(false);
}

/* For each segment of a packet, finished. */
static void each(struct scene *s, struct pbuf *pb,
		 void (*fn)(struct scene *s, const struct pbuf *pb))
{
	struct pbuf_queue q;

	pbuf_queue_init(&q);
	if (pb->gso == PBUF_GSO_NONE)
		pbuf_queue_put(&q, pb);
	else
		LAW(gso_cut(pb, &q) > 0);
	while ((pb = pbuf_queue_take(&q))) {
		if (pb->csum == PBUF_CSUM_PARTIAL) {
			LAW(pbuf_unshare(pb, pb->linear));
			pbuf_finish_csum(pb);
		}
		fn(s, pb);
		pbuf_free(pb);
	}
}

/* --- input --- */

static void add(struct scene *s, struct pbuf *pb)
{
	struct pbuf *copy = pbuf_clone(pb);

	LAW(copy);
	each(s, copy, note);
	s->burst[s->n++] = pb;
}

static void change(struct fuzz_in *in, struct segment_spec *t, uint16_t what)
{
	if (what & CHANGE_FLAGS)
		t->flags ^= fuzz_u16(in) & TCP_FLAGS;
	if (what & CHANGE_SEQ)
		t->seq += (uint32_t)(int8_t)fuzz_u8(in);
	if (what & CHANGE_ACK)
		t->ack += fuzz_u8(in);
	if (what & CHANGE_TTL)
		t->ttl ^= fuzz_u8(in);
	if (what & CHANGE_TOS)
		t->tos ^= fuzz_u8(in);
	if (what & CHANGE_ID)
		t->id += fuzz_u8(in);
	if (what & CHANGE_OPTIONS) {
		t->opts_len = fuzz_u8(in) % 11 * 4;
		memset(t->opts, fuzz_u8(in), sizeof(t->opts));
	}
	if (what & CHANGE_WND)
		t->wnd ^= fuzz_u16(in);
	if (what & CHANGE_PADDING)
		t->pad = fuzz_u8(in) % 50;
	if (what & CHANGE_MAC)
		t->mac ^= fuzz_u8(in);
	if (what & CHANGE_URG)
		t->urg ^= fuzz_u16(in);
	if (what & CHANGE_VLAN)
		t->n_vlans = fuzz_u8(in) % 3;
	if (what & CHANGE_PORT)
		t->src_port ^= fuzz_u8(in);
	if (what & CHANGE_DF)
		t->dont_frag = !t->dont_frag;
}

static void add_segment(struct scene *s, struct fuzz_in *in, uint8_t kind)
{
	struct segment_spec *flow = &s->flow[kind % FLOWS], t = *flow;
	const uint16_t what = kind & RECORD_CHANGED ? fuzz_u16(in) : 0;
	const bool many = kind & RECORD_MANY, partial = many || kind & RECORD_PARTIAL;
	uint32_t size, len, l4, linear = SEGMENT_LEN_MAX;
	struct pbuf *pb;

	change(in, &t, what);
	size = fuzz_u16(in) % (LEN_MAX + 1);
	if (kind & RECORD_PIECES)
		linear = fuzz_u8(in);
	if (many && !size)
		return;
	t.len = many ? 3 * size + size / 2 * (size & 1) : size;
	len = segment_build(&t, frame, partial, &l4);
	if (what & CHANGE_BYTE && !(kind & RECORD_VALID)) {
		const uint32_t at = fuzz_u16(in) % len;

		/* Of a packet to be cut the device made sure that its headers are right. */
		if (!many || at >= l4 + TCP_HDR_LEN + t.opts_len)
			frame[at] ^= 1 << fuzz_u8(in) % 8;
	}
	/* Those of a packet to be cut are in one piece. */
	if (many && linear < l4 + TCP_HDR_LEN_MAX)
		linear = l4 + TCP_HDR_LEN_MAX;
	pb = segment_pbuf(s->c.pool, frame, len, partial && linear < 200 ? 200 : linear);
	LAW(pb);
	if (many)
		pbuf_trim(pb, len - t.pad);
	pb->l3 = (uint16_t)(pbuf_headroom(pb) + l4 - (t.is_ip4 ? IPV4_HDR_LEN : IPV6_HDR_LEN));
	if (partial) {
		pb->csum = PBUF_CSUM_PARTIAL;
		pb->csum_offset = TCP_CSUM_OFFSET;
		pb->l4 = (uint16_t)(pbuf_headroom(pb) + l4);
	} else if (kind & RECORD_VALID) {
		pb->csum = PBUF_CSUM_VALID;
	}
	if (many) {
		pb->gso = t.is_ip4 ? PBUF_GSO_TCP4 : PBUF_GSO_TCP6;
		pb->gso_size = (uint16_t)size;
		pb->gso_ecn = kind & RECORD_VALID;
	}
	add(s, pb);
	if (what & CHANGE_STAYS)
		*flow = t;
	flow->seq = t.seq + t.len;
	flow->id = (uint16_t)(t.id + (many ? 3 + (size & 1 && size > 1) : 1));
}

static void add_raw(struct scene *s, struct fuzz_in *in, uint8_t kind)
{
	size_t len = fuzz_u8(in);
	const uint8_t *p = fuzz_bytes(in, &len);

	add(s, fuzz_packet(&s->c, p, len, kind & RECORD_PIECES ? len / 2 : len));
}

/* --- the law --- */

static void merge(struct scene *s)
{
	struct gro_stats before, after;
	const unsigned int n = s->n;

	gro_stats(s->gro, &before);
	s->n = gro_burst(s->gro, s->burst, n, s->is_ip);
	gro_stats(s->gro, &after);
	LAW(s->n <= n && after.packets - before.packets == n);
	LAW(after.merged - before.merged == n - s->n);
	for (unsigned int i = 0; i < s->n; i++) {
		struct pbuf *pb = s->burst[i];

		LAW(pb->n_frags <= PBUF_FRAGS_MAX && pb->len <= SEGMENT_LEN_MAX);
		LAW(pb->gso == PBUF_GSO_NONE || pb->gso_size);
		each(s, pb, match);
	}
	s->n = 0;
	for (unsigned int i = 0; i < s->n_seen; i++) {
		LAW(s->seen[i].found);
		free(s->seen[i].data);
	}
	s->n_seen = 0;
}

static void scene_init(struct scene *s, uint8_t options)
{
	memset(s, 0, sizeof(*s));
	fuzz_core_init(&s->c);
	LAW(gro_new(&s->gro, &s->c.mem) == 0);
	s->is_ip = options & 1;
	for (unsigned int i = 0; i < FLOWS; i++) {
		s->flow[i] = (struct segment_spec){
			.is_ip = s->is_ip,
			.is_ip4 = i != 2,
			.n_vlans = i == 3,
			.src = 2,
			.ttl = 64,
			.id = 0xfff0,
			.dont_frag = i & 1,
			.src_port = (uint16_t)(80 + i),
			.dst_port = 40000,
			.seq = UINT32_MAX - 5000,
			.flags = TCP_ACK,
			.wnd = 500,
			.opts_len = options & 2 ? 12 : 0,
			.opts = { 1, 1, 8, 10, 1, 2, 3, 4, 5, 6, 7, 8 },
		};
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_in in = { data, size };
	static struct scene s; /* one thread */

	scene_init(&s, fuzz_u8(&in));
	while (in.len) {
		const uint8_t kind = fuzz_u8(&in);

		if (kind & RECORD_RAW)
			add_raw(&s, &in, kind);
		else
			add_segment(&s, &in, kind);
		if (s.n == BURST_MAX || s.n_seen + 4 > FRAMES_MAX)
			merge(&s);
	}
	merge(&s);
	gro_free(s.gro);
	fuzz_core_done(&s.c);
	return 0;
}
