/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "netstack/net/reass.h"

#include <string.h>

#include "base/siphash.h"
#include "netstack/core/verdict.h"
#include "wire/icmp6.h"
#include "wire/ip.h"
#include "wire/tcp.h"
#include "wire/udp.h"

/* Word of this table in keyed hashes. */
#define REASS_WORD UINT64_C(0x7265617373) /* "reass" */

/* In the cb of a fragment that waits: ip_rx() stays, for who gets the whole packet. */
struct piece {
	struct ip_rx rx;
	uint16_t off;
	uint16_t len;
};

_Static_assert(sizeof(struct piece) <= PBUF_CB_LEN, "cb");

/* What fragments of one datagram have in common; compared as bytes. */
struct key {
	struct ip6_addr src;
	struct ip6_addr dst;
	uint32_t id;
	uint32_t ifindex; /* IPv6 addresses that mean something on one link only */
	uint32_t proto;   /* IPv4; for IPv6 it is that of the first fragment */
	uint32_t is_ip4;
};

/**
 * struct reass_datagram - A datagram that is not complete
 * @timer:	When its time is over
 * @key:	Whose it is
 * @id:		Number in the slab
 * @older, @newer: Neighbours in the order of beginning
 * @hash:	In by_key
 * @ifindex:	Where the last fragment came in
 * @first:	Fragments by offset; headers are stripped from all but the one at 0
 * @tail:	The last of them
 * @n_pieces:	So many
 * @charged:	Bytes of memory they take
 * @have:	Bytes of payload they have
 * @end:	Length of the payload, once the last fragment came
 * @has_end:	It did
 * @no_df:	A fragment had no DF
 * @dead:	Fragments overlapped: all that comes is dropped (IPv6)
 * @ecn_seen:	A bit for each enum ip_ecn
 * @frag_max:	Longest fragment
 * @frag_ptr:	IPv6, of the fragment at 0: where its fragment header is named
 */
struct reass_datagram {
	struct timer timer;
	struct key key;
	uint32_t id;
	uint32_t older;
	uint32_t newer;
	uint32_t hash;
	uint32_t ifindex;
	struct pbuf *first;
	struct pbuf *tail;
	uint32_t n_pieces;
	uint32_t have;
	uint64_t charged;
	uint32_t end;
	uint16_t frag_max;
	uint16_t frag_ptr;
	bool has_end;
	bool no_df;
	bool dead;
	uint8_t ecn_seen;
};

/* A fragment that came, with its IP header at data. */
struct arrival {
	struct pbuf *pb;
	struct key key;
	uint32_t hdrs_len;
	uint16_t off;
	uint16_t len;
	uint16_t frag_ptr;
	bool more;
	bool dont_frag;
	uint8_t tos;
};

static struct piece *piece_of(struct pbuf *pb)
{
	return (struct piece *)(void *)pb->cb;
}

static uint32_t piece_end(struct pbuf *pb)
{
	return (uint32_t)piece_of(pb)->off + piece_of(pb)->len;
}

static struct reass_datagram *get(const struct reass_table *r, uint32_t id)
{
	return slab_get(&r->datagrams, id);
}

void reass_init(struct reass_table *r, struct core *core, const struct ip_params *params,
		struct ip_stats *stats, void (*expired)(void *arg, struct pbuf *first), void *arg)
{
	*r = (struct reass_table){
		.core = core,
		.params = params,
		.stats = stats,
		.oldest = SLAB_NONE,
		.newest = SLAB_NONE,
		.expired = expired,
		.arg = arg,
	};
	slab_init(&r->datagrams, &core->mem, sizeof(struct reass_datagram), REASS_DATAGRAMS_MAX);
	flowtab_init(&r->by_key, &core->mem);
}

/* --- a datagram's life --- */

static uint32_t hash_of(const struct reass_table *r, const struct key *key)
{
	struct {
		uint64_t word;
		struct key key;
	} msg = { REASS_WORD, *key };

	_Static_assert(sizeof(msg) == 8 + 48, "no padding in what is hashed");
	return (uint32_t)siphash13(&r->core->key, &msg, sizeof(msg));
}

static struct reass_datagram *lookup(struct reass_table *r, const struct key *key, uint32_t hash)
{
	struct flowtab_iter it = flowtab_first(&r->by_key, hash);
	uint32_t id;

	while ((id = flowtab_next(&r->by_key, &it)) != FLOWTAB_NONE) {
		struct reass_datagram *d = get(r, id);

		if (memcmp(&d->key, key, sizeof(*key)) == 0)
			return d;
	}
	return NULL;
}

static void link_newest(struct reass_table *r, struct reass_datagram *d)
{
	d->older = r->newest;
	d->newer = SLAB_NONE;
	if (r->newest != SLAB_NONE)
		get(r, r->newest)->newer = d->id;
	else
		r->oldest = d->id;
	r->newest = d->id;
}

static void unlink_age(struct reass_table *r, struct reass_datagram *d)
{
	if (d->older != SLAB_NONE)
		get(r, d->older)->newer = d->newer;
	else
		r->oldest = d->newer;
	if (d->newer != SLAB_NONE)
		get(r, d->newer)->older = d->older;
	else
		r->newest = d->older;
}

static void drop_pieces(struct reass_table *r, struct reass_datagram *d, enum drop_reason why)
{
	struct pbuf *pb;

	while ((pb = d->first)) {
		d->first = pb->next;
		pb->next = NULL;
		core_drop(r->core, pb, why);
	}
	d->tail = NULL;
	d->n_pieces = 0;
	r->bytes -= d->charged;
	d->charged = 0;
}

/* What it still has is dropped. */
static void datagram_free(struct reass_table *r, struct reass_datagram *d, enum drop_reason why)
{
	drop_pieces(r, d, why);
	timer_del(&r->core->wheel, &d->timer);
	unlink_age(r, d);
	flowtab_remove(&r->by_key, d->hash, d->id);
	slab_free(&r->datagrams, d->id);
}

static struct reass_datagram *datagram_new(struct reass_table *r, const struct key *key,
					   uint32_t hash)
{
	/* RFC 8200, 4.5 has 60 seconds where Linux has 30 for IPv4. */
	const uint64_t ms = (uint64_t)r->params->reass_ms * (key->is_ip4 ? 1 : 2);
	struct reass_datagram *d;
	uint32_t id;

	if (r->datagrams.n == REASS_DATAGRAMS_MAX)
		datagram_free(r, get(r, r->oldest), DROP_FRAG_LIMIT);
	d = slab_alloc(&r->datagrams, &id);
	if (!d)
		return NULL;
	if (flowtab_insert(&r->by_key, hash, id) < 0) {
		slab_free(&r->datagrams, id);
		return NULL;
	}
	d->timer.kind = TIMER_REASS;
	d->key = *key;
	d->id = id;
	d->hash = hash;
	link_newest(r, d);
	timer_set(&r->core->wheel, &d->timer, r->core->now_ns + ms * NS_PER_MS);
	return d;
}

void reass_done(struct reass_table *r)
{
	while (r->oldest != SLAB_NONE)
		datagram_free(r, get(r, r->oldest), DROP_SHUTDOWN);
	flowtab_done(&r->by_key);
	slab_done(&r->datagrams);
}

void reass_flush(struct reass_table *r, uint32_t ifindex)
{
	uint32_t next;

	for (uint32_t id = r->oldest; id != SLAB_NONE; id = next) {
		struct reass_datagram *d = get(r, id);

		next = d->newer;
		if (d->ifindex == ifindex)
			datagram_free(r, d, DROP_SHUTDOWN);
	}
}

void reass_timer(struct reass_table *r, struct timer *t)
{
	struct reass_datagram *d = (struct reass_datagram *)(void *)t; /* its first member */

	/* RFC 1122, 3.3.2; RFC 8200, 4.5: only when there is something to quote. */
	if (d->first && piece_of(d->first)->off == 0)
		r->expired(r->arg, d->first);
	datagram_free(r, d, DROP_FRAG_TIMEOUT);
}

/* --- the place of a fragment --- */

enum place {
	PLACE_NEW,
	PLACE_DUP,
	PLACE_OVERLAP
};

/* Where a fragment belongs: behind *@ret_prev, NULL for the first place.  Fragments come in
 * order as a rule: that is the end of the list.
 */
static enum place find_place(const struct reass_datagram *d, const struct arrival *a,
			     struct pbuf **ret_prev)
{
	const uint32_t end = (uint32_t)a->off + a->len;
	struct pbuf *prev = NULL, *next = d->first;
	uint32_t covered;

	if (d->tail && piece_end(d->tail) <= a->off) {
		*ret_prev = d->tail;
		return PLACE_NEW;
	}
	while (next && piece_end(next) <= a->off) {
		prev = next;
		next = next->next;
	}
	if (!next || end <= piece_of(next)->off) {
		*ret_prev = prev;
		return PLACE_NEW;
	}
	if (!d->key.is_ip4)
		return a->off == piece_of(next)->off && a->len == piece_of(next)->len
			       ? PLACE_DUP
			       : PLACE_OVERLAP;
	/* Within what is there without a hole it brings nothing new. */
	if (a->off < piece_of(next)->off)
		return PLACE_OVERLAP;
	for (covered = piece_end(next); covered < end; covered = piece_end(next)) {
		next = next->next;
		if (!next || piece_of(next)->off != covered)
			return PLACE_OVERLAP;
	}
	return PLACE_DUP;
}

static void insert(struct reass_datagram *d, struct pbuf *pb, struct pbuf *prev)
{
	struct pbuf **at = prev ? &prev->next : &d->first;

	pb->next = *at;
	*at = pb;
	if (!pb->next)
		d->tail = pb;
	d->n_pieces++;
}

/* The last fragment says where the datagram ends, and it ends in one place. */
static bool end_is_right(struct reass_datagram *d, const struct arrival *a)
{
	const uint32_t end = (uint32_t)a->off + a->len;

	if (d->has_end)
		return a->more ? end <= d->end : end == d->end;
	return a->more || !d->tail || piece_end(d->tail) <= end;
}

/* --- the whole --- */

/* ECN of the whole (RFC 3168, 5.3): CE of any; not-ECT does not go with others.  As Linux's
 * ip_frag_ecn_table.
 */
static bool ecn_of_whole(uint8_t seen, uint8_t tos, uint8_t *ret)
{
	if (seen & 1 << IP_ECN_NOT_ECT && seen != 1 << IP_ECN_NOT_ECT)
		return false;
	*ret = seen & 1 << IP_ECN_CE ? tos | IP_ECN_CE : tos;
	return true;
}

/* Fragments of @pb when what follows it in the list is appended. */
static uint32_t frags_of_whole(const struct pbuf *pb)
{
	uint32_t n = pb->n_frags;

	for (const struct pbuf *next = pb->next; next; next = next->next)
		n += next->n_frags + (next->linear ? 1 : 0);
	return n;
}

/* All payload behind the first fragment in one block. */
static bool append_copied(struct pbuf *whole, uint32_t len)
{
	struct pbuf_block *b = pbuf_block_alloc(whole->pool, len);
	uint32_t at = 0;
	bool ok;

	if (!b)
		return false;
	for (struct pbuf *pb = whole->next; pb; pb = pb->next) {
		pbuf_copy_out(pb, 0, b->data + at, pb->len);
		at += pb->len;
	}
	if (whole->n_frags == PBUF_FRAGS_MAX && !pbuf_pullup(whole, whole->len))
		ok = false;
	else
		ok = pbuf_add_frag(whole, b, 0, len);
	pbuf_block_unref(b);
	return ok;
}

static bool append_rest(struct pbuf *whole, uint32_t len)
{
	if (frags_of_whole(whole) > PBUF_FRAGS_MAX)
		return append_copied(whole, len);
	for (struct pbuf *pb = whole->next; pb; pb = pb->next)
		if (!pbuf_append(whole, pb, 0, pb->len))
			return false;
	return true;
}

static bool fix4(const struct reass_datagram *d, struct pbuf *pb)
{
	struct ipv4_repr ip;
	int n;

	if (!pbuf_unshare(pb, (pb->data[0] & 0xfU) * 4))
		return false;
	n = ipv4_parse_quoted(pb->data, pb->linear, &ip);
	if (n < 0 || !ecn_of_whole(d->ecn_seen, ip.tos, &ip.tos))
		return false;
	ip.payload_len = (uint16_t)d->end;
	ip.frag_off = 0;
	ip.more_frags = false;
	ip.dont_frag = !d->no_df;
	ip_rx(pb)->tos = ip.tos;
	return ipv4_emit(pb->data, pb->linear, &ip) > 0;
}

/* The fragment header goes, the last of the headers; what names it names what followed it. */
static bool fix6(const struct reass_datagram *d, struct pbuf *pb)
{
	const uint32_t hdrs_len = pb->len - d->end, frag_at = hdrs_len - IPV6_FRAG_HDR_LEN;
	uint8_t tclass;

	if (!pbuf_unshare(pb, hdrs_len))
		return false;
	tclass = (uint8_t)(get_be16(pb->data) >> 4);
	if (!ecn_of_whole(d->ecn_seen, tclass, &tclass))
		return false;
	pb->data[d->frag_ptr] = pb->data[frag_at];
	ipv6_put_tclass(pb->data, tclass);
	put_be16(pb->data + 4, (uint16_t)(frag_at - IPV6_HDR_LEN + d->end));
	memmove(pb->data + IPV6_FRAG_HDR_LEN, pb->data, frag_at);
	pbuf_pull(pb, IPV6_FRAG_HDR_LEN);
	ip_rx(pb)->tos = tclass;
	return true;
}

/* All fragments are there.  NULL when they make no packet. */
static struct pbuf *make_whole(struct reass_table *r, struct reass_datagram *d)
{
	struct pbuf *whole = d->first;
	const uint32_t rest = d->end - piece_of(whole)->len;
	const uint32_t hdrs_len = whole->len - piece_of(whole)->len;
	const uint32_t max = IP_LEN_MAX + (d->key.is_ip4 ? 0 : IPV6_HDR_LEN + IPV6_FRAG_HDR_LEN);
	enum drop_reason why = DROP_FRAG_BAD;

	if (hdrs_len + d->end > max)
		goto bad;
	if (rest && !append_rest(whole, rest)) {
		why = DROP_NO_MEMORY;
		goto bad;
	}
	if (!(d->key.is_ip4 ? fix4(d, whole) : fix6(d, whole)))
		goto bad;
	pbuf_mark_l3(whole);
	whole->l4 = PBUF_NO_OFFSET;
	whole->csum = PBUF_CSUM_NONE;
	whole->gso = PBUF_GSO_NONE;
	whole->frag_max = d->frag_max;

	d->first = whole->next;
	whole->next = NULL;
	while (d->first) { /* their bytes are in @whole now */
		struct pbuf *pb = d->first;

		d->first = pb->next;
		pbuf_free(pb);
	}
	r->stats->reass_oks++;
	datagram_free(r, d, DROP_FRAG_BAD);
	return whole;
bad:
	datagram_free(r, d, why);
	return NULL;
}

/* --- input --- */

/* The oldest datagrams go until @charge more bytes are within the limit. */
static bool make_memory(struct reass_table *r, uint64_t charge)
{
	if (charge > r->params->reass_bytes_max)
		return false;
	while (r->bytes + charge > r->params->reass_bytes_max)
		datagram_free(r, get(r, r->oldest), DROP_FRAG_LIMIT);
	return true;
}

static void account(struct reass_table *r, struct reass_datagram *d, const struct arrival *a,
		    uint64_t charge)
{
	const uint32_t total = a->hdrs_len + a->len;

	d->ifindex = a->pb->ifindex;
	d->have += a->len;
	d->charged += charge;
	r->bytes += charge;
	d->no_df |= !a->dont_frag;
	d->ecn_seen |= (uint8_t)(1U << ip_ecn_of(a->tos));
	if (total > d->frag_max)
		d->frag_max = total > UINT16_MAX ? UINT16_MAX : (uint16_t)total;
	if (a->off == 0)
		d->frag_ptr = a->frag_ptr;
	if (!a->more) {
		d->has_end = true;
		d->end = (uint32_t)a->off + a->len;
	}
}

/* Overlapping fragments were no accident.  RFC 5722, 4: for IPv6, those that are still to
 * come are dropped as well; IPv4 identifications come again too soon for that.
 */
static void overlap(struct reass_table *r, struct reass_datagram *d)
{
	if (d->key.is_ip4) {
		datagram_free(r, d, DROP_FRAG_BAD);
		return;
	}
	drop_pieces(r, d, DROP_FRAG_BAD);
	d->dead = true;
}

/* Takes the packet when it stays with its datagram, RX_TAKEN; else why not. */
static int add(struct reass_table *r, struct reass_datagram *d, const struct arrival *a,
	       uint64_t charge)
{
	struct pbuf *prev;

	if (d->dead)
		return DROP_FRAG_BAD;
	switch (end_is_right(d, a) ? find_place(d, a, &prev) : PLACE_OVERLAP) {
	case PLACE_DUP:
		return DROP_FRAG_DUP;
	case PLACE_OVERLAP:
		overlap(r, d);
		return DROP_FRAG_BAD;
	case PLACE_NEW:
		break;
	}
	if (d->n_pieces == REASS_PIECES_MAX) {
		datagram_free(r, d, DROP_FRAG_LIMIT);
		return DROP_FRAG_LIMIT;
	}
	account(r, d, a, charge);
	piece_of(a->pb)->off = a->off;
	piece_of(a->pb)->len = a->len;
	if (a->off)
		pbuf_pull(a->pb, a->hdrs_len);
	insert(d, a->pb, prev);
	return RX_TAKEN;
}

static struct pbuf *drop(struct reass_table *r, const struct arrival *a, enum drop_reason why)
{
	core_drop(r->core, a->pb, why);
	return NULL;
}

static struct pbuf *take(struct reass_table *r, const struct arrival *a)
{
	const uint32_t hash = hash_of(r, &a->key);
	const uint64_t charge = pbuf_truesize(a->pb);
	struct reass_datagram *d;
	int verdict;

	r->stats->reass_requests++;
	if (a->len == 0)
		return drop(r, a, DROP_FRAG_BAD);
	if (!make_memory(r, charge))
		return drop(r, a, DROP_FRAG_LIMIT);
	d = lookup(r, &a->key, hash);
	if (!d)
		d = datagram_new(r, &a->key, hash);
	if (!d)
		return drop(r, a, DROP_NO_MEMORY);
	verdict = add(r, d, a, charge);
	if (verdict != RX_TAKEN)
		return drop(r, a, (enum drop_reason)verdict);
	/* Fragments do not overlap: as many bytes as it is long are all. */
	return d->has_end && d->have == d->end ? make_whole(r, d) : NULL;
}

struct pbuf *reass4_in(struct reass_table *r, struct pbuf *pb, const struct ipv4_repr *ip)
{
	const struct arrival a = {
		.pb = pb,
		.key = {
			.src = ip6_addr_of_ip4(ip->src),
			.dst = ip6_addr_of_ip4(ip->dst),
			.id = ip->id,
			.proto = ip->proto,
			.is_ip4 = true,
		},
		.hdrs_len = IPV4_HDR_LEN + ip->opts_len,
		.off = ip->frag_off,
		.len = ip->payload_len,
		.more = ip->more_frags,
		.dont_frag = ip->dont_frag,
		.tos = ip->tos,
	};

	return take(r, &a);
}

/* The headers that a first fragment has to have whole (RFC 7112, 4): up to that of the
 * transport, as far as we know its length.
 */
static bool has_all_headers(const struct pbuf *pb, uint32_t at, uint8_t next_hdr)
{
	uint32_t n;
	uint8_t b[2];

	for (;;) {
		switch (next_hdr) {
		case IP_PROTO_HOPOPTS:
		case IP_PROTO_DSTOPTS:
		case IP_PROTO_ROUTING:
			if (pb->len - at < 8)
				return false;
			pbuf_copy_out(pb, at, b, sizeof(b));
			n = (b[1] + 1U) * 8;
			break;
		case IP_PROTO_TCP:
			return pb->len - at >= TCP_HDR_LEN;
		case IP_PROTO_UDP:
			return pb->len - at >= UDP_HDR_LEN;
		case IP_PROTO_ICMP6:
			return pb->len - at >= ICMP6_HDR_LEN;
		default:
			return true;
		}
		if (n > pb->len - at)
			return false;
		next_hdr = b[0];
		at += n;
	}
}

static bool is_link_scoped(struct ip6_addr a)
{
	return ip6_addr_is_link_local(a) || ip6_addr_is_multicast(a);
}

struct pbuf *reass6_in(struct reass_table *r, struct pbuf *pb, const struct ipv6_repr *ip,
		       const struct ipv6_ext *ext, uint32_t hdrs_len,
		       struct ipv6_problem *ret_problem)
{
	const bool scoped = is_link_scoped(ip->src) || is_link_scoped(ip->dst);
	const struct arrival a = {
		.pb = pb,
		.key = {
			.src = ip->src,
			.dst = ip->dst,
			.id = ext->frag.id,
			.ifindex = scoped ? pb->ifindex : 0,
		},
		.hdrs_len = hdrs_len,
		.off = ext->frag.offset,
		.len = (uint16_t)(pb->len - hdrs_len),
		.frag_ptr = ext->frag_ptr,
		.more = ext->frag.more,
		.tos = ip->tclass,
	};

	*ret_problem = (struct ipv6_problem){ .report = IPV6_REPORT_NONE };
	if (a.off == 0 && !has_all_headers(pb, hdrs_len, ext->frag.next_hdr)) {
		*ret_problem = (struct ipv6_problem){
			.report = IPV6_REPORT_UNICAST,
			.code = IPV6_PROBLEM_HDR_CHAIN,
		};
		return NULL;
	}
	return take(r, &a);
}
