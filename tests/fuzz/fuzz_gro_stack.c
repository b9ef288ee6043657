/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Two instances that are the same, each with a connection.  One gets the segments of a burst as
 * they came, the other what GRO made of them.  Both must give the same bytes to their
 * program, acknowledge the same at the same times.
 *
 * An input is a byte of enum option and then records, each an enum record byte and its arguments.
 */
#include <errno.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "netstack/netstack.h"
#include "netstack/socket.h"
#include "nic/gro.h"
#include "tests/fuzz/netstack_core.h"
#include "tests/unit/nic/segments.h"
#include "wire/tcp_options.h"

enum option {
	OPTION_IP6 = 1 << 0,
	OPTION_NO_TS = 1 << 1,
	OPTION_NO_SACK = 1 << 2,
	OPTION_VALID = 1 << 3, /* the device verifies checksums */
};

/* The lower three bits, the others are part of the argument. */
enum record {
	RECORD_NEXT,   /* a segment in order; 5 bits and a byte: its length */
	RECORD_NEXT2,  /* the same: most of them are */
	RECORD_AGAIN,  /* what begins so many bytes before the next one; two bytes and the length */
	RECORD_BEYOND, /* or behind it: a hole */
	RECORD_FLAGS,  /* flags of the next segment */
	RECORD_BURST,  /* what was said comes in; 5 bits of milliseconds pass */
	RECORD_READ,   /* the program reads */
	RECORD_TIME,   /* so many times 50 ms pass */
};

#define NOW_0       UINT64_C(1000000000000)
#define MS          UINT64_C(1000000)
#define BURST_MAX   64
#define BYTES_MAX   300000 /* of the stream: all of it has room in a receive buffer */
#define AHEAD_MAX   60000
#define SEG_LEN_MAX 1460
#define PORT        80

/**
 * struct side - An instance and its connection
 * @gro:	NULL: it gets segments as they come
 * @acks:	Segments it sent since they were last counted
 * @ack, @seq, @flags: Of the last one
 * @read:	Bytes its program has read
 */
struct side {
	struct netstack *st;
	struct gro *gro;
	uint32_t ifindex;
	int listener;
	int fd;
	unsigned int acks;
	uint32_t ack;
	uint32_t seq;
	uint16_t flags;
	uint32_t read;
};

struct scene {
	struct side side[2];
	uint64_t now;
	uint8_t options;
	struct segment_spec next;
	uint32_t isn;
	uint16_t flags; /* of the next segment */
	bool fin;       /* said */
	uint32_t fin_at;
	struct segment_spec burst[BURST_MAX];
	unsigned int n;
};

static uint8_t frame[SEGMENT_LEN_MAX];

/* --- instances --- */

static unsigned int on_tx(void *arg, struct pbuf *const *burst, unsigned int n)
{
	struct side *s = arg;

	for (unsigned int i = 0; i < n; i++) {
		struct l4_repr l4;
		struct tcp_repr tcp;
		const uint32_t len = burst[i]->len < sizeof(frame) ? burst[i]->len : sizeof(frame);

		pbuf_copy_out(burst[i], 0, frame, len);
		if (l4_find(frame, len, &l4) >= 0 && l4.proto == IP_PROTO_TCP &&
		    tcp_parse(frame + l4.l4_at, l4.l4_len, &tcp) >= 0) {
			s->acks++;
			s->ack = tcp.ack.v;
			s->seq = tcp.seq.v;
			s->flags = tcp.flags;
		}
		pbuf_free(burst[i]);
	}
	return n;
}

static struct ip6_addr host(const struct scene *s, uint8_t number)
{
	if (s->options & OPTION_IP6)
		return (struct ip6_addr){ UINT64_C(0xfd00000000000002), number };
	return ip6_addr_of_ip4(IP4_ADDR(10, 2, 0, 0) + number);
}

static void link_up(struct scene *s, struct side *d)
{
	const struct iface_conf link = {
		.name = "eth0",
		.kind = IFACE_ETHERNET,
		.mac = { { 2, 0, 0, 2, 0, 1 } },
		.mtu = 1500,
		.features = IFACE_TX_CSUM,
		.tx = on_tx,
		.arg = d,
	};
	struct net_addr_conf addr = {
		.addr = host(s, 1),
		.prefix_len = s->options & OPTION_IP6 ? 64 : 16,
		.no_dad = true,
	};
	const int r = netstack_link_add(d->st, &link);

	LAW(r > 0);
	d->ifindex = (uint32_t)r;
	addr.ifindex = d->ifindex;
	LAW(netstack_link_set_up(d->st, d->ifindex, true) == 0);
	LAW(netstack_addr_add(d->st, &addr) == 0);
	LAW(netstack_neigh_add(d->st, d->ifindex, host(s, 2),
			       (struct eth_addr){ { 2, 0, 0, 2, 1, 0 } }) == 0);
}

static void listen_on(struct scene *s, struct side *d)
{
	const int family = s->options & OPTION_IP6 ? AF_INET6 : AF_INET;
	const int bytes = 4 << 20;
	struct sockaddr_in6 any6 = { .sin6_family = AF_INET6, .sin6_port = WIRE_BE16(PORT) };
	struct sockaddr_in any = { .sin_family = AF_INET, .sin_port = WIRE_BE16(PORT) };

	d->listener = ns_socket(d->st, family, SOCK_STREAM | SOCK_NONBLOCK, 0);
	LAW(d->listener >= 0);
	LAW(ns_setsockopt(d->st, d->listener, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof(bytes)) ==
	    0);
	if (family == AF_INET6)
		LAW(ns_bind(d->st, d->listener, (struct sockaddr *)&any6, sizeof(any6)) == 0);
	else
		LAW(ns_bind(d->st, d->listener, (struct sockaddr *)&any, sizeof(any)) == 0);
	LAW(ns_listen(d->st, d->listener, 4) == 0);
}

/* DSACKs are one for each of the segments that came twice; else each has as many ACKs. */
static void compare(struct scene *s)
{
	struct side *a = &s->side[0], *b = &s->side[1];

	LAW(!a->acks == !b->acks);
	LAW(a->acks == b->acks || !(s->options & OPTION_NO_SACK));
	LAW(a->ack == b->ack && a->seq == b->seq && a->flags == b->flags);
	a->acks = 0;
	b->acks = 0;
}

/* To the same time, by the same steps: what one does at a time does the other. */
static void pass(struct scene *s, uint64_t ns)
{
	const uint64_t until = s->now + ns;

	for (;;) {
		const uint64_t a = netstack_deadline(s->side[0].st);
		const uint64_t b = netstack_deadline(s->side[1].st);
		const uint64_t at = a < b ? a : b;

		if (at > until)
			break;
		s->now = at > s->now ? at : s->now;
		for (unsigned int i = 0; i < 2; i++)
			netstack_advance(s->side[i].st, s->now);
		compare(s);
	}
	s->now = until;
	for (unsigned int i = 0; i < 2; i++)
		netstack_advance(s->side[i].st, s->now);
	compare(s);
}

/* --- segments --- */

static struct pbuf *segment(const struct scene *s, struct side *d, const struct segment_spec *spec)
{
	uint32_t l4;
	const uint32_t len = segment_build(spec, frame, false, &l4);
	struct pbuf *pb = segment_pbuf(netstack_pool(d->st), frame, len, len);

	LAW(pb);
	if (s->options & OPTION_VALID)
		pb->csum = PBUF_CSUM_VALID;
	return pb;
}

static void deliver(struct scene *s)
{
	for (unsigned int i = 0; i < 2; i++) {
		struct side *d = &s->side[i];
		struct pbuf *burst[BURST_MAX];
		unsigned int n = s->n;

		for (unsigned int k = 0; k < n; k++)
			burst[k] = segment(s, d, &s->burst[k]);
		if (d->gro)
			n = gro_burst(d->gro, burst, n, false);
		netstack_input(d->st, d->ifindex, burst, n, s->now);
	}
	s->n = 0;
}

/* Timestamps in every segment, those of the SYN with the rest. */
static void put_options(const struct scene *s, struct segment_spec *spec, bool syn)
{
	const bool has_ts = !(s->options & OPTION_NO_TS);
	const struct tcp_options_repr opt = {
		.mss = syn ? SEG_LEN_MAX : 0,
		.has_wscale = syn,
		.wscale = syn ? 7 : 0,
		.sack_permitted = syn && !(s->options & OPTION_NO_SACK),
		.has_ts = has_ts,
		.ts_val = has_ts ? (uint32_t)(s->now / MS) : 0,
	};
	const int n = tcp_options_emit(spec->opts, sizeof(spec->opts), &opt);

	LAW(n >= 0);
	spec->opts_len = (uint8_t)n;
}

static void shake_hands(struct scene *s)
{
	s->next = (struct segment_spec){
		.is_ip4 = !(s->options & OPTION_IP6),
		.src = 2,
		.ttl = 64,
		.dont_frag = true,
		.src_port = 5000,
		.dst_port = PORT,
		.seq = UINT32_MAX - 20000,
		.flags = TCP_SYN,
		.wnd = 65535,
	};
	put_options(s, &s->next, true);
	s->burst[s->n++] = s->next;
	deliver(s);
	LAW(s->side[0].acks == 1 && s->side[1].acks == 1);
	LAW(s->side[0].flags == (TCP_SYN | TCP_ACK) && s->side[0].seq == s->side[1].seq);
	s->next.seq++;
	s->isn = s->next.seq;
	s->next.ack = s->side[0].seq + 1;
	s->next.flags = TCP_ACK;
	put_options(s, &s->next, false);
	s->burst[s->n++] = s->next;
	deliver(s);
	for (unsigned int i = 0; i < 2; i++) {
		struct side *d = &s->side[i];

		d->fd = ns_accept4(d->st, d->listener, NULL, NULL, SOCK_NONBLOCK);
		LAW(d->fd >= 0);
		d->acks = 0;
	}
}

/* --- records --- */

static void say(struct scene *s, uint32_t seq, uint32_t len)
{
	struct segment_spec *spec = &s->burst[s->n];

	if (s->n == BURST_MAX || !len || seq - s->isn + len > BYTES_MAX)
		return;
	/* Nothing is behind the end, and nothing else is at its place. */
	if (s->fin && (seq + len - s->isn > s->fin_at - s->isn || s->flags & TCP_FIN))
		return;
	*spec = s->next;
	spec->seq = seq;
	spec->len = len;
	spec->flags = TCP_ACK | (s->flags & (TCP_PSH | TCP_FIN));
	s->flags = 0;
	if (spec->flags & TCP_FIN) {
		/* It must be the end of what was said. */
		if ((int32_t)(s->next.seq - (seq + len)) > 0) {
			spec->flags &= (uint16_t)~TCP_FIN;
		} else {
			s->fin = true;
			s->fin_at = seq + len;
		}
	}
	put_options(s, spec, false);
	s->n++;
}

static void say_next(struct scene *s, uint32_t len)
{
	const unsigned int n = s->n;

	say(s, s->next.seq, len);
	if (s->n > n)
		s->next.seq += len;
}

/* The same number of bytes, the ones that were sent. */
static void read_both(struct scene *s)
{
	static uint8_t bytes[2][16384];
	ssize_t n[2];

	do {
		for (unsigned int i = 0; i < 2; i++) {
			struct side *d = &s->side[i];

			n[i] = ns_recv(d->st, d->fd, bytes[i], sizeof(bytes[i]), 0);
		}
		LAW(n[0] == n[1]);
		for (ssize_t i = 0; i < n[0]; i++) {
			const uint32_t at = s->isn + s->side[0].read + (uint32_t)i;

			LAW(bytes[0][i] == segment_byte(at) && bytes[1][i] == bytes[0][i]);
		}
		for (unsigned int i = 0; n[0] > 0 && i < 2; i++)
			s->side[i].read += (uint32_t)n[0];
	} while (n[0] > 0);
	LAW(n[0] == 0 || n[0] == -EAGAIN);
	pass(s, 0); /* a window that opened is told */
}

static void record(struct scene *s, struct fuzz_in *in)
{
	const uint8_t kind = fuzz_u8(in), more = kind >> 3;
	uint32_t off, len;

	switch ((enum record)(kind & 7)) {
	case RECORD_NEXT:
	case RECORD_NEXT2:
		say_next(s, ((uint32_t)more << 8 | fuzz_u8(in)) % SEG_LEN_MAX + 1);
		break;
	case RECORD_AGAIN:
	case RECORD_BEYOND:
		off = fuzz_u16(in) % AHEAD_MAX;
		len = ((uint32_t)more << 8 | fuzz_u8(in)) % SEG_LEN_MAX + 1;
		if ((kind & 7) == RECORD_AGAIN)
			off = -(off < s->next.seq - s->isn ? off : s->next.seq - s->isn);
		say(s, s->next.seq + off, len);
		break;
	case RECORD_FLAGS:
		s->flags = more & 1 ? TCP_PSH : 0;
		if (more & 2)
			s->flags |= TCP_FIN;
		break;
	case RECORD_BURST:
		deliver(s);
		pass(s, more * MS);
		break;
	case RECORD_READ:
		read_both(s);
		break;
	case RECORD_TIME:
		pass(s, more * 50 * MS);
		break;
	}
}

/* --- life --- */

static void scene_init(struct scene *s, uint8_t options)
{
	struct netstack_conf conf;

	*s = (struct scene){ .now = NOW_0, .options = options };
	netstack_conf_default(&conf);
	conf.seed[0] = 7;
	conf.ip.arp_announce = false;
	for (unsigned int i = 0; i < 2; i++) {
		struct side *d = &s->side[i];

		LAW(netstack_new(&d->st, &conf, s->now) == 0);
		link_up(s, d);
		listen_on(s, d);
	}
	LAW(gro_new(&s->side[1].gro, &conf.mem) == 0);
	pass(s, 100000 * MS); /* groups, neighbours */
	for (unsigned int i = 0; i < 2; i++)
		s->side[i].acks = 0;
	shake_hands(s);
}

/* Whatever was lost is said again, so that all must have come; and what is acknowledged is told. */
static void the_end(struct scene *s)
{
	deliver(s);
	pass(s, 1000 * MS);
	read_both(s);
	s->flags = 0;
	for (uint32_t at = s->isn; at != s->next.seq;) {
		const uint32_t left = s->next.seq - at;

		say(s, at, left < SEG_LEN_MAX ? left : SEG_LEN_MAX);
		at += left < SEG_LEN_MAX ? left : SEG_LEN_MAX;
		if (s->n == BURST_MAX) {
			deliver(s);
			read_both(s);
		}
	}
	deliver(s);
	pass(s, 1000 * MS);
	read_both(s);
	LAW(s->side[0].ack == s->side[1].ack);
	LAW(s->side[0].read == s->side[1].read && s->side[0].read >= s->next.seq - s->isn);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_in in = { data, size };
	static struct scene s; /* one thread */

	scene_init(&s, fuzz_u8(&in));
	while (in.len)
		record(&s, &in);
	the_end(&s);
	for (unsigned int i = 0; i < 2; i++) {
		gro_free(s.side[i].gro);
		netstack_free(s.side[i].st);
	}
	return 0;
}
