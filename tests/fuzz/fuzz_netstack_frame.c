/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Any frames into an instance that routes, with sockets of every kind and TCP in all of its
 * states; then all is closed, time passes, and nothing may be left.
 *
 * An input is two bytes of enum scene_option and then records, each an enum record byte, a
 * length of two bytes and so many bytes.  What is cut off is as long as it is.
 */
#include <errno.h>
#include <netinet/in.h>
#include <string.h>

#include "tests/fuzz/netstack/scene.h"
#include "wire/bytes.h"

/* The lower three bits of a record's first byte. */
enum record {
	RECORD_FRAME,     /* an Ethernet frame as it is */
	RECORD_FRAME_FIX, /* with lengths and checksums made right */
	RECORD_IP,        /* an IP packet as it is */
	RECORD_IP_FIX,
	RECORD_TCP,  /* a connection's number, then a TCP header from the sequence number on,
			   * what it says is relative to what is expected
			   */
	RECORD_ICMP, /* an error about a connection's last segment */
	RECORD_TIME, /* 4 bits of exponent, 12 of milliseconds; 0: to the next deadline */
	RECORD_CALL, /* what programs do with all sockets of a kind */
};

/* The others. */
enum record_flag {
	RECORD_LINK1 = 1 << 3,
	RECORD_PIECES = 1 << 4,  /* only the first bytes are linear: one byte says how many */
	RECORD_VALID = 1 << 5,   /* the device has verified checksums */
	RECORD_GSO = 1 << 6,     /* one byte: segments of so many bytes (RECORD_TCP) */
	RECORD_NO_SUMS = 1 << 7, /* lengths as they are (FIX); checksum unfinished (TCP) */
};

#define TIME_MAX_MS (5 * 3600 * 1000U)
#define TCP_FIXED   16 /* of a header, without ports */

static uint8_t take(const uint8_t **p, uint32_t *len)
{
	if (!*len)
		return 0;
	--*len;
	return *(*p)++;
}

static void in_frame(struct scene *s, const struct scene_shape *shape, bool fix, bool lengths,
		     const uint8_t *p, uint32_t len)
{
	static uint8_t frame[UINT16_MAX]; /* one thread */

	memcpy(frame, p, len);
	if (fix && len > 14)
		sums_fix(frame + 14, len - 14, lengths);
	scene_input(s, shape, frame, len);
}

static void in_ip(struct scene *s, const struct scene_shape *shape, bool fix, bool lengths,
		  const uint8_t *p, uint32_t len)
{
	static uint8_t packet[UINT16_MAX]; /* one thread */

	memcpy(packet, p, len);
	if (fix)
		sums_fix(packet, len, lengths);
	scene_input_ip(s, shape, packet, len);
}

static void in_tcp(struct scene *s, const struct scene_shape *shape, const uint8_t *p, uint32_t len)
{
	struct peer_conn *c = &s->conn[take(&p, &len) % s->n_conns];
	struct peer_seg seg = { .wnd = 0 };
	uint8_t h[TCP_FIXED] = { 0 };
	const uint32_t fixed = len < sizeof(h) ? len : sizeof(h);

	memcpy(h, p, fixed);
	p += fixed;
	len -= fixed;
	seg.seq = seq_add(c->acked ? c->rcv_nxt : c->irs, get_be32(h));
	seg.ack = seq_add(c->snd_nxt, get_be32(h + 4));
	seg.flags = get_be16(h + 8) & TCP_FLAGS;
	seg.wnd = get_be16(h + 10);
	seg.urg = get_be16(h + 14);
	seg.opts_len = (uint8_t)(h[8] >> 4 < 5 ? 0 : (h[8] >> 4) * 4 - TCP_HDR_LEN);
	if (seg.opts_len > len)
		seg.opts_len = (uint8_t)(len & ~3U);
	memcpy(seg.opts, p, seg.opts_len);
	seg.data = p + seg.opts_len;
	seg.len = len - seg.opts_len;
	peer_sends(s, c, &seg, shape);
}

static void in_icmp(struct scene *s, const uint8_t *p, uint32_t len)
{
	const struct peer_conn *c = &s->conn[take(&p, &len) % s->n_conns];
	const uint8_t type = take(&p, &len);
	const uint8_t code = take(&p, &len);
	uint32_t rest = 0;

	for (unsigned int i = 0; i < 4; i++)
		rest = rest << 8 | take(&p, &len);
	peer_complains(s, c, type, code, rest, take(&p, &len));
}

static void in_time(struct scene *s, const uint8_t *p, uint32_t len)
{
	const uint32_t v = (uint32_t)take(&p, &len) << 8 | take(&p, &len);
	const uint64_t ms = (uint64_t)(v & 0xfff) << (v >> 12);
	const uint64_t at = netstack_deadline(s->st);

	if (v == 0 && at != TIMER_NEVER && at > s->now_ns)
		scene_pass(s, at - s->now_ns);
	else
		scene_pass(s, (ms < TIME_MAX_MS ? ms : TIME_MAX_MS) * SCENE_MS);
}

/* --- programs --- */

static void read_all(struct scene *s)
{
	static uint8_t buf[4096]; /* one thread */

	for (int fd = 0; fd < SCENE_FDS; fd++) {
		ssize_t n;

		do
			n = ns_recv(s->st, fd, buf, sizeof(buf), MSG_DONTWAIT);
		while (n == (ssize_t)sizeof(buf));
		(void)ns_recv(s->st, fd, buf, sizeof(buf), MSG_ERRQUEUE | MSG_DONTWAIT);
	}
}

static void write_all(struct scene *s, uint32_t len)
{
	static const uint8_t buf[8192];

	for (unsigned int i = 0; i < s->n_conns; i++)
		if (s->conn[i].fd >= 0)
			(void)ns_send(s->st, s->conn[i].fd, buf, len, MSG_NOSIGNAL);
}

static void send_datagrams(struct scene *s, uint8_t host, uint32_t len)
{
	/* an echo, of the raw and ping sockets, with its checksum */
	static const uint8_t buf[8192] = { 8, 0, 0xf7, 0xff };
	const struct sockaddr_in to4 = {
		.sin_family = AF_INET,
		.sin_port = htons(6000),
		.sin_addr.s_addr = htonl(IP4_ADDR(10, 0, host & 1, host)),
	};
	struct sockaddr_in6 to6 = { .sin6_family = AF_INET6, .sin6_port = htons(6000) };

	ip6_addr_put(to6.sin6_addr.s6_addr, (struct ip6_addr){ SCENE_HI6(host & 1), host });
	for (unsigned int i = 0; i < s->n_dgrams; i++) {
		(void)ns_sendto(s->st, s->dgram[i], buf, len, 0, (const struct sockaddr *)&to4,
				sizeof(to4));
		(void)ns_sendto(s->st, s->dgram[i], buf, len, 0, (const struct sockaddr *)&to6,
				sizeof(to6));
	}
}

static void in_call(struct scene *s, const uint8_t *p, uint32_t len)
{
	const uint8_t what = take(&p, &len);
	const uint8_t arg = take(&p, &len);

	switch (what % 8) {
	case 0:
		read_all(s);
		break;
	case 1:
		for (unsigned int i = 0; i < 3; i++)
			(void)states_accept(s, i); /* often there is none */
		break;
	case 2:
		write_all(s, 1 + 32U * arg);
		break;
	case 3:
		send_datagrams(s, arg, 8 + 8U * (arg >> 2));
		break;
	case 4:
		(void)ns_close(s->st, s->conn[arg % s->n_conns].fd);
		s->conn[arg % s->n_conns].fd = -1;
		break;
	case 5:
		(void)ns_shutdown(s->st, s->conn[arg % s->n_conns].fd, arg >> 6);
		break;
	case 6:
		(void)states_open_passive(s, arg & 1, STATES_PORT);
		break;
	default:
		(void)states_call(s, arg & 1);
		break;
	}
	scene_turn(s);
}

/* --- records --- */

static void in_record(struct scene *s, uint8_t kind, const uint8_t *p, uint32_t len)
{
	const bool fix = kind & 1;
	const bool lengths = !(kind & RECORD_NO_SUMS);
	struct scene_shape sh = { .link = kind & RECORD_LINK1 ? 1 : 0 };

	if (kind & RECORD_PIECES)
		sh.linear = 1U + take(&p, &len);
	if (kind & RECORD_VALID)
		sh.csum = PBUF_CSUM_VALID;
	switch ((enum record)(kind & 7)) {
	case RECORD_FRAME:
	case RECORD_FRAME_FIX:
		in_frame(s, &sh, fix, lengths, p, len);
		break;
	case RECORD_IP:
	case RECORD_IP_FIX:
		in_ip(s, &sh, fix, lengths, p, len);
		break;
	case RECORD_TCP:
		if (kind & RECORD_NO_SUMS)
			sh.csum = PBUF_CSUM_PARTIAL;
		if (kind & RECORD_GSO) {
			sh.gso = PBUF_GSO_TCP4; /* or 6: peer_sends() knows */
			sh.gso_size = (uint16_t)(8 * (1U + take(&p, &len)));
			sh.csum = sh.csum ? sh.csum : PBUF_CSUM_PARTIAL;
		}
		sh.link = 0;
		in_tcp(s, &sh, p, len);
		break;
	case RECORD_ICMP:
		in_icmp(s, p, len);
		break;
	case RECORD_TIME:
		in_time(s, p, len);
		break;
	case RECORD_CALL:
		in_call(s, p, len);
		break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct scene *s;

	if (size < 2 || size > UINT16_MAX)
		return 0;
	s = scene_new(get_be16(data));
	states_make(s);
	for (size_t at = 2; at + 3 <= size;) {
		const uint8_t kind = data[at];
		uint32_t len = get_be16(data + at + 1);

		at += 3;
		if (len > size - at)
			len = (uint32_t)(size - at);
		in_record(s, kind, data + at, len);
		at += len;
		scene_turn(s);
		inside_check(s);
	}
	scene_end(s);
	return 0;
}
